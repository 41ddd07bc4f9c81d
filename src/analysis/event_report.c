/*
 * event_report.c
 *		Events counted by period and by the value of a property: of one timeline,
 *		and of all customers.
 */
#include "postgres.h"

#include <math.h>

#include "customer_data.h"

#include "analysis/report.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "timeline/chunk.h"
#include "timeline/event_count.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* One cell of the answer: a period and a value of the breakdown. */
typedef struct Cell
{
	int			bucket;
	const char *label;			/* NULL: the event has no such property */
	int			labellen;
	int64		events;
	CdTotal		total;
	bool		has_total;
} Cell;

/* The cells of one timeline, found by period and label. */
typedef struct Cells
{
	Cell	   *cell;
	int			n;
	int			size;
	int		   *table;			/* open addressing: cell + 1; twice the size */
	int			last;			/* the cell found last, most often the next one too */
} Cells;

/* Is it the cell of a period and a label? */
static bool
is_cell(const Cell *cell, int bucket, const char *label, int len)
{
	return cell->bucket == bucket && (cell->label == NULL) == (label == NULL) &&
		(label == NULL || (cell->labellen == len && memcmp(cell->label, label, len) == 0));
}

/* Where in the table the search for a cell begins. */
static uint32
cell_slot(const Cells *cells, int bucket, const char *label, int len)
{
	uint32		hash = hash_bytes_uint32(bucket);

	if (label != NULL)
		hash ^= hash_bytes((const unsigned char *) label, len);
	return hash & (cells->size * 2 - 1);
}

/* Find or make a cell. */
static Cell *
cell_of(Cells *cells, int bucket, const char *label, int len)
{
	uint32		slot;
	int			i;

	if (cells->n > 0 && is_cell(&cells->cell[cells->last], bucket, label, len))
		return &cells->cell[cells->last];
	if (cells->n == cells->size)
	{
		cells->size = Max(16, cells->size * 2);
		cells->cell = cells->cell == NULL ? palloc(cells->size * sizeof(Cell)) :
			repalloc_huge(cells->cell, cells->size * sizeof(Cell));
		if (cells->table != NULL)
			pfree(cells->table);
		cells->table = palloc_extended(cells->size * 2 * sizeof(int), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (i = 0; i < cells->n; i++)
		{
			slot = cell_slot(cells, cells->cell[i].bucket, cells->cell[i].label, cells->cell[i].labellen);
			while (cells->table[slot] != 0)
				slot = (slot + 1) & (cells->size * 2 - 1);
			cells->table[slot] = i + 1;
		}
	}
	slot = cell_slot(cells, bucket, label, len);
	for (; cells->table[slot] != 0; slot = (slot + 1) & (cells->size * 2 - 1))
	{
		cells->last = cells->table[slot] - 1;
		if (is_cell(&cells->cell[cells->last], bucket, label, len))
			return &cells->cell[cells->last];
	}
	cells->table[slot] = cells->n + 1;
	cells->last = cells->n++;
	memset(&cells->cell[cells->last], 0, sizeof(Cell));
	cells->cell[cells->last].bucket = bucket;
	cells->cell[cells->last].label = label;
	cells->cell[cells->last].labellen = len;
	return &cells->cell[cells->last];
}

/* Count the events of one kind that match. */
static void
count_kind(Cells *cells, const CdTimeline *tl, const CdMatcher *matcher, const TimestampTz *bounds, int nbounds,
		   const char *by, int bylen, const CdOf *of)
{
	CdTimes		times;
	CdColumn	number;
	CdLabels	labels;
	bool		has_number = false;
	int			bucket = 0,
				i;

	if (matcher->from >= matcher->to)
		return;
	if (by != NULL)
		cd_labels_begin(&labels, tl, &matcher->kind, by, bylen);
	if (of != NULL)
	{
		int			which = of->which;

		if (which == CD_COL_PROPERTY)
		{
			int			property = cd_timeline_find_property(tl, of->name, of->len);

			which = property < 0 ? -1 : CD_COL_PROPERTY + property;
		}
		has_number = which >= 0 && cd_kind_find_column(&matcher->kind, which, CD_TYPE_NUMBER, &number);
	}
	cd_times_begin(&times, &matcher->kind, matcher->from);
	for (i = matcher->from; i < matcher->to; i++)
	{
		TimestampTz at = cd_times_next(&times);
		const char *label = NULL;
		int			len = 0;
		Cell	   *cell;

		CHECK_FOR_INTERRUPTS();
		while (bucket + 2 < nbounds && at >= bounds[bucket + 1])
			bucket++;
		if (!cd_matcher_test(matcher, i))
			continue;
		if (by != NULL)
			label = cd_label_of(&labels, i, &len);
		cell = cell_of(cells, bucket, label, len);
		cell->events++;
		if (has_number && cd_total_add(&cell->total, &number, i))
			cell->has_total = true;
	}
}

/*
 * event_buckets(timeline, pattern, bounds, property, of): how many events that
 * match lie between each bound and the next, by the value of a property
 * ('kind': by kind; NULL: not), and the sum of a number of theirs.
 */
PG_FUNCTION_INFO_V1(cd_event_buckets);
Datum
cd_event_buckets(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	Cells	   *cells;
	Cell	   *cell;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	desc;
		CdTimeline	tl;
		CdMatcher	few[CD_FEW];
		CdMatcher  *matchers;
		ArrayType  *array;
		Datum	   *elements;
		TimestampTz *bounds;
		const CdPattern *pattern;
		CdOf		of;
		char	   *by = NULL;
		int			nbounds,
					n,
					i;

		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("event_buckets must return a row")));
		context->tuple_desc = BlessTupleDesc(desc);
		cells = palloc0(sizeof(Cells));
		context->user_fctx = cells;
		if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		{
			array = PG_GETARG_ARRAYTYPE_P(2);
			deconstruct_array(array, TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, NULL, &nbounds);
			bounds = palloc(Max(nbounds, 1) * sizeof(TimestampTz));
			for (i = 0; i < nbounds; i++)
			{
				bounds[i] = DatumGetTimestampTz(elements[i]);
				if (i > 0 && bounds[i] < bounds[i - 1])
					ereport(ERROR,
							(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							 errmsg("bounds must be in order")));
			}
			if (nbounds >= 2)
			{
				pattern = cd_pattern_read((struct varlena *) PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(1)));
				cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
				if (!PG_ARGISNULL(3))
					by = text_to_cstring(PG_GETARG_TEXT_PP(3));
				if (!PG_ARGISNULL(4))
				{
					char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(4));

					cd_of_read(&of, name, strlen(name));
				}
				n = cd_pattern_bind(pattern, &tl, bounds[0], bounds[nbounds - 1], few, &matchers);
				for (i = 0; i < n; i++)
					count_kind(cells, &tl, &matchers[i], bounds, nbounds, by, by != NULL ? strlen(by) : 0,
							   PG_ARGISNULL(4) ? NULL : &of);
			}
		}
		cells->last = 0;
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	cells = context->user_fctx;
	if (cells->last >= cells->n)
		SRF_RETURN_DONE(context);
	cell = &cells->cell[cells->last++];
	values[0] = Int32GetDatum(cell->bucket + 1);
	nulls[1] = cell->label == NULL;
	if (cell->label != NULL)
		values[1] = PointerGetDatum(cstring_to_text_with_len(cell->label, cell->labellen));
	values[2] = Int64GetDatum(cell->events);
	nulls[3] = !cell->has_total;
	values[3] = cell->has_total ? Float8GetDatum(cd_total_result(&cell->total)) : (Datum) 0;
	SRF_RETURN_NEXT(context, HeapTupleGetDatum(heap_form_tuple(context->tuple_desc, values, nulls)));
}

/* Add the events of one customer that match to their groups. */
static void
count_customer(CdGroups *groups, CdBreakdown *breakdown, CdPeriods *periods, int64 customer_id, const CdTimeline *tl,
			   CdMatcher *matchers, int n, const CdOf *of)
{
	int			nsets = cd_breakdown_sets(breakdown, customer_id);
	int			property = -1;
	int			m,
				i,
				s;

	if (nsets == 0)
		return;
	if (of->which == CD_COL_PROPERTY)
		property = cd_timeline_find_property(tl, of->name, of->len);
	for (m = 0; m < n; m++)
	{
		CdMatcher  *matcher = &matchers[m];
		CdGroupKey	key = {0};
		CdLabels	labels;
		CdColumn	number;
		CdTimes		times;
		bool		has_number = false;

		if (breakdown->property != NULL)
			cd_labels_begin(&labels, tl, &matcher->kind, breakdown->property, breakdown->len);
		if (of->which != CD_COL_PROPERTY || property >= 0)
			has_number = cd_kind_find_column(&matcher->kind, of->which + Max(property, 0), CD_TYPE_NUMBER, &number);
		key.label = -1;
		cd_times_begin(&times, &matcher->kind, matcher->from);
		for (i = matcher->from; i < matcher->to; i++)
		{
			TimestampTz at = cd_times_next(&times);

			if (!cd_matcher_test(matcher, i))
				continue;
			key.period = cd_period_of(periods, at);
			if (breakdown->property != NULL)
				key.label = cd_label_number(breakdown, &labels, i);
			for (s = 0; s < nsets; s++)
			{
				CdGroup    *group;

				key.set = breakdown->in[s];
				group = cd_group_of(groups, &key);
				cd_group_count(group, customer_id);
				if (has_number && cd_total_add(&group->total, &number, i))
					group->has_total = true;
			}
		}
	}
}

/*
 * event_report_rows(pattern, since, until, grain, time_zone, among, property,
 * by_set, of): the groups of event_report(), in no order.
 */
PG_FUNCTION_INFO_V1(cd_event_report_rows);
Datum
cd_event_report_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const CdPattern *pattern;
	TimestampTz since = PG_GETARG_TIMESTAMPTZ(1);
	TimestampTz until = PG_GETARG_TIMESTAMPTZ(2);
	MemoryContext customer = AllocSetContextCreate(CurrentMemoryContext, "report of one customer", ALLOCSET_DEFAULT_SIZES);
	char	   *name;
	CdGroups   *groups = cd_groups_create();
	CdGroup    *group;
	CdHistories *histories;
	CdBreakdown breakdown;
	CdPeriods	periods;
	CdOf		of;
	struct varlena *events;
	int64		customer_id;

	cd_report_check(fcinfo, 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7);
	InitMaterializedSRF(fcinfo, 0);
	pattern = cd_pattern_read((struct varlena *) PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0)));
	name = text_to_cstring(PG_GETARG_TEXT_PP(8));
	cd_of_read(&of, name, strlen(name));
	cd_periods_init(&periods, fcinfo, 3, 4);
	cd_breakdown_init(&breakdown, fcinfo, 6, 7);
	histories = cd_histories_begin(PG_ARGISNULL(5) ? NULL : PG_GETARG_CDSET(5), since, until);
	while (cd_histories_next(histories, &customer_id, &events))
	{
		MemoryContext old = MemoryContextSwitchTo(customer);
		CdTimeline	tl;
		CdMatcher	few[CD_FEW];
		CdMatcher  *matchers;
		int			n;

		cd_timeline_open(&tl, events);
		n = cd_pattern_bind(pattern, &tl, since, until, few, &matchers);
		if (n > 0)
			count_customer(groups, &breakdown, &periods, customer_id, &tl, matchers, n, &of);
		MemoryContextSwitchTo(old);
		MemoryContextReset(customer);
	}
	cd_histories_end(histories);
	cd_groups_fill(groups, &breakdown, &periods);
	cd_groups_start(groups);
	while ((group = cd_groups_next(groups)) != NULL)
	{
		Datum		values[6];
		bool		nulls[6] = {false, false, false, false, false, false};

		cd_group_columns(&breakdown, &periods, group, values, nulls);
		values[3] = Int64GetDatum(group->events);
		values[4] = Int64GetDatum(group->customers);
		nulls[5] = !group->has_total;
		values[5] = group->has_total ? Float8GetDatum(cd_total_result(&group->total)) : (Datum) 0;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
