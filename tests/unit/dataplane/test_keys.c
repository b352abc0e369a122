#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/keys.h"

#define S 1000000000ull

static void keys_init__nothing_goes(void **state)
{
	struct keys k;

	(void)state;
	keys_init(&k);
	for (uint8_t phase = 0; phase < KEYS_PHASES; phase++)
		assert_false(keys_may_open(&k, phase));
	assert_false(keys_may_send(&k));
	assert_false(keys_wants_rekey(&k, 1u << 30));
	assert_int_equal(keys_poll(&k, UINT64_MAX - 1), 0);
	assert_true(keys_deadline(&k) == UINT64_MAX);
}

static void keys_opened__retires_the_older(void **state)
{
	struct keys k;

	(void)state;
	keys_init(&k);
	keys_install_rx(&k, 0, S);
	keys_opened(&k, 0, 2 * S, S);
	keys_install_rx(&k, 1, 3 * S);
	keys_opened(&k, 0, 4 * S, S); /* the new one is not in use yet: no deadline */
	assert_true(keys_deadline(&k) == UINT64_MAX);
	assert_true(keys_may_open(&k, 0) && keys_may_open(&k, 1));

	keys_opened(&k, 1, 5 * S, S);
	assert_true(keys_deadline(&k) == 6 * S);
	keys_opened(&k, 0, 5 * S + 1, S); /* late ones move nothing, */
	keys_opened(&k, 1, 5 * S + 2, S); /* nor does the second packet */
	assert_true(keys_deadline(&k) == 6 * S);
	assert_int_equal(keys_poll(&k, 6 * S - 1), 0);
	assert_true(keys_may_open(&k, 0));
	assert_int_equal(keys_poll(&k, 6 * S), 1 << 0);
	assert_false(keys_may_open(&k, 0));
	assert_true(keys_may_open(&k, 1));
	assert_int_equal(keys_poll(&k, 7 * S), 0);
	keys_opened(&k, 0, 8 * S, S); /* cannot be, and changes nothing */
	assert_false(keys_may_open(&k, 0));
	assert_true(keys_deadline(&k) == UINT64_MAX);
}

/* The two bits wrap: 3 is older than 0, whoever is asked. */
static void keys_opened__phases_wrap(void **state)
{
	struct keys k;
	uint64_t now = S;

	(void)state;
	keys_init(&k);
	for (uint32_t counter = 0; counter < 11; counter++, now += 10 * S) {
		uint8_t phase = counter % KEYS_PHASES;
		uint8_t before = (counter + KEYS_PHASES - 1) % KEYS_PHASES;

		keys_install_rx(&k, phase, now);
		keys_opened(&k, phase, now + S, S);
		assert_int_equal(keys_poll(&k, now + 2 * S), counter ? 1u << before : 0);
		assert_int_equal(k.rx_live, 1u << phase);
	}
}

/* Two rekeys before the peer moved: both older ones go with the first packet of the newest. */
static void keys_opened__skips_a_phase(void **state)
{
	struct keys k;

	(void)state;
	keys_init(&k);
	keys_install_rx(&k, 2, 0);
	keys_opened(&k, 2, 1, S);
	keys_install_rx(&k, 3, 2);
	keys_install_rx(&k, 0, 3);
	keys_opened(&k, 0, 4, S);
	assert_int_equal(keys_poll(&k, 4 + S), 1u << 2 | 1u << 3);
	assert_int_equal(k.rx_live, 1u << 0);
}

/* A key that comes again under a phase that is about to go, or is in use, is a new key. */
static void keys_install_rx__replaces(void **state)
{
	struct keys k;

	(void)state;
	keys_init(&k);
	keys_install_rx(&k, 0, 0);
	keys_install_rx(&k, 1, 0);
	keys_opened(&k, 1, S, S);
	keys_install_rx(&k, 0, S + 1);
	assert_int_equal(keys_poll(&k, 5 * S), 0);
	assert_true(keys_may_open(&k, 0) && keys_may_open(&k, 1));
	keys_opened(&k, 0, 6 * S, S);
	assert_int_equal(keys_poll(&k, 7 * S), 1u << 1);

	keys_install_rx(&k, 0, 8 * S);
	keys_install_rx(&k, 1, 8 * S);
	keys_install_rx(&k, 0, 8 * S);
	keys_opened(&k, 0, 9 * S, S);
	assert_int_equal(keys_poll(&k, 10 * S), 1u << 1);
}

static void keys_wants_rekey__by_packets(void **state)
{
	struct keys k;

	(void)state;
	keys_init(&k);
	k.rekey_packets = 3;
	k.stop_packets = 5;
	keys_install_tx(&k, 2, S);
	assert_int_equal(keys_tx_phase(&k), 2);
	for (uint32_t sent = 1; sent <= 5; sent++) {
		assert_true(keys_may_send(&k));
		keys_sent(&k);
		assert_true(keys_wants_rekey(&k, S + sent) == (sent == 3));
	}
	assert_false(keys_may_send(&k));
	assert_true(keys_deadline(&k) == S + 3 + KEYS_ASK_NS);
	assert_false(keys_wants_rekey(&k, S + 2 + KEYS_ASK_NS));
	assert_true(keys_wants_rekey(&k, S + 3 + KEYS_ASK_NS));

	keys_install_tx(&k, 3, 20 * S);
	assert_true(keys_may_send(&k));
	assert_int_equal(keys_tx_phase(&k), 3);
	assert_false(keys_wants_rekey(&k, 20 * S));
	keys_sent(&k);
	keys_sent(&k);
	keys_sent(&k);
	assert_true(keys_deadline(&k) <= 21 * S);
	assert_true(keys_wants_rekey(&k, 21 * S)); /* though it asked less than 10 s ago */
}

static void keys_wants_rekey__by_age(void **state)
{
	struct keys k;

	(void)state;
	keys_init(&k);
	keys_install_tx(&k, 0, 7 * S);
	assert_true(keys_deadline(&k) == 3607 * S);
	assert_false(keys_wants_rekey(&k, 3607 * S - 1));
	assert_true(keys_wants_rekey(&k, 3607 * S));
	assert_true(keys_deadline(&k) == 3617 * S);
	assert_false(keys_wants_rekey(&k, 3617 * S - 1));
	assert_true(keys_wants_rekey(&k, 3617 * S));
	assert_true(keys_may_send(&k)); /* age alone never stops it */
	assert_true(k.rekey_packets == 1ull << 36 && k.stop_packets == 1ull << 37);
}

static void keys_deadline__is_when_poll_answers(void **state)
{
	struct keys k;

	(void)state;
	keys_init(&k);
	keys_install_tx(&k, 0, 0);
	keys_install_rx(&k, 0, 0);
	keys_install_rx(&k, 1, 0);
	keys_opened(&k, 1, S, S);
	keys_install_rx(&k, 2, S);
	keys_opened(&k, 2, S + 5, 3 * S);
	assert_true(keys_deadline(&k) == 2 * S);
	assert_int_equal(keys_poll(&k, keys_deadline(&k)), 1u << 0);
	assert_true(keys_deadline(&k) == 4 * S + 5);
	assert_int_equal(keys_poll(&k, keys_deadline(&k)), 1u << 1);
	assert_true(keys_deadline(&k) == KEYS_REKEY_AGE_NS);
}

static void keys_reset__keeps_limits(void **state)
{
	struct keys k;

	(void)state;
	keys_init(&k);
	k.rekey_packets = 9;
	keys_install_tx(&k, 1, S);
	keys_install_rx(&k, 1, S);
	keys_opened(&k, 1, S, S);
	keys_install_rx(&k, 2, S);
	keys_opened(&k, 2, S, S);
	keys_reset(&k);
	assert_int_equal(k.rekey_packets, 9);
	assert_false(keys_may_send(&k) || keys_may_open(&k, 1) || keys_may_open(&k, 2));
	assert_int_equal(keys_poll(&k, 9 * S), 0);
	assert_true(keys_deadline(&k) == UINT64_MAX);
	keys_install_rx(&k, 2, 3 * S);
	keys_opened(&k, 2, 3 * S, S);
	assert_true(keys_may_open(&k, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_init__nothing_goes),
		cmocka_unit_test(keys_opened__retires_the_older),
		cmocka_unit_test(keys_opened__phases_wrap),
		cmocka_unit_test(keys_opened__skips_a_phase),
		cmocka_unit_test(keys_install_rx__replaces),
		cmocka_unit_test(keys_wants_rekey__by_packets),
		cmocka_unit_test(keys_wants_rekey__by_age),
		cmocka_unit_test(keys_deadline__is_when_poll_answers),
		cmocka_unit_test(keys_reset__keeps_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
