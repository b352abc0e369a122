/*
 * Text that may be cut anywhere, or that a client sent as it liked, as a JSON string. Any thread.
 */
#pragma once

#include <jansson.h>

/* What is no UTF-8 is left away at the end and becomes '?' elsewhere. NULL without memory. */
json_t *json_text(const char *text);
