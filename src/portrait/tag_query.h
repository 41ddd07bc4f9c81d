/*
 * tag_query.h
 *		Boolean queries over tags: vip & (outdoor>0.5 | camping>0.3) & !lapsed
 *
 * A value is a version byte followed by its own text, written in one way.
 */
#ifndef CD_TAG_QUERY_H
#define CD_TAG_QUERY_H

#include "portrait/tagset.h"

#define CD_TAG_QUERY_VERSION	1

typedef enum CdTagOp
{
	CD_TAG_AND,
	CD_TAG_OR,
	CD_TAG_NOT,
	CD_TAG_HAS,					/* the rest are leaves */
	CD_TAG_GT,
	CD_TAG_GE,
	CD_TAG_LT,
	CD_TAG_LE,
	CD_TAG_EQ
} CdTagOp;

typedef struct CdTagNode
{
	CdTagOp		op;
	struct CdTagNode *left;		/* NOT has only this one */
	struct CdTagNode *right;
	char	   *path;			/* of a leaf; may end with an asterisk */
	int			length;
	double		threshold;
	int			leaf;			/* number of the leaf, from left to right */
} CdTagNode;

typedef struct CdTagQuery
{
	CdTagNode  *root;
	int			leaves;
} CdTagQuery;

/* Parse text; what is wrong at *place, or NULL. */
extern const char *cd_tag_query_parse(const char *text, int length, CdTagQuery *query, int *place);

/* The parsed form of a value. */
extern CdTagQuery *cd_tag_query_read(const struct varlena *value);

/* Does a tag satisfy a leaf as of a moment?  Notes until when. */
extern bool cd_tag_satisfies(const CdTag *tag, const CdTagNode *leaf, TimestampTz moment);

/* Answer a query about tags as of a moment, noting until when it holds. */
extern bool cd_tag_query_matches(const CdTagQuery *query, const CdTagset *tags, TimestampTz moment);

#endif							/* CD_TAG_QUERY_H */
