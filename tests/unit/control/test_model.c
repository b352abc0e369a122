#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/core/model.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static void name_is_valid__table(void **state)
{
	static const struct {
		const char *name;
		bool is_valid;
	} table[] = {
		{"a", true},
		{"gw-a.dc_1", true},
		{"7", true},
		{"", false},
		{"-a", false},
		{".a", false},
		{"a b", false},
		{"a/b", false},
		{"a%41", false},
		{"\xc3\xa9", false},
		{"x23456789012345678901234567890123456789012345678901234567890123", true},
		{"x234567890123456789012345678901234567890123456789012345678901234", false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(table); i++)
		assert_int_equal(model_name_is_valid(table[i].name), table[i].is_valid);
}

static void name_set__too_long_is_empty(void **state)
{
	char name[MODEL_NAME_BYTES], text[MODEL_NAME_BYTES + 1];

	(void)state;
	memset(text, 'x', MODEL_NAME_BYTES);
	text[MODEL_NAME_BYTES] = 0;
	assert_false(model_name_set(name, text));
	assert_string_equal(name, "");
	assert_true(model_name_set(name, text + 1));
	assert_string_equal(name, text + 1);
}

static void kind_find__both_forms(void **state)
{
	(void)state;
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		assert_int_equal(model_kind_find(model_kind_name((enum model_kind)kind)), kind);
		assert_int_equal(model_kind_find_plural(model_kind_plural((enum model_kind)kind)),
				 kind);
	}
	assert_int_equal(model_kind_find("sites"), KIND_COUNT);
	assert_int_equal(model_kind_find_plural("class"), KIND_COUNT);
}

static void class_find__built_in(void **state)
{
	(void)state;
	assert_int_equal(model_class_find("lossless")->dscp, 34);
	assert_int_equal(model_class_find("bulk")->id, 1);
	assert_int_equal(model_class_find("control")->dscp, 46);
	assert_int_equal(model_class_find("control")->rank, 0);
	assert_null(model_class_find("gold"));
	assert_null(model_class_at(3));
}

static void when_down__names(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < WHEN_DOWN_COUNT; i++)
		assert_int_equal(model_when_down_find(model_when_down_name(i)), i);
	assert_string_equal(model_when_down_name(0), "block");
	assert_int_equal(model_when_down_find("best-effort"), WHEN_DOWN_COUNT);
	assert_int_equal(model_when_down_find(""), WHEN_DOWN_COUNT);
}

static void admin__names(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < ADMIN_COUNT; i++)
		assert_int_equal(model_admin_find(model_admin_name(i)), i);
	assert_string_equal(model_admin_name(ADMIN_UP), "up");
	assert_int_equal(model_admin_find("dwon"), ADMIN_COUNT);
}

static struct gateway_port port(const char *a, const char *b)
{
	struct gateway_port made = {.name = "wan0"};
	const char *texts[] = {a, b};

	for (int i = 0; i < 2; i++) {
		if (texts[i])
			assert_int_equal(
				ip_addr_parse(texts[i], &made.addresses[made.address_count++]), 0);
	}
	return made;
}

static void protection__names(void **state)
{
	(void)state;
	assert_int_equal(model_protection_find("none"), PROTECTION_NONE);
	assert_int_equal(model_protection_find("1:1"), PROTECTION_ONE_TO_ONE);
	assert_int_equal(model_protection_find("spray"), PROTECTION_COUNT);
	assert_string_equal(model_protection_name(PROTECTION_ONE_TO_ONE), "1:1");
	for (uint8_t move = 0; move < MOVE_COUNT; move++)
		assert_non_null(model_move_name(move));
}

/* Neither tunnel gets more than it has room for. */
static void move__takes_the_lower_rates(void **state)
{
	struct path old = {.rate_bps = {10, 40}, .max_bps = {20, 80}};
	struct path path = {.rate_bps = {30, 20}, .max_bps = {30, 90}};

	(void)state;
	path.assigned.generation = 5;
	model_name_set(path.assigned.from, "l1");
	assert_ptr_equal(path_rates_now(&path), path.rate_bps);
	path_move_begin(&path, &old, MOVE_ASKED);
	assert_true(path_is_moving(&path));
	assert_int_equal(path_rates_now(&path)[END_A], 10);
	assert_int_equal(path_rates_now(&path)[END_Z], 20);
	assert_int_equal(path_max_now(&path)[END_A], 20);
	assert_int_equal(path_max_now(&path)[END_Z], 80);
	/* Changed meanwhile, by what it has now. */
	old = path;
	path.rate_bps[END_A] = 5;
	path_move_begin(&path, &old, MOVE_ASKED);
	assert_int_equal(path_rates_now(&path)[END_A], 5);
	path_move_end(&path);
	assert_false(path_is_moving(&path) || path.assigned.from[0]);
	assert_int_equal(path.assigned.generation, 6);
	assert_int_equal(path_rates_now(&path)[END_A], 5);
}

/* Then its gateways have nothing to take over at its end. */
static void move__same_rates_same_generation(void **state)
{
	struct path path = {.rate_bps = {10, 40}, .max_bps = {20, 80}};

	(void)state;
	path_move_begin(&path, &path, MOVE_DRAIN);
	path_move_end(&path);
	assert_int_equal(path.assigned.generation, 0);
}

static void family_choose__table(void **state)
{
	const struct gateway_port v4 = port("10.0.0.1", NULL), v6 = port("fd00::1", NULL);
	const struct gateway_port both = port("fd00::2", "10.0.0.2");
	const struct {
		uint8_t asked;
		const struct gateway_port *a, *z;
		uint8_t chosen;
	} table[] = {
		{FAMILY_ANY, &both, &both, FAMILY_IPV4},  {FAMILY_ANY, &both, &v6, FAMILY_IPV6},
		{FAMILY_ANY, &v4, &both, FAMILY_IPV4},	  {FAMILY_ANY, &v4, &v6, FAMILY_ANY},
		{FAMILY_IPV6, &both, &both, FAMILY_IPV6}, {FAMILY_IPV6, &both, &v4, FAMILY_ANY},
		{FAMILY_IPV4, &v6, &both, FAMILY_ANY},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(table); i++) {
		struct link link = {.family = table[i].asked};

		assert_int_equal(link_family_choose(&link, table[i].a, table[i].z),
				 table[i].chosen);
	}
	assert_true(ip_addr_is_v4(gateway_port_address(&both, FAMILY_ANY)));
	assert_null(gateway_port_address(&v4, FAMILY_IPV6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_is_valid__table),
		cmocka_unit_test(name_set__too_long_is_empty),
		cmocka_unit_test(kind_find__both_forms),
		cmocka_unit_test(class_find__built_in),
		cmocka_unit_test(when_down__names),
		cmocka_unit_test(admin__names),
		cmocka_unit_test(protection__names),
		cmocka_unit_test(move__takes_the_lower_rates),
		cmocka_unit_test(move__same_rates_same_generation),
		cmocka_unit_test(family_choose__table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
