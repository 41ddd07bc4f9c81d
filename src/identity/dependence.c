/*
 * dependence.c
 *		How comparisons depend on each other: among matches the parts of an
 *		address on narrower ones, among all other pairs those that go together
 *		most often.
 */
#include "postgres.h"

#include "customer_data.h"

#include <math.h>

#include "identity/train.h"

#define DOUBTFUL			2.0		/* what looks like matches is left out of the others, and as much again */
#define MOVED_FAR			0.7		/* share of those who moved whose wider parts of the address differ, too, before any are seen */
#define STAYED				0.2		/* who did not move has wider parts that differ at least so often as others */

/* Joint count of two comparisons whichever way it is stored. */
static inline double
joint(const Counts *counts, int c, int d, int k, int l)
{
	return c > d ? counts->joint[c][d][k][l] : counts->joint[d][c][l][k];
}

/* Parts of an address, the narrowest first: who moves has them all anew. */
static const char *const home[] = {"address", "postcode", "city", "region", "country"};

/* Does a level of a part of an address say that the two are not of one place? */
bool
cd_level_moved(const CdModel *model, int c, int level)
{
	CdComparisonKind kind = model->comparison[c].kind;

	return kind == CD_CMP_STREET || kind == CD_CMP_POSTCODE ? level <= 2 : level == 0;
}

/*
 * How likely each level of a part of an address is among matches where a
 * narrower part differs ("moved") or does not.  "seen" are pairs that show it
 * (NULL: none), drawn to what is usual, which keeps m.
 */
static void
given_moved(const CdModel *model, int c, int d, bool moved, const double *seen, float *logp)
{
	const CdComparison *comparison = &model->comparison[c];
	double		all = moved || seen != NULL ? FEW : 0;
	double		q = 0;
	double		differ;

	for (int l = 0; l < model->comparison[d].nlevels; l++)
		q += cd_level_moved(model, d, l) ? model->comparison[d].m[l] : 0;
	q = Min(q, 0.9);
	differ = Max(MOVED_FAR, comparison->m[0]);
	if (!moved)
		differ = Max((comparison->m[0] - q * differ) / (1 - q), comparison->m[0] * STAYED);
	for (int k = 0; k < comparison->nlevels && seen != NULL; k++)
		all += seen[k];
	for (int k = 0; k < comparison->nlevels; k++)
	{
		double		usual = k == 0 ? differ : comparison->m[k] / (1 - comparison->m[0]) * (1 - differ);

		logp[k] = (float) log2(Max(seen == NULL ? usual : (seen[k] + FEW * usual) / all, 1e-6));
	}
}

/* Make parts of an address depend on narrower ones among matches, as far as pairs show it. */
void
cd_same_moves(CdModel *model, const Counts *match)
{
	int			part[lengthof(home)];
	int			n = 0;

	for (size_t i = 0; i < lengthof(home); i++)
	{
		for (int c = 0; c < model->ncomparisons; c++)
		{
			if (strcmp(model->comparison[c].name, home[i]) == 0)
				part[n++] = c;
		}
	}
	for (int i = 0; i < n; i++)
	{
		CdDependence *same = &model->same[part[i]];
		int			c = part[i];

		same->n = Min(i, CD_MAX_PARENTS);
		for (int j = 0; j < same->n; j++)
		{
			int			d = part[i - 1 - j];

			same->parent[j] = d;
			for (int moved = 0; moved <= 1; moved++)
			{
				double		seen[CD_MAX_LEVELS] = {0};
				float		logp[CD_MAX_LEVELS];

				for (int l = 0; match != NULL && l < model->comparison[d].nlevels; l++)
				{
					for (int k = 0; cd_level_moved(model, d, l) == moved && k < model->comparison[c].nlevels; k++)
						seen[k] += joint(match, c, d, k, l);
				}
				given_moved(model, c, d, moved, match == NULL ? NULL : seen, logp);
				for (int l = 0; l < model->comparison[d].nlevels; l++)
				{
					if (cd_level_moved(model, d, l) == moved)
						memcpy(same->logp[j][l], logp, sizeof(logp));
				}
			}
		}
	}
}

/* Compute the log tables that scoring reads from levels that are independent among strangers. */
void
cd_model_independent(CdModel *model)
{
	cd_settle_prior(model);
	for (int c = 0; c < model->ncomparisons; c++)
	{
		CdComparison *comparison = &model->comparison[c];

		model->other[c].n = 0;
		model->same[c].n = 0;
		for (int k = 0; k < comparison->nlevels; k++)
		{
			model->logu[c][k] = (float) log2(comparison->u[k]);
			model->logm[c][k] = (float) log2(comparison->m[k]);
		}
		for (int k = 0; k < comparison->nlevels; k++)
		{
			if (comparison->tf[k] == 1.0f)
				comparison->tf_base[k] = (float) -log2(comparison->u[k]);
		}
	}
	cd_same_moves(model, NULL);
}

/*
 * Joint count over all pairs that are no match.  What random pairs saw too
 * seldom is taken from the candidates, who hold all of what is rare; either
 * way less what may be matches, and as much again.
 */
static double
other_joint(const Counts *random, const Counts *match, const Counts *other, double scale, int c, int d, int k, int l)
{
	double		seen = joint(random, c, d, k, l) * scale;
	double		same = joint(match, c, d, k, l);

	if (joint(random, c, d, k, l) < SEEN)
		seen = joint(other, c, d, k, l) + same;
	return Max(seen - DOUBTFUL * same, 0);
}

/*
 * Let each comparison depend on those before it with which it goes together
 * most, in the order in which Prim's algorithm joins them to a tree.
 */
static void
choose_parents(CdModel *model, double strength[CD_MAX_COMPARISONS][CD_MAX_COMPARISONS])
{
	int			n = model->ncomparisons;
	bool		in[CD_MAX_COMPARISONS] = {false};

	for (int step = 0; step < n; step++)
	{
		int			best = -1;
		double		most = -1;
		CdDependence *other;

		for (int c = 0; c < n; c++)
		{
			double		strongest = 0;

			for (int d = 0; d < n && !in[c]; d++)
				strongest = in[d] ? Max(strongest, strength[c][d]) : strongest;
			if (!in[c] && strongest > most)
			{
				most = strongest;
				best = c;
			}
		}
		other = &model->other[best];
		for (other->n = 0; other->n < CD_MAX_PARENTS; other->n++)
		{
			int			parent = -1;

			most = 0;
			for (int d = 0; d < n; d++)
			{
				bool		taken = !in[d];

				for (int i = 0; i < other->n; i++)
					taken |= other->parent[i] == d;
				if (!taken && strength[best][d] > most)
				{
					most = strength[best][d];
					parent = d;
				}
			}
			if (parent < 0)
				break;
			other->parent[other->n] = parent;
		}
		in[best] = true;
	}
}

/*
 * Learn how likely each level of c is given a level of d among pairs that are
 * no match: from random pairs where they are many, else as at the level below.  Only agreements that come
 * together more often than by chance matter, since they would count twice.
 */
static void
conditional(const CdModel *model, const Counts *random, const Counts *match, const Counts *other,
			double scale, int c, int d, float logp[CD_MAX_LEVELS][CD_MAX_LEVELS])
{
	const CdComparison *comparison = &model->comparison[c];
	double		both = 0;

	for (int k = 0; k < comparison->nlevels; k++)
	{
		for (int l = 0; l < model->comparison[d].nlevels; l++)
			both += joint(random, c, d, k, l);
	}
	for (int l = 0; l < model->comparison[d].nlevels; l++)
	{
		double		p[CD_MAX_LEVELS];
		double		rest = 1;
		double		seen = both * scale * model->comparison[d].u[l];

		for (int k = comparison->nlevels - 1; k > 0; k--)
		{
			p[k] = comparison->u[k];
			if (l > 0)
			{
				double		given = p[k];

				/* few observations are drawn to independence */
				if (seen >= SEEN)
					given = (other_joint(random, match, other, scale, c, d, k, l) + FEW * given) / (seen + FEW);
				else if (l > 1)
					given = exp2(logp[l - 1][k]);
				p[k] = Max(p[k], Min(0.9, given));
			}
			rest -= p[k];
		}
		p[0] = Max(rest, comparison->m[0]);
		for (int k = 0; k < comparison->nlevels; k++)
			logp[l][k] = (float) log2(p[k]);
	}
}

/*
 * Learn how levels depend on each other among pairs that are no match: the
 * strongest dependences among the candidates.
 */
void
cd_other_dependence(CdModel *model, const Counts *random, const Counts *match, const Counts *other, double pairs)
{
	static double strength[CD_MAX_COMPARISONS][CD_MAX_COMPARISONS];
	static float logp[CD_MAX_LEVELS][CD_MAX_LEVELS];
	double		scale = pairs / Max(random->total, 1);
	int			n = model->ncomparisons;

	memset(strength, 0, sizeof(strength));
	for (int c = 0; c < n; c++)
	{
		for (int d = 0; d < c; d++)
		{
			double		sum = 0;

			conditional(model, random, match, other, scale, c, d, logp);
			for (int k = 1; k < model->comparison[c].nlevels; k++)
			{
				for (int l = 1; l < model->comparison[d].nlevels; l++)
					sum += joint(other, c, d, k, l) * Max(logp[l][k] - log2(model->comparison[c].u[k]), 0);
			}
			strength[c][d] = strength[d][c] = sum;
		}
	}
	choose_parents(model, strength);
	for (int c = 0; c < n; c++)
	{
		for (int i = 0; i < model->other[c].n; i++)
			conditional(model, random, match, other, scale, c, model->other[c].parent[i], model->other[c].logp[i]);
	}
}

