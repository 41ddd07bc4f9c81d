/*
 * sample.c
 *		What the model is learned from: levels of random pairs, and agreement
 *		patterns of a sample of the candidates.
 */
#include "postgres.h"

#include "customer_data.h"

#include <math.h>

#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "identity/train.h"
#include "miscadmin.h"

static void
count_pair(Counts *counts, const CdAgreement *agreement)
{
	counts->total++;
	for (int c = 0; c < counts->n; c++)
	{
		int			k = agreement->level[c];

		if (k == CD_MISSING)
			continue;
		counts->known[c]++;
		counts->level[c][k]++;
		counts->rarity[c][k] += agreement->rarity[c];
		for (int d = 0; d < c; d++)
		{
			int			l = agreement->level[d];

			if (l != CD_MISSING)
				counts->joint[c][d][k][l]++;
		}
	}
}

/* Compare random pairs, or all if there are few. */
void
cd_count_random(CdEngine *engine, CdRecords *records, double pairs, Counts *counts)
{
	pg_prng_state prng;
	double		all = (double) records->n * (records->n - 1) / 2;
	CdAgreement agreement;

	if (all <= pairs)
	{
		for (uint32 a = 1; a < records->n; a++)
		{
			CHECK_FOR_INTERRUPTS();
			for (uint32 b = 0; b < a; b++)
			{
				cd_agreement(engine, CD_FORM(records, a), CD_FORM(records, b), &agreement);
				count_pair(counts, &agreement);
			}
		}
		return;
	}
	pg_prng_seed(&prng, 20240229);
	for (int i = 0; i < (int) pairs; i++)
	{
		uint32		a = pg_prng_uint64_range(&prng, 0, records->n - 1);
		uint32		b = pg_prng_uint64_range(&prng, 0, records->n - 1);

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (a == b)
			continue;
		cd_agreement(engine, CD_FORM(records, a), CD_FORM(records, b), &agreement);
		count_pair(counts, &agreement);
	}
}

/*
 * Count how many of those who have a number, a telephone's or an identifier,
 * have nearly the same as another: numbers given one after the other differ by
 * a digit without any typing error.  Few records may have one, so that pairs of
 * any two records do not tell.
 */
void
cd_count_near(CdEngine *engine, CdRecords *records, double pairs, Counts *counts)
{
	uint32	   *holder = MemoryContextAllocHuge(engine->context, Max(records->n, 1) * sizeof(uint32));
	pg_prng_state prng;

	pg_prng_seed(&prng, 20240301);
	for (int c = 0; c < engine->model->ncomparisons; c++)
	{
		const CdComparison *comparison = &engine->model->comparison[c];
		uint32		n = 0;
		double		near = 0;
		double		drawn = 0;

		counts->near[c] = 0;
		if (comparison->kind != CD_CMP_CODE && comparison->kind != CD_CMP_PHONE)
			continue;
		for (uint32 r = 0; r < records->n; r++)
		{
			const CdForm *form = CD_FORM(records, r);

			if (form->start[comparison->slot + 1] > form->start[comparison->slot])
				holder[n++] = form->word[form->start[comparison->slot]];
		}
		for (int i = 0; i < (int) pairs && n > 1; i++)
		{
			uint32		a = holder[pg_prng_uint64_range(&prng, 0, n - 1)];
			uint32		b = holder[pg_prng_uint64_range(&prng, 0, n - 1)];

			if (i % 1024 == 0)
				CHECK_FOR_INTERRUPTS();
			if (a == b)
				continue;
			near += cd_token_distance(engine->dict, a, b, 1) == 1;
			drawn++;
		}
		if (near >= SEEN)
			counts->near[c] = near / drawn;
	}
	pfree(holder);
}

static void
patterns_grow(Patterns *patterns)
{
	Pattern    *old = patterns->item;
	uint32		size = patterns->mask + 1;

	patterns->item = MemoryContextAllocExtended(patterns->engine->context, (Size) size * 2 * sizeof(Pattern),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	patterns->mask = size * 2 - 1;
	for (uint32 i = 0; i < size; i++)
	{
		uint32		b;

		if (old[i].hash == 0)
			continue;
		b = (uint32) old[i].hash & patterns->mask;
		while (patterns->item[b].hash != 0)
			b = (b + 1) & patterns->mask;
		patterns->item[b] = old[i];
	}
	pfree(old);
}

/* What is known of a pair: 1 one customer, 0 two, -1 nothing. */
static int
pair_label(const CdLabels *labels, uint32 a, uint32 b)
{
	uint32		low = 0,
				high = labels->ndecisions;

	/* a decision about the pair goes before what is known of its records */
	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;
		const CdDecision *d = &labels->decision[middle];

		if (d->a < a || (d->a == a && d->b < b))
			low = middle + 1;
		else
			high = middle;
	}
	if (low < labels->ndecisions && labels->decision[low].a == a && labels->decision[low].b == b)
		return labels->decision[low].same;
	if (labels->entity == NULL || labels->entity[a] == 0 || labels->entity[b] == 0)
		return -1;
	return labels->entity[a] == labels->entity[b];
}

/* Add a candidate pair to the patterns, with what is known of it. */
static void
take_pattern(Patterns *patterns, uint32 a, uint32 b, int label, float weight)
{
	const CdModel *model = patterns->engine->model;
	CdAgreement agreement;
	float		rarity = 0;
	float		personal = 0;
	uint8		band[4];
	uint64		hash;
	uint32		at;
	int			n = model->ncomparisons;

	patterns->seen++;
	cd_agreement(patterns->engine, CD_FORM(patterns->records, a), CD_FORM(patterns->records, b), &agreement);
	for (int c = 0; c < n; c++)
	{
		int			k = agreement.level[c];

		if (k != CD_MISSING)
		{
			rarity += agreement.rarity[c] * model->comparison[c].tf[k];
			if (cd_personal_tf(&model->comparison[c], k))
				personal += agreement.rarity[c] * model->comparison[c].tf[k];
		}
	}
	band[0] = (uint8) Min(Max((int) rarity, 0), 240);
	band[1] = (uint8) Min(Max((int) personal / 2, 0), 240);
	band[2] = agreement.kind;
	band[3] = agreement.crowded;
	hash = cd_hash64(cd_hash64(0, (const char *) band, sizeof(band)), (const char *) agreement.level, n);
	at = (uint32) hash & patterns->mask;
	while (patterns->item[at].hash != 0 && patterns->item[at].hash != hash)
		at = (at + 1) & patterns->mask;
	if (patterns->item[at].hash == 0)
	{
		patterns->item[at].hash = hash;
		patterns->item[at].rarity = rarity;
		patterns->item[at].personal = personal;
		patterns->item[at].kind = agreement.kind;
		patterns->item[at].crowded = agreement.crowded;
		memcpy(patterns->item[at].level, agreement.level, n);
		patterns->n++;
	}
	for (int c = 0; c < n && label > 0; c++)
	{
		patterns->same_differ[c] += agreement.level[c] == 0 ? weight : 0;
		patterns->same_known[c] += agreement.level[c] != CD_MISSING ? weight : 0;
	}
	if (label < 0)
		patterns->item[at].count++;
	else if (label > 0)
		patterns->item[at].same += weight;
	else
		patterns->item[at].differ += weight;
	if (patterns->n > patterns->mask / 2)
		patterns_grow(patterns);
}

/*
 * Add the candidates of a sample of records to the patterns, and of all others
 * those pairs of which the truth is known.
 */
void
cd_sample_patterns(Patterns *patterns, CdBlocking *blocking)
{
	const CdRecords *records = patterns->records;
	const CdLabels *labels = patterns->labels;

	for (uint32 r = 0; r < records->n; r++)
	{
		bool		sampled = patterns->step <= 1 || murmurhash32(r) % patterns->step == 0;
		uint32		n;

		if (!sampled && !(labels != NULL && labels->known[r]))
			continue;
		CHECK_FOR_INTERRUPTS();
		n = cd_candidates(patterns->engine, blocking, r);
		for (uint32 i = 0; i < n; i++)
		{
			uint32		a = Min(r, blocking->touched[i]);
			uint32		b = Max(r, blocking->touched[i]);
			int			label = labels == NULL ? -1 : pair_label(labels, a, b);

			if (i + 3 < n)
				cd_prefetch_tokens(patterns->engine, CD_FORM(records, blocking->touched[i + 3]));
			if (sampled || label >= 0)
				take_pattern(patterns, a, b, label, sampled ? patterns->step : 1);
		}
	}
}
