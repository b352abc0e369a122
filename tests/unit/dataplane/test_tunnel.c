#include "tests/unit/dataplane/tunnel_ends.h"

static void tunnel_init__refuses_sizes(void **state)
{
	static const struct tunnel_sizes bad[] = {
		{.tx_slots = 1000, .replay_bits = REPLAY_BITS_MIN},
		{.tx_slots = 32, .replay_bits = REPLAY_BITS_MIN},
		{.rx_slots = 1000, .replay_bits = REPLAY_BITS_MIN},
		{.rx_slots = 256, .replay_bits = REPLAY_BITS_MIN},
		{.tx_slots = 1024, .replay_bits = 1000},
		{.tx_slots = 1024, .replay_bits = REPLAY_BITS_MAX * 2},
	};
	static uint8_t memory[1 << 20] __attribute__((aligned(64)));
	struct tunnel t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tunnel_config config = {.sizes = bad[i], .rtt_ns = RTT};

		assert_true(tunnel_memory(&bad[i]) <= sizeof(memory));
		assert_true(tunnel_init(&t, &config, memory) < 0);
	}
}

static void tunnel_sizes_for__grows_with_rate_and_rtt(void **state)
{
	struct tunnel_demand demand = {.tx_bps = 100000000, .rtt_ns = MS, .loss = 0.01};
	struct tunnel_sizes sizes;

	(void)state;
	tunnel_sizes_for(&demand, &sizes);
	assert_int_equal(sizes.rx_slots + sizes.rx_buffers + sizes.rx_bytes, 0);
	assert_true(sizes.tx_slots >= TUNNEL_SLOTS_MIN);
	demand = (struct tunnel_demand){
		.tx_bps = 400000000000, .rx_bps = 400000000000, .rtt_ns = 40 * MS, .loss = 0.05};
	tunnel_sizes_for(&demand, &sizes);
	assert_int_equal(sizes.tx_slots, TUNNEL_SLOTS_MAX);
	assert_int_equal(sizes.rx_slots, TUNNEL_SLOTS_MAX);
	/* 2 GB per round trip, and a quarter more; held back for at least one round of repair. */
	assert_true(sizes.retain_bytes >= 2500000000);
	assert_true(sizes.rx_bytes >= 4000000000);
	assert_true(sizes.replay_bits == REPLAY_BITS_MAX);
}

static void tunnel_may_send__says_what_it_waits_for(void **state)
{
	(void)state;
	keys_init(&a.keys);
	assert_int_equal(tunnel_may_send(&a, 1, LEN, now), TUNNEL_STALL_KEY);
	assert_int_equal(tunnel_deadline(&a), UINT64_MAX);
	keys_install_tx(&a.keys, 0, now);
	keys_install_rx(&a.keys, 0, now);
	/* Nothing was granted yet. */
	assert_int_equal(tunnel_may_send(&a, 1, LEN, now), TUNNEL_STALL_CREDIT);
	assert_true(tunnel_poll(&b, now) & TUNNEL_WANTS_ACK);
	ack_back();
	assert_int_equal(tunnel_may_send(&a, 1, LEN, now), TUNNEL_GO);
	assert_int_equal(tunnel_may_send(&a, BUFFERS, LEN, now), TUNNEL_GO);
	assert_int_equal(tunnel_may_send(&a, BUFFERS + 1, LEN, now), TUNNEL_STALL_CREDIT);
	assert_int_equal(tunnel_may_send(&a, 1, RX_BYTES, now), TUNNEL_GO);
	assert_int_equal(tunnel_may_send(&a, 1, RX_BYTES + 1, now), TUNNEL_STALL_CREDIT);
	assert_int_equal(tunnel_may_send(&a, duplex.retain_packets + 1, LEN, now),
			 TUNNEL_STALL_WINDOW);
	assert_int_equal(tunnel_may_send(&a, 1, (uint32_t)duplex.retain_bytes + 1, now),
			 TUNNEL_STALL_WINDOW);
}

static void tunnel_on_ack__gives_each_cookie_once(void **state)
{
	uint64_t out[7], seen = 0;
	struct packet packet;
	struct wire_ack ack;
	uint32_t count;

	(void)state;
	ack_back();
	/* The eleventh of 60 is missing. */
	for (uint64_t i = 0; i < 60; i++) {
		packet = send_one(&a, 1);
		if (i != 10)
			assert_int_equal(receive_data(&b, &packet, i), TUNNEL_HELD);
	}
	packet = ack_make(&b);
	ack = ack_of(&packet);
	do {
		count = tunnel_on_ack(&a, &ack, now, out, 7);
		for (uint32_t i = 0; i < count; i++) {
			assert_false(seen >> out[i] & 1);
			seen |= 1ull << out[i];
		}
	} while (count == 7);
	assert_true(seen == ((1ull << 60) - 1 - (1ull << 10)));
	assert_int_equal(tunnel_retained(&a), 1);
	assert_int_equal(tunnel_on_ack(&a, &ack, now, out, 7), 0);
	assert_int_equal(a.stats.acked, 59);
	assert_int_equal(tunnel_flush_tx(&a, out, 7), 1);
	assert_int_equal(out[0], 10);
	assert_int_equal(tunnel_flush_tx(&a, out, 7), 0);
}

static void tunnel_on_ack__of_what_was_never_sent(void **state)
{
	struct packet packet;
	struct wire_ack good, bad[5];
	struct tunnel before;
	uint64_t out[64];

	(void)state;
	ack_back();
	for (int i = 0; i < 10; i++) {
		packet = send_one(&a, 1);
		if (i != 3)
			receive_data(&b, &packet, 0);
	}
	packet = ack_make(&b);
	good = ack_of(&packet);
	for (int i = 0; i < 5; i++)
		bad[i] = good;
	bad[0].cumulative = bad[0].end = 11;
	bad[1].end = 11;
	bad[2].delivered = 11;
	bad[3].largest_packet = a.next_packet;
	bad[4].largest_packet = UINT64_MAX - 1;
	for (int i = 0; i < 5; i++) {
		bad[i].credit_seq = bad[i].credit_bytes = UINT64_MAX;
		before = a;
		assert_int_equal(tunnel_on_ack(&a, &bad[i], now, out, 64), 0);
		before.stats.acks_invalid++;
		assert_memory_equal(&before, &a, sizeof(a));
	}
	assert_int_equal(tunnel_on_ack(&a, &good, now, out, 64), 9);
}

/* One that was overtaken takes nothing back. */
static void tunnel_on_ack__old_ones_change_nothing(void **state)
{
	struct packet packet, old;
	uint64_t out[64], limit_seq, limit_bytes;

	(void)state;
	ack_back();
	packet = send_one(&a, 1);
	receive_data(&b, &packet, 0);
	old = ack_make(&b);
	for (int i = 0; i < 20; i++) {
		packet = send_one(&a, 1);
		receive_data(&b, &packet, 0);
		deliver_all(&b);
	}
	assert_int_equal(ack_back(), 21);
	limit_seq = a.credit_tx.limit_seq;
	limit_bytes = a.credit_tx.limit_bytes;
	now += 100 * MS;
	assert_int_equal(receive_ack(&a, &old, out, 64), 0);
	assert_int_equal(a.credit_tx.limit_seq, limit_seq);
	assert_int_equal(a.credit_tx.limit_bytes, limit_bytes);
	assert_int_equal(a.tx.una, 21);
	assert_int_equal(a.stats.lost + a.stats.acks_invalid, 0);
}

/* However many overtake it: only time between the sendings is evidence. */
static void tunnel__never_lost_by_count(void **state)
{
	struct packet packet;

	(void)state;
	ack_back();
	send_one(&a, 1);
	for (int i = 0; i < 500; i++) {
		packet = send_one(&a, 1);
		assert_int_equal(receive_data(&b, &packet, 0), TUNNEL_HELD);
		ack_back();
	}
	assert_int_equal(a.stats.lost, 0);
	assert_false(tunnel_has_repairs(&a));
	/* The first one that was sent more than the window later settles it. */
	now += ARQ_REORDER_NS + RTT / 64 + US;
	packet = send_one(&a, 1);
	receive_data(&b, &packet, 0);
	ack_back();
	assert_int_equal(a.stats.lost, 1);
	assert_true(tunnel_has_repairs(&a));
}

/* However long it takes: without an ACK that shows it missing nothing is lost. */
static void tunnel__never_lost_by_time_out(void **state)
{
	uint8_t frame[WIRE_PING_BYTES];
	struct tunnel_unit unit;
	struct wire_data data;
	uint32_t copies, pings = 0;
	uint64_t last = now;

	(void)state;
	ack_back();
	send_one(&a, 1);
	for (int i = 0; i < 20; i++) {
		uint64_t due = tunnel_deadline(&a);

		a.ack_now = false;
		if (due == 0)
			due = tunnel_deadline(&a);
		assert_true(due > now && due < UINT64_MAX);
		assert_false(tunnel_poll(&a, due - 1) & TUNNEL_WANTS_PING);
		/* They back off, but not beyond the limit. */
		assert_true(due - now >= last || due - now >= TUNNEL_PROBE_NS || i == 0);
		assert_true(due - now <= TUNNEL_PROBE_NS);
		last = due - now;
		now = due;
		assert_true(tunnel_poll(&a, now) & TUNNEL_WANTS_PING);
		assert_int_equal(tunnel_ping_write(&a, now, frame), WIRE_PING_BYTES);
		pings++;
		assert_false(tunnel_repair(&a, now, &unit, &data, &copies));
	}
	assert_int_equal(last, TUNNEL_PROBE_NS);
	assert_int_equal(a.stats.lost, 0);
	assert_int_equal(a.stats.pings_sent, pings);
	/* The PING tells b what there is, and its answer is the evidence. */
	header_of(&a);
	tunnel_on_ping(&b, a.tx.next);
	assert_true(tunnel_poll(&b, now) & TUNNEL_WANTS_ACK);
	assert_int_equal(ack_back(), 0);
	assert_int_equal(a.stats.lost, 0); /* b has seen no packet sent later */
	b.has_largest = true;
	b.largest_packet = a.next_packet - 1;
	b.largest_send_us = (uint32_t)(now / US);
	b.largest_ns = now;
	ack_back();
	assert_int_equal(a.stats.lost, 1);
	assert_true(tunnel_repair(&a, now, &unit, &data, &copies));
	assert_int_equal(copies, 1);
	assert_int_equal(unit.seq, 0);
}

/* Sends packets until the oldest unacknowledged one is found lost, and repairs it. */
static uint32_t lose_and_repair(struct tunnel_unit *unit, struct packet *repair)
{
	struct packet packet;
	uint32_t copies;

	now += 10 * MS;
	packet = send_one(&a, 7);
	receive_data(&b, &packet, 0);
	ack_back();
	*repair = (struct packet){.is_data = true};
	assert_true(tunnel_repair(&a, now, unit, &repair->data, &copies));
	repair->header = header_of(&a);
	assert_false(tunnel_has_repairs(&a));
	return copies;
}

static void tunnel_repair__is_the_same_frame(void **state)
{
	struct tunnel_unit unit = {
		.cookie = 4711, .len_bytes = 1234, .frag_count = 1, .class = 5, .ecn = 2};
	struct packet first, repair;

	(void)state;
	ack_back();
	first = send_one(&a, 1);
	receive_data(&b, &first, 0);
	first = send_unit(&a, unit, 1);
	assert_int_equal(lose_and_repair(&unit, &repair), 1);
	assert_memory_equal(&first.data, &repair.data, sizeof(first.data));
	assert_int_equal(repair.data.prev, 1);
	assert_int_equal(unit.cookie, 4711);
	assert_int_equal(unit.ecn, 2);
	/* Lost again, and again. */
	for (int i = 0; i < 300; i++)
		assert_int_equal(lose_and_repair(&unit, &repair), 2);
	assert_int_equal(a.stats.lost, 301);
	assert_int_equal(a.stats.resent, 601);
	assert_int_equal(receive_data(&b, &repair, 0), TUNNEL_HELD);
	ack_back();
	assert_int_equal(tunnel_retained(&a), 0);
}

/* A packet that was only late: its ACK comes sooner after the repair than any answer to it could,
 * and from then on the window has room for such a delay. */
static void tunnel_repair__needless_widens_the_window(void **state)
{
	uint64_t window = ARQ_REORDER_NS + RTT / 64;
	struct packet late, packet, ack, repair = {.is_data = true};
	struct tunnel_unit unit;
	uint64_t out[64];
	uint32_t copies;

	(void)state;
	ack_back();
	for (int i = 0; i < 50; i++) {
		packet = send_one(&a, 1);
		now += RTT / 2;
		receive_data(&b, &packet, 0);
		ack = ack_make(&b);
		now += RTT / 2;
		receive_ack(&a, &ack, out, 64);
	}
	late = send_one(&a, 1);
	now += 4 * window;
	packet = send_one(&a, 1);
	now += RTT / 2;
	receive_data(&b, &packet, 0);
	ack = ack_make(&b);
	receive_data(&b, &late, 0);
	now += RTT / 2;
	receive_ack(&a, &ack, out, 64);
	assert_int_equal(a.stats.lost, 1);
	assert_true(tunnel_repair(&a, now, &unit, &repair.data, &copies));
	repair.header = header_of(&a);
	ack = ack_make(&b);
	now += 10 * US;
	receive_ack(&a, &ack, out, 64);
	assert_int_equal(tunnel_retained(&a), 0);
	assert_int_equal(a.stats.spurious, 1);
	assert_true(arq_tx_reorder(&a.tx, RTT, now) >= 4 * window);
	assert_true(arq_tx_reorder(&a.tx, RTT, now) <= RTT);
	/* The next one that is as late is left alone. */
	late = send_one(&a, 1);
	now += 4 * window;
	packet = send_one(&a, 1);
	receive_data(&b, &packet, 0);
	ack_back();
	assert_int_equal(a.stats.lost, 1);
}

static void tunnel_flush_tx__everything_once(void **state)
{
	uint64_t out[16], seen[8] = {0};
	struct packet packet;
	uint32_t count, total = 0;

	(void)state;
	ack_back();
	for (int i = 0; i < 300; i++) {
		if (i == 200)
			now += 10 * MS; /* so that what is missing before is lost */
		packet = send_one(&a, (uint32_t)i % 5);
		if (i % 3)
			receive_data(&b, &packet, 0);
	}
	assert_int_equal(ack_back(), 200);
	assert_true(tunnel_has_repairs(&a));
	do {
		count = tunnel_flush_tx(&a, out, 16);
		for (uint32_t i = 0; i < count; i++) {
			assert_int_equal(out[i] % 3, 0);
			assert_false(seen[out[i] / 64] >> (out[i] % 64) & 1);
			seen[out[i] / 64] |= 1ull << (out[i] % 64);
		}
		total += count;
	} while (count == 16);
	assert_int_equal(total, 100);
	assert_false(tunnel_has_repairs(&a));
	assert_int_equal(tunnel_retained(&a), 0);
	assert_int_equal(a.tx.retained_bytes, 0);
}

static void tunnel_reset__starts_anew(void **state)
{
	struct tunnel_stats stats;
	struct tunnel_unit unit;
	struct packet packet;
	bool is_broken, is_replay;
	uint64_t out[64];

	(void)state;
	ack_back();
	for (int i = 0; i < 50; i++) {
		packet = send_one(&a, 1);
		if (i > 3)
			receive_data(&b, &packet, 0);
	}
	ack_back();
	while (tunnel_flush_tx(&a, out, 64) == 64)
		;
	while (tunnel_flush_rx(&b, &unit, &is_broken))
		;
	stats = a.stats;
	tunnel_reset(&a);
	tunnel_reset(&b);
	assert_memory_equal(&stats, &a.stats, sizeof(stats));
	/* All keys went with the life before. */
	assert_false(tunnel_may_open(&b, &packet.header, &is_replay));
	assert_int_equal(tunnel_may_send(&a, 1, LEN, now), TUNNEL_STALL_KEY);
	for (int i = 0; i < 2; i++) {
		struct tunnel *t = i ? &a : &b;

		keys_install_rx(&t->keys, 1, now);
		keys_install_tx(&t->keys, 1, now);
		assert_int_equal(t->next_packet, 0);
	}
	ack_back();
	for (int i = 0; i < 50; i++) {
		packet = send_one(&a, 1);
		assert_int_equal(packet.data.seq, i);
		assert_int_equal(receive_data(&b, &packet, 0), TUNNEL_HELD);
	}
	assert_int_equal(deliver_all(&b), 50);
	assert_int_equal(ack_back(), 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tunnel_init__refuses_sizes),
		TEST(tunnel_sizes_for__grows_with_rate_and_rtt),
		TEST(tunnel_may_send__says_what_it_waits_for),
		TEST(tunnel_on_ack__gives_each_cookie_once),
		TEST(tunnel_on_ack__of_what_was_never_sent),
		TEST(tunnel_on_ack__old_ones_change_nothing),
		TEST(tunnel__never_lost_by_count),
		TEST(tunnel__never_lost_by_time_out),
		TEST(tunnel_repair__is_the_same_frame),
		TEST(tunnel_repair__needless_widens_the_window),
		TEST(tunnel_flush_tx__everything_once),
		TEST(tunnel_reset__starts_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
