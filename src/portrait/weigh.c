/*
 * weigh.c
 *		Weighing one customer's counts against those of everybody: TF-IDF and
 *		lift, shrunk where there are few observations.
 *
 * What everybody's counts look like is learned now and then (train_tag) and
 * stays as it is in between, so that a customer's scores depend on his own
 * data alone and a refresh need not look at everyone because one came.
 */
#include "postgres.h"

#include "portrait/weigh.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "portrait/evaluate.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* So many values of a population are kept; twice as many are counted at a time. */
#define MOST_VALUES		100000

/* What fewer customers have says nothing about them. */
#define LEAST_CUSTOMERS	2

#define KEY_SIZE		(CD_MAX_TAG_PATH + 1)

/* One value, by its label. */
typedef struct Value
{
	char		label[KEY_SIZE];
	char	   *shown;			/* usual form below the label, or NULL */
	int64		customers;
	double		share;			/* sum, then mean, of customers' shares */
	int64		votes;			/* by which the usual form leads */
} Value;

struct CdPopulation
{
	MemoryContext context;
	HTAB	   *values;
	int64		customers;		/* with any value */
	int64		missed;			/* customers that a value left out may have had */
};

CdWeighing
cd_weighing(const char *name)
{
	static const char *const names[] = {"share", "tfidf", "lift", "lift_low"};
	int			i;

	for (i = 0; name != NULL && i < (int) lengthof(names); i++)
	{
		if (strcmp(names[i], name) == 0)
			return CD_WEIGH_SHARE + i;
	}
	return CD_WEIGH_NOT;
}

static CdPopulation *
make_population(void)
{
	CdPopulation *population = palloc0(sizeof(CdPopulation));
	HASHCTL		control = {0};

	population->context = AllocSetContextCreate(CurrentMemoryContext, "tag population", ALLOCSET_DEFAULT_SIZES);
	control.keysize = KEY_SIZE;
	control.entrysize = sizeof(Value);
	control.hcxt = population->context;
	population->values = hash_create("values of a tag", 1024, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	return population;
}

/* The value of a first label, made if wanted */
static Value *
find_value(const CdPopulation *population, const char *label, int length, bool make)
{
	char		key[KEY_SIZE];
	Value	   *value;
	bool		found;

	memcpy(key, label, length);
	key[length] = '\0';
	value = hash_search(population->values, key, make ? HASH_ENTER : HASH_FIND, &found);
	if (make && !found)
	{
		value->shown = NULL;
		value->customers = 0;
		value->share = 0;
		value->votes = 0;
	}
	return value;
}

CdPopulation *
cd_population_read(int32 tag_id)
{
	CdPopulation *population = make_population();
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(tag_id)};
	bool		isnull;
	uint64		i;

	SPI_execute_with_args("SELECT customers FROM customer_data.tag_population_state WHERE tag_id OPERATOR(pg_catalog.=) $1",
						  1, types, values, NULL, true, 1);
	if (SPI_processed == 1)
		population->customers = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	SPI_execute_with_args("SELECT label, shown, customers, share FROM customer_data.tag_population"
						  " WHERE tag_id OPERATOR(pg_catalog.=) $1",
						  1, types, values, NULL, true, 0);
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		char	   *label = SPI_getvalue(tuple, desc, 1);
		char	   *shown = SPI_getvalue(tuple, desc, 2);
		Value	   *value = find_value(population, label, strlen(label), true);

		value->shown = shown == NULL ? NULL : MemoryContextStrdup(population->context, shown);
		value->customers = DatumGetInt64(SPI_getbinval(tuple, desc, 3, &isnull));
		value->share = DatumGetFloat8(SPI_getbinval(tuple, desc, 4, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
	return population;
}

/* One value of a customer. */
typedef struct Count
{
	const char *label;
	int			length;
	double		count;
	const char *shown;			/* form met most often with this customer */
	int			shown_length;
	double		shown_count;
	double		score;
} Count;

/* A tagset of counts by first label; *total is the sum */
static Count *
read_counts(const CdTagset *counts, int *count, double *total)
{
	CdTagReader reader;
	Count	   *list;
	int			n = 0;

	*total = 0;
	cd_tags_begin(&reader, counts);
	list = palloc((reader.left + 1) * sizeof(Count));
	while (cd_tags_next(&reader))
	{
		const char *dot = memchr(reader.tag.path, '.', reader.tag.length);
		int			length = dot == NULL ? reader.tag.length : dot - reader.tag.path;

		if (!(reader.tag.score > 0))
			continue;
		/* Tags come sorted: those below one label follow each other. */
		if (n == 0 || list[n - 1].length != length || memcmp(list[n - 1].label, reader.tag.path, length) != 0)
		{
			list[n].label = pnstrdup(reader.tag.path, length);
			list[n].length = length;
			list[n].count = 0;
			list[n].shown = NULL;
			list[n].shown_length = 0;
			list[n++].shown_count = 0;
		}
		list[n - 1].count += reader.tag.score;
		*total += reader.tag.score;
		if (dot != NULL && reader.tag.score > list[n - 1].shown_count)
		{
			list[n - 1].shown_count = reader.tag.score;
			list[n - 1].shown_length = reader.tag.length - length - 1;
			list[n - 1].shown = pnstrdup(dot + 1, list[n - 1].shown_length);
		}
	}
	*count = n;
	return list;
}

/* Higher scores first, then by label */
static int
compare_counts(const void *a, const void *b)
{
	const Count *x = a;
	const Count *y = b;
	int			order;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	order = memcmp(x->label, y->label, Min(x->length, y->length));
	return order != 0 ? order : x->length - y->length;
}

/* One value's score; *least is what it must exceed where nobody said */
static double
weigh_one(const CdPopulation *population, CdWeighing weighing, double prior, const Count *count,
		  double total, const Value *value, double *least)
{
	double		share = count->count / (total + prior);
	double		lift;

	*least = 0;
	if (weighing == CD_WEIGH_SHARE)
		return share;
	if (weighing == CD_WEIGH_TFIDF)
		return value == NULL || value->customers < LEAST_CUSTOMERS ? 0 :
			share * log((1.0 + population->customers) / (1.0 + value->customers));
	*least = 1;
	lift = (count->count + prior) / (total * (value == NULL ? 0 : value->share) + prior);
	return weighing == CD_WEIGH_LIFT ? lift : lift * exp(-1.959964 / sqrt(count->count + prior));
}

void
cd_weigh(const CdPopulation *population, CdWeighing weighing, double prior, int top,
		 bool has_min, double min_score, const CdTagset *counts,
		 const char *path, int length, CdTagBuilder *builder)
{
	double		total;
	int			n;
	Count	   *list = read_counts(counts, &n, &total);
	int			kept = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		const Value *value = find_value(population, list[i].label, list[i].length, false);
		double		least;

		list[i].score = weigh_one(population, weighing, prior, &list[i], total, value, &least);
		if (value != NULL && value->shown != NULL)
		{
			list[i].shown = value->shown;
			list[i].shown_length = strlen(value->shown);
		}
		if (isfinite((float4) list[i].score) && (has_min ? list[i].score >= min_score : list[i].score > least))
			list[kept++] = list[i];
	}
	if (kept > 1)
		qsort(list, kept, sizeof(Count), compare_counts);
	for (i = 0; i < Min(kept, top); i++)
	{
		CdTag		tag = {NULL, 0, (float4) list[i].score, DT_NOBEGIN, DT_NOEND, 0, 0};
		const char *label = list[i].shown != NULL ? list[i].shown : list[i].label;
		int			label_length = list[i].shown != NULL ? list[i].shown_length : list[i].length;

		tag.length = length + 1 + label_length;
		if (tag.length > CD_MAX_TAG_PATH)
			continue;
		tag.path = psprintf("%.*s.%.*s", length, path, label_length, label);
		cd_tag_builder_add(builder, &tag);
	}
}

/* More customers first */
static int
compare_customers(const void *a, const void *b)
{
	const Value *x = *(Value *const *) a;
	const Value *y = *(Value *const *) b;

	if (x->customers != y->customers)
		return x->customers > y->customers ? -1 : 1;
	return strcmp(x->label, y->label);
}

/* All values, those of most customers first */
static Value **
sorted_values(CdPopulation *population, int *count)
{
	HASH_SEQ_STATUS scan;
	Value	  **values = palloc((hash_get_num_entries(population->values) + 1) * sizeof(Value *));
	Value	   *value;

	*count = 0;
	hash_seq_init(&scan, population->values);
	while ((value = hash_seq_search(&scan)) != NULL)
		values[(*count)++] = value;
	if (*count > 1)
		qsort(values, *count, sizeof(Value *), compare_customers);
	return values;
}

/* Leave out the values of fewest customers, so that memory stays bounded */
static void
prune(CdPopulation *population)
{
	int			count,
				i;
	Value	  **values = sorted_values(population, &count);

	population->missed += values[MOST_VALUES]->customers;
	for (i = MOST_VALUES; i < count; i++)
	{
		if (values[i]->shown != NULL)
			pfree(values[i]->shown);
		hash_search(population->values, values[i]->label, HASH_REMOVE, NULL);
	}
	pfree(values);
}

/* Count one customer; the usual form is found by majority vote */
static void
add_customer(CdPopulation *population, const CdTagset *counts)
{
	double		total;
	int			n;
	Count	   *list = read_counts(counts, &n, &total);
	int			i;

	if (n == 0)
		return;
	population->customers++;
	for (i = 0; i < n; i++)
	{
		Value	   *value = find_value(population, list[i].label, list[i].length, true);

		value->customers++;
		value->share += list[i].count / total;
		if (list[i].shown == NULL)
			continue;
		if (value->shown != NULL && strcmp(value->shown, list[i].shown) == 0)
			value->votes++;
		else if (value->votes > 0)
			value->votes--;
		else
		{
			if (value->shown != NULL)
				pfree(value->shown);
			value->shown = MemoryContextStrdup(population->context, list[i].shown);
			value->votes = 1;
		}
	}
	if (hash_get_num_entries(population->values) > 2 * MOST_VALUES)
		prune(population);
}

/* Take a batch of customers' counts */
static void
take_counts(void *arg, int expression, const CdResults *results)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "counts of customers", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	int			i;

	for (i = 0; i < results->count; i++)
	{
		if (!results->nulls[i])
			add_customer(arg, (CdTagset *) PG_DETOAST_DATUM_PACKED(cd_result(results, i)));
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Keep what was learned */
static void
write_population(CdPopulation *population, int32 tag_id)
{
	int			count,
				i;
	Value	  **values;
	Oid			state_types[3] = {INT4OID, INT8OID, INT8OID};
	Oid			types[5] = {INT4OID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, FLOAT8ARRAYOID};
	Datum		arguments[5];
	Datum	   *labels,
			   *shown,
			   *customers,
			   *shares;

	if (hash_get_num_entries(population->values) > MOST_VALUES)
		prune(population);
	values = sorted_values(population, &count);
	labels = palloc(Max(count, 1) * sizeof(Datum));
	shown = palloc(Max(count, 1) * sizeof(Datum));
	customers = palloc(Max(count, 1) * sizeof(Datum));
	shares = palloc(Max(count, 1) * sizeof(Datum));
	for (i = 0; i < count; i++)
	{
		labels[i] = CStringGetTextDatum(values[i]->label);
		shown[i] = CStringGetTextDatum(values[i]->shown != NULL ? values[i]->shown : "");
		customers[i] = Int64GetDatum(values[i]->customers);
		shares[i] = Float8GetDatum(values[i]->share / Max(population->customers, 1));
	}
	arguments[0] = Int32GetDatum(tag_id);
	arguments[1] = Int64GetDatum(population->customers);
	arguments[2] = Int64GetDatum(population->missed);
	SPI_execute_with_args("INSERT INTO customer_data.tag_population_state (tag_id, customers, missed, everyone)"
						  " VALUES ($1, $2, $3, (SELECT pg_catalog.count(*) FROM customer_data.customer))"
						  " ON CONFLICT (tag_id) DO UPDATE SET customers = excluded.customers, missed = excluded.missed,"
						  " everyone = excluded.everyone, trained_at = excluded.trained_at",
						  3, state_types, arguments, NULL, false, 0);
	arguments[1] = PointerGetDatum(construct_array(labels, count, TEXTOID, -1, false, TYPALIGN_INT));
	arguments[2] = PointerGetDatum(construct_array(shown, count, TEXTOID, -1, false, TYPALIGN_INT));
	arguments[3] = PointerGetDatum(construct_array(customers, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	arguments[4] = PointerGetDatum(construct_array(shares, count, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	SPI_execute_with_args("DELETE FROM customer_data.tag_population WHERE tag_id OPERATOR(pg_catalog.=) $1",
						  1, types, arguments, NULL, false, 0);
	SPI_execute_with_args("INSERT INTO customer_data.tag_population (tag_id, label, shown, customers, share)"
						  " SELECT $1, u.label, NULLIF(u.shown, ''), u.customers, u.share"
						  " FROM unnest($2, $3, $4, $5) u (label, shown, customers, share)",
						  5, types, arguments, NULL, false, 0);
}

/* learn_population(tag_id): count the values of everybody; answers the customers that have any */
PG_FUNCTION_INFO_V1(cd_learn_population);
Datum
cd_learn_population(PG_FUNCTION_ARGS)
{
	int32		tag_id = PG_GETARG_INT32(0);
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(tag_id)};
	CdExpression expression = {0};
	CdEvaluation *evaluation;
	CdPopulation *population;
	bool		isnull;
	int64		customers;

	SPI_connect();
	population = make_population();
	SPI_execute_with_args("SELECT expression, owner, time_zone, result::pg_catalog.regtype FROM customer_data.tag"
						  " WHERE tag_id OPERATOR(pg_catalog.=) $1",
						  1, types, values, NULL, true, 1);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no tag with number %d", tag_id)));
	expression.text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	expression.owner = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	expression.time_zone = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3);
	expression.type = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 4, &isnull));
	evaluation = cd_evaluation(&expression, 1);
	if (expression.error == NULL)
		cd_evaluation_run(evaluation, take_counts, population);
	cd_evaluation_free(evaluation);
	write_population(population, tag_id);
	customers = population->customers;
	SPI_finish();
	PG_RETURN_INT64(customers);
}
