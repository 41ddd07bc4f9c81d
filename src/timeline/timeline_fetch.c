/*
 * timeline_fetch.c
 *		Reading only what a pattern over one kind needs of a long timeline that
 *		is stored out of line: its head, the section of the kind, and the
 *		dictionaries the conditions look into.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "access/detoast.h"
#include "timeline/event_pattern.h"
#include "timeline/timeline_format.h"
#include "utils/memutils.h"

/* Values up to this size are read whole: looking parts up would cost as much. */
#define FETCH_WHOLE		131072

/* What is read first; the directories nearly always lie within. */
#define FETCH_HEAD		1990

/* A value whose bytes are filled in part by part. */
typedef struct Parts
{
	struct varlena *stored;
	struct varlena *image;
	uint32		size;			/* of the data */
} Parts;

/* Read some bytes into place. */
static void
fetch(Parts *parts, uint32 from, uint32 len)
{
	struct varlena *part;

	if (from >= parts->size || len == 0)
		return;
	len = Min(len, parts->size - from);
	part = detoast_attr_slice(parts->stored, from, len);
	memcpy(VARDATA(parts->image) + from, VARDATA_ANY(part), Min(len, VARSIZE_ANY_EXHDR(part)));
	pfree(part);
}

/* Read the dictionary of a property, if there is one. */
static void
fetch_dictionary(Parts *parts, const CdTimeline *tl, const CdCondition *cond)
{
	const uint8 *data = (const uint8 *) VARDATA(parts->image);
	const uint8 *pos = tl->props;
	const uint8 *dict = tl->dicts;
	int			i;

	if (cond->field == CD_COL_EVENT_ID)
		fetch(parts, tl->ids - data, tl->dicts - tl->ids);
	if (cond->field != CD_COL_PROPERTY)
		return;
	for (i = 0; i < tl->nprops; i++)
	{
		int			len = cd_read_length(&pos, tl->layouts, tl->layouts - pos);
		const uint8 *name = pos;
		uint32		dict_len;

		if (len > tl->layouts - pos)
			cd_timeline_corrupt();
		pos += len;
		dict_len = cd_read_length(&pos, tl->layouts, tl->end - dict);
		if (len == cond->namelen && memcmp(name, cond->name, len) == 0)
		{
			fetch(parts, dict - data, dict_len);
			return;
		}
		dict += dict_len;
	}
}

/* A timeline of which at least what the pattern looks at is filled in. */
struct varlena *
cd_timeline_fetch(Datum value, const CdPattern *pattern)
{
	Parts		parts;
	CdTimeline	tl;
	struct varatt_external toast;
	const CdAlternative *alt = &pattern->alternatives[0];
	const uint8 *data,
			   *pos,
			   *section;
	int			i,
				c;

	parts.stored = (struct varlena *) DatumGetPointer(value);
	if (!VARATT_IS_EXTERNAL_ONDISK(parts.stored) || pattern->n != 1 || alt->prefix)
		return cd_timeline_argument(value);
	VARATT_EXTERNAL_GET_POINTER(toast, parts.stored);
	if (toast.va_rawsize < FETCH_WHOLE ||
		(int32) VARATT_EXTERNAL_GET_EXTSIZE(toast) < toast.va_rawsize - (int32) VARHDRSZ)
		return (struct varlena *) PG_DETOAST_DATUM_PACKED(value);

	parts.size = toast.va_rawsize - VARHDRSZ;
	parts.image = palloc(toast.va_rawsize);
	SET_VARSIZE(parts.image, toast.va_rawsize);
	data = (const uint8 *) VARDATA(parts.image);
	fetch(&parts, 0, FETCH_HEAD);
	if (data[0] == CD_TIMELINE_PARTS)
		return (struct varlena *) PG_DETOAST_DATUM_PACKED(value);
	cd_timeline_open(&tl, parts.image);
	if (tl.nevents == 0)
		return parts.image;
	if (tl.columns > data + FETCH_HEAD)
		fetch(&parts, FETCH_HEAD, tl.columns - data - FETCH_HEAD);

	pos = tl.kinds;
	section = tl.columns;
	for (i = 0; i < tl.nkinds; i++)
	{
		int			len = cd_read_length(&pos, tl.props, tl.props - pos);
		const uint8 *name = pos;
		uint32		section_len;

		if (len > tl.props - pos)
			cd_timeline_corrupt();
		pos += len;
		(void) cd_read_length(&pos, tl.props, tl.nevents);
		section_len = cd_read_length(&pos, tl.props, tl.ties - section);
		if (len == alt->name.len && memcmp(name, alt->name.str, len) == 0)
		{
			if (section_len > parts.size / 2)
				return (struct varlena *) PG_DETOAST_DATUM_PACKED(value);

			/* Codes are loaded eight bytes at a time. */
			fetch(&parts, section - data, section_len + 8);
			for (c = 0; c < alt->nconditions; c++)
				fetch_dictionary(&parts, &tl, &alt->conditions[c]);
			break;
		}
		section += section_len;
	}
	return parts.image;
}
