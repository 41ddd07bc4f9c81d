/*
 * progress.c
 *		Progress of long work in shared memory, one place per process.
 *
 * Only the process itself writes its place; readers take a copy and try again
 * if it changed meanwhile, as the server does for pg_stat_activity.
 */
#include "postgres.h"

#include "progress.h"
#include "worker.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define MAX_LEVELS		4
#define PHASE_LENGTH	96

typedef struct Level
{
	char		phase[PHASE_LENGTH];
	uint64		done;
	uint64		total;
	TimestampTz since;
} Level;

typedef struct Place
{
	uint32		change_count;	/* odd while being written */
	pid_t		pid;
	Oid			database;
	Oid			role;
	int32		job_id;
	int64		run_id;
	int			level_count;
	Level		levels[MAX_LEVELS];
} Place;

static Place *places = NULL;
static Place *my_place = NULL;

/* Phases begun, deeper ones than have a place included. */
static int	depth = 0;
static int	depth_nest[MAX_LEVELS];
static bool depth_reported[MAX_LEVELS]; /* by report_progress: its next phase takes the place */
static bool callbacks_registered = false;

/* As many places as there can be processes with a transaction. */
static int
place_count(void)
{
	return MaxBackends;
}

/* The number of this process among them. */
static int
place_number(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProcNumber;
#else
	return MyBackendId - 1;
#endif
}

Size
cd_progress_size(void)
{
	return mul_size(place_count(), sizeof(Place));
}

void
cd_progress_startup(void)
{
	bool		found;

	places = ShmemInitStruct("customer_data progress", cd_progress_size(), &found);
	if (!found)
		memset(places, 0, cd_progress_size());
}

/* Begin and end of a change; an interrupt between them would leave it odd. */
#define BEGIN_CHANGE(p) \
	do { START_CRIT_SECTION(); (p)->change_count++; pg_write_barrier(); } while (0)
#define END_CHANGE(p) \
	do { pg_write_barrier(); (p)->change_count++; END_CRIT_SECTION(); } while (0)

/* Forget all phases of this process. */
static void
forget_phases(void)
{
	depth = 0;
	if (my_place == NULL || my_place->level_count == 0)
		return;
	BEGIN_CHANGE(my_place);
	my_place->level_count = 0;
	END_CHANGE(my_place);
}

/* An end of a transaction ends the phases, but for a procedure's own commit. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	if (depth == 0)
		return;
	if (event == XACT_EVENT_ABORT)
		forget_phases();
	else if (event == XACT_EVENT_COMMIT && !SPI_inside_nonatomic_context())
		forget_phases();
}

/* A failed subtransaction ends the phases begun in it. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (depth > 0 && depth_nest[Min(depth, MAX_LEVELS) - 1] >= GetCurrentTransactionNestLevel())
		cd_progress_end();
}

static void
leave_place(int code, Datum arg)
{
	if (my_place == NULL)
		return;
	BEGIN_CHANGE(my_place);
	my_place->pid = 0;
	my_place->level_count = 0;
	END_CHANGE(my_place);
	my_place = NULL;
}

/* Take this process's place at its first report; false where there is none. */
static bool
have_place(void)
{
	int			number;

	if (my_place != NULL)
		return true;
	if (places == NULL || IsInParallelMode())
		return false;
	number = place_number();
	if (number < 0 || number >= place_count())
		return false;
	before_shmem_exit(leave_place, 0);
	my_place = &places[number];
	BEGIN_CHANGE(my_place);
	my_place->pid = MyProcPid;
	my_place->database = MyDatabaseId;
	my_place->role = GetSessionUserId();
	my_place->job_id = 0;
	my_place->run_id = 0;
	my_place->level_count = 0;
	END_CHANGE(my_place);
	if (!callbacks_registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		RegisterSubXactCallback(at_subtransaction_end, NULL);
		callbacks_registered = true;
	}
	return true;
}

void
cd_progress_run(int32 job_id, int64 run_id)
{
	if (!have_place())
		return;
	BEGIN_CHANGE(my_place);
	my_place->job_id = job_id;
	my_place->run_id = run_id;
	END_CHANGE(my_place);
}

void
cd_progress_begin(const char *phase, uint64 total)
{
	Level	   *level;

	if (!have_place())
		return;
	depth++;
	if (depth > MAX_LEVELS)
		return;
	depth_nest[depth - 1] = GetCurrentTransactionNestLevel();
	depth_reported[depth - 1] = false;
	level = &my_place->levels[depth - 1];
	BEGIN_CHANGE(my_place);
	strlcpy(level->phase, phase, PHASE_LENGTH);
	level->done = 0;
	level->total = total;
	level->since = GetCurrentTimestamp();
	my_place->level_count = depth;
	END_CHANGE(my_place);
}

void
cd_progress_total(uint64 total)
{
	Level	   *level;

	if (my_place == NULL || depth == 0 || depth > MAX_LEVELS)
		return;
	level = &my_place->levels[depth - 1];
	BEGIN_CHANGE(my_place);
	level->total = Max(total, level->done);
	END_CHANGE(my_place);
}

void
cd_progress_set(uint64 done)
{
	Level	   *level;

	if (my_place == NULL || depth == 0 || depth > MAX_LEVELS)
		return;
	level = &my_place->levels[depth - 1];
	if (level->total > 0)
		done = Min(done, level->total);
	if (done <= level->done)
		return;
	BEGIN_CHANGE(my_place);
	level->done = done;
	END_CHANGE(my_place);
}

void
cd_progress_end(void)
{
	if (my_place == NULL || depth == 0)
		return;
	depth--;
	if (depth >= MAX_LEVELS)
		return;
	BEGIN_CHANGE(my_place);
	my_place->level_count = depth;
	END_CHANGE(my_place);
}

/* Report on the phase of this name, beginning it if it is not open. */
static void
report(FunctionCallInfo fcinfo, bool step)
{
	char	   *phase;
	int64		done = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	int64		total = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("phase must not be NULL")));
	if (done < 0 || total < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("done and total must not be negative")));
	if (!have_place())
		return;
	phase = text_to_cstring(PG_GETARG_TEXT_PP(0));
	phase[pg_mbcliplen(phase, strlen(phase), PHASE_LENGTH - 1)] = '\0';
	for (int i = Min(depth, MAX_LEVELS) - 1; i >= 0; i--)
		if (strcmp(my_place->levels[i].phase, phase) == 0)
		{
			while (depth > i + 1)
				cd_progress_end();
			cd_progress_total(total);
			cd_progress_set(done);
			return;
		}
	if (!step && depth > 0 && depth <= MAX_LEVELS && depth_reported[depth - 1])
		cd_progress_end();
	cd_progress_begin(phase, total);
	if (depth <= MAX_LEVELS)
		depth_reported[depth - 1] = !step;
	cd_progress_set(done);
}

/*
 * report_progress(phase, done, total): the same for SQL and PL/pgSQL.  A new
 * phase takes the place of the one reported before.
 */
PG_FUNCTION_INFO_V1(cd_report_progress);
Datum
cd_report_progress(PG_FUNCTION_ARGS)
{
	report(fcinfo, false);
	PG_RETURN_VOID();
}

/* report_step(whole, done, total): a whole whose steps report below it. */
PG_FUNCTION_INFO_V1(cd_report_step);
Datum
cd_report_step(PG_FUNCTION_ARGS)
{
	report(fcinfo, true);
	PG_RETURN_VOID();
}

/* May the current user see what this role's session does? */
static bool
may_see(Oid role)
{
	return has_privs_of_role(GetUserId(), role) || has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

/* progress_of_all() → setof (pid, database, role, job_id, run_id, level, phase, done, total, since) */
PG_FUNCTION_INFO_V1(cd_progress_of_all);
Datum
cd_progress_of_all(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; places != NULL && i < place_count(); i++)
	{
		Place		copy;
		uint32		before,
					after;

		do
		{
			CHECK_FOR_INTERRUPTS();
			before = places[i].change_count;
			pg_read_barrier();
			memcpy(&copy, &places[i], sizeof(Place));
			pg_read_barrier();
			after = places[i].change_count;
		} while (before != after || (before & 1));
		if (copy.pid == 0)
			continue;
		for (int l = 0; l < copy.level_count && l < MAX_LEVELS; l++)
		{
			Datum		values[10];
			bool		nulls[10] = {0};

			values[0] = Int32GetDatum(copy.pid);
			values[1] = ObjectIdGetDatum(copy.database);
			values[2] = ObjectIdGetDatum(copy.role);
			values[3] = Int32GetDatum(copy.job_id);
			nulls[3] = copy.job_id == 0;
			values[4] = Int64GetDatum(copy.run_id);
			nulls[4] = copy.run_id == 0;
			values[5] = Int32GetDatum(l + 1);
			values[6] = CStringGetTextDatum(copy.levels[l].phase);
			values[7] = Int64GetDatum((int64) copy.levels[l].done);
			values[8] = Int64GetDatum((int64) copy.levels[l].total);
			nulls[8] = copy.levels[l].total == 0;
			values[9] = TimestampTzGetDatum(copy.levels[l].since);
			if (!may_see(copy.role))
				nulls[3] = nulls[4] = nulls[6] = true;
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	}
	return (Datum) 0;
}
