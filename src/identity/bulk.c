/*
 * bulk.c
 *		Write many rows of one of the extension's tables at once.
 *
 * Rows go page by page into the table, as COPY does it.  Into a table that has
 * no page yet they go without their index entries; the indexes are built when
 * all rows are there, sorted and by parallel workers where the server has
 * some.  Until the transaction ends nobody else can read such a table, which
 * was empty for everybody.  A table with triggers on inserts, or where the
 * role has no plain right to insert, is written by INSERT.
 */
#include "postgres.h"

#include "customer_data.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "identity/bulk.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"

/* Rows that are written at a time, and about how many bytes. */
#define ROWS_AT_ONCE	500
#define BYTES_AT_ONCE	(256 * 1024)
/* Memory to sort index entries in, in kB, where the server allows more. */
#define INDEX_MEMORY	(96 * 1024)

struct CdBulk
{
	MemoryContext context;
	Relation	relation;
	int			natts;
	SPIPlanPtr	plan;			/* rows are written by INSERT, one by one */
	bool		deferred;		/* indexes are built at the end */
	EState	   *estate;
	ResultRelInfo *target;
	CommandId	cid;
	int			n;
	Size		bytes;
	TupleTableSlot *slot[ROWS_AT_ONCE];
};

/* Prepare the statement that writes one row with all that belongs to it. */
static SPIPlanPtr
plain_insert(Relation relation)
{
	TupleDesc	desc = RelationGetDescr(relation);
	Oid		   *types = palloc(sizeof(Oid) * desc->natts);
	StringInfoData query;
	StringInfoData values;
	SPIPlanPtr	plan;
	int			n = 0;

	initStringInfo(&query);
	initStringInfo(&values);
	appendStringInfo(&query, "INSERT INTO customer_data.%s (", quote_identifier(RelationGetRelationName(relation)));
	for (int i = 0; i < desc->natts; i++)
	{
		types[i] = TupleDescAttr(desc, i)->attisdropped ? INT4OID : TupleDescAttr(desc, i)->atttypid;
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		appendStringInfo(&query, "%s%s", n == 0 ? "" : ", ", quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
		appendStringInfo(&values, "%s$%d", n++ == 0 ? "" : ", ", i + 1);
	}
	appendStringInfo(&query, ") OVERRIDING SYSTEM VALUE VALUES (%s)", values.data);
	plan = SPI_prepare(query.data, desc->natts, types);
	if (plan == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("table \"%s\" cannot be written", RelationGetRelationName(relation)),
				 errdetail("SPI answered %s.", SPI_result_code_string(SPI_result))));
	return plan;
}

/* Has writing a row to do more than to write it? */
static bool
is_plain(Relation relation)
{
	const TriggerDesc *triggers = relation->trigdesc;

	return relation->rd_rel->relkind == RELKIND_RELATION && relation->rd_tableam == GetHeapamTableAmRoutine() &&
		pg_class_aclcheck(RelationGetRelid(relation), GetUserId(), ACL_INSERT) == ACLCHECK_OK &&
		check_enable_rls(RelationGetRelid(relation), InvalidOid, true) == RLS_NONE &&
		(triggers == NULL ||
		 !(triggers->trig_insert_before_row || triggers->trig_insert_after_row || triggers->trig_insert_instead_row ||
		   triggers->trig_insert_before_statement || triggers->trig_insert_after_statement));
}

/*
 * Begin to write rows of a table of schema customer_data; SPI must be
 * connected and stay so until cd_bulk_end, and nothing of the table be open.
 */
CdBulk *
cd_bulk_begin(const char *table)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdBulk	   *bulk = palloc0(sizeof(CdBulk));

	bulk->context = context;
	bulk->relation = table_open(get_relname_relid(table, get_namespace_oid("customer_data", false)), RowExclusiveLock);
	bulk->natts = RelationGetDescr(bulk->relation)->natts;
	if (!is_plain(bulk->relation))
		bulk->plan = plain_insert(bulk->relation);
	else
	{
		bulk->deferred = RelationGetNumberOfBlocks(bulk->relation) == 0;
		bulk->estate = CreateExecutorState();
		bulk->target = makeNode(ResultRelInfo);
		InitResultRelInfo(bulk->target, bulk->relation, 0, NULL, 0);
		if (!bulk->deferred)
			ExecOpenIndices(bulk->target, false);
		(void) GetCurrentTransactionId();
		bulk->cid = GetCurrentCommandId(true);
		for (int i = 0; i < ROWS_AT_ONCE; i++)
			bulk->slot[i] = MakeSingleTupleTableSlot(RelationGetDescr(bulk->relation), &TTSOpsHeapTuple);
	}
	MemoryContextSwitchTo(old);
	return bulk;
}

/* Are rows written without a statement, and so beside parallel workers, too? */
bool
cd_bulk_direct(const CdBulk *bulk)
{
	return bulk->plan == NULL;
}

/* How many columns the table has, dropped ones included. */
int
cd_bulk_columns(const CdBulk *bulk)
{
	return bulk->natts;
}

/* Write the rows that wait. */
static void
flush_rows(CdBulk *bulk)
{
	MemoryContext old;

	if (bulk->n == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(bulk->estate));
	table_multi_insert(bulk->relation, bulk->slot, bulk->n, bulk->cid, 0, NULL);
	for (int i = 0; i < bulk->n; i++)
	{
		if (bulk->target->ri_NumIndices > 0)
		{
#if PG_VERSION_NUM >= 160000
			ExecInsertIndexTuples(bulk->target, bulk->slot[i], bulk->estate, false, false, NULL, NIL, false);
#else
			ExecInsertIndexTuples(bulk->target, bulk->slot[i], bulk->estate, false, false, NULL, NIL);
#endif
		}
		ExecClearTuple(bulk->slot[i]);
	}
	MemoryContextSwitchTo(old);
	ResetPerTupleExprContext(bulk->estate);
	bulk->n = 0;
	bulk->bytes = 0;
}

/* Write a row; values and nulls by attribute number less one. */
void
cd_bulk_put(CdBulk *bulk, const Datum *values, const bool *nulls)
{
	MemoryContext old;
	HeapTuple	tuple;
	TupleTableSlot *slot;

	if (bulk->plan != NULL)
	{
		char	   *marks = palloc(bulk->natts);

		for (int i = 0; i < bulk->natts; i++)
			marks[i] = nulls[i] ? 'n' : ' ';
		SPI_execute_plan(bulk->plan, (Datum *) values, marks, false, 0);
		pfree(marks);
		return;
	}
	old = MemoryContextSwitchTo(bulk->context);
	tuple = heap_form_tuple(RelationGetDescr(bulk->relation), (Datum *) values, (bool *) nulls);
	slot = bulk->slot[bulk->n++];
	ExecStoreHeapTuple(tuple, slot, true);
	slot->tts_tableOid = RelationGetRelid(bulk->relation);
	bulk->bytes += tuple->t_len;
	if (RelationGetDescr(bulk->relation)->constr != NULL)
		ExecConstraints(bulk->target, slot, bulk->estate);
	MemoryContextSwitchTo(old);
	if (bulk->n == ROWS_AT_ONCE || bulk->bytes > BYTES_AT_ONCE)
		flush_rows(bulk);
}

/* Write what is left, build the indexes where they wait, and let commands that follow see the rows. */
void
cd_bulk_end(CdBulk *bulk)
{
	if (bulk->plan != NULL)
		SPI_freeplan(bulk->plan);
	else
	{
		Oid			relid = RelationGetRelid(bulk->relation);
		bool		build = bulk->deferred;

		flush_rows(bulk);
		for (int i = 0; i < ROWS_AT_ONCE; i++)
			ExecDropSingleTupleTableSlot(bulk->slot[i]);
		if (!bulk->deferred)
			ExecCloseIndices(bulk->target);
		FreeExecutorState(bulk->estate);
		table_close(bulk->relation, NoLock);
		bulk->relation = NULL;
		CommandCounterIncrement();
		if (build)
		{
			ReindexParams params = {0};
			int			nest = NewGUCNestLevel();

			/* several indexes of narrow rows: more memory would not make them sooner */
			if (maintenance_work_mem > INDEX_MEMORY)
				(void) set_config_option("maintenance_work_mem", psprintf("%d", INDEX_MEMORY), PGC_USERSET, PGC_S_SESSION,
										 GUC_ACTION_SAVE, true, 0, false);

#if PG_VERSION_NUM >= 170000
			reindex_relation(NULL, relid, 0, &params);
#else
			reindex_relation(relid, 0, &params);
#endif
			AtEOXact_GUC(true, nest);
			CommandCounterIncrement();
		}
	}
	if (bulk->relation != NULL)
		table_close(bulk->relation, NoLock);
	MemoryContextDelete(bulk->context);
}
