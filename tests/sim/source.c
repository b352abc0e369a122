#include "tests/sim/source.h"

__extension__ typedef unsigned __int128 u128;

void source_init(struct source *s, const struct traffic *traffic, uint64_t seed, uint32_t who)
{
	s->traffic = *traffic;
	s->made = s->next_ps = s->head = s->tail = 0;
	s->burst_left = traffic->burst_packets;
	random_init(&s->random, seed, 0x2200 + who);
}

static uint32_t length(struct source *s)
{
	const struct traffic *t = &s->traffic;

	if (random_ppm(&s->random, t->small_ppm))
		return t->small_len;
	return (uint32_t)random_range(&s->random, t->len_min, t->len_max);
}

/* The gap until the next one comes, after `bytes`. */
static void next_set(struct source *s, uint32_t bytes)
{
	const struct traffic *t = &s->traffic;
	uint64_t gap_ps = (uint64_t)((u128)bytes * 8000000000000ull / t->rate_bps);
	uint64_t cycle_ps = (t->on_ns + t->off_ns) * 1000;

	if (t->pattern == TRAFFIC_BURSTS) {
		s->next_ps += s->burst_left > 1 ? 0 : gap_ps * t->burst_packets;
		s->burst_left = s->burst_left > 1 ? s->burst_left - 1 : t->burst_packets;
		return;
	}
	s->next_ps += gap_ps;
	if (t->pattern == TRAFFIC_ON_OFF && s->next_ps % cycle_ps >= t->on_ns * 1000)
		s->next_ps += cycle_ps - s->next_ps % cycle_ps;
}

void source_run(struct source *s, uint64_t now)
{
	while (s->made < s->traffic.packets && s->next_ps <= now * 1000 &&
	       source_queued(s) < SOURCE_QUEUE) {
		struct source_packet *inner = &s->queue[s->tail++ % SOURCE_QUEUE];

		inner->at_ns = s->next_ps / 1000;
		inner->flow = (uint32_t)random_below(&s->random, s->traffic.flows);
		inner->len = length(s);
		s->made++;
		next_set(s, inner->len);
	}
	/* Held back: the hosts do not make up for it. */
	if (source_queued(s) == SOURCE_QUEUE && s->next_ps < now * 1000)
		s->next_ps = now * 1000;
}

uint64_t source_due(const struct source *s)
{
	if (s->made == s->traffic.packets || source_queued(s) == SOURCE_QUEUE)
		return UINT64_MAX;
	return s->next_ps / 1000 + 1;
}
