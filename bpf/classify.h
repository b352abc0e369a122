/*
 * The classifier: one packet's window in, one verdict out. The only one; its homes are the XDP and
 * tc programs (kernel), the rte_bpf program (DPDK) and user space. All give the same 64-bit word.
 *
 * The home declares, before it includes this file, three look-ups with this shape (addresses are
 * 128-bit numbers, IPv4 as ::ffff:a.b.c.d; group 0: in no prefix):
 *   __u64 classify_src_group(__u64 rules, __u64 hi, __u64 lo);
 *   __u64 classify_dst_group(__u64 rules, __u64 hi, __u64 lo);
 *   __u64 classify_rule(__u64 rules, __u64 key, __u64 ports, __u64 dscp_len);
 * classify_rule finds the set of CLASSIFY_KEY and answers with classify_match (classify_match.h),
 * or KERNEL_NO_RULE. The only one it is asked for one packet: it says at once who takes the packet
 * and whether it may leave in clear where nobody does.
 *
 * Shape, for rte_bpf's verifier (no loops; a rejoining branch doubles its work) and the kernel's: a
 * test returns, or is arithmetic. The one branch that rejoins is IPv4 / IPv6. Offsets are
 * constants plus masked values, so that no access can leave struct classify_input, whatever the
 * packet says. Tried and dropped: one load path for both families; it needs more arithmetic than
 * the join costs.
 */
#pragma once

#include "bpf/classify_match.h"

#define CLASSIFY_GOOD 0xffu /* a step's result, where no packet is refused */
/* UDP and BTH must lie in the window, behind Ethernet and two tags. */
#define CLASSIFY_L4_MAX	  (CLASSIFY_WINDOW - 20 - 22)
#define CLASSIFY_UDP_ROCE 4791

typedef __u16 __attribute__((may_alias)) classify_u16;
typedef __u32 __attribute__((may_alias)) classify_u32;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define classify_be16(x) __builtin_bswap16(x)
#define classify_be32(x) __builtin_bswap32(x)
#else
#define classify_be16(x) (x)
#define classify_be32(x) (x)
#endif

/* What the headers say; conditions are 0 or 1. */
struct classify_packet {
	__u64 tagged, is_v6, is_fragment, is_extended; /* extended: behind extension headers */
	const __u8 *ip;				       /* the IP header, in the window */
	__u64 room;				       /* bytes of the frame from there on */
	__u64 len, l4; /* of the IP packet; from its header to the L4 header */
	__u64 protocol, tos, ttl;
	__u64 src_hi, src_lo, dst_hi, dst_lo;
	__u64 is_udp, is_tcp, is_roce, is_cnp, is_echo;
	__u64 ports, qp;
	/*
	 * Why what follows the addresses cannot be read here, although a router may forward it:
	 * enum kernel_reason; 0: it can.
	 */
	__u64 unread;
};

/*
 * Loads from a pointer of no type: seen as part of a byte array, clang would take them for
 * unaligned and build each from single bytes.
 */
classify_inline __u64 classify_get16(const void *p)
{
	return classify_be16(*(const classify_u16 *)p);
}

classify_inline __u64 classify_get32(const void *p)
{
	return classify_be32(*(const classify_u32 *)p);
}

/* IPv6 addresses are aligned to 4 bytes only. */
classify_inline __u64 classify_get64(const __u8 *p)
{
	return classify_get32(p) << 32 | classify_get32(p + 4);
}

classify_inline __u64 classify_is_vlan(__u64 type)
{
	return classify_equal(type, 0x8100) | classify_equal(type, 0x88a8);
}

/* The first reason counts. */
classify_inline void classify_unread(struct classify_packet *p, __u64 is_so, __u64 reason)
{
	p->unread = classify_select(is_so & classify_is_zero(p->unread), reason, p->unread);
}

/* Ethernet header and up to two priority tags. */
classify_inline __u32 classify_ethernet(const struct classify_input *in, struct classify_packet *p)
{
	const __u8 *mac = in->port.mac;
	__u64 outer, inner, type, vid, l3;

	if (in->len < 14)
		return KERNEL_TRUNCATED;
	if ((classify_get16(in->data) ^ classify_get16(mac)) |
	    (classify_get16(in->data + 2) ^ classify_get16(mac + 2)) |
	    (classify_get16(in->data + 4) ^ classify_get16(mac + 4)))
		return KERNEL_NOT_OURS;
	type = classify_get16(in->data + 12);
	outer = classify_is_vlan(type);
	type = classify_select(outer, classify_get16(in->data + 16), type);
	inner = outer & classify_is_vlan(type);
	type = classify_select(inner, classify_get16(in->data + 20), type);
	vid = in->vlan_tci | classify_keep(outer, classify_get16(in->data + 14)) |
	      classify_keep(inner, classify_get16(in->data + 18));
	p->tagged = outer;
	/* The mask changes nothing, here and below: it shows verifiers the bound and the alignment.
	 */
	l3 = 14 + (classify_opaque((outer + inner) * 4) & 0xc);
	p->ip = classify_at(in->data, l3);
	if (in->len < l3)
		return KERNEL_TRUNCATED;
	p->room = in->len - l3;
	if ((vid & 0xfff) | classify_is_vlan(type))
		return KERNEL_VLAN;
	p->is_v6 = classify_equal(type, 0x86dd);
	if (!(p->is_v6 | classify_equal(type, 0x0800)))
		return KERNEL_NOT_IP;
	return CLASSIFY_GOOD;
}

classify_inline __u32 classify_ipv4(struct classify_packet *p)
{
	__u64 ihl, head;

	if (p->room < 20)
		return KERNEL_TRUNCATED;
	head = classify_get32(p->ip);
	ihl = (head >> 24) & 0xf;
	p->len = head & 0xffff;
	if (((head >> 28) ^ 4) | classify_below(ihl, 5) | classify_below(p->len, ihl * 4))
		return KERNEL_BAD_HEADER;
	if (p->len > p->room)
		return KERNEL_TRUNCATED;
	p->tos = (head >> 16) & 0xff;
	/* More fragments, or an offset. */
	p->is_fragment = classify_is_zero(classify_get16(p->ip + 6) & 0x3fff) ^ 1;
	p->is_extended = 0;
	p->ttl = p->ip[8];
	p->protocol = p->ip[9];
	p->src_hi = 0;
	p->dst_hi = 0;
	p->src_lo = 0xffff00000000ull | classify_get32(p->ip + 12);
	p->dst_lo = 0xffff00000000ull | classify_get32(p->ip + 16);
	p->l4 = 20;
	classify_unread(p, classify_equal(ihl, 5) ^ 1, KERNEL_IP_OPTIONS);
	return CLASSIFY_GOOD;
}

/* Hop-by-hop options, routing, destination options (RFC 8200, 4). */
classify_inline __u64 classify_is_extension(__u64 protocol)
{
	return classify_is_zero(protocol) | classify_equal(protocol, 43) |
	       classify_equal(protocol, 60);
}

/* Steps over one extension header, if there is one at p->l4. */
classify_inline void classify_extension(struct classify_packet *p)
{
	__u64 is_there = classify_is_extension(p->protocol);
	const __u8 *header = classify_at(p->ip, p->l4);
	__u64 size = classify_keep(is_there, ((__u64)header[1] + 1) * 8);
	__u64 is_cut, is_far;

	p->protocol = classify_select(is_there, header[0], p->protocol);
	p->is_extended |= is_there;
	p->l4 += size;
	is_cut = classify_below(p->len, p->l4);
	is_far = classify_below(CLASSIFY_L4_MAX, p->l4);
	classify_unread(p, is_cut, KERNEL_TRUNCATED);
	classify_unread(p, is_far, KERNEL_IP_OPTIONS);
	/* Back to where there is something in the window. */
	p->l4 = classify_opaque(classify_select(is_cut | is_far, 40, p->l4)) & 0x78;
}

classify_inline __u32 classify_ipv6(struct classify_packet *p)
{
	__u64 head, payload;

	if (p->room < 40)
		return KERNEL_TRUNCATED;
	head = classify_get32(p->ip);
	payload = classify_get16(p->ip + 4);
	/* Payload 0: a jumbogram (RFC 2675), which no port here carries, or no payload at all. */
	if (((head >> 28) ^ 6) | classify_is_zero(payload))
		return KERNEL_BAD_HEADER;
	p->len = 40 + payload;
	if (p->len > p->room)
		return KERNEL_TRUNCATED;
	p->tos = (head >> 20) & 0xff;
	p->protocol = p->ip[6];
	p->ttl = p->ip[7];
	p->src_hi = classify_get64(p->ip + 8);
	p->src_lo = classify_get64(p->ip + 16);
	p->dst_hi = classify_get64(p->ip + 24);
	p->dst_lo = classify_get64(p->ip + 32);
	/* IPv4-mapped addresses have no place on a wire, and would pass for IPv4 ones here. */
	if (classify_is_zero(p->src_hi | ((p->src_lo >> 32) ^ 0xffff)) |
	    classify_is_zero(p->dst_hi | ((p->dst_lo >> 32) ^ 0xffff)))
		return KERNEL_BAD_HEADER;
	p->is_extended = 0;
	p->l4 = 40;
	classify_extension(p);
	classify_extension(p);
	classify_unread(p, classify_is_extension(p->protocol), KERNEL_IP_OPTIONS);
	p->is_fragment = classify_equal(p->protocol, 44);
	return CLASSIFY_GOOD;
}

/* Needs the L4 header inside the IP packet; what is read past it comes from the padded window. */
classify_inline void classify_l4(struct classify_packet *p)
{
	const __u8 *l4 = classify_at(p->ip, p->l4);
	__u64 whole = (p->is_fragment ^ 1) & classify_is_zero(p->unread);
	__u64 icmp = 1 + classify_keep(p->is_v6, 57);
	__u64 is_icmp = whole & classify_equal(p->protocol, icmp);
	/* Echo: request 8, reply 0 (RFC 792); 128, 129 (RFC 4443). */
	__u64 request = 8 + classify_keep(p->is_v6, 120);
	__u64 reply = classify_keep(p->is_v6, 129);
	__u64 need;

	p->is_udp = whole & classify_equal(p->protocol, 17);
	p->is_tcp = whole & classify_equal(p->protocol, 6);
	p->is_echo = is_icmp & (classify_equal(l4[0], request) | classify_equal(l4[0], reply));
	p->ports = classify_keep(p->is_udp | p->is_tcp, classify_get32(l4));
	p->is_roce = p->is_udp & classify_equal(p->ports & 0xffff, CLASSIFY_UDP_ROCE);
	p->is_cnp = p->is_roce & classify_equal(l4[8], 0x81);
	p->qp = classify_get32(l4 + 12) & 0xffffff;
	need = (p->is_udp | is_icmp) * 8 + p->is_tcp * 20 + p->is_roce * 12 +
	       (p->is_fragment & p->is_v6) * 8;
	classify_unread(p, classify_below(p->len, p->l4 + need), KERNEL_TRUNCATED);
}

classify_inline __u64 classify_flags(const struct classify_packet *p)
{
	__u64 is_ect = classify_is_zero(p->tos & 3) ^ 1;

	return p->is_v6 * VERDICT_F_IPV6 | p->is_fragment * VERDICT_F_FRAGMENT |
	       p->is_roce * VERDICT_F_ROCE | p->is_cnp * VERDICT_F_CNP | p->is_tcp * VERDICT_F_TCP |
	       is_ect * VERDICT_F_ECT | p->tagged * VERDICT_F_TAGGED;
}

/*
 * 16 bits of a multilinear hash (Carter and Wegman) with odd 64-bit constants and one last mix.
 * RoCEv2 flows by destination QP, TCP and UDP by ports, others and fragments by addresses alone.
 */
classify_inline __u64 classify_bucket(const struct classify_packet *p, __u64 path)
{
	__u64 with_ports = (p->is_udp | p->is_tcp) & (p->is_roce ^ 1);
	__u64 flow = classify_keep(p->is_roce, p->qp | 1ull << 32) |
		     classify_keep(with_ports, p->ports | p->protocol << 40);
	__u64 h = p->src_hi * 0x9e3779b97f4a7c15ull + p->src_lo * 0xc2b2ae3d27d4eb4full +
		  p->dst_hi * 0x165667b19e3779f9ull + p->dst_lo * 0xd6e8feb86659fd93ull +
		  flow * 0xa0761d6478bd642full + path * 0xe7037ed1a0b428dbull;

	h = (h ^ h >> 32) * 0x8ebc6af09c88c6e3ull;
	return h >> 48;
}

/* A WAN packet whose headers are in order: ours by address and port, or the kernel's. */
classify_inline verdict_t classify_wan(const struct classify_input *in,
				       const struct classify_packet *p)
{
	const struct classify_port *port = &in->port;
	__u64 local4 = classify_get32(port->local4);
	__u64 local6 = classify_get64(port->local6 + 8);
	__u64 hi = classify_keep(p->is_v6, classify_get64(port->local6));
	__u64 lo = classify_select(p->is_v6, local6, 0xffff00000000ull | local4);
	__u64 lane = (p->ports & 0xffff) - port->udp_base;

	if (p->unread)
		return p->unread;
	if ((hi ^ p->dst_hi) | (lo ^ p->dst_lo))
		return KERNEL_NOT_TUNNEL;
	/* An address that is not set matches nothing. */
	if (classify_is_zero(hi | classify_select(p->is_v6, lo, local4)))
		return KERNEL_NOT_TUNNEL;
	if ((p->is_udp ^ 1) | p->is_extended)
		return KERNEL_NOT_TUNNEL;
	if (lane >= port->udp_count)
		return KERNEL_NOT_TUNNEL;
	return VERDICT_MAKE(VERDICT_TUNNEL, 0, classify_flags(p), 0, lane);
}

_Static_assert(KERNEL_NO_RULE == 0, "what is read to its end, and in no prefix");

/*
 * IPv4 options, too many extension headers, a transport header cut short: no path takes such a
 * packet. But one that takes all (ANY), and blocks, must not let it leave in clear.
 */
classify_inline verdict_t classify_unread_fate(const struct classify_packet *p, verdict_t verdict)
{
	if (verdict_kind(verdict) == VERDICT_BLOCK)
		return verdict;
	if (!(verdict_flags(verdict) & VERDICT_F_BLOCK))
		return p->unread;
	return VERDICT_MAKE(VERDICT_BLOCK, verdict_class(verdict), 0, 0, verdict_value(verdict));
}

classify_inline verdict_t classify_lan(const struct classify_input *in,
				       const struct classify_packet *p)
{
	__u64 protocol = p->is_roce * CLASSIFY_ROCE + p->is_tcp * CLASSIFY_TCP +
			 (p->is_udp & (p->is_roce ^ 1)) * CLASSIFY_UDP +
			 p->is_echo * CLASSIFY_ICMP_ECHO;
	__u64 is_read = classify_is_zero(p->unread);
	__u64 src, dst;
	verdict_t verdict;

	if (classify_below(p->ttl, 2))
		return KERNEL_TTL;
	src = classify_src_group(in->rules, p->src_hi, p->src_lo);
	if (!src)
		return p->unread;
	dst = classify_dst_group(in->rules, p->dst_hi, p->dst_lo);
	if (!dst)
		return p->unread;
	protocol = classify_keep(is_read, protocol);
	verdict = classify_rule(in->rules, CLASSIFY_KEY(src, dst, protocol),
				classify_keep(is_read, p->ports), p->tos >> 2 | (p->len) << 8);
	if (p->unread)
		return classify_unread_fate(p, verdict);
	if (verdict_kind(verdict) != VERDICT_CLAIM)
		return verdict;
	/* Class and handle, as the verdict holds them, name the path and class. */
	return verdict | classify_flags(p) << 48 |
	       classify_bucket(p, verdict & ~((__u64)VERDICT_F_BLOCK << 48)) << 32;
}

/* MAC control (IEEE 802.3, annex 31) at a LAN port: no bridge forwards it, so it is for the port.
 */
classify_inline __u64 classify_is_pause(const struct classify_input *in)
{
	return classify_is_zero(
		(classify_get16(in->data) ^ 0x0180) | (classify_get32(in->data + 2) ^ 0xc2000001) |
		(classify_get16(in->data + 12) ^ 0x8808) | (in->port.role ^ CLASSIFY_LAN));
}

classify_inline verdict_t classify(const struct classify_input *in)
{
	struct classify_packet p = {};
	__u32 reason;

	if (classify_is_pause(in))
		return VERDICT_MAKE(VERDICT_PAUSE, 0, 0, 0, 0);
	reason = classify_ethernet(in, &p);
	if (reason != CLASSIFY_GOOD)
		return reason;
	if (p.is_v6)
		reason = classify_ipv6(&p);
	else
		reason = classify_ipv4(&p);
	if (reason != CLASSIFY_GOOD)
		return reason;
	classify_l4(&p);
	if (in->port.role == CLASSIFY_WAN)
		return classify_wan(in, &p);
	return classify_lan(in, &p);
}
