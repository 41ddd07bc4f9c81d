/*
 * customer_set_index.c
 *		Rows of a set's customers are found through an index on the customer:
 *		customer_id <@ set becomes customer_id = ANY (its ids).
 */
#include "postgres.h"

#include "sets/customer_set.h"

#include "access/stratnum.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "utils/lsyscache.h"

/* A set of more ids is not looked up one by one; an array could not even hold all a set can. */
#define MOST_LOOKUPS	(16 * 1024 * 1024)

/* Give the planner an index condition for membership in a set. */
PG_FUNCTION_INFO_V1(cd_customer_set_member_support);
Datum
cd_customer_set_member_support(PG_FUNCTION_ARGS)
{
	Node	   *raw = (Node *) PG_GETARG_POINTER(0);
	SupportRequestIndexCondition *request = (SupportRequestIndexCondition *) raw;
	ScalarArrayOpExpr *any;
	Node	   *set;
	Node	   *id;
	List	   *args;
	Oid			set_type;
	Oid			to_array;

	if (!IsA(raw, SupportRequestIndexCondition) || request->opfamily != INTEGER_BTREE_FAM_OID)
		PG_RETURN_POINTER(NULL);
	args = IsA(request->node, OpExpr) ? ((OpExpr *) request->node)->args :
		IsA(request->node, FuncExpr) ? ((FuncExpr *) request->node)->args : NIL;
	if (list_length(args) != 2)
		PG_RETURN_POINTER(NULL);
	id = list_nth(args, request->indexarg);
	set = list_nth(args, 1 - request->indexarg);
	if (exprType(id) != INT8OID || !is_pseudo_constant_for_index(request->root, set, request->index))
		PG_RETURN_POINTER(NULL);
	if (IsA(set, Const) && !((Const *) set)->constisnull &&
		cd_set_cardinality(DatumGetCdSet(((Const *) set)->constvalue)) > MOST_LOOKUPS)
		PG_RETURN_POINTER(NULL);

	set_type = exprType(set);
	to_array = LookupFuncName(list_make2(makeString(get_namespace_name(get_func_namespace(request->funcid))),
										 makeString("customer_set_to_array")), 1, &set_type, true);
	if (!OidIsValid(to_array))
		PG_RETURN_POINTER(NULL);
	set = (Node *) makeFuncExpr(to_array, INT8ARRAYOID, list_make1(set), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
	set = eval_const_expressions(request->root, set);
	if (IsA(set, Const) && ((Const *) set)->constisnull)
		PG_RETURN_POINTER(NULL);

	any = makeNode(ScalarArrayOpExpr);
	any->opno = get_opfamily_member(request->opfamily, INT8OID, INT8OID, BTEqualStrategyNumber);
	any->opfuncid = get_opcode(any->opno);
	any->useOr = true;
	any->args = list_make2(id, set);
	any->location = -1;
	request->lossy = false;
	PG_RETURN_POINTER(list_make1(any));
}
