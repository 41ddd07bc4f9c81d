/*
 * stage.c
 *		Score a pair in stages: give it up as soon as it cannot reach the floor.
 *
 * One record is held against many candidates.  What each comparison can add
 * at most is known of the record alone: its values are as rare as they are.
 * So a candidate is looked at in numbers first, whether values are equal and
 * how birth dates differ, which reads nothing but its form; then at a glance
 * of its tokens, whether any of them can be alike; few candidates are left
 * whose values are then compared as texts, the cheap comparisons first.
 */
#include "postgres.h"

#include "customer_data.h"

#include <float.h>
#include <math.h>

#include "identity/glance.h"
#include "identity/score.h"

/* Rank of a kind of comparison: what costs little to compare comes first. */
static int
effort(CdComparisonKind kind)
{
	switch (kind)
	{
		case CD_CMP_BIRTH:
		case CD_CMP_CLASS:
		case CD_CMP_GENERATION:
			return 0;
		case CD_CMP_CODE:
		case CD_CMP_FAMILY:
		case CD_CMP_GIVEN:
		case CD_CMP_MIDDLE:
			return 1;
		case CD_CMP_PHONE:
		case CD_CMP_EMAIL:
			return 2;
		case CD_CMP_POSTCODE:
		case CD_CMP_PLACE:
			return 3;
		case CD_CMP_VALUE:
			return 4;
		case CD_CMP_STREET:
		case CD_CMP_COMPANY:
			break;
	}
	return 5;
}

/*
 * Lay down in which order pairs are compared, and what each level can add at
 * most without the rarity of its values.
 */
void
cd_plan_scoring(CdEngine *engine)
{
	const CdModel *model = engine->model;
	CdScoringPlan *plan = &engine->plan;

	plan->n = 0;
	for (int rank = 0; rank <= 5; rank++)
	{
		for (int c = 0; c < model->ncomparisons; c++)
		{
			if (engine->used[model->comparison[c].slot] && effort(model->comparison[c].kind) == rank)
				plan->order[plan->n++] = c;
		}
	}
	for (int j = 0; j < plan->n; j++)
	{
		int			c = plan->order[j];
		const CdComparison *comparison = &model->comparison[c];

		plan->slot[j] = comparison->slot;
		for (int k = 0; k < comparison->nlevels; k++)
		{
			float		least = model->logu[c][k];
			float		same = model->logm[c][k];

			for (int i = 0; i < model->same[c].n; i++)
			{
				for (int l = 0; l < model->comparison[model->same[c].parent[i]].nlevels; l++)
					same = Max(same, model->same[c].logp[i][l][k]);
			}
			/* an agreement is never less likely for its parents */
			for (int i = 0; i < model->other[c].n && k == 0; i++)
			{
				for (int l = 0; l < model->comparison[model->other[c].parent[i]].nlevels; l++)
					least = Min(least, model->other[c].logp[i][l][k]);
			}
			plan->best[c][k] = same - least;
		}
	}
}

/* The most that levels from one to another can add, with values as rare as this or less so; or nothing, if they may be left out. */
static CdShare
most_of(const CdEngine *engine, int c, int from, int to, float rarity, bool optional)
{
	const CdModel *model = engine->model;
	const CdComparison *comparison = &model->comparison[c];
	CdShare		most = {-FLT_MAX, -FLT_MAX};

	for (int k = from; k <= to; k++)
	{
		float		rare = model->rarity_known * Max(cd_rarity_weight(comparison, k, rarity), 0);

		most.weight = Max(most.weight, engine->plan.best[c][k] + rare);
		most.alone = Max(most.alone, cd_personal_weight(model, c, k) + (cd_personal_tf(comparison, k) ? rare : 0));
	}
	if (optional)
	{
		most.weight = Max(most.weight, 0);
		most.alone = Max(most.alone, 0);
	}
	return most;
}

static CdShare
either(CdShare a, CdShare b)
{
	return (CdShare) {Max(a.weight, b.weight), Max(a.alone, b.alone)};
}

/*
 * Note of a record what each comparison can add at most with values that are
 * equal to its own, that are not, and that differ at a glance.
 */
void
cd_side_note(const CdEngine *engine, const CdForm *form, CdSide *side)
{
	const CdScoringPlan *plan = &engine->plan;

	side->form = form;
	for (int j = 0; j < plan->n; j++)
	{
		int			c = plan->order[j];
		const CdComparison *comparison = &engine->model->comparison[c];
		CdShare    *most = side->most[j];
		int			s = plan->slot[j];
		const uint32 *w = FORM_AT(form, s);
		int			n = FORM_LEN(form, s);
		int			top = comparison->nlevels - 1;
		bool		crowded = false;
		float		rarest = 0;
		float		sum = 0;

		if (n == 0)
			continue;
		/* whatever kind, differing values are no more alike than the lowest level */
		most[CD_VALUES_APART] = most_of(engine, c, 0, 0, 0, false);
		switch (comparison->kind)
		{
			case CD_CMP_FAMILY:
			case CD_CMP_GIVEN:
			case CD_CMP_MIDDLE:
				for (int i = 0; i < n; i++)
					rarest = Max(rarest, token_bits(engine, w[i] & CD_TOKEN_MASK));
				most[CD_VALUES_EQUAL] = most_of(engine, c, 0, top, rarest, true);
				/* the highest level is that of equal parts, or of one and its reading; but for middle names */
				most[CD_VALUES_OTHER] = most_of(engine, c, 0, comparison->kind == CD_CMP_MIDDLE || engine->dict->foreign ? top : top - 1, rarest, true);
				break;
			case CD_CMP_BIRTH:
				most[CD_VALUES_EQUAL] = most_of(engine, c, 4, 4, token_bits(engine, w[1]), false);
				break;
			case CD_CMP_CLASS:
			case CD_CMP_GENERATION:
				most[CD_VALUES_EQUAL] = most_of(engine, c, 1, 1, token_bits(engine, w[0]), false);
				most[CD_VALUES_OTHER] = most[CD_VALUES_APART];
				break;
			case CD_CMP_EMAIL:
				most[CD_VALUES_EQUAL] = most_of(engine, c, 3, 4, cd_identifying_bits(engine, comparison, w[3], &crowded), false);
				most[CD_VALUES_OTHER] = either(most_of(engine, c, 0, 1, 0, true),
											   most_of(engine, c, 2, 2, token_bits(engine, w[0]), false));
				break;
			case CD_CMP_PHONE:
			case CD_CMP_CODE:
				most[CD_VALUES_EQUAL] = most_of(engine, c, 2, 2, cd_identifying_bits(engine, comparison, w[0], &crowded), false);
				most[CD_VALUES_OTHER] = most_of(engine, c, 0, 1, 0, false);
				break;
			case CD_CMP_POSTCODE:
				most[CD_VALUES_EQUAL] = most_of(engine, c, 4, 4, token_bits(engine, w[0]), false);
				most[CD_VALUES_OTHER] = most_of(engine, c, 0, 3, 0, false);
				break;
			case CD_CMP_PLACE:
			case CD_CMP_VALUE:
				most[CD_VALUES_EQUAL] = most_of(engine, c, 2, 2, token_bits(engine, w[0]), false);
				most[CD_VALUES_OTHER] = most_of(engine, c, 0, 1, 0, true);
				break;
			case CD_CMP_STREET:
				{
					float		number = 0;

					for (uint32 i = 1; i <= w[0]; i++)
						number = Max(number, token_bits(engine, w[i]));
					for (int i = 1 + w[0]; i < n; i++)
						rarest = Max(rarest, token_bits(engine, w[i]));
					/* of numbers in common any level may come, of none those without, of no words alike the lowest */
					most[CD_VALUES_APART] = either(most[CD_VALUES_APART], most_of(engine, c, STREET_NUMBER, STREET_NUMBER, number, false));
					most[CD_VALUES_EQUAL] = most_of(engine, c, 0, top, rarest + number, true);
					most[CD_VALUES_OTHER] = either(either(most_of(engine, c, 0, 0, rarest, true),
														  most_of(engine, c, STREET_SIMILAR, STREET_SIMILAR, rarest, false)),
												   most_of(engine, c, STREET_OTHER_NUMBER, STREET_OTHER_NUMBER, rarest, false));
					most[CD_VALUES_UNKNOWN] = either(most[CD_VALUES_OTHER],
													 most_of(engine, c, STREET_NO_NUMBER, STREET_NO_NUMBER, rarest, false));
				}
				break;
			case CD_CMP_COMPANY:
				for (int i = 0; i < n; i++)
				{
					rarest = Max(rarest, token_bits(engine, w[i]));
					sum += token_bits(engine, w[i]);
				}
				if (s == engine->layout->account_slot)
					rarest += FURTHER_WORDS * sum + NO_OTHER_WORD;
				most[CD_VALUES_EQUAL] = most[CD_VALUES_OTHER] = most_of(engine, c, 0, top, rarest, true);
				break;
		}
	}
}

/* Do two names have a token in common? */
static inline bool
share_name(const uint32 *a, int na, const uint32 *b, int nb)
{
	for (int i = 0; i < na; i++)
	{
		for (int j = 0; j < nb; j++)
		{
			if (((a[i] ^ b[j]) & CD_TOKEN_MASK) == 0)
				return true;
		}
	}
	return false;
}

/* Has a name a token of a role? */
static inline bool
holds_role(const uint32 *w, int n, uint32 role)
{
	for (int i = 0; i < n; i++)
	{
		if (w[i] >> CD_ROLE_SHIFT == role)
			return true;
	}
	return false;
}

/* Do two streets have a number in common? */
static inline bool
share_number(const uint32 *a, const uint32 *b)
{
	for (uint32 i = 1; i <= a[0]; i++)
	{
		for (uint32 j = 1; j <= b[0]; j++)
		{
			if (a[i] == b[j])
				return true;
		}
	}
	return false;
}

/* Do two mailboxes differ at a glance? */
static inline bool
mailboxes_apart(const uint32 *a, const uint32 *b)
{
	CdGlance	x = cd_unpack_glance(a + 4);
	CdGlance	y = cd_unpack_glance(b + 4);

	return a[0] != b[0] && cd_differ_at_a_glance(&x, &y);
}

/*
 * The most a pair can weigh by what its forms alone tell, and what each
 * comparison has in it; -FLT_MAX if there is nothing to compare.
 */
static CdShare
first_bound(const CdEngine *engine, const CdSide *side, const CdForm *other, CdShare *share)
{
	const CdScoringPlan *plan = &engine->plan;
	const CdModel *model = engine->model;
	const CdForm *form = side->form;
	CdPairKind	kind = cd_pair_kind(engine, form, other);
	CdShare		bound = {model->prior[kind] + 0.01f, model->prior_housemates[kind] + 0.01f};
	bool		comparable = false;
	int			named = -1;

	for (int j = 0; j < plan->n; j++)
	{
		int			s = plan->slot[j];
		int			c = plan->order[j];
		const uint32 *a = FORM_AT(form, s);
		const uint32 *b = FORM_AT(other, s);
		int			seen;

		if (FORM_LEN(form, s) == 0 || FORM_LEN(other, s) == 0)
			continue;
		comparable = true;
		switch (model->comparison[c].kind)
		{
			case CD_CMP_FAMILY:
			case CD_CMP_GIVEN:
			case CD_CMP_MIDDLE:
				if (named < 0)
					named = share_name(a, FORM_LEN(form, s), b, FORM_LEN(other, s)) ||
						(engine->email_slot >= 0 && (mailbox_is_telling(engine, form) || mailbox_is_telling(engine, other)));
				if (model->comparison[c].kind == CD_CMP_MIDDLE && !(holds_role(a, FORM_LEN(form, s), CD_ROLE_MIDDLE) &&
																	holds_role(b, FORM_LEN(other, s), CD_ROLE_MIDDLE)))
				{
					share[j] = (CdShare) {0, 0};
					continue;
				}
				seen = named ? CD_VALUES_EQUAL : CD_VALUES_OTHER;
				break;
			case CD_CMP_BIRTH:
				{
					int			level = cd_compare_births(a[0], b[0]);

					if (level == CD_MISSING)
					{
						share[j] = (CdShare) {0, 0};
						continue;
					}
					share[j] = level == 4 ? side->most[j][CD_VALUES_EQUAL] :
						(CdShare) {plan->best[c][level], cd_personal_weight(model, c, level)};
					bound.weight += share[j].weight;
					bound.alone += share[j].alone;
					continue;
				}
			case CD_CMP_EMAIL:
				seen = a[3] == b[3] ? CD_VALUES_EQUAL : mailboxes_apart(a, b) ? CD_VALUES_APART : CD_VALUES_OTHER;
				break;
			case CD_CMP_PHONE:
			case CD_CMP_CODE:
				seen = a[0] == b[0] ? CD_VALUES_EQUAL : cd_codes_apart(a[1], b[1]) ? CD_VALUES_APART : CD_VALUES_OTHER;
				break;
			case CD_CMP_STREET:
				seen = a[0] == 0 || b[0] == 0 ? CD_VALUES_UNKNOWN : share_number(a, b) ? CD_VALUES_EQUAL : CD_VALUES_OTHER;
				break;
			default:
				seen = a[0] == b[0] ? CD_VALUES_EQUAL : CD_VALUES_OTHER;
				break;
		}
		share[j] = side->most[j][seen];
		bound.weight += share[j].weight;
		bound.alone += share[j].alone;
	}
	if (!comparable)
		return (CdShare) {-FLT_MAX, -FLT_MAX};
	for (int i = 0; i < engine->layout->nidentifiers; i++)
	{
		int			s = engine->layout->identifier[i];

		if (cd_same_identifier(engine->layout, s, form, other))
		{
			bound.weight += engine->layout->slot[s].identifier;
			bound.alone += engine->layout->slot[s].identifier;
		}
	}
	return bound;
}

/* How two tokens compare at a glance. */
static inline int
glance_at_two(const CdGlance *glance, uint32 a, uint32 b, bool company)
{
	const CdGlance *x = &glance[a];
	const CdGlance *y = &glance[b];

	if (a == b || x->roman == y->roman)
		return CD_VALUES_EQUAL;
	/* of which one is read in Latin letters */
	if ((x->roman != a) != (y->roman != b) || !cd_differ_at_a_glance(x, y) || (company && cd_may_abbreviate(x, y)))
		return CD_VALUES_OTHER;
	return CD_VALUES_APART;
}

/* The best of all pairs of words. */
static int
glance_at_words(const CdGlance *glance, const uint32 *a, int na, const uint32 *b, int nb, bool company)
{
	int			best = CD_VALUES_APART;

	for (int i = 0; i < na && best != CD_VALUES_EQUAL; i++)
	{
		for (int j = 0; j < nb && best != CD_VALUES_EQUAL; j++)
			best = Max(best, glance_at_two(glance, a[i], b[j], company));
	}
	return best;
}

/* Names at a glance: what their family names, their other parts and their middle names can have in common. */
typedef struct NameGlance
{
	int			family;
	int			given;
	int			middle;
	bool		single;			/* one has a family name only, or none */
	bool		tongues;		/* of parts that are no family names one is Chinese and the other may not be */
} NameGlance;

static void
glance_at_names(const CdGlance *glance, const uint32 *a, int na, const uint32 *b, int nb, NameGlance *r)
{
	r->family = r->given = r->middle = CD_VALUES_APART;
	r->single = !(holds_role(a, na, CD_ROLE_FAMILY) && holds_role(a, na, CD_ROLE_GIVEN) &&
				  holds_role(b, nb, CD_ROLE_FAMILY) && holds_role(b, nb, CD_ROLE_GIVEN));
	for (int i = 0; i < na; i++)
	{
		uint32		x = a[i] >> CD_ROLE_SHIFT;

		for (int j = 0; j < nb; j++)
		{
			uint32		y = b[j] >> CD_ROLE_SHIFT;
			int			seen = glance_at_two(glance, a[i] & CD_TOKEN_MASK, b[j] & CD_TOKEN_MASK, false);

			if (x == CD_ROLE_FAMILY || y == CD_ROLE_FAMILY || r->single)
				r->family = Max(r->family, seen);
			if (x != CD_ROLE_FAMILY || y != CD_ROLE_FAMILY || r->single)
				r->given = Max(r->given, seen);
			if (x == CD_ROLE_MIDDLE && y == CD_ROLE_MIDDLE)
				r->middle = Max(r->middle, seen);
			r->tongues |= glance[a[i] & CD_TOKEN_MASK].pinyin != glance[b[j] & CD_TOKEN_MASK].pinyin;
		}
	}
}

/* Lower the bound of a pair by what a glance at its tokens tells. */
static void
second_bound(const CdEngine *engine, const CdSide *side, const CdForm *other, CdShare *share, CdShare *bound)
{
	const CdScoringPlan *plan = &engine->plan;
	const CdGlance *glance = engine->dict->glance;
	const CdForm *form = side->form;
	NameGlance	names = {0};
	bool		named = false;

	for (int j = 0; j < plan->n; j++)
	{
		int			s = plan->slot[j];
		CdComparisonKind kind = engine->model->comparison[plan->order[j]].kind;
		const uint32 *a = FORM_AT(form, s);
		const uint32 *b = FORM_AT(other, s);
		int			na = FORM_LEN(form, s);
		int			nb = FORM_LEN(other, s);
		int			seen;
		bool		optional = false;	/* differing values may be left out */
		bool		near;
		CdShare		now;

		if (na == 0 || nb == 0)
			continue;
		switch (kind)
		{
			case CD_CMP_FAMILY:
			case CD_CMP_GIVEN:
			case CD_CMP_MIDDLE:
				if (!named)
					glance_at_names(glance, a, na, b, nb, &names);
				named = true;
				seen = kind == CD_CMP_FAMILY ? names.family : kind == CD_CMP_GIVEN ? names.given : names.middle;
				optional = names.single || kind == CD_CMP_MIDDLE || (kind == CD_CMP_GIVEN && names.tongues);
				if (seen != CD_VALUES_EQUAL && kind != CD_CMP_MIDDLE && engine->email_slot >= 0 &&
					(mailbox_may_tell(engine, form, other) || mailbox_may_tell(engine, other, form)))
					seen = CD_VALUES_EQUAL;
				break;
			case CD_CMP_PLACE:
				if (a[0] == b[0])
					continue;
				seen = glance_at_two(glance, a[0], b[0], false);
				optional = a[1] != CD_PLACE_LATIN || b[1] != CD_PLACE_LATIN;
				break;
			case CD_CMP_VALUE:
				if (a[0] == b[0] ||
					(engine->model->comparison[plan->order[j]].quantities && cd_quantities(engine->dict, a[0], b[0], &near)))
					continue;
				seen = glance_at_two(glance, a[0], b[0], false);
				break;
			case CD_CMP_STREET:
				seen = glance_at_words(glance, a + 1 + a[0], na - 1 - (int) a[0], b + 1 + b[0], nb - 1 - (int) b[0], false);
				if (seen != CD_VALUES_APART)
					continue;
				/* a street without words is left out where a number is missing */
				optional = true;
				break;
			case CD_CMP_COMPANY:
				seen = glance_at_words(glance, a, na, b, nb, true);
				break;
			default:
				continue;
		}
		now = side->most[j][seen];
		if (optional)
			now = either(now, (CdShare) {0, 0});
		now.weight = Min(now.weight, share[j].weight);
		now.alone = Min(now.alone, share[j].alone);
		bound->weight += now.weight - share[j].weight;
		bound->alone += now.alone - share[j].alone;
		share[j] = now;
	}
}

/*
 * First stage: can the side and the other form reach the floor, by what their
 * numbers alone tell?
 */
bool
cd_bound_by_form(const CdEngine *engine, const CdSide *side, const CdForm *other, float floor, CdBound *bound)
{
	bound->all = first_bound(engine, side, other, bound->share);
	return bound->all.weight >= floor && bound->all.alone >= floor;
}

/* Second stage: and by a glance at their tokens? */
bool
cd_bound_by_glance(const CdEngine *engine, const CdSide *side, const CdForm *other, float floor, CdBound *bound)
{
	second_bound(engine, side, other, bound->share, &bound->all);
	return bound->all.weight >= floor && bound->all.alone >= floor;
}

/* Bring what is remembered of the names' tokens into the caches, which the last stage asks for. */
void
cd_prefetch_names(const CdEngine *engine, const CdForm *a, const CdForm *b)
{
	int			s = engine->name_slot;

	if (s < 0 || engine->dict->cache == NULL)
		return;
	for (int i = 0; i < FORM_LEN(a, s); i++)
	{
		for (int j = 0; j < FORM_LEN(b, s); j++)
			cd_prefetch_likeness(engine->dict, FORM_AT(a, s)[i] & CD_TOKEN_MASK, FORM_AT(b, s)[j] & CD_TOKEN_MASK);
	}
}

/*
 * Last stage: the same as cd_agreement of a and b, of which the side is one,
 * for a pair whose weight, with what identifiers add, may reach the floor;
 * false as soon as it cannot.  The weight is the lesser of that against
 * strangers and that against housemates, and lower still.
 */
bool
cd_agreement_above(CdEngine *engine, const CdForm *a, const CdForm *b, float floor, const CdBound *known, CdAgreement *result)
{
	const CdModel *model = engine->model;
	const CdScoringPlan *plan = &engine->plan;
	CdShare		bound = known->all;
	CdNameLevels names;
	bool		named = false;

	memset(result->level, CD_MISSING, sizeof(result->level));
	result->kind = cd_pair_kind(engine, a, b);
	result->crowded = false;
	memset(&names, 0, sizeof(names));
	for (int j = 0; j < plan->n; j++)
	{
		int			c = plan->order[j];
		const CdComparison *comparison = &model->comparison[c];
		int			s = plan->slot[j];
		uint8		level;

		if (FORM_LEN(a, s) == 0 || FORM_LEN(b, s) == 0)
			continue;
		if (!named && engine->name_slot >= 0 && (s == engine->name_slot || comparison->kind == CD_CMP_EMAIL))
		{
			cd_compare_names(engine, a, b, engine->name_slot, &names);
			named = true;
		}
		level = cd_compare_one(engine, comparison, a, b, &names, &result->rarity[c], &result->crowded);
		result->level[c] = level;
		bound.weight -= known->share[j].weight;
		bound.alone -= known->share[j].alone;
		if (level != CD_MISSING)
		{
			float		rare = model->rarity_known * cd_rarity_weight(comparison, level, result->rarity[c]);

			bound.weight += plan->best[c][level] + rare;
			bound.alone += cd_personal_weight(model, c, level) + (cd_personal_tf(comparison, level) ? rare : 0);
		}
		if (bound.weight < floor || bound.alone < floor)
			return false;
	}
	return true;
}
