/*
 * link.c
 *		Score candidate pairs and keep those above the floor as links.
 */
#include "postgres.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "identity/engine.h"
#include "insertion.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* Links weaker than this are not kept. */
#define LINK_FLOOR			(-10.0f)

#define ST_SORT sort_links
#define ST_ELEMENT_TYPE CdScored
#define ST_COMPARE(x, y) \
	((x)->a < (y)->a ? -1 : (x)->a > (y)->a ? 1 : (x)->b < (y)->b ? -1 : (x)->b > (y)->b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

CdLinks *
cd_links_create(MemoryContext context)
{
	CdLinks    *links = MemoryContextAllocZero(context, sizeof(CdLinks));

	links->context = context;
	links->max = 4096;
	links->item = MemoryContextAllocHuge(context, links->max * sizeof(CdScored));
	return links;
}

/* Candidates of one record that go through the stages of scoring together. */
#define BATCH_CANDIDATES	128

typedef struct Staged
{
	uint32		candidate;
	CdBound		bound;
} Staged;

typedef struct Batch
{
	uint32		record;
	uint32		n;				/* candidates that are left, and which */
	uint8		left[BATCH_CANDIDATES];
	Staged		staged[BATCH_CANDIDATES];
	CdSide		side;
} Batch;

/*
 * Several batches are under way at a time, each in another stage, so that what
 * a stage reads was fetched while the others were worked on.
 */
#define STAGES	4

struct CdScoring
{
	CdEngine   *engine;
	const CdRecords *records;
	CdLinks    *links;
	uint64		begun;			/* batches */
	Batch		batch[STAGES];
};

/* Begin to score pairs of some records. */
CdScoring *
cd_scoring_begin(CdEngine *engine, const CdRecords *records, CdLinks *links)
{
	CdScoring  *scoring = MemoryContextAllocHuge(engine->context, sizeof(CdScoring));

	scoring->engine = engine;
	scoring->records = records;
	scoring->links = links;
	scoring->begun = 0;
	for (int i = 0; i < STAGES; i++)
		scoring->batch[i].n = scoring->batch[i].record = 0;
	return scoring;
}

/* Give up candidates by their numbers; the tokens of others begin to come into the caches. */
static void
look_at_forms(CdScoring *scoring, Batch *batch)
{
	const CdRecords *records = scoring->records;
	uint32		left = 0;

	if (batch->n == 0)
		return;
	cd_side_note(scoring->engine, CD_FORM(records, batch->record), &batch->side);
	for (uint32 i = 0; i < batch->n; i++)
	{
		Staged	   *staged = &batch->staged[i];
		const CdForm *form = CD_FORM(records, staged->candidate);

		if (!cd_bound_by_form(scoring->engine, &batch->side, form, LINK_FLOOR, &staged->bound))
			continue;
		batch->left[left++] = (uint8) i;
		cd_prefetch_tokens(scoring->engine, form);
	}
	batch->n = left;
}

/* Give up candidates by a glance at their tokens; what is remembered of the others' begins to come. */
static void
look_at_tokens(CdScoring *scoring, Batch *batch)
{
	const CdForm *form = CD_FORM(scoring->records, batch->record);
	uint32		left = 0;

	for (uint32 i = 0; i < batch->n; i++)
	{
		Staged	   *staged = &batch->staged[batch->left[i]];
		const CdForm *other = CD_FORM(scoring->records, staged->candidate);

		if (!cd_bound_by_glance(scoring->engine, &batch->side, other, LINK_FLOOR, &staged->bound))
			continue;
		batch->left[left++] = batch->left[i];
		cd_prefetch_names(scoring->engine, form, other);
	}
	batch->n = left;
}

/* Score the candidates that are left, and keep those above the floor. */
static void
look_at_texts(CdScoring *scoring, Batch *batch)
{
	CdLinks    *links = scoring->links;

	for (uint32 i = 0; i < batch->n; i++)
	{
		const Staged *staged = &batch->staged[batch->left[i]];
		CdScored	scored;

		scored.a = Min(batch->record, staged->candidate);
		scored.b = Max(batch->record, staged->candidate);
		if (!cd_pair_weight_above(scoring->engine, CD_FORM(scoring->records, scored.a), CD_FORM(scoring->records, scored.b),
								  LINK_FLOOR, &staged->bound, &scored.weight, &scored.identifiers))
			continue;
		if (links->n == links->max)
		{
			links->max *= 2;
			links->item = repalloc_huge(links->item, links->max * sizeof(CdScored));
		}
		links->item[links->n++] = scored;
	}
	batch->n = 0;
}

/* Each batch goes a stage further; answers the place of a new one. */
static Batch *
next_batch(CdScoring *scoring)
{
	uint64		at = scoring->begun++;
	Batch	   *batch = scoring->batch;

	look_at_texts(scoring, &batch[(at + STAGES - 3) % STAGES]);
	look_at_tokens(scoring, &batch[(at + STAGES - 2) % STAGES]);
	look_at_forms(scoring, &batch[(at + STAGES - 1) % STAGES]);
	return &batch[at % STAGES];
}

/* Score a record against its candidates; what of them is above the floor is known at the end. */
void
cd_scoring_put(CdScoring *scoring, uint32 record, const uint32 *candidate, uint32 n)
{
	scoring->links->pairs += n;
	while (n > 0)
	{
		Batch	   *batch = next_batch(scoring);

		CHECK_FOR_INTERRUPTS();
		batch->record = record;
		batch->n = Min(n, BATCH_CANDIDATES);
		for (uint32 i = 0; i < batch->n; i++)
			batch->staged[i].candidate = candidate[i];
		candidate += batch->n;
		n -= batch->n;
	}
}

void
cd_scoring_end(CdScoring *scoring)
{
	for (int i = 1; i < STAGES; i++)
		next_batch(scoring);
	pfree(scoring);
}

/* Score the candidates of the records from one to another, and keep their links. */
void
cd_score_candidates(CdEngine *engine, CdBlocking *blocking, uint32 from, uint32 to, CdLinks *links)
{
	CdScoring  *scoring = cd_scoring_begin(engine, blocking->records, links);

	for (uint32 r = from; r < to; r++)
	{
		uint32		n = cd_candidates(engine, blocking, r);

		CHECK_FOR_INTERRUPTS();
		cd_scoring_put(scoring, r, blocking->touched, n);
	}
	cd_scoring_end(scoring);
}

/* Name the identifiers that agree. */
static char *
identifier_cause(const CdLayout *layout, uint64 identifiers)
{
	StringInfoData cause;

	initStringInfo(&cause);
	for (int s = 0; s < layout->nslots; s++)
	{
		if (identifiers & (UINT64CONST(1) << s))
			appendStringInfo(&cause, "%s%s", cause.len == 0 ? "same " : " and ", layout->slot[s].name);
	}
	return cause.data;
}

/* Write the links, in the order of their key. */
void
cd_links_write(CdEngine *engine, const CdRecords *records, CdLinks *links)
{
	Datum		values[4];
	const bool	nulls[lengthof(values)] = {false, false, false, false};
	CdInsertion *insertion = cd_insertion_begin("match_link", lengthof(values), true);
	uint64		identifiers = 0;
	Datum		model = CStringGetTextDatum("model");
	Datum		cause = model;

	sort_links(links->item, links->n);
	for (Size i = 0; i < links->n; i++)
	{
		const CdScored *link = &links->item[i];

		if (link->identifiers != identifiers && link->identifiers != 0)
		{
			if (cause != model)
				pfree(DatumGetPointer(cause));
			cause = CStringGetTextDatum(identifier_cause(engine->layout, link->identifiers));
			identifiers = link->identifiers;
		}
		values[0] = Int64GetDatum(records->id[link->a]);
		values[1] = Int64GetDatum(records->id[link->b]);
		values[2] = Float4GetDatum(link->weight);
		values[3] = link->identifiers == 0 ? model : cause;
		cd_insertion_add(insertion, values, nulls);
	}
	cd_insertion_end(insertion);
}

/* Note whom links join with changed records: they are looked at when customers are made. */
void
cd_links_note(const CdRecords *records, const CdLinks *links)
{
	Oid			types[1] = {INT8ARRAYOID};
	Datum	   *id = MemoryContextAllocHuge(CurrentMemoryContext, (links->n * 2 + 1) * sizeof(Datum));
	Datum		argument;
	int			n = 0;

	for (Size i = 0; i < links->n; i++)
	{
		if (links->item[i].weight <= 0)
			continue;
		id[n++] = Int64GetDatum(records->id[links->item[i].a]);
		id[n++] = Int64GetDatum(records->id[links->item[i].b]);
	}
	argument = PointerGetDatum(construct_array(id, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	SPI_execute_with_args("INSERT INTO customer_data.record_affected (record_id, cause)"
						  " SELECT DISTINCT u, 'a link is new' FROM unnest($1) AS u", 1, types, &argument, NULL, false, 0);
	pfree(id);
}
