#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/core/bytes.h"
#include "dataplane/core/inner.h"
#include "tests/lanswitch/fabric.h"

#define SLOTS	    256
#define FRAME_BYTES 1518
#define GBPS	    1000000000ull
#define MS	    1000000ull
#define LOSSLESS    3

static const uint8_t macs[3][6] = {{2, 0, 0, 0, 1, 0}, {2, 0, 0, 0, 1, 1}, {2, 0, 0, 0, 1, 2}};
static struct fabric_slot slots[SLOTS];
static uint8_t memory[SLOTS * FRAME_BYTES];
static struct fabric f;

static struct fabric_config config_default(void)
{
	return (struct fabric_config){.port_count = 3,
				      .rate_bps = {0, 0, 0},
				      .speed_bps = GBPS,
				      .share_bytes = 20000,
				      .queue_bytes = 10000,
				      .stuck_ns = PFC_STUCK_NS,
				      .frame_bytes = FRAME_BYTES,
				      .lossless = 1u << LOSSLESS};
}

static void setup(const struct fabric_config *config)
{
	assert_int_equal(fabric_init(&f, config, macs, slots, memory, SLOTS, 0), 0);
}

/* IPv4 from host `from` to host `to` (0: broadcast), in the class of its DSCP / 8. */
static void offer(uint32_t port, uint8_t from, uint8_t to, uint8_t prio, uint32_t len, uint64_t now)
{
	uint8_t frame[FRAME_BYTES] = {2, 0, 0, 0, 2, to, 2, 0, 0, 0, 2, from, 8, 0, 0x45};

	if (!to)
		memset(frame, 0xff, 6);
	frame[15] = (uint8_t)(prio << 5 | ECN_ECT0);
	bytes_store16(frame + 16, (uint16_t)(len - 14));
	bytes_store16(frame + 24, (uint16_t)~bytes_fold(bytes_sum(frame + 14, 20)));
	fabric_on_frame(&f, port, frame, len, now);
}

static void pause_from(uint32_t port, uint16_t quanta, uint64_t now)
{
	struct pfc_frame pause = {.enabled = 1u << LOSSLESS, .quanta = {[LOSSLESS] = quanta}};
	uint8_t bytes[PFC_FRAME_BYTES];

	pfc_frame_write(bytes, macs[0], &pause);
	fabric_on_frame(&f, port, bytes, sizeof(bytes), now);
}

static uint32_t drain(uint32_t port, uint64_t now)
{
	uint32_t count = 0, slot;

	while ((slot = fabric_next(&f, port, now)) != FABRIC_NONE) {
		fabric_sent(&f, port, slot, now);
		count++;
	}
	return count;
}

static bool told(uint32_t port, uint64_t now, struct pfc_frame *pause)
{
	uint8_t bytes[PFC_FRAME_BYTES];

	return fabric_pfc_poll(&f, port, now, bytes) &&
	       pfc_frame_parse(bytes, sizeof(bytes), pause);
}

/* Nothing is lost from the count. */
static void conserved(void)
{
	uint64_t in = 0, out = f.held_frames, copies = 0;

	for (uint32_t i = 0; i < f.config.port_count; i++) {
		const struct fabric_counters *c = &f.ports[i].counters;

		in += c->rx_frames - f.ports[i].in.frames - c->other_pauses;
		copies += c->flooded * (f.config.port_count - 2);
		out += c->tx_frames;
		for (uint32_t d = 0; d < FABRIC_DROPS; d++)
			out += c->drops[d];
	}
	assert_int_equal(in + copies, out);
}

static void fabric_on_frame__learns_and_floods(void **state)
{
	struct fabric_config config = config_default();

	(void)state;
	setup(&config);
	offer(0, 10, 11, 0, 64, 0); /* unknown: to both others */
	assert_int_equal(drain(1, 0) + drain(2, 0), 2);
	offer(1, 11, 10, 0, 64, 0);
	assert_int_equal(drain(0, 0), 1);
	assert_int_equal(drain(2, 0), 0);
	offer(1, 11, 0, 0, 64, 0);
	assert_int_equal(drain(0, 0) + drain(2, 0), 2);
	offer(0, 10, 10, 0, 64, 0);
	assert_int_equal(f.ports[0].counters.drops[FABRIC_DROP_NOWHERE], 1);
	conserved();
}

static void fabric_on_frame__control_is_not_forwarded(void **state)
{
	struct fabric_config config = config_default();
	uint8_t stp[64] = {0x01, 0x80, 0xc2, 0, 0, 0}, pause[64] = {0x01, 0x80, 0xc2, 0, 0, 1};

	(void)state;
	setup(&config);
	fabric_on_frame(&f, 0, stp, sizeof(stp), 0);
	fabric_on_frame(&f, 0, stp, 13, 0);
	bytes_store16(pause + 12, PFC_ETHER_TYPE);
	bytes_store16(pause + 14, 1);
	fabric_on_frame(&f, 0, pause, sizeof(pause), 0);
	pause_from(0, 1, 0);
	assert_int_equal(drain(1, 0) + drain(2, 0), 0);
	assert_int_equal(f.ports[0].counters.drops[FABRIC_DROP_CONTROL], 2);
	assert_int_equal(f.ports[0].counters.other_pauses, 1);
	conserved();
}

/* The paused priority waits, the other one does not; an XON or the end of the quanta lets it go. */
static void fabric_next__obeys_pauses(void **state)
{
	struct fabric_config config = config_default();

	(void)state;
	setup(&config);
	macs_set(&f.macs, (const uint8_t[6]){2, 0, 0, 0, 2, 11}, 1);
	pause_from(1, 1000, 0); /* 512 us at 1 Gb/s */
	offer(0, 10, 11, LOSSLESS, 100, 0);
	offer(0, 10, 11, 0, 100, 0);
	assert_int_equal(drain(1, 0), 1);
	assert_int_equal(f.ports[1].counters.tx_priority[0], 1);
	assert_true(fabric_deadline(&f, 0) >= 512000 && fabric_deadline(&f, 0) < 513000);
	assert_int_equal(drain(1, 511999), 0);
	assert_int_equal(drain(1, fabric_deadline(&f, 0)), 1);
	pause_from(1, 65535, MS);
	offer(0, 10, 11, LOSSLESS, 100, MS);
	assert_int_equal(drain(1, 2 * MS), 0);
	pause_from(1, 0, 2 * MS);
	assert_int_equal(drain(1, 2 * MS), 1);
	assert_int_equal(f.ports[1].in.counters[LOSSLESS].pauses, 2);
	conserved();
}

/* A slow port fills the share of the fast one: XOFF at half, XON when it has emptied; a sender that
 * obeys within the rest of the share loses nothing. */
static void fabric_pfc_poll__lossless(void **state)
{
	struct fabric_config config = config_default();
	bool is_paused = false;
	uint32_t sent = 0, received = 0, xoffs = 0, xons = 0;

	(void)state;
	config.rate_bps[1] = GBPS / 10;
	setup(&config);
	macs_set(&f.macs, (const uint8_t[6]){2, 0, 0, 0, 2, 11}, 1);
	for (uint64_t now = 0; now < 100 * MS; now += 12000) { /* 1000 bytes each: 667 Mb/s */
		struct pfc_frame pause;

		if (!is_paused) {
			offer(0, 10, 11, LOSSLESS, 1000, now);
			sent++;
		}
		received += drain(1, now);
		while (told(0, now, &pause)) {
			is_paused = pause.quanta[LOSSLESS] != 0;
			xoffs += is_paused;
			xons += !is_paused;
		}
	}
	assert_true(xoffs > 10 && xons > 10);
	assert_int_equal(f.ports[0].counters.drops[FABRIC_DROP_BUFFER], 0);
	assert_int_equal(sent, received + f.held_frames);
	assert_in_range(received, 1200, 1270); /* 100 Mb/s for 100 ms, and the burst */
	conserved();
}

/* Who does not obey is dropped at the end of the share; the priority without pauses at its queue.
 */
static void fabric_on_frame__full(void **state)
{
	struct fabric_config config = config_default();

	(void)state;
	setup(&config);
	macs_set(&f.macs, (const uint8_t[6]){2, 0, 0, 0, 2, 11}, 1);
	for (uint32_t i = 0; i < 30; i++) {
		offer(0, 10, 11, LOSSLESS, 1000, 0);
		offer(0, 10, 11, 0, 1000, 0);
	}
	assert_int_equal(f.ports[0].counters.drops[FABRIC_DROP_BUFFER], 10);
	assert_int_equal(f.ports[0].counters.drops[FABRIC_DROP_QUEUE], 20);
	assert_int_equal(f.ports[0].held_bytes[LOSSLESS], 20000);
	conserved();
}

/* Paused for longer than 100 ms: what waits is thrown away, and it goes on afterwards. */
static void fabric_next__storm(void **state)
{
	struct fabric_config config = config_default();
	uint64_t now = 0;

	(void)state;
	setup(&config);
	macs_set(&f.macs, (const uint8_t[6]){2, 0, 0, 0, 2, 11}, 1);
	for (; now <= PFC_STUCK_NS; now += 10 * MS) {
		pause_from(1, 65535, now);
		offer(0, 10, 11, LOSSLESS, 100, now);
		assert_int_equal(drain(1, now), 0);
	}
	assert_int_equal(f.held_frames, 11);
	drain(1, now);
	assert_int_equal(f.held_frames, 0);
	assert_int_equal(f.ports[0].counters.drops[FABRIC_DROP_STUCK], 11);
	assert_int_equal(f.ports[1].in.counters[LOSSLESS].stuck, 1);
	pause_from(1, 0, now);
	offer(0, 10, 11, LOSSLESS, 100, now);
	assert_int_equal(drain(1, now), 1);
	conserved();
}

static void fabric_force_pause__until_off(void **state)
{
	struct fabric_config config = config_default();
	struct pfc_frame pause;

	(void)state;
	setup(&config);
	fabric_force_pause(&f, 2, LOSSLESS, true, 0);
	assert_true(told(2, 0, &pause));
	assert_int_equal(pause.quanta[LOSSLESS], 65535);
	assert_false(told(1, 0, &pause));
	/* A frame that comes and goes does not end it. */
	offer(2, 10, 0, LOSSLESS, 100, MS);
	drain(0, MS);
	drain(1, MS);
	assert_false(told(2, MS, &pause));
	fabric_force_pause(&f, 2, LOSSLESS, false, 2 * MS);
	assert_true(told(2, 2 * MS, &pause));
	assert_int_equal(pause.quanta[LOSSLESS], 0);
}

static void fabric_next__marks(void **state)
{
	struct fabric_config config = config_default();
	uint32_t slot;

	(void)state;
	config.ecn_bytes = 2000;
	setup(&config);
	macs_set(&f.macs, (const uint8_t[6]){2, 0, 0, 0, 2, 11}, 1);
	for (uint32_t i = 0; i < 5; i++)
		offer(0, 10, 11, LOSSLESS, 1000, 0);
	for (uint32_t i = 0; i < 5; i++) {
		struct inner inner;
		enum drop why;

		slot = fabric_next(&f, 1, 0);
		assert_true(inner_parse(fabric_frame(&f, slot) + 14, 986, &inner, &why));
		assert_int_equal(inner.ecn, i < 2 ? ECN_CE : ECN_ECT0);
		fabric_sent(&f, 1, slot, 0);
	}
	assert_int_equal(f.ports[1].counters.ecn_marked, 2);
}

static void fabric_init__refuses(void **state)
{
	struct fabric_config config = config_default();

	(void)state;
	config.speed_bps = 0;
	assert_int_equal(fabric_init(&f, &config, macs, slots, memory, SLOTS, 0), -EINVAL);
	config = config_default();
	config.port_count = 0;
	assert_int_equal(fabric_init(&f, &config, macs, slots, memory, SLOTS, 0), -EINVAL);
	config = config_default();
	config.rate_bps[0] = 1;
	assert_int_equal(fabric_init(&f, &config, macs, slots, memory, SLOTS, 0), -EINVAL);
}

static void macs__places(void **state)
{
	static struct macs m;
	uint8_t mac[6] = {2}, group[6] = {3};
	uint32_t known = 0;

	(void)state;
	assert_int_equal(macs_parse("02:00:5e:00:00:ff", mac), 0);
	assert_int_equal(mac[5], 0xff);
	assert_int_equal(macs_parse("02:00:5e:00:00:ff0", mac), -EINVAL);
	assert_int_equal(macs_parse("02:00:5e:00:00", mac), -EINVAL);
	assert_true(macs_set(&m, mac, 5));
	macs_learn(&m, mac, 6); /* what was set stays */
	macs_learn(&m, group, 6);
	assert_int_equal(macs_find(&m, group), MACS_NONE);
	for (uint32_t i = 0; i < 5000; i++) {
		uint8_t other[6] = {2, 1, (uint8_t)(i >> 8), (uint8_t)i};

		macs_learn(&m, other, i % 8);
		assert_int_equal(macs_find(&m, other), i % 8);
	}
	assert_int_equal(macs_find(&m, mac), 5);
	for (uint32_t i = 0; i < MACS_SLOTS; i++)
		known += m.entries[i].is_used;
	assert_true(known > MACS_SLOTS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fabric_init__refuses),
		cmocka_unit_test(fabric_on_frame__learns_and_floods),
		cmocka_unit_test(fabric_on_frame__control_is_not_forwarded),
		cmocka_unit_test(fabric_next__obeys_pauses),
		cmocka_unit_test(fabric_pfc_poll__lossless),
		cmocka_unit_test(fabric_on_frame__full),
		cmocka_unit_test(fabric_next__storm),
		cmocka_unit_test(fabric_force_pause__until_off),
		cmocka_unit_test(fabric_next__marks),
		cmocka_unit_test(macs__places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
