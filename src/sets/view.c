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

#include "sets/view.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#ifdef WORDS_BIGENDIAN
#error "the portable Roaring format is read in place on little-endian machines only"
#endif

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

/* Raise an error for a value that is not as it was written */
pg_noreturn static void
damaged(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("customer set is damaged"),
			 errdetail("What its header says does not fit the bytes that follow."),
			 errhint("Restore it from a backup, or refresh what it is derived from.")));
}

/* Find the parts of the header; false if they do not fit into the bytes */
static bool
open_view(const uint8 *data, uint32 bytes, CdSetView *view)
{
	uint32		cookie = load32(data);
	uint64		header;

	view->data = data;
	view->bytes = bytes;
	view->runs = NULL;
	view->offsets = NULL;
	if ((cookie & 0xFFFF) == COOKIE_RUNS)
	{
		view->count = (cookie >> 16) + 1;
		view->runs = data + 4;
		view->keys = view->runs + (view->count + 7) / 8;
	}
	else
	{
		view->count = load32(data + 4);
		view->keys = data + 8;
	}
	header = (view->keys - data) + 4 * (uint64) view->count;
	if (view->runs == NULL || view->count >= NO_OFFSETS)
	{
		view->offsets = view->keys + 4 * (uint64) view->count;
		header += 4 * (uint64) view->count;
	}
	return header <= bytes;
}

void
cd_set_view(const CdSet *set, CdSetView *view)
{
	if (!open_view((const uint8 *) set->data, CD_SET_BYTES(set), view))
		damaged();
}

/* Bytes of the container at a place, if it lies within the value; else an error */
static inline uint32
bytes_within(const CdSetView *view, uint64 place, int kind, uint32 cardinality)
{
	uint32		bytes;

	if (place + 2 > view->bytes)
		damaged();
	bytes = container_bytes(kind, cardinality, view->data + place);
	if (place + bytes > view->bytes || bytes < 2 + 4 * (kind == KIND_RUN))
		damaged();
	return bytes;
}

/* Open a container; its body lies within the value */
void
cd_set_open(const CdSetView *view, uint32 i, CdContainer *c)
{
	uint64		place;

	c->key = container_key(view, i);
	c->cardinality = container_cardinality(view, i);
	c->kind = container_kind(view, i);
	if (view->offsets != NULL)
		place = load32(view->offsets + 4 * i);
	else
	{
		uint32		j;

		place = (view->keys - view->data) + 4 * view->count;
		for (j = 0; j < i; j++)
			place += bytes_within(view, place, container_kind(view, j), container_cardinality(view, j));
	}
	(void) bytes_within(view, place, c->kind, c->cardinality);
	c->body = view->data + place;
}

/*
 * What is wrong with bytes that claim to be a portable Roaring bitmap, or
 * NULL.  Nothing else sees bytes from outside that were not accepted here.
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
	if (!open_view(data, length, &view))
		return "it ends within its header";
	place = (view.keys - data) + (view.offsets == NULL ? 4 : 8) * (uint64) view.count;
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
		fault = cd_container_fault(kind, cardinality, data + place);
		if (fault != NULL)
			return fault;
		place += container_bytes(kind, cardinality, data + place);
	}
	if (place != length)
		return "bytes follow its last container";
	return NULL;
}

uint32
cd_set_find(const CdSetView *view, uint32 from, uint32 key)
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

bool
cd_set_contains(const CdSet *set, uint32 id)
{
	CdSetView	view;
	CdContainer	c;
	uint32		i;

	cd_set_view(set, &view);
	i = cd_set_find(&view, 0, id >> 16);
	if (i == view.count || container_key(&view, i) != id >> 16)
		return false;
	cd_set_open(&view, i, &c);
	return cd_container_contains(&c, id & 0xFFFF);
}

/* Needs no more of the value than CD_SET_HEADER + 8 bytes */
bool
cd_set_is_empty(const CdSet *set)
{
	const uint8 *data = (const uint8 *) set->data;

	return load32(data) == COOKIE_PLAIN && load32(data + 4) == 0;
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
			i = cd_set_find(&va, i + 1, y);
		else if (y < x)
			j = cd_set_find(&vb, j + 1, x);
		else
		{
			CdContainer	ca,
						cb;

			cd_set_open(&va, i++, &ca);
			cd_set_open(&vb, j++, &cb);
			n += cd_container_common(&ca, &cb);
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
			i = cd_set_find(&va, i + 1, y);
		else if (y < x)
			j = cd_set_find(&vb, j + 1, x);
		else
		{
			CdContainer	ca,
						cb;

			cd_set_open(&va, i++, &ca);
			cd_set_open(&vb, j++, &cb);
			if (cd_container_intersects(&ca, &cb))
				return true;
		}
	}
	return false;
}

/* Do two containers of the same key and number of ids hold the same ids? */
static bool
same_ids(const CdContainer *a, const CdContainer *b)
{
	if (a->kind == b->kind && (a->kind != KIND_RUN || run_count(a) == run_count(b)) &&
		memcmp(a->body, b->body, container_bytes(a->kind, a->cardinality, a->body)) == 0)
		return true;
	return a->kind != b->kind && cd_container_common(a, b) == a->cardinality;
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
		CdContainer	ca,
					cb;

		i = cd_set_find(&va, i, key);
		if (i == va.count || container_key(&va, i) != key ||
			container_cardinality(&va, i) < container_cardinality(&vb, j))
			return false;
		cd_set_open(&va, i++, &ca);
		cd_set_open(&vb, j, &cb);
		/* Of as many ids it holds them all if they are the same, which bytes tell. */
		if (ca.cardinality == cb.cardinality ? !same_ids(&ca, &cb) : !cd_container_holds(&ca, &cb))
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

	cd_set_view(a, &va);
	cd_set_view(b, &vb);
	if (va.count != vb.count || memcmp(va.keys, vb.keys, 4 * va.count) != 0)
		return false;
	if (va.bytes == vb.bytes && memcmp(va.data, vb.data, va.bytes) == 0)
		return true;
	for (i = 0; i < va.count; i++)
	{
		CdContainer ca,
					cb;

		cd_set_open(&va, i, &ca);
		cd_set_open(&vb, i, &cb);
		if (!same_ids(&ca, &cb))
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

	cd_set_begin(&ia, a);
	cd_set_begin(&ib, b);
	/* Containers that are the same tell nothing. */
	while (ia.container < ia.view.count && ib.container < ib.view.count &&
		   memcmp(ia.view.keys + 4 * ia.container, ib.view.keys + 4 * ib.container, 4) == 0)
	{
		CdContainer ca,
					cb;

		cd_set_open(&ia.view, ia.container, &ca);
		cd_set_open(&ib.view, ib.container, &cb);
		if (!same_ids(&ca, &cb))
			break;
		ia.container++;
		ib.container++;
	}
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
	uint8		form[BITMAP_BYTES];

	cd_set_view(set, &view);
	for (i = 0; i < view.count; i++)
	{
		CdContainer c;
		const uint8 *bytes;
		uint32		length;

		CHECK_FOR_INTERRUPTS();
		cd_set_open(&view, i, &c);
		bytes = c.body;
		length = c.kind == KIND_BITMAP ? BITMAP_BYTES : 2 * c.cardinality;
		if (c.kind == KIND_RUN && c.cardinality > ARRAY_MAX)
		{
			memset(form, 0, sizeof(form));
			cd_container_to_bits(&c, form);
			bytes = form;
			length = BITMAP_BYTES;
		}
		else if (c.kind == KIND_RUN)
		{
			uint32		n = 0;
			uint32		r;

			for (r = 0; r < run_count(&c); r++)
			{
				uint32		v = run_first(c.body, r);
				uint32		last = run_last(c.body, r);

				for (; v <= last && n < c.cardinality; v++)
					store16(form + 2 * n++, v);
			}
			bytes = form;
			length = 2 * n;
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
	it->kind = KIND_ARRAY;
}

/* Open the next container; false when there is none */
static bool
next_container(CdSetIterator *it)
{
	CdContainer c;

	if (it->container == it->view.count)
		return false;
	cd_set_open(&it->view, it->container++, &c);
	it->body = c.body;
	it->kind = c.kind;
	it->base = c.key << 16;
	it->left = c.cardinality;
	it->position = 0;
	it->within = 0;
	it->word = c.kind == KIND_BITMAP ? load64(c.body) : 0;
	/* Where reading has to stop, whatever the container says of its ids */
	it->limit = c.kind == KIND_BITMAP ? BITMAP_WORDS : c.kind == KIND_RUN ? run_count(&c) : c.cardinality;
	return true;
}

/* Give the next id; false when there is none */
bool
cd_set_next(CdSetIterator *it, uint32 *id)
{
	if (it->left == 0 && !next_container(it))
		return false;
	it->left--;
	switch (it->kind)
	{
		case KIND_ARRAY:
			*id = it->base | load16(it->body + 2 * it->position);
			it->position++;
			break;
		case KIND_BITMAP:
			while (it->word == 0)
			{
				if (++it->position == it->limit)
					damaged();
				it->word = load64(it->body + 8 * it->position);
			}
			*id = it->base | (it->position * 64 + pg_rightmost_one_pos64(it->word));
			it->word &= it->word - 1;
			break;
		default:
			if (it->position == it->limit)
				damaged();
			*id = it->base | Min(run_first(it->body, it->position) + it->within, CHUNK_IDS - 1);
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

		rest = Min(rest, it->left);
		*last = it->base | Min((*last & 0xFFFF) + rest, CHUNK_IDS - 1);
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

/* All ids as 64-bit numbers, into an array of cd_set_cardinality */
void
cd_set_to_int64(const CdSet *set, int64 *ids)
{
	CdSetView	view;
	uint32		i;
	int64	   *next = ids;

	cd_set_view(set, &view);
	for (i = 0; i < view.count; i++)
	{
		CdContainer c;
		uint16		values[ARRAY_MAX * 16 + 64];
		const uint8 *body;
		int64		base;
		uint32		k,
					n;

		CHECK_FOR_INTERRUPTS();
		cd_set_open(&view, i, &c);
		base = (int64) c.key << 16;
		n = c.cardinality;
		body = c.body;
		if (c.kind == KIND_BITMAP)
		{
			if (cd_bits->positions(c.body, values, n) != n)
				damaged();
			body = (const uint8 *) values;
		}
		if (c.kind == KIND_RUN)
		{
			uint32		r;

			for (r = k = 0; r < run_count(&c); r++)
			{
				uint32		v = run_first(c.body, r);
				uint32		last = run_last(c.body, r);

				for (; v <= last && k < n; v++)
					next[k++] = base | v;
			}
			if (k != n)
				damaged();
		}
		else
			for (k = 0; k < n; k++)
				next[k] = base | load16(body + 2 * k);
		next += n;
	}
}

/* Least and greatest id; false for an empty set */
bool
cd_set_bounds(const CdSet *set, uint32 *least, uint32 *greatest)
{
	CdSetView	view;
	CdContainer	c;
	CdSetIterator it;

	cd_set_begin(&it, set);
	if (!cd_set_next(&it, least))
		return false;
	cd_set_view(set, &view);
	cd_set_open(&view, view.count - 1, &c);
	if (c.kind == KIND_ARRAY)
		*greatest = load16(c.body + 2 * (c.cardinality - 1));
	else if (c.kind == KIND_RUN)
		*greatest = run_last(c.body, run_count(&c) - 1);
	else
	{
		int			w = BITMAP_WORDS - 1;

		while (w > 0 && load64(c.body + 8 * w) == 0)
			w--;
		if (load64(c.body + 8 * w) == 0)
			damaged();
		*greatest = w * 64 + pg_leftmost_one_pos64(load64(c.body + 8 * w));
	}
	*greatest |= c.key << 16;
	return true;
}
