/*
 * A packet worker: one thread that polls its queue of every port and owns its lanes, next hops and
 * staging queues. Workers share nothing but the rings named here, and words of lan.h and of the
 * counters that one of them writes and others read.
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
#include "dataplane/core/cnp.h"
#include "dataplane/dpdk/classifier.h"
#include "dataplane/dpdk/clock.h"
#include "dataplane/dpdk/command.h"
#include "dataplane/dpdk/lan.h"
#include "dataplane/dpdk/link.h"
#include "dataplane/dpdk/path.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/dpdk/txq.h"

#define WORKERS_MAX	 16
#define WORKER_ADJ_SLOTS 4096
#define LOCAL_RING	 256
#define HANDOFF_RING	 1024
#define CNP_PAIRS	 512 /* of hosts that talk RoCE, as long as they do */

struct worker_port {
	struct txq tx;
	struct txq exception; /* ethdev: to the kernel */
	struct classify_input input;
	struct lan lan; /* role LAN */
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
	const struct worker *peers[WORKERS_MAX];   /* ourselves among them; see lan.h */

	uint64_t now_ns; /* of this turn */
	uint64_t sweep_ns;
	uint32_t sweep_at;
	uint64_t stop_ns; /* give up sending what is held */
	uint32_t idle_turns;
	struct cw_worker_counters *counters;
	struct worker_port port[PORTS_MAX];
	struct path_table paths;
	struct link links[CW_LINKS];	 /* by link number */
	struct path *active[PATH_SLOTS]; /* with something to send, to deliver or to wait for */
	uint32_t active_count;
	uint32_t service_first; /* of them is served first in the next turn */
	uint32_t queued_max;	/* packets in the queues of all paths: see queued_limit */
	struct lan_share shares[CLASS_COUNT + 1]; /* how it is split: see lan.c */
	uint8_t share_of[CLASS_COUNT];
	bool has_pauses;
	struct cnp cnp;
	struct cnp_pair *cnp_pairs;
	uint64_t random;
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
	struct cw_port_counters *port_counters;		     /* [port_count] */
	struct cw_link_counters *link_counters[WORKERS_MAX]; /* of each worker: [CW_LINKS] */
	const struct classify_port *classify;		     /* [port_count] */
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

/* congestion.c: what the sender of a packet is told before it is queued, and as it leaves. */
struct congestion_packet {
	uint32_t port;	      /* it came in by */
	const uint8_t *frame; /* its Ethernet header */
	uint8_t *ip;	      /* may be marked CE */
	struct inner *inner;  /* then ecn says so */
	enum mark_kind kind;
	bool is_roce; /* says the classifier */
};
int congestion_create(struct worker *w); /* 0 or -ENOMEM */
void congestion_free(struct worker *w);
/* Each false: DROP_QUEUE_TCP. */
bool congestion_on_enqueue(struct worker *w, struct path *path, const struct congestion_packet *p);
bool congestion_on_dequeue(struct worker *w, struct path *path, const struct queue_slot *slot);
/* What may be a RoCEv2 packet leaves for the LAN: learns who talks to whom. True: it is a CNP. */
bool congestion_on_delivery(struct worker *w, const uint8_t *ip, const struct inner *inner);

/* outbound.c: LAN to WAN, up to the sequence. */
void outbound_accept(struct worker *w, uint32_t port, struct rte_mbuf *mbuf, verdict_t verdict);
uint32_t outbound_service(struct worker *w);
/* It has something to do: visit it in each turn until it is idle. */
void outbound_activate(struct worker *w, struct path *path);
/* Sets the next hop's MAC address; false: it is not known, or not on the way's port. */
bool outbound_next_hop(struct worker *w, struct way *way);

/* transmit.c: makes tunnel packets. Each returns the packets sent. */
void transmit_alone(struct worker *w, struct path *path, struct rte_mbuf *mbuf, uint32_t tag);
void transmit_aggregate(struct worker *w, struct path *path);
uint32_t transmit_repairs(struct worker *w, struct path *path, uint32_t budget);
uint32_t transmit_control(struct worker *w, struct path *path);
/* A probe or its echo by one of the path's ways, in a packet of its own; false: no key, no next
 * hop, no buffer or no room. */
bool transmit_probe(struct worker *w, struct path *path, struct way *way, enum wire_frame_type type,
		    const struct wire_probe *probe);

/* inbound.c: WAN to the lane. */
void inbound_accept(struct worker *w, uint32_t port, struct rte_mbuf *mbuf);
/* Returns the packets taken. */
uint32_t inbound_handoffs(struct worker *w);

/* deliver.c: from the lane to the LAN. What is ready goes as far as the LAN takes it now. */
uint32_t deliver_lane(struct worker *w, struct path *path, struct path_lane *lane);
/* The peer began a new life: what is held goes out, in order, gaps or not. */
void deliver_rest(struct worker *w, struct path *path, struct path_lane *lane);
/* A packet that waited for its next hop: send, or free and count. */
void deliver_release(struct worker *w, const struct adj_waiter *waiter, const struct adj_entry *hop,
		     enum drop why);

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

/* What the queue remembers of a packet beside its length. */
static inline uint32_t tag_make(uint32_t bucket, uint32_t class, uint32_t ecn, enum mark_kind kind)
{
	return bucket | class << 16 | ecn << 20 | (uint32_t)kind << 22;
}

static inline uint32_t tag_bucket(uint32_t tag)
{
	return tag & 0xffff;
}

static inline uint8_t tag_class(uint32_t tag)
{
	return (uint8_t)(tag >> 16 & 0xf);
}

static inline uint8_t tag_ecn(uint32_t tag)
{
	return (uint8_t)(tag >> 20 & 3);
}

static inline enum mark_kind tag_kind(uint32_t tag)
{
	return (enum mark_kind)(tag >> 22 & 3);
}

static inline struct lan_share *share_of(struct worker *w, uint32_t tag)
{
	return &w->shares[w->share_of[tag_class(tag) % CLASS_COUNT]];
}

/* The link and the port that the path sends by. */
static inline struct link *path_link(struct worker *w, const struct path *path)
{
	return &w->links[path->ways.way[path->ways.at].link_id];
}

static inline struct txq *path_tx(struct worker *w, const struct path *path)
{
	return &w->port[path->ways.way[path->ways.at].wan_port].tx;
}

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
