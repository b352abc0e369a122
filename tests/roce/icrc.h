/*
 * The invariant CRC of RoCEv2 (InfiniBand annex A17.3.3): CRC-32 of Ethernet over eight bytes of
 * ones in place of a local route header, the IP and UDP headers with every field that a router may
 * change set to ones, and the rest of the packet. Behind the packet it stands least significant
 * byte first. Pure; the tables are filled once by icrc_init() and read by any thread.
 *
 * The IPv4 header's id, flags and total length are covered: whoever checks must have the header as
 * it was on the wire, whoever sends must know what its kernel will write (net.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ROCE_IPV4_BYTES 20
#define ROCE_IPV6_BYTES 40
#define ROCE_UDP_BYTES	8

struct icrc {
	uint32_t table[8][256];
};

/* IP header without options or extension headers, then UDP header, as on the wire. */
struct roce_ip {
	uint8_t bytes[ROCE_IPV6_BYTES + ROCE_UDP_BYTES];
	uint32_t ip_bytes; /* 20 or 40 */
};

struct roce_ip_ends {
	bool is_ipv6;
	uint8_t src[16], dst[16]; /* IPv4: the first four */
	uint16_t src_port;
};

void icrc_init(struct icrc *icrc);
/* The value for a BTH and what follows it, `len` bytes without the ICRC itself. */
uint32_t icrc_of(const struct icrc *icrc, const struct roce_ip *ip, const uint8_t *bth,
		 uint32_t len);
/* Writes the ICRC behind `len` bytes. */
void icrc_put(const struct icrc *icrc, const struct roce_ip *ip, uint8_t *bth, uint32_t len);
/* Is the ICRC at the end of `len` bytes right? */
bool icrc_is_right(const struct icrc *icrc, const struct roce_ip *ip, const uint8_t *bth,
		   uint32_t len);

/* The headers of a datagram of `len` bytes of UDP payload to port 4791: for IPv4 with "do not
 * fragment" and id 0, as RFC 6864 allows. What the ICRC does not cover is zero. */
void roce_ip_build(struct roce_ip *ip, const struct roce_ip_ends *ends, uint32_t len);
/* Only the part that depends on the length, for one built before. */
void roce_ip_set_length(struct roce_ip *ip, uint32_t len);
/* A received IPv4 packet: true when it is an unfragmented UDP datagram to port 4791 without IP
 * options; then *bth and *len are its UDP payload. */
bool roce_ipv4_parse(const uint8_t *packet, uint32_t packet_len, struct roce_ip *ip,
		     const uint8_t **bth, uint32_t *len);
