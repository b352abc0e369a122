/* WAN to LAN: a tunnel packet is checked, opened, taken apart; its inner packets go to their hosts.
 */
#include "dataplane/dpdk/worker.h"

#include <sys/eventfd.h>

#include <rte_memcpy.h>

#include "dataplane/core/wire.h"

/* One tunnel packet on its way through this file. */
struct inbound {
	struct path *path;
	struct rte_mbuf *mbuf; /* NULL once an inner packet has taken it over */
	uint32_t port;	       /* it came in by */
	uint8_t lane;
	uint8_t ecn; /* of the outer header */
};

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
	if (unlikely(!txq_put(&w->port[hop->port].tx, mbuf))) {
		flow_dropped(flow, len, DROP_TX_FULL);
		rte_pktmbuf_free(mbuf);
		return;
	}
	flow_sent(flow, len);
}

static void forward(struct worker *w, struct path *path, struct rte_mbuf *mbuf,
		    const struct ip_addr *dst)
{
	struct cw_flow_counters *flow = &path->counters->in;
	struct adj_entry *hop = hop_find_or_ask(w, dst);

	if (unlikely(!hop))
		refuse(flow, mbuf, DROP_NO_NEIGHBOUR);
	else if (likely(hop->state == ADJ_READY))
		deliver(w, flow, mbuf, hop);
	else if (hop->state == ADJ_UNREACHABLE)
		refuse(flow, mbuf, hop->reason ? (enum drop)hop->reason : DROP_NO_NEIGHBOUR);
	else if (!adj_wait(&w->adj, hop, cookie_of(mbuf), HANDLE_INDEX(path->handle)))
		refuse(flow, mbuf, DROP_NEIGHBOUR_QUEUE);
}

/* An inner packet, alone in its mbuf and already inside the path's flow. */
static void inner_deliver(struct worker *w, struct path *path, struct rte_mbuf *mbuf,
			  uint8_t outer_ecn, uint8_t class)
{
	struct cw_flow_counters *flow = &path->counters->in;
	uint8_t *ip = rte_pktmbuf_mtod(mbuf, uint8_t *);
	uint32_t len = rte_pktmbuf_data_len(mbuf);
	enum drop why = DROP_MALFORMED;
	struct inner inner;
	uint8_t ecn;

	if (unlikely(!inner_parse(ip, len, &inner, &why) || inner.total_len != len)) {
		refuse(flow, mbuf, why);
		return;
	}
	if (unlikely(!intent_path_permits(&path->intent, &inner.dst, &inner.src))) {
		refuse(flow, mbuf, DROP_SPOOFED);
		return;
	}
	if (unlikely(!ecn_decapsulate(inner.ecn, outer_ecn, &ecn))) {
		refuse(flow, mbuf, DROP_ECN);
		return;
	}
	if (ecn != inner.ecn) {
		inner_ecn_set(ip, ecn);
		flow->ce_marked += ecn == ECN_CE;
	}
	w->counters->class_in_packets[class]++;
	w->counters->class_in_bytes[class] += len;
	forward(w, path, mbuf, &inner.dst);
}

/* A buffer with these bytes as its data, and room for the Ethernet header. */
static struct rte_mbuf *copy_make(struct worker *w, const uint8_t *data, uint32_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(w->lan_pool);

	if (unlikely(!mbuf))
		return NULL;
	if (unlikely(len > rte_pktmbuf_tailroom(mbuf))) {
		rte_pktmbuf_free(mbuf);
		return NULL;
	}
	rte_memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), data, len);
	return mbuf;
}

/* The last inner packet keeps the buffer it came in; those before it are copied out. */
static struct rte_mbuf *inner_extract(struct worker *w, struct inbound *in,
				      const struct wire_data *data, bool is_last)
{
	struct rte_mbuf *mbuf = in->mbuf;

	if (!is_last)
		return copy_make(w, data->payload, data->length_bytes);
	in->mbuf = NULL;
	rte_pktmbuf_adj(mbuf, (uint16_t)(data->payload - rte_pktmbuf_mtod(mbuf, uint8_t *)));
	rte_pktmbuf_trim(mbuf, (uint16_t)(rte_pktmbuf_data_len(mbuf) - data->length_bytes));
	mbuf->ol_flags = 0;
	return mbuf;
}

static void on_whole(struct worker *w, struct inbound *in, const struct wire_data *data,
		     bool is_last)
{
	struct cw_flow_counters *flow = &in->path->counters->in;
	struct rte_mbuf *mbuf;

	flow_enter(flow, data->length_bytes);
	mbuf = inner_extract(w, in, data, is_last);
	if (unlikely(!mbuf))
		flow_dropped(flow, data->length_bytes, DROP_NO_BUFFER);
	else
		inner_deliver(w, in->path, mbuf, in->ecn, data->class);
}

/*
 * Held bytes of a packet in reassembly are those of its fragments so far, which is what its buffer
 * has as data: appended at the end of each, whatever its place.
 */
static void fragment_store(struct cw_flow_counters *flow, struct rte_mbuf *buffer,
			   const struct wire_data *data)
{
	rte_memcpy(rte_pktmbuf_mtod_offset(buffer, uint8_t *, data->frag_offset), data->payload,
		   data->length_bytes);
	buffer->data_len = (uint16_t)(buffer->data_len + data->length_bytes);
	buffer->pkt_len = buffer->data_len;
	flow->held_bytes += data->length_bytes;
	flow->rx_bytes += data->length_bytes;
}

static void reassembly_give_up(struct path *path, struct path_lane *lane, uint32_t slot)
{
	struct rte_mbuf *buffer = lane->buffers[slot];

	lane->buffers[slot] = NULL;
	refuse(&path->counters->in, buffer, DROP_REASSEMBLY);
}

/* A slot was opened: its packet is inside now, byte by byte. false: no buffer. */
static bool reassembly_open(struct worker *w, struct cw_flow_counters *flow, struct path_lane *lane,
			    uint32_t slot)
{
	lane->buffers[slot] = rte_pktmbuf_alloc(w->lan_pool);
	lane->ecn[slot] = ECN_NOT_ECT;
	flow_enter(flow, 0);
	if (likely(lane->buffers[slot]))
		return true;
	reasm_cancel(&lane->reasm, slot, w->now_ns);
	flow_dropped(flow, 0, DROP_NO_BUFFER);
	return false;
}

static void on_fragment(struct worker *w, struct inbound *in, const struct wire_data *data)
{
	struct path_lane *lane = in->path->lanes[in->lane];
	struct cw_flow_counters *flow = &in->path->counters->in;
	enum drop why = DROP_FRAGMENT;
	struct rte_mbuf *buffer;
	uint32_t slot, total;
	enum reasm_result result;

	flow->fragments++;
	result = reasm_on_fragment(&lane->reasm, data, w->now_ns, &slot, &total, &why);
	if (result == REASM_FULL) {
		reassembly_give_up(in->path, lane, reasm_evict(&lane->reasm, w->now_ns));
		result = reasm_on_fragment(&lane->reasm, data, w->now_ns, &slot, &total, &why);
	}
	if (result == REASM_NEW && !reassembly_open(w, flow, lane, slot))
		return;
	if (result != REASM_NEW && result != REASM_STORE && result != REASM_DONE) {
		flow_enter(flow, data->length_bytes);
		flow_dropped(flow, data->length_bytes, why);
		return;
	}
	buffer = lane->buffers[slot];
	fragment_store(flow, buffer, data);
	if (lane->ecn[slot] != ECN_CE)
		lane->ecn[slot] = in->ecn;
	if (result != REASM_DONE)
		return;
	lane->buffers[slot] = NULL;
	inner_deliver(w, in->path, buffer, lane->ecn[slot], data->class);
}

static void on_probe(struct worker *w, struct inbound *in, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_PROVED, .index = HANDLE_INDEX(in->path->handle)};

	if (frame->type == WIRE_PROBE) {
		/* The answer says: this end has applied the same generation. */
		if (frame->probe.generation == in->path->intent.generation)
			outbound_send_probe(w, in->path, WIRE_PROBE_ECHO, &frame->probe);
		return;
	}
	if (!probe_on_echo(&in->path->probe, frame->probe.generation, frame->probe.nonce,
			   frame->probe.time_ns, w->now_ns))
		return;
	event.proved.generation = frame->probe.generation;
	event.proved.rtt_ns = in->path->probe.rtt_ns;
	worker_event(w, &event);
}

static void frames_take(struct worker *w, struct inbound *in, const uint8_t *frames, uint32_t len)
{
	struct wire_cursor cursor;
	struct wire_frame frame;
	int more;

	wire_cursor_init(&cursor, frames, len);
	while ((more = wire_frame_next(&cursor, &frame)) == 1) {
		if (frame.type == WIRE_DATA && frame.data.frag_count == 1)
			on_whole(w, in, &frame.data, cursor.at == cursor.end);
		else if (frame.type == WIRE_DATA)
			on_fragment(w, in, &frame.data);
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

	*why = DROP_BAD_LANE;
	if (header->lane != lane || lane >= LANES_MAX)
		return false;
	*why = DROP_NO_PATH;
	in->path = path_table_by_id(&w->paths, header->path_id);
	if (!in->path)
		return false;
	*why = DROP_BAD_PEER;
	in->lane = header->lane;
	in->ecn = outer->ecn;
	return ip_addr_equal(&outer->src, &in->path->intent.peer_addr) &&
	       ip_addr_equal(&outer->dst, &in->path->intent.local_addr);
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
	if (unlikely(!in.path->aead->open(in.path->key, clear + WIRE_HEADER_BYTES,
					  outer.payload_len - WIRE_HEADER_BYTES, clear,
					  WIRE_HEADER_BYTES, header.packet_number))) {
		port_drop(w, port, mbuf, DROP_AUTH);
		return;
	}
	in.path->counters->in.outer_packets++;
	in.path->counters->in.outer_bytes += rte_pktmbuf_data_len(mbuf);
	frames_take(w, &in, clear + WIRE_HEADER_BYTES, outer.payload_len - WIRE_OVERHEAD_BYTES);
	rte_pktmbuf_free(in.mbuf);
}

void inbound_handoffs(struct worker *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		void *mbufs[PORT_BURST];
		uint32_t count;

		if (!w->handoff_in[i])
			continue;
		count = rte_ring_sc_dequeue_burst(w->handoff_in[i], mbufs, PORT_BURST, NULL);
		w->counters->handoff_rx += count;
		for (uint32_t k = 0; k < count; k++)
			inbound_accept(w, ((struct rte_mbuf *)mbufs[k])->port, mbufs[k]);
	}
}

void inbound_release(struct worker *w, const struct adj_waiter *waiter, const struct adj_entry *hop,
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

void inbound_expire(struct worker *w, struct path *path)
{
	uint32_t slots[PATH_REASM_SLOTS];

	for (uint32_t i = w->index; i < LANES_MAX; i += w->count) {
		struct path_lane *lane = path->lanes[i];
		uint32_t count = reasm_poll(&lane->reasm, w->now_ns, slots, PATH_REASM_SLOTS);

		for (uint32_t k = 0; k < count; k++)
			reassembly_give_up(path, lane, slots[k]);
	}
}
