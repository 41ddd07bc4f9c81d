/*
 * chunk_batch.c
 *		The timelines of batch after batch of customers, by the indexes of the
 *		tables: one walk over each where ids lie close together, else a look for
 *		each id.
 */
#include "postgres.h"

#include "timeline/chunk.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* Of a range of ids at least one in so many must be asked for, or each is looked up. */
#define MOST_GAPS	3

/* Whose a record is: a place in the batch. */
typedef struct Record
{
	int64		record_id;
	int			row;
} Record;

/* A chunk and whose it is. */
typedef struct RowChunk
{
	int			row;
	CdChunk		chunk;
} RowChunk;

struct CdChunkBatch
{
	Relation	records;
	Relation	chunks;
	Oid			records_index;
	Oid			chunks_index;

	/* The batch being read */
	const uint32 *ids;
	int			count;
	Record	   *found;			/* ascending by record */
	int			nfound;
	int			found_size;
	RowChunk   *kept;
	int			nkept;
	int			kept_size;
};

CdChunkBatch *
cd_chunk_batch_begin(void)
{
	CdChunkBatch *batch = palloc0(sizeof(CdChunkBatch));

	batch->records = cd_open_for_reader("source_record");
	batch->chunks = cd_open_for_reader("timeline_chunk");
	batch->records_index = cd_index_on(batch->records, Anum_record_customer_id);
	batch->chunks_index = cd_index_on(batch->chunks, Anum_chunk_record_id);
	return batch;
}

void
cd_chunk_batch_end(CdChunkBatch *batch)
{
	table_close(batch->chunks, AccessShareLock);
	table_close(batch->records, AccessShareLock);
	pfree(batch);
}

typedef void (*TakeRow) (CdChunkBatch *batch, HeapTuple tuple, TupleDesc desc);

/* Read the rows whose bigint column lies in a range */
static void
read_range(CdChunkBatch *batch, Relation relation, Oid index, AttrNumber column, int64 least, int64 most, TakeRow take)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], column, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(least));
	ScanKeyInit(&keys[1], column, BTLessEqualStrategyNumber, F_INT8LE, Int64GetDatum(most));
	scan = systable_beginscan(relation, index, OidIsValid(index), GetActiveSnapshot(), 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CHECK_FOR_INTERRUPTS();
		take(batch, tuple, RelationGetDescr(relation));
	}
	systable_endscan(scan);
}

/* Read the rows whose bigint column is one of some values, ascending, in one scan */
static void
read_values(CdChunkBatch *batch, Relation relation, Oid index_id, AttrNumber column, Datum *values, int count, TakeRow take)
{
	Relation	index;
	ScanKeyData key;
	IndexScanDesc scan;
	TupleTableSlot *slot;
	ArrayType  *array;

	if (!OidIsValid(index_id))
	{
		read_range(batch, relation, index_id, column, DatumGetInt64(values[0]), DatumGetInt64(values[count - 1]), take);
		return;
	}
	array = construct_array(values, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	index = index_open(index_id, AccessShareLock);
	slot = table_slot_create(relation, NULL);
	/* The column is the first of the index. */
	ScanKeyEntryInitialize(&key, SK_SEARCHARRAY, 1, BTEqualStrategyNumber, InvalidOid, InvalidOid,
						   F_INT8EQ, PointerGetDatum(array));
	scan = cd_index_beginscan(relation, index, GetActiveSnapshot(), 1);
	index_rescan(scan, &key, 1, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		take(batch, ExecFetchSlotHeapTuple(slot, false, NULL), RelationGetDescr(relation));
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	pfree(array);
}

static int
compare_ids(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

static int
compare_records(const void *a, const void *b)
{
	int64		x = ((const Record *) a)->record_id;
	int64		y = ((const Record *) b)->record_id;

	return (x > y) - (x < y);
}

/* By customer, in the order in which chunks were written */
static int
compare_chunks(const void *a, const void *b)
{
	const RowChunk *x = a;
	const RowChunk *y = b;

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return (x->chunk.chunk_no > y->chunk.chunk_no) - (x->chunk.chunk_no < y->chunk.chunk_no);
}

/* Note a record, if its customer is asked for */
static void
take_record(CdChunkBatch *batch, HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		owner = heap_getattr(tuple, Anum_record_customer_id, desc, &isnull);
	uint32		id;
	const uint32 *place;
	Record	   *record;

	if (isnull)
		return;
	id = cd_set_id(DatumGetInt64(owner));
	place = bsearch(&id, batch->ids, batch->count, sizeof(uint32), compare_ids);
	if (place == NULL)
		return;
	if (batch->nfound == batch->found_size)
		batch->found = repalloc_huge(batch->found, (batch->found_size *= 2) * sizeof(Record));
	record = &batch->found[batch->nfound++];
	record->record_id = DatumGetInt64(heap_getattr(tuple, Anum_record_record_id, desc, &isnull));
	record->row = place - batch->ids;
}

/* Keep a chunk, if its record is of a customer asked for */
static void
take_chunk(CdChunkBatch *batch, HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Record		key;
	const Record *record;
	RowChunk   *kept;
	struct varlena *events;

	key.record_id = DatumGetInt64(heap_getattr(tuple, Anum_chunk_record_id, desc, &isnull));
	record = bsearch(&key, batch->found, batch->nfound, sizeof(Record), compare_records);
	if (record == NULL)
		return;
	if (batch->nkept == batch->kept_size)
		batch->kept = repalloc_huge(batch->kept, (batch->kept_size *= 2) * sizeof(RowChunk));
	kept = &batch->kept[batch->nkept++];
	kept->row = record->row;
	kept->chunk.chunk_no = DatumGetInt64(heap_getattr(tuple, Anum_chunk_chunk_no, desc, &isnull));
	kept->chunk.last = DatumGetTimestampTz(heap_getattr(tuple, Anum_chunk_last_at, desc, &isnull));
	events = (struct varlena *) DatumGetPointer(heap_getattr(tuple, Anum_chunk_events, desc, &isnull));
	if (VARATT_IS_EXTERNAL(events) || VARATT_IS_COMPRESSED(events))
		kept->chunk.events = (struct varlena *) PG_DETOAST_DATUM_COPY(PointerGetDatum(events));
	else
		kept->chunk.events = memcpy(palloc(VARSIZE_ANY(events)), events, VARSIZE_ANY(events));
}

/* The records of the batch's customers, ascending */
static void
read_records(CdChunkBatch *batch)
{
	bool		sorted = true;
	int			i;

	if ((int64) batch->ids[batch->count - 1] - batch->ids[0] < (int64) batch->count * MOST_GAPS)
		read_range(batch, batch->records, batch->records_index, Anum_record_customer_id,
				   batch->ids[0], batch->ids[batch->count - 1], take_record);
	else
	{
		Datum	   *ids = palloc(batch->count * sizeof(Datum));

		for (i = 0; i < batch->count; i++)
			ids[i] = Int64GetDatum((int64) batch->ids[i]);
		read_values(batch, batch->records, batch->records_index, Anum_record_customer_id, ids, batch->count, take_record);
		pfree(ids);
	}
	for (i = 1; i < batch->nfound; i++)
		sorted &= batch->found[i - 1].record_id < batch->found[i].record_id;
	if (!sorted)
		qsort(batch->found, batch->nfound, sizeof(Record), compare_records);
}

/* Their chunks, by customer */
static void
read_chunks(CdChunkBatch *batch)
{
	const Record *found = batch->found;
	int			n = batch->nfound;
	bool		sorted = true;
	int			i;

	if (found[n - 1].record_id - found[0].record_id < (int64) n * MOST_GAPS)
		read_range(batch, batch->chunks, batch->chunks_index, Anum_chunk_record_id,
				   found[0].record_id, found[n - 1].record_id, take_chunk);
	else
	{
		Datum	   *ids = palloc(n * sizeof(Datum));

		for (i = 0; i < n; i++)
			ids[i] = Int64GetDatum(found[i].record_id);
		read_values(batch, batch->chunks, batch->chunks_index, Anum_chunk_record_id, ids, n, take_chunk);
		pfree(ids);
	}
	for (i = 1; i < batch->nkept; i++)
		sorted &= compare_chunks(&batch->kept[i - 1], &batch->kept[i]) <= 0;
	if (!sorted)
		qsort(batch->kept, batch->nkept, sizeof(RowChunk), compare_chunks);
}

void
cd_chunk_batch_read(CdChunkBatch *batch, const uint32 *ids, int count, struct varlena **events, TimestampTz *last)
{
	int			from,
				to;

	memset(events, 0, count * sizeof(struct varlena *));
	if (count == 0)
		return;
	batch->ids = ids;
	batch->count = count;
	batch->nfound = batch->nkept = 0;
	batch->found_size = batch->kept_size = count + 16;
	batch->found = palloc(batch->found_size * sizeof(Record));
	batch->kept = palloc(batch->kept_size * sizeof(RowChunk));
	read_records(batch);
	if (batch->nfound > 0)
		read_chunks(batch);
	for (from = 0; from < batch->nkept; from = to)
	{
		int			row = batch->kept[from].row;

		last[row] = batch->kept[from].chunk.last;
		for (to = from + 1; to < batch->nkept && batch->kept[to].row == row; to++)
			last[row] = Max(last[row], batch->kept[to].chunk.last);
		if (to == from + 1)
			events[row] = batch->kept[from].chunk.events;
		else
		{
			CdChunkList list = {0};
			int			i;

			for (i = from; i < to; i++)
				cd_chunk_list_add(&list, batch->kept[i].chunk.chunk_no, batch->kept[i].chunk.last, batch->kept[i].chunk.events);
			events[row] = cd_chunk_list_join(&list);
		}
	}
	pfree(batch->kept);
	pfree(batch->found);
}
