/*
 * A report's paths, spread over as many parts as it takes: control takes no body above 1 MiB. Agent
 * thread.
 */
#pragma once

#include <jansson.h>

/* Of a part; control takes somewhat more. */
#define REPORT_PART_BYTES (768u << 10)

/*
 * The report's parts, a line each, ended by a newline but the last one. The first part has all of
 * `head`, the others what says whose word it is: revision and term. part_bytes: REPORT_PART_BYTES,
 * less in tests; a path larger than that has a part of its own. The caller's to free; NULL without
 * memory.
 */
char *report_parts(const json_t *head, const json_t *paths, size_t part_bytes);
