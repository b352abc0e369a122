/*
 * The words of the emulator's settings, the same on the command line and in run-time commands.
 */
#pragma once

#include <stdint.h>

#include "tests/wan/link.h"

void options_default(struct link_config *config);
/*
 * Sets what `name` ("delay", "loss", ...) means to `value`. NULL, or a text that says what is
 * wrong; then config is as it was.
 */
const char *options_set(struct link_config *config, const char *name, const char *value);
/* "64KiB", "5MB", "1500": bytes. 0 or -EINVAL. */
int options_parse_bytes(const char *text, uint64_t *bytes);
