/*
 * bank.c
 *		Many decayed sums and counts of values over one timeline in one walk.
 *
 * Fifty tags that each ask for the decayed sum of another category would open
 * a timeline, bind a pattern and compute powers fifty times.  The bank reads
 * each dictionary once, finds for each of its texts the sums that want it, and
 * computes each event's weight once per half-life.  How often a property has
 * each of its values, as affinity() asks, is counted on the way.
 *
 * It takes patterns of one alternative, or of several for different kinds,
 * with no condition or, for sums, one of the form property = text or property
 * in (...).  Other patterns are left to decayed_sum() and affinity().
 */
#include "postgres.h"

#include "portrait/bank.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "port/pg_bswap.h"
#include "portrait/behaviour.h"
#include "portrait/evaluate.h"
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

/* A count that wants events of some kinds, by the values of a property. */
typedef struct CountWant
{
	int			tally;
	int			selector;
} CountWant;

typedef struct Property
{
	const char *name;
	int			len;
	Literal    *literals;		/* sorted */
	int			nliterals;
	CountWant  *counts;
	int			ncounts;
	int		   *slots;			/* literals by hash, -1: none; made when the first timeline comes */
	int			slot_bits;		/* 2 ^ so many */

	/* Of the timeline at hand */
	int			column;			/* its number, -1: no event has it */
	int			texts;			/* in its dictionary */
	int		   *literal_of;		/* by text the place among the literals, or -1 */
	const char **strings;		/* the texts, where counts want them */
	int		   *lengths;
} Property;

/* One call, and the pattern to fall back to. */
typedef struct Sum
{
	FuncExpr   *call;
	const CdPattern *pattern;
	int			half_life;
} Sum;

/* What events weigh by one half-life. */
typedef struct Weights
{
	double	   *of;				/* by event */
	int			room;
	bool		known;			/* of the kind at hand */
} Weights;

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
	CdBankTally *tallies;
	int		   *tallied;		/* properties of theirs */
	int			ntallies;

	/* Of the kind at hand */
	bool	   *meant;			/* by selector */
	Weights    *weights;		/* by half-life */
	uint64	   *offsets;		/* by event */
	int		   *codes;
	int			room;			/* events */
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
find_property(CdBank *bank, const char *name, int len)
{
	int			i;

	for (i = 0; i < bank->nproperties; i++)
	{
		if (bank->properties[i].len == len && memcmp(bank->properties[i].name, name, len) == 0)
			return &bank->properties[i];
	}
	bank->properties = GROW(bank->properties, bank->nproperties);
	bank->properties[bank->nproperties] = (Property) {.name = name, .len = len};
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
	if (literal->len <= (int) sizeof(key) && len <= (int) sizeof(key))
		return literal->len - len;
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

/* The slot of a text: the highest bits of a product, as only these depend on all of the key */
static inline uint32
text_slot(const Property *property, uint64 key, int len)
{
	return (uint32) (((key ^ (uint64) len) * UINT64CONST(0x9E3779B97F4A7C15)) >> (64 - property->slot_bits));
}

/* Have the literals of a property found by hash */
static void
hash_literals(CdBank *bank, Property *property)
{
	uint32		mask;
	int			i;

	property->slot_bits = 4;
	while ((1 << property->slot_bits) < property->nliterals * 2)
		property->slot_bits++;
	mask = (1U << property->slot_bits) - 1;
	property->slots = MemoryContextAllocHuge(bank->context, (mask + 1) * sizeof(int));
	memset(property->slots, -1, (mask + 1) * sizeof(int));
	for (i = 0; i < property->nliterals; i++)
	{
		uint32		slot = text_slot(property, property->literals[i].key, property->literals[i].len);

		while (property->slots[slot] >= 0)
			slot = (slot + 1) & mask;
		property->slots[slot] = i;
	}
}

/* Place of a text among those wanted of a property, or -1 */
static inline int
find_literal(const Property *property, const char *str, int len)
{
	uint64		key = sort_key(str, len);
	uint32		mask = (1U << property->slot_bits) - 1;
	uint32		slot = text_slot(property, key, len);
	int			place;

	while ((place = property->slots[slot]) >= 0 && compare_literal(&property->literals[place], key, str, len) != 0)
		slot = (slot + 1) & mask;
	return place;
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
		property = find_property(bank, condition->name, condition->namelen);
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
		bank->decayed_sum = cd_function_named("decayed_sum");
		if (!OidIsValid(bank->decayed_sum))
			return tree;
	}
	return take_mutator(tree, bank);
}

int
cd_bank_tally(CdBank *bank, const CdPattern *pattern, const char *property, int length)
{
	MemoryContext old;
	Property   *at;
	int			i;

	if (!is_countable(pattern))
		return -1;
	for (i = 0; i < pattern->n; i++)
	{
		if (pattern->alternatives[i].nconditions > 0)
			return -1;
	}
	old = MemoryContextSwitchTo(bank->context);
	at = find_property(bank, property, length);
	bank->tallies = GROW(bank->tallies, bank->ntallies);
	bank->tallied = GROW(bank->tallied, bank->ntallies);
	bank->tallied[bank->ntallies] = at - bank->properties;
	for (i = 0; i < pattern->n; i++)
	{
		int			selector = find_selector(bank, &pattern->alternatives[i]);

		at->counts = GROW(at->counts, at->ncounts);
		at->counts[at->ncounts++] = (CountWant) {bank->ntallies, selector};
	}
	MemoryContextSwitchTo(old);
	return bank->ntallies++;
}

const CdBankTally *
cd_bank_tallied(const CdBank *bank, int tally)
{
	return &bank->tallies[tally];
}

/* Forget the kind before; room for the events of the next */
static void
begin_kind(CdBank *bank, const CdKind *kind)
{
	MemoryContext old = MemoryContextSwitchTo(bank->context);
	int			i;

	if (bank->meant == NULL)
	{
		bank->meant = palloc(Max(bank->nselectors, 1) * sizeof(bool));
		bank->weights = palloc0(Max(bank->nhalf_lives, 1) * sizeof(Weights));
	}
	if (kind->n > bank->room)
	{
		if (bank->room > 0)
		{
			pfree(bank->offsets);
			pfree(bank->codes);
		}
		bank->room = Max(kind->n, 64);
		bank->offsets = palloc_extended(bank->room * sizeof(uint64), MCXT_ALLOC_HUGE);
		bank->codes = palloc_extended(bank->room * sizeof(int), MCXT_ALLOC_HUGE);
	}
	MemoryContextSwitchTo(old);
	for (i = 0; i < bank->nhalf_lives; i++)
		bank->weights[i].known = false;
	for (i = 0; i < bank->nselectors; i++)
	{
		const CdAlternative *a = bank->selectors[i];

		bank->meant[i] = (a->prefix ? kind->namelen >= a->name.len : kind->namelen == a->name.len) &&
			memcmp(kind->name, a->name.str, a->name.len) == 0;
	}
}

/* Weights of a kind's events by one half-life */
static const double *
weigh_events(CdBank *bank, const CdKind *kind, int half_life, TimestampTz now)
{
	Weights    *weights = &bank->weights[half_life];
	double		rate = 1.0 / USECS_PER_SEC / (double) bank->half_lives[half_life];
	uint64		base = (uint64) kind->tl->base;
	uint64		unit = (uint64) kind->tl->unit;
	int			i;

	if (weights->known)
		return weights->of;
	if (weights->room < bank->room)
	{
		if (weights->room > 0)
			pfree(weights->of);
		weights->room = bank->room;
		weights->of = MemoryContextAllocHuge(bank->context, weights->room * sizeof(double));
	}
	cd_kind_offsets(kind, bank->offsets);
	for (i = 0; i < kind->n; i++)
	{
		TimestampTz at = (TimestampTz) (base + bank->offsets[i] * unit);

		weights->of[i] = at < now ? exp2(-(double) (now - at) * rate) : 1;
	}
	weights->known = true;
	return weights->of;
}

/* Sums and counts of one kind that look at a property; the sums only if its values are all texts */
static void
add_property(CdBank *bank, const CdKind *kind, const Property *property, bool summed, TimestampTz now, double *sums)
{
	CdColumn	column;
	int		   *codes = bank->codes;
	int			i,
				w;

	if (property->column < 0 || !cd_kind_find_column(kind, property->column, CD_TYPE_TEXT, &column))
		return;
	for (i = 0; i < kind->n; i++)
	{
		int64		code;

		if (!cd_column_integer(&column, i, &code))
			code = -1;
		else if (code < 0 || code >= property->texts)
			cd_timeline_corrupt();
		codes[i] = (int) code;
	}
	for (w = 0; w < property->ncounts; w++)
	{
		CdBankTally *tally = &bank->tallies[property->counts[w].tally];

		if (!bank->meant[property->counts[w].selector])
			continue;
		for (i = 0; i < kind->n; i++)
		{
			if (codes[i] < 0)
				continue;
			tally->counts[codes[i]]++;
			tally->total++;
		}
	}
	for (i = 0; summed && property->nliterals > 0 && i < kind->n; i++)
	{
		const Literal *literal;

		if (codes[i] < 0 || property->literal_of[codes[i]] < 0)
			continue;
		literal = &property->literals[property->literal_of[codes[i]]];
		for (w = 0; w < literal->nwants; w++)
		{
			const Want *want = &literal->wants[w];

			if (bank->meant[want->selector])
				sums[want->sum] += weigh_events(bank, kind, want->half_life, now)[i];
		}
	}
}

/* Read a property's dictionary: for each text its place among those wanted, and the texts where they are counted */
static void
open_property(CdBank *bank, const CdTimeline *tl, Property *property)
{
	int			which = cd_timeline_find_property(tl, property->name, property->len);
	CdDict		dict;
	CdDictCursor cursor;
	const char *str;
	int			len,
				i;

	property->column = which < 0 ? -1 : CD_COL_PROPERTY + which;
	property->texts = 0;
	if (which < 0)
		return;
	cd_dict_open(tl, property->column, &dict);
	property->texts = dict.n;
	if (property->ncounts > 0)
		cd_dict_strings(&dict, &property->strings, &property->lengths);
	else
		cd_dict_seek(&dict, 0, &cursor);
	if (property->slots == NULL)
		hash_literals(bank, property);
	property->literal_of = palloc((dict.n + 1) * sizeof(int));
	for (i = 0; i < dict.n && property->nliterals > 0; i++)
	{
		if (property->ncounts > 0)
		{
			str = property->strings[i];
			len = property->lengths[i];
		}
		else
			(void) cd_dict_next(&cursor, &str, &len);
		property->literal_of[i] = find_literal(property, str, len);
	}
}

/* Does a kind have another column of a property than one of texts? */
static bool
has_other_column(const CdKind *kind, const Property *property)
{
	CdColumnScan scan;
	CdColumn	column;

	if (property->column < 0)
		return false;
	cd_kind_columns(kind, &scan);
	while (cd_kind_next_column(kind, &scan, &column))
	{
		if (column.which > property->column)
			break;
		if (column.which == property->column && column.type != CD_TYPE_TEXT)
			return true;
	}
	return false;
}

/* Sums of one kind pattern by pattern, where a property's values are not all texts */
static void
add_slowly(CdBank *bank, const CdKind *kind, TimestampTz now, double *sums)
{
	int			s,
				i;

	for (s = 0; s < bank->nsums; s++)
	{
		CdMatcher	matcher;
		const double *weight;

		if (!cd_pattern_bind_kind(bank->sums[s].pattern, kind, &matcher))
			continue;
		weight = weigh_events(bank, kind, bank->sums[s].half_life, now);
		for (i = 0; i < kind->n; i++)
		{
			if (cd_matcher_test(&matcher, i))
				sums[s] += weight[i];
		}
	}
}

/* Add what another part of the timeline has */
static void
add_tally(CdBankTally *all, const CdBankTally *part)
{
	int			texts = all->texts;
	const char **strings = palloc((texts + part->texts + 1) * sizeof(char *));
	int		   *lengths = palloc((texts + part->texts + 1) * sizeof(int));
	int		   *counts = palloc((texts + part->texts + 1) * sizeof(int));
	int			i,
				k;

	if (texts > 0)
	{
		memcpy(strings, all->strings, texts * sizeof(char *));
		memcpy(lengths, all->lengths, texts * sizeof(int));
		memcpy(counts, all->counts, texts * sizeof(int));
	}
	for (i = 0; i < part->texts; i++)
	{
		if (part->counts[i] == 0)
			continue;
		for (k = 0; k < texts; k++)
		{
			if (lengths[k] == part->lengths[i] && memcmp(strings[k], part->strings[i], lengths[k]) == 0)
				break;
		}
		if (k < texts)
			counts[k] += part->counts[i];
		else
		{
			/* A part has no text twice: those of its own need not be looked at. */
			strings[all->texts] = part->strings[i];
			lengths[all->texts] = part->lengths[i];
			counts[all->texts++] = part->counts[i];
		}
	}
	*all = (CdBankTally) {all->texts, strings, lengths, counts, all->total + part->total};
}

/* Begin to count: nothing so far */
static void
begin_tallies(CdBank *bank)
{
	int			i;

	for (i = 0; i < bank->ntallies; i++)
	{
		const Property *property = &bank->properties[bank->tallied[i]];

		bank->tallies[i] = (CdBankTally) {property->texts, property->strings, property->lengths,
			palloc0(Max(property->texts, 1) * sizeof(int)), 0};
	}
}

/* Add the sums of one part of a timeline, and count in it */
static void
compute_part(CdBank *bank, const CdTimeline *tl, TimestampTz now, double *sums)
{
	CdKindScan	scan;
	CdKind		kind;
	int			i,
				k;

	for (i = 0; i < bank->nproperties; i++)
	{
		bank->properties[i].texts = 0;
		if (tl->nevents > 0)
			open_property(bank, tl, &bank->properties[i]);
	}
	begin_tallies(bank);
	if (tl->nevents == 0)
		return;
	cd_kind_scan_begin(tl, &scan);
	while (cd_kind_scan_next(tl, &scan, &kind))
	{
		bool		slow = false;

		begin_kind(bank, &kind);
		for (i = 0; i < bank->nproperties; i++)
			slow |= bank->properties[i].nliterals > 0 && has_other_column(&kind, &bank->properties[i]);
		if (slow)
			add_slowly(bank, &kind, now, sums);
		for (i = 0; i < bank->nplain && !slow; i++)
		{
			const Want *want = &bank->plain[i];
			const double *weight;

			if (!bank->meant[want->selector])
				continue;
			weight = weigh_events(bank, &kind, want->half_life, now);
			for (k = 0; k < kind.n; k++)
				sums[want->sum] += weight[k];
		}
		for (i = 0; i < bank->nproperties; i++)
			add_property(bank, &kind, &bank->properties[i], !slow, now, sums);
	}
}

void
cd_bank_compute(CdBank *bank, struct varlena *events, TimestampTz now, double *sums)
{
	CdParts		parts;
	CdBankTally *before = NULL;	/* of the parts so far */
	int			i,
				k;

	memset(sums, 0, bank->nsums * sizeof(double));
	cd_timeline_open_parts(&parts, events);
	for (i = 0; i < parts.n; i++)
	{
		compute_part(bank, &parts.tl[i], now, sums);
		if (parts.n == 1 || bank->ntallies == 0)
			continue;
		if (before == NULL)
			before = palloc(bank->ntallies * sizeof(CdBankTally));
		for (k = 0; k < bank->ntallies; k++)
		{
			if (i > 0)
				add_tally(&before[k], &bank->tallies[k]);
			else
				before[k] = bank->tallies[k];
		}
	}
	if (before != NULL)
		memcpy(bank->tallies, before, bank->ntallies * sizeof(CdBankTally));
}
