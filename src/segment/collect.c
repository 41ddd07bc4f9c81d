/*
 * collect.c
 *		What becomes of answers: who is in which condition, chunk by chunk, and
 *		whom to ask again when.
 *
 * Customers come by ascending id, so a chunk of 65536 ids is done with before
 * the next begins: its answers wait in a bitmap where everyone is asked, else
 * in a list, and leave when the chunk ends.  Where the run keeps members
 * (run->turns) they are compared with those of before first, and only what
 * changed leaves.
 */
#include "postgres.h"

#include "run_as.h"
#include "segment/block.h"
#include "segment/collect.h"
#include "segment/turn.h"
#include "sets/bits.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Days ahead that are counted one by one; and what is nearer than two, by hours. */
#define MOST_DAYS		4000
#define FEW_DAYS		2
#define FEW_HOURS		2

/*
 * An answer that lasts until some full hour or day is noted in four bytes: the
 * number of the hour or the day (these from DAY_CODE on) and the lower half of
 * the customer's id.  CHUNK_CODE and the upper half come before.
 */
#define DAY_CODE		64
#define CHUNK_CODE		0xFFFF

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

/* What is collected of one condition until it is sent. */
typedef struct Answers
{
	/* of the chunk */
	uint8	   *bits;			/* whom it holds for, where everyone is asked, */
	bool		any;			/* and whether for anybody */
	IdList		found;			/* else those */
	IdList		asked;			/* beside those that were due */
	/* until sent */
	IdList		grains;			/* that last until a full hour or day */
	int32		grain_chunk;	/* that was noted last, -1: none */
	due_hash   *dues;			/* all others */
} Answers;

/* Make room for more ids; those of dues, in run->results, are counted. */
static void
make_room(CdRun *run, MemoryContext context, IdList *list, int more)
{
	int			size = Max(8, list->size);

	while (size < list->count + more)
		size *= 2;
	list->ids = list->ids ? repalloc_huge(list->ids, size * sizeof(uint32)) :
		MemoryContextAllocHuge(context, size * sizeof(uint32));
	if (context == run->results)
		run->used += (size - list->size) * sizeof(uint32);
	list->size = size;
}

/* Append an id. */
static inline void
add_id(CdRun *run, MemoryContext context, IdList *list, uint32 id)
{
	if (unlikely(list->count == list->size))
		make_room(run, context, list, 1);
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

/* Of one condition, whom to ask again at a moment. */
typedef struct DueEntry
{
	TimestampTz due;
	int32		id;				/* of the condition */
	int			count;
	const uint32 *ids;
} DueEntry;

static inline int
compare_dues(const DueEntry *x, const DueEntry *y)
{
	if (x->due != y->due)
		return x->due < y->due ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

#define ST_SORT			sort_dues
#define ST_ELEMENT_TYPE	DueEntry
#define ST_COMPARE(a, b)	compare_dues(a, b)
#define ST_SCOPE		static
#define ST_DEFINE
#include "lib/sort_template.h"

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

/* The first full hour, and the first full day, that are noted by number. */
static inline int64
first_hour(const CdRun *run)
{
	return (run->now + FEW_HOURS * USECS_PER_HOUR) / USECS_PER_HOUR;
}

static inline int64
first_day(const CdRun *run)
{
	return (run->now + FEW_DAYS * USECS_PER_DAY) / USECS_PER_DAY;
}

/*
 * Put what a condition noted by hours and days in their order.  It was written
 * down one behind the other, because appending to as many lists as there are
 * days would miss the processor's cache each time.
 */
static DueEntry *
sort_grains(CdRun *run, const IdList *grains, int32 id, DueEntry *entries, int *n, int *size)
{
	const uint32 *noted = grains->ids;
	int			ends[DAY_CODE + MOST_DAYS + 2];
	uint32	   *ids;
	uint32		chunk = 0;
	uint32		most = 0;		/* code noted */
	uint32		code;
	int			i;

	if (grains->count == 0)
		return entries;
	ids = palloc_extended(grains->count * sizeof(uint32), MCXT_ALLOC_HUGE);
	for (i = 0; i < grains->count; i++)
		if ((code = noted[i] >> 16) != CHUNK_CODE)
			most = Max(most, code);
	memset(ends, 0, (most + 2) * sizeof(int));
	for (i = 0; i < grains->count; i++)
		if ((code = noted[i] >> 16) != CHUNK_CODE)
			ends[code + 1]++;
	for (code = 0; code <= most; code++)
		ends[code + 1] += ends[code];
	for (i = 0; i < grains->count; i++)
		if ((code = noted[i] >> 16) == CHUNK_CODE)
			chunk = noted[i] << 16;
		else
			ids[ends[code]++] = chunk | (noted[i] & 0xFFFF);
	for (code = 0; code <= most; code++)
	{
		int			from = code == 0 ? 0 : ends[code - 1];

		if (ends[code] > from)
			entries = add_entry(entries, n, size,
								code < DAY_CODE ? (first_hour(run) + code) * USECS_PER_HOUR :
								(first_day(run) + code - DAY_CODE) * USECS_PER_DAY,
								id, ids + from, ends[code] - from);
	}
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
		entries = sort_grains(run, &answers->grains, run->asked[i].id, entries, &n, &size);
		if (answers->dues == NULL)
			continue;
		due_start_iterate(answers->dues, &it);
		while ((bucket = due_iterate(answers->dues, &it)) != NULL)
			entries = add_entry(entries, &n, &size, bucket->due, run->asked[i].id, bucket->list.ids, bucket->list.count);
	}
	sort_dues(entries, n);
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

void
cd_send_dues(CdRun *run, bool all)
{
	MemoryContext old;
	int			i;

	if (!all && run->used <= (Size) maintenance_work_mem * 1024)
		return;
	old = MemoryContextSwitchTo(run->batch);
	put_dues(run);
	for (i = 0; i < run->nasked; i++)
	{
		Answers    *answers = run->asked[i].results;

		memset(&answers->grains, 0, sizeof(IdList));
		answers->grain_chunk = -1;
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
	add_id(run, run->results, &bucket->list, id);
}

/*
 * Note until when answers hold: as cd_recheck_at has it, for more than two
 * days the full day before, for more than two hours the full hour before.
 */
static void
add_dues(CdRun *run, Answers *answers, const uint32 *ids, uint64 customers, const TimestampTz *until)
{
	TimestampTz day = run->now + FEW_DAYS * USECS_PER_DAY + 1;
	TimestampTz hour = run->now + FEW_HOURS * USECS_PER_HOUR + 1;
	uint64		days = (uint64) (run->now + MOST_DAYS * USECS_PER_DAY - day);
	uint64		hours = (uint64) (day - hour);
	uint32		day_code = DAY_CODE - (uint32) first_day(run);
	uint32		hour_code = -(uint32) first_hour(run);
	IdList	   *grains = &answers->grains;
	uint64		expiring;
	uint32	   *next;
	int			row;

	expiring = customers & cd_block->differ(until, DT_NOEND);
	if (expiring == 0)
		return;
	/* Only between 2000 and the end of time. */
	if (run->now < 0 || run->now > END_TIMESTAMP / 2)
		days = hours = 0;
	if (grains->count + CD_BLOCK + 1 > grains->size)
		make_room(run, run->results, grains, CD_BLOCK + 1);
	next = grains->ids + grains->count;
	/* A block's ids are in one chunk. */
	if (answers->grain_chunk != (int32) (ids[0] >> 16))
	{
		answers->grain_chunk = (int32) (ids[0] >> 16);
		*next++ = (uint32) CHUNK_CODE << 16 | ids[0] >> 16;
	}
	for (; expiring != 0; expiring &= expiring - 1)
	{
		TimestampTz at;

		row = __builtin_ctzll(expiring);
		at = until[row];
		if ((uint64) (at - day) < days)
			*next++ = ((uint32) ((uint64) at / USECS_PER_DAY) + day_code) << 16 | (ids[row] & 0xFFFF);
		else if ((uint64) (at - hour) < hours)
			*next++ = ((uint32) ((uint64) at / USECS_PER_HOUR) + hour_code) << 16 | (ids[row] & 0xFFFF);
		else
			add_due(run, answers, ids[row], at);
	}
	grains->count = next - grains->ids;
}

/* Mark customers of a block, whose ids are in one chunk, in its bitmap. */
static void
mark(CdRun *run, Answers *answers, const uint32 *ids, uint64 customers)
{
	int			row;

	if (customers == 0)
		return;
	answers->any = true;
	if (run->dense)
	{
		/* Ids that follow each other are bits that do. */
		uint32		low = ids[0] & 0xFFFF;
		uint8	   *word = answers->bits + 8 * (low >> 6);

		store64(word, load64(word) | customers << (low & 63));
		if ((low & 63) != 0 && customers >> (64 - (low & 63)) != 0)
			store64(word + 8, load64(word + 8) | customers >> (64 - (low & 63)));
		return;
	}
	for (; customers != 0; customers &= customers - 1)
	{
		uint32		low;
		uint8	   *word;

		row = __builtin_ctzll(customers);
		low = ids[row] & 0xFFFF;
		word = answers->bits + 8 * (low >> 6);
		store64(word, load64(word) | UINT64CONST(1) << (low & 63));
	}
}

void
cd_keep_answers(CdRun *run, CdAsked *asked, int first, uint64 customers, uint64 yes, const TimestampTz *until)
{
	Answers    *answers = asked->results;
	const uint32 *ids = run->ids + first;
	uint64		left;
	uint32	   *next;

	if (answers != NULL && answers->bits != NULL)
		mark(run, answers, ids, yes);
	else if (answers != NULL)
	{
		if (answers->found.count + CD_BLOCK > answers->found.size)
			make_room(run, run->context, &answers->found, CD_BLOCK);
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

void
cd_keep_asked(CdRun *run, CdAsked *asked, uint32 id)
{
	if (asked->results != NULL)
		add_id(run, run->context, &((Answers *) asked->results)->asked, id);
}

void
cd_collect_begin(CdRun *run)
{
	MemoryContext old = MemoryContextSwitchTo(run->context);
	int			i;

	run->ended = palloc0(65536 / 8);
	for (i = 0; i < run->nasked; i++)
	{
		Answers    *answers = palloc0(sizeof(Answers));

		answers->grain_chunk = -1;
		if (run->asked[i].due == NULL)
			answers->bits = palloc0(BITMAP_BYTES);
		run->asked[i].results = answers;
	}
	if (run->turns)
	{
		Datum	   *ids = palloc(Max(run->nasked, 1) * sizeof(Datum));
		Oid			types[] = {INT4ARRAYOID, INT4OID};

		for (i = 0; i < run->nasked; i++)
			ids[i] = Int32GetDatum(run->asked[i].id);
		run->asked_ids = construct_array(ids, run->nasked, INT4OID, sizeof(int32), true, TYPALIGN_INT);
		/* A plan made for so many conditions would be made anew for each chunk, to be the same. */
		run->read_kept = cd_spi_prepare("SELECT condition_id, members, joined, gone FROM customer_data.condition_member "
										"WHERE condition_id = ANY ($1) AND chunk = $2", 2, types, CURSOR_OPT_GENERIC_PLAN);
	}
	MemoryContextSwitchTo(old);
}

/* A row of the members kept, and whose they are. */
typedef struct KeptRow
{
	int32		condition_id;
	HeapTuple	tuple;
} KeptRow;

static int
compare_kept(const void *a, const void *b)
{
	const KeptRow *x = a;
	const KeptRow *y = b;

	return (x->condition_id > y->condition_id) - (x->condition_id < y->condition_id);
}

/* Read what is kept of a chunk, by condition. */
static KeptRow *
read_kept(CdRun *run, uint32 chunk, SPITupleTable **table, int *n)
{
	Datum		args[2];
	KeptRow    *rows;
	int			i;

	args[0] = PointerGetDatum(run->asked_ids);
	args[1] = Int32GetDatum((int32) chunk);
	if (cd_spi_execute(run->read_kept, args) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read members")));
	*table = SPI_tuptable;
	*n = (int) SPI_processed;
	rows = palloc(Max(*n, 1) * sizeof(KeptRow));
	for (i = 0; i < *n; i++)
	{
		bool		isnull;

		rows[i].tuple = SPI_tuptable->vals[i];
		rows[i].condition_id = DatumGetInt32(SPI_getbinval(rows[i].tuple, SPI_tuptable->tupdesc, 1, &isnull));
	}
	qsort(rows, *n, sizeof(KeptRow), compare_kept);
	return rows;
}

/* A set of a row, NULL where it has none. */
static const CdSet *
set_of_row(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(tuple, desc, column, &isnull);

	return isnull ? NULL : DatumGetCdSet(value);
}

/* Send what became of one condition's members in a chunk, if anything did. */
static void
put_turn(CdRun *run, CdAsked *asked, uint32 chunk, const CdSet *all, const CdSet *found, const KeptRow *row, TupleDesc desc)
{
	Answers    *answers = asked->results;
	CdKept		before = {0};
	CdTurn		turn;
	Datum		sets[CD_TURN_SETS];
	bool		missing[CD_TURN_SETS];
	Datum		values[8];
	bool		nulls[8] = {false, false, false, true, false, true, true, false};
	int			others = CD_TURN_SETS - 1;
	int			one = 1;

	if (asked->due != NULL)
	{
		CdSet	   *due = cd_set_slice(asked->due, chunk << 16, chunk << 16 | 0xFFFF);

		all = asked->apart ? due : cd_set_or(all, due);
		if (answers->asked.count > 0)
			all = cd_set_or(all, cd_set_from_sorted(answers->asked.ids, answers->asked.count));
		if (cd_set_is_empty(all))
			return;
	}
	if (row != NULL)
	{
		before.members = set_of_row(row->tuple, desc, 2);
		before.joined = set_of_row(row->tuple, desc, 3);
		before.gone = set_of_row(row->tuple, desc, 4);
	}
	if (!cd_turn(&before, asked->due == NULL ? NULL : all, found, &turn))
		return;
	cd_turn_sets(&turn, sets, missing);
	values[0] = Int32GetDatum(asked->id);
	values[1] = CStringGetTextDatum("turn");
	values[2] = Int32GetDatum((int32) chunk);
	values[4] = sets[0];
	nulls[4] = missing[0];
	values[7] = PointerGetDatum(construct_md_array(sets + 1, missing + 1, 1, &others, &one, run->set_type, -1, false, TYPALIGN_INT));
	send_values(run, values, nulls);
}

void
cd_end_chunk(CdRun *run, uint32 chunk)
{
	MemoryContext old = MemoryContextSwitchTo(run->batch);
	SPITupleTable *table = NULL;
	KeptRow    *rows = NULL;
	CdSet	   *touched = NULL;
	int			nrows = 0;
	int			i;

	run->ended[chunk >> 3] |= 1 << (chunk & 7);
	if (run->turns)
	{
		rows = read_kept(run, chunk, &table, &nrows);
		touched = cd_set_slice(run->touched, chunk << 16, chunk << 16 | 0xFFFF);
	}
	MemoryContextSwitchTo(run->row);
	for (i = 0; i < run->nasked; i++)
	{
		CdAsked	   *asked = &run->asked[i];
		Answers    *answers = asked->results;
		CdSet	   *found;
		KeptRow		key = {.condition_id = asked->id};

		CHECK_FOR_INTERRUPTS();
		if (answers->bits == NULL)
			found = cd_set_from_sorted(answers->found.ids, answers->found.count);
		else
			found = answers->any ? cd_set_from_bits(chunk, answers->bits) : cd_set_empty();
		if (!asked->failed && run->turns)
			put_turn(run, asked, chunk, touched, found,
					 bsearch(&key, rows, nrows, sizeof(KeptRow), compare_kept), table->tupdesc);
		else if (!asked->failed && !cd_set_is_empty(found))
			put_row(run, asked->id, "true", chunk, found, NULL);
		if (answers->any)
			memset(answers->bits, 0, BITMAP_BYTES);
		answers->any = false;
		answers->found.count = answers->asked.count = 0;
		MemoryContextReset(run->row);
	}
	if (table != NULL)
		SPI_freetuptable(table);
	MemoryContextSwitchTo(old);
}

void
cd_end_missed(CdRun *run)
{
	MemoryContext old = MemoryContextSwitchTo(run->batch);
	Oid			types[] = {INT4ARRAYOID};
	Datum		args[1];
	uint32		least = run->ranged ? run->least >> 16 : 0;
	uint32		greatest = run->ranged ? run->greatest >> 16 : 0xFFFF;
	uint8	   *missed = palloc0(65536 / 8);
	CdSetIterator walk;
	uint32		first,
				last,
				chunk;
	uint64		k;

	/* Those that members are kept of, and those that somebody was due in. */
	args[0] = PointerGetDatum(run->asked_ids);
	if (cd_spi_query("SELECT DISTINCT chunk FROM customer_data.condition_member WHERE condition_id = ANY ($1)",
					 1, types, args, NULL) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read members")));
	for (k = 0; k < SPI_processed; k++)
	{
		bool		isnull;

		chunk = (uint32) DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[k], SPI_tuptable->tupdesc, 1, &isnull));
		missed[chunk >> 3 & 0x1FFF] |= 1 << (chunk & 7);
	}
	SPI_freetuptable(SPI_tuptable);
	cd_set_begin(&walk, run->due);
	while (cd_set_next_range(&walk, &first, &last))
		missed[first >> 19] |= 1 << (first >> 16 & 7);
	for (chunk = least; chunk <= greatest; chunk++)
		if ((missed[chunk >> 3] & ~run->ended[chunk >> 3] & 1 << (chunk & 7)) != 0)
			cd_end_chunk(run, chunk);
	MemoryContextSwitchTo(old);
}

void
cd_send_error(CdRun *run, CdAsked *asked, ErrorData *error, int row)
{
	put_row(run, asked->id, "error", -1,
			row >= 0 ? cd_set_from_sorted(&run->ids[row], 1) : NULL, cd_error_line(error));
}
