/*
 * report.c
 *		What the reports have in common: calendar periods, breakdowns by the
 *		values of a property or by sets, and the groups that are counted.
 */
#include "postgres.h"

#include "customer_data.h"

#include "analysis/report.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "funcapi.h"
#include "timeline/timeline_rows.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* Time zones change on quarters of an hour, but for old local times. */
#define QUARTER_HOUR	(INT64CONST(15) * USECS_PER_MINUTE)

/* A short stretch of time: whether all of it lies in one period, and in which. */
typedef struct CdPeriodSlot
{
	int64		number;
	Timestamp	period;
	bool		used;
	bool		whole;
} CdPeriodSlot;

#define SH_PREFIX group
#define SH_ELEMENT_TYPE CdGroup
#define SH_KEY_TYPE CdGroupKey
#define SH_KEY key
#define SH_HASH_KEY(tb, key) hash_bytes((const unsigned char *) &(key), sizeof(CdGroupKey))
#define SH_EQUAL(tb, a, b) (memcmp(&(a), &(b), sizeof(CdGroupKey)) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct CdGroups
{
	group_hash *hash;
	group_iterator at;
};

/* What the function that is called names an argument, counted from 0. */
static char *
argument_name(FunctionCallInfo fcinfo, int i)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	Oid		   *types;
	char	  **names;
	char	   *modes;
	char	   *name = NULL;

	if (HeapTupleIsValid(tuple))
	{
		if (i < get_func_arg_info(tuple, &types, &names, &modes) && names != NULL && names[i][0] != '\0')
			name = pstrdup(names[i]);
		ReleaseSysCache(tuple);
	}
	return name != NULL ? name : psprintf("number %d", i + 1);
}

/* Refuse NULL for any argument but those whose bits are given. */
void
cd_report_check(FunctionCallInfo fcinfo, uint32 nullable)
{
	int			i;

	for (i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i) && (nullable & (1 << i)) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" of a report must not be NULL", argument_name(fcinfo, i)),
					 errhint("Leave it out where the default will do.")));
}

/* Read the arguments grain and zone, which the caller has checked. */
void
cd_periods_init(CdPeriods *periods, FunctionCallInfo fcinfo, int grain, int zone)
{
	memset(periods, 0, sizeof(*periods));
	periods->zone = PG_GETARG_TEXT_PP(zone);
	if (PG_ARGISNULL(grain))
		return;
	periods->grain = PG_GETARG_TEXT_PP(grain);
	periods->slot_usecs = strcmp(text_to_cstring(periods->grain), "hour") == 0 ? QUARTER_HOUR : USECS_PER_HOUR;
	periods->size = 1024;
	periods->slots = palloc0(periods->size * sizeof(CdPeriodSlot));
}

/*
 * The period of a moment, by date_trunc of its local time.  Those that would
 * begin before time does are one.
 */
static Timestamp
truncated(const CdPeriods *periods, TimestampTz at)
{
	Datum		local;

	if (at < MIN_TIMESTAMP + 2 * DAYS_PER_YEAR * USECS_PER_DAY)
		return DT_NOBEGIN;
	local = DirectFunctionCall2(timestamptz_zone, PointerGetDatum(periods->zone), TimestampTzGetDatum(at));
	return DatumGetTimestamp(DirectFunctionCall2(timestamp_trunc, PointerGetDatum(periods->grain), local));
}

/* Where a slot is, or where it could be put. */
static CdPeriodSlot *
slot_of(CdPeriodSlot *slots, uint32 size, int64 number)
{
	uint32		i = murmurhash32((uint32) number ^ (uint32) (number >> 32)) & (size - 1);

	while (slots[i].used && slots[i].number != number)
		i = (i + 1) & (size - 1);
	return &slots[i];
}

/*
 * The local time at which the period of a moment begins.  What lies between
 * two moments of the same period lies in it, too: so most events are placed
 * without a look at the calendar.
 */
Timestamp
cd_period_of(CdPeriods *periods, TimestampTz at)
{
	CdPeriodSlot *slot;
	int64		number;
	TimestampTz start;

	if (periods->grain == NULL)
		return 0;
	number = at / periods->slot_usecs - (at % periods->slot_usecs < 0);
	slot = slot_of(periods->slots, periods->size, number);
	if (slot->used)
		return slot->whole ? slot->period : truncated(periods, at);
	if (periods->nslots * 2 >= periods->size)
	{
		CdPeriodSlot *old = periods->slots;
		uint32		i;

		periods->slots = MemoryContextAllocExtended(GetMemoryChunkContext(old), (Size) periods->size * 2 * sizeof(CdPeriodSlot),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (i = 0; i < periods->size; i++)
			if (old[i].used)
				*slot_of(periods->slots, periods->size * 2, old[i].number) = old[i];
		periods->size *= 2;
		pfree(old);
		slot = slot_of(periods->slots, periods->size, number);
	}
	periods->nslots++;
	slot->used = true;
	slot->number = number;
	start = number * periods->slot_usecs;
	if (IS_VALID_TIMESTAMP(start) && IS_VALID_TIMESTAMP(start + periods->slot_usecs))
	{
		slot->period = truncated(periods, start);
		slot->whole = truncated(periods, start + periods->slot_usecs - 1) == slot->period;
	}
	return slot->whole ? slot->period : truncated(periods, at);
}

/* Read the arguments property and by_set. */
void
cd_breakdown_init(CdBreakdown *breakdown, FunctionCallInfo fcinfo, int property, int by_set)
{
	memset(breakdown, 0, sizeof(*breakdown));
	breakdown->nsets = -1;
	breakdown->pool = cd_pool_create(CurrentMemoryContext);
	if (!PG_ARGISNULL(property))
	{
		breakdown->property = text_to_cstring(PG_GETARG_TEXT_PP(property));
		breakdown->len = strlen(breakdown->property);
	}
	if (!PG_ARGISNULL(by_set))
	{
		ArrayType  *array = PG_GETARG_ARRAYTYPE_P(by_set);
		Datum	   *elements;
		bool	   *nulls;
		int16		typlen;
		bool		typbyval;
		char		typalign;
		int			i;

		get_typlenbyvalalign(ARR_ELEMTYPE(array), &typlen, &typbyval, &typalign);
		deconstruct_array(array, ARR_ELEMTYPE(array), typlen, typbyval, typalign, &elements, &nulls, &breakdown->nsets);
		breakdown->sets = palloc(Max(breakdown->nsets, 1) * sizeof(CdSet *));
		for (i = 0; i < breakdown->nsets; i++)
			breakdown->sets[i] = nulls[i] ? cd_set_empty() : DatumGetCdSet(elements[i]);
	}
	breakdown->in = palloc(Max(breakdown->nsets, 1) * sizeof(int));
}

/* The sets a customer is in; without sets that is -1 alone. */
int
cd_breakdown_sets(CdBreakdown *breakdown, int64 customer_id)
{
	int			n = 0,
				i;

	if (breakdown->nsets < 0)
		breakdown->in[n++] = -1;
	for (i = 0; i < breakdown->nsets; i++)
		if (cd_set_contains(breakdown->sets[i], (uint32) customer_id))
			breakdown->in[n++] = i;
	return n;
}

/* Prepare to read a property (or the kind) of the events of one kind. */
void
cd_labels_begin(CdLabels *labels, const CdTimeline *tl, const CdKind *kind, const char *by, int bylen)
{
	int			type;
	int			which;

	memset(labels, 0, sizeof(*labels));
	labels->kind = kind;
	if (bylen == 4 && memcmp(by, "kind", 4) == 0)
	{
		labels->by_kind = true;
		return;
	}
	which = cd_timeline_find_property(tl, by, bylen);
	if (which < 0)
		return;
	which += CD_COL_PROPERTY;
	for (type = CD_TYPE_TEXT; type <= CD_TYPE_JSON; type++)
		if (cd_kind_find_column(kind, which, type, &labels->cols[labels->ncols]))
			labels->ncols++;
	for (type = 0; type < labels->ncols; type++)
		if (labels->strings == NULL &&
			(labels->cols[type].type == CD_TYPE_TEXT || labels->cols[type].type == CD_TYPE_JSON))
		{
			CdDict		dict;

			cd_dict_open(tl, which, &dict);
			cd_dict_strings(&dict, &labels->strings, &labels->lengths);
			labels->nstrings = dict.n;
		}
}

/* The label of one event; NULL when it has none. */
const char *
cd_label_of(const CdLabels *labels, int i, int *len)
{
	int			c;

	if (labels->by_kind)
	{
		*len = labels->kind->namelen;
		return labels->kind->name;
	}
	for (c = 0; c < labels->ncols; c++)
	{
		const CdColumn *col = &labels->cols[c];
		int64		code;
		double		number;

		if (col->type == CD_TYPE_TEXT || col->type == CD_TYPE_JSON)
		{
			if (!cd_column_integer(col, i, &code))
				continue;
			if (code < 0 || code >= labels->nstrings)
				cd_timeline_corrupt();
			*len = labels->lengths[code];
			return labels->strings[code];
		}
		if (!cd_column_number(col, i, &number))
			continue;
		if (col->type == CD_TYPE_BOOL)
		{
			*len = number != 0 ? 4 : 5;
			return number != 0 ? "true" : "false";
		}
		else
		{
			char	   *text = float8out_internal(number);

			*len = strlen(text);
			return text;
		}
	}
	*len = 0;
	return NULL;
}

/* The number of an event's label, -1 when it has none. */
int
cd_label_number(CdBreakdown *breakdown, CdLabels *labels, int i)
{
	const char *label;
	int			len;

	/* One text column: each of its strings is looked up once. */
	if (labels->ncols == 1 && labels->strings != NULL)
	{
		int64		code;

		if (!cd_column_integer(&labels->cols[0], i, &code))
			return -1;
		if (code < 0 || code >= labels->nstrings)
			cd_timeline_corrupt();
		if (labels->number == NULL)
		{
			labels->number = palloc(labels->nstrings * sizeof(int));
			memset(labels->number, 0xff, labels->nstrings * sizeof(int));
		}
		if (labels->number[code] < 0)
			labels->number[code] = cd_pool_intern(breakdown->pool, labels->strings[code], labels->lengths[code]);
		return labels->number[code];
	}
	label = cd_label_of(labels, i, &len);
	return label == NULL ? -1 : cd_pool_intern(breakdown->pool, label, len);
}

/* The label of the first event at a moment that a pattern means. */
int
cd_label_at(CdBreakdown *breakdown, const CdTimeline *tl, const CdPattern *pattern, TimestampTz at)
{
	CdMatcher	few[CD_FEW];
	CdMatcher  *matchers;
	int			n,
				m;

	if (breakdown->property == NULL)
		return -1;
	n = cd_pattern_bind(pattern, tl, at, at + 1, few, &matchers);
	for (m = 0; m < n; m++)
	{
		int			i = cd_matcher_first(&matchers[m], matchers[m].from, matchers[m].to);

		if (i >= 0)
		{
			CdLabels	labels;

			cd_labels_begin(&labels, tl, &matchers[m].kind, breakdown->property, breakdown->len);
			return cd_label_number(breakdown, &labels, i);
		}
	}
	return -1;
}

/* No groups yet; they live in the current memory context. */
CdGroups *
cd_groups_create(void)
{
	CdGroups   *groups = palloc0(sizeof(CdGroups));

	groups->hash = group_create(CurrentMemoryContext, 1024, NULL);
	return groups;
}

/* Find or make a group.  It stays where it is until the next one is made. */
CdGroup *
cd_group_of(CdGroups *groups, const CdGroupKey *key)
{
	bool		found;
	CdGroup    *group = group_insert(groups->hash, *key, &found);

	if (!found)
	{
		group->has_total = false;
		group->events = group->customers = 0;
		group->last = -1;
		memset(&group->total, 0, sizeof(CdTotal));
		group->more = NULL;
	}
	return group;
}

/* Make the groups there are whoever is counted. */
void
cd_groups_fill(CdGroups *groups, const CdBreakdown *breakdown, const CdPeriods *periods)
{
	CdGroupKey	key = {0};

	if (periods->grain != NULL || breakdown->property != NULL)
		return;
	key.label = -1;
	for (key.set = Min(breakdown->nsets, 0); key.set < breakdown->nsets || key.set < 0; key.set++)
		(void) cd_group_of(groups, &key);
}

/* Begin to walk the groups. */
void
cd_groups_start(CdGroups *groups)
{
	group_start_iterate(groups->hash, &groups->at);
}

/* The next group in no order, NULL at the end. */
CdGroup *
cd_groups_next(CdGroups *groups)
{
	return group_iterate(groups->hash, &groups->at);
}

/* A string of a pool as text. */
Datum
cd_pool_text(const CdPool *pool, int number)
{
	return PointerGetDatum(cstring_to_text_with_len(pool->entries[number].str, pool->entries[number].len));
}

/* period, breakdown, set number as the first three columns of a row. */
void
cd_group_columns(const CdBreakdown *breakdown, const CdPeriods *periods, const CdGroup *group, Datum *values, bool *nulls)
{
	nulls[0] = periods->grain == NULL;
	values[0] = TimestampGetDatum(group->key.period);
	nulls[1] = group->key.label < 0;
	if (!nulls[1])
		values[1] = cd_pool_text(breakdown->pool, group->key.label);
	nulls[2] = group->key.set < 0;
	values[2] = Int32GetDatum(group->key.set + 1);
}
