/*
 * bag.h
 *		Pairing the weighted words of two texts.
 */
#ifndef CD_TEXT_BAG_H
#define CD_TEXT_BAG_H

#include "customer_data.h"

#define CD_BAG_WORDS	24

typedef struct CdBagWord
{
	const uint32 *cp;
	int			len;
	float		weight;
	int			kind;			/* words of unlike kinds are never paired */
} CdBagWord;

typedef struct CdBag
{
	CdBagWord	word[CD_BAG_WORDS];
	int			count;
} CdBag;

/* How alike two words of one kind are, 0 to 1. */
typedef double (*CdBagMeasure) (const CdBagWord *a, const CdBagWord *b);

extern void cd_bag_add(CdBag *bag, const uint32 *cp, int len, double weight, int kind);

/*
 * Pair each word with the one it is most like.  What both have unpaired counts
 * in full, what only one has counts extra times its weight.
 */
extern double cd_bag_compare(const CdBag *a, const CdBag *b, CdBagMeasure measure, double extra);

/* Near spellings of words, numbers only if equal. */
extern double cd_bag_spelling(const CdBagWord *a, const CdBagWord *b);

#endif							/* CD_TEXT_BAG_H */
