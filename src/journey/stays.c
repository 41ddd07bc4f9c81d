/*
 * stays.c
 *		What comes out of a walk: rows of (what, customer, stage, entered, left,
 *		why, due, members, message, place).
 *
 *	'stay'	a stay in a stage; where stays are compared with those stored, those
 *			to 'update' and to 'delete' at a place (new ones are inserted here)
 *	'due'	customers whose stage may change at "due" if nothing new arrives
 *	'holds'	a stage whose condition holds in the end, where one customer is asked for
 *	'error'	the message of the stage's condition, and whom it happened with
 * and, where stays are compared,
 *	'in'	customers that are in a stage now
 *	'changed' customers whose stays differ from those stored
 *	'gone'	those of the customers asked for that there are not
 */
#include "postgres.h"

#include "journey/walk.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define WALK_COLUMNS	10

/* Columns of stage_stay, as 10_journey.sql declares them. */
#define STAY_COLUMNS	6

/* Send one row of the columns that are given. */
static void
put_row(Walk *walk, const char *what, const Datum *values, const bool *nulls)
{
	Datum		row[WALK_COLUMNS];
	bool		row_nulls[WALK_COLUMNS];

	memcpy(row, values, sizeof(row));
	memcpy(row_nulls, nulls, sizeof(row_nulls));
	row[0] = CStringGetTextDatum(what);
	row_nulls[0] = false;
	tuplestore_putvalues(walk->run.store, walk->run.rowtype, row, row_nulls);
}

/* Send a stay. */
static void
put_stay(Walk *walk, const char *what, uint32 customer, const Stay *stay, const ItemPointerData *place)
{
	Datum		values[WALK_COLUMNS] = {0};
	bool		nulls[WALK_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	values[1] = Int64GetDatum((int64) customer);
	values[2] = Int32GetDatum(stay->stage);
	values[3] = TimestampTzGetDatum(stay->entered);
	nulls[1] = nulls[2] = nulls[3] = false;
	values[4] = TimestampTzGetDatum(stay->left);
	nulls[4] = stay->left == DT_NOEND;
	values[5] = stay->cause ? CStringGetTextDatum(stay->cause) : (Datum) 0;
	nulls[5] = stay->cause == NULL;
	values[9] = PointerGetDatum(place);
	nulls[9] = place == NULL;
	put_row(walk, what, values, nulls);
}

/* Send a set of customers, with a stage (0: none) or a moment (DT_NOEND: none). */
static void
put_set(Walk *walk, const char *what, int32 stage, TimestampTz due, CdSet *set)
{
	Datum		values[WALK_COLUMNS] = {0};
	bool		nulls[WALK_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	values[2] = Int32GetDatum(stage);
	nulls[2] = stage == 0;
	values[6] = TimestampTzGetDatum(due);
	nulls[6] = due == DT_NOEND;
	values[7] = PointerGetDatum(set);
	nulls[7] = false;
	put_row(walk, what, values, nulls);
}

void
cd_walk_put_error(Walk *walk, int64 customer, int32 stage, const char *message)
{
	Datum		values[WALK_COLUMNS] = {0};
	bool		nulls[WALK_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	values[1] = Int64GetDatum(customer);
	nulls[1] = customer < 0;
	values[2] = Int32GetDatum(stage);
	values[8] = CStringGetTextDatum(message);
	nulls[2] = nulls[8] = false;
	put_row(walk, "error", values, nulls);
}

void
cd_walk_put_holds(Walk *walk, int row, int32 stage)
{
	Datum		values[WALK_COLUMNS] = {0};
	bool		nulls[WALK_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	values[1] = Int64GetDatum((int64) walk->run.ids[row]);
	values[2] = Int32GetDatum(stage);
	nulls[1] = nulls[2] = false;
	put_row(walk, "holds", values, nulls);
}

void
cd_walk_prepare_stored(Walk *walk)
{
	Oid			types[] = {INT4OID, INT8ARRAYOID};

	/* customer by customer, in their order: all rows of a journey in the order of its index would look no dearer while it grows */
	walk->read_stays = SPI_prepare("SELECT y.* FROM pg_catalog.unnest($2) AS c (customer_id), LATERAL ("
								   "SELECT y.customer_id, y.stage_id, y.entered_at, y.left_at, y.why, y.ctid FROM customer_data.stage_stay y "
								   "WHERE y.journey_id = $1 AND y.customer_id = c.customer_id ORDER BY y.entered_at OFFSET 0) AS y",
								   2, types);
	walk->present = palloc(sizeof(int) * CD_BATCH);
	walk->changed = palloc(sizeof(uint32) * CD_BATCH);
	walk->met = cd_set_builder();
	walk->insertion = cd_insertion_begin("stage_stay", STAY_COLUMNS, false);
	walk->fresh_size = CD_BATCH;
	walk->fresh = palloc(sizeof(NewStay) * walk->fresh_size);
}

/* Keep a new stay until the batch ends, which runs as the owner of the journey */
static void
keep_fresh(Walk *walk, uint32 customer, const Stay *stay)
{
	MemoryContext old = MemoryContextSwitchTo(walk->run.batch);
	NewStay    *fresh;

	if (walk->nfresh == walk->fresh_size)
		walk->fresh = repalloc_huge(walk->fresh, sizeof(NewStay) * (walk->fresh_size *= 2));
	fresh = &walk->fresh[walk->nfresh++];
	fresh->customer = customer;
	fresh->stage = stay->stage;
	fresh->entered = stay->entered;
	fresh->left = stay->left;
	fresh->cause = stay->cause ? CStringGetTextDatum(stay->cause) : (Datum) 0;
	MemoryContextSwitchTo(old);
}

/* Insert the new stays of the batch */
static void
insert_fresh(Walk *walk)
{
	int			i;

	for (i = 0; i < walk->nfresh; i++)
	{
		const NewStay *fresh = &walk->fresh[i];
		Datum		values[STAY_COLUMNS];
		bool		nulls[STAY_COLUMNS] = {0};

		values[0] = Int32GetDatum(walk->journey);
		values[1] = Int64GetDatum((int64) fresh->customer);
		values[2] = TimestampTzGetDatum(fresh->entered);
		values[3] = TimestampTzGetDatum(fresh->left);
		nulls[3] = fresh->left == DT_NOEND;
		values[4] = Int32GetDatum(fresh->stage);
		values[5] = fresh->cause;
		nulls[5] = fresh->cause == (Datum) 0;
		cd_insertion_add(walk->insertion, values, nulls);
	}
}

void
cd_walk_read_stored(Walk *walk)
{
	CdRun	   *run = &walk->run;
	Datum	   *ids = palloc(sizeof(Datum) * run->count);
	Datum		args[2];
	uint64		k;

	for (k = 0; k < (uint64) run->count; k++)
	{
		ids[k] = Int64GetDatum((int64) run->ids[k]);
		cd_set_builder_add(walk->met, run->ids[k]);
	}
	args[0] = Int32GetDatum(walk->journey);
	args[1] = PointerGetDatum(construct_array(ids, run->count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	if (SPI_execute_plan(walk->read_stays, args, NULL, true, 0) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read the stays of customers")));
	walk->nstored = (int) SPI_processed;
	walk->next_stored = walk->nchanged = walk->nfresh = 0;
	walk->stored = palloc(sizeof(Stay) * Max(1, walk->nstored));
	for (k = 0; k < SPI_processed; k++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[k];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		Stay	   *stay = &walk->stored[k];
		bool		isnull;
		Datum		value;

		stay->customer = cd_set_id(DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull)));
		stay->stage = DatumGetInt32(SPI_getbinval(tuple, desc, 2, &isnull));
		stay->entered = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 3, &isnull));
		value = SPI_getbinval(tuple, desc, 4, &isnull);
		stay->left = isnull ? DT_NOEND : DatumGetTimestampTz(value);
		value = SPI_getbinval(tuple, desc, 5, &isnull);
		stay->cause = isnull ? NULL : TextDatumGetCString(value);
		value = SPI_getbinval(tuple, desc, 6, &isnull);
		stay->place = *(ItemPointer) DatumGetPointer(value);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Do two stays that begin alike go on alike? */
static bool
same_stay(const Stay *a, const Stay *b)
{
	return a->stage == b->stage && a->left == b->left &&
		(a->cause == NULL) == (b->cause == NULL) &&
		(a->cause == NULL || strcmp(a->cause, b->cause) == 0);
}

void
cd_walk_put_stays(Walk *walk, int row)
{
	uint32		customer = walk->run.ids[row];
	bool		changed = false;
	int			i = 0;

	if (!walk->compare)
	{
		for (; i < walk->nstays; i++)
			put_stay(walk, "stay", customer, &walk->stays[i], NULL);
		return;
	}
	walk->present[row] = -1;
	for (;;)
	{
		Stay	   *found = i < walk->nstays ? &walk->stays[i] : NULL;
		Stay	   *stored = walk->next_stored < walk->nstored ? &walk->stored[walk->next_stored] : NULL;

		if (stored != NULL && stored->customer != customer)
			stored = NULL;
		if (found == NULL && stored == NULL)
			break;
		if (found != NULL && found->left == DT_NOEND)
			walk->present[row] = found->stage;
		if (stored == NULL || (found != NULL && found->entered < stored->entered))
		{
			keep_fresh(walk, customer, found);
			changed = true;
			i++;
		}
		else if (found == NULL || stored->entered < found->entered)
		{
			put_stay(walk, "delete", customer, stored, &stored->place);
			changed = true;
			walk->next_stored++;
		}
		else
		{
			if (!same_stay(found, stored))
			{
				put_stay(walk, "update", customer, found, &stored->place);
				changed = true;
			}
			walk->next_stored++;
			i++;
		}
	}
	if (changed)
		walk->changed[walk->nchanged++] = customer;
}

/* Order customers by the moment they are due. */
static int
compare_due(const void *a, const void *b, void *arg)
{
	TimestampTz x = ((TimestampTz *) arg)[*(const int *) a];
	TimestampTz y = ((TimestampTz *) arg)[*(const int *) b];

	return x < y ? -1 : x > y;
}

/* Send when each customer of the batch is due, as sets. */
static void
put_dues(Walk *walk)
{
	CdRun	   *run = &walk->run;
	int		   *order = palloc(sizeof(int) * run->count);
	uint32	   *ids = palloc(sizeof(uint32) * run->count);
	int			from = 0;
	int			i;

	for (i = 0; i < run->count; i++)
	{
		order[i] = i;
		if (walk->due[i] != DT_NOEND)
			walk->due[i] = cd_recheck_at(walk->due[i], run->now);
	}
	qsort_arg(order, run->count, sizeof(int), compare_due, walk->due);
	while (from < run->count && walk->due[order[from]] != DT_NOEND)
	{
		int			to = from;

		while (to < run->count && walk->due[order[to]] == walk->due[order[from]])
		{
			ids[to - from] = run->ids[order[to]];
			to++;
		}
		put_set(walk, "due", 0, walk->due[order[from]], cd_set_from_sorted(ids, to - from));
		from = to;
	}
}

void
cd_walk_put_batch(Walk *walk)
{
	CdRun	   *run = &walk->run;
	uint32	   *ids = palloc(sizeof(uint32) * run->count);
	int			i,
				row,
				n;

	put_dues(walk);
	if (!walk->compare)
		return;
	insert_fresh(walk);
	for (i = 0; i < walk->nstages; i++)
	{
		for (row = n = 0; row < run->count; row++)
			if (walk->present[row] == walk->stages[i].id)
				ids[n++] = run->ids[row];
		if (n > 0)
			put_set(walk, "in", walk->stages[i].id, DT_NOEND, cd_set_from_sorted(ids, n));
	}
	if (walk->nchanged > 0)
		put_set(walk, "changed", 0, DT_NOEND, cd_set_from_sorted(walk->changed, walk->nchanged));
}

void
cd_walk_put_end(Walk *walk)
{
	CdSet	   *gone;

	if (!walk->compare)
		return;
	cd_insertion_end(walk->insertion);
	if (walk->run.due == NULL)
		return;
	gone = cd_set_andnot(walk->run.due, cd_set_builder_value(walk->met));
	if (!cd_set_is_empty(gone))
		put_set(walk, "gone", 0, DT_NOEND, gone);
	cd_set_builder_free(walk->met);
}
