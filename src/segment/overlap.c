/*
 * overlap.c
 *		How many customers each two conditions share, chunk by chunk, so that
 *		every stored set is read once.
 */
#include "postgres.h"

#include "sets/overlap.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

/* Rows read at a time */
#define FETCH_ROWS	256

/* Conditions counted against each other: so many make twelve and a half million pairs. */
#define MOST_CONDITIONS	5000

static int
compare_ids(const void *a, const void *b)
{
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	return x < y ? -1 : x > y;
}

/* The ids that are asked for, ascending, each once and without NULL */
static int
take_ids(ArrayType *array, int32 **result)
{
	Datum	   *values;
	bool	   *nulls;
	int32	   *ids;
	int			n,
				i,
				k;

	deconstruct_array(array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &values, &nulls, &n);
	ids = palloc(sizeof(int32) * Max(n, 1));
	for (i = k = 0; i < n; i++)
		if (!nulls[i])
			ids[k++] = DatumGetInt32(values[i]);
	qsort(ids, k, sizeof(int32), compare_ids);
	for (n = i = 0; i < k; i++)
		if (n == 0 || ids[i] != ids[n - 1])
			ids[n++] = ids[i];
	*result = ids;
	return n;
}

/* overlap_of(condition_ids): of each two how many they share, of each one its size */
PG_FUNCTION_INFO_V1(cd_overlap_of);
Datum
cd_overlap_of(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Oid			types[] = {INT4ARRAYOID};
	Datum		args[1];
	int32	   *ids;
	int			n = take_ids(array, &ids);
	int			i,
				k;
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	CdOverlap  *overlap;
	Portal		portal;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	args[0] = PointerGetDatum(array);
	portal = SPI_cursor_open_with_args(NULL, "SELECT m.chunk, m.condition_id, m.members FROM customer_data.member_chunk m "
									   "WHERE m.condition_id = ANY ($1) ORDER BY m.chunk, m.condition_id",
									   1, types, args, NULL, true, 0);
	/* Opening it has checked rights. */
	if (n > MOST_CONDITIONS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("cannot compare more than %d conditions with each other", MOST_CONDITIONS),
				 errdetail("%d were given.", n),
				 errhint("Ask for those of interest only: segment_overlap(names) takes names of segments.")));
	old = MemoryContextSwitchTo(context);
	overlap = cd_overlap_begin(n);
	MemoryContextSwitchTo(old);
	for (;;)
	{
		uint64		row;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (row = 0; row < SPI_processed; row++)
		{
			HeapTuple	tuple = SPI_tuptable->vals[row];
			bool		isnull;
			int32		at = DatumGetInt32(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &isnull));
			int32		id = DatumGetInt32(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &isnull));
			Datum		members = SPI_getbinval(tuple, SPI_tuptable->tupdesc, 3, &isnull);
			CdSet	   *set;

			set = cd_set_detoast(members);
			cd_overlap_add(overlap, at, (int) ((int32 *) bsearch(&id, ids, n, sizeof(int32), compare_ids) - ids), set);
			if (set != (CdSet *) DatumGetPointer(members))
				pfree(set);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	cd_overlap_end_chunk(overlap);
	SPI_cursor_close(portal);
	SPI_finish();

	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (k = i; k < n; k++)
		{
			Datum		out[3];
			bool		out_nulls[3] = {false};

			out[0] = Int32GetDatum(ids[i]);
			out[1] = Int32GetDatum(ids[k]);
			out[2] = Int64GetDatum(cd_overlap_shared(overlap, i, k));
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, out, out_nulls);
		}
	}
	return (Datum) 0;
}
