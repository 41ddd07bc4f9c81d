/*
 * rows.c
 *		Read the rows of a query without holding all of them.
 */
#include "postgres.h"

#include "customer_data.h"

#include "executor/spi.h"
#include "identity/rows.h"
#include "miscadmin.h"

/* Rows that are fetched at a time. */
#define ROWS_AT_ONCE	5000

void
cd_each_row(Portal portal, CdTakeRow take, void *state)
{
	for (;;)
	{
		SPI_cursor_fetch(portal, true, ROWS_AT_ONCE);
		if (SPI_processed == 0)
			break;
		CHECK_FOR_INTERRUPTS();
		for (uint64 i = 0; i < SPI_processed; i++)
			take(state, i);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}
