/*
 * Bytes of a stream into lines. Owned by one thread; holds at most one unfinished line of max
 * bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line_buffer {
	char *data;
	size_t len, capacity;
	size_t taken;	/* lines before this are with the caller already */
	size_t scanned; /* no line end before this */
	size_t max;
};

void line_buffer_init(struct line_buffer *buffer, size_t max);
void line_buffer_free(struct line_buffer *buffer);
/* Forgets what is there; the memory stays. */
void line_buffer_clear(struct line_buffer *buffer);
/* 0; -EMSGSIZE: more than max bytes wait; -ENOMEM. Lines given out before are no longer valid. */
int line_buffer_push(struct line_buffer *buffer, const uint8_t *data, size_t len);
/* The next whole line without its end (\n or \r\n), valid until the next push or clear. */
bool line_buffer_next(struct line_buffer *buffer, const char **line, size_t *len);
