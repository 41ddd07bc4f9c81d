/*
 * crew.c
 *		Lend a hand: what a batch holds is laid into shared memory, and parallel
 *		workers attach to it and do a job together with the session.
 *
 * Workers write to no table.  Where the server has no shared memory to give, or
 * no worker to spare, the session does the same alone.
 */
#include "postgres.h"

#include "customer_data.h"

#include <sys/statvfs.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "identity/crew.h"
#include "identity/prepare.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/dsm_impl.h"

/* Milliseconds that workers asked for are waited for. */
#define MOST_WAITING	2000

/* Arrays of a batch in a segment of shared memory, by their places in it. */
enum
{
	AT, FORMS, TOKENS, GLANCES, TEXTS, RECORD_ARRAYS
};

enum
{
	FIRST, BITS, MEMBERS, RECFIRST, RECKEYS, CHANGED, LIST_ARRAYS
};

#define MOST_ARRAYS		6

typedef struct Segment
{
	dsm_segment *dsm;			/* NULL: nothing is shared */
	Size		place[MOST_ARRAYS];
} Segment;

struct CdShared
{
	Segment		records;
	Segment		lists;
};

/* What a worker is told; its pointers mean nothing there. */
typedef struct Orders
{
	CdJob		job;
	int			members;
	int			npieces;
	Size		size[CD_MAX_PIECES];
	pg_atomic_uint32 ready;		/* workers that have begun */
	dsm_handle	records;
	dsm_handle	lists;
	Size		record_place[MOST_ARRAYS];
	Size		list_place[MOST_ARRAYS];
	uint32		nrecords;
	uint32		ntokens;
	uint32		nkeys;
	uint64		nmembers;
	bool		listed;			/* there are lists */
	bool		some;			/* changed records only */
	int			name_slot;
	int			email_slot;
	bool		counting;
	bool		used[CD_MAX_SLOTS];
	bool		foreign;
	float		all[lengthof(((CdDictionary *) 0)->all)];
	bool		counted;		/* there are frequencies */
	CdStatistics stats;
	CdLayout	layout;
	CdModel		model;
} Orders;

/* Numbers of what is shared of a job besides its pieces. */
#define SHARED_ORDERS	1000
#define SHARED_BLOCKED	1001
#define SHARED_HASHES	1002
#define SHARED_HELD		1003

PGDLLEXPORT void cd_crew_worker(dsm_segment *segment, shm_toc *toc);

/* Can shared memory hold so much? A file system that is too small kills its writers. */
bool
cd_shared_memory_holds(Size size)
{
#if defined(__linux__)
	struct statvfs fs;

	if (dynamic_shared_memory_type == DSM_IMPL_POSIX &&
		statvfs("/dev/shm", &fs) == 0 && (double) fs.f_bavail * fs.f_frsize < size * 1.1 + 8.0 * 1024 * 1024)
		return false;
#endif
	return true;
}

/* How many workers may help at all. */
static int
most_workers(void)
{
	return Min(cd_matching_workers >= 0 ? cd_matching_workers : max_parallel_maintenance_workers, 64);
}

/* An array that moves into a segment. */
typedef struct Array
{
	void	  **data;
	Size		size;
} Array;

/* Move arrays into a new segment, one after the other; false, and nothing is done, if there is none to have. */
static bool
move_arrays(Segment *segment, const Array *array, int n)
{
	Size		total = 0;

	for (int i = 0; i < n; i++)
	{
		segment->place[i] = total;
		total += MAXALIGN(array[i].size);
	}
	if (!cd_shared_memory_holds(total) ||
		(segment->dsm = dsm_create(Max(total, 1), DSM_CREATE_NULL_IF_MAXSEGMENTS)) == NULL)
		return false;
	for (int i = 0; i < n; i++)
	{
		void	   *old = *array[i].data;

		*array[i].data = (char *) dsm_segment_address(segment->dsm) + segment->place[i];
		if (array[i].size > 0)
			memcpy(*array[i].data, old, array[i].size);
		if (old != NULL)
			pfree(old);
	}
	return true;
}

void
cd_share_records(CdEngine *engine, CdRecords *records)
{
	CdDictionary *dict = engine->dict;
	Array		array[RECORD_ARRAYS];
	struct CdShared *shared;

	/* few records are matched sooner than workers start */
	if (most_workers() == 0 || IsInParallelMode() || (cd_matching_workers < 0 && records->n < 10000))
		return;
	shared = MemoryContextAllocZero(engine->context, sizeof(struct CdShared));
	array[AT] = (Array) {(void **) &records->at, records->n * sizeof(uint32)};
	array[FORMS] = (Array) {(void **) &records->base, records->used * sizeof(uint32)};
	array[TOKENS] = (Array) {(void **) &dict->token, dict->ntokens * sizeof(CdToken)};
	array[GLANCES] = (Array) {(void **) &dict->glance, dict->ntokens * sizeof(CdGlance)};
	array[TEXTS] = (Array) {(void **) &dict->pool, dict->poolused};
	if (move_arrays(&shared->records, array, RECORD_ARRAYS))
		engine->shared = shared;
}

void
cd_share_lists(CdEngine *engine, CdBlocking *blocking)
{
	Array		array[LIST_ARRAYS];
	uint32		n = blocking->records->n;

	if (engine->shared == NULL)
		return;
	array[FIRST] = (Array) {(void **) &blocking->first, ((Size) blocking->nkeys + 1) * sizeof(uint32)};
	array[BITS] = (Array) {(void **) &blocking->bits, (Size) blocking->nkeys * sizeof(int16)};
	array[MEMBERS] = (Array) {(void **) &blocking->member, blocking->nmembers * sizeof(uint32)};
	array[RECFIRST] = (Array) {(void **) &blocking->recfirst, ((Size) n + 1) * sizeof(uint32)};
	array[RECKEYS] = (Array) {(void **) &blocking->reckey, blocking->nmembers * sizeof(uint32)};
	array[CHANGED] = (Array) {(void **) &blocking->changed, blocking->changed == NULL ? 0 : n * sizeof(bool)};
	/* where there is no room for them all jobs that need them are done alone */
	blocking->shared = move_arrays(&engine->shared->lists, array, blocking->changed == NULL ? CHANGED : LIST_ARRAYS);
}

void
cd_unshare(CdEngine *engine)
{
	if (engine->shared == NULL)
		return;
	if (engine->shared->lists.dsm != NULL)
		dsm_detach(engine->shared->lists.dsm);
	dsm_detach(engine->shared->records.dsm);
	engine->shared = NULL;
}

int
cd_crew_size(const CdEngine *engine, double work)
{
	if (engine->shared == NULL)
		return 0;
	return cd_matching_workers >= 0 ? most_workers() : (int) Max(Min(work, most_workers()), 0);
}

/* Texts of the layout that scoring reads, one behind the other. */
static char *
blocked_patterns(const CdLayout *layout, Size *size)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	for (int s = 0; s < layout->nslots; s++)
	{
		const char *pattern = layout->slot[s].blocked == NULL ? "" : layout->slot[s].blocked;

		appendBinaryStringInfo(&buffer, pattern, strlen(pattern) + 1);
	}
	*size = buffer.len;
	return buffer.data;
}

/* Lay bytes into the table of contents, or make room for some. */
static void *
put_piece(shm_toc *toc, uint64 key, const void *data, Size size)
{
	void	   *into = shm_toc_allocate(toc, Max(size, 1));

	if (data != NULL)
		memcpy(into, data, size);
	shm_toc_insert(toc, key, into);
	return into;
}

/* Write down what workers have to know. */
static void
give_orders(CdCrew *crew, Orders *orders, const Size *size)
{
	const CdEngine *engine = crew->engine;
	const CdBlocking *blocking = crew->blocking;

	memset(orders, 0, sizeof(Orders));
	orders->job = crew->job;
	orders->members = crew->members;
	orders->npieces = crew->npieces;
	memcpy(orders->size, size, crew->npieces * sizeof(Size));
	pg_atomic_init_u32(&orders->ready, 0);
	orders->records = dsm_segment_handle(engine->shared->records.dsm);
	memcpy(orders->record_place, engine->shared->records.place, sizeof(orders->record_place));
	orders->nrecords = crew->records->n;
	orders->ntokens = engine->dict->ntokens;
	orders->listed = blocking != NULL;
	if (blocking != NULL)
	{
		orders->lists = dsm_segment_handle(engine->shared->lists.dsm);
		memcpy(orders->list_place, engine->shared->lists.place, sizeof(orders->list_place));
		orders->nkeys = blocking->nkeys;
		orders->nmembers = blocking->nmembers;
		orders->some = blocking->changed != NULL;
	}
	orders->name_slot = engine->name_slot;
	orders->email_slot = engine->email_slot;
	orders->counting = engine->counting;
	memcpy(orders->used, engine->used, sizeof(engine->used));
	orders->foreign = engine->dict->foreign;
	memcpy(orders->all, engine->dict->all, sizeof(orders->all));
	orders->counted = engine->stats != NULL;
	if (engine->stats != NULL)
		memcpy(&orders->stats, engine->stats, sizeof(CdStatistics));
	memcpy(&orders->layout, engine->layout, sizeof(CdLayout));
	memcpy(&orders->model, engine->model, sizeof(CdModel));
}

CdCrew *
cd_crew_begin(CdEngine *engine, CdRecords *records, CdBlocking *blocking, CdJob job, int workers,
			  int npieces, const Size *size)
{
	CdCrew	   *crew = MemoryContextAllocZero(engine->context, sizeof(CdCrew));
	Size		total = 0;
	Size		texts;
	Size		hashes = engine->stats == NULL ? 0 : (Size) engine->stats->mask + 1;
	char	   *blocked;
	ParallelContext *pcxt;

	crew->engine = engine;
	crew->records = records;
	crew->blocking = blocking;
	crew->job = job;
	crew->npieces = npieces;
	for (int i = 0; i < npieces; i++)
		total += size[i];
	if (workers == 0 || engine->shared == NULL || (blocking != NULL && !blocking->shared) || IsInParallelMode() ||
		!cd_shared_memory_holds(total + hashes * (sizeof(uint64) + 1)))
	{
		crew->members = 1;
		for (int i = 0; i < npieces; i++)
			crew->piece[i] = MemoryContextAllocHuge(engine->context, Max(size[i], 1));
		return crew;
	}
	crew->members = workers + 1;
	blocked = blocked_patterns(engine->layout, &texts);
	EnterParallelMode();
	pcxt = crew->pcxt = CreateParallelContext("customer_data", "cd_crew_worker", workers);
	for (int i = 0; i < npieces; i++)
		shm_toc_estimate_chunk(&pcxt->estimator, Max(size[i], 1));
	shm_toc_estimate_chunk(&pcxt->estimator, sizeof(Orders));
	shm_toc_estimate_chunk(&pcxt->estimator, Max(texts, 1));
	shm_toc_estimate_chunk(&pcxt->estimator, Max(hashes * sizeof(uint64), 1));
	shm_toc_estimate_chunk(&pcxt->estimator, Max(hashes, 1));
	shm_toc_estimate_keys(&pcxt->estimator, npieces + 4);
	/* where the server has none to give, there are no workers either */
	InitializeParallelDSM(pcxt);
	for (int i = 0; i < npieces; i++)
		crew->piece[i] = put_piece(pcxt->toc, i, NULL, size[i]);
	give_orders(crew, put_piece(pcxt->toc, SHARED_ORDERS, NULL, sizeof(Orders)), size);
	put_piece(pcxt->toc, SHARED_BLOCKED, blocked, texts);
	put_piece(pcxt->toc, SHARED_HASHES, hashes == 0 ? NULL : engine->stats->hash, hashes * sizeof(uint64));
	put_piece(pcxt->toc, SHARED_HELD, hashes == 0 ? NULL : engine->stats->bits, hashes);
	return crew;
}

/* Let the workers begin. */
void
cd_crew_start(CdCrew *crew)
{
	Orders	   *orders;

	if (crew->pcxt == NULL)
		return;
	LaunchParallelWorkers(crew->pcxt);
	orders = shm_toc_lookup(crew->pcxt->toc, SHARED_ORDERS, false);
	/* who asks for workers wants them to work, however little there is to do */
	for (int i = 0; cd_matching_workers > 0 && i < MOST_WAITING; i++)
	{
		if (pg_atomic_read_u32(&orders->ready) >= (uint32) crew->pcxt->nworkers_launched)
			break;
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000);
	}
}

/* Wait until the workers have ended. */
void
cd_crew_wait(CdCrew *crew)
{
	if (crew->pcxt != NULL)
		WaitForParallelWorkersToFinish(crew->pcxt);
}

/* Let the pieces go. */
void
cd_crew_end(CdCrew *crew)
{
	if (crew->pcxt != NULL)
	{
		DestroyParallelContext(crew->pcxt);
		ExitParallelMode();
	}
	else
	{
		for (int i = 0; i < crew->npieces; i++)
			pfree(crew->piece[i]);
	}
	pfree(crew);
}

/* Attach to a segment; arrays answer where they are. */
static dsm_segment *
attach(dsm_handle handle, const Size *place, int n, void **array)
{
	dsm_segment *dsm = dsm_attach(handle);

	if (dsm == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("records being matched are not there any more"),
				 errdetail("The session that matches them has ended.")));
	for (int i = 0; i < n; i++)
		array[i] = (char *) dsm_segment_address(dsm) + place[i];
	return dsm;
}

/* A worker: put together what it works on, and work. */
void
cd_crew_worker(dsm_segment *segment, shm_toc *toc)
{
	Orders	   *orders = shm_toc_lookup(toc, SHARED_ORDERS, false);
	char	   *pattern = shm_toc_lookup(toc, SHARED_BLOCKED, false);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data matching", ALLOCSET_DEFAULT_SIZES);
	CdCrew	   *crew = MemoryContextAllocZero(context, sizeof(CdCrew));
	CdEngine   *engine = MemoryContextAllocZero(context, sizeof(CdEngine));
	CdDictionary *dict = MemoryContextAllocZero(context, sizeof(CdDictionary));
	CdRecords  *records = MemoryContextAllocZero(context, sizeof(CdRecords));
	void	   *array[MOST_ARRAYS];
	dsm_segment *record_segment;
	dsm_segment *list_segment = NULL;

	record_segment = attach(orders->records, orders->record_place, RECORD_ARRAYS, array);
	records->n = orders->nrecords;
	records->at = array[AT];
	records->base = array[FORMS];
	dict->context = context;
	dict->ntokens = orders->ntokens;
	dict->foreign = orders->foreign;
	memcpy(dict->all, orders->all, sizeof(dict->all));
	dict->token = array[TOKENS];
	dict->glance = array[GLANCES];
	dict->pool = array[TEXTS];
	engine->context = context;
	engine->dict = dict;
	engine->layout = MemoryContextAlloc(context, sizeof(CdLayout));
	memcpy(engine->layout, &orders->layout, sizeof(CdLayout));
	for (int s = 0; s < engine->layout->nslots; s++)
	{
		engine->layout->slot[s].blocked = pattern;
		pattern += strlen(pattern) + 1;
	}
	engine->model = MemoryContextAlloc(context, sizeof(CdModel));
	memcpy(engine->model, &orders->model, sizeof(CdModel));
	if (orders->counted)
	{
		engine->stats = MemoryContextAlloc(context, sizeof(CdStatistics));
		memcpy(engine->stats, &orders->stats, sizeof(CdStatistics));
		engine->stats->context = context;
		engine->stats->hash = shm_toc_lookup(toc, SHARED_HASHES, false);
		engine->stats->bits = shm_toc_lookup(toc, SHARED_HELD, false);
	}
	engine->counting = orders->counting;
	engine->name_slot = orders->name_slot;
	engine->email_slot = orders->email_slot;
	memcpy(engine->used, orders->used, sizeof(engine->used));
	crew->engine = engine;
	crew->records = records;
	if (orders->listed)
	{
		CdBlocking *blocking = MemoryContextAllocZero(context, sizeof(CdBlocking));

		list_segment = attach(orders->lists, orders->list_place, LIST_ARRAYS, array);
		blocking->context = context;
		blocking->records = records;
		blocking->nkeys = orders->nkeys;
		blocking->nmembers = orders->nmembers;
		blocking->first = array[FIRST];
		blocking->bits = array[BITS];
		blocking->member = array[MEMBERS];
		blocking->recfirst = array[RECFIRST];
		blocking->reckey = array[RECKEYS];
		blocking->changed = orders->some ? array[CHANGED] : NULL;
		cd_blocking_scratch(blocking);
		crew->blocking = blocking;
	}
	crew->job = orders->job;
	crew->members = orders->members;
	crew->member = ParallelWorkerNumber + 1;
	crew->npieces = orders->npieces;
	for (int i = 0; i < crew->npieces; i++)
		crew->piece[i] = shm_toc_lookup(toc, i, false);
	pg_atomic_fetch_add_u32(&orders->ready, 1);
	switch (crew->job)
	{
		case CD_JOB_EXCHANGE:
			cd_exchange_work(crew);
			break;
		case CD_JOB_SAMPLE:
			cd_sample_work(crew);
			break;
		case CD_JOB_SCORE:
			cd_score_work(crew);
			break;
		case CD_JOB_CANDIDATES:
			cd_candidates_work(crew);
			break;
	}
	MemoryContextDelete(context);
	if (list_segment != NULL)
		dsm_detach(list_segment);
	dsm_detach(record_segment);
}
