/*
 * dictionary.c
 *		Tokens of all records, each kept once and numbered.
 */
#include "postgres.h"

#include "customer_data.h"

#include "common/hashfn.h"
#include "identity/engine.h"
#include "mb/pg_wchar.h"
#include "text/chars.h"
#include "text/compare.h"
#include "text/similarity.h"

#define MAX_TOKEN_BYTES			60
/* Shorter given names are a slip of the hand away from too many. */
#define LONG_GIVEN				5

/* Hash bytes to 64 bits, never 0. */
uint64
cd_hash64(uint64 seed, const char *data, int len)
{
	uint64		h = DatumGetUInt64(hash_any_extended((const unsigned char *) data, len, seed));

	return h == 0 ? 1 : h;
}

CdDictionary *
cd_dictionary_create(MemoryContext context, uint32 expected)
{
	CdDictionary *dict = MemoryContextAllocZero(context, sizeof(CdDictionary));

	dict->context = context;
	dict->maxtokens = Max(expected, 64);
	dict->token = MemoryContextAllocHuge(context, (Size) dict->maxtokens * sizeof(CdToken));
	dict->glance = MemoryContextAllocHuge(context, (Size) dict->maxtokens * sizeof(CdGlance));
	dict->nbuckets = 128;
	while (dict->nbuckets < dict->maxtokens * 2)
		dict->nbuckets *= 2;
	dict->bucket = MemoryContextAllocExtended(context, (Size) dict->nbuckets * sizeof(uint32),
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	dict->poolsize = (Size) dict->maxtokens * 8;
	dict->pool = MemoryContextAllocHuge(context, dict->poolsize);
	return dict;
}

/* Place every token. */
static void
place_tokens(CdDictionary *dict)
{
	uint32		mask = dict->nbuckets - 1;

	for (uint32 i = 0; i < dict->ntokens; i++)
	{
		uint32		b = (uint32) dict->token[i].hash & mask;

		while (dict->bucket[b] != 0)
			b = (b + 1) & mask;
		dict->bucket[b] = i + 1;
	}
}

/* Double the bucket array and place every token anew. */
static void
dictionary_rehash(CdDictionary *dict)
{
	pfree(dict->bucket);
	dict->nbuckets *= 2;
	dict->bucket = MemoryContextAllocExtended(dict->context, (Size) dict->nbuckets * sizeof(uint32),
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	place_tokens(dict);
}

/* Copy a dictionary, of which only tokens and their texts need to be there, into one that may grow. */
CdDictionary *
cd_dictionary_copy(MemoryContext context, const CdDictionary *dict)
{
	CdDictionary *copy = cd_dictionary_create(context, Max(dict->ntokens * 2, 65536));

	copy->ntokens = dict->ntokens;
	if (dict->ntokens > 0)
		copy->poolused = (Size) dict->token[dict->ntokens - 1].offset + dict->token[dict->ntokens - 1].len;
	if (copy->poolsize < copy->poolused)
	{
		pfree(copy->pool);
		copy->poolsize = copy->poolused * 2;
		copy->pool = MemoryContextAllocHuge(context, copy->poolsize);
	}
	copy->foreign = dict->foreign;
	memcpy(copy->all, dict->all, sizeof(copy->all));
	memcpy(copy->token, dict->token, (Size) dict->ntokens * sizeof(CdToken));
	memcpy(copy->glance, dict->glance, (Size) dict->ntokens * sizeof(CdGlance));
	memcpy(copy->pool, dict->pool, copy->poolused);
	place_tokens(copy);
	return copy;
}

/*
 * Code how a token sounds: consonants in classes, a leading vowel as 'a', other
 * vowels dropped, doubled sounds once.  Only Latin letters sound.
 */
static void
sound_code(const char *s, int len, char *out)
{
	int			n = 0;

	for (int i = 0; i < len && n < 8; i++)
	{
		char		c = s[i];
		char		next = i + 1 < len ? s[i + 1] : '\0';
		char		code = '\0';

		switch (c)
		{
			case 'a': case 'e': case 'i': case 'o': case 'u': case 'y':
				code = i == 0 ? 'a' : '\0';
				break;
			case 'b': case 'p':
				code = (c == 'p' && next == 'h') ? 'f' : 'p';
				break;
			case 'f': case 'v': case 'w':
				code = (c == 'w' && i > 0) ? '\0' : (c == 'w' && next == 'r') ? '\0' : 'f';
				break;
			case 'c':
				code = (next == 'e' || next == 'i' || next == 'y' || next == 'h') ? 's' : 'k';
				break;
			case 's': case 'z': case 'x':
				code = 's';
				break;
			case 'g':
				code = (next == 'h' && i > 0) ? '\0' : (i == 0 && next == 'n') ? '\0' : 'k';
				break;
			case 'k': case 'q':
				code = (i == 0 && next == 'n') ? '\0' : 'k';
				break;
			case 'd': case 't':
				code = 't';
				break;
			case 'j':
				code = 'j';
				break;
			case 'l':
				code = 'l';
				break;
			case 'm': case 'n':
				code = 'n';
				break;
			case 'r':
				code = 'r';
				break;
			case 'h':
				code = i == 0 ? 'h' : '\0';
				break;
			default:
				if (IS_HIGHBIT_SET(c) || (c >= '0' && c <= '9'))
				{
					out[0] = '\0';
					return;
				}
				break;
		}
		if (code != '\0' && (n == 0 || out[n - 1] != code))
			out[n++] = code;
	}
	out[n] = '\0';
}

/* Class of a letter or digit, -1 for others. */
static inline int
letter_class(char c)
{
	return c >= 'a' && c <= 'z' ? c - 'a' : c >= '0' && c <= '9' ? 26 + (c - '0') % 6 : -1;
}

/* Is a text in Chinese characters, by the first of them, of three bytes or four? */
static bool
is_han(const char *text, int len)
{
	const uint8 *s = (const uint8 *) text;

	if (len < 3 || s[0] < 0xE0)
		return false;
	if (s[0] < 0xF0)
		return cd_is_han((s[0] & 0x0F) << 12 | (s[1] & 0x3F) << 6 | (s[2] & 0x3F));
	return len >= 4 && cd_is_han((s[0] & 0x07) << 18 | (s[1] & 0x3F) << 12 | (s[2] & 0x3F) << 6 | (s[3] & 0x3F));
}

/* May letters be pinyin: does each consonant but n, g and r stand before a vowel, zh, ch and sh aside? */
static bool
may_be_pinyin(const char *s, int len)
{
	for (int i = 0; i < len; i++)
	{
		char		next = i + 1 < len ? s[i + 1] : '\0';

		if (strchr("aeiouvngr", s[i]) != NULL)
			continue;
		if (s[i] < 'a' || s[i] > 'z' || next == '\0' ||
			(strchr("aeiouv", next) == NULL && !(next == 'h' && strchr("zcs", s[i]) != NULL)))
			return false;
	}
	return true;
}

/* Is a word a Chinese given name by its one or two syllables of pinyin, and no other given name that we know? */
static bool
is_chinese_given(const char *text, const CdToken *t)
{
	uint32		cp[MAX_TOKEN_BYTES];
	int			syllables;

	if (t->len < 2 || t->len > 12 || !may_be_pinyin(text, t->len))
		return false;
	for (int i = 0; i < t->len; i++)
		cp[i] = (unsigned char) text[i];
	syllables = cd_pinyin_syllables(cp, t->len);
	return syllables == 1 || (syllables == 2 && (t->given < 0 || t->slip));
}

/* Note what tells a token apart at a glance. */
static void
glance_at(CdGlance *glance, uint32 id, const CdToken *t, const char *text)
{
	int			sounds = strlen(t->sound);

	glance->letters = 0;
	for (int i = 0; i < t->len; i++)
	{
		if (letter_class(text[i]) >= 0)
			glance->letters |= 1u << letter_class(text[i]);
	}
	glance->bits = 0;
	glance->roman = id;
	/* a single sound tells nothing */
	glance->sound = sounds < 2 ? 0 : (uint16) DatumGetUInt32(hash_any((const unsigned char *) t->sound, sounds)) | 1;
	glance->chars = Min(t->chars, 63);
	glance->pinyin = t->space == CD_SPACE_NAME && t->ascii && is_chinese_given(text, t);
	glance->han = !t->ascii && is_han(text, t->len);
	glance->face = (t->ascii ? CD_FACE_LATIN : 0) | (t->given >= 0 ? CD_FACE_GIVEN : 0) |
		(t->len > 0 ? (letter_class(text[0]) + 1) << CD_FACE_FIRST : 0);
}

/* Number a token, adding it when new. */
uint32
cd_dictionary_intern(CdDictionary *dict, uint8 space, const char *text, int len)
{
	uint64		hash;
	uint32		mask = dict->nbuckets - 1;
	uint32		b;
	CdToken    *t;

	if (len > MAX_TOKEN_BYTES)
		len = pg_mbcliplen(text, len, MAX_TOKEN_BYTES);
	hash = cd_hash64(space, text, len);
	b = (uint32) hash & mask;
	while (dict->bucket[b] != 0)
	{
		t = &dict->token[dict->bucket[b] - 1];
		if (t->hash == hash && t->space == space && t->len == len)
			return dict->bucket[b] - 1;
		b = (b + 1) & mask;
	}
	if (dict->ntokens >= CD_TOKEN_MASK)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many distinct values to match at once"),
				 errdetail("At most %u distinct tokens can be held.", CD_TOKEN_MASK)));
	if (dict->ntokens == dict->maxtokens)
	{
		dict->maxtokens += dict->maxtokens / 2;
		dict->token = repalloc_huge(dict->token, (Size) dict->maxtokens * sizeof(CdToken));
		dict->glance = repalloc_huge(dict->glance, (Size) dict->maxtokens * sizeof(CdGlance));
	}
	while (dict->poolused + len > dict->poolsize)
	{
		dict->poolsize *= 2;
		dict->pool = repalloc_huge(dict->pool, dict->poolsize);
	}
	if (dict->poolused + len > PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too much text to match at once")));
	t = &dict->token[dict->ntokens];
	memset(t, 0, sizeof(CdToken));
	t->hash = hash;
	t->offset = (uint32) dict->poolused;
	t->len = len;
	t->ascii = cd_is_ascii(text, len);
	t->chars = t->ascii ? len : pg_mbstrlen_with_len(text, len);
	t->space = space;
	t->given = space == CD_SPACE_NAME && t->ascii ? cd_given_name_find(text, len) : -1;
	if (t->given < 0 && space == CD_SPACE_NAME && t->ascii && len >= LONG_GIVEN)
	{
		t->given = cd_given_name_near(text, len);
		t->slip = t->given >= 0;
	}
	if (space == CD_SPACE_NAME || space == CD_SPACE_WORD || space == CD_SPACE_COMPANY ||
		space == CD_SPACE_ACCOUNT)
		sound_code(text, len, t->sound);
	glance_at(&dict->glance[dict->ntokens], dict->ntokens, t, text);
	memcpy(dict->pool + dict->poolused, text, len);
	dict->poolused += len;
	dict->bucket[b] = ++dict->ntokens;
	if (dict->ntokens > dict->nbuckets / 2)
		dictionary_rehash(dict);
	return dict->ntokens - 1;
}

/* Read a text in Latin letters, lowered and without spaces; answers its length. */
int
cd_read_latin(const char *text, int len, bool family, char *out, int max)
{
	uint32		cp[MAX_TOKEN_BYTES + 1];
	int			n = 0;
	int			count;
	int			bytes;
	char	   *roman;

	if (len > MAX_TOKEN_BYTES)
		len = pg_mbcliplen(text, len, MAX_TOKEN_BYTES);
	count = cd_utf8_decode(text, len, cp);
	if (count > 0 && cd_is_han(cp[0]))
	{
		CdText		t;

		cd_text_init(&t, 32);
		cd_han_append_reading(&t, cp, count, family);
		roman = cd_text_encode(&t, &bytes);
	}
	else
		roman = cd_romanize(text, len, &bytes);
	for (int i = 0; i < bytes && n < max; i++)
	{
		char		c = (roman[i] >= 'A' && roman[i] <= 'Z') ? roman[i] + ('a' - 'A') : roman[i];

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			out[n++] = c;
	}
	return n;
}

/* Number a token that may be written in another script, and its Latin reading. */
uint32
cd_dictionary_intern_read(CdDictionary *dict, uint8 space, const char *text, int len, bool family)
{
	uint32		before = dict->ntokens;
	uint32		id = cd_dictionary_intern(dict, space, text, len);

	if (id == before && !dict->token[id].ascii)
	{
		char		roman[MAX_TOKEN_BYTES];
		int			n = cd_read_latin(text, len, family, roman, sizeof(roman));

		if (n > 0)
		{
			uint32		read = cd_dictionary_intern(dict, space, roman, n);
			bool		han = dict->glance[id].han;

			dict->glance[id] = dict->glance[read];
			dict->glance[id].han = han;
			dict->foreign = true;
		}
	}
	return id;
}
