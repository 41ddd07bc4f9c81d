/*
 * event_window.h
 *		Windows of time over a timeline, and until when an answer over one holds.
 */
#ifndef CD_EVENT_WINDOW_H
#define CD_EVENT_WINDOW_H

#include "timeline/event_pattern.h"
#include "utils/timestamp.h"

/* Events with since <= at < until; a sliding one is last => span before as_of. */
typedef struct CdWindow
{
	TimestampTz since;
	TimestampTz until;
	bool		sliding;
	bool		ahead;			/* not sliding, but events after as_of are not known yet */
	TimestampTz later;			/* where such a window ends in time */
	TimestampTz as_of;
	Interval	span;
	TimestampTz start;			/* as_of - span: the window is start < at <= as_of */
	TimestampTz back;			/* events in (back, start] may come back in */
} CdWindow;

extern void cd_window_all(CdWindow *window);
extern void cd_window_between(CdWindow *window, TimestampTz since, TimestampTz until);
extern void cd_window_last(CdWindow *window, const Interval *span, TimestampTz as_of);

/*
 * First moment (or an earlier one) at which a past event inside a sliding
 * window is outside, or one outside is inside again; DT_NOEND if never.
 */
extern TimestampTz cd_window_turns(const CdWindow *window, TimestampTz at);

/*
 * Bind a pattern to the kinds that can match, each with its positions inside
 * the window.  *enters receives the first moment at which an event can come
 * in: one yet to happen, or one that left and can come back; DT_NOEND if none
 * can.
 */
extern int	cd_window_bind(const CdWindow *window, const CdPattern *pattern, const CdTimeline *tl,
						   CdMatcher *few, CdMatcher **matchers, TimestampTz *enters);

#endif							/* CD_EVENT_WINDOW_H */
