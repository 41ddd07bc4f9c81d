/*
 * candidate.c
 *		Read the candidates of changed records and score the pairs, together
 *		with parallel workers.
 *
 * The candidates, ascending by id, are divided into parts.  Whoever has nothing
 * to do takes the next part: reads its candidates by their ids, scores the
 * pairs they are in, and forgets them.  So each candidate is read once, and
 * workers read by the snapshot of the statement.  Tokens are numbered by each
 * process for itself, which changes no weight.
 */
#include "postgres.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "identity/candidate.h"
#include "identity/crew.h"
#include "miscadmin.h"
#include "utils/array.h"

/* Work for which a worker is started, and what reading a candidate is worth, in pairs scored. */
#define WORK_PER_WORKER	100000.0
#define WORK_TO_READ	4
/* Parts for each who works, so that all end at about the same time, and candidates of a part at most, about. */
#define PARTS_EACH		6
#define MOST_IN_PART	200000

/* Pieces: the state, the parts, who is read, pairs, keys, how records are read, and links. */
enum
{
	STATE, PARTS, WANTED, PAIRS, KEYS, READING, LINKS, PIECES
};

typedef struct CandidateState
{
	pg_atomic_uint32 next;		/* part to take */
	uint32		nparts;
	Size		nkeys;
	CdHanded	handed;
} CandidateState;

/* A part begins here and ends where the next one begins. */
typedef struct Part
{
	Size		wanted;
	Size		pair;
	bool		undone;			/* its links found no room */
} Part;

/* A candidate that is to be read. */
typedef struct Wanted
{
	int64		id;
	uint32		number;			/* among all */
} Wanted;

/* How records are read: where attributes go, and the query behind. */
typedef struct Reading
{
	int			nattributes;
	CdUse		attribute[FLEXIBLE_ARRAY_MEMBER];
} Reading;

/* One who works. */
typedef struct Worker
{
	CdEngine   *engine;
	CdCrew	   *crew;
	const uint32 *changed;		/* where forms of changed records begin, CD_NO_FORM of others */
	CdRecords	records;		/* with those of the part in hand behind them */
	Size		used;			/* words of changed records */
	SPIPlanPtr	plan;
	const Wanted *wanted;		/* of the part in hand */
	Size		nwanted;
	Size		next;			/* of these, who is expected */
} Worker;

static void
worker_begin(Worker *worker, CdCrew *crew, const CdRecords *known, Size used)
{
	CdEngine   *engine = crew->engine;
	const Reading *reading = crew->piece[READING];
	Oid			types[1] = {INT8ARRAYOID};

	memset(worker, 0, sizeof(Worker));
	worker->engine = engine;
	worker->crew = crew;
	worker->changed = known->at;
	worker->used = used;
	worker->records.n = known->n;
	worker->records.size = used + 1024 * 1024;
	worker->records.base = MemoryContextAllocHuge(engine->context, worker->records.size * sizeof(uint32));
	memcpy(worker->records.base, known->base, used * sizeof(uint32));
	worker->records.at = MemoryContextAllocHuge(engine->context, ((Size) known->n + 1) * sizeof(uint32));
	memcpy(worker->records.at, known->at, known->n * sizeof(uint32));
	/* they are looked up, however many they are: parts go by the order of the ids */
	worker->plan = SPI_prepare_cursor((const char *) &reading->attribute[reading->nattributes + 1], 1, types,
									  CURSOR_OPT_NO_SCROLL | CURSOR_OPT_GENERIC_PLAN);
	cd_plan_scoring(engine);
}

static void
worker_end(Worker *worker)
{
	SPI_freeplan(worker->plan);
	pfree(worker->records.base);
	pfree(worker->records.at);
}

/* Note where the form of a candidate begins. */
static void
take_candidate(void *state, int64 id, uint32 at)
{
	Worker	   *worker = state;

	/* mostly they come in the order in which they were asked for */
	if (worker->next == worker->nwanted || worker->wanted[worker->next].id != id)
	{
		Size		low = 0,
					high = worker->nwanted;

		while (low < high)
		{
			Size		middle = low + (high - low) / 2;

			if (worker->wanted[middle].id < id)
				low = middle + 1;
			else
				high = middle;
		}
		worker->next = low;
	}
	worker->records.at[worker->wanted[worker->next++].number] = at;
}

/* Read the candidates of a part. */
static void
read_candidates(Worker *worker)
{
	CdEngine   *engine = worker->engine;
	uint32		known = engine->dict->ntokens;
	Datum	   *id;
	Datum		ids;

	worker->records.used = worker->used;
	worker->next = 0;
	if (worker->nwanted == 0)
		return;
	id = MemoryContextAllocHuge(engine->context, worker->nwanted * sizeof(Datum));
	for (Size i = 0; i < worker->nwanted; i++)
		id[i] = Int64GetDatum(worker->wanted[i].id);
	ids = PointerGetDatum(construct_array(id, (int) worker->nwanted, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	cd_records_read(engine, &worker->records, SPI_cursor_open(NULL, worker->plan, &ids, NULL, true), take_candidate, worker);
	pfree(DatumGetPointer(ids));
	pfree(id);
	cd_dictionary_rate(engine->dict, engine->layout, engine->stats, known);
}

/* Score the pairs of a part whose candidates are there. */
static void
score_pairs(Worker *worker, const CdCandidatePair *pair, Size n, CdLinks *links)
{
	const uint32 *at = worker->records.at;
	CdScoring  *scoring = cd_scoring_begin(worker->engine, &worker->records, links);
	uint32		candidate[128];
	uint32		together = 0;

	for (Size i = 0; i < n; i++)
	{
		if (at[pair[i].other] != CD_NO_FORM)
		{
			cd_prefetch_form(CD_FORM(&worker->records, pair[i].other));
			candidate[together++] = pair[i].other;
		}
		if (together > 0 && (together == lengthof(candidate) || i + 1 == n || pair[i + 1].changed != pair[i].changed))
		{
			cd_scoring_put(scoring, pair[i].changed, candidate, together);
			together = 0;
		}
	}
	cd_scoring_end(scoring);
}

/* Does a pair still share the bits that make a candidate, by the values of today? */
static bool
still_candidate(Worker *worker, uint32 changed, uint32 other)
{
	const CandidateState *state = worker->crew->piece[STATE];
	const CdOwnKey *own = worker->crew->piece[KEYS];
	CdKey		key[CD_MAX_KEYS];
	int			n = cd_form_keys(worker->engine, CD_FORM(&worker->records, other), key);
	int			sum = 0;

	for (int i = 0; i < n; i++)
	{
		Size		low = 0,
					high = state->nkeys;

		while (low < high)
		{
			Size		middle = low + (high - low) / 2;

			if (own[middle].hash < key[i].hash)
				low = middle + 1;
			else
				high = middle;
		}
		for (; low < state->nkeys && own[low].hash == key[i].hash; low++)
		{
			if (own[low].followed && own[low].record == changed)
				sum += own[low].bits;
		}
	}
	return sum >= cd_scaled_bits(worker->engine->model->threshold);
}

/* Drop links, from one on, with records that are candidates no more. */
static void
drop_former(Worker *worker, CdLinks *links, Size from)
{
	Size		kept = from;

	for (Size i = from; i < links->n; i++)
	{
		const CdScored *link = &links->item[i];
		bool		a = worker->changed[link->a] != CD_NO_FORM;
		bool		b = worker->changed[link->b] != CD_NO_FORM;

		if ((a && b) || (a ? still_candidate(worker, link->a, link->b) : still_candidate(worker, link->b, link->a)))
			links->item[kept++] = *link;
	}
	links->n = kept;
}

/* Do a part: its links are added. */
static void
do_part(Worker *worker, const Part *part, CdLinks *links)
{
	Size		from = links->n;

	worker->wanted = (const Wanted *) worker->crew->piece[WANTED] + part->wanted;
	worker->nwanted = part[1].wanted - part->wanted;
	read_candidates(worker);
	score_pairs(worker, (const CdCandidatePair *) worker->crew->piece[PAIRS] + part->pair, part[1].pair - part->pair, links);
	drop_former(worker, links, from);
	for (Size i = 0; i < worker->nwanted; i++)
		worker->records.at[worker->wanted[i].number] = CD_NO_FORM;
}

/* Lay out which candidates are read, and the pairs, part by part. */
static void
lay_out_parts(const CdNeighbours *neighbours, uint32 *pairs, uint32 nparts, Part *part, Wanted *wanted, CdCandidatePair *sorted)
{
	const CdRecords *all = neighbours->all;
	uint64		work = neighbours->npairs;
	uint64		done = 0;
	Size		nwanted = 0;
	Size		npairs = 0;
	uint32		p = 0;
	Size	   *next = palloc(nparts * sizeof(Size));

	for (uint32 s = 0; s < all->n; s++)
		work += pairs[s] > 0 && all->at[s] == CD_NO_FORM ? WORK_TO_READ : 0;
	part[0] = (Part) {0, 0, false};
	/* count pairs by who is in which part; then a record's part stands for its pairs */
	for (uint32 s = 0; s < all->n; s++)
	{
		bool		read = pairs[s] > 0 && all->at[s] == CD_NO_FORM;

		while (p + 1 < nparts && done >= work * (p + 1) / nparts)
			part[++p] = (Part) {nwanted, npairs, false};
		if (read)
			wanted[nwanted++] = (Wanted) {all->id[s], s};
		done += pairs[s] + (read ? WORK_TO_READ : 0);
		npairs += pairs[s];
		pairs[s] = p;
	}
	while (p < nparts)
		part[++p] = (Part) {nwanted, npairs, false};
	for (uint32 i = 0; i < nparts; i++)
		next[i] = part[i].pair;
	for (Size i = 0; i < neighbours->npairs; i++)
		sorted[next[pairs[neighbours->pair[i].other]]++] = neighbours->pair[i];
	pfree(next);
}

/* Lay the changed records where workers see them; tokens may still be added to the session's dictionary. */
static void
share_changed(CdEngine *engine, const CdRecords *all, Size used)
{
	CdDictionary *own = engine->dict;
	CdRecords	shown = {0};

	shown.n = all->n;
	shown.used = used;
	shown.at = MemoryContextAllocHuge(engine->context, ((Size) all->n + 1) * sizeof(uint32));
	memcpy(shown.at, all->at, all->n * sizeof(uint32));
	shown.base = MemoryContextAllocHuge(engine->context, (used + 1) * sizeof(uint32));
	memcpy(shown.base, all->base, used * sizeof(uint32));
	engine->dict = cd_dictionary_copy(engine->context, own);
	cd_share_records(engine, &shown);
	engine->dict = own;
}

void
cd_score_neighbours(CdEngine *engine, const CdNeighbours *neighbours, CdLinks *links)
{
	CdRecords  *all = neighbours->all;
	uint32	   *pairs = MemoryContextAllocExtended(engine->context, ((Size) all->n + 1) * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	char	   *query = cd_record_query(engine->layout, CD_SOME_RECORDS);
	Size		nwanted = 0;
	Size		size[PIECES];
	uint32		nparts;
	int			workers = 0;
	double		work;
	CdCrew	   *crew;
	CandidateState *state;
	Reading    *reading;
	Worker		worker;

	for (Size i = 0; i < neighbours->npairs; i++)
		pairs[neighbours->pair[i].other]++;
	for (uint32 s = 0; s < all->n; s++)
		nwanted += pairs[s] > 0 && all->at[s] == CD_NO_FORM;
	work = (neighbours->npairs + (double) nwanted * WORK_TO_READ) / WORK_PER_WORKER;
	if (cd_matching_workers > 0 || work >= 1)
	{
		share_changed(engine, all, all->used);
		workers = cd_crew_size(engine, work);
	}
	nparts = (uint32) (nwanted / MOST_IN_PART + 1);
	if (workers > 0)
		nparts = Max(nparts, (uint32) (workers + 1) * PARTS_EACH);
	size[STATE] = sizeof(CandidateState);
	size[PARTS] = (nparts + 1) * sizeof(Part);
	size[WANTED] = nwanted * sizeof(Wanted);
	size[PAIRS] = neighbours->npairs * sizeof(CdCandidatePair);
	size[KEYS] = neighbours->nkeys * sizeof(CdOwnKey);
	size[READING] = offsetof(Reading, attribute) + (engine->layout->nattributes + 1) * sizeof(CdUse) + strlen(query) + 1;
	/* hardly a changed record has more than a few links; alone none comes back */
	size[LINKS] = workers == 0 ? 0 : (neighbours->npairs / 8 + 4096) * sizeof(CdScored);
	crew = cd_crew_begin(engine, all, NULL, CD_JOB_CANDIDATES, workers, PIECES, size);
	state = crew->piece[STATE];
	pg_atomic_init_u32(&state->next, 0);
	state->nparts = nparts;
	state->nkeys = neighbours->nkeys;
	cd_handed_init(&state->handed, size[LINKS]);
	lay_out_parts(neighbours, pairs, nparts, crew->piece[PARTS], crew->piece[WANTED], crew->piece[PAIRS]);
	pfree(pairs);
	memcpy(crew->piece[KEYS], neighbours->key, size[KEYS]);
	reading = crew->piece[READING];
	reading->nattributes = engine->layout->nattributes;
	memcpy(reading->attribute, engine->layout->attribute, (reading->nattributes + 1) * sizeof(CdUse));
	strcpy((char *) &reading->attribute[reading->nattributes + 1], query);
	cd_crew_start(crew);
	worker_begin(&worker, crew, all, all->used);
	for (;;)
	{
		uint32		p = pg_atomic_fetch_add_u32(&state->next, 1);

		if (p >= nparts)
			break;
		do_part(&worker, (Part *) crew->piece[PARTS] + p, links);
	}
	cd_crew_wait(crew);
	cd_take_handed(&state->handed, crew->piece[LINKS], links);
	for (uint32 p = 0; p < nparts; p++)
	{
		Part	   *part = (Part *) crew->piece[PARTS] + p;

		if (part->undone)
			do_part(&worker, part, links);
	}
	worker_end(&worker);
	cd_crew_end(crew);
	cd_unshare(engine);
}

/* A worker's share: do parts until none is left, hand their links back. */
void
cd_candidates_work(CdCrew *crew)
{
	CandidateState *state = crew->piece[STATE];
	Reading    *reading = crew->piece[READING];
	CdEngine   *engine = crew->engine;
	CdLinks    *links = cd_links_create(engine->context);
	bool		full = false;
	Size		used = 0;
	Worker		worker;

	SPI_connect();
	engine->layout->attribute = reading->attribute;
	engine->dict = cd_dictionary_copy(engine->context, engine->dict);
	for (uint32 r = 0; r < crew->records->n; r++)
	{
		if (crew->records->at[r] != CD_NO_FORM)
			used = Max(used, crew->records->at[r] + cd_form_size(engine->layout, CD_FORM(crew->records, r)) / sizeof(uint32) + 1);
	}
	worker_begin(&worker, crew, crew->records, used);
	while (!full)
	{
		uint32		p = pg_atomic_fetch_add_u32(&state->next, 1);
		Part	   *part = (Part *) crew->piece[PARTS] + p;

		if (p >= state->nparts)
			break;
		links->n = links->pairs = 0;
		do_part(&worker, part, links);
		part->undone = full = !cd_hand_over(&state->handed, crew->piece[LINKS], links);
	}
	worker_end(&worker);
	SPI_finish();
}
