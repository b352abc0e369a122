/*
 * The agent: joins control, kernel and workers in one thread on one loop.
 *
 * It carries out control's intent, answers the workers' questions for next hops from the kernel's
 * tables, reports facts, writes the counter pages' headers, and never touches a packet.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "dataplane/agent/config.h"

struct agent;

/*
 * Brings everything up: DPDK, ports, kernel programs, workers, counters, last intent. NULL with one
 * line in `error` that says what to do, and nothing left behind.
 */
struct agent *agent_create(const struct gateway_config *config, char *error, size_t size);
/* Until SIGTERM or SIGINT. 0 or -errno. */
int agent_run(struct agent *agent);
/*
 * Hands traffic back to the kernel, but for that of paths with when_down block, which stays
 * blocked; sends what is held, frees everything. NULL is fine.
 */
void agent_destroy(struct agent *agent);
/*
 * Without a gateway: takes off the interfaces what one left there, so that the kernel routes all
 * traffic again, and says so on `out`. 0, or -errno with one line in `error`.
 */
int agent_release(const struct gateway_config *config, FILE *out, char *error, size_t size);
