/*
 * One lane of one path: the reliable, ordered stream of DATA frames that it sends and the one that
 * it receives. The composer of the transport: it owns the machines (arq_tx, arq_rx, order, credit,
 * rtt, keys, replay, chain) and calls them in order; what they decide is theirs. Pure; owned by the
 * worker of the lane at this end. The DPDK worker, the simulator and the fuzzer are its three
 * callers.
 *
 * Promises, for a peer that keeps to the protocol: every sequence is delivered exactly once, in
 * order within its bucket, whatever the WAN loses, doubles, delays or reorders, as long as it
 * delivers anything at all. For any peer that has the key: at most tx_slots units are retained and
 * at most rx_buffers units of together rx_bytes are held, and every call ends after a bounded
 * number of steps. Nothing is allocated after tunnel_init.
 *
 * Cookies are the caller's (a packet buffer, or a share in one). One that tunnel_send took is given
 * back exactly once, by tunnel_on_ack or tunnel_flush_tx; one that tunnel_on_data held is given
 * back exactly once, by tunnel_ready and tunnel_delivered or by tunnel_flush_rx.
 *
 * Times are nanoseconds of any clock that does not go backwards.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/core/arq_rx.h"
#include "dataplane/core/arq_tx.h"
#include "dataplane/core/chain.h"
#include "dataplane/core/credit.h"
#include "dataplane/core/keys.h"
#include "dataplane/core/link_delay.h"
#include "dataplane/core/order.h"
#include "dataplane/core/replay.h"
#include "dataplane/core/rtt.h"
#include "dataplane/core/wire.h"
#include "dataplane/core/wire_ack.h"

#define TUNNEL_SLOTS_MIN 1024u
#define TUNNEL_SLOTS_MAX (1u << 22)
/* Bytes: what windows are cut into, one buffer each; smaller packets use them up sooner. */
#define TUNNEL_SIZE_PACKET 1024u
#define TUNNEL_ACK_EVERY   64	    /* packets */
#define TUNNEL_ACK_NS	   50000ull /* or this after the first, or RTT / 32 where that is more */
#define TUNNEL_PROBE_NS                                                          \
	100000000ull /* PINGs back off to this, or to the RTO where that is more \
		      */

/* What a lane needs; made by tunnel_sizes_for or by hand. Slots are powers of two, 0 for a half
 * that the lane does not have. */
struct tunnel_sizes {
	uint32_t tx_slots;	 /* sequences from the oldest unacknowledged one to the newest */
	uint32_t retain_packets; /* units that are kept until acknowledged; at most tx_slots */
	uint64_t retain_bytes;
	uint32_t rx_slots;   /* sequences from the oldest undelivered one on */
	uint32_t rx_buffers; /* units that may be held; at most rx_slots */
	uint64_t rx_bytes;
	uint32_t replay_bits; /* a power of two */
};

struct tunnel_config {
	struct tunnel_sizes sizes;
	uint64_t first_seq;    /* of both directions; both ends agree */
	uint64_t first_packet; /* the first packet number to send */
	uint64_t rtt_ns;       /* what the link is said to have, until measured */
};

/* Losses that windows are made for without a loss of throughput: 1 %. */
#define TUNNEL_LOSS_BUDGET 0.01

/* How the windows follow from rate and round-trip time: see TRANSPORT.md, "Windows". */
struct tunnel_demand {
	uint64_t tx_bps, rx_bps; /* 0: the lane does not send, or does not receive */
	uint64_t rtt_ns;
	double loss; /* budget of the class, 0 < loss < 1 */
};

/* What the caller must be able to hold for it, beside tunnel_memory. */
void tunnel_sizes_for(const struct tunnel_demand *demand, struct tunnel_sizes *sizes);
/* Bytes that tunnel_init needs. */
size_t tunnel_memory(const struct tunnel_sizes *sizes);

/* Counted since tunnel_init; plain numbers for the caller to publish. */
struct tunnel_stats {
	uint64_t sequenced; /* DATA frames sent for the first time */
	uint64_t resent;    /* DATA frames sent again, copies included */
	uint64_t lost;	    /* times that a sequence was taken for lost */
	uint64_t spurious;  /* repairs that were not needed, as far as we can tell */
	uint64_t acked;	    /* sequences */
	uint64_t acks_sent, acks_received;
	uint64_t acks_invalid; /* of what was never sent, or contradicting themselves */
	uint64_t pings_sent, pings_received, pings_invalid;
	uint64_t received;   /* DATA frames accepted */
	uint64_t duplicates; /* DATA frames that had come before */
	uint64_t refused;    /* DATA frames beyond what was granted */
	uint64_t disordered; /* frames whose `previous` contradicts another's */
	uint64_t replayed;   /* packets whose number had come before, or is too old */
	uint64_t delivered;  /* DATA frames that left */
	uint64_t reordered;  /* DATA frames that waited for another one */
};

struct tunnel {
	/* sends */
	struct arq_tx tx;
	struct chain chain;
	struct credit_tx credit_tx;
	uint64_t next_packet;
	uint64_t ack_largest; /* packet number: the largest that an ACK spoke of, + 1; 0: none */
	uint64_t peer_delivered;
	uint32_t queue_us; /* of the newest ACK */
	uint64_t probe_ns; /* when the next PING is due; UINT64_MAX: not */
	uint32_t probe_backoff;
	uint64_t moved_ns;	/* to another link, then; 0: never */
	uint64_t moved_wait_ns; /* an ACK by the one before took no longer */
	bool is_waiting;	/* for credit */
	bool has_progress; /* since the PING was armed: something was acknowledged or granted */

	/* receives */
	struct replay replay;
	struct arq_rx rx;
	struct order order;
	struct credit_rx credit_rx;
	struct owd owd;
	uint64_t largest_packet, largest_ns; /* and when it came */
	uint32_t largest_send_us;
	uint8_t rx_link; /* that they came by */
	bool has_largest;
	bool has_delivered;	       /* since tunnel_poll */
	bool is_counted;	       /* the present packet, among ack_pending */
	bool ack_now;		       /* a PING came, or credit opened for a peer that waits */
	uint32_t ack_pending;	       /* packets with DATA since the last ACK */
	uint32_t sweep_acks;	       /* ACKs that a PING asked for and are still to come */
	uint64_t ack_ns;	       /* when they must be acknowledged; UINT64_MAX: not */
	uint64_t told_seq, told_bytes; /* the limits in the last ACK */

	struct rtt rtt;
	struct keys keys;
	struct tunnel_stats stats;
	struct tunnel_config config;
	void *memory;
};

/* memory: tunnel_memory bytes, aligned to 64. 0 or -EINVAL. There are no keys yet: nothing is sent
 * or opened until t->keys got some (keys_install_rx, keys_install_tx). */
int tunnel_init(struct tunnel *t, const struct tunnel_config *config, void *memory);
/* Makes tunnel_memory bytes ready for tunnel_resize: the long part of it. Any thread. */
void tunnel_prepare(const struct tunnel_sizes *sizes, void *memory);
/*
 * The lane goes on with these windows in prepared memory: nothing under way is lost, and the peer
 * learns of it by the next credit. Slots and replay_bits are at least what they were, and a half
 * that there was not does not come; what may be retained or held may be less, which holds when what
 * was granted before is used up. O(units in flight). Returns the memory it had; NULL: refused.
 */
void *tunnel_resize(struct tunnel *t, const struct tunnel_sizes *sizes, void *memory);
/* The same lane from the start, with its config; the caller has flushed both halves. */
void tunnel_reset(struct tunnel *t);

/* ---- sending ---- */

enum tunnel_stall {
	TUNNEL_GO = 0,
	TUNNEL_STALL_KEY,    /* no key, or used up */
	TUNNEL_STALL_WINDOW, /* as much unacknowledged as may be retained */
	TUNNEL_STALL_CREDIT, /* the far end grants no more */
};

/* One DATA frame: a whole inner packet (frag_count 1) or a fragment of one. */
struct tunnel_unit {
	uint64_t cookie;
	uint64_t seq;
	uint16_t len_bytes;
	uint16_t frag_offset;
	uint8_t frag_index, frag_count;
	uint8_t class;
	uint8_t ecn; /* sender: of the inner packet; receiver: what tunnel_on_data was given */
};

/* May `count` units of together `bytes` be sequenced now? One that waits for credit makes the lane
 * ask for it (tunnel_poll). */
enum tunnel_stall tunnel_may_send(struct tunnel *t, uint32_t count, uint32_t bytes, uint64_t now);
/* The number for the next outer packet, whatever is in it; counts for the key in use. */
static inline uint64_t tunnel_packet_next(struct tunnel *t)
{
	keys_sent(&t->keys);
	return t->next_packet++;
}

/*
 * Gives the unit its sequence (unit->seq) and takes its cookie; *data is its frame header. Goes
 * into a packet that leaves now. tunnel_may_send said yes. A fragment but the first must follow its
 * predecessor directly.
 */
void tunnel_send(struct tunnel *t, struct tunnel_unit *unit, uint32_t bucket, uint64_t now,
		 struct wire_data *data);

/* The next unit to send again, before anything new; *copies times, each in a packet of its own.
 * false: none. The cookie stays the lane's. */
bool tunnel_repair(struct tunnel *t, uint64_t now, struct tunnel_unit *unit, struct wire_data *data,
		   uint32_t *copies);
static inline bool tunnel_has_repairs(const struct tunnel *t)
{
	return arq_tx_has_lost(&t->tx);
}

/*
 * From now on what is sent goes by another link with this round trip: what was measured of the one
 * before is void. What is under way there is not lost for being overtaken.
 */
void tunnel_move(struct tunnel *t, uint64_t rtt_ns, uint64_t now);

/* What is due: the caller sends each in a packet of its own, by the functions below. */
#define TUNNEL_WANTS_ACK  1u
#define TUNNEL_WANTS_PING 2u
uint32_t tunnel_poll(struct tunnel *t, uint64_t now);
/* Write a frame, at most WIRE_ACK_BYTES_MAX or WIRE_PING_BYTES; return its length. Call them only
 * when the packet does leave. */
uint32_t tunnel_ack_write(struct tunnel *t, uint64_t now, uint8_t *dst);
uint32_t tunnel_ping_write(struct tunnel *t, uint64_t now, uint8_t *dst);
/* When tunnel_poll has something next; UINT64_MAX: not before a packet comes or goes. */
uint64_t tunnel_deadline(const struct tunnel *t);

/* ---- receiving ---- */

/* Before opening: false for a key phase without key (*is_replay false) or a replay (counted). */
bool tunnel_may_open(struct tunnel *t, const struct wire_header *header, bool *is_replay);
/*
 * After opening, before its frames. false: a copy of it was faster; drop it (counted). By another
 * link than the one before: the peer has moved, unless it is older than what came by that.
 */
bool tunnel_on_packet(struct tunnel *t, const struct wire_header *header, uint64_t now);
/* The same for a packet that only probes a link: it may go by one that the peer has not moved to
 * (RFC 9000, 9.1, "probing packets"), and says nothing of the others. */
bool tunnel_on_probe(struct tunnel *t, const struct wire_header *header, uint64_t now);

enum tunnel_data {
	TUNNEL_HELD = 0,  /* the cookie is the lane's */
	TUNNEL_DUPLICATE, /* had come before: the cookie is the caller's, as for the next */
	TUNNEL_REFUSED,	  /* beyond what was granted */
};
enum tunnel_data tunnel_on_data(struct tunnel *t, const struct wire_data *data, uint64_t cookie,
				uint8_t ecn, uint64_t now);
/*
 * An ACK frame. Writes the cookies of acknowledged units to out, returns how many; max of them:
 * call again with the same frame. An invalid one is counted and changes nothing.
 */
uint32_t tunnel_on_ack(struct tunnel *t, const struct wire_ack *ack, uint64_t now, uint64_t out[],
		       uint32_t max);
void tunnel_on_ping(struct tunnel *t, uint64_t next_seq);

/*
 * The next thing to deliver, in order: a whole packet, or all fragments of one, whose cookies are
 * those of tunnel_fragment 0 to frag_count - 1. *is_broken: a fragment without siblings, whose
 * peer broke the protocol: drop it. false: nothing. It stays the next until tunnel_delivered,
 * after which its cookies are the caller's.
 */
bool tunnel_ready(struct tunnel *t, struct tunnel_unit *unit, bool *is_broken);
void tunnel_fragment(const struct tunnel *t, const struct tunnel_unit *last, uint32_t index,
		     struct tunnel_unit *out);
void tunnel_delivered(struct tunnel *t, const struct tunnel_unit *unit, bool is_broken);

/* ---- the end, or a new life of the peer ---- */

/*
 * What is held, in sequence order, gaps or not; fragments that are not all there come one by one,
 * is_broken. The cookies are the caller's at once. false: nothing is left.
 */
bool tunnel_flush_rx(struct tunnel *t, struct tunnel_unit *unit, bool *is_broken);
/* Cookies of what was never acknowledged; fewer than max: that was all. */
uint32_t tunnel_flush_tx(struct tunnel *t, uint64_t out[], uint32_t max);

/* Has the unit of this sequence (its low bits) come? */
static inline bool tunnel_has(const struct tunnel *t, uint32_t seq)
{
	return arq_rx_has(&t->rx, arq_rx_expand(&t->rx, seq));
}
static inline uint32_t tunnel_retained(const struct tunnel *t)
{
	return t->tx.retained;
}
static inline uint32_t tunnel_held(const struct tunnel *t)
{
	return t->order.held;
}
/* Sequences that wait for an older one that is missing: end - cumulative. */
static inline uint64_t tunnel_reorder_depth(const struct tunnel *t)
{
	return t->rx.end - t->rx.cumulative;
}
