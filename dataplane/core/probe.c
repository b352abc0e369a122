#include "dataplane/core/probe.h"

#include <string.h>

/* splitmix64 (Steele, Lea, Flood 2014): cheap, and no two probes of a run share a nonce. */
static uint64_t nonce_next(struct probe *p)
{
	uint64_t z = p->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* Nothing is known of this generation yet: ask at once, and often. */
static void generation_start(struct probe *p, uint32_t generation)
{
	p->generation = generation;
	p->proved = false;
	p->unanswered = 0;
	p->sent = 0;
	p->next_ns = 0;
	p->interval_ns = PROBE_FAST_NS;
	memset(p->open, 0, sizeof(p->open));
}

void probe_init(struct probe *p, uint32_t generation, uint64_t seed)
{
	*p = (struct probe){.random = seed};
	generation_start(p, generation);
}

void probe_set_generation(struct probe *p, uint32_t generation)
{
	if (p->generation != generation)
		generation_start(p, generation);
}

static uint64_t longer_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* One that waits for its echo is no reason to doubt; what is still on its way is none either. */
static uint64_t interval_after(const struct probe *p)
{
	uint64_t twice = p->interval_ns * 2;

	if (p->proved && p->unanswered > 1)
		return longer_of(PROBE_DOUBT_NS, p->rtt_ns / 2);
	if (p->proved)
		return longer_of(PROBE_RTT_NS, p->rtt_ns);
	if (p->sent < PROBE_FAST_COUNT)
		return PROBE_FAST_NS;
	return twice < PROBE_SLOW_NS ? twice : PROBE_SLOW_NS;
}

bool probe_poll(struct probe *p, uint64_t now, uint64_t *nonce)
{
	uint32_t at = p->sent & (PROBE_OPEN - 1);

	if (now < p->next_ns)
		return false;
	if (p->unanswered >= PROBE_LOST)
		p->proved = false;
	*nonce = nonce_next(p);
	p->open[at].nonce = *nonce;
	p->open[at].time_ns = now;
	p->sent++;
	p->unanswered++;
	p->interval_ns = interval_after(p);
	p->next_ns = now + p->interval_ns;
	return true;
}

static bool probe_close(struct probe *p, uint64_t nonce, uint64_t time_ns)
{
	if (!time_ns)
		return false;
	for (uint32_t i = 0; i < PROBE_OPEN; i++) {
		if (p->open[i].time_ns == time_ns && p->open[i].nonce == nonce) {
			p->open[i].time_ns = 0;
			return true;
		}
	}
	return false;
}

bool probe_on_echo(struct probe *p, uint32_t generation, uint64_t nonce, uint64_t time_ns,
		   uint64_t now)
{
	if (generation != p->generation || now < time_ns || !probe_close(p, nonce, time_ns))
		return false;
	p->rtt_ns = now - time_ns;
	p->proved = true;
	p->unanswered = 0;
	return true;
}
