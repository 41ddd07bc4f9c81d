/*
 * restrain.c
 *		Keep what is expected to be matches to what matches can be.
 *
 * Expectation maximisation takes for matches whatever class of pairs stands
 * out most.  Where names, towns or dates were made one from the other (by a
 * generator, or because one field decides another), that may be strangers who
 * agree in these and in little else.  Of one customer's records most agree in
 * given name, family name and birth date, be it roughly, and few have two of
 * them wrong at once; each bound is the share that may, and labels may show
 * that more do.
 *
 * The expectation is the nearest to the model's that keeps the bounds
 * (posterior regularisation: Ganchev, Graça, Gillenwater, Taskar, 2010): the
 * odds of each pair are multiplied by a factor for every bound that it speaks
 * against.  What no longer is a match counts among the others, so that their
 * dependence is learned.
 */
#include "postgres.h"

#include "customer_data.h"

#include <math.h>

#include "identity/score.h"
#include "identity/train.h"
#include "miscadmin.h"

#define MOST_UNLIKE			0.5		/* share of the matches that may differ in one, or be wrong in two */
#define STEPS				20		/* factors set anew in a round, at most; the next round goes on from there */
#define NEAR_ENOUGH			0.02	/* of a bound, relative */
#define LEAST_FACTOR		1e-6	/* who is surely one customer stays one */

/* Levels as bits. */
#define LEVEL(k)	(1u << (k))

/*
 * Levels that say two persons, and those that are a slip or two persons.  An
 * initial is neither, nor alone is what is known of a date in part; beside a
 * name that is wrong it is.
 */
static bool
unlike_levels(CdComparisonKind kind, uint32 *differ, uint32 *wrong)
{
	switch (kind)
	{
		case CD_CMP_FAMILY:
			*differ = LEVEL(0);
			*wrong = LEVEL(0) | LEVEL(FAMILY_SIMILAR) | LEVEL(FAMILY_CLOSE);
			return true;
		case CD_CMP_GIVEN:
			*differ = LEVEL(0);
			*wrong = LEVEL(0) | LEVEL(GIVEN_SIMILAR) | LEVEL(GIVEN_CLOSE);
			return true;
		case CD_CMP_BIRTH:
			*differ = LEVEL(0) | LEVEL(1);
			*wrong = LEVEL(0) | LEVEL(1) | LEVEL(2) | LEVEL(3);
			return true;
		default:
			return false;
	}
}

/* Set the bounds of a model's comparisons, none of them exceeded. */
void
cd_bounds_make(const CdModel *model, CdBounds *bounds)
{
	bounds->n = 0;
	for (int c = 0; c < model->ncomparisons; c++)
	{
		uint32		differ;
		uint32		wrong;

		if (!unlike_levels(model->comparison[c].kind, &differ, &wrong) || bounds->n == CD_MAX_BOUNDS)
			continue;
		bounds->item[bounds->n++] = (CdBoundary) {c, c, differ, differ, 1, 1};
		for (int d = 0; d < c && bounds->n < CD_MAX_BOUNDS; d++)
		{
			uint32		other;

			if (unlike_levels(model->comparison[d].kind, &differ, &other))
				bounds->item[bounds->n++] = (CdBoundary) {d, c, other, wrong, 1, 1};
		}
	}
}

/* Does a pattern say of a bound whether it is exceeded, and that it is? */
static inline int
speaks(const CdBoundary *bound, const Pattern *pattern)
{
	int			k = pattern->level[bound->c];
	int			l = pattern->level[bound->d];

	if (k == CD_MISSING || l == CD_MISSING)
		return -1;
	return (bound->levels_c >> k & 1) & (bound->levels_d >> l & 1);
}

/* Probability of a pattern after its odds were multiplied by the factors of the bounds that it speaks against. */
static double
restrained(const CdBounds *bounds, const Pattern *pattern, double p)
{
	double		factor = 1;

	for (int b = 0; b < bounds->n; b++)
	{
		if (bounds->item[b].factor < 1 && speaks(&bounds->item[b], pattern) > 0)
			factor *= bounds->item[b].factor;
	}
	factor = Max(factor, LEAST_FACTOR);
	return p * factor / (1 - p + p * factor);
}

/* Bring the probabilities of the patterns within the bounds, by factors that the round before left. */
void
cd_restrain(const Patterns *patterns, double *p, CdBounds *bounds)
{
	for (int step = 0; step < STEPS; step++)
	{
		double		within[CD_MAX_BOUNDS] = {0};
		double		against[CD_MAX_BOUNDS] = {0};
		double		same[CD_MAX_BOUNDS] = {0};
		double		same_against[CD_MAX_BOUNDS] = {0};
		double		worst = NEAR_ENOUGH;
		double		change = 1;
		CdBoundary *which = NULL;

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < patterns->n; i++)
		{
			const Pattern *pattern = &patterns->item[i];
			double		matches;

			if (pattern->kind == CD_PAIR_ACCOUNTS)
				continue;
			matches = restrained(bounds, pattern, p[i]) * pattern->count * patterns->step + pattern->same;
			for (int b = 0; b < bounds->n; b++)
			{
				int			says = speaks(&bounds->item[b], pattern);

				if (says < 0)
					continue;
				*(says > 0 ? &against[b] : &within[b]) += matches;
				same[b] += pattern->same;
				same_against[b] += says > 0 ? pattern->same : 0;
			}
		}
		for (int b = 0; b < bounds->n; b++)
		{
			CdBoundary *bound = &bounds->item[b];
			double		most = Min(Max(MOST_UNLIKE, same_against[b] / Max(same[b], SEEN)), 0.99);
			double		factor = Max(most / (1 - most) * within[b], SEEN) / Max(against[b], 1e-6);

			factor = Min(Max(factor, 0.01), 1 / bound->factor);
			if (fabs(log(factor)) > worst && (factor > 1 || bound->factor > LEAST_FACTOR))
			{
				worst = fabs(log(factor));
				change = factor;
				which = bound;
			}
		}
		if (which == NULL)
			break;
		which->factor = Max(which->factor * change, LEAST_FACTOR);
		which->least = Min(which->least, which->factor);
	}
	for (uint32 i = 0; i < patterns->n; i++)
	{
		if (patterns->item[i].kind != CD_PAIR_ACCOUNTS)
			p[i] = restrained(bounds, &patterns->item[i], p[i]);
	}
}
