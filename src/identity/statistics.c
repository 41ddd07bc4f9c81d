/*
 * statistics.c
 *		How frequent tokens and keys are, as they were when last counted: a part
 *		of the model, so that a pair scores the same whenever it is scored.
 */
#include "postgres.h"

#include "customer_data.h"

#include <math.h>

#include "identity/train.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

/* Seeds of hashes that are no tokens'. */
#define KEPT_SPACE		98
#define KEPT_DISTINCT	99

/* Frequencies are kept as eighths of their logarithm. */
uint8
cd_frequency_bits(uint32 df)
{
	return (uint8) Min(255, (int) rint(8.0 * log2((double) Max(df, 1))));
}

/*
 * How far rarity can be trusted: a value that two of ten records share is no
 * common value, nor a rare one.
 */
float
cd_rarity_known(const CdStatistics *stats)
{
	return (float) (1.0 - exp2(-stats->records / 100.0));
}

CdStatistics *
cd_statistics_create(MemoryContext context, double records, uint32 floor, uint32 expected)
{
	CdStatistics *stats = MemoryContextAllocZero(context, sizeof(CdStatistics));
	uint32		size = pg_nextpower2_32(Max(expected, 512)) * 2;

	stats->context = context;
	stats->records = Max(records, 2.0);
	stats->floor = floor;
	stats->mask = size - 1;
	stats->hash = MemoryContextAllocExtended(context, (Size) size * sizeof(uint64),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	stats->bits = MemoryContextAllocExtended(context, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return stats;
}

/* Double the table. */
static void
statistics_grow(CdStatistics *stats)
{
	uint64	   *hash = stats->hash;
	uint8	   *bits = stats->bits;
	uint32		size = stats->mask + 1;

	stats->hash = MemoryContextAllocExtended(stats->context, (Size) size * 2 * sizeof(uint64),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	stats->bits = MemoryContextAllocExtended(stats->context, (Size) size * 2,
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	stats->mask = size * 2 - 1;
	stats->nkeys = 0;
	for (uint32 i = 0; i < size; i++)
	{
		if (hash[i] != 0)
			cd_statistics_put(stats, hash[i], bits[i]);
	}
	pfree(hash);
	pfree(bits);
}

/* Keep the frequency of a key. */
void
cd_statistics_put(CdStatistics *stats, uint64 hash, uint8 bits)
{
	uint32		b;

	if (stats->nkeys > stats->mask / 2)
		statistics_grow(stats);
	b = (uint32) (hash >> 7) & stats->mask;
	while (stats->hash[b] != 0 && stats->hash[b] != hash)
		b = (b + 1) & stats->mask;
	if (stats->hash[b] == 0)
		stats->nkeys++;
	stats->hash[b] = hash;
	stats->bits[b] = bits;
}

/* The frequency of a key; one not kept has the frequency of the floor. */
uint8
cd_statistics_bits(const CdStatistics *stats, uint64 hash)
{
	uint32		b = (uint32) (hash >> 7) & stats->mask;

	while (stats->hash[b] != 0)
	{
		if (stats->hash[b] == hash)
			return stats->bits[b];
		b = (b + 1) & stats->mask;
	}
	return cd_frequency_bits(stats->floor);
}

/* The namespace whose tokens show that a record fills a slot. */
uint8
cd_slot_space(const CdLayout *layout, int slot)
{
	switch (layout->slot[slot].kind)
	{
		case CD_SLOT_NAME:
			return CD_SPACE_NAME;
		case CD_SLOT_STREET:
			return CD_SPACE_WORD;
		case CD_SLOT_COMPANY:
			return slot == layout->account_slot ? CD_SPACE_ACCOUNT : CD_SPACE_COMPANY;
		default:
			return CD_SPACE_SLOT + slot;
	}
}

/* Under this hash is kept how many records hold a token of a namespace. */
uint64
cd_space_hash(uint8 space)
{
	return cd_hash64(KEPT_SPACE, (const char *) &space, sizeof(space));
}

/* Under this hash is kept how many different names hold a token. */
uint64
cd_distinct_hash(uint64 hash)
{
	return cd_hash64(KEPT_DISTINCT, (const char *) &hash, sizeof(hash));
}

/* The namespace by whose holders a token's frequency is measured. */
static uint8
rating_space(const CdLayout *layout, uint8 space)
{
	if (space == CD_SPACE_NUMBER)
		return CD_SPACE_WORD;
	if (space == CD_SPACE_MAILBOX || space == CD_SPACE_DOMAIN)
	{
		for (int s = 0; s < layout->nslots; s++)
		{
			if (layout->slot[s].kind == CD_SLOT_EMAIL)
				return CD_SPACE_SLOT + s;
		}
	}
	return space;
}

/*
 * How many records of strangers hold what so many records hold, one's own left
 * out: where a customer is recorded many times, most who share a rare value
 * are that customer.
 */
static double
held_by_strangers(double df, double twins)
{
	return Max(Max(df - twins, df / (1 + twins)), 1);
}

/* Is a token a number or mailbox, of which those who hold it are judged by themselves? */
static bool
is_identifying(const CdLayout *layout, uint8 space)
{
	const CdSlot *slot;

	if (space < CD_SPACE_SLOT || space - CD_SPACE_SLOT >= layout->nslots)
		return false;
	slot = &layout->slot[space - CD_SPACE_SLOT];
	return slot->kind == CD_SLOT_PHONE || slot->kind == CD_SLOT_CODE || slot->kind == CD_SLOT_EMAIL || slot->identifier > 0;
}

/*
 * Settle how much rarer a birth date held once is than one of the N records
 * that hold any: one of N + 1/u, where strangers agree as seldom as u, for
 * there are about 1/u dates and all are about as common.  FEW pairs of
 * strangers more that agree would be nothing new, and keep 1/u from what a few
 * records cannot show.  Names are no such values: how often strangers agree
 * tells of the common ones.
 */
void
cd_settle_unseen(CdModel *model, const CdLayout *layout, const CdStatistics *stats)
{
	for (int c = 0; c < model->ncomparisons; c++)
	{
		CdComparison *comparison = &model->comparison[c];
		double		n;

		comparison->unseen = 0;
		if (comparison->kind != CD_CMP_BIRTH)
			continue;
		comparison->holders = cd_statistics_bits(stats, cd_space_hash(cd_slot_space(layout, comparison->slot))) / 8.0f;
		n = exp2(comparison->holders);
		comparison->unseen = (float) log2(1 + 1 / (n * (comparison->u[comparison->nlevels - 1] + FEW / (n * n / 2))));
	}
}

/*
 * Give every token of a dictionary its rarity among the records that hold a
 * value of its kind.  A word of a company's name is as rare as among different
 * names, however often each is recorded.
 */
void
cd_dictionary_rate(CdDictionary *dict, const CdLayout *layout, const CdStatistics *stats, uint32 from)
{
	float		strangers[256];

	for (int b = 0; b < (int) lengthof(strangers); b++)
		strangers[b] = (float) log2(held_by_strangers(exp2(b / 8.0), stats->twins));
	for (int space = 0; space < (int) lengthof(dict->all); space++)
		dict->all[space] = cd_statistics_bits(stats, cd_space_hash(rating_space(layout, space))) / 8.0f;
	for (uint32 i = from; i < dict->ntokens; i++)
	{
		const CdToken *t = &dict->token[i];
		uint64		hash = t->space == CD_SPACE_ACCOUNT ? cd_distinct_hash(t->hash) : t->hash;
		uint8		held = cd_statistics_bits(stats, hash);

		if (i % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		dict->glance[i].bits = Max(dict->all[t->space] - (is_identifying(layout, t->space) ? held / 8.0f : strangers[held]), 0);
	}
}
