// SPDX-License-Identifier: BSD-3-Clause
/*
 * The classifier's home on a port in xdp mode. What a path claims and what comes for our tunnel
 * goes, with the verdict in front of it, to the AF_XDP socket of its queue; the rest to the kernel,
 * but for what must not leave in clear and finds nobody who carries it: that is dropped.
 */
#include "bpf/kernel_maps.h"
#include "bpf/classify.h"

/* The af_xdp driver finds this map by its name and puts its sockets into it. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 128);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

classify_inline int xdp_pass(__u32 counter)
{
	kernel_count(counter);
	return XDP_PASS;
}

classify_inline int xdp_block(void)
{
	kernel_count(KERNEL_COUNT_BLOCKED);
	return XDP_DROP;
}

classify_inline int xdp_write_meta(struct xdp_md *ctx, verdict_t verdict)
{
	struct cw_meta *meta;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return -1;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return -1;
	meta->magic = CW_META_MAGIC;
	meta->pad = 0;
	meta->verdict = verdict;
	return 0;
}

/*
 * A queue without a socket means that the gateway is not there. The kernel then gets what was
 * claimed, but for what must not leave in clear; tunnel packets end here, for all that it could do
 * is send ICMP errors to the peer.
 */
classify_inline int xdp_redirect(struct xdp_md *ctx, verdict_t verdict)
{
	__u32 is_tunnel = verdict_kind(verdict) == VERDICT_TUNNEL;
	__u32 blocks = verdict_flags(verdict) & VERDICT_F_BLOCK;
	__u32 fallback = is_tunnel || blocks ? XDP_DROP : XDP_PASS;
	int action = bpf_redirect_map(&xsks_map, ctx->rx_queue_index, fallback);

	if (action == XDP_DROP)
		kernel_count(is_tunnel ? KERNEL_COUNT_DROPPED : KERNEL_COUNT_BLOCKED);
	if (action == XDP_PASS)
		kernel_count(KERNEL_COUNT_UNSERVED);
	return action;
}

SEC("xdp")
int cw_xdp(struct xdp_md *ctx)
{
	struct classify_input in = {};
	__u32 window;
	verdict_t verdict;

	in.len = bpf_xdp_get_buff_len(ctx);
	window = in.len < CLASSIFY_WINDOW ? in.len : CLASSIFY_WINDOW;
	if (!window || !kernel_prepare(&in))
		return XDP_PASS;
	if (bpf_xdp_load_bytes(ctx, 0, in.data, window))
		return xdp_pass(KERNEL_TRUNCATED);
	verdict = classify(&in);
	if (verdict_kind(verdict) == VERDICT_KERNEL)
		return xdp_pass(verdict_value(verdict) & (KERNEL_REASON_SLOTS - 1));
	if (verdict_kind(verdict) == VERDICT_BLOCK)
		return xdp_block();
	if (xdp_write_meta(ctx, verdict))
		return verdict_flags(verdict) & VERDICT_F_BLOCK ? xdp_block()
								: xdp_pass(KERNEL_NO_METADATA);
	return xdp_redirect(ctx, verdict);
}

char _license[] SEC("license") = "Dual BSD/GPL";
