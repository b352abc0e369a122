/*
 * Lines of text with a style each: what `top` shows, on a screen or on a pipe. One owner; grows as
 * lines are added; a line that cannot be had for lack of memory is left out.
 */
#pragma once

#include <stdint.h>

#define PAGE_LINE_BYTES 256

enum page_style {
	PAGE_PLAIN,
	PAGE_TITLE,
	PAGE_HEADING,
	PAGE_WARNING,
	PAGE_SELECTED
};

#define PAGE_NO_LINE UINT32_MAX

struct page_line {
	enum page_style style;
	char text[PAGE_LINE_BYTES];
};

struct page {
	uint32_t count, capacity;
	uint32_t selected; /* the line to keep in sight, or PAGE_NO_LINE */
	struct page_line *lines;
};

void page_clear(struct page *page);
void page_free(struct page *page);
void page_add(struct page *page, enum page_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
