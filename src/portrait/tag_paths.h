/*
 * tag_paths.h
 *		Paths of what hangs below a tag, each made once.
 */
#ifndef CD_TAG_PATHS_H
#define CD_TAG_PATHS_H

#include "portrait/tagset.h"

/* Lives in the memory context that was current when it was made. */
typedef struct CdTagPaths CdTagPaths;

extern CdTagPaths *cd_tag_paths(const char *parent, int length);

/*
 * Set the path of a tag to that of a label below the parent, and its number as
 * far as it is known; false if the path would be too long.  The path lives as
 * long as these paths, or in the present context where there are very many.
 */
extern bool cd_tag_path_below(CdTagPaths *paths, const char *label, int length, CdTag *tag);

#endif							/* CD_TAG_PATHS_H */
