/*
 * timeline_once.c
 *		Events that are equal in everything and have the same event id are one
 *		event, however often and by whichever way they come in.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "timeline/timeline.h"
#include "timeline/timeline_format.h"
#include "timeline/timeline_rows.h"

/* Up to so many events of one instant are compared each with each. */
#define FEW_AT_ONCE		8

/* A field of a row, and how many bytes it takes; NULL if the row has none like it. */
static const char *
find_field(const CdShape *shape, const char *row, uint32 field, uint32 *size)
{
	const char *p = row + CD_ROW_HEAD;
	int			f;

	for (f = 0; f < shape->nfields; f++)
	{
		uint32		other = shape->fields[f] & ~CD_FIELD_IN_ROW;
		int			type = other & 3;
		int32		mark;

		memcpy(&mark, p, sizeof(mark));
		*size = type == CD_TYPE_NUMBER || type == CD_TYPE_BOOL ? 8 : mark < 0 ? 3 - mark : 4;
		if (other == field)
			return p;
		p += *size;
	}
	return NULL;
}

/* Do two rows of one instant say the same?  Their fields may be in another order. */
static bool
same_event(const CdPool *pool, const char *a, const char *b)
{
	const CdShape *x = &pool->shapes[cd_row_shape(a)];
	const CdShape *y = &pool->shapes[cd_row_shape(b)];
	int			f;

	if (x == y)
	{
		uint32		len = cd_row_length(pool, a);

		return len == cd_row_length(pool, b) && memcmp(a, b, len) == 0;
	}
	if (x->kind != y->kind || x->nfields != y->nfields)
		return false;
	for (f = 0; f < x->nfields; f++)
	{
		uint32		field = x->fields[f] & ~CD_FIELD_IN_ROW;
		uint32		size,
					other;
		const char *p = find_field(x, a, field, &size);
		const char *q = find_field(y, b, field, &other);

		if (q == NULL || size != other || memcmp(p, q, size) != 0)
			return false;
	}
	return true;
}

/* A hash of a row's event id. */
static uint32
id_hash(const CdPool *pool, const char *row)
{
	uint32		size;
	const char *id = find_field(&pool->shapes[cd_row_shape(row)], row, CD_COL_EVENT_ID << 2 | CD_TYPE_TEXT, &size);

	return id == NULL ? 0 : hash_bytes((const unsigned char *) id, size);
}

/* Keep the rows of one instant, from..to-1, behind the first `kept` rows; answers how many there are then. */
static int
keep_instant(CdPack *pack, int from, int to, int kept)
{
	const CdPool *pool = pack->builder->pool;
	char	  **rows = pack->rows;
	int			first = kept;
	uint32		size = 1;
	int		   *table = NULL;	/* open addressing: row + 1 */
	int			i,
				k;

	if (to - from > FEW_AT_ONCE)
	{
		while (size < (uint32) (to - from) * 2)
			size *= 2;
		table = cd_scratch_alloc(pack->scratch, size * sizeof(int));
		memset(table, 0, size * sizeof(int));
	}
	for (i = from; i < to; i++)
	{
		char	   *row = rows[i];
		bool		known = false;

		if (!pool->shapes[cd_row_shape(row)].event_id)
			;
		else if (table == NULL)
		{
			for (k = first; k < kept && !known; k++)
				known = same_event(pool, rows[k], row);
		}
		else
		{
			uint32		slot = id_hash(pool, row) & (size - 1);

			while (table[slot] != 0 && !known)
			{
				known = same_event(pool, rows[table[slot] - 1], row);
				slot = (slot + 1) & (size - 1);
			}
			if (!known)
				table[slot] = kept + 1;
		}
		if (!known)
			rows[kept++] = row;
	}
	return kept;
}

/* Leave out rows, which are in order of time, that repeat an event with an id. */
void
cd_pack_once(CdPack *pack)
{
	int			kept = 0,
				from,
				to;

	if (!pack->builder->pool->ids)
		return;
	for (from = 0; from < pack->n; from = to)
	{
		TimestampTz at = cd_row_at(pack->rows[from]);

		if ((from & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (to = from + 1; to < pack->n && cd_row_at(pack->rows[to]) == at; to++)
			;
		if (to - from == 1)
			pack->rows[kept++] = pack->rows[from];
		else
			kept = keep_instant(pack, from, to, kept);
	}
	pack->n = kept;
}
