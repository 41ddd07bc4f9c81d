/*
 * steps.c
 *		Reducing events, or rows of any table, to moments and the conditions
 *		that hold there.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "timeline/steps.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* The patterns of an event_pattern[] argument, parsed when it changes. */
CdPatterns *
cd_patterns_read(FunctionCallInfo fcinfo, Datum array, void **extra)
{
	CdPatterns *cache = *extra;
	ArrayType  *arr;
	MemoryContext old;
	Datum	   *elems;
	bool	   *nulls;
	int			n,
				i;

	if (cache != NULL && cache->constant == array && array != (Datum) 0)
		return cache;
	arr = DatumGetArrayTypeP(array);
	if (cache != NULL && cache->source != NULL && VARSIZE(cache->source) == VARSIZE(arr) &&
		memcmp(cache->source, arr, VARSIZE(arr)) == 0)
		return cache;

	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	if (cache == NULL)
		*extra = cache = palloc0(sizeof(CdPatterns));
	cache->constant = (Datum) 0;
	cache->source = NULL;
	deconstruct_array(arr, ARR_ELEMTYPE(arr), -1, false, TYPALIGN_INT, &elems, &nulls, &n);
	if (n < 1 || n > CD_MAX_STEPS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("between 1 and %d event patterns are needed, not %d", CD_MAX_STEPS, n)));
	cache->n = n;
	cache->patterns = palloc(n * sizeof(CdPattern *));
	for (i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("an event pattern of the list is null")));
		cache->patterns[i] = cd_pattern_read((struct varlena *) PG_DETOAST_DATUM_COPY(elems[i]));
	}
	cache->plain = true;
	for (i = 0; i < n && cache->plain; i++)
	{
		const CdPattern *p = cache->patterns[i];
		int			k;

		cache->plain = p->n == 1 && !p->alternatives[0].prefix && p->alternatives[0].nconditions == 0;
		for (k = 0; k < i && cache->plain; k++)
			cache->plain = strcmp(p->alternatives[0].name.str, cache->kinds[k].str) != 0;
		cache->kinds[i] = p->alternatives[0].name;
	}
	cache->source = palloc(VARSIZE(arr));
	memcpy(cache->source, arr, VARSIZE(arr));
	cache->constant = cd_constant_argument(fcinfo, array);
	MemoryContextSwitchTo(old);
	return cache;
}

/* One pattern to test on the events of a kind. */
typedef struct StepTest
{
	CdMatcher	matcher;
	int			bit;
} StepTest;

/* All patterns bound to one kind: conditions that always hold, and those to test. */
typedef struct KindSteps
{
	uint32		always;
	int			ntests;
	StepTest   *tests;
} KindSteps;

/* The conditions that hold for one event. */
static inline uint32
mask_of(const KindSteps *kind, int i)
{
	uint32		mask = kind->always;
	int			t;

	for (t = 0; t < kind->ntests; t++)
		if (cd_matcher_test_slow(&kind->tests[t].matcher, i))
			mask |= (uint32) 1 << kind->tests[t].bit;
	return mask;
}

/* Bind all patterns to one kind; false when none can match. */
static bool
bind_kind(KindSteps *steps, const CdPatterns *patterns, const CdKind *kind)
{
	int			i;

	steps->always = 0;
	steps->ntests = 0;
	steps->tests = NULL;
	for (i = 0; i < patterns->n; i++)
	{
		CdMatcher	matcher;

		if (!cd_pattern_bind_kind(patterns->patterns[i], kind, &matcher))
			continue;
		if (matcher.all)
		{
			steps->always |= (uint32) 1 << i;
			continue;
		}
		if (steps->tests == NULL)
			steps->tests = palloc(patterns->n * sizeof(StepTest));
		steps->tests[steps->ntests].matcher = matcher;
		steps->tests[steps->ntests++].bit = i;
	}
	return steps->always != 0 || steps->ntests > 0;
}

/* The events of one part that match any pattern (all events if so wanted), in order. */
static CdStep *
gather_part(const CdTimeline *tl, const CdPatterns *patterns, bool all, int *nsteps)
{
	KindSteps  *bound;
	CdKind	   *kinds;
	CdTimes    *times;
	TimestampTz *next;
	int			nkinds = 0;
	Size		total = 0;
	CdKindScan	scan;
	CdStep	   *steps;
	int			n = 0;

	*nsteps = 0;
	if (tl->nevents == 0)
		return NULL;
	bound = palloc(tl->nkinds * sizeof(KindSteps));
	kinds = palloc(tl->nkinds * sizeof(CdKind));
	cd_kind_scan_begin(tl, &scan);
	while (cd_kind_scan_next(tl, &scan, &kinds[nkinds]))
	{
		/* Ties that are out of the usual order are followed by walking all kinds. */
		if (bind_kind(&bound[nkinds], patterns, &kinds[nkinds]) || all || tl->ids > tl->ties)
			total += kinds[nkinds++].n;
	}
	if (nkinds == 0)
		return NULL;
	steps = palloc_extended(Max(total, 1) * sizeof(CdStep), MCXT_ALLOC_HUGE);

	if (tl->ids > tl->ties)
	{
		CdWalk		walk;
		CdEvent		event;

		cd_walk_begin(&walk, tl, DT_NOBEGIN);
		while (cd_walk_next(&walk, &event) && (Size) n < total)
		{
			uint32		mask = mask_of(&bound[event.kind], event.index);

			if ((n & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			if (mask == 0 && !all)
				continue;
			steps[n].at = event.at;
			steps[n++].mask = mask;
		}
		*nsteps = n;
		return steps;
	}

	times = palloc(nkinds * sizeof(CdTimes));
	next = palloc(nkinds * sizeof(TimestampTz));
	for (n = 0; n < nkinds; n++)
	{
		cd_times_begin(&times[n], &kinds[n], 0);
		next[n] = kinds[n].n > 0 ? cd_times_next(&times[n]) : DT_NOEND;
	}
	for (n = 0;;)
	{
		int			k = -1,
					i;
		TimestampTz at = DT_NOEND;
		uint32		mask;

		for (i = 0; i < nkinds; i++)
		{
			if (next[i] < at)
			{
				at = next[i];
				k = i;
			}
		}
		if (k < 0)
			break;
		i = times[k].i - 1;
		mask = mask_of(&bound[k], i);
		next[k] = i + 1 < kinds[k].n ? cd_times_next(&times[k]) : DT_NOEND;
		if (mask == 0 && !all)
			continue;
		steps[n].at = at;
		steps[n++].mask = mask;
	}
	*nsteps = n;
	return steps;
}

/* The events that match any pattern (all events if so wanted), in order. */
CdStep *
cd_steps_gather(const CdTimeline *tl, const CdPatterns *patterns, bool all, int *nsteps)
{
	CdStep	   *steps = gather_part(tl, patterns, all, nsteps);

	/* Each part is later than the one before. */
	while ((tl = tl->next) != NULL)
	{
		int			n;
		CdStep	   *more = gather_part(tl, patterns, all, &n);

		if (n == 0)
			continue;
		steps = steps == NULL ? palloc_extended(n * sizeof(CdStep), MCXT_ALLOC_HUGE) :
			repalloc_huge(steps, ((Size) *nsteps + n) * sizeof(CdStep));
		memcpy(steps + *nsteps, more, n * sizeof(CdStep));
		*nsteps += n;
	}
	return steps;
}

/* Append a step to a list. */
void
cd_step_list_add(CdStepList *list, TimestampTz at, uint32 mask)
{
	if (list->n >= list->cap)
	{
		list->cap = Max(8, list->cap * 2);
		list->steps = list->steps == NULL ?
			MemoryContextAllocHuge(list->context, list->cap * sizeof(CdStep)) :
			repalloc_huge(list->steps, list->cap * sizeof(CdStep));
	}
	if (list->n > 0 && list->steps[list->n - 1].at > at)
		list->sorted = false;
	list->steps[list->n].at = at;
	list->steps[list->n++].mask = mask;
}

/* Order steps by time, and by conditions where they share an instant. */
static int
compare_steps(const void *a, const void *b)
{
	const CdStep *x = a;
	const CdStep *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (x->mask > y->mask) - (x->mask < y->mask);
}

/* Put a list into order of time. */
void
cd_step_list_sort(CdStepList *list)
{
	if (!list->sorted)
		qsort(list->steps, list->n, sizeof(CdStep), compare_steps);
	list->sorted = true;
}

/* Add the steps of another list. */
void
cd_step_list_join(CdStepList *list, const CdStepList *other, const char *what)
{
	int64		i;

	if (list->nconditions != other->nconditions)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of conditions of a %s must not change", what)));
	for (i = 0; i < other->n; i++)
		cd_step_list_add(list, other->steps[i].at, other->steps[i].mask);
}

/* Write a list for another process. */
void
cd_step_list_send(StringInfo buf, const CdStepList *list)
{
	int64		i;

	pq_sendint32(buf, list->nconditions);
	pq_sendint64(buf, list->n);
	for (i = 0; i < list->n; i++)
	{
		pq_sendint64(buf, list->steps[i].at);
		pq_sendint32(buf, list->steps[i].mask);
	}
}

/* Read what another process wrote. */
void
cd_step_list_receive(StringInfo buf, CdStepList *list)
{
	int64		n;

	list->nconditions = pq_getmsgint(buf, 4);
	n = pq_getmsgint64(buf);
	while (n-- > 0)
	{
		TimestampTz at = pq_getmsgint64(buf);

		cd_step_list_add(list, at, pq_getmsgint(buf, 4));
	}
}

/* The conditions of a boolean[] argument as a mask; NULL counts as false. */
uint32
cd_mask_of_booleans(Datum array, int *n)
{
	ArrayType  *arr = DatumGetArrayTypeP(array);
	Datum	   *elems;
	bool	   *nulls;
	uint32		mask = 0;
	int			i;

	if (ARR_NDIM(arr) == 1 && !ARR_HASNULL(arr))
	{
		/* The usual case needs no allocation. */
		const bool *data = (const bool *) ((char *) arr + ARR_OVERHEAD_NONULLS(1));

		*n = ARR_DIMS(arr)[0];
		for (i = 0; i < *n && i < CD_MAX_STEPS; i++)
			mask |= data[i] ? (uint32) 1 << i : 0;
	}
	else
	{
		deconstruct_array(arr, BOOLOID, 1, true, TYPALIGN_CHAR, &elems, &nulls, n);
		for (i = 0; i < *n && i < CD_MAX_STEPS; i++)
			mask |= !nulls[i] && DatumGetBool(elems[i]) ? (uint32) 1 << i : 0;
	}
	if (*n < 1 || *n > CD_MAX_STEPS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("between 1 and %d conditions are needed, not %d", CD_MAX_STEPS, *n)));
	return mask;
}
