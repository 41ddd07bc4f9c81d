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

/* Make room for one more in an array, in the current memory context. */
#define CD_GROW(array, n) \
	((array) = (array) == NULL ? palloc(sizeof(*(array))) : repalloc((array), ((n) + 1) * sizeof(*(array))))

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

/* The number of a pair of patterns: asked and answered, of the same property unless that is NULL. */
extern int	cd_scope_pair(CdScope *scope, int asked, int answered, text *same);

/* Of how much work a pattern is: 1 where it means all events of one kind. */
extern int	cd_scope_cost(CdScope *scope, int pattern);

/* Go to other customers, at most CD_BLOCK; events need not be touched before they are asked. */
extern void cd_scope_begin(CdScope *scope, const Datum *events, int nrows);

/* What moment of a customer is meant. */
typedef enum CdMomentKind
{
	CD_MOMENT_LAST,				/* of the last match of a pattern; DT_NOBEGIN when there is none */
	CD_MOMENT_FIRST,			/* of the first one; DT_NOEND when there is none */
	CD_MOMENT_UNANSWERED,		/* of the last of a pair that was not answered; DT_NOBEGIN when there is none */
	CD_MOMENT_REACHED,			/* the last one since which a measure reaches an amount; DT_NOBEGIN */
	CD_MOMENT_EXCEEDED			/* where all there is does not, DT_NOEND where nothing is needed */
} CdMomentKind;

/* The number of such a moment, of a pattern, pair or measure; the same is noted once. */
extern int	cd_scope_moment(CdScope *scope, CdMomentKind kind, int number, double amount);

/*
 * That moment of some customers, by their place in the block; *slow says of
 * whom it takes more than one moment to tell: then ask cd_scope_compare.
 * *at_work is the customer looked at, should an error be raised.
 */
extern const TimestampTz *cd_scope_moments(CdScope *scope, int moment, uint64 rows, int *at_work, uint64 *slow);

/* A sum over a window (NULL: everything) against an amount, noting its validity. */
extern bool cd_scope_compare(CdScope *scope, int measure, int row, const Interval *last,
							 TimestampTz now, int strategy, double amount);

#endif							/* CD_SCOPE_H */
