/*
 * refresh.h
 *		What the refresh of metrics and that of tags have in common.
 */
#ifndef CD_REFRESH_H
#define CD_REFRESH_H

#include "portrait/due.h"
#include "portrait/evaluate.h"

#include "executor/spi.h"
#include "fmgr.h"

/* Ids as a bigint[]. */
extern Datum cd_ids_array(const uint32 *ids, int count);

/* The arguments (ids, sets of customers) of evaluate_metrics() and evaluate_tags(); a NULL set is everyone. */
extern int	cd_refresh_arguments(FunctionCallInfo fcinfo, Datum **ids, CdSet ***customers);

/* Their result (evaluated, changed), for tags also who is gone and whether the index by tag knows. */
extern Datum cd_refresh_result(FunctionCallInfo fcinfo, int64 evaluated, CdSetBuilder *changed, CdSet *gone, bool indexed);

/* A statement that is planned once, whatever its parameters; inside SPI_connect(). */
extern SPIPlanPtr cd_prepare_once(const char *query, int nargs, Oid *types);

/*
 * Write how the refresh of some metrics or tags ("room") went, by their
 * numbers, and who is due when, which was noted under their places; inside
 * SPI_connect().  Answers how many evaluations that were.
 */
extern int64 cd_refresh_states(const char *room, const Datum *ids, const CdExpression *expressions,
							   int count, CdDue *due);

/* Take customers who are no more out of a table; inside SPI_connect(), and answers who in the present context. */
extern CdSet * cd_refresh_forget(const char *table, CdEvaluation *evaluation);

#endif							/* CD_REFRESH_H */
