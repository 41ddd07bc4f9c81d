/*
 * train.h
 *		What train.c counts and dependence.c makes of it.
 */
#ifndef CD_TRAIN_H
#define CD_TRAIN_H

#include "identity/engine.h"

#define SEEN				20.0	/* random pairs that make a share reliable */
#define FEW					20.0	/* pairs by which what few show is drawn to what is usual */

/* Counts of one class or sample: levels alone and by two. */
typedef struct Counts
{
	int			n;
	double		total;
	double		kind[CD_PAIR_KINDS];	/* pairs by what they are of */
	double		housemates[CD_PAIR_KINDS];	/* pairs of one household */
	double		level[CD_MAX_COMPARISONS][CD_MAX_LEVELS];
	double		known[CD_MAX_COMPARISONS];
	double		alone[CD_MAX_COMPARISONS];	/* of these nothing else is known */
	double		rarity[CD_MAX_COMPARISONS][CD_MAX_LEVELS];
	double		accounts[CD_MAX_COMPARISONS];	/* pairs of companies, both with a value */
	double		accounts_differ[CD_MAX_COMPARISONS];	/* of these the value differs */
	double		near[CD_MAX_COMPARISONS];	/* share of those who have such a number whose numbers differ by one digit */
	double		strangers[CD_MAX_COMPARISONS];	/* who share an identifying value that few hold */
	double		joint[CD_MAX_COMPARISONS][CD_MAX_COMPARISONS][CD_MAX_LEVELS][CD_MAX_LEVELS];
} Counts;

/* Make parts of an address depend on narrower ones among matches, as far as pairs show it (NULL: none). */
extern void cd_same_moves(CdModel *model, const Counts *match);

/*
 * Learn how levels depend on each other among pairs that are no match, of so
 * many pairs: the strongest dependences among the candidates.
 */
extern void cd_other_dependence(CdModel *model, const Counts *random, const Counts *match, const Counts *other, double pairs);

#endif							/* CD_TRAIN_H */
