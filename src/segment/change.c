/*
 * change.c
 *		What could be changed about a customer so that a part of a condition
 *		turns: tried one by one, the smallest first.
 *
 * The constants of the part say what is worth trying: the value compared
 * with, windows of time, event patterns, tags, other segments.  Nothing is
 * proposed that has not been evaluated.
 */
#include "postgres.h"

#include "run_as.h"
#include "portrait/evaluate.h"
#include "segment/example.h"
#include "segment/explain.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#define MAX_TIMES	16
#define MAX_NUMBERS	12
#define MAX_COUNTS	16

/* The constants of a leaf, and what else guides the search. */
typedef struct Guide
{
	CdExplain  *explain;
	CdPart	   *part;
	const CdState *state;
	CdChange   *before;			/* what has been changed in that state */
	CdChange   *tried;			/* the last change tried */
	int			limit;
	List	   *found;			/* of CdChange */
	List	   *patterns;		/* of struct varlena */
	List	   *words;			/* text constants */
	List	   *spans;			/* of Interval */
	int			nnumbers;
	double		numbers[MAX_NUMBERS];
	int			ntimes;
	TimestampTz times[MAX_TIMES];
	Oid			pattern_type;
} Guide;

/* Add a number once. */
static void
add_number(Guide *guide, double number)
{
	int			i;

	for (i = 0; i < guide->nnumbers; i++)
		if (guide->numbers[i] == number)
			return;
	if (guide->nnumbers < MAX_NUMBERS && number == number)
		guide->numbers[guide->nnumbers++] = number;
}

/* Add a moment once. */
static void
add_time(Guide *guide, TimestampTz at)
{
	int			i;

	/* Full seconds read better. */
	at -= ((at % USECS_PER_SEC) + USECS_PER_SEC) % USECS_PER_SEC;
	for (i = 0; i < guide->ntimes; i++)
		if (guide->times[i] == at)
			return;
	if (guide->ntimes < MAX_TIMES && IS_VALID_TIMESTAMP(at))
		guide->times[guide->ntimes++] = at;
}

bool
cd_number_of(Oid type, Datum value, double *number)
{
	switch (type)
	{
		case INT2OID:
			*number = DatumGetInt16(value);
			return true;
		case INT4OID:
			*number = DatumGetInt32(value);
			return true;
		case INT8OID:
			*number = (double) DatumGetInt64(value);
			return true;
		case FLOAT4OID:
			*number = DatumGetFloat4(value);
			return true;
		case FLOAT8OID:
			*number = DatumGetFloat8(value);
			return true;
		case NUMERICOID:
			*number = DatumGetFloat8(DirectFunctionCall1(numeric_float8, value));
			return true;
		default:
			return false;
	}
}

/* A moment of any type; false where a type is none. */
static bool
moment_of(Oid type, Datum value, TimestampTz *at)
{
	switch (type)
	{
		case TIMESTAMPTZOID:
			*at = DatumGetTimestampTz(value);
			break;
		case TIMESTAMPOID:
			*at = DatumGetTimestampTz(DirectFunctionCall1(timestamp_timestamptz, value));
			break;
		case DATEOID:
			if (DATE_NOT_FINITE(DatumGetDateADT(value)))
				return false;
			*at = DatumGetTimestampTz(DirectFunctionCall1(date_timestamptz, value));
			break;
		default:
			return false;
	}
	return !TIMESTAMP_NOT_FINITE(*at);
}

/* Collect what a constant says. */
static void
take_constant(Guide *guide, Oid type, Datum value)
{
	Oid			element = get_element_type(type);
	double		number;
	TimestampTz at;

	if (OidIsValid(element))
	{
		ArrayType  *array = DatumGetArrayTypeP(value);
		int16		length;
		bool		byval;
		char		align;
		Datum	   *values;
		bool	   *nulls;
		int			n,
					i;

		get_typlenbyvalalign(element, &length, &byval, &align);
		deconstruct_array(array, element, length, byval, align, &values, &nulls, &n);
		for (i = 0; i < n && i < 8; i++)
			if (!nulls[i])
				take_constant(guide, element, values[i]);
	}
	else if (type == guide->pattern_type)
		guide->patterns = lappend(guide->patterns, PG_DETOAST_DATUM_COPY(value));
	else if (type == TEXTOID || type == VARCHAROID || type == BPCHAROID)
		guide->words = lappend(guide->words, TextDatumGetCString(value));
	else if (type == INTERVALOID)
		guide->spans = lappend(guide->spans, DatumGetIntervalP(value));
	else if (cd_number_of(type, value, &number))
		add_number(guide, number);
	else if (moment_of(type, value, &at))
	{
		add_time(guide, at + USECS_PER_HOUR);
		add_time(guide, at - USECS_PER_HOUR);
		add_time(guide, at);
	}
}

static bool
constant_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const))
	{
		if (!((Const *) node)->constisnull)
			take_constant(arg, ((Const *) node)->consttype, ((Const *) node)->constvalue);
		return false;
	}
	return expression_tree_walker(node, constant_walker, arg);
}

/* Collect what the constants of the leaf say; working them out is done as its owner. */
static void
take_constants(void *arg)
{
	Guide	   *guide = arg;
	const CdAsked *asked = guide->part->asked;
	Node	   *tree = (Node *) asked->condition->expr;
	CdExpression uses = {0};
	CdRunAs		save;
	ListCell   *path;
	ListCell   *word;

	cd_run_as_begin(asked->owner, asked->time_zone, &save);
	(void) constant_walker(eval_const_expressions(NULL, copyObject(tree)), guide);
	/* Tags that a query names are words, too; * stands for any. */
	cd_find_uses(&uses, tree, RelationGetRelid(guide->explain->run.profile));
	foreach(path, uses.tag_paths)
	{
		foreach(word, guide->words)
			if (strcmp(lfirst(word), lfirst(path)) == 0)
				break;
		if (word == NULL && strcmp(lfirst(path), "*") != 0)
			guide->words = lappend(guide->words, lfirst(path));
	}
	cd_run_as_end(&save);
}

/* Derive the moments worth trying from windows, numbers of days, and columns. */
static void
take_times(Guide *guide)
{
	CdRun	   *run = &guide->explain->run;
	TimestampTz now = run->now;
	TimestampTz at;
	ListCell   *cell;
	int			i;

	add_time(guide, now - USECS_PER_MINUTE);
	foreach(cell, guide->spans)
	{
		Interval   *span = lfirst(cell);
		int64		length = span->time + (span->day + (int64) span->month * DAYS_PER_MONTH) * USECS_PER_DAY;

		add_time(guide, now - length / 2);
		add_time(guide, now - length - USECS_PER_DAY);
		add_time(guide, now - 2 * length);
	}
	for (i = 0; i < guide->nnumbers; i++)
		if (guide->numbers[i] > 0 && guide->numbers[i] < 20000)
		{
			add_time(guide, now - (int64) (guide->numbers[i] / 2 * USECS_PER_DAY));
			add_time(guide, now - (int64) ((guide->numbers[i] + 1.5) * USECS_PER_DAY));
		}
	for (i = 0; i < run->nfetched; i++)
		if (bms_is_member(run->fetched[i], guide->part->asked->condition->columns) && !guide->state->nulls[i] &&
			moment_of(TupleDescAttr(RelationGetDescr(run->profile), run->fetched[i] - 1)->atttypid, guide->state->values[i], &at))
		{
			add_time(guide, at + USECS_PER_HOUR);
			add_time(guide, at - USECS_PER_HOUR);
		}
}

/* Evaluate the leaf as changed; keep the change if it does. */
static bool
consider(Guide *guide, CdChange *change)
{
	CdExplain  *explain = guide->explain;
	CdChange   *kept;

	CHECK_FOR_INTERRUPTS();
	guide->tried = NULL;
	if (explain->budget-- <= 0)
		return false;
	cd_ask_part(explain, guide->part, cd_changed_state(explain, guide->state, change));
	kept = palloc(sizeof(CdChange));
	*kept = *change;
	kept->before = guide->before;
	guide->tried = kept;
	if (guide->part->fault != NULL || !cd_is_wanted(guide->part->truth, guide->part->want))
		return false;
	guide->found = lappend(guide->found, kept);
	return true;
}

static bool
enough(Guide *guide)
{
	return list_length(guide->found) >= guide->limit || guide->explain->budget <= 0;
}

/* What a step run in a subtransaction works on. */
typedef struct Step
{
	CdExplain  *explain;
	SPIPlanPtr	plan;
	Datum	   *args;
	const char *nulls;
	Oid			type;			/* for text input */
	int32		typmod;
	char	   *text;
	Datum		result;
	bool		isnull;
} Step;

/* Run a prepared query of one value. */
static void
run_step(void *arg)
{
	Step	   *step = arg;

	if (SPI_execute_plan(step->plan, step->args, step->nulls, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("could not assume a change")));
	step->result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &step->isnull);
	if (!step->isnull)
		step->result = PointerGetDatum(PG_DETOAST_DATUM_COPY(step->result));
	SPI_freetuptable(SPI_tuptable);
}

/* Read a text as a value of a type. */
static void
input_step(void *arg)
{
	Step	   *step = arg;
	Oid			input,
				param;

	getTypeInputInfo(step->type, &input, &param);
	step->result = OidInputFunctionCall(input, step->text, param, step->typmod);
	step->isnull = false;
}

/* The place of a column among those fetched, -1 if the leaf does not read it. */
static int
place_of(Guide *guide, const char *name)
{
	CdRun	   *run = &guide->explain->run;
	int			i;

	for (i = 0; i < run->nfetched; i++)
		if (bms_is_member(run->fetched[i], guide->part->asked->condition->columns) &&
			strcmp(NameStr(TupleDescAttr(RelationGetDescr(run->profile), run->fetched[i] - 1)->attname), name) == 0)
			return i;
	return -1;
}

/* "2 events purchase", "the event purchase" */
static char *
events_in_words(int times, const char *pattern)
{
	return times == 1 ? psprintf("one event %s", pattern) : psprintf("%d events %s", times, pattern);
}

/* An event as JSON. */
static char *
event_json(const CdExample *example, const char *properties)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"kind\": ");
	escape_json(&buf, example->kind);
	if (example->has_value)
		appendStringInfo(&buf, ", \"value\": %.15g", example->value);
	if (example->has_quantity)
		appendStringInfo(&buf, ", \"quantity\": %.15g", example->quantity);
	if (strcmp(properties, "{}") != 0)
		appendStringInfo(&buf, ", \"properties\": %s", properties);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/* The JSON object with one more property, where it has no such one yet. */
static char *
with_property(const char *json, const char *name, const char *value, bool number)
{
	StringInfoData buf,
				quoted;

	initStringInfo(&quoted);
	escape_json(&quoted, name);
	if (strstr(json, psprintf("%s: ", quoted.data)) != NULL)
		return pstrdup(json);
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, json, strlen(json) - 1);
	appendStringInfo(&buf, "%s%s: ", strlen(json) > 2 ? ", " : "", quoted.data);
	if (number)
		appendStringInfoString(&buf, value);
	else
		escape_json(&buf, value);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/* Add so many events at a moment and before, "every" apart; does that do it? */
static bool
try_adding(Guide *guide, int place, struct varlena *pattern, const char *name, const CdExample *example,
		   const char *properties, bool numbered, TimestampTz at, int64 every, int times)
{
	CdExplain  *explain = guide->explain;
	CdChange	change = {0};
	Step		step = {0};
	Datum		args[9];
	char		nulls[9] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
	Interval   *gap = palloc0(sizeof(Interval));
	Datum	   *words = palloc(sizeof(Datum) * Max(1, list_length(guide->words)));
	int			nwords = 0;
	ListCell   *cell;
	ErrorData  *error;

	gap->time = every;
	if (numbered)
		foreach(cell, guide->words)
			words[nwords++] = CStringGetTextDatum(lfirst(cell));
	args[0] = guide->state->values[place];
	args[1] = TimestampTzGetDatum(at);
	args[2] = IntervalPGetDatum(gap);
	args[3] = CStringGetTextDatum(example->kind);
	args[4] = Float8GetDatum(example->value);
	nulls[4] = example->has_value ? ' ' : 'n';
	args[5] = Float8GetDatum(example->quantity);
	nulls[5] = example->has_quantity ? ' ' : 'n';
	args[6] = CStringGetTextDatum(properties);
	args[7] = PointerGetDatum(construct_array(words, nwords, TEXTOID, -1, false, TYPALIGN_INT));
	args[8] = Int32GetDatum(times);
	step.plan = explain->add_events;
	step.args = args;
	step.nulls = nulls;
	if (!cd_attempt(run_step, &step, &error) || step.isnull)
		return false;
	change.what = "add";
	change.subject = name;
	if (numbered)
		foreach(cell, guide->words)
			properties = with_property(properties, lfirst(cell), "new", false);
	change.value = event_json(example, properties);
	change.at = at;
	change.times = times;
	change.every = times > 1 ? gap : NULL;
	change.place = place;
	change.datum = step.result;
	change.words = psprintf("add %s%s at %s", events_in_words(times, name),
							example->has_value ? psprintf(" of %.15g", example->value) :
							example->has_quantity ? psprintf(" of quantity %.15g", example->quantity) : "",
							DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(at))));
	if (times > 1)
		change.words = psprintf("%s and %s", change.words, every >= USECS_PER_DAY ? "on the days before" : "just before");
	if (numbered && nwords > 0)
		change.words = psprintf("%s, of different %s", change.words, (char *) linitial(guide->words));
	else if (strcmp(properties, "{}") != 0 && strcmp(properties, example->properties) != 0)
		change.words = psprintf("%s with %s", change.words, properties);
	return consider(guide, &change);
}

/* How many events, at most so many, at a moment turn the leaf; the fewest. */
static bool
try_counts(Guide *guide, int place, struct varlena *pattern, const char *name, const CdExample *example,
		   const char *properties, bool numbered, double actual)
{
	int			counts[MAX_COUNTS];
	int			ncounts = 0;
	int			i,
				k,
				t;

	for (i = 1; i <= 3; i++)
		counts[ncounts++] = i;
	for (i = 0; i < guide->nnumbers && ncounts + 5 <= MAX_COUNTS; i++)
	{
		double		missing = guide->numbers[i] - actual;

		for (k = 0; k < 2; k++, missing += 1)
			if (missing > 3 && missing <= 200)
				counts[ncounts++] = (int) (missing + 0.999);
	}
	for (i = 5; i <= 20; i *= 2)
		counts[ncounts++] = i;
	for (i = 0; i < ncounts; i++)
		for (k = 0; k < (counts[i] > 1 ? 2 : 1); k++)
			for (t = 0; t < guide->ntimes; t++)
				if (guide->times[t] <= guide->explain->run.now &&
					try_adding(guide, place, pattern, name, example, properties, numbered, guide->times[t],
							   k == 0 ? USECS_PER_SEC : USECS_PER_DAY, counts[i]))
					return true;
	return false;
}

/* Add events that a pattern means. */
static void
try_pattern(Guide *guide, int place, struct varlena *pattern, const char *name)
{
	CdExample	example;
	double		actual = 0;
	int			which;
	int			i;

	(void) cd_operand_number(guide->explain, guide->part, guide->state, &actual);
	for (which = 0; which < 2 && !enough(guide) && cd_example_event(pattern, which, &example); which++)
	{
		CdExample	valued = example;
		ListCell   *a,
				   *b;

		if (try_counts(guide, place, pattern, name, &example, example.properties, false, actual))
			continue;
		if (guide->words != NIL &&
			try_counts(guide, place, pattern, name, &example, example.properties, true, actual))
			continue;
		/* A property named in the part, with a value named in it. */
		foreach(a, guide->words)
		{
			foreach(b, guide->words)
				if (lfirst(a) != lfirst(b) && !enough(guide))
					(void) try_counts(guide, place, pattern, name, &example,
									  with_property(example.properties, lfirst(a), lfirst(b), false), false, actual);
		}
		/* Events that weigh as much as is missing. */
		for (i = 0; i < guide->nnumbers * 6 && !enough(guide); i++)
		{
			double		number = guide->numbers[i / 6];
			char	   *properties = example.properties;

			valued.has_value = valued.has_quantity = true;
			valued.value = i % 6 == 0 ? number - actual + 1 : i % 6 == 1 ? number + 1 : i % 6 == 2 ? number - actual :
				i % 6 == 3 ? number * 20 + 1 : i % 6 == 4 ? actual - number + 1 : 0;
			/* Whole numbers read better, where the exact one does not matter. */
			valued.value = i % 6 == 2 ? rint(valued.value * 1e6) / 1e6 : ceil(valued.value);
			valued.quantity = valued.value;
			foreach(a, guide->words)
				properties = with_property(properties, lfirst(a), psprintf("%.15g", valued.value), true);
			if (try_counts(guide, place, pattern, name, &valued, properties, false, actual))
				break;
		}
	}
}

/* Take away the last events that a pattern means, as few as do it. */
static void
try_removing(Guide *guide, int place, struct varlena *pattern, const char *name)
{
	CdExplain  *explain = guide->explain;
	int			times;

	guide->tried = NULL;
	for (times = 1; times <= 13 && !enough(guide); times++)
	{
		CdChange	change = {0};
		Step		step = {0};
		Datum		args[3];
		ErrorData  *error;

		args[0] = guide->state->values[place];
		args[1] = PointerGetDatum(pattern);
		/* The thirteenth try takes all. */
		args[2] = Int32GetDatum(times > 12 ? PG_INT32_MAX : times);
		step.plan = explain->remove_events;
		step.args = args;
		if (!cd_attempt(run_step, &step, &error) || step.isnull)
			return;				/* there are fewer */
		change.what = "remove";
		change.subject = name;
		change.times = times > 12 ? 0 : times;
		change.place = place;
		change.datum = step.result;
		change.words = times > 12 ? psprintf("remove all events %s", name) :
			times == 1 ? psprintf("remove the last event %s", name) : psprintf("remove the last %d events %s", times, name);
		if (consider(guide, &change))
			return;
	}
}

/* A pattern as text. */
static char *
pattern_text(Guide *guide, struct varlena *pattern)
{
	Oid			output;
	bool		varlena;

	getTypeOutputInfo(guide->pattern_type, &output, &varlena);
	return OidOutputFunctionCall(output, PointerGetDatum(pattern));
}

/* Take events away, and add none. */
static void
try_removals(Guide *guide)
{
	int			place = place_of(guide, "events");
	ListCell   *cell;

	foreach(cell, place < 0 ? NIL : guide->patterns)
		if (!enough(guide))
			try_removing(guide, place, lfirst(cell), pattern_text(guide, lfirst(cell)));
}

/* Change what the customer did. */
static void
try_events(Guide *guide)
{
	int			place = place_of(guide, "events");
	ListCell   *cell;

	if (place < 0)
		return;
	foreach(cell, guide->patterns)
	{
		struct varlena *pattern = lfirst(cell);
		char	   *name = pattern_text(guide, pattern);

		if (!enough(guide))
			try_removing(guide, place, pattern, name);
		if (!enough(guide))
			try_pattern(guide, place, pattern, name);
	}
}

/* Set a column to something, given as text; NULL: to NULL. */
static bool
try_setting(Guide *guide, int place, char *text)
{
	CdRun	   *run = &guide->explain->run;
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(run->profile), run->fetched[place] - 1);
	CdChange	change = {0};
	ErrorData  *error;

	change.what = "set";
	change.subject = pstrdup(NameStr(attribute->attname));
	change.value = text;
	change.place = place;
	change.isnull = text == NULL;
	if (text != NULL)
	{
		Step		step = {0};

		step.type = attribute->atttypid;
		step.typmod = attribute->atttypmod;
		step.text = text;
		if (!cd_attempt(input_step, &step, &error))
			return false;
		change.datum = step.result;
	}
	change.words = psprintf("set %s to %s", quote_identifier(change.subject), text ? quote_literal_cstr(text) : "NULL");
	return consider(guide, &change);
}

/* A text that LIKE or a plain regular expression accepts. */
static char *
without_wildcards(const char *pattern)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (; *pattern; pattern++)
		if (*pattern == '_' || *pattern == '.')
			appendStringInfoChar(&buf, 'a');
		else if (strchr("%^$*+?()", *pattern) == NULL)
			appendStringInfoChar(&buf, *pattern);
	return buf.data;
}

/* A text of so many characters that is not taken for a placeholder. */
static char *
of_length(int length)
{
	static const char sample[] = "Brightwater";
	char	   *text = palloc(length + 1);
	int			i;

	for (i = 0; i < length; i++)
		text[i] = sample[i % (lengthof(sample) - 1)];
	text[length] = '\0';
	return text;
}

/* What is worth trying as a column's value. */
static List *
values_to_try(Guide *guide, int place)
{
	CdRun	   *run = &guide->explain->run;
	Oid			type = TupleDescAttr(RelationGetDescr(run->profile), run->fetched[place] - 1)->atttypid;
	List	   *texts = NIL;
	ListCell   *cell;
	int			i;
	TimestampTz at;
	double		number;

	if (type == BOOLOID)
		return list_make2("true", "false");
	if (moment_of(type, type == DATEOID ? DateADTGetDatum(0) : TimestampTzGetDatum(0), &at))
	{
		add_time(guide, run->now);
		add_time(guide, run->now + USECS_PER_DAY);
		/* Twenty years ago, for anniversaries, and a day that is none. */
		add_time(guide, DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(run->now),
			DirectFunctionCall3(interval_in, CStringGetDatum("20 years"), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)))));
		add_time(guide, run->now - 20 * 365 * USECS_PER_DAY - 182 * USECS_PER_DAY);
		for (i = 0; i < guide->ntimes; i++)
			texts = lappend(texts, type == DATEOID ?
							DatumGetCString(DirectFunctionCall1(date_out, DirectFunctionCall1(timestamptz_date, TimestampTzGetDatum(guide->times[i])))) :
							DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(guide->times[i]))));
		return texts;
	}
	if (cd_number_of(type, type == NUMERICOID ? DirectFunctionCall1(int4_numeric, Int32GetDatum(0)) :
				  type == FLOAT8OID ? Float8GetDatum(0) : type == FLOAT4OID ? Float4GetDatum(0) : Int32GetDatum(0), &number))
	{
		for (i = 0; i < guide->nnumbers; i++)
		{
			texts = lappend(texts, psprintf("%.15g", guide->numbers[i]));
			texts = lappend(texts, psprintf("%.15g", guide->numbers[i] + 1));
			texts = lappend(texts, psprintf("%.15g", guide->numbers[i] - 1));
		}
		return lappend(lappend(texts, "1"), "0");
	}
	foreach(cell, guide->words)
	{
		texts = lappend(texts, lfirst(cell));
		texts = lappend(texts, without_wildcards(lfirst(cell)));
	}
	for (i = 0; i < guide->nnumbers; i++)
	{
		/* As long as a length that is compared with. */
		if (guide->numbers[i] >= 1 && guide->numbers[i] < 100)
		{
			texts = lappend(texts, of_length((int) guide->numbers[i] + 1));
			texts = lappend(texts, of_length((int) guide->numbers[i]));
		}
	}
	return lappend(texts, "another");
}

/* Does the part read a column that can be set? */
static bool
is_settable(Guide *guide, int place)
{
	CdRun	   *run = &guide->explain->run;
	const char *name = NameStr(TupleDescAttr(RelationGetDescr(run->profile), run->fetched[place] - 1)->attname);

	return bms_is_member(run->fetched[place], guide->part->asked->condition->columns) &&
		strcmp(name, "customer_id") != 0 && strcmp(name, "events") != 0 && strcmp(name, "tags") != 0;
}

/* Change an attribute, or a metric that cannot be computed here. */
static void
try_columns(Guide *guide)
{
	CdRun	   *run = &guide->explain->run;
	int			place;

	for (place = 0; place < run->nfetched && !enough(guide); place++)
	{
		bool		done = false;
		ListCell   *cell;

		if (!is_settable(guide, place))
			continue;
		foreach(cell, values_to_try(guide, place))
			if (!done)
				done = try_setting(guide, place, lfirst(cell));
		if (!done)
			(void) try_setting(guide, place, NULL);
	}
}

/*
 * The tag to give for a path: the path itself, and for path.* one that is
 * defined below it, sooner one given by hand than one that a rule gives.
 * NULL where there is none.
 */
static char *
tag_to_give(Guide *guide, char *path)
{
	Step		step = {0};
	Datum		args[1];
	ErrorData  *error;

	if (strlen(path) < 2 || strcmp(path + strlen(path) - 2, ".*") != 0)
		return path;
	args[0] = PointerGetDatum(cstring_to_text_with_len(path, strlen(path) - 1));
	step.plan = guide->explain->tag_below;
	step.args = args;
	return cd_attempt(run_step, &step, &error) && !step.isnull ? TextDatumGetCString(step.result) : NULL;
}

/* Give the customer a tag, or take it away. */
static void
try_tags(Guide *guide)
{
	int			place = place_of(guide, "tags");
	ListCell   *cell;

	if (place < 0)
		return;
	foreach(cell, guide->words)
	{
		char	   *path = lfirst(cell);
		int			i;

		for (i = -1; i <= guide->nnumbers * 2 && !enough(guide); i++)
		{
			CdChange	change = {0};
			Step		step = {0};
			Datum		args[3];
			ErrorData  *error;
			double		score = i < 1 ? 1 : guide->numbers[(i - 1) / 2] + (i - 1) % 2;

			if (i == 0 && (path = tag_to_give(guide, path)) == NULL)
				break;
			args[0] = guide->state->values[place];
			args[1] = CStringGetTextDatum(path);
			args[2] = Float8GetDatum(score);
			step.plan = i < 0 ? guide->explain->remove_tag : guide->explain->set_tag;
			step.args = args;
			if (!cd_attempt(run_step, &step, &error) || step.isnull)
				continue;
			change.what = i < 0 ? "untag" : "tag";
			change.subject = path;
			change.value = i < 0 ? NULL : psprintf("%.15g", score);
			change.place = place;
			change.datum = step.result;
			change.words = i < 0 ? psprintf("remove tag %s", path) : psprintf("give tag %s the score %.15g", path, score);
			if (consider(guide, &change))
				break;
		}
	}
}

/* Enter or leave a segment that the part asks for. */
static void
try_segments(Guide *guide)
{
	CdRun	   *run = &guide->explain->run;
	int			i;

	for (i = 0; i < guide->part->asked->nneeds && !enough(guide); i++)
	{
		CdNeed	   *need = guide->part->asked->needs[i];
		CdChange	change = {0};
		bool		inside;

		change.segment = need->column - run->natts;
		inside = guide->state->inside[change.segment];
		change.what = inside ? "leave" : "enter";
		change.subject = need->name;
		change.place = -1;
		change.words = psprintf("%s segment \"%s\"", change.what, need->name);
		(void) consider(guide, &change);
	}
}

/* The same search from a state in which something has been changed already. */
static void
try_after(Guide *guide, CdChange *change, void (*search) (Guide *))
{
	Guide		next = *guide;

	next.state = cd_changed_state(guide->explain, guide->state, change);
	next.before = change;
	search(&next);
	guide->found = next.found;
}

/* One event of each pattern, in their order. */
static void
try_sequence(Guide *guide)
{
	int			place = place_of(guide, "events");
	int			left = list_length(guide->patterns);
	Guide		next = *guide;
	ListCell   *cell;

	if (place < 0 || left < 2)
		return;
	foreach(cell, guide->patterns)
	{
		struct varlena *pattern = lfirst(cell);
		CdExample	example;

		if (!cd_example_event(pattern, 0, &example) ||
			try_adding(&next, place, pattern, pattern_text(guide, pattern), &example, example.properties, false,
					   guide->explain->run.now - left-- * USECS_PER_MINUTE, USECS_PER_SEC, 1) ||
			next.tried == NULL)
			break;
		next.before = next.tried;
		next.state = cd_changed_state(guide->explain, next.state, next.before);
	}
	guide->found = next.found;
}

/* What one change does not do, two may. */
static void
try_twice(Guide *guide)
{
	CdRun	   *run = &guide->explain->run;
	int			events = place_of(guide, "events");
	ListCell   *cell;
	int			place;

	try_sequence(guide);
	foreach(cell, events < 0 ? NIL : guide->patterns)
	{
		if (enough(guide))
			return;
		try_removing(guide, events, lfirst(cell), pattern_text(guide, lfirst(cell)));
		if (guide->tried && !enough(guide))
		{
			CdChange   *all = guide->tried;

			try_after(guide, all, try_columns);
			if (!enough(guide))
				try_after(guide, all, try_events);
		}
	}
	for (place = 0; place < run->nfetched && guide->found == NIL; place++)
		if (is_settable(guide, place))
			foreach(cell, values_to_try(guide, place))
				if (guide->found == NIL && !try_setting(guide, place, lfirst(cell)) && guide->tried)
					try_after(guide, guide->tried, try_removals);
}

List *
cd_find_changes(CdExplain *explain, CdPart *part, const CdState *state, int limit)
{
	Guide		guide = {0};
	ErrorData  *error;
	ListCell   *cell;

	/* What a sub-select finds is not among what can be assumed. */
	if (part->asked->state == NULL)
		return NIL;
	guide.explain = explain;
	guide.part = part;
	guide.state = state;
	guide.limit = limit;
	guide.pattern_type = explain->pattern_type;
	if (!cd_attempt(take_constants, &guide, &error))
		return NIL;
	foreach(cell, part->asked->condition->thresholds)
		if (!((CdThreshold *) lfirst(cell))->isnull)
			add_number(&guide, ((CdThreshold *) lfirst(cell))->value);
	take_times(&guide);
	try_segments(&guide);
	try_events(&guide);
	try_tags(&guide);
	try_columns(&guide);
	if (guide.found == NIL)
		try_twice(&guide);
	return guide.found;
}
