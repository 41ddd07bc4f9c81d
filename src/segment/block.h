/*
 * block.h
 *		Loops over the 64 values that customers of a block have of something, with
 *		the processor's best instructions.  A bit of an answer stands for a customer.
 */
#ifndef CD_BLOCK_H
#define CD_BLOCK_H

#include "postgres.h"

#include "segment/scope.h"

/* One implementation of each loop; every array has CD_BLOCK values. */
typedef struct CdBlockLoops
{
	/* Which flags are set? */
	uint64		(*set) (const bool *flags);
	/* Which values are less than a number, or no more than it?  NaN is neither. */
	uint64		(*less) (const double *values, double number, bool equal);
	/* Which values are other than one? */
	uint64		(*differ) (const int64 *values, int64 one);
	/* Which are no more than "width" above "least", both taken as unsigned? */
	uint64		(*within) (const int64 *values, int64 least, uint64 width);

	/*
	 * Which of some rows lie above "cut" once "later" is added?  Those hold
	 * until that plus "length", the others for ever; *beyond are those at
	 * "limit" or above.  What other rows hold until is left as it is.
	 */
	uint64		(*above) (const int64 *values, uint64 rows, int64 later, int64 cut, int64 length, int64 limit,
						  int64 *until, uint64 *beyond);
} CdBlockLoops;

/* The implementation in use; cd_block_init takes the best there is for this processor. */
extern const CdBlockLoops *cd_block;
extern void cd_block_init(void);

#define CD_BLOCK_LEVELS	3
extern bool cd_block_choose(int level);

#endif							/* CD_BLOCK_H */
