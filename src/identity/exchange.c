/*
 * exchange.c
 *		Keys of all records, brought into the order of their hashes by several
 *		processes.
 *
 * Each process takes records and lays their keys into buckets by the first
 * bits of the hash; a bucket is a chain of blocks per process, so that nobody
 * waits for anybody.  When all records are taken, whoever has nothing to do
 * takes a bucket, sorts it and lays it back; the session hands the buckets on
 * in their order.  How many processes there are changes nothing of the answer.
 */
#include "postgres.h"

#include "customer_data.h"

#include "identity/crew.h"
#include "identity/exchange.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "port/pg_bitutils.h"
#include "storage/condition_variable.h"
#include "utils/wait_event.h"

/* Records taken at a time, and for which a worker is worth starting. */
#define RECORDS_AT_ONCE		256
#define RECORDS_PER_WORKER	20000.0
/* Bytes of a block, and entries of a bucket about. */
#define BLOCK_BYTES			4096
#define BUCKET_ENTRIES		32768
#define MOST_BUCKETS		1024
/* Records by whose keys the space is planned, and what is added to it. */
#define SAMPLE				4096
#define MORE_SPACE			1.05

#define NO_BLOCK			PG_UINT32_MAX

#define ST_SORT sort_postings
#define ST_ELEMENT_TYPE CdPosting
#define ST_COMPARE(a, b) \
	((a)->hash < (b)->hash ? -1 : (a)->hash > (b)->hash ? 1 : \
	 (a)->record < (b)->record ? -1 : (a)->record > (b)->record)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_hashes
#define ST_ELEMENT_TYPE uint64
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Sort by hash: an in-place radix pass by the highest bytes, then small sorts. */
#define DEFINE_RADIX_SORT(name, type, hash_of, small_sort) \
static void \
name(type *p, size_t n, int shift) \
{ \
	size_t		count[256] = {0}; \
	size_t		start[257]; \
	size_t		next[256]; \
\
	if (n < 512 || shift < 32) \
	{ \
		if (n > 1) \
			small_sort(p, n); \
		return; \
	} \
	CHECK_FOR_INTERRUPTS(); \
	for (size_t i = 0; i < n; i++) \
		count[(hash_of(p[i]) >> shift) & 255]++; \
	start[0] = 0; \
	for (int b = 0; b < 256; b++) \
	{ \
		next[b] = start[b]; \
		start[b + 1] = start[b] + count[b]; \
	} \
	for (int b = 0; b < 256; b++) \
	{ \
		while (next[b] < start[b + 1]) \
		{ \
			type		x = p[next[b]]; \
			int			home = (hash_of(x) >> shift) & 255; \
\
			while (home != b) \
			{ \
				type		y = p[next[home]]; \
\
				p[next[home]++] = x; \
				x = y; \
				home = (hash_of(x) >> shift) & 255; \
			} \
			p[next[b]++] = x; \
		} \
	} \
	for (int b = 0; b < 256; b++) \
		name(p + start[b], count[b], shift - 8); \
}

#define POSTING_HASH(p)	((p).hash)
#define PLAIN_HASH(h)	(h)

DEFINE_RADIX_SORT(radix_sort, CdPosting, POSTING_HASH, sort_postings)
DEFINE_RADIX_SORT(radix_sort_hashes, uint64, PLAIN_HASH, sort_hashes)

CdPostings *
cd_postings_create(MemoryContext context, Size expected)
{
	CdPostings *postings = MemoryContextAllocZero(context, sizeof(CdPostings));

	postings->max = expected + 1024;
	postings->item = MemoryContextAllocHuge(context, postings->max * sizeof(CdPosting));
	return postings;
}

void
cd_postings_push(CdPostings *a, uint64 hash, uint32 record, float bits)
{
	if (a->n == a->max)
	{
		a->max += a->max / 2;
		a->item = repalloc_huge(a->item, a->max * sizeof(CdPosting));
	}
	a->item[a->n].hash = hash;
	a->item[a->n].record = record;
	a->item[a->n].bits = bits;
	a->n++;
}

void
cd_postings_sort(CdPostings *postings)
{
	radix_sort(postings->item, postings->n, 56);
}

/* What those who work on an exchange share. */
typedef struct Exchange
{
	CdGathering what;
	Size		entry;			/* bytes */
	uint32		per_block;		/* entries */
	uint32		nparts;			/* of records */
	uint32		nblocks;
	int			slice_bits;		/* of the hash that tell its slice */
	uint32		slice;
	int			bucket_bits;	/* and then its bucket */
	pg_atomic_uint32 part;		/* next to take */
	pg_atomic_uint32 gathered;	/* parts that are done */
	pg_atomic_uint32 block;		/* next that is free */
	pg_atomic_uint32 bucket;	/* next to sort */
	pg_atomic_uint32 overflow;	/* blocks did not suffice */
	ConditionVariable progress;
} Exchange;

/* Pieces. */
enum
{
	STATE, BLOCKS, CHAIN, HEADS, SORTED, PIECES
};

/* A block's successor and how many entries it holds. */
typedef struct Link
{
	uint32		next;
	uint32		used;
} Link;

/* One process's view of an exchange. */
typedef struct Hand
{
	CdCrew	   *crew;
	Exchange   *x;
	char	   *blocks;
	Link	   *chain;
	uint32	   *head;			/* [member][bucket]: the block being filled, the latest first */
	pg_atomic_uint32 *sorted;	/* by bucket */
	char	   *scratch;
	Size		room;			/* entries that scratch holds */
	bool		(*has) (const void *wanted, uint64 hash);
	const void *wanted;
} Hand;

/* Find the pieces of an exchange. */
static void
take_hand(Hand *hand, CdCrew *crew)
{
	memset(hand, 0, sizeof(Hand));
	hand->crew = crew;
	hand->x = crew->piece[STATE];
	hand->blocks = crew->piece[BLOCKS];
	hand->chain = crew->piece[CHAIN];
	hand->head = crew->piece[HEADS];
	hand->sorted = crew->piece[SORTED];
}

static inline uint32
bucket_of(const Exchange *x, uint64 hash)
{
	return x->bucket_bits == 0 ? 0 : (uint32) (hash << x->slice_bits >> (64 - x->bucket_bits));
}

/* Where the next entry of a bucket goes; NULL if there is no room. */
static inline void *
place_in(Hand *hand, uint32 *head)
{
	Exchange   *x = hand->x;
	Link	   *link;

	if (*head == NO_BLOCK || hand->chain[*head].used == x->per_block)
	{
		uint32		fresh = pg_atomic_fetch_add_u32(&x->block, 1);

		if (fresh >= x->nblocks)
		{
			pg_atomic_write_u32(&x->overflow, 1);
			pg_atomic_write_u32(&x->block, x->nblocks);
			return NULL;
		}
		hand->chain[fresh].next = *head;
		hand->chain[fresh].used = 0;
		*head = fresh;
	}
	link = &hand->chain[*head];
	return hand->blocks + (Size) *head * BLOCK_BYTES + link->used++ * x->entry;
}

/* Bring the tokens of a form into the caches. */
static inline void
prefetch_tokens(const CdEngine *engine, const CdForm *form)
{
	const CdDictionary *dict = engine->dict;

	for (int i = 0; i < form->start[engine->layout->nslots]; i++)
	{
		/* not all words are tokens, and reading ahead of what is none does no harm */
		uint32		token = form->word[i] & CD_TOKEN_MASK;

		if (token < dict->ntokens)
			cd_prefetch(&dict->token[token]);
	}
}

/* Lay the keys of some records into buckets. */
static void
gather_part(Hand *hand, uint32 part)
{
	Exchange   *x = hand->x;
	CdEngine   *engine = hand->crew->engine;
	const CdRecords *records = hand->crew->records;
	uint32	   *heads = hand->head + ((Size) hand->crew->member << x->bucket_bits);
	uint32		to = Min((part + 1) * RECORDS_AT_ONCE, records->n);

	for (uint32 r = part * RECORDS_AT_ONCE; r < to; r++)
	{
		CdKey		key[CD_MAX_KEYS];
		uint64		hash[CD_MAX_KEYS * 2];
		int			from = 0;
		int			n;

		if (r + 4 < to)
			prefetch_tokens(engine, CD_FORM(records, r + 4));
		if (x->what == CD_GATHER_HASHES)
			n = cd_form_hashes(engine, CD_FORM(records, r), hash, lengthof(hash));
		else
			n = cd_form_keys(engine, CD_FORM(records, r), key);
		if (x->what == CD_GATHER_PAIRS)
		{
			/* combined keys come last */
			for (from = n; from > 0 && key[from - 1].group == 0; from--)
				;
		}
		for (int i = from; i < n; i++)
		{
			uint64		h = x->what == CD_GATHER_HASHES ? hash[i] : key[i].hash;
			void	   *into;

			if (x->slice_bits > 0 && (uint32) (h >> (64 - x->slice_bits)) != x->slice)
				continue;
			if (hand->has != NULL && !hand->has(hand->wanted, h))
				continue;
			into = place_in(hand, &heads[bucket_of(x, h)]);
			if (into == NULL)
				return;
			if (x->what == CD_GATHER_POSTINGS)
				*(CdPosting *) into = (CdPosting) {h, r, key[i].bits};
			else
				*(uint64 *) into = h;
		}
	}
}

/* Copy a bucket to the scratch, or back; answers how many entries it has. */
static Size
copy_bucket(Hand *hand, uint32 bucket, bool back)
{
	Exchange   *x = hand->x;
	Size		n = 0;

	for (int member = 0; member < hand->crew->members; member++)
	{
		for (uint32 b = hand->head[((Size) member << x->bucket_bits) + bucket]; b != NO_BLOCK; b = hand->chain[b].next)
		{
			char	   *block = hand->blocks + (Size) b * BLOCK_BYTES;
			Size		used = hand->chain[b].used;

			if (n + used > hand->room)
			{
				hand->room = (n + used) * 2;
				hand->scratch = hand->scratch == NULL ? MemoryContextAllocHuge(hand->crew->engine->context, hand->room * x->entry) :
					repalloc_huge(hand->scratch, hand->room * x->entry);
			}
			if (back)
				memcpy(block, hand->scratch + n * x->entry, used * x->entry);
			else
				memcpy(hand->scratch + n * x->entry, block, used * x->entry);
			n += used;
		}
	}
	return n;
}

/* Sort a bucket, and tell that it is. */
static void
sort_bucket(Hand *hand, uint32 bucket)
{
	Exchange   *x = hand->x;
	Size		n = copy_bucket(hand, bucket, false);
	int			shift = 56 - x->slice_bits - x->bucket_bits;

	if (x->what == CD_GATHER_POSTINGS)
		radix_sort((CdPosting *) hand->scratch, n, shift);
	else
		radix_sort_hashes((uint64 *) hand->scratch, n, shift);
	copy_bucket(hand, bucket, true);
	/* the bucket is there before it is called sorted */
	pg_atomic_exchange_u32(&hand->sorted[bucket], 1);
	ConditionVariableBroadcast(&x->progress);
}

/* Take parts of the records until none is left, and wait for the others. */
static void
gather_share(Hand *hand)
{
	Exchange   *x = hand->x;

	for (;;)
	{
		uint32		part = pg_atomic_fetch_add_u32(&x->part, 1);

		if (part >= x->nparts)
			break;
		CHECK_FOR_INTERRUPTS();
		if (pg_atomic_read_u32(&x->overflow) == 0)
			gather_part(hand, part);
		if (pg_atomic_add_fetch_u32(&x->gathered, 1) == x->nparts)
			ConditionVariableBroadcast(&x->progress);
	}
	while (pg_atomic_read_u32(&x->gathered) < x->nparts)
		ConditionVariableSleep(&x->progress, WAIT_EVENT_PARALLEL_FINISH);
	ConditionVariableCancelSleep();
	pg_read_barrier();
}

/* Sort the next bucket; false if none is left. */
static bool
sort_next(Hand *hand)
{
	uint32		bucket = pg_atomic_fetch_add_u32(&hand->x->bucket, 1);

	if (bucket >= (uint32) 1 << hand->x->bucket_bits)
		return false;
	CHECK_FOR_INTERRUPTS();
	sort_bucket(hand, bucket);
	return true;
}

/* A worker's share. */
void
cd_exchange_work(CdCrew *crew)
{
	Hand		hand;

	take_hand(&hand, crew);
	gather_share(&hand);
	while (pg_atomic_read_u32(&hand.x->overflow) == 0 && sort_next(&hand))
		;
}

/* Hand the sorted buckets on, in their order. */
static void
hand_on(Hand *hand, CdTakeSorted take, void *state)
{
	Exchange   *x = hand->x;

	for (uint32 bucket = 0; bucket < (uint32) 1 << x->bucket_bits; bucket++)
	{
		Size		n;

		while (pg_atomic_read_u32(&hand->sorted[bucket]) == 0)
		{
			if (!sort_next(hand))
			{
				ConditionVariablePrepareToSleep(&x->progress);
				while (pg_atomic_read_u32(&hand->sorted[bucket]) == 0)
					ConditionVariableSleep(&x->progress, WAIT_EVENT_PARALLEL_FINISH);
				ConditionVariableCancelSleep();
			}
		}
		pg_read_barrier();
		CHECK_FOR_INTERRUPTS();
		n = copy_bucket(hand, bucket, false);
		if (n > 0)
			take(state, hand->scratch, n);
	}
}

/* How many entries there will be, by those of some records. */
static double
expected_entries(CdEngine *engine, const CdRecords *records, CdGathering what,
				 bool (*has) (const void *wanted, uint64 hash), const void *wanted)
{
	uint32		step = Max(records->n / SAMPLE, 1);
	double		entries = 0;
	double		sampled = 0;

	for (uint32 r = 0; r < records->n; r += step)
	{
		CdKey		key[CD_MAX_KEYS];
		uint64		hash[CD_MAX_KEYS * 2];
		int			n;

		if (what == CD_GATHER_HASHES)
			n = cd_form_hashes(engine, CD_FORM(records, r), hash, lengthof(hash));
		else
			n = cd_form_keys(engine, CD_FORM(records, r), key);
		for (int i = 0; i < n; i++)
		{
			if ((what != CD_GATHER_PAIRS || key[i].group == 0) &&
				(has == NULL || has(wanted, what == CD_GATHER_HASHES ? hash[i] : key[i].hash)))
				entries++;
		}
		sampled++;
	}
	return entries / Max(sampled, 1) * records->n;
}

/* One slice of the hashes; false if the space did not suffice. */
static bool
exchange_slice(CdEngine *engine, CdRecords *records, CdGathering what, double expected, int slice_bits, uint32 slice, bool together,
			   bool (*has) (const void *wanted, uint64 hash), const void *wanted, CdTakeSorted take, void *state)
{
	Size		entry = what == CD_GATHER_POSTINGS ? sizeof(CdPosting) : sizeof(uint64);
	int			bucket_bits = pg_ceil_log2_32((uint32) Max(Min(expected / BUCKET_ENTRIES, MOST_BUCKETS), 1));
	int			workers = !together || has != NULL ? 0 : cd_crew_size(engine, records->n / RECORDS_PER_WORKER);
	Size		nheads = (Size) (workers + 1) << bucket_bits;
	double		nblocks = expected * entry / BLOCK_BYTES + nheads + 16;
	Size		size[PIECES];
	CdCrew	   *crew;
	Exchange   *x;
	Hand		hand;
	bool		done;

	if (nblocks >= NO_BLOCK)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many records to match at once")));
	size[STATE] = sizeof(Exchange);
	size[BLOCKS] = (Size) nblocks * BLOCK_BYTES;
	size[CHAIN] = (Size) nblocks * sizeof(Link);
	size[HEADS] = nheads * sizeof(uint32);
	size[SORTED] = sizeof(pg_atomic_uint32) << bucket_bits;
	crew = cd_crew_begin(engine, records, NULL, CD_JOB_EXCHANGE, workers, PIECES, size);
	take_hand(&hand, crew);
	hand.has = has;
	hand.wanted = wanted;
	x = hand.x;
	memset(x, 0, sizeof(Exchange));
	x->what = what;
	x->entry = entry;
	x->per_block = BLOCK_BYTES / entry;
	x->nparts = (records->n + RECORDS_AT_ONCE - 1) / RECORDS_AT_ONCE;
	x->nblocks = (uint32) nblocks;
	x->slice_bits = slice_bits;
	x->slice = slice;
	x->bucket_bits = bucket_bits;
	pg_atomic_init_u32(&x->part, 0);
	pg_atomic_init_u32(&x->gathered, 0);
	pg_atomic_init_u32(&x->block, 0);
	pg_atomic_init_u32(&x->bucket, 0);
	pg_atomic_init_u32(&x->overflow, 0);
	ConditionVariableInit(&x->progress);
	memset(hand.head, 0xFF, size[HEADS]);
	for (int b = 0; b < 1 << bucket_bits; b++)
		pg_atomic_init_u32(&hand.sorted[b], 0);

	cd_crew_start(crew);
	gather_share(&hand);
	done = pg_atomic_read_u32(&x->overflow) == 0;
	if (done)
		hand_on(&hand, take, state);
	cd_crew_wait(crew);
	if (hand.scratch != NULL)
		pfree(hand.scratch);
	cd_crew_end(crew);
	return done;
}

/* Bytes that the records of a batch and their dictionary take. */
static double
bytes_of_records(const CdEngine *engine, const CdRecords *records)
{
	return (double) records->used * sizeof(uint32) + (double) engine->dict->ntokens * (sizeof(CdToken) + sizeof(CdGlance)) +
		(double) engine->dict->poolused;
}

/*
 * Slice by slice, as memory allows: each goes over all records again, so that
 * of more records there must not be more slices.
 */
void
cd_exchange(CdEngine *engine, CdRecords *records, CdGathering what, bool together,
			bool (*has) (const void *wanted, uint64 hash), const void *wanted, CdTakeSorted take, void *state)
{
	double		entries = expected_entries(engine, records, what, has, wanted);
	double		bytes = entries * (what == CD_GATHER_POSTINGS ? sizeof(CdPosting) : sizeof(uint64));
	double		allowed = Max(cd_matching_memory * 1024.0 / 2, bytes_of_records(engine, records));
	double		space = MORE_SPACE;
	int			slice_bits = 0;

	if (records->n == 0)
		return;
	while (bytes / (1 << slice_bits) > allowed && slice_bits < 10)
		slice_bits++;
	ereport(DEBUG1,
			(errmsg_internal("%.0f entries of %u records are exchanged in %d slices", entries, records->n, 1 << slice_bits)));
	for (uint32 slice = 0; slice < (uint32) 1 << slice_bits;)
	{
		/* nothing was handed on where the space did not suffice */
		if (exchange_slice(engine, records, what, entries / (1 << slice_bits) * space, slice_bits, slice, together,
						   has, wanted, take, state))
			slice++;
		else
			space *= 1.5;
	}
}
