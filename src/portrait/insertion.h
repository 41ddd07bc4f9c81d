/*
 * insertion.h
 *		Insert many rows that are new to one of our tables, as COPY would.
 */
#ifndef CD_INSERTION_H
#define CD_INSERTION_H

#include "customer_data.h"

#include "executor/tuptable.h"

typedef struct CdInsertion CdInsertion;

/*
 * Rows for a table of customer_data, of which at least so many columns will be
 * filled in; NULL where it has triggers, policies or other properties that
 * only a statement honours.  Lives in the current memory context.
 */
extern CdInsertion *cd_insertion_begin(const char *table, int columns);

/* A row to fill in, all columns NULL; values must live until the flush. */
extern TupleTableSlot *cd_insertion_row(CdInsertion *insertion);

/* Write the rows so far; they are visible to the statements that follow. */
extern void cd_insertion_flush(CdInsertion *insertion);
extern void cd_insertion_end(CdInsertion *insertion);

#endif							/* CD_INSERTION_H */
