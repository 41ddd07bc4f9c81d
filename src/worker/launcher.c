/*
 * launcher.c
 *		The launcher: one process that sees to it that each database with due
 *		jobs has a scheduler.
 *
 * It connects to no database and reads shared catalogs only.  What it knows
 * of a database it was told through shared memory: the scheduler that looked
 * last says when the next is wanted, and a commit that changes jobs (or that
 * creates the extension) says "now".  A database nobody has looked into since
 * the server started is looked into once.
 */
#include "postgres.h"

#include "worker.h"

#include <signal.h>

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* Look for new and dropped databases this often. */
#define SCAN_MS			5000

/* While workers are at work, look this often for who wants their database. */
#define EXCLUSIVE_MS	1000

/* Keep workers out of a database somebody wants alone for so long. */
#define HOLD_MS			5000

/* A worker that the postmaster has not started by then never will be. */
#define START_MS		15000

/* Forget the latch, so that nobody sets a dead process's one. */
static void
forget_launcher(int code, Datum arg)
{
	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	if (cd_shared->launcher_pid == MyProcPid)
	{
		cd_shared->launcher_pid = 0;
		cd_shared->launcher_latch = NULL;
	}
	LWLockRelease(cd_shared->lock);
}

/* Bring the database entries in line with pg_database. */
static void
scan_databases(void)
{
	static bool told_full = false;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;
	List	   *oids = NIL;
	ListCell   *lc;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		if (!form->datistemplate && form->datallowconn && form->datconnlimit != -2)
			oids = lappend_oid(oids, form->oid);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);

	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < cd_shared->database_count; i++)
		cd_shared->databases[i].seen = false;
	foreach(lc, oids)
	{
		CdDatabase *d = cd_database_locked(lfirst_oid(lc), true);

		if (d != NULL)
			d->seen = true;
		else if (!told_full)
		{
			told_full = true;
			LWLockRelease(cd_shared->lock);
			ereport(LOG,
					(errmsg("customer_data jobs run in the first %d databases only", CD_MAX_DATABASES)));
			LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
		}
	}
	for (int i = 0; i < cd_shared->database_count; i++)
	{
		CdDatabase *d = &cd_shared->databases[i];

		if (d->oid != InvalidOid && !d->seen && d->scheduler < 0)
			d->oid = InvalidOid;
	}
	/* what ended without a record in a database that is gone needs none */
	for (int i = 0; i < cd_shared->slot_count; i++)
		if (cd_shared->slots[i].state == CD_SLOT_ENDED &&
			cd_database_locked(cd_shared->slots[i].database, false) == NULL)
			cd_shared->slots[i].state = CD_SLOT_FREE;
	LWLockRelease(cd_shared->lock);
	CommitTransactionCommand();
}

/* Free the slots of workers the postmaster never started. */
static void
reclaim_slots(TimestampTz now)
{
	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < cd_shared->slot_count; i++)
	{
		CdSlot	   *s = &cd_shared->slots[i];

		if (s->state == CD_SLOT_STARTING && TimestampDifferenceExceeds(s->since, now, START_MS))
		{
			CdDatabase *d = cd_database_locked(s->database, false);

			if (s->scheduler && d != NULL && d->scheduler == i)
				d->scheduler = -1;
			s->state = CD_SLOT_FREE;
		}
	}
	LWLockRelease(cd_shared->lock);
}

/*
 * Send our workers out of databases that somebody wants to drop, rename or
 * copy.  Returns true while any worker is at work.
 */
static bool
make_way(TimestampTz now)
{
	Oid		   *busy = palloc(sizeof(Oid) * cd_shared->slot_count);
	int			busy_count = 0;

	LWLockAcquire(cd_shared->lock, LW_SHARED);
	for (int i = 0; i < cd_shared->slot_count; i++)
	{
		CdSlot	   *s = &cd_shared->slots[i];
		int			j;

		if (s->state == CD_SLOT_FREE || s->state == CD_SLOT_ENDED)
			continue;
		for (j = 0; j < busy_count && busy[j] != s->database; j++);
		if (j == busy_count)
			busy[busy_count++] = s->database;
	}
	LWLockRelease(cd_shared->lock);

	for (int j = 0; j < busy_count; j++)
	{
		bool		wanted;

		StartTransactionCommand();
		wanted = cd_database_wanted_exclusively(busy[j]);
		CommitTransactionCommand();
		if (!wanted)
			continue;
		LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
		for (int i = 0; i < cd_shared->slot_count; i++)
		{
			CdSlot	   *s = &cd_shared->slots[i];

			if (s->database == busy[j] && s->pid != 0)
				kill(s->pid, SIGTERM);
		}
		for (int i = 0; i < cd_shared->database_count; i++)
			if (cd_shared->databases[i].oid == busy[j])
				cd_shared->databases[i].hold_until = TimestampTzPlusMilliseconds(now, HOLD_MS);
		LWLockRelease(cd_shared->lock);
	}
	pfree(busy);
	return busy_count > 0;
}

/*
 * Start the schedulers that are due, the longest unserved database first.
 * Returns when to look again.
 */
static TimestampTz
start_schedulers(TimestampTz now)
{
	for (;;)
	{
		TimestampTz next = DT_NOEND;
		CdDatabase *best = NULL;
		Oid			oid = InvalidOid;
		int			slot;

		LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
		for (int i = 0; i < cd_shared->database_count; i++)
		{
			CdDatabase *d = &cd_shared->databases[i];
			TimestampTz due;

			if (d->oid == InvalidOid || d->absent || d->scheduler >= 0)
				continue;
			due = Max(d->next_due, d->hold_until);
			if (due > now)
				next = Min(next, due);
			else if (best == NULL || d->served_at < best->served_at)
				best = d;
		}
		if (best != NULL)
			oid = best->oid;
		LWLockRelease(cd_shared->lock);

		if (oid == InvalidOid)
			return next;
		slot = cd_slot_take(oid, InvalidOid, 0, true, false);
		LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
		if (slot < 0)
			best->waiting = true;
		else
			best->served_at = now;
		LWLockRelease(cd_shared->lock);
		/* a worker that leaves sets our latch; the timeout is for others' workers */
		if (slot < 0 || !cd_slot_start(slot, "customer_data scheduler", MyProcPid))
			return Min(next, TimestampTzPlusMilliseconds(now, 1000));
	}
}

PGDLLEXPORT void
cd_launcher_main(Datum main_arg)
{
	TimestampTz scanned = DT_NOBEGIN;
	MemoryContext context;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("customer_data launcher");

	LWLockAcquire(cd_shared->lock, LW_EXCLUSIVE);
	cd_shared->launcher_pid = MyProcPid;
	cd_shared->launcher_latch = MyLatch;
	LWLockRelease(cd_shared->lock);
	before_shmem_exit(forget_launcher, 0);
	ereport(LOG, (errmsg("customer_data launcher started")));

	context = AllocSetContextCreate(TopMemoryContext, "customer_data launcher", ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		TimestampTz wake;
		long		timeout;

		MemoryContextSwitchTo(context);
		MemoryContextReset(context);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (TimestampDifferenceExceeds(scanned, now, SCAN_MS) || scanned == DT_NOBEGIN)
		{
			scan_databases();
			scanned = now;
			reclaim_slots(now);
			MemoryContextSwitchTo(context);
		}
		wake = TimestampTzPlusMilliseconds(scanned, SCAN_MS);
		if (make_way(now))
			wake = Min(wake, TimestampTzPlusMilliseconds(now, EXCLUSIVE_MS));
		MemoryContextSwitchTo(context);
		if (cd_workers_enabled)
			wake = Min(wake, start_schedulers(now));
		pgstat_report_activity(STATE_IDLE, cd_workers_enabled ? "waiting for due jobs"
							   : "customer_data.workers is off");

		timeout = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), wake);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(timeout, 1), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
