/*
 * What a sender is told of a queue before it is full: CE, a CNP, or an early drop (core/mark.h,
 * core/cnp.h). All of it before the packet has a sequence.
 */
#include "dataplane/dpdk/worker.h"

#include <string.h>

#include <rte_malloc.h>

#include "dataplane/core/roce.h"

int congestion_create(struct worker *w)
{
	w->cnp_pairs = rte_malloc("cnp", CNP_PAIRS * sizeof(*w->cnp_pairs), RTE_CACHE_LINE_SIZE);
	if (!w->cnp_pairs)
		return -ENOMEM;
	w->random = 0x9e3779b97f4a7c15ull * (w->index + 1);
	return cnp_init(&w->cnp, w->cnp_pairs, CNP_PAIRS);
}

void congestion_free(struct worker *w)
{
	rte_free(w->cnp_pairs);
}

/* A linear congruential generator (Knuth, MMIX): who is marked need not be a secret. */
static uint32_t random_next(struct worker *w)
{
	w->random = w->random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(w->random >> 32);
}

static void cnp_send(struct worker *w, const struct congestion_packet *p, const struct roce *roce,
		     uint32_t qpn)
{
	struct txq *tx = &w->port[p->port].tx;
	struct cnp_order order = {.src = p->inner->dst,
				  .dst = p->inner->src,
				  .qpn = qpn,
				  .pkey = roce->pkey,
				  .src_port = roce->src_port};
	struct rte_mbuf *mbuf =
		txq_has_room(tx, 1) ? rte_pktmbuf_alloc(w->ports[p->port].pool) : NULL;

	/* The next packet of the flow, 50 us later at the earliest, will find a buffer or not. */
	if (!mbuf)
		return;
	memcpy(order.dst_mac, p->frame + 6, sizeof(order.dst_mac));
	memcpy(order.src_mac, w->ports[p->port].mac, sizeof(order.src_mac));
	mbuf->data_len = (uint16_t)cnp_build(rte_pktmbuf_mtod(mbuf, uint8_t *), &order);
	mbuf->pkt_len = mbuf->data_len;
	lan_charge(&w->port[p->port].lan, mbuf->data_len, w->now_ns);
	txq_put(tx, mbuf);
	w->port[p->port].counters->cnp_sent++;
}

/*
 * Whether a CNP is on its way to the sender in place of CE. CE would come back as a second CNP, a
 * WAN round trip later and for as long as this queue lasted: a sender that had slowed down would
 * slow down again. A queue of two round trips and more gets both, in case that the link of the two
 * QPs is a wrong guess.
 */
static bool sender_is_told(struct worker *w, const struct path *path,
			   const struct congestion_packet *p, struct cnp_qp *qp,
			   const struct roce *roce)
{
	enum cnp_answer answer;
	uint32_t qpn;

	answer = cnp_ask(&w->cnp, qp, roce, w->now_ns, &qpn);
	if (answer == CNP_SEND)
		cnp_send(w, p, roce, qpn);
	return answer != CNP_UNKNOWN && queue_bytes(&path->queue) < path->mark.ceiling_bytes;
}

bool congestion_on_enqueue(struct worker *w, struct path *path, const struct congestion_packet *p)
{
	enum mark_result result;
	struct cnp_qp *qp = NULL;
	struct roce roce;
	bool is_roce;

	is_roce = p->is_roce && roce_parse(p->ip, p->inner, &roce);
	if (is_roce)
		qp = cnp_on_packet(&w->cnp, CNP_TO_FAR, p->inner, &roce, w->now_ns);
	result = mark_on_enqueue(&path->mark, p->kind, queue_bytes(&path->queue), random_next(w));
	/* It must leave room for those that understand marks. */
	if (p->kind == MARK_KIND_TCP && queue_packets(&path->queue) >= path->tcp_packets)
		result = MARK_DROP_TCP;
	if (likely(result == MARK_PASS))
		return true;
	if (result == MARK_DROP_TCP)
		return false;
	if (is_roce && sender_is_told(w, path, p, qp, &roce))
		return true;
	inner_ecn_set(p->ip, ECN_CE);
	p->inner->ecn = ECN_CE;
	path->counters->out.ce_marked++;
	return true;
}

bool congestion_on_dequeue(struct worker *w, struct path *path, const struct queue_slot *slot)
{
	return mark_on_dequeue(&path->mark, tag_kind(slot->tag), queue_bytes(&path->queue),
			       queue_sojourn_ns(slot, w->now_ns), w->now_ns) == MARK_PASS;
}

bool congestion_on_delivery(struct worker *w, const uint8_t *ip, const struct inner *inner)
{
	struct roce roce;

	if (!roce_parse(ip, inner, &roce))
		return false;
	cnp_on_packet(&w->cnp, CNP_TO_NEAR, inner, &roce, w->now_ns);
	return roce.kind == ROCE_KIND_CNP;
}
