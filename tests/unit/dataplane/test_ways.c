#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dataplane/core/ways.h"
#include "dataplane/core/wire.h"
#include "tests/unit/dataplane/intent_sample.h"

static struct ip_addr address(const char *text)
{
	struct ip_addr addr;

	if (ip_addr_parse(text, &addr))
		abort();
	return addr;
}

/* The sample over the link of this number, as the word `generation` of control. */
static struct intent_path over(uint8_t link, uint32_t generation)
{
	struct intent_path path = intent_sample("job1", 1);

	path.link_id = link;
	path.generation = generation;
	path.local_addr.bytes[14] = link;
	path.peer_addr.bytes[14] = link;
	return path;
}

static int find(const struct ways *w, const struct intent_path *path, uint8_t link)
{
	return ways_find(w, &path->local_addr, &path->peer_addr, link);
}

static void ways_init__sizes_and_ports(void **state)
{
	struct intent_path path = over(1, 1), mixed = path;
	struct ways w;
	uint32_t ports;

	(void)state;
	assert_int_equal(ways_init(&w, &path, 3, 1500), 0);
	assert_false(ways_are_moving(&w));
	assert_int_equal(ways_now(&w)->frames_max, 1500 - 28 - WIRE_OVERHEAD_BYTES);
	assert_int_equal(ways_now(&w)->payload_max, ways_now(&w)->frames_max - WIRE_DATA_BYTES);
	assert_int_equal(ways_now(&w)->wan_port, 3);
	ports = way_ports(ways_now(&w), 5);
	assert_int_equal(ports & 0xffff, path.peer_udp_port + 5);
	assert_true(ports >> 16 >= 49152 + 5);
	path.local_addr = address("fd00::1");
	path.peer_addr = address("fd00::2");
	assert_int_equal(ways_init(&w, &path, 3, 1500), 0);
	assert_int_equal(ways_now(&w)->frames_max, 1500 - 48 - WIRE_OVERHEAD_BYTES);
	mixed.local_addr = address("fd00::1");
	assert_true(ways_init(&w, &mixed, 3, 1500) < 0);
}

/* Sends by the old one, hears both, and goes on hearing the old one afterwards. */
static void ways_update__moves(void **state)
{
	struct intent_path old = over(1, 1), new = over(2, 2);
	struct ways w;

	(void)state;
	ways_init(&w, &old, 0, 1500);
	assert_int_equal(ways_update(&w, &old, &new, 1, 9000), WAYS_MOVE);
	assert_true(ways_are_moving(&w));
	assert_int_equal(ways_now(&w)->link_id, 1);
	assert_int_equal(ways_next(&w)->link_id, 2);
	assert_int_equal(find(&w, &old, 1), w.at);
	assert_int_equal(find(&w, &new, 2), w.to);
	ways_switch(&w);
	assert_false(ways_are_moving(&w));
	assert_int_equal(ways_now(&w)->link_id, 2);
	assert_int_equal(ways_now(&w)->wan_port, 1);
	assert_int_equal(ways_now(&w)->frames_max, 9000 - 28 - WIRE_OVERHEAD_BYTES);
	assert_true(find(&w, &old, 1) >= 0);
	assert_true(find(&w, &new, 2) == w.at);
}

/* Nothing proved the new one: back at once, and what the far end sends by it still counts. */
static void ways_update__back_before_it_proved(void **state)
{
	struct intent_path old = over(1, 1), new = over(2, 2), back = over(1, 3);
	struct ways w;

	(void)state;
	ways_init(&w, &old, 0, 1500);
	ways_update(&w, &old, &new, 1, 1500);
	assert_int_equal(ways_update(&w, &new, &back, 0, 1500), WAYS_MOVE);
	assert_false(ways_are_moving(&w));
	assert_int_equal(ways_now(&w)->link_id, 1);
	assert_true(find(&w, &new, 2) >= 0);
}

static void ways_update__in_place(void **state)
{
	struct intent_path old = over(1, 1), new = over(2, 2), again = over(2, 3);
	struct ways w;

	(void)state;
	ways_init(&w, &old, 0, 1500);
	ways_update(&w, &old, &new, 1, 1500);
	again.max_bps *= 2;
	again.dscp = 46;
	assert_int_equal(ways_update(&w, &new, &again, 1, 2000), WAYS_SAME);
	assert_true(ways_are_moving(&w));
	assert_int_equal(ways_next(&w)->frames_max, 2000 - 28 - WIRE_OVERHEAD_BYTES);
	assert_int_equal(ways_now(&w)->frames_max, 1500 - 28 - WIRE_OVERHEAD_BYTES);
	/* Both bear the new DSCP. */
	assert_int_equal(ways_now(&w)->outer.bytes[15], 46 << 2);
	assert_int_equal(ways_next(&w)->outer.bytes[15], 46 << 2);
}

/* Another gateway, other selectors, or no word of its own: the old way means nothing any more. */
static void ways_update__restarts(void **state)
{
	for (int i = 0; i < 3; i++) {
		struct intent_path old = over(1, 1), new = over(2, i == 2 ? 1 : 2);
		struct ways w;

		(void)state;
		if (i == 0)
			strcpy(new.peer, "gw-c");
		else if (i == 1)
			new.near_count = 1;
		ways_init(&w, &old, 0, 1500);
		assert_int_equal(ways_update(&w, &old, &new, 1, 1500), WAYS_RESTART);
		assert_false(ways_are_moving(&w));
		assert_int_equal(ways_now(&w)->link_id, 2);
		assert_int_equal(find(&w, &old, 1), -1);
	}
}

static void ways_find__strangers(void **state)
{
	struct intent_path path = over(1, 1), other = over(3, 1), half = path;
	struct ways w;

	(void)state;
	half.peer_addr = other.peer_addr;
	ways_init(&w, &path, 0, 1500);
	assert_int_equal(find(&w, &other, 1), -1);
	assert_int_equal(find(&w, &half, 1), -1);
	/* The addresses are what counts where the link's number is none of ours. */
	assert_int_equal(find(&w, &path, 9), 0);
}

/* Two circuits between the same two addresses. */
static void ways_find__by_link(void **state)
{
	struct intent_path old = over(1, 1), new = over(1, 2);
	struct ways w;

	(void)state;
	new.link_id = 2;
	ways_init(&w, &old, 0, 1500);
	assert_int_equal(ways_update(&w, &old, &new, 0, 1500), WAYS_MOVE);
	assert_int_equal(find(&w, &old, 1), w.at);
	assert_int_equal(find(&w, &old, 2), w.to);
}

/*
 * Any number of moves, proved or not: it sends by the last one proved, and hears that, the one
 * wanted, and the one wanted before.
 */
static void walk(uint64_t seed)
{
	struct intent_path now = over(1, 1), before = now;
	uint8_t sends = 1, wanted = 1;
	struct ways w;

	ways_init(&w, &now, 1, 1500);
	for (uint32_t generation = 2; generation < 200; generation++) {
		struct intent_path next;
		uint8_t link;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		link = (uint8_t)(1 + (seed >> 40) % 6);
		next = over(link, generation);
		ways_update(&w, &now, &next, link, 1500);
		if (link != wanted)
			before = now;
		now = next;
		wanted = link;
		if (seed >> 33 & 1 && ways_are_moving(&w)) {
			ways_switch(&w);
			sends = wanted;
		}
		assert_int_equal(ways_now(&w)->link_id, sends);
		assert_int_equal(ways_next(&w)->link_id, wanted);
		assert_int_equal(ways_are_moving(&w), sends != wanted);
		assert_int_equal(find(&w, &now, wanted), w.to);
		assert_true(find(&w, &before, before.link_id) >= 0);
	}
}

static void ways_update__many(void **state)
{
	uint64_t seed = (uint64_t)time(NULL);
	const char *given = getenv("CAUSEWAY_SEED");

	(void)state;
	for (uint64_t fixed = 1; fixed <= 200; fixed++)
		walk(fixed);
	seed = given ? strtoull(given, NULL, 0) : seed;
	print_message("seed %llu\n", (unsigned long long)seed);
	walk(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ways_init__sizes_and_ports),
		cmocka_unit_test(ways_update__moves),
		cmocka_unit_test(ways_update__back_before_it_proved),
		cmocka_unit_test(ways_update__in_place),
		cmocka_unit_test(ways_update__restarts),
		cmocka_unit_test(ways_find__strangers),
		cmocka_unit_test(ways_find__by_link),
		cmocka_unit_test(ways_update__many),
	};

	return cmocka_run_group_tests_name("ways", tests, NULL, NULL);
}
