/*
 * spelled.c
 *		May a word in Latin letters spell a part of a name in Chinese characters
 *		at all?  Told by a few numbers of each, without reading either.
 */
#include "postgres.h"

#include "text/similarity.h"

#include "customer_data.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"

/* Words less alike than this spell no reading: see reading_similarity in name_similarity.c. */
#define LEAST_ALIKE		0.699f

/* Which letters occur: a-z and digits in six classes. */
static uint32
letters_of(const CdNameToken *token)
{
	uint32		letters = 0;

	for (int i = 0; i < token->len; i++)
	{
		uint32		c = token->cp[i];

		if (c >= 'a' && c <= 'z')
			letters |= 1u << (c - 'a');
		else if (c >= '0' && c <= '9')
			letters |= 1u << (26 + (c - '0') % 6);
	}
	return letters;
}

/* A word as one of 128. */
static uint8
place_of(const char *word, int len)
{
	return (uint8) (hash_bytes((const unsigned char *) word, len) & 127);
}

/* The letters of a token as one of 128; false where they are no ASCII. */
static bool
place_of_letters(const CdNameToken *token, uint8 *place)
{
	char		word[CD_PART_LETTERS];

	for (int i = 0; i < token->len; i++)
	{
		if (token->cp[i] >= 128)
			return false;
		word[i] = (char) token->cp[i];
	}
	*place = place_of(word, token->len);
	return true;
}

static void
put_place(CdSpelled *spelled, uint8 place)
{
	spelled->words[place / 64] |= UINT64CONST(1) << place % 64;
}

/* Is it one reading of characters that are Chinese? */
static bool
is_reading(const CdNamePart *part)
{
	return part->single && !part->large && part->token.kind == CD_TOKEN_WORD && part->token.reading == CD_READING_HAN;
}

/* Note how a part is spelled: by its letters nearly, by its other spellings and what is written for these exactly. */
void
cd_spelled_note(CdSpelled *spelled, const CdNamePart *given, const CdNamePart *family)
{
	uint8		place;

	memset(spelled, 0, sizeof(CdSpelled));
	if (!is_reading(given) || !is_reading(family) || !place_of_letters(&family->token, &place))
		return;
	put_place(spelled, place);
	put_place(spelled, place_of(given->token.spelling, strlen(given->token.spelling)));
	put_place(spelled, place_of(family->token.spelling, strlen(family->token.spelling)));
	/* each between spaces */
	for (const char *p = family->token.spellings; p != NULL && p[1] != '\0';)
	{
		const char *end = strchr(p + 1, ' ');

		if (end == NULL)
			return;
		put_place(spelled, place_of(p + 1, (int) (end - p - 1)));
		p = end;
	}
	spelled->letters = letters_of(&given->token);
	spelled->first = given->token.len > 0 ? given->token.cp[0] : 0;
	spelled->chars = given->token.len;
	spelled->sure = true;
}

/* Note what a word looks like that may spell others. */
void
cd_speller_note(CdSpeller *speller, const CdNamePart *word)
{
	memset(speller, 0, sizeof(CdSpeller));
	if (!word->single || word->large || word->token.kind != CD_TOKEN_WORD || word->token.reading != CD_READING_NONE ||
		!place_of_letters(&word->token, &speller->text))
		return;
	speller->spelling = place_of(word->token.spelling, strlen(word->token.spelling));
	speller->letters = letters_of(&word->token);
	speller->first = word->token.cp[0];
	speller->chars = word->token.len;
	speller->sure = true;
}

/*
 * Can cd_name_part_spelled say of either part more than that the word hardly
 * spells it?  Jaro's measure is the highest where all letters that both have
 * match in order, and Winkler's adds to it for the start.
 */
bool
cd_may_spell(const CdSpelled *spelled, const CdSpeller *word)
{
	int			most;
	float		bound;

	if (!spelled->sure || !word->sure ||
		(spelled->words[word->text / 64] >> word->text % 64 & 1) ||
		(spelled->words[word->spelling / 64] >> word->spelling % 64 & 1))
		return true;
	most = Min(spelled->chars - pg_popcount32(spelled->letters & ~word->letters),
			   word->chars - pg_popcount32(word->letters & ~spelled->letters));
	if (most <= 0)
		return false;
	bound = ((float) most / spelled->chars + (float) most / word->chars + 1.0f) / 3.0f;
	if (spelled->first == word->first)
		bound += 0.1f * Min(most, 4) * (1.0f - bound);
	return bound >= LEAST_ALIKE;
}

/*
 * spelling_told(foreign text, word text) → float8: how well a word spells a part of a
 * name as a given name or a family name; negative where cd_may_spell says that it cannot.
 * Tests make it.
 */
PG_FUNCTION_INFO_V1(cd_spelling_told);
Datum
cd_spelling_told(PG_FUNCTION_ARGS)
{
	text	   *foreign = PG_GETARG_TEXT_PP(0);
	text	   *word = PG_GETARG_TEXT_PP(1);
	CdNamePart *part = palloc(sizeof(CdNamePart) * 3);
	CdSpelled	spelled;
	CdSpeller	speller;
	double		best;

	cd_name_part_foreign(&part[0], VARDATA_ANY(foreign), VARSIZE_ANY_EXHDR(foreign), false);
	cd_name_part_foreign(&part[1], VARDATA_ANY(foreign), VARSIZE_ANY_EXHDR(foreign), true);
	cd_name_part_latin(&part[2], VARDATA_ANY(word), VARSIZE_ANY_EXHDR(word));
	cd_spelled_note(&spelled, &part[0], &part[1]);
	cd_speller_note(&speller, &part[2]);
	best = Max(cd_name_part_spelled(&part[0], &part[2]), cd_name_part_spelled(&part[1], &part[2]));
	PG_RETURN_FLOAT8(cd_may_spell(&spelled, &speller) ? best : -1 - best);
}
