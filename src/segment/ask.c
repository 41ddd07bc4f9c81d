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

#include "segment/block.h"
#include "segment/step.h"
#include "timeline/timeline.h"

#include <math.h>

#include "access/stratnum.h"
#include "common/int.h"
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
	program->row = 0;
	program->next_event = run->future + first;
	program->future = false;
	for (row = 0; row < count; row++)
		program->future |= program->next_event[row] != DT_NOEND;
	foreach(cell, program->leaves)
		((Leaf *) lfirst(cell))->asked = 0;
	cd_scope_begin(program->scope, run->events ? run->values[run->events_place] + first : NULL, count);
	program->filled = 0;
}

int
cd_program_row(const CdProgram *program)
{
	return program->first + program->row;
}

/* Is a customer in another segment, as far as this run knows? */
static bool
is_inside(CdProgram *program, CdNeed *segment, int row)
{
	uint8		answer = segment->asked ? segment->asked->answers[program->first + row] : ANSWER_NONE;

	return answer == ANSWER_NONE ? cd_stored_member(segment, program->run->ids[program->first + row]) : answer == ANSWER_TRUE;
}

static uint64
ask_segment(CdProgram *program, const Leaf *leaf, uint64 customers)
{
	uint64		yes = 0;
	int			row;

	FOR_EACH(row, customers)
		if (is_inside(program, leaf->segment, row))
			yes |= BIT(row);
	return yes;
}

/* Compare a column of integers, dates or moments: whatever the operator, a range of them. */
static uint64
ask_integer(CdProgram *program, const Leaf *leaf)
{
	const Datum *values = leaf->values + program->first;
	bool		least_open = leaf->strategy == BTLessStrategyNumber || leaf->strategy == BTLessEqualStrategyNumber;
	bool		most_open = leaf->strategy == BTGreaterStrategyNumber || leaf->strategy == BTGreaterEqualStrategyNumber;
	int64		least = least_open ? PG_INT64_MIN : leaf->integer;
	int64		most = most_open ? PG_INT64_MAX : leaf->integer;
	uint64		width;
	uint64		yes = 0;
	int			row;

	if (leaf->strategy == BTLessStrategyNumber && pg_sub_s64_overflow(most, 1, &most))
		return 0;
	if (leaf->strategy == BTGreaterStrategyNumber && pg_add_s64_overflow(least, 1, &least))
		return 0;
	width = (uint64) most - (uint64) least;
	switch (leaf->width)
	{
		case 8:
			StaticAssertStmt(sizeof(Datum) == sizeof(int64), "integers are passed by value");
			yes = cd_block->within((const int64 *) values, least, width);
			break;
		case 4:
			COLLECT(yes, program->count, (uint64) (int64) DatumGetInt32(values[row]) - (uint64) least <= width);
			break;
		default:
			COLLECT(yes, program->count, (uint64) (int64) DatumGetInt16(values[row]) - (uint64) least <= width);
			break;
	}
	return yes;
}

/* Compare a column of numbers; NaN is greater than any. */
static uint64
ask_number(CdProgram *program, const Leaf *leaf)
{
	const double *values = (const double *) (leaf->values + program->first);
	double		number = leaf->number;

	StaticAssertStmt(sizeof(Datum) == sizeof(double), "numbers are passed by value");
	switch (leaf->strategy)
	{
		case BTLessStrategyNumber:
			return cd_block->less(values, number, false);
		case BTLessEqualStrategyNumber:
			return cd_block->less(values, number, true);
		case BTEqualStrategyNumber:
			return cd_block->less(values, number, true) & ~cd_block->less(values, number, false);
		case BTGreaterEqualStrategyNumber:
			return ~cd_block->less(values, number, false);
		default:
			return ~cd_block->less(values, number, true);
	}
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

/* Take the customers out of a mask whose column is NULL. */
static uint64
without_nulls(CdProgram *program, const Leaf *leaf, uint64 customers)
{
	return customers & ~cd_block->set(leaf->nulls + program->first);
}

/* From so many customers on, all of a block are looked at together. */
#define MANY		8

/*
 * Of which customers lies a moment (and "later" microseconds) behind now -
 * span, and until when is that so?
 */
static uint64
ask_span(const CdSpan *span, const TimestampTz *at, int later, uint64 customers, TimestampTz *until)
{
	TimestampTz cut = span->cut;
	int64		length = span->length;
	TimestampTz limit = END_TIMESTAMP - Max(length, 0) - later;
	uint64		yes = 0;
	uint64		others = span->plain ? 0 : customers;
	int			row;

	/* What the leaf was asked of others before stands. */
	if (span->plain && __builtin_popcountll(customers) >= MANY)
		yes = cd_block->above(at, customers, later, cut, length, limit, until, &others);
	else if (span->plain)
		FOR_EACH(row, customers)
		{
			TimestampTz moment = at[row] + later;

			until[row] = DT_NOEND;
			if (at[row] >= limit)
				others |= BIT(row);
			else if (moment > cut)
			{
				until[row] = moment + length;
				yes |= BIT(row);
			}
		}
	FOR_EACH(row, others)
	{
		if (cd_span_after(span, at[row] + (TIMESTAMP_NOT_FINITE(at[row]) ? 0 : later), &until[row]))
			yes |= BIT(row);
		else
			yes &= ~BIT(row);
	}
	return yes & customers;
}

/* Compare moments with one that moves; no moment, no answer. */
static uint64
ask_moment(CdProgram *program, Leaf *leaf, uint64 customers, uint64 *unknown)
{
	const CdSpan *span = get_span(program, leaf->span);
	const TimestampTz *at;
	int			later = leaf->strategy == BTGreaterEqualStrategyNumber || leaf->strategy == BTLessStrategyNumber ? 1 : 0;
	uint64		yes,
				slow;
	int			row;

	if (leaf->source == FROM_COLUMN)
	{
		*unknown = customers & ~without_nulls(program, leaf, customers);
		StaticAssertStmt(sizeof(Datum) == sizeof(TimestampTz), "moments are passed by value");
		at = (const TimestampTz *) (leaf->values + program->first);
	}
	else
	{
		at = cd_scope_moments(program->scope, leaf->moment, customers, &program->row, &slow);
		FOR_EACH(row, customers)
			if (TIMESTAMP_NOT_FINITE(at[row]))
				*unknown |= BIT(row);
	}
	FOR_EACH(row, *unknown)
		leaf->until[row] = DT_NOEND;
	customers &= ~*unknown;
	if (leaf->strategy == BTEqualStrategyNumber)
	{
		TimestampTz next[CD_BLOCK];
		uint64		after = ask_span(span, at, 0, customers, next);

		yes = ask_span(span, at, 1, customers, leaf->until) & ~after;
		FOR_EACH(row, customers)
			leaf->until[row] = Min(leaf->until[row], next[row]);
	}
	else
	{
		yes = ask_span(span, at, later, customers, leaf->until);
		if (leaf->strategy == BTLessStrategyNumber || leaf->strategy == BTLessEqualStrategyNumber)
			yes = customers & ~yes;
	}
	if (leaf->past)
	{
		uint64		to_come = customers & ~cd_block->within(at, PG_INT64_MIN, (uint64) span->now - (uint64) PG_INT64_MIN);

		FOR_EACH(row, to_come)
			leaf->until[row] = at[row];
		yes &= ~to_come;
	}
	return yes;
}

/* Is there such a moment, in the window? */
static uint64
ask_window(CdProgram *program, Leaf *leaf, int moment, uint64 customers, TimestampTz *until, uint64 *slow)
{
	const CdSpan *span = get_span(program, leaf->span);
	const TimestampTz *at = cd_scope_moments(program->scope, moment, customers, &program->row, slow);
	uint64		yes = 0;
	int			row;

	customers &= ~*slow;
	if (span != NULL)
		return ask_span(span, at, 0, customers, until);
	FOR_EACH(row, customers)
		until[row] = DT_NOEND;
	yes = cd_block->differ(at, DT_NOBEGIN);
	return yes & customers;
}

/* Does a measure of the events in the window compare with a number? */
static uint64
ask_reached(CdProgram *program, Leaf *leaf, uint64 customers)
{
	uint64		slow;
	uint64		yes = ask_window(program, leaf, leaf->moment, customers, leaf->until, &slow);
	int			row;

	if (leaf->strategy == BTEqualStrategyNumber && yes != 0)
	{
		/* As many, and not more. */
		TimestampTz holds[CD_BLOCK];
		uint64		none;
		uint64		more = ask_window(program, leaf, leaf->more, yes, holds, &none);

		FOR_EACH(row, yes)
			leaf->until[row] = (more & BIT(row)) != 0 ? holds[row] : Min(leaf->until[row], holds[row]);
		yes &= ~more;
	}
	if (leaf->strategy == BTLessStrategyNumber || leaf->strategy == BTLessEqualStrategyNumber)
		yes = customers & ~slow & ~yes;
	FOR_EACH(row, slow)
	{
		const CdSpan *span = get_span(program, leaf->span);

		program->row = row;
		cd_validity_reset();
		if (cd_scope_compare(program->scope, leaf->measure, row, span ? &span->span : NULL,
							 program->run->now, leaf->strategy, leaf->number))
			yes |= BIT(row);
		leaf->until[row] = cd_validity();
	}
	return yes;
}

/* Functions look at a timeline again and again: they get it in one image. */
static void
fill_events(CdRun *run, TupleTableSlot *slot, int row)
{
	MemoryContext old = MemoryContextSwitchTo(run->batch);

	run->values[run->events_place][row] =
		PointerGetDatum(cd_timeline_whole((struct varlena *) DatumGetPointer(run->values[run->events_place][row])));
	slot->tts_values[run->events - 1] = run->values[run->events_place][row];
	MemoryContextSwitchTo(old);
}

/* The slot in which a customer is what an expression looks at. */
static TupleTableSlot *
get_slot(CdProgram *program, const Leaf *leaf, int row)
{
	TupleTableSlot *slot = program->run->slots[row];
	ListCell   *cell;

	if ((program->filled & BIT(row)) == 0)
		cd_fill_slot(program->run, slot, program->first + row);
	program->filled |= BIT(row);
	if (leaf->events)
		fill_events(program->run, slot, program->first + row);
	foreach(cell, leaf->segments)
	{
		CdNeed	   *segment = lfirst(cell);

		slot->tts_values[segment->column] = BoolGetDatum(is_inside(program, segment, row));
	}
	return slot;
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

		program->row = row;
		cd_validity_reset();
		run->econtext->ecxt_scantuple = get_slot(program, leaf, row);
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

/* Ask a leaf of those customers it was not asked of before. */
static void
ask_leaf(CdProgram *program, Leaf *leaf, uint64 customers)
{
	uint64		fresh = customers & ~leaf->asked;
	uint64		unknown = 0;
	uint64		yes = 0;
	uint64		slow;
	int			row;

	if (fresh == 0)
		return;
	program->row = __builtin_ctzll(fresh);
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
			COLLECT(yes, program->count, DatumGetBool(leaf->values[program->first + row]));
			yes &= fresh & ~unknown;
			break;
		case LEAF_INTEGER:
			unknown = fresh & ~without_nulls(program, leaf, fresh);
			yes = ask_integer(program, leaf) & fresh & ~unknown;
			break;
		case LEAF_NUMBER:
			unknown = fresh & ~without_nulls(program, leaf, fresh);
			yes = ask_number(program, leaf) & fresh & ~unknown;
			break;
		case LEAF_TEXT:
			unknown = fresh & ~without_nulls(program, leaf, fresh);
			yes = ask_text(program, leaf, fresh & ~unknown);
			break;
		case LEAF_MOMENT:
			yes = ask_moment(program, leaf, fresh, &unknown);
			break;
		case LEAF_HAPPENED:
			yes = ask_window(program, leaf, leaf->moment, fresh, leaf->until, &slow);
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
