/*
 * A lane's configuration from nine bytes of input: usual and odd windows, halves that are not
 * there, first numbers next to where 32 and 64 bits turn.
 */
#pragma once

#include "dataplane/core/tunnel.h"
#include "tests/fuzz/input.h"

void tunnel_shape(struct input *in, struct tunnel_config *config);
