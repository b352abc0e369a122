/*
 * RCU grace periods, waited for on a thread of its own, so that the agent's never has to: it notes
 * a ticket when it takes something away from running BPF programs, and asks for the ticket to have
 * expired when it wants to write there, most often long after.
 *
 * A period lasts 10 to 30 ms. The wait is the one that the kernel documents for user space: an
 * update of a map-in-map returns only when no program runs that began before it.
 *
 * grace_begin and grace_wait: one thread, the creator's.
 */
#pragma once

#include <stdint.h>

struct grace;

/* NULL with errno: no BPF maps, or no thread. Signals stay blocked in the thread. */
struct grace *grace_create(void);
void grace_destroy(struct grace *grace); /* NULL: nothing happens */

/* A ticket, from 1, for the grace period that begins no earlier than now. */
uint64_t grace_begin(struct grace *grace);
/* Returns once it is over. 0: at once. */
void grace_wait(struct grace *grace, uint64_t ticket);
