/*
 * What the gateway reads of a RoCEv2 packet: the base transport header (BTH) of an inner packet,
 * reliable connections (RC) only. Pure; the workers, per packet. Source: InfiniBand Architecture
 * 1.2.1, section 9.2, and its annex A17.
 *
 * Nothing here is authenticated: whoever may send into the path can write any BTH. What is read
 * decides only who hears of congestion, never what is delivered.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/inner.h"

#define ROCE_UDP_PORT  4791
#define ROCE_BTH_BYTES 12
#define ROCE_PSN_MASK  0xffffffu
#define ROCE_QPN_FIRST 2 /* 0 and 1 are management */

#define ROCE_CNP 0x81
#define ROCE_ACK 0x11

enum roce_kind {
	ROCE_KIND_OTHER,    /* not RC: unreliable, datagrams, extended */
	ROCE_KIND_REQUEST,  /* its PSN counts in the requests of the one who sent it */
	ROCE_KIND_RESPONSE, /* its PSN counts in the requests of the one who gets it */
	ROCE_KIND_CNP,
};

struct roce {
	uint32_t dest_qpn; /* of the receiver; a packet does not name its sender's */
	uint32_t psn;
	uint32_t psn_span; /* PSNs that it uses: 1; a read of so many bytes at most so many */
	uint16_t src_port;
	uint16_t pkey;
	uint8_t opcode;
	uint8_t kind;  /* enum roce_kind */
	bool has_data; /* RC payload: what congestion control slows down */
	bool wants_ack;
};

/* UDP to RoCEv2's port, as far as can be seen at a glance: roce_parse decides. */
static inline bool roce_is_likely(const uint8_t *ip, const struct inner *inner)
{
	uint8_t protocol = inner->is_v6 ? ip[6] : ip[9];

	return protocol == 17 && inner->total_len >= inner->header_len + 8 &&
	       bytes_load16(ip + inner->header_len + 2) == ROCE_UDP_PORT;
}

/*
 * ip, inner: an inner packet that inner_parse accepted. False: not RoCEv2, a fragment, or too short
 * for what its opcode says.
 */
bool roce_parse(const uint8_t *ip, const struct inner *inner, struct roce *out);

/*
 * The UDP source port that Linux drivers choose for a connection whose user gave no flow label: the
 * same for both ends (include/rdma/ib_verbs.h, rdma_get_udp_sport).
 */
uint16_t roce_linux_port(uint32_t a_qpn, uint32_t b_qpn);

/* a - b on the circle of 24-bit numbers, -2^23 .. 2^23 - 1. */
static inline int32_t roce_psn_diff(uint32_t a, uint32_t b)
{
	return (int32_t)((a - b) << 8) >> 8;
}
