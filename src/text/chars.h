/*
 * chars.h
 *		Characters: folding, class, script, and the reading of Han characters.
 *
 * What ICU knows of a character is asked for once per backend and kept in
 * tables, so that folding a text is one look-up per character.  ICU's
 * transliterators are opened at first need and kept (the largest, Han-Latin,
 * takes about 60 ms and a few megabytes).
 */
#ifndef CD_TEXT_CHARS_H
#define CD_TEXT_CHARS_H

#include "customer_data.h"

/* A decoded text; palloc'd. */
typedef struct CdText
{
	uint32	   *cp;
	int			len;
	int			room;
} CdText;

typedef enum CdCharClass
{
	CD_CHAR_OTHER,				/* control, unassigned, private use */
	CD_CHAR_LETTER,				/* letters, and marks that belong to them */
	CD_CHAR_DIGIT,
	CD_CHAR_SPACE,
	CD_CHAR_PUNCT,				/* punctuation and symbols */
	CD_CHAR_APOSTROPHE,			/* joins what it parts: O'Brien */
	CD_CHAR_HYPHEN,
	CD_CHAR_DROPPED				/* combining mark or invisible: folds to nothing */
} CdCharClass;

typedef enum CdScript
{
	CD_SCRIPT_COMMON,
	CD_SCRIPT_LATIN,
	CD_SCRIPT_HAN,
	CD_SCRIPT_KANA,
	CD_SCRIPT_HANGUL,
	CD_SCRIPT_OTHER
} CdScript;

typedef struct CdCharInfo
{
	uint32		fold[4];		/* folded form; width, case, marks, Han variant */
	uint8		fold_len;
	uint8		class;			/* CdCharClass of the character itself */
	uint8		script;			/* CdScript */
	uint8		known;
} CdCharInfo;

/* All that is known of one character. */
extern const CdCharInfo *cd_char_slow(uint32 c);
extern CdCharInfo *cd_char_pages[0x1100];

static inline const CdCharInfo *
cd_char(uint32 c)
{
	CdCharInfo *page = c < 0x110000 ? cd_char_pages[c >> 8] : NULL;

	if (likely(page != NULL && page[c & 255].known))
		return &page[c & 255];
	return cd_char_slow(c);
}

static inline CdCharClass
cd_class(uint32 c)
{
	return (CdCharClass) cd_char(c)->class;
}

static inline CdScript
cd_script(uint32 c)
{
	return (CdScript) cd_char(c)->script;
}

static inline bool
cd_is_word(uint32 c)
{
	CdCharClass k = cd_class(c);

	return k == CD_CHAR_LETTER || k == CD_CHAR_DIGIT;
}

static inline bool
cd_is_han(uint32 c)
{
	return c >= 0x2E80 && cd_script(c) == CD_SCRIPT_HAN;
}

/* Han, kana or Hangul: written without spaces between words. */
static inline bool
cd_is_cjk(uint32 c)
{
	CdScript	s;

	if (c < 0x1100)
		return false;
	s = cd_script(c);
	return s == CD_SCRIPT_HAN || s == CD_SCRIPT_KANA || s == CD_SCRIPT_HANGUL;
}

extern void cd_text_init(CdText *t, int room);
extern void cd_text_grow(CdText *t);

static inline void
cd_text_add(CdText *t, uint32 c)
{
	if (unlikely(t->len >= t->room))
		cd_text_grow(t);
	t->cp[t->len++] = c;
}

extern void cd_text_add_ascii(CdText *t, const char *s);

/* Decode without folding. */
extern void cd_text_decode(CdText *t, const char *s, int bytes);

/*
 * Fold: lower case, half width, no combining marks on Latin, Greek, Cyrillic,
 * Hebrew and Arabic letters, ß ss, æ ae, ø o and the like, digits of any
 * script as ASCII, Traditional and Japanese Han forms as Simplified.
 */
extern void cd_text_fold(CdText *t, const char *s, int bytes);

/* UTF-8 of a text, palloc'd, with a terminating zero. */
extern char *cd_text_encode(const CdText *t, int *bytes);

/* True if the two are equal; the second is ASCII. */
extern bool cd_equals_ascii(const uint32 *cp, int len, const char *ascii);

/* Toneless reading of a Han character; as a family name where it differs; "" if none. */
extern const char *cd_han_reading(uint32 c, bool family);

/* Length of the family name at the head of a Han name: 3, 2, 1 or 0 if none is known. */
extern int	cd_han_family_length(const uint32 *cp, int len);
extern bool cd_reads_chinese_family(const char *s, int len);

/* japanese_names.c */
extern const char *cd_japanese_spellings(const uint32 *cp, int len);
extern int	cd_japanese_family_length(const uint32 *cp, int len);

/* Append the reading of a compound family name or of single characters, unspaced. */
extern void cd_han_append_reading(CdText *t, const uint32 *cp, int len, bool family);

/* Latin, ASCII letters where possible, of any text. */
/* Has a text letters of a script that is not Latin? */
extern bool cd_is_foreign(const CdText *t);

/* Are two texts without letters and digits the same, but for space around them? */
extern bool cd_same_signs(const char *a, int la, const char *b, int lb);

extern char *cd_romanize(const char *s, int bytes, int *out_bytes);

/* ICU's version, as text. */
extern const char *cd_icu_version(void);

/* Domain name in ASCII by IDNA 2008 (UTS 46), palloc'd; NULL if it is not one. */
extern char *cd_idna(const char *s, int bytes);

#endif							/* CD_TEXT_CHARS_H */
