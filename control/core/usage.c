#include "control/core/usage.h"

#include <string.h>

#define NS_PER_S 1000000000ull

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a >= USAGE_VALUE_MAX || b >= USAGE_VALUE_MAX - a ? USAGE_VALUE_MAX : a + b;
}

static bool counts_grow(struct usage_counts *counted, const struct usage_counts *told,
			struct usage_counts *record)
{
	bool has_grown = false;

	for (unsigned int i = 0; i < USAGE_VALUES; i++) {
		/* Older, or not told this time. */
		if (told->value[i] <= counted->value[i])
			continue;
		record->value[i] = sum(record->value[i], told->value[i] - counted->value[i]);
		counted->value[i] = told->value[i];
		has_grown = true;
	}
	return has_grown;
}

bool usage_meter_read(struct usage_meter *meter, const struct usage_reading *reading,
		      unsigned int end, struct usage_record *record)
{
	struct usage_reading *counted = &meter->now;
	bool has_grown;

	if (reading->epoch != meter->now.epoch) {
		if (reading->epoch == meter->before.epoch) {
			counted = &meter->before;
		} else {
			meter->before = meter->now;
			memset(&meter->now, 0, sizeof(meter->now));
			meter->now.epoch = reading->epoch;
		}
	}
	has_grown = counts_grow(&counted->out, &reading->out, &record->counts[end]);
	return counts_grow(&counted->in, &reading->in, &record->counts[!end]) || has_grown;
}

void usage_record_add(struct usage_record *record, const struct usage_record *part)
{
	for (unsigned int way = 0; way < 2; way++) {
		uint64_t *to = record->counts[way].value;

		for (unsigned int i = 0; i < USAGE_VALUES; i++)
			to[i] = sum(to[i], part->counts[way].value[i]);
		if (part->guaranteed_bps[way] > record->guaranteed_bps[way])
			record->guaranteed_bps[way] = part->guaranteed_bps[way];
	}
}

uint64_t usage_drops(const struct usage_counts *counts)
{
	uint64_t drops = 0;

	for (unsigned int i = USAGE_DROPS; i < USAGE_VALUES; i++)
		drops = sum(drops, counts->value[i]);
	return drops;
}

uint64_t usage_interval_begin(uint64_t time_ns, uint64_t interval_ns)
{
	return time_ns - time_ns % interval_ns;
}

uint64_t usage_rate_bps(uint64_t bytes, uint64_t ns)
{
	double bps = ns ? (double)bytes * 8 * NS_PER_S / (double)ns : 0;

	return bps < (double)USAGE_VALUE_MAX ? (uint64_t)bps : USAGE_VALUE_MAX;
}
