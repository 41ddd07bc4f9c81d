/*
 * golden.c
 *		The golden record: which record's value of each attribute survives.
 *
 * golden(...) is an aggregate over the records of one customer.  Its result
 * holds, by attribute ordinal, the surviving value and the record that gave
 * it.  Attributes of one group (the parts of an address) come from one record,
 * so that no address is mixed from two.
 */
#include "postgres.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "identity/golden.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "text/standard.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Ordinals of the shipped attributes that a full name is composed of. */
#define ORDINAL_FULL_NAME	1
#define ORDINAL_GIVEN_NAME	2
#define ORDINAL_FAMILY_NAME	4

/* Elements of an array without NULLs. */
#define PLAIN_ARRAY_DATA(a)	((char *) (a) + ARR_OVERHEAD_NONULLS(ARR_NDIM(a)))

static const char *const rule_name[] = {
	"most_recent", "most_trusted", "most_frequent", "longest",
	"most_complete", "earliest", "minimum", "maximum", NULL
};

typedef struct State
{
	MemoryContext context;
	int			n;
	int			allocated;
	CdGoldenEntry	   *entry;
} State;

/* One record taken apart: values by ordinal, NULL where missing. */
typedef struct Parts
{
	const CdGoldenEntry *entry;
	char	  **value;			/* [1 .. n]: what would become golden */
	char	  **form;			/* [1 .. n]: what equality looks at */
	bool	   *doubtful;		/* [1 .. n]: has an issue */
	int			filled;
} Parts;

/* golden transition: remember a record. */
PG_FUNCTION_INFO_V1(cd_golden_transition);
Datum
cd_golden_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	MemoryContext old;
	State	   *state;
	CdGoldenEntry	   *entry;

	context = cd_aggregate_context(fcinfo);
	old = MemoryContextSwitchTo(context);
	if (PG_ARGISNULL(0))
	{
		state = palloc(sizeof(State));
		state->context = context;
		state->n = 0;
		state->allocated = 2;
		state->entry = palloc(sizeof(CdGoldenEntry) * state->allocated);
	}
	else
		state = (State *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
	{
		if (state->n == state->allocated)
		{
			state->allocated *= 2;
			state->entry = repalloc_huge(state->entry, sizeof(CdGoldenEntry) * state->allocated);
		}
		entry = &state->entry[state->n++];
		entry->record_id = PG_GETARG_INT64(1);
		entry->trust = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);
		entry->changed_at = PG_ARGISNULL(3) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(3);
		entry->given = PG_ARGISNULL(4) ? NULL : PG_GETARG_ARRAYTYPE_P_COPY(4);
		entry->standard = PG_ARGISNULL(5) ? NULL : PG_GETARG_ARRAYTYPE_P_COPY(5);
		entry->issue = PG_ARGISNULL(6) ? NULL : PG_GETARG_ARRAYTYPE_P_COPY(6);
	}
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

/* Read the rules once per query. */
CdGoldenConfig *
cd_golden_config(MemoryContext context)
{
	CdGoldenConfig	   *config = MemoryContextAllocZero(context, sizeof(CdGoldenConfig));
	uint64		i;
	static SPIPlanPtr rules = NULL;

	SPI_connect();
	if (rules == NULL)
	{
		SPIPlanPtr	made = SPI_prepare("SELECT a.ordinal::int, coalesce(nullif(s.rule, 'expression'), a.survivorship), a.type, "
									   "CASE WHEN a.part_of IS NOT NULL THEN dense_rank() OVER (ORDER BY a.part_of)::int ELSE 0 END, "
									   "a.name = 'phone', a.part_of IS NOT DISTINCT FROM 'name', c.attname IS NOT NULL "
									   "FROM customer_data.attribute a "
									   "LEFT JOIN customer_data.survivorship s ON s.attribute = a.name "
									   "LEFT JOIN pg_catalog.pg_attribute c "
									   "ON c.attrelid = pg_catalog.to_regclass('customer_data.customer') "
									   "AND c.attname = a.name AND NOT c.attisdropped "
									   "ORDER BY a.ordinal DESC", 0, NULL);

		SPI_keepplan(made);
		rules = made;
	}
	SPI_execute_plan(rules, NULL, NULL, true, 0);
	config->n = SPI_processed == 0 ? 0 : atoi(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	config->attribute = MemoryContextAllocZero(context, sizeof(CdSurvivor) * (config->n + 1));
	config->free_fill = MemoryContextAllocZero(context, sizeof(bool) * (config->n + 2));
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		CdSurvivor  *a = &config->attribute[atoi(SPI_getvalue(row, desc, 1))];
		char	   *rule = SPI_getvalue(row, desc, 2);
		char	   *type = SPI_getvalue(row, desc, 3);
		int			r;

		for (r = 0; rule_name[r] != NULL && strcmp(rule_name[r], rule) != 0; r++)
			;
		a->rule = rule_name[r] == NULL ? CD_MOST_RECENT : (CdRule) r;
		a->kind = strcmp(type, "date") == 0 ? CD_KIND_DATE :
			strncmp(type, "timestamp", 9) == 0 ? CD_KIND_MOMENT :
			strcmp(type, "text") == 0 || strcmp(type, "boolean") == 0 ? CD_KIND_TEXT : CD_KIND_NUMBER;
		a->group = atoi(SPI_getvalue(row, desc, 4));
		a->standard = SPI_getvalue(row, desc, 5)[0] == 't';
		a->used = SPI_getvalue(row, desc, 7)[0] == 't';
		config->ngroups = Max(config->ngroups, a->group);
		if (a->group > 0)
			config->free_fill[a->group] = SPI_getvalue(row, desc, 6)[0] == 't';
	}
	SPI_finish();
	return config;
}

/* to_moment(text) → timestamptz: NULL where the text is no moment. */
PG_FUNCTION_INFO_V1(cd_to_moment);
Datum
cd_to_moment(PG_FUNCTION_ARGS)
{
	TimestampTz moment;

	if (!cd_parse_moment(text_to_cstring(PG_GETARG_TEXT_PP(0)), &moment))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(moment);
}

/* Write a date as ISO; NULL where the text holds none. */
static char *
iso_date(const char *str)
{
	int			y,
				m,
				d;
	char		rest;
	TimestampTz moment;
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;

	if (sscanf(str, "%4d-%2d-%2d%c", &y, &m, &d, &rest) == 3)
	{
		if (y < 1 || m < 1 || m > 12 || d < 1 || d > day_tab[isleap(y)][m - 1])
			return NULL;
		return psprintf("%04d-%02d-%02d", y, m, d);
	}
	if (!cd_parse_moment(str, &moment) || TIMESTAMP_NOT_FINITE(moment) ||
		timestamp2tm(moment, &tz, &tm, &fsec, NULL, NULL) != 0 || tm.tm_year < 1)
		return NULL;
	return psprintf("%04d-%02d-%02d", tm.tm_year, tm.tm_mon, tm.tm_mday);
}

/* Take an array of texts apart into C strings by ordinal. */
static char **
texts(ArrayType *array, int n)
{
	char	  **result = palloc0(sizeof(char *) * (n + 1));
	Datum	   *value;
	bool	   *isnull;
	int			count,
				i;

	if (array == NULL)
		return result;
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &value, &isnull, &count);
	for (i = 0; i < count && i < n; i++)
		if (!isnull[i])
			result[i + 1] = TextDatumGetCString(value[i]);
	return result;
}

/* Take a record apart: what would become golden, what equality looks at. */
static void
take_apart(const CdGoldenConfig *config, const CdGoldenEntry *entry, Parts *parts)
{
	char	  **given = texts(entry->given, config->n);
	char	  **standard = texts(entry->standard, config->n);
	int			nissues = 0;
	int16	   *issues = NULL;
	int			o;

	if (entry->issue != NULL && ARR_NDIM(entry->issue) == 1 && !ARR_HASNULL(entry->issue))
	{
		nissues = ARR_DIMS(entry->issue)[0];
		issues = (int16 *) PLAIN_ARRAY_DATA(entry->issue);
	}
	parts->entry = entry;
	parts->value = palloc0(sizeof(char *) * (config->n + 1));
	parts->form = palloc0(sizeof(char *) * (config->n + 1));
	parts->doubtful = palloc0(sizeof(bool) * (config->n + 1));
	parts->filled = 0;
	for (o = 1; o <= config->n; o++)
	{
		const CdSurvivor *a = &config->attribute[o];
		TimestampTz moment;

		/* n/a, 1900-01-01, test@...: nothing that can be known of anybody */
		if (given[o] == NULL || !a->used ||
			(standard[o] == NULL && o <= nissues && issues[o - 1] != 0 && issues[o - 1] != CD_ISSUE_UNKNOWN_CODE))
			continue;
		parts->value[o] = a->standard && standard[o] != NULL ? standard[o] : given[o];
		if (a->kind == CD_KIND_DATE)
		{
			parts->value[o] = standard[o] != NULL ? iso_date(standard[o]) : NULL;
			if (parts->value[o] == NULL)
				parts->value[o] = iso_date(given[o]);
		}
		else if (a->kind == CD_KIND_MOMENT)
		{
			/* a moment only systems fill in, or none, has no standard form */
			parts->value[o] = standard[o];
			if (standard[o] != NULL && !cd_parse_moment(standard[o], &moment))
				parts->value[o] = NULL;
		}
		if (parts->value[o] == NULL)
			continue;
		parts->form[o] = standard[o] != NULL ? standard[o] : parts->value[o];
		parts->doubtful[o] = o <= nissues && issues[o - 1] != 0;
		parts->filled++;
	}
}

/* Order two values of an attribute: numbers and moments by what they mean. */
static int
compare_values(const CdSurvivor *a, const char *x, const char *y)
{
	if (a->kind == CD_KIND_MOMENT)
	{
		TimestampTz tx = 0,
					ty = 0;

		(void) cd_parse_moment(x, &tx);
		(void) cd_parse_moment(y, &ty);
		return tx < ty ? -1 : tx > ty;
	}
	if (a->kind == CD_KIND_NUMBER)
	{
		double		dx = strtod(x, NULL),
					dy = strtod(y, NULL);

		return dx < dy ? -1 : dx > dy;
	}
	return strcmp(x, y);
}

/* Rank by who gave the value: negative where the first record is better. */
static int
compare_records(CdRule rule, const Parts *x, const Parts *y)
{
	const CdGoldenEntry *ex = x->entry;
	const CdGoldenEntry *ey = y->entry;

	if (rule == CD_MOST_COMPLETE && x->filled != y->filled)
		return y->filled - x->filled;
	if (rule == CD_EARLIEST && ex->changed_at != ey->changed_at)
		return ex->changed_at < ey->changed_at ? -1 : 1;
	if (rule == CD_MOST_RECENT && ex->changed_at != ey->changed_at)
		return ex->changed_at > ey->changed_at ? -1 : 1;
	if (ex->trust != ey->trust)
		return ey->trust - ex->trust;
	if (ex->changed_at != ey->changed_at)
		return ex->changed_at > ey->changed_at ? -1 : 1;
	return 0;
}

/* Count the records that give the same form. */
static int
frequency(const Parts *parts, int n, const char *form, int o)
{
	int			count = 0;
	int			i;

	for (i = 0; i < n; i++)
		if (parts[i].form[o] != NULL && strcmp(parts[i].form[o], form) == 0)
			count++;
	return count;
}

/* Choose the record whose value of one attribute survives; -1: none has it. */
static int
choose(const CdGoldenConfig *config, const Parts *parts, int n, int o)
{
	const CdSurvivor *a = &config->attribute[o];
	int			best = -1;
	int			best_frequency = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		int			d;
		int			f;

		if (parts[i].value[o] == NULL)
			continue;
		f = a->rule == CD_MOST_FREQUENT ? frequency(parts, n, parts[i].form[o], o) : 0;
		if (best < 0)
			d = -1;
		else if (parts[i].doubtful[o] != parts[best].doubtful[o])
			d = parts[i].doubtful[o] ? 1 : -1;
		else
		{
			d = 0;
			if (a->rule == CD_MOST_FREQUENT)
				d = best_frequency - f;
			else if (a->rule == CD_LONGEST)
				d = pg_mbstrlen(parts[best].value[o]) - pg_mbstrlen(parts[i].value[o]);
			else if (a->rule == CD_MINIMUM || a->rule == CD_MAXIMUM)
				d = compare_values(a, parts[i].value[o], parts[best].value[o]) *
					(a->rule == CD_MINIMUM ? 1 : -1);
			if (d == 0)
				d = compare_records(a->rule, &parts[i], &parts[best]);
			if (d == 0)
				d = (int) strlen(parts[best].value[o]) - (int) strlen(parts[i].value[o]);
			if (d == 0)
				d = parts[i].entry->record_id < parts[best].entry->record_id ? -1 : 1;
		}
		if (d < 0)
		{
			best = i;
			best_frequency = f;
		}
	}
	return best;
}

/* Count a record's parts of a group, and their length. */
static int
group_filled(const CdGoldenConfig *config, const Parts *parts, int group, int *length)
{
	int			filled = 0;
	int			o;

	*length = 0;
	for (o = 1; o <= config->n; o++)
		if (config->attribute[o].group == group && parts->value[o] != NULL)
		{
			filled++;
			*length += strlen(parts->value[o]);
		}
	return filled;
}

/* True if nothing that both records give of a group differs. */
static bool
group_agrees(const CdGoldenConfig *config, const Parts *x, const Parts *y, int group)
{
	int			common = 0;
	int			o;

	for (o = 1; o <= config->n; o++)
	{
		if (config->attribute[o].group != group || x->form[o] == NULL || y->form[o] == NULL)
			continue;
		if (strcmp(x->form[o], y->form[o]) != 0)
			return false;
		common++;
	}
	return common > 0 || config->free_fill[group];
}

/*
 * Choose the record that a group survives from.  A record that holds less
 * than half of what the fullest one holds does not stand for the group.
 */
static int
choose_group(const CdGoldenConfig *config, const Parts *parts, int n, int group)
{
	int			fullest = 0;
	int			best = -1;
	int			best_filled = 0;
	int			best_length = 0;
	int			length;
	CdRule		rule = CD_MOST_RECENT;
	int			i,
				o;

	for (o = config->n; o > 0; o--)
		if (config->attribute[o].group == group)
			rule = config->attribute[o].rule;
	for (i = 0; i < n; i++)
		fullest = Max(fullest, group_filled(config, &parts[i], group, &length));
	for (i = 0; i < n; i++)
	{
		int			filled = group_filled(config, &parts[i], group, &length);
		int			d;

		if (filled == 0 || filled * 2 < fullest)
			continue;
		if (best < 0)
			d = -1;
		else
		{
			d = 0;
			if (rule == CD_LONGEST)
				d = best_length - length;
			else if (rule == CD_MOST_COMPLETE)
				d = best_filled - filled;
			else if (rule == CD_MOST_FREQUENT)
			{
				int			j,
							agree = 0,
							best_agree = 0;

				for (j = 0; j < n; j++)
				{
					agree += group_agrees(config, &parts[i], &parts[j], group);
					best_agree += group_agrees(config, &parts[best], &parts[j], group);
				}
				d = best_agree - agree;
			}
			if (d == 0)
				d = compare_records(rule, &parts[i], &parts[best]);
			if (d == 0)
				d = best_filled - filled;
			if (d == 0)
				d = best_length - length;
			if (d == 0)
				d = parts[i].entry->record_id < parts[best].entry->record_id ? -1 : 1;
		}
		if (d < 0)
		{
			best = i;
			best_filled = filled;
			best_length = length;
		}
	}
	return best;
}

/* Fill the parts of a group: the winner's, completed by who agrees with it. */
static void
settle_group(const CdGoldenConfig *config, const Parts *parts, int n, int group, int *winner)
{
	int			best = choose_group(config, parts, n, group);
	Parts	   *agreeing;
	int		   *from;
	int			count = 0;
	int			i,
				o;

	if (best < 0)
		return;
	agreeing = palloc(sizeof(Parts) * n);
	from = palloc(sizeof(int) * n);
	for (i = 0; i < n; i++)
		if (i != best && group_agrees(config, &parts[best], &parts[i], group))
		{
			agreeing[count] = parts[i];
			from[count++] = i;
		}
	for (o = 1; o <= config->n; o++)
	{
		int			w;

		if (config->attribute[o].group != group)
			continue;
		if (parts[best].value[o] != NULL)
			winner[o] = best;
		else if ((w = choose(config, agreeing, count, o)) >= 0)
			winner[o] = from[w];
	}
}

/* Does a name begin with a Chinese character? */
static bool
begins_with_han(const char *name)
{
	pg_wchar	c = utf8_to_unicode((const unsigned char *) name);

	return (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

/*
 * Compose the full name that no record gives: "given family", or family name
 * first and no space between for Chinese characters.
 */
static void
compose_name(const CdGoldenConfig *config, Parts *parts, int *winner)
{
	const char *given;
	const char *family;
	Parts	   *from;

	if (config->n < ORDINAL_FAMILY_NAME || !config->attribute[ORDINAL_FULL_NAME].used ||
		winner[ORDINAL_FULL_NAME] >= 0 ||
		(winner[ORDINAL_GIVEN_NAME] < 0 && winner[ORDINAL_FAMILY_NAME] < 0))
		return;
	given = winner[ORDINAL_GIVEN_NAME] < 0 ? NULL : parts[winner[ORDINAL_GIVEN_NAME]].value[ORDINAL_GIVEN_NAME];
	family = winner[ORDINAL_FAMILY_NAME] < 0 ? NULL : parts[winner[ORDINAL_FAMILY_NAME]].value[ORDINAL_FAMILY_NAME];
	winner[ORDINAL_FULL_NAME] = winner[family != NULL ? ORDINAL_FAMILY_NAME : ORDINAL_GIVEN_NAME];
	from = &parts[winner[ORDINAL_FULL_NAME]];
	if (given == NULL || family == NULL)
		from->value[ORDINAL_FULL_NAME] = pstrdup(given == NULL ? family : given);
	else if (begins_with_han(family) && begins_with_han(given))
		from->value[ORDINAL_FULL_NAME] = psprintf("%s%s", family, given);
	else
		from->value[ORDINAL_FULL_NAME] = psprintf("%s %s", given, family);
}

/*
 * Choose what survives of a customer's records: by ordinal, from 1 to
 * config->n, the value (NULL: none) and the record that gave it.  Answers the
 * last ordinal that has one.  Values live in the current memory context.
 */
int
cd_golden_choose(const CdGoldenConfig *config, const CdGoldenEntry *entry, int n, char **value, int64 *record)
{
	Parts	   *parts = palloc(sizeof(Parts) * Max(n, 1));
	int		   *winner = palloc(sizeof(int) * (config->n + 1));
	int			last = 0;

	for (int i = 0; i < n; i++)
		take_apart(config, &entry[i], &parts[i]);
	for (int o = 0; o <= config->n; o++)
		winner[o] = -1;
	for (int i = 1; i <= config->ngroups; i++)
		settle_group(config, parts, n, i, winner);
	for (int o = 1; o <= config->n; o++)
	{
		if (config->attribute[o].group == 0 && config->attribute[o].used)
			winner[o] = choose(config, parts, n, o);
	}
	compose_name(config, parts, winner);
	for (int o = 1; o <= config->n; o++)
	{
		value[o] = winner[o] < 0 ? NULL : parts[winner[o]].value[o];
		record[o] = winner[o] < 0 ? 0 : parts[winner[o]].entry->record_id;
		if (winner[o] >= 0)
			last = o;
	}
	return last;
}

/* golden final: (values text[], records bigint[]) by attribute ordinal. */
PG_FUNCTION_INFO_V1(cd_golden_final);
Datum
cd_golden_final(PG_FUNCTION_ARGS)
{
	CdGoldenConfig *config = (CdGoldenConfig *) fcinfo->flinfo->fn_extra;
	State	   *state;
	char	  **value;
	int64	   *record;
	int			last;
	Datum	   *values;
	Datum	   *records;
	bool	   *nulls;
	int			dims[1];
	int			lbs[1] = {1};
	Datum		row[2];
	bool		row_nulls[2] = {false, false};
	TupleDesc	desc;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("golden is called in a context that cannot accept a row")));
	if (config == NULL)
		fcinfo->flinfo->fn_extra = config = cd_golden_config(fcinfo->flinfo->fn_mcxt);
	state = (State *) PG_GETARG_POINTER(0);
	value = palloc(sizeof(char *) * (config->n + 1));
	record = palloc(sizeof(int64) * (config->n + 1));
	last = cd_golden_choose(config, state->entry, state->n, value, record);
	values = palloc0(sizeof(Datum) * Max(last, 1));
	records = palloc0(sizeof(Datum) * Max(last, 1));
	nulls = palloc0(sizeof(bool) * Max(last, 1));
	for (int o = 1; o <= last; o++)
	{
		nulls[o - 1] = value[o] == NULL;
		if (value[o] != NULL)
		{
			values[o - 1] = CStringGetTextDatum(value[o]);
			records[o - 1] = Int64GetDatum(record[o]);
		}
	}
	dims[0] = last;
	row[0] = PointerGetDatum(last == 0 ? construct_empty_array(TEXTOID) :
							 construct_md_array(values, nulls, 1, dims, lbs, TEXTOID, -1, false, TYPALIGN_INT));
	row[1] = PointerGetDatum(last == 0 ? construct_empty_array(INT8OID) :
							 construct_md_array(records, nulls, 1, dims, lbs, INT8OID, sizeof(int64),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), row, row_nulls)));
}

/* The plan that writes the golden rows of some customers, until customer changes its shape. */
static SPIPlanPtr write_plan = NULL;
static Oid	write_table = InvalidOid;
static bool write_stale = true;

/* customer has another column, or is another table. */
static void
forget_write_plan(Datum arg, Oid relid)
{
	if (relid == write_table || relid == InvalidOid)
		write_stale = true;
}

/* write_golden_rows(customers bigint[]): write the golden rows of these customers. */
PG_FUNCTION_INFO_V1(cd_write_golden_rows);
Datum
cd_write_golden_rows(PG_FUNCTION_ARGS)
{
	Datum		customers = PG_GETARG_DATUM(0);
	static bool watching = false;

	if (!watching)
	{
		CacheRegisterRelcacheCallback(forget_write_plan, (Datum) 0);
		watching = true;
	}
	SPI_connect();
	if (write_stale || write_plan == NULL)
	{
		Oid			type = INT8ARRAYOID;
		SPIPlanPtr	made;
		SPIPlanPtr	old = write_plan;
		bool		isnull;

		write_stale = false;
		write_plan = NULL;
		if (old != NULL)
			SPI_freeplan(old);
		SPI_execute("SELECT 'customer_data.customer'::pg_catalog.regclass::pg_catalog.oid, customer_data.golden_query(true)", true, 1);
		write_table = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
		made = SPI_prepare(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2), 1, &type);
		SPI_keepplan(made);
		write_plan = made;
	}
	SPI_execute_plan(write_plan, &customers, NULL, false, 0);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * first_come(a, b) → boolean[]: go through the pairs in order and accept each
 * whose two sides are both still free.
 */
PG_FUNCTION_INFO_V1(cd_first_come);
Datum
cd_first_come(PG_FUNCTION_ARGS)
{
	ArrayType  *side[2] = {PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_ARRAYTYPE_P(1)};
	int			n = ArrayGetNItems(ARR_NDIM(side[0]), ARR_DIMS(side[0]));
	HTAB	   *taken[2];
	HASHCTL		control = {.keysize = sizeof(int64), .entrysize = sizeof(int64)};
	Datum	   *accepted;
	int			i,
				s;

	if (n != ArrayGetNItems(ARR_NDIM(side[1]), ARR_DIMS(side[1])) ||
		ARR_HASNULL(side[0]) || ARR_HASNULL(side[1]))
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("both arrays must have the same length and no NULL")));
	control.hcxt = CurrentMemoryContext;
	for (s = 0; s < 2; s++)
		taken[s] = hash_create("customer_data pairs", Max(n, 16), &control,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	accepted = palloc(sizeof(Datum) * Max(n, 1));
	for (i = 0; i < n; i++)
	{
		int64	   *key[2];
		bool		found[2];

		for (s = 0; s < 2; s++)
		{
			key[s] = (int64 *) PLAIN_ARRAY_DATA(side[s]) + i;
			(void) hash_search(taken[s], key[s], HASH_FIND, &found[s]);
		}
		accepted[i] = BoolGetDatum(!found[0] && !found[1]);
		if (!found[0] && !found[1])
			for (s = 0; s < 2; s++)
				(void) hash_search(taken[s], key[s], HASH_ENTER, &found[s]);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(accepted, n, BOOLOID, 1, true, TYPALIGN_CHAR));
}
