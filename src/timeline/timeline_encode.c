/*
 * timeline_encode.c
 *		Writing the parts of a timeline's bytes: times, columns, dictionaries.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"

#include "customer_data.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "timeline/timeline.h"
#include "timeline/timeline_format.h"
#include "timeline/timeline_rows.h"

/* One text waiting for its position in a dictionary. */
typedef struct Ref
{
	const char *str;
	uint64		key;			/* its first 8 bytes, of a text of the pool */
	int			len;
	int			rank;			/* in the pool, when known */
	int			code;
	bool		pooled;
} Ref;

/* Bits needed to write a number. */
static inline int
bit_width(uint64 v)
{
	return v == 0 ? 0 : pg_leftmost_one_pos64(v) + 1;
}

/* Writes codes of a fixed width; the last write may touch 8 bytes more. */
typedef struct BitWriter
{
	uint8	   *p;
	uint64		bits;
	int			n;
} BitWriter;

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

/* Append the times of a kind in Elias-Fano form. */
void
cd_encode_times(StringInfo buf, const uint64 *offsets, int n)
{
	uint64		most = offsets[n - 1];
	int			low_bits = 0;
	uint64		low_bytes,
				high_bytes,
				mask;
	int			i;
	uint8	   *p;

	if (most > (uint64) n)
	{
		low_bits = Min(pg_leftmost_one_pos64(most / n), 56);
		if (low_bits < 56 && (uint64) n + (most >> (low_bits + 1)) < (most >> low_bits))
			low_bits++;
	}
	mask = (UINT64CONST(1) << low_bits) - 1;
	low_bytes = ((uint64) n * low_bits + 7) / 8;
	high_bytes = ((uint64) n + (most >> low_bits) + 7) / 8;
	p = cd_buffer_room(buf, 1 + CD_VARINT_MAX + low_bytes + high_bytes + 8);
	*p++ = (uint8) low_bits;
	p = cd_write_varint(p, high_bytes);
	if (low_bits > 0)
	{
		BitWriter	w = {p, 0, 0};

		for (i = 0; i < n; i++)
			put_bits(&w, offsets[i] & mask, low_bits);
		p += low_bytes;
	}
	memset(p, 0, high_bytes);
	for (i = 0; i < n; i++)
	{
		uint64		bit = (offsets[i] >> low_bits) + i;

		p[bit >> 3] |= 1 << (bit & 7);
	}
	cd_buffer_upto(buf, p + high_bytes);
}

#define EXACT_MOST	9007199254740991.0

/* Up to here a scaled decimal is the same integer at every larger scale. */
#define EXACT_SAFE	1125899906842624.0

/* The nearest integer, the even one of two. */
static inline double
nearest(double number)
{
	/* Adding 1.5 * 2^52 leaves no bits for a fraction. */
	if (likely(fabs(number) < EXACT_SAFE))
		return (number + 6755399441055744.0) - 6755399441055744.0;
	return rint(number);
}

/* Decimal places that write the number exactly, or -1; at least scale. */
static inline int
exact_scale(double number, int scale)
{
	for (; scale <= CD_MAX_SCALE; scale++)
	{
		double		scaled = nearest(number * cd_power10[scale]);

		if (fabs(scaled) > EXACT_MOST)
			return -1;
		if (scaled / cd_power10[scale] == number)
			return scale;
	}
	return -1;
}

/* Decimal places that write all numbers of a column exactly, or -1. */
static int
column_scale(const double *numbers, const bool *present, int n)
{
	double		most = 0;
	int			scale = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (!present[i])
			continue;
		scale = exact_scale(numbers[i], scale);
		if (scale < 0)
			return -1;
		most = Max(most, fabs(numbers[i]));
	}
	if (most * cd_power10[scale] < EXACT_SAFE)
		return scale;

	/* More places can push an earlier number out of range. */
	for (i = 0; i < n; i++)
		if (present[i] && exact_scale(numbers[i], scale) != scale)
			return -1;
	return scale;
}

/* Append one column of numbers as they are, absent ones as not-a-number. */
static void
put_raw(StringInfo buf, const CdPackKind *kind, const CdPackColumn *col, uint8 flags)
{
	uint8	   *p = cd_buffer_room(buf, 3 + (Size) kind->n * 8);
	int			i,
				b;

	*p++ = flags | CD_COLF_RAW;
	*p++ = 64;
	*p++ = 0;
	for (i = 0; i < kind->n; i++)
	{
		uint64		code = col->present[i] ? col->cells[i] : UINT64CONST(0x7ff8000000000000);

		for (b = 0; b < 8; b++)
			*p++ = (uint8) (code >> (8 * b));
	}
	cd_buffer_upto(buf, p);
}

/* Append one column: its description and its codes. */
void
cd_encode_column(CdPack *pack, StringInfo buf, CdPackKind *kind, CdPackColumn *col)
{
	bool		nullable = col->npresent < kind->n;
	int			n = kind->n;
	int			scale = 0;
	int			shift = nullable ? 1 : 0;
	int			i,
				width;
	int64		low = PG_INT64_MAX,
				high = PG_INT64_MIN;
	uint8		flags = nullable ? CD_COLF_NULLABLE : 0;
	int64	   *ints = (int64 *) col->cells;
	uint64		bytes;
	uint8	   *p;

	cd_append_varint(buf, (uint64) col->which << 2 | col->type);
	if (col->type == CD_TYPE_NUMBER && col->which != CD_COL_EVENT_ID)
	{
		const double *numbers = (const double *) col->cells;

		scale = column_scale(numbers, col->present, n);
		if (scale < 0)
		{
			put_raw(buf, kind, col, flags);
			return;
		}
		for (i = 0; i < n; i++)
			if (col->present[i])
				ints[i] = (int64) nearest(numbers[i] * cd_power10[scale]);
	}
	else if (col->type != CD_TYPE_NUMBER)
	{
		/* Texts and booleans: cells are code + 1, 0 for absent. */
		col->present = cd_scratch_alloc(pack->scratch, n * sizeof(bool));
		for (i = 0; i < n; i++)
			col->present[i] = ints[i]-- != 0;
	}

	/* From here on cells are integers. */
	for (i = 0; i < n; i++)
	{
		if (!col->present[i])
			continue;
		low = Min(low, ints[i]);
		high = Max(high, ints[i]);
	}
	width = bit_width((uint64) high - (uint64) low + shift);
	bytes = ((uint64) n * width + 7) / 8;
	p = cd_buffer_room(buf, 2 + CD_VARINT_MAX + bytes + 8);
	*p++ = flags | scale << CD_COLF_SCALE_SHIFT;
	*p++ = (uint8) width;
	p = cd_write_varint(p, cd_zigzag(low));
	if (width > 0)
	{
		BitWriter	w = {p, 0, 0};

		for (i = 0; i < n; i++)
			put_bits(&w, col->present[i] ? (uint64) ints[i] - (uint64) low + shift : 0, width);
	}
	cd_buffer_upto(buf, p + bytes);
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

/* Whether all event ids of a column are integers that lie close enough; reads them. */
static bool
read_integer_ids(CdPack *pack, CdPackKind *kind, CdPackColumn *col, int64 *ints)
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
void
cd_encode_ids(CdPack *pack, StringInfo dictionary)
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
			CdPackKind *kind = &pack->kinds[k];

			for (c = 0; c < kind->ncols && kind->cols[c].which <= CD_COL_EVENT_ID; c++)
			{
				CdPackColumn *col = &kind->cols[c];

				if (col->which != CD_COL_EVENT_ID)
					continue;
				if (ints == NULL)
					ints = cd_scratch_alloc(pack->scratch, (Size) pack->n * sizeof(int64));
				if (!read_integer_ids(pack, kind, col, ints))
				{
					cd_encode_dictionary(pack, CD_COL_EVENT_ID, dictionary);
					return;
				}
				if (pass == 0)
					continue;
				col->type = CD_TYPE_NUMBER;
				col->present = cd_scratch_alloc(pack->scratch, kind->n * sizeof(bool));
				for (i = 0; i < kind->n; i++)
					col->present[i] = col->cells[i] != 0;
				memcpy(col->cells, ints, kind->n * sizeof(int64));
			}
		}
	}
}

/* Order texts by bytes. */
static int
compare_refs(const void *a, const void *b)
{
	const Ref  *x = *(const Ref *const *) a;
	const Ref  *y = *(const Ref *const *) b;

	return cd_compare_strings(x->str, x->len, y->str, y->len);
}

/* List texts of different ranks in order: a bit for each rank says whether it is there. */
static void
sort_by_rank(CdPack *pack, Ref *refs, Ref **sorted, int n)
{
	int			nranks = pack->builder->pool->ranked;
	int			nwords = (nranks + 63) / 64;
	uint64	   *there = cd_scratch_alloc(pack->scratch, nwords * sizeof(uint64));
	int		   *ref_of = cd_scratch_alloc(pack->scratch, nranks * sizeof(int));
	int			i,
				word;

	memset(there, 0, nwords * sizeof(uint64));
	for (i = 0; i < n; i++)
	{
		int			rank = refs[i].rank;

		there[rank >> 6] |= UINT64CONST(1) << (rank & 63);
		ref_of[rank] = i;
	}
	for (word = 0; word < nwords; word++)
	{
		uint64		bits;

		for (bits = there[word]; bits != 0; bits &= bits - 1)
			*sorted++ = &refs[ref_of[word * 64 + pg_rightmost_one_pos64(bits)]];
	}
}

/* Order texts by rank. */
static int
compare_ranks(const void *a, const void *b)
{
	const Ref  *x = *(const Ref *const *) a;
	const Ref  *y = *(const Ref *const *) b;

	return (x->rank > y->rank) - (x->rank < y->rank);
}

/* List texts in order: by rank where all have one. */
static void
sort_texts(CdPack *pack, Ref *refs, Ref **sorted, int n, bool ranked)
{
	int			i;

	if (ranked && pack->builder->pool->ranked / 64 <= n * 4)
	{
		sort_by_rank(pack, refs, sorted, n);
		return;
	}
	for (i = 0; i < n; i++)
	{
		Ref		   *ref = &refs[i];
		int			hole = i;

		if (ranked && n <= 64)
			for (; hole > 0 && sorted[hole - 1]->rank > ref->rank; hole--)
				sorted[hole] = sorted[hole - 1];
		sorted[hole] = ref;
	}
	if (ranked && n <= 64)
		return;
	qsort(sorted, n, sizeof(Ref *), ranked ? compare_ranks : compare_refs);
	if (!ranked)
		pack->builder->pool->unranked += n;
}

/* How many bytes two texts begin with alike. */
static inline int
shared_bytes(const Ref *a, const Ref *b)
{
	int			most = Min(a->len, b->len);
	int			shared = 0;

	if (a->pooled && b->pooled)
	{
		uint64		differ = a->key ^ b->key;

		if (differ != 0)
		{
#ifdef WORDS_BIGENDIAN
			return Min(most, __builtin_clzll(differ) / 8);
#else
			return Min(most, __builtin_ctzll(differ) / 8);
#endif
		}
		shared = Min(most, 8);
	}
	while (shared < most && a->str[shared] == b->str[shared])
		shared++;
	return shared;
}

/* Append sorted texts, front-coded in blocks. */
static void
put_dictionary(CdPack *pack, StringInfo buf, Ref *const *sorted, int n)
{
	int			nblocks = (n - 1) / CD_DICT_BLOCK + 1;
	uint32	   *starts = cd_scratch_alloc(pack->scratch, nblocks * sizeof(uint32));
	Size		size = 0;
	Size		start,
				table;
	int			width = 0;
	int			i,
				b;
	uint8	   *p;

	/* The table of blocks is left out at first: it moves the entries at the end. */
	cd_append_varint(buf, n);
	start = buf->len;
	for (i = 0; i < n; i++)
		size += (Size) sorted[i]->len + 1 + 2 * CD_VARINT_MAX;
	p = cd_buffer_room(buf, size + 1 + (Size) nblocks * 4);
	for (i = 0; i < n; i++)
	{
		const Ref  *ref = sorted[i];

		if (i % CD_DICT_BLOCK == 0)
		{
			starts[i / CD_DICT_BLOCK] = (char *) p - buf->data - start;
			p = cd_write_varint(p, ref->len);
			memcpy(p, ref->str, ref->len);
			p += ref->len;
		}
		else
		{
			int			shared = shared_bytes(ref, sorted[i - 1]);
			int			rest = ref->len - shared;

			*p++ = (uint8) (Min(shared, 15) << 4 | Min(rest, 15));
			if (shared >= 15)
				p = cd_write_varint(p, shared - 15);
			if (rest >= 15)
				p = cd_write_varint(p, rest - 15);
			memcpy(p, ref->str + shared, rest);
			p += rest;
		}
	}
	if (nblocks > 1)
	{
		uint8	   *entries = (uint8 *) buf->data + start;

		width = (bit_width(starts[nblocks - 1]) + 7) / 8;
		table = 1 + (Size) (nblocks - 1) * width;
		memmove(entries + table, entries, p - entries);
		p += table;
		*entries++ = (uint8) width;
		for (i = 1; i < nblocks; i++)
			for (b = 0; b < width; b++)
				*entries++ = (uint8) (starts[i] >> (8 * b));
	}
	cd_buffer_upto(buf, p);
}

/* A column of texts, and how many events its kind has. */
typedef struct TextColumn
{
	uint64	   *cells;
	int			events;
} TextColumn;

/* The columns of texts that belong to a dictionary. */
static TextColumn *
text_columns(CdPack *pack, int which, int *n, Size *most)
{
	TextColumn *columns = cd_scratch_alloc(pack->scratch, 2 * pack->nkinds * sizeof(TextColumn));
	int			k,
				c;

	*n = 0;
	*most = 0;
	for (k = 0; k < pack->nkinds; k++)
	{
		const CdPackKind *kind = &pack->kinds[k];

		for (c = 0; c < kind->ncols; c++)
		{
			const CdPackColumn *col = &kind->cols[c];

			if (col->which != which || (col->type != CD_TYPE_TEXT && col->type != CD_TYPE_JSON))
				continue;
			columns[*n].cells = col->cells;
			columns[(*n)++].events = kind->n;
			*most += col->npresent;
		}
	}
	return columns;
}

/* Collect the texts of one dictionary and replace each cell by position + 1. */
void
cd_encode_dictionary(CdPack *pack, int which, StringInfo out)
{
	CdPool	   *pool = pack->builder->pool;
	TextColumn *columns;
	Ref		   *refs,
			  **sorted;
	Size		most;
	bool		ranked = true;
	int			nrefs = 0;
	int			ncolumns,
				i,
				k,
				n = 0;

	columns = text_columns(pack, which, &ncolumns, &most);
	if (most == 0)
		return;

	/* The pool of an aggregate no longer grows when its groups are finished. */
	if (pool->unranked / 8 > pool->n)
		cd_pool_rank(pool);
	refs = cd_scratch_alloc(pack->scratch, most * sizeof(Ref));
	pool->epoch++;
	for (k = 0; k < ncolumns; k++)
	{
		uint64	   *cells = columns[k].cells;

		for (i = 0; i < columns[k].events; i++)
		{
			uint64		cell = cells[i];
			Ref		   *ref = &refs[nrefs];

			if (cell == 0)
				continue;
			if (cell & 1)
			{
				CdPooled   *entry = &pool->entries[cell >> 1];

				if (entry->stamp == pool->epoch)
				{
					cells[i] = entry->local;
					continue;
				}
				ref->str = entry->str;
				ref->key = entry->key;
				ref->pooled = true;
				ref->len = entry->len;
				ref->rank = entry->rank;
				if (cell >> 1 >= (uint64) pool->ranked)
					ranked = false;
				entry->stamp = pool->epoch;
				entry->local = nrefs + 1;
			}
			else
			{
				int32		mark;

				ref->str = pack->builder->rows + (cell >> 1);
				memcpy(&mark, ref->str, 4);
				ref->str += 4;
				ref->len = -(mark + 1);
				ref->pooled = false;
				ranked = false;
			}
			cells[i] = ++nrefs;
		}
	}
	sorted = cd_scratch_alloc(pack->scratch, nrefs * sizeof(Ref *));
	sort_texts(pack, refs, sorted, nrefs, ranked);
	for (i = 0; i < nrefs; i++)
	{
		/* Only texts that are not of the pool can be there twice. */
		if (i > 0 && !ranked && compare_refs(&sorted[i], &sorted[n - 1]) == 0)
			sorted[i]->code = n;
		else
		{
			sorted[n++] = sorted[i];
			sorted[n - 1]->code = n;
		}
	}
	put_dictionary(pack, out, sorted, n);
	for (k = 0; k < ncolumns; k++)
	{
		uint64	   *cells = columns[k].cells;

		for (i = 0; i < columns[k].events; i++)
			if (cells[i] != 0)
				cells[i] = refs[cells[i] - 1].code;
	}
}
