/*
 * The fast path as the agent sees it: ports, workers and their commands, without a word of DPDK.
 *
 * Agent (main) thread only. Calls that change something return when every worker has carried the
 * change out, some ten microseconds later, or -ETIMEDOUT. While they wait, events are delivered as
 * they come.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/classify_input.h"
#include "dataplane/agent/config.h"
#include "dataplane/agent/counter_file.h"
#include "dataplane/core/intent.h"
#include "dataplane/core/path_keys.h"
#include "dataplane/core/ruleset.h"

struct fastpath;

struct fastpath_events {
	/* A worker sends to addr and knows no next hop: answer by fastpath_hop_set, whenever. */
	void (*on_hop_asked)(void *arg, const struct ip_addr *addr);
	/* A probe of this generation of the path in slot `index` came back, and every worker sends
	 * by the link that it proves. */
	void (*on_proved)(void *arg, uint32_t index, uint32_t generation, uint64_t rtt_ns);
	/* No probe of the path in slot `index` comes back any more. */
	void (*on_lost)(void *arg, uint32_t index);
	/* The keys of the path in slot `index` wear out. */
	void (*on_rekey)(void *arg, uint32_t index);
	/* A worker's part of a link is paced slower than control said, or as said again. */
	void (*on_link)(void *arg, uint32_t link, bool is_lowered, uint64_t rate_bps);
	/*
	 * A priority of a LAN port has been paused for too long, by us or by the LAN. Told
	 * once a second at most.
	 */
	void (*on_storm)(void *arg, uint32_t port, uint32_t priority, bool is_ours);
	/* An inner packet for an address of this machine. */
	void (*on_local)(void *arg, const uint8_t *ip, uint32_t len);
	void *arg;
};

struct fastpath_port_info {
	uint32_t mtu;
	uint32_t ifindex; /* of the kernel's interface, or of the exception port */
	uint32_t mbufs;
	uint8_t mac[6];
};

struct fastpath_losses {
	uint64_t missed, rx_errors, tx_errors, speed_bps;
	bool is_up;
};

/*
 * Starts DPDK. log_path receives what it prints. NULL with one line in `error` that says what to
 * do; events and config must outlive the fast path.
 */
struct fastpath *fastpath_create(const struct gateway_config *config,
				 const struct fastpath_events *events, const char *log_path,
				 char *error, size_t size);
/*
 * Opens the index-th port of the configuration, in order. xdp_object: path of the BPF object (mode
 * xdp). mtu: of the interface; 0 in mode ethdev: 1,500.
 */
int fastpath_port_open(struct fastpath *f, uint32_t index, uint32_t mtu, const char *xdp_object,
		       char *error, size_t size);
/* Makes the workers and starts ports and threads. classify: one for each port. */
int fastpath_start(struct fastpath *f, struct counter_file *counters,
		   const struct classify_port *classify, char *error, size_t size);
uint64_t fastpath_tsc_hz(void);
void fastpath_port_info(const struct fastpath *f, uint32_t index, struct fastpath_port_info *info);
void fastpath_port_losses(const struct fastpath *f, uint32_t index, struct fastpath_losses *losses);
/* What the windows of all paths may take together, in the bytes that control books for them. */
uint64_t fastpath_buffer_bytes(const struct fastpath *f);

/* An eventfd: readable when fastpath_poll has something to deliver. */
int fastpath_event_fd(const struct fastpath *f);
void fastpath_poll(struct fastpath *f);

/*
 * A path under a handle whose slot is free. wan_port: index. It takes packet buffers for what may
 * be unacknowledged or may wait: all that it wants, or what is left. 0, -ENOMEM, -ENOBUFS: too few
 * are left, -EINVAL, -ETIMEDOUT.
 */
int fastpath_path_add(struct fastpath *f, const struct intent_path *intent, uint32_t handle,
		      uint32_t wan_port, uint64_t seed);
/* Buffers and windows follow rate and round trip, as far as there is memory. 0 or -ETIMEDOUT. */
int fastpath_path_update(struct fastpath *f, const struct intent_path *intent, uint32_t handle,
			 uint32_t wan_port);
/*
 * The same for an intent that names another link between the same gateways (intent_path_moves), and
 * for changes until on_proved has told of its generation: the path is received on both links, and
 * sent over the new one when a probe has come back over it. Windows suffice for both.
 */
int fastpath_path_move(struct fastpath *f, const struct intent_path *intent, uint32_t handle,
		       uint32_t wan_port);
/* It has moved: windows for the new link alone. Not from within an event. */
int fastpath_path_settle(struct fastpath *f, const struct intent_path *intent, uint32_t handle);
/* Gives every worker the keys of its lanes; see path_keys.h for the order of things. */
int fastpath_path_keys(struct fastpath *f, uint32_t handle, const struct path_keys *keys);
int fastpath_path_remove(struct fastpath *f, uint32_t handle);

/* Packet buffers of one path over all workers. */
struct fastpath_buffers {
	uint32_t retain_granted, retain_wanted; /* for what is unacknowledged */
	uint32_t hold_granted, hold_wanted;	/* for what waits, received */
};
/* What the path got when it was added, and what it would want for this intent. */
void fastpath_path_buffers(const struct fastpath *f, uint32_t handle,
			   const struct intent_path *intent, struct fastpath_buffers *buffers);
/* Takes ownership of the rules (ruleset_heap.h) and frees the ones before. */
int fastpath_rules_set(struct fastpath *f, const struct ruleset *rules);
/* Returns when each worker has begun so many turns, each of which takes a burst off every port. */
int fastpath_fence(struct fastpath *f, uint32_t turns);
/* The site's priority of each class ([CLASS_COUNT], INTENT_NO_PRIORITY: as configured), at ports
 * that pause it. */
int fastpath_priorities_set(struct fastpath *f, const uint8_t *priorities);
int fastpath_classify_set(struct fastpath *f, uint32_t port, const struct classify_port *classify);

enum fastpath_hop {
	FASTPATH_HOP_READY = 1,
	FASTPATH_HOP_UNREACHABLE,
	FASTPATH_HOP_GONE,
	FASTPATH_HOP_LOCAL /* this machine: on_local gets what is sent there */
};
/* Returns at once. mac: READY; why: UNREACHABLE. */
void fastpath_hop_set(struct fastpath *f, const struct ip_addr *addr, enum fastpath_hop state,
		      uint32_t port, const uint8_t *mac, enum drop why);

/* Sends what is held (at most 0.2 s), ends the workers, closes the ports, stops DPDK. NULL is fine.
 */
void fastpath_destroy(struct fastpath *f);
