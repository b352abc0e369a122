#include "dataplane/agent/line_buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void line_buffer_init(struct line_buffer *buffer, size_t max)
{
	*buffer = (struct line_buffer){.max = max};
}

void line_buffer_free(struct line_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct line_buffer){.max = buffer->max};
}

void line_buffer_clear(struct line_buffer *buffer)
{
	buffer->len = 0;
	buffer->taken = 0;
	buffer->scanned = 0;
}

/* Lines that are with the caller make room. */
static void compact(struct line_buffer *buffer)
{
	if (buffer->taken == 0)
		return;
	memmove(buffer->data, buffer->data + buffer->taken, buffer->len - buffer->taken);
	buffer->len -= buffer->taken;
	buffer->scanned -= buffer->taken;
	buffer->taken = 0;
}

static int reserve(struct line_buffer *buffer, size_t len)
{
	size_t capacity = buffer->capacity ? buffer->capacity : 4096;
	char *data;

	if (len <= buffer->capacity)
		return 0;
	while (capacity < len)
		capacity *= 2;
	data = realloc(buffer->data, capacity);
	if (!data)
		return -ENOMEM;
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

int line_buffer_push(struct line_buffer *buffer, const uint8_t *data, size_t len)
{
	compact(buffer);
	if (len > buffer->max || buffer->len > buffer->max - len)
		return -EMSGSIZE;
	if (reserve(buffer, buffer->len + len))
		return -ENOMEM;
	if (len > 0)
		memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
	return 0;
}

bool line_buffer_next(struct line_buffer *buffer, const char **line, size_t *len)
{
	size_t unseen = buffer->len - buffer->scanned;
	char *end = unseen ? memchr(buffer->data + buffer->scanned, '\n', unseen) : NULL;

	if (!end) {
		buffer->scanned = buffer->len;
		return false;
	}
	*line = buffer->data + buffer->taken;
	*len = (size_t)(end - *line);
	if (*len > 0 && (*line)[*len - 1] == '\r')
		(*len)--;
	buffer->taken = (size_t)(end - buffer->data) + 1;
	buffer->scanned = buffer->taken;
	return true;
}
