#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/core/link_delay.h"
#include "dataplane/core/shaper.h"

#define US	1000ull
#define MS	1000000ull
#define S	1000000000ull
#define NOMINAL 10000000000ull

static uint64_t random_next(uint64_t *random)
{
	*random = *random * 6364136223846793005ull + 1442695040888963407ull;
	return *random >> 33;
}

/* The receiver's clock, which begins somewhere and drifts. */
static uint64_t far_clock(uint64_t now, int64_t drift_ppm)
{
	int64_t drift = (int64_t)(now / 1000) * drift_ppm / 1000;

	return now + (uint64_t)drift + 777777777777777ull;
}

/* ---- struct owd ---- */

static void owd_on_packet__queue_above_the_floor(void **state)
{
	struct owd o;

	(void)state;
	owd_init(&o);
	assert_int_equal(owd_take(&o), 0);
	/* The sender's 32 bits wrap on the way. */
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t send_us = UINT32_MAX - 5000000 + i * 1000;
		uint32_t queue_us = i % 100 == 50 ? 1500 : 0;
		uint64_t now = S + (5000 + queue_us + i * 1000ull) * US;
		uint32_t excess = owd_on_packet(&o, send_us, now);

		assert_in_range(excess, queue_us > 300 ? queue_us - 300 : 0, queue_us);
	}
}

static void owd_take__is_the_least(void **state)
{
	struct owd o;

	(void)state;
	owd_init(&o);
	owd_on_packet(&o, 0, S);
	assert_int_equal(owd_take(&o), 0);
	owd_on_packet(&o, 1000, S + 1900 * US);
	owd_on_packet(&o, 1100, S + 1600 * US);
	owd_on_packet(&o, 1200, S + 2300 * US);
	assert_in_range(owd_take(&o), 499, 500); /* less what may be drift */
	assert_int_equal(owd_take(&o), 0);
}

static void owd_on_packet__drift_is_no_queue(void **state)
{
	static const int64_t drifts[] = {0, 100, -100, 37, -3};

	(void)state;
	for (uint32_t i = 0; i < sizeof(drifts) / sizeof(drifts[0]); i++) {
		const uint64_t jitter_us = 50;
		uint64_t random = i, now = S;
		struct owd o;

		owd_init(&o);
		for (; now < 300 * S; now += 1 * MS) {
			bool is_queued = now > 20 * S && now / S % 5 == 0;
			uint64_t on_way = 20 * MS + random_next(&random) % (jitter_us * US);
			uint32_t excess;

			on_way += is_queued ? 1 * MS : 0;
			excess = owd_on_packet(&o, (uint32_t)(now / US),
					       far_clock(now + on_way, drifts[i]));
			if (is_queued)
				assert_in_range(excess, 1000 - 60, 1000 + jitter_us + 60);
			else
				assert_true(excess <= jitter_us + (now < 20 * S ? 100 : 60));
		}
	}
}

/* A longer way is a queue for two seconds, then it is how things are. */
static void owd_on_packet__floor_slides(void **state)
{
	struct owd o;
	uint32_t excess = 0;

	(void)state;
	owd_init(&o);
	for (uint64_t now = S; now < 60 * S; now += 1 * MS) {
		uint64_t on_way = now < 30 * S ? 20 * MS : 23 * MS;

		excess = owd_on_packet(&o, (uint32_t)(now / US), now + on_way);
		if (now >= 30 * S && now < 31 * S)
			assert_in_range(excess, 2900, 3100);
		if (now < 30 * S || now > 33 * S)
			assert_true(excess < 300);
	}
	/* A shorter one is the floor at once. */
	assert_int_equal(owd_on_packet(&o, 60000000, 60 * S + 10 * MS), 0);
	assert_in_range(owd_on_packet(&o, 60001000, 60 * S + 13 * MS), 1990, 2000);
}

static void owd_on_packet__another_clock_or_silence(void **state)
{
	struct owd o;

	(void)state;
	owd_init(&o);
	for (uint32_t i = 0; i < 10000; i++)
		owd_on_packet(&o, i * 1000, S + i * MS);
	assert_int_equal(owd_on_packet(&o, 3000000000u, 12 * S), 0);
	assert_in_range(owd_on_packet(&o, 3000001000u, 12 * S + 3 * MS), 1999, 2000);
	/* An hour of silence, in which the clocks moved 0.3 s apart: nothing to compare with. */
	assert_int_equal(owd_on_packet(&o, 3000001000u + 3600000000u, 3612 * S + 300 * MS), 0);
	assert_in_range(owd_on_packet(&o, 3000002000u + 3600000000u, 3612 * S + 302 * MS), 999,
			1001);
}

/* A peer that has the key may claim any time; UBSan sees what does not fit. */
static void owd_on_packet__lies_fit(void **state)
{
	static const int32_t steps[] = {999999, -999999, 20000};

	(void)state;
	for (uint32_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct owd o;
		uint32_t send_us = 0, excess;
		uint64_t now = S;

		owd_init(&o);
		for (; now < 40 * S; now += 100 * US, send_us += 100 - (uint32_t)steps[i])
			owd_on_packet(&o, send_us, now);
		/* The truth again: known within the window. */
		for (; now < 45 * S; now += 1 * MS)
			excess = owd_on_packet(&o, (uint32_t)(now / US), now + 5 * MS);
		assert_true(excess <= 300);
	}
}

/* ---- struct link_rate ---- */

static void feed(struct link_rate *l, uint32_t excess_us, uint64_t grown_ns, uint64_t from,
		 uint64_t to)
{
	for (; from < to; from += 1 * MS)
		link_rate_on_feedback(l, excess_us, 20 * MS + grown_ns, 20 * MS, 0, from);
}

static void link_rate_on_feedback__needs_both_and_lasting(void **state)
{
	struct link_rate l;

	(void)state;
	link_rate_init(&l, NOMINAL, 0, S);
	feed(&l, 0, 0, S, 2 * S);
	feed(&l, 999, 1 * MS, 2 * S, 9 * S);	  /* below a 20th of 20 ms */
	feed(&l, 5000, 2499 * US, 9 * S, 15 * S); /* the round trip does not agree */
	feed(&l, 0, 5 * MS, 15 * S, 20 * S);	  /* the way back only */
	feed(&l, 5000, 5 * MS, 20 * S, 20 * S + 20 * MS);
	feed(&l, 0, 0, 20 * S + 20 * MS, 20 * S + 21 * MS);
	feed(&l, 5000, 5 * MS, 20 * S + 21 * MS, 20 * S + 41 * MS);
	assert_true(link_rate_bps(&l) == NOMINAL && !l.lowered && !l.lowered_count);
	feed(&l, 5000, 2500 * US, 30 * S, 30 * S + 22 * MS);
	assert_true(link_rate_bps(&l) == NOMINAL / 10 * 9 && l.lowered);
	assert_int_equal(l.lowered_count, 1);
}

/* A stall of this machine: long, but two feedbacks are no series. */
static void link_rate_on_feedback__needs_several(void **state)
{
	struct link_rate l;

	(void)state;
	link_rate_init(&l, NOMINAL, 0, S);
	for (uint32_t i = 0; i < 3; i++)
		link_rate_on_feedback(&l, 9000, 29 * MS, 20 * MS, 0, 2 * S + i * 100 * MS);
	assert_false(l.lowered);
	link_rate_on_feedback(&l, 9000, 29 * MS, 20 * MS, 0, 2 * S + 300 * MS);
	assert_true(l.lowered);
}

static void link_rate_on_feedback__once_per_two_rtt_to_the_floor(void **state)
{
	uint64_t now = S, last = 0, rate = NOMINAL;
	struct link_rate l;

	(void)state;
	link_rate_init(&l, NOMINAL, 0, now);
	for (; now < 9 * S; now += 1 * MS) {
		/* Grows all the time, so it never looks drained. */
		uint32_t excess = 5000 + (uint32_t)((now - S) / (100 * US));

		if (!link_rate_on_feedback(&l, excess, 60 * MS, 20 * MS, 0, now))
			excess = 0;
		assert_true(excess == 0 || !last || now - last >= 120 * MS);
		assert_true(link_rate_bps(&l) <= rate && link_rate_bps(&l) >= NOMINAL / 10);
		last = excess ? now : last;
		rate = link_rate_bps(&l);
		if (now > 1500 * MS && rate > NOMINAL / 10)
			assert_true(now - last <= 125 * MS);
		if (excess > 40000)
			break;
	}
	link_rate_init(&l, 2 * SHAPER_RATE_MIN_BPS, 0, S);
	for (uint32_t i = 0; i < 40; i++)
		feed(&l, 9000 + i * 100, 9 * MS, S + i * S, S + i * S + 900 * MS);
	assert_true(link_rate_bps(&l) == SHAPER_RATE_MIN_BPS);
}

static void link_rate_on_feedback__takes_delivered(void **state)
{
	struct link_rate l;

	(void)state;
	link_rate_init(&l, NOMINAL, 0, S);
	for (uint64_t now = S; now < S + 30 * MS; now += 1 * MS)
		link_rate_on_feedback(&l, 5000, 25 * MS, 20 * MS, NOMINAL / 2, now);
	assert_true(link_rate_bps(&l) == NOMINAL / 20 * 9);
	/* It drains: left alone, though there is excess for many round trips. */
	for (uint32_t i = 0; i < 300; i++)
		link_rate_on_feedback(&l, 5000 - i * 10, 25 * MS, 20 * MS, NOMINAL / 2,
				      S + (30 + i) * MS);
	assert_true(link_rate_bps(&l) == NOMINAL / 20 * 9);
}

static void link_rate_on_feedback__raises_when_calm(void **state)
{
	struct link_rate l;
	uint64_t end;

	(void)state;
	link_rate_init(&l, NOMINAL, 0, S);
	feed(&l, 5000, 5 * MS, S, S + 22 * MS);
	assert_true(link_rate_bps(&l) == NOMINAL / 10 * 9);
	end = S + 21 * MS + LINK_CALM_NS;
	feed(&l, 0, 0, S + 22 * MS, end);
	assert_true(link_rate_bps(&l) == NOMINAL / 10 * 9);
	feed(&l, 0, 0, end, end + 1 * MS);
	assert_true(link_rate_bps(&l) == NOMINAL / 100 * 92);
	feed(&l, 0, 0, end + 1 * MS, end + 399 * MS);
	assert_true(l.lowered);
	feed(&l, 0, 0, end + 399 * MS, end + 405 * MS);
	assert_true(link_rate_bps(&l) == NOMINAL && !l.lowered);
	assert_int_equal(l.lowered_count, 1);
}

static void feed_slow(struct link_rate *l, uint32_t queue_us, uint64_t from, uint64_t to)
{
	for (; from < to; from += 20 * MS)
		link_rate_on_feedback(l, queue_us, 300 * US + queue_us * US, 300 * US, 0, from);
}

/* Found by the simulator: on 10 Mb/s each ACK sees the pacer's burst. */
static void link_rate_on_feedback__own_burst_is_no_queue(void **state)
{
	const uint64_t nominal = 10000000;
	const uint32_t slack_bytes = 20000 + 2 * 1500, slack_us = 18400;
	struct link_rate l;

	(void)state;
	link_rate_init(&l, nominal, 0, S);
	feed_slow(&l, 16000, S, 2 * S);
	assert_true(l.lowered);
	link_rate_init(&l, nominal, slack_bytes, S);
	feed_slow(&l, 16000, S, 5 * S);
	feed_slow(&l, slack_us + LINK_EXCESS_MIN_US - 1, 5 * S, 10 * S);
	assert_false(l.lowered);
	feed_slow(&l, slack_us + LINK_EXCESS_MIN_US, 10 * S, 11 * S);
	assert_true(l.lowered);
}

/* Half the time at twice the rate. */
static void link_rate_set_nominal__slack_too(void **state)
{
	struct link_rate l;

	(void)state;
	link_rate_init(&l, 10000000, 23000, S);
	link_rate_set_nominal(&l, 20000000);
	feed_slow(&l, 9200 + LINK_EXCESS_MIN_US - 1, S, 5 * S);
	assert_false(l.lowered);
	feed_slow(&l, 9200 + LINK_EXCESS_MIN_US, 5 * S, 6 * S);
	assert_true(l.lowered);
}

static void link_rate_set_nominal__both_ways(void **state)
{
	struct link_rate l;

	(void)state;
	link_rate_init(&l, NOMINAL, 0, S);
	link_rate_set_nominal(&l, 2 * NOMINAL);
	assert_true(link_rate_bps(&l) == 2 * NOMINAL && !l.lowered);
	feed(&l, 5000, 5 * MS, S, S + 22 * MS);
	assert_true(link_rate_bps(&l) == NOMINAL / 10 * 18);
	link_rate_set_nominal(&l, 3 * NOMINAL);
	assert_true(link_rate_bps(&l) == NOMINAL / 10 * 18 && l.lowered);
	link_rate_set_nominal(&l, NOMINAL);
	assert_true(link_rate_bps(&l) == NOMINAL && !l.lowered);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owd_on_packet__queue_above_the_floor),
		cmocka_unit_test(owd_take__is_the_least),
		cmocka_unit_test(owd_on_packet__drift_is_no_queue),
		cmocka_unit_test(owd_on_packet__floor_slides),
		cmocka_unit_test(owd_on_packet__another_clock_or_silence),
		cmocka_unit_test(owd_on_packet__lies_fit),
		cmocka_unit_test(link_rate_on_feedback__needs_both_and_lasting),
		cmocka_unit_test(link_rate_on_feedback__needs_several),
		cmocka_unit_test(link_rate_on_feedback__once_per_two_rtt_to_the_floor),
		cmocka_unit_test(link_rate_on_feedback__takes_delivered),
		cmocka_unit_test(link_rate_on_feedback__raises_when_calm),
		cmocka_unit_test(link_rate_on_feedback__own_burst_is_no_queue),
		cmocka_unit_test(link_rate_set_nominal__both_ways),
		cmocka_unit_test(link_rate_set_nominal__slack_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
