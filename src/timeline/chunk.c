/*
 * chunk.c
 *		Stored histories: cutting them into chunks, taking events back, and the
 *		timeline of one customer put together from the chunks of its records.
 */
#include "postgres.h"

#include "customer_data.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_index.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "timeline/timeline.h"
#include "timeline/timeline_rows.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* Columns of timeline_chunk, as 41_chunk.sql declares them. */
#define Anum_chunk_record_id	1
#define Anum_chunk_chunk_no		2
#define Anum_chunk_first_at		3
#define Anum_chunk_last_at		4
#define Anum_chunk_events		7

/* Columns of source_record, as the identity room declares them. */
#define Anum_record_record_id	1
#define Anum_record_customer_id	4

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

/* Chunks of one group on their way to become a timeline. */
typedef struct ChunkState
{
	int			n;
	int			size;
	int64	   *chunk_no;
	struct varlena **events;
} ChunkState;

/* timeline_chunk_agg transition: keep the chunk, detoasted when it is needed. */
PG_FUNCTION_INFO_V1(cd_timeline_chunk_trans);
Datum
cd_timeline_chunk_trans(PG_FUNCTION_ARGS)
{
	MemoryContext context,
				old;
	ChunkState *state;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("timeline_chunk_agg is called outside an aggregate")));
	old = MemoryContextSwitchTo(context);
	state = PG_ARGISNULL(0) ? palloc0(sizeof(ChunkState)) : (ChunkState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
	{
		if (state->n == state->size)
		{
			state->size = state->size == 0 ? 1 : state->size * 4;
			state->chunk_no = state->n == 0 ? palloc(sizeof(int64)) :
				repalloc(state->chunk_no, state->size * sizeof(int64));
			state->events = state->n == 0 ? palloc(sizeof(struct varlena *)) :
				repalloc(state->events, state->size * sizeof(struct varlena *));
		}
		state->events[state->n] = PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(1));
		state->chunk_no[state->n] = PG_GETARG_INT64(2);
		state->n++;
	}
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

/* Put the chunks into the order in which they were written; there are few. */
static void
sort_chunks(ChunkState *state)
{
	int			i,
				j;

	for (i = 1; i < state->n; i++)
	{
		int64		number = state->chunk_no[i];
		struct varlena *events = state->events[i];

		for (j = i; j > 0 && state->chunk_no[j - 1] > number; j--)
		{
			state->chunk_no[j] = state->chunk_no[j - 1];
			state->events[j] = state->events[j - 1];
		}
		state->chunk_no[j] = number;
		state->events[j] = events;
	}
}

/* Join neighbours pairwise, so that a long history is copied log n times. */
PG_FUNCTION_INFO_V1(cd_timeline_chunk_final);
Datum
cd_timeline_chunk_final(PG_FUNCTION_ARGS)
{
	ChunkState *state = PG_ARGISNULL(0) ? NULL : (ChunkState *) PG_GETARG_POINTER(0);
	struct varlena **events;
	int			n,
				step,
				i;

	if (state == NULL || state->n == 0)
		PG_RETURN_NULL();
	if (state->n == 1)
		PG_RETURN_POINTER(state->events[0]);
	sort_chunks(state);
	n = state->n;
	events = palloc(n * sizeof(struct varlena *));
	for (i = 0; i < n; i++)
		events[i] = state->events[i];
	for (step = 1; step < n; step *= 2)
		for (i = 0; i + step < n; i += 2 * step)
		{
			CHECK_FOR_INTERRUPTS();
			events[i] = cd_timeline_merge(events[i], events[i + step]);
		}
	PG_RETURN_POINTER(events[0]);
}

/* One chunk of a customer, in the order in which chunks were written. */
typedef struct Chunk
{
	int64		chunk_no;
	TimestampTz last;
	struct varlena *events;
} Chunk;

static int
compare_chunks(const void *a, const void *b)
{
	int64		x = ((const Chunk *) a)->chunk_no;
	int64		y = ((const Chunk *) b)->chunk_no;

	return x < y ? -1 : x > y;
}

/* Open one of our tables for a reader who may see all its rows. */
static Relation
open_for_reader(const char *name)
{
	Oid			schema = get_namespace_oid("customer_data", false);
	Oid			relid = get_relname_relid(name, schema);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table customer_data.%s does not exist", name)));
	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", name),
				 errhint("GRANT SELECT ON customer_data.source_record, customer_data.timeline_chunk TO %s;",
						 quote_identifier(GetUserNameFromId(GetUserId(), false)))));
	if (check_enable_rls(relid, InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("events cannot be read under row-level security of table customer_data.%s", name),
				 errhint("Restrict the rows of the view profile instead.")));
	return table_open(relid, AccessShareLock);
}

/* The index of a table that starts with a column. */
static Oid
index_on(Relation relation, AttrNumber column)
{
	List	   *indexes = RelationGetIndexList(relation);
	Oid			found = InvalidOid;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		Form_pg_index index;

		if (!HeapTupleIsValid(tuple))
			continue;
		index = (Form_pg_index) GETSTRUCT(tuple);
		if (index->indkey.values[0] == column && index->indisvalid)
			found = lfirst_oid(cell);
		ReleaseSysCache(tuple);
		if (OidIsValid(found))
			break;
	}
	list_free(indexes);
	return found;
}

/* Start to read the rows whose bigint column has a value. */
static SysScanDesc
begin_lookup(Relation relation, AttrNumber number, int64 value)
{
	Oid			index = index_on(relation, number);
	ScanKeyData key;

	ScanKeyInit(&key, number, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(value));
	return systable_beginscan(relation, index, OidIsValid(index), GetActiveSnapshot(), 1, &key);
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
	Relation	records = open_for_reader("source_record");
	Relation	chunks = open_for_reader("timeline_chunk");
	SysScanDesc record_scan = begin_lookup(records, Anum_record_customer_id, PG_GETARG_INT64(0));
	struct varlena *result = NULL;
	Chunk	   *found = NULL;
	int			n = 0,
				size = 0,
				i;
	HeapTuple	tuple;
	bool		isnull;

	while (HeapTupleIsValid(tuple = systable_getnext(record_scan)))
	{
		int64		record = DatumGetInt64(heap_getattr(tuple, Anum_record_record_id, RelationGetDescr(records), &isnull));
		SysScanDesc chunk_scan = begin_lookup(chunks, Anum_chunk_record_id, record);
		HeapTuple	row;

		while (HeapTupleIsValid(row = systable_getnext(chunk_scan)))
		{
			TupleDesc	desc = RelationGetDescr(chunks);
			TimestampTz first = DatumGetTimestampTz(heap_getattr(row, Anum_chunk_first_at, desc, &isnull));

			CHECK_FOR_INTERRUPTS();
			if (first > as_of)
			{
				cd_validity_note(first);
				continue;
			}
			if (n == size)
			{
				size = Max(4, size * 2);
				found = found == NULL ? palloc(size * sizeof(Chunk)) : repalloc(found, size * sizeof(Chunk));
			}
			found[n].chunk_no = DatumGetInt64(heap_getattr(row, Anum_chunk_chunk_no, desc, &isnull));
			found[n].last = DatumGetTimestampTz(heap_getattr(row, Anum_chunk_last_at, desc, &isnull));
			found[n].events = (struct varlena *)
				PG_DETOAST_DATUM_COPY(heap_getattr(row, Anum_chunk_events, desc, &isnull));
			n++;
		}
		systable_endscan(chunk_scan);
	}
	systable_endscan(record_scan);
	table_close(chunks, AccessShareLock);
	table_close(records, AccessShareLock);
	if (n > 1)
		qsort(found, n, sizeof(Chunk), compare_chunks);
	for (i = 0; i < n; i++)
	{
		struct varlena *part = found[i].last > as_of ? cd_timeline_cut(found[i].events, as_of) : found[i].events;

		result = result == NULL ? part : cd_timeline_merge(result, part);
	}
	PG_RETURN_POINTER(result != NULL ? result : cd_timeline_empty());
}
