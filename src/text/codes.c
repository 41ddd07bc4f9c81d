/*
 * codes.c
 *		Gender, country, postcode, national and tax identifiers.
 */
#include "postgres.h"

#include "text/standard.h"

#include <unicode/uloc.h>
#include <unicode/ustring.h>

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* Letters and digits only, ASCII upper case; other scripts' letters are kept. */
static char *
compact_upper(const char *s, int bytes, int *len)
{
	CdText		t;
	int			i;
	int			n = 0;
	char	   *out;

	cd_text_fold(&t, s, bytes);
	for (i = 0; i < t.len; i++)
		if (cd_is_word(t.cp[i]))
			t.cp[n++] = t.cp[i] < 128 ? pg_ascii_toupper((unsigned char) t.cp[i]) : t.cp[i];
	t.len = n;
	out = cd_text_encode(&t, len);
	pfree(t.cp);
	return out;
}

static bool
all_digits(const char *s)
{
	return *s != '\0' && strspn(s, "0123456789") == strlen(s);
}

/* One character over and over, or digits counted up: typed to fill a field. */
static bool
is_filler(const char *s)
{
	int			n = strlen(s);

	return n >= 3 && (strspn(s, s + n - 1) == (size_t) n ||
					  strncmp("1234567890123456789", s, Min(n, 19)) == 0);
}

char *
cd_standard_gender(const char *s, int bytes, CdIssue *issue)
{
	static const struct
	{
		const char *word;
		const char *gender;
	}			words[] =
	{
		{"f", "female"}, {"female", "female"}, {"woman", "female"}, {"w", "female"}, {"weiblich", "female"},
		{"frau", "female"}, {"femme", "female"}, {"feminin", "female"}, {"femenino", "female"}, {"mujer", "female"},
		{"femminile", "female"}, {"donna", "female"}, {"feminino", "female"}, {"vrouw", "female"}, {"mrs", "female"},
		{"ms", "female"}, {"miss", "female"}, {"girl", "female"}, {"lady", "female"}, {"女", "female"}, {"女性", "female"},
		{"女士", "female"}, {"小姐", "female"}, {"太太", "female"}, {"여", "female"}, {"여자", "female"}, {"여성", "female"},
		{"ж", "female"}, {"женскии", "female"}, {"kobieta", "female"}, {"k", "female"}, {"kvinna", "female"}, {"2", "female"},
		{"m", "male"}, {"male", "male"}, {"man", "male"}, {"mannlich", "male"}, {"maennlich", "male"}, {"herr", "male"},
		{"homme", "male"}, {"masculin", "male"}, {"masculino", "male"}, {"hombre", "male"}, {"maschile", "male"},
		{"uomo", "male"}, {"mannelijk", "male"}, {"mr", "male"}, {"boy", "male"}, {"h", "male"}, {"男", "male"},
		{"男性", "male"}, {"先生", "male"}, {"남", "male"}, {"남자", "male"}, {"남성", "male"}, {"м", "male"},
		{"мужскои", "male"}, {"mezczyzna", "male"}, {"1", "male"},
		{"mann", "male"}, {"muz", "male"}, {"erkek", "male"}, {"mies", "male"}, {"ferfi", "male"}, {"男士", "male"},
		{"zena", "female"}, {"kadin", "female"}, {"nainen", "female"}, {"kvinne", "female"}, {"kvinde", "female"},
		{"x", "other"}, {"d", "other"}, {"divers", "other"}, {"diverse", "other"}, {"other", "other"},
		{"nonbinary", "other"}, {"non binary", "other"}, {"nb", "other"}, {"third", "other"}, {"其他", "other"},
		{"9", "other"},
	};
	CdText		t;
	char	   *folded;
	int			n = 0;
	int			i;

	*issue = CD_ISSUE_NONE;
	cd_text_fold(&t, s, bytes);
	for (i = 0; i < t.len; i++)
	{
		if (cd_is_word(t.cp[i]))
			t.cp[n++] = t.cp[i];
		else if (n > 0 && t.cp[n - 1] != ' ')
			t.cp[n++] = ' ';
	}
	while (n > 0 && t.cp[n - 1] == ' ')
		n--;
	t.len = n;
	folded = cd_text_encode(&t, NULL);
	for (i = 0; i < (int) lengthof(words); i++)
		if (strcmp(folded, words[i].word) == 0)
			return pstrdup(words[i].gender);
	/* 0 and u are "not known" in ISO 5218 and in many forms */
	*issue = strcmp(folded, "0") == 0 || strcmp(folded, "u") == 0 ||
		strstr(folded, "not to say") != NULL || strstr(folded, "not say") != NULL ? CD_ISSUE_PLACEHOLDER : CD_ISSUE_UNKNOWN_CODE;
	return NULL;
}

/* A name of a country, folded, and its code. */
typedef struct CountryName
{
	char		name[60];
	char		code[4];
} CountryName;

/* Letters and digits of a name, folded, cut to the room of a hash key. */
static bool
country_key(const char *s, int bytes, char *key)
{
	CdText		t;
	char	   *folded;
	int			n = 0;
	int			i;
	int			len;

	memset(key, 0, 60);
	cd_text_fold(&t, s, bytes);
	for (i = 0; i < t.len; i++)
		if (cd_is_word(t.cp[i]))
			t.cp[n++] = t.cp[i];
	t.len = n;
	folded = cd_text_encode(&t, &len);
	pfree(t.cp);
	if (len == 0 || len >= 60)
		return false;
	memcpy(key, folded, len);
	return true;
}

/* The names of all countries in the large languages, from ICU, made once. */
static HTAB *
country_names(void)
{
	static HTAB *names = NULL;
	static const char *const languages[] = {"en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "nb",
		"fi", "cs", "hu", "tr", "ru", "el", "zh", "zh_Hant", "ja", "ko", "ar", "he", "hi", "th", "vi", "id",
		"bg", "uk", "ro", "hr", "sk", "sl", "sr", "lt", "lv", "et"};
	static const char *const aliases[][2] = {{"usa", "US"}, {"unitedstatesofamerica", "US"}, {"america", "US"},
	{"theunitedstates", "US"}, {"uk", "GB"}, {"greatbritain", "GB"}, {"england", "GB"}, {"scotland", "GB"},
	{"wales", "GB"}, {"northernireland", "GB"}, {"britain", "GB"}, {"holland", "NL"}, {"brd", "DE"},
	{"uae", "AE"}, {"prc", "CN"}, {"peoplesrepublicofchina", "CN"}, {"中华人民共和国", "CN"}, {"中国大陆", "CN"},
	{"roc", "TW"}, {"中华民国", "TW"}, {"republicofkorea", "KR"}, {"korea", "KR"}, {"大韩民国", "KR"}, {"한국", "KR"},
	{"russianfederation", "RU"}, {"czechrepublic", "CZ"}, {"hongkong", "HK"}, {"香港", "HK"}, {"macau", "MO"},
	{"macao", "MO"}, {"澳门", "MO"}, {"vietnam", "VN"}, {"ivorycoast", "CI"}, {"burma", "MM"}, {"swaziland", "SZ"},
	{"macedonia", "MK"}, {"turkey", "TR"}, {"日本国", "JP"}, {"eire", "IE"}, {"republicofireland", "IE"},
	{"deutschl", "DE"}, {"osterr", "AT"}, {"schweiz", "CH"}, {"suisse", "CH"}, {"svizzera", "CH"}};
	const char *const *code;
	HASHCTL		ctl;
	HTAB	   *table;
	int			i;

	if (names != NULL)
		return names;
	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = 60;
	ctl.entrysize = sizeof(CountryName);
	ctl.hcxt = TopMemoryContext;
	table = hash_create("customer_data country names", 8192, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (code = (const char *const *) uloc_getISOCountries(); *code != NULL; code++)
	{
		char		locale[16];

		snprintf(locale, sizeof(locale), "und_%s", *code);
		for (i = -2; i < (int) lengthof(languages); i++)
		{
			char		key[60];
			char		utf8[300];
			int32_t		len = 0;
			CountryName *entry;
			bool		found;

			if (i == -2)
				strlcpy(utf8, *code, sizeof(utf8));
			else if (i == -1)
				strlcpy(utf8, uloc_getISO3Country(locale), sizeof(utf8));
			else
			{
				UErrorCode	status = U_ZERO_ERROR;
				UChar		name[100];

				len = uloc_getDisplayCountry(locale, languages[i], name, lengthof(name), &status);
				if (U_FAILURE(status))
					continue;
				u_strToUTF8(utf8, sizeof(utf8), &len, name, len, &status);
				if (U_FAILURE(status) || len >= (int32_t) sizeof(utf8))
					continue;
			}
			if (!country_key(utf8, strlen(utf8), key))
				continue;
			entry = hash_search(table, key, HASH_ENTER, &found);
			if (!found)
				strlcpy(entry->code, *code, sizeof(entry->code));
		}
	}
	for (i = 0; i < (int) lengthof(aliases); i++)
	{
		char		key[60];
		CountryName *entry;

		if (!country_key(aliases[i][0], strlen(aliases[i][0]), key))
			continue;
		entry = hash_search(table, key, HASH_ENTER, NULL);
		strlcpy(entry->code, aliases[i][1], sizeof(entry->code));
	}
	names = table;
	return names;
}

char *
cd_standard_country(const char *s, int bytes, CdIssue *issue)
{
	char		key[60];
	CountryName *entry;

	*issue = CD_ISSUE_NONE;
	if (!country_key(s, bytes, key) ||
		(entry = hash_search(country_names(), key, HASH_FIND, NULL)) == NULL)
	{
		*issue = CD_ISSUE_UNKNOWN_CODE;
		return NULL;
	}
	return pstrdup(entry->code);
}

/* Countries whose postcodes are digits, and how many. */
static const struct
{
	const char *region;
	int			digits;
	int			also;			/* another number of digits in use */
}			digit_postcodes[] =
{
	{"US", 5, 9}, {"CN", 6, 6}, {"DE", 5, 5}, {"FR", 5, 5}, {"ES", 5, 5}, {"IT", 5, 5}, {"JP", 7, 7},
	{"KR", 5, 6}, {"TW", 3, 6}, {"AU", 4, 4}, {"NZ", 4, 4}, {"CH", 4, 4}, {"AT", 4, 4}, {"BE", 4, 4},
	{"DK", 4, 4}, {"NO", 4, 4}, {"SE", 5, 5}, {"FI", 5, 5}, {"PL", 5, 5}, {"CZ", 5, 5}, {"SK", 5, 5},
	{"HU", 4, 4}, {"RO", 6, 6}, {"BG", 4, 4}, {"GR", 5, 5}, {"TR", 5, 5}, {"RU", 6, 6}, {"UA", 5, 5},
	{"IN", 6, 6}, {"ID", 5, 5}, {"MY", 5, 5}, {"TH", 5, 5}, {"PH", 4, 4}, {"VN", 6, 5}, {"SG", 6, 6},
	{"BR", 8, 8}, {"MX", 5, 5}, {"ZA", 4, 4}, {"IL", 7, 5}, {"PT", 7, 4}, {"HR", 5, 5}, {"SI", 4, 4},
	{"EE", 5, 5}, {"LT", 5, 5}, {"LV", 4, 4}, {"LU", 4, 4},
};

/* Does s have the shape of a pattern: A letter, 9 digit, the rest itself? */
static bool
has_shape(const char *s, const char *shape)
{
	for (; *s && *shape; s++, shape++)
	{
		if (*shape == 'A' ? !(*s >= 'A' && *s <= 'Z') :
			*shape == '9' ? !(*s >= '0' && *s <= '9') : *s != *shape)
			return false;
	}
	return *s == '\0' && *shape == '\0';
}

static bool
is_uk_postcode(const char *s)
{
	return has_shape(s, "A99AA") || has_shape(s, "A999AA") || has_shape(s, "AA99AA") ||
		has_shape(s, "AA999AA") || has_shape(s, "A9A9AA") || has_shape(s, "AA9A9AA") || strcmp(s, "GIR0AA") == 0;
}

/* A British code with the outward part's O for 0 and I for 1 put right in the inward part. */
static char *
uk_postcode(char *s, int n)
{
	if (n >= 5 && n <= 7 && s[n - 3] == 'O')
		s[n - 3] = '0';
	if (n >= 5 && n <= 7 && s[n - 3] == 'I')
		s[n - 3] = '1';
	if (!is_uk_postcode(s))
		return NULL;
	return psprintf("%.*s %s", n - 3, s, s + n - 3);
}

char *
cd_standard_postcode(const char *s, int bytes, const char *region, CdIssue *issue)
{
	int			n;
	char	   *code = compact_upper(s, bytes, &n);
	char	   *uk;
	int			i;

	*issue = CD_ISSUE_NONE;
	if (n == 0)
	{
		*issue = CD_ISSUE_MALFORMED;
		return NULL;
	}
	if (n >= 3 && strspn(code, code + n - 1) == (size_t) n && (code[0] == '0' || code[0] == '9' || code[0] == 'X'))
	{
		*issue = CD_ISSUE_PLACEHOLDER;
		return NULL;
	}
	if (strcmp(region, "GB") == 0 || region[0] == '\0')
	{
		uk = uk_postcode(code, n);
		if (uk != NULL)
			return uk;
	}
	if (strcmp(region, "GB") == 0)
	{
		/* the outward code alone is a place */
		if (has_shape(code, "A9") || has_shape(code, "A99") || has_shape(code, "AA9") || has_shape(code, "AA99") ||
			has_shape(code, "A9A") || has_shape(code, "AA9A"))
		{
			*issue = CD_ISSUE_TOO_SHORT;
			return code;
		}
		*issue = CD_ISSUE_MALFORMED;
		return code;
	}
	if ((strcmp(region, "CA") == 0 || region[0] == '\0') && has_shape(code, "A9A9A9"))
		return psprintf("%.3s %s", code, code + 3);
	if ((strcmp(region, "NL") == 0 || region[0] == '\0') && has_shape(code, "9999AA"))
		return psprintf("%.4s %s", code, code + 4);
	if (strcmp(region, "IE") == 0 && n == 7)
		return psprintf("%.3s %s", code, code + 3);
	if (strcmp(region, "CA") == 0 || (strcmp(region, "NL") == 0 && !has_shape(code, "9999")))
	{
		*issue = CD_ISSUE_MALFORMED;
		return code;
	}
	for (i = 0; i < (int) lengthof(digit_postcodes); i++)
	{
		if (strcmp(region, digit_postcodes[i].region) != 0)
			continue;
		/* a leading country mark: D-10115, CH-8001 */
		if (n > digit_postcodes[i].digits && all_digits(code + n - digit_postcodes[i].digits) &&
			strncmp(code, region, n - digit_postcodes[i].digits) == 0)
		{
			code += n - digit_postcodes[i].digits;
			n = digit_postcodes[i].digits;
		}
		if (!all_digits(code))
			*issue = CD_ISSUE_MALFORMED;
		else if (strcmp(region, "US") == 0 && n == 9)
			code[5] = '\0';
		else if (n == digit_postcodes[i].digits - 1 && strchr("US DE FR ES IT", region[0]) != NULL && digit_postcodes[i].digits == 5)
			/* a spreadsheet took the leading zero for a number's */
			return psprintf("0%s", code);
		else if (n < Min(digit_postcodes[i].digits, digit_postcodes[i].also))
			*issue = CD_ISSUE_TOO_SHORT;
		else if (n > Max(digit_postcodes[i].digits, digit_postcodes[i].also))
			*issue = CD_ISSUE_TOO_LONG;
		else if (n != digit_postcodes[i].digits && n != digit_postcodes[i].also)
			*issue = CD_ISSUE_MALFORMED;
		return code;
	}
	if (region[0] == '\0' && n == 9 && all_digits(code) && memchr(s, '-', bytes) != NULL)
		code[5] = '\0';			/* ZIP+4 */
	if (n > 12)
		*issue = CD_ISSUE_TOO_LONG;
	else if (n < 3)
		*issue = CD_ISSUE_TOO_SHORT;
	return code;
}

/* Weighted sum of digits, the last not included unless a weight is given for it. */
static int
weighted(const char *s, const int *weights, int n)
{
	int			sum = 0;
	int			i;

	for (i = 0; i < n; i++)
		sum += (s[i] - '0') * weights[i];
	return sum;
}

static bool
luhn(const char *s)
{
	int			sum = 0;
	int			n = strlen(s);
	int			i;

	for (i = 0; i < n; i++)
	{
		int			d = s[n - 1 - i] - '0';

		if (i % 2 == 1)
			d = d * 2 > 9 ? d * 2 - 9 : d * 2;
		sum += d;
	}
	return sum % 10 == 0;
}

/* Verhoeff's dihedral check digit, used by Aadhaar. */
static bool
verhoeff(const char *s)
{
	static const char d[10][11] = {"0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
	"5987604321", "6598710432", "7659821043", "8765932104", "9876543210"};
	static const char p[8][11] = {"0123456789", "1576283094", "5803796142", "8916043527", "9453126870",
	"4286573901", "2793806415", "7046913258"};
	int			c = 0;
	int			n = strlen(s);
	int			i;

	for (i = 0; i < n; i++)
		c = d[c][p[i % 8][s[n - 1 - i] - '0'] - '0'] - '0';
	return c == 0;
}

static bool
valid_yyyymmdd(const char *s)
{
	int			y = (s[0] - '0') * 1000 + (s[1] - '0') * 100 + (s[2] - '0') * 10 + (s[3] - '0');
	int			m = (s[4] - '0') * 10 + (s[5] - '0');
	int			d = (s[6] - '0') * 10 + (s[7] - '0');
	struct pg_tm tm;

	memset(&tm, 0, sizeof(tm));
	tm.tm_year = y;
	tm.tm_mon = m;
	tm.tm_mday = d;
	return y >= 1850 && y <= 2100 && ValidateDate(DTK_DATE_M, false, false, false, &tm) == 0;
}

/* China: 17 digits with a birth date and a check character; 15 digits of old. */
static CdIssue
check_cn(char **id, int n)
{
	static const int w[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
	char	   *s = *id;

	if (n == 15 && all_digits(s))
	{
		/* to the 18 of today: the century and a check character are added */
		char	   *full = psprintf("%.6s19%s", s, s + 6);

		if (!valid_yyyymmdd(full + 6))
			return CD_ISSUE_IMPOSSIBLE_DATE;
		*id = psprintf("%s%c", full, "10X98765432"[weighted(full, w, 17) % 11]);
		return CD_ISSUE_NONE;
	}
	if (n < 18)
		return all_digits(s) ? CD_ISSUE_TOO_SHORT : CD_ISSUE_MALFORMED;
	if (n > 18)
		return CD_ISSUE_TOO_LONG;
	if (strspn(s, "0123456789") < 17 || (s[17] != 'X' && !isdigit((unsigned char) s[17])))
		return CD_ISSUE_MALFORMED;
	if (!valid_yyyymmdd(s + 6))
		return CD_ISSUE_IMPOSSIBLE_DATE;
	return "10X98765432"[weighted(s, w, 17) % 11] == s[17] ? CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
}

/* Taiwan: a letter that stands for two digits, then nine. */
static CdIssue
check_tw(const char *s)
{
	static const char *order = "ABCDEFGHJKLMNPQRSTUVXYWZIO";
	static const int w[] = {8, 7, 6, 5, 4, 3, 2, 1, 1};
	int			area;

	if (!has_shape(s, "A999999999"))
		return CD_ISSUE_MALFORMED;
	area = 10 + (int) (strchr(order, s[0]) - order);
	return (area / 10 + area % 10 * 9 + weighted(s + 1, w, 9)) % 10 == 0 ? CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
}

/* Hong Kong: one or two letters, six digits, a check character. */
static CdIssue
check_hk(const char *s, int n)
{
	int			letters = n == 9 ? 2 : 1;
	int			sum;
	int			i;

	if (!(has_shape(s, "A9999999") || has_shape(s, "AA9999999") || has_shape(s, "A999999A") || has_shape(s, "AA999999A")))
		return CD_ISSUE_MALFORMED;
	sum = letters == 2 ? 9 * (s[0] - 'A' + 10) + 8 * (s[1] - 'A' + 10) : 9 * 36 + 8 * (s[0] - 'A' + 10);
	for (i = 0; i < 6; i++)
		sum += (7 - i) * (s[letters + i] - '0');
	sum += s[n - 1] == 'A' ? 10 : isdigit((unsigned char) s[n - 1]) ? s[n - 1] - '0' : 99;
	return sum % 11 == 0 ? CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
}

/* Singapore: S or T and F or G, seven digits, a letter. */
static CdIssue
check_sg(const char *s)
{
	static const int w[] = {2, 7, 6, 5, 4, 3, 2};
	int			sum;

	if (!has_shape(s, "A9999999A") || strchr("STFGM", s[0]) == NULL)
		return CD_ISSUE_MALFORMED;
	sum = weighted(s + 1, w, 7) + (s[0] == 'T' || s[0] == 'G' ? 4 : s[0] == 'M' ? 3 : 0);
	if (s[0] == 'M')
		return "XWUTRQPNJLK"[sum % 11] == s[8] ? CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
	return (s[0] == 'S' || s[0] == 'T' ? "JZIHGFEDCBA" : "XWUTRQPNMLK")[sum % 11] == s[8] ?
		CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
}

/* Spain: DNI of eight digits, NIE with X, Y, Z for the first; a letter mod 23. */
static CdIssue
check_es(const char *s, int n)
{
	int			number;

	if (!(has_shape(s, "99999999A") || (has_shape(s, "A9999999A") && strchr("XYZ", s[0]) != NULL)))
		return n < 9 ? CD_ISSUE_TOO_SHORT : CD_ISSUE_MALFORMED;
	number = s[0] >= 'X' ? (s[0] - 'X') * 10000000 + atoi(s + 1) : atoi(s);
	return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == s[8] ? CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
}

/* Italy: codice fiscale, sixteen characters with a check letter. */
static CdIssue
check_it(const char *s)
{
	static const int odd[] = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
	int			sum = 0;
	int			i;

	if (strlen(s) != 16)
		return CD_ISSUE_MALFORMED;
	for (i = 0; i < 15; i++)
	{
		int			v = isdigit((unsigned char) s[i]) ? s[i] - '0' : s[i] >= 'A' && s[i] <= 'Z' ? s[i] - 'A' : -1;

		if (v < 0)
			return CD_ISSUE_MALFORMED;
		sum += i % 2 == 0 ? odd[v] : v;
	}
	return 'A' + sum % 26 == s[15] ? CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
}

/* Brazil: CPF of eleven digits with two check digits, CNPJ of fourteen. */
static CdIssue
check_br(const char *s, int n)
{
	int			k;

	if (!all_digits(s) || (n != 11 && n != 14))
		return n < 11 ? CD_ISSUE_TOO_SHORT : CD_ISSUE_MALFORMED;
	for (k = n - 2; k < n; k++)
	{
		int			sum = 0;
		int			i;

		for (i = 0; i < k; i++)
			sum += (s[i] - '0') * (n == 11 ? k + 1 - i : (k - 1 - i) % 8 + 2);
		if (sum * 10 % 11 % 10 != s[k] - '0')
			return CD_ISSUE_BAD_CHECKSUM;
	}
	return CD_ISSUE_NONE;
}

/* France: thirteen digits (Corsica with 2A, 2B) and a key of 97. */
static CdIssue
check_fr(const char *s, int n)
{
	char		number[16];

	if (n == 13)
		return strspn(s, "0123456789AB") == 13 ? CD_ISSUE_NONE : CD_ISSUE_MALFORMED;
	if (n != 15)
		return n < 13 ? CD_ISSUE_TOO_SHORT : CD_ISSUE_MALFORMED;
	strlcpy(number, s, 14);
	if (number[6] == 'A' || number[6] == 'B')
	{
		number[5] = '1';
		number[6] = s[6] == 'A' ? '9' : '8';
	}
	if (!all_digits(number) || !all_digits(s + 13))
		return CD_ISSUE_MALFORMED;
	return 97 - strtoll(number, NULL, 10) % 97 == atoi(s + 13) ? CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
}

/* Sum of weights over all n digits divisible by a modulus. */
static CdIssue
check_weights(const char *s, int n, const int *weights, int modulus)
{
	if ((int) strlen(s) != n)
		return (int) strlen(s) < n ? CD_ISSUE_TOO_SHORT : CD_ISSUE_TOO_LONG;
	if (!all_digits(s))
		return CD_ISSUE_MALFORMED;
	return weighted(s, weights, n) % modulus == 0 ? CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
}

/* The United States: nine digits, with areas and serials never given out. */
static CdIssue
check_us(const char *s, int n)
{
	if (n != 9 || !all_digits(s))
		return n < 9 ? CD_ISSUE_TOO_SHORT : CD_ISSUE_MALFORMED;
	if (strcmp(s, "078051120") == 0 || strcmp(s, "219099999") == 0 || strcmp(s, "123456789") == 0)
		return CD_ISSUE_PLACEHOLDER;
	if (strncmp(s, "000", 3) == 0 || strncmp(s, "666", 3) == 0 || s[0] == '9' ||
		strncmp(s + 3, "00", 2) == 0 || strcmp(s + 5, "0000") == 0)
		return CD_ISSUE_UNASSIGNED;
	return CD_ISSUE_NONE;
}

/* Great Britain: a National Insurance number. */
static CdIssue
check_gb(const char *s)
{
	if (!(has_shape(s, "AA999999A") || has_shape(s, "AA999999")))
		return CD_ISSUE_MALFORMED;
	if (strchr("DFIQUV", s[0]) || strchr("DFIQUVO", s[1]) || strncmp(s, "BG", 2) == 0 || strncmp(s, "GB", 2) == 0 ||
		strncmp(s, "NK", 2) == 0 || strncmp(s, "KN", 2) == 0 || strncmp(s, "TN", 2) == 0 || strncmp(s, "NT", 2) == 0 ||
		strncmp(s, "ZZ", 2) == 0)
		return CD_ISSUE_UNASSIGNED;
	return CD_ISSUE_NONE;
}

char *
cd_standard_national_id(const char *s, int bytes, const char *region, CdIssue *issue)
{
	static const int pl[] = {1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1};
	static const int nl[] = {9, 8, 7, 6, 5, 4, 3, 2, -1};
	static const int kr[] = {2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5, 1};
	static const int cz[] = {1, -1, 1, -1, 1, -1, 1, -1, 1, -1};
	int			n;
	char	   *id = compact_upper(s, bytes, &n);

	*issue = CD_ISSUE_NONE;
	if (n == 0)
	{
		*issue = CD_ISSUE_MALFORMED;
		return NULL;
	}
	if (is_filler(id))
	{
		*issue = CD_ISSUE_PLACEHOLDER;
		return NULL;
	}
	if (strcmp(region, "CN") == 0 || (region[0] == '\0' && n == 18 && strspn(id, "0123456789") >= 17 &&
									  valid_yyyymmdd(id + 6)))
		*issue = check_cn(&id, n);
	else if (strcmp(region, "TW") == 0)
		*issue = check_tw(id);
	else if (strcmp(region, "HK") == 0)
		*issue = check_hk(id, n);
	else if (strcmp(region, "SG") == 0)
		*issue = check_sg(id);
	else if (strcmp(region, "ES") == 0)
		*issue = check_es(id, n);
	else if (strcmp(region, "IT") == 0)
		*issue = check_it(id);
	else if (strcmp(region, "BR") == 0)
		*issue = check_br(id, n);
	else if (strcmp(region, "FR") == 0)
		*issue = check_fr(id, n);
	else if (strcmp(region, "US") == 0)
		*issue = check_us(id, n);
	else if (strcmp(region, "GB") == 0)
		*issue = check_gb(id);
	else if (strcmp(region, "PL") == 0)
		*issue = check_weights(id, 11, pl, 10);
	else if (strcmp(region, "NL") == 0)
		*issue = check_weights(n == 8 ? (id = psprintf("0%s", id)) : id, 9, nl, 11);
	else if (strcmp(region, "KR") == 0)
	{
		/* numbers given from October 2020 on carry no check digit */
		if (n != 13 || !all_digits(id))
			*issue = n < 13 ? CD_ISSUE_TOO_SHORT : CD_ISSUE_MALFORMED;
		else if ((11 - weighted(id, kr, 12) % 11) % 10 != id[12] - '0' &&
				 strncmp(id, "20", 2) != 0 && strncmp(id, "21", 2) != 0 && strncmp(id, "22", 2) != 0 &&
				 strncmp(id, "23", 2) != 0 && strncmp(id, "24", 2) != 0 && strncmp(id, "25", 2) != 0)
			*issue = CD_ISSUE_BAD_CHECKSUM;
	}
	else if (strcmp(region, "SE") == 0)
	{
		if (n == 12 && all_digits(id))
			*issue = luhn(id + 2) ? CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
		else if (n == 10 && all_digits(id))
			*issue = luhn(id) ? CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
		else
			*issue = n < 10 ? CD_ISSUE_TOO_SHORT : CD_ISSUE_MALFORMED;
	}
	else if (strcmp(region, "CZ") == 0 || strcmp(region, "SK") == 0)
		*issue = n == 9 && all_digits(id) ? CD_ISSUE_NONE : check_weights(id, 10, cz, 11);
	else if (strcmp(region, "IN") == 0 && n == 12)
		*issue = all_digits(id) && verhoeff(id) && id[0] > '1' ? CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
	else if (strcmp(region, "CA") == 0 || strcmp(region, "ZA") == 0)
	{
		if (n != (region[0] == 'C' ? 9 : 13) || !all_digits(id))
			*issue = CD_ISSUE_MALFORMED;
		else if (!luhn(id))
			*issue = CD_ISSUE_BAD_CHECKSUM;
	}
	else if (n < 4)
		*issue = CD_ISSUE_TOO_SHORT;
	else if (n > 30)
		*issue = CD_ISSUE_TOO_LONG;
	if (*issue == CD_ISSUE_PLACEHOLDER)
		return NULL;
	return id;
}

/* China's unified social credit code: 18 characters, modulus 31. */
static CdIssue
check_uscc(const char *s)
{
	static const char *alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
	static const int w[] = {1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28};
	int			sum = 0;
	int			i;

	for (i = 0; i < 17; i++)
	{
		const char *at = strchr(alphabet, s[i]);

		if (at == NULL)
			return CD_ISSUE_MALFORMED;
		sum += (int) (at - alphabet) * w[i];
	}
	return alphabet[(31 - sum % 31) % 31] == s[17] ? CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
}

char *
cd_standard_tax_id(const char *s, int bytes, const char *region, CdIssue *issue)
{
	int			n;
	char	   *id = compact_upper(s, bytes, &n);

	*issue = CD_ISSUE_NONE;
	if (n == 0)
	{
		*issue = CD_ISSUE_MALFORMED;
		return NULL;
	}
	if (is_filler(id))
	{
		*issue = CD_ISSUE_PLACEHOLDER;
		return NULL;
	}
	if (strcmp(region, "CN") == 0 && n == 18)
		*issue = check_uscc(id);
	else if (strcmp(region, "CN") == 0)
		*issue = n < 15 ? CD_ISSUE_TOO_SHORT : n > 18 ? CD_ISSUE_TOO_LONG : CD_ISSUE_NONE;
	else if (strcmp(region, "BR") == 0)
		*issue = check_br(id, n);
	else if (strcmp(region, "US") == 0)
		*issue = n == 9 && all_digits(id) ? CD_ISSUE_NONE : n < 9 ? CD_ISSUE_TOO_SHORT : CD_ISSUE_MALFORMED;
	else if (strcmp(region, "AU") == 0 && n == 11 && all_digits(id))
	{
		static const int w[] = {10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19};

		*issue = (weighted(id, w, 11) - 10) % 89 == 0 ? CD_ISSUE_NONE : CD_ISSUE_BAD_CHECKSUM;
	}
	else if (strcmp(region, "TW") == 0)
		*issue = n == 8 && all_digits(id) ? CD_ISSUE_NONE : CD_ISSUE_MALFORMED;
	else if (n < 5)
		*issue = CD_ISSUE_TOO_SHORT;
	else if (n > 24)
		*issue = CD_ISSUE_TOO_LONG;
	return id;
}
