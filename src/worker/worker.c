/*
 * worker.c
 *		Settings of the background workers.
 */
#include "postgres.h"

#include "customer_data.h"

void
cd_worker_init(void)
{
}
