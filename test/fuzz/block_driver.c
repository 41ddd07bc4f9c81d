/*
 * block_driver.c
 *		The loops over blocks of customers without a server, each level of
 *		instructions beside one value after the other.
 *
 * block_driver N SEED: N rounds of random values, with the extremes among them.
 */
#include "postgres.h"

#include "segment/block.h"

#include "datatype/timestamp.h"

#include <math.h>

#undef printf
#undef fprintf

static uint64 seed;

static uint64
next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

/* A number: near nought, of any size, or at an end. */
static int64
number(void)
{
	static const int64 ends[] = {PG_INT64_MIN, PG_INT64_MIN + 1, -1, 0, 1, PG_INT64_MAX - 1, PG_INT64_MAX};

	switch (next() % 4)
	{
		case 0:
			return ends[next() % lengthof(ends)];
		case 1:
			return (int64) next();
		default:
			return (int64) (next() % 9) - 4;
	}
}

static void
check(bool good, const char *what, int row)
{
	if (good)
		return;
	fprintf(stderr, "%s differs at row %d\n", what, row);
	exit(1);
}

/* Every loop once over random values. */
static void
check_round(void)
{
	int64		values[CD_BLOCK + 1];
	double		reals[CD_BLOCK];
	bool		flags[CD_BLOCK];
	int64		until[CD_BLOCK],
				before[CD_BLOCK];
	int64		one = number(),
				least = number(),
				cut = number(),
				limit = number(),
				later = (int64) (next() % 2),
				length = (int64) (next() % 7);
	uint64		width = next() % 2 ? next() : next() % 8;
	uint64		rows = next() % 3 ? next() : next() & next() & next();
	double		real = next() % 8 ? (double) (int64) (next() % 5) - 2 : INFINITY;
	const int64 *shifted = values + next() % 2;
	uint64		set,
				less,
				most,
				differ,
				within,
				above,
				beyond;
	int			i;

	for (i = 0; i <= CD_BLOCK; i++)
		values[i] = number();
	for (i = 0; i < CD_BLOCK; i++)
	{
		reals[i] = next() % 8 ? (double) (int64) (next() % 5) - 2 : next() % 2 ? NAN : -INFINITY;
		flags[i] = next() % 2;
		until[i] = before[i] = (int64) next();
	}
	set = cd_block->set(flags);
	less = cd_block->less(reals, real, false);
	most = cd_block->less(reals, real, true);
	differ = cd_block->differ(shifted, one);
	within = cd_block->within(shifted, least, width);
	above = cd_block->above(shifted, rows, later, cut, length, limit, until, &beyond);
	for (i = 0; i < CD_BLOCK; i++)
	{
		int64		value = (int64) ((uint64) shifted[i] + (uint64) later);
		bool		meant = rows >> i & 1;

		check((set >> i & 1) == flags[i], "set", i);
		check((less >> i & 1) == (reals[i] < real), "less", i);
		check((most >> i & 1) == (reals[i] <= real), "less or equal", i);
		check((differ >> i & 1) == (shifted[i] != one), "differ", i);
		check((within >> i & 1) == ((uint64) shifted[i] - (uint64) least <= width), "within", i);
		check((above >> i & 1) == (meant && value > cut), "above", i);
		check((beyond >> i & 1) == (meant && shifted[i] >= limit), "beyond", i);
		check(until[i] == (!meant ? before[i] : value > cut ? (int64) ((uint64) value + (uint64) length) : DT_NOEND), "until", i);
	}
}

int
main(int argc, char **argv)
{
	int			n = argc > 1 ? atoi(argv[1]) : 100;
	int			level,
				i;

	seed = (argc > 2 ? (uint64) atoll(argv[2]) : 1) * UINT64CONST(2654435761) + 88172645463325252u;
	for (level = 0; level < CD_BLOCK_LEVELS; level++)
	{
		if (!cd_block_choose(level))
			continue;
		for (i = 0; i < n; i++)
			check_round();
		printf("level %d: %d rounds\n", level, n);
	}
	return 0;
}
