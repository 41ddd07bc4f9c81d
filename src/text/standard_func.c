/*
 * standard_func.c
 *		The standardisers as SQL functions.
 */
#include "postgres.h"

#include "text/standard.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "text/company.h"
#include "text/similarity.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define RETURN_CSTRING_OR_NULL(s) \
	do { \
		char *s_ = (s); \
		if (s_ == NULL) \
			PG_RETURN_NULL(); \
		PG_RETURN_TEXT_P(cstring_to_text(s_)); \
	} while (0)

#define BYTES(t)	VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)

/* Texts longer than this are no names, addresses or the like. */
#define MAX_TEXT_BYTES	(16 * 1024 * 1024)

/* A text argument of a length that can be standardised. */
static text *
text_argument(FunctionCallInfo fcinfo, int n)
{
	text	   *value = PG_GETARG_TEXT_PP(n);

	if (VARSIZE_ANY_EXHDR(value) > MAX_TEXT_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("text is too long to be standardised"),
				 errdetail("It has %d bytes, and %d are the limit.",
						   (int) VARSIZE_ANY_EXHDR(value), MAX_TEXT_BYTES),
				 errhint("The distances and jaro_winkler() have no such limit.")));
	return value;
}

static void
region_argument(text *value, char *region)
{
	cd_region_named(BYTES(value), region);
}

PG_FUNCTION_INFO_V1(cd_normalize_name_sql);
Datum
cd_normalize_name_sql(PG_FUNCTION_ARGS)
{
	text	   *t0 = text_argument(fcinfo, 0);

	RETURN_CSTRING_OR_NULL(cd_normalize_name(BYTES(t0), true));
}

PG_FUNCTION_INFO_V1(cd_normalize_company_sql);
Datum
cd_normalize_company_sql(PG_FUNCTION_ARGS)
{
	text	   *t0 = text_argument(fcinfo, 0);

	RETURN_CSTRING_OR_NULL(cd_normalize_company(BYTES(t0)));
}

PG_FUNCTION_INFO_V1(cd_normalize_address_sql);
Datum
cd_normalize_address_sql(PG_FUNCTION_ARGS)
{
	text	   *t0 = text_argument(fcinfo, 0);

	RETURN_CSTRING_OR_NULL(cd_normalize_address(BYTES(t0)));
}

PG_FUNCTION_INFO_V1(cd_phonetic_key_sql);
Datum
cd_phonetic_key_sql(PG_FUNCTION_ARGS)
{
	text	   *t0 = text_argument(fcinfo, 0);

	RETURN_CSTRING_OR_NULL(cd_phonetic_key(BYTES(t0)));
}

PG_FUNCTION_INFO_V1(cd_romanize_sql);
Datum
cd_romanize_sql(PG_FUNCTION_ARGS)
{
	text	   *t0 = text_argument(fcinfo, 0);
	int			len;
	char	   *latin = cd_romanize(BYTES(t0), &len);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(latin, len));
}

PG_FUNCTION_INFO_V1(cd_email_key_sql);
Datum
cd_email_key_sql(PG_FUNCTION_ARGS)
{
	text	   *t0 = text_argument(fcinfo, 0);

	RETURN_CSTRING_OR_NULL(cd_email_key(BYTES(t0)));
}

PG_FUNCTION_INFO_V1(cd_is_email_sql);
Datum
cd_is_email_sql(PG_FUNCTION_ARGS)
{
	text	   *t0 = text_argument(fcinfo, 0);

	PG_RETURN_BOOL(cd_email_key(BYTES(t0)) != NULL);
}

/* phone_e164(number, region): NULL unless it can be dialled. */
PG_FUNCTION_INFO_V1(cd_phone_e164_sql);
Datum
cd_phone_e164_sql(PG_FUNCTION_ARGS)
{
	text	   *t0 = text_argument(fcinfo, 0);
	char		region[4];
	CdIssue		issue;
	char	   *phone;

	region_argument(PG_GETARG_TEXT_PP(1), region);
	cd_phone_require();
	phone = cd_standard_phone(BYTES(t0), region, &issue);
	if (phone == NULL || phone[0] != '+')
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(phone));
}

PG_FUNCTION_INFO_V1(cd_is_phone_sql);
Datum
cd_is_phone_sql(PG_FUNCTION_ARGS)
{
	text	   *t0 = text_argument(fcinfo, 0);
	char		region[4];
	CdIssue		issue;
	char	   *phone;

	region_argument(PG_GETARG_TEXT_PP(1), region);
	cd_phone_require();
	phone = cd_standard_phone(BYTES(t0), region, &issue);
	PG_RETURN_BOOL(phone != NULL && phone[0] == '+' && issue == CD_ISSUE_NONE);
}

/* company_parts(name) → (place, brand, trade, legal_form), NULL where there is none. */
PG_FUNCTION_INFO_V1(cd_company_parts_sql);
Datum
cd_company_parts_sql(PG_FUNCTION_ARGS)
{
	text	   *t0 = text_argument(fcinfo, 0);
	CdCompany	c;
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4];
	CdText	   *parts[4];
	int			i;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("company_parts is called where a row is not accepted")));
	cd_company_parse(&c, BYTES(t0));
	parts[0] = &c.place;
	parts[1] = &c.brand;
	parts[2] = &c.trade;
	parts[3] = &c.legal;
	for (i = 0; i < 4; i++)
	{
		nulls[i] = parts[i]->len == 0;
		values[i] = nulls[i] ? (Datum) 0 : PointerGetDatum(cstring_to_text(cd_text_encode(parts[i], NULL)));
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* standardize(attribute, value, region) → (standard, issue) */
PG_FUNCTION_INFO_V1(cd_standardize_sql);
Datum
cd_standardize_sql(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[2] = {0, 0};
	bool		nulls[2] = {true, true};
	char		region[4] = "";
	CdIssue		issue;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("standardize is called where a row is not accepted")));
	if (!PG_ARGISNULL(2))
		region_argument(PG_GETARG_TEXT_PP(2), region);
	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1))
	{
		char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
		text	   *t1 = text_argument(fcinfo, 1);
		char	   *standard = cd_standardize(cd_attribute_of(name), BYTES(t1), region,
											  cd_standard_today(), &issue);

		if (standard != NULL)
		{
			values[0] = PointerGetDatum(cstring_to_text(standard));
			nulls[0] = false;
		}
		if (issue != CD_ISSUE_NONE)
		{
			values[1] = PointerGetDatum(cstring_to_text(cd_issue_name(issue)));
			nulls[1] = false;
		}
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* The attribute codes of the last attribute list seen by a call site. */
typedef struct AttributeCache
{
	ArrayType  *names;
	int			count;
	CdAttribute *codes;
} AttributeCache;

/* Attribute codes of an array of names, kept while the array stays the same. */
static AttributeCache *
attribute_codes(FunctionCallInfo fcinfo, ArrayType *names)
{
	AttributeCache *cache = fcinfo->flinfo->fn_extra;
	MemoryContext old;
	Datum	   *elems;
	bool	   *nulls;
	int			i;

	if (cache != NULL && VARSIZE(cache->names) == VARSIZE(names) &&
		memcmp(cache->names, names, VARSIZE(names)) == 0)
		return cache;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	cache = palloc(sizeof(AttributeCache));
	cache->names = palloc(VARSIZE(names));
	memcpy(cache->names, names, VARSIZE(names));
	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls, &cache->count);
	cache->codes = palloc(sizeof(CdAttribute) * Max(cache->count, 1));
	for (i = 0; i < cache->count; i++)
		cache->codes[i] = nulls[i] ? CD_ATTR_OTHER : cd_attribute_of(TextDatumGetCString(elems[i]));
	MemoryContextSwitchTo(old);
	fcinfo->flinfo->fn_extra = cache;
	return cache;
}

/*
 * Standardise an array of values; codes gives the attribute of each position,
 * NULL means position n is attribute n.  The answer is the pair (standard
 * text[], issue smallint[]); issue is NULL if nothing is wrong.
 */
static Datum
standardize_array(FunctionCallInfo fcinfo, ArrayType *given, const char *region, const AttributeCache *codes)
{
	TupleDesc	desc;
	ArrayType  *standard;
	ArrayType  *issue;
	Datum		values[2] = {0, 0};
	bool		nulls[2] = {true, true};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a function that answers a row is called where none is accepted")));
	if (given == NULL)
		PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
	if (codes != NULL && ArrayGetNItems(ARR_NDIM(given), ARR_DIMS(given)) > codes->count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("more values than attributes"),
				 errdetail("There are %d values and %d attributes.",
						   ArrayGetNItems(ARR_NDIM(given), ARR_DIMS(given)), codes->count)));
	cd_standardize_values(given, codes == NULL ? NULL : codes->codes, region, cd_standard_today(), NULL, &standard, &issue);
	values[0] = PointerGetDatum(standard);
	nulls[0] = false;
	values[1] = PointerGetDatum(issue);
	nulls[1] = issue == NULL;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* standardize_record(attributes, given, region): all values of a record in one call. */
PG_FUNCTION_INFO_V1(cd_standardize_record_sql);
Datum
cd_standardize_record_sql(PG_FUNCTION_ARGS)
{
	char		region[4] = "";

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return standardize_array(fcinfo, NULL, region, NULL);
	if (!PG_ARGISNULL(2))
		region_argument(PG_GETARG_TEXT_PP(2), region);
	return standardize_array(fcinfo, PG_GETARG_ARRAYTYPE_P(1), region,
							 attribute_codes(fcinfo, PG_GETARG_ARRAYTYPE_P(0)));
}

/* standardize_values(given, region): the same by attribute.ordinal. */
PG_FUNCTION_INFO_V1(cd_standardize_values_sql);
Datum
cd_standardize_values_sql(PG_FUNCTION_ARGS)
{
	char		region[4] = "";

	if (!PG_ARGISNULL(1))
		region_argument(PG_GETARG_TEXT_PP(1), region);
	return standardize_array(fcinfo, PG_ARGISNULL(0) ? NULL : PG_GETARG_ARRAYTYPE_P(0), region, NULL);
}

#define SIMILARITY(sqlname, kernel) \
PG_FUNCTION_INFO_V1(sqlname); \
Datum \
sqlname(PG_FUNCTION_ARGS) \
{ \
	text	   *t0 = text_argument(fcinfo, 0); \
	text	   *t1 = text_argument(fcinfo, 1); \
	\
	PG_RETURN_FLOAT8(kernel(BYTES(t0), BYTES(t1))); \
}

SIMILARITY(cd_name_similarity_sql, cd_name_similarity)
SIMILARITY(cd_company_similarity_sql, cd_company_similarity)
SIMILARITY(cd_address_similarity_sql, cd_address_similarity)

/* issue_name(smallint) → text: the name a stored issue number stands for. */
PG_FUNCTION_INFO_V1(cd_issue_name_sql);
Datum
cd_issue_name_sql(PG_FUNCTION_ARGS)
{
	int			issue = PG_GETARG_INT16(0);

	if (issue <= 0 || issue >= CD_ISSUE_COUNT)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(cd_issue_name((CdIssue) issue)));
}

/* text_versions() → (icu, libphonenumber, rules) */
PG_FUNCTION_INFO_V1(cd_text_versions_sql);
Datum
cd_text_versions_sql(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};
	const char *phone = cd_phone_version();

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("text_versions is called where a row is not accepted")));
	values[0] = PointerGetDatum(cstring_to_text(cd_icu_version()));
	nulls[1] = phone == NULL;
	values[1] = phone ? PointerGetDatum(cstring_to_text(phone)) : (Datum) 0;
	values[2] = Int32GetDatum(CD_TEXT_RULES);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

static int
compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* fingerprint(text): OpenRefine's key of sorted, unique, folded words. */
PG_FUNCTION_INFO_V1(cd_fingerprint_sql);
Datum
cd_fingerprint_sql(PG_FUNCTION_ARGS)
{
	text	   *t0 = text_argument(fcinfo, 0);
	CdText		t;
	char	  **words;
	int			count = 0;
	StringInfoData out;
	int			from = -1;
	int			to = 0;
	int			i;

	cd_text_fold(&t, BYTES(t0));
	words = palloc(sizeof(char *) * (t.len / 2 + 2));
	for (i = 0; i <= t.len; i++)
	{
		CdCharClass class = i < t.len ? cd_class(t.cp[i]) : CD_CHAR_SPACE;

		if (class == CD_CHAR_SPACE)
		{
			if (from >= 0)
			{
				CdText		word = {t.cp + from, to - from, 0};

				words[count++] = cd_text_encode(&word, NULL);
			}
			from = -1;
		}
		else if (class == CD_CHAR_LETTER || class == CD_CHAR_DIGIT)
		{
			if (from < 0)
				from = to;
			t.cp[to++] = t.cp[i];
		}
	}
	qsort(words, count, sizeof(char *), compare_words);
	initStringInfo(&out);
	for (i = 0; i < count; i++)
	{
		if (i > 0 && strcmp(words[i], words[i - 1]) == 0)
			continue;
		if (out.len > 0)
			appendStringInfoChar(&out, ' ');
		appendStringInfoString(&out, words[i]);
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* ngram_fingerprint(text, n): sorted, unique n-grams of the folded letters and digits. */
PG_FUNCTION_INFO_V1(cd_ngram_fingerprint_sql);
Datum
cd_ngram_fingerprint_sql(PG_FUNCTION_ARGS)
{
	text	   *t0 = text_argument(fcinfo, 0);
	int			n = PG_GETARG_INT32(1);
	CdText		t;
	char	  **grams;
	int			count = 0;
	StringInfoData out;
	int			len = 0;
	int			i;

	if (n < 1 || n > 1000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n-gram length must be between 1 and 1000"),
				 errdetail("It is %d.", n),
				 errhint("2 is the usual length.")));
	cd_text_fold(&t, BYTES(t0));
	for (i = 0; i < t.len; i++)
		if (cd_is_word(t.cp[i]))
			t.cp[len++] = t.cp[i];
	grams = palloc(sizeof(char *) * (len + 1));
	for (i = 0; i < Max(len - n + 1, len > 0); i++)
	{
		CdText		gram = {t.cp + i, Min(n, len), 0};

		grams[count++] = cd_text_encode(&gram, NULL);
	}
	qsort(grams, count, sizeof(char *), compare_words);
	initStringInfo(&out);
	for (i = 0; i < count; i++)
		if (i == 0 || strcmp(grams[i], grams[i - 1]) != 0)
			appendStringInfoString(&out, grams[i]);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
