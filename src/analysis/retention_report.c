/*
 * retention_report.c
 *		Of those who began in a period, how many came back after it.
 */
#include "postgres.h"

#include "customer_data.h"

#include "analysis/report.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "timeline/chunk.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* When the stretches of a cohort begin, and the last one ends. */
typedef struct Cohort
{
	Timestamp	period;
	char		status;
	TimestampTz *bounds;
} Cohort;

#define SH_PREFIX cohort
#define SH_ELEMENT_TYPE Cohort
#define SH_KEY_TYPE Timestamp
#define SH_KEY period
#define SH_HASH_KEY(tb, key) murmurhash32((uint32) (key) ^ (uint32) ((uint64) (key) >> 32))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* The bounds of a cohort's stretches: its period plus so many, in local time. */
static TimestampTz *
cohort_bounds(cohort_hash *cohorts, const CdPeriods *periods, Timestamp period, const Interval *step,
			  const int32 *brackets, int n, MemoryContext context)
{
	bool		found;
	Cohort	   *cohort = cohort_insert(cohorts, period, &found);
	int			i;

	if (found)
		return cohort->bounds;
	cohort->bounds = MemoryContextAlloc(context, n * sizeof(TimestampTz));
	for (i = 0; i < n; i++)
	{
		Interval	span = *step;
		int64		months = (int64) step->month * brackets[i];
		int64		days = (int64) step->day * brackets[i];
		Datum		local;

		if (months != (int32) months || days != (int32) days)
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("%d periods are more than there is time", brackets[i])));
		span.month = (int32) months;
		span.day = (int32) days;
		span.time = step->time * brackets[i];
		local = DirectFunctionCall2(timestamp_pl_interval, TimestampGetDatum(period), IntervalPGetDatum(&span));
		cohort->bounds[i] = DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, PointerGetDatum(periods->zone), local));
	}
	return cohort->bounds;
}

/* The first event that a pattern means in a range. */
static bool
first_event(const CdPattern *pattern, const CdTimeline *tl, TimestampTz since, TimestampTz until, TimestampTz *at)
{
	CdMatcher	few[CD_FEW];
	CdMatcher  *matchers;
	int			n = cd_pattern_bind(pattern, tl, since, until, few, &matchers);
	int			m;

	*at = DT_NOEND;
	for (m = 0; m < n; m++)
	{
		int			i = cd_matcher_first(&matchers[m], matchers[m].from, matchers[m].to);

		if (i >= 0)
			*at = Min(*at, cd_kind_at(&matchers[m].kind, i));
	}
	return *at != DT_NOEND;
}

/* Mark the stretches in which the customer came back. */
static void
mark_returns(const CdPattern *pattern, const CdTimeline *tl, TimestampTz since, TimestampTz until,
			 const TimestampTz *bounds, int n, bool unbounded, bool *came)
{
	CdMatcher	few[CD_FEW];
	CdMatcher  *matchers;
	int			nmatchers = cd_pattern_bind(pattern, tl, since, until, few, &matchers);
	int			m,
				i;

	for (m = 0; m < nmatchers; m++)
	{
		CdMatcher  *matcher = &matchers[m];
		CdTimes		times;
		int			stretch = 0;

		if (unbounded)
		{
			/* Whoever came later came in each earlier stretch, too. */
			int			last = cd_matcher_last(matcher, matcher->from, matcher->to);

			if (last < 0)
				continue;
			for (i = 0; i < n && cd_kind_at(&matcher->kind, last) >= bounds[i]; i++)
				came[i] = true;
			continue;
		}
		cd_times_begin(&times, &matcher->kind, matcher->from);
		for (i = matcher->from; i < matcher->to && stretch < n; i++)
		{
			TimestampTz at = cd_times_next(&times);

			while (stretch < n && at >= bounds[stretch + 1])
				stretch++;
			if (stretch < n && !came[stretch] && at >= bounds[stretch] && cd_matcher_test(matcher, i))
				came[stretch] = true;
		}
	}
}

/*
 * retention_report_rows(cohort, returned, since, until, now, grain, time_zone,
 * among, property, by_set, step, brackets, unbounded): the groups of
 * retention_report(), a row per stretch that has begun: cohort, breakdown, set,
 * size, stretch, retained, whether it is over.  now is the end of all events.
 */
PG_FUNCTION_INFO_V1(cd_retention_report_rows);
Datum
cd_retention_report_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const CdPattern *entered,
			   *returned;
	TimestampTz since = PG_GETARG_TIMESTAMPTZ(2);
	TimestampTz until = PG_GETARG_TIMESTAMPTZ(3);
	TimestampTz now = PG_GETARG_TIMESTAMPTZ(4);
	Interval   *step = PG_GETARG_INTERVAL_P(10);
	Datum	   *elements;
	int32	   *brackets;
	int			n;
	bool		unbounded = PG_GETARG_BOOL(12);
	MemoryContext context = CurrentMemoryContext;
	MemoryContext customer = AllocSetContextCreate(context, "report of one customer", ALLOCSET_DEFAULT_SIZES);
	cohort_hash *cohorts = cohort_create(context, 64, NULL);
	CdGroups   *groups = cd_groups_create();
	CdGroup    *group;
	CdHistories *histories;
	CdBreakdown breakdown;
	CdPeriods	periods;
	bool	   *came;
	struct varlena *events;
	int64		customer_id;
	int			i;

	cd_report_check(fcinfo, 1 << 7 | 1 << 8 | 1 << 9);
	InitMaterializedSRF(fcinfo, 0);
	entered = cd_pattern_read((struct varlena *) PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0)));
	returned = cd_pattern_read((struct varlena *) PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(1)));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(11), INT4OID, 4, true, TYPALIGN_INT, &elements, NULL, &n);
	if (n < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("brackets must be at least two numbers of periods")));
	brackets = palloc(n * sizeof(int32));
	for (i = 0; i < n; i++)
		brackets[i] = DatumGetInt32(elements[i]);
	n--;
	came = palloc(n * sizeof(bool));
	cd_periods_init(&periods, fcinfo, 5, 6);
	cd_breakdown_init(&breakdown, fcinfo, 8, 9);
	histories = cd_histories_begin(PG_ARGISNULL(7) ? NULL : PG_GETARG_CDSET(7), since, now);
	while (cd_histories_next(histories, &customer_id, &events))
	{
		MemoryContext old = MemoryContextSwitchTo(customer);
		CdTimeline	tl;
		CdGroupKey	key = {0};
		TimestampTz *bounds;
		TimestampTz at;
		int			nsets,
					s;

		cd_timeline_open(&tl, events);
		if (first_event(entered, &tl, since, Min(until, now), &at) && (nsets = cd_breakdown_sets(&breakdown, customer_id)) > 0)
		{
			key.period = cd_period_of(&periods, at);
			key.label = cd_label_at(&breakdown, &tl, entered, at);
			bounds = cohort_bounds(cohorts, &periods, key.period, step, brackets, n + 1, context);
			memset(came, false, n);
			mark_returns(returned, &tl, at, now, bounds, n, unbounded, came);
			for (s = 0; s < nsets; s++)
			{
				int64	   *retained;

				key.set = breakdown.in[s];
				group = cd_group_of(groups, &key);
				group->customers++;
				if (group->more == NULL)
					group->more = MemoryContextAllocZero(context, n * sizeof(int64));
				retained = group->more;
				for (i = 0; i < n; i++)
					retained[i] += came[i];
			}
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(customer);
	}
	cd_histories_end(histories);
	cd_groups_start(groups);
	while ((group = cd_groups_next(groups)) != NULL)
	{
		TimestampTz *bounds = cohort_bounds(cohorts, &periods, group->key.period, step, brackets, n + 1, context);
		Datum		values[7];
		bool		nulls[7] = {false, false, false, false, false, false, false};

		cd_group_columns(&breakdown, &periods, group, values, nulls);
		values[3] = Int64GetDatum(group->customers);
		for (i = 0; i < n && bounds[i] < now; i++)
		{
			values[4] = Int32GetDatum(i + 1);
			values[5] = Int64GetDatum(((int64 *) group->more)[i]);
			values[6] = BoolGetDatum(bounds[i + 1] < now);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	}
	return (Datum) 0;
}
