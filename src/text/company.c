/*
 * company.c
 *		Company names: legal forms, and the parts of a Chinese company name.
 */
#include "postgres.h"

#include "text/company.h"

#include "text/standard.h"

#include "utils/memutils.h"

#include "text/company_words.h"

/* Lists written without spaces, folded and decoded once. */
typedef struct CjkList
{
	const char *const *source;
	int			count;
	CdText	   *entry;
} CjkList;

static CjkList forms = {cjk_forms, lengthof(cjk_forms), NULL};
static CjkList trades = {cjk_trades, lengthof(cjk_trades), NULL};
static CjkList places = {cjk_places, lengthof(cjk_places), NULL};

static void
load_list(CjkList *list)
{
	MemoryContext old;
	CdText	   *entry;
	int			i;

	if (list->entry != NULL)
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	entry = palloc(sizeof(CdText) * list->count);
	for (i = 0; i < list->count; i++)
		cd_text_fold(&entry[i], list->source[i], strlen(list->source[i]));
	MemoryContextSwitchTo(old);
	list->entry = entry;
}

/* Length of the list's longest entry that cp ends with, or begins with; at least keep stay over. */
static int
match_list(CjkList *list, const uint32 *cp, int len, bool at_end, int keep)
{
	int			i;

	load_list(list);
	for (i = 0; i < list->count; i++)
	{
		const CdText *e = &list->entry[i];

		if (e->len + keep <= len &&
			memcmp(at_end ? cp + len - e->len : cp, e->cp, sizeof(uint32) * e->len) == 0)
			return e->len;
	}
	return 0;
}

/* Join "s a de c v", "h & m" and "a / s" to words; drop "and" between words. */
static void
join_initials(CdWords *w)
{
	static const char *const connectives[] = {"and", "en", "et", "och", "og", "und", "y"};
	int			i;

	for (i = 0; i + 1 < w->count;)
	{
		CdWord	   *a = &w->word[i];
		CdWord	   *b = &w->word[i + 1];
		bool		latin = a->cp[0] < 0x2E80 && b->cp[0] < 0x2E80;
		bool		letters = latin && cd_class(a->cp[0]) == CD_CHAR_LETTER && cd_class(b->cp[0]) == CD_CHAR_LETTER;
		bool		close = b->gap != CD_GAP_COMMA;

		if (letters && close && b->len == 1 && (a->len == 1 || (b->gap == CD_GAP_AND && a->len <= 2)) &&
			!(i > 0 && b->gap == CD_GAP_AND && a->len > 2))
		{
			uint32	   *joined = palloc(sizeof(uint32) * (a->len + b->len));
			int			k;

			/* take the whole run of single letters */
			memcpy(joined, a->cp, sizeof(uint32) * a->len);
			k = a->len;
			joined[k++] = b->cp[0];
			a->cp = joined;
			a->len = k;
			cd_words_remove(w, i + 1, 1);
			while (i + 1 < w->count && w->word[i + 1].len == 1 && w->word[i + 1].gap != CD_GAP_COMMA &&
				   w->word[i + 1].gap != CD_GAP_AND && cd_class(w->word[i + 1].cp[0]) == CD_CHAR_LETTER &&
				   w->word[i + 1].cp[0] < 0x2E80)
			{
				uint32	   *longer = palloc(sizeof(uint32) * (w->word[i].len + 1));

				memcpy(longer, w->word[i].cp, sizeof(uint32) * w->word[i].len);
				longer[w->word[i].len] = w->word[i + 1].cp[0];
				w->word[i].cp = longer;
				w->word[i].len++;
				cd_words_remove(w, i + 1, 1);
			}
			continue;
		}
		i++;
	}
	for (i = 1; i + 1 < w->count; i++)
		if (CD_WORD_IN(&w->word[i], connectives))
			cd_words_remove(w, i--, 1);
}

/* The words from, to as one, parted by single spaces, without copying letters twice. */
static bool
is_phrase(const CdWords *w, int from, int n, const char *const *list, int count)
{
	CdText		t;
	CdWord		all;
	bool		found;
	int			i;
	int			k;

	cd_text_init(&t, 64);
	for (i = from; i < from + n; i++)
	{
		if (i > from)
			cd_text_add(&t, ' ');
		for (k = 0; k < w->word[i].len; k++)
			cd_text_add(&t, w->word[i].cp[k]);
	}
	all.cp = t.cp;
	all.len = t.len;
	all.gap = CD_GAP_NONE;
	found = cd_word_find(&all, list, count) >= 0;
	pfree(t.cp);
	return found;
}

/* Append words from, to to a text. */
static void
add_words(CdText *t, const CdWords *w, int from, int n)
{
	int			i;
	int			k;

	for (i = from; i < from + n; i++)
	{
		/* scripts written without spaces stay without them */
		if (t->len > 0 && !(cd_is_cjk(w->word[i].cp[0]) && cd_is_cjk(t->cp[t->len - 1])))
			cd_text_add(t, ' ');
		for (k = 0; k < w->word[i].len; k++)
			cd_text_add(t, w->word[i].cp[k]);
	}
}

bool
cd_is_trade_word(const uint32 *cp, int len)
{
	CdWord		word = {cp, len, CD_GAP_SPACE};

	return CD_WORD_IN(&word, trade_words);
}

const char *
cd_company_word(const char *word, int len)
{
	int			low = 0,
				high = lengthof(abbreviations) - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;
		int			order = strncmp(word, abbreviations[middle][0], len);

		if (order == 0 && abbreviations[middle][0][len] != '\0')
			order = -1;
		if (order == 0)
			return abbreviations[middle][1];
		if (order < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return NULL;
}

bool
cd_is_cjk_trade(const uint32 *cp, int len)
{
	return len > 0 && match_list(&trades, cp, len, false, 0) == len;
}

/* Put in front of a text. */
static void
prepend(CdText *t, const CdText *front, bool space)
{
	CdText		all;
	int			i;

	if (front->len == 0)
		return;
	cd_text_init(&all, t->len + front->len + 1);
	for (i = 0; i < front->len; i++)
		cd_text_add(&all, front->cp[i]);
	if (space && t->len > 0)
		cd_text_add(&all, ' ');
	for (i = 0; i < t->len; i++)
		cd_text_add(&all, t->cp[i]);
	*t = all;
}

/* Take legal forms off both ends of the words, twice. */
static void
take_legal_forms(CdWords *w, CdText *legal)
{
	int			round;

	for (round = 0; round < 2; round++)
	{
		int			n;

		for (n = Min(LEGAL_FORM_WORDS, w->count - 1); n >= 1; n--)
			if (is_phrase(w, w->count - n, n, legal_forms, lengthof(legal_forms)))
			{
				CdText		form;

				cd_text_init(&form, 32);
				add_words(&form, w, w->count - n, n);
				prepend(legal, &form, true);
				w->count -= n;
				break;
			}
		for (n = Min(4, w->count - 1); n >= 1; n--)
			if (is_phrase(w, 0, n, legal_prefixes, lengthof(legal_prefixes)))
			{
				if (!cd_word_is(&w->word[0], "the"))
				{
					CdText		form;

					cd_text_init(&form, 32);
					add_words(&form, w, 0, n);
					prepend(legal, &form, true);
				}
				cd_words_remove(w, 0, n);
				break;
			}
	}
}

/* Take legal forms written without spaces off both ends of a run, twice. */
static void
take_cjk_forms(const uint32 **cp, int *len, CdText *legal, int keep)
{
	int			round;

	for (round = 0; round < 2; round++)
	{
		int			n = match_list(&forms, *cp, *len, true, keep);
		CdText		form;

		if (n > 1)
		{
			form.cp = (uint32 *) *cp + *len - n;
			form.len = n;
			prepend(legal, &form, false);
			*len -= n;
		}
		n = match_list(&forms, *cp, *len, false, keep);
		if (n > 1)
		{
			form.cp = (uint32 *) *cp;
			form.len = n;
			prepend(legal, &form, false);
			*cp += n;
			*len -= n;
		}
	}
}

void
cd_company_parse(CdCompany *c, const char *s, int bytes)
{
	CdText		t;
	CdWords		w;
	int			i;

	cd_text_fold(&t, s, bytes);
	cd_text_init(&c->place, 16);
	cd_text_init(&c->brand, 32);
	cd_text_init(&c->trade, 16);
	cd_text_init(&c->legal, 16);
	cd_text_init(&c->key, t.len + 8);
	cd_words_cut(&w, &t);
	/* "& C." is "& Co." */
	for (i = 1; i < w.count; i++)
		if (w.word[i].gap == CD_GAP_AND && cd_word_is(&w.word[i], "c"))
		{
			static const uint32 co[] = {'c', 'o'};

			w.word[i].cp = co;
			w.word[i].len = 2;
		}
	join_initials(&w);

	c->cjk = false;
	for (i = 0; i < w.count; i++)
		c->cjk = c->cjk || (cd_is_cjk(w.word[i].cp[0]) && w.word[i].len >= 2);
	if (!c->cjk)
	{
		int			trade_from;

		take_legal_forms(&w, &c->legal);
		add_words(&c->key, &w, 0, w.count);
		for (trade_from = w.count; trade_from > 1 && CD_WORD_IN(&w.word[trade_from - 1], trade_words); trade_from--)
			;
		add_words(&c->brand, &w, 0, trade_from);
		add_words(&c->trade, &w, trade_from, w.count - trade_from);
		return;
	}

	/* a company mark or a place in brackets: (株), （上海） */
	for (i = 0; i < w.count && w.count > 1; i++)
	{
		bool		mark = match_list(&forms, w.word[i].cp, w.word[i].len, false, 0) == w.word[i].len;
		bool		place = w.word[i].gap == CD_GAP_OTHER &&
			match_list(&places, w.word[i].cp, w.word[i].len, false, 0) == w.word[i].len;

		if (mark || place)
		{
			add_words(mark ? &c->legal : &c->place, &w, i, 1);
			cd_words_remove(&w, i--, 1);
		}
	}
	{
		CdText		rest;
		const uint32 *cp;
		int			len;
		int			brand_len;
		int			n;

		cd_text_init(&rest, t.len + 8);
		add_words(&rest, &w, 0, w.count);
		cp = rest.cp;
		len = rest.len;
		take_cjk_forms(&cp, &len, &c->legal, 2);
		for (i = 0; i < c->place.len; i++)
			cd_text_add(&c->key, c->place.cp[i]);
		for (i = 0; i < len; i++)
			cd_text_add(&c->key, cp[i]);
		/* the place, with what kind of place it is */
		n = match_list(&places, cp, len, false, 2);
		if (n > 0)
		{
			if (len - n > 2 && (cp[n] == 0x5E02 || cp[n] == 0x7701 || cp[n] == 0x53BF))
				n++;
			for (i = 0; i < n; i++)
				cd_text_add(&c->place, cp[i]);
			cp += n;
			len -= n;
		}
		brand_len = len;
		while ((n = match_list(&trades, cp, brand_len, true, 2)) > 0)
			brand_len -= n;
		for (i = 0; i < brand_len; i++)
			cd_text_add(&c->brand, cp[i]);
		for (i = brand_len; i < len; i++)
			cd_text_add(&c->trade, cp[i]);
	}
}

char *
cd_normalize_company(const char *s, int bytes)
{
	CdCompany	c;

	cd_company_parse(&c, s, bytes);
	return cd_text_encode(&c.key, NULL);
}
