/*
 * values.c
 *		Standard forms of all values of a record, and where it is at home.
 */
#include "postgres.h"

#include "customer_data.h"
#include "text/standard.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Places of the cache, a power of two, and the longest value it takes. */
#define CACHE_PLACES	16384
#define CACHE_BYTES		56

/* A value and its standard form, both in one piece of memory. */
typedef struct Remembered
{
	uint32		hash;
	uint8		attribute;
	uint8		issue;
	uint8		bytes;			/* of the value */
	bool		none;			/* there is no standard form */
	char		region[4];
	char	   *value;			/* with the zero-terminated form behind it */
	Size		room;
} Remembered;

struct CdStandardCache
{
	MemoryContext context;
	Remembered	place[CACHE_PLACES];
};

CdStandardCache *
cd_standard_cache_create(MemoryContext context)
{
	CdStandardCache *cache = MemoryContextAllocHuge(context, sizeof(CdStandardCache));

	memset(cache, 0, sizeof(CdStandardCache));
	cache->context = context;
	return cache;
}

/* Do records share values of an attribute, so that remembering pays? */
static bool
is_shared(CdAttribute attribute)
{
	switch (attribute)
	{
		case CD_ATTR_GIVEN_NAME:
		case CD_ATTR_MIDDLE_NAME:
		case CD_ATTR_FAMILY_NAME:
		case CD_ATTR_NAME_PREFIX:
		case CD_ATTR_GENDER:
		case CD_ATTR_CITY:
		case CD_ATTR_REGION:
		case CD_ATTR_POSTCODE:
		case CD_ATTR_COUNTRY:
		case CD_ATTR_COMPANY:
		case CD_ATTR_JOB_TITLE:
		case CD_ATTR_OCCUPATION:
		case CD_ATTR_BIRTH_PLACE:
			return true;
		default:
			return false;
	}
}

/* The standard form of a value, remembered where others are likely to hold it; not to be freed. */
static const char *
standard_form(CdStandardCache *cache, CdAttribute attribute, const char *value, int bytes,
			  const char *region, int32 today, CdIssue *issue)
{
	Remembered *r;
	uint32		hash;
	uint32		where;
	const char *form;
	Size		size;

	if (cache == NULL || bytes > CACHE_BYTES || !is_shared(attribute))
		return cd_standardize(attribute, value, bytes, region, today, issue);
	hash = hash_bytes((const unsigned char *) value, bytes) + (uint32) attribute * 0x9E3779B9u;
	/* a region is two letters or none, and then nothing lies behind its end */
	where = region[0] == '\0' ? 0 : (uint32) region[0] * 31 ^ (uint32) region[1] * 1021;
	r = &cache->place[(hash ^ where) % CACHE_PLACES];
	if (r->value != NULL && r->hash == hash && r->attribute == attribute && r->bytes == bytes &&
		strcmp(r->region, region) == 0 && memcmp(r->value, value, bytes) == 0)
	{
		*issue = (CdIssue) r->issue;
		return r->none ? NULL : r->value + bytes;
	}
	form = cd_standardize(attribute, value, bytes, region, today, issue);
	size = bytes + (form == NULL ? 0 : strlen(form)) + 1;
	if (size > r->room)
	{
		if (r->value != NULL)
			pfree(r->value);
		r->value = NULL;
		r->room = 0;
		r->value = MemoryContextAlloc(cache->context, size + 16);
		r->room = size + 16;
	}
	r->hash = hash;
	r->attribute = (uint8) attribute;
	r->issue = (uint8) *issue;
	r->bytes = (uint8) bytes;
	r->none = form == NULL;
	strlcpy(r->region, region, sizeof(r->region));
	memcpy(r->value, value, bytes);
	strcpy(r->value + bytes, form == NULL ? "" : form);
	return form;
}

void
cd_standardize_values(ArrayType *given, const CdAttribute *codes, const char *region, int32 today,
					  CdStandardCache *cache, ArrayType **standard, ArrayType **issue)
{
	Datum	   *elems;
	bool	   *nulls;
	Datum	   *forms;
	Datum	   *issues;
	bool		any = false;
	int			count;
	int			bound = 1;

	deconstruct_array(given, TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls, &count);
	forms = palloc(sizeof(Datum) * Max(count, 1));
	issues = palloc(sizeof(Datum) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		CdIssue		found = CD_ISSUE_NONE;
		const char *form = NULL;

		if (!nulls[i])
		{
			text	   *value = DatumGetTextPP(elems[i]);
			CdAttribute attribute = codes != NULL ? codes[i] :
				i + 1 < CD_ATTR_COUNT ? (CdAttribute) (i + 1) : CD_ATTR_OTHER;

			form = standard_form(cache, attribute, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
								 region, today, &found);
		}
		nulls[i] = form == NULL;
		forms[i] = form ? PointerGetDatum(cstring_to_text(form)) : (Datum) 0;
		issues[i] = Int16GetDatum((int16) found);
		any = any || found != CD_ISSUE_NONE;
	}
	if (count > 0)
		*standard = construct_md_array(forms, nulls, 1, &count, &bound, TEXTOID, -1, false, TYPALIGN_INT);
	else
		*standard = construct_empty_array(TEXTOID);
	*issue = any ? construct_array(issues, count, INT2OID, 2, true, TYPALIGN_SHORT) : NULL;
}

void
cd_region_named(const char *s, int n, char *region)
{
	CdIssue		issue;
	char	   *code;

	region[0] = '\0';
	if (n == 0)
		return;
	if (n == 2 && isalpha((unsigned char) s[0]) && isalpha((unsigned char) s[1]))
	{
		region[0] = pg_toupper((unsigned char) s[0]);
		region[1] = pg_toupper((unsigned char) s[1]);
		region[2] = '\0';
		if (strcmp(region, "UK") == 0)
			strcpy(region, "GB");
		return;
	}
	code = cd_standard_country(s, n, &issue);
	if (code == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown region \"%s\"", pnstrdup(s, n)),
				 errhint("Give an ISO 3166 code of two letters, such as 'US', 'DE' or 'CN'.")));
	strlcpy(region, code, 3);
}

void
cd_region_of(ArrayType *given, const char *source_region, CdStandardCache *cache, char *region)
{
	int			at = CD_ATTR_COUNTRY;
	bool		isnull;
	Datum		country = array_get_element(PointerGetDatum(given), 1, &at, -1, -1, false, TYPALIGN_INT, &isnull);

	if (!isnull)
	{
		text	   *value = DatumGetTextPP(country);
		CdIssue		issue;
		const char *code = standard_form(cache, CD_ATTR_COUNTRY, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
										 "", 0, &issue);

		if (code != NULL && strlen(code) == 2 && isalpha((unsigned char) code[0]) && isalpha((unsigned char) code[1]))
		{
			cd_region_named(code, 2, region);
			return;
		}
	}
	cd_region_named(source_region, strlen(source_region), region);
}

/* The day "in the future" is measured by: the one as_of() is in, a day later for time zones. */
int32
cd_standard_today(void)
{
	TimestampTz now = cd_as_of();

	return (int32) (now / USECS_PER_DAY) + 1;
}
