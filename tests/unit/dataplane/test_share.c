#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/core/share.h"

#define RATE 1000000000ull

static uint64_t settle(uint32_t workers, uint32_t self, const uint64_t *per_interval)
{
	uint64_t offered[SHARE_WORKERS_MAX] = {0}, part = 0;
	struct share share;

	share_init(&share, workers, self);
	for (int turn = 0; turn < 64; turn++) {
		for (uint32_t i = 0; i < workers; i++)
			offered[i] += per_interval[i];
		part = share_update(&share, offered, RATE);
	}
	return part;
}

static void share__one_worker_has_all(void **state)
{
	(void)state;
	assert_int_equal(settle(1, 0, (uint64_t[]){5000}), RATE);
	assert_int_equal(settle(1, 0, (uint64_t[]){0}), RATE);
}

static void share__idle_is_even(void **state)
{
	(void)state;
	for (uint32_t self = 0; self < 4; self++)
		assert_in_range(settle(4, self, (uint64_t[]){0, 0, 0, 0}), RATE / 4 - 4, RATE / 4);
}

static void share__follows_demand_and_adds_up(void **state)
{
	static const uint64_t cases[][4] = {
		{1000, 0, 0, 0}, {1000, 1000, 0, 0}, {1, 2, 3, 4}, {1ull << 40, 1, 1, 1}};

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		uint64_t sum = 0;

		for (uint32_t self = 0; self < 4; self++)
			sum += settle(4, self, cases[c]);
		assert_in_range(sum, RATE - 8, RATE);
	}
	assert_in_range(settle(4, 0, cases[0]), RATE * 97 / 100, RATE);
	assert_in_range(settle(4, 3, cases[0]), RATE / 128 - 1, RATE / 128);
	assert_in_range(settle(4, 0, cases[1]), RATE * 49 / 100, RATE * 51 / 100);
}

static void share__moves_within_intervals(void **state)
{
	uint64_t offered[2] = {0};
	struct share share;

	(void)state;
	share_init(&share, 2, 1);
	for (int i = 0; i < 50; i++) {
		offered[0] += 100000;
		share_update(&share, offered, RATE);
	}
	for (int i = 0; i < 8; i++) {
		offered[1] += 100000;
		share_update(&share, offered, RATE);
	}
	assert_true(share_update(&share, offered, RATE) > RATE * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(share__one_worker_has_all),
		cmocka_unit_test(share__idle_is_even),
		cmocka_unit_test(share__follows_demand_and_adds_up),
		cmocka_unit_test(share__moves_within_intervals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
