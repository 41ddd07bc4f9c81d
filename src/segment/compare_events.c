/*
 * compare_events.c
 *		What event_count(...) >= 3 and its like become inside conditions: the
 *		answer holds until the comparison changes, not the count.
 */
#include "postgres.h"

#include "customer_data.h"
#include "timeline/event_count.h"

#include "access/stratnum.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* compare_events(events, pattern, last, of, comparison, number) */
PG_FUNCTION_INFO_V1(cd_compare_events);
Datum
cd_compare_events(PG_FUNCTION_ARGS)
{
	static const CdCompare ops[] = {CD_LT, CD_LE, CD_EQ, CD_GE, CD_GT};
	CdTimeline	reader;
	CdWindow	window;
	const CdPattern *pattern;
	int			op;
	double		number;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(4) || PG_ARGISNULL(5))
		PG_RETURN_NULL();
	op = PG_GETARG_INT32(4);
	if (op < BTLessStrategyNumber || op > BTMaxStrategyNumber)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("comparison must be a number from 1 (<) to 5 (>)")));
	number = PG_GETARG_FLOAT8(5);
	pattern = cd_pattern_cached(fcinfo, 0, 1, PG_GETARG_DATUM(1));
	cd_timeline_open(&reader, PG_GETARG_TIMELINE(0));
	cd_window_last(&window, PG_GETARG_INTERVAL_P(2), cd_as_of());
	if (PG_ARGISNULL(3))
		PG_RETURN_BOOL(cd_event_count_compare(&reader, pattern, &window, ops[op - 1], number));
	else
	{
		text	   *name = PG_GETARG_TEXT_PP(3);
		CdOf		of;

		cd_of_read(&of, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
		PG_RETURN_BOOL(cd_event_sum_compare(&reader, pattern, &window, &of, ops[op - 1], number));
	}
}
