/*
 * timeline_agg.c
 *		Aggregates: events into a timeline, timelines into one.
 *
 * A group's state is a chain of blocks of rows; the strings of all groups are
 * kept once, for as long as the query runs.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
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

/* A column that is given as a property. */
typedef struct PropertyArg
{
	Oid			type;
	int			name;			/* of a property whose name is a constant, else -1 */
	FmgrInfo	out;			/* for types without a form of their own */
} PropertyArg;

/* What a call site keeps: the strings of all its states, and what its columns are. */
typedef struct AggCall
{
	CdPool	   *pool;
	CdBuilder	row;			/* the row being read */
	CdBuilder	group;			/* the group being finished */
	PropertyArg *args;
} AggCall;

/* Rows of one group, one behind the other; a row lies in one block. */
typedef struct RowBlock
{
	struct RowBlock *next;
	uint32		used;
	uint32		size;
	char		data[FLEXIBLE_ARRAY_MEMBER];
} RowBlock;

/* What a group has from other workers, packed, and what it has itself. */
typedef struct AggState
{
	AggCall    *call;			/* whose strings the rows refer to */
	struct varlena **images;
	struct varlena *image;		/* the only one, usually */
	int			nimages;
	int			nevents;		/* in rows */
	bool		sorted;			/* so far */
	TimestampTz last;
	Size		size;			/* of all blocks */
	RowBlock   *tail;
	RowBlock	first;			/* its bytes follow */
} AggState;

/* Room for a state and its first rows; blocks grow as the group does. */
#define STATE_SIZE		256
#define PACKED_SIZE		(offsetof(AggState, first) + offsetof(RowBlock, data))
#define BLOCK_LEAST		256
#define BLOCK_MOST		65536

/* Make the call site's data. */
static AggCall *
make_call(FunctionCallInfo fcinfo)
{
	AggCall    *call = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(AggCall));

	call->pool = cd_pool_create(fcinfo->flinfo->fn_mcxt);
	cd_builder_init(&call->row, call->pool, fcinfo->flinfo->fn_mcxt);
	cd_builder_init(&call->group, call->pool, fcinfo->flinfo->fn_mcxt);
	fcinfo->flinfo->fn_extra = call;
	return call;
}

/* The call site's data. */
static inline AggCall *
agg_call(FunctionCallInfo fcinfo)
{
	AggCall    *call = fcinfo->flinfo->fn_extra;

	return likely(call != NULL) ? call : make_call(fcinfo);
}

/* A new state, of STATE_SIZE or without room for rows of its own; other bytes may lie behind it. */
static AggState *
new_state(AggCall *call, MemoryContext context, Size size, Size behind)
{
	AggState   *state = MemoryContextAlloc(context, size + behind);

	state->call = call;
	state->images = &state->image;
	state->nimages = 0;
	state->nevents = 0;
	state->sorted = true;
	state->last = DT_NOBEGIN;
	state->size = size;
	state->tail = &state->first;
	state->first.next = NULL;
	state->first.used = 0;
	state->first.size = size - offsetof(AggState, first) - offsetof(RowBlock, data);
	return state;
}

/* Begin a row that is read column by column. */
static inline CdBuilder *
begin_row(AggCall *call, TimestampTz at, const text *kind)
{
	CdBuilder  *row = &call->row;

	const char *name = VARDATA_ANY(kind);
	int			len = VARSIZE_ANY_EXHDR(kind);

	row->len = 0;
	row->nevents = 0;
	cd_builder_begin(row, at, len > 0 && len <= 8 ? cd_pool_number(call->pool, name, len) : cd_builder_kind(row, name, len));
	return row;
}

/* A block for a row that did not fit into the last one. */
static RowBlock *
add_block(AggState *state, MemoryContext context, Size len)
{
	/* A quarter of what there is, as powers of two that allocators like. */
	Size		size = BLOCK_LEAST;
	RowBlock   *block;

	while (size < BLOCK_MOST && size < state->size / 4)
		size *= 2;
	size = Max(size, offsetof(RowBlock, data) + len);
	block = MemoryContextAllocHuge(context, size);
	block->next = NULL;
	block->used = 0;
	block->size = size - offsetof(RowBlock, data);
	state->size += size;
	state->tail->next = block;
	state->tail = block;
	return block;
}

/* Add the row that was read to a group. */
static inline void
keep_row(AggState *state, MemoryContext context)
{
	const CdBuilder *row = &state->call->row;
	RowBlock   *block = state->tail;

	if (unlikely(state->nevents >= CD_MAX_EVENTS))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a timeline cannot hold more than %d events", CD_MAX_EVENTS)));
	if (unlikely(block->size - block->used < row->len))
		block = add_block(state, context, row->len);

	/* Most rows are short, and the buffer they are read into is not. */
	if (row->len <= 32 && block->size - block->used >= 32)
		memcpy(block->data + block->used, row->rows, 32);
	else
		memcpy(block->data + block->used, row->rows, row->len);
	block->used += row->len;
	state->nevents++;
	if (row->last < state->last)
		state->sorted = false;
	state->last = row->last;
}

/* A value or quantity: a numeric without the detour of its cast, or float8. */
static inline double
number_argument(FunctionCallInfo fcinfo, int n, bool numeric)
{
	return numeric ? cd_numeric_number(PG_GETARG_DATUM(n)) : PG_GETARG_FLOAT8(n);
}

/* timeline_agg's transition: at, kind [, value [, properties | quantity, event_id, properties]] */
static pg_attribute_always_inline Datum
agg_transition(FunctionCallInfo fcinfo, bool numeric)
{
	MemoryContext context = cd_aggregate_context(fcinfo);
	AggState   *state = PG_ARGISNULL(0) ? NULL : (AggState *) PG_GETARG_POINTER(0);
	AggCall    *call = agg_call(fcinfo);
	int			nargs = PG_NARGS();
	CdBuilder  *builder;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
		state = new_state(call, context, STATE_SIZE, 0);
	builder = begin_row(state->call, PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_TEXT_PP(2));
	if (nargs > 3 && !PG_ARGISNULL(3))
		cd_builder_put_number(builder, CD_COL_VALUE, CD_TYPE_NUMBER, number_argument(fcinfo, 3, numeric), "value");
	if (nargs == 7)
	{
		if (!PG_ARGISNULL(4))
			cd_builder_quantity(builder, number_argument(fcinfo, 4, numeric));
		if (!PG_ARGISNULL(5))
		{
			text	   *id = PG_GETARG_TEXT_PP(5);

			cd_builder_event_id(builder, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
		}
	}
	if (nargs > 4 && !PG_ARGISNULL(nargs - 1))
		cd_builder_jsonb(builder, PG_GETARG_DATUM(nargs - 1));
	keep_row(state, context);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(cd_timeline_agg_trans);
Datum
cd_timeline_agg_trans(PG_FUNCTION_ARGS)
{
	return agg_transition(fcinfo, false);
}

/* The same where value and quantity are numeric */
PG_FUNCTION_INFO_V1(cd_timeline_agg_trans_numeric);
Datum
cd_timeline_agg_trans_numeric(PG_FUNCTION_ARGS)
{
	return agg_transition(fcinfo, true);
}

#define FIRST_PROPERTY	4

/* Number of a property's name that is a constant of the query, else -1. */
static int
constant_name(FunctionCallInfo fcinfo, int i)
{
	const Aggref *aggref = AggGetAggref(fcinfo);
	const Const *value;
	text	   *name;

	/* The state, which is the first argument here, is none of the aggregate's. */
	if (aggref == NULL || list_length(aggref->args) <= FIRST_PROPERTY - 1 + i)
		return -1;
	value = (const Const *) ((TargetEntry *) list_nth(aggref->args, FIRST_PROPERTY - 1 + i))->expr;
	if (!IsA(value, Const) || value->constisnull)
		return -1;
	if (value->consttype == UNKNOWNOID)
		return cd_builder_property(&agg_call(fcinfo)->row, DatumGetCString(value->constvalue), strlen(DatumGetCString(value->constvalue)));
	if (value->consttype != TEXTOID)
		return -1;
	name = DatumGetTextPP(value->constvalue);
	return cd_builder_property(&agg_call(fcinfo)->row, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
}

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
		args[i].name = i % 2 == 0 ? constant_name(fcinfo, i) : -1;
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
			cd_builder_put_text(builder, property, CD_TYPE_TEXT, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
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
				cd_builder_numeric(builder, property, DirectFunctionCall1(int8_numeric, value));
			break;
		case FLOAT8OID:
			cd_builder_number(builder, property, CD_TYPE_NUMBER, DatumGetFloat8(value));
			break;
		case NUMERICOID:
			cd_builder_numeric(builder, property, value);
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
static pg_attribute_always_inline Datum
columns_transition(FunctionCallInfo fcinfo, bool numeric)
{
	MemoryContext context = cd_aggregate_context(fcinfo);
	AggState   *state = PG_ARGISNULL(0) ? NULL : (AggState *) PG_GETARG_POINTER(0);
	AggCall    *call = agg_call(fcinfo);
	int			nargs = PG_NARGS();
	CdBuilder  *builder;
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
		state = new_state(call, context, STATE_SIZE, 0);
	builder = begin_row(state->call, PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_TEXT_PP(2));
	if (!PG_ARGISNULL(3))
		cd_builder_put_number(builder, CD_COL_VALUE, CD_TYPE_NUMBER, number_argument(fcinfo, 3, numeric), "value");
	for (i = FIRST_PROPERTY; i < nargs; i += 2)
	{
		int			property;

		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("the name of a property must not be null")));
		if (PG_ARGISNULL(i + 1))
			continue;
		if (call->args[i - FIRST_PROPERTY].name >= 0)
			property = call->args[i - FIRST_PROPERTY].name;
		else if (call->args[i - FIRST_PROPERTY].type == UNKNOWNOID)
			property = cd_builder_property(builder, PG_GETARG_CSTRING(i), strlen(PG_GETARG_CSTRING(i)));
		else
		{
			text	   *name = PG_GETARG_TEXT_PP(i);

			property = cd_builder_property(builder, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
		}
		add_property(builder, property, &call->args[i + 1 - FIRST_PROPERTY], PG_GETARG_DATUM(i + 1));
	}
	keep_row(state, context);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(cd_timeline_columns_trans);
Datum
cd_timeline_columns_trans(PG_FUNCTION_ARGS)
{
	return columns_transition(fcinfo, false);
}

/* The same where the value is numeric */
PG_FUNCTION_INFO_V1(cd_timeline_columns_trans_numeric);
Datum
cd_timeline_columns_trans_numeric(PG_FUNCTION_ARGS)
{
	return columns_transition(fcinfo, true);
}

/* The timeline of a state. */
static struct varlena *
finish_state(const AggState *state)
{
	CdBuilder  *group = &state->call->group;
	const RowBlock *block;
	struct varlena *image;
	int			i;

	if (state->nimages == 1 && state->nevents == 0)
		return state->images[0];
	cd_builder_reset(group);
	for (i = 0; i < state->nimages; i++)
		cd_builder_timeline(group, state->images[i], DT_NOBEGIN, DT_NOEND);
	for (block = &state->first; block != NULL; block = block->next)
	{
		Size		ahead;

		/* The rows of the next block are fetched while these are copied. */
		for (ahead = 0; block->next != NULL && ahead < block->next->used; ahead += 64)
			__builtin_prefetch((const char *) block->next + ahead);
		cd_builder_rows(group, block->data, block->used);
	}
	if (group->nevents > CD_MAX_EVENTS - state->nevents)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a timeline cannot hold more than %d events", CD_MAX_EVENTS)));
	group->nevents += state->nevents;
	group->sorted = group->sorted && state->nimages == 0 && state->sorted;
	image = cd_builder_finish(group);
	return image;
}

/* timeline_agg's combine function. */
PG_FUNCTION_INFO_V1(cd_timeline_agg_combine);
Datum
cd_timeline_agg_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = cd_aggregate_context(fcinfo);
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
		/* Most groups are one worker's. */
		state = new_state(agg_call(fcinfo), context, PACKED_SIZE, VARSIZE_ANY(image));
		state->image = (struct varlena *) ((char *) state + PACKED_SIZE);
		memcpy(state->image, image, VARSIZE_ANY(image));
		state->nimages = 1;
		PG_RETURN_POINTER(state);
	}
	if (state->nimages == 1)
	{
		state->images = MemoryContextAlloc(context, 4 * sizeof(struct varlena *));
		state->images[0] = state->image;
	}
	else if (state->nimages >= 4 && (state->nimages & (state->nimages - 1)) == 0)
		state->images = repalloc(state->images, 2 * state->nimages * sizeof(struct varlena *));
	state->images[state->nimages] = MemoryContextAlloc(context, VARSIZE_ANY(image));
	memcpy(state->images[state->nimages++], image, VARSIZE_ANY(image));
	PG_RETURN_POINTER(state);
}

/* timeline_agg's serialisation: the timeline so far. */
PG_FUNCTION_INFO_V1(cd_timeline_agg_serialize);
Datum
cd_timeline_agg_serialize(PG_FUNCTION_ARGS)
{
	(void) cd_aggregate_context(fcinfo);
	PG_RETURN_BYTEA_P((bytea *) finish_state((AggState *) PG_GETARG_POINTER(0)));
}

/* timeline_agg's deserialisation: lives as long as the bytes it is given, until combined. */
PG_FUNCTION_INFO_V1(cd_timeline_agg_deserialize);
Datum
cd_timeline_agg_deserialize(PG_FUNCTION_ARGS)
{
	AggState   *state;

	(void) cd_aggregate_context(fcinfo);
	state = new_state(agg_call(fcinfo), CurrentMemoryContext, PACKED_SIZE, 0);
	state->image = (struct varlena *) PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	state->nimages = 1;
	PG_RETURN_POINTER(state);
}

/* timeline_agg's result: never NULL. */
PG_FUNCTION_INFO_V1(cd_timeline_agg_final);
Datum
cd_timeline_agg_final(PG_FUNCTION_ARGS)
{
	(void) cd_aggregate_context(fcinfo);
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
	MemoryContext context = cd_aggregate_context(fcinfo);
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
	MemoryContext context = cd_aggregate_context(fcinfo);
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

	(void) cd_aggregate_context(fcinfo);
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
	(void) cd_aggregate_context(fcinfo);
	PG_RETURN_POINTER(merge_add(NULL, CurrentMemoryContext, PG_GETARG_TIMELINE(0)));
}

/* timeline_merge_agg's result: never NULL. */
PG_FUNCTION_INFO_V1(cd_timeline_merge_final);
Datum
cd_timeline_merge_final(PG_FUNCTION_ARGS)
{
	(void) cd_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(cd_timeline_empty());
	PG_RETURN_POINTER(merge_all((MergeState *) PG_GETARG_POINTER(0)));
}
