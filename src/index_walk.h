/*
 * index_walk.h
 *		Entries of a B-tree by many values of its first column at once.
 */
#ifndef CD_INDEX_WALK_H
#define CD_INDEX_WALK_H

#include "postgres.h"

#include "access/itup.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/*
 * An entry: the place of a row, or of the first of its versions, and the
 * index tuple (NULL unless asked for), which lives until the call returns.
 * The page it is from stays pinned as long, so that what the visibility map
 * says of the row's page holds.
 */
typedef void (*CdTakeIndexEntry) (void *arg, ItemPointer place, IndexTuple entry);

/*
 * Hand over the entries whose first column, a bigint in ascending order, is
 * one of some values, ascending, in that order.  A page is looked for from
 * the root only where it is not the one before or its neighbour.  What the
 * snapshot does not see may be among them.
 */
extern void cd_index_walk(Relation index, Snapshot snapshot, const int64 *values, int count, bool with_tuples,
						  CdTakeIndexEntry take, void *arg);

/* Can an index be walked so? */
extern bool cd_index_is_walkable(Relation index);

#endif							/* CD_INDEX_WALK_H */
