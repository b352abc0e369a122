/* Windows that follow a path's rate while it carries traffic: nothing is lost, doubled or
 * overtaken. */
#include "tests/glue/pressure_rig.h"

#include <stdlib.h>
#include <string.h>

#define BUFFERS 3000 /* that the path may fill, each way */

static const struct pair_options slow = {.lan_mtu = 1500,
					 .wan_mtu = 1100, /* two fragments */
					 .rate_bps = 100000000,
					 .rtt_ns = 10 * MS,
					 .mbufs = 16383};
static const struct pair_options two_workers = {.lan_mtu = 1500,
						.wan_mtu = 2000,
						.rate_bps = 100000000,
						.rtt_ns = 10 * MS,
						.mbufs = 16383,
						.workers = {2, 1}};

static struct path_demand most[2]; /* of each gateway */

static void command_do(uint32_t side, const struct command *command)
{
	struct worker *w = pair->side[side].worker;
	struct event event;

	assert_int_equal(command_push(w->commands, command), 0);
	worker_turn(w);
	while (event_pop(w->events, &event) == 0)
		if (event.type == EVENT_DONE && event.done.command == COMMAND_PATH_RESIZE)
			path_resize_free((struct path_resize *)(uintptr_t)event.done.object);
}

/* As fastpath_path_update does for one worker. */
static void side_resize(uint32_t side, uint64_t rate_bps)
{
	struct path *path = pair_path(pair, side);
	struct path_options options = {.worker = side / 2,
				       .workers = pair->side[side % 2 + 2].worker ? 2 : 1,
				       .retain_buffers = BUFFERS,
				       .hold_buffers = BUFFERS};
	struct intent_path intent = path->intent;
	struct command update = {.type = COMMAND_PATH_UPDATE,
				 .index = HANDLE_INDEX(pair->side[side].handle)};
	struct command resize = {.type = COMMAND_PATH_RESIZE, .index = update.index};
	struct path_demand demand = path_demand_of(&intent);

	path_demand_raise(&most[side % 2], &demand);
	intent.rate_bps = intent.max_bps = intent.peer_max_bps = rate_bps;
	demand = path_demand_of(&intent);
	path_demand_raise(&most[side % 2], &demand);
	update.update.intent = &intent;
	update.update.wan_port = PAIR_WAN;
	command_do(side, &update);
	resize.resize = path_resize_create(&intent, &most[side % 2], &options);
	assert_non_null(resize.resize);
	command_do(side, &resize);
}

static void resize(uint64_t rate_bps)
{
	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		if (pair->side[side].worker)
			side_resize(side, rate_bps);
}

static const struct tunnel_sizes *sizes_of(uint32_t side)
{
	return &pair_path(pair, side)->lane->tunnel.config.sizes;
}

static void resize_begin(const struct pair_options *options)
{
	memset(most, 0, sizeof(most));
	begin(options);
}

/* Some more of each flow, without filling a queue. */
static void offer(uint32_t workers)
{
	for (uint32_t worker = 0; worker < workers; worker++)
		if (queue_packets(&pair_path(pair, 2 * worker)->queue) < 40)
			for (uint32_t i = 0; i < 4; i++)
				flow_send(worker * 2 + (i & 1), worker);
}

/* Loss, doubles and overtaking on the way, and each few milliseconds another rate. */
static void under_traffic(const struct pair_options *options, uint32_t workers)
{
	static const uint64_t rates[] = {1000000000, 50000000,	 2000000000, 100000000,
					 20000000,   3000000000, 500000000,  2000000000};
	uint32_t slots = 0;

	resize_begin(options);
	pair->wan = (struct pair_wan){
		.drop = 20, .duplicate = 20, .delay = 200, .delay_turns = 8, .random = 7};
	for (uint32_t i = 0; i < 3 * RTE_DIM(rates); i++) {
		for (uint64_t until = now() + 8 * MS; now() < until; turn())
			offer(workers);
		resize(rates[i % RTE_DIM(rates)]);
		assert_true(sizes_of(0)->tx_slots >= slots && sizes_of(1)->rx_slots >= slots);
		slots = sizes_of(0)->tx_slots;
	}
	assert_true(slots > 1024);
	pair->wan = (struct pair_wan){0};
	settle();
	for (uint32_t flow = 0; flow < 2 * workers; flow++)
		expect_all_came(flow);
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
	assert_true(pair_path(pair, 0)->lane->tunnel.stats.resent > 0);
	assert_int_equal(pair_path(pair, 1)->lane->tunnel.stats.refused, 0);
}

static void resize__loses_nothing_under_traffic(void **state)
{
	(void)state;
	under_traffic(&slow, 1);
}

/* One end has a lane that only acknowledges, the other two that receive. */
static void resize__of_several_lanes(void **state)
{
	(void)state;
	under_traffic(&two_workers, 2);
}

/* A smaller window holds, and what it held back goes as soon as it is wider. */
static void resize__frees_what_the_window_held(void **state)
{
	const struct tunnel *t;
	uint32_t retained;

	(void)state;
	resize_begin(&slow);
	t = &pair_path(pair, 0)->lane->tunnel;
	resize(2000000000);
	offer(1);
	settle(); /* the far end has granted what it can take */
	side_resize(0, 20000000);
	assert_true(sizes_of(0)->retain_packets <= 1024);
	pair->wan.drop = 1000; /* nothing is acknowledged */
	for (uint64_t until = now() + 2000 * MS;
	     now() < until && pair_path(pair, 0)->stall != STALL_WINDOW; turn())
		offer(1);
	assert_int_equal(pair_path(pair, 0)->stall, STALL_WINDOW);
	retained = tunnel_retained(t);
	assert_true(retained <= 1024);
	side_resize(0, 2000000000);
	for (uint64_t until = now() + 100 * MS; now() < until && tunnel_retained(t) <= retained;
	     turn())
		;
	assert_true(tunnel_retained(t) > retained);
	pair->wan.drop = 0;
	settle();
	expect_all_came(0);
	expect_all_came(1);
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(resize__loses_nothing_under_traffic, end),
		cmocka_unit_test_teardown(resize__of_several_lanes, end),
		cmocka_unit_test_teardown(resize__frees_what_the_window_held, end),
	};

	if (pair_eal_start(384)) {
		print_message("SKIP: DPDK does not start here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
