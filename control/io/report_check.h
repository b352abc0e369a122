/*
 * Is a gateway's report one to take? Reports are read for what is needed and kept for what is not
 * known: a gateway may be newer than its control. What is known must have its type and be possible.
 * Control's thread.
 */
#pragma once

#include "control/io/json_place.h"

/* The report but its paths; else false, and the problem says where. */
bool report_check_head(const struct json_place *report);
/* Its paths, an array. */
bool report_check_paths(const struct json_place *paths);
/* The SHA-256 of a certificate. */
bool report_check_digest(const struct json_place *place);
