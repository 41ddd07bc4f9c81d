/*
 * report.h
 *		What the reports have in common: calendar periods, breakdowns, and the
 *		groups that are counted.
 */
#ifndef CD_REPORT_H
#define CD_REPORT_H

#include "sets/customer_set.h"
#include "timeline/event_count.h"
#include "timeline/event_pattern.h"

/* Refuse NULL for any argument but those whose bits are given. */
extern void cd_report_check(FunctionCallInfo fcinfo, uint32 nullable);

/* Calendar periods of a grain in a time zone. */
typedef struct CdPeriods
{
	text	   *grain;			/* NULL: all time is one period */
	text	   *zone;
	int64		slot_usecs;
	struct CdPeriodSlot *slots; /* moments whose period is known */
	uint32		nslots;
	uint32		size;
} CdPeriods;

extern void cd_periods_init(CdPeriods *periods, FunctionCallInfo fcinfo, int grain, int zone);

/* The local time at which the period of a moment begins; 0 where all is one. */
extern Timestamp cd_period_of(CdPeriods *periods, TimestampTz at);

/* What customers are told apart by: a property of an event, or sets. */
typedef struct CdBreakdown
{
	char	   *property;		/* NULL: none; "kind": the kind */
	int			len;
	int			nsets;			/* -1: not by sets */
	CdSet	  **sets;
	int		   *in;				/* the sets of one customer */
	CdPool	   *pool;			/* labels, numbered */
} CdBreakdown;

extern void cd_breakdown_init(CdBreakdown *breakdown, FunctionCallInfo fcinfo, int property, int by_set);

/* Fill breakdown->in with the sets a customer is in; without sets that is -1 alone. */
extern int	cd_breakdown_sets(CdBreakdown *breakdown, int64 customer_id);

/* The values of one property of the events of one kind, as text. */
typedef struct CdLabels
{
	bool		by_kind;
	const CdKind *kind;
	int			ncols;
	CdColumn	cols[4];
	const char **strings;
	int		   *lengths;
	int			nstrings;
	int		   *number;			/* of each string in the breakdown's pool, -1: not looked up */
} CdLabels;

extern void cd_labels_begin(CdLabels *labels, const CdTimeline *tl, const CdKind *kind, const char *by, int bylen);
extern const char *cd_label_of(const CdLabels *labels, int i, int *len);

/* The number of an event's label, -1 when it has none. */
extern int	cd_label_number(CdBreakdown *breakdown, CdLabels *labels, int i);

/* The label of the first event at a moment that a pattern means. */
extern int	cd_label_at(CdBreakdown *breakdown, const CdTimeline *tl, const CdPattern *pattern, TimestampTz at);

/* What is counted apart. */
typedef struct CdGroupKey
{
	Timestamp	period;
	int32		label;
	int32		set;
	int32		step;
	int32		from;
	int32		to;
	int32		zero;
} CdGroupKey;

typedef struct CdGroup
{
	CdGroupKey	key;
	char		status;
	bool		has_total;
	int64		events;
	int64		customers;
	int64		last;			/* the customer counted last */
	CdTotal		total;
	void	   *more;			/* what a report keeps beside */
} CdGroup;

typedef struct CdGroups CdGroups;

extern CdGroups *cd_groups_create(void);
extern CdGroup *cd_group_of(CdGroups *groups, const CdGroupKey *key);

/* Count one event of a customer, customers in any order but each at a stretch. */
static inline void
cd_group_count(CdGroup *group, int64 customer_id)
{
	group->events++;
	if (group->last != customer_id)
	{
		group->last = customer_id;
		group->customers++;
	}
}

/*
 * Make the groups there are whoever is counted: all, or each set, where
 * neither periods nor values tell groups apart.
 */
extern void cd_groups_fill(CdGroups *groups, const CdBreakdown *breakdown, const CdPeriods *periods);

/* Walk the groups in no order; NULL at the end. */
extern void cd_groups_start(CdGroups *groups);
extern CdGroup *cd_groups_next(CdGroups *groups);

/* period, breakdown, set number as the first three columns of a row. */
extern void cd_group_columns(const CdBreakdown *breakdown, const CdPeriods *periods, const CdGroup *group,
							 Datum *values, bool *nulls);
extern Datum cd_pool_text(const CdPool *pool, int number);

#endif							/* CD_REPORT_H */
