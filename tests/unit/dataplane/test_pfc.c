#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/core/pfc.h"

#define GBPS 1000000000ull
#define MS   1000000ull

static const uint8_t mac[6] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55};

/* Clocks: an ordinary one, and one that wraps during the test. */
static const uint64_t clocks[] = {5000 * MS, UINT64_MAX - 60 * MS};
#define CLOCKS (sizeof(clocks) / sizeof(clocks[0]))

static void pfc_frame_write__bytes(void **state)
{
	static const uint8_t expected[PFC_FRAME_BYTES] = {
		0x01, 0x80, 0xc2, 0x00, 0x00, 0x01, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55,
		0x88, 0x08, 0x01, 0x01, 0x00, 0x89, 0x12, 0x34, 0x00, 0x00, 0x00, 0x00,
		0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	};
	struct pfc_frame frame = {.enabled = 0x89, .quanta = {0x1234, 7, 0, 0xffff, 0, 0, 0, 1}};
	struct pfc_frame parsed;
	uint8_t bytes[PFC_FRAME_BYTES];

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	pfc_frame_write(bytes, mac, &frame);
	assert_memory_equal(bytes, expected, sizeof(expected));
	assert_true(pfc_is_mac_control(bytes, sizeof(bytes)));
	assert_true(pfc_frame_parse(bytes, sizeof(bytes), &parsed));
	assert_int_equal(parsed.enabled, 0x89);
	frame.quanta[1] = 0; /* not enabled */
	assert_memory_equal(parsed.quanta, frame.quanta, sizeof(frame.quanta));
}

static void pfc_frame_parse__refuses(void **state)
{
	static const uint8_t where[] = {0, 1, 2, 3, 4, 5, 12, 13, 14, 15};
	struct pfc_frame frame = {.enabled = 0xff}, parsed;
	uint8_t bytes[PFC_FRAME_BYTES];

	(void)state;
	pfc_frame_write(bytes, mac, &frame);
	assert_true(pfc_frame_parse(bytes, PFC_MIN_BYTES, &parsed));
	for (uint32_t len = 0; len < PFC_MIN_BYTES; len++)
		assert_false(pfc_frame_parse(bytes, len, &parsed));
	for (uint32_t i = 0; i < sizeof(where); i++) {
		bytes[where[i]] ^= 1;
		assert_false(pfc_frame_parse(bytes, sizeof(bytes), &parsed));
		bytes[where[i]] ^= 1;
	}
	bytes[16] = 0xff; /* reserved half of the vector: ignored */
	assert_true(pfc_frame_parse(bytes, sizeof(bytes), &parsed));
}

static void out_make(struct pfc_out *p, uint64_t speed_bps, uint64_t stuck_ns)
{
	static const uint64_t shares[PFC_PRIORITIES] = {[3] = 1000, [4] = 1001};

	assert_int_equal(pfc_out_init(p, mac, speed_bps, stuck_ns, shares), 0);
}

static struct pfc_frame out_frame(struct pfc_out *p, uint64_t now)
{
	struct pfc_frame frame = {0};
	uint8_t bytes[PFC_FRAME_BYTES];

	assert_true(pfc_out_deadline(p, now) == now);
	assert_true(pfc_out_poll(p, now, bytes));
	assert_true(pfc_frame_parse(bytes, sizeof(bytes), &frame));
	assert_false(pfc_out_poll(p, now, bytes));
	return frame;
}

static void pfc_out_init__pause_for_the_speed(void **state)
{
	static const struct {
		uint64_t speed_bps, refresh_ns;
		uint16_t quanta;
	} cases[] = {
		{400 * GBPS, 27961, 65535}, /* a third of 83.9 us */
		{10 * GBPS, 1118464, 65535}, {GBPS, 11184640, 65535},
		{GBPS / 10, 11665066, 6835}, {1000, 170666666, 1},
	};
	static const uint64_t shares[PFC_PRIORITIES];
	struct pfc_out p;

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		out_make(&p, cases[i].speed_bps, 0);
		assert_int_equal(p.quanta, cases[i].quanta);
		assert_in_range(p.refresh_ns, cases[i].refresh_ns - 2, cases[i].refresh_ns + 2);
	}
	assert_int_equal(pfc_out_init(&p, mac, 0, 0, shares), -EINVAL);
}

static void pfc_out__xoff_and_xon(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < CLOCKS; c++) {
		uint64_t now = clocks[c];
		struct pfc_frame frame;
		struct pfc_out p;

		out_make(&p, 10 * GBPS, PFC_STUCK_NS);
		pfc_out_set_fill(&p, 3, 499, now);
		assert_true(pfc_out_deadline(&p, now) == UINT64_MAX);
		pfc_out_set_fill(&p, 3, 500, now);
		frame = out_frame(&p, now);
		assert_int_equal(frame.enabled, 0x08);
		assert_int_equal(frame.quanta[3], 65535);
		/* Between the two marks nothing changes. */
		pfc_out_set_fill(&p, 3, 351, now + 1);
		assert_true(pfc_out_deadline(&p, now) == now + p.refresh_ns);
		pfc_out_set_fill(&p, 3, 350, now + 2);
		frame = out_frame(&p, now + 2);
		assert_int_equal(frame.enabled, 0x08);
		assert_int_equal(frame.quanta[3], 0);
		assert_true(pfc_out_deadline(&p, now) == UINT64_MAX);
		assert_int_equal(p.counters[3].pauses, 1);
		assert_int_equal(p.counters[3].paused_ns, 2);
	}
}

/* No gap: each frame comes before a third of the last one's pause is over. */
static void pfc_out_poll__refreshes(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < CLOCKS; c++) {
		uint64_t now = clocks[c], begin = now;
		struct pfc_out p;
		struct pfc_in in;

		out_make(&p, 10 * GBPS, 0);
		assert_int_equal(pfc_in_init(&in, 10 * GBPS, 0), 0);
		pfc_out_set_fill(&p, 4, 1001, now);
		while (now - begin < 300 * MS) {
			struct pfc_frame frame = out_frame(&p, now);

			pfc_in_on_frame(&in, &frame, now);
			now = pfc_out_deadline(&p, now);
			assert_true(pfc_in_is_paused(&in, 4, now));
		}
		assert_int_equal(in.counters[4].pauses, 1);
		assert_int_equal(p.frames, in.frames);
		assert_in_range(p.frames, 300 * MS / p.refresh_ns, 300 * MS / p.refresh_ns + 2);
	}
}

/* One frame for all: a change of one priority renews the other's pause. */
static void pfc_out_poll__several_priorities(void **state)
{
	struct pfc_frame frame;
	struct pfc_out p;

	(void)state;
	out_make(&p, 10 * GBPS, 0);
	pfc_out_set_fill(&p, 3, 1000, 10);
	pfc_out_set_fill(&p, 4, 1000, 10);
	frame = out_frame(&p, 10);
	assert_int_equal(frame.enabled, 0x18);
	pfc_out_set_fill(&p, 3, 0, 20);
	frame = out_frame(&p, 20);
	assert_int_equal(frame.enabled, 0x18);
	assert_int_equal(frame.quanta[3], 0);
	assert_int_equal(frame.quanta[4], 65535);
	assert_true(pfc_out_deadline(&p, 21) == 20 + p.refresh_ns);
	/* No share: never paused. */
	pfc_out_set_fill(&p, 0, UINT64_MAX - 1, 30);
	assert_false(p.paused & 1);
}

static void pfc_out_poll__storm_guard(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < CLOCKS; c++) {
		uint64_t begin = clocks[c], now = begin;
		struct pfc_frame frame = {0};
		struct pfc_out p;

		out_make(&p, 10 * GBPS, PFC_STUCK_NS);
		pfc_out_set_fill(&p, 3, 900, now);
		while (now - begin < PFC_STUCK_NS) {
			frame = out_frame(&p, now);
			assert_int_equal(frame.quanta[3], 65535);
			now = pfc_out_deadline(&p, now);
		}
		assert_true(now == begin + PFC_STUCK_NS);
		frame = out_frame(&p, now);
		assert_int_equal(frame.enabled, 0x08);
		assert_int_equal(frame.quanta[3], 0);
		assert_true(pfc_out_is_stuck(&p, 3));
		assert_int_equal(p.counters[3].stuck, 1);
		assert_int_equal(p.counters[3].paused_ns, PFC_STUCK_NS);
		/* Not paused again until it has emptied. */
		pfc_out_set_fill(&p, 3, 1000, now);
		assert_true(pfc_out_deadline(&p, now) == UINT64_MAX);
		pfc_out_set_fill(&p, 3, 100, now);
		assert_false(pfc_out_is_stuck(&p, 3));
		pfc_out_set_fill(&p, 3, 500, now);
		assert_int_equal(out_frame(&p, now).quanta[3], 65535);
	}
}

static void in_feed(struct pfc_in *p, uint8_t enabled, uint16_t quanta, uint64_t now)
{
	struct pfc_frame frame = {.enabled = enabled};

	for (uint32_t prio = 0; prio < PFC_PRIORITIES; prio++)
		frame.quanta[prio] = enabled >> prio & 1 ? quanta : 0;
	pfc_in_on_frame(p, &frame, now);
}

static void pfc_in__pauses_for_its_quanta(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < CLOCKS; c++) {
		uint64_t now = clocks[c];
		struct pfc_in p;

		assert_int_equal(pfc_in_init(&p, 10 * GBPS, PFC_STUCK_NS), 0);
		assert_false(pfc_in_is_paused(&p, 3, now));
		in_feed(&p, 0x28, 1000, now); /* 3 and 5, 51.2 us */
		assert_true(pfc_in_deadline(&p, now) == now + 51200);
		assert_true(pfc_in_is_paused(&p, 3, now + 51199));
		assert_true(pfc_in_is_paused(&p, 5, now + 51199));
		assert_false(pfc_in_is_paused(&p, 3, now + 51200));
		assert_false(pfc_in_is_paused(&p, 4, now));
		in_feed(&p, 0x20, 0, now + 100);
		assert_false(pfc_in_is_paused(&p, 5, now + 100));
		assert_true(pfc_in_is_paused(&p, 3, now + 100));
		pfc_in_poll(&p, now + 60000);
		assert_int_equal(p.paused, 0);
		assert_int_equal(p.counters[3].paused_ns, 51200); /* not 60000 */
		assert_int_equal(p.counters[5].paused_ns, 100);
		assert_true(pfc_in_deadline(&p, now + 60000) == UINT64_MAX);
	}
}

static void pfc_in__storm_guard(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < CLOCKS; c++) {
		uint64_t begin = clocks[c], now = begin;
		struct pfc_in p;

		assert_int_equal(pfc_in_init(&p, 10 * GBPS, PFC_STUCK_NS), 0);
		for (; now - begin < 99 * MS; now += MS)
			in_feed(&p, 0x08, 65535, now); /* 3.36 ms each */
		assert_false(pfc_in_is_stuck(&p, 3, now));
		assert_true(pfc_in_deadline(&p, now) == begin + PFC_STUCK_NS + 1);
		in_feed(&p, 0x08, 65535, now);
		assert_true(pfc_in_is_stuck(&p, 3, begin + PFC_STUCK_NS + 1));
		assert_true(pfc_in_is_paused(&p, 3, begin + PFC_STUCK_NS + 1));
		pfc_in_poll(&p, begin + PFC_STUCK_NS + 1);
		pfc_in_poll(&p, begin + PFC_STUCK_NS + 2);
		assert_int_equal(p.counters[3].stuck, 1);
		/* A break, however short, ends it. */
		now += 4 * MS;
		assert_false(pfc_in_is_stuck(&p, 3, now));
		in_feed(&p, 0x08, 65535, now);
		assert_true(pfc_in_is_paused(&p, 3, now));
		assert_false(pfc_in_is_stuck(&p, 3, now));
		assert_int_equal(p.counters[3].pauses, 2);
		assert_int_equal(p.counters[3].stuck, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pfc_frame_write__bytes),
		cmocka_unit_test(pfc_frame_parse__refuses),
		cmocka_unit_test(pfc_out_init__pause_for_the_speed),
		cmocka_unit_test(pfc_out__xoff_and_xon),
		cmocka_unit_test(pfc_out_poll__refreshes),
		cmocka_unit_test(pfc_out_poll__several_priorities),
		cmocka_unit_test(pfc_out_poll__storm_guard),
		cmocka_unit_test(pfc_in__pauses_for_its_quanta),
		cmocka_unit_test(pfc_in__storm_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
