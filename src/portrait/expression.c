/*
 * expression.c
 *		Parse and plan an expression over a row of customer_data.profile.
 */
#include "postgres.h"

#include "portrait/evaluate.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "portrait/behaviour.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

/* Columns of customer_data.metric that are read here. */
#define METRIC_NAME			2
#define METRIC_EXPRESSION	3
#define METRIC_MOVING		4
#define METRIC_READY_MADE	8
#define METRIC_OWNER		9

CdExpressionHook cd_expression_hook = NULL;

/* Show errors inside the expression's own text, not in the caller's query. */
static void
move_position(void *arg)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) arg);
	}
}

Oid
cd_lock_profile(void)
{
	Oid			schema = get_namespace_oid("customer_data", true);
	Oid			relation = OidIsValid(schema) ? get_relname_relid("profile", schema) : InvalidOid;
	Oid			locked = InvalidOid;

	/* A metric that is dropped makes the view anew: it is the one of that name once it is locked. */
	while (OidIsValid(relation) && relation != locked)
	{
		if (OidIsValid(locked))
			UnlockRelationOid(locked, AccessShareLock);
		LockRelationOid(relation, AccessShareLock);
		locked = relation;
		relation = get_relname_relid("profile", schema);
	}
	return relation;
}

Oid
cd_profile_relation(void)
{
	Oid			relation = cd_lock_profile();

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there are no customers yet to ask expressions of"),
				 errhint("Declare a source first: SELECT customer_data.add_source(...).")));
	return relation;
}

Oid
cd_function_named(const char *name)
{
	FuncCandidateList found = FuncnameGetCandidates(list_make2(makeString("customer_data"), makeString(pstrdup(name))),
													-1, NIL, false, false, false, false);

	return found == NULL ? InvalidOid : found->oid;
}

/* The one expression in a text, as the grammar sees it */
static Node *
raw_expression(const char *text)
{
	List	   *statements = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;
	ResTarget  *target = NULL;

	if (list_length(select->targetList) == 1)
		target = linitial_node(ResTarget, select->targetList);
	if (target == NULL || target->name != NULL ||
		(IsA(target->val, ColumnRef) && IsA(llast(((ColumnRef *) target->val)->fields), A_Star)) ||
		select->distinctClause != NIL ||
		select->fromClause != NIL || select->whereClause != NULL || select->groupClause != NIL ||
		select->havingClause != NULL || select->windowClause != NIL || select->sortClause != NIL ||
		select->limitOffset != NULL || select->limitCount != NULL || select->lockingClause != NIL ||
		select->op != SETOP_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("one SQL expression is expected"),
				 errdetail("The text was: %s", text),
				 errhint("Write an expression over the columns of customer_data.profile, such as event_count(events, 'purchase') > 2.")));
	return target->val;
}

/* Does the value change by itself in a way nobody notes? */
static bool
restless_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
	{
		Oid			function = ((FuncExpr *) node)->funcid;

		if (function == F_NOW || function == F_TRANSACTION_TIMESTAMP ||
			function == F_STATEMENT_TIMESTAMP || function == *(Oid *) context)
			return true;
	}
	if (IsA(node, SQLValueFunction))
	{
		SQLValueFunctionOp op = ((SQLValueFunction *) node)->op;

		if (op == SVFOP_CURRENT_DATE || op == SVFOP_CURRENT_TIME || op == SVFOP_CURRENT_TIME_N ||
			op == SVFOP_CURRENT_TIMESTAMP || op == SVFOP_CURRENT_TIMESTAMP_N ||
			op == SVFOP_LOCALTIME || op == SVFOP_LOCALTIME_N ||
			op == SVFOP_LOCALTIMESTAMP || op == SVFOP_LOCALTIMESTAMP_N)
			return true;
	}
	return expression_tree_walker(node, restless_walker, context);
}

/* The current user must be allowed to read the columns used */
static void
check_columns(Oid relation, Bitmapset *columns)
{
	int			i = -1;

	if (pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		return;
	while ((i = bms_next_member(columns, i)) >= 0)
	{
		if (pg_attribute_aclcheck(relation, i, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied for column \"%s\" of customer_data.profile",
							get_attname(relation, i, false)),
					 errhint("GRANT SELECT ON customer_data.profile TO %s;",
							 quote_identifier(GetUserNameFromId(GetUserId(), false)))));
	}
}

/*
 * Columns whose value moves with time (days since something) are not stored;
 * an expression over them is one over what they are computed from, so that
 * their functions can note until when it holds.
 */
typedef struct ExpandContext
{
	ParseState *pstate;
	Oid			relation;
	Relation	metric;			/* NULL before the room's tables exist */
} ExpandContext;

/*
 * The expression behind a column that is computed when asked, or NULL; with
 * "all" also behind a stored metric that is ready-made or the current user's.
 */
static char *
moving_column(ExpandContext *context, AttrNumber attribute, bool all)
{
	char	   *name = get_attname(context->relation, attribute, false);
	TupleDesc	desc = RelationGetDescr(context->metric);
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *found = NULL;

	/* A handful of rows; read whatever the current user may read. */
	scan = systable_beginscan(context->metric, InvalidOid, false, NULL, 0, NULL);
	while (found == NULL && (tuple = systable_getnext(scan)) != NULL)
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, METRIC_NAME, desc, &isnull);

		if (strcmp(TextDatumGetCString(value), name) != 0)
			continue;
		if (DatumGetBool(heap_getattr(tuple, METRIC_MOVING, desc, &isnull)) ||
			(all && (DatumGetBool(heap_getattr(tuple, METRIC_READY_MADE, desc, &isnull)) ||
					 DatumGetObjectId(heap_getattr(tuple, METRIC_OWNER, desc, &isnull)) == GetUserId())))
			found = TextDatumGetCString(heap_getattr(tuple, METRIC_EXPRESSION, desc, &isnull));
	}
	systable_endscan(scan);
	return found;
}

/* The same for other rooms' conditions */
char *
cd_metric_expression(Oid profile, AttrNumber attribute, bool all)
{
	ExpandContext context = {NULL, profile, NULL};
	Oid			metric = get_relname_relid("metric", get_rel_namespace(profile));
	char	   *found;

	if (!OidIsValid(metric))
		return NULL;
	context.metric = table_open(metric, AccessShareLock);
	found = moving_column(&context, attribute, all);
	table_close(context.metric, AccessShareLock);
	return found;
}

static Node *
expand_moving(Node *node, void *arg)
{
	ExpandContext *context = arg;

	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;
		char	   *text;
		Node	   *tree;

		if (var->varattno <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("the whole row of customer_data.profile cannot be used in an expression"),
					 errhint("Name the columns.")));
		text = moving_column(context, var->varattno, false);
		if (text == NULL)
			return node;
		tree = transformExpr(context->pstate, raw_expression(text), EXPR_KIND_WHERE);
		tree = coerce_to_target_type(context->pstate, tree, exprType(tree), var->vartype, -1,
									 COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
		assign_expr_collations(context->pstate, tree);
		return tree;
	}
	return expression_tree_mutator(node, expand_moving, arg);
}

/* Bring the result to the type wanted, or settle for what it is */
static Node *
coerce_result(ParseState *pstate, Node *tree, Oid wanted)
{
	Oid			have = exprType(tree);
	Node	   *result;

	if (!OidIsValid(wanted))
		wanted = have == UNKNOWNOID ? TEXTOID : have;
	result = coerce_to_target_type(pstate, tree, have, wanted, -1,
								   COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (result == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the expression is of type %s where %s is expected",
						format_type_be(have), format_type_be(wanted)),
				 parser_errposition(pstate, exprLocation(tree))));
	return result;
}

void
cd_expression_parse(CdExpression *expression)
{
	ErrorContextCallback context;
	ParseState *pstate;
	ParseNamespaceItem *item;
	Oid			profile = cd_profile_relation();
	Oid			schema = get_namespace_oid("customer_data", false);
	Oid			as_of;
	oidvector  *none = buildoidvector(NULL, 0);
	Relation	relation;
	Node	   *tree;
	Bitmapset  *attributes = NULL;
	int			i = -1;

	context.callback = move_position;
	context.arg = unconstify(char *, expression->text);
	context.previous = error_context_stack;
	error_context_stack = &context;

	relation = table_open(profile, AccessShareLock);
	pstate = make_parsestate(NULL);
	pstate->p_sourcetext = expression->text;
	item = addRangeTableEntryForRelation(pstate, relation, AccessShareLock, NULL, false, true);
	addNSItemToQuery(pstate, item, false, true, true);

	tree = transformExpr(pstate, raw_expression(expression->text), EXPR_KIND_WHERE);
	tree = coerce_result(pstate, tree, expression->type);
	assign_expr_collations(pstate, tree);
	expression->result_type = exprType(tree);
	get_typlenbyval(expression->result_type, &expression->typlen, &expression->typbyval);
	if (type_is_rowtype(expression->result_type) || get_typtype(expression->result_type) == TYPTYPE_PSEUDO)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the expression is of type %s, which cannot be kept",
						format_type_be(expression->result_type))));

	cd_find_uses(expression, tree, profile);

	/* A sub-select reads tables whose changes nobody reports to us. */
	expression->restless = pstate->p_hasSubLinks;
	if (!pstate->p_hasSubLinks)
	{
		ExpandContext expand = {pstate, profile, NULL};
		Oid			metric = get_relname_relid("metric", schema);

		if (OidIsValid(metric))
		{
			expand.metric = table_open(metric, AccessShareLock);
			tree = expand_moving(tree, &expand);
			table_close(expand.metric, AccessShareLock);
		}
		if (cd_expression_hook != NULL)
			tree = cd_expression_hook(tree);
	}
	pull_varattnos(tree, 1, &attributes);
	expression->columns = NULL;
	while ((i = bms_next_member(attributes, i)) >= 0)
	{
		if (i + FirstLowInvalidHeapAttributeNumber > 0)
			expression->columns = bms_add_member(expression->columns,
												 i + FirstLowInvalidHeapAttributeNumber);
	}
	check_columns(profile, expression->columns);
	if (contain_volatile_functions(tree))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("the expression calls a volatile function"),
				 errdetail("Its answer would differ each time it is asked."),
				 errhint("Use stable functions; the moment is customer_data.as_of().")));
	if (!pstate->p_hasSubLinks)
	{
		tree = cd_rewrite_comparisons(eval_const_expressions(NULL, tree));
		expression->tree = expression_planner((Expr *) tree);
		as_of = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("as_of"),
								PointerGetDatum(none), ObjectIdGetDatum(schema));
		expression->restless = restless_walker((Node *) expression->tree, &as_of);
	}
	else
		expression->tree = NULL;
	free_parsestate(pstate);
	table_close(relation, NoLock);
	error_context_stack = context.previous;
}

bool
cd_attempt(void (*action) (void *arg), void *arg, ErrorData **error)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool succeeded = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		action(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		*error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		cd_decay_is_kept = false;
		succeeded = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	/* Nobody may ignore a cancel. */
	if (!succeeded && (*error)->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(*error);
	return succeeded;
}
