/* An unquoted YAML scalar by the core schema of YAML 1.2 (10.3.2). Pure but for jansson's values.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

/* NULL with *why: the text is a number that does not fit. NULL without: out of memory. */
json_t *yaml_scalar_plain(const char *text, size_t len, const char **why);
