/*
 * event_match.c
 *		Binding a pattern to the columns of a timeline, so that a condition on
 *		a property becomes a comparison of packed codes.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"

#include "customer_data.h"

#include <unicode/uchar.h>

#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "timeline/event_pattern.h"
#include "timeline/timeline_format.h"
#include "utils/builtins.h"

/* How a bound test looks at a column. */
typedef enum How
{
	TEST_RANGE,					/* low <= code <= high */
	TEST_SET,					/* set[dictionary position] */
	TEST_RAW					/* compare the number itself */
} How;

typedef struct BoundTest
{
	CdColumn	col;
	How			how;
	bool		negate;			/* present, and not so */
	uint64		low;
	uint64		high;
	uint8	   *set;
	int			nset;
	const CdCondition *cond;
} BoundTest;

/* One condition: true when any test is (all must fail for "is absent"). */
typedef struct BoundCondition
{
	bool		absent;
	int			ntests;
	BoundTest  *tests;
} BoundCondition;

typedef struct CdBoundAlternative
{
	int			nconditions;
	BoundCondition *conditions;
} CdBoundAlternative;

/* Read one code point, folded if asked for; steps over damaged bytes one by one. */
static UChar32
next_char(const char **p, const char *end, bool fold)
{
	const unsigned char *s = (const unsigned char *) *p;
	int			len = pg_utf_mblen(s);
	UChar32		c;

	if (len > end - *p)
		len = 1;
	c = len == 1 ? s[0] : (UChar32) utf8_to_unicode(s);
	*p += len;
	return fold ? u_foldCase(c, U_FOLD_CASE_DEFAULT) : c;
}

/* Match a glob: * any characters, ? one, \ takes the next one as it is. */
static bool
glob_match(const char *str, int len, const char *glob, int globlen, bool fold)
{
	const char *s = str;
	const char *send = str + len;
	const char *g = glob;
	const char *gend = glob + globlen;
	const char *star = NULL;
	const char *retry = NULL;

	for (;;)
	{
		bool		same = false;

		if (g < gend && *g == '*')
		{
			star = ++g;
			retry = s;
			continue;
		}
		if (s >= send)
		{
			if (g >= gend)
				return true;
			return false;
		}
		if (g < gend)
		{
			const char *s2 = s;
			const char *g2 = g;

			if (*g == '?')
			{
				g2++;
				(void) next_char(&s2, send, false);
				same = true;
			}
			else
			{
				if (*g2 == '\\' && g2 + 1 < gend)
					g2++;
				same = next_char(&s2, send, fold) == next_char(&g2, gend, fold);
			}
			if (same)
			{
				s = s2;
				g = g2;
				continue;
			}
		}
		if (star == NULL)
			return false;
		CHECK_FOR_INTERRUPTS();
		g = star;
		(void) next_char(&retry, send, false);
		s = retry;
	}
}

/* Whether a whole text is a number. */
static bool
text_number(const char *str, int len, double *number)
{
	char		buf[64];
	char	   *end;
	int			i;

	if (len == 0 || len >= (int) sizeof(buf))
		return false;
	for (i = 0; i < len; i++)
	{
		char		c = str[i];

		if (!((c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || ((c == 'e' || c == 'E') && i > 0)))
			return false;
	}
	memcpy(buf, str, len);
	buf[len] = '\0';
	*number = strtod(buf, &end);
	return *end == '\0' && !isinf(*number);
}

/* Compare as the operator says. */
static bool
holds(CdOp op, int comparison)
{
	switch (op)
	{
		case CD_OP_LT:
			return comparison < 0;
		case CD_OP_LE:
			return comparison <= 0;
		case CD_OP_GT:
			return comparison > 0;
		case CD_OP_GE:
			return comparison >= 0;
		case CD_OP_NE:
		case CD_OP_NOT_IN:
			return comparison != 0;
		default:
			return comparison == 0;
	}
}

/* Whether a text satisfies the condition. */
static bool
text_holds(const CdCondition *cond, const char *str, int len)
{
	const CdLiteral *lit = cond->literals;
	double		number;
	int			i;

	switch (cond->op)
	{
		case CD_OP_EXISTS:
			return true;
		case CD_OP_LIKE:
		case CD_OP_NOT_LIKE:
			return glob_match(str, len, lit->str, lit->len, false) == (cond->op == CD_OP_LIKE);
		case CD_OP_ILIKE:
		case CD_OP_NOT_ILIKE:
			return glob_match(str, len, lit->str, lit->len, true) == (cond->op == CD_OP_ILIKE);
		case CD_OP_IN:
		case CD_OP_NOT_IN:
			for (i = 0; i < cond->nliterals; i++)
				if (cond->literals[i].len == len && memcmp(cond->literals[i].str, str, len) == 0)
					return cond->op == CD_OP_IN;
			return cond->op == CD_OP_NOT_IN;
		case CD_OP_EQ:
		case CD_OP_NE:
			return (lit->len == len && memcmp(lit->str, str, len) == 0) == (cond->op == CD_OP_EQ);
		default:
			/* Numbers among texts are compared with numbers, texts with texts. */
			if (lit->is_number)
				return text_number(str, len, &number) &&
					holds(cond->op, (number > lit->number) - (number < lit->number));
			return holds(cond->op, cd_compare_strings(str, len, lit->str, lit->len));
	}
}

/* Whether a number satisfies the condition. */
static bool
number_holds(const CdCondition *cond, double number, bool is_bool)
{
	const CdLiteral *lit = cond->literals;
	char		buf[DOUBLE_SHORTEST_DECIMAL_LEN];
	int			i;

	switch (cond->op)
	{
		case CD_OP_EXISTS:
			return true;
		case CD_OP_LIKE:
		case CD_OP_NOT_LIKE:
		case CD_OP_ILIKE:
		case CD_OP_NOT_ILIKE:
			if (is_bool)
				return text_holds(cond, number != 0 ? "true" : "false", number != 0 ? 4 : 5);
			return text_holds(cond, buf, double_to_shortest_decimal_bufn(number, buf));
		case CD_OP_EQ:
		case CD_OP_NE:
		case CD_OP_IN:
		case CD_OP_NOT_IN:
			for (i = 0; i < cond->nliterals; i++)
			{
				lit = &cond->literals[i];
				if (is_bool ? strcmp(lit->str, number != 0 ? "true" : "false") == 0 :
					lit->is_number && lit->number == number)
					return cond->op == CD_OP_EQ || cond->op == CD_OP_IN;
			}
			return cond->op == CD_OP_NE || cond->op == CD_OP_NOT_IN;
		default:
			return !is_bool && lit->is_number &&
				holds(cond->op, (number > lit->number) - (number < lit->number));
	}
}

/* Turn a range of integers into one of codes; false when it is empty. */
static bool
code_range(BoundTest *test, __int128 low, __int128 high)
{
	const CdColumn *col = &test->col;
	int			shift = col->nullable ? 1 : 0;
	__int128	most = col->width == 0 ? 0 : (((__int128) 1) << col->width) - 1;

	low = low - col->base + shift;
	high = high - col->base + shift;
	low = Max(low, shift);
	high = Min(high, most);
	if (low > high)
		return false;
	test->how = TEST_RANGE;
	test->low = (uint64) low;
	test->high = (uint64) high;
	return true;
}

/* Smallest integer whose number is at least x (or, if strictly, greater). */
static __int128
scaled_bound(double x, int scale, bool strictly)
{
	double		power = cd_power10[scale];
	double		guess = ceil(x * power);
	int64		k;

	if (guess > 1e17)
		return (__int128) 1 << 100;
	if (guess < -1e17)
		return -((__int128) 1 << 100);
	k = (int64) guess - 2;
	while (strictly ? (double) k / power <= x : (double) k / power < x)
		k++;
	return k;
}

#define LOWEST	(-((__int128) 1 << 110))
#define HIGHEST	((__int128) 1 << 110)

/* Bind a condition to a number column; false when no event can satisfy it. */
static bool
bind_number(BoundTest *test, const CdCondition *cond)
{
	const CdLiteral *lit = cond->literals;
	const CdColumn *col = &test->col;

	test->how = TEST_RAW;
	if (cond->op == CD_OP_EXISTS && !col->raw)
		return code_range(test, LOWEST, HIGHEST);
	if (col->raw || cond->nliterals != 1 || cond->op >= CD_OP_LIKE)
		return true;
	if (!lit->is_number)
		return cond->op == CD_OP_NE || cond->op == CD_OP_NOT_IN;
	switch (cond->op)
	{
		case CD_OP_EQ:
		case CD_OP_IN:
			return code_range(test, scaled_bound(lit->number, col->scale, false),
							  scaled_bound(lit->number, col->scale, true) - 1);
		case CD_OP_NE:
		case CD_OP_NOT_IN:
			test->negate = code_range(test, scaled_bound(lit->number, col->scale, false),
									  scaled_bound(lit->number, col->scale, true) - 1);
			return test->negate || code_range(test, LOWEST, HIGHEST);
		case CD_OP_LT:
			return code_range(test, LOWEST, scaled_bound(lit->number, col->scale, false) - 1);
		case CD_OP_LE:
			return code_range(test, LOWEST, scaled_bound(lit->number, col->scale, true) - 1);
		case CD_OP_GT:
			return code_range(test, scaled_bound(lit->number, col->scale, true), HIGHEST);
		default:
			return code_range(test, scaled_bound(lit->number, col->scale, false), HIGHEST);
	}
}

/* A glob that is a plain prefix: answers its length, -1 otherwise. */
static int
plain_prefix(const CdLiteral *lit)
{
	int			i;

	if (lit->len == 0 || lit->str[lit->len - 1] != '*')
		return -1;
	for (i = 0; i < lit->len - 1; i++)
		if (lit->str[i] == '*' || lit->str[i] == '?' || lit->str[i] == '\\')
			return -1;
	return lit->len - 1;
}

/* Bind a condition to a text column; false when no event can satisfy it. */
static bool
bind_text(BoundTest *test, const CdCondition *cond, const CdTimeline *tl)
{
	const CdLiteral *lit = cond->literals;
	CdDict		dict;
	CdDictCursor cursor;
	const char *str;
	int			len,
				low,
				high,
				i,
				any = 0;
	bool		found;

	if (cond->op == CD_OP_EXISTS)
		return code_range(test, LOWEST, HIGHEST);
	cd_dict_open(tl, test->col.which, &dict);
	if (cond->op == CD_OP_EQ || cond->op == CD_OP_NE ||
		((cond->op == CD_OP_IN || cond->op == CD_OP_NOT_IN) && cond->nliterals == 1))
	{
		bool		equal = cond->op == CD_OP_EQ || cond->op == CD_OP_IN;

		low = cd_dict_find(&dict, lit->str, lit->len, &found);
		if (found && code_range(test, low, low))
		{
			test->negate = !equal;
			return true;
		}
		return !equal && code_range(test, LOWEST, HIGHEST);
	}
	if (cond->op == CD_OP_LIKE && (len = plain_prefix(lit)) >= 0)
	{
		char	   *after = palloc(len + 1);

		/* No text holds the byte 0xff, so this sorts after all with the prefix. */
		memcpy(after, lit->str, len);
		after[len] = (char) 0xff;
		low = cd_dict_find(&dict, after, len, &found);
		high = cd_dict_find(&dict, after, len + 1, &found);
		pfree(after);
		return code_range(test, low, (__int128) high - 1);
	}

	test->how = TEST_SET;
	test->set = palloc0(Max(dict.n, 1));
	test->nset = dict.n;
	if ((cond->op == CD_OP_IN || cond->op == CD_OP_NOT_IN) && cond->nliterals <= dict.n / 4)
	{
		/* A few texts are looked up. */
		memset(test->set, cond->op == CD_OP_NOT_IN, dict.n);
		for (i = 0; i < cond->nliterals; i++)
		{
			low = cd_dict_find(&dict, cond->literals[i].str, cond->literals[i].len, &found);
			if (found)
				test->set[low] = cond->op == CD_OP_IN;
			any |= found;
		}
		return any != 0 || cond->op == CD_OP_NOT_IN;
	}

	/* Ask each text of the dictionary once. */
	cd_dict_seek(&dict, 0, &cursor);
	while (cd_dict_next(&cursor, &str, &len))
	{
		CHECK_FOR_INTERRUPTS();
		test->set[cursor.i - 1] = text_holds(cond, str, len) ? 1 : 0;
		any |= test->set[cursor.i - 1];
	}
	if (cursor.buf != NULL)
		pfree(cursor.buf);
	return any != 0;
}

/* Bind one condition to the columns of a kind; false when nothing can satisfy it. */
static bool
bind_condition(BoundCondition *bound, const CdCondition *cond, const CdKind *kind)
{
	int			which = cond->field;
	CdColumnScan scan;
	CdColumn	col;
	CdCondition exists;

	bound->absent = cond->op == CD_OP_ABSENT;
	bound->ntests = 0;
	bound->tests = NULL;
	if (bound->absent)
	{
		exists = *cond;
		exists.op = CD_OP_EXISTS;
	}
	if (which == CD_COL_PROPERTY)
	{
		which = cd_timeline_find_property(kind->tl, cond->name, cond->namelen);
		if (which < 0)
			return bound->absent;
		which += CD_COL_PROPERTY;
	}
	cd_kind_columns(kind, &scan);
	while (cd_kind_next_column(kind, &scan, &col))
	{
		BoundTest	test = {0};
		const CdCondition *c = bound->absent ? &exists : cond;
		bool		possible;

		test.col = col;
		if (test.col.which > which)
			break;
		if (test.col.which != which)
			continue;
		test.cond = cond;
		switch (test.col.type)
		{
			case CD_TYPE_NUMBER:
				possible = bind_number(&test, c);
				break;
			case CD_TYPE_BOOL:
				test.how = TEST_RAW;
				possible = true;
				break;
			default:
				possible = bind_text(&test, c, kind->tl);
				break;
		}
		if (!possible)
			continue;
		bound->tests = bound->tests == NULL ? palloc(sizeof(BoundTest)) :
			repalloc(bound->tests, (bound->ntests + 1) * sizeof(BoundTest));
		bound->tests[bound->ntests++] = test;
	}
	return bound->absent || bound->ntests > 0;
}

/* Whether a kind's name is meant by an alternative. */
static inline bool
name_meant(const CdAlternative *alt, const CdKind *kind)
{
	return (alt->prefix ? kind->namelen >= alt->name.len : kind->namelen == alt->name.len) &&
		memcmp(kind->name, alt->name.str, alt->name.len) == 0;
}

/* Bind to one kind; false when no event of it can match. */
bool
cd_pattern_bind_kind(const CdPattern *pattern, const CdKind *kind, CdMatcher *matcher)
{
	int			i,
				c;

	matcher->kind = *kind;
	matcher->from = 0;
	matcher->to = kind->n;
	matcher->all = false;
	matcher->nalternatives = 0;
	matcher->alternatives = NULL;
	for (i = 0; i < pattern->n; i++)
	{
		const CdAlternative *alt = &pattern->alternatives[i];
		CdBoundAlternative *bound;

		if (!name_meant(alt, kind))
			continue;
		if (alt->nconditions == 0)
		{
			matcher->all = true;
			return true;
		}
		if (matcher->alternatives == NULL)
			matcher->alternatives = palloc(pattern->n * sizeof(CdBoundAlternative));
		bound = &matcher->alternatives[matcher->nalternatives];
		bound->nconditions = alt->nconditions;
		bound->conditions = palloc(alt->nconditions * sizeof(BoundCondition));
		for (c = 0; c < alt->nconditions; c++)
			if (!bind_condition(&bound->conditions[c], &alt->conditions[c], kind))
				break;
		if (c == alt->nconditions)
			matcher->nalternatives++;
	}
	return matcher->nalternatives > 0;
}

/* Bind a pattern to a kind within since <= at < until; false when nothing can match. */
static inline bool
bind_range(const CdPattern *pattern, const CdKind *kind, TimestampTz since, TimestampTz until, CdMatcher *matcher)
{
	int			from = since == DT_NOBEGIN ? 0 : cd_kind_lower_bound(kind, since);
	int			to = until == DT_NOEND ? kind->n : cd_kind_lower_bound(kind, until);

	if (from >= to || !cd_pattern_bind_kind(pattern, kind, matcher))
		return false;
	matcher->from = from;
	matcher->to = to;
	return true;
}

/* Bind a pattern to all kinds that can match within since <= at < until. */
int
cd_pattern_bind(const CdPattern *pattern, const CdTimeline *tl,
				TimestampTz since, TimestampTz until,
				CdMatcher *few, CdMatcher **matchers)
{
	CdKind		kind;
	CdKindScan	scan;
	const CdTimeline *part;
	int			most = 0;
	int			n = 0;
	bool		single = pattern->n == 1 && !pattern->alternatives[0].prefix;

	*matchers = few;
	if (tl->nevents == 0)
		return 0;
	for (part = tl; part != NULL; part = part->next)
		most += single ? 1 : part->nkinds;
	if (most > CD_FEW)
		*matchers = palloc(most * sizeof(CdMatcher));
	for (part = tl; part != NULL; part = part->next)
	{
		if (single)
		{
			if (cd_timeline_find_kind(part, &pattern->alternatives[0].name, &kind) &&
				bind_range(pattern, &kind, since, until, &(*matchers)[n]))
				n++;
			continue;
		}
		cd_kind_scan_begin(part, &scan);
		while (cd_kind_scan_next(part, &scan, &kind))
			if (bind_range(pattern, &kind, since, until, &(*matchers)[n]))
				n++;
	}
	return n;
}

/* Whether one test holds for an event. */
static inline bool
test_holds(const BoundTest *test, int i)
{
	uint64		code;
	double		number;

	switch (test->how)
	{
		case TEST_RANGE:
			code = cd_column_code(&test->col, i);
			if (test->negate)
				return !(test->col.nullable && code == 0) && (code < test->low || code > test->high);
			return code >= test->low && code <= test->high;
		case TEST_SET:
			code = cd_column_code(&test->col, i);
			if (test->col.nullable)
			{
				if (code == 0)
					return false;
				code--;
			}
			code += (uint64) test->col.base;
			return code < (uint64) test->nset && test->set[code] != 0;
		default:
			if (!cd_column_number(&test->col, i, &number))
				return false;
			return test->cond->op == CD_OP_ABSENT ||
				number_holds(test->cond, number, test->col.type == CD_TYPE_BOOL);
	}
}

/* Whether the event at a position matches, conditions looked at. */
bool
cd_matcher_test_slow(const CdMatcher *matcher, int i)
{
	int			a,
				c,
				t;

	for (a = 0; a < matcher->nalternatives; a++)
	{
		const CdBoundAlternative *alt = &matcher->alternatives[a];

		for (c = 0; c < alt->nconditions; c++)
		{
			const BoundCondition *cond = &alt->conditions[c];

			for (t = 0; t < cond->ntests; t++)
				if (test_holds(&cond->tests[t], i))
					break;
			if ((t < cond->ntests) == cond->absent)
				break;
		}
		if (c == alt->nconditions)
			return true;
	}
	return false;
}

/* How many events in the range match. */
int
cd_matcher_count(const CdMatcher *matcher)
{
	const BoundTest *test;
	int			i,
				n = 0;

	if (matcher->all)
		return matcher->to - matcher->from;

	/* One range on one column, the usual case, in a loop of its own. */
	test = matcher->alternatives[0].conditions[0].tests;
	if (matcher->nalternatives == 1 && matcher->alternatives[0].nconditions == 1 &&
		matcher->alternatives[0].conditions[0].ntests == 1 && test->how == TEST_RANGE && !test->negate &&
		!matcher->alternatives[0].conditions[0].absent && test->col.width <= 56)
	{
		const uint8 *data = test->col.data;
		uint64		low = test->low;
		uint64		span = test->high - test->low;
		uint64		mask = (UINT64CONST(1) << test->col.width) - 1;
		int			width = test->col.width;
		uint64		bit = (uint64) matcher->from * width;

		for (i = matcher->from; i < matcher->to; i++, bit += width)
			n += ((cd_load64(data + (bit >> 3)) >> (bit & 7)) & mask) - low <= span;
		return n;
	}
	for (i = matcher->from; i < matcher->to; i++)
		n += cd_matcher_test_slow(matcher, i) ? 1 : 0;
	return n;
}

/* First matching position in [from, to), -1 when none. */
int
cd_matcher_first(const CdMatcher *matcher, int from, int to)
{
	int			i;

	for (i = from; i < to; i++)
		if (cd_matcher_test(matcher, i))
			return i;
	return -1;
}

/* Last matching position in [from, to), -1 when none. */
int
cd_matcher_last(const CdMatcher *matcher, int from, int to)
{
	int			i;

	for (i = to - 1; i >= from; i--)
		if (cd_matcher_test(matcher, i))
			return i;
	return -1;
}
