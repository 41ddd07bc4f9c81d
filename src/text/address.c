/*
 * address.c
 *		Normal form of postal addresses, Latin and Chinese, Japanese, Korean.
 */
#include "postgres.h"

#include "text/standard.h"
#include "text/words.h"

#include "text/address_words.h"

/* Value of a Chinese numeral, -1 if c is none; 10 and 100 for the units. */
static int
han_digit(uint32 c)
{
	switch (c)
	{
		case 0x3007:
		case 0x96F6:
			return 0;
		case 0x4E00:
			return 1;
		case 0x4E8C:
		case 0x4E24:
			return 2;
		case 0x4E09:
			return 3;
		case 0x56DB:
			return 4;
		case 0x4E94:
			return 5;
		case 0x516D:
			return 6;
		case 0x4E03:
			return 7;
		case 0x516B:
			return 8;
		case 0x4E5D:
			return 9;
		case 0x5341:
			return 10;
		case 0x767E:
			return 100;
		default:
			return -1;
	}
}

/* Units that are counted in an address: 段巷弄号楼层室栋单元座幢期排组 丁目番地. */
static bool
is_counted(uint32 c)
{
	static const uint32 units[] = {0x6BB5, 0x5DF7, 0x5F04, 0x53F7, 0x697C, 0x5C42, 0x5BA4, 0x680B,
	0x5355, 0x5EA7, 0x5E62, 0x671F, 0x6392, 0x7EC4, 0x4E01, 0x756A, 0x9636, 0x7EF4};
	int			i;

	for (i = 0; i < (int) lengthof(units); i++)
		if (units[i] == c)
			return true;
	return false;
}

/* 年 月 日 号 */
static bool
is_date_unit(uint32 c)
{
	return c == 0x5E74 || c == 0x6708 || c == 0x65E5 || c == 0x53F7;
}

void
cd_han_numerals(CdText *t, bool date)
{
	CdText		out;
	int			i = 0;

	cd_text_init(&out, t->len + 8);
	while (i < t->len)
	{
		int			j = i;
		int			value = 0;
		int			pending = -1;
		bool		units = false;
		bool		fits = true;

		while (j < t->len && han_digit(t->cp[j]) >= 0)
		{
			int			d = han_digit(t->cp[j]);

			if (d >= 10)
			{
				value += (pending < 0 ? 1 : pending) * d;
				pending = -1;
				units = true;
			}
			else if (pending >= 0 && !units)
				pending = pending * 10 + d;
			else
				pending = d;
			if (value > 9999 || pending > 9999)
				fits = false;
			j++;
		}
		if (j > i && fits && j < t->len && (date ? is_date_unit(t->cp[j]) : is_counted(t->cp[j])))
		{
			char		digits[16];

			snprintf(digits, sizeof(digits), "%d", value + Max(pending, 0));
			cd_text_add_ascii(&out, digits);
			i = j;
		}
		else if (j > i)
			while (i < j)
				cd_text_add(&out, t->cp[i++]);
		else
			cd_text_add(&out, t->cp[i++]);
	}
	*t = out;
}

/* German and Dutch streets are one word with their kind: ...str. is ...strasse. */
static bool
compound_street(const CdWord *word, CdText *out)
{
	static const char *const ends[][2] = {{"strasse", "strasse"}, {"strase", "strasse"}, {"str", "strasse"}};
	int			i;

	for (i = 0; i < (int) lengthof(ends); i++)
	{
		int			n = strlen(ends[i][0]);
		int			k;

		if (word->len >= n + 3 && cd_equals_ascii(word->cp + word->len - n, n, ends[i][0]))
		{
			for (k = 0; k < word->len - n; k++)
				cd_text_add(out, word->cp[k]);
			cd_text_add_ascii(out, ends[i][1]);
			return true;
		}
	}
	return false;
}

/* Written without spaces between words: Han and kana, not Hangul. */
static bool
is_unspaced(uint32 c)
{
	return cd_is_cjk(c) && cd_script(c) != CD_SCRIPT_HANGUL;
}

/*
 * Lower case, no accents or punctuation; kinds of streets, directions and
 * units in one form each; numerals as digits; Han and kana without spaces.
 */
char *
cd_normalize_address(const char *s, int bytes)
{
	CdText		t;
	CdText		out;
	CdWords		w;
	bool		cjk_before = false;
	bool		cjk_any = false;
	int			i;
	int			k;

	cd_text_fold(&t, s, bytes);
	for (i = 0; i < t.len && !cjk_any; i++)
		cjk_any = is_unspaced(t.cp[i]);
	if (cjk_any)
		cd_han_numerals(&t, false);
	cd_words_cut(&w, &t);
	cd_text_init(&out, t.len + 16);
	/* P. O. Box */
	for (i = 0; i + 2 < w.count; i++)
		if (cd_word_is(&w.word[i], "p") && cd_word_is(&w.word[i + 1], "o") && cd_word_is(&w.word[i + 2], "box"))
		{
			static const uint32 po[] = {'p', 'o'};

			w.word[i].cp = po;
			w.word[i].len = 2;
			cd_words_remove(&w, i + 1, 1);
		}
	/* C/ Alcalá is a calle; c/o is not */
	if (bytes > 2 && (s[0] == 'c' || s[0] == 'C') && s[1] == '/' && w.count > 1 && w.word[0].len == 1 && !cd_word_is(&w.word[1], "o"))
	{
		static const uint32 calle[] = {'c', 'a', 'l', 'l', 'e'};

		w.word[0].cp = calle;
		w.word[0].len = 5;
	}
	for (i = 0; i < w.count; i++)
	{
		CdWord	   *word = &w.word[i];
		bool		cjk = is_unspaced(word->cp[0]);
		bool		number = word->cp[0] >= '0' && word->cp[0] <= '9';
		int			at;

		/* 5-3 stays apart, 12 B becomes 12b, numbers close up to Han */
		if (out.len > 0)
		{
			bool		close = (cjk && cjk_before) || (cjk_any && (cjk || cjk_before) && (number || cjk)) ||
				(cjk && out.cp[out.len - 1] >= '0' && out.cp[out.len - 1] <= '9');
			bool		letter = !cjk_any && word->len == 1 && cd_class(word->cp[0]) == CD_CHAR_LETTER && i > 0 &&
				w.word[i - 1].cp[w.word[i - 1].len - 1] >= '0' && w.word[i - 1].cp[w.word[i - 1].len - 1] <= '9' &&
				w.word[i - 1].cp[0] <= '9' && word->gap != CD_GAP_COMMA &&
				word->cp[0] != 'n' && word->cp[0] != 's' && word->cp[0] != 'e' && word->cp[0] != 'w';

			if (number && word->gap == CD_GAP_HYPHEN && out.cp[out.len - 1] >= '0' && out.cp[out.len - 1] <= '9')
				cd_text_add(&out, '-');
			else if (!close && !letter)
				cd_text_add(&out, ' ');
		}
		at = cd_word_find(word, address_words, lengthof(address_words));
		if (at >= 0)
			cd_text_add_ascii(&out, address_forms[at]);
		else if (!compound_street(word, &out))
			for (k = 0; k < word->len; k++)
				cd_text_add(&out, word->cp[k]);
		cjk_before = cjk;
	}
	return cd_text_encode(&out, NULL);
}
