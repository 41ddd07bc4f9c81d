/*
 * timeline_rows.h
 *		Events as rows, between collecting (timeline_build.c) and packing
 *		(timeline_pack.c, timeline_encode.c), and the strings they share
 *		(timeline_pool.c).
 */
#ifndef CD_TIMELINE_ROWS_H
#define CD_TIMELINE_ROWS_H

#include <float.h>
#include <math.h>

#include "lib/stringinfo.h"
#include "port/pg_bitutils.h"
#include "timeline/timeline.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* Texts up to this length go into the pool, until it holds so many strings. */
#define CD_POOLED		64
#define CD_POOL_MOST	262144

/*
 * A row: the event's moment, the number of its shape (i32), and what the
 * shape's fields hold, one after the other: 8 bytes for a number or boolean,
 * else an int32: the text's number in the pool, or -(length + 1) with the bytes
 * behind it.
 */
#define CD_ROW_HEAD		12

/* Marks a field whose text has its bytes in the row. */
#define CD_IN_ROW		(1 << 29)
#define CD_FIELD_IN_ROW	((uint32) CD_IN_ROW << 2)

/* The fields rows have: kind and columns in the order they were added. */
typedef struct CdShape
{
	int			kind;			/* number of its name in the pool */
	int			nfields;
	const uint32 *fields;		/* column * 4 + type (and CD_FIELD_IN_ROW); a property's column is
								 * its name's number in the pool */
	uint32		size;			/* of a row, texts' own bytes left out */
	bool		texts;			/* some field has a text's bytes in the row */
	bool		event_id;
	uint32		last_field;		/* the field added last, and to which shape it led */
	int			last_shape;
	uint32		stamp;			/* what follows counts only while stamp = epoch */
	int			local;			/* number of the kind */
	int			count;			/* rows */
	int		   *cols;			/* each field's column in the kind */
} CdShape;

/* Parts of an image that are put together apart. */
#define CD_SECTIONS		8

/* A string of the pool. */
typedef struct CdPooled
{
	const char *str;
	uint64		key;			/* its first 8 bytes */
	uint64		tail;			/* its last 8 bytes when it has more */
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
	bool		ids;			/* some shape has an event id */
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

/* Number of a text, -1 when it is long, or not among the strings of a full pool. */
extern int	cd_pool_text_number(CdPool *pool, const char *str, int len);

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

/* The first 8 bytes of a string, zeros behind its end. */
static inline uint64
cd_first_bytes(const char *str, int len)
{
	uint64		key;

	if (len >= 8)
		memcpy(&key, str, 8);
	else if (len >= 4)
	{
		uint32		head,
					tail;

		/* Both parts overlap where they agree. */
		memcpy(&head, str, 4);
		memcpy(&tail, str + len - 4, 4);
#ifdef WORDS_BIGENDIAN
		key = (uint64) head << 32 | (uint64) tail << ((8 - len) * 8);
#else
		key = head | (uint64) tail << ((len - 4) * 8);
#endif
	}
	else
	{
		uint8		bytes[8] = {0};

		if (len > 0)
		{
			bytes[0] = str[0];
			bytes[1] = len > 1 ? str[1] : 0;
			bytes[2] = len > 2 ? str[2] : 0;
		}
		memcpy(&key, bytes, 8);
	}
	return key;
}

/* Where a string may be remembered. */
static inline uint64
cd_mix_bytes(uint64 key, int len)
{
	return (key ^ (uint64) len) * UINT64CONST(0x9e3779b97f4a7c15);
}

/* Number of a string that is short and was met lately, else -1. */
static inline int
cd_pool_memo(const CdPool *pool, const char *str, int len)
{
	if (len <= 8 && len > 0)
	{
		uint64		key = cd_first_bytes(str, len);
		const CdMemo *memo = &pool->memo[cd_mix_bytes(key, len) >> 56];

		if (likely(memo->key == key && memo->len == len))
			return memo->number;
	}
	return -1;
}

/* Number of a string, found at once when it is short and was met lately. */
static inline int
cd_pool_number(CdPool *pool, const char *str, int len)
{
	int			number = cd_pool_memo(pool, str, len);

	return likely(number >= 0) ? number : cd_pool_intern(pool, str, len);
}

extern void cd_builder_grow(CdBuilder *builder, Size more);
pg_noreturn extern void cd_refuse_event(const CdBuilder *builder, TimestampTz at);
pg_noreturn extern void cd_refuse_field(void);
pg_noreturn extern void cd_refuse_number(const char *what);

/* Make room for more bytes. */
static inline char *
cd_builder_room(CdBuilder *builder, Size more)
{
	if (unlikely(builder->len + more > builder->size))
		cd_builder_grow(builder, more);
	return builder->rows + builder->len;
}

/* Begin an event. */
static inline void
cd_builder_begin(CdBuilder *builder, TimestampTz at, int kind)
{
	char	   *p;
	int			shape = builder->pool->entries[kind].shape;

	if (unlikely(TIMESTAMP_NOT_FINITE(at) || builder->nevents >= CD_MAX_EVENTS))
		cd_refuse_event(builder, at);
	builder->shape = shape >= 0 ? shape : cd_shape_of_kind(builder->pool, kind);
	p = cd_builder_room(builder, CD_ROW_HEAD);
	memcpy(p, &at, sizeof(at));
	memcpy(p + sizeof(at), &builder->shape, sizeof(builder->shape));
	builder->row = builder->len;
	builder->len += CD_ROW_HEAD;
	builder->nevents++;
	if (at < builder->last)
		builder->sorted = false;
	builder->last = at;
}

/* Add one field to the event being written; answers where its bytes go. */
static inline char *
cd_builder_field(CdBuilder *builder, int which, int type, Size len)
{
	char	   *p;

	if (unlikely(len > MaxAllocSize - (builder->len - builder->row)))
		cd_refuse_field();
	p = cd_builder_room(builder, len);
	builder->shape = cd_shape_more(builder->pool, builder->shape, (uint32) which << 2 | type);
	memcpy(builder->rows + builder->row + sizeof(TimestampTz), &builder->shape, sizeof(builder->shape));
	builder->len += len;
	return p;
}

/* Add a number; the sign of zero is forgotten. */
static inline void
cd_builder_put_number(CdBuilder *builder, int which, int type, double number, const char *what)
{
	if (unlikely(!(fabs(number) <= DBL_MAX)))
		cd_refuse_number(what);
	if (number == 0)
		number = 0;
	memcpy(cd_builder_field(builder, which, type, 8), &number, 8);
}

/* Add a text of the pool. */
static inline void
cd_builder_put_pooled(CdBuilder *builder, int which, int type, int32 pooled)
{
	memcpy(cd_builder_field(builder, which, type, 4), &pooled, 4);
}

/* Add a text as a property. */
static inline void
cd_builder_put_text(CdBuilder *builder, int property, int type, const char *str, int len)
{
	int			number = cd_pool_memo(builder->pool, str, len);

	if (likely(number >= 0))
		cd_builder_put_pooled(builder, CD_COL_PROPERTY + property, type, number);
	else
		cd_builder_text(builder, property, type, str, len);
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

/* How the codes of a column are written. */
typedef struct CdForm
{
	bool		nullable;
	bool		raw;			/* float8 as it is; the rest does not matter then */
	int			scale;
	int64		low;			/* least and greatest, as integers of that scale */
	int64		high;
	int			width;			/* bits of a code */
} CdForm;

/* A column in the making: one cell per event of the kind, 0 for absent. */
typedef struct CdPackColumn
{
	uint32		id;				/* property's pool number (or CD_COL_...), and type */
	int			which;			/* final number */
	int			type;
	uint64	   *cells;
	bool	   *present;		/* of numbers, as 0 is one, and where some are absent */
	int			npresent;
	CdForm		form;			/* how its codes would be written by themselves */
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
	int			layout;
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
	struct CdLayout *layouts;
} CdPack;

/* Leave out rows, which are in order of time, that repeat an event with an id. */
extern void cd_pack_once(CdPack *pack);

/* Keep event ids as integers when all of them are, else as texts. */
extern void cd_encode_ids(CdPack *pack, StringInfo dictionary);

/* Collect the texts of one dictionary and replace each cell by position + 1. */
extern void cd_encode_dictionary(CdPack *pack, int which, StringInfo out);

extern void cd_encode_times(StringInfo buf, const uint64 *offsets, int n);

/* Decide how each column is written and describe that: kinds alike share a description. */
extern void cd_encode_layouts(CdPack *pack, StringInfo buf);

/* The columns of a kind, by its layout. */
extern void cd_encode_columns(const CdPack *pack, StringInfo buf, const CdPackKind *kind);

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

/* Bits needed to write a number. */
static inline int
cd_bit_width(uint64 v)
{
	return v == 0 ? 0 : pg_leftmost_one_pos64(v) + 1;
}

/* Writes codes of a fixed width; the last write may touch 8 bytes more. */
typedef struct CdBitWriter
{
	uint8	   *p;
	uint64		bits;
	int			n;
} CdBitWriter;

/* Write the low bits of a code; width at most 56. */
static inline void
cd_put_bits(CdBitWriter *w, uint64 code, int width)
{
	uint64		out;
	int			whole;

	w->bits |= code << w->n;
	w->n += width;
#ifdef WORDS_BIGENDIAN
	out = __builtin_bswap64(w->bits);
#else
	out = w->bits;
#endif
	memcpy(w->p, &out, 8);
	whole = w->n >> 3;
	w->p += whole;
	w->bits = whole == 8 ? 0 : w->bits >> (whole * 8);
	w->n &= 7;
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
extern double cd_numeric_number(Datum num);
extern double cd_numeric_nearest(Datum num);
extern void cd_builder_numeric(CdBuilder *builder, int property, Datum num);
extern void cd_builder_json(CdBuilder *builder, int property, Jsonb *jb);
extern Datum cd_number_numeric(double number);

#endif							/* CD_TIMELINE_ROWS_H */
