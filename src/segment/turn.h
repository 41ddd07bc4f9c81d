/*
 * turn.h
 *		What becomes of one chunk of a condition's members.
 */
#ifndef CD_TURN_H
#define CD_TURN_H

#include "sets/customer_set.h"

/*
 * A chunk as it is kept: a large set is left as it was written, and beside it
 * is noted who came to it (none of them in it) and who left it since, as long
 * as these are few.  NULL: nobody.
 */
typedef struct CdKept
{
	const CdSet *members;
	const CdSet *joined;
	const CdSet *gone;
} CdKept;

/* What changed; after.members is NULL where only who joined and left is written anew. */
typedef struct CdTurn
{
	CdKept		after;
	const CdSet *entered;
	const CdSet *exited;
} CdTurn;

/* Its sets in this order: members, joined, gone, entered, exited. */
#define CD_TURN_SETS	5
extern void cd_turn_sets(const CdTurn *turn, Datum values[CD_TURN_SETS], bool nulls[CD_TURN_SETS]);

/* The members of a chunk. */
extern const CdSet *cd_kept_members(const CdKept *kept);

/*
 * Of those asked (NULL: everyone) only the ones found are members now; false
 * where that was so before.
 */
extern bool cd_turn(const CdKept *before, const CdSet *asked, const CdSet *found, CdTurn *turn);

#endif							/* CD_TURN_H */
