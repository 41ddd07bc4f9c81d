/*
 * bulk.h
 *		Write many rows of a table at once.
 */
#ifndef CD_BULK_H
#define CD_BULK_H

typedef struct CdBulk CdBulk;

extern CdBulk *cd_bulk_begin(const char *table);
extern bool cd_bulk_direct(const CdBulk *bulk);
extern int	cd_bulk_columns(const CdBulk *bulk);
extern void cd_bulk_put(CdBulk *bulk, const Datum *values, const bool *nulls);
extern void cd_bulk_end(CdBulk *bulk);

#endif							/* CD_BULK_H */
