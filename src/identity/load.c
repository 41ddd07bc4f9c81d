/*
 * load.c
 *		Read the layout, the model and the records from their tables; keep what
 *		was learned and counted.
 */
#include "postgres.h"

#include "customer_data.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "identity/engine.h"
#include "miscadmin.h"
#include "text/standard.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* Entries of one row of match_frequency. */
#define FREQUENCY_PART	100000
#define FREQUENCY_BYTES	9

/* How well-known attributes are matched. */
typedef struct KnownUse
{
	const char *attribute;
	const char *slot;
	CdSlotKind	kind;
	int			part;
} KnownUse;

static const KnownUse known_use[] = {
	{"full_name", "name", CD_SLOT_NAME, -1},
	{"given_name", "name", CD_SLOT_NAME, CD_ROLE_GIVEN},
	{"middle_name", "name", CD_SLOT_NAME, CD_ROLE_MIDDLE},
	{"family_name", "name", CD_SLOT_NAME, CD_ROLE_FAMILY},
	{"name_suffix", "name_suffix", CD_SLOT_CLASS, 0},
	{"birth_date", "birth_date", CD_SLOT_BIRTH, 0},
	{"gender", "gender", CD_SLOT_CLASS, 0},
	{"email", "email", CD_SLOT_EMAIL, 0},
	{"phone", "phone", CD_SLOT_PHONE, 0},
	{"address", "address", CD_SLOT_STREET, 0},
	{"street", "address", CD_SLOT_STREET, 0},
	{"house_number", "address", CD_SLOT_STREET, 0},
	{"city", "city", CD_SLOT_PLACE, 0},
	{"region", "region", CD_SLOT_PLACE, 0},
	{"postcode", "postcode", CD_SLOT_POSTCODE, 0},
	{"country", "country", CD_SLOT_CLASS, 0},
	{"national_id", "national_id", CD_SLOT_CODE, 0},
	{"tax_id", "tax_id", CD_SLOT_CODE, 0},
	{"loyalty_id", "loyalty_id", CD_SLOT_CODE, 0},
	{"company", "company", CD_SLOT_COMPANY, 0},
	{"job_title", "job_title", CD_SLOT_VALUE, 0},
	{"website", "domain", CD_SLOT_VALUE, 0},
	{"domain", "domain", CD_SLOT_VALUE, 0},
	{"occupation", "occupation", CD_SLOT_VALUE, 0},
	{"birth_place", "birth_place", CD_SLOT_PLACE, 0},
	{"cookie_id", "cookie_id", CD_SLOT_CODE, 0},
	{"device_id", "device_id", CD_SLOT_CODE, 0},
	{"ad_id", "ad_id", CD_SLOT_CODE, 0},
	{"account_id", "account_id", CD_SLOT_VALUE, 0}
};

/* What pairs of records are called, by CdPairKind. */
static const char *const pair_kind[] = {"persons", "person and company", "companies"};

/* Attributes that are shown, not matched. */
static const char *const not_matched[] = {"name_prefix", "registered_at"};

/* Run a query whose failure would be a bug or a missing privilege. */
static void
run(const char *query, int expected)
{
	int			rc = SPI_execute(query, false, 0);

	if (rc != expected)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("unexpected result of a query of the matching engine"),
				 errdetail("SPI answered %s.", SPI_result_code_string(rc))));
}

static char *
column_text(int row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

static Datum
column(int row, int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull);
}

static int
find_slot(CdLayout *layout, const char *name)
{
	for (int s = 0; s < layout->nslots; s++)
	{
		if (strcmp(layout->slot[s].name, name) == 0)
			return s;
	}
	return -1;
}

/* Find or make the slot that an attribute is kept in; -1 if there is no room. */
static int
use_slot(CdLayout *layout, const char *name, CdSlotKind kind)
{
	int			s = find_slot(layout, name);

	if (s >= 0)
		return s;
	if (layout->nslots == CD_MAX_SLOTS - 1)
		return -1;
	s = layout->nslots++;
	memset(&layout->slot[s], 0, sizeof(CdSlot));
	layout->slot[s].name = MemoryContextStrdup(layout->context, name);
	layout->slot[s].kind = kind;
	return s;
}

/* Is a slot one of well-known attributes? */
static bool
is_known(const char *slot)
{
	for (size_t k = 0; k < lengthof(known_use); k++)
	{
		if (strcmp(known_use[k].slot, slot) == 0)
			return true;
	}
	return false;
}

/* Read which attributes there are and where each goes. */
static CdLayout *
load_layout(MemoryContext context)
{
	CdLayout   *layout = MemoryContextAllocZero(context, sizeof(CdLayout));
	bool		isnull;

	layout->context = context;
	layout->account_slot = layout->generation_slot = -1;
	run("SELECT name, ordinal::int FROM customer_data.attribute ORDER BY ordinal", SPI_OK_SELECT);
	if (SPI_processed > 0)
		layout->nattributes = DatumGetInt32(column(SPI_processed - 1, 2, &isnull));
	layout->attribute = MemoryContextAllocZero(context, (layout->nattributes + 1) * sizeof(CdUse));
	for (int i = 0; i <= layout->nattributes; i++)
		layout->attribute[i].slot = -1;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *name = column_text(i, 1);
		CdUse	   *use = &layout->attribute[DatumGetInt32(column(i, 2, &isnull))];
		const KnownUse *known = NULL;
		bool		skip = false;

		use->name = MemoryContextStrdup(context, name);
		for (size_t k = 0; k < lengthof(not_matched); k++)
			skip |= strcmp(not_matched[k], name) == 0;
		if (skip)
			continue;
		for (size_t k = 0; k < lengthof(known_use) && known == NULL; k++)
		{
			if (strcmp(known_use[k].attribute, name) == 0)
				known = &known_use[k];
		}
		if (known != NULL && known->kind == CD_SLOT_COMPANY)
			layout->account_slot = use_slot(layout, "account_name", CD_SLOT_COMPANY);
		if (known != NULL && known->kind == CD_SLOT_NAME)
			layout->generation_slot = use_slot(layout, "name_suffix", CD_SLOT_CLASS);
		if (known != NULL)
		{
			use->slot = use_slot(layout, known->slot, known->kind);
			use->part = known->part;
		}
		else
			use->slot = use_slot(layout, name, CD_SLOT_VALUE);
	}

	run("SELECT attribute, weight, max_distinct, blocked FROM customer_data.identifier", SPI_OK_SELECT);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		int			s = find_slot(layout, column_text(i, 1));

		if (s < 0 || layout->slot[s].kind == CD_SLOT_NAME)
			continue;
		layout->identifier[layout->nidentifiers++] = s;
		layout->slot[s].identifier = DatumGetFloat4(column(i, 2, &isnull));
		layout->slot[s].max_distinct = DatumGetInt32(column(i, 3, &isnull));
		layout->slot[s].blocked = MemoryContextStrdup(context, column_text(i, 4));
	}
	return layout;
}

/* The kind of comparison that suits a slot. */
static CdComparisonKind
comparison_kind(const char *name, CdSlotKind kind)
{
	switch (kind)
	{
		case CD_SLOT_NAME:
			return strcmp(name, "family_name") == 0 ? CD_CMP_FAMILY :
				strcmp(name, "given_name") == 0 ? CD_CMP_GIVEN : CD_CMP_MIDDLE;
		case CD_SLOT_BIRTH:
			return CD_CMP_BIRTH;
		case CD_SLOT_EMAIL:
			return CD_CMP_EMAIL;
		case CD_SLOT_PHONE:
			return CD_CMP_PHONE;
		case CD_SLOT_STREET:
			return CD_CMP_STREET;
		case CD_SLOT_POSTCODE:
			return CD_CMP_POSTCODE;
		case CD_SLOT_COMPANY:
			return CD_CMP_COMPANY;
		case CD_SLOT_PLACE:
			return CD_CMP_PLACE;
		case CD_SLOT_CODE:
			return CD_CMP_CODE;
		case CD_SLOT_CLASS:
			return strcmp(name, "name_suffix") == 0 ? CD_CMP_GENERATION : CD_CMP_CLASS;
		case CD_SLOT_VALUE:
			break;
	}
	/* one letter makes another firm of a domain */
	return strcmp(name, "domain") == 0 ? CD_CMP_CLASS : CD_CMP_VALUE;
}

/* Levels that each kind of comparison tells apart. */
static int
levels_of(CdComparisonKind kind)
{
	switch (kind)
	{
		case CD_CMP_FAMILY:
		case CD_CMP_BIRTH:
		case CD_CMP_POSTCODE:
		case CD_CMP_EMAIL:
			return 5;
		case CD_CMP_GIVEN:
		case CD_CMP_COMPANY:
			return 6;
		case CD_CMP_STREET:
			return 7;
		case CD_CMP_CLASS:
		case CD_CMP_GENERATION:
			return 2;
		default:
			return 3;
	}
}

/* The level on which a value of its kind is one customer's, -1 if of none. */
static int
identifying_level(CdComparisonKind kind)
{
	return kind == CD_CMP_EMAIL ? 4 : kind == CD_CMP_PHONE || kind == CD_CMP_CODE ? 2 : -1;
}

/* Is a comparison about what people of one household or firm do not share? */
static bool
is_personal(const char *name)
{
	static const char *const shared[] = {"family_name", "address", "postcode", "city", "region", "country",
	"birth_place", "company", "domain", "account_id"};

	for (size_t i = 0; i < lengthof(shared); i++)
	{
		if (strcmp(shared[i], name) == 0)
			return false;
	}
	return true;
}

/* Share of two of a household whose values differ, before any are seen; 0 where it does not tell. */
static float
usually_apart(const char *name)
{
	/* couples with two names; those who came from elsewhere */
	return strcmp(name, "family_name") == 0 ? 0.3f :
		strcmp(name, "country") == 0 || strcmp(name, "birth_place") == 0 ? 0.1f : 0;
}

static int
find_comparison(const CdModel *model, const char *name)
{
	for (int c = 0; c < model->ncomparisons; c++)
	{
		if (strcmp(model->comparison[c].name, name) == 0)
			return c;
	}
	return -1;
}

/* Read the learned dependences over those that are usual. */
static void
load_dependence(CdModel *model)
{
	bool		isnull;

	for (int c = 0; c < model->ncomparisons; c++)
		model->same[c].n = model->other[c].n = 0;
	run("SELECT comparison, parent, parent_level::int, level::int, probability, among = 'matches'"
		" FROM customer_data.comparison_dependence ORDER BY among, comparison, rank", SPI_OK_SELECT);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		int			c = find_comparison(model, column_text(i, 1));
		int			d = find_comparison(model, column_text(i, 2));
		int			l = DatumGetInt32(column(i, 3, &isnull));
		int			k = DatumGetInt32(column(i, 4, &isnull));
		CdDependence *dependence;

		/* of comparisons that are no more nothing is known */
		if (c < 0 || d < 0 || k < 0 || k >= CD_MAX_LEVELS || l < 0 || l >= CD_MAX_LEVELS)
			continue;
		dependence = DatumGetBool(column(i, 6, &isnull)) ? &model->same[c] : &model->other[c];
		if (dependence->n == 0 || dependence->parent[dependence->n - 1] != d)
		{
			if (dependence->n == CD_MAX_PARENTS)
				continue;
			dependence->parent[dependence->n++] = d;
		}
		dependence->logp[dependence->n - 1][l][k] = (float) log2(DatumGetFloat8(column(i, 5, &isnull)));
	}
}

/* Read the comparisons and what was learned. */
static CdModel *
load_model(MemoryContext context, CdLayout *layout, CdStatistics **stats)
{
	CdModel    *model = MemoryContextAllocZero(context, sizeof(CdModel));
	double		records = 2;
	double		twins = 0;
	uint32		floor = 2;
	bool		isnull;

	model->context = context;
	run("SELECT c.comparison, c.level::int, c.condition, c.m, c.u, c.tf, o.tf_base, o.housemates"
		" FROM customer_data.comparison c"
		" LEFT JOIN customer_data.comparison_override o USING (comparison, level)"
		" ORDER BY c.comparison, c.level", SPI_OK_SELECT);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *name = column_text(i, 1);
		int			level = DatumGetInt32(column(i, 2, &isnull));
		int			c = find_comparison(model, name);
		CdComparison *comparison;

		if (c < 0)
		{
			int			s = find_slot(layout, name);

			if (strcmp(name, "family_name") == 0 || strcmp(name, "given_name") == 0 ||
				strcmp(name, "middle_name") == 0)
				s = find_slot(layout, "name");
			if (s < 0 || model->ncomparisons == CD_MAX_COMPARISONS)
				continue;
			c = model->ncomparisons++;
			model->comparison[c].name = MemoryContextStrdup(context, name);
			model->comparison[c].slot = s;
			model->comparison[c].kind = comparison_kind(name, layout->slot[s].kind);
			model->comparison[c].nlevels = levels_of(model->comparison[c].kind);
			model->comparison[c].personal = is_personal(name);
			model->comparison[c].identifying = identifying_level(model->comparison[c].kind);
			model->comparison[c].quantities = model->comparison[c].kind == CD_CMP_VALUE && !is_known(name);
			for (int k = 0; k < CD_MAX_LEVELS; k++)
				model->comparison[c].m[k] = model->comparison[c].u[k] = 1e-6;
		}
		comparison = &model->comparison[c];
		if (level >= comparison->nlevels)
			continue;
		comparison->condition[level] = MemoryContextStrdup(context, column_text(i, 3));
		comparison->m[level] = DatumGetFloat8(column(i, 4, &isnull));
		comparison->u[level] = DatumGetFloat8(column(i, 5, &isnull));
		comparison->tf[level] = DatumGetFloat4(column(i, 6, &isnull));
		comparison->tf_base[level] = DatumGetFloat4(column(i, 7, &isnull));
		if (isnull)
			comparison->tf_base[level] = (float) -log2(comparison->u[level]);
		if (level == 0)
		{
			comparison->housemates = DatumGetFloat4(column(i, 8, &isnull));
			if (isnull)
				comparison->housemates = usually_apart(name);
		}
	}
	for (int kind = 0; kind < CD_PAIR_KINDS; kind++)
	{
		model->lambda[kind] = 1e-4;
		model->housemates[kind] = 1e-5;
	}
	model->threshold = 8;
	model->oversize = 1000;
	run("SELECT kind, lambda, housemates FROM customer_data.match_prior", SPI_OK_SELECT);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		for (int kind = 0; kind < CD_PAIR_KINDS; kind++)
		{
			if (strcmp(column_text(i, 1), pair_kind[kind]) == 0)
			{
				model->lambda[kind] = DatumGetFloat8(column(i, 2, &isnull));
				model->housemates[kind] = DatumGetFloat8(column(i, 3, &isnull));
			}
		}
	}
	run("SELECT threshold, oversize, records, frequency_floor, trained, version,"
		" attributes = (SELECT array_agg(name ORDER BY ordinal) FROM customer_data.attribute), counted, twins"
		" FROM customer_data.match_model", SPI_OK_SELECT);
	if (SPI_processed == 1)
	{
		model->made = true;
		model->threshold = DatumGetFloat4(column(0, 1, &isnull));
		model->oversize = DatumGetInt32(column(0, 2, &isnull));
		records = DatumGetInt64(column(0, 3, &isnull));
		floor = DatumGetInt32(column(0, 4, &isnull));
		model->trained = DatumGetBool(column(0, 5, &isnull));
		model->version = DatumGetInt64(column(0, 6, &isnull));
		model->same_attributes = DatumGetBool(column(0, 7, &isnull));
		model->counted = DatumGetInt64(column(0, 8, &isnull));
		twins = DatumGetFloat4(column(0, 9, &isnull));
	}
	model->records = records;
	cd_model_independent(model);
	if (model->trained)
		load_dependence(model);
	*stats = cd_statistics_create(context, records, floor, 1024);
	(*stats)->twins = twins;
	model->rarity_known = cd_rarity_known(*stats);
	return model;
}

/* Read the frequencies that were counted. */
static void
load_frequencies(CdStatistics *stats)
{
	bool		isnull;

	run("SELECT keys FROM customer_data.match_frequency ORDER BY part", SPI_OK_SELECT);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bytea	   *keys = DatumGetByteaPP(column(i, 1, &isnull));
		const char *p = VARDATA_ANY(keys);

		for (Size n = VARSIZE_ANY_EXHDR(keys) / FREQUENCY_BYTES; n > 0; n--, p += FREQUENCY_BYTES)
		{
			uint64		hash;

			memcpy(&hash, p, sizeof(hash));
			if (hash != 0)
				cd_statistics_put(stats, hash, (uint8) p[8]);
		}
	}
}

/*
 * Open the engine in a memory context; SPI must be connected.  Frequencies
 * are needed to score and to block.
 */
CdEngine *
cd_engine_open(MemoryContext context, bool frequencies)
{
	CdEngine   *engine = MemoryContextAllocZero(context, sizeof(CdEngine));

	engine->context = context;
	memset(engine->used, true, sizeof(engine->used));
	engine->layout = load_layout(context);
	engine->name_slot = find_slot(engine->layout, "name");
	engine->email_slot = find_slot(engine->layout, "email");
	engine->model = load_model(context, engine->layout, &engine->stats);
	if (frequencies)
	{
		load_frequencies(engine->stats);
		cd_settle_unseen(engine->model, engine->layout, engine->stats);
	}
	return engine;
}

/* Write the dependences among matches or others. */
static void
save_dependence(const CdModel *model, const CdDependence *all, const char *among)
{
	StringInfoData query;

	for (int c = 0; c < model->ncomparisons; c++)
	{
		for (int i = 0; i < all[c].n; i++)
		{
			int			d = all[c].parent[i];

			initStringInfo(&query);
			appendStringInfo(&query, "INSERT INTO customer_data.comparison_dependence"
							 " (among, comparison, rank, parent, parent_level, level, probability) VALUES ");
			for (int l = 0; l < model->comparison[d].nlevels; l++)
			{
				for (int k = 0; k < model->comparison[c].nlevels; k++)
					appendStringInfo(&query, "%s('%s', %s, %d, %s, %d, %d, %.9g)", l + k == 0 ? "" : ", ", among,
									 quote_literal_cstr(model->comparison[c].name), i + 1,
									 quote_literal_cstr(model->comparison[d].name), l, k,
									 exp2(all[c].logp[i][l][k]));
			}
			run(query.data, SPI_OK_INSERT);
			pfree(query.data);
		}
	}
}

/* Write the frequencies, sorted into rows of equal size. */
static void
save_frequencies(const CdStatistics *stats)
{
	char	   *part = MemoryContextAllocHuge(stats->context, FREQUENCY_PART * FREQUENCY_BYTES + VARHDRSZ);
	Oid			types[2] = {INT4OID, BYTEAOID};
	SPIPlanPtr	plan;
	int			number = 0;
	int			n = 0;

	run("DELETE FROM customer_data.match_frequency", SPI_OK_DELETE);
	plan = SPI_prepare("INSERT INTO customer_data.match_frequency (part, keys) VALUES ($1, $2)", 2, types);
	for (uint32 i = 0; i <= stats->mask; i++)
	{
		if (stats->hash[i] != 0)
		{
			char	   *p = part + VARHDRSZ + n * FREQUENCY_BYTES;

			memcpy(p, &stats->hash[i], sizeof(uint64));
			p[8] = (char) stats->bits[i];
			n++;
		}
		if (n == FREQUENCY_PART || (i == stats->mask && n > 0))
		{
			Datum		values[2];

			SET_VARSIZE(part, VARHDRSZ + n * FREQUENCY_BYTES);
			values[0] = Int32GetDatum(number++);
			values[1] = PointerGetDatum(part);
			SPI_execute_plan(plan, values, NULL, false, 0);
			n = 0;
		}
	}
	pfree(part);
}

/* What is implausible of matches is reported where the odds of pairs were multiplied by less. */
#define HELD	0.5

/* Keep the model and its frequencies; a level that a person set stays as it is. */
void
cd_engine_save(CdEngine *engine, const CdTraining *report)
{
	CdModel    *model = engine->model;
	StringInfoData query;

	initStringInfo(&query);
	run("DELETE FROM customer_data.comparison_override WHERE origin = 'trained'", SPI_OK_DELETE);
	run("DELETE FROM customer_data.comparison_dependence", SPI_OK_DELETE);
	for (int c = 0; c < model->ncomparisons; c++)
	{
		for (int k = 0; k < model->comparison[c].nlevels; k++)
		{
			resetStringInfo(&query);
			appendStringInfo(&query,
							 "INSERT INTO customer_data.comparison_override AS o (comparison, level, m, u, tf_base, housemates, origin)"
							 " VALUES (%s, %d, %.9g, %.9g, %.6g, nullif(%.9g, 0), 'trained')"
							 " ON CONFLICT (comparison, level) DO UPDATE SET tf_base = EXCLUDED.tf_base, housemates = EXCLUDED.housemates",
							 quote_literal_cstr(model->comparison[c].name), k,
							 Min(model->comparison[c].m[k], 0.999999), Min(model->comparison[c].u[k], 0.999999),
							 model->comparison[c].tf_base[k], k == 0 ? model->comparison[c].housemates : 0);
			run(query.data, SPI_OK_INSERT);
		}
	}
	if (model->trained)
	{
		save_dependence(model, model->same, "matches");
		save_dependence(model, model->other, "others");
	}
	run("DELETE FROM customer_data.match_prior", SPI_OK_DELETE);
	for (int kind = 0; kind < CD_PAIR_KINDS; kind++)
	{
		resetStringInfo(&query);
		appendStringInfo(&query, "INSERT INTO customer_data.match_prior (kind, lambda, housemates) VALUES ('%s', %.9g, %.9g)",
						 pair_kind[kind], model->lambda[kind], model->housemates[kind]);
		run(query.data, SPI_OK_INSERT);
	}
	run("DELETE FROM customer_data.match_model", SPI_OK_DELETE);
	resetStringInfo(&query);
	appendStringInfo(&query,
					 "INSERT INTO customer_data.match_model"
					 " (threshold, oversize, records, frequency_floor, twins, trained, attributes, version, counted)"
					 " SELECT %.9g, %u, %.0f, %u, %.9g, %s, array_agg(name ORDER BY ordinal), " INT64_FORMAT ", " INT64_FORMAT
					 " FROM customer_data.attribute",
					 model->threshold, model->oversize, engine->stats->records,
					 engine->stats->floor, engine->stats->twins, model->trained ? "true" : "false", model->version + 1, model->version + 1);
	run(query.data, SPI_OK_INSERT);
	model->counted = ++model->version;
	model->made = true;
	save_frequencies(engine->stats);
	if (report != NULL && model->trained)
	{
		StringInfoData unseen;
		StringInfoData implausible;

		initStringInfo(&unseen);
		initStringInfo(&implausible);
		for (int c = 0; c < model->ncomparisons; c++)
		{
			double		known = 0;

			for (int k = 0; k < model->comparison[c].nlevels; k++)
				known += report->seen[c][k];
			for (int k = 0; k < model->comparison[c].nlevels && known >= 1; k++)
			{
				if (report->seen[c][k] < 1)
					appendStringInfo(&unseen, "%s%s", unseen.len > 0 ? ", " : "",
									 quote_literal_cstr(psprintf("%s: %s", model->comparison[c].name,
																 model->comparison[c].condition[k])));
			}
		}
		for (int b = 0; b < report->bounds.n; b++)
		{
			const CdBoundary *bound = &report->bounds.item[b];

			if (bound->least < HELD)
				appendStringInfo(&implausible, "%s%s", implausible.len > 0 ? ", " : "",
								 quote_literal_cstr(bound->c == bound->d ? psprintf("%s differs", model->comparison[bound->c].name) :
													psprintf("%s and %s both differ, be it by a letter or digit", model->comparison[bound->c].name, model->comparison[bound->d].name)));
		}
		resetStringInfo(&query);
		appendStringInfo(&query,
						 "INSERT INTO customer_data.match_training"
						 " (records, candidates, patterns, rounds, converged, matches, unseen, implausible)"
						 " VALUES (%.0f, " UINT64_FORMAT ", %u, %d, %s, %.1f, ARRAY[%s]::text[], ARRAY[%s]::text[])",
						 engine->stats->records, report->candidates, report->patterns, report->rounds,
						 report->converged ? "true" : "false", report->matches, unseen.data, implausible.data);
		run(query.data, SPI_OK_INSERT);
	}
}

/*
 * Read the model back as it was kept, so that what is scored now and what is
 * scored by a later run agree to the last digit.
 */
void
cd_engine_reload(CdEngine *engine)
{
	CdStatistics *unused;

	engine->model = load_model(engine->context, engine->layout, &unused);
	cd_settle_unseen(engine->model, engine->layout, engine->stats);
}

/* Lay a form behind the others; answers where it starts. */
static uint32
keep_form(CdEngine *engine, CdRecords *records, const CdForm *form)
{
	Size		size = (cd_form_size(engine->layout, form) + sizeof(uint32) - 1) / sizeof(uint32);
	uint32		at = (uint32) records->used;

	if (records->used + size > records->size)
	{
		records->size += records->size / 2 + size;
		if (records->size > PG_UINT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many records to match at once")));
		records->base = repalloc_huge(records->base, records->size * sizeof(uint32));
	}
	memcpy(records->base + at, form, cd_form_size(engine->layout, form));
	for (int s = 0; s < engine->layout->nslots; s++)
		engine->used[s] |= form->start[s + 1] > form->start[s];
	records->used += size;
	return at;
}

/* Sort records by id. */
typedef struct LoadedRecord
{
	int64		id;
	uint32		at;
} LoadedRecord;

#define ST_SORT sort_loaded
#define ST_ELEMENT_TYPE LoadedRecord
#define ST_COMPARE(a, b) ((a)->id < (b)->id ? -1 : (a)->id > (b)->id)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* Query for the values of records; a date without standard form is read as given. */
char *
cd_record_query(const CdLayout *layout, const char *condition)
{
	int			birth = 0;

	for (int i = 1; i <= layout->nattributes; i++)
	{
		if (layout->attribute[i].name != NULL && strcmp(layout->attribute[i].name, "birth_date") == 0)
			birth = i;
	}
	return psprintf("SELECT record_id, standard, given[%d] FROM customer_data.record_value%s", Max(birth, 1), condition);
}

/*
 * May a birth date without standard form be read as it was given?  What is
 * wrong in parts still tells something; what a system fills in tells nothing.
 */
bool
cd_birth_as_given(Datum birth)
{
	text	   *given = DatumGetTextPP(birth);
	CdIssue		issue;
	char	   *standard = cd_standard_date(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given), "", true, PG_INT32_MAX, &issue);

	if (standard != NULL)
		pfree(standard);
	return issue != CD_ISSUE_EMPTY && issue != CD_ISSUE_PLACEHOLDER && issue != CD_ISSUE_DEFAULT_DATE;
}

/* Build the form of a row of cd_record_query. */
CdForm *
cd_form_of_row(CdEngine *engine, HeapTuple tuple, TupleDesc desc, CdForm *form)
{
	bool		isnull;
	bool		nobirth;
	Datum		array = SPI_getbinval(tuple, desc, 2, &isnull);
	Datum		birth = SPI_getbinval(tuple, desc, 3, &nobirth);
	Datum	   *value;
	bool	   *null;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &value, &null, &n);
	for (int i = 0; i < n && i < engine->layout->nattributes && !nobirth; i++)
	{
		int			s = engine->layout->attribute[i + 1].slot;

		if (s >= 0 && engine->layout->slot[s].kind == CD_SLOT_BIRTH && null[i] && cd_birth_as_given(birth))
		{
			value[i] = birth;
			null[i] = false;
		}
	}
	return cd_form_build(engine->layout, engine->dict, value, null, n, form);
}

/* Read rows of cd_record_query into forms, behind those that are there. */
void
cd_records_read(CdEngine *engine, CdRecords *records, Portal portal, CdTakeForm take, void *state)
{
	CdForm	   *form = MemoryContextAlloc(engine->context, offsetof(CdForm, word) + (CD_FORM_WORDS + 64) * sizeof(uint32));
	MemoryContext row = AllocSetContextCreate(engine->context, "customer_data row", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		SPI_cursor_fetch(portal, true, 2000);
		if (SPI_processed == 0)
			break;
		CHECK_FOR_INTERRUPTS();
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			bool		isnull;
			int64		id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
			MemoryContext old = MemoryContextSwitchTo(row);

			cd_form_of_row(engine, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, form);
			MemoryContextSwitchTo(old);
			MemoryContextReset(row);
			take(state, id, keep_form(engine, records, form));
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(row);
	pfree(form);
}

/* Records that are being read, and the places of their forms. */
typedef struct Loading
{
	CdRecords  *records;
	LoadedRecord *loaded;
} Loading;

static void
take_loaded(void *state, int64 id, uint32 at)
{
	Loading    *loading = state;
	CdRecords  *records = loading->records;

	if (records->n == records->max)
	{
		records->max *= 2;
		loading->loaded = repalloc_huge(loading->loaded, (Size) records->max * sizeof(LoadedRecord));
	}
	loading->loaded[records->n].id = id;
	loading->loaded[records->n++].at = at;
}

/* Read records into forms, ascending by id: all, or those of an array of ids. */
CdRecords *
cd_records_load(CdEngine *engine, Datum ids)
{
	CdRecords  *records = MemoryContextAllocZero(engine->context, sizeof(CdRecords));
	Oid			types[1] = {INT8ARRAYOID};
	Loading		loading = {records, NULL};

	/* which slots are filled is known when all records were seen */
	memset(engine->used, ids != (Datum) 0, sizeof(engine->used));
	records->max = 4096;
	records->size = 256 * 1024;
	records->base = MemoryContextAllocHuge(engine->context, records->size * sizeof(uint32));
	loading.loaded = MemoryContextAllocHuge(engine->context, records->max * sizeof(LoadedRecord));
	if (engine->dict == NULL)
		engine->dict = cd_dictionary_create(engine->context, 65536);
	cd_records_read(engine, records,
					SPI_cursor_open_with_args(NULL, cd_record_query(engine->layout, ids == (Datum) 0 ? "" : CD_SOME_RECORDS),
											  ids == (Datum) 0 ? 0 : 1, types, &ids, NULL, false, CURSOR_OPT_NO_SCROLL),
					take_loaded, &loading);
	if (records->n > 1)
		sort_loaded(loading.loaded, records->n);
	records->id = MemoryContextAllocHuge(engine->context, Max(records->n, 1) * sizeof(int64));
	records->at = MemoryContextAllocHuge(engine->context, Max(records->n, 1) * sizeof(uint32));
	for (uint32 i = 0; i < records->n; i++)
	{
		records->id[i] = loading.loaded[i].id;
		records->at[i] = loading.loaded[i].at;
	}
	pfree(loading.loaded);
	return records;
}
