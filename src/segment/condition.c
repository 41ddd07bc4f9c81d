/*
 * condition.c
 *		Read a condition's text: check it as one expression over profile, find
 *		what it depends on, refuse what cannot be a condition.
 */
#include "postgres.h"

#include "portrait/evaluate.h"
#include "segment/condition.h"
#include "segment/moment.h"
#include "window.h"

#include <ctype.h>

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

/* What the walk over a condition carries along. */
typedef struct CheckContext
{
	CdCondition *condition;
	ParseState *pstate;
	TupleDesc	profile;
	int			depth;			/* sub-selects around the node */
	Node	   *node;			/* the node whose functions are looked at */
} CheckContext;

Oid
cd_schema(void)
{
	return get_namespace_oid("customer_data", false);
}

Relation
cd_open_profile(void)
{
	Oid			relid = cd_lock_profile();

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there are no customers yet: the view profile does not exist"),
				 errhint("Declare a source first, with customer_data.add_source().")));
	return relation_open(relid, NoLock);
}

/* Make an error's position refer to the condition, not to the calling query. */
static void
condition_error_callback(void *arg)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) arg);
	}
}

/* Append the names of profile's columns nearest to one that does not exist. */
static char *
nearest_columns(const char *name, TupleDesc profile)
{
	StringInfoData buf;
	Bitmapset  *used = NULL;
	int			len = strlen(name);
	int			limit = Max(3, len / 2);
	int			found = 0;

	initStringInfo(&buf);
	while (found < 3 && len < 64)
	{
		int			best = -1;
		int			best_distance = limit + 1;
		int			i;

		for (i = 0; i < profile->natts; i++)
		{
			const char *candidate = NameStr(TupleDescAttr(profile, i)->attname);
			int			distance;

			if (bms_is_member(i, used))
				continue;
			distance = varstr_levenshtein_less_equal(candidate, strlen(candidate), name, len,
													 1, 1, 1, limit, true);
			/* A name that holds the other is near, whatever its length. */
			if (distance > limit && len >= 3 &&
				(strstr(candidate, name) != NULL ||
				 (strlen(candidate) >= 3 && strstr(name, candidate) != NULL)))
				distance = limit;
			if (distance < best_distance)
			{
				best = i;
				best_distance = distance;
			}
		}
		if (best < 0)
			break;
		used = bms_add_member(used, best);
		appendStringInfo(&buf, "%s%s", found ? ", " : "",
						 quote_identifier(NameStr(TupleDescAttr(profile, best)->attname)));
		found++;
	}
	return found ? buf.data : NULL;
}

/* Say which columns are near where a name is none of profile's. */
static Node *
unknown_column_hook(ParseState *pstate, ColumnRef *cref, Node *var)
{
	TupleDesc	profile = (TupleDesc) pstate->p_ref_hook_state;
	Node	   *last = llast(cref->fields);
	char	   *near;

	if (var != NULL || !IsA(last, String) || list_length(cref->fields) > 2)
		return NULL;
	if (list_length(cref->fields) == 2 &&
		strcmp(strVal(linitial(cref->fields)), "profile") != 0)
		return NULL;
	/* The name of the row as a whole is no unknown column. */
	if (list_length(cref->fields) == 1 && strcmp(strVal(last), "profile") == 0)
		return NULL;
	near = nearest_columns(strVal(last), profile);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" does not exist in profile", strVal(last)),
			 near ? errhint("Nearest names: %s.", near) :
			 errhint("customer_data.profile lists the columns that a condition can use: attributes, metrics, tags and events."),
			 parser_errposition(pstate, cref->location)));
	return NULL;
}

/*
 * True if a function is one of this extension's own that notes until when its
 * answer holds, or depends on nothing but its arguments and the time zone.
 * Others of ours read tables, the job that runs, or what this server knows.
 */
static bool
is_own_function(Form_pg_proc proc)
{
	static const char *const names[] = {
		"as_of", "as_of_day", "compact_tags", "compare_events", "compare_with_as_of", "cosine_similarity",
		"customer_events", "days_since", "days_since_reached", "decayed_sum", "dot_product", "event_avg",
		"event_count", "event_count_at_least", "event_days", "event_distinct", "event_first", "event_last",
		"event_max", "event_min", "event_sum", "event_sum_at_least", "favourite_hour", "funnel_times",
		"happened", "has_tag", "in_segment", "in_stage", "is_anniversary", "metric_percentile", "older_than",
		"plus_span", "tag_presence", "tag_score", "tag_score_ge", "tag_score_gt", "tags_match", "text_words",
		"timeline_cut", "top_percent", "top_tags", "unanswered", "window_funnel", "within_last", "word_counts",
	};
	int			i;

	if (proc->pronamespace == cd_schema() && proc->prolang == ClanguageId)
		for (i = 0; i < (int) lengthof(names); i++)
			if (strcmp(NameStr(proc->proname), names[i]) == 0)
				return true;
	return false;
}

/* True if a stable function of pg_catalog gives the time or the session's state. */
static bool
reads_surroundings(Form_pg_proc proc)
{
	static const char *const names[] = {
		"now", "transaction_timestamp", "statement_timestamp", "timenow",
		"current_setting", "current_user", "session_user", "getpgusername",
		"current_schema", "current_schemas", "current_database", "current_query",
		"to_regclass", "to_regproc", "to_regtype", "to_regrole", "lo_get",
	};
	const char *name = NameStr(proc->proname);
	int			i;

	if (proc->prolang != INTERNALlanguageId)
		return true;
	for (i = 0; i < (int) lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return strncmp(name, "pg_", 3) == 0 || strncmp(name, "has_", 4) == 0 ||
		strncmp(name, "inet_", 5) == 0 || strncmp(name, "txid_", 5) == 0 ||
		strncmp(name, "table_to_", 9) == 0 || strncmp(name, "query_to_", 9) == 0;
}

/* Refuse now, with its position, what a time-aware function of ours would refuse of every customer. */
static void
check_constant_times(CheckContext *context, const char *name)
{
	ParseCallbackState state;
	ListCell   *cell;

	/* These take any span, to moments after as_of(), too; funnels say themselves what they take. */
	if (!IsA(context->node, FuncExpr) || strcmp(name, "plus_span") == 0 || strcmp(name, "compare_with_as_of") == 0 ||
		strcmp(name, "window_funnel") == 0 || strcmp(name, "funnel_times") == 0)
		return;
	foreach(cell, ((FuncExpr *) context->node)->args)
	{
		Node	   *arg = lfirst(cell);
		Oid			type = exprType(arg);

		if (type != INTERVALOID && (type != INT4OID || strcmp(name, "is_anniversary") != 0))
			continue;
		arg = eval_const_expressions(NULL, IsA(arg, NamedArgExpr) ? (Node *) ((NamedArgExpr *) arg)->arg : arg);
		if (!IsA(arg, Const) || ((Const *) arg)->constisnull)
			continue;
		setup_parser_errposition_callback(&state, context->pstate, exprLocation(lfirst(cell)));
		if (type == INTERVALOID)
			cd_check_window(DatumGetIntervalP(((Const *) arg)->constvalue));
		else
			cd_check_days_around(DatumGetInt32(((Const *) arg)->constvalue));
		cancel_parser_errposition_callback(&state);
	}
}

/* Refuse volatile functions; remember those whose use of time is unknown. */
static bool
check_function(Oid funcid, void *arg)
{
	CheckContext *context = arg;
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Form_pg_proc proc;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("cache lookup failed for function %u", funcid)));
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	if (proc->provolatile == PROVOLATILE_VOLATILE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a condition cannot use volatile function %s", format_procedure(funcid)),
				 errdetail("It may answer differently each time it is called, so membership would be a matter of chance."),
				 strcmp(NameStr(proc->proname), "clock_timestamp") == 0 ?
				 errhint("Use customer_data.as_of() for the current moment.") :
				 proc->pronamespace == cd_schema() && strcmp(NameStr(proc->proname), "stage_of") == 0 ?
				 errhint("Write in_stage(customer_id, 'journey', 'stage').") :
				 errhint("If the function depends on nothing but its arguments and the database, declare it STABLE or IMMUTABLE."),
				 parser_errposition(context->pstate, exprLocation(context->node))));
	if (proc->provolatile == PROVOLATILE_STABLE && context->condition->untracked == NULL &&
		!is_own_function(proc) &&
		(proc->pronamespace != PG_CATALOG_NAMESPACE || reads_surroundings(proc)))
		context->condition->untracked = psprintf("%s()", NameStr(proc->proname));
	if (proc->provolatile == PROVOLATILE_STABLE && is_own_function(proc))
		check_constant_times(context, NameStr(proc->proname));
	ReleaseSysCache(tuple);
	return false;
}

/* The text of a constant argument; an error with its position if it is none. */
static char *
constant_text(CheckContext *context, FuncExpr *call, int argno, const char *what)
{
	Node	   *arg = list_nth(call->args, argno);

	while (IsA(arg, RelabelType))
		arg = (Node *) ((RelabelType *) arg)->arg;
	if (!IsA(arg, Const))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s must be written as a constant in a condition", what),
				 parser_errposition(context->pstate, exprLocation(arg))));
	return ((Const *) arg)->constisnull ? NULL : TextDatumGetCString(((Const *) arg)->constvalue);
}

/* A call with its named arguments in order and its defaults filled in. */
static FuncExpr *
full_call(ParseState *pstate, Node *call)
{
	Node	   *full = eval_const_expressions(NULL, call);

	/* A strict one is nothing any more. */
	if (!IsA(full, FuncExpr))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("arguments of %s() must not be NULL in a condition", get_func_name(castNode(FuncExpr, call)->funcid)),
				 parser_errposition(pstate, exprLocation(call))));
	return (FuncExpr *) full;
}

/* Refuse a call that asks for somebody else than the customer: usage says how to write it. */
static void
check_asks_customer(CheckContext *context, FuncExpr *call, const char *usage)
{
	Node	   *id = linitial(call->args);

	if (!IsA(id, Var) || ((Var *) id)->varlevelsup != (Index) context->depth ||
		((Var *) id)->varattno <= 0 ||
		strcmp(NameStr(TupleDescAttr(context->profile, ((Var *) id)->varattno - 1)->attname),
			   "customer_id") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s() must be asked of the customer itself", get_func_name(call->funcid)),
				 errhint("Write %s.", usage),
				 parser_errposition(context->pstate, exprLocation(id))));
}

/* The text of a constant argument that names something. */
static char *
constant_name(CheckContext *context, FuncExpr *call, int argno, const char *what)
{
	char	   *name = constant_text(context, call, argno, what);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be NULL", what),
				 parser_errposition(context->pstate, exprLocation((Node *) call))));
	return name;
}

/* Note a call of in_segment(customer_id, 'name'). */
static void
note_in_segment(CheckContext *context, FuncExpr *call)
{
	char	   *name;
	ListCell   *cell;

	check_asks_customer(context, call, "in_segment(customer_id, 'name')");
	name = constant_name(context, call, 1, "the segment's name");
	foreach(cell, context->condition->segments)
		if (strcmp(lfirst(cell), name) == 0)
			return;
	context->condition->segments = lappend(context->condition->segments, name);
}

/*
 * Note a call of in_stage(customer_id, 'journey', 'stage').  Its answer moves
 * only where a refresh of journeys moves the customer.
 */
static void
note_in_stage(CheckContext *context, FuncExpr *call)
{
	CdCondition *condition = context->condition;

	check_asks_customer(context, call, "in_stage(customer_id, 'journey', 'stage')");
	condition->journeys = lappend(condition->journeys, constant_name(context, call, 1, "the journey's name"));
	condition->stages = lappend(condition->stages, constant_name(context, call, 2, "the stage's name"));
}

/* True if a call is of one of this extension's functions of that name. */
static bool
is_call_of(Node *node, const char *name)
{
	FuncExpr   *call = (FuncExpr *) node;
	char	   *have;

	if (!IsA(node, FuncExpr) || get_func_namespace(call->funcid) != cd_schema())
		return false;
	have = get_func_name(call->funcid);
	return have != NULL && strcmp(have, name) == 0;
}

/* True if a call is of a function whose value is a threshold. */
static bool
is_threshold_call(Node *node)
{
	return is_call_of(node, "top_percent") || is_call_of(node, "metric_percentile");
}

/* True if values of a type can be ranked: numbers that double precision takes. */
static bool
ranks_customers(Oid type)
{
	char		category;
	bool		preferred;
	Oid			base = getBaseType(type);

	get_type_category_preferred(base, &category, &preferred);
	return category == TYPCATEGORY_NUMERIC && can_coerce_type(1, &base, &(Oid) {FLOAT8OID}, COERCION_EXPLICIT);
}

/*
 * Note a call of top_percent('metric', percent, among => 'condition') or of
 * metric_percentile(), whose percent counts from the bottom: as a negative one.
 */
static CdThreshold *
note_threshold(CheckContext *context, FuncExpr *call)
{
	CdThreshold *threshold = palloc0(sizeof(CdThreshold));
	Node	   *percent = lsecond(call->args);
	AttrNumber	attno = InvalidAttrNumber;
	int			i;

	/* A number as written may still be wrapped in a cast to double precision. */
	percent = eval_const_expressions(NULL, percent);
	if (!IsA(percent, Const) || ((Const *) percent)->constisnull)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the percentage of %s() must be written as a constant", get_func_name(call->funcid)),
				 parser_errposition(context->pstate, exprLocation(lsecond(call->args)))));
	threshold->metric = constant_text(context, call, 0, "the metric's name");
	threshold->percent = DatumGetFloat8(((Const *) percent)->constvalue);
	threshold->among = constant_text(context, call, 2, "the condition on the population");
	threshold->isnull = true;

	for (i = 0; threshold->metric != NULL && i < context->profile->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(context->profile, i)->attname), threshold->metric) == 0)
			attno = i + 1;
	if (attno == InvalidAttrNumber)
	{
		char	   *near = threshold->metric ? nearest_columns(threshold->metric, context->profile) : NULL;

		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("metric \"%s\" does not exist", threshold->metric ? threshold->metric : ""),
				 near ? errhint("Nearest names: %s.", near) :
				 errhint("SELECT name FROM customer_data.metric; lists the metrics, add_metric() declares one."),
				 parser_errposition(context->pstate, exprLocation((Node *) linitial(call->args)))));
	}
	if (!ranks_customers(TupleDescAttr(context->profile, attno - 1)->atttypid))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("customers cannot be ranked by column \"%s\", which is of type %s", threshold->metric,
						format_type_be(TupleDescAttr(context->profile, attno - 1)->atttypid)),
				 errhint("Declare the number to rank by with add_metric()."),
				 parser_errposition(context->pstate, exprLocation((Node *) linitial(call->args)))));
	if (!(threshold->percent > 0 && threshold->percent <= 100))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the percentage of %s() must be above 0 and at most 100", get_func_name(call->funcid)),
				 parser_errposition(context->pstate, exprLocation(lsecond(call->args)))));
	if (is_call_of((Node *) call, "metric_percentile"))
		threshold->percent = -threshold->percent;
	context->condition->columns = bms_add_member(context->condition->columns, attno);
	context->condition->thresholds = lappend(context->condition->thresholds, threshold);
	return threshold;
}

/* True if a comparison is metric <op> top_percent('metric', ...) or the like, either way round. */
static bool
is_plain_comparison(Node *node, CheckContext *context, Node **call)
{
	OpExpr	   *op = (OpExpr *) node;
	Node	   *left,
			   *right;
	char	   *metric;

	if (!IsA(node, OpExpr) || list_length(op->args) != 2)
		return false;
	left = linitial(op->args);
	right = lsecond(op->args);
	if (is_threshold_call(left))
	{
		Node	   *swap = left;

		left = right;
		right = swap;
	}
	else if (!is_threshold_call(right))
		return false;
	*call = right;
	while (IsA(left, RelabelType) || IsA(left, FuncExpr))
	{
		if (IsA(left, RelabelType))
			left = (Node *) ((RelabelType *) left)->arg;
		else if (((FuncExpr *) left)->funcformat == COERCE_IMPLICIT_CAST)
			left = linitial(((FuncExpr *) left)->args);
		else
			break;
	}
	if (!IsA(left, Var) || ((Var *) left)->varlevelsup != 0)
		return false;
	metric = constant_text(context, full_call(context->pstate, right), 0, "the metric's name");
	return metric != NULL &&
		strcmp(metric, NameStr(TupleDescAttr(context->profile, ((Var *) left)->varattno - 1)->attname)) == 0;
}

/* Visit every node: collect dependencies, refuse what a condition cannot hold. */
static bool
check_walker(Node *node, void *arg)
{
	CheckContext *context = arg;
	CdCondition *condition = context->condition;
	Node	   *call;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		bool		result;

		context->depth++;
		result = query_tree_walker((Query *) node, check_walker, arg, 0);
		context->depth--;
		return result;
	}
	if (IsA(node, SubLink))
	{
		condition->by_sql = true;
		if (condition->untracked == NULL)
			condition->untracked = pstrdup("a sub-select");
	}
	if (context->depth == 0)
	{
		if (IsA(node, Aggref) || IsA(node, GroupingFunc))
			ereport(ERROR,
					(errcode(ERRCODE_GROUPING_ERROR),
					 errmsg("a condition cannot use an aggregate function"),
					 errdetail("It is asked of one customer at a time."),
					 errhint("Count events with event_count(events, 'purchase'), or declare the figure with add_metric()."),
					 parser_errposition(context->pstate, exprLocation(node))));
		if (IsA(node, WindowFunc))
			ereport(ERROR,
					(errcode(ERRCODE_WINDOWING_ERROR),
					 errmsg("a condition cannot use a window function"),
					 errdetail("It is asked of one customer at a time."),
					 errhint("To compare with all customers use top_percent('metric', percent) or metric_percentile('metric', percent)."),
					 parser_errposition(context->pstate, exprLocation(node))));
		if ((IsA(node, FuncExpr) && ((FuncExpr *) node)->funcretset) ||
			(IsA(node, OpExpr) && ((OpExpr *) node)->opretset))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("a condition cannot use a function that returns a set"),
					 errhint("Ask whether there is such a row: EXISTS (SELECT FROM ... WHERE ...)."),
					 parser_errposition(context->pstate, exprLocation(node))));
	}
	if (IsA(node, Var) && ((Var *) node)->varlevelsup == (Index) context->depth)
	{
		Var		   *var = (Var *) node;

		if (var->varattno <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("a condition cannot use the whole row of profile"),
					 errhint("Name the columns it needs."),
					 parser_errposition(context->pstate, var->location)));
		condition->columns = bms_add_member(condition->columns, var->varattno);
	}
	if (IsA(node, SQLValueFunction) && condition->untracked == NULL)
		condition->untracked = pstrdup("the session's own date or time");
	if (IsA(node, NextValueExpr))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a condition cannot use a sequence")));
	if (is_call_of(node, "in_segment"))
	{
		note_in_segment(context, full_call(context->pstate, node));
		return expression_tree_walker(node, check_walker, arg);
	}
	if (is_call_of(node, "in_stage"))
	{
		note_in_stage(context, full_call(context->pstate, node));
		return expression_tree_walker(node, check_walker, arg);
	}
	if (is_plain_comparison(node, context, &call))
	{
		note_threshold(context, full_call(context->pstate, call))->plain = true;
		context->node = node;
		check_functions_in_node(node, check_function, context);
		/* The other side is the metric's column. */
		return false;
	}
	if (is_threshold_call(node))
	{
		note_threshold(context, full_call(context->pstate, node));
		return false;
	}
	context->node = node;
	check_functions_in_node(node, check_function, context);
	return expression_tree_walker(node, check_walker, arg);
}

/* What the search for fixed moments carries along. */
typedef struct FrozenContext
{
	ParseState *pstate;
	List	   *words;			/* string constants that hold a word for a moment */
} FrozenContext;

/* Does a text hold a word that date and time input reads as a moment of the clock? */
static bool
names_moment(const char *text)
{
	static const char *const words[] = {"now", "today", "tomorrow", "yesterday"};
	const char *at = text;

	while (*at != '\0')
	{
		int			len = 0;
		int			i;

		while (isalpha((unsigned char) at[len]))
			len++;
		for (i = 0; i < (int) lengthof(words); i++)
			if (len == (int) strlen(words[i]) && pg_strncasecmp(at, words[i], len) == 0)
				return true;
		at += Max(len, 1);
	}
	return false;
}

/* Collect string constants that would be such a moment, were they read as one. */
static bool
find_moment_words(Node *node, void *arg)
{
	FrozenContext *context = arg;

	if (node == NULL)
		return false;
	if (IsA(node, A_Const))
	{
#if PG_VERSION_NUM >= 150000
		A_Const    *constant = (A_Const *) node;

		if (!constant->isnull && nodeTag(&constant->val) == T_String && names_moment(strVal(&constant->val)))
			context->words = lappend(context->words, constant);
#endif
		return false;
	}
	return raw_expression_tree_walker(node, find_moment_words, arg);
}

/* Is a type, or that of its elements, one of moments or times of the day? */
static bool
is_moment_type(Oid type)
{
	Oid			element = get_element_type(type);

	switch (OidIsValid(element) ? element : type)
	{
		case DATEOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return true;
		default:
			return false;
	}
}

/* Refuse constants 'now', 'today 10:00' and the like, which would freeze at definition. */
static bool
refuse_frozen(Node *node, void *arg)
{
	FrozenContext *context = arg;
	Node	   *constant = node;
	ListCell   *cell;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, refuse_frozen, arg, 0);
	if (IsA(node, CoerceViaIO))
		constant = (Node *) ((CoerceViaIO *) node)->arg;
	foreach(cell, context->words)
	{
#if PG_VERSION_NUM >= 150000
		A_Const    *word = lfirst(cell);

		if (IsA(constant, Const) && ((Const *) constant)->location == word->location && is_moment_type(exprType(node)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("'%s' would be a fixed moment in a condition", strVal(&word->val)),
					 errhint("Use as_of() for the current moment, as_of()::date for the day."),
					 parser_errposition(context->pstate, word->location)));
#endif
	}
	return expression_tree_walker(node, refuse_frozen, arg);
}

/* The one expression a text consists of. */
static Node *
parse_text(ParseState *pstate, const char *text)
{
	List	   *raw = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *select = (SelectStmt *) linitial_node(RawStmt, raw)->stmt;
	ResTarget  *target;

	if (!IsA(select, SelectStmt) || select->op != SETOP_NONE ||
		select->fromClause != NIL || select->whereClause != NULL ||
		select->groupClause != NIL || select->havingClause != NULL ||
		select->windowClause != NIL || select->sortClause != NIL ||
		select->limitCount != NULL || select->limitOffset != NULL ||
		select->lockingClause != NIL || select->distinctClause != NIL ||
		select->withClause != NULL || select->valuesLists != NIL ||
		list_length(select->targetList) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a condition is one boolean expression, not a query"),
				 errdetail("The condition was: %s", text),
				 errhint("Write what follows WHERE in SELECT * FROM customer_data.profile WHERE ...")));
	target = select->targetList == NIL ? NULL : linitial_node(ResTarget, select->targetList);
	if (target == NULL || (IsA(target->val, ColumnRef) &&
						   IsA(llast(((ColumnRef *) target->val)->fields), A_Star)))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the condition is empty"),
				 errhint("Write what follows WHERE in SELECT * FROM customer_data.profile WHERE ...")));
	if (target->name != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("unexpected \"%s\" after the condition", target->name),
				 parser_errposition(pstate, target->location)));
	return target->val;
}

/* What the expansion of moving metrics carries along. */
typedef struct ExpandContext
{
	CdCondition *condition;
	ParseState *pstate;
	Oid			profile;
	bool		all;			/* also metrics that are stored */
} ExpandContext;

/*
 * Put what they are computed from in the place of metrics that move with time
 * (days since something), so that the functions in it can note until when
 * they hold; collect the columns that are read in the end.
 */
static Node *
expand_moving(Node *node, void *arg)
{
	ExpandContext *context = arg;

	if (node == NULL)
		return NULL;
	if (is_threshold_call(node))
	{
		/* A ranking by something that moves must be made anew each time. */
		char	   *metric = TextDatumGetCString(((Const *) linitial(full_call(context->pstate, node)->args))->constvalue);
		AttrNumber	attno = get_attnum(context->profile, metric);

		if (cd_metric_expression(context->profile, attno, false) != NULL && context->condition->untracked == NULL)
			context->condition->untracked = psprintf("%s('%s')", get_func_name(((FuncExpr *) node)->funcid), metric);
		return node;
	}
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;
		char	   *text = cd_metric_expression(context->profile, var->varattno, context->all);
		Node	   *tree;

		if (text == NULL)
		{
			context->condition->columns = bms_add_member(context->condition->columns, var->varattno);
			return node;
		}
		tree = transformExpr(context->pstate, parse_text(context->pstate, text), EXPR_KIND_SELECT_TARGET);
		tree = coerce_to_target_type(context->pstate, tree, exprType(tree), var->vartype, -1,
									 COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
		assign_expr_collations(context->pstate, tree);
		return expand_moving(tree, arg);
	}
	return expression_tree_mutator(node, expand_moving, arg);
}

CdCondition *
cd_parse_condition(const char *text, Relation profile, CdMetrics metrics)
{
	CdCondition *condition = palloc0(sizeof(CdCondition));
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *nsitem;
	ErrorContextCallback callback;
	CheckContext context;
	FrozenContext frozen = {pstate, NIL};
	Node	   *raw;
	Node	   *expr;
	Oid			type;

	condition->text = pstrdup(text);
	pstate->p_sourcetext = condition->text;
	pstate->p_ref_hook_state = RelationGetDescr(profile);
	pstate->p_post_columnref_hook = unknown_column_hook;

	callback.callback = condition_error_callback;
	callback.arg = condition->text;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	raw = parse_text(pstate, condition->text);
	find_moment_words(raw, &frozen);

	nsitem = addRangeTableEntryForRelation(pstate, profile, AccessShareLock, NULL, false, true);
	addNSItemToQuery(pstate, nsitem, true, true, true);
	expr = transformExpr(pstate, raw, EXPR_KIND_SELECT_TARGET);

	type = exprType(expr);
	if (type != BOOLOID)
	{
		Node	   *coerced = coerce_to_target_type(pstate, expr, type, BOOLOID, -1,
													COERCION_ASSIGNMENT,
													COERCE_IMPLICIT_CAST, -1);

		if (coerced == NULL || (type != UNKNOWNOID && coerced != NULL && type != BOOLOID))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("a condition must be true or false, not of type %s", format_type_be(type)),
					 errhint("Compare the value with something: %s > 0, for instance.",
							 strlen(text) < 60 ? text : "event_count(events, 'purchase')"),
					 parser_errposition(pstate, exprLocation(expr))));
		expr = coerced;
	}
	assign_expr_collations(pstate, expr);
	if (frozen.words != NIL)
		refuse_frozen(expr, &frozen);

	context.condition = condition;
	context.pstate = pstate;
	context.profile = RelationGetDescr(profile);
	context.depth = 0;
	context.node = NULL;
	check_walker(expr, &context);
	condition->named = bms_copy(condition->columns);
	if (!condition->by_sql && metrics != CD_METRICS_KEPT)
	{
		ExpandContext expand = {condition, pstate, RelationGetRelid(profile), metrics == CD_METRICS_COMPUTED};

		condition->columns = NULL;
		expr = expand_moving(expr, &expand);
	}
	condition->expr = (Expr *) expr;

	error_context_stack = callback.previous;
	return condition;
}

void
cd_check_columns(CdCondition *condition, Relation profile, Oid role)
{
	int			attno = -1;

	if (pg_class_aclcheck(RelationGetRelid(profile), role, ACL_SELECT) == ACLCHECK_OK)
		return;
	while ((attno = bms_next_member(condition->named, attno)) >= 0)
	{
		const char *name = NameStr(TupleDescAttr(RelationGetDescr(profile), attno - 1)->attname);

		if (pg_attribute_aclcheck(RelationGetRelid(profile), attno, role, ACL_SELECT) != ACLCHECK_OK)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("role \"%s\" may not read column \"%s\" of profile",
							GetUserNameFromId(role, false), name),
					 errdetail("A condition is evaluated with the rights of the role that defined it."),
					 errhint("GRANT SELECT (%s) ON customer_data.profile TO %s;", quote_identifier(name),
							 quote_identifier(GetUserNameFromId(role, false)))));
	}
}
