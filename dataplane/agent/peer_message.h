/*
 * What two gateways' agents say to each other over their TLS session: one JSON object a line.
 *
 *	{"type":"hello","version":1,"gateway":"gw-a","boot":3}	the first line, once, each way
 *	{"type":"alive"}					each second
 *	{"type":"offer","id":7,"incarnation":"00c0ffee00c0ffee"}
 *	{"type":"rekey","id":7,"incarnations":["client's","server's"],"counter":0}
 *	{"type":"rekeyed", as rekey}
 *	{"type":"switch", as rekey}
 *	{"type":"wanted", as rekey}
 *
 * id: the path's on the wire. Incarnations are 16 lower-case hexadecimal digits, not all 0. What
 *they mean: key_exchange.h. No state; agent thread. Reading is strict: a member too many or too
 *few, a wrong type or another version is an error; a later version says so in its hello.
 */
#pragma once

#include <stddef.h>

#include "dataplane/core/intent.h"
#include "dataplane/core/key_exchange.h"

#define PEER_LINE_BYTES_MAX	 65536
#define PEER_MESSAGE_VERSION	 1
#define PEER_MESSAGE_ERROR_BYTES 128

enum peer_message_type {
	PEER_HELLO = 1, /* gateway, boot */
	PEER_ALIVE,
	PEER_KEY, /* id, key */
};

struct peer_message {
	enum peer_message_type type;
	char gateway[INTENT_NAME_BYTES];
	uint32_t boot;
	uint32_t id;
	struct key_message key;
};

/* One line without its end. 0, or -EINVAL with a few words in error (PEER_MESSAGE_ERROR_BYTES). */
int peer_message_parse(const char *text, size_t len, struct peer_message *message, char *error);
/* With its line end and a 0 behind it, the caller's to free; NULL without memory. */
char *peer_message_write(const struct peer_message *message);
