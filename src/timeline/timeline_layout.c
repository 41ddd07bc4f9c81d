/*
 * timeline_layout.c
 *		Writing what events carry: how the columns of each kind are written,
 *		and their codes.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"

#include "customer_data.h"

#include "timeline/timeline.h"
#include "timeline/timeline_format.h"
#include "timeline/timeline_rows.h"

/* A new kind is compared with so many layouts made last. */
#define LAYOUTS_TRIED	8

/* How the columns of one or more kinds are written. */
typedef struct CdLayout
{
	const CdPackKind *kind;		/* the first one: its columns are those of all */
	CdForm	   *forms;			/* by column */
	int			n;				/* events that have it */
	uint32		offset;			/* of its description */
} CdLayout;

#define EXACT_MOST	9007199254740991.0

/* Up to here a scaled decimal is the same integer at every larger scale. */
#define EXACT_SAFE	1125899906842624.0

/* The nearest integer, the even one of two. */
static inline double
nearest(double number)
{
	/* Adding 1.5 * 2^52 leaves no bits for a fraction. */
	if (likely(fabs(number) < EXACT_SAFE))
		return (number + 6755399441055744.0) - 6755399441055744.0;
	return rint(number);
}

/* Decimal places that write the number exactly, or -1; at least scale. */
static inline int
exact_scale(double number, int scale)
{
	for (; scale <= CD_MAX_SCALE; scale++)
	{
		double		scaled = nearest(number * cd_power10[scale]);

		if (fabs(scaled) > EXACT_MOST)
			return -1;
		if (scaled / cd_power10[scale] == number)
			return scale;
	}
	return -1;
}

/* Decimal places that write all numbers of a column exactly, or -1. */
static int
column_scale(const double *numbers, const bool *present, int n)
{
	double		most = 0;
	int			scale = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (!present[i])
			continue;
		scale = exact_scale(numbers[i], scale);
		if (scale < 0)
			return -1;
		most = Max(most, fabs(numbers[i]));
	}
	if (most * cd_power10[scale] < EXACT_SAFE)
		return scale;

	/* More places can push an earlier number out of range. */
	for (i = 0; i < n; i++)
		if (present[i] && exact_scale(numbers[i], scale) != scale)
			return -1;
	return scale;
}

/* Bits that codes of a form need. */
static inline int
code_width(const CdForm *form)
{
	return form->raw ? 64 : cd_bit_width((uint64) form->high - (uint64) form->low + (form->nullable ? 1 : 0));
}

/* Turn the cells of a column into integers and note what they span. */
static void
measure_column(CdPack *pack, const CdPackKind *kind, CdPackColumn *col)
{
	CdForm	   *form = &col->form;
	int64	   *ints = (int64 *) col->cells;
	int64		low = PG_INT64_MAX,
				high = PG_INT64_MIN;
	int			n = kind->n;
	int			i;

	memset(form, 0, sizeof(*form));
	form->nullable = col->npresent < n;
	if (col->type == CD_TYPE_NUMBER && col->which != CD_COL_EVENT_ID)
	{
		const double *numbers = (const double *) col->cells;

		form->scale = column_scale(numbers, col->present, n);
		if (form->scale < 0)
		{
			form->raw = true;
			form->scale = 0;
			form->width = 64;
			return;
		}
		for (i = 0; i < n; i++)
			if (col->present[i])
				ints[i] = (int64) nearest(numbers[i] * cd_power10[form->scale]);
	}
	else if (col->type != CD_TYPE_NUMBER)
	{
		/* Texts and booleans: cells are code + 1, 0 for absent. */
		if (form->nullable)
			col->present = cd_scratch_alloc(pack->scratch, n * sizeof(bool));
		for (i = 0; i < n; i++)
		{
			if (form->nullable)
				col->present[i] = ints[i] != 0;
			ints[i]--;
		}
	}
	for (i = 0; i < n; i++)
	{
		if (form->nullable && !col->present[i])
			continue;
		low = Min(low, ints[i]);
		high = Max(high, ints[i]);
	}
	form->low = low;
	form->high = high;
	form->width = code_width(form);
}

/* Write the integers of a form at a larger scale; false where that may not be exact. */
static bool
raise_scale(CdForm *form, int scale)
{
	int64		factor = (int64) cd_power10[scale - form->scale];

	if (Max(fabs((double) form->low), fabs((double) form->high)) * factor >= EXACT_SAFE)
		return false;
	form->low *= factor;
	form->high *= factor;
	form->scale = scale;
	return true;
}

/* The form that can write what either of two can; false when there is none. */
static bool
join_forms(const CdForm *a, const CdForm *b, CdForm *joined)
{
	CdForm		other = *b;

	*joined = *a;
	if (a->raw != b->raw)
		return false;
	joined->nullable |= b->nullable;
	if (a->raw)
		return true;
	if ((joined->scale < other.scale && !raise_scale(joined, other.scale)) ||
		(other.scale < joined->scale && !raise_scale(&other, joined->scale)))
		return false;
	joined->low = Min(joined->low, other.low);
	joined->high = Max(joined->high, other.high);
	joined->width = code_width(joined);
	return joined->width <= 56;
}

/* Describe one column of a layout. */
static uint8 *
put_form(uint8 *p, const CdPackColumn *col, const CdForm *form)
{
	p = cd_write_varint(p, (uint64) col->which << 2 | col->type);
	*p++ = (form->nullable ? CD_COLF_NULLABLE : 0) | (form->raw ? CD_COLF_RAW : 0) | form->scale << CD_COLF_SCALE_SHIFT;
	*p++ = (uint8) form->width;
	return cd_write_varint(p, cd_zigzag(form->low));
}

#define FORM_MOST	(2 + 2 * CD_VARINT_MAX)

/* What it takes to describe a column, in bits, as a rule. */
#define FORM_BITS	40

/*
 * Have a kind written like those of a layout if that takes no more than about
 * a description of its own; forms is room for its columns.
 */
static bool
join_layout(CdLayout *layout, const CdPackKind *kind, CdForm *forms)
{
	int64		more = -FORM_BITS * kind->ncols;
	int			c;

	if (layout->kind->ncols != kind->ncols)
		return false;
	for (c = 0; c < kind->ncols; c++)
	{
		const CdPackColumn *ours = &kind->cols[c];
		const CdPackColumn *theirs = &layout->kind->cols[c];

		if (ours->which != theirs->which || ours->type != theirs->type ||
			!join_forms(&layout->forms[c], &ours->form, &forms[c]))
			return false;
		more += (int64) (forms[c].width - layout->forms[c].width) * layout->n + (int64) (forms[c].width - ours->form.width) * kind->n;
	}
	if (more > 0)
		return false;
	memcpy(layout->forms, forms, kind->ncols * sizeof(CdForm));
	layout->n += kind->n;
	return true;
}

/* Decide how each column is written and describe that: kinds alike share a description. */
void
cd_encode_layouts(CdPack *pack, StringInfo buf)
{
	CdLayout   *layouts = cd_scratch_alloc(pack->scratch, pack->nkinds * sizeof(CdLayout));
	int			n = 0;
	int			k,
				c,
				l;

	for (k = 0; k < pack->nkinds; k++)
	{
		CdPackKind *kind = &pack->kinds[k];
		CdForm	   *forms = cd_scratch_alloc(pack->scratch, Max(kind->ncols, 1) * sizeof(CdForm));

		for (c = 0; c < kind->ncols; c++)
			measure_column(pack, kind, &kind->cols[c]);
		for (l = n - 1; l >= Max(n - LAYOUTS_TRIED, 0); l--)
			if (join_layout(&layouts[l], kind, forms))
				break;
		if (l < Max(n - LAYOUTS_TRIED, 0))
		{
			l = n++;
			layouts[l].kind = kind;
			layouts[l].n = kind->n;
			layouts[l].forms = forms;
			for (c = 0; c < kind->ncols; c++)
				forms[c] = kind->cols[c].form;
		}
		kind->layout = l;
	}
	for (l = 0; l < n; l++)
	{
		const CdPackKind *kind = layouts[l].kind;
		uint8	   *p = cd_buffer_room(buf, CD_VARINT_MAX + (Size) kind->ncols * FORM_MOST);

		layouts[l].offset = buf->len;
		p = cd_write_varint(p, kind->ncols);
		for (c = 0; c < kind->ncols; c++)
			p = put_form(p, &kind->cols[c], &layouts[l].forms[c]);
		cd_buffer_upto(buf, p);
	}
	pack->layouts = layouts;
}

/* Append one column of numbers as they are, absent ones as not-a-number. */
static void
put_raw(StringInfo buf, const CdPackKind *kind, const CdPackColumn *col)
{
	uint8	   *p = cd_buffer_room(buf, (Size) kind->n * 8);
	int			i,
				b;

	for (i = 0; i < kind->n; i++)
	{
		uint64		code = col->present[i] ? col->cells[i] : UINT64CONST(0x7ff8000000000000);

		for (b = 0; b < 8; b++)
			*p++ = (uint8) (code >> (8 * b));
	}
	cd_buffer_upto(buf, p);
}

/* Append the codes of one column. */
static void
put_codes(StringInfo buf, const CdPackKind *kind, const CdPackColumn *col, const CdForm *form)
{
	const int64 *ints = (const int64 *) col->cells;
	int64		factor = (int64) cd_power10[form->scale - col->form.scale];
	int			shift = form->nullable ? 1 : 0;
	int			width = form->width;
	uint64		bytes = ((uint64) kind->n * width + 7) / 8;
	uint8	   *p = cd_buffer_room(buf, bytes + 8);
	CdBitWriter	w = {p, 0, 0};
	int			i;

	if (width > 0)
		for (i = 0; i < kind->n; i++)
		{
			bool		present = !col->form.nullable || col->present[i];

			cd_put_bits(&w, present ? (uint64) (ints[i] * factor) - (uint64) form->low + shift : 0, width);
		}
	cd_buffer_upto(buf, p + bytes);
}

/* The columns of a kind, by its layout. */
void
cd_encode_columns(const CdPack *pack, StringInfo buf, const CdPackKind *kind)
{
	const CdLayout *layout = &pack->layouts[kind->layout];
	int			c;

	cd_append_varint(buf, layout->offset);
	for (c = 0; c < kind->ncols; c++)
	{
		if (layout->forms[c].raw)
			put_raw(buf, kind, &kind->cols[c]);
		else
			put_codes(buf, kind, &kind->cols[c], &layout->forms[c]);
	}
}
