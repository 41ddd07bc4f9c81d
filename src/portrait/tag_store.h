/*
 * tag_store.h
 *		The stored tagsets, and the tags that were given, batch by batch.
 */
#ifndef CD_TAG_STORE_H
#define CD_TAG_STORE_H

#include "portrait/tagset.h"
#include "storage/itemptr.h"

/* A customer's tagset. */
typedef struct CdCustomerTags
{
	uint32		customer;
	CdTagset   *tags;
	ItemPointerData place;		/* of the row it is stored in */
} CdCustomerTags;

/*
 * Lives in the current memory context, and what is fetched in that of a batch;
 * inside SPI_connect().  Of the past there is only what was given.
 */
typedef struct CdTagStore CdTagStore;

extern CdTagStore *cd_tag_store_open(MemoryContext batch, bool past);
/* Answers whether the index by tag was written along with all there is. */
extern bool cd_tag_store_close(CdTagStore *store);

/*
 * What is stored of the customers of a batch, ids ascending, and perhaps of
 * some between them; what was given to them.
 */
extern CdCustomerTags *cd_tag_store_fetch(CdTagStore *store, const uint32 *ids, int count, int *found);
extern CdCustomerTags *cd_tag_store_given(CdTagStore *store, const uint32 *ids, int count, int *found);

/* The tagset of a customer among some, ascending, or NULL. */
extern const CdCustomerTags *cd_find_tags(const CdCustomerTags *list, int count, uint32 customer);

/*
 * Write a customer's new tagset, made by a builder, which is copied, over what
 * is stored of him (NULL: nothing is).
 */
extern void cd_tag_store_put(CdTagStore *store, uint32 customer, const CdTagset *tags, const CdTagBuilder *builder,
							 const CdCustomerTags *stored);

/* Write what was put and let go of what was fetched. */
extern void cd_tag_store_end_batch(CdTagStore *store);

#endif							/* CD_TAG_STORE_H */
