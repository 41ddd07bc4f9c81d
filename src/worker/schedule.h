/*
 * schedule.h
 *		Schedule texts: cron expressions, intervals and @names, and the moments
 *		they mean.
 */
#ifndef CD_SCHEDULE_H
#define CD_SCHEDULE_H

#include "customer_data.h"

#include "pgtime.h"

typedef enum CdScheduleKind
{
	CD_SCHEDULE_CRON,
	CD_SCHEDULE_EVERY,
	CD_SCHEDULE_REBOOT
} CdScheduleKind;

/* A parsed schedule.  Bit n of a mask means the value n is wanted. */
typedef struct CdSchedule
{
	CdScheduleKind kind;
	uint64		minutes;
	uint32		hours;
	uint32		days;			/* of the month */
	uint16		months;
	uint8		weekdays;		/* 0 is Sunday */
	uint8		last_weekdays;	/* the last such weekday of the month */
	bool		last_day;		/* the last day of the month */
	bool		every_hour;		/* the hour field is * */
	bool		days_star;		/* the day field begins with * */
	bool		weekdays_star;	/* the weekday field begins with * */
	Interval	every;
} CdSchedule;

/* Parse a schedule text, or raise an error that says where it is wrong. */
extern void cd_schedule_parse(const char *text, CdSchedule *schedule);

/*
 * The first moment after the given one, DT_NOEND if there is none.  Intervals
 * are counted from the anchor.
 */
extern TimestampTz cd_schedule_next(const CdSchedule *schedule, pg_tz *zone,
									TimestampTz anchor, TimestampTz after);

#endif							/* CD_SCHEDULE_H */
