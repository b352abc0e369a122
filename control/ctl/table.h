/* Aligned columns of text for people: two spaces between, none at the end of a line. One thread. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

struct table {
	uint32_t columns;
	uint32_t cells, capacity;
	char **cell; /* row by row, the headings first */
	int failed;  /* out of memory */
};

void table_init(struct table *table, uint32_t columns);
/* The next cell, row by row; text is copied, an empty one shows as "-". */
void table_add(struct table *table, const char *text);
/* Prints and frees. 0 or -ENOMEM. */
int table_print(struct table *table, FILE *out);
