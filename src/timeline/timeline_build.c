/*
 * timeline_build.c
 *		Collecting events as rows in one buffer.  Strings that repeat are kept
 *		once in a pool (timeline_pool.c), which all groups of an aggregate share;
 *		long ones and event ids stay in the row.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "timeline/timeline.h"
#include "timeline/timeline_format.h"
#include "timeline/timeline_rows.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* Start collecting; rows grow in the given context. */
void
cd_builder_init(CdBuilder *builder, CdPool *pool, MemoryContext context)
{
	memset(builder, 0, sizeof(*builder));
	builder->pool = pool;
	builder->context = context;
	builder->sorted = true;
	builder->last = DT_NOBEGIN;
}

/* Rows kept for the next use. */
#define KEEP_ROWS	(1024 * 1024)

/* Forget all events; a buffer that is not too large stays. */
void
cd_builder_reset(CdBuilder *builder)
{
	if (builder->size > KEEP_ROWS)
	{
		pfree(builder->rows);
		builder->rows = NULL;
		builder->size = 0;
	}
	builder->len = 0;
	builder->nevents = 0;
	builder->sorted = true;
	builder->last = DT_NOBEGIN;
}

/* Make room for more bytes than there is. */
void
cd_builder_grow(CdBuilder *builder, Size more)
{
	Size		size = Max(builder->size * 2, builder->len + more + 192);

	builder->rows = builder->rows == NULL ?
		MemoryContextAllocHuge(builder->context, size) :
		repalloc_huge(builder->rows, size);
	builder->size = size;
}

/* Refuse names that are empty or too long. */
static inline void
check_name(const char *what, int len)
{
	if (len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be empty", what)));
	if (len > CD_MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_LENGTH_MISMATCH),
				 errmsg("%s of %d bytes is too long", what, len),
				 errdetail("The limit is %d bytes.", CD_MAX_NAME)));
}

/* Number of an event kind. */
int
cd_builder_kind(CdBuilder *builder, const char *name, int len)
{
	check_name("event kind", len);
	return cd_pool_number(builder->pool, name, len);
}

/* Number of a property. */
int
cd_builder_property(CdBuilder *builder, const char *name, int len)
{
	check_name("property name", len);
	return cd_pool_number(builder->pool, name, len);
}

/* Report why an event cannot be added. */
void
cd_refuse_event(const CdBuilder *builder, TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("an event must have a finite time")));
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("a timeline cannot hold more than %d events", CD_MAX_EVENTS)));
}

/* Report that an event has too much in it. */
void
cd_refuse_field(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("event is too large")));
}

/* Report a number that no sum survives. */
void
cd_refuse_number(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s of an event must be a finite number", what),
			 errhint("Use NULL where there is none.")));
}

/* Begin an event. */
void
cd_builder_event(CdBuilder *builder, TimestampTz at, int kind)
{
	cd_builder_begin(builder, at, kind);
}

/* Add a text that is kept in the row. */
static void
add_bytes(CdBuilder *builder, int which, int type, const char *str, int len)
{
	int32		mark = -(len + 1);
	char	   *p = cd_builder_field(builder, which | CD_IN_ROW, type, (Size) 4 + len);

	memcpy(p, &mark, 4);
	memcpy(p + 4, str, len);
}

/* Give the event its value. */
void
cd_builder_value(CdBuilder *builder, double value)
{
	cd_builder_put_number(builder, CD_COL_VALUE, CD_TYPE_NUMBER, value, "value");
}

/* Give the event its quantity. */
void
cd_builder_quantity(CdBuilder *builder, double quantity)
{
	cd_builder_put_number(builder, CD_COL_QUANTITY, CD_TYPE_NUMBER, quantity, "quantity");
}

/* Refuse texts beyond the limit. */
static void
check_text(const char *what, int len)
{
	if (len > CD_MAX_TEXT)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_LENGTH_MISMATCH),
				 errmsg("%s of %d bytes is too long", what, len),
				 errdetail("The limit is %d bytes.", CD_MAX_TEXT)));
}

/* Give the event its id in the source. */
void
cd_builder_event_id(CdBuilder *builder, const char *str, int len)
{
	check_text("event id", len);
	add_bytes(builder, CD_COL_EVENT_ID, CD_TYPE_TEXT, str, len);
}

/* Give the event a property that is a text or JSON. */
void
cd_builder_text(CdBuilder *builder, int property, int type, const char *str, int len)
{
	int			number = cd_pool_text_number(builder->pool, str, len);

	check_text("property", len);
	if (number < 0)
		add_bytes(builder, CD_COL_PROPERTY + property, type, str, len);
	else
		cd_builder_put_pooled(builder, CD_COL_PROPERTY + property, type, number);
}

/* Give the event a property that is a number or a boolean. */
void
cd_builder_number(CdBuilder *builder, int property, int type, double number)
{
	cd_builder_put_number(builder, CD_COL_PROPERTY + property, type, number, "a numeric property");
}

/* Add rows of the same pool; the caller counts them. */
void
cd_builder_rows(CdBuilder *builder, const char *rows, Size len)
{
	if (len == 0)
		return;
	memcpy(cd_builder_room(builder, len), rows, len);
	builder->len += len;
}

/* The shortest decimal that reads back as the number, as numeric. */
Datum
cd_number_numeric(double number)
{
	char		buf[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(number, buf);
	return DirectFunctionCall3(numeric_in, CStringGetDatum(buf), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

/* The numeric type as it is stored (utils/adt/numeric.c keeps it to itself). */
#define DIGIT_BASE		10000
#define MAX_EXACT		(INT64CONST(1) << 53)

/* Up to fifteen digits every decimal survives the way to float8 and back. */
#define MAX_DECIMAL		INT64CONST(1000000000000000)

/*
 * Read a numeric of a few digits, which one division turns into the nearest
 * float8, as the cast would; false for others.  Its digits without the point
 * and zeros at the end are at most *mantissa.
 */
static bool
few_digits(const struct varlena *num, double *number, int64 *mantissa)
{
	const char *data = VARDATA_ANY(num);
	int			len = VARSIZE_ANY_EXHDR(num);
	uint16		header;
	int16		digit;
	int			weight,
				at,
				scale;
	bool		negative;
	static const double power[] = {1, 1e4, 1e8, 1e12, 1e16, 1e20};

	memcpy(&header, data, sizeof(header));
	if ((header & 0xC000) == 0x8000)
	{
		negative = (header & 0x2000) != 0;
		weight = (header & 0x0040) != 0 ? (int) (header & 0x003F) - 64 : (int) (header & 0x003F);
		at = 2;
	}
	else if ((header & 0xC000) != 0xC000)
	{
		negative = (header & 0x4000) != 0;
		memcpy(&digit, data + 2, sizeof(digit));
		weight = digit;
		at = 4;
	}
	else
		return false;
	scale = (len - at) / 2 - 1 - weight;
	if (len - at > 8 || scale > 5 || scale < -5)
		return false;
	*mantissa = 0;
	for (; at < len; at += 2)
	{
		memcpy(&digit, data + at, sizeof(digit));
		*mantissa = *mantissa * DIGIT_BASE + digit;
	}
	if (*mantissa >= MAX_EXACT)
		return false;
	*number = (double) (negative ? -*mantissa : *mantissa);
	if (scale >= 0)
		*number /= power[scale];
	else
		*number *= power[-scale];
	return true;
}

/* A numeric as float8. */
double
cd_numeric_number(Datum datum)
{
	double		number;
	int64		mantissa;

	if (few_digits((struct varlena *) PG_DETOAST_DATUM_PACKED(datum), &number, &mantissa))
		return number;
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8, datum));
}

/* The same, infinite where float8 does not reach and zero where it is too coarse, and no error. */
double
cd_numeric_nearest(Datum datum)
{
	double		number;
	int64		mantissa;
	char	   *str;

	if (few_digits((struct varlena *) PG_DETOAST_DATUM_PACKED(datum), &number, &mantissa))
		return number;
	str = DatumGetCString(DirectFunctionCall1(numeric_out, datum));
	number = strtod(str, NULL);
	pfree(str);
	return number;
}

/* Add a numeric: as a number where float8 holds it exactly, else as JSON. */
void
cd_builder_numeric(CdBuilder *builder, int property, Datum num)
{
	char	   *str;
	char	   *end;
	double		number;
	int			digits = 0;
	const char *p;
	int64		mantissa;
	bool		exact;

	if (few_digits((struct varlena *) PG_DETOAST_DATUM_PACKED(num), &number, &mantissa) && mantissa < MAX_DECIMAL)
	{
		cd_builder_number(builder, property, CD_TYPE_NUMBER, number);
		return;
	}
	str = DatumGetCString(DirectFunctionCall1(numeric_out, num));
	number = strtod(str, &end);
	for (p = str; *p; p++)
		digits += isdigit((unsigned char) *p) ? 1 : 0;
	exact = digits <= 15;
	if (!exact && !isnan(number) && !isinf(number))
		exact = DatumGetBool(DirectFunctionCall2(numeric_eq, num, cd_number_numeric(number)));
	if (exact)
		cd_builder_number(builder, property, CD_TYPE_NUMBER, number);
	else
		cd_builder_text(builder, property, CD_TYPE_JSON, str, strlen(str));
	pfree(str);
}

/* Add one property out of JSON. */
static void
add_json(CdBuilder *builder, int property, JsonbValue *v)
{
	switch (v->type)
	{
		case jbvNull:
			break;
		case jbvString:
			cd_builder_text(builder, property, CD_TYPE_TEXT, v->val.string.val, v->val.string.len);
			break;
		case jbvNumeric:
			cd_builder_numeric(builder, property, NumericGetDatum(v->val.numeric));
			break;
		case jbvBool:
			cd_builder_number(builder, property, CD_TYPE_BOOL, v->val.boolean ? 1 : 0);
			break;
		default:
			{
				char	   *str = JsonbToCString(NULL, v->val.binary.data, v->val.binary.len);

				cd_builder_text(builder, property, CD_TYPE_JSON, str, strlen(str));
				pfree(str);
			}
			break;
	}
}

/* The same for a whole JSON document. */
void
cd_builder_json(CdBuilder *builder, int property, Jsonb *jb)
{
	JsonbValue	v;

	if (!JB_ROOT_IS_SCALAR(jb) || !JsonbExtractScalar(&jb->root, &v))
	{
		v.type = jbvBinary;
		v.val.binary.data = &jb->root;
		v.val.binary.len = VARSIZE_ANY_EXHDR(jb);
	}
	add_json(builder, property, &v);
}

/* Add the properties of a JSON object with numbers or documents in it. */
static void
add_object(CdBuilder *builder, Jsonb *jb)
{
	JsonbIterator *it = JsonbIteratorInit(&jb->root);
	JsonbIteratorToken token;
	JsonbValue	v;
	int			property = 0;

	(void) JsonbIteratorNext(&it, &v, true);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			property = cd_builder_property(builder, v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE)
			add_json(builder, property, &v);
	}
}

/* Entry i of a JSON object, wherever its bytes lie. */
static inline JEntry
json_entry(const char *entries, int i)
{
	JEntry		entry;

	memcpy(&entry, entries + i * sizeof(JEntry), sizeof(JEntry));
	return entry;
}

/* Where an entry ends that starts at an offset. */
static inline uint32
json_end(JEntry entry, uint32 start)
{
	return JBE_HAS_OFF(entry) ? JBE_OFFLENFLD(entry) : start + JBE_OFFLENFLD(entry);
}

/*
 * Add the properties of a JSON object; null means absent.  Texts, booleans
 * and nulls, the usual case, are read where they are, without a copy.
 */
void
cd_builder_jsonb(CdBuilder *builder, Datum properties)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(properties);
	const char *root = VARDATA_ANY(value);
	const char *entries = root + sizeof(uint32);
	const char *data;
	uint32		header,
				key = 0,
				at;
	Size		len = builder->len;
	int			shape = builder->shape;
	int			n,
				i;

	memcpy(&header, root, sizeof(header));
	n = header & JB_CMASK;
	if (!(header & JB_FOBJECT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("properties of an event must be a JSON object"),
				 errhint("Write them as {\"name\": value, ...}.")));
	data = entries + n * 2 * sizeof(JEntry);
	for (i = 0, at = 0; i < n; i++)
		at = json_end(json_entry(entries, i), at);
	for (i = 0; i < n; i++)
	{
		JEntry		entry = json_entry(entries, n + i);
		uint32		key_end = json_end(json_entry(entries, i), key);
		uint32		end = json_end(entry, at);

		if (unlikely(JBE_ISNUMERIC(entry) || JBE_ISCONTAINER(entry)))
		{
			/* Numbers and documents want an aligned copy: begin again. */
			builder->len = len;
			builder->shape = shape;
			memcpy(builder->rows + builder->row + sizeof(TimestampTz), &shape, sizeof(shape));
			add_object(builder, DatumGetJsonbP(properties));
			return;
		}
		if (!JBE_ISNULL(entry))
		{
			int			property = cd_builder_property(builder, data + key, key_end - key);

			if (JBE_ISSTRING(entry))
				cd_builder_put_text(builder, property, CD_TYPE_TEXT, data + at, end - at);
			else
				cd_builder_number(builder, property, CD_TYPE_BOOL, JBE_ISBOOL_TRUE(entry) ? 1 : 0);
		}
		key = key_end;
		at = end;
	}
}

/* Add one event's field out of a column. */
static void
copy_field(CdCopy *copy, const CdColumn *col, int i)
{
	CdBuilder  *builder = copy->builder;
	int			property = col->which >= CD_COL_PROPERTY ? copy->properties[col->which - CD_COL_PROPERTY] : 0;
	double		number;
	int64		code;
	const char *str;
	int			len;
	int		   *pooled;

	if (col->which == CD_COL_EVENT_ID)
	{
		if (cd_reader_event_id(&copy->reader, col, i, &str, &len))
			cd_builder_event_id(builder, str, len);
	}
	else if (col->type == CD_TYPE_NUMBER || col->type == CD_TYPE_BOOL)
	{
		if (!cd_column_number(col, i, &number))
			return;
		if (col->which == CD_COL_VALUE)
			cd_builder_value(builder, number);
		else if (col->which == CD_COL_QUANTITY)
			cd_builder_quantity(builder, number);
		else
			cd_builder_number(builder, property, col->type, number);
	}
	else if (cd_column_integer(col, i, &code))
	{
		str = cd_reader_string(&copy->reader, col->which, code, &len);
		if (copy->pooled[col->which] == NULL)
		{
			int			n = copy->reader.texts[col->which].n;

			copy->pooled[col->which] = palloc(n * sizeof(int));
			memset(copy->pooled[col->which], 0xff, n * sizeof(int));
		}
		pooled = &copy->pooled[col->which][code];
		if (*pooled < 0)
			*pooled = cd_pool_text_number(builder->pool, str, len);
		if (*pooled >= 0)
			cd_builder_put_pooled(builder, CD_COL_PROPERTY + property, col->type, *pooled);
		else
			add_bytes(builder, CD_COL_PROPERTY + property, col->type, str, len);
	}
}

/* Prepare to copy events of one timeline into a builder. */
void
cd_copy_begin(CdCopy *copy, CdBuilder *builder, const struct varlena *value, TimestampTz since)
{
	const CdTimeline *tl;
	int			i;

	copy->builder = builder;
	cd_reader_begin(&copy->reader, value, since);
	tl = &copy->reader.tl;
	copy->properties = palloc(Max(tl->nprops, 1) * sizeof(int));
	copy->pooled = palloc0((CD_COL_PROPERTY + tl->nprops) * sizeof(int *));
	copy->kinds = palloc(Max(tl->nkinds, 1) * sizeof(int));
	for (i = 0; i < tl->nprops; i++)
	{
		const char *name;
		int			len;

		cd_timeline_property_name(tl, i, &name, &len);
		copy->properties[i] = cd_builder_property(builder, name, len);
	}
	for (i = 0; i < tl->nkinds; i++)
		copy->kinds[i] = cd_builder_kind(builder, copy->reader.walk.kinds[i].name, copy->reader.walk.kinds[i].namelen);
	copy->more = cd_walk_next(&copy->reader.walk, &copy->event);
}

/* Copy the event the walk stands on and step to the next one. */
void
cd_copy_event(CdCopy *copy)
{
	int			k = copy->event.kind;
	int			c;

	cd_builder_event(copy->builder, copy->event.at, copy->kinds[k]);
	for (c = 0; c < copy->reader.ncols[k]; c++)
		copy_field(copy, &copy->reader.cols[k][c], copy->event.index);
	copy->more = cd_walk_next(&copy->reader.walk, &copy->event);
}

/* Add the events of a timeline with since <= at < until. */
void
cd_builder_timeline(CdBuilder *builder, const struct varlena *value, TimestampTz since, TimestampTz until)
{
	CdCopy		copy;

	cd_copy_begin(&copy, builder, value, since);
	while (copy.more && copy.event.at < until)
	{
		CHECK_FOR_INTERRUPTS();
		cd_copy_event(&copy);
	}
}
