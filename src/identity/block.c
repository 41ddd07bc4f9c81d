/*
 * block.c
 *		Candidate pairs of a batch: posting lists by sorted hash, bits of the
 *		shared keys added up per candidate, every pair met once.
 */
#include "postgres.h"

#include "customer_data.h"

#include <math.h>

#include "identity/crew.h"
#include "identity/exchange.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

/* Posting lists may be followed for this many hits per record, or altogether if these are more. */
#define HITS_PER_RECORD		1500.0
#define HITS_ANYWAY			5e8
/* Candidate pairs that are no effort, and how far beyond the budget pairs are looked at that can hardly be strangers. */
#define PAIRS_ANYWAY		4e6
#define BEYOND_BUDGET		10.0
/*
 * Pairs that share so many bits less than make one record in all are no
 * candidates.  What a key says grows with the records, and what is asked for
 * grows alike, not by whole bits: else a few more records would cost pairs.
 */
#define LEAST_BELOW			6.5

/* Entries of lists that are gone through between two looks at whether to stop. */
#define LISTED_AT_ONCE		65536

/* Statistics being counted from sorted hashes. */
typedef struct Counting
{
	CdStatistics *stats;
	double	   *load;			/* hits by frequency, NULL: not asked for */
} Counting;

/* Count sorted hashes into the statistics. */
static void
take_hashes(void *state, const void *entry, Size n)
{
	Counting   *counting = state;
	const uint64 *hash = entry;

	for (Size i = 0; i < n;)
	{
		Size		j = i + 1;
		uint8		bits;

		while (j < n && hash[j] == hash[i])
			j++;
		bits = cd_frequency_bits(j - i);
		if (j - i > counting->stats->floor)
			cd_statistics_put(counting->stats, hash[i], bits);
		if (counting->load != NULL)
			counting->load[bits] += (double) (j - i) * (j - i);
		i = j;
	}
}

/* A set of hashes; 0 is free. */
typedef struct HashSet
{
	uint64	   *hash;
	uint64		mask;
} HashSet;

static HashSet
hash_set(MemoryContext context, uint64 expected)
{
	HashSet		set;

	set.mask = pg_nextpower2_64(Max(expected * 2, 1024)) - 1;
	set.hash = MemoryContextAllocExtended(context, (set.mask + 1) * sizeof(uint64), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return set;
}

/* Take a hash into a set; answers its place, and whether it is new. */
static uint64
hash_set_take(HashSet *set, uint64 hash, bool *isnew)
{
	uint64		b = (hash >> 9) & set->mask;

	hash |= hash == 0;
	while (set->hash[b] != 0 && set->hash[b] != hash)
		b = (b + 1) & set->mask;
	*isnew = set->hash[b] == 0;
	set->hash[b] = hash;
	return b;
}

static bool
hash_set_has(const void *wanted, uint64 hash)
{
	const HashSet *set = wanted;
	uint64		b = (hash >> 9) & set->mask;

	hash |= hash == 0;
	while (set->hash[b] != 0 && set->hash[b] != hash)
		b = (b + 1) & set->mask;
	return set->hash[b] != 0;
}

/* How a company's name sounds, whatever the order of its words. */
static uint64
name_sound(const CdDictionary *dict, const uint32 *w, int n)
{
	uint64		sum = 0;

	for (int i = 0; i < n; i++)
	{
		const CdToken *t = &dict->token[w[i]];

		sum += t->sound[0] != '\0' && t->sound[1] != '\0' ? cd_hash64(0, t->sound, strlen(t->sound)) : t->hash;
	}
	return sum;
}

/* Note the words and keys of a company's name as those of the name that sounds like it. */
static void
push_name(CdEngine *engine, const CdForm *form, const uint32 *w, int n, uint32 name, CdPostings *words)
{
	CdKey		key[CD_MAX_KEYS];
	int			nkeys = cd_simple_keys(engine, form, key);

	for (int i = 0; i < n; i++)
		cd_postings_push(words, cd_distinct_hash(engine->dict->token[w[i]].hash), name, 0);
	for (int i = 0; i < nkeys; i++)
	{
		if (key[i].named)
			cd_postings_push(words, cd_distinct_hash(key[i].hash), name, 0);
	}
}

/*
 * Count how many records fill each slot, how many companies' names there are
 * that sound different, and in how many of these each word, sound or start
 * occurs.  So a company that is recorded hundreds of times, now and then
 * misspelt, does not make its name a common one.
 */
static void
count_kinds(CdEngine *engine, const CdRecords *records)
{
	const CdLayout *layout = engine->layout;
	int			account = layout->account_slot;
	uint32		holders[CD_MAX_SLOTS] = {0};
	HashSet		seen = hash_set(engine->context, account < 0 ? 0 : records->n);
	HashSet		heard = hash_set(engine->context, account < 0 ? 0 : records->n);
	CdPostings *words = cd_postings_create(engine->context, 0);

	for (uint32 r = 0; r < records->n; r++)
	{
		const CdForm *form = CD_FORM(records, r);
		const uint32 *w;
		int			n;
		uint64		name;
		bool		isnew;

		for (int s = 0; s < layout->nslots; s++)
			holders[s] += s != account && form->start[s + 1] > form->start[s];
		if (r % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (account < 0 || form->start[account + 1] == form->start[account])
			continue;
		w = form->word + form->start[account];
		n = form->start[account + 1] - form->start[account];
		hash_set_take(&seen, cd_hash64(0, (const char *) w, n * sizeof(uint32)), &isnew);
		if (!isnew)
			continue;
		name = hash_set_take(&heard, name_sound(engine->dict, w, n), &isnew);
		holders[account] += isnew;
		push_name(engine, form, w, n, (uint32) name, words);
	}
	for (int s = 0; s < layout->nslots; s++)
	{
		if (holders[s] > 0)
			cd_statistics_put(engine->stats, cd_space_hash(cd_slot_space(layout, s)), cd_frequency_bits(holders[s]));
	}
	cd_postings_sort(words);
	for (size_t i = 0; i < words->n;)
	{
		size_t		j = i + 1;
		uint32		names = 1;

		for (; j < words->n && words->item[j].hash == words->item[i].hash; j++)
			names += words->item[j].record != words->item[j - 1].record;
		if (names > engine->stats->floor)
			cd_statistics_put(engine->stats, words->item[i].hash, cd_frequency_bits(names));
		i = j;
	}
	pfree(words->item);
	pfree(words);
	pfree(seen.hash);
	pfree(heard.hash);
}

/*
 * Count tokens and keys anew and settle from how many records on a key is
 * oversize: the largest size at which following all lists stays within the
 * hits allowed.
 */
void
cd_count_keys(CdEngine *engine, CdRecords *records)
{
	double		load[256] = {0};
	double		sum = 0;
	Counting	counting;
	int			b;

	engine->stats = cd_statistics_create(engine->context, records->n,
										 2, records->n / 2);
	count_kinds(engine, records);
	counting = (Counting) {engine->stats, load};
	cd_exchange(engine, records, CD_GATHER_HASHES, true, NULL, NULL, take_hashes, &counting);
	for (b = 0; b < 255; b++)
	{
		if (sum + load[b] > Max(HITS_PER_RECORD * records->n, HITS_ANYWAY))
			break;
		sum += load[b];
	}
	engine->model->oversize = Max(20, (uint32) exp2(Min(b / 8.0, 28.0)));
	engine->counting = true;
	counting.load = NULL;
	cd_exchange(engine, records, CD_GATHER_PAIRS, true, NULL, NULL, take_hashes, &counting);
	engine->counting = false;
}

/* Lists that are being built, and those that are written of them. */
typedef struct ListBuilding
{
	CdEngine   *engine;
	CdBlocking *blocking;
	CdPostingWriter *writer;	/* NULL: none are written */
} ListBuilding;

/* Take sorted postings into the lists. */
static void
take_postings(void *state, const void *entry, Size count)
{
	ListBuilding *building = state;
	CdBlocking *blocking = building->blocking;
	const CdPosting *item = entry;
	uint32		largest = building->engine->model->oversize * 4;

	if (building->writer != NULL)
		cd_postings_put(building->writer, item, count, blocking->records->id);
	for (Size i = 0; i < count;)
	{
		Size		j = i + 1;

		while (j < count && item[j].hash == item[i].hash)
			j++;
		if (j - i > largest)
		{
			blocking->skipped++;
			blocking->skipped_postings += j - i;
		}
		else if (j - i > 1)
		{
			if (blocking->nkeys + 1 >= blocking->maxkeys)
			{
				blocking->maxkeys += blocking->maxkeys / 2;
				blocking->first = repalloc_huge(blocking->first, (Size) blocking->maxkeys * sizeof(uint32));
				blocking->bits = repalloc_huge(blocking->bits, (Size) blocking->maxkeys * sizeof(int16));
			}
			if (blocking->nmembers + (j - i) > blocking->maxmembers)
			{
				blocking->maxmembers += blocking->maxmembers / 2 + (j - i);
				blocking->member = repalloc_huge(blocking->member, blocking->maxmembers * sizeof(uint32));
			}
			if (blocking->nmembers + (j - i) > PG_UINT32_MAX)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("too many records to match at once")));
			blocking->bits[blocking->nkeys] = cd_scaled_bits(item[i].bits);
			blocking->first[blocking->nkeys++] = (uint32) blocking->nmembers;
			for (Size k = i; k < j; k++)
				blocking->member[blocking->nmembers++] = item[k].record;
		}
		i = j;
	}
	blocking->first[blocking->nkeys] = (uint32) blocking->nmembers;
}

/* Gather the keys of the changed records. */
static HashSet
changed_keys(CdEngine *engine, CdRecords *records, const bool *changed)
{
	HashSet		set;
	uint64		n = 0;

	for (uint32 r = 0; r < records->n; r++)
		n += changed[r];
	set = hash_set(engine->context, n * CD_MAX_KEYS / 2);
	for (uint32 r = 0; r < records->n; r++)
	{
		CdKey		key[CD_MAX_KEYS];
		int			count;
		bool		isnew;

		if (!changed[r])
			continue;
		count = cd_form_keys(engine, CD_FORM(records, r), key);
		for (int i = 0; i < count; i++)
			hash_set_take(&set, key[i].hash, &isnew);
	}
	return set;
}

/*
 * Build the posting lists, and for each record the keys it has; with changed
 * records only the lists that hold one of them.  All lists go to the writer,
 * too, if there is one.
 */
CdBlocking *
cd_blocking_create(CdEngine *engine, CdRecords *records, const bool *changed, CdPostingWriter *writer)
{
	CdBlocking *blocking = MemoryContextAllocZero(engine->context, sizeof(CdBlocking));
	ListBuilding building = {engine, blocking, writer};
	HashSet		wanted = {NULL, 0};
	uint32	   *next;

	if (changed != NULL)
		wanted = changed_keys(engine, records, changed);
	blocking->context = engine->context;
	blocking->records = records;
	blocking->maxkeys = (changed == NULL ? records->n * 4 : records->n / 4) + 1024;
	blocking->first = MemoryContextAllocHuge(engine->context, (Size) blocking->maxkeys * sizeof(uint32));
	blocking->bits = MemoryContextAllocHuge(engine->context, (Size) blocking->maxkeys * sizeof(int16));
	blocking->maxmembers = (uint64) records->n * (changed == NULL ? 12 : 1) + 1024;
	blocking->member = MemoryContextAllocHuge(engine->context, blocking->maxmembers * sizeof(uint32));
	blocking->first[0] = 0;
	cd_exchange(engine, records, CD_GATHER_POSTINGS, writer == NULL || cd_postings_direct(writer),
				changed == NULL ? NULL : hash_set_has, &wanted, take_postings, &building);
	if (wanted.hash != NULL)
		pfree(wanted.hash);

	/* the same the other way round */
	blocking->recfirst = MemoryContextAllocExtended(engine->context, ((Size) records->n + 1) * sizeof(uint32),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	blocking->reckey = MemoryContextAllocHuge(engine->context, Max(blocking->nmembers, 1) * sizeof(uint32));
	for (uint64 i = 0; i < blocking->nmembers; i++)
	{
		if (i % LISTED_AT_ONCE == 0)
			CHECK_FOR_INTERRUPTS();
		blocking->recfirst[blocking->member[i] + 1]++;
	}
	for (uint32 r = 0; r < records->n; r++)
		blocking->recfirst[r + 1] += blocking->recfirst[r];
	next = MemoryContextAllocHuge(engine->context, Max(records->n, 1) * sizeof(uint32));
	memcpy(next, blocking->recfirst, records->n * sizeof(uint32));
	for (uint32 k = 0; k < blocking->nkeys; k++)
	{
		if (k % LISTED_AT_ONCE == 0)
			CHECK_FOR_INTERRUPTS();
		for (uint32 i = blocking->first[k]; i < blocking->first[k + 1]; i++)
			blocking->reckey[next[blocking->member[i]]++] = k;
	}
	pfree(next);

	blocking->changed = changed;
	for (uint32 r = 0; r < records->n; r++)
		blocking->expected += changed == NULL || changed[r] ? cd_matching_pairs : 0;
	cd_share_lists(engine, blocking);
	cd_blocking_scratch(blocking);
	return blocking;
}

/* Make what each process needs for itself to follow the lists. */
void
cd_blocking_scratch(CdBlocking *blocking)
{
	uint32		n = blocking->records->n;

	blocking->score = MemoryContextAllocExtended(blocking->context, Max(n, 1) * sizeof(int16),
												 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	blocking->maxtouched = Max(n, 1024);
	blocking->touched = MemoryContextAllocHuge(blocking->context, blocking->maxtouched * sizeof(uint32));
}

/* Let the lists go when they were followed; what was skipped is still told. */
void
cd_blocking_release(CdBlocking *blocking)
{
	if (!blocking->shared)
	{
		pfree(blocking->first);
		pfree(blocking->bits);
		pfree(blocking->member);
		pfree(blocking->recfirst);
		pfree(blocking->reckey);
	}
	pfree(blocking->score);
	pfree(blocking->touched);
	blocking->nkeys = 0;
	blocking->nmembers = 0;
}

/* Bring where the lists of a record begin into the caches, and where those of the next one are. */
static inline void
prefetch_lists(const CdBlocking *blocking, uint32 r)
{
	for (uint32 i = blocking->recfirst[r]; i < blocking->recfirst[r + 1]; i++)
	{
		const char *list = (const char *) (blocking->member + blocking->first[blocking->reckey[i]]);

		cd_prefetch(list);
		cd_prefetch(list + 64);
		cd_prefetch(list + 128);
	}
	if (r + 1 == blocking->records->n)
		return;
	for (uint32 i = blocking->recfirst[r + 1]; i < blocking->recfirst[r + 2]; i++)
	{
		cd_prefetch(&blocking->first[blocking->reckey[i]]);
		cd_prefetch(&blocking->bits[blocking->reckey[i]]);
	}
}

/*
 * Add up what record r shares with others; with "below" only with those
 * before it.  Answers how many entries of touched are in use; r may be one of
 * them, with nothing added up.
 */
static Size
gather(CdBlocking *blocking, uint32 r, bool below)
{
	int16	   *score = blocking->score;
	uint32	   *touched = blocking->touched;
	uint32		last = below ? r : PG_UINT32_MAX;
	Size		n = 0;

	prefetch_lists(blocking, r);
	for (uint32 i = blocking->recfirst[r]; i < blocking->recfirst[r + 1]; i++)
	{
		uint32		k = blocking->reckey[i];
		int16		bits = blocking->bits[k];
		const uint32 *m = blocking->member + blocking->first[k];
		const uint32 *end = blocking->member + blocking->first[k + 1];

		if (n + (end - m) > blocking->maxtouched)
		{
			blocking->maxtouched = blocking->maxtouched * 2 + (end - m);
			blocking->touched = touched = repalloc_huge(touched, blocking->maxtouched * sizeof(uint32));
		}
		/* whether a record was touched cannot be foreseen: no branch */
		for (; m < end && *m < last; m++)
		{
			touched[n] = *m;
			n += score[*m] == 0;
			score[*m] += bits;
		}
	}
	score[r] = 0;
	return n;
}

/* Count the candidates of a sample of records by their bits. */
static double
sample_bits(CdBlocking *blocking, double histogram[256])
{
	uint32		n = blocking->records->n;
	uint32		step = n <= 20000 ? 1 : n / 10000;
	double		sampled = 0;

	memset(histogram, 0, 256 * sizeof(double));
	for (uint32 r = 0; r < n; r += step)
	{
		Size		found = gather(blocking, r, false);

		CHECK_FOR_INTERRUPTS();
		for (Size i = 0; i < found; i++)
		{
			uint32		s = blocking->touched[i];
			int			bits = blocking->score[s] / (int) CD_BITS_SCALE;

			if (bits > 0)
				histogram[Min(bits, 255)] += 0.5;
			blocking->score[s] = 0;
		}
		sampled++;
	}
	return sampled;
}

/*
 * Choose the bits that make a candidate: low enough for pairs of weak
 * evidence, raised until the expected pairs hold the budget per record; 0,
 * if all pairs do.  Where customers are recorded hundreds of times, pairs that
 * share more than chance would give one record in all are beyond the budget.
 */
void
cd_choose_threshold(CdEngine *engine, CdBlocking *blocking, double per_record)
{
	double		histogram[256];
	double		sampled;
	double		sum = 0;
	double		least = Max(3, log2(Max(blocking->records->n, 2)) - LEAST_BELOW);
	int			chance = (int) ceil(log2(Max(blocking->records->n, 2)));
	int			t = 255;

	if (blocking->records->n <= 2 * per_record + 1)
	{
		/* all pairs of few records */
		engine->model->threshold = 0;
		blocking->expected = (double) blocking->records->n * (blocking->records->n - 1) / 2;
		return;
	}
	sampled = sample_bits(blocking, histogram);
	per_record = Max(per_record, PAIRS_ANYWAY / blocking->records->n);
	while (t > least && sum + histogram[t - 1] <= per_record * (t > chance ? BEYOND_BUDGET : 1) * sampled)
		sum += histogram[--t];
	engine->model->threshold = Max(t, least);
	blocking->expected = sum / Max(sampled, 1) * blocking->records->n;
}

/*
 * Find the candidates of a record that are met from its side: those before
 * it, so that each pair is met once; of a changed record also those behind it
 * that did not change.  Answers how many entries of touched they are.
 */
uint32
cd_candidates(const CdEngine *engine, CdBlocking *blocking, uint32 r)
{
	const bool *changed = blocking->changed;
	int16		threshold = cd_scaled_bits(engine->model->threshold);
	uint32		kept = 0;
	Size		found;

	if (changed != NULL && !changed[r])
		return 0;
	if (threshold == 0)
	{
		for (uint32 s = 0; s < (changed == NULL ? r : blocking->records->n); s++)
		{
			if (s != r && !(changed != NULL && changed[s] && s > r))
				blocking->touched[kept++] = s;
		}
		return kept;
	}
	found = gather(blocking, r, changed == NULL);
	for (Size i = 0; i < found; i++)
	{
		uint32		s = blocking->touched[i];

		if (blocking->score[s] >= threshold && !(changed != NULL && changed[s] && s > r))
		{
			blocking->touched[kept++] = s;
			cd_prefetch_form(CD_FORM(blocking->records, s));
		}
		blocking->score[s] = 0;
	}
	return kept;
}
