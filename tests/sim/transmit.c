#include "tests/sim/site.h"

#include <string.h>

#include "dataplane/core/aggregate.h"
#include "dataplane/core/fragment.h"
#include "dataplane/core/inner.h"
#include "tests/sim/world.h"

/* Seals the packet and gives it to the link. */
static void emit(struct site *site, struct packet *packet, uint32_t frame_bytes)
{
	struct world *w = site->world;
	struct tunnel *t = &site->tunnel;
	uint64_t clock = site_clock(site, w->now);
	struct wire_header header = {
		.type = WIRE_TYPE_FRAMES,
		.flags = keys_tx_phase(&t->keys),
		.link = site->link,
		.path_id = 7,
		.send_time_us = (uint32_t)(clock / 1000),
		.packet_number = tunnel_packet_next(t),
	};
	enum link_drop why;

	wire_header_write(packet->header, &header);
	packet->key = site->tx_key;
	packet->line_bytes = PACKET_LINE_BYTES + WIRE_OVERHEAD_BYTES + frame_bytes;
	pacer_charge(&site->pacer, packet->line_bytes - PACER_FRAMING_BYTES, clock);
	site->stats.packets_sent++;
	if (!packet->frame_count) {
		site->stats.control_sent++;
		site->stats.control_line_bytes += packet->line_bytes;
	}
	if (!link_send(&w->links[site->who], packet, w->now, &why))
		trace_add(&w->trace, w->now, TRACE_DROPPED, site->who, header.packet_number,
			  (uint64_t)why);
	site_wake(&w->sites[!site->who], link_due(&w->links[site->who]));
}

/*
 * ACKs and PINGs go before all else, but take a quarter of the link at most: where a packet takes
 * longer than the ACK period, one ACK for each would leave nothing to the other direction's data.
 */
#define CONTROL_SHARE	 4
#define CONTROL_AHEAD_NS 50000

static void control_emit(struct site *site, struct packet *packet, uint64_t clock)
{
	uint64_t line_bytes = PACKET_LINE_BYTES + WIRE_OVERHEAD_BYTES + packet->control_bytes;
	uint64_t line_ns = line_bytes * 8 * SECOND / site->pacer.shaper.rate_bps;

	emit(site, packet, packet->control_bytes);
	if (site->control_ns < clock)
		site->control_ns = clock;
	site->control_ns += CONTROL_SHARE * line_ns;
}

uint64_t site_control_due(const struct site *site)
{
	uint64_t due = tunnel_deadline(&site->tunnel);
	uint64_t may =
		site->control_ns > CONTROL_AHEAD_NS ? site->control_ns - CONTROL_AHEAD_NS : 0;

	if (due == UINT64_MAX)
		return UINT64_MAX;
	return site_time(site, due > may ? due : may);
}

bool site_control(struct site *site)
{
	struct world *w = site->world;
	uint64_t clock = site_clock(site, w->now);
	uint32_t wants;
	struct packet *packet;

	if (!keys_may_send(&site->tunnel.keys) || site->control_ns > clock + CONTROL_AHEAD_NS)
		return false;
	wants = tunnel_poll(&site->tunnel, clock);
	if (wants & TUNNEL_WANTS_ACK) {
		packet = packet_new(&w->packets, true);
		packet->control_bytes =
			(uint16_t)tunnel_ack_write(&site->tunnel, clock, packet->control);
		trace_add(&w->trace, w->now, TRACE_ACK_SENT, site->who, site->tunnel.next_packet,
			  packet->control_bytes);
		control_emit(site, packet, clock);
	}
	if (wants & TUNNEL_WANTS_PING) {
		packet = packet_new(&w->packets, true);
		packet->control_bytes =
			(uint16_t)tunnel_ping_write(&site->tunnel, clock, packet->control);
		trace_add(&w->trace, w->now, TRACE_PING_SENT, site->who, site->tunnel.next_packet,
			  site->tunnel.tx.next);
		control_emit(site, packet, clock);
	}
	return wants;
}

/* The repair must be of what is retained. */
static bool repair_is_right(struct site *site, const struct tunnel_unit *unit,
			    const struct cookie *entry)
{
	bool is_right = entry && entry->seq == unit->seq && entry->payload.len == unit->len_bytes &&
			entry->payload.offset == unit->frag_offset &&
			entry->frag_index == unit->frag_index &&
			entry->frag_count == unit->frag_count && entry->class == unit->class &&
			entry->ecn == unit->ecn;

	if (!is_right)
		check_fail(site->world, "the repair of sequence %llu is not what was sent",
			   (unsigned long long)unit->seq);
	return is_right;
}

/* A packet of repairs that is being filled. */
struct batch {
	struct packet *packet;
	struct aggregate fill;
};

static void batch_emit(struct site *site, struct batch *batch)
{
	if (!batch->packet)
		return;
	batch->packet->ecn = batch->fill.ecn;
	emit(site, batch->packet, batch->fill.used);
	batch->packet = NULL;
	aggregate_reset(&batch->fill);
}

static void batch_add(struct site *site, struct batch *batch, const struct wire_data *data,
		      const struct payload *payload, uint8_t ecn)
{
	struct packet_frame *frame;

	if (batch->packet && (batch->fill.count == PACKET_FRAMES ||
			      !aggregate_may_add(&batch->fill, payload->len, ecn)))
		batch_emit(site, batch);
	if (!batch->packet)
		batch->packet = packet_new(&site->world->packets, true);
	aggregate_add(&batch->fill, payload->len, ecn, 0);
	frame = packet_frame(batch->packet, batch->packet->frame_count++);
	wire_data_write(frame->header, data);
	frame->payload = *payload;
}

/*
 * What is to be repaired, small ones together, as they were sent: one by one, 32 lost small packets
 * of one tunnel packet took 2.5 times its bytes. Copies go in packets of their own.
 */
static bool repairs_send(struct site *site)
{
	struct world *w = site->world;
	uint64_t clock = site_clock(site, w->now);
	struct batch batch = {0};
	struct tunnel_unit unit;
	struct wire_data data;
	uint32_t copies;
	bool any = false;

	aggregate_init(&batch.fill, scenario_piece(w->scenario) + WIRE_DATA_BYTES);
	while (pacer_may_send(&site->pacer, clock) &&
	       tunnel_repair(&site->tunnel, clock, &unit, &data, &copies)) {
		const struct cookie *entry = cookie_of(&site->cookies, unit.cookie, COOKIE_TX);

		if (!repair_is_right(site, &unit, entry))
			break;
		any = true;
		for (; copies; copies--) {
			trace_add(&w->trace, w->now, TRACE_RESENT, site->who,
				  site->tunnel.next_packet, unit.seq);
			batch_add(site, &batch, &data, &entry->payload, unit.ecn);
			if (copies > 1 || !aggregate_wants(&batch.fill, unit.len_bytes))
				batch_emit(site, &batch);
		}
	}
	batch_emit(site, &batch);
	return any;
}

/* Sequences a unit and adds its frame to the packet. */
static void unit_add(struct site *site, struct packet *packet, const struct payload *payload,
		     uint32_t index, uint32_t count, uint8_t ecn)
{
	struct world *w = site->world;
	struct packet_frame *frame = packet_frame(packet, packet->frame_count++);
	struct cookie *entry;
	struct wire_data data;
	struct tunnel_unit unit = {.len_bytes = payload->len,
				   .frag_offset = payload->offset,
				   .frag_index = (uint8_t)index,
				   .frag_count = (uint8_t)count,
				   .class = (uint8_t)(payload->flow % 3),
				   .ecn = ecn};

	frame->payload = *payload;
	frame->payload.check = payload_check(payload);
	unit.cookie = cookie_new(&site->cookies, &frame->payload, &entry);
	entry->frag_index = unit.frag_index;
	entry->frag_count = unit.frag_count;
	entry->class = unit.class;
	entry->ecn = ecn;
	tunnel_send(&site->tunnel, &unit, payload->flow, site_clock(site, w->now), &data);
	entry->seq = unit.seq;
	cookie_pass(&site->cookies, entry, COOKIE_TX);
	wire_data_write(frame->header, &data);
	w->check.flow[site->who].units_sequenced++;
	trace_add(&w->trace, w->now, TRACE_SENT, site->who, site->tunnel.next_packet, unit.seq);
}

static void first_emit(struct site *site, struct packet *packet, uint32_t inner_bytes,
		       uint32_t frame_bytes)
{
	site->stats.first_packets++;
	site->stats.first_inner_bytes += inner_bytes;
	site->stats.first_line_bytes += PACKET_LINE_BYTES + WIRE_OVERHEAD_BYTES + frame_bytes;
	emit(site, packet, frame_bytes);
}

static uint8_t ecn_of(uint32_t flow)
{
	return flow & 1 ? ECN_ECT0 : ECN_NOT_ECT;
}

static void piece_send(struct site *site)
{
	uint32_t max = scenario_piece(site->world->scenario), offset, len;
	struct packet *packet = packet_new(&site->world->packets, false);

	fragment_piece(site->piece.total, max, site->pieces_sent, &offset, &len);
	site->piece.offset = (uint16_t)offset;
	site->piece.len = (uint16_t)len;
	packet->ecn = ecn_encapsulate(ecn_of(site->piece.flow));
	unit_add(site, packet, &site->piece, site->pieces_sent++, site->pieces,
		 ecn_of(site->piece.flow));
	first_emit(site, packet, len, WIRE_DATA_BYTES + len);
}

static struct payload take_inner(struct site *site)
{
	const struct source_packet *inner = source_peek(site->source, 0);
	struct payload payload = {
		.flow = inner->flow,
		.number = check_sequence(site->world, site->who, inner->flow),
		.total = inner->len,
		.len = (uint16_t)inner->len,
	};

	site->source->head++;
	return payload;
}

/* What of the queue may share a packet: how many, and are they to go now? */
static bool join(const struct site *site, struct aggregate *a)
{
	const struct world *w = site->world;
	uint32_t queued = source_queued(site->source);

	aggregate_init(a, scenario_piece(w->scenario) + WIRE_DATA_BYTES);
	for (uint32_t i = 0; i < queued; i++) {
		const struct source_packet *inner = source_peek(site->source, i);

		if (a->count == PACKET_FRAMES ||
		    !aggregate_may_add(a, inner->len, ecn_of(inner->flow)))
			return true;
		aggregate_add(a, inner->len, ecn_of(inner->flow), inner->at_ns);
	}
	return aggregate_is_due(a, w->now);
}

static bool may_send(struct site *site, uint32_t count, uint32_t bytes)
{
	enum tunnel_stall stall =
		tunnel_may_send(&site->tunnel, count, bytes, site_clock(site, site->world->now));

	site->stats.stalls[stall] += stall != TUNNEL_GO;
	return stall == TUNNEL_GO;
}

/* Several small ones, or one that fits: in one packet. */
static void whole_send(struct site *site, uint32_t count, uint32_t bytes, uint8_t ecn)
{
	struct packet *packet = packet_new(&site->world->packets, count > 1);

	packet->ecn = ecn;
	for (uint32_t i = 0; i < count; i++) {
		struct payload payload = take_inner(site);

		unit_add(site, packet, &payload, 0, 1, ecn_of(payload.flow));
	}
	first_emit(site, packet, bytes, bytes + count * WIRE_DATA_BYTES);
}

/* false: nothing may go now. */
static bool new_send(struct site *site)
{
	const struct source_packet *first = source_peek(site->source, 0);
	struct aggregate a;
	uint32_t count;

	if (site->pieces_sent < site->pieces) {
		if (!keys_may_send(&site->tunnel.keys))
			return false;
		piece_send(site);
		return true;
	}
	if (!source_queued(site->source))
		return false;
	count = fragment_count(first->len, scenario_piece(site->world->scenario));
	if (count == 1 && first->len <= AGGREGATE_MAX_INNER) {
		if (!join(site, &a) || !may_send(site, a.count, a.used - a.count * WIRE_DATA_BYTES))
			return false;
		whole_send(site, a.count, a.used - a.count * WIRE_DATA_BYTES, a.ecn);
		return true;
	}
	if (!may_send(site, count, first->len))
		return false;
	if (count == 1) {
		whole_send(site, 1, first->len, ecn_encapsulate(ecn_of(first->flow)));
		return true;
	}
	site->piece = take_inner(site);
	site->pieces = count;
	site->pieces_sent = 0;
	piece_send(site);
	return true;
}

bool site_transmit(struct site *site)
{
	struct world *w = site->world;
	uint64_t clock = site_clock(site, w->now);
	bool any = false;

	if (!keys_may_send(&site->tunnel.keys))
		return false;
	any = site_control(site);
	any |= repairs_send(site);
	while (!w->check.has_failed && pacer_may_send(&site->pacer, clock) && new_send(site))
		any = true;
	return any;
}

uint64_t site_transmit_due(const struct site *site)
{
	struct aggregate a;
	uint64_t pace = site_time(site, pacer_deadline(&site->pacer));
	bool is_waiting = source_queued(site->source) || site->pieces_sent < site->pieces;

	if (!keys_may_send(&site->tunnel.keys))
		return UINT64_MAX;
	if (tunnel_has_repairs(&site->tunnel))
		return pace;
	if (!is_waiting)
		return UINT64_MAX;
	if (!pacer_may_send(&site->pacer, site_clock(site, site->world->now)))
		return pace;
	/* The lane has no room: an ACK will change that. Or the packet waits for company. */
	if (site->pieces_sent < site->pieces || join(site, &a))
		return UINT64_MAX;
	return aggregate_deadline(&a);
}
