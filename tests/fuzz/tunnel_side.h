/*
 * An end of a lane that keeps to the protocol, as a worker drives one: what it sends are packets
 * with real bytes, kept in a queue until the network does something with them. Inner packets are
 * numbered within their bucket, so that what is delivered can be judged by its payload.
 */
#pragma once

#include "tests/fuzz/tunnel_end.h"

#define SIDE_QUEUE	 256u /* packets under way; beyond that the oldest is lost */
#define SIDE_PACKET	 1024u
#define SIDE_BUCKETS	 8u
#define SIDE_PIECE_BYTES 40u /* each inner packet, or fragment of one */

struct side_packet {
	uint32_t key; /* which one sealed it; phases come again, keys do not */
	uint32_t len;
	uint8_t bytes[SIDE_PACKET];
};

/* Of one direction. */
struct side_queue {
	struct side_packet packets[SIDE_QUEUE];
	uint8_t order[SIDE_QUEUE]; /* which of these, oldest first; behind `count`: free ones */
	uint32_t count;
};

/* What a unit carries, known by its cookie. */
struct side_content {
	uint8_t bucket;
	uint32_t number;
};

struct side {
	struct side *peer;
	struct end end;
	struct side_queue out; /* what it sent */
	struct side_content content[LEDGER_COOKIES];
	uint32_t sent[SIDE_BUCKETS], got[SIDE_BUCKETS];
	uint32_t tx_key, rx_keys[KEYS_PHASES];
	uint8_t link; /* that it sends by */
	struct side_packet open;
};

void side_init(struct side *s, struct side *peer, const struct tunnel_config *config);
/* Seals under a new key from here on; the peer has it already. */
void side_rekey(struct side *s);
/* Sends by another link from here on, of which only the round trip differs. */
void side_move(struct side *s, uint64_t rtt_ns);

/* One inner packet in one outer packet; false: not now, or never (nobody may ask for more than the
 * far end can hold: it would ask for ever). */
bool side_send(struct side *s, uint8_t bucket, uint32_t pieces);
/* At most max sequences; true: there were any. */
bool side_repair(struct side *s, uint32_t max);
/* ACK and PING, as they are due. */
bool side_control(struct side *s);

/* What the network does with one of those that s sent. */
void side_packet_arrive(struct side *s, uint32_t at);
void side_packet_remove(struct side *s, uint32_t at);
/* Delivers the next one: in order within its bucket, whole, and what was sent. */
bool side_deliver(struct side *s);

/* What no peer that keeps to the protocol may bring about. */
void side_check(const struct side *s);
/* All that it sent was delivered, and it knows. */
bool side_is_done(const struct side *s);
