/*
 * tag_store.c
 *		The stored tagsets, and the tags that were given, batch by batch.
 */
#include "postgres.h"

#include "portrait/tag_store.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "insertion.h"
#include "lookup.h"
#include "portrait/refresh.h"
#include "portrait/tag_index.h"
#include "timeline/chunk.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

struct CdTagStore
{
	MemoryContext batch;
	bool		past;			/* only what was given is read, nothing written */
	Oid			tagset_array;
	bool		is_empty;		/* nothing was stored when it was opened */
	Relation	relation;		/* customer_tag */
	Oid			by_customer;	/* its index */
	CdInsertion *insertion;		/* of customers that had no row */
	CdTagIndex *index;			/* a layer of it, written along; NULL: of what is stored some is not indexed */
	CdTagLayer *layers;			/* that there are, the latest first */
	int			nlayers;
	SPITupleTable *given_rows;	/* of the batch */
	CdCustomerTags *stored;
	int			nstored;
	int			stored_room;

	/* Rows that replace others, by their places */
	uint32	   *customers;
	Datum	   *places;
	Datum	   *tags;
	int			count;
	int			size;
};

/* Does the active snapshot see no row of a table? */
static bool
is_empty(Relation relation)
{
	TableScanDesc scan = table_beginscan(relation, GetActiveSnapshot(), 0, NULL);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	bool		found = table_scan_getnextslot(scan, ForwardScanDirection, slot);

	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	return !found;
}

CdTagStore *
cd_tag_store_open(MemoryContext batch, bool past)
{
	CdTagStore *store = palloc0(sizeof(CdTagStore));
	CdSet	   *everyone;

	store->batch = batch;
	store->past = past;
	if (past)
		return store;
	store->tagset_array = get_array_type(GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("tagset"),
														 ObjectIdGetDatum(get_namespace_oid("customer_data", false))));
	store->relation = cd_open_tag_table("customer_tag");
	store->is_empty = is_empty(store->relation);
	store->by_customer = cd_index_on(store->relation, 1);
	/* Index entries at once: building the index at the end would wait for readers, and they for us. */
	store->insertion = cd_insertion_begin("customer_tag", 2, false);
	store->layers = cd_tag_layers(&store->nlayers, &everyone);
	if (store->is_empty || store->nlayers > 0)
		store->index = cd_tag_index_begin(store->nlayers == 0 ? CD_EVERYONE + 1 : store->layers[0].number + 1);
	return store;
}

bool
cd_tag_store_close(CdTagStore *store)
{
	if (store->past)
		return false;
	table_close(store->relation, NoLock);
	cd_insertion_end(store->insertion);
	if (store->index == NULL)
		return false;
	return cd_tag_index_end_alone(store->index, store->nlayers == 0 ? NULL : &store->layers[0]);
}

/* The tagsets in the rows a query found, by customer ascending; they live as long as its rows */
static CdCustomerTags *
take_tags(CdTagStore *store, int *found)
{
	CdCustomerTags *list;
	uint64		i;

	/* SPI comes back in a context that lives as long as its connection. */
	MemoryContextSwitchTo(store->batch);
	list = palloc((SPI_processed + 1) * sizeof(CdCustomerTags));
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		list[i].customer = (uint32) DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
		list[i].tags = (CdTagset *) PG_DETOAST_DATUM_PACKED(SPI_getbinval(row, desc, 2, &isnull));
		ItemPointerSetInvalid(&list[i].place);
	}
	*found = (int) SPI_processed;
	return list;
}

/* Keep a row of customer_tag */
static void
take_stored(void *arg, HeapTuple tuple, TupleDesc desc)
{
	CdTagStore *store = arg;
	CdCustomerTags *tags;
	bool		isnull;

	if (store->nstored == store->stored_room)
		store->stored = repalloc_huge(store->stored, (store->stored_room *= 2) * sizeof(CdCustomerTags));
	tags = &store->stored[store->nstored++];
	tags->customer = (uint32) DatumGetInt64(heap_getattr(tuple, 1, desc, &isnull));
	tags->tags = (CdTagset *) PG_DETOAST_DATUM_COPY(heap_getattr(tuple, 2, desc, &isnull));
	tags->place = tuple->t_self;
}

static int
compare_customers(const void *a, const void *b)
{
	uint32		x = ((const CdCustomerTags *) a)->customer;
	uint32		y = ((const CdCustomerTags *) b)->customer;

	return (x > y) - (x < y);
}

CdCustomerTags *
cd_tag_store_fetch(CdTagStore *store, const uint32 *ids, int count, int *found)
{
	MemoryContext old;
	int64	   *values;
	int			i;

	*found = 0;
	if (store->is_empty || count == 0)
		return NULL;
	old = MemoryContextSwitchTo(store->batch);
	values = palloc(count * sizeof(int64));
	for (i = 0; i < count; i++)
		values[i] = ids[i];
	store->nstored = 0;
	store->stored_room = count + 16;
	store->stored = palloc(store->stored_room * sizeof(CdCustomerTags));
	cd_lookup(store->relation, store->by_customer, 1, values, count, take_stored, store);
	pfree(values);
	if (!OidIsValid(store->by_customer))
		qsort(store->stored, store->nstored, sizeof(CdCustomerTags), compare_customers);
	MemoryContextSwitchTo(old);
	*found = store->nstored;
	return store->stored;
}

CdCustomerTags *
cd_tag_store_given(CdTagStore *store, const uint32 *ids, int count, int *found)
{
	Oid			types[1] = {INT8ARRAYOID};
	Datum		arguments[1] = {cd_ids_array(ids, count)};

	SPI_execute_with_args(psprintf("SELECT r.customer_id, customer_data.tagset_agg(g.path, g.score, g.at, NULL, g.until ORDER BY g.at)"
								   " FROM customer_data.given_tag g JOIN customer_data.source_record r USING (record_id)"
								   " WHERE r.customer_id OPERATOR(pg_catalog.=) ANY ($1)%s GROUP BY 1 ORDER BY 1",
								   store->past ? " AND g.at OPERATOR(pg_catalog.<=) customer_data.as_of()" : ""),
						  1, types, arguments, NULL, true, 0);
	store->given_rows = SPI_tuptable;
	return take_tags(store, found);
}

const CdCustomerTags *
cd_find_tags(const CdCustomerTags *list, int count, uint32 customer)
{
	int			low = 0,
				high = count;

	while (low < high)
	{
		int			mid = low + (high - low) / 2;

		if (list[mid].customer < customer)
			low = mid + 1;
		else
			high = mid;
	}
	return low < count && list[low].customer == customer ? &list[low] : NULL;
}

void
cd_tag_store_put(CdTagStore *store, uint32 customer, const CdTagset *tags, const CdTagBuilder *builder,
				 const CdCustomerTags *stored)
{
	MemoryContext old;

	if (store->index != NULL)
		cd_tag_index_add(store->index, customer, builder->tags, builder->count);
	if (stored == NULL)
	{
		Datum		values[2] = {Int64GetDatum((int64) customer), PointerGetDatum(tags)};
		bool		nulls[2] = {false, false};

		cd_insertion_add(store->insertion, values, nulls);
		return;
	}
	old = MemoryContextSwitchTo(store->batch);
	if (store->places == NULL)
	{
		store->size = 256;
		store->customers = palloc(store->size * sizeof(uint32));
		store->places = palloc(store->size * sizeof(Datum));
		store->tags = palloc(store->size * sizeof(Datum));
	}
	else if (store->count == store->size)
	{
		store->size *= 2;
		store->customers = repalloc_huge(store->customers, store->size * sizeof(uint32));
		store->places = repalloc_huge(store->places, store->size * sizeof(Datum));
		store->tags = repalloc_huge(store->tags, store->size * sizeof(Datum));
	}
	store->customers[store->count] = customer;
	store->places[store->count] = PointerGetDatum(&stored->place);
	store->tags[store->count++] = PointerGetDatum(memcpy(palloc(VARSIZE(tags)), tags, VARSIZE(tags)));
	MemoryContextSwitchTo(old);
}

/* Put new tagsets into rows by a statement; answers how many were as they had been read */
static uint64
update_rows(CdTagStore *store)
{
	Oid			types[2] = {TIDARRAYOID, store->tagset_array};
	Datum		arguments[2];

	arguments[0] = PointerGetDatum(construct_array(store->places, store->count, TIDOID, sizeof(ItemPointerData),
												   false, TYPALIGN_SHORT));
	arguments[1] = PointerGetDatum(construct_array(store->tags, store->count, get_element_type(store->tagset_array), -1,
												   false, TYPALIGN_INT));
	SPI_execute_with_args("UPDATE customer_data.customer_tag t SET tags = u.tags"
						  " FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS u (place, tags)"
						  " WHERE t.ctid OPERATOR(pg_catalog.=) u.place",
						  2, types, arguments, NULL, false, 0);
	return SPI_processed;
}

/* The same without one, where nothing else is to be done */
static uint64
replace_rows(CdTagStore *store)
{
	bool		nulls[2] = {false, false};
	uint64		replaced = 0;
	int			i;

	for (i = 0; i < store->count; i++)
	{
		Datum		values[2] = {Int64GetDatum((int64) store->customers[i]), store->tags[i]};

		replaced += cd_insertion_replace(store->insertion, (ItemPointer) DatumGetPointer(store->places[i]), values, nulls);
	}
	return replaced;
}

void
cd_tag_store_end_batch(CdTagStore *store)
{
	MemoryContext old = MemoryContextSwitchTo(store->batch);

	if (store->count > 0)
	{
		uint64		written = cd_insertion_replaces(store->insertion) ? replace_rows(store) : update_rows(store);

		/* No refresh runs beside this one, so that rows are where they were read, unless somebody writes by hand. */
		if (written != (uint64) store->count)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("tags of customers were changed by hand while they were refreshed"),
					 errdetail("Of %d rows of customer_data.customer_tag " UINT64_FORMAT " are as they were read; nothing was written.",
							   store->count, written),
					 errhint("Run refresh_tags() again.")));
	}
	SPI_freetuptable(store->given_rows);
	store->given_rows = NULL;
	/* Of the batch's memory, which goes. */
	store->places = store->tags = NULL;
	store->customers = NULL;
	store->stored = NULL;
	store->count = 0;
	MemoryContextSwitchTo(old);
}
