/*
 * refresh.c
 *		What the refresh of metrics and that of tags have in common.
 */
#include "postgres.h"

#include "portrait/refresh.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* More than so many are looked for in the table, not the other way round. */
#define MOST_FORGOTTEN	100000

Datum
cd_ids_array(const uint32 *ids, int count)
{
	Datum	   *values = palloc((count + 1) * sizeof(Datum));
	Datum		array;
	int			i;

	for (i = 0; i < count; i++)
		values[i] = Int64GetDatum((int64) ids[i]);
	array = PointerGetDatum(construct_array(values, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	pfree(values);
	return array;
}

int
cd_refresh_arguments(FunctionCallInfo fcinfo, Datum **ids, CdSet ***customers)
{
	ArrayType  *sets;
	Datum	   *values;
	bool	   *id_nulls,
			   *everyone;
	int			count,
				set_count,
				i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("numbers and sets of customers must not be NULL")));
	sets = PG_GETARG_ARRAYTYPE_P(1);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), INT4OID, sizeof(int32), true, TYPALIGN_INT, ids, &id_nulls, &count);
	deconstruct_array(sets, sets->elemtype, -1, false, TYPALIGN_INT, &values, &everyone, &set_count);
	if (count != set_count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("each number needs a set of customers")));
	*customers = palloc0(Max(count, 1) * sizeof(CdSet *));
	for (i = 0; i < count; i++)
		(*customers)[i] = everyone[i] ? NULL : DatumGetCdSet(values[i]);
	return count;
}

Datum
cd_refresh_result(FunctionCallInfo fcinfo, int64 evaluated, CdSetBuilder *changed, CdSet *gone, bool indexed)
{
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a record is returned")));
	values[0] = Int64GetDatum(evaluated);
	values[1] = PointerGetDatum(cd_set_builder_value(changed));
	values[2] = PointerGetDatum(gone);
	values[3] = BoolGetDatum(indexed);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

SPIPlanPtr
cd_prepare_once(const char *query, int nargs, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(query, nargs, types, CURSOR_OPT_GENERIC_PLAN);

	if (plan == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not prepare a query: %s", SPI_result_code_string(SPI_result))));
	return plan;
}

/* Write how the refresh of one went */
static void
write_state(SPIPlanPtr plan, int32 id, const CdExpression *expression)
{
	Datum		values[6] = {0};
	char		nulls[7] = "      ";

	values[0] = Int32GetDatum(id);
	values[1] = BoolGetDatum(expression->restless);
	values[2] = Int64GetDatum(expression->evaluated);
	if (expression->error != NULL)
	{
		values[3] = CStringGetTextDatum(expression->error);
		values[4] = CStringGetTextDatum(unpack_sql_state(expression->error_code));
		values[5] = Int64GetDatum(expression->error_customer);
	}
	else
		nulls[3] = nulls[4] = 'n';
	if (expression->error == NULL || expression->error_customer < 0)
		nulls[5] = 'n';
	SPI_execute_plan(plan, values, nulls, false, 0);
}

int64
cd_refresh_states(const char *room, const Datum *ids, const CdExpression *expressions, int count, CdDue *due)
{
	Oid			types[6] = {INT4OID, BOOLOID, INT8OID, TEXTOID, TEXTOID, INT8OID};
	char	   *due_statement = psprintf("INSERT INTO customer_data.%1$s_due (%1$s_id, due, customers) VALUES ($1, $2, $3)", room);
	SPIPlanPtr	plan;
	int64		sum = 0;
	int			i;

	plan = cd_prepare_once(psprintf("INSERT INTO customer_data.%1$s_state"
									" (%1$s_id, restless, refreshed_at, evaluated, error, error_code, error_customer)"
									" VALUES ($1, $2, customer_data.as_of(), $3, $4, $5, $6)"
									" ON CONFLICT (%1$s_id) DO UPDATE SET restless = excluded.restless,"
									" refreshed_at = excluded.refreshed_at, evaluated = excluded.evaluated,"
									" error = excluded.error, error_code = excluded.error_code,"
									" error_customer = excluded.error_customer", room),
						   6, types);
	for (i = 0; i < count; i++)
	{
		write_state(plan, DatumGetInt32(ids[i]), &expressions[i]);
		cd_due_write(due, i, ids[i], INT4OID, due_statement);
		sum += expressions[i].evaluated;
	}
	SPI_freeplan(plan);
	return sum;
}

CdSet *
cd_refresh_forget(const char *table, CdEvaluation *evaluation)
{
	CdSet	   *gone = cd_evaluation_gone(evaluation);
	uint64		count = cd_set_cardinality(gone);
	Oid			types[1] = {INT8ARRAYOID};
	Datum		values[1];

	if (count == 0)
		return gone;
	if (count > MOST_FORGOTTEN)
	{
		types[0] = cd_customer_set_type();
		values[0] = PointerGetDatum(gone);
		SPI_execute_with_args(psprintf("DELETE FROM customer_data.%s WHERE $1 OPERATOR(customer_data.@>) customer_id", table),
							  1, types, values, NULL, false, 0);
		return gone;
	}
	values[0] = cd_ids_array(cd_set_ids(gone, &count), (int) count);
	SPI_execute_with_args(psprintf("DELETE FROM customer_data.%s WHERE customer_id OPERATOR(pg_catalog.=) ANY ($1)", table),
						  1, types, values, NULL, false, 0);
	return gone;
}
