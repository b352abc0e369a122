#include "control/ctl/match_spec.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const protocols[] = {"any", "rocev2", "tcp", "udp", "icmp-echo", NULL};

static bool protocol_is_known(const char *text, size_t len)
{
	for (const char *const *name = protocols; *name; name++) {
		if (strlen(*name) == len && memcmp(*name, text, len) == 0)
			return true;
	}
	return false;
}

/* Digits up to max; *text moves behind them. -1: none, or more. */
static long number_parse(const char **text, long max)
{
	long value = 0;

	if (**text < '0' || **text > '9')
		return -1;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		value = value * 10 + (**text - '0');
		if (value > max)
			return -1;
	}
	return value;
}

static bool ports_are_valid(const char *text)
{
	long first = number_parse(&text, 65535), last = first;

	if (*text == '-') {
		text++;
		last = number_parse(&text, 65535);
	}
	return *text == '\0' && first >= 0 && last >= first;
}

static int add_ports(json_t *match, const char *part, char *error)
{
	json_t *list = json_object_get(match, "ports");

	if (!ports_are_valid(part)) {
		snprintf(error, MATCH_SPEC_ERROR_BYTES,
			 "\"%.40s\" is no port range such as 5000-5999", part);
		return -1;
	}
	if (!list) {
		list = json_array();
		json_object_set_new(match, "ports", list);
	}
	return json_array_append_new(list, json_string(part));
}

static int add_dscp(json_t *match, const char *part, char *error)
{
	const char *digits = part + (strncmp(part, "dscp", 4) == 0 ? 4 : 0);
	json_t *list = json_object_get(match, "dscp");
	long value = number_parse(&digits, 63);

	if (value < 0 || *digits) {
		snprintf(error, MATCH_SPEC_ERROR_BYTES,
			 "\"%.40s\" is no DSCP such as dscp26 (0 to 63)", part);
		return -1;
	}
	if (!list) {
		list = json_array();
		json_object_set_new(match, "dscp", list);
	}
	return json_array_append_new(list, json_integer(value));
}

static int add_parts(json_t *match, const char *text, size_t len,
		     int (*add)(json_t *match, const char *part, char *error), char *error)
{
	while (true) {
		size_t part_len = strcspn(text, ",");
		char part[64];

		if (part_len > len)
			part_len = len;
		if (part_len >= sizeof(part)) {
			snprintf(error, MATCH_SPEC_ERROR_BYTES, "\"%.40s...\" is too long", text);
			return -1;
		}
		memcpy(part, text, part_len);
		part[part_len] = '\0';
		if (add(match, part, error))
			return -1;
		if (part_len >= len)
			return 0;
		text += part_len + 1;
		len -= part_len + 1;
	}
}

static int parse_rest(json_t *match, const char *text, char *error)
{
	if (*text == ':') {
		size_t len = strcspn(++text, "@");

		if (add_parts(match, text, len, add_ports, error))
			return -1;
		text += len;
	}
	if (*text == '@')
		return add_parts(match, text + 1, strlen(text + 1), add_dscp, error);
	return 0;
}

json_t *match_spec_parse(const char *text, char *error)
{
	size_t len = strcspn(text, ":@");
	json_t *match;

	if (!protocol_is_known(text, len)) {
		snprintf(error, MATCH_SPEC_ERROR_BYTES,
			 "\"%.*s\" is no protocol: tcp, udp, rocev2, icmp-echo or any",
			 (int)(len > 40 ? 40 : len), text);
		return NULL;
	}
	if (text[len] == ':' && strncmp(text, "tcp", 3) != 0 && strncmp(text, "udp", 3) != 0) {
		snprintf(error, MATCH_SPEC_ERROR_BYTES, "only tcp and udp have ports: \"%.40s\"",
			 text);
		return NULL;
	}
	match = json_object();
	json_object_set_new(match, "protocol", json_stringn(text, len));
	if (parse_rest(match, text + len, error)) {
		json_decref(match);
		return NULL;
	}
	return match;
}
