/*
 * train.h
 *		What sample.c counts, train.c learns of it and dependence.c makes of that.
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
	double		sure[CD_MAX_COMPARISONS];	/* surely one customer by all other comparisons, */
	double		sure_differ[CD_MAX_COMPARISONS];	/* and of these differ, those left out who are not one */
	double		rarity[CD_MAX_COMPARISONS][CD_MAX_LEVELS];
	double		accounts[CD_MAX_COMPARISONS];	/* pairs of companies, both with a value */
	double		accounts_differ[CD_MAX_COMPARISONS];	/* of these the value differs */
	double		shared[CD_MAX_COMPARISONS];	/* of one household, both with a value, */
	double		apart[CD_MAX_COMPARISONS];	/* and of these differ */
	double		near[CD_MAX_COMPARISONS];	/* share of those who have such a number whose numbers differ by one digit */
	double		strangers[CD_MAX_COMPARISONS];	/* who share an identifying value that few hold */
	double		joint[CD_MAX_COMPARISONS][CD_MAX_COMPARISONS][CD_MAX_LEVELS][CD_MAX_LEVELS];
} Counts;

/* One agreement pattern among the candidates. */
typedef struct Pattern
{
	uint64		hash;
	uint32		first;			/* record whose pair showed it first */
	float		rarity;			/* sum over comparisons, each by its tf share */
	float		personal;		/* the same over personal comparisons */
	float		count;			/* pairs of the sample whose truth is not known */
	float		same;			/* pairs known to be one customer, all and not of the sample alone */
	float		differ;			/* and known to be two */
	uint8		kind;
	bool		crowded;
	uint8		level[CD_MAX_COMPARISONS];
} Pattern;

typedef struct Patterns
{
	CdEngine   *engine;
	CdRecords  *records;
	const CdLabels *labels;
	Pattern    *item;			/* ascending by hash; while they are gathered, open addressing, 0 is free */
	uint32		mask;
	uint32		n;
	uint32		step;			/* one in so many records is looked at */
	double		same_differ[CD_MAX_COMPARISONS];	/* pairs known to be one customer whose values differ */
	double		same_known[CD_MAX_COMPARISONS]; /* of those that have values */
	uint64		seen;
} Patterns;

/* Compare so many random pairs, or all if there are fewer, and nearly equal numbers by so many. */
extern void cd_count_random(CdEngine *engine, CdRecords *records, double pairs, double near_pairs, Counts *counts);

/* Gather the candidates of a sample of records, about so many pairs, and all whose truth is known. */
extern void cd_sample_patterns(Patterns *patterns, CdRecords *records, CdBlocking *blocking, double pairs);

/* Make parts of an address depend on narrower ones among matches, as far as pairs show it (NULL: none). */
extern void cd_same_moves(CdModel *model, const Counts *match);

/*
 * Learn how levels depend on each other among pairs that are no match, of so
 * many pairs: the strongest dependences among the candidates.
 */
extern void cd_other_dependence(CdModel *model, const Counts *random, const Counts *match, const Counts *other, double pairs);

/* Set the bounds of a model's comparisons, none of them exceeded. */
extern void cd_bounds_make(const CdModel *model, CdBounds *bounds);

/* Bring the probabilities of the patterns within what matches can be, by factors that the round before left. */
extern void cd_restrain(const Patterns *patterns, double *p, CdBounds *bounds);

#endif							/* CD_TRAIN_H */
