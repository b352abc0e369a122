/*
 * The configuration of causeway-control: a YAML file with few, static things. Read once, at start.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "control/io/control_access.h"

#define CONTROL_LISTEN_DEFAULT "127.0.0.1:7700"

enum control_log {
	CONTROL_LOG_INFO, /* where nothing is said */
	CONTROL_LOG_ERROR
};

struct control_store {
	char *path;		 /* NULL: in memory only */
	uint64_t keep_revisions; /* of the log; 0: the default */
	uint32_t keep_days;	 /* 0: however old */
};

struct control_usage {
	char *interval;	    /* "60s"; NULL: the default */
	uint32_t keep_days; /* 0: the default */
};

#define CONTROL_CONNECTIONS_MIN 16
#define CONTROL_CONNECTIONS_MAX 65536

struct control_config {
	char **listen;
	unsigned int listen_count;
	uint32_t max_connections; /* of clients and gateways; 0: the default */
	enum control_log log;
	struct control_store store;
	struct control_usage usage;
	struct control_access access;
};

/* NULL path: all defaults. NULL, and one line in error, when the file does not hold. */
struct control_config *control_config_load(const char *path, char *error, size_t size);
void control_config_free(struct control_config *config);
/* How long the interval of a usage record is, and how many days they are kept. */
uint64_t control_usage_interval_ns(const struct control_usage *usage);
uint32_t control_usage_days(const struct control_usage *usage);
uint32_t control_max_connections(const struct control_config *config);
/* The effective configuration, as YAML. */
void control_config_print(const struct control_config *config, FILE *out);
