// SPDX-License-Identifier: BSD-3-Clause
/*
 * The classifier's home inside DPDK: compiled to BPF, embedded into the gateway, verified and
 * JIT-ed by rte_bpf (dataplane/dpdk/classifier.c). The look-ups are external functions in the
 * gateway.
 */
#include "bpf/classify_input.h"

__u64 classify_src_group(__u64 rules, __u64 hi, __u64 lo);
__u64 classify_dst_group(__u64 rules, __u64 hi, __u64 lo);
__u64 classify_rule(__u64 rules, __u64 key, __u64 ports, __u64 dscp_len);

#include "bpf/classify.h"

/* rte_bpf finds a program by its section, which must not bear the function's name. */
__attribute__((section("cw_classify"), used)) __u64 cw_dpdk(const struct classify_input *in);
__u64 cw_dpdk(const struct classify_input *in)
{
	return classify(in);
}
