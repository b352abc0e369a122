/*
 * Test helper: makes a gateway's counter file with known numbers and keeps counting in it until it
 * is killed, as a gateway would. usage: make_counters RUN_DIR NAME [steady|moving|dead|limits]
 *
 * limits: one path more for each thing that can limit a path.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/agent/counter_file.h"
#include "dataplane/core/intent.h"

#define TICK_NS 20000000

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static void port_make(struct counter_file *file, uint32_t index, const char *name, uint32_t role)
{
	struct cw_port_facts *facts = counter_file_port_facts(file, index);
	struct cw_port_counters *counters = counter_file_port(file, 0, index);

	facts->role = role;
	facts->mtu = 1500;
	facts->link_up = 1;
	strcpy(facts->mode, "xdp");
	strcpy(facts->name, name);
	counters->rx_packets = 1000;
	counters->rx_bytes = 1000000;
	counters->kernel_reason[KERNEL_NO_RULE] = 17;
	counters->drop[DROP_NO_PATH] = role == CW_PORT_WAN ? 4 : 0;
}

static struct cw_path_facts *facts_make(struct counter_file *file, uint32_t slot, const char *name)
{
	struct cw_path_facts *facts = counter_file_path_facts(file, slot);

	facts->path_id = 6 + slot;
	facts->epoch = 2;
	facts->generation = 1;
	facts->phase = PHASE_CLAIM;
	facts->rate_bps = 1000000000;
	facts->max_bps = 2000000000;
	facts->link = 23;
	facts->rtt_ns = 10100000;
	facts->proved = 1;
	facts->retain_granted = facts->retain_wanted = 1024;
	facts->hold_granted = 512;
	facts->hold_wanted = 2048;
	strcpy(facts->peer, "gw-b");
	strcpy(facts->name, name);
	return facts;
}

static void lane_make(struct cw_lane_counters *lane)
{
	*lane = (struct cw_lane_counters){.sequenced = 1000,
					  .resent = 12,
					  .lost = 10,
					  .spurious = 2,
					  .acked = 980,
					  .acks_sent = 30,
					  .acks_received = 60,
					  .received = 500,
					  .duplicates = 3,
					  .replayed = 1,
					  .reordered = 5,
					  .delivered = 490,
					  .retained_packets = 20,
					  .retained_bytes = 30000,
					  .retain_packets_max = 512,
					  .retain_bytes_max = 1048576,
					  .waiting_packets = 10,
					  .waiting_bytes = 15000,
					  .waiting_packets_max = 256,
					  .waiting_bytes_max = 1048576,
					  .reorder_depth = 10,
					  .reorder_depth_max = 77,
					  .reorder_window_ns = 1000000,
					  .rtt_ns = 10300000,
					  .rtt_min_ns = 10000000,
					  .queue_us = 300,
					  .key_phase = 1,
					  .keys_installed = 2};
}

static void path_make(struct counter_file *file, uint32_t slot, const char *name)
{
	facts_make(file, slot, name);
	for (uint32_t worker = 0; worker < 2; worker++) {
		struct cw_path_counters *c = counter_file_path_counters(file, worker, slot);

		c->epoch = 2;
		c->out.rx_packets = 1000;
		c->out.rx_bytes = 1000000;
		c->out.tx_packets = 980;
		c->out.tx_bytes = 980000;
		c->out.held_packets = 8;
		c->out.held_bytes = 8000;
		c->out.drop[DROP_QUEUE_FULL] = 12;
		c->in.rx_packets = 500;
		c->in.tx_packets = 500;
		lane_make(&c->lane);
	}
}

static void link_make(struct counter_file *file, uint32_t number, uint64_t nominal_bps,
		      uint64_t rate_bps)
{
	for (uint32_t worker = 0; worker < 2; worker++) {
		struct cw_link_counters *link = &counter_file_link_counters(file, worker)[number];

		link->nominal_bps = nominal_bps;
		link->rate_bps = rate_bps / 2;
		link->lowered = rate_bps < nominal_bps;
		link->lowered_count = link->lowered;
		link->tx_packets = 1000;
		link->tx_bytes = 1100000;
		link->rtt_ns = 10300000;
		link->rtt_min_ns = 10000000;
		link->queue_us = 300;
		link->lost = 10;
		link->resent = 12;
	}
}

/* One path for each thing that limits; count_limits makes them wait. */
static const struct limited {
	const char *name;
	uint32_t link;
	uint64_t max_bps;
	size_t stall; /* offset of what grows in struct cw_lane_counters */
} limited[] = {
#define STALL(member) offsetof(struct cw_lane_counters, member)
	{"burst", 23, 2000000000, STALL(stall_pace_ns)},
	{"credit", 23, 2000000000, STALL(stall_credit_ns)},
	{"key", 23, 2000000000, STALL(stall_key_ns)},
	{"silent", 23, 2000000000, STALL(stall_window_ns)},
	{"lowered", 42, 2000000000, STALL(stall_pace_ns)},
	{"pause", 23, 2000000000, STALL(pause_ns)},
	{"rate", 23, 100000000, STALL(stall_pace_ns)},
	{"window", 23, 2000000000, STALL(stall_window_ns)},
#undef STALL
};

#define LIMITED_COUNT (sizeof(limited) / sizeof(limited[0]))

static void limits_make(struct counter_file *file)
{
	link_make(file, 42, 1000000000, 700000000);
	for (uint32_t i = 0; i < LIMITED_COUNT; i++) {
		struct cw_path_facts *facts = counter_file_path_facts(file, 2 + i);
		struct cw_path_counters *c = counter_file_path_counters(file, 0, 2 + i);

		path_make(file, 2 + i, limited[i].name);
		facts->link = limited[i].link;
		facts->max_bps = limited[i].max_bps;
		facts->proved = strcmp(limited[i].name, "silent") != 0;
		if (!strcmp(limited[i].name, "window")) {
			c->lane.retained_packets = 512 + 490;
			facts->retain_wanted = 4096;
		}
	}
	path_make(file, 2 + LIMITED_COUNT, "keyless");
	counter_file_path_facts(file, 2 + LIMITED_COUNT)->proved = 0;
	counter_file_path_facts(file, 2 + LIMITED_COUNT)->phase = PHASE_RECEIVE;
	for (uint32_t worker = 0; worker < 2; worker++)
		counter_file_path_counters(file, worker, 2 + LIMITED_COUNT)->lane.keys_installed =
			0;
}

/* All wait for 40 % of the time, and send 200 Mb/s. */
static void count_limits(struct counter_file *file)
{
	for (uint32_t i = 0; i < LIMITED_COUNT; i++) {
		struct cw_path_counters *c = counter_file_path_counters(file, 0, 2 + i);
		uint64_t *stall = (uint64_t *)((char *)&c->lane + limited[i].stall);

		*stall += TICK_NS * 4 / 10;
		c->out.rx_packets += 500;
		c->out.rx_bytes += 500000;
		c->out.tx_packets += 500;
		c->out.tx_bytes += 500000;
		c->lane.sequenced += 500;
		c->lane.lost += 5;
		c->lane.resent += 5;
	}
	counter_file_link_counters(file, 0)[42].tx_bytes += 700000000ull / 8 * TICK_NS / 1000000000;
}

/* 1,000 packets of 1,000 bytes each tick, a quarter of the time busy. */
static void count(struct counter_file *file)
{
	struct cw_path_counters *path = counter_file_path_counters(file, 0, 1);
	struct cw_port_counters *port = counter_file_port(file, 0, 0);
	struct cw_worker_counters *worker = counter_file_worker(file, 0);

	port->rx_packets += 1000;
	port->rx_bytes += 1000000;
	path->out.rx_packets += 1000;
	path->out.rx_bytes += 1000000;
	path->out.tx_packets += 1000;
	path->out.tx_bytes += 1000000;
	path->out.outer_packets += 1000;
	path->lane.sequenced += 1000;
	path->lane.lost += 10;
	path->lane.resent += 12;
	path->lane.spurious += 2;
	path->lane.stall_pace_ns += TICK_NS / 20;
	counter_file_link_counters(file, 0)[23].tx_packets += 1000;
	counter_file_link_counters(file, 0)[23].tx_bytes += 1100000;
	worker->turns += 100;
	worker->busy_tsc += 25;
	worker->idle_tsc += 75;
}

int main(int argc, char **argv)
{
	struct counter_file_options options = {.version = "0.1.0",
					       .workers = 2,
					       .ports = 2,
					       .paths = 16,
					       .tsc_hz = 5000,
					       .boot = 3};
	const char *mode = argc > 3 ? argv[3] : "steady";
	const struct timespec tick = {.tv_nsec = TICK_NS};
	struct sigaction action = {.sa_handler = on_signal};
	struct counter_file *file;
	struct timespec now;
	char error[200];

	if (argc < 3)
		return 2;
	options.run_dir = argv[1];
	options.gateway = argv[2];
	sigaction(SIGTERM, &action, NULL);
	file = counter_file_create(&options, error, sizeof(error));
	if (!file) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	port_make(file, 0, "lan0", CW_PORT_LAN);
	port_make(file, 1, "wan0", CW_PORT_WAN);
	path_make(file, 1, "job1");
	link_make(file, 23, 1000000000, 1000000000);
	if (!strcmp(mode, "limits"))
		limits_make(file);
	if (!strcmp(mode, "dead"))
		counter_file_heartbeat(file, 1);
	puts("ready");
	fflush(stdout);
	while (!stopped) {
		nanosleep(&tick, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (strcmp(mode, "dead"))
			counter_file_heartbeat(file, (uint64_t)now.tv_sec * 1000000000 +
							     (uint64_t)now.tv_nsec);
		if (!strcmp(mode, "moving"))
			count(file);
		if (!strcmp(mode, "limits"))
			count_limits(file);
	}
	counter_file_destroy(file);
	return 0;
}
