#include "dataplane/dpdk/txq.h"

static uint64_t bytes_of(struct rte_mbuf *const *mbufs, uint32_t count)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < count; i++)
		bytes += rte_pktmbuf_pkt_len(mbufs[i]);
	return bytes;
}

void txq_flush(struct txq *q)
{
	while (txq_depth(q)) {
		uint32_t at = q->head & (TXQ_SLOTS - 1);
		uint32_t run = RTE_MIN(txq_depth(q), TXQ_SLOTS - at);
		struct rte_mbuf **mbufs = &q->slots[at];
		uint64_t bytes, left;
		uint16_t sent;

		run = RTE_MIN(run, (uint32_t)PORT_BURST);
		/* The driver owns what it took, so lengths are read before. */
		bytes = bytes_of(mbufs, run);
		sent = rte_eth_tx_burst(q->port_id, q->queue_id, mbufs, (uint16_t)run);
		left = sent < run ? bytes_of(mbufs + sent, run - sent) : 0;
		q->head += sent;
		*q->packets += sent;
		*q->bytes += bytes - left;
		if (sent < run)
			break;
	}
	*q->depth = txq_depth(q);
}

uint32_t txq_discard(struct txq *q)
{
	uint32_t count = txq_depth(q);

	while (q->head != q->tail)
		rte_pktmbuf_free(q->slots[q->head++ & (TXQ_SLOTS - 1)]);
	*q->depth = 0;
	return count;
}
