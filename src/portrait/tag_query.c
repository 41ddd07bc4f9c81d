/*
 * tag_query.c
 *		Boolean queries over tags: text and binary I/O, evaluation.
 */
#include "postgres.h"

#include "portrait/tag_query.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#define IS_BLANK(c)		((c) == ' ' || ((c) >= '\t' && (c) <= '\r'))
#define ENDS_PATH(c)	(strchr("&|!()<>=\"\\", (c)) != NULL || (unsigned char) (c) <= ' ')
#define MAX_LEAVES		1000

typedef struct Parser
{
	const char *at;
	const char *end;
	const char *fault;
	int			leaves;
	int			depth;
} Parser;

static CdTagNode *parse_or(Parser *parser);

static CdTagNode *
fail(Parser *parser, const char *fault)
{
	if (parser->fault == NULL)
		parser->fault = fault;
	return NULL;
}

/* Skip blanks and look at the next character; zero at the end */
static char
peek(Parser *parser)
{
	while (parser->at < parser->end && IS_BLANK(*parser->at))
		parser->at++;
	return parser->at < parser->end ? *parser->at : '\0';
}

static CdTagNode *
make_node(CdTagOp op, CdTagNode *left, CdTagNode *right)
{
	CdTagNode  *node = palloc0(sizeof(CdTagNode));

	node->op = op;
	node->left = left;
	node->right = right;
	return node;
}

/* Check a path, or a prefix that ends with .* */
static const char *
pattern_fault(const char *path, int length)
{
	if (length == 1 && path[0] == '*')
		return NULL;
	if (length > 2 && path[length - 1] == '*' && path[length - 2] == '.')
		length -= 2;
	return cd_tag_path_fault(path, length);
}

static CdTagNode *
parse_leaf(Parser *parser)
{
	CdTagNode  *node = make_node(CD_TAG_HAS, NULL, NULL);
	StringInfoData path;
	const char *fault;
	char		number[64];
	int			n = 0;
	char	   *end;

	initStringInfo(&path);
	if (*parser->at == '"')
	{
		parser->at++;
		while (parser->at < parser->end && *parser->at != '"')
		{
			if (*parser->at == '\\' && parser->at + 1 < parser->end)
				parser->at++;
			appendStringInfoChar(&path, *parser->at++);
		}
		if (parser->at == parser->end)
			return fail(parser, "a quoted path does not end");
		parser->at++;
	}
	else
	{
		while (parser->at < parser->end && !ENDS_PATH(*parser->at))
			appendStringInfoChar(&path, *parser->at++);
	}
	if (path.len == 0)
		return fail(parser, "a tag is expected");
	fault = pattern_fault(path.data, path.len);
	if (fault != NULL)
		return fail(parser, fault);
	if (++parser->leaves > MAX_LEAVES)
		return fail(parser, "a query names more than 1000 tags");
	node->leaf = parser->leaves - 1;
	node->path = path.data;
	node->length = path.len;
	switch (peek(parser))
	{
		case '>':
			node->op = CD_TAG_GT;
			break;
		case '<':
			node->op = CD_TAG_LT;
			break;
		case '=':
			node->op = CD_TAG_EQ;
			break;
		default:
			return node;
	}
	parser->at++;
	if (parser->at < parser->end && *parser->at == '=' && node->op != CD_TAG_EQ)
	{
		node->op = node->op == CD_TAG_GT ? CD_TAG_GE : CD_TAG_LE;
		parser->at++;
	}
	(void) peek(parser);
	while (n < (int) sizeof(number) - 1 && parser->at + n < parser->end && parser->at[n] != '\0' &&
		   strchr("0123456789+-.eE", parser->at[n]) != NULL)
	{
		number[n] = parser->at[n];
		n++;
	}
	number[n] = '\0';
	node->threshold = strtod(number, &end) + 0.0;
	if (n == 0 || *end != '\0' || !isfinite(node->threshold))
		return fail(parser, "a number is expected");
	parser->at += n;
	return node;
}

static CdTagNode *
parse_not(Parser *parser)
{
	CdTagNode  *node;
	char		c = peek(parser);

	if (++parser->depth > 500)
		return fail(parser, "it is nested too deeply");
	if (c == '!')
	{
		parser->at++;
		node = parse_not(parser);
		node = node == NULL ? NULL : make_node(CD_TAG_NOT, node, NULL);
	}
	else if (c == '(')
	{
		parser->at++;
		node = parse_or(parser);
		if (node != NULL && peek(parser) != ')')
			return fail(parser, "a parenthesis is not closed");
		parser->at++;
	}
	else if (parser->at == parser->end)
		return fail(parser, "a tag is expected");
	else
		node = parse_leaf(parser);
	parser->depth--;
	return node;
}

static CdTagNode *
parse_and(Parser *parser)
{
	CdTagNode  *node = parse_not(parser);

	while (node != NULL && peek(parser) == '&')
	{
		CdTagNode  *right;

		parser->at++;
		right = parse_not(parser);
		node = right == NULL ? NULL : make_node(CD_TAG_AND, node, right);
	}
	return node;
}

static CdTagNode *
parse_or(Parser *parser)
{
	CdTagNode  *node = parse_and(parser);

	while (node != NULL && peek(parser) == '|')
	{
		CdTagNode  *right;

		parser->at++;
		right = parse_and(parser);
		node = right == NULL ? NULL : make_node(CD_TAG_OR, node, right);
	}
	return node;
}

const char *
cd_tag_query_parse(const char *text, int length, CdTagQuery *query, int *place)
{
	Parser		parser = {text, text + length, NULL, 0, 0};

	query->root = parse_or(&parser);
	query->leaves = parser.leaves;
	if (parser.fault == NULL && peek(&parser) != '\0')
		parser.fault = "an operator & or | is expected";
	if (parser.fault == NULL && parser.at != parser.end)
		parser.fault = "a zero byte is not expected";
	*place = (int) (parser.at - text);
	return parser.fault;
}

/* Write a node; parentheses where an | stands below an & or a ! */
static void
write_node(StringInfo out, const CdTagNode *node, CdTagOp above)
{
	static const char *const signs[] = {" & ", " | ", "!", "", ">", ">=", "<", "<=", "="};
	bool		bare = true;
	bool		inside;
	int			i;

	check_stack_depth();
	switch (node->op)
	{
		case CD_TAG_AND:
		case CD_TAG_OR:
			inside = (node->op == CD_TAG_OR && above != CD_TAG_OR) || above == CD_TAG_NOT;
			if (inside)
				appendStringInfoChar(out, '(');
			write_node(out, node->left, node->op);
			appendStringInfoString(out, signs[node->op]);
			write_node(out, node->right, node->op);
			if (inside)
				appendStringInfoChar(out, ')');
			return;
		case CD_TAG_NOT:
			appendStringInfoChar(out, '!');
			write_node(out, node->left, CD_TAG_NOT);
			return;
		default:
			break;
	}
	for (i = 0; i < node->length && bare; i++)
		bare = !ENDS_PATH(node->path[i]);
	if (bare)
		appendBinaryStringInfo(out, node->path, node->length);
	else
	{
		appendStringInfoChar(out, '"');
		for (i = 0; i < node->length; i++)
		{
			if (node->path[i] == '"' || node->path[i] == '\\')
				appendStringInfoChar(out, '\\');
			appendStringInfoChar(out, node->path[i]);
		}
		appendStringInfoChar(out, '"');
	}
	if (node->op != CD_TAG_HAS)
	{
		char		number[32];

		double_to_shortest_decimal_buf(node->threshold, number);
		appendStringInfo(out, "%s%s", signs[node->op], number);
	}
}

static struct varlena *
make_value(const CdTagQuery *query)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoSpaces(&out, VARHDRSZ);
	appendStringInfoChar(&out, CD_TAG_QUERY_VERSION);
	write_node(&out, query->root, CD_TAG_OR);
	SET_VARSIZE(out.data, out.len);
	return (struct varlena *) out.data;
}

PG_FUNCTION_INFO_V1(cd_tag_query_in);
Datum
cd_tag_query_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	CdTagQuery	query;
	int			place;
	const char *fault = cd_tag_query_parse(text, strlen(text), &query, &place);

	if (fault != NULL)
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", "tag_query", text),
				 errdetail("At character %d, %s.", pg_mbstrlen_with_len(text, place) + 1, fault),
				 errhint("Write tags, prefixes such as retail.*, scores such as tea>0.5, joined by & | ! and parentheses.")));
	PG_RETURN_POINTER(make_value(&query));
}

PG_FUNCTION_INFO_V1(cd_tag_query_out);
Datum
cd_tag_query_out(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));

	PG_RETURN_CSTRING(pnstrdup(VARDATA_ANY(value) + 1, VARSIZE_ANY_EXHDR(value) - 1));
}

/* A version byte and the text */
PG_FUNCTION_INFO_V1(cd_tag_query_recv);
Datum
cd_tag_query_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(message);
	char	   *text;
	int			length;
	CdTagQuery	query;
	int			place;
	const char *fault;

	text = pq_getmsgtext(message, message->len - message->cursor, &length);
	fault = version != CD_TAG_QUERY_VERSION ? "it is of an unknown version" :
		cd_tag_query_parse(text, length, &query, &place);
	if (fault != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary value for type %s", "tag_query"),
				 errdetail("As received, %s.", fault)));
	PG_RETURN_POINTER(make_value(&query));
}

PG_FUNCTION_INFO_V1(cd_tag_query_send);
Datum
cd_tag_query_send(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendbyte(&out, VARDATA_ANY(value)[0]);
	pq_sendtext(&out, VARDATA_ANY(value) + 1, VARSIZE_ANY_EXHDR(value) - 1);
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

CdTagQuery *
cd_tag_query_read(const struct varlena *value)
{
	CdTagQuery *query = palloc(sizeof(CdTagQuery));
	int			place;
	int			length = VARSIZE_ANY_EXHDR(value);

	if (length < 1 || VARDATA_ANY(value)[0] != CD_TAG_QUERY_VERSION ||
		cd_tag_query_parse(VARDATA_ANY(value) + 1, length - 1, query, &place) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("tag query is damaged or of an unknown version")));
	return query;
}

bool
cd_tag_satisfies(const CdTag *tag, const CdTagNode *leaf, TimestampTz moment)
{
	double		score;

	if (!cd_tag_score_at(tag, moment, &score))
		return false;
	switch (leaf->op)
	{
		case CD_TAG_GT:
			return cd_tag_reaches(tag, moment, leaf->threshold, true);
		case CD_TAG_GE:
			return cd_tag_reaches(tag, moment, leaf->threshold, false);
		case CD_TAG_LT:
			return !cd_tag_reaches(tag, moment, leaf->threshold, false);
		case CD_TAG_LE:
			return !cd_tag_reaches(tag, moment, leaf->threshold, true);
		case CD_TAG_EQ:
			if (tag->half_life > 0)
				cd_validity_note(moment + 1);
			return score == leaf->threshold;
		default:
			return true;
	}
}

/* Walk the tags for one leaf; they are sorted, so that it can end early */
static bool
leaf_matches(const CdTagNode *leaf, const CdTagset *tags, TimestampTz moment)
{
	CdTagReader reader;
	int			length = leaf->length - 1;

	cd_tags_begin(&reader, tags);
	if (leaf->path[length] != '*')
		return cd_tags_seek(&reader, leaf->path, leaf->length) && cd_tag_satisfies(&reader.tag, leaf, moment);
	while (cd_tags_next(&reader))
	{
		int			order = memcmp(reader.tag.path, leaf->path, Min(reader.tag.length, length));

		if (order > 0)
			return false;
		if (order == 0 && reader.tag.length > length && cd_tag_satisfies(&reader.tag, leaf, moment))
			return true;
	}
	return false;
}

static bool
node_matches(const CdTagNode *node, const CdTagset *tags, TimestampTz moment)
{
	switch (node->op)
	{
		case CD_TAG_AND:
			return node_matches(node->left, tags, moment) && node_matches(node->right, tags, moment);
		case CD_TAG_OR:
			return node_matches(node->left, tags, moment) || node_matches(node->right, tags, moment);
		case CD_TAG_NOT:
			return !node_matches(node->left, tags, moment);
		default:
			return leaf_matches(node, tags, moment);
	}
}

bool
cd_tag_query_matches(const CdTagQuery *query, const CdTagset *tags, TimestampTz moment)
{
	return node_matches(query->root, tags, moment);
}

/* A parsed query, kept as long as the call site lives. */
typedef struct QueryCache
{
	struct varlena *source;
	CdTagQuery *query;
} QueryCache;

/* Parse an argument, or find it parsed by an earlier call */
static CdTagQuery *
cached_query(FunctionCallInfo fcinfo, struct varlena *value)
{
	QueryCache *cache = fcinfo->flinfo->fn_extra;
	MemoryContext old;
	Size		size = VARSIZE_ANY(value);

	if (cache != NULL && VARSIZE_ANY(cache->source) == size && memcmp(cache->source, value, size) == 0)
		return cache->query;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	cache = palloc(sizeof(QueryCache));
	cache->source = memcpy(palloc(size), value, size);
	cache->query = cd_tag_query_read(cache->source);
	MemoryContextSwitchTo(old);
	fcinfo->flinfo->fn_extra = cache;
	return cache->query;
}

/* tags @@ query */
PG_FUNCTION_INFO_V1(cd_tags_match);
Datum
cd_tags_match(PG_FUNCTION_ARGS)
{
	CdTagset   *tags = PG_GETARG_TAGSET(0);
	struct varlena *value = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(1));
	bool		result = cd_tag_query_matches(cached_query(fcinfo, value), tags, cd_as_of());

	PG_FREE_IF_COPY(tags, 0);
	PG_RETURN_BOOL(result);
}
