/*
 * event_count.h
 *		Counting in windows, for C callers that know what the answer is
 *		compared with: their validity is that of the comparison.
 */
#ifndef CD_EVENT_COUNT_H
#define CD_EVENT_COUNT_H

#include <math.h>

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
 * A total of numbers from columns of any form, in any order: decimals are
 * added exactly, of other numbers what rounding loses is kept apart (Neumaier,
 * "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974).
 */
typedef struct CdTotal
{
	int128		exact;			/* in units of the smallest scale */
	double		sum;
	double		lost;
} CdTotal;

extern const int64 cd_int_power10[CD_MAX_SCALE + 1];

/* Add the number of an event; false when it has none. */
static inline bool
cd_total_add(CdTotal *total, const CdColumn *col, int i)
{
	int64		integer;
	double		number,
				sum;

	if (!col->raw)
	{
		if (!cd_column_integer(col, i, &integer))
			return false;
		total->exact += (int128) integer * cd_int_power10[CD_MAX_SCALE - col->scale];
		return true;
	}
	if (!cd_column_number(col, i, &number))
		return false;
	sum = total->sum + number;
	total->lost += fabs(total->sum) >= fabs(number) ? (total->sum - sum) + number : (number - sum) + total->sum;
	total->sum = sum;
	return true;
}

/* The total; an error where it is beyond float8. */
extern double cd_total_result(const CdTotal *total);

/* Refuse a sum that is beyond float8, as sum() does. */
extern double cd_finite_sum(double sum);

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
