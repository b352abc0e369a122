#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/agent/key_schedule.h"

static void hex_check(const uint8_t *bytes, size_t len, const char *expected)
{
	char hex[256] = "";

	for (size_t i = 0; i < len; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
	assert_string_equal(hex, expected);
}

static void key_schedule_context__bytes(void **state)
{
	struct key_pair pair = {.client = 0x1122334455667788ull, .server = 0x99aabbccddeeff00ull};
	uint8_t context[KEY_SCHEDULE_CONTEXT_BYTES];

	(void)state;
	key_schedule_context(0x01020304, &pair, 0x0a0b0c0d, context);
	hex_check(context, sizeof(context),
		  "010203041122334455667788"
		  "99aabbccddeeff000a0b0c0d");
}

/*
 * By hand, with Python's hmac:
 *	prk = bytes(range(32)); info = b"causeway lane" + bytes([direction, lane])
 *	t1 = hmac.new(prk, info + b"\1", "sha256").digest()
 *	t2 = hmac.new(prk, t1 + info + b"\2", "sha256").digest()
 *	(t1 + t2)[:44].hex()
 */
static void key_schedule_expand__vectors(void **state)
{
	static const struct {
		int direction, lane;
		const char *output;
	} table[] = {
		{0, 0,
		 "76280509e543375b791da661a189276a3235c0f3ba471d237f9dcefad5a9affd"
		 "2340d87381134ef78edab94d"},
		{0, 15,
		 "c33f60c6566f2c350a917f651f89270561a9072f12540f25430881a5c0eacc76"
		 "9f1d73cbefdd41f2c214ca38"},
		{1, 0,
		 "01e3e54a350f7dd3b73cf327f15150f3af00b8dd47b3d47f0a021d507b0fd458"
		 "6e665d56003fe1f95da283a3"},
		{1, 15,
		 "57971393647242fa39bb44bb9b134040d3d0b52f372c5f9a36c15ca141be40a7"
		 "eb5f437bc072038c97934b6b"},
	};
	uint8_t secret[KEY_SCHEDULE_SECRET_BYTES];
	struct path_keys client, server;

	(void)state;
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	assert_int_equal(key_schedule_expand(secret, true, &client), 0);
	assert_int_equal(key_schedule_expand(secret, false, &server), 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct key_lane *sent =
			table[i].direction ? &server.tx[table[i].lane] : &client.tx[table[i].lane];

		assert_int_equal(sizeof(*sent), 44);
		hex_check((const uint8_t *)sent, sizeof(*sent), table[i].output);
	}
	assert_memory_equal(client.tx, server.rx, sizeof(client.tx));
	assert_memory_equal(client.rx, server.tx, sizeof(client.rx));
}

static void key_schedule_expand__no_two_keys_alike(void **state)
{
	uint8_t secret[KEY_SCHEDULE_SECRET_BYTES] = {1};
	struct path_keys keys;
	const struct key_lane *all[2 * PATH_KEYS_LANES];

	(void)state;
	assert_int_equal(key_schedule_expand(secret, true, &keys), 0);
	for (int i = 0; i < PATH_KEYS_LANES; i++) {
		all[2 * i] = &keys.rx[i];
		all[2 * i + 1] = &keys.tx[i];
	}
	for (int i = 0; i < 2 * PATH_KEYS_LANES; i++)
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(all[i], all[j], sizeof(*all[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_schedule_context__bytes),
		cmocka_unit_test(key_schedule_expand__vectors),
		cmocka_unit_test(key_schedule_expand__no_two_keys_alike),
	};

	return cmocka_run_group_tests_name("key_schedule", tests, NULL, NULL);
}
