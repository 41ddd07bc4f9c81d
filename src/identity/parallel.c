/*
 * parallel.c
 *		Score the candidates of a batch together with parallel workers.
 *
 * Whoever has nothing to do takes the next records.  Links go back through
 * shared memory and the leader writes them; what finds no room there the
 * leader scores itself.  A pair scores the same wherever it is scored, and
 * links are sorted before they are written, so that the number of workers
 * changes nothing.
 */
#include "postgres.h"

#include "customer_data.h"

#include "identity/crew.h"
#include "miscadmin.h"
#include "worker/progress.h"

/* Fewer pairs than this are scored sooner than workers start. */
#define PAIRS_PER_WORKER	500000.0
/* Records taken at a time. */
#define RECORDS_AT_ONCE		128

/* Pieces: the state, parts whose links found no room, and links. */
enum
{
	STATE, UNDONE, LINKS, PIECES
};

typedef struct ScoringState
{
	pg_atomic_uint32 next;		/* record to take */
	CdHanded	handed;			/* by workers */
} ScoringState;

/* Score the records from one on. */
static void
score_some(CdEngine *engine, CdBlocking *blocking, uint32 from, CdLinks *links)
{
	cd_score_candidates(engine, blocking, from, from + Min(RECORDS_AT_ONCE, blocking->records->n - from), links);
}

void
cd_handed_init(CdHanded *handed, Size space)
{
	pg_atomic_init_u64(&handed->pairs, 0);
	pg_atomic_init_u64(&handed->n, 0);
	handed->max = space / sizeof(CdScored);
}

bool
cd_hand_over(CdHanded *handed, CdScored *space, const CdLinks *links)
{
	uint64		into = pg_atomic_read_u64(&handed->n);

	while (into + links->n <= handed->max &&
		   !pg_atomic_compare_exchange_u64(&handed->n, &into, into + links->n))
		;
	if (into + links->n > handed->max)
		return false;
	memcpy(space + into, links->item, links->n * sizeof(CdScored));
	pg_atomic_fetch_add_u64(&handed->pairs, links->pairs);
	return true;
}

void
cd_take_handed(CdHanded *handed, const CdScored *space, CdLinks *links)
{
	Size		n = Min(pg_atomic_read_u64(&handed->n), handed->max);

	links->pairs += pg_atomic_read_u64(&handed->pairs);
	if (links->n + n > links->max)
	{
		links->max = links->n + n;
		links->item = repalloc_huge(links->item, links->max * sizeof(CdScored));
	}
	memcpy(links->item + links->n, space, n * sizeof(CdScored));
	links->n += n;
}

/* Score all candidates, with the workers there are. */
void
cd_score_all(CdEngine *engine, CdRecords *records, CdBlocking *blocking, CdLinks *links)
{
	uint32		nparts = (records->n + RECORDS_AT_ONCE - 1) / RECORDS_AT_ONCE;
	int			workers = cd_crew_size(engine, blocking->expected / PAIRS_PER_WORKER);
	Size		size[PIECES];
	CdCrew	   *crew;
	ScoringState *state;
	bool	   *undone;

	cd_plan_scoring(engine);
	size[STATE] = sizeof(ScoringState);
	size[UNDONE] = nparts * sizeof(bool);
	/* hardly a record has more than one link; alone none comes back */
	size[LINKS] = workers == 0 ? 0 : ((Size) records->n + 4096) * sizeof(CdScored);
	crew = cd_crew_begin(engine, records, blocking, CD_JOB_SCORE, workers, PIECES, size);
	state = crew->piece[STATE];
	pg_atomic_init_u32(&state->next, 0);
	cd_handed_init(&state->handed, size[LINKS]);
	undone = crew->piece[UNDONE];
	memset(undone, 0, size[UNDONE]);
	cd_progress_begin("records scored", records->n);
	cd_crew_start(crew);
	for (;;)
	{
		uint32		from = pg_atomic_fetch_add_u32(&state->next, RECORDS_AT_ONCE);

		if (from >= records->n)
			break;
		score_some(engine, blocking, from, links);
		cd_progress_set(Min(from + RECORDS_AT_ONCE, records->n));
	}
	cd_crew_wait(crew);
	ereport(DEBUG1,
			(errmsg_internal("parallel workers scored " UINT64_FORMAT " pairs, the session " UINT64_FORMAT,
							 pg_atomic_read_u64(&state->handed.pairs), links->pairs)));
	cd_take_handed(&state->handed, crew->piece[LINKS], links);
	for (uint32 part = 0; part < nparts; part++)
	{
		if (undone[part])
			score_some(engine, blocking, part * RECORDS_AT_ONCE, links);
	}
	cd_crew_end(crew);
	cd_progress_end();
}

/* A worker's share: score records until none is left, hand the links back. */
void
cd_score_work(CdCrew *crew)
{
	ScoringState *state = crew->piece[STATE];
	bool	   *undone = crew->piece[UNDONE];
	CdLinks    *links = cd_links_create(crew->engine->context);
	bool		full = false;

	cd_plan_scoring(crew->engine);
	while (!full)
	{
		uint32		from = pg_atomic_fetch_add_u32(&state->next, RECORDS_AT_ONCE);

		if (from >= crew->records->n)
			break;
		links->n = links->pairs = 0;
		score_some(crew->engine, crew->blocking, from, links);
		full = !cd_hand_over(&state->handed, crew->piece[LINKS], links);
		if (full)
			undone[from / RECORDS_AT_ONCE] = true;
	}
}
