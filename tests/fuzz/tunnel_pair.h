/*
 * Two ends of a lane, both of which keep to the protocol, and a network between them that does what
 * the input says: it loses, doubles, delays and reorders. When it has turned good, everything that
 * was sequenced has to arrive, once and in order, and the lane has to be usable.
 */
#pragma once

#include "tests/fuzz/input.h"

void tunnel_pair_run(struct input *in);
