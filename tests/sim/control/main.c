/* cw-control-sim: runs seeds of the simulated control plane. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/control/world.h"

#define HEAL_NS	    (30 * S)
#define END_NS	    (30 * S)
#define QUIET_NS    (15 * S)
#define CHECK_STEPS 20

struct options {
	struct size size;
	uint64_t first, seeds;
	uint32_t traced;
	bool wants_random, is_verbose;
};

static void usage(FILE *out)
{
	fprintf(out,
		"usage: cw-control-sim [--first S] [--seeds N] [--random] [--large] [--seconds N]\n"
		"                      [--trace PATH] [--verbose]\n"
		"\n"
		"Runs control's cores and simulated gateways with failing gateways, links and\n"
		"control restarts, on a virtual clock: 20 sites, 60 links, 400 paths.\n"
		"\n"
		"  --first S    first seed, default 1\n"
		"  --seeds N    how many, default 1\n"
		"  --random     one more, drawn now or CAUSEWAY_SEED; it is printed\n"
		"  --large      200 sites, 1,000 links, 10,000 paths\n"
		"  --seconds N  of trouble\n"
		"  --trace PATH prints what happens to path number PATH\n");
}

static void run_for(struct world *w, uint64_t duration_ns)
{
	uint64_t until_ns = w->now_ns + duration_ns, steps = 0;

	for (; w->now_ns < until_ns && !w->is_failed; w->now_ns += STEP_NS) {
		events_step(w);
		for (uint32_t i = 0; i < w->size.sites; i++)
			gateway_step(w, i);
		control_step(w);
		check_step(w);
		if (steps++ % CHECK_STEPS == 0)
			check_booked(w);
	}
}

static void release_all(struct world *w)
{
	for (uint32_t i = 0; i < w->size.paths; i++) {
		if (w->paths[i].exists)
			store_delete(w, i);
	}
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void report(const struct world *w, double took)
{
	const struct counts *c = &w->counts;

	printf("seed %" PRIu64 ": created %" PRIu64 ", refused %" PRIu64 ", modified %" PRIu64
	       ", moved %" PRIu64 " (lost %" PRIu64 ", drained %" PRIu64 ", back %" PRIu64
	       "), without a backup %" PRIu64 ", expired %" PRIu64 ", released %" PRIu64
	       "; control restarts %" PRIu64 ", gateway deaths %" PRIu64
	       ", cut off from control %" PRIu64 ", link cuts %" PRIu64 "; reports %" PRIu64
	       ", intents %" PRIu64 ", changes of state %" PRIu64 "; %.1f s\n",
	       w->seed, c->created, c->refused, c->modified, c->moved, c->failovers, c->drained,
	       c->returned, c->unprotected, c->expired, c->released, c->restarts, c->deaths,
	       c->unreachable, c->cuts, c->reports, c->lines, c->traces, took);
}

static bool run_seed(const struct options *o, uint64_t seed)
{
	double begin = seconds_now();
	struct world w;
	bool is_good;

	world_make(&w, seed, &o->size);
	w.traced = o->traced;
	/* A calm start, trouble, a calm end. */
	w.is_quiet = true;
	run_for(&w, QUIET_NS);
	w.is_quiet = false;
	run_for(&w, o->size.seconds * S);
	events_heal(&w);
	run_for(&w, HEAL_NS);
	check_healed(&w);
	release_all(&w);
	run_for(&w, END_NS);
	check_empty(&w);
	is_good = !w.is_failed;
	if (!is_good || o->is_verbose)
		report(&w, seconds_now() - begin);
	if (!is_good)
		printf("FAILED seed %" PRIu64 ": %s\n  again: cw-control-sim --first %" PRIu64
		       "%s\n",
		       seed, w.message, seed, o->size.sites > 20 ? " --large" : "");
	world_free(&w);
	fflush(stdout);
	return is_good;
}

static uint64_t random_seed(void)
{
	const char *text = getenv("CAUSEWAY_SEED");

	return text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL) * 1000003;
}

static void options_read(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {{"first", required_argument, NULL, 'f'},
					      {"seeds", required_argument, NULL, 'n'},
					      {"random", no_argument, NULL, 'r'},
					      {"large", no_argument, NULL, 'l'},
					      {"seconds", required_argument, NULL, 's'},
					      {"verbose", no_argument, NULL, 'v'},
					      {"trace", required_argument, NULL, 't'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	static const struct size large = {200, 1000, 10000, 60};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 'f')
			o->first = strtoull(optarg, NULL, 10);
		else if (c == 'n')
			o->seeds = strtoull(optarg, NULL, 10);
		else if (c == 'r')
			o->wants_random = true;
		else if (c == 'l')
			o->size = large;
		else if (c == 's')
			o->size.seconds = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 't')
			o->traced = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'v')
			o->is_verbose = true;
		else {
			usage(c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : 2);
		}
	}
}

int main(int argc, char **argv)
{
	struct options o = {.size = {20, 60, 400, 120}, .first = 1, .seeds = 1, .traced = NONE};
	uint64_t failed = 0;

	options_read(&o, argc, argv);
	for (uint64_t i = 0; i < o.seeds; i++)
		failed += !run_seed(&o, o.first + i);
	if (o.wants_random) {
		uint64_t seed = random_seed();

		printf("random seed: %" PRIu64 "\n", seed);
		failed += !run_seed(&o, seed);
	}
	printf("%" PRIu64 " seeds: %s\n", o.seeds + o.wants_random, failed ? "FAILED" : "ok");
	return failed ? 1 : 0;
}
