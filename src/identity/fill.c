/*
 * fill.c
 *		Tables that are written all at once, from the rows of a query: their
 *		indexes are made when all is there.
 */
#include "postgres.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "identity/rows.h"
#include "insertion.h"

#define MOST_COLUMNS	6

typedef struct Filling
{
	CdInsertion *insertion;
	Datum		value[MOST_COLUMNS];
	bool		isnull[MOST_COLUMNS];
} Filling;

/* Take a row to write. */
static void
take_new_row(void *state, uint64 row)
{
	Filling    *filling = state;

	heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, filling->value, filling->isnull);
	cd_insertion_add(filling->insertion, filling->value, filling->isnull);
}

/* Write the rows of a query, which give the first columns of a table. */
static void
fill_table(const char *table, int columns, const char *query, int nargs, Oid *types, Datum *args)
{
	Filling		filling;

	SPI_connect();
	filling.insertion = cd_insertion_begin(table, columns, true);
	cd_each_row(SPI_cursor_open_with_args(NULL, query, nargs, types, args, NULL, true, CURSOR_OPT_NO_SCROLL), take_new_row, &filling);
	cd_insertion_end(filling.insertion);
	SPI_finish();
}

/* fill_account_keys() → void: write what account_key_given holds into account_key, which is empty. */
PG_FUNCTION_INFO_V1(cd_fill_account_keys);
Datum
cd_fill_account_keys(PG_FUNCTION_ARGS)
{
	fill_table("account_key", 4, "SELECT DISTINCT k.how, k.value, k.customer_id, k.is_account"
			   " FROM customer_data.account_key_given k", 0, NULL, NULL);
	PG_RETURN_VOID();
}

/*
 * fill_evidence(link_id int, source_a int, source_b int, keys_a text[], keys_b
 * text[], moments timestamptz[]) → void: write pairs that a link names, with
 * the arriving records that have their keys.
 */
PG_FUNCTION_INFO_V1(cd_fill_evidence);
Datum
cd_fill_evidence(PG_FUNCTION_ARGS)
{
	Oid			types[6] = {INT4OID, INT4OID, INT4OID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID};
	Datum		args[6];

	for (int i = 0; i < 6; i++)
		args[i] = PG_GETARG_DATUM(i);
	fill_table("identity_evidence", 6, "SELECT $1, f.key_a, f.key_b, f.at, a.record_id, b.record_id"
			   " FROM unnest($4, $5, $6) AS f(key_a, key_b, at)"
			   " LEFT JOIN customer_data.arriving_record a ON a.source_id OPERATOR(pg_catalog.=) $2 AND a.key OPERATOR(pg_catalog.=) f.key_a"
			   " LEFT JOIN customer_data.arriving_record b ON b.source_id OPERATOR(pg_catalog.=) $3 AND b.key OPERATOR(pg_catalog.=) f.key_b",
			   6, types, args);
	PG_RETURN_VOID();
}
