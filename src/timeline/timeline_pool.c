/*
 * timeline_pool.c
 *		Strings met while building timelines, each kept once and numbered, and
 *		the scratch room that packing uses.
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

/* The first 8 bytes of a string, zeros behind its end. */
static inline uint64
first_bytes(const char *str, int len)
{
	uint64		key;

	if (likely(len >= 8))
		memcpy(&key, str, 8);
	else if (len >= 4)
	{
		uint32		head,
					tail;

		/* Both parts overlap where they agree. */
		memcpy(&head, str, 4);
		memcpy(&tail, str + len - 4, 4);
#ifdef WORDS_BIGENDIAN
		key = (uint64) head << 32 | (uint64) tail << ((8 - len) * 8);
#else
		key = head | (uint64) tail << ((len - 4) * 8);
#endif
	}
	else
	{
		uint8		bytes[8] = {0};

		if (len > 0)
		{
			bytes[0] = str[0];
			bytes[1] = len > 1 ? str[1] : 0;
			bytes[2] = len > 2 ? str[2] : 0;
		}
		memcpy(&key, bytes, 8);
	}
	return key;
}

/* Number of a string, the same for equal strings. */
int
cd_pool_intern(CdPool *pool, const char *str, int len)
{
	uint64		key = first_bytes(str, len);
	uint64		mixed = (key ^ (uint64) len) * UINT64CONST(0x9e3779b97f4a7c15);
	uint32		hash,
				slot;
	CdPooled   *entry;
	int			i;

	hash = (uint32) (mixed >> 32) ^ (uint32) (mixed >> 12);
	if (len > 8)
		hash ^= hash_bytes((const unsigned char *) str + 8, len - 8);
	slot = hash & (pool->table_size - 1);
	while ((i = pool->table[slot]) != 0)
	{
		entry = &pool->entries[i - 1];
		if (entry->key == key && entry->len == len && entry->hash == hash &&
			(len <= 8 || memcmp(entry->str + 8, str + 8, len - 8) == 0))
			return i - 1;
		slot = (slot + 1) & (pool->table_size - 1);
	}
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
	entry->len = len;
	entry->hash = hash;
	entry->stamp = 0;
	pool->table[slot] = pool->n;
	pool->arena += len;
	pool->arena_left -= len;
	return pool->n - 1;
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
