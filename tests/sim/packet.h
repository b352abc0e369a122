/*
 * A tunnel packet on its way: the clear header and the frames' headers are the bytes that the real
 * writers made, payload is its identity only. What the cipher does is one number, the key that
 * sealed it: a receiver opens only what was sealed with the key that it has, and not changed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/wire.h"
#include "dataplane/core/wire_ack.h"

#define PACKET_FRAMES	    32	      /* DATA frames that share a packet */
#define PACKET_LINE_BYTES   (42 + 24) /* Ethernet, IPv4, UDP, framing: around the UDP payload */
#define PACKET_UDP_IP_BYTES 28

/* A piece of an inner packet (or all of it); the check covers the other fields. */
struct payload {
	uint32_t flow;
	uint32_t number; /* of the inner packet in its flow */
	uint32_t total;	 /* bytes of the inner packet */
	uint16_t offset, len;
	uint64_t check;
};

uint64_t payload_check(const struct payload *payload);

struct packet_frame {
	uint8_t header[WIRE_DATA_BYTES];
	struct payload payload;
};

struct packet {
	struct packet *next;	 /* among the free */
	uint64_t due_ns, number; /* on a link */
	uint64_t key;		 /* that sealed it */
	uint32_t line_bytes;	 /* all that it takes on the wire */
	uint16_t control_bytes;
	uint8_t frame_count; /* DATA */
	uint8_t ecn;
	bool is_big; /* room for PACKET_FRAMES, or for a control frame */
	bool is_corrupt;
	uint8_t header[WIRE_HEADER_BYTES];
	union {
		struct packet_frame frames[1];
		uint8_t control[1];
	};
};

/* Packets of one run. */
struct packet_pool {
	struct packet *free[2];
	uint64_t live;
};

struct packet *packet_new(struct packet_pool *pool, bool is_big);
struct packet *packet_copy(struct packet_pool *pool, const struct packet *packet);
void packet_put(struct packet_pool *pool, struct packet *packet);
void packet_pool_free(struct packet_pool *pool);

static inline struct packet_frame *packet_frame(struct packet *packet, uint32_t i)
{
	return packet->frames + i;
}
