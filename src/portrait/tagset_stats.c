/*
 * tagset_stats.c
 *		How many rows satisfy tags @@ query: statistics of a column of tagsets,
 *		and the estimate made from them.
 *
 * ANALYZE keeps the most frequent paths with the share of rows that have them,
 * as for arrays and tsvectors (pg_stats.most_common_elems).  Scores and times
 * are not counted: a threshold is taken to be reached by half.  Tags are taken
 * to be independent of each other.
 */
#include "postgres.h"

#include "portrait/tag_query.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/selfuncs.h"

/* So many paths are kept for each value that the statistics target asks for. */
#define PATHS_PER_TARGET	10

/* Shares where nothing is known. */
#define DEFAULT_TAG			0.05
#define DEFAULT_PREFIX		0.2
#define DEFAULT_QUERY		0.05
#define SCORE_SHARE			0.5

/* How many rows of the sample have a path. */
typedef struct PathCount
{
	char		path[CD_MAX_TAG_PATH + 1];	/* key */
	int			rows;
} PathCount;

static int
compare_counts(const void *a, const void *b)
{
	const PathCount *const *x = a;
	const PathCount *const *y = b;

	return (*x)->rows != (*y)->rows ? (*y)->rows - (*x)->rows : strcmp((*x)->path, (*y)->path);
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp((*(const PathCount *const *) a)->path, (*(const PathCount *const *) b)->path);
}

/* Count one row's tags */
static void
count_tags(HTAB *counts, const CdTagset *tags)
{
	CdTagReader reader;

	cd_tags_begin(&reader, tags);
	while (cd_tags_next(&reader))
	{
		char		key[CD_MAX_TAG_PATH + 1];
		PathCount  *count;
		bool		found;

		memcpy(key, reader.tag.path, reader.tag.length);
		key[reader.tag.length] = '\0';
		count = hash_search(counts, key, HASH_ENTER, &found);
		count->rows = found ? count->rows + 1 : 1;
	}
}

/* Keep the most frequent paths in the first slot of the statistics */
static void
keep_counts(VacAttrStats *stats, HTAB *counts, int rows, int most)
{
	long		count = hash_get_num_entries(counts);
	PathCount **sorted;
	PathCount  *entry;
	HASH_SEQ_STATUS scan;
	MemoryContext old;
	Datum	   *values;
	float4	   *numbers;
	int			n = 0,
				i;

	if (count == 0)
		return;
	sorted = palloc_extended(count * sizeof(PathCount *), MCXT_ALLOC_HUGE);
	hash_seq_init(&scan, counts);
	while ((entry = hash_seq_search(&scan)) != NULL)
		sorted[n++] = entry;
	qsort(sorted, n, sizeof(PathCount *), compare_counts);
	n = Min(n, most);

	old = MemoryContextSwitchTo(stats->anl_context);
	values = palloc(n * sizeof(Datum));
	numbers = palloc((n + 2) * sizeof(float4));
	/* As the server's own statistics of elements: shares, then the least and the greatest of them. */
	numbers[n] = (float4) sorted[n - 1]->rows / rows;
	numbers[n + 1] = (float4) sorted[0]->rows / rows;
	qsort(sorted, n, sizeof(PathCount *), compare_paths);
	for (i = 0; i < n; i++)
	{
		values[i] = CStringGetTextDatum(sorted[i]->path);
		numbers[i] = (float4) sorted[i]->rows / rows;
	}
	stats->stakind[0] = STATISTIC_KIND_MCELEM;
	stats->staop[0] = TextEqualOperator;
	stats->stacoll[0] = C_COLLATION_OID;
	stats->stanumbers[0] = numbers;
	stats->numnumbers[0] = n + 2;
	stats->stavalues[0] = values;
	stats->numvalues[0] = n;
	stats->statypid[0] = TEXTOID;
	stats->statyplen[0] = -1;
	stats->statypbyval[0] = false;
	stats->statypalign[0] = TYPALIGN_INT;
	MemoryContextSwitchTo(old);
}

/* Statistics of a sample of tagsets */
static void
compute_stats(VacAttrStats *stats, AnalyzeAttrFetchFunc fetch, int samples, double total)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "statistics of tags", ALLOCSET_DEFAULT_SIZES);
	HASHCTL		control = {0};
	HTAB	   *counts;
	double		width = 0;
	int			rows = 0;
	int			i;

	control.keysize = CD_MAX_TAG_PATH + 1;
	control.entrysize = sizeof(PathCount);
	control.hcxt = context;
	counts = hash_create("paths of a sample", 1024, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	for (i = 0; i < samples; i++)
	{
		bool		isnull;
		Datum		value = fetch(stats, i, &isnull);
		CdTagset   *tags;

		CHECK_FOR_INTERRUPTS();
		if (isnull)
			continue;
		rows++;
		width += VARSIZE_ANY(DatumGetPointer(value));
		tags = (CdTagset *) PG_DETOAST_DATUM_PACKED(value);
		count_tags(counts, tags);
		if ((Pointer) tags != DatumGetPointer(value))
			pfree(tags);
	}
	if (samples > 0)
	{
		stats->stats_valid = true;
		stats->stanullfrac = (float4) (samples - rows) / samples;
		stats->stawidth = rows > 0 ? (int32) (width / rows) : 0;
		stats->stadistinct = rows > 0 ? -1.0f * (1.0f - stats->stanullfrac) : 0;
	}
	if (rows > 0)
		keep_counts(stats, counts, rows, cd_statistics_target(stats) * PATHS_PER_TARGET);
	MemoryContextDelete(context);
}

PG_FUNCTION_INFO_V1(cd_tagset_typanalyze);
Datum
cd_tagset_typanalyze(PG_FUNCTION_ARGS)
{
	VacAttrStats *stats = (VacAttrStats *) PG_GETARG_POINTER(0);

	if (cd_statistics_target(stats) < 0)
		cd_statistics_target(stats) = default_statistics_target;
	stats->compute_stats = compute_stats;
	stats->minrows = 300 * cd_statistics_target(stats);
	PG_RETURN_BOOL(true);
}

/* Share of the rows that have a path, or one below a prefix; of what is not known as the rarest that is */
static double
path_share(const AttStatsSlot *slot, const char *path, int length)
{
	bool		is_prefix = path[length - 1] == '*';
	double		without = 1;
	int			low = 0,
				high = slot->nvalues;

	if (slot->nvalues == 0)
		return is_prefix ? DEFAULT_PREFIX : DEFAULT_TAG;
	if (is_prefix)
		length--;
	/* The first path that does not come before */
	while (low < high)
	{
		int			mid = low + (high - low) / 2;
		text	   *value = DatumGetTextPP(slot->values[mid]);
		int			order = memcmp(VARDATA_ANY(value), path, Min((int) VARSIZE_ANY_EXHDR(value), length));

		if (order < 0 || (order == 0 && (int) VARSIZE_ANY_EXHDR(value) < length))
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < slot->nvalues; low++)
	{
		text	   *value = DatumGetTextPP(slot->values[low]);
		int			size = VARSIZE_ANY_EXHDR(value);

		if (size < length || memcmp(VARDATA_ANY(value), path, length) != 0 || (!is_prefix && size != length))
			break;
		without *= 1 - slot->numbers[low];
		if (!is_prefix)
			break;
	}
	if (without == 1)
		return slot->nnumbers == slot->nvalues + 2 ? slot->numbers[slot->nvalues] / 2 : DEFAULT_TAG;
	return 1 - without;
}

/* Share of the rows that satisfy a node */
static double
node_share(const AttStatsSlot *slot, const CdTagNode *node)
{
	double		left,
				right;

	check_stack_depth();
	switch (node->op)
	{
		case CD_TAG_AND:
			return node_share(slot, node->left) * node_share(slot, node->right);
		case CD_TAG_OR:
			left = node_share(slot, node->left);
			right = node_share(slot, node->right);
			return left + right - left * right;
		case CD_TAG_NOT:
			return 1 - node_share(slot, node->left);
		case CD_TAG_HAS:
			return path_share(slot, node->path, node->length);
		default:
			return path_share(slot, node->path, node->length) * SCORE_SHARE;
	}
}

/* Restriction estimate of tags @@ query */
PG_FUNCTION_INFO_V1(cd_tags_match_sel);
Datum
cd_tags_match_sel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	List	   *args = (List *) PG_GETARG_POINTER(2);
	int			relation = PG_GETARG_INT32(3);
	VariableStatData column;
	AttStatsSlot slot = {0};
	Node	   *tags = linitial(args);
	Node	   *query = estimate_expression_value(root, lsecond(args));
	bool		known = false;
	double		share;

	if (!IsA(query, Const))
		PG_RETURN_FLOAT8(DEFAULT_QUERY);
	if (((Const *) query)->constisnull)
		PG_RETURN_FLOAT8(0);
	/* The view profile has no tags where a row is missing. */
	if (IsA(tags, CoalesceExpr))
		tags = linitial(((CoalesceExpr *) tags)->args);
	examine_variable(root, tags, relation, &column);
	if (HeapTupleIsValid(column.statsTuple))
		known = get_attstatsslot(&slot, column.statsTuple, STATISTIC_KIND_MCELEM, InvalidOid, ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS);
	share = node_share(&slot, cd_tag_query_read((struct varlena *) PG_DETOAST_DATUM(((Const *) query)->constvalue))->root);
	if (HeapTupleIsValid(column.statsTuple) && !IsA(linitial(args), CoalesceExpr))
		share *= 1 - ((Form_pg_statistic) GETSTRUCT(column.statsTuple))->stanullfrac;
	if (known)
		free_attstatsslot(&slot);
	ReleaseVariableStats(column);
	CLAMP_PROBABILITY(share);
	PG_RETURN_FLOAT8(share);
}
