/*
 * One run: two sites, the links between them, the time, and what happens in it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/check.h"
#include "tests/sim/event.h"
#include "tests/sim/link.h"
#include "tests/sim/scenario.h"
#include "tests/sim/site.h"
#include "tests/sim/trace.h"

struct world {
	const struct scenario *scenario;
	uint64_t now;
	struct event_queue events;
	struct trace trace;
	struct packet_pool packets;
	struct link links[2]; /* from site 0, from site 1 */
	struct site sites[2];
	struct check check;
	struct random random;
	/* the agents' session: keys come from it */
	uint64_t session, rekeys;
	bool is_rekeying;
	uint32_t faults;  /* going on */
	bool is_finished; /* all delivered and acknowledged */
};

/* What a run did. */
struct result {
	bool is_ok;
	char message[CHECK_MESSAGE];
	uint64_t hash, packets, events, virtual_ns;
	struct tunnel_stats stats[2];
	struct site_stats site[2];
	uint64_t drops[2];
	double goodput[2]; /* of what the link could carry, 0: not measured */
	double resends[2]; /* per drop, after warm-up */
	uint64_t longest_stall_ns;
};

/* print: 0 nothing, 1 the last events of a failure, 2 every event. */
void world_run(const struct scenario *scenario, int print, struct result *result);

/* session.c */
void session_start(struct world *w);
/* Site `who` learns of the session: keys, and a new lane unless it has one. */
void session_learn(struct world *w, uint32_t who, uint64_t session);
void session_rekey(struct world *w);
void session_rekey_step(struct world *w, uint32_t who, uint64_t arg);
void session_kill(struct world *w, uint32_t who, bool is_graceful, uint64_t down_ns);

/* faults.c */
void fault_begin(struct world *w, const struct step *step);
void fault_end(struct world *w, const struct step *step);
