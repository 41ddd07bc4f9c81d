/*
 * matcher.c
 *		The batch: candidate pairs of changed records are scored and kept as
 *		links; the model is made when there is none that fits.
 */
#include "postgres.h"

#include "customer_data.h"

#include <math.h>

#include "catalog/pg_collation_d.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "identity/crew.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"

int			cd_matching_memory = 1024 * 1024;
double		cd_matching_pairs = 40;
int			cd_matching_workers = -1;

/* With fewer records the shipped values are better than learned ones. */
#define LEARN_RECORDS		300

/* Settings of the matching engine. */
void
cd_identity_engine_init(void)
{
	DefineCustomIntVariable("customer_data.matching_memory",
							"Memory that posting lists may take while they are built.",
							"As much as the records take themselves, where that is more.",
							&cd_matching_memory, 1024 * 1024, 16 * 1024, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomRealVariable("customer_data.matching_pairs",
							 "Candidate pairs per record that matching may look at.",
							 "The bits that make a candidate are raised until it holds; counted when the model is made.",
							 &cd_matching_pairs, 40, 1, 10000,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("customer_data.matching_workers",
							"Parallel workers that may help to score pairs.",
							"-1: as many as max_parallel_maintenance_workers allows, where there is enough to do.",
							&cd_matching_workers, -1, -1, 64, PGC_USERSET, 0, NULL, NULL, NULL);
}

/* Is a value of an identifier one that stands for none? */
static bool
is_blocked(const CdEngine *engine, int slot, uint32 token)
{
	const CdToken *t = &engine->dict->token[token];
	text	   *value;
	text	   *pattern;
	bool		answer;

	if (engine->layout->slot[slot].blocked[0] == '\0')
		return false;
	value = cstring_to_text_with_len(CD_TOKEN_TEXT(engine->dict, token), t->len);
	pattern = cstring_to_text(engine->layout->slot[slot].blocked);
	answer = DatumGetBool(DirectFunctionCall2Coll(textregexeq, C_COLLATION_OID,
												  PointerGetDatum(value), PointerGetDatum(pattern)));
	pfree(value);
	pfree(pattern);
	return answer;
}

/* Do two forms hold the same identifier in a slot? */
bool
cd_same_identifier(const CdLayout *layout, int slot, const CdForm *a, const CdForm *b)
{
	/* of an e-mail address the fourth word is the whole */
	int			at = layout->slot[slot].kind == CD_SLOT_EMAIL ? 3 : 0;

	return a->start[slot] != a->start[slot + 1] && b->start[slot] != b->start[slot + 1] &&
		a->word[a->start[slot] + at] == b->word[b->start[slot] + at];
}

/* What identifiers that agree add; their slots are told as bits. */
static float
identifier_weight(CdEngine *engine, const CdForm *a, const CdForm *b, uint64 *identifiers)
{
	float		weight = 0;

	*identifiers = 0;
	for (int i = 0; i < engine->layout->nidentifiers; i++)
	{
		int			s = engine->layout->identifier[i];

		if (!cd_same_identifier(engine->layout, s, a, b) ||
			is_blocked(engine, s, a->word[a->start[s] + (engine->layout->slot[s].kind == CD_SLOT_EMAIL ? 3 : 0)]))
			continue;
		weight += engine->layout->slot[s].identifier;
		*identifiers |= UINT64CONST(1) << s;
	}
	return weight;
}

/*
 * The weight of two forms: what the model says, and what identifiers that
 * agree add; their slots are told as bits.
 */
float
cd_pair_weight(CdEngine *engine, const CdForm *a, const CdForm *b,
			   CdAgreement *agreement, float *part, uint64 *identifiers)
{
	cd_agreement(engine, a, b, agreement);
	return cd_weight(engine->model, agreement, part) + identifier_weight(engine, a, b, identifiers);
}

/* The same weight where it reaches the floor, as far as is known by now; false, sooner, where it does not. */
bool
cd_pair_weight_above(CdEngine *engine, const CdForm *a, const CdForm *b, float floor, const CdBound *bound,
					 float *weight, uint64 *identifiers)
{
	CdAgreement agreement;

	if (!cd_agreement_above(engine, a, b, floor, bound, &agreement))
		return false;
	*weight = cd_weight(engine->model, &agreement, NULL) + identifier_weight(engine, a, b, identifiers);
	return *weight >= floor;
}

static void
run_with(const char *query, Datum changed)
{
	Oid			types[1] = {INT8ARRAYOID};

	SPI_execute_with_args(query, 1, types, &changed, NULL, false, 0);
}

/* Note what was left out of the posting lists. */
static void
report_oversize(CdBlocking *blocking, CdModel *model)
{
	StringInfoData query;

	SPI_execute("DELETE FROM customer_data.match_report WHERE kind = 'oversize keys'", false, 0);
	if (blocking->skipped == 0)
		return;
	initStringInfo(&query);
	appendStringInfo(&query,
					 "INSERT INTO customer_data.match_report (kind, number, detail) VALUES ('oversize keys', "
					 UINT64_FORMAT ", 'keys shared by more than %u records were not followed; they stand for "
					 UINT64_FORMAT " entries')",
					 blocking->skipped, model->oversize, blocking->skipped_postings);
	SPI_execute(query.data, false, 0);
}

/* Show other sessions what is being done. */
static void
phase(const char *what)
{
	pgstat_report_activity(STATE_RUNNING, psprintf("matching: %s", what));
}

/* Does the model not fit the records any more? */
static bool
model_is_stale(const CdEngine *engine, uint32 n)
{
	return !engine->model->made || !engine->model->same_attributes ||
		n > 2 * engine->stats->records + 50 || n * 4.0 + 50 < engine->stats->records;
}

/* Count frequencies, make the posting lists, choose the threshold and learn. */
static CdBlocking *
make_model(CdEngine *engine, CdRecords *records, bool learn, const char *truth)
{
	CdBlocking *blocking;
	CdPostingWriter *writer;
	CdTraining	report;

	/* learning starts from what was shipped or set by a person */
	SPI_execute("DELETE FROM customer_data.comparison_override WHERE origin = 'trained'", false, 0);
	cd_engine_reload(engine);
	engine->model->trained = false;
	phase("counting keys");
	cd_count_keys(engine, records);
	engine->model->rarity_known = cd_rarity_known(engine->stats);
	phase("laying out posting lists");
	writer = cd_postings_begin(engine, records);
	blocking = cd_blocking_create(engine, records, NULL, writer);
	cd_choose_threshold(engine, blocking, cd_matching_pairs);
	cd_dictionary_rate(engine->dict, engine->layout, engine->stats, 0);
	phase("learning");
	cd_train(engine, records, blocking, learn && records->n >= LEARN_RECORDS,
			 cd_labels_read(engine, records, truth), &report);
	cd_engine_save(engine, &report);
	cd_engine_reload(engine);
	cd_postings_end(writer, engine, records);
	return blocking;
}

/* Changed records are numbers, none of them null. */
static void
check_changed(Datum changed)
{
	if (array_contains_nulls(DatumGetArrayTypeP(changed)))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array of changed records must not contain nulls")));
}

/*
 * Drop the links of changed records; whoever was linked with them is affected.
 * Not so by a link against: it counts only where links for, evidence or
 * decisions hold two together, and then others of them are affected.
 */
static void
drop_links(Datum changed)
{
	SPI_execute("SELECT FROM customer_data.match_link LIMIT 1", false, 0);
	if (SPI_processed == 0)
		return;
	run_with("WITH gone AS (DELETE FROM customer_data.match_link"
			 " WHERE record_a = ANY ($1) OR record_b = ANY ($1) RETURNING record_a, record_b, weight)"
			 " INSERT INTO customer_data.record_affected (record_id, cause)"
			 " SELECT DISTINCT v.r, 'a linked record changed' FROM gone, LATERAL (VALUES (record_a), (record_b)) AS v(r) WHERE gone.weight > 0", changed);
}

/* Mark the changed records of a batch; answers how many they are. */
static uint32
mark_changed(const CdRecords *records, Datum changed, bool *mark)
{
	Datum	   *id;
	uint32		marked = 0;
	uint32		r = 0;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(changed), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &id, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		/* mostly they ascend, one after the other */
		if (r >= records->n || records->id[r] != DatumGetInt64(id[i]))
			r = cd_record_number(records, DatumGetInt64(id[i]));
		if (r >= records->n)
			continue;
		marked += !mark[r];
		mark[r++] = true;
	}
	pfree(id);
	return marked;
}

/*
 * Is it less work to read whom the changed records could be like than to read
 * all?  Not where all pairs are candidates, and the model must still fit.
 */
static bool
increment_pays(const CdEngine *engine, const CdPostingInfo *info, Datum changed)
{
	double		n = ArrayGetNItems(ARR_NDIM(DatumGetArrayTypeP(changed)), ARR_DIMS(DatumGetArrayTypeP(changed)));

	return engine->model->made && engine->model->same_attributes && engine->model->threshold > 0 &&
		n * 20 <= engine->stats->records && info->records + n <= 2 * engine->stats->records + 50;
}

/*
 * match_pairs(changed bigint[]) → pairs, links: score the candidates of
 * changed records (NULL: of all) anew and replace their links.
 */
PG_FUNCTION_INFO_V1(cd_match_pairs);
Datum
cd_match_pairs(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data matching", ALLOCSET_DEFAULT_SIZES);
	bool		whole = PG_ARGISNULL(0);
	Datum		changed = whole ? (Datum) 0 : PG_GETARG_DATUM(0);
	bool	   *mark = NULL;
	uint32		nchanged = 0;
	CdEngine   *engine;
	CdRecords  *records;
	CdBlocking *blocking = NULL;
	CdLinks    *links;
	CdPostingInfo info;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("match_pairs() must return a row")));
	desc = BlessTupleDesc(desc);
	if (!whole && ArrayGetNItems(ARR_NDIM(DatumGetArrayTypeP(changed)), ARR_DIMS(DatumGetArrayTypeP(changed))) == 0)
	{
		values[0] = values[1] = Int64GetDatum(0);
		PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
	}
	SPI_connect();
	engine = cd_engine_open(context, true);
	if (!whole)
	{
		check_changed(changed);
		drop_links(changed);
		if (cd_postings_open(engine, &info) && increment_pays(engine, &info, changed))
		{
			int64		linked;
			uint64		pairs = cd_score_changed(engine, &info, changed, &linked);

			values[0] = Int64GetDatum((int64) pairs);
			values[1] = Int64GetDatum(linked);
			SPI_finish();
			MemoryContextDelete(context);
			PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
		}
	}
	phase("reading all records");
	records = cd_records_load(engine, (Datum) 0);
	cd_share_records(engine, records);
	if (!whole)
	{
		mark = MemoryContextAllocExtended(context, Max(records->n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		nchanged = mark_changed(records, changed, mark);
	}
	if (model_is_stale(engine, records->n))
	{
		/* a person's own settings are read again by the next run */
		blocking = make_model(engine, records, true, NULL);
		if (!whole && nchanged < records->n)
			run_with("INSERT INTO customer_data.record_affected (record_id, cause)"
					 " SELECT v.record_id, 'the matching model was renewed' FROM customer_data.record_value v"
					 " WHERE v.record_id <> ALL ($1)", changed);
		whole = true;
	}
	else
		cd_dictionary_rate(engine->dict, engine->layout, engine->stats, 0);
	if (whole)
		SPI_execute("DELETE FROM customer_data.match_link", false, 0);
	if (blocking == NULL)
	{
		CdPostingWriter *writer = whole ? cd_postings_begin(engine, records) : NULL;

		phase("laying out posting lists");
		blocking = cd_blocking_create(engine, records, whole ? NULL : mark, writer);
		if (whole)
			cd_postings_end(writer, engine, records);
	}
	links = cd_links_create(context);
	phase("scoring pairs");
	cd_score_all(engine, records, blocking, links);
	cd_blocking_release(blocking);
	phase("writing links");
	cd_links_write(engine, records, links);
	if (!whole)
	{
		if (cd_postings_open(engine, &info))
			cd_postings_add(engine, records, mark);
		else
			cd_postings_build(engine, records);
	}
	cd_unshare(engine);
	values[1] = Int64GetDatum((int64) links->n);
	if (!whole)
		cd_links_note(records, links);
	report_oversize(blocking, engine->model);
	values[0] = Int64GetDatum((int64) links->pairs);
	SPI_finish();
	MemoryContextDelete(context);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* learn_matching(learn boolean, truth text) → void: make the model anew from all records. */
PG_FUNCTION_INFO_V1(cd_learn_matching);
Datum
cd_learn_matching(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data matching", ALLOCSET_DEFAULT_SIZES);
	CdEngine   *engine;
	CdRecords  *records;

	SPI_connect();
	engine = cd_engine_open(context, false);
	records = cd_records_load(engine, (Datum) 0);
	cd_share_records(engine, records);
	make_model(engine, records, PG_GETARG_BOOL(0), PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	cd_unshare(engine);
	SPI_finish();
	MemoryContextDelete(context);
	PG_RETURN_VOID();
}
