/*
 * lookup.h
 *		Rows of one of our tables by an integer column, many values at once.
 */
#ifndef CD_LOOKUP_H
#define CD_LOOKUP_H

#include "postgres.h"

#include "access/htup.h"
#include "access/skey.h"
#include "utils/relcache.h"

/* A row, which lives until the call returns; its place is tuple->t_self. */
typedef void (*CdTakeRow) (void *arg, HeapTuple tuple, TupleDesc desc);

/* Are values, ascending, so close together that all between them are read rather than each looked for? */
extern bool cd_lookup_is_dense(const int64 *values, int count);

/* Conditions that a column, by its number in the table or index, lies in a range: two keys. */
extern void cd_lookup_range(ScanKey keys, AttrNumber column, int64 least, int64 most);

/* A condition that the first column of an index is one of some values, ascending; its argument is palloc'd. */
extern void cd_lookup_values(ScanKey key, const int64 *values, int count);

/*
 * Hand over the rows, as the active snapshot sees them, whose bigint column is
 * one of some values, ascending, and perhaps some between.  The index starts
 * with the column; with it rows come in the order of the values, without
 * (InvalidOid) all of the table are read.
 */
extern void cd_lookup(Relation relation, Oid index, AttrNumber column, const int64 *values, int count,
					  CdTakeRow take, void *arg);

#endif							/* CD_LOOKUP_H */
