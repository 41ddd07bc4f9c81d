/*
 * bits.c
 *		Loops over bitmaps of 65536 bits and over sorted arrays of 16-bit values.
 *
 * Each loop is written once and compiled for several levels of x86-64; which
 * one runs is decided when the module is loaded, by what the processor and the
 * operating system offer.  Other processors take what the compiler makes of
 * the plain loops.
 */
#include "postgres.h"

#include "sets/bits.h"

#include "port/pg_bitutils.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define BY_LEVEL
#include <immintrin.h>
#endif

#define ALWAYS	static inline __attribute__((always_inline))

ALWAYS uint32
count_body(const uint8 *a, uint32 words)
{
	uint64		n = 0;
	uint32		i;

	for (i = 0; i < words; i++)
		n += __builtin_popcountll(load64(a + 8 * i));
	return (uint32) n;
}

ALWAYS uint32
count_common_body(const uint8 *a, const uint8 *b, uint32 words)
{
	uint64		n = 0;
	uint32		i;

	for (i = 0; i < words; i++)
		n += __builtin_popcountll(load64(a + 8 * i) & load64(b + 8 * i));
	return (uint32) n;
}

ALWAYS void
count_common_4_body(const uint8 *a, const uint8 *const b[4], uint32 words, uint32 counts[4])
{
	const uint8 *b0 = b[0],
			   *b1 = b[1],
			   *b2 = b[2],
			   *b3 = b[3];
	uint64		n0 = 0,
				n1 = 0,
				n2 = 0,
				n3 = 0;
	uint32		i;

	for (i = 0; i < words; i++)
	{
		uint64		w = load64(a + 8 * i);

		n0 += __builtin_popcountll(w & load64(b0 + 8 * i));
		n1 += __builtin_popcountll(w & load64(b1 + 8 * i));
		n2 += __builtin_popcountll(w & load64(b2 + 8 * i));
		n3 += __builtin_popcountll(w & load64(b3 + 8 * i));
	}
	counts[0] = (uint32) n0;
	counts[1] = (uint32) n1;
	counts[2] = (uint32) n2;
	counts[3] = (uint32) n3;
}

#define COMBINE_BODY(name, expression) \
ALWAYS uint32 \
name(const uint8 *a, const uint8 *b, uint8 *restrict out) \
{ \
	uint64		n = 0; \
	uint32		i; \
	for (i = 0; i < BITMAP_WORDS; i++) \
	{ \
		uint64		x = load64(a + 8 * i), \
					y = load64(b + 8 * i), \
					w = (expression); \
		store64(out + 8 * i, w); \
		n += __builtin_popcountll(w); \
	} \
	return (uint32) n; \
} \
extern int no_such_variable

COMBINE_BODY(and_body, x & y);
COMBINE_BODY(or_body, x | y);
COMBINE_BODY(andnot_body, x & ~y);
COMBINE_BODY(xor_body, x ^ y);

ALWAYS void
merge_body(uint8 *restrict a, const uint8 *restrict b)
{
	uint32		i;

	for (i = 0; i < BITMAP_WORDS; i++)
		store64(a + 8 * i, load64(a + 8 * i) | load64(b + 8 * i));
}

/* A run begins at each bit whose predecessor is not set. */
ALWAYS uint32
runs_body(const uint8 *a, uint32 limit)
{
	uint64		first = load64(a);
	uint64		n = __builtin_popcountll(first & ~(first << 1));
	uint32		i = 1;

	while (i < BITMAP_WORDS && n <= limit)
	{
		uint32		end = (i & ~127) + 128;

		for (; i < end; i++)
		{
			uint64		w = load64(a + 8 * i);

			n += __builtin_popcountll(w & ~((w << 1) | (load64(a + 8 * i - 8) >> 63)));
		}
	}
	return (uint32) n;
}

ALWAYS uint32
neighbours_body(const uint8 *values, uint32 n)
{
	uint16		count = 0;		/* as wide as the values, for the vectoriser */
	Size		i;

	for (i = 1; i < n; i++)
	{
		uint16		step = load16(values + 2 * i) - load16(values + 2 * (i - 1));

		count += step == 1 ? 1 : 0;
	}
	return count;
}

ALWAYS uint32
positions_body(const uint8 *a, uint16 *out, uint32 most)
{
	uint32		n = 0;
	uint32		i;

	for (i = 0; i < BITMAP_WORDS; i++)
	{
		uint64		w = load64(a + 8 * i);

		while (w != 0)
		{
			if (n == most)
				return n;
			out[n++] = i * 64 + __builtin_ctzll(w);
			w &= w - 1;
		}
	}
	return n;
}

/* Two arrays one value at a time, without a branch to guess: what both hold */
ALWAYS uint32
common_rest(const uint8 *a, uint32 i, uint32 na, const uint8 *b, uint32 j, uint32 nb, uint8 *out, uint32 n)
{
	while (i < na && j < nb)
	{
		uint16		x = load16(a + 2 * i),
					y = load16(b + 2 * j);

		if (out != NULL)
			store16(out + 2 * n, x);
		n += x == y;
		i += x <= y;
		j += y <= x;
	}
	return n;
}

/* What the first holds and the second does not */
ALWAYS uint32
less_rest(const uint8 *a, uint32 i, uint32 na, const uint8 *b, uint32 j, uint32 nb, uint8 *out, uint32 n)
{
	while (i < na && j < nb)
	{
		uint16		x = load16(a + 2 * i),
					y = load16(b + 2 * j);

		store16(out + 2 * n, x);
		n += x < y;
		i += x <= y;
		j += y <= x;
	}
	memcpy(out + 2 * n, a + 2 * i, 2 * (na - i));
	return n + na - i;
}

static uint32
common_plain(const uint8 *a, uint32 na, const uint8 *b, uint32 nb, uint8 *out)
{
	return common_rest(a, 0, na, b, 0, nb, out, 0);
}

static uint32
less_plain(const uint8 *a, uint32 na, const uint8 *b, uint32 nb, uint8 *out)
{
	return less_rest(a, 0, na, b, 0, nb, out, 0);
}

static uint32
join_plain(const uint8 *a, uint32 na, const uint8 *b, uint32 nb, bool xor, uint8 *out)
{
	uint32		i = 0,
				j = 0,
				n = 0;

	while (i < na && j < nb)
	{
		uint16		x = load16(a + 2 * i),
					y = load16(b + 2 * j);

		store16(out + 2 * n, Min(x, y));
		n += !xor || x != y;
		i += x <= y;
		j += y <= x;
	}
	memcpy(out + 2 * n, a + 2 * i, 2 * (na - i));
	n += na - i;
	memcpy(out + 2 * n, b + 2 * j, 2 * (nb - j));
	return n + nb - j;
}

/* The same as between, from one value on */
static inline uint32
between_rest(const uint8 *values, const uint8 *bytes, uint32 i, uint32 n, uint8 low, uint8 high, uint8 *out, uint32 kept)
{
	for (; i < n; i++)
	{
		store16(out + 2 * kept, load16(values + 2 * i));
		kept += (uint8) (bytes[i] - low) <= (uint8) (high - low);
	}
	return kept;
}

/* All loops of one level, and the table that names them */
#define LEVEL(suffix, attributes, positions_of, between_of, arrays) \
attributes static uint32 count_##suffix(const uint8 *a, uint32 words) { return count_body(a, words); } \
attributes static uint32 count_common_##suffix(const uint8 *a, const uint8 *b, uint32 words) { return count_common_body(a, b, words); } \
attributes static void count_common_4_##suffix(const uint8 *a, const uint8 *const b[4], uint32 words, uint32 counts[4]) { count_common_4_body(a, b, words, counts); } \
attributes static uint32 and_##suffix(const uint8 *a, const uint8 *b, uint8 *out) { return and_body(a, b, out); } \
attributes static uint32 or_##suffix(const uint8 *a, const uint8 *b, uint8 *out) { return or_body(a, b, out); } \
attributes static uint32 andnot_##suffix(const uint8 *a, const uint8 *b, uint8 *out) { return andnot_body(a, b, out); } \
attributes static uint32 xor_##suffix(const uint8 *a, const uint8 *b, uint8 *out) { return xor_body(a, b, out); } \
attributes static void merge_##suffix(uint8 *a, const uint8 *b) { merge_body(a, b); } \
attributes static uint32 runs_##suffix(const uint8 *a, uint32 limit) { return runs_body(a, limit); } \
attributes static uint32 neighbours_##suffix(const uint8 *values, uint32 n) { return neighbours_body(values, n); } \
static const CdBits bits_##suffix = { \
	count_##suffix, count_common_##suffix, count_common_4_##suffix, \
	{and_##suffix, or_##suffix, andnot_##suffix, xor_##suffix}, \
	merge_##suffix, runs_##suffix, neighbours_##suffix, positions_of, between_of, common_##arrays, less_##arrays, join_##arrays \
}

#ifdef BY_LEVEL
#define BASE	__attribute__((target("popcnt,sse4.2")))
#define AVX2	__attribute__((target("popcnt,sse4.2,avx,avx2,bmi,bmi2,lzcnt")))
#define AVX512	__attribute__((target("popcnt,sse4.2,avx,avx2,bmi,bmi2,lzcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx512vbmi2,prefer-vector-width=512")))
#endif

static uint32
positions_plain(const uint8 *a, uint16 *out, uint32 most)
{
	return positions_body(a, out, most);
}

static uint32
between_plain(const uint8 *values, const uint8 *bytes, uint32 n, uint8 low, uint8 high, uint8 *out)
{
	return between_rest(values, bytes, 0, n, low, high, out, 0);
}

LEVEL(plain, , positions_plain, between_plain, plain);

#ifdef BY_LEVEL

/* For each set of lanes to keep, where a byte shuffle finds them; filled at load. */
static uint8 lanes[256][16];

static void
fill_lanes(void)
{
	int			mask,
				lane;

	for (mask = 0; mask < 256; mask++)
	{
		int			n = 0;

		for (lane = 0; lane < 8; lane++)
			if ((mask & (1 << lane)) != 0)
			{
				lanes[mask][2 * n] = 2 * lane;
				lanes[mask][2 * n + 1] = 2 * lane + 1;
				n++;
			}
		for (; n < 8; n++)
			lanes[mask][2 * n] = lanes[mask][2 * n + 1] = 0x80;
	}
}

/* Which of eight values occur among eight others: an instruction made for text tells. */
#define OCCUR(x, among) \
	_mm_extract_epi32(_mm_cmpestrm(among, 8, x, 8, _SIDD_UWORD_OPS | _SIDD_CMP_EQUAL_ANY | _SIDD_BIT_MASK), 0)

/* The same, where none of the values is 0, which ends a text: it takes half as long */
#define OCCUR_NOT_ZERO(x, among) \
	_mm_extract_epi32(_mm_cmpistrm(among, x, _SIDD_UWORD_OPS | _SIDD_CMP_EQUAL_ANY | _SIDD_BIT_MASK), 0)

/* Write the lanes of a mask, as eight values of which only so many count */
#define KEEP(x, mask, out) \
	_mm_storeu_si128((__m128i *) (out), _mm_shuffle_epi8(x, _mm_loadu_si128((const __m128i *) lanes[mask])))

/*
 * Eight by eight: the block whose last value is less is done with.  Which one
 * that is, is guessed by the processor, right more often than not, and the
 * next blocks are under way before it is known.
 */
BASE static uint32
common_sse42(const uint8 *a, uint32 na, const uint8 *b, uint32 nb, uint8 *out)
{
	/* Only the first value can be 0; it is dealt with by itself. */
	uint32		i = load16(a) == 0,
				j = load16(b) == 0;
	uint32		n = i & j;
	uint32		end_a = i + ((na - i) & ~7),
				end_b = j + ((nb - j) & ~7);
	__m128i		x,
				y;

	if (n > 0 && out != NULL)
		store16(out, 0);
	if (i == end_a || j == end_b)
		return common_rest(a, i, na, b, j, nb, out, n);
	x = _mm_loadu_si128((const __m128i *) (a + 2 * i));
	y = _mm_loadu_si128((const __m128i *) (b + 2 * j));
	for (;;)
	{
		uint32		mask = OCCUR_NOT_ZERO(x, y);
		uint16		last_x = load16(a + 2 * i + 14),
					last_y = load16(b + 2 * j + 14);

		if (out != NULL)
			KEEP(x, mask, out + 2 * n);
		n += __builtin_popcount(mask);
		if (last_x <= last_y)
		{
			i += 8;
			if (i == end_a)
				break;
			x = _mm_loadu_si128((const __m128i *) (a + 2 * i));
		}
		if (last_y <= last_x)
		{
			j += 8;
			if (j == end_b)
				break;
			y = _mm_loadu_si128((const __m128i *) (b + 2 * j));
		}
	}
	return common_rest(a, i, na, b, j, nb, out, n);
}

BASE static uint32
less_sse42(const uint8 *a, uint32 na, const uint8 *b, uint32 nb, uint8 *out)
{
	uint32		i = 0,
				j = 0,
				n = 0,
				k;
	uint32		end_a = na & ~7,
				end_b = nb & ~7;
	uint32		gone = 0;		/* lanes of the first's block met so far */

	while (i < end_a && j < end_b)
	{
		__m128i		x = _mm_loadu_si128((const __m128i *) (a + 2 * i));
		__m128i		y = _mm_loadu_si128((const __m128i *) (b + 2 * j));
		uint16		last_x = load16(a + 2 * i + 14),
					last_y = load16(b + 2 * j + 14);

		gone |= OCCUR(x, y);
		if (last_x <= last_y)
		{
			KEEP(x, ~gone & 0xFF, out + 2 * n);
			n += 8 - __builtin_popcount(gone);
			gone = 0;
			i += 8;
		}
		j += last_y <= last_x ? 8 : 0;
	}
	/* A block of which some lanes were met already */
	for (k = 0; gone != 0 && k < 8; k++, i++)
	{
		uint16		x = load16(a + 2 * i);

		while (j < nb && load16(b + 2 * j) < x)
			j++;
		store16(out + 2 * n, x);
		n += (gone >> k & 1) == 0 && (j == nb || load16(b + 2 * j) != x);
	}
	return less_rest(a, i, na, b, j, nb, out, n);
}

/* Eight values from a place on; where there are fewer, the greatest value takes their places */
ALWAYS BASE __m128i
eight(const uint8 *values, uint32 i, uint32 n)
{
	uint16		few[8];

	if (i + 8 <= n)
		return _mm_loadu_si128((const __m128i *) (values + 2 * i));
	memset(few, 0xFF, sizeof(few));
	memcpy(few, values + 2 * i, 2 * (n - i));
	return _mm_loadu_si128((const __m128i *) few);
}

/* Bring eight values of which the first rise and the others fall into order */
ALWAYS BASE __m128i
in_order(__m128i v)
{
	__m128i		s;

	s = _mm_shuffle_epi32(v, _MM_SHUFFLE(1, 0, 3, 2));
	v = _mm_blend_epi16(_mm_min_epu16(v, s), _mm_max_epu16(v, s), 0xF0);
	s = _mm_shuffle_epi32(v, _MM_SHUFFLE(2, 3, 0, 1));
	v = _mm_blend_epi16(_mm_min_epu16(v, s), _mm_max_epu16(v, s), 0xCC);
	s = _mm_shufflehi_epi16(_mm_shufflelo_epi16(v, _MM_SHUFFLE(2, 3, 0, 1)), _MM_SHUFFLE(2, 3, 0, 1));
	return _mm_blend_epi16(_mm_min_epu16(v, s), _mm_max_epu16(v, s), 0xAA);
}

/*
 * Merge eight by eight: the least eight of sixteen are final once the next
 * block is taken from the array that goes on with the lesser value.  Of values
 * that meet their like, union keeps the later, exclusive or none.
 */
BASE static uint32
join_sse42(const uint8 *a, uint32 na, const uint8 *b, uint32 nb, bool xor, uint8 *out)
{
	const __m128i reverse = _mm_set_epi8(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
	uint32		i = 8,
				j = 8,
				n = 0;
	bool		top_a = load16(a + 2 * na - 2) == 0xFFFF,
				top_b = load16(b + 2 * nb - 2) == 0xFFFF;
	__m128i		x = eight(a, 0, na),
				y = _mm_shuffle_epi8(eight(b, 0, nb), reverse),
				before,			/* what was written last */
				waiting,		/* what is written next */
				high;

	waiting = in_order(_mm_min_epu16(x, y));
	high = in_order(_mm_max_epu16(x, y));
	/* Something unlike the first value */
	before = _mm_andnot_si128(_mm_shuffle_epi8(waiting, reverse), _mm_set1_epi16(-1));
	for (;;)
	{
		bool		end = i >= na && j >= nb;
		__m128i		low = high,
					next,
					same;
		uint32		mask;

		if (!end)
		{
			bool		from_a = j >= nb || (i < na && load16(a + 2 * i) <= load16(b + 2 * j));
			const uint8 *values = from_a ? a : b;
			uint32		at = from_a ? i : j;

			y = _mm_shuffle_epi8(eight(values, at, from_a ? na : nb), reverse);
			i += from_a ? 8 : 0;
			j += from_a ? 0 : 8;
			low = in_order(_mm_min_epu16(high, y));
			high = in_order(_mm_max_epu16(high, y));
		}
		next = _mm_alignr_epi8(low, waiting, 2);
		same = _mm_cmpeq_epi16(waiting, next);
		if (xor)
			same = _mm_or_si128(same, _mm_cmpeq_epi16(waiting, _mm_alignr_epi8(waiting, before, 14)));
		mask = ~_mm_movemask_epi8(_mm_packs_epi16(same, same)) & 0xFF;
		KEEP(waiting, mask, out + 2 * n);
		n += __builtin_popcount(mask);
		before = waiting;
		waiting = low;
		if (end)
			break;
	}
	/* The last eight: nothing follows. */
	{
		const __m128i none = _mm_andnot_si128(_mm_shuffle_epi8(waiting, reverse), _mm_set1_epi16(-1));
		__m128i		same = _mm_cmpeq_epi16(waiting, _mm_alignr_epi8(none, waiting, 2));
		uint32		mask;

		if (xor)
			same = _mm_or_si128(same, _mm_cmpeq_epi16(waiting, _mm_alignr_epi8(waiting, before, 14)));
		mask = ~_mm_movemask_epi8(_mm_packs_epi16(same, same)) & 0xFF;
		KEEP(waiting, mask, out + 2 * n);
		n += __builtin_popcount(mask);
	}
	/* The greatest value also filled up the last blocks. */
	while (n > 0 && load16(out + 2 * n - 2) == 0xFFFF)
		n--;
	if (xor ? top_a != top_b : top_a || top_b)
	{
		store16(out + 2 * n, 0xFFFF);
		n++;
	}
	return n;
}

/* Write the positions of 32 bits at a time, as whole vectors that overlap */
AVX512 static uint32
positions_avx512(const uint8 *a, uint16 *out, uint32 most)
{
	__m512i		at = _mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
									  15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
	const __m512i step = _mm512_set1_epi16(32);
	uint32		n = 0;
	uint32		i;

	for (i = 0; i < 2 * BITMAP_WORDS; i++)
	{
		uint32		w = load32(a + 4 * i);
		uint32		k = __builtin_popcount(w);

		if (n + 32 <= most)
			_mm512_storeu_si512(out + n, _mm512_maskz_compress_epi16(w, at));
		else
		{
			k = Min(k, most - n);
			_mm512_mask_storeu_epi16(out + n, (uint32) ((UINT64CONST(1) << k) - 1), _mm512_maskz_compress_epi16(w, at));
			if (n + k == most)
				return most;
		}
		n += k;
		at = _mm512_add_epi16(at, step);
	}
	return n;
}

BASE static uint32
positions_base(const uint8 *a, uint16 *out, uint32 most)
{
	return positions_body(a, out, most);
}

AVX2 static uint32
positions_avx2(const uint8 *a, uint16 *out, uint32 most)
{
	return positions_body(a, out, most);
}

/* Eight values and their bytes at a time */
BASE static uint32
between_sse42(const uint8 *values, const uint8 *bytes, uint32 n, uint8 low, uint8 high, uint8 *out)
{
	const __m128i first = _mm_set1_epi8((char) low);
	const __m128i span = _mm_set1_epi8((char) (high - low));
	uint32		kept = 0;
	uint32		i;

	for (i = 0; i + 8 <= n; i += 8)
	{
		__m128i		x = _mm_loadu_si128((const __m128i *) (values + 2 * i));
		__m128i		b = _mm_sub_epi8(_mm_loadl_epi64((const __m128i *) (bytes + i)), first);
		uint32		mask = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(b, span), b)) & 0xFF;

		KEEP(x, mask, out + 2 * kept);
		kept += __builtin_popcount(mask);
	}
	return between_rest(values, bytes, i, n, low, high, out, kept);
}

/* The same with 32 */
AVX512 static uint32
between_avx512(const uint8 *values, const uint8 *bytes, uint32 n, uint8 low, uint8 high, uint8 *out)
{
	const __m256i first = _mm256_set1_epi8((char) low);
	const __m256i span = _mm256_set1_epi8((char) (high - low));
	uint32		kept = 0;
	uint32		i;

	for (i = 0; i + 32 <= n; i += 32)
	{
		__m512i		x = _mm512_loadu_si512(values + 2 * i);
		__m256i		b = _mm256_sub_epi8(_mm256_loadu_si256((const __m256i *) (bytes + i)), first);
		uint32		mask = _mm256_cmple_epu8_mask(b, span);

		_mm512_storeu_si512(out + 2 * kept, _mm512_maskz_compress_epi16(mask, x));
		kept += __builtin_popcount(mask);
	}
	return between_rest(values, bytes, i, n, low, high, out, kept);
}

LEVEL(base, BASE, positions_base, between_sse42, sse42);
LEVEL(avx2, AVX2, positions_avx2, between_sse42, sse42);
LEVEL(avx512, AVX512, positions_avx512, between_avx512, sse42);
#endif

const CdBits *cd_bits = &bits_plain;

/* Take the loops of a level, if the processor and the operating system have what it takes */
bool
cd_bits_choose(int level)
{
	if (level == 0)
	{
		cd_bits = &bits_plain;
		return true;
	}
#ifdef BY_LEVEL
	__builtin_cpu_init();
	fill_lanes();
	if (level == 1 && __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"))
	{
		cd_bits = &bits_base;
		return true;
	}
	if (level == 2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt"))
	{
		cd_bits = &bits_avx2;
		return true;
	}
	if (level == 3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
		__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vpopcntdq") &&
		__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("bmi2"))
	{
		cd_bits = &bits_avx512;
		return true;
	}
#endif
	return false;
}

void
cd_bits_init(void)
{
	int			level = CD_BITS_LEVELS - 1;

	while (!cd_bits_choose(level))
		level--;
}
