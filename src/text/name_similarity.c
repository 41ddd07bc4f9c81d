/*
 * name_similarity.c
 *		How alike two personal names are.
 *
 * Names are cut into tokens; each token of one is paired with the token of
 * the other it is most like (equal, a short or foreign form, an initial, the
 * same sound, a near spelling), in any order.  What both have unpaired counts
 * in full, what only one has counts little: a middle name left out says less
 * than another family name.
 */
#include "postgres.h"

#include "text/similarity.h"

#include <math.h>

#include "port/pg_bitutils.h"
#include "text/compare.h"
#include "text/standard.h"
#include "text/words.h"

#include "text/name_words.h"

/* Weight of what only one of the names has. */
#define EXTRA_WEIGHT	0.22

/*
 * Write letters that spellings and transliterations exchange as one: y j i,
 * ph f, ck q c k, ou oo u, doubled letters once.
 */
void
cd_word_spelling(const uint32 *cp, int len, char *out, int room)
{
	int			n = 0;
	int			i;

	for (i = 0; i < len && n < room - 1; i++)
	{
		char		c = cp[i] < 128 ? (char) cp[i] : '?';
		char		next = i + 1 < len && cp[i + 1] < 128 ? (char) cp[i + 1] : '\0';

		switch (c)
		{
			case 'y':
			case 'j':
				c = (n == 0 && c == 'j') ? 'j' : 'i';
				break;
			case 'w':
				c = 'v';
				break;
			case 'q':
				c = 'k';
				break;
			case 'c':
				if (next == 'h')
				{
					i++;
					c = 'c';
				}
				else if (next == 'k')
				{
					i++;
					c = 'k';
				}
				else
					c = (next == 'e' || next == 'i' || next == 'y') ? 's' : next == 'z' ? 'c' : 'k';
				break;
			case 'p':
				if (next == 'h')
				{
					i++;
					c = 'f';
				}
				break;
			case 's':
				if (next == 'h' || (next == 'c' && i + 2 < len && cp[i + 2] == 'h'))
				{
					i += next == 'h' ? 1 : 2;
					c = 'x';
				}
				break;
			case 'k':
			case 'g':
			case 't':
			case 'd':
				if (next == 'h')
					i++;
				break;
			case 'z':
				c = 's';
				if (next == 'h')
				{
					i++;
					c = 'j';
				}
				break;
			case 'a':
			case 'o':
			case 'u':
				/* ae oe ue for the umlauts; ou oo for u */
				if (next == 'e')
					i++;
				else if (c == 'o' && (next == 'u' || next == 'o'))
				{
					i++;
					c = 'u';
				}
				break;
			case 'e':
				if (next == 'i' || next == 'e' || next == 'y' || next == 'j')
				{
					i++;
					c = 'i';
				}
				break;
			case 'i':
				if (next == 'e')
					i++;
				break;
			case 'h':
				/* silent behind a vowel and before a consonant or the end */
				if (n > 0 && strchr("aeiou", out[n - 1]) != NULL && (next == '\0' || strchr("aeiou", next) == NULL))
					continue;
				break;
			case 'x':
				if (n > 0)
				{
					out[n++] = 'k';
					if (n >= room - 1)
						continue;
					c = 's';
				}
				break;
			default:
				break;
		}
		if (n == 0 || out[n - 1] != c)
			out[n++] = c;
	}
	out[n] = '\0';
}

/* Fill in what is compared of a token. */
static void
add_token(CdName *name, const uint32 *cp, int len, CdTokenKind kind, const char *spellings)
{
	CdNameToken *t;
	CdWord		word = {cp, len, CD_GAP_SPACE};
	char		ascii[64];
	int			n;

	if (name->count >= CD_NAME_TOKENS || len == 0)
		return;
	t = &name->token[name->count++];
	t->cp = cp;
	t->len = len;
	t->kind = kind;
	t->spellings = spellings;
	t->reading = CD_READING_NONE;
	t->vowelless = false;
	t->family = false;
	t->given = kind == CD_TOKEN_WORD ? cd_word_find(&word, given_names, lengthof(given_names)) : -1;
	switch (kind)
	{
		case CD_TOKEN_INITIAL:
			t->weight = 0.5;
			break;
		case CD_TOKEN_PARTICLE:
			t->weight = 0.15;
			break;
		case CD_TOKEN_GENERATION:
			t->weight = 0.2;
			break;
		default:
			t->weight = 1.0;
	}
	cd_word_spelling(cp, len, t->spelling, sizeof(t->spelling));
	for (n = 0; n < len && n < (int) sizeof(ascii) - 1; n++)
		ascii[n] = cp[n] < 128 ? (char) cp[n] : '?';
	cd_word_sound(ascii, n, t->sound, sizeof(t->sound));
}

/* The romanised syllables of a run of Hangul, from one syllable to the next. */
static const char *
hangul_syllable(uint32 c, char *out)
{
	static const char *const lead[] = {"g", "kk", "n", "d", "tt", "r", "m", "b", "pp", "s", "ss", "", "j", "jj", "ch", "k", "t", "p", "h"};
	static const char *const vowel[] = {"a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we", "wi", "yu", "eu", "ui", "i"};
	static const char *const tail[] = {"", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l", "p", "l", "m", "p", "p", "t", "t", "ng", "t", "t", "k", "t", "p", "t"};
	int			s = c - 0xAC00;

	if (c < 0xAC00 || c > 0xD7A3)
		out[0] = '\0';
	else
		sprintf(out, "%s%s%s", lead[s / 588], vowel[s % 588 / 28], tail[s % 28]);
	return out;
}

/* Other spellings of a Hangul family name, by its romanisation. */
static const char *
hangul_family_spellings(const char *latin)
{
	int			i;

	for (i = 0; i < (int) lengthof(hangul_spellings); i++)
		if (strcmp(hangul_spellings[i][0], latin) == 0)
			return hangul_spellings[i][1];
	return NULL;
}

/* Other spellings of a Han family name, Chinese or Japanese. */
static const char *
han_family_spellings(const uint32 *cp, int len)
{
	CdWord		word = {cp, len, CD_GAP_NONE};
	int			i;

	for (i = 0; i < (int) lengthof(han_spellings); i++)
		if (cd_word_is(&word, han_spellings[i][0]))
			return han_spellings[i][1];
	return cd_japanese_spellings(cp, len);
}

/* Add one part of a Han or Hangul name by its reading. */
static void
add_cjk_part(CdName *name, const uint32 *cp, int len, bool family)
{
	bool		hangul = cd_script(cp[0]) == CD_SCRIPT_HANGUL;
	const char *spellings = NULL;
	int			before = name->count;
	CdText		t;
	char		latin[16];
	int			bytes;

	cd_text_init(&t, 48);
	if (hangul || !family)
	{
		for (int i = 0; i < len; i++)
			cd_text_add_ascii(&t, hangul ? hangul_syllable(cp[i], latin) : cd_han_reading(cp[i], false));
	}
	else
		cd_han_append_reading(&t, cp, len, true);
	if (family)
		spellings = hangul ? hangul_family_spellings(cd_text_encode(&t, &bytes)) : han_family_spellings(cp, len);
	add_token(name, t.cp, t.len, CD_TOKEN_WORD, spellings);
	if (name->count > before)
	{
		name->token[before].family = family;
		name->token[before].reading = hangul ? CD_READING_HANGUL : CD_READING_HAN;
	}
}

/* Add a Han or Hangul name: the characters, and tokens of its reading. */
static void
add_cjk_name(CdName *name, const uint32 *cp, int len)
{
	bool		hangul = cd_script(cp[0]) == CD_SCRIPT_HANGUL;
	int			family;
	int			i;

	name->han_len = Min(len, (int) lengthof(name->han));
	memcpy(name->han, cp, sizeof(uint32) * name->han_len);
	if (hangul)
	{
		/* 남궁 황보 제갈 선우 독고 사공 서문 */
		static const uint32 twos[][2] = {{0xB0A8, 0xAD81}, {0xD669, 0xBCF4}, {0xC81C, 0xAC08}, {0xC120, 0xC6B0},
		{0xB3C5, 0xACE0}, {0xC0AC, 0xACF5}, {0xC11C, 0xBB38}};

		family = len >= 2 ? 1 : 0;
		for (i = 0; i < (int) lengthof(twos) && len >= 3; i++)
			if (twos[i][0] == cp[0] && twos[i][1] == cp[1])
				family = 2;
	}
	else
		family = cd_han_family_length(cp, len);
	if (len > 5)
		family = 0;
	name->han_family = family;
	if (family > 0)
		add_cjk_part(name, cp, family, true);
	if (len > family)
		add_cjk_part(name, cp + family, len - family, false);
}

/* Japanese long vowels are written or left out: Satou, Sato. */
static void
shorten_vowels(CdText *t)
{
	int			to = 0;
	int			i;

	for (i = 0; i < t->len; i++)
	{
		if (to > 0 && ((t->cp[i] == 'u' && (t->cp[to - 1] == 'o' || t->cp[to - 1] == 'u')) ||
					   (t->cp[i] == 'o' && t->cp[to - 1] == 'o')))
			continue;
		t->cp[to++] = t->cp[i];
	}
	t->len = to;
}

void
cd_name_parse(CdName *name, const char *s, int bytes)
{
	char	   *normal = cd_normalize_name(s, bytes, true);
	CdText		t;
	CdWords		w;
	int			i;

	name->count = 0;
	name->han_len = 0;
	name->han_family = 0;
	cd_text_decode(&t, normal, strlen(normal));
	cd_words_cut(&w, &t);
	for (i = 0; i < w.count; i++)
	{
		CdWord	   *word = &w.word[i];
		CdScript	script = cd_script(word->cp[0]);
		bool		kana = false;
		int			k;

		for (k = 0; k < word->len; k++)
			kana = kana || cd_script(word->cp[k]) == CD_SCRIPT_KANA;
		if (!kana && name->han_len == 0 && (script == CD_SCRIPT_HAN || script == CD_SCRIPT_HANGUL))
			add_cjk_name(name, word->cp, word->len);
		else if (script == CD_SCRIPT_LATIN || word->cp[0] < 128)
		{
			CdTokenKind kind = CD_TOKEN_WORD;

			if (word->len == 1)
				kind = CD_TOKEN_INITIAL;
			else if (w.count > 1 && i > 0 && CD_WORD_IN(word, generations))
				kind = CD_TOKEN_GENERATION;
			else if (w.count > 1 && CD_WORD_IN(word, particles))
				kind = CD_TOKEN_PARTICLE;
			add_token(name, word->cp, word->len, kind, NULL);
		}
		else
		{
			/* any other script: in Latin letters */
			CdText		one = {(uint32 *) word->cp, word->len, 0};
			int			n;
			char	   *utf8 = cd_text_encode(&one, &n);
			char	   *latin = cd_romanize(utf8, n, &n);
			CdText		folded;
			CdWords		parts;

			cd_text_fold(&folded, latin, n);
			if (kana)
				shorten_vowels(&folded);
			cd_words_cut(&parts, &folded);
			for (k = 0; k < parts.count; k++)
			{
				add_token(name, parts.word[k].cp, parts.word[k].len,
						  parts.word[k].len == 1 ? CD_TOKEN_INITIAL : CD_TOKEN_WORD, NULL);
				/* Hebrew and Arabic */
				name->token[name->count - 1].vowelless = word->cp[0] >= 0x0590 && word->cp[0] <= 0x07BF;
			}
		}
	}
}

static bool
same_letters(const CdNameToken *a, const CdNameToken *b)
{
	return a->len == b->len && memcmp(a->cp, b->cp, sizeof(uint32) * a->len) == 0;
}

/* Find a folded ASCII word in the list of given names with other forms; -1 if not there. */
int
cd_given_name_find(const char *s, int len)
{
	uint32		cp[32];
	CdWord		word;

	if (len > (int) lengthof(cp))
		return -1;
	for (int i = 0; i < len; i++)
		cp[i] = (unsigned char) s[i];
	memset(&word, 0, sizeof(word));
	word.cp = cp;
	word.len = len;
	return cd_word_find(&word, given_names, lengthof(given_names));
}

/* Letters of the given names with other forms, as bits. */
static uint32 given_letters[lengthof(given_names)];

/*
 * Find the given name with other forms that a folded ASCII word is a slip of
 * the hand away from: a letter more, less or another, or two exchanged; -1:
 * none, or several that are no forms of one.
 */
int
cd_given_name_near(const char *s, int len)
{
	uint32		letters = 0;
	int			found = -1;

	if (given_letters[0] == 0)
	{
		for (int i = 0; i < (int) lengthof(given_names); i++)
			for (const char *c = given_names[i]; *c != '\0'; c++)
				given_letters[i] |= 1u << (*c & 31);
	}
	for (int i = 0; i < len; i++)
		letters |= 1u << (s[i] & 31);
	for (int i = 0; i < (int) lengthof(given_names); i++)
	{
		int			n;

		if (pg_popcount32(letters & ~given_letters[i]) > 1 || pg_popcount32(given_letters[i] & ~letters) > 1)
			continue;
		n = strlen(given_names[i]);
		if (abs(n - len) > 1 || cd_osa8((const uint8 *) s, len, (const uint8 *) given_names[i], n, 1) != 1)
			continue;
		if (found >= 0 && !cd_given_name_related(found, i))
			return -1;
		found = i;
	}
	return found;
}

/* Are two given names of the list forms of one? */
bool
cd_given_name_related(int a, int b)
{
	int			i;
	int			j;

	if (a < 0 || b < 0)
		return false;
	for (i = 0; i < GIVEN_GROUPS && given_groups[a][i] >= 0; i++)
		for (j = 0; j < GIVEN_GROUPS && given_groups[b][j] >= 0; j++)
			if (given_groups[a][i] == given_groups[b][j])
				return true;
	return false;
}

/* Has a given name of the list a form that begins with a letter? */
bool
cd_given_name_initial(int given, char letter)
{
	for (int i = 0; i < (int) lengthof(given_names); i++)
		if (given_names[i][0] == letter && cd_given_name_related(given, i))
			return true;
	return false;
}

/* Are two given names forms of one? */
static bool
same_given_group(const CdNameToken *a, const CdNameToken *b)
{
	return cd_given_name_related(a->given, b->given);
}

/* Is a Latin token among the other spellings of a family name? */
static bool
other_spelling(const char *spellings, const CdNameToken *t)
{
	const char *p;

	if (spellings == NULL)
		return false;
	for (p = spellings + 1; *p; p++)
	{
		const char *end = strchr(p, ' ');
		int			i;

		for (i = 0; i < t->len && p + i < end && t->cp[i] == (uint8) p[i]; i++)
			;
		if (i == t->len && p + i == end)
			return true;
		p = end;
	}
	return false;
}

/* Count the syllables of pinyin into which letters can be cut, as few as can be; 0: they cannot. */
int
cd_pinyin_syllables(const uint32 *cp, int len)
{
	uint8		fewest[32] = {1};	/* syllables of the first i letters, and one */
	int			i;
	int			n;

	if (len == 0 || len > 30)
		return 0;
	for (i = 0; i < len; i++)
		for (n = 1; fewest[i] > 0 && n <= 6 && i + n <= len; n++)
		{
			CdWord		syllable = {cp + i, n, CD_GAP_NONE};

			if ((fewest[i + n] == 0 || fewest[i + n] > fewest[i] + 1) && CD_WORD_IN(&syllable, pinyin_syllables))
				fewest[i + n] = fewest[i] + 1;
		}
	return Max(fewest[len], 1) - 1;
}

/* Can the letters be cut into syllables of pinyin? */
bool
cd_is_pinyin(const uint32 *cp, int len)
{
	return cd_pinyin_syllables(cp, len) > 0;
}

/* Korean in Latin letters, whichever way it was romanised: eo u oo woo are u, g k, d t, b p, j ch, l r. */
static void
korean_key(const uint32 *cp, int len, char *out, int room)
{
	int			n = 0;
	int			i = 0;

	while (i < len && n < room - 1)
	{
		static const struct
		{
			const char *from;
			char		to;
		}			rules[] =
		{
			{"woo", 'u'}, {"wu", 'u'}, {"eo", 'u'}, {"eu", 'u'}, {"oo", 'u'}, {"ou", 'u'}, {"ee", 'i'}, {"ui", 'i'}, {"ae", 'e'}, {"ai", 'e'},
			{"ch", 'c'}, {"sh", 's'}, {"kk", 'k'}, {"ck", 'k'}, {"tt", 't'}, {"pp", 'p'}, {"g", 'k'}, {"d", 't'}, {"b", 'p'}, {"j", 'c'}, {"l", 'r'}, {"y", '\0'},
			{"w", '\0'},
		};
		char		to = (char) cp[i];
		int			step = 1;
		int			k;

		for (k = 0; k < (int) lengthof(rules); k++)
		{
			int			m = strlen(rules[k].from);

			if (i + m <= len && cd_equals_ascii(cp + i, m, rules[k].from))
			{
				to = rules[k].to;
				step = m;
				break;
			}
		}
		if (to != '\0' && (n == 0 || out[n - 1] != to))
			out[n++] = to;
		i += step;
	}
	out[n] = '\0';
}

/*
 * How well Latin letters spell a reading.  What is pinyin but of another
 * reading is another name; other ways of writing Chinese are near at best.
 */
static double
reading_similarity(const CdNameToken *reading, const CdNameToken *other, int8 *pinyin)
{
	const uint32 *cp = other->cp;
	int			len = other->len;
	double		jw;

	if (len == reading->len && memcmp(cp, reading->cp, sizeof(uint32) * len) == 0)
		return 0.98;
	if (reading->reading == CD_READING_HANGUL)
	{
		char		a[32];
		char		b[32];

		korean_key(reading->cp, reading->len, a, sizeof(a));
		korean_key(cp, len, b, sizeof(b));
		if (strcmp(a, b) == 0)
			return 0.94;
		return !reading->family && Min(strlen(a), strlen(b)) >= 5 &&
			cd_osa8((uint8 *) a, strlen(a), (uint8 *) b, strlen(b), 1) <= 1 ? 0.85 : 0.0;
	}
	if (len >= 4 && strcmp(other->spelling, reading->spelling) == 0)
		return 0.96;
	/* a family name is a known one or none */
	if (reading->family)
		return 0.0;
	if (Min(len, reading->len) >= 6 && cd_osa(cp, len, reading->cp, reading->len, 1) <= 1)
		return 0.85;
	/* what is too far from it to count needs no look at its syllables */
	jw = cd_jaro_winkler(cp, len, reading->cp, reading->len);
	if (jw < 0.6)
		return 0.0;
	if (*pinyin < 0)
		*pinyin = cd_is_pinyin(cp, len);
	if (*pinyin)
		return 0.0;
	return jw >= 0.85 ? 0.9 : jw >= 0.7 ? 0.8 : jw >= 0.6 ? 0.65 : 0.0;
}

/* Do the consonants of a token without vowels sound like another's?  A w may be a v. */
static bool
same_consonants(const CdNameToken *bare, const CdNameToken *other)
{
	const char *sound = other->sound + (other->sound[0] == 'a');
	char		ascii[32];
	char		read[sizeof(bare->sound)];
	int			n;

	if (strcmp(bare->sound + (bare->sound[0] == 'a'), sound) == 0)
		return true;
	for (n = 0; n < bare->len && n < (int) sizeof(ascii); n++)
		ascii[n] = bare->cp[n] == 'w' ? 'v' : bare->cp[n] < 128 ? (char) bare->cp[n] : '?';
	cd_word_sound(ascii, n, read, sizeof(read));
	return strcmp(read + (read[0] == 'a'), sound) == 0;
}

/* How alike two tokens are; pinyin remembers whether the one that is no reading is pinyin. */
static double
token_similarity_knowing(const CdNameToken *a, const CdNameToken *b, int8 *pinyin)
{
	int			shorter = Min(a->len, b->len);
	double		jw;

	if (same_letters(a, b))
		return 1.0;
	if (a->kind == CD_TOKEN_GENERATION || b->kind == CD_TOKEN_GENERATION)
		return 0.0;
	if (a->kind == CD_TOKEN_INITIAL || b->kind == CD_TOKEN_INITIAL)
		return a->kind != b->kind && a->cp[0] == b->cp[0] &&
			a->kind != CD_TOKEN_PARTICLE && b->kind != CD_TOKEN_PARTICLE ? 0.85 : 0.0;
	if (a->kind == CD_TOKEN_PARTICLE && b->kind == CD_TOKEN_PARTICLE)
		return 0.6;
	if (other_spelling(a->spellings, b) || other_spelling(b->spellings, a))
		return 0.95;
	if ((a->reading != CD_READING_NONE) != (b->reading != CD_READING_NONE))
		return a->reading ? reading_similarity(a, b, pinyin) : reading_similarity(b, a, pinyin);
	if (strcmp(a->spelling, b->spelling) == 0)
		return 0.96;
	if (same_given_group(a, b))
		return 0.92;
	jw = cd_jaro_winkler(a->cp, a->len, b->cp, b->len);
	if ((a->vowelless && same_consonants(a, b)) || (b->vowelless && same_consonants(b, a)))
		return 0.88;
	/* two known given names that are not forms of one, or a man's and a woman's: Paul, Paula */
	if (a->given >= 0 && b->given >= 0)
		return jw < 0.8 ? 0.0 : jw * 0.8;
	if (abs(a->len - b->len) == 1 && memcmp(a->cp, b->cp, sizeof(uint32) * shorter) == 0 &&
		(a->len > b->len ? a : b)->cp[shorter] == 'a')
		return 0.75;
	/* two readings differ by whole syllables: what is near in letters is not near in names */
	if (a->reading && b->reading)
		return jw < 0.8 ? 0.0 : jw * 0.85;
	if (shorter >= 4 && strlen(a->sound) >= 3 && strcmp(a->sound, b->sound) == 0 && jw >= 0.65)
		return Max(0.9, jw);
	if (shorter >= 5 && a->sound[0] != '\0' && strcmp(a->sound, b->sound) == 0 && jw >= 0.7)
		return 0.88;
	if (shorter >= 3 && memcmp(a->cp, b->cp, sizeof(uint32) * shorter) == 0)
		return Max(0.85, jw * 0.95);
	if (shorter >= 5 && cd_osa(a->cp, a->len, b->cp, b->len, 1) <= 1)
		return Max(0.92, jw);
	/* below 0.8 two names are as alike as any two */
	if (jw < 0.8)
		return 0.0;
	return shorter <= 4 ? jw * 0.85 : jw;
}

static double
token_similarity(const CdNameToken *a, const CdNameToken *b)
{
	int8		pinyin = -1;

	return token_similarity_knowing(a, b, &pinyin);
}

/* Keep the one word of a parsed name. */
static void
keep_part(CdNamePart *part, const CdName *name)
{
	part->single = name->count == 1;
	part->large = part->single && name->token[0].len > CD_PART_LETTERS;
	part->pinyin = -1;
	if (!part->single || part->large)
		return;
	part->token = name->token[0];
	memcpy(part->cp, name->token[0].cp, part->token.len * sizeof(uint32));
	part->token.cp = part->cp;
}

/* Read one part of a name that is written in another script; part must stay where it is. */
void
cd_name_part_foreign(CdNamePart *part, const char *text, int bytes, bool family)
{
	uint32		cp[CD_PART_LETTERS];
	CdName		name;
	CdScript	script;
	int			n = bytes > CD_PART_LETTERS ? 0 : cd_utf8_decode(text, bytes, cp);

	name.count = name.han_len = name.han_family = 0;
	script = n == 0 ? CD_SCRIPT_LATIN : cd_script(cp[0]);
	if (script == CD_SCRIPT_HAN || script == CD_SCRIPT_HANGUL)
		add_cjk_part(&name, cp, n, family);
	else if (n > 0)
		cd_name_parse(&name, text, bytes);
	keep_part(part, &name);
}

/* Read a folded word in Latin letters. */
void
cd_name_part_latin(CdNamePart *part, const char *text, int bytes)
{
	CdName		name;

	name.count = 0;
	if (bytes <= CD_PART_LETTERS)
		cd_name_parse(&name, text, bytes);
	keep_part(part, &name);
}

/*
 * How well a folded word in Latin letters spells one part of a name that is
 * written in another script: 0 not at all, 1 letter by letter.
 */
double
cd_name_part_spelled(const CdNamePart *foreign, CdNamePart *latin)
{
	if (!foreign->single || !latin->single || foreign->large || latin->large)
		return 0;
	return token_similarity_knowing(&foreign->token, &latin->token, &latin->pinyin);
}

/*
 * Does a sequence of tokens of one name spell one token of the other?  How many
 * they are, and how well in *score; a reading is spelled in many ways.
 */
static int
joined_tokens(const CdName *name, int from, const bool *used, const CdNameToken *whole, double *score)
{
	uint32		joined[64];
	CdNameToken other = {.cp = joined};
	int			len = 0;
	int			best = 0;
	bool		bare = true;
	int			i;

	*score = 0;
	for (i = from; i < name->count && !used[i] && i < from + 4; i++)
	{
		const CdNameToken *t = &name->token[i];
		double		s;

		if (t->reading || len + t->len > (int) lengthof(joined) || len + t->len > whole->len + 3)
			break;
		memcpy(joined + len, t->cp, sizeof(uint32) * t->len);
		len += t->len;
		bare = bare && t->vowelless;
		if (i == from)
			continue;
		if (len == whole->len && memcmp(joined, whole->cp, sizeof(uint32) * len) == 0)
		{
			*score = 0.98;
			return i - from + 1;
		}
		other.len = len;
		cd_word_spelling(joined, len, other.spelling, sizeof(other.spelling));
		if (whole->reading)
		{
			int8		pinyin = -1;

			s = reading_similarity(whole, &other, &pinyin);
		}
		else
			s = whole->len >= 4 && strcmp(other.spelling, whole->spelling) == 0 ? 0.97 : 0.0;
		if (s == 0 && bare && len >= 4)
		{
			char		ascii[lengthof(joined)];

			for (int k = 0; k < len; k++)
				ascii[k] = joined[k] < 128 ? (char) joined[k] : '?';
			cd_word_sound(ascii, len, other.sound, sizeof(other.sound));
			s = same_consonants(&other, whole) ? 0.88 : 0.0;
		}
		if (s > *score)
		{
			*score = s;
			best = i - from + 1;
		}
	}
	return best;
}

/* Pair what one name writes apart and the other together. */
static double
pair_joined(const CdName *a, bool *used_a, const CdName *b, bool *used_b, double *paired)
{
	double		gained = 0;
	int			i;
	int			j;
	int			k;

	for (i = 0; i < a->count; i++)
		for (j = 0; j + 1 < b->count && !used_a[i]; j++)
		{
			double		score;
			int			n = used_b[j] ? 0 : joined_tokens(b, j, used_b, &a->token[i], &score);

			if (n == 0)
				continue;
			used_a[i] = true;
			for (k = j; k < j + n; k++)
				used_b[k] = true;
			gained += score;
			*paired += 1.0;
		}
	return gained;
}

/* Similarity of two Han or Hangul names by their characters; 0 if nothing says they are one. */
static double
compare_cjk(const CdName *a, const CdName *b)
{
	int			la = a->han_len;
	int			lb = b->han_len;
	const uint32 *x = a->han;
	const uint32 *y = b->han;
	int			shift;
	int			i;

	if (la == lb && memcmp(x, y, sizeof(uint32) * la) == 0)
		return 1.0;
	if (la == lb)
	{
		double		sum = 0;
		int			same_sound = 0;
		int			equal = 0;

		for (i = 0; i < la; i++)
		{
			bool		sound = x[i] == y[i] ||
				(cd_han_reading(x[i], false)[0] != '\0' &&
				 strcmp(cd_han_reading(x[i], i < a->han_family), cd_han_reading(y[i], i < b->han_family)) == 0);

			same_sound += sound;
			equal += x[i] == y[i];
			sum += x[i] == y[i] ? 1.0 : sound ? 0.8 : 0.0;
		}
		if (same_sound == la)
			return equal * 2 >= la ? 0.93 : 0.88;
		/* family and given name turned: 小明 王 */
		for (shift = 1; shift < la; shift++)
		{
			for (i = 0; i < la && x[i] == y[(i + shift) % la]; i++)
				;
			if (i == la)
				return la == 2 ? 0.85 : 0.93;
		}
		/* one of three characters differs and does not sound alike: another person, more often */
		return sum / la * (la <= 2 ? 0.7 : 0.9);
	}
	if (abs(la - lb) == 1)
	{
		const uint32 *l = la > lb ? x : y;
		const uint32 *s = la > lb ? y : x;
		int			ls = Min(la, lb);

		/* the husband's family name before one's own */
		if (ls >= 3 && memcmp(l + 1, s, sizeof(uint32) * ls) == 0)
			return 0.9;
		/* a character left out */
		if (cd_levenshtein(l, ls + 1, s, ls, 1) == 1)
			return ls >= 3 ? 0.85 : ls == 2 ? 0.7 : 0.5;
	}
	return (1.0 - (double) cd_osa(x, la, y, lb, CD_NO_MAX) / Max(la, lb)) * 0.7;
}

/* Similarity of the tokens of two names. */
static double
compare_tokens(const CdName *a, const CdName *b)
{
	bool		used_a[CD_NAME_TOKENS] = {false};
	bool		used_b[CD_NAME_TOKENS] = {false};
	int			partner[CD_NAME_TOKENS];
	float		sim[CD_NAME_TOKENS][CD_NAME_TOKENS];
	double		gained = 0;
	double		paired = 0;
	double		rest_a = 0;
	double		rest_b = 0;
	double		result;
	int			words_paired = 0;
	bool		joined;
	int			words_a = 0;
	int			words_b = 0;
	bool		generation_a = false;
	bool		generation_b = false;
	bool		crossed = false;
	int			last = -1;
	int			i;
	int			j;

	if (a->count == 0 || b->count == 0)
		return a->count == b->count ? 1.0 : 0.0;
	for (i = 0; i < a->count; i++)
	{
		words_a += a->token[i].kind == CD_TOKEN_WORD;
		partner[i] = -1;
		for (j = 0; j < b->count; j++)
		{
			sim[i][j] = token_similarity(&a->token[i], &b->token[j]);
			if ((sim[i][j] == 1.0 || (sim[i][j] > 0.94 && (a->token[i].spellings || b->token[j].spellings))) &&
				a->token[i].kind == CD_TOKEN_WORD && !used_a[i] && !used_b[j])
			{
				used_a[i] = used_b[j] = true;
				partner[i] = j;
			}
		}
	}
	for (j = 0; j < b->count; j++)
		words_b += b->token[j].kind == CD_TOKEN_WORD;

	/* what is written apart on one side first, then the best pairs one by one */
	gained += pair_joined(a, used_a, b, used_b, &paired);
	gained += pair_joined(b, used_b, a, used_a, &paired);
	joined = paired > 0;
	for (;;)
	{
		double		best = 0;
		int			best_i = -1;
		int			best_j = -1;

		for (i = 0; i < a->count; i++)
			for (j = 0; j < b->count && !used_a[i]; j++)
			{
				/* of equal pairs the one at like places */
				double		s = sim[i][j] - 0.001 * abs(i - j);

				if (!used_b[j] && sim[i][j] > 0 && s > best)
				{
					best = s;
					best_i = i;
					best_j = j;
				}
			}
		if (best_i < 0)
			break;
		used_a[best_i] = used_b[best_j] = true;
		partner[best_i] = best_j;
	}
	for (i = 0; i < a->count; i++)
	{
		const CdNameToken *t = &a->token[i];

		if (partner[i] >= 0)
		{
			const CdNameToken *u = &b->token[partner[i]];
			double		weight = t->kind == u->kind ? (t->weight + u->weight) / 2 : Min(t->weight, u->weight);
			double		s = sim[i][partner[i]];

			gained += s * weight;
			paired += weight;
			if (t->kind == CD_TOKEN_WORD && u->kind == CD_TOKEN_WORD)
			{
				words_paired++;
				crossed = crossed || partner[i] < last;
				last = partner[i];
			}
		}
		else if (!used_a[i])
		{
			if (t->kind == CD_TOKEN_GENERATION)
				generation_a = true;
			else
				rest_a += t->weight;
		}
	}
	for (j = 0; j < b->count; j++)
	{
		if (used_b[j])
			continue;
		if (b->token[j].kind == CD_TOKEN_GENERATION)
			generation_b = true;
		else
			rest_b += b->token[j].weight;
	}
	if (paired + rest_a + rest_b == 0)
		return 0.0;
	result = gained / (paired + Min(rest_a, rest_b) + EXTRA_WEIGHT * fabs(rest_a - rest_b));
	/* one name alone says little about a longer one */
	if (Min(a->count, b->count) == 1 && Max(words_a, words_b) > 1 && words_paired <= 1 && !joined)
		result = Min(result, 0.7);
	if (crossed)
		result *= 0.97;
	/* John Smith Jr and John Smith III; a mark left out says little */
	if (generation_a || generation_b)
		result *= generation_a && generation_b ? 0.78 : 0.97;
	return Min(result, 1.0);
}

/* An order of parsed names, so that a pair is always compared the same way round. */
static int
order_of(const CdName *a, const CdName *b)
{
	int			i;

	if (a->count != b->count)
		return a->count - b->count;
	for (i = 0; i < a->count; i++)
	{
		int			cmp;

		if (a->token[i].len != b->token[i].len)
			return a->token[i].len - b->token[i].len;
		cmp = memcmp(a->token[i].cp, b->token[i].cp, sizeof(uint32) * a->token[i].len);
		if (cmp != 0)
			return cmp;
	}
	return a->han_len - b->han_len;
}

double
cd_name_compare(const CdName *a, const CdName *b)
{
	if (order_of(a, b) > 0)
	{
		const CdName *swap = a;

		a = b;
		b = swap;
	}
	if (a->han_len > 0 && b->han_len > 0 &&
		cd_script(a->han[0]) == cd_script(b->han[0]))
		return compare_cjk(a, b);
	return compare_tokens(a, b);
}

double
cd_name_similarity(const char *a, int la, const char *b, int lb)
{
	CdName		x;
	CdName		y;

	if (la == lb && memcmp(a, b, la) == 0)
		return 1.0;
	cd_name_parse(&x, a, la);
	cd_name_parse(&y, b, lb);
	if (x.count == 0 && y.count == 0 && x.han_len == 0 && y.han_len == 0)
		return cd_same_signs(a, la, b, lb) ? 1.0 : 0.0;
	return cd_name_compare(&x, &y);
}
