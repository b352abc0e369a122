#include "tests/fuzz/tunnel_end.h"

#include <string.h>

#define FREED_MAX 64u

static void retained_free(struct end *e, const uint64_t cookies[], uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		ledger_give(&e->ledger, cookies[i], LEDGER_RETAINED);
}

static void held_free(struct end *e, const struct tunnel_unit *unit)
{
	ledger_find(&e->ledger, unit->cookie, LEDGER_HELD, unit->seq, unit->len_bytes);
	ledger_give(&e->ledger, unit->cookie, LEDGER_HELD);
	e->delivered++;
	e->delivered_bytes += unit->len_bytes;
}

static void model_reset(struct end *e)
{
	memset(e->came, 0, e->came_top);
	e->came_top = 0;
	e->delivered = e->delivered_bytes = 0;
	e->missing = e->told_seq = e->t.config.first_seq;
	e->told_bytes = 0;
}

void end_init(struct end *e, const struct tunnel_config *config, uint64_t now)
{
	size_t bytes = tunnel_memory(&config->sizes);

	check(bytes && bytes % 64 == 0);
	/* From malloc, so that ASan sees a step past the end; and not zeroed. */
	e->memory = aligned_alloc(64, bytes);
	check(e->memory);
	memset(e->memory, 0xa5, bytes);
	check(!tunnel_init(&e->t, config, e->memory));
	check(tunnel_deadline(&e->t) == UINT64_MAX && !tunnel_poll(&e->t, now));
	e->now = now;
	ledger_init(&e->ledger);
	e->seen = e->t.stats;
	model_reset(e);
}

static void flush_tx(struct end *e)
{
	uint64_t cookies[7];
	uint32_t count;

	do {
		count = tunnel_flush_tx(&e->t, cookies, 7);
		check(count <= 7);
		retained_free(e, cookies, count);
	} while (count == 7);
	check(!tunnel_retained(&e->t) && !tunnel_has_repairs(&e->t) && !e->t.tx.retained_bytes);
}

/* Fragments that are told to be whole fit together. */
static void fragments_free(struct end *e, const struct tunnel_unit *last)
{
	uint32_t offset = 0;

	check(last->frag_index + 1 == last->frag_count);
	for (uint32_t i = 0; i < last->frag_count; i++) {
		struct tunnel_unit part;

		tunnel_fragment(&e->t, last, i, &part);
		check(part.seq + last->frag_count - 1 - i == last->seq);
		check(part.frag_index == i && part.frag_count == last->frag_count);
		check(part.class == last->class && part.frag_offset == offset);
		offset += part.len_bytes;
		held_free(e, &part);
	}
}

static void flush_rx(struct end *e)
{
	uint64_t next = e->t.config.first_seq;
	struct tunnel_unit unit;
	bool is_broken;

	while (tunnel_flush_rx(&e->t, &unit, &is_broken)) {
		check(unit.seq >= next);
		next = unit.seq + 1;
		if (is_broken)
			held_free(e, &unit);
		else
			fragments_free(e, &unit);
	}
	check(!tunnel_held(&e->t) && !e->t.order.held_bytes);
}

static void end_flush(struct end *e)
{
	flush_rx(e);
	flush_tx(e);
	ledger_check_empty(&e->ledger);
}

void end_free(struct end *e)
{
	end_flush(e);
	free(e->memory);
	model_reset(e);
}

void end_restart(struct end *e)
{
	struct tunnel_stats before;

	end_flush(e);
	before = e->t.stats;
	tunnel_reset(&e->t);
	check(!memcmp(&before, &e->t.stats, sizeof(before)));
	model_reset(e);
}

/* ---- what is always true ---- */

static void tx_check(const struct end *e)
{
	const struct tunnel *t = &e->t;
	const struct ledger *l = &e->ledger;
	const struct tunnel_sizes *sizes = &t->config.sizes;

	check(t->tx.una >= t->config.first_seq && t->tx.una <= t->tx.next);
	check(t->tx.next - t->tx.una <= sizes->tx_slots);
	check(tunnel_retained(t) == l->retained && l->retained <= sizes->retain_packets);
	check(t->tx.retained_bytes == l->retained_bytes);
	check(l->retained_bytes <= sizes->retain_bytes);
	check(t->tx.lost_count <= l->retained);
	/* The oldest one is retained, or nothing is; and something asks for an answer. */
	check((t->tx.una == t->tx.next) == !l->retained);
	check(!l->retained || t->probe_ns != UINT64_MAX);
	check(!t->is_waiting || t->probe_ns != UINT64_MAX);
}

static void rx_check(const struct end *e)
{
	const struct tunnel *t = &e->t;
	const struct ledger *l = &e->ledger;
	const struct tunnel_sizes *sizes = &t->config.sizes;
	uint64_t granted = t->credit_rx.granted_seq, granted_bytes = t->credit_rx.granted_bytes;

	check(tunnel_held(t) == l->held && l->held <= sizes->rx_buffers);
	check(t->order.held_bytes == l->held_bytes && l->held_bytes <= sizes->rx_bytes);
	check(t->rx.cumulative == e->missing && t->rx.cumulative <= t->rx.end);
	check(t->rx.end <= granted && granted >= e->told_seq && granted_bytes >= e->told_bytes);
	check(granted <= t->config.first_seq + e->delivered + sizes->rx_buffers);
	check(granted_bytes <= e->delivered_bytes + sizes->rx_bytes);
	check(!t->ack_pending || t->ack_ns != UINT64_MAX);
	if (!sizes->rx_slots)
		return;
	check(t->order.base >= t->config.first_seq && t->order.base <= t->rx.cumulative);
	check(granted <= t->order.base + sizes->rx_slots);
	check(t->order.ready_count <= l->held);
	check(t->stats.received == t->stats.delivered + l->held);
}

static void stats_check(struct end *e)
{
	const uint64_t *now = (const uint64_t *)&e->t.stats;
	const uint64_t *seen = (const uint64_t *)&e->seen;

	for (uint32_t i = 0; i < sizeof(e->seen) / sizeof(*seen); i++)
		check(now[i] >= seen[i]);
	e->seen = e->t.stats;
}

void end_check(struct end *e)
{
	uint64_t due;
	uint32_t wants;

	/* Takes in what was delivered since; from there on asking changes nothing. */
	tunnel_poll(&e->t, e->now);
	due = tunnel_deadline(&e->t);
	wants = tunnel_poll(&e->t, e->now);
	tx_check(e);
	rx_check(e);
	stats_check(e);
	check((due <= e->now) == (wants != 0));
	check(tunnel_deadline(&e->t) == due);
	check(keys_may_send(&e->t.keys) || due == UINT64_MAX);
}

/* ---- sending ---- */

bool end_may_send(struct end *e, uint32_t count, uint32_t bytes)
{
	struct arq_tx before = e->t.tx;
	enum tunnel_stall stall = tunnel_may_send(&e->t, count, bytes, e->now);

	check(!memcmp(&before, &e->t.tx, sizeof(before)));
	check(tunnel_may_send(&e->t, count, bytes, e->now) == stall);
	if (stall == TUNNEL_STALL_CREDIT)
		check(tunnel_deadline(&e->t) != UINT64_MAX);
	return stall == TUNNEL_GO;
}

static void data_check(const struct tunnel_unit *unit, const struct wire_data *data)
{
	check(data->seq == (uint32_t)unit->seq && data->length_bytes == unit->len_bytes);
	check(data->frag_index == unit->frag_index && data->frag_count == unit->frag_count);
	check(data->frag_offset == unit->frag_offset && data->class == unit->class);
	check(data->prev <= WIRE_PREV_MAX && (!unit->frag_index || data->prev == 1));
}

void end_send(struct end *e, struct tunnel_unit *unit, uint32_t bucket, struct wire_data *data)
{
	uint64_t next = e->t.tx.next;

	unit->cookie = ledger_new(&e->ledger, next, unit->len_bytes);
	ledger_take(&e->ledger, unit->cookie, LEDGER_RETAINED);
	tunnel_send(&e->t, unit, bucket, e->now, data);
	check(unit->seq == next && e->t.tx.next == next + 1);
	data_check(unit, data);
}

bool end_repair(struct end *e, struct tunnel_unit *unit, struct wire_data *data, uint32_t *copies)
{
	bool has_any = tunnel_has_repairs(&e->t) && keys_may_send(&e->t.keys);

	check(tunnel_repair(&e->t, e->now, unit, data, copies) == has_any);
	if (!has_any)
		return false;
	ledger_find(&e->ledger, unit->cookie, LEDGER_RETAINED, unit->seq, unit->len_bytes);
	check(*copies == 1 || *copies == 2);
	data_check(unit, data);
	return true;
}

uint32_t end_poll(struct end *e)
{
	return tunnel_poll(&e->t, e->now);
}

static bool has_come(const struct end *e, uint64_t seq)
{
	return seq < e->t.config.first_seq || e->came[seq - e->t.config.first_seq];
}

static void block_check(const struct end *e, const struct wire_ack *ack,
			const struct wire_ack_block *block)
{
	for (uint32_t i = 0; i < WIRE_ACK_BLOCK_SEQS; i++) {
		uint64_t seq = block->first_seq + i;
		bool is_set = block->bits[i / 64] >> (i % 64) & 1;

		check(is_set == (seq >= ack->cumulative && seq < ack->end && has_come(e, seq)));
	}
}

static void ack_check(struct end *e, const struct wire_ack *ack)
{
	const struct tunnel_sizes *sizes = &e->t.config.sizes;
	uint64_t span = 0;

	check(ack->cumulative == e->missing && ack->end == e->t.rx.end);
	check(ack->end >= e->t.config.first_seq + e->came_top);
	check(ack->delivered == e->delivered);
	check(ack->credit_seq <= e->t.config.first_seq + e->delivered + sizes->rx_buffers);
	check(ack->credit_bytes <= e->delivered_bytes + sizes->rx_bytes);
	check(ack->credit_seq >= e->told_seq && ack->credit_bytes >= e->told_bytes);
	e->told_seq = ack->credit_seq;
	e->told_bytes = ack->credit_bytes;
	if (ack->end != ack->cumulative)
		span = (ack->end - 1) / WIRE_ACK_BLOCK_SEQS -
		       ack->cumulative / WIRE_ACK_BLOCK_SEQS + 1;
	/* All of it, where it fits; the newest in any case. */
	check(!span || ack->blocks[0].first_seq ==
			       (ack->end - 1) / WIRE_ACK_BLOCK_SEQS * WIRE_ACK_BLOCK_SEQS);
	check(ack->block_count == (span < WIRE_ACK_BLOCKS ? span : WIRE_ACK_BLOCKS));
	for (uint32_t i = 0; i < ack->block_count; i++) {
		block_check(e, ack, &ack->blocks[i]);
		for (uint32_t j = 0; j < i; j++)
			check(ack->blocks[i].first_seq != ack->blocks[j].first_seq);
	}
}

static void frame_parse(const uint8_t *bytes, uint32_t len, struct wire_frame *frame)
{
	struct wire_cursor cursor;

	wire_cursor_init(&cursor, bytes, len);
	check(wire_frame_next(&cursor, frame) == 1 && cursor.at == cursor.end);
}

uint32_t end_ack_write(struct end *e, uint8_t *dst)
{
	uint32_t len = tunnel_ack_write(&e->t, e->now, dst), used = 0;
	uint8_t again[WIRE_ACK_BYTES_MAX];
	struct wire_frame frame;
	struct wire_ack ack;

	check(len <= WIRE_ACK_BYTES_MAX);
	frame_parse(dst, len, &frame);
	check(frame.type == WIRE_ACK && wire_ack_parse(dst, len, &ack, &used) && used == len);
	ack_check(e, &ack);
	/* The parser had nothing to clear. */
	check(wire_ack_write(again, &ack) == len && !memcmp(again, dst, len));
	check(!(tunnel_poll(&e->t, e->now) & TUNNEL_WANTS_ACK));
	return len;
}

uint32_t end_ping_write(struct end *e, uint8_t *dst)
{
	uint32_t len = tunnel_ping_write(&e->t, e->now, dst);
	struct wire_frame frame;

	frame_parse(dst, len, &frame);
	check(frame.type == WIRE_PING && frame.ping_next_seq == e->t.tx.next);
	check(!(tunnel_poll(&e->t, e->now) & TUNNEL_WANTS_PING));
	return len;
}

/* ---- receiving ---- */

bool end_on_packet(struct end *e, const struct wire_header *header)
{
	uint64_t replayed = e->t.stats.replayed;
	bool is_replay;

	if (!tunnel_may_open(&e->t, header, &is_replay)) {
		check(e->t.stats.replayed == replayed + is_replay);
		check(is_replay || !keys_may_open(&e->t.keys, header->flags & WIRE_F_KEY_PHASE));
		return false;
	}
	check(!is_replay && tunnel_on_packet(&e->t, header, e->now));
	/* Never again. */
	check(!tunnel_may_open(&e->t, header, &is_replay));
	check(!tunnel_on_packet(&e->t, header, e->now));
	return true;
}

/* The model's answer; *seq is the full sequence. */
static enum tunnel_data data_expect(const struct end *e, const struct wire_data *data,
				    uint64_t *seq)
{
	const struct credit_rx *credit = &e->t.credit_rx;
	int64_t away = (int32_t)(data->seq - (uint32_t)e->missing);

	*seq = e->missing + (uint64_t)away;
	if (away < 0)
		return TUNNEL_DUPLICATE;
	if (*seq >= credit->granted_seq)
		return TUNNEL_REFUSED;
	if (has_come(e, *seq))
		return TUNNEL_DUPLICATE;
	if (e->ledger.held_bytes + e->delivered_bytes + data->length_bytes > credit->granted_bytes)
		return TUNNEL_REFUSED;
	return TUNNEL_HELD;
}

bool end_on_data(struct end *e, const struct wire_data *data, uint8_t ecn, uint64_t *cookie)
{
	uint64_t seq, first = e->t.config.first_seq;
	enum tunnel_data expected = data_expect(e, data, &seq);

	*cookie = ledger_new(&e->ledger, seq, data->length_bytes);
	check(tunnel_on_data(&e->t, data, *cookie, ecn, e->now) == expected);
	if (expected != TUNNEL_HELD)
		return false;
	check(seq - first < END_SEQS);
	ledger_take(&e->ledger, *cookie, LEDGER_HELD);
	e->came[seq - first] = 1;
	if (seq - first >= e->came_top)
		e->came_top = (uint32_t)(seq - first) + 1;
	while (e->missing - first < e->came_top && has_come(e, e->missing))
		e->missing++;
	return true;
}

void end_on_ack(struct end *e, const struct wire_ack *ack, uint32_t max)
{
	uint64_t cookies[FREED_MAX], invalid = e->t.stats.acks_invalid;
	uint64_t una = e->t.tx.una, limit = e->t.credit_tx.limit_seq;
	uint32_t count, retained = e->ledger.retained, lost = e->t.tx.lost_count;

	do {
		count = tunnel_on_ack(&e->t, ack, e->now, cookies, max);
		check(count <= max);
		retained_free(e, cookies, count);
	} while (count == max);
	check(e->t.tx.una >= una && e->t.credit_tx.limit_seq >= limit);
	if (e->t.stats.acks_invalid == invalid)
		return;
	check(e->ledger.retained == retained && e->t.tx.una == una && e->t.tx.lost_count == lost);
	check(e->t.credit_tx.limit_seq == limit);
}

void end_on_ping(struct end *e, uint64_t next_seq)
{
	uint64_t granted = e->t.credit_rx.granted_seq, end = e->t.rx.end;

	tunnel_on_ping(&e->t, next_seq);
	check(e->t.rx.end == (next_seq > end && next_seq <= granted ? next_seq : end));
}

bool end_ready(struct end *e, struct tunnel_unit *unit, bool *is_broken)
{
	struct tunnel_unit again;
	bool is_still_broken;

	if (!tunnel_ready(&e->t, unit, is_broken))
		return false;
	check(tunnel_ready(&e->t, &again, &is_still_broken));
	check(again.seq == unit->seq && is_still_broken == *is_broken);
	check(unit->frag_count > 1 || !*is_broken);
	return true;
}

void end_delivered(struct end *e, const struct tunnel_unit *unit, bool is_broken)
{
	if (is_broken)
		held_free(e, unit);
	else
		fragments_free(e, unit);
	tunnel_delivered(&e->t, unit, is_broken);
}
