/*
 * window.h
 *		Windows that move with as_of(), and the first moment one lets go.
 */
#ifndef CD_WINDOW_H
#define CD_WINDOW_H

#include "customer_data.h"

#include "utils/date.h"

/* now - span, as SQL's operator computes it; the last answer is kept. */
extern TimestampTz cd_window_cut(TimestampTz now, const Interval *span);

/* at + span, as SQL's operator computes it, at once where that is plain. */
extern TimestampTz cd_plus_span(TimestampTz at, const Interval *span);

/*
 * Answer at > now - span, and set *until to the first moment at which that
 * answer could change while time passes: exact, or early where months are
 * clipped or the clock is put forward or back; DT_NOEND if never.
 */
extern bool cd_window_after(TimestampTz at, const Interval *span, TimestampTz now,
							TimestampTz *until);

/*
 * The same for one span and one moment asked many times.  Spans of hours, and
 * days where the clock never changes, are a plain shift of time.
 */
typedef struct CdSpan
{
	Interval	span;
	TimestampTz now;
	TimestampTz cut;			/* now - span */
	bool		plain;
	int64		length;			/* of a plain one */
} CdSpan;

extern void cd_span_begin(CdSpan *span, const Interval *interval, TimestampTz now);

static inline bool
cd_span_after(const CdSpan *span, TimestampTz at, TimestampTz *until)
{
	bool		answer;

	if (!span->plain || TIMESTAMP_NOT_FINITE(at) || at >= END_TIMESTAMP - Max(span->length, 0))
		return cd_window_after(at, &span->span, span->now, until);
	answer = at > span->cut;
	*until = answer ? at + span->length : DT_NOEND;
	return answer;
}

/* The calendar day of as_of() in the session's time zone, kept while nobody asks of another moment. */
extern DateADT cd_today(TimestampTz now);

/* The start of a calendar day in the session's time zone. */
extern TimestampTz cd_midnight(DateADT day);

/* The start of the calendar day (session time zone) that follows a moment. */
extern TimestampTz cd_next_midnight(TimestampTz now);

/*
 * The next moment at which the session's clock goes back over a midnight, so
 * that a calendar day comes twice; DT_NOEND where that does not happen.
 */
extern TimestampTz cd_next_repeated_day(TimestampTz now);

/* Refuse spans that are partly negative or endless, which mean no window. */
extern void cd_check_window(const Interval *span);

#endif							/* CD_WINDOW_H */
