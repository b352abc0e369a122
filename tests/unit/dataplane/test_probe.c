#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/probe.h"

#define MS 1000000ull

/* Polls at each deadline until `end`; the time of each probe goes to times. */
static uint32_t run(struct probe *p, uint64_t start, uint64_t end, uint64_t *times,
		    uint64_t *nonces, uint32_t max)
{
	uint64_t now = start;
	uint32_t n = 0;

	while (now <= end && n < max) {
		assert_true(probe_poll(p, now, &nonces[n]));
		times[n++] = now;
		assert_false(probe_poll(p, now, &nonces[n]));
		now = probe_deadline(p);
	}
	return n;
}

static void probe_poll__backs_off(void **state)
{
	uint64_t times[64], nonces[65];
	struct probe p;
	uint32_t n;

	(void)state;
	probe_init(&p, 1, 7);
	n = run(&p, 5 * MS, 2000 * MS, times, nonces, 64);
	assert_true(n > PROBE_FAST_COUNT + 4);
	for (uint32_t i = 1; i < n; i++) {
		uint64_t gap = times[i] - times[i - 1];

		if (i < PROBE_FAST_COUNT)
			assert_int_equal(gap, PROBE_FAST_NS);
		assert_true(gap >= PROBE_FAST_NS && gap <= PROBE_SLOW_NS);
		assert_true(i < 2 || gap >= times[i - 1] - times[i - 2]);
	}
	assert_int_equal(times[n - 1] - times[n - 2], PROBE_SLOW_NS);
	assert_int_equal(p.unanswered, n);
	assert_false(probe_is_proved(&p));
}

/* One probe that goes astray means nothing, PROBE_LOST in a row mean that nobody is there; the next
 * echo heals it. */
static void probe_poll__silence_voids_the_proof(void **state)
{
	uint64_t nonce, now = 100 * MS;
	struct probe p;

	(void)state;
	probe_init(&p, 1, 7);
	assert_true(probe_poll(&p, now, &nonce));
	assert_true(probe_on_echo(&p, 1, nonce, now, now + MS));
	for (uint32_t lost = 0; lost < PROBE_LOST; lost++) {
		now = probe_deadline(&p);
		assert_true(probe_poll(&p, now, &nonce));
		assert_true(probe_is_proved(&p));
	}
	now = probe_deadline(&p);
	assert_true(probe_poll(&p, now, &nonce));
	assert_false(probe_is_proved(&p));
	assert_true(now <= 100 * MS + 750 * MS);
	assert_true(probe_on_echo(&p, 1, nonce, now, now + MS));
	assert_true(probe_is_proved(&p));
}

static void probe_poll__slow_once_proved(void **state)
{
	struct probe p;
	uint64_t nonce;

	(void)state;
	probe_init(&p, 1, 7);
	assert_true(probe_poll(&p, 100 * MS, &nonce));
	assert_true(probe_on_echo(&p, 1, nonce, 100 * MS, 110 * MS));
	assert_true(probe_is_proved(&p));
	assert_int_equal(p.rtt_ns, 10 * MS);
	assert_int_equal(p.unanswered, 0);
	assert_true(probe_poll(&p, 120 * MS, &nonce));
	assert_int_equal(probe_deadline(&p), 120 * MS + PROBE_RTT_NS);
}

/* Over a line of any length a probe has the time that it takes before it is missed. */
static void probe_poll__waits_for_the_round_trip(void **state)
{
	static const uint64_t rtts[] = {MS, 50 * MS, 100 * MS, 400 * MS, 2000 * MS};

	(void)state;
	for (size_t i = 0; i < sizeof(rtts) / sizeof(rtts[0]); i++) {
		uint64_t nonces[256], times[256], now = MS;
		uint32_t sent = 0, answered = 0;
		struct probe p;

		probe_init(&p, 1, 7);
		while (answered < 40) {
			while (answered < sent && times[answered] + rtts[i] <= now) {
				probe_on_echo(&p, 1, nonces[answered], times[answered], now);
				answered++;
			}
			if (sent < 250 && probe_poll(&p, now, &nonces[sent]))
				times[sent++] = now;
			if (answered > PROBE_OPEN)
				assert_true(probe_is_proved(&p));
			now += MS;
		}
	}
}

static void probe_poll__nonces_differ(void **state)
{
	uint64_t times[64], nonces[65];
	struct probe p;
	uint32_t n;

	(void)state;
	probe_init(&p, 1, 7);
	n = run(&p, MS, 2000 * MS, times, nonces, 64);
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t k = 0; k < i; k++)
			assert_true(nonces[i] != nonces[k]);
	}
}

/* A round trip far above the interval: the echo of an old probe still counts. */
static void probe_on_echo__long_round_trip(void **state)
{
	uint64_t times[64], nonces[65];
	struct probe p;
	uint32_t n;

	(void)state;
	probe_init(&p, 3, 9);
	n = run(&p, MS, 600 * MS, times, nonces, 64);
	assert_true(n <= PROBE_OPEN);
	assert_true(probe_on_echo(&p, 3, nonces[0], times[0], 601 * MS));
	assert_int_equal(p.rtt_ns, 600 * MS);
	assert_true(probe_is_proved(&p));
}

static void probe_on_echo__refuses(void **state)
{
	uint64_t times[64], nonces[65];
	struct probe p;

	(void)state;
	probe_init(&p, 3, 9);
	run(&p, 10 * MS, 4000 * MS, times, nonces, PROBE_OPEN + 1);
	/* Other generation, nonce or time; too old; made up; from the future. */
	assert_false(probe_on_echo(&p, 2, nonces[5], times[5], 4000 * MS));
	assert_false(probe_on_echo(&p, 3, nonces[5] + 1, times[5], 4000 * MS));
	assert_false(probe_on_echo(&p, 3, nonces[5], times[6], 4000 * MS));
	assert_false(probe_on_echo(&p, 3, nonces[0], times[0], 4000 * MS));
	assert_false(probe_on_echo(&p, 3, 0, 0, 4000 * MS));
	assert_false(probe_on_echo(&p, 3, nonces[5], times[5], times[5] - 1));
	assert_false(probe_is_proved(&p));
	assert_true(probe_on_echo(&p, 3, nonces[5], times[5], 4000 * MS));
	/* Twice. */
	assert_false(probe_on_echo(&p, 3, nonces[5], times[5], 4000 * MS));
}

static void probe_set_generation__starts_over(void **state)
{
	struct probe p;
	uint64_t nonce, other;

	(void)state;
	probe_init(&p, 1, 7);
	assert_true(probe_poll(&p, 100 * MS, &nonce));
	probe_set_generation(&p, 2);
	assert_true(probe_poll(&p, 101 * MS, &other)); /* at once */
	assert_false(probe_on_echo(&p, 1, nonce, 100 * MS, 110 * MS));
	assert_false(probe_on_echo(&p, 2, nonce, 100 * MS, 110 * MS));
	assert_true(probe_on_echo(&p, 2, other, 101 * MS, 111 * MS));
	probe_set_generation(&p, 2); /* the same: nothing happens */
	assert_true(probe_is_proved(&p));
	probe_set_generation(&p, 3);
	assert_false(probe_is_proved(&p));
}

static void probe_is_answered__what_it_has_had(void **state)
{
	(void)state;
	assert_false(probe_is_answered(3, 5, 2));
	assert_true(probe_is_answered(3, 5, 3));
	assert_true(probe_is_answered(3, 5, 5));
	assert_false(probe_is_answered(3, 5, 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe_poll__backs_off),
		cmocka_unit_test(probe_poll__slow_once_proved),
		cmocka_unit_test(probe_poll__waits_for_the_round_trip),
		cmocka_unit_test(probe_poll__silence_voids_the_proof),
		cmocka_unit_test(probe_poll__nonces_differ),
		cmocka_unit_test(probe_on_echo__long_round_trip),
		cmocka_unit_test(probe_on_echo__refuses),
		cmocka_unit_test(probe_set_generation__starts_over),
		cmocka_unit_test(probe_is_answered__what_it_has_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
