/*
 * event_pattern.c
 *		The type event_pattern: reading and writing patterns.  A value holds a
 *		version byte and the pattern's text in one normal form.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"

#include "customer_data.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "timeline/event_pattern.h"
#include "utils/builtins.h"

#define PATTERN_VERSION		1
#define MAX_PATTERN			65536

/* A pattern being read. */
typedef struct Parser
{
	const char *start;
	const char *p;
	const char *end;
	Node	   *escontext;
	CdPattern  *pattern;
	StringInfoData word;
} Parser;

/* Report what was expected where; always answers false. */
static bool
expected(Parser *parser, const char *what)
{
	int			position = pg_mbstrlen_with_len(parser->start, parser->p - parser->start) + 1;
	int			rest = parser->end - parser->p;

	if (rest <= 0)
		errsave(parser->escontext,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid event pattern: expected %s at its end", what),
				 errdetail("The pattern is \"%.*s\".", Min(pg_mbcliplen(parser->start, parser->end - parser->start, 200), 200), parser->start),
				 errhint("Write for instance purchase, view|cart, email.* or purchase[value>=100, channel in (web,app), page~'pricing*'].")));
	else
		errsave(parser->escontext,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid event pattern: expected %s at position %d, found \"%.*s\"", what, position,
						pg_mbcliplen(parser->p, rest, 20), parser->p),
				 errdetail("The pattern is \"%.*s\".", Min(pg_mbcliplen(parser->start, parser->end - parser->start, 200), 200), parser->start),
				 errhint("Write for instance purchase, view|cart, email.* or purchase[value>=100, channel in (web,app), page~'pricing*'].")));
	return false;
}

/* The next character after white space, 0 at the end. */
static char
peek(Parser *parser)
{
	while (parser->p < parser->end &&
		   (*parser->p == ' ' || *parser->p == '\t' || *parser->p == '\n' || *parser->p == '\r'))
		parser->p++;
	return parser->p < parser->end ? *parser->p : '\0';
}

/* Step over a character if it is the next one. */
static bool
accept(Parser *parser, const char *token)
{
	int			len = strlen(token);

	(void) peek(parser);
	if (parser->end - parser->p < len || memcmp(parser->p, token, len) != 0)
		return false;
	parser->p += len;
	return true;
}

/* Step over a keyword if it is the next word. */
static bool
accept_word(Parser *parser, const char *word)
{
	const char *before = parser->p;

	if (accept(parser, word) &&
		(parser->p >= parser->end || !cd_is_bare((unsigned char) *parser->p)))
		return true;
	parser->p = before;
	return false;
}

/* Read a quoted word, the quote doubled inside. */
static bool
read_quoted(Parser *parser, char quote)
{
	resetStringInfo(&parser->word);
	parser->p++;
	for (;;)
	{
		if (parser->p >= parser->end)
			return expected(parser, quote == '"' ? "a closing double quote" : "a closing quote");
		if (*parser->p == quote)
		{
			if (parser->p + 1 >= parser->end || parser->p[1] != quote)
				break;
			parser->p++;
		}
		appendStringInfoChar(&parser->word, *parser->p++);
	}
	parser->p++;
	return true;
}

/* Read a word of bare characters and some more. */
static bool
read_bare(Parser *parser, const char *more, const char *what)
{
	resetStringInfo(&parser->word);
	while (parser->p < parser->end &&
		   (cd_is_bare((unsigned char) *parser->p) || (*parser->p != '\0' && strchr(more, *parser->p) != NULL)))
		appendStringInfoChar(&parser->word, *parser->p++);
	if (parser->word.len == 0)
		return expected(parser, what);
	return true;
}

/* Refuse names longer than names can be. */
static bool
check_length(Parser *parser)
{
	if (parser->word.len <= CD_MAX_NAME)
		return true;
	errsave(parser->escontext,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid event pattern: name of %d bytes is too long", parser->word.len),
			 errdetail("The limit is %d bytes.", CD_MAX_NAME)));
	return false;
}

/* Whether a whole word is a number, and which. */
static bool
parse_number(const char *str, int len, double *number)
{
	char	   *end;
	int			i = 0;

	/* strtod alone would take "inf", "nan" and hexadecimals. */
	if (len == 0 || len > 400)
		return false;
	for (i = 0; i < len; i++)
	{
		char		c = str[i];

		if (!((c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E'))
			return false;
	}
	if (str[0] == 'e' || str[0] == 'E')
		return false;
	*number = strtod(str, &end);
	return end == str + len && !isinf(*number);
}

/* Read one literal into the condition. */
static bool
read_literal(Parser *parser, CdCondition *cond)
{
	CdLiteral  *lit;
	bool		glob = cond->op >= CD_OP_LIKE;
	char		c = peek(parser);
	const char *begin = parser->p;

	if (c == '\'')
	{
		if (!read_quoted(parser, '\''))
			return false;
	}
	else if (!read_bare(parser, glob ? "+@*?" : "+@", "a number, a word or a 'quoted text'"))
		return false;
	if (cond->nliterals == 0)
		cond->literals = palloc(sizeof(CdLiteral));
	else
		cond->literals = repalloc(cond->literals, (cond->nliterals + 1) * sizeof(CdLiteral));
	lit = &cond->literals[cond->nliterals++];
	lit->str = pnstrdup(parser->word.data, parser->word.len);
	lit->len = parser->word.len;
	lit->is_number = parse_number(lit->str, lit->len, &lit->number);
	if (!lit->is_number && (cond->field == CD_COL_VALUE || cond->field == CD_COL_QUANTITY) && !glob)
	{
		parser->p = begin;
		return expected(parser, "a number");
	}
	return true;
}

/* Read one condition. */
static bool
read_condition(Parser *parser, CdCondition *cond)
{
	bool		absent = false;
	char		c = peek(parser);

	memset(cond, 0, sizeof(CdCondition));
	cond->field = CD_COL_PROPERTY;
	if (c == '!')
	{
		absent = true;
		parser->p++;
		c = peek(parser);
	}
	if (c == '"')
	{
		if (!read_quoted(parser, '"'))
			return false;
		if (parser->word.len == 0)
			return expected(parser, "a property name that is not empty before");
	}
	else if (!read_bare(parser, "", "a property"))
		return false;
	else if (strcmp(parser->word.data, "value") == 0)
		cond->field = CD_COL_VALUE;
	else if (strcmp(parser->word.data, "quantity") == 0)
		cond->field = CD_COL_QUANTITY;
	else if (strcmp(parser->word.data, "event_id") == 0)
		cond->field = CD_COL_EVENT_ID;
	if (!check_length(parser))
		return false;
	cond->name = pnstrdup(parser->word.data, parser->word.len);
	cond->namelen = parser->word.len;
	if (absent)
	{
		cond->op = CD_OP_ABSENT;
		return true;
	}

	if (accept(parser, "!~~"))
		cond->op = CD_OP_NOT_ILIKE;
	else if (accept(parser, "!~"))
		cond->op = CD_OP_NOT_LIKE;
	else if (accept(parser, "~~"))
		cond->op = CD_OP_ILIKE;
	else if (accept(parser, "~"))
		cond->op = CD_OP_LIKE;
	else if (accept(parser, "!=") || accept(parser, "<>"))
		cond->op = CD_OP_NE;
	else if (accept(parser, "<="))
		cond->op = CD_OP_LE;
	else if (accept(parser, ">="))
		cond->op = CD_OP_GE;
	else if (accept(parser, "<"))
		cond->op = CD_OP_LT;
	else if (accept(parser, ">"))
		cond->op = CD_OP_GT;
	else if (accept(parser, "="))
		cond->op = CD_OP_EQ;
	else if (accept_word(parser, "in"))
		cond->op = CD_OP_IN;
	else if (accept_word(parser, "not"))
	{
		if (!accept_word(parser, "in"))
			return expected(parser, "in");
		cond->op = CD_OP_NOT_IN;
	}
	else
	{
		(void) accept_word(parser, "exists");
		cond->op = CD_OP_EXISTS;
		return true;
	}

	if (cond->op != CD_OP_IN && cond->op != CD_OP_NOT_IN)
		return read_literal(parser, cond);
	if (!accept(parser, "("))
		return expected(parser, "(");
	do
	{
		if (!read_literal(parser, cond))
			return false;
	} while (accept(parser, ","));
	if (!accept(parser, ")"))
		return expected(parser, "a comma or )");
	return true;
}

/* Read one alternative. */
static bool
read_alternative(Parser *parser, CdAlternative *alt)
{
	char		c = peek(parser);

	memset(alt, 0, sizeof(CdAlternative));
	resetStringInfo(&parser->word);
	if (c == '"')
	{
		if (!read_quoted(parser, '"'))
			return false;
		if (parser->word.len == 0)
			return expected(parser, "an event kind that is not empty before");
	}
	else if (c != '*' && !read_bare(parser, "", "an event kind or *"))
		return false;
	if (!check_length(parser))
		return false;
	cd_name_set(&alt->name, pnstrdup(parser->word.data, parser->word.len), parser->word.len);
	if (parser->p < parser->end && *parser->p == '*')
	{
		alt->prefix = true;
		parser->p++;
	}
	if (!accept(parser, "["))
		return true;
	do
	{
		alt->conditions = alt->conditions == NULL ? palloc(sizeof(CdCondition)) :
			repalloc(alt->conditions, (alt->nconditions + 1) * sizeof(CdCondition));
		if (!read_condition(parser, &alt->conditions[alt->nconditions++]))
			return false;
	} while (accept(parser, ","));
	if (!accept(parser, "]"))
		return expected(parser, "an operator, a comma or ]");
	return true;
}

/* Parse text; NULL when a soft error was reported. */
CdPattern *
cd_pattern_parse(const char *str, int len, Node *escontext)
{
	Parser		parser;
	CdPattern  *pattern = palloc0(sizeof(CdPattern));

	parser.start = parser.p = str;
	parser.end = str + len;
	parser.escontext = escontext;
	initStringInfo(&parser.word);
	if (len > MAX_PATTERN)
	{
		errsave(escontext,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("event pattern of %d bytes is too long", len),
				 errdetail("The limit is %d bytes.", MAX_PATTERN)));
		return NULL;
	}
	do
	{
		CHECK_FOR_INTERRUPTS();
		pattern->alternatives = pattern->alternatives == NULL ? palloc(sizeof(CdAlternative)) :
			repalloc(pattern->alternatives, (pattern->n + 1) * sizeof(CdAlternative));
		if (!read_alternative(&parser, &pattern->alternatives[pattern->n++]))
			return NULL;
	} while (accept(&parser, "|"));
	if (peek(&parser) != '\0' || parser.p < parser.end)
	{
		(void) expected(&parser, "|, [ or the end");
		return NULL;
	}
	return pattern;
}

/* Append a literal, quoted where it must be. */
static void
append_literal(StringInfo buf, const CdLiteral *lit)
{
	cd_append_name(buf, lit->str, lit->len, '\'');
}

/* Append one condition. */
static void
append_condition(StringInfo buf, const CdCondition *cond)
{
	static const char *const signs[] = {
		"", "", "=", "!=", "<", "<=", ">", ">=", " in (", " not in (", "~", "!~", "~~", "!~~"
	};
	int			i;

	if (cond->op == CD_OP_ABSENT)
		appendStringInfoChar(buf, '!');
	if (cond->field == CD_COL_PROPERTY &&
		(strcmp(cond->name, "value") == 0 || strcmp(cond->name, "quantity") == 0 ||
		 strcmp(cond->name, "event_id") == 0))
		appendStringInfo(buf, "\"%s\"", cond->name);
	else
		cd_append_name(buf, cond->name, cond->namelen, '"');
	appendStringInfoString(buf, signs[cond->op]);
	for (i = 0; i < cond->nliterals; i++)
	{
		if (i > 0)
			appendStringInfoChar(buf, ',');
		append_literal(buf, &cond->literals[i]);
	}
	if (cond->op == CD_OP_IN || cond->op == CD_OP_NOT_IN)
		appendStringInfoChar(buf, ')');
}

/* A value of a parsed pattern: its text in normal form. */
static struct varlena *
make_pattern(const CdPattern *pattern)
{
	StringInfoData buf;
	int			i,
				c;

	initStringInfo(&buf);
	appendStringInfoSpaces(&buf, VARHDRSZ);
	appendStringInfoChar(&buf, PATTERN_VERSION);
	for (i = 0; i < pattern->n; i++)
	{
		const CdAlternative *alt = &pattern->alternatives[i];

		if (i > 0)
			appendStringInfoChar(&buf, '|');
		if (alt->name.len > 0)
			cd_append_name(&buf, alt->name.str, alt->name.len, '"');
		if (alt->prefix)
			appendStringInfoChar(&buf, '*');
		for (c = 0; c < alt->nconditions; c++)
		{
			appendStringInfoString(&buf, c == 0 ? "[" : ", ");
			append_condition(&buf, &alt->conditions[c]);
		}
		if (alt->nconditions > 0)
			appendStringInfoChar(&buf, ']');
	}
	SET_VARSIZE(buf.data, buf.len);
	return (struct varlena *) buf.data;
}

/* The parsed form of a value of type event_pattern. */
CdPattern *
cd_pattern_read(struct varlena *value)
{
	const char *data = VARDATA_ANY(value);
	int			len = VARSIZE_ANY_EXHDR(value);

	if (len < 1 || data[0] != PATTERN_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("event pattern is damaged")));
	return cd_pattern_parse(data + 1, len - 1, NULL);
}

/* The same value, by reference, if it is an argument that cannot change while the query runs, else 0. */
Datum
cd_constant_argument(FunctionCallInfo fcinfo, Datum value)
{
	const FuncExpr *call = (const FuncExpr *) fcinfo->flinfo->fn_expr;
	int			i;

	if (call == NULL || !IsA(call, FuncExpr))
		return (Datum) 0;
	for (i = 0; i < list_length(call->args) && i < fcinfo->nargs; i++)
	{
		const Const *arg = list_nth(call->args, i);

		if (IsA(arg, Const) && !arg->constisnull && !arg->constbyval && arg->constvalue == value)
			return value;
	}
	return (Datum) 0;
}

/* The parsed form, kept in the call site's cache while the value stays the same. */
const CdPattern *
cd_pattern_cached(FunctionCallInfo fcinfo, int slot, int nslots, Datum value)
{
	CdPatternCache *cache = fcinfo->flinfo->fn_extra;
	struct varlena *v;
	Size		len;

	if (cache != NULL && cache[slot].constant == value && value != (Datum) 0)
		return cache[slot].pattern;
	v = (struct varlena *) PG_DETOAST_DATUM_PACKED(value);
	len = VARSIZE_ANY_EXHDR(v);
	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, nslots * sizeof(CdPatternCache));
		fcinfo->flinfo->fn_extra = cache;
	}
	cache += slot;
	if (cache->source == NULL || VARSIZE_ANY_EXHDR(cache->source) != len ||
		memcmp(VARDATA_ANY(cache->source), VARDATA_ANY(v), len) != 0)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		struct varlena *copy = palloc(VARSIZE_ANY(v));

		memcpy(copy, v, VARSIZE_ANY(v));
		cache->constant = (Datum) 0;
		cache->source = NULL;
		cache->pattern = cd_pattern_read(copy);
		cache->source = copy;
		cache->constant = cd_constant_argument(fcinfo, value);
		MemoryContextSwitchTo(old);
	}
	return cache->pattern;
}

/* event_pattern_in */
PG_FUNCTION_INFO_V1(cd_event_pattern_in);
Datum
cd_event_pattern_in(PG_FUNCTION_ARGS)
{
	char	   *str = PG_GETARG_CSTRING(0);
	CdPattern  *pattern = cd_pattern_parse(str, strlen(str), fcinfo->context);

	if (pattern == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(make_pattern(pattern));
}

/* event_pattern_out */
PG_FUNCTION_INFO_V1(cd_event_pattern_out);
Datum
cd_event_pattern_out(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_TIMELINE(0);

	if (VARSIZE_ANY_EXHDR(value) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("event pattern is damaged")));
	PG_RETURN_CSTRING(pnstrdup(VARDATA_ANY(value) + 1, VARSIZE_ANY_EXHDR(value) - 1));
}

/* event_pattern_recv */
PG_FUNCTION_INFO_V1(cd_event_pattern_recv);
Datum
cd_event_pattern_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(buf);
	char	   *str;
	int			len;

	if (version != PATTERN_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unknown event_pattern format %d", version)));
	str = pq_getmsgtext(buf, buf->len - buf->cursor, &len);
	PG_RETURN_POINTER(make_pattern(cd_pattern_parse(str, len, NULL)));
}

/* event_pattern_send */
PG_FUNCTION_INFO_V1(cd_event_pattern_send);
Datum
cd_event_pattern_send(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_TIMELINE(0);
	StringInfoData buf;

	if (VARSIZE_ANY_EXHDR(value) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("event pattern is damaged")));
	pq_begintypsend(&buf);
	pq_sendbyte(&buf, VARDATA_ANY(value)[0]);
	pq_sendtext(&buf, VARDATA_ANY(value) + 1, VARSIZE_ANY_EXHDR(value) - 1);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* matches(event_pattern, kind, value, quantity, event_id, properties): one event by itself. */
PG_FUNCTION_INFO_V1(cd_event_matches);
Datum
cd_event_matches(PG_FUNCTION_ARGS)
{
	const CdPattern *pattern;
	CdBuilder	builder;
	struct varlena *value;
	CdTimeline	tl;
	CdKindScan	scan;
	CdKind		kind;
	CdMatcher	matcher;
	text	   *name;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	pattern = cd_pattern_cached(fcinfo, 0, 1, PG_GETARG_DATUM(0));
	name = PG_GETARG_TEXT_PP(1);
	cd_builder_init(&builder, cd_pool_create(CurrentMemoryContext), CurrentMemoryContext);
	cd_builder_event(&builder, 0, cd_builder_kind(&builder, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)));
	if (!PG_ARGISNULL(2))
		cd_builder_value(&builder, PG_GETARG_FLOAT8(2));
	if (!PG_ARGISNULL(3))
		cd_builder_quantity(&builder, PG_GETARG_FLOAT8(3));
	if (!PG_ARGISNULL(4))
	{
		text	   *id = PG_GETARG_TEXT_PP(4);

		cd_builder_event_id(&builder, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
	}
	if (!PG_ARGISNULL(5))
		cd_builder_jsonb(&builder, PG_GETARG_DATUM(5));
	value = cd_builder_finish(&builder);
	cd_timeline_open(&tl, value);
	cd_kind_scan_begin(&tl, &scan);
	PG_RETURN_BOOL(cd_kind_scan_next(&tl, &scan, &kind) &&
				   cd_pattern_bind_kind(pattern, &kind, &matcher) &&
				   cd_matcher_test(&matcher, 0));
}
