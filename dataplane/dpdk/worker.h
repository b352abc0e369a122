/*
 * A packet worker: one thread that polls its queue of every port and owns its lanes, next hops and
 * staging queues. Workers share nothing but the rings named here.
 *
 * The agent creates workers before it starts them, talks to them by commands and events, and frees
 * them after they have left their loop. Conservation, per path and direction: rx = tx + held +
 * sum(drop).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "bpf/classify_input.h"
#include "dataplane/abi/counters.h"
#include "dataplane/core/adj.h"
#include "dataplane/dpdk/classifier.h"
#include "dataplane/dpdk/clock.h"
#include "dataplane/dpdk/command.h"
#include "dataplane/dpdk/path.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/dpdk/txq.h"

#define WORKERS_MAX	 16
#define WORKER_ADJ_SLOTS 4096
#define LOCAL_RING	 256
#define HANDOFF_RING	 1024

struct worker_port {
	struct txq tx;
	struct txq exception; /* ethdev: to the kernel */
	struct classify_input input;
	struct cw_port_counters *counters;
	uint64_t exception_packets, exception_bytes, exception_depth;
};

struct worker {
	uint32_t index, count;
	const struct port *ports;
	uint32_t port_count;
	const struct classifier *classifier;
	struct clock_base clock;
	bool is_adaptive;
	bool is_stopping;
	int event_fd;		      /* an eventfd: events are waiting */
	struct rte_mempool *lan_pool; /* inner packets that are copied out of tunnel packets */
	struct rte_ring *commands, *events;
	struct rte_ring *locals; /* mbufs to the agent: inner packets for this machine */
	struct rte_ring *handoff_in[WORKERS_MAX];  /* from worker i, NULL for ourselves */
	struct rte_ring *handoff_out[WORKERS_MAX]; /* to worker i */

	uint64_t now_ns; /* of this turn */
	uint64_t sweep_ns;
	uint32_t sweep_at;
	uint64_t stop_ns; /* give up sending what is held */
	uint32_t idle_turns;
	struct cw_worker_counters *counters;
	struct worker_port port[PORTS_MAX];
	struct path_table paths;
	struct path *active[PATH_SLOTS]; /* with something to send */
	uint32_t active_count;
	uint32_t queued, queued_max; /* packets in the queues of all paths: see queued_limit */
	uint32_t service_first;	     /* of them is served first in the next turn */
	struct adj_table adj;
	struct adj_entry adj_slots[WORKER_ADJ_SLOTS];
};

struct worker_options {
	uint32_t index, count;
	const struct port *ports;
	uint32_t port_count;
	const struct classifier *classifier;
	const struct clock_base *clock;
	bool is_adaptive;
	int event_fd;
	struct rte_mempool *lan_pool;
	struct cw_worker_counters *counters;
	struct cw_port_counters *port_counters; /* [port_count] */
	const struct classify_port *classify;	/* [port_count] */
};

/* NULL: no memory. Handoff rings are joined by workers_join. Main thread. */
struct worker *worker_create(const struct worker_options *options);
/* Makes the rings between all workers. 0 or -ENOMEM. */
int workers_join(struct worker *workers[], uint32_t count);
void worker_free(struct worker *worker);

/* The loop; returns after COMMAND_STOP. An lcore_function_t. */
int worker_run(void *worker);
/* One turn; returns the packets moved. For worker_run, tests and the benchmark. */
uint32_t worker_turn(struct worker *worker);

/* Everything below: the worker's own parts, in the order in which a packet meets them. */

/* receive.c: takes a burst off a port, asks the classifier, passes each frame on. */
uint32_t receive_burst(struct worker *w, uint32_t port);
uint32_t receive_exception(struct worker *w, uint32_t port);

/* outbound.c: LAN to WAN. */
void outbound_accept(struct worker *w, uint32_t port, struct rte_mbuf *mbuf, verdict_t verdict);
uint32_t outbound_service(struct worker *w);
/* Sends the open aggregate now, if there is one. */
void outbound_flush(struct worker *w, struct path *path);
/* A probe or its echo, in a packet of its own; false: no next hop, no buffer or no room. */
bool outbound_send_probe(struct worker *w, struct path *path, enum wire_frame_type type,
			 const struct wire_probe *probe);

/* inbound.c: WAN to LAN. */
void inbound_accept(struct worker *w, uint32_t port, struct rte_mbuf *mbuf);
void inbound_handoffs(struct worker *w);
/* A packet that waited for its next hop: send, or free and count. */
void inbound_release(struct worker *w, const struct adj_waiter *waiter, const struct adj_entry *hop,
		     enum drop why);
void inbound_expire(struct worker *w, struct path *path);

/* hop.c: next hops. NULL unless READY; asks the agent when the address is new. */
const struct adj_entry *hop_ready(struct worker *w, const struct ip_addr *addr);
struct adj_entry *hop_find_or_ask(struct worker *w, const struct ip_addr *addr);
void hop_set(struct worker *w, const struct command *command);
void hop_poll(struct worker *w);
/* The packets of the path in slot `index` wait no longer: DROP_SHUTDOWN. */
void hop_withdraw(struct worker *w, uint32_t index);
/* Forgets all next hops and drops all that wait. */
void hop_discard(struct worker *w);

/* housekeep.c: commands, probes, time-outs. */
void housekeep_commands(struct worker *w);
void housekeep_sweep(struct worker *w);
void worker_event(struct worker *w, const struct event *event);

static inline struct rte_mbuf *mbuf_of(uint64_t cookie)
{
	return (struct rte_mbuf *)(uintptr_t)cookie;
}

static inline uint64_t cookie_of(struct rte_mbuf *mbuf)
{
	return (uint64_t)(uintptr_t)mbuf;
}

static inline void port_drop(struct worker *w, uint32_t port, struct rte_mbuf *mbuf, enum drop why)
{
	w->port[port].counters->drop[why]++;
	rte_pktmbuf_free(mbuf);
}

/* An inner packet entered a path and is inside it. */
static inline void flow_enter(struct cw_flow_counters *flow, uint32_t bytes)
{
	flow->rx_packets++;
	flow->rx_bytes += bytes;
	flow->held_packets++;
	flow->held_bytes += bytes;
}

static inline void flow_leave(struct cw_flow_counters *flow, uint32_t bytes)
{
	flow->held_packets--;
	flow->held_bytes -= bytes;
}

static inline void flow_sent(struct cw_flow_counters *flow, uint32_t bytes)
{
	flow_leave(flow, bytes);
	flow->tx_packets++;
	flow->tx_bytes += bytes;
}

static inline void flow_dropped(struct cw_flow_counters *flow, uint32_t bytes, enum drop why)
{
	flow_leave(flow, bytes);
	flow->drop[why]++;
}
