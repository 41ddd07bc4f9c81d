/*
 * timeline_agg.c
 *		Aggregates: events into a timeline, timelines into one.
 *
 * A group's state is one buffer of rows; the strings of all groups are kept
 * once, for as long as the query runs.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "timeline/timeline.h"
#include "timeline/timeline_rows.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Events of one group; those of another worker stay packed until more come. */
typedef struct AggState
{
	CdBuilder	builder;
	struct varlena *image;
} AggState;

/* The aggregate's memory context; refuses calls from elsewhere. */
static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("this function serves an aggregate and cannot be called by itself")));
	return context;
}

/* A column that is given as a property. */
typedef struct PropertyArg
{
	Oid			type;
	FmgrInfo	out;			/* for types without a form of their own */
} PropertyArg;

/* What a call site keeps: the strings of all its states, and what its columns are. */
typedef struct AggCall
{
	CdPool	   *pool;
	PropertyArg *args;
} AggCall;

/* The call site's data. */
static AggCall *
agg_call(FunctionCallInfo fcinfo)
{
	AggCall    *call = fcinfo->flinfo->fn_extra;

	if (call == NULL)
	{
		call = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(AggCall));
		call->pool = cd_pool_create(fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = call;
	}
	return call;
}

/* A new state; all states of a query share one pool of strings. */
static AggState *
new_state(FunctionCallInfo fcinfo, MemoryContext context)
{
	AggState   *state = MemoryContextAlloc(context, sizeof(AggState));

	cd_builder_init(&state->builder, agg_call(fcinfo)->pool, context);
	state->image = NULL;
	return state;
}

/* timeline_agg's transition: at, kind [, value [, properties | quantity, event_id, properties]] */
PG_FUNCTION_INFO_V1(cd_timeline_agg_trans);
Datum
cd_timeline_agg_trans(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	AggState   *state = PG_ARGISNULL(0) ? NULL : (AggState *) PG_GETARG_POINTER(0);
	int			nargs = PG_NARGS();
	CdBuilder  *builder;
	text	   *kind;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
		state = new_state(fcinfo, context);
	builder = &state->builder;
	kind = PG_GETARG_TEXT_PP(2);
	cd_builder_event(builder, PG_GETARG_TIMESTAMPTZ(1),
					 cd_builder_kind(builder, VARDATA_ANY(kind), VARSIZE_ANY_EXHDR(kind)));
	if (nargs > 3 && !PG_ARGISNULL(3))
		cd_builder_value(builder, PG_GETARG_FLOAT8(3));
	if (nargs == 7)
	{
		if (!PG_ARGISNULL(4))
			cd_builder_quantity(builder, PG_GETARG_FLOAT8(4));
		if (!PG_ARGISNULL(5))
		{
			text	   *id = PG_GETARG_TEXT_PP(5);

			cd_builder_event_id(builder, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
		}
	}
	if (nargs > 4 && !PG_ARGISNULL(nargs - 1))
		cd_builder_jsonb(builder, PG_GETARG_DATUM(nargs - 1));
	PG_RETURN_POINTER(state);
}

#define FIRST_PROPERTY	4

/* Look up the types of the columns that are given as properties. */
static PropertyArg *
property_args(FunctionCallInfo fcinfo)
{
	int			n = PG_NARGS() - FIRST_PROPERTY;
	PropertyArg *args = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, Max(n, 1) * sizeof(PropertyArg));
	int			i;

	if (get_fn_expr_variadic(fcinfo->flinfo))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("properties cannot be given as an array"),
				 errhint("List names and columns one after the other.")));
	if (n % 2 != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a property is a name and a column"),
				 errhint("List names and columns one after the other.")));
	for (i = 0; i < n; i++)
	{
		Oid			out;
		bool		is_varlena;

		args[i].type = getBaseType(get_fn_expr_argtype(fcinfo->flinfo, FIRST_PROPERTY + i));
		if (i % 2 == 0 && args[i].type != TEXTOID && args[i].type != VARCHAROID && args[i].type != UNKNOWNOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the name of a property must be text, not %s", format_type_be(args[i].type)),
					 errhint("List names and columns one after the other.")));
		getTypeOutputInfo(args[i].type, &out, &is_varlena);
		fmgr_info_cxt(out, &args[i].out, fcinfo->flinfo->fn_mcxt);
	}
	return args;
}

/* Add the property that an argument is, in the form that to_jsonb() would give it. */
static void
add_property(CdBuilder *builder, int property, PropertyArg *arg, Datum value)
{
	char		date[MAXDATELEN + 1];
	char	   *str;
	text	   *t;
	int64		integer;

	switch (arg->type)
	{
		case TEXTOID:
		case VARCHAROID:
			t = DatumGetTextPP(value);
			cd_builder_text(builder, property, CD_TYPE_TEXT, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
			break;
		case UNKNOWNOID:
			str = DatumGetCString(value);
			cd_builder_text(builder, property, CD_TYPE_TEXT, str, strlen(str));
			break;
		case BOOLOID:
			cd_builder_number(builder, property, CD_TYPE_BOOL, DatumGetBool(value) ? 1 : 0);
			break;
		case INT2OID:
			cd_builder_number(builder, property, CD_TYPE_NUMBER, DatumGetInt16(value));
			break;
		case INT4OID:
			cd_builder_number(builder, property, CD_TYPE_NUMBER, DatumGetInt32(value));
			break;
		case INT8OID:
			integer = DatumGetInt64(value);
			if (integer >= -(INT64CONST(1) << 53) && integer <= INT64CONST(1) << 53)
				cd_builder_number(builder, property, CD_TYPE_NUMBER, integer);
			else
				cd_builder_numeric(builder, property,
								   DatumGetNumeric(DirectFunctionCall1(int8_numeric, value)));
			break;
		case FLOAT8OID:
			cd_builder_number(builder, property, CD_TYPE_NUMBER, DatumGetFloat8(value));
			break;
		case NUMERICOID:
			cd_builder_numeric(builder, property, DatumGetNumeric(value));
			break;
		case JSONBOID:
			cd_builder_json(builder, property, DatumGetJsonbP(value));
			break;
		case JSONOID:
			str = TextDatumGetCString(value);
			cd_builder_json(builder, property, DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(str))));
			break;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			JsonEncodeDateTime(date, value, arg->type, NULL);
			cd_builder_text(builder, property, CD_TYPE_TEXT, date, strlen(date));
			break;
		case FLOAT4OID:
			str = OutputFunctionCall(&arg->out, value);
			cd_builder_number(builder, property, CD_TYPE_NUMBER, strtod(str, NULL));
			break;
		default:
			str = OutputFunctionCall(&arg->out, value);
			cd_builder_text(builder, property, CD_TYPE_TEXT, str, strlen(str));
			break;
	}
}

/* timeline_columns_agg's transition: at, kind, value, then names and columns */
PG_FUNCTION_INFO_V1(cd_timeline_columns_trans);
Datum
cd_timeline_columns_trans(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	AggState   *state = PG_ARGISNULL(0) ? NULL : (AggState *) PG_GETARG_POINTER(0);
	AggCall    *call = agg_call(fcinfo);
	int			nargs = PG_NARGS();
	CdBuilder  *builder;
	text	   *kind;
	int			i;

	if (call->args == NULL)
		call->args = property_args(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
		state = new_state(fcinfo, context);
	builder = &state->builder;
	kind = PG_GETARG_TEXT_PP(2);
	cd_builder_event(builder, PG_GETARG_TIMESTAMPTZ(1),
					 cd_builder_kind(builder, VARDATA_ANY(kind), VARSIZE_ANY_EXHDR(kind)));
	if (!PG_ARGISNULL(3))
		cd_builder_value(builder, PG_GETARG_FLOAT8(3));
	for (i = FIRST_PROPERTY; i < nargs; i += 2)
	{
		int			property;

		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("the name of a property must not be null")));
		if (PG_ARGISNULL(i + 1))
			continue;
		if (call->args[i - FIRST_PROPERTY].type == UNKNOWNOID)
			property = cd_builder_property(builder, PG_GETARG_CSTRING(i), strlen(PG_GETARG_CSTRING(i)));
		else
		{
			text	   *name = PG_GETARG_TEXT_PP(i);

			property = cd_builder_property(builder, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
		}
		add_property(builder, property, &call->args[i + 1 - FIRST_PROPERTY], PG_GETARG_DATUM(i + 1));
	}
	PG_RETURN_POINTER(state);
}

/* Unpack what a state still holds packed. */
static void
unpack_state(AggState *state)
{
	if (state->image == NULL)
		return;
	cd_builder_timeline(&state->builder, state->image, DT_NOBEGIN, DT_NOEND);
	pfree(state->image);
	state->image = NULL;
}

/* The timeline of a state. */
static struct varlena *
finish_state(AggState *state)
{
	if (state->image != NULL && state->builder.nevents == 0)
		return state->image;
	unpack_state(state);
	return cd_builder_finish(&state->builder);
}

/* timeline_agg's combine function. */
PG_FUNCTION_INFO_V1(cd_timeline_agg_combine);
Datum
cd_timeline_agg_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	AggState   *state = PG_ARGISNULL(0) ? NULL : (AggState *) PG_GETARG_POINTER(0);
	AggState   *other = PG_ARGISNULL(1) ? NULL : (AggState *) PG_GETARG_POINTER(1);
	struct varlena *image;

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	image = finish_state(other);
	if (state == NULL)
	{
		state = new_state(fcinfo, context);
		state->image = MemoryContextAlloc(context, VARSIZE(image));
		memcpy(state->image, image, VARSIZE(image));
	}
	else
	{
		unpack_state(state);
		cd_builder_timeline(&state->builder, image, DT_NOBEGIN, DT_NOEND);
	}
	PG_RETURN_POINTER(state);
}

/* timeline_agg's serialisation: the timeline so far. */
PG_FUNCTION_INFO_V1(cd_timeline_agg_serialize);
Datum
cd_timeline_agg_serialize(PG_FUNCTION_ARGS)
{
	(void) aggregate_context(fcinfo);
	PG_RETURN_BYTEA_P((bytea *) finish_state((AggState *) PG_GETARG_POINTER(0)));
}

/* timeline_agg's deserialisation. */
PG_FUNCTION_INFO_V1(cd_timeline_agg_deserialize);
Datum
cd_timeline_agg_deserialize(PG_FUNCTION_ARGS)
{
	AggState   *state;

	(void) aggregate_context(fcinfo);
	state = new_state(fcinfo, CurrentMemoryContext);
	state->image = (struct varlena *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0));
	PG_RETURN_POINTER(state);
}

/* timeline_agg's result: never NULL. */
PG_FUNCTION_INFO_V1(cd_timeline_agg_final);
Datum
cd_timeline_agg_final(PG_FUNCTION_ARGS)
{
	(void) aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(cd_timeline_empty());
	PG_RETURN_POINTER(finish_state((AggState *) PG_GETARG_POINTER(0)));
}

/* Timelines waiting to be joined, in the order they came. */
typedef struct MergeState
{
	MemoryContext context;
	struct varlena **images;
	int			n;
	int			cap;
} MergeState;

/* Remember a timeline to join. */
static MergeState *
merge_add(MergeState *state, MemoryContext context, struct varlena *value)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	if (state == NULL)
	{
		state = palloc0(sizeof(MergeState));
		state->context = context;
		state->cap = 4;
		state->images = palloc(state->cap * sizeof(struct varlena *));
	}
	if (state->n >= state->cap)
	{
		state->cap *= 2;
		state->images = repalloc_huge(state->images, state->cap * sizeof(struct varlena *));
	}
	state->images[state->n] = palloc(VARSIZE_ANY(value));
	memcpy(state->images[state->n], value, VARSIZE_ANY(value));
	state->n++;
	MemoryContextSwitchTo(old);
	return state;
}

/* Join neighbours until one is left, so that each event is copied log n times. */
static struct varlena *
merge_all(MergeState *state)
{
	MemoryContext old = MemoryContextSwitchTo(state->context);

	while (state->n > 1)
	{
		int			i,
					n = 0;

		for (i = 0; i < state->n; i += 2)
		{
			struct varlena *left = state->images[i];
			struct varlena *joined = left;

			if (i + 1 < state->n)
			{
				struct varlena *right = state->images[i + 1];

				joined = cd_timeline_merge(left, right);
				if (joined != left)
					pfree(left);
				if (joined != right)
					pfree(right);
			}
			state->images[n++] = joined;
		}
		state->n = n;
	}
	MemoryContextSwitchTo(old);
	return state->images[0];
}

/* timeline_merge_agg's transition. */
PG_FUNCTION_INFO_V1(cd_timeline_merge_trans);
Datum
cd_timeline_merge_trans(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	MergeState *state = PG_ARGISNULL(0) ? NULL : (MergeState *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
		state = merge_add(state, context, PG_GETARG_TIMELINE(1));
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* timeline_merge_agg's combine function. */
PG_FUNCTION_INFO_V1(cd_timeline_merge_combine);
Datum
cd_timeline_merge_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	MergeState *state = PG_ARGISNULL(0) ? NULL : (MergeState *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
		state = merge_add(state, context, merge_all((MergeState *) PG_GETARG_POINTER(1)));
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* timeline_merge_agg's serialisation. */
PG_FUNCTION_INFO_V1(cd_timeline_merge_serialize);
Datum
cd_timeline_merge_serialize(PG_FUNCTION_ARGS)
{
	struct varlena *image;
	bytea	   *result;

	(void) aggregate_context(fcinfo);
	image = merge_all((MergeState *) PG_GETARG_POINTER(0));
	result = palloc(VARHDRSZ + VARSIZE_ANY_EXHDR(image));
	SET_VARSIZE(result, VARHDRSZ + VARSIZE_ANY_EXHDR(image));
	memcpy(VARDATA(result), VARDATA_ANY(image), VARSIZE_ANY_EXHDR(image));
	PG_RETURN_BYTEA_P(result);
}

/* timeline_merge_agg's deserialisation. */
PG_FUNCTION_INFO_V1(cd_timeline_merge_deserialize);
Datum
cd_timeline_merge_deserialize(PG_FUNCTION_ARGS)
{
	(void) aggregate_context(fcinfo);
	PG_RETURN_POINTER(merge_add(NULL, CurrentMemoryContext, PG_GETARG_TIMELINE(0)));
}

/* timeline_merge_agg's result: never NULL. */
PG_FUNCTION_INFO_V1(cd_timeline_merge_final);
Datum
cd_timeline_merge_final(PG_FUNCTION_ARGS)
{
	(void) aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(cd_timeline_empty());
	PG_RETURN_POINTER(merge_all((MergeState *) PG_GETARG_POINTER(0)));
}
