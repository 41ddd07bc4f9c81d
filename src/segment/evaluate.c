/*
 * evaluate.c
 *		Ask many conditions of many customers in one pass.
 *
 * Customers are read in batches, ascending: the columns that any condition
 * uses, and the timeline, detoasted once and cut at as_of().  Conditions are
 * ordered so that one comes after those it asks for by in_segment(), and run
 * in groups of one owner, each group of a batch in a subtransaction as that
 * owner.  A condition that raises an error is set aside with its message and
 * the group goes on behind it.
 *
 * What comes out are rows (condition, what, chunk, due, customers, message):
 *	'asked'	customers that were to be asked; no such row where all were
 *	'true'	those of them it holds for
 *	'due'	those whose answer may change at "due" if nothing new arrives
 *	'error'	the message; customers holds the one it happened at
 * Rows leave whenever they would take more memory than work_mem allows.
 */
#include "postgres.h"

#include "run_as.h"
#include "segment/condition.h"
#include "sets/customer_set.h"
#include "timeline/timeline.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#define BATCH_CUSTOMERS		2048
#define ANSWER_NONE			0
#define ANSWER_FALSE		1
#define ANSWER_TRUE			2

/* A growing list of ids. */
typedef struct IdList
{
	uint32	   *ids;
	int			count;
	int			size;
} IdList;

/* The customers whose answer may change at one moment. */
typedef struct DueBucket
{
	TimestampTz due;
	uint32		status;
	IdList		list;
} DueBucket;

#define SH_PREFIX		due
#define SH_ELEMENT_TYPE	DueBucket
#define SH_KEY_TYPE		TimestampTz
#define SH_KEY			due
#define SH_HASH_KEY(tb, key)	((uint32) ((uint64) (key) * UINT64CONST(0x9E3779B97F4A7C15) >> 32))
#define SH_EQUAL(tb, a, b)		((a) == (b))
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* A segment that conditions ask for. */
typedef struct Segment
{
	char	   *name;
	int32		condition_id;
	struct Asked *asked;		/* if it is asked in this run, too */
	int			column;			/* of the slot */
	int32		first_chunk;	/* whose stored members are at hand */
	int32		last_chunk;
	CdSet	   *members;
} Segment;

/* One condition of the run. */
typedef struct Asked
{
	int32		id;
	char	   *text;
	Oid			owner;
	char	   *time_zone;
	CdCondition *condition;
	ExprState  *state;
	bool		uses_events;
	bool		failed;
	int			level;			/* above those it asks for */
	CdSet	   *due;			/* whom to ask; NULL: everyone */
	CdSetIterator walk;
	uint32		next_due;
	bool		more_due;
	Segment   **needs;			/* segments it asks for */
	int			nneeds;
	Segment    *provides;		/* the segment others know it by */
	uint8	   *answers;		/* of the batch */
	IdList		asked;
	IdList		found;
	due_hash   *dues;
} Asked;

/* The whole run. */
typedef struct Run
{
	MemoryContext context;		/* of the run */
	MemoryContext batch;		/* reset after each batch */
	MemoryContext results;		/* lists, reset when rows leave */
	Relation	profile;
	int			natts;
	Asked	   *asked;
	int			nasked;
	List	   *segments;		/* of Segment, in the order of their columns */
	Bitmapset  *columns;		/* of profile that some condition uses */
	int			nfetched;
	AttrNumber *fetched;		/* profile's number of each column fetched */
	AttrNumber	events;			/* profile's number of events, 0 if unused */
	SPIPlanPtr	read_profile;
	SPIPlanPtr	read_events;
	SPIPlanPtr	read_members;
	bool		everyone;
	CdSet	   *due;			/* of all conditions, unless everyone */
	TimestampTz now;
	TupleTableSlot *slot;
	ExprContext *econtext;
	Size		used;			/* bytes in results */
	Tuplestorestate *store;
	TupleDesc	rowtype;
	/* the batch */
	int			count;
	uint32	   *ids;
	Datum	  **values;
	bool	  **nulls;
	TimestampTz *future;		/* each customer's first event after as_of() */
} Run;

/* Append an id. */
static void
add_id(Run *run, IdList *list, uint32 id)
{
	if (list->count == list->size)
	{
		int			size = Max(8, list->size * 2);

		list->ids = list->ids ? repalloc(list->ids, size * sizeof(uint32)) :
			MemoryContextAlloc(run->results, size * sizeof(uint32));
		run->used += (size - list->size) * sizeof(uint32);
		list->size = size;
	}
	list->ids[list->count++] = id;
}

/* Send one row. */
static void
put_row(Run *run, int32 id, const char *what, int64 chunk, TimestampTz due, CdSet *set,
		const char *message)
{
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = Int32GetDatum(id);
	values[1] = CStringGetTextDatum(what);
	values[2] = Int32GetDatum((int32) chunk);
	nulls[2] = chunk < 0;
	values[3] = TimestampTzGetDatum(due);
	nulls[3] = due == DT_NOEND;
	values[4] = PointerGetDatum(set);
	nulls[4] = set == NULL;
	values[5] = message ? CStringGetTextDatum(message) : (Datum) 0;
	nulls[5] = message == NULL;
	tuplestore_putvalues(run->store, run->rowtype, values, nulls);
}

/* Send a list chunk by chunk; lists ascend but for repeats. */
static void
put_list(Run *run, int32 id, const char *what, IdList *list)
{
	int			from = 0;

	while (from < list->count)
	{
		uint32		chunk = list->ids[from] >> 16;
		int			to = from;

		while (to < list->count && list->ids[to] >> 16 == chunk)
			to++;
		put_row(run, id, what, chunk, DT_NOEND, cd_set_from_sorted(list->ids + from, to - from), NULL);
		from = to;
	}
}

/* Send what has been collected and forget it. */
static void
flush_results(Run *run)
{
	MemoryContext old = MemoryContextSwitchTo(run->batch);
	int			i;

	for (i = 0; i < run->nasked; i++)
	{
		Asked	   *asked = &run->asked[i];
		due_iterator it;
		DueBucket  *bucket;

		CHECK_FOR_INTERRUPTS();
		if (!asked->failed)
		{
			put_list(run, asked->id, "asked", &asked->asked);
			put_list(run, asked->id, "true", &asked->found);
			if (asked->dues)
			{
				due_start_iterate(asked->dues, &it);
				while ((bucket = due_iterate(asked->dues, &it)) != NULL)
					put_row(run, asked->id, "due", -1, bucket->due,
							cd_set_from_sorted(bucket->list.ids, bucket->list.count), NULL);
			}
		}
		memset(&asked->asked, 0, sizeof(IdList));
		memset(&asked->found, 0, sizeof(IdList));
		asked->dues = NULL;
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(run->results);
	run->used = 0;
}

/*
 * The moment an answer is looked at again: as it expires, or earlier at a
 * full minute, hour or day, so that many customers share a moment.
 */
static TimestampTz
due_moment(TimestampTz until, TimestampTz now)
{
	int64		left = until - now;
	int64		grain;
	int64		rest;

	if (left > 2 * USECS_PER_DAY)
		grain = USECS_PER_DAY;
	else if (left > 2 * USECS_PER_HOUR)
		grain = USECS_PER_HOUR;
	else if (left > 2 * USECS_PER_MINUTE)
		grain = USECS_PER_MINUTE;
	else
		return until;
	rest = until % grain;
	if (rest < 0)
		rest += grain;
	return until - rest;
}

/* Keep one answer. */
static void
keep_answer(Run *run, Asked *asked, int row, bool answer, TimestampTz until)
{
	uint32		id = run->ids[row];

	asked->answers[row] = answer ? ANSWER_TRUE : ANSWER_FALSE;
	if (answer)
		add_id(run, &asked->found, id);
	if (until != DT_NOEND)
	{
		bool		found;
		DueBucket  *bucket;

		if (asked->dues == NULL)
			asked->dues = due_create(run->results, 16, NULL);
		bucket = due_insert(asked->dues, due_moment(until, run->now), &found);
		if (!found)
		{
			memset(&bucket->list, 0, sizeof(IdList));
			run->used += 2 * sizeof(DueBucket);
		}
		add_id(run, &bucket->list, id);
	}
}

/* Set a condition aside that cannot be evaluated. */
static void
fail(Run *run, Asked *asked, ErrorData *error, int row)
{
	MemoryContext old = MemoryContextSwitchTo(run->batch);
	StringInfoData message;

	asked->failed = true;
	if (asked->answers)
		memset(asked->answers, ANSWER_NONE, BATCH_CUSTOMERS);
	initStringInfo(&message);
	appendStringInfoString(&message, error->message);
	if (error->detail)
		appendStringInfo(&message, " (%s)", error->detail);
	if (error->internalquery && error->internalpos > 0)
		appendStringInfo(&message, ", at character %d", error->internalpos);
	if (error->hint)
		appendStringInfo(&message, ". %s", error->hint);
	put_row(run, asked->id, "error", -1, DT_NOEND,
			row >= 0 ? cd_set_from_sorted(&run->ids[row], 1) : NULL, message.data);
	MemoryContextSwitchTo(old);
}

/* Was a customer in a segment when the run began? */
static bool
stored_member(Segment *segment, uint32 id)
{
	return segment->members != NULL && cd_set_contains(segment->members, id);
}

/* Is a customer in a segment, as far as this run knows? */
static bool
current_member(Run *run, Segment *segment, int row)
{
	if (segment->asked && segment->asked->answers[row] != ANSWER_NONE)
		return segment->asked->answers[row] == ANSWER_TRUE;
	return stored_member(segment, run->ids[row]);
}

/* Must a condition be asked of a customer of the batch? */
static bool
is_due(Run *run, Asked *asked, int row)
{
	uint32		id = run->ids[row];
	int			i;

	if (asked->due == NULL)
		return true;
	while (asked->more_due && asked->next_due < id)
		asked->more_due = cd_set_next(&asked->walk, &asked->next_due);
	if (asked->more_due && asked->next_due == id)
		return true;
	/* Or has a segment it asks for just gained or lost the customer? */
	for (i = 0; i < asked->nneeds; i++)
	{
		Segment    *segment = asked->needs[i];

		if (segment->asked && segment->asked->answers[row] != ANSWER_NONE &&
			(segment->asked->answers[row] == ANSWER_TRUE) != stored_member(segment, id))
		{
			add_id(run, &asked->asked, id);
			return true;
		}
	}
	return false;
}

/* Read the stored members of the segments that conditions ask for, around the batch. */
static void
take_members(Run *run)
{
	int32		first = run->ids[0] >> 16;
	int32		last = run->ids[run->count - 1] >> 16;
	ListCell   *cell;

	foreach(cell, run->segments)
	{
		Segment    *segment = lfirst(cell);
		Datum		args[3];
		CdSetBuilder *builder;
		MemoryContext old;
		uint64		k;

		if (segment->first_chunk <= first && segment->last_chunk >= last)
			continue;
		args[0] = Int32GetDatum(segment->condition_id);
		args[1] = Int32GetDatum(first);
		args[2] = Int32GetDatum(last);
		if (SPI_execute_plan(run->read_members, args, NULL, true, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not read the members of segment \"%s\"", segment->name);
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

/* Ask one condition of one customer, whose columns are in the slot. */
static void
ask(Run *run, Asked *asked, int row)
{
	Datum		value;
	bool		isnull;
	TimestampTz until;
	int			i;

	for (i = 0; i < asked->nneeds; i++)
		run->slot->tts_values[asked->needs[i]->column] =
			BoolGetDatum(current_member(run, asked->needs[i], row));

	cd_validity_reset();
	value = ExecEvalExprSwitchContext(asked->state, run->econtext, &isnull);
	until = cd_validity();
	if (asked->uses_events && run->future[row] < until)
		until = run->future[row];
	ResetExprContext(run->econtext);
	keep_answer(run, asked, row, !isnull && DatumGetBool(value), until);
}

/* Ask a condition with sub-selects of the whole batch, by a query. */
static void
ask_by_sql(Run *run, Asked *asked)
{
	StringInfoData query;
	Datum	   *ids = MemoryContextAlloc(run->batch, run->count * sizeof(Datum));
	bool	   *wanted = MemoryContextAlloc(run->batch, run->count * sizeof(bool));
	int			nids = 0;
	int			row;
	Datum		arg;
	Oid			argtype = INT8ARRAYOID;
	uint64		found;
	uint64		k = 0;

	for (row = 0; row < run->count; row++)
	{
		wanted[row] = is_due(run, asked, row);
		if (wanted[row])
			ids[nids++] = Int64GetDatum((int64) run->ids[row]);
	}
	if (nids == 0)
		return;
	initStringInfo(&query);
	appendStringInfo(&query, "SELECT profile.customer_id FROM customer_data.profile "
					 "WHERE profile.customer_id = ANY ($1) AND (%s\n) ORDER BY 1", asked->text);
	arg = PointerGetDatum(construct_array(ids, nids, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	if (SPI_execute_with_args(query.data, 1, &argtype, &arg, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "condition %d is not a query", asked->id);
	found = SPI_processed;
	for (row = 0; row < run->count; row++)
	{
		bool		isnull;
		bool		answer = false;

		/* Both the batch and the answers ascend. */
		if (!wanted[row])
			continue;
		if (k < found &&
			DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[k], SPI_tuptable->tupdesc, 1, &isnull)) == (int64) run->ids[row])
		{
			answer = true;
			k++;
		}
		keep_answer(run, asked, row, answer, DT_NOEND);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Put a customer's columns into the slot. */
static void
fill_slot(Run *run, int row)
{
	int			i;

	for (i = 0; i < run->nfetched; i++)
	{
		run->slot->tts_values[run->fetched[i] - 1] = run->values[i][row];
		run->slot->tts_isnull[run->fetched[i] - 1] = run->nulls[i][row];
	}
}

/*
 * Ask the conditions from first to last, which share owner and level, of the
 * batch.  After an error the condition is set aside and the loop goes on at
 * the next one of the same customer.
 */
static void
ask_group(Run *run, int first, int last)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile int row = 0;
	volatile int k = first;
	bool		done = false;

	while (!done)
	{
		BeginInternalSubTransaction(NULL);
		MemoryContextSwitchTo(context);
		PG_TRY();
		{
			CdRunAs		save;

			cd_run_as_begin(run->asked[first].owner, run->asked[first].time_zone, &save);
			for (; row < run->count; row++)
			{
				fill_slot(run, row);
				for (; k <= last; k++)
				{
					Asked	   *asked = &run->asked[k];

					if (!asked->failed && asked->state != NULL && is_due(run, asked, row))
						ask(run, asked, row);
				}
				k = first;
				if ((row & 63) == 0)
					CHECK_FOR_INTERRUPTS();
			}
			/* All rows done: what is left are the conditions asked by a query. */
			for (; k <= last; k++)
				if (!run->asked[k].failed && run->asked[k].state == NULL)
					ask_by_sql(run, &run->asked[k]);
			cd_run_as_end(&save);
			ReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(context);
			CurrentResourceOwner = owner;
			done = true;
		}
		PG_CATCH();
		{
			ErrorData  *error;

			MemoryContextSwitchTo(run->batch);
			error = CopyErrorData();
			FlushErrorState();
			RollbackAndReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(context);
			CurrentResourceOwner = owner;
			if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
				error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
				ReThrowError(error);
			fail(run, &run->asked[k], error, row < run->count ? row : -1);
			ResetExprContext(run->econtext);
			k++;
		}
		PG_END_TRY();
	}
}

/* Take over the timeline of a customer as it is known at as_of(). */
static Datum
known_events(Run *run, Datum value, TimestampTz *future)
{
	struct varlena *events = (struct varlena *) PG_DETOAST_DATUM(value);
	CdTimeline	reader;

	cd_timeline_open(&reader, events);
	*future = cd_timeline_next_after(&reader, run->now);
	if (*future != DT_NOEND)
		events = cd_timeline_cut(events, run->now);
	return PointerGetDatum(events);
}

/* Read the columns of a batch of customers from the result of read_profile. */
static void
take_batch(Run *run)
{
	SPITupleTable *rows = SPI_tuptable;
	int			i;
	int			row;

	run->count = (int) SPI_processed;
	for (row = 0; row < run->count; row++)
	{
		HeapTuple	tuple = rows->vals[row];
		bool		isnull;

		run->ids[row] = cd_set_id(DatumGetInt64(SPI_getbinval(tuple, rows->tupdesc, 1, &isnull)));
		run->future[row] = DT_NOEND;
	}
	for (i = 0; i < run->nfetched; i++)
	{
		int			column = i + 2;
		Form_pg_attribute attribute = TupleDescAttr(rows->tupdesc, column - 1);
		bool		varlena = attribute->attlen == -1;

		if (run->fetched[i] == run->events)
			continue;
		for (row = 0; row < run->count; row++)
		{
			run->values[i][row] = SPI_getbinval(rows->vals[row], rows->tupdesc, column,
												&run->nulls[i][row]);
			if (varlena && !run->nulls[i][row] && VARATT_IS_EXTENDED(DatumGetPointer(run->values[i][row])) &&
				!VARATT_IS_SHORT(DatumGetPointer(run->values[i][row])))
				run->values[i][row] = PointerGetDatum(PG_DETOAST_DATUM(run->values[i][row]));
		}
	}
}

/* Read the timelines of the batch's customers. */
static void
take_events(Run *run)
{
	Datum		empty = PointerGetDatum(cd_timeline_empty());
	Datum		arg = PointerGetDatum(cd_set_from_sorted(run->ids, run->count));
	int			place = 0;
	int			row;
	uint64		k;

	while (run->fetched[place] != run->events)
		place++;
	for (row = 0; row < run->count; row++)
	{
		run->values[place][row] = empty;
		run->nulls[place][row] = false;
	}
	if (SPI_execute_plan(run->read_events, &arg, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read timelines");
	for (k = 0; k < SPI_processed; k++)
	{
		bool		isnull;
		uint32		id = cd_set_id(DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[k], SPI_tuptable->tupdesc, 1, &isnull)));
		Datum		value = SPI_getbinval(SPI_tuptable->vals[k], SPI_tuptable->tupdesc, 2, &isnull);
		int			low = 0;
		int			high = run->count;

		while (low < high)
		{
			int			middle = (low + high) / 2;

			if (run->ids[middle] < id)
				low = middle + 1;
			else
				high = middle;
		}
		if (!isnull && low < run->count && run->ids[low] == id)
			run->values[place][low] = known_events(run, value, &run->future[low]);
	}
}

/* Ask all conditions of the customers just read. */
static void
ask_batch(Run *run)
{
	int			first = 0;
	int			i;

	for (i = 0; i < run->nasked; i++)
		memset(run->asked[i].answers, ANSWER_NONE, run->count);
	take_members(run);
	while (first < run->nasked)
	{
		int			last = first;

		while (last + 1 < run->nasked && run->asked[last + 1].level == run->asked[first].level &&
			   run->asked[last + 1].owner == run->asked[first].owner &&
			   strcmp(run->asked[last + 1].time_zone, run->asked[first].time_zone) == 0)
			last++;
		ask_group(run, first, last);
		first = last + 1;
	}
	if (run->used > (Size) work_mem * 1024)
		flush_results(run);
}

/* Walk over everyone, by ascending id. */
static void
ask_everyone(Run *run)
{
	int64		last = -1;

	for (;;)
	{
		Datum		args[2];
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		args[0] = Int64GetDatum(last);
		args[1] = Int64GetDatum(BATCH_CUSTOMERS);
		old = MemoryContextSwitchTo(run->batch);
		if (SPI_execute_plan(run->read_profile, args, NULL, true, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not read profile");
		take_batch(run);
		if (run->count > 0)
		{
			SPITupleTable *rows = SPI_tuptable;

			last = run->ids[run->count - 1];
			if (run->events)
				take_events(run);
			ask_batch(run);
			SPI_freetuptable(rows);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(run->batch);
		if (run->count < BATCH_CUSTOMERS)
			break;
	}
}

/* Walk over the customers that some condition is due for. */
static void
ask_due(Run *run)
{
	CdSetIterator walk;
	bool		more = true;

	cd_set_begin(&walk, run->due);
	while (more)
	{
		MemoryContext old = MemoryContextSwitchTo(run->batch);
		Datum	   *ids = palloc(BATCH_CUSTOMERS * sizeof(Datum));
		int			nids = 0;
		uint32		id;
		Datum		arg;

		CHECK_FOR_INTERRUPTS();
		while (nids < BATCH_CUSTOMERS && (more = cd_set_next(&walk, &id)))
			ids[nids++] = Int64GetDatum((int64) id);
		if (nids > 0)
		{
			SPITupleTable *rows;

			arg = PointerGetDatum(construct_array(ids, nids, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
			if (SPI_execute_plan(run->read_profile, &arg, NULL, true, 0) != SPI_OK_SELECT)
				elog(ERROR, "could not read profile");
			rows = SPI_tuptable;
			take_batch(run);
			if (run->count > 0)
			{
				if (run->events)
					take_events(run);
				ask_batch(run);
			}
			SPI_freetuptable(rows);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(run->batch);
	}
}

/* Read a condition's thresholds as they were computed last. */
static void
take_thresholds(Asked *asked)
{
	ListCell   *cell;

	foreach(cell, asked->condition->thresholds)
	{
		CdThreshold *threshold = lfirst(cell);
		Oid			types[] = {REGROLEOID, TEXTOID, TEXTOID, FLOAT8OID, TEXTOID};
		Datum		args[5];
		char		nulls[5] = {' ', ' ', ' ', ' ', ' '};

		args[0] = ObjectIdGetDatum(asked->owner);
		args[1] = CStringGetTextDatum(asked->time_zone);
		args[2] = CStringGetTextDatum(threshold->metric);
		args[3] = Float8GetDatum(threshold->percent);
		args[4] = threshold->among ? CStringGetTextDatum(threshold->among) : (Datum) 0;
		if (threshold->among == NULL)
			nulls[4] = 'n';
		if (SPI_execute_with_args("SELECT value FROM customer_data.condition_threshold "
								  "WHERE owner = $1 AND time_zone = $2 AND metric = $3 AND percent = $4 "
								  "AND among IS NOT DISTINCT FROM $5",
								  5, types, args, nulls, true, 1) != SPI_OK_SELECT)
			elog(ERROR, "could not read thresholds");
		threshold->isnull = true;
		if (SPI_processed == 1)
			threshold->value = DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
															1, &threshold->isnull));
		SPI_freetuptable(SPI_tuptable);
	}
}

/*
 * Run one step of setting a condition up as its owner; an error sets the
 * condition aside and no other.
 */
static void
set_up(Run *run, Asked *asked, void (*step) (Run *, Asked *))
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	if (asked->failed)
		return;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		CdRunAs		save;

		cd_run_as_begin(asked->owner, asked->time_zone, &save);
		step(run, asked);
		cd_run_as_end(&save);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(run->batch);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			ReThrowError(error);
		fail(run, asked, error, -1);
	}
	PG_END_TRY();
}

static void
parse_step(Run *run, Asked *asked)
{
	asked->condition = cd_parse_condition(asked->text, run->profile);
	cd_check_columns(asked->condition, run->profile, asked->owner);
}

static void
plan_step(Run *run, Asked *asked)
{
	List	   *names = NIL;
	ListCell   *cell;
	Expr	   *expr;

	foreach(cell, run->segments)
		names = lappend(names, ((Segment *) lfirst(cell))->name);
	expr = cd_plan_condition(asked->condition, run->profile, names);
	if (expr != NULL)
		asked->state = ExecInitExpr(expr, NULL);
}

/* The conditions to be asked, as stored; those that are gone are left out. */
static void
take_conditions(Run *run, ArrayType *ids, ArrayType *dues)
{
	Datum		args[1];
	Oid			types[] = {INT4ARRAYOID};
	Datum	   *id_values,
			   *due_values;
	bool	   *id_nulls,
			   *due_nulls;
	int			nids,
				ndues;
	int			i,
				k;
	SPITupleTable *rows;
	Oid			set_type = ARR_ELEMTYPE(dues);
	CdSetBuilder *all = cd_set_builder();

	deconstruct_array(ids, INT4OID, sizeof(int32), true, TYPALIGN_INT, &id_values, &id_nulls, &nids);
	deconstruct_array(dues, set_type, -1, false, TYPALIGN_INT, &due_values, &due_nulls, &ndues);
	if (nids != ndues)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("as many sets of customers are needed as conditions")));

	args[0] = PointerGetDatum(ids);
	if (SPI_execute_with_args("SELECT c.condition_id, c.expression, c.owner::oid, c.time_zone "
							  "FROM customer_data.condition c WHERE c.condition_id = ANY ($1)",
							  1, types, args, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read conditions");
	rows = SPI_tuptable;
	run->nasked = (int) SPI_processed;
	run->asked = palloc0(sizeof(Asked) * Max(run->nasked, 1));
	for (i = 0; i < run->nasked; i++)
	{
		Asked	   *asked = &run->asked[i];
		bool		isnull;

		asked->id = DatumGetInt32(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));
		asked->text = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);
		asked->owner = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 3, &isnull));
		asked->time_zone = SPI_getvalue(rows->vals[i], rows->tupdesc, 4);
		asked->answers = palloc0(BATCH_CUSTOMERS);
		for (k = 0; k < nids; k++)
			if (DatumGetInt32(id_values[k]) == asked->id)
				break;
		if (due_nulls[k])
			run->everyone = true;
		else
		{
			asked->due = DatumGetCdSet(due_values[k]);
			cd_set_builder_or(all, asked->due);
			cd_set_begin(&asked->walk, asked->due);
			asked->more_due = cd_set_next(&asked->walk, &asked->next_due);
		}
	}
	run->due = cd_set_builder_value(all);
	cd_set_builder_free(all);
}

/* The segment of a name, noted once. */
static Segment *
get_segment(Run *run, const char *name)
{
	ListCell   *cell;
	Segment    *segment;
	Oid			types[] = {TEXTOID};
	Datum		args[1];
	bool		isnull;

	foreach(cell, run->segments)
		if (strcmp(((Segment *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	args[0] = CStringGetTextDatum(name);
	if (SPI_execute_with_args("SELECT condition_id FROM customer_data.segment_definition WHERE name = $1",
							  1, types, args, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read segments");
	segment = palloc0(sizeof(Segment));
	segment->name = pstrdup(name);
	segment->condition_id = SPI_processed == 0 ? 0 :
		DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	segment->first_chunk = 0;
	segment->last_chunk = -1;
	segment->column = run->natts + list_length(run->segments);
	SPI_freetuptable(SPI_tuptable);
	run->segments = lappend(run->segments, segment);
	return segment;
}

/* Order of asking: needs before what needs them, then by owner. */
static int
compare_asked(const void *a, const void *b)
{
	const Asked *x = a;
	const Asked *y = b;

	if (x->level != y->level)
		return x->level < y->level ? -1 : 1;
	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	if (strcmp(x->time_zone, y->time_zone) != 0)
		return strcmp(x->time_zone, y->time_zone);
	return x->id < y->id ? -1 : 1;
}

/* The condition asked in this run that a segment is made of, or NULL. */
static Asked *
asked_for(Run *run, int32 condition_id)
{
	int			i;

	for (i = 0; i < run->nasked; i++)
		if (run->asked[i].id == condition_id && !run->asked[i].failed)
			return &run->asked[i];
	return NULL;
}

/* Put the conditions in order and connect them with the segments they need. */
static void
order_conditions(Run *run)
{
	int			i,
				k,
				round;
	bool		changed = true;
	ListCell   *cell;

	for (i = 0; i < run->nasked; i++)
	{
		Asked	   *asked = &run->asked[i];

		if (asked->failed)
			continue;
		asked->needs = palloc(sizeof(Segment *) * Max(1, list_length(asked->condition->segments)));
		foreach(cell, asked->condition->segments)
			asked->needs[asked->nneeds++] = get_segment(run, lfirst(cell));
	}
	for (round = 0; changed && round <= run->nasked; round++)
	{
		changed = false;
		for (i = 0; i < run->nasked; i++)
			for (k = 0; k < run->asked[i].nneeds; k++)
			{
				Asked	   *need = asked_for(run, run->asked[i].needs[k]->condition_id);

				if (need != NULL && need->level >= run->asked[i].level)
				{
					run->asked[i].level = need->level + 1;
					changed = true;
				}
			}
	}
	if (changed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("segments refer to each other in a circle")));
	qsort(run->asked, run->nasked, sizeof(Asked), compare_asked);
	foreach(cell, run->segments)
		((Segment *) lfirst(cell))->asked = asked_for(run, ((Segment *) lfirst(cell))->condition_id);
}

/* Find which columns are needed and prepare the queries that bring them. */
static void
prepare_queries(Run *run)
{
	TupleDesc	desc = RelationGetDescr(run->profile);
	StringInfoData query;
	Oid			everyone_types[] = {INT8OID, INT8OID};
	Oid			due_types[] = {INT8ARRAYOID};
	Oid			member_types[] = {INT4OID, INT4OID, INT4OID};
	Oid			set_type;
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
			appendStringInfoString(&query, ", NULL::boolean");
		}
		else
			appendStringInfo(&query, ", p.%s", quote_identifier(name));
		run->values[run->nfetched] = palloc(sizeof(Datum) * BATCH_CUSTOMERS);
		run->nulls[run->nfetched] = palloc(sizeof(bool) * BATCH_CUSTOMERS);
		run->fetched[run->nfetched++] = attno;
	}
	if (run->everyone)
	{
		appendStringInfoString(&query, " FROM customer_data.profile p WHERE p.customer_id > $1 ORDER BY p.customer_id LIMIT $2");
		run->read_profile = SPI_prepare(query.data, 2, everyone_types);
	}
	else
	{
		appendStringInfoString(&query, " FROM customer_data.profile p WHERE p.customer_id = ANY ($1) ORDER BY p.customer_id");
		run->read_profile = SPI_prepare(query.data, 1, due_types);
	}
	run->read_members = SPI_prepare("SELECT members FROM customer_data.condition_member "
									"WHERE condition_id = $1 AND chunk BETWEEN $2 AND $3",
									3, member_types);
	if (run->events)
	{
		set_type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
								   CStringGetDatum("customer_set"), ObjectIdGetDatum(cd_schema()));
		run->read_events = SPI_prepare("SELECT customer_id, events FROM customer_data.customer_timelines($1)",
									   1, &set_type);
	}
}

/* Make the slot that conditions are evaluated over. */
static void
make_slot(Run *run)
{
	TupleDesc	profile = RelationGetDescr(run->profile);
	int			nsegments = list_length(run->segments);
	TupleDesc	desc = CreateTemplateTupleDesc(run->natts + nsegments);
	int			i;

	for (i = 1; i <= run->natts; i++)
		TupleDescCopyEntry(desc, i, profile, i);
	for (i = 1; i <= nsegments; i++)
		TupleDescInitEntry(desc, run->natts + i, "in_segment", BOOLOID, -1, 0);
	run->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	memset(run->slot->tts_isnull, true, sizeof(bool) * desc->natts);
	for (i = 0; i < nsegments; i++)
		run->slot->tts_isnull[run->natts + i] = false;
	ExecStoreVirtualTuple(run->slot);
	run->econtext = CreateStandaloneExprContext();
	run->econtext->ecxt_scantuple = run->slot;
}

/*
 * evaluate_conditions(condition_ids, customers): ask each condition of its
 * set of customers, NULL meaning everyone.
 */
PG_FUNCTION_INFO_V1(cd_evaluate_conditions);
Datum
cd_evaluate_conditions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Run		   *run;
	MemoryContext old;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	run = palloc0(sizeof(Run));
	run->store = rsinfo->setResult;
	run->rowtype = rsinfo->setDesc;
	run->now = cd_as_of();

	SPI_connect();
	run->context = AllocSetContextCreate(CurrentMemoryContext, "conditions", ALLOCSET_DEFAULT_SIZES);
	run->batch = AllocSetContextCreate(run->context, "batch of customers", ALLOCSET_DEFAULT_SIZES);
	run->results = AllocSetContextCreate(run->context, "answers", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(run->context);
	run->ids = palloc(sizeof(uint32) * BATCH_CUSTOMERS);
	run->future = palloc(sizeof(TimestampTz) * BATCH_CUSTOMERS);

	take_conditions(run, PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_ARRAYTYPE_P(1));
	if (run->nasked > 0 && (run->everyone || !cd_set_is_empty(run->due)))
	{
		run->profile = cd_open_profile();
		run->natts = RelationGetDescr(run->profile)->natts;
		for (i = 0; i < run->nasked; i++)
			set_up(run, &run->asked[i], parse_step);
		for (i = 0; i < run->nasked; i++)
			if (!run->asked[i].failed)
				take_thresholds(&run->asked[i]);
		order_conditions(run);
		for (i = 0; i < run->nasked; i++)
			set_up(run, &run->asked[i], plan_step);
		prepare_queries(run);
		for (i = 0; i < run->nasked; i++)
			run->asked[i].uses_events = !run->asked[i].failed && run->events != 0 &&
				bms_is_member(run->events, run->asked[i].condition->columns);
		make_slot(run);

		if (run->everyone)
			ask_everyone(run);
		else
			ask_due(run);
		flush_results(run);

		/* Whoever was to be asked and is no customer any more is in no segment. */
		for (i = 0; i < run->nasked; i++)
			if (!run->asked[i].failed && run->asked[i].due != NULL)
				put_row(run, run->asked[i].id, "asked", -1, DT_NOEND, run->asked[i].due, NULL);

		FreeExprContext(run->econtext, true);
		ExecDropSingleTupleTableSlot(run->slot);
		relation_close(run->profile, AccessShareLock);
	}
	MemoryContextSwitchTo(old);
	SPI_finish();
	return (Datum) 0;
}
