/*
 * ask.c
 *		Ask the steps of conditions of a block of customers.
 *
 * A leaf's answer holds until a moment.  AND is false as long as any part of
 * it is, so it holds until the latest moment among the parts that are false,
 * and until the earliest one while all are true; OR the other way round.
 * Beyond the first part that decides only parts that cannot fail are asked,
 * and only where that one's answer will expire.
 */
#include "postgres.h"

#include "segment/step.h"

#include <math.h>

#include "access/stratnum.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#define BIT(row)		(UINT64CONST(1) << (row))

/* Walk over the customers of a mask. */
#define FOR_EACH(row, mask) \
	for (uint64 rest_ = (mask); rest_ != 0 && ((row) = __builtin_ctzll(rest_), true); rest_ &= rest_ - 1)

/* The fetched column of an attribute. */
static int
place_of(CdRun *run, AttrNumber attno)
{
	int			i;

	for (i = 0; i < run->nfetched; i++)
		if (run->fetched[i] == attno)
			return i;
	ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("column %d of profile was not read", attno)));
	return -1;
}

/* Find the columns that leaves look at. */
static void
make_ready(CdProgram *program)
{
	CdRun	   *run = program->run;
	ListCell   *cell;
	int			i;

	for (i = 0; i < program->nspans; i++)
		program->span_ready[i] = false;
	foreach(cell, program->leaves)
	{
		Leaf	   *leaf = lfirst(cell);

		if (leaf->attno > 0 && leaf->attno <= run->natts)
		{
			i = place_of(run, leaf->attno);
			leaf->values = run->values[i];
			leaf->nulls = run->nulls[i];
		}
	}
	program->ready = true;
}

/* A window at the moment of the run, NULL for everything; one that reaches too far fails here. */
static const CdSpan *
get_span(CdProgram *program, int number)
{
	if (number >= 0 && !program->span_ready[number])
	{
		Interval	span = program->spans[number].span;

		cd_span_begin(&program->spans[number], &span, program->run->now);
		program->span_ready[number] = true;
	}
	return number >= 0 ? &program->spans[number] : NULL;
}

void
cd_program_begin(CdProgram *program, int first, int count)
{
	CdRun	   *run = program->run;
	ListCell   *cell;
	int			row;

	if (!program->ready)
		make_ready(program);
	program->first = first;
	program->count = count;
	program->row = first;
	program->next_event = run->future + first;
	program->future = false;
	for (row = 0; row < count; row++)
		program->future |= program->next_event[row] != DT_NOEND;
	foreach(cell, program->leaves)
		((Leaf *) lfirst(cell))->asked = 0;
	cd_scope_begin(program->scope, run->events ? run->values[run->events_place] + first : NULL);
	if (program->uses_slot)
		for (row = 0; row < count; row++)
			cd_fill_slot(run, run->slots[row], first + row);
}

int
cd_program_row(const CdProgram *program)
{
	return program->row;
}

/* Compare as a btree strategy says. */
#define COMPARES(strategy, a, b) \
	((strategy) == BTLessStrategyNumber ? (a) < (b) : (strategy) == BTLessEqualStrategyNumber ? (a) <= (b) : \
	 (strategy) == BTEqualStrategyNumber ? (a) == (b) : (strategy) == BTGreaterEqualStrategyNumber ? (a) >= (b) : (a) > (b))

/* Is a customer in another segment, as far as this run knows? */
static uint64
ask_segment(CdProgram *program, const Leaf *leaf, uint64 customers)
{
	CdRun	   *run = program->run;
	const CdNeed *segment = leaf->segment;
	uint64		yes = 0;
	int			row;

	FOR_EACH(row, customers)
	{
		uint8		answer = segment->asked ? segment->asked->answers[program->first + row] : ANSWER_NONE;

		if (answer == ANSWER_NONE ? cd_stored_member(leaf->segment, run->ids[program->first + row]) : answer == ANSWER_TRUE)
			yes |= BIT(row);
	}
	return yes;
}

/* Compare a column of integers, dates or moments. */
static uint64
ask_integer(CdProgram *program, const Leaf *leaf, uint64 customers)
{
	const Datum *values = leaf->values + program->first;
	int64		integer = leaf->integer;
	uint64		yes = 0;
	int			row;

	FOR_EACH(row, customers)
	{
		int64		value = leaf->width == 8 ? DatumGetInt64(values[row]) :
			leaf->width == 4 ? DatumGetInt32(values[row]) : DatumGetInt16(values[row]);

		if (COMPARES(leaf->strategy, value, integer))
			yes |= BIT(row);
	}
	return yes;
}

/* Compare a column of numbers; NaN is greater than any. */
static uint64
ask_number(CdProgram *program, const Leaf *leaf, uint64 customers)
{
	const Datum *values = leaf->values + program->first;
	double		number = leaf->number;
	uint64		yes = 0;
	int			row;

	FOR_EACH(row, customers)
	{
		double		value = DatumGetFloat8(values[row]);

		if (unlikely(isnan(value)) ? leaf->strategy >= BTGreaterEqualStrategyNumber : COMPARES(leaf->strategy, value, number))
			yes |= BIT(row);
	}
	return yes;
}

/* Is a text column one of some texts? */
static uint64
ask_text(CdProgram *program, const Leaf *leaf, uint64 customers)
{
	const Datum *values = leaf->values + program->first;
	uint64		yes = 0;
	int			row,
				i;

	FOR_EACH(row, customers)
	{
		const struct varlena *value = (const struct varlena *) DatumGetPointer(values[row]);
		Size		len = VARSIZE_ANY_EXHDR(value);

		for (i = 0; i < leaf->ntexts; i++)
			if (VARSIZE(leaf->texts[i]) - VARHDRSZ == len &&
				memcmp(VARDATA(leaf->texts[i]), VARDATA_ANY(value), len) == 0)
			{
				yes |= BIT(row);
				break;
			}
	}
	return yes;
}

/* moment <op> as_of() - span */
static bool
compare_moment(const Leaf *leaf, const CdSpan *span, TimestampTz at, TimestampTz *until)
{
	TimestampTz next = TIMESTAMP_NOT_FINITE(at) ? at : at + 1;
	TimestampTz first,
				second;
	bool		a,
				b;

	switch (leaf->strategy)
	{
		case BTGreaterStrategyNumber:
			return cd_span_after(span, at, until);
		case BTLessEqualStrategyNumber:
			return !cd_span_after(span, at, until);
		case BTGreaterEqualStrategyNumber:
			return cd_span_after(span, next, until);
		case BTLessStrategyNumber:
			return !cd_span_after(span, next, until);
		default:
			a = cd_span_after(span, at, &first);
			b = cd_span_after(span, next, &second);
			*until = Min(first, second);
			return b && !a;
	}
}

/* Compare moments with one that moves; no moment, no answer. */
static uint64
ask_moment(CdProgram *program, Leaf *leaf, uint64 customers, uint64 *unknown)
{
	const CdSpan *span = get_span(program, leaf->span);
	uint64		yes = 0;
	int			row;

	FOR_EACH(row, customers)
	{
		TimestampTz at;

		leaf->until[row] = DT_NOEND;
		if (leaf->source == FROM_COLUMN)
		{
			if (leaf->nulls[program->first + row])
			{
				*unknown |= BIT(row);
				continue;
			}
			at = DatumGetTimestampTz(leaf->values[program->first + row]);
		}
		else
		{
			at = leaf->source == FROM_LAST ? cd_scope_last(program->scope, leaf->pattern, row) :
				cd_scope_first(program->scope, leaf->pattern, row);
			if (TIMESTAMP_NOT_FINITE(at))
			{
				*unknown |= BIT(row);
				continue;
			}
		}
		if (leaf->past && at > span->now)
			leaf->until[row] = at;
		else if (compare_moment(leaf, span, at, &leaf->until[row]))
			yes |= BIT(row);
	}
	return yes;
}

/* Is there such an event, in the window? */
static uint64
ask_happened(CdProgram *program, Leaf *leaf, uint64 customers)
{
	const CdSpan *span = get_span(program, leaf->span);
	uint64		yes = 0;
	int			row;

	FOR_EACH(row, customers)
	{
		TimestampTz at = cd_scope_last(program->scope, leaf->pattern, row);

		leaf->until[row] = DT_NOEND;
		if (span == NULL ? at != DT_NOBEGIN : cd_span_after(span, at, &leaf->until[row]))
			yes |= BIT(row);
	}
	return yes;
}

/* Does a measure of the events in the window compare with a number? */
static uint64
ask_reached(CdProgram *program, Leaf *leaf, uint64 customers)
{
	const CdSpan *span = get_span(program, leaf->span);
	int			strategy = leaf->strategy;
	bool		strict = strategy == BTGreaterStrategyNumber || strategy == BTLessEqualStrategyNumber;
	bool		negate = strategy == BTLessStrategyNumber || strategy == BTLessEqualStrategyNumber;
	uint64		yes = 0;
	int			row;

	FOR_EACH(row, customers)
	{
		TimestampTz at;
		TimestampTz *until = &leaf->until[row];
		bool		answer;

		*until = DT_NOEND;
		program->row = program->first + row;
		if (!cd_scope_reached(program->scope, leaf->measure, row, leaf->number, strict, &at))
		{
			cd_validity_reset();
			answer = cd_scope_compare(program->scope, leaf->measure, row, span ? &span->span : NULL,
									  program->run->now, strategy, leaf->number);
			*until = cd_validity();
		}
		else
		{
			answer = span == NULL ? at != DT_NOBEGIN : cd_span_after(span, at, until);
			if (strategy == BTEqualStrategyNumber && answer)
			{
				/* As many, and not more. */
				TimestampTz more;
				TimestampTz holds = DT_NOEND;

				(void) cd_scope_reached(program->scope, leaf->measure, row, leaf->number, true, &more);
				if (span == NULL ? more != DT_NOBEGIN : cd_span_after(span, more, &holds))
				{
					answer = false;
					*until = holds;
				}
				else
					*until = Min(*until, holds);
			}
			if (negate)
				answer = !answer;
		}
		if (answer)
			yes |= BIT(row);
	}
	return yes;
}

/* Ask whatever else there is. */
static void
ask_expr(CdProgram *program, Leaf *leaf, uint64 customers)
{
	CdRun	   *run = program->run;
	int			row;

	FOR_EACH(row, customers)
	{
		Datum		value;
		bool		isnull;

		program->row = program->first + row;
		cd_validity_reset();
		run->econtext->ecxt_scantuple = run->slots[row];
		value = ExecEvalExprSwitchContext(leaf->state, run->econtext, &isnull);
		leaf->until[row] = cd_validity();
		leaf->yes &= ~BIT(row);
		leaf->no &= ~BIT(row);
		if (!isnull)
		{
			if (DatumGetBool(value))
				leaf->yes |= BIT(row);
			else
				leaf->no |= BIT(row);
		}
		leaf->asked |= BIT(row);
	}
	ResetExprContext(run->econtext);
}

/* Take the customers out of a mask whose column is NULL. */
static uint64
without_nulls(CdProgram *program, const Leaf *leaf, uint64 customers)
{
	const bool *nulls = leaf->nulls + program->first;
	uint64		known = customers;
	int			row;

	FOR_EACH(row, customers)
		if (nulls[row])
			known &= ~BIT(row);
	return known;
}

/* Ask a leaf of those customers it was not asked of before. */
static void
ask_leaf(CdProgram *program, Leaf *leaf, uint64 customers)
{
	uint64		fresh = customers & ~leaf->asked;
	uint64		unknown = 0;
	uint64		yes = 0;
	int			row;

	if (fresh == 0)
		return;
	program->row = program->first + __builtin_ctzll(fresh);
	switch (leaf->kind)
	{
		case LEAF_EXPR:
			ask_expr(program, leaf, fresh);
			break;
		case LEAF_SEGMENT:
			yes = ask_segment(program, leaf, fresh);
			break;
		case LEAF_NULL:
			yes = without_nulls(program, leaf, fresh);
			if (leaf->strategy)
				yes = fresh & ~yes;
			break;
		case LEAF_BOOL:
			unknown = fresh & ~without_nulls(program, leaf, fresh);
			FOR_EACH(row, fresh & ~unknown)
				if (DatumGetBool(leaf->values[program->first + row]))
					yes |= BIT(row);
			break;
		case LEAF_INTEGER:
			unknown = fresh & ~without_nulls(program, leaf, fresh);
			yes = ask_integer(program, leaf, fresh & ~unknown);
			break;
		case LEAF_NUMBER:
			unknown = fresh & ~without_nulls(program, leaf, fresh);
			yes = ask_number(program, leaf, fresh & ~unknown);
			break;
		case LEAF_TEXT:
			unknown = fresh & ~without_nulls(program, leaf, fresh);
			yes = ask_text(program, leaf, fresh & ~unknown);
			break;
		case LEAF_MOMENT:
			yes = ask_moment(program, leaf, fresh, &unknown);
			break;
		case LEAF_HAPPENED:
			yes = ask_happened(program, leaf, fresh);
			break;
		case LEAF_REACHED:
			yes = ask_reached(program, leaf, fresh);
			break;
	}
	if (leaf->kind != LEAF_EXPR)
	{
		leaf->yes = (leaf->yes & ~fresh) | yes;
		leaf->no = (leaf->no & ~fresh) | (fresh & ~yes & ~unknown);
		leaf->asked |= fresh;
	}

	/* An event that is known of, but still to come, may change any answer. */
	if (leaf->events && program->future)
		FOR_EACH(row, fresh)
			leaf->until[row] = leaf->timeless ? program->next_event[row] : Min(leaf->until[row], program->next_event[row]);
}

/* Do answers of a step hold until something new arrives? */
static inline bool
is_timeless(const CdProgram *program, const CdStep *step)
{
	return step->timeless && !(step->events && program->future);
}

static inline const TimestampTz *
until_of(const CdStep *step)
{
	return step->leaf ? step->leaf->until : step->until;
}

static uint64 ask_step(CdProgram *program, CdStep *step, uint64 customers);

/* Ask the parts of AND or OR of some customers. */
static uint64
ask_parts(CdProgram *program, CdStep *step, uint64 customers)
{
	bool		timeless = is_timeless(program, step);
	uint64		open = customers;	/* not decided yet */
	uint64		expiring = 0;	/* decided, but not for ever */
	TimestampTz *until = step->until;
	int			row,
				i;

	if (!timeless)
		for (row = 0; row < CD_BLOCK; row++)
			until[row] = DT_NOEND;
	for (i = 0; i < step->n && (open | expiring) != 0; i++)
	{
		CdStep	   *part = step->parts[i];
		uint64		asked = open | (part->safe ? expiring : 0);
		const TimestampTz *holds;
		uint64		decides;

		if (asked == 0)
			continue;
		decides = ask_step(program, part, asked);
		if (step->all)
			decides = asked & ~decides;
		if (is_timeless(program, part))
		{
			if (!timeless)
				FOR_EACH(row, decides)
					until[row] = DT_NOEND;
			expiring &= ~decides;
			open &= ~decides;
			continue;
		}
		holds = until_of(part);
		FOR_EACH(row, open & ~decides)
			until[row] = Min(until[row], holds[row]);
		FOR_EACH(row, decides)
		{
			until[row] = (open & BIT(row)) != 0 ? holds[row] : Max(until[row], holds[row]);
			if (until[row] == DT_NOEND)
				expiring &= ~BIT(row);
			else
				expiring |= BIT(row);
		}
		open &= ~decides;
	}
	return step->all ? open : customers & ~open;
}

/* Ask a step of some customers: for whom does it hold? */
static uint64
ask_step(CdProgram *program, CdStep *step, uint64 customers)
{
	Leaf	   *leaf = step->leaf;

	if (leaf == NULL)
		return ask_parts(program, step, customers);
	ask_leaf(program, leaf, customers);
	switch (step->mode)
	{
		case IS_TRUE:
			return customers & leaf->yes;
		case IS_FALSE:
			return customers & leaf->no;
		case IS_NOT_TRUE:
			return customers & ~leaf->yes;
		default:
			return customers & ~leaf->no;
	}
}

uint64
cd_program_ask(CdProgram *program, CdStep *step, uint64 customers, const TimestampTz **until)
{
	uint64		yes = ask_step(program, step, customers);

	*until = is_timeless(program, step) ? NULL : until_of(step);
	return yes;
}
