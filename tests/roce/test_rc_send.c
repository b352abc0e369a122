#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/roce/rc_send.h"

#define MTU	1024
#define START	0xfffffe
#define TIMEOUT 1000000
#define MAX	64

static struct rc_send s;
static struct rc_segment out[MAX];
static const struct rc_send_config usual = {.start_psn = START,
					    .dest_qp = 0x201,
					    .rkey = 42,
					    .mtu = MTU,
					    .message_bytes = 3 * MTU - 24,
					    .window = 8,
					    .depth = 4,
					    .ack_every = 4,
					    .retries = 2,
					    .timeout_ns = TIMEOUT,
					    .is_write = true};

static int start(void **state)
{
	(void)state;
	return rc_send_init(&s, &usual);
}

static uint32_t send_all(uint64_t now)
{
	uint32_t n = rc_send_poll(&s, out, MAX);

	rc_send_on_sent(&s, n, now);
	return n;
}

static void answer(uint8_t syndrome, uint32_t number, uint64_t now)
{
	struct roce_packet ack = {
		.opcode = ROCE_ACK, .syndrome = syndrome, .psn = (START + number) & ROCE_24_BITS};

	rc_send_on_ack(&s, &ack, now);
}

static void rc_send_poll__cuts_messages(void **state)
{
	static const uint8_t opcodes[] = {ROCE_WRITE_FIRST, ROCE_WRITE_MIDDLE, ROCE_WRITE_LAST};

	(void)state;
	assert_true(rc_send_post(&s, 5));
	assert_true(rc_send_post(&s, 6));
	assert_int_equal(rc_send_poll(&s, out, MAX), 6);
	for (uint32_t i = 0; i < 6; i++) {
		const struct roce_packet *packet = &out[i].packet;

		assert_int_equal(packet->opcode, opcodes[i % 3]);
		assert_int_equal(packet->psn, (START + i) & ROCE_24_BITS);
		assert_int_equal(packet->payload_bytes, i % 3 == 2 ? MTU - 24 : MTU);
		assert_int_equal(out[i].offset, i / 3 * (3 * MTU - 24) + i % 3 * MTU);
		assert_int_equal(packet->ack_request, i % 3 == 2 || i == 3);
	}
	assert_int_equal(out[3].packet.va, 3 * MTU - 24);
	assert_int_equal(out[3].packet.dma_bytes, 3 * MTU - 24);
	assert_int_equal(out[3].packet.rkey, 42);
	/* Nothing has gone out yet. */
	assert_int_equal(s.stats.packets, 0);
	assert_int_equal(rc_send_poll(&s, out, 2), 2);
}

static void rc_send_init__refuses(void **state)
{
	struct rc_send_config config = usual;

	(void)state;
	config.mtu = 1022;
	assert_int_equal(rc_send_init(&s, &config), -EINVAL);
	config = usual;
	config.message_bytes = 0;
	assert_int_equal(rc_send_init(&s, &config), -EINVAL);
	config = usual;
	config.window = RC_WINDOW_MAX + 1;
	assert_int_equal(rc_send_init(&s, &config), -EINVAL);
	config = usual;
	config.depth = RC_DEPTH_MAX + 1;
	assert_int_equal(rc_send_init(&s, &config), -EINVAL);
}

static void rc_send_post__holds_to_the_depth(void **state)
{
	uint64_t posted_ns;

	(void)state;
	for (uint64_t i = 0; i < 4; i++)
		assert_true(rc_send_post(&s, 10 + i));
	assert_false(rc_send_post(&s, 20));
	assert_int_equal(send_all(30), 8); /* the window */
	assert_true(out[7].packet.ack_request);
	assert_int_equal(send_all(30), 0);
	answer(ROCE_SYNDROME_ACK, 3, 40);
	assert_int_equal(s.stats.completed, 1);
	assert_true(rc_send_completion(&s, &posted_ns));
	assert_int_equal(posted_ns, 10);
	assert_false(rc_send_completion(&s, &posted_ns));
	assert_true(rc_send_post(&s, 41));
	assert_int_equal(send_all(42), 4);
}

static void rc_send_on_ack__nak_goes_back(void **state)
{
	(void)state;
	rc_send_post(&s, 0);
	rc_send_post(&s, 0);
	assert_int_equal(send_all(0), 6);
	answer(ROCE_SYNDROME_NAK, 2, 10);
	assert_int_equal(s.una, 2);
	assert_int_equal(send_all(20), 4);
	assert_int_equal(out[0].packet.psn, (START + 2) & ROCE_24_BITS);
	assert_int_equal(s.stats.resent, 4);
	assert_int_equal(s.stats.naks, 1);
	answer(ROCE_SYNDROME_ACK, 5, 30);
	assert_int_equal(s.stats.completed, 2);
	assert_true(rc_send_is_idle(&s));
	assert_int_equal(rc_send_deadline(&s), UINT64_MAX);
}

static void rc_send_on_ack__an_ack_overtakes_the_repetition(void **state)
{
	(void)state;
	rc_send_post(&s, 0);
	rc_send_post(&s, 0);
	send_all(0);
	answer(ROCE_SYNDROME_NAK, 1, 10);
	rc_send_on_sent(&s, 1, 20); /* packet 1 only */
	answer(ROCE_SYNDROME_ACK, 4, 30);
	assert_int_equal(s.next, 5);
	assert_int_equal(send_all(40), 1);
	assert_int_equal(s.stats.resent, 2);
}

static void rc_send_on_ack__ignores_the_impossible(void **state)
{
	(void)state;
	rc_send_post(&s, 0);
	send_all(0);
	answer(ROCE_SYNDROME_ACK, 3, 10); /* never sent */
	assert_int_equal(s.stats.bad, 1);
	answer(ROCE_SYNDROME_ACK, 0, 10);
	answer(ROCE_SYNDROME_ACK, 0, 10);
	answer(ROCE_SYNDROME_NAK, 0, 10);
	assert_int_equal(s.stats.stale, 2);
	assert_int_equal(s.next, 3); /* a stale NAK does not go back */
	answer(0x20, 1, 10);	     /* receiver not ready: never from this tool */
	answer(ROCE_SYNDROME_NAK | 4, 1, 10);
	assert_int_equal(s.stats.bad, 3);
	assert_int_equal(s.una, 1);
	assert_int_equal(s.error, RC_OK);
}

static void rc_send_on_time__ends_after_the_retries(void **state)
{
	uint64_t now = 0;

	(void)state;
	rc_send_post(&s, now);
	send_all(now);
	for (uint32_t i = 0; i < 2; i++) {
		now = rc_send_deadline(&s);
		assert_int_equal(now, (i + 1) * TIMEOUT);
		rc_send_on_time(&s, now - 1);
		assert_int_equal(s.stats.timeouts, i);
		rc_send_on_time(&s, now);
		assert_int_equal(send_all(now), 3);
	}
	rc_send_on_time(&s, rc_send_deadline(&s));
	assert_int_equal(s.error, RC_RETRY_EXCEEDED);
	assert_int_equal(s.stats.timeouts, 3);
	assert_int_equal(send_all(now), 0);
	assert_false(rc_send_post(&s, now));
	assert_int_equal(rc_send_deadline(&s), UINT64_MAX);
}

/* Progress gives the retries back, and starts the timer again. */
static void rc_send_on_ack__progress_restores_the_retries(void **state)
{
	(void)state;
	rc_send_post(&s, 0);
	send_all(0);
	rc_send_on_time(&s, TIMEOUT);
	rc_send_on_time(&s, 2 * TIMEOUT);
	send_all(2 * TIMEOUT);
	answer(ROCE_SYNDROME_ACK, 0, 2 * TIMEOUT + 5);
	assert_int_equal(rc_send_deadline(&s), 3 * TIMEOUT + 5);
	rc_send_on_time(&s, 3 * TIMEOUT + 5);
	assert_int_equal(s.error, RC_OK);
}

static void rc_send_on_ack__fatal_naks(void **state)
{
	static const enum rc_error errors[] = {RC_OK, RC_REMOTE_INVALID, RC_REMOTE_ACCESS,
					       RC_REMOTE_OPERATION};

	for (uint8_t code = ROCE_NAK_INVALID; code <= ROCE_NAK_OPERATION; code++) {
		start(state);
		rc_send_post(&s, 0);
		send_all(0);
		answer(ROCE_SYNDROME_NAK | code, 1, 10);
		assert_int_equal(s.error, errors[code]);
		assert_int_equal(send_all(20), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rc_send_poll__cuts_messages, start),
		cmocka_unit_test(rc_send_init__refuses),
		cmocka_unit_test_setup(rc_send_post__holds_to_the_depth, start),
		cmocka_unit_test_setup(rc_send_on_ack__nak_goes_back, start),
		cmocka_unit_test_setup(rc_send_on_ack__an_ack_overtakes_the_repetition, start),
		cmocka_unit_test_setup(rc_send_on_ack__ignores_the_impossible, start),
		cmocka_unit_test_setup(rc_send_on_time__ends_after_the_retries, start),
		cmocka_unit_test_setup(rc_send_on_ack__progress_restores_the_retries, start),
		cmocka_unit_test_setup(rc_send_on_ack__fatal_naks, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
