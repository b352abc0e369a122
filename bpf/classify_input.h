/*
 * What the classifier reads (one packet's window and its port) and the rules that it matches.
 *
 * Shared by every home of the classifier: XDP, tc, rte_bpf and user space. Layouts are ABI between
 * the gateway and its BPF programs. Compiles as BPF: nothing of the C library.
 *
 * The window lies 2 bytes into the struct. So the IP header, and with it every field that is read,
 * has its natural alignment with none, one or two VLAN tags: BPF has no cheap unaligned loads, and
 * the kernel refuses them on its stack.
 */
#pragma once

#include <linux/types.h>

#define CLASSIFY_WINDOW 128

enum classify_role {
	CLASSIFY_LAN = 1, /* the numbers of enum cw_port_role */
	CLASSIFY_WAN = 2,
};

struct classify_port {
	__u8 mac[6];
	__u16 role;	 /* enum classify_role */
	__u8 local4[4];	 /* WAN: the port's tunnel address, all 0: none */
	__u16 udp_base;	 /* WAN: destination port of lane 0, host order */
	__u16 udp_count; /* WAN: lanes */
	__u8 local6[16]; /* WAN: all 0: none */
};
_Static_assert(sizeof(struct classify_port) == 32, "BPF ABI");

struct classify_input {
	__u8 pad[2];
	__u8 data[CLASSIFY_WINDOW]; /* from the Ethernet header on; zero past the frame's end */
	__u16 vlan_tci;		    /* of a tag that the driver took off; 0: none */
	__u32 len;		    /* of the whole frame */
	struct classify_port port;
	__u64 rules; /* rte_bpf and user space: const struct ruleset *; 0: none */
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct classify_input) == 176, "BPF ABI");

/* Protocol classes, the numbers of enum intent_protocol. */
enum classify_protocol {
	CLASSIFY_ANY = 0,
	CLASSIFY_ROCE = 1,
	CLASSIFY_TCP = 2,
	CLASSIFY_UDP = 3,
	CLASSIFY_ICMP_ECHO = 4,
};

/* Flags of a rule. */
#define CLASSIFY_RULE_BLOCK 0x01 /* what it matches must not leave in clear */
#define CLASSIFY_RULE_IDLE  0x02 /* claims nothing: its path is not ready, or not any more */

/* One alternative of a rule set. */
struct classify_rule {
	__u64 dscp_mask;	     /* bit n: DSCP n matches */
	__u32 handle;		     /* the path */
	__u32 max_len;		     /* largest inner IP length; above: KERNEL_TOO_BIG, or BLOCK */
	__u16 port_first, port_last; /* source or destination port; 0-65535: all */
	__u16 precedence;	     /* near + far prefix length; for the compiler only */
	__u8 class;
	__u8 flags;
};
_Static_assert(sizeof(struct classify_rule) == 24, "BPF ABI");

/*
 * All that can match one key, best first; the first that matches and is not idle decides. A set for
 * a protocol holds the rules for ANY as well, so one look-up is enough.
 */
#define CLASSIFY_RULES_MAX 16
struct classify_rule_set {
	__u32 count;
	__u32 pad;
	struct classify_rule rules[CLASSIFY_RULES_MAX];
};
_Static_assert(sizeof(struct classify_rule_set) == 392, "BPF ABI");

/* Groups are 16 bits, 0: none. */
#define CLASSIFY_KEY(src_group, dst_group, protocol) \
	((__u64)(src_group) | (__u64)(dst_group) << 16 | (__u64)(protocol) << 32)
