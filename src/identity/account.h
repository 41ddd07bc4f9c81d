/*
 * account.h
 *		Which company a person belongs to, of everybody at once.
 */
#ifndef CD_ACCOUNT_H
#define CD_ACCOUNT_H

#include "utils/array.h"

typedef struct CdAccounts CdAccounts;

/*
 * Standard forms of a customer's records, one after the other; NULL behind the
 * last.  They live in the current memory context.
 */
typedef ArrayType *(*CdNextForms) (void *state, int64 customer, int number);

extern CdAccounts *cd_accounts_begin(MemoryContext context);
extern void cd_accounts_note(CdAccounts *accounts, int64 customer, bool company, int32 source_id, text *key,
							 ArrayType *given, ArrayType *standard);
extern void cd_accounts_end(CdAccounts *accounts, CdNextForms next, void *state);

#endif							/* CD_ACCOUNT_H */
