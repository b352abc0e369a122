#include "dataplane/agent/intent_json_get.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int place_fail(struct place *at, const char *format, ...)
{
	int used = snprintf(at->error, INTENT_JSON_ERROR_BYTES, "%s", at->where);
	va_list args;

	va_start(args, format);
	vsnprintf(at->error + used, INTENT_JSON_ERROR_BYTES - (size_t)used, format, args);
	va_end(args);
	return -EINVAL;
}

int place_get_number(struct place *at, json_t *object, const char *key, uint64_t max, uint64_t *out)
{
	json_t *value = json_object_get(object, key);

	if (!value)
		return place_fail(at, "%s is missing", key);
	if (!json_is_integer(value))
		return place_fail(at, "%s is not an integer", key);
	if (json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > max)
		return place_fail(at, "%s is out of range", key);
	*out = (uint64_t)json_integer_value(value);
	return 0;
}

int place_get_text(struct place *at, json_t *object, const char *key, const char **out)
{
	json_t *value = json_object_get(object, key);

	*out = "";
	if (!value)
		return place_fail(at, "%s is missing", key);
	if (!json_is_string(value))
		return place_fail(at, "%s is not a string", key);
	*out = json_string_value(value);
	return 0;
}

int place_get_name(struct place *at, json_t *object, const char *key, char *out)
{
	const char *text;

	if (place_get_text(at, object, key, &text))
		return -EINVAL;
	if (text[0] == '\0' || strlen(text) >= INTENT_NAME_BYTES)
		return place_fail(at, "%s is empty or longer than %d bytes", key,
				  INTENT_NAME_BYTES - 1);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

int place_get_array(struct place *at, json_t *object, const char *key, size_t max, bool optional,
		    json_t **out)
{
	*out = json_object_get(object, key);
	if (!*out && optional)
		return 0;
	if (!*out)
		return place_fail(at, "%s is missing", key);
	if (!json_is_array(*out))
		return place_fail(at, "%s is not an array", key);
	if (json_array_size(*out) > max)
		return place_fail(at, "%s has more than %zu elements", key, max);
	return 0;
}

int place_get_addr(struct place *at, json_t *object, const char *key, struct ip_addr *out)
{
	const char *text;

	if (place_get_text(at, object, key, &text))
		return -EINVAL;
	if (ip_addr_parse(text, out))
		return place_fail(at, "%s is not an IP address: \"%.50s\"", key, text);
	return 0;
}

int place_get_prefixes(struct place *at, json_t *object, const char *key, struct ip_prefix *out,
		       uint8_t *count)
{
	json_t *list, *value;
	size_t i;

	if (place_get_array(at, object, key, INTENT_PREFIXES_MAX, false, &list))
		return -EINVAL;
	json_array_foreach (list, i, value) {
		if (!json_is_string(value))
			return place_fail(at, "%s[%zu] is not a string", key, i);
		if (ip_prefix_parse(json_string_value(value), &out[i]))
			return place_fail(at, "%s[%zu] is not a prefix: \"%.50s\"", key, i,
					  json_string_value(value));
	}
	*count = (uint8_t)json_array_size(list);
	return 0;
}
