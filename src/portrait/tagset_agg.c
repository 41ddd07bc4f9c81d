/*
 * tagset_agg.c
 *		Aggregates over tags and tagsets.
 */
#include "postgres.h"

#include "portrait/tagset.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "portrait/behaviour.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Where an aggregate keeps its state; an error outside of one */
static MemoryContext
state_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("this function is a part of an aggregate and cannot be called by itself")));
	return context;
}

/* tagset_agg(path, score, at, half_life, until): put a tagset together */
PG_FUNCTION_INFO_V1(cd_tagset_agg_step);
Datum
cd_tagset_agg_step(PG_FUNCTION_ARGS)
{
	MemoryContext context = state_context(fcinfo);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdTagBuilder *state = PG_ARGISNULL(0) ? NULL : (CdTagBuilder *) PG_GETARG_POINTER(0);
	CdTag		tag = {NULL, 0, 1, DT_NOBEGIN, DT_NOEND, 0};

	if (state == NULL)
	{
		state = palloc(sizeof(CdTagBuilder));
		cd_tag_builder(state);
	}
	if (!PG_ARGISNULL(1))
	{
		text	   *path = PG_GETARG_TEXT_PP(1);

		cd_check_tag_path(VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
		tag.path = pnstrdup(VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
		tag.length = VARSIZE_ANY_EXHDR(path);
		if (!PG_ARGISNULL(2))
			tag.score = (float4) PG_GETARG_FLOAT8(2) + 0.0f;
		if (!isfinite(tag.score))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("score of tag \"%s\" is not a finite number", tag.path)));
		if (!PG_ARGISNULL(3))
			tag.at = cd_tag_time(PG_GETARG_TIMESTAMPTZ(3));
		if (!PG_ARGISNULL(4))
			tag.half_life = cd_half_life_seconds(PG_GETARG_INTERVAL_P(4));
		if (!PG_ARGISNULL(5))
			tag.until = cd_tag_time(PG_GETARG_TIMESTAMPTZ(5));
		cd_tag_builder_add(state, &tag);
	}
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(cd_tagset_agg_final);
Datum
cd_tagset_agg_final(PG_FUNCTION_ARGS)
{
	CdTagBuilder none;

	if (!PG_ARGISNULL(0))
		PG_RETURN_POINTER(cd_tag_builder_value((CdTagBuilder *) PG_GETARG_POINTER(0)));
	cd_tag_builder(&none);
	PG_RETURN_POINTER(cd_tag_builder_value(&none));
}
