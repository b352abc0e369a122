/* What senders are told before a queue is full: marks, early drops, CNPs. */
#include "tests/glue/pressure_rig.h"

#include <string.h>

#include "dataplane/core/icrc.h"

#define RATE	  200000000ull /* of the path */
#define FRAME_BPS (8ull * (PAYLOAD + 28))

static const struct pair_options ordinary = {
	.lan_mtu = 1500, .wan_mtu = 2000, .rate_bps = RATE, .mbufs = 4095, .rtt_ns = 1000000};

/* A sender that sends at a rate, in even steps. */
struct source {
	uint32_t flow;
	uint64_t rate_bps, next_ns;
};

static void source_run(struct source *source)
{
	uint64_t at = now();

	/* What this thread was late for is not made up for. */
	if (source->next_ns + MS < at)
		source->next_ns = at;
	for (; source->next_ns <= at; source->next_ns += FRAME_BPS * 1000000000 / source->rate_bps)
		flow_send(source->flow, 0);
}

static const struct cw_flow_counters *out(void)
{
	return &pair->side[0].path_counters.out;
}

static const struct path *path(void)
{
	return pair_path(pair, 0);
}

/* It halves at a mark, once per round trip or so, and grows else: no packet is lost to tell it. */
static void marks__slow_down_who_reacts(void **state)
{
	struct source source = {.rate_bps = 3 * RATE};
	uint64_t begin_ns, cut_ns = 0, bytes_max = 0;
	uint32_t ce = 0, got;

	(void)state;
	begin(&ordinary);
	flows[0].tos = ECN_ECT0;
	begin_ns = now();
	for (uint64_t at = begin_ns; at < begin_ns + 400 * MS; at = now()) {
		source_run(&source);
		turn();
		bytes_max = RTE_MAX(bytes_max, queue_bytes(&path()->queue));
		if (flows[0].ce != ce && at > cut_ns + MS) {
			source.rate_bps = RTE_MAX(source.rate_bps / 2, RATE / 16);
			cut_ns = at;
		} else if (at > cut_ns + 2 * MS) {
			source.rate_bps += RATE / 16;
			cut_ns = at - MS;
		}
		ce = flows[0].ce;
	}
	got = flows[0].got;
	settle();
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
	expect_all_came(0);
	assert_true(out()->ce_marked > 0);
	assert_int_equal(flows[0].ce, out()->ce_marked);
	assert_true(out()->ce_marked < flows[0].got);
	/* The queue stays far from where it drops, and the path is used. */
	assert_true(bytes_max < path()->limit_bytes);
	assert_true(got * FRAME_BPS > RATE * 2 / 10 / 5);
}

static void marks__spare_a_flow_below_the_rate(void **state)
{
	struct source source = {.rate_bps = RATE / 4};
	uint64_t begin_ns;

	(void)state;
	begin(&ordinary);
	flows[0].tos = ECN_ECT1;
	for (begin_ns = now(); now() < begin_ns + 100 * MS;) {
		source_run(&source);
		turn();
	}
	settle();
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
	expect_all_came(0);
	assert_true(flows[0].ce < flows[0].got / 20);
}

/* TCP that does not slow down at all loses what exceeds the rate, early, and nobody else does. */
static void marks__tell_tcp_by_an_early_drop(void **state)
{
	struct source tcp = {.flow = 0, .rate_bps = 3 * RATE};
	struct source ect = {.flow = 1, .rate_bps = RATE / 8};
	struct source other = {.flow = 2, .rate_bps = RATE / 8};
	uint64_t begin_ns, bytes_max = 0;

	(void)state;
	begin(&ordinary);
	flows[0].protocol = flows[1].protocol = TCP;
	flows[0].may_skip = true;
	flows[1].tos = ECN_ECT0;
	for (begin_ns = now(); now() < begin_ns + 300 * MS;) {
		source_run(&tcp);
		source_run(&ect);
		source_run(&other);
		turn();
		bytes_max = RTE_MAX(bytes_max, queue_bytes(&path()->queue));
	}
	settle();
	assert_true(out()->drop[DROP_QUEUE_TCP] > 0);
	expect_no_drop_but(DROP_QUEUE_TCP, DROP_COUNT);
	expect_all_came(1);
	expect_all_came(2);
	assert_int_equal(flows[0].got + out()->drop[DROP_QUEUE_TCP], flows[0].sent);
	/* Its ceiling, and what the two others add to it. */
	assert_true(bytes_max <= path()->mark.ceiling_bytes + 16 * 1500);
}

/* A queue that stands, far below its ceiling: CoDel's drops, by time and not by length. */
static void marks__drop_where_a_queue_stands(void **state)
{
	uint64_t begin_ns, bytes_max = 0;

	(void)state;
	begin(&ordinary);
	flows[0].protocol = TCP;
	flows[0].may_skip = true;
	for (begin_ns = now(); now() < begin_ns + 300 * MS; turn()) {
		if (queue_bytes(&path()->queue) < path()->mark.ceiling_bytes * 3 / 4)
			flow_send(0, 0);
		bytes_max = RTE_MAX(bytes_max, queue_bytes(&path()->queue));
	}
	settle();
	assert_true(bytes_max < path()->mark.ceiling_bytes);
	assert_true(out()->drop[DROP_QUEUE_TCP] > 0);
	assert_true(out()->drop[DROP_QUEUE_TCP] < flows[0].sent / 10);
	expect_no_drop_but(DROP_QUEUE_TCP, DROP_COUNT);
}

/* ---- RoCE ---- */

enum {
	SENDER_QPN = 0x11,
	RECEIVER_QPN = 0x22,
	WRITE_MIDDLE = 0x07
};

static void roce_send(uint32_t side, uint8_t opcode, uint32_t qpn, uint32_t psn, uint32_t payload)
{
	uint8_t frame[2048];
	uint32_t len =
		pair_udp_frame(pair, side, false, 0xc000, ROCE_UDP_PORT, payload, ECN_ECT0, frame);
	uint8_t *bth = frame + 42;

	memset(bth, 0, ROCE_BTH_BYTES);
	bth[0] = opcode;
	bytes_store16(bth + 2, 0xffff);
	bytes_store24(bth + 5, qpn);
	bytes_store24(bth + 9, psn);
	icrc_write(frame + 14, len - 14);
	pair_inject(pair, side, PAIR_LAN, frame, len);
}

static void roce_learn(void)
{
	for (uint32_t psn = 0; psn < 8; psn++) {
		roce_send(0, WRITE_MIDDLE, RECEIVER_QPN, psn, 1000);
		turns_for(MS);
		roce_send(1, ROCE_ACK, SENDER_QPN, psn, ROCE_BTH_BYTES + 4 + ICRC_BYTES);
		turns_for(MS);
	}
}

static uint32_t overload(uint32_t psn, uint64_t ns)
{
	for (uint64_t until = now() + ns; now() < until; turn())
		if (queue_bytes(&path()->queue) < path()->mark.high_bytes * 3 / 2)
			roce_send(0, WRITE_MIDDLE, RECEIVER_QPN, psn++, 1000);
	return psn;
}

static void cnp__tells_the_sender_once_it_is_known(void **state)
{
	const struct lan_seen *lan = &seen[0];
	uint64_t marked, elapsed;
	uint32_t psn;

	(void)state;
	begin(&ordinary);
	/* Nobody has answered yet: a mark has to do. */
	psn = overload(100, 20 * MS);
	assert_int_equal(lan->cnps, 0);
	assert_true(out()->ce_marked > 0);
	settle();
	end(state);

	begin(&ordinary);
	roce_learn();
	assert_int_equal(pair->side[0].worker->cnp.links, 1);
	marked = out()->ce_marked;
	elapsed = now();
	overload(psn, 20 * MS);
	elapsed = now() - elapsed;
	assert_true(lan->cnps > 10);
	assert_true(lan->cnps <= elapsed / CNP_GAP_NS + 1);
	assert_int_equal(pair->side[0].port_counters[PAIR_LAN].cnp_sent, lan->cnps);
	/* In place of marks, whose echo would come a WAN round trip late. */
	assert_int_equal(out()->ce_marked, marked);
	settle();
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
}

static void cnp__is_a_good_frame(void **state)
{
	static const uint8_t host[6] = {PAIR_HOST_MAC};
	const uint8_t *frame = seen[0].cnp;
	struct inner inner;
	struct roce roce;
	enum drop why;

	(void)state;
	begin(&ordinary);
	roce_learn();
	overload(50, 5 * MS);
	assert_true(seen[0].cnps > 0);
	assert_memory_equal(frame, host, 6);
	assert_memory_equal(frame + 6, pair->side[0].ports[PAIR_LAN].mac, 6);
	assert_true(inner_parse(frame + 14, seen[0].cnp_len - 14, &inner, &why));
	assert_true(roce_parse(frame + 14, &inner, &roce));
	assert_int_equal(roce.kind, ROCE_KIND_CNP);
	assert_int_equal(roce.dest_qpn, SENDER_QPN);
	assert_int_equal(inner.dscp, CNP_DSCP);
	assert_true(icrc_is_right(frame + 14, inner.total_len));
	/* From the far host, as it looks, to the near one. */
	assert_memory_equal(inner.src.bytes + 12, ((uint8_t[]){10, 2, 0, 10}), 4);
	assert_memory_equal(inner.dst.bytes + 12, ((uint8_t[]){10, 1, 0, 10}), 4);
	settle();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(marks__slow_down_who_reacts, end),
		cmocka_unit_test_teardown(marks__spare_a_flow_below_the_rate, end),
		cmocka_unit_test_teardown(marks__tell_tcp_by_an_early_drop, end),
		cmocka_unit_test_teardown(marks__drop_where_a_queue_stands, end),
		cmocka_unit_test_teardown(cnp__tells_the_sender_once_it_is_known, end),
		cmocka_unit_test_teardown(cnp__is_a_good_frame, end),
	};

	if (pair_eal_start(256)) {
		print_message("SKIP: DPDK does not start here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
