// SPDX-License-Identifier: BSD-3-Clause
/*
 * The classifier's home at tc ingress. On a port in packet mode it sits behind the AF_PACKET socket
 * that gave the gateway its copy, and drops the kernel's copy of what the gateway handles.
 *
 * On every LAN port of the kernel's it is also the guard: what must not leave in clear dies here
 * when no gateway takes it, and here alone while no gateway runs. In mode xdp it gets only what the
 * XDP program passed, or all while none is there; nobody moves its heartbeat on.
 */
#include "bpf/kernel_maps.h"
#include "bpf/classify.h"

#include <linux/pkt_cls.h>

/* CLOCK_MONOTONIC up to which the gateway is alive; moved on by its heartbeat. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} cw_alive SEC(".maps");

classify_inline int tc_is_alive(void)
{
	__u32 zero = 0;
	const __u64 *until = bpf_map_lookup_elem(&cw_alive, &zero);

	return until && bpf_ktime_get_ns() < *until;
}

classify_inline int tc_drop(__u32 counter)
{
	kernel_count(counter);
	return TC_ACT_SHOT;
}

classify_inline int tc_pass(__u32 counter)
{
	kernel_count(counter);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int cw_tc(struct __sk_buff *skb)
{
	struct classify_input in = {};
	__u32 window;
	verdict_t verdict;

	in.len = skb->len;
	in.vlan_tci = skb->vlan_present ? skb->vlan_tci : 0;
	window = in.len < CLASSIFY_WINDOW ? in.len : CLASSIFY_WINDOW;
	if (!window || !kernel_prepare(&in))
		return TC_ACT_UNSPEC;
	if (bpf_skb_load_bytes(skb, 0, in.data, window))
		return tc_pass(KERNEL_TRUNCATED);
	verdict = classify(&in);
	/* For programs behind this one, and for the test that compares the classifier's homes. */
	skb->cb[0] = verdict;
	skb->cb[1] = verdict >> 32;
	if (verdict_kind(verdict) == VERDICT_KERNEL)
		return tc_pass(verdict_value(verdict) & (KERNEL_REASON_SLOTS - 1));
	if (verdict_kind(verdict) == VERDICT_BLOCK)
		return tc_drop(KERNEL_COUNT_BLOCKED);
	/* The kernel has no use for a tunnel packet, whether the gateway lives or not. */
	if (verdict_kind(verdict) == VERDICT_TUNNEL || tc_is_alive())
		return tc_drop(KERNEL_COUNT_DROPPED);
	if (verdict_flags(verdict) & VERDICT_F_BLOCK)
		return tc_drop(KERNEL_COUNT_BLOCKED);
	return tc_pass(KERNEL_COUNT_UNSERVED);
}

char _license[] SEC("license") = "Dual BSD/GPL";
