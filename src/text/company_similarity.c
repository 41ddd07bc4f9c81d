/*
 * company_similarity.c
 *		How alike two company names are: the brand first, then trade, place and
 *		legal form.
 */
#include "postgres.h"

#include "text/similarity.h"

#include "text/bag.h"
#include "text/company.h"
#include "text/compare.h"
#include "text/standard.h"

/* A short word of ASCII letters as such; answers its length, 0 if it is another. */
static int
ascii_word(const uint32 *cp, int len, char *out, int max)
{
	int			i;

	for (i = 0; i < len && i < max && cp[i] < 128; i++)
		out[i] = (char) cp[i];
	return i == len ? len : 0;
}

/* The words of a text parted by spaces, abbreviations written out. */
static void
add_words(CdBag *bag, const CdText *t, double weight)
{
	int			from = 0;
	int			i;

	for (i = 0; i <= t->len; i++)
	{
		const uint32 *cp = t->cp + from;
		int			len = i - from;
		bool		trade;
		bool		small;
		char		word[24];
		const char *full;

		if (i < t->len && t->cp[i] != ' ')
			continue;
		trade = len > 0 && cd_is_trade_word(cp, len);
		small = cd_equals_ascii(cp, len, "of") || cd_equals_ascii(cp, len, "the") || cd_equals_ascii(cp, len, "de") ||
			cd_equals_ascii(cp, len, "for") || cd_equals_ascii(cp, len, "la") || cd_equals_ascii(cp, len, "del");
		full = cd_company_word(word, ascii_word(cp, len, word, sizeof(word)));
		if (full != NULL)
		{
			CdText		whole;

			cd_text_init(&whole, 24);
			cd_text_add_ascii(&whole, full);
			cp = whole.cp;
			len = whole.len;
		}
		cd_bag_add(bag, cp, len, small ? 0.1 : trade ? Min(weight, 0.5) : weight, 0);
		from = i + 1;
	}
}

/* A text without its spaces. */
static int
unspaced(const CdText *t, uint32 *out)
{
	int			n = 0;
	int			i;

	for (i = 0; i < t->len; i++)
		if (t->cp[i] != ' ')
			out[n++] = t->cp[i];
	return n;
}

/* Is a short word made of the first letters of the other's words? */
static bool
is_acronym(const CdText *word, const CdText *words)
{
	int			n = 0;
	int			i;

	if (word->len < 2 || word->len > 8)
		return false;
	for (i = 0; i < words->len; i++)
	{
		if (words->cp[i] == ' ' || (i > 0 && words->cp[i - 1] != ' '))
			continue;
		if (n >= word->len || words->cp[i] != word->cp[n])
			return false;
		n++;
	}
	return n == word->len;
}

/* Latin (or any spaced) names: brand words count in full, trade words little. */
static double
compare_spaced(const CdCompany *a, const CdCompany *b)
{
	CdBag		x = {.count = 0};
	CdBag		y = {.count = 0};
	uint32	   *ua = palloc(sizeof(uint32) * Max(a->key.len, 1));
	uint32	   *ub = palloc(sizeof(uint32) * Max(b->key.len, 1));
	int			na = unspaced(&a->key, ua);
	int			nb = unspaced(&b->key, ub);
	double		sim;
	double		joined;

	if (na == nb && na > 0 && memcmp(ua, ub, sizeof(uint32) * na) == 0)
		return 1.0;
	add_words(&x, &a->brand, 1.0);
	add_words(&x, &a->trade, 0.35);
	add_words(&y, &b->brand, 1.0);
	add_words(&y, &b->trade, 0.35);
	sim = cd_bag_compare(&x, &y, cd_bag_spelling, 0.45);
	joined = Min(na, nb) >= 5 ? cd_jaro_winkler(ua, na, ub, nb) : 0.0;
	if (joined >= 0.93)
		sim = Max(sim, joined * 0.98);
	if (is_acronym(&a->brand, &b->key) || is_acronym(&b->brand, &a->key))
		sim = Max(sim, 0.85);
	return sim;
}

/* Names in Han, kana or Hangul, part by part. */
static double
compare_cjk(const CdCompany *a, const CdCompany *b)
{
	int			longer = Max(a->brand.len, b->brand.len);
	int			shorter = Min(a->brand.len, b->brand.len);
	double		brand;
	double		trade;
	double		sim;

	if (a->key.len == b->key.len && memcmp(a->key.cp, b->key.cp, sizeof(uint32) * a->key.len) == 0)
		return 1.0;
	if (longer == shorter && memcmp(a->brand.cp, b->brand.cp, sizeof(uint32) * longer) == 0)
		brand = 1.0;
	else
	{
		int			d = cd_osa(a->brand.cp, a->brand.len, b->brand.cp, b->brand.len, CD_NO_MAX);

		brand = longer == 0 ? 0.0 : 1.0 - (double) d / longer;
		/* of two characters one differs: another brand; a part of the other: maybe the same */
		brand = longer <= 2 ? brand * 0.5 : brand * 0.9;
		if (shorter >= 2 && (memcmp(a->brand.cp, b->brand.cp, sizeof(uint32) * shorter) == 0))
			brand = Max(brand, 0.85);
	}
	if (a->trade.len == 0 && b->trade.len == 0)
		trade = 1.0;
	else if (a->trade.len == 0 || b->trade.len == 0)
		trade = 0.6;
	else
		trade = cd_ngram_overlap(a->trade.cp, a->trade.len, b->trade.cp, b->trade.len, 1, CD_OVERLAP_BAG_DICE);
	sim = brand * (0.75 + 0.25 * trade);
	if (a->place.len > 0 && b->place.len > 0)
	{
		int			n = Min(a->place.len, b->place.len);

		if (memcmp(a->place.cp, b->place.cp, sizeof(uint32) * n) != 0)
			sim *= cd_is_cjk_trade(a->brand.cp, a->brand.len) ? 0.5 : 0.8;
	}
	else if (a->place.len != b->place.len)
		sim *= 0.97;
	return sim;
}

/* The reading of a brand in Han or kana beside a brand in Latin letters. */
static double
compare_scripts(const CdCompany *han, const CdCompany *latin)
{
	CdText		reading;
	uint32	   *word = palloc(sizeof(uint32) * Max(latin->brand.len, 1));
	int			n = unspaced(&latin->brand, word);
	char		spelling_a[64];
	char		spelling_b[64];
	int			i;
	double		sim;

	cd_text_init(&reading, han->brand.len * 6 + 1);
	for (i = 0; i < han->brand.len; i++)
	{
		if (cd_is_han(han->brand.cp[i]))
			cd_text_add_ascii(&reading, cd_han_reading(han->brand.cp[i], false));
		else if (cd_is_cjk(han->brand.cp[i]))
		{
			/* a run of kana or Hangul is read as a whole: its marks lengthen what is before them */
			CdText		run = {han->brand.cp + i, 0, 0};
			int			bytes;
			char	   *roman;

			while (i < han->brand.len && cd_is_cjk(han->brand.cp[i]) && !cd_is_han(han->brand.cp[i]))
			{
				run.len++;
				i++;
			}
			i--;
			roman = cd_text_encode(&run, &bytes);
			roman = cd_romanize(roman, bytes, &bytes);
			cd_text_fold(&run, roman, bytes);
			for (bytes = 0; bytes < run.len; bytes++)
				if (cd_is_word(run.cp[bytes]))
					cd_text_add(&reading, run.cp[bytes]);
		}
		else if (han->brand.cp[i] != ' ')
			cd_text_add(&reading, han->brand.cp[i]);
	}
	if (reading.len == 0 || n == 0)
		return 0.0;
	cd_word_spelling(reading.cp, reading.len, spelling_a, sizeof(spelling_a));
	cd_word_spelling(word, n, spelling_b, sizeof(spelling_b));
	if (strcmp(spelling_a, spelling_b) == 0)
		return 0.95;
	sim = cd_jaro_winkler(reading.cp, reading.len, word, n);
	return sim >= 0.85 ? sim * 0.95 : sim * 0.5;
}

/* A name in another alphabet, its legal form off, by its reading. */
static void
read_latin(CdCompany *c)
{
	CdText		legal = c->legal;
	int			bytes;
	char	   *key = cd_text_encode(&c->key, &bytes);
	char	   *latin = cd_romanize(key, bytes, &bytes);

	cd_company_parse(c, latin, bytes);
	c->legal = legal;
}

double
cd_company_similarity(const char *a, int la, const char *b, int lb)
{
	CdCompany	x;
	CdCompany	y;
	double		sim;

	cd_company_parse(&x, a, la);
	cd_company_parse(&y, b, lb);
	if (!x.cjk && !y.cjk && cd_is_foreign(&x.key) != cd_is_foreign(&y.key))
	{
		/* legal forms are those of different countries */
		read_latin(cd_is_foreign(&x.key) ? &x : &y);
		x.legal.len = y.legal.len = 0;
	}
	if (x.key.len == 0 || y.key.len == 0)
		return x.key.len == y.key.len && cd_same_signs(a, la, b, lb) ? 1.0 : 0.0;
	if (x.cjk && y.cjk)
		sim = compare_cjk(&x, &y);
	else if (x.cjk != y.cjk)
		sim = x.cjk ? compare_scripts(&x, &y) : compare_scripts(&y, &x);
	else
		sim = compare_spaced(&x, &y);
	if (x.legal.len > 0 && y.legal.len > 0 && x.cjk == y.cjk &&
		(x.legal.len != y.legal.len || memcmp(x.legal.cp, y.legal.cp, sizeof(uint32) * x.legal.len) != 0))
		sim *= 0.98;
	return Min(sim, 1.0);
}
