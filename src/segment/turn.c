/*
 * turn.c
 *		What becomes of one chunk of a condition's members.
 */
#include "postgres.h"

#include "segment/turn.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"

/* A chunk of fewer bytes than this is written anew rather than noted what differs. */
#define SMALL_CHUNK		1024

/* So many bytes of differences are kept beside a chunk, in its row. */
#define MOST_BESIDE		2000

static const CdSet *
set_or_empty(const CdSet *set)
{
	return set == NULL ? cd_set_empty() : set;
}

static const CdSet *
or_nothing(const CdSet *set)
{
	return cd_set_is_empty(set) ? NULL : set;
}

const CdSet *
cd_kept_members(const CdKept *kept)
{
	const CdSet *members = set_or_empty(kept->members);

	if (kept->joined != NULL)
		members = cd_set_or(members, kept->joined);
	if (kept->gone != NULL)
		members = cd_set_andnot(members, kept->gone);
	return members;
}

/* Those of some customers that were members. */
static const CdSet *
members_among(const CdKept *kept, const CdSet *asked)
{
	CdKept		among = {cd_set_and(set_or_empty(kept->members), asked),
						 kept->joined == NULL ? NULL : cd_set_and(kept->joined, asked), kept->gone};

	return cd_kept_members(&among);
}

bool
cd_turn(const CdKept *before, const CdSet *asked, const CdSet *found, CdTurn *turn)
{
	const CdSet *inside = asked == NULL ? cd_kept_members(before) : members_among(before, asked);
	CdKept		after = *before;

	if (cd_set_equal(inside, found))
		return false;
	turn->entered = cd_set_andnot(found, inside);
	turn->exited = cd_set_andnot(inside, found);
	memset(&turn->after, 0, sizeof(turn->after));
	if (asked == NULL)
	{
		turn->after.members = found;
		return true;
	}
	/* Who comes back is not gone any more, and who leaves again need not be noted as having come. */
	after.joined = cd_set_or(cd_set_andnot(set_or_empty(before->joined), turn->exited),
							 cd_set_andnot(turn->entered, set_or_empty(before->gone)));
	after.gone = cd_set_or(cd_set_andnot(set_or_empty(before->gone), turn->entered),
						   cd_set_andnot(turn->exited, set_or_empty(before->joined)));
	if (before->members != NULL && VARSIZE(before->members) >= SMALL_CHUNK &&
		VARSIZE(after.joined) + VARSIZE(after.gone) <= MOST_BESIDE)
	{
		turn->after.joined = or_nothing(after.joined);
		turn->after.gone = or_nothing(after.gone);
	}
	else
		turn->after.members = cd_kept_members(&after);
	return true;
}

void
cd_turn_sets(const CdTurn *turn, Datum values[CD_TURN_SETS], bool nulls[CD_TURN_SETS])
{
	const CdSet *sets[CD_TURN_SETS] = {turn->after.members, turn->after.joined, turn->after.gone, turn->entered, turn->exited};
	int			i;

	for (i = 0; i < CD_TURN_SETS; i++)
	{
		values[i] = PointerGetDatum(sets[i]);
		nulls[i] = sets[i] == NULL;
	}
}

/* An argument that is a set, or NULL. */
static const CdSet *
set_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : PG_GETARG_CDSET(n);
}

/* member_set(members, joined, gone): a chunk of members as it is now */
PG_FUNCTION_INFO_V1(cd_member_set);
Datum
cd_member_set(PG_FUNCTION_ARGS)
{
	CdKept		kept = {0};

	/* What nothing was noted of need not even be fetched. */
	if (!PG_ARGISNULL(0) && PG_ARGISNULL(1) && PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	kept.members = set_argument(fcinfo, 0);
	kept.joined = set_argument(fcinfo, 1);
	kept.gone = set_argument(fcinfo, 2);
	PG_RETURN_POINTER(cd_kept_members(&kept));
}

/*
 * member_turn(members, joined, gone, asked, found): what becomes of a chunk
 * when of those asked only those found are members; nothing but NULLs where
 * nobody enters or leaves.
 */
PG_FUNCTION_INFO_V1(cd_member_turn);
Datum
cd_member_turn(PG_FUNCTION_ARGS)
{
	CdKept		before = {set_argument(fcinfo, 0), set_argument(fcinfo, 1), set_argument(fcinfo, 2)};
	TupleDesc	desc;
	CdTurn		turn = {0};
	Datum		values[CD_TURN_SETS];
	bool		nulls[CD_TURN_SETS];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("member_turn() does not answer with a row")));
	(void) cd_turn(&before, set_or_empty(set_argument(fcinfo, 3)), set_or_empty(set_argument(fcinfo, 4)), &turn);
	cd_turn_sets(&turn, values, nulls);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
