#include "dataplane/agent/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/units.h"
#include "control/io/yaml_check.h"
#include "dataplane/abi/counters.h"
#include "dataplane/agent/config_text.h"

#define ROCE_UDP_PORT	 4791
#define MEMORY_BYTES_MIN (32ull << 20)
#define MEMORY_BYTES_MAX (1ull << 40)
#define CPU_MAX		 1023

_Static_assert((int)CONFIG_LAN == (int)CW_PORT_LAN && (int)CONFIG_WAN == (int)CW_PORT_WAN,
	       "roles are the counter ABI's");

static int cpus_add(const struct config_reading *reading, struct gateway_config *config,
		    uint32_t first, uint32_t last)
{
	if (last < first)
		return config_wrong(reading, "cpus", "range %u-%u runs backwards", first, last);
	for (uint32_t cpu = first; cpu <= last; cpu++) {
		for (uint32_t i = 0; i < config->cpu_count; i++) {
			if (config->cpus[i] == cpu)
				return config_wrong(reading, "cpus", "CPU %u is named twice", cpu);
		}
		if (config->cpu_count == config->workers)
			return config_wrong(
				reading, "cpus",
				"more CPUs than workers (%u): name one CPU for each worker",
				config->workers);
		config->cpus[config->cpu_count++] = cpu;
	}
	return 0;
}

/* "1-2,5" */
static int cpus_read(const struct config_reading *reading, const char *text,
		     struct gateway_config *config)
{
	while (text) {
		char range[16], *dash;
		uint32_t first, last;
		size_t length = strcspn(text, ",");
		int err;

		if (!length || length >= sizeof(range))
			return config_wrong(reading, "cpus", "not a list such as \"1-2,5\"");
		snprintf(range, sizeof(range), "%.*s", (int)length, text);
		dash = strchr(range, '-');
		if (dash)
			*dash++ = 0;
		err = config_read_number(reading, "cpus", range, 0, CPU_MAX, &first);
		if (!err)
			err = config_read_number(reading, "cpus", dash ? dash : range, 0, CPU_MAX,
						 &last);
		if (!err)
			err = cpus_add(reading, config, first, last);
		if (err)
			return err;
		text = text[length] ? text + length + 1 : NULL;
	}
	if (config->cpu_count != config->workers)
		return config_wrong(reading, "cpus",
				    "%u CPUs for %u workers: name one CPU for each worker",
				    config->cpu_count, config->workers);
	return 0;
}

static int memory_read(const struct config_reading *reading, const char *text, uint64_t *bytes)
{
	if (units_parse_size(text, bytes))
		return config_wrong(reading, "memory.size",
				    "'%s' is not a size such as 256MiB or 1GiB", text);
	if (*bytes < MEMORY_BYTES_MIN || *bytes > MEMORY_BYTES_MAX)
		return config_wrong(reading, "memory.size", "'%s' is not between 32MiB and 1TiB",
				    text);
	return 0;
}

static int udp_port_read(const struct config_reading *reading, const char *text, uint16_t *port)
{
	uint32_t number;
	int err = config_read_number(reading, "udp_port", text, 1024, 65000, &number);

	if (err)
		return err;
	if (number <= ROCE_UDP_PORT && ROCE_UDP_PORT - number < CONFIG_WORKERS_MAX)
		return config_wrong(reading, "udp_port",
				    "%u and the ports above it meet RoCEv2's %d: choose another",
				    number, ROCE_UDP_PORT);
	*port = (uint16_t)number;
	return 0;
}

static int cores_read(const struct config_reading *reading, const struct config_raw *raw,
		      struct gateway_config *config)
{
	int idle;

	if (raw->workers && config_read_number(reading, "workers", raw->workers, 1,
					       CONFIG_WORKERS_MAX, &config->workers))
		return -EINVAL;
	if (raw->cpus && cpus_read(reading, raw->cpus, config))
		return -EINVAL;
	if (!raw->idle)
		return 0;
	if (config_read_choice(reading, "idle", raw->idle, config_idles, &idle))
		return -EINVAL;
	config->idle = (enum config_idle)idle;
	return 0;
}

static int resources_read(const struct config_reading *reading, const struct config_raw *raw,
			  struct gateway_config *config)
{
	int huge = (int)config->huge_pages;

	if (raw->memory.size && memory_read(reading, raw->memory.size, &config->memory_bytes))
		return -EINVAL;
	if (raw->memory.huge_pages &&
	    config_read_choice(reading, "memory.huge_pages", raw->memory.huge_pages,
			       config_huge_pages, &huge))
		return -EINVAL;
	config->huge_pages = (enum config_huge_pages)huge;
	if (raw->udp_port)
		return udp_port_read(reading, raw->udp_port, &config->udp_port);
	return 0;
}

static int all_read(const struct config_reading *reading, const struct config_raw *raw,
		    struct gateway_config *config)
{
	if (config_read_name(reading, "name", raw->name, config->name))
		return -EINVAL;
	if (raw->run_dir &&
	    config_read_directory(reading, "run_dir", raw->run_dir, config->run_dir))
		return -EINVAL;
	if (raw->state_dir &&
	    config_read_directory(reading, "state_dir", raw->state_dir, config->state_dir))
		return -EINVAL;
	if (config_read_control(reading, raw, config))
		return -EINVAL;
	if (cores_read(reading, raw, config) || resources_read(reading, raw, config))
		return -EINVAL;
	return config_read_ports(reading, raw, config);
}

static const struct gateway_config defaults = {
	.run_dir = "/run/causeway",
	.state_dir = "/var/lib/causeway",
	.control_url = "http://127.0.0.1:7700",
	.workers = 1,
	.idle = CONFIG_ADAPTIVE,
	.memory_bytes = 256ull << 20,
	.huge_pages = CONFIG_HUGE_REQUIRE,
	.udp_port = 47700,
};

int config_parse(const char *name, const char *text, size_t length, struct gateway_config *config,
		 char *error, size_t size)
{
	const struct config_reading reading = {name, text, length, error, size};
	struct gateway_config fresh = defaults;
	void *raw;
	int err = yaml_load_text(name, text, length, &config_schema, &raw, error, size);

	if (err)
		return err;
	err = all_read(&reading, raw, &fresh);
	yaml_unload(&config_schema, raw);
	if (!err) {
		*config = fresh;
		return 0;
	}
	yaml_clean_error(error);
	config_free(&fresh);
	return err;
}

int config_load(const char *path, struct gateway_config *config, char *error, size_t size)
{
	size_t length;
	char *text;
	int err = yaml_read_file(path, &text, &length, error, size);

	if (err)
		return err;
	err = config_parse(path, text, length, config, error, size);
	free(text);
	return err;
}

void config_free(struct gateway_config *config)
{
	free(config->ports);
	config->ports = NULL;
	config->port_count = 0;
}
