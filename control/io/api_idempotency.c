/*
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a client that lost an answer sends
 * its request again, and gets the first answer instead of a second change. A key belongs to who
 * sent it; it is written in the transaction of its change and kept as key_table.h says. A request
 * that was refused changed nothing and keeps no key.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/path_id.h"
#include "control/io/api_internal.h"
#include "control/io/key_table.h"
#include "control/io/validate.h"

#define KEY_CHARS_MAX 128
/* Answers are written a little later, many at once: without one it is made anew after a restart. */
#define FLUSH_NS 200000000ull

struct api_keys {
	struct loop *loop;
	struct store *store;
	struct key_table table;
	struct loop_timer flush;
};

/* ---- the store ---- */

/* The batch's row of a key. False without memory. */
static bool row_fill(struct answer_row *row, const struct kept_key *kept)
{
	*row = kept->row;
	row->text = kept->row.text ? strdup(kept->row.text) : NULL;
	return row->text || !kept->row.text;
}

static void batch_prune(struct api_keys *keys, struct answer_batch *batch)
{
	batch->gone = keys->table.gone;
	batch->gone_count = keys->table.gone_count;
	keys->table.gone = NULL;
	keys->table.gone_count = keys->table.gone_capacity = 0;
}

static void flush(struct api_keys *keys)
{
	struct answer_batch *batch =
		keys->table.dirty_count ? answer_batch_create(keys->table.dirty_count) : NULL;
	size_t at = 0;

	loop_timer_cancel(keys->loop, &keys->flush);
	if (!batch)
		return;
	for (struct kept_key *kept = keys->table.newest; kept && at < batch->count;
	     kept = kept->older) {
		if (!kept->is_dirty || !row_fill(&batch->rows[at], kept))
			continue;
		kept->is_dirty = false;
		at++;
	}
	batch->count = at;
	keys->table.dirty_count -= at;
	batch_prune(keys, batch);
	/* When it fails, so does every change: then there is nothing to repeat. */
	(void)store_answers_put(keys->store, batch);
}

static void on_flush(struct loop_timer *timer, void *arg)
{
	(void)timer;
	flush(arg);
}

static void on_row(const struct answer_row *row, void *arg)
{
	struct api_keys *keys = arg;
	struct kept_key *kept =
		row->number >= keys->table.next_number ? key_table_add(&keys->table, row) : NULL;

	if (kept && row->text)
		key_table_set_text(&keys->table, kept, strdup(row->text));
}

struct api_keys *api_keys_create(struct loop *loop, struct store *store)
{
	struct api_keys *keys = calloc(1, sizeof(*keys));

	if (!keys)
		return NULL;
	keys->loop = loop;
	keys->store = store;
	keys->table.next_number = 1;
	keys->flush = (struct loop_timer){.on_expire = on_flush, .arg = keys};
	if (store_answers_load(store, on_row, keys)) {
		api_keys_destroy(keys);
		return NULL;
	}
	return keys;
}

void api_keys_destroy(struct api_keys *keys)
{
	if (!keys)
		return;
	flush(keys);
	key_table_free(&keys->table);
	free(keys);
}

/* ---- requests ---- */

static bool digest_end(EVP_MD_CTX *hash, char digest[ANSWER_DIGEST_BYTES])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];

	if (EVP_DigestFinal_ex(hash, bytes, NULL) != 1)
		return false;
	for (size_t i = 0; i < (ANSWER_DIGEST_BYTES - 1) / 2; i++)
		snprintf(digest + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

/* The parts with a zero behind each but the last, so that no two lists are alike. */
static bool digest_make(const void *const parts[], const size_t lens[], int count,
			char digest[ANSWER_DIGEST_BYTES])
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool is_good = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;

	for (int i = 0; i < count && is_good; i++)
		is_good = EVP_DigestUpdate(hash, parts[i], lens[i]) == 1 &&
			  (i + 1 == count || EVP_DigestUpdate(hash, "", 1) == 1);
	is_good = is_good && digest_end(hash, digest);
	EVP_MD_CTX_free(hash);
	return is_good;
}

/* Printable characters, in quotes or without (RFC 8941 wants them). False and a problem. */
static bool key_read(struct api_call *call, char key[KEY_CHARS_MAX + 1])
{
	const char *text = h2_exchange_idempotency_key(call->exchange);
	size_t len = strlen(text);

	if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
		text++;
		len -= 2;
	}
	if (!len || len > KEY_CHARS_MAX) {
		problem_set(&call->problem, 400, "idempotency-key-required",
			    "send a header idempotency-key of 1 to %d characters, such as a UUID "
			    "that you make for this request: sent again with it, the request is "
			    "not done a second time",
			    KEY_CHARS_MAX);
		return false;
	}
	memcpy(key, text, len);
	key[len] = 0;
	for (const char *at = key; *at; at++) {
		if (*at > ' ' && *at < 0x7f && *at != '"' && *at != '\\')
			continue;
		problem_set(&call->problem, 400, "invalid-argument",
			    "idempotency-key: letters, digits and -._~:/+= will do; no spaces, "
			    "quotes or backslashes inside");
		return false;
	}
	return true;
}

/* Who asks with which key, and what. How long to wait for the answer is no part of it. */
static bool row_read(struct api_call *call, struct answer_row *row)
{
	const char *method = h2_exchange_method(call->exchange);
	const char *path = h2_exchange_path(call->exchange);
	const struct identity *identity = h2_exchange_identity(call->exchange);
	char who[IDENTITY_TEXT_BYTES], key[KEY_CHARS_MAX + 1];
	const char *owner = identity->tenant[0] ? identity->tenant : who;
	size_t body_len;
	const void *body = h2_exchange_body(call->exchange, &body_len);

	if (!key_read(call, key))
		return false;
	identity_format(identity, who);
	row->caller = fnv1a_64(FNV1A_64_INIT, owner, strlen(owner));
	if (digest_make((const void *[]){who, key}, (size_t[]){strlen(who), strlen(key)}, 2,
			row->id) &&
	    digest_make((const void *[]){method, path, body ? body : ""},
			(size_t[]){strlen(method), strcspn(path, "?"), body_len}, 3, row->request))
		return true;
	problem_set(&call->problem, 503, "out-of-memory", "try again");
	return false;
}

static void respond_text(struct api_call *call, const struct answer_row *row)
{
	struct h2_field fields[1];
	char etag[32];

	snprintf(etag, sizeof(etag), "\"%llu\"", (unsigned long long)row->etag);
	fields[0] = (struct h2_field){"etag", etag};
	h2_exchange_respond(call->exchange, row->status, "application/json", fields,
			    row->etag ? 1 : 0, row->text, strlen(row->text));
}

/* The change was made, but nobody was there to be told, or control ended just then. */
static void respond_anew(struct api_call *call, const struct answer_row *row)
{
	const struct object *object;

	if (row->text) {
		api_respond_json(call->exchange, 200,
				 json_pack("{s:I, s:o}", "revision", (json_int_t)row->revision,
					   "items", json_loads(row->text, 0, NULL)),
				 0);
		return;
	}
	call->kind = KIND_PATH;
	object = api_object_find(call);
	if (!object)
		return;
	api_path_settle(call->api, object);
	api_wait_begin(call, object);
}

static void respond_again(struct api_call *call, const struct kept_key *kept,
			  const struct answer_row *row)
{
	if (strcmp(kept->row.request, row->request) != 0)
		problem_set(&call->problem, 422, "idempotency-key-reused",
			    "this idempotency-key stands for another request: take a new one for "
			    "each request");
	else if (kept->is_running) {
		problem_set(&call->problem, 409, "idempotency-key-in-use",
			    "the first request with this idempotency-key is under way: try again");
		call->problem.is_retryable = true;
	} else if (kept->row.status && kept->row.text)
		respond_text(call, &kept->row);
	else
		respond_anew(call, &kept->row);
}

bool api_key_begin(struct api_call *call)
{
	struct api_keys *keys = call->api->keys;
	struct answer_row row = {.number = keys->table.next_number, .time_ns = validate_now_ns()};
	struct kept_key *kept;

	if (!row_read(call, &row))
		return false;
	key_table_trim(&keys->table, row.time_ns);
	kept = key_table_find(&keys->table, row.id);
	if (kept) {
		respond_again(call, kept, &row);
		return false;
	}
	kept = key_table_add(&keys->table, &row);
	if (!kept) {
		problem_set(&call->problem, 503, "out-of-memory", "try again");
		return false;
	}
	kept->is_running = true;
	call->key = row.number;
	h2_exchange_set_tag(call->exchange, row.number);
	return true;
}

void api_key_end(struct api_call *call)
{
	struct kept_key *kept = call->key ? key_table_at(&call->api->keys->table, call->key) : NULL;

	if (kept && kept->is_running && problem_is_set(&call->problem))
		key_table_drop(&call->api->keys->table, kept);
}

struct answer_batch *api_key_batch(struct api_call *call, const json_t *note)
{
	struct api_keys *keys = call->api->keys;
	struct kept_key *kept = key_table_at(&keys->table, call->key);
	struct answer_batch *batch = kept ? answer_batch_create(1) : NULL;

	if (!batch)
		return NULL;
	if (note)
		key_table_set_text(&keys->table, kept, json_dumps(note, JSON_COMPACT));
	if (!row_fill(&batch->rows[0], kept) || (note && !kept->row.text)) {
		answer_batch_free(batch);
		return NULL;
	}
	batch_prune(keys, batch);
	return batch;
}

void api_key_done(struct api *api, uint64_t number, int error, uint64_t revision)
{
	struct kept_key *kept = key_table_at(&api->keys->table, number);

	if (!kept)
		return;
	kept->is_running = false;
	kept->row.revision = revision;
	if (error)
		key_table_drop(&api->keys->table, kept);
}

void api_respond_first(struct api *api, struct h2_exchange *exchange, int status, json_t *json,
		       uint64_t etag)
{
	struct api_keys *keys = api->keys;
	uint64_t number = h2_exchange_tag(exchange);
	struct kept_key *kept = number ? key_table_at(&keys->table, number) : NULL;
	char *text = kept && !kept->row.status && json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (text) {
		key_table_set_text(&keys->table, kept, text);
		kept->row.status = status;
		kept->row.etag = etag;
		kept->is_dirty = true;
		if (!keys->table.dirty_count++)
			loop_timer_set(keys->loop, &keys->flush,
				       loop_now_ns(keys->loop) + FLUSH_NS);
	}
	api_respond_json(exchange, status, json, etag);
}
