/*
 * posting.c
 *		Packed posting lists in a table: which records hold a key.
 *
 * Keys are laid into buckets by the first bits of their hash; a row holds one
 * bucket of one segment: entries ascending by the next 32 bits, each with its
 * records as differences.  Segment 0 is made from all records, later segments
 * and the tail (plain rows) hold what changed since.  Nothing is ever taken
 * out: whoever follows a list looks at the record itself, whose values may
 * have changed or be gone.  Keys held by too many records are counted only.
 */
#include "postgres.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "identity/exchange.h"
#include "insertion.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* Records per bucket, so that a row holds a page's quarter or so. */
#define RECORDS_PER_BUCKET	16
#define MAX_BUCKET_BITS		20
/* So many changed records are kept as plain rows. */
#define TAIL_RECORDS		100
/* Segments from which on they are merged, and the tail with them. */
#define MOST_SEGMENTS		8

/* Columns of match_posting. */
#define POSTING_COLUMNS		3

/* Lists being written, bucket by bucket. */
struct CdPostingWriter
{
	int			segment;
	int			bits;
	uint32		limit;			/* longer lists are counted only */
	CdInsertion *insertion;
	StringInfoData row;			/* a bytea in the making */
	int64		current;		/* bucket of row, -1: none */
};

static inline uint32
bucket_of(uint64 hash, int bits)
{
	return bits == 0 ? 0 : (uint32) (hash >> (64 - bits));
}

/* What tells keys of one bucket apart. */
static inline uint32
entry_of(uint64 hash, int bits)
{
	return (uint32) (hash >> (32 - bits));
}

static void
put_number(StringInfo row, uint64 value)
{
	while (value >= 128)
	{
		appendStringInfoCharMacro(row, (char) (value | 128));
		value >>= 7;
	}
	appendStringInfoCharMacro(row, (char) value);
}

/* Read a number; false at the end of the row. */
static inline bool
get_number(const uint8 **p, const uint8 *end, uint64 *value)
{
	int			shift = 0;

	*value = 0;
	while (*p < end && shift < 64)
	{
		uint8		byte = *(*p)++;

		*value |= (uint64) (byte & 127) << shift;
		if (byte < 128)
			return true;
		shift += 7;
	}
	return false;
}

static void
damaged_lists(uint32 bucket)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("posting lists of bucket %u are damaged", bucket),
			 errhint("Run SELECT customer_data.prepare_matching(); to make them anew.")));
}

static void
start_row(CdPostingWriter *writer)
{
	resetStringInfo(&writer->row);
	appendStringInfoSpaces(&writer->row, VARHDRSZ);
	writer->current = -1;
}

/* Close the bucket that is being filled. */
static void
end_bucket(CdPostingWriter *writer)
{
	const bool	nulls[POSTING_COLUMNS] = {false, false, false};
	Datum		values[POSTING_COLUMNS];

	if (writer->current < 0)
		return;
	SET_VARSIZE(writer->row.data, writer->row.len);
	values[0] = Int32GetDatum(writer->segment);
	values[1] = Int32GetDatum((int32) writer->current);
	values[2] = PointerGetDatum(writer->row.data);
	cd_insertion_add(writer->insertion, values, nulls);
	start_row(writer);
}

static CdPostingWriter *
writer_create(MemoryContext context, const CdEngine *engine, int segment, int bits)
{
	CdPostingWriter *writer = MemoryContextAllocZero(context, sizeof(CdPostingWriter));
	MemoryContext old = MemoryContextSwitchTo(context);

	writer->segment = segment;
	writer->bits = bits;
	writer->limit = engine->model->oversize * 4;
	writer->insertion = cd_insertion_begin("match_posting", POSTING_COLUMNS, true);
	initStringInfo(&writer->row);
	start_row(writer);
	MemoryContextSwitchTo(old);
	return writer;
}

/* Write sorted postings; their records are numbers of ids. */
void
cd_postings_put(CdPostingWriter *writer, const CdPosting *item, Size n, const int64 *id)
{
	for (Size i = 0; i < n;)
	{
		Size		j = i + 1;
		uint32		bucket = bucket_of(item[i].hash, writer->bits);
		uint32		entry = entry_of(item[i].hash, writer->bits);

		while (j < n && item[j].hash == item[i].hash)
			j++;
		if (writer->current != bucket)
		{
			CHECK_FOR_INTERRUPTS();
			end_bucket(writer);
			writer->current = bucket;
		}
		appendBinaryStringInfo(&writer->row, (char *) &entry, sizeof(entry));
		put_number(&writer->row, j - i);
		if (j - i <= writer->limit)
		{
			int64		before = 0;

			for (Size k = i; k < j; k++)
			{
				put_number(&writer->row, (uint64) (id[item[k].record] - before));
				before = id[item[k].record];
			}
		}
		i = j;
	}
}

static void
writer_end(CdPostingWriter *writer)
{
	end_bucket(writer);
	cd_insertion_end(writer->insertion);
}

static void
note_segment(const CdEngine *engine, int segment, int bits, uint32 records)
{
	char	   *query = psprintf("INSERT INTO customer_data.match_segment (segment, counted, bits, records)"
								 " VALUES (%d, " INT64_FORMAT ", %d, %u)", segment, engine->model->counted, bits, records);

	SPI_execute(query, false, 0);
}

/*
 * Begin to make the lists of all records anew; postings that are put come in
 * the order of their hashes.
 */
CdPostingWriter *
cd_postings_begin(CdEngine *engine, const CdRecords *records)
{
	SPI_execute("DELETE FROM customer_data.match_posting", false, 0);
	SPI_execute("DELETE FROM customer_data.match_tail", false, 0);
	SPI_execute("DELETE FROM customer_data.match_segment", false, 0);
	return writer_create(engine->context, engine, 0,
						 Min(pg_ceil_log2_32(Max(records->n / RECORDS_PER_BUCKET, 1)), MAX_BUCKET_BITS));
}

/* May postings be put beside parallel workers? */
bool
cd_postings_direct(const CdPostingWriter *writer)
{
	return cd_insertion_is_direct(writer->insertion);
}

/* The lists of all records are made, and belong to the model as it is kept. */
void
cd_postings_end(CdPostingWriter *writer, const CdEngine *engine, const CdRecords *records)
{
	writer_end(writer);
	note_segment(engine, 0, writer->bits, records->n);
}

typedef struct Building
{
	CdPostingWriter *writer;
	const CdRecords *records;
} Building;

/* Put sorted postings into the lists. */
static void
take_postings(void *state, const void *entry, Size n)
{
	Building   *building = state;

	cd_postings_put(building->writer, entry, n, building->records->id);
}

/* Make the lists of all records anew. */
void
cd_postings_build(CdEngine *engine, CdRecords *records)
{
	Building	building = {cd_postings_begin(engine, records), records};

	cd_exchange(engine, records, CD_GATHER_POSTINGS, cd_postings_direct(building.writer), NULL, NULL, take_postings, &building);
	cd_postings_end(building.writer, engine, records);
}

/* Are there lists that belong to the model, made or shipped? */
bool
cd_postings_open(const CdEngine *engine, CdPostingInfo *info)
{
	static SPIPlanPtr plan = NULL;
	bool		isnull;

	memset(info, 0, sizeof(CdPostingInfo));
	if (plan == NULL)
	{
		SPIPlanPtr	made = SPI_prepare("SELECT segment, counted, bits, records FROM customer_data.match_segment"
									   " ORDER BY segment", 0, NULL);

		SPI_keepplan(made);
		plan = made;
	}
	SPI_execute_plan(plan, NULL, NULL, false, 0);
	if (SPI_processed == 0)
		return false;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		int			segment = DatumGetInt32(SPI_getbinval(row, desc, 1, &isnull));

		if (i == 0 && (segment != 0 || DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull)) != engine->model->counted))
			return false;
		info->bits = DatumGetInt32(SPI_getbinval(row, desc, 3, &isnull));
		info->records += DatumGetInt64(SPI_getbinval(row, desc, 4, &isnull));
		info->last = segment;
		info->segments++;
	}
	return true;
}

/* Postings read back from rows. */
typedef struct ReadBack
{
	CdPostings *postings;
	int64	   *id;				/* of postings, numbered as they come */
	Size		max;
} ReadBack;

static void
gather_posting(ReadBack *g, uint64 hash, int64 id)
{
	if (g->postings->n == g->max)
	{
		g->max *= 2;
		g->id = repalloc_huge(g->id, g->max * sizeof(int64));
	}
	g->id[g->postings->n] = id;
	cd_postings_push(g->postings, hash, (uint32) g->postings->n, 0);
}

#define ST_SORT sort_ids
#define ST_ELEMENT_TYPE int64
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Merge the later segments and the tail into one segment. */
static void
merge_segments(CdEngine *engine, const CdPostingInfo *info)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data postings", ALLOCSET_DEFAULT_SIZES);
	uint32		limit = engine->model->oversize * 4;
	CdPostingWriter *writer;
	ReadBack	g;
	bool		isnull;
	int64	   *same = NULL;
	Size		most = 0;
	uint32		records = (uint32) Max(info->records - engine->model->records, 0);

	g.postings = cd_postings_create(context, 65536);
	g.max = 65536;
	g.id = MemoryContextAllocHuge(context, g.max * sizeof(int64));
	SPI_execute("DELETE FROM customer_data.match_posting WHERE segment > 0 RETURNING bucket, lists", false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		uint32		bucket = (uint32) DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		bytea	   *lists = DatumGetByteaPP(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));
		const uint8 *p = (const uint8 *) VARDATA_ANY(lists);
		const uint8 *end = p + VARSIZE_ANY_EXHDR(lists);

		while (p + sizeof(uint32) < end)
		{
			uint32		entry;
			uint64		count;
			int64		id = 0;
			uint64		hash;

			memcpy(&entry, p, sizeof(entry));
			p += sizeof(entry);
			if (!get_number(&p, end, &count))
				damaged_lists(bucket);
			/* the hash as far as lists know it */
			hash = (info->bits == 0 ? 0 : (uint64) bucket << (64 - info->bits)) | (uint64) entry << (32 - info->bits);
			for (uint64 k = 0; k < count && count <= limit; k++)
			{
				uint64		step;

				if (!get_number(&p, end, &step))
					damaged_lists(bucket);
				id += (int64) step;
				gather_posting(&g, hash, id);
			}
		}
	}
	SPI_freetuptable(SPI_tuptable);
	SPI_execute("DELETE FROM customer_data.match_tail RETURNING key, record_id", false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		uint64		hash = (uint64) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));

		gather_posting(&g, hash >> (32 - info->bits) << (32 - info->bits),
					   DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull)));
	}
	SPI_freetuptable(SPI_tuptable);
	cd_postings_sort(g.postings);
	writer = writer_create(context, engine, info->last + 1, info->bits);
	/* records of a key ascending, each once */
	for (Size i = 0; i < g.postings->n;)
	{
		Size		j = i;
		Size		n = 0;
		CdPosting  *item = g.postings->item;

		while (j < g.postings->n && item[j].hash == item[i].hash)
			j++;
		if (j - i > most)
		{
			most = (j - i) * 2;
			same = same == NULL ? MemoryContextAllocHuge(context, most * sizeof(int64)) : repalloc_huge(same, most * sizeof(int64));
		}
		for (Size k = i; k < j; k++)
			same[n++] = g.id[item[k].record];
		sort_ids(same, n);
		{
			CdPosting  *list = MemoryContextAllocHuge(context, n * sizeof(CdPosting));
			Size		kept = 0;

			for (Size k = 0; k < n; k++)
			{
				if (k > 0 && same[k] == same[k - 1])
					continue;
				same[kept] = same[k];
				list[kept].hash = item[i].hash;
				list[kept].record = (uint32) kept;
				kept++;
			}
			cd_postings_put(writer, list, kept, same);
			pfree(list);
		}
		i = j;
	}
	writer_end(writer);
	SPI_execute("DELETE FROM customer_data.match_segment WHERE segment > 0", false, 0);
	note_segment(engine, info->last + 1, info->bits, records);
	MemoryContextDelete(context);
}

/* Add the postings of some records, those marked (NULL: all of them). */
void
cd_postings_add(CdEngine *engine, const CdRecords *records, const bool *mark)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data postings", ALLOCSET_DEFAULT_SIZES);
	CdPostings *postings = cd_postings_create(context, 4096);
	CdPostingInfo info;
	uint32		added = 0;

	if (!cd_postings_open(engine, &info))
		return;
	for (uint32 r = 0; r < records->n; r++)
	{
		CdKey		key[CD_MAX_KEYS];
		int			n;

		if (mark != NULL && !mark[r])
			continue;
		added++;
		n = cd_form_keys(engine, CD_FORM(records, r), key);
		for (int i = 0; i < n; i++)
			cd_postings_push(postings, key[i].hash, r, 0);
	}
	if (added <= TAIL_RECORDS)
	{
		static SPIPlanPtr plan = NULL;
		Datum	   *key = MemoryContextAlloc(context, Max(postings->n, 1) * sizeof(Datum));
		Datum	   *id = MemoryContextAlloc(context, Max(postings->n, 1) * sizeof(Datum));
		Datum		values[2];

		for (Size i = 0; i < postings->n; i++)
		{
			key[i] = Int64GetDatum((int64) postings->item[i].hash);
			id[i] = Int64GetDatum(records->id[postings->item[i].record]);
		}
		if (plan == NULL)
		{
			Oid			types[2] = {INT8ARRAYOID, INT8ARRAYOID};
			SPIPlanPtr	made = SPI_prepare("INSERT INTO customer_data.match_tail (key, record_id)"
										   " SELECT * FROM unnest($1, $2) ON CONFLICT DO NOTHING", 2, types);

			SPI_keepplan(made);
			plan = made;
		}
		values[0] = PointerGetDatum(construct_array(key, postings->n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		values[1] = PointerGetDatum(construct_array(id, postings->n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		if (postings->n > 0)
			SPI_execute_plan(plan, values, NULL, false, 0);
	}
	else
	{
		CdPostingWriter *writer = writer_create(context, engine, info.last + 1, info.bits);

		cd_postings_sort(postings);
		cd_postings_put(writer, postings->item, postings->n, records->id);
		writer_end(writer);
		note_segment(engine, info.last + 1, info.bits, added);
		if (info.segments > MOST_SEGMENTS)
		{
			cd_postings_open(engine, &info);
			merge_segments(engine, &info);
		}
	}
	MemoryContextDelete(context);
}

static void
push_hit(CdHits *hits, uint32 wanted, int64 record)
{
	if (hits->n == hits->max)
	{
		hits->max *= 2;
		hits->item = repalloc_huge(hits->item, hits->max * sizeof(CdHit));
	}
	hits->item[hits->n].wanted = wanted;
	hits->item[hits->n++].record = record;
}

/* Find the wanted keys of a bucket in one of its rows. */
static void
read_lists(const bytea *lists, uint32 bucket, int bits, uint32 limit, CdWanted *wanted, uint32 from, uint32 to, CdHits *hits)
{
	const uint8 *p = (const uint8 *) VARDATA_ANY(lists);
	const uint8 *end = p + VARSIZE_ANY_EXHDR(lists);

	while (p + sizeof(uint32) < end && from < to)
	{
		uint32		entry;
		uint64		count;
		int64		id = 0;

		memcpy(&entry, p, sizeof(entry));
		p += sizeof(entry);
		if (!get_number(&p, end, &count))
			damaged_lists(bucket);
		while (from < to && entry_of(wanted[from].hash, bits) < entry)
			from++;
		if (from < to && entry_of(wanted[from].hash, bits) == entry)
		{
			wanted[from].count += count;
			for (uint64 k = 0; k < count && count <= limit; k++)
			{
				uint64		step;

				if (!get_number(&p, end, &step))
					damaged_lists(bucket);
				id += (int64) step;
				push_hit(hits, from, id);
			}
		}
		else if (count <= limit)
		{
			/* a number ends where its highest bit is not set */
			for (uint64 k = 0; k < count && p < end; p++)
				k += *p < 128;
		}
	}
}

/*
 * Look up the lists of wanted keys, which ascend by hash, each there once.
 * Answers who holds them, as of now or once; a key whose count passes the
 * limit of lists is not to be followed.
 */
void
cd_postings_find(const CdEngine *engine, const CdPostingInfo *info, CdWanted *wanted, uint32 n, CdHits *hits)
{
	static SPIPlanPtr by_bucket = NULL;
	static SPIPlanPtr by_key = NULL;
	uint32		limit = engine->model->oversize * 4;
	Datum	   *bucket = palloc(Max(n, 1) * sizeof(Datum));
	Datum	   *key = palloc(Max(n, 1) * sizeof(Datum));
	uint32		nbuckets = 0;
	Portal		portal;
	Datum		argument[1];

	if (n == 0)
		return;
	if (by_bucket == NULL)
	{
		Oid			type[1] = {INT4ARRAYOID};
		SPIPlanPtr	made = SPI_prepare("SELECT bucket, lists FROM customer_data.match_posting"
									   " WHERE bucket OPERATOR(pg_catalog.=) ANY ($1)", 1, type);

		SPI_keepplan(made);
		by_bucket = made;
	}
	if (by_key == NULL)
	{
		Oid			type[1] = {INT8ARRAYOID};
		SPIPlanPtr	made = SPI_prepare("SELECT key, record_id FROM customer_data.match_tail"
									   " WHERE key OPERATOR(pg_catalog.=) ANY ($1)", 1, type);

		SPI_keepplan(made);
		by_key = made;
	}
	for (uint32 i = 0; i < n; i++)
	{
		uint32		b = bucket_of(wanted[i].hash, info->bits);

		key[i] = Int64GetDatum((int64) wanted[i].hash);
		if (nbuckets == 0 || DatumGetInt32(bucket[nbuckets - 1]) != (int32) b)
			bucket[nbuckets++] = Int32GetDatum((int32) b);
	}
	argument[0] = PointerGetDatum(construct_array(bucket, nbuckets, INT4OID, 4, true, TYPALIGN_INT));
	/* many buckets are read sooner in the order in which they lie */
	if (nbuckets > (UINT64CONST(1) << info->bits) / 4 && n > 1000)
		portal = SPI_cursor_open_with_args(NULL, "SELECT bucket, lists FROM customer_data.match_posting",
										   0, NULL, NULL, NULL, false, CURSOR_OPT_NO_SCROLL);
	else
		portal = SPI_cursor_open(NULL, by_bucket, argument, NULL, false);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, 1000);
		if (SPI_processed == 0)
			break;
		CHECK_FOR_INTERRUPTS();
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			bool		isnull;
			uint32		b = (uint32) DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
			Datum		value = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull);
			uint32		low = 0,
						high = n;
			uint32		to;
			bytea	   *lists;

			while (low < high)
			{
				uint32		middle = low + (high - low) / 2;

				if (bucket_of(wanted[middle].hash, info->bits) < b)
					low = middle + 1;
				else
					high = middle;
			}
			for (to = low; to < n && bucket_of(wanted[to].hash, info->bits) == b; to++)
				;
			if (to == low)
				continue;
			lists = DatumGetByteaPP(value);
			read_lists(lists, b, info->bits, limit, wanted, low, to, hits);
			if ((Pointer) lists != DatumGetPointer(value))
				pfree(lists);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);

	argument[0] = PointerGetDatum(construct_array(key, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	SPI_execute_plan(by_key, argument, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		uint64		hash = (uint64) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		uint32		low = 0,
					high = n;

		while (low < high)
		{
			uint32		middle = low + (high - low) / 2;

			if (wanted[middle].hash < hash)
				low = middle + 1;
			else
				high = middle;
		}
		if (low == n || wanted[low].hash != hash)
			continue;
		wanted[low].count++;
		push_hit(hits, low, DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull)));
	}
	SPI_freetuptable(SPI_tuptable);
	pfree(bucket);
	pfree(key);
}
