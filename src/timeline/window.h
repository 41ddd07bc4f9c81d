/*
 * window.h
 *		Windows of time over a timeline, and until when an answer over one holds.
 */
#ifndef CD_WINDOW_H
#define CD_WINDOW_H

#include "timeline/event_pattern.h"
#include "utils/timestamp.h"

/* Events with since <= at < until; a sliding one is last => span before as_of. */
typedef struct CdWindow
{
	TimestampTz since;
	TimestampTz until;
	bool		sliding;
	TimestampTz as_of;
	Interval	span;
	TimestampTz start;			/* as_of - span: the window is start < at <= as_of */
	TimestampTz slack;			/* events in (slack, start] can come back in */
} CdWindow;

extern void cd_window_all(CdWindow *window);
extern void cd_window_between(CdWindow *window, TimestampTz since, TimestampTz until);
extern void cd_window_last(CdWindow *window, const Interval *span, TimestampTz as_of);

/* First moment, or an earlier one, at which an event inside is outside. */
extern TimestampTz cd_window_leaves(const CdWindow *window, TimestampTz at);

/* First moment, or an earlier one, at which the window's start can step back. */
extern TimestampTz cd_window_steps_back(const CdWindow *window);

/* Bind a pattern to the kinds that can match; *enters: when events can come in. */
extern int	cd_window_bind(const CdWindow *window, const CdPattern *pattern, const CdTimeline *tl,
						   CdMatcher *few, CdMatcher **matchers, TimestampTz *enters);

#endif							/* CD_WINDOW_H */
