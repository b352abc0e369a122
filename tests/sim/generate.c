/*
 * A seed becomes a scenario. Half of them are steady, so that the bounds on resends and goodput are
 * asserted; those are short of bandwidth times delay, since 50,000 packets must be many round
 * trips.
 */
#include "tests/sim/scenario.h"

#define PACKETS_MAX 40000ull

static uint64_t pick(struct random *r, const uint64_t *from, uint32_t count)
{
	return from[random_below(r, count)];
}
#define PICK(r, ...) \
	pick(r, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / 8)

static bool one_in(struct random *r, uint32_t n)
{
	return random_below(r, n) == 0;
}

static void wan_make(struct random *r, struct scenario *s)
{
	s->path_bps =
		PICK(r, 1, 10, 50, 200, 1000, 2500, 10000, 25000, 100000, 200000, 400000) * 1000000;
	s->rtt_ns = PICK(r, 10, 20, 50, 100, 300, 1000, 3000, 10000, 20000, 40000, 100000) * US;
	s->wan_mtu = (uint32_t)PICK(r, 1500, 1500, 4400, 9000, 9216);
	s->poll_ns[0] = PICK(r, 200, 1000, 2000, 5000, 20000);
	s->poll_ns[1] = PICK(r, 200, 1000, 2000, 5000, 20000);
	s->drift_ppm = (uint32_t)PICK(r, 0, 0, 20, 100);
	s->first_seq = PICK(r, 0, 1, 1ull << 32, 1ull << 63, random_next(r) >> 16);
	s->first_packet = PICK(r, 0, 0, 1ull << 32, 1ull << 63, random_next(r) >> 16);
	if (s->first_seq > 1)
		s->first_seq -= random_below(r, 20000);
	if (s->first_packet)
		s->first_packet -= random_below(r, 20000);
}

static void lengths_make(struct random *r, struct traffic *t)
{
	switch (random_below(r, 6)) {
	case 0: /* small ones, which share packets */
		t->len_min = 40;
		t->len_max = (uint32_t)random_range(r, 40, 400);
		break;
	case 1: /* more than the WAN carries whole */
		t->len_min = 3000;
		t->len_max = 9000;
		break;
	case 2: /* all sizes */
		t->len_min = 40;
		t->len_max = 9000;
		break;
	case 3: /* data and acknowledgements of it */
		t->len_min = t->len_max = 1460;
		t->small_ppm = 500000;
		t->small_len = 52;
		break;
	default:
		t->len_min = t->len_max = (uint32_t)PICK(r, 1024, 1460, 4122, 4122, 1300);
		break;
	}
}

static void traffic_make(struct random *r, const struct scenario *s, struct traffic *t,
			 uint64_t packets)
{
	t->packets = packets;
	t->flows = (uint32_t)PICK(r, 1, 2, 10, 100, 5000);
	t->rate_bps = s->path_bps + s->path_bps / 20;
	lengths_make(r, t);
	if (!s->is_steady) {
		t->rate_bps = s->path_bps * random_range(r, 20, 120) / 100;
		t->pattern = (enum traffic_pattern)random_below(r, 3);
		t->burst_packets = (uint32_t)random_range(r, 2, 200);
		t->on_ns = random_range(r, 100, 20000) * US;
		t->off_ns = random_range(r, 100, 40000) * US;
	}
}

static void link_make(struct random *r, const struct scenario *s, struct link_config *l)
{
	if (one_in(r, 2))
		l->loss_ppm = (uint32_t)PICK(r, 10, 100, 1000, 5000, 10000, 20000, 50000);
	/* A spell that is longer than a window is no steady state. */
	if (one_in(r, 4) && (!s->is_steady || s->path_bps >= 500000000)) {
		l->bad_ppm = (uint32_t)PICK(r, 20, 200, 1000);
		l->good_ppm = (uint32_t)PICK(r, 20000, 100000, 300000);
		l->bad_loss_ppm = (uint32_t)PICK(r, 300000, 700000, 1000000);
	}
	if (one_in(r, 4))
		l->copy_ppm = (uint32_t)PICK(r, 100, 10000, 100000);
	if (one_in(r, 4))
		l->corrupt_ppm = (uint32_t)PICK(r, 100, 1000, 10000);
	if (one_in(r, 4))
		l->replay_ppm = (uint32_t)PICK(r, 1000, 20000, 200000);
	if (one_in(r, 4))
		l->control_loss_ppm = (uint32_t)PICK(r, 10000, 50000, 200000);
	if (one_in(r, 3)) {
		l->jitter_ppm = (uint32_t)PICK(r, 1000, 100000, 1000000);
		/* Within the reorder window that a lane begins with, less what the pacer lets
		 * go at once. */
		l->jitter_ns = 1 + random_below(r, 20 * US + s->rtt_ns / 80);
		/*
		 * Where a packet takes longer than that on the line, those that follow catch up
		 * with it, and any jitter at the end changes their order.
		 */
		l->keeps_order = one_in(r, 2) || (s->is_steady && s->path_bps < 500000000);
		if (!s->is_steady && one_in(r, 2))
			l->jitter_ns = 1 + random_below(r, s->rtt_ns);
	}
}

static void step_make(struct random *r, const struct scenario *s, struct step *step, uint64_t span)
{
	step->kind = (enum step_kind)random_below(r, STEP_REKEY + 1);
	step->side = (uint32_t)random_below(r, 3);
	step->at_ns = random_below(r, span + 1);
	step->for_ns = random_below(r, 3 * s->rtt_ns + (one_in(r, 3) ? 300 * MS : 10 * MS)) + 1;
	switch (step->kind) {
	case STEP_LOSS:
		step->value = PICK(r, 50000, 200000, 900000);
		break;
	case STEP_CONTROL_LOSS:
		step->value = PICK(r, 500000, 900000, 1000000);
		break;
	case STEP_JITTER:
	case STEP_DELAY:
		step->value = random_range(r, 1, 2 * s->rtt_ns);
		break;
	case STEP_SLOW:
		step->value = PICK(r, 900000, 500000, 100000);
		break;
	case STEP_LAN_RATE:
		step->value = 1 + s->path_bps / PICK(r, 2, 10, 50);
		break;
	default:
		break;
	}
}

static bool is_delay(const struct step *step)
{
	return step->kind == STEP_DELAY || step->kind == STEP_MOVE;
}

/* Steps of one kind must not overlap: the end of the first would end both. */
static bool is_free(const struct scenario *s, const struct step *step)
{
	for (uint32_t i = 0; i < s->step_count; i++) {
		const struct step *other = &s->steps[i];
		bool is_alike = other->kind == step->kind || (is_delay(other) && is_delay(step));

		if (is_alike && other->at_ns <= step->at_ns + step->for_ns &&
		    step->at_ns <= other->at_ns + other->for_ns)
			return false;
	}
	return true;
}

/* About how long the traffic takes. */
static uint64_t span_ns(const struct scenario *s)
{
	uint64_t longest = 0;

	for (uint32_t who = 0; who < 2; who++) {
		const struct traffic *t = &s->traffic[who];
		uint64_t rate = t->rate_bps < s->path_bps ? t->rate_bps : s->path_bps;
		uint64_t bytes = t->packets * (t->len_min + t->len_max + 100) / 2;
		uint64_t ns = (uint64_t)((double)bytes * 8e9 / (double)(rate + 1));

		longest = t->packets && ns > longest ? ns : longest;
	}
	return longest;
}

static void faults_make(struct random *r, struct scenario *s)
{
	uint32_t count = 1 + (uint32_t)random_below(r, 4);
	uint64_t span = span_ns(s);

	for (uint32_t i = 0; i < count; i++) {
		struct step step = {0};

		step_make(r, s, &step, span);
		if (is_free(s, &step))
			s->steps[s->step_count++] = step;
	}
	if (one_in(r, 4))
		s->rekey_packets = random_range(r, 200, 5000);
	if (one_in(r, 4))
		s->slots_max = (uint32_t)PICK(r, 1024, 2048, 8192);
	if (one_in(r, 5))
		s->said_rtt_ns = s->rtt_ns * PICK(r, 1, 5, 20) / 2;
}

/* By numbers of its own, so that the seeds that there were stay what they were. */
static void moves_make(uint64_t seed, struct scenario *s)
{
	uint64_t span = span_ns(s);
	struct random r;

	random_init(&r, seed, 0x4d00);
	for (uint32_t i = 0; one_in(&r, 2) && i < 3; i++) {
		struct step step = {.kind = STEP_MOVE, .side = (uint32_t)random_below(&r, 3)};

		step.at_ns = random_below(&r, span + 1);
		step.for_ns = 1 + random_below(&r, 3 * s->rtt_ns + 50 * MS);
		step.value = random_range(&r, 1, 2 * s->rtt_ns);
		if (is_free(s, &step))
			s->steps[s->step_count++] = step;
	}
}

/* Steady: a round trip is at most this many packets, so that 50,000 are many. */
static void steady_make(struct random *r, struct scenario *s)
{
	while (s->rtt_ns > 10 * US && s->path_bps / 8000 * s->rtt_ns / 1000000 > 700 * 1000)
		s->rtt_ns /= 2;
	if (one_in(r, 3))
		s->rekey_packets = random_range(r, 2000, 20000);
}

/* Of packets, in the long run. */
static double mean_loss(const struct link_config *l)
{
	double loss = (double)(l->loss_ppm + l->corrupt_ppm) / 1e6;

	if (l->bad_ppm)
		loss += (double)l->bad_ppm / (l->bad_ppm + l->good_ppm) * l->bad_loss_ppm / 1e6;
	return loss;
}

/*
 * What the class is admitted with: four times what there is. With just that, one packet per round
 * trip may need one round more than the window has: 0.89 of 25 Gb/s at 156 us and 2 %.
 */
static void budget_make(struct scenario *s)
{
	for (uint32_t who = 0; who < 2; who++) {
		double loss = 4 * mean_loss(&s->link[who]);

		/* What is asked for is up to 5 %, and some more. */
		if (loss > 0.2) {
			s->link[who].bad_ppm = 0;
			loss = 4 * mean_loss(&s->link[who]);
		}

		if (loss > s->loss_budget)
			s->loss_budget = loss < 0.3 ? loss : 0.3;
	}
}

void scenario_generate(uint64_t seed, struct scenario *s)
{
	struct random r;

	*s = (struct scenario){.name = "seed", .seed = seed};
	random_init(&r, seed, 0x4400);
	s->is_steady = one_in(&r, 2);
	wan_make(&r, s);
	if (s->is_steady)
		steady_make(&r, s);
	traffic_make(&r, s, &s->traffic[0],
		     s->is_steady ? PACKETS_MAX / 2 : random_range(&r, 50, PACKETS_MAX / 2));
	if (one_in(&r, 2))
		traffic_make(&r, s, &s->traffic[1], s->traffic[0].packets / 4);
	link_make(&r, s, &s->link[0]);
	link_make(&r, s, &s->link[1]);
	if (!s->is_steady) {
		faults_make(&r, s);
		moves_make(seed, s);
	}
	s->loss_budget = 0.01;
	if (s->is_steady)
		budget_make(s);
	if (!s->slots_max && !s->is_steady)
		s->slots_max = 1u << 16;
	scenario_complete(s);
}
