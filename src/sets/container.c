/*
 * container.c
 *		Ask and combine single containers of customer sets.
 */
#include "postgres.h"

#include "sets/container.h"

#include "port/pg_bitutils.h"

/* Above as many boundaries of runs a bitmap is quicker. */
#define MOST_EDGES		2046

/* The other array must be so many times longer for searching in it. */
#define SKEW			24

/* Say what is wrong with one container's body, or NULL */
const char *
cd_container_fault(int kind, uint32 cardinality, const uint8 *body)
{
	uint32		i;

	if (kind == KIND_ARRAY)
	{
		for (i = 1; i < cardinality; i++)
			if (load16(body + 2 * i) <= load16(body + 2 * (i - 1)))
				return "an array container is not sorted";
	}
	else if (kind == KIND_BITMAP)
	{
		if (cd_bits->count(body, BITMAP_WORDS) != cardinality)
			return "a bitmap container does not hold the number of ids it says";
	}
	else
	{
		uint32		runs = load16(body);
		uint32		total = 0;
		int64		last = -2;

		for (i = 0; i < runs; i++)
		{
			uint32		start = load16(body + 2 + 4 * i);
			uint32		more = load16(body + 4 + 4 * i);

			if ((int64) start <= last + 1 || start + more > 0xFFFF)
				return "the runs of a container overlap or leave its range";
			last = start + more;
			total += more + 1;
		}
		if (total != cardinality)
			return "a run container does not hold the number of ids it says";
	}
	return NULL;
}

bool
cd_container_contains(const CdContainer *c, uint32 low)
{
	if (c->kind == KIND_BITMAP)
		return bit_is_set(c->body, low);
	if (c->kind == KIND_ARRAY)
	{
		uint32		a = 0,
					b = c->cardinality;

		while (a < b)
		{
			uint32		mid = a + (b - a) / 2;

			if (load16(c->body + 2 * mid) < low)
				a = mid + 1;
			else
				b = mid;
		}
		return a < c->cardinality && load16(c->body + 2 * a) == low;
	}
	else
	{
		/* The last run that starts at or before the value */
		uint32		a = 0,
					b = run_count(c);

		while (a < b)
		{
			uint32		mid = a + (b - a) / 2;

			if (run_first(c->body, mid) <= low)
				a = mid + 1;
			else
				b = mid;
		}
		return a > 0 && low <= run_last(c->body, a - 1);
	}
}

/* Values that two arrays share, into out unless it is NULL */
static uint32
common_of_arrays(const CdContainer *a, const CdContainer *b, uint8 *out)
{
	if (a->cardinality > b->cardinality)
	{
		const CdContainer *t = a;

		a = b;
		b = t;
	}
	if (a->cardinality * SKEW < b->cardinality)
	{
		uint32		i,
					j = 0,
					n = 0;

		for (i = 0; i < a->cardinality && j < b->cardinality; i++)
		{
			uint16		value = load16(a->body + 2 * i);

			j = gallop(b->body, j, b->cardinality, value);
			if (j < b->cardinality && load16(b->body + 2 * j) == value)
			{
				if (out != NULL)
					store16(out + 2 * n, value);
				n++;
			}
		}
		return n;
	}
	return cd_bits->common(a->body, a->cardinality, b->body, b->cardinality, out);
}

/* Bits of a bitmap between two positions, both included */
static uint32
bits_between(const uint8 *body, uint32 first, uint32 last)
{
	uint32		w = first / 64,
				end = last / 64;
	uint64		mask = ~UINT64CONST(0) << (first % 64);
	uint64		end_mask = ~UINT64CONST(0) >> (63 - last % 64);

	if (last < first)
		return 0;
	if (w == end)
		return __builtin_popcountll(load64(body + 8 * w) & mask & end_mask);
	return __builtin_popcountll(load64(body + 8 * w) & mask) +
		cd_bits->count(body + 8 * (w + 1), end - w - 1) +
		__builtin_popcountll(load64(body + 8 * end) & end_mask);
}

/* Count what a run container shares with another; stops soon after there is enough */
static uint32
common_with_runs(const CdContainer *runs, const CdContainer *other, uint32 enough)
{
	uint32		count = run_count(runs);
	uint32		others = other->kind == KIND_RUN ? run_count(other) : other->cardinality;
	uint32		n = 0;
	uint32		i,
				j = 0;

	for (i = 0; i < count && n < enough; i++)
	{
		uint32		first = run_first(runs->body, i);
		uint32		last = run_last(runs->body, i);

		if (other->kind == KIND_BITMAP)
			n += bits_between(other->body, first, last);
		else if (other->kind == KIND_ARRAY)
		{
			uint32		end;

			j = gallop(other->body, j, others, first);
			end = gallop(other->body, j, others, last + 1);
			n += end - j;
			j = end;
		}
		else
		{
			for (; j < others; j++)
			{
				uint32		start = run_first(other->body, j);
				uint32		stop = run_last(other->body, j);

				if (start > last)
					break;
				if (stop >= first)
					n += Min(stop, last) - Max(start, first) + 1;
				if (stop > last)
					break;
			}
		}
	}
	return n;
}

/* Values of an array that are set in a bitmap */
static uint32
common_with_bits(const CdContainer *array, const uint8 *bits)
{
	uint32		n = 0;
	uint32		i;

	for (i = 0; i < array->cardinality; i++)
		n += bit_is_set(bits, load16(array->body + 2 * i));
	return n;
}

/* Number of ids that two containers of the same key share */
uint32
cd_container_common(const CdContainer *a, const CdContainer *b)
{
	if (container_is_full(a))
		return b->cardinality;
	if (container_is_full(b))
		return a->cardinality;
	if (a->kind == KIND_RUN)
		return common_with_runs(a, b, PG_UINT32_MAX);
	if (b->kind == KIND_RUN)
		return common_with_runs(b, a, PG_UINT32_MAX);
	if (a->kind == KIND_ARRAY && b->kind == KIND_ARRAY)
		return common_of_arrays(a, b, NULL);
	if (a->kind == KIND_BITMAP && b->kind == KIND_BITMAP)
		return cd_bits->count_common(a->body, b->body, BITMAP_WORDS);
	return a->kind == KIND_ARRAY ? common_with_bits(a, b->body) : common_with_bits(b, a->body);
}

/* Do two containers of the same key share an id?  Stops at the first. */
bool
cd_container_intersects(const CdContainer *a, const CdContainer *b)
{
	uint32		i;

	if (a->kind == KIND_BITMAP && b->kind == KIND_BITMAP)
	{
		for (i = 0; i < BITMAP_WORDS; i += 16)
			if (cd_bits->count_common(a->body + 8 * i, b->body + 8 * i, 16) > 0)
				return true;
		return false;
	}
	if (a->kind == KIND_BITMAP || (b->kind == KIND_ARRAY && b->cardinality < a->cardinality))
	{
		const CdContainer *t = a;

		a = b;
		b = t;
	}
	if (a->kind == KIND_ARRAY && b->kind == KIND_BITMAP)
	{
		for (i = 0; i < a->cardinality; i++)
			if (bit_is_set(b->body, load16(a->body + 2 * i)))
				return true;
		return false;
	}
	if (a->kind == KIND_ARRAY && b->kind == KIND_ARRAY)
	{
		uint32		j = 0;

		for (i = 0; i < a->cardinality && j < b->cardinality;)
		{
			uint32		x = load16(a->body + 2 * i),
						y = load16(b->body + 2 * j);

			if (x == y)
				return true;
			if (x < y)
				i = gallop(a->body, i, a->cardinality, y);
			else
				j = gallop(b->body, j, b->cardinality, x);
		}
		return false;
	}
	return (a->kind == KIND_RUN ? common_with_runs(a, b, 1) : common_with_runs(b, a, 1)) > 0;
}

/* Does a container hold all of another of the same key?  Mostly found out soon. */
bool
cd_container_holds(const CdContainer *a, const CdContainer *b)
{
	uint32		i,
				j = 0;

	if (a->cardinality < b->cardinality)
		return false;
	if (b->kind == KIND_ARRAY && a->kind == KIND_BITMAP)
	{
		for (i = 0; i < b->cardinality; i++)
			if (!bit_is_set(a->body, load16(b->body + 2 * i)))
				return false;
		return true;
	}
	if (b->kind == KIND_ARRAY && a->kind == KIND_ARRAY)
	{
		for (i = 0; i < b->cardinality; i++, j++)
		{
			uint16		value = load16(b->body + 2 * i);

			while (j < a->cardinality && load16(a->body + 2 * j) < value)
				j++;
			if (j == a->cardinality || load16(a->body + 2 * j) != value)
				return false;
		}
		return true;
	}
	if (a->kind == KIND_BITMAP && b->kind == KIND_BITMAP)
	{
		for (i = 0; i < BITMAP_WORDS; i += 64)
			if (cd_bits->count_common(a->body + 8 * i, b->body + 8 * i, 64) != cd_bits->count(b->body + 8 * i, 64))
				return false;
		return true;
	}
	return cd_container_common(a, b) == b->cardinality;
}

/* Set the bits from first to last, both included */
void
cd_bits_set_range(uint8 *bits, uint32 first, uint32 last)
{
	uint32		w = first / 64,
				end = last / 64;
	uint64		mask = ~UINT64CONST(0) << (first % 64);
	uint64		end_mask = ~UINT64CONST(0) >> (63 - last % 64);

	if (last < first)
		return;
	if (w == end)
	{
		store64(bits + 8 * w, load64(bits + 8 * w) | (mask & end_mask));
		return;
	}
	store64(bits + 8 * w, load64(bits + 8 * w) | mask);
	memset(bits + 8 * (w + 1), 0xFF, 8 * (end - w - 1));
	store64(bits + 8 * end, load64(bits + 8 * end) | end_mask);
}

void
cd_container_to_bits(const CdContainer *c, uint8 *bits)
{
	uint32		i;

	if (c->kind == KIND_BITMAP)
		cd_bits->merge(bits, c->body);
	else if (c->kind == KIND_ARRAY)
	{
		for (i = 0; i < c->cardinality; i++)
		{
			uint32		low = load16(c->body + 2 * i);
			uint8	   *word = bits + 8 * (low >> 6);

			store64(word, load64(word) | UINT64CONST(1) << (low & 63));
		}
	}
	else
		for (i = 0; i < run_count(c); i++)
			cd_bits_set_range(bits, run_first(c->body, i), run_last(c->body, i));
}

/* The bitmap of a container: its own, or one written to a place of BITMAP_BYTES */
static const uint8 *
bits_of(const CdContainer *c, uint8 *place)
{
	if (c->kind == KIND_BITMAP)
		return c->body;
	memset(place, 0, BITMAP_BYTES);
	cd_container_to_bits(c, place);
	return place;
}

/* Are so many runs the smallest form of so many ids?  A tie is an array's. */
static inline bool
runs_are_smallest(uint32 runs, uint32 cardinality)
{
	return cardinality <= ARRAY_MAX ? 2 * runs < cardinality : 2 + 4 * runs < BITMAP_BYTES;
}

/* Most runs that can be the smallest form of so many ids */
static inline uint32
most_runs(uint32 cardinality)
{
	return cardinality <= ARRAY_MAX ? (cardinality - 1) / 2 : (BITMAP_BYTES - 3) / 4;
}

static uint32
describe(CdContainer *result, int kind, uint32 cardinality, const uint8 *body, uint32 bytes)
{
	result->kind = kind;
	result->cardinality = cardinality;
	result->body = body;
	return bytes;
}

/* Write the runs of a bitmap; answers their number */
static uint32
bits_to_runs(const uint8 *bits, uint8 *out, uint32 most)
{
	uint32		n = 0;
	uint32		w = 0;
	uint64		word = load64(bits);

	for (;;)
	{
		uint32		first,
					last;

		while (word == 0 && ++w < BITMAP_WORDS)
			word = load64(bits + 8 * w);
		if (w == BITMAP_WORDS || n == most)
			break;
		first = w * 64 + pg_rightmost_one_pos64(word);
		/* Fill up below the run, then look for its first gap. */
		word |= word - 1;
		while (word == ~UINT64CONST(0) && ++w < BITMAP_WORDS)
			word = load64(bits + 8 * w);
		if (w == BITMAP_WORDS)
			last = CHUNK_IDS - 1;
		else
		{
			last = w * 64 + pg_rightmost_one_pos64(~word) - 1;
			word &= word + 1;
		}
		store16(out + 2 + 4 * n, first);
		store16(out + 4 + 4 * n, last - first);
		n++;
		if (w == BITMAP_WORDS)
			break;
	}
	store16(out, n);
	return n;
}

uint32
cd_finish_bits(uint8 *out, uint32 cardinality, CdContainer *result)
{
	uint8		form[BITMAP_BYTES + 64];
	uint32		limit,
				runs,
				bytes;
	int			kind;

	if (cardinality == 0)
		return 0;
	limit = most_runs(cardinality);
	runs = cd_bits->runs(out, limit);
	if (runs <= limit)
	{
		runs = bits_to_runs(out, form, limit);
		kind = KIND_RUN;
		bytes = 2 + 4 * runs;
	}
	else if (cardinality > ARRAY_MAX)
		return describe(result, KIND_BITMAP, cardinality, out, BITMAP_BYTES);
	else
	{
		cardinality = cd_bits->positions(out, (uint16 *) form, cardinality);
		kind = KIND_ARRAY;
		bytes = 2 * cardinality;
	}
	memcpy(out, form, bytes);
	return describe(result, kind, cardinality, out, bytes);
}

uint32
cd_finish_array(uint8 *out, uint32 count, CdContainer *result)
{
	uint32		runs;
	uint32		i;

	if (count == 0)
		return 0;
	count = Min(count, ARRAY_MAX);
	runs = count - cd_bits->neighbours(out, count);
	if (runs_are_smallest(runs, count))
	{
		uint8		form[2 * ARRAY_MAX + 64];
		uint32		n = 0;
		uint32		from = 0;

		for (i = 1; i <= count; i++)
			if (i == count || (uint16) (load16(out + 2 * i) - load16(out + 2 * i - 2)) != 1)
			{
				store16(form + 2 + 4 * n, load16(out + 2 * from));
				store16(form + 4 + 4 * n, i - 1 - from);
				n++;
				from = i;
			}
		store16(form, n);
		memcpy(out, form, 2 + 4 * n);
		return describe(result, KIND_RUN, count, out, 2 + 4 * n);
	}
	return describe(result, KIND_ARRAY, count, out, 2 * count);
}

/* Bring runs that lie in out into the smallest form */
static uint32
finish_runs(uint8 *out, uint32 runs, uint32 cardinality, CdContainer *result)
{
	uint8		bits[BITMAP_BYTES];
	CdContainer c;

	if (runs == 0)
		return 0;
	store16(out, runs);
	describe(&c, KIND_RUN, cardinality, out, 0);
	if (runs_are_smallest(runs, cardinality))
		return describe(result, KIND_RUN, cardinality, out, 2 + 4 * runs);
	memcpy(out, bits_of(&c, bits), BITMAP_BYTES);
	return cd_finish_bits(out, cd_bits->count(out, BITMAP_WORDS), result);
}

uint32
cd_container_copy(const CdContainer *c, uint8 *out, CdContainer *result)
{
	if (c->kind == KIND_ARRAY)
	{
		memcpy(out, c->body, 2 * c->cardinality);
		return cd_finish_array(out, c->cardinality, result);
	}
	if (c->kind == KIND_RUN && run_count(c) <= MOST_EDGES)
	{
		memcpy(out, c->body, 2 + 4 * run_count(c));
		return finish_runs(out, run_count(c), c->cardinality, result);
	}
	memset(out, 0, BITMAP_BYTES);
	cd_container_to_bits(c, out);
	return cd_finish_bits(out, cd_bits->count(out, BITMAP_WORDS), result);
}

/* An array as runs, written to a place of 2 + 4 bytes a value */
static void
array_to_runs(const CdContainer *array, uint8 *out)
{
	uint32		n = 0;
	uint32		i;
	uint16		first = load16(array->body);

	for (i = 1; i <= array->cardinality; i++)
	{
		uint16		last = load16(array->body + 2 * i - 2);
		uint16		next = i < array->cardinality ? load16(array->body + 2 * i) : last;
		bool		ends = (uint16) (next - last) != 1;

		store16(out + 2 + 4 * n, first);
		store16(out + 4 + 4 * n, last - first);
		n += ends;
		first = ends ? next : first;
	}
	store16(out, n);
}

/* Write the runs that lie in both, or in the first's and between the second's; answers their number */
static uint32
common_runs(const uint8 *a, const uint8 *b, bool between, uint8 *out, uint32 *cardinality)
{
	uint32		na = load16(a),
				nb = load16(b) + between;
	uint32		i = 0,
				j = 0,
				n = 0;
	uint32		total = 0;

	int32		first_a,
				last_a,
				first_b,
				last_b;

#define NEXT_A() \
	do { \
		if (i == na) \
			goto done; \
		first_a = run_first(a, i); \
		last_a = run_last(a, i); \
		i++; \
	} while (0)
#define NEXT_B() \
	do { \
		if (j == nb) \
			goto done; \
		if (between) \
		{ \
			first_b = j == 0 ? 0 : run_last(b, j - 1) + 1; \
			last_b = j + 1 < nb ? (int32) run_first(b, j) - 1 : CHUNK_IDS - 1; \
		} \
		else \
		{ \
			first_b = run_first(b, j); \
			last_b = run_last(b, j); \
		} \
		j++; \
	} while (0)

	NEXT_A();
	NEXT_B();
	for (;;)
	{
		if (last_a < first_b)
			NEXT_A();
		else if (last_b < first_a)
			NEXT_B();
		else
		{
			int32		first = Max(first_a, first_b);
			int32		last = Min(last_a, last_b);

			store16(out + 2 + 4 * n, first);
			store16(out + 4 + 4 * n, last - first);
			n++;
			total += last - first + 1;
			if (last_a < last_b)
				NEXT_A();
			else if (last_b < last_a)
				NEXT_B();
			else
			{
				NEXT_A();
				NEXT_B();
			}
		}
	}
done:
	*cardinality = total;
	return n;
}

/* Write the runs that cover what either covers; answers their number */
static uint32
joined_runs(const uint8 *a, const uint8 *b, uint8 *out, uint32 *cardinality)
{
	uint32		na = load16(a),
				nb = load16(b);
	uint32		i = 0,
				j = 0,
				n = 0;
	int32		first = -1,
				last = -2;
	uint32		total = 0;

	while (i < na || j < nb)
	{
		int32		next,
					end;

		if (j == nb || (i < na && run_first(a, i) <= run_first(b, j)))
		{
			next = run_first(a, i);
			end = run_last(a, i);
			i++;
		}
		else
		{
			next = run_first(b, j);
			end = run_last(b, j);
			j++;
		}
		if (next > last + 1)
		{
			if (last >= 0)
			{
				store16(out + 2 + 4 * n, first);
				store16(out + 4 + 4 * n, last - first);
				n++;
				total += last - first + 1;
			}
			first = next;
		}
		last = Max(last, end);
	}
	store16(out + 2 + 4 * n, first);
	store16(out + 4 + 4 * n, last - first);
	*cardinality = total + last - first + 1;
	return n + 1;
}

/* Where runs begin and where they have ended, and one edge beyond all; answers their number */
static uint32
edges_of(const uint8 *runs, uint32 *edges)
{
	uint32		n = load16(runs);
	uint32		i;

	for (i = 0; i < n; i++)
	{
		edges[2 * i] = run_first(runs, i);
		edges[2 * i + 1] = run_last(runs, i) + 1;
	}
	edges[2 * n] = 2 * CHUNK_IDS;
	return 2 * n;
}

/* Write the runs that exactly one covers: edges that meet cancel each other */
static uint32
unlike_runs(const uint8 *a, const uint8 *b, uint8 *out, uint32 *cardinality)
{
	uint32		edges_a[2 * MOST_EDGES + 1],
				edges_b[2 * MOST_EDGES + 1],
				edges[4 * MOST_EDGES];
	uint32		na = edges_of(a, edges_a),
				nb = edges_of(b, edges_b);
	uint32		i = 0,
				j = 0,
				n = 0,
				k;
	uint32		total = 0;

	while (i < na || j < nb)
	{
		if (edges_a[i] < edges_b[j])
			edges[n++] = edges_a[i++];
		else if (edges_b[j] < edges_a[i])
			edges[n++] = edges_b[j++];
		else
		{
			i++;
			j++;
		}
	}
	for (k = 0; k + 1 < n; k += 2)
	{
		store16(out + 2 + 2 * k, edges[k]);
		store16(out + 4 + 2 * k, edges[k + 1] - edges[k] - 1);
		total += edges[k + 1] - edges[k];
	}
	*cardinality = total;
	return n / 2;
}

/* Combine two containers, neither a bitmap and at most MOST_EDGES runs or values together */
static uint32
combine_runs(CdSetOperation operation, const CdContainer *a, const CdContainer *b, uint8 *out, CdContainer *result)
{
	uint8		runs_a[2 + 4 * MOST_EDGES],
				runs_b[2 + 4 * MOST_EDGES];
	const uint8 *x = a->body,
			   *y = b->body;
	uint32		n;
	uint32		cardinality;

	if (a->kind == KIND_ARRAY)
	{
		array_to_runs(a, runs_a);
		x = runs_a;
	}
	if (b->kind == KIND_ARRAY)
	{
		array_to_runs(b, runs_b);
		y = runs_b;
	}
	if (operation == CD_OR)
		n = joined_runs(x, y, out, &cardinality);
	else if (operation == CD_XOR)
		n = unlike_runs(x, y, out, &cardinality);
	else
		n = common_runs(x, y, operation == CD_ANDNOT, out, &cardinality);
	return finish_runs(out, n, cardinality, result);
}

/* The values of an array that are, or are not, in runs */
static uint32
filter_by_runs(const CdContainer *array, const CdContainer *runs, bool keep, uint8 *out)
{
	uint32		count = run_count(runs);
	uint32		n = 0;
	uint32		i = 0,
				j = 0;

	while (i < array->cardinality && j < count)
	{
		uint32		low = load16(array->body + 2 * i);

		if (low > run_last(runs->body, j))
		{
			j++;
			continue;
		}
		store16(out + 2 * n, low);
		n += (low >= run_first(runs->body, j)) == keep;
		i++;
	}
	if (!keep)
	{
		memcpy(out + 2 * n, array->body + 2 * i, 2 * (array->cardinality - i));
		n += array->cardinality - i;
	}
	return n;
}

/* The values of an array that are, or are not, set in a bitmap */
static uint32
filter_by_bits(const CdContainer *array, const uint8 *bits, bool keep, uint8 *out)
{
	uint32		n = 0;
	uint32		i;

	for (i = 0; i < array->cardinality; i++)
	{
		uint32		low = load16(array->body + 2 * i);

		store16(out + 2 * n, low);
		n += bit_is_set(bits, low) == keep;
	}
	return n;
}

/* Values of the first array that are not in the second */
static uint32
array_less_array(const CdContainer *a, const CdContainer *b, uint8 *out)
{
	uint32		i = 0,
				j = 0,
				n = 0;

	if (b->cardinality * SKEW < a->cardinality)
	{
		/* Copy what lies between the few. */
		for (j = 0; j < b->cardinality; j++)
		{
			uint16		value = load16(b->body + 2 * j);
			uint32		at = gallop(a->body, i, a->cardinality, value);

			memcpy(out + 2 * n, a->body + 2 * i, 2 * (at - i));
			n += at - i;
			i = at + (at < a->cardinality && load16(a->body + 2 * at) == value);
		}
	}
	else if (a->cardinality * SKEW < b->cardinality)
	{
		for (; i < a->cardinality; i++)
		{
			uint16		value = load16(a->body + 2 * i);

			j = gallop(b->body, j, b->cardinality, value);
			store16(out + 2 * n, value);
			n += j == b->cardinality || load16(b->body + 2 * j) != value;
		}
		return n;
	}
	else
		return cd_bits->less(a->body, a->cardinality, b->body, b->cardinality, out);
	memcpy(out + 2 * n, a->body + 2 * i, 2 * (a->cardinality - i));
	return n + a->cardinality - i;
}

static uint32
combine_arrays(CdSetOperation operation, const CdContainer *a, const CdContainer *b, uint8 *out, CdContainer *result)
{
	uint32		i;

	if (operation == CD_AND)
		return cd_finish_array(out, common_of_arrays(a, b, out), result);
	if (operation == CD_ANDNOT)
		return cd_finish_array(out, array_less_array(a, b, out), result);
	if (a->cardinality + b->cardinality <= ARRAY_MAX)
		return cd_finish_array(out, cd_bits->join(a->body, a->cardinality, b->body, b->cardinality,
												  operation == CD_XOR, out), result);
	memset(out, 0, BITMAP_BYTES);
	cd_container_to_bits(a, out);
	if (operation == CD_OR)
		cd_container_to_bits(b, out);
	else
		for (i = 0; i < b->cardinality; i++)
		{
			uint32		low = load16(b->body + 2 * i);
			uint8	   *word = out + 8 * (low >> 6);

			store64(word, load64(word) ^ UINT64CONST(1) << (low & 63));
		}
	return cd_finish_bits(out, cd_bits->count(out, BITMAP_WORDS), result);
}

/* Combine a bitmap with an array: few bits change */
static uint32
change_bits(CdSetOperation operation, const CdContainer *bitmap, const CdContainer *array, uint8 *out, CdContainer *result)
{
	uint32		i;
	uint32		cardinality = bitmap->cardinality;

	memcpy(out, bitmap->body, BITMAP_BYTES);
	for (i = 0; i < array->cardinality; i++)
	{
		uint32		low = load16(array->body + 2 * i);
		uint8	   *word = out + 8 * (low >> 6);
		uint64		old = load64(word);
		uint64		bit = UINT64CONST(1) << (low & 63);
		uint64		new = operation == CD_OR ? old | bit : operation == CD_XOR ? old ^ bit : old & ~bit;

		store64(word, new);
		cardinality += ((new & bit) != 0) - ((old & bit) != 0);
	}
	/* What the container says of itself decides nothing that could go wrong. */
	if (cardinality <= ARRAY_MAX || cardinality > CHUNK_IDS)
		cardinality = cd_bits->count(out, BITMAP_WORDS);
	return cd_finish_bits(out, cardinality, result);
}

uint32
cd_container_combine(CdSetOperation operation, const CdContainer *a, const CdContainer *b, uint8 *out, CdContainer *result)
{
	uint8		bits_a[BITMAP_BYTES];
	uint8		bits_b[BITMAP_BYTES];

	if (container_is_full(b))
	{
		if (operation == CD_ANDNOT)
			return 0;
		if (operation == CD_AND)
			return cd_container_copy(a, out, result);
		if (operation == CD_OR)
			return cd_container_copy(b, out, result);
	}
	if (container_is_full(a))
	{
		if (operation == CD_AND)
			return cd_container_copy(b, out, result);
		if (operation == CD_OR)
			return cd_container_copy(a, out, result);
	}
	if (a->kind == KIND_ARRAY && b->kind == KIND_ARRAY)
		return combine_arrays(operation, a, b, out, result);
	if (operation == CD_AND || operation == CD_ANDNOT)
	{
		bool		keep = operation == CD_AND;

		if (keep && b->kind == KIND_ARRAY)
		{
			const CdContainer *t = a;

			a = b;
			b = t;
		}
		if (a->kind == KIND_ARRAY)
			return cd_finish_array(out, b->kind == KIND_RUN ? filter_by_runs(a, b, keep, out) :
								   filter_by_bits(a, b->body, keep, out), result);
	}
	if (a->kind != KIND_BITMAP && b->kind != KIND_BITMAP)
	{
		uint32		edges = (a->kind == KIND_RUN ? run_count(a) : a->cardinality) +
			(b->kind == KIND_RUN ? run_count(b) : b->cardinality);

		if (edges <= MOST_EDGES)
			return combine_runs(operation, a, b, out, result);
	}
	else if (a->kind == KIND_BITMAP && b->kind == KIND_ARRAY)
		return change_bits(operation, a, b, out, result);
	else if (b->kind == KIND_BITMAP && a->kind == KIND_ARRAY)
		return change_bits(operation, b, a, out, result);
	return cd_finish_bits(out, cd_bits->combine[operation] (bits_of(a, bits_a), bits_of(b, bits_b), out), result);
}
