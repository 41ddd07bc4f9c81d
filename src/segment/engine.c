/*
 * engine.c
 *		Set conditions up as their owners: parse, order, plan.
 */
#include "postgres.h"

#include "run_as.h"
#include "segment/program.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

TimestampTz
cd_recheck_at(TimestampTz until, TimestampTz now)
{
	int64		left = until - now;
	int64		grain;
	int64		rest;

	if (left > 2 * USECS_PER_DAY)
		grain = USECS_PER_DAY;
	else if (left > 2 * USECS_PER_HOUR)
		grain = USECS_PER_HOUR;
	else if (left > 2 * USECS_PER_MINUTE)
		grain = USECS_PER_MINUTE;
	else
		return until;
	rest = until % grain;
	if (rest < 0)
		rest += grain;
	return until - rest;
}

char *
cd_error_line(ErrorData *error)
{
	StringInfoData line;

	initStringInfo(&line);
	appendStringInfoString(&line, error->message);
	if (error->detail)
		appendStringInfo(&line, " (%s)", error->detail);
	if (error->internalquery && error->internalpos > 0)
		appendStringInfo(&line, ", at character %d", error->internalpos);
	if (error->hint)
		appendStringInfo(&line, ". %s", error->hint);
	return line.data;
}

void
cd_run_fail(CdRun *run, CdAsked *asked, ErrorData *error, int row)
{
	MemoryContext old = MemoryContextSwitchTo(run->batch);

	asked->failed = true;
	memset(asked->answers, ANSWER_NONE, run->count);
	if (run->count > 0)
		cd_take_members(run);
	run->failed(run, asked, error, row);
	MemoryContextSwitchTo(old);
}

/* Put a customer's columns into a slot. */
void
cd_fill_slot(CdRun *run, TupleTableSlot *slot, int row)
{
	int			i;

	for (i = 0; i < run->nfetched; i++)
	{
		slot->tts_values[run->fetched[i] - 1] = run->values[i][row];
		slot->tts_isnull[run->fetched[i] - 1] = run->nulls[i][row];
	}
}

/* Read a condition's thresholds as they were computed last. */
static void
take_thresholds(CdRun *run, CdAsked *asked)
{
	ListCell   *cell;

	foreach(cell, asked->condition->thresholds)
	{
		CdThreshold *threshold = lfirst(cell);
		Oid			types[] = {REGROLEOID, TEXTOID, TEXTOID, FLOAT8OID, TEXTOID};
		Datum		args[5];
		char		nulls[5] = {' ', ' ', ' ', ' ', ' '};

		args[0] = ObjectIdGetDatum(asked->owner);
		args[1] = CStringGetTextDatum(asked->time_zone);
		args[2] = CStringGetTextDatum(threshold->metric);
		args[3] = Float8GetDatum(threshold->percent);
		args[4] = threshold->among ? CStringGetTextDatum(threshold->among) : (Datum) 0;
		if (threshold->among == NULL)
			nulls[4] = 'n';
		if (cd_spi_query(run->recompute && run->everyone ?
								  "SELECT customer_data.threshold_as_of($1, $2, $3, $4, $5)" :
								  "SELECT value FROM customer_data.condition_threshold "
								  "WHERE owner = $1 AND time_zone = $2 AND metric = $3 AND percent = $4 "
								  "AND among IS NOT DISTINCT FROM $5",
								  5, types, args, nulls) != SPI_OK_SELECT)
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read thresholds")));
		threshold->isnull = true;
		if (SPI_processed == 1)
			threshold->value = DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
															1, &threshold->isnull));
		SPI_freetuptable(SPI_tuptable);
	}
}

/*
 * Run one step of setting a condition up, as its owner or as whoever asks; an
 * error sets the condition aside and no other.
 */
static void
set_up(CdRun *run, CdAsked *asked, Oid role, void (*step) (CdRun *, CdAsked *))
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	if (asked->failed)
		return;
	if (run->strict)
	{
		CdRunAs		save;

		cd_run_as_begin(role, asked->time_zone, &save);
		step(run, asked);
		cd_run_as_end(&save);
		return;
	}
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		CdRunAs		save;

		cd_run_as_begin(role, asked->time_zone, &save);
		step(run, asked);
		cd_run_as_end(&save);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(run->batch);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			ReThrowError(error);
		cd_run_fail(run, asked, error, -1);
	}
	PG_END_TRY();
}

static void
parse_step(CdRun *run, CdAsked *asked)
{
	asked->condition = cd_parse_condition(asked->text, run->profile,
										  run->recompute ? CD_METRICS_COMPUTED : CD_METRICS_STORED);
	cd_check_columns(asked->condition, run->profile, asked->owner);
}

static void
plan_step(CdRun *run, CdAsked *asked)
{
	List	   *names = NIL;
	ListCell   *cell;
	Expr	   *expr;
	int			i;

	foreach(cell, run->segments)
		names = lappend(names, ((CdNeed *) lfirst(cell))->name);
	expr = cd_plan_condition(asked->condition, run->profile, names);
	if (expr == NULL)
		return;
	if (!run->by_program)
	{
		asked->state = ExecInitExpr(expr, NULL);
		return;
	}
	for (i = 0; i < run->nasked && asked->program == NULL; i++)
		if (run->asked[i].program != NULL && cd_same_owner(asked, &run->asked[i]))
			asked->program = run->asked[i].program;
	if (asked->program == NULL)
		asked->program = cd_program(run);
	asked->step = cd_program_add(asked->program, expr);
}

/* The segment of a name, noted once. */
static CdNeed *
get_segment(CdRun *run, const char *name)
{
	ListCell   *cell;
	CdNeed    *segment;
	Oid			types[] = {TEXTOID};
	Datum		args[1];
	bool		isnull;

	foreach(cell, run->segments)
		if (strcmp(((CdNeed *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	args[0] = CStringGetTextDatum(name);
	if (cd_spi_query("SELECT condition_id FROM customer_data.segment_definition WHERE name = $1",
							  1, types, args, NULL) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read segments")));
	segment = palloc0(sizeof(CdNeed));
	segment->name = pstrdup(name);
	segment->condition_id = SPI_processed == 0 ? 0 :
		DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	segment->first_chunk = 0;
	segment->last_chunk = -1;
	segment->column = run->natts + list_length(run->segments);
	SPI_freetuptable(SPI_tuptable);
	run->segments = lappend(run->segments, segment);
	return segment;
}

/* Order of asking: needs before what needs them, then by owner. */
static int
compare_asked(const void *a, const void *b)
{
	const CdAsked *x = a;
	const CdAsked *y = b;

	if (x->level != y->level)
		return x->level < y->level ? -1 : 1;
	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	if (strcmp(x->time_zone, y->time_zone) != 0)
		return strcmp(x->time_zone, y->time_zone);
	return x->id < y->id ? -1 : 1;
}

/* The condition asked in this run that a segment is made of, or NULL. */
static CdAsked *
asked_for(CdRun *run, int32 condition_id)
{
	int			i;

	for (i = 0; i < run->nasked; i++)
		if (run->asked[i].id == condition_id && !run->asked[i].failed)
			return &run->asked[i];
	return NULL;
}

/* Put the conditions in order and connect them with the segments they need. */
static void
order_conditions(CdRun *run)
{
	int			i,
				k,
				round;
	bool		changed = true;
	ListCell   *cell;

	for (i = 0; i < run->nasked; i++)
	{
		CdAsked	   *asked = &run->asked[i];

		if (asked->failed)
			continue;
		asked->needs = palloc(sizeof(CdNeed *) * Max(1, list_length(asked->condition->segments)));
		foreach(cell, asked->condition->segments)
			asked->needs[asked->nneeds++] = get_segment(run, lfirst(cell));
	}
	for (round = 0; changed && round <= run->nasked; round++)
	{
		changed = false;
		for (i = 0; i < run->nasked; i++)
			for (k = 0; k < run->asked[i].nneeds; k++)
			{
				CdAsked	   *need = asked_for(run, run->asked[i].needs[k]->condition_id);

				if (need != NULL && need->level >= run->asked[i].level)
				{
					run->asked[i].level = need->level + 1;
					changed = true;
				}
			}
	}
	if (changed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("segments refer to each other in a circle")));
	qsort(run->asked, run->nasked, sizeof(CdAsked), compare_asked);
	foreach(cell, run->segments)
	{
		CdNeed    *need = lfirst(cell);

		need->asked = asked_for(run, need->condition_id);
		if (need->asked != NULL)
			need->asked->needed = true;
	}
}

/* Make the slots that conditions are evaluated over. */
static void
make_slots(CdRun *run)
{
	TupleDesc	profile = RelationGetDescr(run->profile);
	int			nsegments = list_length(run->segments);
	TupleDesc	desc = CreateTemplateTupleDesc(run->natts + nsegments);
	int			i;

	for (i = 1; i <= run->natts; i++)
		TupleDescCopyEntry(desc, i, profile, i);
	for (i = 1; i <= nsegments; i++)
		TupleDescInitEntry(desc, run->natts + i, "in_segment", BOOLOID, -1, 0);
	for (i = 0; i < CD_BLOCK; i++)
	{
		TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);

		memset(slot->tts_isnull, true, sizeof(bool) * run->natts);
		memset(slot->tts_isnull + run->natts, false, sizeof(bool) * nsegments);
		ExecStoreVirtualTuple(slot);
		run->slots[i] = slot;
	}
	run->econtext = CreateStandaloneExprContext();
	run->econtext->ecxt_scantuple = run->slots[0];
}

void
cd_run_set_up(CdRun *run)
{
	int			i;

	run->ids = palloc(sizeof(uint32) * CD_BATCH);
	run->future = palloc(sizeof(TimestampTz) * CD_BATCH);
	run->profile = cd_open_profile();
	run->natts = RelationGetDescr(run->profile)->natts;
	for (i = 0; i < run->nasked; i++)
		set_up(run, &run->asked[i], run->asked[i].owner, parse_step);
	for (i = 0; i < run->nasked; i++)
		if (!run->asked[i].failed && run->asked[i].condition->thresholds != NIL)
			set_up(run, &run->asked[i], GetUserId(), take_thresholds);
	order_conditions(run);
	for (i = 0; i < run->nasked; i++)
		set_up(run, &run->asked[i], run->asked[i].owner, plan_step);
	cd_prepare_reading(run);
	for (i = 0; i < run->nasked; i++)
		run->asked[i].uses_events = !run->asked[i].failed && run->events != 0 &&
			bms_is_member(run->events, run->asked[i].condition->columns);
	make_slots(run);
}

void
cd_run_finish(CdRun *run)
{
	int			i;

	if (run->direct != NULL)
		cd_direct_end(run->direct);
	FreeExprContext(run->econtext, true);
	for (i = 0; i < CD_BLOCK; i++)
		ExecDropSingleTupleTableSlot(run->slots[i]);
	relation_close(run->profile, AccessShareLock);
}
