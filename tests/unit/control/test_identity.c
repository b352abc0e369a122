#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "control/core/identity.h"

static void role__names(void **state)
{
	(void)state;
	for (int role = ROLE_VIEWER; role < ROLE_COUNT; role++)
		assert_int_equal(identity_role_find(identity_role_name((enum identity_role)role)),
				 role);
	assert_int_equal(identity_role_find("none"), ROLE_NONE);
	assert_int_equal(identity_role_find("root"), ROLE_NONE);
	assert_int_equal(identity_role_find(""), ROLE_NONE);
	assert_string_equal(identity_role_name(ROLE_COUNT), "none");
}

static void domain__table(void **state)
{
	static const struct {
		const char *domain;
		bool is_valid;
	} table[] = {
		{"causeway", true}, {"a", true},	  {"dc-1.example.net", true},
		{"", false},	    {"Causeway", false},  {".x", false},
		{"a/b", false},	    {"causeway ", false}, {"-a", false},
	};
	char longest[IDENTITY_DOMAIN_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(identity_domain_is_valid(table[i].domain), table[i].is_valid);
	memset(longest, 'a', sizeof(longest));
	longest[IDENTITY_DOMAIN_BYTES] = 0;
	assert_false(identity_domain_is_valid(longest));
	longest[IDENTITY_DOMAIN_BYTES - 1] = 0;
	assert_true(identity_domain_is_valid(longest));
}

static void parse__good(void **state)
{
	static const struct {
		const char *uri;
		enum identity_role role;
		const char *tenant, *name, *site, *text;
	} table[] = {
		{"spiffe://dc/role/viewer/name/ann", ROLE_VIEWER, "", "ann", "", "viewer ann"},
		{"spiffe://dc/tenant/blue/role/scheduler/name/slurm", ROLE_SCHEDULER, "blue",
		 "slurm", "", "scheduler slurm of tenant blue"},
		{"spiffe://dc/tenant/blue/role/viewer/name/bob", ROLE_VIEWER, "blue", "bob", "",
		 "viewer bob of tenant blue"},
		{"spiffe://dc/role/operator/name/o", ROLE_OPERATOR, "", "o", "", "operator o"},
		{"spiffe://dc/role/admin/name/a.b_c-1", ROLE_ADMIN, "", "a.b_c-1", "",
		 "admin a.b_c-1"},
		{"spiffe://dc/role/gateway/name/gw-a/site/a", ROLE_GATEWAY, "", "gw-a", "a",
		 "gateway gw-a at site a"},
		{"spiffe://dc/role/control/name/c1", ROLE_CONTROL, "", "c1", "", "control c1"},
	};
	char text[IDENTITY_TEXT_BYTES];
	struct identity identity;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_true(identity_parse(table[i].uri, "dc", &identity));
		assert_int_equal(identity.role, table[i].role);
		assert_string_equal(identity.tenant, table[i].tenant);
		assert_string_equal(identity.name, table[i].name);
		assert_string_equal(identity.site, table[i].site);
		identity_format(&identity, text);
		assert_string_equal(text, table[i].text);
	}
}

#define NAME_63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123"

static void parse__bad(void **state)
{
	static const char *const table[] = {
		"",
		"spiffe://",
		"spiffe://dc",
		"spiffe://dc/",
		"spiffe://dcx/role/admin/name/a",
		"spiffe://d/role/admin/name/a",
		"SPIFFE://dc/role/admin/name/a",
		"https://dc/role/admin/name/a",
		"spiffe://dc/role/admin",
		"spiffe://dc/role/admin/name/",
		"spiffe://dc/role//name/a",
		"spiffe://dc/role/root/name/a",
		"spiffe://dc/role/none/name/a",
		"spiffe://dc/role/admin/name/a/",
		"spiffe://dc/role/admin/name/a/b",
		"spiffe://dc/role/admin/name/a%20b",
		"spiffe://dc/name/a/role/admin",
		"spiffe://dc/role/admin/name/a/tenant/t",
		"spiffe://dc/tenant/t/role/admin/name/a",
		"spiffe://dc/tenant/t/role/operator/name/a",
		"spiffe://dc/tenant/t/role/gateway/name/a",
		"spiffe://dc/tenant//role/viewer/name/a",
		"spiffe://dc/role/viewer/name/a/site/s",
		"spiffe://dc/role/gateway/name/a/site/",
		"spiffe://dc/role/gateway/name/a/site/s/x/y",
		"spiffe://dc/role/admin/name/" NAME_63 "4",
	};
	struct identity identity;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&identity, 0xff, sizeof(identity));
		assert_false(identity_parse(table[i], "dc", &identity));
		assert_int_equal(identity.role, ROLE_NONE);
		assert_int_equal(identity.name[0], 0);
	}
	assert_true(identity_parse("spiffe://dc/role/admin/name/" NAME_63, "dc", &identity));
}

static void format__longest(void **state)
{
	struct identity identity = {.role = ROLE_SCHEDULER, NAME_63, NAME_63, NAME_63};
	char text[IDENTITY_TEXT_BYTES];

	(void)state;
	identity_format(&identity, text);
	assert_true(strlen(text) < sizeof(text));
	identity = (struct identity){.role = ROLE_NONE};
	identity_format(&identity, text);
	assert_string_equal(text, "none");
}

/* One row a role, one column a kind: what it may read (r) and change (w). */
static void may__table(void **state)
{
	static const struct {
		enum identity_role role;
		const char *site, *gateway, *link, *path, *cluster, *tenant;
		bool reads_service;
	} table[] = {
		{ROLE_NONE, "", "", "", "", "", "", false},
		{ROLE_VIEWER, "r", "r", "r", "r", "r", "r", true},
		{ROLE_SCHEDULER, "r", "r", "r", "rw", "rw", "r", true},
		{ROLE_OPERATOR, "rw", "rw", "rw", "rw", "rw", "r", true},
		{ROLE_ADMIN, "rw", "rw", "rw", "rw", "rw", "rw", true},
		{ROLE_GATEWAY, "", "", "", "", "", "", false},
		{ROLE_CONTROL, "", "", "", "", "", "", false},
		{ROLE_COUNT, "", "", "", "", "", "", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct identity who = {.role = table[i].role, .name = "n"};
		const struct {
			enum model_kind kind;
			const char *rights;
		} kinds[] = {
			{KIND_SITE, table[i].site},	  {KIND_GATEWAY, table[i].gateway},
			{KIND_LINK, table[i].link},	  {KIND_PATH, table[i].path},
			{KIND_CLUSTER, table[i].cluster}, {KIND_TENANT, table[i].tenant},
		};

		for (size_t j = 0; j < sizeof(kinds) / sizeof(kinds[0]); j++) {
			assert_int_equal(identity_may_read(&who, kinds[j].kind),
					 strchr(kinds[j].rights, 'r') != NULL);
			assert_int_equal(identity_may_write(&who, kinds[j].kind),
					 strchr(kinds[j].rights, 'w') != NULL);
		}
		assert_int_equal(identity_may_read_service(&who), table[i].reads_service);
	}
}

static void gateway__only_itself(void **state)
{
	struct identity gateway = {.role = ROLE_GATEWAY, .name = "gw-a"};
	struct identity admin = {.role = ROLE_ADMIN, .name = "ann"};
	struct identity viewer = {.role = ROLE_VIEWER, .name = "gw-a"};

	(void)state;
	assert_true(identity_is_gateway(&gateway, "gw-a"));
	assert_false(identity_is_gateway(&gateway, "gw-b"));
	assert_false(identity_is_gateway(&gateway, "gw-"));
	assert_true(identity_is_gateway(&admin, "gw-a"));
	assert_false(identity_is_gateway(&viewer, "gw-a"));
}

static void tenant__sees_its_own(void **state)
{
	struct identity bound = {.role = ROLE_SCHEDULER, .tenant = "blue", .name = "s"};
	struct identity unbound = {.role = ROLE_SCHEDULER, .name = "s"};

	(void)state;
	assert_true(identity_sees_tenant(&bound, "blue"));
	assert_false(identity_sees_tenant(&bound, "red"));
	assert_false(identity_sees_tenant(&bound, ""));
	assert_true(identity_sees_tenant(&unbound, "red"));
	assert_true(identity_sees_tenant(&unbound, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(role__names),		cmocka_unit_test(domain__table),
		cmocka_unit_test(parse__good),		cmocka_unit_test(parse__bad),
		cmocka_unit_test(format__longest),	cmocka_unit_test(may__table),
		cmocka_unit_test(gateway__only_itself), cmocka_unit_test(tenant__sees_its_own),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
