/*
 * unanswered.h
 *		What was begun and not followed up, for C callers.
 */
#ifndef CD_UNANSWERED_H
#define CD_UNANSWERED_H

#include "timeline/event_window.h"

/* same may be NULL (any answer counts), grace may be NULL (none). */
extern bool cd_unanswered(const CdTimeline *tl, const CdPattern *asked, const CdPattern *answered,
						  const char *same, int samelen, const CdWindow *window, const CdWindow *grace);

/* The last event of all, up to as_of() in a timeline cut there, that was not answered; DT_NOBEGIN where there is none. */
extern TimestampTz cd_unanswered_last(const CdTimeline *tl, const CdPattern *asked, const CdPattern *answered,
									  const char *same, int samelen);

#endif							/* CD_UNANSWERED_H */
