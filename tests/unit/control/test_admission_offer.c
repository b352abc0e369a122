#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/control/admission_world.h"

/* Each offer is worth what it says. */
static void take_all(struct world *w, const struct admission_verdict *verdict)
{
	for (uint32_t i = 0; i < verdict->offer_count; i++) {
		struct admission_request taken = w->request;
		struct admission_verdict again;

		taken.ask = verdict->offers[i].ask;
		assert_int_equal(
			admission_decide(&taken, w->options, COUNT(w->options), w->scratch, &again),
			ADMISSION_OK);
	}
}

static const struct admission_offer *offer_of(const struct admission_verdict *verdict,
					      enum admission_offer_kind kind)
{
	for (uint32_t i = 0; i < verdict->offer_count; i++) {
		if (verdict->offers[i].kind == kind)
			return &verdict->offers[i];
	}
	return NULL;
}

static void offers__each_as_good_as_can_be(void **state)
{
	const struct admission_offer *offer;
	struct admission_verdict verdict;
	struct world w;

	(void)state;
	world_make(&w);
	w.request.ask.rate_bps[0] = 6 * GB;
	world_book(&w, &w.rates[0][0], 0,
		   &(struct booking){NOW + 50 * SECOND, NOW + 60 * SECOND + 1, 9 * GB});
	world_book(&w, &w.rates[1][0], 1, &(struct booking){0, NOW + 70 * SECOND, 5 * GB});
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_NO_BANDWIDTH);
	assert_int_equal(verdict.offer_count, 3);
	/* 5 Gb/s of line rate hold 5 x 1500/1626, in whole Mb/s. */
	offer = offer_of(&verdict, ADMISSION_OFFER_RATE);
	assert_int_equal(offer->option, 1);
	assert_int_equal(offer->ask.rate_bps[0], 4612 * MB);
	assert_int_equal(offer->ask.rate_bps[1], 1 * GB);
	assert_int_equal(offer->ask.start_ns, NOW);
	offer = offer_of(&verdict, ADMISSION_OFFER_START);
	assert_int_equal(offer->option, 0);
	assert_int_equal(offer->ask.start_ns, NOW + 61 * SECOND);
	assert_int_equal(offer->ask.end_ns, NOW + 161 * SECOND);
	assert_int_equal(offer->ask.rate_bps[0], 6 * GB);
	offer = offer_of(&verdict, ADMISSION_OFFER_WINDOW);
	assert_int_equal(offer->option, 0);
	assert_int_equal(offer->ask.start_ns, NOW);
	assert_int_equal(offer->ask.end_ns, NOW + 50 * SECOND);
	take_all(&w, &verdict);
	/* Not so late. */
	w.request.ask.latest_ns = NOW + 60 * SECOND;
	world_decide(&w, &verdict);
	assert_null(offer_of(&verdict, ADMISSION_OFFER_START));
}

/* Offered times are whole seconds, and yet within what may be offered. */
static void offers__whole_seconds_within_bounds(void **state)
{
	const struct admission_offer *offer;
	struct admission_verdict verdict;
	struct world w;

	(void)state;
	world_make(&w);
	w.options[1].route.is_open = false;
	w.request.ask.start_ns = NOW + 1;
	world_book(&w, &w.rates[0][0], 0,
		   &(struct booking){NOW + 2 * SECOND - 1, NOW + 60 * SECOND + 5, 9 * GB});
	w.request.ask.latest_ns = NOW + 61 * SECOND + 1;
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_NO_BANDWIDTH);
	offer = offer_of(&verdict, ADMISSION_OFFER_START);
	assert_int_equal(offer->ask.start_ns, NOW + 61 * SECOND);
	assert_int_equal(offer->ask.end_ns, NOW + 161 * SECOND);
	/* Whole seconds make less than one of it. */
	assert_null(offer_of(&verdict, ADMISSION_OFFER_WINDOW));
	take_all(&w, &verdict);
	w.request.ask.latest_ns--;
	world_decide(&w, &verdict);
	assert_null(offer_of(&verdict, ADMISSION_OFFER_START));
}

static void offers__none_where_nothing_is_left(void **state)
{
	struct admission_verdict verdict;
	struct world w;

	(void)state;
	world_make(&w);
	w.request.ask.rate_bps[0] = 11 * GB;
	w.request.ask.end_ns = FOREVER;
	w.rates[0][1].limit = w.rates[1][1].limit = 1 * MB;
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_NO_BANDWIDTH);
	assert_int_equal(verdict.offer_count, 0);
}

/* Buffers: first what is only asked as a maximum goes, then the guarantee. */
static void offers__less_where_buffers_bind(void **state)
{
	const struct admission_offer *offer;
	struct admission_verdict verdict;
	struct admission_claim claim;
	struct world w;

	(void)state;
	world_make(&w);
	w.options[1].route.is_open = false;
	w.request.ask.rate_bps[0] = 4 * GB;
	w.request.ask.max_bps[0] = w.request.ask.max_bps[1] = 10 * GB;
	admission_claim_make(&w.request.ask, &w.options[0].medium, &claim);
	w.near[0].limit = claim.amounts[ADMISSION_BUFFER_A] - 1;
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_NO_BUFFERS);
	offer = offer_of(&verdict, ADMISSION_OFFER_RATE);
	assert_non_null(offer);
	assert_int_equal(offer->ask.rate_bps[0], 4 * GB);
	assert_in_range(offer->ask.max_bps[0], 9900 * MB, 9999 * MB);
	take_all(&w, &verdict);
	w.near[0].limit = claim.amounts[ADMISSION_BUFFER_A] / 8;
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_NO_BUFFERS);
	offer = offer_of(&verdict, ADMISSION_OFFER_RATE);
	assert_non_null(offer);
	assert_true(offer->ask.rate_bps[0] < 4 * GB && offer->ask.rate_bps[0] > 1 * GB);
	assert_true(offer->ask.max_bps[0] == offer->ask.rate_bps[0]);
	assert_int_equal(offer->ask.rate_bps[1],
			 offer->ask.rate_bps[0] / 4 - offer->ask.rate_bps[0] / 4 % MB);
	take_all(&w, &verdict);
	w.near[0].limit = (2 << 20) - 1;
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_NO_BUFFERS);
	assert_int_equal(verdict.offer_count, 0);
}

/* The tenant's own bookings count on every option. */
static void quota__binds_last_and_has_offers(void **state)
{
	const struct admission_offer *offer;
	struct admission_verdict verdict;
	struct world w;

	(void)state;
	world_make(&w);
	w.request.ask.rate_bps[1] = 400 * MB;
	w.quota_rate.limit = 5 * GB;
	for (int i = 0; i < 2; i++)
		w.options[i].calendars[ADMISSION_TENANT_RATE] = &w.quota_rate;
	world_book(&w, &w.quota_rate, 0,
		   &(struct booking){NOW + 10 * SECOND, NOW + 20 * SECOND, 4500 * MB});
	assert_int_equal(world_decide(&w, &verdict), ADMISSION_QUOTA);
	assert_int_equal(verdict.resource, ADMISSION_TENANT_RATE);
	offer = offer_of(&verdict, ADMISSION_OFFER_RATE);
	assert_int_equal(offer->ask.rate_bps[0], 500 * MB);
	assert_int_equal(offer->ask.rate_bps[1], 400 * MB);
	offer = offer_of(&verdict, ADMISSION_OFFER_START);
	assert_int_equal(offer->ask.start_ns, NOW + 20 * SECOND);
	offer = offer_of(&verdict, ADMISSION_OFFER_WINDOW);
	assert_int_equal(offer->ask.end_ns, NOW + 10 * SECOND);
	take_all(&w, &verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers__each_as_good_as_can_be),
		cmocka_unit_test(offers__whole_seconds_within_bounds),
		cmocka_unit_test(offers__none_where_nothing_is_left),
		cmocka_unit_test(offers__less_where_buffers_bind),
		cmocka_unit_test(quota__binds_last_and_has_offers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
