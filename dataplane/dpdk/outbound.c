/* LAN to WAN: a claimed packet joins its path's queue, is shaped, numbered, sealed and sent. */
#include "dataplane/dpdk/worker.h"

#include "dataplane/core/fragment.h"
#include "dataplane/core/wire.h"

/* Packets of one path in one turn, so that a full queue does not starve the ports. */
#define SERVICE_BUDGET 64

/* What the queue remembers of a packet beside its length. */
static uint32_t tag_make(uint32_t bucket, uint32_t class, uint32_t ecn)
{
	return bucket | class << 16 | ecn << 20;
}

static uint32_t tag_bucket(uint32_t tag)
{
	return tag & 0xffff;
}

static uint8_t tag_class(uint32_t tag)
{
	return (uint8_t)(tag >> 16 & 0xf);
}

static uint8_t tag_ecn(uint32_t tag)
{
	return (uint8_t)(tag >> 20 & 3);
}

static void activate(struct worker *w, struct path *path)
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
	       fragment_count(inner->total_len, path->payload_max);
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

void outbound_accept(struct worker *w, uint32_t port, struct rte_mbuf *mbuf, verdict_t verdict)
{
	struct path *path = path_table_by_handle(&w->paths, verdict_value(verdict));
	struct cw_flow_counters *flow;
	enum drop why = DROP_MALFORMED;
	struct inner inner;
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
	class = verdict_class(verdict);
	flow_enter(flow, len);
	if (unlikely(!inner_is_fit(path, &inner, &why))) {
		flow_dropped(flow, len, why);
		rte_pktmbuf_free(mbuf);
		return;
	}
	/* Before it is sequenced: from then on the retained packet is never written. */
	inner_ttl_decrement(rte_pktmbuf_mtod(mbuf, uint8_t *));
	if (unlikely(w->queued >= w->queued_max ||
		     !queue_push(&path->queue, cookie_of(mbuf), len,
				 tag_make(verdict_bucket(verdict), class, inner.ecn)))) {
		flow_dropped(flow, len, DROP_QUEUE_FULL);
		rte_pktmbuf_free(mbuf);
		return;
	}
	w->queued++;
	w->counters->class_out_packets[class % CLASS_COUNT]++;
	w->counters->class_out_bytes[class % CLASS_COUNT] += len;
	activate(w, path);
}

/* Where the frames of a new outer packet go; NULL: no buffer. */
static uint8_t *packet_begin(struct worker *w, const struct path *path, struct rte_mbuf **mbuf)
{
	*mbuf = rte_pktmbuf_alloc(w->ports[path->wan_port].pool);
	return *mbuf ? rte_pktmbuf_mtod(*mbuf, uint8_t *) : NULL;
}

/*
 * One outer packet of these plaintext pieces. The caller has checked that the WAN queue has room.
 * false: no buffer.
 */
static bool packet_send(struct worker *w, struct path *path, const struct aead_piece pieces[],
			uint32_t count, uint32_t frames_bytes, uint8_t ecn)
{
	struct cw_flow_counters *flow = &path->counters->out;
	struct wire_header header = {
		.type = WIRE_TYPE_FRAMES,
		.lane = path->lane_id,
		.link = path->intent.link_id,
		.path_id = path->wire_id,
		.send_time_us = (uint32_t)(w->now_ns / 1000),
		.packet_number = lane_tx_packet(&path->lane),
	};
	struct rte_mbuf *mbuf;
	uint8_t *dst = packet_begin(w, path, &mbuf);
	uint32_t len;

	if (unlikely(!dst))
		return false;
	len = outer_write(&path->outer, dst, frames_bytes + WIRE_OVERHEAD_BYTES, ecn);
	wire_header_write(dst + len, &header);
	len += WIRE_HEADER_BYTES;
	len += path->aead->seal(path->key, dst + len, pieces, count, dst + len - WIRE_HEADER_BYTES,
				WIRE_HEADER_BYTES, header.packet_number);
	mbuf->data_len = (uint16_t)len;
	mbuf->pkt_len = len;
	flow->outer_packets++;
	flow->outer_bytes += len;
	if (unlikely(!txq_put(&w->port[path->wan_port].tx, mbuf)))
		port_drop(w, path->wan_port, mbuf, DROP_TX_FULL);
	return true;
}

static void aggregate_close(struct path *path, bool is_sent)
{
	struct cw_flow_counters *flow = &path->counters->out;

	for (uint32_t i = 0; i < path->aggregate.count; i++) {
		uint32_t len = rte_pktmbuf_data_len(path->open[i]);

		if (is_sent)
			flow_sent(flow, len);
		else
			flow_dropped(flow, len, DROP_NO_BUFFER);
		rte_pktmbuf_free(path->open[i]);
	}
	aggregate_reset(&path->aggregate);
}

static void aggregate_flush(struct worker *w, struct path *path)
{
	uint8_t headers[PATH_AGGREGATE_MAX][WIRE_DATA_BYTES];
	struct aead_piece pieces[AEAD_PIECES_MAX];
	uint32_t count = path->aggregate.count;

	for (uint32_t i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = path->open[i];
		uint32_t tag = path->open_tags[i];
		struct lane_number number = lane_tx_next(&path->lane, tag_bucket(tag));
		struct wire_data data = {.class = tag_class(tag),
					 .frag_count = 1,
					 .length_bytes = rte_pktmbuf_data_len(mbuf),
					 .seq = number.seq,
					 .prev = number.prev};

		wire_data_write(headers[i], &data);
		pieces[2 * i] = (struct aead_piece){headers[i], WIRE_DATA_BYTES};
		pieces[2 * i + 1] =
			(struct aead_piece){rte_pktmbuf_mtod(mbuf, void *), data.length_bytes};
	}
	aggregate_close(path, packet_send(w, path, pieces, 2 * count, path->aggregate.used,
					  path->aggregate.ecn));
}

/* A packet alone in its outer packet, or cut into several. */
static void send_alone(struct worker *w, struct path *path, struct rte_mbuf *mbuf, uint32_t tag)
{
	struct cw_flow_counters *flow = &path->counters->out;
	uint32_t total = rte_pktmbuf_data_len(mbuf);
	uint32_t count = fragment_count(total, path->payload_max);
	uint8_t ecn = ecn_encapsulate(tag_ecn(tag));
	bool is_sent = count != 0;

	for (uint32_t i = 0; i < count && is_sent; i++) {
		struct lane_number number = i ? lane_tx_fragment(&path->lane, tag_bucket(tag))
					      : lane_tx_next(&path->lane, tag_bucket(tag));
		uint8_t header[WIRE_DATA_BYTES];
		struct aead_piece pieces[2];
		uint32_t offset, len;

		fragment_piece(total, path->payload_max, i, &offset, &len);
		wire_data_write(header, &(struct wire_data){.class = tag_class(tag),
							    .frag_index = (uint8_t)i,
							    .frag_count = (uint8_t)count,
							    .frag_offset = (uint16_t)offset,
							    .length_bytes = (uint16_t)len,
							    .seq = number.seq,
							    .prev = number.prev});
		pieces[0] = (struct aead_piece){header, sizeof(header)};
		pieces[1] = (struct aead_piece){rte_pktmbuf_mtod_offset(mbuf, void *, offset), len};
		is_sent = packet_send(w, path, pieces, 2, len + WIRE_DATA_BYTES, ecn);
		flow->fragments += count > 1;
	}
	if (is_sent)
		flow_sent(flow, total);
	else
		flow_dropped(flow, total, DROP_NO_BUFFER);
	rte_pktmbuf_free(mbuf);
}

static void transmit(struct worker *w, struct path *path, const struct queue_slot *slot)
{
	struct aggregate *aggregate = &path->aggregate;
	struct rte_mbuf *mbuf = mbuf_of(slot->cookie);
	uint8_t ecn = tag_ecn(slot->tag);

	if (aggregate_is_open(aggregate) && (aggregate->count == PATH_AGGREGATE_MAX ||
					     !aggregate_may_add(aggregate, slot->len_bytes, ecn)))
		aggregate_flush(w, path);
	if (!aggregate_wants(aggregate, slot->len_bytes)) {
		send_alone(w, path, mbuf, slot->tag);
		return;
	}
	path->open[aggregate->count] = mbuf;
	path->open_tags[aggregate->count] = slot->tag;
	aggregate_add(aggregate, slot->len_bytes, ecn, w->now_ns);
}

/* The next hop may have moved; its entry is small and hot, so it is asked each time. */
static bool next_hop_set(struct worker *w, struct path *path)
{
	const struct adj_entry *hop = hop_ready(w, &path->intent.peer_addr);

	/* A route by another port is not the link's: its MAC address means nothing on this one. */
	if (!hop || hop->port != path->wan_port)
		return false;
	outer_set_macs(&path->outer, hop->mac, w->ports[path->wan_port].mac);
	return true;
}

static uint32_t service_path(struct worker *w, struct path *path)
{
	struct txq *tx = &w->port[path->wan_port].tx;
	const struct queue_slot *next;
	struct queue_slot slot;
	uint32_t sent = 0;

	if (!next_hop_set(w, path))
		return 0;
	while (sent < SERVICE_BUDGET && (next = queue_peek(&path->queue))) {
		/* Room for every fragment and for the aggregate that may go first. */
		if (!txq_has_room(tx, 2 + fragment_count(next->len_bytes, path->payload_max)))
			break;
		if (!shaper_take(&path->shaper, next->len_bytes, w->now_ns))
			break;
		if (!queue_pop(&path->queue, &slot))
			break;
		w->queued--;
		transmit(w, path, &slot);
		sent++;
	}
	if (aggregate_is_due(&path->aggregate, w->now_ns) && txq_has_room(tx, 1)) {
		aggregate_flush(w, path);
		sent++;
	}
	return sent;
}

void outbound_flush(struct worker *w, struct path *path)
{
	if (aggregate_is_open(&path->aggregate))
		aggregate_flush(w, path);
}

uint32_t outbound_service(struct worker *w)
{
	uint32_t first = w->service_first < w->active_count ? w->service_first : 0;
	uint32_t moved = 0, kept = 0, at = first;

	for (uint32_t i = 0; i < w->active_count; i++) {
		moved += service_path(w, w->active[at]);
		at = at + 1 < w->active_count ? at + 1 : 0;
	}
	/*
	 * After a turn that found room another path goes first: a WAN port with little room serves
	 * all of them. Not after each turn, or room in every second one serves every second path.
	 */
	w->service_first = first + (moved != 0);
	for (uint32_t i = 0; i < w->active_count; i++) {
		struct path *path = w->active[i];

		path->is_active = !path_holds_nothing(path);
		if (path->is_active)
			w->active[kept++] = path;
	}
	w->active_count = kept;
	return moved;
}

bool outbound_send_probe(struct worker *w, struct path *path, enum wire_frame_type type,
			 const struct wire_probe *probe)
{
	uint8_t frame[WIRE_PROBE_BYTES];
	struct aead_piece piece = {frame, sizeof(frame)};

	if (!next_hop_set(w, path) || !txq_has_room(&w->port[path->wan_port].tx, 1))
		return false;
	wire_probe_write(frame, type, probe);
	return packet_send(w, path, &piece, 1, sizeof(frame), ECN_NOT_ECT);
}
