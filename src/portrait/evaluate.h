/*
 * evaluate.h
 *		Evaluate many SQL expressions over rows of customer_data.profile.
 *
 * Metrics, tags, segments and stages all are expressions over one row of
 * profile.  Whoever refreshes them describes each as a CdExpression, prepares
 * them together and runs them over sets of customers:
 *
 *	CdExpression *e = palloc0(n * sizeof(CdExpression));
 *	e[i].text = "within_last(registered_at, '7 days')";
 *	e[i].owner = ...; e[i].time_zone = ...;		the role that defined it
 *	e[i].type = BOOLOID;						InvalidOid: as it comes
 *	e[i].customers = set;						NULL: everyone
 *	CdEvaluation *run = cd_evaluation(e, n);	within SPI_connect()
 *	cd_evaluation_run(run, take_results, arg);
 *	... e[i].error says why an expression failed, if it did ...
 *	... cd_evaluation_gone(run): asked for, but no customers any more ...
 *	cd_evaluation_free(run);
 *
 * Results come by expression and batch, with the moment until which each
 * holds.  An expression that fails is left out from then on and stops no
 * other; results that it gave before stand.
 */
#ifndef CD_EVALUATE_H
#define CD_EVALUATE_H

#include "customer_data.h"

#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "nodes/primnodes.h"
#include "sets/customer_set.h"

typedef struct CdExpression
{
	/* Given */
	const char *text;
	Oid			owner;
	const char *time_zone;		/* NULL: the session's */
	Oid			type;			/* wanted, or InvalidOid */
	const CdSet *customers;		/* whom to ask, NULL: everyone */
	bool		keeps_decay;	/* its result is kept with its half-life */
	bool		takes_lists;	/* a tagset may come as a CdTagList */
	bool		raises;			/* the first one's: errors are raised, not parked */
	List	   *unseen;			/* the first one's: tags, paths or path.*, that no expression sees */

	/* Found when it is prepared */
	Expr	   *tree;			/* as planned; NULL where it needs a query */
	Oid			result_type;
	int16		typlen;
	bool		typbyval;
	Bitmapset  *columns;		/* attribute numbers in profile that are read */
	Bitmapset  *named;			/* and those that its text names */
	List	   *tag_paths;		/* paths and prefixes it asks tags for; "*": all */
	bool		restless;		/* its use of time or tables cannot be followed */
	bool		gives_lists;	/* results are pointers to CdTagList */

	int64		evaluated;		/* for so many customers, so far */

	/* Found when it fails */
	char	   *error;
	int			error_code;
	int			error_position; /* in text, from 1; 0 if unknown */
	int64		error_customer; /* -1 if it failed before any */
} CdExpression;

/* One batch of results of one expression; arrays live until the batch ends. */
typedef struct CdResults
{
	int			count;
	const uint32 *customers;	/* ascending; the same array for all who are asked about the same */
	const Datum *values;
	int			step;			/* from one customer's value to the next one's */
	const bool *nulls;
	const TimestampTz *valid_until;
} CdResults;

static inline Datum
cd_result(const CdResults *results, int i)
{
	return results->values[(Size) i * results->step];
}

/* Called for each expression of a batch, and, when the batch ends, with expression -1 and no customers. */
typedef void (*CdTakeResults) (void *arg, int expression, const CdResults *results);

typedef struct CdEvaluation CdEvaluation;

/* Prepare, inside SPI_connect(); expressions that cannot be get their error set. */
extern CdEvaluation *cd_evaluation(CdExpression *expressions, int count);
extern void cd_evaluation_run(CdEvaluation *evaluation, CdTakeResults take, void *arg);
extern CdSet *cd_evaluation_gone(CdEvaluation *evaluation);
extern void cd_evaluation_free(CdEvaluation *evaluation);

/*
 * Parse and plan one expression as the current user and raise whatever is
 * wrong with it, positions relative to its text.  Fills the "found" part.
 */
extern void cd_expression_parse(CdExpression *expression);

/* Find what a tree names, filling named and tag_paths. */
extern void cd_find_uses(CdExpression *expression, Node *tree, Oid profile);

/*
 * Called with the tree of each expression before it is planned: the place to
 * turn comparisons with as_of() into functions that note their validity.
 */
typedef Node *(*CdExpressionHook) (Node *tree);
extern PGDLLIMPORT CdExpressionHook cd_expression_hook;

/* Turn comparisons such as recency > 60 into functions with a validity. */
extern Node *cd_rewrite_comparisons(Node *tree);

/*
 * The expression behind a column of profile that is computed when asked, or
 * NULL; with "all" also behind a stored metric that the current user may run.
 */
extern char *cd_metric_expression(Oid profile, AttrNumber attribute, bool all);

/*
 * When to look again at an answer that holds until a moment: that moment or
 * somewhat earlier, but after now, so that answers share few moments.
 */
extern TimestampTz cd_due_moment(TimestampTz until, TimestampTz now);

/* Run an action in a subtransaction; false and the error if it failed. */
extern bool cd_attempt(void (*action) (void *arg), void *arg, ErrorData **error);

/* OID of customer_data.profile, locked as for reading; InvalidOid where there is none so far. */
extern Oid	cd_lock_profile(void);

/* The same, or an error that says how to make it. */
extern Oid	cd_profile_relation(void);

/* A function of ours that has but one signature, or InvalidOid. */
extern Oid	cd_function_named(const char *name);

#endif							/* CD_EVALUATE_H */
