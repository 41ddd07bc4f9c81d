/*
 * scope_match.c
 *		The timelines of a block of customers: which events patterns mean.
 *
 * Each timeline is opened once, its kinds are found once, and what patterns
 * look at together is worked out once: the events of a kind, and those parted
 * by the texts of a property.
 */
#include "postgres.h"

#include "segment/scope_match.h"
#include "timeline/timeline_format.h"

#include "utils/memutils.h"

#define PIECE		8192
#define AHEAD		4

/* Texts of a property by their code, as far as codes have so many bits. */
#define CODE_BITS		8
#define NO_LITERAL		255

void *
cd_scope_get(CdScope *scope, Size size)
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
	CD_GROW(scope->names, scope->nnames);
	scope->names[scope->nnames] = *name;
	return scope->nnames++;
}

/* The number of a property, noted once. */
static int
note_property(CdScope *scope, const char *name, int len)
{
	ScopeProperty *property;
	int			i;

	for (i = 0; i < scope->nproperties; i++)
		if (scope->properties[i]->len == len && memcmp(scope->properties[i]->name, name, len) == 0)
			return i;
	property = palloc0(sizeof(ScopeProperty));
	property->name = name;
	property->len = len;
	CD_GROW(scope->properties, scope->nproperties);
	scope->properties[scope->nproperties] = property;
	return scope->nproperties++;
}

/* The number of a property of a kind, noted once. */
static int
note_field(CdScope *scope, int name, int property)
{
	ScopeField *field;
	int			i;

	for (i = 0; i < scope->nfields; i++)
		if (scope->fields[i]->name == name && scope->fields[i]->property == property)
			return i;
	field = palloc0(sizeof(ScopeField));
	field->name = name;
	field->property = property;
	CD_GROW(scope->fields, scope->nfields);
	scope->fields[scope->nfields] = field;
	return scope->nfields++;
}

/* The number of a text that a property is compared with, noted once; -1 where there are too many. */
static int
note_literal(ScopeProperty *property, const CdLiteral *literal)
{
	int			i,
				k;

	for (i = 0; i < property->nliterals; i++)
		if (property->literals[i]->len == literal->len && memcmp(property->literals[i]->str, literal->str, literal->len) == 0)
			return i;
	if (i == NO_LITERAL)
		return -1;
	CD_GROW(property->literals, i);
	CD_GROW(property->order, i);
	property->literals[property->nliterals++] = literal;
	for (k = i; k > 0; k--)
	{
		const CdLiteral *before = property->literals[property->order[k - 1]];

		if (cd_compare_strings(before->str, before->len, literal->str, literal->len) <= 0)
			break;
		property->order[k] = property->order[k - 1];
	}
	property->order[k] = i;
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
			(only->conditions[0].op == CD_OP_EQ || only->conditions[0].op == CD_OP_IN || only->conditions[0].op == CD_OP_NE))
		{
			int			property = note_property(scope, only->conditions[0].name, only->conditions[0].namelen);

			entry->literal = note_literal(scope->properties[property], only->conditions[0].literals);
			entry->unlike = only->conditions[0].op == CD_OP_NE;
			if (entry->literal >= 0)
				entry->field = note_field(scope, entry->name, property);
		}
	}
	CD_GROW(scope->patterns, scope->npatterns);
	scope->patterns[scope->npatterns] = entry;
	MemoryContextSwitchTo(old);
	return scope->npatterns++;
}

int
cd_scope_cost(CdScope *scope, int pattern)
{
	return scope->patterns[pattern]->plain ? 1 : scope->patterns[pattern]->name >= 0 ? 3 : 5;
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
		scope->patterns[i]->known = scope->patterns[i]->ended = 0;
	for (i = 0; i < scope->nmeasures; i++)
		scope->measures[i]->known = 0;
	for (i = 0; i < scope->nfields; i++)
		scope->fields[i]->known = 0;
	for (i = 0; i < scope->nproperties; i++)
		scope->properties[i]->known = 0;
	for (i = 0; i < scope->nmoments; i++)
		scope->moments[i]->known = 0;
}

void
cd_scope_kinds(CdScope *scope, ScopeRow *row)
{
	CdKindScan	scan;
	int			k;

	row->kinds = cd_scope_get(scope, row->timeline.nkinds * sizeof(CdKind));
	if (row->timeline.nevents == 0)
		return;
	cd_kind_scan_begin(&row->timeline, &scan);
	for (k = 0; cd_kind_scan_next(&row->timeline, &scan, &row->kinds[k]); k++)
		;
}

void
cd_scope_open(CdScope *scope, ScopeRow *row)
{
	const struct varlena *value = (struct varlena *) DatumGetPointer(scope->events[row - scope->rows]);
	int			i,
				k;

	/* What comes next may be on its way from memory meanwhile. */
	if (row + AHEAD < scope->rows + scope->nrows)
	{
		const char *bytes = DatumGetPointer(scope->events[row + AHEAD - scope->rows]);

		for (i = 0; i < 4; i++)
			__builtin_prefetch(bytes + i * 64);
	}
	row->nparts = 1;
	if (unlikely(VARSIZE_ANY_EXHDR(value) > 0 && *VARDATA_ANY(value) == CD_TIMELINE_PARTS))
		cd_scope_open_parts(scope, row, value);
	else
	{
		cd_timeline_open(&row->timeline, value);
		cd_scope_kinds(scope, row);
	}
	row->times = cd_scope_get(scope, row->timeline.nkinds * sizeof(TimestampTz *));
	row->named = cd_scope_get(scope, scope->nnames * sizeof(int16));
	if (scope->nnames > 0)
		memset(row->named, -1, scope->nnames * sizeof(int16));
	for (k = 0; row->timeline.nevents > 0 && k < row->timeline.nkinds; k++)
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
	scope->open |= BIT(row - scope->rows);
}

TimestampTz *
cd_scope_kind_times(CdScope *scope, ScopeRow *row, int k)
{
	const CdKind *kind = &row->kinds[k];

	if (row->times[k] == NULL)
	{
		TimestampTz *at = cd_scope_get(scope, kind->n * sizeof(TimestampTz));
		int			i;

		if (row->nparts > 1)
			cd_scope_part_times(row, k, at);
		else
		{
			cd_kind_offsets(kind, (uint64 *) at);
			for (i = 0; i < kind->n; i++)
				at[i] = (TimestampTz) ((uint64) row->timeline.base + (uint64) at[i] * (uint64) row->timeline.unit);
		}
		row->times[k] = at;
	}
	return row->times[k];
}

/*
 * Find a property in an image, and its texts that patterns ask for in the
 * dictionary: both are in order, so a short one is read once.  Answers the
 * property's number, -1 where there is none.
 */
static int
find_texts(const ScopeProperty *property, const CdTimeline *timeline, int *place)
{
	int			number = cd_timeline_find_property(timeline, property->name, property->len);
	CdDict		dict;
	CdDictCursor cursor;
	const char *str;
	int			len;
	int			next = 0;
	int			i;

	for (i = 0; i < property->nliterals; i++)
		place[i] = -1;
	if (number < 0)
		return number;
	cd_dict_open(timeline, number + CD_COL_PROPERTY, &dict);
	if (dict.n > 16 * (property->nliterals + 1))
	{
		for (i = 0; i < property->nliterals; i++)
		{
			bool		found;
			int			at = cd_dict_find(&dict, property->literals[i]->str, property->literals[i]->len, &found);

			if (found)
				place[i] = at;
		}
		return number;
	}
	if (dict.n == 0)
		return number;
	cd_dict_seek(&dict, 0, &cursor);
	for (i = 0; next < property->nliterals && cd_dict_next(&cursor, &str, &len); i++)
		for (; next < property->nliterals; next++)
		{
			const CdLiteral *literal = property->literals[property->order[next]];
			int			c = cd_compare_strings(literal->str, literal->len, str, len);

			if (c > 0)
				break;
			if (c == 0)
				place[property->order[next]] = i;
		}
	if (cursor.buf != NULL)
		pfree(cursor.buf);
	return number;
}

/* The same of a customer's timeline, or of its first part. */
static void
find_property(CdScope *scope, ScopeProperty *property, int number)
{
	property->known |= BIT(number);
	property->rows[number].place = cd_scope_get(scope, property->nliterals * sizeof(int));
	property->rows[number].number = find_texts(property, &scope->rows[number].timeline, property->rows[number].place);
}

/*
 * Note of each event of a kind which text of a property it has, in one pass
 * for all texts that patterns ask for.
 */
static void
read_literals(const ScopeProperty *property, const int *place, const CdColumn *column, int n, uint8 *literal)
{
	uint8		literals[1 << CODE_BITS];
	int			i;

	memset(literals, NO_LITERAL, 1 << column->width);
	for (i = 0; i < property->nliterals; i++)
	{
		int64		code = (int64) place[i] - column->base + (column->nullable ? 1 : 0);

		if (place[i] >= 0 && code >= (column->nullable ? 1 : 0) && code < 1 << column->width)
			literals[code] = i;
	}
	for (i = 0; i < n; i++)
		literal[i] = literals[cd_column_code(column, i)];
}

int
cd_scope_columns(const CdKind *kind, int which, CdColumn columns[CD_TYPE_JSON + 1])
{
	CdColumn	column;
	CdColumnScan scan;
	int			n = 0;

	cd_kind_columns(kind, &scan);
	while (n <= CD_TYPE_JSON && cd_kind_next_column(kind, &scan, &column))
	{
		if (column.which > which)
			break;
		if (column.which == which)
			columns[n++] = column;
	}
	return n;
}

/* Find the column of a property, by its number in an image, and which texts the events of a kind have there. */
static FieldState
read_field(const ScopeProperty *property, int number, const int *place, const CdKind *kind, uint8 *literal, bool *every)
{
	CdColumn	columns[CD_TYPE_JSON + 1];
	int			found = number < 0 ? 0 : cd_scope_columns(kind, number + CD_COL_PROPERTY, columns);

	*every = false;
	if (found == 1 && columns->type == CD_TYPE_TEXT && columns->width <= CODE_BITS)
	{
		read_literals(property, place, columns, kind->n, literal);
		*every = !columns->nullable;
		return FIELD_TEXT;
	}
	return found > 0 ? FIELD_OTHER : FIELD_ABSENT;
}

/* Which texts the events of a kind have, in each part of a timeline. */
static FieldState
read_field_of_parts(const ScopeRow *row, const ScopeProperty *property, int number, int k, uint8 *literal, bool *every)
{
	FieldState	state = FIELD_ABSENT;
	int		   *place = palloc(Max(property->nliterals, 1) * sizeof(int));
	int			p;

	*every = true;
	for (p = 0; p < row->nparts && state != FIELD_OTHER; p++)
	{
		int			first;
		const CdKind *kind = cd_scope_part(row, p, k, &first);
		FieldState	here;
		bool		all;

		if (kind->n == 0)
			continue;
		if (p == 0)
			here = read_field(property, property->rows[number].number, property->rows[number].place, kind, literal, &all);
		else
		{
			int			in_part = find_texts(property, &row->parts[p].timeline, place);

			here = read_field(property, in_part, place, kind, literal + first, &all);
		}
		if (here == FIELD_ABSENT)
			memset(literal + first, NO_LITERAL, kind->n);
		else
			state = here;
		*every &= all;
	}
	pfree(place);
	return state;
}

/* Find which texts of a property the events of a kind have. */
static void
find_field(CdScope *scope, ScopeField *field, int number, int k)
{
	const ScopeRow *row = &scope->rows[number];
	ScopeProperty *property = scope->properties[field->property];
	uint8	   *literal;

	if ((property->known & BIT(number)) == 0)
		find_property(scope, property, number);
	field->known |= BIT(number);
	field->rows[number].state = FIELD_ABSENT;
	if (row->nparts == 1 && property->rows[number].number < 0)
		return;
	field->rows[number].literal = literal = cd_scope_get(scope, row->kinds[k].n);
	field->rows[number].state = row->nparts > 1 ?
		read_field_of_parts(row, property, number, k, literal, &field->rows[number].every) :
		read_field(property, property->rows[number].number, property->rows[number].place, &row->kinds[k], literal,
				   &field->rows[number].every);
}

/*
 * Of the events of kind k, can the texts noted tell which ones a pattern
 * means?  Finds them out if they are not yet.
 */
static bool
told_by_literals(CdScope *scope, const ScopePattern *pattern, int number, int k)
{
	ScopeField *field;

	if (pattern->field < 0)
		return false;
	field = scope->fields[pattern->field];
	if ((field->known & BIT(number)) == 0)
		find_field(scope, field, number, k);
	if (pattern->unlike)
		return field->rows[number].state == FIELD_TEXT && field->rows[number].every;
	return field->rows[number].state != FIELD_OTHER;
}

/* The events of a kind whose property is one text, or another one. */
static void
take_by_literals(CdScope *scope, const ScopePattern *pattern, int number, int k, Matches *matches)
{
	const ScopeField *field = scope->fields[pattern->field];
	const uint8 *literal = field->rows[number].literal;
	const TimestampTz *at;
	int			n = scope->rows[number].kinds[k].n;
	int			i;

	if (field->rows[number].state == FIELD_ABSENT)
		return;
	at = cd_scope_kind_times(scope, &scope->rows[number], k);
	matches->at = cd_scope_get(scope, n * sizeof(TimestampTz));
	matches->place = cd_scope_get(scope, n * sizeof(int));
	for (i = 0; i < n; i++)
		if ((literal[i] == pattern->literal) != pattern->unlike)
		{
			matches->at[matches->n] = at[i];
			matches->place[matches->n++] = i;
		}
}

/* Append what a pattern means among the events of one kind. */
static void
match_kind(CdScope *scope, const ScopePattern *pattern, int number, int k, Matches *matches)
{
	ScopeRow   *row = &scope->rows[number];
	int			p;

	for (p = 0; p < row->nparts; p++)
	{
		CdMatcher	matcher;
		TimestampTz *at;
		int			first;
		const CdKind *kind = cd_scope_part(row, p, k, &first);
		int			i;

		if (kind->n == 0 || !cd_pattern_bind_kind(pattern->pattern, kind, &matcher))
			continue;
		at = cd_scope_kind_times(scope, row, k) + first;
		for (i = 0; i < matcher.to; i++)
			if (cd_matcher_test(&matcher, i))
			{
				matches->at[matches->n] = at[i];
				matches->kind[matches->n] = k;
				matches->place[matches->n++] = first + i;
			}
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
	Match	   *list = cd_scope_get(scope, matches->n * sizeof(Match));
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
	const TimestampTz *at = cd_scope_kind_times(scope, row, k);
	int			i;

	for (i = 0; i < row->kinds[k].n; i++)
	{
		matches->at[matches->n] = at[i];
		matches->kind[matches->n] = k;
		matches->place[matches->n++] = i;
	}
}

void
cd_scope_find(CdScope *scope, const ScopePattern *pattern, int number, Matches *matches)
{
	ScopeRow   *row = &scope->rows[number];
	MemoryContext old;
	int			from = 0,
				to;
	int			size;
	int			kinds = 0;
	int			k;

	if ((scope->open & BIT(number)) == 0)
		cd_scope_open(scope, row);
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
		matches->at = cd_scope_kind_times(scope, row, from);
		return;
	}
	if (told_by_literals(scope, pattern, number, from))
	{
		take_by_literals(scope, pattern, number, from, matches);
		return;
	}
	if (from == to)
		return;

	old = MemoryContextSwitchTo(scope->block);
	size = pattern->name >= 0 ? row->kinds[from].n : row->timeline.nevents;
	matches->at = cd_scope_get(scope, size * sizeof(TimestampTz));
	matches->kind = cd_scope_get(scope, size * sizeof(int));
	matches->place = cd_scope_get(scope, size * sizeof(int));
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

/* ---- the last events ---- */

void
cd_scope_want_ends(CdScope *scope, int number, int most)
{
	ScopePattern *pattern = scope->patterns[number];
	Size		size = (Size) most * CD_BLOCK * sizeof(TimestampTz);

	if (most <= pattern->most)
		return;
	pattern->ends = pattern->ends == NULL ? MemoryContextAlloc(scope->context, size) : repalloc(pattern->ends, size);
	pattern->most = most;
	if (pattern->field >= 0 && !pattern->unlike)
	{
		ScopeField *field = scope->fields[pattern->field];
		MemoryContext old = MemoryContextSwitchTo(scope->context);

		/* Other texts of the property may have been noted since. */
		while (field->nends <= pattern->literal)
		{
			CD_GROW(field->ends, field->nends);
			field->ends[field->nends++] = NULL;
		}
		field->ends[pattern->literal] = pattern;
		MemoryContextSwitchTo(old);
	}
}

/* The ends of events that are listed. */
static void
take_ends(ScopePattern *pattern, int number, const TimestampTz *at, int n)
{
	TimestampTz *end = pattern->ends + number;
	int			i;

	for (i = 0; i < pattern->most; i++, end += CD_BLOCK)
		*end = i < n ? at[n - 1 - i] : DT_NOBEGIN;
	pattern->ended |= BIT(number);
}

/*
 * The ends of all patterns that ask for a text of a property, in one walk over
 * the events of the kind, from the last one back.
 */
static void
take_field_ends(CdScope *scope, const ScopeField *field, int number, int k)
{
	TimestampTz *end[NO_LITERAL];
	const TimestampTz *at;
	int			left[NO_LITERAL];
	int			open = 0;
	int			i,
				e;

	for (i = 0; i < field->nends; i++)
	{
		ScopePattern *pattern = field->ends[i];

		left[i] = 0;
		if (pattern == NULL)
			continue;
		left[i] = pattern->most;
		end[i] = pattern->ends + number;
		for (e = 0; e < pattern->most; e++)
			end[i][e * CD_BLOCK] = DT_NOBEGIN;
		pattern->ended |= BIT(number);
		open++;
	}
	if (field->rows[number].state == FIELD_ABSENT)
		return;
	at = cd_scope_kind_times(scope, &scope->rows[number], k);
	for (i = scope->rows[number].kinds[k].n - 1; i >= 0 && open > 0; i--)
	{
		uint8		literal = field->rows[number].literal[i];

		if (literal >= field->nends || left[literal] == 0)
			continue;
		*end[literal] = at[i];
		end[literal] += CD_BLOCK;
		if (--left[literal] == 0)
			open--;
	}
}

void
cd_scope_find_ends(CdScope *scope, ScopePattern *pattern, uint64 rows, int *at_work)
{
	for (; rows != 0; rows &= rows - 1)
	{
		int			number = __builtin_ctzll(rows);
		ScopeRow   *row = &scope->rows[number];
		int			k = -1;

		*at_work = number;
		if ((scope->open & BIT(number)) == 0)
			cd_scope_open(scope, row);
		if (pattern->name >= 0)
			k = row->named[pattern->name];
		if (pattern->name >= 0 && k < 0)
			take_ends(pattern, number, NULL, 0);
		else if (pattern->plain)
			take_ends(pattern, number, cd_scope_kind_times(scope, row, k), row->kinds[k].n);
		else if (!pattern->unlike && told_by_literals(scope, pattern, number, k))
			take_field_ends(scope, scope->fields[pattern->field], number, k);
		else
		{
			const Matches *matches = get_matches(scope, pattern, number);

			take_ends(pattern, number, matches->at, matches->n);
		}
	}
}
