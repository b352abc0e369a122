#include "control/io/control_config.h"

#include <string.h>

#include "control/core/units.h"
#include "control/io/h2_server.h"
#include "control/io/listen_socket.h"
#include "control/io/store.h"
#include "control/io/usage_table.h"
#include "control/io/yaml_check.h"

#define LISTEN_MAX 8

static const cyaml_strval_t logs[] = {
	{"info", CONTROL_LOG_INFO},
	{"error", CONTROL_LOG_ERROR},
};

static const cyaml_schema_value_t listen_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 108),
};

static const cyaml_schema_field_t store_fields[] = {
	CYAML_FIELD_STRING_PTR("path", CYAML_FLAG_POINTER, struct control_store, path, 1, 4000),
	CYAML_FIELD_UINT("keep_revisions", CYAML_FLAG_OPTIONAL, struct control_store,
			 keep_revisions),
	CYAML_FIELD_UINT("keep_days", CYAML_FLAG_OPTIONAL, struct control_store, keep_days),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t usage_fields[] = {
	CYAML_FIELD_STRING_PTR("interval", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			       struct control_usage, interval, 1, 32),
	CYAML_FIELD_UINT("keep_days", CYAML_FLAG_OPTIONAL, struct control_usage, keep_days),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t fields[] = {
	CYAML_FIELD_SEQUENCE("listen", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct control_config, listen, &listen_entry, 1, LISTEN_MAX),
	CYAML_FIELD_ENUM("log", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct control_config, log,
			 logs, CYAML_ARRAY_LEN(logs)),
	CYAML_FIELD_UINT("max_connections", CYAML_FLAG_OPTIONAL, struct control_config,
			 max_connections),
	CYAML_FIELD_MAPPING("store", CYAML_FLAG_OPTIONAL, struct control_config, store,
			    store_fields),
	CYAML_FIELD_MAPPING("usage", CYAML_FLAG_OPTIONAL, struct control_config, usage,
			    usage_fields),
	CYAML_FIELD_MAPPING_PTR("tls", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
				struct control_config, access.tls, control_tls_fields),
	CYAML_FIELD_BOOL("insecure", CYAML_FLAG_OPTIONAL, struct control_config,
			 access.is_insecure),
	CYAML_FIELD_STRING_PTR("plain_role", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			       struct control_config, access.plain_role, 1, 16),
	CYAML_FIELD_SEQUENCE("users", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct control_config, access.users, &control_user_entry, 0,
			     ACCESS_UIDS_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct control_config, fields),
};

/* 0: the file says none that holds. */
uint64_t control_usage_interval_ns(const struct control_usage *usage)
{
	uint64_t ns = USAGE_INTERVAL_NS;

	if (usage->interval && (units_parse_time(usage->interval, &ns) ||
				ns < USAGE_INTERVAL_MIN_NS || ns > USAGE_INTERVAL_MAX_NS))
		return 0;
	return ns;
}

uint32_t control_usage_days(const struct control_usage *usage)
{
	return usage->keep_days ? usage->keep_days : USAGE_KEEP_DAYS;
}

uint32_t control_max_connections(const struct control_config *config)
{
	return config->max_connections ? config->max_connections : H2_CONNS_DEFAULT;
}

static bool connections_are_sound(const struct control_config *config, const char *path,
				  char *error, size_t size)
{
	uint32_t max = control_max_connections(config);

	if (max >= CONTROL_CONNECTIONS_MIN && max <= CONTROL_CONNECTIONS_MAX)
		return true;
	snprintf(error, size, "%s: max_connections: %u is not from %u to %u", path, max,
		 CONTROL_CONNECTIONS_MIN, CONTROL_CONNECTIONS_MAX);
	return false;
}

static bool usage_is_sound(const struct control_config *config, const char *path, char *error,
			   size_t size)
{
	if (control_usage_interval_ns(&config->usage))
		return true;
	snprintf(error, size,
		 "%s: usage: interval: %s is no time from 100ms to 24h; write 60s or 5m", path,
		 config->usage.interval);
	return false;
}

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
	if (usage_is_sound(config, path ? path : "defaults", error, size) &&
	    connections_are_sound(config, path ? path : "defaults", error, size))
		return config;
	control_config_free(config);
	return NULL;
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
	fprintf(out, "log: %s\nmax_connections: %u\n", logs[config->log].str,
		control_max_connections(config));
	fprintf(out, "store:\n  path: \"%s\"\n",
		config->store.path ? config->store.path : STORE_MEMORY);
	fprintf(out, "  keep_revisions: %llu\n  keep_days: %u\n",
		(unsigned long long)(config->store.keep_revisions ? config->store.keep_revisions
								  : STORE_KEEP_DEFAULT),
		config->store.keep_days);
	fprintf(out, "usage:\n  interval: %s\n  keep_days: %u\n",
		config->usage.interval ? config->usage.interval : "60s",
		control_usage_days(&config->usage));
	control_access_print(&config->access, out);
}
