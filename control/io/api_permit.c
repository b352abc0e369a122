/* Who may do what: the identity of the one who asks, before any handler sees the call. */
#include <string.h>

#include "control/io/api_internal.h"

enum right {
	RIGHT_ADMIN,   /* also for whatever is not in the table */
	RIGHT_SERVICE, /* whoever may read at all; its lists are cut down to the tenant */
	RIGHT_WHOLE,   /* the same, but nobody of one tenant: it tells about all */
	RIGHT_KIND,    /* as the table of roles says for the call's kind */
	RIGHT_PATH,    /* likewise for paths */
	RIGHT_CLUSTER, /* likewise for clusters */
	RIGHT_OFFERS,  /* whoever may ask for a path */
	RIGHT_ITEMS,   /* likewise for each item of the body */
	RIGHT_GATEWAY, /* the gateway of that name */
};

/* By the route's pattern, of any method. */
static const struct {
	const char *pattern;
	enum right right;
} rights[] = {
	{"/v1/status", RIGHT_SERVICE},
	{"/v1/openapi.yaml", RIGHT_SERVICE},
	{"/v1/openapi.json", RIGHT_SERVICE},
	{"/v1/classes", RIGHT_SERVICE},
	{"/v1/classes/{name}", RIGHT_SERVICE},
	{"/v1/watch", RIGHT_SERVICE},
	{"/v1/events", RIGHT_SERVICE},
	{"/v1/usage", RIGHT_SERVICE},
	{"/v1/topology", RIGHT_WHOLE},
	{"/v1/backup", RIGHT_ADMIN},
	{"/v1/validate", RIGHT_WHOLE},
	{"/metrics", RIGHT_WHOLE},
	{"/v1/apply", RIGHT_ITEMS},
	{"/v1/gateways/{name}/intent", RIGHT_GATEWAY},
	{"/v1/gateways/{name}/report", RIGHT_GATEWAY},
	{"/v1/gateways/{name}/alive", RIGHT_GATEWAY},
	{"/v1/links/{name}/drain", RIGHT_WHOLE},
	{"/v1/paths/{name}/history", RIGHT_PATH},
	{"/v1/paths/{name}/explain", RIGHT_PATH},
	{"/v1/paths/{name}/commit", RIGHT_PATH},
	{"/v1/paths/{name}/abort", RIGHT_PATH},
	{"/v1/paths/{name}/renew", RIGHT_PATH},
	{"/v1/clusters/{name}/settings", RIGHT_CLUSTER},
	{"/v1/clusters/{name}/explain", RIGHT_CLUSTER},
	{"/v1/offers", RIGHT_OFFERS},
	{"/v1/{kind}", RIGHT_KIND},
	{"/v1/{kind}/{name}", RIGHT_KIND},
};

static enum right right_of(const char *pattern)
{
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		if (!strcmp(rights[i].pattern, pattern))
			return rights[i].right;
	}
	return RIGHT_ADMIN;
}

static bool is_reading(const struct api_call *call)
{
	const char *method = h2_exchange_method(call->exchange);

	return !strcmp(method, "GET") || !strcmp(method, "HEAD");
}

static bool refuse(struct api_call *call, const struct identity *who, const char *what)
{
	char name[IDENTITY_TEXT_BYTES];

	identity_format(who, name);
	if (who->role == ROLE_NONE)
		problem_set(&call->problem, 403, "forbidden",
			    "your certificate says no role here: it needs one URI "
			    "spiffe://DOMAIN/role/ROLE/name/NAME of control's trust domain");
	else
		problem_set(&call->problem, 403, "forbidden", "%s may not %s", name, what);
	return false;
}

static bool may_touch(struct api_call *call, const struct identity *who, enum model_kind kind,
		      bool is_read)
{
	char what[64] = "";

	if (is_read ? identity_may_read(who, kind) : identity_may_write(who, kind))
		return true;
	strcat(what, is_read ? "read " : "change ");
	strcat(what, model_kind_plural(kind));
	return refuse(call, who, what);
}

/* Another tenant's object is told of as one that is not there. */
static bool may_see(struct api_call *call, const struct identity *who, enum model_kind kind,
		    const char *name)
{
	const struct store *store = call->api->store;
	const struct object *object =
		is_reading(call) ? store_get(store, kind, name) : store_head_get(store, kind, name);

	if (!object || !who->tenant[0] || !kind_has_tenants(kind) ||
	    identity_sees_tenant(who, object_tenant(object)))
		return true;
	problem_set(&call->problem, 404, "not-found", "there is no %s %s", model_kind_name(kind),
		    name);
	return false;
}

/* Kinds whose spec names a tenant. */
static bool kind_is_bound(enum model_kind kind)
{
	return kind == KIND_PATH || kind == KIND_CLUSTER;
}

/* Whoever is bound to a tenant need not name it, and may name no other one. */
static bool spec_bind(struct api_call *call, const struct identity *who, json_t *resource)
{
	json_t *spec = json_object_get(resource, "spec");
	const json_t *tenant = json_object_get(spec, "tenant");

	if (!who->tenant[0] || !json_is_object(spec))
		return true;
	if (!tenant) {
		json_object_set_new(spec, "tenant", json_string(who->tenant));
		return true;
	}
	if (json_is_string(tenant) && !strcmp(json_string_value(tenant), who->tenant))
		return true;
	return refuse(call, who, "write for another tenant");
}

static bool object_permits(struct api_call *call, const struct identity *who, enum model_kind kind)
{
	if (!may_touch(call, who, kind, is_reading(call)))
		return false;
	if (call->name[0] && !may_see(call, who, kind, call->name))
		return false;
	return !call->body || !kind_is_bound(kind) || spec_bind(call, who, call->body);
}

/* What is no item is left to the handler, which says so. */
static bool item_permits(struct api_call *call, const struct identity *who, json_t *item)
{
	const char *kind_text = json_string_value(json_object_get(item, "kind"));
	const char *name = json_string_value(json_object_get(item, "name"));
	enum model_kind kind = kind_text ? model_kind_find(kind_text) : KIND_COUNT;

	if (!name || kind == KIND_COUNT)
		return true;
	return may_touch(call, who, kind, false) && may_see(call, who, kind, name) &&
	       (!kind_is_bound(kind) || spec_bind(call, who, item));
}

static bool items_permit(struct api_call *call, const struct identity *who)
{
	json_t *item;
	size_t i;

	if (!identity_may_write(who, KIND_PATH))
		return refuse(call, who, "change anything");
	json_array_foreach (json_object_get(call->body, "items"), i, item) {
		if (!item_permits(call, who, item))
			return false;
	}
	return true;
}

/* A gateway that was moved to another site needs a certificate that says so. */
static bool gateway_permits(struct api_call *call, const struct identity *who)
{
	const struct object *gateway = store_get(call->api->store, KIND_GATEWAY, call->name);

	if (!identity_is_gateway(who, call->name))
		return refuse(call, who, "act for another gateway");
	if (!gateway || !who->site[0] || !strcmp(gateway->gateway.site, who->site))
		return true;
	return refuse(call, who, "act for a gateway of another site");
}

static bool service_permits(struct api_call *call, const struct identity *who, bool is_whole)
{
	if (is_whole && who->tenant[0])
		return refuse(call, who, "see what concerns all tenants");
	return identity_may_read_service(who) || refuse(call, who, "read this");
}

bool api_permits(struct api_call *call, const char *pattern)
{
	const struct identity *who = h2_exchange_identity(call->exchange);

	strcpy(call->query.filter.tenant, who->tenant);
	switch (right_of(pattern)) {
	case RIGHT_SERVICE:
		return service_permits(call, who, false);
	case RIGHT_WHOLE:
		return service_permits(call, who, true);
	case RIGHT_KIND:
		return object_permits(call, who, call->kind);
	case RIGHT_PATH:
		return object_permits(call, who, KIND_PATH);
	case RIGHT_CLUSTER:
		return object_permits(call, who, KIND_CLUSTER);
	case RIGHT_OFFERS:
		return (identity_may_write(who, KIND_PATH) || refuse(call, who, "ask for paths")) &&
		       spec_bind(call, who, call->body);
	case RIGHT_ITEMS:
		return items_permit(call, who);
	case RIGHT_GATEWAY:
		return gateway_permits(call, who);
	case RIGHT_ADMIN:
		break;
	}
	return who->role == ROLE_ADMIN || refuse(call, who, "use this");
}
