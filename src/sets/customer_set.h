/*
 * customer_set.h
 *		A set of customer ids (0 .. 2^32-1) as a Roaring bitmap.
 *
 * A value is four bytes of our own (a version byte and three zero bytes)
 * followed by the portable Roaring serialisation, which is also what goes
 * over the wire.  All work is done on those bytes in place, container by
 * container: nothing is unpacked before and packed after.  No Roaring library
 * is linked, since the server loads modules into one name space: two copies
 * of CRoaring in a backend, ours and that of another extension, call each
 * other's functions with structures the other does not know.
 *
 * Bytes from outside are validated once, when they are received.  A stored
 * value is trusted as those of PostgreSQL's own types are, with one thing
 * more: should it be damaged, answers may be wrong, or an error be raised, but
 * no memory outside of the value is read or written.
 */
#ifndef CD_CUSTOMER_SET_H
#define CD_CUSTOMER_SET_H

#include "customer_data.h"

#define CD_SET_VERSION		1
#define CD_SET_MAX_ID		UINT64CONST(4294967295)

typedef struct CdSet
{
	int32		vl_len_;		/* varlena header, do not touch */
	uint8		version;
	uint8		reserved[3];	/* zero */
	char		data[FLEXIBLE_ARRAY_MEMBER];	/* portable Roaring */
} CdSet;

#define CD_SET_HEADER		offsetof(CdSet, data)
#define CD_SET_BYTES(set)	(VARSIZE(set) - CD_SET_HEADER)

#define DatumGetCdSet(d)		cd_set_detoast(d)
#define PG_GETARG_CDSET(n)		cd_set_detoast(PG_GETARG_DATUM(n))
#define PG_RETURN_CDSET(set)	PG_RETURN_POINTER(set)

/* The parts of a serialised set; made by cd_set_view in constant time. */
typedef struct CdSetView
{
	const uint8 *data;
	uint32		bytes;
	uint32		count;			/* containers */
	const uint8 *runs;			/* a bit per container, or NULL */
	const uint8 *keys;			/* (key, cardinality - 1) pairs */
	const uint8 *offsets;		/* NULL where the format leaves them out */
} CdSetView;

/* Walks a set's ids in ascending order. */
typedef struct CdSetIterator
{
	CdSetView	view;
	uint32		container;		/* the one being read */
	const uint8 *body;
	int			kind;
	uint32		base;			/* high half of its ids */
	uint32		left;			/* ids left in it */
	uint32		position;		/* array index, bitmap word or run */
	uint32		limit;			/* where position has to stop */
	uint64		word;			/* bits left of the bitmap word */
	uint32		within;			/* place within the run */
} CdSetIterator;

/* Reading: view.c */
extern CdSet *cd_set_detoast(Datum value);
extern void cd_set_view(const CdSet *set, CdSetView *view);
extern const char *cd_roaring_fault(const char *data, size_t bytes);
extern bool cd_set_contains(const CdSet *set, uint32 id);
extern bool cd_set_is_empty(const CdSet *set);
extern uint64 cd_set_cardinality(const CdSet *set);
extern uint64 cd_set_and_cardinality(const CdSet *a, const CdSet *b);
extern bool cd_set_intersects(const CdSet *a, const CdSet *b);
extern bool cd_set_contains_set(const CdSet *a, const CdSet *b);
extern bool cd_set_equal(const CdSet *a, const CdSet *b);
extern int	cd_set_compare(const CdSet *a, const CdSet *b);
extern uint64 cd_set_hash(const CdSet *set, uint64 seed);
extern void cd_set_begin(CdSetIterator *it, const CdSet *set);
extern bool cd_set_next(CdSetIterator *it, uint32 *id);
/* The next ids that follow one another without a gap, as far as they lie in one container. */
extern bool cd_set_next_range(CdSetIterator *it, uint32 *first, uint32 *last);
extern bool cd_set_bounds(const CdSet *set, uint32 *least, uint32 *greatest);
/* All ids, palloc'd, ascending. */
extern uint32 *cd_set_ids(const CdSet *set, uint64 *count);
/* All ids, ascending, into an array of cd_set_cardinality. */
extern void cd_set_to_int64(const CdSet *set, int64 *ids);

/* Making: combine.c and builder.c.  Results are palloc'd in the current context. */
extern CdSet *cd_set_alloc(Size bytes);
extern CdSet *cd_set_empty(void);
extern CdSet *cd_set_copy(const CdSet *set);
extern CdSet *cd_set_from_sorted(const uint32 *ids, size_t count);	/* any order works */
/* Ids of one chunk, from a bitmap of 65536 bits in little-endian words, which is spoilt. */
extern CdSet *cd_set_from_bits(uint32 chunk, uint8 *bits);
extern CdSet *cd_set_from_portable(const char *data, size_t bytes);	/* validated before */
extern CdSet *cd_set_or(const CdSet *a, const CdSet *b);
extern CdSet *cd_set_and(const CdSet *a, const CdSet *b);
extern CdSet *cd_set_andnot(const CdSet *a, const CdSet *b);
extern CdSet *cd_set_xor(const CdSet *a, const CdSet *b);
extern CdSet *cd_set_slice(const CdSet *set, uint32 first, uint32 last);	/* both included */

/*
 * A set being put together.  It lives in the memory context that was current
 * at its creation and is released with it, whatever happens.  A value may be
 * asked for at any time and more be added after it.
 */
typedef struct CdSetBuilder CdSetBuilder;

extern CdSetBuilder *cd_set_builder(void);
extern void cd_set_builder_add(CdSetBuilder *builder, uint32 id);
extern void cd_set_builder_add_range(CdSetBuilder *builder, uint32 first, uint32 last);
extern void cd_set_builder_or(CdSetBuilder *builder, const CdSet *set);
extern void cd_set_builder_join(CdSetBuilder *builder, CdSetBuilder *other);
extern uint64 cd_set_builder_cardinality(CdSetBuilder *builder);
extern CdSet *cd_set_builder_value(CdSetBuilder *builder);
extern void cd_set_builder_free(CdSetBuilder *builder);

/* OID of the type, or an error. */
extern Oid	cd_customer_set_type(void);

/* Turn a bigint into an id or raise a clear error. */
extern uint32 cd_set_id(int64 id);

#endif							/* CD_CUSTOMER_SET_H */
