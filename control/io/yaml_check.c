#include "control/io/yaml_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* Far above any configuration; keeps a wrong path (a disk, a log) from being read whole. */
#define FILE_BYTES_MAX (1u << 20)
#define DEPTH_MAX      32

void yaml_clean_error(char *error)
{
	for (; *error; error++) {
		if ((unsigned char)*error < ' ' || *error == 0x7f)
			*error = '?';
	}
}

struct key {
	char *text;
	unsigned int line;
};

/* The mapping or list that a walk is in. */
struct level {
	bool is_mapping;
	bool want_value; /* mapping: a key was read, its value is next */
	uint32_t keys;
	struct key *seen;
};

struct walk {
	struct level levels[DEPTH_MAX];
	uint32_t depth;
};

static void level_clear(struct level *level)
{
	for (uint32_t i = 0; i < level->keys; i++)
		free(level->seen[i].text);
	free(level->seen);
	memset(level, 0, sizeof(*level));
}

static void walk_clear(struct walk *walk)
{
	while (walk->depth)
		level_clear(&walk->levels[--walk->depth]);
}

static unsigned int event_line(const yaml_event_t *event)
{
	return (unsigned int)event->start_mark.line + 1;
}

/* 0, or -EINVAL with the line of the first use in *first, or -ENOMEM. */
static int level_add_key(struct level *level, const yaml_event_t *event, unsigned int *first)
{
	const char *text = (const char *)event->data.scalar.value;
	struct key *seen;

	for (uint32_t i = 0; i < level->keys; i++) {
		if (strcmp(level->seen[i].text, text))
			continue;
		*first = level->seen[i].line;
		return -EINVAL;
	}
	seen = realloc(level->seen, (level->keys + 1) * sizeof(*seen));
	if (!seen)
		return -ENOMEM;
	level->seen = seen;
	seen[level->keys].text = strdup(text);
	if (!seen[level->keys].text)
		return -ENOMEM;
	seen[level->keys++].line = event_line(event);
	return 0;
}

/* A node (scalar, alias or start of a mapping or list) takes its place in its parent. */
static void walk_place_node(struct walk *walk)
{
	struct level *parent = walk->depth ? &walk->levels[walk->depth - 1] : NULL;

	if (parent && parent->is_mapping)
		parent->want_value = !parent->want_value;
}

static bool walk_expects_key(const struct walk *walk)
{
	const struct level *level = walk->depth ? &walk->levels[walk->depth - 1] : NULL;

	return level && level->is_mapping && !level->want_value;
}

static int walk_on_scalar(struct walk *walk, const yaml_event_t *event, const char *name,
			  char *error, size_t size)
{
	unsigned int first = 0;
	int err = 0;

	if (walk_expects_key(walk))
		err = level_add_key(&walk->levels[walk->depth - 1], event, &first);
	if (err == -EINVAL)
		snprintf(error, size, "%s:%u: duplicate key '%s' (first on line %u): remove one",
			 name, event_line(event), (const char *)event->data.scalar.value, first);
	else if (err)
		snprintf(error, size, "%s: out of memory", name);
	walk_place_node(walk);
	return err;
}

static int walk_on_event(struct walk *walk, const yaml_event_t *event, const char *name,
			 char *error, size_t size)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return walk_on_scalar(walk, event, name, error, size);
	case YAML_ALIAS_EVENT:
		/* An alias can repeat what it names without end; no configuration needs one. */
		snprintf(error, size, "%s:%u: aliases are not allowed: write the value out", name,
			 event_line(event));
		return -EINVAL;
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		walk_place_node(walk);
		if (walk->depth == DEPTH_MAX) {
			snprintf(error, size, "%s:%u: nested too deeply", name, event_line(event));
			return -EINVAL;
		}
		walk->levels[walk->depth++].is_mapping = event->type == YAML_MAPPING_START_EVENT;
		return 0;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		level_clear(&walk->levels[--walk->depth]);
		return 0;
	default:
		return 0;
	}
}

static void parser_describe(const yaml_parser_t *parser, const char *name, char *error, size_t size)
{
	const char *problem = parser->problem ? parser->problem : "not YAML";

	if (parser->error == YAML_READER_ERROR)
		snprintf(error, size, "%s: %s at byte %zu: the file must be UTF-8 text", name,
			 problem, parser->problem_offset);
	else
		snprintf(error, size, "%s:%zu: %s", name, parser->problem_mark.line + 1, problem);
}

int yaml_check_duplicates_text(const char *name, const char *text, size_t length, char *error,
			       size_t size)
{
	struct walk walk = {0};
	yaml_parser_t parser;
	yaml_event_t event;
	bool done = false;
	int err = 0;

	if (!yaml_parser_initialize(&parser)) {
		snprintf(error, size, "%s: out of memory", name);
		return -ENOMEM;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	while (!done && !err) {
		if (!yaml_parser_parse(&parser, &event)) {
			parser_describe(&parser, name, error, size);
			err = -EINVAL;
			break;
		}
		err = walk_on_event(&walk, &event, name, error, size);
		done = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	if (err)
		yaml_clean_error(error);
	walk_clear(&walk);
	yaml_parser_delete(&parser);
	return err;
}

int yaml_read_file(const char *path, char **text, size_t *length, char *error, size_t size)
{
	FILE *file = fopen(path, "re");
	char *buffer = malloc(FILE_BYTES_MAX + 1);
	int err = 0;

	if (!file || !buffer) {
		err = file ? -ENOMEM : -errno;
		snprintf(error, size, "%s: cannot open: %s", path, strerror(-err));
		goto out;
	}
	*length = fread(buffer, 1, FILE_BYTES_MAX + 1, file);
	if (ferror(file)) {
		err = errno ? -errno : -EIO;
		snprintf(error, size, "%s: cannot read: %s", path, strerror(-err));
	} else if (*length > FILE_BYTES_MAX) {
		err = -EINVAL;
		snprintf(error, size, "%s: larger than %u bytes: not a configuration file", path,
			 FILE_BYTES_MAX);
	}
out:
	if (file)
		fclose(file);
	if (err) {
		free(buffer);
		return err;
	}
	*text = buffer;
	return 0;
}

int yaml_check_duplicates(const char *path, char *error, size_t size)
{
	size_t length;
	char *text;
	int err = yaml_read_file(path, &text, &length, error, size);

	if (err)
		return err;
	err = yaml_check_duplicates_text(path, text, length, error, size);
	free(text);
	return err;
}

/* What libcyaml logs of one failure: the complaint, then a backtrace, innermost place first. */
struct complaint {
	char text[256];
	char place[256];
	unsigned long line;
};

static void __attribute__((format(printf, 3, 0)))
complaint_log(cyaml_log_t level, void *ctx, const char *format, va_list args)
{
	struct complaint *complaint = ctx;
	char line[256];
	char *mark;

	if (level < CYAML_LOG_ERROR)
		return;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = 0;
	if (strncmp(line, "  in ", 5)) {
		const char *text = strncmp(line, "Load: ", 6) ? line : line + 6;

		if (!complaint->text[0] && strcmp(text, "Backtrace:"))
			snprintf(complaint->text, sizeof(complaint->text), "%s", text);
		return;
	}
	mark = strstr(line, " (line: ");
	if (complaint->line || !mark)
		return;
	complaint->line = strtoul(mark + 8, NULL, 10);
	*mark = 0;
	snprintf(complaint->place, sizeof(complaint->place), "%s", line + 2);
}

/* libcyaml names the place before an unknown key: look the key itself up. */
static void complaint_place_key(struct complaint *complaint, const char *text, size_t length)
{
	static const char prefix[] = "Unexpected key: ";
	unsigned int line;

	if (strncmp(complaint->text, prefix, strlen(prefix)))
		return;
	line = yaml_find_key(text, length, complaint->text + strlen(prefix),
			     (unsigned int)complaint->line);
	if (line)
		complaint->line = line;
}

/* libcyaml's words, put so that they say what to do. */
static void complaint_format(const struct complaint *complaint, const char *name, char *error,
			     size_t size)
{
	static const struct {
		const char *prefix, *text;
	} known[] = {
		{"Unexpected key: ", "unknown key '%s': remove it or correct its spelling"},
		{"Missing required mapping field: ", "required key '%s' is missing: add it"},
		{"Invalid ENUM value: ", "'%s' is not one of the allowed values"},
	};
	const char *text = complaint->text[0] ? complaint->text : "does not fit the schema";
	int used;

	if (complaint->line)
		used = snprintf(error, size, "%s:%lu: ", name, complaint->line);
	else
		used = snprintf(error, size, "%s: ", name);
	if (used < 0 || (size_t)used >= size)
		return;
	error += used;
	size -= (size_t)used;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t n = strlen(known[i].prefix);
		const char *blank = strstr(known[i].text, "%s");

		if (strncmp(text, known[i].prefix, n))
			continue;
		snprintf(error, size, "%.*s%s%s", (int)(blank - known[i].text), known[i].text,
			 text + n, blank + 2);
		return;
	}
	snprintf(error, size, "%s%s%s", text, complaint->place[0] ? ", " : "", complaint->place);
}

static const cyaml_config_t *config_quiet(void)
{
	static const cyaml_config_t config = {.mem_fn = cyaml_mem};

	return &config;
}

int yaml_load_text(const char *name, const char *text, size_t length,
		   const cyaml_schema_value_t *schema, void **out, char *error, size_t size)
{
	struct complaint complaint = {0};
	const cyaml_config_t config = {
		.log_fn = complaint_log,
		.log_ctx = &complaint,
		.mem_fn = cyaml_mem,
		.log_level = CYAML_LOG_ERROR,
		.flags = CYAML_CFG_NO_ALIAS,
	};
	cyaml_err_t result;
	int err = yaml_check_duplicates_text(name, text, length, error, size);

	if (err)
		return err;
	*out = NULL;
	result = cyaml_load_data((const uint8_t *)text, length, &config, schema, out, NULL);
	if (result == CYAML_OK && *out)
		return 0;
	if (!complaint.text[0])
		snprintf(complaint.text, sizeof(complaint.text), "%s",
			 result == CYAML_OK ? "empty: nothing is configured"
					    : cyaml_strerror(result));
	complaint_place_key(&complaint, text, length);
	complaint_format(&complaint, name, error, size);
	yaml_clean_error(error);
	return result == CYAML_ERR_OOM ? -ENOMEM : -EINVAL;
}

int yaml_load(const char *path, const cyaml_schema_value_t *schema, void **out, char *error,
	      size_t size)
{
	size_t length;
	char *text;
	int err = yaml_read_file(path, &text, &length, error, size);

	if (err)
		return err;
	err = yaml_load_text(path, text, length, schema, out, error, size);
	free(text);
	return err;
}

void yaml_unload(const cyaml_schema_value_t *schema, void *data)
{
	cyaml_free(config_quiet(), schema, data, 0);
}
