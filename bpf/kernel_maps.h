/*
 * The tables of the classifier's two homes in the kernel, and its look-ups there. Written by
 * dataplane/agent/kernel_rules.c, read by the XDP and tc programs.
 *
 * Rules: a trie of prefixes and a hash of rule sets, each in a slot of an outer map. A packet reads
 * `active` once and uses that slot of both. An update fills the slot that comes next and then moves
 * `active`. There are three, and an RCU grace period passes between leaving a slot and filling it
 * again, so the slot that packets may still read is never the one that is being filled.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "bpf/classify_match.h"
#include "bpf/kernel_abi.h"

/* Sizes, not types: of an inner map's types clang leaves only forward declarations in the BTF. */
struct kernel_trie {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct kernel_prefix_key));
	__uint(value_size, sizeof(__u32));
};

struct kernel_sets {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u64));
	__uint(value_size, sizeof(struct classify_rule_set));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, KERNEL_SLOTS);
	__type(key, __u32);
	__array(values, struct kernel_trie);
} cw_tries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, KERNEL_SLOTS);
	__type(key, __u32);
	__array(values, struct kernel_sets);
} cw_sets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cw_active SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct classify_port);
} cw_config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KERNEL_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} cw_counters SEC(".maps");

classify_inline void kernel_count(__u32 which)
{
	__u64 *count = bpf_map_lookup_elem(&cw_counters, &which);

	if (count)
		(*count)++;
}

/* `rules` is the active slot, read once for each packet. */
classify_inline __u64 kernel_group(__u64 rules, __u32 side, __u64 hi, __u64 lo)
{
	struct kernel_prefix_key key = {
		.prefix_len = KERNEL_PREFIX_BITS(128),
		.side = side,
		.addr = {hi >> 32, hi, lo >> 32, lo},
	};
	__u32 slot = rules;
	void *trie = bpf_map_lookup_elem(&cw_tries, &slot);
	const __u32 *group;

	for (int i = 0; i < 4; i++)
		key.addr[i] = __builtin_bswap32(key.addr[i]);
	if (!trie)
		return 0;
	group = bpf_map_lookup_elem(trie, &key);
	return group ? *group : 0;
}

classify_inline __u64 classify_src_group(__u64 rules, __u64 hi, __u64 lo)
{
	return kernel_group(rules, 0, hi, lo);
}

classify_inline __u64 classify_dst_group(__u64 rules, __u64 hi, __u64 lo)
{
	return kernel_group(rules, 1, hi, lo);
}

classify_inline __u64 classify_rule(__u64 rules, __u64 key, __u64 ports, __u64 dscp_len)
{
	__u32 slot = rules;
	void *sets = bpf_map_lookup_elem(&cw_sets, &slot);
	const struct classify_rule_set *set;

	if (!sets)
		return KERNEL_NO_RULE;
	set = bpf_map_lookup_elem(sets, &key);
	return set ? classify_match(set, ports, dscp_len) : KERNEL_NO_RULE;
}

/* Port and rules of one packet; the caller fills the window. False: not configured yet. */
classify_inline __u32 kernel_prepare(struct classify_input *in)
{
	__u32 zero = 0;
	const struct classify_port *port = bpf_map_lookup_elem(&cw_config, &zero);
	const __u32 *active = bpf_map_lookup_elem(&cw_active, &zero);

	if (!port || !active || !port->role)
		return 0;
	in->port = *port;
	in->rules = *active;
	return 1;
}
