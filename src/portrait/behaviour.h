/*
 * behaviour.h
 *		What a timeline says about habits.
 */
#ifndef CD_BEHAVIOUR_H
#define CD_BEHAVIOUR_H

#include "customer_data.h"

#include "timeline/event_pattern.h"

/* Set while values are computed that will be kept with their half-life. */
extern bool cd_decay_is_kept;

extern int64 cd_half_life_seconds(const Interval *span);

/* How often, and how lately, a property had a value. */
typedef struct CdTally
{
	const char *value;
	int			length;
	double		weight;			/* each match 1, or less the longer before the last */
	int			count;
	TimestampTz last;
} CdTally;

typedef struct CdTallies
{
	CdTally    *tallies;		/* heavier first, then later, then by value */
	int			count;
	double		total;			/* weight of all */
	TimestampTz anchor;			/* the last match, whether it has the property or not */
} CdTallies;

/* Count the text values of a property among the matching events. */
extern void cd_tally(const CdTimeline *tl, const CdPattern *pattern, const char *property, int length,
					 int64 half_life, CdTallies *result);

/* Labels that are made of texts are cut to this length. */
#define CD_MAX_LABEL	128

/* A text as the label of a tag, of at most room bytes; 0 where nothing is left of it. */
extern int	cd_make_label(const char *text, int length, char *label, int room);

#endif							/* CD_BEHAVIOUR_H */
