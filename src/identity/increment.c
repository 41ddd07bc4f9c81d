/*
 * increment.c
 *		Score changed records against all: whom they could be like is found in
 *		the posting lists, and only those records are read.  Candidates and
 *		weights are those of a full run.
 */
#include "postgres.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "identity/candidate.h"
#include "miscadmin.h"
#include "utils/array.h"

#define ST_SORT sort_keys
#define ST_ELEMENT_TYPE CdOwnKey
#define ST_COMPARE(a, b) \
	((a)->hash < (b)->hash ? -1 : (a)->hash > (b)->hash ? 1 : \
	 (a)->record < (b)->record ? -1 : (a)->record > (b)->record)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_hits
#define ST_ELEMENT_TYPE CdHit
#define ST_COMPARE(a, b) \
	((a)->wanted < (b)->wanted ? -1 : (a)->wanted > (b)->wanted ? 1 : \
	 (a)->record < (b)->record ? -1 : (a)->record > (b)->record)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_numbers
#define ST_ELEMENT_TYPE int64
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

typedef struct Increment
{
	MemoryContext context;
	CdEngine   *engine;
	CdRecords  *changed;		/* numbered by themselves */
	CdRecords	all;			/* these and whom their lists name, by id */
	uint32	   *number;			/* of changed records among all */
	uint32	   *number_by_id;	/* of all, from the least id on; NULL: ids are too far apart */
	int64		least;
	CdOwnKey   *key;
	Size		nkeys;
	CdWanted   *wanted;
	uint32		nwanted;
	CdHits		hits;
	CdBlocking	blocking;
	bool	   *mark;			/* changed, by number among all */
	CdCandidatePair *pair;
	Size		npairs;
	Size		maxpairs;
} Increment;

/* Number of a record among all, of which it must be one. */
static inline uint32
number_of(const Increment *inc, int64 id)
{
	uint32		low = 0,
				high = inc->all.n;

	if (inc->number_by_id != NULL)
		return inc->number_by_id[id - inc->least];
	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (inc->all.id[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Gather the keys of the changed records, and each once as wanted. */
static void
gather_keys(Increment *inc)
{
	Size		max = (Size) inc->changed->n * 40 + CD_MAX_KEYS;

	inc->key = MemoryContextAllocHuge(inc->context, max * sizeof(CdOwnKey));
	for (uint32 r = 0; r < inc->changed->n; r++)
	{
		CdKey		key[CD_MAX_KEYS];
		int			n = cd_form_keys(inc->engine, CD_FORM(inc->changed, r), key);

		if (inc->nkeys + n > max)
		{
			max += max / 2 + n;
			inc->key = repalloc_huge(inc->key, max * sizeof(CdOwnKey));
		}
		for (int i = 0; i < n; i++)
			inc->key[inc->nkeys++] = (CdOwnKey) {key[i].hash, r, cd_scaled_bits(key[i].bits), false};
	}
	if (inc->nkeys > 1)
		sort_keys(inc->key, inc->nkeys);
	inc->wanted = MemoryContextAllocHuge(inc->context, Max(inc->nkeys, 1) * sizeof(CdWanted));
	for (Size i = 0; i < inc->nkeys; i++)
	{
		if (i > 0 && inc->key[i].hash == inc->key[i - 1].hash)
			continue;
		inc->wanted[inc->nwanted].hash = inc->key[i].hash;
		inc->wanted[inc->nwanted++].count = 0;
	}
}

/* Ids are looked up in a table where it needs no more entries than this, or than a few per id. */
#define IDS_ANYWAY	(16 * 1024 * 1024)
#define IDS_APART	4

/* List the records that hits name and the changed ones, ascending by id, by a table of all ids; NULL where these are too far apart. */
static int64 *
list_by_number(Increment *inc, Size *n)
{
	const CdHits *hits = &inc->hits;
	int64		least = PG_INT64_MAX;
	int64		most = PG_INT64_MIN;
	uint64		range;
	int64	   *id;

	for (Size i = 0; i < hits->n; i++)
	{
		least = Min(least, hits->item[i].record);
		most = Max(most, hits->item[i].record);
	}
	for (uint32 r = 0; r < inc->changed->n; r++)
	{
		least = Min(least, inc->changed->id[r]);
		most = Max(most, inc->changed->id[r]);
	}
	range = most < least ? 0 : (uint64) most - (uint64) least + 1;
	if (range == 0 || range > Max(IDS_ANYWAY, IDS_APART * (hits->n + inc->changed->n)))
		return NULL;
	inc->least = least;
	inc->number_by_id = MemoryContextAllocExtended(inc->context, range * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	*n = 0;
	for (Size i = 0; i < hits->n; i++)
		inc->number_by_id[hits->item[i].record - least] = 1;
	for (uint32 r = 0; r < inc->changed->n; r++)
		inc->number_by_id[inc->changed->id[r] - least] = 1;
	for (uint64 i = 0; i < range; i++)
		*n += inc->number_by_id[i];
	id = MemoryContextAllocHuge(inc->context, (*n + 1) * sizeof(int64));
	*n = 0;
	for (uint64 i = 0; i < range; i++)
	{
		if (inc->number_by_id[i] == 0)
			continue;
		id[*n] = least + (int64) i;
		inc->number_by_id[i] = (uint32) (*n)++;
	}
	return id;
}

/* The same, wherever the ids are. */
static int64 *
list_by_sorting(Increment *inc, Size *n)
{
	const CdHits *hits = &inc->hits;
	int64	   *id = MemoryContextAllocHuge(inc->context, (hits->n + inc->changed->n + 1) * sizeof(int64));
	Size		all = 0;

	for (Size i = 0; i < hits->n; i++)
		id[all++] = hits->item[i].record;
	for (uint32 r = 0; r < inc->changed->n; r++)
		id[all++] = inc->changed->id[r];
	if (all > 1)
		sort_numbers(id, all);
	*n = 0;
	for (Size i = 0; i < all; i++)
	{
		if (i == 0 || id[i] != id[i - 1])
			id[(*n)++] = id[i];
	}
	return id;
}

/* Bring hits into the order of their keys, and of one key by their records. */
static void
order_hits(Increment *inc)
{
	CdHits	   *hits = &inc->hits;
	Size	   *start = MemoryContextAllocExtended(inc->context, ((Size) inc->nwanted + 1) * sizeof(Size), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	CdHit	   *ordered = MemoryContextAllocHuge(inc->context, Max(hits->n, 1) * sizeof(CdHit));
	Size		from = 0;

	for (Size i = 0; i < hits->n; i++)
		start[hits->item[i].wanted + 1]++;
	for (uint32 w = 0; w < inc->nwanted; w++)
		start[w + 1] += start[w];
	for (Size i = 0; i < hits->n; i++)
		ordered[start[hits->item[i].wanted]++] = hits->item[i];
	/* those of one segment ascend */
	for (uint32 w = 0; w < inc->nwanted; w++)
	{
		bool		ascend = true;

		for (Size i = from + 1; i < start[w] && ascend; i++)
			ascend = ordered[i - 1].record <= ordered[i].record;
		if (!ascend)
			sort_hits(ordered + from, start[w] - from);
		from = start[w];
	}
	pfree(start);
	pfree(hits->item);
	hits->item = ordered;
	hits->max = Max(hits->n, 1);
}

/* Number all records that lists name, ascending by id; the changed ones are marked. */
static void
number_records(Increment *inc)
{
	CdHits	   *hits = &inc->hits;
	CdRecords  *all = &inc->all;
	uint32		limit = inc->engine->model->oversize * 4;
	Size		kept = 0;
	int64	   *id;

	/* lists that are too long are not followed */
	for (Size i = 0; i < hits->n; i++)
	{
		if (inc->wanted[hits->item[i].wanted].count <= limit)
			hits->item[kept++] = hits->item[i];
	}
	hits->n = kept;
	id = list_by_number(inc, &kept);
	if (id == NULL)
		id = list_by_sorting(inc, &kept);
	all->n = (uint32) kept;
	all->id = id;
	all->at = MemoryContextAllocHuge(inc->context, (kept + 1) * sizeof(uint32));
	for (uint32 i = 0; i < all->n; i++)
		all->at[i] = CD_NO_FORM;
	inc->mark = MemoryContextAllocExtended(inc->context, kept + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	inc->number = MemoryContextAllocHuge(inc->context, (inc->changed->n + 1) * sizeof(uint32));
	for (uint32 r = 0; r < inc->changed->n; r++)
	{
		inc->number[r] = number_of(inc, inc->changed->id[r]);
		inc->mark[inc->number[r]] = true;
	}
	for (Size i = 0; i < inc->nkeys; i++)
		inc->key[i].record = inc->number[inc->key[i].record];
}

/* Lay out the lists that hold a changed record, and the keys of each of these. */
static void
lay_out_lists(Increment *inc)
{
	CdBlocking *b = &inc->blocking;
	CdHits	   *hits = &inc->hits;
	uint32		limit = inc->engine->model->oversize * 4;
	Size		hit = 0;
	Size		own = 0;
	uint64		n = 0;
	uint32	   *next;

	order_hits(inc);
	b->context = inc->context;
	b->records = &inc->all;
	b->changed = inc->mark;
	b->first = MemoryContextAllocHuge(inc->context, ((Size) inc->nwanted + 1) * sizeof(uint32));
	b->bits = MemoryContextAllocHuge(inc->context, ((Size) inc->nwanted + 1) * sizeof(int16));
	b->member = MemoryContextAllocHuge(inc->context, (hits->n + inc->nkeys + 1) * sizeof(uint32));
	b->recfirst = MemoryContextAllocExtended(inc->context, ((Size) inc->all.n + 2) * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 w = 0; w < inc->nwanted; w++)
	{
		Size		from = own;
		uint64		start = n;
		uint64		kept;

		while (own < inc->nkeys && inc->key[own].hash == inc->wanted[w].hash)
			own++;
		while (hit < hits->n && hits->item[hit].wanted == w)
		{
			uint32		record = number_of(inc, hits->item[hit++].record);

			/* what a changed record held before is of no account */
			if (!inc->mark[record] && (n == start || b->member[n - 1] != record))
				b->member[n++] = record;
		}
		/* merge the changed records, which ascend, too */
		kept = n;
		n += own - from;
		for (Size i = own, to = n; i > from; i--)
		{
			uint32		record = inc->key[i - 1].record;

			while (kept > start && b->member[kept - 1] > record)
				b->member[--to] = b->member[--kept];
			b->member[--to] = record;
		}
		if (inc->wanted[w].count > limit || n - start > limit || n - start < 2)
		{
			n = start;
			continue;
		}
		if (n > PG_UINT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many records to match at once")));
		for (Size i = from; i < own; i++)
		{
			inc->key[i].followed = true;
			b->recfirst[inc->key[i].record + 1]++;
		}
		b->bits[b->nkeys] = inc->key[from].bits;
		b->first[b->nkeys++] = (uint32) start;
	}
	b->first[b->nkeys] = (uint32) n;
	b->nmembers = n;
	for (uint32 r = 0; r < inc->all.n; r++)
		b->recfirst[r + 1] += b->recfirst[r];
	b->reckey = MemoryContextAllocHuge(inc->context, (inc->nkeys + 1) * sizeof(uint32));
	next = MemoryContextAllocHuge(inc->context, (inc->all.n + 1) * sizeof(uint32));
	memcpy(next, b->recfirst, inc->all.n * sizeof(uint32));
	{
		uint32		number = 0;

		for (Size i = 0; i < inc->nkeys; i++)
		{
			if (i > 0 && inc->key[i].hash != inc->key[i - 1].hash && inc->key[i - 1].followed)
				number++;
			if (inc->key[i].followed)
				b->reckey[next[inc->key[i].record]++] = number;
		}
	}
	pfree(next);
	cd_blocking_scratch(b);
}

/* Find the candidates of the changed records. */
static void
find_pairs(Increment *inc)
{
	inc->maxpairs = 4096;
	inc->pair = MemoryContextAllocHuge(inc->context, inc->maxpairs * sizeof(CdCandidatePair));
	/* forms are looked ahead at before they are read */
	inc->all.base = inc->changed->base;
	memset(inc->all.at, 0, inc->all.n * sizeof(uint32));
	for (uint32 r = 0; r < inc->changed->n; r++)
	{
		uint32		found;

		CHECK_FOR_INTERRUPTS();
		found = cd_candidates(inc->engine, &inc->blocking, inc->number[r]);
		if (inc->npairs + found > inc->maxpairs)
		{
			inc->maxpairs = inc->maxpairs * 2 + found;
			inc->pair = repalloc_huge(inc->pair, inc->maxpairs * sizeof(CdCandidatePair));
		}
		for (uint32 i = 0; i < found; i++)
			inc->pair[inc->npairs++] = (CdCandidatePair) {inc->number[r], inc->blocking.touched[i]};
	}
	cd_blocking_release(&inc->blocking);
}

/* The changed records have forms, others have none yet. */
static void
place_changed(Increment *inc)
{
	CdRecords  *all = &inc->all;

	for (uint32 i = 0; i < all->n; i++)
		all->at[i] = CD_NO_FORM;
	all->used = inc->changed->used;
	for (uint32 r = 0; r < inc->changed->n; r++)
		all->at[inc->number[r]] = inc->changed->at[r];
}

/*
 * Score the candidates of changed records and write their links; answers how
 * many pairs were looked at, and how many links there are.  Their postings are
 * added.
 */
uint64
cd_score_changed(CdEngine *engine, const CdPostingInfo *info, Datum changed, int64 *linked)
{
	Increment	inc = {0};
	CdLinks    *links = cd_links_create(engine->context);
	CdNeighbours neighbours;

	inc.context = engine->context;
	inc.engine = engine;
	inc.changed = cd_records_load(engine, changed);
	cd_dictionary_rate(engine->dict, engine->layout, engine->stats, 0);
	gather_keys(&inc);
	inc.hits.max = 65536;
	inc.hits.item = MemoryContextAllocHuge(engine->context, inc.hits.max * sizeof(CdHit));
	cd_postings_find(engine, info, inc.wanted, inc.nwanted, &inc.hits);
	number_records(&inc);
	lay_out_lists(&inc);
	find_pairs(&inc);
	place_changed(&inc);
	neighbours = (CdNeighbours) {&inc.all, inc.key, inc.nkeys, inc.pair, inc.npairs};
	cd_score_neighbours(engine, &neighbours, links);
	cd_links_write(engine, &inc.all, links);
	cd_links_note(&inc.all, links);
	cd_postings_add(engine, inc.changed, NULL);
	*linked = (int64) links->n;
	return links->pairs;
}
