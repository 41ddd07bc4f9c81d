/*
 * progress.h
 *		Report the progress of long work, for any session to see in the view
 *		customer_data.progress.
 *
 *		cd_progress_begin("scoring pairs", pair_count);
 *		for (...)
 *			cd_progress_set(done);		-- cheap: call it as often as you like
 *		cd_progress_end();
 *
 * Phases nest: begin within begin is a step of it.  Done never goes back and
 * never passes total; a total of 0 says that it is not known.  An error or the
 * end of the transaction ends all phases.  Without shared_preload_libraries
 * the calls do nothing.
 */
#ifndef CD_PROGRESS_H
#define CD_PROGRESS_H

#include "customer_data.h"

extern void cd_progress_begin(const char *phase, uint64 total);
extern void cd_progress_total(uint64 total);
extern void cd_progress_set(uint64 done);
extern void cd_progress_end(void);

/* For the worker room itself. */
extern Size cd_progress_size(void);
extern void cd_progress_startup(void);
extern void cd_progress_run(int32 job_id, int64 run_id);

#endif							/* CD_PROGRESS_H */
