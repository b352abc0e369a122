#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/core/usage.h"

static struct usage_reading reading_of(uint64_t epoch, uint64_t out_bytes, uint64_t in_bytes)
{
	struct usage_reading reading = {.epoch = epoch};

	reading.out.value[USAGE_bytes] = out_bytes;
	reading.in.value[USAGE_delivered_bytes] = in_bytes;
	return reading;
}

static bool count(struct usage_meter *meter, struct usage_record *record, uint64_t epoch,
		  uint64_t out_bytes, uint64_t in_bytes)
{
	struct usage_reading reading = reading_of(epoch, out_bytes, in_bytes);

	return usage_meter_read(meter, &reading, 0, record);
}

static uint64_t bytes_of(const struct usage_record *record)
{
	return record->counts[0].value[USAGE_bytes];
}

static void meter__growth_by_direction(void **state)
{
	struct usage_reading reading = reading_of(1, 100, 7);
	struct usage_record record = {0};
	struct usage_meter a = {0}, z = {0};

	(void)state;
	assert_true(usage_meter_read(&a, &reading, 0, &record));
	reading = reading_of(1, 30, 90);
	assert_true(usage_meter_read(&z, &reading, 1, &record));
	assert_int_equal(record.counts[0].value[USAGE_bytes], 100);
	assert_int_equal(record.counts[0].value[USAGE_delivered_bytes], 90);
	assert_int_equal(record.counts[1].value[USAGE_bytes], 30);
	assert_int_equal(record.counts[1].value[USAGE_delivered_bytes], 7);
}

static void meter__repeated_and_late(void **state)
{
	struct usage_record record = {0};
	struct usage_meter meter = {0};

	(void)state;
	assert_true(count(&meter, &record, 1, 100, 0));
	assert_false(count(&meter, &record, 1, 100, 0));
	assert_true(count(&meter, &record, 1, 250, 0));
	assert_false(count(&meter, &record, 1, 180, 0));
	/* What a report does not tell is no new beginning. */
	assert_false(count(&meter, &record, 1, 0, 0));
	assert_true(count(&meter, &record, 1, 260, 0));
	assert_int_equal(bytes_of(&record), 260);
}

static void meter__new_epoch_begins_at_0(void **state)
{
	struct usage_record record = {0};
	struct usage_meter meter = {0};

	(void)state;
	count(&meter, &record, 1, 1000, 0);
	count(&meter, &record, 2, 1500, 0);
	assert_int_equal(bytes_of(&record), 2500);
	/* Of the former life, late: only what was not heard of yet. */
	assert_true(count(&meter, &record, 1, 1100, 0));
	assert_false(count(&meter, &record, 1, 900, 0));
	assert_true(count(&meter, &record, 2, 1600, 0));
	assert_int_equal(bytes_of(&record), 2700);
}

static void meter__sum_saturates(void **state)
{
	struct usage_record record = {0};
	struct usage_meter meter = {0};

	(void)state;
	count(&meter, &record, 1, USAGE_VALUE_MAX - 5, 0);
	count(&meter, &record, 2, 100, 0);
	assert_true(bytes_of(&record) == USAGE_VALUE_MAX);
}

static void record__add(void **state)
{
	struct usage_record record = {.guaranteed_bps = {10, 20}};
	struct usage_record part = {.guaranteed_bps = {15, 5}};

	(void)state;
	record.counts[1].value[USAGE_DROPS + DROP_TTL] = 3;
	part.counts[1].value[USAGE_DROPS + DROP_TTL] = 4;
	part.counts[1].value[USAGE_DROPS + USAGE_DROP_OTHER] = 1;
	part.counts[0].value[USAGE_lost] = 9;
	usage_record_add(&record, &part);
	assert_int_equal(record.guaranteed_bps[0], 15);
	assert_int_equal(record.guaranteed_bps[1], 20);
	assert_int_equal(record.counts[0].value[USAGE_lost], 9);
	assert_int_equal(usage_drops(&record.counts[1]), 8);
	assert_int_equal(usage_drops(&record.counts[0]), 0);
}

static void interval__aligned(void **state)
{
	(void)state;
	assert_int_equal(usage_interval_begin(125, 60), 120);
	assert_int_equal(usage_interval_begin(120, 60), 120);
	assert_int_equal(usage_rate_bps(1000, 1000000000), 8000);
	assert_int_equal(usage_rate_bps(1000, 0), 0);
	assert_true(usage_rate_bps(USAGE_VALUE_MAX, 1) == USAGE_VALUE_MAX);
}

/*
 * A gateway that begins anew at times, reports that come again, late, or never, a control that
 * writes at times and is killed at others: the records are the counters.
 */
struct world {
	struct usage_meter meter, written_meter;
	struct usage_record record, written;
	uint64_t epoch, bytes; /* of the gateway */
	uint64_t told_before;  /* of epochs that are over, what was told of them */
	uint64_t told;	       /* of this one */
	struct usage_reading late;
};

static void world_tell(struct world *world)
{
	count(&world->meter, &world->record, world->epoch, world->bytes, 0);
	world->told = world->bytes;
}

static void world_write(struct world *world)
{
	usage_record_add(&world->written, &world->record);
	memset(&world->record, 0, sizeof(world->record));
	world->written_meter = world->meter;
}

static void world_kill(struct world *world)
{
	memset(&world->record, 0, sizeof(world->record));
	world->meter = world->written_meter;
}

/* What was never written of a life that is over cannot be known: so its end is. */
static void world_restart(struct world *world)
{
	world_tell(world);
	world_write(world);
	world->told_before += world->told;
	world->told = world->bytes = 0;
	world->epoch++;
	world_tell(world);
	world_write(world);
}

static void world_step(struct world *world, int what)
{
	world->bytes += (uint64_t)(rand() % 1000);
	switch (what) {
	case 0:
		world_write(world);
		break;
	case 1:
		world_kill(world);
		break;
	case 2:
		world_restart(world);
		break;
	case 3:
		usage_meter_read(&world->meter, &world->late, 0, &world->record);
		break;
	case 4:
		world_tell(world);
		world->late = reading_of(world->epoch, world->bytes, 0);
		break;
	default:
		world_tell(world);
	}
}

static void property__nothing_lost_nothing_twice(void **state)
{
	const char *given = getenv("CAUSEWAY_SEED");
	unsigned int seed =
		given ? (unsigned int)strtoul(given, NULL, 10) : (unsigned int)time(NULL);

	(void)state;
	print_message("CAUSEWAY_SEED=%u\n", seed);
	srand(seed);
	for (int run = 0; run < 200; run++) {
		struct world world = {.epoch = 1};

		world_tell(&world);
		world.late = reading_of(1, 0, 0);
		for (int step = 0; step < 200; step++) {
			/* A report of a life before the last one is not held up for so long. */
			int what = rand() % 12;

			if (what == 2 && world.late.epoch != world.epoch)
				what = 4;
			world_step(&world, what);
		}
		world_tell(&world);
		world_write(&world);
		assert_true(bytes_of(&world.written) == world.told_before + world.told);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(meter__growth_by_direction),
		cmocka_unit_test(meter__repeated_and_late),
		cmocka_unit_test(meter__new_epoch_begins_at_0),
		cmocka_unit_test(meter__sum_saturates),
		cmocka_unit_test(record__add),
		cmocka_unit_test(interval__aligned),
		cmocka_unit_test(property__nothing_lost_nothing_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
