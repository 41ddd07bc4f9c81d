/*
 * timeline_append.c
 *		Appending later events to a timeline without unpacking it: they are put
 *		behind it as a part of their own.  Parts are packed together when there
 *		are many of them, and with the rest when they hold a good share of it,
 *		so that each event is packed a few times at most however long the
 *		history grows.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "timeline/timeline.h"
#include "timeline/timeline_format.h"
#include "timeline/timeline_rows.h"
#include "utils/memutils.h"

/* Timelines up to so many events are always packed. */
#define APPEND_FROM		32

/* All are packed together once the appended ones are this share of the rest: 1 / so many. */
#define APPEND_SHARE	4

/* Add all parts but the first few to a builder. */
static void
add_parts(CdBuilder *builder, const struct varlena *value, int from)
{
	const uint8 *p = (const uint8 *) VARDATA_ANY(value);
	const uint8 *end = p + VARSIZE_ANY_EXHDR(value);
	int			n,
				i;

	if (*p != CD_TIMELINE_PARTS)
	{
		if (from == 0)
			cd_builder_timeline(builder, value, DT_NOBEGIN, DT_NOEND);
		return;
	}
	p++;
	(void) cd_read_length(&p, end, CD_MAX_EVENTS);
	n = cd_read_length(&p, end, CD_MAX_PARTS);
	for (i = 0; i < n; i++)
	{
		uint32		len = cd_read_length(&p, end, end - p);

		if (i >= from)
		{
			struct varlena *part = palloc(VARHDRSZ + len);

			SET_VARSIZE(part, VARHDRSZ + len);
			memcpy(VARDATA(part), p, len);
			cd_builder_timeline(builder, part, DT_NOBEGIN, DT_NOEND);
		}
		p += len;
	}
}

/* Pack the parts of one or two timelines, but the first few of the left, into one image. */
static struct varlena *
pack_parts(const struct varlena *left, int from, const struct varlena *right)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "timeline parts", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	CdBuilder	builder;
	struct varlena *packed,
			   *result;

	cd_builder_init(&builder, cd_pool_create(work), work);
	add_parts(&builder, left, from);
	if (right != NULL)
		add_parts(&builder, right, 0);
	packed = cd_builder_finish(&builder);
	MemoryContextSwitchTo(old);
	result = palloc(VARSIZE(packed));
	memcpy(result, packed, VARSIZE(packed));
	MemoryContextDelete(work);
	return result;
}

/* The events of all parts as one image; the same pointer when there is one. */
struct varlena *
cd_timeline_whole(struct varlena *value)
{
	CdParts		parts;

	if (VARSIZE_ANY_EXHDR(value) == 0 || *(const uint8 *) VARDATA_ANY(value) != CD_TIMELINE_PARTS)
		return value;
	cd_timeline_open_parts(&parts, value);
	return pack_parts(value, 0, NULL);
}

/* Where the parts of a timeline start, each with its length; one image has no length before it. */
static const uint8 *
parts_start(const struct varlena *value)
{
	const uint8 *p = (const uint8 *) VARDATA_ANY(value);
	const uint8 *end = p + VARSIZE_ANY_EXHDR(value);

	if (*p == CD_TIMELINE_PARTS)
	{
		p++;
		(void) cd_read_length(&p, end, CD_MAX_EVENTS);
		(void) cd_read_length(&p, end, CD_MAX_PARTS);
	}
	return p;
}

/* Put some bytes of a timeline's parts, the first nparts of it, behind others. */
static uint8 *
put_parts(uint8 *p, const struct varlena *value, int nparts)
{
	const uint8 *start = parts_start(value);
	const uint8 *end = (const uint8 *) VARDATA_ANY(value) + VARSIZE_ANY_EXHDR(value);
	const uint8 *stop = start;

	if (start == (const uint8 *) VARDATA_ANY(value))
	{
		p = cd_write_varint(p, end - start);
		stop = end;
	}
	else
	{
		while (nparts-- > 0)
		{
			uint32		len = cd_read_length(&stop, end, end - stop);

			stop += len;
		}
	}
	memcpy(p, start, stop - start);
	return p + (stop - start);
}

/* The first parts of the left and all of the right, one behind the other. */
static struct varlena *
join_parts(const struct varlena *left, int nleft, const struct varlena *right, int nright, int nevents)
{
	Size		size = VARHDRSZ + 1 + 4 * CD_VARINT_MAX + VARSIZE_ANY_EXHDR(left) + VARSIZE_ANY_EXHDR(right);
	struct varlena *result;
	uint8	   *p;

	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("timeline is too large"),
				 errdetail("It would take %zu bytes; the limit is 1 GB.", size)));
	result = palloc(size);
	p = (uint8 *) VARDATA(result);
	*p++ = CD_TIMELINE_PARTS;
	p = cd_write_varint(p, nevents);
	p = cd_write_varint(p, nleft + nright);
	p = put_parts(p, left, nleft);
	p = put_parts(p, right, nright);
	SET_VARSIZE(result, (char *) p - (char *) result);
	return result;
}

/* Events of all parts. */
static int64
count_parts(const CdParts *parts)
{
	int64		n = 0;
	int			i;

	for (i = 0; i < parts->n; i++)
		n += parts->tl[i].nevents;
	return n;
}

/* Two timelines, of which one is to stand behind the other. */
typedef struct Pair
{
	CdParts		a,
				b;
	int64		nleft,
				nright;
	bool		joins;			/* the right begins after the left has ended, and one value holds both */
} Pair;

/* Open both; where one has no events the answer is the other, else NULL. */
static struct varlena *
open_pair(Pair *pair, struct varlena *left, struct varlena *right)
{
	cd_timeline_open_parts(&pair->a, left);
	cd_timeline_open_parts(&pair->b, right);
	pair->nleft = count_parts(&pair->a);
	pair->nright = count_parts(&pair->b);
	if (pair->nleft == 0)
		return right;
	if (pair->nright == 0)
		return left;
	pair->joins = pair->nleft + pair->nright <= CD_MAX_EVENTS &&
		cd_timeline_last_at(&pair->a.tl[pair->a.n - 1]) < cd_timeline_first_at(&pair->b.tl[0]);
	return NULL;
}

/* The events of both; a few later ones become a part of their own. */
struct varlena *
cd_timeline_append(struct varlena *left, struct varlena *right)
{
	Pair		pair;
	struct varlena *only = open_pair(&pair, left, right);
	int64		first,
				count;

	if (only != NULL)
		return only;
	first = pair.a.tl[0].nevents;
	count = pair.nleft + pair.nright;
	if (!pair.joins || pair.nleft < APPEND_FROM || count - first > first / APPEND_SHARE)
		return cd_timeline_merge(left, right);
	if (pair.a.n + pair.b.n > CD_MAX_PARTS)
		return join_parts(left, 1, pack_parts(left, 1, right), 1, count);
	return join_parts(left, pair.a.n, right, pair.b.n, count);
}

/* Both, one behind the other where the right begins after the left has ended; else merged into one image. */
struct varlena *
cd_timeline_join(struct varlena *left, struct varlena *right)
{
	Pair		pair;
	struct varlena *only = open_pair(&pair, left, right);

	if (only != NULL)
		return only;
	if (!pair.joins || pair.a.n + pair.b.n > CD_MAX_PARTS)
		return cd_timeline_merge(left, right);
	return join_parts(left, pair.a.n, right, pair.b.n, pair.nleft + pair.nright);
}

/* timeline || timeline */
PG_FUNCTION_INFO_V1(cd_timeline_concat);
Datum
cd_timeline_concat(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(cd_timeline_append(PG_GETARG_TIMELINE(0), PG_GETARG_TIMELINE(1)));
}
