/*
 * window.c
 *		Windows of time, and until when an answer over one holds.
 *
 * last => span means as_of - span < at <= as_of.  As time goes on, events
 * leave at the old end.  With spans of days and months the start does not
 * always move forward: March 28th to 31st minus a month are all February 28th
 * at the same hours, and the start jumps back at midnight; where clocks are
 * put back, too.  So an event that left can come back for a while.  What is
 * computed here may be early but never late.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "datatype/timestamp.h"
#include "pgtime.h"
#include "timeline/window.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

/* How far back the start can step: a day by months, and a change of clocks. */
#define STEP_BACK	(2 * USECS_PER_DAY)

/* The whole of a timeline. */
void
cd_window_all(CdWindow *window)
{
	memset(window, 0, sizeof(CdWindow));
	window->since = DT_NOBEGIN;
	window->until = DT_NOEND;
}

/* since <= at < until */
void
cd_window_between(CdWindow *window, TimestampTz since, TimestampTz until)
{
	memset(window, 0, sizeof(CdWindow));
	window->since = since;
	window->until = until;
}

/* Moment plus or minus a span, kept within the range of moments. */
static TimestampTz
shift(TimestampTz at, const Interval *span, bool back)
{
	if (TIMESTAMP_NOT_FINITE(at))
		return at;
	if (span->month == 0 && span->day == 0)
	{
		if (back)
			return at - span->time < MIN_TIMESTAMP || span->time > at - MIN_TIMESTAMP ? DT_NOBEGIN : at - span->time;
		return span->time >= END_TIMESTAMP - at ? DT_NOEND : at + span->time;
	}

	/* Beyond this the calendar ends; the comparison is of rough sizes only. */
	if ((double) span->month * 30.5 + span->day + (double) span->time / USECS_PER_DAY > 2000000.0)
		return back ? DT_NOBEGIN : DT_NOEND;
	if (back && at < MIN_TIMESTAMP + INT64CONST(2100000) * USECS_PER_DAY &&
		(double) (at - MIN_TIMESTAMP) / USECS_PER_DAY <
		(double) span->month * 31.0 + span->day + (double) span->time / USECS_PER_DAY + 2)
		return DT_NOBEGIN;
	if (!back && (double) (END_TIMESTAMP - at) / USECS_PER_DAY <
		(double) span->month * 31.0 + span->day + (double) span->time / USECS_PER_DAY + 2)
		return DT_NOEND;
	return DatumGetTimestampTz(DirectFunctionCall2(back ? timestamptz_mi_interval : timestamptz_pl_interval,
												   TimestampTzGetDatum(at), IntervalPGetDatum(span)));
}

/* as_of - span < at <= as_of */
void
cd_window_last(CdWindow *window, const Interval *span, TimestampTz as_of)
{
	memset(window, 0, sizeof(CdWindow));
	window->sliding = true;
	window->as_of = as_of;
	window->span = *span;
	if (span->month < 0 || span->day < 0 || span->time < 0)
	{
#if PG_VERSION_NUM >= 170000
		if (INTERVAL_IS_NOBEGIN(span) || !INTERVAL_NOT_FINITE(span))
#endif
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a window cannot have a negative length"),
					 errhint("Write for instance last => '60 days'.")));
	}

	/* Where clocks never change a day is 24 hours, and plain arithmetic will do. */
	if (span->month == 0 && span->day != 0 && span->day < 1000000)
	{
		long int	offset;

		if (pg_get_timezone_offset(session_timezone, &offset))
		{
			window->span.time += window->span.day * USECS_PER_DAY;
			window->span.day = 0;
			span = &window->span;
		}
	}
	window->start = shift(as_of, span, true);
	window->slack = window->start;
	if ((span->month != 0 || span->day != 0) && !TIMESTAMP_NOT_FINITE(window->start))
		window->slack = Max(window->start - STEP_BACK, DT_NOBEGIN);
	window->since = window->start >= DT_NOEND - 1 ? DT_NOEND :
		window->start == DT_NOBEGIN ? DT_NOBEGIN : window->start + 1;
	window->until = as_of >= DT_NOEND - 1 ? DT_NOEND : as_of + 1;
}

/* The first change of the session's clocks after a moment, DT_NOEND when none. */
static TimestampTz
next_clock_change(TimestampTz at)
{
	pg_time_t	t = timestamptz_to_time_t(at);
	pg_time_t	boundary;
	long int	before_offset,
				after_offset;
	int			before_isdst,
				after_isdst;

	if (pg_next_dst_boundary(&t, &before_offset, &before_isdst, &boundary,
							 &after_offset, &after_isdst, session_timezone) != 1)
		return DT_NOEND;
	return time_t_to_timestamptz(boundary);
}

/* Whether clocks change within a day of a moment. */
static bool
near_clock_change(TimestampTz at)
{
	return next_clock_change(at - USECS_PER_DAY) <= at + USECS_PER_DAY;
}

/* First moment, or an earlier one, at which an event inside is outside. */
TimestampTz
cd_window_leaves(const CdWindow *window, TimestampTz at)
{
	TimestampTz leaves;
	const Interval *span = &window->span;

	if (!window->sliding || window->start == DT_NOBEGIN)
		return DT_NOEND;
	leaves = shift(at, span, false);
	if (leaves == DT_NOEND)
		return DT_NOEND;

	/* Moments that hours alone separate come out exactly. */
	if (span->month != 0 || span->day != 0)
	{
		if (span->month != 0 && span->day != 0)
			leaves -= 4 * USECS_PER_DAY;
		if (near_clock_change(leaves) || near_clock_change(at))
			leaves -= USECS_PER_DAY + USECS_PER_HOUR;
		if (span->month != 0 && span->time != 0)
			leaves -= 4 * USECS_PER_DAY;
	}
	return Max(leaves, window->as_of + 1);
}

/* First moment, or an earlier one, at which the window's start can step back. */
TimestampTz
cd_window_steps_back(const CdWindow *window)
{
	TimestampTz moment = DT_NOEND;
	TimestampTz change;

	if (!window->sliding || window->slack == window->start)
		return DT_NOEND;
	change = next_clock_change(window->as_of);
	moment = Min(moment, change);
	change = next_clock_change(window->start - STEP_BACK);
	if (change < window->start + 400 * USECS_PER_DAY)
		moment = Min(moment, Max(window->as_of + 1, window->as_of + (change - window->start) - STEP_BACK - 4 * USECS_PER_DAY));
	if (window->span.month != 0)
	{
		/* The next midnight, counted generously: any hour can be midnight somewhere. */
		struct pg_tm tm;
		fsec_t		fsec;
		int			tz;
		TimestampTz midnight = window->as_of + 1;

		if (timestamp2tm(window->as_of, &tz, &tm, &fsec, NULL, NULL) == 0)
			midnight = window->as_of + USECS_PER_DAY -
				(((INT64CONST(60) * tm.tm_hour + tm.tm_min) * 60 + tm.tm_sec) * USECS_PER_SEC + fsec);
		if (near_clock_change(window->as_of) || window->span.time != 0 || window->span.day != 0)
			midnight = window->as_of + 1;
		moment = Min(moment, midnight);
	}
	return moment;
}

/*
 * Bind a pattern to the kinds that can match in a window.  *enters receives
 * the first moment at which an event can come in: one yet to happen, or one
 * that left and can come back.
 */
int
cd_window_bind(const CdWindow *window, const CdPattern *pattern, const CdTimeline *tl,
			   CdMatcher *few, CdMatcher **matchers, TimestampTz *enters)
{
	int			n,
				i,
				kept = 0;
	bool		back = false;

	*enters = DT_NOEND;
	if (!window->sliding)
		return cd_pattern_bind(pattern, tl, window->since, window->until, few, matchers);

	n = cd_pattern_bind(pattern, tl, window->slack == DT_NOBEGIN ? DT_NOBEGIN : window->slack + 1, DT_NOEND,
						few, matchers);
	for (i = 0; i < n; i++)
	{
		CdMatcher  *m = &(*matchers)[i];
		int			low = m->from;
		int			high = m->to;

		m->to = cd_kind_lower_bound(&m->kind, window->until);
		if (window->slack != window->start)
		{
			m->from = cd_kind_lower_bound(&m->kind, window->since);
			back = back || cd_matcher_first(m, low, m->from) >= 0;
		}
		if (m->to < high)
		{
			int			next = cd_matcher_first(m, m->to, high);

			if (next >= 0)
				*enters = Min(*enters, cd_kind_at(&m->kind, next));
		}
		if (m->from < m->to)
			(*matchers)[kept++] = *m;
	}
	if (back)
		*enters = Min(*enters, cd_window_steps_back(window));
	return kept;
}
