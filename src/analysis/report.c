/*
 * report.c
 *		What the reports need of many timelines: events counted by period and
 *		by the value of a property.
 */
#include "postgres.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "timeline/event_count.h"
#include "timeline/event_pattern.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* One cell of the answer: a period and a value of the breakdown. */
typedef struct Cell
{
	int			bucket;
	const char *label;			/* NULL: the event has no such property */
	int			labellen;
	int64		events;
	double		total;
	bool		has_total;
} Cell;

/* The cells of one timeline, found by period and label. */
typedef struct Cells
{
	Cell	   *cell;
	int			n;
	int			size;
	int			last;			/* the cell found last, most often the next one too */
} Cells;

/* The values of one property of the events of one kind, as text. */
typedef struct Labels
{
	bool		by_kind;
	const CdKind *kind;
	int			ncols;
	CdColumn	cols[4];
	const char **strings;
	int		   *lengths;
	int			nstrings;
} Labels;

/* Find or make a cell. */
static Cell *
cell_of(Cells *cells, int bucket, const char *label, int len)
{
	int			tried;

	for (tried = 0; tried < cells->n; tried++)
	{
		int			i = (cells->last + tried) % cells->n;
		Cell	   *cell = &cells->cell[i];

		if (cell->bucket == bucket && (cell->label == NULL) == (label == NULL) &&
			(label == NULL || (cell->labellen == len && memcmp(cell->label, label, len) == 0)))
		{
			cells->last = i;
			return cell;
		}
	}
	if (cells->n == cells->size)
	{
		cells->size = Max(16, cells->size * 2);
		cells->cell = cells->cell == NULL ? palloc(cells->size * sizeof(Cell)) :
			repalloc(cells->cell, cells->size * sizeof(Cell));
	}
	cells->last = cells->n;
	memset(&cells->cell[cells->n], 0, sizeof(Cell));
	cells->cell[cells->n].bucket = bucket;
	cells->cell[cells->n].label = label;
	cells->cell[cells->n].labellen = len;
	return &cells->cell[cells->n++];
}

/* Prepare to read a property (or the kind) of the events of one kind. */
static void
labels_begin(Labels *labels, const CdTimeline *tl, const CdKind *kind, const char *by, int bylen)
{
	int			type;
	int			which;

	memset(labels, 0, sizeof(*labels));
	labels->kind = kind;
	if (bylen == 4 && memcmp(by, "kind", 4) == 0)
	{
		labels->by_kind = true;
		return;
	}
	which = cd_timeline_find_property(tl, by, bylen);
	if (which < 0)
		return;
	which += CD_COL_PROPERTY;
	for (type = CD_TYPE_TEXT; type <= CD_TYPE_JSON; type++)
		if (cd_kind_find_column(kind, which, type, &labels->cols[labels->ncols]))
			labels->ncols++;
	for (type = 0; type < labels->ncols; type++)
		if (labels->strings == NULL &&
			(labels->cols[type].type == CD_TYPE_TEXT || labels->cols[type].type == CD_TYPE_JSON))
		{
			CdDict		dict;

			cd_dict_open(tl, which, &dict);
			cd_dict_strings(&dict, &labels->strings, &labels->lengths);
			labels->nstrings = dict.n;
		}
}

/* The label of one event; NULL when it has none. */
static const char *
label_of(const Labels *labels, int i, int *len)
{
	int			c;

	if (labels->by_kind)
	{
		*len = labels->kind->namelen;
		return labels->kind->name;
	}
	for (c = 0; c < labels->ncols; c++)
	{
		const CdColumn *col = &labels->cols[c];
		int64		code;
		double		number;

		if (col->type == CD_TYPE_TEXT || col->type == CD_TYPE_JSON)
		{
			if (!cd_column_integer(col, i, &code))
				continue;
			if (code < 0 || code >= labels->nstrings)
				cd_timeline_corrupt();
			*len = labels->lengths[code];
			return labels->strings[code];
		}
		if (!cd_column_number(col, i, &number))
			continue;
		if (col->type == CD_TYPE_BOOL)
		{
			*len = number != 0 ? 4 : 5;
			return number != 0 ? "true" : "false";
		}
		else
		{
			char	   *text = float8out_internal(number);

			*len = strlen(text);
			return text;
		}
	}
	*len = 0;
	return NULL;
}

/* Count the events of one kind that match. */
static void
count_kind(Cells *cells, const CdTimeline *tl, const CdMatcher *matcher, const TimestampTz *bounds, int nbounds,
		   const char *by, int bylen, const CdOf *of)
{
	CdTimes		times;
	CdColumn	number;
	Labels		labels;
	bool		has_number = false;
	int			bucket = 0,
				i;

	if (matcher->from >= matcher->to)
		return;
	if (by != NULL)
		labels_begin(&labels, tl, &matcher->kind, by, bylen);
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
		double		x;

		while (bucket + 2 < nbounds && at >= bounds[bucket + 1])
			bucket++;
		if (!cd_matcher_test(matcher, i))
			continue;
		if (by != NULL)
			label = label_of(&labels, i, &len);
		cell = cell_of(cells, bucket, label, len);
		cell->events++;
		if (has_number && cd_column_number(&number, i, &x))
		{
			cell->total += x;
			cell->has_total = true;
		}
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
	values[3] = Float8GetDatum(cell->total);
	SRF_RETURN_NEXT(context, HeapTupleGetDatum(heap_form_tuple(context->tuple_desc, values, nulls)));
}
