/*
 * chunk.c
 *		Stored histories: cutting them into chunks, taking events back, and the
 *		timeline of one customer put together from the chunks of its records.
 */
#include "postgres.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "timeline/timeline.h"
#include "timeline/timeline_rows.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Rows of events to be taken back, findable by their bytes. */
typedef struct RowSet
{
	const char *rows;
	Size	   *offset;
	bool	   *used;
	int		   *next;			/* chain of rows with the same hash slot */
	int		   *slot;
	uint32		mask;
	int			n;
} RowSet;

/* What timeline_parts keeps between calls. */
typedef struct PartsState
{
	CdPool	   *pool;
	CdCopy		copy;
	CdBuilder	builder;
	struct varlena *whole;		/* small enough to need no cutting */
	int			max_events;
	bool		done;
} PartsState;

static inline uint32
row_length(const char *row)
{
	uint32		len;

	memcpy(&len, row + offsetof(CdRow, len), sizeof(len));
	return len;
}

/* Index the rows of a builder by a hash of their bytes. */
static void
index_rows(RowSet *set, const CdBuilder *builder)
{
	Size		at = 0;
	uint32		size = 16;
	int			i;

	while (size < (uint32) builder->nevents * 2)
		size *= 2;
	set->rows = builder->rows;
	set->n = builder->nevents;
	set->mask = size - 1;
	set->offset = palloc_extended(Max(set->n, 1) * sizeof(Size), MCXT_ALLOC_HUGE);
	set->used = palloc0(Max(set->n, 1) * sizeof(bool));
	set->next = palloc(Max(set->n, 1) * sizeof(int));
	set->slot = palloc_extended(size * sizeof(int), MCXT_ALLOC_HUGE);
	memset(set->slot, -1, size * sizeof(int));
	for (i = 0; i < set->n; i++)
	{
		uint32		len = row_length(builder->rows + at);
		uint32		s = hash_bytes((const unsigned char *) builder->rows + at, len) & set->mask;

		set->offset[i] = at;
		set->next[i] = set->slot[s];
		set->slot[s] = i;
		at += len;
	}
}

/* Find a row that is not used up yet, and use it up. */
static bool
take_row(RowSet *set, const char *row, uint32 len)
{
	int			i;

	for (i = set->slot[hash_bytes((const unsigned char *) row, len) & set->mask]; i >= 0; i = set->next[i])
	{
		const char *other = set->rows + set->offset[i];

		if (!set->used[i] && row_length(other) == len && memcmp(other, row, len) == 0)
		{
			set->used[i] = true;
			return true;
		}
	}
	return false;
}

/*
 * timeline_subtract(timeline, timeline): the events of the first without
 * those of the second, each of which takes away one equal event.
 */
PG_FUNCTION_INFO_V1(cd_timeline_subtract);
Datum
cd_timeline_subtract(PG_FUNCTION_ARGS)
{
	struct varlena *stored = PG_GETARG_TIMELINE(0);
	struct varlena *gone = PG_GETARG_TIMELINE(1);
	CdPool	   *pool = cd_pool_create(CurrentMemoryContext);
	CdBuilder	minus,
				rest;
	CdCopy		copy;
	RowSet		set;
	int			taken = 0;

	cd_builder_init(&minus, pool, CurrentMemoryContext);
	cd_builder_timeline(&minus, gone, DT_NOBEGIN, DT_NOEND);
	index_rows(&set, &minus);
	cd_builder_init(&rest, pool, CurrentMemoryContext);
	cd_copy_begin(&copy, &rest, stored, DT_NOBEGIN);
	while (copy.more)
	{
		CHECK_FOR_INTERRUPTS();
		cd_copy_event(&copy);
		if (taken < set.n && take_row(&set, rest.rows + rest.row, rest.len - rest.row))
		{
			rest.len = rest.row;
			rest.nevents--;
			taken++;
		}
	}
	if (taken == 0)
		PG_RETURN_POINTER(stored);
	PG_RETURN_POINTER(cd_builder_finish(&rest));
}

/* One row of timeline_parts. */
static Datum
part_row(FuncCallContext *context, struct varlena *part)
{
	CdTimeline	tl;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	cd_timeline_open(&tl, part);
	values[0] = PointerGetDatum(part);
	values[1] = Int32GetDatum(tl.nevents);
	values[2] = TimestampTzGetDatum(cd_timeline_first_at(&tl));
	values[3] = TimestampTzGetDatum(cd_timeline_last_at(&tl));
	return HeapTupleGetDatum(heap_form_tuple(context->tuple_desc, values, nulls));
}

/*
 * timeline_parts(timeline, max_events): the timeline cut into parts of at most
 * so many events (more only where events share an instant), with what a row of
 * timeline_chunk says of each.  An empty timeline has no parts.
 */
PG_FUNCTION_INFO_V1(cd_timeline_parts);
Datum
cd_timeline_parts(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	PartsState *state;
	MemoryContext old;

	if (SRF_IS_FIRSTCALL())
	{
		TupleDesc	desc;
		CdTimeline	tl;

		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "timeline_parts must return a row");
		context->tuple_desc = BlessTupleDesc(desc);
		state = palloc0(sizeof(PartsState));
		state->whole = PG_GETARG_TIMELINE(0);
		state->max_events = PG_GETARG_INT32(1);
		if (state->max_events < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a part must hold at least one event")));
		cd_timeline_open(&tl, state->whole);
		if (tl.nevents == 0)
			state->done = true;
		else if (tl.nevents > state->max_events)
		{
			state->whole = NULL;
			state->pool = cd_pool_create(CurrentMemoryContext);
			cd_builder_init(&state->builder, state->pool, CurrentMemoryContext);
			cd_copy_begin(&state->copy, &state->builder, PG_GETARG_TIMELINE(0), DT_NOBEGIN);
		}
		context->user_fctx = state;
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	state = context->user_fctx;
	if (state->done || (state->whole == NULL && !state->copy.more))
		SRF_RETURN_DONE(context);
	if (state->whole != NULL)
	{
		state->done = true;
		SRF_RETURN_NEXT(context, part_row(context, state->whole));
	}
	/* The copy keeps what it looked up, so it works in the context it began in. */
	old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
	if (state->builder.rows != NULL)
		pfree(state->builder.rows);
	cd_builder_init(&state->builder, state->pool, CurrentMemoryContext);
	while (state->copy.more &&
		   (state->builder.nevents < state->max_events || state->copy.event.at == state->builder.last))
	{
		CHECK_FOR_INTERRUPTS();
		cd_copy_event(&state->copy);
	}
	MemoryContextSwitchTo(old);
	SRF_RETURN_NEXT(context, part_row(context, cd_builder_finish(&state->builder)));
}

/*
 * customer_events(customer_id): the customer's events of all its records up to
 * as_of(), noting when the next one comes in.
 */
PG_FUNCTION_INFO_V1(cd_customer_events);
Datum
cd_customer_events(PG_FUNCTION_ARGS)
{
	static SPIPlanPtr plan = NULL;
	TimestampTz as_of = cd_as_of();
	MemoryContext caller = CurrentMemoryContext;
	struct varlena *result = NULL;
	Datum		args[1];
	uint64		i;

	SPI_connect();
	if (plan == NULL)
	{
		Oid			types[1] = {INT8OID};
		SPIPlanPtr	made;

		made = SPI_prepare("SELECT c.events, c.first_at, c.last_at"
						   " FROM customer_data.source_record r"
						   " JOIN customer_data.timeline_chunk c ON c.record_id OPERATOR(pg_catalog.=) r.record_id"
						   " WHERE r.customer_id OPERATOR(pg_catalog.=) $1"
						   " ORDER BY c.chunk_no", 1, types);
		if (made == NULL || SPI_keepplan(made) != 0)
			elog(ERROR, "could not prepare the query for a customer's events");
		plan = made;
	}
	args[0] = PG_GETARG_DATUM(0);
	SPI_execute_plan(plan, args, NULL, true, 0);
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		Datum		events = SPI_getbinval(row, desc, 1, &isnull);
		TimestampTz first = DatumGetTimestampTz(SPI_getbinval(row, desc, 2, &isnull));
		TimestampTz last = DatumGetTimestampTz(SPI_getbinval(row, desc, 3, &isnull));
		struct varlena *part;
		MemoryContext old;

		if (first > as_of)
		{
			cd_validity_note(first);
			continue;
		}
		old = MemoryContextSwitchTo(caller);
		part = (struct varlena *) PG_DETOAST_DATUM_COPY(events);
		if (last > as_of)
			part = cd_timeline_cut(part, as_of);
		result = result == NULL ? part : cd_timeline_merge(result, part);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	PG_RETURN_POINTER(result != NULL ? result : cd_timeline_empty());
}
