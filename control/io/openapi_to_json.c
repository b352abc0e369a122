/*
 * A build tool: openapi_to_json FROM.yaml TO.json. The document of the API as JSON, with what
 * anchors name written out wherever an alias stands. Scalars by YAML 1.2's core schema.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static json_t *node_json(yaml_document_t *document, int index);

static json_t *scalar_json(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;
	char *end;
	long long integer;
	double real;

	if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return json_string(text);
	if (!text[0] || !strcmp(text, "null") || !strcmp(text, "~"))
		return json_null();
	if (!strcmp(text, "true") || !strcmp(text, "false"))
		return json_boolean(text[0] == 't');
	/* Dates, addresses and versions begin with a digit too: all of it must be the number. */
	if (!strchr("-0123456789", text[0]))
		return json_string(text);
	integer = strtoll(text, &end, 10);
	if (!*end)
		return json_integer(integer);
	real = strtod(text, &end);
	return *end ? json_string(text) : json_real(real);
}

static json_t *sequence_json(yaml_document_t *document, const yaml_node_t *node)
{
	json_t *array = json_array();

	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++)
		json_array_append_new(array, node_json(document, *item));
	return array;
}

static json_t *mapping_json(yaml_document_t *document, const yaml_node_t *node)
{
	json_t *object = json_object();

	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(document, pair->key);

		if (key->type != YAML_SCALAR_NODE) {
			fprintf(stderr, "openapi_to_json: line %zu: a key is no string\n",
				key->start_mark.line + 1);
			exit(EXIT_FAILURE);
		}
		json_object_set_new(object, (const char *)key->data.scalar.value,
				    node_json(document, pair->value));
	}
	return object;
}

static json_t *node_json(yaml_document_t *document, int index)
{
	const yaml_node_t *node = yaml_document_get_node(document, index);

	if (node->type == YAML_MAPPING_NODE)
		return mapping_json(document, node);
	if (node->type == YAML_SEQUENCE_NODE)
		return sequence_json(document, node);
	return scalar_json(node);
}

static json_t *read_yaml(FILE *file)
{
	yaml_document_t document;
	yaml_parser_t parser;
	json_t *json = NULL;

	if (!yaml_parser_initialize(&parser))
		return NULL;
	yaml_parser_set_input_file(&parser, file);
	if (yaml_parser_load(&parser, &document)) {
		if (yaml_document_get_root_node(&document))
			json = node_json(&document, 1);
		yaml_document_delete(&document);
	} else {
		fprintf(stderr, "openapi_to_json: line %zu: %s\n", parser.problem_mark.line + 1,
			parser.problem);
	}
	yaml_parser_delete(&parser);
	return json;
}

int main(int argc, char **argv)
{
	FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
	json_t *json = file ? read_yaml(file) : NULL;
	int ret = json ? json_dump_file(json, argv[2], JSON_COMPACT) : -1;

	if (ret)
		fprintf(stderr, "usage: openapi_to_json FROM.yaml TO.json\n");
	json_decref(json);
	if (file)
		fclose(file);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
