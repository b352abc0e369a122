/*
 * The inside of the test switch: a shared buffer, eight queues in front of each port, and
 * priority-based flow control on both sides of it. No system calls; the switch's one thread.
 *
 * A frame belongs to the priority of its VLAN tag, else to its DSCP / 8. What came in by a port
 * counts against that port's share of its priority until it has left: a lossless priority's share
 * sends XOFF at half and XON at 35 % (core/pfc.h) and drops only above all of it; the other
 * priorities drop at the end of the port's queue that they go to.
 * Each frame that comes in is sent, held or counted as one drop; copies of a flooded frame count
 * one each.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/pfc.h"
#include "dataplane/core/shaper.h"
#include "tests/lanswitch/macs.h"

#define FABRIC_PORTS 8
#define FABRIC_NONE  UINT32_MAX

enum fabric_drop {
	FABRIC_DROP_BUFFER,  /* lossless, and its share is full: PFC was late or not obeyed */
	FABRIC_DROP_QUEUE,   /* not lossless, queue full */
	FABRIC_DROP_STUCK,   /* its priority was paused for more than 100 ms */
	FABRIC_DROP_MEMORY,  /* no slot left */
	FABRIC_DROP_CONTROL, /* to 01:80:c2:00:00:0x, which no bridge forwards, or cut short */
	FABRIC_DROP_NOWHERE, /* to the port that it came from */
	FABRIC_DROPS
};

struct fabric_config {
	uint32_t port_count;
	uint64_t rate_bps[FABRIC_PORTS]; /* 0: as fast as the interface takes it */
	uint64_t speed_bps;		 /* of every port, in which quanta are counted */
	uint64_t share_bytes;		 /* of each port and lossless priority */
	uint64_t queue_bytes;		 /* of each port and other priority */
	uint64_t ecn_bytes;		 /* CE on ECT above so much in its queue; 0: never */
	uint64_t stuck_ns;		 /* 0: no storm guard */
	uint32_t frame_bytes;		 /* of the longest frame, with a tag */
	uint8_t lossless;		 /* bit per priority */
};

struct fabric_slot {
	uint32_t next;
	uint32_t len_bytes;
	uint8_t from, prio;
};

struct fabric_queue {
	uint32_t head, tail; /* FABRIC_NONE */
	uint64_t bytes;
};

struct fabric_counters {
	uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes;
	uint64_t flooded, ecn_marked, other_pauses; /* 802.3x pause frames: not obeyed */
	uint64_t drops[FABRIC_DROPS];
	uint64_t tx_priority[PFC_PRIORITIES];
};

struct fabric_port {
	struct fabric_queue queues[PFC_PRIORITIES];
	struct shaper shaper;
	struct pfc_in in;
	struct pfc_out out;
	uint64_t held_bytes[PFC_PRIORITIES]; /* came in here and are still inside */
	uint8_t forced;			     /* paused by command */
	uint32_t turn;			     /* the priority that goes next */
	struct fabric_counters counters;
};

struct fabric {
	struct fabric_config config;
	struct fabric_port ports[FABRIC_PORTS];
	struct macs macs;
	struct fabric_slot *slots;
	uint8_t *frames; /* slot_count * frame_bytes */
	uint32_t slot_count, free_head;
	uint64_t held_frames;
};

/* port_macs: source addresses of PFC frames. Memory is the caller's. 0 or -EINVAL. */
int fabric_init(struct fabric *f, const struct fabric_config *config, const uint8_t port_macs[][6],
		struct fabric_slot *slots, uint8_t *frames, uint32_t slot_count, uint64_t now);
/* A frame from the line. */
void fabric_on_frame(struct fabric *f, uint32_t port, const uint8_t *frame, uint32_t len,
		     uint64_t now);
/* The PFC frame that has to leave by this port; before any data. Writes PFC_FRAME_BYTES. */
bool fabric_pfc_poll(struct fabric *f, uint32_t port, uint64_t now, uint8_t *dst);
/* The next frame that may leave by this port now: a slot that is the caller's until fabric_sent;
 * or FABRIC_NONE. */
uint32_t fabric_next(struct fabric *f, uint32_t port, uint64_t now);
/* It has left. */
void fabric_sent(struct fabric *f, uint32_t port, uint32_t slot, uint64_t now);
/* The interface does not take it, now or later. */
void fabric_refused(struct fabric *f, uint32_t slot, uint64_t now);
/* When something may leave or must be told; UINT64_MAX: not before a frame comes. */
uint64_t fabric_deadline(const struct fabric *f, uint64_t now);
/* 0 or -EINVAL. */
int fabric_set_rate(struct fabric *f, uint32_t port, uint64_t rate_bps, uint64_t now);
/* Pauses what is at the other side of the port, whatever the buffers hold; the storm guard ends
 * that too. */
void fabric_force_pause(struct fabric *f, uint32_t port, uint32_t prio, bool on, uint64_t now);

static inline uint8_t *fabric_frame(const struct fabric *f, uint32_t slot)
{
	return f->frames + (uint64_t)slot * f->config.frame_bytes;
}
