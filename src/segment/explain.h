/*
 * explain.h
 *		Why a customer is in a segment or not, and what would turn that round.
 */
#ifndef CD_EXPLAIN_H
#define CD_EXPLAIN_H

#include "segment/engine.h"

/* Three truth values. */
typedef enum CdTruth
{
	CD_FALSE,
	CD_TRUE,
	CD_UNKNOWN
} CdTruth;

/* What a part is wanted to be. */
typedef enum CdWant
{
	CD_WANT_TRUE,
	CD_WANT_FALSE,
	CD_WANT_NOT_TRUE,
	CD_WANT_NOT_FALSE
} CdWant;

/* A part of a condition: AND, OR, NOT, or a leaf. */
typedef struct CdPart
{
	int			number;
	int			parent;			/* 0: none */
	int			depth;
	const char *kind;			/* and, or, not, leaf */
	char	   *text;
	char	   *operand;		/* what a comparison looks at, or NULL */
	List	   *children;		/* of CdPart */
	CdAsked    *asked;			/* of a leaf */
	CdAsked    *looked;			/* "(operand) IS NULL" */
	ExprState  *operand_state;
	Oid			operand_type;
	bool		fixed;			/* no change is known that turns it */
	/* under the state looked at */
	CdTruth		truth;
	TimestampTz until;
	char	   *fault;			/* it raised an error */
	bool		must;
	CdWant		want;
} CdPart;

/* What is assumed of the customer. */
typedef struct CdState
{
	Datum	   *values;			/* of run->fetched */
	bool	   *nulls;
	bool	   *inside;			/* of run->segments */
} CdState;

/* One thing to change: a column's value, or membership of another segment. */
typedef struct CdChange
{
	struct CdChange *before;	/* to be made first, or NULL */
	const char *what;			/* set, add, remove, tag, untag, enter, leave */
	const char *subject;		/* column, pattern, path, segment */
	const char *value;			/* as text; an event as JSON */
	TimestampTz at;				/* of added events */
	Interval   *every;			/* between them */
	int			times;			/* how many; 0: all */
	char	   *words;
	int			place;			/* of run->fetched, -1: a segment */
	int			segment;
	Datum		datum;
	bool		isnull;
} CdChange;

/* The search. */
typedef struct CdExplain
{
	CdRun		run;			/* must be first */
	int			nparts;
	CdPart	  **parts;			/* by number - 1 */
	CdWant		goal;
	int			budget;			/* evaluations left */
	int			nchanges;
	CdChange   *changes[8];
	CdPart	   *changed[8];
	bool		found;
	SPIPlanPtr	add_events;
	SPIPlanPtr	remove_events;
	SPIPlanPtr	set_tag;
	SPIPlanPtr	remove_tag;
	SPIPlanPtr	tag_below;
	Oid			pattern_type;
} CdExplain;

/* Evaluate a leaf under a state; fills truth, until and fault. */
extern void cd_ask_part(CdExplain *explain, CdPart *part, const CdState *state);

/* The operand of a leaf as a number under a state; false where it is none. */
extern bool cd_operand_number(CdExplain *explain, CdPart *part, const CdState *state, double *number);

extern bool cd_is_wanted(CdTruth truth, CdWant want);
extern CdState *cd_changed_state(CdExplain *explain, const CdState *state, const CdChange *change);

/* Changes, the smallest first, each of which makes a leaf what it is wanted to be. */
extern List *cd_find_changes(CdExplain *explain, CdPart *part, const CdState *state, int limit);

#endif							/* CD_EXPLAIN_H */
