/*
 * segments_of.c
 *		The segments one customer is in now.
 *
 * All conditions of segments are parsed and planned once per backend and kept
 * until a definition, a threshold, a metric, the view profile, a function or a
 * role changes, or another role asks: triggers on the tables of definitions invalidate their
 * relation's cache entries, so that all backends hear of it at commit.
 */
#include "postgres.h"

#include "segment/program.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* One segment, in the order of the answer. */
typedef struct Named
{
	char	   *name;
	int32		condition_id;
	int			number;			/* of its condition in the run; -1: everyone else */
} Named;

/* The conditions of all segments, ready to be asked. */
typedef struct Prepared
{
	CdRun		run;			/* must be first */
	uint64		generation;
	Oid			user;			/* who may run what was set up, and not what is broken */
	bool		in_use;
	int			everyone;		/* number of the condition that holds for all customers */
	bool	   *broken;			/* conditions that could not be set up */
	int			nnamed;
	Named	   *named;
} Prepared;

static Prepared *prepared = NULL;
static uint64 generation = 1;

/* What the conditions are made from; a change of any is a new generation. */
static const char *const relation_names[] = {"profile", "condition", "segment_definition", "condition_threshold", "metric"};
static Oid	relations[lengthof(relation_names)];

static void
relation_changed(Datum arg, Oid relation)
{
	int			i;

	if (!OidIsValid(relation))
		generation++;
	for (i = 0; i < (int) lengthof(relations); i++)
		if (relation == relations[i])
			generation++;
}

static void
catalog_changed(Datum arg, int cache, uint32 hash)
{
	generation++;
}

/* conditions_changed(): trigger of the tables that hold what segments are made from */
PG_FUNCTION_INFO_V1(cd_conditions_changed);
Datum
cd_conditions_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("conditions_changed() is called by triggers only")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}

/* Who may not read the definitions may not see what was prepared from them either. */
static void
check_rights(void)
{
	int			i;

	for (i = 0; i < (int) lengthof(relations); i++)
	{
		relations[i] = get_relname_relid(relation_names[i], cd_schema());
		if (i > 0 && i < 3 && pg_class_aclcheck(relations[i], GetUserId(), ACL_SELECT) != ACLCHECK_OK)
			aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, relation_names[i]);
	}
}

/* A condition cannot be asked: its segment keeps the members it had. */
static void
ignore_error(CdRun *run, CdAsked *asked, ErrorData *error, int row)
{
}

/* Throw away what was prepared. */
static void
forget(Prepared *what)
{
	CdRun	   *run = &what->run;
	SPIPlanPtr	plans[] = {run->read_profile, run->read_members};
	int			i;

	for (i = 0; i < (int) lengthof(plans); i++)
		if (plans[i] != NULL)
			SPI_freeplan(plans[i]);
	MemoryContextDelete(run->context);
}

/* Keep the plans beyond this call. */
static void
keep_plans(CdRun *run)
{
	SPIPlanPtr	plans[] = {run->read_profile, run->read_members};
	int			i;

	for (i = 0; i < (int) lengthof(plans); i++)
		if (plans[i] != NULL)
			SPI_keepplan(plans[i]);
}

/* Read, parse and plan the conditions of all segments, inside SPI_connect(). */
static Prepared *
prepare(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "conditions of segments", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Prepared   *result = palloc0(sizeof(Prepared));
	CdRun	   *run = &result->run;
	uint64		started = generation;
	SPITupleTable *rows;
	int			i,
				k;

	run->context = context;
	run->batch = AllocSetContextCreate(context, "batch of customers", ALLOCSET_DEFAULT_SIZES);
	run->take_batch = cd_ask_batch;
	run->failed = ignore_error;
	run->by_program = true;
	run->generic = true;
	run->recompute = true;
	run->now = cd_as_of();
	run->due = cd_set_empty();
	if (cd_spi_query("SELECT c.condition_id, c.expression, c.owner::oid, c.time_zone, c.room = 'everyone' "
					"FROM customer_data.condition c WHERE c.room IN ('segment', 'everyone')", 0, NULL, NULL, NULL) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read conditions")));
	rows = SPI_tuptable;
	run->nasked = (int) SPI_processed;
	run->asked = palloc0(sizeof(CdAsked) * Max(run->nasked, 1));
	result->everyone = -1;
	for (i = 0; i < run->nasked; i++)
	{
		CdAsked	   *asked = &run->asked[i];
		bool		isnull;

		asked->id = DatumGetInt32(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));
		asked->text = MemoryContextStrdup(context, SPI_getvalue(rows->vals[i], rows->tupdesc, 2));
		asked->owner = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 3, &isnull));
		asked->time_zone = MemoryContextStrdup(context, SPI_getvalue(rows->vals[i], rows->tupdesc, 4));
		asked->answers = palloc0(1);
		if (DatumGetBool(SPI_getbinval(rows->vals[i], rows->tupdesc, 5, &isnull)))
			result->everyone = asked->id;
	}
	SPI_freetuptable(rows);
	cd_run_set_up(run);
	relation_close(run->profile, AccessShareLock);
	run->profile = NULL;
	result->broken = palloc(sizeof(bool) * Max(run->nasked, 1));
	for (i = 0; i < run->nasked; i++)
	{
		result->broken[i] = run->asked[i].failed;
		run->asked[i].needed = true;
		if (run->asked[i].id == result->everyone)
			result->everyone = -2 - i;
	}
	result->everyone = result->everyone <= -2 ? -2 - result->everyone : -1;

	if (cd_spi_query("SELECT d.name, CASE WHEN c.room = 'rest' THEN NULL ELSE d.condition_id END "
					"FROM customer_data.segment_definition d JOIN customer_data.condition c USING (condition_id) "
					"WHERE c.room IN ('segment', 'rest') ORDER BY d.priority DESC, d.name", 0, NULL, NULL, NULL) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read segments")));
	rows = SPI_tuptable;
	result->named = palloc0(sizeof(Named) * Max(SPI_processed, 1));
	result->nnamed = (int) SPI_processed;
	for (i = 0; i < result->nnamed; i++)
	{
		Named	   *named = &result->named[i];
		bool		isnull;

		named->name = MemoryContextStrdup(context, SPI_getvalue(rows->vals[i], rows->tupdesc, 1));
		named->number = -1;
		named->condition_id = DatumGetInt32(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull));
		for (k = 0; !isnull && k < run->nasked; k++)
			if (run->asked[k].id == named->condition_id)
				named->number = k;
	}
	SPI_freetuptable(rows);
	result->generation = started;
	result->user = GetUserId();
	MemoryContextSwitchTo(old);
	return result;
}

/*
 * What was prepared earlier, or now if there has been a change.  What is kept
 * is read with a snapshot of this moment, so that no change is missed that was
 * announced before; a transaction that holds on to an older one keeps nothing.
 */
static Prepared *
get_prepared(void)
{
	static bool registered = false;
	Prepared   *result;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(PROCOID, catalog_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHOID, catalog_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, catalog_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, catalog_changed, (Datum) 0);
		registered = true;
	}
	AcceptInvalidationMessages();
	if (IsolationUsesXactSnapshot() || (prepared != NULL && prepared->in_use))
		return prepare();
	if (prepared != NULL && prepared->generation == generation && prepared->user == GetUserId())
		return prepared;
	if (prepared != NULL)
	{
		result = prepared;
		prepared = NULL;
		forget(result);
	}
	PushActiveSnapshot(GetLatestSnapshot());
	result = prepare();
	PopActiveSnapshot();
	keep_plans(&result->run);
	MemoryContextSetParent(result->run.context, CacheMemoryContext);
	prepared = result;
	return result;
}

/* Was a customer in a segment at the last refresh? */
static bool
was_member(const Named *named, uint32 id)
{
	Oid			types[] = {INT4OID, INT4OID, INT8OID};
	Datum		args[3];
	bool		isnull;
	bool		result;

	args[0] = Int32GetDatum(named->condition_id);
	args[1] = Int32GetDatum((int32) (id >> 16));
	args[2] = Int64GetDatum((int64) id);
	if (cd_spi_query("SELECT m.members OPERATOR(customer_data.@>) $3 FROM customer_data.member_chunk m "
							  "WHERE m.condition_id = $1 AND m.chunk = $2", 3, types, args, NULL) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not read the members of segment \"%s\"", named->name)));
	result = SPI_processed == 1 && DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return result;
}

/* Ask the conditions of one customer. */
static void
ask(Prepared *what, uint32 id)
{
	CdRun	   *run = &what->run;
	MemoryContext old;
	ListCell   *cell;
	int			i;

	MemoryContextReset(run->batch);
	run->now = cd_as_of();
	run->count = 0;
	for (i = 0; i < run->nasked; i++)
	{
		run->asked[i].failed = what->broken[i];
		run->asked[i].answers[0] = ANSWER_NONE;
		if (run->asked[i].program != NULL)
			cd_program_reset(run->asked[i].program);
	}
	foreach(cell, run->segments)
	{
		CdNeed    *need = lfirst(cell);

		if (need->members)
			pfree(need->members);
		need->members = NULL;
		need->first_chunk = 0;
		need->last_chunk = -1;
	}
	old = MemoryContextSwitchTo(run->batch);
	run->due = cd_set_from_sorted(&id, 1);
	cd_run_over_customers(run);
	MemoryContextSwitchTo(old);
}

/* Send the names of the segments a customer is in. */
static void
put_names(Prepared *what, uint32 id, ReturnSetInfo *rsinfo)
{
	bool	   *member = palloc0(sizeof(bool) * Max(what->nnamed, 1));
	bool		exists;
	bool		inside = false;
	int			i;

	ask(what, id);
	exists = what->everyone >= 0 && what->run.asked[what->everyone].answers[0] == ANSWER_TRUE;
	for (i = 0; i < what->nnamed; i++)
	{
		const Named *named = &what->named[i];
		const CdAsked *asked = named->number >= 0 ? &what->run.asked[named->number] : NULL;

		if (asked != NULL)
			member[i] = asked->failed ? was_member(named, id) : asked->answers[0] == ANSWER_TRUE;
		inside |= member[i];
	}
	for (i = 0; i < what->nnamed; i++)
		if (member[i] || (what->named[i].number < 0 && exists && !inside))
		{
			Datum		value = CStringGetTextDatum(what->named[i].name);
			bool		isnull = false;

			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &isnull);
		}
}

/* Answer from what was prepared, which must not be thrown away meanwhile. */
static void
answer(Prepared *what, uint32 id, ReturnSetInfo *rsinfo)
{
	what->in_use = true;
	PG_TRY();
	{
		put_names(what, id, rsinfo);
	}
	PG_FINALLY();
	{
		what->in_use = false;
	}
	PG_END_TRY();
}

/* segments_of(customer_id): those the customer is in now, the most important first */
PG_FUNCTION_INFO_V1(cd_segments_of);
Datum
cd_segments_of(PG_FUNCTION_ARGS)
{
	int64		customer = PG_GETARG_INT64(0);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	check_rights();
	if (customer < 0 || (uint64) customer > CD_SET_MAX_ID)
		return (Datum) 0;
	SPI_connect();
	answer(get_prepared(), (uint32) customer, (ReturnSetInfo *) fcinfo->resultinfo);
	SPI_finish();
	return (Datum) 0;
}
