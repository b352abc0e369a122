#include "control/io/shared_text.h"

#include <stdlib.h>
#include <string.h>

struct shared_text *shared_text_make(const char *text, size_t len)
{
	struct shared_text *shared = malloc(sizeof(*shared) + len + 1);

	if (!shared)
		return NULL;
	shared->refs = 1;
	shared->len = len;
	memcpy(shared->text, text, len);
	shared->text[len] = 0;
	return shared;
}

struct shared_text *shared_text_hold(struct shared_text *text)
{
	text->refs++;
	return text;
}

void shared_text_drop(struct shared_text *text)
{
	if (text && !--text->refs)
		free(text);
}

bool shared_text_equal(const struct shared_text *a, const struct shared_text *b)
{
	if (!a || !b)
		return a == b;
	return a->len == b->len && !memcmp(a->text, b->text, a->len);
}
