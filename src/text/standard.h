/*
 * standard.h
 *		Standard form and validity of a value of a well-known attribute.
 *
 * The value as given stays with the caller.  The standard form is what is
 * compared and shown; NULL means the value cannot be used for either.  The
 * issue says what is wrong or doubtful; a value may have an issue and still
 * have a standard form (a shared mailbox, a date in the future).
 */
#ifndef CD_TEXT_STANDARD_H
#define CD_TEXT_STANDARD_H

#include "utils/array.h"

#include "customer_data.h"

#include "text/chars.h"

/* The well-known attributes, in the fixed order of the attribute table. */
typedef enum CdAttribute
{
	CD_ATTR_OTHER,				/* any other name */
	CD_ATTR_FULL_NAME,
	CD_ATTR_GIVEN_NAME,
	CD_ATTR_MIDDLE_NAME,
	CD_ATTR_FAMILY_NAME,
	CD_ATTR_NAME_PREFIX,
	CD_ATTR_BIRTH_DATE,
	CD_ATTR_GENDER,
	CD_ATTR_EMAIL,
	CD_ATTR_PHONE,
	CD_ATTR_ADDRESS,
	CD_ATTR_STREET,
	CD_ATTR_HOUSE_NUMBER,
	CD_ATTR_CITY,
	CD_ATTR_REGION,
	CD_ATTR_POSTCODE,
	CD_ATTR_COUNTRY,
	CD_ATTR_NATIONAL_ID,
	CD_ATTR_TAX_ID,
	CD_ATTR_LOYALTY_ID,
	CD_ATTR_COMPANY,
	CD_ATTR_JOB_TITLE,
	CD_ATTR_WEBSITE,
	CD_ATTR_DOMAIN,
	CD_ATTR_OCCUPATION,
	CD_ATTR_BIRTH_PLACE,
	CD_ATTR_REGISTERED_AT,
	CD_ATTR_COOKIE_ID,
	CD_ATTR_DEVICE_ID,
	CD_ATTR_AD_ID,
	CD_ATTR_ACCOUNT_ID,
	CD_ATTR_NAME_SUFFIX
} CdAttribute;

#define CD_ATTR_COUNT	(CD_ATTR_NAME_SUFFIX + 1)

/* What may be wrong with a value.  Numbers are stored: only append. */
typedef enum CdIssue
{
	CD_ISSUE_NONE,
	CD_ISSUE_EMPTY,				/* nothing but space */
	CD_ISSUE_PLACEHOLDER,		/* stands for "no value": n/a, 000000, test@... */
	CD_ISSUE_MALFORMED,			/* not a value of this kind */
	CD_ISSUE_TOO_SHORT,
	CD_ISSUE_TOO_LONG,
	CD_ISSUE_DISPOSABLE,		/* throw-away mailbox */
	CD_ISSUE_SHARED_MAILBOX,	/* info@, sales@: nobody's own */
	CD_ISSUE_SUSPECT_DOMAIN,	/* a near miss of a large provider: gmial.com */
	CD_ISSUE_IMPOSSIBLE_DATE,	/* 30 February */
	CD_ISSUE_DEFAULT_DATE,		/* 1900-01-01, 1970-01-01: what systems fill in */
	CD_ISSUE_FUTURE_DATE,
	CD_ISSUE_IMPLAUSIBLE_DATE,	/* born before 1900 */
	CD_ISSUE_AMBIGUOUS_DATE,	/* day and month may be swapped */
	CD_ISSUE_PARTIAL_DATE,		/* year, or year and month only */
	CD_ISSUE_NO_COUNTRY,		/* a national number, and no region given */
	CD_ISSUE_UNASSIGNED,		/* right length, but no such range is in use */
	CD_ISSUE_BAD_CHECKSUM,
	CD_ISSUE_UNKNOWN_CODE,		/* not a known country, gender, ... */
	CD_ISSUE_NOT_A_NAME,		/* digits, an address or a company where a name should be */
	CD_ISSUE_WRONG_FIELD,		/* a value of another kind: an e-mail in the phone column */
	CD_ISSUE_ENCODING,			/* mangled by a wrong character set: JosÃ© */
	CD_ISSUE_LOCAL_NUMBER		/* a phone number without its area code */
} CdIssue;

#define CD_ISSUE_COUNT	(CD_ISSUE_LOCAL_NUMBER + 1)

/* The attribute of a name; CD_ATTR_OTHER if it is not a well-known one. */
extern CdAttribute cd_attribute_of(const char *name);

/* The name of an issue; "" for none. */
extern const char *cd_issue_name(CdIssue issue);

/*
 * Standard form of a value, palloc'd, or NULL; the issue in *issue.  region
 * is an ISO 3166 alpha-2 code or ""; today is the day "future" is measured by
 * (PostgreSQL's DateADT), or PG_INT32_MAX not to ask.
 */
extern char *cd_standardize(CdAttribute attribute, const char *value, int bytes,
							const char *region, int32 today, CdIssue *issue);

/* Forms of values that come again and again, remembered while many records are standardised. */
typedef struct CdStandardCache CdStandardCache;
extern CdStandardCache *cd_standard_cache_create(MemoryContext context);

/*
 * Standard forms and issues of an array of values, position n being attribute
 * n, or that of codes; *issue is NULL if nothing is wrong.
 */
extern void cd_standardize_values(ArrayType *given, const CdAttribute *codes, const char *region, int32 today,
								  CdStandardCache *cache, ArrayType **standard, ArrayType **issue);

/* Where a record's telephone numbers are dialled: its own country, else the region of its source. */
extern void cd_region_of(ArrayType *given, const char *source_region, CdStandardCache *cache, char *region);

/* The region that a text names: ISO 3166 alpha-2, upper case; empty if it is empty. */
extern void cd_region_named(const char *s, int n, char *region);

/* The day "future" is measured by. */
extern int32 cd_standard_today(void);

/* The single standardisers; each takes UTF-8 and gives palloc'd UTF-8 or NULL. */
extern char *cd_normalize_name(const char *s, int bytes, bool full);

/* Is a given name in normal form none, but a title, or a family name none, but a degree? */
extern bool cd_is_title(const char *value, int len, bool family);

/* Is a word an inherited rank, as behind a number: 1st Baronet? */
extern bool cd_is_rank(const char *value, int len);

/* Which generation a mark behind a name says, in normal form: 1 for sr or 1st, 2 for jr, ii or 2nd; 0 if it is none. */
extern int	cd_generation_of(const char *mark, int len);
extern char *cd_normalize_company(const char *s, int bytes);
extern char *cd_normalize_address(const char *s, int bytes);
extern char *cd_standard_email(const char *s, int bytes, CdIssue *issue);
extern char *cd_email_key(const char *s, int bytes);
extern char *cd_standard_domain(const char *s, int bytes, CdIssue *issue);
extern char *cd_standard_website(const char *s, int bytes, CdIssue *issue);
extern char *cd_standard_phone(const char *s, int bytes, const char *region, CdIssue *issue);
extern char *cd_standard_date(const char *s, int bytes, const char *region, bool birth,
							  int32 today, CdIssue *issue);
extern char *cd_standard_moment(const char *s, int bytes, const char *region, int32 today,
								CdIssue *issue);
extern char *cd_standard_gender(const char *s, int bytes, CdIssue *issue);
extern char *cd_standard_country(const char *s, int bytes, CdIssue *issue);
extern char *cd_standard_postcode(const char *s, int bytes, const char *region, CdIssue *issue);
extern char *cd_standard_national_id(const char *s, int bytes, const char *region, CdIssue *issue);
extern char *cd_standard_tax_id(const char *s, int bytes, const char *region, CdIssue *issue);

/* Write Chinese numerals before a counted unit (or one of a date) as digits: 三号楼 is 3号楼. */
extern void cd_han_numerals(CdText *t, bool date);

/* Toneless pinyin for Han, a key by sound for Latin letters; "" if nothing sounds. */
extern char *cd_phonetic_key(const char *s, int bytes);

/* The same of one word of a-z, at most room - 1 long. */
extern void cd_word_sound(const char *s, int n, char *out, int room);

/* The version of libphonenumber; NULL if it is not installed. */
extern const char *cd_phone_version(void);
extern void cd_phone_require(void);

/* Raised with every change of the rules here that gives some value another form. */
#define CD_TEXT_RULES	5

#endif							/* CD_TEXT_STANDARD_H */
