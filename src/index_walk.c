/*
 * index_walk.c
 *		Entries of a B-tree by many values of its first column at once.
 *
 * A scan with an array of values goes down from the root for each of them
 * (before PostgreSQL 17), which costs more than reading the row where one
 * customer in a hundred is asked for and each page of the index has several
 * of them.  Here a page that was found serves all values that belong on it,
 * and the next value is looked for on the page to its right first.
 *
 * The rules are those of the server's own scans (nbtree/README): a page is
 * read under a shared lock; where a value lies beyond a page's high key, or
 * the page is being deleted, the link to the right is followed; what a page
 * had is copied before the lock is let go, while the pin stays until its
 * entries were taken, so that VACUUM waits with recycling their places.
 */
#include "postgres.h"

#include "index_walk.h"

#include "customer_data.h"

#include "access/nbtree.h"
#include "access/tupmacs.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_opfamily_d.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"

/* So often a value is looked for where it would lie among evenly spread ones, before halves are taken. */
#define MOST_GUESSES	4

/* What was copied of a page. */
typedef struct Leaf
{
	Buffer		buffer;			/* pinned, unlocked; InvalidBuffer: none */
	BlockNumber next;			/* to its right, unless it is the last */
	Buffer		ahead;			/* that page, pinned, where it is gone on with; else InvalidBuffer */
	int64		first;			/* value of its first entry */
	int64		high;			/* no value on it is higher; unless it is the last */
	bool		continues;		/* entries of the last value may be on the next */
	int			count;
	ItemPointerData places[MaxTIDsPerBTreePage];
	LocationIndex tuples[MaxTIDsPerBTreePage];	/* where the entry of a place is in the copies */
	char	   *copies;			/* BLCKSZ bytes, aligned; NULL: none are wanted */
} Leaf;

/* The first column of an entry; what has none sorts as the highest, as NULLs do */
static inline int64
first_value(Page page, OffsetNumber offset)
{
	IndexTuple	tuple = (IndexTuple) PageGetItem(page, PageGetItemId(page, offset));

	if (IndexTupleHasNulls(tuple) && att_isnull(0, (bits8 *) tuple + sizeof(IndexTupleData)))
		return PG_INT64_MAX;
	return *(int64 *) ((char *) tuple + IndexInfoFindDataOffset(tuple->t_info));
}

/* Does an entry have a value, and that one? */
static inline bool
has_value(Page page, OffsetNumber offset, int64 value)
{
	IndexTuple	tuple = (IndexTuple) PageGetItem(page, PageGetItemId(page, offset));

	return first_value(page, offset) == value &&
		!(IndexTupleHasNulls(tuple) && att_isnull(0, (bits8 *) tuple + sizeof(IndexTupleData)));
}

/*
 * The first entry from one on whose value is not lower.  Where values are as
 * evenly spread between two as ids given one after the other are, it is likely
 * to lie where they say: each probe into a page that was not read lately waits
 * for memory twice.
 */
static OffsetNumber
search_page(Page page, OffsetNumber low, OffsetNumber high, int64 value, int64 least, int64 most)
{
	int			guesses = MOST_GUESSES;

	while (low < high)
	{
		OffsetNumber mid = low + (high - low) / 2;
		int64		there;

		if (guesses-- > 0 && least < most)
		{
			double		share = ((double) value - (double) least) / ((double) most - (double) least);

			mid = low + (OffsetNumber) (Min(Max(share, 0), 1) * (high - low - 1) + 0.5);
		}
		there = first_value(page, mid);
		if (there < value)
		{
			low = mid + 1;
			least = there;
		}
		else
		{
			high = mid;
			most = there;
		}
	}
	return low;
}

/* Read a page under a shared lock */
static Buffer
read_page(Relation index, BlockNumber number)
{
	Buffer		buffer = ReadBuffer(index, number);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	return buffer;
}

/* Follow links to the right, at most so many (-1: any number), until a value belongs on the page; else InvalidBuffer */
static Buffer
move_right(Relation index, Buffer buffer, Snapshot snapshot, int64 value, int most)
{
	for (;;)
	{
		Page		page = BufferGetPage(buffer);
		BTPageOpaque opaque = BTPageGetOpaque(page);
		BlockNumber next = opaque->btpo_next;

		cd_test_old_snapshot(snapshot, index, page);
		if (P_RIGHTMOST(opaque))
		{
			if (!P_IGNORE(opaque))
				return buffer;
			ereport(ERROR,
					(errcode(ERRCODE_INDEX_CORRUPTED),
					 errmsg("the last page of index \"%s\" is deleted", RelationGetRelationName(index)),
					 errhint("REINDEX it.")));
		}
		if (!P_IGNORE(opaque) && first_value(page, P_HIKEY) >= value)
			return buffer;
		UnlockReleaseBuffer(buffer);
		if (most-- == 0)
			return InvalidBuffer;
		CHECK_FOR_INTERRUPTS();
		buffer = read_page(index, next);
	}
}

/* The leaf page on which a value begins, locked; InvalidBuffer where the index is empty */
static Buffer
descend(Relation index, Snapshot snapshot, int64 value)
{
	Buffer		buffer = read_page(index, BTREE_METAPAGE);
	BlockNumber number = BTPageGetMeta(BufferGetPage(buffer))->btm_fastroot;

	UnlockReleaseBuffer(buffer);
	while (number != P_NONE)
	{
		Page		page;
		BTPageOpaque opaque;
		OffsetNumber first,
					at;

		CHECK_FOR_INTERRUPTS();
		buffer = move_right(index, read_page(index, number), snapshot, value, -1);
		page = BufferGetPage(buffer);
		opaque = BTPageGetOpaque(page);
		if (P_ISLEAF(opaque))
			return buffer;
		/* The last child that begins with a lower value; the first one begins with none. */
		first = P_FIRSTDATAKEY(opaque);
		at = search_page(page, first + 1, PageGetMaxOffsetNumber(page) + 1, value, 0, 0) - 1;
		number = BTreeTupleGetDownLink((IndexTuple) PageGetItem(page, PageGetItemId(page, at)));
		UnlockReleaseBuffer(buffer);
	}
	return InvalidBuffer;
}

/* Copy one entry of a page; *used is what the copies take so far */
static void
copy_entry(Leaf *leaf, IndexTuple tuple, Size *used)
{
	LocationIndex at = *used;
	int			n = BTreeTupleIsPosting(tuple) ? BTreeTupleGetNPosting(tuple) : 1;
	int			i;

	if (leaf->copies != NULL)
	{
		Size		size = BTreeTupleIsPosting(tuple) ? BTreeTupleGetPostingOffset(tuple) : IndexTupleSize(tuple);

		memcpy(leaf->copies + at, tuple, size);
		*used += MAXALIGN(size);
	}
	for (i = 0; i < n; i++)
	{
		leaf->tuples[leaf->count] = at;
		leaf->places[leaf->count++] = n == 1 && !BTreeTupleIsPosting(tuple) ? tuple->t_tid : *BTreeTupleGetPostingN(tuple, i);
	}
}

/* Is a value likely to be on the page to the right, if it is not the last? */
static bool
is_to_the_right(const Leaf *leaf, int64 value)
{
	return leaf->continues ||
		(leaf->first <= leaf->high && (uint64) value - (uint64) leaf->high <= (uint64) leaf->high - (uint64) leaf->first);
}

/* Copy what a locked page has of some values, and unlock it; answers how many of them are done with */
static int
read_leaf(Relation index, Leaf *leaf, Buffer buffer, const int64 *values, int count)
{
	Page		page = BufferGetPage(buffer);
	BTPageOpaque opaque = BTPageGetOpaque(page);
	OffsetNumber at = P_FIRSTDATAKEY(opaque);
	OffsetNumber end = PageGetMaxOffsetNumber(page) + 1;
	int64		least,
				most;
	Size		used = 0;
	int			i;

	leaf->buffer = buffer;
	leaf->next = opaque->btpo_next;
	leaf->first = at < end ? first_value(page, at) : PG_INT64_MAX;
	leaf->high = P_RIGHTMOST(opaque) ? PG_INT64_MAX : first_value(page, P_HIKEY);
	leaf->count = 0;
	leaf->continues = false;
	least = leaf->first;
	most = P_RIGHTMOST(opaque) && at < end ? first_value(page, end - 1) : leaf->high;
	for (i = 0; i < count && (P_RIGHTMOST(opaque) || values[i] <= leaf->high); i++)
	{
		at = search_page(page, at, end, values[i], least, most);
		least = values[i];
		while (at < end && has_value(page, at, values[i]))
			copy_entry(leaf, (IndexTuple) PageGetItem(page, PageGetItemId(page, at++)), &used);
		leaf->continues = !P_RIGHTMOST(opaque) && values[i] == leaf->high;
		if (leaf->continues)
			break;
	}
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	leaf->ahead = InvalidBuffer;
	if (i < count && is_to_the_right(leaf, values[i]))
	{
		/* It comes from memory while entries of this one are taken: its head, its high key and its first entries. */
		leaf->ahead = ReadBuffer(index, leaf->next);
		page = BufferGetPage(leaf->ahead);
		__builtin_prefetch(page);
		__builtin_prefetch((char *) page + BLCKSZ - 64);
		__builtin_prefetch((char *) page + BLCKSZ - 128);
	}
	return i;
}

/* The page to go on with: to the right, if a value is likely to be there, else from the root */
static Buffer
next_page(Relation index, Snapshot snapshot, const Leaf *leaf, int64 value)
{
	if (BufferIsValid(leaf->ahead))
	{
		Buffer		buffer;

		LockBuffer(leaf->ahead, BUFFER_LOCK_SHARE);
		buffer = move_right(index, leaf->ahead, snapshot, value, leaf->continues ? -1 : 1);
		if (BufferIsValid(buffer))
			return buffer;
	}
	return descend(index, snapshot, value);
}

bool
cd_index_is_walkable(Relation index)
{
	return index->rd_rel->relam == BTREE_AM_OID && index->rd_opfamily[0] == INTEGER_BTREE_FAM_OID &&
		index->rd_opcintype[0] == INT8OID && index->rd_indoption[0] == 0;
}

void
cd_index_walk(Relation index, Snapshot snapshot, const int64 *values, int count, bool with_tuples,
			  CdTakeIndexEntry take, void *arg)
{
	Leaf	   *leaf = palloc(sizeof(Leaf));
	Buffer		buffer;
	int			done = 0;
	int			found = 0;
	int			i;

	leaf->copies = with_tuples ? palloc(BLCKSZ) : NULL;
	pgstat_count_index_scan(index);
	buffer = count == 0 ? InvalidBuffer : descend(index, snapshot, values[0]);
	/* Whoever fills an empty index conflicts with us. */
	if (count > 0 && !BufferIsValid(buffer))
		PredicateLockRelation(index, snapshot);
	while (BufferIsValid(buffer))
	{
		int			n;

		PredicateLockPage(index, BufferGetBlockNumber(buffer), snapshot);
		n = read_leaf(index, leaf, buffer, values + done, count - done);
		for (i = 0; i < leaf->count; i++)
			take(arg, &leaf->places[i], with_tuples ? (IndexTuple) (leaf->copies + leaf->tuples[i]) : NULL);
		found += leaf->count;
		done += n;
		ReleaseBuffer(leaf->buffer);
		if (done == count)
			break;
		CHECK_FOR_INTERRUPTS();
		buffer = next_page(index, snapshot, leaf, values[done]);
	}
	pgstat_count_index_tuples(index, found);
	if (leaf->copies != NULL)
		pfree(leaf->copies);
	pfree(leaf);
}
