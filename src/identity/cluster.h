/*
 * cluster.h
 *		Records, the links between them and what must not be joined.
 */
#ifndef CD_CLUSTER_H
#define CD_CLUSTER_H

#include "utils/memutils.h"

typedef enum CdLinkKind
{
	CD_LINK_SCORED,				/* weight in bits */
	CD_LINK_ALWAYS,				/* a person joined the two */
	CD_LINK_NEVER				/* a person parted the two */
} CdLinkKind;

typedef struct CdLink
{
	uint32		a;
	uint32		b;
	float		weight;
	CdLinkKind	kind;
} CdLink;

/* A value of which a cluster may hold only so many different ones. */
typedef struct CdTag
{
	int			kind;
	uint64		value;
} CdTag;

/* A join that the limit of a kind of value, or another decision of a person, was against. */
#define CD_DECISIONS	(-1)

typedef struct CdConflict
{
	int			kind;			/* or CD_DECISIONS */
	uint32		a;
	uint32		b;
	bool		joined;			/* a better identifier agrees: the kind gave way */
} CdConflict;

/* Conflicts kept to be shown. */
#define CD_MAX_CONFLICTS	10000

typedef struct CdClustering
{
	uint32		n;
	bool	   *informed;		/* node has values: a missing link speaks against */
	CdLink	   *link;
	Size		nlinks;
	uint32	   *tagfirst;		/* node → start in tag */
	CdTag	   *tag;
	int			nkinds;
	int		   *limit;			/* per kind */
	int		   *priority;		/* per kind: a lower number goes first, 0 never gives way */
	float		absent;			/* weight of a pair without a link */
	float		stop;			/* join while the average is above */
	float		clip;			/* no single link counts for more */
	uint32	   *label;
	CdConflict *conflict;
	int			nconflicts;
} CdClustering;

extern void cd_cluster(CdClustering *clustering);

#endif							/* CD_CLUSTER_H */
