/*
 * customer_set_io.c
 *		Text and binary I/O of customer_set, casts to and from bigint[].
 */
#include "postgres.h"

#include "sets/customer_set.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define IS_BLANK(c)		((c) == ' ' || (c) == '\t' || (c) == '\n' || (c) == '\r' || (c) == '\f' || (c) == '\v')
#define IS_DIGIT(c)		((c) >= '0' && (c) <= '9')

/* As many ids in a row are written as a range. */
#define SHORTEST_RANGE	10

uint32
cd_set_id(int64 id)
{
	if (id < 0 || id > (int64) CD_SET_MAX_ID)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("customer id " INT64_FORMAT " is out of range", id),
				 errhint("Customer ids lie between 0 and 4294967295.")));
	return (uint32) id;
}

Oid
cd_customer_set_type(void)
{
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("customer_set"),
						   ObjectIdGetDatum(get_namespace_oid("customer_data", false)));
}

static void
skip_blanks(const char **p)
{
	while (IS_BLANK(**p))
		(*p)++;
}

/* Read one id; false if there is none or it is too large */
static bool
read_id(const char **p, uint32 *id)
{
	uint64		value = 0;

	if (!IS_DIGIT(**p))
		return false;
	while (IS_DIGIT(**p))
	{
		value = value * 10 + (**p - '0');
		if (value > CD_SET_MAX_ID)
			return false;
		(*p)++;
	}
	*id = (uint32) value;
	return true;
}

/* '{1,2,3}' or '{1-3,7}' → customer_set */
PG_FUNCTION_INFO_V1(cd_customer_set_in);
Datum
cd_customer_set_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	const char *p = text;
	CdSetBuilder *builder = cd_set_builder();
	CdSet	   *set;
	bool		first = true;

	skip_blanks(&p);
	if (*p != '{')
		goto malformed;
	p++;
	skip_blanks(&p);
	while (*p != '}')
	{
		uint32		id,
					last;

		if (!first)
		{
			if (*p != ',')
				goto malformed;
			p++;
			skip_blanks(&p);
		}
		first = false;
		if (!read_id(&p, &id))
			goto malformed;
		last = id;
		skip_blanks(&p);
		if (*p == '-')
		{
			p++;
			skip_blanks(&p);
			if (!read_id(&p, &last) || last < id)
				goto malformed;
			skip_blanks(&p);
		}
		if (last > id)
			cd_set_builder_add_range(builder, id, last);
		else
			cd_set_builder_add(builder, id);
		CHECK_FOR_INTERRUPTS();
	}
	p++;
	skip_blanks(&p);
	if (*p != '\0')
		goto malformed;
	set = cd_set_builder_value(builder);
	cd_set_builder_free(builder);
	PG_RETURN_CDSET(set);

malformed:
	cd_set_builder_free(builder);
	ereturn(fcinfo->context, (Datum) 0,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", "customer_set", text),
			 errdetail("Not understood from character %d on.",
					   pg_mbstrlen_with_len(text, p - text) + 1),
			 errhint("Write ids between 0 and 4294967295 and ranges of them, as in {1,2,10-20}.")));
}

/* Write a run of ids, as a range where that spares many */
static void
append_run(StringInfo out, uint32 first, uint32 last)
{
	char		digits[12];
	uint64		id = first;

	if (out->len > 1)
		appendStringInfoCharMacro(out, ',');
	appendBinaryStringInfo(out, digits, pg_ultoa_n(first, digits));
	if (last - first >= SHORTEST_RANGE - 1)
	{
		appendStringInfoCharMacro(out, '-');
		appendBinaryStringInfo(out, digits, pg_ultoa_n(last, digits));
		return;
	}
	while (++id <= last)
	{
		appendStringInfoCharMacro(out, ',');
		appendBinaryStringInfo(out, digits, pg_ultoa_n((uint32) id, digits));
	}
}

/* customer_set → '{1,2,3}'; ten and more ids in a row become '{1-10}' */
PG_FUNCTION_INFO_V1(cd_customer_set_out);
Datum
cd_customer_set_out(PG_FUNCTION_ARGS)
{
	CdSet	   *set = PG_GETARG_CDSET(0);
	StringInfoData out;
	CdSetIterator it;
	uint32		first,
				last,
				next_first,
				next_last;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	cd_set_begin(&it, set);
	if (cd_set_next_range(&it, &first, &last))
	{
		while (cd_set_next_range(&it, &next_first, &next_last))
		{
			CHECK_FOR_INTERRUPTS();
			if (next_first != last + 1)
			{
				append_run(&out, first, last);
				first = next_first;
			}
			last = next_last;
		}
		append_run(&out, first, last);
	}
	appendStringInfoChar(&out, '}');
	PG_RETURN_CSTRING(out.data);
}

/* Portable Roaring bytes → customer_set */
PG_FUNCTION_INFO_V1(cd_customer_set_recv);
Datum
cd_customer_set_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			bytes = message->len - message->cursor;
	const char *data = pq_getmsgbytes(message, bytes);
	const char *fault = cd_roaring_fault(data, bytes);

	if (fault != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary value for type %s", "customer_set"),
				 errdetail("As a portable Roaring bitmap, %s.", fault)));
	PG_RETURN_CDSET(cd_set_from_portable(data, bytes));
}

/* customer_set → portable Roaring bytes */
PG_FUNCTION_INFO_V1(cd_customer_set_send);
Datum
cd_customer_set_send(PG_FUNCTION_ARGS)
{
	CdSet	   *set = PG_GETARG_CDSET(0);
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendbytes(&out, set->data, CD_SET_BYTES(set));
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

/* bigint[] → customer_set */
PG_FUNCTION_INFO_V1(cd_customer_set_from_array);
Datum
cd_customer_set_from_array(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	Size		offset = ARR_HASNULL(array) ? (Size) array->dataoffset : ARR_OVERHEAD_NONULLS(ARR_NDIM(array));
	const int64 *values = (const int64 *) ((char *) array + offset);
	uint32	   *ids;
	CdSet	   *set;
	int			i;

	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a customer set cannot hold NULL"),
				 errhint("Leave NULL out with array_remove(ids, NULL).")));
	ids = palloc(Max(count, 1) * sizeof(uint32));
	for (i = 0; i < count; i++)
		ids[i] = (uint64) values[i] <= CD_SET_MAX_ID ? (uint32) values[i] : cd_set_id(values[i]);
	set = cd_set_from_sorted(ids, count);
	pfree(ids);
	PG_RETURN_CDSET(set);
}

/* customer_set → bigint[] */
PG_FUNCTION_INFO_V1(cd_customer_set_to_array);
Datum
cd_customer_set_to_array(PG_FUNCTION_ARGS)
{
	CdSet	   *set = PG_GETARG_CDSET(0);
	uint64		count = cd_set_cardinality(set);
	Size		bytes = ARR_OVERHEAD_NONULLS(1) + count * sizeof(int64);
	ArrayType  *array;

	if (count == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(INT8OID));
	if (count > MaxArraySize || bytes > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("customer set of " UINT64_FORMAT " ids is too long for an array", count),
				 errhint("Read it with members().")));
	array = palloc(bytes);
	SET_VARSIZE(array, bytes);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = INT8OID;
	ARR_DIMS(array)[0] = (int) count;
	ARR_LBOUND(array)[0] = 1;
	cd_set_to_int64(set, (int64 *) ((char *) array + ARR_OVERHEAD_NONULLS(1)));
	PG_RETURN_ARRAYTYPE_P(array);
}
