/*
 * refresh.h
 *		What the refresh of metrics and that of tags have in common.
 */
#ifndef CD_REFRESH_H
#define CD_REFRESH_H

#include "portrait/due.h"
#include "portrait/evaluate.h"

#include "fmgr.h"

/* Ids as a bigint[]. */
extern Datum cd_ids_array(const uint32 *ids, int count);

/* The arguments (ids, sets of customers) of evaluate_metrics() and evaluate_tags(); a NULL set is everyone. */
extern int	cd_refresh_arguments(FunctionCallInfo fcinfo, Datum **ids, CdSet ***customers);

/* Their result (evaluated, changed), for tags also who is gone and whether the index by tag knows. */
extern Datum cd_refresh_result(FunctionCallInfo fcinfo, int64 evaluated, CdSetBuilder *changed, CdSet *gone, bool indexed);

/*
 * Write how the refresh of a metric or a tag ("room") went, and who is due
 * when, which was noted under a number; inside SPI_connect().
 */
extern void cd_refresh_state(const char *room, int32 id, const CdExpression *expression, int64 evaluated,
							 CdDue *due, int number);

/* Take customers who are no more out of a table; inside SPI_connect(), and answers who in the present context. */
extern CdSet * cd_refresh_forget(const char *table, CdEvaluation *evaluation);

#endif							/* CD_REFRESH_H */
