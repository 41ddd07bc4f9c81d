/*
 * run_as.h
 *		Run stored expressions with the rights of the role that defined them.
 */
#ifndef CD_RUN_AS_H
#define CD_RUN_AS_H

#include "customer_data.h"

/* What cd_run_as_end needs to go back. */
typedef struct CdRunAs
{
	Oid			save_userid;
	int			save_sec_context;
	int			save_nestlevel;
} CdRunAs;

/*
 * Become the role, security-restricted, with search_path "pg_catalog, public,
 * customer_data, pg_temp", the given TimeZone (NULL: leave) and DateStyle ISO.
 * The caller must be allowed to SET ROLE to it.  An error inside needs no
 * call of cd_run_as_end: transaction abort restores user and settings.
 */
extern void cd_run_as_begin(Oid role, const char *time_zone, CdRunAs *save);
extern void cd_run_as_end(CdRunAs *save);

#endif							/* CD_RUN_AS_H */
