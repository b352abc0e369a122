/* Two workers joined by rings: what goes in at one LAN comes out at the other, and the books
 * balance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/gateway_pair.h"

#define FRAME_MAX 10000

static struct pair *pair;
static uint8_t frame[FRAME_MAX];

static const struct pair_options ordinary = {
	.lan_mtu = 1500, .wan_mtu = 2000, .rate_bps = 100000000000ull, .mbufs = 4095};
static const struct pair_options in_the_clear = {.lan_mtu = 1500,
						 .wan_mtu = 2000,
						 .rate_bps = 100000000000ull,
						 .is_clear = true,
						 .mbufs = 4095};
static const struct pair_options fragmenting = {
	.lan_mtu = 9000, .wan_mtu = 1500, .rate_bps = 100000000000ull, .mbufs = 2047};
static const struct pair_options fragmenting_in_the_clear = {.lan_mtu = 9000,
							     .wan_mtu = 1500,
							     .rate_bps = 100000000000ull,
							     .is_clear = true,
							     .mbufs = 4095};
static const struct pair_options over_v6 = {.lan_mtu = 1500,
					    .wan_mtu = 2000,
					    .rate_bps = 100000000000ull,
					    .outer_v6 = true,
					    .mbufs = 2047};
static const struct pair_options slow = {
	.lan_mtu = 1500, .wan_mtu = 2000, .rate_bps = 8000000ull, .mbufs = 4095};

static void begin(const struct pair_options *options)
{
	pair = pair_create(options);
	assert_non_null(pair);
	pair_hush(pair);
}

static int end(void **state)
{
	uint32_t leaked = pair ? pair_destroy(pair) : 0;

	(void)state;
	pair = NULL;
	return leaked ? -1 : 0;
}

static const struct cw_flow_counters *out(uint32_t side)
{
	return &pair->side[side].path_counters.out;
}

static const struct cw_flow_counters *in(uint32_t side)
{
	return &pair->side[side].path_counters.in;
}

static const struct tunnel_stats *stats(uint32_t side)
{
	return &pair_path(pair, side)->lane->tunnel.stats;
}

static uint64_t port_drops(uint32_t side, uint32_t port, enum drop why)
{
	return pair->side[side].port_counters[port].drop[why];
}

/* What came out at side's LAN must be this frame, but for MACs, TTL and header checksum. */
static void expect_frame(uint32_t side, const uint8_t *sent, uint32_t len)
{
	struct rte_mbuf *mbuf = pair_take(pair, side, PAIR_LAN);
	uint32_t header = sent[12] == 0x86 ? 40 : 20;
	const uint8_t *got;

	assert_non_null(mbuf);
	got = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	assert_int_equal(rte_pktmbuf_data_len(mbuf), len);
	assert_memory_equal(got + 12, sent + 12, 2);
	assert_memory_equal(got + 6, pair->side[side].ports[PAIR_LAN].mac, 6);
	assert_int_equal(got[14 + (header == 20 ? 8 : 7)], 63);
	assert_memory_equal(got + 14 + header, sent + 14 + header, len - 14 - header);
	rte_pktmbuf_free(mbuf);
}

static void expect_balance(void)
{
	assert_true(pair_is_balanced(pair, 0));
	assert_true(pair_is_balanced(pair, 1));
}

/* Everything was acknowledged and delivered. */
static void settle(void)
{
	assert_true(pair_settle(pair));
	assert_true(pair_is_empty(pair));
	expect_balance();
}

static void carries(const struct pair_options *options, uint32_t payload, bool is_v6)
{
	uint32_t len;

	begin(options);
	for (uint32_t side = 0; side < 2; side++) {
		len = pair_udp_frame(pair, side, is_v6, 4000, 5001, payload, 0, frame);
		assert_true(pair_inject(pair, side, PAIR_LAN, frame, len));
		settle();
		expect_frame(!side, frame, len);
		assert_int_equal(out(side)->tx_packets, 1);
		assert_int_equal(in(!side)->tx_packets, 1);
		assert_int_equal(stats(side)->resent, 0);
	}
}

static void fastpath__carries_ipv4(void **state)
{
	(void)state;
	carries(&ordinary, 1400, false);
}

static void fastpath__carries_ipv6(void **state)
{
	(void)state;
	carries(&ordinary, 1400, true);
}

static void fastpath__carries_over_ipv6(void **state)
{
	(void)state;
	carries(&over_v6, 1400, false);
}

static void fastpath__carries_small(void **state)
{
	(void)state;
	carries(&ordinary, 1, false);
}

static void fastpath__fragments_what_exceeds_the_wan(void **state)
{
	(void)state;
	carries(&fragmenting, 8900, false);
	assert_int_equal(pair_data_packets(pair, 0), 7);
	assert_int_equal(in(1)->fragments, 7);
}

static void fastpath__aggregates_small_packets_in_order(void **state)
{
	uint32_t len;
	int i;

	(void)state;
	begin(&ordinary);
	for (i = 0; i < 20; i++) {
		len = pair_udp_frame(pair, 0, false, (uint16_t)(4000 + i), 5001, 40, 0, frame);
		assert_true(pair_inject(pair, 0, PAIR_LAN, frame, len));
	}
	settle();
	for (i = 0; i < 20; i++) {
		len = pair_udp_frame(pair, 0, false, (uint16_t)(4000 + i), 5001, 40, 0, frame);
		expect_frame(1, frame, len);
	}
	assert_true(pair_data_packets(pair, 0) < 5);
}

static void fastpath__ecn_never_shares_with_not_ect(void **state)
{
	uint32_t len;

	(void)state;
	begin(&ordinary);
	for (uint8_t tos = 0; tos < 4; tos += 2) {
		len = pair_udp_frame(pair, 0, false, 4000, 5001, 40, tos, frame);
		assert_true(pair_inject(pair, 0, PAIR_LAN, frame, len));
	}
	settle();
	assert_int_equal(pair_data_packets(pair, 0), 2);
	assert_int_equal(in(1)->tx_packets, 2);
}

/* The tunnel packet that a new frame of host a becomes, taken off the wire. */
static struct rte_mbuf *tunnel_packet(uint32_t payload, uint8_t tos)
{
	uint32_t len = pair_udp_frame(pair, 0, false, 4000, 5001, payload, tos, frame);
	uint64_t sequenced = stats(0)->sequenced;
	struct rte_mbuf *mbuf = NULL;

	assert_true(pair_inject(pair, 0, PAIR_LAN, frame, len));
	for (int i = 0; i < 100000 && stats(0)->sequenced == sequenced; i++)
		worker_turn(pair->side[0].worker);
	assert_int_equal(stats(0)->sequenced, sequenced + 1);
	/* What came before is an ACK, a PING or a repair, and the WAN loses it. */
	for (;;) {
		struct rte_mbuf *next = pair_take(pair, 0, PAIR_WAN);

		if (!next)
			return mbuf;
		rte_pktmbuf_free(mbuf);
		mbuf = next;
	}
}

/* The outer CE mark of a congested WAN reaches an ECN-capable inner packet and kills another. */
static void fastpath__outer_ce(void **state)
{
	struct rte_mbuf *mbuf;
	uint8_t tos;

	(void)state;
	begin(&over_v6);
	for (tos = 0; tos <= 2; tos += 2) {
		mbuf = tunnel_packet(1000, tos);
		rte_pktmbuf_mtod(mbuf, uint8_t *)[15] |= 0x30;
		pair_wan_put(pair, 1, mbuf);
		settle();
	}
	assert_int_equal(in(1)->drop[DROP_ECN], 1);
	assert_int_equal(in(1)->ce_marked, 1);
	mbuf = pair_take(pair, 1, PAIR_LAN);
	assert_int_equal(rte_pktmbuf_mtod(mbuf, uint8_t *)[15] & 3, 3);
	rte_pktmbuf_free(mbuf);
	expect_balance();
}

static void fastpath__leaves_others_alone(void **state)
{
	uint32_t len;

	(void)state;
	begin(&ordinary);
	len = pair_udp_frame(pair, 0, false, 4000, 5001, 100, 0, frame);
	frame[14 + 19] = 10;
	frame[14 + 17] = 9; /* 10.9.0.10: no path */
	assert_true(pair_inject(pair, 0, PAIR_LAN, frame, len));
	pair_settle(pair);
	assert_int_equal(out(0)->rx_packets, 0);
	assert_int_equal(pair->side[0].port_counters[PAIR_LAN].to_kernel, 1);
	assert_int_equal(pair->side[0].port_counters[PAIR_LAN].kernel_reason[KERNEL_NO_RULE], 1);
}

/* Each malformed tunnel packet dies under its own reason, and the next good one passes. */
static void fastpath__malformed_tunnel_packets(void **state)
{
	static const struct {
		uint32_t offset; /* from the clear header */
		uint8_t value;
		enum drop why;
	} cases[] = {
		{0, 9, DROP_VERSION},	{1, 9, DROP_VERSION},  {7, 1, DROP_OUTER_MALFORMED},
		{4, 3, DROP_BAD_LANE},	{11, 1, DROP_NO_PATH}, {28, 99, DROP_FRAME},
		{30, 0xff, DROP_FRAME},
	};
	struct rte_mbuf *mbuf;
	uint32_t i;

	(void)state;
	begin(&in_the_clear);
	for (i = 0; i < RTE_DIM(cases); i++) {
		uint64_t before = port_drops(1, PAIR_WAN, cases[i].why);

		mbuf = tunnel_packet(1000, 0);
		*rte_pktmbuf_mtod_offset(mbuf, uint8_t *, 42 + cases[i].offset) = cases[i].value;
		pair_wan_put(pair, 1, mbuf);
		worker_turn(pair->side[1].worker);
		assert_int_equal(port_drops(1, PAIR_WAN, cases[i].why), before + 1);
		assert_int_equal(in(1)->rx_packets, i);
		settle();
		expect_frame(1, frame, 1042);
		assert_int_equal(stats(0)->resent, i + 1);
	}
	assert_int_equal(in(1)->tx_packets, i);
}

/* The same for each part of a packet that the cipher covers. */
static void fastpath__forged_tunnel_packets(void **state)
{
	static const uint32_t offsets[] = {8, 12, 16, 28, 28 + 16, 500, 1080, 1087};
	struct rte_mbuf *mbuf;

	(void)state;
	begin(&ordinary);
	for (uint32_t i = 0; i < RTE_DIM(offsets); i++) {
		enum drop why = offsets[i] == 8 ? DROP_NO_PATH : DROP_AUTH;
		uint64_t before = port_drops(1, PAIR_WAN, why);

		mbuf = tunnel_packet(1000, 0);
		assert_int_equal(rte_pktmbuf_data_len(mbuf), 42 + 1088);
		*rte_pktmbuf_mtod_offset(mbuf, uint8_t *, 42 + offsets[i]) ^= 1;
		pair_wan_put(pair, 1, mbuf);
		worker_turn(pair->side[1].worker);
		assert_int_equal(port_drops(1, PAIR_WAN, why), before + 1);
		assert_int_equal(in(1)->rx_packets, i);
		settle();
		expect_frame(1, frame, 1042);
	}
}

static void fastpath__wrong_peer(void **state)
{
	struct rte_mbuf *mbuf;
	uint8_t *ip;
	uint32_t sum;

	(void)state;
	begin(&ordinary);
	mbuf = tunnel_packet(1000, 0);
	ip = rte_pktmbuf_mtod(mbuf, uint8_t *) + 14;
	ip[15] = 9; /* source 10.200.0.9, checksum kept right */
	sum = bytes_load16(ip + 10) + 0xffff - 8;
	bytes_store16(ip + 10, (uint16_t)bytes_fold(sum));
	pair_wan_put(pair, 1, mbuf);
	worker_turn(pair->side[1].worker);
	assert_int_equal(port_drops(1, PAIR_WAN, DROP_BAD_PEER), 1);
	assert_int_equal(in(1)->rx_packets, 0);
	settle();
	assert_int_equal(in(1)->tx_packets, 1);
}

/* A peer that is genuine but sends what its selectors forbid. */
static void fastpath__spoofed_inner(void **state)
{
	struct rte_mbuf *mbuf;
	uint8_t *inner;

	(void)state;
	begin(&in_the_clear);
	mbuf = tunnel_packet(1000, 0);
	inner = rte_pktmbuf_mtod(mbuf, uint8_t *) + 42 + 28 + 16;
	inner[13] = 7; /* 10.7.0.10 */
	bytes_store16(inner + 10, (uint16_t)bytes_fold(bytes_load16(inner + 10) + 0xffffu - 6));
	pair_wan_put(pair, 1, mbuf);
	settle();
	assert_int_equal(in(1)->drop[DROP_SPOOFED] + in(1)->drop[DROP_MALFORMED], 1);
	assert_int_equal(in(1)->tx_packets, 0);
	assert_int_equal(stats(0)->resent, 0);
}

/* A fragment that is lost holds its packet back, is repaired alone, and the packet is whole. */
static void fastpath__lost_fragment_is_repaired(void **state)
{
	uint32_t len;

	(void)state;
	begin(&fragmenting);
	for (uint32_t lost = 0; lost < 7; lost++) {
		struct rte_mbuf *mbuf;

		len = pair_udp_frame(pair, 0, false, 4000, 5001, 8900, 0, frame);
		assert_true(pair_inject(pair, 0, PAIR_LAN, frame, len));
		worker_turn(pair->side[0].worker);
		for (uint32_t i = 0; (mbuf = pair_take(pair, 0, PAIR_WAN)); i++)
			if (i == lost)
				rte_pktmbuf_free(mbuf);
			else
				pair_wan_put(pair, 1, mbuf);
		worker_turn(pair->side[1].worker);
		assert_int_equal(in(1)->tx_packets, lost);
		assert_int_equal(in(1)->held_packets, lost != 0);
		assert_true(in(1)->held_bytes > 6000);
		expect_balance();
		settle();
		expect_frame(1, frame, len);
		assert_int_equal(stats(0)->resent, lost + 1);
		assert_int_equal(stats(0)->spurious, 0);
	}
}

static void fastpath__queue_is_bounded(void **state)
{
	const struct path *path;
	uint32_t len;

	(void)state;
	begin(&slow);
	path = pair_path(pair, 0);
	len = pair_udp_frame(pair, 0, false, 4000, 5001, 1400, 0, frame);
	for (int burst = 0; burst < 20; burst++) {
		for (int i = 0; i < 32; i++)
			assert_true(pair_inject(pair, 0, PAIR_LAN, frame, len));
		worker_turn(pair->side[0].worker);
	}
	assert_true(out(0)->drop[DROP_QUEUE_FULL] > 0);
	assert_true(queue_bytes(&path->queue) <= path->limit_bytes);
	assert_true(queue_packets(&path->queue) > 0);
	/* And beside the queue only what the rate let out, which nobody has acknowledged. */
	assert_int_equal(out(0)->held_bytes,
			 queue_bytes(&path->queue) + path->lane->tunnel.tx.retained_bytes);
	assert_true(path->lane->tunnel.tx.retained_bytes < 2 * 32768);
	expect_balance();
}

static void fastpath__probe_needs_the_same_generation(void **state)
{
	struct path *a, *b;

	(void)state;
	begin(&ordinary);
	a = pair_path(pair, 0);
	b = pair_path(pair, 1);
	assert_true(probe_is_proved(&a->probe));
	b->intent.generation = a->intent.generation + 1;
	probe_init(&a->probe, a->intent.generation, 1);
	pair_settle(pair);
	assert_false(probe_is_proved(&a->probe));
	b->intent.generation = a->intent.generation;
	for (int i = 0; i < 2000000 && !probe_is_proved(&a->probe); i++)
		pair_turn(pair);
	assert_true(probe_is_proved(&a->probe));
}

/* Turns a few bits of `frame` over, most of them among the headers, or cuts it short. */
static uint32_t spoil(uint32_t len)
{
	uint32_t flips = (uint32_t)rand() % 4;

	while (flips--)
		frame[(uint32_t)rand() % (rand() % 4 ? 100 : len) % len] ^=
			(uint8_t)(1u << rand() % 8);
	return rand() % 8 ? len : 1 + (uint32_t)rand() % len;
}

static void random_lan_frame(uint32_t side, bool is_spoilt)
{
	uint32_t payload = (uint32_t)rand() % (pair->side[side].ports[PAIR_LAN].mtu - 48);
	uint32_t len = pair_udp_frame(pair, side, rand() % 2, 4000, 5001, payload, 0, frame);

	assert_true(pair_inject(pair, side, PAIR_LAN, frame, is_spoilt ? spoil(len) : len));
}

/* Half of what side 0 sent arrives as it was. */
static void spoilt_carry(void)
{
	struct rte_mbuf *mbuf;

	while ((mbuf = pair_take(pair, 0, PAIR_WAN))) {
		uint32_t len = rte_pktmbuf_data_len(mbuf);

		memcpy(frame, rte_pktmbuf_mtod(mbuf, void *), len);
		rte_pktmbuf_free(mbuf);
		assert_true(pair_inject(pair, 1, PAIR_WAN, frame, rand() % 2 ? spoil(len) : len));
	}
}

/*
 * Random frames on both ports, sealed by nothing, so that the flipped bits reach every parser and
 * machine: nothing crashes, and every frame is accounted for. What such a peer says may stop the
 * lane, so it gets a new life now and then.
 */
static void random_frames(const struct pair_options *options)
{
	const char *given = getenv("CAUSEWAY_SEED");
	unsigned int seed = given ? (unsigned int)strtoul(given, NULL, 0) : 1;
	struct rte_mbuf *mbuf;

	print_message("seed %u\n", seed);
	srand(seed);
	begin(options);
	for (int i = 0; i < 20000; i++) {
		random_lan_frame(0, false);
		random_lan_frame(1, true);
		worker_turn(pair->side[0].worker);
		spoilt_carry();
		worker_turn(pair->side[1].worker);
		pair_carry(pair, 1);
		while ((mbuf = pair_take(pair, 1, PAIR_LAN)) ||
		       (mbuf = pair_take(pair, 0, PAIR_LAN)))
			rte_pktmbuf_free(mbuf);
		if (i % 64 == 63)
			pair_keys_give(pair, (uint8_t)(i / 64 % 4), true);
		assert_true(pair_is_counted(pair, 0) && pair_is_counted(pair, 1));
	}
	assert_true(in(0)->tx_packets > 1000);
	assert_true(in(1)->tx_packets > 1000);
}

static void fastpath__random_frames(void **state)
{
	(void)state;
	random_frames(&in_the_clear);
}

static void fastpath__random_fragments(void **state)
{
	(void)state;
	random_frames(&fragmenting_in_the_clear);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(fastpath__carries_ipv4, end),
		cmocka_unit_test_teardown(fastpath__carries_ipv6, end),
		cmocka_unit_test_teardown(fastpath__carries_over_ipv6, end),
		cmocka_unit_test_teardown(fastpath__carries_small, end),
		cmocka_unit_test_teardown(fastpath__fragments_what_exceeds_the_wan, end),
		cmocka_unit_test_teardown(fastpath__aggregates_small_packets_in_order, end),
		cmocka_unit_test_teardown(fastpath__ecn_never_shares_with_not_ect, end),
		cmocka_unit_test_teardown(fastpath__outer_ce, end),
		cmocka_unit_test_teardown(fastpath__leaves_others_alone, end),
		cmocka_unit_test_teardown(fastpath__malformed_tunnel_packets, end),
		cmocka_unit_test_teardown(fastpath__forged_tunnel_packets, end),
		cmocka_unit_test_teardown(fastpath__wrong_peer, end),
		cmocka_unit_test_teardown(fastpath__spoofed_inner, end),
		cmocka_unit_test_teardown(fastpath__lost_fragment_is_repaired, end),
		cmocka_unit_test_teardown(fastpath__queue_is_bounded, end),
		cmocka_unit_test_teardown(fastpath__probe_needs_the_same_generation, end),
		cmocka_unit_test_teardown(fastpath__random_frames, end),
		cmocka_unit_test_teardown(fastpath__random_fragments, end),
	};

	if (pair_eal_start(256)) {
		print_message("SKIP: DPDK does not start here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
