/*
 * evaluate.h
 *		Asking conditions, by one process or several.
 */
#ifndef CD_SEGMENT_EVALUATE_H
#define CD_SEGMENT_EVALUATE_H

#include "segment/engine.h"

#include "tcop/dest.h"
#include "utils/array.h"

/* Setting customer_data.segment_workers. */
#define CD_SEGMENT_WORKERS_MOST		16
extern int	cd_segment_workers;

/* In a worker: ask the conditions of a range of customers; errors are the caller's. */
extern void cd_evaluate_range(ArrayType *ids, ArrayType *dues, CdSet *touched, DestReceiver *receiver, TupleDesc rowtype,
							  uint32 least, uint32 greatest);

/* In the leader: have workers do it. */
extern bool cd_evaluate_in_parallel(CdRun *run, ArrayType *ids, ArrayType *dues, bool *begun);

#endif							/* CD_SEGMENT_EVALUATE_H */
