/* A burst off a port: what the classifier says of each frame decides where it goes. */
#include "dataplane/dpdk/worker.h"

#include <rte_ethdev.h>
#include <rte_prefetch.h>

/* The verdict that our XDP program left in front of the frame; it redirects nothing without one. */
static verdict_t verdict_from_meta(const struct rte_mbuf *mbuf)
{
	const struct cw_meta *meta =
		rte_pktmbuf_mtod_offset(mbuf, const struct cw_meta *, -(int)sizeof(*meta));

	if (meta->magic != CW_META_MAGIC)
		return VERDICT_MAKE(VERDICT_KERNEL, 0, 0, 0, KERNEL_NO_RULE);
	return meta->verdict;
}

static verdict_t verdict_from_classifier(struct worker *w, struct worker_port *wp,
					 const struct rte_mbuf *mbuf)
{
	classify_input_fill(&wp->input, rte_pktmbuf_mtod(mbuf, const uint8_t *),
			    rte_pktmbuf_data_len(mbuf));
	wp->input.vlan_tci = mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED ? mbuf->vlan_tci : 0;
	return classifier_run(w->classifier, &wp->input);
}

/*
 * Not ours. In mode packet the kernel has its own copy; in mode ethdev it gets the frame by the
 * exception port; in mode xdp it got it already, unless the frame lost its verdict.
 */
static void leave_to_kernel(struct worker *w, uint32_t port, struct rte_mbuf *mbuf,
			    verdict_t verdict)
{
	struct worker_port *wp = &w->port[port];

	wp->counters->to_kernel++;
	wp->counters->kernel_reason[verdict_value(verdict) % KERNEL_REASON_SLOTS]++;
	if (w->ports[port].mode != PORT_ETHDEV)
		rte_pktmbuf_free(mbuf);
	else if (!txq_put(&wp->exception, mbuf))
		port_drop(w, port, mbuf, DROP_EXCEPTION);
}

static void dispatch(struct worker *w, uint32_t port, struct rte_mbuf *mbuf)
{
	struct worker_port *wp = &w->port[port];
	verdict_t verdict;

	if (unlikely(mbuf->nb_segs != 1)) {
		port_drop(w, port, mbuf, DROP_SEGMENTED);
		return;
	}
	verdict = w->ports[port].mode == PORT_XDP ? verdict_from_meta(mbuf)
						  : verdict_from_classifier(w, wp, mbuf);
	switch (verdict_kind(verdict)) {
	case VERDICT_CLAIM:
		wp->counters->claimed++;
		outbound_accept(w, port, mbuf, verdict);
		break;
	case VERDICT_TUNNEL:
		wp->counters->tunnel++;
		inbound_accept(w, port, mbuf);
		break;
	case VERDICT_PAUSE:
		lan_on_pause(w, port, mbuf);
		break;
	case VERDICT_BLOCK:
		port_drop(w, port, mbuf, DROP_BLOCKED);
		break;
	default:
		leave_to_kernel(w, port, mbuf, verdict);
	}
}

uint32_t receive_burst(struct worker *w, uint32_t port)
{
	struct cw_port_counters *counters = w->port[port].counters;
	struct rte_mbuf *mbufs[PORT_BURST];
	uint16_t count = rte_eth_rx_burst(w->ports[port].id, (uint16_t)w->index, mbufs, PORT_BURST);
	bool is_wan = w->ports[port].role == CW_PORT_WAN;
	uint64_t bytes = 0;

	/*
	 * After the burst, never before: a worker that lost its core in between would take packets
	 * for older than they are, and the least round trip would lie below the true one for
	 * seconds.
	 */
	if (count)
		w->now_ns = clock_ns(&w->clock, rte_rdtsc());
	for (uint16_t i = 0; i < count; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (uint16_t i = 0; i < count; i++) {
		bytes += rte_pktmbuf_pkt_len(mbufs[i]);
		if (is_wan && i + AEAD_PREFETCH_AHEAD < count)
			aead_prefetch(rte_pktmbuf_mtod(mbufs[i + AEAD_PREFETCH_AHEAD], void *));
		dispatch(w, port, mbufs[i]);
	}
	counters->rx_packets += count;
	counters->rx_bytes += bytes;
	return count;
}

/* What the kernel sends by the exception port leaves by the real one. */
uint32_t receive_exception(struct worker *w, uint32_t port)
{
	struct rte_mbuf *mbufs[PORT_BURST];
	uint16_t count = rte_eth_rx_burst(w->ports[port].exception_id, (uint16_t)w->index, mbufs,
					  PORT_BURST);

	w->port[port].counters->from_kernel += count;
	for (uint16_t i = 0; i < count; i++) {
		lan_charge(&w->port[port].lan, rte_pktmbuf_pkt_len(mbufs[i]), w->now_ns);
		if (!txq_put(&w->port[port].tx, mbufs[i]))
			port_drop(w, port, mbufs[i], DROP_TX_FULL);
	}
	return count;
}
