/*
 * tagset_gin.c
 *		GIN over tagsets, for tags @@ tag_query.
 *
 * The key of a tag is its path, a byte 1, and the class of its score: scores
 * between one quarter power of two and the next share a class.  As a decaying
 * score is never higher than when it was written, "tea > 0.5" need look only
 * at keys of tea from the class of 0.5 upwards.  Everything found is rechecked
 * against the row: tags expire and scores decay without the index knowing.
 */
#include "postgres.h"

#include "portrait/tag_query.h"

#include <math.h>

#include "access/gin.h"
#include "access/stratnum.h"
#include "fmgr.h"
#include "utils/builtins.h"

#define KEY_MARK		'\001'

/* Class of a score: 1 for none above zero, else 2 to 254 */
static unsigned char
score_class(double score)
{
	double		quarter;

	if (!(score > 0))
		return 1;
	quarter = floor(log2(score) * 4) + 128;
	return (unsigned char) Max(2, Min(quarter, 254));
}

static text *
make_key(const char *path, int length, bool mark, int class)
{
	text	   *key = palloc(VARHDRSZ + length + 2);
	char	   *p = VARDATA(key);

	memcpy(p, path, length);
	p += length;
	if (mark)
		*p++ = KEY_MARK;
	if (class > 0)
		*p++ = (char) class;
	SET_VARSIZE(key, p - (char *) key);
	return key;
}

PG_FUNCTION_INFO_V1(cd_tagset_gin_extract);
Datum
cd_tagset_gin_extract(PG_FUNCTION_ARGS)
{
	CdTagset   *tags = PG_GETARG_TAGSET(0);
	int32	   *count = (int32 *) PG_GETARG_POINTER(1);
	Datum	   *keys = palloc(Max(cd_tags_count(tags), 1) * sizeof(Datum));
	CdTagReader reader;

	*count = 0;
	cd_tags_begin(&reader, tags);
	while (cd_tags_next(&reader))
		keys[(*count)++] = PointerGetDatum(make_key(reader.tag.path, reader.tag.length, true,
													score_class(reader.tag.score)));
	PG_RETURN_POINTER(keys);
}

/* What comparing and combining need to know of a key of the query. */
typedef struct QueryKey
{
	const CdTagQuery *query;
	int			prefix;			/* bytes of the key that an index key must share */
} QueryKey;

static void
extract_leaves(const CdTagNode *node, const CdTagQuery *query, Datum *keys, bool *partial, Pointer *extra)
{
	QueryKey   *key;
	text	   *value;

	if (node->op == CD_TAG_AND || node->op == CD_TAG_OR)
		extract_leaves(node->right, query, keys, partial, extra);
	if (node->op < CD_TAG_HAS)
	{
		extract_leaves(node->left, query, keys, partial, extra);
		return;
	}
	key = palloc(sizeof(QueryKey));
	key->query = query;
	if (node->path[node->length - 1] == '*')
	{
		value = make_key(node->path, node->length - 1, false, 0);
		key->prefix = node->length - 1;
	}
	else
	{
		int			class = 0;

		/* One class lower, so that rounding of a logarithm loses nothing. */
		if ((node->op == CD_TAG_GT || node->op == CD_TAG_GE) && node->threshold > 0)
			class = Max(score_class(node->threshold) - 1, 2);
		value = make_key(node->path, node->length, true, class);
		key->prefix = node->length + 1;
	}
	keys[node->leaf] = PointerGetDatum(value);
	partial[node->leaf] = true;
	extra[node->leaf] = (Pointer) key;
}

/* What is known of a node from what is known of its leaves */
static GinTernaryValue
combine(const CdTagNode *node, const GinTernaryValue *check)
{
	GinTernaryValue left,
				right;

	switch (node->op)
	{
		case CD_TAG_AND:
			left = combine(node->left, check);
			if (left == GIN_FALSE)
				return GIN_FALSE;
			right = combine(node->right, check);
			return right == GIN_FALSE ? GIN_FALSE : left == GIN_TRUE && right == GIN_TRUE ? GIN_TRUE : GIN_MAYBE;
		case CD_TAG_OR:
			left = combine(node->left, check);
			if (left == GIN_TRUE)
				return GIN_TRUE;
			right = combine(node->right, check);
			return right == GIN_TRUE ? GIN_TRUE : left == GIN_FALSE && right == GIN_FALSE ? GIN_FALSE : GIN_MAYBE;
		case CD_TAG_NOT:
			left = combine(node->left, check);
			return left == GIN_TRUE ? GIN_FALSE : left == GIN_FALSE ? GIN_TRUE : GIN_MAYBE;
		default:
			/* The tag is there, but may have expired or have another score. */
			return check[node->leaf] == GIN_FALSE ? GIN_FALSE : GIN_MAYBE;
	}
}

PG_FUNCTION_INFO_V1(cd_tagset_gin_query);
Datum
cd_tagset_gin_query(PG_FUNCTION_ARGS)
{
	CdTagQuery *query = cd_tag_query_read(PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0)));
	int32	   *count = (int32 *) PG_GETARG_POINTER(1);
	bool	  **partial = (bool **) PG_GETARG_POINTER(3);
	Pointer   **extra = (Pointer **) PG_GETARG_POINTER(4);
	int32	   *mode = (int32 *) PG_GETARG_POINTER(6);
	Datum	   *keys = palloc(query->leaves * sizeof(Datum));
	GinTernaryValue *none = palloc0(query->leaves * sizeof(GinTernaryValue));

	*count = query->leaves;
	*partial = palloc(query->leaves * sizeof(bool));
	*extra = palloc(query->leaves * sizeof(Pointer));
	extract_leaves(query->root, query, keys, *partial, *extra);

	/* Rows without any of the tags may match: look at all of them. */
	if (combine(query->root, none) != GIN_FALSE)
		*mode = GIN_SEARCH_MODE_ALL;
	PG_RETURN_POINTER(keys);
}

PG_FUNCTION_INFO_V1(cd_tagset_gin_compare_partial);
Datum
cd_tagset_gin_compare_partial(PG_FUNCTION_ARGS)
{
	text	   *wanted = PG_GETARG_TEXT_PP(0);
	text	   *key = PG_GETARG_TEXT_PP(1);
	QueryKey   *extra = (QueryKey *) PG_GETARG_POINTER(3);
	int			length = VARSIZE_ANY_EXHDR(key);

	/* Keys come from the wanted one upwards; the prefix ends their range. */
	if (length >= extra->prefix && memcmp(VARDATA_ANY(key), VARDATA_ANY(wanted), extra->prefix) == 0)
		PG_RETURN_INT32(0);
	PG_RETURN_INT32(1);
}

PG_FUNCTION_INFO_V1(cd_tagset_gin_consistent);
Datum
cd_tagset_gin_consistent(PG_FUNCTION_ARGS)
{
	bool	   *check = (bool *) PG_GETARG_POINTER(0);
	Pointer    *extra = (Pointer *) PG_GETARG_POINTER(4);
	bool	   *recheck = (bool *) PG_GETARG_POINTER(5);
	const CdTagQuery *query = ((QueryKey *) extra[0])->query;

	*recheck = true;
	PG_RETURN_BOOL(combine(query->root, (GinTernaryValue *) check) != GIN_FALSE);
}

PG_FUNCTION_INFO_V1(cd_tagset_gin_triconsistent);
Datum
cd_tagset_gin_triconsistent(PG_FUNCTION_ARGS)
{
	GinTernaryValue *check = (GinTernaryValue *) PG_GETARG_POINTER(0);
	Pointer    *extra = (Pointer *) PG_GETARG_POINTER(4);
	const CdTagQuery *query = ((QueryKey *) extra[0])->query;

	PG_RETURN_GIN_TERNARY_VALUE(combine(query->root, check) == GIN_FALSE ? GIN_FALSE : GIN_MAYBE);
}
