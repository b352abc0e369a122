/* Paths that change and go while packets are in them, and paths that share a worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/gateway_pair.h"

#define FRAME_MAX    10000
#define OTHER_HANDLE HANDLE_MAKE(9, 1)
#define OTHER_ID     78

static struct pair *pair;
static uint8_t frame[FRAME_MAX];
static struct cw_path_counters other_counters[2];

static const struct pair_options ordinary = {
	.lan_mtu = 1500, .wan_mtu = 2000, .rate_bps = 100000000000ull, .mbufs = 4095};
static const struct pair_options fragmenting = {
	.lan_mtu = 9000, .wan_mtu = 1500, .rate_bps = 100000000000ull, .mbufs = 2047};
static const struct pair_options slow = {
	.lan_mtu = 1500, .wan_mtu = 2000, .rate_bps = 8000000ull, .mbufs = 2047};
static const struct pair_options many_buffers = {
	.lan_mtu = 1500, .wan_mtu = 2000, .rate_bps = 100000000000ull, .mbufs = 8191};

static void begin(const struct pair_options *options)
{
	pair = pair_create(options);
	assert_non_null(pair);
	pair_hush(pair);
	memset(other_counters, 0, sizeof(other_counters));
}

static int end(void **state)
{
	uint32_t leaked = pair ? pair_destroy(pair) : 0;

	(void)state;
	pair = NULL;
	return leaked ? -1 : 0;
}

static struct worker *worker(uint32_t side)
{
	return pair->side[side].worker;
}

static struct cw_flow_counters *out(uint32_t side)
{
	return &pair->side[side].path_counters.out;
}

static struct cw_flow_counters *in(uint32_t side)
{
	return &pair->side[side].path_counters.in;
}

static void command_do(uint32_t side, const struct command *command)
{
	struct event event;

	assert_int_equal(command_push(worker(side)->commands, command), 0);
	worker_turn(worker(side));
	while (event_pop(worker(side)->events, &event) == 0)
		if (event.type == EVENT_DONE && event.done.command == COMMAND_PATH_REMOVE)
			path_free((struct path *)(uintptr_t)event.done.object);
}

static void path_remove(uint32_t side, uint32_t handle)
{
	struct command command = {.type = COMMAND_PATH_REMOVE, .index = HANDLE_INDEX(handle)};

	command_do(side, &command);
}

static void path_keys_give(uint32_t side, uint32_t handle)
{
	struct path_keys keys;
	struct command command = {
		.type = COMMAND_KEYS, .index = HANDLE_INDEX(handle), .keys = &keys};

	pair_keys_make(pair, side, 0, &keys);
	command_do(side, &command);
}

/* A second path of `side` beside the pair's own, for the same hosts. */
static struct path *other_make(uint32_t side)
{
	const struct cw_path_counters *all[] = {&other_counters[side]};
	struct pair_side *s = &pair->side[side];
	struct path_options options = {.handle = OTHER_HANDLE,
				       .workers = 1,
				       .wan_port = PAIR_WAN,
				       .wan_mtu = s->ports[PAIR_WAN].mtu,
				       .queue_packets = PATH_QUEUE_SLOTS,
				       .retain_buffers = s->ports[PAIR_LAN].pool->size / 4,
				       .hold_buffers = s->ports[PAIR_WAN].pool->size / 4,
				       .seed = 43,
				       .now_ns = s->worker->now_ns,
				       .counters = &other_counters[side],
				       .all = all};
	struct intent_path intent = s->intent;
	struct path *path;

	intent.id = OTHER_ID;
	path = path_create(&intent, &options);
	assert_non_null(path);
	path->probe.next_ns = UINT64_MAX;
	path_table_add(&s->worker->paths, path);
	path_keys_give(side, OTHER_HANDLE);
	return path;
}

static void others_make(void)
{
	other_make(0);
	other_make(1);
	/* Each tells the other what it may send. */
	assert_true(pair_settle(pair));
}

static void hop_tell(uint32_t side, const char *addr, enum hop_state state, uint8_t port)
{
	struct command command = {.type = COMMAND_NEXT_HOP};

	command.hop.state = (uint8_t)state;
	command.hop.port = port;
	command.hop.drop = DROP_NO_NEIGHBOUR;
	memset(command.hop.mac, 2, sizeof(command.hop.mac));
	assert_int_equal(ip_addr_parse(addr, &command.addr), 0);
	hop_set(worker(side), &command);
}

static void lan_inject(uint32_t side, uint32_t payload, uint16_t src_port)
{
	uint32_t len = pair_udp_frame(pair, side, false, src_port, 5001, payload, 0, frame);

	assert_true(pair_inject(pair, side, PAIR_LAN, frame, len));
}

/* A frame that the classifier would give to the second path. */
static void other_accept(uint32_t side, uint32_t payload)
{
	uint32_t len = pair_udp_frame(pair, side, false, 4000, 5001, payload, 0, frame);
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pair->side[side].ports[PAIR_LAN].pool);

	assert_non_null(mbuf);
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), frame, len);
	outbound_accept(worker(side), PAIR_LAN, mbuf,
			VERDICT_MAKE(VERDICT_CLAIM, 0, 0, 1, OTHER_HANDLE));
}

static void expect_lan_frames(uint32_t side, uint32_t count)
{
	struct rte_mbuf *mbuf;

	for (; count; count--) {
		mbuf = pair_take(pair, side, PAIR_LAN);
		assert_non_null(mbuf);
		rte_pktmbuf_free(mbuf);
	}
	assert_null(pair_take(pair, side, PAIR_LAN));
}

static void expect_nothing_held(const struct cw_flow_counters *flow)
{
	assert_int_equal(flow->held_packets, 0);
	assert_int_equal(flow->held_bytes, 0);
}

/* Only the packets of the path that goes stop waiting; what is known of next hops stays. */
static void life__removal_leaves_the_waiters_of_others(void **state)
{
	uint32_t used;

	(void)state;
	begin(&ordinary);
	others_make();
	hop_tell(1, "10.2.0.10", HOP_GONE, 0);
	lan_inject(0, 1000, 4000);
	worker_turn(worker(0));
	other_accept(0, 1000);
	assert_true(pair_settle(pair));
	assert_int_equal(in(1)->held_packets, 1);
	assert_int_equal(other_counters[1].in.held_packets, 1);
	used = worker(1)->adj.used;
	path_remove(1, OTHER_HANDLE);
	assert_int_equal(other_counters[1].in.drop[DROP_SHUTDOWN], 1);
	assert_int_equal(in(1)->held_packets, 1);
	assert_int_equal(worker(1)->adj.used, used);
	hop_tell(1, "10.2.0.10", HOP_READY, PAIR_LAN);
	assert_true(pair_settle(pair));
	expect_lan_frames(1, 1);
	expect_nothing_held(in(1));
	path_remove(0, OTHER_HANDLE);
	assert_true(pair_is_balanced(pair, 1));
}

/* Of a packet in fragments one is missing: what is there goes with the path, at both ends. */
static void life__removal_with_fragments_held(void **state)
{
	(void)state;
	for (uint32_t lost = 0; lost < 3; lost++) {
		struct rte_mbuf *mbuf;

		begin(&fragmenting);
		lan_inject(0, 3000, 4000);
		worker_turn(worker(0));
		for (uint32_t i = 0; (mbuf = pair_take(pair, 0, PAIR_WAN)); i++)
			if (i == lost)
				rte_pktmbuf_free(mbuf);
			else
				pair_wan_put(pair, 1, mbuf);
		worker_turn(worker(1));
		/* It enters with its first fragment. */
		assert_int_equal(in(1)->held_packets, lost != 0);
		assert_true(in(1)->held_bytes > 0);
		path_remove(1, pair->side[1].handle);
		assert_int_equal(in(1)->drop[DROP_SHUTDOWN], lost != 0);
		assert_int_equal(in(1)->rx_packets, lost != 0);
		expect_nothing_held(in(1));
		path_remove(0, pair->side[0].handle);
		assert_int_equal(out(0)->drop[DROP_SHUTDOWN], 1);
		expect_nothing_held(out(0));
		assert_true(pair_is_balanced(pair, 0));
		assert_int_equal(end(NULL), 0);
	}
}

/* A host whose route leads into the WAN: its packets must not leave in the clear. */
static void life__never_delivers_to_the_wan(void **state)
{
	(void)state;
	begin(&ordinary);
	hop_tell(1, "10.2.0.10", HOP_READY, PAIR_WAN);
	lan_inject(0, 1000, 4000);
	assert_true(pair_settle(pair));
	assert_int_equal(in(1)->drop[DROP_NO_ROUTE], 1);
	assert_int_equal(in(1)->tx_packets, 0);
	assert_int_equal(pair->side[1].port_counters[PAIR_WAN].tx_queue, 0);
	assert_true(pair_is_balanced(pair, 1));
}

/* Packets for the gateway itself wait for the agent, as bare IP packets, and no more than the ring
 * holds. */
static void life__hands_its_own_packets_to_the_agent(void **state)
{
	void *mbuf = NULL;

	(void)state;
	begin(&ordinary);
	hop_tell(1, "10.2.0.10", HOP_READY, PORT_LOCAL);
	lan_inject(0, 1000, 4000);
	assert_true(pair_settle(pair));
	assert_int_equal(in(1)->tx_packets, 1);
	assert_int_equal(rte_ring_sc_dequeue(worker(1)->locals, &mbuf), 0);
	assert_int_equal(rte_pktmbuf_data_len((struct rte_mbuf *)mbuf), 1028);
	assert_int_equal(*rte_pktmbuf_mtod((struct rte_mbuf *)mbuf, uint8_t *), 0x45);
	rte_pktmbuf_free(mbuf);
	for (int i = 0; i < LOCAL_RING + 10; i++) {
		lan_inject(0, 1000, 4000);
		assert_true(pair_settle(pair));
	}
	assert_int_equal(in(1)->drop[DROP_EXCEPTION], 11);
	assert_true(pair_is_balanced(pair, 1));
}

/* Both ends' outer addresses are IPv6 ones from here. */
static void outer_v6_set(uint32_t side)
{
	const char *wan[] = {"fd00:200::1", "fd00:200::2"};
	struct command command = {.type = COMMAND_PATH_UPDATE,
				  .index = HANDLE_INDEX(pair->side[side].handle)};
	struct intent_path intent = pair->side[side].intent;

	assert_int_equal(ip_addr_parse(wan[side], &intent.local_addr), 0);
	assert_int_equal(ip_addr_parse(wan[!side], &intent.peer_addr), 0);
	memcpy(worker(side)->port[PAIR_WAN].input.port.local6, intent.local_addr.bytes, 16);
	command.update.intent = &intent;
	command.update.wan_port = PAIR_WAN;
	command_do(side, &command);
	hop_tell(side, wan[!side], HOP_READY, PAIR_WAN);
}

/* hop_tell gives every next hop the same MAC address, which is neither gateway's. */
static void carry_checked(uint32_t side, uint32_t mtu)
{
	struct rte_mbuf *mbuf;

	while ((mbuf = pair_take(pair, side, PAIR_WAN))) {
		assert_true(rte_pktmbuf_data_len(mbuf) <= mtu + 14);
		memcpy(rte_pktmbuf_mtod(mbuf, uint8_t *), pair->side[!side].ports[PAIR_WAN].mac, 6);
		pair_wan_put(pair, !side, mbuf);
	}
}

/* Everything of side 0 is delivered and acknowledged, in packets of at most this size. */
static void drain_checked(uint32_t mtu)
{
	for (int i = 0; i < 1000000 && (i < 1000 || out(0)->held_packets); i++)
		for (uint32_t side = 0; side < 2; side++) {
			worker_turn(worker(side));
			carry_checked(side, mtu);
		}
	expect_nothing_held(out(0));
	expect_nothing_held(in(1));
}

/* 3 x (16 + 512) + 1 x (16 + 308): the 1,900 bytes or so that IPv4 leaves, not IPv6. */
static struct path *aggregate_fill(void)
{
	struct path *path = pair_path(pair, 0);

	for (int i = 0; i < 3; i++)
		lan_inject(0, 512 - 28, 4000);
	lan_inject(0, path_way(path)->frames_max - 3 * 528 - 16 - 28, 4000);
	worker_turn(worker(0));
	assert_int_equal(path->aggregate.used, path_way(path)->frames_max);
	return path;
}

/*
 * The outer family changes under an open aggregate that fills its packet: what is in it goes as it
 * was made, no packet exceeds the MTU, and none is lost.
 */
static void life__update_with_an_open_aggregate(void **state)
{
	(void)state;
	begin(&ordinary);
	aggregate_fill();
	for (int i = 0; i < 20; i++)
		lan_inject(0, 512 - 28, 4000);
	outer_v6_set(0);
	outer_v6_set(1);
	drain_checked(2000);
	assert_int_equal(out(0)->tx_packets, 24);
	assert_int_equal(in(1)->tx_packets, 24);
	expect_lan_frames(1, 24);
}

/* The same where the aggregate cannot go first, because a new life of the peer took the credit. */
static void life__update_with_an_aggregate_that_must_wait(void **state)
{
	struct path *path;

	(void)state;
	begin(&ordinary);
	path = aggregate_fill();
	keys_init(&path->lane->tunnel.keys);
	outer_v6_set(0);
	outer_v6_set(1);
	assert_int_equal(path->aggregate.count, 4);
	path_keys_give(0, pair->side[0].handle);
	drain_checked(2000);
	assert_int_equal(in(1)->tx_packets, 4);
	expect_lan_frames(1, 4);
}

static void life__update_moves_to_another_port(void **state)
{
	struct command command = {.type = COMMAND_PATH_UPDATE};
	struct path *path;

	(void)state;
	begin(&ordinary);
	path = path_table_by_handle(&worker(0)->paths, pair->side[0].handle);
	pair->side[0].ports[PAIR_LAN].mtu = 1300;
	command.index = HANDLE_INDEX(pair->side[0].handle);
	command.update.intent = &pair->side[0].intent;
	command.update.wan_port = PAIR_LAN;
	command_do(0, &command);
	assert_int_equal(path_way(path)->wan_port, PAIR_LAN);
	assert_int_equal(path_way(path)->frames_max, 1300 - 28 - 44);
	assert_int_equal(path->aggregate.capacity, path_way(path)->frames_max);
}

/* The WAN takes four packets of side 0 and all of side 1. */
static void carry_few(void)
{
	struct rte_mbuf *mbuf;

	for (int i = 0; i < 4; i++) {
		mbuf = pair_take(pair, 0, PAIR_WAN);
		if (mbuf && rte_pktmbuf_data_len(mbuf))
			pair_wan_put(pair, 1, mbuf);
		else
			rte_pktmbuf_free(mbuf);
	}
	worker_turn(worker(1));
	pair_carry(pair, 1);
	while ((mbuf = pair_take(pair, 1, PAIR_LAN)))
		rte_pktmbuf_free(mbuf);
}

/* A WAN port that takes little serves every path, not the first one alone. */
static void life__paths_share_a_full_port(void **state)
{
	struct path *path, *other;
	struct rte_mbuf *mbuf;

	(void)state;
	begin(&many_buffers);
	others_make();
	path = pair_path(pair, 0);
	other = path_table_by_handle(&worker(0)->paths, OTHER_HANDLE);
	/* The port is full to the brim, and so is the staging queue in front of it. */
	while ((mbuf = rte_pktmbuf_alloc(pair->side[1].ports[PAIR_LAN].pool)) &&
	       rte_ring_enqueue(pair->side[0].tx[PAIR_WAN], mbuf) == 0)
		;
	rte_pktmbuf_free(mbuf);
	for (int turn = 0; turn < 3000; turn++) {
		for (int i = 0; i < 8 && queue_packets(&other->queue) < 200; i++)
			other_accept(0, 1400);
		for (int i = 0; i < 8 && queue_packets(&path->queue) < 200; i++)
			lan_inject(0, 1400, 4000);
		worker_turn(worker(0));
		carry_few();
	}
	assert_true(out(0)->tx_packets > 1000);
	assert_true(other_counters[0].out.tx_packets > out(0)->tx_packets / 2);
	assert_true(other_counters[0].out.tx_packets < out(0)->tx_packets * 2);
	path_remove(0, OTHER_HANDLE);
	expect_nothing_held(&other_counters[0].out);
	while ((mbuf = pair_take(pair, 0, PAIR_WAN)))
		rte_pktmbuf_free(mbuf);
}

/* Slow paths hold their packets in the LAN's buffers: some must be left to receive with. */
static void life__paths_leave_the_port_its_buffers(void **state)
{
	struct rte_mempool *pool;
	uint64_t held;

	(void)state;
	begin(&slow);
	other_make(0);
	pool = pair->side[0].ports[PAIR_LAN].pool;
	for (int i = 0; i < 2000 && rte_mempool_avail_count(pool) > 64; i++) {
		lan_inject(0, 72, 4000);
		worker_turn(worker(0));
		if (rte_mempool_avail_count(pool) > 64)
			other_accept(0, 72);
	}
	assert_true(rte_mempool_avail_count(pool) > pool->size / 4);
	assert_true(out(0)->drop[DROP_QUEUE_FULL] > 0);
	path_remove(0, OTHER_HANDLE);
	expect_nothing_held(&other_counters[0].out);
	/* What the other path held is free for this one. */
	held = out(0)->held_packets;
	for (int i = 0; i < 100; i++) {
		lan_inject(0, 72, 4000);
		worker_turn(worker(0));
	}
	assert_true(out(0)->held_packets > held);
	assert_true(pair_is_balanced(pair, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(life__removal_leaves_the_waiters_of_others, end),
		cmocka_unit_test_teardown(life__removal_with_fragments_held, end),
		cmocka_unit_test_teardown(life__never_delivers_to_the_wan, end),
		cmocka_unit_test_teardown(life__hands_its_own_packets_to_the_agent, end),
		cmocka_unit_test_teardown(life__update_with_an_open_aggregate, end),
		cmocka_unit_test_teardown(life__update_with_an_aggregate_that_must_wait, end),
		cmocka_unit_test_teardown(life__update_moves_to_another_port, end),
		cmocka_unit_test_teardown(life__paths_share_a_full_port, end),
		cmocka_unit_test_teardown(life__paths_leave_the_port_its_buffers, end),
	};

	if (pair_eal_start(320)) {
		print_message("SKIP: DPDK does not start here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
