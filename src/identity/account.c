/*
 * account.c
 *		The keys that name accounts, written all at once.
 */
#include "postgres.h"

#include "customer_data.h"

#include "executor/spi.h"
#include "identity/rows.h"
#include "insertion.h"

#define KEY_COLUMNS	4

static void
take_key(void *state, uint64 row)
{
	Datum		value[KEY_COLUMNS];
	bool		isnull[KEY_COLUMNS];

	heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, value, isnull);
	cd_insertion_add((CdInsertion *) state, value, isnull);
}

/*
 * fill_account_keys() → void: write what account_key_given holds into
 * account_key, which is empty; its indexes are made when all is there.
 */
PG_FUNCTION_INFO_V1(cd_fill_account_keys);
Datum
cd_fill_account_keys(PG_FUNCTION_ARGS)
{
	CdInsertion *insertion;

	SPI_connect();
	insertion = cd_insertion_begin("account_key", KEY_COLUMNS, true);
	cd_each_row(SPI_cursor_open_with_args(NULL, "SELECT DISTINCT k.how, k.value, k.customer_id, k.is_account"
										  " FROM customer_data.account_key_given k",
										  0, NULL, NULL, NULL, true, CURSOR_OPT_NO_SCROLL),
				take_key, insertion);
	cd_insertion_end(insertion);
	SPI_finish();
	PG_RETURN_VOID();
}
