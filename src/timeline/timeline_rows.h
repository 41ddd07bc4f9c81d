/*
 * timeline_rows.h
 *		Events as rows, between collecting (timeline_build.c) and packing
 *		(timeline_pack.c).
 */
#ifndef CD_TIMELINE_ROWS_H
#define CD_TIMELINE_ROWS_H

#include "lib/stringinfo.h"
#include "timeline/timeline.h"
#include "utils/jsonb.h"

/* Texts up to this length go into the pool. */
#define CD_POOLED		64

/*
 * A row: this header, then fields.  A field is u32 column * 4 + type (a
 * property is numbered by its name's number in the pool), then 8 bytes for a
 * number or boolean, else an int32: the text's number in the pool, or -(length + 1)
 * with the bytes behind it.
 */
typedef struct CdRow
{
	TimestampTz at;
	int32		kind;			/* number of its name in the pool */
	uint32		len;			/* of the row, this header included */
} CdRow;

/* Parts of an image that are put together apart. */
#define CD_SECTIONS		7

struct CdPool
{
	MemoryContext context;
	int			n;
	int			cap;
	const char **str;
	int		   *len;
	uint32	   *hash;
	uint32	   *stamp;			/* local[i] counts only while stamp[i] = epoch */
	int		   *local;
	uint32		epoch;
	int		   *table;			/* open addressing: number + 1 */
	uint32		table_size;
	char	   *arena;
	Size		arena_left;
	int		   *rank;			/* order of the first `ranked` strings */
	int			ranked;
	int			unranked;		/* how often a string without rank was sorted */
	StringInfoData scratch[CD_SECTIONS];	/* sections of the image being made */
};

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
extern void cd_builder_json(CdBuilder *builder, int property, Jsonb *jb);
extern Datum cd_number_numeric(double number);

#endif							/* CD_TIMELINE_ROWS_H */
