/*
 * insertion.h
 *		Insert many rows that are new to one of our tables, as COPY would, and
 *		replace others.
 */
#ifndef CD_INSERTION_H
#define CD_INSERTION_H

#include "storage/itemptr.h"

typedef struct CdInsertion CdInsertion;

/*
 * Rows for a table of schema customer_data, of whose first columns values will
 * be given (0: of all).  Lives in the current memory context; SPI must be
 * connected and stay so until the end.  With "indexes_last" the indexes of a
 * table without any page are built when all rows are there; nothing of the
 * table may be open then.
 */
extern CdInsertion *cd_insertion_begin(const char *table, int columns, bool indexes_last);

/* Are rows written without a statement, and so beside parallel workers, too? */
extern bool cd_insertion_is_direct(const CdInsertion *insertion);

/* How many columns are given, dropped ones included. */
extern int	cd_insertion_columns(const CdInsertion *insertion);

/* Add a row; values and nulls by attribute number less one are copied. */
extern void cd_insertion_add(CdInsertion *insertion, const Datum *values, const bool *nulls);

/* Are rows replaced without a statement? */
extern bool cd_insertion_replaces(const CdInsertion *insertion);

/*
 * Put a row in place of another that the active snapshot sees; false where
 * that is no longer as it was.  Only if cd_insertion_replaces().
 */
extern bool cd_insertion_replace(CdInsertion *insertion, ItemPointer place, const Datum *values, const bool *nulls);

/* Write what is left; the commands that follow see the rows. */
extern void cd_insertion_end(CdInsertion *insertion);

#endif							/* CD_INSERTION_H */
