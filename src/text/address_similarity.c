/*
 * address_similarity.c
 *		How alike two postal addresses are: numbers must agree, names may be
 *		spelled alike, what only one has counts little.
 */
#include "postgres.h"

#include "text/similarity.h"

#include "text/bag.h"
#include "text/compare.h"
#include "text/standard.h"

/* Words that say what kind of thing the next or last word is. */
static const char *const minor_words[] = {"apt", "ave", "blvd", "calle", "cir", "corso", "cres", "ct", "de", "del", "der", "des",
	"di", "dr", "du", "e", "fl", "hwy", "la", "le", "les", "ln", "lot", "lvl", "n", "ne", "no", "nw", "of", "piazza", "pl", "plaza", "pkwy",
	"rd", "rm", "rua", "rue", "s", "se", "sq", "st", "ste", "strasse", "sw", "ter", "the", "unit", "via", "w", "wy", "a"};

enum
{
	KIND_WORD,
	KIND_NUMBER
};

static bool
is_digit(uint32 c)
{
	return c >= '0' && c <= '9';
}

/* Value of the digits a word begins with; at most nine of them. */
static int
leading_number(const CdBagWord *w)
{
	int			value = 0;
	int			i;

	for (i = 0; i < w->len && i < 9 && is_digit(w->cp[i]); i++)
		value = value * 10 + (w->cp[i] - '0');
	return value;
}

/* Numbers: 12 and 12a, 12 and 12-14 are near; everything else is another house. */
static double
address_measure(const CdBagWord *a, const CdBagWord *b)
{
	if (a->kind == KIND_WORD)
		return cd_bag_spelling(a, b);
	if (a->len == b->len && memcmp(a->cp, b->cp, sizeof(uint32) * a->len) == 0)
		return 1.0;
	return leading_number(a) == leading_number(b) ? 0.75 : 0.0;
}

/* The words of a normal address; the first number counts most. */
static int
address_words_of(CdBag *bag, const CdText *t)
{
	int			from = 0;
	int			first_number = -1;
	int			i;

	bag->count = 0;
	for (i = 0; i <= t->len; i++)
	{
		const uint32 *cp = t->cp + from;
		int			len = i - from;

		if (i < t->len && t->cp[i] != ' ')
			continue;
		if (len > 0 && is_digit(cp[0]))
		{
			bool		ordinal = len > 2 && !is_digit(cp[len - 1]) && !is_digit(cp[len - 2]);

			if (first_number < 0 && !ordinal)
				first_number = bag->count;
			cd_bag_add(bag, cp, len, ordinal ? 1.0 : first_number == bag->count ? 1.5 : 0.8,
					   ordinal ? KIND_WORD : KIND_NUMBER);
		}
		else if (len > 0)
		{
			bool		minor = len == 1;
			int			k;

			for (k = 0; k < (int) lengthof(minor_words) && !minor; k++)
				minor = cd_equals_ascii(cp, len, minor_words[k]);
			cd_bag_add(bag, cp, len, minor ? 0.3 : 1.0, KIND_WORD);
		}
		from = i + 1;
	}
	return first_number < bag->count ? first_number : -1;
}

/* What closes a part of a Chinese or Japanese address, and how much the part says. */
static const struct
{
	uint32		end;
	double		weight;
	bool		number;
}			parts[] =
{
	{0x7701, 0.3, false},		/* 省 */
	{0x5E02, 0.6, false},		/* 市 */
	{0x533A, 0.6, false},		/* 区 */
	{0x53BF, 0.6, false},		/* 县 */
	{0x9547, 0.6, false},		/* 镇 */
	{0x4E61, 0.6, false},		/* 乡 */
	{0x6751, 0.8, false},		/* 村 */
	{0x8DEF, 1.3, false},		/* 路 */
	{0x8857, 1.3, false},		/* 街 */
	{0x9053, 1.3, false},		/* 道 */
	{0x5DF7, 1.0, false},		/* 巷 */
	{0x5F04, 1.0, true},		/* 弄 */
	{0x6BB5, 0.7, true},		/* 段 */
	{0x53F7, 1.5, true},		/* 号 */
	{0x680B, 0.8, true},		/* 栋 */
	{0x5E62, 0.8, true},		/* 幢 */
	{0x5EA7, 0.8, true},		/* 座 */
	{0x697C, 0.8, true},		/* 楼 */
	{0x5C42, 0.5, true},		/* 层 */
	{0x5143, 0.5, true},		/* 元, of 单元 */
	{0x5BA4, 1.2, true},		/* 室 */
	{0x6237, 1.0, true},		/* 户 */
};

#define KIND_REST	((int) lengthof(parts))

/* Part of an address: equal, one inside the other, or nearly spelled. */
static double
part_measure(const CdBagWord *a, const CdBagWord *b)
{
	const CdBagWord *l = a->len >= b->len ? a : b;
	const CdBagWord *s = a->len >= b->len ? b : a;
	int			i;

	if (a->len == b->len && memcmp(a->cp, b->cp, sizeof(uint32) * a->len) == 0)
		return 1.0;
	if (a->kind < KIND_REST && parts[a->kind].number)
		return 0.0;
	for (i = 0; s->len >= 2 && i + s->len <= l->len; i++)
		if (memcmp(l->cp + i, s->cp, sizeof(uint32) * s->len) == 0)
			return 0.9;
	if (l->len >= 3)
	{
		double		sim = 1.0 - (double) cd_osa(a->cp, a->len, b->cp, b->len, CD_NO_MAX) / l->len;

		return sim >= 0.6 ? sim * 0.9 : 0.0;
	}
	return 0.0;
}

/* Cut an address without spaces at the characters that close its parts. */
static void
cjk_parts(CdBag *bag, const CdText *t)
{
	int			from = 0;
	int			i;

	bag->count = 0;
	for (i = 0; i < t->len; i++)
	{
		int			k;

		if (t->cp[i] == ' ')
		{
			cd_bag_add(bag, t->cp + from, i - from, 1.0, is_digit(t->cp[from]) ? 8 : KIND_REST);
			from = i + 1;
			continue;
		}
		for (k = 0; k < (int) lengthof(parts); k++)
		{
			int			len = i - from;

			if (t->cp[i] != parts[k].end || len < 1)
				continue;
			/* 街道 and 新区 are one ending; a number part begins with its number */
			if (i + 1 < t->len && t->cp[i] == 0x8857 && t->cp[i + 1] == 0x9053)
				break;
			if (parts[k].number && !is_digit(t->cp[i - 1]) && !(t->cp[i - 1] < 128) && parts[k].end != 0x5143)
				break;
			if (parts[k].number)
			{
				int			start = i;

				/* what stands before the number is a name of its own */
				while (start > from && (t->cp[start - 1] < 128 || (parts[k].end == 0x5143 && t->cp[start - 1] == 0x5355)))
					start--;
				if (start > from)
					cd_bag_add(bag, t->cp + from, start - from, 1.0, KIND_REST);
				from = start;
				len = i - from - (parts[k].end == 0x5143 && i > from && t->cp[i - 1] == 0x5355);
			}
			cd_bag_add(bag, t->cp + from, len, parts[k].weight,
					   parts[k].end == 0x5E02 || parts[k].end == 0x7701 ? 0 : parts[k].end == 0x8857 || parts[k].end == 0x9053 ? 7 : k);
			from = i + 1;
			break;
		}
	}
	if (from < t->len)
		cd_bag_add(bag, t->cp + from, t->len - from, 1.0,
				   is_digit(t->cp[from]) ? 13 : KIND_REST);
}

double
cd_address_similarity(const char *a, int la, const char *b, int lb)
{
	char	   *na = cd_normalize_address(a, la);
	char	   *nb = cd_normalize_address(b, lb);
	CdText		x;
	CdText		y;
	CdBag		bx;
	CdBag		by;
	int			ha;
	int			hb;
	int			i;
	bool		han_a = false;
	bool		han_b = false;
	double		sim;

	if (strcmp(na, nb) == 0)
		return 1.0;
	cd_text_decode(&x, na, strlen(na));
	cd_text_decode(&y, nb, strlen(nb));
	for (i = 0; i < x.len; i++)
		han_a = han_a || cd_is_han(x.cp[i]);
	for (i = 0; i < y.len; i++)
		han_b = han_b || cd_is_han(y.cp[i]);
	if (han_a && han_b)
	{
		cjk_parts(&bx, &x);
		cjk_parts(&by, &y);
		return cd_bag_compare(&bx, &by, part_measure, 0.2);
	}
	if (cd_is_foreign(&x) != cd_is_foreign(&y))
	{
		/* one of them in Latin letters: compare the readings */
		bool		first = cd_is_foreign(&x);
		char	   *read = first ? na : nb;
		int			n;

		read = cd_romanize(read, strlen(read), &n);
		read = cd_normalize_address(read, n);
		cd_text_decode(first ? &x : &y, read, strlen(read));
	}
	ha = address_words_of(&bx, &x);
	hb = address_words_of(&by, &y);
	sim = cd_bag_compare(&bx, &by, address_measure, 0.3);
	/* two houses in one street are not nearly the same address */
	if (ha >= 0 && hb >= 0)
	{
		bool		met = false;

		for (i = 0; i < by.count; i++)
			met = met || (by.word[i].kind == KIND_NUMBER && address_measure(&bx.word[ha], &by.word[i]) > 0);
		for (i = 0; i < bx.count && !met; i++)
			met = bx.word[i].kind == KIND_NUMBER && address_measure(&bx.word[i], &by.word[hb]) > 0;
		if (!met)
			sim *= 0.7;
	}
	return sim;
}
