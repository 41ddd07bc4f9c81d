/*
 * bank.c
 *		Many decayed sums over one timeline in one walk.
 *
 * Fifty tags that each ask for the decayed sum of another category would open
 * a timeline, bind a pattern and compute powers fifty times.  The bank reads
 * each dictionary once, finds for each of its texts the sums that want it, and
 * computes each event's weight once per half-life.
 *
 * It takes patterns of one alternative, or of several for different kinds,
 * with no condition or one of the form property = text or property in (...).
 * Other patterns are left to decayed_sum().
 */
#include "postgres.h"

#include "portrait/bank.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "port/pg_bswap.h"
#include "portrait/behaviour.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* A sum that wants events of some kinds, with a text of a property or without. */
typedef struct Want
{
	int			sum;
	int			selector;
	int			half_life;
} Want;

typedef struct Literal
{
	const char *str;
	int			len;
	uint64		key;			/* its first bytes as a number that sorts as they do */
	Want	   *wants;
	int			nwants;
} Literal;

typedef struct Property
{
	const char *name;
	int			len;
	Literal    *literals;		/* sorted */
	int			nliterals;
} Property;

/* One call, and the pattern to fall back to. */
typedef struct Sum
{
	FuncExpr   *call;
	const CdPattern *pattern;
	int			half_life;
} Sum;

struct CdBank
{
	MemoryContext context;
	AttrNumber	events;
	AttrNumber	first;
	Oid			decayed_sum;
	Sum		   *sums;
	int			nsums;
	int64	   *half_lives;
	int			nhalf_lives;
	const CdAlternative **selectors;	/* names of kinds that patterns mean */
	int			nselectors;
	Want	   *plain;			/* without a condition */
	int			nplain;
	Property   *properties;
	int			nproperties;
};

CdBank *
cd_bank_create(AttrNumber events, AttrNumber first)
{
	CdBank	   *bank = palloc0(sizeof(CdBank));

	bank->context = CurrentMemoryContext;
	bank->events = events;
	bank->first = first;
	return bank;
}

int
cd_bank_size(const CdBank *bank)
{
	return bank->nsums;
}

/* Room for one more in an array */
#define GROW(array, count) \
	((array) == NULL ? palloc0(sizeof(*(array))) : repalloc((array), ((count) + 1) * sizeof(*(array))))

/* Can the bank count the events of a pattern, none twice? */
static bool
is_countable(const CdPattern *pattern)
{
	int			i,
				j;

	for (i = 0; i < pattern->n; i++)
	{
		const CdAlternative *a = &pattern->alternatives[i];

		if (a->nconditions > 1 ||
			(a->nconditions == 1 && (a->conditions[0].field != CD_COL_PROPERTY ||
									 (a->conditions[0].op != CD_OP_EQ && a->conditions[0].op != CD_OP_IN))))
			return false;
		if (pattern->n > 1 && a->prefix)
			return false;
		for (j = 0; j < i; j++)
		{
			if (a->name.len == pattern->alternatives[j].name.len &&
				memcmp(a->name.str, pattern->alternatives[j].name.str, a->name.len) == 0)
				return false;
		}
	}
	return true;
}

static int
find_selector(CdBank *bank, const CdAlternative *alternative)
{
	int			i;

	for (i = 0; i < bank->nselectors; i++)
	{
		const CdAlternative *have = bank->selectors[i];

		if (have->prefix == alternative->prefix && have->name.len == alternative->name.len &&
			memcmp(have->name.str, alternative->name.str, have->name.len) == 0)
			return i;
	}
	bank->selectors = GROW(bank->selectors, bank->nselectors);
	bank->selectors[bank->nselectors] = alternative;
	return bank->nselectors++;
}

static int
find_half_life(CdBank *bank, int64 seconds)
{
	int			i;

	for (i = 0; i < bank->nhalf_lives; i++)
	{
		if (bank->half_lives[i] == seconds)
			return i;
	}
	bank->half_lives = GROW(bank->half_lives, bank->nhalf_lives);
	bank->half_lives[bank->nhalf_lives] = seconds;
	return bank->nhalf_lives++;
}

static Property *
find_property(CdBank *bank, const CdCondition *condition)
{
	int			i;

	for (i = 0; i < bank->nproperties; i++)
	{
		if (bank->properties[i].len == condition->namelen &&
			memcmp(bank->properties[i].name, condition->name, condition->namelen) == 0)
			return &bank->properties[i];
	}
	bank->properties = GROW(bank->properties, bank->nproperties);
	bank->properties[bank->nproperties] = (Property) {condition->name, condition->namelen, NULL, 0};
	return &bank->properties[bank->nproperties++];
}

/* The first bytes of a text as a number that sorts as they do */
static inline uint64
sort_key(const char *str, int len)
{
	uint64		key = 0;

	memcpy(&key, str, Min(len, (int) sizeof(key)));
	return pg_ntoh64(key);
}

static inline int
compare_literal(const Literal *literal, uint64 key, const char *str, int len)
{
	int			order;

	if (literal->key != key)
		return literal->key < key ? -1 : 1;
	order = memcmp(literal->str, str, Min(literal->len, len));
	return order != 0 ? order : literal->len - len;
}

/* Place of a text among those wanted of a property, or where it belongs */
static int
search_literal(const Property *property, const char *str, int len, bool *found)
{
	uint64		key = sort_key(str, len);
	int			low = 0,
				high = property->nliterals;

	while (low < high)
	{
		int			mid = low + (high - low) / 2;

		if (compare_literal(&property->literals[mid], key, str, len) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*found = low < property->nliterals && compare_literal(&property->literals[low], key, str, len) == 0;
	return low;
}

static void
add_want(Want **wants, int *count, Want want)
{
	*wants = GROW(*wants, *count);
	(*wants)[(*count)++] = want;
}

/* Put a pattern's alternatives where they are looked for */
static void
add_pattern(CdBank *bank, int sum, const CdPattern *pattern, int half_life)
{
	int			i,
				l;

	for (i = 0; i < pattern->n; i++)
	{
		const CdAlternative *alternative = &pattern->alternatives[i];
		Want		want = {sum, find_selector(bank, alternative), half_life};
		const CdCondition *condition = alternative->conditions;
		Property   *property;

		if (alternative->nconditions == 0)
		{
			add_want(&bank->plain, &bank->nplain, want);
			continue;
		}
		property = find_property(bank, condition);
		for (l = 0; l < condition->nliterals; l++)
		{
			const CdLiteral *literal = &condition->literals[l];
			bool		found;
			int			place = search_literal(property, literal->str, literal->len, &found);
			Literal    *at;

			if (!found)
			{
				property->literals = GROW(property->literals, property->nliterals);
				memmove(property->literals + place + 1, property->literals + place,
						(property->nliterals - place) * sizeof(Literal));
				property->literals[place] = (Literal) {literal->str, literal->len, sort_key(literal->str, literal->len), NULL, 0};
				property->nliterals++;
			}
			at = &property->literals[place];
			/* A text that is listed twice counts once. */
			if (at->nwants == 0 || at->wants[at->nwants - 1].sum != sum ||
				at->wants[at->nwants - 1].selector != want.selector)
				add_want(&at->wants, &at->nwants, want);
		}
	}
}

/* The number of a call's sum, made if it is new; -1 if it is not for the bank */
static int
take_call(CdBank *bank, FuncExpr *call)
{
	Node	   *events = linitial(call->args);
	Const	   *pattern_value,
			   *half_life,
			   *of;
	CdPattern  *pattern;
	MemoryContext old;
	int			i;

	if (list_length(call->args) != 4 || !IsA(events, Var) || ((Var *) events)->varattno != bank->events ||
		!IsA(lsecond(call->args), Const) || !IsA(lthird(call->args), Const) || !IsA(lfourth(call->args), Const))
		return -1;
	pattern_value = lsecond(call->args);
	half_life = lthird(call->args);
	of = lfourth(call->args);
	if (pattern_value->constisnull || half_life->constisnull || !of->constisnull)
		return -1;
	for (i = 0; i < bank->nsums; i++)
	{
		if (equal(bank->sums[i].call->args, call->args))
			return i;
	}
	old = MemoryContextSwitchTo(bank->context);
	pattern = cd_pattern_read((struct varlena *) PG_DETOAST_DATUM_COPY(pattern_value->constvalue));
	if (is_countable(pattern))
	{
		bank->sums = GROW(bank->sums, bank->nsums);
		bank->sums[bank->nsums].call = copyObject(call);
		bank->sums[bank->nsums].pattern = pattern;
		bank->sums[bank->nsums].half_life =
			find_half_life(bank, cd_half_life_seconds(DatumGetIntervalP(half_life->constvalue)));
		add_pattern(bank, bank->nsums, pattern, bank->sums[bank->nsums].half_life);
		i = bank->nsums++;
	}
	else
		i = -1;
	MemoryContextSwitchTo(old);
	return i;
}

static Node *
take_mutator(Node *node, void *arg)
{
	CdBank	   *bank = arg;

	if (node == NULL)
		return NULL;
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == bank->decayed_sum)
	{
		int			sum = take_call(bank, (FuncExpr *) node);

		if (sum >= 0)
			return (Node *) makeVar(1, bank->first + sum, FLOAT8OID, -1, InvalidOid, 0);
	}
	return expression_tree_mutator(node, take_mutator, arg);
}

Node *
cd_bank_take(CdBank *bank, Node *tree)
{
	if (!OidIsValid(bank->decayed_sum))
	{
		FuncCandidateList found = FuncnameGetCandidates(list_make2(makeString("customer_data"), makeString("decayed_sum")),
														-1, NIL, false, false, false, false);

		if (found == NULL)
			return tree;
		bank->decayed_sum = found->oid;
	}
	return take_mutator(tree, bank);
}

/* Weights of a kind's events by one half-life */
static const double *
weigh_events(const CdBank *bank, const CdKind *kind, int half_life, TimestampTz now, double **weights)
{
	double		rate = 1.0 / USECS_PER_SEC / (double) bank->half_lives[half_life];
	CdTimes		times;
	int			i;

	if (weights[half_life] != NULL)
		return weights[half_life];
	weights[half_life] = palloc(kind->n * sizeof(double));
	cd_times_begin(&times, kind, 0);
	for (i = 0; i < kind->n; i++)
	{
		TimestampTz at = cd_times_next(&times);

		weights[half_life][i] = at < now ? exp2(-(double) (now - at) * rate) : 1;
	}
	return weights[half_life];
}

/* Sums of one kind that look at a property */
static void
add_property(const CdBank *bank, const CdTimeline *tl, const CdKind *kind, const Property *property,
			 const int *literal_of, int texts, const bool *meant, TimestampTz now, double **weights, double *sums)
{
	int			which = cd_timeline_find_property(tl, property->name, property->len);
	CdColumn	column;
	int			i,
				w;

	if (which < 0 || !cd_kind_find_column(kind, CD_COL_PROPERTY + which, CD_TYPE_TEXT, &column))
		return;
	for (i = 0; i < kind->n; i++)
	{
		int64		code;
		const Literal *literal;

		if (!cd_column_integer(&column, i, &code))
			continue;
		if (code < 0 || code >= texts)
			cd_timeline_corrupt();
		if (literal_of[code] < 0)
			continue;
		literal = &property->literals[literal_of[code]];
		for (w = 0; w < literal->nwants; w++)
		{
			const Want *want = &literal->wants[w];

			if (meant[want->selector])
				sums[want->sum] += weigh_events(bank, kind, want->half_life, now, weights)[i];
		}
	}
}

/* For each text of a property's dictionary its place among those wanted, or -1 */
static int *
map_dictionary(const CdTimeline *tl, const Property *property, int *texts)
{
	int			which = cd_timeline_find_property(tl, property->name, property->len);
	CdDict		dict;
	CdDictCursor cursor;
	const char *str;
	int			len;
	int		   *map;

	if (which < 0)
		return NULL;
	cd_dict_open(tl, CD_COL_PROPERTY + which, &dict);
	*texts = dict.n;
	map = palloc((dict.n + 1) * sizeof(int));
	cd_dict_seek(&dict, 0, &cursor);
	while (cd_dict_next(&cursor, &str, &len))
	{
		bool		found;
		int			place = search_literal(property, str, len, &found);

		map[cursor.i - 1] = found ? place : -1;
	}
	return map;
}

/* Does a kind have another column of a property than one of texts? */
static bool
has_other_column(const CdTimeline *tl, const CdKind *kind, const Property *property)
{
	int			which = cd_timeline_find_property(tl, property->name, property->len);
	CdColumn	column;

	return which >= 0 && (cd_kind_find_column(kind, CD_COL_PROPERTY + which, CD_TYPE_NUMBER, &column) ||
						  cd_kind_find_column(kind, CD_COL_PROPERTY + which, CD_TYPE_BOOL, &column) ||
						  cd_kind_find_column(kind, CD_COL_PROPERTY + which, CD_TYPE_JSON, &column));
}

/* Sums of one kind pattern by pattern, where a property's values are not all texts */
static void
add_slowly(const CdBank *bank, const CdKind *kind, TimestampTz now, double **weights, double *sums)
{
	int			s,
				i;

	for (s = 0; s < bank->nsums; s++)
	{
		CdMatcher	matcher;
		const double *weight;

		if (!cd_pattern_bind_kind(bank->sums[s].pattern, kind, &matcher))
			continue;
		weight = weigh_events(bank, kind, bank->sums[s].half_life, now, weights);
		for (i = 0; i < kind->n; i++)
		{
			if (cd_matcher_test(&matcher, i))
				sums[s] += weight[i];
		}
	}
}

void
cd_bank_compute(const CdBank *bank, struct varlena *events, TimestampTz now, double *sums)
{
	CdTimeline	tl;
	CdKindScan	scan;
	CdKind		kind;
	int		  **maps;
	int		   *texts;
	bool	   *meant;
	double	  **weights;
	int			i,
				k;

	memset(sums, 0, bank->nsums * sizeof(double));
	cd_timeline_open(&tl, events);
	if (tl.nevents == 0)
		return;
	maps = palloc(Max(bank->nproperties, 1) * sizeof(int *));
	texts = palloc(Max(bank->nproperties, 1) * sizeof(int));
	for (i = 0; i < bank->nproperties; i++)
		maps[i] = map_dictionary(&tl, &bank->properties[i], &texts[i]);
	meant = palloc(Max(bank->nselectors, 1) * sizeof(bool));
	weights = palloc(Max(bank->nhalf_lives, 1) * sizeof(double *));
	cd_kind_scan_begin(&tl, &scan);
	while (cd_kind_scan_next(&tl, &scan, &kind))
	{
		bool		slow = false;

		memset(weights, 0, bank->nhalf_lives * sizeof(double *));
		for (i = 0; i < bank->nselectors; i++)
		{
			const CdAlternative *a = bank->selectors[i];

			meant[i] = (a->prefix ? kind.namelen >= a->name.len : kind.namelen == a->name.len) &&
				memcmp(kind.name, a->name.str, a->name.len) == 0;
		}
		for (i = 0; i < bank->nproperties; i++)
			slow |= maps[i] != NULL && has_other_column(&tl, &kind, &bank->properties[i]);
		if (slow)
		{
			add_slowly(bank, &kind, now, weights, sums);
			continue;
		}
		for (i = 0; i < bank->nplain; i++)
		{
			const Want *want = &bank->plain[i];
			const double *weight;

			if (!meant[want->selector])
				continue;
			weight = weigh_events(bank, &kind, want->half_life, now, weights);
			for (k = 0; k < kind.n; k++)
				sums[want->sum] += weight[k];
		}
		for (i = 0; i < bank->nproperties; i++)
		{
			if (maps[i] != NULL)
				add_property(bank, &tl, &kind, &bank->properties[i], maps[i], texts[i], meant, now, weights, sums);
		}
	}
}
