/* Priority pauses at the LAN ports: sent before a queue is full, obeyed, relayed, and their end. */
#include "tests/glue/pressure_rig.h"

#include <string.h>

#define QUANTA_OF_MS 977 /* 512 bit times at 500 Mb/s, about */

static const struct pair_options paced = {.lan_mtu = 1500,
					  .wan_mtu = 2000,
					  .rate_bps = 2000000000,
					  .mbufs = 8191,
					  .lan_bps = 100000000};

static const struct cw_port_counters *lan(uint32_t gateway)
{
	return &pair->side[gateway].port_counters[PAIR_LAN];
}

/* The event of a storm that a worker has for its agent; false: none. */
static bool storm_take(uint32_t side, struct event *storm)
{
	while (event_pop(pair->side[side].worker->events, storm) == 0)
		if (storm->type == EVENT_STORM)
			return true;
	return false;
}

/* Ten times the path's rate from a sender that obeys: XOFF, XON, and nothing is lost. */
static void pauses__keep_an_obedient_sender_lossless(void **state)
{
	const struct path *path;
	uint64_t level, off_least = UINT64_MAX, on_most = 0;
	uint8_t was_paused = 0;

	(void)state;
	begin(&pausing_narrow);
	path = pair_path(pair, 0);
	for (uint64_t until = now() + 400 * MS; now() < until;) {
		flow_offer(0, 16, PRIO_FIRST);
		level = queue_bytes(&path->queue) * 100 / path->limit_bytes;
		turn();
		if (seen[0].paused && !was_paused)
			off_least = RTE_MIN(off_least,
					    queue_bytes(&path->queue) * 100 / path->limit_bytes);
		if (!seen[0].paused && was_paused)
			on_most = RTE_MAX(on_most, level);
		was_paused = seen[0].paused;
	}
	settle();
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
	expect_all_came(0);
	assert_true(seen[0].xoffs[PRIO_FIRST] > 3);
	assert_int_equal(seen[0].xons[PRIO_FIRST], seen[0].xoffs[PRIO_FIRST]);
	assert_int_equal(seen[0].xoffs[PRIO_SECOND], 0);
	/* Where others would be dropped, give or take a turn. */
	assert_true(off_least >= 97);
	assert_true(on_most <= 82 && on_most >= 50);
	assert_int_equal(lan(0)->pauses_sent, seen[0].xoffs[PRIO_FIRST]);
	assert_int_equal(lan(0)->pfc_sent, seen[0].pfc_frames);
	assert_int_equal(lan(0)->storms, 0);
}

/*
 * The far LAN pauses us: delivery stops, then credit, then the near queue, then the near sender,
 * and no more is held anywhere than was before planned. Then all goes on, in order.
 */
static void pauses__are_relayed(void **state)
{
	const struct tunnel_sizes *sizes;
	uint64_t got;

	(void)state;
	begin(&pausing_wide);
	sizes = &pair_path(pair, 1)->lane->tunnel.config.sizes;
	for (int i = 0; i < 20; i++, turn())
		flow_offer(0, 16, PRIO_FIRST);
	got = flows[0].got;
	assert_true(got > 0);
	for (uint64_t until = now() + 80 * MS, next = 0; now() < until; turn()) {
		if (now() >= next) {
			pause_send(1, PRIO_FIRST, 20 * QUANTA_OF_MS);
			next = now() + 10 * MS;
			got = flows[0].got;
		}
		flow_offer(0, 16, PRIO_FIRST);
		assert_true(tunnel_held(&pair_path(pair, 1)->lane->tunnel) <= sizes->rx_buffers);
	}
	/* Nothing came out since the last frame was obeyed, and the sender has long stopped. */
	assert_true(flows[0].got <= got + 32);
	assert_true(seen[0].paused >> PRIO_FIRST & 1);
	assert_true(flows[0].sent < sizes->rx_buffers + 4096 / 4 + 1024);
	assert_true(pair->side[1].path_counters.lane.pause_ns > 30 * MS);
	pause_send(1, PRIO_FIRST, 0);
	for (int i = 0; i < 200; i++, turn())
		flow_offer(0, 16, PRIO_FIRST);
	settle();
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
	expect_all_came(0);
	assert_true(flows[0].got > got + 1000);
	assert_int_equal(seen[0].paused, 0);
	assert_true(lan(1)->pauses_obeyed >= 1);
	assert_true(lan(1)->pause_obeyed_ns > 60 * MS);
	assert_int_equal(lan(1)->storms, 0);
}

/* A pause that nobody renews is over by itself. */
static void pauses__end_by_themselves(void **state)
{
	uint32_t got;

	(void)state;
	begin(&pausing_wide);
	pause_send(1, PRIO_FIRST, 30 * QUANTA_OF_MS);
	turn();
	flow_offer(0, 16, PRIO_FIRST);
	turns_for(10 * MS);
	got = flows[0].got;
	assert_int_equal(got, 0);
	turns_for(40 * MS);
	settle();
	expect_all_came(0);
}

/* Of what is not for us, and of what we sent ourselves, nothing is obeyed. */
static void pauses__others_are_ignored(void **state)
{
	uint8_t frame[64] = {0x01, 0x80, 0xc2, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x88, 0x08};

	(void)state;
	begin(&pausing_wide);
	frame[15] = 1; /* a pause of everything (802.3x): not a priority's */
	frame[16] = frame[17] = 0xff;
	assert_true(pair_inject(pair, 1, PAIR_LAN, frame, sizeof(frame)));
	assert_true(pair_inject(pair, 1, PAIR_LAN, frame, 20));
	pause_send(1, PRIO_FIRST + 2, 0xffff);
	pause_send(0, PRIO_FIRST, 0xffff); /* the near LAN takes nothing: nothing is for it */
	flow_offer(0, 100, PRIO_FIRST);
	settle();
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
	expect_all_came(0);
}

/* Another class, of another path, goes on in both directions of the story. */
static void pauses__stop_their_class_only(void **state)
{
	uint32_t first, second;

	(void)state;
	begin(&pausing_wide);
	bulk_path_make();
	pause_send(1, PRIO_FIRST, 0xffff);
	turn();
	first = flows[0].got;
	second = flows[BULK_FLOW].got;
	for (uint64_t until = now() + 60 * MS; now() < until; turn()) {
		flow_offer(0, 8, PRIO_FIRST);
		flow_offer(BULK_FLOW, 2, PRIO_SECOND);
	}
	assert_int_equal(flows[0].got, first);
	assert_true(flows[BULK_FLOW].got > second + 500);
	assert_true(seen[0].paused >> PRIO_FIRST & 1);
	/* It was never kept from sending for the other's sake: only by its own share of the LAN. */
	assert_true(queue_packets(&bulk_path(0)->queue) == 0 ||
		    bulk_counters[0].out.tx_packets > 500);
	pause_send(1, PRIO_FIRST, 0);
	settle();
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
	expect_all_came(0);
	expect_all_came(BULK_FLOW);
}

/* A receiver that never goes on: what is ready for it is shed, and counted, so that credit flows.
 */
static void storm__of_the_lan_sheds(void **state)
{
	const struct cw_flow_counters *in;
	struct event storm;
	uint64_t shed;

	(void)state;
	begin(&pausing_wide);
	in = &pair->side[1].path_counters.in;
	flows[0].may_skip = true;
	for (uint64_t begin_ns = now(), next = 0; now() < begin_ns + 200 * MS; turn()) {
		if (now() >= next) {
			pause_send(1, PRIO_FIRST, 60 * QUANTA_OF_MS);
			next = now() + 10 * MS;
		}
		flow_offer(0, 16, PRIO_FIRST);
		if (now() < begin_ns + 90 * MS)
			assert_int_equal(in->drop[DROP_PAUSE_STORM], 0);
	}
	shed = in->drop[DROP_PAUSE_STORM];
	assert_true(shed > 100);
	assert_int_equal(lan(1)->storms, 1);
	/* That freed the near queue, so its senders were no storm. */
	assert_int_equal(lan(0)->storms, 0);
	assert_true(storm_take(1, &storm));
	assert_int_equal(storm.index, PAIR_LAN);
	assert_int_equal(storm.storm.priorities, 1 << PRIO_FIRST);
	assert_false(storm.storm.is_ours);
	assert_false(storm_take(1, &storm));
	pause_send(1, PRIO_FIRST, 0);
	settle();
	shed = in->drop[DROP_PAUSE_STORM];
	flow_offer(0, 16, PRIO_FIRST);
	settle();
	assert_int_equal(in->drop[DROP_PAUSE_STORM], shed);
	assert_int_equal(flows[0].next, flows[0].sent);
	expect_no_drop_but(DROP_PAUSE_STORM, DROP_COUNT);
	assert_int_equal(flows[0].got + shed, flows[0].sent);
}

/* A queue that does not drain: its senders are not held for ever, and lose what exceeds it. */
static void storm__of_ours_drops_by_the_limit(void **state)
{
	struct event storm;
	struct path *path;

	(void)state;
	begin(&pausing_wide);
	path = pair_path(pair, 0);
	flows[0].may_skip = true;
	/* The next hop is lost: nothing leaves. */
	hop_set(pair->side[0].worker, &(struct command){.type = COMMAND_NEXT_HOP,
							.addr = pair->side[0].intent.peer_addr,
							.hop.state = HOP_GONE});
	for (uint64_t until = now() + 80 * MS; now() < until; turn())
		flow_offer(0, 16, PRIO_FIRST);
	assert_true(seen[0].paused >> PRIO_FIRST & 1);
	assert_int_equal(drops_of(&pair->side[0].path_counters.out), 0);
	for (uint64_t until = now() + 120 * MS; now() < until; turn())
		flow_offer(0, 16, PRIO_FIRST);
	assert_false(seen[0].paused >> PRIO_FIRST & 1);
	assert_int_equal(lan(0)->storms, 1);
	assert_true(pair->side[0].path_counters.out.drop[DROP_QUEUE_FULL] > 0);
	assert_true(queue_packets(&path->queue) <= path->queue.max_packets);
	expect_no_drop_but(DROP_QUEUE_FULL, DROP_COUNT);
	assert_true(storm_take(0, &storm));
	assert_true(storm.storm.is_ours);
	assert_int_equal(storm.storm.priorities, 1 << PRIO_FIRST);
}

/* The one worker hears the pause, the other must obey it; and the other way round. */
static void pauses__are_every_workers(void **state)
{
	uint32_t got[2];

	(void)state;
	begin(&pausing_two_workers);
	pause_send(3, PRIO_FIRST, 0xffff);
	turn();
	turn();
	for (uint64_t until = now() + 30 * MS; now() < until; turn())
		for (uint32_t i = 0; i < 16 && !seen[0].paused; i++) {
			flow_send(0, 0);
			flow_send(1, 1);
		}
	got[0] = flows[0].got;
	got[1] = flows[1].got;
	assert_int_equal(got[0] + got[1], 0);
	assert_int_equal(lan(1)->pfc_received, 1);
	assert_int_equal(pair->side[3].port_counters[PAIR_LAN].pfc_received, 0);
	pause_send(2 + 1, PRIO_FIRST, 0);
	settle();
	expect_all_came(0);
	expect_all_came(1);
	/* Only the second worker's queue grows, and its senders are paused. */
	memset(seen, 0, sizeof(seen));
	pause_send(3, PRIO_FIRST, 0xffff);
	turn();
	turn();
	for (uint64_t until = now() + 30 * MS; now() < until; turn())
		for (uint32_t i = 0; i < 32 && !seen[0].paused; i++)
			flow_send(1, 1);
	assert_true(seen[0].paused >> PRIO_FIRST & 1);
	assert_int_equal(queue_packets(&pair_path(pair, 0)->queue), 0);
	pause_send(1, PRIO_FIRST, 0);
	settle();
	expect_all_came(1);
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
}

/* No more than its speed is given to a LAN, whatever its driver would take. */
static void pace__is_the_ports_speed(void **state)
{
	uint64_t begin_ns, bits, elapsed;
	uint32_t first;

	(void)state;
	begin(&paced);
	for (int i = 0; i < 20; i++, turn())
		for (int k = 0; k < 16; k++)
			flow_send(0, 0);
	first = flows[0].got;
	begin_ns = now();
	while (flows[0].got < 200)
		turn();
	elapsed = now() - begin_ns;
	bits = 8ull * (200 - first) * (PAYLOAD + 42 + PACER_FRAMING_BYTES);
	assert_true(bits * 1000000000 / elapsed <
		    paced.lan_bps + 8ull * 65536 * 1000000000 / elapsed);
	settle();
	expect_all_came(0);
	expect_no_drop_but(DROP_COUNT, DROP_COUNT);
	assert_true(now() - begin_ns > 8ull * (320 - first) * (PAYLOAD + 66) * 10 - 10 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(pauses__keep_an_obedient_sender_lossless, end),
		cmocka_unit_test_teardown(pauses__are_relayed, end),
		cmocka_unit_test_teardown(pauses__end_by_themselves, end),
		cmocka_unit_test_teardown(pauses__others_are_ignored, end),
		cmocka_unit_test_teardown(pauses__stop_their_class_only, end),
		cmocka_unit_test_teardown(storm__of_the_lan_sheds, end),
		cmocka_unit_test_teardown(storm__of_ours_drops_by_the_limit, end),
		cmocka_unit_test_teardown(pauses__are_every_workers, end),
		cmocka_unit_test_teardown(pace__is_the_ports_speed, end),
	};

	if (pair_eal_start(320)) {
		print_message("SKIP: DPDK does not start here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
