/*
 * window.c
 *		Windows that move with as_of(), and the first moment one lets go.
 *
 * "within the last month" asks at > T - '1 month'.  The right-hand side does
 * not always grow with T: 28 March 23:00 and 29 March 01:00 less a month are
 * 28 February 23:00 and 28 February 01:00, and where the clock is put forward
 * or back an hour is skipped or repeated.  So an answer can flip back.  Away
 * from such places the expiry is at + span exactly; near them T - span is
 * still a straight line up to the next break, so the flip on that line is
 * exact, and where there is none the break itself is taken, which is early.
 */
#include "postgres.h"

#include "window.h"

#include "common/int.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#define SLACK_DAYS		(INT64CONST(3) * USECS_PER_DAY)
#define SLACK_MONTHS	(INT64CONST(7) * USECS_PER_DAY)

/* now - span without the catalog's detour. */
static TimestampTz
minus_span(TimestampTz now, const Interval *span)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval,
												   TimestampTzGetDatum(now),
												   IntervalPGetDatum(span)));
}

void
cd_check_window(const Interval *span)
{
	if (span->month < 0 || span->day < 0 || span->time < 0 ||
		(int64) span->month * 31 + span->day + span->time / USECS_PER_DAY > 12 * 1000 * 31)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a window must be a span of time that reaches back, of at most 1000 years"),
				 errdetail("No part of the interval may be negative."),
				 errhint("Write it like '7 days', '3 months' or '1 year'.")));
}

/* Cuts computed lately; a hundred conditions ask for as many windows of one moment. */
typedef struct CutCache
{
	TimestampTz now;
	TimestampTz cut;
	Interval	span;
	pg_tz	   *zone;
} CutCache;

TimestampTz
cd_window_cut(TimestampTz now, const Interval *span)
{
	static CutCache cache[256];
	uint64		hash = (uint64) span->time + (uint64) span->day * 0x9E3779B1 + (uint64) span->month * 0x85EBCA6B;
	CutCache   *entry = &cache[(hash ^ (hash >> 16) ^ (hash >> 32)) & 255];

	if (entry->zone != session_timezone || entry->now != now ||
		entry->span.time != span->time || entry->span.day != span->day ||
		entry->span.month != span->month)
	{
		entry->cut = minus_span(now, span);
		entry->now = now;
		entry->span = *span;
		entry->zone = session_timezone;
	}
	return entry->cut;
}

void
cd_span_begin(CdSpan *span, const Interval *interval, TimestampTz now)
{
	long		offset;

	span->span = *interval;
	span->now = now;
	span->cut = cd_window_cut(now, interval);
	span->plain = interval->month == 0 &&
		(interval->day == 0 || pg_get_timezone_offset(session_timezone, &offset));
	span->length = interval->time + interval->day * USECS_PER_DAY;
}

/* The change of the session's clock that follows a moment; false if none does. */
static bool
next_transition(TimestampTz after, TimestampTz *at, int64 *jump)
{
	pg_time_t	from = timestamptz_to_time_t(after);
	pg_time_t	boundary;
	long		before_off,
				after_off;
	int			before_dst,
				after_dst;

	if (pg_next_dst_boundary(&from, &before_off, &before_dst, &boundary,
							 &after_off, &after_dst, session_timezone) != 1)
		return false;
	*at = time_t_to_timestamptz(boundary);
	*jump = (int64) labs(after_off - before_off) * USECS_PER_SEC;
	return true;
}

/* True if the session's clock changes between two moments. */
static bool
has_transition(TimestampTz since, TimestampTz until)
{
	/* Spans of time without a change, found lately. */
	static struct
	{
		pg_tz	   *zone;
		TimestampTz since;
		TimestampTz until;
	}			calm[16];
	static int	next = 0;
	TimestampTz at;
	int64		jump;
	int			i;

	for (i = 0; i < (int) lengthof(calm); i++)
		if (calm[i].zone == session_timezone && calm[i].since <= since && until < calm[i].until)
			return false;
	if (!next_transition(since, &at, &jump))
		at = DT_NOEND;
	calm[next].zone = session_timezone;
	calm[next].since = since;
	calm[next].until = at;
	next = (next + 1) % lengthof(calm);
	return at <= until;
}

/* The local calendar day of a moment. */
static DateADT
local_day(TimestampTz at)
{
	return DatumGetDateADT(DirectFunctionCall1(timestamptz_date, TimestampTzGetDatum(at)));
}

TimestampTz
cd_next_repeated_day(TimestampTz now)
{
	static TimestampTz known_since = 0;
	static TimestampTz known = DT_NOBEGIN;
	static pg_tz *zone = NULL;
	TimestampTz from = now;
	TimestampTz at;
	int64		jump;
	int			i;

	if (zone == session_timezone && known_since <= now && now < known)
		return known;
	known = DT_NOEND;
	/* Zones rarely do this; a clock that has not in 50 changes is taken not to. */
	for (i = 0; i < 50 && next_transition(from, &at, &jump); i++)
	{
		if (local_day(at) < local_day(at - 1))
		{
			known = at;
			break;
		}
		from = at;
	}
	known_since = now;
	zone = session_timezone;
	return known;
}

DateADT
cd_today(TimestampTz now)
{
	static TimestampTz known = DT_NOBEGIN;
	static pg_tz *zone = NULL;
	static DateADT today;

	if (zone != session_timezone || known != now)
	{
		zone = NULL;
		today = local_day(now);
		known = now;
		zone = session_timezone;
	}
	return today;
}

TimestampTz
cd_midnight(DateADT day)
{
	long		offset;

	if (abs(day) < 1000000 && pg_get_timezone_offset(session_timezone, &offset))
		return (TimestampTz) day * USECS_PER_DAY - (int64) offset * USECS_PER_SEC;
	return DatumGetTimestampTz(DirectFunctionCall1(date_timestamptz, DateADTGetDatum(day)));
}

TimestampTz
cd_next_midnight(TimestampTz now)
{
	return Min(cd_midnight(cd_today(now) + 1), cd_next_repeated_day(now));
}

/*
 * Lower *next to the first break of a straight line that stands at "value"
 * when the clock stands at "now": the places where a local time that follows
 * "value" is skipped or repeated.
 */
static void
note_breaks(TimestampTz value, TimestampTz now, TimestampTz *next)
{
	TimestampTz from = value - SLACK_DAYS;
	int			i;

	for (i = 0; i < 4; i++)
	{
		TimestampTz at;
		int64		jump;
		int			k;

		if (!next_transition(from, &at, &jump))
			return;
		for (k = -1; k <= 1; k++)
		{
			TimestampTz place = at + k * jump;

			if (place > value)
				*next = Min(*next, now + (place - value));
		}
		from = at + USECS_PER_SEC;
	}
}

/* True if "at" lies where a span's arithmetic is a plain shift on both sides. */
static bool
is_regular(TimestampTz at, TimestampTz expiry, const Interval *span, int64 slack)
{
	if (span->month != 0)
	{
		DateADT		day;
		int			year,
					month,
					mday;

		if (span->day != 0 || span->time != 0)
			return false;
		day = local_day(at);
		j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
		if (mday > 27)
			return false;
	}
	return !has_transition(at - 2 * slack, at + 2 * slack) &&
		!has_transition(expiry - slack, expiry + slack);
}

/*
 * A moment some months later, where the clock never changes and no month is
 * too short for its day; false elsewhere.
 */
static bool
plain_months(TimestampTz at, const Interval *span, TimestampTz *later)
{
	long		offset;
	TimestampTz local;
	int64		day;
	int			year,
				month,
				mday;

	if (span->day != 0 || span->time != 0 || !pg_get_timezone_offset(session_timezone, &offset))
		return false;
	local = at + (int64) offset * USECS_PER_SEC;
	day = local / USECS_PER_DAY - (local % USECS_PER_DAY < 0 ? 1 : 0);
	/* From 1900 to 5000 or so; the rest may be looked at more closely. */
	if (day < -36525 || day > 1100000)
		return false;
	j2date((int) day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	if (mday > 27 || span->month < 0 || span->month > 12 * 1000)
		return false;
	month += span->month - 1;
	*later = ((int64) date2j(year + month / 12, month % 12 + 1, mday) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY +
		(local - day * USECS_PER_DAY) - (int64) offset * USECS_PER_SEC;
	return true;
}

TimestampTz
cd_plus_span(TimestampTz at, const Interval *span)
{
	TimestampTz later = at;
	int64		days;
	long		offset;

	/* Days are 24 hours where the clock never changes; what may overflow is left to the operator. */
	if (span->month == 0 && !TIMESTAMP_NOT_FINITE(at) &&
		(span->day == 0 || pg_get_timezone_offset(session_timezone, &offset)) &&
		!pg_mul_s64_overflow(span->day, USECS_PER_DAY, &days) &&
		!pg_add_s64_overflow(at, days, &later) && IS_VALID_TIMESTAMP(later) &&
		!pg_add_s64_overflow(later, span->time, &later) && IS_VALID_TIMESTAMP(later))
		return later;
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(at), IntervalPGetDatum(span)));
}

bool
cd_window_after(TimestampTz at, const Interval *span, TimestampTz now, TimestampTz *until)
{
	TimestampTz cut;
	TimestampTz expiry;
	bool		answer;
	int64		slack;
	long		offset;

	*until = DT_NOEND;
	if (TIMESTAMP_NOT_FINITE(at))
		return !TIMESTAMP_IS_NOBEGIN(at);

	cut = cd_window_cut(now, span);
	answer = at > cut;
	/* Nobody waits for it, and its sum with a span may be no moment. */
	if (at > END_TIMESTAMP / 2 && now < END_TIMESTAMP / 4)
		return answer;
	if (span->month == 0 && span->day == 0)
	{
		if (answer)
			*until = at + span->time;
		return answer;
	}

	slack = span->month != 0 ? SLACK_MONTHS : SLACK_DAYS;
	if (!answer && cut - at > 2 * slack)
		return false;

	/* Where the clock never changes, days are 24 hours. */
	if (span->month == 0 && pg_get_timezone_offset(session_timezone, &offset))
	{
		if (answer)
			*until = at + span->time + span->day * USECS_PER_DAY;
		return answer;
	}

	if (plain_months(at, span, &expiry))
	{
		if (answer)
			*until = expiry;
		return answer;
	}

	expiry = cd_plus_span(at, span);
	if (is_regular(at, expiry, span, slack))
		*until = answer ? expiry : DT_NOEND;
	else if (now < expiry - slack)
		*until = expiry - slack;
	else if (now < expiry + slack)
	{
		TimestampTz next = DT_NOEND;
		TimestampTz transition;
		int64		jump;

		if (next_transition(now, &transition, &jump))
			next = Min(next, transition);
		if (span->month != 0)
		{
			Interval	months = {.month = span->month};

			next = Min(next, cd_next_midnight(now));
			note_breaks(minus_span(now, &months), now, &next);
		}
		if (span->day != 0)
			note_breaks(cut + span->time, now, &next);
		if (answer && now + (at - cut) <= next)
			next = now + (at - cut);
		if (answer || next < expiry + slack)
			*until = next;
	}
	return answer;
}
