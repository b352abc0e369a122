#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/wan/options.h"

static void options_set__numbers(void **state)
{
	static const struct {
		const char *name, *value;
		size_t offset;
		uint64_t want;
	} cases[] = {
		{"delay", "5", offsetof(struct link_config, delay_ns), 5000000},
		{"delay", "0.25", offsetof(struct link_config, delay_ns), 250000},
		{"delay", "250us", offsetof(struct link_config, delay_ns), 250000},
		{"jitter", "1s", offsetof(struct link_config, jitter_ns), 1000000000},
		{"rate", "200M", offsetof(struct link_config, rate_bps), 200000000},
		{"rate", "1.5G", offsetof(struct link_config, rate_bps), 1500000000},
		{"rate", "0", offsetof(struct link_config, rate_bps), 0},
		{"queue", "64KiB", offsetof(struct link_config, queue_bytes), 65536},
		{"queue", "20ms", offsetof(struct link_config, queue_ns), 20000000},
		{"reorder", "0.5,4", offsetof(struct link_config, reorder_ns), 4000000},
		{"seed", "0x10", offsetof(struct link_config, seed), 16},
		{"priority-dscp", "1,2", offsetof(struct link_config, priority_dscp), 6},
		{"priority-dscp", "none", offsetof(struct link_config, priority_dscp), 0},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct link_config config;
		uint64_t got;

		options_default(&config);
		assert_null(options_set(&config, cases[i].name, cases[i].value));
		memcpy(&got, (const uint8_t *)&config + cases[i].offset, sizeof(got));
		assert_int_equal(got, cases[i].want);
	}
}

static void options_set__refuses_and_changes_nothing(void **state)
{
	static const char *const cases[][2] = {
		{"delay", ""},	       {"delay", "5x"},		{"delay", "-1"},
		{"delay", "nan"},      {"rate", "fast"},	{"rate", "1e30"},
		{"queue", "0"},	       {"loss", "1.1"},		{"loss", "101%"},
		{"loss", "nan"},       {"loss", "0.1x"},	{"burst", "0.1"},
		{"burst", "0.1,2"},    {"reorder", "0.1,x"},	{"seed", "one"},
		{"duplicate", "-0.1"}, {"priority-dscp", "64"}, {"priority-dscp", "1 2"},
		{"colour", "blue"},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct link_config config, before;

		options_default(&config);
		before = config;
		assert_non_null(options_set(&config, cases[i][0], cases[i][1]));
		assert_memory_equal(&config, &before, sizeof(config));
	}
}

static void options_parse_bytes__units(void **state)
{
	uint64_t bytes = 0;

	(void)state;
	assert_int_equal(options_parse_bytes("512MiB", &bytes), 0);
	assert_int_equal(bytes, 512ull << 20);
	assert_int_equal(options_parse_bytes("5MB", &bytes), 0);
	assert_int_equal(bytes, 5000000);
	assert_true(options_parse_bytes("5 MB", &bytes) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_set__numbers),
		cmocka_unit_test(options_set__refuses_and_changes_nothing),
		cmocka_unit_test(options_parse_bytes__units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
