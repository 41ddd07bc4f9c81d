/*
 * program.h
 *		Conditions taken apart into what they ask and how the answers combine,
 *		so that what several ask is asked once, for a block of customers.
 */
#ifndef CD_PROGRAM_H
#define CD_PROGRAM_H

#include "segment/engine.h"

typedef struct CdProgram CdProgram;
typedef struct CdStep CdStep;

/* For conditions of one role and time zone. */
extern CdProgram *cd_program(CdRun *run);

/* Take in a planned condition, as its owner. */
extern CdStep *cd_program_add(CdProgram *program, Expr *expr);

/* Forget what was worked out for the moment of an earlier run. */
extern void cd_program_reset(CdProgram *program);

/* Go to a block of the batch, as the owner of the conditions. */
extern void cd_program_begin(CdProgram *program, int first, int count);

/*
 * Which of the customers a condition holds for; bit 0 is the first of the
 * block.  *until receives, for each customer asked, the first moment at which
 * the answer can change; NULL where none can.
 */
extern uint64 cd_program_ask(CdProgram *program, CdStep *step, uint64 customers, const TimestampTz **until);

/* The customer of the batch that was looked at last, to tell at whom a condition failed. */
extern int	cd_program_row(const CdProgram *program);

#endif							/* CD_PROGRAM_H */
