#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "dataplane/core/inner.h"

/* IPv4, DSCP 34, ECT(0), 24 bytes, TTL 64, UDP, 10.101.0.10 -> 10.102.0.10; the checksum is sealed
 * below. */
/* clang-format off */
static const uint8_t v4_base[28] = {
	0x45, 0x8a, 0, 24, 0x12, 0x34, 0x40, 0, 64, 17, 0, 0, 10, 101, 0, 10, 10, 102, 0, 10,
	1, 2, 3, 4,
};

/* IPv6, DSCP 46, ECT(1), flow label 0x54321, payload 4, UDP, hop limit 64, fd01::a -> fd02::a. */
static const uint8_t v6_base[48] = {
	0x6b, 0x95, 0x43, 0x21, 0, 4, 17, 64,
	0xfd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10,
	0xfd, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10,
	1, 2, 3, 4,
};
/* clang-format on */

/* The checksum computed over again, the slow way. */
static uint16_t checksum(const uint8_t *ip, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < len; i += 2)
		sum += i == 10 ? 0 : (uint64_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void seal(uint8_t *ip)
{
	bytes_store16(ip + 10, checksum(ip, (ip[0] & 0xf) * 4u));
}

static void inner_parse__ipv4(void **state)
{
	uint8_t ip[sizeof(v4_base)];
	struct inner out;
	enum drop why;

	(void)state;
	memcpy(ip, v4_base, sizeof(ip));
	seal(ip);
	assert_true(inner_parse(ip, 28, &out, &why)); /* 4 bytes of padding */
	assert_int_equal(out.total_len, 24);
	assert_int_equal(out.header_len, 20);
	assert_int_equal(out.ttl, 64);
	assert_int_equal(out.dscp, 34);
	assert_int_equal(out.ecn, ECN_ECT0);
	assert_false(out.is_v6);
	assert_true(ip_addr_is_v4(&out.src));
	assert_memory_equal(out.src.bytes + 12, ip + 12, 4);
	assert_memory_equal(out.dst.bytes + 12, ip + 16, 4);
	assert_true(inner_parse(ip, 24, &out, &why));
}

static void inner_parse__ipv4_options(void **state)
{
	uint8_t ip[28] = {0};
	struct inner out;
	enum drop why;

	(void)state;
	memcpy(ip, v4_base, 20);
	memcpy(ip + 24, v4_base + 20, 4);
	ip[0] = 0x46;
	ip[3] = 28;
	ip[20] = 1; /* no operation */
	seal(ip);
	assert_true(inner_parse(ip, 28, &out, &why));
	assert_int_equal(out.header_len, 24);
	ip[20] = 2; /* the checksum covers options too */
	assert_false(inner_parse(ip, 28, &out, &why));
}

static void inner_parse__ipv6(void **state)
{
	struct inner out;
	enum drop why;

	(void)state;
	assert_true(inner_parse(v6_base, sizeof(v6_base), &out, &why));
	assert_int_equal(out.total_len, 44);
	assert_int_equal(out.header_len, 40);
	assert_int_equal(out.ttl, 64);
	assert_int_equal(out.dscp, 46);
	assert_int_equal(out.ecn, ECN_ECT1);
	assert_true(out.is_v6);
	assert_memory_equal(out.src.bytes, v6_base + 8, 16);
	assert_memory_equal(out.dst.bytes, v6_base + 24, 16);
}

static void inner_parse__refuses(void **state)
{
	static const struct {
		const char *what;
		const uint8_t *base;
		uint32_t len, at;
		uint8_t value;
		bool seals;
	} cases[] = {
		{"empty", v4_base, 0, 0, 0x45, true},
		{"version 5", v4_base, 28, 0, 0x55, true},
		{"version 0", v4_base, 28, 0, 0x05, true},
		{"19 bytes", v4_base, 19, 0, 0x45, true},
		{"header length 16", v4_base, 28, 0, 0x44, true},
		{"header past total", v4_base, 28, 0, 0x47, true},
		{"total past frame", v4_base, 23, 0, 0x45, true},
		{"total below header", v4_base, 28, 3, 19, true},
		{"total huge", v4_base, 28, 2, 0xff, true},
		{"checksum", v4_base, 28, 8, 63, false},
		{"IPv6 39 bytes", v6_base, 39, 0, 0x6b, false},
		{"IPv6 payload past frame", v6_base, 43, 0, 0x6b, false},
		{"IPv6 payload huge", v6_base, 48, 4, 1, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t ip[48] = {0};
		struct inner out;
		enum drop why = DROP_COUNT;

		memcpy(ip, cases[i].base, cases[i].base == v4_base ? 28 : 48);
		if (cases[i].base == v4_base)
			seal(ip);
		ip[cases[i].at] = cases[i].value;
		if (cases[i].seals && (ip[0] & 0xf) <= 7)
			seal(ip);
		if (inner_parse(ip, cases[i].len, &out, &why) || why != DROP_MALFORMED)
			fail_msg("%s", cases[i].what);
	}
}

static void inner_parse__refuses_mapped_ipv6(void **state)
{
	static const uint8_t mapped[16] = {0, 0, 0,    0,    0,	 0,   0, 0,
					   0, 0, 0xff, 0xff, 10, 101, 0, 10};
	uint8_t ip[48];
	struct inner out;
	enum drop why;

	(void)state;
	for (int at = 8; at <= 24; at += 16) {
		memcpy(ip, v6_base, sizeof(ip));
		memcpy(ip + at, mapped, 16);
		assert_false(inner_parse(ip, sizeof(ip), &out, &why));
		assert_int_equal(why, DROP_MALFORMED);
	}
}

static void inner_offset__table(void **state)
{
	static const struct {
		const char *what;
		uint8_t tail[14]; /* from the EtherType on */
		uint32_t len;
		int offset; /* -1: refused */
		bool is_v6;
	} cases[] = {
		{"IPv4", {0x08, 0x00}, 14, 14, false},
		{"IPv6", {0x86, 0xdd}, 14, 14, true},
		{"ARP", {0x08, 0x06}, 60, -1, false},
		{"length field", {0x00, 0x40}, 60, -1, false},
		{"short", {0x08, 0x00}, 13, -1, false},
		{"priority tag", {0x81, 0, 0xe0, 0, 0x08, 0}, 18, 18, false},
		{"priority tag cut", {0x81, 0, 0xe0, 0, 0x08, 0}, 17, -1, false},
		{"service tag", {0x88, 0xa8, 0x20, 0, 0x86, 0xdd}, 18, 18, true},
		{"two tags", {0x88, 0xa8, 0, 0, 0x81, 0, 0xe0, 0, 0x08, 0}, 22, 22, false},
		{"two tags cut", {0x88, 0xa8, 0, 0, 0x81, 0, 0xe0, 0, 0x08, 0}, 21, -1, false},
		{"three tags", {0x81, 0, 0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 0, 8, 0}, 60, -1, false},
		{"VLAN 1", {0x81, 0, 0xe0, 1, 0x08, 0}, 60, -1, false},
		{"VLAN 256", {0x81, 0, 0x01, 0, 0x08, 0}, 60, -1, false},
		{"VLAN inside", {0x81, 0, 0, 0, 0x81, 0, 0, 2, 0x08, 0}, 60, -1, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t frame[60] = {0};
		uint32_t offset = 0;
		bool is_v6 = false, found;
		enum drop why = DROP_COUNT;

		memcpy(frame + 12, cases[i].tail, sizeof(cases[i].tail));
		found = inner_offset(frame, cases[i].len, &offset, &is_v6, &why);
		if (found != (cases[i].offset >= 0))
			fail_msg("%s", cases[i].what);
		if (!found)
			assert_int_equal(why, DROP_MALFORMED);
		else
			assert_int_equal(offset, cases[i].offset);
		assert_int_equal(is_v6, cases[i].is_v6);
	}
}

/* Incremental and full checksum agree for every TTL, with every other byte of the word and header.
 */
static void inner_ttl_decrement__checksum(void **state)
{
	uint8_t ip[sizeof(v4_base)];

	(void)state;
	memcpy(ip, v4_base, sizeof(ip));
	for (uint32_t id = 0; id < 65536; id += 13) {
		bytes_store16(ip + 4, (uint16_t)id);
		ip[9] = (uint8_t)(id >> 8);
		ip[8] = (uint8_t)(id % 255 + 1);
		seal(ip);
		inner_ttl_decrement(ip);
		assert_int_equal(ip[8], id % 255);
		assert_int_equal(bytes_load16(ip + 10), checksum(ip, 20));
	}
}

static void inner_ttl_decrement__ipv6(void **state)
{
	uint8_t ip[sizeof(v6_base)];

	(void)state;
	memcpy(ip, v6_base, sizeof(ip));
	inner_ttl_decrement(ip);
	assert_int_equal(ip[7], 63);
	ip[7] = 64;
	assert_memory_equal(ip, v6_base, sizeof(ip));
}

static void inner_ecn_set__all(void **state)
{
	uint8_t v4[sizeof(v4_base)], v6[sizeof(v6_base)];
	struct inner out;
	enum drop why;

	(void)state;
	memcpy(v4, v4_base, sizeof(v4));
	memcpy(v6, v6_base, sizeof(v6));
	seal(v4);
	for (uint32_t step = 0; step < 16; step++) {
		uint8_t ecn = (uint8_t)(step * 7 / 3 & 3);

		inner_ecn_set(v4, ecn);
		inner_ecn_set(v6, ecn);
		assert_int_equal(bytes_load16(v4 + 10), checksum(v4, 20));
		assert_true(inner_parse(v4, sizeof(v4), &out, &why));
		assert_int_equal(out.ecn, ecn);
		assert_int_equal(out.dscp, 34);
		assert_true(inner_parse(v6, sizeof(v6), &out, &why));
		assert_int_equal(out.ecn, ecn);
		assert_int_equal(out.dscp, 46);
		assert_int_equal(bytes_load24(v6 + 1) & 0xfffff, 0x54321);
	}
}

/* Each DSCP after each other one, with each ECN: nothing else changes but IPv4's checksum. */
static void inner_dscp_set__all(void **state)
{
	uint8_t v4[sizeof(v4_base)], v6[sizeof(v6_base)], want[sizeof(v6_base)];
	struct inner out;
	enum drop why;

	(void)state;
	memcpy(v4, v4_base, sizeof(v4));
	memcpy(v6, v6_base, sizeof(v6));
	seal(v4);
	for (uint32_t step = 0; step < 4 * 64 * 64; step++) {
		uint8_t ecn = step & 3, dscp = (uint8_t)((step >> 2) * 37 / 64 & 63);

		inner_ecn_set(v4, ecn);
		inner_ecn_set(v6, ecn);
		bytes_store16(v4 + 4, (uint16_t)(step * 13));
		seal(v4);
		inner_dscp_set(v4, dscp);
		inner_dscp_set(v6, dscp);
		assert_int_equal(bytes_load16(v4 + 10), checksum(v4, 20));
		assert_true(inner_parse(v4, sizeof(v4), &out, &why));
		assert_int_equal(out.dscp, dscp);
		assert_int_equal(out.ecn, ecn);
		assert_true(inner_parse(v6, sizeof(v6), &out, &why));
		assert_int_equal(out.dscp, dscp);
		assert_int_equal(out.ecn, ecn);
	}
	memcpy(want, v6_base, sizeof(want));
	memcpy(want, v6, 2);
	assert_memory_equal(v6, want, sizeof(v6));
	assert_int_equal(v6[0] >> 4, 6);
	assert_int_equal(bytes_load24(v6 + 1) & 0xfffff, 0x54321);
	assert_memory_equal(v4 + 6, v4_base + 6, 4);
	assert_memory_equal(v4 + 12, v4_base + 12, 16);
}

static void ecn_encapsulate__copies(void **state)
{
	(void)state;
	for (uint8_t ecn = 0; ecn < 4; ecn++)
		assert_int_equal(ecn_encapsulate(ecn), ecn);
}

static void ecn_decapsulate__rfc_6040_figure_4(void **state)
{
	static const struct {
		uint8_t inner, outer;
		int result; /* -1: drop */
	} cases[16] = {
		{ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT},
		{ECN_NOT_ECT, ECN_ECT0, ECN_NOT_ECT},
		{ECN_NOT_ECT, ECN_ECT1, ECN_NOT_ECT},
		{ECN_NOT_ECT, ECN_CE, -1},
		{ECN_ECT0, ECN_NOT_ECT, ECN_ECT0},
		{ECN_ECT0, ECN_ECT0, ECN_ECT0},
		{ECN_ECT0, ECN_ECT1, ECN_ECT1},
		{ECN_ECT0, ECN_CE, ECN_CE},
		{ECN_ECT1, ECN_NOT_ECT, ECN_ECT1},
		{ECN_ECT1, ECN_ECT0, ECN_ECT1},
		{ECN_ECT1, ECN_ECT1, ECN_ECT1},
		{ECN_ECT1, ECN_CE, ECN_CE},
		{ECN_CE, ECN_NOT_ECT, ECN_CE},
		{ECN_CE, ECN_ECT0, ECN_CE},
		{ECN_CE, ECN_ECT1, ECN_CE},
		{ECN_CE, ECN_CE, ECN_CE},
	};

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		uint8_t result;
		bool passes = ecn_decapsulate(cases[i].inner, cases[i].outer, &result);

		assert_int_equal(passes, cases[i].result >= 0);
		if (passes)
			assert_int_equal(result, cases[i].result);
	}
}

static void inner_ethernet_write__image(void **state)
{
	static const uint8_t dmac[6] = {1, 2, 3, 4, 5, 6}, smac[6] = {7, 8, 9, 10, 11, 12};
	static const uint8_t want[14] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x08, 0x00};
	uint8_t frame[14];

	(void)state;
	inner_ethernet_write(frame, dmac, smac, false);
	assert_memory_equal(frame, want, 14);
	inner_ethernet_write(frame, dmac, smac, true);
	assert_memory_equal(frame, want, 12);
	assert_int_equal(bytes_load16(frame + 12), 0x86dd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inner_parse__ipv4),
		cmocka_unit_test(inner_parse__ipv4_options),
		cmocka_unit_test(inner_parse__ipv6),
		cmocka_unit_test(inner_parse__refuses),
		cmocka_unit_test(inner_parse__refuses_mapped_ipv6),
		cmocka_unit_test(inner_offset__table),
		cmocka_unit_test(inner_ttl_decrement__checksum),
		cmocka_unit_test(inner_ttl_decrement__ipv6),
		cmocka_unit_test(inner_ecn_set__all),
		cmocka_unit_test(inner_dscp_set__all),
		cmocka_unit_test(ecn_encapsulate__copies),
		cmocka_unit_test(ecn_decapsulate__rfc_6040_figure_4),
		cmocka_unit_test(inner_ethernet_write__image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
