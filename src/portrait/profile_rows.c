/*
 * profile_rows.c
 *		Rows of customer_data.profile, with some of its columns, batch by batch.
 *
 * Customers that lie close together are read between two ids, others by a
 * list.  Where no column is asked for, the index of customers says who there
 * is, and no statement runs.
 */
#include "postgres.h"

#include "portrait/profile_rows.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lookup.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "portrait/past.h"
#include "portrait/refresh.h"
#include "timeline/chunk.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

struct CdProfileRows
{
	int			ncolumns;
	MemoryContext context;
	List	   *sources;		/* what the columns are made of */
	SPIPlanPtr	dense;			/* customers between two ids; NULL: not asked so far */
	SPIPlanPtr	sparse;			/* customers of a list; NULL: not asked so far */
};

/* Whom of the ids asked for an index has. */
typedef struct Present
{
	const uint32 *ids;
	int			count;
	int			next;			/* the first that was not passed */
	uint32	   *found;
	int			nfound;
} Present;

static SPIPlanPtr
prepare_query(const char *query, int nargs, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare(query, nargs, types);

	if (plan == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not prepare a query: %s", SPI_result_code_string(SPI_result))));
	return plan;
}

/* What a column of profile is made of: an expression over c, m and t */
static char *
column_source(const char *name, const List *unseen)
{
	char	   *source;
	ListCell   *cell;
	Oid			types[2] = {TEXTOID, BOOLOID};
	Datum		values[2] = {CStringGetTextDatum(name), BoolGetDatum(cd_recomputes_past())};

	if (strcmp(name, "customer_id") == 0)
		return pstrdup("c.customer_id");
	SPI_execute_with_args("SELECT CASE WHEN $2 THEN customer_data.profile_expression(p) ELSE p.expression END"
						  " FROM customer_data.profile_column p WHERE p.name OPERATOR(pg_catalog.=) $1",
						  2, types, values, NULL, true, 1);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of customer_data.profile is not in customer_data.profile_column", name),
				 errhint("Make the view again: SELECT customer_data.rebuild_profile().")));
	source = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (strcmp(name, "tags") == 0)
	{
		foreach(cell, unseen)
			source = psprintf("customer_data.remove_tag(%s, %s)", source, quote_literal_cstr((char *) lfirst(cell)));
	}
	return source;
}

static bool
have_table(const char *name)
{
	return OidIsValid(RangeVarGetRelid(makeRangeVar("customer_data", pstrdup(name), -1), NoLock, true));
}

/* A query for the columns in use of the customers that satisfy a condition */
static char *
fetch_query(List *sources, const char *condition)
{
	StringInfoData query;
	ListCell   *cell;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT c.customer_id");
	foreach(cell, sources)
		appendStringInfo(&query, ", %s", (char *) lfirst(cell));

	/* The condition goes into each table, as it would not find its way there. */
	appendStringInfo(&query, " FROM (SELECT * FROM customer_data.customer WHERE %s) c", condition);
	if (have_table("customer_metric"))
		appendStringInfo(&query, " LEFT JOIN (SELECT * FROM customer_data.customer_metric WHERE %s) m"
						 " ON m.customer_id OPERATOR(pg_catalog.=) c.customer_id", condition);
	if (have_table("customer_tag"))
		appendStringInfo(&query, " LEFT JOIN (SELECT * FROM customer_data.customer_tag WHERE %s) t"
						 " ON t.customer_id OPERATOR(pg_catalog.=) c.customer_id", condition);
	appendStringInfoString(&query, " ORDER BY c.customer_id");
	return query.data;
}

CdProfileRows *
cd_profile_rows(const List *columns, const List *unseen)
{
	CdProfileRows *rows = palloc0(sizeof(CdProfileRows));
	ListCell   *cell;

	rows->context = CurrentMemoryContext;
	rows->ncolumns = list_length(columns);
	foreach(cell, columns)
	{
		char	   *source = column_source(lfirst(cell), unseen);
		MemoryContext old = MemoryContextSwitchTo(rows->context);

		/* SPI may have left us in a context of its own. */
		rows->sources = lappend(rows->sources, pstrdup(source));
		MemoryContextSwitchTo(old);
	}
	return rows;
}

/* The statement for customers between two ids, or of a list, prepared when it is first asked for */
static SPIPlanPtr
rows_plan(CdProfileRows *rows, bool dense)
{
	SPIPlanPtr *plan = dense ? &rows->dense : &rows->sparse;
	Oid			types[2] = {dense ? INT8OID : INT8ARRAYOID, INT8OID};

	if (*plan == NULL)
		*plan = prepare_query(fetch_query(rows->sources,
										  dense ? "customer_id OPERATOR(pg_catalog.>=) $1 AND customer_id OPERATOR(pg_catalog.<=) $2" :
										  "customer_id OPERATOR(pg_catalog.=) ANY ($1)"),
							  dense ? 2 : 1, types);
	return *plan;
}

/* Note an id that is in the index; entries come in ascending order, dead ones among them left out */
static void
take_id(void *arg, IndexTuple entry, TupleDesc desc)
{
	Present    *present = arg;
	bool		isnull;
	int64		id = DatumGetInt64(index_getattr(entry, 1, desc, &isnull));

	while (present->next < present->count && (int64) present->ids[present->next] < id)
		present->next++;
	if (present->next < present->count && (int64) present->ids[present->next] == id)
		present->found[present->nfound++] = present->ids[present->next++];
}

/* Whom there is, as the index of customers has it; false if that may not be asked */
static bool
find_present(const uint32 *ids, int count, uint32 *found, int *nfound)
{
	Oid			id = get_relname_relid("customer", get_namespace_oid("customer_data", false));
	Present		present = {ids, count, 0, found, 0};
	Relation	relation;
	Oid			index;
	int64	   *values;
	int			i;

	if (pg_class_aclcheck(id, GetUserId(), ACL_SELECT) != ACLCHECK_OK || check_enable_rls(id, InvalidOid, true) != RLS_NONE)
		return false;
	relation = table_open(id, AccessShareLock);
	index = cd_index_on(relation, 1);
	if (OidIsValid(index))
	{
		values = palloc(count * sizeof(int64));
		for (i = 0; i < count; i++)
			values[i] = ids[i];
		cd_lookup_entries(relation, index, values, count, take_id, &present);
		pfree(values);
	}
	table_close(relation, NoLock);
	*nfound = present.nfound;
	return OidIsValid(index);
}

int
cd_profile_rows_fetch(CdProfileRows *rows, const uint32 *ids, int count,
					  uint32 *found, HeapTuple *tuples, TupleDesc *desc)
{
	Datum		arguments[2];
	uint64		i;
	int			next = 0;
	int			n = 0;

	if (rows->ncolumns == 0 && find_present(ids, count, found, &n))
	{
		memset(tuples, 0, n * sizeof(HeapTuple));
		*desc = NULL;
		return n;
	}
	if (cd_lookup_is_dense(ids[0], ids[count - 1], count))
	{
		arguments[0] = Int64GetDatum((int64) ids[0]);
		arguments[1] = Int64GetDatum((int64) ids[count - 1]);
		SPI_execute_plan(rows_plan(rows, true), arguments, NULL, true, 0);
	}
	else
	{
		arguments[0] = cd_ids_array(ids, count);
		SPI_execute_plan(rows_plan(rows, false), arguments, NULL, true, 0);
	}
	*desc = SPI_tuptable->tupdesc;
	for (i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		int64		id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));

		while (next < count && (int64) ids[next] < id)
			next++;
		if (next < count && (int64) ids[next] == id)
		{
			found[n] = ids[next++];
			tuples[n++] = SPI_tuptable->vals[i];
		}
	}
	return n;
}
