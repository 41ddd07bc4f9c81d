/*
 * tag_name.h
 *		Numbers of tag paths, by which stored tagsets are a quarter as large.
 *
 * The table customer_data.tag_name is only added to.  A path without a number
 * is written out in each tagset, so nothing depends on its having one; outside
 * of the database, in text and on the wire, all paths are written out.
 */
#ifndef CD_TAG_NAME_H
#define CD_TAG_NAME_H

#include "customer_data.h"

#include "lib/stringinfo.h"
#include "utils/hsearch.h"

/* So many paths get numbers; each session that reads tagsets remembers them. */
#define CD_MAX_TAG_NAMES	100000

typedef struct CdTagName
{
	const char *path;			/* lives as long as the session, ends with a zero */
	int			length;
	bool		lasts;			/* committed: may be written wherever values go */
	bool		ours;			/* of our transaction: may be written to tables */
} CdTagName;

/* Names met that have no number yet. */
typedef struct CdNewTagNames CdNewTagNames;

/* The path with a number, or NULL */
extern const CdTagName *cd_tag_name(uint64 number);

/*
 * The number to write instead of a path, or 0; after cd_tag_names_check().
 * Values may outlive our transaction in the variables of a procedure that rolls
 * it back, rows (stored) do not.
 */
extern int	cd_tag_number(const char *path, int length, bool stored);

/*
 * The same for a path that is known to have had a number and lies where
 * cd_tag_name() says; -1 where that is not so.
 */
extern int	cd_tag_number_known(const char *path, int number, bool stored);

/* Look whether a path has got a number for what is stored, unless it had one, and take the path's lasting copy then. */
extern void cd_tag_find_number(const char **path, int length, int *number);

/* Notice what happened to the numbers since; before a value is read or made */
extern void cd_tag_names_check(void);

/*
 * Find or make the entry of a path in a hash table, which is made in a context
 * when first needed; entries begin with char path[CD_MAX_TAG_PATH + 1].
 */
extern void *cd_path_entry(HTAB **table, Size entry, MemoryContext context, const char *path, int length, bool *found);

/* Collect names, in the context that was current at first, and give them numbers. */
extern CdNewTagNames *cd_new_tag_names(void);
extern void cd_new_tag_name(CdNewTagNames *names, const char *path, int length);
extern long cd_new_tag_name_count(const CdNewTagNames *names);
extern int	cd_number_tag_names(CdNewTagNames *names);

#endif							/* CD_TAG_NAME_H */
