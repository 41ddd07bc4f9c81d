/*
 * dates.c
 *		Dates and moments as people and systems write them, to ISO 8601.
 */
#include "postgres.h"

#include "text/standard.h"

#include "utils/datetime.h"

/* A part of a written date. */
typedef struct Part
{
	int			value;
	int			digits;			/* 0 for a month given by name */
	uint32		after;			/* the mark behind it: - / . 年 月 ... */
} Part;

typedef struct Parsed
{
	int			year;
	int			month;			/* 0 if not given */
	int			day;			/* 0 if not given */
	bool		ambiguous;
	int			rest;			/* where the date ends in the text */
} Parsed;

/* Month names by their first letters, folded, in languages of Latin script. */
static const struct
{
	const char *prefix;
	int			month;
}			month_names[] =
{
	{"jan", 1}, {"ene", 1}, {"gen", 1}, {"feb", 2}, {"fev", 2}, {"mar", 3}, {"maa", 3}, {"mrt", 3},
	{"mrz", 3}, {"maerz", 3}, {"apr", 4}, {"avr", 4}, {"abr", 4}, {"may", 5}, {"mai", 5}, {"mei", 5}, {"mag", 5},
	{"maj", 5}, {"juin", 6}, {"jun", 6}, {"giu", 6}, {"juil", 7}, {"jul", 7}, {"lug", 7}, {"aug", 8}, {"aou", 8},
	{"ago", 8}, {"sep", 9}, {"set", 9}, {"oct", 10}, {"okt", 10}, {"out", 10}, {"ott", 10}, {"nov", 11}, {"dec", 12},
	{"dez", 12}, {"dic", 12}, {"des", 12},
};

static int
month_of(const uint32 *cp, int len)
{
	int			i;

	for (i = 0; i < (int) lengthof(month_names); i++)
	{
		int			n = strlen(month_names[i].prefix);

		if (len >= n && cd_equals_ascii(cp, n, month_names[i].prefix))
			return month_names[i].month;
	}
	/* May in a language whose name is two letters long is not worth the risk */
	return 0;
}

static bool
is_leap(int y)
{
	return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
}

static bool
real_day(int y, int m, int d)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return m >= 1 && m <= 12 && d >= 1 && d <= days[m - 1] + (m == 2 && is_leap(y));
}

/* Is month before day the custom of the region? */
static bool
month_first(const char *region)
{
	static const char *const regions[] = {"US", "PH", "FM", "PW", "MH", "GU", "PR", "AS", "MP", "VI", "BZ"};
	int			i;

	for (i = 0; i < (int) lengthof(regions); i++)
		if (strcmp(region, regions[i]) == 0)
			return true;
	return false;
}

/* Two digits of a year: up to 29 this century. */
static int
full_year(const Part *p)
{
	if (p->digits > 2)
	{
		/* the Buddhist calendar of Thailand */
		return p->value >= 2400 && p->value < 2700 ? p->value - 543 : p->value;
	}
	return p->value + (p->value <= 29 ? 2000 : 1900);
}

/* First year of an era named before the year, minus one; 0 if none is named. */
static int
era_of(const CdText *t, int *at)
{
	static const struct
	{
		const char *name;
		int			offset;
	}			eras[] = {{"民国", 1911}, {"明治", 1867}, {"大正", 1911}, {"昭和", 1925},
	{"平成", 1988}, {"令和", 2018}};
	int			i;

	if (*at >= t->len || !cd_is_han(t->cp[*at]))
		return 0;
	for (i = 0; i < (int) lengthof(eras); i++)
	{
		uint32		cp[4];
		CdText		name;

		cd_text_fold(&name, eras[i].name, strlen(eras[i].name));
		memcpy(cp, name.cp, sizeof(uint32) * 2);
		pfree(name.cp);
		if (*at + 2 <= t->len && t->cp[*at] == cp[0] && t->cp[*at + 1] == cp[1])
		{
			*at += 2;
			/* the first year is written with a word */
			if (*at < t->len && t->cp[*at] == 0x5143)
				t->cp[*at] = '1';
			return eras[i].offset;
		}
	}
	return 0;
}

/* A weekday, or a word that says that a birthday follows. */
static bool
before_date(const uint32 *cp, int n)
{
	static const char *const word[] = {
		"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
		"mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun",
		"montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonnabend", "sonntag",
		"mo", "di", "mi", "do", "fr", "sa", "so",
		"lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche",
		"lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo",
		"lunedi", "martedi", "mercoledi", "giovedi", "venerdi", "sabato", "domenica",
		"maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag",
		"geb", "geboren", "born", "dob", "ne", "nee", "nato", "nata", "nacido", "nacida",
	};

	for (int i = 0; i < (int) lengthof(word); i++)
		if (cd_equals_ascii(cp, n, word[i]))
			return true;
	return false;
}

/* Break a folded text into up to three parts and see which is which. */
static bool
parse_date(const CdText *t, const char *region, Parsed *out)
{
	Part		part[3];
	int			count = 0;
	int			at = 0;
	int			named = -1;
	int			era;
	int			y;
	int			m;
	int			d;

	memset(out, 0, sizeof(*out));
	memset(part, 0, sizeof(part));
	while (at < t->len && cd_class(t->cp[at]) == CD_CHAR_SPACE)
		at++;
	era = era_of(t, &at);
	/* S50.12.24, as Japanese forms have it */
	if (era == 0 && strcmp(region, "JP") == 0 && at + 1 < t->len && t->cp[at + 1] >= '0' && t->cp[at + 1] <= '9')
	{
		era = t->cp[at] == 'm' ? 1867 : t->cp[at] == 't' ? 1911 : t->cp[at] == 's' ? 1925 :
			t->cp[at] == 'h' ? 1988 : t->cp[at] == 'r' ? 2018 : 0;
		at += era != 0;
	}
	while (at < t->len && count < 3)
	{
		uint32		c = t->cp[at];

		if (c >= '0' && c <= '9')
		{
			int			from = at;
			int			value = 0;

			while (at < t->len && t->cp[at] >= '0' && t->cp[at] <= '9')
			{
				if (at - from >= 8)
					return false;
				value = value * 10 + (t->cp[at++] - '0');
			}
			if (count == 0 && at - from == 8 && era == 0)
			{
				/* yyyymmdd, or ddmmyyyy */
				out->rest = at;
				out->year = value / 10000;
				out->month = value / 100 % 100;
				out->day = value % 100;
				if ((out->year < 1000 || !real_day(out->year, out->month, out->day)) &&
					value % 10000 >= 1800 && value % 10000 <= 2100)
				{
					int			first = value / 1000000;
					int			second = value / 10000 % 100;
					bool		us = month_first(region);

					out->year = value % 10000;
					out->month = us ? first : second;
					out->day = us ? second : first;
				}
				return true;
			}
			if (at - from > 4)
				return false;
			part[count].value = value;
			part[count].digits = at - from;
			/* 1st, 2nd, 3rd, 4th, 1er */
			if (at + 1 < t->len && (cd_equals_ascii(t->cp + at, 2, "st") || cd_equals_ascii(t->cp + at, 2, "nd") ||
									cd_equals_ascii(t->cp + at, 2, "rd") || cd_equals_ascii(t->cp + at, 2, "th") ||
									cd_equals_ascii(t->cp + at, 2, "er")))
				at += 2;
			/* 1º, 1° */
			else if (at < t->len && (t->cp[at] == 0xB0 ||
									 (t->cp[at] == 'o' && !(at + 1 < t->len && cd_class(t->cp[at + 1]) == CD_CHAR_LETTER))))
				at++;
			part[count].after = at < t->len ? t->cp[at] : 0;
			count++;
			/* a time may follow the third part */
			if (count == 3)
			{
				out->rest = at;
				/* 年 月 日, 년 월 일 */
				if (at < t->len && (t->cp[at] == 0x65E5 || t->cp[at] == 0x53F7 || t->cp[at] == 0xC77C))
					out->rest++;
			}
		}
		else if (cd_class(c) == CD_CHAR_LETTER && cd_script(c) == CD_SCRIPT_LATIN)
		{
			int			from = at;
			int			month;

			while (at < t->len && cd_class(t->cp[at]) == CD_CHAR_LETTER)
				at++;
			month = month_of(t->cp + from, at - from);
			if (month == 0)
			{
				if (count == 0 && before_date(t->cp + from, at - from))
					continue;
				/* small words: 5 de enero de 1980, the 5th of May */
				if (at - from <= 3 && (cd_equals_ascii(t->cp + from, at - from, "de") ||
									   cd_equals_ascii(t->cp + from, at - from, "del") ||
									   cd_equals_ascii(t->cp + from, at - from, "of") ||
									   cd_equals_ascii(t->cp + from, at - from, "the")))
					continue;
				return false;
			}
			if (named >= 0)
				return false;
			named = count;
			part[count].value = month;
			part[count].digits = 0;
			count++;
			if (count == 3)
				out->rest = at;
		}
		else if (c == '-' || c == '/' || c == '.' || c == ',' || c == '\\' ||
				 c == 0x5E74 || c == 0x6708 || c == 0xB144 || c == 0xC6D4 || cd_class(c) == CD_CHAR_SPACE ||
				 c == '\'' || cd_class(c) == CD_CHAR_HYPHEN)
			at++;
		else
			return false;
	}
	if (count < 3)
		out->rest = at;
	if (count == 0)
		return false;

	if (count == 1)
	{
		if (named == 0 || (part[0].digits != 4 && era == 0))
			return false;
		out->year = era ? part[0].value + era : full_year(&part[0]);
		return true;
	}
	if (count == 2)
	{
		int			iy = part[0].digits > 2 || (era && part[0].digits) ? 0 : 1;

		/* a year and a month; a day and a month without a year say too little */
		if (part[iy].digits <= 2 && era == 0)
			return false;
		out->year = era ? part[iy].value + era : full_year(&part[iy]);
		out->month = part[1 - iy].value;
		return true;
	}

	if (era)
	{
		out->year = part[0].value + era;
		out->month = part[1].value;
		out->day = part[2].value;
		return true;
	}
	if (named >= 0)
	{
		int			a = named == 0 ? 1 : 0;
		int			b = named == 2 ? 1 : 2;

		out->month = part[named].value;
		if (part[a].digits > 2)
		{
			out->year = full_year(&part[a]);
			out->day = part[b].value;
		}
		else
		{
			out->day = part[a].value;
			out->year = full_year(&part[b]);
		}
		return true;
	}
	if (part[0].digits > 2 || part[0].after == 0x5E74 || part[0].after == 0xB144)
	{
		/* year first; year, day, month only where nothing else is possible */
		out->year = full_year(&part[0]);
		out->month = part[1].value;
		out->day = part[2].value;
		if (out->month > 12 && out->day <= 12 && part[0].after != 0x5E74 && part[0].after != 0xB144)
		{
			out->month = part[2].value;
			out->day = part[1].value;
			out->ambiguous = true;
		}
		return true;
	}
	if (part[2].digits <= 2 && (strcmp(region, "CN") == 0 || strcmp(region, "JP") == 0 ||
								strcmp(region, "KR") == 0 || strcmp(region, "HU") == 0))
	{
		out->year = full_year(&part[0]);
		out->month = part[1].value;
		out->day = part[2].value;
		return true;
	}
	if (part[2].digits <= 2 && strcmp(region, "TW") == 0)
	{
		out->year = part[0].value + 1911;
		out->month = part[1].value;
		out->day = part[2].value;
		return true;
	}
	y = full_year(&part[2]);
	d = part[0].value;
	m = part[1].value;
	if (m > 12 || (month_first(region) && part[0].value <= 12))
	{
		d = part[1].value;
		m = part[0].value;
	}
	out->year = y;
	out->month = m;
	out->day = d;
	out->ambiguous = region[0] == '\0' && part[0].after != '.' && d <= 12 && m <= 12 && d != m;
	return true;
}

/* What is to be said about a date that exists. */
static CdIssue
judge(const Parsed *p, bool birth, int32 today)
{
	static const int defaults[][3] = {{1900, 1, 1}, {1970, 1, 1}, {1899, 12, 30}, {1899, 12, 31},
	{1901, 1, 1}, {1, 1, 1}, {1800, 1, 1}, {1753, 1, 1}, {1000, 1, 1}, {9999, 12, 31}, {2099, 12, 31},
	{1111, 11, 11}, {1969, 12, 31}, {1980, 1, 1}, {2000, 1, 1}};

	/* the last two are common birthdays, too: only a register of moments may doubt them */
	int			n = lengthof(defaults) - 2;
	int			i;

	for (i = 0; i < n; i++)
		if (p->year == defaults[i][0] && p->month == defaults[i][1] && p->day == defaults[i][2])
			return CD_ISSUE_DEFAULT_DATE;
	if (p->year < 1000 || p->year > 2200)
		return CD_ISSUE_IMPOSSIBLE_DATE;
	if (today != PG_INT32_MAX &&
		date2j(p->year, Max(p->month, 1), Max(p->day, 1)) - POSTGRES_EPOCH_JDATE > today)
		return CD_ISSUE_FUTURE_DATE;
	if (birth && p->year < 1900)
		return CD_ISSUE_IMPLAUSIBLE_DATE;
	if (p->day == 0)
		return CD_ISSUE_PARTIAL_DATE;
	if (p->ambiguous)
		return CD_ISSUE_AMBIGUOUS_DATE;
	return CD_ISSUE_NONE;
}

/* Read the date at the head of a text; NULL and an issue if there is none. */
static char *
read_date(const CdText *t, const char *region, bool birth, int32 today, Parsed *p, CdIssue *issue)
{
	int			zeros = 0;
	int			digits = 0;
	int			i;

	for (i = 0; i < t->len; i++)
	{
		digits += t->cp[i] >= '0' && t->cp[i] <= '9';
		zeros += t->cp[i] == '0';
	}
	if (digits >= 3 && zeros == digits)
	{
		*issue = CD_ISSUE_PLACEHOLDER;
		return NULL;
	}
	if (!parse_date(t, region, p))
	{
		*issue = CD_ISSUE_MALFORMED;
		return NULL;
	}
	if (p->year < 1 || (p->day > 0 && !real_day(p->year, p->month, p->day)) || p->month > 12)
	{
		/* a day or month of 00 means it is not known */
		if (p->year >= 1000 && p->year <= 2200 && p->month <= 12 && p->day == 0)
			;
		else if (p->year >= 1000 && p->year <= 2200 && p->month == 0 && p->day <= 31)
			p->day = 0;
		else
		{
			*issue = CD_ISSUE_IMPOSSIBLE_DATE;
			return NULL;
		}
	}
	*issue = judge(p, birth, today);
	if (*issue == CD_ISSUE_DEFAULT_DATE || *issue == CD_ISSUE_IMPOSSIBLE_DATE)
		return NULL;
	if (p->day > 0)
		return psprintf("%04d-%02d-%02d", p->year, p->month, p->day);
	if (p->month > 0)
		return psprintf("%04d-%02d", p->year, p->month);
	return psprintf("%04d", p->year);
}

/* Fold, and write Chinese numerals as digits. */
static void
fold_date(CdText *t, const char *s, int bytes)
{
	int			i;

	cd_text_fold(t, s, bytes);
	for (i = 0; i < t->len; i++)
		if (cd_is_han(t->cp[i]))
		{
			cd_han_numerals(t, true);
			return;
		}
}

char *
cd_standard_date(const char *s, int bytes, const char *region, bool birth, int32 today,
				 CdIssue *issue)
{
	CdText		t;
	Parsed		p;

	*issue = CD_ISSUE_NONE;
	if (bytes > 200)
	{
		*issue = CD_ISSUE_MALFORMED;
		return NULL;
	}
	fold_date(&t, s, bytes);
	return read_date(&t, region, birth, today, &p, issue);
}

/* Two digits at a place, or -1. */
static int
two_digits(const CdText *t, int at)
{
	if (at + 2 > t->len || t->cp[at] < '0' || t->cp[at] > '9' || t->cp[at + 1] < '0' || t->cp[at + 1] > '9')
		return -1;
	return (t->cp[at] - '0') * 10 + (t->cp[at + 1] - '0');
}

/*
 * A moment: a date, and a time of day and an offset if they follow.  Seconds
 * and milliseconds since 1970 are known by their ten and thirteen digits.  The
 * offset is kept: without one the reader's time zone decides.
 */
char *
cd_standard_moment(const char *s, int bytes, const char *region, int32 today, CdIssue *issue)
{
	CdText		t;
	Parsed		p;
	char	   *date;
	int			at;
	int			hour;
	int			minute;
	int			second = 0;
	char		fraction[8] = "";
	char		zone[8] = "";
	int			i;

	*issue = CD_ISSUE_NONE;
	if (bytes > 200)
	{
		*issue = CD_ISSUE_MALFORMED;
		return NULL;
	}
	fold_date(&t, s, bytes);
	while (t.len > 0 && cd_class(t.cp[t.len - 1]) == CD_CHAR_SPACE)
		t.len--;
	for (i = 0; i < t.len && t.cp[i] >= '0' && t.cp[i] <= '9'; i++)
		;
	if (i == t.len && (t.len == 10 || t.len == 13))
	{
		int64		seconds = 0;
		int			y;
		int			m;
		int			d;
		int32		day;

		for (i = 0; i < 10; i++)
			seconds = seconds * 10 + (t.cp[i] - '0');
		day = (int32) (seconds / 86400);
		j2date(day + UNIX_EPOCH_JDATE, &y, &m, &d);
		if (today != PG_INT32_MAX && day + UNIX_EPOCH_JDATE - POSTGRES_EPOCH_JDATE > today)
			*issue = CD_ISSUE_FUTURE_DATE;
		return psprintf("%04d-%02d-%02d %02d:%02d:%02d+00", y, m, d, (int) (seconds / 3600 % 24),
						(int) (seconds / 60 % 60), (int) (seconds % 60));
	}
	date = read_date(&t, region, false, today, &p, issue);
	if (date == NULL || p.day == 0)
		return date;
	at = p.rest;
	while (at < t.len && (cd_class(t.cp[at]) == CD_CHAR_SPACE || t.cp[at] == 't' || t.cp[at] == ','))
		at++;
	if (at >= t.len)
		return date;
	hour = two_digits(&t, at);
	if (hour >= 0)
		at += 2;
	else if (t.cp[at] >= '0' && t.cp[at] <= '9')
		hour = t.cp[at++] - '0';
	if (hour < 0 || at >= t.len || (t.cp[at] != ':' && t.cp[at] != '.' && t.cp[at] != 0x65F6))
		return date;
	minute = two_digits(&t, ++at);
	at += 2;
	if (minute < 0)
		return date;
	if (at < t.len && (t.cp[at] == ':' || t.cp[at] == '.'))
	{
		second = two_digits(&t, at + 1);
		if (second < 0)
			second = 0;
		else
			at += 3;
	}
	if (at < t.len && t.cp[at] == '.')
	{
		int			n = 0;

		fraction[n++] = '.';
		for (at++; at < t.len && t.cp[at] >= '0' && t.cp[at] <= '9'; at++)
			if (n < 7)
				fraction[n++] = t.cp[at];
		fraction[n] = '\0';
		if (n == 1)
			fraction[0] = '\0';
	}
	while (at < t.len && cd_class(t.cp[at]) == CD_CHAR_SPACE)
		at++;
	if (at + 1 < t.len && (t.cp[at] == 'p' || t.cp[at] == 'a') && t.cp[at + 1] == 'm')
	{
		hour = hour % 12 + (t.cp[at] == 'p' ? 12 : 0);
		at += 2;
		while (at < t.len && cd_class(t.cp[at]) == CD_CHAR_SPACE)
			at++;
	}
	if (hour > 24 || minute > 59 || second > 60 || (hour == 24 && (minute > 0 || second > 0)))
	{
		*issue = CD_ISSUE_IMPOSSIBLE_DATE;
		return NULL;
	}
	if (at < t.len)
	{
		if (t.cp[at] == 'z' || (t.len - at >= 3 && (cd_equals_ascii(t.cp + at, 3, "utc") || cd_equals_ascii(t.cp + at, 3, "gmt"))))
			strcpy(zone, "+00");
		else if ((t.cp[at] == '+' || t.cp[at] == '-') && two_digits(&t, at + 1) >= 0)
		{
			int			h = two_digits(&t, at + 1);
			int			m = two_digits(&t, at + 3 + (at + 3 < t.len && t.cp[at + 3] == ':'));

			if (h <= 15)
				snprintf(zone, sizeof(zone), m > 0 && m < 60 ? "%c%02d:%02d" : "%c%02d", (char) t.cp[at], h, m);
		}
	}
	return psprintf("%s %02d:%02d:%02d%s%s", date, hour, minute, second, fraction, zone);
}
