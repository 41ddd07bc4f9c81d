/*
 * condition.h
 *		A condition: a boolean SQL expression over one row of the view profile.
 */
#ifndef CD_CONDITION_H
#define CD_CONDITION_H

#include "customer_data.h"

#include "access/tupdesc.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "nodes/primnodes.h"
#include "utils/rel.h"

/* One call of top_percent() in a condition; among is NULL for everybody. */
typedef struct CdThreshold
{
	char	   *metric;
	double		percent;
	char	   *among;
	bool		plain;			/* compared with the metric's own column only */
	double		value;			/* filled in before compilation */
	bool		isnull;
} CdThreshold;

/* What a condition's text says, and what it depends on. */
typedef struct CdCondition
{
	char	   *text;
	Expr	   *expr;			/* analysed, boolean */
	Bitmapset  *named;			/* attribute numbers of profile it mentions */
	Bitmapset  *columns;		/* and those it reads, moving metrics resolved */
	List	   *segments;		/* names in in_segment() */
	List	   *journeys;		/* names in in_stage(), and beside them */
	List	   *stages;			/* the stages asked for */
	List	   *thresholds;		/* of CdThreshold */
	bool		by_sql;			/* has sub-selects: asked of the database, not evaluated here */
	char	   *untracked;		/* what moves with time in a way unknown; NULL: nothing */
} CdCondition;

/* What becomes of metrics in a condition. */
typedef enum CdMetrics
{
	CD_METRICS_KEPT,			/* read the columns as they are */
	CD_METRICS_STORED,			/* compute those that move with time, read the others */
	CD_METRICS_COMPUTED			/* compute all whose expression may be run as well */
} CdMetrics;

/* Open the view profile, or say what must be done first. */
extern Relation cd_open_profile(void);

/*
 * Parse a condition and refuse what cannot be one, with positions that refer
 * to the text.  Call it as the role that owns the condition.
 */
extern CdCondition *cd_parse_condition(const char *text, Relation profile, CdMetrics metrics);

/*
 * The form to be executed over a slot: columns of profile, then one boolean
 * per name in "segments" (those of all conditions, by position).  Comparisons
 * with as_of() become forms that know their expiry; thresholds become their
 * values.  Sets condition->untracked where time use remains unknown.
 */
extern Expr *cd_plan_condition(CdCondition *condition, Relation profile, List *segments);

/* Refuse a condition whose columns the role may not read. */
extern void cd_check_columns(CdCondition *condition, Relation profile, Oid role);

/* Oid of schema customer_data. */
extern Oid	cd_schema(void);

#endif							/* CD_CONDITION_H */
