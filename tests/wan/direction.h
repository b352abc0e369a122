/*
 * One direction of the line with its frames: takes from one port, asks the link core, sends at the
 * other port. One thread. A frame that the far port has no room for waits; it is not lost.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "tests/wan/link.h"
#include "tests/wan/port.h"

struct direction {
	struct port *from, *to;
	struct link link;
	struct link_slot *slots;
	uint32_t *heap;
	uint32_t *free_slots; /* a stack: the last used slot is still in the cache */
	uint32_t free_count;
	uint8_t *frames;
	uint64_t frames_bytes;
	uint32_t slot_bytes;
	uint64_t arrival_ns; /* of the frame taken last */
	/* What the link gave out and the port has not taken yet. */
	struct link_out pending[PORT_BURST];
	uint32_t pending_first, pending_count;
};

/* memory_bytes of address space for frames; pages are used only as they are needed. 0 or -errno. */
int direction_open(struct direction *direction, struct port *from, struct port *to,
		   const struct link_config *config, uint64_t memory_bytes);
void direction_close(struct direction *direction);
/* Takes and sends at most PORT_BURST frames each; returns the larger number. */
uint32_t direction_turn(struct direction *direction, uint64_t now);
/* UINT64_MAX: only a frame can wake it. */
uint64_t direction_deadline(const struct direction *direction, uint64_t now);
/* One JSON object, without a line break. */
void direction_print(struct direction *direction, FILE *out);
