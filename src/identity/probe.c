/*
 * probe.c
 *		One record at a time: who is like it, and why two are or are not.
 *
 * The model and the frequencies are read once per session and kept until the
 * model changes.  Who could be like a record is found in the posting lists:
 * the bits of the keys they share are added up as in the batch.
 */
#include "postgres.h"

#include "customer_data.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "identity/engine.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

/* Candidates scored at first, and at most where none of these is convincing. */
#define PROBE_FIRST		12
#define PROBE_MOST		60
#define CONVINCING		5.0f
/* Tokens of strangers that a session remembers before it starts afresh. */
#define PROBE_TOKENS	500000

typedef struct Candidate
{
	int64		id;
	int32		bits;			/* of the keys shared */
	float		weight;
} Candidate;

static CdEngine *kept_engine = NULL;
static int64 kept_version = 0;
static int32 kept_attributes = 0;
static Oid	kept_table = InvalidOid;
static bool kept_in_use = false;
static bool watching = false;

/* Forget the kept engine. */
static void
forget_engine(void)
{
	CdEngine   *old = kept_engine;

	kept_engine = NULL;
	kept_in_use = false;
	if (old != NULL)
		MemoryContextDelete(old->context);
}

/* What was read in a transaction that failed may never have been true. */
static void
forget_at_abort(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT)
		kept_version = -1;
}

static void
forget_at_subabort(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		kept_version = -1;
}

/* Take the session's engine, read anew where the model changed; SPI is connected. */
static CdEngine *
take_engine(void)
{
	static SPIPlanPtr plan = NULL;
	int64		version = 0;
	int32		attributes = 0;
	Oid			table;
	bool		isnull;

	if (!watching)
	{
		RegisterXactCallback(forget_at_abort, NULL);
		RegisterSubXactCallback(forget_at_subabort, NULL);
		watching = true;
	}
	if (plan == NULL)
	{
		SPIPlanPtr	made = SPI_prepare("SELECT coalesce((SELECT m.version FROM customer_data.match_model m), 0),"
									   " (SELECT pg_catalog.count(*) FROM customer_data.attribute)::int4,"
									   " pg_catalog.to_regclass('customer_data.match_model')::oid", 0, NULL);

		SPI_keepplan(made);
		plan = made;
	}
	SPI_execute_plan(plan, NULL, NULL, false, 1);
	version = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	attributes = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	table = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));
	if (kept_engine != NULL &&
		(kept_in_use || version != kept_version || table != kept_table || attributes != kept_attributes ||
		 kept_engine->dict->ntokens > PROBE_TOKENS))
		forget_engine();
	if (kept_engine == NULL)
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data kept engine",
													  ALLOCSET_DEFAULT_SIZES);
		CdEngine   *engine = cd_engine_open(context, true);

		engine->dict = cd_dictionary_create(context, 1024);
		MemoryContextSetParent(context, CacheMemoryContext);
		kept_engine = engine;
		kept_version = version;
		kept_attributes = attributes;
		kept_table = table;
	}
	kept_in_use = true;
	return kept_engine;
}

/* Build the form of a record from its arrays; a date without standard form is read as given. */
static CdForm *
form_of_values(CdEngine *engine, ArrayType *given, ArrayType *standard)
{
	CdForm	   *form = palloc(offsetof(CdForm, word) + (CD_FORM_WORDS + 64) * sizeof(uint32));
	uint32		known = engine->dict->ntokens;
	Datum	   *value,
			   *raw;
	bool	   *null,
			   *raw_null;
	int			n,
				raw_n;

	deconstruct_array(standard, TEXTOID, -1, false, TYPALIGN_INT, &value, &null, &n);
	deconstruct_array(given, TEXTOID, -1, false, TYPALIGN_INT, &raw, &raw_null, &raw_n);
	for (int i = 0; i < n && i < engine->layout->nattributes; i++)
	{
		int			s = engine->layout->attribute[i + 1].slot;

		if (s >= 0 && engine->layout->slot[s].kind == CD_SLOT_BIRTH && null[i] && i < raw_n && !raw_null[i] &&
			cd_birth_as_given(raw[i]))
		{
			value[i] = raw[i];
			null[i] = false;
		}
	}
	form = cd_form_build(engine->layout, engine->dict, value, null, Min(n, engine->layout->nattributes), form);
	cd_dictionary_rate(engine->dict, engine->layout, engine->stats, known);
	return form;
}

/* Order keys by hash. */
static int
compare_keys(const void *a, const void *b)
{
	const CdKey *x = a;
	const CdKey *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* Order candidates by the bits of the keys they share, or by weight. */
static int
compare_bits(const void *a, const void *b)
{
	const Candidate *x = a;
	const Candidate *y = b;

	if (x->bits != y->bits)
		return x->bits > y->bits ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int
compare_weight(const void *a, const void *b)
{
	const Candidate *x = a;
	const Candidate *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/*
 * Find the records that share enough bits with a form, most first; NULL where
 * there are no lists for the model.
 */
static Candidate *
find_candidates(CdEngine *engine, const CdForm *form, int64 except, uint32 *found)
{
	CdKey		key[CD_MAX_KEYS];
	CdWanted	wanted[CD_MAX_KEYS];
	uint32		n = cd_form_keys(engine, form, key);
	uint32		kept = 0;
	CdPostingInfo info;
	CdHits		hits = {palloc(4096 * sizeof(CdHit)), 0, 4096};
	Candidate  *place;
	Candidate  *candidate;
	uint64		mask;
	/* of few records all are candidates */
	int32		least = engine->stats->records <= 2 * cd_matching_pairs + 1 ? 1 : Max(cd_scaled_bits(engine->model->threshold), 1);

	*found = 0;
	if (!cd_postings_open(engine, &info))
		return NULL;
	qsort(key, n, sizeof(CdKey), compare_keys);
	for (uint32 i = 0; i < n; i++)
	{
		if (kept > 0 && key[kept - 1].hash == key[i].hash)
			continue;
		key[kept] = key[i];
		wanted[kept].hash = key[i].hash;
		wanted[kept++].count = 0;
	}
	cd_postings_find(engine, &info, wanted, kept, &hits);
	mask = pg_nextpower2_64(Max(hits.n * 2, 64)) - 1;
	place = MemoryContextAllocExtended(CurrentMemoryContext, (mask + 1) * sizeof(Candidate), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (Size i = 0; i < hits.n; i++)
	{
		int64		id = hits.item[i].record;
		uint32		w = hits.item[i].wanted;
		uint64		at = ((uint64) id * UINT64CONST(0x9E3779B97F4A7C15)) >> 20 & mask;

		if (id == except || wanted[w].count > engine->model->oversize * 4)
			continue;
		while (place[at].id != 0 && place[at].id != id)
			at = (at + 1) & mask;
		place[at].id = id;
		place[at].bits += Max(cd_scaled_bits(key[w].bits), 1);
	}
	candidate = palloc(sizeof(Candidate) * Max(hits.n, 1));
	for (uint64 at = 0; at <= mask; at++)
	{
		if (place[at].id != 0 && place[at].bits >= least)
			candidate[(*found)++] = place[at];
	}
	pfree(place);
	pfree(hits.item);
	qsort(candidate, *found, sizeof(Candidate), compare_bits);
	return candidate;
}

/* Weigh some candidates; those whose record is gone are dropped. */
static uint32
weigh_candidates(CdEngine *engine, const CdForm *form, int64 except, Candidate *candidate, uint32 n)
{
	static SPIPlanPtr fetch = NULL;
	CdForm	   *other = palloc(offsetof(CdForm, word) + (CD_FORM_WORDS + 64) * sizeof(uint32));
	Datum	   *ids = palloc(sizeof(Datum) * Max(n, 1));
	Datum		argument[1];
	uint32		kept = 0;

	if (n == 0)
		return 0;
	if (fetch == NULL)
	{
		Oid			type[1] = {INT8ARRAYOID};
		SPIPlanPtr	made = SPI_prepare(cd_record_query(engine->layout, CD_SOME_RECORDS), 1, type);

		SPI_keepplan(made);
		fetch = made;
	}
	for (uint32 i = 0; i < n; i++)
		ids[i] = Int64GetDatum(candidate[i].id);
	argument[0] = PointerGetDatum(construct_array(ids, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	SPI_execute_plan(fetch, argument, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		uint32		known = engine->dict->ntokens;
		CdAgreement agreement;
		uint64		identifiers;
		bool		isnull;

		other = cd_form_of_row(engine, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, other);
		cd_dictionary_rate(engine->dict, engine->layout, engine->stats, known);
		candidate[kept].id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		/* the older record first, as in the batch; who is not known yet is the youngest */
		candidate[kept].weight = except == 0 || candidate[kept].id < except ?
			cd_pair_weight(engine, other, form, &agreement, NULL, &identifiers) :
			cd_pair_weight(engine, form, other, &agreement, NULL, &identifiers);
		kept++;
	}
	SPI_freetuptable(SPI_tuptable);
	return kept;
}

/*
 * probe(given text[], standard text[], except bigint) → (record_id, weight):
 * the records most like these values, best first.
 */
PG_FUNCTION_INFO_V1(cd_probe);
Datum
cd_probe(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		except = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
	CdEngine   *engine;
	CdForm	   *form;
	Candidate  *candidate;
	uint32		found;
	uint32		n;
	bool		convinced = false;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	SPI_connect();
	engine = take_engine();
	form = form_of_values(engine, PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_ARRAYTYPE_P(1));
	candidate = find_candidates(engine, form, except, &found);
	n = weigh_candidates(engine, form, except, candidate, Min(found, PROBE_FIRST));
	for (uint32 i = 0; i < n; i++)
		convinced |= candidate[i].weight >= CONVINCING;
	/* a record written is linked with all it is like */
	if (found > PROBE_FIRST && (!convinced || except != 0))
	{
		uint32		more = weigh_candidates(engine, form, except, candidate + PROBE_FIRST, Min(found, PROBE_MOST) - PROBE_FIRST);

		memmove(candidate + n, candidate + PROBE_FIRST, more * sizeof(Candidate));
		n += more;
	}
	qsort(candidate, n, sizeof(Candidate), compare_weight);
	for (uint32 i = 0; i < n; i++)
	{
		Datum		values[2];
		bool		nulls[2] = {false, false};

		values[0] = Int64GetDatum(candidate[i].id);
		values[1] = Float4GetDatum(candidate[i].weight);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	kept_in_use = false;
	SPI_finish();
	return (Datum) 0;
}

/* postings_made() → boolean: are there posting lists for the model in force? */
PG_FUNCTION_INFO_V1(cd_postings_made);
Datum
cd_postings_made(PG_FUNCTION_ARGS)
{
	CdPostingInfo info;
	bool		answer;

	SPI_connect();
	answer = cd_postings_open(take_engine(), &info);
	kept_in_use = false;
	SPI_finish();
	PG_RETURN_BOOL(answer);
}

/* make_postings() → bigint: make the posting lists of all records anew. */
PG_FUNCTION_INFO_V1(cd_make_postings);
Datum
cd_make_postings(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data postings", ALLOCSET_DEFAULT_SIZES);
	CdEngine   *engine;
	CdRecords  *records;
	int64		answer;

	SPI_connect();
	engine = cd_engine_open(context, true);
	records = cd_records_load(engine, (Datum) 0);
	cd_postings_build(engine, records);
	answer = records->n;
	SPI_finish();
	MemoryContextDelete(context);
	PG_RETURN_INT64(answer);
}

/* add_postings(record bigint) → void: a record was written. */
PG_FUNCTION_INFO_V1(cd_add_postings);
Datum
cd_add_postings(PG_FUNCTION_ARGS)
{
	CdEngine   *engine;
	CdRecords	records = {0};
	int64		id = PG_GETARG_INT64(0);
	uint32		at = 0;

	SPI_connect();
	engine = take_engine();
	records.n = 1;
	records.id = &id;
	records.at = &at;
	records.base = (uint32 *) form_of_values(engine, PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2));
	cd_postings_add(engine, &records, NULL);
	kept_in_use = false;
	SPI_finish();
	PG_RETURN_VOID();
}

/* Put one line of an explanation. */
static void
put_line(ReturnSetInfo *rsinfo, const char *comparison, int slot, int level, const char *condition, float weight)
{
	Datum		values[5];
	bool		nulls[5] = {false, false, false, false, false};

	values[0] = CStringGetTextDatum(comparison);
	values[1] = Int32GetDatum(slot);
	values[2] = Int32GetDatum(level);
	values[3] = CStringGetTextDatum(condition);
	values[4] = Float4GetDatum(weight);
	nulls[1] = slot < 0;
	nulls[2] = level < 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * explain_pair(given_a, standard_a, given_b, standard_b) → (comparison, slot,
 * level, condition, weight): the prior, what each comparison adds, what
 * identifiers add, and the sum.
 */
PG_FUNCTION_INFO_V1(cd_explain_pair);
Datum
cd_explain_pair(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CdEngine   *engine;
	CdForm	   *a,
			   *b;
	CdAgreement agreement;
	float		part[CD_MAX_COMPARISONS + 1] = {0};
	uint64		identifiers;
	float		weight;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	engine = take_engine();
	a = form_of_values(engine, PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_ARRAYTYPE_P(1));
	b = form_of_values(engine, PG_GETARG_ARRAYTYPE_P(2), PG_GETARG_ARRAYTYPE_P(3));
	weight = cd_pair_weight(engine, a, b, &agreement, part, &identifiers);
	put_line(rsinfo, "prior", -1, -1, "how likely any two records are one customer",
			 engine->model->prior[agreement.kind]);
	for (int c = 0; c < engine->model->ncomparisons; c++)
	{
		const CdComparison *comparison = &engine->model->comparison[c];
		int			level = agreement.level[c];

		if (level == CD_MISSING)
			continue;
		put_line(rsinfo, comparison->name, comparison->slot, level,
				 comparison->condition[level] != NULL ? comparison->condition[level] : "", part[c]);
	}
	for (int s = 0; s < engine->layout->nslots; s++)
		if (identifiers & (UINT64CONST(1) << s))
			put_line(rsinfo, engine->layout->slot[s].name, s, -1, "the same identifier",
					 engine->layout->slot[s].identifier);
	put_line(rsinfo, "sum", -1, -1, "", weight);
	kept_in_use = false;
	SPI_finish();
	return (Datum) 0;
}

/* matching_slots() → (attribute, slot): which attributes a comparison looks at. */
PG_FUNCTION_INFO_V1(cd_matching_slots);
Datum
cd_matching_slots(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CdEngine   *engine;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	engine = take_engine();
	for (int i = 1; i <= engine->layout->nattributes; i++)
	{
		Datum		values[2];
		bool		nulls[2] = {false, false};

		if (engine->layout->attribute[i].name == NULL || engine->layout->attribute[i].slot < 0)
			continue;
		values[0] = CStringGetTextDatum(engine->layout->attribute[i].name);
		values[1] = Int32GetDatum(engine->layout->attribute[i].slot);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	kept_in_use = false;
	SPI_finish();
	return (Datum) 0;
}
