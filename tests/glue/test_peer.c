/* Two gateways' key agreement over the loopback device: what is agreed on, and what cuts do to it.
 */
#include "tests/glue/peer_rig.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static void peer__agrees_on_keys(void **state)
{
	(void)state;
	start_agreed(3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(sides[0].held[i].installs, 1);
		assert_int_equal(sides[1].held[i].installs, 2);
		assert_int_equal(sides[0].held[i].resets, 1);
		assert_int_equal(sides[1].held[i].resets, 1);
		assert_int_equal(sides[0].held[i].tx_phase, 0);
		assert_true(peers_has_keys(sides[0].peers, i + 1));
	}
	assert_false(peers_has_keys(sides[0].peers, 4));
	assert_memory_not_equal(sides[0].held[0].tx, sides[0].held[1].tx,
				sizeof(sides[0].held[0].tx));
	for (int i = 0; i < 2; i++) {
		struct peer_status status = status_of(&sides[i]);

		assert_true(status.is_up);
		assert_int_equal(status.path_count, 3);
		assert_int_equal(status.keyed_count, 3);
		assert_string_equal(status.error, "");
		assert_int_equal(sides[i].states, 1);
	}
}

static void peer__over_ipv6(void **state)
{
	(void)state;
	sides[0].address = sides[1].address = "::1";
	start_agreed(1);
}

static void peer__rekeys_at_either_sides_wish(void **state)
{
	(void)state;
	start_agreed(2);
	for (uint8_t round = 1; round < 10; round++) {
		struct side *side = &sides[round % 2];

		peers_rekey(side->peers, 1);
		peers_rekey(side->peers, 1);
		WAIT_UNTIL(is_agreed(1) && sides[0].held[0].tx_phase == round % 4);
		turn_for(2 * MS);
		assert_int_equal(sides[0].held[0].installs, 1 + round);
	}
	assert_int_equal(sides[0].held[0].resets, 1);
	assert_int_equal(sides[1].held[0].resets, 1);
	assert_int_equal(sides[0].held[1].installs, 1);
	peers_rekey(sides[0].peers, 99); /* no such path */
}

static void peer__restart_of_one_makes_new_keys(void **state)
{
	(void)state;
	start_agreed(2);
	for (int i = 0; i < 2; i++) {
		struct key_lane before[PATH_KEYS_LANES];
		struct held *other = &sides[!i].held[0];
		uint32_t resets = other->resets;

		peers_rekey(sides[i].peers, 1);
		WAIT_UNTIL(is_agreed(1) && sides[0].held[0].tx_phase == 1);
		memcpy(before, other->tx, sizeof(before));
		side_restart(&sides[i], 2);
		WAIT_UNTIL(is_agreed(1) && is_agreed(2));
		assert_int_equal(other->resets, resets + 1);
		assert_int_equal(other->tx_phase, 0);
		assert_memory_not_equal(before, other->tx, sizeof(before));
	}
}

static void peer__cut_keeps_keys(void **state)
{
	(void)state;
	start_agreed(2);
	for (int round = 0; round < 3; round++) {
		uint32_t states = sides[0].states;

		assert_int_equal(cut(), 2);
		WAIT_UNTIL(sides[0].states == states + 2 && status_of(&sides[0]).is_up &&
			   status_of(&sides[1]).is_up);
		turn_for(20 * MS);
	}
	assert_int_equal(sides[0].held[0].installs, 1);
	assert_int_equal(sides[1].held[1].installs, 2);
	/* What was wanted meanwhile comes with the next session. */
	assert_int_equal(cut(), 2);
	WAIT_UNTIL(!status_of(&sides[0]).is_up && !status_of(&sides[1]).is_up);
	peers_rekey(sides[0].peers, 1);
	peers_rekey(sides[1].peers, 2);
	WAIT_UNTIL(is_agreed(1) && sides[0].held[0].tx_phase == 1);
	WAIT_UNTIL(is_agreed(2) && sides[0].held[1].tx_phase == 1);
}

/* Cut after more and more turns of an exchange of many paths: wherever that leaves each of them. */
static void peer__cuts_in_the_middle(void **state)
{
	(void)state;
	start_agreed(40);
	for (int turns = 0; turns < 12; turns++) {
		for (uint32_t id = 1; id <= 40; id++)
			peers_rekey(sides[id % 2].peers, id);
		for (int i = 0; i < turns; i++)
			turn();
		cut();
		WAIT_UNTIL(!status_of(&sides[0]).is_up);
		WAIT_UNTIL(status_of(&sides[0]).is_up && status_of(&sides[1]).is_up);
	}
	for (uint32_t id = 1; id <= 40; id++) {
		peers_rekey(sides[0].peers, id);
		WAIT_UNTIL(is_agreed(id));
		assert_int_equal(sides[0].held[id - 1].resets, 1);
		assert_int_equal(sides[1].held[id - 1].resets, 1);
	}
}

static void peer__silence_is_death(void **state)
{
	uint64_t begin_ns;

	(void)state;
	start_agreed(1);
	/* Long enough for some heartbeats: none of them ends anything. */
	turn_for(8 * BEAT_NS);
	assert_int_equal(sides[0].states, 1);
	for (int i = 0; i < 2; i++) {
		begin_ns = loop_now_ns(sides[0].loop);
		sides[i].is_frozen = true;
		WAIT_UNTIL(!status_of(&sides[!i]).is_up);
		assert_in_range(loop_now_ns(sides[0].loop) - begin_ns, 4 * BEAT_NS, 40 * BEAT_NS);
		assert_string_equal(status_of(&sides[!i]).error, "is silent");
		sides[i].is_frozen = false;
		WAIT_UNTIL(status_of(&sides[0]).is_up && status_of(&sides[1]).is_up);
		turn_for(8 * BEAT_NS);
		WAIT_UNTIL(status_of(&sides[0]).is_up && status_of(&sides[1]).is_up);
	}
	assert_int_equal(sides[0].held[0].installs, 1);
	assert_true(is_agreed(1));
}

static void peer__paths_come_and_go_in_any_order(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		start_agreed(1);
		paths_set(&sides[first], 3);
		turn_for(30 * MS);
		assert_int_equal(sides[first].held[2].has_tx, false);
		paths_set(&sides[!first], 3);
		WAIT_UNTIL(is_agreed(2) && is_agreed(3));
		assert_int_equal(sides[0].held[0].installs, 1 + first);
		/* Made anew at one end: a new incarnation, a reset at both. */
		paths_set(&sides[first], 1);
		turn_for(5 * MS);
		sides[first].incarnation += 1000;
		paths_set(&sides[first], 3);
		turn_for(5 * MS);
		WAIT_UNTIL(is_agreed(1) && is_agreed(2) && is_agreed(3));
		assert_int_equal(sides[0].held[2].resets, 2);
		assert_int_equal(sides[1].held[2].resets, 2);
		assert_true(status_of(&sides[0]).is_up);
		/* None left: no session, nobody listens. */
		paths_set(&sides[0], 0);
		paths_set(&sides[1], 0);
		assert_false(peers_status(sides[0].peers, 0, &(struct peer_status){0}));
		turn_for(5 * MS);
		assert_int_equal(cut(), 0);
		memset(sides[0].held, 0, sizeof(sides[0].held));
		memset(sides[1].held, 0, sizeof(sides[1].held));
		sides[0].held[0].installs = 1;
		sides[first].incarnation += 1000;
	}
}

static void peer__address_comes_late(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	/* Taken by another process for now; and the dialler's address is not there at all. */
	address.sin_addr.s_addr = htonl(0x7f000002);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	sides[0].address = "192.0.2.1";
	paths_set(&sides[0], 1);
	paths_set(&sides[1], 1);
	WAIT_UNTIL(strstr(status_of(&sides[0]).error, "cannot dial from 192.0.2.1"));
	turn_for(3 * BEAT_NS);
	sides[0].address = "127.0.0.1";
	close(fd);
	start_agreed(1);
}

static void peer__many_paths(void **state)
{
	uint64_t begin_ns = loop_now_ns(sides[0].loop);

	(void)state;
	start_agreed(PATHS_MAX);
	printf("%d paths agreed in %.1f ms\n", PATHS_MAX,
	       (double)(loop_now_ns(sides[0].loop) - begin_ns) / 1e6);
	for (uint32_t id = 1; id <= PATHS_MAX; id++)
		assert_int_equal(sides[0].held[id - 1].installs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(peer__agrees_on_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__over_ipv6, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__rekeys_at_either_sides_wish, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__restart_of_one_makes_new_keys, setup,
						teardown),
		cmocka_unit_test_setup_teardown(peer__cut_keeps_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__cuts_in_the_middle, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__silence_is_death, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__paths_come_and_go_in_any_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(peer__address_comes_late, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__many_paths, setup, teardown),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
