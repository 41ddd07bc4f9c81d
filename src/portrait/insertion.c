/*
 * insertion.c
 *		Insert many rows that are new to one of our tables, as COPY would: pages
 *		are filled with one record in the log each, and no statement is planned
 *		or asked about conflicts row by row.
 */
#include "postgres.h"

#include "portrait/insertion.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

/* Rows that go to the table together. */
#define MOST_ROWS	1000

struct CdInsertion
{
	MemoryContext context;
	Relation	relation;
	EState	   *estate;
	ResultRelInfo *target;
	TupleTableSlot **rows;		/* made when first needed */
	int			made;
	int			count;
};

/* Does a plain insertion do all that an INSERT of its first columns would? */
static bool
is_plain(Relation relation, int columns)
{
	TupleDesc	desc = RelationGetDescr(relation);
	const TupleConstr *constraints = desc->constr;
	int			i;

	for (i = columns; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attnotnull)
			return false;
	}
	return relation->rd_rel->relkind == RELKIND_RELATION && !relation->rd_rel->relispartition &&
		relation->trigdesc == NULL && (relation->rd_rules == NULL || relation->rd_rules->numLocks == 0) &&
		check_enable_rls(RelationGetRelid(relation), InvalidOid, true) == RLS_NONE &&
		(constraints == NULL || (constraints->num_check == 0 && constraints->num_defval == 0 &&
								 !constraints->has_generated_stored));
}

CdInsertion *
cd_insertion_begin(const char *table, int columns)
{
	Oid			id = get_relname_relid(table, get_namespace_oid("customer_data", false));
	Relation	relation;
	CdInsertion *insertion;

	if (!OidIsValid(id) || pg_class_aclcheck(id, GetUserId(), ACL_INSERT) != ACLCHECK_OK)
		return NULL;
	relation = table_open(id, RowExclusiveLock);
	if (!is_plain(relation, columns))
	{
		table_close(relation, RowExclusiveLock);
		return NULL;
	}
	insertion = palloc0(sizeof(CdInsertion));
	insertion->context = CurrentMemoryContext;
	insertion->relation = relation;
	insertion->estate = CreateExecutorState();
	insertion->target = makeNode(ResultRelInfo);
	InitResultRelInfo(insertion->target, relation, 1, NULL, 0);
	ExecOpenIndices(insertion->target, false);
	insertion->rows = palloc0(MOST_ROWS * sizeof(TupleTableSlot *));
	return insertion;
}

TupleTableSlot *
cd_insertion_row(CdInsertion *insertion)
{
	TupleTableSlot *row;

	if (insertion->count == MOST_ROWS)
		cd_insertion_flush(insertion);
	if (insertion->count == insertion->made)
	{
		MemoryContext old = MemoryContextSwitchTo(insertion->context);

		insertion->rows[insertion->made++] = table_slot_create(insertion->relation, NULL);
		MemoryContextSwitchTo(old);
	}
	row = insertion->rows[insertion->count++];
	ExecClearTuple(row);
	memset(row->tts_isnull, true, RelationGetDescr(insertion->relation)->natts * sizeof(bool));
	return ExecStoreVirtualTuple(row);
}

void
cd_insertion_flush(CdInsertion *insertion)
{
	int			i;

	if (insertion->count == 0)
		return;
	table_multi_insert(insertion->relation, insertion->rows, insertion->count, GetCurrentCommandId(true), 0, NULL);
	for (i = 0; i < insertion->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		cd_insert_index_entries(insertion->target, insertion->rows[i], insertion->estate);
		ResetPerTupleExprContext(insertion->estate);
		ExecClearTuple(insertion->rows[i]);
	}
	insertion->count = 0;
	CommandCounterIncrement();
}

void
cd_insertion_end(CdInsertion *insertion)
{
	int			i;

	cd_insertion_flush(insertion);
	for (i = 0; i < insertion->made; i++)
		ExecDropSingleTupleTableSlot(insertion->rows[i]);
	ExecCloseIndices(insertion->target);
	FreeExecutorState(insertion->estate);
	/* As for any writer, its lock lasts as long as the transaction. */
	table_close(insertion->relation, NoLock);
	pfree(insertion->rows);
	pfree(insertion);
}
