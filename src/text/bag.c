/*
 * bag.c
 *		Pairing the weighted words of two texts.
 */
#include "postgres.h"

#include "text/bag.h"

#include <math.h>

#include "text/compare.h"

void
cd_bag_add(CdBag *bag, const uint32 *cp, int len, double weight, int kind)
{
	CdBagWord  *w;

	if (bag->count >= CD_BAG_WORDS || len == 0)
		return;
	w = &bag->word[bag->count++];
	w->cp = cp;
	w->len = len;
	w->weight = weight;
	w->kind = kind;
}

double
cd_bag_spelling(const CdBagWord *a, const CdBagWord *b)
{
	int			shorter = Min(a->len, b->len);
	double		jw;
	int			i;

	if (a->len == b->len && memcmp(a->cp, b->cp, sizeof(uint32) * a->len) == 0)
		return 1.0;
	for (i = 0; i < a->len; i++)
		if (a->cp[i] >= '0' && a->cp[i] <= '9')
			return 0.0;
	for (i = 0; i < b->len; i++)
		if (b->cp[i] >= '0' && b->cp[i] <= '9')
			return 0.0;
	if (shorter < 2)
		return 0.0;
	jw = cd_jaro_winkler(a->cp, a->len, b->cp, b->len);
	if (shorter >= 3 && memcmp(a->cp, b->cp, sizeof(uint32) * shorter) == 0)
		return Max(jw * 0.97, 0.8);
	if (shorter >= 5 && cd_osa(a->cp, a->len, b->cp, b->len, 1) <= 1)
		return Max(jw, 0.92);
	return jw < 0.84 ? 0.0 : shorter <= 3 ? jw * 0.8 : jw;
}

double
cd_bag_compare(const CdBag *a, const CdBag *b, CdBagMeasure measure, double extra)
{
	float		sim[CD_BAG_WORDS][CD_BAG_WORDS];
	bool		used_a[CD_BAG_WORDS] = {false};
	bool		used_b[CD_BAG_WORDS] = {false};
	double		gained = 0;
	double		paired = 0;
	double		rest_a = 0;
	double		rest_b = 0;
	int			i;
	int			j;

	if (a->count == 0 || b->count == 0)
		return a->count == b->count ? 1.0 : 0.0;
	for (i = 0; i < a->count; i++)
		for (j = 0; j < b->count; j++)
			sim[i][j] = a->word[i].kind == b->word[j].kind ? measure(&a->word[i], &b->word[j]) : 0.0;
	for (;;)
	{
		double		best = 0;
		int			best_i = -1;
		int			best_j = -1;
		double		weight;

		for (i = 0; i < a->count; i++)
		{
			if (used_a[i])
				continue;
			for (j = 0; j < b->count; j++)
				if (!used_b[j] && sim[i][j] > best)
				{
					best = sim[i][j];
					best_i = i;
					best_j = j;
				}
		}
		if (best_i < 0)
			break;
		used_a[best_i] = used_b[best_j] = true;
		weight = (a->word[best_i].weight + b->word[best_j].weight) / 2;
		gained += best * weight;
		paired += weight;
	}
	for (i = 0; i < a->count; i++)
		rest_a += used_a[i] ? 0.0 : a->word[i].weight;
	for (j = 0; j < b->count; j++)
		rest_b += used_b[j] ? 0.0 : b->word[j].weight;
	return gained / (paired + Min(rest_a, rest_b) + extra * fabs(rest_a - rest_b));
}
