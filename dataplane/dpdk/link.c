#include "dataplane/dpdk/link.h"

#include <rte_common.h>

/* What may go at once: what an adaptive worker misses in a short sleep, and a packet at least. */
#define BURST_NS    50000
#define BURST_LEAST 16384u
#define BURST_MOST  (1u << 20)
#define FRAME_MOST  9216u

static uint32_t burst_bytes(uint64_t rate_bps)
{
	uint64_t bytes = rate_bps / 8 * BURST_NS / 1000000000;

	return (uint32_t)RTE_MIN(RTE_MAX(bytes, (uint64_t)BURST_LEAST), (uint64_t)BURST_MOST);
}

static uint64_t rate_clamped(uint64_t rate_bps)
{
	return RTE_MIN(RTE_MAX(rate_bps, (uint64_t)SHAPER_RATE_MIN_BPS),
		       (uint64_t)SHAPER_RATE_MAX_BPS);
}

/* The worker's part of the rate. */
static void link_share(struct link *link, uint64_t now_ns)
{
	uint64_t rate = link_rate_bps(&link->rate);

	if (link->share.workers > 1) {
		uint64_t offered[SHARE_WORKERS_MAX];

		for (uint32_t i = 0; i < link->share.workers; i++)
			offered[i] = link->all[i]->tx_bytes;
		rate = share_update(&link->share, offered, rate);
	}
	pacer_set_rate(&link->pacer, rate_clamped(rate), now_ns);
	link->counters->nominal_bps = link->rate.nominal_bps;
	link->counters->rate_bps = rate;
	link->counters->lowered = link->rate.lowered;
	link->counters->lowered_count = link->rate.lowered_count;
}

void link_set(struct link *link, uint64_t rate_bps, uint64_t now_ns)
{
	uint64_t rate = rate_clamped(rate_bps ? rate_bps : SHAPER_RATE_MAX_BPS);

	if (link->is_known && rate == link->rate.nominal_bps)
		return;
	if (!link->is_known) {
		link_rate_init(&link->rate, rate, burst_bytes(rate) + 2 * FRAME_MOST, now_ns);
		pacer_init(&link->pacer, rate, burst_bytes(rate), now_ns);
		link->is_known = true;
	}
	link_rate_set_nominal(&link->rate, rate);
	link_share(link, now_ns);
}

/* No ACK for this long: there is no queue either. */
#define IDLE_NS 1000000000ull

void link_tick(struct link *link, uint64_t now_ns)
{
	if (link->rate.lowered && now_ns - link->feedback_ns > IDLE_NS)
		link_rate_on_feedback(&link->rate, 0, 1, 1, 0, now_ns);
	link_share(link, now_ns);
}

void link_feedback(struct link *link, uint32_t queue_us, uint64_t rtt_ns, uint64_t rtt_min_ns,
		   uint64_t now_ns)
{
	link->feedback_ns = now_ns;
	link->counters->rtt_ns = rtt_ns;
	link->counters->rtt_min_ns = rtt_min_ns;
	link->counters->queue_us = queue_us;
	if (link_rate_on_feedback(&link->rate, queue_us, rtt_ns, rtt_min_ns, 0, now_ns))
		link_share(link, now_ns);
}
