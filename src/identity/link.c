/*
 * link.c
 *		Score candidate pairs and keep those above the floor as links.
 */
#include "postgres.h"

#include "customer_data.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "identity/engine.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* Links weaker than this are not kept. */
#define LINK_FLOOR			(-10.0f)
#define LINKS_AT_ONCE		20000

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

/* Score a pair; true if it is kept as a link. */
bool
cd_score_pair(CdEngine *engine, const CdRecords *records, uint32 x, uint32 y, CdLinks *links)
{
	CdScored	scored;

	scored.a = Min(x, y);
	scored.b = Max(x, y);
	links->pairs++;
	if (!cd_pair_weight_above(engine, CD_FORM(records, scored.a), CD_FORM(records, scored.b), LINK_FLOOR,
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

/* Score the candidates of a record and keep their links. */
void
cd_score_candidates(CdEngine *engine, CdBlocking *blocking, uint32 r, CdLinks *links)
{
	const CdRecords *records = blocking->records;
	uint32		n = cd_candidates(engine, blocking, r);

	for (uint32 i = 0; i < n; i++)
	{
		if (i + 3 < n)
			cd_prefetch_tokens(engine, CD_FORM(records, blocking->touched[i + 3]));
		cd_score_pair(engine, records, r, blocking->touched[i], links);
	}
}

/* Name the identifiers that agree. */
static Datum
identifier_cause(const CdLayout *layout, uint64 identifiers)
{
	StringInfoData cause;

	initStringInfo(&cause);
	for (int s = 0; s < layout->nslots; s++)
	{
		if (identifiers & (UINT64CONST(1) << s))
			appendStringInfo(&cause, "%s%s", cause.len == 0 ? "same " : " and ", layout->slot[s].name);
	}
	return CStringGetTextDatum(cause.data);
}

/* Write the links, in the order of their key. */
void
cd_links_write(CdEngine *engine, const CdRecords *records, CdLinks *links)
{
	Oid			types[4] = {INT8ARRAYOID, INT8ARRAYOID, FLOAT4ARRAYOID, TEXTARRAYOID};
	MemoryContext batch = AllocSetContextCreate(links->context, "customer_data links", ALLOCSET_DEFAULT_SIZES);
	Datum		model = CStringGetTextDatum("model");
	Datum	   *column[4];
	SPIPlanPtr	plan;

	sort_links(links->item, links->n);
	for (int c = 0; c < 4; c++)
		column[c] = MemoryContextAlloc(links->context, LINKS_AT_ONCE * sizeof(Datum));
	plan = SPI_prepare("INSERT INTO customer_data.match_link (record_a, record_b, weight, cause)"
					   " SELECT * FROM unnest($1, $2, $3, $4)", 4, types);
	for (Size from = 0; from < links->n; from += LINKS_AT_ONCE)
	{
		int			n = (int) Min(links->n - from, LINKS_AT_ONCE);
		MemoryContext old = MemoryContextSwitchTo(batch);
		Datum		values[4];

		for (int i = 0; i < n; i++)
		{
			const CdScored *link = &links->item[from + i];

			column[0][i] = Int64GetDatum(records->id[link->a]);
			column[1][i] = Int64GetDatum(records->id[link->b]);
			column[2][i] = Float4GetDatum(link->weight);
			column[3][i] = link->identifiers == 0 ? model : identifier_cause(engine->layout, link->identifiers);
		}
		values[0] = PointerGetDatum(construct_array(column[0], n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		values[1] = PointerGetDatum(construct_array(column[1], n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		values[2] = PointerGetDatum(construct_array(column[2], n, FLOAT4OID, 4, true, TYPALIGN_INT));
		values[3] = PointerGetDatum(construct_array(column[3], n, TEXTOID, -1, false, TYPALIGN_INT));
		MemoryContextSwitchTo(old);
		SPI_execute_plan(plan, values, NULL, false, 0);
		MemoryContextReset(batch);
	}
	MemoryContextDelete(batch);
}
