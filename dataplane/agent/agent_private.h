/* The agent's state, shared by its files: agent.c (life), start.c (set-up), apply.c (intent),
 * leave.c (paths that go), network.c (next hops), agree.c (keys), report.c (facts). */
#pragma once

#include <signal.h>

#include "control/io/loop.h"
#include "dataplane/agent/agent.h"
#include "dataplane/agent/certificate.h"
#include "dataplane/agent/channel.h"
#include "dataplane/agent/claims.h"
#include "dataplane/agent/counter_file.h"
#include "dataplane/agent/grace.h"
#include "dataplane/agent/intent_json.h"
#include "dataplane/agent/kernel_rules.h"
#include "dataplane/agent/lock.h"
#include "dataplane/agent/netlink.h"
#include "dataplane/agent/peer.h"
#include "dataplane/agent/resolver.h"
#include "dataplane/agent/slots.h"
#include "dataplane/agent/state_file.h"
#include "dataplane/agent/tun.h"
#include "dataplane/dpdk/fastpath.h"

/* The classifier's homes in the kernel: one of each port, then the guard of each port. */
#define KERNEL_GUARD(port) (CONFIG_PORTS_MAX + (port))
#define KERNEL_HOMES	   (2 * CONFIG_PORTS_MAX)

struct agent {
	const struct gateway_config *config;
	struct loop *loop;
	struct loop_op signal_op, event_op;
	struct loop_timer heartbeat, report_timer, leave_timer;
	int signal_fd;
	int tun_fd; /* < 0: none */
	int run_lock, port_locks[CONFIG_PORTS_MAX];
	struct state_file state;
	uint32_t boot;
	struct fastpath_events events;
	struct fastpath *fastpath;
	struct counter_file *counters;
	struct grace *grace;
	struct kernel_rules kernel[KERNEL_HOMES];
	struct classify_port classify[CONFIG_PORTS_MAX];
	struct netlink *netlink;
	struct netlink_listener listener;
	struct resolver *resolver;
	struct channel *channel;
	uint32_t beats; /* of the heartbeat timer */
	struct certificate certificate;
	struct peers *peers;
	struct intent *applied; /* what is carried out */
	struct slots slots;
	uint8_t priorities[CLASS_COUNT]; /* of this site's LAN, as the workers know them */
	bool is_settling;		 /* a path has moved: apply_settle */
	bool report_is_due;		 /* a fact that control waits for has changed */
	uint32_t transport_turn; /* the path, in order, whose transport the next report begins with
				  */
	bool is_told;		 /* an intent was carried out, of control's or of the last life's */
	bool is_stopping;
};

/*
 * start.c, in this order, each 0 or -errno with one line in `error` that says what to do.
 * start_run_dir writes where DPDK's log goes.
 */
int start_run_dir(struct agent *a, char *log_path, size_t log_size, char *error, size_t size);
int start_state(struct agent *a, char *error, size_t size);
int start_ports(struct agent *a, char *error, size_t size);
/* What the classifier must know of a port now: MAC, tunnel addresses, UDP ports. */
void start_classify(struct agent *a, uint32_t index);
/* Tells it to the port's homes in the kernel. */
int start_configure(struct agent *a, uint32_t index);
int start_counters(struct agent *a, char *error, size_t size);

/* network.c: the resolver, 0 or -errno; a worker asks for a next hop; addresses that change. */
int network_open(struct agent *a);
void network_hop_asked(void *arg, const struct ip_addr *addr);
void network_watch(struct agent *a);

/* apply.c: from the applied intent to this one, which becomes the agent's. */
void apply_intent(struct agent *a, struct intent *intent);
void apply_proved(struct agent *a, uint32_t index, uint32_t generation, uint64_t rtt_ns);
void apply_lost(struct agent *a, uint32_t index);
/* What proofs left to be done outside of the fast path's events. */
void apply_settle(struct agent *a);
/* Claims nothing any more: the kernel takes the traffic, but for that of paths that block. */
void apply_release(struct agent *a);

/* Puts into force what the slots say, in every home of the classifier. */
void claims_put(struct agent *a, enum claims_order order);

/* leave.c: a path that claims nothing any more goes, once what is under way has arrived. */
void leave_begin(struct agent *a, struct slot *slot);
/* At once, if a path of this id is leaving. */
void leave_end(struct agent *a, uint32_t path_id);

/* agree.c: opens the key agreement; has it work for what the workers have now; wants other keys for
 * the path in a slot. */
int agree_open(struct agent *a, char *error, size_t size);
void agree_on_paths(struct agent *a);
void agree_anew(struct agent *a, uint32_t index);

/* report.c */
void report_send(struct agent *a);
void report_facts(struct agent *a);
/* Sum over workers of one slot's counters. */
void report_path_counters(struct agent *a, uint32_t index, struct cw_path_counters *sum);

__attribute__((format(printf, 1, 2))) void agent_log(const char *format, ...);
