/*
 * link.c
 *		Score candidate pairs and keep those above the floor as links.
 */
#include "postgres.h"

#include "customer_data.h"

#include "identity/engine.h"
#include "insertion.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

/* Links weaker than this are not kept. */
#define LINK_FLOOR			(-10.0f)

#define ST_SORT sort_links
#define ST_ELEMENT_TYPE CdScored
#define ST_COMPARE(x, y) \
	((x)->a < (y)->a ? -1 : (x)->a > (y)->a ? 1 : (x)->b < (y)->b ? -1 : (x)->b > (y)->b)
#define ST_SCOPE static
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

/* Score a pair, of which the side is that of x; true if it is kept as a link. */
bool
cd_score_pair(CdEngine *engine, const CdRecords *records, const CdSide *side, uint32 x, uint32 y, CdLinks *links)
{
	CdScored	scored;

	scored.a = Min(x, y);
	scored.b = Max(x, y);
	links->pairs++;
	if (!cd_pair_weight_above(engine, side, CD_FORM(records, scored.a), CD_FORM(records, scored.b), LINK_FLOOR,
							  &scored.weight, &scored.identifiers))
		return false;
	if (links->n == links->max)
	{
		links->max *= 2;
		links->item = repalloc_huge(links->item, links->max * sizeof(CdScored));
	}
	links->item[links->n++] = scored;
	return true;
}

/* A record whose candidates are on their way through the stages of scoring. */
typedef struct Pending
{
	uint32		record;
	uint32		n;				/* candidates */
	uint32		max;
	uint32	   *candidate;
	CdSide		side;
} Pending;

/* Find the candidates of a record; their forms begin to come into the caches. */
static void
find_candidates(CdEngine *engine, CdBlocking *blocking, uint32 r, Pending *pending)
{
	pending->record = r;
	pending->n = cd_candidates(engine, blocking, r);
	if (pending->n > pending->max)
	{
		pending->max = pending->n * 2;
		if (pending->candidate != NULL)
			pfree(pending->candidate);
		pending->candidate = MemoryContextAllocHuge(engine->context, pending->max * sizeof(uint32));
	}
	memcpy(pending->candidate, blocking->touched, pending->n * sizeof(uint32));
}

/* What the record can bring is noted; the tokens of its candidates begin to come. */
static void
await_tokens(CdEngine *engine, const CdRecords *records, Pending *pending)
{
	if (pending->n == 0)
		return;
	cd_side_note(engine, CD_FORM(records, pending->record), &pending->side);
	for (uint32 i = 0; i < pending->n; i++)
		cd_prefetch_tokens(engine, CD_FORM(records, pending->candidate[i]));
}

/*
 * Score the candidates of the records from one to another, and keep their
 * links.  Three records are under way at a time, each in another stage, so
 * that what a stage reads was fetched while the others were worked on.
 */
void
cd_score_candidates(CdEngine *engine, CdBlocking *blocking, uint32 from, uint32 to, CdLinks *links)
{
	const CdRecords *records = blocking->records;
	Pending		pending[3] = {{0}};

	for (uint32 r = from; r < to + 2; r++)
	{
		CHECK_FOR_INTERRUPTS();
		if (r < to)
			find_candidates(engine, blocking, r, &pending[r % 3]);
		if (r > from && r < to + 1)
			await_tokens(engine, records, &pending[(r - 1) % 3]);
		if (r > from + 1)
		{
			Pending    *p = &pending[(r - 2) % 3];

			for (uint32 i = 0; i < p->n; i++)
				cd_score_pair(engine, records, &p->side, p->record, p->candidate[i], links);
		}
	}
	for (int i = 0; i < 3; i++)
	{
		if (pending[i].candidate != NULL)
			pfree(pending[i].candidate);
	}
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
