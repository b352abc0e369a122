/*
 * From a TLS session to the keys of one path: the exporter (RFC 8446, 7.5; RFC 5705) gives a secret
 * for the two incarnations and the counter, HKDF-Expand (RFC 5869, 2.3) with SHA-256 makes one key
 * and IV of it for each direction and lane.
 *
 * No state; agent thread. All numbers big-endian:
 *	exporter context:  path id (4) | client's incarnation (8) | server's (8) | counter (4)
 *	HKDF info:	   "causeway lane" (13) | direction (1): 0 sent by the TLS client, 1 by the
 *			   server | lane (1)
 *	HKDF output:	   key (32) | IV (12)
 */
#pragma once

#include <openssl/ssl.h>

#include "dataplane/core/key_exchange.h"
#include "dataplane/core/path_keys.h"

#define KEY_SCHEDULE_LABEL	   "EXPORTER-causeway-path"
#define KEY_SCHEDULE_CONTEXT_BYTES 24
#define KEY_SCHEDULE_SECRET_BYTES  32

/* The session's secret for one path. Wipe it after use. 0 or -EIO. */
int key_schedule_export(SSL *ssl, uint32_t path_id, const struct key_pair *pair, uint32_t counter,
			uint8_t secret[KEY_SCHEDULE_SECRET_BYTES]);
void key_schedule_context(uint32_t path_id, const struct key_pair *pair, uint32_t counter,
			  uint8_t context[KEY_SCHEDULE_CONTEXT_BYTES]);

/*
 * Fills rx and tx of all lanes, as the client or the server uses them; the rest of keys stays. 0 or
 * -EIO, and no key is left in them.
 */
int key_schedule_expand(const uint8_t secret[KEY_SCHEDULE_SECRET_BYTES], bool is_client,
			struct path_keys *keys);
