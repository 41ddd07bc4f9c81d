/*
 * timeline_op.c
 *		Joining, cutting and comparing timelines, and what is in them.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "timeline/timeline.h"
#include "timeline/timeline_format.h"
#include "timeline/timeline_rows.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* A timeline without events. */
struct varlena *
cd_timeline_empty(void)
{
	struct varlena *result = palloc(VARHDRSZ + 2);

	SET_VARSIZE(result, VARHDRSZ + 2);
	VARDATA(result)[0] = CD_TIMELINE_VERSION;
	VARDATA(result)[1] = 0;
	return result;
}

/* The events of both; identical events with the same event id once. */
struct varlena *
cd_timeline_merge(struct varlena *left, struct varlena *right)
{
	CdParts		a,
				b;
	CdCopy		x,
				y;
	CdBuilder	builder;
	MemoryContext work,
				old;
	struct varlena *packed,
			   *result;

	cd_timeline_open_parts(&a, left);
	cd_timeline_open_parts(&b, right);
	if (a.tl[0].nevents == 0)
		return cd_timeline_whole(right);
	if (b.tl[0].nevents == 0)
		return cd_timeline_whole(left);

	work = AllocSetContextCreate(CurrentMemoryContext, "timeline merge", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(work);
	cd_builder_init(&builder, cd_pool_create(work), work);
	cd_copy_begin(&x, &builder, left, DT_NOBEGIN);
	cd_copy_begin(&y, &builder, right, DT_NOBEGIN);
	while (x.more && y.more)
	{
		CHECK_FOR_INTERRUPTS();
		cd_copy_event(x.event.at <= y.event.at ? &x : &y);
	}
	while (x.more)
		cd_copy_event(&x);
	while (y.more)
		cd_copy_event(&y);
	packed = cd_builder_finish(&builder);
	MemoryContextSwitchTo(old);
	result = palloc(VARSIZE(packed));
	memcpy(result, packed, VARSIZE(packed));
	MemoryContextDelete(work);
	return result;
}

/* since <= at < until; the same pointer when nothing is cut. */
struct varlena *
cd_timeline_slice(struct varlena *value, TimestampTz since, TimestampTz until)
{
	CdTimeline	tl;
	CdBuilder	builder;
	MemoryContext work,
				old;
	struct varlena *packed,
			   *result;

	cd_timeline_open(&tl, value);
	if (tl.nevents == 0)
		return value;
	if (until <= since || until <= tl.base)
		return cd_timeline_empty();
	if (since <= tl.base && (until == DT_NOEND || cd_timeline_last_at(&tl) < until))
		return value;

	work = AllocSetContextCreate(CurrentMemoryContext, "timeline slice", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(work);
	cd_builder_init(&builder, cd_pool_create(work), work);
	cd_builder_timeline(&builder, value, since, until);
	packed = cd_builder_finish(&builder);
	MemoryContextSwitchTo(old);
	result = palloc(VARSIZE(packed));
	memcpy(result, packed, VARSIZE(packed));
	MemoryContextDelete(work);
	return result;
}

/* What is known at a moment: at <= as_of; notes when the next event comes in. */
struct varlena *
cd_timeline_cut(struct varlena *value, TimestampTz as_of)
{
	CdTimeline	tl;
	TimestampTz next;

	cd_timeline_open(&tl, value);
	next = cd_timeline_next_after(&tl, as_of);
	if (next == DT_NOEND)
		return value;
	cd_validity_note(next);
	return cd_timeline_slice(value, DT_NOBEGIN, next);
}

/* timeline_slice(timeline, since, until) */
PG_FUNCTION_INFO_V1(cd_timeline_slice_sql);
Datum
cd_timeline_slice_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(cd_timeline_slice(PG_GETARG_TIMELINE(0),
										PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_TIMESTAMPTZ(2)));
}

/* timeline_cut(timeline, as_of) */
PG_FUNCTION_INFO_V1(cd_timeline_cut_sql);
Datum
cd_timeline_cut_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(cd_timeline_cut(PG_GETARG_TIMELINE(0), PG_GETARG_TIMESTAMPTZ(1)));
}

/* empty_timeline() */
PG_FUNCTION_INFO_V1(cd_empty_timeline);
Datum
cd_empty_timeline(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(cd_timeline_empty());
}

/* timeline = timeline: the same events in the same order have the same bytes. */
PG_FUNCTION_INFO_V1(cd_timeline_eq);
Datum
cd_timeline_eq(PG_FUNCTION_ARGS)
{
	struct varlena *a = cd_timeline_whole(PG_GETARG_TIMELINE(0));
	struct varlena *b = cd_timeline_whole(PG_GETARG_TIMELINE(1));
	Size		len = VARSIZE_ANY_EXHDR(a);

	PG_RETURN_BOOL(len == VARSIZE_ANY_EXHDR(b) && memcmp(VARDATA_ANY(a), VARDATA_ANY(b), len) == 0);
}

/* timeline <> timeline */
PG_FUNCTION_INFO_V1(cd_timeline_ne);
Datum
cd_timeline_ne(PG_FUNCTION_ARGS)
{
	return BoolGetDatum(!DatumGetBool(cd_timeline_eq(fcinfo)));
}

/* Hash of a timeline. */
PG_FUNCTION_INFO_V1(cd_timeline_hash);
Datum
cd_timeline_hash(PG_FUNCTION_ARGS)
{
	struct varlena *a = cd_timeline_whole(PG_GETARG_TIMELINE(0));

	PG_RETURN_DATUM(hash_any((const unsigned char *) VARDATA_ANY(a), VARSIZE_ANY_EXHDR(a)));
}

/* Seeded hash of a timeline. */
PG_FUNCTION_INFO_V1(cd_timeline_hash_extended);
Datum
cd_timeline_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *a = cd_timeline_whole(PG_GETARG_TIMELINE(0));

	PG_RETURN_DATUM(hash_any_extended((const unsigned char *) VARDATA_ANY(a), VARSIZE_ANY_EXHDR(a),
									  PG_GETARG_INT64(1)));
}

/* event_total(timeline): reads no more than the head of the value. */
PG_FUNCTION_INFO_V1(cd_event_total);
Datum
cd_event_total(PG_FUNCTION_ARGS)
{
	struct varlena *head = (struct varlena *) PG_GETARG_DATUM(0);
	const uint8 *p,
			   *end;
	uint64		nevents;

	cd_fetch_ahead(head);
	if (VARATT_IS_EXTERNAL(head) || VARATT_IS_COMPRESSED(head))
		head = (struct varlena *) PG_DETOAST_DATUM_SLICE(PG_GETARG_DATUM(0), 0, 12);
	p = (const uint8 *) VARDATA_ANY(head);
	end = p + VARSIZE_ANY_EXHDR(head);
	if (p >= end || (*p != CD_TIMELINE_VERSION && *p != CD_TIMELINE_PARTS))
		cd_timeline_corrupt();
	p++;
	nevents = cd_read_varint(&p, end);
	PG_RETURN_INT32((int32) Min(nevents, CD_MAX_EVENTS));
}

/* timeline_first(timeline) */
PG_FUNCTION_INFO_V1(cd_timeline_first);
Datum
cd_timeline_first(PG_FUNCTION_ARGS)
{
	CdParts		parts;

	cd_timeline_open_parts(&parts, PG_GETARG_TIMELINE(0));
	if (parts.tl[0].nevents == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(cd_timeline_first_at(&parts.tl[0]));
}

/* timeline_last(timeline) */
PG_FUNCTION_INFO_V1(cd_timeline_last);
Datum
cd_timeline_last(PG_FUNCTION_ARGS)
{
	CdParts		parts;

	cd_timeline_open_parts(&parts, PG_GETARG_TIMELINE(0));
	if (parts.tl[0].nevents == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(cd_timeline_last_at(&parts.tl[parts.n - 1]));
}

/* timeline_kinds(timeline): kind, events, first, last */
PG_FUNCTION_INFO_V1(cd_timeline_kinds);
Datum
cd_timeline_kinds(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CdTimeline	tl;
	CdKindScan	scan;
	CdKind		kind;

	InitMaterializedSRF(fcinfo, 0);
	cd_timeline_open(&tl, PG_GETARG_TIMELINE(0));
	cd_kind_scan_begin(&tl, &scan);
	while (cd_kind_scan_next(&tl, &scan, &kind))
	{
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		if (kind.n == 0)
			continue;
		values[0] = PointerGetDatum(cstring_to_text_with_len(kind.name, kind.namelen));
		values[1] = Int32GetDatum(kind.n);
		values[2] = TimestampTzGetDatum(cd_kind_at(&kind, 0));
		values[3] = TimestampTzGetDatum(cd_kind_last_at(&kind));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* Put one property into the JSON object being made. */
static void
push_property(CdReader *reader, const CdColumn *col, int i, JsonbParseState **state)
{
	JsonbValue	key,
				v;
	double		number;
	int64		code;
	int			prop = col->which - CD_COL_PROPERTY;

	switch (col->type)
	{
		case CD_TYPE_NUMBER:
			if (!cd_column_number(col, i, &number))
				return;
			v.type = jbvNumeric;
			v.val.numeric = DatumGetNumeric(cd_number_numeric(number));
			break;
		case CD_TYPE_BOOL:
			if (!cd_column_number(col, i, &number))
				return;
			v.type = jbvBool;
			v.val.boolean = number != 0;
			break;
		default:
			if (!cd_column_integer(col, i, &code))
				return;
			v.type = jbvString;
			v.val.string.val = (char *) cd_reader_string(reader, col->which, code, &v.val.string.len);
			break;
	}
	key.type = jbvString;
	cd_timeline_property_name(&reader->tl, prop, (const char **) &key.val.string.val, &key.val.string.len);
	(void) pushJsonbValue(state, WJB_KEY, &key);
	if (col->type == CD_TYPE_JSON)
	{
		char	   *str = pnstrdup(v.val.string.val, v.val.string.len);
		Jsonb	   *jb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(str)));

		if (JB_ROOT_IS_SCALAR(jb))
			(void) JsonbExtractScalar(&jb->root, &v);
		else
		{
			v.type = jbvBinary;
			v.val.binary.data = &jb->root;
			v.val.binary.len = VARSIZE_ANY_EXHDR(jb);
		}
	}
	(void) pushJsonbValue(state, WJB_VALUE, &v);
}

/* events(timeline): at, kind, value, quantity, event_id, properties */
PG_FUNCTION_INFO_V1(cd_events);
Datum
cd_events(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CdReader	reader;
	CdEvent		event;
	MemoryContext row,
				old;

	InitMaterializedSRF(fcinfo, 0);
	cd_reader_begin(&reader, PG_GETARG_TIMELINE(0), DT_NOBEGIN);
	row = AllocSetContextCreate(CurrentMemoryContext, "timeline event", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(row);
	while (cd_walk_next(&reader.walk, &event))
	{
		const CdKind *kind = &reader.walk.kinds[event.kind];
		JsonbParseState *state = NULL;
		Datum		values[6];
		bool		nulls[6] = {false, false, true, true, true, false};
		int			c;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(row);
		values[0] = TimestampTzGetDatum(event.at);
		values[1] = PointerGetDatum(cstring_to_text_with_len(kind->name, kind->namelen));
		(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		for (c = 0; c < reader.ncols[event.kind]; c++)
		{
			const CdColumn *col = &reader.cols[event.kind][c];
			double		number;

			if (col->which >= CD_COL_PROPERTY)
				push_property(&reader, col, event.index, &state);
			else if (col->which == CD_COL_EVENT_ID)
			{
				const char *str;
				int			len;

				if (cd_reader_event_id(&reader, col, event.index, &str, &len))
				{
					values[4] = PointerGetDatum(cstring_to_text_with_len(str, len));
					nulls[4] = false;
				}
			}
			else if (cd_column_number(col, event.index, &number))
			{
				values[2 + col->which] = Float8GetDatum(number);
				nulls[2 + col->which] = false;
			}
		}
		values[5] = JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
	return (Datum) 0;
}
