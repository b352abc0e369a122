/*
 * The parameters of a request, and what of all objects they ask for. The API's; control's thread.
 */
#pragma once

#include <stddef.h>

#include "control/core/model.h"
#include "control/io/problem.h"
#include "control/io/store_usage.h"

#define QUERY_LABELS_MAX 4
#define QUERY_LIMIT_MAX	 1000

/* Which parameters a route takes, and whether it takes a body. */
enum {
	TAKES_BODY = 1,
	TAKES_WAIT = 2,	   /* wait, timeout */
	TAKES_LIST = 4,	   /* limit, continue, label, state */
	TAKES_FEED = 8,	   /* since, kind, label, follow, heartbeat, format */
	TAKES_FORMAT = 16, /* format */
	TAKES_USAGE = 32,  /* path, tenant, from, to, format, limit, continue */
	TAKES_KEY = 64,	   /* no parameter: an idempotency-key is due */
	TAKES_PAGE = 128   /* limit, continue */
};

/* "key=value", or "key" for any value. */
struct api_label {
	struct label label;
	bool has_value;
};

/* All of it must hold. */
struct api_filter {
	uint32_t kinds;	 /* bits of enum model_kind; 0: all */
	uint32_t states; /* bits of enum path_state; 0: all */
	uint8_t label_count;
	struct api_label labels[QUERY_LABELS_MAX];
	/* Of paths and tenants: only this tenant's; empty: everybody's. */
	char tenant[MODEL_NAME_BYTES];
};

struct api_query {
	uint32_t wait_states; /* bits of enum path_state; 0: no waiting */
	uint64_t wait_ns;
	struct api_filter filter;
	uint32_t limit;
	char after[MODEL_NAME_BYTES]; /* of "continue": the last name of the page before */
	char since[48];		      /* as it was given; empty: not given */
	char format[16];	      /* empty: not given */
	uint64_t heartbeat_ns;
	bool is_once;		  /* follow=false */
	struct usage_query usage; /* without its limit */
};

/* Values that stand where no parameter does. */
void api_query_init(struct api_query *query);
/* "wait=active&timeout=30s"; cuts the text in place. kind: of the route, KIND_COUNT: of none. */
void api_query_read(struct api_query *query, char *text, unsigned int takes, enum model_kind kind,
		    struct problem *problem);
/* What a client gives back as "continue" to get what is behind the name. */
#define QUERY_TOKEN_BYTES (2 * (2 * MODEL_NAME_BYTES) + 4)
void api_query_token(enum model_kind kind, const char *name, char token[QUERY_TOKEN_BYTES]);

/* "" where an object belongs to no tenant. */
bool kind_has_tenants(enum model_kind kind);
const char *object_tenant(const struct object *object);
/* Of kind, labels and tenant, but not of the state. */
bool api_filter_matches(const struct api_filter *filter, enum model_kind kind, const char *tenant,
			const struct label *labels, uint32_t label_count);
