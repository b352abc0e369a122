#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "perf/rates.h"

#define SECOND 1000000000ull

static void per_second__table(void **state)
{
	static const struct {
		uint64_t before, after, interval_ns, rate;
	} cases[] = {
		{0, 0, SECOND, 0},
		{5, 5, SECOND, 0},
		{0, 100, SECOND, 100},
		{0, 100, SECOND / 2, 200},
		{50, 100, 2 * SECOND, 25},
		{0, 1, 3 * SECOND, 0},
		{100, 50, SECOND, 0}, /* backwards: another run */
		{0, 100, 0, 0},
		{0, 1ull << 60, SECOND, 1ull << 60},
		{0, 50000000001, SECOND, 50000000001}, /* bytes at 400 Gb/s */
		{UINT64_MAX - 10, UINT64_MAX, SECOND, 10},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(rates_per_second(cases[i].before, cases[i].after,
					     cases[i].interval_ns) == cases[i].rate);
}

static struct cw_flow_counters flow(uint64_t rx, uint64_t tx, uint64_t held, uint64_t dropped)
{
	struct cw_flow_counters f = {.rx_packets = rx, .tx_packets = tx, .held_packets = held};

	f.rx_bytes = rx * 1000;
	f.tx_bytes = tx * 1000;
	f.outer_packets = tx / 2;
	f.outer_bytes = tx * 1040;
	f.drop[DROP_TTL] = dropped / 2;
	f.drop[DROP_SLOTS - 1] = dropped - dropped / 2;
	return f;
}

static void of_flow__two_looks(void **state)
{
	struct cw_flow_counters before = flow(100, 90, 5, 5), after = flow(300, 280, 4, 16);
	struct rates_flow r = rates_of_flow(&before, &after, 2 * SECOND);

	(void)state;
	assert_int_equal(r.rx_pps, 100);
	assert_int_equal(r.rx_bps, 800000);
	assert_int_equal(r.tx_pps, 95);
	assert_int_equal(r.tx_bps, 760000);
	assert_int_equal(r.outer_pps, 47);
	assert_int_equal(r.drop_pps, 5);
	r = rates_of_flow(NULL, &after, SECOND);
	assert_int_equal(r.rx_pps + r.tx_bps + r.drop_pps, 0);
}

static void of_port__two_looks(void **state)
{
	struct cw_port_counters before = {0}, after = {.rx_packets = 10, .rx_bytes = 1000};
	struct rates_flow r;

	(void)state;
	after.drop[DROP_NO_PATH] = 3;
	r = rates_of_port(&before, &after, SECOND);
	assert_int_equal(r.rx_pps, 10);
	assert_int_equal(r.rx_bps, 8000);
	assert_int_equal(r.tx_pps, 0);
	assert_int_equal(r.drop_pps, 3);
	assert_int_equal(rates_of_port(NULL, &after, SECOND).rx_pps, 0);
}

static void balance__table(void **state)
{
	static const struct {
		uint64_t rx, tx, held, dropped;
		int64_t balance;
	} cases[] = {
		{0, 0, 0, 0, 0},
		{100, 90, 5, 5, 0},
		{100, 90, 5, 4, 1},
		{100, 90, 5, 7, -2},
		{UINT64_MAX, UINT64_MAX - 3, 1, 2, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cw_flow_counters f =
			flow(cases[i].rx, cases[i].tx, cases[i].held, cases[i].dropped);

		assert_true(rates_balance(&f) == cases[i].balance);
	}
}

static void idle_share__table(void **state)
{
	static const struct {
		struct cw_worker_counters before, after;
		double share;
	} cases[] = {
		{{.busy_tsc = 0}, {.busy_tsc = 0}, -1},
		{{.busy_tsc = 10, .idle_tsc = 10}, {.busy_tsc = 10, .idle_tsc = 20}, 1},
		{{.busy_tsc = 10, .idle_tsc = 10}, {.busy_tsc = 20, .idle_tsc = 10}, 0},
		{{.busy_tsc = 10, .idle_tsc = 10}, {.busy_tsc = 40, .idle_tsc = 20}, 0.25},
		{{.busy_tsc = 10, .idle_tsc = 10}, {.busy_tsc = 5, .idle_tsc = 20}, -1},
		{{.busy_tsc = 10, .idle_tsc = 10}, {.busy_tsc = 20, .idle_tsc = 5}, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(rates_idle_share(&cases[i].before, &cases[i].after) == cases[i].share);
	assert_true(rates_idle_share(NULL, &cases[0].after) == -1);
}

static void find__same_use_of_the_slot(void **state)
{
	struct snapshot_path paths[2] = {{.slot = 3, .facts = {.name = "a", .epoch = 1}},
					 {.slot = 4, .facts = {.name = "b", .epoch = 7}}};
	struct snapshot_port ports[1] = {{.facts = {.name = "lan0"}}};
	const struct snapshot before = {
		.path_count = 2, .paths = paths, .port_count = 1, .ports = ports};
	struct snapshot_path now = {.slot = 4, .facts = {.name = "b", .epoch = 7}};
	struct snapshot_port port = {.facts = {.name = "lan0"}};

	(void)state;
	assert_ptr_equal(rates_find_path(&before, &now), &paths[1]);
	now.facts.epoch = 8;
	assert_null(rates_find_path(&before, &now));
	assert_null(rates_find_path(NULL, &now));
	assert_ptr_equal(rates_find_port(&before, &port), &ports[0]);
	strcpy(port.facts.name, "wan0");
	assert_null(rates_find_port(&before, &port));
}

static void same_run__start_pid_and_workers(void **state)
{
	struct snapshot a = {.header = {.start_ns = 5, .pid = 6, .workers = 1}}, b = a;

	(void)state;
	assert_true(rates_same_run(&a, &b));
	b.header.start_ns = 7;
	assert_false(rates_same_run(&a, &b));
	b = a;
	b.header.workers = 2;
	assert_false(rates_same_run(&a, &b));
}

static void add__every_field(void **state)
{
	struct cw_flow_counters sum = flow(1, 2, 3, 4), part = flow(10, 20, 30, 40);
	struct cw_port_counters port_sum = {.rx_packets = 1}, port_part = {.rx_packets = 2};

	(void)state;
	rates_add_flow(&sum, &part);
	assert_int_equal(sum.rx_packets, 11);
	assert_int_equal(sum.held_packets, 33);
	assert_int_equal(rates_drop_sum(sum.drop), 44);
	port_part.drop[DROP_SLOTS - 1] = 9;
	port_part.kernel_reason[2] = 5;
	rates_add_port(&port_sum, &port_part);
	assert_int_equal(port_sum.rx_packets, 3);
	assert_int_equal(port_sum.drop[DROP_SLOTS - 1], 9);
	assert_int_equal(port_sum.kernel_reason[2], 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(per_second__table),
		cmocka_unit_test(of_flow__two_looks),
		cmocka_unit_test(of_port__two_looks),
		cmocka_unit_test(balance__table),
		cmocka_unit_test(idle_share__table),
		cmocka_unit_test(find__same_use_of_the_slot),
		cmocka_unit_test(same_run__start_pid_and_workers),
		cmocka_unit_test(add__every_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
