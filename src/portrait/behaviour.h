/*
 * behaviour.h
 *		What a timeline says about habits.
 */
#ifndef CD_BEHAVIOUR_H
#define CD_BEHAVIOUR_H

#include "customer_data.h"

/* Set while values are computed that will be kept with their half-life. */
extern bool cd_decay_is_kept;

extern int64 cd_half_life_seconds(const Interval *span);

#endif							/* CD_BEHAVIOUR_H */
