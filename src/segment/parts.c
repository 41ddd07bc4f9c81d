/*
 * parts.c
 *		Take a condition apart, so that each part can be explained by itself.
 */
#include "postgres.h"

#include "run_as.h"
#include "segment/condition.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"
#include "utils/tuplestore.h"

typedef struct PartsContext
{
	Tuplestorestate *store;
	TupleDesc	rowtype;
	List	   *names;			/* for deparsing */
	int			count;
} PartsContext;

/* A node as SQL. */
static Datum
node_text(PartsContext *context, Node *node)
{
	return CStringGetTextDatum(deparse_expression(node, context->names, false, false));
}

/* Send a node and what it consists of; answers its number. */
static void
put_parts(PartsContext *context, Node *node, int parent, int depth)
{
	Datum		values[6];
	bool		nulls[6] = {false};
	int			number = ++context->count;
	const char *kind = "leaf";
	List	   *children = NIL;
	Node	   *operand = NULL;
	ListCell   *cell;

	check_stack_depth();
	if (IsA(node, BoolExpr))
	{
		BoolExpr   *expr = (BoolExpr *) node;

		kind = expr->boolop == AND_EXPR ? "and" : expr->boolop == OR_EXPR ? "or" : "not";
		children = expr->args;
	}
	else if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
	{
		/* What is compared: the side that is no constant. */
		operand = linitial(((OpExpr *) node)->args);
		if (IsA(eval_const_expressions(NULL, operand), Const))
			operand = lsecond(((OpExpr *) node)->args);
	}
	else if (IsA(node, NullTest))
		operand = (Node *) ((NullTest *) node)->arg;

	values[0] = Int32GetDatum(number);
	values[1] = Int32GetDatum(parent);
	nulls[1] = parent == 0;
	values[2] = Int32GetDatum(depth);
	values[3] = CStringGetTextDatum(kind);
	values[4] = node_text(context, node);
	values[5] = operand ? node_text(context, operand) : (Datum) 0;
	nulls[5] = operand == NULL;
	tuplestore_putvalues(context->store, context->rowtype, values, nulls);
	foreach(cell, children)
		put_parts(context, lfirst(cell), number, depth + 1);
}

/* condition_parts(expression): its parts, the whole first */
PG_FUNCTION_INFO_V1(cd_condition_parts);
Datum
cd_condition_parts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *source = text_to_cstring(PG_GETARG_TEXT_PP(0));
	PartsContext context;
	Relation	profile;
	CdCondition *condition;
	CdRunAs		save;

	InitMaterializedSRF(fcinfo, 0);
	context.store = rsinfo->setResult;
	context.rowtype = rsinfo->setDesc;
	context.count = 0;
	profile = cd_open_profile();
	context.names = deparse_context_for("profile", RelationGetRelid(profile));
	cd_run_as_begin(GetUserId(), NULL, &save);
	condition = cd_parse_condition(source, profile, CD_METRICS_KEPT);
	put_parts(&context, (Node *) condition->expr, 0, 0);
	cd_run_as_end(&save);
	relation_close(profile, AccessShareLock);
	return (Datum) 0;
}
