/*
 * The probe of one path: when to send one, and what an echo proves. Pure; owned by the worker of
 * the path's lane 0.
 *
 * A path is proved when a probe of its present generation has crossed and come back. An echo counts
 * only if it bears the generation, the nonce and the time of one of the last PROBE_OPEN probes:
 * late or made-up ones prove nothing. Each probe counts once. PROBE_LOST probes in a row without an
 * echo void the proof: the WAN or the far end is gone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PROBE_FAST_NS	 5000000ull   /* until proved, */
#define PROBE_FAST_COUNT 4	      /* for so many probes; then backs off, doubling, to */
#define PROBE_SLOW_NS	 200000000ull /* this */
#define PROBE_RTT_NS	 200000000ull /* once proved, or the round trip if that is longer; */
#define PROBE_DOUBT_NS	 50000000ull  /* while echoes are missing, or half the round trip */
/* Unanswered in a row: at up to 100 ms of round trip 750 ms after the last answered one was sent.
 * Of a line that loses 5 % each way, eight in a row are lost once in half a year. */
#define PROBE_LOST 8
#define PROBE_OPEN 16 /* probes in flight that an echo may answer; a power of two */

struct probe {
	uint32_t generation;
	bool proved;
	uint32_t unanswered; /* probes since the last good echo */
	uint64_t rtt_ns;     /* the last one measured, 0 before */
	uint64_t next_ns;    /* send then */
	uint64_t interval_ns;
	uint64_t random;
	uint32_t sent; /* of this generation */
	struct {
		uint64_t nonce;
		uint64_t time_ns; /* 0: not in flight */
	} open[PROBE_OPEN];
};

/* seed: random, different for each path and start. The first probe is due at once. */
void probe_init(struct probe *p, uint32_t generation, uint64_t seed);
/* Nothing is proved for a new generation; the same one changes nothing. */
void probe_set_generation(struct probe *p, uint32_t generation);
/* True: send a PROBE {generation, *nonce, now}. now is not 0. May void the proof. */
bool probe_poll(struct probe *p, uint64_t now, uint64_t *nonce);
/* A PROBE_ECHO came; true when it answers one of ours: rtt_ns and proved are set. */
bool probe_on_echo(struct probe *p, uint32_t generation, uint64_t nonce, uint64_t time_ns,
		   uint64_t now);

/*
 * Does this end, whose path began with generation `first` and has `now`, answer a probe of
 * `generation`? Also one that it had before: while a change is on its way to both ends the far one
 * asks for the earlier generation, which still carries.
 */
static inline bool probe_is_answered(uint32_t first, uint32_t now, uint32_t generation)
{
	return generation >= first && generation <= now;
}

static inline uint64_t probe_deadline(const struct probe *p)
{
	return p->next_ns;
}

static inline bool probe_is_proved(const struct probe *p)
{
	return p->proved;
}
