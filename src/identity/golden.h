/*
 * golden.h
 *		Which values of a customer's records survive.
 */
#ifndef CD_GOLDEN_H
#define CD_GOLDEN_H

#include "utils/array.h"
#include "utils/timestamp.h"

typedef enum CdRule
{
	CD_MOST_RECENT,
	CD_MOST_TRUSTED,
	CD_MOST_FREQUENT,
	CD_LONGEST,
	CD_MOST_COMPLETE,
	CD_EARLIEST,
	CD_MINIMUM,
	CD_MAXIMUM
} CdRule;

typedef enum CdValueKind
{
	CD_KIND_TEXT,
	CD_KIND_DATE,
	CD_KIND_MOMENT,
	CD_KIND_NUMBER
} CdValueKind;

/* How one attribute survives. */
typedef struct CdSurvivor
{
	CdRule		rule;
	CdValueKind kind;
	int			group;			/* 0: on its own */
	bool		standard;		/* the standard form is the better value */
	bool		used;			/* customer has a column for it */
} CdSurvivor;

typedef struct CdGoldenConfig
{
	int			n;				/* highest ordinal */
	CdSurvivor *attribute;		/* [1 .. n] */
	int			ngroups;
	bool	   *free_fill;		/* [1 .. ngroups]: parts complete each other */
} CdGoldenConfig;

/* One record of the customer. */
typedef struct CdGoldenEntry
{
	int64		record_id;
	int32		trust;
	TimestampTz changed_at;
	ArrayType  *given;
	ArrayType  *standard;
	ArrayType  *issue;
} CdGoldenEntry;

extern CdGoldenConfig *cd_golden_config(MemoryContext context);
extern int	cd_golden_choose(const CdGoldenConfig *config, const CdGoldenEntry *entry, int n, char **value, int64 *record);

#endif							/* CD_GOLDEN_H */
