/*
 * turn.c
 *		What becomes of one chunk of a condition's members.
 */
#include "postgres.h"

#include "sets/customer_set.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"

/* A set that may be missing. */
static const CdSet *
set_or_empty(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? cd_set_empty() : PG_GETARG_CDSET(n);
}

/*
 * member_turn(members, asked, found, everyone): of the members of before,
 * those that were asked (or all) and not found leave, and who was found and
 * is none enters.  Nothing but NULLs where nobody does either.
 */
PG_FUNCTION_INFO_V1(cd_member_turn);
Datum
cd_member_turn(PG_FUNCTION_ARGS)
{
	const CdSet *members = set_or_empty(fcinfo, 0);
	const CdSet *asked = set_or_empty(fcinfo, 1);
	const CdSet *found = set_or_empty(fcinfo, 2);
	bool		everyone = PG_GETARG_BOOL(3);
	TupleDesc	desc;
	Datum		values[3] = {0};
	bool		nulls[3] = {true, true, true};
	const CdSet *entered = found;
	const CdSet *exited = everyone ? members : cd_set_and(members, asked);

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("member_turn() does not answer with a row")));
	if (everyone ? !cd_set_equal(members, found) : !(cd_set_equal(exited, found)))
	{
		entered = cd_set_andnot(found, members);
		exited = cd_set_andnot(exited, found);
		if (!cd_set_is_empty(entered) || !cd_set_is_empty(exited))
		{
			const CdSet *after = found;

			if (!everyone)
				after = cd_set_andnot(cd_set_or(members, entered), exited);
			values[0] = PointerGetDatum(after);
			values[1] = PointerGetDatum(entered);
			values[2] = PointerGetDatum(exited);
			memset(nulls, false, sizeof(nulls));
		}
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
