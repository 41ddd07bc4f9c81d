/*
 * standard.c
 *		Standard form and issue of a value, by attribute.
 */
#include "postgres.h"

#include "text/standard.h"

#include <ctype.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "text/words.h"
#include "utils/builtins.h"

static const char *const attribute_names[CD_ATTR_COUNT] = {
	"", "full_name", "given_name", "middle_name", "family_name", "name_prefix", "birth_date", "gender",
	"email", "phone", "address", "street", "house_number", "city", "region", "postcode", "country",
	"national_id", "tax_id", "loyalty_id", "company", "job_title", "website", "domain", "occupation",
	"birth_place", "registered_at", "cookie_id", "device_id", "ad_id", "account_id", "name_suffix"
};

static const char *const issue_names[CD_ISSUE_COUNT] = {
	"", "empty", "placeholder", "malformed", "too_short", "too_long", "disposable", "shared_mailbox",
	"suspect_domain", "impossible_date", "default_date", "future_date", "implausible_date",
	"ambiguous_date", "partial_date", "no_country", "unassigned", "bad_checksum", "unknown_code",
	"not_a_name", "wrong_field", "encoding", "local_number"
};

/* What is typed or exported for "no value", folded, letters and digits only; in byte order. */
static const char *const placeholders[] = {
	"asdf", "asdfasdf", "aucun", "bilinmiyor", "bitteauswahlen", "blank", "brak", "desconocido",
	"dummy", "empty", "fehlt", "firstname", "geen", "inconnu", "inconnue", "ka", "keine",
	"keineangabe", "keineangaben", "lastname", "missing", "na", "nan", "nepodano", "neuvedeno",
	"neznamy", "nichtangegeben", "nieznany", "nil", "ningun", "ninguno", "nodata", "noname",
	"nonamegiven", "noncommunique", "none", "nonrenseigne", "nonspecifie", "notapplicable",
	"notavailable", "notgiven", "notknown", "notprovided", "notspecified", "null", "nvt", "okand",
	"onbekend", "pleaseselect", "qwerty", "sconosciuto", "selectone", "sindatos", "sinespecificar",
	"sinnombre", "tba", "tbc", "tbd", "test", "testtest", "testuser", "ukendt", "ukjent", "unbek",
	"unbekannt", "undefined", "unknown", "unspecified", "xx", "xxx", "xxxx", "xxxxx", "неизвестен",
	"неизвестно", "нет", "неуказано", "отсутствует", "なし", "不明", "不清楚", "不知道", "不详", "保密", "匿名",
	"待定", "无", "无し", "暂无", "未填写", "未提供", "未登录", "未登记", "未知", "未知姓名", "未记入", "未设置", "没有", "测试",
	"测试用户", "空", "记入なし", "请选择", "모름", "미상", "미입력", "비공개", "없음", "해당없음",
};

/* Words by which a company is known in a person's name. */
static const char *const company_marks[] = {"ag", "gmbh", "inc", "llc", "ltd", "plc", "pty", "sarl", "srl"};

CdAttribute
cd_attribute_of(const char *name)
{
	int			i;

	for (i = 1; i < CD_ATTR_COUNT; i++)
		if (strcmp(name, attribute_names[i]) == 0)
			return (CdAttribute) i;
	return CD_ATTR_OTHER;
}

const char *
cd_issue_name(CdIssue issue)
{
	return issue > CD_ISSUE_NONE && issue < CD_ISSUE_COUNT ? issue_names[issue] : "";
}

/* Byte that windows-1252 shows as this character; -1 if none. */
static int
cp1252_byte(uint32 c)
{
	static const uint16 high[32] = {
		0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,
		0x017D, 0, 0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
	0x0153, 0, 0x017E, 0x0178};
	int			i;

	if (c < 256)
		return c;
	for (i = 0; i < 32; i++)
		if (high[i] == c)
			return 0x80 + i;
	return -1;
}

/*
 * UTF-8 that was read as windows-1252 (JosÃ© for José): the text it was, or
 * NULL if it is not such a text.
 */
static char *
undo_wrong_encoding(const char *s, int bytes, int *out_bytes)
{
	CdText		t;
	char	   *out;
	bool		sequence = false;
	int			n = 0;
	int			i;

	cd_text_decode(&t, s, bytes);
	out = palloc(t.len + 1);
	for (i = 0; i < t.len; i++)
	{
		int			b = cp1252_byte(t.cp[i]);

		if (b < 0)
			return NULL;
		out[n++] = b;
		sequence = sequence || b >= 0xC2;
	}
	if (!sequence || pg_encoding_verifymbstr(PG_UTF8, out, n) != n)
		return NULL;
	out[n] = '\0';
	*out_bytes = n;
	return out;
}

/* Folded letters and digits of a value, as a word to look up. */
static void
bare_word(const CdText *folded, CdWord *word)
{
	uint32	   *cp = palloc(sizeof(uint32) * Max(folded->len, 1));
	int			n = 0;
	int			i;

	for (i = 0; i < folded->len; i++)
		if (cd_is_word(folded->cp[i]))
			cp[n++] = folded->cp[i];
	word->cp = cp;
	word->len = n;
	word->gap = CD_GAP_NONE;
}

/* Folded, white space collapsed and trimmed. */
static char *
folded_value(const CdText *t)
{
	CdText		out;
	int			i;

	cd_text_init(&out, t->len + 1);
	for (i = 0; i < t->len; i++)
	{
		CdCharClass class = cd_class(t->cp[i]);

		if (class == CD_CHAR_SPACE || class == CD_CHAR_OTHER)
		{
			if (out.len > 0 && out.cp[out.len - 1] != ' ')
				cd_text_add(&out, ' ');
		}
		else
			cd_text_add(&out, t->cp[i]);
	}
	while (out.len > 0 && out.cp[out.len - 1] == ' ')
		out.len--;
	return cd_text_encode(&out, NULL);
}

/* An identifier as it is, trimmed; fillers are no identifiers. */
static char *
standard_identifier(const char *s, int bytes, bool fold, const CdText *folded, CdIssue *issue)
{
	CdWord		word;
	CdText		t;
	int			same = 0;
	int			kept = 0;
	int			i;

	bare_word(folded, &word);
	for (i = 1; i < word.len; i++)
		same += word.cp[i] == word.cp[0];
	if (word.len == 0)
	{
		*issue = CD_ISSUE_PLACEHOLDER;
		return NULL;
	}
	/* 0, 00000, -1, 11111111, a UUID of zeros */
	if ((same == word.len - 1 && (word.cp[0] == '0' || word.len >= 4)) ||
		(word.len == 1 && word.cp[0] == '1' && folded->cp[0] == '-') ||
		cd_word_is(&word, "anonymous") || cd_word_is(&word, "guest") || cd_word_is(&word, "123456") || cd_word_is(&word, "12345678") || cd_word_is(&word, "123456789"))
	{
		*issue = CD_ISSUE_PLACEHOLDER;
		return NULL;
	}
	if (fold)
		return folded_value(folded);
	/* case counts; full-width characters and spaces between groups do not */
	cd_text_decode(&t, s, bytes);
	for (i = 0; i < t.len; i++)
	{
		if (t.cp[i] >= 0xFF01 && t.cp[i] <= 0xFF5E)
			t.cp[i] -= 0xFEE0;
		if (cd_class(t.cp[i]) != CD_CHAR_SPACE)
			t.cp[kept++] = t.cp[i];
	}
	t.len = kept;
	return cd_text_encode(&t, NULL);
}

/* One letter held down, or one word for "no value" in each field: aaaa, null null. */
static bool
typed_again(const CdWords *w)
{
	const CdWord *first = &w->word[0];
	int			i;

	if (w->count == 0)
		return false;
	for (i = 1; i < w->count; i++)
		if (w->word[i].len != first->len || memcmp(w->word[i].cp, first->cp, first->len * sizeof(uint32)) != 0)
			return false;
	if (w->count > 1)
		return first->len >= 4 && CD_WORD_IN(first, placeholders);
	for (i = 1; i < first->len; i++)
		if (first->cp[i] != first->cp[0])
			return false;
	return first->len >= 4;
}

/* Are all digits of a name in normal form those of marks of generation: 3rd? */
static bool
digits_count_generations(const char *name)
{
	for (const char *c = name; *c != '\0';)
	{
		int			len = strcspn(c, " ");

		/* behind a name */
		if (strcspn(c, "0123456789") < (size_t) len && (c == name || cd_generation_of(c, len) == 0))
			return false;
		c += len;
		c += *c == ' ';
	}
	return true;
}

/* A personal name; what is wrong with it is said, the name is kept where it can be one. */
static char *
standard_name(const char *s, int bytes, CdAttribute attribute, const CdText *folded, CdIssue *issue)
{
	static const char *const shown_names[] = {"deleted", "deleted user", "do not use", "donald duck", "erika mustermann", "first last", "jane doe", "jane roe", "john doe", "max mustermann", "mickey mouse", "test test", "test user"};
	char	   *name;
	CdWords		w;
	CdText		t;
	int			letters = 0;
	int			digits = 0;
	bool		cjk = false;
	int			i;

	for (i = 0; i < folded->len; i++)
	{
		if (folded->cp[i] == '@')
		{
			*issue = CD_ISSUE_WRONG_FIELD;
			return NULL;
		}
		letters += cd_class(folded->cp[i]) == CD_CHAR_LETTER;
		digits += cd_class(folded->cp[i]) == CD_CHAR_DIGIT;
		cjk = cjk || cd_is_cjk(folded->cp[i]);
	}
	if (folded->len > 4 && cd_equals_ascii(folded->cp, 4, "www."))
	{
		*issue = CD_ISSUE_WRONG_FIELD;
		return NULL;
	}
	if (letters == 0)
	{
		*issue = CD_ISSUE_NOT_A_NAME;
		return NULL;
	}
	name = cd_normalize_name(s, bytes, attribute == CD_ATTR_FULL_NAME);
	for (i = 0; i < (int) lengthof(shown_names); i++)
		if (strcmp(name, shown_names[i]) == 0)
		{
			*issue = CD_ISSUE_PLACEHOLDER;
			return NULL;
		}
	/* Guest is a family name, but nobody's whole one */
	if (attribute == CD_ATTR_FULL_NAME && (strcmp(name, "guest") == 0 || strcmp(name, "guest user") == 0 || strcmp(name, "customer") == 0))
	{
		*issue = CD_ISSUE_PLACEHOLDER;
		return NULL;
	}
	cd_text_decode(&t, name, strlen(name));
	cd_words_cut(&w, &t);
	if (typed_again(&w))
	{
		*issue = CD_ISSUE_PLACEHOLDER;
		return NULL;
	}
	if (digits > 0 && !digits_count_generations(name))
		*issue = CD_ISSUE_NOT_A_NAME;
	else if ((attribute == CD_ATTR_GIVEN_NAME || attribute == CD_ATTR_FAMILY_NAME) &&
			 cd_is_title(name, strlen(name), attribute == CD_ATTR_FAMILY_NAME))
		*issue = CD_ISSUE_WRONG_FIELD;
	else if (w.count > 1 && CD_WORD_IN(&w.word[w.count - 1], company_marks))
		*issue = CD_ISSUE_NOT_A_NAME;
	else if (attribute == CD_ATTR_FULL_NAME && (cjk ? t.len < 2 : w.count < 2 && t.len < 3))
		*issue = CD_ISSUE_TOO_SHORT;
	else if (t.len > 120)
		*issue = CD_ISSUE_TOO_LONG;
	return name;
}

/* Saint Louis is St. Louis: the word is written short, wherever it begins one. */
static char *
short_saint(char *place)
{
	static const char *const saint[][2] = {{"saint ", "st "}, {"sainte ", "ste "}, {"sankt ", "st "}};
	StringInfoData out;
	const char *p = place;

	initStringInfo(&out);
	while (*p)
	{
		int			i;

		for (i = 0; i < (int) lengthof(saint); i++)
			if ((p == place || p[-1] == ' ') && strncmp(p, saint[i][0], strlen(saint[i][0])) == 0)
				break;
		if (i < (int) lengthof(saint))
		{
			appendStringInfoString(&out, saint[i][1]);
			p += strlen(saint[i][0]);
		}
		else
			appendStringInfoChar(&out, *p++);
	}
	return out.data;
}

char *
cd_standardize(CdAttribute attribute, const char *value, int bytes, const char *region,
			   int32 today, CdIssue *issue)
{
	CdIssue		encoding = CD_ISSUE_NONE;
	CdText		folded;
	CdWord		word;
	char	   *standard = NULL;
	int			i;

	*issue = CD_ISSUE_NONE;
	for (i = 0; i < bytes; i++)
	{
		/* what UTF-8 read as windows-1252 begins with, and the replacement character */
		if ((unsigned char) value[i] == 0xC3 || (unsigned char) value[i] == 0xC2)
		{
			int			repaired_bytes;
			char	   *repaired = undo_wrong_encoding(value, bytes, &repaired_bytes);

			if (repaired != NULL)
			{
				value = repaired;
				bytes = repaired_bytes;
				encoding = CD_ISSUE_ENCODING;
			}
			break;
		}
		if ((unsigned char) value[i] == 0xEF && i + 2 < bytes && (unsigned char) value[i + 1] == 0xBF &&
			(unsigned char) value[i + 2] == 0xBD)
			encoding = CD_ISSUE_ENCODING;
	}
	cd_text_fold(&folded, value, bytes);
	bare_word(&folded, &word);
	if (word.len == 0)
	{
		bool		space = true;

		for (i = 0; i < folded.len; i++)
			space = space && (cd_class(folded.cp[i]) == CD_CHAR_SPACE || cd_class(folded.cp[i]) == CD_CHAR_OTHER);
		*issue = space ? CD_ISSUE_EMPTY : CD_ISSUE_PLACEHOLDER;
		return NULL;
	}
	/* Na is a family name, and Null was somebody's; only whole-word fillers count elsewhere */
	if (CD_WORD_IN(&word, placeholders) &&
		!((attribute == CD_ATTR_FAMILY_NAME || attribute == CD_ATTR_GIVEN_NAME || attribute == CD_ATTR_COUNTRY) &&
		  folded.len == 2 && word.len == 2))
	{
		*issue = CD_ISSUE_PLACEHOLDER;
		return NULL;
	}

	switch (attribute)
	{
		case CD_ATTR_FULL_NAME:
		case CD_ATTR_GIVEN_NAME:
		case CD_ATTR_MIDDLE_NAME:
		case CD_ATTR_FAMILY_NAME:
			standard = standard_name(value, bytes, attribute, &folded, issue);
			break;
		case CD_ATTR_BIRTH_DATE:
			standard = cd_standard_date(value, bytes, region, true, today, issue);
			break;
		case CD_ATTR_REGISTERED_AT:
			standard = cd_standard_moment(value, bytes, region, today, issue);
			break;
		case CD_ATTR_GENDER:
			standard = cd_standard_gender(value, bytes, issue);
			break;
		case CD_ATTR_EMAIL:
			standard = cd_standard_email(value, bytes, issue);
			break;
		case CD_ATTR_PHONE:
			standard = cd_standard_phone(value, bytes, region, issue);
			break;
		case CD_ATTR_ADDRESS:
		case CD_ATTR_STREET:
			standard = cd_normalize_address(value, bytes);
			if (memchr(value, '@', bytes) != NULL)
				*issue = CD_ISSUE_WRONG_FIELD;
			else if (word.len < 3 && attribute == CD_ATTR_ADDRESS && !cd_is_cjk(word.cp[0]))
				*issue = CD_ISSUE_TOO_SHORT;
			break;
		case CD_ATTR_HOUSE_NUMBER:
			standard = cd_normalize_address(value, bytes);
			for (i = 0; i < word.len && !(word.cp[i] >= '0' && word.cp[i] <= '9'); i++)
				;
			if (i == word.len)
				*issue = CD_ISSUE_MALFORMED;
			else if (strcmp(standard, "0") == 0)
			{
				*issue = CD_ISSUE_PLACEHOLDER;
				standard = NULL;
			}
			break;
		case CD_ATTR_CITY:
		case CD_ATTR_REGION:
		case CD_ATTR_BIRTH_PLACE:
			standard = short_saint(cd_normalize_name(value, bytes, false));
			for (i = 0; i < word.len && word.cp[i] >= '0' && word.cp[i] <= '9'; i++)
				;
			if (i == word.len)
				*issue = CD_ISSUE_MALFORMED;
			break;
		case CD_ATTR_POSTCODE:
			standard = cd_standard_postcode(value, bytes, region, issue);
			break;
		case CD_ATTR_COUNTRY:
			standard = cd_standard_country(value, bytes, issue);
			break;
		case CD_ATTR_NATIONAL_ID:
			standard = cd_standard_national_id(value, bytes, region, issue);
			break;
		case CD_ATTR_TAX_ID:
			standard = cd_standard_tax_id(value, bytes, region, issue);
			break;
		case CD_ATTR_COMPANY:
			standard = cd_normalize_company(value, bytes);
			if (memchr(value, '@', bytes) != NULL)
				*issue = CD_ISSUE_WRONG_FIELD;
			else if (standard[0] == '\0' || word.len < 2)
				*issue = CD_ISSUE_TOO_SHORT;
			break;
		case CD_ATTR_WEBSITE:
			standard = cd_standard_website(value, bytes, issue);
			break;
		case CD_ATTR_DOMAIN:
			standard = cd_standard_domain(value, bytes, issue);
			break;
		case CD_ATTR_LOYALTY_ID:
		case CD_ATTR_COOKIE_ID:
		case CD_ATTR_DEVICE_ID:
		case CD_ATTR_ACCOUNT_ID:
			standard = standard_identifier(value, bytes, false, &folded, issue);
			break;
		case CD_ATTR_AD_ID:
			standard = standard_identifier(value, bytes, true, &folded, issue);
			break;
		case CD_ATTR_NAME_PREFIX:
		case CD_ATTR_NAME_SUFFIX:
		case CD_ATTR_JOB_TITLE:
		case CD_ATTR_OCCUPATION:
		case CD_ATTR_OTHER:
			standard = folded_value(&folded);
			break;
	}
	if (standard != NULL && standard[0] == '\0')
		standard = NULL;
	if (standard == NULL && *issue == CD_ISSUE_NONE)
		*issue = CD_ISSUE_MALFORMED;
	if (*issue == CD_ISSUE_NONE)
		*issue = encoding;
	return standard;
}
