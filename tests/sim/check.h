/*
 * What every run must keep to. Sees each inner packet as it is sequenced and delivered, and the
 * sites at each watch; the first thing that is wrong ends the run.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/packet.h"
#include "tests/sim/scenario.h"

struct world;
struct site;

#define CHECK_MESSAGE 256

/* One direction: from site `who` to the other one. */
struct check_flow {
	uint32_t *sequenced; /* per flow: inner packets so far */
	uint32_t *delivered; /* per flow: the number that must come next */
	uint32_t flows;
	bool has_gaps; /* a restart was: numbers may be missing, never repeated */
	uint64_t sequenced_packets, delivered_packets;
	uint64_t skipped_packets; /* numbers that were passed over */
	uint64_t delivered_bytes;
	uint64_t units_sequenced, units_reported; /* given up at a restart, or dead with it */
	uint64_t first_ns;			  /* of the first delivery */
	/* progress */
	uint64_t seen_packets;
	uint64_t seen_ns; /* when it last moved, or had no reason to */
};

/* At the end of warm-up and when the source is exhausted. */
struct check_mark {
	bool is_set;
	uint64_t at_ns;
	uint64_t delivered_bytes, packets, resent, lost, dropped_frames, inner_bytes, line_bytes,
		control_bytes;
};

struct check {
	bool has_failed;
	char message[CHECK_MESSAGE];
	struct check_flow flow[2];
	struct check_mark early[2], warm[2], end[2];
	uint64_t calm_ns; /* the last fault ended then; UINT64_MAX: one is going on */
	uint64_t longest_stall_ns;
};

void check_init(struct check *c, const struct scenario *s);
void check_free(struct check *c);
void check_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The number of the next inner packet of this flow, which is being sequenced. */
uint32_t check_sequence(struct world *w, uint32_t who, uint32_t flow);
/* An inner packet that site `who` sent left the other gateway for its LAN. */
void check_delivery(struct world *w, uint32_t who, const struct payload *payload);
/* Bounds and books of one site, after each turn. */
void check_site(struct world *w, const struct site *site);
/* Every so often. */
void check_progress(struct world *w);
void check_marks(struct world *w);
/* All was delivered: conservation, and for steady scenarios the bounds. */
void check_end(struct world *w);

/* Goodput as a share of what the link could carry and resends per drop; 0: not measured. */
void check_summary(const struct world *w, uint32_t who, double *goodput, double *resends);

/* How long nothing may move while there is something to do and no fault. */
uint64_t check_stall_bound(const struct scenario *s);
