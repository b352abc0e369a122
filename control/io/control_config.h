/*
 * The configuration of causeway-control: a YAML file with few, static things. Read once, at start.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#define CONTROL_LISTEN_DEFAULT "127.0.0.1:7700"

enum control_log {
	CONTROL_LOG_ERROR,
	CONTROL_LOG_INFO
};

struct control_config {
	char **listen;
	unsigned int listen_count;
	enum control_log log;
};

/* NULL path: all defaults. NULL, and one line in error, when the file does not hold. */
struct control_config *control_config_load(const char *path, char *error, size_t size);
void control_config_free(struct control_config *config);
/* The effective configuration, as YAML. */
void control_config_print(const struct control_config *config, FILE *out);
