/*
 * uses.c
 *		What an expression over profile names: columns, and paths of tags.
 *
 * Found in the parse tree, so that a word in a string or a name that is part
 * of another does not count.
 */
#include "postgres.h"

#include "portrait/evaluate.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "portrait/tag_query.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

typedef struct UsesContext
{
	CdExpression *expression;
	Oid			schema;
	AttrNumber	tags;			/* number of the column tags, or 0 */
	int			depth;			/* sub-selects around the node */
} UsesContext;

/* Is a node the column tags of the customer in question? */
static bool
is_tags(Node *node, UsesContext *context)
{
	return IsA(node, Var) && ((Var *) node)->varlevelsup == (Index) context->depth &&
		context->tags > 0 && ((Var *) node)->varattno == context->tags;
}

static void
note_path(CdExpression *expression, const char *path, int length)
{
	char	   *copy = pnstrdup(path, length);
	ListCell   *cell;

	foreach(cell, expression->tag_paths)
	{
		if (strcmp(lfirst(cell), copy) == 0)
			return;
	}
	expression->tag_paths = lappend(expression->tag_paths, copy);
}

static void
note_query(CdExpression *expression, const CdTagNode *node)
{
	if (node->op == CD_TAG_AND || node->op == CD_TAG_OR || node->op == CD_TAG_NOT)
	{
		note_query(expression, node->left);
		if (node->op != CD_TAG_NOT)
			note_query(expression, node->right);
		return;
	}
	note_path(expression, node->path, node->length);
}

/* Note the paths of a call such as has_tag(tags, 'path'); false if it is none */
static bool
note_call(Node *node, UsesContext *context)
{
	static const char *const names[] = {"has_tag", "tag_score", "tag_score_ge", "tag_score_gt", "tags_under"};
	List	   *args = IsA(node, FuncExpr) ? ((FuncExpr *) node)->args : IsA(node, OpExpr) ? ((OpExpr *) node)->args : NIL;
	Node	   *what;
	char	   *name;
	int			i;

	if (list_length(args) < 2 || !is_tags(linitial(args), context))
		return false;
	what = lsecond(args);
	if (!IsA(what, Const) || ((Const *) what)->constisnull)
		return false;
	if (IsA(node, OpExpr))
	{
		name = get_opname(((OpExpr *) node)->opno);
		if (name == NULL || strcmp(name, "@@") != 0)
			return false;
		note_query(context->expression,
				   cd_tag_query_read(PG_DETOAST_DATUM_PACKED(((Const *) what)->constvalue))->root);
		return true;
	}
	if (get_func_namespace(((FuncExpr *) node)->funcid) != context->schema || ((Const *) what)->consttype != TEXTOID)
		return false;
	name = get_func_name(((FuncExpr *) node)->funcid);
	for (i = 0; i < (int) lengthof(names); i++)
	{
		if (strcmp(name, names[i]) == 0)
		{
			note_path(context->expression, VARDATA_ANY(DatumGetTextPP(((Const *) what)->constvalue)),
					  VARSIZE_ANY_EXHDR(DatumGetTextPP(((Const *) what)->constvalue)));
			return true;
		}
	}
	return false;
}

static bool
uses_walker(Node *node, void *arg)
{
	UsesContext *context = arg;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		bool		result;

		context->depth++;
		result = query_tree_walker((Query *) node, uses_walker, arg, 0);
		context->depth--;
		return result;
	}
	if (note_call(node, context))
	{
		ListCell   *cell;

		context->expression->named = bms_add_member(context->expression->named, context->tags);
		foreach(cell, IsA(node, FuncExpr) ? ((FuncExpr *) node)->args : ((OpExpr *) node)->args)
		{
			if (!is_tags(lfirst(cell), context) && uses_walker(lfirst(cell), arg))
				return true;
		}
		return false;
	}
	if (IsA(node, Var) && ((Var *) node)->varlevelsup == (Index) context->depth && ((Var *) node)->varattno > 0)
	{
		context->expression->named = bms_add_member(context->expression->named, ((Var *) node)->varattno);
		/* Who looks at the tags as a whole looks at all of them. */
		if (is_tags(node, context))
			note_path(context->expression, "*", 1);
	}
	return expression_tree_walker(node, uses_walker, arg);
}

void
cd_find_uses(CdExpression *expression, Node *tree, Oid profile)
{
	UsesContext context = {expression, get_namespace_oid("customer_data", false), get_attnum(profile, "tags"), 0};

	expression->named = NULL;
	expression->tag_paths = NIL;
	/* Named arguments take their places, constants are folded. */
	uses_walker(eval_const_expressions(NULL, tree), &context);
}
