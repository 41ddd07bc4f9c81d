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
 * What comes out are rows (condition, what, chunk, due, customers, message,
 * conditions, sets):
 *	'asked'	customers that were to be asked; no such row where all were
 *	'true'	those of them it holds for
 *	'due'	for several conditions, those whose answer may change at "due" if
 *			nothing new arrives; none for conditions asked of everyone anyway
 *	'error'	the message; customers holds the one it happened at
 * Rows leave whenever they would take more than maintenance_work_mem.
 */
#include "postgres.h"

#include "run_as.h"
#include "segment/evaluate.h"
#include "segment/program.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

/* Days ahead that are counted one by one; and what is nearer than two, by hours. */
#define MOST_DAYS		4000
#define FEW_DAYS		2
#define FEW_HOURS		2

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

/* Answers that last until some full day or hour. */
typedef struct GrainList
{
	IdList		at;				/* which day or hour, */
	IdList		whose;			/* and of whom */
} GrainList;

/* What is collected of one condition until it is sent. */
typedef struct Answers
{
	IdList		asked;
	IdList		found;
	GrainList	days;
	GrainList	hours;
	due_hash   *dues;			/* all others */
} Answers;

/* Make room for more ids. */
static void
make_room(CdRun *run, IdList *list, int more)
{
	int			size = Max(8, list->size);

	while (size < list->count + more)
		size *= 2;
	list->ids = list->ids ? repalloc_huge(list->ids, size * sizeof(uint32)) :
		MemoryContextAllocHuge(run->results, size * sizeof(uint32));
	run->used += (size - list->size) * sizeof(uint32);
	list->size = size;
}

/* Append an id. */
static inline void
add_id(CdRun *run, IdList *list, uint32 id)
{
	if (unlikely(list->count == list->size))
		make_room(run, list, 1);
	list->ids[list->count++] = id;
}

/* Let a row leave. */
static void
send_values(CdRun *run, Datum *values, bool *nulls)
{
	if (run->receiver == NULL)
	{
		tuplestore_putvalues(run->store, run->rowtype, values, nulls);
		return;
	}
	ExecClearTuple(run->row_slot);
	memcpy(run->row_slot->tts_values, values, run->rowtype->natts * sizeof(Datum));
	memcpy(run->row_slot->tts_isnull, nulls, run->rowtype->natts * sizeof(bool));
	ExecStoreVirtualTuple(run->row_slot);
	(void) run->receiver->receiveSlot(run->row_slot, run->receiver);
}

/* Send one row. */
static void
put_row(CdRun *run, int32 id, const char *what, int64 chunk, CdSet *set, const char *message)
{
	Datum		values[8];
	bool		nulls[8] = {false};

	values[0] = Int32GetDatum(id);
	values[1] = CStringGetTextDatum(what);
	values[2] = Int32GetDatum((int32) chunk);
	nulls[2] = chunk < 0;
	nulls[3] = true;
	values[4] = PointerGetDatum(set);
	nulls[4] = set == NULL;
	values[5] = message ? CStringGetTextDatum(message) : (Datum) 0;
	nulls[5] = message == NULL;
	nulls[6] = true;
	nulls[7] = true;
	send_values(run, values, nulls);
}

/* Send a list chunk by chunk; lists ascend but for repeats. */
static void
put_list(CdRun *run, int32 id, const char *what, IdList *list)
{
	int			from = 0;

	while (from < list->count)
	{
		uint32		chunk = list->ids[from] >> 16;
		int			to = from;

		while (to < list->count && list->ids[to] >> 16 == chunk)
			to++;
		put_row(run, id, what, chunk, cd_set_from_sorted(list->ids + from, to - from), NULL);
		from = to;
	}
}

/* Of one condition, whom to ask again at a moment. */
typedef struct DueEntry
{
	TimestampTz due;
	int32		id;				/* of the condition */
	int			count;
	const uint32 *ids;
} DueEntry;

static int
compare_dues(const void *a, const void *b)
{
	const DueEntry *x = a;
	const DueEntry *y = b;

	if (x->due != y->due)
		return x->due < y->due ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* Take note of a moment and whom to ask then. */
static DueEntry *
add_entry(DueEntry *entries, int *n, int *size, TimestampTz due, int32 id, const uint32 *ids, int count)
{
	if (*n == *size)
	{
		*size *= 2;
		entries = repalloc_huge(entries, *size * sizeof(DueEntry));
	}
	entries[*n].due = due;
	entries[*n].id = id;
	entries[*n].ids = ids;
	entries[(*n)++].count = count;
	return entries;
}

/*
 * Put what a condition noted by days or hours in their order.  They were
 * written down one behind the other, because appending to as many lists as
 * there are days would miss the processor's cache each time.
 */
static DueEntry *
sort_grains(GrainList *list, int64 grain, int32 id, DueEntry *entries, int *n, int *size)
{
	const uint32 *at = list->at.ids;
	int			count = list->at.count;
	uint32		least = PG_UINT32_MAX;
	uint32		most = 0;
	uint32	   *ids;
	int		   *ends;
	uint32		k;
	int			i;

	for (i = 0; i < count; i++)
	{
		least = Min(least, at[i]);
		most = Max(most, at[i]);
	}
	if (count == 0)
		return entries;
	ids = palloc_extended(count * sizeof(uint32), MCXT_ALLOC_HUGE);
	ends = palloc_extended(((Size) most - least + 2) * sizeof(int), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (i = 0; i < count; i++)
		ends[at[i] - least + 1]++;
	for (k = 0; k < most - least; k++)
		ends[k + 1] += ends[k];
	for (i = 0; i < count; i++)
		ids[ends[at[i] - least]++] = list->whose.ids[i];
	for (k = 0; k <= most - least; k++)
	{
		int			from = k == 0 ? 0 : ends[k - 1];

		if (ends[k] > from)
			entries = add_entry(entries, n, size, (TimestampTz) (((int64) least + k) * grain), id,
								ids + from, ends[k] - from);
	}
	pfree(ends);
	return entries;
}

/* Send a row for each moment at which answers are to be looked at again. */
static void
put_dues(CdRun *run)
{
	int			size = 1024;
	DueEntry   *entries = palloc(size * sizeof(DueEntry));
	Datum	   *ids = palloc(Max(run->nasked, 1) * sizeof(Datum));
	Datum	   *sets = palloc(Max(run->nasked, 1) * sizeof(Datum));
	int			n = 0;
	int			from,
				i;

	for (i = 0; i < run->nasked; i++)
	{
		Answers    *answers = run->asked[i].results;
		due_iterator it;
		const DueBucket *bucket;

		CHECK_FOR_INTERRUPTS();
		entries = sort_grains(&answers->days, USECS_PER_DAY, run->asked[i].id, entries, &n, &size);
		entries = sort_grains(&answers->hours, USECS_PER_HOUR, run->asked[i].id, entries, &n, &size);
		if (answers->dues == NULL)
			continue;
		due_start_iterate(answers->dues, &it);
		while ((bucket = due_iterate(answers->dues, &it)) != NULL)
			entries = add_entry(entries, &n, &size, bucket->due, run->asked[i].id, bucket->list.ids, bucket->list.count);
	}
	qsort(entries, n, sizeof(DueEntry), compare_dues);
	for (from = 0; from < n;)
	{
		TimestampTz due = entries[from].due;
		MemoryContext old = MemoryContextSwitchTo(run->row);
		Datum		values[8];
		bool		nulls[8] = {true, false, true, false, true, true, false, false};
		int			k = 0;

		CHECK_FOR_INTERRUPTS();
		/* A condition may come twice; a moment's row has it once for each. */
		for (; from < n && entries[from].due == due && k < run->nasked; from++)
		{
			ids[k] = Int32GetDatum(entries[from].id);
			sets[k++] = PointerGetDatum(cd_set_from_sorted(entries[from].ids, entries[from].count));
		}
		values[1] = CStringGetTextDatum("due");
		values[3] = TimestampTzGetDatum(due);
		values[6] = PointerGetDatum(construct_array(ids, k, INT4OID, sizeof(int32), true, TYPALIGN_INT));
		values[7] = PointerGetDatum(construct_array(sets, k, run->set_type, -1, false, TYPALIGN_INT));
		send_values(run, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(run->row);
	}
}

/* Send what has been collected and forget it. */
static void
flush_results(CdRun *run)
{
	MemoryContext old = MemoryContextSwitchTo(run->batch);
	int			i;

	put_dues(run);
	for (i = 0; i < run->nasked; i++)
	{
		CdAsked	   *asked = &run->asked[i];
		Answers    *answers = asked->results;

		CHECK_FOR_INTERRUPTS();
		if (!asked->failed)
		{
			put_list(run, asked->id, "asked", &answers->asked);
			put_list(run, asked->id, "true", &answers->found);
		}
		memset(&answers->asked, 0, sizeof(IdList));
		memset(&answers->found, 0, sizeof(IdList));
		memset(&answers->days, 0, sizeof(GrainList));
		memset(&answers->hours, 0, sizeof(GrainList));
		answers->dues = NULL;
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(run->results);
	run->used = 0;
}

/* Note that a customer's answer may change at a moment that is far off, or very near. */
static void
add_due(CdRun *run, Answers *answers, uint32 id, TimestampTz until)
{
	bool		found;
	DueBucket  *bucket;

	if (answers->dues == NULL)
		answers->dues = due_create(run->results, 16, NULL);
	bucket = due_insert(answers->dues, cd_recheck_at(until, run->now), &found);
	if (!found)
	{
		memset(&bucket->list, 0, sizeof(IdList));
		run->used += 2 * sizeof(DueBucket);
	}
	add_id(run, &bucket->list, id);
}

/* Make room for a block in both lists. */
static void
make_grain_room(CdRun *run, GrainList *list)
{
	if (list->at.count + CD_BLOCK <= list->at.size)
		return;
	make_room(run, &list->at, CD_BLOCK);
	make_room(run, &list->whose, CD_BLOCK);
}

/*
 * Note until when answers hold: as cd_recheck_at has it, for more than two
 * days the full day before, for more than two hours the full hour before.
 */
static void
add_dues(CdRun *run, Answers *answers, const uint32 *ids, uint64 customers, const TimestampTz *until)
{
	TimestampTz day = Max(run->now + FEW_DAYS * USECS_PER_DAY + 1, 1);
	TimestampTz hour = Max(run->now + FEW_HOURS * USECS_PER_HOUR + 1, 1);
	uint64		days = (uint64) (run->now + MOST_DAYS * USECS_PER_DAY - day);
	uint64		hours = (uint64) (day - hour);
	GrainList  *d = &answers->days;
	GrainList  *h = &answers->hours;
	uint64		left;

	/* Only between 2000 and the end of time. */
	if (run->now < 0 || run->now > END_TIMESTAMP / 2)
		days = hours = 0;
	make_grain_room(run, d);
	make_grain_room(run, h);
	for (left = customers; left != 0; left &= left - 1)
	{
		int			row = __builtin_ctzll(left);
		TimestampTz at = until[row];

		if ((uint64) (at - day) < days)
		{
			d->at.ids[d->at.count++] = (uint32) ((uint64) at / USECS_PER_DAY);
			d->whose.ids[d->whose.count++] = ids[row];
		}
		else if (at == DT_NOEND)
			continue;
		else if ((uint64) (at - hour) < hours)
		{
			h->at.ids[h->at.count++] = (uint32) ((uint64) at / USECS_PER_HOUR);
			h->whose.ids[h->whose.count++] = ids[row];
		}
		else
			add_due(run, answers, ids[row], at);
	}
}

/* Keep the answers for a block of customers. */
static void
keep_answers(CdRun *run, CdAsked *asked, int first, uint64 customers, uint64 yes, const TimestampTz *until)
{
	Answers    *answers = asked->results;
	const uint32 *ids = run->ids + first;
	uint64		left;
	uint32	   *next;

	if (answers != NULL)
	{
		if (answers->found.count + CD_BLOCK > answers->found.size)
			make_room(run, &answers->found, CD_BLOCK);
		next = answers->found.ids + answers->found.count;
		for (left = yes; left != 0; left &= left - 1)
			*next++ = ids[__builtin_ctzll(left)];
		answers->found.count = next - answers->found.ids;
	}
	if (answers != NULL && until != NULL && asked->condition->untracked == NULL)
		add_dues(run, answers, ids, customers, until);
	if (asked->needed)
		for (left = customers; left != 0; left &= left - 1)
		{
			int			row = __builtin_ctzll(left);

			asked->answers[first + row] = (yes >> row & 1) != 0 ? ANSWER_TRUE : ANSWER_FALSE;
		}
}

/* Send the error of a condition that cannot be evaluated. */
static void
send_error(CdRun *run, CdAsked *asked, ErrorData *error, int row)
{
	put_row(run, asked->id, "error", -1,
			row >= 0 ? cd_set_from_sorted(&run->ids[row], 1) : NULL, cd_error_line(error));
}

/* Must a condition be asked of a customer of the batch? */
static bool
is_due(CdRun *run, CdAsked *asked, int row)
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
		CdNeed    *segment = asked->needs[i];

		if (segment->asked && segment->asked->answers[row] != ANSWER_NONE &&
			(segment->asked->answers[row] == ANSWER_TRUE) != cd_stored_member(segment, id))
		{
			add_id(run, &((Answers *) asked->results)->asked, id);
			return true;
		}
	}
	return false;
}

/* Of whom in a block must a condition be asked? */
static uint64
due_rows(CdRun *run, CdAsked *asked, int first, int count)
{
	uint64		customers = 0;
	int			row;

	if (asked->due == NULL)
		return count == CD_BLOCK ? ~UINT64CONST(0) : (UINT64CONST(1) << count) - 1;
	if (!asked->more_due && asked->nneeds == 0)
		return 0;
	for (row = 0; row < count; row++)
		if (is_due(run, asked, first + row))
			customers |= UINT64CONST(1) << row;
	return customers;
}

/* Ask a condition with sub-selects of the whole batch, by a query. */
static void
ask_by_sql(CdRun *run, CdAsked *asked)
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
	if (cd_spi_query(query.data, 1, &argtype, &arg, NULL) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("condition %d is not a query", asked->id)));
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
		keep_answers(run, asked, row, 1, answer ? 1 : 0, NULL);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* The program of a group of conditions, NULL if all are asked by queries. */
static CdProgram *
program_of(CdRun *run, int first, int last)
{
	int			i;

	for (i = first; i <= last; i++)
		if (run->asked[i].program != NULL)
			return run->asked[i].program;
	return NULL;
}

/* How far the conditions of a group have been asked of a batch. */
typedef struct Place
{
	int			block;			/* first customer of the block */
	bool		begun;			/* it has been gone to */
	int			k;				/* condition */
} Place;

/* Ask the conditions of a group of the batch, from some place on. */
static void
ask_from(CdRun *run, CdProgram *program, int first, int last, volatile Place *place)
{
	for (; program != NULL && place->block < run->count; place->block += CD_BLOCK)
	{
		int			block = place->block;
		int			count = Min(run->count - block, CD_BLOCK);

		CHECK_FOR_INTERRUPTS();
		if (!place->begun)
			cd_program_begin(program, block, count);
		place->begun = true;
		for (; place->k <= last; place->k++)
		{
			CdAsked	   *asked = &run->asked[place->k];
			uint64		customers;

			if (asked->failed || asked->step == NULL)
				continue;
			customers = due_rows(run, asked, block, count);
			if (customers != 0)
			{
				const TimestampTz *until;
				uint64		yes = cd_program_ask(program, asked->step, customers, &until);

				keep_answers(run, asked, block, customers, yes, until);
			}
		}
		place->begun = false;
		place->k = first;
	}
	place->block = run->count;
	/* What is left are the conditions asked by a query. */
	for (; place->k <= last; place->k++)
		if (!run->asked[place->k].failed && run->asked[place->k].step == NULL)
			ask_by_sql(run, &run->asked[place->k]);
}

/*
 * Ask the conditions from first to last, which share an owner, of the batch.
 * A block of customers at a time, so that what is known of them stays in the
 * processor's cache while condition after condition looks at it.  After an
 * error the condition is set aside and the loop goes on with the next one.
 */
static void
ask_group(CdRun *run, CdProgram *program, int first, int last)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile Place place = {0, false, first};
	volatile bool entered = false;
	bool		done = false;

	if (run->strict)
	{
		CdRunAs		save;

		cd_run_as_begin(run->asked[first].owner, run->asked[first].time_zone, &save);
		ask_from(run, program, first, last, &place);
		cd_run_as_end(&save);
		return;
	}
	while (!done)
	{
		BeginInternalSubTransaction(NULL);
		MemoryContextSwitchTo(context);
		PG_TRY();
		{
			CdRunAs		save;

			entered = false;
			cd_run_as_begin(run->asked[first].owner, run->asked[first].time_zone, &save);
			entered = true;
			ask_from(run, program, first, last, &place);
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
			if (!entered)
			{
				int			k;

				/* Not even the role could be taken: none of the group can be asked. */
				for (k = first; k <= last; k++)
					if (!run->asked[k].failed)
						cd_run_fail(run, &run->asked[k], error, -1);
				return;
			}
			cd_run_fail(run, &run->asked[place.k], error, place.begun ? cd_program_row(program) : -1);
			ResetExprContext(run->econtext);
			place.k++;
		}
		PG_END_TRY();
	}
}

/* Ask all conditions of the customers just read. */
void
cd_ask_batch(CdRun *run)
{
	int			first = 0;
	int			i;

	for (i = 0; i < run->nasked; i++)
		if (run->asked[i].needed)
			memset(run->asked[i].answers, ANSWER_NONE, run->count);
	while (first < run->nasked)
	{
		int			last = first;
		bool		queries = run->asked[first].step == NULL;

		/* Queries come last in a group, so what asks for their answers is in another. */
		while (last + 1 < run->nasked && cd_same_owner(&run->asked[last + 1], &run->asked[first]) &&
			   !(queries && run->asked[last + 1].level > run->asked[last].level))
			queries |= run->asked[++last].step == NULL;
		ask_group(run, program_of(run, first, last), first, last);
		first = last + 1;
	}
	if (run->used > (Size) maintenance_work_mem * 1024)
		flush_results(run);
}

/* The conditions to be asked, as stored; those that are gone are left out. */
static void
take_conditions(CdRun *run, ArrayType *ids, ArrayType *dues)
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
	CdSetBuilder *all = cd_set_builder();

	deconstruct_array(ids, INT4OID, sizeof(int32), true, TYPALIGN_INT, &id_values, &id_nulls, &nids);
	deconstruct_array(dues, run->set_type, -1, false, TYPALIGN_INT, &due_values, &due_nulls, &ndues);
	if (nids != ndues)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("as many sets of customers are needed as conditions")));

	args[0] = PointerGetDatum(ids);
	if (cd_spi_query("SELECT c.condition_id, c.expression, c.owner::oid, c.time_zone "
							  "FROM customer_data.condition c WHERE c.condition_id = ANY ($1)",
							  1, types, args, NULL) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read conditions")));
	rows = SPI_tuptable;
	run->nasked = (int) SPI_processed;
	run->asked = palloc0(sizeof(CdAsked) * Max(run->nasked, 1));
	for (i = 0; i < run->nasked; i++)
	{
		CdAsked	   *asked = &run->asked[i];
		bool		isnull;

		asked->id = DatumGetInt32(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));
		asked->text = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);
		asked->owner = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 3, &isnull));
		asked->time_zone = SPI_getvalue(rows->vals[i], rows->tupdesc, 4);
		asked->answers = palloc0(CD_BATCH);
		asked->results = palloc0(sizeof(Answers));
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

/* A run that asks conditions, inside SPI_connect(). */
static CdRun *
begin_run(ArrayType *ids, ArrayType *dues, bool recompute)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "conditions", ALLOCSET_DEFAULT_SIZES);
	CdRun	   *run = MemoryContextAllocZero(context, sizeof(CdRun));
	MemoryContext old = MemoryContextSwitchTo(context);

	run->now = cd_as_of();
	run->context = context;
	run->batch = AllocSetContextCreate(context, "batch of customers", ALLOCSET_DEFAULT_SIZES);
	run->results = AllocSetContextCreate(context, "answers", ALLOCSET_DEFAULT_SIZES);
	run->row = AllocSetContextCreate(context, "one row", ALLOCSET_DEFAULT_SIZES);
	run->set_type = cd_customer_set_type();
	run->take_batch = cd_ask_batch;
	run->by_program = true;
	run->failed = send_error;
	run->recompute = recompute;
	take_conditions(run, ids, dues);
	MemoryContextSwitchTo(old);
	return run;
}

/* Ask the conditions of a range of customers; errors are the caller's. */
void
cd_evaluate_range(ArrayType *ids, ArrayType *dues, DestReceiver *receiver, TupleDesc rowtype, uint32 least, uint32 greatest)
{
	CdRun	   *run;
	MemoryContext old;

	SPI_connect();
	run = begin_run(ids, dues, false);
	old = MemoryContextSwitchTo(run->context);
	run->strict = true;
	run->ranged = true;
	run->least = least;
	run->greatest = greatest;
	run->receiver = receiver;
	run->rowtype = rowtype;
	run->row_slot = MakeSingleTupleTableSlot(rowtype, &TTSOpsVirtual);
	run->due = cd_set_slice(run->due, least, greatest);
	cd_run_set_up(run);
	cd_run_over_customers(run);
	flush_results(run);
	cd_run_finish(run);
	ExecDropSingleTupleTableSlot(run->row_slot);
	MemoryContextSwitchTo(old);
	SPI_finish();
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
	ArrayType  *ids = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType  *dues = PG_GETARG_ARRAYTYPE_P(1);
	bool		alone = false;
	bool		done = false;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	while (!done)
	{
		CdRun	   *run = begin_run(ids, dues, PG_GETARG_BOOL(2));
		MemoryContext old = MemoryContextSwitchTo(run->context);
		bool		begun = false;
		int			i;

		run->store = rsinfo->setResult;
		run->rowtype = rsinfo->setDesc;
		done = true;
		if (run->nasked > 0 && (run->everyone || !cd_set_is_empty(run->due)))
		{
			cd_run_set_up(run);
			if (alone || !cd_evaluate_in_parallel(run, ids, dues, &begun))
			{
				if (begun)
				{
					/* Forget what workers sent before one failed, and find out alone what did. */
					tuplestore_clear(run->store);
					alone = true;
					done = false;
				}
				else
				{
					cd_run_over_customers(run);
					flush_results(run);
				}
			}
			/* Whoever was to be asked and is no customer any more is in no segment. */
			for (i = 0; done && i < run->nasked; i++)
				if (!run->asked[i].failed && run->asked[i].due != NULL)
					put_row(run, run->asked[i].id, "asked", -1, run->asked[i].due, NULL);
			cd_run_finish(run);
		}
		MemoryContextSwitchTo(old);
		MemoryContextDelete(run->context);
	}
	SPI_finish();
	return (Datum) 0;
}
