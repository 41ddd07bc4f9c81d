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

#include "timeline/timeline.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
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

/* A new state; all states of a query share one pool of strings. */
static AggState *
new_state(FunctionCallInfo fcinfo, MemoryContext context)
{
	AggState   *state = MemoryContextAlloc(context, sizeof(AggState));

	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = cd_pool_create(fcinfo->flinfo->fn_mcxt);
	cd_builder_init(&state->builder, fcinfo->flinfo->fn_extra, context);
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
