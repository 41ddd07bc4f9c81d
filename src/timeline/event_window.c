/*
 * event_window.c
 *		Windows of time over the events of a timeline.
 *
 * last => span means as_of - span < at <= as_of.  As time goes on events
 * leave at the old end; with spans of months or days the start can step back
 * for a while (see src/window.c), and events come back in.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "timeline/event_window.h"
#include "utils/timestamp.h"
#include "window.h"

/* How long after leaving an event may come back in. */
#define COME_BACK		(14 * USECS_PER_DAY)

bool		cd_timelines_ahead = false;

/* The moment after another. */
static inline TimestampTz
just_after(TimestampTz at)
{
	return at >= DT_NOEND - 1 ? DT_NOEND : at + 1;
}

/* The whole of a timeline. */
void
cd_window_all(CdWindow *window)
{
	cd_window_between(window, DT_NOBEGIN, DT_NOEND);
}

/* since <= at < until */
void
cd_window_between(CdWindow *window, TimestampTz since, TimestampTz until)
{
	memset(window, 0, sizeof(CdWindow));
	window->since = since;
	window->until = window->later = until;
	if (cd_timelines_ahead)
	{
		window->ahead = true;
		window->as_of = cd_as_of();
		window->until = Min(until, just_after(window->as_of));
	}
}

/* as_of - span < at <= as_of */
void
cd_window_last(CdWindow *window, const Interval *span, TimestampTz as_of)
{
	cd_check_window(span);
	memset(window, 0, sizeof(CdWindow));
	window->sliding = true;
	window->as_of = as_of;
	window->span = *span;
	window->start = cd_window_cut(as_of, span);
	window->back = window->start;
	if (span->month != 0 || span->day != 0)
		window->back -= COME_BACK;
	window->since = window->start + 1;
	window->until = just_after(as_of);
	window->later = DT_NOEND;
}

/* When a past event that is inside is outside, or the other way round. */
TimestampTz
cd_window_turns(const CdWindow *window, TimestampTz at)
{
	TimestampTz until;

	(void) cd_window_after(at, &window->span, window->as_of, &until);
	return until;
}

/* Bind a pattern to the kinds that can match within a window. */
int
cd_window_bind(const CdWindow *window, const CdPattern *pattern, const CdTimeline *tl,
			   CdMatcher *few, CdMatcher **matchers, TimestampTz *enters)
{
	TimestampTz outside = DT_NOBEGIN;
	int			n,
				i,
				kept = 0;

	*enters = DT_NOEND;
	if (!cd_validity_wanted || (!window->sliding && !window->ahead))
		return cd_pattern_bind(pattern, tl, window->since, window->until, few, matchers);

	n = cd_pattern_bind(pattern, tl, window->sliding ? window->back + 1 : window->since,
						window->later, few, matchers);
	for (i = 0; i < n; i++)
	{
		CdMatcher  *m = &(*matchers)[i];
		int			low = m->from;
		int			high = m->to;
		int			k;

		m->to = Max(low, cd_kind_lower_bound(&m->kind, window->until));
		if (window->back != window->start)
		{
			m->from = cd_kind_lower_bound(&m->kind, window->since);
			if ((k = cd_matcher_last(m, low, m->from)) >= 0)
				outside = Max(outside, cd_kind_at(&m->kind, k));
		}
		if (m->to < high && (k = cd_matcher_first(m, m->to, high)) >= 0)
			*enters = Min(*enters, cd_kind_at(&m->kind, k));
		if (m->from < m->to)
			(*matchers)[kept++] = *m;
	}

	/* What left last is what comes back first. */
	if (outside != DT_NOBEGIN)
		*enters = Min(*enters, cd_window_turns(window, outside));
	return kept;
}

/* validity_reset() */
PG_FUNCTION_INFO_V1(cd_validity_reset_sql);
Datum
cd_validity_reset_sql(PG_FUNCTION_ARGS)
{
	cd_validity_reset();
	PG_RETURN_VOID();
}

/* validity() */
PG_FUNCTION_INFO_V1(cd_validity_sql);
Datum
cd_validity_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(cd_validity());
}
