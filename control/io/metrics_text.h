/*
 * What the files of GET /metrics share: the text in the making, and how families are headed in its
 * two formats. api_metrics.c begins and ends it, metrics_network.c and metrics_paths.c tell of what
 * their names say. Control's thread.
 */
#pragma once

#include <stdio.h>

#include "control/io/api_internal.h"

struct metrics {
	struct api_call *call;
	struct api *api;
	FILE *out;
	bool is_open; /* OpenMetrics */
};

enum metrics_type {
	METRICS_GAUGE,
	METRICS_COUNTER,
	METRICS_INFO
};

void metrics_family(const struct metrics *metrics, const char *name, enum metrics_type type,
		    const char *help);
/* A gauge without labels, whole. */
void metrics_single(const struct metrics *metrics, const char *name, const char *help,
		    uint64_t value);
/* What stands between the quotes of a label may be anything: reasons are a gateway's words. */
void metrics_write_escaped(FILE *out, const char *text);
/* The value of label `direction`, by the end that it leaves. */
const char *metrics_direction(int end);
/* What a path's end said, by "a.b.c"; false where it has not. */
bool metrics_told(const struct live_path_end *end, const char *path, json_int_t *value);

/* metrics_network.c */
void metrics_write_gateways(const struct metrics *metrics);
void metrics_write_links(const struct metrics *metrics);

/* metrics_paths.c */
void metrics_write_paths(const struct metrics *metrics);
