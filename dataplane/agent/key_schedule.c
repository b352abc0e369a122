#include "dataplane/agent/key_schedule.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "dataplane/core/bytes.h"

static const char info_label[] = "causeway lane";

#define LABEL_BYTES (sizeof(info_label) - 1)
#define OUTPUT_BYTES \
	(sizeof(((struct key_lane *)NULL)->key) + sizeof(((struct key_lane *)NULL)->iv))

void key_schedule_context(uint32_t path_id, const struct key_pair *pair, uint32_t counter,
			  uint8_t context[KEY_SCHEDULE_CONTEXT_BYTES])
{
	bytes_store32(context, path_id);
	bytes_store64(context + 4, pair->client);
	bytes_store64(context + 12, pair->server);
	bytes_store32(context + 20, counter);
}

int key_schedule_export(SSL *ssl, uint32_t path_id, const struct key_pair *pair, uint32_t counter,
			uint8_t secret[KEY_SCHEDULE_SECRET_BYTES])
{
	static const char label[] = KEY_SCHEDULE_LABEL;
	uint8_t context[KEY_SCHEDULE_CONTEXT_BYTES];

	key_schedule_context(path_id, pair, counter, context);
	if (SSL_export_keying_material(ssl, secret, KEY_SCHEDULE_SECRET_BYTES, label,
				       sizeof(label) - 1, context, sizeof(context), 1) == 1)
		return 0;
	return -EIO;
}

static bool lane_expand(EVP_KDF_CTX *context, const uint8_t *secret, uint8_t direction,
			uint8_t lane, struct key_lane *out)
{
	uint8_t info[LABEL_BYTES + 2], output[OUTPUT_BYTES];
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret,
						  KEY_SCHEDULE_SECRET_BYTES),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
		OSSL_PARAM_construct_end(),
	};
	bool is_good;

	memcpy(info, info_label, LABEL_BYTES);
	info[LABEL_BYTES] = direction;
	info[LABEL_BYTES + 1] = lane;
	EVP_KDF_CTX_reset(context);
	is_good = EVP_KDF_derive(context, output, sizeof(output), params) == 1;
	memcpy(out->key, output, sizeof(out->key));
	memcpy(out->iv, output + sizeof(out->key), sizeof(out->iv));
	OPENSSL_cleanse(output, sizeof(output));
	return is_good;
}

int key_schedule_expand(const uint8_t secret[KEY_SCHEDULE_SECRET_BYTES], bool is_client,
			struct path_keys *keys)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	uint8_t sent = is_client ? 0 : 1;
	bool is_good = context != NULL;

	for (uint8_t lane = 0; is_good && lane < PATH_KEYS_LANES; lane++)
		is_good = lane_expand(context, secret, sent, lane, &keys->tx[lane]) &&
			  lane_expand(context, secret, !sent, lane, &keys->rx[lane]);
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	if (is_good)
		return 0;
	OPENSSL_cleanse(keys->rx, sizeof(keys->rx));
	OPENSSL_cleanse(keys->tx, sizeof(keys->tx));
	return -EIO;
}
