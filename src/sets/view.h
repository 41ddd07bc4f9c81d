/*
 * view.h
 *		The header of a serialised customer set, container by container; for the
 *		files of this room.
 */
#ifndef CD_SETS_VIEW_H
#define CD_SETS_VIEW_H

#include "sets/container.h"
#include "sets/customer_set.h"

#define COOKIE_PLAIN	12346
#define COOKIE_RUNS		12347
#define NO_OFFSETS		4		/* with runs and fewer containers: no offsets */

static inline uint32
container_key(const CdSetView *view, uint32 i)
{
	return load16(view->keys + 4 * i);
}

static inline uint32
container_cardinality(const CdSetView *view, uint32 i)
{
	return (uint32) load16(view->keys + 4 * i + 2) + 1;
}

static inline int
container_kind(const CdSetView *view, uint32 i)
{
	if (view->runs != NULL && (view->runs[i / 8] & (1 << (i % 8))) != 0)
		return KIND_RUN;
	return container_cardinality(view, i) <= ARRAY_MAX ? KIND_ARRAY : KIND_BITMAP;
}

/* Open a container; its body lies within the value */
extern void cd_set_open(const CdSetView *view, uint32 i, CdContainer *c);
/* Index of the first container, from a place on, with a key of at least the given one */
extern uint32 cd_set_find(const CdSetView *view, uint32 from, uint32 key);
/* One container as a set of its own */
extern CdSet *cd_set_of_container(const CdSetView *view, uint32 i);
/* Containers that lie elsewhere, ascending and in their smallest form, as a set */
extern CdSet *cd_set_of_containers(const CdContainer *containers, uint32 count);

#endif							/* CD_SETS_VIEW_H */
