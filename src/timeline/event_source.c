/*
 * event_source.c
 *		What reading event sources needs of the lock manager.
 */
#include "postgres.h"

#include "customer_data.h"

#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

/*
 * wait_for_writers(regclass): wait until every transaction that has written to
 * the table, and may still be uncommitted, is over; block no new writer.
 */
PG_FUNCTION_INFO_V1(cd_wait_for_writers);
Datum
cd_wait_for_writers(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	List	   *relations;
	List	   *tags = NIL;
	ListCell   *cell;

	if (get_rel_name(relid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(get_rel_relkind(relid)), get_rel_name(relid));
	relations = find_all_inheritors(relid, NoLock, NULL);
	foreach(cell, relations)
	{
		LOCKTAG    *tag = palloc(sizeof(LOCKTAG));

		SET_LOCKTAG_RELATION(*tag, MyDatabaseId, lfirst_oid(cell));
		tags = lappend(tags, tag);
	}
	WaitForLockersMultiple(tags, ShareLock, false);
	PG_RETURN_BOOL(true);
}
