/*
 * overlap.c
 *		Count what each two of many sets share within a chunk of 65536 ids.
 *
 * Sets of many ids become bitmaps, which are counted against each other by
 * hardware, slice by slice, so that a slice of many of them stays in the
 * processor's cache.  Each id of a set of few is looked up in the bitmaps; of
 * two sets of few nothing is compared: each id knows who has it, and counts
 * for each pair of those.
 */
#include "postgres.h"

#include "sets/overlap.h"
#include "sets/view.h"

#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

/* With so many ids looking each up costs about what counting a bitmap does. */
#define MOST_FEW		128

#define SLICE_WORDS		128
#define SLICE_BYTES		(8 * SLICE_WORDS)
#define SLICES			(BITMAP_BYTES / SLICE_BYTES)
#define TILE			96		/* slices that stay in the cache */

struct CdOverlap
{
	MemoryContext context;
	int			nsets;
	int64	   *shared;			/* nsets x nsets, above the diagonal and on it */
	int			chunk;			/* the one being read, or -1 */

	/* Sets with many ids in it */
	int		   *many;
	int			nmany;
	uint8	   *bitmaps;
	int			room;
	uint8	   *slice;			/* of all bitmaps the same, one behind the other */

	/* Sets with few */
	int		   *few;
	int		   *few_from;		/* where the ids of each begin */
	int			nfew;
	uint16	   *ids;
	int			nids;
	int			ids_room;
	int		   *holders;		/* for each id the last of ids that is it, counted from one, or 0 */
	int		   *next;			/* for each of ids: the one before that is the same */
	int		   *holder;			/* for each of ids: whose it is */
};

CdOverlap *
cd_overlap_begin(int nsets)
{
	CdOverlap  *overlap = palloc0(sizeof(CdOverlap));

	overlap->context = CurrentMemoryContext;
	overlap->nsets = nsets;
	overlap->shared = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(mul_size(sizeof(int64), Max(nsets, 1)), Max(nsets, 1)));
	memset(overlap->shared, 0, sizeof(int64) * (Size) nsets * nsets);
	overlap->many = palloc(sizeof(int) * Max(nsets, 1));
	overlap->few = palloc(sizeof(int) * Max(nsets, 1));
	overlap->few_from = palloc(sizeof(int) * (Size) (nsets + 1));
	overlap->holders = palloc0(sizeof(int) * CHUNK_IDS);
	overlap->chunk = -1;
	return overlap;
}

/* Make room for one more bitmap */
static uint8 *
next_bitmap(CdOverlap *overlap)
{
	if (overlap->nmany == overlap->room)
	{
		int			room = overlap->room == 0 ? 16 : 2 * overlap->room;

		if (overlap->room == 0)
			overlap->bitmaps = MemoryContextAllocHuge(overlap->context, (Size) room * BITMAP_BYTES);
		else
			overlap->bitmaps = repalloc_huge(overlap->bitmaps, (Size) room * BITMAP_BYTES);
		if (overlap->slice != NULL)
			pfree(overlap->slice);
		overlap->slice = MemoryContextAllocHuge(overlap->context, (Size) room * SLICE_BYTES);
		overlap->room = room;
	}
	return overlap->bitmaps + (Size) overlap->nmany * BITMAP_BYTES;
}

/* Make room for the ids of one more set of few */
static void
reserve_ids(CdOverlap *overlap)
{
	if (overlap->nids + MOST_FEW <= overlap->ids_room)
		return;
	overlap->ids_room = overlap->ids_room == 0 ? 64 * MOST_FEW : 2 * overlap->ids_room;
	if (overlap->ids == NULL)
	{
		overlap->ids = MemoryContextAllocHuge(overlap->context, sizeof(uint16) * (Size) overlap->ids_room);
		overlap->next = MemoryContextAllocHuge(overlap->context, sizeof(int) * (Size) overlap->ids_room);
		overlap->holder = MemoryContextAllocHuge(overlap->context, sizeof(int) * (Size) overlap->ids_room);
	}
	else
	{
		overlap->ids = repalloc_huge(overlap->ids, sizeof(uint16) * (Size) overlap->ids_room);
		overlap->next = repalloc_huge(overlap->next, sizeof(int) * (Size) overlap->ids_room);
		overlap->holder = repalloc_huge(overlap->holder, sizeof(int) * (Size) overlap->ids_room);
	}
}

void
cd_overlap_add(CdOverlap *overlap, int chunk, int set, const CdSet *part)
{
	CdSetView	view;
	CdContainer c;

	if (overlap->chunk != chunk)
		cd_overlap_end_chunk(overlap);
	overlap->chunk = chunk;
	if (cd_set_is_empty(part))
		return;
	cd_set_view(part, &view);
	cd_set_open(&view, 0, &c);
	if (view.count != 1 || (int) c.key != chunk)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the members of a chunk lie in another chunk"),
				 errhint("Refresh the segments anew with refresh_segments(rebuild => true).")));
	overlap->shared[(Size) set * overlap->nsets + set] += c.cardinality;
	if (c.cardinality > MOST_FEW || c.kind == KIND_BITMAP)
	{
		uint8	   *bits = next_bitmap(overlap);

		memset(bits, 0, BITMAP_BYTES);
		cd_container_to_bits(&c, bits);
		overlap->many[overlap->nmany++] = set;
	}
	else
	{
		CdSetIterator it;
		uint32		id;

		reserve_ids(overlap);
		overlap->few[overlap->nfew] = set;
		overlap->few_from[overlap->nfew++] = overlap->nids;
		cd_set_begin(&it, part);
		while (cd_set_next(&it, &id))
			overlap->ids[overlap->nids++] = id & 0xFFFF;
	}
}

/* Count one slice of all bitmaps against each other */
static void
count_slice(CdOverlap *overlap)
{
	int			n = overlap->nmany;
	int			tile,
				i,
				k;

	for (tile = 0; tile < n; tile += TILE)
	{
		int			end = Min(tile + TILE, n);

		for (i = 0; i < end - 1; i++)
		{
			const uint8 *a = overlap->slice + (Size) i * SLICE_BYTES;
			int64	   *row = overlap->shared + (Size) overlap->many[i] * overlap->nsets;

			CHECK_FOR_INTERRUPTS();
			for (k = Max(tile, i + 1); k + 4 <= end; k += 4)
			{
				const uint8 *b = overlap->slice + (Size) k * SLICE_BYTES;
				const uint8 *const four[4] = {b, b + SLICE_BYTES, b + 2 * SLICE_BYTES, b + 3 * SLICE_BYTES};
				uint32		counts[4];
				int			j;

				cd_bits->count_common_4(a, four, SLICE_WORDS, counts);
				for (j = 0; j < 4; j++)
					row[overlap->many[k + j]] += counts[j];
			}
			for (; k < end; k++)
				row[overlap->many[k]] += cd_bits->count_common(a, overlap->slice + (Size) k * SLICE_BYTES, SLICE_WORDS);
		}
	}
}

/* Look the ids of each set of few up in each bitmap */
static void
count_few_in_many(CdOverlap *overlap)
{
	int			f,
				m;

	for (f = 0; f < overlap->nfew; f++)
	{
		int			from = overlap->few_from[f];
		int			to = f + 1 < overlap->nfew ? overlap->few_from[f + 1] : overlap->nids;
		int			a = overlap->few[f];

		CHECK_FOR_INTERRUPTS();
		for (m = 0; m < overlap->nmany; m++)
		{
			const uint8 *bits = overlap->bitmaps + (Size) m * BITMAP_BYTES;
			int			b = overlap->many[m];
			uint32		n = 0;
			int			i;

			for (i = from; i < to; i++)
				n += bit_is_set(bits, overlap->ids[i]);
			overlap->shared[(Size) Min(a, b) * overlap->nsets + Max(a, b)] += n;
		}
	}
}

/* For each id count the pairs of sets of few that hold it */
static void
count_few(CdOverlap *overlap)
{
	int			f,
				i;

	for (f = 0; f < overlap->nfew; f++)
	{
		int			to = f + 1 < overlap->nfew ? overlap->few_from[f + 1] : overlap->nids;
		int			set = overlap->few[f];

		CHECK_FOR_INTERRUPTS();
		for (i = overlap->few_from[f]; i < to; i++)
		{
			int			last = overlap->holders[overlap->ids[i]];
			int			place;

			/* Places count from one; the sets that came before are the lower ones. */
			for (place = last; place != 0; place = overlap->next[place - 1])
				overlap->shared[(Size) overlap->holder[place - 1] * overlap->nsets + set]++;
			overlap->next[i] = last;
			overlap->holder[i] = set;
			overlap->holders[overlap->ids[i]] = i + 1;
		}
	}
	for (i = 0; i < overlap->nids; i++)
		overlap->holders[overlap->ids[i]] = 0;
}

void
cd_overlap_end_chunk(CdOverlap *overlap)
{
	int			s,
				m;

	for (s = 0; s < SLICES && overlap->nmany > 1; s++)
	{
		for (m = 0; m < overlap->nmany; m++)
			memcpy(overlap->slice + (Size) m * SLICE_BYTES,
				   overlap->bitmaps + (Size) m * BITMAP_BYTES + s * SLICE_BYTES, SLICE_BYTES);
		count_slice(overlap);
	}
	count_few_in_many(overlap);
	count_few(overlap);
	overlap->nmany = overlap->nfew = overlap->nids = 0;
}

int64
cd_overlap_shared(const CdOverlap *overlap, int a, int b)
{
	return overlap->shared[(Size) a * overlap->nsets + b];
}
