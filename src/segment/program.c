/*
 * program.c
 *		Take conditions apart into steps.
 *
 * A condition becomes a tree of AND and OR over leaves; negations are pushed
 * down, so that each leaf is asked whether it is true, false, not true or not
 * false, and the tree knows no NULL.  Equal leaves of all conditions are one.
 * Comparisons of columns, windows of time and the usual questions about
 * events are recognised (ask.c answers them); whatever else is an ExprState.
 */
#include "postgres.h"

#include "segment/step.h"

#include <math.h>

#include "access/stratnum.h"
#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_locale.h"
#include "utils/timestamp.h"

CdProgram *
cd_program(CdRun *run)
{
	CdProgram  *program = MemoryContextAllocZero(run->context, sizeof(CdProgram));

	program->run = run;
	program->context = run->context;
	program->scope = cd_scope(run->context);
	program->schema = cd_schema();
	return program;
}

/* ---- taking conditions apart ---- */

/* Mix what tells expressions apart; equal ones must come to the same. */
static bool
hash_walker(Node *node, void *arg)
{
	uint32	   *hash = arg;

	if (node == NULL)
		return false;
	*hash = hash_combine(*hash, (uint32) nodeTag(node));
	if (IsA(node, Var))
		*hash = hash_combine(*hash, (uint32) ((Var *) node)->varattno);
	else if (IsA(node, FuncExpr))
		*hash = hash_combine(*hash, ((FuncExpr *) node)->funcid);
	else if (IsA(node, OpExpr))
		*hash = hash_combine(*hash, ((OpExpr *) node)->opno);
	else if (IsA(node, Const) && !((Const *) node)->constisnull)
	{
		Const	   *constant = (Const *) node;

		if (constant->constbyval)
			*hash = hash_combine(*hash, hash_uint32((uint32) constant->constvalue));
		else if (constant->constlen == -1)
			*hash = hash_combine(*hash, hash_bytes((unsigned char *) VARDATA_ANY(DatumGetPointer(constant->constvalue)),
												   VARSIZE_ANY_EXHDR(DatumGetPointer(constant->constvalue))));
		else if (constant->constlen > 0)
			*hash = hash_combine(*hash, hash_bytes((unsigned char *) DatumGetPointer(constant->constvalue), constant->constlen));
	}
	return expression_tree_walker(node, hash_walker, arg);
}

/* The name of one of our own functions, NULL for all others. */
static const char *
own_name(CdProgram *program, Node *node)
{
	if (!IsA(node, FuncExpr) || get_func_namespace(((FuncExpr *) node)->funcid) != program->schema)
		return NULL;
	return get_func_name(((FuncExpr *) node)->funcid);
}

/* A constant of a type, NULL if a node is none. */
static Const *
constant_of(Node *node, Oid type)
{
	Const	   *constant = (Const *) node;

	return IsA(node, Const) && constant->consttype == type && !constant->constisnull ? constant : NULL;
}

static inline Interval *
interval_of(Node *node)
{
	Const	   *constant = constant_of(node, INTERVALOID);

	return constant ? DatumGetIntervalP(constant->constvalue) : NULL;
}

static inline Node *
argument(FuncExpr *call, int i)
{
	return i < list_length(call->args) ? list_nth(call->args, i) : NULL;
}

/* Is a node the column events? */
static bool
is_events(CdProgram *program, Node *node)
{
	CdRun	   *run = program->run;

	return node != NULL && IsA(node, Var) && ((Var *) node)->varattno <= run->natts &&
		strcmp(NameStr(TupleDescAttr(RelationGetDescr(run->profile), ((Var *) node)->varattno - 1)->attname), "events") == 0;
}

static bool
uses_events_walker(Node *node, void *program)
{
	if (node == NULL)
		return false;
	return is_events(program, node) || expression_tree_walker(node, uses_events_walker, program);
}

/* Note a window; the same is noted once. */
static int
note_span(CdProgram *program, const Interval *interval)
{
	int			i;

	for (i = 0; i < program->nspans; i++)
		if (memcmp(&program->spans[i].span, interval, sizeof(Interval)) == 0)
			return i;
	CD_GROW(program->spans, program->nspans);
	CD_GROW(program->span_ready, program->nspans);
	program->spans[i].span = *interval;
	return program->nspans++;
}

/* Would cd_check_window refuse it?  Then the function itself shall say so. */
static bool
is_window(const Interval *interval)
{
	return interval != NULL && interval->month >= 0 && interval->day >= 0 && interval->time >= 0 &&
		interval->month <= 12 * 1000 && interval->day <= 366 * 1000;
}

/* A pattern of a call about events, (events, 'pattern', ...); -1 if it is not plainly one. */
static int
take_pattern(CdProgram *program, FuncExpr *call, int place)
{
	Node	   *pattern = argument(call, place);

	if (!is_events(program, argument(call, 0)) || pattern == NULL || !IsA(pattern, Const) || ((Const *) pattern)->constisnull)
		return -1;
	return cd_scope_pattern(program->scope, (struct varlena *) DatumGetPointer(((Const *) pattern)->constvalue));
}

/* event_count(events, pattern [, last]) and its like <op> number */
static bool
take_measure(CdProgram *program, Leaf *leaf, FuncExpr *call, CdMeasure what, text *of, Interval *last,
			 int strategy, double number)
{
	if (isnan(number) || isinf(number) || (last != NULL && !is_window(last)))
		return false;
	leaf->pattern = take_pattern(program, call, 1);
	if (leaf->pattern < 0)
		return false;
	leaf->kind = LEAF_REACHED;
	leaf->measure = cd_scope_measure(program->scope, leaf->pattern, what, of, number);
	leaf->moment = cd_scope_moment(program->scope,
								   strategy == BTGreaterStrategyNumber || strategy == BTLessEqualStrategyNumber ?
								   CD_MOMENT_EXCEEDED : CD_MOMENT_REACHED, leaf->measure, number);
	if (strategy == BTEqualStrategyNumber)
		leaf->more = cd_scope_moment(program->scope, CD_MOMENT_EXCEEDED, leaf->measure, number);
	leaf->strategy = strategy;
	leaf->number = number;
	leaf->span = last ? note_span(program, last) : -1;
	leaf->timeless = last == NULL;
	leaf->events = true;
	leaf->cost = 2 * cd_scope_cost(program->scope, leaf->pattern);
	return true;
}

/* A function of ours that answers with a number, compared with one. */
static bool
take_comparison_of_events(CdProgram *program, Leaf *leaf, Node *left, int strategy, double number)
{
	const char *name;
	FuncExpr   *call;
	CdMeasure	what;
	int			more;			/* arguments before the window */
	Const	   *of = NULL;
	Node	   *last;

	while (IsA(left, FuncExpr) && ((FuncExpr *) left)->funcformat == COERCE_IMPLICIT_CAST &&
		   list_length(((FuncExpr *) left)->args) == 1)
		left = linitial(((FuncExpr *) left)->args);
	name = own_name(program, left);
	if (name == NULL)
		return false;
	call = (FuncExpr *) left;
	if (strcmp(name, "event_count") == 0)
		what = CD_MEASURE_COUNT;
	else if (strcmp(name, "event_days") == 0)
		what = CD_MEASURE_DAYS;
	else if (strcmp(name, "event_distinct") == 0)
		what = CD_MEASURE_DISTINCT;
	else if (strcmp(name, "event_sum") == 0 && list_length(call->args) == 3)
		what = CD_MEASURE_SUM;
	else
		return false;
	more = what == CD_MEASURE_DISTINCT || what == CD_MEASURE_SUM ? 3 : 2;
	if (more == 3 && (of = constant_of(argument(call, 2), TEXTOID)) == NULL)
		return false;
	if (list_length(call->args) > more + 1)
		return false;
	last = argument(call, more);
	if (last != NULL && interval_of(last) == NULL)
		return false;
	return take_measure(program, leaf, call, what, of ? DatumGetTextPP(of->constvalue) : NULL,
						last ? interval_of(last) : NULL, strategy, number);
}

/* Where a moment comes from: a column, or the last or first event. */
static bool
take_source(CdProgram *program, Leaf *leaf, Node *node)
{
	const char *name = own_name(program, node);

	leaf->pattern = -1;
	if (IsA(node, Var) && ((Var *) node)->vartype == TIMESTAMPTZOID)
	{
		leaf->source = FROM_COLUMN;
		leaf->attno = ((Var *) node)->varattno;
		return true;
	}
	if (name == NULL || list_length(((FuncExpr *) node)->args) != 2 ||
		(strcmp(name, "event_last") != 0 && strcmp(name, "event_first") != 0))
		return false;
	leaf->source = strcmp(name, "event_last") == 0 ? FROM_LAST : FROM_FIRST;
	leaf->pattern = take_pattern(program, (FuncExpr *) node, 1);
	leaf->events = true;
	if (leaf->pattern < 0)
		return false;
	leaf->moment = cd_scope_moment(program->scope, leaf->source == FROM_LAST ? CD_MOMENT_LAST : CD_MOMENT_FIRST, leaf->pattern, 0);
	return true;
}

/* moment <op> as_of() - span */
static bool
take_moment(CdProgram *program, Leaf *leaf, Node *moment, const Interval *span, int strategy, bool past)
{
	if (span == NULL || !take_source(program, leaf, moment))
		return false;
	leaf->kind = LEAF_MOMENT;
	leaf->span = note_span(program, span);
	leaf->strategy = strategy;
	leaf->past = past;
	leaf->cost = leaf->pattern < 0 ? 1 : cd_scope_cost(program->scope, leaf->pattern);
	return true;
}

/* unanswered(events, asked, answered, same, NULL, last): nothing asked waits for its time. */
static bool
take_unanswered(CdProgram *program, Leaf *leaf, FuncExpr *call)
{
	Node	   *same = argument(call, 3);
	Node	   *after = argument(call, 4);
	Node	   *last = argument(call, 5);
	int			answered;

	if (last == NULL || !IsA(same, Const) || !IsA(after, Const) || !((Const *) after)->constisnull || !IsA(last, Const))
		return false;
	if (!((Const *) last)->constisnull && !is_window(interval_of(last)))
		return false;
	leaf->pattern = take_pattern(program, call, 1);
	answered = take_pattern(program, call, 2);
	if (leaf->pattern < 0 || answered < 0)
		return false;
	leaf->kind = LEAF_HAPPENED;
	leaf->moment = cd_scope_moment(program->scope, CD_MOMENT_UNANSWERED,
								   cd_scope_pair(program->scope, leaf->pattern, answered,
												 ((Const *) same)->constisnull ? NULL : DatumGetTextPP(((Const *) same)->constvalue)), 0);
	leaf->span = ((Const *) last)->constisnull ? -1 : note_span(program, interval_of(last));
	leaf->timeless = ((Const *) last)->constisnull;
	leaf->events = true;
	leaf->cost = 20;
	return true;
}

/* A call of one of our own functions. */
static bool
take_call(CdProgram *program, Leaf *leaf, FuncExpr *call)
{
	const char *name = own_name(program, (Node *) call);
	int			nargs = list_length(call->args);

	if (name == NULL)
		return false;
	if (strcmp(name, "happened") == 0 && (nargs == 2 || (nargs == 3 && is_window(interval_of(lthird(call->args))))))
	{
		leaf->pattern = take_pattern(program, call, 1);
		if (leaf->pattern < 0)
			return false;
		leaf->kind = LEAF_HAPPENED;
		leaf->moment = cd_scope_moment(program->scope, CD_MOMENT_LAST, leaf->pattern, 0);
		leaf->span = nargs == 3 ? note_span(program, interval_of(lthird(call->args))) : -1;
		leaf->timeless = nargs == 2;
		leaf->events = true;
		leaf->cost = 2 * cd_scope_cost(program->scope, leaf->pattern);
		return true;
	}
	if (strcmp(name, "unanswered") == 0)
		return take_unanswered(program, leaf, call);
	if (strcmp(name, "within_last") == 0 && is_window(interval_of(lsecond(call->args))))
		return take_moment(program, leaf, linitial(call->args), interval_of(lsecond(call->args)),
						   BTGreaterStrategyNumber, true);
	if (strcmp(name, "older_than") == 0 && is_window(interval_of(lsecond(call->args))))
		return take_moment(program, leaf, linitial(call->args), interval_of(lsecond(call->args)),
						   BTLessEqualStrategyNumber, false);
	if (strcmp(name, "compare_with_as_of") == 0)
	{
		Const	   *strategy = constant_of(lthird(call->args), INT4OID);

		return strategy != NULL && take_moment(program, leaf, linitial(call->args), interval_of(lsecond(call->args)),
											   DatumGetInt32(strategy->constvalue), false);
	}
	if (strcmp(name, "days_since_reached") == 0)
	{
		Const	   *days = constant_of(lsecond(call->args), FLOAT8OID);
		Interval	span = {0};

		if (days == NULL || !(fabs(DatumGetFloat8(days->constvalue)) < 366 * 1000))
			return false;
		span.time = (int64) ceil(DatumGetFloat8(days->constvalue)) * USECS_PER_DAY;
		return take_moment(program, leaf, linitial(call->args), &span, BTLessEqualStrategyNumber, false);
	}
	if (strcmp(name, "compare_events") == 0)
	{
		Const	   *of = (Const *) lfourth(call->args);
		Const	   *strategy = constant_of(list_nth(call->args, 4), INT4OID);
		Const	   *number = constant_of(list_nth(call->args, 5), FLOAT8OID);

		if (strategy == NULL || number == NULL || !IsA(of, Const) || interval_of(lthird(call->args)) == NULL)
			return false;
		return take_measure(program, leaf, call, of->constisnull ? CD_MEASURE_COUNT : CD_MEASURE_SUM,
							of->constisnull ? NULL : DatumGetTextPP(of->constvalue), interval_of(lthird(call->args)),
							DatumGetInt32(strategy->constvalue), DatumGetFloat8(number->constvalue));
	}
	return false;
}

/* Bytes of a type that is compared as an integer, 0 for all others. */
static int
integer_width(Oid type)
{
	switch (type)
	{
		case INT2OID:
			return 2;
		case INT4OID:
		case DATEOID:
			return 4;
		case INT8OID:
		case TIMESTAMPTZOID:
			return 8;
		default:
			return 0;
	}
}

/* The value of a constant of such a type. */
static int64
integer_of(Const *constant)
{
	switch (integer_width(constant->consttype))
	{
		case 2:
			return DatumGetInt16(constant->constvalue);
		case 4:
			return DatumGetInt32(constant->constvalue);
		default:
			return DatumGetInt64(constant->constvalue);
	}
}

/* The btree strategy of an operator, 0 if it has none. */
static int
strategy_of(Oid opno)
{
	List	   *found = NIL;

#if PG_VERSION_NUM >= 180000
	found = get_op_index_interpretation(opno);
	return found == NIL ? 0 : (int) ((OpIndexInterpretation *) linitial(found))->cmptype;
#else
	found = get_op_btree_interpretation(opno);
	return found == NIL ? 0 : ((OpBtreeInterpretation *) linitial(found))->strategy;
#endif
}

/* A comparison with a constant. */
static bool
take_operator(CdProgram *program, Leaf *leaf, OpExpr *op)
{
	Node	   *left,
			   *right;
	Const	   *constant;
	Oid			type;
	int			strategy;

	if (list_length(op->args) != 2 || (strategy = strategy_of(op->opno)) < BTLessStrategyNumber ||
		strategy > BTMaxStrategyNumber)
		return false;
	left = linitial(op->args);
	right = lsecond(op->args);
	if (IsA(left, Const))
	{
		Node	   *swap = left;

		left = right;
		right = swap;
		strategy = BTMaxStrategyNumber + 1 - strategy;
	}
	constant = (Const *) right;
	if (!IsA(right, Const) || constant->constisnull)
		return false;
	if (!IsA(left, Var))
	{
		if (constant->consttype == FLOAT8OID)
			return take_comparison_of_events(program, leaf, left, strategy, DatumGetFloat8(constant->constvalue));
		if (constant->consttype == INT2OID || constant->consttype == INT4OID || constant->consttype == INT8OID)
			return take_comparison_of_events(program, leaf, left, strategy, (double) integer_of(constant));
		return false;
	}
	type = exprType(left);
	leaf->attno = ((Var *) left)->varattno;
	leaf->strategy = strategy;
	leaf->timeless = true;
	leaf->cost = 1;
	if (integer_width(type) > 0 &&
		(type == constant->consttype ||
		 (type != DATEOID && type != TIMESTAMPTZOID && constant->consttype != DATEOID &&
		  constant->consttype != TIMESTAMPTZOID && integer_width(constant->consttype) > 0)))
	{
		leaf->kind = LEAF_INTEGER;
		leaf->width = integer_width(type);
		leaf->integer = integer_of(constant);
		return true;
	}
	if (type == FLOAT8OID && constant->consttype == FLOAT8OID && !isnan(DatumGetFloat8(constant->constvalue)))
	{
		leaf->kind = LEAF_NUMBER;
		leaf->number = DatumGetFloat8(constant->constvalue);
		return true;
	}
	if (type == TEXTOID && constant->consttype == TEXTOID && op->opfuncid == F_TEXTEQ &&
		get_collation_isdeterministic(op->inputcollid))
	{
		leaf->kind = LEAF_TEXT;
		leaf->ntexts = 1;
		leaf->texts = palloc(sizeof(text *));
		leaf->texts[0] = DatumGetTextP(constant->constvalue);
		return true;
	}
	return false;
}

/* column IN ('a', 'b', ...) */
static bool
take_list(Leaf *leaf, ScalarArrayOpExpr *op)
{
	Node	   *left = linitial(op->args);
	Const	   *list = constant_of(lsecond(op->args), TEXTARRAYOID);
	Datum	   *values;
	bool	   *nulls;
	int			n,
				i;

	if (!op->useOr || op->opfuncid != F_TEXTEQ || !IsA(left, Var) || list == NULL ||
		!get_collation_isdeterministic(op->inputcollid))
		return false;
	deconstruct_array(DatumGetArrayTypeP(list->constvalue), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (i = 0; i < n; i++)
		if (nulls[i])
			return false;
	if (n > 32)
		return false;
	leaf->kind = LEAF_TEXT;
	leaf->attno = ((Var *) left)->varattno;
	leaf->ntexts = n;
	leaf->texts = (text **) palloc(n * sizeof(text *));
	for (i = 0; i < n; i++)
		leaf->texts[i] = DatumGetTextP(values[i]);
	leaf->timeless = true;
	leaf->cost = 1 + n / 4;
	return true;
}

/* Find what a leaf is; false where only an ExprState can tell. */
static bool
recognise(CdProgram *program, Leaf *leaf)
{
	Node	   *node = (Node *) leaf->expr;
	CdRun	   *run = program->run;

	leaf->safe = true;
	if (IsA(node, Var) && ((Var *) node)->vartype == BOOLOID)
	{
		leaf->timeless = true;
		leaf->attno = ((Var *) node)->varattno;
		if (leaf->attno > run->natts)
		{
			leaf->kind = LEAF_SEGMENT;
			leaf->segment = list_nth(run->segments, leaf->attno - run->natts - 1);
			leaf->attno = 0;
		}
		else
			leaf->kind = LEAF_BOOL;
		return true;
	}
	if (IsA(node, NullTest) && IsA(((NullTest *) node)->arg, Var) && !((NullTest *) node)->argisrow)
	{
		leaf->kind = LEAF_NULL;
		leaf->attno = ((Var *) ((NullTest *) node)->arg)->varattno;
		leaf->strategy = ((NullTest *) node)->nulltesttype == IS_NULL;
		leaf->timeless = true;
		return true;
	}
	if (IsA(node, FuncExpr))
		return take_call(program, leaf, (FuncExpr *) node);
	if (IsA(node, OpExpr))
		return take_operator(program, leaf, (OpExpr *) node);
	if (IsA(node, ScalarArrayOpExpr))
		return take_list(leaf, (ScalarArrayOpExpr *) node);
	return false;
}

/* Note which segments an expression looks at. */
static void
note_segments(CdProgram *program, Leaf *leaf)
{
	CdRun	   *run = program->run;
	Bitmapset  *columns = NULL;
	int			member = -1;

	pull_varattnos((Node *) leaf->expr, 1, &columns);
	while ((member = bms_next_member(columns, member)) >= 0)
	{
		AttrNumber	attno = member + FirstLowInvalidHeapAttributeNumber;

		if (attno > run->natts)
			leaf->segments = lappend(leaf->segments, list_nth(run->segments, attno - run->natts - 1));
	}
}

/* The leaf of an expression, made once. */
static Leaf *
get_leaf(CdProgram *program, Node *node)
{
	uint32		hash = 0;
	Leaf	   *leaf;

	(void) hash_walker(node, &hash);
	for (leaf = program->slots[hash % LEAF_SLOTS]; leaf != NULL; leaf = leaf->next)
		if (leaf->hash == hash && equal(leaf->expr, node))
			return leaf;
	leaf = palloc0(sizeof(Leaf));
	leaf->expr = (Expr *) node;
	leaf->hash = hash;
	if (!recognise(program, leaf))
	{
		memset(leaf, 0, sizeof(Leaf));
		leaf->kind = LEAF_EXPR;
		leaf->expr = (Expr *) node;
		leaf->hash = hash;
		leaf->cost = 100;
		leaf->state = ExecInitExpr((Expr *) node, NULL);
		leaf->timeless = !contain_mutable_functions(node);
		leaf->events = uses_events_walker(node, program);
		note_segments(program, leaf);
	}
	leaf->next = program->slots[hash % LEAF_SLOTS];
	program->slots[hash % LEAF_SLOTS] = leaf;
	program->leaves = lappend(program->leaves, leaf);
	return leaf;
}

static CdStep *take_step(CdProgram *program, Node *node, BoolTestType mode);

static CdStep *
make_leaf(CdProgram *program, Node *node, BoolTestType mode)
{
	CdStep	   *step = palloc0(sizeof(CdStep));

	step->leaf = get_leaf(program, node);
	step->mode = mode;
	step->safe = step->leaf->safe;
	step->timeless = step->leaf->timeless;
	step->events = step->leaf->events;
	step->cost = step->leaf->cost;
	return step;
}

/*
 * Parts in the order they are asked in: what cannot fail comes first, the
 * cheaper the earlier; the rest stays in order, behind whatever guards it.
 */
static void
sort_parts(CdStep **parts, int n)
{
	int			i,
				k;

	for (i = 1; i < n; i++)
	{
		CdStep	   *part = parts[i];

		if (!part->safe)
			continue;
		for (k = i; k > 0 && (!parts[k - 1]->safe || parts[k - 1]->cost > part->cost); k--)
			parts[k] = parts[k - 1];
		parts[k] = part;
	}
}

/* AND or OR of steps, those of the same sort taken apart. */
static CdStep *
make_several(bool all, List *steps)
{
	CdStep	   *step = palloc0(sizeof(CdStep));
	ListCell   *cell;
	int			n = 0,
				i;

	foreach(cell, steps)
	{
		CdStep	   *part = lfirst(cell);

		n += part->leaf == NULL && part->all == all ? part->n : 1;
	}
	step->all = all;
	step->parts = palloc(n * sizeof(CdStep *));
	step->safe = true;
	step->timeless = true;
	foreach(cell, steps)
	{
		CdStep	   *part = lfirst(cell);

		if (part->leaf == NULL && part->all == all)
			for (i = 0; i < part->n; i++)
				step->parts[step->n++] = part->parts[i];
		else
			step->parts[step->n++] = part;
		step->safe &= part->safe;
		step->timeless &= part->timeless;
		step->events |= part->events;
		step->cost += part->cost;
	}
	sort_parts(step->parts, step->n);
	return step;
}

/* A constant as a step. */
static CdStep *
make_constant(bool value)
{
	/* Nothing at all is true of all, and of none. */
	return make_several(value, NIL);
}

/* COALESCE(answer, constant): that is, NULL counted as true or as false. */
static CdStep *
take_coalesce(CdProgram *program, CoalesceExpr *expr, BoolTestType mode)
{
	bool		positive = mode == IS_TRUE || mode == IS_NOT_FALSE;
	Const	   *other = list_length(expr->args) == 2 ? constant_of(lsecond(expr->args), BOOLOID) : NULL;

	if (other == NULL)
		return make_leaf(program, (Node *) expr, mode);
	if (DatumGetBool(other->constvalue))
		return take_step(program, linitial(expr->args), positive ? IS_NOT_FALSE : IS_FALSE);
	return take_step(program, linitial(expr->args), positive ? IS_TRUE : IS_NOT_TRUE);
}

/* CASE WHEN a THEN b ... ELSE c END, from one WHEN on. */
static CdStep *
take_case(CdProgram *program, CaseExpr *expr, int from, BoolTestType mode)
{
	CaseWhen   *when;
	CdStep	   *yes,
			   *no;

	if (from == list_length(expr->args))
		return expr->defresult == NULL ? make_constant(mode == IS_NOT_TRUE || mode == IS_NOT_FALSE) :
			take_step(program, (Node *) expr->defresult, mode);
	when = list_nth(expr->args, from);
	yes = make_several(true, list_make2(take_step(program, (Node *) when->expr, IS_TRUE),
										take_step(program, (Node *) when->result, mode)));
	no = make_several(true, list_make2(take_step(program, (Node *) when->expr, IS_NOT_TRUE),
									   take_case(program, expr, from + 1, mode)));
	return make_several(false, list_make2(yes, no));
}

/* Take a part of a condition, asked whether it is true, false, not true or not false. */
static CdStep *
take_step(CdProgram *program, Node *node, BoolTestType mode)
{
	/* By mode, in the order of BoolTestType: true, not true, false, not false. */
	static const BoolTestType negated[] = {IS_FALSE, IS_NOT_FALSE, IS_TRUE, IS_NOT_TRUE};
	static const BoolTestType opposite[] = {IS_NOT_TRUE, IS_TRUE, IS_NOT_FALSE, IS_FALSE};
	bool		positive = mode == IS_TRUE || mode == IS_NOT_FALSE;

	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_BoolExpr:
			{
				BoolExpr   *expr = (BoolExpr *) node;
				List	   *steps = NIL;
				ListCell   *cell;

				if (expr->boolop == NOT_EXPR)
					return take_step(program, linitial(expr->args), negated[mode]);
				foreach(cell, expr->args)
					steps = lappend(steps, take_step(program, lfirst(cell), mode));
				return make_several((expr->boolop == AND_EXPR) == positive, steps);
			}
		case T_BooleanTest:
			{
				BooleanTest *test = (BooleanTest *) node;

				if (test->booltesttype > IS_NOT_FALSE)
					return make_leaf(program, node, mode);
				return take_step(program, (Node *) test->arg,
								 positive ? test->booltesttype : opposite[test->booltesttype]);
			}
		case T_CoalesceExpr:
			return take_coalesce(program, (CoalesceExpr *) node, mode);
		case T_CaseExpr:
			if (((CaseExpr *) node)->arg == NULL)
				return take_case(program, (CaseExpr *) node, 0, mode);
			return make_leaf(program, node, mode);
		case T_Const:
			{
				Const	   *constant = (Const *) node;
				bool		yes = !constant->constisnull && DatumGetBool(constant->constvalue);
				bool		no = !constant->constisnull && !yes;

				return make_constant(mode == IS_TRUE ? yes : mode == IS_FALSE ? no : mode == IS_NOT_TRUE ? !yes : !no);
			}
		case T_OpExpr:
			/* Unequal is not equal, which another condition may ask for, too. */
			{
				OpExpr	   *op = (OpExpr *) node;
				Oid			equals = strategy_of(op->opno) == 0 ? get_negator(op->opno) : InvalidOid;

				if (OidIsValid(equals) && strategy_of(equals) == BTEqualStrategyNumber)
				{
					OpExpr	   *copy = copyObject(op);

					copy->opno = equals;
					copy->opfuncid = get_opcode(equals);
					return make_leaf(program, (Node *) copy, negated[mode]);
				}
				return make_leaf(program, node, mode);
			}
		default:
			return make_leaf(program, node, mode);
	}
}

void
cd_program_reset(CdProgram *program)
{
	program->ready = false;
}

CdStep *
cd_program_add(CdProgram *program, Expr *expr)
{
	MemoryContext old = MemoryContextSwitchTo(program->context);
	CdStep	   *step = take_step(program, (Node *) expr, IS_TRUE);

	MemoryContextSwitchTo(old);
	return step;
}
