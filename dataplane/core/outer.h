/*
 * Ethernet, IPv4 or IPv6, and UDP around a tunnel packet. Pure; templates belong to the worker that
 * owns the lane.
 *
 * UDP checksum: 0 for both families. For IPv6 RFC 6935 and RFC 6936 allow it for a tunnel whose own
 * header detects a packet that went astray: the tag of the packet covers path, lane and frames, and
 * the receiver checks source address and path before it believes anything. A checksum that a
 * middlebox or another sender fills in is not looked at, for the same reason.
 * IPv4 packets carry DF and identification 0 (RFC 6864: atomic datagrams).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/abi/drop.h"
#include "dataplane/core/bytes.h"
#include "dataplane/core/inner.h"
#include "dataplane/core/prefix.h"

#define OUTER_IPV4_BYTES 42 /* Ethernet + IPv4 + UDP */
#define OUTER_IPV6_BYTES 62
#define OUTER_MAX_BYTES	 62
#define OUTER_TTL	 64
#define OUTER_UDP_BYTES	 8

struct outer_flow {
	struct ip_addr src, dst;
	uint8_t src_mac[6], dst_mac[6];
	uint16_t src_port, dst_port;
	uint8_t dscp;
};

struct outer_template {
	uint8_t bytes[64]; /* lengths, checksum and ECN are 0 */
	uint32_t sum;	   /* IPv4: of the header words as they stand in bytes */
	uint8_t header_bytes;
	bool is_v6;
};

/* What was around a received tunnel packet. */
struct outer {
	struct ip_addr src, dst;
	uint16_t src_port, dst_port;
	uint32_t payload_offset; /* from the start of the frame */
	uint32_t payload_len;
	uint8_t ecn; /* enum ecn */
	bool is_v6;
};

/* 0, or -EINVAL when the addresses are of different families. */
int outer_template_init(struct outer_template *template, const struct outer_flow *flow);
/* The next hop changed. */
void outer_set_macs(struct outer_template *template, const uint8_t dmac[6], const uint8_t smac[6]);

/*
 * Writes the headers of a UDP payload of payload_len bytes to dst, which has OUTER_MAX_BYTES of
 * room. Returns the header length, where the payload starts.
 */
static inline uint32_t outer_write(const struct outer_template *template, uint8_t *dst,
				   uint32_t payload_len, uint8_t ecn)
{
	uint16_t udp_len = (uint16_t)(payload_len + OUTER_UDP_BYTES);
	uint16_t total_len = (uint16_t)(udp_len + INNER_IPV4_BYTES);
	uint32_t sum;

	if (template->is_v6) {
		memcpy(dst, template->bytes, OUTER_IPV6_BYTES);
		dst[15] = (uint8_t)(dst[15] | ecn << 4);
		bytes_store16(dst + 18, udp_len);
		bytes_store16(dst + 58, udp_len);
		return OUTER_IPV6_BYTES;
	}
	memcpy(dst, template->bytes, OUTER_IPV4_BYTES);
	dst[15] = (uint8_t)(dst[15] | ecn);
	bytes_store16(dst + 16, total_len);
	sum = template->sum + total_len + ecn;
	bytes_store16(dst + 24, (uint16_t)~bytes_fold(sum));
	bytes_store16(dst + 38, udp_len);
	return OUTER_IPV4_BYTES;
}

/*
 * A received frame. Accepts up to two priority tags, IPv4 without options or fragmentation and with
 * a correct header checksum, IPv6 without extension headers, UDP whose length is what IP says;
 * trailing Ethernet padding is allowed. False: *why is DROP_OUTER_MALFORMED. Ports and addresses
 * are the caller's to judge.
 */
bool outer_parse(const uint8_t *frame, uint32_t len, struct outer *out, enum drop *why);
