/*
 * timeline_walk.c
 *		All events of a timeline in order, with what they carry.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "timeline/timeline.h"
#include "timeline/timeline_format.h"
#include "utils/builtins.h"

/* Read where the next exceptional tie starts. */
static void
next_tie(CdWalk *walk)
{
	const CdTimeline *tl = walk->tl;

	if (walk->ties >= tl->ids)
	{
		walk->tie_at = PG_INT64_MAX;
		return;
	}
	walk->tie_at += cd_read_length(&walk->ties, tl->ids, tl->nevents);
	walk->tie_left = cd_read_length(&walk->ties, tl->ids, tl->nevents);
}

/* Start a walk over all events from a moment on. */
void
cd_walk_begin(CdWalk *walk, const CdTimeline *tl, TimestampTz since)
{
	CdKindScan	scan;
	int			k;

	walk->tl = tl;
	walk->nkinds = tl->nkinds;
	walk->kinds = palloc(Max(tl->nkinds, 1) * sizeof(CdKind));
	walk->times = palloc(Max(tl->nkinds, 1) * sizeof(CdTimes));
	walk->next = palloc(Max(tl->nkinds, 1) * sizeof(TimestampTz));
	walk->index = palloc(Max(tl->nkinds, 1) * sizeof(int));
	walk->rank = 0;
	cd_kind_scan_begin(tl, &scan);
	for (k = 0; k < tl->nkinds; k++)
	{
		CdKind	   *kind = &walk->kinds[k];

		(void) cd_kind_scan_next(tl, &scan, kind);
		walk->index[k] = cd_kind_lower_bound(kind, since);
		walk->rank += walk->index[k];
		cd_times_begin(&walk->times[k], kind, walk->index[k]);
		walk->next[k] = walk->index[k] < kind->n ? cd_times_next(&walk->times[k]) : DT_NOEND;
	}
	walk->ties = tl->ties;
	walk->tie_at = tl->nevents == 0 ? PG_INT64_MAX : 0;
	walk->tie_left = 0;
	if (tl->nevents == 0)
		return;
	next_tie(walk);
	while (walk->tie_at < walk->rank)
	{
		int			left = walk->tie_left;

		walk->tie_at += left;
		while (left-- > 0)
			(void) cd_read_length(&walk->ties, tl->ids, tl->nkinds);
		next_tie(walk);
	}
}

/* The next event in order; false at the end. */
bool
cd_walk_next(CdWalk *walk, CdEvent *event)
{
	int			k;
	TimestampTz at = DT_NOEND;

	if (walk->rank >= walk->tie_at)
	{
		k = cd_read_length(&walk->ties, walk->tl->ids, walk->nkinds - 1);
		at = walk->next[k];
		if (at == DT_NOEND)
			cd_timeline_corrupt();
		walk->tie_at++;
		if (--walk->tie_left <= 0)
			next_tie(walk);
	}
	else
	{
		int			i;

		for (i = 0, k = -1; i < walk->nkinds; i++)
		{
			if (walk->next[i] < at)
			{
				at = walk->next[i];
				k = i;
			}
		}
		if (k < 0)
			return false;
	}
	walk->rank++;
	event->at = at;
	event->kind = k;
	event->index = walk->index[k]++;
	walk->next[k] = walk->index[k] < walk->kinds[k].n ? cd_times_next(&walk->times[k]) : DT_NOEND;
	return true;
}

/* Start reading all events, with their columns and texts, from a moment on. */
void
cd_reader_begin(CdReader *reader, const struct varlena *value, TimestampTz since)
{
	CdTimeline *tl = &reader->tl;
	int			k,
				c;

	cd_timeline_open(tl, value);
	cd_walk_begin(&reader->walk, tl, since);
	reader->texts = palloc0((CD_COL_PROPERTY + tl->nprops) * sizeof(CdTexts));
	reader->ncols = palloc(Max(tl->nkinds, 1) * sizeof(int));
	reader->cols = palloc(Max(tl->nkinds, 1) * sizeof(CdColumn *));
	for (k = 0; k < tl->nkinds; k++)
	{
		const CdKind *kind = &reader->walk.kinds[k];
		CdColumnScan scan;

		cd_kind_columns(kind, &scan);
		reader->ncols[k] = scan.left;
		reader->cols[k] = palloc(Max(reader->ncols[k], 1) * sizeof(CdColumn));
		for (c = 0; c < reader->ncols[k]; c++)
		{
			CdColumn   *col = &reader->cols[k][c];
			CdTexts    *texts;
			CdDict		dict;

			(void) cd_kind_next_column(kind, &scan, col);
			if (col->which >= CD_COL_PROPERTY + tl->nprops ||
				(col->which < CD_COL_EVENT_ID && col->type != CD_TYPE_NUMBER) ||
				(col->which == CD_COL_EVENT_ID && col->type > CD_TYPE_NUMBER) ||
				(col->raw && (col->type != CD_TYPE_NUMBER || col->which == CD_COL_EVENT_ID)))
				cd_timeline_corrupt();
			texts = &reader->texts[col->which];
			if ((col->type == CD_TYPE_TEXT || col->type == CD_TYPE_JSON) && texts->strings == NULL)
			{
				cd_dict_open(tl, col->which, &dict);
				cd_dict_strings(&dict, &texts->strings, &texts->lengths);
				texts->n = dict.n;
			}
		}
	}
}

/* A text of a column's dictionary. */
const char *
cd_reader_string(const CdReader *reader, int which, int64 code, int *len)
{
	const CdTexts *texts = &reader->texts[which];

	if (code < 0 || code >= texts->n)
		cd_timeline_corrupt();
	*len = texts->lengths[code];
	return texts->strings[code];
}

/* The event id of an event; false when it has none. Lives until the next call. */
bool
cd_reader_event_id(CdReader *reader, const CdColumn *col, int i, const char **str, int *len)
{
	int64		code;

	if (!cd_column_integer(col, i, &code))
		return false;
	if (col->type == CD_TYPE_NUMBER)
	{
		*len = pg_lltoa(code, reader->id_buf);
		*str = reader->id_buf;
	}
	else
		*str = cd_reader_string(reader, col->which, code, len);
	return true;
}
