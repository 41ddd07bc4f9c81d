/*
 * tag_name.c
 *		Numbers of tag paths: the table, and what a session remembers of it.
 *
 * What is remembered is renewed when the table's relcache entry is invalidated,
 * which happens when another session's numbers commit, when our own roll back,
 * and when the extension is dropped.  A number is used for writing only when it
 * is sure to outlive the value: it is committed, or, for what goes into a table
 * at once, came with the topmost of our own transactions.  And a session gives
 * no number twice, even if it was rolled back: what still holds it is then
 * found to be damaged, not read as another path.
 */
#include "postgres.h"

#include "portrait/tag_name.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "portrait/tagset.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Columns of customer_data.tag_name. */
#define NAME_NUMBER		1
#define NAME_PATH		2

/* What is remembered: paths by number, and numbers in a hash table of paths. */
static Oid	names_relation = InvalidOid;
static bool names_stale = true;
static bool names_whole = false;	/* not if an error ended the reading */
static bool names_adding = false;	/* we are; what we hear of it we know */
static CdTagName *names = NULL;
static int	names_room = 0;			/* numbers below this can be looked up */
static int	names_count = 0;
static int	names_highest = 0;		/* number we ever gave */
static int *slots = NULL;			/* a power of two of them; 0 is free */
static uint32 slots_mask = 0;

static void
forget_names(Datum arg, Oid relation)
{
	if (!names_adding && (relation == InvalidOid || relation == names_relation))
		names_stale = true;
}

static Oid
find_relation(void)
{
	Oid			schema = get_namespace_oid("customer_data", true);

	return OidIsValid(schema) ? get_relname_relid("tag_name", schema) : InvalidOid;
}

/* Remember a path; those remembered before keep their place in memory */
static void
remember(int number, const char *path, int length)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	if (number >= names_room)
	{
		int			room = Max(Max(1024, names_room * 2), number + 1);

		names = names == NULL ? palloc_extended(room * sizeof(CdTagName), MCXT_ALLOC_HUGE) :
			repalloc_huge(names, room * sizeof(CdTagName));
		memset(names + names_room, 0, (room - names_room) * sizeof(CdTagName));
		names_room = room;
	}
	if (names[number].path == NULL || names[number].length != length ||
		memcmp(names[number].path, path, length) != 0)
	{
		names[number].path = pnstrdup(path, length);
		names[number].length = length;
	}
	MemoryContextSwitchTo(old);
}

static uint32
first_slot(const char *path, int length)
{
	return hash_bytes((const unsigned char *) path, length) & slots_mask;
}

static void
fill_slot(int number)
{
	uint32		slot = first_slot(names[number].path, names[number].length);

	while (slots[slot] != 0)
		slot = (slot + 1) & slots_mask;
	slots[slot] = number;
}

/* Make the hash table of paths, with room for as many again */
static void
fill_slots(void)
{
	uint32		size = 64;
	int			i;

	while (size < (uint32) names_count * 4)
		size *= 2;
	if (slots == NULL || slots_mask != size - 1)
	{
		if (slots != NULL)
			pfree(slots);
		slots = NULL;
		slots = MemoryContextAlloc(TopMemoryContext, size * sizeof(int));
		slots_mask = size - 1;
	}
	memset(slots, 0, size * sizeof(int));
	for (i = 1; i < names_room; i++)
	{
		if (names[i].path != NULL)
			fill_slot(i);
	}
}

/* The number of a path, whether it may be written or not; 0 if it has none */
static int
find_number(const char *path, int length)
{
	uint32		slot = first_slot(path, length);

	while (slots[slot] != 0)
	{
		const CdTagName *name = &names[slots[slot]];

		if (name->length == length && memcmp(name->path, path, length) == 0)
			return slots[slot];
		slot = (slot + 1) & slots_mask;
	}
	return 0;
}

/* What may hold a number that a transaction gave */
static void
set_lasting(CdTagName *name, TransactionId writer)
{
	name->lasts = !TransactionIdIsCurrentTransactionId(writer);
	name->ours = writer == GetTopTransactionIdIfAny();
}

/* Read the table */
static void
read_names(void)
{
	Relation	relation;
	SysScanDesc scan;
	HeapTuple	tuple;
	static bool registered = false;
	Oid			relation_before;
	bool	   *there;
	int			i;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget_names, (Datum) 0);
		registered = true;
	}
	names_whole = false;
	names_adding = false;
	names_count = 0;
	relation_before = names_relation;
	names_relation = find_relation();
	if (names_relation != relation_before)
		names_highest = 0;
	there = palloc0((CD_MAX_TAG_NAMES + 1) * sizeof(bool));
	if (OidIsValid(names_relation))
	{
		names_stale = false;
		relation = table_open(names_relation, AccessShareLock);
		scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
		while ((tuple = systable_getnext(scan)) != NULL)
		{
			bool		isnull;
			int			number = DatumGetInt32(heap_getattr(tuple, NAME_NUMBER, RelationGetDescr(relation), &isnull));
			text	   *path = DatumGetTextPP(heap_getattr(tuple, NAME_PATH, RelationGetDescr(relation), &isnull));

			if (number < 1 || number > CD_MAX_TAG_NAMES)
				continue;
			remember(number, VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
			set_lasting(&names[number], HeapTupleHeaderGetXmin(tuple->t_data));
			there[number] = true;
			names_count++;
		}
		systable_endscan(scan);
		table_close(relation, AccessShareLock);
	}
	for (i = 1; i < names_room; i++)
	{
		if (i > CD_MAX_TAG_NAMES || !there[i])
			names[i].path = NULL;
	}
	fill_slots();
	names_whole = true;
	pfree(there);
}

void
cd_tag_names_check(void)
{
	if (!names_whole || names_stale)
		read_names();
}

const CdTagName *
cd_tag_name(uint64 number)
{
	if (number >= (uint64) names_room || names[number].path == NULL)
	{
		/* Written since by a session whose notice has not come yet. */
		if (number < 1 || number > CD_MAX_TAG_NAMES)
			return NULL;
		names_stale = true;
		cd_tag_names_check();
		if (number >= (uint64) names_room || names[number].path == NULL)
			return NULL;
	}
	return &names[number];
}

static inline bool
may_write(const CdTagName *name, bool stored)
{
	return name->lasts || (stored && name->ours);
}

int
cd_tag_number(const char *path, int length, bool stored)
{
	int			number = find_number(path, length);

	return number != 0 && may_write(&names[number], stored) ? number : 0;
}

int
cd_tag_number_known(const char *path, int number, bool stored)
{
	if (number <= 0 || number >= names_room || names[number].path != path)
		return -1;
	return may_write(&names[number], stored) ? number : 0;
}

void
cd_tag_find_number(const char **path, int length, int *number)
{
	if (cd_tag_number_known(*path, *number, true) > 0)
		return;
	cd_tag_names_check();
	*number = cd_tag_number(*path, length, true);
	if (*number != 0)
		*path = names[*number].path;
}

void *
cd_path_entry(HTAB **table, Size entry, MemoryContext context, const char *path, int length, bool *found)
{
	char		key[CD_MAX_TAG_PATH + 1] = {0};

	if (*table == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(key);
		control.entrysize = entry;
		control.hcxt = context;
		*table = hash_create("tag paths", 128, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	memcpy(key, path, length);
	return hash_search(*table, key, HASH_ENTER, found);
}

/* A name without a number. */
typedef struct NewName
{
	char		path[CD_MAX_TAG_PATH + 1];	/* key, ends with zeros */
	int			order;
} NewName;

struct CdNewTagNames
{
	MemoryContext context;
	HTAB	   *names;			/* NULL: none */
};

CdNewTagNames *
cd_new_tag_names(void)
{
	CdNewTagNames *result = palloc(sizeof(CdNewTagNames));

	result->context = CurrentMemoryContext;
	result->names = NULL;
	return result;
}

long
cd_new_tag_name_count(const CdNewTagNames *new_names)
{
	return new_names->names == NULL ? 0 : hash_get_num_entries(new_names->names);
}

void
cd_new_tag_name(CdNewTagNames *new_names, const char *path, int length)
{
	NewName    *name;
	bool		found;

	if (cd_new_tag_name_count(new_names) >= CD_MAX_TAG_NAMES)
		return;
	name = cd_path_entry(&new_names->names, sizeof(NewName), new_names->context, path, length, &found);
	if (!found)
		name->order = (int) hash_get_num_entries(new_names->names);
}

static int
compare_new_names(const void *a, const void *b)
{
	const NewName *const *x = a;
	const NewName *const *y = b;

	return (*x)->order < (*y)->order ? -1 : 1;
}

/* Give a path the next number, if it has none; false if none is left */
static bool
number_name(Relation relation, CatalogIndexState indexes, const char *path, int length, int *last)
{
	Datum		values[2];
	bool		nulls[2] = {false, false};
	HeapTuple	tuple;

	if (find_number(path, length) != 0)
		return true;
	if (*last == CD_MAX_TAG_NAMES)
		return false;
	values[NAME_NUMBER - 1] = Int32GetDatum(++*last);
	values[NAME_PATH - 1] = PointerGetDatum(cstring_to_text_with_len(path, length));
	tuple = heap_form_tuple(RelationGetDescr(relation), values, nulls);
	CatalogTupleInsertWithInfo(relation, tuple, indexes);
	remember(*last, path, length);
	set_lasting(&names[*last], GetCurrentTransactionId());
	names_highest = *last;
	names_count++;
	if ((uint32) names_count * 2 > slots_mask)
		fill_slots();
	else
		fill_slot(*last);
	heap_freetuple(tuple);
	return true;
}

/* The highest number there is, or was in this session */
static int
last_number(void)
{
	int			number = names_room - 1;

	while (number > 0 && names[number].path == NULL)
		number--;
	return Max(number, names_highest);
}

/*
 * Give numbers to collected names, in the order in which they were met, and
 * empty the collection; how many got one.  None does where another session is
 * giving numbers: waiting for it could end in a deadlock, and paths can be
 * written out.
 */
int
cd_number_tag_names(CdNewTagNames *new_names)
{
	long		count = cd_new_tag_name_count(new_names);
	NewName   **sorted;
	NewName    *name;
	HASH_SEQ_STATUS scan;
	Relation	relation;
	CatalogIndexState indexes;
	Oid			oid = count > 0 ? find_relation() : InvalidOid;
	int			first,
				last,
				n = 0,
				i;

	if (!OidIsValid(oid) || XactReadOnly || IsInParallelMode())
		return 0;
	relation = table_open(oid, RowExclusiveLock);
	if (!CheckRelationLockedByMe(relation, ShareRowExclusiveLock, true))
	{
		if (!ConditionalLockRelation(relation, ShareRowExclusiveLock))
		{
			table_close(relation, RowExclusiveLock);
			return 0;
		}
		names_stale = true;
	}
	cd_tag_names_check();
	sorted = palloc(count * sizeof(NewName *));
	hash_seq_init(&scan, new_names->names);
	while ((name = hash_seq_search(&scan)) != NULL)
		sorted[n++] = name;
	qsort(sorted, n, sizeof(NewName *), compare_new_names);

	/* Until the end of this command an error leaves nothing to hear of; so what we remember counts only then. */
	first = last = last_number();
	indexes = CatalogOpenIndexes(relation);
	names_whole = false;
	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!number_name(relation, indexes, sorted[i]->path, strlen(sorted[i]->path), &last))
			break;
	}
	CatalogCloseIndexes(indexes);
	if (last > first)
	{
		/* Others hear of it when it commits, and we do should it not. */
		CacheInvalidateRelcache(relation);
		names_adding = true;
		CommandCounterIncrement();
		names_adding = false;
	}
	names_whole = true;
	table_close(relation, RowExclusiveLock);
	pfree(sorted);
	hash_destroy(new_names->names);
	new_names->names = NULL;
	return last - first;
}

/* number_tags(paths): have these paths take little room from now on */
PG_FUNCTION_INFO_V1(cd_number_tags);
Datum
cd_number_tags(PG_FUNCTION_ARGS)
{
	ArrayType  *paths = PG_GETARG_ARRAYTYPE_P(0);
	CdNewTagNames *new_names = cd_new_tag_names();
	Oid			relation = find_relation();
	Datum	   *values;
	bool	   *nulls;
	int			count,
				i;

	if (OidIsValid(relation) && pg_class_aclcheck(relation, GetUserId(), ACL_INSERT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, "tag_name");
	deconstruct_array(paths, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	for (i = 0; i < count; i++)
	{
		text	   *path;

		if (nulls[i])
			continue;
		path = DatumGetTextPP(values[i]);
		cd_check_tag_path(VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
		cd_new_tag_name(new_names, VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
	}
	PG_RETURN_INT32(cd_number_tag_names(new_names));
}

/* Trigger of tag_name: rows that were added are noticed, others must not change */
PG_FUNCTION_INFO_V1(cd_tag_name_changed);
Datum
cd_tag_name_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function is a part of a trigger and cannot be called by itself")));
	if (!TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("numbers of tags are never changed or taken away"),
				 errdetail("Stored tagsets hold these numbers instead of paths.")));
	CacheInvalidateRelcache(trigger->tg_relation);
	PG_RETURN_POINTER(NULL);
}
