/*
 * scope.c
 *		The timelines of a block of customers: what measures amount to, and since
 *		which moment.
 */
#include "postgres.h"

#include "segment/scope_match.h"
#include "timeline/unanswered.h"

#include <math.h>

#include "access/stratnum.h"
#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

int
cd_scope_measure(CdScope *scope, int pattern, CdMeasure what, text *of, double amount)
{
	MemoryContext old;
	ScopeMeasure *entry;
	char	   *name = of == NULL ? "" : pnstrdup(VARDATA_ANY(of), VARSIZE_ANY_EXHDR(of));
	int			i;

	for (i = 0; i < scope->nmeasures; i++)
	{
		entry = scope->measures[i];
		if (entry->pattern == pattern && entry->what == what && strcmp(entry->name, name) == 0)
		{
			entry->most = Max(entry->most, amount);
			return i;
		}
	}
	old = MemoryContextSwitchTo(scope->context);
	entry = palloc0(sizeof(ScopeMeasure));
	entry->pattern = pattern;
	entry->what = what;
	entry->name = pstrdup(name);
	entry->most = amount;
	if (of != NULL)
		cd_of_read(&entry->of, entry->name, strlen(entry->name));
	CD_GROW(scope->measures, scope->nmeasures);
	scope->measures[scope->nmeasures] = entry;
	MemoryContextSwitchTo(old);
	return scope->nmeasures++;
}

int
cd_scope_pair(CdScope *scope, int asked, int answered, text *same)
{
	MemoryContext old;
	char	   *name = same == NULL ? NULL : pnstrdup(VARDATA_ANY(same), VARSIZE_ANY_EXHDR(same));
	ScopePair  *pair;
	int			i;

	for (i = 0; i < scope->npairs; i++)
	{
		pair = &scope->pairs[i];
		if (pair->asked == asked && pair->answered == answered && (pair->same == NULL) == (name == NULL) &&
			(name == NULL || strcmp(pair->same, name) == 0))
			return i;
	}
	old = MemoryContextSwitchTo(scope->context);
	CD_GROW(scope->pairs, scope->npairs);
	pair = &scope->pairs[scope->npairs];
	pair->asked = asked;
	pair->answered = answered;
	pair->same = name == NULL ? NULL : pstrdup(name);
	MemoryContextSwitchTo(old);
	return scope->npairs++;
}

/* The calendar day of a moment in the session's time zone. */
static int64
local_day(TimestampTz at)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;
	long int	offset;

	if (pg_get_timezone_offset(session_timezone, &offset))
	{
		at += offset * USECS_PER_SEC;
		return at >= 0 ? at / USECS_PER_DAY : -((-at + USECS_PER_DAY - 1) / USECS_PER_DAY);
	}
	if (timestamp2tm(at, &tz, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday);
}

/* Take note of a key not seen before; a clock put back may bring a day twice. */
static bool
is_new(uint64 *seen, int n, uint64 key)
{
	int			i;

	for (i = n - 1; i >= 0; i--)
		if (seen[i] == key)
			return false;
	seen[n] = key;
	return true;
}

/* Kinds whose events are walked over side by side. */
#define MOST_KINDS		16

/*
 * Since when there were so many days with any event at all: the events of all
 * kinds from the last one back, until there are as many days as are asked for.
 */
static void
reach_days_of_all(CdScope *scope, ScopeRow *row, int size, Reached *reached)
{
	uint64	   *seen = cd_scope_get(scope, size * sizeof(uint64));
	const TimestampTz *at[MOST_KINDS];
	int			left[MOST_KINDS];
	int			n = row->timeline.nkinds;
	int			k;

	for (k = 0; k < n; k++)
	{
		at[k] = cd_scope_kind_times(scope, row, k);
		left[k] = row->kinds[k].n;
	}
	while (reached->n < size)
	{
		TimestampTz last = DT_NOBEGIN;
		int			of = -1;

		for (k = 0; k < n; k++)
			if (left[k] > 0 && at[k][left[k] - 1] >= last)
			{
				last = at[k][left[k] - 1];
				of = k;
			}
		if (of < 0)
			break;
		left[of]--;
		if (is_new(seen, reached->n, (uint64) local_day(last)))
			reached->at[reached->n++] = last;
	}
}

/* Since when there were so many days. */
static void
reach_days(CdScope *scope, const ScopeMeasure *measure, int number, Reached *reached)
{
	ScopePattern *pattern = scope->patterns[measure->pattern];
	ScopeRow   *row = &scope->rows[number];
	const Matches *matches;
	uint64	   *seen;
	int			size,
				i;

	if (pattern->every)
	{
		if ((scope->open & BIT(number)) == 0)
			cd_scope_open(scope, row);
		size = (int) Min(measure->most + 1, (double) row->timeline.nevents);
		if (size > 0 && row->timeline.nkinds <= MOST_KINDS)
		{
			reached->at = cd_scope_get(scope, size * sizeof(TimestampTz));
			reach_days_of_all(scope, row, size, reached);
			return;
		}
	}
	matches = get_matches(scope, pattern, number);
	size = (int) Min(measure->most + 1, (double) matches->n);
	if (size <= 0)
		return;
	seen = cd_scope_get(scope, size * sizeof(uint64));
	reached->at = cd_scope_get(scope, size * sizeof(TimestampTz));
	for (i = matches->n - 1; i >= 0 && reached->n < size; i--)
		if (is_new(seen, reached->n, (uint64) local_day(matches->at[i])))
			reached->at[reached->n++] = matches->at[i];
}

/* The column a property has in an image, -1 for none. */
static int
column_of(const CdTimeline *timeline, const ScopeMeasure *measure)
{
	int			which = measure->of.which;

	if (measure->what == CD_MEASURE_DISTINCT && strcmp(measure->name, "event_id") == 0)
		return CD_COL_EVENT_ID;
	if (which != CD_COL_PROPERTY)
		return which;
	which = cd_timeline_find_property(timeline, measure->of.name, measure->of.len);
	return which < 0 ? -1 : which + CD_COL_PROPERTY;
}

/* A column of one kind in one part, looked up once for a run of events. */
typedef struct KindColumn
{
	int			kind;
	int			part;
	bool		found;
	CdColumn	column;
} KindColumn;

/* The column that a sum is of, and an event's place in it; which: the column's number where the timeline is one image. */
static bool
get_column(const ScopeRow *row, const ScopeMeasure *measure, int which, int kind, int *place, KindColumn *cache)
{
	int			part = cd_scope_part_of(row, kind, place);

	if (cache->kind != kind || cache->part != part)
	{
		int			first;

		cache->kind = kind;
		cache->part = part;
		if (row->nparts > 1)
			which = column_of(&row->parts[part].timeline, measure);
		cache->found = which >= 0 && cd_kind_find_column(cd_scope_part(row, part, kind, &first), which, CD_TYPE_NUMBER, &cache->column);
	}
	return cache->found;
}

static inline int
match_kind_of(const Matches *matches, int i)
{
	return matches->one >= 0 ? matches->one : matches->kind[i];
}

static inline int
match_place_of(const Matches *matches, int i)
{
	return matches->place == NULL ? i : matches->place[i];
}

/* Since when there were so many different values; those of different types differ. */
static void
reach_distinct(CdScope *scope, const ScopeMeasure *measure, ScopeRow *row, const Matches *matches, Reached *reached)
{
	int			most = (int) Min(measure->most + 1, (double) matches->n * 4);
	int			which = column_of(&row->timeline, measure);
	CdColumn	columns[CD_TYPE_JSON + 1];
	int			ncolumns = 0;
	int			kind = -1;
	int			part = -1;
	int		   *maps[CD_MAX_PARTS] = {NULL};
	uint64	   *seen[CD_TYPE_JSON + 1] = {0};
	int			counts[CD_TYPE_JSON + 1] = {0};
	int			c,
				i;

	/* Ids may be numbers in one part and texts in another. */
	if (row->nparts > 1 && which == CD_COL_EVENT_ID)
		cd_scope_pack(scope, row);
	if ((which < 0 && row->nparts == 1) || most <= 0)
		return;
	if (row->nparts > 1 && measure->of.which == CD_COL_PROPERTY)
		(void) cd_scope_texts(scope, row, measure->of.name, measure->of.len, maps);
	reached->at = cd_scope_get(scope, (most + CD_TYPE_JSON) * sizeof(TimestampTz));
	for (i = matches->n - 1; i >= 0 && reached->n < most; i--)
	{
		int			place = match_place_of(matches, i);
		int			in_part = cd_scope_part_of(row, match_kind_of(matches, i), &place);

		if (match_kind_of(matches, i) != kind || in_part != part)
		{
			int			first;

			kind = match_kind_of(matches, i);
			part = in_part;
			if (row->nparts > 1)
				which = column_of(&row->parts[part].timeline, measure);
			ncolumns = which < 0 ? 0 : cd_scope_columns(cd_scope_part(row, part, kind, &first), which, columns);
		}
		for (c = 0; c < ncolumns && reached->n < most; c++)
		{
			int			type = columns[c].type;
			uint64		key;
			int64		integer;
			double		number;

			if (type == CD_TYPE_NUMBER && which != CD_COL_EVENT_ID)
			{
				if (!cd_column_number(&columns[c], place, &number))
					continue;
				memcpy(&key, &number, sizeof(key));
			}
			else if (cd_column_integer(&columns[c], place, &integer))
				key = (uint64) (maps[part] != NULL && type != CD_TYPE_BOOL ? cd_scope_text(maps[part], integer) : integer);
			else
				continue;
			if (seen[type] == NULL)
				seen[type] = cd_scope_get(scope, most * sizeof(uint64));
			if (is_new(seen[type], counts[type], key))
			{
				counts[type]++;
				reached->at[reached->n++] = matches->at[i];
			}
		}
	}
}

/* Since when a sum was as much, if no number in it is negative or no short decimal. */
static void
reach_sum(CdScope *scope, const ScopeMeasure *measure, const ScopeRow *row, const Matches *matches, Reached *reached)
{
	int			which = column_of(&row->timeline, measure);
	KindColumn	column = {.kind = -1};
	__int128	exact = 0;
	int			scale = 0;
	int			i;

	if (which < 0 && row->nparts == 1)
		return;
	reached->at = cd_scope_get(scope, Max(matches->n, 1) * sizeof(TimestampTz));
	reached->total = cd_scope_get(scope, Max(matches->n, 1) * sizeof(double));
	for (i = matches->n - 1; i >= 0; i--)
	{
		int			place = match_place_of(matches, i);
		int64		number;

		if (!get_column(row, measure, which, match_kind_of(matches, i), &place, &column))
			continue;
		if (column.column.raw || column.column.base < 0)
		{
			reached->slow = true;
			return;
		}
		if (!cd_column_integer(&column.column, place, &number))
			continue;
		if (column.column.scale > scale)
		{
			exact *= cd_int_power10[column.column.scale - scale];
			scale = column.column.scale;
		}
		exact += (__int128) number * cd_int_power10[scale - column.column.scale];
		reached->at[reached->n] = matches->at[i];
		reached->total[reached->n++] = (double) exact / cd_power10[scale];
	}
}

/* What a measure amounts to since which moment, worked out once per timeline. */
static Reached *
get_reached(CdScope *scope, ScopeMeasure *measure, int number)
{
	Reached    *reached = &measure->rows[number];

	if ((measure->known & BIT(number)) == 0)
	{
		const Matches *matches;

		reached->n = 0;
		reached->slow = false;
		reached->total = NULL;
		if (measure->what == CD_MEASURE_DAYS)
			reach_days(scope, measure, number, reached);
		else if ((matches = get_matches(scope, scope->patterns[measure->pattern], number))->n > 0)
		{
			if (measure->what == CD_MEASURE_DISTINCT)
				reach_distinct(scope, measure, &scope->rows[number], matches, reached);
			else
				reach_sum(scope, measure, &scope->rows[number], matches, reached);
		}
		measure->known |= BIT(number);
	}
	return reached;
}

/*
 * The last moment since which a measure reaches an amount, or exceeds it;
 * false where it takes more than one moment to tell.
 */
static bool
reach(CdScope *scope, ScopeMeasure *measure, int row, double amount, bool strict, TimestampTz *at)
{
	const Reached *reached;
	int			low,
				high;

	if (strict ? amount < 0 : amount <= 0)
	{
		/* Only a sum can be less than nothing. */
		*at = DT_NOEND;
		return measure->what != CD_MEASURE_SUM || !get_reached(scope, measure, row)->slow;
	}
	if (measure->what == CD_MEASURE_COUNT)
	{
		const Matches *matches = get_matches(scope, scope->patterns[measure->pattern], row);
		double		needed = strict ? floor(amount) + 1 : ceil(amount);

		*at = needed <= matches->n ? matches->at[matches->n - (int) needed] : DT_NOBEGIN;
		return true;
	}
	reached = get_reached(scope, measure, row);
	if (reached->slow)
		return false;
	if (reached->total == NULL)
	{
		double		needed = strict ? floor(amount) + 1 : ceil(amount);

		*at = needed <= reached->n ? reached->at[(int) needed - 1] : DT_NOBEGIN;
		return true;
	}
	low = 0;
	high = reached->n;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (strict ? reached->total[middle] > amount : reached->total[middle] >= amount)
			high = middle;
		else
			low = middle + 1;
	}
	*at = low < reached->n ? reached->at[low] : DT_NOBEGIN;
	return true;
}

int
cd_scope_moment(CdScope *scope, CdMomentKind kind, int number, double amount)
{
	MemoryContext old;
	ScopeMoment *entry;
	int			i;

	for (i = 0; i < scope->nmoments; i++)
	{
		entry = scope->moments[i];
		if (entry->kind == kind && entry->number == number && entry->amount == amount)
			return i;
	}
	old = MemoryContextSwitchTo(scope->context);
	entry = palloc0(sizeof(ScopeMoment));
	entry->kind = kind;
	entry->number = number;
	entry->amount = amount;
	if (kind == CD_MOMENT_LAST)
	{
		entry->pattern = number;
		entry->needed = 1;
	}
	else if ((kind == CD_MOMENT_REACHED || kind == CD_MOMENT_EXCEEDED) &&
			 scope->measures[number]->what == CD_MEASURE_COUNT && amount >= 0 && amount < MOST_ENDS)
	{
		entry->pattern = scope->measures[number]->pattern;
		entry->needed = (int) (kind == CD_MOMENT_EXCEEDED ? floor(amount) + 1 : ceil(amount));
	}
	if (entry->needed > 0)
		cd_scope_want_ends(scope, entry->pattern, entry->needed);
	CD_GROW(scope->moments, scope->nmoments);
	scope->moments[scope->nmoments] = entry;
	MemoryContextSwitchTo(old);
	return scope->nmoments++;
}

/* Texts of a property whose last answers are kept side by side. */
#define MOST_TOPICS		128

/* What the events of a kind are about, in one part: texts of a property. */
typedef struct Topics
{
	const CdKind *kind;
	int			first;			/* of its events among those of all parts */
	CdColumn	column;
	bool		none;			/* they have no such property */
	const int  *map;			/* of its texts, NULL: as they are */
	int			n;				/* texts in all */
} Topics;

/* Find the column; false where there is one, but of other than texts. */
static bool
find_topics(const ScopeRow *row, const ScopePair *pair, int part, int k, Topics *topics)
{
	const CdTimeline *timeline = cd_scope_part_timeline(row, part);
	CdColumn	columns[CD_TYPE_JSON + 1];
	int			which = cd_timeline_find_property(timeline, pair->same, strlen(pair->same));
	int			n;

	topics->kind = cd_scope_part(row, part, k, &topics->first);
	if (topics->kind->n == 0)
		return true;
	n = which < 0 ? 0 : cd_scope_columns(topics->kind, which + CD_COL_PROPERTY, columns);
	topics->none = n == 0;
	topics->column = columns[0];
	return n == 0 || (n == 1 && columns->type == CD_TYPE_TEXT);
}

/* The text of an event of the part, by its number in all parts; false where it has none. */
static inline bool
topic_of(const Topics *topics, int i, int64 *code)
{
	if (topics->none || !cd_column_integer(&topics->column, i, code))
		return false;
	if (topics->map != NULL)
		*code = cd_scope_text(topics->map, *code);
	if (*code < 0 || *code >= topics->n)
		cd_timeline_corrupt();
	return true;
}

/*
 * The last event of one kind that none of another answers about the same text:
 * where what is told by few texts is all that matters, else false.
 */
static bool
find_last_unanswered(CdScope *scope, const ScopePair *pair, int number, TimestampTz *at)
{
	const ScopePattern *asked = scope->patterns[pair->asked];
	const ScopePattern *answered = scope->patterns[pair->answered];
	ScopeRow   *row = &scope->rows[number];
	TimestampTz answer[MOST_TOPICS];
	const TimestampTz *times;
	int		   *maps[CD_MAX_PARTS] = {NULL};
	Topics		topics = {0};
	int			p,
				k,
				i;
	int64		code;

	if (pair->same == NULL || !asked->plain || !answered->plain)
		return false;
	topics.n = cd_scope_texts(scope, row, pair->same, strlen(pair->same), maps);
	if (topics.n < 0 || topics.n > MOST_TOPICS)
		return false;
	for (i = 0; i < topics.n; i++)
		answer[i] = DT_NOBEGIN;
	k = row->named[answered->name];
	for (p = 0; k >= 0 && p < row->nparts; p++)
	{
		if (!find_topics(row, pair, p, k, &topics))
			return false;
		topics.map = maps[p];
		times = cd_scope_kind_times(scope, row, k) + topics.first;
		for (i = 0; i < topics.kind->n; i++)
			if (topic_of(&topics, i, &code))
				answer[code] = times[i];
	}
	*at = DT_NOBEGIN;
	k = row->named[asked->name];
	for (p = row->nparts - 1; p >= 0; p--)
	{
		if (!find_topics(row, pair, p, k, &topics))
			return false;
		topics.map = maps[p];
		times = cd_scope_kind_times(scope, row, k) + topics.first;
		for (i = topics.kind->n - 1; i >= 0; i--)
			if (!topic_of(&topics, i, &code) || times[i] > answer[code])
			{
				*at = times[i];
				return true;
			}
	}
	return true;
}

/* The last event that was not answered. */
static TimestampTz
find_unanswered(CdScope *scope, const ScopePair *pair, int row)
{
	MemoryContext old;
	TimestampTz at;

	if (get_matches(scope, scope->patterns[pair->asked], row)->n == 0)
		return DT_NOBEGIN;
	if (find_last_unanswered(scope, pair, row, &at))
		return at;
	if (scope->rows[row].nparts > 1)
		cd_scope_pack(scope, &scope->rows[row]);
	old = MemoryContextSwitchTo(scope->block);
	at = cd_unanswered_last(&scope->rows[row].timeline, scope->patterns[pair->asked]->pattern,
							scope->patterns[pair->answered]->pattern, pair->same, pair->same ? strlen(pair->same) : 0);
	MemoryContextSwitchTo(old);
	return at;
}

/* Find a customer's moment. */
static void
find_moment(CdScope *scope, ScopeMoment *moment, int row)
{
	const Matches *matches;

	switch (moment->kind)
	{
		case CD_MOMENT_FIRST:
			matches = get_matches(scope, scope->patterns[moment->number], row);
			moment->at[row] = matches->n > 0 ? matches->at[0] : DT_NOEND;
			break;
		case CD_MOMENT_UNANSWERED:
			moment->at[row] = find_unanswered(scope, &scope->pairs[moment->number], row);
			break;
		default:
			if (!reach(scope, scope->measures[moment->number], row, moment->amount,
					   moment->kind == CD_MOMENT_EXCEEDED, &moment->at[row]))
			{
				moment->at[row] = DT_NOBEGIN;
				moment->slow |= BIT(row);
			}
			break;
	}
}

const TimestampTz *
cd_scope_moments(CdScope *scope, int number, uint64 rows, int *at_work, uint64 *slow)
{
	ScopeMoment *moment = scope->moments[number];
	uint64		fresh = rows & ~moment->known;

	if (moment->needed > 0)
	{
		ScopePattern *pattern = scope->patterns[moment->pattern];

		if ((rows & ~pattern->ended) != 0)
			cd_scope_find_ends(scope, pattern, rows & ~pattern->ended, at_work);
		*slow = 0;
		return pattern->ends + (moment->needed - 1) * CD_BLOCK;
	}
	moment->slow &= moment->known;
	for (; fresh != 0; fresh &= fresh - 1)
	{
		*at_work = __builtin_ctzll(fresh);
		find_moment(scope, moment, *at_work);
	}
	moment->known |= rows;
	*slow = moment->slow & rows;
	return moment->at;
}

bool
cd_scope_compare(CdScope *scope, int number, int row, const Interval *last, TimestampTz now, int strategy, double amount)
{
	static const CdCompare ops[] = {CD_LT, CD_LE, CD_EQ, CD_GE, CD_GT};
	ScopeMeasure *measure = scope->measures[number];
	MemoryContext old = MemoryContextSwitchTo(scope->block);
	CdWindow	window;
	bool		answer;

	if (scope->rows[row].nparts > 1)
		cd_scope_pack(scope, &scope->rows[row]);
	if (last != NULL)
		cd_window_last(&window, last, now);
	else
		cd_window_all(&window);
	answer = cd_event_sum_compare(&scope->rows[row].timeline, scope->patterns[measure->pattern]->pattern, &window,
								  &measure->of, ops[strategy - BTLessStrategyNumber], amount);
	MemoryContextSwitchTo(old);
	return answer;
}
