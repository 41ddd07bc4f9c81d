/*
 * job.c
 *		SQL functions of jobs: schedules, runs by hand, what workers do now.
 */
#include "postgres.h"

#include "worker.h"
#include "run_as.h"
#include "schedule.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* run_job waits so many times 50 ms for a free worker. */
#define FREE_WORKER_TRIES	100

/* A time zone by name, or an error that says so. */
static pg_tz *
zone_of(FunctionCallInfo fcinfo, int arg)
{
	char	   *name;
	pg_tz	   *zone;

	if (PG_ARGISNULL(arg))
		return session_timezone;
	name = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	zone = pg_tzset(name);
	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", name),
				 errhint("SELECT name FROM pg_timezone_names lists them.")));
	return zone;
}

/* A moment given by SQL: finite, and with room for years of search around it. */
static TimestampTz
moment_of(FunctionCallInfo fcinfo, int arg)
{
	TimestampTz moment = PG_GETARG_TIMESTAMPTZ(arg);

	if (moment < -100 * 366 * USECS_PER_DAY || moment > (int64) 8000 * 365 * USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("moment is out of range for a schedule"),
				 errdetail("Schedules are known between the years 1900 and 9990.")));
	return moment;
}

/* next_run(schedule, time_zone, anchor, after) → timestamptz, infinity if none */
PG_FUNCTION_INFO_V1(cd_next_run);
Datum
cd_next_run(PG_FUNCTION_ARGS)
{
	CdSchedule	schedule;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	cd_schedule_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)), &schedule);
	PG_RETURN_TIMESTAMPTZ(cd_schedule_next(&schedule, zone_of(fcinfo, 1),
										   moment_of(fcinfo, 2), moment_of(fcinfo, 3)));
}

/* next_runs(schedule, n, since, time_zone) → setof timestamptz */
PG_FUNCTION_INFO_V1(cd_next_runs);
Datum
cd_next_runs(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CdSchedule	schedule;
	pg_tz	   *zone;
	TimestampTz at;
	TimestampTz anchor;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return (Datum) 0;
	cd_schedule_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)), &schedule);
	at = anchor = moment_of(fcinfo, 2);
	zone = zone_of(fcinfo, 3);
	for (int i = 0; i < PG_GETARG_INT32(1); i++)
	{
		Datum		value;
		bool		isnull = false;

		CHECK_FOR_INTERRUPTS();
		at = cd_schedule_next(&schedule, zone, anchor, at);
		if (at == DT_NOEND)
			break;
		value = TimestampTzGetDatum(at);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &isnull);
	}
	return (Datum) 0;
}

/*
 * missed_runs(schedule, time_zone, anchor, due, moment) → (latest, missed):
 * the last moment not after "moment" and how many there are from due to it.
 */
PG_FUNCTION_INFO_V1(cd_missed_runs);
Datum
cd_missed_runs(PG_FUNCTION_ARGS)
{
	CdSchedule	schedule;
	pg_tz	   *zone = zone_of(fcinfo, 1);
	TimestampTz anchor = moment_of(fcinfo, 2);
	TimestampTz latest = moment_of(fcinfo, 3);
	TimestampTz moment = moment_of(fcinfo, 4);
	int64		count = 1;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("missed_runs returns a row")));
	cd_schedule_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)), &schedule);
	if (schedule.kind == CD_SCHEDULE_EVERY && schedule.every.month == 0 && schedule.every.day == 0)
	{
		if (moment > latest)
		{
			count = (moment - latest) / schedule.every.time + 1;
			latest += (count - 1) * schedule.every.time;
		}
	}
	else
		for (;;)
		{
			TimestampTz next = cd_schedule_next(&schedule, zone, anchor, latest);

			if (next > moment)
				break;
			latest = next;
			count++;
			CHECK_FOR_INTERRUPTS();
		}
	values[0] = TimestampTzGetDatum(latest);
	values[1] = Int64GetDatum(count);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* May the first role do as it likes with what the second owns? */
static bool
may_become(Oid member, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return member_can_set_role(member, role);
#else
	return is_member_of_role(member, role);
#endif
}

/* job_allowed(owner) → boolean: for the current user */
PG_FUNCTION_INFO_V1(cd_job_allowed);
Datum
cd_job_allowed(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(may_become(GetUserId(), PG_GETARG_OID(0)));
}

/* job_allowed(caller, owner) → boolean */
PG_FUNCTION_INFO_V1(cd_job_allowed_for);
Datum
cd_job_allowed_for(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(may_become(PG_GETARG_OID(0), PG_GETARG_OID(1)));
}

/* workers_preloaded() → boolean */
PG_FUNCTION_INFO_V1(cd_workers_preloaded);
Datum
cd_workers_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(cd_shared != NULL);
}

/* may_commit() → boolean: may the calling procedure COMMIT here? */
PG_FUNCTION_INFO_V1(cd_may_commit);
Datum
cd_may_commit(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(SPI_inside_nonatomic_context() && !IsSubTransaction());
}

/* run_id() → bigint: of the run this is part of, NULL outside one */
PG_FUNCTION_INFO_V1(cd_run_id);
Datum
cd_run_id(PG_FUNCTION_ARGS)
{
	if (cd_current_run == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT64(cd_current_run->run_id);
}

/* run_attempt() → int */
PG_FUNCTION_INFO_V1(cd_run_attempt);
Datum
cd_run_attempt(PG_FUNCTION_ARGS)
{
	if (cd_current_run == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT32(cd_current_run->attempt);
}

/*
 * What this transaction brings the workers, told when it commits.  A COPY
 * into job_entry and an alter_job() alike end up here.
 */
static TimestampTz noted_start = DT_NOEND;
static bool note_registered = false;

static void
tell_at_commit(XactEvent event, void *arg)
{
	TimestampTz start = noted_start;

	if (event == XACT_EVENT_COMMIT && start != DT_NOEND)
	{
		noted_start = DT_NOEND;
		cd_note_next_start(MyDatabaseId, start);
	}
	else if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		noted_start = DT_NOEND;
}

static void
note_start(TimestampTz start)
{
	if (cd_shared == NULL)
		return;
	if (!note_registered)
	{
		RegisterXactCallback(tell_at_commit, NULL);
		note_registered = true;
	}
	noted_start = Min(noted_start, start);
}

/* note_start(moment): at commit, see that somebody looks then */
PG_FUNCTION_INFO_V1(cd_note_start);
Datum
cd_note_start(PG_FUNCTION_ARGS)
{
	note_start(PG_ARGISNULL(0) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(0));
	PG_RETURN_VOID();
}

/* Statement trigger of job_entry: at commit, see that somebody looks now. */
PG_FUNCTION_INFO_V1(cd_jobs_changed);
Datum
cd_jobs_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("jobs_changed is a trigger function")));
	note_start(DT_NOBEGIN);
	PG_RETURN_POINTER(NULL);
}

/*
 * The right to refresh.  A procedure that commits keeps it for the session,
 * and an error takes it away again.
 */
static bool refresh_right_kept = false;

static void
lose_refresh_right(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT && refresh_right_kept)
	{
		refresh_right_kept = false;
		cd_job_unlock(0);
	}
}

/* refresh_lock() → boolean: false while a refresh_all() runs elsewhere */
PG_FUNCTION_INFO_V1(cd_refresh_lock);
Datum
cd_refresh_lock(PG_FUNCTION_ARGS)
{
	static bool registered = false;
	bool		keep = SPI_inside_nonatomic_context() && !IsSubTransaction();

	if (!registered)
	{
		RegisterXactCallback(lose_refresh_right, NULL);
		registered = true;
	}
	if (!cd_job_lock(0, keep))
		PG_RETURN_BOOL(false);
	refresh_right_kept = keep;
	PG_RETURN_BOOL(true);
}

/* refresh_unlock(): nothing where the lock goes with the transaction */
PG_FUNCTION_INFO_V1(cd_refresh_unlock);
Datum
cd_refresh_unlock(PG_FUNCTION_ARGS)
{
	if (refresh_right_kept)
		cd_job_unlock(0);
	refresh_right_kept = false;
	PG_RETURN_VOID();
}

/* Make the row run_job and run_due_job answer with. */
static Datum
outcome(FunctionCallInfo fcinfo, int64 run_id, const char *status, int64 rows, const char *error)
{
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a run's outcome is a row")));
	values[0] = Int64GetDatum(run_id);
	nulls[0] = run_id == 0;
	values[1] = CStringGetTextDatum(status);
	values[2] = Int64GetDatum(rows);
	nulls[2] = rows < 0;
	values[3] = error ? CStringGetTextDatum(error) : (Datum) 0;
	nulls[3] = error == NULL;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* Look a recorded outcome up, whatever this transaction's isolation level shows. */
static Datum
recorded_outcome(FunctionCallInfo fcinfo, int64 run_id, int32 attempt)
{
	Oid			types[] = {INT8OID, INT4OID};
	Datum		values[] = {Int64GetDatum(run_id), Int32GetDatum(attempt)};
	MemoryContext context = CurrentMemoryContext;
	CdAsOwner	save;
	char	   *status = "unknown";
	char	   *error = NULL;
	int64		rows = -1;

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	cd_as_owner_begin(&save);
	if (SPI_execute_with_args("SELECT status, error, rows_changed FROM customer_data.job_run_entry"
							  " WHERE run_id = $1 AND attempt = $2",
							  2, types, values, NULL, true, 1) == SPI_OK_SELECT && SPI_processed == 1)
	{
		bool		isnull;
		Datum		value;
		char	   *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		status = MemoryContextStrdup(context, text);
		text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
		error = text ? MemoryContextStrdup(context, text) : NULL;
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull);
		rows = isnull ? -1 : DatumGetInt64(value);
	}
	cd_as_owner_end(&save);
	SPI_finish();
	PopActiveSnapshot();
	return outcome(fcinfo, run_id, status, rows, error);
}

/* Run a claimed run's command in a subtransaction; an error is returned. */
static ErrorData *
run_command_here(CdJobRun *run)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	CdJobRun	   *outer = cd_current_run;
	ErrorData  *volatile error = NULL;

	cd_current_run = run;
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		CdRunAs		as;
		int			nest = 0;
		bool		switched = run->owner != GetUserId();
		int			result;

		SPI_connect();
		if (switched)
			cd_run_as_begin(run->owner, run->time_zone, &as);
		else
		{
			nest = NewGUCNestLevel();
			(void) set_config_option("search_path", "pg_catalog, customer_data, public, pg_temp",
									 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
			(void) set_config_option("TimeZone", run->time_zone,
									 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
		}
		result = SPI_execute(run->command, false, 0);
		if (result < 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("the command cannot run in this session: %s", SPI_result_code_string(result)),
					 errhint("Run it in a worker.")));
		if (switched)
			cd_run_as_end(&as);
		else
			AtEOXact_GUC(false, nest);
		SPI_finish();
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();
	cd_current_run = outer;
	if (error != NULL && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	return error;
}

/* Run a job in this session, in the caller's transaction. */
static Datum
run_here(FunctionCallInfo fcinfo, int32 job_id, Oid owner, const char *name, bool manual)
{
	CdJobRun		run;
	ErrorData  *error;

	if (!cd_job_lock(job_id, false))
	{
		if (!manual)
			return outcome(fcinfo, 0, "running already", -1, NULL);
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("job \"%s\" is running already", name),
				 errhint("The view customer_data.job says since when, and in which process.")));
	}
	if (!cd_run_claim(job_id, owner, manual, &run))
		return outcome(fcinfo, 0, "not due", -1, NULL);
	error = run_command_here(&run);
	cd_run_end(run.run_id, run.attempt, error ? "failed" : "succeeded", error, NULL);
	if (error != NULL)
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("job \"%s\" (run " INT64_FORMAT ", attempt %d) failed: %s",
						run.name, run.run_id, run.attempt, error->message)));
	return recorded_outcome(fcinfo, run.run_id, run.attempt);
}

/* Start a worker for the job, and wait until it has begun or, asked to, ended. */
static Datum
run_in_worker(FunctionCallInfo fcinfo, int32 job_id, Oid owner, const char *name, bool wait)
{
	char		worker_name[BGW_MAXLEN];
	int			slot = -1;
	uint64		generation = 0;
	CdSlot		seen;

	snprintf(worker_name, sizeof(worker_name), "customer_data job %s", name);
	/* all busy: wait a while for one to be done */
	for (int tries = 0; tries < FREE_WORKER_TRIES; tries++)
	{
		slot = cd_slot_take(MyDatabaseId, owner, job_id, false, true);
		if (slot >= 0)
		{
			generation = cd_shared->slots[slot].generation;
			if (cd_slot_start(slot, worker_name, MyProcPid))
				break;
			slot = -1;
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 50, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	if (slot < 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker is free to run job \"%s\"", name),
				 errhint("Try again later, raise customer_data.max_workers or max_worker_processes, or run it in this session: run_job(..., in_worker => false).")));
	for (;;)
	{
		LWLockAcquire(cd_shared->lock, LW_SHARED);
		seen = cd_shared->slots[slot];
		LWLockRelease(cd_shared->lock);
		if (seen.generation != generation || seen.state == CD_SLOT_FREE || seen.state == CD_SLOT_ENDED)
			break;
		if (!wait && seen.state >= CD_SLOT_RUNNING)
			return outcome(fcinfo, seen.run_id, "running", -1, NULL);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 20, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	if (seen.generation == generation && seen.run_id != 0)
		return recorded_outcome(fcinfo, seen.run_id, seen.attempt);
	if (seen.generation == generation && seen.state == CD_SLOT_ENDED)
		return outcome(fcinfo, 0, "failed", -1, seen.error);
	return outcome(fcinfo, 0, "not started", -1,
				   "it is running already, or its definition is not committed yet");
}

/* Find a job the caller may run, by name. */
static int32
find_job(const char *name, Oid *owner)
{
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[2];
	CdAsOwner	save;
	bool		isnull;
	int32		job_id;
	MemoryContext context = CurrentMemoryContext;
	volatile int result = 0;

	values[0] = ObjectIdGetDatum(GetUserId());
	values[1] = CStringGetTextDatum(name);
	SPI_connect();
	cd_as_owner_begin(&save);
	PG_TRY();
	{
		result = SPI_execute_with_args("SELECT job_id, owner::oid FROM customer_data.job_entry"
									   " WHERE job_id = customer_data.find_job($1, $2)",
									   2, types, values, NULL, false, 1);
	}
	PG_CATCH();
	{
		cd_rethrow_plainly(context);
	}
	PG_END_TRY();
	if (result != SPI_OK_SELECT || SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job \"%s\" does not exist", name)));
	job_id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	*owner = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	cd_as_owner_end(&save);
	SPI_finish();
	return job_id;
}

/* run_job(name, in_worker, wait) → (run_id, status, rows_changed, error) */
PG_FUNCTION_INFO_V1(cd_run_job);
Datum
cd_run_job(PG_FUNCTION_ARGS)
{
	char	   *name;
	int32		job_id;
	Oid			owner;
	bool		in_worker = cd_shared != NULL && !RecoveryInProgress();

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a job's name must not be NULL")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	job_id = find_job(name, &owner);
	if (!PG_ARGISNULL(1))
	{
		if (PG_GETARG_BOOL(1) && !in_worker)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("customer_data has no background workers in this server"),
					 errdetail("The library is not preloaded."),
					 errhint("Add shared_preload_libraries = 'customer_data' to postgresql.conf and restart the server, or run the job in this session: run_job(..., in_worker => false).")));
		in_worker = PG_GETARG_BOOL(1);
	}
	if (in_worker)
		return run_in_worker(fcinfo, job_id, owner, name, !PG_ARGISNULL(2) && PG_GETARG_BOOL(2));
	return run_here(fcinfo, job_id, owner, name, true);
}

/* run_due_job(job_id) → the same, where the job is due and not running */
PG_FUNCTION_INFO_V1(cd_run_due_job);
Datum
cd_run_due_job(PG_FUNCTION_ARGS)
{
	int32		job_id = PG_GETARG_INT32(0);
	Oid			owner = PG_GETARG_OID(1);

	if (!may_become(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for job %d", job_id)));
	return run_here(fcinfo, job_id, owner, "", false);
}

/* worker_slots() → setof (pid, kind, database, role, job_id, run_id, state, since) */
PG_FUNCTION_INFO_V1(cd_worker_slots);
Datum
cd_worker_slots(PG_FUNCTION_ARGS)
{
	static const char *const states[] = {"free", "starting", "taking", "running", "recording", "ended"};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[8];
	pid_t		launcher;

	InitMaterializedSRF(fcinfo, 0);
	if (cd_shared == NULL)
		return (Datum) 0;
	LWLockAcquire(cd_shared->lock, LW_SHARED);
	launcher = cd_shared->launcher_pid;
	LWLockRelease(cd_shared->lock);
	if (launcher != 0)
	{
		bool		nulls[8] = {false, false, true, true, true, true, false, true};

		values[0] = Int32GetDatum(launcher);
		values[1] = CStringGetTextDatum("launcher");
		values[6] = CStringGetTextDatum("running");
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	for (int i = 0; i < cd_shared->slot_count; i++)
	{
		CdSlot		s;
		bool		nulls[8] = {0};

		LWLockAcquire(cd_shared->lock, LW_SHARED);
		s = cd_shared->slots[i];
		LWLockRelease(cd_shared->lock);
		if (s.state == CD_SLOT_FREE)
			continue;
		values[0] = Int32GetDatum(s.pid);
		nulls[0] = s.pid == 0;
		values[1] = CStringGetTextDatum(s.scheduler ? "scheduler" : "job");
		values[2] = ObjectIdGetDatum(s.database);
		values[3] = ObjectIdGetDatum(s.role);
		nulls[3] = s.scheduler;
		values[4] = Int32GetDatum(s.job_id);
		values[5] = Int64GetDatum(s.run_id);
		nulls[4] = s.scheduler || !(has_privs_of_role(GetUserId(), s.role) ||
									has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS));
		nulls[5] = nulls[4] || s.run_id == 0;
		values[6] = CStringGetTextDatum(states[s.state]);
		values[7] = TimestampTzGetDatum(s.since);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
