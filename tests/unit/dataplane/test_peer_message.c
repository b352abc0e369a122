#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "dataplane/agent/peer_message.h"

#define PAIR "\"incarnations\":[\"00c0ffee00c0ffee\",\"ffffffffffffffff\"]"

static void message__each_as_text_and_back(void **state)
{
	static const struct {
		struct peer_message message;
		const char *text;
	} table[] = {
		{{.type = PEER_HELLO, .gateway = "gw-a", .boot = 3},
		 "{\"type\":\"hello\",\"version\":1,\"gateway\":\"gw-a\",\"boot\":3}\n"},
		{{.type = PEER_ALIVE}, "{\"type\":\"alive\"}\n"},
		{{.type = PEER_KEY, .id = 7, .key = {.type = KEY_OFFER, .incarnation = 255}},
		 "{\"type\":\"offer\",\"id\":7,\"incarnation\":\"00000000000000ff\"}\n"},
		{{.type = PEER_KEY,
		  .id = UINT32_MAX,
		  .key = {.type = KEY_REKEY,
			  .pair = {0x00c0ffee00c0ffee, UINT64_MAX},
			  .counter = UINT32_MAX}},
		 "{\"type\":\"rekey\",\"id\":4294967295," PAIR ",\"counter\":4294967295}\n"},
		{{.type = PEER_KEY,
		  .id = 1,
		  .key = {.type = KEY_REKEYED, .pair = {0x00c0ffee00c0ffee, UINT64_MAX}}},
		 "{\"type\":\"rekeyed\",\"id\":1," PAIR ",\"counter\":0}\n"},
		{{.type = PEER_KEY,
		  .id = 1,
		  .key = {.type = KEY_SWITCH, .pair = {0x00c0ffee00c0ffee, UINT64_MAX}}},
		 "{\"type\":\"switch\",\"id\":1," PAIR ",\"counter\":0}\n"},
		{{.type = PEER_KEY,
		  .id = 1,
		  .key = {.type = KEY_WANTED, .pair = {0x00c0ffee00c0ffee, UINT64_MAX}}},
		 "{\"type\":\"wanted\",\"id\":1," PAIR ",\"counter\":0}\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *text = peer_message_write(&table[i].message);
		char error[PEER_MESSAGE_ERROR_BYTES];
		struct peer_message back;

		assert_string_equal(text, table[i].text);
		assert_int_equal(peer_message_parse(text, strlen(text) - 1, &back, error), 0);
		assert_int_equal(back.type, table[i].message.type);
		assert_string_equal(back.gateway, table[i].message.gateway);
		assert_int_equal(back.boot, table[i].message.boot);
		assert_int_equal(back.id, table[i].message.id);
		assert_int_equal(back.key.type, table[i].message.key.type);
		assert_true(back.key.incarnation == table[i].message.key.incarnation);
		assert_true(back.key.pair.client == table[i].message.key.pair.client);
		assert_true(back.key.pair.server == table[i].message.key.pair.server);
		assert_int_equal(back.key.counter, table[i].message.key.counter);
		free(text);
	}
}

static void message__refused(void **state)
{
	static const struct {
		const char *text, *error;
	} table[] = {
		{"", "not JSON"},
		{"[]", "no object with a type"},
		{"{}", "no object with a type"},
		{"{\"type\":7}", "no object with a type"},
		{"{\"type\":\"jump\"}", "type \"jump\" is unknown"},
		{"{\"type\":\"alive\",\"x\":1}", "a member too many"},
		{"{\"type\":\"alive\",\"type\":\"alive\"}", "not JSON: duplicate"},
		{"{\"type\":\"alive\"} x", "not JSON"},
		{"{\"type\":\"hello\",\"gateway\":\"a\",\"boot\":1}", "version is no number"},
		{"{\"type\":\"hello\",\"version\":2,\"gateway\":\"a\",\"boot\":1}",
		 "it speaks version 2, this gateway 1"},
		{"{\"type\":\"hello\",\"version\":1,\"gateway\":\"\",\"boot\":1}", "gateway is no"},
		{"{\"type\":\"hello\",\"version\":1,\"gateway\":"
		 "\"0123456789012345678901234567890123456789012345678901234567890123\","
		 "\"boot\":1}",
		 "gateway is no name"},
		{"{\"type\":\"hello\",\"version\":1,\"gateway\":\"a\",\"boot\":-1}", "boot is no"},
		{"{\"type\":\"hello\",\"version\":1,\"gateway\":\"a\",\"boot\":1,\"x\":1}",
		 "a member too many"},
		{"{\"type\":\"offer\",\"incarnation\":\"00000000000000ff\"}", "id is no number"},
		{"{\"type\":\"offer\",\"id\":0,\"incarnation\":\"00000000000000ff\"}", "id is no"},
		{"{\"type\":\"offer\",\"id\":4294967296,\"incarnation\":\"00000000000000ff\"}",
		 "id is no number in range"},
		{"{\"type\":\"offer\",\"id\":1,\"incarnation\":\"0000000000000000\"}",
		 "an incarnation is 0"},
		{"{\"type\":\"offer\",\"id\":1,\"incarnation\":\"00000000000000FF\"}",
		 "an incarnation is not 16"},
		{"{\"type\":\"offer\",\"id\":1,\"incarnation\":\" 0000000000000ff\"}",
		 "an incarnation is not 16"},
		{"{\"type\":\"offer\",\"id\":1,\"incarnation\":255}", "an incarnation is not 16"},
		{"{\"type\":\"offer\",\"id\":1,\"incarnation\":\"00000000000000ff\","
		 "\"counter\":1}",
		 "a member too many"},
		{"{\"type\":\"rekey\",\"id\":1,\"incarnations\":[\"00000000000000ff\"],"
		 "\"counter\":1}",
		 "incarnations is not a list of two"},
		{"{\"type\":\"rekey\",\"id\":1," PAIR "}", "counter is no number in range"},
		{"{\"type\":\"rekey\",\"id\":1," PAIR ",\"counter\":1.0}", "counter is no number"},
		{"{\"type\":\"switch\",\"id\":1," PAIR ",\"counter\":1,\"x\":1}",
		 "a member too many"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char error[PEER_MESSAGE_ERROR_BYTES];
		struct peer_message message;

		assert_int_equal(
			peer_message_parse(table[i].text, strlen(table[i].text), &message, error),
			-EINVAL);
		if (strncmp(error, table[i].error, strlen(table[i].error)) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", table[i].text, error, table[i].error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message__each_as_text_and_back),
		cmocka_unit_test(message__refused),
	};

	return cmocka_run_group_tests_name("peer_message", tests, NULL, NULL);
}
