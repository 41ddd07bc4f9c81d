/*
 * worker.h
 *		What launcher, schedulers and job workers share: settings, the shared
 *		memory that says who does what, and calls into the room's own tables.
 */
#ifndef CD_WORKER_H
#define CD_WORKER_H

#include "customer_data.h"

#include <sys/types.h>

#include "storage/latch.h"
#include "storage/lwlock.h"

#define CD_MAX_DATABASES	2048
#define CD_ERROR_LENGTH		400
#define CD_NAME_LENGTH		64

/* With so many places for runs, the last is kept from roles that have others. */
#define CD_SHARED_PLACES	4

/* What a worker is doing; the order is the order of its life. */
typedef enum CdSlotState
{
	CD_SLOT_FREE = 0,
	CD_SLOT_STARTING,			/* asked of the postmaster, not alive yet */
	CD_SLOT_CLAIMING,			/* alive, no run taken yet */
	CD_SLOT_RUNNING,			/* the attempt is committed, the command runs */
	CD_SLOT_RECORDING,			/* the command is done, its record is being written */
	CD_SLOT_ENDED				/* gone without a record: a scheduler writes it */
} CdSlotState;

/* One of our dynamic workers: a database's scheduler or the run of a job. */
typedef struct CdSlot
{
	CdSlotState state;
	bool		scheduler;
	bool		manual;			/* asked for by run_job: runs though not due */
	uint64		generation;		/* tells a late starter that its slot was reused */
	Oid			database;
	Oid			role;
	int32		job_id;
	int64		run_id;			/* 0 until claimed */
	int32		attempt;
	pid_t		pid;
	TimestampTz since;			/* of the state */
	char		error[CD_ERROR_LENGTH];
} CdSlot;

/* What the launcher knows of a database. */
typedef struct CdDatabase
{
	Oid			oid;			/* InvalidOid: free entry */
	bool		seen;			/* by the launcher's present scan */
	bool		absent;			/* has no customer_data */
	bool		waiting;		/* has due jobs and no worker for them */
	int			failures;		/* of its scheduler in a row */
	int			scheduler;		/* slot number, or -1 */
	TimestampTz next_due;		/* when its tables are to be read next */
	TimestampTz hold_until;		/* no workers before, whatever is due */
	TimestampTz served_at;		/* last scheduler start: round robin */
} CdDatabase;

typedef struct CdShared
{
	LWLock	   *lock;
	uint64		generation;
	pid_t		launcher_pid;
	Latch	   *launcher_latch;
	int			slot_count;
	int			database_count; /* entries ever used */
	CdDatabase	databases[CD_MAX_DATABASES];
	CdSlot		slots[FLEXIBLE_ARRAY_MEMBER];
} CdShared;

/* NULL where the library is not preloaded. */
extern CdShared *cd_shared;

/* Settings. */
extern bool cd_workers_enabled;
extern int	cd_max_workers;
extern bool cd_log_runs;

/* shared.c: slots and databases.  "locked" ones expect the lock to be held. */
extern Size cd_shared_size(void);
extern void cd_shared_startup(void);
extern CdDatabase *cd_database_locked(Oid database, bool create);
extern int	cd_slot_take(Oid database, Oid role, int32 job_id, bool scheduler, bool manual);
extern void cd_slot_release(int slot);
extern bool cd_slot_start(int slot, const char *name, pid_t notify);
extern void cd_slot_attach(Datum main_arg, const char *extra);
extern void cd_slot_state(CdSlotState state);
extern void cd_slot_finished(void);
extern void cd_wake_launcher(void);
extern void cd_wake_scheduler(Oid database);
extern void cd_note_next_start(Oid database, TimestampTz start);
extern bool cd_database_wanted_exclusively(Oid database);
extern int	cd_my_slot;

/* tables.c: the room's tables, used with their owner's rights only. */
typedef struct CdAsOwner
{
	Oid			save_userid;
	int			save_sec_context;
	int			save_nestlevel;
} CdAsOwner;

extern Oid	cd_job_table(Oid *owner);
extern void cd_pin_session(void);
extern void cd_as_owner_begin(CdAsOwner *save);
extern void cd_as_owner_end(CdAsOwner *save);
extern bool cd_job_lock(int32 job_id, bool session);
extern void cd_job_unlock(int32 job_id);
extern void cd_rethrow_plainly(MemoryContext context);
extern void cd_run_end(int64 run_id, int32 attempt, const char *status, ErrorData *error,
					   char **verdict);

/* run.c: a claimed run. */
typedef struct CdJobRun
{
	int32		job_id;
	int64		run_id;
	int32		attempt;
	Oid			owner;
	int64		timeout_ms;		/* 0 is none */
	char	   *name;
	char	   *command;
	char	   *time_zone;
} CdJobRun;

extern CdJobRun *cd_current_run;
extern bool cd_run_claim(int32 job_id, Oid role, bool manual, CdJobRun *run);
extern uint64 cd_execute_command(const char *command);
extern bool cd_command_is_transaction(const char *command);

extern PGDLLEXPORT void cd_launcher_main(Datum main_arg);
extern PGDLLEXPORT void cd_scheduler_main(Datum main_arg);
extern PGDLLEXPORT void cd_job_main(Datum main_arg);

#endif							/* CD_WORKER_H */
