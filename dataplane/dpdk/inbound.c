/* WAN to the lane: a tunnel packet is checked, opened and taken apart; its frames are acted upon.
 */
#include "dataplane/dpdk/worker.h"

#include <rte_memcpy.h>

#include "dataplane/core/wire.h"

#define ACK_FREES 64 /* buffers freed at a time */

/* One tunnel packet on its way through this file. */
struct inbound {
	struct path *path;
	struct path_lane *lane;
	struct way *way;       /* of the path, it came by */
	struct rte_mbuf *mbuf; /* NULL once an inner packet has taken it over */
	uint32_t port;	       /* it came in by */
	uint8_t ecn;	       /* of the outer header */
};

/*
 * A buffer with these bytes as its data, and room for the Ethernet header. From the pool that all
 * waiting packets are counted on: those of a LAN port are for what comes in by it.
 */
static struct rte_mbuf *copy_make(struct worker *w, uint32_t port, const uint8_t *data,
				  uint32_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(w->ports[port].pool);

	if (unlikely(!mbuf))
		return NULL;
	if (unlikely(len > rte_pktmbuf_tailroom(mbuf))) {
		rte_pktmbuf_free(mbuf);
		return NULL;
	}
	rte_memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), data, len);
	return mbuf;
}

/* The last frame's packet keeps the buffer it came in; those before it are copied out. */
static struct rte_mbuf *inner_extract(struct worker *w, struct inbound *in,
				      const struct wire_data *data, bool is_last)
{
	struct rte_mbuf *mbuf = in->mbuf;

	if (!is_last)
		return copy_make(w, in->port, data->payload, data->length_bytes);
	in->mbuf = NULL;
	rte_pktmbuf_adj(mbuf, (uint16_t)(data->payload - rte_pktmbuf_mtod(mbuf, uint8_t *)));
	rte_pktmbuf_trim(mbuf, (uint16_t)(rte_pktmbuf_data_len(mbuf) - data->length_bytes));
	mbuf->ol_flags = 0;
	return mbuf;
}

/* A refused or doubled one leaves no trace but its count. */
static void data_hold(struct worker *w, struct inbound *in, const struct wire_data *data,
		      struct rte_mbuf *mbuf)
{
	struct cw_flow_counters *flow = &in->path->counters->in;

	if (tunnel_on_data(&in->lane->tunnel, data, cookie_of(mbuf), in->ecn, w->now_ns) !=
	    TUNNEL_HELD) {
		rte_pktmbuf_free(mbuf);
		return;
	}
	flow->rx_bytes += data->length_bytes;
	flow->held_bytes += data->length_bytes;
	/* A packet in fragments enters with the first of them. */
	if (data->frag_index == 0) {
		flow->rx_packets++;
		flow->held_packets++;
	}
	flow->fragments += data->frag_count > 1;
}

/* Without a buffer the far end sends it again. */
static void on_data(struct worker *w, struct inbound *in, const struct wire_data *data,
		    bool is_last)
{
	struct rte_mbuf *mbuf = inner_extract(w, in, data, is_last);

	if (likely(mbuf))
		data_hold(w, in, data, mbuf);
	else
		w->port[in->port].counters->drop[DROP_NO_BUFFER]++;
}

/* In a buffer of the LAN, which is wide enough for what it is to deliver. Few ever come. */
static void on_part(struct worker *w, struct inbound *in, const struct wire_part *part)
{
	struct rte_mbuf *mbuf = lane_part_take(in->lane, part, w->lan_pool);

	if (mbuf)
		data_hold(w, in, &part->data, mbuf);
}

static void on_ack(struct worker *w, struct inbound *in, const struct wire_frame *frame)
{
	struct link *link = path_link(w, in->path);
	struct tunnel *tunnel = &in->lane->tunnel;
	uint64_t freed[ACK_FREES], lost = tunnel->stats.lost;
	struct wire_ack ack;
	uint32_t count, used;

	if (!wire_ack_parse(frame->ack.bytes, frame->ack.len, &ack, &used)) {
		tunnel->stats.acks_invalid++;
		return;
	}
	do {
		count = tunnel_on_ack(tunnel, &ack, w->now_ns, freed, ACK_FREES);
		for (uint32_t i = 0; i < count; i++)
			path_release(in->path, mbuf_of(freed[i]), true, DROP_COUNT);
	} while (count == ACK_FREES);
	link->counters->lost += tunnel->stats.lost - lost;
	link_feedback(link, tunnel->queue_us, rtt_latest(&tunnel->rtt), rtt_min(&tunnel->rtt),
		      w->now_ns);
}

/* By this way, or by one that nothing in a packet tells from it: to another UDP port. */
static bool came_by(const struct inbound *in, const struct way *way)
{
	return way_has(way, &in->way->local, &in->way->peer, in->way->link_id);
}

static bool echo_proves(const struct worker *w, const struct inbound *in, const struct way *way,
			struct probe *probe, const struct wire_probe *echo)
{
	return came_by(in, way) &&
	       probe_on_echo(probe, echo->generation, echo->nonce, echo->time_ns, w->now_ns);
}

/* What came by one way proves that one, there and back. */
static void on_echo(struct worker *w, struct inbound *in, const struct wire_probe *echo)
{
	struct event event = {.type = EVENT_PROVED, .index = HANDLE_INDEX(in->path->handle)};
	struct path *path = in->path;
	struct probe *probe = &path->probe;

	if (!echo_proves(w, in, path_way(path), probe, echo)) {
		probe = &path->trial;
		event.type = EVENT_CROSSED;
		if (!ways_are_moving(&path->ways) ||
		    !echo_proves(w, in, ways_next(&path->ways), probe, echo))
			return;
	}
	event.proved.generation = echo->generation;
	event.proved.rtt_ns = probe->rtt_ns;
	worker_event(w, &event);
}

static void on_probe(struct worker *w, struct inbound *in, const struct wire_frame *frame)
{
	const struct path *path = in->path;

	if (frame->type == WIRE_PROBE_ECHO)
		on_echo(w, in, &frame->probe);
	/* The answer says: this end has applied that generation. By the way that it asks of (RFC
	 * 9000, 8.2.2). */
	else if (probe_is_answered(path->first_generation, path->intent.generation,
				   frame->probe.generation))
		transmit_probe(w, in->path, in->way, WIRE_PROBE_ECHO, &frame->probe);
}

static void frames_take(struct worker *w, struct inbound *in, const uint8_t *frames, uint32_t len)
{
	struct wire_cursor cursor;
	struct wire_frame frame;
	int more;

	wire_cursor_init(&cursor, frames, len);
	while ((more = wire_frame_next(&cursor, &frame)) == 1) {
		if (frame.type == WIRE_DATA)
			on_data(w, in, &frame.data, cursor.at == cursor.end);
		else if (frame.type == WIRE_ACK)
			on_ack(w, in, &frame);
		else if (frame.type == WIRE_PART)
			on_part(w, in, &frame.part);
		else if (frame.type == WIRE_PING)
			tunnel_on_ping(&in->lane->tunnel, frame.ping_next_seq);
		else if (frame.type == WIRE_PROBE || frame.type == WIRE_PROBE_ECHO)
			on_probe(w, in, &frame);
	}
	if (unlikely(more < 0))
		w->port[in->port].counters->drop[DROP_FRAME]++;
}

/* Finds the path and checks that its peer sent this on a lane that exists here. */
static bool header_check(struct worker *w, const struct outer *outer,
			 const struct wire_header *header, struct inbound *in, enum drop *why)
{
	uint32_t lane = (uint32_t)(outer->dst_port - w->port[in->port].input.port.udp_base);
	int way;

	*why = DROP_BAD_LANE;
	if (header->lane != lane || lane >= LANES_MAX)
		return false;
	*why = DROP_NO_PATH;
	in->path = path_table_by_id(&w->paths, header->path_id);
	if (!in->path)
		return false;
	*why = DROP_BAD_LANE;
	in->lane = in->path->lanes[header->lane];
	if (!in->lane)
		return false;
	*why = DROP_BAD_PEER;
	in->ecn = outer->ecn;
	way = ways_find(&in->path->ways, &outer->dst, &outer->src, header->link);
	if (way < 0)
		return false;
	in->way = &in->path->ways.way[way];
	return true;
}

/* Alone in its packet, as transmit_probe sends it. */
static bool is_probe(const uint8_t *frames, uint32_t len)
{
	return len == WIRE_PROBE_BYTES && (*frames == WIRE_PROBE || *frames == WIRE_PROBE_ECHO);
}

/*
 * Key and replay window first, which cost little, then the cipher, and only then anything changes.
 */
static bool packet_open(struct worker *w, struct inbound *in, uint8_t *clear, uint32_t len,
			const struct wire_header *header, enum drop *why)
{
	struct path_lane *lane = in->lane;
	const struct aead_key *key = &lane->rx_keys[header->flags & WIRE_F_KEY_PHASE];
	bool is_replay;

	if (unlikely(!tunnel_may_open(&lane->tunnel, header, &is_replay))) {
		*why = is_replay ? DROP_REPLAY : DROP_NO_KEY;
		return false;
	}
	*why = DROP_AUTH;
	if (unlikely(!lane->aead->open(key, clear + WIRE_HEADER_BYTES, len - WIRE_HEADER_BYTES,
				       clear, WIRE_HEADER_BYTES, header->packet_number)))
		return false;
	*why = DROP_REPLAY;
	if (is_probe(clear + WIRE_HEADER_BYTES, len - WIRE_OVERHEAD_BYTES))
		return tunnel_on_probe(&lane->tunnel, header, w->now_ns);
	return tunnel_on_packet(&lane->tunnel, header, w->now_ns);
}

/* Another worker owns the lane. mbuf->port tells it where the packet came in. */
static void handoff(struct worker *w, uint32_t port, uint32_t owner, struct rte_mbuf *mbuf)
{
	mbuf->port = (uint16_t)port;
	if (rte_ring_sp_enqueue(w->handoff_out[owner], mbuf))
		port_drop(w, port, mbuf, DROP_HANDOFF);
	else
		w->counters->handoff_tx++;
}

void inbound_accept(struct worker *w, uint32_t port, struct rte_mbuf *mbuf)
{
	struct inbound in = {.mbuf = mbuf, .port = port};
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	enum drop why = DROP_OUTER_MALFORMED;
	struct wire_header header;
	struct outer outer;
	uint8_t *clear;

	if (unlikely(!outer_parse(frame, rte_pktmbuf_data_len(mbuf), &outer, &why))) {
		port_drop(w, port, mbuf, why);
		return;
	}
	clear = frame + outer.payload_offset;
	if (unlikely(!wire_header_parse(clear, outer.payload_len, &header, &why))) {
		port_drop(w, port, mbuf, why);
		return;
	}
	if (header.lane % w->count != w->index && header.lane < LANES_MAX) {
		handoff(w, port, header.lane % w->count, mbuf);
		return;
	}
	if (unlikely(!header_check(w, &outer, &header, &in, &why))) {
		port_drop(w, port, mbuf, why);
		return;
	}
	if (unlikely(!packet_open(w, &in, clear, outer.payload_len, &header, &why))) {
		port_drop(w, port, mbuf, why);
		return;
	}
	in.path->counters->in.outer_packets++;
	in.path->counters->in.outer_bytes += rte_pktmbuf_data_len(mbuf);
	w->links[in.way->link_id].counters->rx_packets++;
	w->links[in.way->link_id].counters->rx_bytes +=
		rte_pktmbuf_data_len(mbuf) + PACER_FRAMING_BYTES;
	frames_take(w, &in, clear + WIRE_HEADER_BYTES, outer.payload_len - WIRE_OVERHEAD_BYTES);
	rte_pktmbuf_free(in.mbuf);
	deliver_lane(w, in.path, in.lane);
	if (lane_is_busy(in.lane))
		outbound_activate(w, in.path);
}

/* A tunnel packet, or a pause of our LAN. */
static void handoff_take(struct worker *w, struct rte_mbuf *mbuf)
{
	if (w->ports[mbuf->port].role == CW_PORT_LAN)
		lan_on_pause(w, mbuf->port, mbuf);
	else
		inbound_accept(w, mbuf->port, mbuf);
}

uint32_t inbound_handoffs(struct worker *w)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < w->count; i++) {
		void *mbufs[PORT_BURST];
		uint32_t count;

		if (!w->handoff_in[i])
			continue;
		count = rte_ring_sc_dequeue_burst(w->handoff_in[i], mbufs, PORT_BURST, NULL);
		w->counters->handoff_rx += count;
		taken += count;
		for (uint32_t k = 0; k < count; k++)
			handoff_take(w, mbufs[k]);
	}
	return taken;
}
