/*
 * chunk_read.c
 *		Reading stored histories: one customer's chunks by index, many customers'
 *		in one pass over the tables.
 */
#include "postgres.h"

#include "customer_data.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opfamily.h"
#include "executor/nodeHash.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "timeline/chunk.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* Memory for stored chunks is taken in pieces of this size. */
#define ARENA_BYTES		(4 * 1024 * 1024)

/* Sets up to this size, or this share of all chunks, are read by index. */
#define FEW_CUSTOMERS	100
#define FEW_SHARE		16

#define NO_CHUNK		PG_UINT32_MAX

/* Which customer a record belongs to. */
typedef struct RecordOwner
{
	int64		record_id;
	uint32		customer_id;
	uint32		number;			/* of the customer in this pass */
} RecordOwner;

/* A chunk kept until its customer's turn. */
typedef struct KeptChunk
{
	int64		chunk_no;
	struct varlena *events;
	uint32		next;			/* the customer's other chunks */
} KeptChunk;

struct CdHistories
{
	MemoryContext context;		/* of the whole reading */
	MemoryContext pass_context; /* of one pass */
	MemoryContext joined;		/* of one customer */
	Relation	records;
	Relation	chunks;
	Snapshot	snapshot;
	const CdSet *among;
	TimestampTz since;
	TimestampTz until;

	/* customers looked up one by one */
	bool		by_index;
	CdSetIterator ids;

	/* everyone in a few passes, each over a part of the customers */
	uint32		npasses;
	uint32		pass;
	RecordOwner *owner;			/* ascending by record */
	int64		nowners;
	uint32	   *direct;			/* owner of record i + first record, + 1; NULL: search */
	uint32	   *customer;		/* ascending */
	uint32	   *head;			/* first chunk of each */
	uint32		ncustomers;
	uint32		next;
	KeptChunk  *kept;
	uint32		nkept;
	uint32		size;
	char	   *arena;
	Size		arena_left;
};

/* Add a chunk. */
void
cd_chunk_list_add(CdChunkList *list, int64 chunk_no, TimestampTz last, struct varlena *events)
{
	if (list->n == list->size)
	{
		list->size = list->size == 0 ? 1 : list->size * 4;
		list->chunk = list->n == 0 ? palloc(sizeof(CdChunk)) : repalloc(list->chunk, list->size * sizeof(CdChunk));
	}
	list->chunk[list->n].chunk_no = chunk_no;
	list->chunk[list->n].last = last;
	list->chunk[list->n].events = events;
	list->n++;
}

static int
compare_chunks(const void *a, const void *b)
{
	int64		x = ((const CdChunk *) a)->chunk_no;
	int64		y = ((const CdChunk *) b)->chunk_no;

	return x < y ? -1 : x > y;
}

/* Join neighbours pairwise, so that a long history is copied log n times. */
struct varlena *
cd_chunk_list_join(CdChunkList *list)
{
	int			step,
				i;

	if (list->n > 1)
		qsort(list->chunk, list->n, sizeof(CdChunk), compare_chunks);
	for (step = 1; step < list->n; step *= 2)
		for (i = 0; i + step < list->n; i += 2 * step)
		{
			CHECK_FOR_INTERRUPTS();
			list->chunk[i].events = cd_timeline_merge(list->chunk[i].events, list->chunk[i + step].events);
		}
	return list->chunk[0].events;
}

/* Open one of our tables for a reader who may see all its rows. */
Relation
cd_open_for_reader(const char *name)
{
	Oid			schema = get_namespace_oid("customer_data", false);
	Oid			relid = get_relname_relid(name, schema);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table customer_data.%s does not exist", name)));
	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", name),
				 errhint("GRANT SELECT ON customer_data.source_record, customer_data.timeline_chunk TO %s;",
						 quote_identifier(GetUserNameFromId(GetUserId(), false)))));
	if (check_enable_rls(relid, InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("events cannot be read under row-level security of table customer_data.%s", name),
				 errhint("Restrict the rows of the view profile instead.")));
	return table_open(relid, AccessShareLock);
}

/* The index of a table that starts with a column, of integers or texts. */
Oid
cd_index_on(Relation relation, AttrNumber column)
{
	List	   *indexes = RelationGetIndexList(relation);
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), column - 1);
	Oid			family = attribute->atttypid == TEXTOID ? TEXT_BTREE_FAM_OID : INTEGER_BTREE_FAM_OID;
	Oid			found = InvalidOid;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		Form_pg_index index;
		oidvector  *collations;
		bool		isnull;

		if (!HeapTupleIsValid(tuple))
			continue;
		index = (Form_pg_index) GETSTRUCT(tuple);
		collations = (oidvector *) DatumGetPointer(SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indcollation, &isnull));
		/* Of the kind we scan, of all rows, and of all versions that our snapshot may see. */
		if (index->indkey.values[0] == column && index->indisvalid &&
			heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
			get_opclass_family(get_index_column_opclass(lfirst_oid(cell), 1)) == family &&
			collations->values[0] == attribute->attcollation &&
			(!index->indcheckxmin || TransactionIdPrecedes(HeapTupleHeaderGetXmin(tuple->t_data), TransactionXmin)))
			found = lfirst_oid(cell);
		ReleaseSysCache(tuple);
		if (OidIsValid(found))
			break;
	}
	list_free(indexes);
	return found;
}

/* Start to read the rows whose bigint column has a value. */
static SysScanDesc
begin_lookup(Relation relation, AttrNumber number, int64 value)
{
	Oid			index = cd_index_on(relation, number);
	ScanKeyData key;

	ScanKeyInit(&key, number, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(value));
	return systable_beginscan(relation, index, OidIsValid(index), GetActiveSnapshot(), 1, &key);
}

/* The chunks of one customer, by the indexes on records and chunks. */
TimestampTz
cd_chunk_list_read(CdChunkList *list, Relation records, Relation chunks, int64 customer_id,
				   TimestampTz since, TimestampTz until)
{
	SysScanDesc record_scan = begin_lookup(records, Anum_record_customer_id, customer_id);
	TimestampTz later = DT_NOEND;
	HeapTuple	tuple;
	bool		isnull;

	while (HeapTupleIsValid(tuple = systable_getnext(record_scan)))
	{
		int64		record = DatumGetInt64(heap_getattr(tuple, Anum_record_record_id, RelationGetDescr(records), &isnull));
		SysScanDesc chunk_scan = begin_lookup(chunks, Anum_chunk_record_id, record);
		HeapTuple	row;

		while (HeapTupleIsValid(row = systable_getnext(chunk_scan)))
		{
			TupleDesc	desc = RelationGetDescr(chunks);
			TimestampTz first = DatumGetTimestampTz(heap_getattr(row, Anum_chunk_first_at, desc, &isnull));
			TimestampTz last = DatumGetTimestampTz(heap_getattr(row, Anum_chunk_last_at, desc, &isnull));

			CHECK_FOR_INTERRUPTS();
			if (first >= until)
				later = Min(later, first);
			else if (last >= since)
				cd_chunk_list_add(list, DatumGetInt64(heap_getattr(row, Anum_chunk_chunk_no, desc, &isnull)), last,
								  (struct varlena *) PG_DETOAST_DATUM_COPY(heap_getattr(row, Anum_chunk_events, desc, &isnull)));
		}
		systable_endscan(chunk_scan);
	}
	systable_endscan(record_scan);
	return later;
}

/* Customers are dealt out to passes by a hash, so that each gets about as many. */
static inline bool
in_pass(const CdHistories *h, uint32 customer_id)
{
	return h->npasses == 1 || (uint32) (((uint64) (customer_id * UINT32_C(2654435761)) * h->npasses) >> 32) == h->pass;
}

static int
compare_owners(const void *a, const void *b)
{
	int64		x = ((const RecordOwner *) a)->record_id;
	int64		y = ((const RecordOwner *) b)->record_id;

	return x < y ? -1 : x > y;
}

static int
compare_ids(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return x < y ? -1 : x > y;
}

/* Read whose record is whose, and number the customers of this pass. */
static void
read_owners(CdHistories *h)
{
	TableScanDesc scan = table_beginscan(h->records, h->snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(h->records, NULL);
	int64		size = 1024;
	int64		n = 0,
				i;
	bool		sorted = true;
	uint32	   *ids;
	uint32		nids = 0;

	h->owner = palloc_extended(size * sizeof(RecordOwner), MCXT_ALLOC_HUGE);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		uint32		customer_id;

		CHECK_FOR_INTERRUPTS();
		slot_getsomeattrs(slot, Anum_record_customer_id);
		customer_id = (uint32) DatumGetInt64(slot->tts_values[Anum_record_customer_id - 1]);
		if (!in_pass(h, customer_id) || (h->among != NULL && !cd_set_contains(h->among, customer_id)))
			continue;
		if (n == size)
			h->owner = repalloc_huge(h->owner, (size *= 2) * sizeof(RecordOwner));
		h->owner[n].record_id = DatumGetInt64(slot->tts_values[Anum_record_record_id - 1]);
		h->owner[n].customer_id = customer_id;
		if (n > 0 && h->owner[n].record_id < h->owner[n - 1].record_id)
			sorted = false;
		n++;
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	h->nowners = n;
	if (!sorted)
		qsort(h->owner, n, sizeof(RecordOwner), compare_owners);

	ids = palloc_extended(Max(n, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	sorted = true;
	for (i = 0; i < n; i++)
	{
		ids[i] = h->owner[i].customer_id;
		if (i > 0 && ids[i] < ids[i - 1])
			sorted = false;
	}
	if (!sorted)
		qsort(ids, n, sizeof(uint32), compare_ids);
	for (i = 0; i < n; i++)
		if (i == 0 || ids[i] != ids[nids - 1])
			ids[nids++] = ids[i];
	h->customer = ids;
	h->ncustomers = nids;
	for (i = 0; i < n; i++)
	{
		uint32		id = h->owner[i].customer_id;
		uint32		low = 0,
					high = nids;

		/* Ids are nearly dense and in the order of records: look near the last one first. */
		if (i > 0 && h->owner[i - 1].number + 1 < nids && ids[h->owner[i - 1].number + 1] == id)
		{
			h->owner[i].number = h->owner[i - 1].number + 1;
			continue;
		}
		while (low < high)
		{
			uint32		middle = low + (high - low) / 2;

			if (ids[middle] < id)
				low = middle + 1;
			else
				high = middle;
		}
		h->owner[i].number = low;
	}

	/* Where record ids are nearly dense, they are positions. */
	h->direct = NULL;
	if (n > 0 && h->owner[n - 1].record_id - h->owner[0].record_id < n * 8 + 1024)
	{
		int64		range = h->owner[n - 1].record_id - h->owner[0].record_id + 1;

		h->direct = palloc_extended(range * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (i = 0; i < n; i++)
			h->direct[h->owner[i].record_id - h->owner[0].record_id] = h->owner[i].number + 1;
	}
}

/* The customer a record belongs to, by number; false when it is not wanted. */
static inline bool
find_owner(const CdHistories *h, int64 record_id, uint32 *number)
{
	int64		low = 0,
				high = h->nowners;

	if (high == 0 || record_id < h->owner[0].record_id || record_id > h->owner[high - 1].record_id)
		return false;
	if (h->direct != NULL)
	{
		*number = h->direct[record_id - h->owner[0].record_id] - 1;
		return *number != PG_UINT32_MAX;
	}
	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (h->owner[middle].record_id < record_id)
			low = middle + 1;
		else
			high = middle;
	}
	*number = h->owner[low].number;
	return h->owner[low].record_id == record_id;
}

/* A copy of a stored timeline that stays while the pass lasts. */
static struct varlena *
keep_events(CdHistories *h, Datum datum)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(datum);
	struct varlena *copy;
	Size		len;

	if (VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value))
		return (struct varlena *) PG_DETOAST_DATUM_COPY(datum);
	len = MAXALIGN(VARSIZE_ANY(value));
	if (h->arena_left < len)
	{
		h->arena_left = Max(ARENA_BYTES, len);
		h->arena = palloc_extended(h->arena_left, MCXT_ALLOC_HUGE);
	}
	copy = (struct varlena *) h->arena;
	h->arena += len;
	h->arena_left -= len;
	memcpy(copy, value, VARSIZE_ANY(value));
	return copy;
}

/* Read the chunks of the customers of this pass. */
static void
read_chunks(CdHistories *h)
{
	TableScanDesc scan = table_beginscan(h->chunks, h->snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(h->chunks, NULL);

	h->head = palloc_extended(Max(h->ncustomers, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	memset(h->head, 0xff, h->ncustomers * sizeof(uint32));
	h->nkept = 0;
	h->size = 1024;
	h->kept = palloc(h->size * sizeof(KeptChunk));
	h->arena_left = 0;
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		uint32		number;
		KeptChunk  *kept;

		CHECK_FOR_INTERRUPTS();
		slot_getsomeattrs(slot, Anum_chunk_events);
		cd_fetch_ahead((struct varlena *) DatumGetPointer(slot->tts_values[Anum_chunk_events - 1]));
		if (DatumGetTimestampTz(slot->tts_values[Anum_chunk_last_at - 1]) < h->since ||
			DatumGetTimestampTz(slot->tts_values[Anum_chunk_first_at - 1]) >= h->until ||
			!find_owner(h, DatumGetInt64(slot->tts_values[Anum_chunk_record_id - 1]), &number))
			continue;
		if (h->nkept == h->size)
		{
			if (h->size > NO_CHUNK / 2)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("too many chunks of histories in one pass"),
						 errhint("Lower work_mem, so that more passes are made.")));
			h->kept = repalloc_huge(h->kept, (Size) (h->size *= 2) * sizeof(KeptChunk));
		}
		kept = &h->kept[h->nkept];
		kept->chunk_no = DatumGetInt64(slot->tts_values[Anum_chunk_chunk_no - 1]);
		kept->events = keep_events(h, slot->tts_values[Anum_chunk_events - 1]);
		kept->next = h->head[number];
		h->head[number] = h->nkept++;
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
}

/* Load the next part of the customers. */
static void
begin_pass(CdHistories *h)
{
	MemoryContext old;

	MemoryContextReset(h->pass_context);
	old = MemoryContextSwitchTo(h->pass_context);
	read_owners(h);
	read_chunks(h);
	MemoryContextSwitchTo(old);
	h->next = 0;
}

/* Bytes of a table, what is stored out of line included. */
static double
table_bytes(Relation relation)
{
	double		bytes = (double) RelationGetNumberOfBlocks(relation) * BLCKSZ;

	if (OidIsValid(relation->rd_rel->reltoastrelid))
	{
		Relation	toast = table_open(relation->rd_rel->reltoastrelid, AccessShareLock);

		/* Compressed parts grow when they are read. */
		bytes += (double) RelationGetNumberOfBlocks(toast) * BLCKSZ * 2;
		table_close(toast, AccessShareLock);
	}
	return bytes;
}

/* Start to read the timelines of many customers. */
CdHistories *
cd_histories_begin(const CdSet *among, TimestampTz since, TimestampTz until)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "histories", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdHistories *h = palloc0(sizeof(CdHistories));

	h->context = context;
	h->pass_context = AllocSetContextCreate(context, "histories of one pass", ALLOCSET_DEFAULT_SIZES);
	h->joined = AllocSetContextCreate(context, "history of one customer", ALLOCSET_DEFAULT_SIZES);
	h->records = cd_open_for_reader("source_record");
	h->chunks = cd_open_for_reader("timeline_chunk");
	h->snapshot = GetActiveSnapshot();
	h->among = among;
	h->since = since;
	h->until = until;
	if (among != NULL)
	{
		uint64		n = cd_set_cardinality(among);

		h->by_index = n <= FEW_CUSTOMERS || n * FEW_SHARE <= Max(h->chunks->rd_rel->reltuples, 0);
	}
	if (h->by_index)
		cd_set_begin(&h->ids, among);
	else
	{
		double		bytes = table_bytes(h->chunks) +
			Max(h->chunks->rd_rel->reltuples, 0) * sizeof(KeptChunk) +
			Max(h->records->rd_rel->reltuples, 0) * (sizeof(RecordOwner) + 3 * sizeof(uint32));

		h->npasses = (uint32) Min(1 + bytes / get_hash_memory_limit(), 1000);
		begin_pass(h);
	}
	MemoryContextSwitchTo(old);
	return h;
}

/* The next customer with events; its timeline lives until the next call. */
bool
cd_histories_next(CdHistories *h, int64 *customer_id, struct varlena **events)
{
	MemoryContext old;

	MemoryContextReset(h->joined);
	old = MemoryContextSwitchTo(h->joined);
	for (;;)
	{
		CdChunkList list = {0};

		CHECK_FOR_INTERRUPTS();
		if (h->by_index)
		{
			uint32		id;

			if (!cd_set_next(&h->ids, &id))
				break;
			(void) cd_chunk_list_read(&list, h->records, h->chunks, id, h->since, h->until);
			*customer_id = id;
		}
		else
		{
			uint32		i;

			if (h->next >= h->ncustomers)
			{
				if (++h->pass >= h->npasses)
					break;
				begin_pass(h);
				continue;
			}
			i = h->head[h->next];
			*customer_id = h->customer[h->next++];
			if (i != NO_CHUNK && h->kept[i].next == NO_CHUNK)
			{
				*events = h->kept[i].events;
				MemoryContextSwitchTo(old);
				return true;
			}
			for (; i != NO_CHUNK; i = h->kept[i].next)
				cd_chunk_list_add(&list, h->kept[i].chunk_no, 0, h->kept[i].events);
		}
		if (list.n > 0)
		{
			*events = cd_chunk_list_join(&list);
			MemoryContextSwitchTo(old);
			return true;
		}
	}
	MemoryContextSwitchTo(old);
	return false;
}

/* Close the tables and free everything. */
void
cd_histories_end(CdHistories *h)
{
	table_close(h->chunks, AccessShareLock);
	table_close(h->records, AccessShareLock);
	MemoryContextDelete(h->context);
}
