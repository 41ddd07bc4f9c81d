/*
 * direct.c
 *		Columns of some customers out of the tables that profile joins, looked up
 *		by their indexes: what the view says is read from its definition, and no
 *		statement is executed.
 *
 * That goes where the view is what rebuild_profile() makes it: a table, and
 * others joined to it by the customer's number, of which each has a row at
 * most.  Of anything else a query is asked (read.c).
 */
#include "postgres.h"

#include "lookup.h"
#include "segment/engine.h"
#include "timeline/chunk.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#define MOST_TABLES		8

/* A column that is read. */
typedef struct ReadColumn
{
	AttrNumber	number;			/* in its table */
	int16		len;
	bool		byval;
	Datum	   *values;			/* of the batch */
	bool	   *nulls;
} ReadColumn;

/* One of the tables. */
typedef struct DirectTable
{
	struct CdDirect *direct;
	Index		rtindex;
	Relation	relation;		/* open from when a column of it is wanted */
	Oid			relid;
	Oid			index;
	AttrNumber	key;			/* the customer's number */
	AttrNumber	last;			/* column that is read */
	TupleTableSlot *slot;
	ReadColumn **columns;
	int			ncolumns;
	int			next;			/* place in the batch that its rows have come to */
} DirectTable;

/* A column of profile that is worked out of others. */
typedef struct MadeColumn
{
	Expr	   *expr;
	ExprState  *state;
	int			place;			/* among those fetched */
	int16		len;
	bool		byval;
} MadeColumn;

struct CdDirect
{
	CdRun	   *run;
	DirectTable tables[MOST_TABLES];
	int			ntables;
	List	   *made;			/* of MadeColumn */
	List	   *sources;		/* of ReadColumn: what these are made of, in the order of slot */
	TupleTableSlot *slot;
	ExprContext *econtext;
};

/* ---- what the view is ---- */

/* Take in a table of the view, if rows of it can be looked up by a column. */
static bool
add_table(CdDirect *direct, Query *view, Index rtindex, AttrNumber key, Oid owner)
{
	RangeTblEntry *entry = rt_fetch(rtindex, view->rtable);
	DirectTable *table = &direct->tables[direct->ntables];
	Relation	relation,
				index;
	bool		fits;

	if (direct->ntables == MOST_TABLES || entry->rtekind != RTE_RELATION || entry->relkind != RELKIND_RELATION ||
		entry->tablesample != NULL || entry->securityQuals != NIL ||
		pg_class_aclcheck(entry->relid, owner, ACL_SELECT) != ACLCHECK_OK)
		return false;
	relation = table_open(entry->relid, AccessShareLock);
	table->direct = direct;
	table->rtindex = rtindex;
	table->relid = entry->relid;
	table->key = key;
	table->index = key > 0 && TupleDescAttr(RelationGetDescr(relation), key - 1)->atttypid == INT8OID ?
		cd_index_on(relation, key) : InvalidOid;
	fits = OidIsValid(table->index) && !relation->rd_rel->relrowsecurity && !relation->rd_rel->relhassubclass;
	if (fits)
	{
		index = index_open(table->index, AccessShareLock);
		fits = index->rd_index->indisunique && index->rd_index->indnkeyatts == 1;
		index_close(index, AccessShareLock);
	}
	/* The lock stays until the transaction ends, as that of a query does. */
	table_close(relation, NoLock);
	direct->ntables += fits;
	return fits;
}

/* Is a node a column of a table? */
static bool
is_column(Node *node, Index rtindex, AttrNumber number)
{
	return IsA(node, Var) && (Index) ((Var *) node)->varno == rtindex && ((Var *) node)->varlevelsup == 0 &&
		(number == 0 || ((Var *) node)->varattno == number);
}

/* Take in the tables of a tree of joins; the first one, whose key is given, is that of the customers. */
static bool
add_tables(CdDirect *direct, Query *view, Node *tree, AttrNumber key, Oid owner)
{
	JoinExpr   *join = (JoinExpr *) tree;
	OpExpr	   *same;
	Index		base,
				joined;
	Node	   *one,
			   *other;

	if (IsA(tree, RangeTblRef))
		return add_table(direct, view, ((RangeTblRef *) tree)->rtindex, key, owner);
	if (!IsA(tree, JoinExpr) || join->jointype != JOIN_LEFT || !IsA(join->rarg, RangeTblRef) ||
		join->quals == NULL || !IsA(join->quals, OpExpr) || !add_tables(direct, view, join->larg, key, owner))
		return false;
	same = (OpExpr *) join->quals;
	base = direct->tables[0].rtindex;
	joined = ((RangeTblRef *) join->rarg)->rtindex;
	set_opfuncid(same);
	if (same->opfuncid != F_INT8EQ)
		return false;
	one = linitial(same->args);
	other = lsecond(same->args);
	if (is_column(other, joined, 0))
	{
		Node	   *swapped = one;

		one = other;
		other = swapped;
	}
	return is_column(one, joined, 0) && is_column(other, base, key) &&
		add_table(direct, view, joined, ((Var *) one)->varattno, owner);
}

/* Is the query nothing but a selection of columns? */
static bool
is_plain(const Query *view)
{
	return view->commandType == CMD_SELECT && !view->hasAggs && !view->hasWindowFuncs && !view->hasTargetSRFs &&
		!view->hasSubLinks && !view->hasRowSecurity && view->cteList == NIL && view->groupClause == NIL &&
		view->groupingSets == NIL && view->havingQual == NULL && view->distinctClause == NIL &&
		view->sortClause == NIL && view->limitOffset == NULL && view->limitCount == NULL &&
		view->setOperations == NULL && view->rowMarks == NIL &&
		list_length(view->jointree->fromlist) == 1 && view->jointree->quals == NULL;
}

/* ---- what is wanted of it ---- */

static DirectTable *
table_of(CdDirect *direct, const Var *var)
{
	int			i;

	for (i = 0; i < direct->ntables; i++)
		if (direct->tables[i].rtindex == (Index) var->varno && var->varlevelsup == 0 && var->varattno > 0)
			return &direct->tables[i];
	return NULL;
}

/* Have a column read, into some arrays or new ones. */
static ReadColumn *
read_column(DirectTable *table, const Var *var, Datum *values, bool *nulls)
{
	ReadColumn *column = palloc(sizeof(ReadColumn));
	Form_pg_attribute attribute;

	if (table->relation == NULL)
		table->relation = table_open(table->relid, AccessShareLock);
	attribute = TupleDescAttr(RelationGetDescr(table->relation), var->varattno - 1);
	column->number = var->varattno;
	column->len = attribute->attlen;
	column->byval = attribute->attbyval;
	column->values = values ? values : palloc(sizeof(Datum) * CD_BATCH);
	column->nulls = nulls ? nulls : palloc(sizeof(bool) * CD_BATCH);
	CD_GROW(table->columns, table->ncolumns);
	table->columns[table->ncolumns++] = column;
	table->last = Max(table->last, var->varattno);
	return column;
}

typedef struct Sources
{
	CdDirect   *direct;
	TupleDesc	desc;			/* NULL while they are counted */
	List	   *vars;
	bool		fits;
} Sources;

/* Turn columns of the tables into those of the slot that expressions look at. */
static Node *
source_mutator(Node *node, void *arg)
{
	Sources    *sources = arg;

	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		DirectTable *table = table_of(sources->direct, (Var *) node);
		Var		   *var;

		if (table == NULL)
		{
			sources->fits = false;
			return node;
		}
		sources->vars = lappend(sources->vars, node);
		sources->direct->sources = lappend(sources->direct->sources, read_column(table, (Var *) node, NULL, NULL));
		var = makeVar(1, list_length(sources->vars), ((Var *) node)->vartype, ((Var *) node)->vartypmod,
					  ((Var *) node)->varcollid, 0);
		return (Node *) var;
	}
	if (IsA(node, Param) || IsA(node, SubLink) || IsA(node, SubPlan))
		sources->fits = false;
	return expression_tree_mutator(node, source_mutator, arg);
}

/* Make the slot that expressions look at, and get them ready. */
static void
prepare_made(CdDirect *direct, const Sources *sources)
{
	TupleDesc	desc = CreateTemplateTupleDesc(list_length(sources->vars));
	ListCell   *cell;
	int			i = 1;

	foreach(cell, sources->vars)
	{
		Var		   *var = lfirst(cell);

		TupleDescInitEntry(desc, i, NULL, var->vartype, var->vartypmod, 0);
		TupleDescInitEntryCollation(desc, i++, var->varcollid);
	}
	direct->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	direct->econtext = CreateStandaloneExprContext();
	direct->econtext->ecxt_scantuple = direct->slot;
	foreach(cell, direct->made)
	{
		MadeColumn *made = lfirst(cell);

		made->state = ExecInitExpr(made->expr, NULL);
	}
}

/* Find where the columns in use come from. */
static bool
add_columns(CdDirect *direct, Query *view)
{
	CdRun	   *run = direct->run;
	Sources		sources = {.direct = direct, .fits = true};
	int			i;

	for (i = 0; i < run->nfetched; i++)
	{
		TargetEntry *entry = list_nth(view->targetList, run->fetched[i] - 1);
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(run->profile), run->fetched[i] - 1);
		Expr	   *expr;
		MadeColumn *made;

		if (run->fetched[i] == run->events)
			continue;
		expr = expression_planner(copyObject(entry->expr));
		if (IsA(expr, Var))
		{
			DirectTable *table = table_of(direct, (Var *) expr);

			if (table == NULL)
				return false;
			(void) read_column(table, (Var *) expr, run->values[i], run->nulls[i]);
			continue;
		}
		made = palloc0(sizeof(MadeColumn));
		made->expr = (Expr *) source_mutator((Node *) expr, &sources);
		made->place = i;
		made->len = attribute->attlen;
		made->byval = attribute->attbyval;
		direct->made = lappend(direct->made, made);
	}
	if (!sources.fits)
		return false;
	if (direct->made != NIL)
		prepare_made(direct, &sources);
	return true;
}

/* Open what all rows are read from. */
static void
open_tables(CdDirect *direct)
{
	int			i;

	for (i = 0; i < direct->ntables; i++)
	{
		DirectTable *table = &direct->tables[i];

		if (i == 0 && table->relation == NULL)
			table->relation = table_open(table->relid, AccessShareLock);
		if (table->relation != NULL)
			table->slot = MakeSingleTupleTableSlot(RelationGetDescr(table->relation), &TTSOpsHeapTuple);
	}
}

CdDirect *
cd_direct_begin(CdRun *run)
{
	CdDirect   *direct = palloc0(sizeof(CdDirect));
	Query	   *view;
	TargetEntry *first;

	direct->run = run;
	if (RelationHasSecurityInvoker(run->profile) ||
		pg_class_aclcheck(RelationGetRelid(run->profile), GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		return NULL;
	view = get_view_query(run->profile);
	first = linitial(view->targetList);
	if (!is_plain(view) || !IsA(first->expr, Var) ||
		!add_tables(direct, view, linitial(view->jointree->fromlist), ((Var *) first->expr)->varattno,
					run->profile->rd_rel->relowner) ||
		!is_column((Node *) first->expr, direct->tables[0].rtindex, direct->tables[0].key) ||
		!add_columns(direct, view))
	{
		cd_direct_end(direct);
		return NULL;
	}
	open_tables(direct);
	return direct;
}

void
cd_direct_end(CdDirect *direct)
{
	int			i;

	for (i = 0; i < direct->ntables; i++)
	{
		if (direct->tables[i].slot != NULL)
			ExecDropSingleTupleTableSlot(direct->tables[i].slot);
		if (direct->tables[i].relation != NULL)
			table_close(direct->tables[i].relation, AccessShareLock);
	}
	if (direct->slot != NULL)
	{
		FreeExprContext(direct->econtext, true);
		ExecDropSingleTupleTableSlot(direct->slot);
	}
}

/* ---- reading ---- */

/* Keep the columns of a row that are wanted, for a customer of the batch. */
static void
keep_columns(DirectTable *table, HeapTuple tuple, int row)
{
	int			i;

	ExecStoreHeapTuple(tuple, table->slot, false);
	slot_getsomeattrs(table->slot, table->last);
	for (i = 0; i < table->ncolumns; i++)
	{
		ReadColumn *column = table->columns[i];
		Datum		value = table->slot->tts_values[column->number - 1];
		bool		isnull = table->slot->tts_isnull[column->number - 1];

		column->nulls[row] = isnull;
		column->values[row] = isnull || column->byval ? value : cd_keep_value(value, column->len);
	}
	ExecClearTuple(table->slot);
}

static int64
customer_of(const DirectTable *table, HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;

	return DatumGetInt64(heap_getattr(tuple, table->key, desc, &isnull));
}

/* Begin the row of a customer, if it is one asked for. */
static void
take_customer(void *arg, HeapTuple tuple, TupleDesc desc)
{
	DirectTable *table = arg;
	CdRun	   *run = table->direct->run;
	uint32		id = cd_set_id(customer_of(table, tuple, desc));

	/* A scan of a range has others, too. */
	if (!cd_set_contains(run->due, id))
		return;
	run->ids[run->count] = id;
	run->future[run->count] = DT_NOEND;
	if (table->ncolumns > 0)
		keep_columns(table, tuple, run->count);
	run->count++;
}

/* Add what another table has of a customer of the batch; both ascend. */
static void
take_joined(void *arg, HeapTuple tuple, TupleDesc desc)
{
	DirectTable *table = arg;
	CdRun	   *run = table->direct->run;
	int64		owner = customer_of(table, tuple, desc);

	while (table->next < run->count && (int64) run->ids[table->next] < owner)
		table->next++;
	if (table->next < run->count && (int64) run->ids[table->next] == owner)
		keep_columns(table, tuple, table->next);
}

/* Work out what is made of the columns of a customer. */
static void
make_columns(CdDirect *direct, int row)
{
	ListCell   *cell;
	int			i = 0;

	ExecClearTuple(direct->slot);
	foreach(cell, direct->sources)
	{
		const ReadColumn *column = lfirst(cell);

		direct->slot->tts_values[i] = column->values[row];
		direct->slot->tts_isnull[i++] = column->nulls[row];
	}
	ExecStoreVirtualTuple(direct->slot);
	foreach(cell, direct->made)
	{
		const MadeColumn *made = lfirst(cell);
		bool		isnull;
		Datum		value = ExecEvalExprSwitchContext(made->state, direct->econtext, &isnull);

		direct->run->nulls[made->place][row] = isnull;
		direct->run->values[made->place][row] = isnull || made->byval ? value : cd_keep_value(value, made->len);
		ResetExprContext(direct->econtext);
	}
}

void
cd_direct_read(CdDirect *direct, const int64 *ids, int nids)
{
	CdRun	   *run = direct->run;
	int			i,
				k;

	run->count = 0;
	cd_lookup(direct->tables[0].relation, direct->tables[0].index, direct->tables[0].key, ids, nids, take_customer, &direct->tables[0]);
	for (i = 1; i < direct->ntables && run->count > 0; i++)
	{
		DirectTable *table = &direct->tables[i];

		for (k = 0; k < table->ncolumns; k++)
			memset(table->columns[k]->nulls, true, run->count);
		table->next = 0;
		if (table->relation != NULL)
			cd_lookup(table->relation, table->index, table->key, ids, nids, take_joined, table);
	}
	if (direct->made != NIL)
		for (i = 0; i < run->count; i++)
			make_columns(direct, i);
}
