#include "control/ctl/yaml_json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "control/ctl/yaml_scalar.h"

#define DEPTH_MAX     32
#define POINTER_BYTES 1024

struct reader {
	struct yaml_json *yaml;
	yaml_parser_t parser;
	const char *file;
	char *error;
	int err;
	unsigned int depth;
	char pointer[POINTER_BYTES]; /* of the value that is read */
};

static json_t *read_node(struct reader *reader, const yaml_event_t *event);

/* The first error stays. */
__attribute__((format(printf, 3, 4))) static json_t *
reader_fail(struct reader *reader, const yaml_mark_t *mark, const char *format, ...)
{
	va_list args;
	int used;

	if (reader->err)
		return NULL;
	reader->err = -EINVAL;
	used = snprintf(reader->error, YAML_JSON_ERROR_BYTES, "%.100s:%zu: ", reader->file,
			mark->line + 1);
	va_start(args, format);
	vsnprintf(reader->error + used, YAML_JSON_ERROR_BYTES - (size_t)used, format, args);
	va_end(args);
	return NULL;
}

static json_t *out_of_memory(struct reader *reader)
{
	if (!reader->err)
		snprintf(reader->error, YAML_JSON_ERROR_BYTES, "out of memory");
	reader->err = -ENOMEM;
	return NULL;
}

static bool next_event(struct reader *reader, yaml_event_t *event)
{
	if (yaml_parser_parse(&reader->parser, event))
		return true;
	if (reader->parser.error == YAML_MEMORY_ERROR)
		out_of_memory(reader);
	else if (reader->parser.error == YAML_READER_ERROR)
		reader_fail(reader, &reader->parser.mark, "not UTF-8 text");
	else
		reader_fail(reader, &reader->parser.problem_mark, "%s", reader->parser.problem);
	return false;
}

static int note_line(struct reader *reader, const yaml_mark_t *mark)
{
	struct yaml_json *yaml = reader->yaml;

	if (yaml->line_count == yaml->line_capacity) {
		size_t capacity = yaml->line_capacity ? yaml->line_capacity * 2 : 64;
		struct yaml_line *lines = realloc(yaml->lines, capacity * sizeof(*lines));

		if (!lines)
			return -ENOMEM;
		yaml->lines = lines;
		yaml->line_capacity = capacity;
	}
	yaml->lines[yaml->line_count].line = (unsigned int)mark->line + 1;
	yaml->lines[yaml->line_count].pointer = strdup(reader->pointer);
	if (!yaml->lines[yaml->line_count].pointer)
		return -ENOMEM;
	yaml->line_count++;
	return 0;
}

/* Appends "/key", escaped; the length before, for pointer_pop. */
static size_t pointer_push(struct reader *reader, const char *key)
{
	size_t before = strlen(reader->pointer), used = before;

	/* Names are short; a longer pointer only loses its tail, and with it the exact line. */
	if (used + 2 < POINTER_BYTES)
		reader->pointer[used++] = '/';
	for (; *key && used + 3 < POINTER_BYTES; key++) {
		if (*key == '~' || *key == '/')
			reader->pointer[used++] = '~';
		reader->pointer[used++] = *key == '~' ? '0' : *key == '/' ? '1' : *key;
	}
	reader->pointer[used] = '\0';
	return before;
}

static size_t pointer_push_index(struct reader *reader, size_t index)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", index);
	return pointer_push(reader, text);
}

static void pointer_pop(struct reader *reader, size_t before)
{
	reader->pointer[before] = '\0';
}

static json_t *read_scalar(struct reader *reader, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	const char *why = NULL;
	json_t *value;

	if (memchr(text, '\0', len))
		return reader_fail(reader, &event->start_mark, "a string holds a NUL");
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		value = yaml_scalar_plain(text, len, &why);
	else
		value = json_stringn(text, len);
	if (!value && why)
		return reader_fail(reader, &event->start_mark, "%s: %.60s", why, text);
	return value ? value : out_of_memory(reader);
}

static int read_element(struct reader *reader, const yaml_event_t *event, json_t *list)
{
	size_t before = pointer_push_index(reader, json_array_size(list));
	json_t *value = read_node(reader, event);

	pointer_pop(reader, before);
	if (!value)
		return -EINVAL;
	if (json_array_append_new(list, value))
		out_of_memory(reader);
	return reader->err;
}

static json_t *read_sequence(struct reader *reader)
{
	json_t *list = json_array();
	yaml_event_t event;
	bool more = true;

	if (!list)
		return out_of_memory(reader);
	while (more && next_event(reader, &event)) {
		more = event.type != YAML_SEQUENCE_END_EVENT &&
		       read_element(reader, &event, list) == 0;
		yaml_event_delete(&event);
	}
	if (!reader->err)
		return list;
	json_decref(list);
	return NULL;
}

static int read_value(struct reader *reader, const char *key, json_t *object)
{
	size_t before = pointer_push(reader, key);
	json_t *value = NULL;
	yaml_event_t event;

	if (next_event(reader, &event)) {
		value = read_node(reader, &event);
		yaml_event_delete(&event);
	}
	pointer_pop(reader, before);
	if (value && json_object_set_new(object, key, value))
		out_of_memory(reader);
	return reader->err;
}

static int read_pair(struct reader *reader, const yaml_event_t *event, json_t *object)
{
	const char *key;

	if (event->type == YAML_ALIAS_EVENT || event->type != YAML_SCALAR_EVENT) {
		reader_fail(reader, &event->start_mark, "a key must be a plain word or a string");
		return -EINVAL;
	}
	key = (const char *)event->data.scalar.value;
	if (strlen(key) != event->data.scalar.length)
		reader_fail(reader, &event->start_mark, "a key holds a NUL");
	else if (event->data.scalar.anchor || event->data.scalar.tag)
		reader_fail(reader, &event->start_mark, "anchors and tags are not supported");
	else if (json_object_get(object, key))
		reader_fail(reader, &event->start_mark, "duplicate key \"%.60s\"", key);
	if (reader->err)
		return reader->err;
	return read_value(reader, key, object);
}

static json_t *read_mapping(struct reader *reader)
{
	json_t *object = json_object();
	yaml_event_t event;
	bool more = true;

	if (!object)
		return out_of_memory(reader);
	while (more && next_event(reader, &event)) {
		more = event.type != YAML_MAPPING_END_EVENT &&
		       read_pair(reader, &event, object) == 0;
		yaml_event_delete(&event);
	}
	if (!reader->err)
		return object;
	json_decref(object);
	return NULL;
}

static bool node_is_marked(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor || event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	default:
		return event->type == YAML_ALIAS_EVENT;
	}
}

static json_t *read_collection(struct reader *reader, const yaml_event_t *event)
{
	json_t *value;

	if (reader->depth == DEPTH_MAX)
		return reader_fail(reader, &event->start_mark, "nested deeper than %d", DEPTH_MAX);
	reader->depth++;
	if (event->type == YAML_MAPPING_START_EVENT)
		value = read_mapping(reader);
	else
		value = read_sequence(reader);
	reader->depth--;
	return value;
}

static json_t *read_node(struct reader *reader, const yaml_event_t *event)
{
	if (node_is_marked(event))
		return reader_fail(reader, &event->start_mark,
				   "anchors, aliases and tags are not supported");
	if (note_line(reader, &event->start_mark))
		return out_of_memory(reader);
	if (event->type == YAML_SCALAR_EVENT)
		return read_scalar(reader, event);
	return read_collection(reader, event);
}

/* Documents that hold nothing (a file that starts or ends with ---) are left out. */
static void read_document(struct reader *reader, const yaml_event_t *event)
{
	size_t before = pointer_push_index(reader, json_array_size(reader->yaml->docs));
	json_t *value = read_node(reader, event);

	pointer_pop(reader, before);
	if (!value)
		return;
	if (json_is_null(value))
		json_decref(value);
	else if (json_array_append_new(reader->yaml->docs, value))
		out_of_memory(reader);
}

static void read_stream(struct reader *reader)
{
	yaml_event_t event;
	bool more = true;

	while (more && next_event(reader, &event)) {
		switch (event.type) {
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		case YAML_STREAM_END_EVENT:
			more = false;
			break;
		default:
			read_document(reader, &event);
			more = !reader->err;
			break;
		}
		yaml_event_delete(&event);
	}
}

int yaml_json_parse(struct yaml_json *yaml, const char *text, size_t len, const char *file,
		    char *error)
{
	struct reader reader = {.yaml = yaml, .file = file, .error = error};

	*yaml = (struct yaml_json){.docs = json_array()};
	error[0] = '\0';
	if (!yaml->docs || !yaml_parser_initialize(&reader.parser)) {
		out_of_memory(&reader);
		return -ENOMEM;
	}
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	read_stream(&reader);
	yaml_parser_delete(&reader.parser);
	return reader.err;
}

void yaml_json_free(struct yaml_json *yaml)
{
	for (size_t i = 0; i < yaml->line_count; i++)
		free(yaml->lines[i].pointer);
	free(yaml->lines);
	json_decref(yaml->docs);
	*yaml = (struct yaml_json){0};
}

/* Is parent the pointer, or a parent of it? Its length, so that the longest wins. */
static size_t parent_len(const char *parent, const char *pointer)
{
	size_t len = strlen(parent);

	if (strncmp(parent, pointer, len) != 0 || (pointer[len] && pointer[len] != '/'))
		return 0;
	return len;
}

unsigned int yaml_json_line(const struct yaml_json *yaml, const char *pointer)
{
	unsigned int line = 0;
	size_t best = 0;

	for (size_t i = 0; i < yaml->line_count; i++) {
		size_t len = parent_len(yaml->lines[i].pointer, pointer);

		if (len > best) {
			best = len;
			line = yaml->lines[i].line;
		}
	}
	return line;
}
