#include "tests/roce/icrc.h"

#include <string.h>

#include "dataplane/core/bytes.h"
#include "tests/roce/wire.h"

#define POLYNOMIAL     0xedb88320u /* of IEEE 802.3, bits reversed */
#define LRH_BYTES      8
#define IPPROTO_OF_UDP 17
#define DONT_FRAGMENT  0x4000
#define FRAGMENT_MASK  0x3fff /* more fragments, and the offset */

void icrc_init(struct icrc *icrc)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (unsigned int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		icrc->table[0][i] = crc;
	}
	/* table[n]: the effect of a byte that n more bytes follow. */
	for (unsigned int n = 1; n < 8; n++)
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t crc = icrc->table[n - 1][i];

			icrc->table[n][i] = crc >> 8 ^ icrc->table[0][crc & 0xff];
		}
}

static uint32_t load32_le(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static uint32_t crc_update(const struct icrc *icrc, uint32_t crc, const uint8_t *p, uint32_t len)
{
	const uint32_t(*t)[256] = icrc->table;

	for (; len >= 8; p += 8, len -= 8) {
		uint32_t low = crc ^ load32_le(p), high = load32_le(p + 4);

		crc = t[7][low & 0xff] ^ t[6][low >> 8 & 0xff] ^ t[5][low >> 16 & 0xff] ^
		      t[4][low >> 24] ^ t[3][high & 0xff] ^ t[2][high >> 8 & 0xff] ^
		      t[1][high >> 16 & 0xff] ^ t[0][high >> 24];
	}
	for (; len; p++, len--)
		crc = crc >> 8 ^ t[0][(crc ^ *p) & 0xff];
	return crc;
}

/* What a router may change becomes ones: IPv4 TOS, TTL and checksum; IPv6 traffic class, flow label
 * and hop limit. The UDP checksum goes the same way. */
static void mutable_mask(uint8_t *ip, uint32_t ip_bytes)
{
	if (ip_bytes == ROCE_IPV4_BYTES) {
		ip[1] = 0xff;
		ip[8] = 0xff;
		memset(ip + 10, 0xff, 2);
	} else {
		ip[0] |= 0x0f;
		memset(ip + 1, 0xff, 3);
		ip[7] = 0xff;
	}
	memset(ip + ip_bytes + 6, 0xff, 2);
}

uint32_t icrc_of(const struct icrc *icrc, const struct roce_ip *ip, const uint8_t *bth,
		 uint32_t len)
{
	uint8_t head[LRH_BYTES + sizeof(ip->bytes) + ROCE_BTH_BYTES];
	uint32_t headers = ip->ip_bytes + ROCE_UDP_BYTES;
	uint8_t *masked_bth = head + LRH_BYTES + headers;

	memset(head, 0xff, LRH_BYTES);
	memcpy(head + LRH_BYTES, ip->bytes, headers);
	mutable_mask(head + LRH_BYTES, ip->ip_bytes);
	memcpy(masked_bth, bth, ROCE_BTH_BYTES);
	masked_bth[4] = 0xff; /* congestion bits and what is reserved beside them */
	return ~crc_update(
		icrc, crc_update(icrc, 0xffffffffu, head, LRH_BYTES + headers + ROCE_BTH_BYTES),
		bth + ROCE_BTH_BYTES, len - ROCE_BTH_BYTES);
}

void icrc_put(const struct icrc *icrc, const struct roce_ip *ip, uint8_t *bth, uint32_t len)
{
	uint32_t value = icrc_of(icrc, ip, bth, len);

	for (unsigned int i = 0; i < ROCE_ICRC_BYTES; i++)
		bth[len + i] = (uint8_t)(value >> 8 * i);
}

bool icrc_is_right(const struct icrc *icrc, const struct roce_ip *ip, const uint8_t *bth,
		   uint32_t len)
{
	if (len < ROCE_BTH_BYTES + ROCE_ICRC_BYTES)
		return false;
	len -= ROCE_ICRC_BYTES;
	return load32_le(bth + len) == icrc_of(icrc, ip, bth, len);
}

void roce_ip_build(struct roce_ip *ip, const struct roce_ip_ends *ends, uint32_t len)
{
	uint8_t *p = ip->bytes, *udp;

	memset(ip, 0, sizeof(*ip));
	ip->ip_bytes = ends->is_ipv6 ? ROCE_IPV6_BYTES : ROCE_IPV4_BYTES;
	if (ends->is_ipv6) {
		p[0] = 0x60;
		p[6] = IPPROTO_OF_UDP;
		memcpy(p + 8, ends->src, 16);
		memcpy(p + 24, ends->dst, 16);
	} else {
		p[0] = 0x45;
		bytes_store16(p + 6, DONT_FRAGMENT);
		p[9] = IPPROTO_OF_UDP;
		memcpy(p + 12, ends->src, 4);
		memcpy(p + 16, ends->dst, 4);
	}
	udp = p + ip->ip_bytes;
	bytes_store16(udp, ends->src_port);
	bytes_store16(udp + 2, ROCE_UDP_PORT);
	roce_ip_set_length(ip, len);
}

void roce_ip_set_length(struct roce_ip *ip, uint32_t len)
{
	uint32_t udp_bytes = ROCE_UDP_BYTES + len;

	if (ip->ip_bytes == ROCE_IPV4_BYTES)
		bytes_store16(ip->bytes + 2, (uint16_t)(ROCE_IPV4_BYTES + udp_bytes));
	else
		bytes_store16(ip->bytes + 4, (uint16_t)udp_bytes);
	bytes_store16(ip->bytes + ip->ip_bytes + 4, (uint16_t)udp_bytes);
}

bool roce_ipv4_parse(const uint8_t *packet, uint32_t packet_len, struct roce_ip *ip,
		     const uint8_t **bth, uint32_t *len)
{
	const uint8_t *udp = packet + ROCE_IPV4_BYTES;
	uint32_t total;

	if (packet_len < ROCE_IPV4_BYTES + ROCE_UDP_BYTES || packet[0] != 0x45)
		return false;
	total = bytes_load16(packet + 2);
	if (total > packet_len || total < ROCE_IPV4_BYTES + ROCE_UDP_BYTES ||
	    packet[9] != IPPROTO_OF_UDP || bytes_load16(packet + 6) & FRAGMENT_MASK ||
	    bytes_load16(udp + 2) != ROCE_UDP_PORT ||
	    bytes_load16(udp + 4) != total - ROCE_IPV4_BYTES)
		return false;
	ip->ip_bytes = ROCE_IPV4_BYTES;
	memcpy(ip->bytes, packet, ROCE_IPV4_BYTES + ROCE_UDP_BYTES);
	*bth = udp + ROCE_UDP_BYTES;
	*len = total - ROCE_IPV4_BYTES - ROCE_UDP_BYTES;
	return true;
}
