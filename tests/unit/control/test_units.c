#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/core/units.h"

struct parse_case {
	const char *text;
	int result;
	uint64_t value;
};

typedef int (*parse_fn)(const char *text, uint64_t *value);
typedef int (*format_fn)(uint64_t value, char *out, uint32_t size);

static void check_parse(parse_fn parse, const struct parse_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 12345;
		int result = parse(cases[i].text, &value);

		if (result != cases[i].result)
			fail_msg("'%s': result %d, wanted %d", cases[i].text, result,
				 cases[i].result);
		assert_int_equal(value, result ? 12345 : cases[i].value);
	}
}

static void parse_rate__table(void **state)
{
	static const struct parse_case cases[] = {
		{"0", 0, 0},
		{"9600", 0, 9600},
		{"400G", 0, 400000000000},
		{"200M", 0, 200000000},
		{"1.5G", 0, 1500000000},
		{"1.5 G", 0, 1500000000},
		{"10Gbps", 0, 10000000000},
		{"10Gbit/s", 0, 10000000000},
		{"10 Gb/s", 0, 10000000000},
		{"64K", 0, 64000},
		{"1T", 0, 1000000000000},
		{"100bps", 0, 100},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"18446745T", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"G", -EINVAL, 0},
		{"-1G", -EINVAL, 0},
		{"+1G", -EINVAL, 0},
		{" 1G", -EINVAL, 0},
		{"1G ", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1  G", -EINVAL, 0},
		{"1.G", -EINVAL, 0},
		{".5G", -EINVAL, 0},
		{"1,5G", -EINVAL, 0},
		{"1.5", -EINVAL, 0},
		{"1.00005K", -EINVAL, 0},
		{"1e9", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"1g", -EINVAL, 0},
		{"1Gi", -EINVAL, 0},
		{"1GB", -EINVAL, 0},
		{"1GGbps", -EINVAL, 0},
		{"1.0000000000000000G", -EINVAL, 0},
		{"99999999999999999999999999G", -ERANGE, 0},
	};

	(void)state;
	check_parse(units_parse_rate, cases, sizeof(cases) / sizeof(cases[0]));
}

static void parse_size__table(void **state)
{
	static const struct parse_case cases[] = {
		{"4096", 0, 4096},	 {"512B", 0, 512},	    {"64MiB", 0, 64ull << 20},
		{"1GiB", 0, 1ull << 30}, {"1.5GiB", 0, 3ull << 29}, {"2MB", 0, 2000000},
		{"2M", 0, 2000000},	 {"2 TiB", 0, 2ull << 40},  {"16777216TiB", -ERANGE, 0},
		{"0.3B", -EINVAL, 0},	 {"64mib", -EINVAL, 0},	    {"64Mb", -EINVAL, 0},
		{"64MiBs", -EINVAL, 0},	 {"MiB", -EINVAL, 0},	    {"64 ", -EINVAL, 0},
		{"", -EINVAL, 0},
	};

	(void)state;
	check_parse(units_parse_size, cases, sizeof(cases) / sizeof(cases[0]));
}

static void parse_time__table(void **state)
{
	static const struct parse_case cases[] = {
		{"0", 0, 0},
		{"0s", 0, 0},
		{"10ms", 0, 10000000},
		{"30s", 0, 30000000000},
		{"1.5s", 0, 1500000000},
		{"250us", 0, 250000},
		{"7ns", 0, 7},
		{"2m", 0, 120000000000},
		{"1 h", 0, 3600000000000},
		{"10", -EINVAL, 0},
		{"10S", -EINVAL, 0},
		{"1.5ns", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"5200000h", -ERANGE, 0},
	};

	(void)state;
	check_parse(units_parse_time, cases, sizeof(cases) / sizeof(cases[0]));
}

static void parse__null_text(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(units_parse_rate(NULL, &value), -EINVAL);
}

static void format__table(void **state)
{
	static const struct {
		format_fn format;
		uint64_t value;
		const char *text;
	} cases[] = {
		{units_format_rate, 0, "0 b/s"},
		{units_format_rate, 850, "850 b/s"},
		{units_format_rate, 999, "999 b/s"},
		{units_format_rate, 1000, "1 kb/s"},
		{units_format_rate, 1250000000, "1.25 Gb/s"},
		{units_format_rate, 1200000000, "1.2 Gb/s"},
		{units_format_rate, 1005000000, "1.01 Gb/s"},
		{units_format_rate, 12345678, "12.3 Mb/s"},
		{units_format_rate, 400000000000, "400 Gb/s"},
		{units_format_rate, 999499, "999 kb/s"},
		{units_format_rate, 999500, "1 Mb/s"},
		{units_format_rate, 99960000, "100 Mb/s"},
		{units_format_rate, UINT64_MAX, "18446744 Tb/s"},
		{units_format_count, 17, "17"},
		{units_format_count, 1200000, "1.2 M"},
		{units_format_count, 35600, "35.6 k"},
		{units_format_size, 512, "512 B"},
		{units_format_size, 256ull << 20, "256 MiB"},
		{units_format_size, 3ull << 29, "1.5 GiB"},
		{units_format_time, 10100000, "10.1 ms"},
		{units_format_time, 1000000000, "1 s"},
		{units_format_time, 42, "42 ns"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[UNITS_TEXT_BYTES];
		int length = cases[i].format(cases[i].value, text, sizeof(text));

		assert_true(length > 0);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(length, strlen(text));
	}
}

static void format__too_small(void **state)
{
	char text[8];

	(void)state;
	assert_int_equal(units_format_rate(850, text, 8), 7);
	assert_int_equal(units_format_rate(850, text, 7), -ENOSPC);
	assert_int_equal(units_format_rate(850, text, 0), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_rate__table), cmocka_unit_test(parse_size__table),
		cmocka_unit_test(parse_time__table), cmocka_unit_test(parse__null_text),
		cmocka_unit_test(format__table),     cmocka_unit_test(format__too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
