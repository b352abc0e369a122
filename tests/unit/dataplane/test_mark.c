#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "dataplane/core/mark.h"
#include "dataplane/core/queue.h"

#define MS 1000000ull

static uint32_t random_next(uint64_t *random)
{
	*random = *random * 6364136223846793005u + 1442695040888963407ull;
	return (uint32_t)(*random >> 32);
}

static void mark_init__refuses(void **state)
{
	struct mark m;

	(void)state;
	assert_int_equal(mark_init(&m, MARK_RATE_MIN_BPS - 1, 0, 1500), -EINVAL);
	assert_int_equal(mark_init(&m, MARK_RATE_MAX_BPS + 1, 0, 1500), -EINVAL);
	assert_int_equal(mark_init(&m, 1000000, MARK_RTT_MAX_NS + 1, 1500), -EINVAL);
	assert_int_equal(mark_init(&m, 1000000, 0, 0), -EINVAL);
	assert_int_equal(mark_init(&m, 1000000, 0, MARK_PACKET_MAX + 1), -EINVAL);
}

/* What the header promises, in numbers. */
static void mark_set__figures(void **state)
{
	static const struct {
		uint64_t rate_bps, rtt_ns;
		uint32_t packet;
		uint64_t high, tcp_target_ns, interval_ns, ceiling;
	} cases[] = {
		/* 10 Gb/s, 10 ms: 300 us is 375 kB; one RTT is the target. */
		{10000000000ull, 10 * MS, 1500, 375000, 10 * MS, 100 * MS, 25000000},
		/* 100 Gb/s, 20 us away: 500 us. */
		{100000000000ull, 20000, 1500, 3750000, 500000, 5 * MS, 12500000},
		/* 300 Mb/s, 20 us away: 8 packets; 64 packets are 2.56 ms; two targets. */
		{300000000ull, 20000, 1500, 12000, 2560000, 25600000, 192000},
		/* 400 Gb/s, 40 ms, jumbo: 15 MB; 4 GB, which the queue's own limit cuts short. */
		{400000000000ull, 40 * MS, 9000, 15000000, 40 * MS, 400 * MS, 4000000000ull},
		{1000, MARK_RTT_MAX_NS, 65575, 524600, 33574400000000ull, 335744000000000ull,
		 8393600},
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mark m;

		assert_int_equal(mark_init(&m, cases[i].rate_bps, cases[i].rtt_ns, cases[i].packet),
				 0);
		assert_true(m.high_bytes == cases[i].high);
		assert_true(m.low_bytes == cases[i].high / 4);
		assert_true(m.tcp_target_ns == cases[i].tcp_target_ns);
		assert_true(m.tcp_interval_ns == cases[i].interval_ns);
		assert_true(m.ceiling_bytes == cases[i].ceiling);
	}
}

static void mark_kind_of__table(void **state)
{
	static const uint8_t tcp4[20] = {0x45, [9] = 6}, udp4[20] = {0x45, [6] = 6, [9] = 17},
			     tcp6[40] = {0x60, [6] = 6}, udp6[40] = {0x60, [6] = 17, [9] = 6};

	(void)state;
	assert_int_equal(mark_kind_of(tcp4, ECN_NOT_ECT), MARK_KIND_TCP);
	assert_int_equal(mark_kind_of(tcp6, ECN_NOT_ECT), MARK_KIND_TCP);
	assert_int_equal(mark_kind_of(udp4, ECN_NOT_ECT), MARK_KIND_OTHER);
	assert_int_equal(mark_kind_of(udp6, ECN_NOT_ECT), MARK_KIND_OTHER);
	assert_int_equal(mark_kind_of(tcp4, ECN_ECT0), MARK_KIND_ECT);
	assert_int_equal(mark_kind_of(udp6, ECN_ECT1), MARK_KIND_ECT);
	assert_int_equal(mark_kind_of(tcp4, ECN_CE), MARK_KIND_OTHER);
}

/* Nothing below a quarter, all from the target on, a straight line between. */
static void mark_on_enqueue__ramp(void **state)
{
	struct mark m;
	uint64_t random = 1;

	(void)state;
	assert_int_equal(mark_init(&m, 10000000000ull, MS, 1500), 0);
	assert_int_equal(mark_on_enqueue(&m, MARK_KIND_ECT, m.low_bytes - 1, 0), MARK_PASS);
	assert_int_equal(mark_on_enqueue(&m, MARK_KIND_ECT, m.low_bytes, 0), MARK_PASS);
	assert_int_equal(mark_on_enqueue(&m, MARK_KIND_ECT, m.high_bytes, UINT32_MAX), MARK_CE);
	assert_int_equal(mark_on_enqueue(&m, MARK_KIND_ECT, UINT64_MAX / 2, UINT32_MAX), MARK_CE);
	for (uint32_t percent = 10; percent < 100; percent += 20) {
		uint64_t depth = m.low_bytes + (m.high_bytes - m.low_bytes) * percent / 100;
		uint32_t marked = 0, tries = 200000;
		double expected = 0.15 * percent / 100;

		for (uint32_t i = 0; i < tries; i++)
			marked += mark_on_enqueue(&m, MARK_KIND_ECT, depth, random_next(&random)) ==
				  MARK_CE;
		assert_true(marked > tries * (expected - 0.005));
		assert_true(marked < tries * (expected + 0.005));
	}
}

static void mark_on_enqueue__others(void **state)
{
	struct mark m;

	(void)state;
	assert_int_equal(mark_init(&m, 1000000000, 10 * MS, 1500), 0);
	assert_int_equal(mark_on_enqueue(&m, MARK_KIND_OTHER, UINT64_MAX, 0), MARK_PASS);
	assert_int_equal(mark_on_enqueue(&m, MARK_KIND_TCP, m.ceiling_bytes - 1, 0), MARK_PASS);
	assert_int_equal(mark_on_enqueue(&m, MARK_KIND_TCP, m.ceiling_bytes, 0), MARK_DROP_TCP);
}

static uint32_t drops_during(struct mark *m, enum mark_kind kind, uint64_t sojourn_ns,
			     uint64_t *now, uint64_t duration_ns)
{
	uint64_t end = *now + duration_ns;
	uint32_t drops = 0;

	for (; *now != end; *now += 10000)
		drops += mark_on_dequeue(m, kind, 1000000, sojourn_ns, *now) == MARK_DROP_TCP;
	return drops;
}

/* One at the end of an interval, then 1/sqrt(1) + 1/sqrt(2) + ... intervals; over the clock's wrap.
 */
static void mark_on_dequeue__control_law(void **state)
{
	static const uint64_t starts[] = {1000 * MS, UINT64_MAX - 40 * MS + 1};

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t now = starts[i];
		struct mark m;

		assert_int_equal(mark_init(&m, 10000000000ull, 1 * MS, 1500), 0);
		assert_int_equal(drops_during(&m, MARK_KIND_TCP, 1200000, &now, 10 * MS), 0);
		assert_int_equal(drops_during(&m, MARK_KIND_TCP, 1200000, &now, 10 * MS), 1);
		/* After the first: 10 * (1, 1.71, 2.28, 2.78, 3.23, 3.64, 4.02, ...) ms */
		assert_int_equal(drops_during(&m, MARK_KIND_TCP, 1200000, &now, 30 * MS), 6);
		/* Below the target: over at once; again only after an interval. */
		assert_int_equal(drops_during(&m, MARK_KIND_TCP, 999999, &now, MS), 0);
		assert_int_equal(drops_during(&m, MARK_KIND_TCP, 1200000, &now, 10 * MS), 0);
		/* Soon after the last time: it goes on at the rate that was needed then. */
		assert_true(drops_during(&m, MARK_KIND_TCP, 1200000, &now, 10 * MS) >= 2);
	}
}

static void mark_on_dequeue__who_is_not_dropped(void **state)
{
	uint64_t now = 0;
	struct mark m;

	(void)state;
	assert_int_equal(mark_init(&m, 10000000000ull, 10 * MS, 1500), 0);
	assert_int_equal(drops_during(&m, MARK_KIND_ECT, 50 * MS, &now, 200 * MS), 0);
	assert_int_equal(drops_during(&m, MARK_KIND_OTHER, 50 * MS, &now, 200 * MS), 0);
	/* TCP behind them pays at once, but for one packet, not for what was not dropped before. */
	assert_int_equal(drops_during(&m, MARK_KIND_TCP, 50 * MS, &now, 10000), 1);
	assert_true(drops_during(&m, MARK_KIND_TCP, 50 * MS, &now, 10 * MS) <= 2);
	/* The last packet is never dropped. */
	assert_int_equal(mark_on_dequeue(&m, MARK_KIND_TCP, 1500, 50 * MS, now + 100 * MS),
			 MARK_PASS);
}

/* A queue with nothing but TCP that never slows down stays below what the header says, and sends at
 * the full rate. */
static void mark__tcp_that_does_not_listen(void **state)
{
	static struct queue_slot slots[16384];
	const uint64_t rate = 1000000000, step_ns = 12000; /* 1500 bytes */
	uint64_t most = 0, sent = 0, dropped = 0;
	struct queue_slot slot;
	struct queue q;
	struct mark m;

	(void)state;
	assert_int_equal(mark_init(&m, rate, 5 * MS, 1500), 0);
	assert_int_equal(queue_init(&q, slots, 16384, 16384, UINT64_MAX), 0);
	for (uint64_t now = 0; now < 2000 * MS; now += step_ns) {
		for (uint32_t i = 0; i < 2; i++) { /* twice the rate */
			if (mark_on_enqueue(&m, MARK_KIND_TCP, queue_bytes(&q), 0) == MARK_PASS)
				assert_true(queue_push_at(&q, 0, 1500, 0, now));
		}
		most = queue_bytes(&q) > most ? queue_bytes(&q) : most;
		while (queue_pop(&q, &slot)) {
			if (mark_on_dequeue(&m, MARK_KIND_TCP, queue_bytes(&q),
					    queue_sojourn_ns(&slot, now), now) == MARK_PASS) {
				sent++;
				break;
			}
			dropped++;
		}
	}
	assert_true(most <= m.ceiling_bytes + 1500);
	assert_true(sent >= 2000 * MS / step_ns - 1);
	assert_true(dropped > 0);
}

/* A caller that asks mark_passes_all and mark_is_idle first gets the same answers. */
static void mark_is_idle__changes_nothing(void **state)
{
	uint64_t random = 11, now = 0, spared = 0;
	struct mark m, spare;

	(void)state;
	assert_int_equal(mark_init(&m, 100000000, MS, 1500), 0);
	spare = m;
	for (uint32_t i = 0; i < 100000; i++) {
		enum mark_kind kind = (enum mark_kind)(random_next(&random) % 3);
		uint64_t bytes = random_next(&random) % m.ceiling_bytes;
		/* Waits that grow and shrink over some hundred packets. */
		uint64_t sojourn = m.tcp_target_ns * (i % 1000) / 500;
		uint32_t chance = random_next(&random);
		enum mark_result wanted;

		now += 100000;
		wanted = mark_on_enqueue(&m, kind, bytes, chance);
		assert_true(wanted == MARK_PASS || !mark_passes_all(&m, bytes));
		wanted = mark_on_dequeue(&m, kind, bytes, sojourn, now);
		if (mark_is_idle(&spare, sojourn)) {
			assert_int_equal(wanted, MARK_PASS);
			spared++;
		} else {
			assert_int_equal(mark_on_dequeue(&spare, kind, bytes, sojourn, now),
					 wanted);
		}
	}
	assert_in_range(spared, 10000, 90000);
	assert_memory_equal(&m, &spare, sizeof(m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mark_init__refuses),
		cmocka_unit_test(mark_set__figures),
		cmocka_unit_test(mark_kind_of__table),
		cmocka_unit_test(mark_on_enqueue__ramp),
		cmocka_unit_test(mark_on_enqueue__others),
		cmocka_unit_test(mark_on_dequeue__control_law),
		cmocka_unit_test(mark_on_dequeue__who_is_not_dropped),
		cmocka_unit_test(mark_is_idle__changes_nothing),
		cmocka_unit_test(mark__tcp_that_does_not_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
