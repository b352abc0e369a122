/*
 * What a gateway is told of one of its paths, as JSON. Control's thread.
 */
#pragma once

#include "control/core/intent_plan.h"
#include "control/io/shared_text.h"

/* One object, without spaces; at most INTENT_TEXT_MAX bytes. NULL without memory. */
struct shared_text *intent_text_make(const struct intent_path *path);
