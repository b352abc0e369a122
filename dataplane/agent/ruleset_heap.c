// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/agent/ruleset_heap.h"

#include <errno.h>
#include <stdlib.h>

int ruleset_heap_build(const struct ruleset_claim *claims, uint32_t count,
		       const struct ruleset **rules)
{
	size_t bytes = ruleset_bytes(claims, count);

	for (;; bytes *= 2) {
		void *memory = malloc(bytes);
		int error;

		if (!memory)
			return -ENOMEM;
		error = ruleset_build(memory, bytes, claims, count, rules);
		if (!error)
			return 0;
		free(memory);
		if (error != -ENOMEM)
			return error;
	}
}

void ruleset_heap_free(const struct ruleset *rules)
{
	/* It lies at the start of the memory that it was built in. */
	free((void *)(uintptr_t)rules);
}
