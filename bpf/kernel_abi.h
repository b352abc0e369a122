/*
 * What the kernel programs and dataplane/agent/kernel_rules.c agree on beside the rules themselves.
 * Compiles as BPF.
 */
#pragma once

#include <linux/types.h>

#include "dataplane/abi/verdict.h"

#define KERNEL_SLOTS 3

/* Key of the prefix trie; both sides share it. Fields in network order but for prefix_len. */
struct kernel_prefix_key {
	__u32 prefix_len; /* KERNEL_PREFIX_BITS(length) */
	__u32 side;	  /* 0 source, 1 destination, as enum ruleset_side */
	__u32 addr[4];
};
_Static_assert(sizeof(struct kernel_prefix_key) == 24, "BPF ABI");
#define KERNEL_PREFIX_BITS(len) (32 + (len))

/* Per-CPU counters: by kernel_reason, then these. */
#define KERNEL_COUNT_DROPPED  KERNEL_REASON_SLOTS
#define KERNEL_COUNT_UNSERVED (KERNEL_REASON_SLOTS + 1)
#define KERNEL_COUNT_BLOCKED  (KERNEL_REASON_SLOTS + 2)
#define KERNEL_COUNTERS	      (KERNEL_REASON_SLOTS + 3)

/* By these names a program is known as ours, also to a later gateway. */
#define KERNEL_XDP_NAME "cw_xdp"
#define KERNEL_TC_NAME	"cw_tc"
