/*
 * group.c
 *		cluster_records(): links, evidence and decisions about the records
 *		concerned are read, clustered and handed back.
 */
#include "postgres.h"

#include "customer_data.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "identity/cluster.h"
#include "identity/rows.h"
#include "insertion.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#define EVIDENCE_WEIGHT		15.0f	/* of a declared identity link */
#define ABSENT_WEIGHT		(-3.0f) /* of a pair that is no link: as rarely one customer as known pairs of which both are linked with a third */
#define STOP_WEIGHT			0.0f
#define CLIP_WEIGHT			20.0f
#define GIANT				500

/* The records to cluster, ascending. */
typedef struct Nodes
{
	uint32		n;
	uint32		max;
	int64	   *id;
	bool	   *informed;
	bool	   *account;		/* of a source of companies */
	int		   *source;			/* one-to-one source, -1: none */
	int64	   *customer;		/* that holds it, negative: none yet */
} Nodes;

static int64
column_int8(uint64 row, int number, bool *isnull)
{
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull));
}

/* Number of a record among the nodes, or -1. */
static int64
node_of(const Nodes *nodes, int64 id)
{
	uint32		low = 0,
				high = nodes->n;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (nodes->id[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < nodes->n && nodes->id[low] == id ? (int64) low : -1;
}

/* Questions about some records are asked for each record written: their plans are kept. */
#define KEPT_PLANS	7

/* The plan of a question about some records, made once per session. */
static SPIPlanPtr
kept_plan(const char *query)
{
	static SPIPlanPtr plan[KEPT_PLANS];
	static char *text[KEPT_PLANS];
	static int	next = 0;
	Oid			types[1] = {INT8ARRAYOID};
	SPIPlanPtr	made;
	char	   *copy;

	for (int i = 0; i < KEPT_PLANS; i++)
		if (text[i] != NULL && strcmp(text[i], query) == 0)
			return plan[i];
	made = SPI_prepare(query, 1, types);
	copy = MemoryContextStrdup(TopMemoryContext, query);
	SPI_keepplan(made);
	if (text[next] != NULL)
	{
		SPI_freeplan(plan[next]);
		pfree(text[next]);
	}
	plan[next] = made;
	text[next] = copy;
	next = (next + 1) % KEPT_PLANS;
	return made;
}

/* Run a query row by row in batches. */
static void
each_row(const char *query, Datum argument, bool has_argument, CdTakeRow take, void *state)
{
	Portal		portal;

	if (has_argument)
		portal = SPI_cursor_open(NULL, kept_plan(query), &argument, NULL, false);
	else
		portal = SPI_cursor_open_with_args(NULL, query, 0, NULL, NULL, NULL, false, CURSOR_OPT_NO_SCROLL);
	cd_each_row(portal, take, state);
}

typedef struct Grouping
{
	MemoryContext context;
	Nodes		nodes;
	CdClustering c;
	Size		maxlinks;
	CdTag	   *found;			/* tags by node, unsorted */
	uint32	   *found_node;
	uint32		nfound;
	uint32		maxfound;
	int			nidentifiers;	/* the first kinds of tags */
	char	  **identifier;		/* their attributes */
} Grouping;

static void
take_node(void *state, uint64 row)
{
	Grouping   *g = (Grouping *) state;
	Nodes	   *nodes = &g->nodes;
	bool		isnull;

	if (nodes->n == nodes->max)
	{
		nodes->max *= 2;
		nodes->id = repalloc_huge(nodes->id, (Size) nodes->max * sizeof(int64));
		nodes->informed = repalloc_huge(nodes->informed, (Size) nodes->max * sizeof(bool));
		nodes->account = repalloc_huge(nodes->account, (Size) nodes->max * sizeof(bool));
		nodes->source = repalloc_huge(nodes->source, (Size) nodes->max * sizeof(int));
		nodes->customer = repalloc_huge(nodes->customer, (Size) nodes->max * sizeof(int64));
	}
	nodes->id[nodes->n] = column_int8(row, 1, &isnull);
	nodes->informed[nodes->n] = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2, &isnull));
	nodes->source[nodes->n] = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 3, &isnull));
	nodes->customer[nodes->n] = column_int8(row, 4, &isnull);
	nodes->account[nodes->n] = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 5, &isnull));
	nodes->n++;
}

static void
put_link(Grouping *g, int64 a, int64 b, float weight, CdLinkKind kind)
{
	CdLink	   *link;

	if (a < 0 || b < 0 || a == b)
		return;
	if (g->c.nlinks == g->maxlinks)
	{
		g->maxlinks *= 2;
		g->c.link = repalloc_huge(g->c.link, g->maxlinks * sizeof(CdLink));
	}
	link = &g->c.link[g->c.nlinks++];
	link->a = (uint32) a;
	link->b = (uint32) b;
	link->weight = weight;
	link->kind = kind;
}

/* What a pair's values say; a person and a company are not one for being alike. */
static void
take_scored(void *state, uint64 row)
{
	Grouping   *g = (Grouping *) state;
	bool		isnull;
	int64		a = node_of(&g->nodes, column_int8(row, 1, &isnull));
	int64		b = node_of(&g->nodes, column_int8(row, 2, &isnull));

	if (a >= 0 && b >= 0 && g->nodes.account[a] == g->nodes.account[b])
		put_link(g, a, b, DatumGetFloat4(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 3, &isnull)),
				 CD_LINK_SCORED);
}

static void
take_evidence(void *state, uint64 row)
{
	Grouping   *g = (Grouping *) state;
	bool		isnull;

	put_link(g, node_of(&g->nodes, column_int8(row, 1, &isnull)),
			 node_of(&g->nodes, column_int8(row, 2, &isnull)),
			 DatumGetFloat4(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 3, &isnull)),
			 CD_LINK_SCORED);
}

static void
take_decision(void *state, uint64 row)
{
	Grouping   *g = (Grouping *) state;
	bool		isnull;
	bool		join = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 3, &isnull));

	put_link(g, node_of(&g->nodes, column_int8(row, 1, &isnull)),
			 node_of(&g->nodes, column_int8(row, 2, &isnull)), CLIP_WEIGHT,
			 join ? CD_LINK_ALWAYS : CD_LINK_NEVER);
}

/* Note a value of which a cluster may hold only so many. */
static void
put_tag(Grouping *g, int64 node, int kind, uint64 value)
{
	if (node < 0)
		return;
	if (g->nfound == g->maxfound)
	{
		g->maxfound *= 2;
		g->found = repalloc_huge(g->found, (Size) g->maxfound * sizeof(CdTag));
		g->found_node = repalloc_huge(g->found_node, (Size) g->maxfound * sizeof(uint32));
	}
	g->found[g->nfound].kind = kind;
	g->found[g->nfound].value = value;
	g->found_node[g->nfound++] = (uint32) node;
}

static void
take_identifiers(void *state, uint64 row)
{
	Grouping   *g = (Grouping *) state;
	bool		isnull;
	int64		node = node_of(&g->nodes, column_int8(row, 1, &isnull));

	for (int kind = 0; kind < g->nidentifiers; kind++)
	{
		Datum		datum = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, kind + 2, &isnull);
		text	   *value;

		if (isnull)
			continue;
		value = DatumGetTextPP(datum);
		put_tag(g, node, kind,
				DatumGetUInt64(hash_any_extended((unsigned char *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), 0)));
	}
}

/* Records that were reached, and those whose links are followed next. */
typedef struct Reaching
{
	HTAB	   *known;
	Datum	   *id;				/* all, in the order in which they were reached */
	Size		n;
	Size		max;
} Reaching;

/* Take a record, unless it is known. */
static void
reach(Reaching *r, int64 id)
{
	bool		found;

	hash_search(r->known, &id, HASH_ENTER, &found);
	if (found)
		return;
	if (r->n == r->max)
	{
		r->max *= 2;
		r->id = repalloc_huge(r->id, r->max * sizeof(Datum));
	}
	r->id[r->n++] = Int64GetDatum(id);
}

/*
 * Follow links from the affected records until no record is added; answers
 * all of them.  A recursive query would clear room for as many as it fears.
 */
static Datum
closure(Datum affected)
{
	HASHCTL		ctl = {.keysize = sizeof(int64),.entrysize = sizeof(int64),.hcxt = CurrentMemoryContext};
	Reaching	r = {.max = 1024};
	Datum	   *id;
	bool	   *isnull;
	int			n;
	Size		followed = 0;

	r.known = hash_create("customer_data records reached", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	r.id = palloc(r.max * sizeof(Datum));
	deconstruct_array(DatumGetArrayTypeP(affected), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &id, &isnull, &n);
	for (int i = 0; i < n; i++)
	{
		if (!isnull[i])
			reach(&r, DatumGetInt64(id[i]));
	}
	while (followed < r.n)
	{
		ArrayType  *from = construct_array(r.id + followed, (int) (r.n - followed), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
		Datum		argument = PointerGetDatum(from);
		bool		null;

		CHECK_FOR_INTERRUPTS();
		followed = r.n;
		SPI_execute_plan(kept_plan("SELECT record_b FROM customer_data.match_link WHERE record_a = ANY ($1) AND weight > 0"
								   " UNION ALL SELECT record_a FROM customer_data.match_link WHERE record_b = ANY ($1) AND weight > 0"
								   " UNION ALL SELECT record_b FROM customer_data.identity_evidence WHERE record_a = ANY ($1) AND record_b IS NOT NULL"
								   " UNION ALL SELECT record_a FROM customer_data.identity_evidence WHERE record_b = ANY ($1) AND record_a IS NOT NULL"
								   " UNION ALL SELECT record_b FROM customer_data.match_decision WHERE record_a = ANY ($1) AND decision = 'must_link'"
								   " UNION ALL SELECT record_a FROM customer_data.match_decision WHERE record_b = ANY ($1) AND decision = 'must_link'"),
						 &argument, NULL, false, 0);
		for (uint64 i = 0; i < SPI_processed; i++)
			reach(&r, column_int8(i, 1, &null));
		SPI_freetuptable(SPI_tuptable);
		pfree(from);
	}
	hash_destroy(r.known);
	return PointerGetDatum(construct_array(r.id, (int) r.n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* A company is not the one above it, however alike they are, unless a person says so. */
static void
read_parents(Grouping *g, Datum ids, bool some)
{
	static SPIPlanPtr attribute = NULL;
	bool		isnull;
	int			ordinal;

	if (attribute == NULL)
	{
		SPIPlanPtr	made = SPI_prepare("SELECT a.ordinal::int FROM customer_data.attribute a WHERE a.name = 'parent_account_id'"
									   " AND EXISTS (SELECT FROM customer_data.source s WHERE s.kind = 'account')", 0, NULL);

		SPI_keepplan(made);
		attribute = made;
	}
	SPI_execute_plan(attribute, NULL, NULL, false, 0);
	if (SPI_processed == 0)
		return;
	ordinal = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	each_row(psprintf("SELECT v.record_id, p.record_id, false FROM customer_data.record_value v"
					  " JOIN customer_data.source s ON s.source_id = v.source_id AND s.kind = 'account'"
					  " JOIN customer_data.present_record p ON p.source_id = v.source_id AND p.key = v.given[%d]"
					  " WHERE v.given[%d] IS NOT NULL AND NOT EXISTS (SELECT FROM customer_data.match_decision d"
					  " WHERE d.record_a = least(v.record_id, p.record_id) AND d.record_b = greatest(v.record_id, p.record_id)"
					  " AND d.decision = 'must_link')%s", ordinal, ordinal, some ? " AND v.record_id = ANY ($1)" : ""),
			 ids, some, take_decision, g);
}

/* Identifier limits and one-to-one sources become tags. */
static void
read_tags(Grouping *g, Datum ids, bool some)
{
	static SPIPlanPtr identifiers = NULL;
	StringInfoData columns;
	bool		isnull;
	int			max_source = 0;

	g->maxfound = 1024;
	g->found = palloc(g->maxfound * sizeof(CdTag));
	g->found_node = palloc(g->maxfound * sizeof(uint32));
	if (identifiers == NULL)
	{
		SPIPlanPtr	made = SPI_prepare("SELECT a.ordinal::int, i.max_distinct, greatest(i.priority, 1), i.attribute, i.blocked FROM customer_data.identifier i"
									   " JOIN customer_data.attribute a ON a.name = i.attribute ORDER BY a.ordinal", 0, NULL);

		SPI_keepplan(made);
		identifiers = made;
	}
	SPI_execute_plan(identifiers, NULL, NULL, false, 0);
	for (uint32 i = 0; i < g->nodes.n; i++)
		max_source = Max(max_source, g->nodes.source[i]);
	g->nidentifiers = g->c.nkinds = (int) SPI_processed;
	g->c.limit = palloc((SPI_processed + 1) * sizeof(int));
	g->c.priority = palloc0((SPI_processed + 1) * sizeof(int));
	g->identifier = palloc((SPI_processed + 1) * sizeof(char *));
	initStringInfo(&columns);
	for (int i = 0; i < g->nidentifiers; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		int			ordinal = DatumGetInt32(SPI_getbinval(row, desc, 1, &isnull));

		g->c.limit[i] = DatumGetInt32(SPI_getbinval(row, desc, 2, &isnull));
		g->c.priority[i] = DatumGetInt32(SPI_getbinval(row, desc, 3, &isnull));
		g->identifier[i] = SPI_getvalue(row, desc, 4);
		appendStringInfo(&columns, ", CASE WHEN standard[%d] !~* %s THEN standard[%d] END", ordinal,
						 quote_literal_cstr(SPI_getvalue(row, desc, 5)), ordinal);
	}
	each_row(psprintf("SELECT record_id%s FROM customer_data.record_value%s", columns.data,
					  some ? " WHERE record_id = ANY ($1)" : ""),
			 ids, some, take_identifiers, g);
	if (max_source > 0)
	{
		/* records of one source exclude each other: each source is a kind of its own */
		int			first = g->c.nkinds;

		g->c.nkinds += max_source;
		g->c.limit = repalloc(g->c.limit, g->c.nkinds * sizeof(int));
		g->c.priority = repalloc(g->c.priority, g->c.nkinds * sizeof(int));
		for (int k = first; k < g->c.nkinds; k++)
		{
			g->c.limit[k] = 1;
			g->c.priority[k] = 0;
		}
		for (uint32 i = 0; i < g->nodes.n; i++)
		{
			if (g->nodes.source[i] > 0)
				put_tag(g, i, first + g->nodes.source[i] - 1, (uint64) g->nodes.id[i]);
		}
	}
	/* lay the tags out by node */
	g->c.tagfirst = MemoryContextAllocExtended(g->context, ((Size) g->nodes.n + 2) * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	g->c.tag = MemoryContextAllocHuge(g->context, Max(g->nfound, 1) * sizeof(CdTag));
	for (uint32 i = 0; i < g->nfound; i++)
		g->c.tagfirst[g->found_node[i] + 2]++;
	for (uint32 i = 0; i < g->nodes.n; i++)
		g->c.tagfirst[i + 2] += g->c.tagfirst[i + 1];
	for (uint32 i = 0; i < g->nfound; i++)
		g->c.tag[g->c.tagfirst[g->found_node[i] + 1]++] = g->found[i];
}

/* Keep one line of match_conflict. */
static void
put_conflict(const char *kind, const char *attribute, int64 record_a, int64 record_b, int64 records, int64 customers)
{
	static SPIPlanPtr plan = NULL;
	Datum		values[6];
	char		nulls[6] = {' ', ' ', ' ', ' ', ' ', ' '};

	if (plan == NULL)
	{
		Oid			types[6] = {TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID};
		SPIPlanPtr	made = SPI_prepare("INSERT INTO customer_data.match_conflict"
									   " (kind, attribute, record_a, record_b, records, customers) VALUES ($1, $2, $3, $4, $5, $6)",
									   6, types);

		SPI_keepplan(made);
		plan = made;
	}
	values[0] = CStringGetTextDatum(kind);
	values[1] = attribute == NULL ? (Datum) 0 : CStringGetTextDatum(attribute);
	values[2] = Int64GetDatum(record_a);
	values[3] = Int64GetDatum(record_b);
	values[4] = Int64GetDatum(records);
	values[5] = Int64GetDatum(customers);
	nulls[1] = attribute == NULL ? 'n' : ' ';
	nulls[3] = record_b == 0 ? 'n' : ' ';
	nulls[4] = nulls[5] = records == 0 ? 'n' : ' ';
	SPI_execute_plan(plan, values, nulls, false, 0);
}

/* The lowest node that positive links lead to. */
static uint32
component_of(uint32 *parent, uint32 i)
{
	while (parent[i] != i)
	{
		parent[i] = parent[parent[i]];
		i = parent[i];
	}
	return i;
}

/* Say which joins the limits were against, and what hangs together in giant components. */
static void
report_conflicts(Grouping *g, Datum ids, bool some)
{
	uint32	   *parent;
	uint32	   *records;
	uint32	   *clusters;

	if (some)
		SPI_execute_plan(kept_plan("DELETE FROM customer_data.match_conflict WHERE record_a = ANY ($1) OR record_b = ANY ($1)"),
						 &ids, NULL, false, 0);
	else
		SPI_execute("DELETE FROM customer_data.match_conflict", false, 0);
	for (int i = 0; i < g->c.nconflicts; i++)
	{
		CdConflict *conflict = &g->c.conflict[i];
		int64		a = g->nodes.id[conflict->a];
		int64		b = g->nodes.id[conflict->b];
		bool		identifier = conflict->kind >= 0 && conflict->kind < g->nidentifiers;

		put_conflict(conflict->kind == CD_DECISIONS ? "decisions" : conflict->joined ? "identifier gave way" : identifier ? "join refused" : "one to one",
					 identifier ? g->identifier[conflict->kind] : NULL, Min(a, b), Max(a, b), 0, 0);
	}
	parent = MemoryContextAllocHuge(g->context, Max(g->nodes.n, 1) * sizeof(uint32));
	records = MemoryContextAllocExtended(g->context, Max(g->nodes.n, 1) * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	clusters = MemoryContextAllocExtended(g->context, Max(g->nodes.n, 1) * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 i = 0; i < g->nodes.n; i++)
		parent[i] = i;
	for (Size i = 0; i < g->c.nlinks; i++)
	{
		uint32		a = component_of(parent, g->c.link[i].a);
		uint32		b = component_of(parent, g->c.link[i].b);

		if (g->c.link[i].weight > 0 && g->c.link[i].kind != CD_LINK_NEVER)
			parent[Max(a, b)] = Min(a, b);
	}
	for (uint32 i = 0; i < g->nodes.n; i++)
	{
		uint32		c = component_of(parent, i);

		records[c]++;
		clusters[c] += g->c.label[i] == i;
	}
	for (uint32 i = 0; i < g->nodes.n; i++)
		if (records[i] >= GIANT)
			put_conflict("giant component", NULL, g->nodes.id[i], 0, records[i], clusters[i]);
}

/*
 * Read the records that links join with the affected ones, or all, and cluster
 * them; answers the ids read, where they are some.  SPI is connected, and the
 * current memory context keeps it all.
 */
static Datum
cluster_some(Grouping *g, bool some, Datum affected)
{
	Datum		ids = (Datum) 0;

	memset(g, 0, sizeof(Grouping));
	g->context = CurrentMemoryContext;
	g->nodes.max = 1024;
	g->nodes.id = palloc(g->nodes.max * sizeof(int64));
	g->nodes.informed = palloc(g->nodes.max * sizeof(bool));
	g->nodes.account = palloc(g->nodes.max * sizeof(bool));
	g->nodes.source = palloc(g->nodes.max * sizeof(int));
	g->nodes.customer = palloc(g->nodes.max * sizeof(int64));
	g->maxlinks = 1024;
	g->c.link = palloc(g->maxlinks * sizeof(CdLink));
	if (some)
		ids = closure(affected);
	each_row(psprintf("SELECT r.record_id, s.kind <> 'anonymous' AND r.hash IS NOT NULL,"
					  " CASE WHEN s.one_to_one THEN s.source_id ELSE 0 END, r.customer_id, s.kind = 'account'"
					  " FROM customer_data.present_record r JOIN customer_data.source s USING (source_id)"
					  "%s ORDER BY r.record_id",
					  some ? " WHERE r.record_id = ANY ($1)" : ""),
			 ids, some, take_node, g);
	each_row(psprintf("SELECT record_a, record_b, weight FROM customer_data.match_link%s",
					  some ? " WHERE record_a = ANY ($1) AND record_b = ANY ($1)" : ""),
			 ids, some, take_scored, g);
	each_row(psprintf("SELECT record_a, record_b, %.1f::real FROM customer_data.identity_evidence"
					  " WHERE record_a IS NOT NULL AND record_b IS NOT NULL%s", EVIDENCE_WEIGHT,
					  some ? " AND record_a = ANY ($1) AND record_b = ANY ($1)" : ""),
			 ids, some, take_evidence, g);
	each_row(psprintf("SELECT record_a, record_b, decision = 'must_link' FROM customer_data.match_decision%s"
					  " ORDER BY decided_at, record_a, record_b",
					  some ? " WHERE record_a = ANY ($1) AND record_b = ANY ($1)" : ""),
			 ids, some, take_decision, g);
	read_parents(g, ids, some);
	read_tags(g, ids, some);
	g->c.n = g->nodes.n;
	g->c.informed = g->nodes.informed;
	g->c.absent = ABSENT_WEIGHT;
	g->c.stop = STOP_WEIGHT;
	g->c.clip = CLIP_WEIGHT;
	g->c.label = MemoryContextAllocHuge(g->context, Max(g->nodes.n, 1) * sizeof(uint32));
	cd_cluster(&g->c);
	return ids;
}

/*
 * cluster_records(affected bigint[]) → (record_id, cluster_no, held_by): the clusters
 * of all records that links join with the affected ones (NULL: of all).
 */
PG_FUNCTION_INFO_V1(cd_cluster_records);
Datum
cd_cluster_records(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context;
	MemoryContext old;
	Grouping	g;
	bool		some = !PG_ARGISNULL(0);
	Datum		ids;

	InitMaterializedSRF(fcinfo, 0);
	context = AllocSetContextCreate(CurrentMemoryContext, "customer_data clustering", ALLOCSET_DEFAULT_SIZES);
	SPI_connect();
	old = MemoryContextSwitchTo(context);
	ids = cluster_some(&g, some, some ? PG_GETARG_DATUM(0) : (Datum) 0);
	for (uint32 i = 0; i < g.nodes.n; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = Int64GetDatum(g.nodes.id[i]);
		values[1] = Int64GetDatum(g.nodes.id[g.c.label[i]]);
		values[2] = Int64GetDatum(g.nodes.customer[i]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	report_conflicts(&g, ids, some);
	MemoryContextSwitchTo(old);
	SPI_finish();
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* Columns of source_record. */
#define RECORD_COLUMNS	8

/* Records that arrive get the customers of their clusters. */
typedef struct Founding
{
	Grouping   *g;
	int64	   *customer;		/* by node */
	CdInsertion *insertion;
} Founding;

static void
take_arriving(void *state, uint64 row)
{
	Founding   *f = (Founding *) state;
	Datum		values[RECORD_COLUMNS] = {0};
	bool		nulls[RECORD_COLUMNS] = {false};

	for (int i = 0; i < 3; i++)
		values[i] = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, i + 1, &nulls[i]);
	values[3] = Int64GetDatum(f->customer[node_of(&f->g->nodes, DatumGetInt64(values[0]))]);
	for (int i = 4; i < 6; i++)
		values[i] = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, i, &nulls[i]);
	nulls[6] = true;
	values[7] = BoolGetDatum(false);
	cd_insertion_add(f->insertion, values, nulls);
}

/*
 * found_customers() → bigint[]: where no record has a customer yet, cluster
 * those that arrive, give each cluster a new customer, in the order of its
 * first record, and write the records.  Answers the customers.
 */
PG_FUNCTION_INFO_V1(cd_found_customers);
Datum
cd_found_customers(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "customer_data clustering", ALLOCSET_DEFAULT_SIZES);
	Oid			sequence = get_relname_relid("customer_id_seq", get_namespace_oid("customer_data", false));
	MemoryContext old;
	Grouping	g;
	Founding	f = {&g, NULL, NULL};
	ArrayType  *answer;
	Size		size;
	int			n = 0;

	SPI_connect();
	old = MemoryContextSwitchTo(context);
	(void) cluster_some(&g, false, (Datum) 0);
	f.customer = MemoryContextAllocHuge(context, Max(g.nodes.n, 1) * sizeof(int64));
	/* the label of a node is the lowest node of its cluster */
	for (uint32 i = 0; i < g.nodes.n; i++)
	{
		if (g.c.label[i] == i)
			n++;
		f.customer[i] = g.c.label[i] == i ? nextval_internal(sequence, true) : f.customer[g.c.label[i]];
	}
	size = ARR_OVERHEAD_NONULLS(1) + (Size) n * sizeof(int64);
	if (!AllocSizeIsValid(size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many customers at once: %d", n)));
	answer = (ArrayType *) MemoryContextAllocZero(caller, size);
	SET_VARSIZE(answer, size);
	answer->ndim = 1;
	answer->elemtype = INT8OID;
	ARR_DIMS(answer)[0] = n;
	ARR_LBOUND(answer)[0] = 1;
	n = 0;
	for (uint32 i = 0; i < g.nodes.n; i++)
	{
		if (g.c.label[i] == i)
			((int64 *) ((char *) answer + ARR_OVERHEAD_NONULLS(1)))[n++] = f.customer[i];
	}
	f.insertion = cd_insertion_begin("source_record", RECORD_COLUMNS, true);
	each_row("SELECT record_id, source_id, key, hash, changed_at FROM customer_data.arriving_record", (Datum) 0, false, take_arriving, &f);
	cd_insertion_end(f.insertion);
	report_conflicts(&g, (Datum) 0, false);
	MemoryContextSwitchTo(old);
	SPI_finish();
	MemoryContextDelete(context);
	PG_RETURN_ARRAYTYPE_P(answer);
}
