/*
 * timeline_encode.c
 *		Writing the parts of a timeline's bytes: times, event ids, dictionaries.
 */
#include "postgres.h"

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

/* How sorted numbers are kept in Elias-Fano form: bits of the low parts, bytes of both. */
static int
sequence_bits(uint64 most, int n, uint64 *low_bytes, uint64 *high_bytes)
{
	int			low_bits = 0;

	if (most > (uint64) n)
	{
		low_bits = Min(pg_leftmost_one_pos64(most / n), 56);
		if (low_bits < 56 && (uint64) n + (most >> (low_bits + 1)) < (most >> low_bits))
			low_bits++;
	}
	*low_bytes = ((uint64) n * low_bits + 7) / 8;
	*high_bytes = ((uint64) n + (most >> low_bits) + 7) / 8;
	return low_bits;
}

/* Append sorted numbers, such as the times of a kind, in Elias-Fano form. */
void
cd_encode_times(StringInfo buf, const uint64 *offsets, int n)
{
	uint64		low_bytes,
				high_bytes,
				mask;
	int			low_bits = sequence_bits(offsets[n - 1], n, &low_bytes, &high_bytes);
	int			i;
	uint8	   *p;

	mask = (UINT64CONST(1) << low_bits) - 1;
	p = cd_buffer_room(buf, 1 + CD_VARINT_MAX + low_bytes + high_bytes + 8);
	*p++ = (uint8) low_bits;
	p = cd_write_varint(p, high_bytes);
	if (low_bits > 0)
	{
		CdBitWriter	w = {p, 0, 0};

		for (i = 0; i < n; i++)
			cd_put_bits(&w, offsets[i] & mask, low_bits);
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
	return cd_bit_width((uint64) high - (uint64) low + 1) <= 56;
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

/* Bytes that front coding takes, counted up to a limit. */
static Size
front_coded(Ref *const *sorted, int n, Size limit)
{
	Size		size = 0;
	int			i;

	for (i = 0; i < n && size <= limit; i++)
	{
		size += 1 + sorted[i]->len;
		if (i % CD_DICT_BLOCK != 0)
			size -= shared_bytes(sorted[i], sorted[i - 1]);
	}
	return size;
}

/* How texts become numbers (see timeline_dict.c). */
typedef struct Numbering
{
	int			shared;			/* bytes that all begin with */
	int			digits;			/* the most that follow */
	uint8		least;
	uint64		base;
} Numbering;

/* Up to eight bytes of a text behind what all begin with, zeros behind its end; the first is the lowest. */
static inline uint64
bytes_behind(const Ref *ref, int shared)
{
	uint64		bytes;

	if (likely(ref->pooled && ref->len <= 8))
	{
#ifdef WORDS_BIGENDIAN
		bytes = __builtin_bswap64(ref->key);
#else
		bytes = ref->key;
#endif
		return shared < 8 ? bytes >> (8 * shared) : 0;
	}
	bytes = cd_first_bytes(ref->str + shared, ref->len - shared);
#ifdef WORDS_BIGENDIAN
	bytes = __builtin_bswap64(bytes);
#endif
	return bytes;
}

/* Eight bytes at once. */
typedef uint8 Bytes __attribute__((vector_size(8)));

/* The digits of eight bytes; where there is none, 0. */
static inline Bytes
digits_of(const Numbering *numbering, uint64 bytes)
{
	Bytes		v = (Bytes) bytes;

	return (v - (uint8) (numbering->least - 1)) & (Bytes) (v != 0);
}

/*
 * Find out how sorted texts become numbers, and list the first eight bytes of
 * each behind what all begin with; false when they are too long.
 */
static bool
find_numbering(Ref *const *sorted, int n, Numbering *numbering, uint64 *behind)
{
	int			shared = shared_bytes(sorted[0], sorted[n - 1]);
	int			digits = 0;
	Bytes		least = ~(Bytes) {0},
				greatest = {0};
	uint8		low = UINT8_MAX,
				high = 0;
	uint64		most = 1;
	int			i,
				k;

	for (i = 0; i < n; i++)
	{
		Bytes		bytes = (Bytes) (behind[i] = bytes_behind(sorted[i], shared));
		Bytes		none = (Bytes) (bytes == 0),
					less,
					greater;

		/* No text has a byte 0: that stands behind its end. */
		greater = (Bytes) (bytes > greatest);
		greatest = (bytes & greater) | (greatest & ~greater);
		bytes |= none;
		less = (Bytes) (bytes < least);
		least = (bytes & less) | (least & ~less);
		digits = Max(digits, sorted[i]->len - shared);
	}
	for (k = 0; k < 8; k++)
	{
		low = Min(low, least[k]);
		high = Max(high, greatest[k]);
	}
	if (digits > CD_NUMBER_BITS)
		return false;
	if (unlikely(digits > 8))
		for (i = 0; i < n; i++)
			for (k = shared + 8; k < sorted[i]->len; k++)
			{
				low = Min(low, (uint8) sorted[i]->str[k]);
				high = Max(high, (uint8) sorted[i]->str[k]);
			}
	numbering->shared = shared;
	numbering->digits = digits;
	numbering->least = low;
	numbering->base = high - low + 2;
	if (numbering->base > UINT8_MAX)
		return false;
	for (k = 0; k < digits && most >> CD_NUMBER_BITS == 0; k++)
		most *= numbering->base;
	return most >> CD_NUMBER_BITS == 0;
}

/* The number of a text, of which the first eight bytes are known. */
static inline uint64
text_number(const Numbering *numbering, const Ref *ref, uint64 behind)
{
	uint64		digits = (uint64) digits_of(numbering, behind);
	uint64		number = 0;
	int			k;

	for (k = 0; k < Min(numbering->digits, 8); k++, digits >>= 8)
		number = number * numbering->base + (digits & 0xff);
	for (; k < numbering->digits; k++)
	{
		int			at = numbering->shared + k;

		number = number * numbering->base + (at < ref->len ? (uint8) ref->str[at] - numbering->least + 1 : 0);
	}
	return number;
}

/* Append sorted texts as numbers, where that is possible and shorter than front coding. */
static bool
put_numbers(CdPack *pack, StringInfo buf, Ref *const *sorted, int n)
{
	Numbering	numbering;
	int			shared;
	uint64	   *numbers;
	uint64		first,
				low_bytes,
				high_bytes;
	Size		size;
	int			start,
				i;
	uint8	   *p;

	if (n < 2)
		return false;
	numbers = cd_scratch_alloc(pack->scratch, n * sizeof(uint64));
	if (!find_numbering(sorted, n, &numbering, numbers))
		return false;
	shared = numbering.shared;
	for (i = 0; i < n; i++)
		numbers[i] = text_number(&numbering, sorted[i], numbers[i]);
	first = numbers[0];
	for (i = 0; i < n; i++)
		numbers[i] -= first;
	(void) sequence_bits(numbers[n - 1], n, &low_bytes, &high_bytes);
	size = 2 + low_bytes + high_bytes + CD_NUMBERS_TAIL + shared;
	/* Front coding takes at least two bytes each. */
	if ((Size) n * 2 <= size && front_coded(sorted, n, size) <= size)
		return false;

	cd_append_varint(buf, (uint64) n << 1 | 1);
	cd_encode_times(buf, numbers, n);
	start = buf->len;
	p = cd_buffer_room(buf, 3 + 2 * CD_VARINT_MAX + shared + CD_NUMBERS_TAIL);
	*p++ = (uint8) numbering.digits;
	*p++ = (uint8) numbering.base;
	*p++ = numbering.least;
	p = cd_write_varint(p, shared);
	memcpy(p, sorted[0]->str, shared);
	p = cd_write_varint(p + shared, first);
	while ((char *) p - buf->data < start + CD_NUMBERS_TAIL)
		*p++ = 0;
	cd_buffer_upto(buf, p);
	return true;
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
	cd_append_varint(buf, (uint64) n << 1);
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

		width = (cd_bit_width(starts[nblocks - 1]) + 7) / 8;
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
	if (pool->ranked < pool->n && pool->unranked / 8 > pool->n)
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
	if (!put_numbers(pack, out, sorted, n))
		put_dictionary(pack, out, sorted, n);
	for (k = 0; k < ncolumns; k++)
	{
		uint64	   *cells = columns[k].cells;

		for (i = 0; i < columns[k].events; i++)
			if (cells[i] != 0)
				cells[i] = refs[cells[i] - 1].code;
	}
}
