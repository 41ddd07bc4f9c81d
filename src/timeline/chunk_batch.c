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
#include "lookup.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* So many chunks are put behind each other one by one; more would be copied too often. */
#define MOST_JOINED		8

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
	int			record_column;	/* where that has the record, 0: it has only customers */
	Oid			chunks_index;
	bool		whole;			/* timelines come as one image each */

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

/* Which column of an index a column of its table is, 0: none */
static int
index_column(Oid index_id, AttrNumber column)
{
	Relation	index = index_open(index_id, AccessShareLock);
	int			found = 0;
	int			i;

	for (i = 0; i < index->rd_index->indnatts; i++)
	{
		if (index->rd_index->indkey.values[i] == column)
			found = i + 1;
	}
	index_close(index, AccessShareLock);
	return found;
}

CdChunkBatch *
cd_chunk_batch_begin(bool whole)
{
	CdChunkBatch *batch = palloc0(sizeof(CdChunkBatch));

	batch->whole = whole;
	batch->records = cd_open_for_reader("source_record");
	batch->chunks = cd_open_for_reader("timeline_chunk");
	batch->records_index = cd_index_on(batch->records, Anum_record_customer_id);
	batch->record_column = OidIsValid(batch->records_index) ? index_column(batch->records_index, Anum_record_record_id) : 0;
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
note_record(CdChunkBatch *batch, int64 record_id, int64 owner)
{
	uint32		id = cd_set_id(owner);
	const uint32 *place = bsearch(&id, batch->ids, batch->count, sizeof(uint32), compare_ids);
	Record	   *record;

	if (place == NULL)
		return;
	if (batch->nfound == batch->found_size)
		batch->found = repalloc_huge(batch->found, (batch->found_size *= 2) * sizeof(Record));
	record = &batch->found[batch->nfound++];
	record->record_id = record_id;
	record->row = place - batch->ids;
}

/* The same of a row */
static void
take_record(void *arg, HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		owner = heap_getattr(tuple, Anum_record_customer_id, desc, &isnull);

	if (!isnull)
		note_record(arg, DatumGetInt64(heap_getattr(tuple, Anum_record_record_id, desc, &isnull)), DatumGetInt64(owner));
}

/* The same of an entry of the index, which has the record's number, too */
static void
take_entry(void *arg, IndexTuple entry, TupleDesc desc)
{
	CdChunkBatch *batch = arg;
	bool		isnull;
	Datum		owner = index_getattr(entry, 1, desc, &isnull);

	if (!isnull)
		note_record(batch, DatumGetInt64(index_getattr(entry, batch->record_column, desc, &isnull)), DatumGetInt64(owner));
}

/* Keep a chunk, if its record is of a customer asked for */
static void
take_chunk(void *arg, HeapTuple tuple, TupleDesc desc)
{
	CdChunkBatch *batch = arg;
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
	cd_fetch_ahead(events);
	if (VARATT_IS_EXTERNAL(events) || VARATT_IS_COMPRESSED(events))
		kept->chunk.events = (struct varlena *) PG_DETOAST_DATUM_COPY(PointerGetDatum(events));
	else
		kept->chunk.events = memcpy(palloc(VARSIZE_ANY(events)), events, VARSIZE_ANY(events));
}

/* The records of the batch's customers, ascending */
static void
read_records(CdChunkBatch *batch)
{
	int64	   *ids = palloc(batch->count * sizeof(int64));
	bool		sorted = true;
	int			i;

	for (i = 0; i < batch->count; i++)
		ids[i] = batch->ids[i];
	if (batch->record_column == 0)
		cd_lookup(batch->records, batch->records_index, Anum_record_customer_id, ids, batch->count, take_record, batch);
	else
		cd_lookup_entries(batch->records, batch->records_index, ids, batch->count, take_entry, batch);
	pfree(ids);
	for (i = 1; i < batch->nfound; i++)
		sorted &= batch->found[i - 1].record_id < batch->found[i].record_id;
	if (!sorted)
		qsort(batch->found, batch->nfound, sizeof(Record), compare_records);
}

/* Their chunks, by customer */
static void
read_chunks(CdChunkBatch *batch)
{
	int64	   *records = palloc(batch->nfound * sizeof(int64));
	bool		sorted = true;
	int			i;

	for (i = 0; i < batch->nfound; i++)
		records[i] = batch->found[i].record_id;
	cd_lookup(batch->chunks, batch->chunks_index, Anum_chunk_record_id, records, batch->nfound, take_chunk, batch);
	pfree(records);
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
		else if (!batch->whole && to - from <= MOST_JOINED)
		{
			int			i;

			events[row] = batch->kept[from].chunk.events;
			for (i = from + 1; i < to; i++)
				events[row] = cd_timeline_join(events[row], batch->kept[i].chunk.events);
		}
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
