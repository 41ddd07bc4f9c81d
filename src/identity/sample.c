/*
 * sample.c
 *		What the model is learned from: levels of random pairs, and agreement
 *		patterns of a sample of the candidates.
 *
 * Parallel workers help.  Which pairs are drawn, what stands for a pattern and
 * the order of the patterns do not depend on how many there are; sums are of
 * numbers that add up to the same in any order.
 */
#include "postgres.h"

#include "customer_data.h"

#include <math.h>

#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "identity/crew.h"
#include "identity/glance.h"
#include "identity/train.h"
#include "miscadmin.h"
#include "port/atomics.h"

/* Pairs drawn, and records looked at, at a time. */
#define DRAWS_AT_ONCE		8192
#define RECORDS_AT_ONCE		1024
/* Pairs for which a worker is worth starting. */
#define PAIRS_PER_WORKER	100000.0
/* Patterns that a worker can hand back. */
#define MOST_PATTERNS		400000
/* Bits of rarity are added up in this unit, so that the order does not matter. */
#define RARITY_SCALE		1048576.0

#define ST_SORT sort_patterns
#define ST_ELEMENT_TYPE Pattern
#define ST_COMPARE(a, b) ((a)->hash < (b)->hash ? -1 : (a)->hash > (b)->hash)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Pieces: the state, and what each of those who work found. */
enum
{
	STATE, FOUND, PIECES
};

typedef struct SampleState
{
	pg_atomic_uint32 next;		/* draw or record to take */
	pg_atomic_uint32 overflow;	/* a worker found too many patterns */
	bool		patterns;		/* of candidates; else random pairs are counted */
	int			draws;
	uint32		step;
} SampleState;

/* Patterns as a worker hands them back. */
typedef struct PatternSpace
{
	uint32		n;
	uint64		seen;
	Pattern		item[FLEXIBLE_ARRAY_MEMBER];
} PatternSpace;

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
		counts->rarity[c][k] += rint(agreement->rarity[c] * RARITY_SCALE) / RARITY_SCALE;
		for (int d = 0; d < c; d++)
		{
			int			l = agreement->level[d];

			if (l != CD_MISSING)
				counts->joint[c][d][k][l]++;
		}
	}
}

/* Compare all pairs. */
static void
count_all(CdEngine *engine, CdRecords *records, Counts *counts)
{
	CdAgreement agreement;

	for (uint32 a = 1; a < records->n; a++)
	{
		CHECK_FOR_INTERRUPTS();
		for (uint32 b = 0; b < a; b++)
		{
			cd_agreement(engine, CD_FORM(records, a), CD_FORM(records, b), &agreement);
			count_pair(counts, &agreement);
		}
	}
}

/* Pairs drawn between the time that what they read begins to come into the caches and the time they are compared. */
#define FORMS_AHEAD			24
#define TOKENS_AHEAD		12
#define NAMES_AHEAD			6

typedef struct Draw
{
	uint32		a;
	uint32		b;
} Draw;

/* Compare pairs that were drawn. */
static void
count_drawn(CdEngine *engine, const CdRecords *records, const Draw *draw, int n, Counts *counts)
{
	CdAgreement agreement;

	for (int i = 0; i < n; i++)
	{
		if (i + FORMS_AHEAD < n)
		{
			cd_prefetch_form(CD_FORM(records, draw[i + FORMS_AHEAD].a));
			cd_prefetch_form(CD_FORM(records, draw[i + FORMS_AHEAD].b));
		}
		if (i + TOKENS_AHEAD < n)
		{
			cd_prefetch_tokens(engine, CD_FORM(records, draw[i + TOKENS_AHEAD].a));
			cd_prefetch_tokens(engine, CD_FORM(records, draw[i + TOKENS_AHEAD].b));
		}
		if (i + NAMES_AHEAD < n)
			cd_prefetch_names(engine, CD_FORM(records, draw[i + NAMES_AHEAD].a), CD_FORM(records, draw[i + NAMES_AHEAD].b));
		cd_agreement(engine, CD_FORM(records, draw[i].a), CD_FORM(records, draw[i].b), &agreement);
		count_pair(counts, &agreement);
	}
}

/* Take random pairs until none is left; who they are is drawn by everybody. */
static void
count_draws(CdCrew *crew, Counts *counts)
{
	SampleState *state = crew->piece[STATE];
	const CdRecords *records = crew->records;
	Draw	   *draw = MemoryContextAlloc(crew->engine->context, DRAWS_AT_ONCE * sizeof(Draw));
	pg_prng_state prng;
	int			drawn = 0;

	pg_prng_seed(&prng, 20240229);
	for (;;)
	{
		uint32		from = pg_atomic_fetch_add_u32(&state->next, DRAWS_AT_ONCE);
		int			to = (int) Min(from + DRAWS_AT_ONCE, (uint32) state->draws);
		int			n = 0;

		if (from >= (uint32) state->draws)
			break;
		CHECK_FOR_INTERRUPTS();
		for (; drawn < to; drawn++)
		{
			uint32		a = pg_prng_uint64_range(&prng, 0, records->n - 1);
			uint32		b = pg_prng_uint64_range(&prng, 0, records->n - 1);

			if (drawn >= (int) from && a != b)
				draw[n++] = (Draw) {a, b};
		}
		count_drawn(crew->engine, records, draw, n, counts);
	}
	pfree(draw);
}

/* Add what another counted. */
static void
add_counts(Counts *counts, const Counts *more)
{
	counts->total += more->total;
	for (int c = 0; c < counts->n; c++)
	{
		counts->known[c] += more->known[c];
		for (int k = 0; k < CD_MAX_LEVELS; k++)
		{
			counts->level[c][k] += more->level[c][k];
			counts->rarity[c][k] += more->rarity[c][k];
		}
		for (int d = 0; d < c; d++)
		{
			for (int k = 0; k < CD_MAX_LEVELS; k++)
			{
				for (int l = 0; l < CD_MAX_LEVELS; l++)
					counts->joint[c][d][k][l] += more->joint[c][d][k][l];
			}
		}
	}
}

/* A number that a record has, and what tells it apart from most others. */
typedef struct Holder
{
	uint32		token;
	uint32		code;
} Holder;

/*
 * Count how many of those who have a number, a telephone's or an identifier,
 * have nearly the same as another: numbers given one after the other differ by
 * a digit without any typing error.  Few records may have one, so that pairs of
 * any two records do not tell.
 */
static void
count_near(CdEngine *engine, CdRecords *records, double pairs, Counts *counts)
{
	Holder	   *holder = MemoryContextAllocHuge(engine->context, Max(records->n, 1) * sizeof(Holder));
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
				holder[n++] = (Holder) {form->word[form->start[comparison->slot]], form->word[form->start[comparison->slot] + 1]};
		}
		for (int i = 0; i < (int) pairs && n > 1; i++)
		{
			const Holder *a = &holder[pg_prng_uint64_range(&prng, 0, n - 1)];
			const Holder *b = &holder[pg_prng_uint64_range(&prng, 0, n - 1)];

			if (i % 1024 == 0)
				CHECK_FOR_INTERRUPTS();
			if (a->token == b->token)
				continue;
			near += !cd_codes_apart(a->code, b->code) && cd_token_distance(engine->dict, a->token, b->token, 1) == 1;
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
take_pattern(Patterns *patterns, uint32 r, uint32 a, uint32 b, int label, float weight)
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
			float		rare = cd_full_rarity(&model->comparison[c], k, agreement.rarity[c]) * model->comparison[c].tf[k];

			rarity += rare;
			if (cd_personal_tf(&model->comparison[c], k))
				personal += rare;
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
		patterns->item[at].first = r;
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
 * Add the candidates of some records to the patterns, if they are of the
 * sample, and else those pairs of which the truth is known.
 */
static void
sample_some(Patterns *patterns, CdBlocking *blocking, uint32 from, uint32 to)
{
	const CdRecords *records = patterns->records;
	const CdLabels *labels = patterns->labels;

	for (uint32 r = from; r < to; r++)
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

			if (i + TOKENS_AHEAD < n)
				cd_prefetch_tokens(patterns->engine, CD_FORM(records, blocking->touched[i + TOKENS_AHEAD]));
			if (i + NAMES_AHEAD < n)
				cd_prefetch_names(patterns->engine, CD_FORM(records, r), CD_FORM(records, blocking->touched[i + NAMES_AHEAD]));
			if (sampled || label >= 0)
				take_pattern(patterns, r, a, b, label, sampled ? patterns->step : 1);
		}
	}
}

/* Take records until none is left. */
static void
sample_share(CdCrew *crew, Patterns *patterns)
{
	SampleState *state = crew->piece[STATE];
	uint32		n = crew->records->n;

	for (;;)
	{
		uint32		from = pg_atomic_fetch_add_u32(&state->next, RECORDS_AT_ONCE);

		if (from >= n)
			break;
		sample_some(patterns, crew->blocking, from, from + Min(RECORDS_AT_ONCE, n - from));
	}
}

/* Make room for patterns. */
static void
patterns_make(Patterns *patterns)
{
	patterns->n = 0;
	patterns->seen = 0;
	patterns->mask = 16383;
	patterns->item = MemoryContextAllocExtended(patterns->engine->context, (Size) (patterns->mask + 1) * sizeof(Pattern),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Add patterns that a worker found; the record that stands first in the batch shows how rare the values of a pattern are. */
static void
add_patterns(Patterns *patterns, const PatternSpace *more)
{
	patterns->seen += more->seen;
	for (uint32 i = 0; i < more->n; i++)
	{
		const Pattern *item = &more->item[i];
		uint32		at = (uint32) item->hash & patterns->mask;
		Pattern    *known;

		while (patterns->item[at].hash != 0 && patterns->item[at].hash != item->hash)
			at = (at + 1) & patterns->mask;
		known = &patterns->item[at];
		if (known->hash == 0)
		{
			*known = *item;
			patterns->n++;
		}
		else
		{
			float		count = known->count + item->count;

			if (item->first < known->first)
				*known = *item;
			known->count = count;
		}
		if (patterns->n > patterns->mask / 2)
			patterns_grow(patterns);
	}
}

/* Bring patterns one behind the other, in the order of their hash. */
static void
patterns_settle(Patterns *patterns)
{
	uint32		n = 0;

	for (uint32 i = 0; i <= patterns->mask; i++)
	{
		if (patterns->item[i].hash != 0)
			patterns->item[n++] = patterns->item[i];
	}
	if (n > 1)
		sort_patterns(patterns->item, n);
}

/* Prepare a job for so many workers, with space for what each finds. */
static CdCrew *
begin_sample(CdEngine *engine, CdRecords *records, CdBlocking *blocking, int workers, Size space)
{
	Size		size[PIECES];
	CdCrew	   *crew;
	SampleState *state;

	size[STATE] = sizeof(SampleState);
	size[FOUND] = space * workers;
	crew = cd_crew_begin(engine, records, blocking, CD_JOB_SAMPLE, workers, PIECES, size);
	state = crew->piece[STATE];
	memset(state, 0, sizeof(SampleState));
	pg_atomic_init_u32(&state->next, 0);
	pg_atomic_init_u32(&state->overflow, 0);
	state->patterns = blocking != NULL;
	return crew;
}

/* Bytes of what a worker hands back. */
#define COUNTS_SPACE	MAXALIGN(sizeof(Counts))
#define PATTERN_SPACE	MAXALIGN(offsetof(PatternSpace, item) + MOST_PATTERNS * sizeof(Pattern))

/* Compare so many random pairs, or all if there are few, and numbers of nearly as many. */
void
cd_count_random(CdEngine *engine, CdRecords *records, double pairs, double near_pairs, Counts *counts)
{
	CdCrew	   *crew;
	SampleState *state;

	if ((double) records->n * (records->n - 1) / 2 <= pairs)
	{
		count_all(engine, records, counts);
		count_near(engine, records, near_pairs, counts);
		return;
	}
	crew = begin_sample(engine, records, NULL, cd_crew_size(engine, pairs / PAIRS_PER_WORKER), COUNTS_SPACE);
	state = crew->piece[STATE];
	state->draws = (int) pairs;
	for (int i = 1; i < crew->members; i++)
		memset((char *) crew->piece[FOUND] + (i - 1) * COUNTS_SPACE, 0, sizeof(Counts));
	cd_crew_start(crew);
	count_near(engine, records, near_pairs, counts);
	count_draws(crew, counts);
	cd_crew_wait(crew);
	for (int i = 1; i < crew->members; i++)
		add_counts(counts, (Counts *) ((char *) crew->piece[FOUND] + (i - 1) * COUNTS_SPACE));
	cd_crew_end(crew);
}

/*
 * Gather the candidates of a sample of records as patterns, and of all others
 * those pairs of which the truth is known; pairs: about so many.
 */
void
cd_sample_patterns(Patterns *patterns, CdRecords *records, CdBlocking *blocking, double pairs)
{
	/* labels are not where workers see them */
	int			workers = patterns->labels != NULL ? 0 : cd_crew_size(patterns->engine, pairs / PAIRS_PER_WORKER);
	CdCrew	   *crew = begin_sample(patterns->engine, records, blocking, workers, PATTERN_SPACE);
	SampleState *state = crew->piece[STATE];
	bool		overflow;

	state->step = patterns->step;
	for (int i = 1; i < crew->members; i++)
	{
		PatternSpace *space = (PatternSpace *) ((char *) crew->piece[FOUND] + (i - 1) * PATTERN_SPACE);

		space->n = 0;
		space->seen = 0;
	}
	patterns_make(patterns);
	cd_crew_start(crew);
	sample_share(crew, patterns);
	cd_crew_wait(crew);
	overflow = pg_atomic_read_u32(&state->overflow) != 0;
	for (int i = 1; i < crew->members && !overflow; i++)
		add_patterns(patterns, (PatternSpace *) ((char *) crew->piece[FOUND] + (i - 1) * PATTERN_SPACE));
	cd_crew_end(crew);
	if (overflow)
	{
		/* more kinds of pairs than workers can tell of */
		pfree(patterns->item);
		patterns_make(patterns);
		sample_some(patterns, blocking, 0, records->n);
	}
	patterns_settle(patterns);
}

/* A worker's share. */
void
cd_sample_work(CdCrew *crew)
{
	SampleState *state = crew->piece[STATE];

	if (state->patterns)
	{
		PatternSpace *space = (PatternSpace *) ((char *) crew->piece[FOUND] + (crew->member - 1) * PATTERN_SPACE);
		Patterns	patterns = {0};
		uint32		n = 0;

		patterns.engine = crew->engine;
		patterns.records = crew->records;
		patterns.step = state->step;
		patterns_make(&patterns);
		sample_share(crew, &patterns);
		if (patterns.n > MOST_PATTERNS)
		{
			pg_atomic_write_u32(&state->overflow, 1);
			return;
		}
		for (uint32 i = 0; i <= patterns.mask; i++)
		{
			if (patterns.item[i].hash != 0)
				space->item[n++] = patterns.item[i];
		}
		space->n = n;
		space->seen = patterns.seen;
	}
	else
	{
		Counts	   *counts = (Counts *) ((char *) crew->piece[FOUND] + (crew->member - 1) * COUNTS_SPACE);

		counts->n = crew->engine->model->ncomparisons;
		count_draws(crew, counts);
	}
}
