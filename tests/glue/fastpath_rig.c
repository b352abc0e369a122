#include "tests/glue/fastpath_rig.h"

#include <stdlib.h>

#define GIVE_UP 20000000000ull /* ns */
#define QUEUED	100	       /* frames of each way that wait at most */

struct pair *pair;
struct traffic traffic;
uint64_t seed;

void (*each_turn)(void);

const struct pair_options whole = {
	.lan_mtu = 1500, .wan_mtu = 2000, .rate_bps = 100000000000ull, .mbufs = 4095};
const struct pair_options fragmenting = {
	.lan_mtu = 9000, .wan_mtu = 1500, .rate_bps = 100000000000ull, .mbufs = 4095};

void begin(const struct pair_options *options)
{
	pair = pair_create(options);
	assert_non_null(pair);
	pair_hush(pair);
	traffic_init(&traffic, pair, seed);
	pair->wan.random = seed;
}

int end(void **state)
{
	uint32_t leaked = pair ? pair_destroy(pair) : 0;

	(void)state;
	pair = NULL;
	return leaked ? -1 : 0;
}

const struct tunnel_stats *stats(uint32_t side)
{
	return &pair_path(pair, side)->lane->tunnel.stats;
}

void expect_no_drops(void)
{
	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		for (uint32_t i = 0; i < DROP_COUNT; i++) {
			assert_int_equal(pair->side[side].path_counters.out.drop[i], 0);
			assert_int_equal(pair->side[side].path_counters.in.drop[i], 0);
			assert_int_equal(pair->side[side].port_counters[PAIR_LAN].drop[i], 0);
		}
}

void expect_balance(void)
{
	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		assert_true(pair_is_balanced(pair, side));
}

void turn(void)
{
	pair_turn(pair);
	if (each_turn)
		each_turn();
	traffic_take(&traffic, 0);
	traffic_take(&traffic, 1);
	if (traffic.fault)
		fail_msg("%s, seed %llu", traffic.fault, (unsigned long long)seed);
}

static bool is_over(uint64_t since)
{
	return clock_ns(&pair->clock, rte_rdtsc()) - since > GIVE_UP;
}

void run(uint32_t frames)
{
	uint64_t since = clock_ns(&pair->clock, rte_rdtsc());
	uint64_t goal[2] = {traffic_sent(&traffic, 0) + frames, traffic_sent(&traffic, 1) + frames};

	while (traffic_sent(&traffic, 0) < goal[0] || traffic_sent(&traffic, 1) < goal[1]) {
		for (uint32_t gateway = 0; gateway < 2; gateway++)
			for (int i = rand() % 16;
			     i && traffic_sent(&traffic, gateway) < goal[gateway]; i--)
				traffic_fill(&traffic, gateway, QUEUED);
		turn();
		assert_false(is_over(since));
	}
}

void finish(void)
{
	uint64_t since = clock_ns(&pair->clock, rte_rdtsc());

	while (!pair_is_empty(pair) && !is_over(since))
		turn();
	assert_true(pair_settle(pair));
	turn();
	assert_true(pair_is_empty(pair));
	expect_balance();
	assert_int_equal(pair_mbufs_used(pair), 0);
}

void expect_all(void)
{
	for (uint32_t gateway = 0; gateway < 2; gateway++)
		assert_int_equal(traffic_got(&traffic, gateway), traffic_sent(&traffic, gateway));
	expect_no_drops();
}

int rig_main(int (*run_group)(void))
{
	const char *given = getenv("CAUSEWAY_SEED");

	seed = given ? strtoull(given, NULL, 0) : 1;
	print_message("seed %llu\n", (unsigned long long)seed);
	srand((unsigned int)seed);
	if (pair_eal_start(320)) {
		print_message("SKIP: DPDK does not start here\n");
		return 77;
	}
	return run_group();
}
