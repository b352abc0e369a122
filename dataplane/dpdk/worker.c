#include "dataplane/dpdk/worker.h"

#include <time.h>
#include <sys/prctl.h>

#include <rte_malloc.h>

/*
 * Adaptive idling: so many empty turns, then sleeps that grow from the first to the last. Measured
 * in the lab, two gateways and two hosts on two cores, TCP (cubic) through a path of 300 Mb/s,
 * without loss and with 1 %: 270 and 205 Mb/s with 32 turns and 10 us, 289 and 280 with these, and
 * a fifth less of a core. Whoever sleeps too short is seldom awake when his packet comes.
 */
#define IDLE_TURNS   8
#define SLEEP_MIN_NS 20000
#define SLEEP_MAX_NS 100000
#define SLEEP_STEP   4 /* empty turns per doubling */

static struct rte_ring *ring_make(uint32_t element, uint32_t slots)
{
	static uint32_t serial; /* names are global to the process; main thread only */
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "cw%u", serial++);
	return rte_ring_create_elem(name, element, slots, (int)rte_socket_id(),
				    RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static void port_init(struct worker *w, uint32_t i, const struct worker_options *options)
{
	struct worker_port *wp = &w->port[i];

	wp->counters = &options->port_counters[i];
	wp->input.port = options->classify[i];
	wp->tx = (struct txq){.port_id = options->ports[i].id,
			      .queue_id = (uint16_t)w->index,
			      .packets = &wp->counters->tx_packets,
			      .bytes = &wp->counters->tx_bytes,
			      .depth = &wp->counters->tx_queue};
	wp->exception = (struct txq){.port_id = options->ports[i].exception_id,
				     .queue_id = (uint16_t)w->index,
				     .packets = &wp->exception_packets,
				     .bytes = &wp->exception_bytes,
				     .depth = &wp->exception_depth};
}

static void link_init(struct link *link, uint32_t number, const struct worker_options *options)
{
	share_init(&link->share, options->count, options->index);
	for (uint32_t i = 0; i < options->count; i++)
		link->all[i] = &options->link_counters[i][number];
	link->counters = &options->link_counters[options->index][number];
}

/*
 * Waiting packets lie in the buffers that LAN ports receive into: half of what is to spare, over
 * all workers, is for the rest (frames in transmission, reassembly, next hops).
 */
static uint32_t queued_limit(const struct worker_options *options)
{
	uint32_t spare = UINT32_MAX;

	for (uint32_t i = 0; i < options->port_count; i++)
		if (options->ports[i].role == CW_PORT_LAN)
			spare = RTE_MIN(spare, port_mbufs_spare(&options->ports[i]));
	return spare / 2 / options->count;
}

struct worker *worker_create(const struct worker_options *options)
{
	struct worker *w = rte_zmalloc("worker", sizeof(*w), RTE_CACHE_LINE_SIZE);

	if (!w)
		return NULL;
	w->index = options->index;
	w->count = options->count;
	w->ports = options->ports;
	w->port_count = options->port_count;
	w->classifier = options->classifier;
	w->clock = *options->clock;
	w->is_adaptive = options->is_adaptive;
	w->event_fd = options->event_fd;
	w->lan_pool = options->lan_pool;
	w->queued_max = queued_limit(options);
	w->peers[w->index] = w;
	w->counters = options->counters;
	w->commands = ring_make(sizeof(struct command), COMMAND_RING);
	w->events = ring_make(sizeof(struct event), EVENT_RING);
	w->locals = ring_make(sizeof(void *), LOCAL_RING);
	if (!w->commands || !w->events || !w->locals) {
		worker_free(w);
		return NULL;
	}
	for (uint32_t i = 0; i < w->port_count; i++)
		port_init(w, i, options);
	for (uint32_t i = 0; i < CW_LINKS; i++)
		link_init(&w->links[i], i, options);
	adj_init(&w->adj, w->adj_slots, WORKER_ADJ_SLOTS);
	w->now_ns = clock_ns(&w->clock, rte_rdtsc());
	if (lan_create(w) || congestion_create(w)) {
		worker_free(w);
		return NULL;
	}
	return w;
}

int workers_join(struct worker *workers[], uint32_t count)
{
	for (uint32_t from = 0; from < count; from++)
		for (uint32_t to = 0; to < count; to++) {
			struct rte_ring *ring;

			workers[from]->peers[to] = workers[to];
			if (from == to)
				continue;
			ring = ring_make(sizeof(void *), HANDOFF_RING);
			if (!ring)
				return -ENOMEM;
			workers[from]->handoff_out[to] = ring;
			workers[to]->handoff_in[from] = ring;
		}
	return 0;
}

static void ring_drain(struct rte_ring *ring)
{
	void *mbuf;

	while (ring && rte_ring_sc_dequeue(ring, &mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	rte_ring_free(ring);
}

static void handoffs_free(struct worker *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		ring_drain(w->handoff_in[i]);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	handoffs_free(w);
	ring_drain(w->locals);
	rte_ring_free(w->commands);
	rte_ring_free(w->events);
	lan_free(w);
	congestion_free(w);
	rte_free(w);
}

static uint32_t flush_all(struct worker *w)
{
	uint32_t waiting = 0;

	for (uint32_t i = 0; i < w->port_count; i++) {
		txq_flush(&w->port[i].tx);
		waiting += txq_depth(&w->port[i].tx);
		if (w->ports[i].exception_id != PORT_NONE)
			txq_flush(&w->port[i].exception);
	}
	return waiting;
}

uint32_t worker_turn(struct worker *w)
{
	uint32_t moved = 0;

	w->now_ns = clock_ns(&w->clock, rte_rdtsc());
	housekeep_commands(w);
	for (uint32_t i = 0; i < w->port_count; i++) {
		moved += receive_burst(w, i);
		if (w->ports[i].exception_id != PORT_NONE)
			moved += receive_exception(w, i);
	}
	if (w->count > 1)
		moved += inbound_handoffs(w);
	if (w->active_count)
		moved += outbound_service(w);
	if (w->has_pauses)
		lan_turn(w);
	flush_all(w);
	housekeep_sweep(w);
	return moved;
}

/* Sleeps only while nothing waits for time to pass: no open aggregate, no shaped queue. */
static void idle(struct worker *w)
{
	struct timespec pause = {.tv_nsec = SLEEP_MIN_NS};
	uint32_t doublings;

	if (!w->is_adaptive || w->idle_turns < IDLE_TURNS)
		return;
	doublings = (w->idle_turns - IDLE_TURNS) / SLEEP_STEP;
	if (w->active_count == 0)
		pause.tv_nsec = doublings > 2 ? SLEEP_MAX_NS : SLEEP_MIN_NS << doublings;
	nanosleep(&pause, NULL);
	w->counters->sleeps++;
}

static void account(struct worker *w, uint64_t since, uint32_t moved)
{
	uint64_t spent = rte_rdtsc() - since;

	w->counters->turns++;
	if (moved) {
		w->counters->busy_turns++;
		w->counters->busy_tsc += spent;
	} else {
		w->counters->idle_tsc += spent;
	}
}

static bool is_done(struct worker *w)
{
	if (!w->is_stopping)
		return false;
	return w->now_ns >= w->stop_ns || (w->active_count == 0 && flush_all(w) == 0);
}

static void discard_all(struct worker *w)
{
	hop_discard(w);
	for (uint32_t i = 0; i < w->paths.high; i++)
		if (w->paths.by_index[i])
			path_discard(w->paths.by_index[i]);
	for (uint32_t i = 0; i < w->port_count; i++) {
		w->port[i].counters->drop[DROP_SHUTDOWN] += txq_discard(&w->port[i].tx);
		txq_discard(&w->port[i].exception);
	}
}

int worker_run(void *arg)
{
	struct worker *w = arg;

	/* Short sleeps must be short. */
	prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
	while (!is_done(w)) {
		uint64_t since = rte_rdtsc();
		uint32_t moved = worker_turn(w);

		w->idle_turns = moved ? 0 : w->idle_turns + 1;
		if (!moved)
			idle(w);
		account(w, since, moved);
	}
	discard_all(w);
	return 0;
}
