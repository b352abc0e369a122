#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/roce/wire.h"

static void roce_write__is_the_bytes_of_the_standard(void **state)
{
	static const uint8_t write_only[] = {0x0a, 0x70, 0xff, 0xff, 0x40, 0x12, 0x34, 0x56,
					     0x80, 0xfe, 0xdc, 0xba, 1,	   2,	 3,    4,
					     5,	   6,	 7,    8,    0xaa, 0xbb, 0xcc, 0xdd,
					     0,	   0,	 0,    1,    0x99, 0,	 0,    0};
	struct roce_packet packet = {.opcode = ROCE_WRITE_ONLY,
				     .ack_request = true,
				     .becn = true,
				     .psn = 0xfedcba,
				     .dest_qp = 0x123456,
				     .va = 0x0102030405060708,
				     .rkey = 0xaabbccdd,
				     .dma_bytes = 1,
				     .payload_bytes = 1};
	uint8_t bytes[64];

	(void)state;
	memset(bytes, 0x55, sizeof(bytes));
	assert_int_equal(roce_write(bytes, &packet), ROCE_BTH_BYTES + ROCE_RETH_BYTES);
	bytes[28] = 0x99;
	assert_memory_equal(bytes, write_only, sizeof(write_only));
	assert_int_equal(bytes[sizeof(write_only)], 0x55);
	assert_int_equal(roce_packet_bytes(ROCE_WRITE_ONLY, 1), 36);
}

static void roce_parse__reads_what_was_written(void **state)
{
	static const uint8_t opcodes[] = {ROCE_SEND_FIRST, ROCE_SEND_MIDDLE, ROCE_SEND_LAST,
					  ROCE_SEND_ONLY,  ROCE_WRITE_FIRST, ROCE_WRITE_MIDDLE,
					  ROCE_WRITE_LAST, ROCE_WRITE_ONLY,  ROCE_ACK,
					  ROCE_CNP};

	(void)state;
	for (uint32_t i = 0; i < sizeof(opcodes); i++)
		for (uint32_t len = 0; len < 9; len++) {
			struct roce_packet in = {.opcode = opcodes[i],
						 .psn = 0xffffff,
						 .dest_qp = 0x201,
						 .payload_bytes = roce_place(opcodes[i]) ? len : 0},
					   out;
			uint8_t bytes[128] = {0};

			if (opcodes[i] == ROCE_ACK) {
				in.syndrome = ROCE_SYNDROME_NAK;
				in.msn = 0x123456;
			} else if (roce_has_reth(opcodes[i])) {
				in.va = UINT64_MAX;
				in.dma_bytes = 77;
			}
			in.payload = bytes + roce_write(bytes, &in);
			assert_true(roce_parse(
				bytes, roce_packet_bytes(opcodes[i], in.payload_bytes), &out));
			assert_memory_equal(&in, &out, sizeof(in));
		}
}

static void roce_parse__refuses_what_is_short_or_foreign(void **state)
{
	uint8_t bytes[64] = {0};
	struct roce_packet packet = {.opcode = ROCE_ACK}, out;

	(void)state;
	roce_write(bytes, &packet);
	assert_true(roce_parse(bytes, 20, &out));
	for (uint32_t len = 0; len < 20; len++)
		assert_false(roce_parse(bytes, len, &out));
	assert_false(roce_parse(bytes, 24, &out)); /* payload in an acknowledgement */
	bytes[0] = 12;				   /* RDMA READ is not ours */
	assert_false(roce_parse(bytes, 20, &out));
	bytes[0] = ROCE_ACK;
	bytes[2] = 0x7f; /* partition */
	assert_false(roce_parse(bytes, 20, &out));
	bytes[2] = 0xff;
	bytes[1] |= 1; /* transport version */
	assert_false(roce_parse(bytes, 20, &out));
	bytes[1] = 0x10; /* padding that cannot be */
	assert_false(roce_parse(bytes, 20, &out));
}

static void roce_parse__takes_a_longer_padding_for_none(void **state)
{
	struct roce_packet packet = {.opcode = ROCE_SEND_ONLY, .payload_bytes = 5}, out;
	uint8_t bytes[64] = {0};

	(void)state;
	roce_write(bytes, &packet);
	assert_true(roce_parse(bytes, 24, &out));
	assert_int_equal(out.payload_bytes, 5);
	assert_false(
		roce_parse(bytes, 16, &out)); /* three bytes of padding and no place for them */
	assert_false(roce_parse(bytes, 25, &out));
}

static void roce_opcode__places(void **state)
{
	(void)state;
	for (uint8_t place = ROCE_PLACE_FIRST; place <= ROCE_PLACE_ONLY; place++)
		for (unsigned int is_write = 0; is_write < 2; is_write++) {
			uint8_t opcode = roce_opcode(place, is_write);

			assert_int_equal(roce_place(opcode), place);
			assert_int_equal(roce_is_write(opcode), is_write);
		}
	assert_int_equal(roce_place(ROCE_ACK), ROCE_PLACE_NONE);
	assert_int_equal(roce_place(ROCE_CNP), ROCE_PLACE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roce_write__is_the_bytes_of_the_standard),
		cmocka_unit_test(roce_parse__reads_what_was_written),
		cmocka_unit_test(roce_parse__refuses_what_is_short_or_foreign),
		cmocka_unit_test(roce_parse__takes_a_longer_padding_for_none),
		cmocka_unit_test(roce_opcode__places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
