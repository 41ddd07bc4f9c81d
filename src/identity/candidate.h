/*
 * candidate.h
 *		Whom changed records could be like: read and scored.
 */
#ifndef CD_CANDIDATE_H
#define CD_CANDIDATE_H

#include "identity/engine.h"

/* Where the form of a record begins that was not read. */
#define CD_NO_FORM		PG_UINT32_MAX

/* A key of a changed record. */
typedef struct CdOwnKey
{
	uint64		hash;
	uint32		record;
	int16		bits;
	bool		followed;
} CdOwnKey;

/* A changed record and a candidate of it, by numbers among all. */
typedef struct CdCandidatePair
{
	uint32		changed;
	uint32		other;
} CdCandidatePair;

/* What is known when candidates are to be read. */
typedef struct CdNeighbours
{
	CdRecords  *all;			/* changed records, who have a form, and others, by id */
	const CdOwnKey *key;		/* of changed records, ascending by hash; records are numbers among all */
	Size		nkeys;
	const CdCandidatePair *pair;	/* those of a changed record together */
	Size		npairs;
} CdNeighbours;

/*
 * Read the candidates and score the pairs; links are those of pairs that share
 * enough by the values of today.  The dictionary of the engine grows.
 */
extern void cd_score_neighbours(CdEngine *engine, const CdNeighbours *neighbours, CdLinks *links);

#endif							/* CD_CANDIDATE_H */
