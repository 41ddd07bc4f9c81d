/*
 * path_report.c
 *		Which event leads to which, after or before one that is asked about.
 */
#include "postgres.h"

#include "customer_data.h"

#include "analysis/report.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "timeline/chunk.h"
#include "timeline/path.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* What counting a path needs to know. */
typedef struct PathCount
{
	CdGroups   *groups;
	CdBreakdown *breakdown;
	CdPeriods  *periods;
	int64		customer_id;
	int			nsets;
	int			nsteps;
	const CdTimeline *tl;
	CdLabels   *labels;			/* by kind */
	bool	   *known;			/* whose labels are looked up */
	int		   *number;			/* of each kind in the pool, -1: not looked up */
} PathCount;

/* The number of a kind's name. */
static int
kind_number(PathCount *count, const CdKind *kind)
{
	if (count->number[kind->number] < 0)
		count->number[kind->number] = cd_pool_intern(count->breakdown->pool, kind->name, kind->namelen);
	return count->number[kind->number];
}

/* Count the edges of one path. */
static void
count_path(void *arg, const CdWalk *walk, const CdPathEvent *start, const int *kinds, int length)
{
	PathCount  *count = arg;
	CdBreakdown *breakdown = count->breakdown;
	CdGroupKey	key = {0};
	int			i,
				s;

	key.period = cd_period_of(count->periods, start->at);
	key.label = -1;
	if (breakdown->property != NULL)
	{
		CdLabels   *labels = &count->labels[start->kind];

		if (!count->known[start->kind])
			cd_labels_begin(labels, count->tl, &walk->kinds[start->kind], breakdown->property, breakdown->len);
		count->known[start->kind] = true;
		key.label = cd_label_number(breakdown, labels, start->index);
	}
	for (i = 0; i < length && i < count->nsteps - 1; i++)
	{
		key.step = i + 1;
		key.from = kind_number(count, &walk->kinds[kinds[i]]);
		key.to = i + 1 < length ? kind_number(count, &walk->kinds[kinds[i + 1]]) : -1;
		for (s = 0; s < count->nsets; s++)
		{
			key.set = breakdown->in[s];
			cd_group_count(cd_group_of(count->groups, &key), count->customer_id);
		}
	}
}

/*
 * path_report_rows(pattern, steps, backward, since, until, gap, grain,
 * time_zone, among, property, by_set): the edges of path_report(), in no order.
 */
PG_FUNCTION_INFO_V1(cd_path_report_rows);
Datum
cd_path_report_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const CdPattern *pattern;
	int			nsteps = PG_GETARG_INT32(1);
	int			direction = PG_GETARG_BOOL(2) ? -1 : 1;
	TimestampTz since = PG_GETARG_TIMESTAMPTZ(3);
	TimestampTz until = PG_GETARG_TIMESTAMPTZ(4);
	Interval   *gap = PG_GETARG_INTERVAL_P(5);
	MemoryContext customer = AllocSetContextCreate(CurrentMemoryContext, "report of one customer", ALLOCSET_DEFAULT_SIZES);
	CdGroups   *groups = cd_groups_create();
	CdGroup    *group;
	CdHistories *histories;
	CdBreakdown breakdown;
	CdPeriods	periods;
	PathCount	count;
	struct varlena *events;

	cd_report_check(fcinfo, 1 << 6 | 1 << 8 | 1 << 9 | 1 << 10);
	InitMaterializedSRF(fcinfo, 0);
	pattern = cd_pattern_read((struct varlena *) PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0)));
	cd_path_check(nsteps, gap);
	cd_periods_init(&periods, fcinfo, 6, 7);
	cd_breakdown_init(&breakdown, fcinfo, 9, 10);
	memset(&count, 0, sizeof(count));
	count.groups = groups;
	count.breakdown = &breakdown;
	count.periods = &periods;
	count.nsteps = nsteps;
	histories = cd_histories_begin(PG_ARGISNULL(8) ? NULL : PG_GETARG_CDSET(8), since, until);
	while (cd_histories_next(histories, &count.customer_id, &events))
	{
		MemoryContext old = MemoryContextSwitchTo(customer);
		CdTimeline	tl;

		cd_timeline_open(&tl, events);
		if ((count.nsets = cd_breakdown_sets(&breakdown, count.customer_id)) > 0)
		{
			count.tl = &tl;
			count.number = palloc(Max(tl.nkinds, 1) * sizeof(int));
			memset(count.number, 0xff, tl.nkinds * sizeof(int));
			count.labels = palloc(Max(tl.nkinds, 1) * sizeof(CdLabels));
			count.known = palloc0(Max(tl.nkinds, 1) * sizeof(bool));
			cd_paths(&tl, since, until, pattern, nsteps, gap, direction, count_path, &count);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(customer);
	}
	cd_histories_end(histories);
	cd_groups_start(groups);
	while ((group = cd_groups_next(groups)) != NULL)
	{
		Datum		values[8];
		bool		nulls[8] = {false, false, false, false, false, false, false, false};

		cd_group_columns(&breakdown, &periods, group, values, nulls);
		values[3] = Int32GetDatum(group->key.step);
		values[4] = cd_pool_text(breakdown.pool, group->key.from);
		nulls[5] = group->key.to < 0;
		if (!nulls[5])
			values[5] = cd_pool_text(breakdown.pool, group->key.to);
		values[6] = Int64GetDatum(group->events);
		values[7] = Int64GetDatum(group->customers);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
