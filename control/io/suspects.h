/*
 * Names that are not to be trusted for a while. Zero it before use; control's thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/io/name_index.h"

struct suspects {
	struct name_index names;
};

/* Until then, instead of what was said before; without memory it is trusted. */
void suspects_note(struct suspects *suspects, const char *name, uint64_t until_ns);
bool suspects_has(const struct suspects *suspects, const char *name, uint64_t now_ns);
void suspects_free(struct suspects *suspects);
