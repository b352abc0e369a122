/* What does not go on: a peer that is silent, a LAN that stops, pools that are empty. Everything
 * stays within its bounds, and what was taken arrives once it can. */
#include <stdlib.h>
#include <string.h>

#include "tests/glue/fastpath_rig.h"

/* Until neither the queue nor the far end takes more; as hosts do that heed nothing. */
static void overload(uint32_t gateway, int turns)
{
	for (int i = 0; i < turns; i++) {
		for (int k = 0; k < 16; k++)
			traffic_send(&traffic, gateway);
		turn();
	}
}

/* A peer that never acknowledges: what is retained and queued ends at its limits, and the port
 * keeps buffers to receive with. */
static void limits__silent_peer_is_bounded(void **state)
{
	const struct rte_mempool *pool;
	const struct cw_flow_counters *out;
	const struct tunnel *tunnel;

	(void)state;
	begin(&whole);
	traffic.may_skip = true;
	out = &pair->side[0].path_counters.out;
	tunnel = &pair_path(pair, 0)->lane->tunnel;
	pool = pair->side[0].ports[PAIR_LAN].pool;
	pair->wan.drop = 1000;
	overload(0, 2000);
	assert_true(out->drop[DROP_QUEUE_FULL] > 0);
	assert_true(tunnel->tx.retained <= tunnel->config.sizes.retain_packets);
	assert_true(tunnel->tx.retained > tunnel->config.sizes.retain_packets / 2);
	assert_true(tunnel->tx.retained_bytes <= tunnel->config.sizes.retain_bytes);
	assert_true(rte_mempool_avail_count(pool) > pool->size / 16);
	assert_int_equal(stats(0)->acked + stats(0)->resent, 0);
	assert_true(stats(0)->pings_sent > 0);
	expect_balance();
	/* When it speaks again, all that was taken arrives. */
	pair->wan.drop = 0;
	finish();
	assert_int_equal(traffic_got(&traffic, 0) + out->drop[DROP_QUEUE_FULL],
			 traffic_sent(&traffic, 0));
}

/* Frames that fill the LAN's ring of side 1, from a pool of their own. */
static struct rte_mempool *lan_stop(void)
{
	static uint32_t serial;
	struct rte_mempool *pool;
	struct rte_mbuf *mbuf;
	char name[32];

	snprintf(name, sizeof(name), "stop%u", serial++);
	pool = rte_pktmbuf_pool_create(name, PAIR_RING, 0, 0, RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	assert_non_null(pool);
	while ((mbuf = rte_pktmbuf_alloc(pool)))
		if (rte_ring_enqueue(pair->side[1].tx[PAIR_LAN], mbuf)) {
			rte_pktmbuf_free(mbuf);
			break;
		}
	return pool;
}

static void lan_go(struct rte_mempool *pool)
{
	for (uint32_t i = 0; i < PAIR_RING - 1; i++)
		rte_pktmbuf_free(pair_take(pair, 1, PAIR_LAN));
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	rte_mempool_free(pool);
}

/* The far LAN takes nothing: the pause travels back until the near queue is full, at no loss. */
static void stopped_lan(const struct pair_options *options)
{
	struct cw_path_counters *near, *far;
	const struct tunnel *receiver;
	struct rte_mempool *filler;
	uint64_t delivered;

	begin(options);
	near = &pair->side[0].path_counters;
	far = &pair->side[1].path_counters;
	receiver = &pair_path(pair, 1)->lane->tunnel;
	filler = lan_stop();
	for (int i = 0; i < 3000; i++) {
		traffic_fill(&traffic, 0, 300);
		pair_turn(pair);
		assert_true(receiver->order.held <= receiver->config.sizes.rx_buffers);
		assert_true(receiver->order.held_bytes <= receiver->config.sizes.rx_bytes);
	}
	assert_int_equal(pair_path(pair, 0)->stall, STALL_CREDIT);
	assert_true(queue_packets(&pair_path(pair, 0)->queue) >= 299);
	assert_int_equal(pair_path(pair, 0)->lane->tunnel.tx.retained, 0);
	delivered = far->in.tx_packets;
	for (int i = 0; i < 1000; i++)
		pair_turn(pair);
	assert_int_equal(far->in.tx_packets, delivered);
	assert_int_equal(receiver->stats.refused, 0);
	expect_balance();
	lan_go(filler);
	finish();
	expect_all();
	assert_true(far->lane.pause_ns > 0);
	assert_true(near->lane.stall_credit_ns > 0);
}

static void limits__stopped_lan(void **state)
{
	(void)state;
	stopped_lan(&whole);
}

static void limits__stopped_lan_with_fragments(void **state)
{
	(void)state;
	stopped_lan(&fragmenting);
}

/* The receiver has no buffer to put fragments together in, nor to copy small packets to. */
static void limits__no_buffers_at_the_receiver(void **state)
{
	static struct rte_mbuf *taken[4096];
	uint32_t count = 0;

	(void)state;
	begin(&fragmenting);
	while ((taken[count] = rte_pktmbuf_alloc(pair->side[1].ports[PAIR_LAN].pool)))
		count++;
	for (int i = 0; i < 2000; i++) {
		traffic_fill(&traffic, 0, 300);
		turn();
	}
	assert_int_equal(pair_path(pair, 0)->stall, STALL_CREDIT);
	expect_balance();
	rte_pktmbuf_free_bulk(taken, count);
	finish();
	expect_all();
	assert_true(pair->side[1].path_counters.lane.pause_ns > 0);
}

/* Whole packets in fragments wait for a buffer, and then the peer begins a new life. */
static void limits__restart_without_buffers(void **state)
{
	static struct rte_mbuf *taken[4096];
	struct cw_flow_counters *in;
	uint32_t count = 0;
	uint64_t waiting;

	(void)state;
	begin(&fragmenting);
	traffic.may_skip = true;
	in = &pair->side[1].path_counters.in;
	while ((taken[count] = rte_pktmbuf_alloc(pair->side[1].ports[PAIR_LAN].pool)))
		count++;
	for (int i = 0; i < 1000; i++) {
		traffic_fill(&traffic, 0, 10);
		turn();
	}
	waiting = in->held_packets;
	assert_true(waiting > 0);
	pair_keys_give(pair, 1, true);
	assert_int_equal(pair_path(pair, 1)->lane->tunnel.order.held, 0);
	assert_int_equal(in->held_packets + in->held_bytes, 0);
	assert_true(in->drop[DROP_PEER_RESTART] > 0);
	rte_pktmbuf_free_bulk(taken, count);
	run(100);
	finish();
}

/* Fragments of a packet that no buffer here can hold: the packet dies, and nothing else. */
static void limits__too_large_to_put_together(void **state)
{
	struct rte_mempool *small;
	struct cw_flow_counters *in;

	(void)state;
	begin(&fragmenting);
	traffic.may_skip = true;
	in = &pair->side[1].path_counters.in;
	small = rte_pktmbuf_pool_create("small", 511, 0, 0, 4000, SOCKET_ID_ANY);
	assert_non_null(small);
	pair->side[1].worker->lan_pool = small;
	for (int i = 0; i < 1000; i++) {
		traffic_fill(&traffic, 0, 100);
		turn();
	}
	finish();
	assert_true(in->tx_packets > 0);
	assert_true(in->drop[DROP_MALFORMED] > 0);
	assert_int_equal(in->drop[DROP_MALFORMED] + in->tx_packets, traffic_sent(&traffic, 0));
	assert_int_equal(rte_mempool_in_use_count(small), 0);
	rte_mempool_free(small);
}

static int run_group(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(limits__silent_peer_is_bounded, end),
		cmocka_unit_test_teardown(limits__stopped_lan, end),
		cmocka_unit_test_teardown(limits__stopped_lan_with_fragments, end),
		cmocka_unit_test_teardown(limits__no_buffers_at_the_receiver, end),
		cmocka_unit_test_teardown(limits__restart_without_buffers, end),
		cmocka_unit_test_teardown(limits__too_large_to_put_together, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return rig_main(run_group);
}
