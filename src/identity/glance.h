/*
 * glance.h
 *		What tells two values apart without reading them.
 */
#ifndef CD_GLANCE_H
#define CD_GLANCE_H

#include "identity/engine.h"

/* Count the bits of two words at once, without a call. */
static inline void
count_both(uint32 a, uint32 b, int *in_a, int *in_b)
{
	uint64		v = (uint64) a << 32 | b;

	v -= (v >> 1) & UINT64CONST(0x5555555555555555);
	v = (v & UINT64CONST(0x3333333333333333)) + ((v >> 2) & UINT64CONST(0x3333333333333333));
	v = (v + (v >> 4)) & UINT64CONST(0x0F0F0F0F0F0F0F0F);
	v += v >> 8;
	v += v >> 16;
	*in_a = (int) (v >> 32) & 63;
	*in_b = (int) v & 63;
}

/*
 * Are two tokens surely different?  By their letters and lengths alone too
 * many edits are needed, too few letters can match, and they do not sound
 * alike: the likeness of the two would be the same, found sooner.
 */
static inline bool
cd_differ_at_a_glance(const CdGlance *x, const CdGlance *y)
{
	int			missing_x;
	int			missing_y;
	int			shorter = Min(x->chars, y->chars);
	int			edits;
	int			most;
	int			start;
	static const float least_shares[] = {
#define LEAST_SHARES(start)	(3.0f * (0.839f - 0.1f * (start)) / (1.0f - 0.1f * (start)) - 1.0f)
		LEAST_SHARES(0), LEAST_SHARES(1), LEAST_SHARES(2), LEAST_SHARES(3), LEAST_SHARES(4)
#undef LEAST_SHARES
	};

	if (!(x->face & y->face & CD_FACE_LATIN) || (x->face & y->face & CD_FACE_GIVEN) || shorter < 2 ||
		(x->sound == y->sound && x->sound != 0))
		return false;
	count_both(x->letters & ~y->letters, y->letters & ~x->letters, &missing_x, &missing_y);
	edits = Max(Max(missing_x, missing_y), Max(x->chars, y->chars) - shorter);
	if (edits < (shorter >= 5 ? 3 : 2))
		return false;
	most = Min(x->chars - missing_x, y->chars - missing_y);
	if (most <= 0)
		return true;
	/*
	 * Jaro's measure with so many matches in order, and Winkler's for the start,
	 * would reach 0.839 where the shares of both that match add up to this.
	 */
	start = (x->face ^ y->face) >> CD_FACE_FIRST ? 0 : Min(most, 4);
	return (float) (most * (x->chars + y->chars)) < least_shares[start] * (float) (x->chars * y->chars);
}

/* May one of two tokens of companies' names, by their letters and lengths, be short for the other? */
static inline bool
cd_may_abbreviate(const CdGlance *x, const CdGlance *y)
{
	if (x->chars > y->chars)
	{
		const CdGlance *swap = x;

		x = y;
		y = swap;
	}
	return x->chars >= 3 && y->chars >= 6 && y->chars >= x->chars + 2 && (x->letters & ~y->letters) == 0 &&
		(x->face & y->face & CD_FACE_LATIN) && (x->face ^ y->face) >> CD_FACE_FIRST == 0;
}

/* A glance but for the letters, as a form holds it. */
static inline uint32
cd_pack_glance(const CdGlance *glance)
{
	return (uint32) glance->sound << 16 | (uint32) glance->chars << 8 | glance->face;
}

static inline CdGlance
cd_unpack_glance(const uint32 *word)
{
	return (CdGlance) {.letters = word[0], .sound = (uint16) (word[1] >> 16), .chars = (uint8) (word[1] >> 8), .face = (uint8) word[1]};
}

/* Do two codes, as forms hold them, differ by more than a letter? */
static inline bool
cd_codes_apart(uint32 a, uint32 b)
{
	int			len_a = a >> 26;
	int			len_b = b >> 26;

	if (a == 0 || b == 0)
		return false;
	if (len_a != len_b)
		return len_a > len_b + 1 || len_b > len_a + 1;
	return ((a ^ b) & 0x3FFE000) != 0 && ((a ^ b) & 0x1FFF) != 0;
}

#endif							/* CD_GLANCE_H */
