/*
 * schedule.c
 *		Parse schedule texts and compute the moments they mean.
 *
 * Cron fields are read as Vixie cron reads them, with L added.  Across a
 * change of daylight-saving time, a schedule whose hour field is * follows
 * real time, so it neither pauses nor bunches up.  Any other cron schedule
 * names local clock times: one that the change skips runs once, at the first
 * moment after the gap; one that comes twice runs the first time only.
 */
#include "postgres.h"

#include "schedule.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define SECONDS_OFFSET ((pg_time_t) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* 29 February on a given weekday comes back within 40 years, 2100 included. */
#define SEARCH_YEARS 41

static const char *const month_names[] = {
	"january", "february", "march", "april", "may", "june", "july",
	"august", "september", "october", "november", "december"
};
static const char *const weekday_names[] = {
	"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"
};

/* One of the five fields, as the parser walks over it. */
typedef struct Field
{
	const char *what;
	int			low;
	int			high;
	const char *const *names;
	int			name_count;
} Field;

static const Field fields[] = {
	{"minute", 0, 59, NULL, 0},
	{"hour", 0, 23, NULL, 0},
	{"day of the month", 1, 31, NULL, 0},
	{"month", 1, 12, month_names, 12},
	{"day of the week", 0, 7, weekday_names, 7}
};

/* The text being parsed, and what to do about a mistake in it. */
typedef struct Parser
{
	const char *text;
	const char *at;
	char	   *error;			/* NULL until a mistake is found */
	int			position;
} Parser;

static bool mistake(Parser *p, const char *at, const char *fmt,...) pg_attribute_printf(3, 4);

/* Remember the first mistake; return false for the caller to return. */
static bool
mistake(Parser *p, const char *at, const char *fmt,...)
{
	char		buf[256];
	va_list		args;

	if (p->error == NULL)
	{
		va_start(args, fmt);
		vsnprintf(buf, sizeof(buf), fmt, args);
		va_end(args);
		p->error = pstrdup(buf);
		p->position = (int) (at - p->text) + 1;
	}
	return false;
}

/* True where a field, or a part of one, may end. */
static bool
at_end(char c)
{
	return c == '\0' || isspace((unsigned char) c);
}

/* Read a number or a name of the field. */
static bool
parse_value(Parser *p, const Field *f, int *value)
{
	const char *start = p->at;
	int			len = 0;

	if (isdigit((unsigned char) *start))
	{
		long		n = 0;

		while (isdigit((unsigned char) *p->at) && n < 10000)
			n = n * 10 + (*p->at++ - '0');
		if (n < f->low || n > f->high)
			return mistake(p, start, "%s %ld is not between %d and %d", f->what, n, f->low, f->high);
		*value = (int) n;
		return true;
	}
	while (isalpha((unsigned char) start[len]))
		len++;
	if (len == 0)
		return mistake(p, start, "a %s is expected", f->what);
	for (int i = 0; i < f->name_count; i++)
	{
		int			name_len = (int) strlen(f->names[i]);

		/* three letters or the full name; a trailing L is the caller's */
		for (int want = name_len;; want = 3)
		{
			if (len >= want && pg_strncasecmp(start, f->names[i], want) == 0 &&
				(len == want || (len == want + 1 && (start[want] == 'L' || start[want] == 'l'))))
			{
				p->at += want;
				*value = f->low + i;
				return true;
			}
			if (want == 3)
				break;
		}
	}
	return mistake(p, start, "\"%.*s\" is not a %s", Min(len, 30), start, f->what);
}

/* Read one comma-separated element: a value, a range or *, with a step. */
static bool
parse_element(Parser *p, const Field *f, uint64 *mask, CdSchedule *s)
{
	const char *start = p->at;
	int			low,
				high,
				step = 1;
	bool		is_day = (f == &fields[2]);
	bool		is_weekday = (f == &fields[4]);

	if (is_day && (*p->at == 'L' || *p->at == 'l') && (p->at[1] == ',' || at_end(p->at[1])))
	{
		p->at++;
		s->last_day = true;
		return true;
	}
	if (*p->at == '*' || (*p->at == '?' && (is_day || is_weekday)))
	{
		p->at++;
		low = f->low;
		high = is_weekday ? 6 : f->high;
	}
	else
	{
		if (!parse_value(p, f, &low))
			return false;
		high = low;
		if (is_weekday && (*p->at == 'L' || *p->at == 'l'))
		{
			p->at++;
			s->last_weekdays |= 1 << (low % 7);
			return true;
		}
		if (*p->at == '-')
		{
			p->at++;
			if (!parse_value(p, f, &high))
				return false;
			/* "fri-sun" ends the week on a Sunday */
			if (is_weekday && high == 0 && low > 0)
				high = 7;
			if (high < low)
				return mistake(p, start, "the range %.*s runs backwards",
							   (int) (p->at - start), start);
		}
		else if (*p->at == '/')
			high = is_weekday ? 6 : f->high;
	}
	if (*p->at == '/')
	{
		const char *step_at = ++p->at;
		long		n = 0;

		while (isdigit((unsigned char) *p->at) && n < 10000)
			n = n * 10 + (*p->at++ - '0');
		if (p->at == step_at)
			return mistake(p, step_at, "a step is expected after /");
		if (n < 1 || n > f->high)
			return mistake(p, step_at, "the step of a %s is between 1 and %d", f->what, f->high);
		step = (int) n;
	}
	for (int v = low; v <= high; v += step)
		*mask |= UINT64CONST(1) << (is_weekday ? v % 7 : v);
	return true;
}

/* Read one field: elements separated by commas. */
static bool
parse_field(Parser *p, const Field *f, uint64 *mask, CdSchedule *s)
{
	*mask = 0;
	for (;;)
	{
		if (!parse_element(p, f, mask, s))
			return false;
		if (at_end(*p->at))
			return true;
		if (*p->at != ',')
			return mistake(p, p->at, "\"%.*s\" is not understood in the %s",
						   pg_mblen(p->at), p->at, f->what);
		p->at++;
	}
}

/* Read five cron fields. */
static bool
parse_cron(Parser *p, CdSchedule *s)
{
	uint64		masks[5];

	memset(s, 0, sizeof(*s));
	s->kind = CD_SCHEDULE_CRON;
	for (int i = 0; i < 5; i++)
	{
		while (isspace((unsigned char) *p->at))
			p->at++;
		if (*p->at == '\0')
			return mistake(p, p->at, "the %s is missing", fields[i].what);
		if (i == 1)
			s->every_hour = (p->at[0] == '*' && at_end(p->at[1]));
		if (i == 2)
			s->days_star = (*p->at == '*' || *p->at == '?');
		if (i == 4)
			s->weekdays_star = (*p->at == '*' || *p->at == '?');
		if (!parse_field(p, &fields[i], &masks[i], s))
			return false;
	}
	while (isspace((unsigned char) *p->at))
		p->at++;
	if (*p->at != '\0')
		return mistake(p, p->at, "nothing is expected after the day of the week");
	s->minutes = masks[0];
	s->hours = (uint32) masks[1];
	s->days = (uint32) masks[2];
	s->months = (uint16) masks[3];
	s->weekdays = (uint8) masks[4];
	return true;
}

/* Count fields separated by white space. */
static int
count_fields(const char *text)
{
	int			n = 0;

	while (*text)
	{
		while (isspace((unsigned char) *text))
			text++;
		if (*text)
			n++;
		while (*text && !isspace((unsigned char) *text))
			text++;
	}
	return n;
}

/* Read an interval; false if it is none.  The error is not worth keeping. */
static bool
parse_interval(const char *text, Interval *result)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool ok = true;

	PG_TRY();
	{
		*result = *DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text),
														 ObjectIdGetDatum(InvalidOid),
														 Int32GetDatum(-1)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		ok = false;
	}
	PG_END_TRY();
	return ok;
}

/* Refuse intervals under a second, mixed signs and infinities. */
static void
check_interval(const char *text, const Interval *every)
{
	bool		usable = every->month >= 0 && every->day >= 0 && every->time >= 0;

#if PG_VERSION_NUM >= 170000
	if (INTERVAL_NOT_FINITE(every))
		usable = false;
#endif
	if (every->month == 0 && every->day == 0 && every->time < USECS_PER_SEC)
		usable = false;
	if (every->month > 12 * 100 || every->day > 366 * 100 || every->time > 366 * 100 * USECS_PER_DAY)
		usable = false;
	if (!usable)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("interval \"%s\" cannot be a schedule", text),
				 errdetail("An interval is at least one second and at most 100 years.")));
}

/* Refuse a date that never comes, such as 30 February. */
static void
check_comes(const char *text, const CdSchedule *schedule)
{
	if (cd_schedule_next(schedule, pg_tzset("GMT"), 0, 0) == DT_NOEND)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid schedule \"%s\"", text),
				 errdetail("No date ever matches its day and month.")));
}

void
cd_schedule_parse(const char *text, CdSchedule *schedule)
{
	static const char *const names[][2] = {
		{"@hourly", "0 * * * *"}, {"@daily", "0 0 * * *"}, {"@midnight", "0 0 * * *"},
		{"@weekly", "0 0 * * 0"}, {"@monthly", "0 0 1 * *"}, {"@quarterly", "0 0 1 1,4,7,10 *"},
		{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}
	};
	const char *start = text;
	Parser		p = {text, text, NULL, 0};

	while (isspace((unsigned char) *start))
		start++;
	if (*start == '@')
	{
		int			len = 0;

		while (!at_end(start[len]))
			len++;
		if (start[len] == '\0' || count_fields(start) == 1)
		{
			if (len == 7 && pg_strncasecmp(start, "@reboot", 7) == 0)
			{
				memset(schedule, 0, sizeof(*schedule));
				schedule->kind = CD_SCHEDULE_REBOOT;
				return;
			}
			for (int i = 0; i < (int) lengthof(names); i++)
				if (len == (int) strlen(names[i][0]) && pg_strncasecmp(start, names[i][0], len) == 0)
				{
					p.text = p.at = names[i][1];
					(void) parse_cron(&p, schedule);
					return;
				}
		}
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid schedule \"%s\"", text),
				 errdetail("At position %d: \"%.*s\" is not a known name.",
						   (int) (start - text) + 1, len, start),
				 errhint("Known are @hourly, @daily, @midnight, @weekly, @monthly, @quarterly, @yearly, @annually and @reboot.")));
	}

	/* Five fields are cron where they can be: "mon" is a unit of intervals, too. */
	p.at = start;
	if (count_fields(text) == 5 && parse_cron(&p, schedule))
	{
		check_comes(text, schedule);
		return;
	}
	if (strchr(text, '*') == NULL && parse_interval(text, &schedule->every))
	{
		Interval	every = schedule->every;

		check_interval(text, &every);
		memset(schedule, 0, sizeof(*schedule));
		schedule->kind = CD_SCHEDULE_EVERY;
		schedule->every = every;
		return;
	}
	p.at = start;
	p.error = NULL;
	if (!parse_cron(&p, schedule))
	{
		if (strchr(text, '*') == NULL && count_fields(text) < 4)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid schedule \"%s\"", text),
					 errdetail("It is neither an interval nor five cron fields. As cron, at position %d: %s.",
							   p.position, p.error),
					 errhint("Write an interval such as '90 seconds' or '1 hour', a cron expression such as '*/5 * * * *', or a name such as '@daily'.")));
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid schedule \"%s\"", text),
				 errdetail("At position %d: %s.", p.position, p.error),
				 errhint("The fields are minute, hour, day of the month, month and day of the week, as in '*/5 * * * *' or '30 2 * * mon-fri'.")));
	}
	check_comes(text, schedule);
}

/*
 * The moment of a local clock time, as seconds since 1970.  A time that comes
 * twice means the first; one that is skipped means the end of the gap.
 */
static pg_time_t
moment_of_local(pg_time_t local, pg_tz *zone)
{
	pg_time_t	before = local - SECS_PER_DAY;
	pg_time_t	boundary;
	long int	before_offset,
				after_offset;
	int			before_dst,
				after_dst;
	int			found;

	found = pg_next_dst_boundary(&before, &before_offset, &before_dst, &boundary,
								 &after_offset, &after_dst, zone);
	if (found < 0)
		return local;
	if (found == 0 || local - before_offset < boundary)
		return local - before_offset;
	if (local - after_offset >= boundary)
		return local - after_offset;
	return boundary;
}

/* A local date's midnight as seconds since 1970, the zone left aside. */
static pg_time_t
local_midnight(int julian)
{
	return (pg_time_t) (julian - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

/* Does the schedule want this date? */
static bool
date_matches(const CdSchedule *s, int julian)
{
	int			year,
				month,
				day,
				weekday = j2day(julian),
				month_days;
	bool		day_ok,
				weekday_ok;

	j2date(julian, &year, &month, &day);
	if ((s->months & (1 << month)) == 0)
		return false;
	month_days = day_tab[isleap(year)][month - 1];
	day_ok = (s->days & (1U << day)) != 0 || (s->last_day && day == month_days);
	weekday_ok = (s->weekdays & (1 << weekday)) != 0 ||
		((s->last_weekdays & (1 << weekday)) != 0 && day + 7 > month_days);
	if (s->days_star || s->weekdays_star)
		return day_ok && weekday_ok;
	return day_ok || weekday_ok;
}

/* The local date of a moment. */
static int
local_date(pg_time_t t, pg_tz *zone)
{
	struct pg_tm *tm = pg_localtime(&t, zone);

	return date2j(tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday);
}

/* Next moment of a schedule of local clock times. */
static pg_time_t
next_clock_time(const CdSchedule *s, pg_tz *zone, pg_time_t after)
{
	int			first = local_date(after, zone) - 1;

	for (int julian = first; julian < first + SEARCH_YEARS * 366; julian++)
	{
		if (!date_matches(s, julian))
			continue;
		for (int hour = 0; hour < 24; hour++)
		{
			if ((s->hours & (1U << hour)) == 0)
				continue;
			for (int minute = 0; minute < 60; minute++)
			{
				pg_time_t	t;

				if ((s->minutes & (UINT64CONST(1) << minute)) == 0)
					continue;
				t = moment_of_local(local_midnight(julian) + hour * SECS_PER_HOUR + minute * SECS_PER_MINUTE,
									zone);
				if (t > after)
					return t;
			}
		}
	}
	return -1;
}

/* Next moment of a schedule that wants every hour: real time, minute by minute. */
static pg_time_t
next_every_hour(const CdSchedule *s, pg_tz *zone, pg_time_t after)
{
	struct pg_tm *tm = pg_localtime(&after, zone);
	pg_time_t	t = after - tm->tm_sec + SECS_PER_MINUTE;
	int			first = local_date(after, zone);

	for (;;)
	{
		int			julian = local_date(t, zone);

		if (julian > first + SEARCH_YEARS * 366)
			return -1;
		if (!date_matches(s, julian))
		{
			pg_time_t	midnight = moment_of_local(local_midnight(julian + 1), zone);

			t = Max(midnight, t + SECS_PER_MINUTE);
			continue;
		}
		tm = pg_localtime(&t, zone);
		if (s->minutes & (UINT64CONST(1) << tm->tm_min))
			return t;
		t += SECS_PER_MINUTE;
	}
}

/* The anchor plus n intervals, months and days counted on the local calendar. */
static TimestampTz
add_intervals(const Interval *every, pg_tz *zone, TimestampTz anchor, int64 n)
{
	pg_time_t	seconds;
	pg_time_t	local;
	struct pg_tm *tm;
	TimestampTz fraction;
	int			julian,
				year,
				month,
				day;
	int64		months;

	if (every->month == 0 && every->day == 0)
		return anchor + n * every->time;
	seconds = anchor / USECS_PER_SEC;
	fraction = anchor % USECS_PER_SEC;
	if (fraction < 0)
	{
		fraction += USECS_PER_SEC;
		seconds--;
	}
	seconds += SECONDS_OFFSET;
	tm = pg_localtime(&seconds, zone);
	months = (int64) (tm->tm_year + 1900) * 12 + tm->tm_mon + n * every->month;
	year = (int) (months / 12);
	month = (int) (months % 12) + 1;
	day = Min(tm->tm_mday, day_tab[isleap(year)][month - 1]);
	julian = date2j(year, month, day) + (int) (n * every->day);
	local = local_midnight(julian) + tm->tm_hour * SECS_PER_HOUR + tm->tm_min * SECS_PER_MINUTE + tm->tm_sec;
	return (moment_of_local(local, zone) - SECONDS_OFFSET) * USECS_PER_SEC + fraction + n * every->time;
}

/* Next moment of an interval schedule. */
static TimestampTz
next_interval(const CdSchedule *s, pg_tz *zone, TimestampTz anchor, TimestampTz after)
{
	double		length = (double) s->every.time +
		(double) USECS_PER_DAY * (s->every.day + 31.0 * s->every.month);
	int64		n;

	if (after < anchor)
		return anchor;
	/* months and days are taken at their longest, so the guess is never late */
	n = Max((int64) ((double) (after - anchor) / (length * 1.05)), 0);
	if (s->every.month == 0 && s->every.day == 0)
		n = (after - anchor) / s->every.time;
	for (;; n++)
	{
		TimestampTz t = add_intervals(&s->every, zone, anchor, n);

		if (t > after)
			return t;
		CHECK_FOR_INTERRUPTS();
	}
}

TimestampTz
cd_schedule_next(const CdSchedule *schedule, pg_tz *zone, TimestampTz anchor, TimestampTz after)
{
	pg_time_t	seconds;
	pg_time_t	next;

	if (schedule->kind == CD_SCHEDULE_REBOOT)
		return DT_NOEND;
	if (schedule->kind == CD_SCHEDULE_EVERY)
		return next_interval(schedule, zone, anchor, after);
	seconds = after / USECS_PER_SEC;
	if (after % USECS_PER_SEC < 0)
		seconds--;
	seconds += SECONDS_OFFSET;
	next = schedule->every_hour ? next_every_hour(schedule, zone, seconds)
		: next_clock_time(schedule, zone, seconds);
	if (next < 0)
		return DT_NOEND;
	return (next - SECONDS_OFFSET) * USECS_PER_SEC;
}
