/*
 * parallel.c
 *		Ask conditions in parallel workers, each of a range of customers.
 *
 * A worker reads, asks and collects as the one process does otherwise and
 * sends its rows through a queue; the leader only receives them.  Where
 * subtransactions are not to be had a failing condition cannot be set aside:
 * then the worker's error ends the attempt, and the leader begins again alone.
 */
#include "postgres.h"

#include "segment/evaluate.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/tqueue.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/shm_mq.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#if PG_VERSION_NUM >= 140000
#include "utils/wait_event.h"
#endif

/* Fewer customers than this are asked sooner than workers start. */
#define CUSTOMERS_PER_WORKER	50000
#define MOST_WORKERS			CD_SEGMENT_WORKERS_MOST
#define RANGES_PER_WORKER		2
#define MOST_RANGES				(MOST_WORKERS * RANGES_PER_WORKER)
#define QUEUE_SIZE				((Size) 256 * 1024)

enum
{
	SHARED_STATE,
	SHARED_IDS,
	SHARED_DUES,
	SHARED_TOUCHED,				/* where members are kept */
	SHARED_QUEUES
};

/* What workers share: the ranges of customers, and which one is next. */
typedef struct SharedState
{
	pg_atomic_uint32 next;
	uint32		nranges;
	uint32		least[MOST_RANGES];
	uint32		greatest[MOST_RANGES];
} SharedState;

int			cd_segment_workers = -1;

PGDLLEXPORT void cd_evaluate_worker(dsm_segment *segment, shm_toc *toc);

/* Is a function not marked PARALLEL SAFE? */
static bool
is_unsafe_function(Oid function, void *arg)
{
	return func_parallel(function) != PROPARALLEL_SAFE;
}

static bool
unsafe_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (check_functions_in_node(node, is_unsafe_function, NULL))
		return true;
	return expression_tree_walker(node, unsafe_walker, arg);
}

/* How many workers there is work for, if conditions may be asked in workers at all. */
static int
workers_for(CdRun *run, double customers)
{
	int			i;

	if (run->recompute || IsInParallelMode() || cd_segment_workers == 0)
		return 0;
	for (i = 0; i < run->nasked; i++)
		if (!run->asked[i].failed &&
			(run->asked[i].condition->by_sql || unsafe_walker((Node *) run->asked[i].condition->expr, NULL)))
			return 0;
	if (cd_segment_workers > 0)
		return cd_segment_workers;
	return Min(Min(max_parallel_maintenance_workers, MOST_WORKERS), (int) (customers / CUSTOMERS_PER_WORKER));
}

/* The first and last customer to be asked and about how many there are. */
static bool
find_bounds(CdRun *run, uint32 *least, uint32 *greatest, double *customers)
{
	bool		isnull;
	bool		found;

	if (!run->everyone)
	{
		*customers = (double) cd_set_cardinality(run->due);
		return cd_set_bounds(run->due, least, greatest);
	}
	if (cd_spi_query("SELECT min(p.customer_id), max(p.customer_id), "
					 "(SELECT reltuples FROM pg_catalog.pg_class WHERE oid = 'customer_data.customer'::regclass)::float8 "
					 "FROM customer_data.customer p", 0, NULL, NULL, NULL) != SPI_OK_SELECT)
		return false;
	*least = (uint32) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	*greatest = (uint32) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	found = !isnull;
	*customers = DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return found;
}

/* Put a value into shared memory. */
static void
share(ParallelContext *pcxt, int key, const void *data, Size size)
{
	void	   *into = shm_toc_allocate(pcxt->toc, size);

	memcpy(into, data, size);
	shm_toc_insert(pcxt->toc, key, into);
}

/* Receive the rows of all workers. */
static void
receive_rows(CdRun *run, TupleQueueReader **readers, int n)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(run->rowtype, &TTSOpsMinimalTuple);
	int			open = n;
	int			i;

	while (open > 0)
	{
		bool		any = false;

		for (i = 0; i < n; i++)
		{
			MinimalTuple tuple;
			bool		done = false;

			while (readers[i] != NULL && (tuple = TupleQueueReaderNext(readers[i], true, &done)) != NULL)
			{
				ExecStoreMinimalTuple(tuple, slot, false);
				tuplestore_puttupleslot(run->store, slot);
				any = true;
			}
			if (done)
			{
				DestroyTupleQueueReader(readers[i]);
				readers[i] = NULL;
				open--;
			}
		}
		CHECK_FOR_INTERRUPTS();
		if (!any && open > 0)
		{
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, 0, WAIT_EVENT_EXECUTE_GATHER);
			ResetLatch(MyLatch);
		}
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Start workers and receive what they find; false if none could be started. */
static bool
run_workers(CdRun *run, ArrayType *ids, ArrayType *dues, const SharedState *state, int n)
{
	ParallelContext *pcxt;
	TupleQueueReader *readers[MOST_WORKERS];
	shm_mq_handle *queues[MOST_WORKERS];
	char	   *space;
	int			i;

	EnterParallelMode();
	pcxt = CreateParallelContext("customer_data", "cd_evaluate_worker", n);
	shm_toc_estimate_chunk(&pcxt->estimator, sizeof(SharedState));
	shm_toc_estimate_chunk(&pcxt->estimator, VARSIZE(ids));
	shm_toc_estimate_chunk(&pcxt->estimator, VARSIZE(dues));
	shm_toc_estimate_chunk(&pcxt->estimator, VARSIZE(run->touched));
	shm_toc_estimate_chunk(&pcxt->estimator, QUEUE_SIZE * n);
	shm_toc_estimate_keys(&pcxt->estimator, 5);
	InitializeParallelDSM(pcxt);
	if (pcxt->seg == NULL)
	{
		DestroyParallelContext(pcxt);
		ExitParallelMode();
		return false;
	}
	share(pcxt, SHARED_STATE, state, sizeof(SharedState));
	pg_atomic_init_u32(&((SharedState *) shm_toc_lookup(pcxt->toc, SHARED_STATE, false))->next, 0);
	share(pcxt, SHARED_IDS, ids, VARSIZE(ids));
	share(pcxt, SHARED_DUES, dues, VARSIZE(dues));
	if (run->turns)
		share(pcxt, SHARED_TOUCHED, run->touched, VARSIZE(run->touched));
	space = shm_toc_allocate(pcxt->toc, QUEUE_SIZE * n);
	shm_toc_insert(pcxt->toc, SHARED_QUEUES, space);
	for (i = 0; i < n; i++)
	{
		shm_mq	   *queue = shm_mq_create(space + i * QUEUE_SIZE, QUEUE_SIZE);

		shm_mq_set_receiver(queue, MyProc);
		queues[i] = shm_mq_attach(queue, pcxt->seg, NULL);
	}
	LaunchParallelWorkers(pcxt);
	n = pcxt->nworkers_launched;
	for (i = 0; i < n; i++)
	{
		shm_mq_set_handle(queues[i], pcxt->worker[i].bgwhandle);
		readers[i] = CreateTupleQueueReader(queues[i]);
	}
	if (n > 0)
		receive_rows(run, readers, n);
	WaitForParallelWorkersToFinish(pcxt);
	DestroyParallelContext(pcxt);
	ExitParallelMode();
	return n > 0;
}

/*
 * Ask the conditions of a run that has been set up in parallel workers.  False
 * where that is not worthwhile or not possible; where it was begun and failed
 * *begun tells that rows may have been received.
 */
bool
cd_evaluate_in_parallel(CdRun *run, ArrayType *ids, ArrayType *dues, bool *begun)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	SharedState state;
	uint32		least,
				greatest,
				first,
				chunks;
	double		customers;
	int			n,
				i;
	volatile bool done = false;

	*begun = false;
	memset(&state, 0, sizeof(state));
	if (!find_bounds(run, &least, &greatest, &customers) || (n = workers_for(run, customers)) <= 0)
		return false;
	/* Ranges end where chunks of members do. */
	first = least >> 16;
	chunks = (greatest >> 16) - first + 1;
	n = (int) Min((uint32) n, chunks);
	state.nranges = Min((uint32) n * RANGES_PER_WORKER, chunks);
	for (i = 0; i < (int) state.nranges; i++)
	{
		uint32		end = first + chunks * (i + 1) / state.nranges;

		state.least[i] = i == 0 ? 0 : state.greatest[i - 1] + 1;
		state.greatest[i] = i == (int) state.nranges - 1 ? PG_UINT32_MAX : (end << 16) - 1;
	}

	*begun = true;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		done = run_workers(run, ids, dues, &state, n);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			ReThrowError(error);
		ereport(DEBUG1, (errmsg_internal("conditions are asked without workers: %s", error->message)));
	}
	PG_END_TRY();
	return done;
}

/* A worker: ask ranges of customers until none is left. */
void
cd_evaluate_worker(dsm_segment *segment, shm_toc *toc)
{
	SharedState *state = shm_toc_lookup(toc, SHARED_STATE, false);
	ArrayType  *ids = shm_toc_lookup(toc, SHARED_IDS, false);
	ArrayType  *dues = shm_toc_lookup(toc, SHARED_DUES, false);
	CdSet	   *touched = shm_toc_lookup(toc, SHARED_TOUCHED, true);
	char	   *space = shm_toc_lookup(toc, SHARED_QUEUES, false);
	shm_mq	   *queue = (shm_mq *) (space + ParallelWorkerNumber * QUEUE_SIZE);
	Oid			set_type = cd_customer_set_type();
	TupleDesc	rowtype = CreateTemplateTupleDesc(8);
	DestReceiver *receiver;
	uint32		range;

	shm_mq_set_sender(queue, MyProc);
	receiver = CreateTupleQueueDestReceiver(shm_mq_attach(queue, segment, NULL));
	TupleDescInitEntry(rowtype, 1, "condition_id", INT4OID, -1, 0);
	TupleDescInitEntry(rowtype, 2, "what", TEXTOID, -1, 0);
	TupleDescInitEntry(rowtype, 3, "chunk", INT4OID, -1, 0);
	TupleDescInitEntry(rowtype, 4, "due", TIMESTAMPTZOID, -1, 0);
	TupleDescInitEntry(rowtype, 5, "customers", set_type, -1, 0);
	TupleDescInitEntry(rowtype, 6, "message", TEXTOID, -1, 0);
	TupleDescInitEntry(rowtype, 7, "conditions", INT4ARRAYOID, -1, 0);
	TupleDescInitEntry(rowtype, 8, "sets", get_array_type(set_type), -1, 0);
	receiver->rStartup(receiver, CMD_SELECT, rowtype);
	while ((range = pg_atomic_fetch_add_u32(&state->next, 1)) < state->nranges)
		cd_evaluate_range(ids, dues, touched, receiver, rowtype, state->least[range], state->greatest[range]);
	receiver->rShutdown(receiver);
	receiver->rDestroy(receiver);
}
