/*
 * timeline_format.h
 *		What only the files that read and write the bytes of a timeline share.
 */
#ifndef CD_TIMELINE_FORMAT_H
#define CD_TIMELINE_FORMAT_H

#include "timeline/timeline.h"

/* Every so many strings of a dictionary one is stored in full. */
#define CD_DICT_BLOCK		16

/* Strings that are kept as numbers: at most so many bits, and so many bytes behind all numbers. */
#define CD_NUMBER_BITS		56
#define CD_NUMBERS_TAIL		7

extern uint64 cd_read_varint(const uint8 **pos, const uint8 *end);
extern void cd_timeline_property(const CdTimeline *tl, int prop, const char **name, int *len,
								 const uint8 **dict, uint32 *dict_len);
extern void cd_kind_sequence(CdKind *kind, const uint8 *section, uint32 len, int n);
extern int	cd_compare_strings(const char *a, int alen, const char *b, int blen);

/* Read a varint of up to 8 bytes at once where so many bytes are left. */
static inline uint64
cd_read_number(const uint8 **pos, const uint8 *end)
{
	uint64		v,
				stop;
	int			bits;

	if (unlikely(end - *pos < 8))
		return cd_read_varint(pos, end);
	v = cd_load64(*pos);
	stop = ~v & UINT64CONST(0x8080808080808080);
	if (unlikely(stop == 0))
		return cd_read_varint(pos, end);

	/* Its bytes hold 7 bits each: close the gaps between 1, 2 and 4 of them. */
	bits = __builtin_ctzll(stop) + 1;
	*pos += bits / 8;
	v &= ~UINT64CONST(0) >> (64 - bits);
	v = (v & UINT64CONST(0x007f007f007f007f)) | (v & UINT64CONST(0x7f007f007f007f00)) >> 1;
	v = (v & UINT64CONST(0x00003fff00003fff)) | (v & UINT64CONST(0x3fff00003fff0000)) >> 2;
	return (v & UINT64CONST(0x000000000fffffff)) | (v & UINT64CONST(0x0fffffff00000000)) >> 4;
}

/* Read a varint that must not exceed max. */
static inline uint32
cd_read_length(const uint8 **pos, const uint8 *end, uint64 max)
{
	const uint8 *p = *pos;
	uint64		v;

	if (likely(p < end && *p < 0x80))
	{
		v = *p;
		*pos = p + 1;
	}
	else if (likely(end - p >= 2 && p[1] < 0x80))
	{
		v = (uint64) (p[0] & 0x7f) | (uint64) p[1] << 7;
		*pos = p + 2;
	}
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
