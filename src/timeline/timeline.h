/*
 * timeline.h
 *		The timeline value: how its bytes are read, built, joined and cut.
 *
 * Image of a timeline, after the varlena header.  Integers are varints unless
 * said otherwise; packed columns are little-endian bit strings.
 *
 *	u8 version, events
 *	(the rest only when there are events)
 *	base (zigzag, microseconds), unit (microseconds)
 *	kinds, bytes of the kind directory, properties, bytes of the property
 *	directory, bytes of the layouts, bytes of the columns, bytes of the ties,
 *	bytes of the event id dictionary
 *	kind directory: per kind, in order of first appearance: name length, name,
 *		events, bytes of its section
 *	property directory, sorted by name: name length, name, bytes of its
 *		dictionary
 *	layouts: columns, then per column: property * 4 + type, u8 flags, u8 width,
 *		base (zigzag); kinds that carry the same share one where that is shorter
 *	columns: per kind one section:
 *		u8 low bits, bytes of the upper part, low parts, upper parts
 *		(the times, as units since base, in Elias-Fano form)
 *		where its layout starts, then per column: codes of width bits
 *	ties: where events of several kinds share an instant and are not in the
 *		order of the kind directory: gap in rank, events, kind of each
 *	event id dictionary, property dictionaries: sorted strings, either
 *		strings * 2, table of blocks, strings front-coded in blocks, or
 *		strings * 2 + 1, numbers since the first one in the form of times, and
 *		how strings follow from numbers (timeline_dict.c): u8 digits, u8 base,
 *		u8 least byte, length of what all begin with, that, first number; at
 *		least 7 bytes
 *	at least 8 bytes of anything after the columns, so that a code can be
 *		loaded with one 8-byte read
 *
 * The image is canonical: equal sequences of events have equal bytes.
 *
 * What a || b answers when b is a few later events than those of a need not be
 * packed anew; it is a list of such images, each later than the one before:
 *	u8 version (CD_TIMELINE_PARTS), events, parts, then per part: bytes, image
 */
#ifndef CD_TIMELINE_H
#define CD_TIMELINE_H

#include "customer_data.h"

#include "fmgr.h"
#include "lib/stringinfo.h"

#define CD_TIMELINE_VERSION		3
#define CD_TIMELINE_PARTS		4
#define CD_MAX_PARTS			16
#define CD_MAX_EVENTS			16777216
#define CD_MAX_KINDS			4096
#define CD_MAX_PROPERTIES		4096
#define CD_MAX_NAME				255
#define CD_MAX_TEXT				1048576

/* Columns that are not properties come first in the numbering of columns. */
#define CD_COL_VALUE		0
#define CD_COL_QUANTITY		1
#define CD_COL_EVENT_ID		2
#define CD_COL_PROPERTY		3

/* How a column's codes are to be understood. */
#define CD_TYPE_TEXT		0	/* position in the dictionary */
#define CD_TYPE_NUMBER		1	/* scaled integer, or float8 as it is */
#define CD_TYPE_BOOL		2
#define CD_TYPE_JSON		3	/* position in the dictionary, of JSON text */

#define CD_COLF_NULLABLE	0x01	/* code 0 means absent */
#define CD_COLF_RAW			0x02	/* float8; NaN means absent */
#define CD_COLF_SCALE_SHIFT	2	/* decimal places, 0 to 6 */

#define CD_MAX_SCALE		6

/* A reader over the bytes of one timeline; nothing is copied. */
typedef struct CdTimeline
{
	const uint8 *end;			/* of the image */
	int			nevents;
	int			nkinds;
	int			nprops;
	TimestampTz base;
	int64		unit;
	const uint8 *kinds;
	const uint8 *props;
	const uint8 *layouts;
	const uint8 *columns;
	const uint8 *ties;
	const uint8 *ids;			/* event id dictionary */
	const uint8 *dicts;
	const struct CdTimeline *next;	/* the next part, if opened by parts */
} CdTimeline;

/* A timeline opened by parts; the first one leads to the others. */
typedef struct CdParts
{
	int			n;
	CdTimeline	tl[CD_MAX_PARTS];
} CdParts;

/* The events of one kind. */
typedef struct CdKind
{
	const CdTimeline *tl;
	int			number;			/* position in the directory */
	const char *name;
	int			namelen;
	int			n;
	int			low_bits;
	const uint8 *low;
	const uint8 *high;
	uint32		high_bytes;
	const uint8 *cols;			/* its layout and its columns */
	const uint8 *end;			/* of the section */
} CdKind;

/* Steps through the columns of a kind. */
typedef struct CdColumnScan
{
	const uint8 *pos;			/* in the layout */
	const uint8 *data;
	int			left;
} CdColumnScan;

/* One column of one kind. */
typedef struct CdColumn
{
	int			which;			/* CD_COL_... + property number */
	int			type;
	bool		nullable;
	bool		raw;
	int			scale;
	int			width;			/* bits per code: 0 to 56, or 64 when raw */
	int64		base;
	const uint8 *data;
} CdColumn;

/* Walks the times of one kind in order. */
typedef struct CdTimes
{
	const CdKind *kind;
	int			i;				/* the next event's position */
	uint32		word;			/* 8-byte word of the upper parts */
	uint64		bits;			/* what is left of it */
} CdTimes;

/* A dictionary of sorted strings. */
typedef struct CdDict
{
	int			n;
	const uint8 *blocks;		/* where each block of strings starts */
	int			block_width;
	const uint8 *entries;
	const uint8 *end;
	int			digits;			/* 0, or the strings are numbers of so many digits */
	uint64		base;
	uint64		inverse;		/* 2^64 / base, rounded up */
	int			least;			/* the byte that stands for 1 */
	const char *prefix;
	int			prefixlen;
	uint64		first;			/* number */
	CdKind		numbers;		/* since it, as its times */
} CdDict;

/* Reads a dictionary in order; each string lives until the next one is read. */
typedef struct CdDictCursor
{
	const CdDict *dict;
	int			i;
	const uint8 *pos;
	char	   *buf;
	int			len;
	int			size;
	CdTimes		numbers;
} CdDictCursor;

/* One event met by a walk: its kind and its position among that kind's events. */
typedef struct CdEvent
{
	TimestampTz at;
	int			kind;
	int			index;			/* among the events of its kind */
} CdEvent;

/* Walks all events in order, those at the same instant in their given order. */
typedef struct CdWalk
{
	const CdTimeline *tl;
	int			nkinds;
	CdKind	   *kinds;
	CdTimes    *times;
	TimestampTz *next;			/* each kind's next time, DT_NOEND when done */
	int		   *index;
	int64		rank;
	const uint8 *ties;
	int64		tie_at;			/* rank the next exceptional tie starts at */
	int			tie_left;		/* events of it still to come */
} CdWalk;

/* The texts of a dictionary. */
typedef struct CdTexts
{
	const char **strings;
	int		   *lengths;
	int			n;
} CdTexts;

/* Reads all events with what they carry: a walk, each kind's columns, all texts. */
typedef struct CdReader
{
	CdTimeline	tl;
	CdWalk		walk;
	int		   *ncols;			/* by kind */
	CdColumn  **cols;			/* by kind */
	CdTexts    *texts;			/* by column number */
	char		id_buf[24];
} CdReader;

/* ---- reading (timeline_read.c, timeline_walk.c) ---- */

pg_noreturn extern void cd_timeline_corrupt(void);

/* Open a detoasted (possibly short) varlena, packed into one image if it is not. */
extern void cd_timeline_open(CdTimeline *tl, const struct varlena *value);

/* The same, but appended parts are left as they are. */
extern void cd_timeline_open_parts(CdParts *parts, const struct varlena *value);

/* A name to look for, with its first bytes as a number. */
typedef struct CdName
{
	const char *str;
	int			len;
	uint64		key;
} CdName;
extern void cd_name_set(CdName *name, const char *str, int len);

/* Find one kind by name; false when there are no such events. */
extern bool cd_timeline_find_kind(const CdTimeline *tl, const CdName *name, CdKind *kind);

/* Where the events of a kind are: an entry of the directory, its section not yet looked at. */
typedef struct CdFound
{
	const uint8 *section;
	uint32		len;			/* of the section */
	int			number;
	int			n;				/* events */
	const char *name;
	int			namelen;
} CdFound;

/*
 * Find several different kinds, up to CD_MAX_FIND, in one walk over the
 * directory; answers which of them (a bit each) were found.
 */
#define CD_MAX_FIND		32
extern uint32 cd_timeline_find_kinds(const CdTimeline *tl, const CdName *names, int n, CdFound *found);
extern void cd_kind_open(const CdTimeline *tl, const CdFound *found, CdKind *kind);

/* Walk the directory: start with *pos = NULL; false at its end. */
typedef struct CdKindScan
{
	const uint8 *pos;
	const uint8 *section;
	int			number;
} CdKindScan;
extern void cd_kind_scan_begin(const CdTimeline *tl, CdKindScan *scan);
extern bool cd_kind_scan_next(const CdTimeline *tl, CdKindScan *scan, CdKind *kind);

/* First event of the kind at or after a moment (kind->n when none). */
extern int	cd_kind_lower_bound(const CdKind *kind, TimestampTz at);
extern TimestampTz cd_kind_at(const CdKind *kind, int i);
extern TimestampTz cd_kind_last_at(const CdKind *kind);
extern void cd_times_begin(CdTimes *times, const CdKind *kind, int from);

/* All times of a kind, in units since the timeline's base. */
extern void cd_kind_offsets(const CdKind *kind, uint64 *offsets);

/* Earliest and latest moment; DT_NOEND and DT_NOBEGIN when empty. */
extern TimestampTz cd_timeline_first_at(const CdTimeline *tl);
extern TimestampTz cd_timeline_last_at(const CdTimeline *tl);
/* First moment after another, DT_NOEND when there is none. */
extern TimestampTz cd_timeline_next_after(const CdTimeline *tl, TimestampTz at);

/* Properties, columns, dictionaries. */
extern int	cd_timeline_find_property(const CdTimeline *tl, const char *name, int len);
extern void cd_timeline_property_name(const CdTimeline *tl, int prop, const char **name, int *len);
extern void cd_kind_columns(const CdKind *kind, CdColumnScan *scan);
extern bool cd_kind_next_column(const CdKind *kind, CdColumnScan *scan, CdColumn *col);
extern bool cd_kind_find_column(const CdKind *kind, int which, int type, CdColumn *col);
extern void cd_dict_open(const CdTimeline *tl, int which, CdDict *dict);
/* Read a dictionary's strings one by one: start with cd_dict_seek. */
extern void cd_dict_seek(const CdDict *dict, int from, CdDictCursor *cursor);
extern bool cd_dict_next(CdDictCursor *cursor, const char **str, int *len);
/* First string not less than str, and whether it is str. */
extern int	cd_dict_find(const CdDict *dict, const char *str, int len, bool *found);
/* All strings of a dictionary, in their order. */
extern void cd_dict_strings(const CdDict *dict, const char ***strings, int **lengths);

extern void cd_walk_begin(CdWalk *walk, const CdTimeline *tl, TimestampTz since);
extern bool cd_walk_next(CdWalk *walk, CdEvent *event);

extern void cd_reader_begin(CdReader *reader, const struct varlena *value, TimestampTz since);
extern const char *cd_reader_string(const CdReader *reader, int which, int64 code, int *len);
extern bool cd_reader_event_id(CdReader *reader, const CdColumn *col, int i, const char **str, int *len);

static inline uint64
cd_load64(const uint8 *p)
{
	uint64		v;

	memcpy(&v, p, 8);
#ifdef WORDS_BIGENDIAN
	v = __builtin_bswap64(v);
#endif
	return v;
}

/* The code of event i as stored. */
static inline uint64
cd_column_code(const CdColumn *col, int i)
{
	uint64		bit = (uint64) i * col->width;

	if (col->width == 64)
		return cd_load64(col->data + (uint64) i * 8);
	return (cd_load64(col->data + (bit >> 3)) >> (bit & 7)) & ((UINT64CONST(1) << col->width) - 1);
}

extern const double cd_power10[CD_MAX_SCALE + 1];

/* The number of event i; false when absent. */
static inline bool
cd_column_number(const CdColumn *col, int i, double *number)
{
	uint64		code = cd_column_code(col, i);

	if (col->raw)
	{
		memcpy(number, &code, 8);
		return *number == *number;
	}
	if (col->nullable)
	{
		if (code == 0)
			return false;
		code--;
	}
	*number = (double) (int64) ((uint64) col->base + code) / cd_power10[col->scale];
	return true;
}

/* The integer (dictionary position, scaled number, id) of event i; false when absent. */
static inline bool
cd_column_integer(const CdColumn *col, int i, int64 *integer)
{
	uint64		code = cd_column_code(col, i);

	if (col->nullable)
	{
		if (code == 0)
			return false;
		code--;
	}
	*integer = (int64) ((uint64) col->base + code);
	return true;
}

/* Microseconds between two moments in order; the most there is where the calendar is longer than that. */
static inline int64
cd_time_between(TimestampTz from, TimestampTz to)
{
	uint64		distance = (uint64) to - (uint64) from;

	return distance > (uint64) PG_INT64_MAX ? PG_INT64_MAX : (int64) distance;
}

/* The next time of the kind, which must have one left. */
static inline TimestampTz
cd_times_next(CdTimes *times)
{
	const CdKind *kind = times->kind;
	uint64		high,
				low = 0;
	int			i = times->i++;

	while (times->bits == 0)
	{
		uint32		byte = (times->word + 1) * 8;

		if (byte >= kind->high_bytes)
			cd_timeline_corrupt();
		times->word++;
		times->bits = cd_load64(kind->high + byte);
		if (kind->high_bytes - byte < 8)
			times->bits &= (UINT64CONST(1) << ((kind->high_bytes - byte) * 8)) - 1;
	}
	high = (uint64) times->word * 64 + __builtin_ctzll(times->bits) - i;
	times->bits &= times->bits - 1;
	if (kind->low_bits > 0)
	{
		uint64		bit = (uint64) i * kind->low_bits;

		low = (cd_load64(kind->low + (bit >> 3)) >> (bit & 7)) & ((UINT64CONST(1) << kind->low_bits) - 1);
	}
	return (TimestampTz) ((uint64) kind->tl->base + ((high << kind->low_bits) | low) * (uint64) kind->tl->unit);
}

/* ---- building (timeline_build.c) ---- */

/*
 * Strings met while building, numbered.  A pool may serve many builders (all
 * groups of an aggregate); it lives in the memory context it was made in.
 */
typedef struct CdPool CdPool;
extern CdPool *cd_pool_create(MemoryContext context);
extern int	cd_pool_intern(CdPool *pool, const char *str, int len);

/* Events on their way to become a timeline: rows in one buffer. */
typedef struct CdBuilder
{
	CdPool	   *pool;
	MemoryContext context;		/* where rows grow */
	char	   *rows;
	Size		len;
	Size		size;
	Size		row;			/* where the row being written starts */
	int			shape;			/* what it has so far */
	int			nevents;
	bool		sorted;			/* so far */
	TimestampTz last;
} CdBuilder;

extern void cd_builder_init(CdBuilder *builder, CdPool *pool, MemoryContext context);

/* Begin an event, then add what it has. Names and texts are checked. */
extern void cd_builder_event(CdBuilder *builder, TimestampTz at, int kind);
extern int	cd_builder_kind(CdBuilder *builder, const char *name, int len);
extern int	cd_builder_property(CdBuilder *builder, const char *name, int len);
extern void cd_builder_value(CdBuilder *builder, double value);
extern void cd_builder_quantity(CdBuilder *builder, double quantity);
extern void cd_builder_event_id(CdBuilder *builder, const char *str, int len);
extern void cd_builder_text(CdBuilder *builder, int property, int type, const char *str, int len);
extern void cd_builder_number(CdBuilder *builder, int property, int type, double number);
extern void cd_builder_jsonb(CdBuilder *builder, Datum properties);
extern void cd_builder_rows(CdBuilder *builder, const char *rows, Size len);
extern void cd_builder_reset(CdBuilder *builder);

/* Add the events of a timeline with since <= at < until. */
extern void cd_builder_timeline(CdBuilder *builder, const struct varlena *value, TimestampTz since, TimestampTz until);

/* The timeline of all events added, in order of time and then of addition. */
extern struct varlena *cd_builder_finish(CdBuilder *builder);

/* ---- names in text (timeline_io.c) ---- */

extern bool cd_is_bare(unsigned char c);
extern void cd_append_name(StringInfo buf, const char *str, int len, char quote);

/* ---- joining and cutting (timeline_op.c, timeline_append.c) ---- */

extern struct varlena *cd_timeline_empty(void);

/* Transition and result of timeline_agg, for aggregates that ask something of the rows' timeline. */
extern Datum cd_timeline_agg_trans(PG_FUNCTION_ARGS);
extern Datum cd_timeline_agg_final(PG_FUNCTION_ARGS);

/* The events of both; identical events with the same event id once. */
extern struct varlena *cd_timeline_merge(struct varlena *left, struct varlena *right);

/* The same, but a few later events are put behind those of the left as a part of their own. */
extern struct varlena *cd_timeline_append(struct varlena *left, struct varlena *right);

/* The events of all parts as one image; the same pointer when there is one. */
extern struct varlena *cd_timeline_whole(struct varlena *value);

/* Two timelines as one: in parts where the second begins after the first has ended, else merged. */
extern struct varlena *cd_timeline_join(struct varlena *left, struct varlena *right);

/* since <= at < until; the same pointer when nothing is cut. */
extern struct varlena *cd_timeline_slice(struct varlena *value, TimestampTz since, TimestampTz until);

/* What is known at a moment: at <= as_of; notes when the next event comes in. */
extern struct varlena *cd_timeline_cut(struct varlena *value, TimestampTz as_of);

/*
 * True while the timelines asked about reach beyond as_of(), as when a history
 * is followed moment by moment: functions that count in windows leave out what
 * comes later, and note the moment at which it comes.
 */
extern bool cd_timelines_ahead;

/* How much of what may follow is fetched in advance. */
#define CD_AHEAD_MOST	2048

/*
 * A scan reads the rows of a page from its end to its start, so that what lies
 * before a value stored in a row is the next row.  Waiting for memory takes
 * longer than most questions; this has it brought in while one is answered.
 * Nothing is read, and elsewhere it is a few wasted hints.
 */
static pg_attribute_always_inline void
cd_fetch_ahead(const struct varlena *value)
{
	const char *p = (const char *) value;
	Size		size,
				back;

	if (VARATT_IS_EXTERNAL(value))
		return;
	size = Min(VARSIZE_ANY(value) + 128, CD_AHEAD_MOST);
	for (back = 64; back <= size; back += 64)
		__builtin_prefetch(p - back);
}

/* A timeline that is an argument, detoasted, the next one of a scan on its way. */
static inline struct varlena *
cd_timeline_argument(Datum value)
{
	cd_fetch_ahead((struct varlena *) DatumGetPointer(value));
	return (struct varlena *) PG_DETOAST_DATUM_PACKED(value);
}

#define PG_GETARG_TIMELINE(n)	cd_timeline_argument(PG_GETARG_DATUM(n))

#endif							/* CD_TIMELINE_H */
