/*
 * settings.c
 *		Settings of segments.
 */
#include "postgres.h"

#include "segment/block.h"
#include "segment/evaluate.h"

#include "utils/guc.h"

static int	change_keep_days = 365;
static int	snapshot_keep_days = 1095;

/* Define the settings of this room, and take the loops that this processor runs. */
void
cd_segment_init(void)
{
	cd_block_init();
	DefineCustomIntVariable("customer_data.segment_change_keep_days",
							"How many days to remember who entered and left which segment, and why.",
							"-1 keeps it for ever.",
							&change_keep_days, 365, -1, 1000000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("customer_data.segment_snapshot_keep_days",
							"How many days to keep the daily snapshots of segments.",
							"-1 keeps them for ever.",
							&snapshot_keep_days, 1095, -1, 1000000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("customer_data.segment_workers",
							"Parallel workers that ask conditions of customers.",
							"-1: as many as max_parallel_maintenance_workers allows and the number of customers is worth; 0: none.",
							&cd_segment_workers, -1, -1, CD_SEGMENT_WORKERS_MOST, PGC_USERSET, 0, NULL, NULL, NULL);
}
