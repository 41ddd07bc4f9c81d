/*
 * train.c
 *		Learn the model: u from random pairs, m and the share of matches by
 *		expectation maximisation over agreement patterns of candidate pairs,
 *		dependence between comparisons by dependence.c.  No labels are needed; a
 *		pair whose truth is known counts as what it is.
 */
#include "postgres.h"

#include "customer_data.h"

#include <math.h>

#include "common/hashfn.h"
#include "identity/train.h"
#include "miscadmin.h"

#define RANDOM_PAIRS		1000000
#define NEAR_SHARE			0.5		/* pairs of numbers per random pair */
#define SAMPLE_PAIRS		1500000.0
#define ROUNDS				25
#define FIRST_LOOK			8.0		/* so much fewer pairs tell how often customers are recorded */
#define FIRST_ROUNDS		8
#define TWINS_SAMPLE		4000	/* records whose twins are counted */
#define CONVERGED			1e-4
#define PRIOR_MATCHES		50.0	/* weight of the default m, in matches */
#define ECHO				0.1		/* the same, per match of which nothing else is known, or of companies' names */
#define MOST_DIFFERENT		2.5		/* m of "differ" may grow so far beyond the default */
#define LEAST_DIFFERENT		10.0	/* and fall so far below it */
#define SURE				5.0		/* bits by which a pair is one customer for sure: of 33 one is not */
#define FIRST_TWINS			0.3		/* twins of a record, on average, before any are seen */
#define LEAST_TWINS			0.05	/* twins of a record, on average, that are never ruled out */
#define SEEN_WELL			200.0	/* random pairs that agree, by which rarity is checked */
#define OVERSTATED			1.0		/* bits by which it may seem too rare */
#define STRANGERS			0.1		/* who share a number or mailbox with a customer by mistake, before any are seen */
#define HOUSEMATES			0.04	/* housemates of a customer who are customers, too, before any are seen */

/* What a pattern says: of one customer against strangers and against housemates, in bits, and each comparison's part. */
typedef struct Saying
{
	double		weight;
	double		alone;
	double		part[CD_MAX_COMPARISONS];
	double		part_alone[CD_MAX_COMPARISONS];
} Saying;

/* What is expected of the patterns, each: the probability of one customer, and of two housemates. */
typedef struct Expected
{
	double	   *match;
	double	   *housemates;
} Expected;

/* Probability of a match for a pattern, and of housemates; rarity is said of the pattern as a whole. */
static double
pattern_probability(const CdModel *model, const Pattern *pattern, Saying *says, double *housemates)
{
	double		weight = model->prior[pattern->kind] + pattern->rarity;
	double		alone = model->prior_housemates[pattern->kind] + pattern->personal;

	for (int c = 0; c < model->ncomparisons; c++)
	{
		int			k = pattern->level[c];
		double		rarity;

		if (k == CD_MISSING)
			continue;
		rarity = model->comparison[c].tf[k] * model->comparison[c].tf_base[k];
		says->part[c] = cd_log_same(model, c, pattern->level, pattern->kind) - cd_log_other(model, c, pattern->level);
		says->part_alone[c] = cd_personal_weight(model, c, k);
		weight += says->part[c] - rarity;
		alone += says->part_alone[c] - (cd_personal_tf(&model->comparison[c], k) ? rarity : 0);
	}
	says->weight = weight;
	says->alone = alone;
	weight = exp2(-Max(weight, -500));
	alone = exp2(-Max(alone, -500));
	*housemates = alone / (1.0 + weight + alone);
	return 1.0 / (1.0 + weight + alone);
}

/* Note pairs that are surely one customer by what all comparisons but one say, and whether that one differs. */
static void
note_sure(const Saying *says, int c, bool differ, double count, Counts *match)
{
	double		weight = says->weight - says->part[c];
	double		alone = says->alone - says->part_alone[c];

	if (weight < SURE || alone < SURE)
		return;
	/* by degrees, so that a small change of the model is one of what is noted */
	count *= Min(Min(weight, alone) - SURE, 1);
	match->sure[c] += count;
	match->sure_differ[c] += (differ ? count : 0) - count * (exp2(-weight) + exp2(-alone));
}

/* Expectation, pattern by pattern, and of what pairs are surely one customer. */
static void
expect_patterns(const CdModel *model, const Patterns *patterns, Expected *expected, CdBounds *bounds, Counts *match)
{
	for (uint32 i = 0; i < patterns->n; i++)
	{
		const Pattern *pattern = &patterns->item[i];
		Saying		says;
		double		p;

		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		p = pattern_probability(model, pattern, &says, &expected->housemates[i]);
		/* many faint matches must not add up to a class of their own */
		expected->match[i] = p * p / (p * p + (1 - p) * (1 - p));
		for (int c = 0; c < model->ncomparisons; c++)
		{
			if (pattern->level[c] != CD_MISSING)
				note_sure(&says, c, pattern->level[c] == 0, pattern->count * patterns->step, match);
		}
	}
	cd_restrain(patterns, expected->match, bounds);
}

/* Expectation: count matches and others among the candidates. */
static void
expect(const CdModel *model, const Patterns *patterns, Expected *expected, CdBounds *bounds, Counts *match, Counts *other)
{
	memset(match, 0, sizeof(Counts));
	memset(other, 0, sizeof(Counts));
	match->n = other->n = model->ncomparisons;
	expect_patterns(model, patterns, expected, bounds, match);
	for (uint32 i = 0; i < patterns->n; i++)
	{
		const Pattern *pattern = &patterns->item[i];
		double		p = expected->match[i];
		double		pm = p * pattern->count * patterns->step + pattern->same;
		double		pu = (1 - p) * pattern->count * patterns->step + pattern->differ;
		double		housemates = expected->housemates[i];
		int			known[CD_MAX_COMPARISONS];	/* comparisons that say something */
		int			nknown = 0;

		for (int c = 0; c < model->ncomparisons; c++)
		{
			if (pattern->level[c] != CD_MISSING)
				known[nknown++] = c;
		}
		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		match->total += pm;
		other->total += pu;
		match->kind[pattern->kind] += pm;
		other->housemates[pattern->kind] += housemates * pattern->count * patterns->step;
		for (int x = 0; x < nknown; x++)
		{
			int			c = known[x];
			int			k = pattern->level[c];

			match->level[c][k] += pm;
			other->level[c][k] += pu;
			match->known[c] += pm;
			match->alone[c] += nknown > 1 ? 0 : pm - pattern->same;
			if (pattern->kind == CD_PAIR_ACCOUNTS)
			{
				match->accounts[c] += pm;
				match->accounts_differ[c] += k == 0 ? pm : 0;
			}
			other->known[c] += pu;
			other->shared[c] += housemates * pattern->count * patterns->step;
			other->apart[c] += k == 0 ? housemates * pattern->count * patterns->step : 0;
			if (k == model->comparison[c].identifying && !pattern->crowded)
				other->strangers[c] += Max(pu - housemates * pattern->count * patterns->step, 0);
			for (int y = 0; y < x; y++)
			{
				int			d = known[y];

				match->joint[c][d][k][pattern->level[d]] += pm;
				other->joint[c][d][k][pattern->level[d]] += pu;
			}
		}
	}
}

/* That values differ speaks for no match, however seldom they do: where nearly all hold one value. */
static void
never_for_differing(CdComparison *comparison)
{
	double		rest = 1 - comparison->u[0];

	if (comparison->u[0] >= comparison->m[0] || rest <= 0)
		return;
	comparison->u[0] = comparison->m[0];
	for (int k = 1; k < comparison->nlevels; k++)
		comparison->u[k] *= (1 - comparison->m[0]) / rest;
}

/* Set u from random pairs without the matches among them, rare levels from candidates. */
static void
maximise_other(CdModel *model, const CdModel *defaults, const double *holders, const Counts *random,
			   const Counts *match, const Counts *other, double pairs)
{
	double		scale = pairs / Max(random->total, 1);

	for (int c = 0; c < model->ncomparisons; c++)
	{
		CdComparison *comparison = &model->comparison[c];
		double		sum = 0;
		double		known = random->known[c] * scale;

		for (int k = 0; k < comparison->nlevels; k++)
		{
			double		count = random->level[c][k];
			double		held = other == NULL ? 0 : other->level[c][k];

			if (k == comparison->identifying)
			{
				double		usual = Min(defaults->comparison[c].u[k], STRANGERS / Max(holders[c], 10));

				comparison->u[k] = other == NULL ? usual : (other->strangers[c] + FEW) / (known + FEW / usual);
				sum += comparison->u[k];
				continue;
			}
			if (k == 1 && random->near[c] > 0)
				count = random->near[c] * known;
			else if (count >= SEEN && match == NULL)
				count *= scale;
			else if (count >= SEEN)	/* candidates miss some, but what may be chance is none of these */
				count = Max((count - sqrt(count)) * scale - match->level[c][k], held);
			else
				count = held;
			comparison->u[k] = (count + defaults->comparison[c].u[k] * scale) / (known + scale);
			/* what few random pairs did not show is no rarer for it; candidates hold all of what is rare */
			comparison->u[k] = Max(comparison->u[k], other == NULL ? Min(defaults->comparison[c].u[k], 1 / Max(random->known[c], 1)) : 1e-10);
			sum += comparison->u[k];
		}
		for (int k = 0; k < comparison->nlevels; k++)
			comparison->u[k] /= sum;
		never_for_differing(comparison);
	}
}

/* How many pairs of each kind there are, and how many records may be of it. */
typedef struct Population
{
	double		pairs[CD_PAIR_KINDS];
	double		records[CD_PAIR_KINDS];
	double		holders[CD_MAX_COMPARISONS];	/* records that have a value, by comparison */
} Population;

/* Count whom there is; who has nothing but identifiers to be known by is nobody. */
static void
count_population(const CdEngine *engine, const CdRecords *records, Population *population)
{
	const CdLayout *layout = engine->layout;
	double		persons = 0;
	double		accounts = 0;

	memset(population, 0, sizeof(Population));
	for (uint32 r = 0; r < records->n; r++)
	{
		const CdForm *form = CD_FORM(records, r);
		bool		known = false;

		for (int c = 0; c < engine->model->ncomparisons; c++)
			population->holders[c] += form->start[engine->model->comparison[c].slot + 1] > form->start[engine->model->comparison[c].slot];
		if (cd_pair_kind(engine, form, form) == CD_PAIR_ACCOUNTS)
		{
			accounts++;
			continue;
		}
		for (int s = 0; s < layout->nslots && !known; s++)
			known = form->start[s + 1] > form->start[s] && layout->slot[s].kind != CD_SLOT_CODE &&
				layout->slot[s].kind != CD_SLOT_CLASS;
		persons += known;
	}
	population->pairs[CD_PAIR_PERSONS] = persons * (persons - 1) / 2;
	population->pairs[CD_PAIR_MIXED] = persons * accounts;
	population->pairs[CD_PAIR_ACCOUNTS] = accounts * (accounts - 1) / 2;
	population->records[CD_PAIR_PERSONS] = persons;
	population->records[CD_PAIR_MIXED] = Max(persons, accounts);
	population->records[CD_PAIR_ACCOUNTS] = accounts;
}

/* Set the shares before any match is seen. */
static void
first_shares(CdModel *model, const Population *population)
{
	for (int kind = 0; kind < CD_PAIR_KINDS; kind++)
	{
		double		n = Max(population->records[kind], 10);

		model->lambda[kind] = Min(FIRST_TWINS / n, 0.01);
		model->housemates[kind] = HOUSEMATES * (model->lambda[kind] + 1 / n);
	}
}

/*
 * How far the companies that seem to be one exceed what can be: where they
 * differ in something far more often than one company's records do, many are
 * called alike, and only as many are one as those that agree there let expect.
 */
static double
excess_of_namesakes(const CdModel *model, const CdModel *defaults, const Counts *match, const Patterns *patterns)
{
	double		excess = 0;

	for (int c = 0; c < model->ncomparisons; c++)
	{
		double		usual = Max(MOST_DIFFERENT * defaults->comparison[c].m[0],
								patterns->same_differ[c] / Max(patterns->same_known[c], SEEN));

		if (match->accounts[c] >= SEEN && usual < 1)
			excess = Max(excess, (1 - usual) * match->accounts[c] / Max(match->accounts[c] - match->accounts_differ[c], 1));
	}
	return excess;
}

/* Set how often two of a household differ in what most of them share, drawn to what is usual; never less often than one customer's records. */
static void
settle_housemates(CdModel *model, const CdModel *defaults, const Counts *other)
{
	for (int c = 0; c < model->ncomparisons; c++)
	{
		CdComparison *comparison = &model->comparison[c];
		double		usual = defaults->comparison[c].housemates;

		if (usual > 0)
			comparison->housemates = (float) Min(Max((other->apart[c] + FEW * usual) / (other->shared[c] + FEW), comparison->m[0]), 0.9);
	}
}

/* Set the share of pairs that are a match, and of those that are of one household, drawn to what is usual. */
static void
settle_shares(CdModel *model, const Population *population, const Counts *match, const Counts *other, double namesakes)
{
	double		persons = population->records[CD_PAIR_PERSONS] + population->records[CD_PAIR_ACCOUNTS];
	double		twins = 2 * match->total / Max(persons, 10);

	for (int kind = 0; kind < CD_PAIR_KINDS; kind++)
	{
		double		n = Max(population->records[kind], 10);
		double		pairs = population->pairs[kind];
		double		usual = Min(Max(twins, LEAST_TWINS) / n, 0.5);
		double		lambda = (match->kind[kind] + FEW) / (pairs + FEW / usual);

		model->lambda[kind] = Min(Max(lambda, LEAST_TWINS / n), 0.9) / (kind == CD_PAIR_ACCOUNTS ? namesakes : 1);
		usual = HOUSEMATES * (model->lambda[kind] + 1 / n);
		model->housemates[kind] = (other->housemates[kind] + FEW) / (pairs + FEW / usual);
	}
}

/*
 * Set m from the expected matches, drawn towards the defaults.  A pair that
 * only one comparison says something about is as likely a match as that
 * comparison has it: an echo, which the defaults are held against.  So is what
 * is learned of companies' names: one company under two names looks like two
 * of one building, and would all be taken for these.
 */
static double
maximise_match(CdModel *model, int account_slot, const CdModel *defaults, const Counts *match, const Patterns *patterns)
{
	double		moved = 0;

	for (int c = 0; c < model->ncomparisons; c++)
	{
		CdComparison *comparison = &model->comparison[c];
		double		prior = PRIOR_MATCHES + ECHO * (comparison->slot == account_slot ? match->known[c] : match->alone[c]);
		double		usual = defaults->comparison[c].m[0];
		double		least = (Max(match->sure_differ[c], 0) + FEW * usual / LEAST_DIFFERENT) / (match->sure[c] + FEW);
		double		differ = (match->level[c][0] + prior * defaults->comparison[c].m[0]) / (match->known[c] + prior);
		double		most = Max(MOST_DIFFERENT * defaults->comparison[c].m[0],
							   patterns->same_differ[c] / Max(patterns->same_known[c], SEEN));
		double		share = 1;

		least = Min(Max(least, usual / LEAST_DIFFERENT), usual);
		/* labels may show that fewer do; those that people decided are no sample that could show more */
		least = Min(least, (patterns->same_differ[c] + SEEN * least) / (patterns->same_known[c] + SEEN));
		/*
		 * A class of pairs that differ far more often than expected is not the
		 * matches, and matches that differ are the last to be known for such:
		 * that few are seen is no sign that there are few.  Labels tell.
		 */
		if (differ < least && differ < 1)
			share = (1 - least) / (1 - differ);
		for (int k = 0; k < comparison->nlevels; k++)
		{
			double		m = (match->level[c][k] + prior * defaults->comparison[c].m[k]) / (match->known[c] + prior);

			m = k == 0 ? Min(Max(differ, least), most) : Max(m * share, 1e-6);
			moved = Max(moved, fabs(m - comparison->m[k]));
			comparison->m[k] = m;
		}
	}
	return moved;
}

/* Find what rarity the levels speak of that count it in part only; the others speak of u, see cd_model_independent. */
static void
settle_rarity(CdModel *model, const Counts *random)
{
	for (int c = 0; c < model->ncomparisons; c++)
	{
		CdComparison *comparison = &model->comparison[c];

		for (int k = 0; k < comparison->nlevels; k++)
		{
			if (random->level[c][k] < SEEN)
				comparison->tf_base[k] = (float) -log2(comparison->u[k]);
			else
				comparison->tf_base[k] = random->rarity[c][k] / random->level[c][k];
		}
	}
}

/* What training works with. */
typedef struct Training
{
	CdEngine   *engine;
	CdRecords  *records;
	CdBlocking *blocking;
	const CdLabels *labels;
	const CdModel *defaults;
	Population	population;
	Counts	   *random;
	Counts	   *match;
	Counts	   *other;
	double		pairs;			/* of records, in all */
} Training;

/* Start from the defaults, with u and rarity from random pairs. */
static void
train_others(Training *t, double random_pairs)
{
	CdModel    *model = t->engine->model;

	memset(t->random, 0, sizeof(Counts));
	t->random->n = model->ncomparisons;
	first_shares(model, &t->population);
	cd_model_independent(model);
	cd_count_random(t->engine, t->records, random_pairs, NEAR_SHARE * random_pairs, t->random);
	maximise_other(model, t->defaults, t->population.holders, t->random, NULL, NULL, t->pairs);
	settle_rarity(model, t->random);
	cd_model_independent(model);
}

/* Expectation maximisation over a sample of the candidates; "levels" false learns the shares alone. */
static void
train_rounds(Training *t, double sample_pairs, int rounds, bool levels, CdTraining *report)
{
	CdModel    *model = t->engine->model;
	Patterns	patterns;
	Expected	expected;
	double		namesakes = 1;
	double		step;

	memset(report, 0, sizeof(CdTraining));
	memset(&patterns, 0, sizeof(patterns));
	patterns.engine = t->engine;
	patterns.records = t->records;
	patterns.labels = t->labels;
	patterns.step = Max(1, (uint32) ceil(t->blocking->expected / sample_pairs));
	cd_sample_patterns(&patterns, t->records, t->blocking, Min(sample_pairs, t->blocking->expected));
	report->candidates = patterns.seen * patterns.step;
	report->patterns = patterns.n;
	expected.match = MemoryContextAllocHuge(t->engine->context, Max(patterns.n, 1) * sizeof(double));
	expected.housemates = MemoryContextAllocHuge(t->engine->context, Max(patterns.n, 1) * sizeof(double));
	cd_bounds_make(model, &report->bounds);
	for (int round = 0; round < rounds && !report->converged; round++)
	{
		expect(model, &patterns, &expected, &report->bounds, t->match, t->other);
		if (levels)
			report->moved = maximise_match(model, t->engine->layout->account_slot, t->defaults, t->match, &patterns);
		/* as much as is needed, approached ever slower from either side */
		step = pow(Min(Max(excess_of_namesakes(model, t->defaults, t->match, &patterns), 0.5), 2), 5.0 / (5 + round));
		step = Max(namesakes * step, 1) / namesakes;
		namesakes *= step;
		settle_shares(model, &t->population, t->match, t->other, namesakes);
		if (levels)
			settle_housemates(model, t->defaults, t->other);
		if (levels)
			maximise_other(model, t->defaults, t->population.holders, t->random, t->match, t->other, t->pairs);
		settle_rarity(model, t->random);
		cd_model_independent(model);
		if (levels)
		{
			cd_same_moves(model, t->match);
			cd_other_dependence(model, t->random, t->match, t->other, t->pairs);
		}
		report->rounds = round + 1;
		report->converged = levels && report->moved < CONVERGED && fabs(step - 1) < 0.02;
	}
	report->matches = t->match->total;
	pfree(expected.match);
	pfree(expected.housemates);
	pfree(patterns.item);
}

/*
 * How many further records a record's own customer has, where it has any: of a
 * customer's records the second meets one that the model takes for the same
 * before it, the third two.  Those who are recorded once do not count: that
 * there are more of them tells nothing of the others.
 */
static double
count_twins(Training *t)
{
	uint32		step = Max(t->records->n / TWINS_SAMPLE, 1);
	double		pairs = 0;
	double		later = 0;
	double		second = 0;

	for (uint32 r = 0; r < t->records->n; r++)
	{
		CdAgreement agreement;
		uint32		n;
		int			met = 0;

		if (murmurhash32(r) % step != 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		n = cd_candidates(t->engine, t->blocking, r);
		for (uint32 i = 0; i < n; i++)
		{
			cd_agreement(t->engine, CD_FORM(t->records, r), CD_FORM(t->records, t->blocking->touched[i]), &agreement);
			met += cd_weight(t->engine->model, &agreement, NULL) > 0;
		}
		pairs += met;
		later += met > 0;
		second += met == 1;
	}
	return 2 * pairs / Max(later + second, 1);
}

/*
 * Do values look rarer than they are?  Strangers agree with the share u, and
 * were all values equally rare, agreeing ones would be of -log2 u bits; where
 * some are commoner than others, of fewer.  Were one customer recorded
 * hundreds of times and hardly another twice, leaving out so many holders of
 * every value would make each town a rare one.
 */
static bool
rarity_overstated(const Training *t)
{
	double		scale = t->pairs / Max(t->random->total, 1);

	for (int c = 0; c < t->random->n; c++)
	{
		const CdComparison *comparison = &t->defaults->comparison[c];

		for (int k = 1; k < comparison->nlevels; k++)
		{
			double		seen = t->random->level[c][k];
			double		strangers = seen * scale - t->match->level[c][k];
			double		known = Max(t->random->known[c] * scale - t->match->known[c], 1);

			/* where most who agree are one customer, they do not tell */
			if (comparison->tf[k] != 1.0f || seen < SEEN_WELL || strangers < seen * scale / 2)
				continue;
			if (t->random->rarity[c][k] / seen > -log2(strangers / known) + OVERSTATED)
				return true;
		}
	}
	return false;
}

/*
 * Train the model on a batch.  "learn" false sets only what needs no
 * learning: u and rarity from random pairs.  A first look at few pairs tells
 * how often customers are recorded, by which rarity is measured.
 */
void
cd_train(CdEngine *engine, CdRecords *records, CdBlocking *blocking, bool learn,
		 const CdLabels *labels, CdTraining *report)
{
	CdModel    *model = engine->model;
	CdModel    *defaults = MemoryContextAlloc(engine->context, sizeof(CdModel));
	Training	t;
	double		twins;

	for (int c = 0; c < model->ncomparisons; c++)
		model->comparison[c].unseen = 0;
	memcpy(defaults, model, sizeof(CdModel));
	t.engine = engine;
	t.records = records;
	t.blocking = blocking;
	t.labels = labels;
	t.defaults = defaults;
	t.random = MemoryContextAllocHuge(engine->context, sizeof(Counts));
	t.match = MemoryContextAllocHuge(engine->context, sizeof(Counts));
	t.other = MemoryContextAllocHuge(engine->context, sizeof(Counts));
	t.pairs = (double) records->n * (records->n - 1) / 2;
	model->records = records->n;
	count_population(engine, records, &t.population);

	train_others(&t, RANDOM_PAIRS / FIRST_LOOK);
	train_rounds(&t, SAMPLE_PAIRS / FIRST_LOOK, FIRST_ROUNDS, learn, report);
	/* as it is kept, so that later runs agree to the last digit */
	for (twins = count_twins(&t);; twins = twins < 1 ? 0 : twins / 2)
	{
		engine->stats->twins = (float) twins;
		cd_dictionary_rate(engine->dict, engine->layout, engine->stats, 0);
		cd_settle_unseen(model, engine->layout, engine->stats);
		for (int c = 0; c < model->ncomparisons; c++)
		{
			defaults->comparison[c].holders = model->comparison[c].holders;
			defaults->comparison[c].unseen = model->comparison[c].unseen;
			model->comparison[c] = defaults->comparison[c];
		}
		train_others(&t, RANDOM_PAIRS);
		if (twins == 0 || !rarity_overstated(&t))
			break;
	}
	if (learn)
	{
		train_rounds(&t, SAMPLE_PAIRS, ROUNDS, true, report);
		for (int c = 0; c < model->ncomparisons; c++)
		{
			for (int k = 0; k < model->comparison[c].nlevels; k++)
				report->seen[c][k] = t.match->level[c][k];
		}
		model->trained = true;
	}
	cd_settle_unseen(model, engine->layout, engine->stats);
	pfree(t.random);
	pfree(t.match);
	pfree(t.other);
	pfree(defaults);
}
