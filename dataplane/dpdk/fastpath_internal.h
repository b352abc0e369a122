/*
 * What the files of the fast path's facade share; nobody else includes it. fastpath.c opens and
 * closes, fastpath_command.c talks with the workers, fastpath_path.c makes paths and keeps account
 * of the packet buffers that they may fill. All on the agent's thread.
 */
#pragma once

#include "dataplane/dpdk/fastpath.h"
#include "dataplane/dpdk/worker.h"

/* Packet buffers that a path may fill, by worker. */
struct fastpath_path {
	uint32_t retain[WORKERS_MAX];
	uint32_t hold[WORKERS_MAX];
	struct path_demand demand, most; /* of its intent now, and ever */
	/* The path moves to another link: what has proved there, and which workers send by it. */
	struct {
		uint64_t rtt_ns;
		uint32_t generation; /* 0: none has */
		uint32_t wanted;     /* of the intent that the workers have, or are given now */
		uint32_t workers;    /* bit each */
	} moved;
};

struct fastpath {
	const struct gateway_config *config;
	const struct fastpath_events *events;
	struct port ports[PORTS_MAX];
	uint32_t port_count;
	struct classifier classifier;
	struct worker *workers[WORKERS_MAX];
	uint32_t worker_count; /* made */
	bool is_running;
	int event_fd;
	struct clock_base clock;
	struct counter_file *counters;
	const struct ruleset *rules;
	/* The command that is under way: how many workers have yet to answer it. */
	uint64_t cookie;
	uint32_t unanswered;
	struct fastpath_path paths[PATH_SLOTS];
	uint32_t retain_taken, hold_taken; /* by all of them */
};

/* Inner packets that are copied out of tunnel packets live in the pool of the widest LAN port. */
struct rte_mempool *fastpath_lan_pool(const struct fastpath *f);

/* A round of commands begins: those pushed from here on count in fastpath_wait. */
void fastpath_begin(struct fastpath *f);
/* To one worker, after fastpath_begin; command->cookie is the round's. 0 or -ETIMEDOUT. */
int fastpath_push(struct fastpath *f, uint32_t worker, const struct command *command);
/* Until all answers of the round are there. 0 or -ETIMEDOUT. */
int fastpath_wait(struct fastpath *f);
/* The same command to every worker; waits for all answers. */
int fastpath_broadcast(struct fastpath *f, struct command command);
