/*
 * customer_data.c
 *		Load, settings, as_of() and the validity accumulator.
 */
#include "postgres.h"

#include "customer_data.h"

#include "access/xact.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

CD_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

static char *as_of_setting = NULL;
static bool as_of_set = false;
static TimestampTz as_of_value = 0;

static TimestampTz valid_until = DT_NOEND;
bool		cd_validity_wanted = false;

/* Parsed form of customer_data.as_of, handed from check to assign hook. */
typedef struct AsOfExtra
{
	bool		set;
	TimestampTz value;
} AsOfExtra;

/* Read a moment; false, without an error, where the text is none. */
bool
cd_parse_moment(const char *str, TimestampTz *result)
{
	fsec_t		fsec;
	struct pg_tm tt,
			   *tm = &tt;
	int			tz,
				dtype,
				nf;
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	char		workbuf[MAXDATELEN + MAXDATEFIELDS];
	int			error;

	error = ParseDateTime(str, workbuf, sizeof(workbuf), field, ftype, MAXDATEFIELDS, &nf);
	if (error == 0)
	{
#if PG_VERSION_NUM >= 160000
		DateTimeErrorExtra extra;

		error = DecodeDateTime(field, ftype, nf, &dtype, tm, &fsec, &tz, &extra);
#else
		error = DecodeDateTime(field, ftype, nf, &dtype, tm, &fsec, &tz);
#endif
	}
	return error == 0 && dtype == DTK_DATE && tm2timestamp(tm, fsec, &tz, result) == 0;
}

/* Accept an empty text (not set) or anything timestamptz_in accepts. */
static bool
check_as_of(char **newval, void **extra, GucSource source)
{
	AsOfExtra  *parsed = cd_guc_malloc(sizeof(AsOfExtra));

	if (parsed == NULL)
		return false;
	parsed->set = (*newval != NULL && **newval != '\0');
	parsed->value = 0;
	if (parsed->set)
	{
		char	   *str = *newval;

		if (!cd_parse_moment(str, &parsed->value))
		{
			GUC_check_errdetail("\"%s\" is not a moment.", str);
			GUC_check_errhint("Write it as '2026-03-01 12:00+00', or empty for the transaction's own time.");
			cd_guc_free(parsed);
			return false;
		}
	}
	*extra = parsed;
	return true;
}

static void
assign_as_of(const char *newval, void *extra)
{
	AsOfExtra  *parsed = (AsOfExtra *) extra;
	as_of_set = parsed != NULL && parsed->set;
	as_of_value = as_of_set ? parsed->value : 0;
	cd_as_of_changed();
}

void
_PG_init(void)
{
	DefineCustomStringVariable("customer_data.as_of",
							   "The moment conditions and counts are asked at.",
							   "Empty means the transaction's own time. Refreshes refuse while it is set.",
							   &as_of_setting, "", PGC_USERSET, GUC_NOT_IN_SAMPLE,
							   check_as_of, assign_as_of, NULL);
	cd_bits_init();
	cd_phone_init();
	cd_worker_init();
	cd_identity_engine_init();
	cd_portrait_init();
	cd_segment_init();
	MarkGUCPrefixReserved("customer_data");
}

TimestampTz
cd_as_of(void)
{
	return as_of_set ? as_of_value : GetCurrentTransactionStartTimestamp();
}

void
cd_as_of_begin(TimestampTz at, CdAsOf *save)
{
	save->set = as_of_set;
	save->value = as_of_value;
	as_of_set = true;
	as_of_value = at;
}

void
cd_as_of_end(const CdAsOf *save)
{
	as_of_set = save->set;
	as_of_value = save->value;
}

bool
cd_as_of_is_set(void)
{
	return as_of_set;
}

void
cd_validity_reset(void)
{
	cd_validity_wanted = true;
	valid_until = DT_NOEND;
}

void
cd_validity_note(TimestampTz until)
{
	if (until < valid_until)
		valid_until = until;
}

TimestampTz
cd_validity(void)
{
	return valid_until;
}

/* as_of() → timestamptz */
PG_FUNCTION_INFO_V1(cd_as_of_sql);
Datum
cd_as_of_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(cd_as_of());
}

/* Refuse a database whose encoding is not UTF8; called by the install script. */
PG_FUNCTION_INFO_V1(cd_check_encoding);
Datum
cd_check_encoding(PG_FUNCTION_ARGS)
{
	if (GetDatabaseEncoding() != PG_UTF8)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("customer_data needs a database with encoding UTF8"),
				 errdetail("This database has encoding %s.", GetDatabaseEncodingName()),
				 errhint("Create one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0.")));
	PG_RETURN_VOID();
}

MemoryContext
cd_aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("this function is a part of an aggregate and cannot be called by itself"),
				 errhint("Call the aggregate.")));
	return context;
}
