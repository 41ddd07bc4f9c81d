/*
 * lookup.h
 *		Rows of one of our tables by an integer column, many values at once.
 */
#ifndef CD_LOOKUP_H
#define CD_LOOKUP_H

#include "postgres.h"

#include "access/htup.h"
#include "access/itup.h"
#include "utils/relcache.h"

/* A row, which lives until the call returns; its place is tuple->t_self. */
typedef void (*CdTakeRow) (void *arg, HeapTuple tuple, TupleDesc desc);

/* Do so many different values lie so close together that all between are read rather than each looked for? */
extern bool cd_lookup_is_dense(int64 least, int64 most, int count);

/*
 * Hand over the rows, as the active snapshot sees them, whose bigint column is
 * one of some values, ascending, and perhaps some between.  The index starts
 * with the column; with it rows come in the order of the values, without
 * (InvalidOid) all of the table are read.
 */
extern void cd_lookup(Relation relation, Oid index, AttrNumber column, const int64 *values, int count,
					  CdTakeRow take, void *arg);

/* The same of a column that lies between two values. */
extern void cd_lookup_range(Relation relation, Oid index, AttrNumber column, int64 least, int64 most,
							CdTakeRow take, void *arg);

/* An entry of an index, which lives until the call returns, and the columns of the index. */
typedef void (*CdTakeEntry) (void *arg, IndexTuple entry, TupleDesc desc);

/*
 * The same, where all that is asked is in the index: entries whose first
 * column, a bigint, is one of the values, and perhaps some between.
 */
extern void cd_lookup_entries(Relation relation, Oid index, const int64 *values, int count,
							  CdTakeEntry take, void *arg);

#endif							/* CD_LOOKUP_H */
