#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "control/core/rfc3339.h"

#define S 1000000000ull

static void rfc3339_parse__times(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} rows[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T00:00:00.5Z", S / 2},
		{"2000-02-29T12:00:00Z", 951825600 * S},
		{"2026-11-22T10:00:00Z", 1795341600 * S},
		{"2026-11-22T11:00:00+01:00", 1795341600 * S},
		{"2026-11-22t04:30:00.000000001-05:30", 1795341600 * S + 1},
		{"2100-03-01T00:00:00z", 4107542400 * S},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t ns = 1;

		assert_int_equal(rfc3339_parse(rows[i].text, &ns), 0);
		assert_int_equal(ns, rows[i].ns);
	}
}

static void rfc3339_parse__refuses(void **state)
{
	static const char *const rows[] = {
		"",
		"2026-11-22",
		"2026-11-22T10:00:00",
		"2026-11-22 10:00:00Z",
		"2026-11-22T10:00:00Z ",
		"2026-11-22T10:00:00.Z",
		"2026-11-22T10:00:00.1234567890Z",
		"2026-02-29T10:00:00Z",
		"2026-13-01T10:00:00Z",
		"2026-00-01T10:00:00Z",
		"2026-04-31T10:00:00Z",
		"2026-04-01T24:00:00Z",
		"2026-04-01T10:60:00Z",
		"2026-04-01T10:00:60Z",
		"1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00+01:00",
		"2501-01-01T00:00:00Z",
		"2026-04-01T10:00:00+1:00",
		"2026-04-01T10:00:00+01:00x",
		"+026-04-01T10:00:00Z",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t ns = 7;

		assert_int_equal(rfc3339_parse(rows[i], &ns), -EINVAL);
		assert_int_equal(ns, 7);
	}
}

static void rfc3339_format__is_exact(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00Z"},
		{S / 2, "1970-01-01T00:00:00.5Z"},
		{1795341600 * S + 1, "2026-11-22T10:00:00.000000001Z"},
		{1795341600 * S + 120000000, "2026-11-22T10:00:00.12Z"},
		{951825600 * S, "2000-02-29T12:00:00Z"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[RFC3339_TEXT_BYTES];

		rfc3339_format(rows[i].ns, text);
		assert_string_equal(text, rows[i].text);
	}
}

/* A time that is written is the same when it is read: each day of five centuries. */
static void rfc3339_format__round_trip(void **state)
{
	(void)state;
	for (uint64_t day = 0; day < 190000; day++) {
		uint64_t ns = (day * 86400 + day % 86400) * S + day * 1000, back;
		char text[RFC3339_TEXT_BYTES];

		rfc3339_format(ns, text);
		assert_int_equal(rfc3339_parse(text, &back), 0);
		assert_int_equal(back, ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3339_parse__times),
		cmocka_unit_test(rfc3339_parse__refuses),
		cmocka_unit_test(rfc3339_format__is_exact),
		cmocka_unit_test(rfc3339_format__round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
