#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/core/outer.h"

static const uint8_t dmac[6] = {2, 0, 0, 0, 0, 2}, smac[6] = {2, 0, 0, 0, 0, 1};

static struct outer_flow flow_of(const char *src, const char *dst)
{
	struct outer_flow flow = {.src_port = 50001, .dst_port = 47700, .dscp = 34};

	assert_int_equal(ip_addr_parse(src, &flow.src), 0);
	assert_int_equal(ip_addr_parse(dst, &flow.dst), 0);
	memcpy(flow.src_mac, smac, 6);
	memcpy(flow.dst_mac, dmac, 6);
	return flow;
}

static uint32_t frame_write(uint8_t *frame, bool is_v6, uint32_t payload_len, uint8_t ecn)
{
	struct outer_flow flow =
		is_v6 ? flow_of("fd00:200::1", "fd00:200::2") : flow_of("10.200.0.1", "10.200.0.2");
	struct outer_template template;

	assert_int_equal(outer_template_init(&template, &flow), 0);
	return outer_write(&template, frame, payload_len, ecn) + payload_len;
}

static void ipv4_seal(uint8_t *ip)
{
	bytes_store16(ip + 10, 0);
	bytes_store16(ip + 10, (uint16_t)~bytes_fold(bytes_sum(ip, 20)));
}

static void outer_template_init__refuses_mixed_families(void **state)
{
	struct outer_flow flow = flow_of("10.200.0.1", "fd00:200::2");
	struct outer_template template;

	(void)state;
	assert_int_equal(outer_template_init(&template, &flow), -EINVAL);
}

static void outer_write__ipv4_image(void **state)
{
	/* 100 bytes of payload, CE; the checksum 0x2450 comes from another program. */
	/* clang-format off */
	static const uint8_t want[OUTER_IPV4_BYTES] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00,
		0x45, 0x8b, 0, 128, 0, 0, 0x40, 0, 64, 17, 0x24, 0x50, 10, 200, 0, 1, 10, 200, 0, 2,
		0xc3, 0x51, 0xba, 0x54, 0, 108, 0, 0,
	};
	/* clang-format on */
	uint8_t frame[OUTER_MAX_BYTES];

	(void)state;
	assert_int_equal(frame_write(frame, false, 100, ECN_CE), OUTER_IPV4_BYTES + 100);
	assert_memory_equal(frame, want, sizeof(want));
}

static void outer_write__ipv6_image(void **state)
{
	/* clang-format off */
	static const uint8_t want[OUTER_IPV6_BYTES] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd,
		0x68, 0xa0, 0, 0, 0, 108, 17, 64,
		0xfd, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		0xfd, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
		0xc3, 0x51, 0xba, 0x54, 0, 108, 0, 0,
	};
	/* clang-format on */
	uint8_t frame[OUTER_MAX_BYTES];

	(void)state;
	assert_int_equal(frame_write(frame, true, 100, ECN_ECT0), OUTER_IPV6_BYTES + 100);
	assert_memory_equal(frame, want, sizeof(want));
}

static void outer_write__checksum_at_any_length(void **state)
{
	uint8_t frame[OUTER_MAX_BYTES];

	(void)state;
	for (uint32_t len = 0; len < 65507; len += 11) {
		frame_write(frame, false, len, (uint8_t)(len & 3));
		assert_int_equal(bytes_fold(bytes_sum(frame + 14, 20)), 0xffff);
		assert_int_equal(bytes_load16(frame + 16), len + 28);
		assert_int_equal(bytes_load16(frame + 38), len + 8);
	}
}

static void outer_set_macs__changes_nothing_else(void **state)
{
	struct outer_flow flow = flow_of("10.200.0.1", "10.200.0.2");
	struct outer_template template;
	uint8_t before[OUTER_MAX_BYTES], after[OUTER_MAX_BYTES];

	(void)state;
	assert_int_equal(outer_template_init(&template, &flow), 0);
	outer_write(&template, before, 64, ECN_NOT_ECT);
	outer_set_macs(&template, smac, dmac);
	outer_write(&template, after, 64, ECN_NOT_ECT);
	assert_memory_equal(after, smac, 6);
	assert_memory_equal(after + 6, dmac, 6);
	assert_memory_equal(after + 12, before + 12, OUTER_IPV4_BYTES - 12);
}

static void outer_parse__reads_what_was_written(void **state)
{
	(void)state;
	for (int is_v6 = 0; is_v6 < 2; is_v6++) {
		for (uint8_t ecn = 0; ecn < 4; ecn++) {
			struct outer_flow flow = is_v6 ? flow_of("fd00:200::1", "fd00:200::2")
						       : flow_of("10.200.0.1", "10.200.0.2");
			uint8_t frame[256] = {0};
			uint32_t len = frame_write(frame, is_v6, 100, ecn);
			struct outer out;
			enum drop why;

			assert_true(outer_parse(frame, len + 3, &out, &why)); /* padding */
			assert_true(ip_addr_equal(&out.src, &flow.src));
			assert_true(ip_addr_equal(&out.dst, &flow.dst));
			assert_int_equal(out.src_port, 50001);
			assert_int_equal(out.dst_port, 47700);
			assert_int_equal(out.ecn, ecn);
			assert_int_equal(out.is_v6, is_v6);
			assert_int_equal(out.payload_offset, len - 100);
			assert_int_equal(out.payload_len, 100);
			for (uint32_t cut = 0; cut < len; cut++) {
				assert_false(outer_parse(frame, cut, &out, &why));
				assert_int_equal(why, DROP_OUTER_MALFORMED);
			}
		}
	}
}

static void outer_parse__reads_through_priority_tags(void **state)
{
	static const uint8_t tags[8] = {0x88, 0xa8, 0x20, 0, 0x81, 0, 0xe0, 0};
	uint8_t plain[256] = {0}, tagged[256];
	uint32_t len = frame_write(plain, false, 100, 0);
	struct outer out;
	enum drop why;

	(void)state;
	memcpy(tagged, plain, 12);
	memcpy(tagged + 12, tags, 8);
	memcpy(tagged + 20, plain + 12, len - 12);
	assert_true(outer_parse(tagged, len + 8, &out, &why));
	assert_int_equal(out.payload_offset, OUTER_IPV4_BYTES + 8);
	assert_int_equal(out.payload_len, 100);
}

static void outer_parse__refuses(void **state)
{
	static const struct {
		const char *what;
		bool is_v6;
		uint32_t at; /* from the start of the IP header */
		uint16_t value;
		bool seals;
	} cases[] = {
		{"version 6 in IPv4", false, 0, 0x6588, true},
		{"options", false, 0, 0x4688, true},
		{"more fragments", false, 6, 0x2000, true},
		{"fragment offset", false, 6, 0x0001, true},
		{"reserved bit", false, 6, 0xc000, true},
		{"TCP", false, 8, 0x4006, true},
		{"checksum", false, 4, 1, false},
		{"total length short", false, 2, 127, true},
		{"total length long", false, 2, 129, true},
		{"total length tiny", false, 2, 20, true},
		{"UDP length short", false, 24, 107, false},
		{"UDP length long", false, 24, 109, false},
		{"UDP length below 8", false, 24, 7, false},
		{"version 4 in IPv6", true, 0, 0x4800, false},
		{"extension header", true, 6, 0x0040, false},
		{"payload length 0", true, 4, 0, false},
		{"payload length long", true, 4, 109, false},
		{"payload length short", true, 4, 107, false},
		{"UDP length", true, 44, 107, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t frame[256] = {0};
		uint32_t len = frame_write(frame, cases[i].is_v6, 100, 0);
		struct outer out;
		enum drop why = DROP_COUNT;

		bytes_store16(frame + 14 + cases[i].at, cases[i].value);
		if (cases[i].seals)
			ipv4_seal(frame + 14);
		if (outer_parse(frame, len, &out, &why) || why != DROP_OUTER_MALFORMED)
			fail_msg("%s", cases[i].what);
	}
}

static void outer_parse__refuses_mapped_ipv6(void **state)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	struct outer out;
	enum drop why;

	(void)state;
	for (uint32_t at = 22; at <= 38; at += 16) {
		uint8_t frame[256] = {0};
		uint32_t len = frame_write(frame, true, 100, 0);

		memcpy(frame + at, mapped, 12);
		assert_false(outer_parse(frame, len, &out, &why));
		assert_int_equal(why, DROP_OUTER_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outer_template_init__refuses_mixed_families),
		cmocka_unit_test(outer_write__ipv4_image),
		cmocka_unit_test(outer_write__ipv6_image),
		cmocka_unit_test(outer_write__checksum_at_any_length),
		cmocka_unit_test(outer_set_macs__changes_nothing_else),
		cmocka_unit_test(outer_parse__reads_what_was_written),
		cmocka_unit_test(outer_parse__reads_through_priority_tags),
		cmocka_unit_test(outer_parse__refuses),
		cmocka_unit_test(outer_parse__refuses_mapped_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
