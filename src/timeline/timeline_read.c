/*
 * timeline_read.c
 *		Reading the bytes of a timeline.  Stored bytes may be damaged: every
 *		length and offset is checked against the image before it is used.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "timeline/timeline.h"
#include "timeline/timeline_format.h"
#include "utils/memutils.h"

const double cd_power10[CD_MAX_SCALE + 1] = {1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

/* Report damaged bytes. */
void
cd_timeline_corrupt(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("timeline is damaged"),
			 errdetail("Its bytes do not follow the storage format."),
			 errhint("Rebuild it from its source, for instance with refresh_timelines().")));
}

/* Read a varint, or report damage. */
uint64
cd_read_varint(const uint8 **pos, const uint8 *end)
{
	uint64		v = 0;
	int			shift = 0;
	const uint8 *p = *pos;

	while (p < end)
	{
		uint8		b = *p++;

		v |= (uint64) (b & 0x7f) << shift;
		if ((b & 0x80) == 0)
		{
			*pos = p;
			return v;
		}
		shift += 7;
		if (shift > 63)
			break;
	}
	cd_timeline_corrupt();
}

/* Open one image. */
static void
open_image(CdTimeline *tl, const uint8 *p, const uint8 *end)
{
	uint32		kinds_len,
				props_len,
				layouts_len,
				columns_len,
				ties_len,
				ids_len;

	memset(tl, 0, sizeof(*tl));
	tl->end = end;
	if (p >= end)
		cd_timeline_corrupt();
	if (*p != CD_TIMELINE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("unknown timeline format %u", *p),
				 errdetail("This version of customer_data reads formats %d and %d.", CD_TIMELINE_VERSION, CD_TIMELINE_PARTS),
				 errhint("Rebuild it from its source, for instance with refresh_timelines().")));
	p++;
	tl->nevents = cd_read_length(&p, end, CD_MAX_EVENTS);
	if (tl->nevents == 0)
		return;
	tl->base = cd_unzigzag(cd_read_number(&p, end));
	tl->unit = (int64) cd_read_number(&p, end);
	tl->nkinds = cd_read_length(&p, end, CD_MAX_KINDS);
	kinds_len = cd_read_length(&p, end, MaxAllocSize);
	tl->nprops = cd_read_length(&p, end, CD_MAX_PROPERTIES);
	props_len = cd_read_length(&p, end, MaxAllocSize);
	layouts_len = cd_read_length(&p, end, MaxAllocSize);
	columns_len = cd_read_length(&p, end, MaxAllocSize);
	ties_len = cd_read_length(&p, end, MaxAllocSize);
	ids_len = cd_read_length(&p, end, MaxAllocSize);
	if (tl->unit <= 0 || tl->nkinds == 0 ||
		(uint64) kinds_len + props_len + layouts_len + columns_len + ties_len + ids_len > (uint64) (end - p))
		cd_timeline_corrupt();
	tl->kinds = p;
	tl->props = tl->kinds + kinds_len;
	tl->layouts = tl->props + props_len;
	tl->columns = tl->layouts + layouts_len;
	tl->ties = tl->columns + columns_len;
	tl->ids = tl->ties + ties_len;
	tl->dicts = tl->ids + ids_len;
	if (tl->ties + 8 > end)
		cd_timeline_corrupt();
}

/* Open a detoasted (possibly short) varlena, packed into one image if it is not. */
void
cd_timeline_open(CdTimeline *tl, const struct varlena *value)
{
	const uint8 *p = (const uint8 *) VARDATA_ANY(value);
	const uint8 *end = p + VARSIZE_ANY_EXHDR(value);

	if (unlikely(p < end && *p == CD_TIMELINE_PARTS))
	{
		value = cd_timeline_whole((struct varlena *) value);
		p = (const uint8 *) VARDATA_ANY(value);
		end = p + VARSIZE_ANY_EXHDR(value);
	}
	open_image(tl, p, end);
}

/* The same, but appended parts are left as they are. */
void
cd_timeline_open_parts(CdParts *parts, const struct varlena *value)
{
	const uint8 *p = (const uint8 *) VARDATA_ANY(value);
	const uint8 *end = p + VARSIZE_ANY_EXHDR(value);
	uint64		nevents;
	int			i;

	parts->n = 1;
	if (likely(p >= end || *p != CD_TIMELINE_PARTS))
	{
		open_image(&parts->tl[0], p, end);
		return;
	}
	p++;
	nevents = cd_read_length(&p, end, CD_MAX_EVENTS);
	parts->n = cd_read_length(&p, end, CD_MAX_PARTS);
	if (parts->n < 2)
		cd_timeline_corrupt();
	for (i = 0; i < parts->n; i++)
	{
		uint32		len = cd_read_length(&p, end, end - p);

		if (len > end - p || len < 1 || *p != CD_TIMELINE_VERSION)
			cd_timeline_corrupt();
		open_image(&parts->tl[i], p, p + len);
		if (i > 0)
			parts->tl[i - 1].next = &parts->tl[i];
		if (parts->tl[i].nevents == 0 || (uint64) parts->tl[i].nevents > nevents)
			cd_timeline_corrupt();
		nevents -= parts->tl[i].nevents;
		p += len;
	}
	if (nevents != 0 || p != end)
		cd_timeline_corrupt();
}

/* Fill in a kind from its section. */
static pg_attribute_always_inline void
open_section(CdKind *kind, const uint8 *section, uint32 len)
{
	const uint8 *p = section;
	const uint8 *end = section + len;
	uint64		low_bytes;

	if (len < 2)
		cd_timeline_corrupt();
	kind->low_bits = *p++;
	kind->high_bytes = cd_read_length(&p, end, len);
	low_bytes = ((uint64) kind->n * kind->low_bits + 7) / 8;
	if (kind->low_bits > 56 || low_bytes + kind->high_bytes > (uint64) (end - p))
		cd_timeline_corrupt();
	kind->low = p;
	kind->high = p + low_bytes;
	kind->cols = kind->high + kind->high_bytes;
	kind->end = end;
}

/* Numbers in order, kept like the times of a kind; what follows them is at kind->cols. */
void
cd_kind_sequence(CdKind *kind, const uint8 *section, uint32 len, int n)
{
	memset(kind, 0, sizeof(*kind));
	kind->n = n;
	open_section(kind, section, len);
}

/* Prepare to look for a name. */
void
cd_name_set(CdName *name, const char *str, int len)
{
	uint8		first[8] = {0};

	memcpy(first, str, Min(len, 8));
	name->str = str;
	name->len = len;
	name->key = cd_load64(first);
}

/*
 * Which of some different names bytes of the image are, whose first ones were
 * loaded as a number; -1 for none.  Kinds come in any order, so each name is
 * compared without a branch that could be foretold wrongly.
 */
static inline int
which_name(const CdName *names, int n, const uint8 *str, int len, uint64 first)
{
	int			which = -1;
	int			k;

	if (len <= 8)
	{
#pragma GCC unroll 4
		for (k = 0; k < n; k++)
			which = ((first ^ names[k].key) | (uint32) (len ^ names[k].len)) == 0 ? k : which;
		return which;
	}
	for (k = 0; k < n; k++)
		if (len == names[k].len && first == names[k].key && memcmp(str + 8, names[k].str + 8, len - 8) == 0)
			return k;
	return -1;
}

/* The first so many bytes of a number in memory. */
static const uint64 first_bytes[9] = {
	0, UINT64CONST(0xff), UINT64CONST(0xffff), UINT64CONST(0xffffff), UINT64CONST(0xffffffff),
	UINT64CONST(0xffffffffff), UINT64CONST(0xffffffffffff), UINT64CONST(0xffffffffffffff), ~UINT64CONST(0)
};

/*
 * Step over one entry of the kind directory.  A name is followed by the rest
 * of the image, which has 8 bytes more at least.
 */
static inline const uint8 *
directory_entry(const CdTimeline *tl, const uint8 *pos, const uint8 *section,
				const uint8 **name, int *namelen, uint64 *first, int *n, uint32 *section_len)
{
	*namelen = cd_read_length(&pos, tl->props, tl->props - pos);
	*name = pos;
	if (*namelen > tl->props - pos)
		cd_timeline_corrupt();
	*first = cd_load64(pos) & first_bytes[Min(*namelen, 8)];
	pos += *namelen;
	*n = cd_read_length(&pos, tl->props, tl->nevents);
	*section_len = cd_read_length(&pos, tl->props, tl->ties - section);
	return pos;
}

/* Start a walk over the kind directory. */
void
cd_kind_scan_begin(const CdTimeline *tl, CdKindScan *scan)
{
	scan->pos = tl->kinds;
	scan->section = tl->columns;
	scan->number = 0;
}

/* The next kind of the directory; false at its end. */
bool
cd_kind_scan_next(const CdTimeline *tl, CdKindScan *scan, CdKind *kind)
{
	const uint8 *name;
	uint64		first;
	uint32		len;

	if (scan->number >= tl->nkinds)
		return false;
	scan->pos = directory_entry(tl, scan->pos, scan->section, &name, &kind->namelen, &first, &kind->n, &len);
	kind->tl = tl;
	kind->number = scan->number++;
	kind->name = (const char *) name;
	open_section(kind, scan->section, len);
	scan->section += len;
	return true;
}

/* Open a kind that was found. */
void
cd_kind_open(const CdTimeline *tl, const CdFound *found, CdKind *kind)
{
	kind->tl = tl;
	kind->number = found->number;
	kind->name = found->name;
	kind->namelen = found->namelen;
	kind->n = found->n;
	open_section(kind, found->section, found->len);
}

/* Find one kind by name; false when there are no such events. */
bool
cd_timeline_find_kind(const CdTimeline *tl, const CdName *name, CdKind *kind)
{
	CdFound		found;

	if (cd_timeline_find_kinds(tl, name, 1, &found) == 0)
		return false;
	cd_kind_open(tl, &found, kind);
	return true;
}

/* Find several kinds by name in one walk over the directory. */
uint32
cd_timeline_find_kinds(const CdTimeline *tl, const CdName *names, int n, CdFound *found)
{
	const uint8 *pos = tl->kinds;
	const uint8 *section = tl->columns;
	uint32		which = 0;
	int			left = n;
	int			i;

	for (i = 0; i < tl->nkinds && left > 0; i++)
	{
		const uint8 *name;
		int			namelen,
					nevents,
					k;
		uint64		first;
		uint32		len;

		pos = directory_entry(tl, pos, section, &name, &namelen, &first, &nevents, &len);
		k = which_name(names, n, name, namelen, first);
		if (k >= 0)
		{
			found[k].section = section;
			found[k].len = len;
			found[k].number = i;
			found[k].n = nevents;
			found[k].name = (const char *) name;
			found[k].namelen = namelen;
			which |= (uint32) 1 << k;
			left--;
		}
		section += len;
	}
	return which;
}

/* A word of the upper parts, zero beyond their end. */
static inline uint64
high_word(const CdKind *kind, uint32 word)
{
	uint32		byte = word * 8;
	uint64		bits;

	if (byte >= kind->high_bytes)
		return 0;
	bits = cd_load64(kind->high + byte);
	if (kind->high_bytes - byte < 8)
		bits &= (UINT64CONST(1) << ((kind->high_bytes - byte) * 8)) - 1;
	return bits;
}

#define EACH_BYTE	UINT64CONST(0x0101010101010101)

/* For each byte of a word how many bits are set in it and those below it. */
static inline uint64
bits_upto(uint64 word)
{
	word -= (word >> 1) & UINT64CONST(0x5555555555555555);
	word = (word & UINT64CONST(0x3333333333333333)) + ((word >> 2) & UINT64CONST(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64CONST(0x0f0f0f0f0f0f0f0f);
	return word * EACH_BYTE;
}

/* Where the bit is that has k set bits below it; there are more than k. */
static inline int
select_bit(uint64 word, uint64 upto, int k)
{
	/* Bytes up to which there are k bits at most. */
	uint64		whole = ((((uint64) k * EACH_BYTE) | (EACH_BYTE << 7)) - upto) & (EACH_BYTE << 7);
	int			shift = (int) (((whole >> 7) * EACH_BYTE) >> 56) * 8;
	uint64		spread;

	k -= (int) ((upto << 8) >> shift & 0xff);

	/* The same with the bits of that byte, each spread to a byte of its own. */
	spread = ((word >> shift & 0xff) * EACH_BYTE & UINT64CONST(0x8040201008040201)) + EACH_BYTE * 0x7f;
	upto = (spread >> 7 & EACH_BYTE) * EACH_BYTE;
	whole = ((((uint64) k * EACH_BYTE) | (EACH_BYTE << 7)) - upto) & (EACH_BYTE << 7);
	return shift + (int) (((whole >> 7) * EACH_BYTE) >> 56);
}

/* The low part of event i. */
static inline uint64
low_part(const CdKind *kind, int i)
{
	uint64		bit = (uint64) i * kind->low_bits;

	if (kind->low_bits == 0)
		return 0;
	return (cd_load64(kind->low + (bit >> 3)) >> (bit & 7)) & ((UINT64CONST(1) << kind->low_bits) - 1);
}

/* First event of the kind at or after a moment (kind->n when none). */
int
cd_kind_lower_bound(const CdKind *kind, TimestampTz at)
{
	uint64		offset,
				x,
				high,
				low,
				zeros = 0,
				ones = 0;
	uint32		nwords = (kind->high_bytes + 7) / 8;
	uint32		word = 0;
	uint64		bits;
	int			i,
				upto,
				bit;

	if (at <= kind->tl->base)
		return 0;
	offset = (uint64) at - (uint64) kind->tl->base;
	x = offset;
	if (kind->tl->unit != 1)
	{
		x = offset / (uint64) kind->tl->unit;
		if (x * (uint64) kind->tl->unit != offset)
			x++;
	}
	high = x >> kind->low_bits;
	low = x & ((UINT64CONST(1) << kind->low_bits) - 1);
	if (nwords == 0)
		return kind->n;
	bits = high_word(kind, 0);

	/* A few events fit in one word, and most questions reach beyond them. */
	if (nwords == 1 && bits != 0)
	{
		int			most = pg_leftmost_one_pos64(bits) - (kind->n - 1);

		if (most < 0)
			cd_timeline_corrupt();
		if (high > (uint64) most)
			return kind->n;
		if (high < (uint64) __builtin_ctzll(bits))
			return 0;
	}

	/* Skip what lies before the high-th zero: whole words first. */
	for (;; bits = high_word(kind, word))
	{
		int			in_word = (int) (bits_upto(bits) >> 56);

		if (zeros + (64 - in_word) >= high)
			break;
		zeros += 64 - in_word;
		ones += in_word;
		if (++word >= nwords)
			return kind->n;
	}
	bit = 0;
	if (high > zeros)
	{
		int			skip = (int) (high - zeros) - 1;

		bit = select_bit(~bits, bits_upto(~bits), skip);
		ones += bit - skip;
		bit++;
	}
	if (ones >= (uint64) kind->n)
		return kind->n;
	i = (int) ones;

	/* How many events share the upper part. */
	upto = i;
	for (;;)
	{
		uint64		rest = bit < 64 ? ~(bits >> bit) : 0;
		int			run = bit < 64 ? Min(rest == 0 ? 64 : __builtin_ctzll(rest), 64 - bit) : 0;

		upto += run;
		if (bit + run < 64 || ++word >= nwords)
			break;
		bits = high_word(kind, word);
		bit = 0;
	}
	upto = Min(upto, kind->n);

	while (upto - i > 4)
	{
		int			mid = i + (upto - i) / 2;

		if (low_part(kind, mid) < low)
			i = mid + 1;
		else
			upto = mid;
	}
	for (; i < upto && low_part(kind, i) < low; i++)
		;
	return i;
}

/* Prepare to read times from one position on. */
void
cd_times_begin(CdTimes *times, const CdKind *kind, int from)
{
	uint32		nwords = (kind->high_bytes + 7) / 8;
	int			left = from;

	times->kind = kind;
	times->i = from;
	times->word = 0;
	times->bits = 0;
	if (from >= kind->n)
		return;
	for (times->word = 0; times->word < nwords; times->word++)
	{
		uint64		upto;
		int			in_word;

		times->bits = high_word(kind, times->word);
		upto = bits_upto(times->bits);
		in_word = (int) (upto >> 56);
		if (left < in_word)
		{
			times->bits &= ~UINT64CONST(0) << select_bit(times->bits, upto, left);
			break;
		}
		left -= in_word;
	}
	if (times->word >= nwords)
		cd_timeline_corrupt();
}

/* All times of a kind, in units since the timeline's base. */
void
cd_kind_offsets(const CdKind *kind, uint64 *offsets)
{
	const uint8 *lows = kind->low;
	int			low_bits = kind->low_bits;
	uint64		mask = (UINT64CONST(1) << low_bits) - 1;
	uint64		low_bit = 0;
	uint64		high = 0;		/* of bit 0 of the word, less the events before */
	uint64		bits = high_word(kind, 0);
	uint32		word = 0;
	int			n = kind->n;
	int			i;

	for (i = 0; i < n; i++, low_bit += low_bits)
	{
		uint64		low = (cd_load64(lows + (low_bit >> 3)) >> (low_bit & 7)) & mask;

		while (unlikely(bits == 0))
		{
			if (++word * 8 >= kind->high_bytes)
				cd_timeline_corrupt();
			bits = high_word(kind, word);
			high += 64;
		}
		offsets[i] = (high-- + __builtin_ctzll(bits)) << low_bits | low;
		bits &= bits - 1;
	}
}

/* The moment of event i. */
TimestampTz
cd_kind_at(const CdKind *kind, int i)
{
	CdTimes		times;

	if (i < 0 || i >= kind->n)
		cd_timeline_corrupt();
	cd_times_begin(&times, kind, i);
	return cd_times_next(&times);
}

/* The moment of the last event, found from the end. */
TimestampTz
cd_kind_last_at(const CdKind *kind)
{
	int64		word = ((int64) kind->high_bytes + 7) / 8;
	uint64		bits = 0;
	uint64		position;

	while (bits == 0)
	{
		if (--word < 0)
			cd_timeline_corrupt();
		bits = high_word(kind, word);
	}
	position = word * 64 + pg_leftmost_one_pos64(bits);
	if (kind->n < 1 || position < (uint64) kind->n - 1)
		cd_timeline_corrupt();
	return (TimestampTz) ((uint64) kind->tl->base +
						  ((position - (kind->n - 1)) << kind->low_bits | low_part(kind, kind->n - 1)) * (uint64) kind->tl->unit);
}

/* The earliest moment, DT_NOEND when empty. */
TimestampTz
cd_timeline_first_at(const CdTimeline *tl)
{
	return tl->nevents > 0 ? tl->base : DT_NOEND;
}

/* The latest moment, DT_NOBEGIN when empty. */
TimestampTz
cd_timeline_last_at(const CdTimeline *tl)
{
	TimestampTz last = DT_NOBEGIN;
	CdKindScan	scan;
	CdKind		kind;

	cd_kind_scan_begin(tl, &scan);
	while (cd_kind_scan_next(tl, &scan, &kind))
	{
		if (kind.n > 0)
			last = Max(last, cd_kind_last_at(&kind));
	}
	return last;
}

/* The first moment after another, DT_NOEND when there is none. */
TimestampTz
cd_timeline_next_after(const CdTimeline *tl, TimestampTz at)
{
	TimestampTz next = DT_NOEND;
	CdKindScan	scan;
	CdKind		kind;

	if (at >= DT_NOEND - 1)
		return DT_NOEND;
	cd_kind_scan_begin(tl, &scan);
	while (cd_kind_scan_next(tl, &scan, &kind))
	{
		int			i = cd_kind_lower_bound(&kind, at + 1);

		if (i < kind.n)
			next = Min(next, cd_kind_at(&kind, i));
	}
	return next;
}

/* Number of the named property, -1 when no event has it. */
int
cd_timeline_find_property(const CdTimeline *tl, const char *name, int len)
{
	const uint8 *pos = tl->props;
	int			i;

	for (i = 0; i < tl->nprops; i++)
	{
		int			namelen = cd_read_length(&pos, tl->layouts, tl->layouts - pos);

		if (namelen > tl->layouts - pos)
			cd_timeline_corrupt();
		if (namelen == len && memcmp(pos, name, len) == 0)
			return i;
		pos += namelen;
		(void) cd_read_length(&pos, tl->layouts, MaxAllocSize);
	}
	return -1;
}

/* Step through the property directory to one entry. */
void
cd_timeline_property(const CdTimeline *tl, int prop, const char **name, int *len,
					 const uint8 **dict, uint32 *dict_len)
{
	const uint8 *pos = tl->props;
	const uint8 *d = tl->dicts;
	int			i;

	if (prop < 0 || prop >= tl->nprops)
		cd_timeline_corrupt();
	for (i = 0;; i++)
	{
		*len = cd_read_length(&pos, tl->layouts, tl->layouts - pos);
		*name = (const char *) pos;
		if (*len > tl->layouts - pos)
			cd_timeline_corrupt();
		pos += *len;
		*dict_len = cd_read_length(&pos, tl->layouts, tl->end - d);
		*dict = d;
		if (i == prop)
			return;
		d += *dict_len;
	}
}

/* Name of a property. */
void
cd_timeline_property_name(const CdTimeline *tl, int prop, const char **name, int *len)
{
	const uint8 *dict;
	uint32		dict_len;

	cd_timeline_property(tl, prop, name, len, &dict, &dict_len);
}

/* Prepare to step through the columns of a kind. */
void
cd_kind_columns(const CdKind *kind, CdColumnScan *scan)
{
	const CdTimeline *tl = kind->tl;

	scan->data = kind->cols;
	scan->pos = tl->layouts + cd_read_length(&scan->data, kind->end, tl->columns - tl->layouts);
	scan->left = cd_read_length(&scan->pos, tl->columns, (CD_MAX_PROPERTIES + CD_COL_PROPERTY) * 4);
}

/* The next column; false at the end. */
bool
cd_kind_next_column(const CdKind *kind, CdColumnScan *scan, CdColumn *col)
{
	const uint8 *end = kind->tl->columns;
	uint32		id;
	uint8		flags;
	uint64		bytes;

	if (scan->left <= 0)
		return false;
	scan->left--;
	id = cd_read_length(&scan->pos, end, (CD_MAX_PROPERTIES + CD_COL_PROPERTY) * 4);
	if (end - scan->pos < 2)
		cd_timeline_corrupt();
	col->which = id >> 2;
	col->type = id & 3;
	flags = *scan->pos++;
	col->width = *scan->pos++;
	col->nullable = (flags & CD_COLF_NULLABLE) != 0;
	col->raw = (flags & CD_COLF_RAW) != 0;
	col->scale = flags >> CD_COLF_SCALE_SHIFT;
	col->base = cd_unzigzag(cd_read_number(&scan->pos, end));
	bytes = ((uint64) kind->n * col->width + 7) / 8;
	if ((col->width > 56 && !(col->width == 64 && col->raw)) || (col->raw && col->width != 64) ||
		col->scale > CD_MAX_SCALE || bytes > (uint64) (kind->end - scan->data))
		cd_timeline_corrupt();
	col->data = scan->data;
	scan->data += bytes;
	return true;
}

/* Find one column; any type when type is negative. */
bool
cd_kind_find_column(const CdKind *kind, int which, int type, CdColumn *col)
{
	CdColumnScan scan;

	cd_kind_columns(kind, &scan);
	while (cd_kind_next_column(kind, &scan, col))
	{
		if (col->which == which && (type < 0 || col->type == type))
			return true;
		if (col->which > which)
			break;
	}
	return false;
}
