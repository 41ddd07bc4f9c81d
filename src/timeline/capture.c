/*
 * capture.c
 *		Put the rows that a statement wrote into the queue of event sources.
 *
 * Rows become jsonb with the rights of whoever writes them: a cast to json may
 * run a function of the table's owner, who must not get the rights of the
 * queue's.  Only what then goes into the queue is put there as its owner.
 */
#include "postgres.h"

#include "customer_data.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

/* Rows are handed to the queue so many, or so many bytes, at a time. */
#define BATCH_ROWS		1000
#define BATCH_BYTES		(4 * 1024 * 1024)

/* What rows are queued for. */
typedef struct Capture
{
	Oid			relation;
	int32		source;
	Oid			queue_owner;
} Capture;

/* Put rows into the queue with the rights of its owner; rows is an array of jsonb. */
static void
put_rows(const Capture *capture, int16 sign, ArrayType *rows)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {OIDOID, INT4OID, INT2OID, JSONBARRAYOID};
	Datum		args[4];
	Oid			user;
	int			context;

	args[0] = ObjectIdGetDatum(capture->relation);
	args[1] = Int32GetDatum(capture->source);
	args[2] = Int16GetDatum(sign);
	args[3] = PointerGetDatum(rows);
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(capture->queue_owner, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	if (plan == NULL)
	{
		SPIPlanPtr	fresh = SPI_prepare("INSERT INTO customer_data.event_queue (relation_oid, event_source_id, sign, source_row) "
										"SELECT $1, $2, $3, r FROM pg_catalog.unnest($4) r", 4, types);

		if (fresh == NULL || SPI_keepplan(fresh) != 0)
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not prepare the queue of events")));
		plan = fresh;
	}
	if (SPI_execute_plan(plan, args, NULL, false, 0) != SPI_OK_INSERT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not queue events")));
	SetUserIdAndSecContext(user, context);
}

/* to_jsonb(), as it is called for rows of a relation. */
static void
find_to_jsonb(Relation relation, FmgrInfo *to_jsonb)
{
	Oid			type = RelationGetForm(relation)->reltype;
	Expr	   *row = (Expr *) makeNullConst(type, -1, InvalidOid);

	fmgr_info(F_TO_JSONB, to_jsonb);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(row), InvalidOid, InvalidOid,
											 COERCE_EXPLICIT_CALL), to_jsonb);
}

/* Queue all rows of a transition table. */
static void
queue_rows(const Capture *capture, int16 sign, Relation relation, Tuplestorestate *written)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext batch;
	TupleTableSlot *slot;
	FmgrInfo	to_jsonb;
	Datum	   *rows;
	int			count = 0;
	Size		bytes = 0;
	bool		more;

	if (written == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("capture_events() needs the rows written as a transition table"),
				 errhint("add_event_source() makes its triggers.")));
	batch = AllocSetContextCreate(old, "captured rows", ALLOCSET_DEFAULT_SIZES);
	rows = palloc(BATCH_ROWS * sizeof(Datum));
	find_to_jsonb(relation, &to_jsonb);
	slot = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsMinimalTuple);
	tuplestore_select_read_pointer(written, tuplestore_alloc_read_pointer(written, EXEC_FLAG_REWIND));
	tuplestore_rescan(written);
	do
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(batch);
		more = tuplestore_gettupleslot(written, true, false, slot);
		if (more)
		{
			rows[count] = FunctionCall1(&to_jsonb, ExecFetchSlotHeapTupleDatum(slot));
			bytes += VARSIZE_ANY(DatumGetPointer(rows[count]));
			count++;
		}
		if (count == BATCH_ROWS || bytes >= BATCH_BYTES || (!more && count > 0))
		{
			put_rows(capture, sign, construct_array(rows, count, JSONBOID, -1, false, TYPALIGN_INT));
			count = 0;
			bytes = 0;
			/* A row read from disk lies in the batch. */
			ExecClearTuple(slot);
			MemoryContextSwitchTo(old);
			MemoryContextReset(batch);
		}
	} while (more);
	MemoryContextSwitchTo(old);
	ExecDropSingleTupleTableSlot(slot);
	pfree(rows);
	MemoryContextDelete(batch);
}

/* The role that owns the queue. */
static Oid
queue_owner(void)
{
	Relation	queue = relation_open(get_relname_relid("event_queue", get_namespace_oid("customer_data", false)), AccessShareLock);
	Oid			owner = RelationGetForm(queue)->relowner;

	relation_close(queue, AccessShareLock);
	return owner;
}

/* capture_events('number of the event source'): trigger after each statement */
PG_FUNCTION_INFO_V1(cd_capture_events);
Datum
cd_capture_events(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Capture		capture;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event) || trigger->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("capture_events() is called by a trigger after each statement, with the number of an event source"),
				 errhint("add_event_source() makes its triggers.")));
	capture.relation = RelationGetRelid(trigger->tg_relation);
	capture.source = pg_strtoint32(trigger->tg_trigger->tgargs[0]);
	capture.queue_owner = queue_owner();

	SPI_connect();
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
	{
		Datum		nothing = (Datum) 0;
		bool		isnull = true;
		int			one = 1;
		int			lower = 1;

		put_rows(&capture, 0, construct_md_array(&nothing, &isnull, 1, &one, &lower, JSONBOID, -1, false, TYPALIGN_INT));
	}
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) || TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		queue_rows(&capture, -1, trigger->tg_relation, trigger->tg_oldtable);
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event) || TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		queue_rows(&capture, 1, trigger->tg_relation, trigger->tg_newtable);
	SPI_finish();
	return PointerGetDatum(NULL);
}
