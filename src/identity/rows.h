/*
 * rows.h
 *		Read the rows of a query without holding all of them.
 */
#ifndef CD_ROWS_H
#define CD_ROWS_H

#include "utils/portal.h"

/* Takes a row of SPI_tuptable. */
typedef void (*CdTakeRow) (void *state, uint64 row);

/* Hand on all rows of a portal, and close it; SPI is connected. */
extern void cd_each_row(Portal portal, CdTakeRow take, void *state);

#endif							/* CD_ROWS_H */
