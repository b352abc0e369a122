#include "tests/unit/dataplane/tunnel_ends.h"

static void tunnel_on_data__accepts_what_it_granted(void **state)
{
	struct packet packet;
	struct wire_data data;

	(void)state;
	ack_back();
	packet = send_one(&a, 1);
	assert_int_equal(receive_data(&b, &packet, 0), TUNNEL_HELD);
	assert_int_equal(tunnel_on_data(&b, &packet.data, 0, 0, now), TUNNEL_DUPLICATE);
	data = packet.data;
	data.seq = BUFFERS - 1;
	assert_int_equal(tunnel_on_data(&b, &data, 0, 0, now), TUNNEL_HELD);
	assert_int_equal(tunnel_on_data(&b, &data, 0, 0, now), TUNNEL_DUPLICATE);
	data.seq = BUFFERS;
	assert_int_equal(tunnel_on_data(&b, &data, 0, 0, now), TUNNEL_REFUSED);
	data.seq = (uint32_t)-1; /* below the first one */
	assert_int_equal(tunnel_on_data(&b, &data, 0, 0, now), TUNNEL_DUPLICATE);
	data.seq = b.rx.cumulative + (1u << 31);
	assert_int_equal(tunnel_on_data(&b, &data, 0, 0, now), TUNNEL_DUPLICATE);
	data.seq--;
	assert_int_equal(tunnel_on_data(&b, &data, 0, 0, now), TUNNEL_REFUSED);
	assert_int_equal(b.stats.received, 2);
	assert_int_equal(b.stats.duplicates, 4);
	assert_int_equal(b.stats.refused, 2);
	assert_int_equal(tunnel_held(&b), 2);
}

static void tunnel_on_data__accepts_as_many_bytes_as_granted(void **state)
{
	struct wire_data data = {.frag_count = 1, .length_bytes = 60000};

	(void)state;
	for (; data.seq < 5; data.seq++)
		assert_int_equal(tunnel_on_data(&b, &data, 0, 0, now), TUNNEL_HELD);
	data.length_bytes = 1;
	assert_int_equal(tunnel_on_data(&b, &data, 0, 0, now), TUNNEL_REFUSED);
	deliver_all(&b);
	tunnel_poll(&b, now);
	assert_int_equal(tunnel_on_data(&b, &data, 0, 0, now), TUNNEL_HELD);
}

/* Limits only grow, whatever is delivered in whatever order, and follow what was delivered. */
static void tunnel_ack_write__credits_are_monotone(void **state)
{
	uint64_t seq = 0, bytes = 0;

	(void)state;
	srand(7);
	ack_back();
	for (int turn = 0; turn < 300; turn++) {
		struct packet packets[32];
		struct wire_ack ack;
		struct packet packet;
		uint32_t count = 0, wish = (uint32_t)rand() % 32;

		while (count < wish && tunnel_may_send(&a, 1, LEN, now) == TUNNEL_GO)
			packets[count++] = send_one(&a, (uint32_t)rand() % 4);
		while (count--)
			receive_data(&b, &packets[count], 0);
		if (rand() % 2)
			deliver_all(&b);
		packet = ack_make(&b);
		ack = ack_of(&packet);
		assert_true(ack.credit_seq >= seq && ack.credit_bytes >= bytes);
		seq = ack.credit_seq;
		bytes = ack.credit_bytes;
		assert_true(seq <= ack.delivered + BUFFERS);
		assert_int_equal(bytes, ack.delivered * LEN + RX_BYTES);
		ack_back();
	}
	assert_int_equal(b.stats.refused, 0);
	assert_true(b.stats.delivered > 2000);
}

/* A peer that waits for credit hears at once when there is a part worth telling. */
static void tunnel_delivered__tells_of_credit(void **state)
{
	struct tunnel_unit unit;
	struct packet packet;
	bool is_broken;
	uint32_t freed = 0;

	(void)state;
	ack_back();
	while (tunnel_may_send(&a, 1, LEN, now) == TUNNEL_GO) {
		packet = send_one(&a, 1);
		receive_data(&b, &packet, 0);
	}
	assert_int_equal(a.tx.next, BUFFERS);
	assert_int_equal(ack_back(), BUFFERS);
	assert_int_equal(tunnel_may_send(&a, 1, LEN, now), TUNNEL_STALL_CREDIT);
	assert_true(tunnel_deadline(&a) < UINT64_MAX); /* it will ask */
	while (!(tunnel_poll(&b, now) & TUNNEL_WANTS_ACK)) {
		assert_true(tunnel_ready(&b, &unit, &is_broken));
		tunnel_delivered(&b, &unit, is_broken);
		freed++;
	}
	assert_true(freed >= BUFFERS / 8 && freed < BUFFERS / 4);
	ack_back();
	assert_int_equal(tunnel_may_send(&a, freed, LEN, now), TUNNEL_GO);
	assert_int_equal(tunnel_may_send(&a, freed + 1, LEN, now), TUNNEL_STALL_CREDIT);
}

static void tunnel_poll__acknowledges_in_time(void **state)
{
	struct packet packet;

	(void)state;
	ack_back();
	assert_int_equal(tunnel_deadline(&b), UINT64_MAX);
	packet = send_one(&a, 1);
	receive_data(&b, &packet, 0);
	assert_int_equal(tunnel_deadline(&b), now + TUNNEL_ACK_NS);
	assert_int_equal(tunnel_poll(&b, now + TUNNEL_ACK_NS - 1), 0);
	assert_int_equal(tunnel_poll(&b, now + TUNNEL_ACK_NS), TUNNEL_WANTS_ACK);
	for (int i = 2; i < TUNNEL_ACK_EVERY; i++) {
		packet = send_one(&a, 1);
		receive_data(&b, &packet, 0);
		assert_int_equal(tunnel_poll(&b, now), 0);
	}
	packet = send_one(&a, 1);
	receive_data(&b, &packet, 0);
	assert_int_equal(tunnel_poll(&b, now), TUNNEL_WANTS_ACK);
	ack_back();
	assert_int_equal(tunnel_poll(&b, now), 0);
	/* Several frames in one packet ask once. */
	for (int i = 0; i < TUNNEL_ACK_EVERY; i++) {
		struct wire_data data = {.frag_count = 1, .seq = TUNNEL_ACK_EVERY + (uint32_t)i};

		tunnel_on_data(&b, &data, 0, 0, now);
	}
	assert_int_equal(tunnel_poll(&b, now), 0);
	/* An ACK alone is not acknowledged. */
	ack_make(&a);
	ack_back();
	assert_int_equal(tunnel_deadline(&a), UINT64_MAX);
}

static void tunnel_on_ping__within_the_limit(void **state)
{
	(void)state;
	ack_back();
	tunnel_on_ping(&b, BUFFERS + 1);
	assert_int_equal(b.stats.pings_invalid, 1);
	assert_int_equal(tunnel_poll(&b, now), 0);
	assert_int_equal(b.rx.end, 0);
	tunnel_on_ping(&b, BUFFERS);
	assert_int_equal(b.stats.pings_received, 1);
	assert_int_equal(tunnel_poll(&b, now), TUNNEL_WANTS_ACK);
	assert_int_equal(tunnel_reorder_depth(&b), BUFFERS);
	tunnel_on_ping(&b, 0); /* old, but an answer does no harm */
	assert_int_equal(b.rx.end, BUFFERS);
}

/* A peer may send anything to a half that is not there. */
static void tunnel__without_a_receiving_half(void **state)
{
	struct tunnel_sizes sizes = duplex;
	struct wire_data data = {.frag_count = 1};
	struct tunnel_unit unit;
	struct packet packet;
	bool is_broken;

	(void)state;
	free(b.memory);
	sizes.rx_slots = sizes.rx_buffers = 0;
	sizes.rx_bytes = 0;
	end_make(&b, &sizes, 0);
	assert_int_equal(tunnel_poll(&b, now), 0);
	assert_int_equal(tunnel_on_data(&b, &data, 0, 0, now), TUNNEL_REFUSED);
	tunnel_on_ping(&b, 0);
	tunnel_on_ping(&b, 1);
	assert_int_equal(b.stats.pings_invalid, 1);
	assert_int_equal(tunnel_poll(&b, now), TUNNEL_WANTS_ACK);
	packet = ack_make(&b);
	assert_int_equal(ack_of(&packet).credit_seq, 0);
	assert_int_equal(ack_of(&packet).credit_bytes, 0);
	assert_false(tunnel_ready(&b, &unit, &is_broken));
	assert_false(tunnel_flush_rx(&b, &unit, &is_broken));
	tunnel_reset(&b);
	assert_int_equal(tunnel_poll(&b, now), 0);
}

static void tunnel__without_a_sending_half(void **state)
{
	struct wire_ack ack = {.largest_packet = UINT64_MAX,
			       .credit_seq = UINT64_MAX,
			       .credit_bytes = UINT64_MAX,
			       .block_count = 2};
	struct tunnel_sizes sizes = duplex;
	struct tunnel_unit unit;
	struct wire_data data;
	uint32_t copies;
	uint64_t out[4];

	(void)state;
	free(a.memory);
	sizes.tx_slots = sizes.retain_packets = 0;
	sizes.retain_bytes = 0;
	end_make(&a, &sizes, 0);
	memset(ack.blocks, 0xff, sizeof(ack.blocks));
	ack.blocks[0].first_seq = ack.blocks[1].first_seq = 0;
	assert_int_equal(tunnel_on_ack(&a, &ack, now, out, 4), 0);
	assert_int_equal(tunnel_may_send(&a, 1, 1, now), TUNNEL_STALL_WINDOW);
	assert_false(tunnel_repair(&a, now, &unit, &data, &copies));
	assert_int_equal(tunnel_flush_tx(&a, out, 4), 0);
	ack.cumulative = ack.end = 1;
	assert_int_equal(tunnel_on_ack(&a, &ack, now, out, 4), 0);
	assert_int_equal(a.stats.acks_invalid, 1);
}

static void tunnel_may_open__key_and_replay(void **state)
{
	struct wire_header header = {.packet_number = 5};
	bool is_replay;

	(void)state;
	header.flags = 2;
	assert_false(tunnel_may_open(&b, &header, &is_replay));
	assert_false(is_replay);
	header.flags = 0;
	assert_true(tunnel_may_open(&b, &header, &is_replay));
	assert_true(tunnel_on_packet(&b, &header, now));
	assert_false(tunnel_on_packet(&b, &header, now)); /* a copy in the same burst */
	assert_false(tunnel_may_open(&b, &header, &is_replay));
	assert_true(is_replay);
	assert_int_equal(b.stats.replayed, 2);
}

static struct packet send_fragment(uint64_t cookie, uint8_t index, uint8_t count)
{
	struct tunnel_unit unit = {.cookie = cookie,
				   .len_bytes = 50,
				   .frag_index = index,
				   .frag_count = count,
				   .frag_offset = (uint16_t)(index * 50)};

	return send_unit(&a, unit, 3);
}

static void tunnel_ready__fragments_together(void **state)
{
	struct tunnel_unit unit, part;
	struct packet packets[5];
	bool is_broken;

	(void)state;
	ack_back();
	packets[0] = send_one(&a, 3);
	for (uint8_t i = 0; i < 3; i++)
		packets[1 + i] = send_fragment(20 + i, i, 3);
	packets[4] = send_one(&a, 3);
	for (int i = 4; i > 0; i--)
		assert_int_equal(receive_data(&b, &packets[i], 100 + (uint64_t)i), TUNNEL_HELD);
	assert_false(tunnel_ready(&b, &unit, &is_broken));
	assert_int_equal(receive_data(&b, &packets[0], 100), TUNNEL_HELD);
	assert_true(tunnel_ready(&b, &unit, &is_broken));
	assert_int_equal(unit.cookie, 100);
	tunnel_delivered(&b, &unit, false);
	assert_true(tunnel_ready(&b, &unit, &is_broken));
	assert_false(is_broken);
	assert_int_equal(unit.frag_count, 3);
	assert_int_equal(unit.frag_index, 2);
	for (uint32_t i = 0; i < 3; i++) {
		tunnel_fragment(&b, &unit, i, &part);
		assert_int_equal(part.cookie, 101 + i);
		assert_int_equal(part.frag_offset, i * 50);
	}
	tunnel_delivered(&b, &unit, false);
	assert_int_equal(b.stats.delivered, 4);
	assert_true(tunnel_ready(&b, &unit, &is_broken));
	assert_int_equal(unit.cookie, 104);
	tunnel_delivered(&b, &unit, false);
	assert_int_equal(tunnel_held(&b), 0);
}

/* What is held comes once, in order; of a packet in fragments all, or each as broken. */
static void tunnel_flush_rx__everything_once(void **state)
{
	static const struct {
		uint64_t cookie;
		bool is_broken;
		uint8_t frag_count;
	} expected[] = {{1, false, 1}, {4, false, 3}, {5, true, 3},
			{7, true, 3},  {9, true, 2},  {10, false, 1}};
	struct packet packets[11];
	struct tunnel_unit unit;
	bool is_broken;

	(void)state;
	ack_back();
	packets[0] = send_one(&a, 3); /* lost */
	packets[1] = send_one(&a, 3);
	for (uint8_t i = 0; i < 6; i++)
		packets[2 + i] = send_fragment(0, i % 3, 3); /* the second train lacks its middle */
	packets[8] = send_fragment(0, 0, 2);		     /* lost */
	packets[9] = send_fragment(0, 1, 2);
	packets[10] = send_one(&a, 3);
	for (uint64_t i = 1; i < 11; i++)
		if (i != 6 && i != 8)
			receive_data(&b, &packets[i], i);
	assert_false(tunnel_ready(&b, &unit, &is_broken));
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_true(tunnel_flush_rx(&b, &unit, &is_broken));
		assert_int_equal(unit.cookie, expected[i].cookie);
		assert_int_equal(is_broken, expected[i].is_broken);
		assert_int_equal(unit.frag_count, expected[i].frag_count);
	}
	assert_false(tunnel_flush_rx(&b, &unit, &is_broken));
	assert_int_equal(tunnel_held(&b), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tunnel_on_data__accepts_what_it_granted),
		TEST(tunnel_on_data__accepts_as_many_bytes_as_granted),
		TEST(tunnel_ack_write__credits_are_monotone),
		TEST(tunnel_delivered__tells_of_credit),
		TEST(tunnel_poll__acknowledges_in_time),
		TEST(tunnel_on_ping__within_the_limit),
		TEST(tunnel__without_a_receiving_half),
		TEST(tunnel__without_a_sending_half),
		TEST(tunnel_may_open__key_and_replay),
		TEST(tunnel_ready__fragments_together),
		TEST(tunnel_flush_rx__everything_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
