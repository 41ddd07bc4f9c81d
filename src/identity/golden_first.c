/*
 * golden_first.c
 *		The golden rows of all customers, written for the first time.
 *
 * Where customer holds no row yet, none has to be compared: records are put in
 * the order of their customers, their values fetched by their place, and the
 * rows written in bulk.  What survives is chosen by the same rules as in
 * golden_query().  Which company each person belongs to is found in the same
 * pass, since the values are at hand.
 */
#include "postgres.h"

#include "customer_data.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "identity/account.h"
#include "identity/golden.h"
#include "identity/rows.h"
#include "insertion.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

/* Columns of record_value. */
#define RECORD_ID		1
#define GIVEN			3
#define STANDARD		4
#define ISSUE			5

#define NO_COMPANY		PG_UINT32_MAX

/* A record and where its values are. */
typedef struct Place
{
	int64		record_id;
	int64		customer_id;
	TimestampTz changed_at;
	int32		trust;
	uint32		company;		/* number of a company's record among these, NO_COMPANY */
	ItemPointerData tid;
	bool		valued;
	bool		known;			/* of a person or company, not of a visitor */
} Place;

/* What a company's record is called. */
typedef struct CompanyName
{
	int32		source_id;
	text	   *key;
} CompanyName;

#define ST_SORT sort_by_record
#define ST_ELEMENT_TYPE Place
#define ST_COMPARE(a, b) ((a)->record_id < (b)->record_id ? -1 : (a)->record_id > (b)->record_id)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_by_customer
#define ST_ELEMENT_TYPE Place
#define ST_COMPARE(a, b) \
	((a)->customer_id < (b)->customer_id ? -1 : (a)->customer_id > (b)->customer_id ? 1 : \
	 (a)->record_id < (b)->record_id ? -1 : (a)->record_id > (b)->record_id)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* A column of customer. */
typedef struct Column
{
	int			attnum;
	int			ordinal;
	Oid			type;
	FmgrInfo	input;
	Oid			ioparam;
} Column;

/*
 * Read which columns customer has; -1 where one has a type that only a cast
 * knows how to make, or where one that is no attribute takes a default.
 */
static int
read_columns(Column **columns)
{
	int			n;
	bool		isnull;

	SPI_execute("SELECT p.attnum::int, a.ordinal::int, p.atttypid, p.atttypmod"
				" FROM pg_catalog.pg_attribute p LEFT JOIN customer_data.attribute a ON a.name OPERATOR(pg_catalog.=) p.attname"
				" WHERE p.attrelid OPERATOR(pg_catalog.=) 'customer_data.customer'::pg_catalog.regclass"
				" AND p.attnum OPERATOR(pg_catalog.>) 1 AND NOT p.attisdropped AND (a.name IS NOT NULL OR p.atthasdef)", true, 0);
	n = (int) SPI_processed;
	*columns = palloc0(sizeof(Column) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		Column	   *c = &(*columns)[i];
		Oid			function;

		c->attnum = DatumGetInt32(SPI_getbinval(row, desc, 1, &isnull));
		c->ordinal = DatumGetInt32(SPI_getbinval(row, desc, 2, &isnull));
		if (isnull)
			return -1;
		c->type = DatumGetObjectId(SPI_getbinval(row, desc, 3, &isnull));
		if ((c->type != TEXTOID && c->type != DATEOID && c->type != TIMESTAMPTZOID) ||
			DatumGetInt32(SPI_getbinval(row, desc, 4, &isnull)) >= 0)
			return -1;
		getTypeInputInfo(c->type, &function, &c->ioparam);
		fmgr_info(function, &c->input);
	}
	SPI_freetuptable(SPI_tuptable);
	return n;
}

/* Records being read. */
typedef struct ReadPlaces
{
	Place	   *place;
	uint32		n;
	uint32		max;
	bool		ascending;
	MemoryContext context;
	CompanyName *company;
	uint32		ncompanies;
	uint32		maxcompanies;
} ReadPlaces;

/* Keep what a company's record is called; answers its number. */
static uint32
keep_company(ReadPlaces *read, int32 source_id, Datum key)
{
	MemoryContext old = MemoryContextSwitchTo(read->context);

	if (read->ncompanies == read->maxcompanies)
	{
		read->maxcompanies *= 2;
		read->company = repalloc_huge(read->company, (Size) read->maxcompanies * sizeof(CompanyName));
	}
	read->company[read->ncompanies] = (CompanyName) {source_id, DatumGetTextPCopy(key)};
	MemoryContextSwitchTo(old);
	return read->ncompanies++;
}

/* Take a record. */
static void
take_place(void *state, uint64 row)
{
	ReadPlaces *read = state;
	Datum		value[7];
	bool		isnull[7];
	Place	   *p;

	heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, value, isnull);
	if (read->n == read->max)
	{
		read->max *= 2;
		read->place = repalloc_huge(read->place, (Size) read->max * sizeof(Place));
	}
	p = &read->place[read->n++];
	p->record_id = DatumGetInt64(value[0]);
	p->customer_id = DatumGetInt64(value[1]);
	p->changed_at = isnull[2] ? DT_NOBEGIN : DatumGetTimestampTz(value[2]);
	p->trust = DatumGetInt32(value[3]);
	p->known = DatumGetBool(value[4]);
	p->company = isnull[6] ? NO_COMPANY : keep_company(read, DatumGetInt32(value[5]), value[6]);
	p->valued = false;
	read->ascending &= read->n == 1 || p[-1].record_id < p->record_id;
}

/* Read the records that are there, ascending by id. */
static void
read_places(MemoryContext context, ReadPlaces *read)
{
	*read = (ReadPlaces) {.max = 4096, .maxcompanies = 1024, .ascending = true, .context = context};
	read->place = MemoryContextAllocHuge(context, read->max * sizeof(Place));
	read->company = MemoryContextAllocHuge(context, read->maxcompanies * sizeof(CompanyName));
	cd_each_row(SPI_cursor_open_with_args(NULL, "SELECT r.record_id, r.customer_id, r.changed_at, s.trust,"
										  " s.kind OPERATOR(pg_catalog.=) ANY (ARRAY['known', 'account']), r.source_id,"
										  " CASE WHEN s.kind OPERATOR(pg_catalog.=) 'account' THEN r.key END"
										  " FROM customer_data.source_record r JOIN customer_data.source s"
										  " ON s.source_id OPERATOR(pg_catalog.=) r.source_id WHERE r.gone_at IS NULL",
										  0, NULL, NULL, NULL, true, CURSOR_OPT_NO_SCROLL),
				take_place, read);
	if (!read->ascending)
		sort_by_record(read->place, read->n);
}

/* Find where the values of the records are. */
static void
find_values(Relation values, Place *place, uint32 n)
{
	TupleTableSlot *slot = table_slot_create(values, NULL);
	TableScanDesc scan = table_beginscan(values, GetActiveSnapshot(), 0, NULL);
	uint32		next = 0;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		int64		id = DatumGetInt64(slot_getattr(slot, RECORD_ID, &isnull));
		uint32		low = 0,
					high = n;

		/* mostly they lie in this order */
		if (next < n && place[next].record_id == id)
			low = next;
		else
		{
			while (low < high)
			{
				uint32		middle = low + (high - low) / 2;

				if (place[middle].record_id < id)
					low = middle + 1;
				else
					high = middle;
			}
		}
		if (low == n || place[low].record_id != id)
			continue;
		place[low].tid = slot->tts_tid;
		place[low].valued = true;
		next = low + 1;
		if (low % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/* Fetch the values of a record; they live in the current memory context. */
static void
fetch_entry(Relation values, const Place *place, TupleTableSlot *slot, CdGoldenEntry *entry)
{
	HeapTuple	tuple;
	bool		isnull;
	Datum		issue;
	ItemPointerData tid = place->tid;

	if (!table_tuple_fetch_row_version(values, &tid, GetActiveSnapshot(), slot))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("values of record " INT64_FORMAT " are not there any more", place->record_id),
				 errdetail("They were deleted while golden rows were made of them."),
				 errhint("Run resolve() again.")));
	tuple = ExecCopySlotHeapTuple(slot);
	entry->record_id = place->record_id;
	entry->trust = place->trust;
	entry->changed_at = place->changed_at;
	entry->given = DatumGetArrayTypeP(heap_getattr(tuple, GIVEN, RelationGetDescr(values), &isnull));
	entry->standard = DatumGetArrayTypeP(heap_getattr(tuple, STANDARD, RelationGetDescr(values), &isnull));
	issue = heap_getattr(tuple, ISSUE, RelationGetDescr(values), &isnull);
	entry->issue = isnull ? NULL : DatumGetArrayTypeP(issue);
}

/* What accounts are found with: all records, in the order of their customers, and their values. */
typedef struct Found
{
	const Place *place;
	uint32		n;
	Relation	values;
	TupleTableSlot *slot;
} Found;

/* Standard forms of a customer's records, one after the other. */
static ArrayType *
next_forms(void *state, int64 customer, int number)
{
	const Found *found = state;
	CdGoldenEntry entry;
	uint32		low = 0,
				high = found->n;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (found->place[middle].customer_id < customer)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < found->n && found->place[low].customer_id == customer; low++)
	{
		if (!found->place[low].valued || number-- > 0)
			continue;
		fetch_entry(found->values, &found->place[low], found->slot, &entry);
		return entry.standard;
	}
	return NULL;
}

/* Make a value of a column of the text that survives. */
static Datum
value_of(Column *column, char *text)
{
	if (column->type == TEXTOID)
		return CStringGetTextDatum(text);
	return InputFunctionCall(&column->input, text, column->ioparam, -1);
}

/*
 * write_first_golden() → boolean: write the golden rows of all customers, of
 * whom none has one yet, and their accounts; false, and nothing done, where it
 * takes golden_query().
 */
PG_FUNCTION_INFO_V1(cd_write_first_golden);
Datum
cd_write_first_golden(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data golden rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext row = AllocSetContextCreate(context, "customer_data golden row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Oid			relid = get_relname_relid("record_value", get_namespace_oid("customer_data", false));
	CdGoldenConfig *config;
	Column	   *column;
	int			ncolumns;
	ReadPlaces	read;
	Place	   *place;
	uint32		n;
	Relation	values;
	TupleTableSlot *slot;
	CdAccounts *accounts;
	CdInsertion *customers;
	CdInsertion *origins;
	Datum	   *value;
	bool	   *isnull;
	char	  **text;
	int64	   *record;
	bool	   *missing;
	int			natts;

	SPI_connect();
	MemoryContextSwitchTo(context);
	ncolumns = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		check_enable_rls(relid, InvalidOid, true) == RLS_NONE ? read_columns(&column) : -1;
	if (ncolumns < 0)
	{
		SPI_finish();
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		PG_RETURN_BOOL(false);
	}
	config = cd_golden_config(context);
	accounts = cd_accounts_begin(context);
	read_places(context, &read);
	place = read.place;
	n = read.n;
	values = table_open(relid, AccessShareLock);
	PushActiveSnapshot(GetTransactionSnapshot());
	find_values(values, place, n);
	if (n > 1)
		sort_by_customer(place, n);
	customers = cd_insertion_begin("customer", 0, true);
	origins = cd_insertion_begin("customer_origin", 2, true);
	natts = cd_insertion_columns(customers);
	value = palloc0(sizeof(Datum) * natts);
	isnull = palloc(sizeof(bool) * natts);
	text = palloc(sizeof(char *) * (config->n + 1));
	record = palloc(sizeof(int64) * (config->n + 1));
	missing = palloc(sizeof(bool) * (config->n + 1));
	slot = table_slot_create(values, NULL);
	for (uint32 from = 0, to; from < n; from = to)
	{
		CdGoldenEntry *entry;
		Datum		origin[2];
		const bool	none[2] = {false, false};
		Datum	   *id;
		int			count = 0;
		int			last;
		int			lower = 1;

		for (to = from + 1; to < n && place[to].customer_id == place[from].customer_id; to++)
			;
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(row);
		entry = MemoryContextAllocHuge(row, sizeof(CdGoldenEntry) * (to - from));
		for (uint32 i = from; i < to; i++)
		{
			if (!place[i].valued)
				continue;
			fetch_entry(values, &place[i], slot, &entry[count]);
			if (accounts != NULL && place[i].known)
			{
				const CompanyName *company = place[i].company == NO_COMPANY ? NULL : &read.company[place[i].company];

				cd_accounts_note(accounts, place[i].customer_id, company != NULL, company == NULL ? 0 : company->source_id,
								 company == NULL ? NULL : company->key, entry[count].given, entry[count].standard);
			}
			count++;
		}
		last = cd_golden_choose(config, entry, count, text, record);
		memset(isnull, true, sizeof(bool) * natts);
		value[0] = origin[0] = Int64GetDatum(place[from].customer_id);
		isnull[0] = false;
		for (int c = 0; c < ncolumns; c++)
		{
			int			o = column[c].ordinal;

			if (o > config->n || text[o] == NULL)
				continue;
			value[column[c].attnum - 1] = value_of(&column[c], text[o]);
			isnull[column[c].attnum - 1] = false;
		}
		cd_insertion_add(customers, value, isnull);
		id = palloc(sizeof(Datum) * Max(last, 1));
		for (int o = 1; o <= last; o++)
		{
			id[o - 1] = Int64GetDatum(record[o]);
			missing[o - 1] = text[o] == NULL;
		}
		origin[1] = PointerGetDatum(last == 0 ? construct_empty_array(INT8OID) :
									construct_md_array(id, missing, 1, &last, &lower, INT8OID, sizeof(int64),
													   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		cd_insertion_add(origins, origin, none);
		MemoryContextSwitchTo(context);
		MemoryContextReset(row);
	}
	if (accounts != NULL)
		cd_accounts_end(accounts, next_forms, &(Found) {place, n, values, slot});
	ExecDropSingleTupleTableSlot(slot);
	table_close(values, AccessShareLock);
	PopActiveSnapshot();
	cd_insertion_end(customers);
	cd_insertion_end(origins);
	SPI_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	PG_RETURN_BOOL(true);
}
