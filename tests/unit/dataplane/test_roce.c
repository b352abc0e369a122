#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/dataplane/roce_sample.h"

static bool parse(const uint8_t *ip, uint32_t len, struct roce *roce)
{
	struct inner inner;
	enum drop why;

	if (!inner_parse(ip, len, &inner, &why) || !roce_parse(ip, &inner, roce))
		return false;
	/* What is one looks like one. */
	assert_true(roce_is_likely(ip, &inner));
	return true;
}

/* Makes the header checksum right again. */
static void reseal(uint8_t *ip)
{
	bytes_store16(ip + 10, 0);
	bytes_store16(ip + 10, (uint16_t)~bytes_fold(bytes_sum(ip, (ip[0] & 0xfu) * 4)));
}

static void roce_parse__cnp(void **state)
{
	struct roce roce;

	(void)state;
	assert_true(parse(roce_sample_cnp, sizeof(roce_sample_cnp), &roce));
	assert_int_equal(roce.opcode, ROCE_CNP);
	assert_int_equal(roce.kind, ROCE_KIND_CNP);
	assert_int_equal(roce.dest_qpn, 0x118);
	assert_int_equal(roce.pkey, 0xffff);
	assert_int_equal(roce.src_port, 0);
	assert_false(roce.has_data);
}

static void roce_parse__opcodes(void **state)
{
	static const struct {
		uint8_t opcode, kind;
		bool has_data;
	} cases[] = {
		{0x00, ROCE_KIND_REQUEST, true},   {0x04, ROCE_KIND_REQUEST, true},
		{0x0b, ROCE_KIND_REQUEST, true},   {0x0c, ROCE_KIND_REQUEST, false},
		{0x0d, ROCE_KIND_RESPONSE, true},  {0x10, ROCE_KIND_RESPONSE, true},
		{0x11, ROCE_KIND_RESPONSE, false}, {0x12, ROCE_KIND_RESPONSE, false},
		{0x13, ROCE_KIND_REQUEST, false},  {0x14, ROCE_KIND_REQUEST, false},
		{0x15, ROCE_KIND_OTHER, false},	   {0x16, ROCE_KIND_REQUEST, true},
		{0x17, ROCE_KIND_REQUEST, true},   {0x18, ROCE_KIND_OTHER, false},
		{0x24, ROCE_KIND_OTHER, false},	   {0x64, ROCE_KIND_OTHER, false},
		{0x81, ROCE_KIND_CNP, false},	   {0xa4, ROCE_KIND_OTHER, false},
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t ip[ROCE_SAMPLE_BYTES];
		uint32_t len = roce_sample_make(ip, false, cases[i].opcode, 0xabcdef, 0xfffffe, 7);
		struct roce roce;

		assert_true(parse(ip, len, &roce));
		assert_int_equal(roce.kind, cases[i].kind);
		assert_int_equal(roce.has_data, cases[i].has_data);
		assert_int_equal(roce.dest_qpn, 0xabcdef);
		assert_int_equal(roce.psn, 0xfffffe);
		assert_int_equal(roce.src_port, 7);
	}
}

static void roce_parse__reads_use_many(void **state)
{
	uint8_t ip[ROCE_SAMPLE_BYTES];
	uint32_t len = roce_sample_make(ip, false, 0x0c, 5, 6, 7);
	struct roce roce;

	(void)state;
	bytes_store32(ip + 52, 256 * 10 - 1);
	assert_true(parse(ip, len, &roce));
	assert_int_equal(roce.psn_span, 10);
	bytes_store32(ip + 52, UINT32_MAX);
	assert_true(parse(ip, len, &roce));
	assert_int_equal(roce.psn_span, 1 << 19);
	/* A read without its length. */
	bytes_store16(ip + 24, 8 + 12 + 15 + 4);
	assert_false(parse(ip, len, &roce));
}

static void roce_parse__refuses(void **state)
{
	static const struct {
		uint8_t at, value;
	} cases[] = {
		{9, 6},	    /* TCP */
		{6, 0x20},  /* first fragment */
		{7, 1},	    /* later fragment */
		{22, 0x13}, /* other port */
		{25, 23},   /* UDP too short for a BTH */
		{25, 45},   /* longer than the packet */
		{29, 1},    /* version of the transport header */
	};
	uint8_t ip[ROCE_SAMPLE_BYTES];
	struct roce roce;

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t len = roce_sample_make(ip, false, 4, 5, 6, 7);

		assert_true(parse(ip, len, &roce));
		ip[cases[i].at] = cases[i].value;
		reseal(ip);
		assert_false(parse(ip, len, &roce));
	}
}

static void roce_parse__ipv6_and_options(void **state)
{
	uint8_t v6[84] = {0x60, [5] = 44, [6] = 17, [7] = 64, [23] = 1, [39] = 2};
	uint8_t v4[ROCE_SAMPLE_BYTES + 4] = {0};
	uint8_t plain[ROCE_SAMPLE_BYTES];
	struct roce roce;

	(void)state;
	roce_sample_make(plain, false, 4, 5, 6, 7);
	memcpy(v6 + 40, plain + 20, 44);
	assert_true(parse(v6, sizeof(v6), &roce));
	assert_int_equal(roce.dest_qpn, 5);
	v6[6] = 44; /* a fragment header */
	assert_false(parse(v6, sizeof(v6), &roce));

	memcpy(v4, plain, 20);
	memcpy(v4 + 24, plain + 20, 44);
	v4[0] = 0x46;
	bytes_store16(v4 + 2, sizeof(v4));
	reseal(v4);
	assert_true(parse(v4, sizeof(v4), &roce));
	assert_int_equal(roce.psn, 6);
}

static void roce_linux_port__is_symmetric(void **state)
{
	(void)state;
	assert_int_equal(roce_linux_port(0x11, 0x22), 0xc000 | 0x242);
	/* 0xffffff * 0xffffff = 0xfffffe000001: ^ >> 20, ^ >> 40, low 20 bits, then folded. */
	assert_int_equal(roce_linux_port(0xffffff, 0xffffff), 0xff21);
	for (uint32_t i = 2; i < 1000; i++)
		assert_int_equal(roce_linux_port(i, i * 7919), roce_linux_port(i * 7919, i));
}

static void roce_psn_diff__wraps(void **state)
{
	(void)state;
	assert_int_equal(roce_psn_diff(5, 3), 2);
	assert_int_equal(roce_psn_diff(1, 0xffffff), 2);
	assert_int_equal(roce_psn_diff(0xffffff, 1), -2);
	assert_int_equal(roce_psn_diff(0x800000, 0), -0x800000);
}

/* At a glance: nothing is read behind a packet's end. */
static void roce_is_likely__glance(void **state)
{
	static const struct {
		uint32_t offset;
		uint8_t byte;
		bool is_likely;
	} cases[] = {{0, 0x45, true}, {9, 6, false}, {22, 0, false}, {23, 0, false}};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t ip[ROCE_SAMPLE_BYTES];
		struct inner inner;
		enum drop why;

		roce_sample_make(ip, false, 4, 1, 1, 7);
		ip[cases[i].offset] = cases[i].byte;
		reseal(ip);
		assert_true(inner_parse(ip, sizeof(ip), &inner, &why));
		assert_int_equal(roce_is_likely(ip, &inner), cases[i].is_likely);
		inner.total_len = inner.header_len + 7;
		assert_false(roce_is_likely(ip, &inner));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roce_parse__cnp),
		cmocka_unit_test(roce_parse__opcodes),
		cmocka_unit_test(roce_parse__reads_use_many),
		cmocka_unit_test(roce_parse__refuses),
		cmocka_unit_test(roce_parse__ipv6_and_options),
		cmocka_unit_test(roce_is_likely__glance),
		cmocka_unit_test(roce_linux_port__is_symmetric),
		cmocka_unit_test(roce_psn_diff__wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
