/*
 * event_count.c
 *		Counting events of a timeline: over everything, over a sliding window
 *		(last => interval before as_of()), and between two moments.
 *
 * Each function notes until when its answer holds if nothing new arrives.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"

#include "customer_data.h"

#include "miscadmin.h"
#include "timeline/event_count.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/float.h"
#include "utils/timestamp.h"

/* The three forms of each function. */
typedef enum Form
{
	FORM_ALL,
	FORM_LAST,
	FORM_BETWEEN
} Form;

/* What every function needs: the timeline, the window, what matches in it. */
typedef struct Count
{
	CdParts		parts;
	CdWindow	window;
	const CdPattern *pattern;
	CdMatcher	few[CD_FEW];
	CdMatcher  *matchers;
	int			n;
	TimestampTz enters;
} Count;

/* Declare a function's three entry points, each STRICT in SQL. */
#define THREE_FORMS(name, function) \
PG_FUNCTION_INFO_V1(name##_all); \
Datum name##_all(PG_FUNCTION_ARGS) { return function(fcinfo, FORM_ALL, 2); } \
PG_FUNCTION_INFO_V1(name##_last); \
Datum name##_last(PG_FUNCTION_ARGS) { return function(fcinfo, FORM_LAST, 3); } \
PG_FUNCTION_INFO_V1(name##_between); \
Datum name##_between(PG_FUNCTION_ARGS) { return function(fcinfo, FORM_BETWEEN, 4); } \
extern int no_such_variable

/*
 * Read timeline, pattern and window; the window's arguments start at first.
 * Where values of different events are compared, the timeline has to be whole.
 */
static void
begin_count(FunctionCallInfo fcinfo, Count *count, Form form, int first, bool whole)
{
	struct varlena *value;

	count->pattern = cd_pattern_cached(fcinfo, 0, 1, PG_GETARG_DATUM(1));
	switch (form)
	{
		case FORM_ALL:
			cd_window_all(&count->window);
			break;
		case FORM_LAST:
			cd_window_last(&count->window, PG_GETARG_INTERVAL_P(first), cd_as_of());
			break;
		case FORM_BETWEEN:
			cd_window_between(&count->window, PG_GETARG_TIMESTAMPTZ(first), PG_GETARG_TIMESTAMPTZ(first + 1));
			break;
	}
	value = cd_timeline_fetch(PG_GETARG_DATUM(0), count->pattern);
	cd_timeline_open_parts(&count->parts, whole ? cd_timeline_whole(value) : value);
	count->n = cd_window_bind(&count->window, count->pattern, &count->parts.tl[0],
							  count->few, &count->matchers, &count->enters);
}

/* The moment of the oldest match, DT_NOEND when there is none. */
static TimestampTz
oldest_match(const CdMatcher *matchers, int n)
{
	TimestampTz oldest = DT_NOEND;
	int			i;

	for (i = 0; i < n; i++)
	{
		int			first = cd_matcher_first(&matchers[i], matchers[i].from, matchers[i].to);

		if (first >= 0)
			oldest = Min(oldest, cd_kind_at(&matchers[i].kind, first));
	}
	return oldest;
}

/* The moment of the newest match, DT_NOBEGIN when there is none. */
static TimestampTz
newest_match(const CdMatcher *matchers, int n)
{
	TimestampTz newest = DT_NOBEGIN;
	int			i;

	for (i = 0; i < n; i++)
	{
		int			last = cd_matcher_last(&matchers[i], matchers[i].from, matchers[i].to);

		if (last >= 0)
			newest = Max(newest, cd_kind_at(&matchers[i].kind, last));
	}
	return newest;
}

/* Note that the answer may change when an event enters or the oldest one leaves. */
static void
note_count(const Count *count)
{
	TimestampTz oldest;

	if (!cd_validity_wanted)
		return;
	cd_validity_note(count->enters);
	if (!count->window.sliding)
		return;
	oldest = oldest_match(count->matchers, count->n);
	if (oldest != DT_NOEND)
		cd_validity_note(cd_window_turns(&count->window, oldest));
}

/* event_count */
static Datum
event_count(FunctionCallInfo fcinfo, Form form, int next)
{
	Count		count;
	int			i,
				n = 0;

	begin_count(fcinfo, &count, form, 2, false);
	for (i = 0; i < count.n; i++)
		n += cd_matcher_count(&count.matchers[i]);
	note_count(&count);
	PG_RETURN_INT32(n);
}
THREE_FORMS(cd_event_count, event_count);

/* happened: its answer changes only when the newest match leaves. */
static bool
note_happened(const CdWindow *window, const CdMatcher *matchers, int n, TimestampTz enters)
{
	TimestampTz newest = newest_match(matchers, n);

	if (newest == DT_NOBEGIN)
		cd_validity_note(enters);
	else if (window->sliding)
		cd_validity_note(cd_window_turns(window, newest));
	return newest != DT_NOBEGIN;
}

/* happened */
static Datum
happened(FunctionCallInfo fcinfo, Form form, int next)
{
	Count		count;
	int			i;

	begin_count(fcinfo, &count, form, 2, false);
	if (count.window.sliding && cd_validity_wanted)
		PG_RETURN_BOOL(note_happened(&count.window, count.matchers, count.n, count.enters));
	for (i = 0; i < count.n; i++)
		if (cd_matcher_first(&count.matchers[i], count.matchers[i].from, count.matchers[i].to) >= 0)
			PG_RETURN_BOOL(true);
	cd_validity_note(count.enters);
	PG_RETURN_BOOL(false);
}
THREE_FORMS(cd_happened, happened);

/* event_first */
static Datum
event_first(FunctionCallInfo fcinfo, Form form, int next)
{
	Count		count;
	TimestampTz at;

	begin_count(fcinfo, &count, form, 2, false);
	note_count(&count);
	at = oldest_match(count.matchers, count.n);
	if (at == DT_NOEND)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(at);
}
THREE_FORMS(cd_event_first, event_first);

/* event_last */
static Datum
event_last(FunctionCallInfo fcinfo, Form form, int next)
{
	Count		count;
	TimestampTz at;

	begin_count(fcinfo, &count, form, 2, false);
	at = newest_match(count.matchers, count.n);
	cd_validity_note(count.enters);
	if (at == DT_NOBEGIN)
		PG_RETURN_NULL();
	if (count.window.sliding)
		cd_validity_note(cd_window_turns(&count.window, at));
	PG_RETURN_TIMESTAMPTZ(at);
}
THREE_FORMS(cd_event_last, event_last);

/* Read 'value', 'quantity' or the name of a property. */
void
cd_of_read(CdOf *of, const char *name, int len)
{
	of->name = name;
	of->len = len;
	of->which = CD_COL_PROPERTY;
	if (len == 5 && memcmp(name, "value", 5) == 0)
		of->which = CD_COL_VALUE;
	else if (len == 8 && memcmp(name, "quantity", 8) == 0)
		of->which = CD_COL_QUANTITY;
	else if (len > 2 && name[0] >= '0' && name[0] <= '9' && memchr(name, ' ', len) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%.*s\" is not a property", len, name),
				 errhint("For a window write last => '%.*s'.", len, name)));
}

/* The column of numbers meant, for one kind; false when it has none. */
static bool
find_numbers(const CdOf *of, const CdKind *kind, CdColumn *col)
{
	int			which = of->which;

	if (which == CD_COL_PROPERTY)
	{
		which = cd_timeline_find_property(kind->tl, of->name, of->len);
		if (which < 0)
			return false;
		which += CD_COL_PROPERTY;
	}
	return cd_kind_find_column(kind, which, CD_TYPE_NUMBER, col);
}

/* One number and its moment. */
typedef struct Sample
{
	TimestampTz at;
	double		number;
	int128		exact;			/* times 10 to the scale, when not raw */
} Sample;

/* Order samples by time. */
static int
compare_samples(const void *a, const void *b)
{
	const Sample *x = a;
	const Sample *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

/* What a sum needs: exact while all numbers are decimals. */
typedef struct Sum
{
	int64		n;
	bool		raw;
	int			scale;
	int128		exact;
	double		min;
	double		max;
} Sum;

/* An exact sum as a number. */
static double
exact_number(__int128 exact, int scale)
{
	return (double) exact / cd_power10[scale];
}

const int64 cd_int_power10[CD_MAX_SCALE + 1] = {1, 10, 100, 1000, 10000, 100000, 1000000};

/* Refuse a sum that is beyond float8, as sum() does. */
double
cd_finite_sum(double sum)
{
	if (isinf(sum) || isnan(sum))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("sum of events is out of range"),
				 errdetail("Numbers of events are added as double precision, which ends at 1.8e308."),
				 errhint("Leave out what cannot be meant, for instance purchase[value<1e12].")));
	return sum;
}

/* A total of all that was added. */
double
cd_total_result(const CdTotal *total)
{
	int128		exact = total->exact;
	int			scale = CD_MAX_SCALE;

	/* So that few digits are rounded once. */
	for (; scale > 0 && exact % 10 == 0; scale--)
		exact /= 10;
	return cd_finite_sum(exact_number(exact, scale) + (total->sum + total->lost));
}

/* Walk all numbers of the matching events. */
static double
sum_numbers(const CdMatcher *matchers, int n, const CdOf *of, Sum *sum)
{
	int			i,
				k;
	CdColumn   *cols = palloc(Max(n, 1) * sizeof(CdColumn));
	bool	   *has = palloc(Max(n, 1) * sizeof(bool));
	Sample	   *samples;
	int			nsamples = 0;
	Size		total = 0;
	double		result = 0;

	memset(sum, 0, sizeof(Sum));
	sum->min = get_float8_infinity();
	sum->max = -get_float8_infinity();
	for (i = 0; i < n; i++)
	{
		has[i] = find_numbers(of, &matchers[i].kind, &cols[i]);
		if (!has[i])
			continue;
		total += matchers[i].to - matchers[i].from;
		sum->raw = sum->raw || cols[i].raw;
		sum->scale = Max(sum->scale, cols[i].scale);
	}
	if (!sum->raw)
	{
		for (i = 0; i < n; i++)
		{
			const CdMatcher *m = &matchers[i];
			__int128	part = 0;
			int64		low = PG_INT64_MAX,
						high = PG_INT64_MIN;

			if (!has[i])
				continue;
			for (k = m->from; k < m->to; k++)
			{
				int64		number;

				if (!cd_matcher_test(m, k) || !cd_column_integer(&cols[i], k, &number))
					continue;
				part += number;
				low = Min(low, number);
				high = Max(high, number);
				sum->n++;
			}
			if (low > high)
				continue;
			sum->exact += part * cd_int_power10[sum->scale - cols[i].scale];
			sum->min = Min(sum->min, (double) low / cd_power10[cols[i].scale]);
			sum->max = Max(sum->max, (double) high / cd_power10[cols[i].scale]);
		}
		return exact_number(sum->exact, sum->scale);
	}

	/* Numbers that are no short decimals are added in order of time. */
	samples = palloc_extended(Max(total, 1) * sizeof(Sample), MCXT_ALLOC_HUGE);
	for (i = 0; i < n; i++)
	{
		const CdMatcher *m = &matchers[i];
		CdTimes		times;

		if (!has[i])
			continue;
		cd_times_begin(&times, &m->kind, m->from);
		for (k = m->from; k < m->to; k++)
		{
			Sample	   *sample = &samples[nsamples];

			CHECK_FOR_INTERRUPTS();
			sample->at = cd_times_next(&times);
			if (cd_matcher_test(m, k) && cd_column_number(&cols[i], k, &sample->number))
				nsamples++;
		}
	}
	if (n > 1)
		qsort(samples, nsamples, sizeof(Sample), compare_samples);
	for (k = 0; k < nsamples; k++)
	{
		result += samples[k].number;
		sum->min = Min(sum->min, samples[k].number);
		sum->max = Max(sum->max, samples[k].number);
	}
	sum->n = nsamples;
	pfree(samples);
	return result;
}

/* Begin a function over numbers, and walk them. */
static double
begin_sum(FunctionCallInfo fcinfo, Form form, int of_arg, Sum *sum)
{
	Count		count;
	CdOf		of;
	text	   *name = PG_GETARG_TEXT_PP(of_arg);

	begin_count(fcinfo, &count, form, 2, false);
	cd_of_read(&of, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	note_count(&count);
	return sum_numbers(count.matchers, count.n, &of, sum);
}

/* event_sum: 0 when there is nothing to add. */
static Datum
event_sum(FunctionCallInfo fcinfo, Form form, int next)
{
	Sum			sum;

	PG_RETURN_FLOAT8(cd_finite_sum(begin_sum(fcinfo, form, next, &sum)));
}
THREE_FORMS(cd_event_sum, event_sum);

/* event_avg */
static Datum
event_avg(FunctionCallInfo fcinfo, Form form, int next)
{
	Sum			sum;
	double		total = begin_sum(fcinfo, form, next, &sum);

	if (sum.n == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(cd_finite_sum(total) / sum.n);
}
THREE_FORMS(cd_event_avg, event_avg);

/* event_min */
static Datum
event_min(FunctionCallInfo fcinfo, Form form, int next)
{
	Sum			sum;

	(void) begin_sum(fcinfo, form, next, &sum);
	if (sum.n == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(sum.min);
}
THREE_FORMS(cd_event_min, event_min);

/* event_max */
static Datum
event_max(FunctionCallInfo fcinfo, Form form, int next)
{
	Sum			sum;

	(void) begin_sum(fcinfo, form, next, &sum);
	if (sum.n == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(sum.max);
}
THREE_FORMS(cd_event_max, event_max);

/* Order 64-bit keys. */
static int
compare_keys(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

/* How many different keys there are: marked where they lie close, as codes and days do, else sorted. */
static int
count_distinct(uint64 *keys, Size n)
{
	uint64		low = PG_UINT64_MAX,
				high = 0;
	Size		i;
	int			distinct = 0;

	for (i = 0; i < n; i++)
	{
		low = Min(low, keys[i]);
		high = Max(high, keys[i]);
	}
	if (n > 16 && high - low < n * 8)
	{
		bool	   *seen = palloc0(high - low + 1);

		for (i = 0; i < n; i++)
		{
			distinct += !seen[keys[i] - low];
			seen[keys[i] - low] = true;
		}
		pfree(seen);
		return distinct;
	}
	if (n > 1)
		qsort(keys, n, sizeof(uint64), compare_keys);
	for (i = 0; i < n; i++)
		distinct += i == 0 || keys[i] != keys[i - 1] ? 1 : 0;
	return distinct;
}

/* event_days: different calendar days in the session's time zone. */
static Datum
event_days(FunctionCallInfo fcinfo, Form form, int next)
{
	Count		count;
	uint64	   *days;
	Size		total = 0,
				n = 0;
	int			i,
				k;
	long int	offset;
	bool		fixed = pg_get_timezone_offset(session_timezone, &offset);

	begin_count(fcinfo, &count, form, 2, false);
	note_count(&count);
	for (i = 0; i < count.n; i++)
		total += count.matchers[i].to - count.matchers[i].from;
	days = palloc_extended(Max(total, 1) * sizeof(uint64), MCXT_ALLOC_HUGE);
	for (i = 0; i < count.n; i++)
	{
		const CdMatcher *m = &count.matchers[i];
		CdTimes		times;

		cd_times_begin(&times, &m->kind, m->from);
		for (k = m->from; k < m->to; k++)
		{
			TimestampTz at = cd_times_next(&times);
			int64		day;

			CHECK_FOR_INTERRUPTS();
			if (!cd_matcher_test(m, k))
				continue;
			if (fixed)
			{
				at += offset * USECS_PER_SEC;
				day = at >= 0 ? at / USECS_PER_DAY : -((-at + USECS_PER_DAY - 1) / USECS_PER_DAY);
			}
			else
			{
				struct pg_tm tm;
				fsec_t		fsec;
				int			tz;

				if (timestamp2tm(at, &tz, &tm, &fsec, NULL, NULL) != 0)
					ereport(ERROR,
							(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
							 errmsg("timestamp out of range")));
				day = date2j(tm.tm_year, tm.tm_mon, tm.tm_mday);
			}
			days[n++] = (uint64) day;
		}
	}
	PG_RETURN_INT32(count_distinct(days, n));
}
THREE_FORMS(cd_event_days, event_days);

/* event_distinct: different values of a property. */
static Datum
event_distinct(FunctionCallInfo fcinfo, Form form, int next)
{
	Count		count;
	text	   *name = PG_GETARG_TEXT_PP(2);
	CdOf		of;
	int			which,
				type,
				distinct = 0;
	Size		total = 0;
	uint64	   *keys;
	int			i,
				k;

	begin_count(fcinfo, &count, form, 3, true);
	note_count(&count);
	cd_of_read(&of, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	which = of.which;
	if (of.len == 8 && memcmp(of.name, "event_id", 8) == 0)
		which = CD_COL_EVENT_ID;
	else if (which == CD_COL_PROPERTY)
	{
		which = cd_timeline_find_property(&count.parts.tl[0], of.name, of.len);
		if (which < 0)
			PG_RETURN_INT32(0);
		which += CD_COL_PROPERTY;
	}
	for (i = 0; i < count.n; i++)
		total += count.matchers[i].to - count.matchers[i].from;
	keys = palloc_extended(Max(total, 1) * sizeof(uint64), MCXT_ALLOC_HUGE);

	/* Values of different types differ; those of one type share their keys. */
	for (type = CD_TYPE_TEXT; type <= CD_TYPE_JSON; type++)
	{
		Size		n = 0;

		for (i = 0; i < count.n; i++)
		{
			const CdMatcher *m = &count.matchers[i];
			CdColumn	col;

			if (!cd_kind_find_column(&m->kind, which, type, &col))
				continue;
			for (k = m->from; k < m->to; k++)
			{
				double		number;
				int64		code;

				CHECK_FOR_INTERRUPTS();
				if (!cd_matcher_test(m, k))
					continue;
				if (type == CD_TYPE_NUMBER && which != CD_COL_EVENT_ID)
				{
					if (!cd_column_number(&col, k, &number))
						continue;
					memcpy(&keys[n++], &number, 8);
				}
				else if (cd_column_integer(&col, k, &code))
					keys[n++] = (uint64) code;
			}
		}
		distinct += count_distinct(keys, n);
	}
	PG_RETURN_INT32(distinct);
}

PG_FUNCTION_INFO_V1(cd_event_distinct_all);
Datum
cd_event_distinct_all(PG_FUNCTION_ARGS)
{
	return event_distinct(fcinfo, FORM_ALL, 3);
}

PG_FUNCTION_INFO_V1(cd_event_distinct_last);
Datum
cd_event_distinct_last(PG_FUNCTION_ARGS)
{
	return event_distinct(fcinfo, FORM_LAST, 3);
}

PG_FUNCTION_INFO_V1(cd_event_distinct_between);
Datum
cd_event_distinct_between(PG_FUNCTION_ARGS)
{
	return event_distinct(fcinfo, FORM_BETWEEN, 3);
}

/* ---- comparisons with a known threshold ---- */

/* Whether x stands in a relation to a threshold. */
static bool
compares(double x, CdCompare op, double threshold)
{
	switch (op)
	{
		case CD_LT:
			return x < threshold;
		case CD_LE:
			return x <= threshold;
		case CD_EQ:
			return x == threshold;
		case CD_NE:
			return x != threshold;
		case CD_GE:
			return x >= threshold;
		default:
			return x > threshold;
	}
}

/* Moments and numbers of all matches (of = NULL: each counts 1), in order. */
static Sample *
list_samples(const CdMatcher *matchers, int n, const CdOf *of, int *nsamples, int *scale)
{
	Sample	   *samples;
	Size		total = 0;
	int			i,
				k;

	*nsamples = 0;
	*scale = 0;
	for (i = 0; i < n; i++)
	{
		CdColumn	col;

		total += matchers[i].to - matchers[i].from;
		if (of == NULL || !find_numbers(of, &matchers[i].kind, &col))
			continue;
		if (col.raw)
			*scale = -1;
		else if (*scale >= 0)
			*scale = Max(*scale, col.scale);
	}
	samples = palloc_extended(Max(total, 1) * sizeof(Sample), MCXT_ALLOC_HUGE);
	for (i = 0; i < n; i++)
	{
		const CdMatcher *m = &matchers[i];
		CdTimes		times;
		CdColumn	col = {0};
		int64		exact = 1;

		if (of != NULL && !find_numbers(of, &m->kind, &col))
			continue;
		cd_times_begin(&times, &m->kind, m->from);
		for (k = m->from; k < m->to; k++)
		{
			Sample	   *sample = &samples[*nsamples];

			sample->at = cd_times_next(&times);
			sample->number = 1;
			if (!cd_matcher_test(m, k) || (of != NULL && !cd_column_number(&col, k, &sample->number)))
				continue;
			if (of != NULL && *scale >= 0)
				(void) cd_column_integer(&col, k, &exact);
			sample->exact = *scale >= 0 ? (__int128) exact * cd_int_power10[*scale - col.scale] : 0;
			(*nsamples)++;
		}
	}
	if (n > 1)
		qsort(samples, *nsamples, sizeof(Sample), compare_samples);
	return samples;
}

/* Total of the samples from one on. */
static double
total_from(const Sample *samples, int from, int n, int scale)
{
	__int128	exact = 0;
	double		total = 0;
	int			i;

	for (i = from; i < n; i++)
	{
		exact += samples[i].exact;
		total += samples[i].number;
	}
	return scale >= 0 ? exact_number(exact, scale) : cd_finite_sum(total);
}

/* Whether a comparison of a count can turn when the count grows. */
static bool
more_turns(CdCompare op, bool answer)
{
	switch (op)
	{
		case CD_LT:
		case CD_LE:
			return answer;
		case CD_GE:
		case CD_GT:
			return !answer;
		default:
			return true;
	}
}

/* Whether it can turn when the count falls. */
static bool
fewer_turns(CdCompare op, bool answer)
{
	return op == CD_EQ || op == CD_NE || !more_turns(op, answer);
}

/* The moment of the k-th match from the oldest, within one kind. */
static TimestampTz
match_moment(const CdMatcher *m, int k)
{
	int			i = m->from;

	if (m->all)
		return cd_kind_at(&m->kind, i + k - 1);
	for (;;)
	{
		i = cd_matcher_first(m, i, m->to);
		if (--k == 0)
			return cd_kind_at(&m->kind, i);
		i++;
	}
}

/*
 * Compare a total with a threshold and note when the comparison turns: play
 * the oldest events leaving, instant by instant, until it does.
 */
static bool
compare_total(const CdTimeline *tl, const CdPattern *pattern, const CdWindow *window,
			  const CdOf *of, CdCompare op, double threshold)
{
	CdMatcher	few[CD_FEW];
	CdMatcher  *matchers;
	TimestampTz enters;
	int			n = cd_window_bind(window, pattern, tl, few, &matchers, &enters);
	Sample	   *samples;
	int			nsamples,
				scale,
				i;
	bool		answer;
	__int128	exact = 0;

	if (of == NULL)
	{
		int			count = 0;
		int			left = 1;

		for (i = 0; i < n; i++)
			count += cd_matcher_count(&matchers[i]);
		answer = compares(count, op, threshold);
		if (more_turns(op, answer))
			cd_validity_note(enters);
		if (!window->sliding || !fewer_turns(op, answer))
			return answer;
		while (left <= count && compares(count - left, op, threshold) == answer)
			left++;
		if (left > count)
			return answer;
		if (n == 1)
		{
			cd_validity_note(cd_window_turns(window, match_moment(&matchers[0], left)));
			return answer;
		}
	}
	else
	{
		if (!window->sliding)
		{
			Sum			sum;

			cd_validity_note(enters);
			return compares(cd_finite_sum(sum_numbers(matchers, n, of, &sum)), op, threshold);
		}
		cd_validity_note(enters);
	}
	samples = list_samples(matchers, n, of, &nsamples, &scale);
	answer = compares(total_from(samples, 0, nsamples, scale), op, threshold);
	for (i = 0; i < nsamples; i++)
		exact += samples[i].exact;
	for (i = 0; i < nsamples;)
	{
		TimestampTz at = samples[i].at;
		double		left;

		for (; i < nsamples && samples[i].at == at; i++)
			exact -= samples[i].exact;

		/* Without exact sums the turn is noted at the first that leaves: early. */
		left = exact_number(exact, Max(scale, 0));
		if (scale < 0 || compares(left, op, threshold) != answer)
		{
			cd_validity_note(cd_window_turns(window, at));
			break;
		}
	}
	pfree(samples);
	return answer;
}

/* event_count(...) <op> threshold */
bool
cd_event_count_compare(const CdTimeline *tl, const CdPattern *pattern, const CdWindow *window,
					   CdCompare op, double threshold)
{
	return compare_total(tl, pattern, window, NULL, op, threshold);
}

/* event_sum(...) <op> threshold */
bool
cd_event_sum_compare(const CdTimeline *tl, const CdPattern *pattern, const CdWindow *window,
					 const CdOf *of, CdCompare op, double threshold)
{
	return compare_total(tl, pattern, window, of, op, threshold);
}

/* Arguments of the comparisons in SQL: timeline, pattern, least, last. */
static bool
begin_compare(FunctionCallInfo fcinfo, CdTimeline *tl, const CdPattern **pattern, CdWindow *window)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return false;
	*pattern = cd_pattern_cached(fcinfo, 0, 1, PG_GETARG_DATUM(1));
	if (PG_ARGISNULL(3))
		cd_window_all(window);
	else
		cd_window_last(window, PG_GETARG_INTERVAL_P(3), cd_as_of());
	cd_timeline_open(tl, PG_GETARG_TIMELINE(0));
	return true;
}

/* event_count_at_least(timeline, pattern, least, last) */
PG_FUNCTION_INFO_V1(cd_event_count_at_least);
Datum
cd_event_count_at_least(PG_FUNCTION_ARGS)
{
	CdTimeline	tl;
	const CdPattern *pattern;
	CdWindow	window;

	if (!begin_compare(fcinfo, &tl, &pattern, &window))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(cd_event_count_compare(&tl, pattern, &window, CD_GE, PG_GETARG_FLOAT8(2)));
}

/* event_sum_at_least(timeline, pattern, least, last, of) */
PG_FUNCTION_INFO_V1(cd_event_sum_at_least);
Datum
cd_event_sum_at_least(PG_FUNCTION_ARGS)
{
	CdTimeline	tl;
	const CdPattern *pattern;
	CdWindow	window;
	CdOf		of;
	text	   *name;

	if (PG_ARGISNULL(4) || !begin_compare(fcinfo, &tl, &pattern, &window))
		PG_RETURN_NULL();
	name = PG_GETARG_TEXT_PP(4);
	cd_of_read(&of, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	PG_RETURN_BOOL(cd_event_sum_compare(&tl, pattern, &window, &of, CD_GE, PG_GETARG_FLOAT8(2)));
}
