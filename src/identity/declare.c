/*
 * declare.c
 *		Check what a user declares over a relation: the relation itself and
 *		the expressions over its rows, with the position of what is wrong.
 */
#include "postgres.h"

#include "customer_data.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
#include "utils/varlena.h"

/* Nearest names shown at most, and how far away they may be. */
#define MAX_NEAREST		3
#define EXPRESSION_HEAD	"SELECT (\n"

/* Tell a query from a relation's name by its first word. */
static bool
is_query(const char *text)
{
	static const char *const first[] = {"select", "with", "values", "table", NULL};
	int			i;

	if (*text == '(')
		return true;
	for (i = 0; first[i] != NULL; i++)
	{
		size_t		len = strlen(first[i]);

		if (pg_strncasecmp(text, first[i], len) == 0 && text[len] != '\0' &&
			strchr(" \t\r\n(", text[len]) != NULL)
			return true;
	}
	return false;
}

/* Skip white space at both ends, and semicolons at the end. */
static char *
trimmed(const char *text)
{
	char	   *copy;
	size_t		len;

	while (*text != '\0' && strchr(" \t\r\n", *text) != NULL)
		text++;
	copy = pstrdup(text);
	len = strlen(copy);
	while (len > 0 && strchr(" \t\r\n;", copy[len - 1]) != NULL)
		copy[--len] = '\0';
	return copy;
}

/* Make the schema-qualified, quoted name of an existing relation. */
static char *
qualified_relation(const char *name)
{
	List	   *names = stringToQualifiedNameList(name
#if PG_VERSION_NUM >= 160000
												  ,NULL
#endif
		);
	RangeVar   *var = makeRangeVarFromNameList(names);
	Oid			relid = RangeVarGetRelid(var, NoLock, true);
	char		kind;

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s\" does not exist", name),
				 errhint("Give 'schema.table', or a query that begins with SELECT.")));
	kind = get_rel_relkind(relid);
	if (kind != RELKIND_RELATION && kind != RELKIND_VIEW && kind != RELKIND_MATVIEW &&
		kind != RELKIND_FOREIGN_TABLE && kind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table or view", name),
				 errhint("Give 'schema.table', or a query that begins with SELECT.")));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/* relation_item(relation) → what to write after FROM */
PG_FUNCTION_INFO_V1(cd_relation_item);
Datum
cd_relation_item(PG_FUNCTION_ARGS)
{
	char	   *relation = trimmed(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (*relation == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("relation is empty"),
				 errhint("Give 'schema.table', or a query that begins with SELECT.")));
	if (is_query(relation))
		PG_RETURN_TEXT_P(cstring_to_text(psprintf("(\n%s\n) AS source_row", relation)));
	PG_RETURN_TEXT_P(cstring_to_text(qualified_relation(relation)));
}

/* Describe the rows of SELECT * FROM item. */
static TupleDesc
item_columns(const char *item)
{
	SPIPlanPtr	plan = SPI_prepare(psprintf("SELECT * FROM %s", item), 0, NULL);
	List	   *sources = plan != NULL ? SPI_plan_get_plan_sources(plan) : NIL;

	if (list_length(sources) != 1 ||
		((CachedPlanSource *) linitial(sources))->resultDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("relation must be one table or one query"),
				 errdetail("It was: %s", item)));
	return ((CachedPlanSource *) linitial(sources))->resultDesc;
}

/* Take the last part of the name that begins at a character of the text. */
static char *
name_at(const char *text, int character)
{
	const char *p = text;
	StringInfoData name;
	bool		quoted = false;

	while (character > 1 && *p != '\0')
	{
		p += pg_mblen(p);
		character--;
	}
	initStringInfo(&name);
	for (; *p != '\0'; p++)
	{
		if (*p == '"')
			quoted = !quoted;
		else if (!quoted && *p == '.')
			resetStringInfo(&name);
		else if (quoted || IS_HIGHBIT_SET(*p) || *p == '_' || *p == '$' ||
				 isalnum((unsigned char) *p))
			appendStringInfoChar(&name, quoted ? *p : pg_tolower((unsigned char) *p));
		else
			break;
	}
	return name.data;
}

/* List the columns whose names are nearest to a name, as a hint. */
static char *
nearest_columns(TupleDesc columns, const char *name)
{
	StringInfoData hint;
	int			len = strlen(name);
	int			limit = Max(2, len / 3);
	int			distance;
	int			shown = 0;

	initStringInfo(&hint);
	if (len == 0 || len >= NAMEDATALEN)
		return NULL;
	for (distance = 0; distance <= limit && shown < MAX_NEAREST; distance++)
	{
		int			i;

		for (i = 0; i < columns->natts && shown < MAX_NEAREST; i++)
		{
			const char *column = NameStr(TupleDescAttr(columns, i)->attname);
			int			d = varstr_levenshtein_less_equal(name, len, column, strlen(column),
														  1, 1, 1, limit, true);

			if (d != distance)
				continue;
			appendStringInfo(&hint, "%s%s", shown++ > 0 ? ", " : "", quote_identifier(column));
		}
	}
	if (shown > 0)
		return psprintf("Nearest columns: %s.", hint.data);
	for (distance = 0; distance < columns->natts && hint.len < 200; distance++)
		appendStringInfo(&hint, "%s%s", distance > 0 ? ", " : "",
						 quote_identifier(NameStr(TupleDescAttr(columns, distance)->attname)));
	return psprintf("Its columns are: %s%s.", hint.data, distance < columns->natts ? ", ..." : "");
}

/* Report an error of the parser about an expression, in the user's terms. */
static void
rethrow(ErrorData *error, const char *expression, const char *what, int position, TupleDesc columns)
{
	char	   *hint = error->hint;
	int			length = pg_mbstrlen(expression);

	if (error->sqlerrcode == ERRCODE_UNDEFINED_COLUMN && columns != NULL &&
		position > 0 && position <= length)
		hint = nearest_columns(columns, name_at(expression, position));
	ereport(ERROR,
			(errcode(error->sqlerrcode),
			 errmsg("%s: %s", what, error->message),
			 position > 0 && position <= length + 1
			 ? errdetail("At character %d of the expression: %s", position, expression)
			 : errdetail("The expression was: %s", expression),
			 hint != NULL ? errhint("%s", hint) : 0));
}

/* Refuse text that is not one expression: nothing may follow it. */
static void
check_shape(const char *expression, const char *what)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *volatile parsed = NIL;
	SelectStmt *select;
	bool		plain;

	PG_TRY();
	{
		parsed = raw_parser(expression, RAW_PARSE_PLPGSQL_EXPR);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		rethrow(error, expression, what,
				error->cursorpos > 0 ? error->cursorpos : error->internalpos, NULL);
	}
	PG_END_TRY();
	select = (SelectStmt *) ((RawStmt *) linitial(parsed))->stmt;
	plain = list_length(parsed) == 1 && IsA(select, SelectStmt) &&
		list_length(select->targetList) == 1 && select->fromClause == NIL &&
		select->whereClause == NULL && select->groupClause == NIL &&
		select->havingClause == NULL && select->windowClause == NIL &&
		select->sortClause == NIL && select->limitCount == NULL &&
		select->limitOffset == NULL && select->lockingClause == NIL &&
		select->op == SETOP_NONE && select->distinctClause == NIL;
	if (!plain || ((ResTarget *) linitial(select->targetList))->name != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("%s: not one expression over the row", what),
				 errdetail("The expression was: %s", expression),
				 errhint("Write one SQL expression, such as lower(email); put joins and filters into the relation, as a query.")));
}

/*
 * declared_expression(item, expression, what) → regtype: the type of a scalar
 * expression over the rows of item, or an error that names what it is for.
 */
PG_FUNCTION_INFO_V1(cd_declared_expression);
Datum
cd_declared_expression(PG_FUNCTION_ARGS)
{
	char	   *item = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *expression = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *what = text_to_cstring(PG_GETARG_TEXT_PP(2));
	MemoryContext context = CurrentMemoryContext;
	TupleDesc	columns;
	SPIPlanPtr volatile plan = NULL;
	CachedPlanSource *source;
	Query	   *query;
	Oid			type;

	if (strspn(expression, " \t\r\n") == strlen(expression))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s: the expression is empty", what)));
	check_shape(expression, what);
	SPI_connect();
	columns = item_columns(item);
	PG_TRY();
	{
		plan = SPI_prepare(psprintf(EXPRESSION_HEAD "%s\n) FROM %s", expression, item), 0, NULL);
	}
	PG_CATCH();
	{
		ErrorData  *error;
		int			position;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		position = error->internalpos > 0 ? error->internalpos : error->cursorpos;
		rethrow(error, expression, what, position - (int) strlen(EXPRESSION_HEAD), columns);
	}
	PG_END_TRY();
	source = (CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan));
	query = linitial_node(Query, source->query_list);
	if (query->hasAggs || query->hasWindowFuncs || query->hasTargetSRFs)
		ereport(ERROR,
				(errcode(ERRCODE_GROUPING_ERROR),
				 errmsg("%s: aggregates, window functions and set-returning functions are not allowed", what),
				 errdetail("The expression was: %s", expression),
				 errhint("An expression sees one row; aggregate in the relation, as a query.")));
	type = TupleDescAttr(source->resultDesc, 0)->atttypid;
	SPI_finish();
	PG_RETURN_OID(type);
}

/* relation_columns(item) → (position, name, type): the columns of its rows. */
PG_FUNCTION_INFO_V1(cd_relation_columns);
Datum
cd_relation_columns(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *item = text_to_cstring(PG_GETARG_TEXT_PP(0));
	TupleDesc	columns;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	columns = item_columns(item);
	for (i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = Int32GetDatum(i + 1);
		values[1] = CStringGetTextDatum(NameStr(column->attname));
		values[2] = ObjectIdGetDatum(column->atttypid);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}
