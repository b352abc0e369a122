/* Two ends of a lane for the tests of core/tunnel.h: a sends to b, packets are what a test holds in
 * its hands. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/tunnel.h"

#define US	 1000ull
#define MS	 1000000ull
#define RTT	 (1 * MS)
#define SLOTS	 1024u
#define BUFFERS	 600u
#define RX_BYTES 300000u
#define LEN	 100u

static const struct tunnel_sizes duplex = {.tx_slots = SLOTS,
					   .retain_packets = 800,
					   .retain_bytes = 400000,
					   .rx_slots = SLOTS,
					   .rx_buffers = BUFFERS,
					   .rx_bytes = RX_BYTES,
					   .replay_bits = REPLAY_BITS_MIN};

static struct tunnel a, b; /* a sends to b in most tests */
static uint64_t now;

/* Of either end, on its way; a frame of one kind. */
struct packet {
	struct wire_header header;
	bool is_data;
	struct wire_data data;
	uint8_t ack[WIRE_ACK_BYTES_MAX];
	uint32_t ack_len;
};

static inline void end_make(struct tunnel *t, const struct tunnel_sizes *sizes, uint64_t first_seq)
{
	struct tunnel_config config = {.sizes = *sizes, .first_seq = first_seq, .rtt_ns = RTT};

	assert_int_equal(
		tunnel_init(t, &config, aligned_alloc(64, (tunnel_memory(sizes) + 63) / 64 * 64)),
		0);
	keys_install_rx(&t->keys, 0, now);
	keys_install_tx(&t->keys, 0, now);
}

static inline int begin_at(uint64_t first_seq)
{
	now = 1000 * MS;
	end_make(&a, &duplex, first_seq);
	end_make(&b, &duplex, first_seq);
	return 0;
}

static inline int begin(void **state)
{
	(void)state;
	return begin_at(0);
}

static inline int end(void **state)
{
	(void)state;
	free(a.memory);
	free(b.memory);
	a.memory = b.memory = NULL;
	return 0;
}

static inline struct wire_header header_of(struct tunnel *t)
{
	return (struct wire_header){.type = WIRE_TYPE_FRAMES,
				    .flags = keys_tx_phase(&t->keys),
				    .send_time_us = (uint32_t)(now / US),
				    .packet_number = tunnel_packet_next(t)};
}

static inline struct packet send_unit(struct tunnel *t, struct tunnel_unit unit, uint32_t bucket)
{
	struct packet packet = {.is_data = true};

	tunnel_send(t, &unit, bucket, now, &packet.data);
	packet.header = header_of(t);
	return packet;
}

/* A whole packet whose cookie is its place in the stream. */
static inline struct packet send_one(struct tunnel *t, uint32_t bucket)
{
	uint64_t place = t->tx.next - t->config.first_seq;
	struct tunnel_unit unit = {.cookie = place, .len_bytes = LEN, .frag_count = 1};

	return send_unit(t, unit, bucket);
}

static inline struct packet ack_make(struct tunnel *t)
{
	struct packet packet = {0};

	packet.ack_len = tunnel_ack_write(t, now, packet.ack);
	packet.header = header_of(t);
	return packet;
}

static inline struct wire_ack ack_of(const struct packet *packet)
{
	struct wire_ack ack;
	uint32_t used;

	assert_true(wire_ack_parse(packet->ack, packet->ack_len, &ack, &used));
	return ack;
}

static inline enum tunnel_data receive_data(struct tunnel *t, const struct packet *packet,
					    uint64_t cookie)
{
	bool is_replay;

	assert_true(tunnel_may_open(t, &packet->header, &is_replay));
	assert_true(tunnel_on_packet(t, &packet->header, now));
	return tunnel_on_data(t, &packet->data, cookie, 0, now);
}

static inline uint32_t receive_ack(struct tunnel *t, const struct packet *packet, uint64_t out[],
				   uint32_t max)
{
	struct wire_ack ack = ack_of(packet);
	bool is_replay;

	assert_true(tunnel_may_open(t, &packet->header, &is_replay));
	assert_true(tunnel_on_packet(t, &packet->header, now));
	return tunnel_on_ack(t, &ack, now, out, max);
}

/* b tells a all it knows; what a gets back is thrown away. Returns how many cookies that was. */
static inline uint32_t ack_back(void)
{
	struct packet packet = ack_make(&b);
	uint64_t out[SLOTS * 2];

	return receive_ack(&a, &packet, out, SLOTS * 2);
}

/* Returns how many units that was; each cookie one above the last in its first tests. */
static inline uint32_t deliver_all(struct tunnel *t)
{
	struct tunnel_unit unit;
	bool is_broken;
	uint32_t count = 0;

	for (; tunnel_ready(t, &unit, &is_broken); count++)
		tunnel_delivered(t, &unit, is_broken);
	return count;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
