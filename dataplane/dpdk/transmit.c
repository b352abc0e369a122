/* Tunnel packets: what a lane has to send is given its headers, sealed and put on the link. */
#include "dataplane/dpdk/worker.h"

#include "dataplane/core/fragment.h"
#include "dataplane/core/wire.h"

/* One outer packet under way. */
struct packet {
	struct aead_piece pieces[AEAD_PIECES_MAX];
	uint32_t count;
	uint32_t frames_bytes;
	uint8_t ecn;
};

/* Not the list of pieces, which is large: clearing it cost 25 ns. */
static void packet_begin(struct packet *packet, uint8_t ecn)
{
	packet->count = 0;
	packet->frames_bytes = 0;
	packet->ecn = ecn;
}

static void packet_add(struct packet *packet, const void *data, uint32_t len)
{
	packet->pieces[packet->count++] = (struct aead_piece){data, len};
	packet->frames_bytes += len;
}

/*
 * Seals it into a buffer of the WAN port. Without a buffer it is as if the WAN had lost it: what
 * was sequenced is repaired, what was not is sent again when it is due again. The caller has
 * checked that the port's queue has room.
 */
static bool packet_send_by(struct worker *w, struct path *path, const struct way *way,
			   struct path_lane *lane, const struct packet *packet)
{
	uint32_t ports = rte_cpu_to_be_32(way_ports(way, lane->id));
	struct cw_flow_counters *flow = &path->counters->out;
	struct wire_header header = {
		.type = WIRE_TYPE_FRAMES,
		.flags = keys_tx_phase(&lane->tunnel.keys),
		.lane = lane->id,
		.link = way->link_id,
		.path_id = path->wire_id,
		.send_time_us = (uint32_t)(w->now_ns / 1000),
		.packet_number = tunnel_packet_next(&lane->tunnel),
	};
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(w->ports[way->wan_port].pool);
	uint8_t *dst;
	uint32_t len;

	if (unlikely(!mbuf)) {
		w->port[way->wan_port].counters->drop[DROP_NO_BUFFER]++;
		return false;
	}
	dst = rte_pktmbuf_mtod(mbuf, uint8_t *);
	len = outer_write(&way->outer, dst, packet->frames_bytes + WIRE_OVERHEAD_BYTES,
			  packet->ecn);
	memcpy(dst + len - OUTER_UDP_BYTES, &ports, sizeof(ports));
	wire_header_write(dst + len, &header);
	len += WIRE_HEADER_BYTES;
	len += lane->aead->seal(&lane->tx_key, dst + len, packet->pieces, packet->count,
				dst + len - WIRE_HEADER_BYTES, WIRE_HEADER_BYTES,
				header.packet_number);
	mbuf->data_len = (uint16_t)len;
	mbuf->pkt_len = len;
	flow->outer_packets++;
	flow->outer_bytes += len;
	link_charge(&w->links[way->link_id], len, w->now_ns);
	if (unlikely(!txq_put(&w->port[way->wan_port].tx, mbuf)))
		port_drop(w, way->wan_port, mbuf, DROP_TX_FULL);
	return true;
}

static bool packet_send(struct worker *w, struct path *path, struct path_lane *lane,
			const struct packet *packet)
{
	return packet_send_by(w, path, path_way(path), lane, packet);
}

/*
 * The DATA header of a whole packet lies in front of it in its buffer, written once: so header and
 * packet are one piece for the cipher, now and in repairs.
 */
static void whole_add(struct packet *packet, struct rte_mbuf *mbuf)
{
	packet_add(packet, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, -WIRE_DATA_BYTES),
		   rte_pktmbuf_data_len(mbuf) + WIRE_DATA_BYTES);
}

static void whole_sequence(struct worker *w, struct path_lane *lane, struct rte_mbuf *mbuf,
			   uint32_t tag)
{
	struct tunnel_unit unit = {.cookie = cookie_of(mbuf),
				   .len_bytes = rte_pktmbuf_data_len(mbuf),
				   .frag_count = 1,
				   .class = tag_class(tag),
				   .ecn = tag_ecn(tag)};
	struct wire_data data;

	tunnel_send(&lane->tunnel, &unit, tag_bucket(tag), w->now_ns, &data);
	wire_data_write(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, -WIRE_DATA_BYTES), &data);
}

static void fragments_send(struct worker *w, struct path *path, struct rte_mbuf *mbuf, uint32_t tag,
			   uint32_t count)
{
	uint32_t total = rte_pktmbuf_data_len(mbuf);

	/* Each fragment has a share in the buffer until it is acknowledged. */
	rte_mbuf_refcnt_update(mbuf, (int16_t)(count - 1));
	for (uint32_t i = 0; i < count; i++) {
		struct packet packet;
		struct tunnel_unit unit = {.cookie = cookie_of(mbuf),
					   .frag_index = (uint8_t)i,
					   .frag_count = (uint8_t)count,
					   .class = tag_class(tag),
					   .ecn = tag_ecn(tag)};
		uint8_t header[WIRE_DATA_BYTES];
		struct wire_data data;
		uint32_t offset, len;

		packet_begin(&packet, ecn_encapsulate(tag_ecn(tag)));
		fragment_piece(total, path_payload_max(path), i, &offset, &len);
		unit.frag_offset = (uint16_t)offset;
		unit.len_bytes = (uint16_t)len;
		tunnel_send(&path->lane->tunnel, &unit, tag_bucket(tag), w->now_ns, &data);
		wire_data_write(header, &data);
		packet_add(&packet, header, sizeof(header));
		packet_add(&packet, rte_pktmbuf_mtod_offset(mbuf, void *, offset), len);
		packet_send(w, path, path->lane, &packet);
	}
	path->counters->out.fragments += count;
}

void transmit_alone(struct worker *w, struct path *path, struct rte_mbuf *mbuf, uint32_t tag)
{
	uint32_t count = fragment_count(rte_pktmbuf_data_len(mbuf), path_payload_max(path));
	struct packet packet;

	if (unlikely(count != 1)) {
		fragments_send(w, path, mbuf, tag, count);
		return;
	}
	packet_begin(&packet, ecn_encapsulate(tag_ecn(tag)));
	whole_sequence(w, path->lane, mbuf, tag);
	whole_add(&packet, mbuf);
	packet_send(w, path, path->lane, &packet);
}

/* The path changed under it, and it is too large now for one packet: each goes by itself. */
static void aggregate_split(struct worker *w, struct path *path)
{
	for (uint32_t i = 0; i < path->aggregate.count; i++)
		transmit_alone(w, path, path->open[i], path->open_tags[i]);
	aggregate_reset(&path->aggregate);
}

void transmit_aggregate(struct worker *w, struct path *path)
{
	struct packet packet;

	if (unlikely(path->aggregate.used > path_way(path)->frames_max)) {
		aggregate_split(w, path);
		return;
	}
	packet_begin(&packet, path->aggregate.ecn);
	for (uint32_t i = 0; i < path->aggregate.count; i++) {
		whole_sequence(w, path->lane, path->open[i], path->open_tags[i]);
		whole_add(&packet, path->open[i]);
	}
	aggregate_reset(&path->aggregate);
	packet_send(w, path, path->lane, &packet);
}

/* A fragment's header is made anew; that of a whole packet is in front of it. */
static void repair_add(struct packet *packet, const struct tunnel_unit *unit,
		       const struct wire_data *data, uint8_t header[WIRE_DATA_BYTES])
{
	struct rte_mbuf *mbuf = mbuf_of(unit->cookie);

	if (unit->frag_count == 1) {
		whole_add(packet, mbuf);
		return;
	}
	wire_data_write(header, data);
	packet_add(packet, header, WIRE_DATA_BYTES);
	packet_add(packet, rte_pktmbuf_mtod_offset(mbuf, void *, unit->frag_offset),
		   unit->len_bytes);
}

/* Sequences again, sealed anew under new packet numbers from the buffers that were retained. */
static uint32_t repair_send(struct worker *w, struct path *path, struct packet *packet,
			    uint32_t copies)
{
	for (uint32_t i = 0; i < copies; i++)
		packet_send(w, path, path->lane, packet);
	path_link(w, path)->counters->resent += copies;
	packet_begin(packet, ECN_NOT_ECT);
	return copies;
}

/* It was sequenced for a wider link: in parts, each copy of them. */
static uint32_t parts_send(struct worker *w, struct path *path, const struct tunnel_unit *unit,
			   const struct wire_data *data, uint32_t copies)
{
	uint32_t room = path_way(path)->frames_max - WIRE_PART_BYTES, offset, len;
	struct wire_part part = {.data = *data,
				 .count = (uint8_t)fragment_count(unit->len_bytes, room)};
	uint8_t header[WIRE_PART_BYTES];
	struct packet packet;

	for (uint32_t i = 0; i < copies * part.count; i++) {
		part.index = (uint8_t)(i % part.count);
		fragment_piece(unit->len_bytes, room, part.index, &offset, &len);
		part.length_bytes = (uint16_t)len;
		packet_begin(&packet, ecn_encapsulate(unit->ecn));
		wire_part_write(header, &part);
		packet_add(&packet, header, sizeof(header));
		packet_add(&packet,
			   rte_pktmbuf_mtod_offset(mbuf_of(unit->cookie), void *,
						   unit->frag_offset + offset),
			   len);
		packet_send(w, path, path->lane, &packet);
	}
	path_link(w, path)->counters->resent += copies;
	return copies * part.count;
}

static bool repair_is_small(const struct tunnel_unit *unit, uint32_t copies)
{
	return copies == 1 && unit->frag_count == 1 && unit->len_bytes <= AGGREGATE_MAX_INNER;
}

/*
 * May this small repair share the packet of those before it? As small packets do at first, or a
 * lost packet of 32 of them would take 32 to repair.
 */
static bool repair_shares(const struct path *path, const struct packet *packet,
			  const struct tunnel_unit *unit, uint32_t copies)
{
	return repair_is_small(unit, copies) && packet->count < AEAD_PIECES_MAX &&
	       packet->frames_bytes + WIRE_DATA_BYTES + unit->len_bytes <=
		       path->ways.way[path->ways.at].frames_max &&
	       packet->ecn == ecn_encapsulate(unit->ecn);
}

/* Of the widest packet that a link before this one may have taken. */
static uint32_t parts_most(const struct path *path)
{
	uint32_t widest = 0;

	for (uint32_t i = 0; i < WAYS_MAX; i++)
		widest = RTE_MAX(widest, path->ways.way[i].payload_max);
	return fragment_count(RTE_MIN(widest, (uint32_t)path->intent.far_lan_mtu),
			      path->ways.way[path->ways.at].frames_max - WIRE_PART_BYTES);
}

/* Frames that a repair may need at the port: two copies, and the shared packet before it. */
static uint32_t repair_room(const struct path *path)
{
	return 1 + 2 * (likely(!path->lane->tunnel.moved_ns) ? 1 : parts_most(path));
}

uint32_t transmit_repairs(struct worker *w, struct path *path, uint32_t budget)
{
	struct txq *tx = path_tx(w, path);
	struct path_lane *lane = path->lane;
	uint8_t header[WIRE_DATA_BYTES];
	struct tunnel_unit unit;
	struct packet packet;
	struct wire_data data;
	uint32_t room = repair_room(path), sent = 0, copies;

	packet_begin(&packet, ECN_NOT_ECT);
	while (sent < budget && tunnel_has_repairs(&lane->tunnel) && txq_has_room(tx, room) &&
	       link_may_send(path_link(w, path), w->now_ns) &&
	       tunnel_repair(&lane->tunnel, w->now_ns, &unit, &data, &copies)) {
		if (packet.count && !repair_shares(path, &packet, &unit, copies))
			sent += repair_send(w, path, &packet, 1);
		if (unlikely(unit.len_bytes > path_payload_max(path))) {
			sent += parts_send(w, path, &unit, &data, copies);
			continue;
		}
		packet.ecn = ecn_encapsulate(unit.ecn);
		repair_add(&packet, &unit, &data, header);
		if (!repair_is_small(&unit, copies))
			sent += repair_send(w, path, &packet, copies);
	}
	if (packet.count)
		sent += repair_send(w, path, &packet, 1);
	return sent;
}

static bool control_may_go(struct worker *w, struct path *path)
{
	return txq_has_room(path_tx(w, path), 1) && link_may_control(path_link(w, path), w->now_ns);
}

/* An ACK or PING of `len` bytes. */
static bool control_send(struct worker *w, struct path *path, struct path_lane *lane,
			 const uint8_t *frame, uint32_t len)
{
	struct packet packet;

	packet_begin(&packet, ECN_NOT_ECT);
	packet_add(&packet, frame, len);
	link_charge_control(path_link(w, path),
			    path_way(path)->outer.header_bytes + WIRE_OVERHEAD_BYTES + len,
			    w->now_ns);
	return packet_send(w, path, lane, &packet);
}

static uint32_t lane_control(struct worker *w, struct path *path, struct path_lane *lane)
{
	uint32_t wants = tunnel_poll(&lane->tunnel, w->now_ns), sent = 0;
	uint8_t frame[WIRE_ACK_BYTES_MAX];

	if (wants & TUNNEL_WANTS_ACK && control_may_go(w, path))
		sent += control_send(w, path, lane, frame,
				     tunnel_ack_write(&lane->tunnel, w->now_ns, frame));
	if (wants & TUNNEL_WANTS_PING && control_may_go(w, path))
		sent += control_send(w, path, lane, frame,
				     tunnel_ping_write(&lane->tunnel, w->now_ns, frame));
	return sent;
}

uint32_t transmit_control(struct worker *w, struct path *path)
{
	uint32_t sent = 0;

	for (uint32_t i = 0; i < path->own_count; i++)
		sent += lane_control(w, path, path->own[i]);
	return sent;
}

bool transmit_probe(struct worker *w, struct path *path, struct way *way, enum wire_frame_type type,
		    const struct wire_probe *probe)
{
	struct packet packet;
	uint8_t frame[WIRE_PROBE_BYTES];

	if (!keys_may_send(&path->lane->tunnel.keys) || !outbound_next_hop(w, way) ||
	    !txq_has_room(&w->port[way->wan_port].tx, 1))
		return false;
	wire_probe_write(frame, type, probe);
	packet_begin(&packet, ECN_NOT_ECT);
	packet_add(&packet, frame, sizeof(frame));
	return packet_send_by(w, path, way, path->lane, &packet);
}
