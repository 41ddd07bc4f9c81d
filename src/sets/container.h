/*
 * container.h
 *		One container of a serialised customer set: the ids that share their
 *		high 16 bits, as a sorted array, a bitmap or runs.
 *
 * Bodies are read where they lie.  A stored value is trusted no further than
 * memory safety needs: cd_set_open makes sure that a body lies within its
 * value, and what is read of it never leads out of the buffers here, whatever
 * it says: runs are clipped, bitmaps are counted before they become arrays.
 */
#ifndef CD_SETS_CONTAINER_H
#define CD_SETS_CONTAINER_H

#include "sets/bits.h"

#define CHUNK_IDS		65536

enum
{
	KIND_ARRAY,
	KIND_BITMAP,
	KIND_RUN
};

typedef struct CdContainer
{
	uint32		key;			/* high half of its ids */
	uint32		cardinality;
	int			kind;
	const uint8 *body;
} CdContainer;

/*
 * Room that a container under construction needs at least: an array, before it
 * is known to fit, takes twice what the largest container does, and vectors
 * are written whole.
 */
#define CONTAINER_ROOM	(2 * BITMAP_BYTES + 64)

/* Bytes of the container that starts at body */
static inline uint32
container_bytes(int kind, uint32 cardinality, const uint8 *body)
{
	if (kind == KIND_ARRAY)
		return 2 * cardinality;
	if (kind == KIND_BITMAP)
		return BITMAP_BYTES;
	return 2 + 4 * (uint32) load16(body);
}

/* A container of all ids it can hold */
static inline bool
container_is_full(const CdContainer *c)
{
	return c->cardinality == CHUNK_IDS;
}

static inline uint32
run_count(const CdContainer *c)
{
	return load16(c->body);
}

static inline uint32
run_first(const uint8 *runs, uint32 i)
{
	return load16(runs + 2 + 4 * i);
}

/* Last value of a run, clipped to the container */
static inline uint32
run_last(const uint8 *runs, uint32 i)
{
	uint32		last = run_first(runs, i) + load16(runs + 4 + 4 * i);

	return Min(last, CHUNK_IDS - 1);
}

static inline bool
bit_is_set(const uint8 *bits, uint32 low)
{
	return (bits[low >> 3] >> (low & 7)) & 1;
}

/* Index of the first of n sorted values, from a place on, >= value */
static inline uint32
gallop(const uint8 *values, uint32 from, uint32 n, uint32 value)
{
	uint32		step = 1;
	uint32		low = from,
				high;

	while (low + step < n && load16(values + 2 * (low + step)) < value)
	{
		low += step;
		step *= 2;
	}
	high = Min(low + step, n);
	while (low < high)
	{
		uint32		mid = low + (high - low) / 2;

		if (load16(values + 2 * mid) < value)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

extern const char *cd_container_fault(int kind, uint32 cardinality, const uint8 *body);
extern bool cd_container_contains(const CdContainer *c, uint32 low);
extern uint32 cd_container_common(const CdContainer *a, const CdContainer *b);
extern bool cd_container_intersects(const CdContainer *a, const CdContainer *b);
extern bool cd_container_holds(const CdContainer *a, const CdContainer *b);
extern void cd_bits_set_range(uint8 *bits, uint32 first, uint32 last);
/* Add a container's values to a bitmap */
extern void cd_container_to_bits(const CdContainer *c, uint8 *bits);
/* Write a op b, in its smallest form, to out, which has CONTAINER_ROOM; answers its bytes, 0 for none */
extern uint32 cd_container_combine(CdSetOperation operation, const CdContainer *a, const CdContainer *b,
								   uint8 *out, CdContainer *result);
/* The same for one container as it is */
extern uint32 cd_container_copy(const CdContainer *c, uint8 *out, CdContainer *result);
/* Bring a bitmap of so many ids, or a sorted array without doubles, into the smallest form, in place */
extern uint32 cd_finish_bits(uint8 *out, uint32 cardinality, CdContainer *result);
extern uint32 cd_finish_array(uint8 *out, uint32 count, CdContainer *result);

#endif							/* CD_SETS_CONTAINER_H */
