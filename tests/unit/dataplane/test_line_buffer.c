#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "dataplane/agent/line_buffer.h"

static int push(struct line_buffer *buffer, const char *text)
{
	return line_buffer_push(buffer, (const uint8_t *)text, strlen(text));
}

static void expect(struct line_buffer *buffer, const char *wanted)
{
	const char *line;
	size_t len;

	assert_true(line_buffer_next(buffer, &line, &len));
	assert_int_equal(len, strlen(wanted));
	assert_memory_equal(line, wanted, len);
}

static void expect_none(struct line_buffer *buffer)
{
	const char *line;
	size_t len;

	assert_false(line_buffer_next(buffer, &line, &len));
}

static void line_buffer_next__pieces(void **state)
{
	struct line_buffer buffer;

	(void)state;
	line_buffer_init(&buffer, 100);
	expect_none(&buffer);
	assert_int_equal(push(&buffer, "ab"), 0);
	expect_none(&buffer);
	assert_int_equal(push(&buffer, ""), 0);
	assert_int_equal(push(&buffer, "c\n\nde\r\nf"), 0);
	expect(&buffer, "abc");
	expect(&buffer, "");
	expect(&buffer, "de");
	expect_none(&buffer);
	assert_int_equal(push(&buffer, "\n"), 0);
	expect(&buffer, "f");
	expect_none(&buffer);
	line_buffer_free(&buffer);
}

static void line_buffer_push__each_split(void **state)
{
	static const char text[] = "one\ntwo\r\n\nthree\n";

	(void)state;
	for (size_t split = 0; split < sizeof(text); split++) {
		struct line_buffer buffer;

		line_buffer_init(&buffer, 100);
		assert_int_equal(line_buffer_push(&buffer, (const uint8_t *)text, split), 0);
		assert_int_equal(line_buffer_push(&buffer, (const uint8_t *)text + split,
						  sizeof(text) - 1 - split),
				 0);
		expect(&buffer, "one");
		expect(&buffer, "two");
		expect(&buffer, "");
		expect(&buffer, "three");
		expect_none(&buffer);
		line_buffer_free(&buffer);
	}
}

static void line_buffer_push__bounded(void **state)
{
	struct line_buffer buffer;

	(void)state;
	line_buffer_init(&buffer, 8);
	assert_int_equal(push(&buffer, "12345678"), 0);
	assert_int_equal(push(&buffer, "\n"), -EMSGSIZE);
	line_buffer_clear(&buffer);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(push(&buffer, "123456\n"), 0);
		expect(&buffer, "123456");
	}
	assert_int_equal(line_buffer_push(&buffer, NULL, SIZE_MAX), -EMSGSIZE);
	line_buffer_free(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_buffer_next__pieces),
		cmocka_unit_test(line_buffer_push__each_split),
		cmocka_unit_test(line_buffer_push__bounded),
	};

	return cmocka_run_group_tests_name("line_buffer", tests, NULL, NULL);
}
