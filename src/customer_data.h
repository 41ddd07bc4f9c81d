/*
 * customer_data.h
 *		What every room shares: the moment questions are asked at, and the
 *		moment until which the answers hold.
 */
#ifndef CD_CUSTOMER_DATA_H
#define CD_CUSTOMER_DATA_H

#include "compat.h"

#include "datatype/timestamp.h"

/* as_of(): customer_data.as_of if set, else the start of the transaction. */
extern TimestampTz cd_as_of(void);

/*
 * Ask as of another moment for a while, without touching the setting.  Whoever
 * begins must also end after an error.
 */
typedef struct CdAsOf
{
	bool		set;
	TimestampTz value;
} CdAsOf;

extern void cd_as_of_begin(TimestampTz at, CdAsOf *save);
extern void cd_as_of_end(const CdAsOf *save);

/* True while customer_data.as_of is set: refreshes refuse then. */
extern bool cd_parse_moment(const char *str, TimestampTz *result);
extern bool cd_as_of_is_set(void);

/*
 * Validity.  A time-aware function, besides answering, notes the first moment
 * at which its answer could change if nothing new arrives.  Whoever evaluates
 * a condition resets the accumulator before it and reads it after it: the
 * minimum over the calls made is early, never late, for any combination of
 * them.  DT_NOEND means "holds for ever".  Before the first reset nobody has
 * asked, and functions need not find out.
 */
extern bool cd_validity_wanted;
extern void cd_validity_reset(void);
extern void cd_validity_note(TimestampTz until);
extern TimestampTz cd_validity(void);

/* Where an aggregate keeps its state; an error where the function is called by itself. */
extern MemoryContext cd_aggregate_context(FunctionCallInfo fcinfo);

/* Set-up of the rooms that have settings or workers, called once at load. */
extern void cd_bits_init(void);
extern void cd_phone_init(void);
extern void cd_worker_init(void);
extern void cd_segment_init(void);
extern void cd_identity_engine_init(void);
extern void cd_portrait_init(void);

/* Told whenever customer_data.as_of is set or reset. */
extern void cd_as_of_changed(void);

#endif							/* CD_CUSTOMER_DATA_H */
