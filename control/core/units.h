/*
 * Rates, sizes and times as people write them, and back. Pure; any thread.
 *
 * Parsing is strict: one number, decimal point allowed before a unit, one known unit, nothing
 * behind. Every parser answers 0, -EINVAL (not such a text) or -ERANGE (does not fit 64 bits) and
 * writes its result only with 0.
 */
#pragma once

#include <stdint.h>

/* Enough for every format function below. */
#define UNITS_TEXT_BYTES 24

/* "400G", "1.5G", "200 M", "9600", "10Gbps", "10Gbit/s": bits per second; K, M, G, T are decimal.
 */
int units_parse_rate(const char *text, uint64_t *bps);
/* "64MiB", "2MB", "2M", "1GiB", "4096", "512B": bytes; KB, MB, .. decimal, KiB, MiB, .. binary. */
int units_parse_size(const char *text, uint64_t *bytes);
/* "10ms", "30s", "250us", "5ns", "2m", "1h": nanoseconds. A unit is required, but for 0. */
int units_parse_time(const char *text, uint64_t *ns);

/*
 * Rounded to three digits: "1.25 Gb/s", "850 b/s"; "1.2 M", "17"; "256 MiB"; "10.1 ms".
 * Each returns the length of the text, or -ENOSPC when size cannot hold it and the final 0.
 */
int units_format_rate(uint64_t bps, char *out, uint32_t size);
int units_format_count(uint64_t number, char *out, uint32_t size);
int units_format_size(uint64_t bytes, char *out, uint32_t size);
int units_format_time(uint64_t ns, char *out, uint32_t size);
