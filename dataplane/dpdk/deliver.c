/* From the lane to the LAN: what is in order goes to its host, as fast as the LAN takes it. */
#include "dataplane/dpdk/worker.h"

#include <sys/eventfd.h>

#include <rte_memcpy.h>

#include "dataplane/core/roce.h"

#define DELIVER_BUDGET 64 /* units of one lane in one call */

static void refuse(struct cw_flow_counters *flow, struct rte_mbuf *mbuf, enum drop why)
{
	flow_dropped(flow, rte_pktmbuf_data_len(mbuf), why);
	rte_pktmbuf_free(mbuf);
}

/* To this machine's kernel, by way of the agent: somebody manages the gateway through the path. */
static void deliver_locally(struct worker *w, struct cw_flow_counters *flow, struct rte_mbuf *mbuf)
{
	uint32_t len = rte_pktmbuf_data_len(mbuf);

	if (rte_ring_sp_enqueue(w->locals, mbuf)) {
		refuse(flow, mbuf, DROP_EXCEPTION);
		return;
	}
	flow_sent(flow, len);
	/* Once awake the agent comes back until the ring is empty. */
	if (rte_ring_count(w->locals) == 1)
		eventfd_write(w->event_fd, 1);
}

/* Sends to a known next hop. The packet is inside the path's flow. */
static void deliver(struct worker *w, struct cw_flow_counters *flow, struct rte_mbuf *mbuf,
		    const struct adj_entry *hop)
{
	uint32_t len = rte_pktmbuf_data_len(mbuf);
	bool is_v6 = *rte_pktmbuf_mtod(mbuf, const uint8_t *) >> 4 == 6;
	const struct port *port;
	uint8_t *frame;

	if (unlikely(hop->port == PORT_LOCAL)) {
		deliver_locally(w, flow, mbuf);
		return;
	}
	port = &w->ports[hop->port];
	/* A route that leads back into the WAN is none: the packet would leave in the clear. */
	if (unlikely(port->role != CW_PORT_LAN)) {
		refuse(flow, mbuf, DROP_NO_ROUTE);
		return;
	}
	if (unlikely(len > port->mtu)) {
		refuse(flow, mbuf, DROP_TOO_BIG);
		return;
	}
	frame = (uint8_t *)rte_pktmbuf_prepend(mbuf, ETHER_HEADER_BYTES);
	inner_ethernet_write(frame, hop->mac, port->mac, is_v6);
	lan_charge(&w->port[hop->port].lan, len + ETHER_HEADER_BYTES, w->now_ns);
	if (unlikely(!txq_put(&w->port[hop->port].tx, mbuf))) {
		flow_dropped(flow, len, DROP_TX_FULL);
		rte_pktmbuf_free(mbuf);
		return;
	}
	flow_sent(flow, len);
}

/* What is looked up once for each packet, before it is known whether the LAN takes it now. */
struct delivery {
	struct inner inner;
	struct adj_entry *hop; /* NULL: not known, or the packet is malformed */
	enum drop why;	       /* it is malformed, and how; DROP_COUNT: it is not */
};

static void delivery_look(struct worker *w, const struct rte_mbuf *mbuf, struct delivery *d)
{
	const uint8_t *ip = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint32_t len = rte_pktmbuf_data_len(mbuf);

	d->why = DROP_MALFORMED;
	d->hop = NULL;
	if (unlikely(!inner_parse(ip, len, &d->inner, &d->why) || d->inner.total_len != len))
		return;
	d->why = DROP_COUNT;
	d->hop = adj_find(&w->adj, &d->inner.dst);
}

static void forward(struct worker *w, struct path *path, struct rte_mbuf *mbuf,
		    const struct delivery *d)
{
	struct cw_flow_counters *flow = &path->counters->in;
	struct adj_entry *hop = likely(d->hop) ? d->hop : hop_find_or_ask(w, &d->inner.dst);

	if (unlikely(!hop))
		refuse(flow, mbuf, DROP_NO_NEIGHBOUR);
	else if (likely(hop->state == ADJ_READY))
		deliver(w, flow, mbuf, hop);
	else if (hop->state == ADJ_UNREACHABLE)
		refuse(flow, mbuf, hop->reason ? (enum drop)hop->reason : DROP_NO_NEIGHBOUR);
	else if (!adj_wait(&w->adj, hop, cookie_of(mbuf), HANDLE_INDEX(path->handle)))
		refuse(flow, mbuf, DROP_NEIGHBOUR_QUEUE);
}

/*
 * As this site's LAN knows the class. But for a CNP: its sender gave it a DSCP of its own, so that
 * it does not stand behind the data in the LAN's queues.
 */
static void dscp_deliver(struct path *path, uint8_t *ip, const struct inner *inner, bool is_cnp)
{
	const struct intent_deliver *deliver = &path->intent.deliver;

	if (deliver->has_dscp && inner->dscp != deliver->dscp && !is_cnp)
		inner_dscp_set(ip, deliver->dscp);
}

/* An inner packet, alone in its mbuf and inside the path's flow. */
static void inner_deliver(struct worker *w, struct path *path, struct rte_mbuf *mbuf,
			  const struct delivery *d, uint8_t outer_ecn, uint8_t class)
{
	struct cw_flow_counters *flow = &path->counters->in;
	uint8_t *ip = rte_pktmbuf_mtod(mbuf, uint8_t *);
	bool is_cnp = false;
	uint8_t ecn;

	if (unlikely(d->why != DROP_COUNT)) {
		refuse(flow, mbuf, d->why);
		return;
	}
	if (unlikely(!intent_path_permits(&path->intent, &d->inner.dst, &d->inner.src))) {
		refuse(flow, mbuf, DROP_SPOOFED);
		return;
	}
	if (unlikely(!ecn_decapsulate(d->inner.ecn, outer_ecn, &ecn))) {
		refuse(flow, mbuf, DROP_ECN);
		return;
	}
	if (ecn != d->inner.ecn) {
		inner_ecn_set(ip, ecn);
		flow->ce_marked += ecn == ECN_CE;
	}
	if (unlikely(roce_is_likely(ip, &d->inner)))
		is_cnp = congestion_on_delivery(w, ip, &d->inner);
	dscp_deliver(path, ip, &d->inner, is_cnp);
	w->counters->class_in_packets[class]++;
	w->counters->class_in_bytes[class] += d->inner.total_len;
	forward(w, path, mbuf, d);
}

enum lan_answer {
	LAN_TAKES,
	LAN_WAITS,
	LAN_SHEDS, /* and has waited for too long */
};

/* Would the LAN take this packet now? What it would refuse for another reason may come. */
static enum lan_answer lan_ask(struct worker *w, const struct delivery *d, uint8_t class)
{
	const struct worker_port *port;

	if (!d->hop || d->hop->state != ADJ_READY || d->hop->port == PORT_LOCAL)
		return LAN_TAKES;
	port = &w->port[d->hop->port];
	if (unlikely(port->lan.shed >> class & 1))
		return LAN_SHEDS;
	if (!txq_has_room(&port->tx, 1) || !lan_may_send(&port->lan, class, w->now_ns))
		return LAN_WAITS;
	return LAN_TAKES;
}

/* Copies the fragments together; NULL: no buffer now. */
static struct rte_mbuf *assemble(struct worker *w, const struct path_lane *lane,
				 struct tunnel_unit *unit)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(w->lan_pool);
	struct tunnel_unit part;

	if (unlikely(!mbuf))
		return NULL;
	unit->ecn = ECN_NOT_ECT;
	for (uint32_t i = 0; i < unit->frag_count; i++) {
		tunnel_fragment(&lane->tunnel, unit, i, &part);
		/* CE once any fragment bore it (RFC 3168, 5.3). */
		if (unit->ecn != ECN_CE)
			unit->ecn = part.ecn;
		if (unlikely(part.len_bytes > rte_pktmbuf_tailroom(mbuf)))
			break;
		rte_memcpy(rte_pktmbuf_append(mbuf, part.len_bytes),
			   rte_pktmbuf_mtod(mbuf_of(part.cookie), void *), part.len_bytes);
	}
	/* Larger than any LAN here: as long as it got, which is not as long as it says. */
	return mbuf;
}

static void fragments_free(const struct path_lane *lane, const struct tunnel_unit *unit)
{
	struct tunnel_unit part;

	for (uint32_t i = 0; i < unit->frag_count; i++) {
		tunnel_fragment(&lane->tunnel, unit, i, &part);
		rte_pktmbuf_free(mbuf_of(part.cookie));
	}
}

/* The packet that this unit ends, in one buffer. NULL: not now. */
static struct rte_mbuf *unit_packet(struct worker *w, struct path_lane *lane,
				    struct tunnel_unit *unit)
{
	if (likely(unit->frag_count == 1))
		return mbuf_of(unit->cookie);
	if (!lane->assembled)
		lane->assembled = assemble(w, lane, unit);
	return lane->assembled;
}

static void unit_deliver(struct worker *w, struct path *path, struct path_lane *lane,
			 struct tunnel_unit *unit, struct rte_mbuf *mbuf, const struct delivery *d)
{
	if (unit->frag_count > 1) {
		fragments_free(lane, unit);
		lane->assembled = NULL;
		/* What did not fit into one buffer leaves here, the rest when it is refused. */
		path->counters->in.held_bytes -=
			unit->frag_offset + unit->len_bytes - rte_pktmbuf_data_len(mbuf);
	}
	inner_deliver(w, path, mbuf, d, unit->ecn, unit->class);
}

/* A dead receiver must not fill buffers that others need. */
static void unit_shed(struct path *path, struct path_lane *lane, const struct tunnel_unit *unit)
{
	if (unit->frag_count > 1)
		rte_pktmbuf_free(lane->assembled);
	lane->assembled = NULL;
	path_drop_unit(path, lane, unit, false, DROP_PAUSE_STORM);
}

/* The LAN takes nothing, or takes again. */
static void pause_set(struct worker *w, struct path *path, struct path_lane *lane, bool is_paused)
{
	if (lane->paused_ns)
		path->counters->lane.pause_ns += w->now_ns - lane->paused_ns;
	lane->paused_ns = is_paused ? w->now_ns : 0;
}

uint32_t deliver_lane(struct worker *w, struct path *path, struct path_lane *lane)
{
	enum lan_answer answer = LAN_TAKES;
	struct delivery delivery;
	struct tunnel_unit unit;
	struct rte_mbuf *mbuf;
	uint32_t count = 0;
	bool is_broken;

	for (; count < DELIVER_BUDGET && tunnel_ready(&lane->tunnel, &unit, &is_broken); count++) {
		if (unlikely(is_broken)) {
			path_drop_unit(path, lane, &unit, true, DROP_FRAGMENT);
			tunnel_delivered(&lane->tunnel, &unit, true);
			continue;
		}
		mbuf = unit_packet(w, lane, &unit);
		answer = LAN_WAITS;
		if (likely(mbuf)) {
			delivery_look(w, mbuf, &delivery);
			answer = lan_ask(w, &delivery, unit.class);
		}
		if (answer == LAN_WAITS)
			break;
		if (likely(answer == LAN_TAKES))
			unit_deliver(w, path, lane, &unit, mbuf, &delivery);
		else
			unit_shed(path, lane, &unit);
		tunnel_delivered(&lane->tunnel, &unit, false);
	}
	if (unlikely(answer == LAN_WAITS || lane->paused_ns))
		pause_set(w, path, lane, answer == LAN_WAITS);
	return count;
}

void deliver_rest(struct worker *w, struct path *path, struct path_lane *lane)
{
	struct delivery delivery;
	struct tunnel_unit unit;
	bool is_broken;

	if (lane->assembled)
		rte_pktmbuf_free(lane->assembled);
	lane->assembled = NULL;
	lane_parts_drop(lane, true);
	while (tunnel_flush_rx(&lane->tunnel, &unit, &is_broken)) {
		struct rte_mbuf *mbuf = is_broken ? NULL : unit_packet(w, lane, &unit);

		if (!mbuf) {
			path_drop_unit(path, lane, &unit, is_broken, DROP_PEER_RESTART);
			continue;
		}
		delivery_look(w, mbuf, &delivery);
		unit_deliver(w, path, lane, &unit, mbuf, &delivery);
	}
}

void deliver_release(struct worker *w, const struct adj_waiter *waiter, const struct adj_entry *hop,
		     enum drop why)
{
	/* A path that goes takes its waiting packets along, so it is still there. */
	struct path *path = w->paths.by_index[waiter->ctx];
	struct rte_mbuf *mbuf = mbuf_of(waiter->cookie);

	if (hop)
		deliver(w, &path->counters->in, mbuf, hop);
	else
		refuse(&path->counters->in, mbuf, why);
}
