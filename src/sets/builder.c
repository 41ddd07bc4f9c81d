/*
 * builder.c
 *		Put customer sets together from ids, ranges and other sets.
 *
 * Ids wait in a buffer, which is all that a group of few needs; from there
 * they go to their chunk of 65536 ids, an unsorted array that becomes a bitmap
 * once it is full.  What the first set brings to a chunk is kept as it is;
 * unions are not counted until somebody asks.
 */
#include "postgres.h"

#include "sets/view.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#define MAX_WAITING		4096
#define FEW				64		/* values that are sorted by comparing */
#define MANY_RUNS		8		/* so many times the runs that come, and it is no longer runs that they join */
#define PAGE_CHUNKS		256

/* The ids of one chunk. */
typedef struct Chunk
{
	uint8	   *body;			/* NULL where there are none */
	uint32		room;			/* bytes of it */
	uint32		count;			/* array: values, doubles included; runs: ids; bitmap: not kept */
	uint8		kind;			/* of a container */
	bool		sorted;			/* array: ascending and without doubles */
} Chunk;

/* 256 chunks that follow one another. */
typedef struct ChunkPage
{
	Chunk		chunks[PAGE_CHUNKS];
} ChunkPage;

struct CdSetBuilder
{
	MemoryContext context;
	uint32	   *ids;			/* not yet in a chunk */
	uint32		waiting;
	uint32		room;
	ChunkPage **pages;			/* 256, or NULL where there are only waiting ids */
};

CdSetBuilder *
cd_set_builder(void)
{
	CdSetBuilder *builder = palloc0(sizeof(CdSetBuilder));

	builder->context = CurrentMemoryContext;
	return builder;
}

void
cd_set_builder_free(CdSetBuilder *builder)
{
	int			p,
				k;

	if (builder->pages != NULL)
	{
		for (p = 0; p < 256; p++)
			if (builder->pages[p] != NULL)
			{
				for (k = 0; k < PAGE_CHUNKS; k++)
					if (builder->pages[p]->chunks[k].body != NULL)
						pfree(builder->pages[p]->chunks[k].body);
				pfree(builder->pages[p]);
			}
		pfree(builder->pages);
	}
	if (builder->ids != NULL)
		pfree(builder->ids);
	pfree(builder);
}

/* The chunk of a key, made if it is new */
static Chunk *
chunk_of(CdSetBuilder *builder, uint32 key)
{
	ChunkPage **page;

	if (builder->pages == NULL)
		builder->pages = MemoryContextAllocZero(builder->context, 256 * sizeof(ChunkPage *));
	page = &builder->pages[key >> 8];
	if (*page == NULL)
		*page = MemoryContextAllocZero(builder->context, sizeof(ChunkPage));
	return &(*page)->chunks[key & 0xFF];
}

/* Make room for so many bytes in a chunk; what is in it stays */
static void
reserve(CdSetBuilder *builder, Chunk *chunk, uint32 bytes)
{
	if (chunk->body == NULL)
		chunk->body = MemoryContextAlloc(builder->context, bytes);
	else if (chunk->room < bytes)
		chunk->body = repalloc(chunk->body, bytes);
	else
		return;
	chunk->room = bytes;
}

static inline void
set_bit(uint8 *bits, uint32 low)
{
	uint8	   *word = bits + 8 * (low >> 6);

	store64(word, load64(word) | UINT64CONST(1) << (low & 63));
}

/* A chunk as a container; an array may be unsorted and with doubles */
static CdContainer
contents(const Chunk *chunk, uint32 key)
{
	CdContainer c;

	c.key = key;
	c.cardinality = chunk->count;
	c.kind = chunk->kind;
	c.body = chunk->body;
	return c;
}

/* Turn a chunk into a bitmap */
static void
make_bitmap(CdSetBuilder *builder, Chunk *chunk)
{
	if (chunk->body == NULL)
	{
		reserve(builder, chunk, BITMAP_BYTES);
		memset(chunk->body, 0, BITMAP_BYTES);
	}
	else if (chunk->kind != KIND_BITMAP)
	{
		uint8		bits[BITMAP_BYTES];
		CdContainer c = contents(chunk, 0);

		memset(bits, 0, sizeof(bits));
		cd_container_to_bits(&c, bits);
		reserve(builder, chunk, BITMAP_BYTES);
		memcpy(chunk->body, bits, BITMAP_BYTES);
	}
	chunk->kind = KIND_BITMAP;
	chunk->count = 0;
}

static inline bool
chunk_is_full(const Chunk *chunk)
{
	return chunk->body != NULL && chunk->kind == KIND_RUN && chunk->count == CHUNK_IDS;
}

/* All ids of a chunk as one run */
static const uint8 full_run[] = {1, 0, 0, 0, 0xFF, 0xFF};

/* Are all ids of a bitmap set?  Mostly found out at the first word. */
static bool
bits_are_full(const uint8 *bits)
{
	uint32		i;

	for (i = 0; i < BITMAP_WORDS; i++)
		if (load64(bits + 8 * i) != ~UINT64CONST(0))
			return false;
	return true;
}

/* Add values, in any order, to a chunk */
static void
add_values(CdSetBuilder *builder, Chunk *chunk, const uint32 *ids, uint32 count)
{
	uint32		i;

	if (chunk_is_full(chunk))
		return;
	if (chunk->body == NULL)
	{
		chunk->kind = KIND_ARRAY;
		chunk->sorted = true;
	}
	if (chunk->kind == KIND_RUN || (chunk->kind == KIND_ARRAY && chunk->count + count > ARRAY_MAX))
		make_bitmap(builder, chunk);
	if (chunk->kind == KIND_BITMAP)
	{
		for (i = 0; i < count; i++)
			set_bit(chunk->body, ids[i] & 0xFFFF);
		return;
	}
	if (chunk->room < 2 * (chunk->count + count))
		reserve(builder, chunk, Min(Max(2 * chunk->room, 2 * (chunk->count + count)), BITMAP_BYTES));
	for (i = 0; i < count; i++)
	{
		uint16		low = ids[i] & 0xFFFF;

		if (chunk->count > 0 && load16(chunk->body + 2 * chunk->count - 2) >= low)
			chunk->sorted = false;
		store16(chunk->body + 2 * chunk->count, low);
		chunk->count++;
	}
}

/* Bring the ids collected so far into their chunks, those of one chunk together */
static void
flush(CdSetBuilder *builder)
{
	uint32		i,
				from = 0;

	for (i = 1; i <= builder->waiting; i++)
		if (i == builder->waiting || builder->ids[i] >> 16 != builder->ids[from] >> 16)
		{
			add_values(builder, chunk_of(builder, builder->ids[from] >> 16), builder->ids + from, i - from);
			from = i;
		}
	builder->waiting = 0;
}

void
cd_set_builder_add(CdSetBuilder *builder, uint32 id)
{
	if (builder->waiting == builder->room)
	{
		/* A group by customer makes many builders of few ids: grow as needed. */
		if (builder->room == 0)
		{
			builder->room = 16;
			builder->ids = MemoryContextAlloc(builder->context, builder->room * sizeof(uint32));
		}
		else if (builder->room < MAX_WAITING)
		{
			builder->room *= 2;
			builder->ids = repalloc(builder->ids, builder->room * sizeof(uint32));
		}
		else
			flush(builder);
	}
	builder->ids[builder->waiting++] = id;
}

/* Unite a chunk with a container */
static void
add_container(CdSetBuilder *builder, Chunk *chunk, const CdContainer *c, bool sorted)
{
	uint32		bytes = container_bytes(c->kind, c->cardinality, c->body);

	if (chunk_is_full(chunk))
		return;
	if (chunk->body == NULL || (c->kind == KIND_RUN && container_is_full(c)))
	{
		reserve(builder, chunk, bytes);
		memcpy(chunk->body, c->body, bytes);
		chunk->kind = c->kind;
		chunk->count = c->kind == KIND_BITMAP ? 0 : c->cardinality;
		chunk->sorted = sorted;
	}
	else if (chunk->kind == KIND_ARRAY && c->kind == KIND_ARRAY && chunk->count + c->cardinality <= ARRAY_MAX)
	{
		if (chunk->room < 2 * chunk->count + bytes)
			reserve(builder, chunk, Min(Max(2 * chunk->room, 2 * chunk->count + bytes), BITMAP_BYTES));
		chunk->sorted = chunk->sorted && sorted && load16(chunk->body + 2 * chunk->count - 2) < load16(c->body);
		memcpy(chunk->body + 2 * chunk->count, c->body, bytes);
		chunk->count += c->cardinality;
	}
	else if (chunk->kind == KIND_RUN && c->kind == KIND_RUN && load16(chunk->body) <= MANY_RUNS * (FEW + run_count(c)))
	{
		/* Few runs stay runs: each set that comes costs what it is made of. */
		uint8		out[CONTAINER_ROOM];
		CdContainer before = contents(chunk, 0),
					made;

		bytes = cd_container_combine(CD_OR, &before, c, out, &made);
		reserve(builder, chunk, bytes);
		memcpy(chunk->body, made.body, bytes);
		chunk->kind = made.kind;
		chunk->count = made.kind == KIND_BITMAP ? 0 : made.cardinality;
		chunk->sorted = true;
	}
	else
	{
		make_bitmap(builder, chunk);
		cd_container_to_bits(c, chunk->body);
		/* Nothing can be added to all ids: kept as one run, it is known at once. */
		if (bits_are_full(chunk->body))
		{
			memcpy(chunk->body, full_run, sizeof(full_run));
			chunk->kind = KIND_RUN;
			chunk->count = CHUNK_IDS;
			chunk->sorted = true;
		}
	}
}

void
cd_set_builder_add_range(CdSetBuilder *builder, uint32 first, uint32 last)
{
	uint32		key;

	for (key = first >> 16; key <= last >> 16; key++)
	{
		uint8		run[6];
		uint32		least = key == first >> 16 ? first & 0xFFFF : 0;
		uint32		greatest = key == last >> 16 ? last & 0xFFFF : CHUNK_IDS - 1;
		CdContainer c = {.cardinality = greatest - least + 1, .kind = KIND_RUN, .body = run};

		CHECK_FOR_INTERRUPTS();
		store16(run, 1);
		store16(run + 2, least);
		store16(run + 4, greatest - least);
		if (c.cardinality <= 2)
		{
			/* One or two ids are no run. */
			c.kind = KIND_ARRAY;
			store16(run, least);
			store16(run + 2, greatest);
		}
		add_container(builder, chunk_of(builder, key), &c, true);
	}
}

void
cd_set_builder_or(CdSetBuilder *builder, const CdSet *set)
{
	CdSetView	view;
	uint32		i;

	cd_set_view(set, &view);
	for (i = 0; i < view.count; i++)
	{
		CdContainer c;

		cd_set_open(&view, i, &c);
		add_container(builder, chunk_of(builder, c.key), &c, true);
	}
}

/* Call for each chunk that has ids: key and chunk are set within */
#define FOR_CHUNKS(builder, key, chunk) \
	for (key = 0; (builder)->pages != NULL && key < CHUNK_IDS; key++) \
		if ((builder)->pages[key >> 8] == NULL) \
			key |= 0xFF; \
		else if ((chunk = &(builder)->pages[key >> 8]->chunks[key & 0xFF])->body != NULL)

void
cd_set_builder_join(CdSetBuilder *builder, CdSetBuilder *other)
{
	uint32		key;
	Chunk	   *chunk;

	flush(other);
	FOR_CHUNKS(other, key, chunk)
	{
		CdContainer c = contents(chunk, key);

		CHECK_FOR_INTERRUPTS();
		add_container(builder, chunk_of(builder, key), &c, chunk->sorted);
	}
}

static int
compare_values(const void *a, const void *b)
{
	return (int) *(const uint16 *) a - (int) *(const uint16 *) b;
}

static int
compare_ids(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return x < y ? -1 : x > y;
}

/* Sort an array and leave out doubles */
static void
sort_chunk(Chunk *chunk)
{
	uint32		i,
				n = 1;

	if (chunk->sorted)
		return;
	if (chunk->count > FEW)
	{
		uint8		bits[BITMAP_BYTES];
		CdContainer c = contents(chunk, 0);

		memset(bits, 0, sizeof(bits));
		cd_container_to_bits(&c, bits);
		chunk->count = cd_bits->positions(bits, (uint16 *) chunk->body, chunk->count);
	}
	else
	{
		uint16	   *values = (uint16 *) chunk->body;

		qsort(values, chunk->count, sizeof(uint16), compare_values);
		for (i = 1; i < chunk->count; i++)
			if (values[i] != values[n - 1])
				values[n++] = values[i];
		chunk->count = n;
	}
	chunk->sorted = true;
}

uint64
cd_set_builder_cardinality(CdSetBuilder *builder)
{
	uint32		key;
	Chunk	   *chunk;
	uint64		n = 0;

	flush(builder);
	FOR_CHUNKS(builder, key, chunk)
	{
		if (chunk->kind == KIND_ARRAY)
			sort_chunk(chunk);
		n += chunk->kind == KIND_BITMAP ? cd_bits->count(chunk->body, BITMAP_WORDS) : chunk->count;
	}
	return n;
}

/* The set of few ids, which are in order or can be sorted: for them chunks are too much */
static CdSet *
value_of_few(const uint32 *ids, uint32 count)
{
	uint8	   *bodies,
			   *body;
	CdContainer *containers;
	uint32		ncontainers = 0;
	uint32		i = 0;
	CdSet	   *set;

	if (count == 0)
		return cd_set_empty();
	body = bodies = palloc(2 * count);
	for (i = ncontainers = 1; i < count; i++)
		ncontainers += ids[i] >> 16 != ids[i - 1] >> 16;
	containers = palloc(sizeof(CdContainer) * ncontainers);
	i = ncontainers = 0;

	while (i < count)
	{
		CdContainer *c = &containers[ncontainers++];
		uint32		key = ids[i] >> 16;
		uint32		n = 0;

		for (; i < count && ids[i] >> 16 == key; i++)
			if (n == 0 || ids[i] != ids[i - 1])
				store16(body + 2 * n++, ids[i] & 0xFFFF);
		body += cd_finish_array(body, n, c);
		c->key = key;
	}
	set = cd_set_of_containers(containers, ncontainers);
	pfree(containers);
	pfree(bodies);
	return set;
}

/* Are ids in order, or so few that sorting them is nothing? */
static bool
in_order(uint32 *ids, uint32 count)
{
	uint32		i;

	for (i = 1; i < count; i++)
		if (ids[i] < ids[i - 1])
		{
			if (count > FEW)
				return false;
			qsort(ids, count, sizeof(uint32), compare_ids);
			return true;
		}
	return true;
}

CdSet *
cd_set_builder_value(CdSetBuilder *builder)
{
	CdSet	   *set;
	CdContainer few[32] = {{0}};
	CdContainer *containers = few;
	uint32		count = 0;
	uint32		key;
	Chunk	   *chunk;

	if (builder->pages == NULL && in_order(builder->ids, builder->waiting))
		return value_of_few(builder->ids, builder->waiting);
	flush(builder);
	FOR_CHUNKS(builder, key, chunk)
		count++;
	if (count > lengthof(few))
		containers = palloc(sizeof(CdContainer) * count);
	count = 0;
	FOR_CHUNKS(builder, key, chunk)
	{
		CdContainer *c = &containers[count++];

		CHECK_FOR_INTERRUPTS();
		*c = contents(chunk, key);
		if (chunk->kind == KIND_ARRAY)
		{
			sort_chunk(chunk);
			cd_finish_array(chunk->body, chunk->count, c);
		}
		else if (chunk->kind == KIND_BITMAP)
			cd_finish_bits(chunk->body, cd_bits->count(chunk->body, BITMAP_WORDS), c);
		chunk->kind = c->kind;
		chunk->count = c->cardinality;
		chunk->sorted = true;
	}
	set = cd_set_of_containers(containers, count);
	if (containers != few)
		pfree(containers);
	return set;
}

/* The set of ids, quickest where they are in order */
CdSet *
cd_set_from_sorted(const uint32 *ids, size_t count)
{
	CdSetBuilder *builder;
	CdSet	   *set;
	size_t		i,
				from = 0;

	if (count <= MAX_WAITING)
	{
		for (i = 1; i < count && ids[i] >= ids[i - 1]; i++)
			;
		if (i >= count)
			return value_of_few(ids, (uint32) count);
	}
	builder = cd_set_builder();
	for (i = 1; i <= count; i++)
		if (i == count || ids[i] >> 16 != ids[from] >> 16 || i - from == MAX_WAITING)
		{
			add_values(builder, chunk_of(builder, ids[from] >> 16), ids + from, (uint32) (i - from));
			from = i;
		}
	set = cd_set_builder_value(builder);
	cd_set_builder_free(builder);
	return set;
}

CdSet *
cd_set_from_bits(uint32 chunk, uint8 *bits)
{
	uint32		count = cd_bits->count(bits, BITMAP_WORDS);
	CdContainer c;

	if (count == 0)
		return cd_set_empty();
	cd_finish_bits(bits, count, &c);
	c.key = chunk;
	return cd_set_of_containers(&c, 1);
}
