/*
 * funnel_report.c
 *		Customers that reached each step of a funnel, and the time between steps.
 */
#include "postgres.h"

#include <math.h>

#include "customer_data.h"

#include "analysis/report.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "timeline/chunk.h"
#include "timeline/steps.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

extern PGDLLEXPORT Datum cd_funnel_times(PG_FUNCTION_ARGS);

#define ST_SORT sort_spent
#define ST_ELEMENT_TYPE int64
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* One step of one group. */
typedef struct StepCount
{
	int64		customers;
	int64	   *spent;			/* since the step before, microseconds */
	int64		size;
} StepCount;

/* Count the chain of one customer in one group. */
static void
count_chain(CdGroup *group, const TimestampTz *times, int n, int nsteps, MemoryContext context)
{
	StepCount  *steps = group->more;
	int			i;

	if (steps == NULL)
		group->more = steps = MemoryContextAllocZero(context, nsteps * sizeof(StepCount));
	for (i = 0; i < n; i++)
	{
		StepCount  *step = &steps[i];

		if (i > 0)
		{
			if (step->customers == step->size)
			{
				step->size = Max(16, step->size * 2);
				step->spent = step->spent == NULL ? MemoryContextAlloc(context, step->size * sizeof(int64)) :
					repalloc_huge(step->spent, step->size * sizeof(int64));
			}
			step->spent[step->customers] = times[i] - times[i - 1];
		}
		step->customers++;
	}
}

/* The time below which a share of sorted ones lie, between two of them if need be. */
static Datum
percentile(const int64 *spent, int64 n, double share)
{
	double		place = share * (n - 1);
	int64		low = (int64) floor(place);
	int64		usecs = spent[low];
	Interval   *interval = palloc0(sizeof(Interval));

	if (low + 1 < n)
		usecs += (int64) rint((place - low) * (spent[low + 1] - spent[low]));
	interval->time = usecs;
	return DirectFunctionCall1(interval_justify_hours, IntervalPGetDatum(interval));
}

/*
 * funnel_report_rows(steps, within, mode, since, until, grain, time_zone,
 * among, property, by_set): the groups of funnel_report(), a row per step.
 */
PG_FUNCTION_INFO_V1(cd_funnel_report_rows);
Datum
cd_funnel_report_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz since = PG_GETARG_TIMESTAMPTZ(3);
	TimestampTz until = PG_GETARG_TIMESTAMPTZ(4);
	MemoryContext context = CurrentMemoryContext;
	MemoryContext customer = AllocSetContextCreate(context, "report of one customer", ALLOCSET_DEFAULT_SIZES);
	CdGroups   *groups = cd_groups_create();
	CdGroup    *group;
	CdHistories *histories;
	CdBreakdown breakdown;
	CdPeriods	periods;
	CdPatterns *patterns;
	void	   *extra = NULL;
	FmgrInfo	funnel;
	struct varlena *events;
	int64		customer_id;
	LOCAL_FCINFO(call, 4);

	cd_report_check(fcinfo, 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9);
	InitMaterializedSRF(fcinfo, 0);
	cd_periods_init(&periods, fcinfo, 5, 6);
	cd_breakdown_init(&breakdown, fcinfo, 8, 9);
	memset(&funnel, 0, sizeof(funnel));
	funnel.fn_addr = cd_funnel_times;
	funnel.fn_nargs = 4;
	funnel.fn_strict = true;
	funnel.fn_mcxt = context;
	patterns = cd_patterns_read(fcinfo, PG_GETARG_DATUM(0), &extra);
	InitFunctionCallInfoData(*call, &funnel, 4, InvalidOid, NULL, NULL);
	call->args[1].value = PointerGetDatum(PG_DETOAST_DATUM(PG_GETARG_DATUM(0)));
	call->args[2].value = PG_GETARG_DATUM(1);
	call->args[3].value = PG_GETARG_DATUM(2);
	call->args[0].isnull = call->args[1].isnull = call->args[2].isnull = call->args[3].isnull = false;

	histories = cd_histories_begin(PG_ARGISNULL(7) ? NULL : PG_GETARG_CDSET(7), since, until);
	while (cd_histories_next(histories, &customer_id, &events))
	{
		MemoryContext old = MemoryContextSwitchTo(customer);
		CdTimeline	tl;
		CdGroupKey	key = {0};
		ArrayType  *reached;
		TimestampTz *times;
		int			n,
					nsets,
					s;

		cd_timeline_open(&tl, events);
		if (cd_timeline_first_at(&tl) < since || cd_timeline_last_at(&tl) >= until)
			events = cd_timeline_slice(events, since, until);
		call->args[0].value = PointerGetDatum(events);
		reached = DatumGetArrayTypeP(cd_funnel_times(call));
		n = ARR_NDIM(reached) == 0 ? 0 : ARR_DIMS(reached)[0];
		if (n > 0 && (nsets = cd_breakdown_sets(&breakdown, customer_id)) > 0)
		{
			times = (TimestampTz *) ((char *) reached + ARR_OVERHEAD_NONULLS(1));
			key.period = cd_period_of(&periods, times[0]);
			cd_timeline_open(&tl, events);
			key.label = cd_label_at(&breakdown, &tl, patterns->patterns[0], times[0]);
			for (s = 0; s < nsets; s++)
			{
				key.set = breakdown.in[s];
				count_chain(cd_group_of(groups, &key), times, n, patterns->n, context);
			}
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(customer);
	}
	cd_histories_end(histories);
	cd_groups_fill(groups, &breakdown, &periods);
	cd_groups_start(groups);
	while ((group = cd_groups_next(groups)) != NULL)
	{
		StepCount  *steps = group->more;
		Datum		values[7];
		bool		nulls[7] = {false, false, false, false, false, false, false};
		int			i;

		cd_group_columns(&breakdown, &periods, group, values, nulls);
		for (i = 0; i < patterns->n; i++)
		{
			int64		n = steps == NULL ? 0 : steps[i].customers;

			CHECK_FOR_INTERRUPTS();
			values[3] = Int32GetDatum(i + 1);
			values[4] = Int64GetDatum(n);
			nulls[5] = nulls[6] = i == 0 || n == 0;
			if (!nulls[5])
			{
				sort_spent(steps[i].spent, n);
				values[5] = percentile(steps[i].spent, n, 0.5);
				values[6] = percentile(steps[i].spent, n, 0.9);
			}
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	}
	return (Datum) 0;
}
