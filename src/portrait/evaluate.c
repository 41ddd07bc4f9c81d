/*
 * evaluate.c
 *		Evaluate many expressions for many customers in one pass.
 *
 * Customers are taken in batches in ascending order.  A batch's rows are
 * fetched once, with only the columns that some expression uses; timelines
 * are fetched in bulk and detoasted once per customer.  Expressions are
 * grouped by the role that defined them, and each group runs over the batch
 * as that role in a subtransaction; if it fails, each of its expressions runs
 * again in one of its own, and the guilty are left out from then on.
 */
#include "postgres.h"

#include "portrait/evaluate.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "portrait/bank.h"
#include "portrait/behaviour.h"
#include "portrait/profile_rows.h"
#include "portrait/refresh.h"
#include "portrait/tagset.h"
#include "worker/progress.h"
#include "run_as.h"
#include "timeline/chunk.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#define BATCH_LEAST		256
#define BATCH_MOST		256
#define BATCH_MEMORY	((Size) 32 * 1024 * 1024)
#define BATCH_KEPT		((Size) 4 * 1024 * 1024)

/* Expressions that run as the same role in the same time zone. */
typedef struct OwnerGroup
{
	Oid			owner;
	const char *time_zone;
	int			count;
	int		   *members;		/* indexes of expressions */
} OwnerGroup;

struct CdEvaluation
{
	MemoryContext context;
	MemoryContext batch_context;
	CdExpression *expressions;
	int			count;
	ExprState **states;
	bool	   *uses_events;	/* by expression */
	int		   *alike;			/* by expression: the first that asks for the same customers */
	AttrNumber *direct;			/* column of the slot that an expression is, or 0 */
	CdAffinity **affinities;	/* by expression; NULL: it is something else */
	int		   *tallies;		/* by expression: what the bank counts for its affinity, or -1 */
	bool		tallied;		/* some expression asks for that */
	OwnerGroup	   *groups;
	int			ngroups;
	bool		raises;			/* errors are raised, not parked */
	List	   *unseen;			/* tags that no expression sees */
	TupleDesc	desc;			/* of profile */
	int			events;			/* attribute number of events, or 0 */
	CdBank	   *bank;			/* decayed sums, columns after those of profile */
	bool		whole;			/* some expression looks at events by itself, which are not to be in parts then */
	bool		shows_sums;		/* some expression reads a sum from the slot */
	double	   *sums;			/* by row, of the batch */
	int			summed;			/* rows that have them */
	int			row;			/* the last one, of which the bank has tallies */
	int			ncolumns;		/* fetched, besides events */
	bool		no_rows;		/* nothing is fetched: all asked are customers, and no column is read */
	int		   *columns;		/* their attribute numbers */
	CdProfileRows *profile_rows;
	CdChunkBatch *timelines;	/* NULL: no expression looks at events */
	TupleTableSlot *slot;
	ExprContext *econtext;
	CdSetBuilder *gone;

	/* The batch */
	int			nrows;
	uint32	   *ids;
	HeapTuple  *rows;
	TupleDesc	row_desc;
	Datum	   *events_of;
	TimestampTz *next_event;	/* first event after as_of(), DT_NOEND: none */
	bool	  **wanted;			/* by expression; NULL: all rows */
	Datum	  **values;
	bool	  **nulls;
	TimestampTz **valid_until;
	bool	   *never_null;		/* what sums share */
	int64		customer;		/* being evaluated */
};

/* Work of one subtransaction. */
typedef struct Task
{
	CdEvaluation *evaluation;
	OwnerGroup	   *group;
	int			only;			/* one expression, or -1 for the group */
} Task;

/* Keep what an error says, for whoever looks after the expression */
static void
park(CdExpression *expression, ErrorData *error, int64 customer)
{
	expression->error = pstrdup(error->message ? error->message : "unknown error");
	expression->error_code = error->sqlerrcode;
	expression->error_position = error->internalpos > 0 ? error->internalpos : 0;
	expression->error_customer = customer;
}

/* Does an expression look at events by itself, and not just for the last one? */
static bool
reads_events(Node *tree, AttrNumber events)
{
	Bitmapset  *columns = NULL;

	if (IsA(tree, FuncExpr) && ((FuncExpr *) tree)->funcid == cd_function_named("timeline_last"))
		return false;
	pull_varattnos(tree, 1, &columns);
	return bms_is_member(events - FirstLowInvalidHeapAttributeNumber, columns);
}

/* Parse a group's expression as its owner */
static void
prepare_one(void *arg)
{
	Task	   *task = arg;
	CdEvaluation *evaluation = task->evaluation;
	CdExpression *expression = &evaluation->expressions[task->only];
	CdRunAs		save;
	MemoryContext old;

	cd_run_as_begin(expression->owner, expression->time_zone, &save);
	old = MemoryContextSwitchTo(evaluation->context);
	cd_expression_parse(expression);
	if (expression->tree != NULL)
	{
		Node	   *tree = (Node *) expression->tree;

		/* Whoever keeps a score with its half-life asks for nothing but its value now. */
		if (expression->keeps_decay)
			tree = cd_bank_take(evaluation->bank, tree);
		evaluation->states[task->only] = ExecInitExpr((Expr *) tree, NULL);
		if (IsA(tree, Var) && expression->typbyval)
			evaluation->direct[task->only] = ((Var *) tree)->varattno;
		else if (expression->keeps_decay)
			evaluation->shows_sums = true;
		if (expression->takes_lists)
			evaluation->affinities[task->only] = cd_affinity_asked(tree, get_attnum(cd_profile_relation(), "events"));
		expression->gives_lists = evaluation->affinities[task->only] != NULL;
		if (expression->gives_lists && evaluation->affinities[task->only]->half_life == 0)
		{
			const CdAffinity *affinity = evaluation->affinities[task->only];

			evaluation->tallies[task->only] =
				cd_bank_tally(evaluation->bank, affinity->pattern, affinity->property, affinity->length);
			evaluation->tallied |= evaluation->tallies[task->only] >= 0;
		}
		evaluation->whole |= evaluation->tallies[task->only] < 0 && reads_events(tree, get_attnum(cd_profile_relation(), "events"));
	}
	MemoryContextSwitchTo(old);
	cd_run_as_end(&save);
}

/* Sort expressions into groups by role and time zone */
static void
make_groups(CdEvaluation *evaluation)
{
	int			i,
				g;

	evaluation->groups = palloc0(Max(evaluation->count, 1) * sizeof(OwnerGroup));
	for (i = 0; i < evaluation->count; i++)
	{
		CdExpression *expression = &evaluation->expressions[i];
		const char *zone = expression->time_zone ? expression->time_zone : "";
		OwnerGroup	   *group;

		for (g = 0; g < evaluation->ngroups; g++)
		{
			group = &evaluation->groups[g];
			if (group->owner == expression->owner && strcmp(group->time_zone, zone) == 0)
				break;
		}
		group = &evaluation->groups[g];
		if (g == evaluation->ngroups)
		{
			evaluation->ngroups++;
			group->owner = expression->owner;
			group->time_zone = zone;
			group->members = palloc(evaluation->count * sizeof(int));
		}
		group->members[group->count++] = i;
	}
}

/* Make ready to fetch the columns in use */
static void
prepare_fetch(CdEvaluation *evaluation)
{
	Bitmapset  *used = NULL;
	List	   *names = NIL;
	int			i;

	for (i = 0; i < evaluation->count; i++)
	{
		if (evaluation->expressions[i].error == NULL && evaluation->expressions[i].tree != NULL)
			used = bms_add_members(used, evaluation->expressions[i].columns);
	}
	evaluation->columns = palloc(Max(bms_num_members(used), 1) * sizeof(int));
	i = -1;
	while ((i = bms_next_member(used, i)) >= 0)
	{
		char	   *name = NameStr(TupleDescAttr(evaluation->desc, i - 1)->attname);

		if (strcmp(name, "events") == 0)
		{
			evaluation->events = i;
			continue;
		}
		evaluation->columns[evaluation->ncolumns++] = i;
		names = lappend(names, name);
	}
	for (i = 0; i < evaluation->count; i++)
		evaluation->uses_events[i] = evaluation->events > 0 && bms_is_member(evaluation->events, evaluation->expressions[i].columns);
	evaluation->profile_rows = cd_profile_rows(names, evaluation->unseen);
	MemoryContextSwitchTo(evaluation->context);
	if (evaluation->events > 0)
		evaluation->timelines = cd_chunk_batch_begin(evaluation->whole);
}

/* Columns of the slot: those of profile and those of the bank */
static TupleDesc
slot_columns(CdEvaluation *evaluation)
{
	int			natts = evaluation->desc->natts;
	int			sums = cd_bank_size(evaluation->bank);
	TupleDesc	desc = CreateTemplateTupleDesc(natts + sums);
	int			i;

	for (i = 1; i <= natts; i++)
		TupleDescCopyEntry(desc, i, evaluation->desc, i);
	for (i = 1; i <= sums; i++)
		TupleDescInitEntry(desc, natts + i, "sum", FLOAT8OID, -1, 0);
	return desc;
}

CdEvaluation *
cd_evaluation(CdExpression *expressions, int count)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customer_data evaluation",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdEvaluation *evaluation = palloc0(sizeof(CdEvaluation));
	Relation	profile;
	int			i;

	evaluation->context = context;
	/* What one batch took the next does not ask the system for again. */
	evaluation->batch_context = AllocSetContextCreate(context, "customer_data evaluation batch",
													  BATCH_KEPT, ALLOCSET_DEFAULT_INITSIZE, ALLOCSET_DEFAULT_MAXSIZE);
	evaluation->expressions = expressions;
	evaluation->count = count;
	evaluation->states = palloc0(Max(count, 1) * sizeof(ExprState *));
	evaluation->direct = palloc0(Max(count, 1) * sizeof(AttrNumber));
	evaluation->affinities = palloc0(Max(count, 1) * sizeof(CdAffinity *));
	evaluation->tallies = palloc(Max(count, 1) * sizeof(int));
	memset(evaluation->tallies, -1, Max(count, 1) * sizeof(int));
	evaluation->uses_events = palloc0(Max(count, 1) * sizeof(bool));
	evaluation->raises = count > 0 && expressions[0].raises;
	evaluation->unseen = count > 0 ? expressions[0].unseen : NIL;
	profile = table_open(cd_profile_relation(), AccessShareLock);
	evaluation->desc = CreateTupleDescCopy(RelationGetDescr(profile));
	table_close(profile, NoLock);
	make_groups(evaluation);
	evaluation->bank = cd_bank_create(get_attnum(cd_profile_relation(), "events"), evaluation->desc->natts + 1);
	for (i = 0; i < count; i++)
	{
		Task		task = {evaluation, NULL, i};
		ErrorData  *error;

		expressions[i].error = NULL;
		if (evaluation->raises)
			prepare_one(&task);
		else if (!cd_attempt(prepare_one, &task, &error))
			park(&expressions[i], error, -1);
	}
	prepare_fetch(evaluation);
	evaluation->slot = MakeSingleTupleTableSlot(slot_columns(evaluation), &TTSOpsVirtual);
	evaluation->econtext = CreateStandaloneExprContext();
	evaluation->econtext->ecxt_scantuple = evaluation->slot;
	evaluation->gone = cd_set_builder();
	MemoryContextSwitchTo(old);
	return evaluation;
}

/* All customers there are */
static CdSet *
all_customers(void)
{
	MemoryContext context = CurrentMemoryContext;
	CdSet	   *set;
	bool		isnull;

	SPI_execute("SELECT customer_data.customer_set_agg(customer_id) FROM customer_data.customer", true, 1);
	MemoryContextSwitchTo(context);
	set = (CdSet *) PG_DETOAST_DATUM_COPY(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return set;
}

/* Everyone that some expression asks for; *are_customers where they are just those there are */
static CdSet *
everyone_asked(CdEvaluation *evaluation, bool *are_customers)
{
	CdSet	   *all = NULL;
	CdSetBuilder *builder = cd_set_builder();
	CdSet	   *set;
	int			i;

	for (i = 0; i < evaluation->count; i++)
	{
		CdExpression *expression = &evaluation->expressions[i];

		if (expression->error != NULL)
			continue;
		if (expression->customers == NULL)
		{
			all = all_customers();
			cd_set_builder_or(builder, all);
			break;
		}
	}
	for (i = 0; i < evaluation->count; i++)
	{
		CdExpression *expression = &evaluation->expressions[i];

		if (expression->error == NULL && expression->customers != NULL)
			cd_set_builder_or(builder, expression->customers);
	}
	set = cd_set_builder_value(builder);
	cd_set_builder_free(builder);
	*are_customers = all != NULL && cd_set_equal(all, set);
	return set;
}

/* Index of an id among the batch's rows, or -1 */
static int
find_row(CdEvaluation *evaluation, int64 id)
{
	int			low = 0,
				high = evaluation->nrows;

	while (low < high)
	{
		int			mid = low + (high - low) / 2;

		if ((int64) evaluation->ids[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < evaluation->nrows && (int64) evaluation->ids[low] == id ? low : -1;
}

/* Fetch the rows of a batch of customers; note those that are gone */
static void
fetch_rows(CdEvaluation *evaluation, const uint32 *asked, int count)
{
	int			next = 0;
	int			i;

	MemoryContextSwitchTo(evaluation->batch_context);
	SPI_tuptable = NULL;
	evaluation->ids = palloc(count * sizeof(uint32));
	if (evaluation->no_rows)
	{
		memcpy(evaluation->ids, asked, count * sizeof(uint32));
		evaluation->nrows = count;
		return;
	}
	evaluation->rows = palloc(count * sizeof(HeapTuple));
	evaluation->nrows = cd_profile_rows_fetch(evaluation->profile_rows, asked, count,
											  evaluation->ids, evaluation->rows, &evaluation->row_desc);
	/* SPI comes back in a context that lives as long as its connection. */
	MemoryContextSwitchTo(evaluation->batch_context);
	for (i = 0; i < count; i++)
	{
		if (next < evaluation->nrows && evaluation->ids[next] == asked[i])
			next++;
		else
			cd_set_builder_add(evaluation->gone, asked[i]);
	}
}

/* Fetch the timelines of the batch, cut at as_of(); returns their bytes */
static Size
fetch_timelines(CdEvaluation *evaluation)
{
	TimestampTz now = cd_as_of();
	int			n = evaluation->nrows;
	struct varlena **events = palloc(n * sizeof(struct varlena *));
	TimestampTz *last = palloc(n * sizeof(TimestampTz));
	Datum		empty = PointerGetDatum(cd_timeline_empty());
	Size		bytes = 0;
	int			r;

	evaluation->events_of = palloc(n * sizeof(Datum));
	evaluation->next_event = palloc(n * sizeof(TimestampTz));
	cd_chunk_batch_read(evaluation->timelines, evaluation->ids, n, events, last);
	for (r = 0; r < n; r++)
	{
		evaluation->next_event[r] = DT_NOEND;
		evaluation->events_of[r] = empty;
		if (events[r] == NULL)
			continue;
		if (last[r] > now)
		{
			cd_validity_reset();
			events[r] = cd_timeline_cut(events[r], now);
			evaluation->next_event[r] = cd_validity();
		}
		evaluation->events_of[r] = PointerGetDatum(events[r]);
		bytes += VARSIZE_ANY(events[r]);
	}
	return bytes;
}

/* Compute the decayed sums of a row, unless another did, and fill them in where they are read */
static void
fill_sums(CdEvaluation *evaluation, int r)
{
	int			count = cd_bank_size(evaluation->bank);
	double	   *sums = evaluation->sums + (Size) r * count;
	int			at = evaluation->desc->natts;
	int			i;

	evaluation->row = -1;
	if (r >= evaluation->summed)
	{
		MemoryContext old = MemoryContextSwitchTo(evaluation->econtext->ecxt_per_tuple_memory);

		cd_bank_compute(evaluation->bank, (struct varlena *) DatumGetPointer(evaluation->events_of[r]), cd_as_of(), sums);
		MemoryContextSwitchTo(old);
		evaluation->summed = r + 1;
		evaluation->row = r;
	}
	for (i = 0; evaluation->shows_sums && i < count; i++)
	{
		evaluation->slot->tts_values[at + i] = Float8GetDatum(sums[i]);
		evaluation->slot->tts_isnull[at + i] = false;
	}
}

/* Fill the slot from a row of the batch */
static void
fill_slot(CdEvaluation *evaluation, int r)
{
	TupleTableSlot *slot = evaluation->slot;
	int			i;

	ExecClearTuple(slot);
	for (i = 0; i < evaluation->ncolumns; i++)
	{
		int			at = evaluation->columns[i] - 1;

		slot->tts_values[at] = heap_getattr(evaluation->rows[r], i + 2, evaluation->row_desc,
											&slot->tts_isnull[at]);
	}
	if (evaluation->events > 0)
	{
		slot->tts_values[evaluation->events - 1] = evaluation->events_of[r];
		slot->tts_isnull[evaluation->events - 1] = false;
	}
	if (cd_bank_size(evaluation->bank) > 0 || evaluation->tallied)
		fill_sums(evaluation, r);
	ExecStoreVirtualTuple(slot);
}

/* Is an expression one of the bank's sums and nothing else? */
static inline bool
is_sum(const CdEvaluation *evaluation, int e)
{
	return evaluation->direct[e] > evaluation->desc->natts;
}

/* Take the results of an expression that is a sum for all rows at once, where they are */
static void
take_sums(CdEvaluation *evaluation, int e)
{
	int			count = cd_bank_size(evaluation->bank);
	const double *sum = evaluation->sums + evaluation->direct[e] - evaluation->desc->natts - 1;
	int			r;

	/* A number passed by value is its own Datum. */
	if (evaluation->wanted[e] == NULL)
	{
		evaluation->values[e] = (Datum *) sum;
		return;
	}
	for (r = 0; r < evaluation->nrows; r++, sum += count)
		evaluation->values[e][r] = Float8GetDatum(*sum);
	memset(evaluation->nulls[e], false, evaluation->nrows * sizeof(bool));
	memcpy(evaluation->valid_until[e], evaluation->next_event, evaluation->nrows * sizeof(TimestampTz));
}

/* What the affinity of an expression says of a row, in one piece of the batch's memory */
static CdTagList *
evaluate_affinity(CdEvaluation *evaluation, int e, int r)
{
	const CdAffinity *affinity = evaluation->affinities[e];
	MemoryContext old;
	CdTagList  *found;
	Size		size;
	CdTagList  *list = NULL;
	char	   *label;
	int			i;

	if (evaluation->tallies[e] >= 0 && evaluation->row == r)
		list = cd_affinity_counted(affinity, cd_bank_tallied(evaluation->bank, evaluation->tallies[e]));
	if (list != NULL)
		return list;
	old = MemoryContextSwitchTo(evaluation->econtext->ecxt_per_tuple_memory);
	found = cd_affinity_list(affinity, (struct varlena *) DatumGetPointer(evaluation->events_of[r]));
	size = sizeof(CdTagList) + found->count * sizeof(CdTag);
	for (i = 0; i < found->count; i++)
		size += found->tags[i].length;
	MemoryContextSwitchTo(old);
	list = palloc(size);
	list->count = found->count;
	list->tags = (CdTag *) (list + 1);
	memcpy(list->tags, found->tags, found->count * sizeof(CdTag));
	label = (char *) (list->tags + found->count);
	for (i = 0; i < found->count; i++)
	{
		list->tags[i].path = memcpy(label, found->tags[i].path, found->tags[i].length);
		label += found->tags[i].length;
	}
	return list;
}

/* Evaluate one expression for the row in the slot */
static void
evaluate_one(CdEvaluation *evaluation, int e, int r)
{
	CdExpression *expression = &evaluation->expressions[e];
	TupleTableSlot *slot = evaluation->slot;
	AttrNumber	column = evaluation->direct[e];
	Datum		value;
	bool		isnull;

	if (column > 0)
	{
		evaluation->values[e][r] = slot->tts_values[column - 1];
		evaluation->nulls[e][r] = slot->tts_isnull[column - 1];
		evaluation->valid_until[e][r] = evaluation->uses_events[e] ? evaluation->next_event[r] : DT_NOEND;
		return;
	}
	if (evaluation->affinities[e] != NULL)
	{
		/* It knows no time. */
		evaluation->values[e][r] = PointerGetDatum(evaluate_affinity(evaluation, e, r));
		evaluation->nulls[e][r] = false;
		evaluation->valid_until[e][r] = evaluation->next_event[r];
		return;
	}
	cd_decay_is_kept = expression->keeps_decay;
	cd_validity_reset();
	value = ExecEvalExprSwitchContext(evaluation->states[e], evaluation->econtext, &isnull);
	if (evaluation->uses_events[e])
		cd_validity_note(evaluation->next_event[r]);
	if (!isnull && !expression->typbyval)
		value = datumCopy(value, false, expression->typlen);
	evaluation->values[e][r] = value;
	evaluation->nulls[e][r] = isnull;
	evaluation->valid_until[e][r] = cd_validity();
	cd_decay_is_kept = false;
}

/* Evaluate one expression with a sub-select by a query over profile */
static void
evaluate_by_query(CdEvaluation *evaluation, int e)
{
	CdExpression *expression = &evaluation->expressions[e];
	Oid			types[1] = {INT8ARRAYOID};
	Datum		arguments[1];
	char	   *query;
	uint64		i;
	int			r;

	for (r = 0; r < evaluation->nrows; r++)
	{
		evaluation->nulls[e][r] = true;
		evaluation->valid_until[e][r] = DT_NOEND;
	}
	query = psprintf("SELECT profile.customer_id, CAST((%s\n) AS %s) FROM customer_data.profile"
					 " WHERE profile.customer_id OPERATOR(pg_catalog.=) ANY ($1)",
					 expression->text, format_type_be_qualified(expression->result_type));
	arguments[0] = cd_ids_array(evaluation->ids, evaluation->nrows);
	if (SPI_execute_with_args(query, 1, types, arguments, NULL, true, 0) != SPI_OK_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("one SQL expression is expected")));
	MemoryContextSwitchTo(evaluation->batch_context);
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		bool		isnull;

		r = find_row(evaluation, DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &isnull)));
		if (r < 0)
			continue;
		evaluation->values[e][r] = SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2,
												 &evaluation->nulls[e][r]);
		if (!evaluation->nulls[e][r] && !expression->typbyval)
			evaluation->values[e][r] = datumCopy(evaluation->values[e][r], false, expression->typlen);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Run a group, or one of its expressions, over the batch as its owner */
static void
evaluate_task(void *arg)
{
	Task	   *task = arg;
	CdEvaluation *evaluation = task->evaluation;
	OwnerGroup	   *group = task->group;
	MemoryContext old = MemoryContextSwitchTo(evaluation->batch_context);
	CdRunAs		save;
	int			m,
				r;

	cd_run_as_begin(group->owner, group->time_zone, &save);
	evaluation->customer = -1;
	for (m = 0; m < group->count; m++)
	{
		int			e = group->members[m];

		if ((task->only < 0 || task->only == e) &&
			evaluation->expressions[e].error == NULL && evaluation->states[e] == NULL)
			evaluate_by_query(evaluation, e);
	}
	for (r = 0; r < evaluation->nrows; r++)
	{
		evaluation->customer = evaluation->ids[r];
		fill_slot(evaluation, r);
		for (m = 0; m < group->count; m++)
		{
			int			e = group->members[m];

			if ((task->only < 0 || task->only == e) &&
				evaluation->expressions[e].error == NULL && evaluation->states[e] != NULL && !is_sum(evaluation, e) &&
				(evaluation->wanted[e] == NULL || evaluation->wanted[e][r]))
				evaluate_one(evaluation, e, r);
		}
		ResetExprContext(evaluation->econtext);
	}
	for (m = 0; m < group->count; m++)
	{
		int			e = group->members[m];

		if ((task->only < 0 || task->only == e) && evaluation->expressions[e].error == NULL && is_sum(evaluation, e))
			take_sums(evaluation, e);
	}
	cd_run_as_end(&save);
	MemoryContextSwitchTo(old);
}

/* Find for each expression the first one that asks for the same customers */
static void
note_alike(CdEvaluation *evaluation)
{
	int			e,
				i;

	evaluation->alike = palloc(Max(evaluation->count, 1) * sizeof(int));
	for (e = 0; e < evaluation->count; e++)
	{
		const CdSet *set = evaluation->expressions[e].customers;

		for (i = 0; i < e; i++)
		{
			const CdSet *other = evaluation->expressions[i].customers;

			if (evaluation->alike[i] == i && set != NULL && other != NULL && cd_set_equal(set, other))
				break;
		}
		evaluation->alike[e] = i;
	}
}

/* Which rows of the batch an expression asks for; NULL: all */
static bool *
wanted_rows(CdEvaluation *evaluation, int e)
{
	const CdSet *customers = evaluation->expressions[e].customers;
	int			alike = evaluation->alike[e];
	bool	   *wanted;
	bool		all = true;
	int			r;

	if (customers == NULL)
		return NULL;
	if (alike < e && evaluation->expressions[alike].error == NULL)
		return evaluation->wanted[alike];
	wanted = palloc(evaluation->nrows * sizeof(bool));
	for (r = 0; r < evaluation->nrows; r++)
	{
		wanted[r] = cd_set_contains(customers, evaluation->ids[r]);
		all &= wanted[r];
	}
	return all ? NULL : wanted;
}

/* Make room for the batch's results and find out who asks for which row */
static void
begin_batch(CdEvaluation *evaluation)
{
	int			n = evaluation->nrows;
	int			e;

	evaluation->sums = palloc_extended((Size) n * cd_bank_size(evaluation->bank) * sizeof(double) + 1, MCXT_ALLOC_HUGE);
	evaluation->summed = 0;
	evaluation->wanted = palloc0(evaluation->count * sizeof(bool *));
	evaluation->values = palloc0(evaluation->count * sizeof(Datum *));
	evaluation->nulls = palloc0(evaluation->count * sizeof(bool *));
	evaluation->valid_until = palloc0(evaluation->count * sizeof(TimestampTz *));
	evaluation->never_null = palloc0(n * sizeof(bool));
	for (e = 0; e < evaluation->count; e++)
	{
		CdExpression *expression = &evaluation->expressions[e];

		if (expression->error != NULL)
			continue;
		evaluation->wanted[e] = wanted_rows(evaluation, e);
		/* Sums that nobody is left out of stay where they are, and all hold as long. */
		if (evaluation->wanted[e] == NULL && is_sum(evaluation, e))
		{
			evaluation->nulls[e] = evaluation->never_null;
			evaluation->valid_until[e] = evaluation->next_event;
			continue;
		}
		evaluation->values[e] = palloc(n * sizeof(Datum));
		evaluation->nulls[e] = palloc(n * sizeof(bool));
		evaluation->valid_until[e] = palloc(n * sizeof(TimestampTz));
	}
}

/* Hand a batch's results of one expression over */
static void
give_results(CdEvaluation *evaluation, int e, CdTakeResults take, void *arg)
{
	const bool *wanted = evaluation->wanted[e];
	uint32	   *ids = evaluation->ids;
	int			n = evaluation->nrows;
	CdResults	results;

	if (wanted != NULL)
	{
		int			r;

		ids = palloc(n * sizeof(uint32));
		for (r = 0, n = 0; r < evaluation->nrows; r++)
		{
			if (!wanted[r])
				continue;
			ids[n] = evaluation->ids[r];
			evaluation->values[e][n] = evaluation->values[e][r];
			evaluation->nulls[e][n] = evaluation->nulls[e][r];
			evaluation->valid_until[e][n] = evaluation->valid_until[e][r];
			n++;
		}
	}
	if (n == 0)
		return;
	evaluation->expressions[e].evaluated += n;
	results = (CdResults) {n, ids, evaluation->values[e], 1, evaluation->nulls[e], evaluation->valid_until[e]};
	if (wanted == NULL && is_sum(evaluation, e))
		results.step = cd_bank_size(evaluation->bank);
	take(arg, e, &results);
}

/* Evaluate a batch of customers; returns the bytes its timelines took */
static Size
run_batch(CdEvaluation *evaluation, const uint32 *asked, int count, CdTakeResults take, void *arg)
{
	SPITupleTable *table;
	Size		bytes = 0;
	int			g,
				m,
				e;

	fetch_rows(evaluation, asked, count);
	table = SPI_tuptable;
	if (evaluation->nrows > 0)
	{
		if (evaluation->events > 0)
			bytes = fetch_timelines(evaluation);
		begin_batch(evaluation);
		for (g = 0; g < evaluation->ngroups; g++)
		{
			Task		task = {evaluation, &evaluation->groups[g], -1};
			ErrorData  *error;

			CHECK_FOR_INTERRUPTS();
			if (evaluation->raises)
			{
				evaluate_task(&task);
				continue;
			}
			if (cd_attempt(evaluate_task, &task, &error))
				continue;

			/* Find the guilty: each expression by itself. */
			for (m = 0; m < task.group->count; m++)
			{
				task.only = task.group->members[m];
				if (evaluation->expressions[task.only].error != NULL)
					continue;
				if (!cd_attempt(evaluate_task, &task, &error))
				{
					MemoryContext old = MemoryContextSwitchTo(evaluation->context);

					park(&evaluation->expressions[task.only], error, evaluation->customer);
					MemoryContextSwitchTo(old);
				}
			}
		}
		for (e = 0; e < evaluation->count; e++)
		{
			if (evaluation->expressions[e].error == NULL)
				give_results(evaluation, e, take, arg);
		}
		take(arg, -1, &(CdResults) {0});
	}
	SPI_freetuptable(table);
	ExecClearTuple(evaluation->slot);
	return bytes;
}

/*
 * Of the ids asked for from one on those that are customers; the others are
 * noted as gone.  A set may hold four thousand million ids of which hardly any
 * is a customer.
 */
static CdSet *
only_customers(CdEvaluation *evaluation, const CdSet *asked, uint32 from)
{
	CdSet	   *rest = cd_set_slice(asked, from, PG_UINT32_MAX);
	CdSet	   *there = all_customers();
	CdSet	   *gone = cd_set_andnot(rest, there);

	cd_set_builder_or(evaluation->gone, gone);
	pfree(gone);
	gone = cd_set_and(rest, there);
	pfree(there);
	pfree(rest);
	return gone;
}

void
cd_evaluation_run(CdEvaluation *evaluation, CdTakeResults take, void *arg)
{
	MemoryContext old = MemoryContextSwitchTo(evaluation->context);
	bool		are_customers;
	CdSet	   *asked = everyone_asked(evaluation, &are_customers);
	uint32	   *ids = palloc(BATCH_MOST * sizeof(uint32));
	int			size = BATCH_LEAST;
	CdSetIterator it;
	bool		more = true;
	bool		sifted = false;
	uint64		done = 0;

	evaluation->no_rows = are_customers && evaluation->ncolumns == 0;
	note_alike(evaluation);
	if (!evaluation->raises)
		cd_progress_begin("customers", (uint64) cd_set_cardinality(asked));
	cd_set_begin(&it, asked);
	MemoryContextSwitchTo(evaluation->batch_context);
	while (more)
	{
		int			n = 0;
		Size		bytes;

		while (n < size && (more = cd_set_next(&it, &ids[n])))
			n++;
		if (n == 0)
			break;
		bytes = run_batch(evaluation, ids, n, take, arg);
		if (!evaluation->raises)
			cd_progress_set(done += n);
		MemoryContextReset(evaluation->batch_context);
		if (evaluation->nrows == 0 && more && !sifted && ids[n - 1] < PG_UINT32_MAX)
		{
			MemoryContextSwitchTo(evaluation->context);
			asked = only_customers(evaluation, asked, ids[n - 1] + 1);
			cd_set_begin(&it, asked);
			MemoryContextSwitchTo(evaluation->batch_context);
			sifted = true;
		}

		/* Long timelines make smaller batches. */
		if (bytes > BATCH_MEMORY)
			size = Max(size / 2, 16);
		else if (bytes < BATCH_MEMORY / 4)
			size = Min(size * 2, BATCH_MOST);
	}
	if (!evaluation->raises)
		cd_progress_end();
	MemoryContextSwitchTo(old);
}

TimestampTz
cd_due_moment(TimestampTz until, TimestampTz now)
{
	TimestampTz rounded;

	if (TIMESTAMP_NOT_FINITE(until) || until <= now)
		return until;
	if (until - now > 3 * USECS_PER_DAY)
		rounded = until - until % USECS_PER_DAY;
	else if (until - now > 6 * USECS_PER_HOUR)
		rounded = until - until % USECS_PER_HOUR;
	else
		rounded = until - until % USECS_PER_MINUTE;
	return rounded > now ? rounded : until;
}

CdSet *
cd_evaluation_gone(CdEvaluation *evaluation)
{
	return cd_set_builder_value(evaluation->gone);
}

void
cd_evaluation_free(CdEvaluation *evaluation)
{
	if (evaluation->timelines != NULL)
		cd_chunk_batch_end(evaluation->timelines);
	ExecDropSingleTupleTableSlot(evaluation->slot);
	FreeExprContext(evaluation->econtext, true);
	MemoryContextDelete(evaluation->context);
}
