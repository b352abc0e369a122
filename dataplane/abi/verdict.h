/*
 * What the classifier says of one packet, the same from each of its homes.
 *
 * The result is one 64-bit word, so that an eBPF program can return it. XDP writes it in front of
 * the packet (struct cw_meta) for the worker behind the AF_XDP socket. Compiles as BPF, so it
 * includes nothing of the C library.
 */
#pragma once

#include <linux/types.h>

enum verdict {
	VERDICT_KERNEL = 0, /* not ours: stays with the kernel; `reason` says why */
	VERDICT_CLAIM = 1,  /* LAN packet of an active path */
	VERDICT_TUNNEL = 2, /* WAN packet to one of our UDP ports */
	VERDICT_BLOCK = 3,  /* LAN packet that no path carries now, and that must not go in clear */
	VERDICT_PAUSE = 4,  /* MAC control frame to a LAN port: flow control, for the worker */
};

/* Why a packet was left to the kernel. X(symbol, "name", "help"). Numbers are ABI: append only. */
#define KERNEL_REASONS(X)                                                                     \
	X(KERNEL_NO_RULE, "no_rule", "no path claims it")                                     \
	X(KERNEL_NOT_IP, "not_ip", "not IPv4 or IPv6 (ARP, LLDP, ...)")                       \
	X(KERNEL_NOT_OURS, "not_ours", "not sent to this port's MAC address")                 \
	X(KERNEL_VLAN, "vlan", "tagged for a VLAN (priority tags, VID 0, are read through)")  \
	X(KERNEL_TRUNCATED, "truncated", "frame shorter than its headers say")                \
	X(KERNEL_BAD_HEADER, "bad_header", "version, header length or total length is wrong") \
	X(KERNEL_IP_OPTIONS, "ip_options", "IPv4 options or too many IPv6 extension headers") \
	X(KERNEL_TTL, "ttl", "TTL or hop limit 1 or less: the kernel answers")                \
	X(KERNEL_TOO_BIG, "too_big", "larger than the far LAN takes: the kernel answers")     \
	X(KERNEL_NOT_TUNNEL, "not_tunnel", "WAN packet that is not for our UDP ports")        \
	X(KERNEL_NO_METADATA, "no_metadata", "driver has no room for XDP metadata: use mode packet")

#define KERNEL_ENUM(symbol, name, help) symbol,
enum kernel_reason {
	KERNEL_REASONS(KERNEL_ENUM) KERNEL_REASON_COUNT
};
#undef KERNEL_ENUM
#define KERNEL_REASON_SLOTS 16

/* Flags of a claimed packet. */
#define VERDICT_F_IPV6	   0x01
#define VERDICT_F_FRAGMENT 0x02 /* IP fragment: bucket is by source and destination only */
#define VERDICT_F_ROCE	   0x04 /* RoCEv2: UDP 4791 */
#define VERDICT_F_CNP	   0x08 /* RoCEv2 congestion notification (BTH opcode 0x81) */
#define VERDICT_F_TCP	   0x10
#define VERDICT_F_ECT	   0x20 /* ECN-capable: ECT(0), ECT(1) or CE */
#define VERDICT_F_TAGGED   0x40 /* one or two priority tags in front of the IP header */
#define VERDICT_F_BLOCK	   0x80 /* if the gateway does not take it, it must die, not go in clear */

/*
 * bits 0-31   CLAIM, BLOCK: path handle (24-bit index, 8-bit generation); KERNEL: enum
 *             kernel_reason; TUNNEL: lane (destination port - base)
 * bits 32-47  flow bucket: hash of path, class and inner flow
 * bits 48-55  flags
 * bits 56-59  class
 * bits 60-63  enum verdict
 */
typedef __u64 verdict_t;

#define VERDICT_MAKE(verdict, class, flags, bucket, value)                            \
	(((__u64)(verdict) << 60) | ((__u64)(class) << 56) | ((__u64)(flags) << 48) | \
	 ((__u64)(bucket) << 32) | (__u64)(__u32)(value))

static inline __u32 verdict_kind(verdict_t v)
{
	return (__u32)(v >> 60);
}

static inline __u32 verdict_class(verdict_t v)
{
	return (__u32)(v >> 56) & 0xf;
}

static inline __u32 verdict_flags(verdict_t v)
{
	return (__u32)(v >> 48) & 0xff;
}

static inline __u32 verdict_bucket(verdict_t v)
{
	return (__u32)(v >> 32) & 0xffff;
}

static inline __u32 verdict_value(verdict_t v)
{
	return (__u32)v;
}

/* XDP metadata, directly in front of the Ethernet header. */
#define CW_META_MAGIC 0x43570001u
struct cw_meta {
	__u32 magic;
	__u32 pad;
	__u64 verdict;
};
_Static_assert(sizeof(struct cw_meta) == 16, "XDP metadata is ABI");

/* Path handles: what rules name and workers look up. */
#define HANDLE_INDEX_BITS	  24
#define HANDLE_MAKE(index, gen)	  (((__u32)(gen) << HANDLE_INDEX_BITS) | ((__u32)(index)&0xffffff))
#define HANDLE_INDEX(handle)	  ((__u32)(handle)&0xffffff)
#define HANDLE_GENERATION(handle) ((__u32)(handle) >> HANDLE_INDEX_BITS)

#define CLASS_COUNT    8 /* traffic classes */
#define CLASS_LOSSLESS 0
#define CLASS_BULK     1 /* the same, after lossless */
#define CLASS_CONTROL  2 /* small, and first */
