/*
 * A text with several holders: each has a reference, the last one to drop it frees it. It never
 * changes. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shared_text {
	uint32_t refs;
	size_t len;
	char text[]; /* with a 0 behind it */
};

/* A copy with one reference; NULL without memory. */
struct shared_text *shared_text_make(const char *text, size_t len);
struct shared_text *shared_text_hold(struct shared_text *text);
/* NULL is fine. */
void shared_text_drop(struct shared_text *text);
/* NULL equals NULL only. */
bool shared_text_equal(const struct shared_text *a, const struct shared_text *b);
