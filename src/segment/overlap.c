/*
 * overlap.c
 *		How many customers each two conditions share, chunk by chunk, so that
 *		every stored set is read once.
 */
#include "postgres.h"

#include "sets/customer_set.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

static int
compare_ids(const void *a, const void *b)
{
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	return x < y ? -1 : x > y;
}

/* Add up what the sets of one chunk share. */
static void
count_chunk(int64 *shared, int n, const int *places, CdSet **sets, int count)
{
	int			i,
				k;

	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		shared[(Size) places[i] * n + places[i]] += cd_set_cardinality(sets[i]);
		for (k = i + 1; k < count; k++)
			shared[(Size) places[i] * n + places[k]] += cd_set_and_cardinality(sets[i], sets[k]);
	}
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
	Datum	   *values;
	bool	   *nulls;
	int32	   *ids;
	int			n,
				i,
				k;
	int64	   *shared;
	int		   *places;
	CdSet	  **sets;
	int			count = 0;
	int32		chunk = -1;
	uint64		row;
	MemoryContext context;
	MemoryContext old;

	InitMaterializedSRF(fcinfo, 0);
	deconstruct_array(array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &values, &nulls, &n);
	ids = palloc(sizeof(int32) * Max(n, 1));
	for (i = k = 0; i < n; i++)
		if (!nulls[i])
			ids[k++] = DatumGetInt32(values[i]);
	n = k;
	qsort(ids, n, sizeof(int32), compare_ids);
	shared = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(mul_size(sizeof(int64), Max(n, 1)), Max(n, 1)));
	memset(shared, 0, sizeof(int64) * (Size) n * n);
	places = palloc(sizeof(int) * Max(n, 1));
	sets = palloc(sizeof(CdSet *) * Max(n, 1));

	SPI_connect();
	context = AllocSetContextCreate(CurrentMemoryContext, "sets of a chunk", ALLOCSET_DEFAULT_SIZES);
	args[0] = PointerGetDatum(array);
	if (SPI_execute_with_args("SELECT m.chunk, m.condition_id, m.members FROM customer_data.condition_member m "
							  "WHERE m.condition_id = ANY ($1) ORDER BY m.chunk, m.condition_id",
							  1, types, args, NULL, true, 0) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read members")));
	for (row = 0; row < SPI_processed; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		bool		isnull;
		int32		at = DatumGetInt32(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &isnull));
		int32		id = DatumGetInt32(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &isnull));

		if (at != chunk || count == n)
		{
			count_chunk(shared, n, places, sets, count);
			MemoryContextReset(context);
			count = 0;
			chunk = at;
		}
		old = MemoryContextSwitchTo(context);
		places[count] = (int) ((int32 *) bsearch(&id, ids, n, sizeof(int32), compare_ids) - ids);
		sets[count++] = cd_set_detoast(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 3, &isnull));
		MemoryContextSwitchTo(old);
	}
	count_chunk(shared, n, places, sets, count);
	SPI_finish();

	for (i = 0; i < n; i++)
		for (k = i; k < n; k++)
		{
			Datum		out[3];
			bool		out_nulls[3] = {false};

			out[0] = Int32GetDatum(ids[i]);
			out[1] = Int32GetDatum(ids[k]);
			out[2] = Int64GetDatum(shared[(Size) i * n + k]);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, out, out_nulls);
		}
	return (Datum) 0;
}
