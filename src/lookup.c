/*
 * lookup.c
 *		Rows of one of our tables by an integer column, many values at once:
 *		one walk over the index where values lie close together, else a look for
 *		each.  No statement is planned, and rows are not copied.
 */
#include "postgres.h"

#include "lookup.h"

#include "customer_data.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Of a range of values at least one in so many must be asked for, or each is looked up. */
#define MOST_GAPS	3

bool
cd_lookup_is_dense(const int64 *values, int count)
{
	return (uint64) values[count - 1] - (uint64) values[0] < (uint64) count * MOST_GAPS;
}

void
cd_lookup_range(ScanKey keys, AttrNumber column, int64 least, int64 most)
{
	ScanKeyInit(&keys[0], column, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(least));
	ScanKeyInit(&keys[1], column, BTLessEqualStrategyNumber, F_INT8LE, Int64GetDatum(most));
}

void
cd_lookup_values(ScanKey key, const int64 *values, int count)
{
	Datum	   *datums = palloc(Max(count, 1) * sizeof(Datum));
	ArrayType  *array;
	int			i;

	for (i = 0; i < count; i++)
		datums[i] = Int64GetDatum(values[i]);
	array = construct_array(datums, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	pfree(datums);
	ScanKeyEntryInitialize(key, SK_SEARCHARRAY, 1, BTEqualStrategyNumber, InvalidOid, InvalidOid,
						   F_INT8EQ, PointerGetDatum(array));
}

/* The rows whose column lies in a range */
static void
read_range(Relation relation, Oid index, AttrNumber column, int64 least, int64 most, CdTakeRow take, void *arg)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	cd_lookup_range(keys, column, least, most);
	scan = systable_beginscan(relation, index, OidIsValid(index), GetActiveSnapshot(), 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CHECK_FOR_INTERRUPTS();
		take(arg, tuple, RelationGetDescr(relation));
	}
	systable_endscan(scan);
}

/* The rows whose column is one of some values, in one scan */
static void
read_values(Relation relation, Oid index_id, const int64 *values, int count, CdTakeRow take, void *arg)
{
	Relation	index = index_open(index_id, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	ScanKeyData key;
	IndexScanDesc scan;

	cd_lookup_values(&key, values, count);
	scan = cd_index_beginscan(relation, index, GetActiveSnapshot(), 1);
	index_rescan(scan, &key, 1, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		take(arg, ExecFetchSlotHeapTuple(slot, false, NULL), RelationGetDescr(relation));
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	pfree(DatumGetPointer(key.sk_argument));
}

void
cd_lookup(Relation relation, Oid index, AttrNumber column, const int64 *values, int count, CdTakeRow take, void *arg)
{
	if (count == 0)
		return;
	if (!OidIsValid(index) || cd_lookup_is_dense(values, count))
		read_range(relation, index, column, values[0], values[count - 1], take, arg);
	else
		read_values(relation, index, values, count, take, arg);
}
