#include "perf/page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void page_clear(struct page *page)
{
	page->count = 0;
	page->selected = PAGE_NO_LINE;
}

void page_free(struct page *page)
{
	free(page->lines);
	memset(page, 0, sizeof(*page));
}

static struct page_line *line_add(struct page *page)
{
	if (page->count == page->capacity) {
		uint32_t capacity = page->capacity ? page->capacity * 2 : 64;
		struct page_line *lines = realloc(page->lines, capacity * sizeof(*lines));

		if (!lines)
			return NULL;
		page->lines = lines;
		page->capacity = capacity;
	}
	return &page->lines[page->count++];
}

void page_add(struct page *page, enum page_style style, const char *format, ...)
{
	struct page_line *line = line_add(page);
	va_list args;
	size_t length;

	if (!line)
		return;
	line->style = style;
	va_start(args, format);
	vsnprintf(line->text, sizeof(line->text), format, args);
	va_end(args);
	/* Columns pad to the right; nothing is to be seen there. */
	length = strlen(line->text);
	while (length && line->text[length - 1] == ' ')
		line->text[--length] = 0;
}
