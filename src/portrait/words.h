/*
 * words.h
 *		The words of a text, whatever script it is written in.
 */
#ifndef CD_WORDS_H
#define CD_WORDS_H

#include "customer_data.h"

/* Longer words say nothing and are left out. */
#define CD_MAX_WORD		60

/*
 * Called with each word that carries meaning: its normal form, the form that
 * was written, and its place among all words of the text.
 */
typedef void (*CdTakeWord) (void *arg, const char *term, int length,
							const char *shown, int shown_length, int place);

/*
 * Split a text.  Runs of Chinese, Japanese, Korean, Thai and the like are
 * split by ICU's dictionaries; the rest by the parser and dictionaries of a
 * text search configuration.
 */
extern void cd_words_of(const char *text, int length, Oid config, CdTakeWord take, void *arg);

/* Is a character of a script that is written without spaces, or Hangul? */
extern bool cd_is_unspaced(uint32 c);

#endif							/* CD_WORDS_H */
