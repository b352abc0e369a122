#include "control/ctl/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void table_init(struct table *table, uint32_t columns)
{
	*table = (struct table){.columns = columns};
}

static int table_grow(struct table *table)
{
	uint32_t capacity = table->capacity ? table->capacity * 2 : 64;
	char **cell = realloc(table->cell, capacity * sizeof(*cell));

	if (!cell)
		return -ENOMEM;
	table->cell = cell;
	table->capacity = capacity;
	return 0;
}

void table_add(struct table *table, const char *text)
{
	char *copy;

	if (table->failed)
		return;
	copy = strdup(text[0] ? text : "-");
	if (!copy || (table->cells == table->capacity && table_grow(table))) {
		free(copy);
		table->failed = -ENOMEM;
		return;
	}
	table->cell[table->cells++] = copy;
}

/* UTF-8 bytes that continue a character take no column. */
static int text_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void measure(const struct table *table, int width[])
{
	for (uint32_t i = 0; i < table->cells; i++) {
		int cell = text_width(table->cell[i]);

		if (cell > width[i % table->columns])
			width[i % table->columns] = cell;
	}
}

int table_print(struct table *table, FILE *out)
{
	int width[TABLE_COLUMNS_MAX] = {0};
	int failed = table->failed;

	measure(table, width);
	for (uint32_t i = 0; i < table->cells; i++) {
		uint32_t column = i % table->columns;
		int pad = width[column] - text_width(table->cell[i]) + 2;

		if (!failed && column + 1 < table->columns)
			fprintf(out, "%s%*s", table->cell[i], pad, "");
		else if (!failed)
			fprintf(out, "%s\n", table->cell[i]);
		free(table->cell[i]);
	}
	free(table->cell);
	table_init(table, table->columns);
	return failed;
}
