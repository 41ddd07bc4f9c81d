/*
 * unanswered.c
 *		What was begun and not followed up: carted and not ordered, asked and
 *		not answered.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "miscadmin.h"
#include "timeline/unanswered.h"
#include "utils/builtins.h"

/* What an event is about: the property's type and value, and when. */
typedef struct Topic
{
	int			type;			/* -1 when the event has no such property */
	uint64		key;
	TimestampTz at;
} Topic;

/* Order by topic, then time. */
static int
compare_topics(const void *a, const void *b)
{
	const Topic *x = a;
	const Topic *y = b;

	if (x->type != y->type)
		return x->type - y->type;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

/* The columns of one kind that hold the property. */
typedef struct TopicColumns
{
	CdColumn	cols[4];
	int			n;
} TopicColumns;

/* Find the property's columns in one kind. */
static void
find_columns(const CdKind *kind, int which, TopicColumns *columns)
{
	int			type;

	columns->n = 0;
	if (which < 0)
		return;
	for (type = CD_TYPE_TEXT; type <= CD_TYPE_JSON; type++)
		if (cd_kind_find_column(kind, which, type, &columns->cols[columns->n]))
			columns->n++;
}

/* What an event is about. */
static void
read_topic(const TopicColumns *columns, int i, Topic *topic)
{
	int			c;

	topic->type = -1;
	topic->key = 0;
	for (c = 0; c < columns->n; c++)
	{
		const CdColumn *col = &columns->cols[c];
		double		number;
		int64		code;

		if (col->type == CD_TYPE_NUMBER && col->which != CD_COL_EVENT_ID)
		{
			if (!cd_column_number(col, i, &number))
				continue;
			memcpy(&topic->key, &number, 8);
		}
		else if (cd_column_integer(col, i, &code))
			topic->key = (uint64) code;
		else
			continue;
		topic->type = col->type;
		return;
	}
}

/* List the matching events of some matchers with what they are about. */
static Topic *
list_topics(const CdMatcher *matchers, int n, int which, int *ntopics)
{
	Size		total = 0;
	Topic	   *topics;
	int			i,
				k;

	for (i = 0; i < n; i++)
		total += matchers[i].to - matchers[i].from;
	topics = palloc_extended(Max(total, 1) * sizeof(Topic), MCXT_ALLOC_HUGE);
	*ntopics = 0;
	for (i = 0; i < n; i++)
	{
		const CdMatcher *m = &matchers[i];
		CdTimes		times;
		TopicColumns columns;

		find_columns(&m->kind, which, &columns);
		cd_times_begin(&times, &m->kind, m->from);
		for (k = m->from; k < m->to; k++)
		{
			Topic	   *topic = &topics[*ntopics];

			topic->at = cd_times_next(&times);
			if (!cd_matcher_test(m, k))
				continue;
			read_topic(&columns, k, topic);
			(*ntopics)++;
		}
	}
	return topics;
}

/* The last answer to a topic, DT_NOBEGIN when there is none. */
static TimestampTz
last_answer(const Topic *answers, int n, const Topic *asked)
{
	int			low = 0,
				high = n;
	Topic		latest = *asked;

	if (asked->type < 0)
		return DT_NOBEGIN;
	latest.at = DT_NOEND;
	while (low < high)
	{
		int			mid = low + (high - low) / 2;

		if (compare_topics(&answers[mid], &latest) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0 || answers[low - 1].type != asked->type || answers[low - 1].key != asked->key)
		return DT_NOBEGIN;
	return answers[low - 1].at;
}

/* The column of a property, -1 for none. */
static int
column_of(const CdTimeline *tl, const char *same, int samelen)
{
	int			which = same == NULL ? -1 : cd_timeline_find_property(tl, same, samelen);

	return which < 0 ? -1 : which + CD_COL_PROPERTY;
}

/*
 * The newest event that was not followed by an answer, of those up to the
 * moment "ripe", and the oldest of those after it.
 */
static void
find_unanswered(const CdMatcher *asks, int nasks, const CdMatcher *answers, int nanswers,
				bool same, int which, TimestampTz ripe, TimestampTz *newest, TimestampTz *waiting)
{
	int			ntopics,
				nlast;
	Topic	   *topics = list_topics(asks, nasks, which, &ntopics);
	Topic	   *lasts = list_topics(answers, nanswers, which, &nlast);
	TimestampTz last = DT_NOBEGIN;
	int			i;

	*newest = DT_NOBEGIN;
	*waiting = DT_NOEND;
	if (same)
		qsort(lasts, nlast, sizeof(Topic), compare_topics);
	else
		for (i = 0; i < nlast; i++)
			last = Max(last, lasts[i].at);
	for (i = 0; i < ntopics; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (topics[i].at <= (same ? last_answer(lasts, nlast, &topics[i]) : last))
			continue;
		if (topics[i].at <= ripe)
			*newest = Max(*newest, topics[i].at);
		else
			*waiting = Min(*waiting, topics[i].at);
	}
	pfree(topics);
	pfree(lasts);
}

TimestampTz
cd_unanswered_last(const CdTimeline *tl, const CdPattern *asked, const CdPattern *answered, const char *same, int samelen)
{
	CdMatcher	few[CD_FEW],
				few2[CD_FEW];
	CdMatcher  *asks,
			   *answers;
	int			nasks = cd_pattern_bind(asked, tl, DT_NOBEGIN, DT_NOEND, few, &asks);
	int			nanswers = cd_pattern_bind(answered, tl, DT_NOBEGIN, DT_NOEND, few2, &answers);
	TimestampTz newest,
				waiting;

	find_unanswered(asks, nasks, answers, nanswers, same != NULL, column_of(tl, same, samelen),
					DT_NOEND, &newest, &waiting);
	return newest;
}

/*
 * Whether an event that matches asked, inside the window and at least a grace
 * period old, was not followed (at the same instant or later) by one that
 * matches answered; about the same thing when a property is given.  An event
 * without that property has no answer.  Notes the first moment at which the
 * answer can change.
 */
bool
cd_unanswered(const CdTimeline *tl, const CdPattern *asked, const CdPattern *answered,
			  const char *same, int samelen, const CdWindow *window, const CdWindow *grace)
{
	CdMatcher	few[CD_FEW],
				few2[CD_FEW];
	CdMatcher  *asks,
			   *answers;
	TimestampTz enters,
				newest,
				waiting;
	TimestampTz until = DT_NOEND;
	int			nasks,
				nanswers,
				i;
	bool		moves = window->sliding || window->ahead || grace != NULL;

	/* Neither side looks beyond as_of: a later answer is noted when it comes in. */
	nanswers = cd_pattern_bind(answered, tl, window->since, DT_NOEND, few2, &answers);
	if (moves)
	{
		TimestampTz as_of = grace == NULL ? window->as_of : grace->as_of;

		until = as_of >= DT_NOEND - 1 ? DT_NOEND : as_of + 1;
	}
	nasks = cd_window_bind(window, asked, tl, few, &asks, &enters);
	if (moves)
		cd_validity_note(enters);
	for (i = 0; i < nanswers; i++)
	{
		CdMatcher  *m = &answers[i];
		int			to = cd_kind_lower_bound(&m->kind, until);
		int			next = cd_matcher_first(m, Max(to, m->from), m->to);

		if (next >= 0)
			cd_validity_note(cd_kind_at(&m->kind, next));
		m->to = Max(m->from, Min(to, m->to));
	}
	find_unanswered(asks, nasks, answers, nanswers, same != NULL, column_of(tl, same, samelen),
					grace == NULL ? DT_NOEND : grace->start, &newest, &waiting);
	if (newest != DT_NOBEGIN)
	{
		if (window->sliding)
			cd_validity_note(cd_window_turns(window, newest));
		if (grace != NULL)
			cd_validity_note(cd_window_turns(grace, newest));
		return true;
	}
	if (waiting != DT_NOEND)
		cd_validity_note(cd_window_turns(grace, waiting));
	return false;
}

/* unanswered(timeline, asked, answered, same, after, last) */
PG_FUNCTION_INFO_V1(cd_unanswered_sql);
Datum
cd_unanswered_sql(PG_FUNCTION_ARGS)
{
	CdTimeline	tl;
	const CdPattern *asked,
			   *answered;
	CdWindow	window,
				grace;
	text	   *same = NULL;
	bool		has_grace = false;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	asked = cd_pattern_cached(fcinfo, 0, 2, PG_GETARG_DATUM(1));
	answered = cd_pattern_cached(fcinfo, 1, 2, PG_GETARG_DATUM(2));
	if (!PG_ARGISNULL(3))
		same = PG_GETARG_TEXT_PP(3);
	if (!PG_ARGISNULL(4))
	{
		cd_window_last(&grace, PG_GETARG_INTERVAL_P(4), cd_as_of());
		has_grace = true;
	}
	if (PG_ARGISNULL(5))
		cd_window_all(&window);
	else
		cd_window_last(&window, PG_GETARG_INTERVAL_P(5), cd_as_of());
	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	PG_RETURN_BOOL(cd_unanswered(&tl, asked, answered,
								 same == NULL ? NULL : VARDATA_ANY(same),
								 same == NULL ? 0 : VARSIZE_ANY_EXHDR(same),
								 &window, has_grace ? &grace : NULL));
}
