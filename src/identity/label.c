/*
 * label.c
 *		Read what is known of the truth: decisions of people about pairs, and
 *		which entity records are by a relation of labels.
 */
#include "postgres.h"

#include "customer_data.h"

#include "executor/spi.h"
#include "identity/engine.h"
#include "identity/rows.h"

#define NO_RECORD	PG_UINT32_MAX

/* Number of a record of the batch, PG_UINT32_MAX if it is not among them. */
uint32
cd_record_number(const CdRecords *records, int64 id)
{
	uint32		low = 0,
				high = records->n;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (records->id[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < records->n && records->id[low] == id ? low : NO_RECORD;
}

/* Labels being read. */
typedef struct ReadLabels
{
	const CdRecords *records;
	CdLabels   *labels;
} ReadLabels;

/* Take which entity a record is. */
static void
take_entity(void *state, uint64 row)
{
	ReadLabels *read = state;
	bool		isnull;
	uint32		r = cd_record_number(read->records, DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull)));
	Datum		entity = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2, &isnull);
	text	   *t;

	if (isnull || r == NO_RECORD)
		return;
	t = DatumGetTextPP(entity);
	read->labels->entity[r] = cd_hash64(0, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
	read->labels->known[r] = true;
}

/* Read which entity records are, by a query of record and entity. */
static void
read_entities(CdEngine *engine, const CdRecords *records, const char *truth, CdLabels *labels)
{
	ReadLabels	read = {records, labels};

	labels->entity = MemoryContextAllocExtended(engine->context, Max(records->n, 1) * sizeof(uint64),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	cd_each_row(SPI_cursor_open_with_args(NULL, truth, 0, NULL, NULL, NULL, true, CURSOR_OPT_NO_SCROLL), take_entity, &read);
}

/*
 * Read the labels there are; NULL if none.  truth, if given, is a query of
 * record_id and entity.
 */
CdLabels *
cd_labels_read(CdEngine *engine, const CdRecords *records, const char *truth)
{
	CdLabels   *labels = MemoryContextAllocZero(engine->context, sizeof(CdLabels));
	bool		isnull;

	SPI_execute("SELECT record_a, record_b, decision = 'must_link' FROM customer_data.match_decision"
				" ORDER BY record_a, record_b", true, 0);
	if (SPI_processed == 0 && truth == NULL)
		return NULL;
	labels->known = MemoryContextAllocExtended(engine->context, Max(records->n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	labels->decision = MemoryContextAllocHuge(engine->context, Max(SPI_processed, 1) * sizeof(CdDecision));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CdDecision *d = &labels->decision[labels->ndecisions];
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		d->a = cd_record_number(records, DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull)));
		d->b = cd_record_number(records, DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull)));
		d->same = DatumGetBool(SPI_getbinval(row, desc, 3, &isnull));
		if (d->a == NO_RECORD || d->b == NO_RECORD)
			continue;
		labels->known[d->a] = labels->known[d->b] = true;
		labels->ndecisions++;
	}
	SPI_freetuptable(SPI_tuptable);
	if (truth != NULL)
		read_entities(engine, records, truth, labels);
	return labels;
}
