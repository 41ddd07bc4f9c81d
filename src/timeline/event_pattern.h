/*
 * event_pattern.h
 *		Which events are meant: parsed patterns, and patterns bound to the
 *		events of one kind of one timeline.
 *
 * pattern:	alternative | alternative ...
 * alternative:	* or kind or prefix* , optionally [condition, condition ...]
 * condition:	property, property exists, !property (is absent),
 *		property = != < <= > >= literal, property [not] in (literal, ...),
 *		property ~ !~ 'glob', property ~~ !~~ 'glob' (ignoring case)
 * property:	value, quantity, event_id, or a name; "quoted" where needed
 * literal:	number, bare word or 'quoted'
 */
#ifndef CD_EVENT_PATTERN_H
#define CD_EVENT_PATTERN_H

#include "nodes/nodes.h"
#include "timeline/timeline.h"

typedef enum CdOp
{
	CD_OP_EXISTS,
	CD_OP_ABSENT,
	CD_OP_EQ,
	CD_OP_NE,
	CD_OP_LT,
	CD_OP_LE,
	CD_OP_GT,
	CD_OP_GE,
	CD_OP_IN,
	CD_OP_NOT_IN,
	CD_OP_LIKE,
	CD_OP_NOT_LIKE,
	CD_OP_ILIKE,
	CD_OP_NOT_ILIKE
} CdOp;

typedef struct CdLiteral
{
	char	   *str;
	int			len;
	bool		is_number;
	double		number;
} CdLiteral;

typedef struct CdCondition
{
	int			field;			/* CD_COL_VALUE, ..., CD_COL_PROPERTY */
	char	   *name;			/* of a property */
	int			namelen;
	CdOp		op;
	int			nliterals;
	CdLiteral  *literals;
} CdCondition;

typedef struct CdAlternative
{
	bool		prefix;			/* any kind that starts with name ("" for all) */
	CdName		name;
	int			nconditions;
	CdCondition *conditions;
} CdAlternative;

typedef struct CdPattern
{
	int			n;
	CdAlternative *alternatives;
} CdPattern;

/* A pattern bound to one kind of one timeline, within a range of positions. */
typedef struct CdMatcher
{
	CdKind		kind;
	int			from;			/* first position in question */
	int			to;				/* one after the last */
	bool		all;			/* every event of the kind matches */
	int			nalternatives;
	struct CdBoundAlternative *alternatives;
} CdMatcher;

/* Parsed patterns, kept as long as a function's call site lives. */
typedef struct CdPatternCache
{
	Datum		constant;		/* the value, if it is a constant of the query, else 0 */
	struct varlena *source;
	CdPattern  *pattern;
} CdPatternCache;

/* A value passed by reference that is an argument, if it is a constant of the query, else 0. */
extern Datum cd_constant_argument(FunctionCallInfo fcinfo, Datum value);

/* Parse text; NULL when a soft error was reported. */
extern CdPattern *cd_pattern_parse(const char *str, int len, Node *escontext);

/* The parsed form of a value of type event_pattern. */
extern CdPattern *cd_pattern_read(struct varlena *value);

/* The same out of slot i of nslots in the call site's cache (it owns fn_extra). */
extern const CdPattern *cd_pattern_cached(FunctionCallInfo fcinfo, int slot, int nslots, Datum value);

/*
 * A timeline of which at least what the pattern looks at is filled in: parts
 * of a long one stored out of line are left unread.  For use with this pattern
 * alone, on the same value.
 */
extern struct varlena *cd_timeline_fetch(Datum value, const CdPattern *pattern);

/*
 * Bind a pattern to the kinds that can match, each with the positions of
 * since <= at < until.  Answers how many; *matchers is palloc'd when it is
 * larger than the CD_FEW the caller offers.
 */
#define CD_FEW		4
extern int	cd_pattern_bind(const CdPattern *pattern, const CdTimeline *tl,
							TimestampTz since, TimestampTz until,
							CdMatcher *few, CdMatcher **matchers);

/* Bind to one kind; false when no event of it can match. */
extern bool cd_pattern_bind_kind(const CdPattern *pattern, const CdKind *kind, CdMatcher *matcher);

extern bool cd_matcher_test_slow(const CdMatcher *matcher, int i);

/* Whether the event at a position matches. */
static inline bool
cd_matcher_test(const CdMatcher *matcher, int i)
{
	return matcher->all || cd_matcher_test_slow(matcher, i);
}

/* How many events in the range match. */
extern int	cd_matcher_count(const CdMatcher *matcher);

/* First and last matching position in [from, to), -1 when none. */
extern int	cd_matcher_first(const CdMatcher *matcher, int from, int to);
extern int	cd_matcher_last(const CdMatcher *matcher, int from, int to);

#endif							/* CD_EVENT_PATTERN_H */
