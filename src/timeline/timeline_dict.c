/*
 * timeline_dict.c
 *		Reading the dictionaries of a timeline: the texts of a property, each
 *		once and in order.
 *
 * Strings that begin alike and differ in a few bytes after it, as "sku-1042"
 * and "sku-977" do, may be kept as numbers.  With least and greatest of those
 * bytes, a byte is the digit byte - least + 1 and the end of a string the digit
 * 0, base is greatest - least + 2, and each number has as many digits as the
 * longest string has bytes there.  So numbers are in the order of the strings,
 * and are kept as times are: packed, found and read one by one alike.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "miscadmin.h"
#include "timeline/timeline.h"
#include "timeline/timeline_format.h"
#include "utils/memutils.h"

/* Room for the strings of a dictionary to begin with; what it claims to hold may be damaged. */
#define DICT_START	((Size) 65536)

/* The numbers of a dictionary are their own times. */
static const CdTimeline as_they_are = {.unit = 1};

/* Open a dictionary of numbers. */
static void
open_numbers(CdDict *dict, const uint8 *pos)
{
	const uint8 *end = dict->end;

	cd_kind_sequence(&dict->numbers, pos, end - pos, dict->n);
	dict->numbers.tl = &as_they_are;
	pos = dict->numbers.cols;
	if (end - pos < CD_NUMBERS_TAIL)
		cd_timeline_corrupt();
	dict->digits = *pos++;
	dict->base = *pos++;
	dict->least = *pos++;
	dict->inverse = ~UINT64CONST(0) / Max(dict->base, 1) + 1;
	dict->prefixlen = cd_read_length(&pos, end, end - pos);
	if (dict->n < 1 || dict->digits < 1 || dict->digits > CD_NUMBER_BITS || dict->base < 2 || dict->prefixlen > end - pos)
		cd_timeline_corrupt();
	dict->prefix = (const char *) pos;
	pos += dict->prefixlen;
	dict->first = cd_read_varint(&pos, end);
	if (dict->first >> CD_NUMBER_BITS != 0)
		cd_timeline_corrupt();
}

/* Open the dictionary of a property or of the event ids. */
void
cd_dict_open(const CdTimeline *tl, int which, CdDict *dict)
{
	const uint8 *pos;
	const char *name;
	int			namelen;
	uint32		len;
	bool		numbers;

	if (which == CD_COL_EVENT_ID)
	{
		pos = tl->ids;
		len = tl->dicts - tl->ids;
	}
	else
		cd_timeline_property(tl, which - CD_COL_PROPERTY, &name, &namelen, &pos, &len);
	dict->n = 0;
	dict->blocks = dict->entries = dict->end = pos + len;
	dict->block_width = 0;
	dict->digits = 0;
	if (len == 0)
		return;
	dict->n = cd_read_length(&pos, dict->end, (uint64) len * 16 + 1);
	numbers = dict->n & 1;
	dict->n >>= 1;
	if (numbers)
	{
		open_numbers(dict, pos);
		return;
	}
	if (dict->n > CD_DICT_BLOCK)
	{
		uint64		bytes;

		if (pos >= dict->end)
			cd_timeline_corrupt();
		dict->block_width = *pos++;
		if (dict->block_width < 1 || dict->block_width > 4)
			cd_timeline_corrupt();
		bytes = (uint64) ((dict->n - 1) / CD_DICT_BLOCK) * dict->block_width;
		if (bytes > (uint64) (dict->end - pos))
			cd_timeline_corrupt();
		dict->blocks = pos;
		pos += bytes;
	}
	dict->entries = pos;
}

/* Start of a block of strings. */
static const uint8 *
dict_block(const CdDict *dict, int block)
{
	const uint8 *p;
	uint32		offset = 0;
	int			i;

	if (block == 0)
		return dict->entries;
	p = dict->blocks + (block - 1) * dict->block_width;
	for (i = 0; i < dict->block_width; i++)
		offset |= (uint32) p[i] << (8 * i);
	if (offset > dict->end - dict->entries)
		cd_timeline_corrupt();
	return dict->entries + offset;
}

/* Read the next string into the cursor's buffer. */
static void
dict_step(CdDictCursor *cursor)
{
	const CdDict *dict = cursor->dict;
	uint32		shared = 0,
				suffix;

	if (cursor->i % CD_DICT_BLOCK == 0)
		suffix = cd_read_length(&cursor->pos, dict->end, CD_MAX_TEXT);
	else
	{
		uint8		head;

		if (cursor->pos >= dict->end)
			cd_timeline_corrupt();
		head = *cursor->pos++;
		shared = head >> 4;
		suffix = head & 15;
		if (shared == 15)
			shared += cd_read_length(&cursor->pos, dict->end, CD_MAX_TEXT);
		if (suffix == 15)
			suffix += cd_read_length(&cursor->pos, dict->end, CD_MAX_TEXT);
	}
	if (shared > (uint32) cursor->len || suffix > (uint64) (dict->end - cursor->pos) ||
		shared + suffix > CD_MAX_TEXT)
		cd_timeline_corrupt();
	if (shared + suffix + 1 > (uint32) cursor->size)
	{
		cursor->size = Max(64, (shared + suffix + 1) * 2);
		cursor->buf = cursor->buf == NULL ? palloc(cursor->size) : repalloc(cursor->buf, cursor->size);
	}
	memcpy(cursor->buf + shared, cursor->pos, suffix);
	cursor->len = shared + suffix;
	cursor->buf[cursor->len] = '\0';
	cursor->pos += suffix;
	cursor->i++;
}

/* Write the next number into the cursor's buffer, behind what all strings begin with. */
static void
number_step(CdDictCursor *cursor)
{
	const CdDict *dict = cursor->dict;
	uint64		number = dict->first + (uint64) cd_times_next(&cursor->numbers);
	char	   *digits = cursor->buf + dict->prefixlen;
	int			len = dict->digits;
	int			i;

	if (number >> CD_NUMBER_BITS != 0)
		cd_timeline_corrupt();
	for (i = dict->digits - 1; i >= 0; i--)
	{
		/* Division by the base: exact below 2^56, as the base is below 2^8. */
		uint64		rest = (uint64) (((unsigned __int128) number * dict->inverse) >> 64);
		int			digit = (int) (number - rest * dict->base);

		number = rest;
		digits[i] = (char) (dict->least + digit - 1);
		if (digit == 0)
		{
			if (len != i + 1)
				cd_timeline_corrupt();
			len = i;
		}
	}
	if (number != 0)
		cd_timeline_corrupt();
	cursor->len = dict->prefixlen + len;
	cursor->buf[cursor->len] = '\0';
	cursor->i++;
}

/* Prepare to read strings from one on. */
void
cd_dict_seek(const CdDict *dict, int from, CdDictCursor *cursor)
{
	memset(cursor, 0, sizeof(*cursor));
	cursor->dict = dict;
	if (dict->digits > 0)
	{
		cursor->i = Min(from, dict->n);
		cursor->size = dict->prefixlen + dict->digits + 1;
		cursor->buf = palloc(cursor->size);
		memcpy(cursor->buf, dict->prefix, dict->prefixlen);
		cd_times_begin(&cursor->numbers, &dict->numbers, cursor->i);
		return;
	}
	cursor->i = from / CD_DICT_BLOCK * CD_DICT_BLOCK;
	if (cursor->i >= dict->n)
	{
		cursor->i = dict->n;
		return;
	}
	cursor->pos = dict_block(dict, cursor->i / CD_DICT_BLOCK);
	while (cursor->i < from && cursor->i < dict->n)
		dict_step(cursor);
}

/* The next string; false at the end. */
bool
cd_dict_next(CdDictCursor *cursor, const char **str, int *len)
{
	if (cursor->i >= cursor->dict->n)
		return false;
	if (cursor->dict->digits > 0)
		number_step(cursor);
	else
		dict_step(cursor);
	*str = cursor->buf;
	*len = cursor->len;
	return true;
}

/* Order of strings: bytes, shorter first. */
int
cd_compare_strings(const char *a, int alen, const char *b, int blen)
{
	int			c = memcmp(a, b, Min(alen, blen));

	return c != 0 ? c : (alen > blen) - (alen < blen);
}

/* The same where strings are numbers. */
static int
find_number(const CdDict *dict, const char *str, int len, bool *found)
{
	int			common = memcmp(str, dict->prefix, Min(len, dict->prefixlen));
	uint64		number = 0;
	bool		exact = true;
	int			i;

	if (common != 0 || len < dict->prefixlen)
		return common > 0 ? dict->n : 0;
	str += dict->prefixlen;
	len -= dict->prefixlen;

	/* A byte that is no digit lies between two digits: the next string is the one of the greater. */
	for (i = 0; i < dict->digits; i++)
	{
		int			digit = 0;

		if (i < len && exact)
		{
			digit = (uint8) str[i] - dict->least + 1;
			if (digit < 1 || digit >= (int) dict->base)
			{
				digit = digit < 1 ? 1 : dict->base;
				exact = false;
			}
		}
		number = number * dict->base + digit;
	}
	if (exact && len > dict->digits)
	{
		number++;
		exact = false;
	}
	if (number < dict->first)
		return 0;
	i = cd_kind_lower_bound(&dict->numbers, (TimestampTz) (number - dict->first));
	*found = exact && i < dict->n && (uint64) cd_kind_at(&dict->numbers, i) == number - dict->first;
	return i;
}

/* First string not less than str (dict->n when none), and whether it is str. */
int
cd_dict_find(const CdDict *dict, const char *str, int len, bool *found)
{
	CdDictCursor cursor;
	const char *s;
	int			slen,
				low = 0,
				high = dict->n == 0 ? 0 : (dict->n - 1) / CD_DICT_BLOCK,
				answer = dict->n;

	*found = false;
	if (dict->n == 0)
		return 0;
	if (dict->digits > 0)
		return find_number(dict, str, len, found);

	/* The last block whose first string is not greater. */
	while (low < high)
	{
		int			mid = (low + high + 1) / 2;
		const uint8 *p = dict_block(dict, mid);

		slen = cd_read_length(&p, dict->end, dict->end - p);
		if (slen > dict->end - p)
			cd_timeline_corrupt();
		if (cd_compare_strings((const char *) p, slen, str, len) <= 0)
			low = mid;
		else
			high = mid - 1;
	}
	cd_dict_seek(dict, low * CD_DICT_BLOCK, &cursor);
	while (cd_dict_next(&cursor, &s, &slen))
	{
		int			c = cd_compare_strings(s, slen, str, len);

		if (c >= 0)
		{
			*found = c == 0;
			answer = cursor.i - 1;
			break;
		}
	}
	if (cursor.buf != NULL)
		pfree(cursor.buf);
	return answer;
}

/* All strings of a dictionary, in their order. */
void
cd_dict_strings(const CdDict *dict, const char ***strings, int **lengths)
{
	CdDictCursor cursor;
	const char *s;
	int			len,
				i = 0;
	Size		used = 0,
				size = Min((Size) Max(dict->n, 1) * 16, DICT_START);
	char	   *all = palloc(size);

	*strings = palloc_extended(Max(dict->n, 1) * sizeof(char *), MCXT_ALLOC_HUGE);
	*lengths = palloc_extended(Max(dict->n, 1) * sizeof(int), MCXT_ALLOC_HUGE);
	cd_dict_seek(dict, 0, &cursor);
	while (cd_dict_next(&cursor, &s, &len))
	{
		if (used + len + 1 > size)
			all = repalloc_huge(all, size = Max(size * 2, used + len + 1));
		memcpy(all + used, s, len);
		all[used + len] = '\0';
		used += len + 1;
		(*lengths)[i++] = len;
	}
	/* They lie one behind the other. */
	used = 0;
	for (i = 0; i < dict->n; i++)
	{
		(*strings)[i] = all + used;
		used += (*lengths)[i] + 1;
	}
}
