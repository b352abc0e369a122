/* Whatever the WAN does to packets, what enters at one LAN leaves at the other: exactly once, in
 * order within its flow, byte by byte; and no buffer is lost. */
#include <stdlib.h>
#include <string.h>

#include "tests/glue/fastpath_rig.h"

#define FRAMES 3000 /* each way, per run */

static const struct pair_wan weathers[] = {
	{0},
	{.drop = 10},
	{.drop = 300},
	{.duplicate = 200},
	{.corrupt = 100},
	{.delay = 300, .delay_turns = 10},
	{.delay = 20, .delay_turns = 1000},
	{.drop = 30, .duplicate = 30, .corrupt = 30, .delay = 100, .delay_turns = 100},
};

static void all_weathers(const struct pair_options *options)
{
	for (uint32_t i = 0; i < RTE_DIM(weathers); i++) {
		begin(options);
		pair->wan = weathers[i];
		pair->wan.random = seed;
		run(FRAMES);
		finish();
		expect_all();
		if (weathers[i].drop)
			assert_true(stats(0)->resent > 0);
		assert_int_equal(end(NULL), 0);
	}
}

static void reliable__whole_packets(void **state)
{
	(void)state;
	all_weathers(&whole);
}

static void reliable__fragments(void **state)
{
	(void)state;
	all_weathers(&fragmenting);
}

/* On a WAN that keeps the order, each repair answers a loss, be there losses or not. */
static void reliable__repairs_only_what_was_lost(void **state)
{
	(void)state;
	for (uint32_t drop = 0; drop < 100; drop += 33) {
		begin(&whole);
		pair->wan.drop = drop;
		run(FRAMES);
		finish();
		expect_all();
		for (uint32_t side = 0; side < 2; side++) {
			assert_true(drop || !stats(side)->lost);
			/* What is lost twice is sent twice, so one of the two may be too many. */
			assert_true(stats(side)->resent - stats(side)->lost <= drop);
			assert_true(stats(!side)->duplicates <= drop);
		}
		assert_int_equal(end(NULL), 0);
	}
}

/* ---- what a stranger can do ---- */

/* Everything of a side that a packet could change. */
struct snapshot {
	struct cw_port_counters ports[2];
	struct cw_path_counters path;
	struct tunnel tunnel;
};

static void snapshot_take(uint32_t side, struct snapshot *snapshot)
{
	struct path *path = pair_path(pair, side);

	path_publish(path);
	memcpy(snapshot->ports, pair->side[side].port_counters, sizeof(snapshot->ports));
	snapshot->path = *path->counters;
	snapshot->tunnel = path->lane->tunnel;
}

/* A frame off the WAN of side 0 arrives at side 1 again: only the port and this count see it. */
static void expect_no_effect(const uint8_t *frame, uint32_t len, enum drop why)
{
	struct snapshot before, after;
	struct cw_port_counters *wan = &before.ports[PAIR_WAN];

	snapshot_take(1, &before);
	assert_true(pair_inject(pair, 1, PAIR_WAN, frame, len));
	worker_turn(pair->side[1].worker);
	snapshot_take(1, &after);
	wan->rx_packets++;
	wan->rx_bytes += len;
	wan->tunnel++;
	wan->drop[why]++;
	if (why == DROP_REPLAY) {
		before.tunnel.stats.replayed++;
		before.path.lane.replayed++;
	}
	assert_memory_equal(&before, &after, sizeof(before));
}

#define CAPTURED 64

static uint32_t capture(uint8_t frames[][2048], uint32_t lengths[])
{
	struct rte_mbuf *mbuf;
	uint32_t count = 0;

	traffic_fill(&traffic, 0, 100);
	for (int i = 0; i < 1000; i++) {
		worker_turn(pair->side[0].worker);
		while ((mbuf = pair_take(pair, 0, PAIR_WAN))) {
			if (count < CAPTURED) {
				lengths[count] = rte_pktmbuf_data_len(mbuf);
				memcpy(frames[count++], rte_pktmbuf_mtod(mbuf, void *),
				       rte_pktmbuf_data_len(mbuf));
			}
			pair_wan_put(pair, 1, mbuf);
		}
		worker_turn(pair->side[1].worker);
		pair_carry(pair, 1);
	}
	return count;
}

static void reliable__replay_changes_nothing(void **state)
{
	static uint8_t frames[CAPTURED][2048];
	uint32_t lengths[CAPTURED], count;

	(void)state;
	begin(&fragmenting);
	count = capture(frames, lengths);
	assert_int_equal(count, CAPTURED);
	finish();
	for (uint32_t i = 0; i < count; i++)
		expect_no_effect(frames[i], lengths[i], DROP_REPLAY);
	run(100);
	finish();
	expect_all();
}

static void reliable__forgeries_change_nothing(void **state)
{
	static uint8_t frames[CAPTURED][2048];
	uint32_t lengths[CAPTURED], count;

	(void)state;
	begin(&whole);
	count = capture(frames, lengths);
	finish();
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *clear = frames[i] + 42;

		clear[2] ^= 1 + i % 3; /* another key phase */
		expect_no_effect(frames[i], lengths[i], DROP_NO_KEY);
		clear[2] ^= 1 + i % 3;
		clear[16] = 1; /* a packet number of the far future */
		expect_no_effect(frames[i], lengths[i], DROP_AUTH);
		frames[i][42 + WIRE_HEADER_BYTES + (uint32_t)rand() % (lengths[i] - 70)] ^= 4;
		expect_no_effect(frames[i], lengths[i], DROP_AUTH);
	}
	run(100);
	finish();
	expect_all();
}

/* ---- new keys, new lives ---- */

static void keys_give_to(uint32_t side, struct path_keys *keys)
{
	struct command command = {
		.type = COMMAND_KEYS, .index = HANDLE_INDEX(pair->side[side].handle), .keys = keys};
	struct event event;

	assert_int_equal(command_push(pair->side[side].worker->commands, &command), 0);
	worker_turn(pair->side[side].worker);
	while (event_pop(pair->side[side].worker->events, &event) == 0)
		;
}

static void reliable__rekey_loses_nothing(void **state)
{
	(void)state;
	begin(&fragmenting);
	pair->wan = weathers[RTE_DIM(weathers) - 1];
	for (uint8_t counter = 1; counter < 20; counter++) {
		run(200);
		pair_keys_give(pair, counter % KEYS_PHASES, false);
	}
	finish();
	expect_all();
	assert_true(stats(0)->resent > 0);
}

/* As the agents do it: one end opens with the new key, then the other seals with it. */
static void reliable__rekey_step_by_step(void **state)
{
	struct path_keys keys;

	(void)state;
	begin(&whole);
	for (uint8_t counter = 1; counter < 10; counter++) {
		uint64_t no_key = pair->side[1].port_counters[PAIR_WAN].drop[DROP_NO_KEY];

		pair_keys_make(pair, 1, counter % KEYS_PHASES, &keys);
		keys.has_tx = false;
		keys_give_to(1, &keys);
		run(100);
		pair_keys_make(pair, 0, counter % KEYS_PHASES, &keys);
		keys_give_to(0, &keys);
		run(100);
		pair_keys_make(pair, 1, counter % KEYS_PHASES, &keys);
		keys.has_rx = false;
		keys_give_to(1, &keys);
		run(100);
		assert_int_equal(pair->side[1].port_counters[PAIR_WAN].drop[DROP_NO_KEY], no_key);
		finish();
		/* All went over the newest key in the end. */
		assert_int_equal(pair_path(pair, 0)->lane->tunnel.keys.tx_phase,
				 counter % KEYS_PHASES);
	}
	assert_int_equal(stats(0)->resent + stats(1)->resent, 0);
	expect_all();
}

static uint64_t peer_restarts(void)
{
	uint64_t sum = 0;

	for (uint32_t side = 0; side < 2; side++)
		sum += pair->side[side].path_counters.out.drop[DROP_PEER_RESTART];
	return sum;
}

/* The two ends learn of a new life one after the other, with packets on the way in both lives. */
static void restart(bool is_apart)
{
	struct path_keys keys;
	uint64_t unacked[2], before[2];

	for (uint32_t side = 0; side < 2; side++) {
		struct cw_flow_counters *out = &pair->side[side].path_counters.out;
		const struct path *path = pair_path(pair, side);

		if (side == 0)
			pair->life++;
		pair_keys_make(pair, side, 0, &keys);
		keys.reset = true;
		unacked[side] =
			out->held_packets - queue_packets(&path->queue) - path->aggregate.count;
		before[side] = out->drop[DROP_PEER_RESTART];
		/* Without a turn of the worker, which might acknowledge more. */
		assert_int_equal(command_push(pair->side[side].worker->commands,
					      &(struct command){.type = COMMAND_KEYS,
								.index = HANDLE_INDEX(
									pair->side[side].handle),
								.keys = &keys}),
				 0);
		housekeep_commands(pair->side[side].worker);
		assert_int_equal(out->drop[DROP_PEER_RESTART] - before[side], unacked[side]);
		assert_int_equal(path->lane->tunnel.tx.retained, 0);
		assert_int_equal(path->lane->tunnel.order.held, 0);
		expect_balance();
		for (int i = 0; is_apart && i < 50; i++)
			turn();
	}
}

/* Of the life before, no key byte is left. */
static void expect_erased(uint32_t side, uint8_t phase)
{
	static const struct aead_key none;
	const struct aead_key *keys = pair_path(pair, side)->lane->rx_keys;

	for (uint8_t i = 0; i < KEYS_PHASES; i++)
		assert_int_equal(memcmp(&keys[i], &none, sizeof(none)) == 0, i != phase);
}

static void restarts(const struct pair_options *options)
{
	begin(options);
	traffic.may_skip = true;
	pair->wan = weathers[RTE_DIM(weathers) - 1];
	for (int i = 0; i < 20; i++) {
		run(100);
		pair_keys_give(pair, 1, false);
		run(100);
		restart(i & 1);
		expect_erased(0, 0);
		expect_erased(1, 0);
	}
	run(500);
	finish();
	assert_true(peer_restarts() > 0);
	for (uint32_t gateway = 0; gateway < 2; gateway++) {
		uint64_t sent = traffic_sent(&traffic, gateway);
		uint64_t got = traffic_got(&traffic, gateway);
		const struct cw_flow_counters *out = &pair->side[gateway].path_counters.out;

		/* One that was delivered but whose ACK never came counts as dropped as well. */
		assert_true(got <= sent && got + out->drop[DROP_PEER_RESTART] >= sent);
		assert_int_equal(out->tx_packets + out->drop[DROP_PEER_RESTART], sent);
	}
}

static void reliable__restart_delivers_nothing_twice(void **state)
{
	(void)state;
	restarts(&whole);
}

static void reliable__restart_with_fragments(void **state)
{
	(void)state;
	restarts(&fragmenting);
}

/* ---- several workers ---- */

static void workers(uint32_t near, uint32_t far)
{
	struct pair_options options = fragmenting;
	uint64_t handoffs = 0;

	options.workers[0] = near;
	options.workers[1] = far;
	for (uint32_t i = 0; i < RTE_DIM(weathers); i += RTE_DIM(weathers) - 1) {
		begin(&options);
		pair->wan = weathers[i];
		run(FRAMES);
		finish();
		expect_all();
		for (uint32_t side = 0; side < PAIR_SIDES; side++)
			handoffs += pair->side[side].worker_counters.handoff_rx;
		assert_true(handoffs > 0);
		assert_int_equal(end(NULL), 0);
	}
}

static void reliable__two_workers_each(void **state)
{
	(void)state;
	workers(2, 2);
}

static void reliable__two_workers_and_one(void **state)
{
	(void)state;
	workers(2, 1);
	workers(1, 2);
}

static int run_group(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(reliable__whole_packets, end),
		cmocka_unit_test_teardown(reliable__fragments, end),
		cmocka_unit_test_teardown(reliable__repairs_only_what_was_lost, end),
		cmocka_unit_test_teardown(reliable__replay_changes_nothing, end),
		cmocka_unit_test_teardown(reliable__forgeries_change_nothing, end),
		cmocka_unit_test_teardown(reliable__rekey_loses_nothing, end),
		cmocka_unit_test_teardown(reliable__rekey_step_by_step, end),
		cmocka_unit_test_teardown(reliable__restart_delivers_nothing_twice, end),
		cmocka_unit_test_teardown(reliable__restart_with_fragments, end),
		cmocka_unit_test_teardown(reliable__two_workers_each, end),
		cmocka_unit_test_teardown(reliable__two_workers_and_one, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return rig_main(run_group);
}
