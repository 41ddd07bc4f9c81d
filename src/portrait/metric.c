/*
 * metric.c
 *		Evaluate metrics and write values, errors and due moments.
 */
#include "postgres.h"

#include "portrait/evaluate.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "portrait/refresh.h"
#include "timeline/timeline.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* One metric being refreshed. */
typedef struct Metric
{
	int32		id;
	char	   *name;

	/* Its results of the batch */
	CdResults	results;
	bool		written;
} Metric;

typedef struct Refresh
{
	Metric	   *metrics;
	CdExpression *expressions;
	int			count;
	CdSetBuilder *changed;
	CdDue	   *due;
	MemoryContext context;		/* for a batch's statements */
} Refresh;

/* Make an array of one column of results */
static Datum
column_array(const CdResults *results, Oid type)
{
	int16		length;
	bool		by_value;
	char		align;
	int			dims[1] = {results->count};
	int			bounds[1] = {1};
	Datum	   *values = palloc(results->count * sizeof(Datum));
	int			i;

	for (i = 0; i < results->count; i++)
		values[i] = cd_result(results, i);
	get_typlenbyvalalign(type, &length, &by_value, &align);
	return PointerGetDatum(construct_md_array(values, unconstify(bool *, results->nulls), 1,
											  dims, bounds, type, length, by_value, align));
}

/*
 * Write the metrics of a batch that were evaluated for the same customers
 * with one statement that leaves rows alone that would not change.
 */
static void
write_metrics(Refresh *refresh, int *members, int count)
{
	Metric	   *first = &refresh->metrics[members[0]];
	StringInfoData query,
				names,
				sources,
				updates,
				have,
				come;
	Oid		   *types = palloc((count + 1) * sizeof(Oid));
	Datum	   *arguments = palloc((count + 1) * sizeof(Datum));
	uint64		r;
	int			i;

	types[0] = INT8ARRAYOID;
	arguments[0] = cd_ids_array(first->results.customers, first->results.count);
	initStringInfo(&names);
	initStringInfo(&sources);
	initStringInfo(&updates);
	initStringInfo(&have);
	initStringInfo(&come);
	for (i = 0; i < count; i++)
	{
		Metric	   *metric = &refresh->metrics[members[i]];
		Oid			type = refresh->expressions[members[i]].result_type;
		const char *name = quote_identifier(metric->name);
		const char *comma = i > 0 ? ", " : "";

		types[i + 1] = get_array_type(type);
		arguments[i + 1] = column_array(&metric->results, type);
		appendStringInfo(&names, ", %s", name);
		appendStringInfo(&sources, ", $%d", i + 2);
		appendStringInfo(&updates, "%s%s = excluded.%s", comma, name, name);
		appendStringInfo(&have, "%sm.%s", comma, name);
		appendStringInfo(&come, "%sexcluded.%s", comma, name);
		metric->written = true;
	}
	initStringInfo(&query);
	appendStringInfo(&query, "INSERT INTO customer_data.customer_metric AS m (customer_id%s)"
					 " SELECT * FROM unnest($1%s)"
					 " ON CONFLICT (customer_id) DO UPDATE SET %s"
					 " WHERE (%s) IS DISTINCT FROM (%s) RETURNING customer_id",
					 names.data, sources.data, updates.data, have.data, come.data);
	SPI_execute_with_args(query.data, count + 1, types, arguments, NULL, false, 0);
	for (r = 0; r < SPI_processed; r++)
	{
		bool		isnull;

		cd_set_builder_add(refresh->changed,
						   (uint32) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[r], SPI_tuptable->tupdesc, 1, &isnull)));
	}
	SPI_freetuptable(SPI_tuptable);
	/* SPI comes back in a context that lives as long as its connection. */
	MemoryContextSwitchTo(refresh->context);
}

/* Write a batch: metrics with the same customers together */
static void
end_batch(Refresh *refresh)
{
	MemoryContext old = MemoryContextSwitchTo(refresh->context);
	int		   *members = palloc(refresh->count * sizeof(int));
	int			i,
				j;

	for (i = 0; i < refresh->count; i++)
	{
		Metric	   *metric = &refresh->metrics[i];
		int			n = 0;

		if (metric->written || metric->results.count == 0)
			continue;
		for (j = i; j < refresh->count; j++)
		{
			Metric	   *other = &refresh->metrics[j];

			if (!other->written && other->results.count == metric->results.count &&
				memcmp(other->results.customers, metric->results.customers, metric->results.count * sizeof(uint32)) == 0)
				members[n++] = j;
		}
		write_metrics(refresh, members, n);
	}
	for (i = 0; i < refresh->count; i++)
	{
		refresh->metrics[i].results.count = 0;
		refresh->metrics[i].written = false;
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(refresh->context);
}

/* Take one metric's results of a batch */
static void
take_results(void *arg, int expression, const CdResults *results)
{
	Refresh    *refresh = arg;
	Metric	   *metric;
	int			i;

	if (expression < 0)
	{
		end_batch(refresh);
		return;
	}
	metric = &refresh->metrics[expression];
	metric->results = *results;
	if (!refresh->expressions[expression].restless)
	{
		for (i = 0; i < results->count; i++)
		{
			if (!TIMESTAMP_IS_NOEND(results->valid_until[i]))
				cd_due_add(refresh->due, expression, results->valid_until[i], results->customers[i]);
		}
	}
}

/* Read the definitions of metrics */
static void
read_metrics(Refresh *refresh, Datum *ids, MemoryContext context)
{
	Oid			types[1] = {INT4OID};
	SPIPlanPtr	plan = cd_prepare_once("SELECT name, expression, type::pg_catalog.regtype, owner, time_zone"
									   " FROM customer_data.metric WHERE metric_id OPERATOR(pg_catalog.=) $1", 1, types);
	int			i;

	for (i = 0; i < refresh->count; i++)
	{
		HeapTuple	tuple;
		TupleDesc	desc;
		bool		isnull;
		MemoryContext old;

		SPI_execute_plan(plan, &ids[i], NULL, true, 1);
		if (SPI_processed == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("there is no metric with number %d", DatumGetInt32(ids[i]))));
		tuple = SPI_tuptable->vals[0];
		desc = SPI_tuptable->tupdesc;
		old = MemoryContextSwitchTo(context);
		refresh->metrics[i].id = DatumGetInt32(ids[i]);
		refresh->metrics[i].name = SPI_getvalue(tuple, desc, 1);
		refresh->expressions[i].text = SPI_getvalue(tuple, desc, 2);
		refresh->expressions[i].type = DatumGetObjectId(SPI_getbinval(tuple, desc, 3, &isnull));
		refresh->expressions[i].owner = DatumGetObjectId(SPI_getbinval(tuple, desc, 4, &isnull));
		refresh->expressions[i].time_zone = SPI_getvalue(tuple, desc, 5);
		MemoryContextSwitchTo(old);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_freeplan(plan);
}

/* evaluate_metrics(ids, sets) → (evaluated, changed) */
PG_FUNCTION_INFO_V1(cd_evaluate_metrics);
Datum
cd_evaluate_metrics(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	Datum	   *ids;
	CdSet	  **customers;
	Refresh		refresh = {0};
	CdEvaluation *evaluation;
	int64		evaluated;
	int			i;

	refresh.count = cd_refresh_arguments(fcinfo, &ids, &customers);
	refresh.metrics = palloc0(Max(refresh.count, 1) * sizeof(Metric));
	refresh.expressions = palloc0(Max(refresh.count, 1) * sizeof(CdExpression));
	refresh.changed = cd_set_builder();
	refresh.due = cd_due_create(cd_as_of());
	for (i = 0; i < refresh.count; i++)
		refresh.expressions[i].customers = customers[i];
	SPI_connect();
	read_metrics(&refresh, ids, context);
	refresh.context = AllocSetContextCreate(context, "metric batch", ALLOCSET_DEFAULT_SIZES);
	evaluation = cd_evaluation(refresh.expressions, refresh.count);
	cd_evaluation_run(evaluation, take_results, &refresh);
	evaluated = cd_refresh_states("metric", ids, refresh.expressions, refresh.count, refresh.due);
	cd_refresh_forget("customer_metric", evaluation);
	cd_evaluation_free(evaluation);
	SPI_finish();
	return cd_refresh_result(fcinfo, evaluated, refresh.changed, NULL, false);
}

/* days_since(at): whole days until as_of() */
PG_FUNCTION_INFO_V1(cd_days_since);
Datum
cd_days_since(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(0);
	TimestampTz now = cd_as_of();
	int64		days;

	if (TIMESTAMP_NOT_FINITE(at))
		PG_RETURN_FLOAT8(TIMESTAMP_IS_NOBEGIN(at) ? get_float8_infinity() : -get_float8_infinity());
	days = (now - at) / USECS_PER_DAY;
	if ((now - at) % USECS_PER_DAY < 0)
		days--;
	cd_validity_note(at + (days + 1) * USECS_PER_DAY);
	PG_RETURN_FLOAT8((double) days);
}

/* days_since(at) >= days */
PG_FUNCTION_INFO_V1(cd_days_since_reached);
Datum
cd_days_since_reached(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(0);
	double		days = ceil(PG_GETARG_FLOAT8(1));
	TimestampTz now = cd_as_of();
	double		moment;

	if (isnan(days))
		PG_RETURN_BOOL(false);
	if (TIMESTAMP_NOT_FINITE(at))
		PG_RETURN_BOOL(TIMESTAMP_IS_NOBEGIN(at) || days < -1e300);
	moment = (double) at + days * (double) USECS_PER_DAY;
	if (moment > (double) END_TIMESTAMP)
		PG_RETURN_BOOL(false);
	if (moment < (double) MIN_TIMESTAMP)
		PG_RETURN_BOOL(true);
	/* Exact in integers: whole days only move the moment. */
	at += (int64) days * USECS_PER_DAY;
	if (now >= at)
		PG_RETURN_BOOL(true);
	cd_validity_note(at);
	PG_RETURN_BOOL(false);
}

/*
 * subtract_decimals(a, b): a - b, where both are sums of decimals, as decimals
 * differ.  Each is the nearest double, their difference need not be; the
 * shortest decimal that rounding errors of a and b allow is taken for it.
 */
PG_FUNCTION_INFO_V1(cd_subtract_decimals);
Datum
cd_subtract_decimals(PG_FUNCTION_ARGS)
{
	double		a = PG_GETARG_FLOAT8(0);
	double		b = PG_GETARG_FLOAT8(1);
	double		difference = a - b;
	double		slack = 2 * DBL_EPSILON * Max(fabs(a), fabs(b));
	double		power = 1;
	int			digits;

	for (digits = 0; digits <= CD_MAX_SCALE && isfinite(difference); digits++, power *= 10)
	{
		double		decimal = rint(difference * power) / power;

		if (fabs(decimal - difference) <= slack)
			PG_RETURN_FLOAT8(decimal + 0.0);
	}
	PG_RETURN_FLOAT8(difference);
}
