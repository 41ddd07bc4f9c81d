/*
 * scope_parts.c
 *		The timelines of a block of customers that are in parts: an old one and
 *		what came later, which need not be packed into one image to be asked.
 *
 * Kinds and texts get numbers for all parts, those of the first part first.
 * Packed, a timeline has its kinds in the same order, so what was found out
 * of one in parts holds when it is packed after all.
 */
#include "postgres.h"

#include "segment/scope_match.h"
#include "timeline/timeline_format.h"

#include "utils/memutils.h"

/* More events than this in later parts, and the timeline is packed when it is opened. */
#define MOST_LATER		64

/* The number of a kind of the row by its name, -1 if there is none yet. */
static int
find_kind(const ScopeRow *row, int nkinds, const CdKind *kind)
{
	int			k;

	for (k = 0; k < nkinds; k++)
		if (row->kinds[k].namelen == kind->namelen && memcmp(row->kinds[k].name, kind->name, kind->namelen) == 0)
			return k;
	return -1;
}

/* Open one image made of all parts. */
static void
open_packed(CdScope *scope, ScopeRow *row, const struct varlena *value)
{
	MemoryContext old = MemoryContextSwitchTo(scope->block);

	cd_timeline_open(&row->timeline, cd_timeline_whole((struct varlena *) value));
	MemoryContextSwitchTo(old);
	row->nparts = 1;
	cd_scope_kinds(scope, row);
}

void
cd_scope_open_parts(CdScope *scope, ScopeRow *row, const struct varlena *value)
{
	CdParts		parts;
	int			later = 0;
	int			most = 0;
	int			n = 0;
	int			p,
				k;

	cd_timeline_open_parts(&parts, value);
	for (p = 0; p < parts.n; p++)
	{
		later += p > 0 ? parts.tl[p].nevents : 0;
		most += parts.tl[p].nkinds;
	}
	if (later > MOST_LATER)
	{
		open_packed(scope, row, value);
		return;
	}
	row->nparts = parts.n;
	row->parts = cd_scope_get(scope, parts.n * sizeof(ScopePart));
	row->kinds = cd_scope_get(scope, most * sizeof(CdKind));
	for (p = 0; p < parts.n; p++)
	{
		ScopePart  *part = &row->parts[p];
		CdKindScan	scan;
		CdKind		kind;

		part->timeline = parts.tl[p];
		part->timeline.next = NULL;
		part->kinds = cd_scope_get(scope, most * sizeof(CdKind));
		part->first = cd_scope_get(scope, most * sizeof(int));
		memset(part->kinds, 0, most * sizeof(CdKind));
		for (k = 0; k < n; k++)
			part->first[k] = row->kinds[k].n;
		for (; k < most; k++)
			part->first[k] = 0;
		cd_kind_scan_begin(&part->timeline, &scan);
		while (cd_kind_scan_next(&part->timeline, &scan, &kind))
		{
			k = find_kind(row, n, &kind);
			if (k < 0)
			{
				k = n++;
				row->kinds[k] = kind;
				row->kinds[k].n = 0;
			}
			row->kinds[k].n += kind.n;
			part->kinds[k] = kind;
			part->kinds[k].tl = &part->timeline;
		}
	}
	row->timeline = row->parts[0].timeline;
	row->timeline.nevents += later;
	row->timeline.nkinds = n;
}

void
cd_scope_pack(CdScope *scope, ScopeRow *row)
{
	int			number = row - scope->rows;
	int			nkinds = row->timeline.nkinds;
	int			i;

	open_packed(scope, row, (struct varlena *) DatumGetPointer(scope->events[number]));
	if (row->timeline.nkinds != nkinds)
		cd_timeline_corrupt();
	/* Texts have other numbers now; what they told of events stays true. */
	for (i = 0; i < scope->nproperties; i++)
		scope->properties[i]->known &= ~BIT(number);
}

void
cd_scope_part_times(const ScopeRow *row, int k, TimestampTz *at)
{
	int			p,
				i;

	for (p = 0; p < row->nparts; p++)
	{
		const CdKind *kind = &row->parts[p].kinds[k];
		const CdTimeline *timeline = &row->parts[p].timeline;

		if (kind->n == 0)
			continue;
		cd_kind_offsets(kind, (uint64 *) at);
		for (i = 0; i < kind->n; i++, at++)
			*at = (TimestampTz) ((uint64) timeline->base + (uint64) *at * (uint64) timeline->unit);
	}
}

/* A text of a later part that the first one has not. */
typedef struct OtherText
{
	char	   *str;
	int			len;
} OtherText;

int
cd_scope_texts(CdScope *scope, const ScopeRow *row, const char *name, int len, int **maps)
{
	int			which = cd_timeline_find_property(cd_scope_part_timeline(row, 0), name, len);
	CdDict		first = {0};
	OtherText  *others = NULL;
	int			nothers = 0;
	bool		found = which >= 0;
	int			p;

	maps[0] = NULL;
	if (which >= 0)
		cd_dict_open(cd_scope_part_timeline(row, 0), which + CD_COL_PROPERTY, &first);
	for (p = 1; p < row->nparts; p++)
	{
		CdDict		dict;
		CdDictCursor cursor;
		const char *str;
		int			length;
		int			code;

		maps[p] = NULL;
		which = cd_timeline_find_property(&row->parts[p].timeline, name, len);
		if (which < 0)
			continue;
		found = true;
		cd_dict_open(&row->parts[p].timeline, which + CD_COL_PROPERTY, &dict);
		maps[p] = cd_scope_get(scope, (1 + dict.n) * sizeof(int));
		maps[p][0] = dict.n;
		if (dict.n == 0)
			continue;
		cd_dict_seek(&dict, 0, &cursor);
		for (code = 0; code < dict.n && cd_dict_next(&cursor, &str, &length); code++)
		{
			bool		known = false;
			int			number = first.n == 0 ? 0 : cd_dict_find(&first, str, length, &known);

			if (!known)
			{
				for (number = 0; number < nothers; number++)
					if (others[number].len == length && memcmp(others[number].str, str, length) == 0)
						break;
				if (number == nothers)
				{
					CD_GROW(others, nothers);
					others[nothers].str = cd_scope_get(scope, length);
					memcpy(others[nothers].str, str, length);
					others[nothers++].len = length;
				}
				number += first.n;
			}
			maps[p][1 + code] = number;
		}
		if (cursor.buf != NULL)
			pfree(cursor.buf);
	}
	if (others != NULL)
		pfree(others);
	return found ? first.n + nothers : -1;
}
