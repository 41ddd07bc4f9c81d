/*
 * tagset_gin.c
 *		GIN over tagsets, for tags @@ tag_query.
 *
 * The keys of a tag are its path and then
 *	\001			it is there for good
 *	\002 class	besides: the class of its score
 *	\003 class	it expires or decays; its score was of this class when written
 * Classes are each tenth up to 1 by itself, what lies between two tenths, and
 * quarter powers of two above 1.  So the index knows for sure of most rows
 * whether they match, and only those are looked at whose tags move with time or
 * whose score lies in the class that a threshold cuts through, which tenths
 * never do.  As a decaying score is never higher than when it was written,
 * "tea > 0.5" need look only at classes from that of 0.5 upwards.
 *
 * GIN walks lists of exact keys side by side, and makes a bitmap of a range of
 * keys first.  So classes are asked for one by one where they are few and other
 * tags narrow the rows down, and else as a range.
 */
#include "postgres.h"

#include "portrait/tag_query.h"

#include <math.h>

#include "access/gin.h"
#include "access/stratnum.h"
#include "fmgr.h"
#include "utils/builtins.h"

#define MARK_THERE		'\001'
#define MARK_CLASS		'\002'
#define MARK_MOVING		'\003'

#define CLASS_NONE		1		/* up to zero */
#define CLASS_TENTH		2		/* above zero, then 0.1 by itself, above 0.1, and so on */
#define CLASS_ONE		21		/* 1 by itself */
#define CLASS_ABOVE		22		/* above 1, and so on */
#define CLASS_MOST		254

/* Class of a score; never falls as the score rises */
static int
score_class(double score)
{
	int			tenths;

	if (!(score > 0))
		return CLASS_NONE;
	if (score > 1)
		return CLASS_ABOVE + (int) Max(0, Min(floor(log2(score) * 4), CLASS_MOST - CLASS_ABOVE));
	tenths = (int) floor(score * 10);
	if (tenths / 10.0 > score)
		tenths--;
	else if ((tenths + 1) / 10.0 <= score)
		tenths++;
	return CLASS_TENTH + 2 * tenths - (score == tenths / 10.0 ? 1 : 0);
}

/* Does a class hold one score only? */
static bool
is_point(int class)
{
	return class > CLASS_TENTH && class <= CLASS_ONE && (class - CLASS_TENTH) % 2 == 1;
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
		else
		{
			keys[(*count)++] = PointerGetDatum(make_key(tag->path, tag->length, MARK_THERE, 0));
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
	int			last_class;		/* where the range ends, or 0 */
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
#define MOST_KEYS		12

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

/* So many classes at most are asked for one by one. */
#define FEW_CLASSES		8

/* Keys of the classes from one to another, whose scores all satisfy a leaf */
static void
add_classes(KeyList *list, const CdTagNode *leaf, int first, int last, bool narrowed)
{
	QueryKey   *key;
	int			i = first;

	if (Min(last, CLASS_ONE) - first >= FEW_CLASSES)
		narrowed = false;
	while (narrowed && i <= last && i < CLASS_ABOVE)
		add_key(list, leaf->leaf, make_key(leaf->path, leaf->length, MARK_CLASS, i++), false, true);
	if (i > last)
		return;
	key = add_key(list, leaf->leaf, make_key(leaf->path, leaf->length, MARK_CLASS, i), true, true);
	key->prefix = leaf->length + 1;
	key->last_class = last;
}

/* Keys of a leaf that asks for one tag, at most MOST_KEYS */
static void
add_path(KeyList *list, const CdTagNode *leaf, bool narrowed)
{
	int			class = leaf->op == CD_TAG_HAS ? 0 : score_class(leaf->threshold);
	bool		point = is_point(class);
	bool		above = leaf->op == CD_TAG_GT || leaf->op == CD_TAG_GE;

	/* Does the class have no score below the threshold? */
	bool		aligned = leaf->threshold > 0 && score_class(nextafter(leaf->threshold, 0)) < class;
	bool		none = false,	/* of the class satisfies the leaf */
				all = false;	/* do */

	switch (leaf->op)
	{
		case CD_TAG_GT:
			none = point;
			add_classes(list, leaf, class + 1, CLASS_MOST, narrowed);
			break;
		case CD_TAG_GE:
			all = aligned;
			add_classes(list, leaf, class + 1, CLASS_MOST, narrowed);
			break;
		case CD_TAG_LT:
			none = aligned;
			add_classes(list, leaf, CLASS_NONE, class - 1, narrowed);
			break;
		case CD_TAG_LE:
			all = point;
			add_classes(list, leaf, CLASS_NONE, class - 1, narrowed);
			break;
		case CD_TAG_EQ:
			all = point;
			break;
		default:
			add_key(list, leaf->leaf, make_key(leaf->path, leaf->length, MARK_THERE, 0), false, true);
			none = true;
	}
	if (!none)
		add_key(list, leaf->leaf, make_key(leaf->path, leaf->length, MARK_CLASS, class), false, all);
	add_key(list, leaf->leaf, make_key(leaf->path, leaf->length, MARK_MOVING, above ? class : 0), true, false)->prefix = leaf->length + 1;
}

/* Keys of a node; narrowed where other tags must be there, too */
static void
add_keys(KeyList *list, const CdTagNode *node, bool narrowed)
{
	narrowed = narrowed || node->op == CD_TAG_AND;
	if (node->op == CD_TAG_AND || node->op == CD_TAG_OR)
		add_keys(list, node->right, narrowed);
	if (node->op < CD_TAG_HAS)
		add_keys(list, node->left, narrowed);
	else if (node->path[node->length - 1] == '*')
		add_prefix(list, node);
	else
		add_path(list, node, narrowed);
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

	add_keys(&list, query->root, false);
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
	if (extra->last_class > 0)
		PG_RETURN_INT32((unsigned char) bytes[length - 1] > extra->last_class ? 1 : 0);
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
