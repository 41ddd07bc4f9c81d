/*
 * behaviour.h
 *		What a timeline says about habits.
 */
#ifndef CD_BEHAVIOUR_H
#define CD_BEHAVIOUR_H

#include "customer_data.h"

#include "access/attnum.h"
#include "nodes/nodes.h"
#include "portrait/bank.h"
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
	const char *label;			/* of the value, once cd_tallies_label() made it */
	int			label_length;
} CdTally;

typedef struct CdTallies
{
	CdTally    *tallies;		/* by value; cd_tallies_rank() puts them in order */
	int			count;
	double		total;			/* weight of all */
	TimestampTz anchor;			/* the last match, whether it has the property or not */
} CdTallies;

/* Count the text values of a property among the matching events. */
extern void cd_tally(const CdTimeline *tl, const CdPattern *pattern, const char *property, int length,
					 int64 half_life, CdTallies *result);

/* Put them in order: heavier first, then later, then by value. */
extern void cd_tallies_rank(CdTallies *tallies);

/* Labels that are made of texts are cut to this length. */
#define CD_MAX_LABEL	128

/*
 * Make labels of the values, at most so many, the first in order; answers how
 * many.  They stay in order of value where the rest says no different.
 */
extern int	cd_tallies_label(CdTallies *tallies, int most);

/* What affinity() is asked for. */
typedef struct CdAffinity
{
	const CdPattern *pattern;
	const char *property;
	int			length;
	int64		half_life;		/* seconds, 0: none */
	double		prior;
	int			top;
} CdAffinity;

/* Tags with labels for paths. */
typedef struct CdTagList
{
	int			count;
	struct CdTag *tags;
} CdTagList;

/* What affinity() says of a timeline, palloc'd; labels that are equal come several times, the last counts. */
extern CdTagList *cd_affinity_list(const CdAffinity *affinity, struct varlena *events);

/*
 * The same of what was counted of its pattern and property, in one piece; for
 * affinities without half-life.  NULL where more is to be known of values than
 * how often they occur.
 */
extern CdTagList *cd_affinity_counted(const CdAffinity *affinity, const CdBankTally *tally);

/* What an expression asks for that is but a call of affinity() with constants about an attribute, or NULL. */
extern CdAffinity *cd_affinity_asked(Node *tree, AttrNumber events);

/* A text as the label of a tag, of at most room bytes; 0 where nothing is left of it. */
extern int	cd_make_label(const char *text, int length, char *label, int room);

#endif							/* CD_BEHAVIOUR_H */
