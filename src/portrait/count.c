/*
 * count.c
 *		How often values and words occur: what topics, keywords and affinities
 *		are weighed from.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "portrait/behaviour.h"
#include "portrait/tagset.h"
#include "portrait/words.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Of one customer's words only the most frequent are kept. */
#define MOST_WORDS		500

/* Words on their way to become tags: a normal form, a dot, the form written. */
typedef struct Words
{
	CdTag	   *tags;			/* path and score */
	int			count;
	int			room;
	int			text_from;		/* where the words of the present text start */
} Words;

/* By bytes, the shorter first */
static int
compare_paths(const void *a, const void *b)
{
	const CdTag *x = a;
	const CdTag *y = b;
	int			order = memcmp(x->path, y->path, Min(x->length, y->length));

	return order != 0 ? order : x->length - y->length;
}

static int
compare_scores(const void *a, const void *b)
{
	const CdTag *x = a;
	const CdTag *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return compare_paths(a, b);
}

/* Sort by path from a place on; of equals one stays, with the sum or the score of one */
static void
unite(Words *words, int from, bool add)
{
	int			kept = from;
	int			i;

	if (words->count - from < 2)
		return;
	qsort(words->tags + from, words->count - from, sizeof(CdTag), compare_paths);
	for (i = from + 1; i < words->count; i++)
	{
		if (compare_paths(&words->tags[kept], &words->tags[i]) != 0)
			words->tags[++kept] = words->tags[i];
		else if (add)
			words->tags[kept].score += words->tags[i].score;
	}
	words->count = kept + 1;
}

/* Take one word of a text */
static void
take_word(void *arg, const char *term, int length, const char *shown, int shown_length, int place)
{
	Words	   *words = arg;
	char	   *path = palloc(length + shown_length + 1);
	int			first = cd_make_label(term, length, path, length);
	CdTag	   *tag;
	int			second;

	path[first] = '.';
	second = cd_make_label(shown, shown_length, path + first + 1, shown_length);
	if (first == 0 || second == 0)
		return;
	if (words->count == words->room)
	{
		words->room *= 2;
		words->tags = repalloc_huge(words->tags, words->room * sizeof(CdTag));
	}
	tag = &words->tags[words->count++];
	tag->path = path;
	tag->length = first + 1 + second;
	tag->score = 1;
	tag->at = DT_NOBEGIN;
	tag->until = DT_NOEND;
	tag->half_life = 0;
}

/* Add the words of a text, each once, with a weight */
static void
add_text(Words *words, const char *text, int length, Oid config, double weight)
{
	int			i;

	words->text_from = words->count;
	cd_words_of(text, length, config, take_word, words);
	unite(words, words->text_from, false);
	for (i = words->text_from; i < words->count; i++)
		words->tags[i].score = (float4) weight;
}

static void
begin_words(Words *words)
{
	words->room = 64;
	words->count = 0;
	words->tags = palloc(words->room * sizeof(CdTag));
}

/* A tagset of the most frequent words */
static CdTagset *
finish_words(Words *words)
{
	CdTagBuilder builder;
	int			i;

	unite(words, 0, true);
	if (words->count > MOST_WORDS)
	{
		qsort(words->tags, words->count, sizeof(CdTag), compare_scores);
		words->count = MOST_WORDS;
	}
	cd_tag_builder(&builder);
	for (i = 0; i < words->count; i++)
		cd_tag_builder_add(&builder, &words->tags[i]);
	return cd_tag_builder_value(&builder);
}

/* value_counts(events, pattern, property, half_life): how often each value was met */
PG_FUNCTION_INFO_V1(cd_value_counts);
Datum
cd_value_counts(PG_FUNCTION_ARGS)
{
	CdTimeline	tl;
	CdTallies	found;
	CdTagBuilder builder;
	text	   *name;
	int			count,
				i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	name = PG_GETARG_TEXT_PP(2);
	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	cd_tally(&tl, cd_pattern_cached(fcinfo, 0, 1, PG_GETARG_DATUM(1)), VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name),
			 PG_ARGISNULL(3) ? 0 : cd_half_life_seconds(PG_GETARG_INTERVAL_P(3)), &found);
	count = cd_tallies_label(&found, MOST_WORDS);
	cd_tag_builder(&builder);
	for (i = 0; i < count; i++)
	{
		const CdTally *tally = &found.tallies[i];
		CdTag		tag = {tally->label, tally->label_length, (float4) tally->weight, DT_NOBEGIN, DT_NOEND, 0, 0};

		if (tag.length > 0)
			cd_tag_builder_add(&builder, &tag);
	}
	PG_RETURN_POINTER(cd_tag_builder_value(&builder));
}

/* word_counts(events, pattern, property, config, half_life): in how many texts each word is */
PG_FUNCTION_INFO_V1(cd_word_counts);
Datum
cd_word_counts(PG_FUNCTION_ARGS)
{
	CdTimeline	tl;
	CdTallies	found;
	Words		words;
	text	   *name;
	int			i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	name = PG_GETARG_TEXT_PP(2);
	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	cd_tally(&tl, cd_pattern_cached(fcinfo, 0, 1, PG_GETARG_DATUM(1)), VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name),
			 PG_ARGISNULL(4) ? 0 : cd_half_life_seconds(PG_GETARG_INTERVAL_P(4)), &found);
	cd_tallies_rank(&found);
	begin_words(&words);
	for (i = 0; i < found.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		add_text(&words, found.tallies[i].value, found.tallies[i].length, PG_GETARG_OID(3), found.tallies[i].weight);
	}
	PG_RETURN_POINTER(finish_words(&words));
}

/* text_words(text, config): the words of a text */
PG_FUNCTION_INFO_V1(cd_text_words);
Datum
cd_text_words(PG_FUNCTION_ARGS)
{
	text	   *input = PG_GETARG_TEXT_PP(0);
	Words		words;

	begin_words(&words);
	add_text(&words, VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), PG_GETARG_OID(1), 1);
	PG_RETURN_POINTER(finish_words(&words));
}
