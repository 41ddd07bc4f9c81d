/*
 * rank.c
 *		Which of some customers have a metric, and lie above or at thresholds: of
 *		values that are stored, looked up by the index of their table.
 */
#include "postgres.h"

#include "customer_data.h"
#include "lookup.h"
#include "segment/example.h"
#include "sets/customer_set.h"
#include "timeline/chunk.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Ids in ascending order. */
typedef struct Ids
{
	uint32	   *ids;
	int			count;
} Ids;

/* What is found out. */
typedef struct Ranks
{
	AttrNumber	customer;		/* columns of the table */
	AttrNumber	metric;
	Oid			type;			/* of the metric */
	const CdSet *asked;
	int			n;
	float8	   *thresholds;
	Ids			holders;
	Ids		   *above;			/* of each threshold */
	Ids		   *reached;
} Ranks;

/* Take in the row of a customer, if it is one asked for. */
static void
take_value(void *arg, HeapTuple tuple, TupleDesc desc)
{
	Ranks	   *ranks = arg;
	bool		isnull;
	uint32		id = cd_set_id(DatumGetInt64(heap_getattr(tuple, ranks->customer, desc, &isnull)));
	Datum		value = heap_getattr(tuple, ranks->metric, desc, &isnull);
	float8		number;
	int			i;

	if (isnull || !cd_set_contains(ranks->asked, id) || !cd_number_of(ranks->type, value, &number))
		return;
	ranks->holders.ids[ranks->holders.count++] = id;
	for (i = 0; i < ranks->n; i++)
	{
		if (float8_gt(number, ranks->thresholds[i]))
			ranks->above[i].ids[ranks->above[i].count++] = id;
		if (float8_ge(number, ranks->thresholds[i]))
			ranks->reached[i].ids[ranks->reached[i].count++] = id;
	}
}

static Datum
set_of(const Ids *ids)
{
	return PointerGetDatum(cd_set_from_sorted(ids->ids, ids->count));
}

/* The number of a column that must be there. */
static AttrNumber
column_number(Relation relation, const char *name)
{
	AttrNumber	number = get_attnum(RelationGetRelid(relation), name);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table customer_data.%s does not exist", name, RelationGetRelationName(relation))));
	return number;
}

/*
 * stored_ranks(relation, metric, customers, thresholds): of some customers
 * those whose stored value is not NULL, and for each threshold those whose
 * value is greater and those whose value is not less.
 */
PG_FUNCTION_INFO_V1(cd_stored_ranks);
Datum
cd_stored_ranks(PG_FUNCTION_ARGS)
{
	Relation	relation = cd_open_for_reader(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	CdSet	   *customers = PG_GETARG_CDSET(2);
	ArrayType  *thresholds = PG_GETARG_ARRAYTYPE_P(3);
	Ranks		ranks = {0};
	TupleDesc	desc;
	uint64		count;
	int64	   *ids;
	Datum	   *sets;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	int			dims[2],
				lower[2] = {1, 1};
	int			i;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("stored_ranks() does not answer with a row")));
	if (ARR_HASNULL(thresholds) || ARR_NDIM(thresholds) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("thresholds must be a list of numbers without NULL")));
	ranks.customer = column_number(relation, "customer_id");
	ranks.metric = column_number(relation, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	ranks.type = getBaseType(TupleDescAttr(RelationGetDescr(relation), ranks.metric - 1)->atttypid);
	if (ranks.type != INT2OID && ranks.type != INT4OID && ranks.type != INT8OID && ranks.type != FLOAT4OID &&
		ranks.type != FLOAT8OID && ranks.type != NUMERICOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("values of type %s are not ranked as numbers", format_type_be(ranks.type))));
	deconstruct_array(thresholds, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &sets, NULL, &ranks.n);
	ranks.thresholds = palloc(ranks.n * sizeof(float8));
	for (i = 0; i < ranks.n; i++)
		ranks.thresholds[i] = DatumGetFloat8(sets[i]);
	ranks.asked = customers;
	count = cd_set_cardinality(customers);
	ids = palloc(Max(count, 1) * sizeof(int64));
	cd_set_to_int64(customers, ids);
	ranks.holders.ids = palloc(Max(count, 1) * sizeof(uint32));
	ranks.above = palloc0(ranks.n * sizeof(Ids));
	ranks.reached = palloc0(ranks.n * sizeof(Ids));
	for (i = 0; i < ranks.n; i++)
	{
		ranks.above[i].ids = palloc(Max(count, 1) * sizeof(uint32));
		ranks.reached[i].ids = palloc(Max(count, 1) * sizeof(uint32));
	}
	cd_lookup(relation, cd_index_on(relation, ranks.customer), ranks.customer, ids, (int) count, take_value, &ranks);
	table_close(relation, AccessShareLock);

	sets = palloc(2 * ranks.n * sizeof(Datum));
	for (i = 0; i < ranks.n; i++)
	{
		sets[2 * i] = set_of(&ranks.above[i]);
		sets[2 * i + 1] = set_of(&ranks.reached[i]);
	}
	dims[0] = ranks.n;
	dims[1] = 2;
	values[0] = set_of(&ranks.holders);
	values[1] = PointerGetDatum(construct_md_array(sets, NULL, 2, dims, lower, cd_customer_set_type(), -1, false, TYPALIGN_INT));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
