/*
 * similarity.h
 *		How alike two names, companies or addresses are, 0 to 1.
 *
 * Parse once, compare often: a parsed value lives in the memory context it
 * was parsed in and is compared without allocating.
 */
#ifndef CD_TEXT_SIMILARITY_H
#define CD_TEXT_SIMILARITY_H

#include "customer_data.h"

#include "text/chars.h"

#define CD_NAME_TOKENS	16

typedef enum CdTokenKind
{
	CD_TOKEN_WORD,
	CD_TOKEN_INITIAL,			/* one letter */
	CD_TOKEN_PARTICLE,			/* van, de la, bin */
	CD_TOKEN_GENERATION			/* jr, iii */
} CdTokenKind;

typedef enum CdReading
{
	CD_READING_NONE,
	CD_READING_HAN,
	CD_READING_HANGUL
} CdReading;

typedef struct CdNameToken
{
	const uint32 *cp;
	int			len;
	float		weight;
	CdTokenKind kind;
	CdReading	reading;		/* read from Han or Hangul, not written so */
	bool		family;			/* the family name of a reading */
	bool		vowelless;		/* from a script that leaves vowels out */
	int			given;			/* in the list of given names with other forms; -1 if not */
	const char *spellings;		/* other spellings of a family name, each between spaces; or NULL */
	char		spelling[24];	/* letters of one sound or transliteration as one */
	char		sound[16];		/* consonants by class */
} CdNameToken;

typedef struct CdName
{
	CdNameToken token[CD_NAME_TOKENS];
	int			count;
	uint32		han[12];		/* the Han (or Hangul) name as written, Simplified */
	int			han_len;		/* 0 if there is none */
	int			han_family;		/* how many of them are the family name; 0 if not known */
} CdName;

/* Letters that spellings and transliterations exchange, written as one. */
extern void cd_word_spelling(const uint32 *cp, int len, char *out, int room);

extern void cd_name_parse(CdName *name, const char *s, int bytes);
extern double cd_name_compare(const CdName *a, const CdName *b);

/* Given names with other forms: their number in the list, and whether two are forms of one. */
extern int	cd_given_name_find(const char *s, int len);
extern int	cd_given_name_near(const char *s, int len);
extern bool cd_given_name_related(int a, int b);
extern bool cd_given_name_initial(int given, char letter);

/* Can the letters be cut into syllables of pinyin, and into how few? */
extern int	cd_pinyin_syllables(const uint32 *cp, int len);
extern bool cd_is_pinyin(const uint32 *cp, int len);

/* One part of a name, read once to be compared often with parts in another script. */
#define CD_PART_LETTERS	64

typedef struct CdNamePart
{
	bool		single;			/* it is one word */
	bool		large;			/* too long to be kept */
	int8		pinyin;			/* can be cut into syllables of pinyin; -1: not asked yet */
	CdNameToken token;
	uint32		cp[CD_PART_LETTERS];
} CdNamePart;

extern void cd_name_part_foreign(CdNamePart *part, const char *text, int bytes, bool family);
extern void cd_name_part_latin(CdNamePart *part, const char *text, int bytes);

/* How well a word in Latin letters spells a part that is written in another script. */
extern double cd_name_part_spelled(const CdNamePart *foreign, CdNamePart *latin);

/* What tells whether a word may spell a part at all; all of them zero: it may. */
typedef struct CdSpelled
{
	bool		sure;
	uint8		chars;
	uint32		first;			/* letter */
	uint32		letters;		/* of the reading as a given name: which occur */
	uint64		words[2];		/* hashes of words that spell it otherwise */
} CdSpelled;

typedef struct CdSpeller
{
	bool		sure;
	uint8		chars;
	uint8		text;			/* hash of its letters */
	uint8		spelling;		/* and of how they are written as one sound */
	uint32		first;
	uint32		letters;
} CdSpeller;

extern void cd_spelled_note(CdSpelled *spelled, const CdNamePart *given, const CdNamePart *family);
extern void cd_speller_note(CdSpeller *speller, const CdNamePart *word);
extern bool cd_may_spell(const CdSpelled *spelled, const CdSpeller *word);

extern double cd_name_similarity(const char *a, int la, const char *b, int lb);
extern double cd_company_similarity(const char *a, int la, const char *b, int lb);
extern double cd_address_similarity(const char *a, int la, const char *b, int lb);

#endif							/* CD_TEXT_SIMILARITY_H */
