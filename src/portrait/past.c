/*
 * past.c
 *		Metrics and tags at another moment than now.
 *
 * What is stored is the present.  While customer_data.as_of is set, the
 * columns of profile that hold metrics and tags are computed anew as of that
 * moment, by the roles that defined them: the view calls metric_as_of() and
 * tags_as_of() around what is stored.  Without as_of the planner takes these
 * calls away, and the view is as fast as its tables.
 *
 * Customers are mostly asked for in order, so each call computes some of the
 * following ones as well: first one, then, as long as they are asked for, four
 * times as many.
 */
#include "postgres.h"

#include "portrait/past.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "nodes/supportnodes.h"
#include "portrait/evaluate.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#define MOST_AHEAD		4096
#define MOST_KEPT		65536

static bool recompute_past = true;

/* Whether plans are made to read what is stored of the present. */
static bool plans_read_stored = true;

/* Plans made in one state are wrong in the other */
static void
note_state(bool recompute)
{
	bool		stored = !(recompute && cd_as_of_is_set());

	if (stored != plans_read_stored)
		ResetPlanCache();
	plans_read_stored = stored;
}

void
cd_as_of_changed(void)
{
	note_state(recompute_past);
}

static void
assign_recompute_past(bool newval, void *extra)
{
	note_state(newval);
}

void
cd_portrait_init(void)
{
	DefineCustomBoolVariable("customer_data.recompute_past",
							 "Computes metrics and tags anew while customer_data.as_of is set.",
							 "Off: profile shows those of the present, whatever moment is asked about.",
							 &recompute_past, true, PGC_USERSET, GUC_NOT_IN_SAMPLE, NULL, assign_recompute_past, NULL);
}

bool
cd_recomputes_past(void)
{
	return recompute_past && cd_as_of_is_set() && cd_as_of() != GetCurrentTransactionStartTimestamp();
}

/* recomputes_past() */
PG_FUNCTION_INFO_V1(cd_recomputes_past_sql);
Datum
cd_recomputes_past_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(cd_recomputes_past());
}

/* One customer's value. */
typedef struct PastValue
{
	uint32		customer;
	bool		isnull;
	Datum		value;
} PastValue;

/* What a call site keeps. */
typedef struct PastCache
{
	MemoryContext context;
	HTAB	   *values;
	TimestampTz moment;
	char	   *name;			/* of the metric; NULL: tags */
	CdExpression metric;
	int			ahead;			/* customers computed last time */
	int			used;			/* of them asked for */
	uint32		last;
} PastCache;

/* Begin anew, for a moment and a metric */
static void
begin_cache(PastCache *cache, const char *name)
{
	HASHCTL		control = {0};
	MemoryContext old = MemoryContextSwitchTo(cache->context);

	MemoryContextReset(cache->context);
	control.keysize = sizeof(uint32);
	control.entrysize = sizeof(PastValue);
	control.hcxt = cache->context;
	cache->values = hash_create("values of another moment", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	cache->moment = cd_as_of();
	cache->name = name == NULL ? NULL : pstrdup(name);
	cache->metric.text = NULL;
	cache->ahead = cache->used = 0;
	cache->last = 0;
	MemoryContextSwitchTo(old);
}

static PastCache *
get_cache(FunctionCallInfo fcinfo, const char *name)
{
	PastCache  *cache = fcinfo->flinfo->fn_extra;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(PastCache));
		cache->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "values of another moment", ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	if (cache->values == NULL || cache->moment != cd_as_of() ||
		(name != NULL && strcmp(cache->name, name) != 0) ||
		hash_get_num_entries(cache->values) > MOST_KEPT)
		begin_cache(cache, name);
	return cache;
}

/* Keep a value */
static void
keep(PastCache *cache, uint32 customer, Datum value, bool isnull, bool by_value, int16 length)
{
	MemoryContext old = MemoryContextSwitchTo(cache->context);
	PastValue  *kept = hash_search(cache->values, &customer, HASH_ENTER, NULL);

	kept->isnull = isnull;
	kept->value = isnull || by_value ? value : datumCopy(value, false, length);
	MemoryContextSwitchTo(old);
}

static void
take_values(void *arg, int expression, const CdResults *results)
{
	PastCache  *cache = arg;
	int			i;

	for (i = 0; i < results->count; i++)
		keep(cache, results->customers[i], cd_result(results, i), results->nulls[i], cache->metric.typbyval, cache->metric.typlen);
}

static void
take_tags(void *arg, uint32 customer, const CdTagset *tags)
{
	keep(arg, customer, PointerGetDatum(tags), false, false, -1);
}

/* Read the metric's definition */
static void
read_metric(PastCache *cache, Oid type)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(cache->name)};
	bool		isnull;
	MemoryContext old;

	SPI_execute_with_args("SELECT expression, owner, time_zone FROM customer_data.metric WHERE name OPERATOR(pg_catalog.=) $1",
						  1, types, values, NULL, true, 1);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no metric \"%s\"", cache->name)));
	old = MemoryContextSwitchTo(cache->context);
	cache->metric.text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	cache->metric.owner = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	cache->metric.time_zone = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3);
	cache->metric.type = type;
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
}

/* The customers to compute now: the one asked for, and more in the order of asking */
static CdSet *
choose_customers(PastCache *cache, uint32 customer)
{
	bool		down = customer < cache->last;
	CdSetBuilder *builder = cd_set_builder();
	Oid			types[2] = {INT8OID, INT8OID};
	Datum		values[2];
	uint64		i;

	cache->ahead = cache->used * 2 >= cache->ahead ? Min(Max(cache->ahead * 4, 1), MOST_AHEAD) : Max(cache->ahead / 4, 1);
	cache->used = 0;
	cd_set_builder_add(builder, customer);
	if (cache->ahead > 1)
	{
		values[0] = Int64GetDatum((int64) customer);
		values[1] = Int64GetDatum((int64) cache->ahead);
		SPI_execute_with_args(down ?
							  "SELECT customer_id FROM customer_data.customer"
							  " WHERE customer_id OPERATOR(pg_catalog.<) $1 ORDER BY customer_id DESC LIMIT $2" :
							  "SELECT customer_id FROM customer_data.customer"
							  " WHERE customer_id OPERATOR(pg_catalog.>) $1 ORDER BY customer_id LIMIT $2",
							  2, types, values, NULL, true, 0);
		for (i = 0; i < SPI_processed; i++)
		{
			bool		isnull;
			uint32		id = (uint32) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));

			if (hash_search(cache->values, &id, HASH_FIND, NULL) == NULL)
				cd_set_builder_add(builder, id);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	return cd_set_builder_value(builder);
}

/*
 * Compute values as the owner of profile, who reads what the caller's query
 * reads through it; what was defined runs as who defined it.
 */
static void
compute(PastCache *cache, uint32 customer, Oid type)
{
	TimestampTz valid_until = cd_validity();
	Oid			user;
	int			security;
	Oid			profile = cd_profile_relation();
	Relation	relation = table_open(profile, AccessShareLock);
	const char *column = cache->name == NULL ? "tags" : cache->name;
	CdSet	   *customers;

	GetUserIdAndSecContext(&user, &security);
	if (pg_class_aclcheck(profile, user, ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck(profile, get_attnum(profile, column), user, ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for column \"%s\" of customer_data.profile", column),
				 errdetail("While customer_data.as_of is set, it is computed for whoever asks."),
				 errhint("GRANT SELECT ON customer_data.profile TO %s;",
						 quote_identifier(GetUserNameFromId(user, false)))));
	SetUserIdAndSecContext(relation->rd_rel->relowner, security | SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();
	if (cache->name != NULL && cache->metric.text == NULL)
		read_metric(cache, type);
	customers = choose_customers(cache, customer);
	if (cache->name == NULL)
		cd_tags_at_moment(customers, take_tags, cache);
	else
	{
		CdEvaluation *evaluation;

		cache->metric.customers = customers;
		cache->metric.raises = true;
		evaluation = cd_evaluation(&cache->metric, 1);
		cd_evaluation_run(evaluation, take_values, cache);
		cd_evaluation_free(evaluation);
	}
	SPI_finish();
	SetUserIdAndSecContext(user, security);
	table_close(relation, AccessShareLock);
	cd_validity_reset();
	cd_validity_note(valid_until);
}

/* The value of a customer, computed if need be; NULL if there is no such customer */
static PastValue *
look_up(PastCache *cache, int64 id, Oid type)
{
	uint32		customer = (uint32) id;
	PastValue  *kept;

	if (id < 0 || id > PG_UINT32_MAX)
		return NULL;
	kept = hash_search(cache->values, &customer, HASH_FIND, NULL);
	if (kept == NULL)
	{
		compute(cache, customer, type);
		kept = hash_search(cache->values, &customer, HASH_FIND, NULL);
	}
	cache->used++;
	cache->last = customer;
	return kept;
}

/* metric_as_of(name, customer_id, stored): the metric as of as_of() */
PG_FUNCTION_INFO_V1(cd_metric_as_of);
Datum
cd_metric_as_of(PG_FUNCTION_ARGS)
{
	PastValue  *kept;

	if (!cd_recomputes_past())
	{
		if (PG_ARGISNULL(2))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(2));
	}
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	kept = look_up(get_cache(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0))), PG_GETARG_INT64(1),
				   get_fn_expr_argtype(fcinfo->flinfo, 2));
	if (kept == NULL || kept->isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(kept->value);
}

/* tags_as_of(customer_id, stored): the tags as of as_of() */
PG_FUNCTION_INFO_V1(cd_tags_as_of);
Datum
cd_tags_as_of(PG_FUNCTION_ARGS)
{
	const CdTagset *known;
	PastValue  *kept;

	if (!cd_recomputes_past())
	{
		if (PG_ARGISNULL(1))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	}
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	/* A tag that looks at tags is asked while these are computed. */
	known = cd_tags_so_far((uint32) PG_GETARG_INT64(0));
	if (known != NULL)
		PG_RETURN_POINTER(known);
	kept = look_up(get_cache(fcinfo, NULL), PG_GETARG_INT64(0), InvalidOid);
	if (kept == NULL || kept->isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(kept->value);
}

/* Without as_of the planner puts what is stored in the place of the call */
PG_FUNCTION_INFO_V1(cd_past_support);
Datum
cd_past_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestSimplify) && plans_read_stored)
		PG_RETURN_POINTER(llast(((SupportRequestSimplify *) request)->fcall->args));
	PG_RETURN_POINTER(NULL);
}
