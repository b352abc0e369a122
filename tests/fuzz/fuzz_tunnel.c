/*
 * A lane (core/tunnel.h) against a peer that has the key and no manners, and two lanes against a
 * network: the input is a list of operations. Seeds are text: the first byte is '0' for the peer
 * and '1' for the network, ten more choose the configuration, then each operation is a letter, 'a'
 * to 'p', with its operands behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/abi/verdict.h"
#include "tests/fuzz/tunnel_end.h"
#include "tests/fuzz/tunnel_pair.h"
#include "tests/fuzz/tunnel_shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct peer {
	struct input *in;
	struct end *end;
	uint64_t next_packet;
};

/* A number that matters, or one near it, or any. */
static uint64_t number_near(struct input *in, const uint64_t numbers[], uint32_t count)
{
	uint8_t choice = input_u8(in), away = input_u8(in);

	if (choice == UINT8_MAX)
		return input_number(in, 8);
	/* Mostly that one. */
	return numbers[choice % count] + (away & 3 ? 0 : (uint64_t)(int64_t)((int8_t)away / 4));
}

/* ---- our end's own calls ---- */

static void on_send(struct peer *p)
{
	struct input *in = p->in;
	uint32_t count = 1 + input_u8(in), bucket = input_u8(in);
	uint32_t pieces = input_u8(in) % 8, len = 1 + input_u8(in) * (bucket & 0x40 ? 35 : 1);
	struct wire_data data;

	pieces = pieces < 4 ? 1 : pieces;
	for (uint32_t i = 0; i < count && !ledger_is_full(&p->end->ledger, pieces); i++) {
		if (!end_may_send(p->end, pieces, pieces * len))
			return;
		for (uint32_t index = 0; index < pieces; index++) {
			struct tunnel_unit unit = {.len_bytes = (uint16_t)len,
						   .frag_offset = (uint16_t)(index * len),
						   .frag_index = (uint8_t)index,
						   .frag_count = (uint8_t)pieces};

			end_send(p->end, &unit, bucket & 0x80 ? i : bucket, &data);
			tunnel_packet_next(&p->end->t);
		}
		p->end->now += len;
	}
}

static void on_repair(struct peer *p)
{
	struct tunnel_unit unit;
	struct wire_data data;
	uint32_t copies, count = input_u8(p->in);

	while (count-- && end_repair(p->end, &unit, &data, &copies))
		tunnel_packet_next(&p->end->t);
}

static void on_poll(struct peer *p)
{
	uint32_t wants = end_poll(p->end);
	uint8_t *frame = malloc(WIRE_ACK_BYTES_MAX);

	/* Asked or not. */
	if (wants & TUNNEL_WANTS_ACK || input_u8(p->in) & 1)
		end_ack_write(p->end, frame);
	if (wants & TUNNEL_WANTS_PING)
		end_ping_write(p->end, frame);
	tunnel_packet_next(&p->end->t);
	free(frame);
}

static void on_time(struct peer *p)
{
	static const uint64_t steps[] = {1000,	    100000,	10000000,
					 250000000, 1000000000, 60000000000ull};
	uint8_t step = input_u8(p->in);

	/* Hours, but not past what a clock of nanoseconds reaches. */
	if (step == UINT8_MAX && p->end->now < 1ull << 61)
		p->end->now += input_number(p->in, 4) << 16;
	else
		p->end->now += steps[step % 6] * (1 + input_u8(p->in) % 8);
	keys_poll(&p->end->t.keys, p->end->now);
}

static void on_deliver(struct peer *p)
{
	struct tunnel_unit unit;
	bool is_broken;

	for (uint32_t n = input_u8(p->in); n && end_ready(p->end, &unit, &is_broken); n--) {
		end_delivered(p->end, &unit, is_broken);
		end_check(p->end);
	}
}

static void keys_give(struct end *end, uint8_t phase)
{
	keys_install_rx(&end->t.keys, phase, end->now);
	keys_install_tx(&end->t.keys, phase, end->now);
}

static void on_keys(struct peer *p)
{
	struct keys *keys = &p->end->t.keys;
	uint8_t choice = input_u8(p->in);

	if (choice == UINT8_MAX)
		keys_reset(keys);
	else
		keys_give(p->end, choice & 3);
	keys->stop_packets = choice & 0x40 ? 20 : KEYS_STOP_PACKETS;
}

/* To a link that is nearer or farther than the one before. */
static void on_move(struct peer *p)
{
	tunnel_move(&p->end->t, input_number(p->in, 4), p->end->now);
}

static void on_may_send(struct peer *p)
{
	uint32_t count = input_u8(p->in);

	end_may_send(p->end, count, (uint32_t)input_number(p->in, 4));
}

static void on_restart(struct peer *p)
{
	end_restart(p->end);
	keys_give(p->end, 0);
	p->next_packet = 0;
}

/* ---- what comes from the peer ---- */

static bool packet_come(struct peer *p)
{
	struct input *in = p->in;
	uint8_t how = input_u8(in);
	struct wire_header header = {.type = WIRE_TYPE_FRAMES,
				     .packet_number = p->next_packet,
				     .send_time_us = (uint32_t)(p->end->now / 1000) - 150};

	if (how & 0x10) /* any phase */
		header.flags = input_u8(in) & WIRE_F_KEY_PHASE;
	else
		header.flags = keys_tx_phase(&p->end->t.keys);
	header.link = how >> 6 & 1;
	if (how & 0x20)
		header.send_time_us = (uint32_t)input_number(in, 4);
	if ((how & 15) == 1)
		header.packet_number -= input_u8(in);
	else if ((how & 15) == 2)
		header.packet_number += (uint64_t)input_u8(in) << (input_u8(in) & 15);
	else if (how == 0xc3)
		header.packet_number = input_number(in, 8);
	if (!end_on_packet(p->end, &header))
		return false;
	if (header.packet_number >= p->next_packet)
		p->next_packet = header.packet_number + 1;
	return true;
}

static void data_come(struct peer *p, const struct wire_data *data)
{
	uint64_t cookie;

	if (ledger_is_full(&p->end->ledger, 1))
		return;
	end_on_data(p->end, data, input_u8(p->in) & 3, &cookie);
}

static uint64_t rx_seq(struct peer *p)
{
	const struct tunnel *t = &p->end->t;
	const uint64_t seqs[] = {t->rx.cumulative, t->rx.end, t->order.base,
				 t->credit_rx.granted_seq};

	return number_near(p->in, seqs, 4);
}

/* Frames with any fields that the parser lets through. */
static void on_any_data(struct peer *p)
{
	struct input *in = p->in;

	if (!packet_come(p))
		return;
	for (uint32_t n = 1 + input_u8(in) % 8; n; n--) {
		struct wire_data data = {.seq = (uint32_t)rx_seq(p),
					 .length_bytes = 1 + (uint16_t)(input_u8(in) * 36),
					 .frag_count = 1 + input_u8(in) % 4,
					 .class = input_u8(in) % CLASS_COUNT};

		data.prev = input_u8(in);
		if (data.prev == UINT8_MAX)
			data.prev = (uint32_t)input_number(in, 3);
		data.frag_index = input_u8(in) % data.frag_count;
		if (data.frag_index) {
			data.prev = 1;
			data.frag_offset = 1 + (uint16_t)input_u8(in) * 100;
		}
		data_come(p, &data);
	}
}

/* A run of whole packets from `end` on, or from the first gap; some are lost. */
static void on_data_run(struct peer *p)
{
	struct input *in = p->in;
	const struct arq_rx *rx = &p->end->t.rx;
	uint64_t seq = input_u8(in) & 1 ? rx->end : rx->cumulative;
	uint32_t count = input_u8(in), flows = 1 + input_u8(in) % 8, lost = input_u8(in);
	uint16_t len = 1 + (uint16_t)input_u8(in) * 4;

	if (!packet_come(p))
		return;
	for (uint32_t i = 0; i < count; i++) {
		struct wire_data data = {.seq = (uint32_t)(seq + i),
					 .prev = flows,
					 .length_bytes = len,
					 .frag_count = 1};

		if (!(lost >> (i & 7) & 1))
			data_come(p, &data);
	}
}

/* The fragments of one packet, in any order; now and then one is missing or unlike the others. */
static void on_fragments(struct peer *p)
{
	struct input *in = p->in;
	uint64_t first = rx_seq(p);
	uint32_t count = 2 + input_u8(in) % 254, step = 1 + input_u8(in), fault = input_u8(in);
	uint16_t len = 1 + input_u8(in);

	if (!packet_come(p))
		return;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = step % count ? i * step % count : i;
		struct wire_data data = {.seq = (uint32_t)(first + index),
					 .prev = index ? 1 : fault & 3,
					 .length_bytes = len,
					 .frag_index = (uint8_t)index,
					 .frag_offset = (uint16_t)(index * len),
					 .frag_count = (uint8_t)count};

		if (fault & 0x40 && index == fault % count)
			data.frag_offset += !!index;
		if (fault & 0x20 && index == fault % count)
			continue;
		data_come(p, &data);
	}
}

static void block_make(struct peer *p, struct wire_ack_block *block)
{
	uint64_t una = p->end->t.tx.una / WIRE_ACK_BLOCK_SEQS;
	uint8_t pattern = input_u8(p->in);

	block->first_seq = (una + (uint64_t)(int64_t)(int8_t)input_u8(p->in)) * WIRE_ACK_BLOCK_SEQS;
	for (uint32_t w = 0; w < WIRE_ACK_BLOCK_WORDS; w++) {
		uint64_t mixed = (block->first_seq + w + pattern) * 0x9e3779b97f4a7c15ull;

		block->bits[w] =
			pattern & 0x80 ? mixed : (pattern & 0x7full) * 0x204081020408102ull;
	}
}

static void ack_make(struct peer *p, struct wire_ack *ack)
{
	const struct tunnel *t = &p->end->t;
	const uint64_t seqs[] = {t->tx.una, t->tx.next, t->tx.una - 1000};
	const uint64_t limits[] = {t->tx.next, t->credit_tx.limit_seq};
	const uint64_t packets[] = {t->next_packet, t->ack_largest, UINT64_MAX};
	const uint64_t deliveries[] = {t->peer_delivered, t->tx.una - t->config.first_seq};
	struct input *in = p->in;

	*ack = (struct wire_ack){.block_count = input_u8(in) % (WIRE_ACK_BLOCKS + 1),
				 .queue_us = (uint32_t)input_number(in, 2)};
	ack->largest_packet = number_near(in, packets, 3);
	ack->echo_us = (uint32_t)(p->end->now / 1000) - (uint32_t)input_number(in, 2);
	ack->delay_us = input_u8(in);
	ack->cumulative = number_near(in, seqs, 3);
	ack->end = number_near(in, seqs, 2);
	ack->credit_seq = number_near(in, limits, 2);
	ack->credit_bytes = t->credit_tx.limit_bytes + ((uint64_t)input_u8(in) << 8);
	ack->delivered = number_near(in, deliveries, 2);
	for (uint32_t i = 0; i < ack->block_count; i++)
		block_make(p, &ack->blocks[i]);
}

/* As it comes, without the parser. */
static void on_ack(struct peer *p)
{
	struct wire_ack ack;

	if (!packet_come(p))
		return;
	ack_make(p, &ack);
	end_on_ack(p->end, &ack, 1 + input_u8(p->in) % 64);
}

/* Through the parser, some bytes changed on the way. */
static void on_ack_bytes(struct peer *p)
{
	uint8_t bytes[WIRE_ACK_BYTES_MAX];
	struct wire_ack ack;
	uint32_t len, used;

	if (!packet_come(p))
		return;
	ack_make(p, &ack);
	len = wire_ack_write(bytes, &ack);
	for (uint32_t n = input_u8(p->in) % 4; n; n--) {
		uint32_t at = (uint32_t)input_number(p->in, 2) % len;

		bytes[at] ^= input_u8(p->in);
	}
	if (wire_ack_parse(bytes, len, &ack, &used))
		end_on_ack(p->end, &ack, 1 + input_u8(p->in) % 64);
}

/* All is well and there is room: what it takes to get far. */
static void on_good_ack(struct peer *p)
{
	const struct tunnel *t = &p->end->t;
	uint64_t in_flight = t->tx.next - t->tx.una;
	struct wire_ack ack = {.largest_packet = t->next_packet - 1, .end = t->tx.next};
	uint8_t late = input_u8(p->in);

	if (!packet_come(p))
		return;
	ack.cumulative = t->tx.una + in_flight * input_u8(p->in) / UINT8_MAX;
	/* An old one: it speaks of sequences whose slots have others now. */
	if (late >= 0xe0 && t->tx.una - t->config.first_seq >= late)
		ack.cumulative = t->tx.una - late;
	ack.echo_us = (uint32_t)(p->end->now / 1000) - input_u8(p->in);
	ack.credit_seq = t->tx.next + 4ull * input_u8(p->in);
	ack.credit_bytes = t->credit_tx.sent_bytes + 65536;
	ack.delivered = ack.cumulative - t->config.first_seq;
	for (uint64_t at = ack.cumulative / WIRE_ACK_BLOCK_SEQS;
	     at <= ack.end / WIRE_ACK_BLOCK_SEQS && ack.block_count < WIRE_ACK_BLOCKS; at++) {
		struct wire_ack_block *block = &ack.blocks[ack.block_count++];

		block_make(p, block);
		block->first_seq = at * WIRE_ACK_BLOCK_SEQS;
	}
	end_on_ack(p->end, &ack, 64);
}

static void on_ping(struct peer *p)
{
	if (packet_come(p))
		end_on_ping(p->end, rx_seq(p));
}

static void on_packet(struct peer *p)
{
	packet_come(p);
}

static void peer_run(struct input *in)
{
	static void (*const ops[])(struct peer * p) = {
		on_packet,    on_send,	   on_repair,	on_poll,      on_any_data, on_data_run,
		on_fragments, on_ack,	   on_good_ack, on_ping,      on_time,	   on_deliver,
		on_keys,      on_may_send, on_restart,	on_ack_bytes,
	};
	static struct end end;
	struct peer peer = {.in = in, .end = &end};
	struct tunnel_config config;

	tunnel_shape(in, &config);
	end_init(&end, &config, (uint64_t)1 << input_u8(in) % 62);
	keys_give(&end, 0);
	while (!input_is_empty(in)) {
		uint8_t op = input_u8(in);

		if (op == 0xfc)
			on_move(&peer);
		else
			ops[op & 15](&peer);
		end_check(&end);
	}
	end_free(&end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {.at = data, .end = data + size};

	if (input_u8(&in) & 1)
		tunnel_pair_run(&in);
	else
		peer_run(&in);
	return 0;
}
