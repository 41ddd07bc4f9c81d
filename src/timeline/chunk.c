/*
 * chunk.c
 *		Stored histories: cutting them into chunks, taking events back, and the
 *		timeline of one customer put together from the chunks of its records.
 */
#include "postgres.h"

#include "customer_data.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "timeline/chunk.h"
#include "timeline/timeline_rows.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Rows of events to be taken back, findable by their bytes. */
typedef struct RowSet
{
	const CdPool *pool;
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

/* Index the rows of a builder by a hash of their bytes. */
static void
index_rows(RowSet *set, const CdBuilder *builder)
{
	Size		at = 0;
	uint32		size = 16;
	int			i;

	while (size < (uint32) builder->nevents * 2)
		size *= 2;
	set->pool = builder->pool;
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
		uint32		len = cd_row_length(builder->pool, builder->rows + at);
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

		if (!set->used[i] && cd_row_length(set->pool, other) == len && memcmp(other, row, len) == 0)
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
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("timeline_parts must return a row")));
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

/* timeline_chunk_agg transition: keep the chunk, detoasted when it is needed. */
PG_FUNCTION_INFO_V1(cd_timeline_chunk_trans);
Datum
cd_timeline_chunk_trans(PG_FUNCTION_ARGS)
{
	MemoryContext context,
				old;
	CdChunkList *list;

	context = cd_aggregate_context(fcinfo);
	old = MemoryContextSwitchTo(context);
	list = PG_ARGISNULL(0) ? palloc0(sizeof(CdChunkList)) : (CdChunkList *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		cd_chunk_list_add(list, PG_GETARG_INT64(2), 0, (struct varlena *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(1)));
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(list);
}

/* timeline_chunk_agg's result: NULL without chunks. */
PG_FUNCTION_INFO_V1(cd_timeline_chunk_final);
Datum
cd_timeline_chunk_final(PG_FUNCTION_ARGS)
{
	CdChunkList *list = PG_ARGISNULL(0) ? NULL : (CdChunkList *) PG_GETARG_POINTER(0);
	CdChunkList copy;

	if (list == NULL || list->n == 0)
		PG_RETURN_NULL();
	/* The state may be finished more than once, so it stays as it is. */
	copy = *list;
	copy.chunk = palloc(list->n * sizeof(CdChunk));
	memcpy(copy.chunk, list->chunk, list->n * sizeof(CdChunk));
	PG_RETURN_POINTER(cd_chunk_list_join(&copy));
}

/*
 * customer_events(customer_id): the customer's events of all its records up to
 * as_of(), noting when the next one comes in.  Reads the two indexes directly:
 * it is asked once per customer, and a plan made while the tables were empty
 * would scan them each time.
 */
PG_FUNCTION_INFO_V1(cd_customer_events);
Datum
cd_customer_events(PG_FUNCTION_ARGS)
{
	TimestampTz as_of = cd_as_of();
	Relation	records = cd_open_for_reader("source_record");
	Relation	chunks = cd_open_for_reader("timeline_chunk");
	CdChunkList list = {0};
	int			i;

	cd_validity_note(cd_chunk_list_read(&list, records, chunks, PG_GETARG_INT64(0), DT_NOBEGIN,
										as_of == DT_NOEND ? DT_NOEND : as_of + 1));
	table_close(chunks, AccessShareLock);
	table_close(records, AccessShareLock);
	if (list.n == 0)
		PG_RETURN_POINTER(cd_timeline_empty());
	for (i = 0; i < list.n; i++)
		if (list.chunk[i].last > as_of)
			list.chunk[i].events = cd_timeline_cut(list.chunk[i].events, as_of);
	PG_RETURN_POINTER(cd_chunk_list_join(&list));
}
