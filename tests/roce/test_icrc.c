#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/roce/icrc.h"
#include "tests/roce/wire.h"

static struct icrc icrc;

/* A congestion notification as a ConnectX-4 Lx sent it, from its IP header on. */
static const uint8_t captured_cnp[] = {
	0x45, 0xc2, 0x00, 0x3c, 0x71, 0x8c, 0x40, 0x00, 0x40, 0x11, 0x91, 0x61, 0x0a, 0x00, 0x11,
	0x01, 0x0a, 0x00, 0x12, 0x01, 0x00, 0x00, 0x12, 0xb7, 0x00, 0x28, 0x00, 0x00, 0x81, 0x00,
	0xff, 0xff, 0x40, 0x00, 0x01, 0x18, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x82, 0xfd, 0x00, 0x2a};

/* A packet of an unreliable connection with 18 bytes and padding; not by this tool either. */
static const uint8_t other_packet[] = {
	0x45, 0x01, 0x00, 0x40, 0x04, 0x78, 0x40, 0x00, 0x40, 0x11, 0xb4, 0xd5, 0xc0,
	0xa8, 0x00, 0x07, 0xc0, 0xa8, 0x00, 0x07, 0xc0, 0x00, 0x12, 0xb7, 0x00, 0x2c,
	0xac, 0xa2, 0x24, 0x60, 0xff, 0xff, 0x00, 0x00, 0x00, 0xd3, 0x00, 0xcf, 0x17,
	0x10, 'F',  '0',  0x81, 0x8b, 0xe2, 0x89, '5',	0xd9, 0x0e, 0x9a, 0x95, 'P',
	'T',  0x01, 0xbe, 0x88, '^',  'P',  0x00, 0x00, 0x78, 0xf3, 0x53, 0xf3};

static void icrc_is_right__for_packets_of_others(void **state)
{
	static const struct {
		const uint8_t *bytes;
		uint32_t len;
	} cases[] = {{captured_cnp, sizeof(captured_cnp)}, {other_packet, sizeof(other_packet)}};

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		const uint8_t *bth;
		struct roce_ip ip;
		uint32_t len;

		assert_true(roce_ipv4_parse(cases[i].bytes, cases[i].len, &ip, &bth, &len));
		assert_true(icrc_is_right(&icrc, &ip, bth, len));
	}
}

/* Every bit that the ICRC covers is noticed, every bit that a router may change is not. */
static void icrc_is_right__knows_each_bit(void **state)
{
	(void)state;
	for (uint32_t bit = 0; bit < 8 * sizeof(captured_cnp); bit++) {
		uint8_t packet[sizeof(captured_cnp)];
		uint32_t at = bit / 8;
		bool may_change = at == 1 || at == 8 || at == 10 || at == 11 || at == 26 ||
				  at == 27 || at == 32;
		struct roce_ip ip = {.ip_bytes = ROCE_IPV4_BYTES};

		memcpy(packet, captured_cnp, sizeof(packet));
		packet[at] ^= (uint8_t)(1 << bit % 8);
		memcpy(ip.bytes, packet, ROCE_IPV4_BYTES + ROCE_UDP_BYTES);
		assert_int_equal(icrc_is_right(&icrc, &ip, packet + 28, 32), may_change);
	}
}

/* The same by another way: bit by bit, over the packet as one piece. */
static uint32_t crc_slowly(const uint8_t *p, uint32_t len)
{
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; i < 8 * len; i++) {
		uint32_t bit = (p[i / 8] >> i % 8 ^ crc) & 1;

		crc = crc >> 1 ^ (bit ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* version and class, flow, length, next, hops, addresses, UDP, BTH, payload */
static void ipv6_packet(uint8_t *p, uint32_t len, uint8_t variable)
{
	memset(p, 0, 48);
	p[0] = (uint8_t)(0x60 | (variable & 0x0f));
	p[1] = p[2] = p[3] = p[7] = variable;
	p[4] = (uint8_t)((len + 8) >> 8);
	p[5] = (uint8_t)(len + 8);
	p[6] = 17;
	for (uint32_t i = 8; i < 40; i++)
		p[i] = (uint8_t)(i * 7);
	p[40] = 0xc1;
	p[41] = 0x23;
	p[42] = 0x12;
	p[43] = 0xb7;
	p[44] = p[4];
	p[45] = p[5];
	p[46] = p[47] = variable;
	for (uint32_t i = 0; i + 4 < len; i++)
		p[48 + i] = (uint8_t)(i * 13 + 5);
	p[48 + 4] = variable;
}

static void icrc_put__ipv6_agrees_with_a_slow_one(void **state)
{
	struct roce_ip_ends ends = {.is_ipv6 = true, .src_port = 0xc123};

	(void)state;
	for (uint32_t i = 0; i < 16; i++) {
		ends.src[i] = (uint8_t)((i + 8) * 7);
		ends.dst[i] = (uint8_t)((i + 24) * 7);
	}
	for (uint32_t len = 16; len < 80; len += 4) {
		uint8_t masked[8 + 48 + 80], packet[48 + 80];
		struct roce_ip ip;
		uint32_t want;

		memset(masked, 0xff, 8);
		ipv6_packet(masked + 8, len, 0xff);
		want = crc_slowly(masked, 8 + 48 + len - 4);
		ipv6_packet(packet, len, 0x5a);
		roce_ip_build(&ip, &ends, len);
		icrc_put(&icrc, &ip, packet + 48, len - 4);
		for (uint32_t i = 0; i < 4; i++)
			assert_int_equal(packet[48 + len - 4 + i], (uint8_t)(want >> 8 * i));
		assert_true(icrc_is_right(&icrc, &ip, packet + 48, len));
	}
}

/* What is built for sending is what the receiver reads from the wire. */
static void roce_ip_build__ipv4(void **state)
{
	struct roce_ip_ends ends = {
		.src = {10, 0, 17, 1}, .dst = {10, 0, 18, 1}, .src_port = 0xc0de};
	uint8_t packet[20 + 8 + 32];
	struct roce_ip ip, seen;
	const uint8_t *bth;
	uint32_t len;

	(void)state;
	roce_ip_build(&ip, &ends, 32);
	memcpy(packet, ip.bytes, 28);
	memcpy(packet + 28, captured_cnp + 28, 32);
	icrc_put(&icrc, &ip, packet + 28, 28);
	packet[1] = 0x6a;
	packet[8] = 64;
	assert_true(roce_ipv4_parse(packet, sizeof(packet), &seen, &bth, &len));
	assert_int_equal(len, 32);
	assert_true(icrc_is_right(&icrc, &seen, bth, len));
	packet[5] = 1; /* an id that was not expected is covered */
	assert_true(roce_ipv4_parse(packet, sizeof(packet), &seen, &bth, &len));
	assert_false(icrc_is_right(&icrc, &seen, bth, len));
}

static void roce_ipv4_parse__refuses(void **state)
{
	static const struct {
		uint8_t at, value;
	} cases[] = {{0, 0x46}, {0, 0x65}, {3, 61},    {3, 27},	   {6, 0x60},
		     {7, 1},	{9, 6},	   {23, 0xb8}, {25, 0x27}, {25, 0x29}};
	uint8_t packet[sizeof(captured_cnp)];
	const uint8_t *bth;
	struct roce_ip ip;
	uint32_t len;

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(packet, captured_cnp, sizeof(packet));
		packet[cases[i].at] = cases[i].value;
		assert_false(roce_ipv4_parse(packet, sizeof(packet), &ip, &bth, &len));
	}
	for (len = 0; len < sizeof(packet); len++) {
		uint8_t *copy = malloc(len + 1);
		uint32_t bth_len;

		memcpy(copy, captured_cnp, len);
		assert_false(roce_ipv4_parse(copy, len, &ip, &bth, &bth_len));
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(icrc_is_right__for_packets_of_others),
		cmocka_unit_test(icrc_is_right__knows_each_bit),
		cmocka_unit_test(icrc_put__ipv6_agrees_with_a_slow_one),
		cmocka_unit_test(roce_ip_build__ipv4),
		cmocka_unit_test(roce_ipv4_parse__refuses),
	};

	icrc_init(&icrc);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
