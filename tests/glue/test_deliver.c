/* Sites whose LANs know one class by different DSCPs: what each gateway delivers bears its site's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/icrc.h"
#include "dataplane/core/roce.h"
#include "tests/harness/gateway_pair.h"

#define DSCP_A	  24
#define DSCP_B	  26
#define DSCP_SENT 34

static struct pair *pair;
static uint8_t frame[10000], got[10000];

static const struct pair_options ordinary = {
	.lan_mtu = 1500, .wan_mtu = 2000, .rate_bps = 100000000000ull, .mbufs = 4095};
static const struct pair_options fragmenting = {
	.lan_mtu = 9000, .wan_mtu = 1500, .rate_bps = 100000000000ull, .mbufs = 2047};
static const struct pair_options over_v6 = {.lan_mtu = 1500,
					    .wan_mtu = 2000,
					    .rate_bps = 100000000000ull,
					    .outer_v6 = true,
					    .mbufs = 2047};

/* Both sites have a map for the path's class. */
static void begin(const struct pair_options *options)
{
	static const uint8_t dscps[2] = {DSCP_A, DSCP_B};

	pair = pair_create(options);
	assert_non_null(pair);
	pair_hush(pair);
	for (uint32_t side = 0; side < 2; side++)
		pair_path(pair, side)->intent.deliver =
			(struct intent_deliver){.has_dscp = true, .dscp = dscps[side]};
}

static int end(void **state)
{
	uint32_t leaked = pair ? pair_destroy(pair) : 0;

	(void)state;
	pair = NULL;
	return leaked ? -1 : 0;
}

static void settle(void)
{
	assert_true(pair_settle(pair));
	assert_true(pair_is_empty(pair));
	assert_true(pair_is_balanced(pair, 0) && pair_is_balanced(pair, 1));
}

/* What left by the LAN of `side` is the one frame, with this DSCP and ECN, and else as it was. */
static void expect_traffic(uint32_t side, uint32_t len, uint8_t dscp, uint8_t ecn)
{
	struct rte_mbuf *mbuf = pair_take(pair, side, PAIR_LAN);
	struct inner inner;
	enum drop why;

	assert_non_null(mbuf);
	assert_int_equal(rte_pktmbuf_data_len(mbuf), len);
	memcpy(got, rte_pktmbuf_mtod(mbuf, void *), len);
	rte_pktmbuf_free(mbuf);
	assert_null(pair_take(pair, side, PAIR_LAN));
	/* The checksum is right, then. */
	assert_true(inner_parse(got + 14, len - 14, &inner, &why));
	assert_int_equal(inner.dscp, dscp);
	assert_int_equal(inner.ecn, ecn);
	assert_int_equal(inner.ttl, 63);
	assert_memory_equal(got + 14 + inner.header_len, frame + 14 + inner.header_len,
			    len - 14 - inner.header_len);
	if (inner.is_v6)
		assert_int_equal(bytes_load24(got + 15) & 0xfffff,
				 bytes_load24(frame + 15) & 0xfffff);
}

static void frame_send(uint32_t side, uint32_t len)
{
	assert_true(pair_inject(pair, side, PAIR_LAN, frame, len));
	settle();
}

static void carries(const struct pair_options *options, uint32_t payload)
{
	begin(options);
	for (uint32_t n = 0; n < 16; n++) {
		uint32_t side = n & 1, is_v6 = n >> 1 & 1;
		uint8_t ecn = (uint8_t)(n >> 2);
		uint32_t len = pair_udp_frame(pair, side, is_v6, 4000, 5001, payload,
					      (uint8_t)(DSCP_SENT << 2 | ecn), frame);

		frame_send(side, len);
		expect_traffic(!side, len, side ? DSCP_A : DSCP_B, ecn);
	}
}

static void deliver__each_site_its_own(void **state)
{
	(void)state;
	carries(&ordinary, 1000);
}

static void deliver__what_shared_a_packet(void **state)
{
	uint32_t len = 0;

	(void)state;
	begin(&ordinary);
	for (uint32_t i = 0; i < 8; i++) {
		len = pair_udp_frame(pair, 0, i & 1, (uint16_t)(4000 + i), 5001, 40,
				     DSCP_SENT << 2 | ECN_ECT0, frame);
		assert_true(pair_inject(pair, 0, PAIR_LAN, frame, len));
	}
	settle();
	assert_true(pair_data_packets(pair, 0) < 8);
	for (uint32_t i = 0; i < 8; i++) {
		struct rte_mbuf *mbuf = pair_take(pair, 1, PAIR_LAN);
		struct inner inner;
		enum drop why;

		assert_non_null(mbuf);
		assert_true(inner_parse(rte_pktmbuf_mtod(mbuf, uint8_t *) + 14,
					rte_pktmbuf_data_len(mbuf) - 14u, &inner, &why));
		assert_int_equal(inner.dscp, DSCP_B);
		assert_int_equal(inner.ecn, ECN_ECT0);
		rte_pktmbuf_free(mbuf);
	}
}

static void deliver__what_was_fragmented(void **state)
{
	(void)state;
	carries(&fragmenting, 8900);
	assert_true(pair->side[1].path_counters.in.fragments > 0);
}

/* The mark of a congested WAN arrives beside the new DSCP. */
static void deliver__with_outer_ce(void **state)
{
	uint32_t len;

	(void)state;
	begin(&over_v6);
	len = pair_udp_frame(pair, 0, false, 4000, 5001, 1000, DSCP_SENT << 2 | ECN_ECT0, frame);
	assert_true(pair_inject(pair, 0, PAIR_LAN, frame, len));
	for (int i = 0; i < 1000 && !pair_path(pair, 0)->lane->tunnel.stats.sequenced; i++)
		worker_turn(pair->side[0].worker);
	for (struct rte_mbuf *mbuf; (mbuf = pair_take(pair, 0, PAIR_WAN));) {
		rte_pktmbuf_mtod(mbuf, uint8_t *)[15] |= 0x30;
		pair_wan_put(pair, 1, mbuf);
	}
	settle();
	expect_traffic(1, len, DSCP_B, ECN_CE);
	assert_int_equal(pair->side[1].path_counters.in.ce_marked, 1);
}

/* A RoCEv2 packet around these BTH bytes, with its ICRC. */
static uint32_t roce_frame(bool is_v6, uint8_t opcode, uint8_t dscp)
{
	uint32_t header = is_v6 ? INNER_IPV6_BYTES : INNER_IPV4_BYTES;
	uint32_t len = pair_udp_frame(pair, 0, is_v6, 49152, ROCE_UDP_PORT, 64,
				      (uint8_t)(dscp << 2 | ECN_ECT0), frame);
	uint8_t *bth = frame + 14 + header + 8;

	memset(bth, 0, 64);
	bth[0] = opcode;
	bytes_store16(bth + 2, 0xffff);
	bytes_store24(bth + 5, 17);
	assert_true(icrc_write(frame + 14, len - 14));
	return len;
}

/* Data gets the class's DSCP and its ICRC stays right; a CNP keeps the one that lets it overtake.
 */
static void deliver__roce(void **state)
{
	(void)state;
	begin(&ordinary);
	for (int is_v6 = 0; is_v6 < 2; is_v6++) {
		uint32_t len = roce_frame(is_v6, 0x0a, DSCP_SENT); /* WRITE only */

		frame_send(0, len);
		expect_traffic(1, len, DSCP_B, ECN_ECT0);
		assert_true(icrc_is_right(got + 14, len - 14));
		len = roce_frame(is_v6, ROCE_CNP, 48);
		frame_send(0, len);
		expect_traffic(1, len, 48, ECN_ECT0);
		assert_true(icrc_is_right(got + 14, len - 14));
	}
}

static void update(const struct intent_deliver *deliver)
{
	struct intent_path intent = pair_path(pair, 1)->intent;
	struct command command = {.type = COMMAND_PATH_UPDATE,
				  .index = HANDLE_INDEX(pair->side[1].handle)};
	struct event event;

	intent.deliver = *deliver;
	command.update.intent = &intent;
	command.update.wan_port = PAIR_WAN;
	assert_int_equal(command_push(pair->side[1].worker->commands, &command), 0);
	worker_turn(pair->side[1].worker);
	while (event_pop(pair->side[1].worker->events, &event) == 0)
		;
}

/* The site's map comes, is another, lacks the DSCP, and is gone. */
static void deliver__follows_the_intent(void **state)
{
	static const struct {
		struct intent_deliver deliver;
		uint8_t dscp;
	} steps[] = {{{0}, DSCP_SENT},
		     {{.has_dscp = true, .dscp = 0}, 0},
		     {{.has_dscp = true, .dscp = 63}, 63},
		     {{.has_priority = true, .priority = 5}, DSCP_SENT},
		     {{.has_dscp = true, .dscp = DSCP_SENT}, DSCP_SENT},
		     {{0}, DSCP_SENT}};

	(void)state;
	begin(&ordinary);
	for (uint32_t i = 0; i < RTE_DIM(steps); i++) {
		uint32_t len =
			pair_udp_frame(pair, 0, i & 1, 4000, 5001, 100, DSCP_SENT << 2, frame);

		update(&steps[i].deliver);
		frame_send(0, len);
		expect_traffic(1, len, steps[i].dscp, ECN_NOT_ECT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(deliver__each_site_its_own, end),
		cmocka_unit_test_teardown(deliver__what_shared_a_packet, end),
		cmocka_unit_test_teardown(deliver__what_was_fragmented, end),
		cmocka_unit_test_teardown(deliver__with_outer_ce, end),
		cmocka_unit_test_teardown(deliver__roce, end),
		cmocka_unit_test_teardown(deliver__follows_the_intent, end),
	};

	if (pair_eal_start(256)) {
		print_message("SKIP: DPDK does not start here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
