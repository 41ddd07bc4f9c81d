/*
 * tag_paths.c
 *		Paths of what hangs below a tag, each made once.
 *
 * The tags of an affinity to categories are the same few for all customers:
 * looked up by their label they need not be put together, nor their numbers
 * looked for, customer by customer.
 */
#include "postgres.h"

#include "portrait/tag_paths.h"

#include "common/hashfn.h"

/* More are made anew each time. */
#define MOST_PATHS	100000

typedef struct Path
{
	uint32		hash;			/* of the label */
	int			length;
	int			number;
	const char *path;			/* NULL: the place is free */
} Path;

struct CdTagPaths
{
	MemoryContext context;
	const char *parent;
	int			length;
	Path	   *places;			/* a power of two of them */
	uint32		mask;
	uint32		count;
};

CdTagPaths *
cd_tag_paths(const char *parent, int length)
{
	CdTagPaths *paths = palloc0(sizeof(CdTagPaths));

	paths->context = CurrentMemoryContext;
	paths->parent = pnstrdup(parent, length);
	paths->length = length;
	paths->mask = 63;
	paths->places = palloc0((paths->mask + 1) * sizeof(Path));
	return paths;
}

/* Most labels are short. */
static inline uint32
hash_label(const char *label, int length)
{
	uint64		key = 0;

	if (length > (int) sizeof(key))
		return hash_bytes((const unsigned char *) label, length);
	memcpy(&key, label, length);
	key = (key ^ (uint64) length) * UINT64CONST(0x9E3779B97F4A7C15);
	return (uint32) (((key ^ key >> 32) * UINT64CONST(0x9E3779B97F4A7C15)) >> 32);
}

/* The place of a label, or a free one */
static Path *
find_place(const CdTagPaths *paths, uint32 hash, const char *label, int length)
{
	uint32		i = hash & paths->mask;

	for (;; i = (i + 1) & paths->mask)
	{
		Path	   *place = &paths->places[i];

		if (place->path == NULL ||
			(place->hash == hash && place->length == paths->length + 1 + length &&
			 memcmp(place->path + paths->length + 1, label, length) == 0))
			return place;
	}
}

/* Twice as many places */
static void
grow(CdTagPaths *paths)
{
	Path	   *old = paths->places;
	uint32		count = paths->mask + 1;
	uint32		i;

	paths->mask = count * 2 - 1;
	paths->places = MemoryContextAllocZero(paths->context, (Size) count * 2 * sizeof(Path));
	for (i = 0; i < count; i++)
	{
		if (old[i].path != NULL)
			*find_place(paths, old[i].hash, old[i].path + paths->length + 1, old[i].length - paths->length - 1) = old[i];
	}
	pfree(old);
}

static char *
join(const CdTagPaths *paths, MemoryContext context, const char *label, int length)
{
	char	   *path = MemoryContextAlloc(context, paths->length + 1 + length);

	memcpy(path, paths->parent, paths->length);
	path[paths->length] = '.';
	memcpy(path + paths->length + 1, label, length);
	return path;
}

bool
cd_tag_path_below(CdTagPaths *paths, const char *label, int length, CdTag *tag)
{
	uint32		hash = hash_label(label, length);
	Path	   *place = find_place(paths, hash, label, length);

	if (paths->length + 1 + length > CD_MAX_TAG_PATH)
		return false;
	if (place->path == NULL && paths->count == MOST_PATHS)
	{
		tag->path = join(paths, CurrentMemoryContext, label, length);
		tag->length = paths->length + 1 + length;
		tag->number = 0;
		return true;
	}
	if (place->path == NULL)
	{
		*place = (Path) {hash, paths->length + 1 + length, 0, join(paths, paths->context, label, length)};
		if (++paths->count * 2 > paths->mask)
		{
			grow(paths);
			place = find_place(paths, hash, label, length);
		}
	}
	cd_tag_find_number(&place->path, place->length, &place->number);
	tag->path = place->path;
	tag->length = place->length;
	tag->number = place->number;
	return true;
}
