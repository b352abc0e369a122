/*
 * Requests to control, one at a time, that block until the answer is here. One thread.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

struct api;

struct api_reply {
	int error;    /* 0, or -errno of the transport: nothing below is set */
	int status;   /* HTTP */
	json_t *body; /* NULL: none, or not JSON */
};

/* NULL with errno as h2_client_create and loop_create set it. */
struct api *api_create(const char *url);
void api_destroy(struct api *api);
/* body may be NULL. The reply is the caller's: api_reply_free. */
void api_call(struct api *api, const char *method, const char *path, const json_t *body,
	      uint64_t timeout_ns, struct api_reply *reply);
/* As api_call, with If-None-Match: * (create, never replace). */
void api_create_once(struct api *api, const char *path, const json_t *body, uint64_t timeout_ns,
		     struct api_reply *reply);
void api_reply_free(struct api_reply *reply);
/* CLOCK_MONOTONIC */
uint64_t api_now_ns(const struct api *api);

/* "/v1/KIND/NAME" with NAME percent-encoded (RFC 3986, 2.1), malloc'ed; NAME may be NULL. */
char *api_path(const char *kind, const char *name);
