/*
 * step.h
 *		What only the files that make programs and run them share.
 */
#ifndef CD_STEP_H
#define CD_STEP_H

#include "segment/program.h"
#include "segment/scope.h"
#include "window.h"

typedef enum LeafKind
{
	LEAF_EXPR,					/* whatever else */
	LEAF_SEGMENT,				/* membership of another segment */
	LEAF_NULL,					/* column IS NULL */
	LEAF_BOOL,					/* boolean column */
	LEAF_INTEGER,				/* column <op> integer, date or moment */
	LEAF_NUMBER,				/* column <op> double precision */
	LEAF_TEXT,					/* column = one of some texts */
	LEAF_MOMENT,				/* moment <op> as_of() - span */
	LEAF_HAPPENED,				/* there is such an event, or one not answered, in the window */
	LEAF_REACHED				/* a measure of events in the window <op> number */
} LeafKind;

/* Where a moment comes from. */
typedef enum Source
{
	FROM_COLUMN,
	FROM_LAST,					/* of the events of a pattern */
	FROM_FIRST
} Source;

typedef struct Leaf
{
	LeafKind	kind;
	Expr	   *expr;
	uint32		hash;
	struct Leaf *next;			/* with the same hash slot */
	bool		safe;			/* cannot fail */
	bool		timeless;		/* holds until something new arrives */
	bool		events;			/* which an event already known of may be */
	int			cost;
	AttrNumber	attno;			/* column looked at */
	int			width;			/* bytes of an integer column */
	Datum	   *values;
	bool	   *nulls;
	int			strategy;
	int64		integer;
	double		number;
	int			ntexts;
	text	  **texts;
	Source		source;
	bool		past;			/* a moment to come does not count yet */
	int			span;			/* number of the window, -1: everything */
	int			pattern;
	int			measure;
	int			moment;			/* what of the events is compared with the window */
	int			more;			/* when they would be more than a number */
	CdNeed	   *segment;
	ExprState  *state;
	List	   *segments;		/* CdNeed, whose columns it looks at */
	/* the block */
	uint64		asked;
	uint64		yes;
	uint64		no;
	TimestampTz until[CD_BLOCK];
} Leaf;

struct CdStep
{
	Leaf	   *leaf;			/* or */
	BoolTestType mode;			/* which of the four is asked */
	bool		all;			/* AND, else OR */
	int			n;
	CdStep	  **parts;
	bool		safe;
	bool		timeless;
	bool		events;
	int			cost;
	TimestampTz until[CD_BLOCK];
};

#define LEAF_SLOTS		1024

struct CdProgram
{
	CdRun	   *run;
	MemoryContext context;
	Leaf	   *slots[LEAF_SLOTS];
	List	   *leaves;
	int			nspans;
	CdSpan	   *spans;
	bool	   *span_ready;		/* worked out for this run's moment */
	CdScope    *scope;
	bool		ready;
	Oid			schema;
	/* the block */
	int			first;
	int			count;
	bool		future;			/* of somebody an event to come is known */
	const TimestampTz *next_event;
	uint64		filled;			/* rows that are in their slots */
	int			row;
};

#endif							/* CD_STEP_H */
