/*
 * plan.c
 *		Turn a condition into the form that is executed: comparisons with
 *		as_of() into forms that know until when they hold, in_segment() into a
 *		column, top_percent() and metric_percentile() into their values.
 */
#include "postgres.h"

#include "portrait/evaluate.h"
#include "segment/condition.h"

#include <math.h>

#include "access/stratnum.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* What the rewriting walk carries along; function OIDs are looked up once. */
typedef struct PlanContext
{
	CdCondition *condition;
	List	   *segments;
	int			natts;
	Oid			schema;
	Oid			as_of;
	Oid			as_of_day;
	Oid			compare;
	Oid			in_segment;
	Oid			top_percent;
	Oid			metric_percentile;
	Oid			compare_events;
	Oid			timeline;
	Oid			event_pattern;
} PlanContext;

/* Look up one of our own functions. */
static Oid
own_function(const char *name, int nargs, const Oid *types)
{
	return LookupFuncName(list_make2(makeString("customer_data"), makeString(pstrdup(name))),
						  nargs, types, false);
}

/* Look up one of our own types. */
static Oid
own_type(const char *name)
{
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
						   ObjectIdGetDatum(cd_schema()));
}

/* Is a node the call as_of()? */
static bool
is_as_of(Node *node, PlanContext *context)
{
	return IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == context->as_of;
}

static bool
has_as_of_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (is_as_of(node, arg))
		return true;
	return expression_tree_walker(node, has_as_of_walker, arg);
}

/* Does an expression ask for as_of() anywhere? */
static bool
has_as_of(Node *node, PlanContext *context)
{
	return has_as_of_walker(node, context);
}

/* Function behind an operator or a call, InvalidOid for other nodes. */
static Oid
function_of(Node *node)
{
	if (IsA(node, OpExpr))
	{
		set_opfuncid((OpExpr *) node);
		return ((OpExpr *) node)->opfuncid;
	}
	if (IsA(node, FuncExpr))
		return ((FuncExpr *) node)->funcid;
	return InvalidOid;
}

static List *
args_of(Node *node)
{
	return IsA(node, OpExpr) ? ((OpExpr *) node)->args : ((FuncExpr *) node)->args;
}

/* The interval of a constant node, or NULL. */
static Interval *
constant_interval(Node *node)
{
	Const	   *constant = (Const *) node;

	if (!IsA(node, Const) || constant->consttype != INTERVALOID || constant->constisnull)
		return NULL;
#if PG_VERSION_NUM >= 170000
	if (INTERVAL_NOT_FINITE(DatumGetIntervalP(constant->constvalue)))
		return NULL;
#endif
	return DatumGetIntervalP(constant->constvalue);
}

/* Is a node as_of(), as_of() - interval or as_of() + interval? */
static bool
is_moving_moment(Node *node, PlanContext *context, Interval *span)
{
	Oid			function = function_of(node);
	Interval   *given;

	memset(span, 0, sizeof(Interval));
	if (is_as_of(node, context))
		return true;
	if (function != F_TIMESTAMPTZ_MI_INTERVAL && function != F_TIMESTAMPTZ_PL_INTERVAL)
		return false;
	given = constant_interval(lsecond(args_of(node)));
	if (given == NULL || !is_as_of(linitial(args_of(node)), context))
		return false;
	*span = *given;
	if (function == F_TIMESTAMPTZ_PL_INTERVAL)
	{
		span->month = -span->month;
		span->day = -span->day;
		span->time = -span->time;
	}
	return true;
}

/* An expression as timestamptz, or NULL if it is no moment. */
static Node *
as_timestamptz(Node *node)
{
	Oid			cast;

	switch (exprType(node))
	{
		case TIMESTAMPTZOID:
			return node;
		case DATEOID:
			cast = F_TIMESTAMPTZ_DATE;
			break;
		case TIMESTAMPOID:
			cast = F_TIMESTAMPTZ_TIMESTAMP;
			break;
		default:
			return NULL;
	}
	return (Node *) makeFuncExpr(cast, TIMESTAMPTZOID, list_make1(node), InvalidOid, InvalidOid,
								 COERCE_IMPLICIT_CAST);
}

/* Make compare_with_as_of(moment, span, strategy). */
static Node *
make_compare(Node *moment, const Interval *span, int strategy, PlanContext *context)
{
	Interval   *copy = palloc(sizeof(Interval));

	*copy = *span;
	return (Node *) makeFuncExpr(context->compare, BOOLOID,
								 list_make3(moment,
											makeConst(INTERVALOID, -1, InvalidOid, sizeof(Interval),
													  IntervalPGetDatum(copy), false, false),
											makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
													  Int32GetDatum(strategy), false, true)),
								 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

/* The btree strategy of a comparison operator, 0 if it is none. */
static int
strategy_of(Oid opno)
{
	ListCell   *cell;

#if PG_VERSION_NUM >= 180000
	foreach(cell, get_op_index_interpretation(opno))
	{
		int			strategy = ((OpIndexInterpretation *) lfirst(cell))->cmptype;
#else
	foreach(cell, get_op_btree_interpretation(opno))
	{
		int			strategy = ((OpBtreeInterpretation *) lfirst(cell))->strategy;
#endif

		if (strategy >= BTLessStrategyNumber && strategy <= BTMaxStrategyNumber)
			return strategy;
	}
	return 0;
}

/* Rewrite a comparison with a moment that moves with as_of(); NULL if it is none. */
static Node *
rewrite_comparison(OpExpr *op, PlanContext *context)
{
	Node	   *left,
			   *right,
			   *moment;
	Interval	span;
	Interval   *elapsed;
	int			strategy;

	if (list_length(op->args) != 2 || !has_as_of((Node *) op, context))
		return NULL;
	strategy = strategy_of(op->opno);
	if (strategy == 0)
		return NULL;
	left = linitial(op->args);
	right = lsecond(op->args);
	/* Bring what moves to the right of moments, to the left of spans. */
	if ((exprType(right) == INTERVALOID) ? has_as_of(right, context) : has_as_of(left, context))
	{
		Node	   *swap = left;

		left = right;
		right = swap;
		strategy = BTMaxStrategyNumber + 1 - strategy;
	}

	/* moment <op> as_of() - span */
	if (!has_as_of(left, context) && is_moving_moment(right, context, &span))
	{
		moment = as_timestamptz(left);
		return moment ? make_compare(moment, &span, strategy, context) : NULL;
	}

	/* as_of() - moment <op> span: elapsed time counts 24 hours a day, 30 days a month */
	elapsed = constant_interval(right);
	if (elapsed != NULL && function_of(left) == F_TIMESTAMPTZ_MI &&
		is_as_of(linitial(args_of(left)), context) &&
		!has_as_of(lsecond(args_of(left)), context))
	{
		memset(&span, 0, sizeof(span));
		span.time = elapsed->time + (elapsed->day + (int64) elapsed->month * DAYS_PER_MONTH) * USECS_PER_DAY;
		return make_compare(lsecond(args_of(left)), &span, BTMaxStrategyNumber + 1 - strategy, context);
	}
	return NULL;
}

/* A constant number as double precision, NULL if a node is none; NaN is greater than any count, which C does not know. */
static Const *
constant_number(Node *node)
{
	Oid			type = exprType(node);
	Const	   *constant;

	if (!IsA(node, Const) || ((Const *) node)->constisnull ||
		(type != INT2OID && type != INT4OID && type != INT8OID && type != FLOAT4OID &&
		 type != FLOAT8OID && type != NUMERICOID))
		return NULL;
	if (type == FLOAT8OID)
		return isnan(DatumGetFloat8(((Const *) node)->constvalue)) ? NULL : (Const *) node;
	constant = (Const *) eval_const_expressions(NULL, (Node *)
		makeFuncExpr(type == INT2OID ? F_FLOAT8_INT2 : type == INT4OID ? F_FLOAT8_INT4 :
					 type == INT8OID ? F_FLOAT8_INT8 : type == FLOAT4OID ? F_FLOAT8_FLOAT4 : F_FLOAT8_NUMERIC,
					 FLOAT8OID, list_make1(node), InvalidOid, InvalidOid, COERCE_IMPLICIT_CAST));
	return IsA(constant, Const) && !isnan(DatumGetFloat8(constant->constvalue)) ? constant : NULL;
}

/*
 * Rewrite event_count(...) <op> number and event_sum(...) <op> number into a
 * form that knows how far the count is from the number; NULL if it is none.
 */
static Node *
rewrite_count(OpExpr *op, PlanContext *context)
{
	Node	   *left,
			   *right;
	FuncExpr   *call;
	Const	   *number;
	char	   *name;
	bool		sum;
	int			nargs;
	int			strategy;
	Node	   *of;

	if (list_length(op->args) != 2 || (strategy = strategy_of(op->opno)) == 0)
		return NULL;
	left = linitial(op->args);
	right = lsecond(op->args);
	if (IsA(left, Const))
	{
		Node	   *swap = left;

		left = right;
		right = swap;
		strategy = BTMaxStrategyNumber + 1 - strategy;
	}
	/* A count may have been widened to the type of the number. */
	if (IsA(left, FuncExpr) && ((FuncExpr *) left)->funcformat == COERCE_IMPLICIT_CAST &&
		list_length(((FuncExpr *) left)->args) == 1)
		left = linitial(((FuncExpr *) left)->args);
	number = constant_number(right);
	if (number == NULL || !IsA(left, FuncExpr))
		return NULL;
	call = (FuncExpr *) left;
	if (get_func_namespace(call->funcid) != context->schema)
		return NULL;
	name = get_func_name(call->funcid);
	sum = strcmp(name, "event_sum") == 0;
	if (!sum && strcmp(name, "event_count") != 0)
		return NULL;
	/* (events, pattern, last [, of]): the forms whose window does not move need no help. */
	nargs = list_length(call->args);
	if (nargs != (sum ? 4 : 3) || constant_interval(lthird(call->args)) == NULL)
		return NULL;
	of = sum ? (Node *) lfourth(call->args) : (Node *) makeNullConst(TEXTOID, -1, InvalidOid);
	return (Node *) makeFuncExpr(context->compare_events, BOOLOID,
								 list_concat(list_make3(linitial(call->args), lsecond(call->args),
														lthird(call->args)),
											 list_make3(of,
														makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
																  Int32GetDatum(strategy), false, true),
														number)),
								 InvalidOid, DEFAULT_COLLATION_OID, COERCE_EXPLICIT_CALL);
}

/* Does a field or unit change with the calendar day only? */
static bool
is_calendar_unit(Node *node)
{
	static const char *const units[] = {
		"day", "days", "dow", "isodow", "doy", "week", "weeks", "month", "months", "quarter",
		"year", "years", "isoyear", "decade", "century", "millennium", "julian",
	};
	char	   *unit;
	int			i;

	if (!IsA(node, Const) || ((Const *) node)->consttype != TEXTOID || ((Const *) node)->constisnull)
		return false;
	unit = TextDatumGetCString(((Const *) node)->constvalue);
	if (pg_strcasecmp(unit, "julian") == 0)
		return false;
	for (i = 0; i < (int) lengthof(units); i++)
		if (pg_strcasecmp(unit, units[i]) == 0)
			return true;
	return false;
}

/* Rewrite uses of as_of() that see no more than its calendar day; NULL if it is none. */
static Node *
rewrite_day(Node *node, PlanContext *context)
{
	Oid			function = function_of(node);
	List	   *args;
	FuncExpr   *copy;
	int			argno;

	if (!IsA(node, FuncExpr))
		return NULL;
	args = args_of(node);
	if (function == F_DATE_TIMESTAMPTZ)
		argno = 0;
	else if ((function == F_DATE_TRUNC_TEXT_TIMESTAMPTZ || function == F_EXTRACT_TEXT_TIMESTAMPTZ ||
			  function == F_DATE_PART_TEXT_TIMESTAMPTZ) && is_calendar_unit(linitial(args)))
		argno = 1;
	else
		return NULL;
	if (!is_as_of(list_nth(args, argno), context))
		return NULL;
	copy = copyObject((FuncExpr *) node);
	lfirst(list_nth_cell(copy->args, argno)) =
		makeFuncExpr(context->as_of_day, TIMESTAMPTZOID, NIL, InvalidOid, InvalidOid,
					 COERCE_EXPLICIT_CALL);
	return (Node *) copy;
}

/* The threshold that a call asks for, as a constant. */
static Node *
threshold_constant(FuncExpr *call, PlanContext *context)
{
	Const	   *metric = linitial(call->args);
	Const	   *percent = lsecond(call->args);
	Const	   *among = lthird(call->args);
	ListCell   *cell;

	foreach(cell, context->condition->thresholds)
	{
		CdThreshold *threshold = lfirst(cell);

		if (strcmp(threshold->metric, TextDatumGetCString(metric->constvalue)) == 0 &&
			threshold->percent == (call->funcid == context->metric_percentile ? -1 : 1) * DatumGetFloat8(percent->constvalue) &&
			(threshold->among == NULL) == among->constisnull &&
			(threshold->among == NULL ||
			 strcmp(threshold->among, TextDatumGetCString(among->constvalue)) == 0))
			return (Node *) makeConst(FLOAT8OID, -1, InvalidOid, sizeof(float8),
									  Float8GetDatum(threshold->value), threshold->isnull,
									  FLOAT8PASSBYVAL);
	}
	ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("threshold of metric \"%s\" is missing", TextDatumGetCString(metric->constvalue))));
	return NULL;
}

/* The column that holds membership of the segment a call of in_segment() names. */
static Node *
segment_column(FuncExpr *call, PlanContext *context)
{
	char	   *name = TextDatumGetCString(((Const *) lsecond(call->args))->constvalue);
	ListCell   *cell;
	int			i = 0;

	foreach(cell, context->segments)
	{
		i++;
		if (strcmp(lfirst(cell), name) == 0)
			return (Node *) makeVar(1, context->natts + i, BOOLOID, -1, InvalidOid, 0);
	}
	ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("segment \"%s\" is missing", name)));
	return NULL;
}

static Node *
plan_mutator(Node *node, void *arg)
{
	PlanContext *context = arg;
	Node	   *result = NULL;

	if (node == NULL)
		return NULL;
	if (IsA(node, FuncExpr))
	{
		FuncExpr   *call = (FuncExpr *) node;

		if (call->funcid == context->in_segment)
			return segment_column(call, context);
		if (call->funcid == context->top_percent || call->funcid == context->metric_percentile)
			return threshold_constant(call, context);
		result = rewrite_day(node, context);
	}
	else if (IsA(node, OpExpr))
	{
		result = rewrite_comparison((OpExpr *) node, context);
		if (result == NULL)
			result = rewrite_count((OpExpr *) node, context);
	}
	if (result != NULL)
		node = result;
	if (is_as_of(node, context) && context->condition->untracked == NULL)
		context->condition->untracked = pstrdup("as_of()");
	return expression_tree_mutator(node, plan_mutator, arg);
}

Expr *
cd_plan_condition(CdCondition *condition, Relation profile, List *segments)
{
	PlanContext context;
	Oid			compare_types[] = {TIMESTAMPTZOID, INTERVALOID, INT4OID};
	Oid			in_segment_types[] = {INT8OID, TEXTOID};
	Oid			top_percent_types[] = {TEXTOID, FLOAT8OID, TEXTOID};
	Oid			events_types[] = {InvalidOid, InvalidOid, INTERVALOID, TEXTOID, INT4OID, FLOAT8OID};
	Expr	   *expr;

	if (condition->by_sql)
		return NULL;
	context.condition = condition;
	context.segments = segments;
	context.natts = RelationGetDescr(profile)->natts;
	context.schema = cd_schema();
	context.as_of = own_function("as_of", 0, NULL);
	context.as_of_day = own_function("as_of_day", 0, NULL);
	context.compare = own_function("compare_with_as_of", 3, compare_types);
	context.in_segment = own_function("in_segment", 2, in_segment_types);
	context.top_percent = own_function("top_percent", 3, top_percent_types);
	context.metric_percentile = own_function("metric_percentile", 3, top_percent_types);

	context.timeline = own_type("timeline");
	context.event_pattern = own_type("event_pattern");
	events_types[0] = context.timeline;
	events_types[1] = context.event_pattern;
	context.compare_events = own_function("compare_events", 6, events_types);

	expr = (Expr *) eval_const_expressions(NULL, (Node *) copyObject(condition->expr));
	expr = (Expr *) cd_rewrite_comparisons((Node *) expr);
	expr = (Expr *) plan_mutator((Node *) expr, &context);
	fix_opfuncids((Node *) expr);
	return expr;
}
