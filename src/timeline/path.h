/*
 * path.h
 *		What comes before and after an event, for C callers.
 */
#ifndef CD_PATH_H
#define CD_PATH_H

#include "timeline/event_pattern.h"
#include "utils/timestamp.h"

/* One event of a path. */
typedef struct CdPathEvent
{
	TimestampTz at;
	int			kind;
	int			index;			/* among the events of its kind */
	bool		match;
} CdPathEvent;

/* Called for each path: the event it starts from, and the kinds of its steps. */
typedef void (*CdPathVisit) (void *arg, const CdWalk *walk, const CdPathEvent *start, const int *kinds, int length);

/* Refuse a number of steps or a gap that makes no sense. */
extern void cd_path_check(int nsteps, const Interval *gap);

/* Visit the path from each event with since <= at < until that matches. */
extern void cd_paths(const CdTimeline *tl, TimestampTz since, TimestampTz until, const CdPattern *start,
					 int nsteps, const Interval *gap, int direction, CdPathVisit visit, void *arg);

#endif							/* CD_PATH_H */
