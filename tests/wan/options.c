#include "tests/wan/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *suffix;
	double factor;
};

static const struct unit rate_units[] = {{"", 1},    {"k", 1e3}, {"K", 1e3},
					 {"M", 1e6}, {"G", 1e9}, {NULL, 0}};
static const struct unit time_units[] = {{"", 1e6}, {"ms", 1e6}, {"us", 1e3},
					 {"ns", 1}, {"s", 1e9},	 {NULL, 0}};
static const struct unit queue_time_units[] = {{"ms", 1e6}, {"us", 1e3}, {"s", 1e9}, {NULL, 0}};
static const struct unit byte_units[] = {{"", 1},	   {"B", 1},	     {"kB", 1e3},
					 {"MB", 1e6},	   {"GB", 1e9},	     {"KiB", 1024},
					 {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};

void options_default(struct link_config *config)
{
	memset(config, 0, sizeof(*config));
	config->queue_ns = 50 * 1000000ull;
	config->reorder_ns = 1000000;
	config->burst_leave = 1;
	config->seed = 1;
	config->priority_dscp = 1ull << 34 | 1ull << 10 | 1ull << 46;
}

static int number_parse(const char *text, const struct unit *units, uint64_t *out)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || !isfinite(number) || number < 0)
		return -EINVAL;
	for (; units->suffix; units++) {
		if (strcmp(end, units->suffix) != 0)
			continue;
		if (number * units->factor > 1e18)
			return -EINVAL;
		*out = (uint64_t)llround(number * units->factor);
		return 0;
	}
	return -EINVAL;
}

int options_parse_bytes(const char *text, uint64_t *bytes)
{
	return number_parse(text, byte_units, bytes);
}

static int chance_parse(const char *text, char **end, double *chance)
{
	double number = strtod(text, end);

	if (*end == text || !(number >= 0))
		return -EINVAL;
	if (**end == '%') {
		number /= 100;
		(*end)++;
	}
	if (number > 1)
		return -EINVAL;
	*chance = number;
	return 0;
}

static const char *set_chance(double *field, const char *value)
{
	char *end;
	double chance;

	if (chance_parse(value, &end, &chance) < 0 || *end)
		return "is no probability: 0 to 1, or 0% to 100%";
	*field = chance;
	return NULL;
}

static const char *set_time(uint64_t *field, const char *value)
{
	return number_parse(value, time_units, field) < 0 ? "is no time: 5 (ms), 250us, 1.5ms, 1s"
							  : NULL;
}

static const char *set_rate(struct link_config *config, const char *value)
{
	return number_parse(value, rate_units, &config->rate_bps) < 0
		       ? "is no rate: 200M, 1.5G, or 0 for no limit"
		       : NULL;
}

static const char *set_queue(struct link_config *config, const char *value)
{
	uint64_t number;

	if (number_parse(value, queue_time_units, &number) == 0) {
		config->queue_bytes = 0;
		config->queue_ns = number;
		return NULL;
	}
	if (number_parse(value, byte_units, &number) < 0 || number == 0)
		return "is no queue: 50ms worth of rate, or 256KiB";
	config->queue_bytes = number;
	return NULL;
}

static const char *set_burst(struct link_config *config, const char *value)
{
	double enter, leave;
	char *end;

	if (chance_parse(value, &end, &enter) < 0 || *end != ',' ||
	    chance_parse(end + 1, &end, &leave) < 0 || *end)
		return "is no burst: P,R, the chances per frame to begin and to end a burst of loss";
	config->burst_enter = enter;
	config->burst_leave = leave;
	return NULL;
}

static const char *set_reorder(struct link_config *config, const char *value)
{
	uint64_t hold_ns = config->reorder_ns;
	double chance;
	char *end;

	if (chance_parse(value, &end, &chance) < 0 || (*end && *end != ',') ||
	    (*end == ',' && number_parse(end + 1, time_units, &hold_ns) < 0))
		return "is no reordering: P, or P,MS with how long such a frame is held back";
	config->reorder = chance;
	config->reorder_ns = hold_ns;
	return NULL;
}

static const char *set_seed(struct link_config *config, const char *value)
{
	char *end;
	unsigned long long seed = strtoull(value, &end, 0);

	if (end == value || *end)
		return "is no seed: a whole number";
	config->seed = seed;
	return NULL;
}

static const char *set_priority(struct link_config *config, const char *value)
{
	uint64_t set = 0;

	if (strcmp(value, "none") == 0)
		value = "";
	while (*value) {
		char *end;
		unsigned long dscp = strtoul(value, &end, 10);

		if (end == value || dscp > 63 || (*end && *end != ','))
			return "is no list of DSCPs: 34,10,46, or none";
		set |= 1ull << dscp;
		value = *end ? end + 1 : end;
	}
	config->priority_dscp = set;
	return NULL;
}

const char *options_set(struct link_config *config, const char *name, const char *value)
{
	if (strcmp(name, "delay") == 0)
		return set_time(&config->delay_ns, value);
	if (strcmp(name, "jitter") == 0)
		return set_time(&config->jitter_ns, value);
	if (strcmp(name, "rate") == 0)
		return set_rate(config, value);
	if (strcmp(name, "queue") == 0)
		return set_queue(config, value);
	if (strcmp(name, "loss") == 0)
		return set_chance(&config->loss, value);
	if (strcmp(name, "burst") == 0)
		return set_burst(config, value);
	if (strcmp(name, "reorder") == 0)
		return set_reorder(config, value);
	if (strcmp(name, "duplicate") == 0)
		return set_chance(&config->duplicate, value);
	if (strcmp(name, "corrupt") == 0)
		return set_chance(&config->corrupt, value);
	if (strcmp(name, "seed") == 0)
		return set_seed(config, value);
	if (strcmp(name, "priority-dscp") == 0)
		return set_priority(config, value);
	return "is unknown";
}
