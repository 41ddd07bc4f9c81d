/*
 * tables.c
 *		The room's tables, always used with the rights of the role that owns
 *		them and of nobody else: that role could put a trigger on them, so
 *		neither a superuser's scheduler nor a caller may lend it more.
 */
#include "postgres.h"

#include "worker.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Told apart from pg_advisory_lock(), which uses 1 and 2. */
#define JOB_LOCK_SPACE	0x43444a42	/* "CDJB" */
#define JOB_LOCK_CLASS	3

/* The table job_entry and its owner; InvalidOid where the extension is not. */
Oid
cd_job_table(Oid *owner)
{
	Oid			namespace;
	Oid			table;
	HeapTuple	tuple;

	if (!OidIsValid(get_extension_oid("customer_data", true)))
		return InvalidOid;
	namespace = get_namespace_oid("customer_data", true);
	if (!OidIsValid(namespace))
		return InvalidOid;
	table = get_relname_relid("job_entry", namespace);
	if (!OidIsValid(table))
		return InvalidOid;
	if (owner != NULL)
	{
		tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
		if (!HeapTupleIsValid(tuple))
			return InvalidOid;
		*owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return table;
}

/*
 * What database and role may have set as their default, and what would keep a
 * worker from writing its record.  A command can still set it for itself.
 */
void
cd_pin_session(void)
{
	SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_read_only", "off", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_deferrable", "off", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("statement_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
#if PG_VERSION_NUM >= 170000
	SetConfigOption("transaction_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
#endif
}

/* Become the owner of the room's tables, security-restricted. */
void
cd_as_owner_begin(CdAsOwner *save)
{
	Oid			owner;

	if (!OidIsValid(cd_job_table(&owner)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension customer_data is not in this database")));
	GetUserIdAndSecContext(&save->save_userid, &save->save_sec_context);
	save->save_nestlevel = NewGUCNestLevel();
	SetUserIdAndSecContext(owner, save->save_sec_context |
						   SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("row_security", "off",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
cd_as_owner_end(CdAsOwner *save)
{
	AtEOXact_GUC(false, save->save_nestlevel);
	SetUserIdAndSecContext(save->save_userid, save->save_sec_context);
}

/* The job's run lock.  No table is named in it: an abort must be able to release it. */
static void
job_lock_tag(LOCKTAG *tag, int32 job_id)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, JOB_LOCK_SPACE, (uint32) job_id, JOB_LOCK_CLASS);
}

/*
 * Take the job's run lock without waiting; false if a run holds it.  It is
 * what keeps two runs of a job apart, in workers and by hand alike, and goes
 * with the process.  Job 0 stands for refresh_all().
 */
bool
cd_job_lock(int32 job_id, bool session)
{
	LOCKTAG		tag;

	job_lock_tag(&tag, job_id);
	return LockAcquire(&tag, ExclusiveLock, session, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
cd_job_unlock(int32 job_id)
{
	LOCKTAG		tag;

	job_lock_tag(&tag, job_id);
	(void) LockRelease(&tag, ExclusiveLock, true);
}

/*
 * Write an attempt's outcome, in the transaction that is open.  The verdict
 * says what follows from it, for the log.
 */
void
cd_run_end(int64 run_id, int32 attempt, const char *status, ErrorData *error, char **verdict)
{
	Oid			types[] = {INT8OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[7];
	char		nulls[8] = "   nnnn";
	CdAsOwner	save;
	MemoryContext caller = CurrentMemoryContext;

	values[0] = Int64GetDatum(run_id);
	values[1] = Int32GetDatum(attempt);
	values[2] = CStringGetTextDatum(status);
	memset(&values[3], 0, sizeof(Datum) * 4);
	if (error != NULL)
	{
		char		state[6];

		strlcpy(state, unpack_sql_state(error->sqlerrcode), sizeof(state));
		values[3] = CStringGetTextDatum(error->message ? error->message : "unknown error");
		values[4] = CStringGetTextDatum(state);
		nulls[3] = nulls[4] = ' ';
		if (error->detail)
		{
			values[5] = CStringGetTextDatum(error->detail);
			nulls[5] = ' ';
		}
		if (error->context)
		{
			values[6] = CStringGetTextDatum(error->context);
			nulls[6] = ' ';
		}
	}
	SPI_connect();
	cd_as_owner_begin(&save);
	if (SPI_execute_with_args("SELECT customer_data.run_end($1, $2, $3, $4, $5, $6, $7)",
							  7, types, values, nulls, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not record run " INT64_FORMAT, run_id)));
	if (verdict != NULL)
	{
		char	   *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		*verdict = text ? MemoryContextStrdup(caller, text) : NULL;
	}
	cd_as_owner_end(&save);
	SPI_finish();
}

/* In PG_CATCH: go on with the error, but spare the reader our inner calls. */
void
cd_rethrow_plainly(MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	error->context = NULL;
	ReThrowError(error);
}

/*
 * The body of every function that changes jobs: call NAME_for(caller, ...)
 * with the rights of the tables' owner.  The tables are writable by nobody
 * else, so calling NAME_for directly brings a caller no further.
 */
PG_FUNCTION_INFO_V1(cd_job_call);
Datum
cd_job_call(PG_FUNCTION_ARGS)
{
	FmgrInfo   *body = (FmgrInfo *) fcinfo->flinfo->fn_extra;
	LOCAL_FCINFO(call, FUNC_MAX_ARGS);
	CdAsOwner	save;
	Oid			caller = GetUserId();
	MemoryContext context = CurrentMemoryContext;
	Datum		result = (Datum) 0;

	if (body == NULL)
	{
		Oid			function = fcinfo->flinfo->fn_oid;
		Oid		   *declared;
		Oid			types[FUNC_MAX_ARGS];
		int			count;
		char	   *name = get_func_name(function);

		(void) get_func_signature(function, &declared, &count);
		types[0] = REGROLEOID;
		memcpy(&types[1], declared, sizeof(Oid) * count);
		body = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(FmgrInfo));
		fmgr_info_cxt(LookupFuncName(list_make2(makeString("customer_data"), makeString(psprintf("%s_for", name))),
									 count + 1, types, false),
					  body, fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = body;
	}
	InitFunctionCallInfoData(*call, body, fcinfo->nargs + 1, fcinfo->fncollation, NULL, NULL);
	call->args[0].value = ObjectIdGetDatum(caller);
	call->args[0].isnull = false;
	memcpy(&call->args[1], fcinfo->args, sizeof(NullableDatum) * fcinfo->nargs);
	PG_TRY();
	{
		cd_as_owner_begin(&save);
		result = FunctionCallInvoke(call);
		cd_as_owner_end(&save);
	}
	PG_CATCH();
	{
		cd_rethrow_plainly(context);
	}
	PG_END_TRY();
	fcinfo->isnull = call->isnull;
	return result;
}
