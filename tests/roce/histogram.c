#include "tests/roce/histogram.h"

/* Below 16 each value is a class; then 16 classes from each power of two to the next. */
static uint32_t class_of(uint64_t value)
{
	uint32_t shift;

	if (value < HISTOGRAM_STEPS)
		return (uint32_t)value;
	shift = 63 - (uint32_t)__builtin_clzll(value) - 4;
	return HISTOGRAM_STEPS * shift + (uint32_t)(value >> shift);
}

static uint64_t class_end(uint32_t class)
{
	uint32_t shift = class < 2 * HISTOGRAM_STEPS ? 0 : class / HISTOGRAM_STEPS - 1;
	uint64_t base = class - HISTOGRAM_STEPS * shift;

	return ((base + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
	h->classes[class_of(value)]++;
	h->count++;
	if (value > h->max)
		h->max = value;
}

uint64_t histogram_quantile(const struct histogram *h, uint32_t permille)
{
	uint64_t rank = (h->count * permille + 999) / 1000, seen = 0, end;

	if (!h->count)
		return 0;
	for (uint32_t i = 0; i < HISTOGRAM_CLASSES; i++) {
		seen += h->classes[i];
		if (seen < rank || !seen)
			continue;
		end = class_end(i);
		return end < h->max ? end : h->max;
	}
	return h->max;
}
