#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "control/core/calendar.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FOREVER	     CALENDAR_FOREVER

static struct calendar_event scratch[128];

/* 5 from 10 to 20, 3 more from 15 to 30, 2 from 30 on. */
static const struct booking stairs[] = {{15, 30, 3}, {10, 20, 5}, {30, FOREVER, 2}};
static const struct calendar stairs_of_10 = {10, COUNT(stairs), stairs};

static void peak__table(void **state)
{
	static const struct {
		uint64_t start_ns, end_ns, peak, at_ns;
	} table[] = {
		{0, 10, 0, 0},	      {0, 11, 5, 10},  {0, FOREVER, 8, 15}, {10, 15, 5, 10},
		{19, 20, 8, 19},      {20, 31, 3, 20}, {25, 30, 3, 25},	    {30, 31, 2, 30},
		{40, FOREVER, 2, 40}, {12, 12, 0, 12}, {13, 12, 0, 13},
	};
	uint64_t at_ns;

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_int_equal(calendar_peak(&stairs_of_10, table[i].start_ns, table[i].end_ns,
					       &at_ns, scratch),
				 table[i].peak);
		assert_int_equal(at_ns, table[i].at_ns);
	}
	assert_int_equal(calendar_peak(&stairs_of_10, 0, 50, NULL, scratch), 8);
}

static void peak__one_ends_as_another_starts(void **state)
{
	static const struct booking relay[] = {{10, 20, 9}, {20, 30, 9}, {5, 10, 9}};
	struct calendar calendar = {10, COUNT(relay), relay};

	(void)state;
	assert_int_equal(calendar_peak(&calendar, 0, FOREVER, NULL, scratch), 9);
}

static void peak__more_than_64_bits(void **state)
{
	static const struct booking huge[] = {{0, FOREVER, UINT64_MAX}, {5, 9, UINT64_MAX}};
	struct calendar calendar = {UINT64_MAX, COUNT(huge), huge};

	(void)state;
	assert_true(calendar_peak(&calendar, 0, FOREVER, NULL, scratch) == UINT64_MAX);
	assert_false(calendar_fits(&calendar, 1, 9, FOREVER, scratch));
	assert_true(calendar_fits(&calendar, 0, 0, FOREVER, scratch));
}

static void peak__ignores_bookings_without_time(void **state)
{
	static const struct booking empty[] = {{10, 10, 7}, {12, 11, 7}};
	struct calendar calendar = {10, COUNT(empty), empty};

	(void)state;
	assert_int_equal(calendar_peak(&calendar, 0, FOREVER, NULL, scratch), 0);
}

static void fits__table(void **state)
{
	static const struct {
		uint64_t amount, start_ns, end_ns;
		bool is_fit;
	} table[] = {
		{10, 0, 10, true},	{10, 0, 11, false},	 {5, 0, 15, true},
		{5, 0, 16, false},	{2, 0, FOREVER, true},	 {3, 0, FOREVER, false},
		{8, 30, FOREVER, true}, {9, 30, FOREVER, false}, {11, 0, 5, false},
		{10, 12, 12, true},	{0, 0, FOREVER, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		assert_int_equal(calendar_fits(&stairs_of_10, table[i].amount, table[i].start_ns,
					       table[i].end_ns, scratch),
				 table[i].is_fit);
}

static void earliest__table(void **state)
{
	static const struct {
		uint64_t amount, duration_ns, not_before_ns, step_ns, start_ns;
	} table[] = {
		{10, 10, 0, 1, 0},
		{10, 11, 0, 1, FOREVER},
		{10, 10, 1, 1, FOREVER},
		{6, 5, 0, 1, 0},
		{6, 11, 0, 1, 20},
		{6, 1, 10, 1, 20},
		{5, 5, 10, 1, 10},
		{5, 6, 10, 1, 20},
		{7, 100, 3, 1, 20},
		{8, FOREVER, 0, 1, 30},
		{9, FOREVER, 0, 1, FOREVER},
		{2, FOREVER, 0, 1, 0},
		/* Starts that look nice. */
		{6, 1, 10, 7, 21},
		{8, FOREVER, 0, 7, 35},
		{10, 3, 0, 7, 0},
		{10, 3, 1, 7, 7},
		{10, 4, 1, 7, FOREVER},
		{0, FOREVER, 3, 1, 3},
		{2, 5, FOREVER - 3, 10, FOREVER},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct calendar_want want = {&stairs_of_10, table[i].amount};

		assert_true(calendar_earliest(&want, 1, table[i].duration_ns,
					      table[i].not_before_ns, table[i].step_ns,
					      scratch) == table[i].start_ns);
	}
}

/* A gap in one is of no use while the other is taken. */
static void earliest__of_several_together(void **state)
{
	static const struct booking even[] = {{0, 10, 1}, {20, 30, 1}, {40, 50, 1}};
	static const struct booking odd[] = {{10, 18, 1}, {30, 40, 1}};
	struct calendar calendars[] = {{1, COUNT(even), even}, {1, COUNT(odd), odd}};
	struct calendar_want wants[] = {{&calendars[0], 1}, {&calendars[1], 1}};

	(void)state;
	assert_int_equal(calendar_earliest(wants, 2, 2, 0, 1, scratch), 18);
	assert_int_equal(calendar_earliest(wants, 2, 3, 0, 1, scratch), 50);
	assert_int_equal(calendar_earliest(wants, 1, 3, 0, 1, scratch), 10);
	assert_true(calendar_earliest(wants, 0, FOREVER, 4, 1, scratch) == 4);
}

static void longest__table(void **state)
{
	static const struct {
		uint64_t amount, start_ns, end_ns;
	} table[] = {
		{10, 0, 10},	  {5, 0, 15},	    {6, 12, 12}, {2, 0, FOREVER},
		{7, 20, FOREVER}, {8, 30, FOREVER}, {11, 0, 0},	 {6, 3, 10},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct calendar_want want = {&stairs_of_10, table[i].amount};

		assert_true(calendar_longest(&want, 1, table[i].start_ns, FOREVER, scratch) ==
			    table[i].end_ns);
	}
}

static void longest__no_longer_than_asked(void **state)
{
	struct calendar_want want = {&stairs_of_10, 5};

	(void)state;
	assert_int_equal(calendar_longest(&want, 1, 0, 14, scratch), 14);
	assert_int_equal(calendar_longest(&want, 1, 0, 15, scratch), 15);
	assert_int_equal(calendar_longest(&want, 1, 0, 16, scratch), 15);
}

static void group__by_calendar_in_order(void **state)
{
	static const struct calendar_entry entries[] = {
		{2, {1, 2, 3}},
		{0, {4, 5, 6}},
		{2, {7, 8, 9}},
		{0, {1, 9, 5}},
	};
	struct calendar calendars[3] = {{.limit = 77}, {.count = 9}};
	struct booking bookings[COUNT(entries)];

	(void)state;
	calendar_group(entries, COUNT(entries), bookings, calendars, 3);
	assert_int_equal(calendars[0].limit, 77);
	assert_int_equal(calendars[0].count, 2);
	assert_int_equal(calendars[1].count, 0);
	assert_int_equal(calendars[2].count, 2);
	assert_int_equal(calendars[0].bookings[0].amount, 6);
	assert_int_equal(calendars[0].bookings[1].amount, 5);
	assert_int_equal(calendars[2].bookings[0].start_ns, 1);
	assert_int_equal(calendars[2].bookings[1].start_ns, 7);
}

/* Every calendar of up to three bookings in a day of five hours, against counting hour by hour. */
#define DAY 5u

static struct booking booking_of(uint32_t number)
{
	return (struct booking){number % DAY, number / DAY % DAY + 1, number / DAY / DAY % 3 + 1};
}

static uint64_t peak_by_hour(const struct calendar *calendar, uint64_t start_ns, uint64_t end_ns)
{
	uint64_t peak = 0;

	for (uint64_t hour = start_ns; hour < end_ns; hour++) {
		uint64_t sum = 0;

		for (uint32_t i = 0; i < calendar->count; i++) {
			if (calendar->bookings[i].start_ns <= hour &&
			    hour < calendar->bookings[i].end_ns)
				sum += calendar->bookings[i].amount;
		}
		peak = sum > peak ? sum : peak;
	}
	return peak;
}

static void check_day(const struct calendar *calendar)
{
	struct calendar_want want = {calendar, 2};

	for (uint64_t start_ns = 0; start_ns <= DAY; start_ns++) {
		uint64_t longest_ns = start_ns, earliest_ns = start_ns;

		for (uint64_t end_ns = start_ns; end_ns <= DAY + 1; end_ns++) {
			uint64_t peak = peak_by_hour(calendar, start_ns, end_ns);

			assert_int_equal(calendar_peak(calendar, start_ns, end_ns, NULL, scratch),
					 peak);
			if (peak + 2 <= calendar->limit)
				longest_ns = end_ns;
		}
		while (peak_by_hour(calendar, earliest_ns, earliest_ns + 2) + 2 > calendar->limit)
			earliest_ns++;
		if (longest_ns == DAY + 1)
			longest_ns = FOREVER;
		assert_true(calendar_longest(&want, 1, start_ns, FOREVER, scratch) == longest_ns);
		assert_true(calendar_earliest(&want, 1, 2, start_ns, 1, scratch) == earliest_ns);
	}
}

static void all__as_counted_hour_by_hour(void **state)
{
	(void)state;
	for (uint32_t number = 0; number < 75 * 75 * 75; number += 7) {
		struct booking bookings[] = {
			booking_of(number),
			booking_of(number / 75),
			booking_of(number / 75 / 75),
		};
		struct calendar calendar = {4, COUNT(bookings), bookings};

		check_day(&calendar);
	}
}

/* One unit each: the peak is how many overlap, whatever order they come in. */
#define LONG 3000u

static struct booking many[LONG];
static struct calendar_event many_events[2 * LONG];

static uint64_t scattered(uint32_t i)
{
	return i * 2654435761ull % 100003;
}

static uint64_t alike(uint32_t i)
{
	return i % 3;
}

static uint64_t falling(uint32_t i)
{
	return LONG - i;
}

/* Makes the median of three a bad pivot again and again. */
static uint64_t organ_pipe(uint32_t i)
{
	return i < LONG / 2 ? i : LONG - i;
}

static uint64_t overlap_of(uint64_t start_ns)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < LONG; i++)
		sum += many[i].start_ns <= start_ns && start_ns < many[i].end_ns;
	return sum;
}

static void peak__of_long_calendars(void **state)
{
	static uint64_t (*const orders[])(uint32_t) = {scattered, alike, falling, organ_pipe};
	struct calendar calendar = {LONG, LONG, many};

	(void)state;
	for (size_t order = 0; order < COUNT(orders); order++) {
		uint64_t peak = 0;

		for (uint32_t i = 0; i < LONG; i++) {
			uint64_t start_ns = orders[order](i);

			many[i] = (struct booking){start_ns, start_ns + 500 + i % 7, 1};
		}
		for (uint32_t i = 0; i < LONG; i++) {
			uint64_t overlap = overlap_of(many[i].start_ns);

			peak = overlap > peak ? overlap : peak;
		}
		assert_int_equal(calendar_peak(&calendar, 0, FOREVER, NULL, many_events), peak);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peak__table),
		cmocka_unit_test(peak__one_ends_as_another_starts),
		cmocka_unit_test(peak__more_than_64_bits),
		cmocka_unit_test(peak__ignores_bookings_without_time),
		cmocka_unit_test(fits__table),
		cmocka_unit_test(earliest__table),
		cmocka_unit_test(earliest__of_several_together),
		cmocka_unit_test(longest__table),
		cmocka_unit_test(longest__no_longer_than_asked),
		cmocka_unit_test(group__by_calendar_in_order),
		cmocka_unit_test(peak__of_long_calendars),
		cmocka_unit_test(all__as_counted_hour_by_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
