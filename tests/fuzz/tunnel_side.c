#include "tests/fuzz/tunnel_side.h"

#include <string.h>

#define REKEY_PACKETS 200u
#define STOP_PACKETS  400u
#define COOKIES_SPARE (LEDGER_COOKIES / 2) /* for copies: each that arrives takes one */

void side_init(struct side *s, struct side *peer, const struct tunnel_config *config)
{
	end_init(&s->end, config, 1000000000);
	s->peer = peer;
	s->out.count = 0;
	for (uint32_t i = 0; i < SIDE_QUEUE; i++)
		s->out.order[i] = (uint8_t)i;
	memset(s->sent, 0, sizeof(s->sent));
	memset(s->got, 0, sizeof(s->got));
	memset(s->rx_keys, 0, sizeof(s->rx_keys));
	s->tx_key = 0;
	s->link = 0;
	s->end.t.keys.rekey_packets = REKEY_PACKETS;
	s->end.t.keys.stop_packets = STOP_PACKETS;
}

void side_packet_remove(struct side *s, uint32_t at)
{
	struct side_queue *q = &s->out;
	uint8_t freed = q->order[at];

	q->count--;
	memmove(&q->order[at], &q->order[at + 1], q->count - at);
	q->order[q->count] = freed;
}

/* false: no key to seal it with. */
static bool packet_open(struct side *s)
{
	struct wire_header header = {.type = WIRE_TYPE_FRAMES};

	if (!keys_may_send(&s->end.t.keys))
		return false;
	header.flags = keys_tx_phase(&s->end.t.keys);
	header.link = s->link;
	header.send_time_us = (uint32_t)(s->end.now / 1000);
	header.packet_number = tunnel_packet_next(&s->end.t);
	wire_header_write(s->open.bytes, &header);
	s->open.len = WIRE_HEADER_BYTES;
	s->open.key = s->tx_key;
	return true;
}

static void packet_close(struct side *s)
{
	s->open.len += WIRE_TAG_BYTES;
	check(s->open.len <= SIDE_PACKET);
	if (s->out.count == SIDE_QUEUE)
		side_packet_remove(s, 0); /* a loss, too */
	s->out.packets[s->out.order[s->out.count++]] = s->open;
}

static void data_add(struct side *s, const struct tunnel_unit *unit, const struct wire_data *data)
{
	const struct side_content *content = &s->content[ledger_index(unit->cookie)];
	uint8_t *at = s->open.bytes + s->open.len;

	wire_data_write(at, data);
	memset(at + WIRE_DATA_BYTES, unit->ecn, unit->len_bytes);
	at[WIRE_DATA_BYTES] = content->bucket;
	bytes_store32(at + WIRE_DATA_BYTES + 1, content->number);
	s->open.len += WIRE_DATA_BYTES + unit->len_bytes;
}

bool side_send(struct side *s, uint8_t bucket, uint32_t pieces)
{
	const struct tunnel_sizes *to = &s->peer->end.t.config.sizes;

	if (pieces > to->rx_buffers || pieces * SIDE_PIECE_BYTES > to->rx_bytes)
		return false;
	if (ledger_is_full(&s->end.ledger, pieces) ||
	    ledger_is_full(&s->peer->end.ledger, COOKIES_SPARE) ||
	    !end_may_send(&s->end, pieces, pieces * SIDE_PIECE_BYTES) || !packet_open(s))
		return false;
	for (uint32_t i = 0; i < pieces; i++) {
		struct tunnel_unit unit = {.len_bytes = SIDE_PIECE_BYTES,
					   .frag_offset = (uint16_t)(i * SIDE_PIECE_BYTES),
					   .frag_index = (uint8_t)i,
					   .frag_count = (uint8_t)pieces};
		struct wire_data data;

		end_send(&s->end, &unit, bucket, &data);
		s->content[ledger_index(unit.cookie)] =
			(struct side_content){.bucket = bucket, .number = s->sent[bucket]};
		data_add(s, &unit, &data);
	}
	s->sent[bucket]++;
	packet_close(s);
	return true;
}

bool side_repair(struct side *s, uint32_t max)
{
	struct tunnel_unit unit;
	struct wire_data data;
	uint32_t copies;
	bool has_any = false;

	for (; max && end_repair(&s->end, &unit, &data, &copies); max--) {
		for (; copies && packet_open(s); copies--) {
			data_add(s, &unit, &data);
			packet_close(s);
		}
		has_any = true;
	}
	return has_any;
}

bool side_control(struct side *s)
{
	uint32_t wants = end_poll(&s->end);

	if (wants & TUNNEL_WANTS_ACK && packet_open(s)) {
		s->open.len += end_ack_write(&s->end, s->open.bytes + s->open.len);
		packet_close(s);
	}
	if (wants & TUNNEL_WANTS_PING && packet_open(s)) {
		s->open.len += end_ping_write(&s->end, s->open.bytes + s->open.len);
		packet_close(s);
	}
	return wants;
}

static void data_take(struct side *s, const struct wire_data *data)
{
	uint64_t cookie;

	check(!ledger_is_full(&s->end.ledger, 1));
	if (!end_on_data(&s->end, data, data->payload[data->length_bytes - 1], &cookie))
		return;
	s->content[ledger_index(cookie)] = (struct side_content){
		.bucket = data->payload[0], .number = bytes_load32(data->payload + 1)};
}

static void packet_take(struct side *s, const struct side_packet *packet)
{
	struct wire_header header;
	struct wire_cursor cursor;
	struct wire_frame frame;
	struct wire_ack ack;
	uint32_t used;
	enum drop why;

	check(wire_header_parse(packet->bytes, packet->len, &header, &why));
	/* A cookie for each copy: near the end of them copies are lost. */
	if (packet->key != s->rx_keys[header.flags & WIRE_F_KEY_PHASE] ||
	    ledger_is_full(&s->end.ledger, 32) || !end_on_packet(&s->end, &header))
		return;
	wire_cursor_init(&cursor, packet->bytes + WIRE_HEADER_BYTES,
			 packet->len - WIRE_OVERHEAD_BYTES);
	while (wire_frame_next(&cursor, &frame) == 1) {
		if (frame.type == WIRE_DATA) {
			data_take(s, &frame.data);
		} else if (frame.type == WIRE_PING) {
			end_on_ping(&s->end, frame.ping_next_seq);
		} else {
			check(wire_ack_parse(frame.ack.bytes, frame.ack.len, &ack, &used));
			end_on_ack(&s->end, &ack, 16);
		}
	}
	check(cursor.at == cursor.end);
}

void side_packet_arrive(struct side *s, uint32_t at)
{
	packet_take(s->peer, &s->out.packets[s->out.order[at]]);
}

bool side_deliver(struct side *s)
{
	struct tunnel_unit unit, part;
	const struct side_content *content;
	bool is_broken;

	if (!end_ready(&s->end, &unit, &is_broken))
		return false;
	check(!is_broken);
	content = &s->content[ledger_index(unit.cookie)];
	check(content->number == s->got[content->bucket]++);
	for (uint32_t i = 0; i < unit.frag_count; i++) {
		tunnel_fragment(&s->end.t, &unit, i, &part);
		check(!memcmp(&s->content[ledger_index(part.cookie)], content, sizeof(*content)));
	}
	end_delivered(&s->end, &unit, is_broken);
	return true;
}

void side_rekey(struct side *s)
{
	uint32_t key = s->tx_key + 1;

	s->peer->rx_keys[key % KEYS_PHASES] = key;
	keys_install_rx(&s->peer->end.t.keys, key % KEYS_PHASES, s->end.now);
	keys_install_tx(&s->end.t.keys, key % KEYS_PHASES, s->end.now);
	s->tx_key = key;
}

void side_move(struct side *s, uint64_t rtt_ns)
{
	s->link++;
	tunnel_move(&s->end.t, rtt_ns, s->end.now);
}

void side_check(const struct side *s)
{
	const struct tunnel_stats *stats = &s->end.t.stats;

	check(!stats->acks_invalid && !stats->pings_invalid && !stats->refused);
	check(!s->end.t.order.disordered);
}

bool side_is_done(const struct side *s)
{
	bool is_all = true;

	for (uint32_t i = 0; i < SIDE_BUCKETS; i++)
		is_all &= s->peer->got[i] == s->sent[i];
	return is_all && !s->end.ledger.retained;
}
