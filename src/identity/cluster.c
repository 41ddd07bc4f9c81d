/*
 * cluster.c
 *		Clusters of records by average log odds: the two clusters whose pairs
 *		speak most for each other on average are joined first, until none is
 *		left that speaks for.  Guards forbid joins.  Clusters of which people
 *		joined a record of each are then joined as wholes.
 */
#include "postgres.h"

#include "customer_data.h"

#include "identity/cluster.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

/* Sum and number of the links between two clusters. */
typedef struct Between
{
	uint64		key;			/* lower and higher cluster, +1; 0 is free, 1 is gone */
	float		sum;
	float		count;			/* linked pairs */
	float		expected;		/* those of them that would be missed */
	bool		never;			/* a person parted them */
	bool		refused;		/* a limit is against */
} Between;

/* A possible join, best first. */
typedef struct Join
{
	float		average;
	uint32		first;			/* lowest members of the two, the lower first */
	uint32		second;
	uint32		a;
	uint32		b;
	uint32		version_a;
	uint32		version_b;
} Join;

typedef struct Neighbours
{
	uint32		n;
	uint32		max;
	uint32	   *id;
} Neighbours;

typedef struct Work
{
	MemoryContext context;
	CdClustering *c;
	float	   *informed;		/* members whose missing links speak against */
	uint32	   *version;
	bool	   *alive;
	uint32	   *next;			/* members as a ring */
	uint32	   *lowest;			/* member */
	Neighbours *near;
	Between    *between;
	uint32		mask;
	uint32		nbetween;
	Join	   *heap;
	uint32		nheap;
	uint32		maxheap;
} Work;

static inline uint64
pair_key(uint32 a, uint32 b)
{
	return a < b ? (((uint64) a << 32) | b) + 2 : (((uint64) b << 32) | a) + 2;
}

static inline uint32
pair_slot(const Work *w, uint64 key)
{
	return (uint32) ((key * UINT64CONST(0x9E3779B97F4A7C15)) >> 32) & w->mask;
}

/* Find the links between two clusters. */
static Between *
between_find(Work *w, uint32 a, uint32 b)
{
	uint64		key = pair_key(a, b);
	uint32		s = pair_slot(w, key);

	while (w->between[s].key != 0)
	{
		if (w->between[s].key == key)
			return &w->between[s];
		s = (s + 1) & w->mask;
	}
	return NULL;
}

static Between *between_make(Work *w, uint32 a, uint32 b, bool *made);

static void
between_grow(Work *w)
{
	Between    *old = w->between;
	uint32		size = w->mask + 1;

	w->between = MemoryContextAllocExtended(w->context, (Size) size * 2 * sizeof(Between),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	w->mask = size * 2 - 1;
	w->nbetween = 0;
	for (uint32 i = 0; i < size; i++)
	{
		uint32		s;

		if (old[i].key <= 1)
			continue;
		s = pair_slot(w, old[i].key);
		while (w->between[s].key != 0)
			s = (s + 1) & w->mask;
		w->between[s] = old[i];
		w->nbetween++;
	}
	pfree(old);
}

static Between *
between_make(Work *w, uint32 a, uint32 b, bool *made)
{
	Between    *found = between_find(w, a, b);
	uint64		key = pair_key(a, b);
	uint32		s;

	*made = found == NULL;
	if (found != NULL)
		return found;
	if (w->nbetween > w->mask / 2)
		between_grow(w);
	s = pair_slot(w, key);
	while (w->between[s].key != 0)
		s = (s + 1) & w->mask;
	memset(&w->between[s], 0, sizeof(Between));
	w->between[s].key = key;
	w->nbetween++;
	return &w->between[s];
}

static void
add_neighbour(Work *w, uint32 a, uint32 b)
{
	Neighbours *n = &w->near[a];

	if (n->n == n->max)
	{
		n->max = n->max == 0 ? 4 : n->max * 2;
		n->id = n->id == NULL ? MemoryContextAlloc(w->context, n->max * sizeof(uint32)) :
			repalloc_huge(n->id, (Size) n->max * sizeof(uint32));
	}
	n->id[n->n++] = b;
}

/*
 * True if x goes before y.  Ties are settled by the lowest members, so that
 * every run agrees, whatever else it clusters; a cluster's own number depends
 * on how many neighbours its members had, also such as an increment leaves out.
 */
static inline bool
join_before(const Join *x, const Join *y)
{
	if (x->average != y->average)
		return x->average > y->average;
	if (x->first != y->first)
		return x->first < y->first;
	return x->second < y->second;
}

static void
heap_push(Work *w, Join j)
{
	uint32		i;

	if (w->nheap == w->maxheap)
	{
		w->maxheap *= 2;
		w->heap = repalloc_huge(w->heap, (Size) w->maxheap * sizeof(Join));
	}
	i = w->nheap++;
	while (i > 0 && join_before(&j, &w->heap[(i - 1) / 2]))
	{
		w->heap[i] = w->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->heap[i] = j;
}

static Join
heap_pop(Work *w)
{
	Join		top = w->heap[0];
	Join		last = w->heap[--w->nheap];
	uint32		i = 0;

	while (2 * i + 1 < w->nheap)
	{
		uint32		child = 2 * i + 1;

		if (child + 1 < w->nheap && join_before(&w->heap[child + 1], &w->heap[child]))
			child++;
		if (!join_before(&w->heap[child], &last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	if (w->nheap > 0)
		w->heap[i] = last;
	return top;
}

/* Put a possible join on the heap if its pairs speak for it on average. */
static void
offer(Work *w, uint32 a, uint32 b, const Between *between)
{
	double		missing = (double) w->informed[a] * w->informed[b] - between->expected;
	double		average = (between->sum + missing * w->c->absent) / (between->count + missing);

	if (between->never || between->refused || average <= w->c->stop)
		return;
	heap_push(w, (Join) {(float) average, Min(w->lowest[a], w->lowest[b]), Max(w->lowest[a], w->lowest[b]),
			  Min(a, b), Max(a, b),
			  w->version[Min(a, b)], w->version[Max(a, b)]});
}

/* Would the two clusters together hold more different values of a kind than allowed? */
static bool
breaks_limit(Work *w, uint32 a, uint32 b, int kind)
{
	CdClustering *c = w->c;
	uint64		seen[256];
	int			n = 0;
	int			allowed = Min(c->limit[kind], 255);
	bool		has[2] = {false, false};
	uint32		side[2] = {a, b};

	for (int i = 0; i < 2; i++)
	{
		uint32		r = side[i];

		do
		{
			for (uint32 t = c->tagfirst[r]; t < c->tagfirst[r + 1]; t++)
			{
				bool		known = false;

				if (c->tag[t].kind != kind)
					continue;
				has[i] = true;
				for (int j = 0; j < n && !known; j++)
					known = seen[j] == c->tag[t].value;
				if (!known && n <= allowed)
					seen[n++] = c->tag[t].value;
			}
			r = w->next[r];
		} while (r != side[i] && !(n > allowed && has[i]));
	}
	return n > allowed && has[0] && has[1];
}

/* Do the two clusters agree on a value of a kind that goes before this one? */
static bool
better_agrees(Work *w, uint32 a, uint32 b, int kind)
{
	CdClustering *c = w->c;
	uint32		x = a;

	do
	{
		for (uint32 t = c->tagfirst[x]; t < c->tagfirst[x + 1]; t++)
		{
			uint32		y = b;

			if (c->priority[c->tag[t].kind] == 0 || c->priority[c->tag[t].kind] >= c->priority[kind])
				continue;
			do
			{
				for (uint32 u = c->tagfirst[y]; u < c->tagfirst[y + 1]; u++)
					if (c->tag[u].kind == c->tag[t].kind && c->tag[u].value == c->tag[t].value)
						return true;
				y = w->next[y];
			} while (y != b);
		}
		CHECK_FOR_INTERRUPTS();
		x = w->next[x];
	} while (x != a);
	return false;
}

/* The lowest member that holds a value of a kind, one other than that of another member where there is one. */
static uint32
holder(Work *w, uint32 a, int kind, uint32 other)
{
	CdClustering *c = w->c;
	uint32		found = PG_UINT32_MAX;
	bool		differs = false;
	uint32		r = a;

	do
	{
		for (uint32 t = c->tagfirst[r]; t < c->tagfirst[r + 1]; t++)
		{
			bool		same = false;

			if (c->tag[t].kind != kind)
				continue;
			for (uint32 u = other == PG_UINT32_MAX ? 0 : c->tagfirst[other]; other != PG_UINT32_MAX && u < c->tagfirst[other + 1]; u++)
				same |= c->tag[u].kind == kind && c->tag[u].value == c->tag[t].value;
			if (differs ? !same && r < found : !same || r < found)
				found = r;
			differs |= !same;
		}
		r = w->next[r];
	} while (r != a);
	return found;
}

/* Note a conflict by records that any run names alike, whatever else it clusters. */
static void
note_conflict(Work *w, int kind, uint32 a, uint32 b, bool joined)
{
	CdClustering *c = w->c;
	uint32		first = w->lowest[a] < w->lowest[b] ? a : b;
	uint32		second = first == a ? b : a;

	if (c->nconflicts == CD_MAX_CONFLICTS)
		return;
	first = holder(w, first, kind, PG_UINT32_MAX);
	second = holder(w, second, kind, first);
	c->conflict[c->nconflicts++] = (CdConflict) {kind, first, second, joined};
}

/*
 * Do the guards let two clusters join?  Where they would hold more values of
 * an identifier than allowed, but agree on one of higher priority, the lower
 * one gives way, as identity graphs do.
 */
static bool
may_join(Work *w, uint32 a, uint32 b)
{
	CdClustering *c = w->c;
	int			before = c->nconflicts;

	for (int kind = 0; kind < c->nkinds; kind++)
	{
		if (!breaks_limit(w, a, b, kind))
			continue;
		if (c->priority[kind] > 0 && better_agrees(w, a, b, kind))
		{
			note_conflict(w, kind, a, b, true);
			continue;
		}
		/* nothing gave way after all */
		c->nconflicts = before;
		note_conflict(w, kind, a, b, false);
		return false;
	}
	return true;
}

/*
 * May two clusters be joined because a person joined one of each?  Whom a
 * person parted, and two records of a source without duplicates, stay apart;
 * limits of identifiers give way to people.
 */
static bool
may_follow(Work *w, uint32 a, uint32 b)
{
	Between    *between = between_find(w, a, b);

	if (between != NULL && between->never)
		return false;
	for (int kind = 0; kind < w->c->nkinds; kind++)
	{
		if (w->c->priority[kind] == 0 && breaks_limit(w, a, b, kind))
			return false;
	}
	return true;
}

/* Join cluster b into a. */
static void
join(Work *w, uint32 a, uint32 b)
{
	uint32		swap;

	if (w->near[a].n < w->near[b].n)
	{
		swap = a;
		a = b;
		b = swap;
	}
	w->alive[b] = false;
	w->version[a]++;
	/* one ring of two */
	swap = w->next[a];
	w->next[a] = w->next[b];
	w->next[b] = swap;

	for (uint32 i = 0; i < w->near[b].n; i++)
	{
		uint32		x = w->near[b].id[i];
		Between    *old;
		Between    *into;
		Between		was;
		bool		made;

		if (x == a || !w->alive[x])
			continue;
		old = between_find(w, b, x);
		if (old == NULL)
			continue;
		was = *old;
		old->key = 1;
		into = between_make(w, a, x, &made);
		into->sum += was.sum;
		into->count += was.count;
		into->expected += was.expected;
		into->never |= was.never;
		into->refused |= was.refused;
		if (made)
		{
			add_neighbour(w, a, x);
			add_neighbour(w, x, a);
		}
	}
	if (w->near[b].id != NULL)
		pfree(w->near[b].id);
	w->near[b].id = NULL;
	w->near[b].n = w->near[b].max = 0;
	w->informed[a] += w->informed[b];
	w->lowest[a] = Min(w->lowest[a], w->lowest[b]);

	/* the averages with all neighbours have changed */
	{
		uint32		kept = 0;

		for (uint32 i = 0; i < w->near[a].n; i++)
		{
			uint32		x = w->near[a].id[i];
			Between    *between;

			if (!w->alive[x] || x == a)
				continue;
			between = between_find(w, a, x);
			if (between == NULL)
				continue;
			w->near[a].id[kept++] = x;
			offer(w, a, x, between);
		}
		w->near[a].n = kept;
	}
}

/* The cluster that holds a node by now. */
static uint32
cluster_of(const Work *w, uint32 i)
{
	while (!w->alive[i])
		i = w->next[i];
	return i;
}

/*
 * Cluster the nodes once.  What people joined in the links of `first` comes
 * before all values; the other clusters that people joined a record of each
 * are joined as wholes at the end.  Answers false where such a join would
 * break another guard: its link is then among `first`, for another round, so
 * that at least the two records come together.
 */
static bool
cluster_once(CdClustering *c, bool *first)
{
	Work		w = {0};
	uint32		n = c->n;
	bool		settled = true;

	c->nconflicts = 0;
	w.context = AllocSetContextCreate(CurrentMemoryContext, "customer_data clusters", ALLOCSET_DEFAULT_SIZES);
	w.c = c;
	w.informed = MemoryContextAllocHuge(w.context, Max(n, 1) * sizeof(float));
	w.version = MemoryContextAllocExtended(w.context, Max(n, 1) * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	w.alive = MemoryContextAllocHuge(w.context, Max(n, 1) * sizeof(bool));
	w.next = MemoryContextAllocHuge(w.context, Max(n, 1) * sizeof(uint32));
	w.lowest = MemoryContextAllocHuge(w.context, Max(n, 1) * sizeof(uint32));
	w.near = MemoryContextAllocExtended(w.context, Max(n, 1) * sizeof(Neighbours), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	w.mask = pg_nextpower2_32(Max((uint32) c->nlinks * 2, 1024)) - 1;
	w.between = MemoryContextAllocExtended(w.context, ((Size) w.mask + 1) * sizeof(Between), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	w.maxheap = 1024;
	w.heap = MemoryContextAllocHuge(w.context, w.maxheap * sizeof(Join));
	for (uint32 i = 0; i < n; i++)
	{
		w.informed[i] = c->informed[i] ? 1 : 0;
		w.alive[i] = true;
		w.next[i] = i;
		w.lowest[i] = i;
	}
	for (Size i = 0; i < c->nlinks; i++)
	{
		CdLink	   *link = &c->link[i];
		bool		made;
		Between    *between;

		if (i % 8192 == 0)
			CHECK_FOR_INTERRUPTS();
		/* what people joined is no evidence about others */
		if (link->a == link->b || link->kind == CD_LINK_ALWAYS)
			continue;
		between = between_make(&w, link->a, link->b, &made);
		if (made)
		{
			add_neighbour(&w, link->a, link->b);
			add_neighbour(&w, link->b, link->a);
		}
		if (link->kind == CD_LINK_NEVER)
			between->never = true;
		else
		{
			/* the strongest word on a pair counts */
			between->sum = between->count == 0 ? link->weight : Max(between->sum, link->weight);
			between->sum = Min(Max(between->sum, -c->clip), c->clip);
			between->count = 1;
			between->expected = w.informed[link->a] * w.informed[link->b];
		}
	}
	for (Size i = 0; i < c->nlinks; i++)
	{
		uint32		a;
		uint32		b;
		Between    *between;

		if (c->link[i].kind != CD_LINK_ALWAYS || !first[i])
			continue;
		a = cluster_of(&w, c->link[i].a);
		b = cluster_of(&w, c->link[i].b);
		if (a == b)
			continue;
		between = between_find(&w, a, b);
		if (between != NULL && between->never)
		{
			if (c->nconflicts < CD_MAX_CONFLICTS)
				c->conflict[c->nconflicts++] = (CdConflict) {CD_DECISIONS, c->link[i].a, c->link[i].b, false};
		}
		else
			join(&w, a, b);
	}
	for (uint32 a = 0; a < n; a++)
	{
		if (!w.alive[a])
			continue;
		if (a % 8192 == 0)
			CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < w.near[a].n; i++)
		{
			uint32		b = w.near[a].id[i];

			if (a < b && w.alive[b])
				offer(&w, a, b, between_find(&w, a, b));
		}
	}
	while (w.nheap > 0)
	{
		Join		j = heap_pop(&w);

		CHECK_FOR_INTERRUPTS();
		if (!w.alive[j.a] || !w.alive[j.b] ||
			w.version[j.a] != j.version_a || w.version[j.b] != j.version_b)
			continue;
		if (!may_join(&w, j.a, j.b))
		{
			between_find(&w, j.a, j.b)->refused = true;
			continue;
		}
		join(&w, j.a, j.b);
	}
	for (Size i = 0; i < c->nlinks; i++)
	{
		uint32		a;
		uint32		b;

		if (c->link[i].kind != CD_LINK_ALWAYS || first[i])
			continue;
		a = cluster_of(&w, c->link[i].a);
		b = cluster_of(&w, c->link[i].b);
		if (a == b)
			continue;
		if (may_follow(&w, a, b))
			join(&w, a, b);
		else
		{
			first[i] = true;
			settled = false;
		}
	}
	for (uint32 i = 0; i < n; i++)
		c->label[i] = PG_UINT32_MAX;
	for (uint32 i = 0; i < n; i++)
	{
		uint32		r = i;

		if (c->label[i] != PG_UINT32_MAX)
			continue;
		do
		{
			c->label[r] = i;
			r = w.next[r];
		} while (r != i);
	}
	MemoryContextDelete(w.context);
	return settled;
}

/* Cluster the nodes; label[i] becomes the lowest node of i's cluster. */
void
cd_cluster(CdClustering *c)
{
	bool	   *first = MemoryContextAllocExtended(CurrentMemoryContext, Max(c->nlinks, 1) * sizeof(bool), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	c->conflict = palloc(CD_MAX_CONFLICTS * sizeof(CdConflict));
	while (!cluster_once(c, first))
		;
	pfree(first);
}
