#include "control/io/suspects.h"

#include <stdlib.h>

#include "control/core/model.h"

struct suspect {
	char name[MODEL_NAME_BYTES];
	uint64_t until_ns;
};

void suspects_note(struct suspects *suspects, const char *name, uint64_t until_ns)
{
	struct suspect *suspect = name_index_get(&suspects->names, name);

	if (!suspect) {
		suspect = calloc(1, sizeof(*suspect));
		if (!suspect)
			return;
		model_name_set(suspect->name, name);
		if (name_index_set(&suspects->names, suspect->name, suspect)) {
			free(suspect);
			return;
		}
	}
	suspect->until_ns = until_ns;
}

bool suspects_has(const struct suspects *suspects, const char *name, uint64_t now_ns)
{
	const struct suspect *suspect = name_index_get(&suspects->names, name);

	return suspect && now_ns < suspect->until_ns;
}

void suspects_free(struct suspects *suspects)
{
	for (size_t i = 0; i < suspects->names.count; i++)
		free(suspects->names.entries[i].value);
	name_index_free(&suspects->names);
}
