/*
 * sequence.c
 *		Patterns over the order of events: sequence_match, sequence_count.
 *
 * The pattern language is that of ClickHouse's sequenceMatch:
 *		(?N)		an event for which condition N holds
 *		.			any event
 *		.*			any number of events
 *		(?t<=3600)	seconds between the events before and after it, with
 *					>= > < <= == !=; other events may lie between them
 * Events for which no condition holds are dropped first.  A match may start
 * anywhere; sequence_count counts matches that do not overlap, each time
 * taking the one that ends first.
 *
 * One pass over the events keeps, for each element of the pattern, the moments
 * at which it ended a partial match.  Conditions on time ask whether one of
 * them lies in a range that only moves forward, so a pass is linear.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"

#include "customer_data.h"

#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "timeline/steps.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define MAX_ELEMENTS	64
#define MAX_UNEQUAL		8

/* One event wanted by the pattern, and its distance from the one before. */
typedef struct Element
{
	uint32		mask;			/* conditions one of which must hold; 0 for any event */
	bool		gap;			/* other events may lie between */
	int64		least;			/* distance in time, when gap */
	int64		most;
	int			nunequal;
	int64		unequal[MAX_UNEQUAL];
} Element;

typedef struct Sequence
{
	struct varlena *source;		/* the text it was read from */
	int			nconditions;
	int			n;
	Element		elements[MAX_ELEMENTS];
} Sequence;

/* Report what was expected where. */
static void
expected(const char *start, const char *p, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid sequence: expected %s at position %d", what,
					pg_mbstrlen_with_len(start, p - start) + 1),
			 errdetail("The sequence is \"%s\".", start),
			 errhint("Write for instance (?1).*(?2) or (?1)(?t<=3600)(?2).")));
}

/* Read a condition on time: (?t is read already. */
static const char *
read_time(const char *start, const char *p, Element *element)
{
	char		op[3] = {0, 0, 0};
	int			n = 0;
	char	   *end;
	double		seconds;
	int64		distance;

	while (n < 2 && (*p == '<' || *p == '>' || *p == '=' || *p == '!'))
		op[n++] = *p++;
	if (n == 0 || (n == 1 && (op[0] == '=' || op[0] == '!')) || (n == 2 && op[1] != '='))
		expected(start, p, "one of >= > < <= == !=");
	if (*p < '0' || *p > '9')
		expected(start, p, "a number of seconds");
	seconds = strtod(p, &end);
	if (!(seconds < 9e12))
		expected(start, p, "a number of seconds below 9e12");
	p = end;
	distance = (int64) rint(seconds * USECS_PER_SEC);
	element->gap = true;
	if (op[0] == '<')
		element->most = Min(element->most, n == 2 ? distance : distance - 1);
	else if (op[0] == '>')
		element->least = Max(element->least, n == 2 ? distance : distance + 1);
	else if (op[0] == '=')
	{
		element->most = Min(element->most, distance);
		element->least = Max(element->least, distance);
	}
	else if (element->nunequal >= MAX_UNEQUAL)
		expected(start, p, "no more than 8 times !=");
	else
		element->unequal[element->nunequal++] = distance;
	if (*p != ')')
		expected(start, p, ")");
	return p + 1;
}

/* Read a sequence. */
static void
read_sequence(Sequence *sequence, const char *str, int nconditions)
{
	const char *p = str;
	Element		next = {0};
	bool		first = true;

	sequence->n = 0;
	sequence->nconditions = nconditions;
	next.most = PG_INT64_MAX;
	next.gap = true;
	for (;;)
	{
		bool		complete = false;

		while (*p == ' ')
			p++;
		if (*p == '\0')
			break;
		if (strncmp(p, ".*", 2) == 0)
		{
			next.gap = true;
			p += 2;
		}
		else if (*p == '.')
		{
			next.mask = 0;
			complete = true;
			p++;
		}
		else if (strncmp(p, "(?t", 3) == 0)
		{
			if (first)
				expected(str, p, "an event before a condition on time");
			p = read_time(str, p + 3, &next);
		}
		else if (strncmp(p, "(?", 2) == 0)
		{
			int			number = 0;
			const char *digits = p + 2;

			for (p = digits; *p >= '0' && *p <= '9' && number < 1000; p++)
				number = number * 10 + (*p - '0');
			if (p == digits)
				expected(str, p, "the number of a condition, or t");
			if (number < 1 || number > nconditions)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("invalid sequence: there is no condition %d", number),
						 errdetail("%d conditions are given.", nconditions)));
			if (*p != ')')
				expected(str, p, ")");
			p++;
			next.mask = (uint32) 1 << (number - 1);
			complete = true;
		}
		else
			expected(str, p, "(?N), (?t...), . or .*");
		if (complete)
		{
			if (sequence->n >= MAX_ELEMENTS)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("a sequence cannot have more than %d events", MAX_ELEMENTS)));
			sequence->elements[sequence->n++] = next;
			memset(&next, 0, sizeof(next));
			next.most = PG_INT64_MAX;
			first = false;
		}
	}
	if (sequence->n == 0)
		expected(str, p, "an event");
	if (next.least > 0 || next.most != PG_INT64_MAX || next.nunequal > 0)
		expected(str, p, "an event after a condition on time");
}

/* Moments at which an element ended a partial match, in order. */
typedef struct Ends
{
	TimestampTz *times;
	int			n;
	int			cap;
	int			upto;			/* how many are old enough for the next element */
	int64		last;			/* position of the last such event, -1 when none */
} Ends;

/* Whether one of the moments is at the right distance before another. */
static bool
at_distance(Ends *ends, const Element *element, TimestampTz at)
{
	int			i;

	while (ends->upto < ends->n && cd_time_between(ends->times[ends->upto], at) >= element->least)
		ends->upto++;
	for (i = ends->upto - 1; i >= 0; i--)
	{
		int64		distance = cd_time_between(ends->times[i], at);
		int			u;

		if (distance > element->most)
			return false;
		for (u = 0; u < element->nunequal; u++)
			if (element->unequal[u] == distance)
				break;

		/* Moments differ, so at most eight of them are refused in a row. */
		if (u == element->nunequal)
			return true;
	}
	return false;
}

/* Count matches, up to a limit. */
static int
count_matches(const Sequence *sequence, const CdStep *steps, int64 n, int limit)
{
	Ends	   *ends = palloc0(sequence->n * sizeof(Ends));
	int			found = 0;
	int64		i;
	int			e;

	for (e = 0; e < sequence->n; e++)
		ends[e].last = -1;
	for (i = 0; i < n && found < limit; i++)
	{
		TimestampTz at = steps[i].at;
		uint32		mask = steps[i].mask;

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();

		/* Last element first: an event serves one element of a match. */
		for (e = sequence->n - 1; e >= 0; e--)
		{
			const Element *element = &sequence->elements[e];
			Ends	   *own = &ends[e];

			if (element->mask != 0 && !(element->mask & mask))
				continue;
			if (e > 0)
			{
				Ends	   *before = &ends[e - 1];

				if (before->last < 0)
					continue;
				if (element->gap ? !at_distance(before, element, at) : before->last != i - 1)
					continue;
			}
			if (e == sequence->n - 1)
			{
				found++;
				for (e = 0; e < sequence->n; e++)
				{
					ends[e].n = ends[e].upto = 0;
					ends[e].last = -1;
				}
				break;
			}
			own->last = i;

			/* Moments are looked at again only by a later element that leaves gaps. */
			if (!sequence->elements[e + 1].gap || (own->n > 0 && own->times[own->n - 1] == at))
				continue;
			if (own->n >= own->cap)
			{
				own->cap = Max(8, own->cap * 2);
				own->times = own->times == NULL ? palloc(own->cap * sizeof(TimestampTz)) :
					repalloc_huge(own->times, own->cap * sizeof(TimestampTz));
			}
			own->times[own->n++] = at;
		}
	}
	for (e = 0; e < sequence->n; e++)
		if (ends[e].times != NULL)
			pfree(ends[e].times);
	pfree(ends);
	return found;
}

/* What a call site keeps: sequence and conditions. */
typedef struct SequenceCache
{
	Sequence	sequence;
	void	   *patterns;
} SequenceCache;

/* Read the sequence again when its text changed. */
static const Sequence *
cached_sequence(FunctionCallInfo fcinfo, Sequence *sequence, text *source, int nconditions)
{
	if (sequence->source == NULL || sequence->nconditions != nconditions ||
		VARSIZE_ANY(sequence->source) != VARSIZE_ANY(source) ||
		memcmp(sequence->source, source, VARSIZE_ANY(source)) != 0)
	{
		char	   *str = text_to_cstring(source);

		if (sequence->source != NULL)
			pfree(sequence->source);
		sequence->source = NULL;
		read_sequence(sequence, str, nconditions);
		sequence->source = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, VARSIZE_ANY(source));
		memcpy(sequence->source, source, VARSIZE_ANY(source));
		pfree(str);
	}
	return sequence;
}

/* Count matches in a timeline. */
static int
match_timeline(FunctionCallInfo fcinfo, int limit)
{
	SequenceCache *cache = fcinfo->flinfo->fn_extra;
	CdPatterns *patterns;
	const Sequence *sequence;
	CdParts		parts;
	CdStep	   *steps;
	int			n;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(SequenceCache));
		fcinfo->flinfo->fn_extra = cache;
	}
	patterns = cd_patterns_read(fcinfo, PG_GETARG_DATUM(2), &cache->patterns);
	sequence = cached_sequence(fcinfo, &cache->sequence, PG_GETARG_TEXT_PP(1), patterns->n);
	cd_timeline_open_parts(&parts, PG_GETARG_TIMELINE(0));
	steps = cd_steps_gather(&parts.tl[0], patterns, false, &n);
	return count_matches(sequence, steps, n, limit);
}

/* sequence_match(timeline, pattern, event_pattern[]) */
PG_FUNCTION_INFO_V1(cd_sequence_match);
Datum
cd_sequence_match(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(match_timeline(fcinfo, 1) > 0);
}

/* sequence_count(timeline, pattern, event_pattern[]) */
PG_FUNCTION_INFO_V1(cd_sequence_count);
Datum
cd_sequence_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(match_timeline(fcinfo, PG_INT32_MAX));
}

/* ---- the same over the rows of any table ---- */

typedef struct SequenceState
{
	CdStepList	list;
	text	   *pattern;
} SequenceState;

/* A state without rows. */
static SequenceState *
new_sequence_state(MemoryContext context, const text *pattern, int nconditions)
{
	SequenceState *state = MemoryContextAllocZero(context, sizeof(SequenceState));
	Size		len = VARSIZE_ANY_EXHDR(pattern);

	state->list.context = context;
	state->list.sorted = true;
	state->list.nconditions = nconditions;
	state->pattern = MemoryContextAlloc(context, VARHDRSZ + len);
	SET_VARSIZE(state->pattern, VARHDRSZ + len);
	memcpy(VARDATA(state->pattern), VARDATA_ANY(pattern), len);
	return state;
}

/* Refuse rows of one group that name different sequences. */
static void
check_same_sequence(const text *a, const text *b)
{
	if (VARSIZE_ANY_EXHDR(a) != VARSIZE_ANY_EXHDR(b) ||
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the sequence must not change within a group")));
}

/*
 * Transition of sequence_match_agg and sequence_count_agg: pattern, at,
 * conditions.  Rows at the same instant are taken in the order of their
 * conditions, so that the answer does not depend on how they arrive.
 */
PG_FUNCTION_INFO_V1(cd_sequence_trans);
Datum
cd_sequence_trans(PG_FUNCTION_ARGS)
{
	MemoryContext context = cd_aggregate_context(fcinfo);
	SequenceState *state = PG_ARGISNULL(0) ? NULL : (SequenceState *) PG_GETARG_POINTER(0);
	uint32		mask;
	int			n;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("pattern and conditions of a sequence must not be null")));
	mask = cd_mask_of_booleans(PG_GETARG_DATUM(3), &n);
	if (state == NULL)
		state = new_sequence_state(context, PG_GETARG_TEXT_PP(1), n);
	else
		check_same_sequence(state->pattern, PG_GETARG_TEXT_PP(1));
	if (state->list.nconditions != n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of conditions of a sequence must not change")));
	if (!PG_ARGISNULL(2) && mask != 0)
		cd_step_list_add(&state->list, PG_GETARG_TIMESTAMPTZ(2), mask);
	PG_RETURN_POINTER(state);
}

/* Combine function of sequence_match_agg and sequence_count_agg. */
PG_FUNCTION_INFO_V1(cd_sequence_combine);
Datum
cd_sequence_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = cd_aggregate_context(fcinfo);
	SequenceState *state = PG_ARGISNULL(0) ? NULL : (SequenceState *) PG_GETARG_POINTER(0);
	SequenceState *other = PG_ARGISNULL(1) ? NULL : (SequenceState *) PG_GETARG_POINTER(1);

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
		state = new_sequence_state(context, other->pattern, other->list.nconditions);
	check_same_sequence(state->pattern, other->pattern);
	cd_step_list_join(&state->list, &other->list, "sequence");
	PG_RETURN_POINTER(state);
}

/* Serialisation: the sequence, and the moments at which conditions held. */
PG_FUNCTION_INFO_V1(cd_sequence_serialize);
Datum
cd_sequence_serialize(PG_FUNCTION_ARGS)
{
	SequenceState *state;
	StringInfoData buf;

	(void) cd_aggregate_context(fcinfo);
	state = (SequenceState *) PG_GETARG_POINTER(0);
	pq_begintypsend(&buf);
	pq_sendint32(&buf, VARSIZE_ANY_EXHDR(state->pattern));
	pq_sendbytes(&buf, VARDATA_ANY(state->pattern), VARSIZE_ANY_EXHDR(state->pattern));
	cd_step_list_send(&buf, &state->list);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* Deserialisation. */
PG_FUNCTION_INFO_V1(cd_sequence_deserialize);
Datum
cd_sequence_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;
	StringInfoData buf;
	SequenceState *state;
	text	   *pattern;
	int			len;

	(void) cd_aggregate_context(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	len = pq_getmsgint(&buf, 4);
	pattern = cstring_to_text_with_len(pq_getmsgbytes(&buf, len), len);
	state = new_sequence_state(CurrentMemoryContext, pattern, 0);
	cd_step_list_receive(&buf, &state->list);
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* Count the matches of a state. */
static int
match_state(FunctionCallInfo fcinfo, int limit)
{
	SequenceState *state;
	Sequence   *sequence;
	int			found;

	(void) cd_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		return 0;
	state = (SequenceState *) PG_GETARG_POINTER(0);
	state->list.sorted = false;
	cd_step_list_sort(&state->list);
	sequence = palloc0(sizeof(Sequence));
	read_sequence(sequence, text_to_cstring(state->pattern), state->list.nconditions);
	found = count_matches(sequence, state->list.steps, state->list.n, limit);
	pfree(sequence);
	return found;
}

/* sequence_match_agg's result. */
PG_FUNCTION_INFO_V1(cd_sequence_match_final);
Datum
cd_sequence_match_final(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(match_state(fcinfo, 1) > 0);
}

/* sequence_count_agg's result. */
PG_FUNCTION_INFO_V1(cd_sequence_count_final);
Datum
cd_sequence_count_final(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(match_state(fcinfo, PG_INT32_MAX));
}
