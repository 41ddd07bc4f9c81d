/*
 * tagset_gin.c
 *		GIN over tagsets, for tags @@ tag_query.
 *
 * The keys of a tag are its path and then
 *	\001			it is there for good, with score 1
 *	\002			it is there for good, with another score
 *	\003 class	it expires or decays; its score was of this class when written
 *	\004 class	besides \002: the class of its score
 * Classes are tenths up to 1 and quarter powers of two above.  So the index
 * knows for sure of most rows whether they match, and only those are looked at
 * whose tags move with time or whose score lies in the class that a threshold
 * cuts through.  As a decaying score is never higher than when it was written,
 * "tea > 0.5" need look only at classes from that of 0.5 upwards.
 *
 * Tenths are asked for one by one, not as a range: GIN walks lists of exact
 * keys side by side, but makes a bitmap of a range first.
 */
#include "postgres.h"

#include "portrait/tag_query.h"

#include <math.h>

#include "access/gin.h"
#include "access/stratnum.h"
#include "fmgr.h"
#include "utils/builtins.h"

#define MARK_ONE		'\001'
#define MARK_SCORED		'\002'
#define MARK_MOVING		'\003'
#define MARK_CLASS		'\004'

#define CLASS_NONE		1		/* up to zero */
#define CLASS_TENTH		2		/* up to a tenth, and so on */
#define CLASS_ABOVE		12		/* 1 and above, and so on */
#define CLASS_MOST		254

/* Class of a score; never falls as the score rises */
static int
score_class(double score)
{
	if (!(score > 0))
		return CLASS_NONE;
	if (score < 1)
		return CLASS_TENTH + (int) Min(floor(score * 10), 9);
	return CLASS_ABOVE + (int) Min(floor(log2(score) * 4), CLASS_MOST - CLASS_ABOVE);
}

/* A key; without a mark the beginning of some */
static text *
make_key(const char *path, int length, char mark, int class)
{
	text	   *key = palloc(VARHDRSZ + length + 2);
	char	   *p = VARDATA(key);

	memcpy(p, path, length);
	p += length;
	if (mark != '\0')
		*p++ = mark;
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
	Datum	   *keys = palloc(Max(cd_tags_count(tags), 1) * 2 * sizeof(Datum));
	CdTagReader reader;

	*count = 0;
	cd_tags_begin(&reader, tags);
	while (cd_tags_next(&reader))
	{
		const CdTag *tag = &reader.tag;
		double		score = cd_score_value(tag->score);
		bool		moves = !TIMESTAMP_IS_NOEND(tag->until) || (tag->half_life > 0 && !TIMESTAMP_NOT_FINITE(tag->at));

		if (moves)
			keys[(*count)++] = PointerGetDatum(make_key(tag->path, tag->length, MARK_MOVING, score_class(score)));
		else if (score == 1)
			keys[(*count)++] = PointerGetDatum(make_key(tag->path, tag->length, MARK_ONE, 0));
		else
		{
			keys[(*count)++] = PointerGetDatum(make_key(tag->path, tag->length, MARK_SCORED, 0));
			keys[(*count)++] = PointerGetDatum(make_key(tag->path, tag->length, MARK_CLASS, score_class(score)));
		}
	}
	PG_RETURN_POINTER(keys);
}

/* What a key of the query means. */
typedef struct QueryKey
{
	const CdTagQuery *query;
	int			leaf;
	bool		sure;			/* a row that has it satisfies the leaf */
	int			prefix;			/* bytes of the key that an index key must share */
	bool		below;			/* labels follow: look at the mark */
	bool		moving;			/* and want keys of tags that move, or of those that do not */
	int			count;			/* keys of the query; known to its first */
} QueryKey;

/* Keys of a query being made. */
typedef struct KeyList
{
	const CdTagQuery *query;
	Datum	   *keys;
	bool	   *partial;
	QueryKey  **extra;
	int			count;
} KeyList;

/* At most so many keys come from a leaf. */
#define MOST_KEYS		16

static QueryKey *
add_key(KeyList *list, int leaf, text *key, bool partial, bool sure)
{
	QueryKey   *extra = palloc0(sizeof(QueryKey));

	extra->query = list->query;
	extra->leaf = leaf;
	extra->sure = sure;
	extra->prefix = VARSIZE(key) - VARHDRSZ;
	list->keys[list->count] = PointerGetDatum(key);
	list->partial[list->count] = partial;
	list->extra[list->count++] = extra;
	return extra;
}

/* Keys of a leaf that asks for all below a prefix: those for good, those that move */
static void
add_prefix(KeyList *list, const CdTagNode *leaf)
{
	QueryKey   *key;

	key = add_key(list, leaf->leaf, make_key(leaf->path, leaf->length - 1, '\0', 0), true, leaf->op == CD_TAG_HAS);
	key->below = true;
	key = add_key(list, leaf->leaf, make_key(leaf->path, leaf->length - 1, '\0', 0), true, false);
	key->below = key->moving = true;
}

/* Would a tag with score 1 satisfy a leaf? */
static bool
one_satisfies(const CdTagNode *leaf)
{
	switch (leaf->op)
	{
		case CD_TAG_GT:
			return 1 > leaf->threshold;
		case CD_TAG_GE:
			return 1 >= leaf->threshold;
		case CD_TAG_LT:
			return 1 < leaf->threshold;
		case CD_TAG_LE:
			return 1 <= leaf->threshold;
		case CD_TAG_EQ:
			return leaf->threshold == 1;
		default:
			return true;
	}
}

/* Keys of a leaf that asks for one tag, at most MOST_KEYS */
static void
add_path(KeyList *list, const CdTagNode *leaf)
{
	bool		above = leaf->op == CD_TAG_GT || leaf->op == CD_TAG_GE;
	int			class = above ? score_class(leaf->threshold) : 0;
	int			i;

	if (one_satisfies(leaf))
		add_key(list, leaf->leaf, make_key(leaf->path, leaf->length, MARK_ONE, 0), false, true);
	if (!above)
		add_key(list, leaf->leaf, make_key(leaf->path, leaf->length, MARK_SCORED, 0), false, leaf->op == CD_TAG_HAS);
	else
	{
		/* Scores of the class that the threshold cuts through must be looked at. */
		bool		aligned = leaf->op == CD_TAG_GE && leaf->threshold > 0 &&
			score_class(nextafter(leaf->threshold, 0)) < class;

		for (i = class; i < CLASS_ABOVE; i++)
			add_key(list, leaf->leaf, make_key(leaf->path, leaf->length, MARK_CLASS, i), false, i > class || aligned);
		if (class >= CLASS_ABOVE && !aligned)
			add_key(list, leaf->leaf, make_key(leaf->path, leaf->length, MARK_CLASS, class), false, false);
		i = Max(CLASS_ABOVE, aligned ? class : class + 1);
		add_key(list, leaf->leaf, make_key(leaf->path, leaf->length, MARK_CLASS, i), true, true)->prefix = leaf->length + 1;
	}
	add_key(list, leaf->leaf, make_key(leaf->path, leaf->length, MARK_MOVING, class), true, false)->prefix = leaf->length + 1;
}

static void
add_keys(KeyList *list, const CdTagNode *node)
{
	if (node->op == CD_TAG_AND || node->op == CD_TAG_OR)
		add_keys(list, node->right);
	if (node->op < CD_TAG_HAS)
		add_keys(list, node->left);
	else if (node->path[node->length - 1] == '*')
		add_prefix(list, node);
	else
		add_path(list, node);
}

/* What is known of a node from what is known of the leaves */
static GinTernaryValue
combine(const CdTagNode *node, const GinTernaryValue *leaves)
{
	GinTernaryValue left,
				right;

	switch (node->op)
	{
		case CD_TAG_AND:
			left = combine(node->left, leaves);
			if (left == GIN_FALSE)
				return GIN_FALSE;
			right = combine(node->right, leaves);
			return right == GIN_FALSE ? GIN_FALSE : left == GIN_TRUE && right == GIN_TRUE ? GIN_TRUE : GIN_MAYBE;
		case CD_TAG_OR:
			left = combine(node->left, leaves);
			if (left == GIN_TRUE)
				return GIN_TRUE;
			right = combine(node->right, leaves);
			return right == GIN_TRUE ? GIN_TRUE : left == GIN_FALSE && right == GIN_FALSE ? GIN_FALSE : GIN_MAYBE;
		case CD_TAG_NOT:
			left = combine(node->left, leaves);
			return left == GIN_TRUE ? GIN_FALSE : left == GIN_FALSE ? GIN_TRUE : GIN_MAYBE;
		default:
			return leaves[node->leaf];
	}
}

/* What is known of the whole query from what is known of its keys */
static GinTernaryValue
judge(QueryKey *const *keys, const GinTernaryValue *check)
{
	const CdTagQuery *query = keys[0]->query;
	int			count = keys[0]->count;
	GinTernaryValue few[64];
	GinTernaryValue *leaves = query->leaves <= (int) lengthof(few) ? few : palloc(query->leaves);
	int			i;

	memset(leaves, GIN_FALSE, query->leaves);
	for (i = 0; i < count; i++)
	{
		GinTernaryValue *leaf = &leaves[keys[i]->leaf];

		if (check[i] == GIN_TRUE && keys[i]->sure)
			*leaf = GIN_TRUE;
		else if (check[i] != GIN_FALSE && *leaf == GIN_FALSE)
			*leaf = GIN_MAYBE;
	}
	return combine(query->root, leaves);
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
	int			room = query->leaves * MOST_KEYS;
	KeyList		list = {query, palloc(room * sizeof(Datum)), palloc(room * sizeof(bool)), palloc(room * sizeof(QueryKey *)), 0};

	add_keys(&list, query->root);
	list.extra[0]->count = list.count;
	*count = list.count;
	*partial = list.partial;
	*extra = (Pointer *) list.extra;

	/* Rows without any of the tags may match: look at all of them. */
	if (judge(list.extra, palloc0(list.count)) != GIN_FALSE)
		*mode = GIN_SEARCH_MODE_ALL;
	PG_RETURN_POINTER(list.keys);
}

PG_FUNCTION_INFO_V1(cd_tagset_gin_compare_partial);
Datum
cd_tagset_gin_compare_partial(PG_FUNCTION_ARGS)
{
	text	   *wanted = PG_GETARG_TEXT_PP(0);
	text	   *key = PG_GETARG_TEXT_PP(1);
	QueryKey   *extra = (QueryKey *) PG_GETARG_POINTER(3);
	int			length = VARSIZE_ANY_EXHDR(key);
	const char *bytes = VARDATA_ANY(key);

	/* Keys come from the wanted one upwards; the prefix ends their range. */
	if (length < extra->prefix || memcmp(bytes, VARDATA_ANY(wanted), extra->prefix) != 0)
		PG_RETURN_INT32(1);
	if (!extra->below)
		PG_RETURN_INT32(0);
	/* Before a mark stands a path, which has no such bytes; the keys with classes say nothing new. */
	if (length >= 2 && bytes[length - 2] == MARK_CLASS)
		PG_RETURN_INT32(-1);
	PG_RETURN_INT32((length >= 2 && bytes[length - 2] == MARK_MOVING) == extra->moving ? 0 : -1);
}

PG_FUNCTION_INFO_V1(cd_tagset_gin_consistent);
Datum
cd_tagset_gin_consistent(PG_FUNCTION_ARGS)
{
	bool	   *check = (bool *) PG_GETARG_POINTER(0);
	QueryKey  **keys = (QueryKey **) PG_GETARG_POINTER(4);
	bool	   *recheck = (bool *) PG_GETARG_POINTER(5);
	GinTernaryValue result = judge(keys, (GinTernaryValue *) check);

	*recheck = result == GIN_MAYBE;
	PG_RETURN_BOOL(result != GIN_FALSE);
}

PG_FUNCTION_INFO_V1(cd_tagset_gin_triconsistent);
Datum
cd_tagset_gin_triconsistent(PG_FUNCTION_ARGS)
{
	GinTernaryValue *check = (GinTernaryValue *) PG_GETARG_POINTER(0);
	QueryKey  **keys = (QueryKey **) PG_GETARG_POINTER(4);

	PG_RETURN_GIN_TERNARY_VALUE(judge(keys, check));
}
