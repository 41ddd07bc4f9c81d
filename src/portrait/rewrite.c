/*
 * rewrite.c
 *		Turn comparisons of values that move with time into functions that
 *		know until when their answer holds.
 *
 * recency > 60 is days_since(last_purchase_at) > 60: the number changes every
 * day, the answer once.
 */
#include "postgres.h"

#include "portrait/evaluate.h"

#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

#include <math.h>

typedef struct RewriteContext
{
	Oid			days_since;
	Oid			days_since_reached;
	Oid			tag_score;
	Oid			tag_score_ge;
	Oid			tag_score_gt;
} RewriteContext;

static Oid
find_function(const char *name, Oid schema, const Oid *types, int count)
{
	oidvector  *arguments = buildoidvector(types, count);

	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
						   PointerGetDatum(arguments), ObjectIdGetDatum(schema));
}

/* The function "at least" (or "more than") for a value, negated if wanted */
static Node *
make_comparison(RewriteContext *context, FuncExpr *value, double threshold, bool strict, bool negate)
{
	Oid			function;
	Const	   *number;
	Node	   *result;

	if (value->funcid == context->days_since)
	{
		function = context->days_since_reached;
		threshold = strict ? floor(threshold) + 1 : ceil(threshold);
	}
	else
		function = strict ? context->tag_score_gt : context->tag_score_ge;
	if (!OidIsValid(function))
		return NULL;
	number = makeConst(FLOAT8OID, -1, InvalidOid, sizeof(float8), Float8GetDatum(threshold), false,
					   FLOAT8PASSBYVAL);
	result = (Node *) makeFuncExpr(function, BOOLOID, lappend(list_copy(value->args), number),
								   InvalidOid, value->inputcollid, COERCE_EXPLICIT_CALL);
	if (negate)
		result = (Node *) makeBoolExpr(NOT_EXPR, list_make1(result), -1);
	return result;
}

static Node *
rewrite(Node *node, void *arg)
{
	RewriteContext *context = arg;

	if (node == NULL)
		return NULL;
	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
	{
		OpExpr	   *op = (OpExpr *) node;
		Node	   *left = linitial(op->args),
				   *right = lsecond(op->args);
		Oid			function = op->opfuncid;
		Node	   *result = NULL;

		if (IsA(left, Const))
		{
			Node	   *swap = left;

			left = right;
			right = swap;
			function = function == F_FLOAT8GT ? F_FLOAT8LT : function == F_FLOAT8GE ? F_FLOAT8LE :
				function == F_FLOAT8LT ? F_FLOAT8GT : function == F_FLOAT8LE ? F_FLOAT8GE : InvalidOid;
		}
		if (IsA(left, FuncExpr) && IsA(right, Const) && !((Const *) right)->constisnull &&
			((Const *) right)->consttype == FLOAT8OID &&
			(((FuncExpr *) left)->funcid == context->days_since ||
			 ((FuncExpr *) left)->funcid == context->tag_score) &&
			!isnan(DatumGetFloat8(((Const *) right)->constvalue)))
		{
			FuncExpr   *value = (FuncExpr *) left;
			double		threshold = DatumGetFloat8(((Const *) right)->constvalue);

			if (function == F_FLOAT8GT)
				result = make_comparison(context, value, threshold, true, false);
			else if (function == F_FLOAT8GE)
				result = make_comparison(context, value, threshold, false, false);
			else if (function == F_FLOAT8LT)
				result = make_comparison(context, value, threshold, false, true);
			else if (function == F_FLOAT8LE)
				result = make_comparison(context, value, threshold, true, true);
		}
		if (result != NULL)
			return result;
	}
	return expression_tree_mutator(node, rewrite, arg);
}

/* Rewrite an expression whose constants are folded already */
Node *
cd_rewrite_comparisons(Node *tree)
{
	Oid			schema = get_namespace_oid("customer_data", false);
	Oid			tagset = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("tagset"),
										 ObjectIdGetDatum(schema));
	Oid			moment[2] = {TIMESTAMPTZOID, FLOAT8OID};
	Oid			score[3] = {tagset, TEXTOID, FLOAT8OID};
	RewriteContext context;

	context.days_since = find_function("days_since", schema, moment, 1);
	context.days_since_reached = find_function("days_since_reached", schema, moment, 2);
	context.tag_score = find_function("tag_score", schema, score, 2);
	context.tag_score_ge = find_function("tag_score_ge", schema, score, 3);
	context.tag_score_gt = find_function("tag_score_gt", schema, score, 3);
	return rewrite(tree, &context);
}
