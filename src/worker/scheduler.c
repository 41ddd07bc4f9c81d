/*
 * scheduler.c
 *		A database's scheduler: reads which jobs are due and starts a worker
 *		for each.
 *
 * It stays while jobs are due or soon will be, and otherwise leaves its place
 * to another database after saying in shared memory when it is wanted next.
 * It changes nothing itself but what nobody else can: the records of workers
 * that died, the parking of jobs that cannot be started, and old history.
 */
#include "postgres.h"

#include "worker.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* Leave when nothing is due for so long. */
#define LINGER_MS		2000

/* Look again so much later whether a closed database is open. */
#define CLOSED_MS		7000

/* Delete old history this often while staying. */
#define PRUNE_MS		600000

/* Delete at most so much of it at a time. */
#define PRUNE_BATCH		10000

/* Emptied at each round; a commit leaves another context current. */
static MemoryContext round_context = NULL;

/* A due job as read from the tables. */
typedef struct DueJob
{
	int32		job_id;
	Oid			owner;
	bool		requested;		/* waits for its running run to end */
	char	   *name;
	char	   *problem;
} DueJob;

/* Open a transaction as the tables' owner; false where the extension is gone. */
static bool
begin_step(CdAsOwner *save)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!OidIsValid(cd_job_table(NULL)))
	{
		CommitTransactionCommand();
		MemoryContextSwitchTo(round_context);
		return false;
	}
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	cd_as_owner_begin(save);
	return true;
}

static void
end_step(CdAsOwner *save)
{
	cd_as_owner_end(save);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(round_context);
}

/* Run a statement; an error ends the scheduler, and the launcher waits a while. */
static void
execute(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls)
{
	int			result = SPI_execute_with_args(sql, nargs, types, values, nulls, false, 0);

	if (result < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("scheduler statement failed: %s", SPI_result_code_string(result))));
}

/* Text of a column that outlives SPI, NULL if NULL. */
static char *
column_text(int row, int column)
{
	char	   *text = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return text ? MemoryContextStrdup(round_context, text) : NULL;
}

/* Write the ends of workers that could not write them. */
static void
record_ended(void)
{
	for (int i = 0; i < cd_shared->slot_count; i++)
	{
		CdSlot		slot;
		CdAsOwner	save;
		Oid			types[] = {INT4OID, INT8OID, INT4OID, TEXTOID};
		Datum		values[4];
		char		nulls[5] = "    ";
		char	   *verdict = NULL;
		char	   *name = NULL;
	
		LWLockAcquire(cd_shared->lock, LW_SHARED);
		slot = cd_shared->slots[i];
		LWLockRelease(cd_shared->lock);
		if (slot.state != CD_SLOT_ENDED || slot.database != MyDatabaseId)
			continue;
		if (!begin_step(&save))
			return;
		values[0] = Int32GetDatum(slot.job_id);
		values[1] = Int64GetDatum(slot.run_id);
		values[2] = Int32GetDatum(slot.attempt);
		values[3] = CStringGetTextDatum(slot.error);
		if (slot.run_id == 0)
			nulls[1] = nulls[2] = 'n';
		execute("SELECT job_name, verdict FROM customer_data.run_lost($1, $2, $3, $4)", 4, types, values, nulls);
		if (SPI_processed > 0)
		{
			name = column_text(0, 1);
			verdict = column_text(0, 2);
		}
		end_step(&save);
		cd_slot_release(i);
		if (name != NULL)
			ereport(LOG,
					(errmsg("job \"%s\" (run " INT64_FORMAT ", attempt %d) ended without a result: %s",
							name, slot.run_id, slot.attempt, slot.error),
					 verdict ? errdetail("%s", verdict) : 0));
	}
}

/* Is a worker of this database at work on the job, and had it begun? */
static bool
job_has_slot(int32 job_id, bool *running)
{
	bool		found = false;

	*running = false;
	LWLockAcquire(cd_shared->lock, LW_SHARED);
	for (int i = 0; i < cd_shared->slot_count; i++)
	{
		CdSlot	   *s = &cd_shared->slots[i];

		if (s->state != CD_SLOT_FREE && !s->scheduler && s->database == MyDatabaseId && s->job_id == job_id)
		{
			found = true;
			if (s->state == CD_SLOT_RUNNING || s->state == CD_SLOT_RECORDING)
				*running = true;
		}
	}
	LWLockRelease(cd_shared->lock);
	return found;
}

/* May this database still be worked in? */
static bool
database_is_open(void)
{
	HeapTuple	tuple;
	bool		open = false;

	StartTransactionCommand();
	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		open = form->datallowconn && !form->datistemplate;
		ReleaseSysCache(tuple);
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(round_context);
	return open;
}

/* Put right what a restore or a crash left behind; false where the extension is gone. */
static bool
set_up(void)
{
	CdAsOwner	save;
	List	   *lines = NIL;
	ListCell   *lc;

	if (!begin_step(&save))
		return false;
	execute("SELECT message FROM customer_data.scheduler_set_up()", 0, NULL, NULL, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *line = column_text((int) i, 1);
		MemoryContext old = MemoryContextSwitchTo(round_context);

		lines = lappend(lines, line);
		MemoryContextSwitchTo(old);
	}
	end_step(&save);
	foreach(lc, lines)
		ereport(LOG, (errmsg("%s", (char *) lfirst(lc))));
	return true;
}

/*
 * Read the due jobs and when the next one will be.  Returns false where the
 * extension is gone.
 */
static bool
read_due(List **due, TimestampTz *next)
{
	CdAsOwner	save;
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[1];

	*due = NIL;
	*next = DT_NOEND;
	if (!begin_step(&save))
		return false;
	values[0] = TimestampTzGetDatum(GetCurrentTimestamp());
	execute("SELECT job_id, owner, requested, name, problem, next_start FROM customer_data.due_jobs($1)",
			1, types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		Datum		value;
		DueJob	   *job;
		MemoryContext old;

		/* the last row tells the next start only */
		value = SPI_getbinval(tuple, desc, 6, &isnull);
		if (!isnull)
			*next = Min(*next, DatumGetTimestampTz(value));
		value = SPI_getbinval(tuple, desc, 1, &isnull);
		if (isnull)
			continue;
		old = MemoryContextSwitchTo(round_context);
		job = palloc0(sizeof(DueJob));
		job->job_id = DatumGetInt32(value);
		job->owner = DatumGetObjectId(SPI_getbinval(tuple, desc, 2, &isnull));
		job->requested = DatumGetBool(SPI_getbinval(tuple, desc, 3, &isnull));
		job->name = column_text((int) i, 4);
		job->problem = column_text((int) i, 5);
		*due = lappend(*due, job);
		MemoryContextSwitchTo(old);
	}
	end_step(&save);
	return true;
}

/* Call a function of one job that answers a line for the log, or NULL. */
static void
call_for_job(const char *sql, int32 job_id, const char *text)
{
	CdAsOwner	save;
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[2];
	char	   *line = NULL;

	if (!begin_step(&save))
		return;
	values[0] = Int32GetDatum(job_id);
	values[1] = text ? CStringGetTextDatum(text) : (Datum) 0;
	execute(sql, text ? 2 : 1, types, values, NULL);
	if (SPI_processed > 0)
		line = column_text(0, 1);
	end_step(&save);
	if (line != NULL)
		ereport(LOG, (errmsg("%s", line)));
}

/*
 * Start a worker for each due job.  Returns true if some had to be left for
 * want of a worker.
 */
static bool
start_due(List *due)
{
	bool		blocked = false;
	ListCell   *lc;

	foreach(lc, due)
	{
		DueJob	   *job = lfirst(lc);
		bool		running;
		int			slot;
		char		name[BGW_MAXLEN];

		CHECK_FOR_INTERRUPTS();
		if (job->problem != NULL)
		{
			call_for_job("SELECT customer_data.park_job($1, $2)", job->job_id, job->problem);
			continue;
		}
		if (job_has_slot(job->job_id, &running))
		{
			if (running && !job->requested)
				call_for_job("SELECT customer_data.run_overlapped($1)", job->job_id, NULL);
			continue;
		}
		slot = cd_slot_take(MyDatabaseId, job->owner, job->job_id, false, false);
		if (slot == -2)
		{
			/* its role has all it may have; other roles' jobs may start */
			blocked = true;
			continue;
		}
		if (slot < 0)
			return true;
		snprintf(name, sizeof(name), "customer_data job %s", job->name);
		if (!cd_slot_start(slot, name, MyProcPid))
			return true;
	}
	return blocked;
}

/* Does another database wait for a scheduler? */
static bool
others_wait(void)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		result = false;

	LWLockAcquire(cd_shared->lock, LW_SHARED);
	for (int i = 0; i < cd_shared->database_count && !result; i++)
	{
		CdDatabase *d = &cd_shared->databases[i];

		result = d->oid != InvalidOid && d->oid != MyDatabaseId && !d->absent && d->scheduler < 0 &&
			d->waiting && d->next_due <= now && d->hold_until <= now;
	}
	LWLockRelease(cd_shared->lock);
	return result;
}

/* From here on, a commit that changes what is due is seen as a lower next_due. */
static void
start_reading(void)
{
	CdDatabase *d;

	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	d = cd_database_locked(MyDatabaseId, true);
	if (d != NULL)
		d->next_due = DT_NOEND;
	LWLockRelease(cd_shared->lock);
}

/* Say what was read; returns when to look again, changes since included. */
static TimestampTz
publish(TimestampTz next, bool waiting)
{
	CdDatabase *d;

	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	d = cd_database_locked(MyDatabaseId, true);
	if (d != NULL)
	{
		d->next_due = next = Min(next, d->next_due);
		d->waiting = waiting;
	}
	LWLockRelease(cd_shared->lock);
	return next;
}

/*
 * Say when this database wants a scheduler again.  Returns false if what is
 * due changed since it was read: then it must be read again first.
 */
static bool
say_farewell(bool absent, TimestampTz known, TimestampTz next)
{
	bool		leave = true;
	CdDatabase *d;

	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	d = cd_database_locked(MyDatabaseId, false);
	if (d != NULL)
	{
		if (d->next_due < known)
			leave = false;
		else
		{
			d->absent = absent;
			d->next_due = next;
			/* a commit from here on finds no scheduler and tells the launcher */
			if (d->scheduler == cd_my_slot)
				d->scheduler = -1;
		}
	}
	LWLockRelease(cd_shared->lock);
	return leave;
}

PGDLLEXPORT void
cd_scheduler_main(Datum main_arg)
{
	TimestampTz pruned = DT_NOBEGIN;
	TimestampTz quiet_since;
	Oid			database;
	bool		first = true;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	cd_slot_attach(main_arg, MyBgworkerEntry->bgw_extra);
	database = cd_shared->slots[cd_my_slot].database;
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	pgstat_report_appname("customer_data scheduler");
	pgstat_report_activity(STATE_RUNNING, "reading due jobs");
	/* whoever alters the extension comes first; this process tries again later */
	SetConfigOption("lock_timeout", "30s", PGC_SUSET, PGC_S_OVERRIDE);
	cd_pin_session();
	cd_slot_state(CD_SLOT_RUNNING);

	round_context = AllocSetContextCreate(TopMemoryContext, "customer_data scheduler", ALLOCSET_DEFAULT_SIZES);
	quiet_since = GetCurrentTimestamp();
	for (;;)
	{
		List	   *due;
		TimestampTz now;
		TimestampTz next;
		bool		blocked;
		bool		gone;
		long		timeout;

		MemoryContextReset(round_context);
		MemoryContextSwitchTo(round_context);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}

		start_reading();
		if (!database_is_open())
		{
			/* by then the launcher has dropped it from its list, or it is open again */
			(void) say_farewell(false, DT_NOBEGIN,
								TimestampTzPlusMilliseconds(GetCurrentTimestamp(), CLOSED_MS));
			break;
		}
		gone = (first && !set_up()) || !read_due(&due, &next);
		if (!gone && next == DT_NOBEGIN)
			gone = !set_up() || !read_due(&due, &next);
		if (gone)
		{
			if (say_farewell(true, DT_NOEND, DT_NOEND))
				break;
			continue;
		}
		first = false;
		record_ended();
		blocked = cd_workers_enabled && start_due(due);
		next = publish(next, blocked);
		now = GetCurrentTimestamp();
		if (due != NIL)
			quiet_since = now;

		/* leave for another database, or because nothing comes soon */
		if (!cd_workers_enabled || others_wait() ||
			(!blocked && TimestampDifferenceExceeds(quiet_since, now, LINGER_MS / 4) &&
			 next > TimestampTzPlusMilliseconds(now, LINGER_MS)))
		{
			if (say_farewell(false, next, blocked ? now : next))
				break;
			continue;
		}
		if (TimestampDifferenceExceeds(pruned, now, PRUNE_MS) || pruned == DT_NOBEGIN)
		{
			call_for_job("SELECT customer_data.prune_job_runs($1)", PRUNE_BATCH, NULL);
			pruned = now;
		}
		pgstat_report_stat(false);
		pgstat_report_activity(STATE_IDLE, blocked ? "waiting for a free worker" : "waiting for due jobs");
		timeout = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
												  Min(next, TimestampTzPlusMilliseconds(now, LINGER_MS)));
		/* out of the postmaster's processes: nobody tells when one is free */
		if (blocked)
			timeout = Min(timeout, 500);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(timeout, 1), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	cd_slot_finished();
	proc_exit(0);
}
