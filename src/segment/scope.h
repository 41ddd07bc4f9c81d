/*
 * scope.h
 *		The timelines of a block of customers, as many conditions look at them:
 *		each timeline's kinds are found once, each pattern is bound once, and
 *		what windows ask for is one moment.
 *
 * "At least three purchases in the last 30 days" holds exactly when the third
 * purchase from the end lies inside the window.  So do sums of amounts that
 * are not negative, counts of days and of different values: with S the last
 * moment since which there is enough, the answer is whether S is inside, and
 * it turns when S leaves (or comes back in).  S does not depend on the window.
 */
#ifndef CD_SCOPE_H
#define CD_SCOPE_H

#include "customer_data.h"

#include "fmgr.h"

#define CD_BLOCK			64

typedef enum CdMeasure
{
	CD_MEASURE_COUNT,			/* events */
	CD_MEASURE_SUM,				/* of a number they carry */
	CD_MEASURE_DAYS,			/* calendar days with one */
	CD_MEASURE_DISTINCT			/* different values of a property */
} CdMeasure;

typedef struct CdScope CdScope;

extern CdScope *cd_scope(MemoryContext context);

/* Numbers of a pattern and of a measure over it; the same is noted once. */
extern int	cd_scope_pattern(CdScope *scope, struct varlena *pattern);
extern int	cd_scope_measure(CdScope *scope, int pattern, CdMeasure what, text *of, double amount);

/* Of how much work a pattern is: 1 where it means all events of one kind. */
extern int	cd_scope_cost(CdScope *scope, int pattern);

/* Go to other customers, at most CD_BLOCK; events need not be touched before they are asked. */
extern void cd_scope_begin(CdScope *scope, const Datum *events);

/* Moment of the last or first match; DT_NOBEGIN or DT_NOEND when there is none. */
extern TimestampTz cd_scope_last(CdScope *scope, int pattern, int row);
extern TimestampTz cd_scope_first(CdScope *scope, int pattern, int row);

/*
 * The last moment since which a measure reaches an amount (exceeds it, if
 * strict); DT_NOBEGIN where all there is does not, DT_NOEND where nothing is
 * needed.  False where it takes more than one moment to tell: then ask
 * cd_scope_compare.
 */
extern bool cd_scope_reached(CdScope *scope, int measure, int row, double amount, bool strict,
							 TimestampTz *at);

/* A sum over a window (NULL: everything) against an amount, noting its validity. */
extern bool cd_scope_compare(CdScope *scope, int measure, int row, const Interval *last,
							 TimestampTz now, int strategy, double amount);

#endif							/* CD_SCOPE_H */
