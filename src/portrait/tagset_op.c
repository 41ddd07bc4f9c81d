/*
 * tagset_op.c
 *		Functions and operators of tagset.
 */
#include "postgres.h"

#include "portrait/tagset.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portrait/behaviour.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(cd_empty_tagset);
Datum
cd_empty_tagset(PG_FUNCTION_ARGS)
{
	CdTagBuilder builder;

	cd_tag_builder(&builder);
	PG_RETURN_POINTER(cd_tag_builder_value(&builder));
}

/* Check a path, or a prefix that ends with an asterisk */
static void
check_pattern(const char *pattern, int length)
{
	if (length == 1 && pattern[0] == '*')
		return;
	if (length > 2 && pattern[length - 1] == '*' && pattern[length - 2] == '.')
		length -= 2;
	cd_check_tag_path(pattern, length);
}

/* Move to the tag of a path, once, or to the next below a prefix */
static bool
next_match(CdTagReader *reader, const char *pattern, int length)
{
	if (pattern[length - 1] != '*')
	{
		bool		found = cd_tags_seek(reader, pattern, length);

		reader->left = 0;
		return found;
	}
	while (cd_tags_next(reader))
	{
		if (cd_tag_matches(&reader->tag, pattern, length))
			return true;
	}
	return false;
}

/* has_tag(tags, path, min_score) */
PG_FUNCTION_INFO_V1(cd_has_tag);
Datum
cd_has_tag(PG_FUNCTION_ARGS)
{
	CdTagset   *tags;
	text	   *path;
	const char *pattern;
	int			length;
	TimestampTz now = cd_as_of();
	CdTagReader reader;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	tags = PG_GETARG_TAGSET(0);
	path = PG_GETARG_TEXT_PP(1);
	pattern = VARDATA_ANY(path);
	length = VARSIZE_ANY_EXHDR(path);
	check_pattern(pattern, length);
	cd_tags_begin(&reader, tags);
	while (next_match(&reader, pattern, length))
	{
		double		score;

		if (PG_ARGISNULL(2) ? cd_tag_score_at(&reader.tag, now, &score) :
			cd_tag_reaches(&reader.tag, now, PG_GETARG_FLOAT8(2), false))
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

/* tag_score(tags, path): as of now; the highest where a prefix matches several */
PG_FUNCTION_INFO_V1(cd_tag_score);
Datum
cd_tag_score(PG_FUNCTION_ARGS)
{
	CdTagset   *tags = PG_GETARG_TAGSET(0);
	text	   *path = PG_GETARG_TEXT_PP(1);
	const char *pattern = VARDATA_ANY(path);
	int			length = VARSIZE_ANY_EXHDR(path);
	TimestampTz now = cd_as_of();
	CdTagReader reader;
	bool		found = false;
	double		best = 0;

	check_pattern(pattern, length);
	cd_tags_begin(&reader, tags);
	while (next_match(&reader, pattern, length))
	{
		double		score;

		if (!cd_tag_score_at(&reader.tag, now, &score))
			continue;

		/* A decaying score never holds: whoever keeps it looks again each time. */
		if (reader.tag.half_life > 0)
			cd_validity_note(now + 1);
		if (!found || score > best)
			best = score;
		found = true;
	}
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(best);
}

/* Score as of a given moment; the highest where a prefix matches several, false without such a tag */
static bool
best_score_then(const CdTagset *tags, const text *path, TimestampTz moment, double *best)
{
	const char *pattern = VARDATA_ANY(path);
	int			length = VARSIZE_ANY_EXHDR(path);
	CdTagReader reader;
	bool		found = false;

	if (TIMESTAMP_NOT_FINITE(moment))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the moment must be a finite one"),
				 errhint("Leave it out to ask as of customer_data.as_of().")));
	check_pattern(pattern, length);
	cd_tags_begin(&reader, tags);
	while (next_match(&reader, pattern, length))
	{
		double		score;

		if (!cd_tag_score_then(&reader.tag, moment, &score))
			continue;
		if (!found || score > *best)
			*best = score;
		found = true;
	}
	return found;
}

/* has_tag(tags, path, min_score, at) */
PG_FUNCTION_INFO_V1(cd_has_tag_then);
Datum
cd_has_tag_then(PG_FUNCTION_ARGS)
{
	double		best;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(best_score_then(PG_GETARG_TAGSET(0), PG_GETARG_TEXT_PP(1), PG_GETARG_TIMESTAMPTZ(3), &best) &&
				   (PG_ARGISNULL(2) || best >= PG_GETARG_FLOAT8(2)));
}

/* tag_score(tags, path, at) */
PG_FUNCTION_INFO_V1(cd_tag_score_of_then);
Datum
cd_tag_score_of_then(PG_FUNCTION_ARGS)
{
	double		best;

	if (!best_score_then(PG_GETARG_TAGSET(0), PG_GETARG_TEXT_PP(1), PG_GETARG_TIMESTAMPTZ(2), &best))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(best);
}

/* tag_score(tags, path) >= threshold and > threshold, with a validity */
static Datum
compare_score(FunctionCallInfo fcinfo, bool strict)
{
	CdTagset   *tags = PG_GETARG_TAGSET(0);
	text	   *path = PG_GETARG_TEXT_PP(1);
	const char *pattern = VARDATA_ANY(path);
	int			length = VARSIZE_ANY_EXHDR(path);
	double		threshold = PG_GETARG_FLOAT8(2);
	TimestampTz now = cd_as_of();
	CdTagReader reader;
	bool		found = false;

	check_pattern(pattern, length);
	cd_tags_begin(&reader, tags);
	while (next_match(&reader, pattern, length))
	{
		double		score;

		if (!cd_tag_score_at(&reader.tag, now, &score))
			continue;
		found = true;
		if (cd_tag_reaches(&reader.tag, now, threshold, strict))
			PG_RETURN_BOOL(true);
	}
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(false);
}

PG_FUNCTION_INFO_V1(cd_tag_score_ge);
Datum
cd_tag_score_ge(PG_FUNCTION_ARGS)
{
	return compare_score(fcinfo, false);
}

PG_FUNCTION_INFO_V1(cd_tag_score_gt);
Datum
cd_tag_score_gt(PG_FUNCTION_ARGS)
{
	return compare_score(fcinfo, true);
}

static void
add_all(CdTagBuilder *builder, const CdTagset *tags, const char *without, int length)
{
	CdTagReader reader;

	cd_tags_begin(&reader, tags);
	while (cd_tags_next(&reader))
	{
		CdTag		tag = reader.tag;

		if (without != NULL && cd_tag_matches(&tag, without, length))
			continue;
		tag.path = pnstrdup(tag.path, tag.length);
		cd_tag_builder_add(builder, &tag);
	}
}

/* Refuse times that a tagset cannot keep */
TimestampTz
cd_tag_time(TimestampTz moment)
{
	if (TIMESTAMP_NOT_FINITE(moment) ||
		moment < CD_TAG_SECOND_LEAST * USECS_PER_SEC || moment > CD_TAG_SECOND_MOST * USECS_PER_SEC)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time of a tag is out of range"),
				 errhint("Times of tags lie in the years 1 to 9999; NULL means none.")));
	return moment;
}

/* set_tag(tags, path, score, at, half_life, until) */
PG_FUNCTION_INFO_V1(cd_set_tag);
Datum
cd_set_tag(PG_FUNCTION_ARGS)
{
	CdTagBuilder builder;
	CdTag		tag = {NULL, 0, 1, DT_NOBEGIN, DT_NOEND, 0, 0};
	text	   *path;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	path = PG_GETARG_TEXT_PP(1);
	tag.path = VARDATA_ANY(path);
	tag.length = VARSIZE_ANY_EXHDR(path);
	cd_check_tag_path(tag.path, tag.length);
	if (!PG_ARGISNULL(2))
	{
		tag.score = (float4) PG_GETARG_FLOAT8(2) + 0.0f;
		if (!isfinite(tag.score))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("score of tag \"%s\" is not a finite number", text_to_cstring(path))));
	}
	if (!PG_ARGISNULL(3))
		tag.at = cd_tag_time(PG_GETARG_TIMESTAMPTZ(3));
	if (!PG_ARGISNULL(4))
	{
		tag.half_life = cd_half_life_seconds(PG_GETARG_INTERVAL_P(4));
		if (PG_ARGISNULL(3))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("tag \"%s\" has a half-life and no time to decay from", text_to_cstring(path)),
					 errhint("Give the time of the score as at => ....")));
	}
	if (!PG_ARGISNULL(5))
		tag.until = cd_tag_time(PG_GETARG_TIMESTAMPTZ(5));
	cd_tag_builder(&builder);
	add_all(&builder, PG_GETARG_TAGSET(0), NULL, 0);
	cd_tag_builder_add(&builder, &tag);
	PG_RETURN_POINTER(cd_tag_builder_value(&builder));
}

/* remove_tag(tags, path or prefix) */
PG_FUNCTION_INFO_V1(cd_remove_tag);
Datum
cd_remove_tag(PG_FUNCTION_ARGS)
{
	text	   *path = PG_GETARG_TEXT_PP(1);
	CdTagBuilder builder;

	check_pattern(VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
	cd_tag_builder(&builder);
	add_all(&builder, PG_GETARG_TAGSET(0), VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
	PG_RETURN_POINTER(cd_tag_builder_value(&builder));
}

/* tags || tags: of two with one path the right one */
PG_FUNCTION_INFO_V1(cd_tagset_merge);
Datum
cd_tagset_merge(PG_FUNCTION_ARGS)
{
	CdTagBuilder builder;

	cd_tag_builder(&builder);
	add_all(&builder, PG_GETARG_TAGSET(0), NULL, 0);
	add_all(&builder, PG_GETARG_TAGSET(1), NULL, 0);
	PG_RETURN_POINTER(cd_tag_builder_value(&builder));
}

/* The tags below a prefix */
PG_FUNCTION_INFO_V1(cd_tags_under);
Datum
cd_tags_under(PG_FUNCTION_ARGS)
{
	text	   *path = PG_GETARG_TEXT_PP(1);
	CdTagBuilder builder;
	CdTagReader reader;

	check_pattern(VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
	cd_tag_builder(&builder);
	cd_tags_begin(&reader, PG_GETARG_TAGSET(0));
	while (cd_tags_next(&reader))
	{
		CdTag		tag = reader.tag;

		if (!cd_tag_matches(&tag, VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path)))
			continue;
		tag.path = pnstrdup(tag.path, tag.length);
		cd_tag_builder_add(&builder, &tag);
	}
	PG_RETURN_POINTER(cd_tag_builder_value(&builder));
}

/* tag_count(tags): of those that have not expired, as has_tag() sees them */
PG_FUNCTION_INFO_V1(cd_tag_count);
Datum
cd_tag_count(PG_FUNCTION_ARGS)
{
	CdTagReader reader;
	TimestampTz now = cd_as_of();
	double		score;
	int			count = 0;

	cd_tags_begin(&reader, PG_GETARG_TAGSET(0));
	while (cd_tags_next(&reader))
		count += cd_tag_score_at(&reader.tag, now, &score);
	PG_RETURN_INT32(count);
}

static bool
are_equal(FunctionCallInfo fcinfo)
{
	CdTagset   *a = PG_GETARG_TAGSET(0);
	CdTagset   *b = PG_GETARG_TAGSET(1);
	bool		equal = cd_tagset_equal(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return equal;
}

PG_FUNCTION_INFO_V1(cd_tagset_eq);
Datum
cd_tagset_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(are_equal(fcinfo));
}

PG_FUNCTION_INFO_V1(cd_tagset_ne);
Datum
cd_tagset_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!are_equal(fcinfo));
}

/* Hashes are of the image with all paths written out, the same for equal tagsets */
PG_FUNCTION_INFO_V1(cd_tagset_hash);
Datum
cd_tagset_hash(PG_FUNCTION_ARGS)
{
	CdTagset   *tags = cd_tagset_rewrite(PG_GETARG_TAGSET(0), true, false);

	PG_RETURN_DATUM(hash_any((unsigned char *) VARDATA_ANY(tags), VARSIZE_ANY_EXHDR(tags)));
}

PG_FUNCTION_INFO_V1(cd_tagset_hash_extended);
Datum
cd_tagset_hash_extended(PG_FUNCTION_ARGS)
{
	CdTagset   *tags = cd_tagset_rewrite(PG_GETARG_TAGSET(0), true, false);

	PG_RETURN_DATUM(hash_any_extended((unsigned char *) VARDATA_ANY(tags), VARSIZE_ANY_EXHDR(tags),
									  PG_GETARG_INT64(1)));
}

/* The same with today's numbers */
PG_FUNCTION_INFO_V1(cd_tagset_compact);
Datum
cd_tagset_compact(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(cd_tagset_rewrite(PG_GETARG_TAGSET(0), false, false));
}

/* tags(tagset) → (path, score, at, half_life, until, score_now) */
PG_FUNCTION_INFO_V1(cd_tagset_rows);
Datum
cd_tagset_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz now = cd_as_of();
	CdTagReader reader;

	InitMaterializedSRF(fcinfo, 0);
	cd_tags_begin(&reader, PG_GETARG_TAGSET(0));
	while (cd_tags_next(&reader))
	{
		Datum		values[6] = {0};
		bool		nulls[6] = {false, false, true, true, true, true};
		double		score;

		values[0] = PointerGetDatum(cstring_to_text_with_len(reader.tag.path, reader.tag.length));
		values[1] = Float4GetDatum(reader.tag.score);
		if (!TIMESTAMP_NOT_FINITE(reader.tag.at))
		{
			values[2] = TimestampTzGetDatum(reader.tag.at);
			nulls[2] = false;
		}
		if (reader.tag.half_life > 0)
		{
			Interval   *span = palloc0(sizeof(Interval));

			span->day = reader.tag.half_life / SECS_PER_DAY;
			span->time = reader.tag.half_life % SECS_PER_DAY * USECS_PER_SEC;
			values[3] = IntervalPGetDatum(span);
			nulls[3] = false;
		}
		if (!TIMESTAMP_NOT_FINITE(reader.tag.until))
		{
			values[4] = TimestampTzGetDatum(reader.tag.until);
			nulls[4] = false;
		}
		if (cd_tag_score_at(&reader.tag, now, &score))
		{
			values[5] = Float8GetDatum(score);
			nulls[5] = false;
			if (reader.tag.half_life > 0)
				cd_validity_note(now + 1);
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* Sum of products of the scores now of tags that both have; lengths as well */
static double
products(CdTagset *a, CdTagset *b, double *square_a, double *square_b)
{
	TimestampTz now = cd_as_of();
	CdTagReader ra,
				rb;
	bool		more_a,
				more_b;
	double		sum = 0,
				x,
				y;

	cd_tags_begin(&ra, a);
	cd_tags_begin(&rb, b);
	*square_a = *square_b = 0;
	more_a = cd_tags_next(&ra);
	more_b = cd_tags_next(&rb);
	while (more_a || more_b)
	{
		int			order;

		if (!more_a)
			order = 1;
		else if (!more_b)
			order = -1;
		else
		{
			order = memcmp(ra.tag.path, rb.tag.path, Min(ra.tag.length, rb.tag.length));
			if (order == 0)
				order = ra.tag.length - rb.tag.length;
		}
		x = y = 0;
		if (order <= 0)
		{
			if (!cd_tag_score_at(&ra.tag, now, &x))
				x = 0;
			if (ra.tag.half_life > 0)
				cd_validity_note(now + 1);
			more_a = cd_tags_next(&ra);
		}
		if (order >= 0)
		{
			if (!cd_tag_score_at(&rb.tag, now, &y))
				y = 0;
			if (rb.tag.half_life > 0)
				cd_validity_note(now + 1);
			more_b = cd_tags_next(&rb);
		}
		sum += x * y;
		*square_a += x * x;
		*square_b += y * y;
	}
	return sum;
}

PG_FUNCTION_INFO_V1(cd_tagset_dot);
Datum
cd_tagset_dot(PG_FUNCTION_ARGS)
{
	double		a,
				b;

	PG_RETURN_FLOAT8(products(PG_GETARG_TAGSET(0), PG_GETARG_TAGSET(1), &a, &b));
}

/* NULL where one has no tags */
PG_FUNCTION_INFO_V1(cd_tagset_cosine);
Datum
cd_tagset_cosine(PG_FUNCTION_ARGS)
{
	double		a,
				b,
				sum = products(PG_GETARG_TAGSET(0), PG_GETARG_TAGSET(1), &a, &b);

	if (a == 0 || b == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(sum / sqrt(a) / sqrt(b));
}
