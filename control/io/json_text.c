#include "control/io/json_text.h"

#include <stdlib.h>
#include <string.h>

/* Of a character of four bytes, a cut leaves three at most. */
#define CUT_BYTES_MAX 3

static json_t *ascii_only(const char *text)
{
	char *copy = strdup(text);
	json_t *json;

	for (char *at = copy; at && *at; at++) {
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	}
	json = copy ? json_string(copy) : NULL;
	free(copy);
	return json;
}

json_t *json_text(const char *text)
{
	size_t len = strlen(text);

	for (size_t cut = 0; cut <= CUT_BYTES_MAX && cut <= len; cut++) {
		json_t *json = json_stringn(text, len - cut);

		if (json)
			return json;
	}
	return ascii_only(text);
}
