/*
 * Two gateways' ends of the key agreement on one machine: real TCP over the loopback device, real
 * TLS, real loops, and what the fast path would hold of each path's keys. For the tests of
 * dataplane/agent/peer*.c. One thread; a fresh pair for each test.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/agent/peer.h"
#include "tests/unit/dataplane/intent_sample.h"

#define MS	    1000000ull
#define BEAT_NS	    (40 * MS)
#define PATIENCE_MS 15000
#define PATHS_MAX   300

/* What the fast path would hold for one path. */
struct held {
	bool has_tx, has_rx[PATH_KEYS_PHASES];
	uint8_t tx_phase;
	struct key_lane tx[PATH_KEYS_LANES], rx[PATH_KEYS_PHASES][PATH_KEYS_LANES];
	uint32_t installs, resets;
};

struct side {
	const char *name, *address;
	struct loop *loop;
	struct peers *peers;
	struct state_file state;
	struct certificate certificate;
	char pin[INTENT_CERTIFICATE_BYTES]; /* of the other one, as control says */
	uint64_t incarnation;
	struct intent_path intents[PATHS_MAX];
	struct held held[PATHS_MAX]; /* path id - 1 */
	uint32_t states;
	bool is_frozen;
};

extern struct side sides[2];
extern char state_dir[64];
extern uint16_t port;

int setup(void **state);
int teardown(void **state);

/* The other side's sending keys are what this one receives with, in the phase that it uses. */
bool is_agreed(uint32_t id);
/* Both loops once; those that are frozen not. */
void turn(void);
void turn_for(uint64_t ns);

#define WAIT_UNTIL(condition)                                                    \
	do {                                                                     \
		uint64_t end_ns = loop_now_ns(sides[0].loop) + PATIENCE_MS * MS; \
                                                                                 \
		while (!(condition)) {                                           \
			turn();                                                  \
			if (loop_now_ns(sides[0].loop) > end_ns)                 \
				fail_msg("never: %s", #condition);               \
		}                                                                \
	} while (0)

/* Under that name: it need not be the side's own. */
void side_start(struct side *side, const char *name);
/* A new life of its process. */
void side_restart(struct side *side, uint32_t paths);
/* Tells the side of that many paths to the other one, with the pin that it has. */
void paths_set(struct side *side, uint32_t count);
/* Of the one peer that it has. */
struct peer_status status_of(const struct side *side);
/* Both sides get so many paths, and agree on keys for all of them. */
void start_agreed(uint32_t paths);
/* Both ends' connected sockets are shut, as when a middlebox resets them. How many there were. */
int cut(void);
