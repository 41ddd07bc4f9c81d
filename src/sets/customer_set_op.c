/*
 * customer_set_op.c
 *		Operators and plain functions of customer_set.
 */
#include "postgres.h"

#include "sets/customer_set.h"

#include "access/detoast.h"
#include "fmgr.h"
#include "miscadmin.h"

#define SET_OPERATION(name, function) \
PG_FUNCTION_INFO_V1(name); \
Datum \
name(PG_FUNCTION_ARGS) \
{ \
	PG_RETURN_CDSET(function(PG_GETARG_CDSET(0), PG_GETARG_CDSET(1))); \
} \
extern int no_such_variable

SET_OPERATION(cd_customer_set_or, cd_set_or);
SET_OPERATION(cd_customer_set_and, cd_set_and);
SET_OPERATION(cd_customer_set_andnot, cd_set_andnot);
SET_OPERATION(cd_customer_set_xor, cd_set_xor);

#define SET_COMPARISON(name, expression) \
PG_FUNCTION_INFO_V1(name); \
Datum \
name(PG_FUNCTION_ARGS) \
{ \
	CdSet	   *a = PG_GETARG_CDSET(0); \
	CdSet	   *b = PG_GETARG_CDSET(1); \
	bool		result = (expression); \
	PG_FREE_IF_COPY(a, 0); \
	PG_FREE_IF_COPY(b, 1); \
	PG_RETURN_BOOL(result); \
} \
extern int no_such_variable

SET_COMPARISON(cd_customer_set_eq, cd_set_equal(a, b));
SET_COMPARISON(cd_customer_set_ne, !cd_set_equal(a, b));
SET_COMPARISON(cd_customer_set_lt, cd_set_compare(a, b) < 0);
SET_COMPARISON(cd_customer_set_le, cd_set_compare(a, b) <= 0);
SET_COMPARISON(cd_customer_set_gt, cd_set_compare(a, b) > 0);
SET_COMPARISON(cd_customer_set_ge, cd_set_compare(a, b) >= 0);
SET_COMPARISON(cd_customer_set_contains_set, cd_set_contains_set(a, b));
SET_COMPARISON(cd_customer_set_contained, cd_set_contains_set(b, a));
SET_COMPARISON(cd_customer_set_overlaps, cd_set_intersects(a, b));

/* Order of two sets for btree */
PG_FUNCTION_INFO_V1(cd_customer_set_cmp);
Datum
cd_customer_set_cmp(PG_FUNCTION_ARGS)
{
	CdSet	   *a = PG_GETARG_CDSET(0);
	CdSet	   *b = PG_GETARG_CDSET(1);
	int			result = cd_set_compare(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_INT32(result);
}

PG_FUNCTION_INFO_V1(cd_customer_set_hash);
Datum
cd_customer_set_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) cd_set_hash(PG_GETARG_CDSET(0), 0));
}

PG_FUNCTION_INFO_V1(cd_customer_set_hash_extended);
Datum
cd_customer_set_hash_extended(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) cd_set_hash(PG_GETARG_CDSET(0), PG_GETARG_INT64(1)));
}

/* set @> id; an id that no set can hold is simply not in it */
PG_FUNCTION_INFO_V1(cd_customer_set_contains);
Datum
cd_customer_set_contains(PG_FUNCTION_ARGS)
{
	int64		id = PG_GETARG_INT64(1);

	if (id < 0 || id > (int64) CD_SET_MAX_ID)
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(cd_set_contains(PG_GETARG_CDSET(0), (uint32) id));
}

/* id <@ set */
PG_FUNCTION_INFO_V1(cd_customer_set_member);
Datum
cd_customer_set_member(PG_FUNCTION_ARGS)
{
	int64		id = PG_GETARG_INT64(0);

	if (id < 0 || id > (int64) CD_SET_MAX_ID)
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(cd_set_contains(PG_GETARG_CDSET(1), (uint32) id));
}

PG_FUNCTION_INFO_V1(cd_customer_set_cardinality);
Datum
cd_customer_set_cardinality(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(cd_set_cardinality(PG_GETARG_CDSET(0)));
}

PG_FUNCTION_INFO_V1(cd_customer_set_is_empty);
Datum
cd_customer_set_is_empty(PG_FUNCTION_ARGS)
{
	/* Enough of the value for the header of any set */
	CdSet	   *set = (CdSet *) PG_DETOAST_DATUM_SLICE(PG_GETARG_DATUM(0), 0,
														CD_SET_HEADER - VARHDRSZ + 8);

	PG_RETURN_BOOL(cd_set_is_empty(set));
}

#define COUNT_OPERATION(name, expression) \
PG_FUNCTION_INFO_V1(name); \
Datum \
name(PG_FUNCTION_ARGS) \
{ \
	CdSet	   *a = PG_GETARG_CDSET(0); \
	CdSet	   *b = PG_GETARG_CDSET(1); \
	uint64		common = cd_set_and_cardinality(a, b); \
	uint64		result = (expression); \
	PG_FREE_IF_COPY(a, 0); \
	PG_FREE_IF_COPY(b, 1); \
	PG_RETURN_INT64(result); \
} \
extern int no_such_variable

COUNT_OPERATION(cd_customer_set_and_cardinality, common);
COUNT_OPERATION(cd_customer_set_or_cardinality, cd_set_cardinality(a) + cd_set_cardinality(b) - common);
COUNT_OPERATION(cd_customer_set_andnot_cardinality, cd_set_cardinality(a) - common);
COUNT_OPERATION(cd_customer_set_xor_cardinality, cd_set_cardinality(a) + cd_set_cardinality(b) - 2 * common);

/* Intersection over union; NULL for two empty sets */
PG_FUNCTION_INFO_V1(cd_customer_set_jaccard);
Datum
cd_customer_set_jaccard(PG_FUNCTION_ARGS)
{
	CdSet	   *a = PG_GETARG_CDSET(0);
	CdSet	   *b = PG_GETARG_CDSET(1);
	uint64		common = cd_set_and_cardinality(a, b);
	uint64		all = cd_set_cardinality(a) + cd_set_cardinality(b) - common;

	if (all == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8((double) common / (double) all);
}

PG_FUNCTION_INFO_V1(cd_customer_set_min);
Datum
cd_customer_set_min(PG_FUNCTION_ARGS)
{
	uint32		least,
				greatest;

	if (!cd_set_bounds(PG_GETARG_CDSET(0), &least, &greatest))
		PG_RETURN_NULL();
	PG_RETURN_INT64(least);
}

PG_FUNCTION_INFO_V1(cd_customer_set_max);
Datum
cd_customer_set_max(PG_FUNCTION_ARGS)
{
	uint32		least,
				greatest;

	if (!cd_set_bounds(PG_GETARG_CDSET(0), &least, &greatest))
		PG_RETURN_NULL();
	PG_RETURN_INT64(greatest);
}

/* set with one id more */
PG_FUNCTION_INFO_V1(cd_customer_set_add);
Datum
cd_customer_set_add(PG_FUNCTION_ARGS)
{
	CdSet	   *set = PG_GETARG_CDSET(0);
	uint32		id = cd_set_id(PG_GETARG_INT64(1));

	if (cd_set_contains(set, id))
		PG_RETURN_CDSET(set);
	PG_RETURN_CDSET(cd_set_or(set, cd_set_from_sorted(&id, 1)));
}

/* set without an id */
PG_FUNCTION_INFO_V1(cd_customer_set_remove);
Datum
cd_customer_set_remove(PG_FUNCTION_ARGS)
{
	CdSet	   *set = PG_GETARG_CDSET(0);
	int64		value = PG_GETARG_INT64(1);
	uint32		id = (uint32) value;

	if (value < 0 || value > (int64) CD_SET_MAX_ID || !cd_set_contains(set, id))
		PG_RETURN_CDSET(set);
	PG_RETURN_CDSET(cd_set_andnot(set, cd_set_from_sorted(&id, 1)));
}

/* The ids of a set between two ids, both included */
PG_FUNCTION_INFO_V1(cd_customer_set_slice);
Datum
cd_customer_set_slice(PG_FUNCTION_ARGS)
{
	CdSet	   *set = PG_GETARG_CDSET(0);
	int64		first = PG_GETARG_INT64(1);
	int64		last = PG_GETARG_INT64(2);

	first = Max(first, 0);
	last = Min(last, (int64) CD_SET_MAX_ID);
	if (first > last)
		PG_RETURN_CDSET(cd_set_empty());
	PG_RETURN_CDSET(cd_set_slice(set, (uint32) first, (uint32) last));
}
