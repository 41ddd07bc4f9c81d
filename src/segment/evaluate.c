/*
 * evaluate.c
 *		Ask many conditions of many customers in one pass.
 *
 * Customers are read in batches, ascending: the columns that any condition
 * uses, and the timeline, detoasted once and cut at as_of().  Conditions are
 * ordered so that one comes after those it asks for by in_segment(), and run
 * in groups of one owner, each group of a batch in a subtransaction as that
 * owner.  A condition that raises an error is set aside with its message and
 * the group goes on behind it.
 *
 * What comes out are rows (condition, what, chunk, due, customers, message,
 * conditions, sets):
 *	'true'	customers of a chunk that it holds for; or, where members are kept,
 *	'turn'	what becomes of a chunk of its members: customers, or, where these
 *			stay as they are but for some that joined or are gone, NULL; sets:
 *			joined, gone, entered, exited
 *	'due'	for several conditions, those whose answer may change at "due" if
 *			nothing new arrives; none for conditions asked of everyone anyway
 *	'error'	the message; customers holds the one it happened at
 * Moments leave whenever they would take more than maintenance_work_mem, all
 * else when a chunk of 65536 ids is done with.
 */
#include "postgres.h"

#include "run_as.h"
#include "segment/collect.h"
#include "segment/evaluate.h"
#include "segment/program.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

/* Must a condition be asked of a customer of the batch? */
static bool
is_due(CdRun *run, CdAsked *asked, int row)
{
	uint32		id = run->ids[row];
	int			i;

	if (asked->due == NULL || (!asked->apart && (run->touched_rows[row / CD_BLOCK] >> row % CD_BLOCK & 1) != 0))
		return true;
	while (asked->more_due && asked->next_due < id)
		asked->more_due = cd_set_next(&asked->walk, &asked->next_due);
	if (asked->more_due && asked->next_due == id)
		return true;
	/* Or has a segment it asks for just gained or lost the customer? */
	for (i = 0; i < asked->nneeds; i++)
	{
		CdNeed    *segment = asked->needs[i];

		if (segment->asked && segment->asked->answers[row] != ANSWER_NONE &&
			(segment->asked->answers[row] == ANSWER_TRUE) != cd_stored_member(segment, id))
		{
			cd_keep_asked(run, asked, id);
			return true;
		}
	}
	return false;
}

/* Of whom in a block must a condition be asked? */
static uint64
due_rows(CdRun *run, CdAsked *asked, int first, int count)
{
	uint64		customers = asked->apart ? 0 : run->touched_rows[first / CD_BLOCK];
	int			row;

	if (asked->due == NULL)
		return count == CD_BLOCK ? ~UINT64CONST(0) : (UINT64CONST(1) << count) - 1;
	if (!asked->more_due && asked->nneeds == 0)
		return customers;
	for (row = 0; row < count; row++)
		if ((customers & UINT64CONST(1) << row) == 0 && is_due(run, asked, first + row))
			customers |= UINT64CONST(1) << row;
	return customers;
}

/* Who of the batch is asked by all conditions? */
static void
find_touched(CdRun *run)
{
	int			row;

	memset(run->touched_rows, 0, sizeof(run->touched_rows));
	for (row = 0; row < run->count && run->more_touched; row++)
	{
		while (run->more_touched && run->next_touched < run->ids[row])
			run->more_touched = cd_set_next(&run->touched_walk, &run->next_touched);
		if (run->more_touched && run->next_touched == run->ids[row])
			run->touched_rows[row / CD_BLOCK] |= UINT64CONST(1) << row % CD_BLOCK;
	}
}

/* Ask a condition with sub-selects of the whole batch, by a query. */
static void
ask_by_sql(CdRun *run, CdAsked *asked)
{
	StringInfoData query;
	Datum	   *ids = MemoryContextAlloc(run->batch, run->count * sizeof(Datum));
	bool	   *wanted = MemoryContextAlloc(run->batch, run->count * sizeof(bool));
	int			nids = 0;
	int			row;
	Datum		arg;
	Oid			argtype = INT8ARRAYOID;
	uint64		found;
	uint64		k = 0;

	for (row = 0; row < run->count; row++)
	{
		wanted[row] = is_due(run, asked, row);
		if (wanted[row])
			ids[nids++] = Int64GetDatum((int64) run->ids[row]);
	}
	if (nids == 0)
		return;
	initStringInfo(&query);
	appendStringInfo(&query, "SELECT profile.customer_id FROM customer_data.profile "
					 "WHERE profile.customer_id = ANY ($1) AND (%s\n) ORDER BY 1", asked->text);
	arg = PointerGetDatum(construct_array(ids, nids, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	if (cd_spi_query(query.data, 1, &argtype, &arg, NULL) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("condition %d is not a query", asked->id)));
	found = SPI_processed;
	for (row = 0; row < run->count; row++)
	{
		bool		isnull;
		bool		answer = false;

		/* Both the batch and the answers ascend. */
		if (!wanted[row])
			continue;
		if (k < found &&
			DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[k], SPI_tuptable->tupdesc, 1, &isnull)) == (int64) run->ids[row])
		{
			answer = true;
			k++;
		}
		cd_keep_answers(run, asked, row, 1, answer ? 1 : 0, NULL);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* The program of a group of conditions, NULL if all are asked by queries. */
static CdProgram *
program_of(CdRun *run, int first, int last)
{
	int			i;

	for (i = first; i <= last; i++)
		if (run->asked[i].program != NULL)
			return run->asked[i].program;
	return NULL;
}

/* How far the conditions of a group have been asked of a batch. */
typedef struct Place
{
	int			block;			/* first customer of the block */
	bool		begun;			/* it has been gone to */
	int			k;				/* condition */
} Place;

/* Ask the conditions of a group of the batch, from some place on. */
static void
ask_from(CdRun *run, CdProgram *program, int first, int last, volatile Place *place)
{
	for (; program != NULL && place->block < run->count; place->block += CD_BLOCK)
	{
		int			block = place->block;
		int			count = Min(run->count - block, CD_BLOCK);

		CHECK_FOR_INTERRUPTS();
		run->dense = run->ids[block + count - 1] - run->ids[block] == (uint32) count - 1;
		if (!place->begun)
			cd_program_begin(program, block, count);
		place->begun = true;
		for (; place->k <= last; place->k++)
		{
			CdAsked	   *asked = &run->asked[place->k];
			uint64		customers;

			if (asked->failed || asked->step == NULL)
				continue;
			customers = due_rows(run, asked, block, count);
			if (customers != 0)
			{
				const TimestampTz *until;
				uint64		yes = cd_program_ask(program, asked->step, customers, &until);

				cd_keep_answers(run, asked, block, customers, yes, until);
			}
		}
		place->begun = false;
		place->k = first;
	}
	place->block = run->count;
	/* What is left are the conditions asked by a query. */
	for (; place->k <= last; place->k++)
		if (!run->asked[place->k].failed && run->asked[place->k].step == NULL)
			ask_by_sql(run, &run->asked[place->k]);
}

/*
 * Ask the conditions from first to last, which share an owner, of the batch.
 * A block of customers at a time, so that what is known of them stays in the
 * processor's cache while condition after condition looks at it.  After an
 * error the condition is set aside and the loop goes on with the next one.
 */
static void
ask_group(CdRun *run, CdProgram *program, int first, int last)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile Place place = {0, false, first};
	volatile bool entered = false;
	bool		done = false;

	if (run->strict)
	{
		CdRunAs		save;

		cd_run_as_begin(run->asked[first].owner, run->asked[first].time_zone, &save);
		ask_from(run, program, first, last, &place);
		cd_run_as_end(&save);
		return;
	}
	while (!done)
	{
		BeginInternalSubTransaction(NULL);
		MemoryContextSwitchTo(context);
		PG_TRY();
		{
			CdRunAs		save;

			entered = false;
			cd_run_as_begin(run->asked[first].owner, run->asked[first].time_zone, &save);
			entered = true;
			ask_from(run, program, first, last, &place);
			cd_run_as_end(&save);
			ReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(context);
			CurrentResourceOwner = owner;
			done = true;
		}
		PG_CATCH();
		{
			ErrorData  *error;

			MemoryContextSwitchTo(run->batch);
			error = CopyErrorData();
			FlushErrorState();
			RollbackAndReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(context);
			CurrentResourceOwner = owner;
			if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
				error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
				ReThrowError(error);
			if (!entered)
			{
				int			k;

				/* Not even the role could be taken: none of the group can be asked. */
				for (k = first; k <= last; k++)
					if (!run->asked[k].failed)
						cd_run_fail(run, &run->asked[k], error, -1);
				return;
			}
			cd_run_fail(run, &run->asked[place.k], error, place.begun ? cd_program_row(program) : -1);
			ResetExprContext(run->econtext);
			place.k++;
		}
		PG_END_TRY();
	}
}

/* Ask all conditions of the customers just read. */
void
cd_ask_batch(CdRun *run)
{
	int			first = 0;
	int			i;

	find_touched(run);
	for (i = 0; i < run->nasked; i++)
		if (run->asked[i].needed)
			memset(run->asked[i].answers, ANSWER_NONE, run->count);
	while (first < run->nasked)
	{
		int			last = first;
		bool		queries = run->asked[first].step == NULL;

		/* Queries come last in a group, so what asks for their answers is in another. */
		while (last + 1 < run->nasked && cd_same_owner(&run->asked[last + 1], &run->asked[first]) &&
			   !(queries && run->asked[last + 1].level > run->asked[last].level))
			queries |= run->asked[++last].step == NULL;
		ask_group(run, program_of(run, first, last), first, last);
		first = last + 1;
	}
	cd_send_dues(run, false);
}

/* The conditions to be asked, as stored; those that are gone are left out. */
static void
take_conditions(CdRun *run, ArrayType *ids, ArrayType *dues)
{
	Datum		args[1];
	Oid			types[] = {INT4ARRAYOID};
	Datum	   *id_values,
			   *due_values;
	bool	   *id_nulls,
			   *due_nulls;
	int			nids,
				ndues;
	int			i,
				k;
	SPITupleTable *rows;
	CdSetBuilder *all = cd_set_builder();

	deconstruct_array(ids, INT4OID, sizeof(int32), true, TYPALIGN_INT, &id_values, &id_nulls, &nids);
	deconstruct_array(dues, run->set_type, -1, false, TYPALIGN_INT, &due_values, &due_nulls, &ndues);
	if (nids != ndues)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("as many sets of customers are needed as conditions")));

	args[0] = PointerGetDatum(ids);
	if (cd_spi_query(run->turns ?
					 "SELECT c.condition_id, c.expression, c.owner::oid, c.time_zone, "
					 "c.condition_id IN (SELECT a.condition_id FROM customer_data.attribute_condition a) "
					 "FROM customer_data.condition c WHERE c.condition_id = ANY ($1)" :
					 "SELECT c.condition_id, c.expression, c.owner::oid, c.time_zone, false "
					 "FROM customer_data.condition c WHERE c.condition_id = ANY ($1)",
					 1, types, args, NULL) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read conditions")));
	rows = SPI_tuptable;
	run->nasked = (int) SPI_processed;
	run->asked = palloc0(sizeof(CdAsked) * Max(run->nasked, 1));
	for (i = 0; i < run->nasked; i++)
	{
		CdAsked	   *asked = &run->asked[i];
		bool		isnull;

		asked->id = DatumGetInt32(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));
		asked->text = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);
		asked->owner = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 3, &isnull));
		asked->time_zone = SPI_getvalue(rows->vals[i], rows->tupdesc, 4);
		asked->apart = DatumGetBool(SPI_getbinval(rows->vals[i], rows->tupdesc, 5, &isnull));
		asked->answers = palloc0(CD_BATCH);
		for (k = 0; k < nids; k++)
			if (DatumGetInt32(id_values[k]) == asked->id)
				break;
		if (due_nulls[k])
			run->everyone = true;
		else
		{
			asked->due = DatumGetCdSet(due_values[k]);
			cd_set_builder_or(all, asked->due);
			cd_set_begin(&asked->walk, asked->due);
			asked->more_due = cd_set_next(&asked->walk, &asked->next_due);
		}
	}
	cd_set_builder_or(all, run->touched);
	run->due = cd_set_builder_value(all);
	cd_set_builder_free(all);
	cd_set_begin(&run->touched_walk, run->touched);
	run->more_touched = cd_set_next(&run->touched_walk, &run->next_touched);
}

/* A run that asks conditions, inside SPI_connect(). */
static CdRun *
begin_run(ArrayType *ids, ArrayType *dues, CdSet *touched, bool recompute)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "conditions", ALLOCSET_DEFAULT_SIZES);
	CdRun	   *run = MemoryContextAllocZero(context, sizeof(CdRun));
	MemoryContext old = MemoryContextSwitchTo(context);

	run->now = cd_as_of();
	run->context = context;
	run->batch = AllocSetContextCreate(context, "batch of customers", ALLOCSET_DEFAULT_SIZES);
	run->results = AllocSetContextCreate(context, "answers", ALLOCSET_DEFAULT_SIZES);
	run->row = AllocSetContextCreate(context, "one row", ALLOCSET_DEFAULT_SIZES);
	run->set_type = cd_customer_set_type();
	run->take_batch = cd_ask_batch;
	run->by_program = true;
	run->end_chunk = cd_end_chunk;
	run->failed = cd_send_error;
	run->recompute = recompute;
	run->turns = touched != NULL;
	run->touched = touched ? touched : cd_set_empty();
	take_conditions(run, ids, dues);
	MemoryContextSwitchTo(old);
	return run;
}

/* Ask the customers, and send what becomes of them. */
static void
ask_all(CdRun *run)
{
	cd_collect_begin(run);
	cd_run_over_customers(run);
	if (run->turns && run->everyone)
		cd_end_missed(run);
	cd_send_dues(run, true);
}

/* Ask the conditions of a range of customers; errors are the caller's. */
void
cd_evaluate_range(ArrayType *ids, ArrayType *dues, CdSet *touched, DestReceiver *receiver, TupleDesc rowtype,
				  uint32 least, uint32 greatest)
{
	CdRun	   *run;
	MemoryContext old;

	SPI_connect();
	run = begin_run(ids, dues, touched, false);
	old = MemoryContextSwitchTo(run->context);
	run->strict = true;
	run->ranged = true;
	run->least = least;
	run->greatest = greatest;
	run->receiver = receiver;
	run->rowtype = rowtype;
	run->row_slot = MakeSingleTupleTableSlot(rowtype, &TTSOpsVirtual);
	run->due = cd_set_slice(run->due, least, greatest);
	cd_run_set_up(run);
	ask_all(run);
	cd_run_finish(run);
	ExecDropSingleTupleTableSlot(run->row_slot);
	MemoryContextSwitchTo(old);
	SPI_finish();
}

/* Ask conditions of their customers and send rows as they come out. */
static void
evaluate(ReturnSetInfo *rsinfo, ArrayType *ids, ArrayType *dues, CdSet *touched, bool recompute)
{
	bool		alone = false;
	bool		done = false;

	SPI_connect();
	while (!done)
	{
		CdRun	   *run = begin_run(ids, dues, touched, recompute);
		MemoryContext old = MemoryContextSwitchTo(run->context);
		bool		begun = false;

		run->store = rsinfo->setResult;
		run->rowtype = rsinfo->setDesc;
		done = true;
		if (run->nasked > 0 && (run->everyone || !cd_set_is_empty(run->due)))
		{
			cd_run_set_up(run);
			if (alone || !cd_evaluate_in_parallel(run, ids, dues, &begun))
			{
				if (begun)
				{
					/* Forget what workers sent before one failed, and find out alone what did. */
					tuplestore_clear(run->store);
					alone = true;
					done = false;
				}
				else
					ask_all(run);
			}
			cd_run_finish(run);
		}
		MemoryContextSwitchTo(old);
		MemoryContextDelete(run->context);
	}
	SPI_finish();
}

/*
 * evaluate_conditions(condition_ids, customers, recompute): ask each condition
 * of its set of customers, NULL meaning everyone.
 */
PG_FUNCTION_INFO_V1(cd_evaluate_conditions);
Datum
cd_evaluate_conditions(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	evaluate((ReturnSetInfo *) fcinfo->resultinfo, PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_ARRAYTYPE_P(1), NULL, PG_GETARG_BOOL(2));
	return (Datum) 0;
}

/*
 * turn_conditions(condition_ids, customers, touched): ask each condition of
 * its set of customers, NULL meaning everyone, and, unless it reads attributes
 * only, of those touched; and find what becomes of its members.
 */
PG_FUNCTION_INFO_V1(cd_turn_conditions);
Datum
cd_turn_conditions(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	evaluate((ReturnSetInfo *) fcinfo->resultinfo, PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_CDSET(2), false);
	return (Datum) 0;
}
