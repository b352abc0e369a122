#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "control/io/url.h"

static void url_parse__good(void **state)
{
	static const struct {
		const char *text, *host, *port, *authority;
		bool is_unix;
	} table[] = {
		{"http://127.0.0.1:7700", "127.0.0.1", "7700", "127.0.0.1:7700", false},
		{"http://control.example:7700/", "control.example", "7700", "control.example:7700",
		 false},
		{"http://host", "host", "80", "host", false},
		{"http://[::1]:7700", "::1", "7700", "[::1]:7700", false},
		{"http://[fe80::1%eth0]", "fe80::1%eth0", "80", "[fe80::1%eth0]", false},
		{"http://h:1", "h", "1", "h:1", false},
		{"http://h:65535", "h", "65535", "h:65535", false},
		{"unix:/run/x", "/run/x", "", "localhost", true},
	};
	struct url url;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(url_parse(table[i].text, &url), 0);
		assert_string_equal(url.host, table[i].host);
		assert_string_equal(url.port, table[i].port);
		assert_string_equal(url.authority, table[i].authority);
		assert_int_equal(url.is_unix, table[i].is_unix);
	}
}

static void url_parse__bad(void **state)
{
	static const char *const table[] = {
		"",	      "http://",	"https://",	    "h:7700",	     "http://h:0",
		"http://h:",  "http://h:65536", "http://h:999999",  "http://h:+1",   "http://h: 1",
		"http://h/x", "http://u@h",	"http://h?q",	    "http://[::1",   "http://[]:1",
		"unix:",      "unix:relative",	"http://[::1]7700", "http://h:77:1", "http://h:1x",
		"http://a b", "http://:7700",
	};
	char text[600];
	struct url url;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (url_parse(table[i], &url) != -EINVAL)
			fail_msg("%s was taken", table[i]);
	}
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "http://", 7);
	assert_int_equal(url_parse(text, &url), -EINVAL);
	memcpy(text, "unix:/", 6);
	assert_int_equal(url_parse(text, &url), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(url_parse__good),
		cmocka_unit_test(url_parse__bad),
	};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
