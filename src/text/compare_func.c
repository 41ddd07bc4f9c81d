/*
 * compare_func.c
 *		The comparators as SQL functions: text in, code points compared.
 */
#include "postgres.h"

#include "text/compare.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

/* Two decoded arguments: bytes as they are if both are ASCII, else code points. */
typedef struct Pair
{
	const uint8 *a8;			/* NULL if a and b are decoded */
	const uint8 *b8;
	uint32	   *a;
	uint32	   *b;
	int			la;
	int			lb;
} Pair;

#define STACK_CHARS		256

/* Decode two text values into room on the caller's stack, or palloc'd if they are long. */
static pg_attribute_always_inline void
decode_pair(Pair *pair, text *ta, text *tb, uint32 *room, bool want_wide)
{
	const char *sa = VARDATA_ANY(ta);
	const char *sb = VARDATA_ANY(tb);
	int			na = VARSIZE_ANY_EXHDR(ta);
	int			nb = VARSIZE_ANY_EXHDR(tb);

	if (!want_wide && cd_is_ascii(sa, na) && cd_is_ascii(sb, nb))
	{
		pair->a8 = (const uint8 *) sa;
		pair->b8 = (const uint8 *) sb;
		pair->la = na;
		pair->lb = nb;
		return;
	}
	pair->a8 = NULL;
	pair->a = na <= STACK_CHARS ? room :
		MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * (Size) na);
	pair->b = nb <= STACK_CHARS ? room + STACK_CHARS :
		MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * (Size) nb);
	pair->la = cd_utf8_decode(sa, na, pair->a);
	pair->lb = cd_utf8_decode(sb, nb, pair->b);
}

/* The optional third argument of a distance. */
static int
max_argument(FunctionCallInfo fcinfo)
{
	int			max;

	if (PG_NARGS() < 3)
		return CD_NO_MAX;
	max = PG_GETARG_INT32(2);
	if (max < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("maximum distance must not be negative"),
				 errdetail("It is %d.", max),
				 errhint("Leave it out for the exact distance.")));
	return max;
}

/* The optional third argument of an n-gram similarity. */
static int
n_argument(FunctionCallInfo fcinfo)
{
	int			n = PG_GETARG_INT32(2);

	if (n < 1 || n > 1000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n-gram length must be between 1 and 1000"),
				 errdetail("It is %d.", n),
				 errhint("2 and 3 are the usual lengths.")));
	return n;
}

#define DISTANCE(sqlname, kernel) \
PG_FUNCTION_INFO_V1(sqlname); \
Datum \
sqlname(PG_FUNCTION_ARGS) \
{ \
	text	   *ta = PG_GETARG_TEXT_PP(0); \
	text	   *tb = PG_GETARG_TEXT_PP(1); \
	int			max = max_argument(fcinfo); \
	uint32		room[2 * STACK_CHARS]; \
	Pair		p; \
	\
	decode_pair(&p, ta, tb, room, false); \
	if (p.a8 != NULL) \
		PG_RETURN_INT32(kernel##8(p.a8, p.la, p.b8, p.lb, max)); \
	PG_RETURN_INT32(kernel(p.a, p.la, p.b, p.lb, max)); \
}

#define SIMILARITY(sqlname, kernel) \
PG_FUNCTION_INFO_V1(sqlname); \
Datum \
sqlname(PG_FUNCTION_ARGS) \
{ \
	text	   *ta = PG_GETARG_TEXT_PP(0); \
	text	   *tb = PG_GETARG_TEXT_PP(1); \
	uint32		room[2 * STACK_CHARS]; \
	Pair		p; \
	\
	decode_pair(&p, ta, tb, room, false); \
	if (p.a8 != NULL) \
		PG_RETURN_FLOAT8(kernel##8(p.a8, p.la, p.b8, p.lb)); \
	PG_RETURN_FLOAT8(kernel(p.a, p.la, p.b, p.lb)); \
}

#define NGRAMS(sqlname, how) \
PG_FUNCTION_INFO_V1(sqlname); \
Datum \
sqlname(PG_FUNCTION_ARGS) \
{ \
	text	   *ta = PG_GETARG_TEXT_PP(0); \
	text	   *tb = PG_GETARG_TEXT_PP(1); \
	int			n = n_argument(fcinfo); \
	uint32		room[2 * STACK_CHARS]; \
	Pair		p; \
	\
	decode_pair(&p, ta, tb, room, true); \
	PG_RETURN_FLOAT8(cd_ngram_overlap(p.a, p.la, p.b, p.lb, n, how)); \
}

#define TOKENS(sqlname, how) \
PG_FUNCTION_INFO_V1(sqlname); \
Datum \
sqlname(PG_FUNCTION_ARGS) \
{ \
	text	   *ta = PG_GETARG_TEXT_PP(0); \
	text	   *tb = PG_GETARG_TEXT_PP(1); \
	uint32		room[2 * STACK_CHARS]; \
	Pair		p; \
	\
	decode_pair(&p, ta, tb, room, true); \
	PG_RETURN_FLOAT8(cd_token_overlap(p.a, p.la, p.b, p.lb, how)); \
}

DISTANCE(cd_levenshtein_sql, cd_levenshtein)
DISTANCE(cd_osa_sql, cd_osa)
DISTANCE(cd_damerau_sql, cd_damerau)
SIMILARITY(cd_jaro_sql, cd_jaro)
SIMILARITY(cd_jaro_winkler_sql, cd_jaro_winkler)
NGRAMS(cd_ngram_similarity_sql, CD_OVERLAP_BAG_DICE)
NGRAMS(cd_ngram_dice_sql, CD_OVERLAP_DICE)
NGRAMS(cd_ngram_jaccard_sql, CD_OVERLAP_JACCARD)
TOKENS(cd_token_jaccard_sql, CD_OVERLAP_JACCARD)
TOKENS(cd_token_cosine_sql, CD_OVERLAP_COSINE)
