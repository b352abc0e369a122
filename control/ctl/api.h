/*
 * Requests to control, one at a time, that block until the answer is here. One thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct api;

/* Unset members are 0. */
struct api_request {
	const char *method, *path;
	const json_t *body;   /* NULL: none */
	const char *accept;   /* NULL: JSON */
	const char *if_match; /* an ETag, in its quotes */
	bool is_create;	      /* never replace: If-None-Match: * */
	uint64_t timeout_ns;  /* until the response's end; 0: none */
	/* Gets the body of a good answer as it comes; NULL: it is JSON and comes with the reply. */
	void (*on_data)(const uint8_t *data, size_t len, void *arg);
	void *arg;
};

struct api_reply {
	int error;    /* 0, or -errno of the transport: nothing below is set */
	int status;   /* HTTP */
	json_t *body; /* NULL: none, or not JSON */
};

/* NULL with errno as h2_client_create and loop_create set it. tls: for https, may be NULL. */
struct tls_files;
struct api *api_create(const char *url, const struct tls_files *tls);
/* One line: why the last call ended with -EKEYREJECTED. */
const char *api_why(const struct api *api);
void api_destroy(struct api *api);
void api_send(struct api *api, const struct api_request *request, struct api_reply *reply);
/* The same for the plain ones; body may be NULL. The reply is the caller's: api_reply_free. */
void api_call(struct api *api, const char *method, const char *path, const json_t *body,
	      uint64_t timeout_ns, struct api_reply *reply);
void api_reply_free(struct api_reply *reply);
/* CLOCK_MONOTONIC */
uint64_t api_now_ns(const struct api *api);

/* "/v1/KIND/NAME" with NAME percent-encoded (RFC 3986, 2.1), malloc'ed; NAME may be NULL. */
char *api_path(const char *kind, const char *name);
