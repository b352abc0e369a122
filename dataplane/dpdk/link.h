/*
 * A link as one worker sees it: its pace, and how full it seems. Owned by that worker.
 *
 * The pacer holds what all paths of this worker send on the link, acknowledgements included, to
 * the worker's part of the link's rate, counted as bytes on the wire. That rate is what control
 * said, or less while the link shows a queue that it should not have (core/link_delay.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi/counters.h"
#include "dataplane/core/link_delay.h"
#include "dataplane/core/pacer.h"
#include "dataplane/core/share.h"

struct link {
	bool is_known;	       /* some path goes over it */
	uint32_t lowered_told; /* what the agent knows: events * 2 + lowered now */
	struct pacer pacer;
	uint64_t control_ns; /* when a quarter of the rate would have sent all ACKs and PINGs so far
			      */
	struct link_rate rate;
	uint64_t feedback_ns; /* the last one */
	struct share share;
	/* In every worker, ours included: what the share is made from. Read only. */
	const struct cw_link_counters *all[SHARE_WORKERS_MAX];
	struct cw_link_counters *counters;
};

/* A path of this link came or changed: the link's rate is this. */
void link_set(struct link *link, uint64_t rate_bps, uint64_t now_ns);
/* At even intervals: the worker's part of the rate, and a rate that grows again when nobody sends.
 */
void link_tick(struct link *link, uint64_t now_ns);
/* An ACK told of the queue on the link. */
void link_feedback(struct link *link, uint32_t queue_us, uint64_t rtt_ns, uint64_t rtt_min_ns,
		   uint64_t now_ns);

static inline bool link_may_send(const struct link *link, uint64_t now_ns)
{
	return pacer_may_send(&link->pacer, now_ns);
}

/*
 * ACKs and PINGs do not wait for the pacer, but take a quarter of the link at most: on a link on
 * which a packet takes longer than the time between two ACKs, ACKs of 608 bytes each would crowd
 * out the data of their own direction. Those that wait become one.
 */
#define LINK_CONTROL_SHARE 4
#define LINK_CONTROL_NS	   50000

static inline bool link_may_control(const struct link *link, uint64_t now_ns)
{
	return link->control_ns <= now_ns + LINK_CONTROL_NS;
}

static inline void link_charge_control(struct link *link, uint32_t frame_bytes, uint64_t now_ns)
{
	uint64_t from = link->control_ns > now_ns ? link->control_ns : now_ns, ignored = 0;

	link->control_ns =
		shaper_after(&link->pacer.shaper, from, &ignored, LINK_CONTROL_SHARE * frame_bytes);
}

/* A packet went: bytes from the Ethernet header on. */
static inline void link_charge(struct link *link, uint32_t frame_bytes, uint64_t now_ns)
{
	pacer_charge(&link->pacer, frame_bytes, now_ns);
	link->counters->tx_packets++;
	link->counters->tx_bytes += frame_bytes + PACER_FRAMING_BYTES;
}
