/*
 * tagset.c
 *		The bytes of a tagset: reading, checking, building, scores in time.
 */
#include "postgres.h"

#include "portrait/tagset.h"

#include <math.h>

#include "common/int.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

/* How a score is written: not at all if 1, a decimal number, or as it is. */
#define SCORE_FORM			0x03
#define SCORE_ONE			0x00
#define SCORE_HUNDREDTHS	0x01
#define SCORE_MYRIADTHS		0x02
#define SCORE_RAW			0x03
#define FLAG_AT				0x04
#define FLAG_UNTIL			0x08
#define FLAG_HALF_LIFE		0x10
#define FLAG_SAME_HALF_LIFE	0x20
#define FLAG_NAMED			0x40
#define FLAGS_KNOWN			0x7F

/* Decimal numbers that take no more bytes than this many bits. */
#define MOST_HUNDREDTHS		(1 << 14)
#define MOST_MYRIADTHS		(1 << 21)

#define SECOND_LEAST		CD_TAG_SECOND_LEAST
#define SECOND_MOST			CD_TAG_SECOND_MOST
#define HALF_LIFE_MOST		CD_TAG_HALF_LIFE_MOST

static inline bool
get_varint(const uint8 **at, const uint8 *end, uint64 *value)
{
	uint64		result = 0;
	int			shift = 0;

	if (*at < end && **at < 0x80)
	{
		*value = *(*at)++;
		return true;
	}
	while (*at < end && shift < 64)
	{
		uint8		byte = *(*at)++;

		result |= (uint64) (byte & 0x7F) << shift;
		if ((byte & 0x80) == 0)
		{
			*value = result;
			return true;
		}
		shift += 7;
	}
	return false;
}

static inline uint8 *
put_varint(uint8 *p, uint64 value)
{
	while (value >= 0x80)
	{
		*p++ = (uint8) (value | 0x80);
		value >>= 7;
	}
	*p++ = (uint8) value;
	return p;
}

static inline int64
unzigzag(uint64 value)
{
	return (int64) (value >> 1) ^ -(int64) (value & 1);
}

static inline uint64
zigzag(int64 value)
{
	return ((uint64) value << 1) ^ (uint64) (value >> 63);
}

/* Read the times that a tag's flags announce; what is wrong with them, or NULL */
static inline const char *
read_times(const uint8 **next, const uint8 *end, uint8 flags, CdTag *tag, CdTagTimes *last)
{
	uint64		number;
	int64		seconds;

	tag->at = DT_NOBEGIN;
	if (flags & FLAG_AT)
	{
		if (!get_varint(next, end, &number))
			return "it ends too early";
		if (pg_add_s64_overflow(last->at, unzigzag(number), &seconds) ||
			seconds < SECOND_LEAST || seconds > SECOND_MOST)
			return "a tag's time is out of range";
		last->at = seconds;
		tag->at = seconds * USECS_PER_SEC;
	}
	tag->half_life = 0;
	if (flags & FLAG_HALF_LIFE)
	{
		if ((flags & FLAG_SAME_HALF_LIFE) == 0)
		{
			if (!get_varint(next, end, &number))
				return "it ends too early";
			if (number == 0 || number > (uint64) HALF_LIFE_MOST)
				return "a half-life is out of range";
			last->half_life = (int64) number;
		}
		if (last->half_life == 0)
			return "a half-life is missing";
		tag->half_life = last->half_life;
	}
	else if (flags & FLAG_SAME_HALF_LIFE)
		return "a tag has unknown flags";
	tag->until = DT_NOEND;
	if (flags & FLAG_UNTIL)
	{
		if (!get_varint(next, end, &number))
			return "it ends too early";
		if (pg_add_s64_overflow((flags & FLAG_AT) ? last->at : 0, unzigzag(number), &seconds) ||
			seconds < SECOND_LEAST || seconds > SECOND_MOST)
			return "a tag's expiry is out of range";
		tag->until = seconds * USECS_PER_SEC;
	}
	return NULL;
}

/* Read one tag; what is wrong with it, or NULL */
static const char *
read_tag(CdTagReader *reader)
{
	const uint8 *end = reader->end;
	uint64		shared,
				more,
				number;
	uint8		flags;

	if (reader->next >= end)
		return "it ends too early";
	flags = *reader->next++;
	if ((flags & ~FLAGS_KNOWN) != 0)
		return "a tag has unknown flags";
	if (flags & FLAG_NAMED)
	{
		const CdTagName *name;

		if (!get_varint(&reader->next, end, &number))
			return "it ends too early";
		if (reader->foreign)
			return "a tag has a number instead of a path";
		name = cd_tag_name(number);
		if (name == NULL)
			return "the number of a tag is unknown";
		reader->tag.path = name->path;
		reader->tag.length = name->length;
		reader->tag.number = (int) number;
	}
	else
	{
		if (reader->next >= end)
			return "it ends too early";
		shared = *reader->next >> 4;
		more = *reader->next++ & 0x0F;
		if (more == 0 && (!get_varint(&reader->next, end, &shared) || !get_varint(&reader->next, end, &more)))
			return "it ends too early";
		if (shared > (uint64) reader->tag.length || more > CD_MAX_TAG_PATH || shared + more > CD_MAX_TAG_PATH)
			return "a tag's path is too long";
		if (more > (uint64) (end - reader->next))
			return "it ends too early";
		if (reader->tag.path != reader->buffer && shared > 0)
			memcpy(reader->buffer, reader->tag.path, shared);
		memcpy(reader->buffer + shared, reader->next, more);
		reader->next += more;
		reader->tag.path = reader->buffer;
		reader->tag.length = (int) (shared + more);
		reader->tag.number = 0;
	}
	switch (flags & SCORE_FORM)
	{
		case SCORE_ONE:
			reader->tag.score = 1;
			break;
		case SCORE_RAW:
			if (end - reader->next < (int) sizeof(float4))
				return "it ends too early";
			memcpy(&reader->tag.score, reader->next, sizeof(float4));
			reader->next += sizeof(float4);
			break;
		default:
			if (!get_varint(&reader->next, end, &number))
				return "it ends too early";
			if (number >= MOST_MYRIADTHS)
				return "a score is out of range";
			reader->tag.score = (float4) ((double) number / ((flags & SCORE_FORM) == SCORE_HUNDREDTHS ? 100 : 10000));
	}
	return read_times(&reader->next, end, flags, &reader->tag, &reader->last);
}

/* Open an image; what is wrong with its head, or NULL */
static const char *
open_image(CdTagReader *reader, const uint8 *bytes, Size length, bool foreign)
{
	uint64		count;

	cd_tag_names_check();
	reader->foreign = foreign;
	reader->next = bytes;
	reader->end = bytes + length;
	reader->last = (CdTagTimes) {0, 0};
	reader->tag.path = reader->buffer;
	reader->tag.length = 0;
	if (length < 2)
		return "it is too short";
	if (*reader->next++ != CD_TAGSET_VERSION)
		return "it is of an unknown version";
	if (!get_varint(&reader->next, reader->end, &count))
		return "it ends too early";
	if (count > CD_MAX_TAGS)
		return "it has too many tags";
	reader->left = (int) count;
	return NULL;
}

static void
corrupt(const char *fault)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("tagset is damaged"),
			 errdetail("As found, %s.", fault)));
}

void
cd_tags_begin(CdTagReader *reader, const CdTagset *tags)
{
	const char *fault = open_image(reader, (const uint8 *) VARDATA_ANY(tags), VARSIZE_ANY_EXHDR(tags), false);

	if (fault != NULL)
		corrupt(fault);
}

bool
cd_tags_next(CdTagReader *reader)
{
	const char *fault;

	if (reader->left == 0)
		return false;
	reader->left--;
	fault = read_tag(reader);
	if (fault != NULL)
		corrupt(fault);
	return true;
}

int
cd_tags_count(const CdTagset *tags)
{
	CdTagReader reader;

	cd_tags_begin(&reader, tags);
	return reader.left;
}

/*
 * Move to the tag with a path.  One that has a number is told from others with
 * numbers by its address alone.
 */
bool
cd_tags_seek(CdTagReader *reader, const char *path, int length)
{
	int			number = cd_tag_number(path, length, true);
	const char *known = number != 0 ? cd_tag_name(number)->path : NULL;

	while (cd_tags_next(reader))
	{
		const CdTag *tag = &reader->tag;
		int			order;

		if (tag->path == known)
			return true;
		if (known != NULL && tag->path != reader->buffer)
			continue;
		order = memcmp(tag->path, path, Min(tag->length, length));
		if (order > 0)
			return false;
		if (order == 0 && tag->length >= length)
			return tag->length == length;
	}
	return false;
}

const char *
cd_tagset_fault(const char *bytes, Size length)
{
	CdTagReader reader;
	const char *fault = open_image(&reader, (const uint8 *) bytes, length, true);
	char		last[CD_MAX_TAG_PATH + 1];
	int			last_length = -1;

	while (fault == NULL && reader.left > 0)
	{
		reader.left--;
		fault = read_tag(&reader);
		if (fault != NULL)
			break;
		if (last_length >= 0)
		{
			int			order = memcmp(last, reader.tag.path, Min(last_length, reader.tag.length));

			if (order > 0 || (order == 0 && last_length >= reader.tag.length))
				return "its tags are not sorted";
		}
		if (!isfinite(reader.tag.score))
			return "a score is not a number";
		fault = cd_tag_path_fault(reader.tag.path, reader.tag.length);
		memcpy(last, reader.tag.path, reader.tag.length);
		last_length = reader.tag.length;
	}
	if (fault == NULL && reader.next != reader.end)
		return "bytes follow its last tag";
	return fault;
}

/*
 * A path is labels joined by dots.  A label may hold anything but a dot, an
 * asterisk or a control character, and is not empty.
 */
const char *
cd_tag_path_fault(const char *path, int length)
{
	int			i;

	if (length == 0)
		return "a path is empty";
	if (length > CD_MAX_TAG_PATH)
		return "a path is longer than 255 bytes";
	if (!pg_verify_mbstr(PG_UTF8, path, length, true))
		return "a path is not valid UTF-8";
	for (i = 0; i < length; i++)
	{
		unsigned char c = path[i];

		if (c == '*')
			return "a path has an asterisk";
		if (c < 0x20 || c == 0x7F)
			return "a path has a control character";
		if (c == '.' && (i == 0 || i == length - 1 || path[i - 1] == '.'))
			return "a path has an empty label";
		if (c == ' ' && (i == 0 || i == length - 1))
			return "a path begins or ends with a blank";
	}
	return NULL;
}

void
cd_check_tag_path(const char *path, int length)
{
	const char *fault = cd_tag_path_fault(path, length);

	if (fault != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid tag path \"%.*s\"", pg_mbcliplen(path, length, 300), path),
				 errdetail("As given, %s.", fault),
				 errhint("Write labels joined by dots, as in industry.retail.fashion.")));
}

void
cd_tag_builder(CdTagBuilder *builder)
{
	builder->count = 0;
	builder->room = 16;
	builder->plain = false;
	builder->stored = false;
	builder->unknown = NULL;
	builder->tags = palloc(builder->room * sizeof(CdTag));
}

/* Twice as much room */
void
cd_tag_builder_grow(CdTagBuilder *builder)
{
	builder->room *= 2;
	builder->tags = repalloc_huge(builder->tags, builder->room * sizeof(CdTag));
}

static int
compare_paths(const CdTag *a, const CdTag *b)
{
	int			order = memcmp(a->path, b->path, Min(a->length, b->length));

	return order != 0 ? order : a->length - b->length;
}

/* Sort by path, and tags of one path by their order of addition */
static int
compare_tags(const void *a, const void *b)
{
	const CdTag *const *x = a;
	const CdTag *const *y = b;
	int			order = compare_paths(*x, *y);

	if (order != 0)
		return order;
	return *x < *y ? -1 : 1;
}

/* Sort the tags; of several with one path the last stays */
static void
sort_tags(CdTagBuilder *builder)
{
	const CdTag **sorted;
	CdTag	   *tags;
	int			count = 0;
	int			i;

	for (i = 1; i < builder->count && compare_paths(&builder->tags[i - 1], &builder->tags[i]) < 0; i++)
		;
	if (i >= builder->count)
		return;
	sorted = palloc_extended(builder->count * sizeof(CdTag *), MCXT_ALLOC_HUGE);
	tags = palloc_extended(builder->count * sizeof(CdTag), MCXT_ALLOC_HUGE);
	for (i = 0; i < builder->count; i++)
		sorted[i] = &builder->tags[i];
	qsort(sorted, builder->count, sizeof(CdTag *), compare_tags);
	for (i = 0; i < builder->count; i++)
	{
		if (i + 1 == builder->count || compare_paths(sorted[i], sorted[i + 1]) != 0)
			tags[count++] = *sorted[i];
	}
	memcpy(builder->tags, tags, count * sizeof(CdTag));
	builder->count = count;
	pfree(sorted);
	pfree(tags);
}

/* The whole second a moment lies in */
static int64
seconds_of(TimestampTz moment)
{
	int64		seconds = moment / USECS_PER_SEC;

	return moment % USECS_PER_SEC < 0 ? seconds - 1 : seconds;
}

/*
 * The shortest form of a score, and the number to be written.  Hundredths that
 * say it exactly are ten-thousandths that do.
 */
static inline uint8
score_form(float4 score, uint64 *number)
{
	int			myriadths;

	if (score == 1)
		return SCORE_ONE;
	if (!(score >= 0 && score < MOST_MYRIADTHS / 10000))
		return SCORE_RAW;
	myriadths = (int) ((double) score * 10000 + 0.5);
	if ((float4) ((double) myriadths / 10000) != score)
		return SCORE_RAW;
	if (myriadths % 100 == 0 && myriadths / 100 < MOST_HUNDREDTHS)
	{
		*number = (uint64) myriadths / 100;
		return SCORE_HUNDREDTHS;
	}
	*number = (uint64) myriadths;
	return SCORE_MYRIADTHS;
}

/* Which times a tag has */
static inline uint8
time_flags(const CdTag *tag, const CdTagTimes *last)
{
	uint8		flags = 0;

	if (!TIMESTAMP_NOT_FINITE(tag->at))
		flags |= FLAG_AT;
	if (!TIMESTAMP_NOT_FINITE(tag->until))
		flags |= FLAG_UNTIL;
	if (tag->half_life > 0)
		flags |= FLAG_HALF_LIFE | (tag->half_life == last->half_life ? FLAG_SAME_HALF_LIFE : 0);
	return flags;
}

/* A tag takes no more bytes than its path and so many */
#define MOST_TAG_BYTES		64

static inline uint8 *
write_times(uint8 *p, uint8 flags, const CdTag *tag, CdTagTimes *last)
{
	if (flags & FLAG_AT)
	{
		int64		seconds = seconds_of(tag->at);

		p = put_varint(p, zigzag(seconds - last->at));
		last->at = seconds;
	}
	if ((flags & FLAG_HALF_LIFE) && (flags & FLAG_SAME_HALF_LIFE) == 0)
	{
		p = put_varint(p, (uint64) tag->half_life);
		last->half_life = tag->half_life;
	}
	if (flags & FLAG_UNTIL)
		p = put_varint(p, zigzag(seconds_of(tag->until) - ((flags & FLAG_AT) ? last->at : 0)));
	return p;
}

bool
cd_tag_moves(const CdTag *tag)
{
	return !TIMESTAMP_IS_NOEND(tag->until) || (tag->half_life > 0 && !TIMESTAMP_NOT_FINITE(tag->at));
}

void
cd_tag_times_write(StringInfo out, const CdTag *tag, CdTagTimes *last)
{
	uint8		flags = time_flags(tag, last);
	uint8	   *p;

	enlargeStringInfo(out, MOST_TAG_BYTES);
	p = (uint8 *) out->data + out->len;
	*p++ = flags;
	out->len = (int) ((char *) write_times(p, flags, tag, last) - out->data);
}

const char *
cd_tag_times_read(const uint8 **next, const uint8 *end, CdTag *tag, CdTagTimes *last)
{
	if (*next >= end)
		return "it ends too early";
	return read_times(next, end, *(*next)++, tag, last);
}

static void
write_tag(StringInfo out, const CdTag *tag, const CdTag *before, int name, CdTagTimes *last)
{
	uint8		flags = (name != 0 ? FLAG_NAMED : 0) | time_flags(tag, last);
	uint64		number = 0;
	int			shared = 0;
	uint8	   *p;

	flags |= score_form(tag->score, &number);
	enlargeStringInfo(out, tag->length + MOST_TAG_BYTES);
	p = (uint8 *) out->data + out->len;
	*p++ = flags;
	if (name != 0)
		p = put_varint(p, (uint64) name);
	else
	{
		while (before != NULL && shared < before->length && shared < tag->length && before->path[shared] == tag->path[shared])
			shared++;
		if (shared < 16 && tag->length - shared < 16 && tag->length > shared)
			*p++ = (uint8) (shared << 4 | (tag->length - shared));
		else
		{
			*p++ = 0;
			p = put_varint(p, shared);
			p = put_varint(p, tag->length - shared);
		}
		memcpy(p, tag->path + shared, tag->length - shared);
		p += tag->length - shared;
	}
	if ((flags & SCORE_FORM) == SCORE_RAW)
	{
		float4		score = tag->score + 0.0f;	/* no negative zero */

		memcpy(p, &score, sizeof(float4));
		p += sizeof(float4);
	}
	else if ((flags & SCORE_FORM) != SCORE_ONE)
		p = put_varint(p, number);
	out->len = (int) ((char *) write_times(p, flags, tag, last) - out->data);
}

CdTagset *
cd_tag_builder_value(CdTagBuilder *builder)
{
	StringInfoData out;
	CdTagTimes	last = {0, 0};
	int			i;

	sort_tags(builder);
	if (builder->count > CD_MAX_TAGS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a tagset holds at most %d tags", CD_MAX_TAGS)));
	initStringInfo(&out);
	out.len = VARHDRSZ;
	appendStringInfoChar(&out, CD_TAGSET_VERSION);
	out.len = (int) ((char *) put_varint((uint8 *) out.data + out.len, builder->count) - out.data);
	cd_tag_names_check();
	for (i = 0; i < builder->count; i++)
	{
		CdTag	   *tag = &builder->tags[i];
		int			name = builder->plain ? 0 : cd_tag_number_known(tag->path, tag->number, builder->stored);

		if (name < 0)
			name = cd_tag_number(tag->path, tag->length, builder->stored);
		if (name == 0 && builder->unknown != NULL)
			cd_new_tag_name(builder->unknown, tag->path, tag->length);
		tag->number = name;
		write_tag(&out, tag, i > 0 ? tag - 1 : NULL, name, &last);
	}
	SET_VARSIZE(out.data, out.len);
	return (CdTagset *) out.data;
}

/* Copy every tag of a tagset into a builder; paths are copied as well */
void
cd_tag_builder_add_all(CdTagBuilder *builder, const CdTagset *tags)
{
	CdTagReader reader;

	cd_tags_begin(&reader, tags);
	while (cd_tags_next(&reader))
	{
		CdTag		tag = reader.tag;

		/* One with a number lives as long as the session. */
		if (tag.number == 0)
			tag.path = pnstrdup(tag.path, tag.length);
		cd_tag_builder_add(builder, &tag);
	}
}

CdTagset *
cd_tagset_rewrite(const CdTagset *tags, bool plain, bool stored)
{
	CdTagBuilder builder;

	cd_tag_builder(&builder);
	builder.plain = plain;
	builder.stored = stored;
	cd_tag_builder_add_all(&builder, tags);
	return cd_tag_builder_value(&builder);
}

bool
cd_tagset_equal(const CdTagset *a, const CdTagset *b)
{
	CdTagReader x,
				y;

	if (VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0)
		return true;

	/* What differs may be only which paths are written out. */
	cd_tags_begin(&x, a);
	cd_tags_begin(&y, b);
	if (x.left != y.left)
		return false;
	while (cd_tags_next(&x) && cd_tags_next(&y))
	{
		if (compare_paths(&x.tag, &y.tag) != 0 || x.tag.score != y.tag.score || x.tag.at != y.tag.at ||
			x.tag.until != y.tag.until || x.tag.half_life != y.tag.half_life)
			return false;
	}
	return true;
}

/* industry.retail.* matches what lies below industry.retail; * matches all */
bool
cd_tag_matches(const CdTag *tag, const char *pattern, int length)
{
	if (length > 0 && pattern[length - 1] == '*')
		return tag->length > length - 1 &&
			memcmp(tag->path, pattern, length - 1) == 0;
	return tag->length == length && memcmp(tag->path, pattern, length) == 0;
}

/*
 * A score as a person wrote it: 0.7, where single precision has 0.699999988,
 * so that comparisons with 0.7 say what they seem to.
 */
double
cd_score_value(float4 score)
{
	double		decimal = rint((double) score * 1e6) / 1e6;

	return (float4) decimal == score ? decimal : (double) score;
}

bool
cd_tag_score_then(const CdTag *tag, TimestampTz moment, double *score)
{
	if (moment >= tag->until && !TIMESTAMP_IS_NOEND(tag->until))
		return false;
	*score = cd_score_value(tag->score);
	if (tag->half_life > 0 && !TIMESTAMP_NOT_FINITE(tag->at) && moment > tag->at)
		*score *= exp2(-((double) (moment - tag->at) / USECS_PER_SEC) / (double) tag->half_life);
	return true;
}

bool
cd_tag_score_at(const CdTag *tag, TimestampTz moment, double *score)
{
	if (!cd_tag_score_then(tag, moment, score))
		return false;
	if (!TIMESTAMP_IS_NOEND(tag->until))
		cd_validity_note(tag->until);
	return true;
}

/*
 * The moment a decaying score crosses a threshold, somewhat early: the sum of
 * rounding errors is far below a millisecond per year.
 */
static void
note_crossing(const CdTag *tag, TimestampTz moment, double ratio)
{
	double		seconds;
	double		crossing;

	if (tag->half_life == 0 || TIMESTAMP_NOT_FINITE(tag->at) || !(ratio > 0))
		return;
	seconds = (double) tag->half_life * log2(ratio);
	crossing = floor(seconds * (1 - 1e-12)) - 1;
	if (!(crossing < (double) (SECOND_MOST - tag->at / USECS_PER_SEC)))
		return;
	if (tag->at + (TimestampTz) (crossing * USECS_PER_SEC) > moment)
		cd_validity_note(tag->at + (TimestampTz) (crossing * USECS_PER_SEC));
	else
		cd_validity_note(moment + 1);
}

bool
cd_tag_reaches(const CdTag *tag, TimestampTz moment, double threshold, bool strict)
{
	double		score;
	bool		reached;

	if (!cd_tag_score_at(tag, moment, &score))
		return false;
	reached = strict ? score > threshold : score >= threshold;

	/* Scores decay towards zero: from above they fall, from below they rise. */
	if (tag->score > 0 && threshold > 0 && reached)
		note_crossing(tag, moment, tag->score / threshold);
	else if (tag->score < 0 && threshold < 0 && !reached)
		note_crossing(tag, moment, tag->score / threshold);
	return reached;
}
