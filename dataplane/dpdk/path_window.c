/* How large the windows of a path are: when it is made, and as its rate or round trip changes. */
#include "dataplane/dpdk/path.h"

#include <rte_malloc.h>

void path_demand_raise(struct path_demand *most, const struct path_demand *demand)
{
	most->tx_bps = RTE_MAX(most->tx_bps, demand->tx_bps);
	most->rx_bps = RTE_MAX(most->rx_bps, demand->rx_bps);
	most->rtt_ns = RTE_MAX(most->rtt_ns, demand->rtt_ns);
}

uint32_t path_lane_count(const struct intent_path *intent, uint32_t workers)
{
	return RTE_MIN(RTE_MAX(workers, (uint32_t)intent->peer_lanes), (uint32_t)LANES_MAX);
}

/* Of one lane, if there are buffers for all of it. */
static void sizes_wanted(const struct path_demand *demand, uint32_t peer_lanes, uint32_t lane,
			 uint32_t worker, struct tunnel_sizes *sizes)
{
	struct tunnel_demand of_lane = {
		.tx_bps = lane == worker ? path_rate_clamped(demand->tx_bps) : 0,
		.rx_bps = lane < peer_lanes ? path_rate_clamped(demand->rx_bps) : 0,
		.rtt_ns = demand->rtt_ns,
		.loss = TUNNEL_LOSS_BUDGET,
	};

	tunnel_sizes_for(&of_lane, sizes);
}

void path_buffers_wanted(const struct intent_path *intent, uint32_t worker, uint32_t workers,
			 uint32_t *retain, uint32_t *hold)
{
	struct path_demand demand = path_demand_of(intent);
	struct tunnel_sizes sizes;

	*retain = *hold = 0;
	for (uint32_t i = worker; i < path_lane_count(intent, workers); i += workers) {
		sizes_wanted(&demand, intent->peer_lanes, i, worker, &sizes);
		*retain += sizes.retain_packets;
		*hold += sizes.rx_buffers;
	}
}

uint64_t path_window_bytes(const struct intent_path *intent, uint32_t worker, uint32_t workers)
{
	struct path_demand demand = path_demand_of(intent);
	struct tunnel_sizes sizes;
	uint64_t bytes = 0;

	for (uint32_t i = worker; i < path_lane_count(intent, workers); i += workers) {
		sizes_wanted(&demand, intent->peer_lanes, i, worker, &sizes);
		bytes += tunnel_memory(&sizes);
	}
	return bytes;
}

/* What was wanted, cut down to the share that there are buffers for. */
void path_lane_sizes(const struct intent_path *intent, uint32_t lane,
		     const struct path_options *options, struct tunnel_sizes *sizes)
{
	struct path_demand demand = path_demand_of(intent);
	uint32_t retain, hold;

	path_buffers_wanted(intent, options->worker, options->workers, &retain, &hold);
	sizes_wanted(&demand, intent->peer_lanes, lane, options->worker, sizes);
	if (options->retain_buffers < retain)
		sizes->retain_packets = (uint32_t)((uint64_t)sizes->retain_packets *
						   options->retain_buffers / retain);
	if (options->hold_buffers < hold)
		sizes->rx_buffers =
			(uint32_t)((uint64_t)sizes->rx_buffers * options->hold_buffers / hold);
}

static bool lane_resize_make(struct path_resize *resize, const struct intent_path *intent,
			     const struct path_demand *most, uint32_t lane,
			     const struct path_options *options)
{
	uint32_t at = resize->count++;
	struct tunnel_sizes *sizes = &resize->lanes[at].sizes, largest;

	resize->lanes[at].lane = lane;
	path_lane_sizes(intent, lane, options, sizes);
	sizes_wanted(most, intent->peer_lanes, lane, options->worker, &largest);
	sizes->tx_slots = largest.tx_slots;
	sizes->rx_slots = largest.rx_slots;
	sizes->replay_bits = largest.replay_bits;
	resize->lanes[at].memory = rte_malloc("window", tunnel_memory(sizes), RTE_CACHE_LINE_SIZE);
	if (resize->lanes[at].memory)
		tunnel_prepare(sizes, resize->lanes[at].memory);
	return resize->lanes[at].memory != NULL;
}

struct path_resize *path_resize_create(const struct intent_path *intent,
				       const struct path_demand *most,
				       const struct path_options *options)
{
	struct path_resize *resize = rte_zmalloc("resize", sizeof(*resize), RTE_CACHE_LINE_SIZE);
	uint32_t lanes = path_lane_count(intent, options->workers);

	for (uint32_t i = options->worker; resize && i < lanes; i += options->workers)
		if (!lane_resize_make(resize, intent, most, i, options)) {
			path_resize_free(resize);
			return NULL;
		}
	return resize;
}

void path_resize_free(struct path_resize *resize)
{
	for (uint32_t i = 0; resize && i < resize->count; i++)
		rte_free(resize->lanes[i].memory);
	rte_free(resize);
}

void path_resize(struct path *path, struct path_resize *resize)
{
	for (uint32_t i = 0; i < resize->count; i++) {
		struct path_lane *lane = path->lanes[resize->lanes[i].lane];
		void *before = NULL;

		if (lane)
			before = tunnel_resize(&lane->tunnel, &resize->lanes[i].sizes,
					       resize->lanes[i].memory);
		if (before)
			resize->lanes[i].memory = before;
	}
}
