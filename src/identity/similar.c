/*
 * similar.c
 *		How alike two interned tokens are, remembered per pair of tokens.
 */
#include "postgres.h"

#include "customer_data.h"

#include "identity/engine.h"
#include "identity/glance.h"
#include "text/compare.h"
#include "text/similarity.h"

#define CACHE_BITS		19
/* Parts of names that are kept parsed: words in Latin letters are many more than others. */
#define FOREIGN_PLACES	4096
#define LATIN_PLACES	16384

/* Compare two tokens of a dictionary by code points. */
double
cd_token_similarity(CdDictionary *dict, uint32 a, uint32 b)
{
	const CdToken *x = &dict->token[a];
	const CdToken *y = &dict->token[b];
	const char *s = dict->pool + x->offset;
	const char *t = dict->pool + y->offset;
	uint32		cs[64];
	uint32		ct[64];

	if (x->ascii && y->ascii)
		return cd_jaro_winkler8((const uint8 *) s, x->len, (const uint8 *) t, y->len);
	return cd_jaro_winkler(cs, cd_utf8_decode(s, x->len, cs), ct, cd_utf8_decode(t, y->len, ct));
}

/* Edit distance with swaps of neighbours, at most max + 1. */
int
cd_token_distance(CdDictionary *dict, uint32 a, uint32 b, int max)
{
	const CdToken *x = &dict->token[a];
	const CdToken *y = &dict->token[b];
	const char *s = dict->pool + x->offset;
	const char *t = dict->pool + y->offset;
	uint32		cs[64];
	uint32		ct[64];

	if (Max(x->chars, y->chars) - Min(x->chars, y->chars) > max)
		return max + 1;
	if (x->ascii && y->ascii)
		return cd_osa8((const uint8 *) s, x->len, (const uint8 *) t, y->len, max);
	return cd_osa(cs, cd_utf8_decode(s, x->len, cs), ct, cd_utf8_decode(t, y->len, ct), max);
}

/* Judge two different Latin readings, nothing remembered. */
static CdLikeness
judge(CdDictionary *dict, uint32 a, uint32 b)
{
	const CdToken *x;
	const CdToken *y;
	int			shorter;
	double		similarity;
	int			distance;
	CdLikeness	least = CD_DIFFERENT;

	x = &dict->token[a];
	y = &dict->token[b];
	shorter = Min(x->chars, y->chars);
	if (x->given >= 0 && y->given >= 0 && cd_given_name_related(x->given, y->given))
	{
		if (!x->slip && !y->slip)
			return CD_CLOSE;
		least = CD_SIMILAR;
	}

	if (shorter == 1 && x->chars != y->chars)
	{
		char		initial = CD_TOKEN_TEXT(dict, x->chars == 1 ? a : b)[0];
		const CdToken *name = x->chars == 1 ? y : x;

		/* R. may be Dick, who is Richard */
		return initial == CD_TOKEN_TEXT(dict, x->chars == 1 ? b : a)[0] ||
			(name->given >= 0 && !name->slip && cd_given_name_initial(name->given, initial)) ? CD_INITIAL : CD_DIFFERENT;
	}
	if (shorter <= 1)
		return CD_DIFFERENT;
	similarity = cd_token_similarity(dict, a, b);
	if (similarity < 0.6)
		return least;
	distance = cd_token_distance(dict, a, b, 2);
	if (shorter >= 4 && (similarity >= 0.92 || distance == 1))
		return CD_CLOSE;
	if (shorter >= 3 && x->sound[0] != '\0' && x->sound[1] != '\0' &&
		strcmp(x->sound, y->sound) == 0 && similarity >= 0.75)
		return CD_CLOSE;
	if (shorter <= 3 && distance == 1 && shorter >= 2 && x->ascii && y->ascii)
		return CD_SIMILAR;
	if (shorter >= 3 && (similarity >= 0.84 || (distance == 2 && shorter >= 5)))
		return CD_SIMILAR;
	return least;
}

/*
 * Is one word of a company's name short for the other: its start (transp,
 * transport) or what is left when most vowels go (bldrs, builders)?
 */
static bool
abbreviates(const CdDictionary *dict, uint32 a, uint32 b)
{
	const CdGlance *x = &dict->glance[a];
	const CdGlance *y = &dict->glance[b];
	const char *s;
	const char *t;
	int			vowels = 0;
	int			at = 0;

	if (!cd_may_abbreviate(x, y) ||
		(dict->token[a].space != CD_SPACE_ACCOUNT && dict->token[a].space != CD_SPACE_COMPANY))
		return false;
	if (x->chars > y->chars)
	{
		const CdGlance *swap = x;

		x = y;
		y = swap;
		a ^= b;
		b ^= a;
		a ^= b;
	}
	s = CD_TOKEN_TEXT(dict, a);
	t = CD_TOKEN_TEXT(dict, b);
	if (x->chars >= 4 && memcmp(s, t, x->chars) == 0)
		return true;
	for (int i = 0; i < y->chars && at < x->chars; i++)
	{
		if (t[i] == s[at])
			vowels += strchr("aeiou", s[at++]) != NULL;
	}
	return at == x->chars && vowels <= 1 && s[x->chars - 1] == t[y->chars - 1];
}

/* A token in another script read as a part of a name, as a given and as a family name. */
typedef struct ForeignPart
{
	uint32		token;			/* + 1, 0 if free */
	CdNamePart	given;
	CdNamePart	family;
} ForeignPart;

/* A word in Latin letters. */
typedef struct LatinPart
{
	uint32		token;			/* + 1, 0 if free */
	CdNamePart	part;
} LatinPart;

/* What is looked at of them first. */
typedef struct ForeignLook
{
	uint32		token;			/* + 1, 0 if free */
	CdSpelled	look;
} ForeignLook;

typedef struct LatinLook
{
	uint32		token;			/* + 1, 0 if free */
	CdSpeller	look;
} LatinLook;

struct CdKeptParts
{
	ForeignLook foreign_look[FOREIGN_PLACES];
	LatinLook	latin_look[LATIN_PLACES];
	ForeignPart foreign[FOREIGN_PLACES];
	LatinPart	latin[LATIN_PLACES];
};

/* Where a token is kept among so many. */
#define KEPT_AT(token, places)	((token) * 0x9E3779B1u / (PG_UINT32_MAX / (places) + 1))

/* Read a token as a part of a name into what is kept of it. */
static void
read_part(const CdDictionary *dict, uint32 token, ForeignPart *foreign, LatinPart *latin)
{
	const char *text = CD_TOKEN_TEXT(dict, token);
	int			len = dict->token[token].len;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "customer_data spelling", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(scratch);

	if (foreign != NULL)
	{
		cd_name_part_foreign(&foreign->given, text, len, false);
		cd_name_part_foreign(&foreign->family, text, len, true);
		foreign->token = token + 1;
	}
	else
	{
		cd_name_part_latin(&latin->part, text, len);
		latin->token = token + 1;
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
}

/* The parts kept, made when the first is. */
static CdKeptParts *
kept_parts(CdDictionary *dict)
{
	if (dict->parts == NULL)
		dict->parts = MemoryContextAllocExtended(dict->context, sizeof(CdKeptParts), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return dict->parts;
}

static const ForeignPart *
foreign_part(CdDictionary *dict, uint32 token)
{
	ForeignPart *part = &kept_parts(dict)->foreign[KEPT_AT(token, FOREIGN_PLACES)];

	if (part->token != token + 1)
		read_part(dict, token, part, NULL);
	return part;
}

static LatinPart *
latin_part(CdDictionary *dict, uint32 token)
{
	LatinPart  *part = &kept_parts(dict)->latin[KEPT_AT(token, LATIN_PLACES)];

	if (part->token != token + 1)
		read_part(dict, token, NULL, part);
	return part;
}

/* How a token in another script is spelled, at a glance. */
static const CdSpelled *
foreign_look(CdDictionary *dict, uint32 token)
{
	ForeignLook *look = &kept_parts(dict)->foreign_look[KEPT_AT(token, FOREIGN_PLACES)];

	if (look->token != token + 1)
	{
		const ForeignPart *part = foreign_part(dict, token);

		cd_spelled_note(&look->look, &part->given, &part->family);
		look->token = token + 1;
	}
	return &look->look;
}

/* The same of a word in Latin letters. */
static const LatinLook *
latin_look(CdDictionary *dict, uint32 token)
{
	LatinLook  *look = &kept_parts(dict)->latin_look[KEPT_AT(token, LATIN_PLACES)];

	if (look->token != token + 1)
	{
		cd_speller_note(&look->look, &latin_part(dict, token)->part);
		look->token = token + 1;
	}
	return look;
}

/*
 * Judge a part of a name in another script and a word in Latin letters: what
 * it may be spelled as besides its reading (Wong for 王, Mohammed for محمد).
 */
static CdLikeness
judge_spelling(CdDictionary *dict, uint32 foreign, uint32 latin)
{
	const ForeignPart *f;
	LatinPart  *l;
	double		best;

	if (!cd_may_spell(foreign_look(dict, foreign), &latin_look(dict, latin)->look))
		return CD_DIFFERENT;
	f = foreign_part(dict, foreign);
	l = latin_part(dict, latin);
	best = Max(cd_name_part_spelled(&f->given, &l->part), cd_name_part_spelled(&f->family, &l->part));
	return best >= 0.86 ? CD_CLOSE : best >= 0.8 ? CD_SIMILAR : CD_DIFFERENT;
}

/*
 * Is one of two given names Chinese, in characters or pinyin, and the other
 * not?  Who is 王伟 or Wang Wei may be David Wang elsewhere.  Two names in
 * Latin letters are so only beside a Chinese family name.
 */
bool
cd_tokens_of_two_tongues(const CdDictionary *dict, uint32 family, uint32 a, uint32 b)
{
	const CdGlance *x = &dict->glance[a];
	const CdGlance *y = &dict->glance[b];

	if (x->han != y->han)
	{
		const CdGlance *latin = x->han ? y : x;

		return dict->token[x->han ? b : a].ascii && !latin->pinyin;
	}
	if (x->han || x->pinyin == y->pinyin || !dict->token[a].ascii || !dict->token[b].ascii ||
		Min(dict->token[a].len, dict->token[b].len) < 2)
		return false;
	family = dict->glance[family].roman;
	return cd_reads_chinese_family(CD_TOKEN_TEXT(dict, family), dict->token[family].len);
}

/*
 * A letter off is a slip of the hand in Latin letters.  Two words in Chinese
 * characters whose readings differ by one are two words, however alike.
 */
static inline CdLikeness
as_written(CdLikeness likeness, bool characters)
{
	return !characters ? likeness : likeness == CD_CLOSE ? CD_SIMILAR : CD_DIFFERENT;
}

/* Where the likeness of two tokens, the lower first, is remembered, and under which key: numbers have 29 bits, so that both and the answer fit one word. */
static inline uint64 *
remembered(const CdDictionary *dict, uint32 a, uint32 b, uint64 *key)
{
	*key = ((uint64) a << 35) | ((uint64) b << 6);
	return &dict->cache[(*key * UINT64CONST(0x9E3779B97F4A7C15)) >> (64 - CACHE_BITS)];
}

/* Bring what cd_token_likeness remembers of two tokens into the caches. */
void
cd_prefetch_likeness(const CdDictionary *dict, uint32 a, uint32 b)
{
	const CdGlance *x = &dict->glance[a];
	const CdGlance *y = &dict->glance[b];
	uint64		key;

	if (a == b)
		return;
	if ((x->roman != a) == (y->roman != b))
	{
		if (cd_differ_at_a_glance(x, y))
			return;
		a = x->roman;
		b = y->roman;
	}
	cd_prefetch(remembered(dict, Min(a, b), Max(a, b), &key));
}

/* How alike two tokens of one namespace are. */
CdLikeness
cd_token_likeness(CdDictionary *dict, uint32 a, uint32 b)
{
	uint64		key;
	uint64	   *slot;
	CdLikeness	answer;
	bool		across = false;	/* between scripts */
	bool		written = false;	/* both in Chinese characters */

	if (a == b)
		return CD_SAME;
	if ((dict->glance[a].roman != a) != (dict->glance[b].roman != b))
		across = dict->token[a].space == CD_SPACE_NAME;
	if (!across)
	{
		if (cd_differ_at_a_glance(&dict->glance[a], &dict->glance[b]))
			return abbreviates(dict, a, b) ? CD_SIMILAR : CD_DIFFERENT;
		/* what is written in another script is compared by its reading */
		written = dict->glance[a].roman != a && dict->glance[b].roman != b && dict->glance[a].han && dict->glance[b].han;
		a = dict->glance[a].roman;
		b = dict->glance[b].roman;
	}
	/* one is the other's reading; two words that read alike may be two */
	if (dict->glance[a].roman == dict->glance[b].roman)
		return across && (dict->glance[a].roman == a || dict->glance[a].roman == b) ? CD_SAME : CD_CLOSE;
	if (a > b)
	{
		uint32		swap = a;

		a = b;
		b = swap;
	}
	if (dict->cache == NULL)
		dict->cache = MemoryContextAllocExtended(dict->context, sizeof(uint64) << CACHE_BITS,
												 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	slot = remembered(dict, a, b, &key);
	if ((*slot & ~UINT64CONST(63)) == key && (*slot & 32))
		return as_written((CdLikeness) (*slot & 7), written);
	answer = judge(dict, dict->glance[a].roman, dict->glance[b].roman);
	if (answer == CD_DIFFERENT && abbreviates(dict, a, b))
		answer = CD_SIMILAR;
	if (across && answer < CD_CLOSE)
		answer = Max(answer, dict->glance[a].roman == a ? judge_spelling(dict, b, a) : judge_spelling(dict, a, b));
	*slot = key | 32 | (uint64) answer;
	return as_written(answer, written);
}
