/*
 * event_count.h
 *		Counting in windows, for C callers that know what the answer is
 *		compared with: their validity is that of the comparison.
 */
#ifndef CD_EVENT_COUNT_H
#define CD_EVENT_COUNT_H

#include "timeline/event_window.h"

typedef enum CdCompare
{
	CD_LT,
	CD_LE,
	CD_EQ,
	CD_NE,
	CD_GE,
	CD_GT
} CdCompare;

/* Which number of an event is meant: 'value', 'quantity' or a property. */
typedef struct CdOf
{
	int			which;			/* CD_COL_VALUE, CD_COL_QUANTITY or CD_COL_PROPERTY */
	const char *name;
	int			len;
} CdOf;

extern void cd_of_read(CdOf *of, const char *name, int len);

/*
 * event_count(...) <op> threshold and event_sum(...) <op> threshold, noting the
 * first moment at which the comparison, rather than the count or sum, can
 * change.
 */
extern bool cd_event_count_compare(const CdTimeline *tl, const CdPattern *pattern, const CdWindow *window,
								   CdCompare op, double threshold);
extern bool cd_event_sum_compare(const CdTimeline *tl, const CdPattern *pattern, const CdWindow *window,
								 const CdOf *of, CdCompare op, double threshold);

#endif							/* CD_EVENT_COUNT_H */
