/*
 * compare.h
 *		Comparing strings by code points: distances and similarities.
 *
 * Every function takes decoded strings: arrays of code points, as uint32 or,
 * with suffix 8, as uint8 when every code point is below 256 (so ASCII bytes
 * can be passed as they are).  Buffers are static to the process and reused:
 * nothing is allocated per call once they have grown to the longest input.
 * Not for threads; parallel workers are processes.
 *
 * A distance takes max: when the distance is above it the answer is max + 1
 * and work stops early; CD_NO_MAX asks for the exact distance.  Every function
 * is symmetric in its two strings.  Two empty strings: similarity 1,
 * distance 0.
 */
#ifndef CD_TEXT_COMPARE_H
#define CD_TEXT_COMPARE_H

#include "customer_data.h"

#define CD_NO_MAX	PG_INT32_MAX

/* Decode valid UTF-8 into out, which has room for one entry per byte; answer the count. */
extern int	cd_utf8_decode(const char *s, int bytes, uint32 *out);

/* True if no byte is above 127: then the bytes are their own code points. */
extern bool cd_is_ascii(const char *s, int bytes);

extern int	cd_levenshtein(const uint32 *a, int la, const uint32 *b, int lb, int max);
extern int	cd_levenshtein8(const uint8 *a, int la, const uint8 *b, int lb, int max);

/* Optimal string alignment: Levenshtein with swaps of neighbours, no piece edited twice. */
extern int	cd_osa(const uint32 *a, int la, const uint32 *b, int lb, int max);
extern int	cd_osa8(const uint8 *a, int la, const uint8 *b, int lb, int max);

/* Unrestricted Damerau-Levenshtein. */
extern int	cd_damerau(const uint32 *a, int la, const uint32 *b, int lb, int max);
extern int	cd_damerau8(const uint8 *a, int la, const uint8 *b, int lb, int max);

extern double cd_jaro(const uint32 *a, int la, const uint32 *b, int lb);
extern double cd_jaro8(const uint8 *a, int la, const uint8 *b, int lb);

/* Jaro plus 0.1 for each of up to four equal first code points, where Jaro > 0.7. */
extern double cd_jaro_winkler(const uint32 *a, int la, const uint32 *b, int lb);
extern double cd_jaro_winkler8(const uint8 *a, int la, const uint8 *b, int lb);

/* How n-gram and token bags are compared. */
typedef enum CdOverlap
{
	CD_OVERLAP_BAG_DICE,		/* 2 |A ∩ B| / (|A| + |B|), repeated grams counted */
	CD_OVERLAP_DICE,			/* the same on sets */
	CD_OVERLAP_JACCARD,			/* |A ∩ B| / |A ∪ B| on sets */
	CD_OVERLAP_COSINE			/* Σ a·b / √(Σ a² · Σ b²) on counts */
} CdOverlap;

/* Overlap of the n-grams of two strings; one shorter than n is one gram. */
extern double cd_ngram_overlap(const uint32 *a, int la, const uint32 *b, int lb, int n,
							   CdOverlap how);

/* Overlap of the tokens of two strings, parted at white space. */
extern double cd_token_overlap(const uint32 *a, int la, const uint32 *b, int lb, CdOverlap how);

#endif							/* CD_TEXT_COMPARE_H */
