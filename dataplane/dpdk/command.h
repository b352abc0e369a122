/*
 * What the agent and a worker say to each other: two SPSC rings per worker, one each way.
 *
 * The agent makes every object that a command names and the worker owns it from the command's
 * arrival until it hands it back in EVENT_DONE. A worker drains its commands once per loop turn, in
 * order.
 */
#pragma once

#include <stdint.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "dataplane/abi/drop.h"
#include "dataplane/abi/verdict.h"
#include "dataplane/core/prefix.h"

struct classify_port;
struct intent_path;
struct path;
struct path_keys;
struct path_resize;
struct ruleset;

enum command_type {
	COMMAND_PATH_ADD = 1, /* path */
	COMMAND_PATH_UPDATE,  /* index, update: the intent is copied, so it comes back */
	COMMAND_PATH_MOVE,    /* index, move: sends by the way wanted; EVENT_MOVED answers */
	COMMAND_PATH_RESIZE,  /* index, resize: comes back with the memory of the old windows */
	COMMAND_PATH_REMOVE,  /* index; the path comes back, or NULL */
	COMMAND_RULES,	      /* rules; the ones in force until now come back */
	COMMAND_PORT,	  /* index, port: how the classifier knows our own packets there; copied */
	COMMAND_FENCE,	  /* nothing: the answer says that a turn began */
	COMMAND_KEYS,	  /* index, keys: copied */
	COMMAND_NEXT_HOP, /* addr, hop; no answer */
	COMMAND_PRIORITIES, /* priorities: lan_priorities_set */
	COMMAND_STOP,	    /* send what is held, then leave the loop */
};

enum hop_state {
	HOP_READY = 1,
	HOP_UNREACHABLE,
	HOP_GONE
};

struct command {
	uint32_t type;
	uint32_t index;
	uint64_t cookie; /* returned by EVENT_DONE */
	union {
		struct path *path;
		struct {
			const struct intent_path *intent;
			uint32_t wan_port;
		} update;
		struct {
			uint64_t rtt_ns;
			uint32_t generation;
		} move;
		const struct ruleset *rules;
		const struct classify_port *port;
		const struct path_keys *keys;
		struct path_resize *resize;
		uint8_t priorities[CLASS_COUNT];
		struct {
			uint8_t state; /* enum hop_state */
			uint8_t port;
			uint8_t mac[6];
			uint32_t drop; /* HOP_UNREACHABLE: why */
		} hop;
	};
	struct ip_addr addr;
};

enum event_type {
	EVENT_DONE = 1,	 /* command, cookie, and the object handed back or NULL */
	EVENT_HOP_ASKED, /* addr: somebody sends there and no next hop is known */
	EVENT_PROVED,	 /* index, generation, rtt_ns: a probe came back */
	EVENT_CROSSED,	 /* the same by the way that the path is to move to */
	EVENT_MOVED,	 /* index, moved: this worker sends by it */
	EVENT_LOST,	 /* index: probes come back no more */
	EVENT_REKEY,	 /* index: its keys wear out */
	EVENT_STORM,	 /* index: port, storm: priorities have been paused for too long */
	EVENT_LINK,	 /* index: link number, link: its rate was lowered or is whole again */
};

struct event {
	uint32_t type;
	uint32_t index;
	union {
		struct {
			uint64_t cookie;
			const void *object;
			uint32_t command;
		} done;
		struct {
			uint64_t rtt_ns;
			uint32_t generation;
		} proved; /* and crossed */
		struct {
			uint32_t generation, worker;
		} moved;
		struct {
			uint64_t rate_bps;
			uint32_t is_lowered;
		} link;
		struct {
			uint8_t priorities; /* bit each */
			uint8_t is_ours;    /* the pause; else the LAN's */
		} storm;
	};
	struct ip_addr addr;
};

#define COMMAND_RING 1024
#define EVENT_RING   1024

_Static_assert(sizeof(struct command) % 4 == 0 && sizeof(struct event) % 4 == 0,
	       "rte_ring elements are multiples of 4 bytes");

static inline int command_push(struct rte_ring *ring, const struct command *command)
{
	return rte_ring_sp_enqueue_elem(ring, (void *)(uintptr_t)command, sizeof(*command));
}

static inline int command_pop(struct rte_ring *ring, struct command *command)
{
	return rte_ring_sc_dequeue_elem(ring, command, sizeof(*command));
}

static inline int event_push(struct rte_ring *ring, const struct event *event)
{
	return rte_ring_sp_enqueue_elem(ring, (void *)(uintptr_t)event, sizeof(*event));
}

static inline int event_pop(struct rte_ring *ring, struct event *event)
{
	return rte_ring_sc_dequeue_elem(ring, event, sizeof(*event));
}
