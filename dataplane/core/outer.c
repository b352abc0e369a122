#include "dataplane/core/outer.h"

#include <errno.h>

#define IPV4_DONT_FRAGMENT  0x4000
#define IPV4_FRAGMENT_MASK  0xbfff /* reserved bit, MF, offset */
#define PROTOCOL_NUMBER_UDP 17

static void ipv4_build(uint8_t *ip, const struct outer_flow *flow)
{
	ip[0] = 0x45;
	ip[1] = (uint8_t)(flow->dscp << 2);
	bytes_store16(ip + 6, IPV4_DONT_FRAGMENT);
	ip[8] = OUTER_TTL;
	ip[9] = PROTOCOL_NUMBER_UDP;
	memcpy(ip + 12, flow->src.bytes + 12, 4);
	memcpy(ip + 16, flow->dst.bytes + 12, 4);
}

static void ipv6_build(uint8_t *ip, const struct outer_flow *flow)
{
	bytes_store16(ip, (uint16_t)(0x6000 | (flow->dscp & 0x3f) << 6));
	ip[6] = PROTOCOL_NUMBER_UDP;
	ip[7] = OUTER_TTL;
	memcpy(ip + 8, flow->src.bytes, 16);
	memcpy(ip + 24, flow->dst.bytes, 16);
}

int outer_template_init(struct outer_template *template, const struct outer_flow *flow)
{
	uint8_t *ip = template->bytes + ETHER_HEADER_BYTES;
	uint8_t *udp;
	bool is_v4 = ip_addr_is_v4(&flow->src);

	if (is_v4 != ip_addr_is_v4(&flow->dst))
		return -EINVAL;
	*template = (struct outer_template){.is_v6 = !is_v4};
	inner_ethernet_write(template->bytes, flow->dst_mac, flow->src_mac, !is_v4);
	if (is_v4)
		ipv4_build(ip, flow);
	else
		ipv6_build(ip, flow);
	template->sum = is_v4 ? bytes_sum(ip, INNER_IPV4_BYTES) : 0;
	udp = ip + (is_v4 ? INNER_IPV4_BYTES : INNER_IPV6_BYTES);
	bytes_store16(udp, flow->src_port);
	bytes_store16(udp + 2, flow->dst_port);
	template->header_bytes = is_v4 ? OUTER_IPV4_BYTES : OUTER_IPV6_BYTES;
	return 0;
}

void outer_set_macs(struct outer_template *template, const uint8_t dmac[6], const uint8_t smac[6])
{
	inner_ethernet_write(template->bytes, dmac, smac, template->is_v6);
}

/* Both return the length of the IP header, or 0. */
static uint32_t ipv4_check(const uint8_t *ip, uint32_t len, struct outer *out, uint32_t *total_len)
{
	if (len < INNER_IPV4_BYTES + OUTER_UDP_BYTES || ip[0] != 0x45)
		return 0;
	if (bytes_load16(ip + 6) & IPV4_FRAGMENT_MASK || ip[9] != PROTOCOL_NUMBER_UDP)
		return 0;
	if (bytes_fold(bytes_sum(ip, INNER_IPV4_BYTES)) != 0xffff)
		return 0;
	*total_len = bytes_load16(ip + 2);
	out->src = ip_addr_from_v4(ip + 12);
	out->dst = ip_addr_from_v4(ip + 16);
	out->ecn = ip[1] & 3;
	return INNER_IPV4_BYTES;
}

static uint32_t ipv6_check(const uint8_t *ip, uint32_t len, struct outer *out, uint32_t *total_len)
{
	if (len < INNER_IPV6_BYTES + OUTER_UDP_BYTES || ip[0] >> 4 != 6)
		return 0;
	if (ip[6] != PROTOCOL_NUMBER_UDP)
		return 0;
	*total_len = INNER_IPV6_BYTES + (uint32_t)bytes_load16(ip + 4);
	memcpy(out->src.bytes, ip + 8, 16);
	memcpy(out->dst.bytes, ip + 24, 16);
	if (ip_addr_is_v4(&out->src) || ip_addr_is_v4(&out->dst))
		return 0;
	out->ecn = ip[1] >> 4 & 3;
	return INNER_IPV6_BYTES;
}

bool outer_parse(const uint8_t *frame, uint32_t len, struct outer *out, enum drop *why)
{
	uint32_t offset, header_len, total_len = 0, udp_len;
	const uint8_t *ip, *udp;
	bool found = inner_offset(frame, len, &offset, &out->is_v6, why);

	*why = DROP_OUTER_MALFORMED;
	if (!found)
		return false;
	ip = frame + offset;
	if (out->is_v6)
		header_len = ipv6_check(ip, len - offset, out, &total_len);
	else
		header_len = ipv4_check(ip, len - offset, out, &total_len);
	if (!header_len || total_len > len - offset)
		return false;
	udp = ip + header_len;
	udp_len = bytes_load16(udp + 4);
	if (udp_len < OUTER_UDP_BYTES || udp_len != total_len - header_len)
		return false;
	out->src_port = bytes_load16(udp);
	out->dst_port = bytes_load16(udp + 2);
	out->payload_offset = offset + header_len + OUTER_UDP_BYTES;
	out->payload_len = udp_len - OUTER_UDP_BYTES;
	return true;
}
