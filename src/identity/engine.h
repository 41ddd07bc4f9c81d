/*
 * engine.h
 *		The matching engine: records in a compact form, candidate pairs, levels
 *		of agreement, the model that weighs them, and clusters.
 *
 * A record is read once into a form: per slot a short array of words, most of
 * them numbers of interned tokens.  Blocking, scoring and training see forms
 * only.  The same code serves the batch and the single record.
 */
#ifndef CD_ENGINE_H
#define CD_ENGINE_H

#include <math.h>

#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/memutils.h"

#if defined(__GNUC__)
#define cd_prefetch(address)	__builtin_prefetch(address)
#else
#define cd_prefetch(address)	((void) 0)
#endif

#define CD_MAX_COMPARISONS	40
#define CD_MAX_LEVELS		8
#define CD_MAX_SLOTS		48
#define CD_MAX_KEYS			96
#define CD_MISSING			255

/* What a slot of a form holds, and so how it is decoded and compared. */
typedef enum CdSlotKind
{
	CD_SLOT_NAME,				/* tokens with their role */
	CD_SLOT_BIRTH,				/* one packed date, parts may be missing */
	CD_SLOT_EMAIL,				/* mailbox, domain, bits of the mailbox without the name, whole, glance of the mailbox */
	CD_SLOT_PHONE,				/* national digits, and their halves */
	CD_SLOT_STREET,				/* numbers, then words */
	CD_SLOT_POSTCODE,			/* whole value */
	CD_SLOT_COMPANY,			/* words */
	CD_SLOT_PLACE,				/* whole value and CD_PLACE_…, blocks together with the postcode */
	CD_SLOT_CODE,				/* identifier: whole value, and its halves; an edit is a typing error */
	CD_SLOT_CLASS,				/* few values, equality only */
	CD_SLOT_VALUE				/* whole value, equality and similarity */
} CdSlotKind;

typedef enum CdComparisonKind
{
	CD_CMP_FAMILY,
	CD_CMP_GIVEN,
	CD_CMP_MIDDLE,
	CD_CMP_BIRTH,
	CD_CMP_EMAIL,
	CD_CMP_PHONE,
	CD_CMP_STREET,
	CD_CMP_POSTCODE,
	CD_CMP_COMPANY,
	CD_CMP_PLACE,
	CD_CMP_CODE,
	CD_CMP_CLASS,
	CD_CMP_GENERATION,
	CD_CMP_VALUE
} CdComparisonKind;

/* Namespaces of tokens; whole values live in CD_SPACE_SLOT + slot */
#define CD_SPACE_NAME		1
#define CD_SPACE_WORD		2
#define CD_SPACE_COMPANY	3
#define CD_SPACE_NUMBER		4
#define CD_SPACE_MAILBOX	5
#define CD_SPACE_DOMAIN		6
#define CD_SPACE_ACCOUNT	7
#define CD_SPACE_SLOT		16

/* Role of a name token, in the upper bits of its word. */
#define CD_ROLE_SHIFT		29
#define CD_TOKEN_MASK		((1u << CD_ROLE_SHIFT) - 1)
#define CD_ROLE_GIVEN		0
#define CD_ROLE_MIDDLE		1
#define CD_ROLE_FAMILY		2
#define CD_ROLE_JOINED		3	/* given and middle name as one word, beside both */
#define CD_ROLE_TITLE		4	/* no name, but all that some records have of one */
#define CD_ROLE_TURNED		5	/* middle and last part as one word: the given name, if the family name stands first */

/* How a place is written, in the second word of its slot. */
#define CD_PLACE_LATIN	0
#define CD_PLACE_PINYIN	1		/* Latin letters that may read Han */
#define CD_PLACE_HAN	2
#define CD_PLACE_OTHER	3

/* An interned string of one namespace. */
typedef struct CdToken
{
	uint64		hash;			/* of namespace and text: also its blocking key */
	uint32		offset;			/* text in the dictionary's pool */
	uint16		len;			/* bytes */
	uint16		chars;			/* code points */
	uint8		space;			/* namespace */
	bool		ascii;
	int16		given;			/* number among given names with other forms, -1 */
	bool		slip;			/* of the one that it is a slip of the hand away from */
	char		sound[10];		/* phonetic code, zero-terminated */
} CdToken;

/*
 * What is read of a token for each pair, four to a cache line: its rarity, and
 * what tells two of them apart at a glance.  A token of another script shows
 * the face of its Latin reading, by which it is compared.
 */
typedef struct CdGlance
{
	uint32		letters;		/* which of a-z and 0-5 occur */
	float		bits;			/* surprise that another record holds it, too */
	uint32		roman;			/* the token that reads it in Latin, itself if Latin */
	uint16		sound;			/* of the phonetic code */
	uint8		chars:6;
	uint8		pinyin:1;		/* a Chinese given name by its syllables */
	uint8		han:1;			/* the token itself is in Chinese characters */
	uint8		face;			/* CD_FACE_… */
} CdGlance;

#define CD_FACE_LATIN	1		/* letters, sound and chars say how it is written */
#define CD_FACE_GIVEN	2		/* a given name with other forms */
#define CD_FACE_FIRST	2		/* bits below the class of the first letter */

typedef struct CdKeptParts CdKeptParts;

typedef struct CdDictionary
{
	MemoryContext context;
	CdToken    *token;
	CdGlance   *glance;			/* per token */
	uint32		ntokens;
	uint32		maxtokens;
	uint32	   *bucket;			/* token number + 1, 0 if free */
	uint32		nbuckets;
	char	   *pool;
	Size		poolused;
	Size		poolsize;
	uint64	   *cache;			/* token pair → class of similarity */
	CdKeptParts *parts;			/* of names, parsed */
	bool		foreign;		/* some are not in Latin letters */
	float		all[CD_SPACE_SLOT + CD_MAX_SLOTS];	/* log2 of the records that hold a token of a namespace */
} CdDictionary;

/* Which attribute goes where: one entry per attribute ordinal. */
typedef struct CdUse
{
	char	   *name;
	int			slot;			/* -1: not used for matching */
	int			part;			/* role of a name part, 0 otherwise */
} CdUse;

typedef struct CdSlot
{
	char	   *name;
	CdSlotKind	kind;
	float		identifier;		/* bits that an equal value adds by itself, 0: none */
	int			max_distinct;	/* values one customer may have */
	char	   *blocked;		/* pattern of values that are none */
} CdSlot;

typedef struct CdLayout
{
	MemoryContext context;
	int			nattributes;	/* highest ordinal */
	CdUse *attribute;		/* [1 .. nattributes] */
	int			nslots;
	CdSlot		slot[CD_MAX_SLOTS];
	int			account_slot;	/* company of a record that names no person */
	int			generation_slot;	/* marks of generation behind names */
	int			nidentifiers;
	int			identifier[CD_MAX_SLOTS];
} CdLayout;

/* A decoded record: words of slot s are word[start[s] .. start[s+1]). */
typedef struct CdForm
{
	uint8		start[CD_MAX_SLOTS + 1];
	uint32		word[FLEXIBLE_ARRAY_MEMBER];
} CdForm;

#define CD_FORM_WORDS		250

typedef struct CdComparison
{
	char	   *name;
	CdComparisonKind kind;
	int			slot;
	int			nlevels;
	bool		personal;		/* not shared within a household or a building */
	int			identifying;	/* level of a value that is one customer's by its nature, -1: none */
	bool		quantities;		/* values that are numbers are compared as such */
	float		housemates;		/* share of two of a household whose values differ, where most are the same; 0: not told */
	double		m[CD_MAX_LEVELS];
	double		u[CD_MAX_LEVELS];
	float		tf[CD_MAX_LEVELS];	/* how far the values' rarity counts, 0 to 1 */
	float		tf_base[CD_MAX_LEVELS]; /* rarity that u speaks of, in bits */
	float		holders;		/* log2 of the records that hold a value */
	float		unseen;			/* bits by which a value held once is rarer than they tell */
	char	   *condition[CD_MAX_LEVELS];
} CdComparison;

/* Frequencies of tokens and keys as they were when last counted. */
typedef struct CdStatistics
{
	MemoryContext context;
	double		records;		/* records counted */
	double		twins;			/* further records of a record's own customer, on average of those that have any */
	uint32		floor;			/* frequencies up to this are not kept */
	uint32		nkeys;
	uint64	   *hash;			/* open addressing, 0 is free */
	uint8	   *bits;			/* 8 * log2(frequency) */
	uint32		mask;
} CdStatistics;

/* Other comparisons that a comparison's level may depend on, at most. */
#define CD_MAX_PARENTS		4

/* Levels of a comparison given the level of others, strongest or nearest first. */
typedef struct CdDependence
{
	int			n;
	int			parent[CD_MAX_PARENTS];
	float		logp[CD_MAX_PARENTS][CD_MAX_LEVELS][CD_MAX_LEVELS]; /* log2 P(level | parent's level) */
} CdDependence;

/* Persons and companies are matched by one model, each with odds of its own. */
typedef enum CdPairKind
{
	CD_PAIR_PERSONS,
	CD_PAIR_MIXED,
	CD_PAIR_ACCOUNTS
} CdPairKind;

#define CD_PAIR_KINDS	3

typedef struct CdModel
{
	MemoryContext context;
	int			ncomparisons;
	CdComparison comparison[CD_MAX_COMPARISONS];
	double		lambda[CD_PAIR_KINDS];	/* share of matches among all pairs */
	double		housemates[CD_PAIR_KINDS];	/* of pairs of one household */
	float		prior[CD_PAIR_KINDS];	/* log odds of being one against strangers */
	float		prior_housemates[CD_PAIR_KINDS];	/* and against two of a household */
	double		records;		/* of which frequencies were counted */
	bool		trained;
	bool		made;			/* frequencies were counted */
	bool		same_attributes;	/* as when they were counted */
	int64		version;
	int64		counted;		/* version when frequencies were counted */
	float		threshold;		/* bits of shared keys that make a candidate */
	uint32		oversize;		/* keys in more records serve in combination only */
	float		rarity_known;	/* 0 to 1: a handful of records does not tell rare from common */
	float		logm[CD_MAX_COMPARISONS][CD_MAX_LEVELS];
	float		logu[CD_MAX_COMPARISONS][CD_MAX_LEVELS];
	CdDependence same[CD_MAX_COMPARISONS];	/* dependence among matches: who moved has all of an address anew */
	CdDependence other[CD_MAX_COMPARISONS]; /* and among pairs that are no match */
} CdModel;

/* The levels of one pair and what its values' rarity adds. */
typedef struct CdAgreement
{
	uint8		kind;			/* CdPairKind */
	uint8		level[CD_MAX_COMPARISONS];
	float		rarity[CD_MAX_COMPARISONS]; /* bits */
	bool		crowded;		/* an equal value of the identifying kind is held by many */
} CdAgreement;

/* A blocking key of a record. */
typedef struct CdKey
{
	uint64		hash;
	float		factor;			/* share of its bits that count */
	float		bits;			/* what sharing it adds */
	uint8		parts;			/* keys that it implies */
	uint8		part[3];
	uint8		group;			/* keys of one group say the same thing */
	bool		combine;		/* worth combining when oversize */
	bool		sure;			/* an identifier: sharing it is enough */
	bool		named;			/* of a company's own name: as rare as among different names */
	bool		whole;			/* all words of that name together */
} CdKey;

/* Comparisons in the order of their cost, and what their levels can add at most. */
typedef struct CdScoringPlan
{
	int			n;
	int			order[CD_MAX_COMPARISONS];
	uint8		slot[CD_MAX_COMPARISONS];	/* in that order */
	float		best[CD_MAX_COMPARISONS][CD_MAX_LEVELS];	/* likelihood ratio of a level without rarity, at the parents where it is highest */
} CdScoringPlan;

/* How two values compare at a glance. */
#define CD_VALUES_APART		0	/* no more alike than any */
#define CD_VALUES_OTHER		1	/* not equal */
#define CD_VALUES_EQUAL		2
#define CD_VALUES_UNKNOWN	3	/* a house number is missing */

/* What a comparison adds: against strangers, and against two of a household. */
typedef struct CdShare
{
	float		weight;
	float		alone;
} CdShare;

/* A record held against many candidates: what comparisons can add at most, in the order of the plan. */
typedef struct CdSide
{
	const CdForm *form;
	CdShare		most[CD_MAX_COMPARISONS][4];	/* by how values compare at a glance */
} CdSide;

/* The most that a pair can weigh, and what each comparison has in it, in the order of the plan. */
typedef struct CdBound
{
	CdShare		all;
	CdShare		share[CD_MAX_COMPARISONS];
} CdBound;

/* Everything a scan or a probe needs. */
typedef struct CdEngine
{
	MemoryContext context;
	CdLayout   *layout;
	CdDictionary *dict;
	CdStatistics *stats;
	CdModel    *model;
	bool		counting;		/* keys are being counted, not followed */
	int			name_slot;		/* -1: no names */
	int			email_slot;		/* -1: no mailboxes */
	bool		used[CD_MAX_SLOTS]; /* slots that any record fills */
	CdScoringPlan plan;
	struct CdShared *shared;	/* what workers see of it, NULL: nothing */
} CdEngine;

/* The records of a batch, ascending by id; their forms one behind the other. */
typedef struct CdRecords
{
	uint32		n;
	uint32		max;
	int64	   *id;
	uint32	   *at;				/* record → start of its form in base, in words */
	uint32	   *base;
	Size		used;			/* words of base */
	Size		size;
} CdRecords;

#define CD_FORM(records, i)	((const CdForm *) ((records)->base + (records)->at[i]))

/* dictionary.c */
extern CdDictionary *cd_dictionary_create(MemoryContext context, uint32 expected);
extern CdDictionary *cd_dictionary_copy(MemoryContext context, const CdDictionary *dict);
extern uint32 cd_dictionary_intern(CdDictionary *dict, uint8 space, const char *text, int len);
extern uint32 cd_dictionary_intern_read(CdDictionary *dict, uint8 space, const char *text, int len, bool family);
extern int	cd_read_latin(const char *text, int len, bool family, char *out, int max);
extern uint64 cd_hash64(uint64 seed, const char *data, int len);

/* form.c */
extern CdForm *cd_form_build(CdLayout *layout, CdDictionary *dict, Datum *standard, bool *isnull, int n, CdForm *into);
extern Size cd_form_size(const CdLayout *layout, const CdForm *form);

#define CD_TOKEN_TEXT(dict, id) ((dict)->pool + (dict)->token[id].offset)

/* Bring what is read first of a form into the caches. */
static inline void
cd_prefetch_form(const CdForm *form)
{
	cd_prefetch(form);
	cd_prefetch((const char *) form + 64);
	cd_prefetch((const char *) form + 128);
}

/* Bring the tokens of a form that are looked at first into the caches: not those that are equal or of no account. */
static inline void
cd_prefetch_tokens(const CdEngine *engine, const CdForm *form)
{
	const CdGlance *glance = engine->dict->glance;

	for (int s = 0; s < engine->layout->nslots; s++)
	{
		const uint32 *w = form->word + form->start[s];
		int			n = form->start[s + 1] - form->start[s];

		if (n == 0)
			continue;
		switch (engine->layout->slot[s].kind)
		{
			case CD_SLOT_NAME:
			case CD_SLOT_COMPANY:
				for (int k = 0; k < n; k++)
					cd_prefetch(&glance[w[k] & CD_TOKEN_MASK]);
				break;
			case CD_SLOT_STREET:
				for (int k = 1 + (int) w[0]; k < n; k++)
					cd_prefetch(&glance[w[k]]);
				break;
			case CD_SLOT_PLACE:
			case CD_SLOT_VALUE:
				cd_prefetch(&glance[w[0]]);
				break;
			default:
				break;
		}
	}
}

/* similar.c */
typedef enum CdLikeness
{
	CD_DIFFERENT,
	CD_INITIAL,					/* one is the other's first letter */
	CD_SIMILAR,
	CD_CLOSE,
	CD_SAME
} CdLikeness;

extern CdLikeness cd_token_likeness(CdDictionary *dict, uint32 a, uint32 b);
extern void cd_prefetch_likeness(const CdDictionary *dict, uint32 a, uint32 b);
extern bool cd_tokens_of_two_tongues(const CdDictionary *dict, uint32 family, uint32 a, uint32 b);
extern double cd_token_similarity(CdDictionary *dict, uint32 a, uint32 b);
extern int	cd_token_distance(CdDictionary *dict, uint32 a, uint32 b, int max);

/* What kind of customers two records are of. */
static inline CdPairKind
cd_pair_kind(const CdEngine *engine, const CdForm *a, const CdForm *b)
{
	int			s = engine->layout->account_slot;

	if (s < 0)
		return CD_PAIR_PERSONS;
	return (CdPairKind) ((a->start[s + 1] > a->start[s]) + (b->start[s + 1] > b->start[s]));
}

/* score.c */
extern void cd_agreement(CdEngine *engine, const CdForm *a, const CdForm *b, CdAgreement *result);
extern float cd_full_rarity(const CdComparison *comparison, int level, float rarity);
extern float cd_rarity_weight(const CdComparison *comparison, int level, float rarity);
extern bool cd_personal_tf(const CdComparison *comparison, int level);
extern float cd_personal_weight(const CdModel *model, int c, int level);
extern float cd_least_of_two(float a, float b);

extern void cd_settle_prior(CdModel *model);
extern float cd_log_same(const CdModel *model, int c, const uint8 *level, uint8 kind);
extern float cd_log_other(const CdModel *model, int c, const uint8 *level);
extern float cd_weight(const CdModel *model, const CdAgreement *agreement, float *part);

/* stage.c */
extern void cd_plan_scoring(CdEngine *engine);
extern void cd_side_note(const CdEngine *engine, const CdForm *form, CdSide *side);
extern bool cd_bound_by_form(const CdEngine *engine, const CdSide *side, const CdForm *other, float floor, CdBound *bound);
extern bool cd_bound_by_glance(const CdEngine *engine, const CdSide *side, const CdForm *other, float floor, CdBound *bound);
extern void cd_prefetch_names(const CdEngine *engine, const CdForm *a, const CdForm *b);
extern bool cd_agreement_above(CdEngine *engine, const CdForm *a, const CdForm *b, float floor, const CdBound *known,
							   CdAgreement *result);

/* statistics.c */
extern CdStatistics *cd_statistics_create(MemoryContext context, double records, uint32 floor, uint32 expected);
extern void cd_statistics_put(CdStatistics *stats, uint64 hash, uint8 bits);
extern uint8 cd_statistics_bits(const CdStatistics *stats, uint64 hash);
extern uint8 cd_frequency_bits(uint32 df);
extern float cd_rarity_known(const CdStatistics *stats);
extern uint8 cd_slot_space(const CdLayout *layout, int slot);
extern uint64 cd_space_hash(uint8 space);
extern uint64 cd_distinct_hash(uint64 hash);
extern void cd_settle_unseen(CdModel *model, const CdLayout *layout, const CdStatistics *stats);
extern void cd_dictionary_rate(CdDictionary *dict, const CdLayout *layout, const CdStatistics *stats, uint32 from);

/* Bring what is kept of a key into the caches. */
static inline void
cd_statistics_prefetch(const CdStatistics *stats, uint64 hash)
{
	uint32		b = (uint32) (hash >> 7) & stats->mask;

	cd_prefetch(&stats->hash[b]);
	cd_prefetch(&stats->bits[b]);
}

/* keys.c */
extern int	cd_simple_keys(CdEngine *engine, const CdForm *form, CdKey *key);
extern int	cd_form_hashes(CdEngine *engine, const CdForm *form, uint64 *hash, int max);
extern int	cd_form_keys(CdEngine *engine, const CdForm *form, CdKey *key);

/* One posting while lists are built. */
typedef struct CdPosting
{
	uint64		hash;
	uint32		record;
	float		bits;
} CdPosting;

typedef struct CdPostings
{
	CdPosting  *item;
	Size		n;
	Size		max;
} CdPostings;

/* block.c */
typedef struct CdBlocking
{
	MemoryContext context;
	const CdRecords *records;
	uint32		nkeys;
	uint32		maxkeys;
	uint64		nmembers;
	uint64		maxmembers;
	uint32	   *first;			/* key → start in member */
	int16	   *bits;			/* key → what it adds, in 1/16 bits */
	uint32	   *member;			/* records, ascending per key */
	uint32	   *recfirst;		/* record → start in reckey */
	uint32	   *reckey;			/* keys of a record */
	const bool *changed;		/* pairs with one of these only; NULL: all */
	int16	   *score;			/* per record, 0 between scans */
	uint32	   *touched;
	Size		maxtouched;
	double		expected;		/* candidate pairs, by the sample */
	uint64		skipped;		/* keys too large to follow */
	uint64		skipped_postings;
	bool		shared;			/* the lists are where workers see them */
} CdBlocking;

/* Posting lists on their way into the table. */
typedef struct CdPostingWriter CdPostingWriter;

extern void cd_count_keys(CdEngine *engine, CdRecords *records);
extern CdBlocking *cd_blocking_create(CdEngine *engine, CdRecords *records, const bool *changed, CdPostingWriter *writer);
extern void cd_choose_threshold(CdEngine *engine, CdBlocking *blocking, double per_record);
extern void cd_blocking_scratch(CdBlocking *blocking);
extern void cd_blocking_release(CdBlocking *blocking);
extern uint32 cd_candidates(const CdEngine *engine, CdBlocking *blocking, uint32 r);

/* Bits of keys are added up in this unit. */
#define CD_BITS_SCALE	16.0f

static inline int16
cd_scaled_bits(float bits)
{
	return (int16) rintf(bits * CD_BITS_SCALE);
}

/* link.c */
typedef struct CdScored
{
	uint32		a;
	uint32		b;
	float		weight;
	uint64		identifiers;	/* slots of those that agree, as bits */
} CdScored;

/* Scored pairs of a batch. */
typedef struct CdLinks
{
	MemoryContext context;
	CdScored   *item;
	Size		n;
	Size		max;
	uint64		pairs;			/* looked at */
} CdLinks;

/* Pairs on their way through the stages of scoring. */
typedef struct CdScoring CdScoring;

extern CdLinks *cd_links_create(MemoryContext context);
extern CdScoring *cd_scoring_begin(CdEngine *engine, const CdRecords *records, CdLinks *links);
extern void cd_scoring_put(CdScoring *scoring, uint32 record, const uint32 *candidate, uint32 n);
extern void cd_scoring_end(CdScoring *scoring);
extern void cd_score_candidates(CdEngine *engine, CdBlocking *blocking, uint32 from, uint32 to, CdLinks *links);
extern void cd_links_write(CdEngine *engine, const CdRecords *records, CdLinks *links);
extern void cd_links_note(const CdRecords *records, const CdLinks *links);

/* posting.c */
typedef struct CdPostingInfo
{
	int			bits;			/* of the hash that number the bucket */
	int			segments;
	int			last;			/* number of the last segment */
	int64		records;		/* that were ever added */
} CdPostingInfo;

typedef struct CdWanted
{
	uint64		hash;
	uint64		count;			/* records that hold it */
} CdWanted;

typedef struct CdHit
{
	uint32		wanted;
	int64		record;
} CdHit;

typedef struct CdHits
{
	CdHit	   *item;
	Size		n;
	Size		max;
} CdHits;

extern CdPostingWriter *cd_postings_begin(CdEngine *engine, const CdRecords *records);
extern bool cd_postings_direct(const CdPostingWriter *writer);
extern void cd_postings_put(CdPostingWriter *writer, const CdPosting *item, Size n, const int64 *id);
extern void cd_postings_end(CdPostingWriter *writer, const CdEngine *engine, const CdRecords *records);
extern void cd_postings_build(CdEngine *engine, CdRecords *records);
extern bool cd_postings_open(const CdEngine *engine, CdPostingInfo *info);
extern void cd_postings_add(CdEngine *engine, const CdRecords *records, const bool *mark);
extern void cd_postings_find(const CdEngine *engine, const CdPostingInfo *info, CdWanted *wanted, uint32 n, CdHits *hits);

/* increment.c */
extern uint64 cd_score_changed(CdEngine *engine, const CdPostingInfo *info, Datum changed, int64 *links);

/* parallel.c */
extern void cd_score_all(CdEngine *engine, CdRecords *records, CdBlocking *blocking, CdLinks *links);

/* train.c */
#define CD_MAX_BOUNDS	16

/* What few matches can be: both comparisons (or one, twice) at some of their levels. */
typedef struct CdBoundary
{
	int			c;
	int			d;
	uint32		levels_c;		/* as bits */
	uint32		levels_d;
	double		factor;			/* of the odds of pairs that are, by which matches are held to it */
	double		least;			/* the same in the round that exceeded it most */
} CdBoundary;

typedef struct CdBounds
{
	int			n;
	CdBoundary	item[CD_MAX_BOUNDS];
} CdBounds;

typedef struct CdTraining
{
	uint64		candidates;
	uint32		patterns;
	int			rounds;
	bool		converged;
	double		moved;
	double		matches;
	double		seen[CD_MAX_COMPARISONS][CD_MAX_LEVELS];
	CdBounds	bounds;			/* what matches were held to */
} CdTraining;

/* A pair that a person decided about, by numbers of records. */
typedef struct CdDecision
{
	uint32		a;
	uint32		b;
	bool		same;
} CdDecision;

/* What is known of the truth. */
typedef struct CdLabels
{
	CdDecision *decision;		/* ascending by a and b */
	uint32		ndecisions;
	uint64	   *entity;			/* by record, 0: not known; NULL: of none */
	bool	   *known;			/* anything, by record */
} CdLabels;

extern void cd_model_independent(CdModel *model);
extern bool cd_level_moved(const CdModel *model, int c, int level);
extern void cd_train(CdEngine *engine, CdRecords *records, CdBlocking *blocking, bool learn,
					 const CdLabels *labels, CdTraining *report);

/* label.c */
extern CdLabels *cd_labels_read(CdEngine *engine, const CdRecords *records, const char *truth);
extern uint32 cd_record_number(const CdRecords *records, int64 id);

/* load.c */
extern CdEngine *cd_engine_open(MemoryContext context, bool frequencies);
extern void cd_engine_save(CdEngine *engine, const CdTraining *report);
extern void cd_engine_reload(CdEngine *engine);
struct PortalData;

/* Takes a record that was read, and where its form begins. */
typedef void (*CdTakeForm) (void *state, int64 id, uint32 at);

/* Condition of cd_record_query: records of an array. */
#define CD_SOME_RECORDS	" WHERE record_id OPERATOR(pg_catalog.=) ANY ($1)"

extern CdRecords *cd_records_load(CdEngine *engine, Datum ids);
extern void cd_records_read(CdEngine *engine, CdRecords *records, struct PortalData *portal, CdTakeForm take, void *state);
extern char *cd_record_query(const CdLayout *layout, const char *condition);
extern bool cd_birth_as_given(Datum birth);
extern CdForm *cd_form_of_row(CdEngine *engine, HeapTuple tuple, TupleDesc desc, CdForm *form);

/* matcher.c */
extern bool cd_same_identifier(const CdLayout *layout, int slot, const CdForm *a, const CdForm *b);
extern float cd_pair_weight(CdEngine *engine, const CdForm *a, const CdForm *b,
							CdAgreement *agreement, float *part, uint64 *identifiers);
extern bool cd_pair_weight_above(CdEngine *engine, const CdForm *a, const CdForm *b, float floor, const CdBound *bound,
								 float *weight, uint64 *identifiers);

/* settings */
extern int	cd_matching_memory;		/* kB */
extern double cd_matching_pairs;	/* candidate pairs per record */
extern int	cd_matching_workers;	/* beside the session itself, -1: by the server's settings */

#endif							/* CD_ENGINE_H */
