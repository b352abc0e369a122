/*
 * The parts of reading the gateway's configuration that know no key: error lines with their place,
 * numbers, names, paths, choices. Private to config*.c; main thread.
 *
 * Every reader takes the place ("ports[1].mtu") for its error line and answers 0 or -EINVAL.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dataplane/agent/config.h"
#include "dataplane/agent/config_schema.h"

/* One reading of one file: where texts come from and where the error line goes. */
struct config_reading {
	const char *name;
	const char *text;
	size_t length;
	char *error;
	size_t size;
};

/* A list of them ends with name NULL. */
struct config_choice {
	const char *name;
	int value;
};

extern const struct config_choice config_roles[], config_modes[], config_idles[],
	config_huge_pages[];

/* Says what is wrong at a place, with the line of it or of what should contain it. -EINVAL. */
int config_wrong(const struct config_reading *reading, const char *place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

const char *config_choice_name(const struct config_choice *choices, int value);
int config_read_choice(const struct config_reading *reading, const char *place, const char *text,
		       const struct config_choice *choices, int *value);
int config_read_number(const struct config_reading *reading, const char *place, const char *text,
		       uint32_t least, uint32_t most, uint32_t *value);
/* out: CONFIG_NAME_BYTES; text may be NULL (an error). */
int config_read_name(const struct config_reading *reading, const char *place, const char *text,
		     char *out);
/* out: IFNAMSIZ. */
int config_read_interface(const struct config_reading *reading, const char *place, const char *text,
			  char *out);
/* out: CONFIG_PATH_BYTES. */
int config_read_directory(const struct config_reading *reading, const char *place, const char *text,
			  char *out);

/* Where control is (config_control.c). */
int config_read_control(const struct config_reading *reading, const struct config_raw *raw,
			struct gateway_config *config);
/* The list of ports (config_ports.c). 0, -EINVAL or -ENOMEM; config->ports is set in any case. */
int config_read_ports(const struct config_reading *reading, const struct config_raw *raw,
		      struct gateway_config *config);
