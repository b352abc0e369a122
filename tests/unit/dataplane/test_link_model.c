/*
 * Both halves of link_delay and the round-trip times together, on a link modelled as a fluid: what
 * comes faster than it goes waits in one queue. A packet each 100 us carries the clock, its ACK
 * comes back half a round trip after it arrived.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "dataplane/core/link_delay.h"
#include "dataplane/core/rtt.h"

#define US	1000ull
#define MS	1000000ull
#define S	1000000000ull
#define NOMINAL 10000000000ull
#define TICK_NS (100 * US)
#define ACKS	65536

struct ack {
	uint64_t back, sent, arrived;
	double sent_bits; /* by then, and so delivered when it arrived */
	uint32_t excess_us;
};

struct model {
	uint64_t rtt_ns, jitter_ns;
	int64_t drift_ppm;
	double capacity; /* of nominal */
	bool is_delivered_known;

	struct owd owd;
	struct link_rate rate;
	struct rtt rtt;
	struct ack acks[ACKS];
	uint32_t head, tail, old;
	uint64_t now, random, arrived, back;
	double queue_bits, sent_bits;

	/* Since marks_reset. */
	uint64_t queue_max_ns, ticks;
	double rate_sum, rate_min, rate_max;
};

static struct model model;

static void marks_reset(struct model *m)
{
	m->queue_max_ns = m->ticks = 0;
	m->rate_sum = m->rate_max = 0;
	m->rate_min = 2;
}

static void model_init(struct model *m, uint64_t rtt_ns)
{
	memset(m, 0, sizeof(*m));
	m->rtt_ns = rtt_ns;
	m->capacity = 1;
	m->is_delivered_known = true;
	m->now = m->arrived = m->back = S;
	owd_init(&m->owd);
	rtt_init(&m->rtt, rtt_ns);
	link_rate_init(&m->rate, NOMINAL, 0, m->now);
	marks_reset(m);
}

static uint64_t jitter(struct model *m)
{
	m->random = m->random * 6364136223846793005ull + 1442695040888963407ull;
	return m->jitter_ns ? (m->random >> 33) % m->jitter_ns : 0;
}

/* Arrivals and ACKs keep their order: no packet overtakes another. */
static void packet_send(struct model *m)
{
	double spare = m->capacity * (double)NOMINAL;
	double rate = (double)link_rate_bps(&m->rate);
	uint64_t queue_ns, clock;

	m->queue_bits += (rate - spare) * 1e-9 * (double)TICK_NS;
	m->queue_bits = m->queue_bits < 0 ? 0 : m->queue_bits;
	m->sent_bits += rate * 1e-9 * (double)TICK_NS;
	queue_ns = (uint64_t)(m->queue_bits / spare * 1e9);
	m->queue_max_ns = queue_ns > m->queue_max_ns ? queue_ns : m->queue_max_ns;

	clock = m->now + m->rtt_ns / 2 + queue_ns + jitter(m);
	m->arrived = clock > m->arrived ? clock : m->arrived;
	clock = m->arrived + m->rtt_ns / 2 + jitter(m);
	m->back = clock > m->back ? clock : m->back;
	clock = m->arrived + (uint64_t)((int64_t)(m->arrived / 1000) * m->drift_ppm / 1000);
	m->acks[m->tail++ % ACKS] = (struct ack){
		.back = m->back,
		.sent = m->now,
		.arrived = m->arrived,
		.sent_bits = m->sent_bits,
		.excess_us = owd_on_packet(&m->owd, (uint32_t)(m->now / US), clock + 777 * S),
	};
	assert_true(m->tail - m->old < ACKS);
}

/* What arrived in the last round trip, or 10 ms if that is longer. */
static uint64_t delivered_bps(struct model *m, const struct ack *ack)
{
	uint64_t span = m->rtt_ns > 10 * MS ? m->rtt_ns : 10 * MS;
	const struct ack *old = &m->acks[m->old % ACKS];

	while (old->arrived + span < ack->arrived)
		old = &m->acks[++m->old % ACKS];
	if (old->arrived == ack->arrived || !m->is_delivered_known)
		return 0;
	return (uint64_t)((ack->sent_bits - old->sent_bits) * 1e9 /
			  (double)(ack->arrived - old->arrived));
}

static void acks_take(struct model *m)
{
	for (; m->head != m->tail && m->acks[m->head % ACKS].back <= m->now; m->head++) {
		const struct ack *ack = &m->acks[m->head % ACKS];
		uint64_t rtt_ns = ack->back - ack->sent;

		rtt_on_sample(&m->rtt, rtt_ns, m->now);
		link_rate_on_feedback(&m->rate, ack->excess_us, rtt_ns, rtt_min(&m->rtt),
				      delivered_bps(m, ack), m->now);
	}
}

static void model_run(struct model *m, uint64_t duration_ns)
{
	for (uint64_t end = m->now + duration_ns; m->now < end; m->now += TICK_NS) {
		double share;

		packet_send(m);
		acks_take(m);
		share = (double)link_rate_bps(&m->rate) / (double)NOMINAL;
		m->rate_sum += share;
		m->rate_min = share < m->rate_min ? share : m->rate_min;
		m->rate_max = share > m->rate_max ? share : m->rate_max;
		m->ticks++;
	}
}

static void report(const struct model *m, const char *what)
{
	printf("    %s: RTT %.1f ms, true rate %.2f: rate %.3f (%.3f to %.3f), queue <= %.2f ms\n",
	       what, (double)m->rtt_ns / 1e6, m->capacity, m->rate_sum / (double)m->ticks,
	       m->rate_min, m->rate_max, (double)m->queue_max_ns / 1e6);
}

/* A wave is lost: within 10 % of what is left after 5 s, and back within 5 s when it is healed. */
static void link_rate__finds_the_true_rate(void **state)
{
	static const struct {
		uint64_t rtt_ns;
		double capacity;
		uint64_t queue_max_ns;
	} cases[] = {
		{200 * US, 0.7, 1 * MS},  {1 * MS, 0.7, 1 * MS},   {10 * MS, 0.7, 2 * MS},
		{40 * MS, 0.7, 5 * MS},	  {100 * MS, 0.7, 5 * MS}, {1 * MS, 0.3, 2 * MS},
		{10 * MS, 0.95, 2 * MS},  {40 * MS, 0.3, 5 * MS},  {40 * MS, 0.95, 5 * MS},
		{40 * MS, 0.985, 5 * MS},
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 4; i++) {
		struct model *m = &model;

		model_init(m, cases[i / 4].rtt_ns);
		m->is_delivered_known = i % 4 != 3 || cases[i / 4].capacity < 0.5;
		m->drift_ppm = (int64_t[]){0, 100, -100, 0}[i % 4];
		m->jitter_ns = i % 4 ? 50 * US : 0;
		model_run(m, 5 * S);
		assert_true(m->rate_min == 1);
		m->capacity = cases[i / 4].capacity;
		model_run(m, 10 * S);
		marks_reset(m);
		model_run(m, 30 * S);
		if (i % 4 == 0)
			report(m, "too slow");
		assert_true(m->rate_sum / (double)m->ticks >= 0.9 * m->capacity);
		assert_true(m->rate_sum / (double)m->ticks <= m->capacity);
		assert_true(m->rate_min >= 0.88 * m->capacity && m->rate_max <= 1.1 * m->capacity);
		assert_true(m->queue_max_ns * (m->is_delivered_known ? 3 : 2) / 3 <=
			    cases[i / 4].queue_max_ns);
		m->capacity = 1;
		model_run(m, 6 * S);
		marks_reset(m);
		model_run(m, 1 * S);
		assert_true(m->rate_min == 1 && !m->rate.lowered);
	}
}

/* Ten minutes in which nothing is wrong with the link. */
static void link_rate__drift_and_jitter_never_lower(void **state)
{
	static const struct {
		uint64_t rtt_ns, jitter_ns;
		int64_t drift_ppm;
	} cases[] = {
		{1 * MS, 0, 100},	 {1 * MS, 0, -100},	  {40 * MS, 100 * US, 0},
		{200 * US, 100 * US, 0}, {1 * MS, 100 * US, 100}, {1 * MS, 100 * US, -100},
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model *m = &model;

		model_init(m, cases[i].rtt_ns);
		m->jitter_ns = cases[i].jitter_ns;
		m->drift_ppm = cases[i].drift_ppm;
		model_run(m, 600 * S);
		assert_true(m->rate_min == 1);
		assert_int_equal(m->rate.lowered_count, 0);
	}
}

/* Jitter must not keep a link down that was lowered for a reason and is healed. */
static void link_rate__jitter_does_not_keep_it_low(void **state)
{
	struct model *m = &model;

	(void)state;
	model_init(m, 1 * MS);
	m->jitter_ns = 150 * US;
	m->capacity = 0.7;
	model_run(m, 10 * S);
	assert_true(m->rate.lowered);
	m->capacity = 1;
	model_run(m, 10 * S);
	assert_false(m->rate.lowered);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_rate__finds_the_true_rate),
		cmocka_unit_test(link_rate__drift_and_jitter_never_lower),
		cmocka_unit_test(link_rate__jitter_does_not_keep_it_low),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
