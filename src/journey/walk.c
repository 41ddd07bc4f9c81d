/*
 * walk.c
 *		The way of customers through the stages of a journey, from the first
 *		thing known of them on.
 *
 * What is known at a moment of the way is the timeline up to it and the
 * metrics computed from that; attributes, tags and segments are those of
 * today.  A stage's condition is asked when the way depends on it, and asked
 * again when its answer expires: the last stage that holds is looked for from
 * above, and nobody asks for the stages below the one a customer is in.  So
 * the present stage, the whole history and the next moment to look at the
 * customer again come out of one walk, which costs about as much as there are
 * answers that change, and depend on nothing that was stored before.
 *
 * Conditions that look at events through the functions that know of timelines
 * reaching ahead (cd_timelines_ahead) are handed the whole timeline at every
 * moment.  For others it is cut at the moment, and they are asked whenever
 * something happens.
 */
#include "postgres.h"

#include "run_as.h"
#include "journey/walk.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

/* at + span */
static TimestampTz
plus_span(TimestampTz at, const Interval *span)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(at), IntervalPGetDatum(span)));
}

/* The earlier of two moments. */
static inline TimestampTz
earlier(TimestampTz a, TimestampTz b)
{
	return a < b ? a : b;
}

/* A stage's condition cannot be evaluated: the journey stands still. */
static void
stage_failed(CdRun *run, CdAsked *asked, ErrorData *error, int row)
{
	Walk	   *walk = (Walk *) run;

	if (!walk->failed)
		cd_walk_put_error(walk, row >= 0 ? (int64) run->ids[row] : -1, -asked->id, cd_error_line(error));
	walk->failed = true;
}

/* What happened at a moment, as a word: the kind of an event, or "time". */
static const char *
cause_at(const CdTimeline *reader, TimestampTz at)
{
	CdKindScan	scan;
	CdKind		kind;

	cd_kind_scan_begin(reader, &scan);
	while (cd_kind_scan_next(reader, &scan, &kind))
	{
		int			i = cd_kind_lower_bound(&kind, at);

		if (i < kind.n && cd_kind_at(&kind, i) == at)
			return pnstrdup(kind.name, kind.namelen);
	}
	return "time";
}

/* The timeline of the customer as known at the moment of the way. */
static Datum
known_events(Walk *walk)
{
	if (walk->cut == NULL || walk->cut_at != walk->now)
	{
		if (walk->cut != NULL && walk->cut != walk->events)
			pfree(walk->cut);
		walk->cut = cd_timeline_cut(walk->events, walk->now);
		walk->cut_at = walk->now;
	}
	return PointerGetDatum(walk->cut);
}

/* Does a stage's condition hold at the moment of the way?  Lowers *until to when to ask again. */
static bool
stage_holds(Walk *walk, int i, TimestampTz *until)
{
	CdRun	   *run = &walk->run;
	Stage	   *stage = &walk->stages[i];

	if (stage->until <= walk->now)
	{
		CdAsOf		save;
		Datum		value;
		bool		isnull;

		walk->asking = i;
		if (stage->uses_events)
			run->slots[0]->tts_values[run->events - 1] = stage->ahead ? PointerGetDatum(walk->events) : known_events(walk);
		cd_as_of_begin(walk->now, &save);
		cd_timelines_ahead = stage->ahead;
		cd_validity_reset();
		value = ExecEvalExprSwitchContext(stage->asked->state, run->econtext, &isnull);
		cd_timelines_ahead = false;
		cd_as_of_end(&save);
		stage->holds = !isnull && DatumGetBool(value);
		stage->until = cd_validity();
		if (stage->uses_events && !stage->ahead)
			stage->until = earlier(stage->until, cd_timeline_next_after(&walk->reader, walk->now));
		stage->until = Max(stage->until, walk->now + 1);
		ResetExprContext(run->econtext);
	}
	*until = earlier(*until, stage->until);
	return stage->holds;
}

/* The last stage above one whose condition holds, or that one. */
static int
last_holding(Walk *walk, int above, TimestampTz *until)
{
	int			i;

	for (i = walk->nstages - 1; i > above; i--)
		if (stage_holds(walk, i, until))
			return i;
	return above;
}

/*
 * Where the way goes from a stage (-1: none) at the moment; *until receives
 * when to look again where it stays.  *ceased is when the condition of the
 * stage ceased to hold, DT_NOEND while it holds.
 */
static int
next_stage(Walk *walk, int stage, TimestampTz entered, TimestampTz *ceased, TimestampTz *until)
{
	Stage	   *current;
	int			next;

	*until = DT_NOEND;
	if (stage < 0)
		return last_holding(walk, -1, until);
	current = &walk->stages[stage];

	/* When the condition ceased counts also while the minimum stay lasts. */
	if (current->lapse != NULL)
	{
		if (stage_holds(walk, stage, until))
			*ceased = DT_NOEND;
		else if (*ceased == DT_NOEND)
			*ceased = walk->now;
	}
	if (current->minimum_stay != NULL && entered != DT_NOBEGIN)
	{
		TimestampTz free_at = plus_span(entered, current->minimum_stay);

		if (walk->now < free_at)
		{
			*until = earlier(*until, free_at);
			return stage;
		}
	}
	next = last_holding(walk, stage, until);
	if (next != stage || current->lapse == NULL || *ceased == DT_NOEND)
		return next;
	else
	{
		TimestampTz lapsed = plus_span(*ceased, current->lapse);

		if (walk->now >= lapsed)
			return last_holding(walk, -1, until);
		*until = earlier(*until, lapsed);
	}
	return stage;
}

/* Keep a stay of the customer being followed. */
static void
add_stay(Walk *walk, int32 stage, TimestampTz entered, TimestampTz left, const char *cause)
{
	Stay	   *stay;

	if (walk->nstays == walk->size)
	{
		walk->size *= 2;
		walk->stays = repalloc_huge(walk->stays, sizeof(Stay) * walk->size);
	}
	stay = &walk->stays[walk->nstays++];
	stay->stage = stage;
	stay->entered = entered;
	stay->left = left;
	stay->cause = cause;
}

/* Follow one customer from the first thing known of them to the end of the run. */
static void
walk_customer(Walk *walk, int row)
{
	CdRun	   *run = &walk->run;
	TimestampTz start = DT_NOEND;
	TimestampTz entered = DT_NOBEGIN;
	TimestampTz ceased = DT_NOEND;
	const char *cause = NULL;
	int			stage = -1;
	int			k;
	bool		timeless;
	ListCell   *cell;

	cd_fill_slot(run, run->slots[0], row);
	foreach(cell, run->segments)
	{
		CdNeed	   *need = lfirst(cell);

		run->slots[0]->tts_values[need->column] = BoolGetDatum(cd_stored_member(need, run->ids[row]));
	}
	for (k = 0; k < walk->nstages; k++)
		walk->stages[k].until = DT_NOBEGIN;
	walk->cut = NULL;
	walk->nstays = 0;
	if (walk->events_place >= 0)
	{
		walk->events = (struct varlena *) DatumGetPointer(run->values[walk->events_place][row]);
		cd_timeline_open(&walk->reader, walk->events);
		start = cd_timeline_first_at(&walk->reader);
	}
	if (walk->registered_place >= 0 && !run->nulls[walk->registered_place][row])
	{
		TimestampTz registered = DatumGetTimestampTz(run->values[walk->registered_place][row]);

		if (!TIMESTAMP_NOT_FINITE(registered))
			start = earlier(start, registered);
	}
	/* Of whom no moment is known, what holds now has held for ever. */
	timeless = start > run->now;
	walk->now = timeless ? run->now : start;

	for (;;)
	{
		TimestampTz until;
		int			next;

		CHECK_FOR_INTERRUPTS();
		next = next_stage(walk, stage, entered, &ceased, &until);
		if (next != stage)
		{
			if (stage >= 0)
				add_stay(walk, walk->stages[stage].id, entered, walk->now, cause);
			stage = next;
			entered = timeless ? DT_NOBEGIN : walk->now;
			cause = timeless ? NULL : walk->events ? cause_at(&walk->reader, walk->now) : "time";
			ceased = DT_NOEND;
			continue;
		}
		/* The first thing known may lie ahead. */
		if (timeless)
			until = earlier(until, start);
		if (until > run->now)
		{
			walk->due[row] = until;
			break;
		}
		walk->now = until;
	}
	if (stage >= 0)
		add_stay(walk, walk->stages[stage].id, entered, DT_NOEND, cause);
	cd_walk_put_stays(walk, row);
	if (walk->explain)
	{
		TimestampTz until;

		walk->now = run->now;
		for (k = 0; k < walk->nstages; k++)
			if (stage_holds(walk, k, &until))
				cd_walk_put_holds(walk, row, walk->stages[k].id);
	}
}

/* Walk with all customers of the batch, as the journey's owner. */
static void
walk_batch(CdRun *run)
{
	Walk	   *walk = (Walk *) run;
	MemoryContext context = CurrentMemoryContext;
	MemoryContext customer;
	ResourceOwner owner = CurrentResourceOwner;
	volatile int row = 0;
	volatile bool done = false;
	CdAsOf		as_of;

	if (walk->failed)
		return;
	if (walk->compare)
		cd_walk_read_stored(walk);
	customer = AllocSetContextCreate(run->batch, "customer", ALLOCSET_DEFAULT_SIZES);
	/* What to go back to after an error. */
	cd_as_of_begin(run->now, &as_of);
	cd_as_of_end(&as_of);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(customer);
	PG_TRY();
	{
		CdRunAs		save;

		cd_run_as_begin(run->asked[0].owner, run->asked[0].time_zone, &save);
		for (; row < run->count; row++)
		{
			walk_customer(walk, row);
			MemoryContextReset(customer);
		}
		cd_run_as_end(&save);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		cd_timelines_ahead = false;
		cd_as_of_end(&as_of);
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			ReThrowError(error);
		cd_run_fail(run, walk->stages[walk->asking].asked, error, row);
	}
	PG_END_TRY();
	/* Trouble with writing is no fault of a stage. */
	if (done)
		cd_walk_put_batch(walk);
}

/* Read the journey's stages, in order. */
static void
take_stages(Walk *walk, int32 journey)
{
	CdRun	   *run = &walk->run;
	Oid			types[] = {INT4OID};
	Datum		args[1];
	int			i;

	args[0] = Int32GetDatum(journey);
	if (SPI_execute_with_args("SELECT s.stage_id, s.condition, j.owner::oid, j.time_zone, s.minimum_stay, s.lapse "
							  "FROM customer_data.journey_stage s JOIN customer_data.journey_definition j USING (journey_id) "
							  "WHERE s.journey_id = $1 ORDER BY s.position",
							  1, types, args, NULL, true, 0) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read stages")));
	walk->nstages = run->nasked = (int) SPI_processed;
	walk->stages = palloc0(sizeof(Stage) * Max(1, walk->nstages));
	run->asked = palloc0(sizeof(CdAsked) * Max(1, run->nasked));
	for (i = 0; i < run->nasked; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		CdAsked    *asked = &run->asked[i];
		bool		isnull;
		Datum		span;

		walk->stages[i].id = DatumGetInt32(SPI_getbinval(tuple, desc, 1, &isnull));
		/* Negative, so that no stage is taken for a segment's condition. */
		asked->id = -walk->stages[i].id;
		asked->text = SPI_getvalue(tuple, desc, 2);
		asked->owner = DatumGetObjectId(SPI_getbinval(tuple, desc, 3, &isnull));
		asked->time_zone = SPI_getvalue(tuple, desc, 4);
		asked->answers = palloc0(CD_BATCH);
		span = SPI_getbinval(tuple, desc, 5, &isnull);
		if (!isnull)
		{
			walk->stages[i].minimum_stay = palloc(sizeof(Interval));
			*walk->stages[i].minimum_stay = *DatumGetIntervalP(span);
		}
		span = SPI_getbinval(tuple, desc, 6, &isnull);
		if (!isnull)
		{
			walk->stages[i].lapse = palloc(sizeof(Interval));
			*walk->stages[i].lapse = *DatumGetIntervalP(span);
		}
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Does a function know of timelines that reach ahead of as_of()? */
static bool
knows_ahead(Oid function)
{
	static const char *const names[] = {
		"happened", "event_count", "event_sum", "event_avg", "event_min", "event_max", "event_first", "event_last",
		"event_days", "event_distinct", "unanswered", "compare_events", "event_count_at_least", "event_sum_at_least",
	};
	char	   *name;
	int			i;

	if (get_func_namespace(function) != cd_schema() || func_volatile(function) == PROVOLATILE_VOLATILE)
		return false;
	name = get_func_name(function);
	for (i = 0; i < (int) lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Does an expression look at the events otherwise than through such functions? */
static bool
needs_cut_walker(Node *node, void *arg)
{
	AttrNumber	events = *(AttrNumber *) arg;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varattno == events;
	if (IsA(node, FuncExpr) && knows_ahead(((FuncExpr *) node)->funcid))
	{
		FuncExpr   *call = (FuncExpr *) node;
		ListCell   *cell;

		foreach(cell, call->args)
		{
			Node	   *node_arg = lfirst(cell);

			if (foreach_current_index(cell) == 0 && IsA(node_arg, Var))
				continue;
			if (needs_cut_walker(node_arg, arg))
				return true;
		}
		return false;
	}
	return expression_tree_walker(node, needs_cut_walker, arg);
}

/* Find each stage's condition after the run has put them in its own order. */
static void
connect_stages(Walk *walk)
{
	CdRun	   *run = &walk->run;
	int			i,
				k;

	for (i = 0; i < walk->nstages; i++)
	{
		Stage	   *stage = &walk->stages[i];

		for (k = 0; k < run->nasked; k++)
			if (run->asked[k].id == -stage->id)
				stage->asked = &run->asked[k];
		if (walk->failed)
			continue;
		stage->uses_events = stage->asked->uses_events;
		stage->ahead = stage->uses_events &&
			!needs_cut_walker((Node *) stage->asked->state->expr, &run->events);
	}
	walk->events_place = walk->registered_place = -1;
	for (i = 0; i < run->nfetched; i++)
	{
		if (run->fetched[i] == run->events)
			walk->events_place = i;
		if (run->fetched[i] == walk->registered_at)
			walk->registered_place = i;
	}
}

/* A walk begins at the registration or the first event: both are needed. */
static void
need_moments(Walk *walk)
{
	Relation	profile = cd_open_profile();
	TupleDesc	desc = RelationGetDescr(profile);
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (strcmp(NameStr(attribute->attname), "registered_at") == 0 &&
			attribute->atttypid == TIMESTAMPTZOID)
			walk->registered_at = i + 1;
		else if (strcmp(NameStr(attribute->attname), "events") != 0)
			continue;
		walk->run.columns = bms_add_member(walk->run.columns, i + 1);
	}
	relation_close(profile, NoLock);
}

/*
 * walk_journey(journey_id, customers, compare): every stay of the customers
 * (NULL: everyone) in the journey's stages up to as_of(), or how the stays
 * differ from those that are stored.
 */
PG_FUNCTION_INFO_V1(cd_walk_journey);
Datum
cd_walk_journey(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Walk	   *walk;
	CdRun	   *run;
	MemoryContext old;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the journey must not be NULL")));
	InitMaterializedSRF(fcinfo, 0);
	walk = palloc0(sizeof(Walk));
	run = &walk->run;
	run->store = rsinfo->setResult;
	run->rowtype = rsinfo->setDesc;
	run->now = cd_as_of();
	run->whole_events = true;
	run->recompute = true;

	SPI_connect();
	run->context = AllocSetContextCreate(CurrentMemoryContext, "journey", ALLOCSET_DEFAULT_SIZES);
	run->batch = AllocSetContextCreate(run->context, "batch of customers", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(run->context);
	run->take_batch = walk_batch;
	run->failed = stage_failed;
	run->everyone = PG_ARGISNULL(1);
	if (!run->everyone)
		run->due = PG_GETARG_CDSET(1);
	walk->journey = PG_GETARG_INT32(0);
	walk->compare = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	walk->explain = !walk->compare && run->due != NULL && cd_set_cardinality(run->due) == 1;
	walk->due = palloc(sizeof(TimestampTz) * CD_BATCH);
	walk->size = 16;
	walk->stays = palloc(sizeof(Stay) * walk->size);

	take_stages(walk, walk->journey);
	if (walk->nstages > 0 && (run->everyone || !cd_set_is_empty(run->due)))
	{
		need_moments(walk);
		cd_run_set_up(run);
		connect_stages(walk);
		if (walk->compare)
			cd_walk_prepare_stored(walk);
		if (!walk->failed)
			cd_run_over_customers(run);
		cd_walk_put_end(walk);
		cd_run_finish(run);
	}
	MemoryContextSwitchTo(old);
	SPI_finish();
	return (Datum) 0;
}
