#include "control/io/intent_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What begins a line, and what ends it. */
#define FRAME_BYTES 256

int intent_line_begin(struct intent_line *line, size_t paths)
{
	*line = (struct intent_line){0};
	line->texts = calloc(paths + 1, sizeof(*line->texts));
	if (!line->texts)
		return -ENOMEM;
	line->is_open = true;
	return 0;
}

void intent_line_add(struct intent_line *line, struct shared_text *text)
{
	line->texts[line->count++] = shared_text_hold(text);
}

void intent_line_free(struct intent_line *line)
{
	for (size_t i = line->next; i < line->count; i++)
		shared_text_drop(line->texts[i]);
	free(line->texts);
	*line = (struct intent_line){0};
}

static size_t head_format(const struct intent_head *head, char *text)
{
	return (size_t)snprintf(text, FRAME_BYTES,
				"{\"revision\":%llu,\"term\":%llu,\"gateway\":\"%s\",\"paths\":[",
				(unsigned long long)head->revision, (unsigned long long)head->term,
				head->gateway);
}

/* Up to which path the next piece goes, and how large it is at most. */
static size_t piece_end(const struct intent_line *line, size_t *size)
{
	size_t end = line->next;

	for (*size = FRAME_BYTES; end < line->count && *size < INTENT_PIECE_BYTES; end++)
		*size += line->texts[end]->len + 1;
	return end;
}

char *intent_line_piece(struct intent_line *line, const struct intent_head *head, size_t *len)
{
	size_t size, end = piece_end(line, &size);
	char *piece = malloc(size);

	if (!piece)
		return NULL;
	*len = line->is_begun ? 0 : head_format(head, piece);
	for (; line->next < end; line->next++) {
		struct shared_text *text = line->texts[line->next];

		if (line->next)
			piece[(*len)++] = ',';
		memcpy(piece + *len, text->text, text->len);
		*len += text->len;
		shared_text_drop(text);
	}
	line->is_begun = true;
	if (end < line->count)
		return piece;
	memcpy(piece + *len, "]}\n", 3);
	*len += 3;
	line->is_open = false;
	return piece;
}
