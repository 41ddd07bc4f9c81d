/*
 * collect.h
 *		What becomes of answers: who is in which condition, chunk by chunk, and
 *		whom to ask again when.
 */
#ifndef CD_COLLECT_H
#define CD_COLLECT_H

#include "segment/engine.h"

/* Get ready to collect the answers of all conditions, once it is known whom they are asked of. */
extern void cd_collect_begin(CdRun *run);

/*
 * Keep the answers for a block of the batch: of its customers those it holds
 * for, and until when answers hold (NULL: until something new arrives).
 */
extern void cd_keep_answers(CdRun *run, CdAsked *asked, int first, uint64 customers, uint64 yes, const TimestampTz *until);

/* Note that a customer was asked who was not to be, because a segment asked for had changed. */
extern void cd_keep_asked(CdRun *run, CdAsked *asked, uint32 id);

/* Send what became of a chunk all of whose customers have been asked; a run's end_chunk. */
extern void cd_end_chunk(CdRun *run, uint32 chunk);

/* The same of chunks in which nobody is left to be asked. */
extern void cd_end_missed(CdRun *run);

/* Send until when answers hold, if that has become much, or in any case. */
extern void cd_send_dues(CdRun *run, bool all);

/* Send the error of a condition that cannot be evaluated; a run's failed. */
extern void cd_send_error(CdRun *run, CdAsked *asked, ErrorData *error, int row);

#endif							/* CD_COLLECT_H */
