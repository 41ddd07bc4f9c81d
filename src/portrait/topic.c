/*
 * topic.c
 *		Topics: named lists of keywords, found in texts.
 *
 * A keyword in a script that parts words by spaces is a sequence of normal
 * forms (battery life finds "batteries' life" by configuration english); one
 * in Chinese, Japanese or Korean is looked for anywhere in the folded text, so
 * that no segmentation can hide it and 戶外 finds 户外.  Both are looked up by
 * how they begin, so that the length of the lists hardly matters.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "portrait/behaviour.h"
#include "portrait/tagset.h"
#include "portrait/words.h"
#include "text/chars.h"
#include "timeline/event_pattern.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Columns of customer_data.topic. */
#define TOPIC_NAME		1
#define TOPIC_KEYWORDS	2
#define TOPIC_CONFIG	3

/* One word of a text or keyword. */
typedef struct Word
{
	char	   *term;
	int			length;
	int			place;
} Word;

typedef struct WordList
{
	Word	   *words;
	int			count;
	int			room;
} WordList;

/* A keyword: folded characters, or words in normal form. */
typedef struct Keyword
{
	int			topic;
	uint32	   *chars;
	int			nchars;
	Word	   *words;
	int			nwords;
} Keyword;

/* The keywords of one configuration, sorted by their first word. */
typedef struct Phrases
{
	Oid			config;
	Keyword    *keywords;
	int			count;
} Phrases;

/* All topics, ready to be looked for. */
typedef struct Topics
{
	char	  **names;
	int			count;
	Keyword    *strings;		/* sorted by their first character */
	int			nstrings;
	Phrases    *phrases;
	int			nphrases;
	bool	   *hit;			/* by topic, of the last text */
} Topics;

/* What a call site keeps; the pattern's part comes first, where it is looked for. */
typedef struct TopicCache
{
	CdPatternCache pattern;
	Topics	   *topics;
} TopicCache;

static void
take_word(void *arg, const char *term, int length, const char *shown, int shown_length, int place)
{
	WordList   *list = arg;
	Word	   *word;

	if (list->count == list->room)
	{
		list->room = Max(16, list->room * 2);
		list->words = list->words == NULL ? palloc(list->room * sizeof(Word)) :
			repalloc_huge(list->words, list->room * sizeof(Word));
	}
	word = &list->words[list->count++];
	word->term = pnstrdup(term, length);
	word->length = length;
	word->place = place;
}

static bool
has_unspaced(const CdText *text)
{
	int			i;

	for (i = 0; i < text->len; i++)
	{
		if (cd_is_unspaced(text->cp[i]))
			return true;
	}
	return false;
}

/* Read one keyword; false where nothing of it could be found in a text */
static bool
read_keyword(const char *text, int length, Oid config, Keyword *keyword)
{
	CdText		folded;
	WordList	list = {NULL, 0, 0};

	cd_text_fold(&folded, text, length);
	memset(keyword, 0, sizeof(Keyword));
	if (has_unspaced(&folded))
	{
		keyword->chars = folded.cp;
		keyword->nchars = folded.len;
		return true;
	}
	cd_words_of(text, length, config, take_word, &list);
	keyword->words = list.words;
	keyword->nwords = list.count;
	return list.count > 0;
}

static int
compare_strings(const void *a, const void *b)
{
	const Keyword *x = a;
	const Keyword *y = b;

	return x->chars[0] < y->chars[0] ? -1 : x->chars[0] > y->chars[0];
}

static int
compare_phrases(const void *a, const void *b)
{
	return strcmp(((const Keyword *) a)->words[0].term, ((const Keyword *) b)->words[0].term);
}

/* Put a keyword among those of its kind */
static void
add_keyword(Topics *topics, const Keyword *keyword, Oid config)
{
	Phrases    *phrases;
	int			i;

	if (keyword->chars != NULL)
	{
		topics->strings = topics->strings == NULL ? palloc(sizeof(Keyword)) :
			repalloc(topics->strings, (topics->nstrings + 1) * sizeof(Keyword));
		topics->strings[topics->nstrings++] = *keyword;
		return;
	}
	for (i = 0; i < topics->nphrases && topics->phrases[i].config != config; i++)
		;
	if (i == topics->nphrases)
	{
		topics->phrases = topics->phrases == NULL ? palloc(sizeof(Phrases)) :
			repalloc(topics->phrases, (topics->nphrases + 1) * sizeof(Phrases));
		topics->phrases[topics->nphrases++] = (Phrases) {config, NULL, 0};
	}
	phrases = &topics->phrases[i];
	phrases->keywords = phrases->keywords == NULL ? palloc(sizeof(Keyword)) :
		repalloc(phrases->keywords, (phrases->count + 1) * sizeof(Keyword));
	phrases->keywords[phrases->count++] = *keyword;
}

/* Is a topic among those asked for: by name, or below a prefix such as service.* ? */
static bool
is_asked_for(const char *name, ArrayType *only)
{
	Datum	   *names;
	bool	   *nulls;
	int			count,
				i;
	CdTag		topic = {name, strlen(name), 1, DT_NOBEGIN, DT_NOEND, 0, 0};

	if (only == NULL)
		return true;
	deconstruct_array(only, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &count);
	for (i = 0; i < count; i++)
	{
		if (!nulls[i] && cd_tag_matches(&topic, VARDATA_ANY(DatumGetTextPP(names[i])), VARSIZE_ANY_EXHDR(DatumGetTextPP(names[i]))))
			return true;
	}
	return false;
}

/*
 * Read the topics.  They are definitions, not data: whoever may run an
 * expression may have topics looked for.
 */
static Topics *
read_topics(ArrayType *only)
{
	Topics	   *topics = palloc0(sizeof(Topics));
	Relation	relation = table_open(get_relname_relid("topic", get_namespace_oid("customer_data", false)), AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	HeapTuple	tuple;
	int			i;

	while ((tuple = systable_getnext(scan)) != NULL)
	{
		bool		isnull;
		char	   *name = TextDatumGetCString(heap_getattr(tuple, TOPIC_NAME, RelationGetDescr(relation), &isnull));
		Oid			config = DatumGetObjectId(heap_getattr(tuple, TOPIC_CONFIG, RelationGetDescr(relation), &isnull));
		Datum	   *keywords;
		bool	   *nulls;
		int			count;

		if (!is_asked_for(name, only))
			continue;
		deconstruct_array(DatumGetArrayTypePCopy(heap_getattr(tuple, TOPIC_KEYWORDS, RelationGetDescr(relation), &isnull)),
						  TEXTOID, -1, false, TYPALIGN_INT, &keywords, &nulls, &count);
		topics->names = topics->names == NULL ? palloc(sizeof(char *)) :
			repalloc(topics->names, (topics->count + 1) * sizeof(char *));
		topics->names[topics->count] = name;
		for (i = 0; i < count; i++)
		{
			text	   *word = DatumGetTextPP(keywords[i]);
			Keyword		keyword;

			if (read_keyword(VARDATA_ANY(word), VARSIZE_ANY_EXHDR(word), config, &keyword))
			{
				keyword.topic = topics->count;
				add_keyword(topics, &keyword, config);
			}
		}
		topics->count++;
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	if (topics->nstrings > 1)
		qsort(topics->strings, topics->nstrings, sizeof(Keyword), compare_strings);
	for (i = 0; i < topics->nphrases; i++)
		qsort(topics->phrases[i].keywords, topics->phrases[i].count, sizeof(Keyword), compare_phrases);
	topics->hit = palloc0(Max(topics->count, 1) * sizeof(bool));
	return topics;
}

/* The topics a call site has read, or read them */
static Topics *
cached_topics(FunctionCallInfo fcinfo, int only)
{
	TopicCache *cache = fcinfo->flinfo->fn_extra;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(TopicCache));
		fcinfo->flinfo->fn_extra = cache;
	}
	if (cache->topics == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		cache->topics = read_topics(PG_ARGISNULL(only) ? NULL : PG_GETARG_ARRAYTYPE_P(only));
		MemoryContextSwitchTo(old);
	}
	return cache->topics;
}

/* Look for keywords of unspaced scripts at every character */
static void
match_strings(Topics *topics, const CdText *text)
{
	int			at;

	for (at = 0; at < text->len; at++)
	{
		uint32		first = text->cp[at];
		int			low = 0,
					high = topics->nstrings;

		while (low < high)
		{
			int			mid = low + (high - low) / 2;

			if (topics->strings[mid].chars[0] < first)
				low = mid + 1;
			else
				high = mid;
		}
		for (; low < topics->nstrings && topics->strings[low].chars[0] == first; low++)
		{
			const Keyword *keyword = &topics->strings[low];

			if (keyword->nchars <= text->len - at &&
				memcmp(keyword->chars, text->cp + at, keyword->nchars * sizeof(uint32)) == 0)
				topics->hit[keyword->topic] = true;
		}
	}
}

/* Do the words of a keyword follow each other from a word of a text on? */
static bool
follows(const Keyword *keyword, const WordList *text, int at)
{
	int			i;

	if (keyword->nwords > text->count - at)
		return false;
	for (i = 1; i < keyword->nwords; i++)
	{
		if (text->words[at + i].place - text->words[at].place != keyword->words[i].place - keyword->words[0].place ||
			strcmp(text->words[at + i].term, keyword->words[i].term) != 0)
			return false;
	}
	return true;
}

/* Look for the keywords of one configuration */
static void
match_phrases(Topics *topics, const Phrases *phrases, const char *text, int length)
{
	WordList	list = {NULL, 0, 0};
	int			at;

	cd_words_of(text, length, phrases->config, take_word, &list);
	for (at = 0; at < list.count; at++)
	{
		int			low = 0,
					high = phrases->count;

		while (low < high)
		{
			int			mid = low + (high - low) / 2;

			if (strcmp(phrases->keywords[mid].words[0].term, list.words[at].term) < 0)
				low = mid + 1;
			else
				high = mid;
		}
		for (; low < phrases->count && strcmp(phrases->keywords[low].words[0].term, list.words[at].term) == 0; low++)
		{
			if (follows(&phrases->keywords[low], &list, at))
				topics->hit[phrases->keywords[low].topic] = true;
		}
	}
}

/* Find the topics of a text: topics->hit says which */
static void
match_text(Topics *topics, const char *text, int length)
{
	int			i;

	memset(topics->hit, 0, topics->count * sizeof(bool));
	if (topics->nstrings > 0)
	{
		CdText		folded;

		cd_text_fold(&folded, text, length);
		match_strings(topics, &folded);
		pfree(folded.cp);
	}
	for (i = 0; i < topics->nphrases; i++)
		match_phrases(topics, &topics->phrases[i], text, length);
}

/* topics(events, pattern, property, half_life, prior, names): the share of texts that touch each topic */
PG_FUNCTION_INFO_V1(cd_topics);
Datum
cd_topics(PG_FUNCTION_ARGS)
{
	Topics	   *topics;
	CdTimeline	tl;
	CdTallies	found;
	CdTagBuilder builder;
	text	   *name;
	int64		half_life = 0;
	double		prior = PG_ARGISNULL(4) ? 1 : PG_GETARG_FLOAT8(4);
	double	   *weights;
	int			i,
				k;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	if (!(prior >= 0) || isinf(prior))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("prior must not be negative")));
	topics = cached_topics(fcinfo, 5);
	name = PG_GETARG_TEXT_PP(2);
	if (!PG_ARGISNULL(3))
		half_life = cd_half_life_seconds(PG_GETARG_INTERVAL_P(3));
	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	cd_tally(&tl, cd_pattern_cached(fcinfo, 0, 1, PG_GETARG_DATUM(1)), VARDATA_ANY(name),
			 VARSIZE_ANY_EXHDR(name), half_life, &found);
	cd_tallies_rank(&found);
	weights = palloc0(Max(topics->count, 1) * sizeof(double));
	for (i = 0; i < found.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		match_text(topics, found.tallies[i].value, found.tallies[i].length);
		for (k = 0; k < topics->count; k++)
		{
			if (topics->hit[k])
				weights[k] += found.tallies[i].weight;
		}
	}
	cd_tag_builder(&builder);
	for (k = 0; k < topics->count; k++)
	{
		CdTag		tag = {topics->names[k], strlen(topics->names[k]), 1, DT_NOBEGIN, DT_NOEND, 0, 0};

		if (weights[k] <= 0)
			continue;
		tag.score = (float4) (weights[k] / (found.total + prior));
		if (half_life > 0)
		{
			tag.at = found.anchor;
			tag.half_life = half_life;
		}
		cd_tag_builder_add(&builder, &tag);
	}
	PG_RETURN_POINTER(cd_tag_builder_value(&builder));
}

/* text_topics(text, names): the topics of a text */
PG_FUNCTION_INFO_V1(cd_text_topics);
Datum
cd_text_topics(PG_FUNCTION_ARGS)
{
	Topics	   *topics;
	CdTagBuilder builder;
	text	   *input;
	int			k;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	topics = cached_topics(fcinfo, 1);
	input = PG_GETARG_TEXT_PP(0);
	match_text(topics, VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input));
	cd_tag_builder(&builder);
	for (k = 0; k < topics->count; k++)
	{
		CdTag		tag = {topics->names[k], strlen(topics->names[k]), 1, DT_NOBEGIN, DT_NOEND, 0, 0};

		if (topics->hit[k])
			cd_tag_builder_add(&builder, &tag);
	}
	PG_RETURN_POINTER(cd_tag_builder_value(&builder));
}

/* check_keywords(keywords, config): refuse those that no text could have */
PG_FUNCTION_INFO_V1(cd_check_keywords);
Datum
cd_check_keywords(PG_FUNCTION_ARGS)
{
	Datum	   *keywords;
	bool	   *nulls;
	int			count,
				i;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &keywords, &nulls, &count);
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a topic needs a keyword")));
	for (i = 0; i < count; i++)
	{
		text	   *word = nulls[i] ? NULL : DatumGetTextPP(keywords[i]);
		Keyword		keyword;

		if (word == NULL || !read_keyword(VARDATA_ANY(word), VARSIZE_ANY_EXHDR(word), PG_GETARG_OID(1), &keyword))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("keyword \"%s\" would never be found", word == NULL ? "" : text_to_cstring(word)),
					 errdetail("Nothing is left of it but stop words, numbers, single letters or punctuation.")));
	}
	PG_RETURN_VOID();
}
