/*
 * Both machines over a line that loses, doubles and holds back: whatever it does, messages come
 * complete, once and in order, or the sender says that it has given up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/roce/rc_receive.h"
#include "tests/roce/rc_send.h"

#define LINE_PACKETS  4096
#define TIMEOUT_TICKS 200
#define DELAY_TICKS   10
#define MESSAGES      300

struct line {
	struct roce_packet packets[LINE_PACKETS];
	uint64_t due[LINE_PACKETS]; /* 0: free */
};

struct world {
	struct rc_send send;
	struct rc_receive receive;
	struct line there, back;
	uint64_t dice, taken_bytes;
	uint32_t loss_ppm, double_ppm, hold_ppm;
};

static uint32_t dice(struct world *w)
{
	w->dice = w->dice * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((w->dice >> 33) % 1000000);
}

static void line_add(struct line *line, const struct roce_packet *packet, uint64_t due)
{
	for (uint32_t i = 0; i < LINE_PACKETS; i++)
		if (!line->due[i]) {
			line->packets[i] = *packet;
			line->due[i] = due;
			return;
		}
}

static void line_put(struct world *w, struct line *line, const struct roce_packet *packet,
		     uint64_t now)
{
	if (dice(w) < w->loss_ppm)
		return;
	line_add(line, packet, now + DELAY_TICKS + (dice(w) < w->hold_ppm ? 7 : 0));
	if (dice(w) < w->double_ppm)
		line_add(line, packet, now + DELAY_TICKS + 1);
}

static void receiver_tick(struct world *w, uint64_t now)
{
	struct roce_packet replies[RC_REPLIES_MAX];
	struct rc_taken taken;
	uint32_t n;

	for (uint32_t i = 0; i < LINE_PACKETS; i++) {
		if (!w->there.due[i] || w->there.due[i] > now)
			continue;
		w->there.due[i] = 0;
		if (rc_receive_on_packet(&w->receive, &w->there.packets[i], false, now, &taken) !=
		    RC_TAKEN)
			continue;
		/* `va` carries the offset in the stream of all messages. */
		assert_int_equal(w->there.packets[i].va, w->taken_bytes);
		w->taken_bytes += w->there.packets[i].payload_bytes;
	}
	n = rc_receive_poll(&w->receive, replies);
	for (uint32_t i = 0; i < n; i++)
		line_put(w, &w->back, &replies[i], now);
}

static void sender_tick(struct world *w, uint64_t now)
{
	struct rc_segment segments[4];
	uint64_t posted_ns;
	uint32_t n;

	for (uint32_t i = 0; i < LINE_PACKETS; i++)
		if (w->back.due[i] && w->back.due[i] <= now) {
			w->back.due[i] = 0;
			rc_send_on_ack(&w->send, &w->back.packets[i], now);
		}
	while (rc_send_completion(&w->send, &posted_ns))
		;
	rc_send_on_time(&w->send, now);
	while (w->send.posted < MESSAGES && rc_send_post(&w->send, now))
		;
	n = rc_send_poll(&w->send, segments, 4);
	for (uint32_t i = 0; i < n; i++) {
		segments[i].packet.va = segments[i].offset;
		line_put(w, &w->there, &segments[i].packet, now);
	}
	rc_send_on_sent(&w->send, n, now);
	assert_true(w->send.una <= w->send.next && w->send.next <= w->send.sent);
	assert_true(w->send.sent - w->send.una <= w->send.config.window);
	/* What the sender takes for delivered is delivered. */
	assert_true(w->send.stats.completed <= w->receive.stats.messages);
}

static struct world world;

static void play(uint64_t seed, uint32_t loss_ppm, uint32_t double_ppm, uint32_t hold_ppm)
{
	struct rc_send_config to = {.start_psn = 0xffffff - 50,
				    .mtu = 256,
				    .message_bytes = 1000,
				    .window = 64,
				    .depth = 20,
				    .ack_every = 8,
				    .retries = 7,
				    .timeout_ns = TIMEOUT_TICKS};
	struct rc_receive_config from = {
		.start_psn = to.start_psn, .mtu = 256, .message_bytes_max = 1000};
	uint64_t now = 1;

	memset(&world, 0, sizeof(world));
	world.dice = seed;
	world.loss_ppm = loss_ppm;
	world.double_ppm = double_ppm;
	world.hold_ppm = hold_ppm;
	assert_int_equal(rc_send_init(&world.send, &to), 0);
	assert_int_equal(rc_receive_init(&world.receive, &from), 0);
	while (!world.send.error && world.send.stats.completed < MESSAGES) {
		receiver_tick(&world, now);
		sender_tick(&world, now);
		assert_true(++now < 10000000);
	}
}

static void expect_all(void)
{
	assert_int_equal(world.send.error, RC_OK);
	assert_int_equal(world.receive.stats.messages, MESSAGES);
	assert_int_equal(world.taken_bytes, 1000 * MESSAGES);
	assert_false(world.receive.is_error);
}

static void rc__sends_nothing_twice_without_loss(void **state)
{
	(void)state;
	play(1, 0, 0, 0);
	expect_all();
	assert_int_equal(world.send.stats.resent, 0);
	assert_int_equal(world.send.stats.packets, 4 * MESSAGES);
	assert_int_equal(world.receive.stats.duplicates, 0);
}

static void rc__all_arrive_in_order_over_bad_lines(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		play(seed, 10000, 0, 0);
		expect_all();
		assert_true(world.send.stats.resent > 0 && world.receive.stats.naks_sent > 0);
		play(seed, 50000, 20000, 20000);
		expect_all();
		play(seed, 0, 0, 50000);
		expect_all();
	}
}

static void rc__gives_up_on_a_dead_line(void **state)
{
	(void)state;
	play(1, 1000000, 0, 0);
	assert_int_equal(world.send.error, RC_RETRY_EXCEEDED);
	assert_int_equal(world.send.stats.timeouts, 8);
	assert_int_equal(world.receive.stats.messages, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rc__sends_nothing_twice_without_loss),
		cmocka_unit_test(rc__all_arrive_in_order_over_bad_lines),
		cmocka_unit_test(rc__gives_up_on_a_dead_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
