/*
 * What the benchmark's programs have in common as processes: one CPU with DPDK's EAL on it, options
 * that are numbers, and the words and numbers of their reports. Main thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define BENCH_CPU_TEXT_BYTES 128

/* DPDK on this CPU alone, without devices. 0, or 1: it does not start here. */
int bench_eal_start(const char *program, uint32_t memory_mib, uint32_t cpu, bool huge_pages);
/* Of the CPUs that are on: where programs run unless told otherwise. */
uint32_t bench_cpu_last(void);
/* Whole number in [low, high]; exits with 2, and a line that says so, else. */
uint32_t bench_number_option(const char *program, const char *option, const char *text,
			     uint32_t low, uint32_t high);

/* As the kernel calls it; "unknown". */
void bench_cpu_model(char text[BENCH_CPU_TEXT_BYTES]);
/* With three decimals. */
json_t *bench_real(double value);
/* Indented, and the report is given back. */
void bench_report_print(json_t *report);

/* Of uint64_t, for qsort. */
int bench_ticks_compare(const void *a, const void *b);
