/*
 * Calendars: who has booked how much of one resource, and when. Nothing is kept here: the caller
 * brings the bookings that there are, and everything is computed from them by one sweep over their
 * starts and ends. Pure; any thread.
 *
 * A booking holds from start_ns up to, and not including, end_ns. All sweeps are O(n log n) at
 * worst; bookings that hold during the whole time asked for cost O(n).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CALENDAR_FOREVER   UINT64_MAX /* an end that never comes */
#define CALENDAR_WANTS_MAX 8

struct booking {
	uint64_t start_ns;
	uint64_t end_ns; /* CALENDAR_FOREVER: for ever */
	uint64_t amount;
};

/* A resource: at no instant may the bookings take more than `limit` together. */
struct calendar {
	uint64_t limit;
	uint32_t count;
	const struct booking *bookings;
};

/* An amount of one resource. */
struct calendar_want {
	const struct calendar *calendar;
	uint64_t amount;
};

/* Room for a sweep: twice the bookings of the calendar, or of all wants together. */
struct calendar_event {
	uint64_t at_ns;
	uint32_t booking;
	uint16_t want;
	bool is_end;
};

/* The most that is booked at an instant of [start_ns, end_ns), and the first such instant
 * (at_ns may be NULL). UINT64_MAX also for more than that; 0 for an empty time. */
uint64_t calendar_peak(const struct calendar *calendar, uint64_t start_ns, uint64_t end_ns,
		       uint64_t *at_ns, struct calendar_event *scratch);
/* Does the amount fit beside the bookings during all of [start_ns, end_ns)? */
bool calendar_fits(const struct calendar *calendar, uint64_t amount, uint64_t start_ns,
		   uint64_t end_ns, struct calendar_event *scratch);

/*
 * The first start that is not before `not_before_ns` and a multiple of step_ns (> 0), from which on
 * all wants (at most CALENDAR_WANTS_MAX) fit together for duration_ns. CALENDAR_FOREVER as a
 * duration: for ever. Returns CALENDAR_FOREVER when there is none.
 */
uint64_t calendar_earliest(const struct calendar_want *wants, uint32_t count, uint64_t duration_ns,
			   uint64_t not_before_ns, uint64_t step_ns,
			   struct calendar_event *scratch);
/* Up to when all wants fit together from start_ns on, but no further than end_ns: start_ns when not
 * even then. */
uint64_t calendar_longest(const struct calendar_want *wants, uint32_t count, uint64_t start_ns,
			  uint64_t end_ns, struct calendar_event *scratch);

/*
 * For callers that find the bookings of many resources in one pass: notes them down as they come,
 * each with the index of its calendar, and sorts them out afterwards. `bookings` has room for
 * `count`; calendars' bookings and counts are set, limits are left alone.
 */
struct calendar_entry {
	uint32_t calendar; /* < calendar_count */
	struct booking booking;
};
void calendar_group(const struct calendar_entry *entries, uint32_t count, struct booking *bookings,
		    struct calendar *calendars, uint32_t calendar_count);
