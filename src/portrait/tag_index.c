/*
 * tag_index.c
 *		Write the index by tag, layer by layer (see tag_index.h).
 */
#include "postgres.h"

#include "portrait/tag_index.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "insertion.h"
#include "lookup.h"
#include "miscadmin.h"
#include "timeline/chunk.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

/* A layer of fewer customers is put together with the one before it like one of so many. */
#define LEAST_LAYER		1024

/* At the end of so many ids the frequent tags so far are written. */
#define CHUNK_BITS		16
#define FREQUENT		16384

/* More customers of all tags are never held in memory. */
#define MOST_HELD		(4 * 1024 * 1024)

/* Customers whose rows are looked for at a time. */
#define READ_AT_ONCE	8192

/* The customers of one path on their way to a row. */
typedef struct Posting
{
	const char *path;
	int			length;
	int32		part;			/* of the next row */
	int			count;
	int			room;
	uint32	   *customers;
	float4	   *scores;
	int			nmoving;		/* whose tag decays or expires; where all do they are not written apart */
	int			moving_room;
	uint32	   *moving;
	StringInfoData times;
	CdTagTimes	last;
	TimestampTz holds_until;
} Posting;

/* Postings of paths without a number, by path. */
typedef struct NamedPosting
{
	char		path[CD_MAX_TAG_PATH + 1];	/* key, ends with zeros */
	Posting	   *posting;
} NamedPosting;

struct CdTagIndex
{
	MemoryContext context;
	MemoryContext row;			/* of what a row holds */
	CdInsertion *insertion;
	int32		layer;
	Posting   **postings;		/* all there are */
	int			npostings;
	int			postings_room;
	Posting   **by_number;
	int			numbers;
	HTAB	   *by_name;		/* NULL: none yet */
	int64		held;
	uint32		chunk;			/* of the customer before */
	bool		begun;			/* some row was made */
	CdSetBuilder *customers;	/* who was added */
};

static Posting *
make_posting(CdTagIndex *index, const char *path, int length)
{
	MemoryContext old = MemoryContextSwitchTo(index->context);
	Posting    *posting = palloc0(sizeof(Posting));

	posting->path = pnstrdup(path, length);
	posting->length = length;
	posting->holds_until = DT_NOEND;
	if (index->npostings == index->postings_room)
	{
		index->postings_room = Max(256, index->postings_room * 2);
		index->postings = index->postings == NULL ? palloc(index->postings_room * sizeof(Posting *)) :
			repalloc_huge(index->postings, index->postings_room * sizeof(Posting *));
	}
	index->postings[index->npostings++] = posting;
	MemoryContextSwitchTo(old);
	return posting;
}

/* The posting of a path that has no number */
static Posting *
find_named(CdTagIndex *index, const char *path, int length)
{
	bool		found;
	NamedPosting *named = cd_path_entry(&index->by_name, sizeof(NamedPosting), index->context, path, length, &found);

	if (!found)
		named->posting = make_posting(index, path, length);
	return named->posting;
}

static inline Posting *
find_posting(CdTagIndex *index, const CdTag *tag)
{
	if (tag->number == 0)
		return find_named(index, tag->path, tag->length);
	if (tag->number >= index->numbers)
	{
		int			room = Max(Max(256, index->numbers * 2), tag->number + 1);

		index->by_number = index->by_number == NULL ?
			MemoryContextAllocHuge(index->context, room * sizeof(Posting *)) :
			repalloc_huge(index->by_number, room * sizeof(Posting *));
		memset(index->by_number + index->numbers, 0, (room - index->numbers) * sizeof(Posting *));
		index->numbers = room;
	}
	/* A path may be written out in an older tagset and have a number in a later one. */
	if (index->by_number[tag->number] == NULL)
		index->by_number[tag->number] = find_named(index, tag->path, tag->length);
	return index->by_number[tag->number];
}

/* Have room for so many customers whose tags move */
static void
make_room_for_moving(CdTagIndex *index, Posting *posting, int count)
{
	if (count <= posting->moving_room)
		return;
	posting->moving_room = Max(Max(16, posting->moving_room * 2), count);
	posting->moving = posting->moving == NULL ?
		MemoryContextAllocHuge(index->context, posting->moving_room * sizeof(uint32)) :
		repalloc_huge(posting->moving, posting->moving_room * sizeof(uint32));
}

static void
add_tag(CdTagIndex *index, uint32 customer, const CdTag *tag)
{
	Posting    *posting = find_posting(index, tag);

	if (posting->count == posting->room)
	{
		MemoryContext old = MemoryContextSwitchTo(index->context);

		posting->room = Max(16, posting->room * 2);
		posting->customers = posting->customers == NULL ? palloc(posting->room * sizeof(uint32)) :
			repalloc_huge(posting->customers, posting->room * sizeof(uint32));
		posting->scores = posting->scores == NULL ? palloc(posting->room * sizeof(float4)) :
			repalloc_huge(posting->scores, posting->room * sizeof(float4));
		MemoryContextSwitchTo(old);
	}
	posting->customers[posting->count] = customer;
	posting->scores[posting->count++] = tag->score;
	index->held++;
	if (!cd_tag_moves(tag))
	{
		/* Until now all did, perhaps. */
		if (posting->nmoving == posting->count - 1 && posting->nmoving > 0)
		{
			make_room_for_moving(index, posting, posting->nmoving);
			memcpy(posting->moving, posting->customers, posting->nmoving * sizeof(uint32));
		}
		return;
	}
	if (posting->nmoving < posting->count - 1)
	{
		make_room_for_moving(index, posting, posting->nmoving + 1);
		posting->moving[posting->nmoving] = customer;
	}
	posting->nmoving++;
	posting->holds_until = Min(posting->holds_until, tag->until);
	if (posting->times.data == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(index->context);

		initStringInfo(&posting->times);
		MemoryContextSwitchTo(old);
	}
	cd_tag_times_write(&posting->times, tag, &posting->last);
}

/* Scores as a bytea, in the shortest form; false if all are 1 */
static bool
write_scores(const Posting *posting, Datum *value)
{
	const float4 *scores = posting->scores;
	int			count = posting->count;
	bool		ones = true,
				hundredths = true;
	bytea	   *out;
	char	   *bytes;
	int			i;

	for (i = 0; i < count && hundredths; i++)
	{
		float		number = rintf(scores[i] * 100);

		ones &= scores[i] == 1;
		hundredths = number >= 0 && number <= PG_UINT8_MAX && (float4) ((double) number / 100) == scores[i];
	}
	if (hundredths && ones)
		return false;
	out = palloc(VARHDRSZ + 1 + (Size) count * (hundredths ? 1 : sizeof(float4)));
	bytes = VARDATA(out);
	bytes[0] = hundredths ? CD_SCORES_HUNDREDTHS : CD_SCORES_EXACT;
	if (hundredths)
	{
		for (i = 0; i < count; i++)
			bytes[1 + i] = (char) (uint8) rintf(scores[i] * 100);
		SET_VARSIZE(out, VARHDRSZ + 1 + count);
	}
	else
	{
		memcpy(bytes + 1, scores, (Size) count * sizeof(float4));
		SET_VARSIZE(out, VARHDRSZ + 1 + (Size) count * sizeof(float4));
	}
	*value = PointerGetDatum(out);
	return true;
}

/* Make a row of what a posting has, and begin the next */
static void
end_posting(CdTagIndex *index, Posting *posting)
{
	MemoryContext old = MemoryContextSwitchTo(index->row);
	Datum		values[CD_POSTING_COLUMNS] = {0};
	bool		nulls[CD_POSTING_COLUMNS] = {0};

	index->begun = true;
	values[CD_POSTING_PATH - 1] = PointerGetDatum(cstring_to_text_with_len(posting->path, posting->length));
	values[CD_POSTING_LAYER - 1] = Int32GetDatum(index->layer);
	values[CD_POSTING_PART - 1] = Int32GetDatum(posting->part++);
	values[CD_POSTING_MEMBERS - 1] = PointerGetDatum(cd_set_from_sorted(posting->customers, posting->count));
	nulls[CD_POSTING_SCORES - 1] = !write_scores(posting, &values[CD_POSTING_SCORES - 1]);
	if (posting->nmoving > 0 && posting->nmoving < posting->count)
		values[CD_POSTING_MOVING - 1] = PointerGetDatum(cd_set_from_sorted(posting->moving, posting->nmoving));
	else
		nulls[CD_POSTING_MOVING - 1] = true;
	if (posting->nmoving > 0)
		values[CD_POSTING_TIMES - 1] = PointerGetDatum(cstring_to_text_with_len(posting->times.data, posting->times.len));
	else
		nulls[CD_POSTING_TIMES - 1] = true;
	values[CD_POSTING_HOLDS - 1] = TimestampTzGetDatum(posting->holds_until);
	nulls[CD_POSTING_HOLDS - 1] = TIMESTAMP_IS_NOEND(posting->holds_until);
	cd_insertion_add(index->insertion, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(index->row);
	index->held -= posting->count;
	posting->count = posting->nmoving = 0;
	posting->last = (CdTagTimes) {0, 0};
	posting->holds_until = DT_NOEND;
	if (posting->times.data != NULL)
		resetStringInfo(&posting->times);
}

/* Make rows of the postings with so many customers */
static void
end_postings(CdTagIndex *index, int least)
{
	int			i;

	for (i = 0; i < index->npostings; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (index->postings[i]->count >= least)
			end_posting(index, index->postings[i]);
	}
}

CdTagIndex *
cd_tag_index_begin(int32 layer)
{
	CdTagIndex *index = palloc0(sizeof(CdTagIndex));

	index->layer = layer;
	index->context = CurrentMemoryContext;
	index->row = AllocSetContextCreate(CurrentMemoryContext, "row of the index by tag", ALLOCSET_DEFAULT_SIZES);
	index->insertion = cd_insertion_begin("tag_posting", CD_POSTING_COLUMNS, false);
	index->customers = cd_set_builder();
	return index;
}

/* The customers before another are all that there are of his chunk or an earlier one */
static inline void
begin_customer(CdTagIndex *index, uint32 customer)
{
	if (customer >> CHUNK_BITS != index->chunk)
	{
		end_postings(index, FREQUENT);
		index->chunk = customer >> CHUNK_BITS;
	}
	if (index->held > MOST_HELD)
		end_postings(index, 1);
	cd_set_builder_add(index->customers, customer);
}

void
cd_tag_index_add(CdTagIndex *index, uint32 customer, const CdTag *tags, int count)
{
	int			i;

	begin_customer(index, customer);
	for (i = 0; i < count; i++)
		add_tag(index, customer, &tags[i]);
}

int64
cd_tag_index_end(CdTagIndex *index, CdSet *customers)
{
	Oid			types[2] = {INT4OID, cd_customer_set_type()};
	Datum		values[2] = {Int32GetDatum(index->layer)};

	end_postings(index, 1);
	cd_insertion_end(index->insertion);
	if (customers == NULL)
		customers = cd_set_builder_value(index->customers);
	values[1] = PointerGetDatum(customers);
	SPI_execute_with_args("INSERT INTO customer_data.tag_layer (layer, customers) VALUES ($1, $2)", 2, types, values, NULL, false, 0);
	return (int64) cd_set_cardinality(customers);
}

/* Should a layer of some customers be put together with the one before it? */
static bool
is_near(const CdTagLayer *before, const CdSet *customers)
{
	return cd_set_cardinality(before->customers) < 2 * Max(cd_set_cardinality(customers), LEAST_LAYER);
}

bool
cd_tag_index_end_alone(CdTagIndex *index, const CdTagLayer *before)
{
	CdSet	   *customers = cd_set_builder_value(index->customers);

	if (!index->begun && (cd_set_is_empty(customers) || (before != NULL && is_near(before, customers))))
	{
		cd_insertion_end(index->insertion);
		return false;
	}
	cd_tag_index_end(index, NULL);
	return true;
}

/* Customers whose rows are being read. */
typedef struct Reading
{
	CdTagIndex *index;
	const CdSet *customers;		/* NULL: all */
} Reading;

/* Add what a row of customer_tag says, if it is asked for */
static void
take_row(void *arg, HeapTuple tuple, TupleDesc desc)
{
	Reading    *reading = arg;
	bool		isnull;
	int64		customer = DatumGetInt64(heap_getattr(tuple, 1, desc, &isnull));
	Pointer		stored;
	CdTagset   *tags;
	CdTagReader reader;

	if (reading->customers != NULL && !cd_set_contains(reading->customers, (uint32) customer))
		return;
	stored = DatumGetPointer(heap_getattr(tuple, 2, desc, &isnull));
	tags = (CdTagset *) PG_DETOAST_DATUM_PACKED(PointerGetDatum(stored));
	begin_customer(reading->index, (uint32) customer);
	cd_tags_begin(&reader, tags);
	while (cd_tags_next(&reader))
		add_tag(reading->index, (uint32) customer, &reader.tag);
	if ((Pointer) tags != stored)
		pfree(tags);
}

/* Add some customers, or all (NULL) */
static void
read_customers(CdTagIndex *index, const CdSet *customers)
{
	Relation	relation = cd_open_tag_table("customer_tag");
	Oid			by_customer = cd_index_on(relation, 1);
	Reading		reading = {index, customers};
	int64	   *ids = palloc(READ_AT_ONCE * sizeof(int64));
	CdSetIterator it;
	int			count;

	if (!OidIsValid(by_customer))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("customer_data.customer_tag has no index on customer_id"),
				 errhint("Give it its primary key again.")));
	if (customers == NULL)
		cd_lookup_range(relation, by_customer, 1, 0, PG_UINT32_MAX, take_row, &reading);
	else
	{
		cd_set_begin(&it, customers);
		do
		{
			uint32		id;

			for (count = 0; count < READ_AT_ONCE && cd_set_next(&it, &id); count++)
				ids[count] = id;
			cd_lookup(relation, by_customer, 1, ids, count, take_row, &reading);
		} while (count == READ_AT_ONCE);
	}
	pfree(ids);
	table_close(relation, NoLock);
}

Relation
cd_open_tag_table(const char *name)
{
	Oid			id = get_relname_relid(name, get_namespace_oid("customer_data", false));

	if (!OidIsValid(id))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table customer_data.%s does not exist", name),
				 errhint("Tags need customers: see add_source() and resolve().")));
	if (pg_class_aclcheck(id, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", name),
				 errhint("GRANT SELECT ON customer_data.%s TO %s;", name,
						 quote_identifier(GetUserNameFromId(GetUserId(), false)))));
	if (check_enable_rls(id, InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("sets of customers cannot be read under row-level security of table customer_data.%s", name),
				 errhint("Ask the view profile instead, with tags @@ query.")));
	return table_open(id, AccessShareLock);
}

CdTagLayer *
cd_tag_layers(int *count, CdSet **everyone)
{
	Relation	relation = cd_open_tag_table("tag_layer");
	Oid			by_number = cd_index_on(relation, 1);
	SysScanDesc scan = systable_beginscan(relation, by_number, OidIsValid(by_number), GetActiveSnapshot(), 0, NULL);
	HeapTuple	tuple;
	int			room = 8;
	CdTagLayer *layers = palloc(room * sizeof(CdTagLayer));
	int			i;

	*count = 0;
	*everyone = cd_set_empty();
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		CdTagLayer	layer;

		layer.number = DatumGetInt32(heap_getattr(tuple, 1, RelationGetDescr(relation), &isnull));
		layer.customers = (CdSet *) PG_DETOAST_DATUM_COPY(heap_getattr(tuple, 2, RelationGetDescr(relation), &isnull));
		if (layer.number == CD_EVERYONE)
		{
			*everyone = layer.customers;
			continue;
		}
		if (*count == room)
			layers = repalloc(layers, (room *= 2) * sizeof(CdTagLayer));
		for (i = (*count)++; i > 0 && layers[i - 1].number < layer.number; i--)
			layers[i] = layers[i - 1];
		layers[i] = layer;
	}
	systable_endscan(scan);
	table_close(relation, NoLock);
	return layers;
}

/* Keep who the customers are: of those seen all but who is gone, or, without any seen, all there are */
static void
write_everyone(const CdSet *before, const CdSet *seen, const CdSet *gone)
{
	Oid			types[1] = {cd_customer_set_type()};
	Datum		values[1];
	CdSet	   *now;

	if (seen == NULL)
	{
		SPI_execute("INSERT INTO customer_data.tag_layer (layer, customers)"
					" SELECT 0, customer_data.customer_set_agg(customer_id) FROM customer_data.customer"
					" ON CONFLICT (layer) DO UPDATE SET customers = excluded.customers", false, 0);
		return;
	}
	now = cd_set_andnot(cd_set_or(before, seen), gone);
	if (cd_set_equal(now, before))
		return;
	values[0] = PointerGetDatum(now);
	SPI_execute_with_args("UPDATE customer_data.tag_layer SET customers = $1 WHERE layer OPERATOR(pg_catalog.=) 0", 1, types, values, NULL, false, 0);
}

/*
 * index_tags(changed, seen, gone): bring the index by tag in line with
 * customer_tag, where the tags of some customers changed since, or make it
 * anew (NULL); the customers are those there were and those seen, without
 * those gone.  Answers for how many customers it was written.
 */
PG_FUNCTION_INFO_V1(cd_index_tags);
Datum
cd_index_tags(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "index by tag", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdSet	   *customers = PG_ARGISNULL(0) ? NULL : PG_GETARG_CDSET(0);
	CdSet	   *gone = PG_ARGISNULL(2) ? cd_set_empty() : PG_GETARG_CDSET(2);
	CdTagIndex *index;
	int32		layer;
	CdTagLayer *layers;
	CdSet	   *everyone;
	int			nlayers,
				replaced = 0;
	Oid			types[1] = {INT4OID};
	Datum		values[1];
	int64		count = 0;

	SPI_connect();
	MemoryContextSwitchTo(context);
	layers = cd_tag_layers(&nlayers, &everyone);
	layer = nlayers == 0 ? CD_EVERYONE + 1 : layers[0].number + 1;
	if (nlayers == 0)
		customers = NULL;
	write_everyone(everyone, customers == NULL || PG_ARGISNULL(1) || cd_set_is_empty(everyone) ? NULL : PG_GETARG_CDSET(1), gone);
	MemoryContextSwitchTo(context);
	if (customers == NULL || !cd_set_is_empty(customers) || !cd_set_is_empty(gone))
	{
		if (customers != NULL)
			customers = cd_set_or(customers, gone);
		while (customers != NULL && replaced < nlayers && is_near(&layers[replaced], customers))
			customers = cd_set_or(customers, layers[replaced++].customers);
		if (replaced == nlayers)
			customers = NULL;
		if (customers == NULL)
			replaced = nlayers;
		if (replaced > 0)
		{
			values[0] = Int32GetDatum(layers[replaced - 1].number);
			SPI_execute_with_args("DELETE FROM customer_data.tag_posting WHERE layer OPERATOR(pg_catalog.>=) $1", 1, types, values, NULL, false, 0);
			SPI_execute_with_args("DELETE FROM customer_data.tag_layer WHERE layer OPERATOR(pg_catalog.>=) $1", 1, types, values, NULL, false, 0);
		}
		MemoryContextSwitchTo(context);
		index = cd_tag_index_begin(layer);
		read_customers(index, customers);
		count = cd_tag_index_end(index, customers);
	}
	SPI_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	PG_RETURN_INT64(count);
}
