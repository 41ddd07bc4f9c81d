/*
 * read.c
 *		Read the rows of a source as the role that declared it.
 */
#include "postgres.h"

#include "run_as.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "identity/prepare.h"
#include "insertion.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "text/standard.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"
#include "worker/progress.h"

#define FETCH_ROWS		1000
#define MAX_KEY_BYTES	2000
/* Values are standardised when so many wait. */
#define BYTES_AT_ONCE	(64 * 1024 * 1024)
/* Of a part of a source, up to so many records are looked up by their key. */
#define MOST_KEYS		20000
#define HASH_SEED		UINT64CONST(0x637573746f6d6572)

/* What a run found out about a record. */
#define KNOWN_HASH		1		/* its values are known */
#define KNOWN_TIME		2		/* so is when it changed */
#define KNOWN_GONE		4
#define KNOWN_PUSHED	8
#define KNOWN_SEEN		16		/* the source has it */
#define KNOWN_FRESH		32		/* nobody knew it before */

typedef struct Known
{
	int64		record_id;
	int64		hash;
	TimestampTz changed_at;
	Size		key;			/* in the pool */
	uint16		len;
	uint8		flags;
	uint32		tag;			/* of the key's hash */
} Known;

/* A row of the source that something follows from. */
typedef struct Change
{
	uint32		known;
	bool		timed;
	bool		differs;
	TimestampTz changed_at;
	int64		hash;
	uint32		given;			/* number of its values, where it differs */
} Change;

typedef struct Reading
{
	MemoryContext context;
	const char *name;
	const char *region;
	bool		anew;
	bool		partly;
	Oid			sequence;		/* of record ids */
	Known	   *known;
	uint32		nknown;
	uint32		maxknown;
	uint32	   *bucket;			/* number of a record + 1, 0 if free */
	uint32		mask;
	char	   *pool;			/* keys */
	Size		poolused;
	Size		poolsize;
	Change	   *change;
	uint32		nchanges;
	uint32		maxchanges;
	CdGiven    *given;			/* values of those that differ */
	bool		doubles;
	int32		source_id;
	Oid			userid;			/* who writes, whoever reads the source */
	int			sec_context;
	CdInsertion *arriving;		/* records that nobody knew before */
	CdInsertion *values;		/* and their values */
	ReturnSetInfo *rsinfo;
} Reading;

/* Place every known record anew in twice as many buckets. */
static void
more_buckets(Reading *r)
{
	uint32		size = (r->mask + 1) * 2;

	pfree(r->bucket);
	r->bucket = MemoryContextAllocExtended(r->context, (Size) size * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	r->mask = size - 1;
	for (uint32 i = 0; i < r->nknown; i++)
	{
		uint32		b = r->known[i].tag & r->mask;

		while (r->bucket[b] != 0)
			b = (b + 1) & r->mask;
		r->bucket[b] = i + 1;
	}
}

/* The record with this key, made where there is none. */
static Known *
record_of(Reading *r, const char *key, int len, bool *made)
{
	uint32		tag = (uint32) (hash_bytes_extended((const unsigned char *) key, len, HASH_SEED) >> 13);
	uint32		b = tag & r->mask;
	Known	   *k;

	while (r->bucket[b] != 0)
	{
		k = &r->known[r->bucket[b] - 1];
		if (k->tag == tag && k->len == len && memcmp(r->pool + k->key, key, len) == 0)
		{
			*made = false;
			return k;
		}
		b = (b + 1) & r->mask;
	}
	if (r->nknown == PG_UINT32_MAX - 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("source \"%s\" has too many rows", r->name)));
	if (r->nknown == r->maxknown)
	{
		r->maxknown += r->maxknown / 2;
		r->known = repalloc_huge(r->known, (Size) r->maxknown * sizeof(Known));
	}
	if (r->poolused + len > r->poolsize)
	{
		r->poolsize = r->poolsize + r->poolsize / 2 + len;
		r->pool = repalloc_huge(r->pool, r->poolsize);
	}
	k = &r->known[r->nknown++];
	memset(k, 0, sizeof(Known));
	k->tag = tag;
	k->key = r->poolused;
	k->len = len;
	memcpy(r->pool + r->poolused, key, len);
	r->poolused += len;
	r->bucket[b] = r->nknown;
	if (r->nknown > r->mask / 2)
		more_buckets(r);
	*made = true;
	return k;
}

/* Read what is known of the source's records: of all, or of those with some keys. */
static void
load_known(Reading *r, int32 source_id, ArrayType *keys)
{
	Oid			types[2] = {INT4OID, TEXTARRAYOID};
	Datum		values[2] = {Int32GetDatum(source_id), PointerGetDatum(keys)};
	Portal		portal;

	portal = SPI_cursor_open_with_args(NULL, psprintf("SELECT key, record_id, hash, changed_at, gone_at IS NOT NULL, pushed"
													  " FROM customer_data.source_record"
													  " WHERE source_id OPERATOR(pg_catalog.=) $1%s",
													  keys == NULL ? "" : " AND key OPERATOR(pg_catalog.=) ANY ($2)"),
									   keys == NULL ? 1 : 2, types, values, NULL, true, CURSOR_OPT_NO_SCROLL);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		CHECK_FOR_INTERRUPTS();
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			Datum		value[6];
			bool		isnull[6];
			text	   *key;
			Known	   *k;
			bool		made;

			heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, value, isnull);
			key = DatumGetTextPP(value[0]);
			k = record_of(r, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), &made);
			k->record_id = DatumGetInt64(value[1]);
			k->hash = isnull[2] ? 0 : DatumGetInt64(value[2]);
			k->changed_at = isnull[3] ? 0 : DatumGetTimestampTz(value[3]);
			k->flags = (isnull[2] ? 0 : KNOWN_HASH) | (isnull[3] ? 0 : KNOWN_TIME) |
				(DatumGetBool(value[4]) ? KNOWN_GONE : 0) | (DatumGetBool(value[5]) ? KNOWN_PUSHED : 0);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

/* Hash the values of an array of texts, NULLs and positions included. */
static uint64
hash_values(ArrayType *values)
{
	int			n = ArrayGetNItems(ARR_NDIM(values), ARR_DIMS(values));
	const bits8 *present = ARR_NULLBITMAP(values);
	char	   *p = (char *) values + (present != NULL ? (Size) values->dataoffset : ARR_OVERHEAD_NONULLS(ARR_NDIM(values)));
	uint64		hash = HASH_SEED;

	for (int i = 0; i < n; i++)
	{
		text	   *t;
		uint64		h;

		if (present != NULL && !(present[i / 8] & (1 << (i % 8))))
			continue;
		t = DatumGetTextPP(PointerGetDatum(p));
		h = hash_bytes_extended((unsigned char *) VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t), i + 1);
		hash = hash_combine64(hash, h);
		p = att_addlength_pointer(p, -1, p);
		p = (char *) att_align_nominal(p, TYPALIGN_INT);
	}
	return hash;
}

/* Report keys that occur twice. */
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

/* Put one row of the answer; values that are written already are not told again. */
static void
put_row(Reading *r, const Change *c, bool gone, ArrayType *given, ArrayType *standard, ArrayType *issue)
{
	const Known *k = &r->known[c->known];
	Datum		values[10] = {0};
	bool		nulls[10] = {false};
	text	   *key = cstring_to_text_with_len(r->pool + k->key, k->len);

	values[0] = Int64GetDatum(k->record_id);
	values[1] = BoolGetDatum((k->flags & KNOWN_FRESH) != 0);
	values[2] = BoolGetDatum(gone);
	values[3] = BoolGetDatum(c->differs);
	values[4] = PointerGetDatum(key);
	values[5] = TimestampTzGetDatum(c->changed_at);
	nulls[5] = !c->timed;
	values[6] = PointerGetDatum(given);
	nulls[6] = given == NULL;
	values[7] = Int64GetDatum(c->hash);
	values[8] = PointerGetDatum(standard);
	nulls[8] = standard == NULL;
	values[9] = PointerGetDatum(issue);
	nulls[9] = issue == NULL;
	tuplestore_putvalues(r->rsinfo->setResult, r->rsinfo->setDesc, values, nulls);
	pfree(key);
}

/* Columns of arriving_record, and of record_value. */
#define RECORD_COLUMNS	5

/* Write a record that nobody knew before, and its values. */
static void
write_record(Reading *r, const Change *c, ArrayType *given, ArrayType *standard, ArrayType *issue)
{
	const Known *k = &r->known[c->known];
	text	   *key = cstring_to_text_with_len(r->pool + k->key, k->len);
	Datum		values[RECORD_COLUMNS];
	bool		nulls[RECORD_COLUMNS] = {false};

	values[0] = Int64GetDatum(k->record_id);
	values[1] = Int32GetDatum(r->source_id);
	values[2] = PointerGetDatum(key);
	values[3] = Int64GetDatum(c->hash);
	values[4] = TimestampTzGetDatum(c->timed ? c->changed_at : GetCurrentTransactionStartTimestamp());
	cd_insertion_add(r->arriving, values, nulls);
	values[2] = PointerGetDatum(given);
	values[3] = PointerGetDatum(standard);
	values[4] = PointerGetDatum(issue);
	nulls[4] = issue == NULL;
	cd_insertion_add(r->values, values, nulls);
	pfree(key);
}

/* Take the standard forms of a record that differs. */
static void
take_forms(void *state, uint32 number, ArrayType *standard, ArrayType *issue)
{
	Reading    *r = (Reading *) state;
	const Change *c = &r->change[number];
	ArrayType  *given = (ArrayType *) (r->given->base + r->given->at[number]);

	if (r->known[c->known].flags & KNOWN_FRESH)
	{
		write_record(r, c, given, standard, issue);
		put_row(r, c, false, NULL, NULL, NULL);
	}
	else
		put_row(r, c, false, given, standard, issue);
}

/* Standardise what differs so far and hand it on. */
static void
flush_changes(Reading *r)
{
	Oid			userid;
	int			sec_context;

	GetUserIdAndSecContext(&userid, &sec_context);
	SetUserIdAndSecContext(r->userid, r->sec_context);
	for (uint32 i = 0; i < r->nchanges; i++)
	{
		Known	   *k = &r->known[r->change[i].known];

		if (k->flags & KNOWN_FRESH)
			k->record_id = nextval_internal(r->sequence, false);
	}
	if (r->nchanges > 0)
		cd_given_standardize(r->given, r->region, cd_insertion_is_direct(r->arriving) && cd_insertion_is_direct(r->values), take_forms, r);
	SetUserIdAndSecContext(userid, sec_context);
	r->nchanges = r->given->n = 0;
	r->given->used = 0;
}

/* Decide what a row of the source means. */
static void
take_row(Reading *r, text *key, bool timed, TimestampTz changed_at, ArrayType *given, uint64 hash)
{
	bool		made;
	Known	   *k = record_of(r, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), &made);
	Change		c;

	if (k->flags & KNOWN_SEEN)
	{
		r->doubles = true;
		return;
	}
	if (made)
		k->flags = KNOWN_FRESH;
	k->flags |= KNOWN_SEEN;
	c.known = (uint32) (k - r->known);
	c.timed = timed;
	c.changed_at = changed_at;
	c.hash = (int64) hash;
	c.differs = r->anew || made || (k->flags & KNOWN_GONE) || !(k->flags & KNOWN_HASH) || (uint64) k->hash != hash;
	if (!c.differs)
	{
		if ((k->flags & KNOWN_PUSHED) || (timed && (k->flags & KNOWN_TIME) && changed_at > k->changed_at))
			put_row(r, &c, false, NULL, NULL, NULL);
		return;
	}
	if (r->nchanges == r->maxchanges)
	{
		r->maxchanges *= 2;
		r->change = repalloc_huge(r->change, (Size) r->maxchanges * sizeof(Change));
	}
	r->change[r->nchanges++] = c;
	cd_given_put(r->given, given);
	if (r->given->used > BYTES_AT_ONCE)
		flush_changes(r);
}

/* Rows of a part of the source wait until it is known which records they are of. */
typedef struct Waiting
{
	Tuplestorestate *rows;
	Datum	   *key;
	uint32		n;
	uint32		max;
} Waiting;

/* Look up whom the waiting rows are of, and decide about them. */
static void
take_waiting(Reading *r, Waiting *w, int32 source_id, TupleDesc desc)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	load_known(r, source_id, w->n > MOST_KEYS ? NULL :
			   construct_array(w->key, (int) w->n, TEXTOID, -1, false, TYPALIGN_INT));
	while (tuplestore_gettupleslot(w->rows, true, false, slot))
	{
		slot_getallattrs(slot);
		take_row(r, DatumGetTextPP(slot->tts_values[4]), !slot->tts_isnull[5], DatumGetTimestampTz(slot->tts_values[5]),
				 DatumGetArrayTypeP(slot->tts_values[6]), (uint64) DatumGetInt64(slot->tts_values[7]));
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(w->rows);
}

/* Put a row aside. */
static void
let_wait(Reading *r, Waiting *w, TupleDesc desc, const Datum *values, const bool *nulls)
{
	Datum		row[10] = {0};
	bool		isnull[10];
	MemoryContext old;

	memset(isnull, true, sizeof(isnull));
	for (int i = 0; i < 4; i++)
	{
		row[4 + i] = values[i];
		isnull[4 + i] = nulls[i];
	}
	tuplestore_putvalues(w->rows, desc, row, isnull);
	if (w->n == w->max)
	{
		w->max *= 2;
		w->key = repalloc_huge(w->key, w->max * sizeof(Datum));
	}
	old = MemoryContextSwitchTo(r->context);
	w->key[w->n] = w->n < MOST_KEYS ? PointerGetDatum(DatumGetTextPCopy(values[0])) : (Datum) 0;
	w->n++;
	MemoryContextSwitchTo(old);
}

/*
 * read_changes(source, name, owner, time zone, query, region, anew, partly) →
 * (record_id, fresh, gone, differs, key, changed_at, given, hash, standard,
 * issue): what the query, which gives key, changed_at and given, brings that
 * is not known: new records, which are written to arriving_record and
 * record_value; those whose values differ, or all if anew, with standard
 * forms; those whose time alone differs; those that are gone, unless the query
 * reads a part only.  Rows without a key are left out with a warning, a key
 * that occurs twice is an error.
 */
PG_FUNCTION_INFO_V1(cd_read_changes);
Datum
cd_read_changes(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int32		source_id = PG_GETARG_INT32(0);
	char	   *time_zone;
	char	   *query;
	char		region[4] = "";
	MemoryContext row_context;
	Reading		r = {0};
	Waiting		w = {0};
	CdRunAs		save;
	SPIPlanPtr	plan;
	Portal		portal;
	uint64		rows = 0;
	uint64		unkeyed = 0;
	uint64		too_long = 0;

	for (int i = 0; i < 8; i++)
	{
		if (i != 5 && PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("read_changes() needs all of its arguments but the region")));
	}
	time_zone = text_to_cstring(PG_GETARG_TEXT_PP(3));
	query = text_to_cstring(PG_GETARG_TEXT_PP(4));
	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(5))
		cd_region_named(VARDATA_ANY(PG_GETARG_TEXT_PP(5)), VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(5)), region);
	SPI_connect();
	r.context = AllocSetContextCreate(CurrentMemoryContext, "customer_data reading", ALLOCSET_DEFAULT_SIZES);
	r.rsinfo = rsinfo;
	r.name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	r.region = region;
	r.anew = PG_GETARG_BOOL(6);
	r.partly = PG_GETARG_BOOL(7);
	r.sequence = get_relname_relid("source_record_record_id_seq", get_namespace_oid("customer_data", false));
	if (pg_class_aclcheck(r.sequence, GetUserId(), ACL_USAGE | ACL_UPDATE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SEQUENCE, "source_record_record_id_seq");
	r.maxknown = 1024;
	r.known = MemoryContextAllocHuge(r.context, r.maxknown * sizeof(Known));
	r.mask = 2047;
	r.bucket = MemoryContextAllocZero(r.context, (r.mask + 1) * sizeof(uint32));
	r.poolsize = 16384;
	r.pool = MemoryContextAllocHuge(r.context, r.poolsize);
	r.maxchanges = 1024;
	r.change = MemoryContextAllocHuge(r.context, r.maxchanges * sizeof(Change));
	r.given = cd_given_create(r.context);
	if (r.partly)
	{
		w.max = 1024;
		w.key = MemoryContextAllocHuge(r.context, w.max * sizeof(Datum));
		w.rows = tuplestore_begin_heap(false, false, work_mem);
	}
	else
		load_known(&r, source_id, NULL);
	r.source_id = source_id;
	GetUserIdAndSecContext(&r.userid, &r.sec_context);
	r.arriving = cd_insertion_begin("arriving_record", RECORD_COLUMNS, true);
	r.values = cd_insertion_begin("record_value", RECORD_COLUMNS, true);
	row_context = AllocSetContextCreate(CurrentMemoryContext, "customer_data source row",
										ALLOCSET_DEFAULT_SIZES);
	cd_run_as_begin(PG_GETARG_OID(2), time_zone, &save);
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL || !SPI_is_cursor_plan(plan))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_CURSOR_DEFINITION),
				 errmsg("source \"%s\" is not one query that returns rows", r.name)));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	if (portal->tupDesc->natts != 3 || TupleDescAttr(portal->tupDesc, 0)->atttypid != TEXTOID ||
		TupleDescAttr(portal->tupDesc, 1)->atttypid != TIMESTAMPTZOID ||
		TupleDescAttr(portal->tupDesc, 2)->atttypid != TEXTARRAYOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the query of source \"%s\" does not give a key, a time and values", r.name),
				 errdetail("Its columns must be of types text, timestamptz and text[].")));
	cd_progress_begin("rows read", 0);
	for (;;)
	{
		SPITupleTable *fetched;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		fetched = SPI_tuptable;
		rows += SPI_processed;
		cd_progress_set(rows);
		for (uint64 i = 0; i < fetched->numvals; i++)
		{
			Datum		values[4];
			bool		nulls[4] = {false, false, false, false};
			MemoryContext old;
			text	   *key;
			ArrayType  *given;
			uint64		hash;

			heap_deform_tuple(fetched->vals[i], fetched->tupdesc, values, nulls);
			if (nulls[0])
			{
				unkeyed++;
				continue;
			}
			old = MemoryContextSwitchTo(row_context);
			key = DatumGetTextPP(values[0]);
			if (VARSIZE_ANY_EXHDR(key) > MAX_KEY_BYTES)
			{
				too_long++;
				MemoryContextSwitchTo(old);
				MemoryContextReset(row_context);
				continue;
			}
			if (nulls[2])
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("the query of source \"%s\" gives no values", r.name)));
			given = DatumGetArrayTypeP(values[2]);
			hash = hash_values(given);
			if (r.partly)
			{
				values[3] = UInt64GetDatum(hash);
				let_wait(&r, &w, rsinfo->setDesc, values, nulls);
			}
			else
				take_row(&r, key, !nulls[1], DatumGetTimestampTz(values[1]), given, hash);
			MemoryContextSwitchTo(old);
			MemoryContextReset(row_context);
		}
		SPI_freetuptable(fetched);
	}
	cd_progress_end();
	SPI_cursor_close(portal);
	if (r.doubles)
		check_doubles(r.name, query);
	cd_run_as_end(&save);
	if (r.partly)
	{
		take_waiting(&r, &w, source_id, rsinfo->setDesc);
		if (r.doubles)
		{
			cd_run_as_begin(PG_GETARG_OID(2), time_zone, &save);
			check_doubles(r.name, query);
			cd_run_as_end(&save);
		}
	}
	flush_changes(&r);
	cd_insertion_end(r.arriving);
	cd_insertion_end(r.values);
	for (uint32 i = 0; i < r.nknown && !r.partly; i++)
	{
		Change		c = {i, false, false, 0, 0, 0};

		if (!(r.known[i].flags & (KNOWN_SEEN | KNOWN_GONE | KNOWN_PUSHED)) && (r.known[i].flags & KNOWN_HASH))
			put_row(&r, &c, true, NULL, NULL, NULL);
	}
	SPI_finish();
	if (unkeyed > 0)
		ereport(WARNING,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("source \"%s\": " UINT64_FORMAT " rows without a key were left out", r.name, unkeyed),
				 errhint("Choose a key that is never NULL with alter_source().")));
	if (too_long > 0)
		ereport(WARNING,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("source \"%s\": " UINT64_FORMAT " rows whose key is too long were left out", r.name, too_long),
				 errdetail("Keys may have %d bytes.", MAX_KEY_BYTES),
				 errhint("Use a hash of the key, such as md5(key), with alter_source().")));
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
