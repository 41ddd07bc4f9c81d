/*
 * event_batch.c
 *		Rows of an event source on their way into a timeline: one aggregate that
 *		takes typed columns as they are, and counts the rows that cannot be
 *		events instead of failing on them.
 */
#include "postgres.h"

#include <math.h>

#include "customer_data.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "timeline/timeline.h"
#include "timeline/timeline_rows.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* Arguments of the transition function. */
#define ARG_STATE		0
#define ARG_AT			1
#define ARG_KIND		2
#define ARG_VALUE		3
#define ARG_QUANTITY	4
#define ARG_EVENT_ID	5
#define ARG_PROPERTIES	6

/* JSON longer than this is written out to see how long its text is. */
#define JSON_DOUBTFUL	16384

/* From here on not every integer is a float8. */
#define MAX_EXACT		(INT64CONST(1) << 53)

/* One group: its events and how many of its rows were none. */
typedef struct BatchState
{
	CdBuilder	builder;
	int64		rejected;
} BatchState;

/* What all groups of a query share. */
typedef struct BatchShared
{
	CdPool	   *pool;
	int			nargs;
	Oid		   *type;			/* of each argument, domains looked through */
	FmgrInfo   *output;			/* of arguments that go by their text */
	int		   *property;		/* number of the name before each property */
} BatchShared;

/* event_number(numeric) → float8 */
PG_FUNCTION_INFO_V1(cd_event_number);
Datum
cd_event_number(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(cd_numeric_nearest(PG_GETARG_DATUM(0)));
}

/*
 * event_number_in(text) → float8: the number a text says.  A blank text says
 * none; one that is no number is no error either, but not-a-number, so that
 * its row is rejected and no other.
 */
PG_FUNCTION_INFO_V1(cd_event_number_in);
Datum
cd_event_number_in(PG_FUNCTION_ARGS)
{
	char	   *str = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *end;
	double		number;

	str += strspn(str, " \t\n\r\f\v");
	if (*str == '\0')
		PG_RETURN_NULL();
	/* The server keeps the C locale for numbers. */
	number = strtod(str, &end);
	if (end == str || end[strspn(end, " \t\n\r\f\v")] != '\0')
		number = get_float8_nan();
	PG_RETURN_FLOAT8(number);
}

/* A value or quantity as float8, as the cast of its type would have it; a numeric beyond float8 is infinite. */
static double
argument_number(BatchShared *shared, int arg, Datum datum)
{
	switch (shared->type[arg])
	{
		case INT2OID:
			return DatumGetInt16(datum);
		case INT4OID:
			return DatumGetInt32(datum);
		case INT8OID:
			return (double) DatumGetInt64(datum);
		case FLOAT4OID:
			return DatumGetFloat4(datum);
		case FLOAT8OID:
			return DatumGetFloat8(datum);
		case NUMERICOID:
			return cd_numeric_nearest(datum);
		default:
			{
				char	   *str = OutputFunctionCall(&shared->output[arg], datum);

				return DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(str)));
			}
	}
}

/* Add one property; what it becomes is what jsonb_build_object would make of it. */
static void
add_property(CdBuilder *builder, BatchShared *shared, int arg, Datum datum)
{
	int			property = shared->property[arg];
	char	   *str;

	switch (shared->type[arg])
	{
		case INT2OID:
			cd_builder_number(builder, property, CD_TYPE_NUMBER, DatumGetInt16(datum));
			break;
		case INT4OID:
			cd_builder_number(builder, property, CD_TYPE_NUMBER, DatumGetInt32(datum));
			break;
		case INT8OID:
			if (DatumGetInt64(datum) > -MAX_EXACT && DatumGetInt64(datum) < MAX_EXACT)
				cd_builder_number(builder, property, CD_TYPE_NUMBER, (double) DatumGetInt64(datum));
			else
				cd_builder_numeric(builder, property, DirectFunctionCall1(int8_numeric, datum));
			break;
		case FLOAT8OID:
			if (isnan(DatumGetFloat8(datum)) || isinf(DatumGetFloat8(datum)))
			{
				str = OutputFunctionCall(&shared->output[arg], datum);
				cd_builder_text(builder, property, CD_TYPE_TEXT, str, strlen(str));
			}
			else
				cd_builder_number(builder, property, CD_TYPE_NUMBER, DatumGetFloat8(datum));
			break;
		case FLOAT4OID:
			str = OutputFunctionCall(&shared->output[arg], datum);
			if (isnan(DatumGetFloat4(datum)) || isinf(DatumGetFloat4(datum)))
				cd_builder_text(builder, property, CD_TYPE_TEXT, str, strlen(str));
			else
				cd_builder_number(builder, property, CD_TYPE_NUMBER,
								  DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(str))));
			break;
		case NUMERICOID:
			if (numeric_is_nan(DatumGetNumeric(datum)) || numeric_is_inf(DatumGetNumeric(datum)))
			{
				str = OutputFunctionCall(&shared->output[arg], datum);
				cd_builder_text(builder, property, CD_TYPE_TEXT, str, strlen(str));
			}
			else
				cd_builder_numeric(builder, property, datum);
			break;
		case BOOLOID:
			cd_builder_number(builder, property, CD_TYPE_BOOL, DatumGetBool(datum) ? 1 : 0);
			break;
		case JSONBOID:
			cd_builder_json(builder, property, DatumGetJsonbP(datum));
			break;
		case JSONOID:
			str = OutputFunctionCall(&shared->output[arg], datum);
			cd_builder_json(builder, property, DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(str))));
			break;
		case TEXTOID:
			{
				text	   *t = DatumGetTextPP(datum);

				cd_builder_text(builder, property, CD_TYPE_TEXT, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
				break;
			}
		default:
			str = OutputFunctionCall(&shared->output[arg], datum);
			cd_builder_text(builder, property, CD_TYPE_TEXT, str, strlen(str));
			break;
	}
}

/* Is a text longer than an event may carry? */
static bool
too_long(BatchShared *shared, int arg, Datum datum)
{
	Oid			type = shared->type[arg];
	Size		size;

	if (type != TEXTOID && type != JSONBOID && type != JSONOID)
		return false;
	size = toast_raw_datum_size(datum) - VARHDRSZ;
	if (type == TEXTOID)
		return size > CD_MAX_TEXT;
	if (size <= JSON_DOUBTFUL)
		return false;
	if (type == JSONOID)
		datum = DirectFunctionCall1(jsonb_in, CStringGetDatum(OutputFunctionCall(&shared->output[arg], datum)));
	return strlen(JsonbToCString(NULL, &DatumGetJsonbP(datum)->root, VARSIZE(DatumGetJsonbP(datum)))) > CD_MAX_TEXT;
}

/* Can the row be an event?  The same rules as event_row_query() puts in words. */
static bool
acceptable(FunctionCallInfo fcinfo, BatchShared *shared, double *value, double *quantity)
{
	int			arg;

	if (PG_ARGISNULL(ARG_AT) || TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(ARG_AT)) || PG_ARGISNULL(ARG_KIND))
		return false;
	{
		Size		len = toast_raw_datum_size(PG_GETARG_DATUM(ARG_KIND)) - VARHDRSZ;

		if (len == 0 || len > CD_MAX_NAME)
			return false;
	}
	if (!PG_ARGISNULL(ARG_VALUE))
	{
		*value = argument_number(shared, ARG_VALUE, PG_GETARG_DATUM(ARG_VALUE));
		if (isnan(*value) || isinf(*value))
			return false;
	}
	if (!PG_ARGISNULL(ARG_QUANTITY))
	{
		*quantity = argument_number(shared, ARG_QUANTITY, PG_GETARG_DATUM(ARG_QUANTITY));
		if (isnan(*quantity) || isinf(*quantity))
			return false;
	}
	if (!PG_ARGISNULL(ARG_EVENT_ID) && too_long(shared, ARG_EVENT_ID, PG_GETARG_DATUM(ARG_EVENT_ID)))
		return false;
	for (arg = ARG_PROPERTIES + 1; arg < shared->nargs; arg += 2)
		if (!PG_ARGISNULL(arg) && too_long(shared, arg, PG_GETARG_DATUM(arg)))
			return false;
	return true;
}

/* Look up what every row needs: types, names of properties, a pool of strings. */
static BatchShared *
share(FunctionCallInfo fcinfo)
{
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	BatchShared *shared = palloc0(sizeof(BatchShared));
	CdBuilder	names;
	int			i;

	shared->pool = cd_pool_create(CurrentMemoryContext);
	shared->nargs = PG_NARGS();
	shared->type = palloc0(shared->nargs * sizeof(Oid));
	shared->output = palloc0(shared->nargs * sizeof(FmgrInfo));
	shared->property = palloc0(shared->nargs * sizeof(int));
	cd_builder_init(&names, shared->pool, CurrentMemoryContext);
	for (i = ARG_VALUE; i < shared->nargs; i++)
	{
		Oid			function;
		bool		is_varlena;

		shared->type[i] = getBaseType(get_fn_expr_argtype(fcinfo->flinfo, i));
		getTypeOutputInfo(shared->type[i], &function, &is_varlena);
		fmgr_info(function, &shared->output[i]);
		if ((i == ARG_EVENT_ID || (i > ARG_EVENT_ID && (i - ARG_PROPERTIES) % 2 == 0)) && shared->type[i] != TEXTOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("argument %d of event_batch_agg must be a text", i),
					 errhint("Cast it: 'name'::text.")));
		if (i > ARG_PROPERTIES && (i - ARG_PROPERTIES) % 2 == 1)
		{
			text	   *name = PG_GETARG_TEXT_PP(i - 1);

			shared->property[i] = cd_builder_property(&names, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
		}
	}
	MemoryContextSwitchTo(old);
	return shared;
}

/*
 * event_batch_agg's transition: at, kind, value, quantity, event id, then names
 * (constants of type text) and values of properties in turn.
 */
PG_FUNCTION_INFO_V1(cd_event_batch_trans);
Datum
cd_event_batch_trans(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	BatchShared *shared = fcinfo->flinfo->fn_extra;
	BatchState *state;
	CdBuilder  *builder;
	text	   *kind;
	double		value = 0,
				quantity = 0;
	int			arg;

	context = cd_aggregate_context(fcinfo);
	if (shared == NULL)
		fcinfo->flinfo->fn_extra = shared = share(fcinfo);
	if (PG_ARGISNULL(ARG_STATE))
	{
		state = MemoryContextAlloc(context, sizeof(BatchState));
		cd_builder_init(&state->builder, shared->pool, context);
		state->rejected = 0;
	}
	else
		state = (BatchState *) PG_GETARG_POINTER(ARG_STATE);
	if (!acceptable(fcinfo, shared, &value, &quantity))
	{
		state->rejected++;
		PG_RETURN_POINTER(state);
	}
	builder = &state->builder;
	kind = PG_GETARG_TEXT_PP(ARG_KIND);
	cd_builder_event(builder, PG_GETARG_TIMESTAMPTZ(ARG_AT),
					 cd_builder_kind(builder, VARDATA_ANY(kind), VARSIZE_ANY_EXHDR(kind)));
	if (!PG_ARGISNULL(ARG_VALUE))
		cd_builder_value(builder, value);
	if (!PG_ARGISNULL(ARG_QUANTITY))
		cd_builder_quantity(builder, quantity);
	if (!PG_ARGISNULL(ARG_EVENT_ID))
	{
		text	   *id = PG_GETARG_TEXT_PP(ARG_EVENT_ID);

		cd_builder_event_id(builder, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
	}
	for (arg = ARG_PROPERTIES + 1; arg < shared->nargs; arg += 2)
		if (!PG_ARGISNULL(arg))
			add_property(builder, shared, arg, PG_GETARG_DATUM(arg));
	PG_RETURN_POINTER(state);
}

/* event_batch_agg's result: the timeline, events in it, rows that were none. */
PG_FUNCTION_INFO_V1(cd_event_batch_final);
Datum
cd_event_batch_final(PG_FUNCTION_ARGS)
{
	BatchState *state = (BatchState *) PG_GETARG_POINTER(0);
	TupleDesc	desc = fcinfo->flinfo->fn_extra;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (desc == NULL)
	{
		MemoryContext old;

		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("event_batch_agg must return a row")));
		old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = desc = BlessTupleDesc(CreateTupleDescCopy(desc));
		MemoryContextSwitchTo(old);
	}
	values[1] = Int64GetDatum(state->builder.nevents);
	values[0] = PointerGetDatum(cd_builder_finish(&state->builder));
	values[2] = Int64GetDatum(state->rejected);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}
