/*
 * block.c
 *		Loops over the 64 values of a block of customers.
 *
 * A comparison of each value becomes a bit.  Compilers make of that one bit
 * after the other, so it is written for AVX2 and AVX-512 by hand; which one
 * runs is decided when the module is loaded.
 */
#include "postgres.h"

#include "segment/block.h"

#include "datatype/timestamp.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define BY_LEVEL
#include <immintrin.h>
#endif

static uint64
set_plain(const bool *flags)
{
	uint64		bits = 0;
	int			i;

	for (i = 0; i < CD_BLOCK; i++)
		bits = bits >> 1 | (uint64) flags[i] << (CD_BLOCK - 1);
	return bits;
}

static uint64
less_plain(const double *values, double number, bool equal)
{
	uint64		bits = 0;
	int			i;

	for (i = 0; i < CD_BLOCK; i++)
		bits = bits >> 1 | (uint64) (values[i] < number || (equal && values[i] == number)) << (CD_BLOCK - 1);
	return bits;
}

static uint64
differ_plain(const int64 *values, int64 one)
{
	uint64		bits = 0;
	int			i;

	for (i = 0; i < CD_BLOCK; i++)
		bits = bits >> 1 | (uint64) (values[i] != one) << (CD_BLOCK - 1);
	return bits;
}

static uint64
within_plain(const int64 *values, int64 least, uint64 width)
{
	uint64		bits = 0;
	int			i;

	for (i = 0; i < CD_BLOCK; i++)
		bits = bits >> 1 | (uint64) ((uint64) values[i] - (uint64) least <= width) << (CD_BLOCK - 1);
	return bits;
}

static uint64
above_plain(const int64 *values, uint64 rows, int64 later, int64 cut, int64 length, int64 limit, int64 *until, uint64 *beyond)
{
	uint64		bits = 0;
	uint64		far = 0;
	int			i;

	for (i = 0; i < CD_BLOCK; i++)
	{
		int64		value = (int64) ((uint64) values[i] + (uint64) later);
		bool		above = value > cut;

		if ((rows >> i & 1) != 0)
			until[i] = above ? (int64) ((uint64) value + (uint64) length) : DT_NOEND;
		bits = bits >> 1 | (uint64) above << (CD_BLOCK - 1);
		far = far >> 1 | (uint64) (values[i] >= limit) << (CD_BLOCK - 1);
	}
	*beyond = far & rows;
	return bits & rows;
}

static const CdBlockLoops block_plain = {set_plain, less_plain, differ_plain, within_plain, above_plain};

#ifdef BY_LEVEL
#define AVX2	__attribute__((target("avx,avx2")))
#define AVX512	__attribute__((target("avx512f,avx512dq")))

/* The top bits of four lanes, at their place among 64. */
#define BITS4(lanes, i) \
	((uint64) (uint32) _mm256_movemask_pd(_mm256_castsi256_pd(lanes)) << (i))

AVX2 static uint64
set_avx2(const bool *flags)
{
	__m256i		none = _mm256_setzero_si256();
	uint32		low = _mm256_movemask_epi8(_mm256_cmpgt_epi8(_mm256_loadu_si256((const __m256i *) flags), none));
	uint32		high = _mm256_movemask_epi8(_mm256_cmpgt_epi8(_mm256_loadu_si256((const __m256i *) (flags + 32)), none));

	return (uint64) high << 32 | low;
}

AVX2 static uint64
less_avx2(const double *values, double number, bool equal)
{
	__m256d		x = _mm256_set1_pd(number);
	uint64		bits = 0;
	int			i;

	for (i = 0; i < CD_BLOCK; i += 4)
	{
		__m256d		value = _mm256_loadu_pd(values + i);
		__m256d		less = equal ? _mm256_cmp_pd(value, x, _CMP_LE_OQ) : _mm256_cmp_pd(value, x, _CMP_LT_OQ);

		bits |= (uint64) (uint32) _mm256_movemask_pd(less) << i;
	}
	return bits;
}

AVX2 static uint64
differ_avx2(const int64 *values, int64 one)
{
	__m256i		x = _mm256_set1_epi64x(one);
	uint64		bits = 0;
	int			i;

	for (i = 0; i < CD_BLOCK; i += 4)
		bits |= BITS4(_mm256_cmpeq_epi64(_mm256_loadu_si256((const __m256i *) (values + i)), x), i);
	return ~bits;
}

/* There is no comparison of unsigned numbers: both sides are moved down by half of all. */
AVX2 static uint64
within_avx2(const int64 *values, int64 least, uint64 width)
{
	__m256i		low = _mm256_set1_epi64x((int64) ((uint64) least - (UINT64CONST(1) << 63)));
	__m256i		most = _mm256_set1_epi64x((int64) (width + (UINT64CONST(1) << 63)));
	uint64		bits = 0;
	int			i;

	for (i = 0; i < CD_BLOCK; i += 4)
		bits |= BITS4(_mm256_cmpgt_epi64(_mm256_sub_epi64(_mm256_loadu_si256((const __m256i *) (values + i)), low), most), i);
	return ~bits;
}

AVX2 static uint64
above_avx2(const int64 *values, uint64 rows, int64 later, int64 cut, int64 length, int64 limit, int64 *until, uint64 *beyond)
{
	__m256i		l = _mm256_set1_epi64x(later);
	__m256i		c = _mm256_set1_epi64x(cut);
	__m256i		s = _mm256_set1_epi64x(length);
	__m256i		end = _mm256_set1_epi64x(limit);
	__m256i		ever = _mm256_set1_epi64x(DT_NOEND);
	__m256i		lane = _mm256_set_epi64x(8, 4, 2, 1);
	uint64		bits = 0;
	uint64		near = 0;
	int			i;

	for (i = 0; i < CD_BLOCK; i += 4)
	{
		__m256i		x = _mm256_loadu_si256((const __m256i *) (values + i));
		__m256i		value = _mm256_add_epi64(x, l);
		__m256i		above = _mm256_cmpgt_epi64(value, c);
		__m256i		meant = _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x((int64) (rows >> i)), lane), lane);

		_mm256_maskstore_epi64((long long *) (until + i), meant, _mm256_blendv_epi8(ever, _mm256_add_epi64(value, s), above));
		bits |= BITS4(above, i);
		near |= BITS4(_mm256_cmpgt_epi64(end, x), i);
	}
	*beyond = ~near & rows;
	return bits & rows;
}

AVX512 static uint64
less_avx512(const double *values, double number, bool equal)
{
	__m512d		x = _mm512_set1_pd(number);
	uint64		bits = 0;
	int			i;

	for (i = 0; i < CD_BLOCK; i += 8)
	{
		__m512d		value = _mm512_loadu_pd(values + i);

		bits |= (uint64) (equal ? _mm512_cmp_pd_mask(value, x, _CMP_LE_OQ) : _mm512_cmp_pd_mask(value, x, _CMP_LT_OQ)) << i;
	}
	return bits;
}

AVX512 static uint64
differ_avx512(const int64 *values, int64 one)
{
	__m512i		x = _mm512_set1_epi64(one);
	uint64		bits = 0;
	int			i;

	for (i = 0; i < CD_BLOCK; i += 8)
		bits |= (uint64) _mm512_cmpneq_epi64_mask(_mm512_loadu_si512(values + i), x) << i;
	return bits;
}

AVX512 static uint64
within_avx512(const int64 *values, int64 least, uint64 width)
{
	__m512i		low = _mm512_set1_epi64(least);
	__m512i		most = _mm512_set1_epi64((int64) width);
	uint64		bits = 0;
	int			i;

	for (i = 0; i < CD_BLOCK; i += 8)
		bits |= (uint64) _mm512_cmple_epu64_mask(_mm512_sub_epi64(_mm512_loadu_si512(values + i), low), most) << i;
	return bits;
}

AVX512 static uint64
above_avx512(const int64 *values, uint64 rows, int64 later, int64 cut, int64 length, int64 limit, int64 *until, uint64 *beyond)
{
	__m512i		l = _mm512_set1_epi64(later);
	__m512i		c = _mm512_set1_epi64(cut);
	__m512i		s = _mm512_set1_epi64(length);
	__m512i		end = _mm512_set1_epi64(limit);
	__m512i		ever = _mm512_set1_epi64(DT_NOEND);
	uint64		bits = 0;
	uint64		far = 0;
	int			i;

	for (i = 0; i < CD_BLOCK; i += 8)
	{
		__m512i		x = _mm512_loadu_si512(values + i);
		__m512i		value = _mm512_add_epi64(x, l);
		__mmask8	above = _mm512_cmpgt_epi64_mask(value, c);

		_mm512_mask_storeu_epi64(until + i, (__mmask8) (rows >> i), _mm512_mask_add_epi64(ever, above, value, s));
		bits |= (uint64) above << i;
		far |= (uint64) _mm512_cmpge_epi64_mask(x, end) << i;
	}
	*beyond = far & rows;
	return bits & rows;
}

static const CdBlockLoops block_avx2 = {set_avx2, less_avx2, differ_avx2, within_avx2, above_avx2};
static const CdBlockLoops block_avx512 = {set_avx2, less_avx512, differ_avx512, within_avx512, above_avx512};
#endif

const CdBlockLoops *cd_block = &block_plain;

/* Take the loops of a level, if the processor and the operating system have what it takes. */
bool
cd_block_choose(int level)
{
	if (level == 0)
	{
		cd_block = &block_plain;
		return true;
	}
#ifdef BY_LEVEL
	__builtin_cpu_init();
	if (level == 1 && __builtin_cpu_supports("avx2"))
	{
		cd_block = &block_avx2;
		return true;
	}
	if (level == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
	{
		cd_block = &block_avx512;
		return true;
	}
#endif
	return false;
}

void
cd_block_init(void)
{
	int			level = CD_BLOCK_LEVELS - 1;

	while (!cd_block_choose(level))
		level--;
}
