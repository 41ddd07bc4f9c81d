/*
 * bank.h
 *		Many decayed sums and counts of values over one timeline in one walk.
 */
#ifndef CD_BANK_H
#define CD_BANK_H

#include "customer_data.h"

#include "nodes/primnodes.h"
#include "timeline/event_pattern.h"

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

/* How often each text of a property occurs among the events of a pattern. */
typedef struct CdBankTally
{
	int			texts;			/* in the property's dictionaries, those of each part of a timeline in order */
	const char **strings;
	int		   *lengths;
	int		   *counts;
	int			total;			/* of all counts */
} CdBankTally;

/*
 * Have texts of a property counted, too: the number of the tally, or -1 where
 * the pattern is not for the bank.  Pattern and property must live as long as it.
 */
extern int	cd_bank_tally(CdBank *bank, const CdPattern *pattern, const char *property, int length);

/*
 * Compute columns and tallies for one timeline as of a moment; memory is the
 * current context's.  Tallies live as long as that and until the next timeline.
 */
extern void cd_bank_compute(CdBank *bank, struct varlena *events, TimestampTz now, double *sums);
extern const CdBankTally *cd_bank_tallied(const CdBank *bank, int tally);

#endif							/* CD_BANK_H */
