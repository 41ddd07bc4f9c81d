/*
 * past.h
 *		Metrics and tags at another moment than now.
 */
#ifndef CD_PAST_H
#define CD_PAST_H

#include "customer_data.h"

#include "portrait/tagset.h"
#include "sets/customer_set.h"

/*
 * Is another moment asked about, and are metrics and tags wanted as they were
 * then?  A refresh that is told the time by customer_data.as_of (tests do so)
 * turns customer_data.recompute_past off.
 */
extern bool cd_recomputes_past(void);

/* Called with each tag's owner-given result; arrays as in CdResults. */
typedef void (*CdTakePastTags) (void *arg, uint32 customer, const CdTagset *tags);

/* The tags of customers as of as_of(), inside SPI_connect(). */
extern void cd_tags_at_moment(const CdSet *customers, CdTakePastTags take, void *arg);

/* Tags of a customer whose tags are being computed, as far as they are known; else NULL. */
extern const CdTagset *cd_tags_so_far(uint32 customer);

#endif							/* CD_PAST_H */
