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
static const struct pair_options fragmenting = {
	.lan_mtu = 9000, .wan_mtu = 1500, .rate_bps = 100000000000ull, .mbufs = 2047};
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
	(void)state;
	if (pair)
		pair_destroy(pair);
	pair = NULL;
	return 0;
}

static const struct cw_flow_counters *out(uint32_t side)
{
	return &pair->side[side].path_counters.out;
}

static const struct cw_flow_counters *in(uint32_t side)
{
	return &pair->side[side].path_counters.in;
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

static void carries(const struct pair_options *options, uint32_t payload, bool is_v6)
{
	uint32_t len;

	begin(options);
	for (uint32_t side = 0; side < 2; side++) {
		len = pair_udp_frame(pair, side, is_v6, 4000, 5001, payload, 0, frame);
		assert_true(pair_inject(pair, side, PAIR_LAN, frame, len));
		pair_settle(pair);
		expect_frame(!side, frame, len);
		assert_int_equal(out(side)->tx_packets, 1);
		assert_int_equal(in(!side)->tx_packets, 1);
	}
	expect_balance();
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
	assert_int_equal(out(0)->outer_packets, 7);
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
	pair_settle(pair);
	for (i = 0; i < 20; i++) {
		len = pair_udp_frame(pair, 0, false, (uint16_t)(4000 + i), 5001, 40, 0, frame);
		expect_frame(1, frame, len);
	}
	assert_true(out(0)->outer_packets < 5);
	expect_balance();
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
	pair_settle(pair);
	assert_int_equal(out(0)->outer_packets, 2);
	assert_int_equal(in(1)->tx_packets, 2);
}

/* The outer CE mark of a congested WAN reaches an ECN-capable inner packet and kills another. */
static void fastpath__outer_ce(void **state)
{
	struct rte_mbuf *mbuf;
	uint32_t len;
	uint8_t tos;

	(void)state;
	begin(&over_v6);
	for (tos = 0; tos <= 2; tos += 2) {
		len = pair_udp_frame(pair, 0, false, 4000, 5001, 1000, tos, frame);
		assert_true(pair_inject(pair, 0, PAIR_LAN, frame, len));
		worker_turn(pair->side[0].worker);
		mbuf = pair_take(pair, 0, PAIR_WAN);
		assert_non_null(mbuf);
		rte_pktmbuf_mtod(mbuf, uint8_t *)[15] |= 0x30;
		rte_ring_enqueue(pair->side[1].rx[PAIR_WAN], mbuf);
		pair_settle(pair);
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

static struct rte_mbuf *tunnel_packet(uint32_t payload)
{
	uint32_t len = pair_udp_frame(pair, 0, false, 4000, 5001, payload, 0, frame);
	struct rte_mbuf *mbuf = NULL;

	assert_true(pair_inject(pair, 0, PAIR_LAN, frame, len));
	for (int i = 0; i < 100000 && !mbuf; i++) {
		worker_turn(pair->side[0].worker);
		mbuf = pair_take(pair, 0, PAIR_WAN);
	}
	assert_non_null(mbuf);
	return mbuf;
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

	(void)state;
	begin(&ordinary);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t before = port_drops(1, PAIR_WAN, cases[i].why);

		mbuf = tunnel_packet(1000);
		*rte_pktmbuf_mtod_offset(mbuf, uint8_t *, 42 + cases[i].offset) = cases[i].value;
		rte_ring_enqueue(pair->side[1].rx[PAIR_WAN], mbuf);
		worker_turn(pair->side[1].worker);
		assert_int_equal(port_drops(1, PAIR_WAN, cases[i].why), before + 1);
	}
	mbuf = tunnel_packet(1000);
	rte_pktmbuf_mtod(mbuf, uint8_t *)[rte_pktmbuf_data_len(mbuf) - 1] ^= 1;
	rte_ring_enqueue(pair->side[1].rx[PAIR_WAN], mbuf);
	worker_turn(pair->side[1].worker);
	assert_int_equal(port_drops(1, PAIR_WAN, DROP_AUTH), 1);
	rte_ring_enqueue(pair->side[1].rx[PAIR_WAN], tunnel_packet(1000));
	worker_turn(pair->side[1].worker);
	assert_int_equal(in(1)->tx_packets, 1);
	expect_balance();
}

static void fastpath__wrong_peer(void **state)
{
	struct rte_mbuf *mbuf;
	uint8_t *ip;
	uint32_t sum;

	(void)state;
	begin(&ordinary);
	mbuf = tunnel_packet(1000);
	ip = rte_pktmbuf_mtod(mbuf, uint8_t *) + 14;
	ip[15] = 9; /* source 10.200.0.9, checksum kept right */
	sum = bytes_load16(ip + 10) + 0xffff - 8;
	bytes_store16(ip + 10, (uint16_t)bytes_fold(sum));
	rte_ring_enqueue(pair->side[1].rx[PAIR_WAN], mbuf);
	worker_turn(pair->side[1].worker);
	assert_int_equal(port_drops(1, PAIR_WAN, DROP_BAD_PEER), 1);
	assert_int_equal(in(1)->rx_packets, 0);
}

/* A peer that is genuine but sends what its selectors forbid. */
static void fastpath__spoofed_inner(void **state)
{
	struct rte_mbuf *mbuf;
	uint8_t *inner;

	(void)state;
	begin(&ordinary);
	mbuf = tunnel_packet(1000);
	inner = rte_pktmbuf_mtod(mbuf, uint8_t *) + 42 + 28 + 16;
	inner[13] = 7; /* 10.7.0.10 */
	bytes_store16(inner + 10, (uint16_t)bytes_fold(bytes_load16(inner + 10) + 0xffffu - 6));
	rte_ring_enqueue(pair->side[1].rx[PAIR_WAN], mbuf);
	worker_turn(pair->side[1].worker);
	assert_int_equal(in(1)->drop[DROP_SPOOFED] + in(1)->drop[DROP_MALFORMED], 1);
	assert_int_equal(in(1)->tx_packets, 0);
	expect_balance();
}

static void fastpath__lost_fragment_times_out(void **state)
{
	struct worker *w;
	struct rte_mbuf *mbuf;
	uint32_t len;

	(void)state;
	begin(&fragmenting);
	w = pair->side[1].worker;
	len = pair_udp_frame(pair, 0, false, 4000, 5001, 8900, 0, frame);
	assert_true(pair_inject(pair, 0, PAIR_LAN, frame, len));
	worker_turn(pair->side[0].worker);
	rte_pktmbuf_free(pair_take(pair, 0, PAIR_WAN));
	while ((mbuf = pair_take(pair, 0, PAIR_WAN)))
		rte_ring_enqueue(pair->side[1].rx[PAIR_WAN], mbuf);
	worker_turn(w);
	assert_int_equal(in(1)->held_packets, 1);
	expect_balance();
	w->now_ns += 10 * REASM_TIMEOUT_NS;
	inbound_expire(w, path_table_by_handle(&w->paths, pair->side[1].handle));
	assert_int_equal(in(1)->drop[DROP_REASSEMBLY], 1);
	assert_int_equal(in(1)->held_packets, 0);
	assert_int_equal(in(1)->held_bytes, 0);
	expect_balance();
}

static void fastpath__queue_is_bounded(void **state)
{
	uint32_t len;

	(void)state;
	begin(&slow);
	len = pair_udp_frame(pair, 0, false, 4000, 5001, 1400, 0, frame);
	for (int burst = 0; burst < 20; burst++) {
		for (int i = 0; i < 32; i++)
			assert_true(pair_inject(pair, 0, PAIR_LAN, frame, len));
		worker_turn(pair->side[0].worker);
	}
	assert_true(out(0)->drop[DROP_QUEUE_FULL] > 0);
	assert_true(out(0)->held_bytes <= 131072);
	assert_true(out(0)->held_packets > 0);
	expect_balance();
}

static void fastpath__probe_needs_the_same_generation(void **state)
{
	struct path *a, *b;

	(void)state;
	begin(&ordinary);
	a = path_table_by_handle(&pair->side[0].worker->paths, pair->side[0].handle);
	b = path_table_by_handle(&pair->side[1].worker->paths, pair->side[1].handle);
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

/* Random frames on both ports: nothing crashes, and every frame is accounted for. */
static void fastpath__random_frames(void **state)
{
	const char *given = getenv("CAUSEWAY_SEED");
	unsigned int seed = given ? (unsigned int)strtoul(given, NULL, 0) : 1;
	struct rte_mbuf *mbuf;

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	begin(&ordinary);
	for (int i = 0; i < 20000; i++) {
		uint32_t port = (uint32_t)rand() % 2, flips = (uint32_t)rand() % 4, len;

		len = pair_udp_frame(pair, 1, rand() % 2, 4000, 5001, (uint32_t)rand() % 1400, 0,
				     frame);
		if (port == PAIR_WAN) {
			mbuf = tunnel_packet((uint32_t)rand() % 1400);
			len = rte_pktmbuf_data_len(mbuf);
			memcpy(frame, rte_pktmbuf_mtod(mbuf, void *), len);
			rte_pktmbuf_free(mbuf);
		}
		while (flips--)
			frame[(uint32_t)rand() % (rand() % 4 ? 100 : len) % len] ^=
				(uint8_t)(1u << rand() % 8);
		if (rand() % 8 == 0)
			len = 1 + (uint32_t)rand() % len;
		assert_true(pair_inject(pair, 1, port, frame, len));
		worker_turn(pair->side[1].worker);
		while ((mbuf = pair_take(pair, 1, PAIR_LAN)) ||
		       (mbuf = pair_take(pair, 1, PAIR_WAN)))
			rte_pktmbuf_free(mbuf);
	}
	expect_balance();
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
		cmocka_unit_test_teardown(fastpath__wrong_peer, end),
		cmocka_unit_test_teardown(fastpath__spoofed_inner, end),
		cmocka_unit_test_teardown(fastpath__lost_fragment_times_out, end),
		cmocka_unit_test_teardown(fastpath__queue_is_bounded, end),
		cmocka_unit_test_teardown(fastpath__probe_needs_the_same_generation, end),
		cmocka_unit_test_teardown(fastpath__random_frames, end),
	};

	if (pair_eal_start(256)) {
		print_message("SKIP: DPDK does not start here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
