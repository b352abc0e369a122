/* ns per packet of the fast path, by direction, size and stage; see --help and README.md. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <rte_eal.h>
#include <rte_version.h>

#include "tests/bench/bench_measure.h"
#include "tests/bench/bench_process.h"
#include "tests/bench/seal_set.h"

#define WARM_ROUNDS   2
#define ROUNDS_MAX    100000
#define BATCHES	      8 /* of each measure in a round */
#define MEMORY_MIB    768
#define RAW_SET_BYTES (4ull << 20)
#define RAW_PASSES    40
#define RAW_LEAST     1000 /* bytes of a frame */

static const uint32_t sizes[] = {64, 1420, 4200};

static const char *const help =
	"usage: bench-path [--rounds N] [--plain] [--huge-pages] [--cpu N] [--table]\n\n"
	"Nanoseconds per packet of the gateway's fast path on net_ring devices, on one core, next to\n"
	"AES-256-GCM alone, to a macswap loop over the same ports, frames and bursts and to a memcpy\n"
	"of the same bytes. Prints one JSON object, or a table.\n\n"
	"  --rounds N    rounds per size and direction (default 501); values are medians of rounds\n"
	"  --plain       with the null cipher, which copies but does not encrypt\n"
	"  --huge-pages  take memory from huge pages\n"
	"  --cpu N       run on this CPU (default: the last one)\n\n"
	"How stages are measured: a round has 8 batches of 4 bursts of 32 frames for each measure,\n"
	"one measure after the other. Making and freeing frames is not timed. The measures:\n"
#define X(name, text) "  " #name ": " text "\n"
	MEASURE_LIST(X)
#undef X
		"Outbound stages: receive = RECEIVE, classify = CLASSIFY - RECEIVE, accept = ACCEPT -\n"
		"CLASSIFY (checks, TTL, queue), encapsulate = SERVICE - SEND (shaper, numbers, headers,\n"
		"seal, buffers), acks = ACKS (those that come back, with the buffers they free), send =\n"
		"SEND, turn = TOTAL - ACCEPT - ACKS - SERVICE (commands, time-outs, empty polls; less the\n"
		"time stamps of the parts). Inbound: open = OPEN - CLASSIFY, deliver = ACCEPT + SERVICE -\n"
		"OPEN - SEND (replay window, order, inner checks, next hop, ACKs). MACHINES is the part of\n"
		"these that makes the transport reliable. All are per inner packet, but\n"
		"the macswap figures, which are per frame swapped: at 64 bytes many inner packets share a\n"
		"tunnel packet. net_ring moves pointers only; net_null makes and frees a buffer for each\n"
		"frame, as drivers of real devices do.\n";

struct options {
	uint32_t rounds, cpu;
	bool huge_pages, table, plain;
};

struct spread {
	double p10, p50, p90;
};

struct result {
	uint32_t frame_bytes, rounds;
	bool is_inbound;
	double packets_per_frame, sent_per_packet;
	struct spread ns[MEASURE_COUNT]; /* per frame */
	double raw_ns;			 /* AES-256-GCM alone; 0: not measured */
};

static int double_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct spread spread_of(const struct round *rounds, uint32_t count, uint32_t measure)
{
	double *values = calloc(count, sizeof(*values));
	double ns_per_tick = 1e9 / (double)rte_get_tsc_hz();
	struct spread spread = {0};

	if (!values)
		abort();
	for (uint32_t i = 0; i < count; i++)
		if (rounds[i].frames[measure])
			values[i] = (double)rounds[i].ticks[measure] * ns_per_tick /
				    (double)rounds[i].frames[measure];
	qsort(values, count, sizeof(*values), double_compare);
	spread = (struct spread){values[count / 10], values[count / 2], values[count * 9 / 10]};
	free(values);
	return spread;
}

static void result_fill(struct result *result, const struct round *rounds, uint32_t count)
{
	uint64_t packets = 0, sent = 0, frames = 0;

	for (uint32_t i = 0; i < count; i++) {
		packets += rounds[i].packets;
		sent += rounds[i].sent;
		frames += rounds[i].frames[MEASURE_TOTAL];
	}
	result->rounds = count;
	result->packets_per_frame = (double)packets / (double)frames;
	result->sent_per_packet = (double)sent / (double)packets;
	for (uint32_t i = 0; i < MEASURE_COUNT; i++)
		result->ns[i] = spread_of(rounds, count, i);
}

/* 0, or 1 after a line that says why. */
static int result_measure(struct result *result, const struct options *options)
{
	struct rig_options rig_options = {.is_inbound = result->is_inbound,
					  .is_plain = options->plain,
					  .frame_bytes = result->frame_bytes};
	uint32_t count = options->rounds;
	struct round *rounds = calloc(count + WARM_ROUNDS, sizeof(*rounds));
	struct machines machines = {0};
	bool is_sound = true;
	struct rig rig;

	if (!rounds || machines_make(&machines) || rig_make(&rig, &rig_options)) {
		fprintf(stderr,
			"bench-path: no memory for the rig or no net_null among DPDK's drivers\n");
		free(rounds);
		return 1;
	}
	for (uint32_t i = 0; i < count + WARM_ROUNDS && is_sound; i++)
		for (uint32_t batch = 0; batch < BATCHES && is_sound; batch++)
			is_sound = measure_all(&rig, &machines, &rounds[i]);
	if (is_sound)
		result_fill(result, rounds + WARM_ROUNDS, count);
	else
		fprintf(stderr, "bench-path: %llu frames were lost, so no figure would hold\n",
			(unsigned long long)rig_losses(&rig));
	rig_free(&rig);
	machines_free(&machines);
	free(rounds);
	return !is_sound;
}

static double per_packet(const struct result *r, enum measure measure)
{
	if (measure == MEASURE_SEND)
		return r->ns[measure].p50 * r->sent_per_packet;
	return r->ns[measure].p50 / r->packets_per_frame;
}

struct stage {
	const char *name;
	double ns;
};

#define STAGES_MAX 7

static uint32_t stages_fill(const struct result *r, struct stage stages[STAGES_MAX])
{
	double receive = per_packet(r, MEASURE_RECEIVE), classify = per_packet(r, MEASURE_CLASSIFY);
	double accept = per_packet(r, MEASURE_ACCEPT), service = per_packet(r, MEASURE_SERVICE);
	double opened = per_packet(r, MEASURE_OPEN), send = per_packet(r, MEASURE_SEND);
	double acks = per_packet(r, MEASURE_ACKS);
	double turn = per_packet(r, MEASURE_TOTAL) - accept - acks - service;

	stages[0] = (struct stage){"receive", receive};
	stages[1] = (struct stage){"classify", classify - receive};
	if (r->is_inbound) {
		stages[2] = (struct stage){"open", opened - classify};
		stages[3] = (struct stage){"deliver", accept + service - opened - send};
	} else {
		stages[2] = (struct stage){"accept", accept - classify};
		stages[3] = (struct stage){"encapsulate", service - send};
	}
	stages[4] = (struct stage){"acks", acks};
	stages[5] = (struct stage){"send", send};
	stages[6] = (struct stage){"turn", turn};
	return STAGES_MAX;
}

static double ratio_of(const struct result *r, enum measure macswap)
{
	return per_packet(r, MEASURE_TOTAL) / r->ns[macswap].p50;
}

/* Of the same path without what makes it reliable. */
static double reliability_share(const struct result *r)
{
	double machines = r->ns[MEASURE_MACHINES].p50;

	return machines / (per_packet(r, MEASURE_TOTAL) - machines);
}

/* Throughput as a part of what the cipher alone would do; 0: not measured. */
static double raw_ratio(const struct result *r)
{
	return r->raw_ns / per_packet(r, MEASURE_TOTAL);
}

static json_t *result_json(const struct result *r)
{
	double ns = per_packet(r, MEASURE_TOTAL);
	struct stage stages[STAGES_MAX];
	uint32_t count = stages_fill(r, stages);
	json_t *by_stage = json_object();

	for (uint32_t i = 0; i < count; i++)
		json_object_set_new(by_stage, stages[i].name, bench_real(stages[i].ns));
	return json_pack(
		"{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o}",
		"frame_bytes", (int)r->frame_bytes, "direction",
		r->is_inbound ? "inbound" : "outbound", "ns_per_packet", bench_real(ns),
		"ns_per_packet_p10", bench_real(r->ns[MEASURE_TOTAL].p10 / r->packets_per_frame),
		"ns_per_packet_p90", bench_real(r->ns[MEASURE_TOTAL].p90 / r->packets_per_frame),
		"stages", by_stage, "macswap_ns", bench_real(r->ns[MEASURE_MACSWAP].p50),
		"macswap_null_ns", bench_real(r->ns[MEASURE_MACSWAP_NULL].p50), "memcpy_ns",
		bench_real(per_packet(r, MEASURE_MEMCPY)), "raw_cipher_ns", bench_real(r->raw_ns),
		"ratio_to_raw_cipher", bench_real(raw_ratio(r)), "machines_ns",
		bench_real(r->ns[MEASURE_MACHINES].p50), "reliability_share",
		bench_real(reliability_share(r)), "ratio_to_macswap",
		bench_real(ratio_of(r, MEASURE_MACSWAP)), "ratio_to_macswap_null",
		bench_real(ratio_of(r, MEASURE_MACSWAP_NULL)), "packets_per_frame",
		bench_real(r->packets_per_frame), "pps", json_integer((json_int_t)(1e9 / ns)),
		"gbps", bench_real((double)r->frame_bytes * 8 / ns));
}

static json_t *report_json(const struct options *options, const struct result *results,
			   uint32_t count)
{
	json_t *list = json_array();
	char cpu[BENCH_CPU_TEXT_BYTES];
	double load = 0;

	bench_cpu_model(cpu);
	getloadavg(&load, 1);
	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(list, result_json(&results[i]));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:b, s:o, s:o}",
			 "benchmark", "path", "cpu", cpu, "dpdk", rte_version(), "driver",
			 "net_ring", "cipher", options->plain ? aead_null.name : aead_gcm.name,
			 "burst", PORT_BURST, "frames_per_round", BATCHES * RIG_BATCH, "rounds",
			 (int)options->rounds, "flows", RIG_FLOWS, "huge_pages",
			 options->huge_pages, "load_average", bench_real(load), "results", list);
}

static void report_table(const struct options *options, const struct result *results,
			 uint32_t count)
{
	char cpu[BENCH_CPU_TEXT_BYTES];

	bench_cpu_model(cpu);
	printf("%s, %s, %s cipher, burst %u, %u rounds, %s pages\n", cpu, rte_version(),
	       options->plain ? aead_null.name : aead_gcm.name, PORT_BURST, options->rounds,
	       options->huge_pages ? "huge" : "small");
	printf("%5s %-8s %7s %7s %6s %7s %6s %8s %7s %7s %7s %7s  stages (ns)\n", "bytes", "way",
	       "ns/pkt", "raw gcm", "ratio", "reliab", "share", "macswap", "on null", "memcpy",
	       "Mpps", "Gb/s");
	for (uint32_t i = 0; i < count; i++) {
		const struct result *r = &results[i];
		double ns = per_packet(r, MEASURE_TOTAL);
		struct stage stages[STAGES_MAX];
		uint32_t stage_count = stages_fill(r, stages);

		printf("%5u %-8s %7.1f %7.1f %6.2f %7.1f %6.2f %8.1f %7.1f %7.1f %7.2f %7.1f ",
		       r->frame_bytes, r->is_inbound ? "inbound" : "outbound", ns, r->raw_ns,
		       raw_ratio(r), r->ns[MEASURE_MACHINES].p50, reliability_share(r),
		       r->ns[MEASURE_MACSWAP].p50, r->ns[MEASURE_MACSWAP_NULL].p50,
		       per_packet(r, MEASURE_MEMCPY), 1e3 / ns, (double)r->frame_bytes * 8 / ns);
		for (uint32_t k = 0; k < stage_count; k++)
			printf(" %s %.1f", stages[k].name, stages[k].ns);
		printf("\n");
	}
}

/* ns per packet of the cipher alone, over 4 MiB of mbufs; 0: no memory. */
static double raw_measure(uint32_t frame_bytes, bool is_inbound)
{
	uint64_t *ticks[SEAL_MEASURE_COUNT];
	uint32_t measure = is_inbound ? SEAL_MEASURE_OPEN : SEAL_MEASURE_RAW;
	struct seal_set set;
	uint32_t slices;
	double ns;

	if (seal_set_make(&set, frame_bytes, RAW_SET_BYTES, false))
		return 0;
	slices = seal_set_slices(&set);
	for (uint32_t i = 0; i < SEAL_MEASURE_COUNT; i++)
		ticks[i] = calloc((size_t)slices * RAW_PASSES, sizeof(*ticks[i]));
	for (uint32_t pass = 0; pass < RAW_PASSES; pass++) {
		seal_set_measure(&set, ticks);
		for (uint32_t i = 0; i < SEAL_MEASURE_COUNT; i++)
			ticks[i] += slices;
	}
	for (uint32_t i = 0; i < SEAL_MEASURE_COUNT; i++)
		ticks[i] -= slices * RAW_PASSES;
	qsort(ticks[measure], slices * RAW_PASSES, sizeof(uint64_t), bench_ticks_compare);
	ns = (double)ticks[measure][slices * RAW_PASSES / 2] * 1e9 / (double)rte_get_tsc_hz() /
	     SEAL_SLICE;
	for (uint32_t i = 0; i < SEAL_MEASURE_COUNT; i++)
		free(ticks[i]);
	seal_set_free(&set);
	return ns;
}

static struct options options_read(int argc, char **argv)
{
	static const struct option known[] = {
		{"rounds", required_argument, NULL, 'r'},
		{"plain", no_argument, NULL, 'n'},
		{"huge-pages", no_argument, NULL, 'p'},
		{"cpu", required_argument, NULL, 'c'},
		{"table", no_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	uint32_t last = bench_cpu_last();
	struct options options = {.rounds = 501, .cpu = last};

	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (c == 'r')
			options.rounds =
				bench_number_option("bench-path", "rounds", optarg, 1, ROUNDS_MAX);
		else if (c == 'c')
			options.cpu = bench_number_option("bench-path", "cpu", optarg, 0, last);
		else if (c == 'h' || c == '?')
			exit(c == 'h' ? (fputs(help, stdout), 0) : 2);
		options.huge_pages |= c == 'p';
		options.table |= c == 't';
		options.plain |= c == 'n';
	}
	return options;
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	struct result results[2 * RTE_DIM(sizes)];
	uint32_t count = 0;

	if (bench_eal_start("bench-path", MEMORY_MIB, options.cpu, options.huge_pages)) {
		fprintf(stderr, "bench-path: DPDK does not start here\n");
		return 77;
	}
	for (; count < RTE_DIM(results); count++) {
		struct result *r = &results[count];
		uint32_t size = sizes[count / 2];

		*r = (struct result){.frame_bytes = size, .is_inbound = count % 2};
		if (result_measure(r, &options))
			return 1;
		if (!options.plain && size >= RAW_LEAST)
			r->raw_ns = raw_measure(size, r->is_inbound);
	}
	if (options.table)
		report_table(&options, results, count);
	else
		bench_report_print(report_json(&options, results, count));
	rte_eal_cleanup();
	return 0;
}
