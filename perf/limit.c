#include "perf/limit.h"

const char *limit_name(enum limit limit)
{
	static const char *const names[LIMIT_COUNT] = {
		[LIMIT_NONE] = "",	   [LIMIT_KEY] = "key",	      [LIMIT_UNPROVED] = "unproved",
		[LIMIT_CREDIT] = "credit", [LIMIT_WINDOW] = "window", [LIMIT_LOWERED] = "lowered",
		[LIMIT_LINK] = "link",	   [LIMIT_RATE] = "rate",     [LIMIT_PORT] = "port",
		[LIMIT_BURST] = "burst",   [LIMIT_WORKER] = "worker", [LIMIT_PAUSE] = "pause",
	};

	return limit < LIMIT_COUNT ? names[limit] : "";
}

static bool worker_is_busy(const struct limit_input *input)
{
	return input->idle_share >= 0 && input->idle_share < LIMIT_IDLE;
}

/*
 * The path waits for its turn: why? A lowered link comes first, for that one is not as it should
 * be, and bursts wait for it long before its rate is used up.
 */
static enum limit pace_find(const struct limit_input *input)
{
	uint64_t max_bps = input->path->facts.max_bps;

	if (input->link && input->link->sum.lowered)
		return LIMIT_LOWERED;
	if (max_bps && (double)input->sent_bps >= LIMIT_USED * (double)max_bps)
		return LIMIT_RATE;
	if (input->link && input->link_rates.tx_share >= LIMIT_USED)
		return LIMIT_LINK;
	if (worker_is_busy(input))
		return LIMIT_WORKER;
	return input->port_queue ? LIMIT_PORT : LIMIT_BURST;
}

static enum limit out_find(const struct limit_input *input, double *share)
{
	const struct transport_stalls *s = &input->stalls;
	const struct {
		double share;
		enum limit limit;
	} causes[] = {{s->key, LIMIT_KEY},
		      {s->credit, LIMIT_CREDIT},
		      {s->window, LIMIT_WINDOW},
		      {s->pace, LIMIT_BURST}};
	enum limit found = LIMIT_NONE;

	*share = 0;
	if (!input->path->lane.keys_installed)
		return LIMIT_KEY;
	if (!input->path->facts.proved)
		return LIMIT_UNPROVED;
	for (unsigned int i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		if (causes[i].share < LIMIT_SHARE || causes[i].share <= *share)
			continue;
		*share = causes[i].share;
		found = causes[i].limit;
	}
	if (found == LIMIT_BURST)
		return pace_find(input);
	if (found == LIMIT_NONE && input->sent_bps && worker_is_busy(input))
		return LIMIT_WORKER;
	return found;
}

struct limits limits_find(const struct limit_input *input)
{
	struct limits limits = {LIMIT_NONE, LIMIT_NONE, 0, 0};

	limits.out = out_find(input, &limits.out_share);
	if (input->stalls.pause >= LIMIT_SHARE) {
		limits.in = LIMIT_PAUSE;
		limits.in_share = input->stalls.pause;
	}
	return limits;
}
