/*
 * account.c
 *		Which company a person belongs to, of everybody at once: the same that
 *		account_key_given and write_accounts() come to in SQL, in one pass over
 *		records that are read anyway.
 *
 * Account numbers, domains and company names are noted of each customer while
 * golden rows are made.  When all were seen, the persons whose keys some
 * company has are gone through; where a person and companies are is read only
 * where the place decides.
 */
#include "postgres.h"

#include "customer_data.h"

#include "catalog/pg_collation_d.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "identity/account.h"
#include "insertion.h"
#include "miscadmin.h"
#include "text/company.h"
#include "text/similarity.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

/* Ordinals of attributes. */
#define EMAIL			8
#define ADDRESS			10
#define STREET			11
#define CITY			13
#define POSTCODE		15
#define COMPANY			20
#define WEBSITE			22
#define DOMAIN_NAME		23
#define ACCOUNT_ID		30

/* Longer values are kept by their hash. */
#define MOST_BYTES		200
/* A key of more companies tells nothing. */
#define MOST_COMPANIES	50
/* What the place adds at most, and what is enough. */
#define MOST_NEAR		9
#define ENOUGH			7
/* Streets that are more alike are one. */
#define ONE_STREET		0.8

/* What a key is; the first four are also told by bits. */
typedef enum How
{
	BY_NUMBER, BY_DOMAIN, BY_NAME, BY_BRAND, KEY, PARENT_KEY
} How;

static const char *const how_name[] = {"account number", "domain", "company name", "brand", "key", "parent key"};

#define NONE	PG_UINT32_MAX

/* What a key is known by. */
typedef struct KeyText
{
	const char *text;
	uint32		len;
	How			how;
} KeyText;

typedef struct KeyEntry
{
	KeyText		id;
	uint32		hash;
	uint32		status;
	uint32		number;
} KeyEntry;

#define SH_PREFIX key_table
#define SH_ELEMENT_TYPE KeyEntry
#define SH_KEY_TYPE KeyText
#define SH_KEY id
#define SH_HASH_KEY(table, k) (DatumGetUInt32(hash_any((const unsigned char *) (k).text, (int) (k).len)) + (uint32) (k).how)
#define SH_EQUAL(table, a, b) ((a).how == (b).how && (a).len == (b).len && memcmp((a).text, (b).text, (a).len) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Who has a key. */
typedef struct Key
{
	How			how;
	uint32		companies;
	uint32		last;			/* company, as a place in holder */
	int64		person;			/* the last one */
} Key;

/* A company that has a key; the one noted before it follows. */
typedef struct Holder
{
	int64		customer;
	uint32		next;
} Holder;

/* A key that a person has; those of one person lie behind each other. */
typedef struct PersonKey
{
	int64		customer;
	uint32		key;
} PersonKey;

/* Texts of one kind, none twice. */
typedef struct Texts
{
	int			n;
	int			max;
	text	  **item;
} Texts;

/* Where a customer is. */
typedef struct Premises
{
	Texts		cities;
	Texts		postcodes;
	Texts		streets;
} Premises;

/* A company whose place was asked for. */
typedef struct KnownPlace
{
	int64		customer;
	uint32		status;
	Premises   *premises;
} KnownPlace;

#define SH_PREFIX place_table
#define SH_ELEMENT_TYPE KnownPlace
#define SH_KEY_TYPE int64
#define SH_KEY customer
#define SH_HASH_KEY(table, k) murmurhash32((uint32) (k) ^ (uint32) ((uint64) (k) >> 32))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* A company that a person's keys point at. */
typedef struct Pointed
{
	int64		account;
	int			hows;			/* bits of How */
	int			score;
	int			near;
} Pointed;

#define ST_SORT sort_pointed
#define ST_ELEMENT_TYPE Pointed
#define ST_COMPARE(a, b) ((a)->account < (b)->account ? -1 : (a)->account > (b)->account)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

struct CdAccounts
{
	MemoryContext context;
	MemoryContext scratch;		/* of a record or a person */
	MemoryContext forms;		/* of a record that is asked where it is */
	int			parent;			/* ordinal of the company above, 0: none */
	CdInsertion *insertion;		/* of account_key */
	key_table_hash *table;
	Key		   *key;
	uint32		nkeys;
	uint32		maxkeys;
	Holder	   *holder;
	uint32		nholders;
	uint32		maxholders;
	PersonKey  *person;
	uint32		npersons;
	uint32		maxpersons;
	place_table_hash *places;
	CdNextForms next;
	void	   *state;
};

/* Labels and ends of the domains of large mail providers, sorted. */
static const char *const mail_label[] = {
	"126", "139", "163", "189", "1und1", "21cn", "alice", "aliyun", "aol", "arcor", "att", "bbox", "bellsouth", "bigpond", "bk",
	"bluewin", "bol", "btinternet", "charter", "comcast", "cox", "daum", "docomo", "earthlink", "email", "ezweb", "foxmail", "free",
	"freenet", "globo", "gmail", "gmx", "googlemail", "hanmail", "hetnet", "hinet", "home", "hotmail", "icloud", "ig", "inbox",
	"interia", "kpnmail", "laposte", "libero", "list", "live", "mac", "mail", "me", "msn", "nate", "naver", "neuf", "nifty",
	"ntlworld", "o2", "onet", "online", "op", "optusnet", "orange", "outlook", "pchome", "planet", "proton", "protonmail", "qq",
	"rambler", "rediffmail", "rocketmail", "rogers", "sbcglobal", "seznam", "sfr", "shaw", "sina", "sky", "skynet", "softbank",
	"sohu", "sympatico", "t-online", "talktalk", "tele2", "telenet", "telia", "terra", "tin", "tom", "ukr", "uol", "verizon",
	"virgilio", "virginmedia", "wanadoo", "web", "wp", "xs4all", "xtra", "ya", "yahoo", "yandex", "yeah", "ymail", "ziggo", "zoho"
};

static const char *const mail_end[] = {
	"at", "be", "bg", "by", "ca", "ch", "cn", "co.in", "co.jp", "co.nz", "co.uk", "com", "com.ar", "com.au", "com.br", "com.cn",
	"com.hk", "com.mx", "com.tw", "cz", "de", "dk", "es", "eu", "fi", "fr", "gr", "hk", "hu", "ie", "in", "it", "jp", "kr", "kz",
	"me", "ne.jp", "net", "net.tw", "nl", "no", "org", "pl", "pt", "ro", "ru", "se", "sk", "tw", "ua", "uk", "us"
};

/* Is a word in a sorted list? */
static bool
is_listed(const char *const *list, int n, const char *word, int len)
{
	int			low = 0;

	while (low < n)
	{
		int			middle = low + (n - low) / 2;
		int			order = strncmp(list[middle], word, len);

		if (order == 0 && list[middle][len] == '\0')
			return true;
		if (order < 0)
			low = middle + 1;
		else
			n = middle;
	}
	return false;
}

/* Is the domain one of the large mail providers, which says nothing of the company a person works for? */
static bool
is_public_mail(const char *domain, int len)
{
	const char *dot = memchr(domain, '.', len);
	int			label = dot == NULL ? len : (int) (dot - domain);

	return dot != NULL && memchr(domain, '\0', len) == NULL &&
		is_listed(mail_label, lengthof(mail_label), domain, label) &&
		is_listed(mail_end, lengthof(mail_end), dot + 1, len - label - 1);
}

/* is_public_mail(domain text) → boolean */
PG_FUNCTION_INFO_V1(cd_is_public_mail);
Datum
cd_is_public_mail(PG_FUNCTION_ARGS)
{
	text	   *domain = PG_GETARG_TEXT_PP(0);

	PG_RETURN_BOOL(is_public_mail(VARDATA_ANY(domain), VARSIZE_ANY_EXHDR(domain)));
}

static text *
in_small_letters(text *t)
{
	return DatumGetTextPP(DirectFunctionCall1Coll(lower, DEFAULT_COLLATION_OID, PointerGetDatum(t)));
}

/* The host in a web address, without www.; NULL if there is none. */
static text *
host_of(text *website)
{
	text	   *small = in_small_letters(website);
	const char *s = VARDATA_ANY(small);
	const char *end = s + VARSIZE_ANY_EXHDR(small);
	const char *scheme = s;
	const char *host;

	while (scheme < end && *scheme >= 'a' && *scheme <= 'z')
		scheme++;
	if (scheme > s && end - scheme >= 3 && memcmp(scheme, "://", 3) == 0)
		s = scheme + 3;
	if (end - s >= 4 && memcmp(s, "www.", 4) == 0)
		s += 4;
	host = s;
	while (s < end && strchr("/:?#", *s) == NULL)
		s++;
	return s == host ? NULL : cstring_to_text_with_len(host, s - host);
}

/* host_of(website text) → text */
PG_FUNCTION_INFO_V1(cd_host_of);
Datum
cd_host_of(PG_FUNCTION_ARGS)
{
	text	   *host = host_of(PG_GETARG_TEXT_PP(0));

	if (host == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(host);
}

/* Note that a customer has a key, as a company or as a person, and write it. */
static void
note_key(CdAccounts *a, int64 customer, bool company, How how, const char *string, int len)
{
	const bool	nulls[4] = {false};
	Datum		values[4];
	KeyText		id;
	KeyEntry   *entry;
	Key		   *key;
	bool		known;
	text	   *value;

	if (len == 0 || (how == BY_DOMAIN && is_public_mail(string, len)))
		return;
	value = cstring_to_text_with_len(string, len);
	if (len > MOST_BYTES)
		value = DatumGetTextPP(DirectFunctionCall1(md5_text, PointerGetDatum(value)));
	id = (KeyText) {VARDATA_ANY(value), (uint32) VARSIZE_ANY_EXHDR(value), how};
	entry = key_table_insert(a->table, id, &known);
	if (!known)
	{
		char	   *copy = MemoryContextAlloc(a->context, id.len);

		memcpy(copy, id.text, id.len);
		entry->id.text = copy;
		entry->number = a->nkeys;
		if (a->nkeys == a->maxkeys)
		{
			a->maxkeys *= 2;
			a->key = repalloc_huge(a->key, (Size) a->maxkeys * sizeof(Key));
		}
		a->key[a->nkeys++] = (Key) {how, 0, NONE, -1};
	}
	key = &a->key[entry->number];
	/* records of one customer come one after the other */
	if (company ? key->last != NONE && a->holder[key->last].customer == customer : key->person == customer)
		return;
	if (company)
	{
		if (a->nholders == a->maxholders)
		{
			a->maxholders *= 2;
			a->holder = repalloc_huge(a->holder, (Size) a->maxholders * sizeof(Holder));
		}
		a->holder[a->nholders] = (Holder) {customer, key->last};
		key->last = a->nholders++;
		key->companies++;
	}
	else
	{
		if (a->npersons == a->maxpersons)
		{
			a->maxpersons *= 2;
			a->person = repalloc_huge(a->person, (Size) a->maxpersons * sizeof(PersonKey));
		}
		a->person[a->npersons++] = (PersonKey) {customer, entry->number};
		key->person = customer;
	}
	values[0] = CStringGetTextDatum(how_name[how]);
	values[1] = PointerGetDatum(value);
	values[2] = Int64GetDatum(customer);
	values[3] = BoolGetDatum(company);
	cd_insertion_add(a->insertion, values, nulls);
}

static void
note_text(CdAccounts *a, int64 customer, bool company, How how, text *t)
{
	note_key(a, customer, company, how, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
}

/* A number that companies are known by, without spaces around it. */
static void
note_number(CdAccounts *a, int64 customer, bool company, text *t)
{
	note_text(a, customer, company, BY_NUMBER,
			  in_small_letters(DatumGetTextPP(DirectFunctionCall1(btrim1, PointerGetDatum(t)))));
}

/* A key among those of its source. */
static void
note_source_key(CdAccounts *a, int64 customer, How how, int32 source_id, text *key)
{
	char	   *value = psprintf("%d %s", source_id, text_to_cstring(key));

	note_key(a, customer, true, how, value, (int) strlen(value));
}

/* What stands behind the first @ of an e-mail address, before a second. */
static void
note_mail(CdAccounts *a, int64 customer, bool company, text *email)
{
	const char *s = VARDATA_ANY(email);
	const char *end = s + VARSIZE_ANY_EXHDR(email);
	const char *at = memchr(s, '@', end - s);
	const char *second = at == NULL ? NULL : memchr(at + 1, '@', end - at - 1);

	if (at != NULL)
		note_key(a, customer, company, BY_DOMAIN, at + 1, (int) ((second == NULL ? end : second) - at - 1));
}

/* Read the texts of an array up to an ordinal; NULL where there is none. */
static void
texts_of(ArrayType *array, text **value, int last)
{
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const bits8 *present = ARR_NULLBITMAP(array);
	char	   *p = (char *) array + (present != NULL ? (Size) array->dataoffset : ARR_OVERHEAD_NONULLS(ARR_NDIM(array)));

	memset(value, 0, sizeof(text *) * (last + 1));
	for (int i = 0; i < n && i < last; i++)
	{
		if (present != NULL && !(present[i / 8] & (1 << (i % 8))))
			continue;
		value[i + 1] = DatumGetTextPP(PointerGetDatum(p));
		p = att_addlength_pointer(p, -1, p);
		p = (char *) att_align_nominal(p, TYPALIGN_INT);
	}
}

/*
 * Note keys of a record: of a company what it is known by, of a person where
 * it belongs.  Records of one customer must come one after the other.  The key
 * is that of a company's record, else NULL.
 */
void
cd_accounts_note(CdAccounts *a, int64 customer, bool company, int32 source_id, text *key, ArrayType *given, ArrayType *standard)
{
	MemoryContext old = MemoryContextSwitchTo(a->scratch);
	int			last = Max(a->parent, ACCOUNT_ID);
	text	  **g = palloc(sizeof(text *) * (last + 1));
	text	  **s = palloc(sizeof(text *) * (DOMAIN_NAME + 1));

	texts_of(given, g, last);
	texts_of(standard, s, DOMAIN_NAME);
	if (g[ACCOUNT_ID] != NULL)
		note_number(a, customer, company, g[ACCOUNT_ID]);
	if (s[DOMAIN_NAME] != NULL)
		note_text(a, customer, company, BY_DOMAIN, in_small_letters(s[DOMAIN_NAME]));
	if (s[WEBSITE] != NULL)
	{
		text	   *host = host_of(s[WEBSITE]);

		if (host != NULL)
			note_text(a, customer, company, BY_DOMAIN, host);
	}
	if (s[EMAIL] != NULL)
		note_mail(a, customer, company, s[EMAIL]);
	if (s[COMPANY] != NULL)
		note_text(a, customer, company, BY_NAME, s[COMPANY]);
	if (g[COMPANY] != NULL)
	{
		CdCompany	parts;
		char	   *brand;

		cd_company_parse(&parts, VARDATA_ANY(g[COMPANY]), VARSIZE_ANY_EXHDR(g[COMPANY]));
		if (parts.brand.len > 0)
		{
			brand = cd_text_encode(&parts.brand, NULL);
			note_key(a, customer, company, BY_BRAND, brand, (int) strlen(brand));
		}
	}
	if (company)
	{
		note_number(a, customer, company, key);
		note_source_key(a, customer, KEY, source_id, key);
		if (a->parent > 0 && g[a->parent] != NULL)
			note_source_key(a, customer, PARENT_KEY, source_id, g[a->parent]);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(a->scratch);
}

/* Begin to note keys; NULL where no source is one of companies.  SPI must be connected; the tables of accounts must be empty. */
CdAccounts *
cd_accounts_begin(MemoryContext context)
{
	CdAccounts *a;
	bool		isnull;

	SPI_execute("SELECT coalesce((SELECT a.ordinal::int FROM customer_data.attribute a"
				" WHERE a.name OPERATOR(pg_catalog.=) 'parent_account_id'), 0)"
				" WHERE EXISTS (SELECT FROM customer_data.source s WHERE s.kind OPERATOR(pg_catalog.=) 'account')", true, 0);
	if (SPI_processed == 0)
		return NULL;
	a = MemoryContextAllocZero(context, sizeof(CdAccounts));
	a->parent = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	a->context = context;
	a->scratch = AllocSetContextCreate(context, "customer_data keys of a record", ALLOCSET_DEFAULT_SIZES);
	a->forms = AllocSetContextCreate(context, "customer_data premises of a record", ALLOCSET_DEFAULT_SIZES);
	a->table = key_table_create(context, 1024, NULL);
	a->places = place_table_create(context, 1024, NULL);
	a->maxkeys = a->maxholders = a->maxpersons = 1024;
	a->key = MemoryContextAllocHuge(context, a->maxkeys * sizeof(Key));
	a->holder = MemoryContextAllocHuge(context, a->maxholders * sizeof(Holder));
	a->person = MemoryContextAllocHuge(context, a->maxpersons * sizeof(PersonKey));
	a->insertion = cd_insertion_begin("account_key", 4, true);
	return a;
}

static bool
same_text(const text *a, const text *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) && memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

/* Keep a text that was not there yet. */
static void
keep_text(Texts *texts, text *t)
{
	if (t == NULL)
		return;
	for (int i = 0; i < texts->n; i++)
	{
		if (same_text(texts->item[i], t))
			return;
	}
	if (texts->n == texts->max)
	{
		texts->max = texts->max * 2 + 4;
		texts->item = texts->item == NULL ? palloc(sizeof(text *) * texts->max) :
			repalloc(texts->item, sizeof(text *) * texts->max);
	}
	texts->item[texts->n++] = (text *) pg_detoast_datum_copy((struct varlena *) t);
}

/* Read where a customer is; lives in the current memory context, which what is read of records is not left in. */
static Premises *
read_premises(const CdAccounts *a, int64 customer)
{
	Premises   *p = palloc0(sizeof(Premises));

	for (int i = 0;; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(a->forms);
		ArrayType  *standard = a->next(a->state, customer, i);
		text	   *s[POSTCODE + 1];

		MemoryContextSwitchTo(old);
		if (standard == NULL)
			break;
		texts_of(standard, s, POSTCODE);
		keep_text(&p->cities, s[CITY]);
		keep_text(&p->postcodes, s[POSTCODE]);
		keep_text(&p->streets, s[STREET] != NULL ? s[STREET] : s[ADDRESS]);
		MemoryContextReset(a->forms);
	}
	return p;
}

/* Have two lists a text in common? */
static bool
meet(const Texts *a, const Texts *b)
{
	for (int i = 0; i < a->n; i++)
	{
		for (int j = 0; j < b->n; j++)
		{
			if (same_text(a->item[i], b->item[j]))
				return true;
		}
	}
	return false;
}

/* How near a person is to a company: 4 for the postcode, 3 for the street, 2 for the town. */
static int
nearness(const Premises *p, const Premises *o)
{
	int			near = (meet(&p->postcodes, &o->postcodes) ? 4 : 0) + (meet(&p->cities, &o->cities) ? 2 : 0);

	for (int i = 0; i < p->streets.n; i++)
	{
		const text *x = p->streets.item[i];

		for (int j = 0; j < o->streets.n; j++)
		{
			const text *y = o->streets.item[j];

			if (cd_address_similarity(VARDATA_ANY(x), VARSIZE_ANY_EXHDR(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(y)) > ONE_STREET)
				return near + 3;
		}
	}
	return near;
}

/* Where a company is, read once. */
static const Premises *
company_premises(CdAccounts *a, int64 company)
{
	bool		known;
	KnownPlace *place = place_table_insert(a->places, company, &known);

	if (!known)
	{
		MemoryContext old = MemoryContextSwitchTo(a->context);

		place->premises = read_premises(a, company);
		MemoryContextSwitchTo(old);
	}
	return place->premises;
}

/* What the keys that point at a company are worth; a brand is a part of the name. */
static int
worth(int hows)
{
	return (hows & 1 << BY_NUMBER ? 100 : 0) + (hows & 1 << BY_DOMAIN ? 12 : 0) +
		(hows & 1 << BY_NAME ? 10 : hows & 1 << BY_BRAND ? 5 : 0);
}

/* List the companies that a person's keys point at. */
static int
point(const CdAccounts *a, const PersonKey *key, uint32 n, Pointed **pointed)
{
	int			found = 0;
	int			merged = 0;

	*pointed = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Pointed) * n * MOST_COMPANIES);
	for (uint32 i = 0; i < n; i++)
	{
		const Key  *k = &a->key[key[i].key];

		if (k->companies > MOST_COMPANIES)
			continue;
		for (uint32 h = k->last; h != NONE; h = a->holder[h].next)
		{
			if (a->holder[h].customer != key[i].customer)
				(*pointed)[found++] = (Pointed) {a->holder[h].customer, 1 << k->how, 0, 0};
		}
	}
	if (found > 1)
		sort_pointed(*pointed, found);
	for (int i = 0; i < found; i++)
	{
		if (merged > 0 && (*pointed)[merged - 1].account == (*pointed)[i].account)
			(*pointed)[merged - 1].hows |= (*pointed)[i].hows;
		else
			(*pointed)[merged++] = (*pointed)[i];
	}
	return merged;
}

/* Find the company of a person: the best by a distance, good enough; NULL if none is. */
static const Pointed *
choose_company(CdAccounts *a, const PersonKey *key, uint32 n)
{
	Pointed    *p;
	int			found = point(a, key, n, &p);
	int			top = 0;
	const Premises *own = NULL;
	const Pointed *best = NULL;
	bool		alone = true;

	for (int i = 0; i < found; i++)
	{
		p[i].score = worth(p[i].hows);
		top = Max(top, p[i].score);
	}
	for (int i = 0; i < found; i++)
	{
		if (found > 1 || p[i].score < ENOUGH)
		{
			if (p[i].score + MOST_NEAR < Max(top, ENOUGH))
				continue;
			if (own == NULL)
				own = read_premises(a, key->customer);
			p[i].near = nearness(own, company_premises(a, p[i].account));
			p[i].score += p[i].near;
		}
		if (best == NULL || p[i].score > best->score)
		{
			best = &p[i];
			alone = true;
		}
		else if (p[i].score == best->score)
			alone = false;
	}
	return best != NULL && alone && best->score >= ENOUGH ? best : NULL;
}

/* Say by what a person's company was found. */
static Datum
describe(const Pointed *p)
{
	static const char *const told[] = {"account number", "brand", "company name", "domain", "place"};
	bool		holds[lengthof(told)];
	char		text[64] = "";

	holds[0] = p->hows & 1 << BY_NUMBER;
	holds[1] = (p->hows & 1 << BY_BRAND) && !(p->hows & 1 << BY_NAME);
	holds[2] = p->hows & 1 << BY_NAME;
	holds[3] = p->hows & 1 << BY_DOMAIN;
	holds[4] = p->near > 0;
	for (int i = 0; i < (int) lengthof(told); i++)
	{
		if (!holds[i])
			continue;
		if (text[0] != '\0')
			strlcat(text, ", ", sizeof(text));
		strlcat(text, told[i], sizeof(text));
	}
	return CStringGetTextDatum(text);
}

/* All was noted: find the companies of all persons and write contact_account. */
void
cd_accounts_end(CdAccounts *a, CdNextForms next, void *state)
{
	const bool	nulls[3] = {false};
	CdInsertion *contacts;
	MemoryContext old;

	a->next = next;
	a->state = state;
	contacts = cd_insertion_begin("contact_account", 3, true);
	old = MemoryContextSwitchTo(a->scratch);
	for (uint32 from = 0, to; from < a->npersons; from = to)
	{
		bool		named = false;
		const Pointed *best;

		for (to = from; to < a->npersons && a->person[to].customer == a->person[from].customer; to++)
			named |= a->key[a->person[to].key].companies > 0;
		if (!named)
			continue;
		CHECK_FOR_INTERRUPTS();
		best = choose_company(a, &a->person[from], to - from);
		if (best != NULL)
		{
			Datum		values[3] = {Int64GetDatum(a->person[from].customer), Int64GetDatum(best->account), describe(best)};

			cd_insertion_add(contacts, values, nulls);
		}
		MemoryContextReset(a->scratch);
	}
	MemoryContextSwitchTo(old);
	cd_insertion_end(contacts);
	cd_insertion_end(a->insertion);
}
