// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/bpf/packet.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

const uint8_t packet_port_mac[6] = {0x02, 0xca, 0x05, 0xe0, 0x00, 0x01};

static void put16(uint8_t *at, uint32_t x)
{
	at[0] = (uint8_t)(x >> 8);
	at[1] = (uint8_t)x;
}

static bool spec_is_v6(const struct packet_spec *spec)
{
	return spec->src && strchr(spec->src, ':');
}

static uint8_t spec_protocol(const struct packet_spec *spec)
{
	return spec->protocol || spec->protocol_zero ? spec->protocol : 17;
}

static uint32_t ethernet_build(const struct packet_spec *spec, uint8_t *frame)
{
	static const uint8_t multicast[6] = {0x01, 0x00, 0x5e, 0, 0, 1};
	static const uint8_t control[6] = {0x01, 0x80, 0xc2, 0, 0, 1};
	static const uint8_t other[6] = {0x02, 0xca, 0x05, 0xe0, 0x00, 0x02};
	uint32_t at = 12;

	memcpy(frame, packet_port_mac, 6);
	if (spec->wrong_mac)
		memcpy(frame, other, 6);
	if (spec->multicast)
		memcpy(frame, multicast, 6);
	if (spec->control_mac)
		memcpy(frame, control, 6);
	memcpy(frame + 6, other, 6);
	for (uint32_t i = 0; i < spec->tag_count; i++, at += 4) {
		put16(frame + at, spec->tpid[i] ? spec->tpid[i] : 0x8100);
		put16(frame + at + 2, spec->tci[i]);
	}
	put16(frame + at, spec->ethertype ? spec->ethertype : spec_is_v6(spec) ? 0x86dd : 0x0800);
	return at + 2;
}

static uint32_t l4_build(const struct packet_spec *spec, uint8_t *l4)
{
	uint32_t header = 0, bytes;

	switch (spec_protocol(spec)) {
	case 6:
		header = 20;
		l4[12] = 0x50;
		break;
	case 17:
		header = 8;
		break;
	case 1:
	case 58:
		l4[0] = spec->icmp_type;
		return 8 + spec->payload;
	}
	if (header) {
		put16(l4, spec->sport);
		put16(l4 + 2, spec->dport);
	}
	bytes = header + spec->payload;
	if (header == 8 && spec->dport == 4791) {
		l4[8] = spec->opcode;
		put16(l4 + 12, spec->qp >> 16 & 0xff);
		put16(l4 + 14, spec->qp);
		bytes += 12;
	}
	if (header == 8)
		put16(l4 + 4, bytes);
	return bytes;
}

static uint32_t length_of(const struct packet_spec *spec, uint32_t length)
{
	return spec->length_zero ? 0 : (uint32_t)((int32_t)length + spec->length_delta);
}

static uint8_t ttl_of(const struct packet_spec *spec)
{
	return spec->ttl < 0 ? 0 : spec->ttl ? (uint8_t)spec->ttl : 64;
}

static uint32_t ipv4_build(const struct packet_spec *spec, uint8_t *ip)
{
	uint32_t ihl = spec->ihl ? spec->ihl : 5;
	uint32_t header = ihl < 5 ? 20 : ihl * 4;
	uint32_t length = header + l4_build(spec, ip + header);

	ip[0] = (uint8_t)((spec->version ? spec->version : 4) << 4 | ihl);
	ip[1] = spec->tos;
	put16(ip + 2, length_of(spec, length));
	put16(ip + 6, spec->fragment);
	ip[8] = ttl_of(spec);
	ip[9] = spec_protocol(spec);
	inet_pton(AF_INET, spec->src ? spec->src : "10.101.0.10", ip + 12);
	inet_pton(AF_INET, spec->dst ? spec->dst : "10.102.0.10", ip + 16);
	return length;
}

static uint32_t ipv6_build(const struct packet_spec *spec, uint8_t *ip)
{
	uint8_t *next = ip + 6;
	uint32_t at = 40;

	ip[0] = (uint8_t)((spec->version ? spec->version : 6) << 4 | spec->tos >> 4);
	ip[1] = (uint8_t)(spec->tos << 4);
	ip[7] = ttl_of(spec);
	inet_pton(AF_INET6, spec->src, ip + 8);
	inet_pton(AF_INET6, spec->dst, ip + 24);
	for (uint32_t i = 0; i < spec->ext_count; i++) {
		*next = spec->ext[i];
		next = ip + at;
		ip[at + 1] = spec->ext_len[i];
		at += 8 + 8u * spec->ext_len[i];
	}
	if (spec->fragment_header) {
		*next = 44;
		next = ip + at;
		put16(ip + at + 2, spec->fragment);
		at += 8;
	}
	*next = spec_protocol(spec);
	at += l4_build(spec, ip + at);
	put16(ip + 4, length_of(spec, at - 40));
	return at;
}

uint32_t packet_build(const struct packet_spec *spec, uint8_t frame[PACKET_BYTES])
{
	uint32_t len;

	memset(frame, 0, PACKET_BYTES);
	len = ethernet_build(spec, frame);
	len += spec_is_v6(spec) ? ipv6_build(spec, frame + len) : ipv4_build(spec, frame + len);
	len += spec->padding;
	return spec->cut && spec->cut < len ? spec->cut : len;
}
