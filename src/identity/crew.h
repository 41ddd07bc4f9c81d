/*
 * crew.h
 *		Work on a batch that a session and parallel workers do together.
 */
#ifndef CD_CREW_H
#define CD_CREW_H

#include "identity/engine.h"
#include "port/atomics.h"

struct ParallelContext;

/* What there is to do together; whoever does it takes parts until none is left. */
typedef enum CdJob
{
	CD_JOB_EXCHANGE,			/* exchange.c */
	CD_JOB_SAMPLE,				/* sample.c */
	CD_JOB_SCORE,				/* parallel.c */
	CD_JOB_CANDIDATES			/* candidate.c */
} CdJob;

#define CD_MAX_PIECES	8

/* One of those who work: the session, who leads, or a worker. */
typedef struct CdCrew
{
	CdEngine   *engine;
	CdRecords  *records;
	CdBlocking *blocking;		/* NULL: there are no lists yet */
	CdJob		job;
	int			member;			/* number of this process, 0 leads */
	int			members;		/* at most */
	int			npieces;
	void	   *piece[CD_MAX_PIECES];	/* of the job, seen by all */
	struct ParallelContext *pcxt;	/* of the leader, NULL: alone */
} CdCrew;

/* Lay records and dictionary where workers see them; no token may be added then. */
extern void cd_share_records(CdEngine *engine, CdRecords *records);
/* The same for posting lists. */
extern void cd_share_lists(CdEngine *engine, CdBlocking *blocking);
/* Give shared lists and records back. */
extern void cd_unshare(CdEngine *engine);

/* How many workers may help where there is work for so many. */
extern int	cd_crew_size(const CdEngine *engine, double work);
/*
 * Make room for a job, with whatever is in it; workers begin with
 * cd_crew_start, have ended after cd_crew_wait, and pieces go with cd_crew_end.
 */
extern CdCrew *cd_crew_begin(CdEngine *engine, CdRecords *records, CdBlocking *blocking, CdJob job, int workers,
							 int npieces, const Size *size);
extern void cd_crew_start(CdCrew *crew);
extern void cd_crew_wait(CdCrew *crew);
extern void cd_crew_end(CdCrew *crew);

/* The jobs, as workers do them. */
extern void cd_exchange_work(CdCrew *crew);
extern void cd_sample_work(CdCrew *crew);
extern void cd_score_work(CdCrew *crew);
extern void cd_candidates_work(CdCrew *crew);

/* Links that workers hand back by way of a piece. */
typedef struct CdHanded
{
	pg_atomic_uint64 pairs;		/* looked at for them */
	pg_atomic_uint64 n;
	uint64		max;
} CdHanded;

/* Space of some bytes for links is empty. */
extern void cd_handed_init(CdHanded *handed, Size space);
/* Put all links into the space; false, and none is, where they find no room. */
extern bool cd_hand_over(CdHanded *handed, CdScored *space, const CdLinks *links);
/* Take the links that were put there. */
extern void cd_take_handed(CdHanded *handed, const CdScored *space, CdLinks *links);

#endif							/* CD_CREW_H */
