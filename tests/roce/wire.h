/*
 * Reliable connections over UDP port 4791 (RoCEv2): the headers behind UDP, InfiniBand
 * Architecture 1.5, volume 1, chapters 9.2 to 9.4 and annex A17. A packet is BTH, for the first
 * packet of an RDMA WRITE a RETH, for an acknowledgement an AETH, then payload padded to four
 * bytes, then the ICRC (icrc.h). Pure; any thread.
 *
 * roce_parse() reads no byte beyond the length given, and what it accepts roce_write() writes
 * again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ROCE_UDP_PORT	  4791
#define ROCE_BTH_BYTES	  12
#define ROCE_RETH_BYTES	  16
#define ROCE_AETH_BYTES	  4
#define ROCE_CNP_BYTES	  16 /* reserved, zero, behind the BTH of a congestion notification */
#define ROCE_ICRC_BYTES	  4
#define ROCE_HEADER_MAX	  (ROCE_BTH_BYTES + ROCE_RETH_BYTES)
#define ROCE_MTU_MAX	  4096
#define ROCE_PACKET_MAX	  (ROCE_HEADER_MAX + ROCE_MTU_MAX + ROCE_ICRC_BYTES)
#define ROCE_PKEY_DEFAULT 0xffff
#define ROCE_24_BITS	  0xffffffu /* of PSN, MSN and queue pair number */
/* Half of the PSN space: what lies so far ahead or less is ahead, the rest is behind. */
#define ROCE_PSN_HALF 0x800000u

enum roce_opcode {
	ROCE_SEND_FIRST = 0,
	ROCE_SEND_MIDDLE = 1,
	ROCE_SEND_LAST = 2,
	ROCE_SEND_ONLY = 4,
	ROCE_WRITE_FIRST = 6,
	ROCE_WRITE_MIDDLE = 7,
	ROCE_WRITE_LAST = 8,
	ROCE_WRITE_ONLY = 10,
	ROCE_ACK = 17,
	ROCE_CNP = 0x81,
};

/* Where in its message a packet is. */
enum roce_place {
	ROCE_PLACE_NONE, /* no part of a message: ACK, CNP */
	ROCE_PLACE_FIRST,
	ROCE_PLACE_MIDDLE,
	ROCE_PLACE_LAST,
	ROCE_PLACE_ONLY,
};

/* AETH syndromes: three bits of kind, five of value. */
#define ROCE_SYNDROME_ACK 0x1f /* credit count 31: no end-to-end credits in use */
#define ROCE_SYNDROME_NAK 0x60
enum roce_nak {
	ROCE_NAK_SEQUENCE = 0,
	ROCE_NAK_INVALID = 1,
	ROCE_NAK_ACCESS = 2,
	ROCE_NAK_OPERATION = 3,
};

struct roce_packet {
	uint8_t opcode;
	bool ack_request, fecn, becn;
	uint32_t psn;
	uint32_t dest_qp;
	/* RETH */
	uint64_t va;
	uint32_t rkey;
	uint32_t dma_bytes;
	/* AETH */
	uint8_t syndrome;
	uint32_t msn;
	/* without padding; points into what was parsed */
	const uint8_t *payload;
	uint32_t payload_bytes;
};

/* Of a BTH and the headers that its opcode brings; 0: not an opcode of this tool. */
uint32_t roce_header_bytes(uint8_t opcode);
enum roce_place roce_place(uint8_t opcode);
bool roce_is_write(uint8_t opcode);
uint8_t roce_opcode(enum roce_place place, bool is_write);

static inline uint32_t roce_pad_bytes(uint32_t payload_bytes)
{
	return -payload_bytes & 3;
}

static inline bool roce_has_reth(uint8_t opcode)
{
	return opcode == ROCE_WRITE_FIRST || opcode == ROCE_WRITE_ONLY;
}

/* Bytes of UDP payload, with padding and ICRC. */
uint32_t roce_packet_bytes(uint8_t opcode, uint32_t payload_bytes);
/* The UDP payload `bytes`, ICRC included but not judged. False: too short for its opcode, an
 * opcode, partition or transport version that is not ours, or payload where none belongs. */
bool roce_parse(const uint8_t *bytes, uint32_t len, struct roce_packet *out);
/* Writes all but payload and ICRC: the headers to dst, and zeroes as padding behind the place of
 * the payload. Returns the offset of the payload. dst has room for roce_packet_bytes(). */
uint32_t roce_write(uint8_t *dst, const struct roce_packet *packet);
