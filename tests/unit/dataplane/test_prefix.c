#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/core/prefix.h"

static struct ip_addr addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_int_equal(ip_prefix_parse(text, &p), 0);
	return p;
}

static void ip_addr_from_v4__is_mapped(void **state)
{
	static const uint8_t v4[4] = {10, 1, 2, 3};
	static const uint8_t bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3};
	struct ip_addr a = ip_addr_from_v4(v4), b = addr("::1");

	(void)state;
	assert_memory_equal(a.bytes, bytes, 16);
	assert_true(ip_addr_is_v4(&a));
	assert_false(ip_addr_is_v4(&b));
	assert_false(ip_addr_equal(&a, &b));
	assert_true(ip_addr_equal(&a, &a));
}

static void ip_prefix_contains__table(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool is_inside;
	} cases[] = {
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.128.0.0/9", "10.127.255.255", false},
		{"10.128.0.0/9", "10.128.0.0", true},
		{"10.1.2.3/32", "10.1.2.3", true},
		{"10.1.2.3/32", "10.1.2.2", false},
		{"0.0.0.0/0", "255.1.2.3", true},
		{"0.0.0.0/0", "::1", false},
		{"::/0", "::1", true},
		{"::/0", "10.0.0.1", false},
		{"::/64", "10.0.0.1", false},
		{"fd01::/64", "fd01::ffff:ffff:ffff:ffff", true},
		{"fd01::/64", "fd01:0:0:1::", false},
		{"fc00::/7", "fdff::1", true},
		{"fc00::/7", "fe00::1", false},
		{"fd01::1/128", "fd01::1", true},
		{"fd01::1/128", "fd01::", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_addr a = addr(cases[i].addr);
		struct ip_prefix p = prefix(cases[i].prefix);

		if (ip_prefix_contains(&p, &a) != cases[i].is_inside)
			fail_msg("%s in %s", cases[i].addr, cases[i].prefix);
	}
}

static void ip_prefix_covers__table(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool covers;
	} cases[] = {
		{"10.0.0.0/8", "10.1.0.0/16", true},  {"10.0.0.0/8", "10.0.0.0/8", true},
		{"10.1.0.0/16", "10.0.0.0/8", false}, {"10.0.0.0/8", "11.0.0.0/16", false},
		{"::/0", "10.0.0.0/8", false},	      {"::/0", "fd00::/8", true},
		{"fd00::/8", "::/0", false},	      {"0.0.0.0/0", "0.0.0.0/0", true},
		{"fd01::/64", "fd01::1/128", true},   {"fd01::/64", "fd02::1/128", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_prefix outer = prefix(cases[i].outer), inner = prefix(cases[i].inner);

		if (ip_prefix_covers(&outer, &inner) != cases[i].covers)
			fail_msg("%s covers %s", cases[i].outer, cases[i].inner);
		assert_true(ip_prefix_equal(&outer, &outer));
		assert_int_equal(ip_prefix_equal(&outer, &inner),
				 !strcmp(cases[i].outer, cases[i].inner));
	}
}

static void ip_addr_parse__round_trip(void **state)
{
	static const struct {
		const char *text, *formatted; /* NULL: the same */
	} cases[] = {
		{"0.0.0.0", NULL},
		{"255.255.255.255", NULL},
		{"10.200.0.1", NULL},
		{"::", NULL},
		{"::1", NULL},
		{"1::", NULL},
		{"fd00:200::1", NULL},
		{"1:2:3:4:5:6:7:8", NULL},
		{"1:0:0:4:5:6:7:8", "1::4:5:6:7:8"},
		{"1:0:3:4:5:6:7:8", NULL},
		{"1:0:0:4:0:0:0:8", "1:0:0:4::8"},
		{"1:0:0:4:5:0:0:8", "1::4:5:0:0:8"},
		{"FD00:00AB::0001", "fd00:ab::1"},
		{"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
		{"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
		{"::ffff:10.0.0.1", "10.0.0.1"},
		{"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
		{"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
	};
	char text[50];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *want = cases[i].formatted ? cases[i].formatted : cases[i].text;
		struct ip_addr a = addr(cases[i].text);

		assert_int_equal(ip_addr_format(&a, text, sizeof(text)), strlen(want));
		assert_string_equal(text, want);
	}
}

static void ip_addr_parse__refuses(void **state)
{
	static const char *const cases[] = {
		"",
		" ",
		"1",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"1.2.3.04",
		"01.2.3.4",
		"1.2.3.4 ",
		" 1.2.3.4",
		"1.2.3.",
		".1.2.3",
		"1..2.3",
		"1.2.3.4/8",
		"+1.2.3.4",
		"1.2.3.4294967297",
		":",
		":::",
		"1:",
		":1",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7:8:",
		"1::2::3",
		"::12345",
		"g::",
		"::1%eth0",
		"1:2:3:4:5:6:7:1.2.3.4",
		"::1.2.3",
		"::1.2.3.4:5",
		"1:2:3:4::5:6:7:8",
		"::1 ",
		"fd00::/8",
	};
	struct ip_addr a = {{1}}, before = a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (ip_addr_parse(cases[i], &a) != -EINVAL)
			fail_msg("took \"%s\"", cases[i]);
		assert_memory_equal(&a, &before, sizeof(a));
	}
}

/* Against the C library, on texts made of the characters that matter. */
static void ip_addr_parse__agrees_with_inet_pton(void **state)
{
	static const char alphabet[] = "::::::..0125af";
	uint64_t random = 1;
	uint32_t accepted = 0;

	(void)state;
	for (int i = 0; i < 400000; i++) {
		char text[40];
		uint8_t want[16];
		struct ip_addr a;
		uint32_t len;
		bool is_v4, is_v6;

		random = random * 6364136223846793005ull + 1442695040888963407ull;
		len = (uint32_t)(random >> 59);
		for (uint32_t c = 0; c < len; c++) {
			random = random * 6364136223846793005ull + 1442695040888963407ull;
			text[c] = alphabet[(random >> 33) % (sizeof(alphabet) - 1)];
		}
		text[len] = '\0';
		is_v4 = inet_pton(AF_INET, text, want + 12) == 1;
		is_v6 = !is_v4 && inet_pton(AF_INET6, text, want) == 1;
		if ((ip_addr_parse(text, &a) == 0) != (is_v4 || is_v6))
			fail_msg("\"%s\": inet_pton says %d", text, is_v4 || is_v6);
		if (is_v6)
			assert_memory_equal(a.bytes, want, 16);
		if (is_v4)
			assert_memory_equal(a.bytes + 12, want + 12, 4);
		accepted += is_v4 || is_v6;
	}
	assert_true(accepted > 1000);
}

static void ip_prefix_parse__table(void **state)
{
	static const struct {
		const char *text;
		int len; /* -1: refused */
	} cases[] = {
		{"10.101.0.0/16", 112},
		{"0.0.0.0/0", 96},
		{"1.2.3.4/32", 128},
		{"::/0", 0},
		{"fd01::/64", 64},
		{"fd01::1/128", 128},
		{"::ffff:10.0.0.0/104", 104},
		{"10.101.0.1/16", -1},
		{"10.0.0.0/33", -1},
		{"10.0.0.0/", -1},
		{"10.0.0.0", -1},
		{"10.0.0.0/08", -1},
		{"10.0.0.0/8x", -1},
		{"10.0.0.0/-1", -1},
		{"fd01::1/64", -1},
		{"fd01::/129", -1},
		{"/8", -1},
		{"", -1},
		{"1.2.3.4/ 32", -1},
		{"::/4294967296", -1},
	};
	struct ip_prefix p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = ip_prefix_parse(cases[i].text, &p);

		if (rc != (cases[i].len < 0 ? -EINVAL : 0) || (!rc && p.len != cases[i].len))
			fail_msg("\"%s\": %d", cases[i].text, rc);
	}
}

static void ip_prefix_format__both_families(void **state)
{
	static const char *const cases[] = {"10.101.0.0/16", "0.0.0.0/0", "::/0",    "fd01::/64",
					    "1.2.3.4/32",    "::1/128",	  "8000::/1"};
	char text[50];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_prefix p = prefix(cases[i]);

		assert_int_equal(ip_prefix_format(&p, text, sizeof(text)), strlen(cases[i]));
		assert_string_equal(text, cases[i]);
	}
}

static void ip_addr_format__says_when_there_is_no_room(void **state)
{
	struct ip_addr a = addr("10.0.0.1");
	char text[16] = "xxxxxxxxxxxxxxx";

	(void)state;
	assert_int_equal(ip_addr_format(&a, text, 8), -ENOSPC);
	assert_int_equal(text[8], 'x');
	assert_int_equal(ip_addr_format(&a, text, 9), 8);
	assert_string_equal(text, "10.0.0.1");
	assert_int_equal(ip_addr_format(&a, text, 0), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip_addr_from_v4__is_mapped),
		cmocka_unit_test(ip_prefix_contains__table),
		cmocka_unit_test(ip_prefix_covers__table),
		cmocka_unit_test(ip_addr_parse__round_trip),
		cmocka_unit_test(ip_addr_parse__refuses),
		cmocka_unit_test(ip_addr_parse__agrees_with_inet_pton),
		cmocka_unit_test(ip_prefix_parse__table),
		cmocka_unit_test(ip_prefix_format__both_families),
		cmocka_unit_test(ip_addr_format__says_when_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
