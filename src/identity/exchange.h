/*
 * exchange.h
 *		Keys of all records, brought into the order of their hashes.
 */
#ifndef CD_EXCHANGE_H
#define CD_EXCHANGE_H

#include "identity/engine.h"

/* What is gathered of each record. */
typedef enum CdGathering
{
	CD_GATHER_HASHES,			/* whatever frequencies are wanted of: uint64 */
	CD_GATHER_PAIRS,			/* of combined keys: uint64 */
	CD_GATHER_POSTINGS			/* keys to follow: CdPosting */
} CdGathering;

/* Takes entries in the order of their hash; all of one hash come at once. */
typedef void (*CdTakeSorted) (void *state, const void *entry, Size n);

/*
 * Gather the keys of all records, sorted by hash and then by record, and hand
 * them on; together: what takes them may do so beside parallel workers.
 * wanted, if given, is the hashes that matter, asked by "has".
 */
extern void cd_exchange(CdEngine *engine, CdRecords *records, CdGathering what, bool together,
						bool (*has) (const void *wanted, uint64 hash), const void *wanted,
						CdTakeSorted take, void *state);

/* Postings gathered one by one. */
extern CdPostings *cd_postings_create(MemoryContext context, Size expected);
extern void cd_postings_push(CdPostings *postings, uint64 hash, uint32 record, float bits);
/* Sort by hash, then by record. */
extern void cd_postings_sort(CdPostings *postings);

#endif							/* CD_EXCHANGE_H */
