/*
 * Usage records as CSV (RFC 4180, but lines end with LF): a line for each direction. Control and
 * causewayctl write the same. No state; any thread.
 */
#pragma once

#include <jansson.h>

/* items: records as the API shows them. The text is malloc'ed, NULL without memory. */
char *usage_csv(const json_t *items);
