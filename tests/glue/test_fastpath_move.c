/* A path that moves to another link while it carries traffic: nothing is lost, doubled or
 * overtaken, and nothing moves that has not proved. */
#include "tests/glue/fastpath_rig.h"

#include <stdlib.h>
#include <string.h>

#define MS	1000000ull
#define GIVE_UP 20000000000ull /* ns */

static const struct pair_options two_links = {
	.lan_mtu = 1500, .wan_mtu = 2000, .wan2_mtu = 2000, .rate_bps = 500000000, .mbufs = 4095};
static const struct pair_options two_links_v6 = {.lan_mtu = 1500,
						 .wan_mtu = 2000,
						 .wan2_mtu = 2000,
						 .rate_bps = 500000000,
						 .mbufs = 4095,
						 .outer_v6 = true};
static const struct pair_options narrower = {
	.lan_mtu = 9000, .wan_mtu = 9200, .wan2_mtu = 1300, .rate_bps = 500000000, .mbufs = 4095};
static const struct pair_options wider = {
	.lan_mtu = 9000, .wan_mtu = 1300, .wan2_mtu = 9200, .rate_bps = 500000000, .mbufs = 4095};
static const struct pair_options two_workers = {.lan_mtu = 1500,
						.wan_mtu = 2000,
						.wan2_mtu = 2000,
						.rate_bps = 500000000,
						.mbufs = 8191,
						.workers = {2, 1}};

static uint32_t proved[PAIR_SIDES / 2]; /* generation that all workers of the gateway send by */
static uint32_t lost[PAIR_SIDES / 2];
static uint32_t moved[PAIR_SIDES]; /* by each worker */

/* Gateways hear of a move at different times: one probes a link that the other does not know yet.
 */
static bool is_staggered;

static uint64_t now(void)
{
	return clock_ns(&pair->clock, rte_rdtsc());
}

static struct worker *worker(uint32_t side)
{
	return pair->side[side].worker;
}

/* As fastpath_command.c does it. */
static void on_event(uint32_t side, const struct event *event)
{
	struct command command = {.type = COMMAND_PATH_MOVE, .index = event->index};
	uint32_t gateway = side % 2;

	if (event->type == EVENT_LOST)
		lost[gateway]++;
	if (event->type == EVENT_MOVED) {
		moved[side] = event->moved.generation;
		if (!worker(gateway + 2) || moved[gateway] == moved[gateway + 2])
			proved[gateway] = moved[side];
	}
	if (event->type != EVENT_CROSSED)
		return;
	command.move.generation = event->proved.generation;
	command.move.rtt_ns = event->proved.rtt_ns;
	for (uint32_t to = gateway; to < PAIR_SIDES; to += 2)
		if (worker(to))
			assert_int_equal(command_push(worker(to)->commands, &command), 0);
}

static void agents(void)
{
	struct event event;

	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		while (worker(side) && event_pop(worker(side)->events, &event) == 0)
			on_event(side, &event);
}

static void move_begin(const struct pair_options *options)
{
	memset(proved, 0, sizeof(proved));
	memset(moved, 0, sizeof(moved));
	memset(lost, 0, sizeof(lost));
	is_staggered = false;
	begin(options);
	pair->wan2.random = seed + 1;
	each_turn = agents;
}

static int move_end(void **state)
{
	each_turn = NULL;
	return end(state);
}

/* Control's word for one gateway: this link, from this generation on. */
static void tell(uint32_t gateway, uint8_t link, uint32_t generation)
{
	struct command command = {.type = COMMAND_PATH_UPDATE,
				  .index = HANDLE_INDEX(pair->side[gateway].handle)};
	struct intent_path intent;

	pair_intent_over(pair, gateway, link, &intent);
	intent.generation = generation;
	intent.link_rtt_ns = 300000;
	command.update.intent = &intent;
	command.update.wan_port = link;
	for (uint32_t side = gateway; side < PAIR_SIDES; side += 2)
		if (worker(side)) {
			assert_int_equal(command_push(worker(side)->commands, &command), 0);
			housekeep_commands(worker(side));
		}
}

static uint8_t sends_by(uint32_t side)
{
	return path_way(pair_path(pair, side))->link_id;
}

static uint64_t sent_over(uint32_t side, uint32_t link)
{
	return pair->side[side].link_counters[link].tx_packets;
}

static uint64_t resent(uint32_t side)
{
	return stats(side)->resent;
}

/* Traffic, until both gateways send by the link as that generation wants. */
static void run_until_moved(uint32_t generation)
{
	uint64_t since = now();

	while (proved[0] != generation || proved[1] != generation) {
		run(20);
		assert_true(now() - since < GIVE_UP);
	}
}

static void run_for(uint64_t ns)
{
	for (uint64_t until = now() + ns; now() < until;)
		run(20);
}

static void expect_link(uint8_t link)
{
	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		if (worker(side))
			assert_int_equal(sends_by(side), link);
}

/* Every tunnel packet but those was one of the path's. */
static void expect_no_strangers(void)
{
	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		for (uint32_t port = PAIR_WAN; port < pair->port_count; port++) {
			const uint64_t *drop = pair->side[side].port_counters[port].drop;

			assert_true(!drop[DROP_BAD_PEER] || is_staggered);
			assert_int_equal(drop[DROP_BAD_LANE], 0);
			assert_int_equal(drop[DROP_FRAME], 0);
		}
}

static void wan_spoil(struct pair_wan *wan)
{
	wan->drop = 20;
	wan->duplicate = 10;
	wan->delay = 100;
	wan->delay_turns = 10;
}

static void end_of_test(void)
{
	finish();
	expect_all();
	expect_no_strangers();
}

/* One gateway hears of it long before the other. */
static void under_traffic(const struct pair_options *options, uint32_t first)
{
	uint64_t before;

	move_begin(options);
	is_staggered = true;
	wan_spoil(&pair->wan);
	wan_spoil(&pair->wan2);
	run(500);
	tell(first, 2, 2);
	run_for(60 * MS);
	expect_link(1);
	assert_int_equal(proved[0] + proved[1], 0);
	tell(!first, 2, 2);
	run_until_moved(2);
	expect_link(2);
	run(200); /* what was on its way to the drivers */
	before = sent_over(0, 1) + sent_over(1, 1);
	run(1000);
	assert_int_equal(sent_over(0, 1) + sent_over(1, 1), before);
	assert_true(sent_over(0, 2) + sent_over(2, 2) > 900);
	end_of_test();
}

static void move__loses_nothing_under_traffic(void **state)
{
	(void)state;
	for (uint32_t first = 0; first < 2; first++) {
		under_traffic(&two_links, first);
		assert_int_equal(move_end(NULL), 0);
	}
}

static void move__over_ipv6(void **state)
{
	(void)state;
	under_traffic(&two_links_v6, 0);
}

static void move__of_several_lanes(void **state)
{
	(void)state;
	under_traffic(&two_workers, 0);
}

static struct probe *probe(uint32_t side)
{
	return &pair_path(pair, side)->probe;
}

/* It stays where it is, which goes on being probed, for as long as it takes. */
static void move__waits_for_a_proof(void **state)
{
	(void)state;
	move_begin(&two_links);
	probe(0)->next_ns = probe(1)->next_ns = 0; /* unhushed */
	pair->wan2.drop = 1000;
	tell(0, 2, 2);
	tell(1, 2, 2);
	run_for(1000 * MS);
	expect_link(1);
	assert_int_equal(proved[0] + proved[1] + lost[0] + lost[1], 0);
	for (uint32_t side = 0; side < 2; side++) {
		assert_true(probe_is_proved(probe(side)));
		assert_int_equal(probe(side)->generation, 1);
		assert_true(pair_path(pair, side)->trial.sent > PROBE_FAST_COUNT);
	}
	assert_int_equal(resent(0) + resent(1), 0);
	pair->wan2.drop = 0;
	run_until_moved(2);
	assert_int_equal(probe(0)->generation, 2);
	assert_true(probe_is_proved(probe(0)));
	end_of_test();
}

/* One that crosses only one way proves nothing to anybody. */
static void move__waits_for_both_directions(void **state)
{
	struct rte_mbuf *mbuf;

	(void)state;
	move_begin(&two_links);
	tell(0, 2, 2);
	tell(1, 2, 2);
	for (uint64_t until = now() + 100 * MS; now() < until;) {
		while ((mbuf = pair_take(pair, 1, PAIR_WAN2)))
			rte_pktmbuf_free(mbuf);
		worker_turn(worker(0));
		worker_turn(worker(1));
		while ((mbuf = pair_take(pair, 1, PAIR_WAN2)))
			rte_pktmbuf_free(mbuf);
		pair_carry(pair, 0);
		agents();
	}
	assert_true(pair->side[1].link_counters[2].rx_packets > 0);
	assert_int_equal(proved[0] + proved[1], 0);
	expect_link(1);
	run_until_moved(2);
	end_of_test();
}

/* What was under way on it goes again over the new one. */
static void from_a_dead_link(const struct pair_options *options)
{
	move_begin(options);
	pair->wan.latency_ns = 2 * MS;
	run(1000);
	assert_true(tunnel_retained(&pair_path(pair, 0)->lane->tunnel) > 0);
	pair->wan.drop = 1000;
	for (int i = 0; i < 200; i++) {
		traffic_fill(&traffic, 0, 20);
		traffic_fill(&traffic, 1, 20);
		turn();
	}
	tell(0, 2, 2);
	tell(1, 2, 2);
	run_until_moved(2);
	expect_link(2);
	end_of_test();
	assert_true(resent(0) > 0);
}

static void move__from_a_dead_link(void **state)
{
	(void)state;
	from_a_dead_link(&two_links);
}

/* Packets that were sent whole, and do not fit the new link as they are. */
static void move__from_a_dead_link_to_a_narrower_one(void **state)
{
	(void)state;
	from_a_dead_link(&narrower);
}

static void move__from_a_dead_link_to_a_wider_one(void **state)
{
	(void)state;
	from_a_dead_link(&wider);
}

static void move__to_a_narrower_one_and_back(void **state)
{
	(void)state;
	move_begin(&narrower);
	wan_spoil(&pair->wan);
	wan_spoil(&pair->wan2);
	pair->wan.latency_ns = MS;
	for (uint32_t generation = 2; generation < 8; generation++) {
		uint8_t link = generation % 2 ? 1 : 2;

		run(300);
		tell(0, link, generation);
		tell(1, link, generation);
		run_until_moved(generation);
		expect_link(link);
	}
	end_of_test();
}

/* From a short link to a long one and back: the round trip is that of the link that it is on. */
static void move__between_links_of_unlike_length(void **state)
{
	(void)state;
	move_begin(&two_links);
	pair->wan2.latency_ns = 4 * MS;
	for (uint32_t generation = 2; generation < 8; generation++) {
		uint8_t link = generation % 2 ? 1 : 2;
		const struct rtt *rtt = &pair_path(pair, 0)->lane->tunnel.rtt;

		run_for(10 * MS);
		tell(0, link, generation);
		tell(1, link, generation);
		run_until_moved(generation);
		run_for(20 * MS);
		/* The far end may have moved a moment ago. */
		for (uint64_t since = now(); !rtt->has_sample; run(20))
			assert_true(now() - since < GIVE_UP);
		if (link == 2)
			assert_true(rtt_min(rtt) >= 8 * MS);
		else
			assert_true(rtt_min(rtt) < 4 * MS);
	}
	end_of_test();
}

/* Control changes its mind while probes are on their way, and the gateways hear it at any time. */
static void move__with_a_change_of_mind(void **state)
{
	uint32_t told[2] = {1, 1}, generation = 1;
	uint8_t link = 1;

	(void)state;
	move_begin(&two_links);
	is_staggered = true;
	wan_spoil(&pair->wan);
	wan_spoil(&pair->wan2);
	pair->wan2.latency_ns = MS;
	for (int i = 0; i < 100; i++) {
		if (rand() % 4 == 0) {
			generation++;
			link = (uint8_t)(1 + rand() % 2);
			pair->wan2.drop = rand() % 3 ? 20 : 1000;
		}
		for (uint32_t gateway = 0; gateway < 2; gateway++)
			if (told[gateway] < generation && rand() % 3 == 0) {
				tell(gateway, link, generation);
				told[gateway] = generation;
			}
		for (int turns = rand() % 200; turns; turns--) {
			traffic_fill(&traffic, 0, 20);
			traffic_fill(&traffic, 1, 20);
			turn();
		}
	}
	pair->wan2.drop = 20;
	generation++;
	/* The link that neither may be on: there both arrive. */
	link = sends_by(0) == 1 ? 2 : 1;
	tell(0, link, generation);
	tell(1, link, generation);
	for (uint64_t since = now(); sends_by(0) != link || sends_by(1) != link;) {
		run(20);
		assert_true(now() - since < GIVE_UP);
	}
	end_of_test();
}

/* New keys in the middle of it, and a far end that has begun a new life. */
static void move__while_keys_change(void **state)
{
	(void)state;
	move_begin(&two_links);
	is_staggered = true;
	wan_spoil(&pair->wan);
	pair->wan2.drop = 1000;
	run(300);
	tell(0, 2, 2);
	run(300);
	pair_keys_give(pair, 1, false);
	tell(1, 2, 2);
	run(300);
	pair_keys_give(pair, 2, false);
	pair->wan2.drop = 0;
	run_until_moved(2);
	end_of_test();
}

/* The far gateway listens at another UDP port: the same link and addresses tell nothing apart. */
static void move__to_another_udp_port(void **state)
{
	struct command command = {.type = COMMAND_PATH_UPDATE};
	struct intent_path intent;

	(void)state;
	move_begin(&two_links);
	run(300);
	worker(1)->port[PAIR_WAN].input.port.udp_base += 100;
	tell(1, 1, 2);
	pair_intent_over(pair, 0, 1, &intent);
	intent.generation = 2;
	intent.peer_udp_port += 100;
	command.index = HANDLE_INDEX(pair->side[0].handle);
	command.update.intent = &intent;
	command.update.wan_port = PAIR_WAN;
	assert_int_equal(command_push(worker(0)->commands, &command), 0);
	for (uint64_t since = now(); proved[0] != 2; run(20))
		assert_true(now() - since < GIVE_UP);
	finish();
	expect_all();
}

/* The same intent again, or another rate: the move goes on. Other selectors: it is over. */
static void move__and_other_changes(void **state)
{
	struct command command = {.type = COMMAND_PATH_UPDATE};
	struct intent_path intent;

	(void)state;
	move_begin(&two_links);
	pair->wan2.drop = 1000;
	tell(0, 2, 2);
	tell(0, 2, 3);
	assert_int_equal(sends_by(0), 1);
	assert_int_equal(pair_path(pair, 0)->trial.generation, 3);
	assert_int_equal(probe(0)->generation, 1);
	pair_intent_over(pair, 0, 2, &intent);
	intent.generation = 4;
	intent.match_count = 0;
	command.index = HANDLE_INDEX(pair->side[0].handle);
	command.update.intent = &intent;
	command.update.wan_port = PAIR_WAN2;
	assert_int_equal(command_push(worker(0)->commands, &command), 0);
	housekeep_commands(worker(0));
	assert_int_equal(sends_by(0), 2);
	assert_int_equal(probe(0)->generation, 4);
	assert_false(ways_are_moving(&pair_path(pair, 0)->ways));
	assert_int_equal(pair_path(pair, 0)->first_generation, 4);
}

static int run_group(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(move__loses_nothing_under_traffic, move_end),
		cmocka_unit_test_teardown(move__over_ipv6, move_end),
		cmocka_unit_test_teardown(move__of_several_lanes, move_end),
		cmocka_unit_test_teardown(move__waits_for_a_proof, move_end),
		cmocka_unit_test_teardown(move__waits_for_both_directions, move_end),
		cmocka_unit_test_teardown(move__from_a_dead_link, move_end),
		cmocka_unit_test_teardown(move__from_a_dead_link_to_a_narrower_one, move_end),
		cmocka_unit_test_teardown(move__from_a_dead_link_to_a_wider_one, move_end),
		cmocka_unit_test_teardown(move__to_a_narrower_one_and_back, move_end),
		cmocka_unit_test_teardown(move__between_links_of_unlike_length, move_end),
		cmocka_unit_test_teardown(move__with_a_change_of_mind, move_end),
		cmocka_unit_test_teardown(move__while_keys_change, move_end),
		cmocka_unit_test_teardown(move__to_another_udp_port, move_end),
		cmocka_unit_test_teardown(move__and_other_changes, move_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return rig_main(run_group);
}
