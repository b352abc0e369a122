/*
 * Strict YAML for configuration files: libcyaml with a schema, plus what libcyaml does not do:
 * duplicate keys are errors, and every failure becomes one line "file:line: text".
 *
 * Shared by the gateway and by control. Blocking file reads; called at start on the main thread.
 */
#pragma once

#include <stddef.h>

#include <cyaml/cyaml.h>

/*
 * 0 or -EINVAL, -errno of open or read. error holds one line without newline when not 0:
 * "file:line: duplicate key 'x' (first on line 3)", or the parser's complaint with its line.
 */
int yaml_check_duplicates(const char *path, char *error, size_t size);
/* The same over memory; name is what error lines call it. */
int yaml_check_duplicates_text(const char *name, const char *text, size_t length, char *error,
			       size_t size);

/*
 * Checks and loads a whole file into *out by the schema; free it with yaml_unload. Unknown keys,
 * missing required keys, wrong types and values out of the schema's bounds are errors.
 * 0, -EINVAL (contents), -ENOMEM or -errno of open or read; error as above.
 */
int yaml_load(const char *path, const cyaml_schema_value_t *schema, void **out, char *error,
	      size_t size);
int yaml_load_text(const char *name, const char *text, size_t length,
		   const cyaml_schema_value_t *schema, void **out, char *error, size_t size);
void yaml_unload(const cyaml_schema_value_t *schema, void *data);

/* The whole file in memory that the caller frees. 0 or -errno; error as above. */
int yaml_read_file(const char *path, char **text, size_t *length, char *error, size_t size);

/* Turns what would break the line (texts from the file) into '?'. */
void yaml_clean_error(char *error);

/*
 * The line on which a place such as "ports[1].interface" or "control.url" begins: its key, or its
 * entry in a list; 0 when there is no such place. For what the schema cannot see. (yaml_place.c)
 */
unsigned int yaml_find_line(const char *text, size_t length, const char *place);
/* The line of the first mapping key of that name at or after a line; 0 when there is none. */
unsigned int yaml_find_key(const char *text, size_t length, const char *name, unsigned int line);
