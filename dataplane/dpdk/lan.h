/*
 * A LAN port as one worker sees it: how fast it may be given frames, which classes it takes none of
 * now, and which classes have senders behind it that are paused before a queue is full.
 *
 * Pauses (IEEE 802.1Qbb) have one owner per port: worker 0, whose struct lan_pause holds both
 * machines of core/pfc.h. The others tell it how full their queues are and read what is paused, in
 * words that one side writes with plain stores; what they read is one turn old at most.
 *
 * A class is *lossless* at a port as long as its senders there can be paused. What comes in by such
 * a port knows no limit but the worker's share of packets for that class. XOFF leaves when a path's
 * queue is as long as it may be elsewhere, or half of the share is taken. Promise: nothing that an
 * obedient sender sends is dropped ahead of its sequence, if the upper half of the share, and of
 * the path's slots three quarters, take in what is under way then: the receive ring, the line, and
 * what the other side sends until it reacts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/abi/verdict.h"
#include "dataplane/core/pacer.h"
#include "dataplane/core/pfc.h"
#include "dataplane/core/share.h"

struct path;
struct worker;

/* A class is this full when its senders are to be paused, and may go on below 70 % of it. */
#define LAN_LEVEL_FULL 65536u
/* What is multiplied with a number of bytes or packets, << 32. */
#define LAN_LEVEL_PER(full) (((uint64_t)LAN_LEVEL_FULL << 32) / (full))

/* Packets in the queues of one class that can be lossless, or of all others; of one worker. */
struct lan_share {
	uint32_t packets, max;
	uint64_t level; /* LAN_LEVEL_PER(max / 2); 0: nobody is paused for it */
};

/* Of one port; worker 0. */
struct lan_pause {
	struct pfc_out out;
	struct pfc_in in;
	uint8_t classes;	       /* bit per class that has a priority: */
	uint8_t priority[CLASS_COUNT]; /* the site's, or as the port is configured */
	uint8_t told_in, told_out;     /* stuck priorities that the agent knows of */
	uint64_t told_ns;
};

struct lan {
	/* Bit per class; worker 0 finds them, the others copy its. */
	uint8_t lossless;
	uint8_t held; /* the LAN takes none of it now, */
	uint8_t shed; /* and has not for so long that what is ready for it is dropped */
	bool is_paced;
	struct pacer pacer;
	struct share share;
	uint32_t levels[CLASS_COUNT]; /* read by worker 0 */
	struct lan_pause *pause;      /* worker 0, and the port has pauses */
};

/* Fewest packets that one worker must be able to queue, so that half of each lossless class's share
 * takes in a full receive ring. */
uint32_t lan_queued_min(uint32_t ring_frames, uint32_t classes);
/* Ports and shares of a worker that knows its ports and its queued_max. 0 or -ENOMEM. */
int lan_create(struct worker *w);
void lan_free(struct worker *w);
/*
 * The site's priority of each class, INTENT_NO_PRIORITY: as configured. Only for classes that the
 * port pauses by its configuration: for others no buffers were set aside. What is paused under an
 * old priority goes on in the next turn.
 */
void lan_priorities_set(struct worker *w, const uint8_t priorities[CLASS_COUNT]);

/* Once per turn, before frames are flushed: what is paused, and what others are told. */
void lan_turn(struct worker *w);
/* Once per millisecond or so: the worker's part of each port's pace, and counters. */
void lan_tend(struct worker *w);
/* A MAC control frame; takes the mbuf. */
void lan_on_pause(struct worker *w, uint32_t port, struct rte_mbuf *mbuf);

static inline bool lan_is_lossless(const struct lan *lan, uint32_t class)
{
	return lan->lossless >> class & 1;
}

static inline bool lan_may_send(const struct lan *lan, uint32_t class, uint64_t now_ns)
{
	if (lan->held >> class & 1)
		return false;
	return !lan->is_paced || pacer_may_send(&lan->pacer, now_ns);
}

/* A frame went, from its Ethernet header on. */
static inline void lan_charge(struct lan *lan, uint32_t frame_bytes, uint64_t now_ns)
{
	if (lan->is_paced)
		pacer_charge(&lan->pacer, frame_bytes, now_ns);
}
