#include "control/ctl/api.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "control/io/h2_client.h"
#include "control/io/loop.h"

#define TURN_NS	       (1000ull * 1000 * 1000)
#define BODY_BYTES_MAX (64u << 20)
#define KEY_BYTES      33
/* For a request whose answer was lost, and that control is still at. */
#define AGAIN_TRIES 100
#define AGAIN_NS    (50l * 1000 * 1000)

struct api {
	struct loop *loop;
	struct h2_client *client;
};

struct call {
	const struct api_request *request;
	bool done;
	int error, status;
	char *body;
	size_t len;
};

struct api *api_create(const char *url, const struct tls_files *tls)
{
	struct api *api = calloc(1, sizeof(*api));

	if (!api)
		return NULL;
	api->loop = loop_create();
	if (api->loop)
		api->client = h2_client_create(api->loop, url);
	if (!api->client || (tls && h2_client_set_tls(api->client, tls))) {
		int err = api->client ? ENOMEM : errno;

		api_destroy(api);
		errno = err;
		return NULL;
	}
	return api;
}

void api_destroy(struct api *api)
{
	if (!api)
		return;
	h2_client_destroy(api->client);
	if (api->loop)
		loop_destroy(api->loop);
	free(api);
}

const char *api_why(const struct api *api)
{
	return h2_client_why(api->client);
}

uint64_t api_now_ns(const struct api *api)
{
	return loop_now_ns(api->loop);
}

static void on_data(struct h2_request *request, const uint8_t *data, size_t len, void *arg)
{
	struct call *call = arg;
	char *body;

	if (call->error)
		return;
	if (call->request->on_data && h2_request_status(request) / 100 == 2) {
		call->request->on_data(data, len, call->request->arg);
		return;
	}
	body = call->len + len > BODY_BYTES_MAX ? NULL : realloc(call->body, call->len + len);
	if (!body) {
		call->error = -ENOMEM;
		return;
	}
	memcpy(body + call->len, data, len);
	call->body = body;
	call->len += len;
}

static void on_close(struct h2_request *request, int error, void *arg)
{
	struct call *call = arg;

	call->done = true;
	call->status = h2_request_status(request);
	if (!call->error)
		call->error = error;
}

static void call_run(struct api *api, const struct h2_request_options *options, struct call *call)
{
	if (!h2_client_request(api->client, options)) {
		call->error = -errno;
		return;
	}
	while (!call->done) {
		int err = loop_turn(api->loop, TURN_NS);

		if (err) {
			call->error = err;
			return;
		}
	}
}

/* What succeeds has an object to show, but for 204: else it is not control that answers. */
static bool answer_is_ours(const struct api_reply *reply)
{
	if (reply->status < 200 || reply->status > 299 || reply->status == 204)
		return true;
	return json_is_object(reply->body);
}

static void call_finish(const struct call *call, struct api_reply *reply)
{
	reply->error = call->error;
	reply->status = call->status;
	if (!call->error && call->len)
		reply->body = json_loadb(call->body, call->len, 0, NULL);
	if (!call->error && !call->request->on_data && !answer_is_ours(reply)) {
		api_reply_free(reply);
		reply->error = -EBADMSG;
	}
}

/* One for each request: sent twice, because an answer was lost, it is done once. */
static void key_make(char key[KEY_BYTES])
{
	uint8_t random[(KEY_BYTES - 1) / 2] = {0};

	/* So few bytes come at once, or control will say that the key is not new. */
	if (getrandom(random, sizeof(random), 0) < 0)
		memset(random, 0, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(key + 2 * i, 3, "%02x", random[i]);
}

static uint32_t headers_fill(const struct api_request *request, const char *key,
			     struct h2_header headers[5])
{
	uint32_t count = 0;

	if (request->body)
		headers[count++] = (struct h2_header){"content-type", "application/json"};
	if (request->accept)
		headers[count++] = (struct h2_header){"accept", request->accept};
	if (request->if_match)
		headers[count++] = (struct h2_header){"if-match", request->if_match};
	if (request->is_create)
		headers[count++] = (struct h2_header){"if-none-match", "*"};
	if (key[0])
		headers[count++] = (struct h2_header){"idempotency-key", key};
	return count;
}

static bool is_under_way(const struct call *call)
{
	static const char code[] = "\"idempotency-key-in-use\"";

	return !call->error && call->status == 409 && call->len &&
	       memmem(call->body, call->len, code, sizeof(code) - 1);
}

/* The same request with the same key, until it has the first one's answer. */
static void call_again(struct api *api, const struct h2_request_options *options, struct call *call)
{
	static const struct timespec pause = {.tv_nsec = AGAIN_NS};

	for (int i = 0; i < AGAIN_TRIES; i++) {
		*call = (struct call){.request = call->request, .body = call->body};
		call_run(api, options, call);
		if (!is_under_way(call))
			return;
		nanosleep(&pause, NULL);
	}
}

void api_send(struct api *api, const struct api_request *request, struct api_reply *reply)
{
	char *text = request->body ? json_dumps(request->body, JSON_COMPACT) : NULL;
	struct call call = {.request = request};
	struct h2_header headers[5];
	char key[KEY_BYTES] = "";
	struct h2_request_options options = {
		.method = request->method,
		.path = request->path,
		.headers = headers,
		.body = text,
		.body_len = text ? strlen(text) : 0,
		.timeout_ns = request->timeout_ns,
		.on_data = on_data,
		.on_close = on_close,
		.arg = &call,
	};

	*reply = (struct api_reply){0};
	if (request->body && !text) {
		reply->error = -ENOMEM;
		return;
	}
	if (!strcmp(request->method, "POST"))
		key_make(key);
	options.header_count = headers_fill(request, key, headers);
	call_run(api, &options, &call);
	if (key[0] && call.error == -ECONNRESET && !call.status)
		call_again(api, &options, &call);
	call_finish(&call, reply);
	free(text);
	free(call.body);
}

void api_call(struct api *api, const char *method, const char *path, const json_t *body,
	      uint64_t timeout_ns, struct api_reply *reply)
{
	struct api_request request = {
		.method = method, .path = path, .body = body, .timeout_ns = timeout_ns};

	api_send(api, &request, reply);
}

void api_reply_free(struct api_reply *reply)
{
	json_decref(reply->body);
	reply->body = NULL;
}

char *api_path(const char *kind, const char *name)
{
	size_t size = strlen("/v1//") + strlen(kind) + 3 * strlen(name ? name : "") + 1;
	char *path = malloc(size);
	char *to = path;

	if (!path)
		return NULL;
	to += sprintf(to, "/v1/%s%s", kind, name ? "/" : "");
	for (; name && *name; name++) {
		if (isalnum((unsigned char)*name) || strchr("-._~", *name))
			*to++ = *name;
		else
			to += sprintf(to, "%%%02X", (unsigned char)*name);
	}
	*to = '\0';
	return path;
}
