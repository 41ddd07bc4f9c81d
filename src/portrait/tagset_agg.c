/*
 * tagset_agg.c
 *		Aggregates over tags and tagsets.
 */
#include "postgres.h"

#include "portrait/tagset.h"

#include <float.h>
#include <math.h>

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "portrait/behaviour.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* tagset_agg(path, score, at, half_life, until): put a tagset together */
PG_FUNCTION_INFO_V1(cd_tagset_agg_step);
Datum
cd_tagset_agg_step(PG_FUNCTION_ARGS)
{
	MemoryContext context = cd_aggregate_context(fcinfo);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdTagBuilder *state = PG_ARGISNULL(0) ? NULL : (CdTagBuilder *) PG_GETARG_POINTER(0);
	CdTag		tag = {NULL, 0, 1, DT_NOBEGIN, DT_NOEND, 0, 0};

	if (state == NULL)
	{
		state = palloc(sizeof(CdTagBuilder));
		cd_tag_builder(state);
	}
	if (!PG_ARGISNULL(1))
	{
		text	   *path = PG_GETARG_TEXT_PP(1);

		cd_check_tag_path(VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
		tag.path = pnstrdup(VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
		tag.length = VARSIZE_ANY_EXHDR(path);
		if (!PG_ARGISNULL(2))
			tag.score = (float4) PG_GETARG_FLOAT8(2) + 0.0f;
		if (!isfinite(tag.score))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("score of tag \"%s\" is not a finite number", tag.path)));
		if (!PG_ARGISNULL(3))
			tag.at = cd_tag_time(PG_GETARG_TIMESTAMPTZ(3));
		if (!PG_ARGISNULL(4))
			tag.half_life = cd_half_life_seconds(PG_GETARG_INTERVAL_P(4));
		if (!PG_ARGISNULL(5))
			tag.until = cd_tag_time(PG_GETARG_TIMESTAMPTZ(5));
		cd_tag_builder_add(state, &tag);
	}
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(cd_tagset_agg_final);
Datum
cd_tagset_agg_final(PG_FUNCTION_ARGS)
{
	CdTagBuilder none;

	if (!PG_ARGISNULL(0))
		PG_RETURN_POINTER(cd_tag_builder_value((CdTagBuilder *) PG_GETARG_POINTER(0)));
	cd_tag_builder(&none);
	PG_RETURN_POINTER(cd_tag_builder_value(&none));
}

/* Sum of the scores of one tag. */
typedef struct TagSum
{
	char		path[CD_MAX_TAG_PATH + 1];	/* key, ends with zeros */
	double		sum;
} TagSum;

typedef struct TagSums
{
	HTAB	   *sums;
	int64		sets;
	int			top;			/* so many are wanted; -1: all */
} TagSums;

static TagSums *
make_sums(MemoryContext context)
{
	TagSums    *state = MemoryContextAlloc(context, sizeof(TagSums));
	HASHCTL		control = {0};

	control.keysize = CD_MAX_TAG_PATH + 1;
	control.entrysize = sizeof(TagSum);
	control.hcxt = context;
	state->sums = hash_create("sums of tags", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	state->sets = 0;
	state->top = -1;
	return state;
}

static void
add_score(TagSums *state, const char *path, int length, double score)
{
	char		key[CD_MAX_TAG_PATH + 1] = {0};
	TagSum	   *sum;
	bool		found;

	memcpy(key, path, length);
	sum = hash_search(state->sums, key, HASH_ENTER, &found);
	sum->sum = found ? sum->sum + score : score;
}

/* The state of a step, and whether there is a tagset to add */
static TagSums *
begin_step(FunctionCallInfo fcinfo)
{
	MemoryContext context = cd_aggregate_context(fcinfo);

	return PG_ARGISNULL(0) ? make_sums(context) : (TagSums *) PG_GETARG_POINTER(0);
}

/* Add the scores now of a step's tagset, if it has one */
static void
add_tagset(FunctionCallInfo fcinfo, TagSums *state)
{
	TimestampTz now = cd_as_of();
	CdTagReader reader;

	if (PG_ARGISNULL(1))
		return;
	state->sets++;
	cd_tags_begin(&reader, PG_GETARG_TAGSET(1));
	while (cd_tags_next(&reader))
	{
		double		score;

		if (cd_tag_score_at(&reader.tag, now, &score))
			add_score(state, reader.tag.path, reader.tag.length, score);
	}
}

/* tagset_sum, tagset_mean: one more tagset */
PG_FUNCTION_INFO_V1(cd_tagset_sum_step);
Datum
cd_tagset_sum_step(PG_FUNCTION_ARGS)
{
	TagSums    *state = begin_step(fcinfo);

	add_tagset(fcinfo, state);
	PG_RETURN_POINTER(state);
}

/* tagset_top(tags, n): one more tagset */
PG_FUNCTION_INFO_V1(cd_tagset_top_step);
Datum
cd_tagset_top_step(PG_FUNCTION_ARGS)
{
	TagSums    *state = begin_step(fcinfo);

	if (PG_ARGISNULL(2) || PG_GETARG_INT32(2) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of tags must not be negative or NULL")));
	state->top = PG_GETARG_INT32(2);
	add_tagset(fcinfo, state);
	PG_RETURN_POINTER(state);
}

/* tag_counts: one more tagset, each tag it has now counting 1 */
PG_FUNCTION_INFO_V1(cd_tag_counts_step);
Datum
cd_tag_counts_step(PG_FUNCTION_ARGS)
{
	TagSums    *state = begin_step(fcinfo);
	TimestampTz now = cd_as_of();
	CdTagReader reader;

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);
	state->sets++;
	cd_tags_begin(&reader, PG_GETARG_TAGSET(1));
	while (cd_tags_next(&reader))
	{
		double		score;

		if (cd_tag_score_at(&reader.tag, now, &score))
			add_score(state, reader.tag.path, reader.tag.length, 1);
	}
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(cd_tagset_sum_combine);
Datum
cd_tagset_sum_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = cd_aggregate_context(fcinfo);
	TagSums    *state,
			   *other;
	HASH_SEQ_STATUS scan;
	TagSum	   *sum;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_POINTER(PG_GETARG_POINTER(0));
	}
	state = PG_ARGISNULL(0) ? make_sums(context) : (TagSums *) PG_GETARG_POINTER(0);
	other = (TagSums *) PG_GETARG_POINTER(1);
	state->sets += other->sets;
	state->top = Max(state->top, other->top);
	hash_seq_init(&scan, other->sums);
	while ((sum = hash_seq_search(&scan)) != NULL)
		add_score(state, sum->path, strlen(sum->path), sum->sum);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(cd_tagset_sum_serialize);
Datum
cd_tagset_sum_serialize(PG_FUNCTION_ARGS)
{
	TagSums    *state = (TagSums *) PG_GETARG_POINTER(0);
	HASH_SEQ_STATUS scan;
	TagSum	   *sum;
	StringInfoData out;

	(void) cd_aggregate_context(fcinfo);
	pq_begintypsend(&out);
	pq_sendint64(&out, state->sets);
	pq_sendint32(&out, state->top);
	pq_sendint32(&out, (int32) hash_get_num_entries(state->sums));
	hash_seq_init(&scan, state->sums);
	while ((sum = hash_seq_search(&scan)) != NULL)
	{
		int			length = strlen(sum->path);

		pq_sendbyte(&out, length);
		pq_sendbytes(&out, sum->path, length);
		pq_sendfloat8(&out, sum->sum);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

PG_FUNCTION_INFO_V1(cd_tagset_sum_deserialize);
Datum
cd_tagset_sum_deserialize(PG_FUNCTION_ARGS)
{
	TagSums    *state = make_sums(cd_aggregate_context(fcinfo));
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData in;
	int			count;

	initStringInfo(&in);
	appendBinaryStringInfo(&in, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	state->sets = pq_getmsgint64(&in);
	state->top = (int) pq_getmsgint(&in, 4);
	count = pq_getmsgint(&in, 4);
	while (count-- > 0)
	{
		int			length = pq_getmsgbyte(&in);
		const char *path = pq_getmsgbytes(&in, length);

		add_score(state, path, length, pq_getmsgfloat8(&in));
	}
	pq_getmsgend(&in);
	PG_RETURN_POINTER(state);
}

/* A tag and its score now, for sorting. */
typedef struct RankedTag
{
	CdTag		tag;
	double		score;
} RankedTag;

/* Higher first, then by path */
static int
compare_ranked(const void *a, const void *b)
{
	const RankedTag *x = a;
	const RankedTag *y = b;
	int			order;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	order = memcmp(x->tag.path, y->tag.path, Min(x->tag.length, y->tag.length));
	return order != 0 ? order : x->tag.length - y->tag.length;
}

/* Keep the best of some tags */
static void
add_best(CdTagBuilder *builder, RankedTag *ranked, int count, int top)
{
	int			i;

	qsort(ranked, count, sizeof(RankedTag), compare_ranked);
	for (i = 0; i < count && i < top; i++)
		cd_tag_builder_add(builder, &ranked[i].tag);
}

/* Make a tagset of sums, each divided by a number; what overflows is left at the limit */
static Datum
sums_value(FunctionCallInfo fcinfo, bool mean)
{
	CdTagBuilder builder;

	cd_tag_builder(&builder);
	if (!PG_ARGISNULL(0))
	{
		TagSums    *state = (TagSums *) PG_GETARG_POINTER(0);
		RankedTag  *ranked = palloc_extended(Max(hash_get_num_entries(state->sums), 1) * sizeof(RankedTag), MCXT_ALLOC_HUGE);
		HASH_SEQ_STATUS scan;
		TagSum	   *sum;
		int			n = 0;

		hash_seq_init(&scan, state->sums);
		while ((sum = hash_seq_search(&scan)) != NULL)
		{
			CdTag		tag = {sum->path, strlen(sum->path), 1, DT_NOBEGIN, DT_NOEND, 0, 0};
			double		score = mean ? sum->sum / Max(state->sets, 1) : sum->sum;

			tag.score = (float4) Max(-FLT_MAX, Min(score, FLT_MAX)) + 0.0f;
			ranked[n].tag = tag;
			ranked[n++].score = score;
		}
		add_best(&builder, ranked, n, state->top < 0 ? n : state->top);
	}
	PG_RETURN_POINTER(cd_tag_builder_value(&builder));
}

PG_FUNCTION_INFO_V1(cd_tagset_sum_final);
Datum
cd_tagset_sum_final(PG_FUNCTION_ARGS)
{
	return sums_value(fcinfo, false);
}

PG_FUNCTION_INFO_V1(cd_tagset_mean_final);
Datum
cd_tagset_mean_final(PG_FUNCTION_ARGS)
{
	return sums_value(fcinfo, true);
}

/* top_tags(tags, n): those with the highest scores now */
PG_FUNCTION_INFO_V1(cd_top_tags);
Datum
cd_top_tags(PG_FUNCTION_ARGS)
{
	CdTagset   *tags = PG_GETARG_TAGSET(0);
	int			top = PG_GETARG_INT32(1);
	TimestampTz now = cd_as_of();
	RankedTag  *ranked = palloc(Max(cd_tags_count(tags), 1) * sizeof(RankedTag));
	CdTagReader reader;
	CdTagBuilder builder;
	int			n = 0;

	cd_tags_begin(&reader, tags);
	while (cd_tags_next(&reader))
	{
		if (!cd_tag_score_at(&reader.tag, now, &ranked[n].score))
			continue;
		if (reader.tag.half_life > 0)
			cd_validity_note(now + 1);
		ranked[n].tag = reader.tag;
		ranked[n].tag.path = pnstrdup(reader.tag.path, reader.tag.length);
		n++;
	}
	cd_tag_builder(&builder);
	add_best(&builder, ranked, n, top);
	PG_RETURN_POINTER(cd_tag_builder_value(&builder));
}

/* tag_presence(tags): each tag that has not expired, with score 1 */
PG_FUNCTION_INFO_V1(cd_tag_presence);
Datum
cd_tag_presence(PG_FUNCTION_ARGS)
{
	TimestampTz now = cd_as_of();
	CdTagReader reader;
	CdTagBuilder builder;

	cd_tag_builder(&builder);
	cd_tags_begin(&reader, PG_GETARG_TAGSET(0));
	while (cd_tags_next(&reader))
	{
		CdTag		tag = {NULL, reader.tag.length, 1, DT_NOBEGIN, DT_NOEND, 0, 0};
		double		score;

		if (!cd_tag_score_at(&reader.tag, now, &score))
			continue;
		tag.path = pnstrdup(reader.tag.path, reader.tag.length);
		cd_tag_builder_add(&builder, &tag);
	}
	PG_RETURN_POINTER(cd_tag_builder_value(&builder));
}
