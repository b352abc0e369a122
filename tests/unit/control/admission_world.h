/*
 * A small world for tests of admission: two links between two sites, each with its own gateway at
 * end A and one for both at end Z, and a path that asks for 1 Gb/s each way for 100 s.
 */
#pragma once

#include "control/core/admission.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define GB	     1000000000ull
#define MB	     1000000ull
#define MS	     1000000ull
#define SECOND	     1000000000ull
#define FOREVER	     CALENDAR_FOREVER
#define NOW	     (1000 * SECOND)

struct world {
	struct calendar rates[2][2], near[2], far;
	struct calendar quota_rate;
	struct booking booked[8];
	struct admission_option options[2];
	struct admission_request request;
	struct calendar_event scratch[64];
};

void world_make(struct world *w);
/* The bookings of one calendar take slots that follow each other. */
void world_book(struct world *w, struct calendar *calendar, uint32_t slot,
		const struct booking *booking);
enum admission_code world_decide(struct world *w, struct admission_verdict *verdict);
