/*
 * shared.c
 *		The shared memory of the workers: a slot for each of our dynamic
 *		workers, an entry for each database.
 *
 * A slot is taken before its worker is asked of the postmaster and given back
 * by the worker's exit, whatever ends it.  A worker that ends without having
 * written its record leaves its slot behind as ENDED, with the reason, for a
 * scheduler to write.  After a crash the postmaster starts with fresh memory;
 * what was running is then found in job_run.
 */
#include "postgres.h"

#include "worker.h"

#include <signal.h>

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

CdShared   *cd_shared = NULL;
int			cd_my_slot = -1;

static bool my_end_is_recorded = false;
static char my_last_error[CD_ERROR_LENGTH];
static emit_log_hook_type prev_emit_log = NULL;

/* What a worker is told when it is started. */
typedef struct StartMessage
{
	uint64		generation;
} StartMessage;

Size
cd_shared_size(void)
{
	return add_size(offsetof(CdShared, slots), mul_size(max_worker_processes, sizeof(CdSlot)));
}

void
cd_shared_startup(void)
{
	bool		found;

	cd_shared = ShmemInitStruct("customer_data workers", cd_shared_size(), &found);
	if (found)
		return;
	memset(cd_shared, 0, cd_shared_size());
	cd_shared->lock = &(GetNamedLWLockTranche("customer_data"))->lock;
	cd_shared->slot_count = max_worker_processes;
	cd_shared->generation = 1;
}

CdDatabase *
cd_database_locked(Oid database, bool create)
{
	CdDatabase *unused = NULL;

	for (int i = 0; i < cd_shared->database_count; i++)
	{
		CdDatabase *d = &cd_shared->databases[i];

		if (d->oid == database)
			return d;
		if (d->oid == InvalidOid && unused == NULL)
			unused = d;
	}
	if (!create)
		return NULL;
	if (unused == NULL)
	{
		if (cd_shared->database_count == CD_MAX_DATABASES)
			return NULL;
		unused = &cd_shared->databases[cd_shared->database_count++];
	}
	memset(unused, 0, sizeof(*unused));
	unused->oid = database;
	unused->scheduler = -1;
	unused->next_due = DT_NOBEGIN;
	unused->hold_until = DT_NOBEGIN;
	unused->served_at = DT_NOBEGIN;
	return unused;
}

/* How many of the slots schedulers may take: the rest is for runs. */
static int
scheduler_limit(void)
{
	return Max(1, Min(cd_max_workers, cd_shared->slot_count) / 4);
}

/*
 * Take a slot, or return -1 if there is none for this database, -2 if there is
 * none for this role.  Where databases wait for workers, none of them gets
 * more than its share of those for runs.  No role gets the last of them while
 * it has another: a role whose jobs run for hours must not shut out the rest.
 */
int
cd_slot_take(Oid database, Oid role, int32 job_id, bool scheduler, bool manual)
{
	int			unused = -1,
				taken = 0,
				schedulers = 0,
				mine = 0,
				of_role = 0,
				waiting = 0,
				result = -1;
	int			limit = Min(cd_max_workers, cd_shared->slot_count);
	int			for_runs;

	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < cd_shared->slot_count; i++)
	{
		CdSlot	   *s = &cd_shared->slots[i];

		if (s->state == CD_SLOT_FREE)
		{
			if (unused < 0)
				unused = i;
			continue;
		}
		if (s->state == CD_SLOT_ENDED)
			continue;
		taken++;
		if (s->scheduler)
			schedulers++;
		else
		{
			if (s->database == database)
				mine++;
			if (s->role == role)
				of_role++;
		}
	}
	for (int i = 0; i < cd_shared->database_count; i++)
		if (cd_shared->databases[i].oid != InvalidOid && cd_shared->databases[i].oid != database &&
			cd_shared->databases[i].waiting)
			waiting++;
	for_runs = limit - Max(schedulers, 1);
	if (!scheduler && for_runs >= CD_SHARED_PLACES && of_role >= for_runs - 1)
		result = -2;
	else if (unused >= 0 && taken < limit &&
		(scheduler ? schedulers < scheduler_limit() :
		 (waiting == 0 || mine < Max(1, (limit - schedulers) / (waiting + 1)))))
	{
		CdSlot	   *s = &cd_shared->slots[unused];

		memset(s, 0, sizeof(*s));
		s->state = CD_SLOT_STARTING;
		s->scheduler = scheduler;
		s->manual = manual;
		s->generation = ++cd_shared->generation;
		s->database = database;
		s->role = role;
		s->job_id = job_id;
		s->since = GetCurrentTimestamp();
		if (scheduler)
		{
			CdDatabase *d = cd_database_locked(database, true);

			if (d != NULL)
				d->scheduler = unused;
		}
		result = unused;
	}
	LWLockRelease(cd_shared->lock);
	return result;
}

/* Free a slot; whoever waits for one is told. */
void
cd_slot_release(int slot)
{
	CdSlot	   *s = &cd_shared->slots[slot];

	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	if (s->scheduler)
	{
		CdDatabase *d = cd_database_locked(s->database, false);

		if (d != NULL && d->scheduler == slot)
			d->scheduler = -1;
	}
	s->state = CD_SLOT_FREE;
	s->pid = 0;
	LWLockRelease(cd_shared->lock);
}

/* Ask the postmaster for the slot's worker; gives the slot back if it refuses. */
bool
cd_slot_start(int slot, const char *name, pid_t notify)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;
	CdSlot	   *s = &cd_shared->slots[slot];
	StartMessage message = {s->generation};

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = Int32GetDatum(slot);
	worker.bgw_notify_pid = notify;
	memcpy(worker.bgw_extra, &message, sizeof(message));
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "customer_data");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, s->scheduler ? "cd_scheduler_main" : "cd_job_main");
	snprintf(worker.bgw_type, BGW_MAXLEN, s->scheduler ? "customer_data scheduler" : "customer_data job");
	snprintf(worker.bgw_name, BGW_MAXLEN, "%s", name);
	if (RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		pfree(handle);
		return true;
	}
	cd_slot_release(slot);
	return false;
}

/* Keep the last error of this worker, so that a failed start has a reason. */
static void
remember_error(ErrorData *edata)
{
	if (edata->elevel >= ERROR && edata->message != NULL)
		strlcpy(my_last_error, edata->message, sizeof(my_last_error));
	if (prev_emit_log)
		prev_emit_log(edata);
}

/* At exit: free the slot, or leave it for a scheduler to write what happened. */
static void
leave_slot(int code, Datum arg)
{
	CdSlot	   *s;
	CdDatabase *d;
	bool		scheduler;
	Oid			database;

	if (cd_my_slot < 0)
		return;
	LWLockReleaseAll();
	s = &cd_shared->slots[cd_my_slot];
	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	scheduler = s->scheduler;
	database = s->database;
	d = cd_database_locked(database, false);
	if (scheduler)
	{
		s->state = CD_SLOT_FREE;
		if (d != NULL)
		{
			if (d->scheduler == cd_my_slot)
				d->scheduler = -1;
			if (my_end_is_recorded)
				d->failures = 0;
			else
			{
				/* ended by an error: try again, ever more slowly */
				d->failures++;
				d->next_due = DT_NOBEGIN;
				d->hold_until = Max(d->hold_until,
									TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
																1000 * Min(300, 1 << Min(d->failures, 8))));
			}
		}
	}
	else if (my_end_is_recorded)
		s->state = CD_SLOT_FREE;
	else
	{
		s->state = CD_SLOT_ENDED;
		s->since = GetCurrentTimestamp();
		strlcpy(s->error, my_last_error[0] ? my_last_error : "the worker ended before its work was done",
				sizeof(s->error));
		if (d != NULL)
			d->next_due = DT_NOBEGIN;
	}
	s->pid = 0;
	cd_my_slot = -1;
	LWLockRelease(cd_shared->lock);
	if (!scheduler)
		cd_wake_scheduler(database);
	cd_wake_launcher();
}

/* A worker's first step: make the slot its own, or leave if it came too late. */
void
cd_slot_attach(Datum main_arg, const char *extra)
{
	int			slot = DatumGetInt32(main_arg);
	StartMessage message;
	bool		mine = false;

	memcpy(&message, extra, sizeof(message));
	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	if (slot >= 0 && slot < cd_shared->slot_count &&
		cd_shared->slots[slot].generation == message.generation &&
		cd_shared->slots[slot].state == CD_SLOT_STARTING)
	{
		cd_shared->slots[slot].state = CD_SLOT_CLAIMING;
		cd_shared->slots[slot].pid = MyProcPid;
		cd_shared->slots[slot].since = GetCurrentTimestamp();
		cd_my_slot = slot;
		mine = true;
	}
	LWLockRelease(cd_shared->lock);
	if (!mine)
		proc_exit(0);
	prev_emit_log = emit_log_hook;
	emit_log_hook = remember_error;
	before_shmem_exit(leave_slot, 0);
}

void
cd_slot_state(CdSlotState state)
{
	if (cd_my_slot < 0)
		return;
	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	cd_shared->slots[cd_my_slot].state = state;
	cd_shared->slots[cd_my_slot].since = GetCurrentTimestamp();
	LWLockRelease(cd_shared->lock);
}

/* This worker's outcome is written down: its slot may go at exit. */
void
cd_slot_finished(void)
{
	my_end_is_recorded = true;
}

void
cd_wake_launcher(void)
{
	Latch	   *latch;

	LWLockAcquire(cd_shared->lock, LW_SHARED);
	latch = cd_shared->launcher_latch;
	if (latch != NULL)
		SetLatch(latch);
	LWLockRelease(cd_shared->lock);
}

/* Wake the database's scheduler and all that wait for a free worker. */
void
cd_wake_scheduler(Oid database)
{
	LWLockAcquire(cd_shared->lock, LW_SHARED);
	for (int i = 0; i < cd_shared->database_count; i++)
	{
		CdDatabase *d = &cd_shared->databases[i];

		if (d->oid == InvalidOid || d->scheduler < 0 || (d->oid != database && !d->waiting))
			continue;
		if (cd_shared->slots[d->scheduler].pid != 0)
		{
			PGPROC	   *proc = BackendPidGetProc(cd_shared->slots[d->scheduler].pid);

			if (proc != NULL)
				SetLatch(&proc->procLatch);
		}
	}
	LWLockRelease(cd_shared->lock);
}

/*
 * A commit brings the database a start at this moment: if nobody is to look
 * before it, see that somebody will.
 */
void
cd_note_next_start(Oid database, TimestampTz start)
{
	CdDatabase *d;
	bool		sooner = false;
	bool		has_scheduler = false;

	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	d = cd_database_locked(database, true);
	if (d != NULL)
	{
		sooner = start < d->next_due;
		if (sooner)
			d->next_due = start;
		d->absent = false;
		has_scheduler = d->scheduler >= 0;
	}
	LWLockRelease(cd_shared->lock);
	if (sooner && has_scheduler)
		cd_wake_scheduler(database);
	else if (sooner)
		cd_wake_launcher();
}

/*
 * Does somebody hold or await the database for themselves alone, as DROP
 * DATABASE and RENAME do before they look for other sessions?  Needs a
 * transaction; the lock, if granted, goes with it.
 */
bool
cd_database_wanted_exclusively(Oid database)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
	return LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL;
}
