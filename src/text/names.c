/*
 * names.c
 *		Normal form of personal names, and keys by sound.
 */
#include "postgres.h"

#include "text/compare.h"
#include "text/standard.h"
#include "text/words.h"

#include "lib/stringinfo.h"

/* Titles before a name, folded; in byte order. */
static const char *const titles[] = {
	"baroness", "brigadier", "capt", "captain", "col", "colonel", "commander", "countess", "dame",
	"dhr", "dipl", "dna", "doctor", "dott", "dottore", "dottoressa", "dr", "drs", "frau", "fraulein",
	"fru", "gen", "herr", "hon", "hr", "ing", "lady", "lieutenant", "lord", "lt", "madam", "madame",
	"mag", "messrs", "mevr", "mevrouw", "mgr", "mijnheer", "miss", "missus", "mister", "mlle", "mme",
	"monsieur", "mr", "mrs", "ms", "mw", "mx", "pan", "pani", "prof", "professor", "rabbi", "rev",
	"reverend", "senor", "senora", "senorita", "sergeant", "sgt", "sig", "signor", "signora", "sir",
	"sr", "sra", "srta", "viscount", "viscountess",
};

/* Those of them, and what a split at blanks takes for one, that nobody is called. */
static const char *const no_given_names[] = {
	"baroness", "capt", "captain", "col", "colonel", "countess", "dhr", "doctor", "dr", "drs", "frau",
	"fraulein", "herr", "lady", "lieutenant", "lt", "madame", "mevr", "mevrouw", "mijnheer", "miss",
	"missus", "mister", "mlle", "mme", "monsieur", "mr", "mrs", "ms", "prof", "professor", "rev",
	"reverend", "senor", "senora", "senorita", "sergeant", "sgt", "signor", "signora", "sir", "sra",
	"srta", "viscount", "viscountess",
};

/* Ranks that are inherited and counted, folded: 1st Baronet, 3rd Earl of March. */
static const char *const ranks[] = {
	"baron", "baronet", "bart", "bt", "duke", "earl", "marquess", "marquis", "viscount",
};

/* Degrees and honours behind a name. */
static const char *const credentials[] = {
	"baronet", "bsc", "bt", "cbe", "cpa", "dds", "dphil", "dvm", "esq", "esquire", "frcs", "frs", "gcb", "jd",
	"kbe", "kcb", "llb", "llm", "mba", "mbe", "md", "msc", "obe", "phd", "rn",
};

/* Marks of generation behind a name. */
static const char *const generations[] = {
	"2nd", "3rd", "ii", "iii", "iv", "jr", "junior", "senior", "sr",
};

/* Forms of address behind a name in Han, kana or Hangul; folded. */
static const char *const honorifics[] = {
	"先生", "女士", "小姐", "太太", "老师", "教授", "博士", "医生", "经理", "总经理", "董事长", "同学", "师傅",
	"様", "さん", "氏", "君", "님", "씨", "선생님",
};

/*
 * Does 君 end a Chinese given name, as in 王平君, and is no form of address: do
 * one or two characters stand between it and the end of a Chinese family name?
 */
static bool
given_name_ends(const CdWord *word)
{
	int			family = cd_han_family_length(word->cp, word->len);

	return word->cp[word->len - 1] == 0x541B && family > 0 && word->len - family <= 2 &&
		cd_japanese_spellings(word->cp, 2) == NULL;
}

/* Does a word end in a form of address, with a name left before it? */
static int
honorific_length(const CdWord *word)
{
	int			i;

	for (i = 0; i < (int) lengthof(honorifics); i++)
	{
		CdText		h;
		int			n;
		bool		same;

		cd_text_fold(&h, honorifics[i], strlen(honorifics[i]));
		n = h.len;
		/* one character may be a given name's last: only behind two others */
		same = word->len >= n + (n == 1 ? 2 : 0) &&
			memcmp(word->cp + word->len - n, h.cp, sizeof(uint32) * n) == 0 && !given_name_ends(word);
		pfree(h.cp);
		if (same)
			return n;
	}
	return 0;
}

/* Take out what stands in brackets or quotation marks, if something else is left. */
static void
drop_asides(CdText *t)
{
	int			to = 0;
	int			depth = 0;
	bool		quoted = false;
	bool		outside = false;
	uint32	   *kept = palloc(sizeof(uint32) * Max(t->len, 1));
	int			i;

	for (i = 0; i < t->len; i++)
	{
		uint32		c = t->cp[i];

		if (c == '(' || c == '[' || c == '{' || c == 0x3010 || c == 0x300C)
			depth++;
		else if (depth > 0 && (c == ')' || c == ']' || c == '}' || c == 0x3011 || c == 0x300D))
		{
			depth--;
			kept[to++] = ' ';
		}
		else if (c == '"' || c == 0x201C || c == 0x201D || c == 0x201E)
		{
			quoted = !quoted;
			kept[to++] = ' ';
		}
		else if (depth == 0 && !quoted)
		{
			kept[to++] = c;
			outside = outside || cd_is_word(c);
		}
	}
	if (outside && depth == 0 && !quoted)
	{
		memcpy(t->cp, kept, sizeof(uint32) * to);
		t->len = to;
	}
	pfree(kept);
}

/* A number in order: 1st, 22nd. */
static bool
is_ordinal(const CdWord *word)
{
	const uint32 *end = word->cp + word->len - 2;

	if (word->len < 3 || word->len > 4)
		return false;
	for (const uint32 *c = word->cp; c < end; c++)
		if (*c < '0' || *c > '9')
			return false;
	return (end[0] == 's' && end[1] == 't') || (end[0] == 'n' && end[1] == 'd') ||
		(end[0] == 'r' && end[1] == 'd') || (end[0] == 't' && end[1] == 'h');
}

/* "John Smith, 3rd Earl of March" ends with the rank, and its number is no part of what is turned at the comma. */
static void
settle_ranks(CdWords *w)
{
	for (int i = 1; i + 1 < w->count; i++)
		if (is_ordinal(&w->word[i]) && CD_WORD_IN(&w->word[i + 1], ranks))
		{
			w->count = i + 2;
			w->word[i].gap = CD_GAP_SPACE;
		}
}

/* Is a word in an ASCII list, and all of a value? */
static bool
is_among(const char *value, int len, const char *const *list, int n)
{
	CdText		t;
	CdWord		word;

	if (len < 2 || len > 16 || !cd_is_ascii(value, len))
		return false;
	cd_text_decode(&t, value, len);
	word = (CdWord) {t.cp, t.len, CD_GAP_NONE};
	return cd_word_find(&word, list, n) >= 0;
}

bool
cd_is_title(const char *value, int len, bool family)
{
	return family ? is_among(value, len, credentials, lengthof(credentials)) :
		is_among(value, len, no_given_names, lengthof(no_given_names));
}

bool
cd_is_rank(const char *value, int len)
{
	return is_among(value, len, ranks, lengthof(ranks));
}

int
cd_generation_of(const char *mark, int len)
{
	static const struct
	{
		const char *mark;
		int			generation;
	}			known[] = {{"sr", 1}, {"senior", 1}, {"jr", 2}, {"jnr", 2}, {"junior", 2}, {"ii", 2}, {"iii", 3}, {"iv", 4}};
	int			n = 0;
	int			i;

	for (i = 0; i < (int) lengthof(known); i++)
		if (len == (int) strlen(known[i].mark) && memcmp(mark, known[i].mark, len) == 0)
			return known[i].generation;
	for (i = 0; i < len && i < 2 && mark[i] >= '0' && mark[i] <= '9'; i++)
		n = n * 10 + mark[i] - '0';
	return n > 0 && i == len - 2 && strchr("snrt", mark[i]) != NULL && strchr("tdh", mark[i + 1]) != NULL ? n : 0;
}

/* Take out degrees written with full stops: Ph.D., M.D. */
static void
drop_dotted_credentials(CdWords *w)
{
	int			i;

	for (i = 2; i < w->count; i++)
	{
		uint32		joined[8];
		CdWord		degree = {joined, 0, CD_GAP_NONE};
		int			n;

		for (n = 0; i + n < w->count && n < 4; n++)
		{
			const CdWord *part = &w->word[i + n];

			if ((n > 0 && part->gap != CD_GAP_DOT) || degree.len + part->len > (int) lengthof(joined))
				break;
			memcpy(joined + degree.len, part->cp, sizeof(uint32) * part->len);
			degree.len += part->len;
			if (n > 0 && CD_WORD_IN(&degree, credentials))
			{
				CdGap		gap = w->word[i].gap;

				cd_words_remove(w, i, n + 1);
				if (i < w->count)
					w->word[i].gap = gap;
				i--;
				break;
			}
		}
	}
}

/* "Family, Given" to "Given Family". */
static void
turn_at_comma(CdWords *w)
{
	int			comma = -1;
	int			i;
	CdWord	   *turned;

	for (i = 1; i < w->count; i++)
	{
		if (w->word[i].gap != CD_GAP_COMMA)
			continue;
		if (CD_WORD_IN(&w->word[i], generations) || CD_WORD_IN(&w->word[i], credentials))
			continue;
		if (comma >= 0)
			return;
		comma = i;
	}
	if (comma < 0)
		return;
	turned = palloc(sizeof(CdWord) * w->count);
	memcpy(turned, w->word + comma, sizeof(CdWord) * (w->count - comma));
	memcpy(turned + w->count - comma, w->word, sizeof(CdWord) * comma);
	memcpy(w->word, turned, sizeof(CdWord) * w->count);
	pfree(turned);
	/* a mark of generation goes to the end again */
	for (i = 1; i + 1 < w->count; i++)
		if (CD_WORD_IN(&w->word[i], generations))
		{
			CdWord		mark = w->word[i];

			cd_words_remove(w, i, 1);
			w->word[w->count++] = mark;
			break;
		}
	for (i = 0; i < w->count; i++)
		if (w->word[i].gap == CD_GAP_COMMA)
			w->word[i].gap = CD_GAP_SPACE;
}

/*
 * Lower case, no accents, punctuation or titles, "Family, Given" turned;
 * Han and kana without spaces, Traditional as Simplified.
 */
char *
cd_normalize_name(const char *s, int bytes, bool full)
{
	CdText		t;
	CdText		out;
	CdWords		w;
	bool		cjk_before = false;
	bool		titled = false;
	int			i;

	cd_text_fold(&t, s, bytes);
	drop_asides(&t);
	cd_words_cut(&w, &t);
	drop_dotted_credentials(&w);
	settle_ranks(&w);
	/* Smith, John, Sir */
	while (w.count > 2 && w.word[w.count - 1].gap == CD_GAP_COMMA && CD_WORD_IN(&w.word[w.count - 1], no_given_names))
		w.count--;
	if (full)
		turn_at_comma(&w);
	while (w.count > 1 && (CD_WORD_IN(&w.word[0], titles) ||
						   (titled && (cd_word_is(&w.word[0], "med") || cd_word_is(&w.word[0], "hab")))))
	{
		/* Dr. med., dr hab. */
		titled = cd_word_is(&w.word[0], "dr");
		cd_words_remove(&w, 0, 1);
	}
	while (w.count > 2 && CD_WORD_IN(&w.word[w.count - 1], credentials))
		w.count--;
	if (w.count > 0 && cd_is_cjk(w.word[w.count - 1].cp[0]))
	{
		CdWord	   *last = &w.word[w.count - 1];
		int			n = honorific_length(last);

		/* 田中太郎 様: one character, parted from a whole name */
		if (n == 0 && last->len == 1 && w.count > 1 && (w.count > 2 || w.word[w.count - 2].len >= 3) &&
			(cd_word_is(last, "样") || cd_word_is(last, "씨") || cd_word_is(last, "님")))
			n = 1;
		if (n < last->len)
			last->len -= n;
		else if (w.count > 1)
			w.count--;
	}
	cd_text_init(&out, t.len + 8);
	for (i = 0; i < w.count; i++)
	{
		CdWord	   *word = &w.word[i];
		bool		cjk = cd_is_cjk(word->cp[0]);
		int			k;

		if (out.len > 0 && !(cjk && cjk_before && word->gap != CD_GAP_MIDDLE_DOT))
			cd_text_add(&out, ' ');
		if (cd_word_is(word, "junior") && i > 0)
			cd_text_add_ascii(&out, "jr");
		else if (cd_word_is(word, "senior") && i > 0)
			cd_text_add_ascii(&out, "sr");
		else
			for (k = 0; k < word->len; k++)
				cd_text_add(&out, word->cp[k]);
		cjk_before = cjk;
	}
	return cd_text_encode(&out, NULL);
}

static bool
is_vowel(char c)
{
	return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y';
}

/*
 * Key by sound of one word of a-z: consonants by class, vowels only at the
 * head.  It is wide on purpose (ph f v, c k q, s z, d t, g before e j) and
 * treats the digraphs of English, German and pinyin alike.
 */
void
cd_word_sound(const char *s, int n, char *out, int room)
{
	int			len = 0;
	int			i = 0;
	char		last = '\0';

#define AT(k)		((k) < n ? s[k] : '\0')
#define EMIT(c)		do { if (last != (c) && len < room - 1) out[len++] = last = (c); } while (0)
	if (n >= 2 && ((s[0] == 'k' && s[1] == 'n') || (s[0] == 'g' && s[1] == 'n') ||
				   (s[0] == 'p' && (s[1] == 'n' || s[1] == 's')) || (s[0] == 'w' && s[1] == 'r')))
		i = 1;
	if (n >= 1 && s[0] == 'x')
	{
		EMIT('s');
		i = 1;
	}
	for (; i < n; i++)
	{
		char		c = s[i];
		char		next = AT(i + 1);
		bool		head = len == 0;
		bool		soft = next == 'e' || next == 'i' || next == 'y';

		switch (c)
		{
			case 'a':
			case 'e':
			case 'i':
			case 'o':
			case 'u':
			case 'y':
				if (head)
					EMIT('a');
				else
					last = 'a';
				break;
			case 'b':
				if (!(i == n - 1 && i > 0 && s[i - 1] == 'm'))
					EMIT('p');
				break;
			case 'c':
				if (next == 'h')
				{
					if (AT(i + 2) == 'r' || AT(i + 2) == 'l')
						EMIT('k');
					else
						EMIT('x');
					i++;
				}
				else if (next == 'k')
				{
					EMIT('k');
					i++;
				}
				else if (next == 'z')
				{
					EMIT('x');
					i++;
				}
				else
					EMIT(soft ? 's' : 'k');
				break;
			case 'd':
				if (next == 'g' && (AT(i + 2) == 'e' || AT(i + 2) == 'i' || AT(i + 2) == 'y'))
				{
					EMIT('j');
					i++;
				}
				else
					EMIT('t');
				break;
			case 'g':
				if (next == 'h')
				{
					if (head || is_vowel(AT(i + 2)))
						EMIT('k');
					i++;
				}
				else
					EMIT(soft ? 'j' : 'k');
				break;
			case 'h':
				if (head && is_vowel(next))
					EMIT('h');
				else
					last = c;
				break;
			case 'j':
				EMIT('j');
				break;
			case 'k':
			case 'q':
				EMIT('k');
				break;
			case 'm':
			case 'n':
				/* the nasal before g is the nasal alone: Wang, Wan */
				EMIT(c);
				if (c == 'n' && next == 'g' && !is_vowel(AT(i + 2)))
					i++;
				break;
			case 'p':
				if (next == 'h')
				{
					EMIT('f');
					i++;
				}
				else
					EMIT('p');
				break;
			case 's':
				if (next == 'c' && AT(i + 2) == 'h')
				{
					EMIT('x');
					i += 2;
				}
				else if (next == 'h' || (next == 'z' && head))
				{
					EMIT('x');
					i++;
				}
				else
					EMIT('s');
				break;
			case 't':
				if (next == 's' && AT(i + 2) == 'c' && AT(i + 3) == 'h')
				{
					EMIT('x');
					i += 3;
				}
				else if (next == 'z')
				{
					EMIT('s');
					i++;
				}
				else
				{
					EMIT('t');
					if (next == 'h')
						i++;
				}
				break;
			case 'f':
			case 'v':
				EMIT('f');
				break;
			case 'w':
				if (is_vowel(next))
					EMIT(head ? 'f' : 'w');
				break;
			case 'x':
				EMIT('k');
				EMIT('s');
				break;
			case 'z':
				if (next == 'h')
				{
					EMIT('j');
					i++;
				}
				else
					EMIT('s');
				break;
			default:
				EMIT(c);
		}
	}
#undef AT
#undef EMIT
	out[len] = '\0';
}

char *
cd_phonetic_key(const char *s, int bytes)
{
	char	   *normal = cd_normalize_name(s, bytes, true);
	int			len;
	char	   *latin = cd_romanize(normal, strlen(normal), &len);
	StringInfoData out;
	char		sound[64];
	int			from = -1;
	int			i;

	initStringInfo(&out);
	for (i = 0; i <= len; i++)
	{
		char		c = i < len ? pg_ascii_tolower((unsigned char) latin[i]) : ' ';

		if (i < len)
			latin[i] = c;
		if (c >= 'a' && c <= 'z')
		{
			if (from < 0)
				from = i;
		}
		else if (from >= 0)
		{
			if (out.len > 0)
				appendStringInfoChar(&out, ' ');
			cd_word_sound(latin + from, i - from, sound, sizeof(sound));
			appendStringInfoString(&out, sound);
			from = -1;
		}
	}
	return out.data;
}
