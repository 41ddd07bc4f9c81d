/*
 * due.h
 *		Who is to be looked at again, when: sets of customers by moment.
 */
#ifndef CD_DUE_H
#define CD_DUE_H

#include "customer_data.h"

#include "sets/customer_set.h"

typedef struct CdDue CdDue;

/* Lives in the current memory context. */
extern CdDue *cd_due_create(TimestampTz now);

/* A customer's answer for something (a number from 0) holds until a moment. */
extern void cd_due_add(CdDue *due, int what, TimestampTz until, uint32 customer);

/*
 * Write the sets of one thing, inside SPI_connect(), with a statement whose
 * parameters are its key ($1), the moment ($2) and the set ($3).
 */
extern void cd_due_write(CdDue *due, int what, Datum key, Oid key_type, const char *statement);

#endif							/* CD_DUE_H */
