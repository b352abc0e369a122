#include "control/io/yaml_check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static yaml_node_t *mapping_find(yaml_document_t *document, const yaml_node_t *mapping,
				 const char *name, size_t length, unsigned int *line)
{
	if (!mapping || mapping->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	     pair < mapping->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(document, pair->key);

		if (!key || key->type != YAML_SCALAR_NODE || key->data.scalar.length != length ||
		    memcmp(key->data.scalar.value, name, length))
			continue;
		*line = (unsigned int)key->start_mark.line + 1;
		return yaml_document_get_node(document, pair->value);
	}
	return NULL;
}

static yaml_node_t *list_find(yaml_document_t *document, const yaml_node_t *list,
			      unsigned long index, unsigned int *line)
{
	yaml_node_t *entry;
	size_t count;

	if (!list || list->type != YAML_SEQUENCE_NODE)
		return NULL;
	count = (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
	if (index >= count)
		return NULL;
	entry = yaml_document_get_node(document, list->data.sequence.items.start[index]);
	if (entry)
		*line = (unsigned int)entry->start_mark.line + 1;
	return entry;
}

/* One step of place: ".name", "name" or "[index]". Advances *place; NULL when it leads nowhere. */
static yaml_node_t *node_step(yaml_document_t *document, const yaml_node_t *node,
			      const char **place, unsigned int *line)
{
	size_t length;
	char *end;

	if (**place == '[') {
		unsigned long index = strtoul(*place + 1, &end, 10);

		if (*end != ']')
			return NULL;
		*place = end + 1;
		return list_find(document, node, index, line);
	}
	if (**place == '.')
		(*place)++;
	length = strcspn(*place, ".[");
	if (!length)
		return NULL;
	*place += length;
	return mapping_find(document, node, *place - length, length, line);
}

/* The parsed document, or false. */
static bool document_load(yaml_document_t *document, const char *text, size_t length)
{
	yaml_parser_t parser;
	bool loaded;

	if (!yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	loaded = yaml_parser_load(&parser, document);
	yaml_parser_delete(&parser);
	return loaded;
}

unsigned int yaml_find_line(const char *text, size_t length, const char *place)
{
	yaml_document_t document;
	unsigned int line = 0;
	yaml_node_t *node;

	if (!document_load(&document, text, length))
		return 0;
	node = yaml_document_get_root_node(&document);
	while (node && *place)
		node = node_step(&document, node, &place, &line);
	yaml_document_delete(&document);
	return node ? line : 0;
}

unsigned int yaml_find_key(const char *text, size_t length, const char *name, unsigned int line)
{
	yaml_document_t document;
	unsigned int found = 0;

	if (!document_load(&document, text, length))
		return 0;
	for (int i = 1; yaml_document_get_node(&document, i); i++) {
		unsigned int at = 0;

		if (!mapping_find(&document, yaml_document_get_node(&document, i), name,
				  strlen(name), &at))
			continue;
		if (at >= line && (!found || at < found))
			found = at;
	}
	yaml_document_delete(&document);
	return found;
}
