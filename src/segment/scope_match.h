/*
 * scope_match.h
 *		What matching and measuring the timelines of a block share.
 */
#ifndef CD_SCOPE_MATCH_H
#define CD_SCOPE_MATCH_H

#include "segment/scope.h"
#include "timeline/event_count.h"

/*
 * A part of a timeline that begins after the one before has ended.  Its kinds
 * have the numbers that they have in all of the timeline.
 */
typedef struct ScopePart
{
	CdTimeline	timeline;
	CdKind	   *kinds;			/* without events where the part has none of a kind */
	int		   *first;			/* of each kind, events in the parts before */
} ScopePart;

/*
 * A timeline, opened when it is first asked.  Of several parts "timeline" is
 * the first one, with the events and kinds of all counted; and of "kinds" names
 * and numbers of events are those of all, while columns are each part's own.
 */
typedef struct ScopeRow
{
	CdTimeline	timeline;
	CdKind	   *kinds;
	TimestampTz **times;		/* of each kind, once read */
	int16	   *named;			/* by name: the kind's number, -1: none here */
	int			nparts;
	ScopePart  *parts;			/* where there are several */
} ScopeRow;

/* The events a pattern means in one timeline, in order of time. */
typedef struct Matches
{
	int			n;
	int			one;			/* the kind all are of, else -1 */
	TimestampTz *at;
	int		   *kind;			/* where they are of several */
	int		   *place;			/* among the events of their kind; NULL: all of it */
} Matches;

/*
 * A property of the events of one kind, as patterns like view[category=tea]
 * look at it: found once per timeline for all of them.
 */
typedef enum FieldState
{
	FIELD_ABSENT,				/* no such event has it */
	FIELD_TEXT,					/* all that have it have a text */
	FIELD_OTHER
} FieldState;

typedef struct ScopeField
{
	int			name;			/* of the kind */
	int			property;		/* number of the ScopeProperty */
	uint64		known;			/* rows in which it has been looked for */
	struct
	{
		FieldState	state;
		bool		every;		/* all events of the kind have it */
		uint8	   *literal;	/* of each event, NO_LITERAL: none of them */
	}			rows[CD_BLOCK];
	struct ScopePattern **ends;	/* of each literal the pattern whose ends are asked for, NULL: none */
	int			nends;			/* literals of which that is known */
} ScopeField;

/* A property and its texts that patterns ask for: found once per timeline for all kinds. */
typedef struct ScopeProperty
{
	const char *name;
	int			len;
	int			nliterals;
	const CdLiteral **literals;
	int		   *order;			/* of the literals, as a dictionary has them */
	uint64		known;
	struct
	{
		int			number;		/* of the property in the timeline, -1: it has none */
		int		   *place;		/* of each literal in the dictionary, -1: it is not */
	}			rows[CD_BLOCK];
} ScopeProperty;

typedef struct ScopePattern
{
	struct varlena *source;
	CdPattern  *pattern;
	int			name;			/* the one kind it can mean, else -1 */
	bool		plain;			/* all events of that kind */
	bool		every;			/* all events of all kinds */
	int			field;			/* those where a property is one text, else -1 */
	int			literal;		/* the text's number */
	bool		unlike;			/* or all others: where it is another text */
	uint64		known;			/* rows whose matches have been found */
	Matches		rows[CD_BLOCK];
	int			most;			/* so many moments from the end are asked for */
	TimestampTz *ends;			/* of all rows the last, of all the last but one, and so on; DT_NOBEGIN: none */
	uint64		ended;			/* rows whose ends have been found */
} ScopePattern;

/* So many moments from the end are kept side by side. */
#define MOST_ENDS		32

/* What a measure amounts to since which moment, from the last one back. */
typedef struct Reached
{
	bool		slow;
	int			n;
	TimestampTz *at;
	double	   *total;			/* NULL: 1, 2, 3, ... */
} Reached;

typedef struct ScopeMeasure
{
	int			pattern;
	CdMeasure	what;
	char	   *name;
	CdOf		of;
	double		most;			/* the largest amount asked for */
	uint64		known;
	Reached		rows[CD_BLOCK];
} ScopeMeasure;

/* One moment of each customer, which is what windows ask about. */
typedef struct ScopeMoment
{
	CdMomentKind kind;
	int			number;			/* of the pattern or measure */
	double		amount;			/* of a measure */
	int			pattern;		/* the moment is that of its event so many from the end, */
	int			needed;			/* at most MOST_ENDS; 0: it takes more to tell */
	uint64		known;
	uint64		slow;			/* rows that take more than one moment to tell */
	TimestampTz at[CD_BLOCK];
} ScopeMoment;

/* Events that others answer, of the same property if it has a name. */
typedef struct ScopePair
{
	int			asked;			/* patterns */
	int			answered;
	char	   *same;			/* NULL: any answers */
} ScopePair;

struct CdScope
{
	MemoryContext context;
	MemoryContext block;		/* reset with each block */
	char	   *free;			/* of the piece in hand */
	Size		left;
	ScopePattern **patterns;
	int			npatterns;
	ScopeMeasure **measures;
	int			nmeasures;
	CdName	   *names;
	int			nnames;
	ScopeField **fields;
	int			nfields;
	ScopeProperty **properties;
	int			nproperties;
	ScopePair  *pairs;
	int			npairs;
	ScopeMoment **moments;
	int			nmoments;
	const Datum *events;
	int			nrows;
	uint64		open;			/* rows whose timeline is */
	ScopeRow	rows[CD_BLOCK];
};

#define BIT(row)		(UINT64CONST(1) << (row))

/* Memory until the next block. */
extern void *cd_scope_get(CdScope *scope, Size size);

/* Open a timeline and find its kinds. */
extern void cd_scope_open(CdScope *scope, ScopeRow *row);

/* Find the kinds of one image, in its order. */
extern void cd_scope_kinds(CdScope *scope, ScopeRow *row);

/* ---- timelines in parts (scope_parts.c) ---- */

/* Open a timeline that may be in parts, and find its kinds; where many events are in later parts it is packed first. */
extern void cd_scope_open_parts(CdScope *scope, ScopeRow *row, const struct varlena *value);

/* Pack a timeline's parts into one image: for questions that are asked of one. */
extern void cd_scope_pack(CdScope *scope, ScopeRow *row);

/* When the events of a kind happened, by parts. */
extern void cd_scope_part_times(const ScopeRow *row, int k, TimestampTz *at);

/*
 * Number the texts of a property alike in all parts: those of the first part
 * as its dictionary does, others behind.  Answers how many there are, -1 where
 * no part has the property; maps[p] turns codes of part p into these numbers,
 * NULL: they are the same.
 */
extern int	cd_scope_texts(CdScope *scope, const ScopeRow *row, const char *name, int len, int **maps);

/* The number of a text by a map, which begins with how many there are. */
static inline int
cd_scope_text(const int *map, int64 code)
{
	if (code < 0 || code >= map[0])
		cd_timeline_corrupt();
	return map[1 + code];
}

/* One part's share of a kind, whether the timeline is in parts or not. */
static inline const CdKind *
cd_scope_part(const ScopeRow *row, int p, int k, int *first)
{
	*first = row->nparts > 1 ? row->parts[p].first[k] : 0;
	return row->nparts > 1 ? &row->parts[p].kinds[k] : &row->kinds[k];
}

/* The part that has an event, by its place among those of its kind; the place becomes that in the part. */
static inline int
cd_scope_part_of(const ScopeRow *row, int k, int *place)
{
	int			p = row->nparts - 1;

	while (p > 0 && row->parts[p].first[k] > *place)
		p--;
	if (p > 0)
		*place -= row->parts[p].first[k];
	return p;
}

/* The timeline of a part. */
static inline const CdTimeline *
cd_scope_part_timeline(const ScopeRow *row, int p)
{
	return row->nparts > 1 ? &row->parts[p].timeline : &row->timeline;
}

/* When the events of a kind happened. */
extern TimestampTz *cd_scope_kind_times(CdScope *scope, ScopeRow *row, int k);

/* The columns a property has in one kind, by type; answers how many. */
extern int	cd_scope_columns(const CdKind *kind, int which, CdColumn columns[CD_TYPE_JSON + 1]);

/* Find the events a pattern means. */
extern void cd_scope_find(CdScope *scope, const ScopePattern *pattern, int row, Matches *matches);

/* Make room for so many moments from the end of a pattern's events. */
extern void cd_scope_want_ends(CdScope *scope, int pattern, int most);

/* Find them in the timelines of some rows; *at_work as for cd_scope_moments. */
extern void cd_scope_find_ends(CdScope *scope, ScopePattern *pattern, uint64 rows, int *at_work);

/* The events a pattern means, found once per timeline. */
static inline Matches *
get_matches(CdScope *scope, ScopePattern *pattern, int row)
{
	Matches    *matches = &pattern->rows[row];

	if ((pattern->known & BIT(row)) == 0)
	{
		cd_scope_find(scope, pattern, row, matches);
		pattern->known |= BIT(row);
	}
	return matches;
}

#endif							/* CD_SCOPE_MATCH_H */
