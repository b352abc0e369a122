/* LAN to WAN: a claimed packet joins its path's queue and waits for rate, credit and link. */
#include "dataplane/dpdk/worker.h"

#include "dataplane/core/fragment.h"
#include "dataplane/core/wire.h"

/* Packets of one path in one turn, so that a full queue does not starve the ports. */
#define SERVICE_BUDGET 64

enum tier {
	TIER_GUARANTEED = 0, /* within the path's guaranteed rate */
	TIER_REST,	     /* up to its peak rate */
};

void outbound_activate(struct worker *w, struct path *path)
{
	if (path->is_active)
		return;
	path->is_active = true;
	w->active[w->active_count++] = path;
}

static bool inner_is_fit(const struct path *path, const struct inner *inner, enum drop *why)
{
	*why = DROP_TTL;
	if (inner->ttl <= 1)
		return false;
	*why = DROP_SPOOFED;
	if (!intent_path_permits(&path->intent, &inner->src, &inner->dst))
		return false;
	*why = DROP_TOO_BIG;
	return inner->total_len <= path->intent.far_lan_mtu &&
	       fragment_count(inner->total_len, path_payload_max(path));
}

/* Cuts the frame down to its IP packet. The classifier has looked already; this is the proof. */
static bool inner_take(struct rte_mbuf *mbuf, struct inner *inner, enum drop *why)
{
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint32_t offset;
	bool is_v6;

	if (!inner_offset(frame, rte_pktmbuf_data_len(mbuf), &offset, &is_v6, why))
		return false;
	if (!inner_parse(frame + offset, rte_pktmbuf_data_len(mbuf) - offset, inner, why))
		return false;
	rte_pktmbuf_adj(mbuf, (uint16_t)offset);
	rte_pktmbuf_trim(mbuf, (uint16_t)(rte_pktmbuf_data_len(mbuf) - inner->total_len));
	return true;
}

/*
 * Joins the path's queue. What a lossless class sends may fill its share of the worker's packets,
 * for its senders are paused in time; the rest keeps to the path's own limits.
 */
static bool queue_join(struct worker *w, struct path *path, uint32_t port, struct rte_mbuf *mbuf,
		       uint32_t tag)
{
	uint32_t len = rte_pktmbuf_data_len(mbuf);
	struct lan_share *share = share_of(w, tag);

	if (unlikely(share->packets >= share->max))
		return false;
	if (!lan_is_lossless(&w->port[port].lan, tag_class(tag)) &&
	    unlikely(queue_packets(&path->queue) >= path->limit_packets ||
		     queue_bytes(&path->queue) + len > path->limit_bytes))
		return false;
	if (unlikely(!queue_push_at(&path->queue, cookie_of(mbuf), len, tag, w->now_ns)))
		return false;
	share->packets++;
	path->fed |= (uint16_t)(1u << port);
	return true;
}

/* Tells its sender, where there is a reason to. False: by dropping it (DROP_QUEUE_TCP). */
static inline bool sender_is_told(struct worker *w, struct path *path,
				  const struct congestion_packet *packet)
{
	if (likely(!packet->is_roce && mark_passes_all(&path->mark, queue_bytes(&path->queue)) &&
		   queue_packets(&path->queue) < path->tcp_packets))
		return true;
	return congestion_on_enqueue(w, path, packet);
}

/* Of the path's flow, and fit for it. False: *why. */
static bool packet_join(struct worker *w, struct path *path, struct rte_mbuf *mbuf,
			struct congestion_packet *packet, verdict_t verdict, enum drop *why)
{
	uint32_t tag;

	/* Before it is sequenced: from then on the retained packet is never written. */
	packet->ip = rte_pktmbuf_mtod(mbuf, uint8_t *);
	inner_ttl_decrement(packet->ip);
	packet->kind = mark_kind_of(packet->ip, packet->inner->ecn);
	*why = DROP_QUEUE_TCP;
	if (unlikely(!sender_is_told(w, path, packet)))
		return false;
	*why = DROP_QUEUE_FULL;
	tag = tag_make(verdict_bucket(verdict), verdict_class(verdict), packet->inner->ecn,
		       packet->kind);
	return queue_join(w, path, packet->port, mbuf, tag);
}

void outbound_accept(struct worker *w, uint32_t port, struct rte_mbuf *mbuf, verdict_t verdict)
{
	struct path *path = path_table_by_handle(&w->paths, verdict_value(verdict));
	struct cw_flow_counters *flow;
	enum drop why = DROP_MALFORMED;
	struct inner inner;
	struct congestion_packet packet = {.port = port,
					   .frame = rte_pktmbuf_mtod(mbuf, const uint8_t *),
					   .inner = &inner,
					   .is_roce = verdict_flags(verdict) & VERDICT_F_ROCE};
	uint32_t len, class;

	if (unlikely(!path)) {
		port_drop(w, port, mbuf, DROP_STALE_HANDLE);
		return;
	}
	flow = &path->counters->out;
	if (unlikely(!inner_take(mbuf, &inner, &why))) {
		port_drop(w, port, mbuf, why);
		return;
	}
	len = inner.total_len;
	class = verdict_class(verdict) % CLASS_COUNT;
	flow_enter(flow, len);
	if (unlikely(!inner_is_fit(path, &inner, &why) ||
		     !packet_join(w, path, mbuf, &packet, verdict, &why))) {
		flow_dropped(flow, len, why);
		rte_pktmbuf_free(mbuf);
		return;
	}
	w->counters->class_out_packets[class]++;
	w->counters->class_out_bytes[class] += len;
	outbound_activate(w, path);
}

static void pass_on(struct worker *w, struct path *path, const struct queue_slot *slot)
{
	struct aggregate *aggregate = &path->aggregate;
	struct rte_mbuf *mbuf = mbuf_of(slot->cookie);
	uint8_t ecn = tag_ecn(slot->tag);

	if (aggregate_is_open(aggregate) && (aggregate->count == PATH_AGGREGATE_MAX ||
					     !aggregate_may_add(aggregate, slot->len_bytes, ecn)))
		transmit_aggregate(w, path);
	if (!aggregate_wants(aggregate, slot->len_bytes)) {
		transmit_alone(w, path, mbuf, slot->tag);
		return;
	}
	path->open[aggregate->count] = mbuf;
	path->open_tags[aggregate->count] = slot->tag;
	aggregate_add(aggregate, slot->len_bytes, ecn, w->now_ns);
}

/* The next hop may have moved; its entry is small and hot, so it is asked each time. */
bool outbound_next_hop(struct worker *w, struct way *way)
{
	const struct adj_entry *hop = hop_ready(w, &way->peer);

	/* A route by another port is not the link's: its MAC address means nothing on this one. */
	if (!hop || hop->port != way->wan_port)
		return false;
	outer_set_macs(&way->outer, hop->mac, w->ports[way->wan_port].mac);
	return true;
}

/*
 * May the next packet be sequenced, with what the open aggregate holds? The lane's windows and
 * credits, the link's pace, room at the port for every fragment and for the aggregate.
 */
static enum path_stall may_pass(struct worker *w, struct path *path, const struct queue_slot *next)
{
	static const uint8_t stalls[] = {[TUNNEL_GO] = STALL_NONE,
					 [TUNNEL_STALL_KEY] = STALL_KEY,
					 [TUNNEL_STALL_WINDOW] = STALL_WINDOW,
					 [TUNNEL_STALL_CREDIT] = STALL_CREDIT};
	uint32_t count = fragment_count(next->len_bytes, path_payload_max(path));
	enum tunnel_stall stall;

	if (!txq_has_room(path_tx(w, path), count + 1) ||
	    !link_may_send(path_link(w, path), w->now_ns))
		return STALL_PACE;
	stall = tunnel_may_send(&path->lane->tunnel, count + path->aggregate.count,
				next->len_bytes + path->aggregate.used, w->now_ns);
	return (enum path_stall)stalls[stall];
}

/* What goes within the guarantee is charged to both rates; the peak rate is never less. */
static bool rate_takes(struct path *path, enum tier tier, uint32_t len, uint64_t now_ns)
{
	if (tier == TIER_GUARANTEED && !shaper_take(&path->guarantee, len, now_ns))
		return false;
	return shaper_take(&path->shaper, len, now_ns);
}

/* It leaves the queue: into a tunnel packet, or nowhere, so that its sender slows down. */
static bool slot_leaves(struct worker *w, struct path *path, const struct queue_slot *slot)
{
	share_of(w, slot->tag)->packets--;
	if (likely(mark_is_idle(&path->mark, queue_sojourn_ns(slot, w->now_ns)) ||
		   congestion_on_dequeue(w, path, slot))) {
		pass_on(w, path, slot);
		return true;
	}
	flow_dropped(&path->counters->out, slot->len_bytes, DROP_QUEUE_TCP);
	rte_pktmbuf_free(mbuf_of(slot->cookie));
	return false;
}

/* What is sealed a few packets from now. */
static void ahead_prefetch(const struct path *path)
{
	const struct queue_slot *slot = queue_ahead(&path->queue, AEAD_PREFETCH_AHEAD);

	if (slot)
		aead_prefetch(rte_pktmbuf_mtod(mbuf_of(slot->cookie), void *));
}

static uint32_t queue_serve(struct worker *w, struct path *path, enum tier tier,
			    enum path_stall *stall)
{
	const struct queue_slot *next;
	struct queue_slot slot;
	bool is_paid = false; /* by one that was dropped: this one goes in its place */
	uint32_t sent = 0;

	*stall = STALL_NONE;
	while (sent < SERVICE_BUDGET && (next = queue_peek(&path->queue))) {
		*stall = may_pass(w, path, next);
		if (*stall == STALL_NONE && !is_paid &&
		    !rate_takes(path, tier, next->len_bytes, w->now_ns))
			*stall = STALL_PACE;
		if (*stall != STALL_NONE || !queue_pop(&path->queue, &slot))
			break;
		ahead_prefetch(path);
		is_paid = !slot_leaves(w, path, &slot);
		sent++;
	}
	return sent;
}

/* Time spent waiting goes to the reason that ends now. */
static void stall_set(struct worker *w, struct path *path, enum path_stall stall)
{
	struct cw_lane_counters *lane = &path->counters->lane;
	uint64_t *const sums[] = {[STALL_KEY] = &lane->stall_key_ns,
				  [STALL_WINDOW] = &lane->stall_window_ns,
				  [STALL_CREDIT] = &lane->stall_credit_ns,
				  [STALL_PACE] = &lane->stall_pace_ns};

	if (path->stall != STALL_NONE)
		*sums[path->stall] += w->now_ns - path->stall_ns;
	path->stall = (uint8_t)stall;
	path->stall_ns = w->now_ns;
}

/*
 * An aggregate whose time has come. What it holds was let pass when it joined; only a new life of
 * the peer can have taken the credit back.
 */
static bool aggregate_goes(struct worker *w, struct path *path)
{
	const struct aggregate *aggregate = &path->aggregate;

	return aggregate_is_due(aggregate, w->now_ns) && txq_has_room(path_tx(w, path), 1) &&
	       tunnel_may_send(&path->lane->tunnel, aggregate->count, aggregate->used, w->now_ns) ==
		       TUNNEL_GO;
}

/* What is older than anything in the queue: for the LAN, for the far end to go on, repairs. */
static uint32_t path_tend(struct worker *w, struct path *path)
{
	uint32_t moved = 0;

	for (uint32_t i = 0; i < path->own_count; i++)
		moved += deliver_lane(w, path, path->own[i]);
	path->may_send = outbound_next_hop(w, path_way(path));
	if (!path->may_send)
		return moved;
	moved += transmit_control(w, path);
	moved += transmit_repairs(w, path, SERVICE_BUDGET);
	return moved;
}

/* New packets of the paths of one class, within their guarantees or beyond. */
static uint32_t tier_serve(struct worker *w, enum tier tier, uint8_t class, uint32_t first)
{
	uint32_t moved = 0, at = first;

	for (uint32_t i = 0; i < w->active_count; i++) {
		struct path *path = w->active[at];
		enum path_stall stall = STALL_PACE;

		at = at + 1 < w->active_count ? at + 1 : 0;
		if (path->intent.class != class || !path->may_send)
			continue;
		if (!tunnel_has_repairs(&path->lane->tunnel))
			moved += queue_serve(w, path, tier, &stall);
		/* What holds it back beyond the guarantee is what holds it back. */
		if (tier == TIER_REST && (stall != STALL_NONE || path->stall != STALL_NONE))
			stall_set(w, path, stall);
	}
	return moved;
}

/* All guarantees before any excess, and in each the classes by their rank. */
static uint32_t queues_serve(struct worker *w, uint32_t first)
{
	static const uint8_t ranks[] = {CLASS_CONTROL, CLASS_LOSSLESS, CLASS_BULK};
	uint32_t moved = 0;

	for (uint32_t tier = TIER_GUARANTEED; tier <= TIER_REST; tier++)
		for (uint32_t i = 0; i < RTE_DIM(ranks); i++)
			moved += tier_serve(w, (enum tier)tier, ranks[i], first);
	return moved;
}

static uint32_t aggregates_serve(struct worker *w)
{
	uint32_t moved = 0;

	for (uint32_t i = 0; i < w->active_count; i++) {
		struct path *path = w->active[i];

		if (!path->may_send || !aggregate_goes(w, path))
			continue;
		transmit_aggregate(w, path);
		moved++;
	}
	return moved;
}

static void active_sift(struct worker *w)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < w->active_count; i++) {
		struct path *path = w->active[i];

		if (!queue_packets(&path->queue))
			path->fed = 0;
		path->is_active = !path_is_idle(path);
		if (path->is_active)
			w->active[kept++] = path;
	}
	w->active_count = kept;
}

uint32_t outbound_service(struct worker *w)
{
	uint32_t first = w->service_first < w->active_count ? w->service_first : 0;
	uint32_t moved = 0, at = first;

	for (uint32_t i = 0; i < w->active_count; i++) {
		moved += path_tend(w, w->active[at]);
		at = at + 1 < w->active_count ? at + 1 : 0;
	}
	moved += queues_serve(w, first);
	moved += aggregates_serve(w);
	/*
	 * After a turn that found room another path goes first: a WAN port with little room serves
	 * all of them. Not after each turn, or room in every second one serves every second path.
	 */
	w->service_first = first + (moved != 0);
	active_sift(w);
	return moved;
}
