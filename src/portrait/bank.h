/*
 * bank.h
 *		Many decayed sums over one timeline in one walk.
 */
#ifndef CD_BANK_H
#define CD_BANK_H

#include "customer_data.h"

#include "nodes/primnodes.h"

typedef struct CdBank CdBank;

/* Lives in the current memory context. */
extern CdBank *cd_bank_create(AttrNumber events, AttrNumber first);

/*
 * The tree with each decayed_sum(events, pattern, half_life) of constants
 * replaced by a column that the bank computes, numbered from first.
 */
extern Node *cd_bank_take(CdBank *bank, Node *tree);

/* How many columns there are. */
extern int	cd_bank_size(const CdBank *bank);

/* Compute them for one timeline as of a moment; memory is the current context's. */
extern void cd_bank_compute(const CdBank *bank, struct varlena *events, TimestampTz now, double *sums);

#endif							/* CD_BANK_H */
