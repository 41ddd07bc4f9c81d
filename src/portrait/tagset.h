/*
 * tagset.h
 *		A sparse vector of tags: path, score, time, half-life, expiry.
 *
 * Image, after the varlena header: version, number of tags (varint), then per
 * tag, sorted by path: flags; the number of the path (varint, see tag_name.h),
 * or else bytes shared with the path before and bytes that follow, in half a
 * byte each, or, where these do not hold them, a zero byte and two varints;
 * those bytes; the score (absent if 1, hundredths or ten-
 * thousandths as varint where that says it exactly, else float4); time (zigzag
 * varint, seconds after the tag before's time); half-life (varint, seconds);
 * expiry (zigzag varint, seconds after the time or 2000-01-01).  With all paths
 * written out, as on the wire, equal tagsets have equal bytes.
 *
 * The half-life is kept with each tag, not looked up, so that a tagset says
 * the same in an index, a replica or an export as in the catalog it came from.
 */
#ifndef CD_TAGSET_H
#define CD_TAGSET_H

#include "customer_data.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "portrait/tag_name.h"

#define CD_TAGSET_VERSION	3
#define CD_MAX_TAG_PATH		255
#define CD_MAX_TAGS			65535

/* Times lie in the years 1 to 9999, in seconds from 2000-01-01. */
#define CD_TAG_SECOND_LEAST		(-INT64CONST(63082281600))
#define CD_TAG_SECOND_MOST		INT64CONST(252455615999)
#define CD_TAG_HALF_LIFE_MOST	(INT64CONST(100) * 366 * 86400)

typedef struct varlena CdTagset;

#define PG_GETARG_TAGSET(n)	((CdTagset *) PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(n)))

/* One tag.  Times are whole seconds. */
typedef struct CdTag
{
	const char *path;			/* not terminated */
	int			length;
	float4		score;
	TimestampTz at;				/* DT_NOBEGIN: none */
	TimestampTz until;			/* DT_NOEND: none */
	int64		half_life;		/* seconds; 0: none */
	int			number;			/* of the path as read, or 0; see tag_name.h */
} CdTag;

/* What times are written relative to: those written before, 0 at first. */
typedef struct CdTagTimes
{
	int64		at;				/* seconds */
	int64		half_life;
} CdTagTimes;

/* Reads the tags of a tagset in order. */
typedef struct CdTagReader
{
	const uint8 *next;
	const uint8 *end;
	int			left;
	CdTagTimes	last;
	bool		foreign;		/* from without: no path may be a number */
	CdTag		tag;			/* its path lives until the next */
	char		buffer[CD_MAX_TAG_PATH + 1];
} CdTagReader;

/* Tags on their way to become a tagset; of two with one path the later wins. */
typedef struct CdTagBuilder
{
	CdTag	   *tags;
	int			count;
	int			room;
	bool		plain;			/* write all paths out */
	bool		stored;			/* the value goes into a table at once */
	CdNewTagNames *unknown;		/* collects paths without a number, if not NULL */
} CdTagBuilder;

extern void cd_tags_begin(CdTagReader *reader, const CdTagset *tags);
extern bool cd_tags_next(CdTagReader *reader);
extern bool cd_tags_seek(CdTagReader *reader, const char *path, int length);
extern int	cd_tags_count(const CdTagset *tags);
/* What is wrong with bytes that claim to be an image, or NULL. */
extern const char *cd_tagset_fault(const char *bytes, Size length);

extern void cd_tag_builder(CdTagBuilder *builder);
extern void cd_tag_builder_grow(CdTagBuilder *builder);
/* Room for the next tag, which is added once the builder's count says so */
static inline CdTag *
cd_tag_builder_room(CdTagBuilder *builder)
{
	if (unlikely(builder->count == builder->room))
		cd_tag_builder_grow(builder);
	return &builder->tags[builder->count];
}

/* Add a tag with a checked path, which must live until the value is made */
static inline void
cd_tag_builder_add(CdTagBuilder *builder, const CdTag *tag)
{
	*cd_tag_builder_room(builder) = *tag;
	builder->count++;
}

extern void cd_tag_builder_add_all(CdTagBuilder *builder, const CdTagset *tags);
/* The value; the builder's tags are sorted by then, without doubles, and have their numbers. */
extern CdTagset *cd_tag_builder_value(CdTagBuilder *builder);

/* The same tagset with today's numbers, or with all paths written out */
extern CdTagset *cd_tagset_rewrite(const CdTagset *tags, bool plain, bool stored);

extern bool cd_tagset_equal(const CdTagset *a, const CdTagset *b);

/* What is wrong with a path, or NULL. */
extern const char *cd_tag_path_fault(const char *path, int length);
extern void cd_check_tag_path(const char *path, int length);

/* Does what a tag says change with time, and how: written beside, and read again; what is wrong, or NULL. */
extern bool cd_tag_moves(const CdTag *tag);
extern void cd_tag_times_write(StringInfo out, const CdTag *tag, CdTagTimes *last);
extern const char *cd_tag_times_read(const uint8 **next, const uint8 *end, CdTag *tag, CdTagTimes *last);

/* The moment, if a tagset can keep it, or an error. */
extern TimestampTz cd_tag_time(TimestampTz moment);

/* Does a path match one, or a prefix such as industry.retail.* ? */
extern bool cd_tag_matches(const CdTag *tag, const char *pattern, int length);

/* A score as a person would write it. */
extern double cd_score_value(float4 score);

/*
 * The score at a moment, false where the tag has expired.  Notes how long that
 * it is there holds; how long the score itself holds is the caller's to note.
 */
extern bool cd_tag_score_at(const CdTag *tag, TimestampTz moment, double *score);

/* The same, noting nothing. */
extern bool cd_tag_score_then(const CdTag *tag, TimestampTz moment, double *score);

/* Is the score at a moment at least (more than, if strict) a threshold?  Notes until when. */
extern bool cd_tag_reaches(const CdTag *tag, TimestampTz moment, double threshold, bool strict);

#endif							/* CD_TAGSET_H */
