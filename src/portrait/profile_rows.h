/*
 * profile_rows.h
 *		Rows of customer_data.profile, with some of its columns, batch by batch.
 */
#ifndef CD_PROFILE_ROWS_H
#define CD_PROFILE_ROWS_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "nodes/pg_list.h"

typedef struct CdProfileRows CdProfileRows;

/*
 * Make ready to fetch columns, by name, of customers; in the current memory
 * context and inside SPI_connect().  Tags that are "unseen" (paths, or path.*)
 * are left out of the column tags.
 */
extern CdProfileRows *cd_profile_rows(const List *columns, const List *unseen);

/*
 * Whom of some ids, ascending, there are as customers: their ids, at most
 * count, in found, and their rows: a customer_id, then the columns.  Rows are
 * NULL where no column is asked for; they live in SPI_tuptable.
 */
extern int	cd_profile_rows_fetch(CdProfileRows *rows, const uint32 *ids, int count,
								  uint32 *found, HeapTuple *tuples, TupleDesc *desc);

#endif							/* CD_PROFILE_ROWS_H */
