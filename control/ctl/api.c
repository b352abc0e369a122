#include "control/ctl/api.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/h2_client.h"
#include "control/io/loop.h"

#define TURN_NS	       (1000ull * 1000 * 1000)
#define BODY_BYTES_MAX (64u << 20)

struct api {
	struct loop *loop;
	struct h2_client *client;
};

struct call {
	bool done;
	int error, status;
	char *body;
	size_t len;
};

struct api *api_create(const char *url)
{
	struct api *api = calloc(1, sizeof(*api));

	if (!api)
		return NULL;
	api->loop = loop_create();
	if (api->loop)
		api->client = h2_client_create(api->loop, url);
	if (!api->client) {
		int err = errno;

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

uint64_t api_now_ns(const struct api *api)
{
	return loop_now_ns(api->loop);
}

static void on_data(struct h2_request *request, const uint8_t *data, size_t len, void *arg)
{
	struct call *call = arg;
	char *body;

	(void)request;
	if (call->error)
		return;
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

static void call_api(struct api *api, struct h2_request_options *options, const json_t *body,
		     struct api_reply *reply)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct call call = {0};

	*reply = (struct api_reply){0};
	if (body && !text) {
		reply->error = -ENOMEM;
		return;
	}
	options->body = text;
	options->body_len = text ? strlen(text) : 0;
	options->on_data = on_data;
	options->on_close = on_close;
	options->arg = &call;
	call_run(api, options, &call);
	free(text);
	reply->error = call.error;
	reply->status = call.status;
	if (!call.error && call.len)
		reply->body = json_loadb(call.body, call.len, 0, NULL);
	if (!call.error && !answer_is_ours(reply)) {
		api_reply_free(reply);
		reply->error = -EBADMSG;
	}
	free(call.body);
}

void api_call(struct api *api, const char *method, const char *path, const json_t *body,
	      uint64_t timeout_ns, struct api_reply *reply)
{
	static const struct h2_header type = {"content-type", "application/json"};
	struct h2_request_options options = {
		.method = method,
		.path = path,
		.headers = &type,
		.header_count = body ? 1 : 0,
		.timeout_ns = timeout_ns,
	};

	call_api(api, &options, body, reply);
}

void api_create_once(struct api *api, const char *path, const json_t *body, uint64_t timeout_ns,
		     struct api_reply *reply)
{
	static const struct h2_header headers[] = {
		{"content-type", "application/json"},
		{"if-none-match", "*"},
	};
	struct h2_request_options options = {
		.method = "PUT",
		.path = path,
		.headers = headers,
		.header_count = 2,
		.timeout_ns = timeout_ns,
	};

	call_api(api, &options, body, reply);
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
