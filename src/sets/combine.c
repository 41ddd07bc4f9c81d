/*
 * combine.c
 *		Make customer sets from customer sets, container by container.
 *
 * A result is written once, where it stays: what only one set holds is copied
 * as it is, and of what both hold the smaller form of the result is found
 * while its container is still in the processor's cache.
 */
#include "postgres.h"

#include "sets/view.h"

#include "miscadmin.h"
#include "utils/memutils.h"

CdSet *
cd_set_alloc(Size bytes)
{
	CdSet	   *set;

	if (bytes > MaxAllocSize - CD_SET_HEADER)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("customer set needs more than 1 GB")));
	set = palloc(CD_SET_HEADER + bytes);
	SET_VARSIZE(set, CD_SET_HEADER + bytes);
	set->version = CD_SET_VERSION;
	memset(set->reserved, 0, sizeof(set->reserved));
	return set;
}

/* Bytes before the first container */
static inline Size
header_bytes(uint32 count, bool runs)
{
	if (!runs)
		return 8 + 8 * (Size) count;
	return 4 + (count + 7) / 8 + (count < NO_OFFSETS ? 4 : 8) * (Size) count;
}

/* Write the header for so many containers; the entries are filled in with write_entry. */
static void
begin_header(uint8 *data, uint32 count, bool runs, CdSetView *view)
{
	view->data = data;
	view->count = count;
	view->runs = NULL;
	view->offsets = NULL;
	if (runs)
	{
		store32(data, COOKIE_RUNS | (count - 1) << 16);
		memset(data + 4, 0, (count + 7) / 8);
		view->runs = data + 4;
		view->keys = data + 4 + (count + 7) / 8;
	}
	else
	{
		store32(data, COOKIE_PLAIN);
		store32(data + 4, count);
		view->keys = data + 8;
	}
	if (!runs || count >= NO_OFFSETS)
		view->offsets = view->keys + 4 * (Size) count;
}

static inline void
write_entry(CdSetView *view, uint32 i, const CdContainer *c, Size place)
{
	uint8	   *data = (uint8 *) view->data;

	store16(data + (view->keys - data) + 4 * i, c->key);
	store16(data + (view->keys - data) + 4 * i + 2, c->cardinality - 1);
	if (c->kind == KIND_RUN)
		data[4 + i / 8] |= 1 << (i % 8);
	if (view->offsets != NULL)
		store32(data + (view->offsets - data) + 4 * i, (uint32) place);
}

/* A set being written, its containers in order. */
typedef struct Writer
{
	CdSet	   *set;
	Size		header;			/* bytes reserved for it */
	Size		room;			/* bytes of the whole set */
	Size		place;			/* next container */
	uint32		count;
	uint32		runs;			/* containers that are runs */
	CdContainer *entries;		/* what the header will say */
	CdContainer few[32];
} Writer;

/* Begin a set of at most so many containers, of at most so many bytes together */
static void
begin_set(Writer *w, uint32 most, bool runs, Size bytes)
{
	/* Where a result has no runs, or fewer containers, all move a little. */
	w->header = header_bytes(most, runs);
	w->room = Max(header_bytes(most, false), header_bytes(most, true)) + bytes;
	if (w->room > MaxAllocSize - CD_SET_HEADER)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("customer set needs more than 1 GB")));
	w->set = cd_set_alloc(w->room);
	w->place = w->header;
	w->count = 0;
	w->runs = 0;
	w->entries = most <= lengthof(w->few) ? w->few : palloc(sizeof(CdContainer) * most);
}

/* The last containers, when what they could need is more than is left, are written here first. */
static uint8 scratch[CONTAINER_ROOM];

/* Where the next container is to be written: CONTAINER_ROOM bytes */
static inline uint8 *
next_place(Writer *w)
{
	return w->place + CONTAINER_ROOM <= w->room ? (uint8 *) w->set->data + w->place : scratch;
}

/* Keep what was written there as a container; 0 bytes are none */
static inline void
keep(Writer *w, uint32 key, const CdContainer *c, uint32 bytes)
{
	CdContainer *entry = &w->entries[w->count];

	if (bytes == 0)
		return;
	Assert(w->place + bytes <= w->room);
	*entry = *c;
	entry->key = key;
	if (c->body == scratch)
	{
		entry->body = (uint8 *) w->set->data + w->place;
		memcpy((uint8 *) w->set->data + w->place, scratch, bytes);
	}
	w->count++;
	w->runs += c->kind == KIND_RUN;
	w->place += bytes;
}

/* Take over a container as it is */
static inline void
take(Writer *w, const CdContainer *c)
{
	uint8	   *out = (uint8 *) w->set->data + w->place;
	uint32		bytes = container_bytes(c->kind, c->cardinality, c->body);
	CdContainer taken = *c;

	memcpy(out, c->body, bytes);
	taken.body = out;
	keep(w, c->key, &taken, bytes);
}

/* Write the header and give back what was not needed */
static CdSet *
end_set(Writer *w)
{
	uint8	   *data = (uint8 *) w->set->data;
	Size		header = header_bytes(w->count, w->runs > 0);
	CdSetView	view;
	uint32		i;
	Size		bytes;

	if (w->count == 0)
	{
		pfree(w->set);
		return cd_set_empty();
	}
	if (header != w->header)
	{
		memmove(data + header, data + w->header, w->place - w->header);
		w->place = w->place - w->header + header;
	}
	begin_header(data, w->count, w->runs > 0, &view);
	for (i = 0; i < w->count; i++)
		write_entry(&view, i, &w->entries[i], header + (w->entries[i].body - data) - w->header);
	if (w->entries != w->few)
		pfree(w->entries);
	bytes = CD_SET_HEADER + w->place;
	SET_VARSIZE(w->set, bytes);
	/* Give back what is more than the set itself, lest a long query keeps it. */
	if (w->room - w->place > Max(w->place, 4096))
	{
		CdSet	   *large = w->set;

		if (bytes > 4096)
			return repalloc(large, bytes);
		w->set = cd_set_copy(large);
		pfree(large);
	}
	return w->set;
}

CdSet *
cd_set_empty(void)
{
	CdSet	   *set = cd_set_alloc(8);

	store32((uint8 *) set->data, COOKIE_PLAIN);
	store32((uint8 *) set->data + 4, 0);
	return set;
}

CdSet *
cd_set_copy(const CdSet *set)
{
	CdSet	   *result = palloc(VARSIZE(set));

	memcpy(result, set, VARSIZE(set));
	return result;
}

/* The most bytes the smallest form of what two containers make can have */
static inline Size
most_bytes(const CdContainer *a, const CdContainer *b)
{
	Size		bytes = container_bytes(a->kind, a->cardinality, a->body) +
		container_bytes(b->kind, b->cardinality, b->body);

	return Min(2 * bytes, BITMAP_BYTES);
}

/* Walk two sets side by side, once to see how much room is needed, once to write */
static CdSet *
combine(CdSetOperation operation, const CdSet *a, const CdSet *b)
{
	bool		keep_a = operation != CD_AND;
	bool		keep_b = operation == CD_OR || operation == CD_XOR;
	CdSetView	va,
				vb;
	CdContainer ca,
				cb;
	uint32		i = 0,
				j = 0;
	uint32		most = 0;
	Size		bytes = 0;
	Writer		writer;

	cd_set_view(a, &va);
	cd_set_view(b, &vb);
	for (;;)
	{
		uint32		x = i < va.count ? container_key(&va, i) : CHUNK_IDS;
		uint32		y = j < vb.count ? container_key(&vb, j) : CHUNK_IDS;

		if (x == CHUNK_IDS && y == CHUNK_IDS)
			break;
		if (x < y)
		{
			if (!keep_a)
			{
				i = cd_set_find(&va, i + 1, y);
				continue;
			}
			cd_set_open(&va, i++, &ca);
			bytes += container_bytes(ca.kind, ca.cardinality, ca.body);
		}
		else if (y < x)
		{
			if (!keep_b)
			{
				j = cd_set_find(&vb, j + 1, x);
				continue;
			}
			cd_set_open(&vb, j++, &cb);
			bytes += container_bytes(cb.kind, cb.cardinality, cb.body);
		}
		else
		{
			cd_set_open(&va, i++, &ca);
			cd_set_open(&vb, j++, &cb);
			bytes += most_bytes(&ca, &cb);
		}
		most++;
	}
	if (most == 0)
		return cd_set_empty();

	begin_set(&writer, most, va.runs != NULL || vb.runs != NULL, bytes);
	i = j = 0;
	for (;;)
	{
		uint32		x = i < va.count ? container_key(&va, i) : CHUNK_IDS;
		uint32		y = j < vb.count ? container_key(&vb, j) : CHUNK_IDS;

		if (x == CHUNK_IDS && y == CHUNK_IDS)
			break;
		CHECK_FOR_INTERRUPTS();
		if (x < y)
		{
			if (!keep_a)
			{
				i = cd_set_find(&va, i + 1, y);
				continue;
			}
			cd_set_open(&va, i++, &ca);
			take(&writer, &ca);
		}
		else if (y < x)
		{
			if (!keep_b)
			{
				j = cd_set_find(&vb, j + 1, x);
				continue;
			}
			cd_set_open(&vb, j++, &cb);
			take(&writer, &cb);
		}
		else
		{
			CdContainer made;

			cd_set_open(&va, i++, &ca);
			cd_set_open(&vb, j++, &cb);
			keep(&writer, x, &made, cd_container_combine(operation, &ca, &cb, next_place(&writer), &made));
		}
	}
	return end_set(&writer);
}

CdSet *
cd_set_or(const CdSet *a, const CdSet *b)
{
	if (cd_set_is_empty(a))
		return cd_set_copy(b);
	if (cd_set_is_empty(b))
		return cd_set_copy(a);
	return combine(CD_OR, a, b);
}

CdSet *
cd_set_and(const CdSet *a, const CdSet *b)
{
	return combine(CD_AND, a, b);
}

CdSet *
cd_set_andnot(const CdSet *a, const CdSet *b)
{
	if (cd_set_is_empty(b))
		return cd_set_copy(a);
	return combine(CD_ANDNOT, a, b);
}

CdSet *
cd_set_xor(const CdSet *a, const CdSet *b)
{
	if (cd_set_is_empty(a))
		return cd_set_copy(b);
	if (cd_set_is_empty(b))
		return cd_set_copy(a);
	return combine(CD_XOR, a, b);
}

/* The ids from first to last, both included */
CdSet *
cd_set_slice(const CdSet *set, uint32 first, uint32 last)
{
	CdSetView	view;
	uint32		from,
				to,
				i;
	Size		bytes = 0;
	Writer		writer;
	CdContainer c;

	if (first > last)
		return cd_set_empty();
	cd_set_view(set, &view);
	from = cd_set_find(&view, 0, first >> 16);
	to = cd_set_find(&view, from, (last >> 16) + 1);
	if (from == to)
		return cd_set_empty();
	for (i = from; i < to; i++)
	{
		cd_set_open(&view, i, &c);
		bytes += Max(container_bytes(c.kind, c.cardinality, c.body), BITMAP_BYTES);
	}
	begin_set(&writer, to - from, view.runs != NULL, bytes);
	for (i = from; i < to; i++)
	{
		uint8		run[6];
		CdContainer range = {.cardinality = CHUNK_IDS, .kind = KIND_RUN, .body = run};
		CdContainer made;
		uint32		least,
					greatest;

		CHECK_FOR_INTERRUPTS();
		cd_set_open(&view, i, &c);
		least = c.key == first >> 16 ? first & 0xFFFF : 0;
		greatest = c.key == last >> 16 ? last & 0xFFFF : CHUNK_IDS - 1;
		if (least == 0 && greatest == CHUNK_IDS - 1)
		{
			take(&writer, &c);
			continue;
		}
		store16(run, 1);
		store16(run + 2, least);
		store16(run + 4, greatest - least);
		range.cardinality = greatest - least + 1;
		keep(&writer, c.key, &made, cd_container_combine(CD_AND, &c, &range, next_place(&writer), &made));
	}
	return end_set(&writer);
}

/* One container as a set of its own */
CdSet *
cd_set_of_container(const CdSetView *view, uint32 i)
{
	CdContainer c;
	Writer		writer;

	cd_set_open(view, i, &c);
	begin_set(&writer, 1, c.kind == KIND_RUN, container_bytes(c.kind, c.cardinality, c.body));
	take(&writer, &c);
	return end_set(&writer);
}

/* Take over validated bytes of another library, in our smallest form */
CdSet *
cd_set_from_portable(const char *data, size_t bytes)
{
	CdSet	   *given = cd_set_alloc(bytes);
	CdSet	   *set;
	CdSetView	view;
	uint32		i;
	Size		most = 0;
	Writer		writer;

	memcpy(given->data, data, bytes);
	if (cd_set_is_empty(given))
		return given;
	cd_set_view(given, &view);
	if (view.count == 0)
		return cd_set_empty();
	for (i = 0; i < view.count; i++)
	{
		CdContainer c;

		cd_set_open(&view, i, &c);
		most += Min(container_bytes(c.kind, c.cardinality, c.body), BITMAP_BYTES);
	}
	begin_set(&writer, view.count, view.runs != NULL, most);
	for (i = 0; i < view.count; i++)
	{
		CdContainer c,
					made;

		cd_set_open(&view, i, &c);
		keep(&writer, c.key, &made, cd_container_copy(&c, next_place(&writer), &made));
	}
	set = end_set(&writer);
	pfree(given);
	return set;
}

/* Write containers that lie elsewhere, in their smallest form already, as a set */
CdSet *
cd_set_of_containers(const CdContainer *containers, uint32 count)
{
	Size		bytes = 0;
	uint32		i;
	bool		runs = false;
	CdSet	   *set;
	CdSetView	view;
	Size		place;

	if (count == 0)
		return cd_set_empty();
	for (i = 0; i < count; i++)
	{
		bytes += container_bytes(containers[i].kind, containers[i].cardinality, containers[i].body);
		runs |= containers[i].kind == KIND_RUN;
	}
	place = header_bytes(count, runs);
	set = cd_set_alloc(place + bytes);
	begin_header((uint8 *) set->data, count, runs, &view);
	for (i = 0; i < count; i++)
	{
		uint32		length = container_bytes(containers[i].kind, containers[i].cardinality, containers[i].body);

		memcpy(set->data + place, containers[i].body, length);
		write_entry(&view, i, &containers[i], place);
		place += length;
	}
	return set;
}
