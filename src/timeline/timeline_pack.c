/*
 * timeline_pack.c
 *		Packing rows into the bytes of a timeline.  The result depends on the
 *		sequence of events alone, so equal sequences have equal bytes.
 */
#include "postgres.h"

#include "fmgr.h"

#include "customer_data.h"

#include "miscadmin.h"
#include "timeline/timeline.h"
#include "timeline/timeline_format.h"
#include "timeline/timeline_rows.h"
#include "utils/memutils.h"

/* How much of the rows is asked for in advance. */
#define PREFETCH	4096

/* A row and its time. */
typedef struct SortRow
{
	TimestampTz at;
	char	   *row;
} SortRow;

/* Sort by time, rows at the same instant staying as they were added. */
static void
sort_rows(CdScratch *scratch, SortRow *rows, int n)
{
	SortRow    *from = rows;
	SortRow    *to;
	int			run = 16;
	int			i,
				k;

	/* Short runs by insertion, then merged ever longer. */
	for (i = 0; i < n; i += run)
	{
		int			end = Min(i + run, n);

		for (k = i + 1; k < end; k++)
		{
			SortRow		row = rows[k];
			int			hole = k;

			for (; hole > i && rows[hole - 1].at > row.at; hole--)
				rows[hole] = rows[hole - 1];
			rows[hole] = row;
		}
	}
	if (n <= run)
		return;
	to = cd_scratch_alloc(scratch, n * sizeof(SortRow));
	for (; run < n; run *= 2)
	{
		SortRow    *other = from;

		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < n; i += 2 * run)
		{
			int			a = i,
						a_end = Min(i + run, n),
						b = a_end,
						b_end = Min(i + 2 * run, n);

			for (k = i; k < b_end; k++)
				to[k] = a < a_end && (b >= b_end || from[a].at <= from[b].at) ? from[a++] : from[b++];
		}
		from = to;
		to = other;
	}
	if (from != rows)
		memcpy(rows, from, n * sizeof(SortRow));
}

/* List the rows in order. */
static void
order_rows(CdPack *pack)
{
	CdBuilder  *builder = pack->builder;
	char	   *p = builder->rows;
	Size		ahead;
	int			i;

	/* Each row says where the next one starts: have the memory fetched before. */
	for (ahead = 0; ahead < Min(builder->len, PREFETCH); ahead += 64)
		__builtin_prefetch(p + ahead);
	pack->rows = cd_scratch_alloc(pack->scratch, pack->n * sizeof(char *));
	if (builder->sorted)
	{
		for (i = 0; i < pack->n; i++)
		{
			pack->rows[i] = p;
			p += cd_row_length(builder->pool, p);
		}
	}
	else
	{
		SortRow    *sort = cd_scratch_alloc(pack->scratch, pack->n * sizeof(SortRow));

		for (i = 0; i < pack->n; i++)
		{
			sort[i].at = cd_row_at(p);
			sort[i].row = p;
			p += cd_row_length(builder->pool, p);
		}
		sort_rows(pack->scratch, sort, pack->n);
		for (i = 0; i < pack->n; i++)
			pack->rows[i] = sort[i].row;
	}
}

/* Room for twice as many things as there were; answers where they are now. */
static void *
more_room(CdPack *pack, void *things, int n, int *cap, Size each)
{
	void	   *more;

	*cap = Max(8, *cap * 2);
	more = cd_scratch_alloc(pack->scratch, *cap * each);
	if (n > 0)
		memcpy(more, things, n * each);
	return more;
}

/* Number a kind at its first appearance. */
static int
add_kind(CdPack *pack, const CdPooled *name)
{
	CdPackKind *kind;

	if (pack->nkinds >= CD_MAX_KINDS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a timeline cannot hold more than %d kinds of events", CD_MAX_KINDS),
				 errhint("Put what varies into a property.")));
	if (pack->nkinds >= pack->kinds_cap)
		pack->kinds = more_room(pack, pack->kinds, pack->nkinds, &pack->kinds_cap, sizeof(CdPackKind));
	kind = &pack->kinds[pack->nkinds];
	memset(kind, 0, sizeof(CdPackKind));
	kind->name = name->str;
	kind->namelen = name->len;
	return pack->nkinds++;
}

/* Note a shape at its first appearance. */
static void
add_shape(CdPack *pack, int number)
{
	CdPool	   *pool = pack->builder->pool;
	CdShape    *shape = &pool->shapes[number];
	CdPooled   *name = &pool->entries[shape->kind];

	if (name->stamp != pool->epoch)
	{
		name->stamp = pool->epoch;
		name->local = add_kind(pack, name);
	}
	shape->stamp = pool->epoch;
	shape->local = name->local;
	shape->count = 0;
	if (pack->nshapes >= pack->shapes_cap)
		pack->shapes = more_room(pack, pack->shapes, pack->nshapes, &pack->shapes_cap, sizeof(int));
	pack->shapes[pack->nshapes++] = number;
}

/* The greatest unit that two distances are multiples of. */
static uint64
common_unit(uint64 a, uint64 b)
{
	while (b != 0)
	{
		uint64		rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Number the kinds in order of first appearance; find base and unit. */
static void
find_kinds(CdPack *pack)
{
	CdPool	   *pool = pack->builder->pool;
	uint64		unit = 0;
	TimestampTz last;
	int			first = 0;
	int			i;

	pool->epoch++;
	pack->base = last = cd_row_at(pack->rows[0]);
	pack->kind_of = cd_scratch_alloc(pack->scratch, pack->n * sizeof(int));
	for (i = 0; i < pack->n; i++)
	{
		TimestampTz at = cd_row_at(pack->rows[i]);
		int			number = cd_row_shape(pack->rows[i]);
		CdShape    *shape = &pool->shapes[number];

		if (shape->stamp != pool->epoch)
			add_shape(pack, number);
		pack->kind_of[i] = shape->local;
		shape->count++;
		if (unit != 1)
		{
			uint64		distance = (uint64) at - (uint64) last;

			if (unit == 0 || distance % unit != 0)
				unit = common_unit(distance, unit);
		}
		last = at;
	}
	pack->unit = unit == 0 || unit > (uint64) PG_INT64_MAX ? 1 : (int64) unit;
	for (i = 0; i < pack->nshapes; i++)
	{
		const CdShape *shape = &pool->shapes[pack->shapes[i]];

		pack->kinds[shape->local].n += shape->count;
	}
	for (i = 0; i < pack->nkinds; i++)
	{
		pack->kinds[i].first = first;
		first += pack->kinds[i].n;
	}
}

/* The column a field belongs to, made at its first appearance. */
static int
column_for(CdPack *pack, CdPackKind *kind, uint32 field)
{
	CdPool	   *pool = pack->builder->pool;
	CdPackColumn *col;
	int			i;

	for (i = 0; i < kind->ncols; i++)
		if (kind->cols[i].id == field)
			return i;
	if (kind->ncols >= kind->cap)
		kind->cols = more_room(pack, kind->cols, kind->ncols, &kind->cap, sizeof(CdPackColumn));
	col = &kind->cols[kind->ncols++];
	memset(col, 0, sizeof(CdPackColumn));
	col->id = field;
	col->which = field >> 2;
	col->type = field & 3;
	col->cells = cd_scratch_alloc(pack->scratch, (Size) kind->n * sizeof(uint64));
	memset(col->cells, 0, (Size) kind->n * sizeof(uint64));
	if (col->type == CD_TYPE_NUMBER)
	{
		col->present = cd_scratch_alloc(pack->scratch, kind->n * sizeof(bool));
		memset(col->present, 0, kind->n * sizeof(bool));
	}
	if (col->which >= CD_COL_PROPERTY)
	{
		int			prop = col->which - CD_COL_PROPERTY;

		if (pool->entries[prop].stamp != pool->epoch)
		{
			pool->entries[prop].stamp = pool->epoch;
			if (pack->nprops >= CD_MAX_PROPERTIES)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("a timeline cannot hold more than %d properties", CD_MAX_PROPERTIES)));
			if (pack->nprops >= pack->props_cap)
				pack->props = more_room(pack, pack->props, pack->nprops, &pack->props_cap, sizeof(int));
			pack->props[pack->nprops++] = prop;
		}
	}
	return kind->ncols - 1;
}

/* Make the columns of all kinds out of the shapes of their rows. */
static void
make_columns(CdPack *pack)
{
	CdPool	   *pool = pack->builder->pool;
	int			i,
				f;

	pool->epoch++;
	for (i = 0; i < pack->nshapes; i++)
	{
		CdShape    *shape = &pool->shapes[pack->shapes[i]];
		CdPackKind *kind = &pack->kinds[shape->local];

		shape->cols = cd_scratch_alloc(pack->scratch, shape->nfields * sizeof(int));
		for (f = 0; f < shape->nfields; f++)
		{
			shape->cols[f] = column_for(pack, kind, shape->fields[f] & ~CD_FIELD_IN_ROW);
			kind->cols[shape->cols[f]].npresent += shape->count;
		}
	}
}

/* Spread the fields of all events over columns. */
static void
fill_columns(CdPack *pack)
{
	const CdPool *pool = pack->builder->pool;
	uint64		unit = (uint64) pack->unit;
	int			i,
				f;

	pack->offsets = cd_scratch_alloc(pack->scratch, pack->n * sizeof(uint64));
	for (i = 0; i < pack->n; i++)
	{
		const char *p = pack->rows[i];
		const CdShape *shape = &pool->shapes[cd_row_shape(p)];
		CdPackKind *kind = &pack->kinds[pack->kind_of[i]];
		uint64		offset = (uint64) cd_row_at(p) - (uint64) pack->base;
		int			at = kind->filled++;

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		pack->offsets[kind->first + at] = unit == 1 ? offset : offset / unit;
		p += CD_ROW_HEAD;
		for (f = 0; f < shape->nfields; f++)
		{
			CdPackColumn *col = &kind->cols[shape->cols[f]];
			double		flag;
			int32		mark;

			switch (col->type)
			{
				case CD_TYPE_NUMBER:
					memcpy(&col->cells[at], p, 8);
					col->present[at] = true;
					p += 8;
					break;
				case CD_TYPE_BOOL:
					memcpy(&flag, p, 8);
					col->cells[at] = flag != 0 ? 2 : 1;
					p += 8;
					break;
				default:
					/* An odd cell is a pooled text, an even one points to its length. */
					memcpy(&mark, p, 4);
					if (mark >= 0)
						col->cells[at] = (uint64) mark << 1 | 1;
					else
						col->cells[at] = (uint64) (p - pack->builder->rows) << 1;
					p += 4 + (mark < 0 ? -(mark + 1) : 0);
					break;
			}
		}
	}
}

static const CdPooled *sort_entries;

/* Order property numbers by name. */
static int
compare_props(const void *a, const void *b)
{
	int			x = *(const int *) a;
	int			y = *(const int *) b;

	return cd_compare_strings(sort_entries[x].str, sort_entries[x].len, sort_entries[y].str, sort_entries[y].len);
}

/* Order columns by number and type. */
static int
compare_columns(const void *a, const void *b)
{
	const CdPackColumn *x = a;
	const CdPackColumn *y = b;

	return (x->which != y->which) ? (x->which > y->which) - (x->which < y->which) : x->type - y->type;
}

/* Number properties by name and put columns into that order. */
static void
order_columns(CdPack *pack)
{
	CdPool	   *pool = pack->builder->pool;
	int			i,
				c;

	sort_entries = pool->entries;
	if (pack->nprops > 1)
		qsort(pack->props, pack->nprops, sizeof(int), compare_props);
	for (i = 0; i < pack->nprops; i++)
		pool->entries[pack->props[i]].local = i;
	for (i = 0; i < pack->nkinds; i++)
	{
		CdPackKind  *kind = &pack->kinds[i];

		for (c = 0; c < kind->ncols; c++)
		{
			CdPackColumn *col = &kind->cols[c];

			if (col->which >= CD_COL_PROPERTY)
				col->which = CD_COL_PROPERTY + pool->entries[col->which - CD_COL_PROPERTY].local;
		}
		if (kind->ncols > 1)
			qsort(kind->cols, kind->ncols, sizeof(CdPackColumn), compare_columns);
	}
}

/* Append the order of kinds where events share an instant and it matters. */
static void
put_ties(CdPack *pack, StringInfo buf)
{
	int			i,
				last = 0;

	for (i = 0; i < pack->n;)
	{
		TimestampTz at = cd_row_at(pack->rows[i]);
		int			j;
		bool		plain = true;

		for (j = i + 1; j < pack->n && cd_row_at(pack->rows[j]) == at; j++)
			if (pack->kind_of[j] < pack->kind_of[j - 1])
				plain = false;
		if (!plain)
		{
			cd_append_varint(buf, i - last);
			cd_append_varint(buf, j - i);
			for (last = i; last < j; last++)
				cd_append_varint(buf, pack->kind_of[last]);
		}
		i = j;
	}
}

/* The timeline of all events added, in order of time and then of addition; what repeats an event with an id is left out. */
struct varlena *
cd_builder_finish(CdBuilder *builder)
{
	CdPack		pack;
	CdPool	   *pool = builder->pool;
	StringInfo	head = &pool->sections[0];
	StringInfo	kinds = &pool->sections[1];
	StringInfo	props = &pool->sections[2];
	StringInfo	layouts = &pool->sections[3];
	StringInfo	columns = &pool->sections[4];
	StringInfo	ties = &pool->sections[5];
	StringInfo	ids = &pool->sections[6];
	StringInfo	dicts = &pool->sections[7];
	int			i;
	Size		size;
	uint8	   *p;
	struct varlena *result;

	if (builder->nevents == 0)
		return cd_timeline_empty();
	memset(&pack, 0, sizeof(pack));
	pack.builder = builder;
	pack.scratch = &pool->scratch;
	pack.n = builder->nevents;
	cd_scratch_reset(pack.scratch);
	order_rows(&pack);
	cd_pack_once(&pack);
	find_kinds(&pack);
	make_columns(&pack);
	fill_columns(&pack);
	order_columns(&pack);

	for (i = 0; i < CD_SECTIONS; i++)
		resetStringInfo(&pool->sections[i]);

	cd_encode_ids(&pack, ids);
	for (i = 0; i < pack.nprops; i++)
	{
		const CdPooled *name = &pool->entries[pack.props[i]];
		int			before = dicts->len;

		cd_encode_dictionary(&pack, CD_COL_PROPERTY + i, dicts);
		cd_append_varint(props, name->len);
		cd_append_bytes(props, name->str, name->len);
		cd_append_varint(props, dicts->len - before);
	}
	cd_encode_layouts(&pack, layouts);
	for (i = 0; i < pack.nkinds; i++)
	{
		const CdPackKind *kind = &pack.kinds[i];
		int			before = columns->len;

		cd_encode_times(columns, pack.offsets + kind->first, kind->n);
		cd_encode_columns(&pack, columns, kind);
		cd_append_varint(kinds, kind->namelen);
		cd_append_bytes(kinds, kind->name, kind->namelen);
		cd_append_varint(kinds, kind->n);
		cd_append_varint(kinds, columns->len - before);
	}
	put_ties(&pack, ties);
	while (ties->len + ids->len + dicts->len < 8)
		appendStringInfoChar(dicts, '\0');

	p = cd_buffer_room(head, 1 + 11 * CD_VARINT_MAX);
	*p++ = CD_TIMELINE_VERSION;
	p = cd_write_varint(p, pack.n);
	p = cd_write_varint(p, cd_zigzag(pack.base));
	p = cd_write_varint(p, pack.unit);
	p = cd_write_varint(p, pack.nkinds);
	p = cd_write_varint(p, kinds->len);
	p = cd_write_varint(p, pack.nprops);
	p = cd_write_varint(p, props->len);
	p = cd_write_varint(p, layouts->len);
	p = cd_write_varint(p, columns->len);
	p = cd_write_varint(p, ties->len);
	p = cd_write_varint(p, ids->len);
	cd_buffer_upto(head, p);

	size = VARHDRSZ + head->len + (Size) kinds->len + props->len + layouts->len + columns->len + ties->len + ids->len + dicts->len;
	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("timeline is too large"),
				 errdetail("It would take %zu bytes; the limit is 1 GB.", size)));
	result = palloc(size);
	SET_VARSIZE(result, size);
	p = (uint8 *) VARDATA(result);
	for (i = 0; i < CD_SECTIONS; i++)
	{
		memcpy(p, pool->sections[i].data, pool->sections[i].len);
		p += pool->sections[i].len;
	}
	return result;
}
