/*
 * overlap.h
 *		How many ids each two of many sets share, chunk by chunk.
 */
#ifndef CD_SETS_OVERLAP_H
#define CD_SETS_OVERLAP_H

#include "sets/customer_set.h"

/* It lives in the memory context that was current at its creation. */
typedef struct CdOverlap CdOverlap;

extern CdOverlap *cd_overlap_begin(int nsets);
/* What one of the sets holds in a chunk; all of a chunk follow each other, by ascending number */
extern void cd_overlap_add(CdOverlap *overlap, int chunk, int set, const CdSet *part);
/* Count what was added last */
extern void cd_overlap_end_chunk(CdOverlap *overlap);
/* Ids that two share, the lower first; of one with itself: its size */
extern int64 cd_overlap_shared(const CdOverlap *overlap, int a, int b);

#endif							/* CD_SETS_OVERLAP_H */
