/*
 * engine.h
 *		What evaluating conditions over many customers needs, whoever asks.
 */
#ifndef CD_ENGINE_H
#define CD_ENGINE_H

#include "segment/condition.h"
#include "segment/scope.h"
#include "sets/customer_set.h"

#include "executor/executor.h"
#include "executor/spi.h"
#include "nodes/execnodes.h"
#include "utils/array.h"
#include "utils/tuplestore.h"

#define CD_BATCH			2048
#define ANSWER_NONE			0
#define ANSWER_FALSE		1
#define ANSWER_TRUE			2

/*
 * A bit for each customer of the block of whom a condition on the caller's
 * "row" is true, whether asked or not: nothing to guess for the processor.
 */
#define COLLECT(yes, count, condition) \
	do { \
		uint64		bits_ = 0; \
		for (row = 0; row < (count); row++) \
			bits_ = bits_ >> 1 | (uint64) (condition) << (CD_BLOCK - 1); \
		(yes) = bits_ >> (CD_BLOCK - (count)); \
	} while (0)

/* A segment that conditions ask for. */
typedef struct CdNeed
{
	char	   *name;
	int32		condition_id;
	struct CdAsked *asked;		/* if it is asked in this run, too */
	int			column;			/* of the slot */
	int32		first_chunk;	/* whose stored members are at hand */
	int32		last_chunk;
	CdSet	   *members;
} CdNeed;

/* One condition of the run. */
typedef struct CdAsked
{
	int32		id;
	char	   *text;
	Oid			owner;
	char	   *time_zone;
	CdCondition *condition;
	ExprState  *state;			/* or, where run->by_program */
	struct CdProgram *program;	/* of all conditions of the same owner and time zone */
	struct CdStep *step;
	bool		uses_events;
	bool		failed;
	int			level;			/* above those it asks for */
	CdSet	   *due;			/* whom to ask; NULL: everyone */
	bool		apart;			/* and not those who were touched */
	CdSetIterator walk;
	uint32		next_due;
	bool		more_due;
	CdNeed   **needs;			/* segments it asks for */
	int			nneeds;
	bool		needed;			/* by others of this run */
	uint8	   *answers;		/* of the batch, kept if it is needed */
	void	   *results;		/* what the asking side collects; NULL: answers are enough */
} CdAsked;

/* The whole run. */
typedef struct CdRun
{
	MemoryContext context;		/* of the run */
	MemoryContext batch;		/* reset after each batch */
	MemoryContext results;		/* lists, reset when rows leave */
	Relation	profile;
	int			natts;
	CdAsked	   *asked;
	int			nasked;
	List	   *segments;		/* of CdNeed, in the order of their columns */
	Bitmapset  *columns;		/* of profile that some condition uses */
	int			nfetched;
	AttrNumber *fetched;		/* profile's number of each column fetched */
	AttrNumber	events;			/* profile's number of events, 0 if unused */
	int			events_place;	/* among those fetched */
	struct CdDirect *direct;	/* how single customers are read, or, where that is NULL, */
	SPIPlanPtr	read_profile;
	struct CdChunkBatch *histories;	/* open while customers are walked over */
	SPIPlanPtr	read_members;
	bool		everyone;
	CdSet	   *due;			/* of all conditions, unless everyone */
	TimestampTz now;
	TupleTableSlot *slots[CD_BLOCK];
	ExprContext *econtext;
	bool		generic;		/* plans serve many runs of few customers */
	bool		strict;			/* errors end the run: no subtransactions here */
	bool		ranged;			/* customers of a range only */
	uint32		least;
	uint32		greatest;
	bool		by_program;		/* conditions become programs, not ExprStates */
	bool		recompute;		/* metrics and thresholds as of now, not as stored */
	bool		whole_events;	/* leave the timeline uncut */
	void		(*take_batch) (struct CdRun *run);
	void		(*end_chunk) (struct CdRun *run, uint32 chunk);	/* NULL: batches need not end where chunks do */
	void		(*failed) (struct CdRun *run, CdAsked *asked, ErrorData *error, int row);
	bool		turns;			/* compare with the members kept */
	CdSet	   *touched;		/* of whom all conditions are asked */
	CdSetIterator touched_walk;
	uint32		next_touched;
	bool		more_touched;
	uint64		touched_rows[CD_BATCH / CD_BLOCK];	/* of the batch */
	bool		dense;			/* the ids of the block follow each other */
	uint8	   *ended;			/* chunks that are done with */
	ArrayType  *asked_ids;
	SPIPlanPtr	read_kept;
	MemoryContext row;			/* reset after each that leaves */
	Oid			set_type;		/* customer_set */
	Size		used;			/* bytes in results, where dues wait */
	Tuplestorestate *store;		/* where rows go, or */
	struct _DestReceiver *receiver;
	TupleTableSlot *row_slot;
	TupleDesc	rowtype;
	/* the batch */
	int			count;
	uint32	   *ids;
	Datum	  **values;
	bool	  **nulls;
	TimestampTz *future;		/* each customer's first event after as_of() */
} CdRun;

/*
 * SPI leaves the caller in a memory context of its own, which lives as long as
 * the connection; these come back to where they were called.
 */
static inline int
cd_spi_query(const char *query, int nargs, Oid *types, Datum *args, const char *nulls)
{
	MemoryContext context = CurrentMemoryContext;
	int			result = SPI_execute_with_args(query, nargs, types, args, nulls, true, 0);

	MemoryContextSwitchTo(context);
	return result;
}

static inline int
cd_spi_execute(SPIPlanPtr plan, Datum *args)
{
	MemoryContext context = CurrentMemoryContext;
	int			result = SPI_execute_plan(plan, args, NULL, true, 0);

	MemoryContextSwitchTo(context);
	return result;
}

static inline SPIPlanPtr
cd_spi_prepare(const char *query, int nargs, Oid *types, int options)
{
	MemoryContext context = CurrentMemoryContext;
	SPIPlanPtr	result = SPI_prepare_cursor(query, nargs, types, options);

	MemoryContextSwitchTo(context);
	return result;
}

/*
 * Set up a run whose conditions are in run->asked, inside SPI_connect() and
 * in run->context: parse, order, plan, prepare.  Those that fail are marked
 * and reported to run->failed.
 */
extern void cd_run_set_up(CdRun *run);
extern void cd_run_finish(CdRun *run);

/* Find the columns in use and prepare the queries that bring them; part of setting up. */
extern void cd_prepare_reading(CdRun *run);

/* A value by reference, as conditions may look at it as long as the batch lasts. */
extern Datum cd_keep_value(Datum value, int16 len);

/*
 * Columns of single customers out of the tables that profile joins; NULL where
 * the view is not as simple as that, or may not be read so.  In memory of the
 * run and of the batch.
 */
typedef struct CdDirect CdDirect;

extern CdDirect *cd_direct_begin(CdRun *run);
extern void cd_direct_read(CdDirect *direct, const int64 *ids, int nids);
extern void cd_direct_end(CdDirect *direct);

/* Read who is in the segments asked for, where it is not at hand. */
extern void cd_take_members(CdRun *run);

/* Hand every batch of customers to run->take_batch. */
extern void cd_run_over_customers(CdRun *run);

/* Do two conditions run as the same role in the same time zone? */
static inline bool
cd_same_owner(const CdAsked *a, const CdAsked *b)
{
	return a->owner == b->owner && strcmp(a->time_zone, b->time_zone) == 0;
}

/* Ask all conditions of the batch that was read; a run's take_batch. */
extern void cd_ask_batch(CdRun *run);

/* Put a customer's columns into a slot. */
extern void cd_fill_slot(CdRun *run, TupleTableSlot *slot, int row);

/* Set a condition aside, row being the customer's place in the batch or -1. */
extern void cd_run_fail(CdRun *run, CdAsked *asked, ErrorData *error, int row);

/* A condition's error as one line: message, detail, hint. */
extern char *cd_error_line(ErrorData *error);

/* Was a customer in a segment when the run began? */
static inline bool
cd_stored_member(CdNeed *segment, uint32 id)
{
	return segment->members != NULL && cd_set_contains(segment->members, id);
}

/*
 * The moment an answer is looked at again: as it expires, or earlier at a
 * full minute, hour or day, so that many customers share a moment.
 */
extern TimestampTz cd_recheck_at(TimestampTz until, TimestampTz now);

#endif							/* CD_ENGINE_H */
