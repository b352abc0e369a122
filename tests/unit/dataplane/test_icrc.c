#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "dataplane/core/icrc.h"
#include "tests/unit/dataplane/roce_sample.h"

static void icrc_crc32__check_value(void **state)
{
	static const uint8_t digits[9] = "123456789";

	(void)state;
	assert_int_equal(icrc_crc32(0, digits, 9), 0xcbf43926); /* of every CRC-32 catalogue */
	assert_int_equal(icrc_crc32(icrc_crc32(0, digits, 4), digits + 4, 5), 0xcbf43926);
	assert_int_equal(icrc_crc32(0, digits, 0), 0);
}

static void icrc_is_right__what_hardware_sent(void **state)
{
	(void)state;
	assert_true(icrc_is_right(roce_sample_cnp, sizeof(roce_sample_cnp)));
	assert_true(icrc_is_right(roce_sample_send, sizeof(roce_sample_send)));
}

/* What a router may change leaves it right; every other bit does not. */
static void icrc_is_right__bits(void **state)
{
	static const uint8_t masked[] = {1, 8, 10, 11, 26, 27, 32};
	uint8_t ip[sizeof(roce_sample_send)];

	(void)state;
	for (uint32_t bit = 0; bit < 8 * sizeof(ip); bit++) {
		bool is_masked = memchr(masked, (int)(bit / 8), sizeof(masked));

		memcpy(ip, roce_sample_send, sizeof(ip));
		ip[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(icrc_is_right(ip, sizeof(ip)), is_masked);
	}
}

/* Setting CE or another DSCP, as the gateway does, is legal. */
static void icrc_is_right__after_ce_and_dscp(void **state)
{
	uint8_t ip[sizeof(roce_sample_send)];

	(void)state;
	memcpy(ip, roce_sample_send, sizeof(ip));
	inner_ecn_set(ip, ECN_CE);
	inner_ttl_decrement(ip);
	inner_dscp_set(ip, 26);
	assert_true(icrc_is_right(ip, sizeof(ip)));
}

static void icrc_write__ipv6(void **state)
{
	uint8_t ip[84] = {0x60, [5] = 44, [6] = 17, [7] = 64, [23] = 1, [39] = 2};
	static const uint8_t masked[] = {1, 2, 3, 7, 46, 47, 52};

	(void)state;
	bytes_store16(ip + 42, ROCE_UDP_PORT);
	assert_true(icrc_write(ip, sizeof(ip)));
	assert_true(icrc_is_right(ip, sizeof(ip)));
	for (uint32_t bit = 8; bit < 8 * sizeof(ip); bit++) {
		ip[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(icrc_is_right(ip, sizeof(ip)),
				 memchr(masked, (int)(bit / 8), sizeof(masked)) != NULL);
		ip[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ip[0] ^= 0xf; /* traffic class */
	assert_true(icrc_is_right(ip, sizeof(ip)));
}

static void icrc_compute__refuses(void **state)
{
	uint8_t ip[sizeof(roce_sample_cnp)];
	uint32_t icrc;

	(void)state;
	memcpy(ip, roce_sample_cnp, sizeof(ip));
	assert_false(icrc_compute(ip, 43, &icrc));
	ip[0] = 0x4f; /* 60 bytes of header leave no BTH */
	assert_false(icrc_compute(ip, sizeof(ip), &icrc));
	ip[0] = 0x44;
	assert_false(icrc_compute(ip, sizeof(ip), &icrc));
	ip[0] = 0x60;
	assert_false(icrc_compute(ip, sizeof(ip), &icrc));
	ip[0] = 0x55;
	assert_false(icrc_compute(ip, sizeof(ip), &icrc));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(icrc_crc32__check_value),
		cmocka_unit_test(icrc_is_right__what_hardware_sent),
		cmocka_unit_test(icrc_is_right__bits),
		cmocka_unit_test(icrc_is_right__after_ce_and_dscp),
		cmocka_unit_test(icrc_write__ipv6),
		cmocka_unit_test(icrc_compute__refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
