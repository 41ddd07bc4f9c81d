/*
 * try_expression.c
 *		Let a person check and try an expression before keeping it.
 */
#include "postgres.h"

#include "portrait/evaluate.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "run_as.h"

/* An array of the names of some columns of profile */
static Datum
column_names(Bitmapset *columns, Oid profile)
{
	Datum	   *names = palloc((bms_num_members(columns) + 1) * sizeof(Datum));
	int			count = 0;
	int			i = -1;

	while ((i = bms_next_member(columns, i)) >= 0)
		names[count++] = CStringGetTextDatum(get_attname(profile, i, false));
	return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* check_expression(expression, wanted type) → (type, columns, restless, uses, tag_paths) */
PG_FUNCTION_INFO_V1(cd_check_expression);
Datum
cd_check_expression(PG_FUNCTION_ARGS)
{
	CdExpression expression = {0};
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {false, false, false, false, false};
	Datum	   *paths;
	int			count = 0;
	ListCell   *cell;
	Oid			profile = cd_profile_relation();
	CdRunAs		save;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the expression must not be NULL")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a record is returned")));
	desc = BlessTupleDesc(desc);
	expression.text = text_to_cstring(PG_GETARG_TEXT_PP(0));
	expression.type = PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1);

	/* Names are looked up as they will be when it runs. */
	cd_run_as_begin(GetUserId(), NULL, &save);
	cd_expression_parse(&expression);
	cd_run_as_end(&save);

	paths = palloc((list_length(expression.tag_paths) + 1) * sizeof(Datum));
	foreach(cell, expression.tag_paths)
		paths[count++] = CStringGetTextDatum((char *) lfirst(cell));
	values[0] = ObjectIdGetDatum(expression.result_type);
	values[1] = column_names(expression.columns, profile);
	values[2] = BoolGetDatum(expression.restless);
	values[3] = column_names(expression.named, profile);
	values[4] = PointerGetDatum(construct_array(paths, count, TEXTOID, -1, false, TYPALIGN_INT));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

typedef struct TryContext
{
	ReturnSetInfo *rsinfo;
	FmgrInfo	output;
} TryContext;

/* Put a batch of results into the rows returned */
static void
take_rows(void *arg, int expression, const CdResults *results)
{
	TryContext *context = arg;
	int			i;

	for (i = 0; i < results->count; i++)
	{
		Datum		row[3];
		bool		row_nulls[3] = {false, results->nulls[i], false};

		row[0] = Int64GetDatum((int64) results->customers[i]);
		if (!results->nulls[i])
			row[1] = CStringGetTextDatum(OutputFunctionCall(&context->output, cd_result(results, i)));
		row[2] = TimestampTzGetDatum(results->valid_until[i]);
		tuplestore_putvalues(context->rsinfo->setResult, context->rsinfo->setDesc, row, row_nulls);
	}
}

/* try_expression(expression, customers, owner, time zone) → (customer_id, value, valid_until) */
PG_FUNCTION_INFO_V1(cd_try_expression);
Datum
cd_try_expression(PG_FUNCTION_ARGS)
{
	CdExpression expression = {0};
	CdEvaluation *evaluation;
	TryContext	context;
	Oid			output;
	bool		varlena;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the expression must not be NULL")));
	InitMaterializedSRF(fcinfo, 0);
	context.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	expression.text = text_to_cstring(PG_GETARG_TEXT_PP(0));
	expression.owner = PG_ARGISNULL(2) ? GetUserId() : PG_GETARG_OID(2);
	expression.time_zone = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	expression.customers = PG_ARGISNULL(1) ? NULL : PG_GETARG_CDSET(1);

	SPI_connect();
	evaluation = cd_evaluation(&expression, 1);
	if (expression.error == NULL)
	{
		getTypeOutputInfo(expression.result_type, &output, &varlena);
		fmgr_info(output, &context.output);
		cd_evaluation_run(evaluation, take_rows, &context);
	}
	if (expression.error != NULL)
		ereport(ERROR,
				(errcode(expression.error_code),
				 errmsg("%s", expression.error),
				 expression.error_customer >= 0 ?
				 errdetail("It happened for customer " INT64_FORMAT ".", expression.error_customer) : 0,
				 expression.error_position > 0 ? internalerrposition(expression.error_position) : 0,
				 internalerrquery(expression.text)));
	cd_evaluation_free(evaluation);
	SPI_finish();
	return (Datum) 0;
}
