/*
 * The packet format between two gateways: what follows the outer UDP header. Pure; any thread.
 *
 *   clear header, 28 bytes | frames | tag, 16 bytes
 *
 * Everything is big-endian. The clear header travels in the open and is covered by the tag; frames
 * are what the cipher seals. A packet holds whole frames only. The parser checks each length before
 * it reads a field behind it and never reads past the bytes that it was given: a packet that is
 * accepted has every reserved bit zero and every payload inside the packet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/abi/drop.h"
#include "dataplane/core/bytes.h"

#define WIRE_VERSION	 1
#define WIRE_TYPE_FRAMES 1

#define WIRE_HEADER_BYTES   28
#define WIRE_TAG_BYTES	    16
#define WIRE_OVERHEAD_BYTES (WIRE_HEADER_BYTES + WIRE_TAG_BYTES)
#define WIRE_DATA_BYTES	    16 /* in front of a DATA payload */
#define WIRE_PART_BYTES	    20 /* in front of a part of one */
#define WIRE_PART_MAX	    64 /* of one unit */
#define WIRE_PROBE_BYTES    24
#define WIRE_PING_BYTES	    16

#define WIRE_F_KEY_PHASE 0x03 /* which key sealed it */
#define WIRE_F_FEC	 0x04 /* fec_block and fec_index are in use */
#define WIRE_F_KNOWN	 (WIRE_F_KEY_PHASE | WIRE_F_FEC)

#define WIRE_PREV_MAX 0xffffffu /* prev is 24 bits */

enum wire_frame_type {
	WIRE_PAD = 0, /* the rest of the packet is zero */
	WIRE_DATA = 1,
	WIRE_ACK = 2, /* wire_ack.h */
	/* 3, 6 and 7 were given away once and are malformed: credits ride in ACK, and restarts are
	 * told by the agents' session. */
	WIRE_PROBE = 4,
	WIRE_PROBE_ECHO = 5,
	WIRE_PING = 8, /* asks for an ACK at once */
	WIRE_PART = 9, /* of a DATA that does not fit one packet of the link that it goes by now */
};

/* The bytes themselves. Only wire.h and wire.c look at these; others use the host-order views. */
struct wire_header_bytes {
	uint8_t version;
	uint8_t type;
	uint8_t flags;
	uint8_t fec_index;
	uint8_t lane;
	uint8_t link;
	uint8_t reserved[2];
	uint8_t path_id[4];
	uint8_t send_time_us[4];
	uint8_t packet_number[8];
	uint8_t fec_block[4];
};
_Static_assert(sizeof(struct wire_header_bytes) == WIRE_HEADER_BYTES, "wire format");
_Static_assert(offsetof(struct wire_header_bytes, version) == 0, "wire format");
_Static_assert(offsetof(struct wire_header_bytes, type) == 1, "wire format");
_Static_assert(offsetof(struct wire_header_bytes, flags) == 2, "wire format");
_Static_assert(offsetof(struct wire_header_bytes, fec_index) == 3, "wire format");
_Static_assert(offsetof(struct wire_header_bytes, lane) == 4, "wire format");
_Static_assert(offsetof(struct wire_header_bytes, link) == 5, "wire format");
_Static_assert(offsetof(struct wire_header_bytes, reserved) == 6, "wire format");
_Static_assert(offsetof(struct wire_header_bytes, path_id) == 8, "wire format");
_Static_assert(offsetof(struct wire_header_bytes, send_time_us) == 12, "wire format");
_Static_assert(offsetof(struct wire_header_bytes, packet_number) == 16, "wire format");
_Static_assert(offsetof(struct wire_header_bytes, fec_block) == 24, "wire format");

struct wire_data_bytes {
	uint8_t type;
	uint8_t class; /* low nibble; the high one is zero */
	uint8_t length[2];
	uint8_t seq[4];
	uint8_t prev[3];
	uint8_t frag_index;
	uint8_t frag_count;
	uint8_t reserved;
	uint8_t frag_offset[2];
};
_Static_assert(sizeof(struct wire_data_bytes) == WIRE_DATA_BYTES, "wire format");
_Static_assert(offsetof(struct wire_data_bytes, type) == 0, "wire format");
_Static_assert(offsetof(struct wire_data_bytes, class) == 1, "wire format");
_Static_assert(offsetof(struct wire_data_bytes, length) == 2, "wire format");
_Static_assert(offsetof(struct wire_data_bytes, seq) == 4, "wire format");
_Static_assert(offsetof(struct wire_data_bytes, prev) == 8, "wire format");
_Static_assert(offsetof(struct wire_data_bytes, frag_index) == 11, "wire format");
_Static_assert(offsetof(struct wire_data_bytes, frag_count) == 12, "wire format");
_Static_assert(offsetof(struct wire_data_bytes, reserved) == 13, "wire format");
_Static_assert(offsetof(struct wire_data_bytes, frag_offset) == 14, "wire format");

struct wire_part_bytes {
	uint8_t type;
	uint8_t class;	   /* as in DATA, and so on */
	uint8_t length[2]; /* of this part */
	uint8_t seq[4];
	uint8_t prev[3];
	uint8_t frag_index;
	uint8_t frag_count;
	uint8_t index;
	uint8_t frag_offset[2];
	uint8_t unit_length[2];
	uint8_t count;
	uint8_t reserved;
};
_Static_assert(sizeof(struct wire_part_bytes) == WIRE_PART_BYTES, "wire format");
_Static_assert(offsetof(struct wire_part_bytes, index) == 13, "wire format");
_Static_assert(offsetof(struct wire_part_bytes, unit_length) == 16, "wire format");
_Static_assert(offsetof(struct wire_part_bytes, count) == 18, "wire format");

struct wire_probe_bytes { /* PROBE and PROBE_ECHO */
	uint8_t type;
	uint8_t reserved[3];
	uint8_t generation[4];
	uint8_t nonce[8];
	uint8_t time_ns[8];
};
_Static_assert(sizeof(struct wire_probe_bytes) == WIRE_PROBE_BYTES, "wire format");
_Static_assert(offsetof(struct wire_probe_bytes, type) == 0, "wire format");
_Static_assert(offsetof(struct wire_probe_bytes, reserved) == 1, "wire format");
_Static_assert(offsetof(struct wire_probe_bytes, generation) == 4, "wire format");
_Static_assert(offsetof(struct wire_probe_bytes, nonce) == 8, "wire format");
_Static_assert(offsetof(struct wire_probe_bytes, time_ns) == 16, "wire format");

struct wire_ping_bytes {
	uint8_t type;
	uint8_t reserved[7];
	uint8_t next_seq[8];
};
_Static_assert(sizeof(struct wire_ping_bytes) == WIRE_PING_BYTES, "wire format");
_Static_assert(offsetof(struct wire_ping_bytes, type) == 0, "wire format");
_Static_assert(offsetof(struct wire_ping_bytes, reserved) == 1, "wire format");
_Static_assert(offsetof(struct wire_ping_bytes, next_seq) == 8, "wire format");

/* Host-order views. */
struct wire_header {
	uint8_t type;
	uint8_t flags;
	uint8_t fec_index; /* 0 without WIRE_F_FEC, as fec_block */
	uint8_t lane;
	uint8_t link;
	uint32_t path_id;
	uint32_t send_time_us; /* sender's clock, wraps */
	uint64_t packet_number;
	uint32_t fec_block;
};

/* A whole packet (frag_count 1, index and offset 0) or one fragment of it. */
struct wire_data {
	uint8_t class;	      /* < CLASS_COUNT */
	uint8_t frag_index;   /* < frag_count */
	uint8_t frag_count;   /* >= 1 */
	uint16_t frag_offset; /* frag_offset + length_bytes <= 65535 */
	uint16_t length_bytes;
	uint32_t seq;		/* low 32 bits of the sequence */
	uint32_t prev;		/* distance back to the same bucket's sequence before it; 0: none.
				   1 in every fragment but the first */
	const uint8_t *payload; /* set by wire_frame_next, not looked at by wire_data_write */
};

/* One of several parts of a DATA frame's payload: all of one length but the last. */
struct wire_part {
	struct wire_data data; /* length_bytes: of the whole; payload: of this part */
	uint16_t length_bytes; /* of this part, less than the whole */
	uint8_t index, count;  /* index < count, 2 <= count <= WIRE_PART_MAX */
};

struct wire_probe {
	uint32_t generation;
	uint64_t nonce;
	uint64_t time_ns; /* of the prober's clock; the echo returns it */
};

struct wire_frame {
	uint8_t type; /* any but WIRE_PAD */
	union {
		struct wire_data data;
		struct wire_part part;
		struct {
			const uint8_t *bytes;
			uint32_t len;
		} ack; /* all of it, for wire_ack_parse, which may still refuse it */
		struct wire_probe probe;
		uint64_t ping_next_seq; /* the next one that the sender of the lane will use */
	};
};

struct wire_cursor {
	const uint8_t *at;
	const uint8_t *end;
};

/* Writes WIRE_HEADER_BYTES. */
static inline void wire_header_write(uint8_t *dst, const struct wire_header *header)
{
	struct wire_header_bytes *b = (struct wire_header_bytes *)dst;

	b->version = WIRE_VERSION;
	b->type = header->type;
	b->flags = header->flags;
	b->fec_index = header->fec_index;
	b->lane = header->lane;
	b->link = header->link;
	bytes_store16(b->reserved, 0);
	bytes_store32(b->path_id, header->path_id);
	bytes_store32(b->send_time_us, header->send_time_us);
	bytes_store64(b->packet_number, header->packet_number);
	bytes_store32(b->fec_block, header->fec_block);
}

/* Writes the WIRE_DATA_BYTES in front of a payload. */
static inline void wire_data_write(uint8_t *dst, const struct wire_data *data)
{
	struct wire_data_bytes *b = (struct wire_data_bytes *)dst;

	b->type = WIRE_DATA;
	b->class = data->class & 0xf;
	bytes_store16(b->length, data->length_bytes);
	bytes_store32(b->seq, data->seq);
	bytes_store24(b->prev, data->prev);
	b->frag_index = data->frag_index;
	b->frag_count = data->frag_count;
	b->reserved = 0;
	bytes_store16(b->frag_offset, data->frag_offset);
}

/* Writes the WIRE_PART_BYTES in front of a part. */
void wire_part_write(uint8_t *dst, const struct wire_part *part);
/* Writes WIRE_PROBE_BYTES; type is WIRE_PROBE or WIRE_PROBE_ECHO. */
void wire_probe_write(uint8_t *dst, enum wire_frame_type type, const struct wire_probe *probe);
/* Writes WIRE_PING_BYTES. */
void wire_ping_write(uint8_t *dst, uint64_t next_seq);

/*
 * The clear header of a packet of len bytes, tag included. False: *why is DROP_OUTER_MALFORMED (too
 * short, reserved bits, FEC fields without FEC) or DROP_VERSION (version or type unknown). The
 * frames are the bytes from WIRE_HEADER_BYTES to len - WIRE_TAG_BYTES; there may be none.
 */
bool wire_header_parse(const uint8_t *src, uint32_t len, struct wire_header *out, enum drop *why);

/* Frames as opened: neither clear header nor tag. */
static inline void wire_cursor_init(struct wire_cursor *cursor, const uint8_t *frames, uint32_t len)
{
	cursor->at = frames;
	cursor->end = frames + len;
}

/*
 * The next frame: 1 and *frame, 0 at the end, -1 when what follows is malformed (DROP_FRAME: the
 * rest of the packet is lost, frames before it were good). After 0 or -1 every further call answers
 * the same.
 */
int wire_frame_next(struct wire_cursor *cursor, struct wire_frame *frame);
