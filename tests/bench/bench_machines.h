/*
 * The reliable transport's machines (core/tunnel.h) without packets: what numbering, credits,
 * acknowledging, replay window and order cost by themselves, on the same number of sequences in the
 * same bursts. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/tunnel.h"

struct machines {
	struct tunnel end[2]; /* 0 sends to 1 */
	void *memory[2];
	uint64_t now_ns;
	uint32_t next_flow;
};

/* 0 or -ENOMEM. */
int machines_make(struct machines *m);
void machines_free(struct machines *m);
/* `count` units cross. Ticks that the receiver's calls took, ACKs included, or the sender's. */
uint64_t machines_run(struct machines *m, bool is_inbound, uint32_t count);
