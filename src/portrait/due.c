/*
 * due.c
 *		Who is to be looked at again, when: sets of customers by moment.
 *
 * Moments are rounded down (see cd_due_moment), so that the answers of a
 * million customers share a few hundred sets.
 */
#include "postgres.h"

#include "portrait/due.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "portrait/evaluate.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

typedef struct DueKey
{
	TimestampTz moment;
	int64		what;
} DueKey;

typedef struct DueEntry
{
	DueKey		key;
	CdSetBuilder *customers;
} DueEntry;

struct CdDue
{
	MemoryContext context;
	TimestampTz now;
	HTAB	   *entries;
	DueEntry   *last;			/* found last: neighbours share moments */
};

CdDue *
cd_due_create(TimestampTz now)
{
	CdDue	   *due = palloc0(sizeof(CdDue));
	HASHCTL		control = {0};

	due->context = AllocSetContextCreate(CurrentMemoryContext, "due customers", ALLOCSET_DEFAULT_SIZES);
	due->now = now;
	control.keysize = sizeof(DueKey);
	control.entrysize = sizeof(DueEntry);
	control.hcxt = due->context;
	due->entries = hash_create("due customers", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return due;
}

void
cd_due_add(CdDue *due, int what, TimestampTz until, uint32 customer)
{
	DueKey		key;
	bool		found;

	if (TIMESTAMP_IS_NOEND(until))
		return;
	key.moment = cd_due_moment(until, due->now);
	key.what = what;
	if (due->last == NULL || due->last->key.moment != key.moment || due->last->key.what != key.what)
	{
		due->last = hash_search(due->entries, &key, HASH_ENTER, &found);
		if (!found)
		{
			MemoryContext old = MemoryContextSwitchTo(due->context);

			due->last->customers = cd_set_builder();
			MemoryContextSwitchTo(old);
		}
	}
	cd_set_builder_add(due->last->customers, customer);
}

void
cd_due_write(CdDue *due, int what, Datum key, Oid key_type, const char *statement)
{
	HASH_SEQ_STATUS scan;
	DueEntry   *entry;
	Oid			types[3] = {key_type, TIMESTAMPTZOID, InvalidOid};
	Datum		values[3];
	SPIPlanPtr	plan = NULL;

	types[2] = cd_customer_set_type();
	hash_seq_init(&scan, due->entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		CdSet	   *set;

		if (entry->key.what != what)
			continue;
		set = cd_set_builder_value(entry->customers);
		values[0] = key;
		values[1] = TimestampTzGetDatum(entry->key.moment);
		values[2] = PointerGetDatum(set);
		if (plan == NULL)
			plan = SPI_prepare(statement, 3, types);
		if (plan == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not prepare a query: %s", SPI_result_code_string(SPI_result))));
		SPI_execute_plan(plan, values, NULL, false, 0);
		pfree(set);
	}
	if (plan != NULL)
		SPI_freeplan(plan);
}
