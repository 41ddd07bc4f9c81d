/*
 * worker.c
 *		Settings of the background workers, and their start with the server.
 */
#include "postgres.h"

#include "worker.h"
#include "progress.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/guc.h"

bool		cd_workers_enabled = true;
int			cd_max_workers = 8;
bool		cd_log_runs = false;

/* Read by SQL only, through current_setting(). */
static int	job_run_keep_days = 30;
static int	job_run_keep_count = 1000;
static int	max_backoff = 3600;

static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;

/* Ask for shared memory; the number of worker processes is known by now. */
static void
request_shmem(void)
{
	if (prev_shmem_request)
		prev_shmem_request();
	RequestAddinShmemSpace(cd_shared_size());
	RequestAddinShmemSpace(cd_progress_size());
	RequestNamedLWLockTranche("customer_data", 1);
}

static void
startup_shmem(void)
{
	if (prev_shmem_startup)
		prev_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	cd_shared_startup();
	cd_progress_startup();
	LWLockRelease(AddinShmemInitLock);
}

/*
 * Register the launcher.  It starts where recovery is finished: never on a
 * standby, at once after promotion.  It leaves by an error when terminated,
 * so that the postmaster starts it again.
 */
static void
register_launcher(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 1;
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "customer_data");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "cd_launcher_main");
	snprintf(worker.bgw_name, BGW_MAXLEN, "customer_data launcher");
	snprintf(worker.bgw_type, BGW_MAXLEN, "customer_data launcher");
	RegisterBackgroundWorker(&worker);
}

void
cd_worker_init(void)
{
	DefineCustomBoolVariable("customer_data.workers",
							 "Start jobs in background workers.",
							 "Off lets running jobs finish and starts no new ones.",
							 &cd_workers_enabled, true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("customer_data.max_workers",
							"Background workers that may exist at once, schedulers included.",
							"The server's max_worker_processes limits them as well.",
							&cd_max_workers, 8, 2, 1024, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("customer_data.log_runs",
							 "Log the start and the success of each run; failures are always logged.",
							 NULL, &cd_log_runs, false, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("customer_data.job_run_keep_days",
							"Days that finished runs stay in job_run.",
							NULL, &job_run_keep_days, 30, 1, 36500, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("customer_data.job_run_keep_count",
							"Finished runs of each job that stay in job_run.",
							NULL, &job_run_keep_count, 1000, 1, INT_MAX, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("customer_data.max_backoff",
							"Longest wait between two attempts of a failing run.",
							NULL, &max_backoff, 3600, 1, 86400 * 30, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);

	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = request_shmem;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
	if (!IsBinaryUpgrade)
		register_launcher();
}
