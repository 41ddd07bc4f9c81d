/*
 * check.c
 *		What add_segment() and its like ask about a condition's text.
 */
#include "postgres.h"

#include "run_as.h"
#include "segment/condition.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portrait/evaluate.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* A text array of a list of strings. */
static Datum
text_array(List *strings)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(1, list_length(strings)));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, strings)
		values[n++] = CStringGetTextDatum((char *) lfirst(cell));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * check_condition(text, name): refuse what cannot be a condition of the
 * current user's; say what it depends on.
 */
PG_FUNCTION_INFO_V1(cd_check_condition);
Datum
cd_check_condition(PG_FUNCTION_ARGS)
{
	char	   *source;
	Relation	profile;
	CdCondition *condition;
	CdRunAs		save;
	TupleDesc	desc;
	Datum		values[11];
	bool		nulls[11] = {false};
	CdExpression names = {0};
	List	   *columns = NIL;
	List	   *segments;
	int			attno = -1;
	int			n;
	int			i = 0;
	Datum	   *metrics,
			   *percents,
			   *amongs,
			   *plains;
	bool	   *among_nulls;
	int			dims[1];
	int			lbs[1] = {1};
	ListCell   *cell;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("return type must be a row type")));
	desc = BlessTupleDesc(desc);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the condition must not be NULL")));
	source = text_to_cstring(PG_GETARG_TEXT_PP(0));

	profile = cd_open_profile();
	cd_run_as_begin(GetUserId(), NULL, &save);
	condition = cd_parse_condition(source, profile, CD_METRICS_STORED);
	cd_check_columns(condition, profile, GetUserId());
	cd_find_uses(&names, (Node *) condition->expr, RelationGetRelid(profile));
	segments = list_copy(condition->segments);
	(void) cd_plan_condition(condition, profile, segments);
	cd_run_as_end(&save);

	while ((attno = bms_next_member(condition->named, attno)) >= 0)
		columns = lappend(columns, NameStr(TupleDescAttr(RelationGetDescr(profile), attno - 1)->attname));
	values[0] = text_array(condition->segments);
	values[1] = text_array(columns);

	n = list_length(condition->thresholds);
	metrics = palloc(sizeof(Datum) * Max(1, n));
	percents = palloc(sizeof(Datum) * Max(1, n));
	amongs = palloc(sizeof(Datum) * Max(1, n));
	plains = palloc(sizeof(Datum) * Max(1, n));
	among_nulls = palloc(sizeof(bool) * Max(1, n));
	foreach(cell, condition->thresholds)
	{
		CdThreshold *threshold = lfirst(cell);

		metrics[i] = CStringGetTextDatum(threshold->metric);
		percents[i] = Float8GetDatum(threshold->percent);
		among_nulls[i] = threshold->among == NULL;
		amongs[i] = threshold->among ? CStringGetTextDatum(threshold->among) : (Datum) 0;
		plains[i] = BoolGetDatum(threshold->plain);
		i++;
	}
	dims[0] = n;
	values[2] = PointerGetDatum(construct_array(metrics, n, TEXTOID, -1, false, TYPALIGN_INT));
	values[3] = PointerGetDatum(construct_array(percents, n, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[4] = PointerGetDatum(n == 0 ? construct_empty_array(TEXTOID) :
								construct_md_array(amongs, among_nulls, 1, dims, lbs, TEXTOID, -1, false, TYPALIGN_INT));
	values[5] = PointerGetDatum(construct_array(plains, n, BOOLOID, 1, true, TYPALIGN_CHAR));
	values[6] = condition->untracked ? CStringGetTextDatum(condition->untracked) : (Datum) 0;
	nulls[6] = condition->untracked == NULL;
	values[7] = BoolGetDatum(condition->by_sql);
	values[8] = text_array(condition->journeys);
	values[9] = text_array(condition->stages);
	values[10] = text_array(names.tag_paths);
	relation_close(profile, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* A threshold computed once per query. */
typedef struct ThresholdCache
{
	bool		isnull;
	float8		value;
	char	   *key;
} ThresholdCache;

/* The threshold at a percentage, from the top or, negative, from the bottom. */
static Datum
threshold_value(FunctionCallInfo fcinfo, int sign)
{
	ThresholdCache *cache = fcinfo->flinfo->fn_extra;
	Oid			types[] = {TEXTOID, FLOAT8OID, TEXTOID};
	Datum		args[3];
	char		nulls[3] = {' ', ' ', ' '};
	char	   *key;
	bool		isnull;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	/* A function may ask again after it has changed something, in one and the same expression. */
	key = psprintf("%u/" INT64_FORMAT "/%.17g/%s/%s%s", GetCurrentCommandId(false), GetCurrentTransactionStartTimestamp(),
				   PG_GETARG_FLOAT8(1), text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_ARGISNULL(2) ? "" : "among ",
				   PG_ARGISNULL(2) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (cache == NULL || strcmp(cache->key, key) != 0)
	{
		if (cache == NULL)
			cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ThresholdCache));
		args[0] = PG_GETARG_DATUM(0);
		args[1] = Float8GetDatum(sign * PG_GETARG_FLOAT8(1));
		args[2] = PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2);
		if (PG_ARGISNULL(2))
			nulls[2] = 'n';
		SPI_connect();
		if (SPI_execute_with_args("SELECT customer_data.compute_threshold($1, $2, $3)",
								  3, types, args, nulls, true, 1) != SPI_OK_SELECT)
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not compute a threshold")));
		cache->value = DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
		cache->isnull = isnull;
		SPI_finish();
		cache->key = MemoryContextStrdup(fcinfo->flinfo->fn_mcxt, key);
		fcinfo->flinfo->fn_extra = cache;
	}
	if (cache->isnull)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(cache->value);
}

/* top_percent(metric, percent, among): the value of the last within the top percent */
PG_FUNCTION_INFO_V1(cd_top_percent);
Datum
cd_top_percent(PG_FUNCTION_ARGS)
{
	return threshold_value(fcinfo, 1);
}

/* metric_percentile(metric, percent, among): the least value that so many percent do not exceed */
PG_FUNCTION_INFO_V1(cd_metric_percentile);
Datum
cd_metric_percentile(PG_FUNCTION_ARGS)
{
	return threshold_value(fcinfo, -1);
}

/* in_segment(customer_id, name) outside conditions: membership as refreshed last */
PG_FUNCTION_INFO_V1(cd_in_segment);
Datum
cd_in_segment(PG_FUNCTION_ARGS)
{
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		args[2];
	bool		answer;
	bool		isnull;

	args[0] = PG_GETARG_DATUM(0);
	args[1] = PG_GETARG_DATUM(1);
	SPI_connect();
	if (SPI_execute_with_args("SELECT customer_data.is_member($2, $1)", 2, types, args, NULL, true, 1) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read membership")));
	answer = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)) && !isnull;
	SPI_finish();
	PG_RETURN_BOOL(answer);
}
