/*
 * cw-sim: runs the path transport under the simulator, named scenarios or seeds.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/world.h"

struct options {
	uint64_t first, seeds;
	const char *name;
	unsigned int jobs;
	bool is_large, is_verbose, is_list, wants_named, wants_random;
};

static void usage(FILE *out)
{
	fputs("usage: cw-sim [--seeds N] [--first S] [--random] [--jobs N] [--verbose]\n"
	      "       cw-sim --scenario NAME [--verbose]\n"
	      "       cw-sim --named | --large | --list\n\n"
	      "Runs the path transport between two simulated gateways.\n\n"
	      "  --seeds N        random scenarios (default 1, from --first S, default 1)\n"
	      "  --random         one more seed, from CAUSEWAY_SEED or the clock; it is printed\n"
	      "  --scenario NAME  one that has a name; --list shows them\n"
	      "  --named          all small ones that have a name\n"
	      "  --large          all large ones: seconds each, in a release build\n"
	      "  --jobs N         seeds in N processes\n"
	      "  --verbose        what each run did; of a single run also every event\n",
	      out);
}

static double seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void describe(const struct scenario *s)
{
	printf("  %s, %" PRIu64 " Mb/s, RTT %" PRIu64 " us, traffic %" PRIu64 " and %" PRIu64
	       " packets, loss %u and %u ppm\n",
	       s->is_steady ? "steady" : "faults", s->path_bps / 1000000, s->rtt_ns / US,
	       s->traffic[0].packets, s->traffic[1].packets, s->link[0].loss_ppm,
	       s->link[1].loss_ppm);
	printf("  turns each %" PRIu64 " and %" PRIu64 " ns, MTU %u, packets of %u to %u (%u) bytes"
	       ", %u flows, slots %u, buffers %u, retain %u, %" PRIu64 " bytes\n",
	       s->poll_ns[0], s->poll_ns[1], s->wan_mtu, s->traffic[0].len_min,
	       s->traffic[0].len_max, s->traffic[0].small_ppm, s->traffic[0].flows,
	       s->sizes[0].tx_slots, s->sizes[1].rx_buffers, s->sizes[0].retain_packets,
	       s->sizes[0].retain_bytes);
	for (uint32_t i = 0; i < s->step_count; i++)
		printf("  step %u: %s, side %u, at %" PRIu64 " us for %" PRIu64 " us, %" PRIu64
		       "\n",
		       i, step_name(s->steps[i].kind), s->steps[i].side, s->steps[i].at_ns / US,
		       s->steps[i].for_ns / US, s->steps[i].value);
}

static void report(const struct scenario *s, const struct result *r, double wall)
{
	printf("%s %" PRIu64 ": %s; %" PRIu64 " packets, %.3f s virtual, %.2f s, hash %016" PRIx64
	       "\n",
	       s->name, s->seed, r->is_ok ? "ok" : r->message, r->packets,
	       (double)r->virtual_ns / 1e9, wall, r->hash);
	describe(s);
	for (uint32_t who = 0; who < 2; who++) {
		const struct tunnel_stats *t = &r->stats[who];

		if (!s->traffic[who].packets)
			continue;
		printf("  from site %u: %" PRIu64 " sequenced, %" PRIu64 " dropped, %" PRIu64
		       " lost, %" PRIu64 " resent, %" PRIu64
		       " spurious, goodput %.3f, resends per drop %.3f, ACKs %" PRIu64
		       ", PINGs %" PRIu64 "\n",
		       who, t->sequenced, r->drops[who], t->lost, t->resent, t->spurious,
		       r->goodput[who], r->resends[who], r->stats[!who].acks_sent, t->pings_sent);
		printf("    turns that found no key %" PRIu64 ", no window %" PRIu64
		       ", no credit %" PRIu64 "; longest stall %" PRIu64 " us\n",
		       r->site[who].stalls[TUNNEL_STALL_KEY],
		       r->site[who].stalls[TUNNEL_STALL_WINDOW],
		       r->site[who].stalls[TUNNEL_STALL_CREDIT], r->longest_stall_ns / US);
	}
}

/* One run, twice where the hash is compared. */
static bool run_one(const struct scenario *s, const struct options *o, int print, bool is_twice)
{
	struct result result, again;
	double start = seconds_now();
	bool is_named = strcmp(s->name, "seed") != 0;

	world_run(s, print, &result);
	if (is_twice && result.is_ok) {
		world_run(s, 0, &again);
		if (again.hash != result.hash) {
			result.is_ok = false;
			snprintf(result.message, sizeof(result.message),
				 "two runs differ: %016" PRIx64 " and %016" PRIx64, result.hash,
				 again.hash);
		}
	}
	if (o->is_verbose || (is_named && result.is_ok))
		report(s, &result, seconds_now() - start);
	if (!result.is_ok) {
		if (!o->is_verbose)
			describe(s);
		if (is_named)
			printf("FAILED %s: %s\n  again: cw-sim --scenario %s --verbose\n", s->name,
			       result.message, s->name);
		else
			printf("FAILED seed %" PRIu64 ": %s\n  again: cw-sim --first %" PRIu64
			       " --verbose\n",
			       s->seed, result.message, s->seed);
	}
	fflush(stdout);
	return result.is_ok;
}

static bool run_seed(uint64_t seed, const struct options *o, int print)
{
	struct scenario scenario;

	scenario_generate(seed, &scenario);
	return run_one(&scenario, o, print, seed % 16 == 0);
}

/* Every jobs-th seed from `offset`. Returns the failures. */
static uint64_t run_share(const struct options *o, uint64_t offset)
{
	uint64_t failed = 0;

	for (uint64_t i = offset; i < o->seeds; i += o->jobs)
		failed += !run_seed(o->first + i, o, o->seeds == 1 ? 1 + o->is_verbose : 1);
	return failed;
}

static uint64_t run_parallel(const struct options *o)
{
	uint64_t failed = 0;
	int status;

	for (unsigned int job = 0; job < o->jobs; job++) {
		if (fork() == 0)
			_exit(run_share(o, job) ? 1 : 0);
	}
	while (wait(&status) > 0) {
		if (WIFSIGNALED(status))
			printf("FAILED: a job died of signal %d\n", WTERMSIG(status));
		failed += status != 0;
	}
	return failed;
}

static uint64_t run_seeds(const struct options *o)
{
	double start = seconds_now();
	uint64_t failed = o->jobs > 1 ? run_parallel(o) : run_share(o, 0);

	printf("%" PRIu64 " seeds from %" PRIu64 ": %s, %.1f s\n", o->seeds, o->first,
	       failed ? "FAILED" : "ok", seconds_now() - start);
	return failed;
}

static uint64_t run_random(const struct options *o)
{
	const char *text = getenv("CAUSEWAY_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL) * 1000003;

	printf("random seed: %" PRIu64 "\n", seed);
	return !run_seed(seed, o, 1);
}

static uint64_t run_named(const struct options *o)
{
	const struct scenario *s;
	uint64_t failed = 0;

	for (uint32_t i = 0; (s = scenario_at(i)); i++) {
		if (s->is_large == o->is_large)
			failed += !run_one(s, o, 1, !s->is_large);
	}
	return failed;
}

static uint64_t run_scenario(const struct options *o)
{
	const struct scenario *s = scenario_named(o->name);

	if (!s) {
		fprintf(stderr, "cw-sim: no scenario %s; see --list\n", o->name);
		return 1;
	}
	return !run_one(s, o, s->is_large ? 1 : 1 + o->is_verbose, false);
}

static void list(void)
{
	const struct scenario *s;

	for (uint32_t i = 0; (s = scenario_at(i)); i++)
		printf("%s%s\n", s->name, s->is_large ? " (large)" : "");
}

enum {
	OPT_SEEDS = 1,
	OPT_FIRST,
	OPT_RANDOM,
	OPT_SCENARIO,
	OPT_NAMED,
	OPT_LARGE,
	OPT_LIST,
	OPT_JOBS,
	OPT_VERBOSE,
	OPT_HELP
};

static const struct option long_options[] = {
	{"seeds", required_argument, NULL, OPT_SEEDS},
	{"first", required_argument, NULL, OPT_FIRST},
	{"random", no_argument, NULL, OPT_RANDOM},
	{"scenario", required_argument, NULL, OPT_SCENARIO},
	{"named", no_argument, NULL, OPT_NAMED},
	{"large", no_argument, NULL, OPT_LARGE},
	{"list", no_argument, NULL, OPT_LIST},
	{"jobs", required_argument, NULL, OPT_JOBS},
	{"verbose", no_argument, NULL, OPT_VERBOSE},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (!*text || *end) {
		fprintf(stderr, "cw-sim: not a number: %s\n", text);
		exit(2);
	}
	return value;
}

static void option_take(struct options *o, int c)
{
	switch (c) {
	case OPT_SEEDS:
		o->seeds = number(optarg);
		break;
	case OPT_FIRST:
		o->first = number(optarg);
		break;
	case OPT_RANDOM:
		o->wants_random = true;
		break;
	case OPT_SCENARIO:
		o->name = optarg;
		break;
	case OPT_LARGE:
		o->is_large = true;
		o->wants_named = true;
		break;
	case OPT_NAMED:
		o->wants_named = true;
		break;
	case OPT_LIST:
		o->is_list = true;
		break;
	case OPT_JOBS:
		o->jobs = (unsigned int)number(optarg);
		break;
	default:
		o->is_verbose = true;
		break;
	}
}

static void options_read(struct options *o, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (c == OPT_HELP || c == '?') {
			usage(c == OPT_HELP ? stdout : stderr);
			exit(c == OPT_HELP ? 0 : 2);
		}
		option_take(o, c);
	}
	if (o->jobs < 1)
		o->jobs = 1;
}

int main(int argc, char **argv)
{
	struct options o = {.first = 1, .seeds = 1, .jobs = 1};
	uint64_t failed = 0;

	options_read(&o, argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (o.is_list)
		list();
	else if (o.name)
		failed = run_scenario(&o);
	else if (o.wants_named)
		failed = run_named(&o);
	else {
		failed = run_seeds(&o);
		if (o.wants_random)
			failed += run_random(&o);
	}
	return failed ? 1 : 0;
}
