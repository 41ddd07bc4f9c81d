/*
 * prepare.c
 *		Standard forms of many records at once, with parallel workers.
 *
 * Values lie in shared memory; whoever has nothing to do takes the next
 * records.  The forms are handed on in the order of the records, as soon as they
 * are there, so that the number of workers changes nothing.  There are no workers, and nothing else
 * changes, where the server cannot give shared memory.
 */
#include "postgres.h"

#include "customer_data.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "identity/engine.h"
#include "identity/prepare.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "text/standard.h"
#include "utils/wait_event.h"

/* Fewer records than this are standardised sooner than a worker starts. */
#define RECORDS_PER_WORKER	5000
#define MOST_WORKERS		16
/* Records taken at a time. */
#define RECORDS_AT_ONCE		128

enum
{
	SHARED_STATE,
	SHARED_STARTS,
	SHARED_VALUES,
	SHARED_PLACES,
	SHARED_SPACE,
	SHARED_PIECES
};

typedef struct PrepareState
{
	pg_atomic_uint32 next;		/* record to take */
	pg_atomic_uint64 used;		/* bytes of the space for answers */
	ConditionVariable progress; /* of workers */
	Size		space;
	uint32		n;
	int32		today;
	char		region[4];
} PrepareState;

/* The forms of the records taken at a time, as they lie behind each other. */
typedef struct Answer
{
	Size		used;
	Size		size;
	char	   *data;
} Answer;

/* Where a worker's answer begins in the space, +1; 0: it is not there yet. */
typedef pg_atomic_uint64 Place;

/* It found no room. */
#define NO_ROOM		PG_UINT64_MAX

CdGiven *
cd_given_create(MemoryContext context)
{
	CdGiven    *given = MemoryContextAllocZero(context, sizeof(CdGiven));

	given->max = 1024;
	given->at = MemoryContextAllocHuge(context, given->max * sizeof(Size));
	given->size = 256 * 1024;
	given->base = MemoryContextAllocHuge(context, given->size);
	return given;
}

/* Lay an array of values behind the others. */
void
cd_given_put(CdGiven *given, const ArrayType *values)
{
	Size		size = MAXALIGN(VARSIZE(values));

	if (given->n == given->max)
	{
		given->max *= 2;
		given->at = repalloc_huge(given->at, given->max * sizeof(Size));
	}
	if (given->used + size > given->size)
	{
		given->size = given->size * 2 + size;
		given->base = repalloc_huge(given->base, given->size);
	}
	given->at[given->n++] = given->used;
	memcpy(given->base + given->used, values, VARSIZE(values));
	given->used += size;
}

/* Put an array behind an answer; NULL is a word of zero. */
static void
put_array(Answer *answer, const ArrayType *array)
{
	Size		size = array == NULL ? 0 : VARSIZE(array);
	Size		needed = MAXALIGN(sizeof(uint64)) + MAXALIGN(size);

	if (answer->used + needed > answer->size)
	{
		answer->size = answer->size * 2 + needed;
		answer->data = repalloc_huge(answer->data, answer->size);
	}
	*(uint64 *) (answer->data + answer->used) = size;
	if (size > 0)
		memcpy(answer->data + answer->used + MAXALIGN(sizeof(uint64)), array, size);
	answer->used += needed;
}

/* Take an array off an answer. */
static ArrayType *
next_array(char **p)
{
	uint64		size = *(uint64 *) *p;
	char	   *array = *p + MAXALIGN(sizeof(uint64));

	*p = array + MAXALIGN(size);
	return size == 0 ? NULL : (ArrayType *) array;
}

/* Standardise some records, one answer behind the other. */
static void
prepare_some(const Size *at, const char *base, uint32 from, uint32 to, const char *region, int32 today,
			 CdStandardCache *cache, MemoryContext row, Answer *answer)
{
	for (uint32 i = from; i < to; i++)
	{
		ArrayType  *values = (ArrayType *) (base + at[i]);
		ArrayType  *standard;
		ArrayType  *issue;
		char		own[4];
		MemoryContext old = MemoryContextSwitchTo(row);

		cd_region_of(values, region, cache, own);
		cd_standardize_values(values, NULL, own, today, cache, &standard, &issue);
		MemoryContextSwitchTo(old);
		put_array(answer, standard);
		put_array(answer, issue);
		MemoryContextReset(row);
	}
}

/* Hand on what an answer holds. */
static void
take_some(char *data, uint32 from, uint32 to, CdTakeForms take, void *state)
{
	for (uint32 i = from; i < to; i++)
	{
		ArrayType  *standard = next_array(&data);
		ArrayType  *issue = next_array(&data);

		take(state, i, standard, issue);
	}
}

/* How many workers there is work for. */
static int
workers_for(uint32 n)
{
	if (cd_matching_workers >= 0)
		return Min(cd_matching_workers, MOST_WORKERS);
	return Max(Min(max_parallel_maintenance_workers, (int) Min(n / RECORDS_PER_WORKER, MOST_WORKERS)), 0);
}

/* Standardise the next records oneself; false if none are left. */
static bool
prepare_next(PrepareState *shared, const CdGiven *given, CdStandardCache *cache, MemoryContext row, Answer *own,
			 MemoryContext context)
{
	uint32		from = pg_atomic_fetch_add_u32(&shared->next, RECORDS_AT_ONCE);
	uint32		to = Min(from + RECORDS_AT_ONCE, given->n);
	Answer	   *mine = &own[from / RECORDS_AT_ONCE];

	if (from >= given->n)
		return false;
	mine->size = (given->at[to - 1] - given->at[from]) * 2 + 4096;
	mine->data = MemoryContextAllocHuge(context, mine->size);
	prepare_some(given->at, given->base, from, to, shared->region, shared->today, cache, row, mine);
	return true;
}

/*
 * Standardise the values of all records; region is that of records that name
 * no country.  Forms are handed on in order; "together": what takes them may
 * do so beside parallel workers.
 */
void
cd_given_standardize(const CdGiven *given, const char *region, bool together, CdTakeForms take, void *state)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data standard forms", ALLOCSET_DEFAULT_SIZES);
	MemoryContext row = AllocSetContextCreate(context, "customer_data standard forms of a record", ALLOCSET_DEFAULT_SIZES);
	CdStandardCache *cache = given->n < 100 ? NULL : cd_standard_cache_create(context);
	int			wanted = workers_for(given->n);
	uint32		nanswers = (given->n + RECORDS_AT_ONCE - 1) / RECORDS_AT_ONCE;
	/* forms are hardly longer than what was given, with an issue for each */
	Size		room = given->used * 2 + (Size) given->n * 64;
	Answer	   *own;
	Place	   *place;
	ParallelContext *pcxt;
	PrepareState *shared;
	Size	   *starts;
	char	   *values;
	char	   *space;
	Answer		scratch = {0, 65536, NULL};

	scratch.data = MemoryContextAllocHuge(context, scratch.size);
	if (wanted == 0 || given->n < 2 || !together || IsInParallelMode() || !cd_shared_memory_holds(given->used + room))
	{
		for (uint32 from = 0; from < given->n; from += RECORDS_AT_ONCE)
		{
			uint32		to = Min(from + RECORDS_AT_ONCE, given->n);

			CHECK_FOR_INTERRUPTS();
			scratch.used = 0;
			prepare_some(given->at, given->base, from, to, region, cd_standard_today(), cache, row, &scratch);
			take_some(scratch.data, from, to, take, state);
		}
		MemoryContextDelete(context);
		return;
	}

	own = MemoryContextAllocExtended(context, nanswers * sizeof(Answer), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	EnterParallelMode();
	pcxt = CreateParallelContext("customer_data", "cd_prepare_worker", wanted);
	shm_toc_estimate_chunk(&pcxt->estimator, sizeof(PrepareState));
	shm_toc_estimate_chunk(&pcxt->estimator, given->n * sizeof(Size));
	shm_toc_estimate_chunk(&pcxt->estimator, given->used);
	shm_toc_estimate_chunk(&pcxt->estimator, nanswers * sizeof(Place));
	shm_toc_estimate_chunk(&pcxt->estimator, room);
	shm_toc_estimate_keys(&pcxt->estimator, SHARED_PIECES);
	/* where the server has no shared memory to give, there are no workers either */
	InitializeParallelDSM(pcxt);
	shared = shm_toc_allocate(pcxt->toc, sizeof(PrepareState));
	starts = shm_toc_allocate(pcxt->toc, given->n * sizeof(Size));
	values = shm_toc_allocate(pcxt->toc, given->used);
	place = shm_toc_allocate(pcxt->toc, nanswers * sizeof(Place));
	space = shm_toc_allocate(pcxt->toc, room);
	memset(shared, 0, sizeof(PrepareState));
	pg_atomic_init_u32(&shared->next, 0);
	pg_atomic_init_u64(&shared->used, 0);
	ConditionVariableInit(&shared->progress);
	shared->space = room;
	shared->n = given->n;
	shared->today = cd_standard_today();
	strlcpy(shared->region, region, sizeof(shared->region));
	memcpy(starts, given->at, given->n * sizeof(Size));
	memcpy(values, given->base, given->used);
	for (uint32 i = 0; i < nanswers; i++)
		pg_atomic_init_u64(&place[i], 0);
	shm_toc_insert(pcxt->toc, SHARED_STATE, shared);
	shm_toc_insert(pcxt->toc, SHARED_STARTS, starts);
	shm_toc_insert(pcxt->toc, SHARED_VALUES, values);
	shm_toc_insert(pcxt->toc, SHARED_PLACES, place);
	shm_toc_insert(pcxt->toc, SHARED_SPACE, space);
	LaunchParallelWorkers(pcxt);
	/* hand on what is there, and make what is not; who waits for a worker has nothing else to do */
	for (uint32 i = 0; i < nanswers; i++)
	{
		uint32		from = i * RECORDS_AT_ONCE;
		uint32		to = Min(from + RECORDS_AT_ONCE, given->n);

		CHECK_FOR_INTERRUPTS();
		while (own[i].data == NULL && pg_atomic_read_u64(&place[i]) == 0)
		{
			if (!prepare_next(shared, given, cache, row, own, context))
			{
				ConditionVariablePrepareToSleep(&shared->progress);
				while (pg_atomic_read_u64(&place[i]) == 0)
					ConditionVariableSleep(&shared->progress, WAIT_EVENT_PARALLEL_FINISH);
				ConditionVariableCancelSleep();
			}
		}
		pg_read_barrier();
		if (own[i].data != NULL)
		{
			take_some(own[i].data, from, to, take, state);
			pfree(own[i].data);
		}
		else if (pg_atomic_read_u64(&place[i]) != NO_ROOM)
			take_some(space + pg_atomic_read_u64(&place[i]) - 1, from, to, take, state);
		else
		{
			scratch.used = 0;
			prepare_some(given->at, given->base, from, to, region, shared->today, cache, row, &scratch);
			take_some(scratch.data, from, to, take, state);
		}
	}
	WaitForParallelWorkersToFinish(pcxt);
	DestroyParallelContext(pcxt);
	ExitParallelMode();
	MemoryContextDelete(context);
}

PGDLLEXPORT void cd_prepare_worker(dsm_segment *segment, shm_toc *toc);

/* A worker: standardise records until none is left. */
void
cd_prepare_worker(dsm_segment *segment, shm_toc *toc)
{
	PrepareState *shared = shm_toc_lookup(toc, SHARED_STATE, false);
	const Size *starts = shm_toc_lookup(toc, SHARED_STARTS, false);
	const char *values = shm_toc_lookup(toc, SHARED_VALUES, false);
	Place	   *place = shm_toc_lookup(toc, SHARED_PLACES, false);
	char	   *space = shm_toc_lookup(toc, SHARED_SPACE, false);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data standard forms", ALLOCSET_DEFAULT_SIZES);
	MemoryContext row = AllocSetContextCreate(context, "customer_data standard forms of a record", ALLOCSET_DEFAULT_SIZES);
	CdStandardCache *cache = cd_standard_cache_create(context);
	Answer		scratch = {0, 65536, NULL};

	scratch.data = MemoryContextAllocHuge(context, scratch.size);
	for (;;)
	{
		uint32		from = pg_atomic_fetch_add_u32(&shared->next, RECORDS_AT_ONCE);
		uint32		to = Min(from + RECORDS_AT_ONCE, shared->n);
		uint64		into;

		if (from >= shared->n)
			break;
		CHECK_FOR_INTERRUPTS();
		scratch.used = 0;
		prepare_some(starts, values, from, to, shared->region, shared->today, cache, row, &scratch);
		into = pg_atomic_fetch_add_u64(&shared->used, MAXALIGN(scratch.used));
		if (into + scratch.used > shared->space)
			into = NO_ROOM;
		else
		{
			memcpy(space + into, scratch.data, scratch.used);
			into++;
		}
		/* the forms are there before it is told where */
		pg_atomic_exchange_u64(&place[from / RECORDS_AT_ONCE], into);
		ConditionVariableBroadcast(&shared->progress);
	}
	MemoryContextDelete(context);
}
