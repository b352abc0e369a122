/*
 * Durations counted in classes a sixteenth of their size apart, so that a percentile is at most
 * 6.25 % too large and no memory grows. Pure.
 */
#pragma once

#include <stdint.h>

#define HISTOGRAM_STEPS	  16
#define HISTOGRAM_CLASSES (HISTOGRAM_STEPS * 61)

struct histogram {
	uint64_t count, max;
	uint64_t classes[HISTOGRAM_CLASSES];
};

void histogram_add(struct histogram *h, uint64_t value);
/* The upper end of the class that holds the given fraction (in 1/1000) of all, not above the
 * largest value; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, uint32_t permille);
