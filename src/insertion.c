/*
 * insertion.c
 *		Insert many rows that are new to one of our tables, as COPY would: pages
 *		are filled with one record in the log each, and no statement is planned
 *		or asked about conflicts row by row.
 *
 * Rows are replaced where they lie by the same rules, without a statement that
 * would look for each again.
 *
 * Into a table that has no page yet rows may go without their index entries;
 * the indexes are built when all rows are there, sorted and by parallel workers
 * where the server has some.  Until the transaction ends nobody else can read
 * such a table, which was empty for everybody.  Where only a statement does
 * all that an INSERT has to do (triggers, rules, policies, defaults of columns
 * that are not given, rights to some columns) rows are written by INSERT.
 */
#include "postgres.h"

#include "insertion.h"

#include "customer_data.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
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

struct CdInsertion
{
	MemoryContext context;
	Relation	relation;
	int			columns;		/* given, of the first */
	SPIPlanPtr	plan;			/* rows are written by INSERT, one by one */
	bool		deferred;		/* indexes are built at the end */
	bool		replaces;		/* an UPDATE has nothing more to do, either */
	TupleTableSlot *replacement;
	EState	   *estate;
	ResultRelInfo *target;
	CommandId	cid;
	int			waiting;
	Size		bytes;
	TupleTableSlot *rows[ROWS_AT_ONCE];	/* made when first needed */
};

/* Prepare the statement that writes one row with all that belongs to it */
static SPIPlanPtr
prepare_insert(Relation relation, int columns)
{
	TupleDesc	desc = RelationGetDescr(relation);
	Oid		   *types = palloc(sizeof(Oid) * columns);
	StringInfoData query;
	StringInfoData values;
	SPIPlanPtr	plan;
	int			n = 0;
	int			i;

	initStringInfo(&query);
	initStringInfo(&values);
	appendStringInfo(&query, "INSERT INTO customer_data.%s (", quote_identifier(RelationGetRelationName(relation)));
	for (i = 0; i < columns; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		types[i] = column->attisdropped ? INT4OID : column->atttypid;
		if (column->attisdropped)
			continue;
		appendStringInfo(&query, "%s%s", n == 0 ? "" : ", ", quote_identifier(NameStr(column->attname)));
		appendStringInfo(&values, "%s$%d", n++ == 0 ? "" : ", ", i + 1);
	}
	appendStringInfo(&query, ") OVERRIDING SYSTEM VALUE VALUES (%s)", values.data);
	plan = SPI_prepare(query.data, columns, types);
	if (plan == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("table \"%s\" cannot be written", RelationGetRelationName(relation)),
				 errdetail("SPI answered %s.", SPI_result_code_string(SPI_result))));
	return plan;
}

/* Has an INSERT of so many columns nothing to do but to write rows and check them? */
static bool
is_plain(Relation relation, int columns)
{
	const TriggerDesc *triggers = relation->trigdesc;
	const TupleConstr *constraints = RelationGetDescr(relation)->constr;

	return relation->rd_rel->relkind == RELKIND_RELATION && !relation->rd_rel->relispartition &&
		relation->rd_tableam == GetHeapamTableAmRoutine() &&
		columns == RelationGetDescr(relation)->natts &&
		(constraints == NULL || !constraints->has_generated_stored) &&
		(relation->rd_rules == NULL || relation->rd_rules->numLocks == 0) &&
		pg_class_aclcheck(RelationGetRelid(relation), GetUserId(), ACL_INSERT) == ACLCHECK_OK &&
		check_enable_rls(RelationGetRelid(relation), InvalidOid, true) == RLS_NONE &&
		(triggers == NULL ||
		 !(triggers->trig_insert_before_row || triggers->trig_insert_after_row || triggers->trig_insert_instead_row ||
		   triggers->trig_insert_before_statement || triggers->trig_insert_after_statement));
}

/* Of a table whose INSERT is plain: has an UPDATE nothing to do but to write rows and check them? */
static bool
is_plainly_updated(Relation relation)
{
	const TriggerDesc *triggers = relation->trigdesc;

	return pg_class_aclcheck(RelationGetRelid(relation), GetUserId(), ACL_UPDATE) == ACLCHECK_OK &&
		(triggers == NULL ||
		 !(triggers->trig_update_before_row || triggers->trig_update_after_row || triggers->trig_update_instead_row ||
		   triggers->trig_update_before_statement || triggers->trig_update_after_statement));
}

CdInsertion *
cd_insertion_begin(const char *table, int columns, bool indexes_last)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdInsertion *insertion = palloc0(sizeof(CdInsertion));
	Oid			id = get_relname_relid(table, get_namespace_oid("customer_data", false));

	if (!OidIsValid(id))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table customer_data.%s does not exist", table)));
	PreventCommandIfReadOnly("INSERT");
	insertion->context = context;
	insertion->relation = table_open(id, RowExclusiveLock);
	insertion->columns = columns == 0 ? RelationGetDescr(insertion->relation)->natts : columns;
	if (!is_plain(insertion->relation, insertion->columns))
		insertion->plan = prepare_insert(insertion->relation, insertion->columns);
	else
	{
		insertion->replaces = is_plainly_updated(insertion->relation);
		insertion->deferred = indexes_last && RelationGetNumberOfBlocks(insertion->relation) == 0;
		insertion->estate = CreateExecutorState();
		insertion->target = makeNode(ResultRelInfo);
		InitResultRelInfo(insertion->target, insertion->relation, 0, NULL, 0);
		if (!insertion->deferred)
			ExecOpenIndices(insertion->target, false);
		/* Both must be had before there are parallel workers. */
		(void) GetCurrentTransactionId();
		insertion->cid = GetCurrentCommandId(true);
	}
	MemoryContextSwitchTo(old);
	return insertion;
}

bool
cd_insertion_is_direct(const CdInsertion *insertion)
{
	return insertion->plan == NULL;
}

int
cd_insertion_columns(const CdInsertion *insertion)
{
	return insertion->columns;
}

/* Write the rows that wait */
static void
write_rows(CdInsertion *insertion)
{
	MemoryContext old;
	int			i;

	if (insertion->waiting == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(insertion->estate));
	table_multi_insert(insertion->relation, insertion->rows, insertion->waiting, insertion->cid, 0, NULL);
	for (i = 0; i < insertion->waiting; i++)
	{
		if (insertion->target->ri_NumIndices > 0)
			cd_insert_index_entries(insertion->target, insertion->rows[i], insertion->estate);
		ExecClearTuple(insertion->rows[i]);
	}
	MemoryContextSwitchTo(old);
	ResetPerTupleExprContext(insertion->estate);
	insertion->waiting = 0;
	insertion->bytes = 0;
}

void
cd_insertion_add(CdInsertion *insertion, const Datum *values, const bool *nulls)
{
	MemoryContext old;
	HeapTuple	tuple;
	TupleTableSlot *row;

	if (insertion->plan != NULL)
	{
		/* The caller may be going through what a query of his found, in a context of his own. */
		SPITupleTable *found = SPI_tuptable;
		uint64		processed = SPI_processed;
		char	   *marks = palloc(insertion->columns);
		int			i;

		old = CurrentMemoryContext;
		for (i = 0; i < insertion->columns; i++)
			marks[i] = nulls[i] ? 'n' : ' ';
		SPI_execute_plan(insertion->plan, (Datum *) values, marks, false, 0);
		MemoryContextSwitchTo(old);
		pfree(marks);
		SPI_tuptable = found;
		SPI_processed = processed;
		return;
	}
	old = MemoryContextSwitchTo(insertion->context);
	tuple = heap_form_tuple(RelationGetDescr(insertion->relation), (Datum *) values, (bool *) nulls);
	if (insertion->rows[insertion->waiting] == NULL)
		insertion->rows[insertion->waiting] = MakeSingleTupleTableSlot(RelationGetDescr(insertion->relation), &TTSOpsHeapTuple);
	row = insertion->rows[insertion->waiting++];
	ExecStoreHeapTuple(tuple, row, true);
	row->tts_tableOid = RelationGetRelid(insertion->relation);
	insertion->bytes += tuple->t_len;
	if (RelationGetDescr(insertion->relation)->constr != NULL)
		ExecConstraints(insertion->target, row, insertion->estate);
	MemoryContextSwitchTo(old);
	if (insertion->waiting == ROWS_AT_ONCE || insertion->bytes > BYTES_AT_ONCE)
		write_rows(insertion);
}

bool
cd_insertion_replaces(const CdInsertion *insertion)
{
	return insertion->replaces;
}

bool
cd_insertion_replace(CdInsertion *insertion, ItemPointer place, const Datum *values, const bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(insertion->context);
	TupleDesc	desc = RelationGetDescr(insertion->relation);
	TM_FailureData failure;
	LockTupleMode lock;
	cd_updated_indexes indexes;
	TM_Result	result;

	Assert(insertion->replaces && !insertion->deferred);
	CHECK_FOR_INTERRUPTS();
	if (insertion->replacement == NULL)
		insertion->replacement = MakeSingleTupleTableSlot(desc, &TTSOpsHeapTuple);
	ExecStoreHeapTuple(heap_form_tuple(desc, unconstify(Datum *, values), unconstify(bool *, nulls)), insertion->replacement, true);
	insertion->replacement->tts_tableOid = RelationGetRelid(insertion->relation);
	MemoryContextSwitchTo(GetPerTupleMemoryContext(insertion->estate));
	if (desc->constr != NULL)
		ExecConstraints(insertion->target, insertion->replacement, insertion->estate);
	result = table_tuple_update(insertion->relation, place, insertion->replacement, insertion->cid, GetActiveSnapshot(),
								InvalidSnapshot, true, &failure, &lock, &indexes);
	if (result == TM_Ok)
		cd_insert_updated_entries(insertion->target, insertion->replacement, insertion->estate, indexes);
	ExecClearTuple(insertion->replacement);
	MemoryContextSwitchTo(old);
	ResetPerTupleExprContext(insertion->estate);
	return result == TM_Ok;
}

/* Build the indexes of a table that was empty */
static void
build_indexes(Oid table)
{
	ReindexParams params = {0};
	int			nest = NewGUCNestLevel();

	/* several indexes of narrow rows: more memory would not make them sooner */
	if (maintenance_work_mem > INDEX_MEMORY)
		(void) set_config_option("maintenance_work_mem", psprintf("%d", INDEX_MEMORY), PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
#if PG_VERSION_NUM >= 170000
	reindex_relation(NULL, table, 0, &params);
#else
	reindex_relation(table, 0, &params);
#endif
	AtEOXact_GUC(true, nest);
	CommandCounterIncrement();
}

void
cd_insertion_end(CdInsertion *insertion)
{
	Oid			table = RelationGetRelid(insertion->relation);
	bool		deferred = insertion->deferred;
	int			i;

	if (insertion->plan != NULL)
		SPI_freeplan(insertion->plan);
	else
	{
		write_rows(insertion);
		for (i = 0; i < ROWS_AT_ONCE && insertion->rows[i] != NULL; i++)
			ExecDropSingleTupleTableSlot(insertion->rows[i]);
		if (insertion->replacement != NULL)
			ExecDropSingleTupleTableSlot(insertion->replacement);
		if (!deferred)
			ExecCloseIndices(insertion->target);
		FreeExecutorState(insertion->estate);
	}
	/* As for any writer, its lock lasts as long as the transaction. */
	table_close(insertion->relation, NoLock);
	MemoryContextDelete(insertion->context);
	CommandCounterIncrement();
	if (deferred)
		build_indexes(table);
}
