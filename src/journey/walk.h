/*
 * walk.h
 *		What following customers through a journey needs, and what comes out.
 */
#ifndef CD_WALK_H
#define CD_WALK_H

#include "insertion.h"
#include "segment/engine.h"
#include "timeline/timeline.h"

#include "storage/itemptr.h"

/* One stage, in the journey's order. */
typedef struct Stage
{
	int32		id;
	CdAsked    *asked;
	Interval   *minimum_stay;	/* NULL: none */
	Interval   *lapse;			/* how long after its condition ceased it is left; NULL: never */
	bool		uses_events;
	bool		ahead;			/* may be handed a timeline that reaches ahead */
	/* of the customer being followed */
	bool		holds;
	TimestampTz until;			/* the answer is good before; DT_NOBEGIN: not asked yet */
} Stage;

/* One stay in a stage, as found or as stored. */
typedef struct Stay
{
	uint32		customer;		/* of stored ones */
	int32		stage;
	TimestampTz entered;		/* DT_NOBEGIN: nothing is known of when */
	TimestampTz left;			/* DT_NOEND: still there */
	const char *cause;			/* NULL: unknown */
	ItemPointerData place;		/* of stored ones */
} Stay;

/* A stay that is to be inserted. */
typedef struct NewStay
{
	uint32		customer;
	int32		stage;
	TimestampTz entered;
	TimestampTz left;
	Datum		cause;			/* a text, or 0 */
} NewStay;

/* The walk's own part of the run. */
typedef struct Walk
{
	CdRun		run;			/* must be first */
	Stage	   *stages;
	int			nstages;
	AttrNumber	registered_at;	/* of profile, 0 if it has no such column */
	int			events_place;	/* among the fetched columns, -1 if unused */
	int			registered_place;
	int			asking;			/* the stage whose condition is evaluated */
	bool		failed;
	TimestampTz *due;			/* of each customer of the batch */
	int		   *present;		/* the stage each customer of the batch is in, -1: none */
	/* where stays are compared with those stored */
	int32		journey;
	bool		compare;
	bool		explain;		/* say which conditions hold in the end, too */
	SPIPlanPtr	read_stays;
	Stay	   *stored;			/* of the batch, by customer and time */
	int			nstored;
	int			next_stored;
	CdInsertion *insertion;		/* into stage_stay */
	NewStay    *fresh;		/* stays of the batch to be inserted */
	int			nfresh;
	int			fresh_size;
	uint32	   *changed;		/* customers of the batch whose stays differ */
	int			nchanged;
	CdSetBuilder *met;			/* customers that there are */
	/* the customer being followed */
	struct varlena *events;		/* NULL if unused */
	CdTimeline	reader;
	TimestampTz now;			/* the moment of the way */
	TimestampTz cut_at;			/* which the cut timeline is of */
	struct varlena *cut;
	Stay	   *stays;			/* so far */
	int			nstays;
	int			size;
} Walk;

/* Send an error: which stage, at which customer (-1: before any). */
extern void cd_walk_put_error(Walk *walk, int64 customer, int32 stage, const char *message);

/* Prepare to compare with the stays that are stored, and read those of a batch. */
extern void cd_walk_prepare_stored(Walk *walk);
extern void cd_walk_read_stored(Walk *walk);

/* Send the stays of a customer: all, or where they differ from those stored. */
extern void cd_walk_put_stays(Walk *walk, int row);

/* Send that a stage's condition holds for a customer at the end. */
extern void cd_walk_put_holds(Walk *walk, int row, int32 stage);

/* Send what concerns a batch and, at last, the run as a whole. */
extern void cd_walk_put_batch(Walk *walk);
extern void cd_walk_put_end(Walk *walk);

#endif							/* CD_WALK_H */
