/*
 * contact.c
 *		E-mail addresses, domains, web addresses and phone numbers.
 */
#include "postgres.h"

#include "text/standard.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "text/phone/shim.h"
#include "utils/guc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Mailboxes many people read. */
static const char *const shared_mailboxes[] = {
	"aanvraag", "abuse", "accounting", "accounts", "accueil", "admin", "administracion",
	"administrator", "amministrazione", "atencion", "atencioncliente", "beschaffung", "bestellung",
	"bestellungen", "bewerbung", "bewerbungen", "billing", "biuro", "booking", "bookings",
	"buchhaltung", "buero", "bureau", "caiwu", "careers", "central", "clientes", "comercial",
	"commande", "commandes", "commercial", "contabilidad", "contact", "contacto", "contactus",
	"contato", "contatti", "customer.service", "customercare", "customerservice", "customersupport",
	"direction", "donotreply", "einkauf", "empfang", "enquiries", "enquiry", "export",
	"facturacion", "faktura", "fatture", "feedback", "finance", "frontdesk", "general", "hello",
	"help", "helpdesk", "hola", "hostmaster", "hotel", "hr", "import", "info", "informacion",
	"informatie", "information", "inkoop", "inquiries", "inquiry", "invoice", "invoices", "it",
	"jobs", "kefu", "klantenservice", "kontakt", "kontakti", "kundendienst", "kundenservice",
	"kundtjanst", "lager", "legal", "mail", "mailbox", "mailer-daemon", "management", "manager",
	"marketing", "media", "news", "newsletter", "no-reply", "noreply", "obchod", "objednavky",
	"office", "order", "orders", "ordini", "pedidos", "personal", "pokladna", "post", "postmaster",
	"press", "presse", "privacy", "purchasing", "recepcion", "reception", "rechnung", "rechnungen",
	"renshi", "reservation", "reservations", "root", "sales", "secretariat", "secretary",
	"security", "sekretariat", "service", "services", "shichang", "shop", "sklep", "sprzedaz",
	"staff", "store", "support", "team", "tech", "vendas", "vendite", "ventas", "verkauf",
	"verkoop", "vertrieb", "verwaltung", "web", "webmaster", "welcome", "xiaoshou", "zakupy",
	"zentrale", "zhaopin",
};

/* Mailboxes typed to satisfy a form. */
static const char *const placeholder_mailboxes[] = {
	"a", "aa", "aaa", "abc", "abcd", "anonymous", "asd", "asdf", "example", "fake", "foo", "n.a",
	"na", "no", "no-email", "no.email", "nobody", "noemail", "nomail", "noname", "none",
	"notprovided", "null", "sample", "test", "test1", "test123", "tester", "testing", "unknown",
	"user", "x", "xx", "xxx", "xyz",
};

/* Domains reserved for examples or typed to satisfy a form. */
static const char *const placeholder_domains[] = {
	"1.com", "123.com", "a.com", "aa.com", "abc.com", "asdf.com", "domain.com", "dummy.com",
	"email.com", "example.cn", "example.co.uk", "example.com", "example.com.cn", "example.de",
	"example.fr", "example.net", "example.org", "fake.com", "foo.com", "guest.com", "na.com",
	"no.com", "noemail.com", "nomail.com", "none.com", "null.com", "qwerty.com", "sample.com",
	"test.com", "test.de", "test.org", "unknown.com", "x.com.com", "xxx.com", "xyz.xyz",
	"yourdomain.com",
};

/* Providers of throw-away mailboxes. */
static const char *const disposable_domains[] = {
	"0-mail.com", "10minutemail.com", "10minutemail.net", "1secmail.com", "20minutemail.com",
	"24mail.chacuo.net", "33mail.com", "anonbox.net", "armyspy.com", "bccto.me", "burnermail.io",
	"byom.de", "chacuo.net", "cuvox.de", "dayrep.com", "deadaddress.com", "discard.email",
	"discardmail.com", "dispostable.com", "dropmail.me", "einrot.com", "emailondeck.com",
	"fakeinbox.com", "fakemail.net", "fleckens.hu", "getairmail.com", "getnada.com", "grr.la",
	"guerrillamail.biz", "guerrillamail.com", "guerrillamail.de", "guerrillamail.net",
	"guerrillamail.org", "gustr.com", "harakirimail.com", "inboxbear.com", "inboxkitten.com",
	"incognitomail.org", "jetable.org", "jourrapide.com", "linshiyouxiang.net", "mail-temp.com",
	"mailcatch.com", "maildrop.cc", "mailexpire.com", "mailinator.com", "mailinator.net",
	"mailnesia.com", "mailnull.com", "mailsac.com", "mailtemp.org", "meltmail.com", "mintemail.com",
	"moakt.com", "mohmal.com", "mt2015.com", "mytemp.email", "mytrashmail.com", "nada.email",
	"nowmymail.com", "pokemail.net", "rhyta.com", "sharklasers.com", "shieldemail.com", "spam4.me",
	"spambog.com", "spambox.us", "spamex.com", "spamgourmet.com", "superrito.com", "teleworm.us",
	"temp-mail.io", "temp-mail.org", "tempail.com", "tempinbox.com", "tempmail.com", "tempmail.de",
	"tempmail.dev", "tempmail.net", "tempmailo.com", "tempr.email", "throwawaymail.com", "tmail.ws",
	"tmpmail.org", "trash-mail.com", "trashmail.com", "trashmail.de", "trashmail.net", "trbvm.com",
	"wegwerfemail.de", "wegwerfmail.de", "yopmail.com", "yopmail.fr", "yopmail.net", "zetmail.com",
};

/* Near misses of large providers. */
static const char *const suspect_domains[] = {
	"126.con", "163.con", "aol.con", "gamil.com", "gmai.com", "gmail.cm", "gmail.co", "gmail.comm",
	"gmail.con", "gmail.om", "gmaill.com", "gmal.com", "gmial.com", "gmil.com", "gmx.ed",
	"gnail.com", "homail.com", "hotamil.com", "hotmai.com", "hotmail.co", "hotmail.con",
	"hotmial.com", "hotmil.com", "iclod.com", "icloud.con", "outlok.com", "outloo.com",
	"outlook.con", "qq.cm", "qq.con", "web.ed", "yahho.com", "yaho.com", "yahoo.co", "yahoo.con",
	"yahooo.com", "yhoo.com",
};

/* Is s in a list sorted in byte order? */
static bool
in_list(const char *s, const char *const *list, int n)
{
	int			low = 0;
	int			high = n - 1;

	while (low <= high)
	{
		int			mid = (low + high) / 2;
		int			cmp = strcmp(s, list[mid]);

		if (cmp == 0)
			return true;
		if (cmp < 0)
			high = mid - 1;
		else
			low = mid + 1;
	}
	return false;
}

#define IN_LIST(s, list)	in_list(s, list, lengthof(list))

static bool
ends_with(const char *s, const char *end)
{
	size_t		n = strlen(s);
	size_t		m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* Trimmed copy, full-width ASCII made half-width, ASCII letters lower case. */
static char *
trimmed_lower(const char *s, int bytes)
{
	CdText		t;
	int			from = 0;
	int			i;

	cd_text_decode(&t, s, bytes);
	for (i = 0; i < t.len; i++)
	{
		if (t.cp[i] >= 0xFF01 && t.cp[i] <= 0xFF5E)
			t.cp[i] -= 0xFEE0;
		if (t.cp[i] < 128)
			t.cp[i] = pg_ascii_tolower((unsigned char) t.cp[i]);
		else if (cd_char(t.cp[i])->fold_len == 1 && cd_class(t.cp[i]) == CD_CHAR_LETTER &&
				 cd_script(t.cp[i]) == CD_SCRIPT_OTHER)
			t.cp[i] = cd_char(t.cp[i])->fold[0];
	}
	while (t.len > 0 && (cd_class(t.cp[t.len - 1]) == CD_CHAR_SPACE || cd_class(t.cp[t.len - 1]) == CD_CHAR_DROPPED))
		t.len--;
	while (from < t.len && (cd_class(t.cp[from]) == CD_CHAR_SPACE || cd_class(t.cp[from]) == CD_CHAR_DROPPED))
		from++;
	t.cp += from;
	t.len -= from;
	return cd_text_encode(&t, NULL);
}

/* A host name in ASCII with at least one dot and a top level of letters. */
static char *
host_name(const char *s, int bytes)
{
	char	   *host;
	const char *p;
	const char *label;
	const char *top = NULL;

	while (bytes > 0 && s[bytes - 1] == '.')
		bytes--;
	host = cd_idna(s, bytes);
	if (host == NULL || strlen(host) > 253)
		return NULL;
	for (p = label = host;; p++)
	{
		if (*p == '.' || *p == '\0')
		{
			if (p == label || p - label > 63 || label[0] == '-' || p[-1] == '-')
				return NULL;
			top = label;
			if (*p == '\0')
				break;
			label = p + 1;
		}
		else if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-'))
			return NULL;
	}
	if (top == host || strlen(top) < 2)
		return NULL;
	if (strncmp(top, "xn--", 4) != 0)
		for (p = top; *p; p++)
			if (*p < 'a' || *p > 'z')
				return NULL;
	return host;
}

/* Is this a local part: dot-separated atoms, or anything in quotes? */
static bool
valid_local(const char *s, int n)
{
	int			i;

	if (n < 1 || n > 64)
		return false;
	if (s[0] == '"')
		return n >= 3 && s[n - 1] == '"' && memchr(s + 1, '"', n - 2) == NULL;
	if (s[0] == '.' || s[n - 1] == '.')
		return false;
	for (i = 0; i < n; i++)
	{
		unsigned char c = s[i];

		if (c >= 128 || isalnum(c) || strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL)
			continue;
		if (c == '.' && s[i - 1] != '.')
			continue;
		return false;
	}
	return true;
}

/*
 * Part an address into local part and host, lower case; false if it is not
 * one.  "Name <address>" and "mailto:" are accepted around it.
 */
static bool
split_email(const char *s, int bytes, char **local, char **host)
{
	static const char *const around[] = {"()", "[]", "\'\'"};
	char	   *lower = trimmed_lower(s, bytes);
	char	   *open = strrchr(lower, '<');
	char	   *at;

	if (open != NULL && ends_with(lower, ">"))
	{
		lower = open + 1;
		lower[strlen(lower) - 1] = '\0';
	}
	for (int i = 0; i < (int) lengthof(around); i++)
		if (strlen(lower) > 2 && lower[0] == around[i][0] && lower[strlen(lower) - 1] == around[i][1])
		{
			lower++;
			lower[strlen(lower) - 1] = '\0';
		}
	if (strncmp(lower, "mailto:", 7) == 0)
		lower += 7;
	if ((at = strrchr(lower, '@')) != NULL && (at = strchr(at, '?')) != NULL)
		*at = '\0';
	while (ends_with(lower, ",") || ends_with(lower, ";") || ends_with(lower, "."))
		lower[strlen(lower) - 1] = '\0';
	at = strrchr(lower, '@');
	if (at == NULL || strlen(lower) > 254 || !valid_local(lower, at - lower))
		return false;
	*host = host_name(at + 1, strlen(at + 1));
	if (*host == NULL)
		return false;
	*local = pnstrdup(lower, at - lower);
	return true;
}

/* Is it, or the domain it is part of, one of throw-away mailboxes? */
static bool
is_disposable(const char *host)
{
	for (; host != NULL; host = strchr(host, '.'))
	{
		host += *host == '.';
		if (IN_LIST(host, disposable_domains))
			return true;
	}
	return false;
}

/* Is it nobody's own mailbox, also as customer.service or noreply+123? */
static bool
is_shared(const char *local)
{
	char	   *plain = pstrdup(local);
	char	   *to = plain;

	plain[strcspn(plain, "+")] = '\0';
	if (IN_LIST(plain, shared_mailboxes))
		return true;
	for (const char *from = plain; *from; from++)
		if (strchr(".-_", *from) == NULL)
			*to++ = *from;
	*to = '\0';
	return IN_LIST(plain, shared_mailboxes);
}

char *
cd_standard_email(const char *s, int bytes, CdIssue *issue)
{
	char	   *local;
	char	   *host;

	*issue = CD_ISSUE_NONE;
	if (!split_email(s, bytes, &local, &host))
	{
		*issue = CD_ISSUE_MALFORMED;
		return NULL;
	}
	if (IN_LIST(host, placeholder_domains) || ends_with(host, ".example") || ends_with(host, ".invalid") ||
		ends_with(host, ".test") || ends_with(host, ".localhost") || ends_with(host, ".local") ||
		IN_LIST(local, placeholder_mailboxes) || strspn(local, "0") == strlen(local) ||
		strspn(local, "x") == strlen(local) || (strlen(local) > 3 && strspn(local, local + strlen(local) - 1) == strlen(local)))
	{
		*issue = CD_ISSUE_PLACEHOLDER;
		return NULL;
	}
	if (is_disposable(host))
		*issue = CD_ISSUE_DISPOSABLE;
	else if (is_shared(local))
		*issue = CD_ISSUE_SHARED_MAILBOX;
	else if (IN_LIST(host, suspect_domains))
		*issue = CD_ISSUE_SUSPECT_DOMAIN;
	return psprintf("%s@%s", local, host);
}

char *
cd_email_key(const char *s, int bytes)
{
	char	   *local;
	char	   *host;

	if (!split_email(s, bytes, &local, &host))
		return NULL;
	if (strcmp(host, "gmail.com") == 0 || strcmp(host, "googlemail.com") == 0)
	{
		char	   *from = local;
		char	   *to = local;

		if (local[0] != '"')
		{
			for (; *from && *from != '+'; from++)
				if (*from != '.')
					*to++ = *from;
			/* "+x" alone is no mailbox of its own: leave such an oddity as it is */
			if (to > local)
				*to = '\0';
		}
		host = "gmail.com";
	}
	return psprintf("%s@%s", local, host);
}

char *
cd_standard_domain(const char *s, int bytes, CdIssue *issue)
{
	char	   *lower = trimmed_lower(s, bytes);
	char	   *p;
	char	   *host;

	*issue = CD_ISSUE_NONE;
	if ((p = strstr(lower, "://")) != NULL)
		lower = p + 3;
	else if (strncmp(lower, "//", 2) == 0)
		lower += 2;
	if ((p = strrchr(lower, '@')) != NULL)
		lower = p + 1;
	lower[strcspn(lower, "/?#:")] = '\0';
	if (strncmp(lower, "www.", 4) == 0 && strchr(lower + 4, '.') != NULL)
		lower += 4;
	host = host_name(lower, strlen(lower));
	if (host == NULL)
		*issue = CD_ISSUE_MALFORMED;
	else if (IN_LIST(host, placeholder_domains) || ends_with(host, ".example") ||
			 ends_with(host, ".invalid") || ends_with(host, ".test"))
	{
		*issue = CD_ISSUE_PLACEHOLDER;
		host = NULL;
	}
	return host;
}

char *
cd_standard_website(const char *s, int bytes, CdIssue *issue)
{
	char	   *lower = trimmed_lower(s, bytes);
	char	   *host;
	char	   *path;
	char	   *p;
	size_t		n;

	if (strchr(lower, '@') != NULL && strstr(lower, "://") == NULL)
	{
		*issue = CD_ISSUE_WRONG_FIELD;
		return NULL;
	}
	host = cd_standard_domain(s, bytes, issue);
	if (host == NULL)
		return NULL;
	if ((p = strstr(lower, "://")) != NULL)
		lower = p + 3;
	path = strchr(lower, '/');
	if (path == NULL)
		return host;
	path[strcspn(path, "?#")] = '\0';
	n = strlen(path);
	while (n > 0 && path[n - 1] == '/')
		path[--n] = '\0';
	if (strcmp(path, "/index.html") == 0 || strcmp(path, "/index.htm") == 0 || strcmp(path, "/index.php") == 0)
		path = "";
	return psprintf("%s%s", host, path);
}

static void phone_ranges_forget(void);

static char *phone_library_setting = NULL;
static CdPhoneParse phone_parse = NULL;
static CdPhoneLibrary phone_library = NULL;
static char *phone_missing = NULL;	/* why it could not be loaded */

/* The library is another one: load it when next needed. */
static void
assign_phone_library(const char *newval, void *extra)
{
	phone_parse = NULL;
	phone_missing = NULL;
	phone_ranges_forget();
}

/* Define the setting that names the library. */
void
cd_phone_init(void)
{
	DefineCustomStringVariable("customer_data.phone_library",
							   "The library that reads telephone numbers.",
							   "Empty: none, numbers are compared by their digits.",
							   &phone_library_setting, "$libdir/customer_data_phone", PGC_SUSET, 0,
							   NULL, assign_phone_library, NULL);
}

/* Load customer_data_phone.so, if it can be. */
static bool
load_phone(void)
{
	MemoryContext context = CurrentMemoryContext;
	void	   *handle = NULL;

	if (phone_parse != NULL || phone_missing != NULL)
		return phone_parse != NULL;
	if (phone_library_setting[0] == '\0')
	{
		phone_missing = "customer_data.phone_library is empty.";
		return false;
	}
	PG_TRY();
	{
		phone_library = (CdPhoneLibrary) load_external_function(phone_library_setting, "cd_phone_library", true, &handle);
		phone_parse = (CdPhoneParse) lookup_external_function(handle, "cd_phone_parse");
		if (phone_parse == NULL)
			phone_missing = "The library has no function cd_phone_parse.";
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		phone_parse = NULL;
		phone_missing = MemoryContextStrdup(TopMemoryContext, edata->message);
		FreeErrorData(edata);
	}
	PG_END_TRY();
	return phone_parse != NULL;
}

/* An error where the library is needed and missing. */
void
cd_phone_require(void)
{
	if (!load_phone())
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("phone numbers need libphonenumber, which could not be loaded"),
				 errdetail("%s", phone_missing),
				 errhint("Install the package libphonenumber8 (build with libphonenumber-dev) and start a new session.")));
}

/*
 * Without the library: the digits as typed, after a plus where one was.  They
 * still tell people apart.
 */
static char *
phone_digits(const char *digits, int n, bool plus, int letters, CdIssue *issue)
{
	static bool told = false;

	if (!told)
		ereport(WARNING,
				(errmsg("telephone numbers are compared by their digits: libphonenumber could not be loaded"),
				 errdetail("%s", phone_missing),
				 errhint("Install the package libphonenumber8; resolve() then renews their standard forms.")));
	told = true;
	if (!plus && n > 8 && digits[0] == '0' && digits[1] == '0')
	{
		plus = true;
		digits += 2;
		n -= 2;
	}
	if (letters > 0 || n < 6 || n > 15)
	{
		*issue = n > 15 ? CD_ISSUE_TOO_LONG : n < 6 ? CD_ISSUE_TOO_SHORT : CD_ISSUE_MALFORMED;
		return NULL;
	}
	if (!plus)
		*issue = CD_ISSUE_NO_COUNTRY;
	return psprintf("%s%s", plus ? "+" : "", digits);
}

const char *
cd_phone_version(void)
{
	const char *path;
	const char *version;

	if (!load_phone())
		return NULL;
	path = phone_library();
	version = strstr(path, ".so.");
	return version ? version + 4 : path;
}

/* Digits that were typed to fill a field: all the same, or counted up or down. */
static bool
placeholder_digits(const char *digits)
{
	int			n = strlen(digits);
	int			same = 0;
	int			up = 0;
	int			down = 0;
	int			i;

	for (i = 1; i < n; i++)
	{
		same += digits[i] == digits[i - 1];
		up += (digits[i] - digits[i - 1] + 10) % 10 == 1;
		down += (digits[i - 1] - digits[i] + 10) % 10 == 1;
	}
	return n >= 3 && (same == n - 1 || up == n - 1 || down == n - 1);
}

/* Numbers whose national part is a filler, fictitious, or an operator's example. */
static bool
placeholder_e164(const char *e164, int code_digits)
{
	static const char *const known[] = {
		"+11234567890", "+12345678901", "+15555555555", "+33123456789", "+33612345678",
		"+447700900000", "+491234567890", "+4915112345678", "+61400000000", "+8612345678901",
		"+8613000000000", "+8613800000000", "+8613800138000", "+8613812345678", "+8613888888888"
	};
	int			n = strlen(e164);

	if (IN_LIST(e164, known))
		return true;
	if (strncmp(e164, "+1", 2) == 0 && n == 12 && strncmp(e164 + 5, "55501", 5) == 0)
		return true;
	if (placeholder_digits(e164 + 1 + code_digits))
		return true;
	/* seven zeros at the end are nobody's number */
	return n > 8 && strspn(e164 + n - 7, "0") == 7;
}

/*
 * What the library said of a number holds for all numbers of the same country,
 * length and first digits: in the countries listed no range is cut within its
 * last four digits (a test compares).  One look-up then spares 30 µs.
 */
#define PHONE_FREE_DIGITS	4
#define PHONE_RANGES		65536

typedef struct PhoneRange
{
	char		digits[16];		/* as dialled, without the free ones */
	char		code[4];		/* country code */
	char		region[3];
	uint8		length;			/* of all digits dialled; 0: not in use */
	uint8		skip;			/* digits dialled before the national number */
	bool		plus;
	bool		valid;
} PhoneRange;

static PhoneRange *phone_ranges = NULL;

/* What one library said is not what another says. */
static void
phone_ranges_forget(void)
{
	if (phone_ranges != NULL)
		memset(phone_ranges, 0, sizeof(PhoneRange) * PHONE_RANGES);
}

/* Place of a range in the table; NULL if numbers like this are not kept. */
static PhoneRange *
phone_range(const char *digits, int n, bool plus, const char *region)
{
	uint32		hash = 2166136261u ^ (uint8) region[0] ^ ((uint8) region[1] << 8) ^ (plus << 16) ^ (n << 20);
	int			i;

	if (n < 9 || n - PHONE_FREE_DIGITS >= (int) sizeof(((PhoneRange *) NULL)->digits))
		return NULL;
	if (phone_ranges == NULL)
		phone_ranges = MemoryContextAllocZero(TopMemoryContext, sizeof(PhoneRange) * PHONE_RANGES);
	for (i = 0; i < n - PHONE_FREE_DIGITS; i++)
		hash = (hash ^ (uint8) digits[i]) * 16777619u;
	return &phone_ranges[(hash ^ hash >> 15) % PHONE_RANGES];
}

static bool
same_range(const PhoneRange *range, const char *digits, int n, bool plus, const char *region)
{
	return range->length == n && range->plus == plus && strcmp(range->region, region) == 0 &&
		memcmp(range->digits, digits, n - PHONE_FREE_DIGITS) == 0;
}

/* Keep what the library said, if it may be kept. */
static void
keep_range(PhoneRange *range, const char *digits, int n, bool plus, const char *region,
		   const char *e164, int code_digits, bool valid)
{
	static const char *const codes[] = {"1", "27", "31", "33", "34", "41", "44", "46", "48", "49", "52", "54",
	"55", "57", "61", "62", "63", "66", "81", "86", "90", "91"};
	const char *national = e164 + 1 + code_digits;
	int			national_len = strlen(national);
	char		code[4];
	int			i;

	if (code_digits > 3 || national_len < 9 || national_len > n || strcmp(digits + n - national_len, national) != 0)
		return;
	strlcpy(code, e164 + 1, code_digits + 1);
	for (i = 0; i < (int) lengthof(codes); i++)
		if (strcmp(code, codes[i]) == 0)
			break;
	/* the islands that share country code 1 cut their ranges finer */
	if (i == lengthof(codes) || (strcmp(code, "1") == 0 && strcmp(region, "US") != 0 && strcmp(region, "CA") != 0))
		return;
	memcpy(range->digits, digits, n - PHONE_FREE_DIGITS);
	strcpy(range->code, code);
	strlcpy(range->region, region, sizeof(range->region));
	range->length = n;
	range->skip = n - national_len;
	range->plus = plus;
	range->valid = valid;
}

/* Bytes before a Chinese or Japanese mark of an extension, which libphonenumber does not know. */
static int
without_extension(const char *s, int bytes)
{
	static const char *const mark[] = {"转", "轉", "分机", "分機", "内线", "內線", "内線"};
	int			m;

	for (m = 0; m < (int) lengthof(mark); m++)
	{
		int			length = strlen(mark[m]);
		int			i;

		for (i = 1; i + length <= bytes; i++)
			if (memcmp(s + i, mark[m], length) == 0)
				return i;
	}
	return bytes;
}

char *
cd_standard_phone(const char *s, int bytes, const char *region, CdIssue *issue)
{
	PhoneRange *range = NULL;
	bool		plain = true;
	char		e164[CD_PHONE_E164_SIZE];
	char		digits[64];
	int			code_digits = 0;
	int			n = 0;
	int			letters = 0;
	bool		plus = false;
	CdPhoneStatus status;
	CdText		t;
	int			i;

	*issue = CD_ISSUE_NONE;
	cd_text_fold(&t, s, bytes);
	for (i = 0; i < t.len; i++)
	{
		if (t.cp[i] >= '0' && t.cp[i] <= '9' && n < (int) sizeof(digits) - 1)
			digits[n++] = t.cp[i];
		else if (t.cp[i] == '+' && n == 0)
			plus = true;
		else if (t.cp[i] == '@')
		{
			*issue = CD_ISSUE_WRONG_FIELD;
			return NULL;
		}
		else if (cd_class(t.cp[i]) == CD_CHAR_LETTER)
			letters++;
		if (t.cp[i] >= 128 || strchr("+0123456789 -.()", (char) t.cp[i]) == NULL || (t.cp[i] == '+' && n > 0))
			plain = false;
	}
	digits[n] = '\0';
	if (n < 3)
	{
		*issue = n == 0 ? CD_ISSUE_MALFORMED : CD_ISSUE_TOO_SHORT;
		return NULL;
	}
	if (placeholder_digits(digits) || strcmp(digits, "1234567890") == 0)
	{
		*issue = CD_ISSUE_PLACEHOLDER;
		return NULL;
	}
	if (bytes > 250)
	{
		*issue = CD_ISSUE_TOO_LONG;
		return NULL;
	}
	if (plain)
		range = phone_range(digits, n, plus, region);
	if (range != NULL && same_range(range, digits, n, plus, region))
	{
		code_digits = strlen(range->code);
		snprintf(e164, sizeof(e164), "+%s%s", range->code, digits + range->skip);
		if (placeholder_e164(e164, code_digits))
		{
			*issue = CD_ISSUE_PLACEHOLDER;
			return NULL;
		}
		*issue = range->valid ? CD_ISSUE_NONE : CD_ISSUE_UNASSIGNED;
		return pstrdup(e164);
	}
	if (!load_phone())
		return phone_digits(digits, n, plus, letters, issue);
	bytes = without_extension(s, bytes);
	status = phone_parse(s, bytes, region, e164, &code_digits);
	/* 00 is how most of the world dials abroad, whatever is dialled here */
	if (status != CD_PHONE_VALID && !plus && n > 9 && digits[0] == '0' && digits[1] == '0')
	{
		char		abroad[80];
		char		number[CD_PHONE_E164_SIZE];
		int			length = snprintf(abroad, sizeof(abroad), "+%s", digits + 2);
		int			country_digits;

		if (phone_parse(abroad, length, "", number, &country_digits) == CD_PHONE_VALID)
		{
			status = CD_PHONE_VALID;
			strcpy(e164, number);
			code_digits = country_digits;
			range = NULL;
		}
	}
	switch (status)
	{
		case CD_PHONE_VALID:
			if (range != NULL)
				keep_range(range, digits, n, plus, region, e164, code_digits, true);
			break;
		case CD_PHONE_POSSIBLE:
			if (range != NULL)
				keep_range(range, digits, n, plus, region, e164, code_digits, false);
			*issue = CD_ISSUE_UNASSIGNED;
			break;
		case CD_PHONE_LOCAL:
			/* the area code is missing: its digits still tell people of one area apart */
			*issue = n >= 6 && letters == 0 && !plus && strncmp(digits, "00", 2) != 0 ?
				CD_ISSUE_LOCAL_NUMBER : CD_ISSUE_TOO_SHORT;
			return *issue == CD_ISSUE_LOCAL_NUMBER ? pstrdup(digits) : NULL;
		case CD_PHONE_TOO_SHORT:
			*issue = CD_ISSUE_TOO_SHORT;
			return NULL;
		case CD_PHONE_TOO_LONG:
			*issue = CD_ISSUE_TOO_LONG;
			return NULL;
		case CD_PHONE_NO_COUNTRY:
			if (region[0] != '\0' || plus)
			{
				*issue = CD_ISSUE_MALFORMED;
				return NULL;
			}
			/* national digits still tell people apart within a source */
			*issue = CD_ISSUE_NO_COUNTRY;
			return letters == 0 && n >= 6 && n <= 15 ? pstrdup(digits) : NULL;
		case CD_PHONE_NOT_A_NUMBER:
			*issue = CD_ISSUE_MALFORMED;
			return NULL;
		case CD_PHONE_FAILED:
			ereport(ERROR,
					(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
					 errmsg("libphonenumber failed"),
					 errhint("The server may be out of memory.")));
	}
	if (placeholder_e164(e164, code_digits))
	{
		*issue = CD_ISSUE_PLACEHOLDER;
		return NULL;
	}
	return pstrdup(e164);
}
