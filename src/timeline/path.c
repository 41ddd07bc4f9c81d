/*
 * path.c
 *		Sessions, and what comes before and after an event.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "timeline/path.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
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

/* Where rows go: to the caller of a set-returning function, or into an array. */
typedef struct Rows
{
	ReturnSetInfo *set;			/* NULL: into the array */
	TupleDesc	desc;
	Oid			type;			/* of the array's elements */
	ArrayBuildState *array;
} Rows;

static void
put_row(Rows *rows, Datum *values, bool *nulls)
{
	if (rows->set != NULL)
		tuplestore_putvalues(rows->set->setResult, rows->set->setDesc, values, nulls);
	else
		rows->array = accumArrayResult(rows->array, HeapTupleGetDatum(heap_form_tuple(rows->desc, values, nulls)),
									   false, rows->type, CurrentMemoryContext);
}

/* The sessions of a timeline: session, started_at, ended_at, event_count, first_kind, last_kind. */
static void
list_sessions(const CdTimeline *tl, const Interval *gap, Rows *rows)
{
	CdWalk		walk;
	CdPathEvent  *events;
	int			n,
				i,
				start = 0,
				session = 0;

	events = list_events(&walk, tl, DT_NOBEGIN, DT_NOEND, NULL, &n);
	for (i = 1; i <= n; i++)
	{
		Datum		values[6];
		bool		nulls[6] = {false, false, false, false, false, false};

		CHECK_FOR_INTERRUPTS();
		if (i < n && !beyond(events[i - 1].at, events[i].at, gap))
			continue;
		values[0] = Int32GetDatum(++session);
		values[1] = TimestampTzGetDatum(events[start].at);
		values[2] = TimestampTzGetDatum(events[i - 1].at);
		values[3] = Int32GetDatum(i - start);
		values[4] = kind_name(&walk, events[start].kind);
		values[5] = kind_name(&walk, events[i - 1].kind);
		put_row(rows, values, nulls);
		start = i;
	}
}

/* sessions(timeline, gap) */
PG_FUNCTION_INFO_V1(cd_sessions);
Datum
cd_sessions(PG_FUNCTION_ARGS)
{
	Rows		rows = {.set = (ReturnSetInfo *) fcinfo->resultinfo};
	CdTimeline	tl;

	InitMaterializedSRF(fcinfo, 0);
	check_gap(PG_GETARG_INTERVAL_P(1));
	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	list_sessions(&tl, PG_GETARG_INTERVAL_P(1), &rows);
	return (Datum) 0;
}

/* Each event of one pattern with its neighbour of another: at, kind, and the neighbour's. */
static void
list_neighbours(const CdTimeline *tl, const CdPattern *of, const CdPattern *among, int direction, Rows *rows)
{
	CdWalk		walk,
				walk2;
	CdPathEvent  *events,
			   *others;
	int		   *near;
	int			n,
				i,
				last = -1;

	events = list_events(&walk, tl, DT_NOBEGIN, DT_NOEND, of, &n);
	others = list_events(&walk2, tl, DT_NOBEGIN, DT_NOEND, among, &n);
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

		CHECK_FOR_INTERRUPTS();
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
		put_row(rows, values, nulls);
	}
}

/* Rows of next_event and previous_event. */
static Datum
neighbours(FunctionCallInfo fcinfo, int direction)
{
	Rows		rows = {.set = (ReturnSetInfo *) fcinfo->resultinfo};
	CdTimeline	tl;

	InitMaterializedSRF(fcinfo, 0);
	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	list_neighbours(&tl, cd_pattern_cached(fcinfo, 0, 2, PG_GETARG_DATUM(1)), cd_pattern_cached(fcinfo, 1, 2, PG_GETARG_DATUM(2)),
					direction, &rows);
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

/*
 * State of sessions_agg, next_event_agg, previous_event_agg and
 * event_paths_agg: what they were asked, and the rows so far as timeline_agg
 * gathers them.
 */
typedef struct PathState
{
	Interval	gap;
	struct varlena *of;			/* patterns */
	struct varlena *among;
	int			nsteps;
	bool		backward;
	Datum		rows;			/* state of timeline_agg, NULL before the first row that counts */
	bool		empty;
} PathState;

/*
 * Gather a row whose time and kind are the last two of so many arguments;
 * asked reads the others into a new state, and refuses other ones later.
 */
static Datum
gather_row(FunctionCallInfo fcinfo, int nargs, void (*asked) (FunctionCallInfo fcinfo, PathState *state, bool first))
{
	LOCAL_FCINFO(inner, 3);
	PathState  *state = PG_ARGISNULL(0) ? NULL : (PathState *) PG_GETARG_POINTER(0);
	MemoryContext context;

	context = cd_aggregate_context(fcinfo);
	for (int i = 1; i < nargs - 2; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument %d of the aggregate must not be NULL", i),
					 errhint("Only the moment and the kind of a row may be NULL: such a row is left out.")));
	}
	if (state == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		state = palloc0(sizeof(PathState));
		state->empty = true;
		asked(fcinfo, state, true);
		MemoryContextSwitchTo(old);
	}
	else
		asked(fcinfo, state, false);
	InitFunctionCallInfoData(*inner, fcinfo->flinfo, 3, fcinfo->fncollation, fcinfo->context, NULL);
	inner->args[0].value = state->rows;
	inner->args[0].isnull = state->empty;
	inner->args[1] = fcinfo->args[nargs - 2];
	inner->args[2] = fcinfo->args[nargs - 1];
	state->rows = cd_timeline_agg_trans(inner);
	state->empty = inner->isnull;
	PG_RETURN_POINTER(state);
}

static void
must_not_change(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must not change within a group", what)));
}

/* A gap that is asked for: kept, or the same as the one kept. */
static void
asked_gap(const Interval *gap, PathState *state, bool first)
{
	if (first)
	{
		check_gap(gap);
		state->gap = *gap;
	}
	else if (gap->time != state->gap.time || gap->day != state->gap.day || gap->month != state->gap.month)
		must_not_change("the gap between sessions");
}

/* A pattern that is asked for: kept, or the same as the one kept. */
static void
asked_pattern(FunctionCallInfo fcinfo, int i, struct varlena **kept, bool first)
{
	struct varlena *pattern = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(i));

	if (first)
	{
		*kept = palloc(VARSIZE_ANY(pattern));
		memcpy(*kept, pattern, VARSIZE_ANY(pattern));
	}
	else if (VARSIZE_ANY_EXHDR(pattern) != VARSIZE_ANY_EXHDR(*kept) ||
			 memcmp(VARDATA_ANY(pattern), VARDATA_ANY(*kept), VARSIZE_ANY_EXHDR(pattern)) != 0)
		must_not_change("a pattern");
}

static void
asked_session(FunctionCallInfo fcinfo, PathState *state, bool first)
{
	asked_gap(PG_GETARG_INTERVAL_P(1), state, first);
}

static void
asked_neighbour(FunctionCallInfo fcinfo, PathState *state, bool first)
{
	asked_pattern(fcinfo, 1, &state->of, first);
	asked_pattern(fcinfo, 2, &state->among, first);
}

static void
asked_path(FunctionCallInfo fcinfo, PathState *state, bool first)
{
	int			nsteps = PG_GETARG_INT32(2);
	bool		backward = PG_GETARG_BOOL(4);

	asked_pattern(fcinfo, 1, &state->of, first);
	asked_gap(PG_GETARG_INTERVAL_P(3), state, first);
	if (first)
	{
		cd_path_check(nsteps, &state->gap);
		state->nsteps = nsteps;
		state->backward = backward;
	}
	else if (nsteps != state->nsteps || backward != state->backward)
		must_not_change("steps and direction of paths");
}

/* sessions_trans(internal, gap, at, kind) */
PG_FUNCTION_INFO_V1(cd_sessions_trans);
Datum
cd_sessions_trans(PG_FUNCTION_ARGS)
{
	return gather_row(fcinfo, 4, asked_session);
}

/* neighbour_trans(internal, pattern, among, at, kind) */
PG_FUNCTION_INFO_V1(cd_neighbour_trans);
Datum
cd_neighbour_trans(PG_FUNCTION_ARGS)
{
	return gather_row(fcinfo, 5, asked_neighbour);
}

/* event_paths_trans(internal, pattern, steps, gap, backward, at, kind) */
PG_FUNCTION_INFO_V1(cd_event_paths_trans);
Datum
cd_event_paths_trans(PG_FUNCTION_ARGS)
{
	return gather_row(fcinfo, 7, asked_path);
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

		CHECK_FOR_INTERRUPTS();
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
	Datum		path[CD_MAX_PATH];
	Datum		values[2];
	bool		nulls[2] = {false, false};
	int			i;

	for (i = 0; i < length; i++)
		path[i] = kind_name(walk, kinds[i]);
	values[0] = TimestampTzGetDatum(start->at);
	values[1] = PointerGetDatum(construct_array(path, length, TEXTOID, -1, false, TYPALIGN_INT));
	put_row(arg, values, nulls);
}

/* event_paths(timeline, start, steps, gap, backward) */
PG_FUNCTION_INFO_V1(cd_event_paths);
Datum
cd_event_paths(PG_FUNCTION_ARGS)
{
	const CdPattern *start = cd_pattern_cached(fcinfo, 0, 1, PG_GETARG_DATUM(1));
	Rows		rows = {.set = (ReturnSetInfo *) fcinfo->resultinfo};
	CdTimeline	tl;

	InitMaterializedSRF(fcinfo, 0);
	cd_path_check(PG_GETARG_INT32(2), PG_GETARG_INTERVAL_P(3));
	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	cd_paths(&tl, DT_NOBEGIN, DT_NOEND, start, PG_GETARG_INT32(2), PG_GETARG_INTERVAL_P(3),
			 PG_GETARG_BOOL(4) ? -1 : 1, put_path, &rows);
	return (Datum) 0;
}

/* The rows that list makes of a state, as an array of the composite type that the aggregate answers. */
static Datum
path_final(FunctionCallInfo fcinfo, void (*list) (const CdTimeline *tl, const PathState *state, Rows *rows))
{
	LOCAL_FCINFO(inner, 1);
	PathState  *state;
	Rows		rows = {0};
	CdTimeline	tl;
	Datum		answer;

	(void) cd_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (PathState *) PG_GETARG_POINTER(0);
	InitFunctionCallInfoData(*inner, fcinfo->flinfo, 1, fcinfo->fncollation, fcinfo->context, NULL);
	inner->args[0].value = state->rows;
	inner->args[0].isnull = state->empty;
	cd_timeline_open(&tl, (struct varlena *) DatumGetPointer(cd_timeline_agg_final(inner)));
	rows.type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	rows.desc = lookup_rowtype_tupdesc(rows.type, -1);
	rows.array = initArrayResult(rows.type, CurrentMemoryContext, false);
	list(&tl, state, &rows);
	answer = makeArrayResult(rows.array, CurrentMemoryContext);
	ReleaseTupleDesc(rows.desc);
	return answer;
}

/* Rows of sessions_agg. */
static void
sessions_of(const CdTimeline *tl, const PathState *state, Rows *rows)
{
	list_sessions(tl, &state->gap, rows);
}

/* Rows of next_event_agg. */
static void
next_of(const CdTimeline *tl, const PathState *state, Rows *rows)
{
	list_neighbours(tl, cd_pattern_read(state->of), cd_pattern_read(state->among), 1, rows);
}

/* Rows of previous_event_agg. */
static void
previous_of(const CdTimeline *tl, const PathState *state, Rows *rows)
{
	list_neighbours(tl, cd_pattern_read(state->of), cd_pattern_read(state->among), -1, rows);
}

/* Rows of event_paths_agg. */
static void
paths_of(const CdTimeline *tl, const PathState *state, Rows *rows)
{
	cd_paths(tl, DT_NOBEGIN, DT_NOEND, cd_pattern_read(state->of), state->nsteps, &state->gap,
			 state->backward ? -1 : 1, put_path, rows);
}

/* sessions_final, next_event_final, previous_event_final, event_paths_final: (internal) */
PG_FUNCTION_INFO_V1(cd_sessions_final);
Datum
cd_sessions_final(PG_FUNCTION_ARGS)
{
	return path_final(fcinfo, sessions_of);
}

PG_FUNCTION_INFO_V1(cd_next_event_final);
Datum
cd_next_event_final(PG_FUNCTION_ARGS)
{
	return path_final(fcinfo, next_of);
}

PG_FUNCTION_INFO_V1(cd_previous_event_final);
Datum
cd_previous_event_final(PG_FUNCTION_ARGS)
{
	return path_final(fcinfo, previous_of);
}

PG_FUNCTION_INFO_V1(cd_event_paths_final);
Datum
cd_event_paths_final(PG_FUNCTION_ARGS)
{
	return path_final(fcinfo, paths_of);
}
