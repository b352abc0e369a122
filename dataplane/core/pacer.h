/*
 * The pace of one link: the shaper's clock, charged with what a packet takes on the wire. Pure;
 * owned by the worker that sends.
 *
 * One packet of any size may go while less than a burst is under way, so over any T seconds at most
 * rate * T + burst + one packet leave, counted as bytes on the wire. A caller that always has a
 * packet and asks at least once per burst time gets the rate within 0.1 %.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/shaper.h"

#define PACER_FRAMING_BYTES 24 /* preamble 8, FCS 4, gap 12 (IEEE 802.3) */

struct pacer {
	struct shaper shaper;
	uint32_t burst_bytes;
};

/* Limits as in shaper_init: 0 or -EINVAL, and nothing changes. */
int pacer_init(struct pacer *p, uint64_t rate_bps, uint32_t burst_bytes, uint64_t now);
/* The same burst in bytes at a new rate; cheap when it is the old one. 0 or -EINVAL. */
int pacer_set_rate(struct pacer *p, uint64_t rate_bps, uint64_t now);

static inline bool pacer_may_send(const struct pacer *p, uint64_t now)
{
	return p->shaper.busy_ns + (p->shaper.busy_frac != 0) <= now + p->shaper.burst_ns;
}

/* A packet went: outer_frame_bytes from the Ethernet header to the end of the IP packet. */
static inline void pacer_charge(struct pacer *p, uint32_t outer_frame_bytes, uint64_t now)
{
	struct shaper *s = &p->shaper;

	if (s->busy_ns + (s->busy_frac != 0) <= now) {
		s->busy_ns = now;
		s->busy_frac = 0;
	}
	s->busy_ns =
		shaper_after(s, s->busy_ns, &s->busy_frac, outer_frame_bytes + PACER_FRAMING_BYTES);
}

/* The earliest time at which pacer_may_send says yes; may lie in the past. */
static inline uint64_t pacer_deadline(const struct pacer *p)
{
	uint64_t due = p->shaper.busy_ns + (p->shaper.busy_frac != 0);

	return due > p->shaper.burst_ns ? due - p->shaper.burst_ns : 0;
}
