/*
 * Control's intent lines (JSON) into struct intent.
 *
 * Agent thread. What is known is checked strictly: a missing field, a wrong type, a value out of
 * range and anything intent_check refuses is an error that names the place. What is not known is
 * ignored, so that a gateway works under a newer control.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dataplane/core/intent.h"

#define INTENT_JSON_ERROR_BYTES 192

enum intent_line_type {
	INTENT_LINE_INTENT = 1,
	INTENT_LINE_HEARTBEAT,
};

struct intent_line {
	enum intent_line_type type;
	uint64_t revision;
	struct intent *intent; /* INTENT_LINE_INTENT: the caller's, intent_free */
	char gateway[INTENT_NAME_BYTES];
};

/*
 * One line of the intent stream, without its line end. 0; -EINVAL with text in error
 * (INTENT_JSON_ERROR_BYTES); -ENOMEM. On failure line->intent is NULL.
 */
int intent_json_parse(const char *text, size_t len, struct intent_line *line, char *error);
/* An empty intent (revision 0, term 0, no paths), or NULL. */
struct intent *intent_new(void);
/* NULL is fine. */
void intent_free(struct intent *intent);
