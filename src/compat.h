/*
 * compat.h
 *		Differences between server versions 15 to 18, and nothing else.
 */
#ifndef CD_COMPAT_H
#define CD_COMPAT_H

#include "postgres.h"
#include "fmgr.h"

#if PG_VERSION_NUM < 150000
#error "customer_data needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 15 declares SQL-callable functions without export; we build with hidden visibility. */
#if PG_VERSION_NUM < 160000
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(funcname) \
extern PGDLLEXPORT Datum funcname(PG_FUNCTION_ARGS); \
extern PGDLLEXPORT const Pg_finfo_record * CppConcat(pg_finfo_,funcname)(void); \
const Pg_finfo_record * \
CppConcat(pg_finfo_,funcname) (void) \
{ \
	static const Pg_finfo_record my_finfo = { 1 }; \
	return &my_finfo; \
} \
extern int no_such_variable
#endif

/* What a setting's check hook hands on belongs to guc.c, whose allocator moved. */
#if PG_VERSION_NUM >= 160000
#include "utils/guc.h"
#define cd_guc_malloc(size)		guc_malloc(LOG, size)
#define cd_guc_free(ptr)		guc_free(ptr)
#else
#define cd_guc_malloc(size)		malloc(size)
#define cd_guc_free(ptr)		free(ptr)
#endif

/* 16 brought soft errors; before it every input error is a hard one. */
#if PG_VERSION_NUM < 160000
#define errsave(context, ...)			ereport(ERROR, __VA_ARGS__)
#define ereturn(context, retval, ...)	do { ereport(ERROR, __VA_ARGS__); return retval; } while (0)
#endif

/* 18 renamed the marking of functions that do not return. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn		pg_attribute_noreturn()
#endif

/* Call an input function; false when it reported a soft error. */
#if PG_VERSION_NUM >= 160000
#define cd_input_safe(function, str, escontext, result) \
	DirectInputFunctionCallSafe(function, str, InvalidOid, -1, escontext, result)
#else
#define cd_input_safe(function, str, escontext, result) \
	(*(result) = DirectFunctionCall3(function, CStringGetDatum(str), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)), true)
#endif

/* 16 tells whether only summarising indexes want to know of a row. */
#if PG_VERSION_NUM >= 160000
#define cd_insert_index_entries(target, slot, estate) \
	list_free(ExecInsertIndexTuples(target, slot, estate, false, false, NULL, NIL, false))
#else
#define cd_insert_index_entries(target, slot, estate) \
	list_free(ExecInsertIndexTuples(target, slot, estate, false, false, NULL, NIL))
#endif

/* Which index entries an updated row needs: 16 tells those that only sum up. */
#if PG_VERSION_NUM >= 160000
#define cd_updated_indexes		TU_UpdateIndexes
#define cd_insert_updated_entries(target, slot, estate, indexes) \
	do { \
		if ((indexes) != TU_None) \
			list_free(ExecInsertIndexTuples(target, slot, estate, false, false, NULL, NIL, (indexes) == TU_Summarizing)); \
	} while (0)
#else
#define cd_updated_indexes		bool
#define cd_insert_updated_entries(target, slot, estate, indexes) \
	do { \
		if (indexes) \
			cd_insert_index_entries(target, slot, estate); \
	} while (0)
#endif

/* 18 counts the searches of an index scan for EXPLAIN. */
#if PG_VERSION_NUM >= 180000
#define cd_index_beginscan(relation, index, snapshot, keys) \
	index_beginscan(relation, index, snapshot, NULL, keys, 0)
#else
#define cd_index_beginscan(relation, index, snapshot, keys) \
	index_beginscan(relation, index, snapshot, keys, 0)
#endif

/* 17 did away with snapshots that become too old. */
#if PG_VERSION_NUM >= 170000
#define cd_test_old_snapshot(snapshot, relation, page)	((void) (snapshot))
#else
#define cd_test_old_snapshot(snapshot, relation, page)	TestForOldSnapshot(snapshot, relation, page)
#endif

/* 17 keeps the statistics target of a column beside it (VacAttrStats). */
#if PG_VERSION_NUM >= 170000
#define cd_statistics_target(stats)	((stats)->attstattarget)
#else
#define cd_statistics_target(stats)	((stats)->attr->attstattarget)
#endif

#if PG_VERSION_NUM < 170000
#define CD_MODULE_MAGIC		PG_MODULE_MAGIC
#elif PG_VERSION_NUM >= 180000
#define CD_MODULE_MAGIC		PG_MODULE_MAGIC_EXT(.name = "customer_data", .version = CD_VERSION)
#else
#define CD_MODULE_MAGIC		PG_MODULE_MAGIC
#endif

#endif							/* CD_COMPAT_H */
