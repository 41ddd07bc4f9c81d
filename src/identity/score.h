/*
 * score.h
 *		What comparing two forms in full and in stages have in common.
 */
#ifndef CD_SCORE_H
#define CD_SCORE_H

#include "identity/engine.h"

#define FORM_LEN(f, s)	((f)->start[(s) + 1] - (f)->start[s])
#define FORM_AT(f, s)	((f)->word + (f)->start[s])

/* Levels of the family and given name comparisons. */
#define FAMILY_SIMILAR	1
#define FAMILY_CLOSE	2
#define FAMILY_SWAPPED	3
#define FAMILY_SAME		4
#define GIVEN_INITIAL	1
#define GIVEN_SIMILAR	2
#define GIVEN_CLOSE		3
#define GIVEN_SWAPPED	4
#define GIVEN_SAME		5

/* Levels of the street comparison. */
#define STREET_NUMBER		1	/* the number alone */
#define STREET_SIMILAR		2
#define STREET_OTHER_NUMBER	3
#define STREET_NO_NUMBER	4	/* unknown on one side */
#define STREET_NEARLY		5	/* and the same number */
#define STREET_SAME			6

/* Of the words that agree beside the rarest so much counts: they often go together. */
#define FURTHER_WORDS		0.5f
/* Of the names that hold some words one in so many holds no other, in bits. */
#define NO_OTHER_WORD		2.0f

typedef struct CdNameLevels
{
	uint8		family;
	uint8		given;
	uint8		middle;
	float		family_bits;
	float		given_bits;
	float		middle_bits;
	bool		agrees;
} CdNameLevels;

/*
 * A mailbox may tell another name of its owner, as it was before or is written
 * in full, where so many bits of it are not of the name that stands beside it.
 */
#define TELLING_MAILBOX		12
/* Letters of a name that is looked for in a mailbox. */
#define TELLING_LETTERS		4

/* Is a mailbox of a form made of more than the name beside it? */
static inline bool
mailbox_is_telling(const CdEngine *engine, const CdForm *form)
{
	return FORM_LEN(form, engine->email_slot) > 0 && FORM_AT(form, engine->email_slot)[2] >= TELLING_MAILBOX;
}

/* May the mailbox of one form hold a name of another, by their letters? */
static inline bool
mailbox_may_tell(const CdEngine *engine, const CdForm *owner, const CdForm *other)
{
	const uint32 *mailbox = FORM_AT(owner, engine->email_slot);
	const uint32 *w = FORM_AT(other, engine->name_slot);

	if (!mailbox_is_telling(engine, owner))
		return false;
	for (int i = 0; i < FORM_LEN(other, engine->name_slot); i++)
	{
		const CdGlance *glance = &engine->dict->glance[w[i] & CD_TOKEN_MASK];

		if (glance->chars >= TELLING_LETTERS && (glance->letters & ~mailbox[4]) == 0)
			return true;
	}
	return false;
}

/* Bits of surprise that another record holds this token, too. */
static inline float
token_bits(const CdEngine *engine, uint32 token)
{
	return engine->dict->glance[token].bits;
}

extern bool cd_quantities(const CdDictionary *dict, uint32 a, uint32 b, bool *near);
extern float cd_identifying_bits(const CdEngine *engine, const CdComparison *comparison, uint32 token, bool *crowded);
extern void cd_compare_names(CdEngine *engine, const CdForm *a, const CdForm *b, int slot, CdNameLevels *r);
extern uint8 cd_compare_births(uint32 a, uint32 b);
extern uint8 cd_compare_one(CdEngine *engine, const CdComparison *comparison, const CdForm *a, const CdForm *b,
							const CdNameLevels *names, float *bits, bool *crowded);

#endif							/* CD_SCORE_H */
