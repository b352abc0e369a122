#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/roce/rc_receive.h"

#define MTU   1024
#define START 0xfffffe /* wraps in the third packet */

static struct rc_receive r;
static struct rc_taken taken;
static struct roce_packet replies[RC_REPLIES_MAX];

static int start(void **state)
{
	struct rc_receive_config config = {.start_psn = START,
					   .peer_qp = 0x101,
					   .rkey = 42,
					   .mtu = MTU,
					   .message_bytes_max = 10000};

	(void)state;
	return rc_receive_init(&r, &config);
}

static enum rc_verdict give_at(uint32_t number, uint8_t opcode, uint32_t len, bool ack, bool ce,
			       uint64_t now)
{
	struct roce_packet packet = {.opcode = opcode,
				     .psn = (START + number) & ROCE_24_BITS,
				     .ack_request = ack,
				     .payload_bytes = len,
				     .rkey = 42,
				     .va = 0x1000,
				     .dma_bytes = 2 * MTU + 10};

	return rc_receive_on_packet(&r, &packet, ce, now, &taken);
}

static enum rc_verdict give(uint32_t number, uint8_t opcode, uint32_t len, bool ack)
{
	return give_at(number, opcode, len, ack, false, 0);
}

static void expect_reply(uint8_t syndrome, uint32_t number, uint32_t msn)
{
	assert_int_equal(rc_receive_poll(&r, replies), 1);
	assert_int_equal(replies[0].opcode, ROCE_ACK);
	assert_int_equal(replies[0].dest_qp, 0x101);
	assert_int_equal(replies[0].syndrome, syndrome);
	assert_int_equal(replies[0].psn, (START + number) & ROCE_24_BITS);
	assert_int_equal(replies[0].msn, msn);
	assert_int_equal(rc_receive_poll(&r, replies), 0);
}

static void rc_receive__takes_a_write_across_the_wrap(void **state)
{
	(void)state;
	assert_int_equal(give(0, ROCE_WRITE_FIRST, MTU, false), RC_TAKEN);
	assert_int_equal(taken.offset, 0);
	assert_int_equal(give(1, ROCE_WRITE_MIDDLE, MTU, false), RC_TAKEN);
	assert_int_equal(taken.offset, MTU);
	assert_int_equal(taken.va, 0x1000);
	assert_false(taken.is_last);
	assert_int_equal(rc_receive_poll(&r, replies), 0); /* nobody asked */
	assert_int_equal(give(2, ROCE_WRITE_LAST, 10, true), RC_TAKEN);
	assert_int_equal(taken.offset, 2 * MTU);
	assert_true(taken.is_last);
	expect_reply(ROCE_SYNDROME_ACK, 2, 1);
	assert_int_equal(r.stats.messages, 1);
	assert_int_equal(r.stats.bytes, 2 * MTU + 10);
}

static void rc_receive__one_ack_for_a_burst(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(give(i, ROCE_SEND_ONLY, 100, true), RC_TAKEN);
	expect_reply(ROCE_SYNDROME_ACK, 4, 5);
}

static void rc_receive__one_nak_until_the_missing_one_comes(void **state)
{
	(void)state;
	assert_int_equal(give(0, ROCE_SEND_ONLY, 1, false), RC_TAKEN);
	assert_int_equal(give(2, ROCE_SEND_ONLY, 1, true), RC_AHEAD);
	assert_int_equal(give(3, ROCE_SEND_ONLY, 1, true), RC_AHEAD);
	expect_reply(ROCE_SYNDROME_NAK | ROCE_NAK_SEQUENCE, 1, 1);
	assert_int_equal(give(4, ROCE_SEND_ONLY, 1, true), RC_AHEAD);
	assert_int_equal(rc_receive_poll(&r, replies), 0);
	assert_int_equal(give(1, ROCE_SEND_ONLY, 1, true), RC_TAKEN);
	expect_reply(ROCE_SYNDROME_ACK, 1, 2);
	/* The next gap is another matter. */
	assert_int_equal(give(3, ROCE_SEND_ONLY, 1, true), RC_AHEAD);
	expect_reply(ROCE_SYNDROME_NAK | ROCE_NAK_SEQUENCE, 2, 2);
	assert_int_equal(r.stats.out_of_order, 4);
	assert_int_equal(r.stats.naks_sent, 2);
}

/* The missing packet came within the same burst: no NAK leaves, and the next gap may have one. */
static void rc_receive__overtaken_in_a_burst(void **state)
{
	(void)state;
	assert_int_equal(give(1, ROCE_SEND_ONLY, 1, false), RC_AHEAD);
	assert_int_equal(give(0, ROCE_SEND_ONLY, 1, true), RC_TAKEN);
	expect_reply(ROCE_SYNDROME_ACK, 0, 1);
}

static void rc_receive__acknowledges_duplicates_again(void **state)
{
	(void)state;
	give(0, ROCE_SEND_ONLY, 1, true);
	give(1, ROCE_SEND_ONLY, 1, true);
	rc_receive_poll(&r, replies);
	assert_int_equal(give(0, ROCE_SEND_ONLY, 1, false), RC_DUPLICATE);
	expect_reply(ROCE_SYNDROME_ACK, 1, 2);
	assert_int_equal(r.stats.duplicates, 1);
	assert_int_equal(r.stats.messages, 2);
}

static void rc_receive__refuses_messages_that_do_not_fit(void **state)
{
	static const struct {
		uint8_t first, second;
		uint32_t first_len, second_len;
		uint8_t code;
	} cases[] = {
		{ROCE_SEND_MIDDLE, 0, MTU, 0, ROCE_NAK_INVALID},
		{ROCE_SEND_LAST, 0, 1, 0, ROCE_NAK_INVALID},
		{ROCE_SEND_FIRST, 0, MTU - 4, 0, ROCE_NAK_INVALID},
		{ROCE_SEND_ONLY, 0, MTU + 4, 0, ROCE_NAK_INVALID},
		{ROCE_SEND_ONLY, 0, 0, 0, ROCE_NAK_INVALID},
		{ROCE_SEND_FIRST, ROCE_SEND_FIRST, MTU, MTU, ROCE_NAK_INVALID},
		{ROCE_SEND_FIRST, ROCE_SEND_ONLY, MTU, MTU, ROCE_NAK_INVALID},
		{ROCE_SEND_FIRST, ROCE_WRITE_LAST, MTU, 1, ROCE_NAK_INVALID},
		{ROCE_WRITE_FIRST, ROCE_WRITE_LAST, MTU, MTU, ROCE_NAK_INVALID}, /* RETH: 2058 */
		{ROCE_WRITE_ONLY, 0, 100, 0, ROCE_NAK_INVALID},
	};

	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t last = cases[i].second_len ? 1 : 0;

		start(state);
		if (last)
			assert_int_equal(give(0, cases[i].first, cases[i].first_len, false),
					 RC_TAKEN);
		assert_int_equal(give(last, last ? cases[i].second : cases[i].first,
				      last ? cases[i].second_len : cases[i].first_len, false),
				 RC_INVALID);
		expect_reply(ROCE_SYNDROME_NAK | cases[i].code, last, 0);
		/* The queue pair is in error: silence. */
		assert_int_equal(give(last, ROCE_SEND_ONLY, 1, true), RC_INVALID);
		assert_int_equal(rc_receive_poll(&r, replies), 0);
	}
}

static void rc_receive__refuses_a_foreign_key(void **state)
{
	struct roce_packet packet = {.opcode = ROCE_WRITE_ONLY,
				     .psn = START,
				     .payload_bytes = 4,
				     .dma_bytes = 4,
				     .rkey = 43};

	(void)state;
	assert_int_equal(rc_receive_on_packet(&r, &packet, false, 0, &taken), RC_INVALID);
	expect_reply(ROCE_SYNDROME_NAK | ROCE_NAK_ACCESS, 0, 0);
}

static void rc_receive__notifies_at_most_once_per_interval(void **state)
{
	(void)state;
	give_at(0, ROCE_SEND_ONLY, 1, true, true, 0);
	give_at(1, ROCE_SEND_ONLY, 1, true, true, 10);
	assert_int_equal(rc_receive_poll(&r, replies), 2);
	assert_int_equal(replies[0].opcode, ROCE_CNP);
	assert_int_equal(replies[0].dest_qp, 0x101);
	assert_true(replies[0].becn);
	assert_int_equal(replies[1].opcode, ROCE_ACK);
	give_at(2, ROCE_SEND_ONLY, 1, false, true, RC_CNP_INTERVAL_NS - 1);
	assert_int_equal(rc_receive_poll(&r, replies), 0);
	/* Also for one that is dropped. */
	give_at(1, ROCE_SEND_ONLY, 1, false, true, RC_CNP_INTERVAL_NS);
	assert_int_equal(rc_receive_poll(&r, replies), 2);
	assert_int_equal(r.stats.ce_seen, 4);
	assert_int_equal(r.stats.cnps_sent, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rc_receive__takes_a_write_across_the_wrap, start),
		cmocka_unit_test_setup(rc_receive__one_ack_for_a_burst, start),
		cmocka_unit_test_setup(rc_receive__one_nak_until_the_missing_one_comes, start),
		cmocka_unit_test_setup(rc_receive__overtaken_in_a_burst, start),
		cmocka_unit_test_setup(rc_receive__acknowledges_duplicates_again, start),
		cmocka_unit_test_setup(rc_receive__refuses_messages_that_do_not_fit, start),
		cmocka_unit_test_setup(rc_receive__refuses_a_foreign_key, start),
		cmocka_unit_test_setup(rc_receive__notifies_at_most_once_per_interval, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
