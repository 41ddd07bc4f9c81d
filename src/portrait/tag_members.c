/*
 * tag_members.c
 *		Answer tag queries for all customers from the index by tag.
 *
 * Each layer answers for its own customers: for a leaf the union over its
 * rows, for & | ! what the sets give.  What a later layer tells of a customer
 * replaces what the layer says.  Only rows of the paths asked for are read, and
 * of their columns only those that the answer takes: who has a tag for good is
 * a set as it lies there.
 */
#include "postgres.h"

#include "portrait/tag_index.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portrait/past.h"
#include "portrait/tag_query.h"
#include "sets/view.h"
#include "timeline/chunk.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* What a session keeps of the memory that answers take. */
#define ANSWER_KEPT		((Size) 512 * 1024)
#define HEAP_KEPT		((Size) 2 * 1024 * 1024)

/* The index, opened. */
typedef struct Postings
{
	Relation	relation;
	Oid			by_path;
	CdTagLayer *layers;			/* the latest first */
	int			nlayers;
	CdSet	   *everyone;
	TimestampTz moment;
} Postings;

/* What a leaf gives in each layer; NULL: nobody. */
typedef struct LeafSets
{
	CdSet	  **sets;
} LeafSets;

/* What the rows of a leaf share: room for members, which the next row takes over, and verdicts. */
typedef struct Room
{
	MemoryContext context;		/* of all this, while what else a row takes goes with it */
	uint32		size;
	int64	   *ids;
	uint32	   *kept;
	bool	   *passes;
	uint32		values_size;
	uint16	   *values;			/* of a container */
	bool		judged;
	bool		hundredths[PG_UINT8_MAX + 1];	/* which scores of one byte satisfy it, */
	bool		connected;		/* whether those are all between the */
	int			least;			/* least and the */
	int			most;			/* most of them; least > most: none does */
} Room;

/* A row, as far as it is needed. */
typedef struct Row
{
	HeapTuple	tuple;
	TupleDesc	desc;
	Room	   *room;
	CdSet	   *members;
	int64	   *ids;			/* of the members, ascending */
	uint32		count;
} Row;

static void
corrupt_index(const char *fault)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the index by tag is damaged"),
			 errdetail("As found, %s.", fault),
			 errhint("Make it anew: SELECT customer_data.rebuild_tag_index().")));
}

/* A varlena column of a row, detoasted, palloc'd; NULL if it is null */
static struct varlena *
row_value(const Row *row, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(row->tuple, column, row->desc, &isnull);

	return isnull ? NULL : PG_DETOAST_DATUM_COPY(value);
}

/* Read whose row it is */
static void
open_members(Row *row)
{
	row->members = (CdSet *) row_value(row, CD_POSTING_MEMBERS);
	if (row->members == NULL)
		corrupt_index("a set is missing");
	row->count = (uint32) cd_set_cardinality(row->members);
}

/* One score for each member, a form byte before them; NULL: all are 1 */
static const uint8 *
open_scores(const Row *row)
{
	struct varlena *scores = row_value(row, CD_POSTING_SCORES);
	const uint8 *bytes;

	if (scores == NULL)
		return NULL;
	bytes = (const uint8 *) VARDATA(scores);
	if (VARSIZE(scores) <= VARHDRSZ ||
		(bytes[0] != CD_SCORES_HUNDREDTHS && bytes[0] != CD_SCORES_EXACT) ||
		VARSIZE(scores) != VARHDRSZ + 1 + (Size) row->count * (bytes[0] == CD_SCORES_HUNDREDTHS ? 1 : sizeof(float4)))
		corrupt_index("there is not one score for each customer");
	return bytes;
}

/* Take the members of a row apart */
static void
read_members(Row *row)
{
	Room	   *room = row->room;

	if (row->count > room->size)
	{
		if (room->size > 0)
		{
			pfree(room->ids);
			pfree(room->kept);
			pfree(room->passes);
		}
		room->size = Max(row->count, 1024);
		room->ids = MemoryContextAllocHuge(room->context, room->size * sizeof(int64));
		room->kept = MemoryContextAllocHuge(room->context, room->size * sizeof(uint32));
		room->passes = MemoryContextAllocHuge(room->context, room->size * sizeof(bool));
	}
	row->ids = room->ids;
	cd_set_to_int64(row->members, row->ids);
}

/* Which scores of one byte satisfy a leaf */
static const bool *
judge_hundredths(Room *room, const CdTagNode *leaf, TimestampTz moment)
{
	int			count = 0;
	int			i;

	if (room->judged)
		return room->hundredths;
	room->least = PG_UINT8_MAX + 1;
	room->most = -1;
	for (i = 0; i <= PG_UINT8_MAX; i++)
	{
		CdTag		tag = {NULL, 0, (float4) ((double) i / 100), DT_NOBEGIN, DT_NOEND, 0, 0};

		room->hundredths[i] = cd_tag_satisfies(&tag, leaf, moment);
		if (!room->hundredths[i])
			continue;
		room->least = Min(room->least, i);
		room->most = i;
		count++;
	}
	room->connected = count == 0 || count == room->most - room->least + 1;
	room->judged = true;
	return room->hundredths;
}

/* Who of a row satisfies a leaf by the score as it is written */
static void
judge_scores(const Row *row, const CdTagNode *leaf, TimestampTz moment, bool *passes)
{
	const uint8 *scores = open_scores(row);
	CdTag		tag = {NULL, 0, 1, DT_NOBEGIN, DT_NOEND, 0, 0};
	uint32		i;

	if (scores == NULL)
		memset(passes, cd_tag_satisfies(&tag, leaf, moment), row->count);
	else if (scores[0] == CD_SCORES_HUNDREDTHS)
	{
		const bool *verdicts = judge_hundredths(row->room, leaf, moment);

		for (i = 0; i < row->count; i++)
			passes[i] = verdicts[scores[1 + i]];
	}
	else
	{
		for (i = 0; i < row->count; i++)
		{
			memcpy(&tag.score, scores + 1 + (Size) i * sizeof(float4), sizeof(float4));
			passes[i] = cd_tag_satisfies(&tag, leaf, moment);
		}
	}
}

/* The score of a row's customer as it is written */
static float4
row_score(const uint8 *scores, uint32 i)
{
	float4		score;

	if (scores == NULL)
		return 1;
	if (scores[0] == CD_SCORES_HUNDREDTHS)
		return (float4) ((double) scores[1 + i] / 100);
	memcpy(&score, scores + 1 + (Size) i * sizeof(float4), sizeof(float4));
	return score;
}

/* Called with each customer of a row whose tag decays or expires, and his place in the row. */
typedef void (*TakeMoving) (void *arg, uint32 place, const CdTag *tag);

/* Go through those of a row whose tags move */
static void
each_moving(const Row *row, TakeMoving take, void *arg)
{
	struct varlena *times = row_value(row, CD_POSTING_TIMES);
	CdSet	   *moving;
	const uint8 *scores,
			   *next,
			   *end;
	CdTagTimes	last = {0, 0};
	uint32	   *ids = NULL;
	uint64		count = row->count,
				i;
	uint32		place = 0;

	moving = (CdSet *) row_value(row, CD_POSTING_MOVING);
	if (times == NULL && moving != NULL)
		corrupt_index("times are missing");
	if (times == NULL)
		return;
	scores = open_scores(row);
	if (moving != NULL)
		ids = cd_set_ids(moving, &count);
	next = (const uint8 *) VARDATA(times);
	end = next + VARSIZE(times) - VARHDRSZ;
	for (i = 0; i < count; i++)
	{
		CdTag		tag = {NULL, 0, 1, DT_NOBEGIN, DT_NOEND, 0, 0};
		const char *fault = cd_tag_times_read(&next, end, &tag, &last);

		if (fault != NULL)
			corrupt_index(fault);
		if (ids == NULL)
			place = (uint32) i;
		while (ids != NULL && place < row->count && row->ids[place] < ids[i])
			place++;
		if (place == row->count || (ids != NULL && row->ids[place] != ids[i]))
			corrupt_index("times belong to a customer who has no such tag");
		tag.score = row_score(scores, place);
		take(arg, place, &tag);
	}
	if (moving != NULL)
	{
		pfree(ids);
		pfree(moving);
	}
	pfree(times);
}

typedef struct Judgement
{
	const CdTagNode *leaf;
	TimestampTz moment;
	bool	   *passes;
} Judgement;

static void
judge_moving(void *arg, uint32 place, const CdTag *tag)
{
	Judgement  *judgement = arg;

	judgement->passes[place] = cd_tag_satisfies(tag, judgement->leaf, judgement->moment);
}

/* Of a container the values whose scores are among the hundredths that satisfy the leaf, with room for all and 32 more; answers how many */
static uint32
filter_container(Room *room, const CdContainer *c, const uint8 *scores)
{
	uint16	   *values;
	const uint8 *source = c->body;
	uint32		n = 0;
	uint32		k;

	if (c->cardinality > room->values_size)
	{
		if (room->values != NULL)
			pfree(room->values);
		room->values_size = c->cardinality;
		room->values = MemoryContextAlloc(room->context, (c->cardinality + 64) * sizeof(uint16));
	}
	values = room->values;
	if (c->kind != KIND_ARRAY)
	{
		uint8		bits[BITMAP_BYTES] = {0};

		cd_container_to_bits(c, bits);
		if (cd_bits->positions(bits, values, c->cardinality) != c->cardinality)
			corrupt_index("a set is not of the size it claims");
		source = (const uint8 *) values;
	}
	if (room->connected)
		return cd_bits->between(source, scores, c->cardinality, room->least, room->most, (uint8 *) values);
	for (k = 0; k < c->cardinality; k++)
	{
		values[n] = load16(source + 2 * k);
		n += room->hundredths[scores[k]];
	}
	return n;
}

/* Those of a set whose scores, in the order of their ids, are among the hundredths that satisfy the leaf */
static CdSet *
filter_hundredths(Room *room, const CdSet *members, const uint8 *scores)
{
	CdSetView	view;
	CdContainer *kept;
	uint32		nkept = 0;
	uint32		i,
				k;

	if (room->most < 0)
		return cd_set_empty();
	cd_set_view(members, &view);
	kept = palloc(Max(view.count, 1) * sizeof(CdContainer));
	for (i = 0; i < view.count; i++)
	{
		CdContainer c;
		uint8	   *out;
		uint32		n;

		CHECK_FOR_INTERRUPTS();
		cd_set_open(&view, i, &c);
		n = filter_container(room, &c, scores);
		scores += c.cardinality;
		if (n == 0)
			continue;
		if (n <= ARRAY_MAX)
		{
			out = palloc(n * sizeof(uint16) + 64);
			memcpy(out, room->values, n * sizeof(uint16));
			cd_finish_array(out, n, &kept[nkept]);
		}
		else
		{
			out = palloc0(BITMAP_BYTES);
			for (k = 0; k < n; k++)
				out[room->values[k] >> 3] |= (uint8) (1 << (room->values[k] & 7));
			cd_finish_bits(out, n, &kept[nkept]);
		}
		kept[nkept++].key = c.key;
	}
	return nkept == 0 ? cd_set_empty() : cd_set_of_containers(kept, nkept);
}

/* Who of a row satisfies a leaf, where the scores say so by themselves and take a byte each; else NULL */
static CdSet *
simple_matches(const Row *row, const CdTagNode *leaf, TimestampTz moment)
{
	const uint8 *scores;

	if (!heap_attisnull(row->tuple, CD_POSTING_TIMES, row->desc) ||
		(scores = open_scores(row)) == NULL || scores[0] != CD_SCORES_HUNDREDTHS)
		return NULL;
	(void) judge_hundredths(row->room, leaf, moment);
	return filter_hundredths(row->room, row->members, scores + 1);
}

/* Who of a row satisfies a leaf */
static CdSet *
row_matches(Row *row, const CdTagNode *leaf, TimestampTz moment)
{
	bool		isnull;
	Datum		holds = heap_getattr(row->tuple, CD_POSTING_HOLDS, row->desc, &isnull);
	Judgement	judgement = {leaf, moment, NULL};
	CdSet	   *result;
	uint32		kept = 0;
	uint32		i;

	open_members(row);
	if (leaf->op == CD_TAG_HAS && (isnull || moment < DatumGetTimestampTz(holds)))
		return row->members;
	if (leaf->op != CD_TAG_HAS && (result = simple_matches(row, leaf, moment)) != NULL)
		return result;
	read_members(row);
	judgement.passes = row->room->passes;
	if (leaf->op == CD_TAG_HAS)
		memset(judgement.passes, true, row->count);
	else
		judge_scores(row, leaf, moment, judgement.passes);
	each_moving(row, judge_moving, &judgement);
	{
		const int64 *ids = row->ids;
		const bool *passes = row->room->passes;
		uint32	   *out = row->room->kept;
		uint32		count = row->count;

		for (i = 0; i < count; i++)
		{
			out[kept] = (uint32) ids[i];
			kept += passes[i];
		}
	}
	return cd_set_from_sorted(row->room->kept, kept);
}

/* The first path after all those below a prefix; the prefix ends with a dot, after which comes a slash */
static text *
path_after(const char *prefix, int length)
{
	text	   *after = cstring_to_text_with_len(prefix, length);

	VARDATA(after)[length - 1]++;
	return after;
}

/* Begin to read the rows of a path, or of those below a prefix */
static SysScanDesc
begin_rows(const Postings *postings, const char *path, int length)
{
	ScanKeyData keys[2];
	int			nkeys = 0;

	if (path[length - 1] != '*')
		ScanKeyEntryInitialize(&keys[nkeys++], 0, CD_POSTING_PATH, BTEqualStrategyNumber, InvalidOid,
							   C_COLLATION_OID, F_TEXTEQ, PointerGetDatum(cstring_to_text_with_len(path, length)));
	else if (length > 1)
	{
		ScanKeyEntryInitialize(&keys[nkeys++], 0, CD_POSTING_PATH, BTGreaterEqualStrategyNumber, InvalidOid,
							   C_COLLATION_OID, F_TEXT_GE, PointerGetDatum(cstring_to_text_with_len(path, length - 1)));
		ScanKeyEntryInitialize(&keys[nkeys++], 0, CD_POSTING_PATH, BTLessStrategyNumber, InvalidOid,
							   C_COLLATION_OID, F_TEXT_LT, PointerGetDatum(path_after(path, length - 1)));
	}
	return systable_beginscan(postings->relation, postings->by_path, OidIsValid(postings->by_path), GetActiveSnapshot(), nkeys, keys);
}

/* Which of the layers a row belongs to, or -1 */
static int
layer_of(const Postings *postings, HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	int32		number = DatumGetInt32(heap_getattr(tuple, CD_POSTING_LAYER, desc, &isnull));
	int			i;

	for (i = 0; i < postings->nlayers; i++)
	{
		if (postings->layers[i].number == number)
			return i;
	}
	return -1;
}

/* What a leaf gives, layer by layer */
static void
read_leaf(const Postings *postings, const CdTagNode *leaf, LeafSets *result)
{
	SysScanDesc scan = begin_rows(postings, leaf->path, leaf->length);
	CdSetBuilder **builders = palloc0(postings->nlayers * sizeof(CdSetBuilder *));
	HeapTuple	tuple;
	Room		room = {.context = CurrentMemoryContext};
	MemoryContext of_row = AllocSetContextCreate(CurrentMemoryContext, "a row of the index by tag", ALLOCSET_DEFAULT_SIZES);
	int			i;

	result->sets = palloc0(postings->nlayers * sizeof(CdSet *));
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Row			row = {tuple, RelationGetDescr(postings->relation), &room, NULL, NULL, 0};
		CdSet	   *matches;

		CHECK_FOR_INTERRUPTS();
		i = layer_of(postings, tuple, row.desc);
		if (i < 0)
			continue;
		MemoryContextReset(of_row);
		MemoryContextSwitchTo(of_row);
		matches = row_matches(&row, leaf, postings->moment);
		MemoryContextSwitchTo(room.context);
		/* Often there is but one row. */
		if (result->sets[i] == NULL && builders[i] == NULL)
		{
			result->sets[i] = cd_set_copy(matches);
			continue;
		}
		if (builders[i] == NULL)
		{
			builders[i] = cd_set_builder();
			cd_set_builder_or(builders[i], result->sets[i]);
			pfree(result->sets[i]);
		}
		cd_set_builder_or(builders[i], matches);
	}
	systable_endscan(scan);
	MemoryContextDelete(of_row);
	for (i = 0; i < postings->nlayers; i++)
	{
		if (builders[i] != NULL)
			result->sets[i] = cd_set_builder_value(builders[i]);
	}
}

static void
read_leaves(const Postings *postings, const CdTagNode *node, LeafSets *leaves)
{
	check_stack_depth();
	if (node->op >= CD_TAG_HAS)
	{
		read_leaf(postings, node, &leaves[node->leaf]);
		return;
	}
	read_leaves(postings, node->left, leaves);
	if (node->op != CD_TAG_NOT)
		read_leaves(postings, node->right, leaves);
}

/* What a node gives in a layer */
static CdSet *
node_set(const CdTagNode *node, const LeafSets *leaves, const CdTagLayer *layers, int layer)
{
	CdSet	   *left;

	check_stack_depth();
	switch (node->op)
	{
		case CD_TAG_AND:
			/* Who must not be there is taken from who must, where there is somebody. */
			if (node->right->op == CD_TAG_NOT)
				return cd_set_andnot(node_set(node->left, leaves, layers, layer), node_set(node->right->left, leaves, layers, layer));
			if (node->left->op == CD_TAG_NOT)
				return cd_set_andnot(node_set(node->right, leaves, layers, layer), node_set(node->left->left, leaves, layers, layer));
			left = node_set(node->left, leaves, layers, layer);
			return cd_set_is_empty(left) ? left : cd_set_and(left, node_set(node->right, leaves, layers, layer));
		case CD_TAG_OR:
			return cd_set_or(node_set(node->left, leaves, layers, layer), node_set(node->right, leaves, layers, layer));
		case CD_TAG_NOT:
			return cd_set_andnot(layers[layer].customers, node_set(node->left, leaves, layers, layer));
		default:
			return leaves[node->leaf].sets[layer] == NULL ? cd_set_empty() : leaves[node->leaf].sets[layer];
	}
}

/* Does somebody without any tags satisfy a query? */
static bool
suits_nobody(const CdTagNode *node)
{
	check_stack_depth();
	switch (node->op)
	{
		case CD_TAG_AND:
			return suits_nobody(node->left) && suits_nobody(node->right);
		case CD_TAG_OR:
			return suits_nobody(node->left) || suits_nobody(node->right);
		case CD_TAG_NOT:
			return !suits_nobody(node->left);
		default:
			return false;
	}
}

/* A set that a query gives; $1 may be the tag query */
static CdSet *
set_of(const char *query, struct varlena *argument, Oid type)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[1] = {type};
	Datum		values[1] = {PointerGetDatum(argument)};
	CdSet	   *set;
	bool		isnull;

	SPI_connect();
	if (SPI_execute_with_args(query, argument == NULL ? 0 : 1, types, values, NULL, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not read customers")));
	MemoryContextSwitchTo(context);
	set = (CdSet *) PG_DETOAST_DATUM_COPY(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return set;
}

static void
open_postings(Postings *postings)
{
	postings->layers = cd_tag_layers(&postings->nlayers, &postings->everyone);
	postings->relation = cd_open_tag_table("tag_posting");
	postings->by_path = cd_index_on(postings->relation, CD_POSTING_PATH);
	postings->moment = cd_as_of();
}

/* What the layers say of a query, the later ones first */
static CdSet *
answer(const Postings *postings, const CdTagQuery *query)
{
	LeafSets   *leaves = palloc(query->leaves * sizeof(LeafSets));
	CdSet	   *told = NULL;	/* of whom later layers told */
	CdSet	   *result = NULL;
	int			i;

	read_leaves(postings, query->root, leaves);
	for (i = 0; i < postings->nlayers; i++)
	{
		CdSet	   *matches = node_set(query->root, leaves, postings->layers, i);

		if (told != NULL)
			matches = cd_set_andnot(matches, told);
		result = result == NULL ? matches : cd_set_or(result, matches);
		told = told == NULL ? postings->layers[i].customers : cd_set_or(told, postings->layers[i].customers);
	}
	if (suits_nobody(query->root))
	{
		result = cd_set_or(cd_set_and(result, postings->everyone), cd_set_andnot(postings->everyone, told));
	}
	return result;
}

/*
 * Memory for an answer, which the session keeps: what one takes the next does
 * not ask the system for again, page by page.
 */
static MemoryContext
answer_memory(void)
{
	static MemoryContext context = NULL;

	if (context == NULL)
	{
		context = AllocSetContextCreate(TopMemoryContext, "answers of the index by tag",
										ANSWER_KEPT, ALLOCSET_DEFAULT_INITSIZE, ALLOCSET_DEFAULT_MAXSIZE);

		/*
		 * Values of more than 8 kB are blocks of their own.  The C library
		 * gives the end of its heap back to the system when such a one is
		 * freed there and asks for it again for the next, page by page, until
		 * a block as large as this was freed once: half of the time that a
		 * query of one rare tag took.
		 */
		pfree(MemoryContextAlloc(context, HEAP_KEPT));
	}
	else
		MemoryContextReset(context);	/* of one that an error ended */
	return context;
}

/* tag_members(query): who satisfies it by the tags of the last refresh, as of as_of() */
PG_FUNCTION_INFO_V1(cd_tag_members);
Datum
cd_tag_members(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));
	MemoryContext memory = answer_memory();
	MemoryContext old = MemoryContextSwitchTo(memory);
	CdTagQuery *query = cd_tag_query_read(value);
	Postings	postings;
	CdSet	   *result;

	open_postings(&postings);
	/* Without the index, as after a restore, and for the past each customer is asked. */
	if (postings.nlayers == 0 && !OidIsValid(get_relname_relid("profile", get_namespace_oid("customer_data", false))))
	{
		MemoryContextSwitchTo(old);
		result = cd_set_empty();
	}
	else if (postings.nlayers == 0 || cd_recomputes_past())
	{
		/* Those may ask for an answer themselves. */
		MemoryContextSwitchTo(old);
		result = set_of("SELECT customer_data.customer_set_agg(customer_id) FROM customer_data.profile WHERE tags OPERATOR(customer_data.@@) $1",
						value, get_fn_expr_argtype(fcinfo->flinfo, 0));
	}
	else
	{
		result = answer(&postings, query);
		MemoryContextSwitchTo(old);
		result = memcpy(palloc(VARSIZE(result)), result, VARSIZE(result));
	}
	table_close(postings.relation, AccessShareLock);
	MemoryContextReset(memory);
	PG_RETURN_CDSET(result);
}

/* Scores now, by place in a row. */
typedef struct RowScores
{
	TimestampTz moment;
	double	   *scores;
} RowScores;

static void
set_moving_score(void *arg, uint32 place, const CdTag *tag)
{
	RowScores  *now = arg;

	if (!cd_tag_score_at(tag, now->moment, &now->scores[place]))
		now->scores[place] = 0;
}

/* Sum of the scores now of those customers of a row who are in a set */
static double
sum_scores(Row *row, const CdSet *among, TimestampTz moment)
{
	const uint8 *scores;
	RowScores	now = {moment, NULL};
	double		sum = 0;
	uint32		i;

	open_members(row);
	read_members(row);
	scores = open_scores(row);
	now.scores = palloc_extended(Max(row->count, 1) * sizeof(double), MCXT_ALLOC_HUGE);
	for (i = 0; i < row->count; i++)
		now.scores[i] = cd_score_value(row_score(scores, i));
	each_moving(row, set_moving_score, &now);
	for (i = 0; i < row->count; i++)
	{
		if (cd_set_contains(among, (uint32) row->ids[i]))
			sum += now.scores[i];
	}
	return sum;
}

/*
 * tag_posting_counts(among, paths, scores): row by row of the index, how many
 * customers (of a set) have the tag now, and the sum of their scores now.
 */
PG_FUNCTION_INFO_V1(cd_tag_posting_counts);
Datum
cd_tag_posting_counts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CdSet	   *among = PG_ARGISNULL(0) ? NULL : PG_GETARG_CDSET(0);
	text	   *paths = PG_ARGISNULL(1) ? cstring_to_text("*") : PG_GETARG_TEXT_PP(1);
	bool		scored = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	CdTagNode	leaf = {CD_TAG_HAS, NULL, NULL, text_to_cstring(paths), VARSIZE_ANY_EXHDR(paths), 0, 0};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "customers of a tag", ALLOCSET_DEFAULT_SIZES);
	CdSet	  **told;
	Postings	postings;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	if (leaf.length == 0)
		return (Datum) 0;
	open_postings(&postings);

	/* Whom each layer still tells of. */
	told = palloc(Max(postings.nlayers, 1) * sizeof(CdSet *));
	for (i = 0; i < postings.nlayers; i++)
	{
		CdSet	   *later = i == 0 ? NULL : cd_set_or(postings.layers[i - 1].customers, told[i - 1]);

		told[i] = later == NULL ? cd_set_empty() : later;
	}
	for (i = 0; i < postings.nlayers; i++)
	{
		told[i] = cd_set_andnot(postings.layers[i].customers, told[i]);
		if (among != NULL)
			told[i] = cd_set_and(told[i], among);
	}
	scan = begin_rows(&postings, leaf.path, leaf.length);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		Room		room = {.context = context};
		Row			row = {tuple, RelationGetDescr(postings.relation), &room, NULL, NULL, 0};
		Datum		values[3];
		bool		nulls[3] = {false, false, !scored};

		CHECK_FOR_INTERRUPTS();
		i = layer_of(&postings, tuple, row.desc);
		if (i >= 0)
		{
			values[0] = heap_getattr(tuple, CD_POSTING_PATH, row.desc, &nulls[0]);
			values[1] = Int64GetDatum((int64) cd_set_and_cardinality(row_matches(&row, &leaf, postings.moment), told[i]));
			if (scored)
				values[2] = Float8GetDatum(sum_scores(&row, told[i], postings.moment));
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	systable_endscan(scan);
	table_close(postings.relation, AccessShareLock);
	MemoryContextDelete(context);
	return (Datum) 0;
}
