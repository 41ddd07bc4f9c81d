/*
 * timeline_pool.c
 *		Strings and shapes of rows met while building timelines, each kept once
 *		and numbered, and the scratch room that packing uses.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "common/hashfn.h"
#include "timeline/timeline.h"
#include "timeline/timeline_format.h"
#include "timeline/timeline_rows.h"
#include "utils/memutils.h"

#define POOL_START		64
#define SHAPES_START	16
#define POOL_ARENA		8192
#define SCRATCH_START	4096
#define SCRATCH_KEEP	(1024 * 1024)

/* Make an empty pool of strings in a memory context. */
CdPool *
cd_pool_create(MemoryContext context)
{
	CdPool	   *pool = MemoryContextAllocZero(context, sizeof(CdPool));
	MemoryContext old;
	int			i;

	pool->context = context;
	pool->scratch.context = context;
	pool->cap = POOL_START;
	pool->entries = MemoryContextAlloc(context, pool->cap * sizeof(CdPooled));
	pool->table_size = pool->cap * 2;
	pool->table = MemoryContextAllocZero(context, pool->table_size * sizeof(int));
	pool->memo = MemoryContextAllocZero(context, CD_MEMO * sizeof(CdMemo));
	pool->shapes_cap = SHAPES_START;
	pool->shapes = MemoryContextAlloc(context, pool->shapes_cap * sizeof(CdShape));
	pool->shape_table_size = pool->shapes_cap * 2;
	pool->shape_table = MemoryContextAllocZero(context, pool->shape_table_size * sizeof(int));
	old = MemoryContextSwitchTo(context);
	for (i = 0; i < CD_SECTIONS; i++)
		initStringInfo(&pool->sections[i]);
	MemoryContextSwitchTo(old);
	return pool;
}

/* Double the pool. */
static void
grow_pool(CdPool *pool)
{
	int			i;

	pool->cap *= 2;
	pool->entries = repalloc_huge(pool->entries, pool->cap * sizeof(CdPooled));
	pfree(pool->table);
	pool->table_size = pool->cap * 2;
	pool->table = MemoryContextAllocExtended(pool->context, pool->table_size * sizeof(int),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (i = 0; i < pool->n; i++)
	{
		uint32		slot = pool->entries[i].hash & (pool->table_size - 1);

		while (pool->table[slot] != 0)
			slot = (slot + 1) & (pool->table_size - 1);
		pool->table[slot] = i + 1;
	}
}

/* Number of a string, the same for equal strings; -1 where it would be one more than the most. */
static pg_attribute_always_inline int
intern(CdPool *pool, const char *str, int len, int most)
{
	uint64		key = cd_first_bytes(str, len);
	uint64		tail = 0;
	uint64		mixed = cd_mix_bytes(key, len);
	CdMemo	   *memo = &pool->memo[mixed >> 56];
	uint32		hash,
				slot;
	CdPooled   *entry;
	int			i;

	/* Up to 16 bytes the first and the last eight are all there is. */
	hash = (uint32) (mixed >> 32) ^ (uint32) (mixed >> 12);
	if (len > 8)
	{
		memcpy(&tail, str + len - 8, 8);
		hash ^= (uint32) (((tail ^ tail >> 32) * UINT64CONST(0xc2b2ae3d27d4eb4f)) >> 32);
		if (len > 16)
			hash ^= hash_bytes((const unsigned char *) str + 8, len - 8);
	}
	slot = hash & (pool->table_size - 1);
	while ((i = pool->table[slot]) != 0)
	{
		entry = &pool->entries[i - 1];
		if (entry->key == key && entry->len == len && entry->tail == tail &&
			(len <= 16 || memcmp(entry->str + 8, str + 8, len - 16) == 0))
		{
			/* A memo of length 0 is an empty one. */
			if (len <= 8)
			{
				memo->key = key;
				memo->len = len;
				memo->number = i - 1;
			}
			return i - 1;
		}
		slot = (slot + 1) & (pool->table_size - 1);
	}
	if (pool->n >= most)
		return -1;
	if (pool->n >= pool->cap)
	{
		grow_pool(pool);
		slot = hash & (pool->table_size - 1);
		while (pool->table[slot] != 0)
			slot = (slot + 1) & (pool->table_size - 1);
	}
	if (pool->arena_left < (Size) len)
	{
		pool->arena_left = Max(POOL_ARENA, len);
		pool->arena = MemoryContextAlloc(pool->context, pool->arena_left);
	}
	memcpy(pool->arena, str, len);
	entry = &pool->entries[pool->n++];
	entry->str = pool->arena;
	entry->key = key;
	entry->tail = tail;
	entry->len = len;
	entry->hash = hash;
	entry->stamp = 0;
	entry->shape = -1;
	pool->table[slot] = pool->n;
	pool->arena += len;
	pool->arena_left -= len;
	return pool->n - 1;
}

/* Number of a string, the same for equal strings. */
int
cd_pool_intern(CdPool *pool, const char *str, int len)
{
	return intern(pool, str, len, PG_INT32_MAX);
}

/*
 * Number of a text.  What does not repeat must not fill memory for as long as
 * a query runs: a full pool answers -1, and the text stays in its row.
 */
int
cd_pool_text_number(CdPool *pool, const char *str, int len)
{
	return len > CD_POOLED ? -1 : intern(pool, str, len, CD_POOL_MOST);
}

/* Where the search for a shape begins. */
static inline uint32
shape_hash(int kind, const uint32 *fields, int nfields)
{
	uint32		hash = hash_bytes_uint32(kind);

	return nfields == 0 ? hash : hash ^ hash_bytes((const unsigned char *) fields, nfields * sizeof(uint32));
}

/* Number of the shape of a kind with some fields, the same for equal ones. */
static int
intern_shape(CdPool *pool, int kind, const uint32 *fields, int nfields)
{
	uint32		slot = shape_hash(kind, fields, nfields) & (pool->shape_table_size - 1);
	CdShape    *shape;
	uint32	   *copy;
	int			i;

	while ((i = pool->shape_table[slot]) != 0)
	{
		shape = &pool->shapes[i - 1];
		if (shape->kind == kind && shape->nfields == nfields &&
			(nfields == 0 || memcmp(shape->fields, fields, nfields * sizeof(uint32)) == 0))
			return i - 1;
		slot = (slot + 1) & (pool->shape_table_size - 1);
	}
	copy = MemoryContextAlloc(pool->context, Max(nfields, 1) * sizeof(uint32));
	if (nfields > 0)
		memcpy(copy, fields, nfields * sizeof(uint32));
	if (pool->nshapes >= pool->shapes_cap)
	{
		pool->shapes_cap *= 2;
		pool->shapes = repalloc_huge(pool->shapes, pool->shapes_cap * sizeof(CdShape));
		pfree(pool->shape_table);
		pool->shape_table_size = pool->shapes_cap * 2;
		pool->shape_table = MemoryContextAllocExtended(pool->context, pool->shape_table_size * sizeof(int),
													   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (i = 0; i < pool->nshapes; i++)
		{
			shape = &pool->shapes[i];
			slot = shape_hash(shape->kind, shape->fields, shape->nfields) & (pool->shape_table_size - 1);
			while (pool->shape_table[slot] != 0)
				slot = (slot + 1) & (pool->shape_table_size - 1);
			pool->shape_table[slot] = i + 1;
		}
		slot = shape_hash(kind, copy, nfields) & (pool->shape_table_size - 1);
		while (pool->shape_table[slot] != 0)
			slot = (slot + 1) & (pool->shape_table_size - 1);
	}
	shape = &pool->shapes[pool->nshapes++];
	memset(shape, 0, sizeof(CdShape));
	shape->kind = kind;
	shape->nfields = nfields;
	shape->fields = copy;
	shape->size = CD_ROW_HEAD;
	shape->last_field = PG_UINT32_MAX;
	for (i = 0; i < nfields; i++)
	{
		bool		text = (fields[i] & 3) != CD_TYPE_NUMBER && (fields[i] & 3) != CD_TYPE_BOOL;

		shape->size += text ? 4 : 8;
		shape->texts |= (fields[i] & CD_FIELD_IN_ROW) != 0;
		shape->event_id |= (fields[i] & ~CD_FIELD_IN_ROW) >> 2 == CD_COL_EVENT_ID;
	}
	pool->ids |= shape->event_id;
	pool->shape_table[slot] = pool->nshapes;
	return pool->nshapes - 1;
}

/* The shape of events of a kind without fields. */
int
cd_shape_of_kind(CdPool *pool, int kind)
{
	CdPooled   *entry = &pool->entries[kind];

	if (entry->shape < 0)
		entry->shape = intern_shape(pool, kind, NULL, 0);
	return entry->shape;
}

/* Report a field that an event is given twice. */
static void
refuse_twice(const CdPool *pool, uint32 column)
{
	const char *own[] = {"value", "quantity", "event id"};

	if (column < CD_COL_PROPERTY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an event is given its %s twice", own[column])));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("an event is given the property \"%.*s\" twice",
					pool->entries[column - CD_COL_PROPERTY].len, pool->entries[column - CD_COL_PROPERTY].str)));
}

/* The shape that has one field more than another one. */
int
cd_shape_find(CdPool *pool, int shape, uint32 field)
{
	const CdShape *before = &pool->shapes[shape];
	int			n = before->nfields;
	uint32		column = (field & ~CD_FIELD_IN_ROW) >> 2;
	uint32		few[16];
	uint32	   *fields = n < (int) lengthof(few) ? few : palloc((n + 1) * sizeof(uint32));
	int			found,
				i;

	for (i = 0; i < n; i++)
		if ((before->fields[i] & ~CD_FIELD_IN_ROW) >> 2 == column)
			refuse_twice(pool, column);
	memcpy(fields, before->fields, n * sizeof(uint32));
	fields[n] = field;
	found = intern_shape(pool, before->kind, fields, n + 1);
	if (fields != few)
		pfree(fields);
	pool->shapes[shape].last_field = field;
	pool->shapes[shape].last_shape = found;
	return found;
}

/* Bytes of a row with texts. */
uint32
cd_row_texts(const CdShape *shape, const char *row)
{
	uint32		size = shape->size;
	const char *p = row + CD_ROW_HEAD;
	int			i;

	for (i = 0; i < shape->nfields; i++)
	{
		uint32		type = shape->fields[i] & 3;
		int32		mark;

		if (type == CD_TYPE_NUMBER || type == CD_TYPE_BOOL)
		{
			p += 8;
			continue;
		}
		memcpy(&mark, p, 4);
		p += 4;
		if (mark < 0)
		{
			size += -(mark + 1);
			p += -(mark + 1);
		}
	}
	return size;
}

static const CdPooled *rank_entries;

/* Order strings of the pool by bytes. */
static int
compare_pooled(const void *a, const void *b)
{
	const CdPooled *x = &rank_entries[*(const int *) a];
	const CdPooled *y = &rank_entries[*(const int *) b];

	return cd_compare_strings(x->str, x->len, y->str, y->len);
}

/* Rank all strings of the pool by bytes. */
void
cd_pool_rank(CdPool *pool)
{
	int		   *order = palloc_extended(pool->n * sizeof(int), MCXT_ALLOC_HUGE);
	int			i;

	for (i = 0; i < pool->n; i++)
		order[i] = i;
	rank_entries = pool->entries;
	qsort(order, pool->n, sizeof(int), compare_pooled);
	for (i = 0; i < pool->n; i++)
		pool->entries[order[i]].rank = i;
	pool->ranked = pool->n;
	pool->unranked = 0;
	pfree(order);
}

/* Begin a new block of scratch room; the old ones stay until the reset. */
char *
cd_scratch_grow(CdScratch *scratch, Size size)
{
	Size		whole = Max(Max(SCRATCH_START, Min(scratch->size * 2, SCRATCH_KEEP)), size + MAXALIGN(sizeof(char *)));

	if (scratch->block != NULL)
		scratch->old = scratch->block;
	scratch->block = MemoryContextAllocHuge(scratch->context, whole);
	*(char **) scratch->block = scratch->old;
	scratch->size = whole;
	scratch->used = MAXALIGN(sizeof(char *)) + size;
	return scratch->block + MAXALIGN(sizeof(char *));
}

/* Take all scratch room back. */
void
cd_scratch_reset(CdScratch *scratch)
{
	while (scratch->old != NULL)
	{
		char	   *block = scratch->old;

		scratch->old = *(char **) block;
		pfree(block);
	}
	if (scratch->block == NULL)
		return;
	if (scratch->size > SCRATCH_KEEP)
	{
		pfree(scratch->block);
		scratch->block = NULL;
		scratch->size = scratch->used = 0;
		return;
	}
	*(char **) scratch->block = NULL;
	scratch->used = MAXALIGN(sizeof(char *));
}
