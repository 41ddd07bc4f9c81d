/*
 * tag_index.h
 *		The index by tag: for each path the set of customers that have it, with
 *		their scores and times beside it.
 *
 * A row of customer_data.tag_posting holds the customers, ascending, of one
 * path that follow those of the row before it.  Beside them lie their scores
 * (NULL if all are 1): a form byte, then a score each, as hundredths in one
 * byte or as float4; and, of those whose tag decays or expires (a set of their
 * own, NULL if these are all), the times as tagset.c writes them (NULL if there
 * are none).
 *
 * Rows belong to layers.  A layer tells of a set of customers all that there
 * is to tell, and what an earlier layer says of them no longer counts.  So a
 * refresh writes a layer for those whose tags changed and leaves the others
 * alone; layers are put together as they come near each other in size, so
 * that there are few.
 */
#ifndef CD_TAG_INDEX_H
#define CD_TAG_INDEX_H

#include "portrait/tagset.h"
#include "sets/customer_set.h"
#include "utils/relcache.h"

/* Columns of customer_data.tag_posting. */
#define CD_POSTING_PATH		1
#define CD_POSTING_LAYER	2
#define CD_POSTING_PART		3
#define CD_POSTING_MEMBERS	4
#define CD_POSTING_SCORES	5
#define CD_POSTING_MOVING	6
#define CD_POSTING_TIMES	7
#define CD_POSTING_HOLDS	8
#define CD_POSTING_COLUMNS	8

/* First byte of the scores. */
#define CD_SCORES_HUNDREDTHS	1
#define CD_SCORES_EXACT			2

/* A layer. */
typedef struct CdTagLayer
{
	int32		number;
	CdSet	   *customers;
} CdTagLayer;

/* Open a table of ours for somebody who may read all its rows. */
extern Relation cd_open_tag_table(const char *name);

/*
 * The layers, the latest first, and all customers there were at the last
 * refresh (kept as layer CD_EVERYONE); palloc'd.
 */
#define CD_EVERYONE		0
extern CdTagLayer *cd_tag_layers(int *count, CdSet **everyone);

/*
 * A layer being written, in the current memory context and inside
 * SPI_connect().  Customers come in ascending order.
 */
typedef struct CdTagIndex CdTagIndex;

extern CdTagIndex *cd_tag_index_begin(int32 layer);
extern void cd_tag_index_add(CdTagIndex *index, uint32 customer, const CdTag *tags, int count);
/* The set of whom the layer tells, if others than were added; answers how many they are. */
extern int64 cd_tag_index_end(CdTagIndex *index, CdSet *customers);
/*
 * The same, unless the layer before should be put together with this one and
 * nothing is written yet: then it is given up, and false the answer.
 */
extern bool cd_tag_index_end_alone(CdTagIndex *index, const CdTagLayer *before);

#endif							/* CD_TAG_INDEX_H */
