/*
 * behaviour.c
 *		What a timeline says about habits: decayed sums, affinities, favourites.
 */
#include "postgres.h"

#include "portrait/behaviour.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "portrait/evaluate.h"
#include "portrait/tagset.h"
#include "timeline/event_count.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* What affinity() takes where it is not told. */
#define AFFINITY_PRIOR	3
#define AFFINITY_TOP	10

bool		cd_decay_is_kept = false;

/* Seconds of a half-life, or an error */
int64
cd_half_life_seconds(const Interval *span)
{
	int64		seconds = span->time / USECS_PER_SEC + (int64) span->day * SECS_PER_DAY +
		(int64) span->month * DAYS_PER_MONTH * SECS_PER_DAY;

	if (seconds < 1 || seconds > CD_TAG_HALF_LIFE_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INTERVAL_FIELD_OVERFLOW),
				 errmsg("half-life is out of range"),
				 errhint("A half-life lies between a second and a century.")));
	return seconds;
}

/* The column of a number that is meant in one kind's events */
static bool
find_number(const CdTimeline *tl, const CdKind *kind, const CdOf *of, CdColumn *column)
{
	int			which = of->which;

	if (which == CD_COL_PROPERTY)
	{
		which = cd_timeline_find_property(tl, of->name, of->len);
		if (which < 0)
			return false;
		which += CD_COL_PROPERTY;
	}
	return cd_kind_find_column(kind, which, CD_TYPE_NUMBER, column);
}

/* decayed_sum(events, pattern, half_life, of): each match counts 1, or its number */
PG_FUNCTION_INFO_V1(cd_decayed_sum);
Datum
cd_decayed_sum(PG_FUNCTION_ARGS)
{
	CdTimeline	tl;
	const CdPattern *pattern;
	CdMatcher	few[CD_FEW],
			   *matchers;
	int64		half_life;
	TimestampTz now = cd_as_of();
	bool		numbers = !PG_ARGISNULL(3);
	CdOf		of;
	double		sum = 0;
	int			n,
				i,
				k;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	pattern = cd_pattern_cached(fcinfo, 0, 1, PG_GETARG_DATUM(1));
	half_life = cd_half_life_seconds(PG_GETARG_INTERVAL_P(2));
	if (numbers)
	{
		text	   *name = PG_GETARG_TEXT_PP(3);

		cd_of_read(&of, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	}
	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	n = cd_pattern_bind(pattern, &tl, DT_NOBEGIN, DT_NOEND, few, &matchers);
	for (i = 0; i < n; i++)
	{
		const CdMatcher *m = &matchers[i];
		CdTimes		times;
		CdColumn	column;

		if (numbers && !find_number(&tl, &m->kind, &of, &column))
			continue;
		if (m->from >= m->to)
			continue;
		cd_times_begin(&times, &m->kind, m->from);
		for (k = m->from; k < m->to; k++)
		{
			TimestampTz at = cd_times_next(&times);
			double		weight = 1;

			if (!cd_matcher_test(m, k) || (numbers && !cd_column_number(&column, k, &weight)))
				continue;
			if (at < now)
				weight *= exp2(-((double) (now - at) / USECS_PER_SEC) / (double) half_life);
			sum += weight;
		}
	}

	/* Whoever keeps it with its half-life knows what becomes of it. */
	if (sum != 0 && !cd_decay_is_kept)
		cd_validity_note(now + 1);
	PG_RETURN_FLOAT8(sum);
}

/* Count the text values of a property; returns how many, *total the weight of all matches */
static int
tally_values(const CdTimeline *tl, const CdMatcher *matchers, int n, const char *name, int length,
			 int64 half_life, TimestampTz anchor, CdTally **tallies, double *total)
{
	int			property = cd_timeline_find_property(tl, name, length);
	CdDict		dict;
	const char **values;
	int		   *lengths;
	CdTally    *all;
	int			kept = 0;
	int			i,
				k;

	*total = 0;
	if (property < 0)
		return 0;
	cd_dict_open(tl, CD_COL_PROPERTY + property, &dict);
	if (dict.n == 0)
		return 0;
	cd_dict_strings(&dict, &values, &lengths);
	all = palloc0(dict.n * sizeof(CdTally));
	for (i = 0; i < n; i++)
	{
		const CdMatcher *m = &matchers[i];
		CdTimes		times;
		CdColumn	column;

		if (m->from >= m->to ||
			!cd_kind_find_column(&m->kind, CD_COL_PROPERTY + property, CD_TYPE_TEXT, &column))
			continue;
		cd_times_begin(&times, &m->kind, m->from);
		for (k = m->from; k < m->to; k++)
		{
			TimestampTz at = cd_times_next(&times);
			int64		code;
			double		weight = 1;
			CdTally    *tally;

			if (!cd_matcher_test(m, k) || !cd_column_integer(&column, k, &code))
				continue;
			if (code < 0 || code >= dict.n)
				cd_timeline_corrupt();
			if (half_life > 0)
				weight = exp2(-((double) (anchor - at) / USECS_PER_SEC) / (double) half_life);
			tally = &all[code];
			tally->weight += weight;
			tally->last = tally->count == 0 ? at : Max(tally->last, at);
			tally->count++;
			*total += weight;
		}
	}
	for (i = 0; i < dict.n; i++)
	{
		if (all[i].count == 0)
			continue;
		all[kept] = all[i];
		all[kept].value = values[i];
		all[kept++].length = lengths[i];
	}
	*tallies = all;
	return kept;
}

/* Heavier first, then later, then by value */
static int
compare_tallies(const void *a, const void *b)
{
	const CdTally *x = a;
	const CdTally *y = b;
	int			order;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	if (x->last != y->last)
		return x->last > y->last ? -1 : 1;
	order = memcmp(x->value, y->value, Min(x->length, y->length));
	return order != 0 ? order : x->length - y->length;
}

/* Moment of the last match, DT_NOBEGIN if none */
static TimestampTz
last_match(const CdMatcher *matchers, int n)
{
	TimestampTz last = DT_NOBEGIN;
	int			i;

	for (i = 0; i < n; i++)
	{
		int			k = cd_matcher_last(&matchers[i], matchers[i].from, matchers[i].to);

		if (k >= 0)
			last = Max(last, cd_kind_at(&matchers[i].kind, k));
	}
	return last;
}

void
cd_tally(const CdTimeline *tl, const CdPattern *pattern, const char *property, int length,
		 int64 half_life, CdTallies *result)
{
	CdMatcher	few[CD_FEW],
			   *matchers;
	int			n = cd_pattern_bind(pattern, tl, DT_NOBEGIN, DT_NOEND, few, &matchers);

	result->anchor = half_life > 0 ? last_match(matchers, n) : DT_NOBEGIN;
	result->count = tally_values(tl, matchers, n, property, length, half_life, result->anchor,
								 &result->tallies, &result->total);
}

void
cd_tallies_rank(CdTallies *tallies)
{
	if (tallies->count > 1)
		qsort(tallies->tallies, tallies->count, sizeof(CdTally), compare_tallies);
}

/* favourite(events, pattern, property): the value most often met, the later of equals */
PG_FUNCTION_INFO_V1(cd_favourite);
Datum
cd_favourite(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(2);
	CdTimeline	tl;
	CdTallies	found;

	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	cd_tally(&tl, cd_pattern_cached(fcinfo, 0, 1, PG_GETARG_DATUM(1)), VARDATA_ANY(name),
			 VARSIZE_ANY_EXHDR(name), 0, &found);
	if (found.count == 0)
		PG_RETURN_NULL();
	cd_tallies_rank(&found);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(found.tallies[0].value, found.tallies[0].length));
}

/* favourite_hour(events, pattern): hour of the day, session time zone, most events fall in */
PG_FUNCTION_INFO_V1(cd_favourite_hour);
Datum
cd_favourite_hour(PG_FUNCTION_ARGS)
{
	const CdPattern *pattern = cd_pattern_cached(fcinfo, 0, 1, PG_GETARG_DATUM(1));
	CdTimeline	tl;
	CdMatcher	few[CD_FEW],
			   *matchers;
	int			counts[24] = {0};
	int			best = 0;
	int			n,
				i,
				k;

	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	n = cd_pattern_bind(pattern, &tl, DT_NOBEGIN, DT_NOEND, few, &matchers);
	for (i = 0; i < n; i++)
	{
		const CdMatcher *m = &matchers[i];
		CdTimes		times;

		if (m->from >= m->to)
			continue;
		cd_times_begin(&times, &m->kind, m->from);
		for (k = m->from; k < m->to; k++)
		{
			TimestampTz at = cd_times_next(&times);
			struct pg_tm tm;
			fsec_t		fsec;
			int			tz;

			if (cd_matcher_test(m, k) && timestamp2tm(at, &tz, &tm, &fsec, NULL, NULL) == 0)
				counts[tm.tm_hour]++;
		}
	}
	for (i = 1; i < 24; i++)
	{
		if (counts[i] > counts[best])
			best = i;
	}
	if (counts[best] == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(best);
}

int
cd_make_label(const char *text, int length, char *label, int room)
{
	int			from = 0;
	int			i;

	length = pg_mbcliplen(text, length, room);
	for (i = 0; i < length; i++)
	{
		unsigned char c = text[i];

		label[i] = c == '.' || c == '*' ? '_' : c < ' ' || c == 0x7F ? ' ' : (char) c;
	}
	while (length > 0 && label[length - 1] == ' ')
		length--;
	while (from < length && label[from] == ' ')
		from++;
	memmove(label, label + from, length - from);
	return length - from;
}

/* Make labels of the first values; false where one is not the value itself */
static bool
make_labels(CdTallies *tallies, int count)
{
	char	   *labels = palloc((Size) count * CD_MAX_LABEL + 1);
	bool		same = true;
	int			i;

	for (i = 0; i < count; i++)
	{
		CdTally    *tally = &tallies->tallies[i];
		char	   *label = labels + (Size) i * CD_MAX_LABEL;

		tally->label = label;
		tally->label_length = cd_make_label(tally->value, tally->length, label, CD_MAX_LABEL);
		same &= tally->label_length == tally->length && memcmp(label, tally->value, tally->length) == 0;
	}
	return same;
}

int
cd_tallies_label(CdTallies *tallies, int most)
{
	int			count = Min(tallies->count, most);

	/* A tagset is made of sorted tags: cheaper where they may stay as they come. */
	if (tallies->count <= most && make_labels(tallies, count))
		return count;

	/* Of values with one label the last counts. */
	cd_tallies_rank(tallies);
	(void) make_labels(tallies, count);
	return count;
}

/* Refuse what affinity() cannot shrink by */
static void
check_affinity(const CdAffinity *affinity)
{
	if (!(affinity->prior >= 0) || isinf(affinity->prior) || affinity->top < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("prior must not be negative and top must be positive")));
}

/* Is a text a label as it is? */
static bool
is_label(const char *text, int length)
{
	int			i;

	if (length > CD_MAX_LABEL || (length > 0 && (text[0] == ' ' || text[length - 1] == ' ')))
		return false;
	for (i = 0; i < length; i++)
	{
		unsigned char c = text[i];

		if (c == '.' || c == '*' || c < ' ' || c == 0x7F)
			return false;
	}
	return true;
}

CdTagList *
cd_affinity_counted(const CdAffinity *affinity, const CdBankTally *tally)
{
	Size		bytes = 0;
	int			count = 0;
	CdTagList  *list;
	char	   *label;
	int			i;

	for (i = 0; i < tally->texts; i++)
	{
		if (tally->counts[i] == 0)
			continue;
		if (++count > affinity->top || !is_label(tally->strings[i], tally->lengths[i]))
			return NULL;
		bytes += tally->lengths[i];
	}
	list = palloc(sizeof(CdTagList) + count * sizeof(CdTag) + bytes);
	list->tags = (CdTag *) (list + 1);
	list->count = 0;
	label = (char *) (list->tags + count);
	for (i = 0; i < tally->texts; i++)
	{
		int			length = tally->lengths[i];

		if (tally->counts[i] == 0 || length == 0)
			continue;
		list->tags[list->count] = (CdTag) {label, length, 1, DT_NOBEGIN, DT_NOEND, 0, 0};
		list->tags[list->count++].score = (float4) ((double) tally->counts[i] / (tally->total + affinity->prior));
		label = (char *) memcpy(label, tally->strings[i], length) + length;
	}
	return list;
}

CdTagList *
cd_affinity_list(const CdAffinity *affinity, struct varlena *events)
{
	CdTagList  *list = palloc(sizeof(CdTagList));
	CdTimeline	tl;
	CdTallies	found;
	int			count,
				i;

	cd_timeline_open(&tl, events);
	cd_tally(&tl, affinity->pattern, affinity->property, affinity->length, affinity->half_life, &found);
	count = cd_tallies_label(&found, affinity->top);
	list->tags = palloc(Max(count, 1) * sizeof(CdTag));
	list->count = 0;
	for (i = 0; i < count; i++)
	{
		const CdTally *tally = &found.tallies[i];
		CdTag	   *tag = &list->tags[list->count];

		if (tally->label_length == 0)
			continue;
		*tag = (CdTag) {tally->label, tally->label_length, 1, DT_NOBEGIN, DT_NOEND, 0, 0};
		tag->score = (float4) (tally->weight / (found.total + affinity->prior));
		if (affinity->half_life > 0)
		{
			tag->at = found.anchor;
			tag->half_life = affinity->half_life;
		}
		list->count++;
	}
	return list;
}

CdAffinity *
cd_affinity_asked(Node *tree, AttrNumber events)
{
	static const Oid types[] = {InvalidOid, InvalidOid, TEXTOID, INTERVALOID, FLOAT8OID, INT4OID};
	FuncExpr   *call = (FuncExpr *) tree;
	CdAffinity *affinity;
	Const	   *value[6];
	text	   *name;
	int			i;

	if (!IsA(tree, FuncExpr) || list_length(call->args) != (int) lengthof(types) ||
		!IsA(linitial(call->args), Var) || ((Var *) linitial(call->args))->varattno != events)
		return NULL;
	if (call->funcid != cd_function_named("affinity"))
		return NULL;
	for (i = 1; i < (int) lengthof(types); i++)
	{
		value[i] = list_nth(call->args, i);
		if (!IsA(value[i], Const) || (value[i]->constisnull && i < 3) || (types[i] != InvalidOid && value[i]->consttype != types[i]))
			return NULL;
	}
	affinity = palloc(sizeof(CdAffinity));
	affinity->pattern = cd_pattern_read((struct varlena *) PG_DETOAST_DATUM_COPY(value[1]->constvalue));
	name = DatumGetTextPCopy(value[2]->constvalue);
	affinity->property = VARDATA(name);
	affinity->length = VARSIZE(name) - VARHDRSZ;
	affinity->half_life = value[3]->constisnull ? 0 : cd_half_life_seconds(DatumGetIntervalP(value[3]->constvalue));
	affinity->prior = value[4]->constisnull ? AFFINITY_PRIOR : DatumGetFloat8(value[4]->constvalue);
	affinity->top = value[5]->constisnull ? AFFINITY_TOP : DatumGetInt32(value[5]->constvalue);
	check_affinity(affinity);
	return affinity;
}

/*
 * affinity(events, pattern, property, half_life, prior, top): the share of
 * each value among the matches, each match weighing less the longer it was
 * before the last one, shrunk towards none as by prior matches of other values.
 */
PG_FUNCTION_INFO_V1(cd_affinity);
Datum
cd_affinity(PG_FUNCTION_ARGS)
{
	CdTagBuilder builder;
	CdAffinity	affinity = {NULL, NULL, 0, 0, AFFINITY_PRIOR, AFFINITY_TOP};
	CdTagList  *list;
	text	   *name;
	int			i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	if (!PG_ARGISNULL(4))
		affinity.prior = PG_GETARG_FLOAT8(4);
	if (!PG_ARGISNULL(5))
		affinity.top = PG_GETARG_INT32(5);
	check_affinity(&affinity);
	name = PG_GETARG_TEXT_PP(2);
	affinity.property = VARDATA_ANY(name);
	affinity.length = VARSIZE_ANY_EXHDR(name);
	if (!PG_ARGISNULL(3))
		affinity.half_life = cd_half_life_seconds(PG_GETARG_INTERVAL_P(3));
	affinity.pattern = cd_pattern_cached(fcinfo, 0, 1, PG_GETARG_DATUM(1));
	list = cd_affinity_list(&affinity, (struct varlena *) PG_GETARG_TIMELINE(0));
	cd_tag_builder(&builder);
	for (i = 0; i < list->count; i++)
		cd_tag_builder_add(&builder, &list->tags[i]);
	PG_RETURN_POINTER(cd_tag_builder_value(&builder));
}
