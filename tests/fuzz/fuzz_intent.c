/*
 * libFuzzer over the intent lines that a gateway takes from control and from its own disk: no input
 * may crash, and what is taken must pass the check that the rest relies on.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "dataplane/agent/intent_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[INTENT_JSON_ERROR_BYTES];
	struct intent_line line;
	uint32_t index;
	int err = intent_json_parse((const char *)data, size, &line, error);

	if (err && (line.intent || !error[0]))
		abort();
	if (!err && line.type == INTENT_LINE_INTENT && intent_check(line.intent, &index))
		abort();
	intent_free(line.intent);
	return 0;
}
