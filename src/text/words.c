/*
 * words.c
 *		Words of a folded text, and sorted lists of words to look them up in.
 */
#include "postgres.h"

#include "text/words.h"

#include "mb/pg_wchar.h"

/* What kind of gap a character between words makes. */
static CdGap
gap_of(uint32 c)
{
	switch (c)
	{
		case '.':
		case 0x3002:
			return CD_GAP_DOT;
		case ',':
		case ';':
		case 0x3001:
			return CD_GAP_COMMA;
		case '&':
		case '+':
			return CD_GAP_AND;
		case 0x00B7:
		case 0x2022:
		case 0x2027:
		case 0x30FB:
		case 0x2219:
			return CD_GAP_MIDDLE_DOT;
	}
	switch (cd_class(c))
	{
		case CD_CHAR_SPACE:
			return CD_GAP_SPACE;
		case CD_CHAR_HYPHEN:
			return CD_GAP_HYPHEN;
		default:
			return CD_GAP_OTHER;
	}
}

void
cd_words_cut(CdWords *w, CdText *t)
{
	int			to = 0;
	int			i;
	int			from = -1;
	CdGap		gap = CD_GAP_NONE;

	w->room = 8;
	w->count = 0;
	w->word = palloc(sizeof(CdWord) * w->room);
	for (i = 0; i <= t->len; i++)
	{
		uint32		c = i < t->len ? t->cp[i] : ' ';
		CdCharClass class = cd_class(c);
		bool		inside = i < t->len && (class == CD_CHAR_LETTER || class == CD_CHAR_DIGIT);
		bool		joins = class == CD_CHAR_APOSTROPHE && from >= 0 && i + 1 < t->len &&
			cd_class(t->cp[i + 1]) == CD_CHAR_LETTER;

		if (from >= 0 && !joins && (!inside || cd_is_cjk(c) != cd_is_cjk(t->cp[to - 1])))
		{
			if (w->count >= w->room)
			{
				w->room *= 2;
				w->word = repalloc_huge(w->word, sizeof(CdWord) * (Size) w->room);
			}
			w->word[w->count].cp = t->cp + from;
			w->word[w->count].len = to - from;
			w->word[w->count].gap = gap;
			w->count++;
			from = -1;
			gap = CD_GAP_NONE;
		}
		if (inside)
		{
			if (from < 0)
				from = to;
			t->cp[to++] = c;
		}
		else if (!joins && i < t->len)
		{
			CdGap		g = gap_of(c);

			/* the more telling of several marks wins: ", " is a comma */
			if (gap == CD_GAP_NONE || gap == CD_GAP_SPACE || g == CD_GAP_COMMA || g == CD_GAP_AND)
				gap = g;
		}
	}
}

void
cd_words_remove(CdWords *w, int at, int n)
{
	/* what stood before the first of them now stands before the next */
	if (at + n < w->count && w->word[at].gap > w->word[at + n].gap)
		w->word[at + n].gap = w->word[at].gap;
	memmove(w->word + at, w->word + at + n, sizeof(CdWord) * (w->count - at - n));
	w->count -= n;
}

/* Compare a word with UTF-8 in the order of code points, which is that of bytes. */
static int
compare_word(const CdWord *word, const char *utf8)
{
	const unsigned char *p = (const unsigned char *) utf8;
	int			i;

	for (i = 0; i < word->len; i++)
	{
		uint32		c;

		/* the end of the list's word is its zero, which sorts before anything */
		if (*p < 0x80)
			c = *p++;
		else
		{
			c = utf8_to_unicode(p);
			p += pg_utf_mblen(p);
		}
		if (word->cp[i] != c)
			return word->cp[i] < c ? -1 : 1;
	}
	return *p == '\0' ? 0 : -1;
}

int
cd_word_find(const CdWord *word, const char *const *list, int n)
{
	int			low = 0;
	int			high = n - 1;

	while (low <= high)
	{
		int			mid = (low + high) / 2;
		int			cmp = compare_word(word, list[mid]);

		if (cmp == 0)
			return mid;
		if (cmp < 0)
			high = mid - 1;
		else
			low = mid + 1;
	}
	return -1;
}

bool
cd_word_is(const CdWord *word, const char *utf8)
{
	return compare_word(word, utf8) == 0;
}
