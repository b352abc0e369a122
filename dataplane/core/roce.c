#include "dataplane/core/roce.h"

#define UDP_PROTOCOL 17
#define UDP_BYTES    8
#define ICRC_BYTES   4
#define RETH_BYTES   16 /* address, key, length: behind the BTH of reads */
#define MTU_MIN	     256
#define SPAN_MAX     (1u << 19)

enum { /* RC opcodes, InfiniBand 1.2.1 table 38 */
	SEND_FIRST = 0x00,
	WRITE_ONLY_IMMEDIATE = 0x0b,
	READ_REQUEST = 0x0c,
	READ_RESPONSE_FIRST = 0x0d,
	READ_RESPONSE_ONLY = 0x10,
	ATOMIC_ACK = 0x12,
	FETCH_ADD = 0x14,
	SEND_LAST_INVALIDATE = 0x16,
	SEND_ONLY_INVALIDATE = 0x17,
};

static enum roce_kind kind_of(uint8_t opcode)
{
	if (opcode == ROCE_CNP)
		return ROCE_KIND_CNP;
	if (opcode >= READ_RESPONSE_FIRST && opcode <= ATOMIC_ACK)
		return ROCE_KIND_RESPONSE;
	if (opcode <= FETCH_ADD || opcode == SEND_LAST_INVALIDATE || opcode == SEND_ONLY_INVALIDATE)
		return ROCE_KIND_REQUEST;
	return ROCE_KIND_OTHER;
}

static bool data_is_in(uint8_t opcode)
{
	return opcode <= WRITE_ONLY_IMMEDIATE || opcode == SEND_LAST_INVALIDATE ||
	       opcode == SEND_ONLY_INVALIDATE ||
	       (opcode >= READ_RESPONSE_FIRST && opcode <= READ_RESPONSE_ONLY);
}

/* A read uses one PSN for each packet of its answer. Their size is not in the packet: the smallest
 * that there is gives the most. */
static uint32_t read_span(const uint8_t *reth)
{
	uint32_t packets = bytes_load32(reth + 12) / MTU_MIN + 1;

	return packets < SPAN_MAX ? packets : SPAN_MAX;
}

/* Where UDP starts in a whole datagram; 0: not UDP, or a fragment. */
static uint32_t udp_offset(const uint8_t *ip, const struct inner *inner)
{
	if (inner->is_v6)
		return ip[6] == UDP_PROTOCOL ? inner->header_len : 0;
	if (ip[9] != UDP_PROTOCOL || bytes_load16(ip + 6) & 0x3fff)
		return 0;
	return inner->header_len;
}

bool roce_parse(const uint8_t *ip, const struct inner *inner, struct roce *out)
{
	uint32_t at = udp_offset(ip, inner);
	uint32_t len = inner->total_len - at;
	const uint8_t *bth = ip + at + UDP_BYTES;

	if (!at || len < UDP_BYTES + ROCE_BTH_BYTES + ICRC_BYTES ||
	    bytes_load16(ip + at + 2) != ROCE_UDP_PORT)
		return false;
	if (bytes_load16(ip + at + 4) > len || bth[1] & 0xf)
		return false;
	len = bytes_load16(ip + at + 4);
	if (len < UDP_BYTES + ROCE_BTH_BYTES + ICRC_BYTES)
		return false;
	*out = (struct roce){
		.dest_qpn = bytes_load24(bth + 5),
		.psn = bytes_load24(bth + 9),
		.psn_span = 1,
		.src_port = bytes_load16(ip + at),
		.pkey = bytes_load16(bth + 2),
		.opcode = bth[0],
		.kind = (uint8_t)kind_of(bth[0]),
		.has_data = data_is_in(bth[0]),
		.wants_ack = bth[8] >> 7,
	};
	if (bth[0] != READ_REQUEST)
		return true;
	if (len < UDP_BYTES + ROCE_BTH_BYTES + RETH_BYTES + ICRC_BYTES)
		return false;
	out->psn_span = read_span(bth + ROCE_BTH_BYTES);
	return true;
}

uint16_t roce_linux_port(uint32_t a_qpn, uint32_t b_qpn)
{
	uint64_t label = (uint64_t)a_qpn * b_qpn;

	label ^= label >> 20;
	label ^= label >> 40;
	/* 20 bits of label to 14 of port: the upper six fold onto the lower ones. */
	return (uint16_t)(0xc000 | ((label & 0x3fff) ^ (label >> 14 & 0x3f)));
}
