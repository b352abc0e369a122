/*
 * The scenarios that have a name: one for each thing that a link or a gateway may do, and five
 * large ones. What is not given follows from the rest (scenario_complete).
 */
#include <stddef.h>
#include <string.h>

#include "tests/sim/scenario.h"

#define MBPS 1000000ull
#define GBPS 1000000000ull

/* Offered is a little more than the path carries. */
#define STEADY(count, bps, flow_count, len)                                                \
	{                                                                                  \
		.packets = (count), .rate_bps = (bps) + (bps) / 20, .flows = (flow_count), \
		.len_min = (len), .len_max = (len)                                         \
	}
#define LOSS(ppm)                         \
	{                                 \
		{.loss_ppm = (ppm)},      \
		{                         \
			.loss_ppm = (ppm) \
		}                         \
	}
#define BURSTS(bad, good)                                                    \
	{                                                                    \
		.bad_ppm = (bad), .good_ppm = (good), .bad_loss_ppm = 900000 \
	}

/* 1 Gb/s, 2 ms, packets of 1,460 bytes: what most of the small ones have. */
#define USUAL	      .path_bps = GBPS, .rtt_ns = 2 * MS
#define USUAL_TRAFFIC .traffic = {STEADY(24000, GBPS, 20, 1460)}
#define BOTH_WAYS     .traffic = {STEADY(20000, GBPS, 20, 1460), STEADY(20000, GBPS, 20, 1460)}
/* Half of what the path carries, so that a backlog can go away. */
#define HALF_TRAFFIC \
	.traffic = {STEADY(20000, GBPS / 2, 20, 1460), STEADY(8000, GBPS / 4, 20, 1460)}
#define STEPS(n) .step_count = (n), .steps

static const struct scenario table[] = {
	{.name = "clean", .is_steady = true, USUAL, BOTH_WAYS},
	{.name = "loss-0.1", .is_steady = true, USUAL, BOTH_WAYS, .link = LOSS(1000)},
	{.name = "loss-1", .is_steady = true, USUAL, BOTH_WAYS, .link = LOSS(10000)},
	{.name = "loss-5",
	 .is_steady = true,
	 .loss_budget = 0.05,
	 USUAL,
	 BOTH_WAYS,
	 .link = LOSS(50000)},
	{.name = "bursts",
	 .is_steady = true,
	 .loss_budget = 0.05,
	 USUAL,
	 USUAL_TRAFFIC,
	 .link = {BURSTS(1000, 100000), BURSTS(1000, 100000)}},
	{.name = "jitter",
	 .is_steady = true,
	 USUAL,
	 USUAL_TRAFFIC,
	 .link = {{.jitter_ppm = 1000000, .jitter_ns = 500 * US, .keeps_order = true}}},
	{.name = "reordering",
	 .is_steady = true,
	 USUAL,
	 USUAL_TRAFFIC,
	 .link = {{.loss_ppm = 1000, .jitter_ppm = 300000, .jitter_ns = 70 * US}}},
	{.name = "reordering-deep",
	 USUAL,
	 USUAL_TRAFFIC,
	 .link = {{.loss_ppm = 1000, .jitter_ppm = 300000, .jitter_ns = 1500 * US}}},
	{.name = "copies",
	 .is_steady = true,
	 USUAL,
	 BOTH_WAYS,
	 .link = {{.copy_ppm = 100000, .jitter_ppm = 500000, .jitter_ns = 30 * US},
		  {.copy_ppm = 100000}}},
	{.name = "corruption",
	 .is_steady = true,
	 USUAL,
	 BOTH_WAYS,
	 .link = {{.corrupt_ppm = 10000}, {.corrupt_ppm = 10000}}},
	{.name = "replay",
	 .is_steady = true,
	 USUAL,
	 BOTH_WAYS,
	 .link = {{.replay_ppm = 200000}, {.replay_ppm = 200000}}},
	{.name = "ack-loss",
	 .is_steady = true,
	 USUAL,
	 USUAL_TRAFFIC,
	 .link = {{.loss_ppm = 1000}, {.control_loss_ppm = 300000}}},
	{.name = "partition",
	 USUAL,
	 HALF_TRAFFIC,
	 STEPS(2) = {{STEP_CUT, 0, 50 * MS, 60 * MS, 0}, {STEP_CUT, 1, 180 * MS, 60 * MS, 0}}},
	{.name = "cut",
	 USUAL,
	 HALF_TRAFFIC,
	 .link = LOSS(1000),
	 STEPS(2) = {{STEP_CUT, 2, 50 * MS, 300 * MS, 0}, {STEP_CUT, 2, 500 * MS, 1 * MS, 0}}},
	{.name = "receiver-paused",
	 USUAL,
	 HALF_TRAFFIC,
	 .link = LOSS(1000),
	 STEPS(2) = {{STEP_PAUSE, 1, 50 * MS, 20 * MS, 0}, {STEP_PAUSE, 1, 120 * MS, 400 * MS, 0}}},
	{.name = "receiver-slow",
	 USUAL,
	 HALF_TRAFFIC,
	 .link = LOSS(1000),
	 STEPS(1) = {{STEP_LAN_RATE, 1, 30 * MS, 100 * MS, 50 * MBPS}}},
	{.name = "worker-stalled",
	 USUAL,
	 HALF_TRAFFIC,
	 .link = LOSS(1000),
	 STEPS(2) = {{STEP_STALL, 1, 50 * MS, 8 * MS, 0}, {STEP_STALL, 0, 150 * MS, 8 * MS, 0}}},
	{.name = "acks-cut",
	 USUAL,
	 HALF_TRAFFIC,
	 STEPS(1) = {{STEP_CONTROL_LOSS, 1, 50 * MS, 100 * MS, 1000000}}},
	{.name = "jitter-step",
	 USUAL,
	 USUAL_TRAFFIC,
	 STEPS(1) = {{STEP_JITTER, 0, 100 * MS, 100 * MS, 1 * MS}}},
	{.name = "delay-step",
	 USUAL,
	 USUAL_TRAFFIC,
	 STEPS(1) = {{STEP_DELAY, 2, 100 * MS, 60 * MS, 3 * MS}}},
	{.name = "moves-longer",
	 USUAL,
	 USUAL_TRAFFIC,
	 STEPS(2) = {{STEP_MOVE, 0, 60 * MS, 60 * MS, 12 * MS},
		     {STEP_MOVE, 1, 75 * MS, 60 * MS, 12 * MS}}},
	{.name = "moves-shorter",
	 USUAL,
	 HALF_TRAFFIC,
	 .link = LOSS(10000),
	 STEPS(4) = {{STEP_MOVE, 1, 40 * MS, 50 * MS, 500 * US},
		     {STEP_MOVE, 0, 43 * MS, 40 * MS, 500 * US},
		     {STEP_MOVE, 2, 150 * MS, 30 * MS, 50 * US},
		     {STEP_REKEY, 0, 151 * MS, 0, 0}}},
	{.name = "moves-from-a-dead-link",
	 USUAL,
	 HALF_TRAFFIC,
	 STEPS(2) = {{STEP_CUT, 2, 60 * MS, 15 * MS, 0},
		     {STEP_MOVE, 2, 75 * MS, 500 * MS, 2 * MS}}},
	{.name = "wave-lost",
	 USUAL,
	 .traffic = {STEADY(40000, GBPS, 20, 1460)},
	 STEPS(1) = {{STEP_SLOW, 0, 100 * MS, 400 * MS, 500000}}},
	{.name = "killed",
	 USUAL,
	 HALF_TRAFFIC,
	 .link = LOSS(10000),
	 STEPS(2) = {{STEP_KILL, 1, 60 * MS, 30 * MS, 0}, {STEP_KILL, 0, 250 * MS, 30 * MS, 0}}},
	{.name = "restarted",
	 USUAL,
	 HALF_TRAFFIC,
	 .link = LOSS(10000),
	 STEPS(2) = {{STEP_RESTART, 0, 60 * MS, 10 * MS, 0},
		     {STEP_RESTART, 1, 200 * MS, 10 * MS, 0}}},
	{.name = "killed-in-reply",
	 USUAL,
	 HALF_TRAFFIC,
	 .link = LOSS(10000),
	 STEPS(2) = {{STEP_KILL, 0, 60 * MS, 5 * MS, 0}, {STEP_KILL, 1, 66 * MS, 5 * MS, 0}}},
	{.name = "rekey",
	 .is_steady = true,
	 USUAL,
	 BOTH_WAYS,
	 .link = LOSS(10000),
	 .rekey_packets = 1500},
	{.name = "rekey-reordering",
	 .is_steady = true,
	 USUAL,
	 BOTH_WAYS,
	 .link = {{.jitter_ppm = 300000, .jitter_ns = 70 * US},
		  {.jitter_ppm = 300000, .jitter_ns = 70 * US}},
	 .rekey_packets = 1500},
	{.name = "rekey-cut",
	 USUAL,
	 HALF_TRAFFIC,
	 .link = LOSS(50000),
	 .rekey_packets = 2000,
	 STEPS(3) = {{STEP_REKEY, 0, 40 * MS, 0, 0},
		     {STEP_CUT, 0, 42 * MS, 50 * MS, 0},
		     {STEP_KILL, 1, 200 * MS, 20 * MS, 0}}},
	{.name = "wrap-32",
	 .is_steady = true,
	 USUAL,
	 BOTH_WAYS,
	 .link = LOSS(10000),
	 .first_seq = (1ull << 32) - 9000,
	 .first_packet = (1ull << 32) - 7000},
	{.name = "wrap-63",
	 .is_steady = true,
	 USUAL,
	 BOTH_WAYS,
	 .link = LOSS(10000),
	 .first_seq = (1ull << 63) - 9000,
	 .first_packet = (1ull << 63) - 7000},
	{.name = "slow-1M",
	 .is_steady = true,
	 .path_bps = MBPS,
	 .rtt_ns = 100 * MS,
	 .link = LOSS(10000),
	 .traffic = {STEADY(3000, MBPS, 4, 1300)}},
	{.name = "near-10us",
	 .is_steady = true,
	 .path_bps = 10 * GBPS,
	 .rtt_ns = 10 * US,
	 .link = LOSS(1000),
	 .traffic = {STEADY(40000, 10 * GBPS, 50, 1460)},
	 .poll_ns = {500, 500}},
	{.name = "fast-400G",
	 .path_bps = 400 * GBPS,
	 .rtt_ns = 1 * MS,
	 .link = LOSS(10000),
	 .traffic = {STEADY(48000, 400 * GBPS, 500, 4122)}},
	{.name = "jumbo-cut",
	 .is_steady = true,
	 USUAL,
	 .wan_mtu = 1500,
	 .link = LOSS(10000),
	 .traffic = {STEADY(6000, GBPS, 20, 9000)}},
	{.name = "small-shared",
	 .is_steady = true,
	 USUAL,
	 .link = LOSS(10000),
	 .traffic = {STEADY(48000, GBPS, 100, 64)}},
	{.name = "one-flow",
	 .is_steady = true,
	 .loss_budget = 0.05,
	 USUAL,
	 .link = LOSS(10000),
	 .traffic = {STEADY(24000, GBPS, 1, 1460)}},
	{.name = "window-tiny",
	 USUAL,
	 HALF_TRAFFIC,
	 .link = LOSS(10000),
	 .slots_max = 1024,
	 .said_rtt_ns = 20 * US},
	{.name = "on-off",
	 USUAL,
	 .link = LOSS(50000),
	 .traffic = {{.packets = 4000,
		      .rate_bps = GBPS,
		      .flows = 5,
		      .len_min = 40,
		      .len_max = 1460,
		      .pattern = TRAFFIC_ON_OFF,
		      .on_ns = 100 * US,
		      .off_ns = 30 * MS}}},
	/* Large: enough packets for ten round trips of warm-up and as many again. */
	{.name = "large-400G-40ms",
	 .is_steady = true,
	 .is_large = true,
	 .path_bps = 400 * GBPS,
	 .rtt_ns = 40 * MS,
	 .link = LOSS(10000),
	 .traffic = {STEADY(15000000, 400 * GBPS, 5000, 4122)}},
	{.name = "large-100G-bursts",
	 .is_steady = true,
	 .is_large = true,
	 .path_bps = 100 * GBPS,
	 .rtt_ns = 20 * MS,
	 .link = {BURSTS(300, 30000), BURSTS(300, 30000)},
	 .loss_budget = 0.05,
	 .traffic = {STEADY(3000000, 100 * GBPS, 1000, 4122)}},
	{.name = "large-10G-100ms",
	 .is_steady = true,
	 .is_large = true,
	 .path_bps = 10 * GBPS,
	 .rtt_ns = 100 * MS,
	 .link = LOSS(50000),
	 .loss_budget = 0.05,
	 .traffic = {STEADY(2600000, 10 * GBPS, 100, 1460), STEADY(2600000, 10 * GBPS, 100, 1460)}},
	{.name = "large-100G-cut",
	 .is_large = true,
	 .path_bps = 100 * GBPS,
	 .rtt_ns = 20 * MS,
	 .link = LOSS(1000),
	 .traffic = {STEADY(2000000, 80 * GBPS, 1000, 4122)},
	 STEPS(3) = {{STEP_CUT, 2, 200 * MS, 150 * MS, 0},
		     {STEP_CUT, 1, 500 * MS, 30 * MS, 0},
		     {STEP_KILL, 1, 620 * MS, 50 * MS, 0}}},
	{.name = "large-25G-small",
	 .is_steady = true,
	 .is_large = true,
	 .path_bps = 25 * GBPS,
	 .rtt_ns = 5 * MS,
	 .link = LOSS(10000),
	 .traffic = {STEADY(6000000, 25 * GBPS, 5000, 90)}},
};

const struct scenario *scenario_at(uint32_t index)
{
	static struct scenario s;

	if (index >= sizeof(table) / sizeof(*table))
		return NULL;
	s = table[index];
	s.seed = index + 1;
	scenario_complete(&s);
	return &s;
}

const struct scenario *scenario_named(const char *name)
{
	const struct scenario *s;

	for (uint32_t i = 0; (s = scenario_at(i)); i++) {
		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}
