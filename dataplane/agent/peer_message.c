#include "dataplane/agent/peer_message.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INCARNATION_DIGITS 16

static const char *const key_names[] = {
	[KEY_OFFER] = "offer",	 [KEY_REKEY] = "rekey",	  [KEY_REKEYED] = "rekeyed",
	[KEY_SWITCH] = "switch", [KEY_WANTED] = "wanted",
};

__attribute__((format(printf, 2, 3))) static int wrong(char *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, PEER_MESSAGE_ERROR_BYTES, format, args);
	va_end(args);
	return -EINVAL;
}

static int read_number(json_t *object, const char *key, uint32_t min, uint32_t *out, char *error)
{
	json_t *value = json_object_get(object, key);
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < min || number > UINT32_MAX)
		return wrong(error, "%s is no number in range", key);
	*out = (uint32_t)number;
	return 0;
}

static int read_incarnation(const json_t *value, uint64_t *out, char *error)
{
	const char *text = json_string_value(value);

	if (!text || strlen(text) != INCARNATION_DIGITS ||
	    strspn(text, "0123456789abcdef") != INCARNATION_DIGITS)
		return wrong(error, "an incarnation is not 16 hexadecimal digits");
	*out = strtoull(text, NULL, 16);
	return *out ? 0 : wrong(error, "an incarnation is 0");
}

static int read_pair(json_t *object, struct key_pair *pair, char *error)
{
	json_t *list = json_object_get(object, "incarnations");

	if (!json_is_array(list) || json_array_size(list) != 2)
		return wrong(error, "incarnations is not a list of two");
	if (read_incarnation(json_array_get(list, 0), &pair->client, error))
		return -EINVAL;
	return read_incarnation(json_array_get(list, 1), &pair->server, error);
}

static int read_size(const json_t *object, size_t members, char *error)
{
	return json_object_size(object) == members ? 0 : wrong(error, "a member too many");
}

static int read_hello(json_t *object, struct peer_message *message, char *error)
{
	const char *gateway = json_string_value(json_object_get(object, "gateway"));
	uint32_t version = 0;

	message->type = PEER_HELLO;
	if (read_number(object, "version", 0, &version, error))
		return -EINVAL;
	if (version != PEER_MESSAGE_VERSION)
		return wrong(error, "it speaks version %u, this gateway %d", version,
			     PEER_MESSAGE_VERSION);
	if (!gateway || !gateway[0] || strlen(gateway) >= sizeof(message->gateway))
		return wrong(error, "gateway is no name");
	memcpy(message->gateway, gateway, strlen(gateway) + 1);
	if (read_number(object, "boot", 0, &message->boot, error))
		return -EINVAL;
	return read_size(object, 4, error);
}

static int read_key(json_t *object, enum key_message_type type, struct peer_message *message,
		    char *error)
{
	struct key_message *key = &message->key;
	json_t *incarnation = json_object_get(object, "incarnation");

	message->type = PEER_KEY;
	key->type = type;
	if (read_number(object, "id", 1, &message->id, error))
		return -EINVAL;
	if (type == KEY_OFFER)
		return read_incarnation(incarnation, &key->incarnation, error)
			       ? -EINVAL
			       : read_size(object, 3, error);
	if (read_pair(object, &key->pair, error) ||
	    read_number(object, "counter", 0, &key->counter, error))
		return -EINVAL;
	return read_size(object, 4, error);
}

static int read_object(json_t *object, struct peer_message *message, char *error)
{
	const char *type = json_string_value(json_object_get(object, "type"));

	if (!type)
		return wrong(error, "no object with a type");
	if (!strcmp(type, "hello"))
		return read_hello(object, message, error);
	if (!strcmp(type, "alive")) {
		message->type = PEER_ALIVE;
		return read_size(object, 1, error);
	}
	for (int i = KEY_OFFER; i <= KEY_WANTED; i++)
		if (!strcmp(type, key_names[i]))
			return read_key(object, (enum key_message_type)i, message, error);
	return wrong(error, "type \"%.20s\" is unknown", type);
}

int peer_message_parse(const char *text, size_t len, struct peer_message *message, char *error)
{
	json_error_t where;
	json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	int ret;

	*message = (struct peer_message){.id = 0};
	error[0] = 0;
	if (!object)
		return wrong(error, "not JSON: %.80s", where.text);
	ret = read_object(object, message, error);
	json_decref(object);
	return ret;
}

static json_t *incarnation_json(uint64_t incarnation)
{
	char text[INCARNATION_DIGITS + 1];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)incarnation);
	return json_string(text);
}

static json_t *key_json(const struct peer_message *message)
{
	const struct key_message *key = &message->key;

	if (key->type == KEY_OFFER)
		return json_pack("{s:s, s:I, s:o}", "type", key_names[key->type], "id",
				 (json_int_t)message->id, "incarnation",
				 incarnation_json(key->incarnation));
	return json_pack("{s:s, s:I, s:[o, o], s:I}", "type", key_names[key->type], "id",
			 (json_int_t)message->id, "incarnations",
			 incarnation_json(key->pair.client), incarnation_json(key->pair.server),
			 "counter", (json_int_t)key->counter);
}

static json_t *message_json(const struct peer_message *message)
{
	switch (message->type) {
	case PEER_HELLO:
		return json_pack("{s:s, s:i, s:s, s:I}", "type", "hello", "version",
				 PEER_MESSAGE_VERSION, "gateway", message->gateway, "boot",
				 (json_int_t)message->boot);
	case PEER_ALIVE:
		return json_pack("{s:s}", "type", "alive");
	case PEER_KEY:
		return key_json(message);
	}
	return NULL;
}

char *peer_message_write(const struct peer_message *message)
{
	json_t *json = message_json(message);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	char *line = NULL;

	json_decref(json);
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}
