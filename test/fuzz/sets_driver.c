/*
 * sets_driver.c
 *		Customer sets without a server, for the address and undefined-behaviour
 *		sanitizers and for another Roaring library.
 *
 * sets_driver check N SEED: N rounds of random sets, every operation beside
 *		a plain array of 65536 x 4 truths, by each level of instructions the
 *		processor has; then the same with damaged bytes, where any answer or
 *		error will do but no memory outside may be touched.
 * sets_driver exchange N SEED (built with -DWITH_CROARING): N sets written by us
 *		are read by CRoaring, and those it writes are accepted and read by us.
 */
#include "postgres.h"

#include "sets/view.h"

#include <setjmp.h>
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#ifdef WITH_CROARING
/* Of CRoaring what is used; its header has names that ours has, too. */
typedef struct roaring_bitmap_s roaring_bitmap_t;
extern roaring_bitmap_t *roaring_bitmap_portable_deserialize_safe(const char *data, size_t bytes);
extern uint64 roaring_bitmap_get_cardinality(const roaring_bitmap_t *bitmap);
extern bool roaring_bitmap_contains(const roaring_bitmap_t *bitmap, uint32 id);
extern roaring_bitmap_t *roaring_bitmap_create(void);
extern void roaring_bitmap_add(roaring_bitmap_t *bitmap, uint32 id);
extern size_t roaring_bitmap_portable_size_in_bytes(const roaring_bitmap_t *bitmap);
extern size_t roaring_bitmap_portable_serialize(const roaring_bitmap_t *bitmap, char *data);
extern void roaring_bitmap_free(const roaring_bitmap_t *bitmap);
#endif

#undef printf
#undef fprintf

/* --- what the server would give: memory, errors, nothing else -------------- */
MemoryContext CurrentMemoryContext = NULL;
volatile sig_atomic_t InterruptPending = false;
static jmp_buf on_error;
static bool errors_are_fine = false;

/* All memory of a round, freed after it */
static void **taken = NULL;
static size_t ntaken = 0,
			taken_room = 0;

static void *
take_memory(size_t size)
{
	void	   *p = malloc(size == 0 ? 1 : size);

	if (ntaken == taken_room)
		taken = realloc(taken, sizeof(void *) * (taken_room = taken_room == 0 ? 1024 : 2 * taken_room));
	taken[ntaken++] = p;
	return p;
}

static void
forget(void *p)
{
	size_t		i;

	for (i = ntaken; i-- > 0;)
		if (taken[i] == p)
		{
			taken[i] = taken[--ntaken];
			return;
		}
	abort();
}

void *palloc(Size size) { return take_memory(size); }
void *palloc0(Size size) { return memset(take_memory(size), 0, size); }
void *MemoryContextAlloc(MemoryContext context, Size size) { return take_memory(size); }
void *MemoryContextAllocZero(MemoryContext context, Size size) { return memset(take_memory(size), 0, size); }
void *MemoryContextAllocHuge(MemoryContext context, Size size) { return take_memory(size); }
void pfree(void *p) { forget(p); free(p); }
void *
repalloc(void *p, Size size)
{
	void	   *q;

	forget(p);
	q = realloc(p, size);
	if (ntaken == taken_room)
		taken = realloc(taken, sizeof(void *) * (taken_room *= 2));
	taken[ntaken++] = q;
	return q;
}
void ProcessInterrupts(void) {}
bool errstart(int elevel, const char *domain) { return true; }
bool errstart_cold(int elevel, const char *domain) { return true; }
int errcode(int sqlerrcode) { return 0; }
int errmsg(const char *fmt, ...) { return 0; }
int errdetail(const char *fmt, ...) { return 0; }
int errhint(const char *fmt, ...) { return 0; }
void
errfinish(const char *filename, int lineno, const char *funcname)
{
	if (!errors_are_fine)
	{
		fprintf(stderr, "unexpected error at %s:%d\n", filename, lineno);
		abort();
	}
	longjmp(on_error, 1);
}
struct varlena *pg_detoast_datum(struct varlena *datum) { return datum; }
void pg_qsort(void *base, size_t n, size_t size, int (*compare) (const void *, const void *)) { (qsort) (base, n, size, compare); }
uint64 hash_bytes_extended(const unsigned char *k, int keylen, uint64 seed)
{
	while (keylen-- > 0)
		seed = (seed ^ *k++) * UINT64CONST(1099511628211);
	return seed;
}

static void
end_round(void)
{
	while (ntaken > 0)
		free(taken[--ntaken]);
}

/* --- random sets and what they hold ---------------------------------------- */
#define CHUNKS	5
#define IDS		(CHUNKS * 65536)

static uint64 seed;

static uint32
below(uint32 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32) ((seed >> 16) % n);
}

/* Fill in which ids a set holds: scattered, in rows, at the ends, all, none */
static void
choose_ids(uint8 *truth)
{
	uint32		chunk,
				i;

	memset(truth, 0, IDS);
	for (chunk = 0; chunk < CHUNKS; chunk++)
	{
		uint8	   *in = truth + chunk * 65536;
		static const uint32 amounts[] = {1, 2, 7, 8, 9, 60, 500, 2000, 4000, 4096, 9000, 40000};
		uint32		n = amounts[below(lengthof(amounts))];
		uint32		kind = below(7);

		if (kind == 0)
			continue;
		if (kind == 1 || kind == 2)
			for (i = 0; i < n; i++)
				in[below(65536)] = 1;
		if (kind == 3)
			for (i = 0; i < n; i++)
				in[below(Min(65536, n + n / 4 + 1))] = 1;
		if (kind == 4 || kind == 2)
			for (i = 0; i < n / 8 + 1; i++)
			{
				uint32		from = below(65536);
				uint32		length = below(60) + 1;

				memset(in + from, 1, Min(length, 65536 - from));
			}
		if (kind == 5)
			memset(in, 1, 65536);
		if (kind == 6)
		{
			memset(in + 60000, 1, 5536);
			in[below(65536)] ^= 1;
		}
		if (below(4) == 0)
			in[65535] = in[0] = 1;
	}
}

static CdSet *
make_set(const uint8 *truth)
{
	static uint32 ids[IDS];
	uint32		n = 0,
				i;

	for (i = 0; i < IDS; i++)
		if (truth[i])
			ids[n++] = i;
	if (below(3) == 0)
	{
		/* Not in order, with doubles, through a builder */
		CdSetBuilder *builder = cd_set_builder();

		for (i = 0; i < n; i++)
		{
			uint32		k = below(n);
			uint32		t = ids[i];

			ids[i] = ids[k];
			ids[k] = t;
		}
		for (i = 0; i < n; i++)
			cd_set_builder_add(builder, ids[i]);
		if (n > 0)
			cd_set_builder_add(builder, ids[below(n)]);
		return cd_set_builder_value(builder);
	}
	return cd_set_from_sorted(ids, n);
}

static void
fail(const char *what)
{
	fprintf(stderr, "wrong: %s\n", what);
	abort();
}

/* A set holds exactly these ids, its bytes are valid, and no other form is smaller */
static void
must_be(const CdSet *set, const uint8 *truth, const char *what)
{
	CdSetIterator it;
	uint32		id,
				n = 0,
				total = 0,
				i;
	CdSet	   *again;

	if (cd_roaring_fault(set->data, CD_SET_BYTES(set)) != NULL)
		fail(what);
	cd_set_begin(&it, set);
	while (cd_set_next(&it, &id))
	{
		if (id >= IDS || !truth[id])
			fail(what);
		n++;
	}
	for (i = 0; i < IDS; i++)
		total += truth[i];
	if (n != total || cd_set_cardinality(set) != total)
		fail(what);
	again = cd_set_from_portable(set->data, CD_SET_BYTES(set));
	if (VARSIZE(again) != VARSIZE(set) || memcmp(again, set, VARSIZE(set)) != 0)
		fail("not the smallest form");
}

#define FOR_IDS(expression) \
	do { uint32 k; for (k = 0; k < IDS; k++) { bool x = ta[k], y = tb[k]; tr[k] = (expression); (void) x; (void) y; } } while (0)

static void
check_round(void)
{
	static uint8 ta[IDS],
				tb[IDS],
				tr[IDS];
	CdSet	   *a,
			   *b;
	CdSetBuilder *builder,
			   *other;
	uint64		common = 0;
	uint32		k,
				first = below(IDS),
				last = first + below(IDS - first);
	bool		holds = true;

	choose_ids(ta);
	choose_ids(tb);
	if (below(4) == 0)
	{
		/* The same but for one, or the same */
		memcpy(tb, ta, IDS);
		tb[below(IDS)] = 0;
	}
	a = make_set(ta);
	b = make_set(tb);
	must_be(a, ta, "making");
	FOR_IDS(x && y);
	must_be(cd_set_and(a, b), tr, "and");
	for (k = 0; k < IDS; k++)
		common += tr[k], holds &= !tb[k] || ta[k];
	if (cd_set_and_cardinality(a, b) != common || cd_set_intersects(a, b) != (common > 0) || cd_set_contains_set(a, b) != holds)
		fail("counting");
	if (cd_set_equal(a, b) != (memcmp(ta, tb, IDS) == 0) || (cd_set_compare(a, b) == 0) != cd_set_equal(a, b))
		fail("comparing");
	FOR_IDS(x || y);
	must_be(cd_set_or(a, b), tr, "or");
	builder = cd_set_builder();
	cd_set_builder_or(builder, a);
	other = cd_set_builder();
	cd_set_builder_or(other, b);
	cd_set_builder_join(builder, other);
	must_be(cd_set_builder_value(builder), tr, "union");
	FOR_IDS((x || y) || (k >= first && k <= last));
	cd_set_builder_add_range(builder, first, last);
	must_be(cd_set_builder_value(builder), tr, "union and range");
	FOR_IDS(x && !y);
	must_be(cd_set_andnot(a, b), tr, "andnot");
	FOR_IDS(x != y);
	must_be(cd_set_xor(a, b), tr, "xor");
	FOR_IDS(x && k >= first && k <= last);
	must_be(cd_set_slice(a, first, last), tr, "slice");
	for (k = 0; k < 50; k++)
	{
		uint32		id = below(IDS);

		if (cd_set_contains(a, id) != ta[id])
			fail("contains");
	}
	end_round();
}

/* Values are taken by their bytes, into a place of their own and into their own place */
static void
between_round(void)
{
	uint32		n = below(4) == 0 ? below(70) : below(5000);
	/* In memory of its exact size, so that a step beyond is seen */
	uint16	   *values = palloc((n + 32) * sizeof(uint16));
	uint16	   *wanted = palloc((n + 32) * sizeof(uint16));
	uint16	   *found = palloc((n + 32) * sizeof(uint16));
	uint8	   *bytes = palloc(Max(n, 1));
	uint8		low = below(2) ? below(256) : below(100),
				high = below(5) == 0 ? low : low + below(256 - low);
	uint32		n_wanted = 0;
	uint32		i;

	for (i = 0; i < n; i++)
	{
		values[i] = below(65536);
		bytes[i] = below(256);
		wanted[n_wanted] = values[i];
		n_wanted += bytes[i] >= low && bytes[i] <= high;
	}
	if (cd_bits->between((const uint8 *) values, bytes, n, low, high, (uint8 *) found) != n_wanted ||
		memcmp(found, wanted, n_wanted * sizeof(uint16)) != 0)
		fail("values are not those whose bytes lie between");
	if (cd_bits->between((const uint8 *) values, bytes, n, low, high, (uint8 *) values) != n_wanted ||
		memcmp(values, wanted, n_wanted * sizeof(uint16)) != 0)
		fail("values taken in their place are not those whose bytes lie between");
	end_round();
}

/* Damage two sets and do all that is done with sets */
static void
damage_round(void)
{
	static uint8 truth[IDS];
	CdSet	   *sets[2];
	int			i,
				k;

	for (i = 0; i < 2; i++)
	{
		CdSet	   *set;

		choose_ids(truth);
		set = make_set(truth);
		/* In memory of its exact size, so that a step beyond is seen */
		sets[i] = palloc(VARSIZE(set));
		memcpy(sets[i], set, VARSIZE(set));
		for (k = 1 + below(6); k > 0; k--)
		{
			uint32		bytes = CD_SET_BYTES(set);
			uint32		at = below(3) == 0 ? below(bytes) : below(Min(bytes, 60));

			sets[i]->data[at] = below(2) ? below(256) : sets[i]->data[at] ^ 1 << below(8);
		}
	}
	errors_are_fine = true;
	for (k = 0; k < 14; k++)
		if (setjmp(on_error) == 0)
		{
			const CdSet *a = sets[0],
					   *b = sets[1];
			CdSetIterator it;
			CdSetBuilder *builder;
			uint32		x,
						y;
			uint64		n;

			switch (k)
			{
				case 0: cd_set_and(a, b); break;
				case 1: cd_set_or(a, b); break;
				case 2: cd_set_andnot(a, b); break;
				case 3: cd_set_xor(a, b); break;
				case 4: cd_set_and_cardinality(a, b); break;
				case 5: cd_set_intersects(a, b); break;
				case 6: cd_set_contains_set(a, b); break;
				case 7: cd_set_equal(a, b); cd_set_compare(a, b); break;
				case 8: cd_set_hash(a, 1); break;
				case 9: cd_set_slice(a, 1000, 200000); break;
				case 10: cd_set_bounds(a, &x, &y); cd_set_contains(a, below(IDS)); break;
				case 11: cd_set_begin(&it, a); while (cd_set_next_range(&it, &x, &y)) ; break;
				case 12: n = cd_set_cardinality(a); if (n < 10000000) { cd_set_to_int64(a, palloc(8 * n + 8)); cd_set_ids(a, &n); } break;
				default:
					builder = cd_set_builder();
					cd_set_builder_or(builder, a);
					cd_set_builder_or(builder, b);
					cd_set_builder_value(builder);
			}
		}
	errors_are_fine = false;
	end_round();
}

#ifdef WITH_CROARING
static void
exchange_round(void)
{
	static uint8 ta[IDS];
	CdSet	   *a;
	roaring_bitmap_t *theirs;
	uint32		k;
	size_t		bytes;
	char	   *data;

	choose_ids(ta);
	a = make_set(ta);
	theirs = roaring_bitmap_portable_deserialize_safe(a->data, CD_SET_BYTES(a));
	if (theirs == NULL || roaring_bitmap_get_cardinality(theirs) != cd_set_cardinality(a))
		fail("CRoaring does not read it");
	for (k = 0; k < IDS; k++)
		if (roaring_bitmap_contains(theirs, k) != ta[k])
			fail("CRoaring reads something else");
	if (below(2))
	{
		/* Without runs, as they make it */
		roaring_bitmap_free(theirs);
		theirs = roaring_bitmap_create();
		for (k = 0; k < IDS; k++)
			if (ta[k])
				roaring_bitmap_add(theirs, k);
	}
	if (below(2))
		roaring_bitmap_add(theirs, 4294967295u);
	bytes = roaring_bitmap_portable_size_in_bytes(theirs);
	data = palloc(bytes);
	roaring_bitmap_portable_serialize(theirs, data);
	if (cd_roaring_fault(data, bytes) != NULL)
		fail("what CRoaring writes is refused");
	if (!cd_set_equal(cd_set_slice(cd_set_from_portable(data, bytes), 0, IDS - 1), a))
		fail("what CRoaring writes is read as something else");
	roaring_bitmap_free(theirs);
	end_round();
}
#endif

int
main(int argc, char **argv)
{
	int			n = argc > 2 ? atoi(argv[2]) : 100;
	int			i;

	seed = argc > 3 ? (uint64) atoll(argv[3]) * 2654435761u + 88172645463325252u : 88172645463325252u;
#ifdef WITH_CROARING
	cd_bits_init();
	for (i = 0; i < n; i++)
		exchange_round();
	printf("%d sets exchanged\n", n);
#else
	{
		int			level;

		for (level = 0; level < CD_BITS_LEVELS; level++)
		{
			if (!cd_bits_choose(level))
				continue;
			for (i = 0; i < n; i++)
			{
				check_round();
				between_round();
				damage_round();
			}
			printf("level %d: %d rounds\n", level, n);
		}
	}
#endif
	return 0;
}
