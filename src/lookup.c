/*
 * lookup.c
 *		Rows of one of our tables by an integer column, many values at once:
 *		one scan of the index where values lie close together, else a look for
 *		each.  No statement is planned, and rows are not copied.
 */
#include "postgres.h"

#include "lookup.h"

#include "customer_data.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/tableam.h"
#include "access/visibilitymap.h"
#include "catalog/pg_am_d.h"
#include "executor/tuptable.h"
#include "index_walk.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Of a range of values at least one in so many must be asked for, or each is looked up. */
#define MOST_GAPS	3

/*
 * So many rows are on their way from memory at a time; each keeps a page
 * pinned, and beyond eight pins in all the server counts them in a slower way.
 */
#define FETCHED_AHEAD	5

/* Rows being looked up by places that an index has. */
typedef struct Fetch
{
	Relation	relation;
	bool		heap;			/* kept by the heap, whose pages can be read directly */
	ItemPointerData waiting[FETCHED_AHEAD];
	int			nwaiting;
	IndexFetchTableData *table;
	TupleTableSlot *slot;
	Snapshot	snapshot;
	TupleDesc	entry_desc;		/* of index entries */
	Buffer		map;			/* page of the visibility map looked at last */
	CdTakeRow	take_row;
	CdTakeEntry take_entry;
	void	   *arg;
} Fetch;

bool
cd_lookup_is_dense(int64 least, int64 most, int count)
{
	return (uint64) most - (uint64) least < (uint64) count * MOST_GAPS;
}

/* Conditions that a column, by its number in the table or index, lies in a range */
static void
range_keys(ScanKey keys, AttrNumber column, int64 least, int64 most)
{
	ScanKeyInit(&keys[0], column, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(least));
	ScanKeyInit(&keys[1], column, BTLessEqualStrategyNumber, F_INT8LE, Int64GetDatum(most));
}

void
cd_lookup_range(Relation relation, Oid index, AttrNumber column, int64 least, int64 most, CdTakeRow take, void *arg)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	range_keys(keys, column, least, most);
	scan = systable_beginscan(relation, index, OidIsValid(index), GetActiveSnapshot(), 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CHECK_FOR_INTERRUPTS();
		take(arg, tuple, RelationGetDescr(relation));
	}
	systable_endscan(scan);
}

static void
begin_fetch(Fetch *fetch, Relation relation, void *arg)
{
	*fetch = (Fetch) {.relation = relation, .heap = relation->rd_rel->relam == HEAP_TABLE_AM_OID,
					  .snapshot = GetActiveSnapshot(), .map = InvalidBuffer, .arg = arg};
	fetch->table = table_index_fetch_begin(relation);
	fetch->slot = table_slot_create(relation, NULL);
}

static void
end_fetch(Fetch *fetch)
{
	table_index_fetch_end(fetch->table);
	ExecDropSingleTupleTableSlot(fetch->slot);
	if (BufferIsValid(fetch->map))
		ReleaseBuffer(fetch->map);
}

/* Fetch the version of a row that the snapshot sees; false if there is none */
static bool
fetch_row(Fetch *fetch, ItemPointer place)
{
	ItemPointerData at = *place;
	bool		again = false;

	return table_index_fetch_tuple(fetch->table, &at, fetch->snapshot, fetch->slot, &again, NULL);
}

/*
 * Hand over the rows that wait.  Their pages are all asked for first, then what
 * lies on them, so that memory is waited for once and not for each row.  Pages
 * are not pruned on the way, which is left to whoever writes on them.
 */
static void
take_waiting(Fetch *fetch)
{
	Buffer		buffers[FETCHED_AHEAD];
	int			n = fetch->nwaiting;
	int			i;

	for (i = 0; i < n; i++)
	{
		Page		page;

		buffers[i] = ReadBuffer(fetch->relation, ItemPointerGetBlockNumber(&fetch->waiting[i]));
		page = BufferGetPage(buffers[i]);
		__builtin_prefetch(page);
		__builtin_prefetch(PageGetItemId(page, ItemPointerGetOffsetNumber(&fetch->waiting[i])));
	}
	for (i = 0; i < n; i++)
	{
		Page		page = BufferGetPage(buffers[i]);

		/* Where it points may change until the page is locked; then this was of no use. */
		__builtin_prefetch((char *) page + ItemIdGetOffset(PageGetItemId(page, ItemPointerGetOffsetNumber(&fetch->waiting[i]))));
	}
	for (i = 0; i < n; i++)
	{
		HeapTupleData tuple;
		bool		found;

		LockBuffer(buffers[i], BUFFER_LOCK_SHARE);
		found = heap_hot_search_buffer(&fetch->waiting[i], fetch->relation, buffers[i], fetch->snapshot, &tuple, NULL, true);
		LockBuffer(buffers[i], BUFFER_LOCK_UNLOCK);
		if (found)
		{
			pgstat_count_heap_fetch(fetch->relation);
			fetch->take_row(fetch->arg, &tuple, RelationGetDescr(fetch->relation));
		}
		ReleaseBuffer(buffers[i]);
	}
	fetch->nwaiting = 0;
}

/* Hand over the row of an index entry, now or with others */
static void
take_row(void *arg, ItemPointer place, IndexTuple entry)
{
	Fetch	   *fetch = arg;

	if (fetch->heap)
	{
		fetch->waiting[fetch->nwaiting++] = *place;
		if (fetch->nwaiting == FETCHED_AHEAD)
			take_waiting(fetch);
	}
	else if (fetch_row(fetch, place))
		fetch->take_row(fetch->arg, ExecFetchSlotHeapTuple(fetch->slot, false, NULL), RelationGetDescr(fetch->relation));
}

/* Hand over an index entry, if the snapshot sees its row; that is looked at only on pages where some changed since the last VACUUM */
static void
take_entry(void *arg, ItemPointer place, IndexTuple entry)
{
	Fetch	   *fetch = arg;
	BlockNumber page = ItemPointerGetBlockNumber(place);

	if (VM_ALL_VISIBLE(fetch->relation, page, &fetch->map))
		PredicateLockPage(fetch->relation, page, fetch->snapshot);
	else if (!fetch_row(fetch, place))
		return;
	fetch->take_entry(fetch->arg, entry, fetch->entry_desc);
}

void
cd_lookup(Relation relation, Oid index_id, AttrNumber column, const int64 *values, int count, CdTakeRow take, void *arg)
{
	Relation	index;
	bool		walks;

	if (count == 0)
		return;
	index = OidIsValid(index_id) && !cd_lookup_is_dense(values[0], values[count - 1], count) ? index_open(index_id, AccessShareLock) : NULL;
	walks = index != NULL && cd_index_is_walkable(index);
	if (walks)
	{
		Fetch		fetch;

		begin_fetch(&fetch, relation, arg);
		fetch.take_row = take;
		cd_index_walk(index, fetch.snapshot, values, count, false, take_row, &fetch);
		take_waiting(&fetch);
		end_fetch(&fetch);
	}
	else
		cd_lookup_range(relation, index_id, column, values[0], values[count - 1], take, arg);
	if (index != NULL)
		index_close(index, AccessShareLock);
}

/* The entries whose first column lies in a range */
static void
read_entries(Fetch *fetch, Relation index, int64 least, int64 most)
{
	IndexScanDesc scan = cd_index_beginscan(fetch->relation, index, fetch->snapshot, 2);
	ScanKeyData keys[2];
	ItemPointer place;

	range_keys(keys, 1, least, most);
	scan->xs_want_itup = true;
	index_rescan(scan, keys, 2, NULL, 0);
	while ((place = index_getnext_tid(scan, ForwardScanDirection)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		take_entry(fetch, place, scan->xs_itup);
	}
	index_endscan(scan);
}

void
cd_lookup_entries(Relation relation, Oid index_id, const int64 *values, int count, CdTakeEntry take, void *arg)
{
	Relation	index;
	Fetch		fetch;

	if (count == 0)
		return;
	index = index_open(index_id, AccessShareLock);
	begin_fetch(&fetch, relation, arg);
	fetch.take_entry = take;
	fetch.entry_desc = RelationGetDescr(index);
	if (!cd_lookup_is_dense(values[0], values[count - 1], count) && cd_index_is_walkable(index))
		cd_index_walk(index, fetch.snapshot, values, count, true, take_entry, &fetch);
	else
		read_entries(&fetch, index, values[0], values[count - 1]);
	end_fetch(&fetch);
	index_close(index, AccessShareLock);
}
