/*
 * distribution_report.c
 *		What each customer did, as numbers: events, periods with an event, a sum.
 */
#include "postgres.h"

#include "customer_data.h"

#include "analysis/report.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "timeline/chunk.h"
#include "timeline/event_count.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

static int
compare_periods(const void *a, const void *b)
{
	Timestamp	x = *(const Timestamp *) a;
	Timestamp	y = *(const Timestamp *) b;

	return x < y ? -1 : x > y;
}

/* How many of the periods are different. */
static int64
distinct_periods(Timestamp *period, int n)
{
	int64		different = n > 0;
	int			i;

	qsort(period, n, sizeof(Timestamp), compare_periods);
	for (i = 1; i < n; i++)
		different += period[i] != period[i - 1];
	return different;
}

/*
 * customer_measures(pattern, since, until, grain, time_zone, among, of): of
 * each customer with events that match how many, in how many periods, and the
 * sum of a number of theirs.
 */
PG_FUNCTION_INFO_V1(cd_customer_measures);
Datum
cd_customer_measures(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const CdPattern *pattern;
	TimestampTz since = PG_GETARG_TIMESTAMPTZ(1);
	TimestampTz until = PG_GETARG_TIMESTAMPTZ(2);
	MemoryContext customer = AllocSetContextCreate(CurrentMemoryContext, "report of one customer", ALLOCSET_DEFAULT_SIZES);
	char	   *name;
	CdHistories *histories;
	CdPeriods	periods;
	CdOf		of;
	struct varlena *events;
	int64		customer_id;

	cd_report_check(fcinfo, 1 << 3 | 1 << 5);
	InitMaterializedSRF(fcinfo, 0);
	pattern = cd_pattern_read((struct varlena *) PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0)));
	name = text_to_cstring(PG_GETARG_TEXT_PP(6));
	cd_of_read(&of, name, strlen(name));
	cd_periods_init(&periods, fcinfo, 3, 4);
	histories = cd_histories_begin(PG_ARGISNULL(5) ? NULL : PG_GETARG_CDSET(5), since, until);
	while (cd_histories_next(histories, &customer_id, &events))
	{
		MemoryContext old = MemoryContextSwitchTo(customer);
		CdTimeline	tl;
		CdMatcher	few[CD_FEW];
		CdMatcher  *matchers;
		Timestamp  *period = NULL;
		Datum		values[4];
		bool		nulls[4] = {false, false, false, true};
		CdTotal		total = {0};
		int			property = -1;
		int			nmatchers,
					n = 0,
					m,
					i;

		cd_timeline_open(&tl, events);
		nmatchers = cd_pattern_bind(pattern, &tl, since, until, few, &matchers);
		if (of.which == CD_COL_PROPERTY)
			property = cd_timeline_find_property(&tl, of.name, of.len);
		if (nmatchers > 0)
			period = palloc_extended(tl.nevents * sizeof(Timestamp), MCXT_ALLOC_HUGE);
		for (m = 0; m < nmatchers; m++)
		{
			CdMatcher  *matcher = &matchers[m];
			CdColumn	number;
			CdTimes		times;
			bool		has_number = (of.which != CD_COL_PROPERTY || property >= 0) &&
				cd_kind_find_column(&matcher->kind, of.which + Max(property, 0), CD_TYPE_NUMBER, &number);

			cd_times_begin(&times, &matcher->kind, matcher->from);
			for (i = matcher->from; i < matcher->to; i++)
			{
				TimestampTz at = cd_times_next(&times);

				if (!cd_matcher_test(matcher, i))
					continue;
				period[n++] = cd_period_of(&periods, at);
				if (has_number && cd_total_add(&total, &number, i))
					nulls[3] = false;
			}
		}
		if (n > 0)
		{
			values[0] = Int64GetDatum(customer_id);
			values[1] = Int64GetDatum(n);
			values[2] = Int64GetDatum(distinct_periods(period, n));
			values[3] = nulls[3] ? (Datum) 0 : Float8GetDatum(cd_total_result(&total));
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(customer);
	}
	cd_histories_end(histories);
	return (Datum) 0;
}
