/*
 * The classifier's arithmetic, and the choice among a rule set's alternatives. Pure; every home.
 *
 * rte_bpf's verifier walks every path through a program, so each branch that rejoins doubles its
 * work. Conditions are therefore computed as 0 or 1 without a branch; `classify_opaque` keeps clang
 * from seeing through that and putting the branch back.
 */
#pragma once

#include "bpf/classify_input.h"
#include "dataplane/abi/verdict.h"

#define classify_inline static inline __attribute__((always_inline, unused))

classify_inline __u64 classify_opaque(__u64 x)
{
	__asm__ volatile("" : "+r"(x));
	return x;
}

/*
 * base + offset. As BPF in one instruction of just this form: rte_bpf (up to DPDK 24.11) takes
 * pointer += number for a pointer, and number += pointer, which clang may choose, for a number.
 */
classify_inline const __u8 *classify_at(const __u8 *base, __u64 offset)
{
#ifdef __bpf__
	__asm__ volatile("%0 += %1" : "+r"(base) : "r"(offset));
	return base;
#else
	return base + offset;
#endif
}

/* 1 if a < b; both below 2^63. */
classify_inline __u64 classify_below(__u64 a, __u64 b)
{
	return classify_opaque(a - b) >> 63;
}

classify_inline __u64 classify_is_zero(__u64 x)
{
	return classify_opaque(~x & (x - 1)) >> 63;
}

classify_inline __u64 classify_equal(__u64 a, __u64 b)
{
	return classify_is_zero(a ^ b);
}

/* x if bit is 1, else 0. */
classify_inline __u64 classify_keep(__u64 bit, __u64 x)
{
	return x & classify_opaque(0 - bit);
}

classify_inline __u64 classify_select(__u64 bit, __u64 yes, __u64 no)
{
	return no ^ classify_keep(bit, yes ^ no);
}

classify_inline __u64 classify_rule_matches(const struct classify_rule *rule, __u64 ports,
					    __u64 dscp)
{
	__u64 width = (__u64)rule->port_last - rule->port_first;
	__u64 src = ((ports >> 16) - rule->port_first) & 0xffff;
	__u64 dst = (ports - rule->port_first) & 0xffff;
	__u64 outside = classify_below(width, src) & classify_below(width, dst);

	return (rule->dscp_mask >> dscp) & 1 & (outside ^ 1);
}

/*
 * What a rule set says of a packet: CLAIM with class and handle, BLOCK with those of the best rule
 * that blocks, or KERNEL with a reason.
 * ports: source << 16 | destination, 0 without; dscp_len: DSCP | inner IP length << 8.
 *
 * An idle rule takes nothing from a worse one that claims; it only says what becomes of the packet
 * where none does, or where the one that does is not served.
 */
classify_inline verdict_t classify_match(const struct classify_rule_set *set, __u64 ports,
					 __u64 dscp_len)
{
	verdict_t blocked = 0;

	for (__u32 i = 0; i < CLASSIFY_RULES_MAX && i < set->count; i++) {
		const struct classify_rule *rule = &set->rules[i];

		if (!classify_rule_matches(rule, ports, dscp_len & 0x3f))
			continue;
		if ((rule->flags & CLASSIFY_RULE_BLOCK) && !blocked)
			blocked = VERDICT_MAKE(VERDICT_BLOCK, rule->class, 0, 0, rule->handle);
		if (rule->flags & CLASSIFY_RULE_IDLE)
			continue;
		if ((dscp_len >> 8) > rule->max_len)
			return blocked ? blocked
				       : VERDICT_MAKE(VERDICT_KERNEL, 0, 0, 0, KERNEL_TOO_BIG);
		return VERDICT_MAKE(VERDICT_CLAIM, rule->class, blocked ? VERDICT_F_BLOCK : 0, 0,
				    rule->handle);
	}
	return blocked ? blocked : VERDICT_MAKE(VERDICT_KERNEL, 0, 0, 0, KERNEL_NO_RULE);
}
