/*
 * scope.c
 *		The timelines of a block of customers, as many conditions look at them.
 */
#include "postgres.h"

#include "segment/scope.h"
#include "timeline/event_count.h"
#include "timeline/unanswered.h"

#include <math.h>

#include "access/stratnum.h"
#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* A timeline, opened when it is first asked. */
typedef struct ScopeRow
{
	CdTimeline	timeline;
	CdKind	   *kinds;
	TimestampTz **times;		/* of each kind, once read */
	int16	   *named;			/* by name: the kind's number, -1: none here */
} ScopeRow;

/* The events a pattern means in one timeline, in order of time. */
typedef struct Matches
{
	int			n;
	int			one;			/* the kind all are of, else -1 */
	TimestampTz *at;
	int		   *kind;			/* where they are of several */
	int		   *place;			/* among the events of their kind; NULL: all of it */
} Matches;

/*
 * A property of the events of one kind, as patterns like view[category=tea]
 * look at it: found once per timeline for all of them.
 */
typedef enum FieldState
{
	FIELD_ABSENT,				/* no such event has it */
	FIELD_TEXT,					/* all that have it have a text */
	FIELD_OTHER
} FieldState;

typedef struct ScopeField
{
	int			name;			/* of the kind */
	const char *property;
	int			len;
	int			nliterals;		/* texts that patterns ask for */
	const CdLiteral **literals;
	uint64		known;			/* rows in which it has been looked for */
	struct
	{
		FieldState	state;
		Matches    *matches;	/* of each literal */
	}			rows[CD_BLOCK];
} ScopeField;

typedef struct ScopePattern
{
	struct varlena *source;
	CdPattern  *pattern;
	int			name;			/* the one kind it can mean, else -1 */
	bool		plain;			/* all events of that kind */
	bool		every;			/* all events of all kinds */
	int			field;			/* those where a property is one text, else -1 */
	int			literal;		/* the text's number */
	uint64		known;			/* rows whose matches have been found */
	Matches		rows[CD_BLOCK];
} ScopePattern;

/* What a measure amounts to since which moment, from the last one back. */
typedef struct Reached
{
	bool		slow;
	int			n;
	TimestampTz *at;
	double	   *total;			/* NULL: 1, 2, 3, ... */
} Reached;

typedef struct ScopeMeasure
{
	int			pattern;
	CdMeasure	what;
	char	   *name;
	CdOf		of;
	double		most;			/* the largest amount asked for */
	uint64		known;
	Reached		rows[CD_BLOCK];
} ScopeMeasure;

/* One moment of each customer, which is what windows ask about. */
typedef struct ScopeMoment
{
	CdMomentKind kind;
	int			number;			/* of the pattern or measure */
	double		amount;			/* of a measure */
	uint64		known;
	uint64		slow;			/* rows that take more than one moment to tell */
	TimestampTz at[CD_BLOCK];
} ScopeMoment;

/* Events that others answer, of the same property if it has a name. */
typedef struct ScopePair
{
	int			asked;			/* patterns */
	int			answered;
	char	   *same;			/* NULL: any answers */
} ScopePair;

struct CdScope
{
	MemoryContext context;
	MemoryContext block;		/* reset with each block */
	char	   *free;			/* of the piece in hand */
	Size		left;
	ScopePattern **patterns;
	int			npatterns;
	ScopeMeasure **measures;
	int			nmeasures;
	CdName	   *names;
	int			nnames;
	ScopeField **fields;
	int			nfields;
	ScopePair  *pairs;
	int			npairs;
	ScopeMoment **moments;
	int			nmoments;
	const Datum *events;
	int			nrows;
	uint64		open;			/* rows whose timeline is */
	ScopeRow	rows[CD_BLOCK];
};

#define PIECE		8192
#define AHEAD		4
#define BIT(row)		(UINT64CONST(1) << (row))

/* Texts of a property by their code, as far as codes have so many bits. */
#define CODE_BITS		8
#define NO_LITERAL		255

/* Memory until the next block. */
static void *
get(CdScope *scope, Size size)
{
	void	   *result;

	size = MAXALIGN(size);
	if (size > scope->left)
	{
		if (size > PIECE / 4)
			return MemoryContextAllocHuge(scope->block, size);
		scope->free = MemoryContextAlloc(scope->block, PIECE);
		scope->left = PIECE;
	}
	result = scope->free;
	scope->free += size;
	scope->left -= size;
	return result;
}

CdScope *
cd_scope(MemoryContext context)
{
	CdScope    *scope = MemoryContextAllocZero(context, sizeof(CdScope));

	scope->context = context;
	scope->block = AllocSetContextCreate(context, "timelines of a block", 4 * PIECE, 4 * PIECE, 1024 * 1024);
	return scope;
}

/* The number of a kind's name, noted once. */
static int
note_name(CdScope *scope, const CdName *name)
{
	int			i;

	for (i = 0; i < scope->nnames; i++)
		if (scope->names[i].len == name->len && memcmp(scope->names[i].str, name->str, name->len) == 0)
			return i;
	scope->names = scope->names == NULL ? palloc(sizeof(CdName)) :
		repalloc(scope->names, (scope->nnames + 1) * sizeof(CdName));
	scope->names[scope->nnames] = *name;
	return scope->nnames++;
}

/* The number of a property of a kind, noted once. */
static int
note_field(CdScope *scope, int name, const char *property, int len)
{
	ScopeField *field;
	int			i;

	for (i = 0; i < scope->nfields; i++)
		if (scope->fields[i]->name == name && scope->fields[i]->len == len &&
			memcmp(scope->fields[i]->property, property, len) == 0)
			return i;
	field = palloc0(sizeof(ScopeField));
	field->name = name;
	field->property = property;
	field->len = len;
	scope->fields = scope->fields == NULL ? palloc(sizeof(ScopeField *)) :
		repalloc(scope->fields, (scope->nfields + 1) * sizeof(ScopeField *));
	scope->fields[scope->nfields] = field;
	return scope->nfields++;
}

/* The number of a text that a property is compared with, noted once; -1 where there are too many. */
static int
note_literal(ScopeField *field, const CdLiteral *literal)
{
	int			i;

	for (i = 0; i < field->nliterals; i++)
		if (field->literals[i]->len == literal->len && memcmp(field->literals[i]->str, literal->str, literal->len) == 0)
			return i;
	if (i == NO_LITERAL)
		return -1;
	field->literals = field->literals == NULL ? palloc(sizeof(CdLiteral *)) :
		repalloc(field->literals, (i + 1) * sizeof(CdLiteral *));
	field->literals[field->nliterals++] = literal;
	return i;
}

int
cd_scope_pattern(CdScope *scope, struct varlena *pattern)
{
	MemoryContext old;
	ScopePattern *entry;
	int			i;

	for (i = 0; i < scope->npatterns; i++)
		if (VARSIZE_ANY_EXHDR(scope->patterns[i]->source) == VARSIZE_ANY_EXHDR(pattern) &&
			memcmp(VARDATA_ANY(scope->patterns[i]->source), VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern)) == 0)
			return i;
	old = MemoryContextSwitchTo(scope->context);
	entry = palloc0(sizeof(ScopePattern));
	entry->source = palloc(VARSIZE_ANY(pattern));
	memcpy(entry->source, pattern, VARSIZE_ANY(pattern));
	entry->pattern = cd_pattern_read(entry->source);
	entry->name = -1;
	entry->field = -1;
	entry->every = entry->pattern->n == 1 && entry->pattern->alternatives[0].prefix &&
		entry->pattern->alternatives[0].name.len == 0 && entry->pattern->alternatives[0].nconditions == 0;
	if (entry->pattern->n == 1 && !entry->pattern->alternatives[0].prefix)
	{
		const CdAlternative *only = &entry->pattern->alternatives[0];

		entry->name = note_name(scope, &only->name);
		entry->plain = only->nconditions == 0;
		if (only->nconditions == 1 && only->conditions[0].field == CD_COL_PROPERTY &&
			only->conditions[0].nliterals == 1 &&
			(only->conditions[0].op == CD_OP_EQ || only->conditions[0].op == CD_OP_IN))
		{
			entry->field = note_field(scope, entry->name, only->conditions[0].name, only->conditions[0].namelen);
			entry->literal = note_literal(scope->fields[entry->field], only->conditions[0].literals);
			if (entry->literal < 0)
				entry->field = -1;
		}
	}
	scope->patterns = scope->patterns == NULL ? palloc(sizeof(ScopePattern *)) :
		repalloc(scope->patterns, (scope->npatterns + 1) * sizeof(ScopePattern *));
	scope->patterns[scope->npatterns] = entry;
	MemoryContextSwitchTo(old);
	return scope->npatterns++;
}

int
cd_scope_cost(CdScope *scope, int pattern)
{
	return scope->patterns[pattern]->plain ? 1 : scope->patterns[pattern]->name >= 0 ? 3 : 5;
}

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
	scope->measures = scope->measures == NULL ? palloc(sizeof(ScopeMeasure *)) :
		repalloc(scope->measures, (scope->nmeasures + 1) * sizeof(ScopeMeasure *));
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
	scope->pairs = scope->pairs == NULL ? palloc(sizeof(ScopePair)) :
		repalloc(scope->pairs, (scope->npairs + 1) * sizeof(ScopePair));
	pair = &scope->pairs[scope->npairs];
	pair->asked = asked;
	pair->answered = answered;
	pair->same = name == NULL ? NULL : pstrdup(name);
	MemoryContextSwitchTo(old);
	return scope->npairs++;
}

void
cd_scope_begin(CdScope *scope, const Datum *events, int nrows)
{
	int			i;

	MemoryContextReset(scope->block);
	scope->left = 0;
	scope->events = events;
	scope->nrows = nrows;
	scope->open = 0;
	for (i = 0; i < scope->npatterns; i++)
		scope->patterns[i]->known = 0;
	for (i = 0; i < scope->nmeasures; i++)
		scope->measures[i]->known = 0;
	for (i = 0; i < scope->nfields; i++)
		scope->fields[i]->known = 0;
	for (i = 0; i < scope->nmoments; i++)
		scope->moments[i]->known = 0;
}

/* Open a timeline and find its kinds. */
static void
open_row(CdScope *scope, ScopeRow *row)
{
	CdKindScan	scan;
	int			i,
				k;

	/* What comes next may be on its way from memory meanwhile. */
	if (row + AHEAD < scope->rows + scope->nrows)
	{
		const char *bytes = DatumGetPointer(scope->events[row + AHEAD - scope->rows]);

		for (i = 0; i < 4; i++)
			__builtin_prefetch(bytes + i * 64);
	}
	cd_timeline_open(&row->timeline, (struct varlena *) DatumGetPointer(scope->events[row - scope->rows]));
	row->kinds = get(scope, row->timeline.nkinds * sizeof(CdKind));
	row->times = get(scope, row->timeline.nkinds * sizeof(TimestampTz *));
	row->named = get(scope, scope->nnames * sizeof(int16));
	if (scope->nnames > 0)
		memset(row->named, -1, scope->nnames * sizeof(int16));
	if (row->timeline.nevents > 0)
	{
		cd_kind_scan_begin(&row->timeline, &scan);
		for (k = 0; cd_kind_scan_next(&row->timeline, &scan, &row->kinds[k]); k++)
		{
			const CdKind *kind = &row->kinds[k];

			uint64		key = cd_load64((const uint8 *) kind->name);

			if (kind->namelen < 8)
				key &= (UINT64CONST(1) << (8 * kind->namelen)) - 1;
			row->times[k] = NULL;
			for (i = 0; i < scope->nnames; i++)
				if (scope->names[i].len == kind->namelen && scope->names[i].key == key &&
					(kind->namelen <= 8 || memcmp(scope->names[i].str + 8, kind->name + 8, kind->namelen - 8) == 0))
				{
					row->named[i] = k;
					break;
				}
		}
	}
	scope->open |= BIT(row - scope->rows);
}

/* When the events of a kind happened. */
static TimestampTz *
kind_times(CdScope *scope, ScopeRow *row, int k)
{
	const CdKind *kind = &row->kinds[k];

	if (row->times[k] == NULL)
	{
		TimestampTz *at = get(scope, kind->n * sizeof(TimestampTz));
		int			i;

		cd_kind_offsets(kind, (uint64 *) at);
		for (i = 0; i < kind->n; i++)
			at[i] = (TimestampTz) ((uint64) row->timeline.base + (uint64) at[i] * (uint64) row->timeline.unit);
		row->times[k] = at;
	}
	return row->times[k];
}

/* Which literal each code of a column stands for. */
static void
find_codes(const ScopeField *field, const CdColumn *column, const CdDict *dict, uint8 *literals)
{
	int			i;

	memset(literals, NO_LITERAL, 1 << CODE_BITS);
	for (i = 0; i < field->nliterals; i++)
	{
		bool		found;
		int64		code = cd_dict_find(dict, field->literals[i]->str, field->literals[i]->len, &found) - column->base;

		if (!found || code < 0)
			continue;
		code += column->nullable ? 1 : 0;
		if (code < 1 << CODE_BITS)
			literals[code] = i;
	}
}

/*
 * Part the events of a kind by the text of a property, in one pass for all
 * texts that patterns ask for.
 */
static void
part_events(CdScope *scope, const ScopeField *field, int number, int k, const CdColumn *column, const CdDict *dict)
{
	const TimestampTz *at = kind_times(scope, &scope->rows[number], k);
	Matches    *matches = field->rows[number].matches;
	int			n = scope->rows[number].kinds[k].n;
	uint8	   *literal = get(scope, n);
	uint8		literals[1 << CODE_BITS];
	int			i;

	find_codes(field, column, dict, literals);
	for (i = 0; i < n; i++)
	{
		literal[i] = literals[cd_column_code(column, i)];
		if (literal[i] != NO_LITERAL)
			matches[literal[i]].n++;
	}
	for (i = 0; i < field->nliterals; i++)
	{
		matches[i].at = get(scope, matches[i].n * sizeof(TimestampTz));
		matches[i].place = get(scope, matches[i].n * sizeof(int));
		matches[i].n = 0;
	}
	for (i = 0; i < n; i++)
		if (literal[i] != NO_LITERAL)
		{
			Matches    *of = &matches[literal[i]];

			of->at[of->n] = at[i];
			of->place[of->n++] = i;
		}
}

/* Find the column of a property and what its texts part the events into. */
static void
find_field(CdScope *scope, ScopeField *field, int number, int k)
{
	const ScopeRow *row = &scope->rows[number];
	int			property = cd_timeline_find_property(&row->timeline, field->property, field->len);
	CdColumn	column;
	CdColumn	text;
	const uint8 *pos;
	int			ncolumns;
	int			found = 0;
	int			i;

	field->known |= BIT(number);
	field->rows[number].state = FIELD_ABSENT;
	field->rows[number].matches = get(scope, field->nliterals * sizeof(Matches));
	for (i = 0; i < field->nliterals; i++)
	{
		field->rows[number].matches[i].n = 0;
		field->rows[number].matches[i].one = k;
	}
	if (property < 0)
		return;
	for (pos = cd_kind_columns(&row->kinds[k], &ncolumns); ncolumns > 0; ncolumns--)
	{
		pos = cd_kind_next_column(&row->kinds[k], pos, &column);
		if (column.which > property + CD_COL_PROPERTY)
			break;
		if (column.which != property + CD_COL_PROPERTY)
			continue;
		text = column;
		found++;
	}
	if (found == 1 && text.type == CD_TYPE_TEXT && text.width <= CODE_BITS)
	{
		CdDict		dict;

		cd_dict_open(&row->timeline, property + CD_COL_PROPERTY, &dict);
		part_events(scope, field, number, k, &text, &dict);
		field->rows[number].state = FIELD_TEXT;
	}
	else if (found > 0)
		field->rows[number].state = FIELD_OTHER;
}

/* Append what a pattern means among the events of one kind. */
static void
match_kind(CdScope *scope, const ScopePattern *pattern, int number, int k, Matches *matches)
{
	ScopeRow   *row = &scope->rows[number];
	CdMatcher	matcher;
	TimestampTz *at;
	int			i;

	if (!cd_pattern_bind_kind(pattern->pattern, &row->kinds[k], &matcher))
		return;
	at = kind_times(scope, row, k);
	for (i = 0; i < matcher.to; i++)
		if (cd_matcher_test(&matcher, i))
		{
			matches->at[matches->n] = at[i];
			matches->kind[matches->n] = k;
			matches->place[matches->n++] = i;
		}
}

/* A match, while those of several kinds are put in order. */
typedef struct Match
{
	TimestampTz at;
	int			kind;
	int			place;
} Match;

static int
compare_matches(const void *a, const void *b)
{
	const Match *x = a;
	const Match *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

/* Put the matches of several kinds in order of time. */
static void
sort_matches(CdScope *scope, Matches *matches)
{
	Match	   *list = get(scope, matches->n * sizeof(Match));
	int			i;

	for (i = 0; i < matches->n; i++)
	{
		Match		match = {matches->at[i], matches->kind[i], matches->place[i]};
		int			k = i;

		/* Few events are put in their place one by one. */
		if (matches->n <= 64)
			for (; k > 0 && list[k - 1].at > match.at; k--)
				list[k] = list[k - 1];
		list[k] = match;
	}
	if (matches->n > 64)
		qsort(list, matches->n, sizeof(Match), compare_matches);
	for (i = 0; i < matches->n; i++)
	{
		matches->at[i] = list[i].at;
		matches->kind[i] = list[i].kind;
		matches->place[i] = list[i].place;
	}
}

/* Append all events of a kind. */
static void
take_kind(CdScope *scope, ScopeRow *row, int k, Matches *matches)
{
	const TimestampTz *at = kind_times(scope, row, k);
	int			i;

	for (i = 0; i < row->kinds[k].n; i++)
	{
		matches->at[matches->n] = at[i];
		matches->kind[matches->n] = k;
		matches->place[matches->n++] = i;
	}
}

/* The events a pattern means, found once per timeline. */
static void
find_matches(CdScope *scope, const ScopePattern *pattern, int number, Matches *matches)
{
	ScopeRow   *row = &scope->rows[number];
	MemoryContext old;
	int			from = 0,
				to;
	int			size;
	int			kinds = 0;
	int			k;

	if ((scope->open & BIT(number)) == 0)
		open_row(scope, row);
	to = row->timeline.nkinds;
	matches->n = 0;
	matches->one = -1;
	matches->place = NULL;
	if (pattern->name >= 0)
	{
		from = row->named[pattern->name];
		if (from < 0)
			return;
		to = from + 1;
		matches->one = from;
	}
	if (pattern->plain)
	{
		matches->n = row->kinds[from].n;
		matches->at = kind_times(scope, row, from);
		return;
	}
	if (pattern->field >= 0)
	{
		ScopeField *field = scope->fields[pattern->field];

		if ((field->known & BIT(number)) == 0)
			find_field(scope, field, number, from);
		if (field->rows[number].state != FIELD_OTHER)
		{
			*matches = field->rows[number].matches[pattern->literal];
			return;
		}
	}
	if (from == to)
		return;

	old = MemoryContextSwitchTo(scope->block);
	size = pattern->name >= 0 ? row->kinds[from].n : row->timeline.nevents;
	matches->at = get(scope, size * sizeof(TimestampTz));
	matches->kind = get(scope, size * sizeof(int));
	matches->place = get(scope, size * sizeof(int));
	for (k = from; k < to; k++)
	{
		int			before = matches->n;

		if (pattern->every)
			take_kind(scope, row, k, matches);
		else
			match_kind(scope, pattern, number, k, matches);
		kinds += matches->n > before;
	}
	if (kinds > 1)
		sort_matches(scope, matches);
	MemoryContextSwitchTo(old);
}

static inline Matches *
get_matches(CdScope *scope, int pattern, int row)
{
	Matches    *matches = &scope->patterns[pattern]->rows[row];

	if ((scope->patterns[pattern]->known & BIT(row)) == 0)
	{
		find_matches(scope, scope->patterns[pattern], row, matches);
		scope->patterns[pattern]->known |= BIT(row);
	}
	return matches;
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

/* Since when there were so many days. */
static void
reach_days(CdScope *scope, const ScopeMeasure *measure, const Matches *matches, Reached *reached)
{
	int			size = (int) Min(measure->most + 1, (double) matches->n);
	uint64	   *seen = get(scope, Max(size, 1) * sizeof(uint64));
	int			i;

	reached->at = get(scope, Max(size, 1) * sizeof(TimestampTz));
	for (i = matches->n - 1; i >= 0 && reached->n < size; i--)
		if (is_new(seen, reached->n, (uint64) local_day(matches->at[i])))
			reached->at[reached->n++] = matches->at[i];
}

/* A column of one kind, looked up once for a run of events. */
typedef struct KindColumn
{
	int			kind;
	int			type;
	bool		found;
	CdColumn	column;
} KindColumn;

static bool
get_column(const ScopeRow *row, int kind, int which, int type, KindColumn *cache)
{
	if (cache->kind != kind)
	{
		cache->kind = kind;
		cache->found = cd_kind_find_column(&row->kinds[kind], which, type, &cache->column);
	}
	return cache->found;
}

/* The column a property has in a timeline, -1 for none. */
static int
column_of(const ScopeRow *row, const ScopeMeasure *measure)
{
	int			which = measure->of.which;

	if (measure->what == CD_MEASURE_DISTINCT && strcmp(measure->name, "event_id") == 0)
		return CD_COL_EVENT_ID;
	if (which != CD_COL_PROPERTY)
		return which;
	which = cd_timeline_find_property(&row->timeline, measure->of.name, measure->of.len);
	return which < 0 ? -1 : which + CD_COL_PROPERTY;
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
reach_distinct(CdScope *scope, const ScopeMeasure *measure, const ScopeRow *row, const Matches *matches,
			   Reached *reached)
{
	int			most = (int) Min(measure->most + 1, (double) matches->n * 4);
	int			which = column_of(row, measure);
	KindColumn	columns[CD_TYPE_JSON + 1];
	uint64	   *seen[CD_TYPE_JSON + 1];
	int			counts[CD_TYPE_JSON + 1] = {0};
	int			type,
				i;

	if (which < 0 || most <= 0)
		return;
	reached->at = get(scope, (most + CD_TYPE_JSON) * sizeof(TimestampTz));
	for (type = CD_TYPE_TEXT; type <= CD_TYPE_JSON; type++)
	{
		columns[type].kind = -1;
		seen[type] = get(scope, most * sizeof(uint64));
	}
	for (i = matches->n - 1; i >= 0 && reached->n < most; i--)
		for (type = CD_TYPE_TEXT; type <= CD_TYPE_JSON && reached->n < most; type++)
		{
			int			place = match_place_of(matches, i);
			uint64		key;
			int64		integer;
			double		number;

			if (!get_column(row, match_kind_of(matches, i), which, type, &columns[type]))
				continue;
			if (type == CD_TYPE_NUMBER && which != CD_COL_EVENT_ID)
			{
				if (!cd_column_number(&columns[type].column, place, &number))
					continue;
				memcpy(&key, &number, sizeof(key));
			}
			else if (cd_column_integer(&columns[type].column, place, &integer))
				key = (uint64) integer;
			else
				continue;
			if (is_new(seen[type], counts[type], key))
			{
				counts[type]++;
				reached->at[reached->n++] = matches->at[i];
			}
		}
}

/* Since when a sum was as much, if no number in it is negative or no short decimal. */
static void
reach_sum(CdScope *scope, const ScopeMeasure *measure, const ScopeRow *row, const Matches *matches, Reached *reached)
{
	static const int64 power10[CD_MAX_SCALE + 1] = {1, 10, 100, 1000, 10000, 100000, 1000000};
	int			which = column_of(row, measure);
	KindColumn	column = {.kind = -1};
	__int128	exact = 0;
	int			scale = 0;
	int			i;

	if (which < 0)
		return;
	reached->at = get(scope, Max(matches->n, 1) * sizeof(TimestampTz));
	reached->total = get(scope, Max(matches->n, 1) * sizeof(double));
	for (i = matches->n - 1; i >= 0; i--)
	{
		int64		number;

		if (!get_column(row, match_kind_of(matches, i), which, CD_TYPE_NUMBER, &column))
			continue;
		if (column.column.raw || column.column.base < 0)
		{
			reached->slow = true;
			return;
		}
		if (!cd_column_integer(&column.column, match_place_of(matches, i), &number))
			continue;
		if (column.column.scale > scale)
		{
			exact *= power10[column.column.scale - scale];
			scale = column.column.scale;
		}
		exact += (__int128) number * power10[scale - column.column.scale];
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
		const Matches *matches = get_matches(scope, measure->pattern, number);

		reached->n = 0;
		reached->slow = false;
		reached->total = NULL;
		if (matches->n > 0)
			switch (measure->what)
			{
				case CD_MEASURE_DAYS:
					reach_days(scope, measure, matches, reached);
					break;
				case CD_MEASURE_DISTINCT:
					reach_distinct(scope, measure, &scope->rows[number], matches, reached);
					break;
				default:
					reach_sum(scope, measure, &scope->rows[number], matches, reached);
					break;
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
		const Matches *matches = get_matches(scope, measure->pattern, row);
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
	scope->moments = scope->moments == NULL ? palloc(sizeof(ScopeMoment *)) :
		repalloc(scope->moments, (scope->nmoments + 1) * sizeof(ScopeMoment *));
	scope->moments[scope->nmoments] = entry;
	MemoryContextSwitchTo(old);
	return scope->nmoments++;
}

/* The last event that was not answered. */
static TimestampTz
find_unanswered(CdScope *scope, const ScopePair *pair, int row)
{
	MemoryContext old;
	TimestampTz at;

	if (get_matches(scope, pair->asked, row)->n == 0)
		return DT_NOBEGIN;
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
		case CD_MOMENT_LAST:
			matches = get_matches(scope, moment->number, row);
			moment->at[row] = matches->n > 0 ? matches->at[matches->n - 1] : DT_NOBEGIN;
			break;
		case CD_MOMENT_FIRST:
			matches = get_matches(scope, moment->number, row);
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

	if (last != NULL)
		cd_window_last(&window, last, now);
	else
		cd_window_all(&window);
	answer = cd_event_sum_compare(&scope->rows[row].timeline, scope->patterns[measure->pattern]->pattern, &window,
								  &measure->of, ops[strategy - BTLessStrategyNumber], amount);
	MemoryContextSwitchTo(old);
	return answer;
}
