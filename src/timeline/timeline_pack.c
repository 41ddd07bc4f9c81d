/*
 * timeline_pack.c
 *		Packing rows into the bytes of a timeline.  The result depends on the
 *		sequence of events alone, so equal sequences have equal bytes.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"

#include "customer_data.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "timeline/timeline.h"
#include "timeline/timeline_format.h"
#include "timeline/timeline_rows.h"
#include "utils/memutils.h"
#include "utils/builtins.h"

/* One text waiting for its position in a dictionary. */
typedef struct Ref
{
	const char *str;
	int			len;
	int			rank;			/* in the pool, when known */
	int			code;
} Ref;

/* A dictionary in the making. */
typedef struct Refs
{
	Ref		   *refs;
	int			n;
	int			cap;
} Refs;

/* A column in the making: one cell per event of the kind, 0 for absent. */
typedef struct Column
{
	uint32		id;				/* property's pool number (or CD_COL_...), and type */
	int			which;			/* final number */
	int			type;
	uint64	   *cells;
	bool	   *present;		/* numbers only: 0 is a number */
	int			npresent;
} Column;

/* The events of one kind in the making. */
typedef struct KindBuild
{
	const char *name;
	int			namelen;
	int			n;
	int			first;			/* in the array of all times by kind */
	int			filled;
	Column	   *cols;
	int			ncols;
	int			cap;
	int			hint;			/* where the next field's column is likely to be */
} KindBuild;

typedef struct Pack
{
	CdBuilder  *builder;
	int			n;
	char	  **rows;			/* in order */
	int		   *kind_of;		/* each event's kind */
	KindBuild  *kinds;
	int			nkinds;
	int		   *props;			/* pool numbers, sorted by name */
	int			nprops;
	int			props_cap;
	TimestampTz base;
	int64		unit;
	uint64	   *offsets;		/* in units, by kind */
} Pack;

/* Append a varint. */
static inline void
put_varint(StringInfo buf, uint64 v)
{
	char		out[10];
	int			n = 0;

	while (v >= 0x80)
	{
		out[n++] = (char) (v | 0x80);
		v >>= 7;
	}
	out[n++] = (char) v;
	appendBinaryStringInfo(buf, out, n);
}

/* Bits needed to write a number. */
static inline int
bit_width(uint64 v)
{
	return v == 0 ? 0 : pg_leftmost_one_pos64(v) + 1;
}

/* Writes codes of a fixed width into room made beforehand. */
typedef struct BitWriter
{
	uint8	   *p;
	uint64		bits;
	int			n;
} BitWriter;

/* Prepare to write so many codes; the last write may touch 8 bytes more. */
static inline void
begin_bits(BitWriter *w, StringInfo buf, uint64 count, int width)
{
	uint64		bytes = (count * width + 7) / 8;

	if (bytes > MaxAllocSize - 16)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("timeline is too large")));
	enlargeStringInfo(buf, bytes + 8);
	w->p = (uint8 *) buf->data + buf->len;
	w->bits = 0;
	w->n = 0;
	buf->len += bytes;
}

/* Write the low bits of a code; width at most 56. */
static inline void
put_bits(BitWriter *w, uint64 code, int width)
{
	uint64		out;
	int			whole;

	w->bits |= code << w->n;
	w->n += width;
#ifdef WORDS_BIGENDIAN
	out = __builtin_bswap64(w->bits);
#else
	out = w->bits;
#endif
	memcpy(w->p, &out, 8);
	whole = w->n >> 3;
	w->p += whole;
	w->bits = whole == 8 ? 0 : w->bits >> (whole * 8);
	w->n &= 7;
}

/* A row and its time. */
typedef struct SortRow
{
	TimestampTz at;
	char	   *row;
} SortRow;

/* Sort by time, rows at the same instant staying as they were added. */
static void
sort_rows(SortRow *rows, int n)
{
	SortRow    *from = rows;
	SortRow    *to;
	int			run = 16;
	int			i,
				k;

	/* Short runs by insertion, then merged ever longer. */
	for (i = 0; i < n; i += run)
	{
		int			end = Min(i + run, n);

		for (k = i + 1; k < end; k++)
		{
			SortRow		row = rows[k];
			int			hole = k;

			for (; hole > i && rows[hole - 1].at > row.at; hole--)
				rows[hole] = rows[hole - 1];
			rows[hole] = row;
		}
	}
	if (n <= run)
		return;
	to = palloc_extended(n * sizeof(SortRow), MCXT_ALLOC_HUGE);
	for (; run < n; run *= 2)
	{
		SortRow    *other = from;

		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < n; i += 2 * run)
		{
			int			a = i,
						a_end = Min(i + run, n),
						b = a_end,
						b_end = Min(i + 2 * run, n);

			for (k = i; k < b_end; k++)
				to[k] = a < a_end && (b >= b_end || from[a].at <= from[b].at) ? from[a++] : from[b++];
		}
		from = to;
		to = other;
	}
	if (from != rows)
	{
		memcpy(rows, from, n * sizeof(SortRow));
		pfree(from);
	}
	else
		pfree(to);
}

/* List the rows in order. */
static void
order_rows(Pack *pack)
{
	CdBuilder  *builder = pack->builder;
	char	   *p = builder->rows;
	int			i;
	CdRow		row;

	pack->rows = palloc_extended(pack->n * sizeof(char *), MCXT_ALLOC_HUGE);
	for (i = 0; i < pack->n; i++)
	{
		pack->rows[i] = p;
		memcpy(&row, p, sizeof(CdRow));
		p += row.len;
	}
	if (!builder->sorted)
	{
		SortRow    *sort = palloc_extended(pack->n * sizeof(SortRow), MCXT_ALLOC_HUGE);

		for (i = 0; i < pack->n; i++)
		{
			memcpy(&row, pack->rows[i], sizeof(CdRow));
			sort[i].at = row.at;
			sort[i].row = pack->rows[i];
		}
		sort_rows(sort, pack->n);
		for (i = 0; i < pack->n; i++)
			pack->rows[i] = sort[i].row;
		pfree(sort);
	}
}

/* Number the kinds in order of first appearance; find base and unit. */
static void
find_kinds(Pack *pack)
{
	CdPool	   *pool = pack->builder->pool;
	int			cap = 8;
	int			i,
				first = 0;
	uint64		unit = 0;
	TimestampTz last = 0;

	pool->epoch++;
	pack->kind_of = palloc_extended(pack->n * sizeof(int), MCXT_ALLOC_HUGE);
	pack->kinds = palloc(cap * sizeof(KindBuild));
	for (i = 0; i < pack->n; i++)
	{
		CdRow		row;

		memcpy(&row, pack->rows[i], sizeof(CdRow));
		if (pool->stamp[row.kind] != pool->epoch)
		{
			KindBuild  *kind;

			if (pack->nkinds >= CD_MAX_KINDS)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("a timeline cannot hold more than %d kinds of events", CD_MAX_KINDS),
						 errhint("Put what varies into a property.")));
			if (pack->nkinds >= cap)
			{
				cap *= 2;
				pack->kinds = repalloc(pack->kinds, cap * sizeof(KindBuild));
			}
			pool->stamp[row.kind] = pool->epoch;
			pool->local[row.kind] = pack->nkinds;
			kind = &pack->kinds[pack->nkinds++];
			memset(kind, 0, sizeof(KindBuild));
			kind->name = pool->str[row.kind];
			kind->namelen = pool->len[row.kind];
		}
		pack->kind_of[i] = pool->local[row.kind];
		pack->kinds[pack->kind_of[i]].n++;
		if (i == 0)
			pack->base = row.at;
		else if (unit != 1)
		{
			/* The greatest unit that all distances are multiples of. */
			uint64		a = (uint64) row.at - (uint64) last;

			if (unit == 0 || a % unit != 0)
			{
				uint64		b = unit;

				while (b != 0)
				{
					uint64		rest = a % b;

					a = b;
					b = rest;
				}
				unit = a;
			}
		}
		last = row.at;
	}
	pack->unit = unit == 0 ? 1 : (int64) Min(unit, (uint64) PG_INT64_MAX);
	if (unit > (uint64) PG_INT64_MAX)
		pack->unit = 1;
	for (i = 0; i < pack->nkinds; i++)
	{
		pack->kinds[i].first = first;
		first += pack->kinds[i].n;
	}
	pack->offsets = palloc_extended(pack->n * sizeof(uint64), MCXT_ALLOC_HUGE);
}

/* The column a field belongs to, made at its first appearance. */
static Column *
column_for(KindBuild *kind, uint32 id)
{
	int			i;
	Column	   *col;

	if (kind->hint < kind->ncols && kind->cols[kind->hint].id == id)
		return &kind->cols[kind->hint++];
	for (i = 0; i < kind->ncols; i++)
	{
		if (kind->cols[i].id == id)
		{
			kind->hint = i + 1;
			return &kind->cols[i];
		}
	}
	if (kind->ncols >= kind->cap)
	{
		kind->cap = Max(4, kind->cap * 2);
		kind->cols = kind->cols == NULL ? palloc(kind->cap * sizeof(Column)) :
			repalloc(kind->cols, kind->cap * sizeof(Column));
	}
	col = &kind->cols[kind->ncols++];
	memset(col, 0, sizeof(Column));
	col->id = id;
	col->which = id >> 2;
	col->type = id & 3;
	col->cells = palloc_extended((Size) kind->n * sizeof(uint64), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (col->type == CD_TYPE_NUMBER)
		col->present = palloc0(kind->n * sizeof(bool));
	kind->hint = kind->ncols;
	return col;
}

/* Spread the fields of all events over columns. */
static void
fill_columns(Pack *pack)
{
	CdPool	   *pool = pack->builder->pool;
	int			i;

	pool->epoch++;
	for (i = 0; i < pack->n; i++)
	{
		KindBuild  *kind = &pack->kinds[pack->kind_of[i]];
		int			at = kind->filled++;
		char	   *p = pack->rows[i];
		char	   *end;
		CdRow		row;

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		memcpy(&row, p, sizeof(CdRow));
		end = p + row.len;
		p += sizeof(CdRow);
		pack->offsets[kind->first + at] = ((uint64) row.at - (uint64) pack->base) / (uint64) pack->unit;
		kind->hint = 0;
		while (p < end)
		{
			uint32		id;
			Column	   *col;

			memcpy(&id, p, 4);
			p += 4;
			col = column_for(kind, id);
			if (col->which >= CD_COL_PROPERTY && pool->stamp[col->which - CD_COL_PROPERTY] != pool->epoch)
			{
				int			prop = col->which - CD_COL_PROPERTY;

				pool->stamp[prop] = pool->epoch;
				if (pack->nprops >= CD_MAX_PROPERTIES)
					ereport(ERROR,
							(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							 errmsg("a timeline cannot hold more than %d properties", CD_MAX_PROPERTIES)));
				if (pack->nprops >= pack->props_cap)
				{
					pack->props_cap = Max(8, pack->props_cap * 2);
					pack->props = pack->props == NULL ? palloc(pack->props_cap * sizeof(int)) :
						repalloc(pack->props, pack->props_cap * sizeof(int));
				}
				pack->props[pack->nprops++] = prop;
			}
			switch (col->type)
			{
				case CD_TYPE_NUMBER:
					if (!col->present[at])
						col->npresent++;
					memcpy(&col->cells[at], p, 8);
					col->present[at] = true;
					p += 8;
					break;
				case CD_TYPE_BOOL:
					{
						double		flag;

						memcpy(&flag, p, 8);
						p += 8;
						if (col->cells[at] == 0)
							col->npresent++;
						col->cells[at] = flag != 0 ? 2 : 1;
					}
					break;
				default:
					{
						int32		mark;

						/* An odd cell is a pooled text, an even one points to its length. */
						memcpy(&mark, p, 4);
						if (col->cells[at] == 0)
							col->npresent++;
						if (mark >= 0)
							col->cells[at] = (uint64) mark << 1 | 1;
						else
							col->cells[at] = (uint64) (p - pack->builder->rows) << 1;
						p += 4 + (mark < 0 ? -(mark + 1) : 0);
					}
					break;
			}
		}
	}
}

static CdPool *sort_pool;

/* Order property numbers by name. */
static int
compare_props(const void *a, const void *b)
{
	int			x = *(const int *) a;
	int			y = *(const int *) b;

	return cd_compare_strings(sort_pool->str[x], sort_pool->len[x], sort_pool->str[y], sort_pool->len[y]);
}

/* Order columns by number and type. */
static int
compare_columns(const void *a, const void *b)
{
	const Column *x = a;
	const Column *y = b;

	return (x->which != y->which) ? (x->which > y->which) - (x->which < y->which) : x->type - y->type;
}

/* Number properties by name and put columns into that order. */
static void
order_columns(Pack *pack)
{
	CdPool	   *pool = pack->builder->pool;
	int			i,
				c;

	sort_pool = pool;
	if (pack->nprops > 1)
		qsort(pack->props, pack->nprops, sizeof(int), compare_props);
	for (i = 0; i < pack->nprops; i++)
		pool->local[pack->props[i]] = i;
	for (i = 0; i < pack->nkinds; i++)
	{
		KindBuild  *kind = &pack->kinds[i];

		for (c = 0; c < kind->ncols; c++)
		{
			Column	   *col = &kind->cols[c];

			if (col->which >= CD_COL_PROPERTY)
				col->which = CD_COL_PROPERTY + pool->local[col->which - CD_COL_PROPERTY];
		}
		if (kind->ncols > 1)
			qsort(kind->cols, kind->ncols, sizeof(Column), compare_columns);
	}
}

/* Read an id written as a plain integer, as we would write it. */
static bool
parse_integer(const char *str, int len, int64 *result)
{
	int64		v = 0;
	int			i = 0;
	bool		negative = len > 0 && str[0] == '-';

	if (negative)
		i++;
	if (len == i || len - i > 17 || (str[i] == '0' && (len - i > 1 || negative)))
		return false;
	for (; i < len; i++)
	{
		if (str[i] < '0' || str[i] > '9')
			return false;
		v = v * 10 + (str[i] - '0');
	}
	*result = negative ? -v : v;
	return true;
}

static void build_dictionary(Pack *pack, int which, StringInfo out);

/* Whether all event ids of a column are integers that lie close enough; reads them. */
static bool
read_integer_ids(Pack *pack, KindBuild *kind, Column *col, int64 *ints)
{
	int64		low = PG_INT64_MAX,
				high = PG_INT64_MIN;
	int			i;

	for (i = 0; i < kind->n; i++)
	{
		int32		mark;
		const char *p;

		ints[i] = 0;
		if (col->cells[i] == 0)
			continue;
		p = pack->builder->rows + (col->cells[i] >> 1);
		memcpy(&mark, p, 4);
		if (!parse_integer(p + 4, -(mark + 1), &ints[i]))
			return false;
		low = Min(low, ints[i]);
		high = Max(high, ints[i]);
	}
	return bit_width((uint64) high - (uint64) low + 1) <= 56;
}

/* Keep event ids as integers when all of them are, else as texts. */
static void
choose_ids(Pack *pack, StringInfo dictionary)
{
	int64	   *ints = NULL;
	int			pass,
				k,
				c,
				i;

	/* Look at all of them first: ids of different kinds must stay comparable. */
	for (pass = 0; pass < 2; pass++)
	{
		for (k = 0; k < pack->nkinds; k++)
		{
			KindBuild  *kind = &pack->kinds[k];

			for (c = 0; c < kind->ncols && kind->cols[c].which <= CD_COL_EVENT_ID; c++)
			{
				Column	   *col = &kind->cols[c];

				if (col->which != CD_COL_EVENT_ID)
					continue;
				if (ints == NULL)
					ints = palloc_extended((Size) pack->n * sizeof(int64), MCXT_ALLOC_HUGE);
				if (!read_integer_ids(pack, kind, col, ints))
				{
					build_dictionary(pack, CD_COL_EVENT_ID, dictionary);
					return;
				}
				if (pass == 0)
					continue;
				col->type = CD_TYPE_NUMBER;
				col->present = palloc(kind->n * sizeof(bool));
				for (i = 0; i < kind->n; i++)
					col->present[i] = col->cells[i] != 0;
				memcpy(col->cells, ints, kind->n * sizeof(int64));
			}
		}
	}
}

static CdPool *rank_pool;

/* Order numbers in the pool by text. */
static int
compare_pooled(const void *a, const void *b)
{
	int			x = *(const int *) a;
	int			y = *(const int *) b;

	return cd_compare_strings(rank_pool->str[x], rank_pool->len[x], rank_pool->str[y], rank_pool->len[y]);
}

/*
 * Rank all texts of a pool once many of them were sorted by comparison: the
 * pool of an aggregate no longer grows when its groups are finished.
 */
static void
rank_texts(CdPool *pool)
{
	int		   *order = palloc_extended(pool->n * sizeof(int), MCXT_ALLOC_HUGE);
	int			i;

	for (i = 0; i < pool->n; i++)
		order[i] = i;
	rank_pool = pool;
	qsort(order, pool->n, sizeof(int), compare_pooled);
	if (pool->rank != NULL)
		pfree(pool->rank);
	pool->rank = MemoryContextAllocHuge(pool->context, pool->cap * sizeof(int));
	for (i = 0; i < pool->n; i++)
		pool->rank[order[i]] = i;
	pool->ranked = pool->n;
	pool->unranked = 0;
	pfree(order);
}

/* Order texts by rank. */
static int
compare_ranks(const void *a, const void *b)
{
	const Ref  *x = *(const Ref *const *) a;
	const Ref  *y = *(const Ref *const *) b;

	return (x->rank > y->rank) - (x->rank < y->rank);
}

/* Order texts by bytes. */
static int
compare_refs(const void *a, const void *b)
{
	const Ref  *x = *(const Ref *const *) a;
	const Ref  *y = *(const Ref *const *) b;

	return cd_compare_strings(x->str, x->len, y->str, y->len);
}

/* Sort texts, by rank where all have one. */
static void
sort_texts(CdPool *pool, const Ref **refs, int n, bool ranked)
{
	int			i;

	if (n < 2)
		return;
	if (!ranked)
	{
		qsort(refs, n, sizeof(Ref *), compare_refs);
		pool->unranked += n;
		return;
	}
	if (n > 64)
	{
		qsort(refs, n, sizeof(Ref *), compare_ranks);
		return;
	}
	for (i = 1; i < n; i++)
	{
		const Ref  *ref = refs[i];
		int			hole = i;

		for (; hole > 0 && refs[hole - 1]->rank > ref->rank; hole--)
			refs[hole] = refs[hole - 1];
		refs[hole] = ref;
	}
}

/* Append sorted texts, front-coded in blocks. */
static void
put_dictionary(StringInfo buf, const Ref **sorted, int n)
{
	StringInfoData entries;
	int			nblocks = n == 0 ? 0 : (n - 1) / CD_DICT_BLOCK + 1;
	uint32	   *starts = palloc(Max(nblocks, 1) * sizeof(uint32));
	int			i,
				b;

	if (n == 0)
		return;
	initStringInfo(&entries);
	for (i = 0; i < n; i++)
	{
		const Ref  *ref = sorted[i];

		if (i % CD_DICT_BLOCK == 0)
		{
			starts[i / CD_DICT_BLOCK] = entries.len;
			put_varint(&entries, ref->len);
			appendBinaryStringInfo(&entries, ref->str, ref->len);
		}
		else
		{
			const Ref  *before = sorted[i - 1];
			int			most = Min(ref->len, before->len);
			int			shared = 0;
			int			rest;

			while (shared < most && ref->str[shared] == before->str[shared])
				shared++;
			rest = ref->len - shared;
			appendStringInfoCharMacro(&entries, (char) (Min(shared, 15) << 4 | Min(rest, 15)));
			if (shared >= 15)
				put_varint(&entries, shared - 15);
			if (rest >= 15)
				put_varint(&entries, rest - 15);
			appendBinaryStringInfo(&entries, ref->str + shared, rest);
		}
	}
	put_varint(buf, n);
	if (nblocks > 1)
	{
		int			width = (bit_width(starts[nblocks - 1]) + 7) / 8;

		appendStringInfoChar(buf, (char) width);
		for (i = 1; i < nblocks; i++)
			for (b = 0; b < width; b++)
				appendStringInfoChar(buf, (char) (starts[i] >> (8 * b)));
	}
	appendBinaryStringInfo(buf, entries.data, entries.len);
	pfree(entries.data);
	pfree(starts);
}

/* Collect the texts of one dictionary and replace each cell by position + 1. */
static void
build_dictionary(Pack *pack, int which, StringInfo out)
{
	CdPool	   *pool = pack->builder->pool;
	Refs		refs = {0};
	const Ref **sorted;
	bool		ranked = true;
	int			i,
				c,
				k,
				n = 0;

	if (pool->unranked / 8 > pool->n)
		rank_texts(pool);
	pool->epoch++;
	for (k = 0; k < pack->nkinds; k++)
	{
		KindBuild  *kind = &pack->kinds[k];

		for (c = 0; c < kind->ncols; c++)
		{
			Column	   *col = &kind->cols[c];

			if (col->which != which || (col->type != CD_TYPE_TEXT && col->type != CD_TYPE_JSON))
				continue;
			for (i = 0; i < kind->n; i++)
			{
				uint64		cell = col->cells[i];
				Ref			ref = {0};

				if (cell == 0)
					continue;
				if ((cell & 1) && pool->stamp[cell >> 1] == pool->epoch)
				{
					col->cells[i] = pool->local[cell >> 1] + 1;
					continue;
				}
				if (cell & 1)
				{
					ref.str = pool->str[cell >> 1];
					ref.len = pool->len[cell >> 1];
					pool->stamp[cell >> 1] = pool->epoch;
					pool->local[cell >> 1] = refs.n;
					if (cell >> 1 < (uint64) pool->ranked)
						ref.rank = pool->rank[cell >> 1];
					else
						ranked = false;
				}
				else
				{
					int32		mark;

					ref.str = pack->builder->rows + (cell >> 1);
					memcpy(&mark, ref.str, 4);
					ref.str += 4;
					ref.len = -(mark + 1);
					ranked = false;
				}
				if (refs.n >= refs.cap)
				{
					refs.cap = Max(16, refs.cap * 2);
					refs.refs = refs.refs == NULL ? palloc(refs.cap * sizeof(Ref)) :
						repalloc_huge(refs.refs, refs.cap * sizeof(Ref));
				}
				refs.refs[refs.n++] = ref;
				col->cells[i] = refs.n;
			}
		}
	}
	if (refs.n == 0)
		return;
	sorted = palloc_extended(refs.n * sizeof(Ref *), MCXT_ALLOC_HUGE);
	for (i = 0; i < refs.n; i++)
		sorted[i] = &refs.refs[i];
	sort_texts(pool, sorted, refs.n, ranked);
	for (i = 0; i < refs.n; i++)
	{
		/* Only texts that are not of the pool can be there twice. */
		if (i > 0 && !ranked && compare_refs(&sorted[i], &sorted[n - 1]) == 0)
			((Ref *) sorted[i])->code = n - 1;
		else
		{
			((Ref *) sorted[i])->code = n;
			sorted[n++] = sorted[i];
		}
	}
	put_dictionary(out, sorted, n);
	for (k = 0; k < pack->nkinds; k++)
	{
		KindBuild  *kind = &pack->kinds[k];

		for (c = 0; c < kind->ncols; c++)
		{
			Column	   *col = &kind->cols[c];

			if (col->which != which || (col->type != CD_TYPE_TEXT && col->type != CD_TYPE_JSON))
				continue;
			for (i = 0; i < kind->n; i++)
				if (col->cells[i] != 0)
					col->cells[i] = (uint64) refs.refs[col->cells[i] - 1].code + 1;
		}
	}
}

/* Append the times of a kind in Elias-Fano form. */
static void
put_times(StringInfo buf, const uint64 *offsets, int n)
{
	uint64		most = offsets[n - 1];
	int			low_bits = 0;
	uint64		high_bytes,
				last = 0,
				word = 0,
				mask;
	BitWriter	w;
	int			i;
	uint8	   *high;

	if (most > (uint64) n)
	{
		low_bits = Min(pg_leftmost_one_pos64(most / n), 56);
		if (low_bits < 56 && (uint64) n + (most >> (low_bits + 1)) < (most >> low_bits))
			low_bits++;
	}
	mask = (UINT64CONST(1) << low_bits) - 1;
	high_bytes = ((uint64) n + (most >> low_bits) + 7) / 8;
	appendStringInfoChar(buf, (char) low_bits);
	put_varint(buf, high_bytes);
	if (low_bits > 0)
	{
		begin_bits(&w, buf, n, low_bits);
		for (i = 0; i < n; i++)
			put_bits(&w, offsets[i] & mask, low_bits);
	}
	enlargeStringInfo(buf, high_bytes);
	high = (uint8 *) buf->data + buf->len;
	memset(high, 0, high_bytes);
	for (i = 0; i < n; i++)
	{
		last = (offsets[i] >> low_bits) + i;
		word = last >> 3;
		high[word] |= 1 << (last & 7);
	}
	buf->len += high_bytes;
	buf->data[buf->len] = '\0';
}

/* Decimal places that write the number exactly, or -1; at least scale. */
static inline int
exact_scale(double number, int scale)
{
	for (; scale <= CD_MAX_SCALE; scale++)
	{
		double		scaled = rint(number * cd_power10[scale]);

		if (fabs(scaled) > 9007199254740991.0)
			return -1;
		if (scaled / cd_power10[scale] == number)
			return scale;
	}
	return -1;
}

/* Append one column: its description and its codes. */
static void
put_column(StringInfo buf, KindBuild *kind, Column *col)
{
	bool		nullable = col->npresent < kind->n;
	int			scale = 0;
	int			i,
				width;
	int64		low = PG_INT64_MAX,
				high = PG_INT64_MIN;
	uint8		flags = nullable ? CD_COLF_NULLABLE : 0;
	BitWriter	w;
	int64	   *ints = (int64 *) col->cells;

	put_varint(buf, (uint64) col->which << 2 | col->type);
	if (col->type == CD_TYPE_NUMBER && col->which != CD_COL_EVENT_ID)
	{
		const double *numbers = (const double *) col->cells;

		for (i = 0; i < kind->n && scale >= 0; i++)
			if (col->present[i])
				scale = exact_scale(numbers[i], scale);

		/* More places can push an earlier number out of range. */
		for (i = 0; i < kind->n && scale >= 0; i++)
			if (col->present[i] && exact_scale(numbers[i], scale) != scale)
				scale = -1;
		if (scale < 0)
		{
			appendStringInfoChar(buf, (char) (flags | CD_COLF_RAW));
			appendStringInfoChar(buf, 64);
			put_varint(buf, 0);
			for (i = 0; i < kind->n; i++)
			{
				uint64		code = UINT64CONST(0x7ff8000000000000);
				int			b;

				if (col->present[i])
					code = col->cells[i];
				for (b = 0; b < 8; b++)
					appendStringInfoCharMacro(buf, (char) (code >> (8 * b)));
			}
			return;
		}
		for (i = 0; i < kind->n; i++)
			if (col->present[i])
				ints[i] = (int64) rint(numbers[i] * cd_power10[scale]);
	}
	else if (col->type != CD_TYPE_NUMBER)
	{
		/* Texts and booleans: cells are code + 1, 0 for absent. */
		for (i = 0; i < kind->n; i++)
			ints[i]--;
	}

	/* From here on cells are integers. */
	for (i = 0; i < kind->n; i++)
	{
		if (col->present != NULL ? !col->present[i] : ints[i] < 0)
			continue;
		low = Min(low, ints[i]);
		high = Max(high, ints[i]);
	}
	width = bit_width((uint64) high - (uint64) low + (nullable ? 1 : 0));
	appendStringInfoChar(buf, (char) (flags | scale << CD_COLF_SCALE_SHIFT));
	appendStringInfoChar(buf, (char) width);
	put_varint(buf, cd_zigzag(low));
	if (width == 0)
		return;
	begin_bits(&w, buf, kind->n, width);
	for (i = 0; i < kind->n; i++)
	{
		bool		absent = col->present != NULL ? !col->present[i] : ints[i] < 0;

		put_bits(&w, absent ? 0 : (uint64) ints[i] - (uint64) low + (nullable ? 1 : 0), width);
	}
}

/* Append the order of kinds where events share an instant and it matters. */
static void
put_ties(Pack *pack, StringInfo buf)
{
	int			i,
				last = 0;

	for (i = 0; i < pack->n;)
	{
		CdRow		row,
					next;
		int			j;
		bool		plain = true;

		memcpy(&row, pack->rows[i], sizeof(CdRow));
		for (j = i + 1; j < pack->n; j++)
		{
			memcpy(&next, pack->rows[j], sizeof(CdRow));
			if (next.at != row.at)
				break;
			if (pack->kind_of[j] < pack->kind_of[j - 1])
				plain = false;
		}
		if (!plain)
		{
			put_varint(buf, i - last);
			put_varint(buf, j - i);
			for (last = i; last < j; last++)
				put_varint(buf, pack->kind_of[last]);
		}
		i = j;
	}
}

/* The timeline of all events added, in order of time and then of addition. */
struct varlena *
cd_builder_finish(CdBuilder *builder)
{
	Pack		pack;
	CdPool	   *pool = builder->pool;
	StringInfo	head = &pool->scratch[0];
	StringInfo	kinds = &pool->scratch[1];
	StringInfo	props = &pool->scratch[2];
	StringInfo	columns = &pool->scratch[3];
	StringInfo	ties = &pool->scratch[4];
	StringInfo	ids = &pool->scratch[5];
	StringInfo	dicts = &pool->scratch[6];
	int			i,
				c;
	Size		size;
	char	   *p;
	struct varlena *result;

	if (builder->nevents == 0)
		return cd_timeline_empty();
	memset(&pack, 0, sizeof(pack));
	pack.builder = builder;
	pack.n = builder->nevents;
	order_rows(&pack);
	find_kinds(&pack);
	fill_columns(&pack);
	order_columns(&pack);

	for (i = 0; i < CD_SECTIONS; i++)
		resetStringInfo(&pool->scratch[i]);

	choose_ids(&pack, ids);
	for (i = 0; i < pack.nprops; i++)
	{
		int			before = dicts->len;

		build_dictionary(&pack, CD_COL_PROPERTY + i, dicts);
		put_varint(props, pool->len[pack.props[i]]);
		appendBinaryStringInfo(props, pool->str[pack.props[i]], pool->len[pack.props[i]]);
		put_varint(props, dicts->len - before);
	}
	for (i = 0; i < pack.nkinds; i++)
	{
		KindBuild  *kind = &pack.kinds[i];
		int			before = columns->len;

		put_times(columns, pack.offsets + kind->first, kind->n);
		put_varint(columns, kind->ncols);
		for (c = 0; c < kind->ncols; c++)
			put_column(columns, kind, &kind->cols[c]);
		put_varint(kinds, kind->namelen);
		appendBinaryStringInfo(kinds, kind->name, kind->namelen);
		put_varint(kinds, kind->n);
		put_varint(kinds, columns->len - before);
	}
	put_ties(&pack, ties);
	while (ties->len + ids->len + dicts->len < 8)
		appendStringInfoChar(dicts, '\0');

	appendStringInfoChar(head, CD_TIMELINE_VERSION);
	put_varint(head, pack.n);
	put_varint(head, cd_zigzag(pack.base));
	put_varint(head, pack.unit);
	put_varint(head, pack.nkinds);
	put_varint(head, kinds->len);
	put_varint(head, pack.nprops);
	put_varint(head, props->len);
	put_varint(head, columns->len);
	put_varint(head, ties->len);
	put_varint(head, ids->len);

	size = VARHDRSZ + head->len + (Size) kinds->len + props->len + columns->len + ties->len + ids->len + dicts->len;
	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("timeline is too large"),
				 errdetail("It would take %zu bytes; the limit is 1 GB.", size)));
	result = palloc(size);
	SET_VARSIZE(result, size);
	p = VARDATA(result);
	memcpy(p, head->data, head->len);
	p += head->len;
	memcpy(p, kinds->data, kinds->len);
	p += kinds->len;
	memcpy(p, props->data, props->len);
	p += props->len;
	memcpy(p, columns->data, columns->len);
	p += columns->len;
	memcpy(p, ties->data, ties->len);
	p += ties->len;
	memcpy(p, ids->data, ids->len);
	p += ids->len;
	memcpy(p, dicts->data, dicts->len);
	return result;
}
