/*
 * customer_set_agg.c
 *		Aggregates over ids and sets, and the functions that return rows.
 */
#include "postgres.h"

#include "sets/view.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/supportnodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Make the state of an aggregate in the aggregate's own context */
static CdSetBuilder *
new_state(FunctionCallInfo fcinfo)
{
	MemoryContext context,
				old;
	CdSetBuilder *state;

	context = cd_aggregate_context(fcinfo);
	old = MemoryContextSwitchTo(context);
	state = cd_set_builder();
	MemoryContextSwitchTo(old);
	return state;
}

static CdSetBuilder *
state_of(FunctionCallInfo fcinfo, int argument)
{
	(void) cd_aggregate_context(fcinfo);
	return (CdSetBuilder *) PG_GETARG_POINTER(argument);
}

/* customer_set_agg: one more id */
PG_FUNCTION_INFO_V1(cd_customer_set_agg_step);
Datum
cd_customer_set_agg_step(PG_FUNCTION_ARGS)
{
	CdSetBuilder *state = PG_ARGISNULL(0) ? new_state(fcinfo) : state_of(fcinfo, 0);

	if (!PG_ARGISNULL(1))
		cd_set_builder_add(state, cd_set_id(PG_GETARG_INT64(1)));
	PG_RETURN_POINTER(state);
}

/* customer_set_or_agg: one more set */
PG_FUNCTION_INFO_V1(cd_customer_set_or_step);
Datum
cd_customer_set_or_step(PG_FUNCTION_ARGS)
{
	CdSetBuilder *state = PG_ARGISNULL(0) ? new_state(fcinfo) : state_of(fcinfo, 0);

	if (!PG_ARGISNULL(1))
		cd_set_builder_or(state, PG_GETARG_CDSET(1));
	PG_RETURN_POINTER(state);
}

/* What customer_set_and_agg has left so far, in the aggregate's own context. */
typedef struct AndState
{
	CdSet	   *left;
} AndState;

/* Intersect a state, NULL before the first set, with one more set */
static AndState *
intersect(FunctionCallInfo fcinfo, AndState *state, const CdSet *set)
{
	MemoryContext context,
				old;
	CdSet	   *before = NULL;

	context = cd_aggregate_context(fcinfo);
	old = MemoryContextSwitchTo(context);
	if (state == NULL)
	{
		state = palloc(sizeof(AndState));
		state->left = cd_set_copy(set);
	}
	else if (!cd_set_is_empty(state->left))
	{
		before = state->left;
		state->left = cd_set_and(before, set);
		pfree(before);
	}
	MemoryContextSwitchTo(old);
	return state;
}

/* customer_set_and_agg: the state stays NULL until the first set */
PG_FUNCTION_INFO_V1(cd_customer_set_and_step);
Datum
cd_customer_set_and_step(PG_FUNCTION_ARGS)
{
	AndState   *state;

	(void) cd_aggregate_context(fcinfo);
	state = PG_ARGISNULL(0) ? NULL : (AndState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && (state == NULL || !cd_set_is_empty(state->left)))
		state = intersect(fcinfo, state, PG_GETARG_CDSET(1));
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* Join the states of two workers by union */
PG_FUNCTION_INFO_V1(cd_customer_set_or_combine);
Datum
cd_customer_set_or_combine(PG_FUNCTION_ARGS)
{
	CdSetBuilder *state;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state_of(fcinfo, 0));
	}
	state = PG_ARGISNULL(0) ? new_state(fcinfo) : state_of(fcinfo, 0);
	cd_set_builder_join(state, state_of(fcinfo, 1));
	PG_RETURN_POINTER(state);
}

/* Join the states of two workers by intersection; NULL is "no set yet" */
PG_FUNCTION_INFO_V1(cd_customer_set_and_combine);
Datum
cd_customer_set_and_combine(PG_FUNCTION_ARGS)
{
	AndState   *state;

	(void) cd_aggregate_context(fcinfo);
	state = PG_ARGISNULL(0) ? NULL : (AndState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
		state = intersect(fcinfo, state, ((AndState *) PG_GETARG_POINTER(1))->left);
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* Intersection of a worker → bytes */
PG_FUNCTION_INFO_V1(cd_customer_set_and_serialize);
Datum
cd_customer_set_and_serialize(PG_FUNCTION_ARGS)
{
	(void) cd_aggregate_context(fcinfo);
	PG_RETURN_BYTEA_P((bytea *) ((AndState *) PG_GETARG_POINTER(0))->left);
}

/* Bytes of a worker → intersection */
PG_FUNCTION_INFO_V1(cd_customer_set_and_deserialize);
Datum
cd_customer_set_and_deserialize(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(intersect(fcinfo, NULL, PG_GETARG_CDSET(0)));
}

/* State of a worker → bytes */
PG_FUNCTION_INFO_V1(cd_customer_set_agg_serialize);
Datum
cd_customer_set_agg_serialize(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P((bytea *) cd_set_builder_value(state_of(fcinfo, 0)));
}

/* Bytes of a worker → state */
PG_FUNCTION_INFO_V1(cd_customer_set_agg_deserialize);
Datum
cd_customer_set_agg_deserialize(PG_FUNCTION_ARGS)
{
	CdSetBuilder *state = new_state(fcinfo);

	cd_set_builder_or(state, PG_GETARG_CDSET(0));
	PG_RETURN_POINTER(state);
}

/* The set; empty where no id came */
PG_FUNCTION_INFO_V1(cd_customer_set_agg_final);
Datum
cd_customer_set_agg_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_CDSET(cd_set_empty());
	PG_RETURN_CDSET(cd_set_builder_value(state_of(fcinfo, 0)));
}

/* The intersection; NULL where no set came, as the set of all is not storable */
PG_FUNCTION_INFO_V1(cd_customer_set_and_final);
Datum
cd_customer_set_and_final(PG_FUNCTION_ARGS)
{
	(void) cd_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	/* A window asks again and again, and the state lives on. */
	PG_RETURN_CDSET(cd_set_copy(((AndState *) PG_GETARG_POINTER(0))->left));
}

/* Number of ids in the union, without making the set */
PG_FUNCTION_INFO_V1(cd_customer_set_count_final);
Datum
cd_customer_set_count_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(0);
	PG_RETURN_INT64(cd_set_builder_cardinality(state_of(fcinfo, 0)));
}

/* members(set): its ids, ascending */
PG_FUNCTION_INFO_V1(cd_customer_set_members);
Datum
cd_customer_set_members(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	CdSetIterator *it;
	uint32		id;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		it = palloc(sizeof(CdSetIterator));
		cd_set_begin(it, (CdSet *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0)));
		call->user_fctx = it;
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();
	it = call->user_fctx;
	if (cd_set_next(it, &id))
		SRF_RETURN_NEXT(call, Int64GetDatum((int64) id));
	SRF_RETURN_DONE(call);
}

/* Tell the planner how many rows members(constant) gives */
PG_FUNCTION_INFO_V1(cd_customer_set_members_support);
Datum
cd_customer_set_members_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestRows))
	{
		SupportRequestRows *rows = (SupportRequestRows *) request;

		if (rows->node != NULL && IsA(rows->node, FuncExpr))
		{
			Node	   *argument = linitial(((FuncExpr *) rows->node)->args);

			if (IsA(argument, Const))
			{
				Const	   *value = (Const *) argument;

				rows->rows = value->constisnull ? 0 : (double) cd_set_cardinality(DatumGetCdSet(value->constvalue));
				PG_RETURN_POINTER(rows);
			}
		}
	}
	PG_RETURN_POINTER(NULL);
}

/* chunks(set): its ids split by their high 16 bits */
PG_FUNCTION_INFO_V1(cd_customer_set_chunks);
Datum
cd_customer_set_chunks(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CdSet	   *set = PG_GETARG_CDSET(0);
	CdSetView	view;
	uint32		i;

	InitMaterializedSRF(fcinfo, 0);
	cd_set_view(set, &view);
	for (i = 0; i < view.count; i++)
	{
		CdSet	   *part = cd_set_of_container(&view, i);
		Datum		values[2];
		bool		nulls[2] = {false, false};

		CHECK_FOR_INTERRUPTS();
		values[0] = Int32GetDatum((int32) container_key(&view, i));
		values[1] = PointerGetDatum(part);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		pfree(part);
	}
	return (Datum) 0;
}
