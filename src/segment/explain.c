/*
 * explain.c
 *		Why a customer is in a segment or not: the condition taken apart at
 *		AND, OR and NOT, each part with its answer for this customer, and the
 *		changes that would turn the membership, found by trying them.
 */
#include "postgres.h"

#include "portrait/evaluate.h"
#include "run_as.h"
#include "segment/explain.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#define BUDGET		3000		/* evaluations of a part that one search may take */
#define BRANCHES	3			/* ways to turn a part that are followed up */
#define IMPOSSIBLE	1000

/* Take a node apart. */
static CdPart *
make_part(CdExplain *explain, List *names, Node *node, CdPart *parent)
{
	CdPart	   *part = palloc0(sizeof(CdPart));
	Node	   *operand = NULL;
	ListCell   *cell;

	check_stack_depth();
	explain->parts = repalloc(explain->parts, sizeof(CdPart *) * (explain->nparts + 1));
	explain->parts[explain->nparts++] = part;
	part->number = explain->nparts;
	part->parent = parent ? parent->number : 0;
	part->depth = parent ? parent->depth + 1 : 0;
	part->kind = "leaf";
	part->text = deparse_expression(node, names, false, false);
	if (IsA(node, BoolExpr))
	{
		BoolExpr   *expr = (BoolExpr *) node;

		part->kind = expr->boolop == AND_EXPR ? "and" : expr->boolop == OR_EXPR ? "or" : "not";
		foreach(cell, expr->args)
			part->children = lappend(part->children, make_part(explain, names, lfirst(cell), part));
		return part;
	}
	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
	{
		/* What is compared: the side that is no constant. */
		operand = linitial(((OpExpr *) node)->args);
		if (IsA(eval_const_expressions(NULL, operand), Const))
			operand = lsecond(((OpExpr *) node)->args);
	}
	else if (IsA(node, ScalarArrayOpExpr))
		operand = linitial(((ScalarArrayOpExpr *) node)->args);
	else if (IsA(node, NullTest))
		operand = (Node *) ((NullTest *) node)->arg;
	if (operand)
		part->operand = deparse_expression(operand, names, false, false);
	return part;
}

/* Put a state into the slot that conditions are evaluated over. */
static void
show_state(CdExplain *explain, CdAsked *asked, const CdState *state)
{
	CdRun	   *run = &explain->run;
	TupleTableSlot *slot = run->slots[0];
	int			i;

	for (i = 0; i < run->nfetched; i++)
	{
		slot->tts_values[run->fetched[i] - 1] = state->values[i];
		slot->tts_isnull[run->fetched[i] - 1] = state->nulls[i];
	}
	for (i = 0; i < asked->nneeds; i++)
		slot->tts_values[asked->needs[i]->column] = BoolGetDatum(state->inside[asked->needs[i]->column - run->natts]);
	run->econtext->ecxt_scantuple = slot;
}

/* One evaluation, in a subtransaction and as the condition's owner. */
typedef struct Evaluation
{
	CdExplain  *explain;
	CdAsked    *asked;
	ExprState  *state;
	Oid			type;			/* InvalidOid: boolean; else the text is wanted */
	Datum		value;
	bool		isnull;
	TimestampTz until;
} Evaluation;

static void
evaluate(void *arg)
{
	Evaluation *it = arg;
	CdRun	   *run = &it->explain->run;
	CdRunAs		save;

	cd_run_as_begin(it->asked->owner, it->asked->time_zone, &save);
	cd_validity_reset();
	if (it->state == NULL)
	{
		/* With sub-selects: as a query, of the customer as stored. */
		Oid			types[] = {INT8OID};
		Datum		args[1];
		char	   *query = psprintf("SELECT (%s\n) FROM customer_data.profile WHERE profile.customer_id = $1", it->asked->text);

		args[0] = Int64GetDatum((int64) run->ids[0]);
		if (SPI_execute_with_args(query, 1, types, args, NULL, true, 1) != SPI_OK_SELECT)
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("a part of the condition is not a query")));
		it->isnull = true;
		if (SPI_processed == 1)
			it->value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &it->isnull);
	}
	else
	{
		MemoryContext old = MemoryContextSwitchTo(run->econtext->ecxt_per_tuple_memory);

		it->value = ExecEvalExpr(it->state, run->econtext, &it->isnull);
		MemoryContextSwitchTo(old);
	}
	it->until = cd_validity();
	if (OidIsValid(it->type) && !it->isnull)
	{
		Oid			output;
		bool		varlena;

		getTypeOutputInfo(it->type, &output, &varlena);
		it->value = CStringGetDatum(OidOutputFunctionCall(output, it->value));
	}
	cd_run_as_end(&save);
}

void
cd_ask_part(CdExplain *explain, CdPart *part, const CdState *state)
{
	Evaluation	it = {0};
	ErrorData  *error;

	if (part->asked->failed)
	{
		part->truth = CD_UNKNOWN;
		return;
	}
	it.explain = explain;
	it.asked = part->asked;
	it.state = part->asked->state;
	show_state(explain, part->asked, state);
	if (cd_attempt(evaluate, &it, &error))
	{
		part->truth = it.isnull ? CD_UNKNOWN : DatumGetBool(it.value) ? CD_TRUE : CD_FALSE;
		part->until = it.until;
		if (part->asked->uses_events && explain->run.future[0] < part->until)
			part->until = explain->run.future[0];
		part->fault = NULL;
	}
	else
	{
		part->truth = CD_UNKNOWN;
		part->until = DT_NOEND;
		part->fault = cd_error_line(error);
	}
	ResetExprContext(explain->run.econtext);
}

/* What a leaf looks at, as text. */
static char *
operand_text(CdExplain *explain, CdPart *part, const CdState *state)
{
	Evaluation	it = {0};
	ErrorData  *error;

	if (part->operand_state == NULL)
		return NULL;
	it.explain = explain;
	it.asked = part->looked;
	it.state = part->operand_state;
	it.type = part->operand_type;
	show_state(explain, part->looked, state);
	if (!cd_attempt(evaluate, &it, &error))
		return psprintf("error: %s", error->message);
	return it.isnull ? NULL : DatumGetCString(it.value);
}

bool
cd_operand_number(CdExplain *explain, CdPart *part, const CdState *state, double *number)
{
	char	   *text;
	char	   *end;
	char		category;
	bool		preferred;

	if (part->operand_state == NULL)
		return false;
	get_type_category_preferred(part->operand_type, &category, &preferred);
	if (category != TYPCATEGORY_NUMERIC || (text = operand_text(explain, part, state)) == NULL)
		return false;
	*number = strtod(text, &end);
	return end != text && *number == *number;
}

bool
cd_is_wanted(CdTruth truth, CdWant want)
{
	switch (want)
	{
		case CD_WANT_TRUE:
			return truth == CD_TRUE;
		case CD_WANT_FALSE:
			return truth == CD_FALSE;
		case CD_WANT_NOT_TRUE:
			return truth != CD_TRUE;
		default:
			return truth != CD_FALSE;
	}
}

CdState *
cd_changed_state(CdExplain *explain, const CdState *state, const CdChange *change)
{
	CdRun	   *run = &explain->run;
	CdState    *changed = palloc(sizeof(CdState));
	int			nsegments = list_length(run->segments);

	if (change->before)
		state = cd_changed_state(explain, state, change->before);
	changed->values = palloc(sizeof(Datum) * (run->nfetched + 1));
	changed->nulls = palloc(sizeof(bool) * (run->nfetched + 1));
	changed->inside = palloc(sizeof(bool) * (nsegments + 1));
	memcpy(changed->values, state->values, sizeof(Datum) * run->nfetched);
	memcpy(changed->nulls, state->nulls, sizeof(bool) * run->nfetched);
	memcpy(changed->inside, state->inside, sizeof(bool) * nsegments);
	if (change->place >= 0)
	{
		changed->values[change->place] = change->datum;
		changed->nulls[change->place] = change->isnull;
	}
	else
		changed->inside[change->segment] = !changed->inside[change->segment];
	return changed;
}

/* Work out what AND, OR and NOT come to, from the leaves up. */
static void
combine(CdPart *part)
{
	ListCell   *cell;
	bool		conjunction = strcmp(part->kind, "and") == 0;
	CdTruth		decisive = conjunction ? CD_FALSE : CD_TRUE;

	if (part->children == NIL)
		return;
	part->truth = conjunction ? CD_TRUE : CD_FALSE;
	part->until = DT_NOEND;
	foreach(cell, part->children)
	{
		CdPart	   *child = lfirst(cell);

		combine(child);
		part->until = Min(part->until, child->until);
		if (strcmp(part->kind, "not") == 0)
			part->truth = child->truth == CD_UNKNOWN ? CD_UNKNOWN : child->truth == CD_TRUE ? CD_FALSE : CD_TRUE;
		else if (child->truth == decisive)
			part->truth = decisive;
		else if (child->truth == CD_UNKNOWN && part->truth != decisive)
			part->truth = CD_UNKNOWN;
	}
}

/* Ask every leaf of a state. */
static void
ask_all(CdExplain *explain, const CdState *state)
{
	int			i;

	for (i = 0; i < explain->nparts; i++)
		if (explain->parts[i]->children == NIL)
			cd_ask_part(explain, explain->parts[i], state);
	combine(explain->parts[0]);
}

/* What a part of NOT is wanted to be. */
static CdWant
opposite(CdWant want)
{
	return want == CD_WANT_TRUE ? CD_WANT_FALSE : want == CD_WANT_FALSE ? CD_WANT_TRUE :
		want == CD_WANT_NOT_TRUE ? CD_WANT_NOT_FALSE : CD_WANT_NOT_TRUE;
}

/* Is each child needed for AND or OR to be what is wanted, or is one enough? */
static bool
needs_all(CdPart *part, CdWant want)
{
	return (strcmp(part->kind, "and") == 0) == (want == CD_WANT_TRUE || want == CD_WANT_NOT_FALSE);
}

/* How many leaves must turn for a part to be what is wanted. */
static int
cost(CdPart *part, CdWant want)
{
	ListCell   *cell;
	int			all = 0;
	int			least = IMPOSSIBLE;

	if (cd_is_wanted(part->truth, want))
		return 0;
	if (part->children == NIL)
		return part->fixed ? IMPOSSIBLE : 1;
	if (strcmp(part->kind, "not") == 0)
		return cost(linitial(part->children), opposite(want));
	foreach(cell, part->children)
	{
		int			one = cost(lfirst(cell), want);

		all = Min(all + one, IMPOSSIBLE);
		least = Min(least, one);
	}
	return needs_all(part, want) ? all : least;
}

/* Mark the fewest parts that must turn; answers the first leaf among them. */
static CdPart *
mark(CdPart *part, CdWant want)
{
	ListCell   *cell;
	CdPart	   *first = NULL;
	CdPart	   *cheapest = NULL;

	if (cd_is_wanted(part->truth, want))
		return NULL;
	part->must = true;
	part->want = want;
	if (part->children == NIL)
		return part;
	if (strcmp(part->kind, "not") == 0)
		return mark(linitial(part->children), opposite(want));
	foreach(cell, part->children)
	{
		CdPart	   *child = lfirst(cell);

		if (needs_all(part, want))
		{
			CdPart	   *leaf = mark(child, want);

			if (first == NULL)
				first = leaf;
		}
		else if (cheapest == NULL || cost(child, want) < cost(cheapest, want))
			cheapest = child;
	}
	return cheapest ? mark(cheapest, want) : first;
}

static void
unmark(CdExplain *explain)
{
	int			i;

	for (i = 0; i < explain->nparts; i++)
		explain->parts[i]->must = false;
}

/* Has a leaf been changed on the way here? */
static bool
is_changed(CdExplain *explain, CdPart *leaf)
{
	int			i;

	for (i = 0; i < explain->nchanges; i++)
		if (explain->changed[i] == leaf)
			return true;
	return false;
}

/* Turn leaf after leaf, none twice, until the whole has turned. */
static bool
search(CdExplain *explain, const CdState *state, int limit)
{
	CdPart	   *root = explain->parts[0];

	for (;;)
	{
		CdPart	   *leaf;
		List	   *changes;
		ListCell   *cell;

		ask_all(explain, state);
		if (cd_is_wanted(root->truth, explain->goal))
			return true;
		if (explain->nchanges == limit || explain->budget <= 0 || cost(root, explain->goal) >= IMPOSSIBLE)
			return false;
		unmark(explain);
		leaf = mark(root, explain->goal);
		if (is_changed(explain, leaf))
			return false;
		changes = cd_find_changes(explain, leaf, state, BRANCHES);
		foreach(cell, changes)
		{
			CdChange   *change = lfirst(cell);

			explain->changes[explain->nchanges] = change;
			explain->changed[explain->nchanges++] = leaf;
			if (search(explain, cd_changed_state(explain, state, change), limit))
				return true;
			explain->nchanges--;
		}
		if (changes != NIL)
			return false;
		/* This one cannot be turned: look for a way around it. */
		leaf->fixed = true;
	}
}

/* Find the changes: as few as there must be, or some more where they get in each other's way. */
static bool
find(CdExplain *explain, const CdState *state)
{
	int			limit = cost(explain->parts[0], explain->goal);

	for (; limit <= (int) lengthof(explain->changes); limit++)
	{
		int			i;

		explain->budget = BUDGET;
		for (i = 0; i < explain->nparts; i++)
			explain->parts[i]->fixed = false;
		if (search(explain, state, limit))
			return true;
		/* As long as more of them could help. */
		if (limit >= explain->nparts)
			break;
	}
	return false;
}

/* Send one part, or one change. */
static void
put_part(CdExplain *explain, CdPart *part, CdChange *change, const char *actual, const char *words)
{
	Datum		values[16];
	bool		nulls[16];

	memset(nulls, true, sizeof(nulls));
	values[0] = Int32GetDatum(part->number);
	values[1] = Int32GetDatum(part->depth);
	values[2] = CStringGetTextDatum(change ? "change" : part->kind);
	values[3] = CStringGetTextDatum(part->text);
	values[4] = BoolGetDatum(part->operand != NULL);
	nulls[0] = nulls[1] = nulls[2] = nulls[3] = nulls[4] = false;
	if (change == NULL)
	{
		values[5] = BoolGetDatum(part->truth == CD_TRUE);
		nulls[5] = part->truth == CD_UNKNOWN;
		values[6] = actual ? CStringGetTextDatum(actual) : (Datum) 0;
		nulls[6] = actual == NULL;
		values[7] = TimestampTzGetDatum(part->until);
		nulls[7] = part->until == DT_NOEND;
		values[8] = BoolGetDatum(part->must);
		nulls[8] = false;
	}
	values[9] = words ? CStringGetTextDatum(words) : (Datum) 0;
	nulls[9] = words == NULL;
	if (change != NULL)
	{
		values[10] = CStringGetTextDatum(change->what);
		values[11] = CStringGetTextDatum(change->subject);
		values[12] = change->value ? CStringGetTextDatum(change->value) : (Datum) 0;
		nulls[10] = nulls[11] = false;
		nulls[12] = change->value == NULL;
		if (strcmp(change->what, "add") == 0)
		{
			values[13] = TimestampTzGetDatum(change->at);
			nulls[13] = false;
			values[14] = IntervalPGetDatum(change->every);
			nulls[14] = change->every == NULL;
		}
		values[15] = Int32GetDatum(change->times);
		nulls[15] = change->times == 0;
	}
	tuplestore_putvalues(explain->run.store, explain->run.rowtype, values, nulls);
}

/* A change and those to be made before it, in words. */
static char *
all_words(CdChange *change)
{
	return change->before ? psprintf("%s and %s", all_words(change->before), change->words) : change->words;
}

/* Send a change after those to be made before it. */
static void
put_changes(CdExplain *explain, CdPart *part, CdChange *change)
{
	if (change->before)
		put_changes(explain, part, change->before);
	put_part(explain, part, change, NULL, change->words);
}

/* The customer as stored. */
static CdState *
stored_state(CdExplain *explain)
{
	CdRun	   *run = &explain->run;
	CdState    *state = palloc(sizeof(CdState));
	ListCell   *cell;
	int			i;

	state->values = palloc(sizeof(Datum) * (run->nfetched + 1));
	state->nulls = palloc(sizeof(bool) * (run->nfetched + 1));
	state->inside = palloc(sizeof(bool) * (list_length(run->segments) + 1));
	for (i = 0; i < run->nfetched; i++)
	{
		state->values[i] = run->values[i][0];
		state->nulls[i] = run->nulls[i][0];
	}
	i = 0;
	foreach(cell, run->segments)
		state->inside[i++] = cd_stored_member(lfirst(cell), run->ids[0]);
	return state;
}

/* Explain the one customer of the batch. */
static void
explain_customer(CdRun *run)
{
	CdExplain  *explain = (CdExplain *) run;
	CdState    *state = stored_state(explain);
	char	  **actual = palloc0(sizeof(char *) * explain->nparts);
	char	  **words = palloc0(sizeof(char *) * explain->nparts);
	int			i;

	ask_all(explain, state);
	explain->goal = explain->parts[0]->truth == CD_TRUE ? CD_WANT_NOT_TRUE : CD_WANT_TRUE;
	explain->found = find(explain, state);

	/* The search has left the parts as the changed customer would have them. */
	unmark(explain);
	ask_all(explain, state);
	(void) mark(explain->parts[0], explain->goal);
	if (explain->found)
	{
		for (i = 0; i < explain->nparts; i++)
			if (explain->parts[i]->children == NIL)
				explain->parts[i]->must = false;
		for (i = 0; i < explain->nchanges; i++)
		{
			CdPart	   *part = explain->changed[i];
			char	  **said = &words[part->number - 1];

			*said = psprintf("%s%s%s", *said ? *said : "", *said ? "; " : "", all_words(explain->changes[i]));
			for (;; part = explain->parts[part->parent - 1])
			{
				part->must = true;
				if (part->parent == 0)
					break;
			}
		}
	}
	for (i = 0; i < explain->nparts; i++)
	{
		CdPart	   *part = explain->parts[i];

		if (part->children == NIL)
			actual[i] = part->fault ? psprintf("error: %s", part->fault) : operand_text(explain, part, state);
		put_part(explain, part, NULL, actual[i], words[i]);
	}
	for (i = 0; explain->found && i < explain->nchanges; i++)
		put_changes(explain, explain->changed[i], explain->changes[i]);
}

/* A part that cannot even be planned is unknown, and says why. */
static void
part_failed(CdRun *run, CdAsked *asked, ErrorData *error, int row)
{
	CdExplain  *explain = (CdExplain *) run;
	int			i;

	for (i = 0; i < explain->nparts; i++)
		if (asked->id == -2 * explain->parts[i]->number)
		{
			explain->parts[i]->fault = MemoryContextStrdup(run->context, cd_error_line(error));
			explain->parts[i]->until = DT_NOEND;
		}
}

/* The condition's parts, as its owner sees them. */
static void
take_apart(CdExplain *explain, const char *text, Oid owner, const char *time_zone)
{
	Relation	profile = cd_open_profile();
	CdRunAs		save;
	CdCondition *condition;

	explain->parts = palloc(sizeof(CdPart *));
	cd_run_as_begin(owner, time_zone, &save);
	condition = cd_parse_condition(text, profile, CD_METRICS_KEPT);
	(void) make_part(explain, deparse_context_for("profile", RelationGetRelid(profile)), (Node *) condition->expr, NULL);
	cd_run_as_end(&save);
	relation_close(profile, AccessShareLock);
}

/* Have the leaves asked, and their operands looked at: ids -2 n and -2 n - 1. */
static void
ask_for_leaves(CdExplain *explain, Oid owner, char *time_zone)
{
	CdRun	   *run = &explain->run;
	int			i;

	run->asked = palloc0(sizeof(CdAsked) * 2 * explain->nparts);
	for (i = 0; i < explain->nparts; i++)
	{
		CdPart	   *part = explain->parts[i];
		int			k;

		if (part->children != NIL)
			continue;
		for (k = 0; k < (part->operand ? 2 : 1); k++)
		{
			CdAsked    *asked = &run->asked[run->nasked++];

			asked->id = -2 * part->number - k;
			asked->text = k == 0 ? part->text : psprintf("(%s) IS NULL", part->operand);
			asked->owner = owner;
			asked->time_zone = time_zone;
			asked->answers = palloc0(CD_BATCH);
		}
	}
}

/* Make ready to look at what a part compares, as its owner: constants are worked out here. */
static void
prepare_operand(void *arg)
{
	CdPart	   *part = arg;
	Expr	   *operand = ((NullTest *) part->looked->condition->expr)->arg;
	CdRunAs		save;

	cd_run_as_begin(part->looked->owner, part->looked->time_zone, &save);
	part->operand_type = exprType((Node *) operand);
	operand = (Expr *) eval_const_expressions(NULL, copyObject((Node *) operand));
	fix_opfuncids((Node *) operand);
	part->operand_state = ExecInitExpr(operand, NULL);
	cd_run_as_end(&save);
}

/* Find each part's condition after the run has put them in its own order. */
static void
connect_parts(CdExplain *explain)
{
	CdRun	   *run = &explain->run;
	int			i;

	for (i = 0; i < run->nasked; i++)
	{
		CdAsked    *asked = &run->asked[i];
		CdPart	   *part = explain->parts[-asked->id / 2 - 1];

		if (asked->id % 2 == 0)
			part->asked = asked;
		else if (!asked->failed && IsA(asked->condition->expr, NullTest))
		{
			ErrorData  *error;

			part->looked = asked;
			if (!asked->condition->by_sql && !cd_attempt(prepare_operand, part, &error))
				part->operand_state = NULL;
		}
	}
}

/* Prepare what assumed events and tags are made with. */
static void
prepare_changes(CdExplain *explain)
{
	Oid			timeline = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("timeline"), ObjectIdGetDatum(cd_schema()));
	Oid			tagset = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("tagset"), ObjectIdGetDatum(cd_schema()));
	Oid			add_types[] = {timeline, TIMESTAMPTZOID, INTERVALOID, TEXTOID, FLOAT8OID, FLOAT8OID, TEXTOID, TEXTARRAYOID, INT4OID};
	Oid			remove_types[] = {timeline, InvalidOid, INT4OID};
	Oid			tag_types[] = {tagset, TEXTOID, FLOAT8OID};

	explain->pattern_type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("event_pattern"), ObjectIdGetDatum(cd_schema()));
	remove_types[1] = explain->pattern_type;
	explain->add_events = SPI_prepare(
		"SELECT $1 OPERATOR(customer_data.||) (SELECT customer_data.timeline_agg($2 - (i - 1) * $3, $4, $5, $6, NULL::text,"
		" $7::jsonb || coalesce((SELECT jsonb_object_agg(n, 'new ' || i) FROM unnest($8) n WHERE NOT $7::jsonb ? n), '{}'))"
		" FROM generate_series(1, $9) i)", 9, add_types);
	/* NULL where fewer match than are to go. */
	explain->remove_events = SPI_prepare(
		"SELECT CASE WHEN count(*) FILTER (WHERE e.matches) >= $3 OR $3 = 2147483647 AND bool_or(e.matches) THEN coalesce("
		" customer_data.timeline_agg(e.at, e.kind, e.value, e.quantity, e.event_id, e.properties)"
		" FILTER (WHERE NOT e.matches OR e.place > $3), customer_data.empty_timeline()) END"
		" FROM (SELECT e.*, m.matches, count(*) FILTER (WHERE m.matches) OVER (ORDER BY e.ordinality DESC) AS place"
		" FROM customer_data.events($1) WITH ORDINALITY e,"
		" LATERAL (SELECT customer_data.event_matches($2, e.kind, e.value, e.quantity, e.event_id, e.properties) AS matches) m"
		" ORDER BY e.ordinality) e", 3, remove_types);
	explain->set_tag = SPI_prepare("SELECT customer_data.set_tag($1, $2, $3)", 3, tag_types);
	explain->remove_tag = SPI_prepare("SELECT customer_data.remove_tag($1, $2) WHERE $3 IS NOT NULL", 3, tag_types);
	explain->tag_below = SPI_prepare("SELECT (SELECT path FROM customer_data.tag WHERE path ^@ $1"
									 " ORDER BY kind NOT IN ('manual', 'imported'), path LIMIT 1)", 1, &tag_types[1]);
}

/*
 * explain_condition(expression, owner, time zone, customer): its parts for
 * the customer, and then the changes that would turn the whole.
 */
PG_FUNCTION_INFO_V1(cd_explain_condition);
Datum
cd_explain_condition(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *source = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			owner = PG_GETARG_OID(1);
	char	   *time_zone = text_to_cstring(PG_GETARG_TEXT_PP(2));
	uint32		customer = cd_set_id(PG_GETARG_INT64(3));
	CdExplain  *explain;
	CdRun	   *run;
	MemoryContext old;

	InitMaterializedSRF(fcinfo, 0);
	explain = palloc0(sizeof(CdExplain));
	run = &explain->run;
	run->store = rsinfo->setResult;
	run->rowtype = rsinfo->setDesc;
	run->now = cd_as_of();
	SPI_connect();
	run->context = AllocSetContextCreate(CurrentMemoryContext, "explanation", ALLOCSET_DEFAULT_SIZES);
	run->batch = AllocSetContextCreate(run->context, "customer", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(run->context);
	run->take_batch = explain_customer;
	run->failed = part_failed;
	run->recompute = true;
	run->due = cd_set_from_sorted(&customer, 1);

	take_apart(explain, source, owner, time_zone);
	ask_for_leaves(explain, owner, time_zone);
	cd_run_set_up(run);
	connect_parts(explain);
	prepare_changes(explain);
	cd_run_over_customers(run);
	cd_run_finish(run);
	MemoryContextSwitchTo(old);
	SPI_finish();
	return (Datum) 0;
}
