/*
 * Test helper: makes a gateway's counter file with known numbers and keeps counting in it until it
 * is killed, as a gateway would. usage: make_counters RUN_DIR NAME [steady|moving|dead]
 */
#include <signal.h>
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

static void path_make(struct counter_file *file)
{
	struct cw_path_facts *facts = counter_file_path_facts(file, 1);

	facts->path_id = 7;
	facts->epoch = 2;
	facts->generation = 1;
	facts->phase = PHASE_CLAIM;
	facts->rate_bps = 1000000000;
	facts->rtt_ns = 10100000;
	facts->proved = 1;
	strcpy(facts->peer, "gw-b");
	strcpy(facts->name, "job1");
	for (uint32_t worker = 0; worker < 2; worker++) {
		struct cw_path_counters *c = counter_file_path_counters(file, worker, 1);

		c->epoch = 2;
		c->out.rx_packets = 1000;
		c->out.rx_bytes = 1000000;
		c->out.tx_packets = 980;
		c->out.tx_bytes = 980000;
		c->out.held_packets = 8;
		c->out.drop[DROP_QUEUE_FULL] = 12;
		c->in.rx_packets = 500;
		c->in.tx_packets = 500;
	}
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
	worker->turns += 100;
	worker->busy_tsc += 25;
	worker->idle_tsc += 75;
}

int main(int argc, char **argv)
{
	struct counter_file_options options = {.version = "0.1.0",
					       .workers = 2,
					       .ports = 2,
					       .paths = 8,
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
	path_make(file);
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
	}
	counter_file_destroy(file);
	return 0;
}
