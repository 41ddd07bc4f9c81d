/*
 * run_as.c
 *		Run stored expressions with the rights of the role that defined them.
 *
 * A refresh started by one role evaluates expressions that others stored.
 * They must not get the starter's rights, and the starter must not get theirs
 * unless it could SET ROLE to them anyway: that rule needs no list of trusted
 * roles and holds when the stored owner is forged.
 */
#include "postgres.h"

#include "run_as.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

/* Refuse a role that is gone or that the current user may not become. */
static void
check_role(Oid role)
{
	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role that defined this expression no longer exists"),
				 errdetail("Its OID was %u.", role),
				 errhint("Define it again as a role that exists.")));
#if PG_VERSION_NUM >= 160000
	if (!member_can_set_role(GetUserId(), role))
#else
	if (!is_member_of_role(GetUserId(), role))
#endif
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not run expressions of role \"%s\"",
						GetUserNameFromId(GetUserId(), false), GetUserNameFromId(role, false)),
				 errdetail("A stored expression runs with the rights of the role that defined it."),
				 errhint("GRANT %s TO %s;",
						 quote_identifier(GetUserNameFromId(role, false)),
						 quote_identifier(GetUserNameFromId(GetUserId(), false)))));
}

void
cd_run_as_begin(Oid role, const char *time_zone, CdRunAs *save)
{
	check_role(role);
	GetUserIdAndSecContext(&save->save_userid, &save->save_sec_context);
	save->save_nestlevel = NewGUCNestLevel();
	SetUserIdAndSecContext(role, save->save_sec_context |
						   SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	(void) set_config_option("search_path", "pg_catalog, customer_data, public, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("DateStyle", "ISO, YMD",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("IntervalStyle", "postgres",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("extra_float_digits", "1",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("bytea_output", "hex",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (time_zone != NULL && time_zone[0] != '\0')
		(void) set_config_option("TimeZone", time_zone,
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
cd_run_as_end(CdRunAs *save)
{
	AtEOXact_GUC(false, save->save_nestlevel);
	SetUserIdAndSecContext(save->save_userid, save->save_sec_context);
}

/*
 * query_as(role, time zone, query) → setof record: the rows of one read-only
 * query, run with the role's rights.  Columns are taken by position and must
 * have the types of the caller's column list; rows go through a tuplestore
 * that spills at work_mem.
 */
PG_FUNCTION_INFO_V1(cd_query_as);
Datum
cd_query_as(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *query;
	char	   *time_zone;
	TupleDesc	want;
	Tuplestorestate *store;
	MemoryContext old;
	CdRunAs		save;
	SPIPlanPtr	plan;
	Portal		portal;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		(rsinfo->allowedModes & SFRM_Materialize) == 0 || rsinfo->expectedDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("query_as is called in a context that cannot accept a set"),
				 errhint("Write SELECT ... FROM query_as(...) AS t(column type, ...).")));
	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("role and query must not be NULL")));
	time_zone = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	query = text_to_cstring(PG_GETARG_TEXT_PP(2));

	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	want = CreateTupleDescCopy(rsinfo->expectedDesc);
	store = tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
								  false, work_mem);
	MemoryContextSwitchTo(old);

	SPI_connect();
	cd_run_as_begin(PG_GETARG_OID(0), time_zone, &save);
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL || !SPI_is_cursor_plan(plan))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_CURSOR_DEFINITION),
				 errmsg("only one query that returns rows can be run as another role"),
				 errdetail("The query was: %s", query)));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	for (;;)
	{
		uint64		i;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, 1000);
		if (SPI_processed == 0)
			break;
		if (SPI_tuptable->tupdesc->natts != want->natts)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("query returns %d columns where %d are expected",
							SPI_tuptable->tupdesc->natts, want->natts)));
		for (i = 0; i < (uint64) want->natts; i++)
		{
			Oid			have_type = TupleDescAttr(SPI_tuptable->tupdesc, i)->atttypid;
			Oid			want_type = TupleDescAttr(want, i)->atttypid;

			if (have_type != want_type)
				ereport(ERROR,
						(errcode(ERRCODE_DATATYPE_MISMATCH),
						 errmsg("column %d of the query has type %s where %s is expected",
								(int) i + 1, format_type_be(have_type), format_type_be(want_type))));
		}
		for (i = 0; i < SPI_processed; i++)
			tuplestore_puttuple(store, SPI_tuptable->vals[i]);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	cd_run_as_end(&save);
	SPI_finish();

	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = store;
	rsinfo->setDesc = want;
	return (Datum) 0;
}
