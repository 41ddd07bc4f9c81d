/*
 * timeline_format.h
 *		What only the files that read and write the bytes of a timeline share.
 */
#ifndef CD_TIMELINE_FORMAT_H
#define CD_TIMELINE_FORMAT_H

#include "timeline/timeline.h"

/* Every so many strings of a dictionary one is stored in full. */
#define CD_DICT_BLOCK		16

extern uint64 cd_read_varint(const uint8 **pos, const uint8 *end);
extern int	cd_compare_strings(const char *a, int alen, const char *b, int blen);

/* Read a varint that must not exceed max. */
static inline uint32
cd_read_length(const uint8 **pos, const uint8 *end, uint64 max)
{
	uint64		v;

	if (likely(*pos < end && **pos < 0x80))
		v = *(*pos)++;
	else
		v = cd_read_varint(pos, end);
	if (v > max)
		cd_timeline_corrupt();
	return (uint32) v;
}

static inline uint64
cd_zigzag(int64 v)
{
	return ((uint64) v << 1) ^ (uint64) (v >> 63);
}

static inline int64
cd_unzigzag(uint64 v)
{
	return (int64) (v >> 1) ^ -(int64) (v & 1);
}

#endif							/* CD_TIMELINE_FORMAT_H */
