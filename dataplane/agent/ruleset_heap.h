/*
 * Rule sets on the heap, built by the agent thread: the allocation that the pure compiler
 * (ruleset.h) leaves to its caller. The owner frees one when no worker points to it any more.
 */
#pragma once

#include "dataplane/core/ruleset.h"

/* As ruleset_build; -ENOMEM only when the machine has no more. */
int ruleset_heap_build(const struct ruleset_claim *claims, uint32_t count,
		       const struct ruleset **rules);
void ruleset_heap_free(const struct ruleset *rules);
