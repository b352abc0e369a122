/* ns per packet of sealing and opening alone, by size and working set; see --help and README.md. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_version.h>

#include "tests/bench/bench_process.h"
#include "tests/bench/seal_set.h"

#define WARM_PASSES 1
#define ROUNDS_MAX  100000
#define SMALL_BYTES (4ull << 20)
#define LARGE_BYTES (1ull << 30)
#define SMALL_MIB   32 /* memory for the small set and the EAL */
#define LARGE_MIB   1200
#define RESULTS_MAX 4

static const uint32_t sizes[] = {1420, 4200};

static const char *const help =
	"usage: bench-seal [--rounds N] [--large] [--shuffle] [--huge-pages] [--cpu N] [--table]\n\n"
	"Nanoseconds per packet of AES-256-GCM alone, on one core: the cipher library's own calls\n"
	"and the fast path's use of them, over mbufs of one pool in one order. Prints one JSON\n"
	"object, or a table.\n\n"
	"  --rounds N    at least so many slices of 256 packets for each figure (default 501);\n"
	"                values are medians of slices\n"
	"  --large       also with a set of 1 GiB; where memory is short this is skipped and said\n"
	"  --shuffle     in a random order, always the same, instead of the pool's\n"
	"  --huge-pages  take memory from huge pages\n"
	"  --cpu N       run on this CPU (default: the last one)\n\n"
	"The measures, one after the other over all of a set:\n"
#define X(name, text) "  " #name ": " text "\n"
	SEAL_MEASURE_LIST(X);
#undef X

struct options {
	uint32_t rounds, cpu;
	bool large, shuffle, huge_pages, table;
	const char *skipped; /* why there is no large set though it was asked for */
};

struct spread {
	double p10, p50, p90;
};

struct result {
	uint32_t frame_bytes, packets, rounds;
	uint64_t set_bytes;
	struct spread ns[SEAL_MEASURE_COUNT];
};

static const char *measure_name(enum seal_measure measure)
{
	static const char *const names[] = {
#define X(name, text) #name,
		SEAL_MEASURE_LIST(X)
#undef X
	};

	return names[measure];
}

static struct spread spread_of(uint64_t *ticks, uint32_t count)
{
	double ns = 1e9 / (double)rte_get_tsc_hz() / SEAL_SLICE;

	qsort(ticks, count, sizeof(*ticks), bench_ticks_compare);
	return (struct spread){(double)ticks[count / 10] * ns, (double)ticks[count / 2] * ns,
			       (double)ticks[count * 9 / 10] * ns};
}

/* Passes over the set until there are enough slices. 0, or 1: no memory. */
static int passes_run(struct seal_set *set, struct result *result, uint32_t rounds)
{
	uint32_t slices = seal_set_slices(set);
	uint32_t passes = (rounds + slices - 1) / slices + WARM_PASSES;
	uint64_t *all = calloc((size_t)passes * slices * SEAL_MEASURE_COUNT, sizeof(*all));
	uint64_t *ticks[SEAL_MEASURE_COUNT];

	if (!all)
		return 1;
	for (uint32_t pass = 0; pass < passes; pass++) {
		for (uint32_t i = 0; i < SEAL_MEASURE_COUNT; i++)
			ticks[i] = all + ((size_t)i * passes + pass) * slices;
		seal_set_measure(set, ticks);
	}
	result->rounds = (passes - WARM_PASSES) * slices;
	for (uint32_t i = 0; i < SEAL_MEASURE_COUNT; i++)
		result->ns[i] = spread_of(all + ((size_t)i * passes + WARM_PASSES) * slices,
					  result->rounds);
	free(all);
	return 0;
}

/* 0, or 1 after a line that says why. */
static int result_measure(struct result *result, const struct options *options)
{
	struct seal_set set;
	int failed;

	if (seal_set_make(&set, result->frame_bytes, result->set_bytes, options->shuffle)) {
		fprintf(stderr, "bench-seal: no memory for the packets, or no AES on this CPU\n");
		return 1;
	}
	result->packets = set.count;
	failed = passes_run(&set, result, options->rounds);
	if (set.failures)
		fprintf(stderr, "bench-seal: %llu packets did not open, so no figure would hold\n",
			(unsigned long long)set.failures);
	failed |= set.failures != 0;
	seal_set_free(&set);
	return failed;
}

static double gbps(const struct result *r, enum seal_measure measure)
{
	return (double)r->frame_bytes * 8 / r->ns[measure].p50;
}

static json_t *result_json(const struct result *r)
{
	json_t *measures = json_object();

	for (uint32_t i = 0; i < SEAL_MEASURE_COUNT; i++)
		json_object_set_new(measures, measure_name(i),
				    json_pack("{s:o, s:o, s:o, s:o}", "ns_per_packet",
					      bench_real(r->ns[i].p50), "ns_per_packet_p10",
					      bench_real(r->ns[i].p10), "ns_per_packet_p90",
					      bench_real(r->ns[i].p90), "gbps",
					      bench_real(gbps(r, i))));
	return json_pack("{s:i, s:I, s:i, s:i, s:o}", "frame_bytes", (int)r->frame_bytes,
			 "set_bytes", (json_int_t)r->set_bytes, "packets", (int)r->packets,
			 "rounds", (int)r->rounds, "measures", measures);
}

static json_t *report_json(const struct options *options, const struct result *results,
			   uint32_t count)
{
	json_t *list = json_array(), *report;
	char cpu[BENCH_CPU_TEXT_BYTES];
	double load = 0;

	bench_cpu_model(cpu);
	getloadavg(&load, 1);
	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(list, result_json(&results[i]));
	report = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:b, s:o, s:o}", "benchmark",
			   "seal", "cpu", cpu, "dpdk", rte_version(), "cipher", aead_gcm.name,
			   "burst", SEAL_BURST, "tx_buffers", SEAL_TX_BUFFERS, "order",
			   options->shuffle ? "shuffled" : "pool", "huge_pages",
			   options->huge_pages, "load_average", bench_real(load), "results", list);
	if (options->skipped)
		json_object_set_new(report, "skipped", json_string(options->skipped));
	return report;
}

static void report_table(const struct options *options, const struct result *results,
			 uint32_t count)
{
	char cpu[BENCH_CPU_TEXT_BYTES];

	bench_cpu_model(cpu);
	printf("%s, %s, burst %d, %s pages, %s order; ns per packet (Gb/s)\n%-13s", cpu,
	       aead_gcm.name, SEAL_BURST, options->huge_pages ? "huge" : "small",
	       options->shuffle ? "shuffled" : "pool", "");
	for (uint32_t r = 0; r < count; r++)
		printf(" %9u B %4llu MiB", results[r].frame_bytes,
		       (unsigned long long)results[r].set_bytes >> 20);
	for (uint32_t i = 0; i < SEAL_MEASURE_COUNT; i++) {
		printf("\n%-13s", measure_name(i));
		for (uint32_t r = 0; r < count; r++)
			printf(" %11.1f (%5.1f)", results[r].ns[i].p50, gbps(&results[r], i));
	}
	printf("\n");
	if (options->skipped)
		printf("%s\n", options->skipped);
}

/* MiB that can be had: free huge pages, or memory. */
static uint64_t memory_mib(bool huge_pages)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long available = 0, pages = 0, page_kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "MemAvailable: %llu", &available);
		sscanf(line, "HugePages_Free: %llu", &pages);
		sscanf(line, "Hugepagesize: %llu", &page_kib);
	}
	if (file)
		fclose(file);
	return (huge_pages ? pages * page_kib : available) >> 10;
}

static struct options options_read(int argc, char **argv)
{
	static const struct option known[] = {
		{"rounds", required_argument, NULL, 'r'}, {"large", no_argument, NULL, 'l'},
		{"shuffle", no_argument, NULL, 's'},	  {"huge-pages", no_argument, NULL, 'p'},
		{"cpu", required_argument, NULL, 'c'},	  {"table", no_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},	  {0},
	};
	uint32_t last = bench_cpu_last();
	struct options options = {.rounds = 501, .cpu = last};

	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (c == 'r')
			options.rounds =
				bench_number_option("bench-seal", "rounds", optarg, 1, ROUNDS_MAX);
		else if (c == 'c')
			options.cpu = bench_number_option("bench-seal", "cpu", optarg, 0, last);
		else if (c == 'h' || c == '?')
			exit(c == 'h' ? (fputs(help, stdout), 0) : 2);
		options.large |= c == 'l';
		options.shuffle |= c == 's';
		options.huge_pages |= c == 'p';
		options.table |= c == 't';
	}
	if (options.large && memory_mib(options.huge_pages) < LARGE_MIB + LARGE_MIB / 8) {
		options.skipped = "skipped the set of 1 GiB: not enough memory is free";
		options.large = false;
	}
	return options;
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	struct result results[RESULTS_MAX];
	uint32_t count = 0;

	if (bench_eal_start("bench-seal", options.large ? LARGE_MIB : SMALL_MIB, options.cpu,
			    options.huge_pages)) {
		fprintf(stderr, "bench-seal: DPDK does not start here\n");
		return 77;
	}
	for (; count < (options.large ? 4u : 2u); count++) {
		struct result *r = &results[count];

		*r = (struct result){.frame_bytes = sizes[count % 2],
				     .set_bytes = count < 2 ? SMALL_BYTES : LARGE_BYTES};
		if (result_measure(r, &options))
			return 1;
	}
	if (options.table)
		report_table(&options, results, count);
	else
		bench_report_print(report_json(&options, results, count));
	rte_eal_cleanup();
	return 0;
}
