/*
 * One direction of a WAN link, and who sits on it: capacity with a tail-drop queue in front,
 * propagation delay, loss (independent or in bursts), delay that varies with or without reordering,
 * copies, flipped bits, cuts, and an attacker who sends recorded packets again. Packets are handed
 * out when they are due; the order among them depends on the seed only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/packet.h"
#include "tests/sim/random.h"

#define LINK_RECORDED 64 /* packets that the attacker keeps */

/* Chances in parts of a million. */
struct link_config {
	uint64_t capacity_bps; /* bytes on the wire, framing included */
	uint64_t delay_ns;
	uint64_t queue_bytes;
	uint32_t loss_ppm;
	uint32_t control_loss_ppm; /* more, of packets without DATA */
	/* Gilbert and Elliott: per packet, the chances to turn bad or good, and of loss when bad.
	 * A bad spell is over, too, after the time that 4 / good packets take. */
	uint32_t bad_ppm, good_ppm, bad_loss_ppm;
	uint32_t jitter_ppm; /* packets with a delay of up to jitter_ns more */
	uint64_t jitter_ns;
	bool keeps_order; /* who is late makes the next ones late too */
	uint32_t copy_ppm, corrupt_ppm, replay_ppm;
};

enum link_drop {
	LINK_DROP_LOSS,
	LINK_DROP_BURST,
	LINK_DROP_QUEUE,
	LINK_DROP_CUT,
	LINK_DROP_CORRUPT, /* arrives, but cannot be opened */
	LINK_DROPS,
};

struct link {
	struct link_config config;
	struct packet_pool *pool;
	struct random random;
	uint32_t who; /* sends into it */
	bool is_cut;
	bool is_bad;
	uint64_t bad_until_ns;
	uint64_t busy_ps; /* the line is busy until then */
	uint64_t last_due_ns;
	uint64_t next_number;
	/* On the way, in order of due_ns: a ring; and those that would break the order: a heap. */
	struct packet **ring, **heap;
	uint64_t head, tail, ring_room;
	uint64_t heap_count, heap_room;
	struct packet *recorded[LINK_RECORDED];
	/* counted */
	uint64_t packets, bytes, drops[LINK_DROPS], dropped_frames, copies, replays;
	uint64_t queue_peak;
};

void link_init(struct link *l, const struct link_config *config, struct packet_pool *pool,
	       uint64_t seed, uint32_t who);
void link_free(struct link *l);

/* Takes the packet. false: it was lost, for *why (or arrives corrupt, or not at all). */
bool link_send(struct link *l, struct packet *packet, uint64_t now, enum link_drop *why);
/* When the next packet is due; UINT64_MAX: none is on the way. */
uint64_t link_due(const struct link *l);
/* The next packet that is due; NULL: none. */
struct packet *link_take(struct link *l, uint64_t now);

static inline uint64_t link_in_flight(const struct link *l)
{
	return l->tail - l->head + l->heap_count;
}
