/*
 * The invariant CRC at the end of a RoCEv2 packet: CRC-32 over the IP packet with the fields that
 * routers change (DSCP and ECN, TTL, checksums, flow label, the BTH's FECN, BECN and reserved bits)
 * read as ones, behind eight bytes of ones that stand for InfiniBand's local header. Because ECN is
 * masked, setting CE in transit leaves it correct. Pure; any thread. Sources: InfiniBand
 * Architecture 1.2.1, section 7.8.1 and its annex A17 (RoCEv2), A17.3.3.
 *
 * One table of 256 words: 4.2 kB take some microseconds. Made for CNPs and test tools; the workers
 * never compute it for data.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ICRC_BYTES 4

/* CRC-32 as in IEEE 802.3 (reflected, complemented at both ends), continued from `crc`; 0 begins.
 */
uint32_t icrc_crc32(uint32_t crc, const uint8_t *bytes, uint32_t len);

/*
 * The ICRC of an IPv4 or IPv6 (no extension headers) UDP packet of len bytes whose last ICRC_BYTES
 * are where it stands. False: too short for IP, UDP, a BTH and an ICRC.
 */
bool icrc_compute(const uint8_t *ip, uint32_t len, uint32_t *icrc);
/* Computes and writes it, least significant byte first. */
bool icrc_write(uint8_t *ip, uint32_t len);
/* Is it there and right? */
bool icrc_is_right(const uint8_t *ip, uint32_t len);
