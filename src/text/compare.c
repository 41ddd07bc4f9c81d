/*
 * compare.c
 *		Distances and similarities of strings by code points.
 */
#include "postgres.h"

#include "text/compare.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* A buffer that outlives calls; it grows to what the longest input needed. */
typedef struct Scratch
{
	void	   *data;
	size_t		size;
} Scratch;

#define BUFFER_KEEP		((size_t) 8 * 1024 * 1024)

static Scratch edge_buffer;
static Scratch row_buffer;
static Scratch symbol_buffer;
static Scratch slot_buffer;
static Scratch gram_buffer;

/* Flags of a column at the lower edge of a strip. */
#define EDGE_PLUS	1
#define EDGE_MINUS	2
#define EDGE_SWAP	4

/*
 * Positions of each code point in the pattern, as bits: a table for those of
 * the basic plane, of which only pages that are looked at take memory, and a
 * small hash for the rest.  All zero between calls.
 */
#define PLANE		0x10000
#define WIDE_SLOTS	128

static uint64 plane_bits[PLANE];
static uint64 wide_bits[WIDE_SLOTS];
static uint32 wide_keys[WIDE_SLOTS];
static uint8 wide_used[64];
static int	wide_used_count = 0;

/* Answer a buffer of at least size bytes; give back one that has become far too large. */
static void *
grow_buffer(Scratch *buffer, size_t size)
{
	static MemoryContext context = NULL;

	if (likely(size <= buffer->size && buffer->size <= BUFFER_KEEP))
		return buffer->data;
	if (size <= buffer->size && size > buffer->size / 16)
		return buffer->data;
	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "customer_data text buffers",
										ALLOCSET_DEFAULT_SIZES);
	if (buffer->data != NULL)
		pfree(buffer->data);
	buffer->data = NULL;
	buffer->size = 0;
	size = Max(size, 1024);
	buffer->data = MemoryContextAllocHuge(context, size + size / 2);
	buffer->size = size + size / 2;
	return buffer->data;
}

/* Slot of a wide code point: where it is, or the empty one where it belongs. */
static inline int
wide_slot(uint32 c)
{
	int			i = (c ^ (c >> 7)) & (WIDE_SLOTS - 1);

	while (wide_bits[i] != 0 && wide_keys[i] != c)
		i = (i + 1) & (WIDE_SLOTS - 1);
	return i;
}

static inline void
wide_set(uint32 c, uint64 bits)
{
	if (likely(c < PLANE))
		plane_bits[c] |= bits;
	else
	{
		int			i = wide_slot(c);

		if (wide_bits[i] == 0)
			wide_used[wide_used_count++] = i;
		wide_keys[i] = c;
		wide_bits[i] |= bits;
	}
}

static inline uint64
wide_get(uint32 c)
{
	return likely(c < PLANE) ? plane_bits[c] : wide_bits[wide_slot(c)];
}

/* Back to all zero. */
static inline void
wide_clear(const uint32 *p, int m)
{
	int			i;

	for (i = 0; i < m; i++)
		plane_bits[p[i] & (PLANE - 1)] = 0;
	while (wide_used_count > 0)
		wide_bits[wide_used[--wide_used_count]] = 0;
}

/* Number the code points of two strings from 0 on: those of a, then those of b. */
static int *
symbols8(const uint8 *a, int la, const uint8 *b, int lb)
{
	int		   *out = grow_buffer(&symbol_buffer, sizeof(int) * ((size_t) la + lb));
	int			ids[256];
	int			next = 0;
	int			i;

	memset(ids, -1, sizeof(ids));
	for (i = 0; i < la + lb; i++)
	{
		uint8		c = i < la ? a[i] : b[i - la];

		if (ids[c] < 0)
			ids[c] = next++;
		out[i] = ids[c];
	}
	return out;
}

static int *
symbols32(const uint32 *a, int la, const uint32 *b, int lb)
{
	int		   *out = grow_buffer(&symbol_buffer, sizeof(int) * ((size_t) la + lb));
	size_t		slots = 64;
	uint32	   *keys;
	int		   *ids;
	int			next = 0;
	int			i;

	while (slots < 2 * ((size_t) la + lb))
		slots *= 2;
	keys = grow_buffer(&slot_buffer, slots * (sizeof(uint32) + sizeof(int)));
	ids = (int *) (keys + slots);
	memset(ids, -1, sizeof(int) * slots);
	for (i = 0; i < la + lb; i++)
	{
		uint32		c = i < la ? a[i] : b[i - la];
		size_t		slot = (c * UINT64CONST(0x9E3779B97F4A7C15) >> 32) & (slots - 1);

		while (ids[slot] >= 0 && keys[slot] != c)
			slot = (slot + 1) & (slots - 1);
		if (ids[slot] < 0)
		{
			keys[slot] = c;
			ids[slot] = next++;
		}
		out[i] = ids[slot];
	}
	return out;
}

#define UNIT				uint8
#define KERNEL(name)		name##8
#define EXPORTED(name)		name##8
#define PM_SET(c, bits)		(plane_bits[c] |= (bits))
#define PM_GET(c)			(plane_bits[c])
#define PM_CLEAR(p, m)		do { for (int z_ = 0; z_ < (m); z_++) plane_bits[(p)[z_]] = 0; } while (0)
#include "text/compare_kernel.h"
#undef UNIT
#undef KERNEL
#undef EXPORTED
#undef PM_SET
#undef PM_GET
#undef PM_CLEAR

#define UNIT				uint32
#define KERNEL(name)		name##32
#define EXPORTED(name)		name
#define PM_SET(c, bits)		wide_set(c, bits)
#define PM_GET(c)			wide_get(c)
#define PM_CLEAR(p, m)		wide_clear(p, m)
#include "text/compare_kernel.h"

bool
cd_is_ascii(const char *s, int bytes)
{
	uint64		seen = 0;

	while (bytes >= 8)
	{
		uint64		word;

		memcpy(&word, s, 8);
		seen |= word;
		s += 8;
		bytes -= 8;
	}
	while (bytes-- > 0)
		seen |= (uint8) *s++;
	return (seen & UINT64CONST(0x8080808080808080)) == 0;
}

int
cd_utf8_decode(const char *s, int bytes, uint32 *out)
{
	const uint8 *p = (const uint8 *) s;
	const uint8 *end = p + bytes;
	uint32	   *to = out;

	while (p < end)
	{
		uint32		c = *p;

		if (c < 0x80)
			p += 1;
		else if (c >= 0xE0 && c < 0xF0 && p + 3 <= end)
		{
			/* scripts of three bytes come in runs */
			do
			{
				*to++ = (c & 0x0F) << 12 | (uint32) (p[1] & 0x3F) << 6 | (p[2] & 0x3F);
				p += 3;
			} while (p + 3 <= end && ((c = *p) & 0xF0) == 0xE0);
			continue;
		}
		else if (c < 0xE0 && p + 2 <= end)
		{
			c = (c & 0x1F) << 6 | (p[1] & 0x3F);
			p += 2;
		}
		else if (p + 4 <= end)
		{
			c = (c & 0x07) << 18 | (uint32) (p[1] & 0x3F) << 12 |
				(uint32) (p[2] & 0x3F) << 6 | (p[3] & 0x3F);
			p += 4;
		}
		else
			p = end;			/* a cut sequence: cannot be in a UTF8 database */
		*to++ = c;
	}
	return to - out;
}

static int
cmp_gram(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

/* Sort grams; most bags are small. */
static void
sort_grams(uint64 *g, int n)
{
	int			i;

	if (n > 48)
	{
		qsort(g, n, sizeof(uint64), cmp_gram);
		return;
	}
	for (i = 1; i < n; i++)
	{
		uint64		x = g[i];
		int			j = i;

		for (; j > 0 && g[j - 1] > x; j--)
			g[j] = g[j - 1];
		g[j] = x;
	}
}

/* One gram as a number: exact up to three code points, a 64-bit hash beyond. */
static inline uint64
gram_of(const uint32 *s, int n)
{
	uint64		h = 0;
	int			i;

	if (n <= 3)
	{
		for (i = 0; i < n; i++)
			h = h << 21 | s[i];
		return h;
	}
	for (i = 0; i < n; i++)
	{
		h = (h ^ s[i]) * UINT64CONST(0x9E3779B97F4A7C15);
		h ^= h >> 29;
	}
	return h;
}

/* Overlap of two sorted bags. */
static double
overlap(const uint64 *a, int na, const uint64 *b, int nb, CdOverlap how)
{
	double		common = 0;
	double		sum_a = 0;
	double		sum_b = 0;
	bool		sets = how == CD_OVERLAP_DICE || how == CD_OVERLAP_JACCARD;
	int			i = 0;
	int			j = 0;

	if (na == 0 && nb == 0)
		return 1.0;
	while (i < na || j < nb)
	{
		uint64		x = (j >= nb || (i < na && a[i] <= b[j])) ? a[i] : b[j];
		double		ca = 0;
		double		cb = 0;

		while (i < na && a[i] == x)
			i++, ca++;
		while (j < nb && b[j] == x)
			j++, cb++;
		if (sets)
		{
			ca = ca > 0;
			cb = cb > 0;
		}
		if (how == CD_OVERLAP_COSINE)
		{
			common += ca * cb;
			sum_a += ca * ca;
			sum_b += cb * cb;
		}
		else
		{
			common += Min(ca, cb);
			sum_a += ca;
			sum_b += cb;
		}
	}
	switch (how)
	{
		case CD_OVERLAP_JACCARD:
			return common / (sum_a + sum_b - common);
		case CD_OVERLAP_COSINE:
			return common == 0 ? 0.0 : Min(common / sqrt(sum_a * sum_b), 1.0);
		default:
			return 2 * common / (sum_a + sum_b);
	}
}

/* The grams of one string, sorted. */
static int
ngrams_of(const uint32 *s, int len, int n, uint64 *out)
{
	int			count = len == 0 ? 0 : len < n ? 1 : len - n + 1;
	int			i;

	for (i = 0; i < count; i++)
		out[i] = gram_of(s + i, Min(n, len));
	sort_grams(out, count);
	return count;
}

double
cd_ngram_overlap(const uint32 *a, int la, const uint32 *b, int lb, int n, CdOverlap how)
{
	uint64	   *grams = grow_buffer(&gram_buffer, sizeof(uint64) * ((size_t) la + lb + 2));
	int			na = ngrams_of(a, la, n, grams);
	int			nb = ngrams_of(b, lb, n, grams + na);

	return overlap(grams, na, grams + na, nb, how);
}

/* White space that parts tokens. */
static inline bool
is_space(uint32 c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xA0 ||
		(c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x3000;
}

/* The tokens of one string as sorted hashes. */
static int
tokens_of(const uint32 *s, int len, uint64 *out)
{
	int			count = 0;
	int			from = 0;
	int			i;

	for (i = 0; i <= len; i++)
	{
		if (i < len && !is_space(s[i]))
			continue;
		if (i > from)
			out[count++] = gram_of(s + from, i - from);
		from = i + 1;
	}
	sort_grams(out, count);
	return count;
}

double
cd_token_overlap(const uint32 *a, int la, const uint32 *b, int lb, CdOverlap how)
{
	uint64	   *tokens = grow_buffer(&gram_buffer, sizeof(uint64) * ((size_t) la + lb + 2));
	int			na = tokens_of(a, la, tokens);
	int			nb = tokens_of(b, lb, tokens + na);

	return overlap(tokens, na, tokens + na, nb, how);
}
