#include "tests/sim/scenario.h"

#include "tests/sim/packet.h"

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

uint32_t scenario_line_bytes(uint32_t len)
{
	return PACKET_LINE_BYTES + WIRE_OVERHEAD_BYTES + WIRE_DATA_BYTES + len;
}

uint32_t scenario_piece(const struct scenario *s)
{
	return s->wan_mtu - PACKET_UDP_IP_BYTES - WIRE_OVERHEAD_BYTES - WIRE_DATA_BYTES;
}

/* Windows are made for packets of a kilobyte: smaller ones want more of them. */
static uint64_t demand_bps(const struct scenario *s, uint32_t who)
{
	const struct traffic *t = &s->traffic[who];
	uint64_t mean = (t->len_min + t->len_max) / 2;

	if (!t->packets)
		return 0;
	mean = (mean * (1000000 - t->small_ppm) + (uint64_t)t->small_len * t->small_ppm) / 1000000;
	if (!s->is_steady || mean >= 1024)
		return s->path_bps;
	/* Twice, as there may be more small ones than on average for a while. */
	return 2 * (s->path_bps / (mean + WIRE_DATA_BYTES)) * 1024;
}

static void sizes_cut(struct tunnel_sizes *sizes, uint32_t slots_max)
{
	sizes->tx_slots = min_u32(sizes->tx_slots, slots_max);
	sizes->rx_slots = min_u32(sizes->rx_slots, slots_max);
	sizes->retain_packets = min_u32(sizes->retain_packets, sizes->tx_slots);
	sizes->rx_buffers = min_u32(sizes->rx_buffers, sizes->rx_slots);
}

void scenario_complete(struct scenario *s)
{
	if (!s->said_rtt_ns)
		s->said_rtt_ns = s->rtt_ns;
	if (!s->loss_budget)
		s->loss_budget = 0.01;
	if (!s->wan_mtu)
		s->wan_mtu = 9000;
	for (uint32_t who = 0; who < 2; who++) {
		if (!s->link[who].capacity_bps)
			s->link[who].capacity_bps = s->path_bps + s->path_bps / 20;
		if (!s->link[who].delay_ns)
			s->link[who].delay_ns = s->rtt_ns / 2;
		if (!s->link[who].queue_bytes)
			s->link[who].queue_bytes = 4000000 + s->path_bps / 8 / 500;
		if (!s->lan_bps[who])
			s->lan_bps[who] = 2 * s->path_bps;
		if (!s->poll_ns[who])
			s->poll_ns[who] = 2000;
	}
	for (uint32_t who = 0; who < 2; who++) {
		struct tunnel_demand demand = {
			.tx_bps = demand_bps(s, who),
			.rx_bps = demand_bps(s, !who),
			.rtt_ns = s->said_rtt_ns + 2 * (s->poll_ns[0] + s->poll_ns[1]) +
				  s->link[0].jitter_ns + s->link[1].jitter_ns,
			.loss = s->loss_budget,
		};

		if (!s->sizes[who].tx_slots && !s->sizes[who].rx_slots)
			tunnel_sizes_for(&demand, &s->sizes[who]);
		if (s->slots_max)
			sizes_cut(&s->sizes[who], s->slots_max);
	}
}

const char *step_name(enum step_kind kind)
{
	static const char *const names[] = {
		[STEP_CUT] = "cut",
		[STEP_LOSS] = "loss",
		[STEP_CONTROL_LOSS] = "loss of acks",
		[STEP_JITTER] = "jitter",
		[STEP_DELAY] = "delay",
		[STEP_SLOW] = "slow link",
		[STEP_PAUSE] = "pause",
		[STEP_LAN_RATE] = "slow receiver",
		[STEP_STALL] = "worker stalled",
		[STEP_KILL] = "killed",
		[STEP_RESTART] = "restarted",
		[STEP_REKEY] = "new keys",
		[STEP_MOVE] = "another link",
	};

	return names[kind];
}
