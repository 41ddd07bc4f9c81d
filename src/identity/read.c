/*
 * read.c
 *		Read the rows of a source as the role that declared it.
 */
#include "postgres.h"

#include "run_as.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"
#include "worker/progress.h"

#define FETCH_ROWS		1000
#define MAX_KEY_BYTES	2000
#define HASH_SEED		UINT64CONST(0x637573746f6d6572)

/* Open-addressing set of key hashes; 0 is a free place. */
typedef struct KeySet
{
	uint64	   *place;
	uint64		size;			/* power of two */
	uint64		used;
} KeySet;

/* Put a hash into the table without looking at its load; false if there. */
static bool
keyset_put(KeySet *set, uint64 hash)
{
	uint64		i = hash & (set->size - 1);

	while (set->place[i] != 0)
	{
		if (set->place[i] == hash)
			return false;
		i = (i + 1) & (set->size - 1);
	}
	set->place[i] = hash;
	set->used++;
	return true;
}

/* Add a hash, growing the table; false if it was there. */
static bool
keyset_add(KeySet *set, uint64 hash)
{
	if (hash == 0)
		hash = 1;
	if (set->used * 2 >= set->size)
	{
		KeySet		grown;
		uint64		i;

		grown.size = set->size * 2;
		grown.used = 0;
		grown.place = MemoryContextAllocExtended(CurrentMemoryContext, grown.size * sizeof(uint64),
												 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (i = 0; i < set->size; i++)
			if (set->place[i] != 0)
				(void) keyset_put(&grown, set->place[i]);
		pfree(set->place);
		*set = grown;
	}
	return keyset_put(set, hash);
}

/* Hash the values of an array of texts, NULLs and positions included. */
static uint64
hash_values(ArrayType *values)
{
	Datum	   *value;
	bool	   *isnull;
	int			n,
				i;
	uint64		hash = HASH_SEED;

	deconstruct_array(values, TEXTOID, -1, false, TYPALIGN_INT, &value, &isnull, &n);
	for (i = 0; i < n; i++)
	{
		text	   *t;
		uint64		h;

		if (isnull[i])
			continue;
		t = DatumGetTextPP(value[i]);
		h = hash_bytes_extended((unsigned char *) VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t), i + 1);
		hash = hash_combine64(hash, h);
	}
	pfree(value);
	pfree(isnull);
	return hash;
}

/* Report keys that really occur twice; equal hashes alone prove nothing. */
static void
check_doubles(const char *name, const char *query)
{
	StringInfoData keys;
	uint64		i;

	SPI_execute(psprintf("SELECT key, count(*) FROM (%s) AS doubles(key, changed_at, given) "
						 "WHERE key IS NOT NULL GROUP BY key HAVING count(*) > 1 ORDER BY key LIMIT 3", query),
				true, 0);
	if (SPI_processed == 0)
		return;
	initStringInfo(&keys);
	for (i = 0; i < SPI_processed; i++)
		appendStringInfo(&keys, "%s\"%s\" (%s rows)", i > 0 ? ", " : "",
						 SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1),
						 SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2));
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("the key of source \"%s\" is not unique", name),
			 errdetail("Keys that occur more than once, the first of them: %s.", keys.data),
			 errhint("Change the key with alter_source(), or make the relation a query that keeps one row per key.")));
}

/*
 * read_source(name, owner, time zone, query) → (key, changed_at, given, hash):
 * the rows of the query, which gives the first three; rows without a key are
 * left out with a warning, a key that occurs twice is an error.
 */
PG_FUNCTION_INFO_V1(cd_read_source);
Datum
cd_read_source(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *time_zone = text_to_cstring(PG_GETARG_TEXT_PP(2));
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(3));
	MemoryContext row_context;
	KeySet		keys;
	CdRunAs		save;
	SPIPlanPtr	plan;
	Portal		portal;
	uint64		rows = 0;
	uint64		unkeyed = 0;
	bool		doubles = false;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	keys.size = 1024;
	keys.used = 0;
	keys.place = palloc0(keys.size * sizeof(uint64));
	row_context = AllocSetContextCreate(CurrentMemoryContext, "customer_data source row",
										ALLOCSET_DEFAULT_SIZES);
	cd_run_as_begin(PG_GETARG_OID(1), time_zone, &save);
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL || !SPI_is_cursor_plan(plan))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_CURSOR_DEFINITION),
				 errmsg("source \"%s\" is not one query that returns rows", name)));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	cd_progress_begin("rows read", 0);
	for (;;)
	{
		uint64		i;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		rows += SPI_processed;
		cd_progress_set(rows);
		for (i = 0; i < SPI_processed; i++)
		{
			Datum		values[4];
			bool		nulls[4] = {false, false, false, false};
			MemoryContext old;
			text	   *key;
			int			c;

			for (c = 0; c < 3; c++)
				values[c] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, c + 1, &nulls[c]);
			if (nulls[0])
			{
				unkeyed++;
				continue;
			}
			old = MemoryContextSwitchTo(row_context);
			key = DatumGetTextPP(values[0]);
			if (VARSIZE_ANY_EXHDR(key) > MAX_KEY_BYTES)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("a key of source \"%s\" has %d bytes", name, (int) VARSIZE_ANY_EXHDR(key)),
						 errdetail("Keys may have %d bytes.", MAX_KEY_BYTES),
						 errhint("Use a hash of it, such as md5(key).")));
			values[3] = UInt64GetDatum(hash_values(DatumGetArrayTypeP(values[2])));
			MemoryContextSwitchTo(old);
			if (!keyset_add(&keys, hash_bytes_extended((unsigned char *) VARDATA_ANY(key),
													   VARSIZE_ANY_EXHDR(key), HASH_SEED)))
				doubles = true;
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
			MemoryContextReset(row_context);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	cd_progress_end();
	SPI_cursor_close(portal);
	if (doubles)
		check_doubles(name, query);
	cd_run_as_end(&save);
	SPI_finish();
	if (unkeyed > 0)
		ereport(WARNING,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("source \"%s\": " UINT64_FORMAT " rows without a key were left out", name, unkeyed),
				 errhint("Choose a key that is never NULL with alter_source().")));
	return (Datum) 0;
}

/*
 * report_activity(text): what a long call is doing, for pg_stat_activity.query of
 * its own row; other sessions see it at once.
 */
PG_FUNCTION_INFO_V1(cd_report_activity);
Datum
cd_report_activity(PG_FUNCTION_ARGS)
{
	pgstat_report_activity(STATE_RUNNING, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/* hash_values(text[]) → bigint */
PG_FUNCTION_INFO_V1(cd_hash_values);
Datum
cd_hash_values(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) hash_values(PG_GETARG_ARRAYTYPE_P(0)));
}
