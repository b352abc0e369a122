#include "control/ctl/kind.h"

#include <string.h>

#include "control/core/units.h"
#include "control/ctl/table.h"

static const struct field site_fields[] = {
	{"NAME", "name", FIELD_TEXT},
	{"PREFIXES", "spec.prefixes", FIELD_TEXT},
	{NULL},
};

static const struct field gateway_fields[] = {
	{"NAME", "name", FIELD_TEXT},
	{"SITE", "spec.site", FIELD_TEXT},
	{"CONTROL", "status.connected", FIELD_LINK_STATE},
	{"VERSION", "status.version", FIELD_TEXT},
	{"BOOT", "status.boot", FIELD_TEXT},
	{"LAN MTU", "status.lan_mtu", FIELD_TEXT},
	{"WAN MTU", "status.wan_mtu", FIELD_TEXT},
	{"BUFFERS", "status.buffer_bytes", FIELD_SIZE},
	{"PORTS", "spec.ports", FIELD_PORTS},
	{NULL},
};

static const struct field link_fields[] = {
	{"NAME", "name", FIELD_TEXT},
	{"A", "spec.a", FIELD_TEXT},
	{"Z", "spec.z", FIELD_TEXT},
	{"CAPACITY", "spec.capacity_bps", FIELD_RATE},
	{"FAMILY", "spec.family", FIELD_TEXT},
	{"ADMIN", "spec.admin", FIELD_TEXT},
	{"RATE NOW", "status.gateways", FIELD_LINK_RATES},
	{NULL},
};

static const struct field tenant_fields[] = {
	{"NAME", "name", FIELD_TEXT},
	{"RATE", "spec.quota.rate_bps", FIELD_RATE},
	{"PATHS", "spec.quota.paths", FIELD_TEXT},
	{"HORIZON", "spec.quota.horizon", FIELD_TEXT},
	{"BUFFERS", "spec.quota.buffer_bytes", FIELD_SIZE},
	{NULL},
};

static const struct field cluster_fields[] = {
	{"NAME", "name", FIELD_TEXT},
	{"STATE", "status.state", FIELD_TEXT},
	{"PATTERN", "spec.demand.pattern", FIELD_TEXT},
	{"RING", "status.ring", FIELD_TEXT},
	{"NARROWEST", "status.narrowest_cut.rate_bps", FIELD_RATE},
	{"EFFICIENCY", "status.step.efficiency", FIELD_SHARE},
	{"LIMITED BY", "status.step.limited_by", FIELD_TEXT},
	{NULL},
};

static const struct field class_fields[] = {
	{"NAME", "name", FIELD_TEXT},
	{"ID", "spec.id", FIELD_TEXT},
	{"DSCP", "spec.dscp", FIELD_TEXT},
	{"PRIORITY", "spec.priority", FIELD_TEXT},
	{"RECOVERY", "spec.recovery", FIELD_TEXT},
	{"SEALING", "spec.sealing", FIELD_TEXT},
	{NULL},
};

static const struct field path_fields[] = {
	{"NAME", "name", FIELD_TEXT},
	{"STATE", "status.state", FIELD_TEXT},
	{"A", "spec.a.site", FIELD_TEXT},
	{"Z", "spec.z.site", FIELD_TEXT},
	{"RATE", "spec.rate_bps", FIELD_RATE},
	{"MAX", "spec.max_bps", FIELD_RATE},
	{"CLASS", "spec.class", FIELD_TEXT},
	{"LINK", "status.link", FIELD_TEXT},
	{"RTT", "status.transport.rtt_ns", FIELD_TIME},
	{"LOSS", "status.transport.loss_share", FIELD_SHARE},
	{"RESENT", "status.transport.resent", FIELD_COUNT},
	{"REASON", "status.reason", FIELD_TEXT},
	{NULL},
};

const struct kind kinds[] = {
	{"site", "sites", site_fields},		 {"gateway", "gateways", gateway_fields},
	{"link", "links", link_fields},		 {"class", "classes", class_fields},
	{"path", "paths", path_fields},		 {"tenant", "tenants", tenant_fields},
	{"cluster", "clusters", cluster_fields}, {NULL},
};

const struct kind *kind_find(const char *name)
{
	for (const struct kind *kind = kinds; kind->singular; kind++) {
		if (strcmp(kind->singular, name) == 0 || strcmp(kind->plural, name) == 0)
			return kind;
	}
	return NULL;
}

json_t *field_get(const json_t *object, const char *path)
{
	while (object) {
		size_t len = strcspn(path, ".");
		char key[64];

		if (len >= sizeof(key))
			return NULL;
		memcpy(key, path, len);
		key[len] = '\0';
		object = json_object_get(object, key);
		if (path[len] == '\0')
			break;
		path += len + 1;
	}
	return (json_t *)object;
}

static void number_text(uint64_t number, enum field_format format, char *text, uint32_t size)
{
	switch (format) {
	case FIELD_RATE:
		units_format_rate(number, text, size);
		break;
	case FIELD_SIZE:
		units_format_size(number, text, size);
		break;
	case FIELD_COUNT:
		units_format_count(number, text, size);
		break;
	case FIELD_TIME:
		units_format_time(number, text, size);
		break;
	default:
		snprintf(text, size, "%llu", (unsigned long long)number);
		break;
	}
}

static void value_text(const json_t *value, enum field_format format, char *text, uint32_t size);

static void append(char *text, uint32_t size, const char *more)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s%s", used ? "," : "", more);
}

static void list_text(const json_t *list, enum field_format format, char *text, uint32_t size)
{
	json_t *value;
	size_t i;

	json_array_foreach (list, i, value) {
		char part[96];

		if (format == FIELD_PORTS)
			value = json_object_get(value, "name");
		value_text(value, FIELD_TEXT, part, sizeof(part));
		append(text, size, part);
	}
}

/* What each end of a link paces it at: the same in one word, else both. */
static void link_rates_text(const json_t *gateways, char *text, uint32_t size)
{
	char rates[2][UNITS_TEXT_BYTES];

	for (size_t end = 0; end < 2; end++)
		value_text(field_get(json_array_get(gateways, end), "rate_bps"), FIELD_RATE,
			   rates[end], sizeof(rates[end]));
	if (strcmp(rates[0], rates[1]) == 0)
		snprintf(text, size, "%s", rates[0]);
	else
		snprintf(text, size, "%s / %s", rates[0][0] ? rates[0] : "-",
			 rates[1][0] ? rates[1] : "-");
}

static void share_text(double share, char *text, uint32_t size)
{
	if (share > 0 && share < 0.0001)
		snprintf(text, size, "<0.01%%");
	else
		snprintf(text, size, "%.2f%%", 100 * share);
}

static void both_ways_text(const json_t *value, enum field_format format, char *text, uint32_t size)
{
	char there[UNITS_TEXT_BYTES], back[UNITS_TEXT_BYTES];

	value_text(json_object_get(value, "a_to_z"), format, there, sizeof(there));
	value_text(json_object_get(value, "z_to_a"), format, back, sizeof(back));
	if (strcmp(there, back) == 0)
		snprintf(text, size, "%s", there);
	else
		snprintf(text, size, "%s / %s", there[0] ? there : "-", back[0] ? back : "-");
}

static void value_text(const json_t *value, enum field_format format, char *text, uint32_t size)
{
	text[0] = '\0';
	if (format == FIELD_LINK_STATE)
		snprintf(text, size, "%s", json_is_true(value) ? "up" : "down");
	else if (format == FIELD_LINK_RATES)
		link_rates_text(value, text, size);
	else if (format == FIELD_SHARE && json_is_number(value))
		share_text(json_number_value(value), text, size);
	else if (json_is_string(value))
		snprintf(text, size, "%s", json_string_value(value));
	else if (json_is_integer(value) && json_integer_value(value) >= 0)
		number_text((uint64_t)json_integer_value(value), format, text, size);
	else if (json_is_boolean(value))
		snprintf(text, size, "%s", json_is_true(value) ? "yes" : "no");
	else if (json_is_array(value))
		list_text(value, format, text, size);
	else if (json_is_object(value))
		both_ways_text(value, format, text, size);
}

void field_text(const json_t *object, const char *path, enum field_format format, char *text,
		uint32_t size)
{
	value_text(field_get(object, path), format, text, size);
}

void field_table(const struct field *fields, const json_t *items, FILE *out)
{
	struct table table;
	uint32_t columns = 0;
	json_t *item;
	size_t i;

	while (fields[columns].heading)
		columns++;
	table_init(&table, columns);
	for (uint32_t column = 0; column < columns; column++)
		table_add(&table, fields[column].heading);
	json_array_foreach (items, i, item) {
		for (uint32_t column = 0; column < columns; column++) {
			char text[256];

			field_text(item, fields[column].path, fields[column].format, text,
				   sizeof(text));
			table_add(&table, text);
		}
	}
	if (table_print(&table, out))
		fprintf(stderr, "causewayctl: out of memory\n");
}

void kind_print(const struct kind *kind, const json_t *items, FILE *out)
{
	field_table(kind->fields, items, out);
}
