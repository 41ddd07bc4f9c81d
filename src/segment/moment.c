/*
 * moment.c
 *		The time-aware functions of conditions: within_last, older_than,
 *		is_anniversary, and the forms that plain comparisons with as_of() are
 *		turned into.  Each notes until when its answer holds.
 */
#include "postgres.h"

#include "window.h"

#include "access/stratnum.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "segment/moment.h"

/* Answer at > as_of() - span and note its expiry. */
static bool
after_cut(TimestampTz at, const Interval *span, TimestampTz now)
{
	TimestampTz until;
	bool		answer = cd_window_after(at, span, now, &until);

	cd_validity_note(until);
	return answer;
}

/* within_last(at, span): as_of() - span < at <= as_of() */
PG_FUNCTION_INFO_V1(cd_within_last);
Datum
cd_within_last(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(0);
	Interval   *span = PG_GETARG_INTERVAL_P(1);
	TimestampTz now = cd_as_of();

	cd_check_window(span);
	if (at > now)
	{
		cd_validity_note(at);
		PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(after_cut(at, span, now));
}

/* older_than(at, span): at <= as_of() - span */
PG_FUNCTION_INFO_V1(cd_older_than);
Datum
cd_older_than(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(0);
	Interval   *span = PG_GETARG_INTERVAL_P(1);

	cd_check_window(span);
	PG_RETURN_BOOL(!after_cut(at, span, cd_as_of()));
}

/* Answer at <op> now - span for a btree strategy number, and its expiry. */
bool
cd_compare_cut(TimestampTz at, const Interval *span, int op, TimestampTz now)
{
	TimestampTz next = TIMESTAMP_NOT_FINITE(at) ? at : at + 1;

	switch (op)
	{
		case BTGreaterStrategyNumber:
			return after_cut(at, span, now);
		case BTLessEqualStrategyNumber:
			return !after_cut(at, span, now);
		case BTGreaterEqualStrategyNumber:
			return after_cut(next, span, now);
		case BTLessStrategyNumber:
			return !after_cut(next, span, now);
		case BTEqualStrategyNumber:
			{
				bool		after = after_cut(at, span, now);

				return after_cut(next, span, now) && !after;
			}
		default:
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("unrecognized comparison %d", op)));
	}
	return false;
}

/* compare_with_as_of(at, span, op): at <op> as_of() - span */
PG_FUNCTION_INFO_V1(cd_compare_with_as_of);
Datum
cd_compare_with_as_of(PG_FUNCTION_ARGS)
{
	int			op = PG_GETARG_INT32(2);

	if (op < BTLessStrategyNumber || op > BTMaxStrategyNumber)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("comparison must be a number from 1 (<) to 5 (>)")));
	PG_RETURN_BOOL(cd_compare_cut(PG_GETARG_TIMESTAMPTZ(0), PG_GETARG_INTERVAL_P(1), op,
								  cd_as_of()));
}

/* as_of_day(): as_of(), for a use that changes only with the calendar day. */
PG_FUNCTION_INFO_V1(cd_as_of_day);
Datum
cd_as_of_day(PG_FUNCTION_ARGS)
{
	TimestampTz now = cd_as_of();

	cd_validity_note(cd_next_midnight(now));
	PG_RETURN_TIMESTAMPTZ(now);
}

/* The anniversary of a day in a year; that of 29 February falls on the 28th in common years. */
static DateADT
anniversary_in(int year, int month, int day)
{
	if (month == 2 && day == 29 && !isleap(year))
		day = 28;
	return date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
}

void
cd_check_days_around(int days)
{
	if (days < 0 || days > 180)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("before and after must be between 0 and 180 days")));
}

/* is_anniversary(day, before, after): as_of()'s day is a later year's, or near it */
PG_FUNCTION_INFO_V1(cd_is_anniversary);
Datum
cd_is_anniversary(PG_FUNCTION_ARGS)
{
	DateADT		date = PG_GETARG_DATEADT(0);
	int			before = PG_GETARG_INT32(1);
	int			after = PG_GETARG_INT32(2);
	TimestampTz now = cd_as_of();
	DateADT		today;
	DateADT		change = 0;
	bool		found = false;
	bool		answer = false;
	int			year,
				month,
				day;
	int			this_year,
				this_month,
				this_day;
	int			y;

	cd_check_days_around(before);
	cd_check_days_around(after);
	if (DATE_NOT_FINITE(date))
		PG_RETURN_BOOL(false);

	today = cd_today(now);
	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	/* The first anniversary would be no moment any more. */
	if (year > 290000)
		PG_RETURN_BOOL(false);
	j2date(today + POSTGRES_EPOCH_JDATE, &this_year, &this_month, &this_day);

	for (y = Max(year + 1, this_year - 1); !found; y++)
	{
		DateADT		anniversary = anniversary_in(y, month, day);

		if (today < anniversary - before)
		{
			change = anniversary - before;
			found = true;
		}
		else if (today <= anniversary + after)
		{
			answer = true;
			change = anniversary + after + 1;
			found = true;
		}
	}

	cd_validity_note(Min(cd_midnight(change), cd_next_repeated_day(now)));
	PG_RETURN_BOOL(answer);
}

/*
 * Planner support of holds_until(): its argument is evaluated before it is
 * called for the first time, and has to note until when it holds.
 */
PG_FUNCTION_INFO_V1(cd_holds_until_support);
Datum
cd_holds_until_support(PG_FUNCTION_ARGS)
{
	cd_validity_wanted = true;
	PG_RETURN_POINTER(NULL);
}

/*
 * holds_until(answer): the first moment at which what was answered since the
 * last call could change; arguments are computed before the call.
 */
PG_FUNCTION_INFO_V1(cd_holds_until);
Datum
cd_holds_until(PG_FUNCTION_ARGS)
{
	TimestampTz until = cd_validity();

	cd_validity_reset();
	PG_RETURN_TIMESTAMPTZ(until);
}
