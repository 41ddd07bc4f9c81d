/*
 * row_mark.c
 *		Where the rows of a table alone decide what a query over it answers, so
 *		that a row that nobody wrote since needs no second look.
 */
#include "postgres.h"

#include "customer_data.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/nodes.h"
#include "run_as.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"

/* May a function answer otherwise for a row that is as it was?  Casts look at settings, which a source has its own of. */
static bool
moves(Oid function, void *cast)
{
	char		volatility = func_volatile(function);

	/* who may replace a function may have done so */
	return function >= FirstNormalObjectId ||
		!(volatility == PROVOLATILE_IMMUTABLE || (volatility == PROVOLATILE_STABLE && *(bool *) cast));
}

/* Is a type one of names of objects, which may be called otherwise by now? */
static bool
names_objects(Oid type)
{
	switch (type)
	{
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGCLASSOID:
		case REGCOLLATIONOID:
		case REGTYPEOID:
		case REGROLEOID:
		case REGNAMESPACEOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case ACLITEMOID:
			return true;
		default:
			return false;
	}
}

/* Does an expression look at anything but columns of its row? */
static bool
looks_elsewhere(Node *node, void *context)
{
	bool		cast;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_TargetEntry:
		case T_List:
		case T_CaseWhen:
			return expression_tree_walker(node, looks_elsewhere, context);
		case T_Var:
			if (((Var *) node)->varattno <= 0 || ((Var *) node)->varlevelsup > 0)
				return true;
			break;
		case T_Const:
		case T_CoalesceExpr:
		case T_CaseExpr:
		case T_CaseTestExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_BoolExpr:
		case T_ArrayExpr:
		case T_RelabelType:
		case T_CollateExpr:
		case T_FuncExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_CoerceViaIO:
			break;
		default:
			return true;
	}
	cast = IsA(node, CoerceViaIO) ||
		(IsA(node, FuncExpr) && ((FuncExpr *) node)->funcformat != COERCE_EXPLICIT_CALL &&
		 ((FuncExpr *) node)->funcformat != COERCE_SQL_SYNTAX);
	/* a type that can be altered shows its values otherwise then */
	return exprType(node) >= FirstNormalObjectId || names_objects(exprType(node)) || check_functions_in_node(node, moves, &cast) || expression_tree_walker(node, looks_elsewhere, context);
}

/* The table of which a query reads each row by itself and nothing else; InvalidOid if it is none. */
static Oid
table_alone(const Query *query)
{
	RangeTblEntry *table;

	if (query->commandType != CMD_SELECT || query->hasSubLinks || query->hasAggs || query->hasWindowFuncs ||
		query->hasTargetSRFs || query->cteList != NIL || query->setOperations != NULL || query->distinctClause != NIL ||
		query->groupClause != NIL || query->limitCount != NULL || query->limitOffset != NULL ||
		query->jointree->quals != NULL || list_length(query->jointree->fromlist) != 1 || list_length(query->rtable) != 1 ||
		!IsA(linitial(query->jointree->fromlist), RangeTblRef))
		return InvalidOid;
	table = linitial_node(RangeTblEntry, query->rtable);
	if (table->rtekind != RTE_RELATION || table->relkind != RELKIND_RELATION || table->tablesample != NULL ||
		table->securityQuals != NIL || looks_elsewhere((Node *) query->targetList, NULL))
		return InvalidOid;
	return table->relid;
}

/*
 * The mark of a table and what is computed of its rows: another table, or this
 * one with other columns or other storage, has another.  So has an expression
 * of which a part was settled when it was parsed, as 'today'::date.  NULL where
 * rows do not tell.
 */
static char *
mark_of(Oid table, const List *computed)
{
	Relation	relation = table_open(table, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(relation);
	bool		plain = relation->rd_rel->relpersistence != RELPERSISTENCE_TEMP && !relation->rd_rel->relhassubclass &&
		!relation->rd_rel->relrowsecurity && relation->rd_tableam == GetHeapamTableAmRoutine();
	char	   *tree = nodeToString(computed);
	uint64		columns = hash_bytes_extended((const unsigned char *) tree, (int) strlen(tree), (uint64) desc->natts);
	char	   *mark;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		uint64		what = (uint64) column->atttypid << 32 | (uint32) column->atttypmod;

		/* what is stored, or not at all, is written with its row */
		plain &= column->attgenerated == '\0' || column->attgenerated == 's';
		columns = hash_combine64(columns, hash_bytes_extended((const unsigned char *) NameStr(column->attname),
															  (int) strlen(NameStr(column->attname)), column->attisdropped));
		columns = hash_combine64(columns, hash_bytes_extended((const unsigned char *) &what, sizeof(what), 0));
	}
	mark = psprintf(UINT64_FORMAT " %u %u %u " UINT64_FORMAT, GetSystemIdentifier(), MyDatabaseId, table,
					relation->rd_rel->relfilenode, columns);
	table_close(relation, NoLock);
	return plain ? mark : NULL;
}

/*
 * row_mark(owner regrole, time_zone text, query text) → text: where the query,
 * run as its owner, answers for each row of one table what that row alone
 * decides, the mark of the table: as long as it stays the same, only rows
 * written by later transactions can give another answer.  NULL elsewhere:
 * views, other tables or functions have a say, or rows are hidden from some.
 */
PG_FUNCTION_INFO_V1(cd_row_mark);
Datum
cd_row_mark(PG_FUNCTION_ARGS)
{
	char	   *time_zone = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(2));
	MemoryContext caller = CurrentMemoryContext;
	char	   *mark = NULL;
	CdRunAs		save;
	SPIPlanPtr	plan;

	SPI_connect();
	cd_run_as_begin(PG_GETARG_OID(0), time_zone, &save);
	plan = SPI_prepare(query, 0, NULL);
	if (plan != NULL)
	{
		List	   *sources = SPI_plan_get_plan_sources(plan);
		List	   *queries = list_length(sources) != 1 ? NIL : ((CachedPlanSource *) linitial(sources))->query_list;
		Oid			table = list_length(queries) != 1 ? InvalidOid : table_alone(linitial_node(Query, queries));

		if (OidIsValid(table))
			mark = mark_of(table, linitial_node(Query, queries)->targetList);
		if (mark != NULL)
			mark = MemoryContextStrdup(caller, mark);
	}
	cd_run_as_end(&save);
	SPI_finish();
	if (mark == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(mark));
}
