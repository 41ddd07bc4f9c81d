/*
 * prepare.h
 *		Standard forms of many records at once.
 */
#ifndef CD_PREPARE_H
#define CD_PREPARE_H

#include "utils/array.h"

/* Records whose values wait to be standardised, one behind the other. */
typedef struct CdGiven
{
	uint32		n;
	uint32		max;
	Size	   *at;				/* record → start of its array in base, aligned */
	char	   *base;
	Size		used;
	Size		size;
} CdGiven;

/* Takes the forms of one record; they are gone when it returns. */
typedef void (*CdTakeForms) (void *state, uint32 number, ArrayType *standard, ArrayType *issue);

extern CdGiven *cd_given_create(MemoryContext context);
extern void cd_given_put(CdGiven *given, const ArrayType *values);
extern void cd_given_standardize(const CdGiven *given, const char *region, bool together,
								 CdTakeForms take, void *state);

/* crew.c */
extern bool cd_shared_memory_holds(Size size);

#endif							/* CD_PREPARE_H */
