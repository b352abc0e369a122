#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/credit.h"

static void credit_tx_may__needs_both(void **state)
{
	static const struct {
		uint64_t limit_seq, limit_bytes;
		uint32_t count, bytes;
		bool may;
	} cases[] = {
		{110, 1000, 10, 1000, true},  {110, 1000, 11, 1000, false},
		{110, 1000, 10, 1001, false}, {110, 1000, 0, 0, true},
		{100, 1000, 1, 0, false},     {UINT64_MAX, UINT64_MAX, 255, UINT32_MAX, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct credit_tx c;

		credit_tx_init(&c, 100);
		assert_false(credit_tx_may(&c, 100, 1, 0));
		assert_false(credit_tx_may(&c, 100, 0, 1));
		credit_tx_on_limits(&c, cases[i].limit_seq, cases[i].limit_bytes);
		assert_int_equal(credit_tx_may(&c, 100, cases[i].count, cases[i].bytes),
				 cases[i].may);
	}
}

static void credit_tx_charge__uses_bytes_up(void **state)
{
	struct credit_tx c;

	(void)state;
	credit_tx_init(&c, 0);
	credit_tx_on_limits(&c, 100, 1000);
	credit_tx_charge(&c, 900);
	assert_true(credit_tx_may(&c, 1, 1, 100));
	assert_false(credit_tx_may(&c, 1, 1, 101));
	credit_tx_charge(&c, 100);
	assert_true(credit_tx_may(&c, 2, 1, 0));
	assert_false(credit_tx_may(&c, 2, 1, 1));
}

static void credit_tx_on_limits__never_shrinks(void **state)
{
	struct credit_tx c;

	(void)state;
	credit_tx_init(&c, 50);
	credit_tx_on_limits(&c, 100, 1000);
	credit_tx_on_limits(&c, 90, 2000);
	assert_true(c.limit_seq == 100 && c.limit_bytes == 2000);
	credit_tx_on_limits(&c, 101, 1);
	assert_true(c.limit_seq == 101 && c.limit_bytes == 2000);
}

/* The window or the buffers, whichever is less. */
static void credit_rx_update__grants_what_it_has(void **state)
{
	struct credit_rx c;

	(void)state;
	credit_rx_init(&c, 1000, 64, 40, 5000);
	assert_int_equal(c.granted_seq, 1040);
	assert_int_equal(c.granted_bytes, 5000);
	/* Ten were delivered, but the oldest is missing still. */
	credit_rx_update(&c, 1000, 10, 700);
	assert_int_equal(c.granted_seq, 1050);
	assert_int_equal(c.granted_bytes, 5700);
	credit_rx_update(&c, 1000, 63, 6000);
	assert_int_equal(c.granted_seq, 1064);
	credit_rx_update(&c, 1064, 64, 6100);
	assert_int_equal(c.granted_seq, 1104);
	assert_int_equal(c.granted_bytes, 11100);
}

static void credit_rx_take__no_more_bytes_than_granted(void **state)
{
	struct credit_rx c;

	(void)state;
	credit_rx_init(&c, 0, 64, 40, 5000);
	assert_true(credit_rx_take(&c, 4999));
	assert_false(credit_rx_take(&c, 2));
	assert_true(credit_rx_take(&c, 1));
	assert_false(credit_rx_take(&c, 1));
	assert_true(credit_rx_take(&c, 0));
	credit_rx_update(&c, 1, 1, 4999);
	assert_true(credit_rx_take(&c, 4999));
	assert_false(credit_rx_take(&c, 1));
}

/* A sender that heeds them, through ACKs of which most are lost and some are late, never makes the
 * receiver hold more than it has; and once all came, it has all of the room again. */
static void credit__never_overflows(void **state)
{
	enum {
		BUFFERS = 40,
		BYTES = 5000,
		OLD = 8
	};
	uint64_t next = 7, old_seq[OLD] = {0}, old_bytes[OLD] = {0};
	uint64_t delivered = 0, delivered_bytes = 0;
	uint32_t held = 0, lengths[BUFFERS], most = 0;
	struct credit_tx tx;
	struct credit_rx rx;

	(void)state;
	srand(1);
	credit_tx_init(&tx, next);
	credit_rx_init(&rx, next, 64, BUFFERS, BYTES);
	for (int turn = 0; turn < 100000; turn++) {
		uint32_t len = (uint32_t)rand() % 300, at = (uint32_t)rand() % OLD;

		if (credit_tx_may(&tx, next, 1, len)) {
			credit_tx_charge(&tx, len);
			assert_true(next < rx.granted_seq);
			assert_true(credit_rx_take(&rx, len));
			assert_true(held < BUFFERS);
			lengths[held++] = len;
			most = held > most ? held : most;
			next++;
		}
		if (rand() % 3 && held) {
			delivered++;
			delivered_bytes += lengths[--held];
			credit_rx_update(&rx, 7 + delivered, delivered, delivered_bytes);
		}
		credit_tx_on_limits(&tx, old_seq[at], old_bytes[at]);
		if (rand() % 3 == 0) {
			old_seq[at] = rx.granted_seq;
			old_bytes[at] = rx.granted_bytes;
		}
		assert_true(tx.sent_bytes - delivered_bytes <= BYTES);
	}
	assert_true(most > 10 && delivered > 10000);
	credit_tx_on_limits(&tx, rx.granted_seq, rx.granted_bytes);
	assert_int_equal(tx.limit_seq - next, BUFFERS - held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credit_tx_may__needs_both),
		cmocka_unit_test(credit_tx_charge__uses_bytes_up),
		cmocka_unit_test(credit_tx_on_limits__never_shrinks),
		cmocka_unit_test(credit_rx_update__grants_what_it_has),
		cmocka_unit_test(credit_rx_take__no_more_bytes_than_granted),
		cmocka_unit_test(credit__never_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
