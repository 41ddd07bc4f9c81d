/*
 * moment.h
 *		Comparisons with a moment that moves with as_of().
 */
#ifndef CD_MOMENT_H
#define CD_MOMENT_H

#include "customer_data.h"

/* at <op> now - span, op a btree strategy number; notes until when it holds. */
extern bool cd_compare_cut(TimestampTz at, const Interval *span, int op, TimestampTz now);

/* Refuse days before or after an anniversary that is_anniversary() does not take. */
extern void cd_check_days_around(int days);

#endif							/* CD_MOMENT_H */
