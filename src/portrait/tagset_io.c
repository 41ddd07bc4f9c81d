/*
 * tagset_io.c
 *		Text and binary I/O of tagset.
 *
 * {vip, industry.retail:0.75, "interest.Men's shoes":3.2@2026-01-02T03:04:05Z~30d!2027-01-01T00:00:00Z}
 * is path, then as wanted :score, @time, ~half-life, !expiry.
 */
#include "postgres.h"

#include "portrait/tagset.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#define IS_BLANK(c)		((c) == ' ' || ((c) >= '\t' && (c) <= '\r'))
#define IS_DIGIT(c)		((c) >= '0' && (c) <= '9')
#define ENDS_PATH(c)	((c) == '\0' || strchr("{},:@~!\"\\*", (c)) != NULL || (unsigned char) (c) <= ' ')

/* A place in the text, and what is wrong there. */
typedef struct Cursor
{
	const char *at;
	const char *fault;
} Cursor;

static void
skip_blanks(Cursor *cursor)
{
	while (IS_BLANK(*cursor->at))
		cursor->at++;
}

static bool
fail(Cursor *cursor, const char *fault)
{
	cursor->fault = fault;
	return false;
}

/* Read a bare or quoted path */
static bool
read_path(Cursor *cursor, CdTag *tag)
{
	StringInfoData path;
	const char *fault;

	initStringInfo(&path);
	if (*cursor->at == '"')
	{
		cursor->at++;
		while (*cursor->at != '"')
		{
			if (*cursor->at == '\\')
				cursor->at++;
			if (*cursor->at == '\0')
				return fail(cursor, "a quoted path does not end");
			appendStringInfoChar(&path, *cursor->at++);
		}
		cursor->at++;
	}
	else
	{
		while (!ENDS_PATH(*cursor->at))
			appendStringInfoChar(&path, *cursor->at++);
	}
	fault = cd_tag_path_fault(path.data, path.len);
	if (fault != NULL)
		return fail(cursor, fault);
	tag->path = path.data;
	tag->length = path.len;
	return true;
}

/* Read exactly so many digits */
static bool
read_digits(Cursor *cursor, int count, int *value)
{
	*value = 0;
	while (count-- > 0)
	{
		if (!IS_DIGIT(*cursor->at))
			return fail(cursor, "a time is written 2026-01-02T03:04:05Z or 2026-01-02");
		*value = *value * 10 + (*cursor->at++ - '0');
	}
	return true;
}

static bool
read_char(Cursor *cursor, char wanted)
{
	if (*cursor->at != wanted)
		return fail(cursor, "a time is written 2026-01-02T03:04:05Z or 2026-01-02");
	cursor->at++;
	return true;
}

/* Read a time in UTC */
static bool
read_time(Cursor *cursor, TimestampTz *moment)
{
	int			year,
				month,
				day,
				hour = 0,
				minute = 0,
				second = 0;
	int64		days;

	if (!read_digits(cursor, 4, &year) || !read_char(cursor, '-') ||
		!read_digits(cursor, 2, &month) || !read_char(cursor, '-') || !read_digits(cursor, 2, &day))
		return false;
	if (*cursor->at == 'T')
	{
		cursor->at++;
		if (!read_digits(cursor, 2, &hour) || !read_char(cursor, ':') ||
			!read_digits(cursor, 2, &minute) || !read_char(cursor, ':') ||
			!read_digits(cursor, 2, &second) || !read_char(cursor, 'Z'))
			return false;
	}
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > day_tab[isleap(year)][month - 1] ||
		hour > 23 || minute > 59 || second > 59)
		return fail(cursor, "a time does not exist");
	days = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	*moment = (days * SECS_PER_DAY + hour * SECS_PER_HOUR + minute * SECS_PER_MINUTE + second) * USECS_PER_SEC;
	return true;
}

static bool
read_score(Cursor *cursor, float4 *score)
{
	char		number[64];
	int			length = 0;
	char	   *end;
	double		value;

	while (length < (int) sizeof(number) - 1 &&
		   (IS_DIGIT(cursor->at[length]) || (cursor->at[length] != '\0' && strchr("+-.eE", cursor->at[length]) != NULL)))
	{
		number[length] = cursor->at[length];
		length++;
	}
	number[length] = '\0';
	value = strtod(number, &end);
	if (length == 0 || *end != '\0' || !isfinite((float4) value))
		return fail(cursor, "a score is not a number");
	cursor->at += length;
	*score = (float4) value + 0.0f;	/* no negative zero */
	return true;
}

/* Read a half-life such as 30d, 12h, 15m, 90s */
static bool
read_half_life(Cursor *cursor, int64 *seconds)
{
	int64		value = 0;

	if (!IS_DIGIT(*cursor->at))
		return fail(cursor, "a half-life is written 30d, 12h, 15m or 90s");
	while (IS_DIGIT(*cursor->at))
	{
		value = value * 10 + (*cursor->at - '0');
		if (value > CD_TAG_HALF_LIFE_MOST)
			return fail(cursor, "a half-life is longer than a century");
		cursor->at++;
	}
	switch (*cursor->at)
	{
		case 'd':
			value *= SECS_PER_DAY;
			break;
		case 'h':
			value *= SECS_PER_HOUR;
			break;
		case 'm':
			value *= SECS_PER_MINUTE;
			break;
		case 's':
			break;
		default:
			return fail(cursor, "a half-life is written 30d, 12h, 15m or 90s");
	}
	cursor->at++;
	if (value <= 0 || value > CD_TAG_HALF_LIFE_MOST)
		return fail(cursor, "a half-life lies between a second and a century");
	*seconds = value;
	return true;
}

static bool
read_tag(Cursor *cursor, CdTag *tag)
{
	tag->score = 1;
	tag->at = DT_NOBEGIN;
	tag->until = DT_NOEND;
	tag->half_life = 0;
	if (!read_path(cursor, tag))
		return false;
	if (*cursor->at == ':')
	{
		cursor->at++;
		if (!read_score(cursor, &tag->score))
			return false;
	}
	if (*cursor->at == '@')
	{
		cursor->at++;
		if (!read_time(cursor, &tag->at))
			return false;
	}
	if (*cursor->at == '~')
	{
		cursor->at++;
		if (!read_half_life(cursor, &tag->half_life))
			return false;
	}
	if (*cursor->at == '!')
	{
		cursor->at++;
		if (!read_time(cursor, &tag->until))
			return false;
	}
	return true;
}

static bool
read_tagset(Cursor *cursor, CdTagBuilder *builder)
{
	skip_blanks(cursor);
	if (*cursor->at != '{')
		return fail(cursor, "a tagset begins with {");
	cursor->at++;
	skip_blanks(cursor);
	while (*cursor->at != '}')
	{
		CdTag		tag;

		CHECK_FOR_INTERRUPTS();
		if (builder->count > 0)
		{
			if (*cursor->at != ',')
				return fail(cursor, "tags are separated by commas");
			cursor->at++;
			skip_blanks(cursor);
		}
		if (!read_tag(cursor, &tag))
			return false;
		cd_tag_builder_add(builder, &tag);
		skip_blanks(cursor);
	}
	cursor->at++;
	skip_blanks(cursor);
	if (*cursor->at != '\0')
		return fail(cursor, "something follows the closing }");
	return true;
}

PG_FUNCTION_INFO_V1(cd_tagset_in);
Datum
cd_tagset_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	Cursor		cursor = {text, NULL};
	CdTagBuilder builder;

	cd_tag_builder(&builder);
	if (!read_tagset(&cursor, &builder))
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", "tagset", text),
				 errdetail("At character %d, %s.", pg_mbstrlen_with_len(text, cursor.at - text) + 1, cursor.fault),
				 errhint("Write {vip,interest.outdoor:0.8@2026-01-02T03:04:05Z~30d}: path, :score, @time, ~half-life, !expiry.")));
	PG_RETURN_POINTER(cd_tag_builder_value(&builder));
}

static void
append_time(StringInfo out, TimestampTz moment)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(moment, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	appendStringInfo(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year, tm.tm_mon, tm.tm_mday,
					 tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void
append_path(StringInfo out, const CdTag *tag)
{
	bool		bare = true;
	int			i;

	for (i = 0; i < tag->length && bare; i++)
		bare = !ENDS_PATH(tag->path[i]);
	if (bare)
	{
		appendBinaryStringInfo(out, tag->path, tag->length);
		return;
	}
	appendStringInfoChar(out, '"');
	for (i = 0; i < tag->length; i++)
	{
		if (tag->path[i] == '"' || tag->path[i] == '\\')
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, tag->path[i]);
	}
	appendStringInfoChar(out, '"');
}

static void
append_half_life(StringInfo out, int64 seconds)
{
	if (seconds % SECS_PER_DAY == 0)
		appendStringInfo(out, "~" INT64_FORMAT "d", seconds / SECS_PER_DAY);
	else if (seconds % SECS_PER_HOUR == 0)
		appendStringInfo(out, "~" INT64_FORMAT "h", seconds / SECS_PER_HOUR);
	else if (seconds % SECS_PER_MINUTE == 0)
		appendStringInfo(out, "~" INT64_FORMAT "m", seconds / SECS_PER_MINUTE);
	else
		appendStringInfo(out, "~" INT64_FORMAT "s", seconds);
}

PG_FUNCTION_INFO_V1(cd_tagset_out);
Datum
cd_tagset_out(PG_FUNCTION_ARGS)
{
	CdTagReader reader;
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	cd_tags_begin(&reader, PG_GETARG_TAGSET(0));
	while (cd_tags_next(&reader))
	{
		if (out.len > 1)
			appendStringInfoChar(&out, ',');
		append_path(&out, &reader.tag);
		if (reader.tag.score != 1)
		{
			char		number[32];

			float_to_shortest_decimal_buf(reader.tag.score, number);
			appendStringInfo(&out, ":%s", number);
		}
		if (!TIMESTAMP_NOT_FINITE(reader.tag.at))
		{
			appendStringInfoChar(&out, '@');
			append_time(&out, reader.tag.at);
		}
		if (reader.tag.half_life > 0)
			append_half_life(&out, reader.tag.half_life);
		if (!TIMESTAMP_NOT_FINITE(reader.tag.until))
		{
			appendStringInfoChar(&out, '!');
			append_time(&out, reader.tag.until);
		}
	}
	appendStringInfoChar(&out, '}');
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(cd_tagset_recv);
Datum
cd_tagset_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			length = message->len - message->cursor;
	const char *bytes = pq_getmsgbytes(message, length);
	const char *fault = cd_tagset_fault(bytes, length);
	CdTagset   *tags;

	if (fault != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary value for type %s", "tagset"),
				 errdetail("As received, %s.", fault)));
	tags = palloc(VARHDRSZ + length);
	SET_VARSIZE(tags, VARHDRSZ + length);
	memcpy(VARDATA(tags), bytes, length);

	/* What others wrote may be valid and yet not in our one form. */
	PG_RETURN_POINTER(cd_tagset_rewrite(tags, false, false));
}

PG_FUNCTION_INFO_V1(cd_tagset_send);
Datum
cd_tagset_send(PG_FUNCTION_ARGS)
{
	CdTagset   *tags = cd_tagset_rewrite(PG_GETARG_TAGSET(0), true, false);
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendbytes(&out, VARDATA_ANY(tags), VARSIZE_ANY_EXHDR(tags));
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}
