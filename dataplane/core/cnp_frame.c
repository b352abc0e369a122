/* The frame of a CNP; see cnp.h. */
#include "dataplane/core/cnp.h"

#include <string.h>

#include "dataplane/core/icrc.h"

#define UDP_PROTOCOL 17
#define UDP_BYTES    8
#define TTL	     64
#define RESERVED     16

static uint32_t ipv4_write(uint8_t *ip, const struct cnp_order *order, uint32_t payload)
{
	ip[0] = 0x45;
	ip[1] = CNP_DSCP << 2 | ECN_ECT0;
	bytes_store16(ip + 2, (uint16_t)(INNER_IPV4_BYTES + payload));
	bytes_store16(ip + 6, 0x4000); /* don't fragment */
	ip[8] = TTL;
	ip[9] = UDP_PROTOCOL;
	memcpy(ip + 12, order->src.bytes + 12, 4);
	memcpy(ip + 16, order->dst.bytes + 12, 4);
	bytes_store16(ip + 10, (uint16_t)~bytes_fold(bytes_sum(ip, INNER_IPV4_BYTES)));
	return INNER_IPV4_BYTES;
}

static uint32_t ipv6_write(uint8_t *ip, const struct cnp_order *order, uint32_t payload)
{
	bytes_store16(ip, (uint16_t)(0x6000 | (CNP_DSCP << 2 | ECN_ECT0) << 4));
	bytes_store16(ip + 4, (uint16_t)payload);
	ip[6] = UDP_PROTOCOL;
	ip[7] = TTL;
	memcpy(ip + 8, order->src.bytes, 16);
	memcpy(ip + 24, order->dst.bytes, 16);
	return INNER_IPV6_BYTES;
}

uint32_t cnp_build(uint8_t *dst, const struct cnp_order *order)
{
	uint32_t payload = UDP_BYTES + ROCE_BTH_BYTES + RESERVED + ICRC_BYTES;
	bool is_v4 = ip_addr_is_v4(&order->src);
	uint8_t *ip = dst + ETHER_HEADER_BYTES, *udp;
	uint32_t header_len;

	if (is_v4 != ip_addr_is_v4(&order->dst))
		return 0;
	memset(dst, 0, CNP_FRAME_BYTES);
	inner_ethernet_write(dst, order->dst_mac, order->src_mac, !is_v4);
	header_len = is_v4 ? ipv4_write(ip, order, payload) : ipv6_write(ip, order, payload);
	udp = ip + header_len;
	bytes_store16(udp, order->src_port);
	bytes_store16(udp + 2, ROCE_UDP_PORT);
	bytes_store16(udp + 4, (uint16_t)payload);
	udp[UDP_BYTES] = ROCE_CNP;
	bytes_store16(udp + UDP_BYTES + 2, order->pkey);
	udp[UDP_BYTES + 4] = 0x40; /* BECN */
	bytes_store24(udp + UDP_BYTES + 5, order->qpn & ROCE_PSN_MASK);
	icrc_write(ip, header_len + payload);
	return ETHER_HEADER_BYTES + header_len + payload;
}
