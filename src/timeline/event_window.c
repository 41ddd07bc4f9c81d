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

#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "timeline/event_window.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
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

/* plus_span(timestamptz, interval): their sum */
PG_FUNCTION_INFO_V1(cd_plus_span_sql);
Datum
cd_plus_span_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(cd_plus_span(PG_GETARG_TIMESTAMPTZ(0), PG_GETARG_INTERVAL_P(1)));
}

/* The function plus_span of the schema some other one is in; InvalidOid if there is none. */
static Oid
plus_span_beside(Oid function)
{
	Oid			types[] = {TIMESTAMPTZOID, INTERVALOID};
	oidvector  *args = buildoidvector(types, 2);

	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("plus_span"),
						   PointerGetDatum(args), ObjectIdGetDatum(get_func_namespace(function)));
}

/* Whether an expression is column + constant interval: a sum that each row needs anew. */
static bool
is_column_plus_span(Node *node)
{
	OpExpr	   *sum = (OpExpr *) node;
	Const	   *span;
	Node	   *moment;

	if (!IsA(node, OpExpr) || sum->opresulttype != TIMESTAMPTZOID || list_length(sum->args) != 2)
		return false;
	set_opfuncid(sum);
	span = lsecond(sum->args);
	moment = strip_implicit_coercions(linitial(sum->args));
	return sum->opfuncid == F_TIMESTAMPTZ_PL_INTERVAL && IsA(moment, Var) && IsA(span, Const) && !span->constisnull;
}

/*
 * Planner support of the functions with since and until: a sum of a column and
 * an interval is computed by plus_span(), which asks no calendar where days
 * have 24 hours; the operator does, and takes longer than the count.
 */
PG_FUNCTION_INFO_V1(cd_between_support);
Datum
cd_between_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	FuncExpr   *call,
			   *copy = NULL;
	ListCell   *cell;
	Oid			plus;

	if (!IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(NULL);
	call = ((SupportRequestSimplify *) request)->fcall;
	foreach(cell, call->args)
	{
		OpExpr	   *sum = lfirst(cell);

		if (!is_column_plus_span((Node *) sum))
			continue;
		plus = plus_span_beside(call->funcid);
		if (!OidIsValid(plus))
			break;
		if (copy == NULL)
		{
			copy = makeNode(FuncExpr);
			*copy = *call;
			copy->args = list_copy(call->args);
		}
		lfirst(list_nth_cell(copy->args, foreach_current_index(cell))) =
			makeFuncExpr(plus, TIMESTAMPTZOID, sum->args, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
	}
	PG_RETURN_POINTER(copy);
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
