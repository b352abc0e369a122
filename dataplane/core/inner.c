#include "dataplane/core/inner.h"

#include <string.h>

#define ETHER_TAGS_MAX 2

static bool ipv4_parse(const uint8_t *ip, uint32_t len, struct inner *out)
{
	if (len < INNER_IPV4_BYTES)
		return false;
	out->header_len = (uint32_t)(ip[0] & 0xf) * 4;
	out->total_len = bytes_load16(ip + 2);
	if (out->header_len < INNER_IPV4_BYTES || out->header_len > out->total_len ||
	    out->total_len > len)
		return false;
	if (bytes_fold(bytes_sum(ip, out->header_len)) != 0xffff)
		return false;
	out->src = ip_addr_from_v4(ip + 12);
	out->dst = ip_addr_from_v4(ip + 16);
	out->ttl = ip[8];
	out->dscp = ip[1] >> 2;
	out->ecn = ip[1] & 3;
	out->is_v6 = false;
	return true;
}

static bool ipv6_parse(const uint8_t *ip, uint32_t len, struct inner *out)
{
	if (len < INNER_IPV6_BYTES)
		return false;
	out->header_len = INNER_IPV6_BYTES;
	out->total_len = INNER_IPV6_BYTES + (uint32_t)bytes_load16(ip + 4);
	if (out->total_len > len)
		return false;
	memcpy(out->src.bytes, ip + 8, 16);
	memcpy(out->dst.bytes, ip + 24, 16);
	/* A mapped address on the wire would pass for the IPv4 address inside it (RFC 4942, 2.2).
	 */
	if (ip_addr_is_v4(&out->src) || ip_addr_is_v4(&out->dst))
		return false;
	out->ttl = ip[7];
	out->dscp = (uint8_t)((bytes_load16(ip) >> 6) & 0x3f);
	out->ecn = ip[1] >> 4 & 3;
	out->is_v6 = true;
	return true;
}

bool inner_parse(const uint8_t *ip, uint32_t len, struct inner *out, enum drop *why)
{
	*why = DROP_MALFORMED;
	if (!len)
		return false;
	if (ip[0] >> 4 == 4)
		return ipv4_parse(ip, len, out);
	return ip[0] >> 4 == 6 && ipv6_parse(ip, len, out);
}

bool inner_offset(const uint8_t *frame, uint32_t len, uint32_t *offset, bool *is_v6, enum drop *why)
{
	uint32_t at = ETHER_HEADER_BYTES;
	uint16_t type;

	*why = DROP_MALFORMED;
	if (len < at)
		return false;
	type = bytes_load16(frame + at - 2);
	for (int tags = 0; type == ETHER_TYPE_TAG || type == ETHER_TYPE_SERVICE_TAG; tags++) {
		if (tags == ETHER_TAGS_MAX || len < at + ETHER_TAG_BYTES)
			return false;
		if (bytes_load16(frame + at) & 0xfff)
			return false;
		at += ETHER_TAG_BYTES;
		type = bytes_load16(frame + at - 2);
	}
	if (type != ETHER_TYPE_IPV4 && type != ETHER_TYPE_IPV6)
		return false;
	*offset = at;
	*is_v6 = type == ETHER_TYPE_IPV6;
	return true;
}

#define DROPPED 0xff

bool ecn_decapsulate(uint8_t inner_ecn, uint8_t outer_ecn, uint8_t *result)
{
	/* [inner][outer], RFC 6040, figure 4. ECT(1) outside counts: it may be a mild mark. */
	static const uint8_t table[4][4] = {
		[ECN_NOT_ECT] = {[ECN_NOT_ECT] = ECN_NOT_ECT,
				 [ECN_ECT0] = ECN_NOT_ECT,
				 [ECN_ECT1] = ECN_NOT_ECT,
				 [ECN_CE] = DROPPED},
		[ECN_ECT0] = {[ECN_NOT_ECT] = ECN_ECT0,
			      [ECN_ECT0] = ECN_ECT0,
			      [ECN_ECT1] = ECN_ECT1,
			      [ECN_CE] = ECN_CE},
		[ECN_ECT1] = {[ECN_NOT_ECT] = ECN_ECT1,
			      [ECN_ECT0] = ECN_ECT1,
			      [ECN_ECT1] = ECN_ECT1,
			      [ECN_CE] = ECN_CE},
		[ECN_CE] = {[ECN_NOT_ECT] = ECN_CE,
			    [ECN_ECT0] = ECN_CE,
			    [ECN_ECT1] = ECN_CE,
			    [ECN_CE] = ECN_CE},
	};

	*result = table[inner_ecn & 3][outer_ecn & 3];
	return *result != DROPPED;
}

void inner_ethernet_write(uint8_t *dst, const uint8_t dmac[6], const uint8_t smac[6], bool is_v6)
{
	memcpy(dst, dmac, 6);
	memcpy(dst + 6, smac, 6);
	bytes_store16(dst + 12, is_v6 ? ETHER_TYPE_IPV6 : ETHER_TYPE_IPV4);
}
