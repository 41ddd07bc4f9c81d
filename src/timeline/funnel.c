/*
 * funnel.c
 *		How far someone came through a list of steps, and which they did at all.
 *
 * The rules are those of ClickHouse's windowFunnel: step 1 starts and restarts
 * a chain; step k is reached when step k - 1 is and the moment is at most the
 * chain's start plus the window; at the same instant lower steps come first,
 * and one event may serve several steps.  Modes, combined with commas:
 *	strict_order		an event of no step, or of a step whose predecessor was
 *						not reached, ends the search once a chain has begun
 *	strict_deduplication	a repeat of a step beyond the first that is reached
 *						ends the search
 *	strict_increase		moments must increase strictly along the chain
 *	strict_once			one event serves one step of a chain
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "timeline/steps.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#define MODE_ORDER			0x01
#define MODE_DEDUPLICATION	0x02
#define MODE_INCREASE		0x04
#define MODE_ONCE			0x08

/* The search through one list of steps. */
typedef struct Funnel
{
	int			n;				/* steps */
	int			mode;
	Interval	within;
	bool		plain;			/* the window is a fixed time */
	bool		want_path;
	int			level;			/* highest step reached */
	bool		reached[CD_MAX_STEPS];
	TimestampTz limit[CD_MAX_STEPS];	/* last moment of the chain at each step */
	TimestampTz last[CD_MAX_STEPS];
	TimestampTz paths[CD_MAX_STEPS][CD_MAX_STEPS];
	TimestampTz best[CD_MAX_STEPS];
} Funnel;

/* Read the modes of a funnel. */
static int
read_mode(text *mode)
{
	char	   *str;
	char	   *save = NULL;
	char	   *word;
	int			flags = 0;

	if (VARSIZE_ANY_EXHDR(mode) == 0)
		return 0;
	str = text_to_cstring(mode);
	for (word = strtok_r(str, ", ", &save); word != NULL; word = strtok_r(NULL, ", ", &save))
	{
		if (strcmp(word, "strict_order") == 0)
			flags |= MODE_ORDER;
		else if (strcmp(word, "strict_deduplication") == 0)
			flags |= MODE_DEDUPLICATION;
		else if (strcmp(word, "strict_increase") == 0)
			flags |= MODE_INCREASE;
		else if (strcmp(word, "strict_once") == 0)
			flags |= MODE_ONCE;
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown funnel mode \"%s\"", word),
					 errhint("Modes are strict_order, strict_deduplication, strict_increase and strict_once, separated by commas.")));
	}
	pfree(str);
	return flags;
}

/* Prepare a search. */
static void
funnel_begin(Funnel *funnel, int n, const Interval *within, int mode)
{
	long int	offset;

	if (within->month < 0 || within->day < 0 || within->time < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a funnel's window cannot be negative")));
	funnel->n = n;
	funnel->mode = mode;
	funnel->within = *within;
	funnel->plain = within->month == 0 &&
		(within->day == 0 || (within->day < 100000000 && pg_get_timezone_offset(session_timezone, &offset)));
	if (funnel->plain)
		funnel->within.time += within->day * USECS_PER_DAY;
	funnel->want_path = false;
	funnel->level = 0;
	memset(funnel->reached, 0, n * sizeof(bool));
}

/* The last moment of a chain that starts here. */
static TimestampTz
chain_limit(const Funnel *funnel, TimestampTz start)
{
	if (!funnel->plain)
		return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
													   TimestampTzGetDatum(start),
													   IntervalPGetDatum(&funnel->within)));
	if (funnel->within.time > DT_NOEND - 1 - Max(start, 0))
		return DT_NOEND;
	return start + funnel->within.time;
}

/* Remember that a step is reached, by the chain that reached another one. */
static void
reach(Funnel *funnel, int step, int from, TimestampTz limit, TimestampTz at)
{
	funnel->reached[step] = true;
	funnel->limit[step] = limit;
	funnel->last[step] = at;
	if (funnel->want_path)
	{
		if (from >= 0 && from != step)
			memmove(funnel->paths[step], funnel->paths[from], (from + 1) * sizeof(TimestampTz));
		funnel->paths[step][step] = at;
	}
	if (step + 1 > funnel->level)
	{
		funnel->level = step + 1;
		if (funnel->want_path)
			memcpy(funnel->best, funnel->paths[step], (step + 1) * sizeof(TimestampTz));
	}
}

/* Let one event serve one step; false when the search ends. */
static inline bool
take_step(Funnel *funnel, int step, TimestampTz at)
{
	if (step == 0)
	{
		reach(funnel, 0, -1, chain_limit(funnel, at), at);
		return funnel->n > 1 || (funnel->mode & MODE_ORDER) != 0;
	}
	if ((funnel->mode & MODE_DEDUPLICATION) && funnel->reached[step])
		return false;
	if (!funnel->reached[step - 1])
		return !((funnel->mode & MODE_ORDER) && funnel->reached[0]);
	if (at > funnel->limit[step - 1] ||
		((funnel->mode & MODE_INCREASE) && funnel->last[step - 1] >= at))
		return true;
	reach(funnel, step, step - 1, funnel->limit[step - 1], at);
	return step + 1 < funnel->n;
}

/* Find an event of an instant for a step, moving others if need be. */
static bool
assign_event(const CdStep *steps, int count, int step, int *owner, bool *tried)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (!(steps[i].mask & ((uint32) 1 << step)) || tried[i])
			continue;
		tried[i] = true;
		if (owner[i] < 0 || assign_event(steps, count, owner[i], owner, tried))
		{
			owner[i] = step;
			return true;
		}
	}
	return false;
}

/*
 * All events of one instant when each may serve a chain once: every chain so
 * far goes on over as many steps as different events can be found for.
 */
static bool
take_instant_once(Funnel *funnel, const CdStep *steps, int count)
{
	TimestampTz at = steps[0].at;
	int		   *owner = palloc(count * sizeof(int));
	bool	   *tried = palloc(count * sizeof(bool));
	uint32		any = 0;
	int			from,
				step,
				i;
	bool		more = true;

	for (i = 0; i < count; i++)
		any |= steps[i].mask;
	if (funnel->mode & MODE_DEDUPLICATION)
	{
		for (step = 1; step < funnel->n; step++)
			if ((any & ((uint32) 1 << step)) && funnel->reached[step])
				more = false;
	}

	/* Later chains first, so that what they reach is not taken for a start. */
	for (from = funnel->n - 2; from >= -1 && more; from--)
	{
		TimestampTz limit;

		if (from >= 0)
		{
			if (!funnel->reached[from] || at > funnel->limit[from] ||
				((funnel->mode & MODE_INCREASE) && funnel->last[from] >= at))
				continue;
			limit = funnel->limit[from];
		}
		else
		{
			if (!(any & 1))
				continue;
			limit = chain_limit(funnel, at);
		}
		for (i = 0; i < count; i++)
			owner[i] = -1;
		for (step = from + 1; step < funnel->n; step++)
		{
			memset(tried, 0, count * sizeof(bool));
			if (!assign_event(steps, count, step, owner, tried))
				break;
			if (!funnel->reached[step] || funnel->limit[step] <= limit)
				reach(funnel, step, step - 1, limit, at);
			if (funnel->mode & MODE_INCREASE)
				break;
		}
	}
	if ((funnel->mode & MODE_ORDER) && funnel->reached[0])
	{
		for (step = 1; step < funnel->n; step++)
			if ((any & ((uint32) 1 << step)) && !funnel->reached[step - 1])
				more = false;
	}
	pfree(owner);
	pfree(tried);
	return more && funnel->level < funnel->n;
}

/* Search all steps, which are in order of time. */
static int
funnel_search(Funnel *funnel, const CdStep *steps, int64 n)
{
	int64		i;

	for (i = 0; i < n;)
	{
		TimestampTz at = steps[i].at;
		int64		end = i + 1;
		int64		k;

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		while (end < n && steps[end].at == at)
			end++;
		if (funnel->mode & MODE_ORDER)
		{
			for (k = i; k < end; k++)
				if (steps[k].mask == 0 && funnel->reached[0])
					return funnel->level;
		}
		if (funnel->mode & MODE_ONCE)
		{
			if (!take_instant_once(funnel, steps + i, end - i))
				return funnel->level;
		}
		else if (end == i + 1)
		{
			uint32		mask = steps[i].mask;

			for (; mask != 0; mask &= mask - 1)
				if (!take_step(funnel, __builtin_ctz(mask), at))
					return funnel->level;
		}
		else
		{
			int			step;

			for (step = 0; step < funnel->n; step++)
				for (k = i; k < end; k++)
					if ((steps[k].mask & ((uint32) 1 << step)) && !take_step(funnel, step, at))
						return funnel->level;
		}
		i = end;
	}
	return funnel->level;
}

/* Up to so many events of the steps their times are unpacked in front. */
#define FUNNEL_SMALL		256
#define FUNNEL_LARGE		32768

/* Merge the kinds' times as they are read: one pass without room for them. */
static void
funnel_merge(Funnel *funnel, const CdTimeline *tl, const CdFound *found, int n)
{
	CdKind		kinds[CD_MAX_STEPS];
	CdTimes		times[CD_MAX_STEPS];
	TimestampTz next[CD_MAX_STEPS];
	int			k;

	for (k = 0; k < n; k++)
	{
		cd_kind_open(tl, &found[k], &kinds[k]);
		cd_times_begin(&times[k], &kinds[k], 0);
		next[k] = cd_times_next(&times[k]);
	}
	while (funnel->level < n)
	{
		TimestampTz at = next[0];
		int			step = 0;

		/* At the same instant lower steps come first. */
		for (k = 1; k < n; k++)
		{
			if (next[k] < at)
			{
				at = next[k];
				step = k;
			}
		}
		if (at == DT_NOEND)
			break;
		next[step] = times[step].i < kinds[step].n ? cd_times_next(&times[step]) : DT_NOEND;
		if (step == 0)
		{
			funnel->reached[0] = true;
			funnel->limit[0] = chain_limit(funnel, at);
		}
		else if (funnel->reached[step - 1] && at <= funnel->limit[step - 1])
		{
			funnel->reached[step] = true;
			funnel->limit[step] = funnel->limit[step - 1];
			funnel->level = Max(funnel->level, step + 1);
		}
	}
}

/* Behind the events of a step there is room for so many that never come. */
#define FUNNEL_PAD			8

/* Up to so many events all are compared: cheaper than to guess where to stop. */
#define FUNNEL_COMPARE		24

/* Put behind some times others that are later than all. */
static inline void
pad_times(uint64 *at, int n)
{
	int			i;

	for (i = 0; i < FUNNEL_PAD; i++)
		at[n + i] = PG_UINT64_MAX;
}

/* How many of a few padded times are not later than one. */
static inline int
count_upto(const uint64 *at, int n, uint64 x)
{
	int			upto = 0;
	int			i,
				k;

	for (i = 0; i < n; i += FUNNEL_PAD)
	{
#pragma GCC unroll 8
		for (k = 0; k < FUNNEL_PAD; k++)
			upto += at[i + k] <= x;
	}
	return upto;
}

/*
 * Step by step: each event of a step goes on from the latest event of the
 * step before that is not later, and so from the latest start there is; those
 * too long after it are dropped.  Times are in units since the base, in room
 * for the events of all steps, padded, twice.
 */
static void
funnel_by_step(Funnel *funnel, const CdTimeline *tl, const CdFound *found, int n, uint64 *room, int64 size)
{
	uint64		window = funnel->within.time / tl->unit;
	uint64	   *at = room;		/* events reached at the step before */
	uint64	   *start = room;	/* and when the chain of each started */
	uint64	   *starts = room + size;
	int			count = found[0].n;
	CdKind		kind;
	int			k,
				i;

	cd_kind_open(tl, &found[0], &kind);
	cd_kind_offsets(&kind, at);
	pad_times(at, count);
	for (k = 1; k < n; k++)
	{
		uint64	   *next = at + found[k - 1].n + FUNNEL_PAD;
		int			from = 0;
		int			reached = 0;

		cd_kind_open(tl, &found[k], &kind);
		cd_kind_offsets(&kind, next);
		for (i = 0; i < kind.n; i++)
		{
			uint64		x = next[i];
			uint64		started;

			/* Damaged bytes can say any time, that of the padding included. */
			if (count <= FUNNEL_COMPARE)
				from = Min(count_upto(at, count, x), count);
			else
				while (from < count && at[from] <= x)
					from++;
			started = start[Max(from - 1, 0)];
			next[reached] = x;
			starts[reached] = started;
			reached += (from > 0) & (x - started <= window);
			if (k == n - 1 && reached > 0)
				break;
		}
		if (reached == 0)
			break;
		funnel->level = k + 1;
		count = reached;
		pad_times(next, count);
		at = next;
		start = starts;
		starts += kind.n;
	}
}

/*
 * The search without modes over steps that are one kind each, up to the first
 * that never happened.
 */
static void
funnel_plain(Funnel *funnel, const CdTimeline *tl, const CdPatterns *patterns)
{
	CdFound		found[CD_MAX_STEPS];
	uint32		which = cd_timeline_find_kinds(tl, patterns->kinds, patterns->n, found);
	int64		total = 0;
	int64		size;
	int			n;

	for (n = 0; n < patterns->n && (which & ((uint32) 1 << n)) && found[n].n > 0; n++)
		total += found[n].n;
	funnel->level = Min(n, 1);
	if (n <= 1)
		return;
	size = total + n * FUNNEL_PAD;
	if (!funnel->plain || total > FUNNEL_LARGE)
		funnel_merge(funnel, tl, found, n);
	else if (size <= FUNNEL_SMALL)
	{
		uint64		room[FUNNEL_SMALL * 2];

		funnel_by_step(funnel, tl, found, n, room, size);
	}
	else
	{
		uint64	   *room = palloc(size * 2 * sizeof(uint64));

		funnel_by_step(funnel, tl, found, n, room, size);
		pfree(room);
	}
}

/* Read the arguments of the functions over timelines, and search. */
static void
funnel_timeline(FunctionCallInfo fcinfo, Funnel *funnel, bool want_path)
{
	CdParts		parts;
	CdPatterns *patterns = cd_patterns_read(fcinfo, PG_GETARG_DATUM(1), &fcinfo->flinfo->fn_extra);
	CdStep	   *steps;
	int			n;

	funnel_begin(funnel, patterns->n, PG_GETARG_INTERVAL_P(2), read_mode(PG_GETARG_TEXT_PP(3)));
	funnel->want_path = want_path;
	cd_timeline_open_parts(&parts, PG_GETARG_TIMELINE(0));
	if (patterns->plain && parts.n == 1 && funnel->mode == 0 && !want_path)
	{
		funnel_plain(funnel, &parts.tl[0], patterns);
		return;
	}
	steps = cd_steps_gather(&parts.tl[0], patterns, (funnel->mode & MODE_ORDER) != 0, &n);
	(void) funnel_search(funnel, steps, n);
}

/* window_funnel(timeline, event_pattern[], within, mode) */
PG_FUNCTION_INFO_V1(cd_window_funnel);
Datum
cd_window_funnel(PG_FUNCTION_ARGS)
{
	Funnel		funnel;

	funnel_timeline(fcinfo, &funnel, false);
	PG_RETURN_INT32(funnel.level);
}

/* When each step was reached, as timestamptz[]. */
static ArrayType *
reached_times(const Funnel *funnel)
{
	Datum		times[CD_MAX_STEPS];
	int			i;

	for (i = 0; i < funnel->level; i++)
		times[i] = TimestampTzGetDatum(funnel->best[i]);
	return construct_array(times, funnel->level, TIMESTAMPTZOID, sizeof(TimestampTz),
						   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

/* funnel_times(timeline, event_pattern[], within, mode): when each step was reached */
PG_FUNCTION_INFO_V1(cd_funnel_times);
Datum
cd_funnel_times(PG_FUNCTION_ARGS)
{
	Funnel		funnel;

	funnel_timeline(fcinfo, &funnel, true);
	PG_RETURN_ARRAYTYPE_P(reached_times(&funnel));
}

/* retention(timeline, event_pattern[]): which of the others those of the first did */
PG_FUNCTION_INFO_V1(cd_retention);
Datum
cd_retention(PG_FUNCTION_ARGS)
{
	CdParts		parts;
	CdPatterns *patterns = cd_patterns_read(fcinfo, PG_GETARG_DATUM(1), &fcinfo->flinfo->fn_extra);
	Datum		result[CD_MAX_STEPS];
	int			i,
				m;

	cd_timeline_open_parts(&parts, PG_GETARG_TIMELINE(0));
	for (i = 0; i < patterns->n; i++)
	{
		CdMatcher	few[CD_FEW];
		CdMatcher  *matchers;
		int			n;
		bool		found = false;

		if (i == 0 || DatumGetBool(result[0]))
		{
			n = cd_pattern_bind(patterns->patterns[i], &parts.tl[0], DT_NOBEGIN, DT_NOEND, few, &matchers);
			for (m = 0; m < n && !found; m++)
				found = cd_matcher_first(&matchers[m], matchers[m].from, matchers[m].to) >= 0;
		}
		result[i] = BoolGetDatum(found);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(result, patterns->n, BOOLOID, 1, true, TYPALIGN_CHAR));
}

/* ---- the same over the rows of any table ---- */

typedef struct FunnelState
{
	CdStepList	list;
	Interval	within;
	int			mode;
	struct varlena *mode_text;	/* as the first row has it; NULL where states were joined */
} FunnelState;

/* A funnel's state without rows. */
static FunnelState *
new_funnel_state(MemoryContext context)
{
	FunnelState *state = MemoryContextAllocZero(context, sizeof(FunnelState));

	state->list.context = context;
	state->list.sorted = true;
	return state;
}

/* Refuse rows of one group that name different windows. */
static void
check_same_window(const Interval *a, const Interval *b)
{
	if (a->time != b->time || a->day != b->day || a->month != b->month)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the window of a funnel must not change")));
}

static void
mode_must_not_change(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the mode of a funnel must not change")));
}

/* Refuse rows of one group that name different modes; the text is read once a group. */
static void
check_same_mode(FunnelState *state, text *mode)
{
	if (state->mode_text != NULL && VARSIZE_ANY_EXHDR(state->mode_text) == VARSIZE_ANY_EXHDR(mode) &&
		memcmp(VARDATA_ANY(state->mode_text), VARDATA_ANY(mode), VARSIZE_ANY_EXHDR(mode)) == 0)
		return;
	if (read_mode(mode) != state->mode)
		mode_must_not_change();
}

/* window_funnel_agg's transition: within, mode, at, steps */
PG_FUNCTION_INFO_V1(cd_window_funnel_trans);
Datum
cd_window_funnel_trans(PG_FUNCTION_ARGS)
{
	MemoryContext context = cd_aggregate_context(fcinfo);
	FunnelState *state = PG_ARGISNULL(0) ? NULL : (FunnelState *) PG_GETARG_POINTER(0);
	uint32		mask;
	int			n;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("window, mode and conditions of a funnel must not be null")));
	if (state == NULL)
	{
		state = new_funnel_state(context);
		state->within = *PG_GETARG_INTERVAL_P(1);
		state->mode = read_mode(PG_GETARG_TEXT_PP(2));
		state->mode_text = MemoryContextAlloc(context, VARSIZE_ANY(PG_GETARG_TEXT_PP(2)));
		memcpy(state->mode_text, PG_GETARG_TEXT_PP(2), VARSIZE_ANY(PG_GETARG_TEXT_PP(2)));
	}
	else
	{
		check_same_window(&state->within, PG_GETARG_INTERVAL_P(1));
		check_same_mode(state, PG_GETARG_TEXT_PP(2));
	}
	mask = cd_mask_of_booleans(PG_GETARG_DATUM(4), &n);
	if (state->list.nconditions == 0)
		state->list.nconditions = n;
	else if (state->list.nconditions != n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of conditions of a funnel must not change")));
	if (!PG_ARGISNULL(3) && (mask != 0 || (state->mode & MODE_ORDER)))
		cd_step_list_add(&state->list, PG_GETARG_TIMESTAMPTZ(3), mask);
	PG_RETURN_POINTER(state);
}

/* window_funnel_agg's combine function. */
PG_FUNCTION_INFO_V1(cd_window_funnel_combine);
Datum
cd_window_funnel_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = cd_aggregate_context(fcinfo);
	FunnelState *state = PG_ARGISNULL(0) ? NULL : (FunnelState *) PG_GETARG_POINTER(0);
	FunnelState *other = PG_ARGISNULL(1) ? NULL : (FunnelState *) PG_GETARG_POINTER(1);

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
	{
		state = new_funnel_state(context);
		state->within = other->within;
		state->mode = other->mode;
		state->list.nconditions = other->list.nconditions;
	}
	check_same_window(&state->within, &other->within);
	if (state->mode != other->mode)
		mode_must_not_change();
	cd_step_list_join(&state->list, &other->list, "funnel");
	PG_RETURN_POINTER(state);
}

/* window_funnel_agg's serialisation. */
PG_FUNCTION_INFO_V1(cd_window_funnel_serialize);
Datum
cd_window_funnel_serialize(PG_FUNCTION_ARGS)
{
	FunnelState *state;
	StringInfoData buf;

	(void) cd_aggregate_context(fcinfo);
	state = (FunnelState *) PG_GETARG_POINTER(0);
	pq_begintypsend(&buf);
	pq_sendint64(&buf, state->within.time);
	pq_sendint32(&buf, state->within.day);
	pq_sendint32(&buf, state->within.month);
	pq_sendint32(&buf, state->mode);
	cd_step_list_send(&buf, &state->list);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* window_funnel_agg's deserialisation. */
PG_FUNCTION_INFO_V1(cd_window_funnel_deserialize);
Datum
cd_window_funnel_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;
	StringInfoData buf;
	FunnelState *state;

	(void) cd_aggregate_context(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	state = new_funnel_state(CurrentMemoryContext);
	state->within.time = pq_getmsgint64(&buf);
	state->within.day = pq_getmsgint(&buf, 4);
	state->within.month = pq_getmsgint(&buf, 4);
	state->mode = pq_getmsgint(&buf, 4);
	cd_step_list_receive(&buf, &state->list);
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* Search the rows of a group; the highest step reached, 0 where there are no rows. */
static int
funnel_rows(FunctionCallInfo fcinfo, Funnel *funnel, bool want_path)
{
	FunnelState *state;

	(void) cd_aggregate_context(fcinfo);
	funnel->level = 0;
	if (PG_ARGISNULL(0))
		return 0;
	state = (FunnelState *) PG_GETARG_POINTER(0);
	cd_step_list_sort(&state->list);
	funnel_begin(funnel, state->list.nconditions, &state->within, state->mode);
	funnel->want_path = want_path;
	return funnel_search(funnel, state->list.steps, state->list.n);
}

/* window_funnel_agg's result. */
PG_FUNCTION_INFO_V1(cd_window_funnel_final);
Datum
cd_window_funnel_final(PG_FUNCTION_ARGS)
{
	Funnel		funnel;

	PG_RETURN_INT32(funnel_rows(fcinfo, &funnel, false));
}

/* funnel_times_agg's result, of the same state: no times where no step was reached. */
PG_FUNCTION_INFO_V1(cd_funnel_times_final);
Datum
cd_funnel_times_final(PG_FUNCTION_ARGS)
{
	Funnel		funnel;

	(void) funnel_rows(fcinfo, &funnel, true);
	PG_RETURN_ARRAYTYPE_P(reached_times(&funnel));
}

/*
 * retention_agg keeps a bigint: the mask of conditions met so far, and above
 * it how many there are.
 */
PG_FUNCTION_INFO_V1(cd_retention_trans);
Datum
cd_retention_trans(PG_FUNCTION_ARGS)
{
	int64		state = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	int			n;
	uint32		mask;

	if (PG_ARGISNULL(1))
		PG_RETURN_INT64(state);
	mask = cd_mask_of_booleans(PG_GETARG_DATUM(1), &n);
	PG_RETURN_INT64((state & PG_UINT32_MAX) | mask | ((int64) Max(n, (int) (state >> 32)) << 32));
}

/* retention_agg's combine function. */
PG_FUNCTION_INFO_V1(cd_retention_combine);
Datum
cd_retention_combine(PG_FUNCTION_ARGS)
{
	int64		a = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	int64		b = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);

	PG_RETURN_INT64(((a | b) & PG_UINT32_MAX) | (Max(a >> 32, b >> 32) << 32));
}

/* retention_agg's result. */
PG_FUNCTION_INFO_V1(cd_retention_final);
Datum
cd_retention_final(PG_FUNCTION_ARGS)
{
	int64		state = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	int			n = (int) (state >> 32);
	Datum		result[CD_MAX_STEPS];
	int			i;

	if (n == 0)
		PG_RETURN_NULL();
	/* Anybody may call it, with any number. */
	if (n < 0 || n > CD_MAX_STEPS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("this is no state of retention_agg()")));
	for (i = 0; i < n; i++)
		result[i] = BoolGetDatum((state & 1) != 0 && (state >> i & 1) != 0);
	PG_RETURN_ARRAYTYPE_P(construct_array(result, n, BOOLOID, 1, true, TYPALIGN_CHAR));
}
