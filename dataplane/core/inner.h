/*
 * The inner IP packet: checks on the way in, what the tunnel changes in it (TTL, ECN, DSCP), and
 * the Ethernet header around it on the LAN. Pure; the workers, per packet.
 *
 * A packet that inner_parse accepts has total_len <= len, a complete header, and, for IPv4, a
 * correct header checksum; the functions that change it keep the checksum correct.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi/drop.h"
#include "dataplane/core/bytes.h"
#include "dataplane/core/prefix.h"

#define ETHER_HEADER_BYTES     14
#define ETHER_TAG_BYTES	       4
#define ETHER_TYPE_IPV4	       0x0800
#define ETHER_TYPE_IPV6	       0x86dd
#define ETHER_TYPE_TAG	       0x8100 /* 802.1Q */
#define ETHER_TYPE_SERVICE_TAG 0x88a8 /* 802.1ad */

#define INNER_IPV4_BYTES 20
#define INNER_IPV6_BYTES 40

enum ecn { /* RFC 3168 code points */
	ECN_NOT_ECT = 0,
	ECN_ECT1 = 1,
	ECN_ECT0 = 2,
	ECN_CE = 3,
};

struct inner {
	struct ip_addr src, dst;
	uint32_t total_len;  /* of the IP packet; what lies behind is padding */
	uint32_t header_len; /* IPv4 with options; IPv6 without extension headers */
	uint8_t ttl;
	uint8_t dscp;
	uint8_t ecn; /* enum ecn */
	bool is_v6;
};

/* False: *why is DROP_MALFORMED. A TTL of 0 or 1 is the caller's to judge. */
bool inner_parse(const uint8_t *ip, uint32_t len, struct inner *out, enum drop *why);

/*
 * Where the IP header of a frame starts, behind Ethernet and at most two priority tags (VID 0).
 * False: not IP, tagged for a VLAN, or truncated; *why is DROP_MALFORMED.
 */
bool inner_offset(const uint8_t *frame, uint32_t len, uint32_t *offset, bool *is_v6,
		  enum drop *why);

/* One hop less; the TTL must not be 0. The version comes from the packet. */
static inline void inner_ttl_decrement(uint8_t *ip)
{
	uint16_t before;

	if (ip[0] >> 4 == 6) {
		ip[7]--;
		return;
	}
	before = bytes_load16(ip + 8);
	ip[8]--;
	bytes_store16(ip + 10,
		      bytes_checksum_update(bytes_load16(ip + 10), before, bytes_load16(ip + 8)));
}

/* Replaces the bits of `mask` in the octet that DSCP and ECN share (RFC 2474, RFC 3168). */
static inline void inner_traffic_set(uint8_t *ip, uint8_t mask, uint8_t bits)
{
	uint16_t before = bytes_load16(ip), after;

	if (ip[0] >> 4 == 6) { /* four bits further on, and no checksum */
		bytes_store16(ip, (uint16_t)((before & ~(mask << 4)) | (bits & mask) << 4));
		return;
	}
	after = (uint16_t)((before & ~mask) | (bits & mask));
	bytes_store16(ip, after);
	bytes_store16(ip + 10, bytes_checksum_update(bytes_load16(ip + 10), before, after));
}

/* Replaces the ECN field and leaves the DSCP. */
static inline void inner_ecn_set(uint8_t *ip, uint8_t ecn)
{
	inner_traffic_set(ip, 0x03, ecn);
}

/*
 * Replaces the DSCP and leaves the ECN field. RoCEv2's ICRC reads the whole octet as ones (icrc.h),
 * and no checksum of a transport covers it: the packet stays right.
 */
static inline void inner_dscp_set(uint8_t *ip, uint8_t dscp)
{
	inner_traffic_set(ip, 0xfc, (uint8_t)(dscp << 2));
}

/* RFC 6040, section 4.1, normal mode: the outer field is a copy. */
static inline uint8_t ecn_encapsulate(uint8_t inner_ecn)
{
	return inner_ecn;
}

/*
 * RFC 6040, section 4.2 (figure 4): the field of the packet that leaves the tunnel. False: drop it
 * (DROP_ECN): outer CE and an inner packet whose sender would not understand it.
 */
bool ecn_decapsulate(uint8_t inner_ecn, uint8_t outer_ecn, uint8_t *result);

/* Writes ETHER_HEADER_BYTES, untagged. */
void inner_ethernet_write(uint8_t *dst, const uint8_t dmac[6], const uint8_t smac[6], bool is_v6);
