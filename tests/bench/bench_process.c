#include "tests/bench/bench_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_eal.h>

int bench_eal_start(const char *program, uint32_t memory_mib, uint32_t cpu, bool huge_pages)
{
	char name[32], memory[24], lcore[24];
	char *argv[] = {name,
			"--no-pci",
			"--no-telemetry",
			"--log-level=lib.*:error",
			"--lcores",
			lcore,
			"-m",
			memory,
			"--no-huge",
			"--no-shconf",
			NULL};

	snprintf(name, sizeof(name), "%s", program);
	snprintf(memory, sizeof(memory), "%u", memory_mib);
	snprintf(lcore, sizeof(lcore), "0@%u", cpu);
	if (huge_pages) {
		argv[8] = "--in-memory";
		argv[9] = NULL;
	}
	return rte_eal_init(huge_pages ? 9 : 10, argv) < 0 ? 1 : 0;
}

uint32_t bench_cpu_last(void)
{
	return (uint32_t)sysconf(_SC_NPROCESSORS_ONLN) - 1;
}

uint32_t bench_number_option(const char *program, const char *option, const char *text,
			     uint32_t low, uint32_t high)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < low || value > high) {
		fprintf(stderr, "%s: --%s takes a number from %u to %u\n", program, option, low,
			high);
		exit(2);
	}
	return (uint32_t)value;
}

void bench_cpu_model(char text[BENCH_CPU_TEXT_BYTES])
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(text, BENCH_CPU_TEXT_BYTES, "unknown");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "model name : %127[^\n]", text) == 1)
			break;
	if (file)
		fclose(file);
}

json_t *bench_real(double value)
{
	return json_real((double)(int64_t)(value * 1000 + (value < 0 ? -0.5 : 0.5)) / 1000);
}

void bench_report_print(json_t *report)
{
	json_dumpf(report, stdout, JSON_INDENT(1));
	printf("\n");
	json_decref(report);
}

int bench_ticks_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}
