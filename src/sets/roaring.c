/*
 * roaring.c
 *		Make customer sets with CRoaring; the only file that knows it.
 *
 * CRoaring allocates with malloc, and the versions distributions ship have
 * neither a hook for that nor a validator.  So it is only given bytes that
 * cd_roaring_fault accepted, and each of its bitmaps hangs on a memory
 * context whose reset frees it: an ERROR strands nothing.
 */
#include "postgres.h"

#include "sets/customer_set.h"

#include "fmgr.h"
#include "utils/memutils.h"

#include <roaring/roaring.h>

/* A bitmap of the library, freed with the memory context it hangs on. */
struct CdSetBuilder
{
	roaring_bitmap_t *bitmap;
	MemoryContext context;
	MemoryContextCallback release;
	uint32	   *ids;			/* not yet in the bitmap */
	uint32		waiting;
	uint32		room;
};

#define MAX_WAITING	4096

static void
release_builder(void *arg)
{
	CdSetBuilder *builder = arg;

	if (builder->bitmap != NULL)
		roaring_bitmap_free(builder->bitmap);
	builder->bitmap = NULL;
}

/* Raise an error where the library could not get memory */
static roaring_bitmap_t *
got(roaring_bitmap_t *bitmap)
{
	if (bitmap == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Failed while building a customer set.")));
	return bitmap;
}

/* Make a context of its own below the current one, to be deleted after use */
static CdSetBuilder *
make_builder(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer set",
												  ALLOCSET_SMALL_SIZES);
	CdSetBuilder *builder = MemoryContextAlloc(context, sizeof(CdSetBuilder));

	builder->bitmap = NULL;
	builder->context = context;
	builder->ids = NULL;
	builder->waiting = 0;
	builder->room = 0;
	builder->release.func = release_builder;
	builder->release.arg = builder;
	MemoryContextRegisterResetCallback(context, &builder->release);
	return builder;
}

static roaring_bitmap_t *
load(const CdSet *set)
{
	return got(roaring_bitmap_portable_deserialize_safe(set->data, CD_SET_BYTES(set)));
}

/* Write a bitmap in its smallest form */
static CdSet *
store(roaring_bitmap_t *bitmap)
{
	size_t		bytes;
	CdSet	   *set;

	roaring_bitmap_run_optimize(bitmap);
	bytes = roaring_bitmap_portable_size_in_bytes(bitmap);
	if (bytes > MaxAllocSize - CD_SET_HEADER)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("customer set needs more than 1 GB")));
	set = palloc(CD_SET_HEADER + bytes);
	SET_VARSIZE(set, CD_SET_HEADER + bytes);
	set->version = CD_SET_VERSION;
	memset(set->reserved, 0, sizeof(set->reserved));
	roaring_bitmap_portable_serialize(bitmap, set->data);
	return set;
}

CdSetBuilder *
cd_set_builder(void)
{
	CdSetBuilder *builder = make_builder();

	builder->bitmap = got(roaring_bitmap_create());
	return builder;
}

/* Bring the ids collected so far into the bitmap */
static void
flush(CdSetBuilder *builder)
{
	if (builder->waiting > 0)
		roaring_bitmap_add_many(builder->bitmap, builder->waiting, builder->ids);
	builder->waiting = 0;
}

void
cd_set_builder_add(CdSetBuilder *builder, uint32 id)
{
	if (builder->waiting == builder->room)
	{
		/* A group by customer makes many builders of few ids: grow as needed. */
		if (builder->room == 0)
		{
			builder->room = 16;
			builder->ids = MemoryContextAlloc(builder->context, builder->room * sizeof(uint32));
		}
		else if (builder->room < MAX_WAITING)
		{
			builder->room *= 2;
			builder->ids = repalloc(builder->ids, builder->room * sizeof(uint32));
		}
		else
			flush(builder);
	}
	builder->ids[builder->waiting++] = id;
}

void
cd_set_builder_add_range(CdSetBuilder *builder, uint32 first, uint32 last)
{
	roaring_bitmap_add_range_closed(builder->bitmap, first, last);
}

void
cd_set_builder_or(CdSetBuilder *builder, const CdSet *set)
{
	roaring_bitmap_t *other = load(set);

	/* Nothing below raises an ERROR, so the second bitmap cannot be lost. */
	roaring_bitmap_or_inplace(builder->bitmap, other);
	roaring_bitmap_free(other);
}

void
cd_set_builder_and(CdSetBuilder *builder, const CdSet *set)
{
	roaring_bitmap_t *other = load(set);

	flush(builder);
	roaring_bitmap_and_inplace(builder->bitmap, other);
	roaring_bitmap_free(other);
}

uint64
cd_set_builder_cardinality(CdSetBuilder *builder)
{
	flush(builder);
	return roaring_bitmap_get_cardinality(builder->bitmap);
}

CdSet *
cd_set_builder_value(CdSetBuilder *builder)
{
	flush(builder);
	return store(builder->bitmap);
}

void
cd_set_builder_free(CdSetBuilder *builder)
{
	MemoryContextDelete(builder->context);
}

CdSet *
cd_set_empty(void)
{
	static const char none[8] = {0x3A, 0x30, 0, 0, 0, 0, 0, 0};
	CdSet	   *set = palloc(CD_SET_HEADER + sizeof(none));

	SET_VARSIZE(set, CD_SET_HEADER + sizeof(none));
	set->version = CD_SET_VERSION;
	memset(set->reserved, 0, sizeof(set->reserved));
	memcpy(set->data, none, sizeof(none));
	return set;
}

CdSet *
cd_set_from_sorted(const uint32 *ids, size_t count)
{
	CdSetBuilder *builder;
	CdSet	   *set;

	if (count == 0)
		return cd_set_empty();
	builder = make_builder();
	builder->bitmap = got(roaring_bitmap_of_ptr(count, ids));
	set = store(builder->bitmap);
	cd_set_builder_free(builder);
	return set;
}

/* Take over validated bytes of another library, in our smallest form */
CdSet *
cd_set_from_portable(const char *data, size_t bytes)
{
	CdSetBuilder *builder = make_builder();
	CdSet	   *set;

	builder->bitmap = got(roaring_bitmap_portable_deserialize_safe(data, bytes));
	set = store(builder->bitmap);
	cd_set_builder_free(builder);
	return set;
}

typedef void (*InplaceOperation) (roaring_bitmap_t *, const roaring_bitmap_t *);

static CdSet *
combine(const CdSet *a, const CdSet *b, InplaceOperation operation)
{
	CdSetBuilder *builder = make_builder();
	roaring_bitmap_t *other;
	CdSet	   *set;

	builder->bitmap = load(a);
	other = load(b);
	operation(builder->bitmap, other);
	roaring_bitmap_free(other);
	set = store(builder->bitmap);
	cd_set_builder_free(builder);
	return set;
}

/* A copy of a set, for results that are one of the arguments */
static CdSet *
copy(const CdSet *set)
{
	CdSet	   *result = palloc(VARSIZE(set));

	memcpy(result, set, VARSIZE(set));
	return result;
}

CdSet *
cd_set_or(const CdSet *a, const CdSet *b)
{
	if (cd_set_is_empty(a))
		return copy(b);
	if (cd_set_is_empty(b))
		return copy(a);
	return combine(a, b, roaring_bitmap_or_inplace);
}

CdSet *
cd_set_and(const CdSet *a, const CdSet *b)
{
	if (cd_set_is_empty(a) || cd_set_is_empty(b))
		return cd_set_empty();
	return combine(a, b, roaring_bitmap_and_inplace);
}

CdSet *
cd_set_andnot(const CdSet *a, const CdSet *b)
{
	if (cd_set_is_empty(a) || cd_set_is_empty(b))
		return copy(a);
	return combine(a, b, roaring_bitmap_andnot_inplace);
}

CdSet *
cd_set_xor(const CdSet *a, const CdSet *b)
{
	if (cd_set_is_empty(a))
		return copy(b);
	if (cd_set_is_empty(b))
		return copy(a);
	return combine(a, b, roaring_bitmap_xor_inplace);
}
