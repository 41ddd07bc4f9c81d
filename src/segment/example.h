/*
 * example.h
 *		An event that a pattern means.
 */
#ifndef CD_EXAMPLE_H
#define CD_EXAMPLE_H

typedef struct CdExample
{
	char	   *kind;
	bool		has_value;
	double		value;
	bool		has_quantity;
	double		quantity;
	char	   *properties;		/* JSON */
} CdExample;

/* An event of one of a pattern's alternatives; false where it has no more of them. */
extern bool cd_example_event(struct varlena *pattern, int alternative, CdExample *example);

/* A number of any type as double precision; false where a type is none. */
extern bool cd_number_of(Oid type, Datum value, double *number);

#endif							/* CD_EXAMPLE_H */
