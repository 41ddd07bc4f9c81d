/*
 * weigh.h
 *		Weighing one customer's counts against those of everybody.
 */
#ifndef CD_WEIGH_H
#define CD_WEIGH_H

#include "customer_data.h"

#include "portrait/tagset.h"

typedef enum CdWeighing
{
	CD_WEIGH_NOT,
	CD_WEIGH_SHARE,
	CD_WEIGH_TFIDF,
	CD_WEIGH_LIFT,
	CD_WEIGH_LIFT_LOW
} CdWeighing;

/* What is known of everybody's counts; lives in the memory context it was read in. */
typedef struct CdPopulation CdPopulation;

extern CdWeighing cd_weighing(const char *name);

/* Read what was kept of a tag's population, inside SPI_connect(). */
extern CdPopulation *cd_population_read(int32 tag_id);

/*
 * Turn counts into scores: of each value n of a customer's N, with k
 * observations more that say nothing,
 *	share		n / (N + k)
 *	tfidf		share * ln((1 + customers) / (1 + customers with the value))
 *	lift		(n + k) / (N * (mean share of the value) + k)
 *	lift_low	the lower end of its 95 % interval, lift / exp(1.96 / sqrt(n + k))
 * The values with the highest scores, at most top of them, are added below a
 * path.  A value is the first label; of what follows it the population knows
 * the usual form.
 */
extern void cd_weigh(const CdPopulation *population, CdWeighing weighing, double prior, int top,
					 bool has_min, double min_score, const CdTagset *counts,
					 const char *path, int length, CdTagBuilder *builder);

#endif							/* CD_WEIGH_H */
