#include "control/io/control_config.h"

#include <string.h>

#include "control/io/listen_socket.h"
#include "control/io/yaml_check.h"

#define LISTEN_MAX 8

static const cyaml_strval_t logs[] = {
	{"error", CONTROL_LOG_ERROR},
	{"info", CONTROL_LOG_INFO},
};

static const cyaml_schema_value_t listen_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 108),
};

static const cyaml_schema_field_t fields[] = {
	CYAML_FIELD_SEQUENCE("listen", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct control_config, listen, &listen_entry, 1, LISTEN_MAX),
	CYAML_FIELD_ENUM("log", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct control_config, log,
			 logs, CYAML_ARRAY_LEN(logs)),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct control_config, fields),
};

struct control_config *control_config_load(const char *path, char *error, size_t size)
{
	static const char defaults[] = "listen: [ \"" CONTROL_LISTEN_DEFAULT "\" ]\nlog: info\n";
	void *data = NULL;
	struct control_config *config;
	int ret;

	if (path)
		ret = yaml_load(path, &schema, &data, error, size);
	else
		ret = yaml_load_text("defaults", defaults, strlen(defaults), &schema, &data, error,
				     size);
	if (ret)
		return NULL;
	config = data;
	for (unsigned int i = 0; i < config->listen_count; i++) {
		if (listen_address_is_valid(config->listen[i]))
			continue;
		snprintf(error, size,
			 "%s: listen: %s is no address; write 127.0.0.1:7700, [::1]:7700 or "
			 "unix:/path",
			 path ? path : "defaults", config->listen[i]);
		control_config_free(config);
		return NULL;
	}
	return config;
}

void control_config_free(struct control_config *config)
{
	yaml_unload(&schema, config);
}

void control_config_print(const struct control_config *config, FILE *out)
{
	fprintf(out, "listen:\n");
	for (unsigned int i = 0; i < config->listen_count; i++)
		fprintf(out, "  - \"%s\"\n", config->listen[i]);
	if (!config->listen_count)
		fprintf(out, "  - \"%s\"\n", CONTROL_LISTEN_DEFAULT);
	fprintf(out, "log: %s\n", logs[config->log].str);
}
