/*
 * steps.h
 *		Events reduced to what behaviour functions look at: when, and which of
 *		a list of conditions hold.
 */
#ifndef CD_STEPS_H
#define CD_STEPS_H

#include "lib/stringinfo.h"
#include "timeline/event_pattern.h"

#define CD_MAX_STEPS	32

typedef struct CdStep
{
	TimestampTz at;
	uint32		mask;			/* bit i: condition i holds */
} CdStep;

/* Patterns of an array argument, parsed once per call site. */
typedef struct CdPatterns
{
	Datum		constant;		/* the array, if it is a constant of the query, else 0 */
	struct varlena *source;
	int			n;
	CdPattern **patterns;
	bool		plain;			/* each is one kind, all different, no conditions */
	CdName		kinds[CD_MAX_STEPS];	/* these, if plain */
} CdPatterns;

/* The patterns of an event_pattern[] argument; *extra keeps them between calls. */
extern CdPatterns *cd_patterns_read(FunctionCallInfo fcinfo, Datum array, void **extra);

/* The events that match any pattern (all events if so wanted), in order. */
extern CdStep *cd_steps_gather(const CdTimeline *tl, const CdPatterns *patterns, bool all, int *nsteps);

/* A growing list of steps: the state of the aggregates over rows. */
typedef struct CdStepList
{
	MemoryContext context;
	CdStep	   *steps;
	int64		n;
	int64		cap;
	int			nconditions;
	bool		sorted;
} CdStepList;

extern void cd_step_list_add(CdStepList *list, TimestampTz at, uint32 mask);
extern void cd_step_list_sort(CdStepList *list);

/* Add the steps of another list; refuses one with another number of conditions. */
extern void cd_step_list_join(CdStepList *list, const CdStepList *other, const char *what);

/* A list as bytes for another process. */
extern void cd_step_list_send(StringInfo buf, const CdStepList *list);
extern void cd_step_list_receive(StringInfo buf, CdStepList *list);

/* The conditions of a boolean[] argument as a mask. */
extern uint32 cd_mask_of_booleans(Datum array, int *n);

#endif							/* CD_STEPS_H */
