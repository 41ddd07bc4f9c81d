/*
 * timeline_io.c
 *		Text and binary form of timelines.
 *
 * Text: events separated by semicolons, each
 *		2026-03-01T12:00:00Z purchase value=120.5 quantity=2 id=o-17 {"product": "sachet"}
 * Times are UTC whatever the settings say; a time without zone is read as UTC.
 *
 * Binary: the stored image.  A received one is unpacked, checked and packed
 * again, and must come out the same.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"

#include "customer_data.h"

#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "timeline/timeline.h"
#include "timeline/timeline_rows.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Whether a byte may stand in a name without quotes. */
bool
cd_is_bare(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '_' || c == '-' || c == '.' || c == ':' || c == '/' || c >= 0x80;
}

/* Append a name, quoted where it must be. */
void
cd_append_name(StringInfo buf, const char *str, int len, char quote)
{
	bool		bare = len > 0;
	int			i;

	for (i = 0; i < len && bare; i++)
		bare = cd_is_bare((unsigned char) str[i]);
	if (bare)
	{
		appendBinaryStringInfo(buf, str, len);
		return;
	}
	appendStringInfoChar(buf, quote);
	for (i = 0; i < len; i++)
	{
		if (str[i] == quote)
			appendStringInfoChar(buf, quote);
		appendStringInfoChar(buf, str[i]);
	}
	appendStringInfoChar(buf, quote);
}

/* Append a moment as UTC ISO 8601. */
static void
append_moment(StringInfo buf, TimestampTz at)
{
	Timestamp	time = at;
	Timestamp	date;
	int			year,
				month,
				day;

	TMODULO(time, date, USECS_PER_DAY);
	if (time < 0)
	{
		time += USECS_PER_DAY;
		date -= 1;
	}
	j2date((int) (date + POSTGRES_EPOCH_JDATE), &year, &month, &day);
	if (year > 9999)
		appendStringInfo(buf, "+%d", year);
	else if (year < 0)
		appendStringInfo(buf, "-%04d", -year);
	else
		appendStringInfo(buf, "%04d", year);
	appendStringInfo(buf, "-%02d-%02dT%02d:%02d:%02d", month, day,
					 (int) (time / USECS_PER_HOUR),
					 (int) (time / USECS_PER_MINUTE % 60),
					 (int) (time / USECS_PER_SEC % 60));
	if (time % USECS_PER_SEC != 0)
	{
		appendStringInfo(buf, ".%06d", (int) (time % USECS_PER_SEC));
		while (buf->data[buf->len - 1] == '0')
			buf->data[--buf->len] = '\0';
	}
	appendStringInfoChar(buf, 'Z');
}

/* Append the shortest decimal that reads back as the number. */
static void
append_number(StringInfo buf, double number)
{
	char		out[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(number, out);
	appendStringInfoString(buf, out);
}

/* timeline_out */
PG_FUNCTION_INFO_V1(cd_timeline_out);
Datum
cd_timeline_out(PG_FUNCTION_ARGS)
{
	CdReader	reader;
	CdEvent		event;
	StringInfoData buf;
	bool		first = true;

	initStringInfo(&buf);
	cd_reader_begin(&reader, PG_GETARG_TIMELINE(0), DT_NOBEGIN);
	while (cd_walk_next(&reader.walk, &event))
	{
		const CdKind *kind = &reader.walk.kinds[event.kind];
		bool		open = false;
		int			c,
					len;
		const char *str;

		CHECK_FOR_INTERRUPTS();
		if (!first)
			appendStringInfoString(&buf, "; ");
		first = false;
		append_moment(&buf, event.at);
		appendStringInfoChar(&buf, ' ');
		cd_append_name(&buf, kind->name, kind->namelen, '"');
		for (c = 0; c < reader.ncols[event.kind]; c++)
		{
			const CdColumn *col = &reader.cols[event.kind][c];
			double		number = 0;
			int64		code = 0;
			bool		is_number = col->type == CD_TYPE_NUMBER || col->type == CD_TYPE_BOOL;

			if (col->which == CD_COL_EVENT_ID)
			{
				if (cd_reader_event_id(&reader, col, event.index, &str, &len))
				{
					appendStringInfoString(&buf, " id=");
					cd_append_name(&buf, str, len, '"');
				}
				continue;
			}
			if (is_number ? !cd_column_number(col, event.index, &number) :
				!cd_column_integer(col, event.index, &code))
				continue;
			if (col->which < CD_COL_PROPERTY)
				appendStringInfoString(&buf, col->which == CD_COL_VALUE ? " value=" : " quantity=");
			else
			{
				appendStringInfoString(&buf, open ? ", " : " {");
				open = true;
				cd_timeline_property_name(&reader.tl, col->which - CD_COL_PROPERTY, &str, &len);
				escape_json(&buf, pnstrdup(str, len));
				appendStringInfoString(&buf, ": ");
			}
			if (col->type == CD_TYPE_NUMBER)
				append_number(&buf, number);
			else if (col->type == CD_TYPE_BOOL)
				appendStringInfoString(&buf, number != 0 ? "true" : "false");
			else
			{
				str = cd_reader_string(&reader, col->which, code, &len);
				if (col->type == CD_TYPE_JSON)
					appendBinaryStringInfo(&buf, str, len);
				else
					escape_json(&buf, pnstrdup(str, len));
			}
		}
		if (open)
			appendStringInfoChar(&buf, '}');
	}
	PG_RETURN_CSTRING(buf.data);
}

/* A text being read. */
typedef struct Parser
{
	const char *start;
	const char *p;
	Node	   *escontext;
} Parser;

/* Report what was expected where; always answers false. */
static bool
expected(Parser *parser, const char *what)
{
	int			position = pg_mbstrlen_with_len(parser->start, parser->p - parser->start) + 1;

	if (*parser->p == '\0')
		errsave(parser->escontext,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid timeline: expected %s at its end", what),
				 errhint("An event is written as 2026-03-01T12:00:00Z purchase value=12.5 {\"product\": \"sachet\"}, events are separated by semicolons.")));
	else
		errsave(parser->escontext,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid timeline: expected %s at position %d, found \"%.*s\"", what, position,
						Min(pg_mbcliplen(parser->p, strlen(parser->p), 20), (int) strcspn(parser->p, "\r\n")), parser->p),
				 errhint("An event is written as 2026-03-01T12:00:00Z purchase value=12.5 {\"product\": \"sachet\"}, events are separated by semicolons.")));
	return false;
}

static void
skip_space(Parser *parser)
{
	while (*parser->p == ' ' || *parser->p == '\t' || *parser->p == '\n' || *parser->p == '\r')
		parser->p++;
}

/* Read exactly so many digits. */
static bool
read_digits(Parser *parser, int n, int *result)
{
	*result = 0;
	while (n-- > 0)
	{
		if (*parser->p < '0' || *parser->p > '9')
			return false;
		*result = *result * 10 + (*parser->p++ - '0');
	}
	return true;
}

/* Read a moment: date, optional time, optional zone (UTC when missing). */
static bool
read_moment(Parser *parser, TimestampTz *at)
{
	const char *start = parser->p;
	int			sign = 1,
				year,
				month,
				day,
				hour = 0,
				minute = 0,
				second = 0;
	int64		micros = 0,
				zone = 0,
				date;

	if (*parser->p == '+' || *parser->p == '-')
	{
		sign = *parser->p++ == '-' ? -1 : 1;
		for (year = 0; *parser->p >= '0' && *parser->p <= '9' && year < 1000000; parser->p++)
			year = year * 10 + (*parser->p - '0');
	}
	else if (!read_digits(parser, 4, &year))
		return expected(parser, "a moment such as 2026-03-01T12:00:00Z");
	year *= sign;
	if (*parser->p != '-')
		return expected(parser, "- and a month");
	parser->p++;
	if (!read_digits(parser, 2, &month) || month < 1 || month > 12)
		return expected(parser, "a month");
	if (*parser->p != '-')
		return expected(parser, "- and a day");
	parser->p++;
	if (!read_digits(parser, 2, &day) || day < 1 || day > day_tab[isleap(year)][month - 1])
		return expected(parser, "a day of that month");
	if ((*parser->p == 'T' || *parser->p == ' ') && parser->p[1] >= '0' && parser->p[1] <= '9' &&
		parser->p[2] >= '0' && parser->p[2] <= '9' && parser->p[3] == ':')
	{
		parser->p++;
		if (!read_digits(parser, 2, &hour) || hour > 23)
			return expected(parser, "an hour");
		parser->p++;
		if (!read_digits(parser, 2, &minute) || minute > 59)
			return expected(parser, "minutes");
		if (*parser->p == ':')
		{
			parser->p++;
			if (!read_digits(parser, 2, &second) || second > 59)
				return expected(parser, "seconds");
			if (*parser->p == '.')
			{
				int64		place = 100000;

				parser->p++;
				if (*parser->p < '0' || *parser->p > '9')
					return expected(parser, "digits");
				for (; *parser->p >= '0' && *parser->p <= '9'; parser->p++)
				{
					if (place == 0 && *parser->p != '0')
						return expected(parser, "no more than six decimal places");
					micros += place * (*parser->p - '0');
					place /= 10;
				}
			}
		}
		if (*parser->p == 'Z')
			parser->p++;
		else if (*parser->p == '+' || *parser->p == '-')
		{
			int			zone_hour,
						zone_minute = 0;

			sign = *parser->p++ == '-' ? -1 : 1;
			if (!read_digits(parser, 2, &zone_hour) || zone_hour > 15)
				return expected(parser, "a time zone such as +02");
			if (*parser->p == ':')
			{
				parser->p++;
				if (!read_digits(parser, 2, &zone_minute) || zone_minute > 59)
					return expected(parser, "minutes of a time zone");
			}
			zone = sign * (zone_hour * 60 + zone_minute);
		}
	}
	if (!IS_VALID_JULIAN(year, month, day))
	{
		parser->p = start;
		return expected(parser, "a moment within the range of timestamps");
	}
	date = (int64) date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	*at = date * USECS_PER_DAY;
	if (*at / USECS_PER_DAY != date)
		*at = DT_NOEND;
	else
		*at += hour * USECS_PER_HOUR + minute * USECS_PER_MINUTE + second * USECS_PER_SEC +
			micros - zone * USECS_PER_MINUTE;
	if (!IS_VALID_TIMESTAMP(*at))
	{
		parser->p = start;
		return expected(parser, "a moment within the range of timestamps");
	}
	return true;
}

/* Read a bare or quoted name into a buffer. */
static bool
read_name(Parser *parser, StringInfo buf, const char *what)
{
	resetStringInfo(buf);
	if (*parser->p == '"')
	{
		parser->p++;
		for (;;)
		{
			if (*parser->p == '\0')
				return expected(parser, "a closing quote");
			if (*parser->p == '"')
			{
				if (parser->p[1] != '"')
					break;
				parser->p++;
			}
			appendStringInfoChar(buf, *parser->p++);
		}
		parser->p++;
		return true;
	}
	while (cd_is_bare((unsigned char) *parser->p))
		appendStringInfoChar(buf, *parser->p++);
	if (buf->len == 0)
		return expected(parser, what);
	return true;
}

/* Read a finite number. */
static bool
read_number(Parser *parser, double *number)
{
	char	   *end;
	const char *p = parser->p;

	if (*p == '-' || *p == '+')
		p++;
	if (*p != '.' && (*p < '0' || *p > '9'))
		return expected(parser, "a number");
	errno = 0;
	*number = strtod(parser->p, &end);
	if (end == parser->p || isnan(*number) || isinf(*number))
		return expected(parser, "a number");
	parser->p = end;
	return true;
}

/* Read the JSON object of the properties. */
static bool
read_properties(Parser *parser, CdBuilder *builder)
{
	const char *start = parser->p;
	int			depth = 0;
	bool		quoted = false;
	Datum		jb;
	char	   *json;

	for (; *parser->p != '\0'; parser->p++)
	{
		if (quoted)
		{
			if (*parser->p == '\\' && parser->p[1] != '\0')
				parser->p++;
			else if (*parser->p == '"')
				quoted = false;
		}
		else if (*parser->p == '"')
			quoted = true;
		else if (*parser->p == '{' || *parser->p == '[')
			depth++;
		else if ((*parser->p == '}' || *parser->p == ']') && --depth == 0)
			break;
	}
	if (*parser->p == '\0')
		return expected(parser, "the end of a JSON object");
	parser->p++;
	json = pnstrdup(start, parser->p - start);
	if (!cd_input_safe(jsonb_in, json, parser->escontext, &jb))
		return false;
	cd_builder_jsonb(builder, jb);
	return true;
}

/* Note that a field of the event is given, which must be the first time. */
static bool
once(Parser *parser, int *given, int field)
{
	if (*given & field)
		return expected(parser, "each of value=, quantity=, id= and {properties} once");
	*given |= field;
	return true;
}

/* Read one event. */
static bool
read_event(Parser *parser, CdBuilder *builder, StringInfo name)
{
	TimestampTz at;
	double		number;
	int			given = 0;

	if (!read_moment(parser, &at))
		return false;
	if (*parser->p != ' ' && *parser->p != '\t' && *parser->p != '\n' && *parser->p != '\r')
		return expected(parser, "a space and the kind of the event");
	skip_space(parser);
	if (!read_name(parser, name, "the kind of the event"))
		return false;
	cd_builder_event(builder, at, cd_builder_kind(builder, name->data, name->len));
	for (;;)
	{
		skip_space(parser);
		if (*parser->p == '\0' || *parser->p == ';')
			return true;
		if (strncmp(parser->p, "value=", 6) == 0)
		{
			if (!once(parser, &given, 1))
				return false;
			parser->p += 6;
			if (!read_number(parser, &number))
				return false;
			cd_builder_value(builder, number);
		}
		else if (strncmp(parser->p, "quantity=", 9) == 0)
		{
			if (!once(parser, &given, 2))
				return false;
			parser->p += 9;
			if (!read_number(parser, &number))
				return false;
			cd_builder_quantity(builder, number);
		}
		else if (strncmp(parser->p, "id=", 3) == 0)
		{
			if (!once(parser, &given, 4))
				return false;
			parser->p += 3;
			if (!read_name(parser, name, "an event id"))
				return false;
			cd_builder_event_id(builder, name->data, name->len);
		}
		else if (*parser->p == '{')
		{
			if (!once(parser, &given, 8) || !read_properties(parser, builder))
				return false;
		}
		else
			return expected(parser, "value=, quantity=, id=, {properties} or a semicolon");
	}
}

/* timeline_in */
PG_FUNCTION_INFO_V1(cd_timeline_in);
Datum
cd_timeline_in(PG_FUNCTION_ARGS)
{
	Parser		parser;
	CdBuilder	builder;
	StringInfoData name;

	parser.start = parser.p = PG_GETARG_CSTRING(0);
	parser.escontext = fcinfo->context;
	initStringInfo(&name);
	cd_builder_init(&builder, cd_pool_create(CurrentMemoryContext), CurrentMemoryContext);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		skip_space(&parser);
		if (*parser.p == '\0')
			break;
		if (!read_event(&parser, &builder, &name))
			PG_RETURN_NULL();
		if (*parser.p == ';')
			parser.p++;
	}
	PG_RETURN_POINTER(cd_builder_finish(&builder));
}

/* timeline_send */
PG_FUNCTION_INFO_V1(cd_timeline_send);
Datum
cd_timeline_send(PG_FUNCTION_ARGS)
{
	struct varlena *value = cd_timeline_whole(PG_GETARG_TIMELINE(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbytes(&buf, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* Check that received text is of the database's encoding. */
static void
check_received(const char *str, int len)
{
	(void) pg_verify_mbstr(PG_UTF8, str, len, false);
	if (memchr(str, '\0', len) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary timeline"),
				 errdetail("A text contains a zero byte.")));
}

/* Add one received event, checking all it carries. */
static void
receive_event(CdBuilder *builder, CdReader *reader, const CdEvent *event)
{
	const CdKind *kind = &reader->walk.kinds[event->kind];
	int			c,
				last = -1;

	if (!IS_VALID_TIMESTAMP(event->at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	cd_builder_event(builder, event->at, cd_builder_kind(builder, kind->name, kind->namelen));
	for (c = 0; c < reader->ncols[event->kind]; c++)
	{
		const CdColumn *col = &reader->cols[event->kind][c];
		double		number = 0;
		int64		code = 0;
		int			property = 0;
		const char *str;
		int			len;

		if (col->type == CD_TYPE_NUMBER || col->type == CD_TYPE_BOOL ?
			(col->which == CD_COL_EVENT_ID ? !cd_column_integer(col, event->index, &code) :
			 !cd_column_number(col, event->index, &number)) :
			!cd_column_integer(col, event->index, &code))
			continue;
		if (col->which == last)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					 errmsg("invalid binary timeline"),
					 errdetail("An event has a property twice.")));
		last = col->which;
		if (col->which == CD_COL_VALUE)
			cd_builder_value(builder, number);
		else if (col->which == CD_COL_QUANTITY)
			cd_builder_quantity(builder, number);
		else if (col->which == CD_COL_EVENT_ID)
		{
			(void) cd_reader_event_id(reader, col, event->index, &str, &len);
			check_received(str, len);
			cd_builder_event_id(builder, str, len);
		}
		else
		{
			cd_timeline_property_name(&reader->tl, col->which - CD_COL_PROPERTY, &str, &len);
			property = cd_builder_property(builder, str, len);
			if (col->type == CD_TYPE_NUMBER || col->type == CD_TYPE_BOOL)
				cd_builder_number(builder, property, col->type, number);
			else
			{
				str = cd_reader_string(reader, col->which, code, &len);
				check_received(str, len);
				if (col->type == CD_TYPE_TEXT)
					cd_builder_text(builder, property, CD_TYPE_TEXT, str, len);
				else
				{
					/* Must be what we would have kept as JSON, written as jsonb writes it. */
					Jsonb	   *jb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(str, len))));

					cd_builder_json(builder, property, jb);
				}
			}
		}
	}
}

/* Unpack received bytes into a builder, checking all they hold. */
static pg_noinline void
receive_all(CdBuilder *builder, const struct varlena *given)
{
	CdReader	reader;
	CdEvent		event;
	int			k;

	cd_reader_begin(&reader, given, DT_NOBEGIN);
	for (k = 0; k < reader.tl.nkinds; k++)
		check_received(reader.walk.kinds[k].name, reader.walk.kinds[k].namelen);
	for (k = 0; k < reader.tl.nprops; k++)
	{
		const char *name;
		int			len;

		cd_timeline_property_name(&reader.tl, k, &name, &len);
		check_received(name, len);
	}
	while (cd_walk_next(&reader.walk, &event))
	{
		CHECK_FOR_INTERRUPTS();
		receive_event(builder, &reader, &event);
	}
}

/* timeline_recv */
PG_FUNCTION_INFO_V1(cd_timeline_recv);
Datum
cd_timeline_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			len = buf->len - buf->cursor;
	struct varlena *given = palloc(VARHDRSZ + len);
	struct varlena *result;
	CdBuilder	builder;
	MemoryContext context = CurrentMemoryContext;

	SET_VARSIZE(given, VARHDRSZ + len);
	memcpy(VARDATA(given), pq_getmsgbytes(buf, len), len);
	if (len > 0 && *VARDATA(given) == CD_TIMELINE_PARTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary timeline"),
				 errdetail("Its bytes do not follow the format of version %d.", CD_TIMELINE_VERSION)));
	cd_builder_init(&builder, cd_pool_create(context), context);
	PG_TRY();
	{
		receive_all(&builder, given);
	}
	PG_CATCH();
	{
		/* Damage found in received bytes is the sender's mistake, not ours. */
		if (geterrcode() == ERRCODE_DATA_CORRUPTED)
		{
			MemoryContextSwitchTo(context);
			FlushErrorState();
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					 errmsg("invalid binary timeline"),
					 errdetail("Its bytes do not follow the format of version %d.", CD_TIMELINE_VERSION)));
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
	result = cd_builder_finish(&builder);
	if (VARSIZE(result) != VARSIZE(given) || memcmp(result, given, VARSIZE(given)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary timeline"),
				 errdetail("Its bytes are not those that its events would be written as.")));
	PG_RETURN_POINTER(result);
}
