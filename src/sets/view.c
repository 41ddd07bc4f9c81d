/*
 * view.c
 *		Read a serialised customer set in place.
 *
 * The portable Roaring format (github.com/RoaringBitmap/RoaringFormatSpec):
 * a cookie; with the run cookie, a bit per container that says which are
 * runs; a (key, cardinality - 1) pair per container; offsets, left out where
 * runs exist and there are fewer than four containers; the containers.  All
 * little-endian and not aligned, hence the loads through memcpy.
 */
#include "postgres.h"

#include "sets/customer_set.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#ifdef WORDS_BIGENDIAN
#error "the portable Roaring format is read in place on little-endian machines only"
#endif

#define COOKIE_PLAIN	12346
#define COOKIE_RUNS		12347
#define NO_OFFSETS		4		/* with runs and fewer containers: no offsets */
#define ARRAY_MAX		4096
#define BITMAP_BYTES	8192
#define BITMAP_WORDS	1024

enum
{
	KIND_ARRAY,
	KIND_BITMAP,
	KIND_RUN
};

/* One container, opened. */
typedef struct Container
{
	uint32		key;
	uint32		cardinality;
	int			kind;
	const uint8 *body;
} Container;

/* Let the compiler use newer instructions where the processor has them. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FAST_CLONES __attribute__((target_clones("avx2", "popcnt", "default")))
#else
#define FAST_CLONES
#endif

static inline uint16
load16(const uint8 *p)
{
	uint16		v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32
load32(const uint8 *p)
{
	uint32		v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64
load64(const uint8 *p)
{
	uint64		v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Detoast and check our own header */
CdSet *
cd_set_detoast(Datum value)
{
	CdSet	   *set = (CdSet *) PG_DETOAST_DATUM(value);

	if (VARSIZE(set) < CD_SET_HEADER + 8 || set->version != CD_SET_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("customer set of an unknown version"),
				 errhint("It was written by a newer customer_data, or is damaged.")));
	return set;
}

static void
open_view(const uint8 *data, uint32 bytes, CdSetView *view)
{
	uint32		cookie = load32(data);

	view->data = data;
	view->bytes = bytes;
	view->runs = NULL;
	view->offsets = NULL;
	if ((cookie & 0xFFFF) == COOKIE_RUNS)
	{
		view->count = (cookie >> 16) + 1;
		view->runs = data + 4;
		view->keys = view->runs + (view->count + 7) / 8;
		if (view->count >= NO_OFFSETS)
			view->offsets = view->keys + 4 * view->count;
	}
	else
	{
		view->count = load32(data + 4);
		view->keys = data + 8;
		view->offsets = view->keys + 4 * view->count;
	}
}

void
cd_set_view(const CdSet *set, CdSetView *view)
{
	open_view((const uint8 *) set->data, CD_SET_BYTES(set), view);
}

static inline uint32
container_key(const CdSetView *view, uint32 i)
{
	return load16(view->keys + 4 * i);
}

static inline uint32
container_cardinality(const CdSetView *view, uint32 i)
{
	return (uint32) load16(view->keys + 4 * i + 2) + 1;
}

static inline int
container_kind(const CdSetView *view, uint32 i)
{
	if (view->runs != NULL && (view->runs[i / 8] & (1 << (i % 8))) != 0)
		return KIND_RUN;
	return container_cardinality(view, i) <= ARRAY_MAX ? KIND_ARRAY : KIND_BITMAP;
}

/* Bytes of the container that starts at body */
static inline uint32
container_bytes(int kind, uint32 cardinality, const uint8 *body)
{
	if (kind == KIND_ARRAY)
		return 2 * cardinality;
	if (kind == KIND_BITMAP)
		return BITMAP_BYTES;
	return 2 + 4 * (uint32) load16(body);
}

static void
open_container(const CdSetView *view, uint32 i, Container *c)
{
	c->key = container_key(view, i);
	c->cardinality = container_cardinality(view, i);
	c->kind = container_kind(view, i);
	if (view->offsets != NULL)
		c->body = view->data + load32(view->offsets + 4 * i);
	else
	{
		uint32		j;

		c->body = view->keys + 4 * view->count;
		for (j = 0; j < i; j++)
			c->body += container_bytes(container_kind(view, j), container_cardinality(view, j), c->body);
	}
}

FAST_CLONES static uint32
count_bits(const uint8 *body)
{
	uint32		n = 0;
	int			i;

	for (i = 0; i < BITMAP_WORDS; i++)
		n += __builtin_popcountll(load64(body + 8 * i));
	return n;
}

FAST_CLONES static uint32
count_common_bits(const uint8 *a, const uint8 *b)
{
	uint32		n = 0;
	int			i;

	for (i = 0; i < BITMAP_WORDS; i++)
		n += __builtin_popcountll(load64(a + 8 * i) & load64(b + 8 * i));
	return n;
}

/* Say what is wrong with one container's body, or NULL */
static const char *
container_fault(int kind, uint32 cardinality, const uint8 *body)
{
	uint32		i;

	if (kind == KIND_ARRAY)
	{
		for (i = 1; i < cardinality; i++)
			if (load16(body + 2 * i) <= load16(body + 2 * (i - 1)))
				return "an array container is not sorted";
	}
	else if (kind == KIND_BITMAP)
	{
		if (count_bits(body) != cardinality)
			return "a bitmap container does not hold the number of ids it says";
	}
	else
	{
		uint32		runs = load16(body);
		uint32		total = 0;
		int64		last = -2;

		for (i = 0; i < runs; i++)
		{
			uint32		start = load16(body + 2 + 4 * i);
			uint32		more = load16(body + 4 + 4 * i);

			if ((int64) start <= last + 1 || start + more > 0xFFFF)
				return "the runs of a container overlap or leave its range";
			last = start + more;
			total += more + 1;
		}
		if (total != cardinality)
			return "a run container does not hold the number of ids it says";
	}
	return NULL;
}

/*
 * What is wrong with bytes that claim to be a portable Roaring bitmap, or
 * NULL.  Nothing else, CRoaring included, sees bytes that were not accepted
 * here.
 */
const char *
cd_roaring_fault(const char *bytes, size_t length)
{
	const uint8 *data = (const uint8 *) bytes;
	CdSetView	view;
	uint32		cookie;
	uint64		place;
	uint32		i;
	int64		last_key = -1;

	if (length < 8)
		return "it is shorter than the shortest Roaring bitmap";
	if (length > MaxAllocSize - CD_SET_HEADER)
		return "it is too long";
	cookie = load32(data);
	if ((cookie & 0xFFFF) != COOKIE_RUNS && cookie != COOKIE_PLAIN)
		return "it does not begin with a Roaring cookie";
	if (cookie == COOKIE_PLAIN && load32(data + 4) > 65536)
		return "it has more than 65536 containers";
	open_view(data, length, &view);
	place = (view.keys - data) + 4 * (uint64) view.count;
	if (view.offsets != NULL)
		place += 4 * (uint64) view.count;
	if (place > length)
		return "it ends within its header";
	for (i = 0; i < view.count; i++)
	{
		int			kind = container_kind(&view, i);
		uint32		cardinality = container_cardinality(&view, i);
		const char *fault;

		if ((int64) container_key(&view, i) <= last_key)
			return "its containers are not sorted";
		last_key = container_key(&view, i);
		if (view.offsets != NULL && load32(view.offsets + 4 * i) != place)
			return "a container is not where its offset says";
		if (kind == KIND_RUN && place + 2 > length)
			return "it ends within a container";
		if (place + container_bytes(kind, cardinality, data + place) > length)
			return "it ends within a container";
		fault = container_fault(kind, cardinality, data + place);
		if (fault != NULL)
			return fault;
		place += container_bytes(kind, cardinality, data + place);
	}
	if (place != length)
		return "bytes follow its last container";
	return NULL;
}

/* Index of the first container with a key of at least the given one */
static uint32
find_container(const CdSetView *view, uint32 from, uint32 key)
{
	uint32		low = from,
				high = view->count;

	while (low < high)
	{
		uint32		mid = low + (high - low) / 2;

		if (container_key(view, mid) < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Index of the first of n sorted 16-bit values, from a place on, >= value */
static inline uint32
gallop(const uint8 *values, uint32 from, uint32 n, uint32 value)
{
	uint32		step = 1;
	uint32		low = from,
				high;

	while (low + step < n && load16(values + 2 * (low + step)) < value)
	{
		low += step;
		step *= 2;
	}
	high = Min(low + step, n);
	while (low < high)
	{
		uint32		mid = low + (high - low) / 2;

		if (load16(values + 2 * mid) < value)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
container_contains(const Container *c, uint32 low)
{
	if (c->kind == KIND_BITMAP)
		return (c->body[low >> 3] & (1 << (low & 7))) != 0;
	if (c->kind == KIND_ARRAY)
	{
		uint32		at = gallop(c->body, 0, c->cardinality, low);

		return at < c->cardinality && load16(c->body + 2 * at) == low;
	}
	else
	{
		/* The last run that starts at or before the value */
		uint32		a = 0,
					b = load16(c->body);

		while (a < b)
		{
			uint32		mid = a + (b - a) / 2;

			if (load16(c->body + 2 + 4 * mid) <= low)
				a = mid + 1;
			else
				b = mid;
		}
		if (a == 0)
			return false;
		return low <= (uint32) load16(c->body + 2 + 4 * (a - 1)) + load16(c->body + 4 + 4 * (a - 1));
	}
}

static uint32
common_of_arrays(const Container *a, const Container *b)
{
	uint32		i = 0,
				j = 0,
				n = 0;

	if (a->cardinality > b->cardinality)
	{
		const Container *t = a;

		a = b;
		b = t;
	}
	if (a->cardinality * 16 < b->cardinality)
	{
		for (i = 0; i < a->cardinality && j < b->cardinality; i++)
		{
			uint32		value = load16(a->body + 2 * i);

			j = gallop(b->body, j, b->cardinality, value);
			if (j < b->cardinality && load16(b->body + 2 * j) == value)
				n++;
		}
		return n;
	}
	while (i < a->cardinality && j < b->cardinality)
	{
		uint32		x = load16(a->body + 2 * i),
					y = load16(b->body + 2 * j);

		n += x == y;
		i += x <= y;
		j += y <= x;
	}
	return n;
}

/* Bits of a bitmap between two positions, both included */
static uint32
bits_between(const uint8 *body, uint32 first, uint32 last)
{
	uint32		w = first / 64,
				end = last / 64;
	uint64		mask = ~UINT64CONST(0) << (first % 64);
	uint64		end_mask = ~UINT64CONST(0) >> (63 - last % 64);
	uint32		n = 0;

	if (w == end)
		return pg_popcount64(load64(body + 8 * w) & mask & end_mask);
	n = pg_popcount64(load64(body + 8 * w) & mask);
	for (w++; w < end; w++)
		n += pg_popcount64(load64(body + 8 * w));
	return n + pg_popcount64(load64(body + 8 * end) & end_mask);
}

/* Count what a run container shares with another */
static uint32
common_with_runs(const Container *runs, const Container *other)
{
	uint32		count = load16(runs->body);
	uint32		n = 0;
	uint32		i,
				j = 0;
	uint32		others = other->kind == KIND_RUN ? load16(other->body) : other->cardinality;

	for (i = 0; i < count; i++)
	{
		uint32		first = load16(runs->body + 2 + 4 * i);
		uint32		last = first + load16(runs->body + 4 + 4 * i);

		if (other->kind == KIND_BITMAP)
			n += bits_between(other->body, first, last);
		else if (other->kind == KIND_ARRAY)
		{
			uint32		end;

			j = gallop(other->body, j, others, first);
			end = last == 0xFFFF ? others : gallop(other->body, j, others, last + 1);
			n += end - j;
			j = end;
		}
		else
		{
			while (j < others)
			{
				uint32		start = load16(other->body + 2 + 4 * j);
				uint32		stop = start + load16(other->body + 4 + 4 * j);

				if (start > last)
					break;
				if (stop >= first)
					n += Min(stop, last) - Max(start, first) + 1;
				if (stop > last)
					break;
				j++;
			}
		}
	}
	return n;
}

static uint32
container_common(const Container *a, const Container *b)
{
	if (a->kind == KIND_RUN)
		return common_with_runs(a, b);
	if (b->kind == KIND_RUN)
		return common_with_runs(b, a);
	if (a->kind == KIND_ARRAY && b->kind == KIND_ARRAY)
		return common_of_arrays(a, b);
	if (a->kind == KIND_BITMAP && b->kind == KIND_BITMAP)
		return count_common_bits(a->body, b->body);
	if (a->kind == KIND_BITMAP)
	{
		const Container *t = a;

		a = b;
		b = t;
	}
	{
		uint32		n = 0;
		uint32		i;

		for (i = 0; i < a->cardinality; i++)
		{
			uint32		low = load16(a->body + 2 * i);

			n += (b->body[low >> 3] >> (low & 7)) & 1;
		}
		return n;
	}
}

bool
cd_set_contains(const CdSet *set, uint32 id)
{
	CdSetView	view;
	Container	c;
	uint32		i;

	cd_set_view(set, &view);
	i = find_container(&view, 0, id >> 16);
	if (i == view.count || container_key(&view, i) != id >> 16)
		return false;
	open_container(&view, i, &c);
	return container_contains(&c, id & 0xFFFF);
}

bool
cd_set_is_empty(const CdSet *set)
{
	CdSetView	view;

	cd_set_view(set, &view);
	return view.count == 0;
}

uint64
cd_set_cardinality(const CdSet *set)
{
	CdSetView	view;
	uint64		n = 0;
	uint32		i;

	cd_set_view(set, &view);
	for (i = 0; i < view.count; i++)
		n += container_cardinality(&view, i);
	return n;
}

uint64
cd_set_and_cardinality(const CdSet *a, const CdSet *b)
{
	CdSetView	va,
				vb;
	uint32		i = 0,
				j = 0;
	uint64		n = 0;

	cd_set_view(a, &va);
	cd_set_view(b, &vb);
	while (i < va.count && j < vb.count)
	{
		uint32		x = container_key(&va, i),
					y = container_key(&vb, j);

		if (x < y)
			i = find_container(&va, i + 1, y);
		else if (y < x)
			j = find_container(&vb, j + 1, x);
		else
		{
			Container	ca,
						cb;

			open_container(&va, i++, &ca);
			open_container(&vb, j++, &cb);
			n += container_common(&ca, &cb);
		}
	}
	return n;
}

bool
cd_set_intersects(const CdSet *a, const CdSet *b)
{
	CdSetView	va,
				vb;
	uint32		i = 0,
				j = 0;

	cd_set_view(a, &va);
	cd_set_view(b, &vb);
	while (i < va.count && j < vb.count)
	{
		uint32		x = container_key(&va, i),
					y = container_key(&vb, j);

		if (x < y)
			i = find_container(&va, i + 1, y);
		else if (y < x)
			j = find_container(&vb, j + 1, x);
		else
		{
			Container	ca,
						cb;

			open_container(&va, i++, &ca);
			open_container(&vb, j++, &cb);
			if (container_common(&ca, &cb) > 0)
				return true;
		}
	}
	return false;
}

/* Does a hold every id of b? */
bool
cd_set_contains_set(const CdSet *a, const CdSet *b)
{
	CdSetView	va,
				vb;
	uint32		i = 0,
				j;

	cd_set_view(a, &va);
	cd_set_view(b, &vb);
	if (vb.count > va.count)
		return false;
	for (j = 0; j < vb.count; j++)
	{
		uint32		key = container_key(&vb, j);
		Container	ca,
					cb;

		i = find_container(&va, i, key);
		if (i == va.count || container_key(&va, i) != key ||
			container_cardinality(&va, i) < container_cardinality(&vb, j))
			return false;
		open_container(&va, i++, &ca);
		open_container(&vb, j, &cb);
		if (container_common(&ca, &cb) != cb.cardinality)
			return false;
	}
	return true;
}

bool
cd_set_equal(const CdSet *a, const CdSet *b)
{
	CdSetView	va,
				vb;
	uint32		i;

	if (VARSIZE(a) == VARSIZE(b) && memcmp(a->data, b->data, CD_SET_BYTES(a)) == 0)
		return true;
	cd_set_view(a, &va);
	cd_set_view(b, &vb);
	if (va.count != vb.count || memcmp(va.keys, vb.keys, 4 * va.count) != 0)
		return false;
	for (i = 0; i < va.count; i++)
	{
		Container	ca,
					cb;

		open_container(&va, i, &ca);
		open_container(&vb, i, &cb);
		if (container_common(&ca, &cb) != ca.cardinality)
			return false;
	}
	return true;
}

/* Order sets as their ascending lists of ids are ordered */
int
cd_set_compare(const CdSet *a, const CdSet *b)
{
	CdSetIterator ia,
				ib;

	if (VARSIZE(a) == VARSIZE(b) && memcmp(a->data, b->data, CD_SET_BYTES(a)) == 0)
		return 0;
	cd_set_begin(&ia, a);
	cd_set_begin(&ib, b);
	for (;;)
	{
		uint32		x,
					y;
		bool		more = cd_set_next(&ia, &x);

		if (!cd_set_next(&ib, &y))
			return more ? 1 : 0;
		if (!more)
			return -1;
		if (x != y)
			return x < y ? -1 : 1;
	}
}

/*
 * Hash of the ids, the same for every way of storing them: which of two
 * container kinds is taken for the same ids may differ between libraries.
 */
uint64
cd_set_hash(const CdSet *set, uint64 seed)
{
	CdSetView	view;
	uint64		hash = seed;
	uint32		i;
	uint64		words[BITMAP_WORDS];
	uint16		values[ARRAY_MAX];

	cd_set_view(set, &view);
	for (i = 0; i < view.count; i++)
	{
		Container	c;
		const unsigned char *bytes;
		int			length;

		CHECK_FOR_INTERRUPTS();
		open_container(&view, i, &c);
		bytes = c.body;
		length = c.kind == KIND_BITMAP ? BITMAP_BYTES : 2 * c.cardinality;
		if (c.kind == KIND_RUN)
		{
			uint32		runs = load16(c.body);
			uint32		r,
						n = 0;

			memset(words, 0, sizeof(words));
			for (r = 0; r < runs; r++)
			{
				uint32		v = load16(c.body + 2 + 4 * r);
				uint32		last = v + load16(c.body + 4 + 4 * r);

				for (; v <= last; v++)
				{
					if (c.cardinality <= ARRAY_MAX)
						values[n++] = v;
					else
						words[v / 64] |= UINT64CONST(1) << (v % 64);
				}
			}
			bytes = c.cardinality <= ARRAY_MAX ? (unsigned char *) values : (unsigned char *) words;
			length = c.cardinality <= ARRAY_MAX ? 2 * (int) n : BITMAP_BYTES;
		}
		hash = DatumGetUInt64(hash_any_extended(bytes, length, hash ^ c.key));
	}
	return hash;
}

void
cd_set_begin(CdSetIterator *it, const CdSet *set)
{
	cd_set_view(set, &it->view);
	it->container = 0;
	it->left = 0;
}

/* Give the next id; false when there is none */
bool
cd_set_next(CdSetIterator *it, uint32 *id)
{
	if (it->left == 0)
	{
		Container	c;

		if (it->container == it->view.count)
			return false;
		if (it->container == 0 || it->view.offsets != NULL)
			open_container(&it->view, it->container, &c);
		else
		{
			/* Without offsets the next container follows the last one. */
			c.body = it->body + container_bytes(it->kind, container_cardinality(&it->view, it->container - 1),
												it->body);
			c.key = container_key(&it->view, it->container);
			c.cardinality = container_cardinality(&it->view, it->container);
			c.kind = container_kind(&it->view, it->container);
		}
		it->container++;
		it->body = c.body;
		it->kind = c.kind;
		it->base = c.key << 16;
		it->left = c.cardinality;
		it->position = 0;
		it->within = 0;
		it->word = c.kind == KIND_BITMAP ? load64(c.body) : 0;
	}
	it->left--;
	switch (it->kind)
	{
		case KIND_ARRAY:
			*id = it->base | load16(it->body + 2 * it->position);
			it->position++;
			break;
		case KIND_BITMAP:
			while (it->word == 0)
				it->word = load64(it->body + 8 * ++it->position);
			*id = it->base | (it->position * 64 + pg_rightmost_one_pos64(it->word));
			it->word &= it->word - 1;
			break;
		default:
			*id = it->base | (load16(it->body + 2 + 4 * it->position) + it->within);
			if (it->within == load16(it->body + 4 + 4 * it->position))
			{
				it->position++;
				it->within = 0;
			}
			else
				it->within++;
			break;
	}
	return true;
}

bool
cd_set_next_range(CdSetIterator *it, uint32 *first, uint32 *last)
{
	if (!cd_set_next(it, first))
		return false;
	*last = *first;
	if (it->kind == KIND_RUN && it->left > 0 && it->within > 0)
	{
		/* The rest of the run at once. */
		uint32		rest = load16(it->body + 4 + 4 * it->position) - it->within + 1;

		*last += rest;
		it->left -= rest;
		it->position++;
		it->within = 0;
		return true;
	}
	while (it->left > 0)
	{
		CdSetIterator before = *it;
		uint32		id;

		(void) cd_set_next(it, &id);
		if (id != *last + 1)
		{
			*it = before;
			break;
		}
		*last = id;
	}
	return true;
}

uint32 *
cd_set_ids(const CdSet *set, uint64 *count)
{
	uint64		n = cd_set_cardinality(set);
	uint32	   *ids;
	uint64		i;
	CdSetIterator it;

	ids = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(uint32));
	cd_set_begin(&it, set);
	for (i = 0; i < n && cd_set_next(&it, &ids[i]); i++)
		;
	*count = n;
	return ids;
}

/* Least and greatest id; false for an empty set */
bool
cd_set_bounds(const CdSet *set, uint32 *least, uint32 *greatest)
{
	CdSetView	view;
	Container	c;
	CdSetIterator it;

	cd_set_begin(&it, set);
	if (!cd_set_next(&it, least))
		return false;
	cd_set_view(set, &view);
	open_container(&view, view.count - 1, &c);
	if (c.kind == KIND_ARRAY)
		*greatest = load16(c.body + 2 * (c.cardinality - 1));
	else if (c.kind == KIND_RUN)
	{
		uint32		last = load16(c.body) - 1;

		*greatest = load16(c.body + 2 + 4 * last) + load16(c.body + 4 + 4 * last);
	}
	else
	{
		int			w = BITMAP_WORDS - 1;

		while (load64(c.body + 8 * w) == 0)
			w--;
		*greatest = w * 64 + pg_leftmost_one_pos64(load64(c.body + 8 * w));
	}
	*greatest |= c.key << 16;
	return true;
}
