/*
 * path.c
 *		Sessions, and what comes before and after an event.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "timeline/path.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "window.h"

#define CD_MAX_PATH	100

/* The events of a range in order, and whether they match a pattern (NULL: all do). */
static CdPathEvent *
list_events(CdWalk *walk, const CdTimeline *tl, TimestampTz since, TimestampTz until, const CdPattern *pattern, int *n)
{
	CdPathEvent  *events = palloc_extended(Max(tl->nevents, 1) * sizeof(CdPathEvent), MCXT_ALLOC_HUGE);
	CdMatcher  *matchers = palloc(Max(tl->nkinds, 1) * sizeof(CdMatcher));
	bool	   *possible = palloc(Max(tl->nkinds, 1) * sizeof(bool));
	CdEvent		event;
	int			k;

	cd_walk_begin(walk, tl, since);
	for (k = 0; k < tl->nkinds; k++)
		possible[k] = pattern != NULL && cd_pattern_bind_kind(pattern, &walk->kinds[k], &matchers[k]);
	*n = 0;
	while (*n < tl->nevents && cd_walk_next(walk, &event) && event.at < until)
	{
		CdPathEvent  *out = &events[(*n)++];

		CHECK_FOR_INTERRUPTS();
		out->at = event.at;
		out->kind = event.kind;
		out->index = event.index;
		out->match = pattern == NULL || (possible[event.kind] && cd_matcher_test(&matchers[event.kind], event.index));
	}
	return events;
}

/* The name of a kind as text. */
static Datum
kind_name(const CdWalk *walk, int kind)
{
	return PointerGetDatum(cstring_to_text_with_len(walk->kinds[kind].name, walk->kinds[kind].namelen));
}

/* Whether more than a gap lies between two moments. */
static bool
beyond(TimestampTz from, TimestampTz to, const Interval *gap)
{
	if (gap->month == 0 && gap->day == 0)
		return to > from && cd_time_between(from, to) > gap->time;
	return to > cd_plus_span(from, gap);
}

/* Refuse gaps that end nothing. */
static void
check_gap(const Interval *gap)
{
	if (gap->month < 0 || gap->day < 0 || gap->time < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a gap between sessions cannot be negative")));
}

/* sessions(timeline, gap): session, started_at, ended_at, event_count, first_kind, last_kind */
PG_FUNCTION_INFO_V1(cd_sessions);
Datum
cd_sessions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Interval   *gap = PG_GETARG_INTERVAL_P(1);
	CdTimeline	tl;
	CdWalk		walk;
	CdPathEvent  *events;
	int			n,
				i,
				start = 0,
				session = 0;

	InitMaterializedSRF(fcinfo, 0);
	check_gap(gap);
	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	events = list_events(&walk, &tl, DT_NOBEGIN, DT_NOEND, NULL, &n);
	for (i = 1; i <= n; i++)
	{
		Datum		values[6];
		bool		nulls[6] = {false, false, false, false, false, false};

		if (i < n && !beyond(events[i - 1].at, events[i].at, gap))
			continue;
		values[0] = Int32GetDatum(++session);
		values[1] = TimestampTzGetDatum(events[start].at);
		values[2] = TimestampTzGetDatum(events[i - 1].at);
		values[3] = Int32GetDatum(i - start);
		values[4] = kind_name(&walk, events[start].kind);
		values[5] = kind_name(&walk, events[i - 1].kind);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		start = i;
	}
	return (Datum) 0;
}

/* Rows of next_event and previous_event: at, kind, and the neighbour's. */
static Datum
neighbours(FunctionCallInfo fcinfo, int direction)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const CdPattern *of,
			   *among;
	CdTimeline	tl;
	CdWalk		walk,
				walk2;
	CdPathEvent  *events,
			   *others;
	int		   *near;
	int			n,
				i,
				last = -1;

	InitMaterializedSRF(fcinfo, 0);
	of = cd_pattern_cached(fcinfo, 0, 2, PG_GETARG_DATUM(1));
	among = cd_pattern_cached(fcinfo, 1, 2, PG_GETARG_DATUM(2));
	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	events = list_events(&walk, &tl, DT_NOBEGIN, DT_NOEND, of, &n);
	others = list_events(&walk2, &tl, DT_NOBEGIN, DT_NOEND, among, &n);
	near = palloc(Max(n, 1) * sizeof(int));
	for (i = direction > 0 ? n - 1 : 0; i >= 0 && i < n; i -= direction)
	{
		near[i] = last;
		if (others[i].match)
			last = i;
	}
	for (i = 0; i < n; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false, false, true, true};

		if (!events[i].match)
			continue;
		values[0] = TimestampTzGetDatum(events[i].at);
		values[1] = kind_name(&walk, events[i].kind);
		if (near[i] >= 0)
		{
			values[2] = TimestampTzGetDatum(events[near[i]].at);
			values[3] = kind_name(&walk, events[near[i]].kind);
			nulls[2] = nulls[3] = false;
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* next_event(timeline, of, among) */
PG_FUNCTION_INFO_V1(cd_next_event);
Datum
cd_next_event(PG_FUNCTION_ARGS)
{
	return neighbours(fcinfo, 1);
}

/* previous_event(timeline, of, among) */
PG_FUNCTION_INFO_V1(cd_previous_event);
Datum
cd_previous_event(PG_FUNCTION_ARGS)
{
	return neighbours(fcinfo, -1);
}

/* Refuse a number of steps or a gap that makes no sense. */
void
cd_path_check(int nsteps, const Interval *gap)
{
	check_gap(gap);
	if (nsteps < 1 || nsteps > CD_MAX_PATH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a path has between 1 and %d steps, not %d", CD_MAX_PATH, nsteps)));
}

/*
 * From each event that matches, the kinds that follow (direction 1) or precede
 * it (-1) within the same session, consecutive equal ones taken as one, up to a
 * number of steps.
 */
void
cd_paths(const CdTimeline *tl, TimestampTz since, TimestampTz until, const CdPattern *start,
		 int nsteps, const Interval *gap, int direction, CdPathVisit visit, void *arg)
{
	int			path[CD_MAX_PATH];
	CdWalk		walk;
	CdPathEvent *events;
	int			n,
				i;

	events = list_events(&walk, tl, since, until, start, &n);
	for (i = 0; i < n; i++)
	{
		int			length = 1;
		int			at,
					k;

		if (!events[i].match)
			continue;

		/* A run of matching events of one kind is one start. */
		k = i - direction;
		if (k >= 0 && k < n && events[k].match && events[k].kind == events[i].kind &&
			!(direction > 0 ? beyond(events[k].at, events[i].at, gap) : beyond(events[i].at, events[k].at, gap)))
			continue;
		path[0] = events[i].kind;
		for (at = i; length < nsteps; at = k)
		{
			k = at + direction;
			if (k < 0 || k >= n ||
				(direction > 0 ? beyond(events[at].at, events[k].at, gap) : beyond(events[k].at, events[at].at, gap)))
				break;
			if (events[k].kind != events[at].kind)
				path[length++] = events[k].kind;
		}
		visit(arg, &walk, &events[i], path, length);
	}
}

/* One path as a row. */
static void
put_path(void *arg, const CdWalk *walk, const CdPathEvent *start, const int *kinds, int length)
{
	ReturnSetInfo *rsinfo = arg;
	Datum		path[CD_MAX_PATH];
	Datum		values[2];
	bool		nulls[2] = {false, false};
	int			i;

	for (i = 0; i < length; i++)
		path[i] = kind_name(walk, kinds[i]);
	values[0] = TimestampTzGetDatum(start->at);
	values[1] = PointerGetDatum(construct_array(path, length, TEXTOID, -1, false, TYPALIGN_INT));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* event_paths(timeline, start, steps, gap, backward) */
PG_FUNCTION_INFO_V1(cd_event_paths);
Datum
cd_event_paths(PG_FUNCTION_ARGS)
{
	const CdPattern *start = cd_pattern_cached(fcinfo, 0, 1, PG_GETARG_DATUM(1));
	CdTimeline	tl;

	InitMaterializedSRF(fcinfo, 0);
	cd_path_check(PG_GETARG_INT32(2), PG_GETARG_INTERVAL_P(3));
	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	cd_paths(&tl, DT_NOBEGIN, DT_NOEND, start, PG_GETARG_INT32(2), PG_GETARG_INTERVAL_P(3),
			 PG_GETARG_BOOL(4) ? -1 : 1, put_path, fcinfo->resultinfo);
	return (Datum) 0;
}
