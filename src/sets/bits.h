/*
 * bits.h
 *		Loops over bitmaps of 65536 bits, with the processor's best instructions.
 */
#ifndef CD_SETS_BITS_H
#define CD_SETS_BITS_H

#include "postgres.h"

#define BITMAP_BYTES	8192
#define BITMAP_WORDS	1024
#define ARRAY_MAX		4096	/* more ids than that and a container is no array */

/* What is asked of two sets, also as an index of CdBits.combine. */
typedef enum CdSetOperation
{
	CD_AND,
	CD_OR,
	CD_ANDNOT,
	CD_XOR
} CdSetOperation;

/* One implementation of each loop; bitmaps need not be aligned. */
typedef struct CdBits
{
	/* Bits that are set in so many words */
	uint32		(*count) (const uint8 *a, uint32 words);
	/* Bits that two have in common */
	uint32		(*count_common) (const uint8 *a, const uint8 *b, uint32 words);
	/* Bits that one has in common with each of four */
	void		(*count_common_4) (const uint8 *a, const uint8 *const b[4], uint32 words, uint32 counts[4]);
	/* out = a op b for a whole bitmap; answers the number of bits set in it */
	uint32		(*combine[4]) (const uint8 *a, const uint8 *b, uint8 *out);
	/* a |= b for a whole bitmap */
	void		(*merge) (uint8 *a, const uint8 *b);
	/* Runs of bits in a whole bitmap; stops counting some way beyond a limit */
	uint32		(*runs) (const uint8 *a, uint32 limit);
	/* Values of a sorted array, of at most ARRAY_MAX, that follow their predecessor without a gap */
	uint32		(*neighbours) (const uint8 *values, uint32 n);
	/* Positions of the bits set in a whole bitmap, at most so many */
	uint32		(*positions) (const uint8 *a, uint16 *out, uint32 most);

	/*
	 * Of some values those whose byte, one for each, lies between two, these
	 * included.  Out has room for all and 32 more; it may be where they lie.
	 */
	uint32		(*between) (const uint8 *values, const uint8 *bytes, uint32 n, uint8 low, uint8 high, uint8 *out);

	/*
	 * Sorted arrays without doubles, of which none is empty: what both hold
	 * (into out unless it is NULL), what the first holds and the second does
	 * not, what either holds or only one.  Out has room for both and 24 more.
	 */
	uint32		(*common) (const uint8 *a, uint32 na, const uint8 *b, uint32 nb, uint8 *out);
	uint32		(*less) (const uint8 *a, uint32 na, const uint8 *b, uint32 nb, uint8 *out);
	uint32		(*join) (const uint8 *a, uint32 na, const uint8 *b, uint32 nb, bool xor, uint8 *out);
} CdBits;

/* The implementation in use; cd_bits_init takes the best there is for this processor. */
extern const CdBits *cd_bits;
extern void cd_bits_init(void);

#define CD_BITS_LEVELS	4
extern bool cd_bits_choose(int level);

static inline uint16
load16(const uint8 *p)
{
	uint16		v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32
load32(const uint8 *p)
{
	uint32		v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64
load64(const uint8 *p)
{
	uint64		v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void
store16(uint8 *p, uint16 v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void
store32(uint8 *p, uint32 v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void
store64(uint8 *p, uint64 v)
{
	memcpy(p, &v, sizeof(v));
}

#endif							/* CD_SETS_BITS_H */
