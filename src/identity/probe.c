/*
 * probe.c
 *		One record at a time: who is like it, and why two are or are not.
 *
 * The model and the frequencies are read once per session and kept until the
 * model changes.  Who could be like a record is found by its rarest keys, in
 * an index over the keys of all records (record_probe).
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
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

/* Keys kept per record, and records that share one at which it is left out. */
#define PROBE_KEYS		16
#define PROBE_WIDEST	1000.0
/* Candidates scored, those sharing the rarest keys first. */
#define PROBE_SCORED	48
/* Tokens of strangers that a session remembers before it starts afresh. */
#define PROBE_TOKENS	500000

typedef struct Candidate
{
	int64		id;
	float		bits;			/* of the keys shared */
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

		if (s >= 0 && engine->layout->slot[s].kind == CD_SLOT_BIRTH && null[i] && i < raw_n && !raw_null[i])
		{
			value[i] = raw[i];
			null[i] = false;
		}
	}
	form = cd_form_build(engine->layout, engine->dict, value, null, Min(n, engine->layout->nattributes), form);
	cd_dictionary_rate(engine->dict, engine->stats, known);
	return form;
}

/* The 32 bits of a key that the index holds. */
static int32
short_key(uint64 hash)
{
	return (int32) (uint32) (hash ^ (hash >> 32));
}

/* Choose the keys of a form to be found by: the rarest. */
static int
choose_keys(CdEngine *engine, const CdForm *form, int32 *chosen, float *bits)
{
	CdKey		key[CD_MAX_KEYS + 64];
	float		df[CD_MAX_KEYS + 64];
	int			n = cd_form_keys(engine, form, key);
	int			kept = 0;

	for (int i = 0; i < n; i++)
		df[i] = key[i].sure ? -1.0f : cd_statistics_bits(engine->stats, key[i].hash) / 8.0f;
	while (kept < PROBE_KEYS)
	{
		int			best = -1;

		for (int i = 0; i < n; i++)
			if (df[i] <= (float) log2(PROBE_WIDEST) && (best < 0 || df[i] < df[best]))
				best = i;
		if (best < 0)
			break;
		chosen[kept] = short_key(key[best].hash);
		bits[kept++] = Max(key[best].bits, 0.1f);
		df[best] = 1e6;
	}
	return kept;
}

/* Make an array of the chosen keys. */
static ArrayType *
key_array(const int32 *key, int n)
{
	Datum	   *value = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		value[i] = Int32GetDatum(key[i]);
	return construct_array(value, n, INT4OID, sizeof(int32), true, TYPALIGN_INT);
}

/* probe_keys(given text[], standard text[]) → int[]: what record_probe holds of a record. */
PG_FUNCTION_INFO_V1(cd_probe_keys);
Datum
cd_probe_keys(PG_FUNCTION_ARGS)
{
	CdEngine   *engine;
	int32		key[PROBE_KEYS];
	float		bits[PROBE_KEYS];
	int			n;

	/* one look at the model's version per query is enough */
	if (fcinfo->flinfo->fn_extra == NULL || fcinfo->flinfo->fn_extra != kept_engine ||
		kept_engine->dict->ntokens > PROBE_TOKENS)
	{
		SPI_connect();
		fcinfo->flinfo->fn_extra = take_engine();
		SPI_finish();
	}
	engine = kept_engine;
	kept_in_use = true;
	n = choose_keys(engine, form_of_values(engine, PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_ARRAYTYPE_P(1)), key, bits);
	kept_in_use = false;
	PG_RETURN_ARRAYTYPE_P(key_array(key, n));
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

/* Add up the bits of the query's keys that a record has. */
static float
shared_bits(ArrayType *array, const int32 *key, const float *bits, int n)
{
	Datum	   *value;
	int			m;
	float		sum = 0;

	deconstruct_array(array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &value, NULL, &m);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < m; j++)
			if (DatumGetInt32(value[j]) == key[i])
			{
				sum += bits[i];
				break;
			}
	pfree(value);
	return sum;
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
	static SPIPlanPtr find = NULL;
	SPIPlanPtr	fetch;
	CdEngine   *engine;
	CdForm	   *form;
	int32		key[PROBE_KEYS];
	float		bits[PROBE_KEYS];
	int			nkeys;
	Candidate  *candidate;
	Datum	   *ids;
	Datum		argument[1];
	Oid			type[1];
	uint64		n = 0;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	SPI_connect();
	engine = take_engine();
	form = form_of_values(engine, PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_ARRAYTYPE_P(1));
	nkeys = choose_keys(engine, form, key, bits);
	if (find == NULL)
	{
		SPIPlanPtr	made;

		type[0] = INT4ARRAYOID;
		made = SPI_prepare("SELECT record_id, keys FROM customer_data.record_probe"
						   " WHERE keys OPERATOR(pg_catalog.&&) $1", 1, type);
		SPI_keepplan(made);
		find = made;
	}
	argument[0] = PointerGetDatum(key_array(key, nkeys));
	SPI_execute_plan(find, argument, NULL, false, 0);
	candidate = palloc(sizeof(Candidate) * Max(SPI_processed, 1));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		candidate[n].id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		if (candidate[n].id == except)
			continue;
		candidate[n].bits = shared_bits(DatumGetArrayTypeP(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull)),
										key, bits, nkeys);
		n++;
	}
	qsort(candidate, n, sizeof(Candidate), compare_bits);
	n = Min(n, PROBE_SCORED);
	ids = palloc(sizeof(Datum) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
		ids[i] = Int64GetDatum(candidate[i].id);
	type[0] = INT8ARRAYOID;
	fetch = SPI_prepare(cd_record_query(engine->layout, " WHERE record_id OPERATOR(pg_catalog.=) ANY ($1)"), 1, type);
	argument[0] = PointerGetDatum(construct_array(ids, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	SPI_execute_plan(fetch, argument, NULL, false, 0);
	n = 0;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CdForm	   *other = palloc(offsetof(CdForm, word) + (CD_FORM_WORDS + 64) * sizeof(uint32));
		uint32		known = engine->dict->ntokens;
		CdAgreement agreement;
		uint64		identifiers;
		bool		isnull;

		other = cd_form_of_row(engine, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, other);
		cd_dictionary_rate(engine->dict, engine->stats, known);
		candidate[n].id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		candidate[n++].weight = cd_pair_weight(engine, form, other, &agreement, NULL, &identifiers);
	}
	qsort(candidate, n, sizeof(Candidate), compare_weight);
	for (uint64 i = 0; i < n; i++)
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
	float		part[CD_MAX_COMPARISONS] = {0};
	uint64		identifiers;
	float		weight;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	engine = take_engine();
	a = form_of_values(engine, PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_ARRAYTYPE_P(1));
	b = form_of_values(engine, PG_GETARG_ARRAYTYPE_P(2), PG_GETARG_ARRAYTYPE_P(3));
	weight = cd_pair_weight(engine, a, b, &agreement, part, &identifiers);
	put_line(rsinfo, "prior", -1, -1, "how likely any two records are one customer",
			 (float) log2(engine->model->lambda / (1.0 - engine->model->lambda)));
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
