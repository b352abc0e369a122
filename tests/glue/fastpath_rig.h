/*
 * A gateway pair under numbered traffic, for the tests of the fast path's promises: each helper
 * asserts (cmocka) that what it waits for comes, and that what comes out is right.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/harness/traffic.h"

extern struct pair *pair;
extern struct traffic traffic;
extern uint64_t seed; /* CAUSEWAY_SEED, or 1 */

extern const struct pair_options whole, fragmenting;
extern void (*each_turn)(void); /* what the agents do; NULL: nothing */

void begin(const struct pair_options *options);
/* A teardown: 0, or -1 for buffers that nobody has. */
int end(void **state);

const struct tunnel_stats *stats(uint32_t side);
void turn(void);
/* Until this many more frames have entered each way. */
void run(uint32_t frames);
/* Until all that entered has left, and both ends know it. */
void finish(void);

void expect_no_drops(void);
void expect_balance(void);
/* Nothing was dropped, and all that entered came out. */
void expect_all(void);

/* Starts DPDK and runs the tests; a main's answer. */
int rig_main(int (*run_group)(void));
