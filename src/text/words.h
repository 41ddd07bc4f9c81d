/*
 * words.h
 *		Words of a folded text, and sorted lists of words to look them up in.
 */
#ifndef CD_TEXT_WORDS_H
#define CD_TEXT_WORDS_H

#include "customer_data.h"

#include "text/chars.h"

/* What stands before a word. */
typedef enum CdGap
{
	CD_GAP_NONE,				/* a change of script */
	CD_GAP_SPACE,
	CD_GAP_HYPHEN,
	CD_GAP_DOT,					/* a full stop: an abbreviation */
	CD_GAP_COMMA,
	CD_GAP_AND,					/* & or + */
	CD_GAP_MIDDLE_DOT,			/* parts a transliterated name in Han or kana */
	CD_GAP_OTHER
} CdGap;

typedef struct CdWord
{
	const uint32 *cp;
	int			len;
	CdGap		gap;
} CdWord;

typedef struct CdWords
{
	CdWord	   *word;
	int			count;
	int			room;
} CdWords;

/* Cut a folded text into words; apostrophes inside a word are taken out of t. */
extern void cd_words_cut(CdWords *w, CdText *t);
extern void cd_words_remove(CdWords *w, int at, int n);

/* Position of a word in a list of n ASCII or UTF-8 words in byte order; -1 if absent. */
extern int	cd_word_find(const CdWord *word, const char *const *list, int n);

/* Is it in a list sorted in byte order? */
#define CD_WORD_IN(word, list)	(cd_word_find(word, list, lengthof(list)) >= 0)

/* Is it this word? */
extern bool cd_word_is(const CdWord *word, const char *utf8);

#endif							/* CD_TEXT_WORDS_H */
