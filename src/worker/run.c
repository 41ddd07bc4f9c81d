/*
 * run.c
 *		The run of a job: in a worker of its own, or in this session.
 *
 * The attempt is committed before the command starts, so that one that takes
 * the server down is counted.  The success is written in the transaction the
 * command ends in: where the command is one transaction, its effect and its
 * record commit together or not at all.
 */
#include "postgres.h"

#include "worker.h"
#include "progress.h"
#include "run_as.h"

#include <signal.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procsignal.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/ps_status.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

/* A command that does not heed its timeout is ended after this. */
#define GRACE_MS		10000

CdJobRun	   *cd_current_run = NULL;

/* Refuse what would end the transaction the command runs in. */
static void
refuse_transaction_statement(RawStmt *raw, const char *command)
{
	if (IsA(raw->stmt, TransactionStmt))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a job's command cannot begin or end transactions itself"),
				 errdetail("Several statements are one transaction already."),
				 errhint("To commit in steps, write a procedure that commits and CALL it.")));
}

/*
 * Run a command as a client would send it: one statement at top level, so
 * that CALL may commit and VACUUM is allowed; several as one transaction.
 * A transaction is open before and after.
 */
uint64
cd_execute_command(const char *command)
{
	List	   *statements;
	ListCell   *lc;
	bool		top;
	uint64		rows = 0;
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "customer_data command",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	statements = pg_parse_query(command);
	top = list_length(statements) == 1;
	foreach(lc, statements)
	{
		RawStmt    *raw = lfirst_node(RawStmt, lc);
		bool		snapshot = false;
		List	   *plans;
		Portal		portal;
		DestReceiver *receiver;
		QueryCompletion done;

		CHECK_FOR_INTERRUPTS();
		refuse_transaction_statement(raw, command);
		if (analyze_requires_snapshot(raw))
		{
			PushActiveSnapshot(GetTransactionSnapshot());
			snapshot = true;
		}
		MemoryContextSwitchTo(context);
		plans = pg_plan_queries(pg_analyze_and_rewrite_fixedparams(raw, command, NULL, 0, NULL),
								command, CURSOR_OPT_PARALLEL_OK, NULL);
		if (snapshot)
			PopActiveSnapshot();
		portal = CreatePortal("", true, true);
		portal->visible = false;
		PortalDefineQuery(portal, NULL, command, CreateCommandTag(raw->stmt), plans, NULL);
		PortalStart(portal, NULL, 0, InvalidSnapshot);
		receiver = CreateDestReceiver(DestNone);
		InitializeQueryCompletion(&done);
#if PG_VERSION_NUM >= 180000
		(void) PortalRun(portal, FETCH_ALL, top, receiver, receiver, &done);
#else
		(void) PortalRun(portal, FETCH_ALL, top, true, receiver, receiver, &done);
#endif
		receiver->rDestroy(receiver);
		PortalDrop(portal, false);
		if (done.commandTag == CMDTAG_INSERT || done.commandTag == CMDTAG_UPDATE ||
			done.commandTag == CMDTAG_DELETE || done.commandTag == CMDTAG_MERGE ||
			done.commandTag == CMDTAG_COPY)
			rows += done.nprocessed;
		CommandCounterIncrement();
	}
	MemoryContextSwitchTo(old);
	return rows;
}

/* Show where in the command a mistake is, not where in our own query. */
static void
point_into_command(void *arg)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) arg);
	}
}

/*
 * Is the command one transaction, so that its effect and the record of its
 * success commit together?  Raises an error for one that cannot be parsed.
 */
bool
cd_command_is_transaction(const char *command)
{
	List	   *statements;
	ListCell   *lc;
	Node	   *only;
	ErrorContextCallback callback;

	callback.callback = point_into_command;
	callback.arg = (void *) command;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	statements = pg_parse_query(command);
	error_context_stack = callback.previous;
	if (statements == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a job's command must not be empty")));
	foreach(lc, statements)
		refuse_transaction_statement(lfirst_node(RawStmt, lc), command);
	if (list_length(statements) > 1)
		return true;
	only = linitial_node(RawStmt, statements)->stmt;
	switch (nodeTag(only))
	{
		case T_CallStmt:
		case T_DoStmt:
		case T_VacuumStmt:
		case T_ClusterStmt:
		case T_ReindexStmt:
		case T_CreatedbStmt:
		case T_DropdbStmt:
		case T_CreateTableSpaceStmt:
		case T_DropTableSpaceStmt:
		case T_AlterSystemStmt:
			return false;
		case T_IndexStmt:
			return !((IndexStmt *) only)->concurrent;
		case T_DropStmt:
			return !((DropStmt *) only)->concurrent;
		default:
			return true;
	}
}

/* command_is_transaction(command) → boolean */
PG_FUNCTION_INFO_V1(cd_command_is_transaction_sql);
Datum
cd_command_is_transaction_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(cd_command_is_transaction(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

/*
 * Take the job's due run, or with manual the next one due or not; false if
 * there is none or the job is another role's by now.  In an open transaction.
 */
bool
cd_run_claim(int32 job_id, Oid role, bool manual, CdJobRun *run)
{
	Oid			types[] = {INT4OID, OIDOID, BOOLOID};
	Datum		values[] = {Int32GetDatum(job_id), ObjectIdGetDatum(role), BoolGetDatum(manual)};
	CdAsOwner	save;
	MemoryContext context = TopMemoryContext;
	bool		found = false;

	SPI_connect();
	cd_as_owner_begin(&save);
	if (SPI_execute_with_args("SELECT run_id, attempt, owner, timeout_ms, name, command, time_zone"
							  " FROM customer_data.run_begin($1, $2, $3) WHERE run_id IS NOT NULL",
							  3, types, values, NULL, false, 1) == SPI_OK_SELECT && SPI_processed == 1)
	{
		HeapTuple	tuple = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		run->job_id = job_id;
		run->run_id = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
		run->attempt = DatumGetInt32(SPI_getbinval(tuple, desc, 2, &isnull));
		run->owner = DatumGetObjectId(SPI_getbinval(tuple, desc, 3, &isnull));
		run->timeout_ms = DatumGetInt64(SPI_getbinval(tuple, desc, 4, &isnull));
		run->name = MemoryContextStrdup(context, SPI_getvalue(tuple, desc, 5));
		run->command = MemoryContextStrdup(context, SPI_getvalue(tuple, desc, 6));
		run->time_zone = MemoryContextStrdup(context, SPI_getvalue(tuple, desc, 7));
		found = true;
	}
	cd_as_owner_end(&save);
	SPI_finish();
	return found;
}

/* The job is due while a run of it holds the lock: act on its on_overlap. */
static void
note_overlap(int32 job_id)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(job_id)};
	CdAsOwner	save;

	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	cd_as_owner_begin(&save);
	(void) SPI_execute_with_args("SELECT customer_data.run_overlapped($1)", 1, types, values, NULL, false, 1);
	cd_as_owner_end(&save);
	SPI_finish();
	PopActiveSnapshot();
}

/* End a command that did not heed its timeout. */
static void
grace_is_over(void)
{
	kill(MyProcPid, SIGTERM);
}

/* Settings a run starts with, whatever the role's own ones are. */
static void
pin_settings(const char *time_zone, bool local)
{
	GucAction	action = local ? GUC_ACTION_SAVE : GUC_ACTION_SET;

	(void) set_config_option("search_path", "pg_catalog, customer_data, public, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
	(void) set_config_option("TimeZone", time_zone,
							 PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
	(void) set_config_option("DateStyle", "ISO, YMD",
							 PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
	(void) set_config_option("IntervalStyle", "postgres",
							 PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
}

/* The command and its success, as far as possible one transaction. */
static void
run_to_success(CdJobRun *run)
{
	TimestampTz started = GetCurrentTimestamp();

	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, run->command);
	debug_query_string = run->command;
	StartTransactionCommand();
	pin_settings(run->time_zone, false);
	if (run->timeout_ms > 0)
	{
		enable_timeout_after(STATEMENT_TIMEOUT, (int) run->timeout_ms);
		enable_timeout_after(USER_TIMEOUT, (int) run->timeout_ms + GRACE_MS);
	}
	(void) cd_execute_command(run->command);
	disable_timeout(STATEMENT_TIMEOUT, false);
	cd_slot_state(CD_SLOT_RECORDING);
	PushActiveSnapshot(GetTransactionSnapshot());
	cd_run_end(run->run_id, run->attempt, "succeeded", NULL, NULL);
	PopActiveSnapshot();
	CommitTransactionCommand();
	disable_timeout(USER_TIMEOUT, false);
	if (cd_log_runs)
		ereport(LOG,
				(errmsg("job \"%s\" (run " INT64_FORMAT ", attempt %d) succeeded after %.3f s",
						run->name, run->run_id, run->attempt,
						(double) (GetCurrentTimestamp() - started) / USECS_PER_SEC)));
}

/* Was this error our own timeout? */
static bool
timed_out(const CdJobRun *run, const ErrorData *error, TimestampTz started)
{
	return run->timeout_ms > 0 && error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		TimestampDifferenceExceeds(started, GetCurrentTimestamp(), (int) run->timeout_ms);
}

/* Write a failed attempt in a transaction of its own, and log it. */
static void
record_failure(CdJobRun *run, ErrorData *error, bool timeout)
{
	char	   *verdict = NULL;

	cd_slot_state(CD_SLOT_RECORDING);
	if (timeout)
		error->message = psprintf("did not finish within its timeout of " INT64_FORMAT " ms", run->timeout_ms);
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	cd_run_end(run->run_id, run->attempt, timeout ? "timed out" : "failed", error, &verdict);
	PopActiveSnapshot();
	if (verdict != NULL)
		verdict = MemoryContextStrdup(TopMemoryContext, verdict);
	CommitTransactionCommand();
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("job \"%s\" (run " INT64_FORMAT ", attempt %d) failed: %s",
					run->name, run->run_id, run->attempt, error->message),
			 verdict ? errdetail("%s", verdict) : 0,
			 error->context ? errcontext("%s", error->context) : 0));
}

PGDLLEXPORT void
cd_job_main(Datum main_arg)
{
	static CdJobRun run;
	CdSlot	   *slot;
	Oid			database;
	Oid			role;
	int32		job_id;
	bool		manual;
	bool		claimed;
	TimestampTz started;
	MemoryContext context = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;
	int			flags = 0;
	char		appname[NAMEDATALEN];

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	cd_slot_attach(main_arg, MyBgworkerEntry->bgw_extra);
	slot = &cd_shared->slots[cd_my_slot];
	database = slot->database;
	role = slot->role;
	job_id = slot->job_id;
	manual = slot->manual;
#if PG_VERSION_NUM >= 170000
	flags = BGWORKER_BYPASS_ROLELOGINCHECK;
#endif
	BackgroundWorkerInitializeConnectionByOid(database, role, flags);
	MessageContext = AllocSetContextCreate(TopMemoryContext, "MessageContext", ALLOCSET_DEFAULT_SIZES);
	pgstat_report_appname("customer_data job");
	pgstat_report_activity(STATE_RUNNING, "taking a due run");
	RegisterTimeout(USER_TIMEOUT, grace_is_over);
	cd_pin_session();

	StartTransactionCommand();
	claimed = OidIsValid(cd_job_table(NULL));
	if (claimed && !cd_job_lock(job_id, true))
	{
		/* somebody runs it by hand */
		claimed = false;
		note_overlap(job_id);
	}
	/* an attempt must not be forgotten by a crash */
	(void) set_config_option("synchronous_commit", "on", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	if (claimed)
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		claimed = cd_run_claim(job_id, role, manual, &run);
		PopActiveSnapshot();
	}
	CommitTransactionCommand();
	if (!claimed)
	{
		cd_slot_finished();
		proc_exit(0);
	}
	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	slot->run_id = run.run_id;
	slot->attempt = run.attempt;
	slot->state = CD_SLOT_RUNNING;
	slot->since = GetCurrentTimestamp();
	LWLockRelease(cd_shared->lock);
	cd_current_run = &run;
	cd_progress_run(run.job_id, run.run_id);
	snprintf(appname, sizeof(appname), "customer_data: %s", run.name);
	pgstat_report_appname(appname);
	if (cd_log_runs)
		ereport(LOG,
				(errmsg("job \"%s\" (run " INT64_FORMAT ", attempt %d) started",
						run.name, run.run_id, run.attempt)));

	started = GetCurrentTimestamp();
	PG_TRY();
	{
		run_to_success(&run);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		disable_all_timeouts(false);
		QueryCancelPending = false;
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	debug_query_string = NULL;
	if (error != NULL)
		record_failure(&run, error, timed_out(&run, error, started));
	cd_slot_finished();
	pgstat_report_stat(true);
	proc_exit(0);
}
