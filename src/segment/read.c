/*
 * read.c
 *		Read customers in batches, ascending: the columns of profile that
 *		conditions use, their timelines, and who is in the segments asked for.
 */
#include "postgres.h"

#include "segment/engine.h"
#include "timeline/chunk.h"
#include "timeline/timeline.h"
#include "worker/progress.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Are so few customers due that looking them up one by one is the way, whatever statistics say? */
static bool
is_sparse(const CdRun *run)
{
	uint32		least,
				greatest;

	return !run->everyone && cd_set_bounds(run->due, &least, &greatest) &&
		cd_set_cardinality(run->due) < ((uint64) greatest - least) / 16;
}

/* Find what conditions use, and prepare the queries that bring it. */
void
cd_prepare_reading(CdRun *run)
{
	TupleDesc	desc = RelationGetDescr(run->profile);
	StringInfoData query;
	Oid			due_types[] = {INT8ARRAYOID};
	Oid			member_types[] = {INT4OID, INT4OID, INT4OID};
	int			options = run->generic || is_sparse(run) ? CURSOR_OPT_GENERIC_PLAN : 0;
	int			attno = -1;
	int			i;

	for (i = 0; i < run->nasked; i++)
		if (!run->asked[i].failed && !run->asked[i].condition->by_sql)
			run->columns = bms_add_members(run->columns, run->asked[i].condition->columns);
	run->fetched = palloc(sizeof(AttrNumber) * (desc->natts + 1));
	run->values = palloc(sizeof(Datum *) * (desc->natts + 1));
	run->nulls = palloc(sizeof(bool *) * (desc->natts + 1));
	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT p.customer_id");
	while ((attno = bms_next_member(run->columns, attno)) >= 0)
	{
		const char *name = NameStr(TupleDescAttr(desc, attno - 1)->attname);

		if (strcmp(name, "events") == 0)
		{
			run->events = attno;
			run->events_place = run->nfetched;
			appendStringInfoString(&query, ", NULL::boolean");
		}
		else
			appendStringInfo(&query, ", p.%s", quote_identifier(name));
		run->values[run->nfetched] = palloc(sizeof(Datum) * CD_BATCH);
		run->nulls[run->nfetched] = palloc(sizeof(bool) * CD_BATCH);
		run->fetched[run->nfetched++] = attno;
	}
	if (run->everyone)
	{
		appendStringInfoString(&query, " FROM customer_data.profile p");
		if (run->ranged)
			appendStringInfo(&query, " WHERE p.customer_id BETWEEN %u AND %u", run->least, run->greatest);
		appendStringInfoString(&query, " ORDER BY p.customer_id");
		run->read_profile = cd_spi_prepare(query.data, 0, NULL, 0);
	}
	else if (run->generic || (run->direct = cd_direct_begin(run)) == NULL)
	{
		appendStringInfoString(&query, " FROM customer_data.profile p WHERE p.customer_id = ANY ($1) ORDER BY p.customer_id");
		run->read_profile = cd_spi_prepare(query.data, 1, due_types, options);
	}
	run->read_members = cd_spi_prepare("SELECT members FROM customer_data.member_chunk "
									"WHERE condition_id = $1 AND chunk BETWEEN $2 AND $3",
									3, member_types, 0);
}

/*
 * Read the stored members of the segments that conditions ask for, around the
 * batch; not of those that everybody is being asked about in this run.
 */
void
cd_take_members(CdRun *run)
{
	int32		first = run->ids[0] >> 16;
	int32		last = run->ids[run->count - 1] >> 16;
	ListCell   *cell;

	foreach(cell, run->segments)
	{
		CdNeed    *segment = lfirst(cell);
		Datum		args[3];
		CdSetBuilder *builder;
		MemoryContext old;
		uint64		k;

		if ((segment->first_chunk <= first && segment->last_chunk >= last) ||
			(segment->asked != NULL && segment->asked->due == NULL && !segment->asked->failed))
			continue;
		args[0] = Int32GetDatum(segment->condition_id);
		args[1] = Int32GetDatum(first);
		args[2] = Int32GetDatum(last);
		if (cd_spi_execute(run->read_members, args) != SPI_OK_SELECT)
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read the members of segment \"%s\"", segment->name)));
		builder = cd_set_builder();
		for (k = 0; k < SPI_processed; k++)
		{
			bool		isnull;

			cd_set_builder_or(builder, DatumGetCdSet(SPI_getbinval(SPI_tuptable->vals[k], SPI_tuptable->tupdesc, 1, &isnull)));
		}
		SPI_freetuptable(SPI_tuptable);
		if (segment->members)
			pfree(segment->members);
		old = MemoryContextSwitchTo(run->context);
		segment->members = cd_set_builder_value(builder);
		MemoryContextSwitchTo(old);
		cd_set_builder_free(builder);
		segment->first_chunk = first;
		segment->last_chunk = last;
	}
}

/* Takes the rows of read_profile as they are found, without making tuples of them. */
typedef struct RowReceiver
{
	DestReceiver pub;			/* must be first */
	CdRun	   *run;
} RowReceiver;

Datum
cd_keep_value(Datum value, int16 len)
{
	if (len == -1 && VARATT_IS_EXTENDED(DatumGetPointer(value)) && !VARATT_IS_SHORT(DatumGetPointer(value)))
		return PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	return datumCopy(value, false, len);
}

/* Take in one customer's columns. */
static bool
take_row(TupleTableSlot *slot, DestReceiver *self)
{
	CdRun	   *run = ((RowReceiver *) self)->run;
	MemoryContext old = MemoryContextSwitchTo(run->batch);
	int			row = run->count;
	int			i;

	if (row >= CD_BATCH)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("profile has several rows of a customer")));
	slot_getallattrs(slot);
	run->ids[row] = cd_set_id(DatumGetInt64(slot->tts_values[0]));
	run->future[row] = DT_NOEND;
	for (i = 0; i < run->nfetched; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(slot->tts_tupleDescriptor, i + 1);
		Datum		value = slot->tts_values[i + 1];
		bool		isnull = slot->tts_isnull[i + 1];

		run->nulls[i][row] = isnull;
		run->values[i][row] = isnull || attribute->attbyval ? value : cd_keep_value(value, attribute->attlen);
	}
	run->count++;
	MemoryContextSwitchTo(old);
	return true;
}

static void
start_rows(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
end_rows(DestReceiver *self)
{
}

/* A place for the rows of the next batch. */
static DestReceiver *
begin_batch(CdRun *run)
{
	RowReceiver *receiver = palloc0(sizeof(RowReceiver));

	receiver->pub.receiveSlot = take_row;
	receiver->pub.rStartup = start_rows;
	receiver->pub.rShutdown = end_rows;
	receiver->pub.rDestroy = end_rows;
	receiver->pub.mydest = DestNone;
	receiver->run = run;
	run->count = 0;
	return &receiver->pub;
}

/* Read the customers of a list. */
static void
read_list(CdRun *run, const int64 *list, int nids)
{
	MemoryContext context = CurrentMemoryContext;
	SPIExecuteOptions options = {0};
	ParamListInfo params;
	Datum	   *ids;
	int			i;

	if (run->direct != NULL)
	{
		cd_direct_read(run->direct, list, nids);
		return;
	}
	ids = palloc(nids * sizeof(Datum));
	for (i = 0; i < nids; i++)
		ids[i] = Int64GetDatum(list[i]);
	params = makeParamList(1);
	params->params[0].value = PointerGetDatum(construct_array(ids, nids, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	params->params[0].isnull = false;
	params->params[0].pflags = PARAM_FLAG_CONST;
	params->params[0].ptype = INT8ARRAYOID;
	options.params = params;
	options.read_only = true;
	options.dest = begin_batch(run);
	if (SPI_execute_plan_extended(run->read_profile, &options) < 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read profile")));
	MemoryContextSwitchTo(context);
}

/* Give a customer a timeline, as it is known at as_of(). */
static void
keep_events(CdRun *run, int row, struct varlena *events, TimestampTz last)
{
	CdTimeline	reader;

	if (!run->whole_events && last > run->now)
	{
		cd_timeline_open(&reader, events);
		run->future[row] = cd_timeline_next_after(&reader, run->now);
		if (run->future[row] != DT_NOEND)
			events = cd_timeline_cut(events, run->now);
	}
	run->values[run->events_place][row] = PointerGetDatum(events);
}

/* Read the timelines of the batch's customers. */
static void
take_events(CdRun *run)
{
	Datum		empty = PointerGetDatum(cd_timeline_empty());
	struct varlena **events = palloc(run->count * sizeof(struct varlena *));
	TimestampTz *last = palloc(run->count * sizeof(TimestampTz));
	int			row;

	cd_chunk_batch_read(run->histories, run->ids, run->count, events, last);
	for (row = 0; row < run->count; row++)
	{
		run->nulls[run->events_place][row] = false;
		if (events[row] == NULL)
			run->values[run->events_place][row] = empty;
		else
			keep_events(run, row, events[row], last[row]);
	}
}

/* Of the batch, hand over the customers it has now. */
static void
hand_over_part(CdRun *run)
{
	if (run->events)
		take_events(run);
	cd_take_members(run);
	run->take_batch(run);
}

/* Forget the first customers of the batch. */
static void
drop_first(CdRun *run, int n)
{
	int			left = run->count - n;
	int			i;

	memmove(run->ids, run->ids + n, left * sizeof(uint32));
	memmove(run->future, run->future + n, left * sizeof(TimestampTz));
	for (i = 0; i < run->nfetched; i++)
	{
		memmove(run->values[i], run->values[i] + n, left * sizeof(Datum));
		memmove(run->nulls[i], run->nulls[i] + n, left * sizeof(bool));
	}
	run->count = left;
}

/*
 * Hand over the batch whose columns have been read; where chunks matter, those
 * of one after those of the other.  *chunk is the one not ended yet, -1: none.
 */
static void
hand_over(CdRun *run, int64 *chunk)
{
	while (run->count > 0)
	{
		int			all = run->count;
		int			n = all;
		int64		first = run->ids[0] >> 16;

		if (run->end_chunk != NULL)
		{
			if (*chunk >= 0 && *chunk != first)
				run->end_chunk(run, (uint32) *chunk);
			*chunk = first;
			while (run->ids[n - 1] >> 16 != first)
				n--;
			run->count = n;
		}
		hand_over_part(run);
		run->count = all;
		drop_first(run, n);
	}
}

/* Walk over everyone, by ascending id. */
static void
ask_everyone(CdRun *run)
{
	Portal		portal = SPI_cursor_open(NULL, run->read_profile, NULL, NULL, true);
	int64		chunk = -1;
	uint64		found;
	uint64		done = 0;

	if (!run->ranged)
		cd_progress_begin("customers", 0);
	do
	{
		MemoryContext old = MemoryContextSwitchTo(run->batch);

		CHECK_FOR_INTERRUPTS();
		found = PortalRunFetch(portal, FETCH_FORWARD, CD_BATCH, begin_batch(run));
		hand_over(run, &chunk);
		MemoryContextSwitchTo(old);
		MemoryContextReset(run->batch);
		done += found;
		if (!run->ranged)
			cd_progress_set(done);
	} while (found > 0);
	if (chunk >= 0)
		run->end_chunk(run, (uint32) chunk);
	SPI_cursor_close(portal);
	if (!run->ranged)
		cd_progress_end();
}

/* Walk over the customers that some condition is due for. */
static void
ask_due(CdRun *run)
{
	CdSetIterator walk;
	bool		more;
	uint32		id;
	uint64		done = 0;

	if (!run->ranged)
		cd_progress_begin("customers", (uint64) cd_set_cardinality(run->due));
	cd_set_begin(&walk, run->due);
	more = cd_set_next(&walk, &id);
	while (more)
	{
		MemoryContext old = MemoryContextSwitchTo(run->batch);
		int64	   *ids = palloc(CD_BATCH * sizeof(int64));
		uint32		chunk = id >> 16;
		int64		open = -1;
		int			nids = 0;

		CHECK_FOR_INTERRUPTS();
		for (; more && nids < CD_BATCH && (run->end_chunk == NULL || id >> 16 == chunk); more = cd_set_next(&walk, &id))
			ids[nids++] = id;
		read_list(run, ids, nids);
		hand_over(run, &open);
		/* Also where none of those due is a customer any more. */
		if (run->end_chunk != NULL && (!more || id >> 16 != chunk))
			run->end_chunk(run, chunk);
		MemoryContextSwitchTo(old);
		MemoryContextReset(run->batch);
		done += nids;
		if (!run->ranged)
			cd_progress_set(done);
	}
	if (!run->ranged)
		cd_progress_end();
}

void
cd_run_over_customers(CdRun *run)
{
	if (run->events)
	{
		MemoryContext old = MemoryContextSwitchTo(run->context);

		run->histories = cd_chunk_batch_begin(!run->by_program);
		MemoryContextSwitchTo(old);
	}
	if (run->everyone)
		ask_everyone(run);
	else
		ask_due(run);
	if (run->events)
		cd_chunk_batch_end(run->histories);
}
