/*
 * chunk.h
 *		Stored histories for C callers: one customer's chunks, and the timelines
 *		of many customers one after the other.
 */
#ifndef CD_CHUNK_H
#define CD_CHUNK_H

#include "sets/customer_set.h"
#include "timeline/timeline.h"
#include "utils/relcache.h"

/* One chunk of a customer's history. */
typedef struct CdChunk
{
	int64		chunk_no;
	TimestampTz last;
	struct varlena *events;
} CdChunk;

/* The chunks of one customer. */
typedef struct CdChunkList
{
	CdChunk    *chunk;
	int			n;
	int			size;
} CdChunkList;

extern void cd_chunk_list_add(CdChunkList *list, int64 chunk_no, TimestampTz last, struct varlena *events);

/* The chunks as one timeline, joined in the order in which they were written. */
extern struct varlena *cd_chunk_list_join(CdChunkList *list);

/*
 * Add the chunks of a customer's records that have events with since <= at <
 * until.  Answers when the first one begins that was passed over for until.
 */
extern TimestampTz cd_chunk_list_read(CdChunkList *list, Relation records, Relation chunks, int64 customer_id,
									  TimestampTz since, TimestampTz until);

/* Open source_record or timeline_chunk for a reader who may see all its rows. */
extern Relation cd_open_for_reader(const char *name);

/* The index of a table that starts with a column, or InvalidOid. */
extern Oid	cd_index_on(Relation relation, AttrNumber column);

/*
 * The timelines of batch after batch of customers, ids ascending: by customer
 * what they did and when they did something last, or NULL for those who did
 * nothing.  Results live in the current memory context.  Unless they are to be
 * whole, timelines may come in parts (cd_timeline_open_parts).
 */
typedef struct CdChunkBatch CdChunkBatch;

extern CdChunkBatch *cd_chunk_batch_begin(bool whole);
extern void cd_chunk_batch_read(CdChunkBatch *batch, const uint32 *ids, int count,
								struct varlena **events, TimestampTz *last);
extern void cd_chunk_batch_end(CdChunkBatch *batch);

/*
 * The timelines of all customers (of a set) that have chunks reaching into
 * since <= at < until, in order of customer id; events outside the range may
 * be among them.  A timeline lives until the next call.
 */
typedef struct CdHistories CdHistories;

extern CdHistories *cd_histories_begin(const CdSet *among, TimestampTz since, TimestampTz until);
extern bool cd_histories_next(CdHistories *histories, int64 *customer_id, struct varlena **events);
extern void cd_histories_end(CdHistories *histories);

/* Columns of timeline_chunk, as 41_chunk.sql declares them. */
#define Anum_chunk_record_id	1
#define Anum_chunk_chunk_no		2
#define Anum_chunk_first_at		3
#define Anum_chunk_last_at		4
#define Anum_chunk_events		7

/* Columns of source_record, as the identity room declares them. */
#define Anum_record_record_id	1
#define Anum_record_customer_id	4

#endif							/* CD_CHUNK_H */
