/*
 * statistics.c
 *		How frequent tokens and keys are, as they were when last counted: a part
 *		of the model, so that a pair scores the same whenever it is scored.
 */
#include "postgres.h"

#include "customer_data.h"

#include <math.h>

#include "identity/engine.h"
#include "port/pg_bitutils.h"

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

/* Give every token of a dictionary its frequency. */
void
cd_dictionary_rate(CdDictionary *dict, const CdStatistics *stats, uint32 from)
{
	for (uint32 i = from; i < dict->ntokens; i++)
		dict->glance[i].bits = (float) (log2(stats->records) - cd_statistics_bits(stats, dict->token[i].hash) / 8.0);
}
