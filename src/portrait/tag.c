/*
 * tag.c
 *		Evaluate tags and write tagsets, errors and due moments.
 */
#include "postgres.h"

#include "portrait/evaluate.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "portrait/behaviour.h"
#include "portrait/due.h"
#include "portrait/past.h"
#include "portrait/refresh.h"
#include "portrait/tag_paths.h"
#include "portrait/tag_store.h"
#include "portrait/weigh.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Below this a decayed score is no score, where the definition does not say. */
#define LEAST_SCORE		0.01

/* Scores that differ by less are the same, computed at another moment. */
#define SAME_SCORE		1e-5

/* Memory that one batch hands to the next. */
#define BATCH_KEPT		((Size) 1024 * 1024)

typedef enum TagResult
{
	RESULT_PRESENCE,
	RESULT_SCORE,
	RESULT_TAGS
} TagResult;

/* One tag being refreshed. */
typedef struct Tag
{
	int32		id;
	const char *path;
	int			length;
	int			number;			/* of the path, 0 if it has none so far */
	TagResult	result;
	int64		half_life;		/* seconds, 0: none */
	bool		has_min;
	double		min_score;
	char	   *group;			/* NULL: none */
	bool		given;			/* by people or an import: of a group, decided with the others */
	CdWeighing	weighing;
	double		prior;
	int			top;
	CdPopulation *population;
	CdTagPaths *below;			/* paths of what hangs below it; of a tree */
	List	   *asked;			/* paths and prefixes it asks tags for */

	/* Its results of the batch, and the place in them */
	CdResults	results;
	int			place;
} Tag;

/* Whose result replaces what a path with a number says. */
typedef struct PathOwner
{
	const char *path;			/* whose owner was looked for; NULL: none so far */
	int			owner;			/* a tag, or one of those below */
} PathOwner;

#define OWNER_NOBODY	(-1)
#define OWNER_GIVEN		(-2)	/* it is given by people or imports */

typedef struct Refresh
{
	Tag		   *tags;			/* in order of definition */
	CdExpression *expressions;	/* of tags, then of the last event and of given tags */
	int			count;
	int		   *by_path;		/* tags with one path, sorted by it */
	int			nby_path;
	int		   *trees;			/* tags that have a tree below them */
	int			ntrees;
	PathOwner  *owners;			/* by number of the path */
	int			nowners;
	int		   *order;			/* of evaluation: by path, or, with groups, as defined */
	Tag			last_event;
	Tag			given;
	char	  **given_roots;	/* paths of manual and imported tags; those of groups are among the tags */
	bool	   *root_is_tree;
	bool	   *root_is_grouped;
	int			nroots;
	bool		together;		/* of the batch: all tags have results for the same customers */
	bool	   *has;			/* of a customer: by tag whether there is a result, */
	bool	   *present;		/* and whether it gave tags */
	CdSetBuilder *changed;
	CdDue	   *due;
	MemoryContext context;		/* for a batch */
	MemoryContext lasting;		/* for all of them */
	TimestampTz now;
	double		growth;			/* of a score from its time to now, as computed last: */
	TimestampTz growth_at;
	int64		growth_half_life;

	CdTagStore *store;
	struct PastTags *past;		/* where results go that are not kept; NULL: the table */
	bool		indexed;		/* the index by tag was written along */
} Refresh;

/* Tags of another moment, as far as they are computed. */
typedef struct PastEntry
{
	uint32		customer;
	CdTagset   *tags;
} PastEntry;

typedef struct PastTags
{
	HTAB	   *entries;
	MemoryContext context;
	struct PastTags *outer;		/* computed while these are */
} PastTags;

static PastTags *past_tags = NULL;

/* Does a path lie below another? */
static bool
lies_below(const CdTag *tag, const char *path, int length)
{
	return tag->length > length && tag->path[length] == '.' && memcmp(tag->path, path, length) == 0;
}

static bool
has_path(const CdTag *tag, const char *path, int length)
{
	return tag->length == length && memcmp(tag->path, path, length) == 0;
}

/* Is an entry what people or an import gave, of a path or, if that is a tree, below it? */
static bool
is_of_root(const CdTag *entry, const char *path, int length, bool is_tree)
{
	return has_path(entry, path, length) || (is_tree && lies_below(entry, path, length));
}

/* Does an entry belong to a tag that is given and of a group? */
static bool
is_grouped(Refresh *refresh, const CdTag *entry)
{
	int			i;

	for (i = 0; i < refresh->nroots; i++)
	{
		if (refresh->root_is_grouped[i] &&
			is_of_root(entry, refresh->given_roots[i], strlen(refresh->given_roots[i]), refresh->root_is_tree[i]))
			return true;
	}
	return false;
}

/* Is there a result for the customer in this batch?  Customers come ascending. */
static bool
seek(Tag *tag, uint32 customer)
{
	const CdResults *results = &tag->results;

	while (tag->place < results->count && results->customers[tag->place] < customer)
		tag->place++;
	return tag->place < results->count && results->customers[tag->place] == customer;
}

/* Look for the one whose result replaces an entry */
static int
find_owner(const Refresh *refresh, const CdTag *entry)
{
	int			low = 0,
				high = refresh->nby_path;
	int			i;

	while (low < high)
	{
		int			mid = low + (high - low) / 2;
		Tag		   *tag = &refresh->tags[refresh->by_path[mid]];
		int			order = memcmp(tag->path, entry->path, Min(tag->length, entry->length));

		if (order == 0)
			order = tag->length - entry->length;
		if (order == 0)
			return refresh->by_path[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (i = 0; i < refresh->ntrees; i++)
	{
		Tag		   *tag = &refresh->tags[refresh->trees[i]];

		if (lies_below(entry, tag->path, tag->length) ||
			(tag->given && has_path(entry, tag->path, tag->length)))
			return refresh->trees[i];
	}
	for (i = 0; i < refresh->nroots; i++)
	{
		if (!refresh->root_is_grouped[i] &&
			is_of_root(entry, refresh->given_roots[i], strlen(refresh->given_roots[i]), refresh->root_is_tree[i]))
			return OWNER_GIVEN;
	}
	return OWNER_NOBODY;
}

/* The same, looked for once where the path has a number and so lies at one place as long as the session lasts */
static inline int
owner_of(Refresh *refresh, const CdTag *entry)
{
	PathOwner  *known;

	if (entry->number <= 0)
		return find_owner(refresh, entry);
	if (entry->number >= refresh->nowners)
	{
		int			size = Max(entry->number + 1, Max(refresh->nowners * 2, 256));

		refresh->owners = refresh->owners == NULL ? MemoryContextAllocHuge(refresh->lasting, size * sizeof(PathOwner)) :
			repalloc_huge(refresh->owners, size * sizeof(PathOwner));
		memset(refresh->owners + refresh->nowners, 0, (size - refresh->nowners) * sizeof(PathOwner));
		refresh->nowners = size;
	}
	known = &refresh->owners[entry->number];
	if (known->path != entry->path)
		*known = (PathOwner) {entry->path, find_owner(refresh, entry)};
	return known->owner;
}

/* Is an entry replaced by what was evaluated for this customer? */
static inline bool
is_replaced(Refresh *refresh, const CdTag *entry, const bool *has, bool has_given)
{
	int			owner = owner_of(refresh, entry);

	return owner >= 0 ? has[owner] : owner == OWNER_GIVEN && has_given;
}

static int
compare_by_path(const void *a, const void *b, void *arg)
{
	const Tag  *tags = arg;

	return strcmp(tags[*(const int *) a].path, tags[*(const int *) b].path);
}

/* Sort the tags by path, those with trees below them apart */
static void
index_paths(Refresh *refresh)
{
	bool		has_groups = false;
	int			i,
				j;

	refresh->by_path = palloc((refresh->count + 1) * sizeof(int));
	refresh->trees = palloc((refresh->count + 1) * sizeof(int));
	refresh->order = palloc((refresh->count + 1) * sizeof(int));
	refresh->has = palloc0((refresh->count + 1) * sizeof(bool));
	refresh->present = palloc0((refresh->count + 1) * sizeof(bool));
	for (i = 0; i < refresh->count; i++)
	{
		refresh->order[i] = i;
		has_groups |= refresh->tags[i].group != NULL;
	}
	/* A tagset is made of sorted tags: cheaper when they come so. */
	if (!has_groups)
		qsort_arg(refresh->order, refresh->count, sizeof(int), compare_by_path, refresh->tags);
	for (i = 0; i < refresh->count; i++)
	{
		if (refresh->tags[i].result == RESULT_TAGS)
		{
			refresh->trees[refresh->ntrees++] = i;
			continue;
		}
		for (j = refresh->nby_path++; j > 0 && strcmp(refresh->tags[refresh->by_path[j - 1]].path, refresh->tags[i].path) > 0; j--)
			refresh->by_path[j] = refresh->by_path[j - 1];
		refresh->by_path[j] = i;
	}
}

/* A customer's tags as they were, sorted by path. */
typedef struct OldEntries
{
	CdTag	   *tags;
	int			count;
	int			next;			/* after the one found last */
} OldEntries;

/* The entry with a tag's path that was there, or NULL */
static const CdTag *
find_old(OldEntries *old, const CdTag *tag)
{
	int			low = 0,
				high = old->count;

	/* They mostly come in one order, and a path with a number lies at one place. */
	if (old->next < high && old->tags[old->next].path == tag->path && old->tags[old->next].length == tag->length)
		return &old->tags[old->next++];
	while (low < high)
	{
		int			mid = low + (high - low) / 2;
		const CdTag *before = &old->tags[mid];
		int			order = memcmp(before->path, tag->path, Min(before->length, tag->length));

		if (order == 0)
			order = before->length - tag->length;
		if (order == 0)
		{
			old->next = mid + 1;
			return before;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/*
 * Keep the entry that is there where the new one says the same but for the
 * rounding of a score that was computed at another moment.
 */
static void
settle(OldEntries *old, CdTag *tag)
{
	const CdTag *before = find_old(old, tag);

	if (before != NULL && before->at == tag->at && before->half_life == tag->half_life &&
		fabs(before->score - tag->score) <= SAME_SCORE * fabs(tag->score))
	{
		tag->score = before->score;
		tag->until = before->until;
	}
}

/* What a score was at a moment, beside what decay has left of it */
static double
growth_since(Refresh *refresh, TimestampTz at, int64 half_life)
{
	/* Most tags of a customer share both. */
	if (refresh->growth_at != at || refresh->growth_half_life != half_life)
	{
		refresh->growth = exp2((double) (refresh->now - at) / USECS_PER_SEC / (double) half_life);
		refresh->growth_at = at;
		refresh->growth_half_life = half_life;
	}
	return refresh->growth;
}

/* Add a tag that hangs below another */
static inline void
add_below(const Tag *tag, const CdTag *child, CdTagBuilder *builder)
{
	CdTag	   *entry = cd_tag_builder_room(builder);

	*entry = *child;
	if ((!tag->has_min || child->score >= tag->min_score) &&
		cd_tag_path_below(tag->below, child->path, child->length, entry))
		builder->count++;
}

/* Add the tags that hang below another, as its result says */
static void
add_tree(Refresh *refresh, Tag *tag, Datum value, CdTagBuilder *builder)
{
	if (refresh->expressions[tag - refresh->tags].gives_lists)
	{
		const CdTagList *list = (const CdTagList *) DatumGetPointer(value);
		int			i;

		for (i = 0; i < list->count; i++)
			add_below(tag, &list->tags[i], builder);
	}
	else
	{
		CdTagset   *given = (CdTagset *) PG_DETOAST_DATUM_PACKED(value);
		CdTagReader reader;

		if (tag->weighing != CD_WEIGH_NOT)
		{
			cd_weigh(tag->population, tag->weighing, tag->prior, tag->top, tag->has_min, tag->min_score,
					 given, tag->path, tag->length, builder);
			return;
		}
		cd_tags_begin(&reader, given);
		while (cd_tags_next(&reader))
			add_below(tag, &reader.tag, builder);
	}
}

/* The last event of the customer whose result a tag is at, false if there is none */
static inline bool
last_event_of(Refresh *refresh, const Tag *tag, TimestampTz *at)
{
	Tag		   *last = &refresh->last_event;

	if (last->results.customers == tag->results.customers)
		last->place = tag->place;
	else if (!seek(last, tag->results.customers[tag->place]))
		return false;
	if (last->results.nulls[last->place])
		return false;
	*at = DatumGetTimestampTz(cd_result(&last->results, last->place));
	return true;
}

/* Add a score, if it is one */
static void
add_score(Refresh *refresh, const Tag *tag, double score, OldEntries *old, CdTagBuilder *builder)
{
	CdTag	   *entry = cd_tag_builder_room(builder);
	double		least = tag->has_min ? tag->min_score : LEAST_SCORE;

	if (!isfinite(score) || !isfinite((float4) score))
		return;
	*entry = (CdTag) {tag->path, tag->length, 1, DT_NOBEGIN, DT_NOEND, 0, tag->number};
	if (tag->half_life == 0)
	{
		if (tag->has_min ? score < tag->min_score : score == 0)
			return;
		entry->score = (float4) score;
		builder->count++;
		return;
	}

	/* Kept as of the last event, so that it does not depend on when we look. */
	if (!last_event_of(refresh, tag, &entry->at))
		return;
	entry->at -= entry->at % USECS_PER_SEC;
	if (entry->at < refresh->now)
		score *= growth_since(refresh, entry->at, tag->half_life);
	if (!isfinite((float4) score))
		return;
	entry->score = (float4) score;
	entry->half_life = tag->half_life;
	if (least > 0)
	{
		double		life = (double) tag->half_life * log2(score / least);

		if (life < (double) (CD_TAG_SECOND_MOST - entry->at / USECS_PER_SEC))
			entry->until = entry->at + (int64) ceil(life) * USECS_PER_SEC;
	}
	settle(old, entry);
	builder->count++;
}

/* Add what one tag's result says */
static inline void
add_result(Refresh *refresh, Tag *tag, OldEntries *old, CdTagBuilder *builder)
{
	Datum		value = cd_result(&tag->results, tag->place);

	if (tag->results.nulls[tag->place])
		return;
	switch (tag->result)
	{
		case RESULT_PRESENCE:
			if (DatumGetBool(value))
				cd_tag_builder_add(builder, &(CdTag) {tag->path, tag->length, 1, DT_NOBEGIN, DT_NOEND, 0, tag->number});
			break;
		case RESULT_TAGS:
			add_tree(refresh, tag, value, builder);
			break;
		case RESULT_SCORE:
			/* Most customers have done nothing for most of many tags. */
			if (tag->half_life == 0 || !(DatumGetFloat8(value) < (tag->has_min ? tag->min_score : LEAST_SCORE)))
				add_score(refresh, tag, DatumGetFloat8(value), old, builder);
			break;
	}
}

/* The tags of another moment, as far as they are computed */
static CdCustomerTags *
fetch_past_tags(PastTags *past, const uint32 *customers, int asked, int *count)
{
	CdCustomerTags *list = palloc((asked + 1) * sizeof(CdCustomerTags));
	int			i;

	*count = 0;
	for (i = 0; i < asked; i++)
	{
		PastEntry  *entry = hash_search(past->entries, &customers[i], HASH_FIND, NULL);

		if (entry != NULL)
		{
			list[*count].customer = customers[i];
			list[(*count)++].tags = entry->tags;
		}
	}
	return list;
}

static void
keep_past_tags(PastTags *past, uint32 customer, const CdTagset *tags)
{
	PastEntry  *entry = hash_search(past->entries, &customer, HASH_ENTER, NULL);

	entry->tags = memcpy(MemoryContextAlloc(past->context, VARSIZE(tags)), tags, VARSIZE(tags));
}

/* Everyone with a result in the batch, ascending */
static uint32 *
batch_customers(Refresh *refresh, int *count)
{
	CdSetBuilder *builder = cd_set_builder();
	CdSet	   *set;
	uint64		n;
	uint32	   *ids;
	const CdResults *last = NULL;
	int			i,
				k;

	for (i = 0; i <= refresh->count; i++)
	{
		const CdResults *results = i < refresh->count ? &refresh->tags[i].results : &refresh->given.results;

		/* Most are asked about the same customers. */
		if (last != NULL && results->count == last->count &&
			(results->customers == last->customers ||
			 memcmp(results->customers, last->customers, results->count * sizeof(uint32)) == 0))
			continue;
		for (k = 0; k < results->count; k++)
			cd_set_builder_add(builder, results->customers[k]);
		if (results->count > 0)
			last = results;
	}
	set = cd_set_builder_value(builder);
	cd_set_builder_free(builder);
	ids = cd_set_ids(set, &n);
	*count = (int) n;
	return ids;
}

/* Of the tags of a group only the first, in order of definition, stays */
static inline bool
is_outranked(Refresh *refresh, int i, const bool *present)
{
	int			j;

	if (refresh->tags[i].group == NULL)
		return false;
	for (j = 0; j < i; j++)
	{
		if (present[j] && refresh->tags[j].group != NULL &&
			strcmp(refresh->tags[j].group, refresh->tags[i].group) == 0)
			return true;
	}
	return false;
}

/* Add what was given and has not expired: of one tag, or (NULL) of all that are in no group */
static void
add_given(Refresh *refresh, const Tag *tag, const CdTagset *given, CdTagBuilder *builder)
{
	CdTagReader reader;

	if (given == NULL)
		return;
	cd_tags_begin(&reader, given);
	while (cd_tags_next(&reader))
	{
		CdTag		entry = reader.tag;

		if (refresh->now >= entry.until ||
			!(tag == NULL ? !is_grouped(refresh, &entry) :
			  is_of_root(&entry, tag->path, tag->length, tag->result == RESULT_TAGS)))
			continue;
		if (entry.number == 0)
			entry.path = pnstrdup(entry.path, entry.length);
		cd_tag_builder_add(builder, &entry);
	}
}

/* Have a group decided anew when what came first in it ends */
static void
note_ends(Refresh *refresh, int i, uint32 customer, const CdTagBuilder *builder, int before)
{
	for (; before < builder->count; before++)
		cd_due_add(refresh->due, i, builder->tags[before].until, customer);
}

/* Make one customer's tagset anew from the old one and the batch's results */
static CdTagset *
make_tags(Refresh *refresh, uint32 customer, const CdTagset *old, const CdTagset *given, CdTagBuilder *builder)
{
	bool	   *has = refresh->has;
	bool	   *present = refresh->present;
	bool		has_given = seek(&refresh->given, customer);
	CdTagReader reader;
	OldEntries	entries;
	int			i,
				k;

	if (refresh->together)
		memset(has, refresh->count > 0 && seek(&refresh->tags[0], customer), refresh->count * sizeof(bool));
	for (i = 0; i < refresh->count && !refresh->together; i++)
		has[i] = seek(&refresh->tags[i], customer);
	memset(present, false, refresh->count * sizeof(bool));
	cd_tags_begin(&reader, old);
	entries.count = entries.next = 0;
	entries.tags = palloc((reader.left + 1) * sizeof(CdTag));
	while (cd_tags_next(&reader))
	{
		CdTag	   *tag = &entries.tags[entries.count++];

		*tag = reader.tag;
		if (tag->number == 0)
			tag->path = memcpy(palloc(tag->length), tag->path, tag->length);
		if (!is_replaced(refresh, tag, has, has_given))
			cd_tag_builder_add(builder, tag);
	}
	for (k = 0; k < refresh->count; k++)
	{
		int			before = builder->count;

		i = refresh->order[k];
		if (!has[i] || is_outranked(refresh, i, present))
			continue;
		if (refresh->together)
			refresh->tags[i].place = refresh->tags[0].place;
		if (refresh->tags[i].given)
			add_given(refresh, &refresh->tags[i], given, builder);
		else
			add_result(refresh, &refresh->tags[i], &entries, builder);
		present[i] = builder->count > before;
		if (refresh->tags[i].group != NULL)
			note_ends(refresh, i, customer, builder, before);
	}
	if (has_given)
		add_given(refresh, NULL, given, builder);
	return cd_tag_builder_value(builder);
}

/* Put the batch's results into tagsets and write those that changed */
static void
end_batch(Refresh *refresh)
{
	MemoryContext old_context = MemoryContextSwitchTo(refresh->context);
	MemoryContext per_customer = AllocSetContextCreate(refresh->context, "tags of a customer", ALLOCSET_DEFAULT_SIZES);
	int			count,
				nold,
				ngiven = 0;
	uint32	   *customers = batch_customers(refresh, &count);
	CdCustomerTags *given = NULL;
	CdCustomerTags *old;
	CdTagset   *empty;
	CdTagBuilder none;
	CdNewTagNames *unknown = refresh->past == NULL ? cd_new_tag_names() : NULL;
	bool		reads_given = false;
	int			i;

	refresh->together = true;
	for (i = 1; i < refresh->count; i++)
		refresh->together &= refresh->tags[i].results.customers == refresh->tags[0].results.customers;
	for (i = 0; i < refresh->count && !reads_given; i++)
		reads_given = refresh->tags[i].given && refresh->tags[i].results.count > 0;
	if (reads_given || (refresh->given.results.count > 0 && refresh->nroots > 0))
		given = cd_tag_store_given(refresh->store, customers, count, &ngiven);
	old = refresh->past != NULL ? fetch_past_tags(refresh->past, customers, count, &nold) :
		cd_tag_store_fetch(refresh->store, customers, count, &nold);
	cd_tag_builder(&none);
	empty = cd_tag_builder_value(&none);
	for (i = 0; i < refresh->count; i++)
		cd_tag_find_number(&refresh->tags[i].path, refresh->tags[i].length, &refresh->tags[i].number);
	for (i = 0; i < count; i++)
	{
		const CdCustomerTags *stored = cd_find_tags(old, nold, customers[i]);
		const CdCustomerTags *gave = cd_find_tags(given, ngiven, customers[i]);
		const CdTagset *before = stored ? stored->tags : empty;
		MemoryContext save = MemoryContextSwitchTo(per_customer);
		CdTagBuilder builder;
		CdTagset   *made;

		cd_tag_builder(&builder);
		builder.unknown = unknown;
		builder.stored = refresh->past == NULL;
		made = make_tags(refresh, customers[i], before, gave ? gave->tags : NULL, &builder);

		if (unknown != NULL && cd_new_tag_name_count(unknown) > 0)
		{
			/* Tags that nobody had before get numbers, if they can. */
			if (cd_number_tag_names(unknown) > 0)
				made = cd_tagset_rewrite(made, false, true);
			else
				unknown = NULL;
		}
		MemoryContextSwitchTo(save);
		if (!cd_tagset_equal(made, before))
		{
			cd_set_builder_add(refresh->changed, customers[i]);
			if (refresh->past != NULL)
				keep_past_tags(refresh->past, customers[i], made);
			else
				cd_tag_store_put(refresh->store, customers[i], made, &builder, stored);
		}
		MemoryContextReset(per_customer);
	}
	cd_tag_store_end_batch(refresh->store);
	for (i = 0; i < refresh->count; i++)
		refresh->tags[i].results = (CdResults) {0};
	refresh->given.results = refresh->last_event.results = (CdResults) {0};
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(refresh->context);
}

/* Take the results of a batch of one expression */
static void
take_results(void *arg, int expression, const CdResults *results)
{
	Refresh    *refresh = arg;
	Tag		   *tag;
	int			i;

	if (expression < 0)
	{
		end_batch(refresh);
		return;
	}
	tag = expression < refresh->count ? &refresh->tags[expression] :
		expression == refresh->count ? &refresh->last_event : &refresh->given;
	tag->results = *results;
	tag->place = 0;
	if (expression < refresh->count && !refresh->expressions[expression].restless)
	{
		for (i = 0; i < results->count; i++)
		{
			if (!TIMESTAMP_IS_NOEND(results->valid_until[i]))
				cd_due_add(refresh->due, expression, results->valid_until[i], results->customers[i]);
		}
	}
}

/* Texts of an array */
static List *
read_texts(ArrayType *array)
{
	List	   *texts = NIL;
	Datum	   *values;
	int			count,
				i;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, &count);
	for (i = 0; i < count; i++)
		texts = lappend(texts, TextDatumGetCString(values[i]));
	return texts;
}

/* Is a tag, or some of what hangs below it, among what is asked for? */
static bool
is_asked(const char *asked, const Tag *tag)
{
	int			length = strlen(asked);
	bool		branch = length > 0 && asked[length - 1] == '*';

	length -= branch;
	if (branch ? tag->length > length : tag->length == length)
		return memcmp(tag->path, asked, length) == 0;
	return tag->result == RESULT_TAGS && length > tag->length && asked[tag->length] == '.' &&
		memcmp(tag->path, asked, tag->length) == 0;
}

/*
 * A tag that asks for a branch, or for all tags, is evaluated after those, and
 * would find what it said itself the last time among them; those of a group are
 * evaluated together, and the first is the only one.  So tags that are evaluated
 * together do not see each other.
 */
static List *
unseen_tags(Refresh *refresh)
{
	List	   *unseen = NIL;
	int			i,
				k;

	for (k = 0; k < refresh->count; k++)
	{
		Tag		   *tag = &refresh->tags[k];
		bool		seen = true;

		for (i = 0; i < refresh->count && seen; i++)
		{
			ListCell   *cell;

			foreach(cell, refresh->tags[i].asked)
				seen &= !is_asked(lfirst(cell), tag);
		}
		if (!seen && tag->result == RESULT_TAGS)
			unseen = lappend(unseen, psprintf("%s.*", tag->path));
		if (!seen && (tag->result != RESULT_TAGS || tag->given))
			unseen = lappend(unseen, pstrdup(tag->path));
	}
	return unseen;
}

/* Read one tag's definition */
static void
read_tag(Refresh *refresh, int i, Datum id, SPIPlanPtr plan, MemoryContext context)
{
	Tag		   *tag = &refresh->tags[i];
	CdExpression *expression = &refresh->expressions[i];
	HeapTuple	tuple;
	TupleDesc	desc;
	MemoryContext old;
	bool		isnull;
	Datum		value;

	SPI_execute_plan(plan, &id, NULL, true, 1);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no tag with number %d", DatumGetInt32(id))));
	tuple = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	old = MemoryContextSwitchTo(context);
	tag->id = DatumGetInt32(id);
	tag->path = SPI_getvalue(tuple, desc, 1);
	tag->length = strlen(tag->path);
	expression->text = SPI_getvalue(tuple, desc, 2);
	tag->given = expression->text == NULL;
	expression->type = DatumGetObjectId(SPI_getbinval(tuple, desc, 3, &isnull));
	expression->owner = DatumGetObjectId(SPI_getbinval(tuple, desc, 4, &isnull));
	expression->time_zone = SPI_getvalue(tuple, desc, 5);
	tag->result = expression->type == BOOLOID ? RESULT_PRESENCE :
		expression->type == FLOAT8OID ? RESULT_SCORE : RESULT_TAGS;
	value = SPI_getbinval(tuple, desc, 6, &isnull);
	if (!isnull)
		tag->half_life = cd_half_life_seconds(DatumGetIntervalP(value));
	if (tag->given)
	{
		/* Nothing is computed, only who is asked about the group counts. */
		tag->half_life = 0;
		expression->text = "false";
		expression->type = BOOLOID;
	}
	expression->keeps_decay = tag->half_life > 0;
	expression->takes_lists = tag->result == RESULT_TAGS && !tag->given;
	value = SPI_getbinval(tuple, desc, 7, &isnull);
	tag->has_min = !isnull;
	tag->min_score = isnull ? 0 : DatumGetFloat8(value);
	tag->group = SPI_getvalue(tuple, desc, 8);
	tag->weighing = cd_weighing(SPI_getvalue(tuple, desc, 9));
	tag->prior = DatumGetFloat8(SPI_getbinval(tuple, desc, 10, &isnull));
	tag->top = DatumGetInt32(SPI_getbinval(tuple, desc, 11, &isnull));
	tag->asked = read_texts(DatumGetArrayTypeP(SPI_getbinval(tuple, desc, 12, &isnull)));
	SPI_freetuptable(SPI_tuptable);
	if (tag->weighing != CD_WEIGH_NOT)
	{
		tag->population = cd_population_read(tag->id);
		expression->takes_lists = false;
	}
	if (tag->result == RESULT_TAGS && !tag->given)
		tag->below = cd_tag_paths(tag->path, tag->length);
	MemoryContextSwitchTo(old);
}

/* Read the paths below which tags are given by people or imports */
static void
read_roots(Refresh *refresh, MemoryContext context)
{
	uint64		i;

	SPI_execute("SELECT path, kind OPERATOR(pg_catalog.=) 'imported', exclusive_group IS NOT NULL"
				" FROM customer_data.tag WHERE expression IS NULL", true, 0);
	refresh->given_roots = MemoryContextAlloc(context, (SPI_processed + 1) * sizeof(char *));
	refresh->root_is_tree = MemoryContextAlloc(context, (SPI_processed + 1) * sizeof(bool));
	refresh->root_is_grouped = MemoryContextAlloc(context, (SPI_processed + 1) * sizeof(bool));
	refresh->nroots = (int) SPI_processed;
	for (i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		refresh->given_roots[i] = MemoryContextStrdup(context, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
		refresh->root_is_tree[i] = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));
		refresh->root_is_grouped[i] = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Ask for the last event of everyone whose decaying scores are computed */
static void
ask_last_event(Refresh *refresh, CdExpression *expression)
{
	CdSetBuilder *builder = cd_set_builder();
	bool		everyone = false;
	int			i;

	expression->text = "customer_data.timeline_last(events)";
	expression->owner = GetUserId();
	expression->type = TIMESTAMPTZOID;
	for (i = 0; i < refresh->count; i++)
	{
		if (refresh->tags[i].half_life == 0)
			continue;
		if (refresh->expressions[i].customers == NULL)
			everyone = true;
		else
			cd_set_builder_or(builder, refresh->expressions[i].customers);
	}
	expression->customers = everyone ? NULL : cd_set_builder_value(builder);
}

/*
 * Evaluate tags, each for its customers (NULL: everyone), and read given tags
 * for a set; inside SPI_connect().
 */
static CdEvaluation *
run_refresh(Refresh *refresh, const Datum *ids, CdSet **customers, int count, const CdSet *given, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	CdEvaluation *evaluation;
	Oid			types[1] = {INT4OID};
	SPIPlanPtr	definition;
	int			i;

	refresh->count = count;
	refresh->lasting = context;
	refresh->now = cd_as_of();
	refresh->tags = palloc0(Max(count, 1) * sizeof(Tag));
	refresh->expressions = palloc0((count + 2) * sizeof(CdExpression));
	refresh->changed = cd_set_builder();
	refresh->due = cd_due_create(refresh->now);
	MemoryContextSwitchTo(old);
	definition = cd_prepare_once("SELECT path, expression, result::pg_catalog.regtype, owner, time_zone,"
								 " half_life, min_score, exclusive_group, weighing, prior, top, uses_tags"
								 " FROM customer_data.tag WHERE tag_id OPERATOR(pg_catalog.=) $1", 1, types);
	for (i = 0; i < count; i++)
	{
		read_tag(refresh, i, ids[i], definition, context);
		refresh->expressions[i].customers = customers[i];
	}
	SPI_freeplan(definition);
	read_roots(refresh, context);
	index_paths(refresh);
	ask_last_event(refresh, &refresh->expressions[count]);
	refresh->expressions[count + 1].text = "true";
	refresh->expressions[count + 1].owner = GetUserId();
	refresh->expressions[count + 1].customers = given;
	refresh->expressions[0].raises = refresh->past != NULL;
	/* Of the past nothing is kept from before. */
	if (refresh->past == NULL)
		refresh->expressions[0].unseen = unseen_tags(refresh);
	refresh->context = AllocSetContextCreate(context, "tag batch", BATCH_KEPT, ALLOCSET_DEFAULT_INITSIZE, ALLOCSET_DEFAULT_MAXSIZE);
	refresh->store = cd_tag_store_open(refresh->context, refresh->past != NULL);
	evaluation = cd_evaluation(refresh->expressions, count + 2);
	for (i = count; i < count + 2; i++)
	{
		if (refresh->expressions[i].error != NULL)
			ereport(ERROR,
					(errcode(refresh->expressions[i].error_code),
					 errmsg("%s", refresh->expressions[i].error)));
	}
	cd_evaluation_run(evaluation, take_results, refresh);
	refresh->indexed = cd_tag_store_close(refresh->store);
	return evaluation;
}

/* evaluate_tags(ids, sets, given) → (evaluated, changed, gone, indexed) */
PG_FUNCTION_INFO_V1(cd_evaluate_tags);
Datum
cd_evaluate_tags(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	Datum	   *ids;
	CdSet	  **customers;
	int			count = cd_refresh_arguments(fcinfo, &ids, &customers);
	Refresh		refresh = {0};
	CdEvaluation *evaluation;
	int64		evaluated;
	CdSet	   *gone;

	SPI_connect();
	evaluation = run_refresh(&refresh, ids, customers, count, PG_ARGISNULL(2) ? cd_set_empty() : PG_GETARG_CDSET(2), context);
	evaluated = cd_refresh_states("tag", ids, refresh.expressions, count, refresh.due);
	MemoryContextSwitchTo(context);
	gone = cd_refresh_forget("customer_tag", evaluation);
	cd_evaluation_free(evaluation);
	SPI_finish();
	return cd_refresh_result(fcinfo, evaluated, refresh.changed, gone, refresh.indexed);
}

/* Round after round of tags, as in a refresh of everything, for some customers */
static void
run_past_rounds(PastTags *past, const CdSet *customers, MemoryContext context)
{
	const CdSet *given = customers;
	uint64		rounds,
				r;
	ArrayType **todo;

	/* What cannot be computed today cannot be computed for another day. */
	SPI_execute("SELECT ARRAY(SELECT i FROM pg_catalog.unnest(r.tag_ids) i LEFT JOIN customer_data.tag_state s ON s.tag_id OPERATOR(pg_catalog.=) i"
				" WHERE s.error IS NULL ORDER BY i) FROM customer_data.tag_rounds() r ORDER BY r.turn, r.depth", true, 0);
	rounds = SPI_processed;
	todo = palloc0((rounds + 1) * sizeof(ArrayType *));
	for (r = 0; r < rounds; r++)
	{
		bool		isnull;

		todo[r] = DatumGetArrayTypePCopy(SPI_getbinval(SPI_tuptable->vals[r], SPI_tuptable->tupdesc, 1, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
	for (r = 0; r < rounds; r++)
	{
		Refresh		refresh = {0};
		Datum	   *ids = NULL;
		bool	   *nulls;
		int			count = 0;
		CdSet	  **sets;
		int			i;

		deconstruct_array(todo[r], INT4OID, sizeof(int32), true, TYPALIGN_INT, &ids, &nulls, &count);
		sets = palloc((count + 1) * sizeof(CdSet *));
		for (i = 0; i < count; i++)
			sets[i] = unconstify(CdSet *, customers);
		refresh.past = past;
		cd_evaluation_free(run_refresh(&refresh, ids, sets, count, given, context));
		given = cd_set_from_sorted(NULL, 0);
	}
}

void
cd_tags_at_moment(const CdSet *customers, CdTakePastTags take, void *arg)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "tags of another moment", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HASHCTL		control = {0};
	PastTags	past = {NULL, context, past_tags};
	CdTagBuilder none;
	CdTagset   *empty;
	uint64		count,
				i;
	uint32	   *ids = cd_set_ids(unconstify(CdSet *, customers), &count);

	control.keysize = sizeof(uint32);
	control.entrysize = sizeof(PastEntry);
	control.hcxt = context;
	past.entries = hash_create("tags of another moment", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	cd_tag_builder(&none);
	empty = cd_tag_builder_value(&none);
	for (i = 0; i < count; i++)
		((PastEntry *) hash_search(past.entries, &ids[i], HASH_ENTER, NULL))->tags = empty;
	past_tags = &past;
	PG_TRY();
	{
		run_past_rounds(&past, customers, context);
	}
	PG_FINALLY();
	{
		past_tags = past.outer;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	for (i = 0; i < count; i++)
		take(arg, ids[i], ((PastEntry *) hash_search(past.entries, &ids[i], HASH_FIND, NULL))->tags);
	MemoryContextDelete(context);
}

const CdTagset *
cd_tags_so_far(uint32 customer)
{
	PastEntry  *entry = past_tags == NULL ? NULL : hash_search(past_tags->entries, &customer, HASH_FIND, NULL);

	return entry == NULL ? NULL : entry->tags;
}
