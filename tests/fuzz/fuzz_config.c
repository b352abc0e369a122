/* The gateway's configuration from any bytes: an error line, or a configuration that prints and
 * reads back. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/agent/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_prints_back(const struct gateway_config *config)
{
	struct gateway_config again;
	char *text = NULL, error[256];
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out || config_print(config, out) || fclose(out))
		abort();
	if (config_parse("printed", text, length, &again, error, sizeof(error)))
		abort();
	if (again.port_count != config->port_count || again.memory_bytes != config->memory_bytes ||
	    strcmp(again.name, config->name) || strcmp(again.control_url, config->control_url))
		abort();
	config_free(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gateway_config config;
	char error[256] = "";

	if (config_parse("f", (const char *)data, size, &config, error, sizeof(error))) {
		if (!error[0] || strchr(error, '\n'))
			abort();
		return 0;
	}
	check_prints_back(&config);
	config_free(&config);
	return 0;
}
