/*
 * parallel.c
 *		Score the candidates of a batch together with parallel workers.
 *
 * The leader lays forms, tokens, posting lists and the model into shared
 * memory; whoever has nothing to do takes the next records.  Workers touch no
 * table: their links go back through shared memory and the leader writes them;
 * what finds no room there the leader scores itself.  Where the server has no
 * shared memory to give there are no workers.
 * A pair scores the same wherever it is scored, and links are sorted before
 * they are written, so that the number of workers changes nothing.
 */
#include "postgres.h"

#include "customer_data.h"

#include <sys/statvfs.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "identity/engine.h"
#include "identity/prepare.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/dsm_impl.h"
#include "worker/progress.h"

/* Fewer pairs than this are scored sooner than workers start. */
#define PAIRS_PER_WORKER	500000.0
/* Milliseconds that workers asked for are waited for. */
#define MOST_WAITING		2000
/* Records taken at a time. */
#define RECORDS_AT_ONCE		64

/* What is shared, each under its number in the table of contents. */
enum
{
	SHARED_STATE,
	SHARED_AT,
	SHARED_FORMS,
	SHARED_TOKENS,
	SHARED_GLANCES,
	SHARED_TEXTS,
	SHARED_FIRST,
	SHARED_BITS,
	SHARED_MEMBERS,
	SHARED_RECFIRST,
	SHARED_RECKEYS,
	SHARED_CHANGED,
	SHARED_BLOCKED,
	SHARED_UNDONE,
	SHARED_LINKS,
	SHARED_PIECES
};

typedef struct SharedState
{
	pg_atomic_uint32 next;		/* record to take */
	pg_atomic_uint32 ready;		/* workers that have begun */
	pg_atomic_uint64 pairs;		/* scored by workers */
	pg_atomic_uint64 nlinks;	/* in the space for them */
	uint64		maxlinks;
	uint32		nrecords;
	uint32		ntokens;
	int			name_slot;
	bool		some;			/* changed records only */
	bool		used[CD_MAX_SLOTS];
	float		all[lengthof(((CdDictionary *) 0)->all)];
	CdLayout	layout;			/* its pointers mean nothing here */
	CdModel		model;			/* its pointers neither */
} SharedState;

typedef struct Piece
{
	const void *data;
	Size		size;
} Piece;

PGDLLEXPORT void cd_score_worker(dsm_segment *segment, shm_toc *toc);

/* Score the records from one on. */
static void
score_some(CdEngine *engine, CdBlocking *blocking, uint32 from, CdLinks *links)
{
	uint32		to = Min(from + RECORDS_AT_ONCE, blocking->records->n);

	for (uint32 r = from; r < to; r++)
	{
		CHECK_FOR_INTERRUPTS();
		cd_score_candidates(engine, blocking, r, links);
	}
}

/* Take records until none is left. */
static void
score_share(CdEngine *engine, CdBlocking *blocking, pg_atomic_uint32 *next, CdLinks *links)
{
	for (;;)
	{
		uint32		from = pg_atomic_fetch_add_u32(next, RECORDS_AT_ONCE);

		if (from >= blocking->records->n)
			break;
		score_some(engine, blocking, from, links);
		cd_progress_set(Min(from + RECORDS_AT_ONCE, blocking->records->n));
	}
}

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

/* How many workers there is work for. */
static int
workers_for(const CdBlocking *blocking)
{
	double		pairs = blocking->expected;
	int			n;

	if (cd_matching_workers >= 0)
		return cd_matching_workers;
	n = Min(max_parallel_maintenance_workers, (int) Min(pairs / PAIRS_PER_WORKER, 64));
	return Max(n, 0);
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

/* Score all candidates, with the workers there are. */
void
cd_score_all(CdEngine *engine, CdBlocking *blocking, CdLinks *links)
{
	const CdRecords *records = blocking->records;
	const CdDictionary *dict = engine->dict;
	int			wanted = workers_for(blocking);
	Piece		piece[SHARED_PIECES] = {{0}};
	Size		total = 0;
	ParallelContext *pcxt;
	SharedState *shared;
	bool	   *undone;
	pg_atomic_uint32 alone;
	uint32		nparts = (records->n + RECORDS_AT_ONCE - 1) / RECORDS_AT_ONCE;

	cd_plan_scoring(engine);
	cd_progress_begin("records scored", records->n);
	piece[SHARED_STATE].size = sizeof(SharedState);
	piece[SHARED_AT] = (Piece) {records->at, records->n * sizeof(uint32)};
	piece[SHARED_FORMS] = (Piece) {records->base, records->used * sizeof(uint32)};
	piece[SHARED_TOKENS] = (Piece) {dict->token, dict->ntokens * sizeof(CdToken)};
	piece[SHARED_GLANCES] = (Piece) {dict->glance, dict->ntokens * sizeof(CdGlance)};
	piece[SHARED_TEXTS] = (Piece) {dict->pool, dict->poolused};
	piece[SHARED_FIRST] = (Piece) {blocking->first, ((Size) blocking->nkeys + 1) * sizeof(uint32)};
	piece[SHARED_BITS] = (Piece) {blocking->bits, (Size) blocking->nkeys * sizeof(int16)};
	piece[SHARED_MEMBERS] = (Piece) {blocking->member, blocking->nmembers * sizeof(uint32)};
	piece[SHARED_RECFIRST] = (Piece) {blocking->recfirst, ((Size) records->n + 1) * sizeof(uint32)};
	piece[SHARED_RECKEYS] = (Piece) {blocking->reckey, blocking->nmembers * sizeof(uint32)};
	piece[SHARED_CHANGED] = (Piece) {blocking->changed, blocking->changed == NULL ? 0 : records->n * sizeof(bool)};
	piece[SHARED_BLOCKED].data = blocked_patterns(engine->layout, &piece[SHARED_BLOCKED].size);
	piece[SHARED_UNDONE].size = nparts * sizeof(bool);
	/* hardly a record has more than one link */
	piece[SHARED_LINKS].size = ((Size) records->n + 4096) * sizeof(CdScored);
	for (int i = 0; i < SHARED_PIECES; i++)
		total += piece[i].size;

	if (wanted == 0 || IsInParallelMode() || !cd_shared_memory_holds(total))
	{
		pg_atomic_init_u32(&alone, 0);
		score_share(engine, blocking, &alone, links);
		cd_progress_end();
		return;
	}

	EnterParallelMode();
	pcxt = CreateParallelContext("customer_data", "cd_score_worker", Min(wanted, 64));
	for (int i = 0; i < SHARED_PIECES; i++)
		shm_toc_estimate_chunk(&pcxt->estimator, Max(piece[i].size, 1));
	shm_toc_estimate_keys(&pcxt->estimator, SHARED_PIECES);
	InitializeParallelDSM(pcxt);
	for (int i = 0; i < SHARED_PIECES; i++)
	{
		char	   *into = shm_toc_allocate(pcxt->toc, Max(piece[i].size, 1));

		if (i == SHARED_STATE || i == SHARED_UNDONE)
			memset(into, 0, piece[i].size);
		else if (piece[i].data != NULL && piece[i].size > 0)
			memcpy(into, piece[i].data, piece[i].size);
		shm_toc_insert(pcxt->toc, i, into);
	}
	shared = shm_toc_lookup(pcxt->toc, SHARED_STATE, false);
	pg_atomic_init_u32(&shared->next, 0);
	pg_atomic_init_u32(&shared->ready, 0);
	pg_atomic_init_u64(&shared->pairs, 0);
	shared->nrecords = records->n;
	shared->ntokens = dict->ntokens;
	shared->name_slot = engine->name_slot;
	shared->some = blocking->changed != NULL;
	memcpy(shared->used, engine->used, sizeof(engine->used));
	memcpy(shared->all, dict->all, sizeof(dict->all));
	memcpy(&shared->layout, engine->layout, sizeof(CdLayout));
	memcpy(&shared->model, engine->model, sizeof(CdModel));
	pg_atomic_init_u64(&shared->nlinks, 0);
	shared->maxlinks = piece[SHARED_LINKS].size / sizeof(CdScored);

	LaunchParallelWorkers(pcxt);
	/* who asks for workers wants them to work, however little there is to do */
	for (int i = 0; cd_matching_workers > 0 && i < MOST_WAITING; i++)
	{
		if (pg_atomic_read_u32(&shared->ready) >= (uint32) pcxt->nworkers_launched)
			break;
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000);
	}
	score_share(engine, blocking, &shared->next, links);
	WaitForParallelWorkersToFinish(pcxt);
	ereport(DEBUG1,
			(errmsg_internal("%d parallel workers scored " UINT64_FORMAT " pairs, the session " UINT64_FORMAT,
							 pcxt->nworkers_launched, pg_atomic_read_u64(&shared->pairs), links->pairs)));
	links->pairs += pg_atomic_read_u64(&shared->pairs);
	{
		Size		n = Min(pg_atomic_read_u64(&shared->nlinks), shared->maxlinks);

		if (links->n + n > links->max)
		{
			links->max = links->n + n;
			links->item = repalloc_huge(links->item, links->max * sizeof(CdScored));
		}
		memcpy(links->item + links->n, shm_toc_lookup(pcxt->toc, SHARED_LINKS, false), n * sizeof(CdScored));
		links->n += n;
	}
	/* what a worker found no room for */
	undone = shm_toc_lookup(pcxt->toc, SHARED_UNDONE, false);
	for (uint32 part = 0; part < nparts; part++)
	{
		if (undone[part])
			score_some(engine, blocking, part * RECORDS_AT_ONCE, links);
	}
	DestroyParallelContext(pcxt);
	ExitParallelMode();
	cd_progress_end();
}

/* A worker: score records until none is left, hand the links back. */
void
cd_score_worker(dsm_segment *segment, shm_toc *toc)
{
	SharedState *shared = shm_toc_lookup(toc, SHARED_STATE, false);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data scoring", ALLOCSET_DEFAULT_SIZES);
	CdEngine   *engine = MemoryContextAllocZero(context, sizeof(CdEngine));
	CdLayout   *layout = MemoryContextAlloc(context, sizeof(CdLayout));
	CdModel    *model = MemoryContextAlloc(context, sizeof(CdModel));
	CdDictionary *dict = MemoryContextAllocZero(context, sizeof(CdDictionary));
	CdRecords  *records = MemoryContextAllocZero(context, sizeof(CdRecords));
	CdBlocking *blocking = MemoryContextAllocZero(context, sizeof(CdBlocking));
	CdLinks    *links = cd_links_create(context);
	CdScored   *space = shm_toc_lookup(toc, SHARED_LINKS, false);
	bool	   *undone = shm_toc_lookup(toc, SHARED_UNDONE, false);
	bool		full = false;
	char	   *pattern = shm_toc_lookup(toc, SHARED_BLOCKED, false);

	memcpy(layout, &shared->layout, sizeof(CdLayout));
	memcpy(model, &shared->model, sizeof(CdModel));
	for (int s = 0; s < layout->nslots; s++)
	{
		layout->slot[s].blocked = pattern;
		pattern += strlen(pattern) + 1;
	}
	dict->context = context;
	dict->ntokens = shared->ntokens;
	memcpy(dict->all, shared->all, sizeof(dict->all));
	dict->token = shm_toc_lookup(toc, SHARED_TOKENS, false);
	dict->glance = shm_toc_lookup(toc, SHARED_GLANCES, false);
	dict->pool = shm_toc_lookup(toc, SHARED_TEXTS, false);
	records->n = shared->nrecords;
	records->at = shm_toc_lookup(toc, SHARED_AT, false);
	records->base = shm_toc_lookup(toc, SHARED_FORMS, false);
	blocking->context = context;
	blocking->records = records;
	blocking->first = shm_toc_lookup(toc, SHARED_FIRST, false);
	blocking->bits = shm_toc_lookup(toc, SHARED_BITS, false);
	blocking->member = shm_toc_lookup(toc, SHARED_MEMBERS, false);
	blocking->recfirst = shm_toc_lookup(toc, SHARED_RECFIRST, false);
	blocking->reckey = shm_toc_lookup(toc, SHARED_RECKEYS, false);
	if (shared->some)
		blocking->changed = shm_toc_lookup(toc, SHARED_CHANGED, false);
	engine->context = context;
	engine->layout = layout;
	engine->model = model;
	engine->dict = dict;
	engine->name_slot = shared->name_slot;
	memcpy(engine->used, shared->used, sizeof(engine->used));
	cd_blocking_scratch(blocking);
	cd_plan_scoring(engine);

	pg_atomic_fetch_add_u32(&shared->ready, 1);
	while (!full)
	{
		uint32		from = pg_atomic_fetch_add_u32(&shared->next, RECORDS_AT_ONCE);
		uint64		into;

		if (from >= records->n)
			break;
		links->n = links->pairs = 0;
		score_some(engine, blocking, from, links);
		into = pg_atomic_read_u64(&shared->nlinks);
		/* room for all or none of them */
		while (into + links->n <= shared->maxlinks &&
			   !pg_atomic_compare_exchange_u64(&shared->nlinks, &into, into + links->n))
			;
		full = into + links->n > shared->maxlinks;
		if (full)
			undone[from / RECORDS_AT_ONCE] = true;
		else
		{
			memcpy(space + into, links->item, links->n * sizeof(CdScored));
			pg_atomic_fetch_add_u64(&shared->pairs, links->pairs);
		}
	}
	MemoryContextDelete(context);
}
