/*
 * timeline_rows.h
 *		Events as rows, between collecting (timeline_build.c) and packing
 *		(timeline_pack.c, timeline_encode.c), and the strings they share
 *		(timeline_pool.c).
 */
#ifndef CD_TIMELINE_ROWS_H
#define CD_TIMELINE_ROWS_H

#include "lib/stringinfo.h"
#include "timeline/timeline.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

/* Texts up to this length go into the pool. */
#define CD_POOLED		64

/*
 * A row: the event's moment, the number of its shape (i32), and what the
 * shape's fields hold, one after the other: 8 bytes for a number or boolean,
 * else an int32: the text's number in the pool, or -(length + 1) with the bytes
 * behind it.
 */
#define CD_ROW_HEAD		12

/* The fields rows have: kind and columns in the order they were added. */
typedef struct CdShape
{
	int			kind;			/* number of its name in the pool */
	int			nfields;
	const uint32 *fields;		/* column * 4 + type; a property's is its name's number in the pool */
	uint32		size;			/* of a row, texts' own bytes left out */
	bool		texts;			/* some field is one */
	bool		event_id;
	uint32		last_field;		/* the field added last, and to which shape it led */
	int			last_shape;
	uint32		stamp;			/* what follows counts only while stamp = epoch */
	int			local;			/* number of the kind */
	int			count;			/* rows */
	int		   *cols;			/* each field's column in the kind */
} CdShape;

/* Parts of an image that are put together apart. */
#define CD_SECTIONS		7

/* A string of the pool. */
typedef struct CdPooled
{
	const char *str;
	uint64		key;			/* its first 8 bytes */
	int			len;
	uint32		hash;
	uint32		stamp;			/* local counts only while stamp = epoch */
	int			local;
	int			rank;			/* order among the first `ranked` strings */
	int			shape;			/* of an event of this kind without fields, -1 if unknown */
} CdPooled;

/* Short strings met lately, to be found without the table. */
#define CD_MEMO		256

typedef struct CdMemo
{
	uint64		key;
	int			len;
	int			number;
} CdMemo;

/* Room that is given out piece by piece and taken back at once. */
typedef struct CdScratch
{
	MemoryContext context;
	char	   *block;
	Size		size;
	Size		used;
	char	   *old;			/* earlier blocks, each starts with a link */
} CdScratch;

struct CdPool
{
	MemoryContext context;
	CdPooled   *entries;
	int			n;
	int			cap;
	uint32		epoch;
	int		   *table;			/* open addressing: number + 1 */
	uint32		table_size;
	CdMemo	   *memo;
	CdShape    *shapes;
	int			nshapes;
	int			shapes_cap;
	int		   *shape_table;	/* open addressing: number + 1 */
	uint32		shape_table_size;
	char	   *arena;
	Size		arena_left;
	int			ranked;
	int			unranked;		/* how often a string without rank was sorted */
	CdScratch	scratch;		/* while packing */
	StringInfoData sections[CD_SECTIONS];	/* of the image being made */
};

/* Rank all strings of the pool by bytes. */
extern void cd_pool_rank(CdPool *pool);

/* The shape of events of a kind without fields, and that with one field more. */
extern int	cd_shape_of_kind(CdPool *pool, int kind);
extern int	cd_shape_find(CdPool *pool, int shape, uint32 field);

static inline int
cd_shape_more(CdPool *pool, int shape, uint32 field)
{
	const CdShape *s = &pool->shapes[shape];

	return likely(s->last_field == field) ? s->last_shape : cd_shape_find(pool, shape, field);
}

static inline TimestampTz
cd_row_at(const char *row)
{
	TimestampTz at;

	memcpy(&at, row, sizeof(at));
	return at;
}

static inline int
cd_row_shape(const char *row)
{
	int32		shape;

	memcpy(&shape, row + sizeof(TimestampTz), sizeof(shape));
	return shape;
}

extern uint32 cd_row_texts(const CdShape *shape, const char *row);

/* Bytes of a row. */
static inline uint32
cd_row_length(const CdPool *pool, const char *row)
{
	const CdShape *shape = &pool->shapes[cd_row_shape(row)];

	return shape->texts ? cd_row_texts(shape, row) : shape->size;
}

extern char *cd_scratch_grow(CdScratch *scratch, Size size);
extern void cd_scratch_reset(CdScratch *scratch);

/* A piece of scratch room, aligned to 8 bytes. */
static inline void *
cd_scratch_alloc(CdScratch *scratch, Size size)
{
	char	   *p;

	size = MAXALIGN(size);
	if (unlikely(size > scratch->size - scratch->used))
		return cd_scratch_grow(scratch, size);
	p = scratch->block + scratch->used;
	scratch->used += size;
	return p;
}

/* ---- packing ---- */

/* A column in the making: one cell per event of the kind, 0 for absent. */
typedef struct CdPackColumn
{
	uint32		id;				/* property's pool number (or CD_COL_...), and type */
	int			which;			/* final number */
	int			type;
	uint64	   *cells;
	bool	   *present;		/* numbers only: 0 is a number */
	int			npresent;
} CdPackColumn;

/* The events of one kind in the making. */
typedef struct CdPackKind
{
	const char *name;
	int			namelen;
	int			n;
	int			first;			/* in the array of all times by kind */
	int			filled;
	CdPackColumn *cols;
	int			ncols;
	int			cap;
} CdPackKind;

/* A timeline in the making. */
typedef struct CdPack
{
	CdBuilder  *builder;
	CdScratch  *scratch;
	int			n;
	char	  **rows;			/* in order */
	int		   *kind_of;		/* each event's kind */
	CdPackKind *kinds;
	int			nkinds;
	int			kinds_cap;
	int		   *shapes;			/* numbers of the rows' shapes */
	int			nshapes;
	int			shapes_cap;
	int		   *props;			/* pool numbers, sorted by name */
	int			nprops;
	int			props_cap;
	TimestampTz base;
	int64		unit;
	uint64	   *offsets;		/* in units, by kind */
} CdPack;

/* Keep event ids as integers when all of them are, else as texts. */
extern void cd_encode_ids(CdPack *pack, StringInfo dictionary);

/* Collect the texts of one dictionary and replace each cell by position + 1. */
extern void cd_encode_dictionary(CdPack *pack, int which, StringInfo out);

extern void cd_encode_times(StringInfo buf, const uint64 *offsets, int n);
extern void cd_encode_column(CdPack *pack, StringInfo buf, CdPackKind *kind, CdPackColumn *col);

/* Write a varint; answers where it ends. */
static inline uint8 *
cd_write_varint(uint8 *p, uint64 v)
{
	while (v >= 0x80)
	{
		*p++ = (uint8) (v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8) v;
	return p;
}

#define CD_VARINT_MAX	10

/* Make room behind what is there, and answer where it starts. */
static inline uint8 *
cd_buffer_room(StringInfo buf, Size more)
{
	if (unlikely(more > (Size) (buf->maxlen - buf->len - 1)))
	{
		if (more > MaxAllocSize / 2)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("timeline is too large")));
		enlargeStringInfo(buf, (int) more);
	}
	return (uint8 *) buf->data + buf->len;
}

/* What was written up to here counts. */
static inline void
cd_buffer_upto(StringInfo buf, const uint8 *p)
{
	buf->len = (const char *) p - buf->data;
}

/* Append a varint. */
static inline void
cd_append_varint(StringInfo buf, uint64 v)
{
	cd_buffer_upto(buf, cd_write_varint(cd_buffer_room(buf, CD_VARINT_MAX), v));
}

/* Append bytes. */
static inline void
cd_append_bytes(StringInfo buf, const void *bytes, Size len)
{
	memcpy(cd_buffer_room(buf, len), bytes, len);
	buf->len += len;
}

/* ---- copying ---- */

/* Copies events of one timeline into a builder, one by one. */
typedef struct CdCopy
{
	CdBuilder  *builder;
	CdReader	reader;
	CdEvent		event;			/* the next one, while more */
	bool		more;
	int		   *kinds;			/* numbers in the builder's pool */
	int		   *properties;
	int		  **pooled;			/* texts' numbers there, by column number */
} CdCopy;

extern void cd_copy_begin(CdCopy *copy, CdBuilder *builder, const struct varlena *value, TimestampTz since);
extern void cd_copy_event(CdCopy *copy);
extern void cd_builder_numeric(CdBuilder *builder, int property, Numeric num);
extern void cd_builder_json(CdBuilder *builder, int property, Jsonb *jb);
extern Datum cd_number_numeric(double number);

#endif							/* CD_TIMELINE_ROWS_H */
