#include "control/io/api_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/path_state.h"
#include "control/core/rfc3339.h"
#include "control/core/units.h"

#define NS_PER_S	 1000000000ull
#define WAIT_DEFAULT_NS	 (30 * NS_PER_S)
#define WAIT_MAX_NS	 (600 * NS_PER_S)
#define HEARTBEAT_NS	 (10 * NS_PER_S)
#define HEARTBEAT_MIN_NS (NS_PER_S / 10)
#define HEARTBEAT_MAX_NS (60 * NS_PER_S)

void api_query_init(struct api_query *query)
{
	*query = (struct api_query){
		.wait_ns = WAIT_DEFAULT_NS,
		.heartbeat_ns = HEARTBEAT_NS,
		.limit = QUERY_LIMIT_MAX,
		.usage.to_ns = INT64_MAX,
	};
}

struct reader {
	struct api_query *query;
	enum model_kind kind;
	struct problem *problem;
};

static void fail(struct reader *reader, const char *text)
{
	problem_set(reader->problem, 400, "invalid-argument", "%s", text);
}

static bool kind_has_states(enum model_kind kind)
{
	return kind == KIND_PATH || kind == KIND_CLUSTER;
}

static void read_wait(struct reader *reader, const char *value)
{
	enum path_state state = path_state_find(value);

	if (!kind_has_states(reader->kind) || state == PATH_STATE_COUNT)
		fail(reader, "wait: a state of a path or cluster, such as active or released");
	else
		reader->query->wait_states = 1u << state;
}

static void read_timeout(struct reader *reader, const char *value)
{
	uint64_t *wait_ns = &reader->query->wait_ns;

	if (!kind_has_states(reader->kind) || units_parse_time(value, wait_ns) ||
	    *wait_ns > WAIT_MAX_NS)
		fail(reader, "timeout: of a path or cluster, at most 600s, such as 30s");
}

static void read_limit(struct reader *reader, const char *value)
{
	char *end;
	unsigned long limit = strtoul(value, &end, 10);

	if (value[0] < '0' || value[0] > '9' || *end || !limit || limit > QUERY_LIMIT_MAX)
		fail(reader, "limit: 1 to 1000");
	else
		reader->query->limit = (uint32_t)limit;
}

static void read_label(struct reader *reader, const char *value)
{
	struct api_filter *filter = &reader->query->filter;
	struct api_label *label = &filter->labels[filter->label_count];
	size_t key_len = strcspn(value, "=");

	if (filter->label_count == QUERY_LABELS_MAX) {
		fail(reader, "label: at most 4 in one request");
		return;
	}
	if (!key_len || key_len >= sizeof(label->label.key)) {
		fail(reader, "label: KEY=VALUE, or KEY for any value");
		return;
	}
	memcpy(label->label.key, value, key_len);
	label->label.key[key_len] = 0;
	label->has_value = value[key_len] == '=';
	if (label->has_value && !model_name_set(label->label.value, value + key_len + 1))
		fail(reader, "label: a value has at most 63 bytes");
	filter->label_count++;
}

static void read_state(struct reader *reader, const char *value)
{
	enum path_state state = path_state_find(value);

	if (reader->kind != KIND_PATH || state == PATH_STATE_COUNT)
		fail(reader, "state: a path's, such as active or degraded");
	else
		reader->query->filter.states |= 1u << state;
}

static void read_kind(struct reader *reader, const char *value)
{
	enum model_kind kind = model_kind_find(value);

	if (kind == KIND_COUNT)
		fail(reader, "kind: one of the kinds of objects, such as path or link");
	else
		reader->query->filter.kinds |= 1u << kind;
}

static void read_since(struct reader *reader, const char *value)
{
	if (!value[0] || strlen(value) >= sizeof(reader->query->since))
		fail(reader, "since: the revision, or the id, of what was read last");
	else
		strcpy(reader->query->since, value);
}

static void read_heartbeat(struct reader *reader, const char *value)
{
	uint64_t *heartbeat_ns = &reader->query->heartbeat_ns;

	if (units_parse_time(value, heartbeat_ns) || *heartbeat_ns < HEARTBEAT_MIN_NS ||
	    *heartbeat_ns > HEARTBEAT_MAX_NS)
		fail(reader, "heartbeat: 100ms to 60s");
}

static void read_follow(struct reader *reader, const char *value)
{
	reader->query->is_once = !strcmp(value, "false");
	if (!reader->query->is_once && strcmp(value, "true") != 0)
		fail(reader, "follow: true or false");
}

static void read_format(struct reader *reader, const char *value)
{
	if (!value[0] || strlen(value) >= sizeof(reader->query->format))
		fail(reader, "format: too long");
	else
		strcpy(reader->query->format, value);
}

/* The kind is part of it: a token of another list is refused rather than misread. */
static void token_text(enum model_kind kind, const char *name, char text[2 * MODEL_NAME_BYTES])
{
	snprintf(text, (size_t)2 * MODEL_NAME_BYTES, "%s:%s", model_kind_plural(kind), name);
}

void api_query_token(enum model_kind kind, const char *name, char token[QUERY_TOKEN_BYTES])
{
	char text[2 * MODEL_NAME_BYTES];
	size_t len;

	token_text(kind, name, text);
	len = strlen(text);
	for (size_t i = 0; i < len; i++)
		snprintf(token + 2 * i, 3, "%02x", (unsigned char)text[i]);
	token[2 * len] = 0;
}

static void read_continue(struct reader *reader, const char *value)
{
	char text[2 * MODEL_NAME_BYTES] = "", again[QUERY_TOKEN_BYTES];
	size_t len = strlen(value) / 2;
	unsigned int byte;
	const char *name;

	for (size_t i = 0; i < len && i < sizeof(text) - 1; i++)
		text[i] = sscanf(value + 2 * i, "%2x", &byte) == 1 ? (char)byte : '?';
	name = strchr(text, ':');
	if (name && model_name_is_valid(name + 1)) {
		api_query_token(reader->kind, name + 1, again);
		if (!strcmp(again, value) && model_name_set(reader->query->after, name + 1))
			return;
	}
	fail(reader, "continue: give back what the answer before had");
}

static void read_path(struct reader *reader, const char *value)
{
	if (!model_name_is_valid(value) || !model_name_set(reader->query->usage.path, value))
		fail(reader, "path: a path's name");
}

static void read_tenant(struct reader *reader, const char *value)
{
	if (!model_name_is_valid(value) || !model_name_set(reader->query->usage.tenant, value))
		fail(reader, "tenant: a tenant's name");
}

static void read_from(struct reader *reader, const char *value)
{
	if (rfc3339_parse(value, &reader->query->usage.from_ns))
		fail(reader, "from: a time such as 2026-11-22T10:00:00Z");
}

static void read_to(struct reader *reader, const char *value)
{
	if (rfc3339_parse(value, &reader->query->usage.to_ns))
		fail(reader, "to: a time such as 2026-11-22T10:00:00Z");
}

/* TIME/PATH/TENANT, as api_usage.c made it. */
static void read_record(struct reader *reader, const char *value)
{
	struct usage_query *usage = &reader->query->usage;
	char path[MODEL_NAME_BYTES], tenant[MODEL_NAME_BYTES] = "", end;
	unsigned long long after_ns;
	int parts = sscanf(value, "%19llu/%63[^/]/%63[^/]%c", &after_ns, path, tenant, &end);

	if (parts < 2 || parts > 3 || !model_name_is_valid(path)) {
		fail(reader, "continue: give back what the answer before had");
		return;
	}
	usage->after_ns = after_ns;
	model_name_set(usage->after_path, path);
	model_name_set(usage->after_tenant, tenant);
}

static const struct parameter {
	const char *key;
	unsigned int takes;
	void (*read)(struct reader *reader, const char *value);
} parameters[] = {
	{"wait", TAKES_WAIT, read_wait},
	{"timeout", TAKES_WAIT, read_timeout},
	{"limit", TAKES_LIST | TAKES_PAGE | TAKES_USAGE, read_limit},
	{"continue", TAKES_LIST | TAKES_PAGE, read_continue},
	{"continue", TAKES_USAGE, read_record},
	{"path", TAKES_USAGE, read_path},
	{"tenant", TAKES_USAGE, read_tenant},
	{"from", TAKES_USAGE, read_from},
	{"to", TAKES_USAGE, read_to},
	{"label", TAKES_LIST | TAKES_FEED, read_label},
	{"state", TAKES_LIST, read_state},
	{"kind", TAKES_FEED, read_kind},
	{"since", TAKES_FEED, read_since},
	{"follow", TAKES_FEED, read_follow},
	{"heartbeat", TAKES_FEED, read_heartbeat},
	{"format", TAKES_FEED | TAKES_FORMAT | TAKES_USAGE, read_format},
};

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* RFC 3986, 2.1, in place; false for a broken or a zero one. */
static bool percent_decode(char *text)
{
	char *to = text;

	for (; *text; text++) {
		int high, low;

		if (*text != '%') {
			*to++ = *text;
			continue;
		}
		high = hex_digit(text[1]);
		low = high < 0 ? -1 : hex_digit(text[2]);
		if (low < 0 || !(high | low))
			return false;
		*to++ = (char)(high << 4 | low);
		text += 2;
	}
	*to = 0;
	return true;
}

static void read_item(struct reader *reader, char *item, unsigned int takes)
{
	char *value = strchr(item, '=');

	if (value)
		*value++ = 0;
	if (!percent_decode(item) || (value && !percent_decode(value))) {
		fail(reader, "the query has a % without two hexadecimal digits behind it");
		return;
	}
	for (unsigned int i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		if (!(parameters[i].takes & takes) || strcmp(parameters[i].key, item) != 0)
			continue;
		parameters[i].read(reader, value ? value : "");
		return;
	}
	problem_set(reader->problem, 400, "unknown-parameter", "there is no parameter %.64s", item);
}

void api_query_read(struct api_query *query, char *text, unsigned int takes, enum model_kind kind,
		    struct problem *problem)
{
	struct reader reader = {.query = query, .kind = kind, .problem = problem};
	char *save = NULL;

	for (char *item = strtok_r(text, "&", &save); item; item = strtok_r(NULL, "&", &save))
		read_item(&reader, item, takes);
}

const char *object_tenant(const struct object *object)
{
	if (object->kind == KIND_TENANT)
		return object->name;
	if (object->kind == KIND_CLUSTER)
		return object->cluster.path.tenant;
	return object->kind == KIND_PATH ? object->path.tenant : "";
}

/* Sites, gateways and links are there for every tenant. */
bool kind_has_tenants(enum model_kind kind)
{
	return kind == KIND_PATH || kind == KIND_TENANT || kind == KIND_CLUSTER;
}

static bool has_label(const struct api_label *wanted, const struct label *labels, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!strcmp(labels[i].key, wanted->label.key))
			return !wanted->has_value || !strcmp(labels[i].value, wanted->label.value);
	}
	return false;
}

bool api_filter_matches(const struct api_filter *filter, enum model_kind kind, const char *tenant,
			const struct label *labels, uint32_t label_count)
{
	if (filter->kinds && !(filter->kinds & 1u << kind))
		return false;
	if (filter->tenant[0] && kind_has_tenants(kind) && strcmp(filter->tenant, tenant) != 0)
		return false;
	for (uint32_t i = 0; i < filter->label_count; i++) {
		if (!has_label(&filter->labels[i], labels, label_count))
			return false;
	}
	return true;
}
