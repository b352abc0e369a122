#include "tests/sim/site.h"

#include <string.h>

#include "tests/sim/world.h"

#define BURST 64

/* The frame's header as the parser wants it: in front of as many bytes as it says. */
static uint8_t scratch[WIRE_DATA_BYTES + 65536];

static void on_data(struct site *site, const struct packet *packet,
		    const struct packet_frame *frame)
{
	struct world *w = site->world;
	struct wire_cursor cursor;
	struct wire_frame parsed;
	struct cookie *entry;
	enum tunnel_data answer;
	uint64_t cookie;

	memcpy(scratch, frame->header, WIRE_DATA_BYTES);
	wire_cursor_init(&cursor, scratch, WIRE_DATA_BYTES + frame->payload.len);
	if (wire_frame_next(&cursor, &parsed) != 1 || parsed.type != WIRE_DATA ||
	    cursor.at != cursor.end) {
		check_fail(w, "a DATA frame that was sent cannot be parsed");
		return;
	}
	cookie = cookie_new(&site->cookies, &frame->payload, &entry);
	entry->frag_index = parsed.data.frag_index;
	entry->frag_count = parsed.data.frag_count;
	entry->class = parsed.data.class;
	entry->ecn = packet->ecn;
	answer = tunnel_on_data(&site->tunnel, &parsed.data, cookie, packet->ecn,
				site_clock(site, w->now));
	trace_add(&w->trace, w->now, TRACE_DATA, site->who, parsed.data.seq, (uint64_t)answer);
	cookie_pass(&site->cookies, entry, answer == TUNNEL_HELD ? COOKIE_RX : COOKIE_FREE);
	/* Our peers keep to the protocol. */
	if (answer == TUNNEL_REFUSED && !w->check.flow[!site->who].has_gaps)
		check_fail(w, "site %u refuses sequence %u", site->who, parsed.data.seq);
}

/* The rate at which the link carried what was acknowledged, over a round trip at least. */
static uint64_t delivered_rate(struct site *site, uint64_t clock)
{
	const struct site_stats *stats = &site->stats;
	uint64_t since = clock - site->rate_since, packets = site->tunnel.peer_delivered;
	uint64_t span = rtt_smoothed(&site->tunnel.rtt) > 10 * MS ? rtt_smoothed(&site->tunnel.rtt)
								  : 10 * MS;

	if (since < span)
		return site->rate_bps;
	if (site->rate_packets && packets > site->rate_packets && stats->packets_sent)
		site->rate_bps =
			(uint64_t)((double)(packets - site->rate_packets) *
				   (double)stats->first_line_bytes /
				   (double)site->tunnel.stats.sequenced * 8e9 / (double)since);
	site->rate_since = clock;
	site->rate_packets = packets;
	return site->rate_bps;
}

static void ack_feedback(struct site *site, uint64_t clock)
{
	struct tunnel *t = &site->tunnel;

	if (!link_rate_on_feedback(&site->link_rate, t->queue_us, rtt_latest(&t->rtt),
				   rtt_min(&t->rtt), delivered_rate(site, clock), clock))
		return;
	trace_add(&site->world->trace, site->world->now, TRACE_RATE, site->who,
		  link_rate_bps(&site->link_rate), 0);
	pacer_set_rate(&site->pacer, link_rate_bps(&site->link_rate), clock);
}

static void on_ack(struct site *site, const uint8_t *bytes, uint32_t len)
{
	struct world *w = site->world;
	uint64_t clock = site_clock(site, w->now), freed[BURST];
	uint32_t used, count;
	struct wire_ack ack;

	if (!wire_ack_parse(bytes, len, &ack, &used) || used != len) {
		check_fail(w, "an ACK that was sent cannot be parsed");
		return;
	}
	trace_add(&w->trace, w->now, TRACE_ACK, site->who, ack.cumulative, ack.end);
	do {
		count = tunnel_on_ack(&site->tunnel, &ack, clock, freed, BURST);
		for (uint32_t i = 0; i < count; i++) {
			struct cookie *entry = cookie_of(&site->cookies, freed[i], COOKIE_TX);

			if (!entry) {
				check_fail(w, "an ACK frees a cookie that is not retained");
				return;
			}
			trace_add(&w->trace, w->now, TRACE_FREED, site->who, entry->payload.flow,
				  entry->payload.number);
			cookie_pass(&site->cookies, entry, COOKIE_FREE);
		}
	} while (count == BURST);
	if (site->tunnel.stats.acks_invalid)
		check_fail(w, "an ACK of an honest peer is taken for invalid");
	ack_feedback(site, clock);
}

static void on_control(struct site *site, const struct packet *packet)
{
	struct wire_cursor cursor;
	struct wire_frame frame;

	wire_cursor_init(&cursor, packet->control, packet->control_bytes);
	if (wire_frame_next(&cursor, &frame) != 1) {
		check_fail(site->world, "a control frame that was sent cannot be parsed");
		return;
	}
	if (frame.type == WIRE_ACK) {
		on_ack(site, frame.ack.bytes, frame.ack.len);
		return;
	}
	trace_add(&site->world->trace, site->world->now, TRACE_PING, site->who, frame.ping_next_seq,
		  0);
	tunnel_on_ping(&site->tunnel, frame.ping_next_seq);
	if (site->tunnel.stats.pings_invalid)
		check_fail(site->world, "a PING of an honest peer is taken for invalid");
}

enum refusal {
	REFUSED_MALFORMED,
	REFUSED_KEY,
	REFUSED_REPLAY,
	REFUSED_TAG,
	REFUSED_COPY
};

/* false: no state but counters has changed. */
static bool open_packet(struct site *site, struct packet *packet, struct wire_header *header,
			enum refusal *why)
{
	uint64_t flip = random_mix(packet->number);
	uint32_t len = WIRE_OVERHEAD_BYTES + packet->control_bytes;
	enum drop drop;
	bool is_replay;

	if (packet->is_corrupt && flip & 1)
		packet->header[flip / 2 % WIRE_HEADER_BYTES] ^= (uint8_t)(1 << (flip >> 60 & 7));
	*why = REFUSED_MALFORMED;
	if (!wire_header_parse(packet->header, len, header, &drop))
		return false;
	*why = REFUSED_KEY;
	if (!tunnel_may_open(&site->tunnel, header, &is_replay)) {
		*why = is_replay ? REFUSED_REPLAY : REFUSED_KEY;
		return false;
	}
	*why = REFUSED_TAG;
	if (packet->is_corrupt || packet->key != site->rx_key[header->flags & WIRE_F_KEY_PHASE])
		return false;
	*why = REFUSED_COPY;
	return tunnel_on_packet(&site->tunnel, header, site_clock(site, site->world->now));
}

static void on_packet(struct site *site, struct packet *packet)
{
	struct world *w = site->world;
	struct wire_header header;
	enum refusal why;

	if (!open_packet(site, packet, &header, &why)) {
		site->stats.corrupt += why == REFUSED_MALFORMED || packet->is_corrupt;
		site->stats.foreign += why == REFUSED_KEY || why == REFUSED_TAG;
		site->stats.replays += why == REFUSED_REPLAY || why == REFUSED_COPY;
		trace_add(&w->trace, w->now, TRACE_REFUSED, site->who, packet->number,
			  (uint64_t)why);
		return;
	}
	trace_add(&w->trace, w->now, TRACE_CAME, site->who, header.packet_number,
		  packet->line_bytes);
	for (uint32_t i = 0; i < packet->frame_count && !w->check.has_failed; i++)
		on_data(site, packet, packet_frame(packet, i));
	if (packet->control_bytes)
		on_control(site, packet);
}

/* A burst, as the NIC gives it. */
static uint32_t burst_receive(struct site *site)
{
	struct world *w = site->world;
	struct link *in = &w->links[!site->who];
	struct packet *packet;
	uint32_t count = 0;

	while (!w->check.has_failed && count < BURST && (packet = link_take(in, w->now))) {
		on_packet(site, packet);
		packet_put(&w->packets, packet);
		count++;
	}
	return count;
}

bool site_receive(struct site *site)
{
	uint32_t count = burst_receive(site);
	bool any = count != 0;

	/* ACKs go out between bursts. */
	for (; count == BURST; count = burst_receive(site)) {
		site_deliver(site);
		site_control(site);
	}
	return any;
}

/* The buffer behind a unit that is being delivered: it must be the one that was held. */
static struct cookie *unit_entry(struct site *site, const struct tunnel_unit *unit)
{
	struct cookie *entry = cookie_of(&site->cookies, unit->cookie, COOKIE_RX);

	if (!entry) {
		check_fail(site->world, "sequence %llu is delivered with a cookie not held",
			   (unsigned long long)unit->seq);
		return NULL;
	}
	if (entry->payload.len != unit->len_bytes || entry->payload.offset != unit->frag_offset ||
	    entry->frag_index != unit->frag_index || entry->frag_count != unit->frag_count ||
	    entry->class != unit->class || entry->ecn != unit->ecn ||
	    entry->payload.check != payload_check(&entry->payload)) {
		check_fail(site->world, "sequence %llu is not what was held",
			   (unsigned long long)unit->seq);
		return NULL;
	}
	return entry;
}

/* All pieces of one inner packet: its identity goes to *whole. */
static bool train_join(struct site *site, const struct tunnel_unit *last, struct payload *whole)
{
	uint32_t end = 0;

	for (uint32_t i = 0; i < last->frag_count; i++) {
		struct tunnel_unit unit;
		struct cookie *entry;

		tunnel_fragment(&site->tunnel, last, i, &unit);
		entry = unit_entry(site, &unit);
		if (!entry)
			return false;
		if (i == 0)
			*whole = entry->payload;
		if (entry->payload.flow != whole->flow || entry->payload.number != whole->number ||
		    entry->payload.offset != end || unit.frag_index != i)
			return false;
		end += entry->payload.len;
		cookie_pass(&site->cookies, entry, COOKIE_FREE);
	}
	return end == whole->total;
}

void site_deliver_unit(struct site *site, const struct tunnel_unit *unit, bool is_broken,
		       bool is_flush)
{
	struct world *w = site->world;
	struct cookie *entry;
	struct payload whole;

	if (is_broken) {
		/* Only what a restart tore apart. */
		entry = unit_entry(site, unit);
		if (entry)
			cookie_pass(&site->cookies, entry, COOKIE_FREE);
		if (!is_flush)
			check_fail(w, "sequence %llu: fragments of an honest peer are broken",
				   (unsigned long long)unit->seq);
		return;
	}
	if (unit->frag_count > 1) {
		if (!train_join(site, unit, &whole)) {
			check_fail(w, "sequence %llu: fragments do not make up a packet",
				   (unsigned long long)unit->seq);
			return;
		}
	} else {
		entry = unit_entry(site, unit);
		if (!entry)
			return;
		whole = entry->payload;
		cookie_pass(&site->cookies, entry, COOKIE_FREE);
	}
	check_delivery(w, !site->who, &whole);
	trace_add(&w->trace, w->now, TRACE_DELIVERED, site->who, whole.flow, whole.number);
	/* What is flushed has gone to the port's queue, at once. */
	if (is_flush)
		return;
	if (site->lan.busy_ps < w->now * 1000)
		site->lan.busy_ps = w->now * 1000;
	site->lan.busy_ps += whole.total * 8000000000000ull / site->lan.rate_bps;
}

bool site_deliver(struct site *site)
{
	struct world *w = site->world;
	struct tunnel_unit unit;
	/* How far the LAN's line may be ahead: the NIC's ring lasts until the next turn. */
	uint64_t ahead_ps = 2000 * w->scenario->poll_ns[site->who] + 2000000;
	bool is_broken, any = false;

	while (!w->check.has_failed && !site->lan.is_paused &&
	       site->lan.busy_ps <= w->now * 1000 + ahead_ps &&
	       tunnel_ready(&site->tunnel, &unit, &is_broken)) {
		site_deliver_unit(site, &unit, is_broken, false);
		tunnel_delivered(&site->tunnel, &unit, is_broken);
		any = true;
	}
	return any;
}
