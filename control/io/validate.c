#include "control/io/validate.h"

#include <stdio.h>
#include <string.h>

#include "control/core/path_id.h"

static void fail_at(struct problem *problem, const struct draft_item *item, const char *member,
		    const char *detail)
{
	char pointer[64];

	snprintf(pointer, sizeof(pointer), "%s/spec%s", item->pointer, member);
	problem_add(problem, pointer, "invalid-reference", "%s", detail);
}

static void validate_gateway(struct draft *draft, struct draft_item *item, struct problem *problem)
{
	const struct gateway *gateway = &item->object.gateway;
	char detail[128];

	if (draft_get(draft, KIND_SITE, gateway->site))
		return;
	snprintf(detail, sizeof(detail), "there is no site %s", gateway->site);
	fail_at(problem, item, "/site", detail);
}

/* The port at one end of a link, or NULL and a complaint. */
static const struct gateway_port *link_port(const struct draft *draft,
					    const struct draft_item *item, int end,
					    struct problem *problem)
{
	const struct link_end *at = &item->object.link.ends[end];
	const struct object *gateway = draft_get(draft, KIND_GATEWAY, at->gateway);
	const struct gateway_port *port =
		gateway ? gateway_port_find(&gateway->gateway, at->port) : NULL;
	char detail[192];

	if (!gateway)
		snprintf(detail, sizeof(detail), "there is no gateway %s", at->gateway);
	else if (!port)
		snprintf(detail, sizeof(detail), "gateway %s has no port %s", at->gateway,
			 at->port);
	if (!port)
		fail_at(problem, item, end == END_A ? "/a" : "/z", detail);
	return port;
}

/* 1..255: the name's hash, the next free one where that is taken; 0 when all are. */
static uint8_t free_link_id(const struct draft *draft, const char *name)
{
	bool is_used[256] = {true};
	uint8_t id = (uint8_t)(path_id_first(name) % 255 + 1);

	for (const struct object *link = draft_next(draft, KIND_LINK, ""); link;
	     link = draft_next(draft, KIND_LINK, link->name))
		is_used[link->link.id] = true;
	for (int tries = 0; tries < 255; tries++) {
		if (!is_used[id])
			return id;
		id = id == 255 ? 1 : (uint8_t)(id + 1);
	}
	return 0;
}

static void validate_link(struct draft *draft, struct draft_item *item, struct problem *problem)
{
	struct link *link = &item->object.link;
	const struct gateway_port *a = link_port(draft, item, END_A, problem);
	const struct gateway_port *z = link_port(draft, item, END_Z, problem);
	const struct object *gateways[2];

	if (!a || !z)
		return;
	for (int end = 0; end < 2; end++)
		gateways[end] = draft_get(draft, KIND_GATEWAY, link->ends[end].gateway);
	if (!strcmp(gateways[END_A]->gateway.site, gateways[END_Z]->gateway.site))
		fail_at(problem, item, "", "both ends are at the same site");
	if (link_family_choose(link, a, z) == FAMILY_ANY)
		fail_at(problem, item, "", "the two ports share no address family");
	if (!link->id)
		link->id = free_link_id(draft, item->name);
	if (!link->id)
		problem_set(problem, 409, "too-many-links", "there can be 255 links");
	validate_link_load(draft, item, problem);
}

static bool uses(const struct object *user, enum model_kind kind, const char *name)
{
	switch (user->kind) {
	case KIND_GATEWAY:
		return kind == KIND_SITE && !strcmp(user->gateway.site, name);
	case KIND_LINK:
		return kind == KIND_GATEWAY && (!strcmp(user->link.ends[END_A].gateway, name) ||
						!strcmp(user->link.ends[END_Z].gateway, name));
	case KIND_PATH:
		if (kind == KIND_LINK)
			return !strcmp(user->path.assigned.link, name);
		return kind == KIND_SITE && (!strcmp(user->path.ends[END_A].site, name) ||
					     !strcmp(user->path.ends[END_Z].site, name));
	default:
		return false;
	}
}

static void validate_delete(const struct draft *draft, const struct draft_item *item,
			    struct problem *problem)
{
	char users[160] = "";
	size_t len = 0;

	for (int kind = 0; kind < KIND_COUNT; kind++) {
		const struct object *user = draft_next(draft, (enum model_kind)kind, "");

		for (; user; user = draft_next(draft, (enum model_kind)kind, user->name)) {
			if (!uses(user, item->kind, item->name) || len >= sizeof(users))
				continue;
			len += (size_t)snprintf(users + len, sizeof(users) - len, "%s%s %s",
						len ? ", " : "", model_kind_name(user->kind),
						user->name);
		}
	}
	if (len)
		problem_set(problem, 409, "in-use", "%s %s is used by %s; delete %s first",
			    model_kind_name(item->kind), item->name, users,
			    strchr(users, ',') ? "them" : "it");
}

static void validate_item(struct draft *draft, struct draft_item *item, struct problem *problem)
{
	if (item->is_delete)
		validate_delete(draft, item, problem);
	else if (item->kind == KIND_GATEWAY)
		validate_gateway(draft, item, problem);
	else if (item->kind == KIND_LINK)
		validate_link(draft, item, problem);
	else if (item->kind == KIND_PATH)
		validate_path(draft, item, problem);
}

/* A gateway that loses a port or an address may leave a link without one. */
static void validate_links_of(struct draft *draft, const char *gateway, struct problem *problem)
{
	for (const struct object *at = draft_next(draft, KIND_LINK, ""); at;
	     at = draft_next(draft, KIND_LINK, at->name)) {
		struct problem inner = {0};

		if (!uses(at, KIND_GATEWAY, gateway) || draft_find(draft, KIND_LINK, at->name))
			continue;
		if (!draft_edit(draft, KIND_LINK, at->name)) {
			problem_set(problem, 503, "out-of-memory", "try again");
			return;
		}
		validate_link(draft, draft_find(draft, KIND_LINK, at->name), &inner);
		if (problem_is_set(&inner))
			problem_set(problem, 409, "in-use",
				    "link %s needs what gateway %s loses: %s", at->name, gateway,
				    inner.detail);
		problem_clear(&inner);
	}
}

bool validate_draft(struct draft *draft, struct problem *problem)
{
	/* Kinds stand on those before them. Validation may add items: those need no look here. */
	size_t count = draft->count;

	for (int kind = 0; kind < KIND_COUNT; kind++) {
		for (size_t i = 0; i < count; i++) {
			if (draft->items[i]->kind == (enum model_kind)kind)
				validate_item(draft, draft->items[i], problem);
		}
	}
	for (size_t i = 0; i < count && !problem_is_set(problem); i++) {
		const struct draft_item *item = draft->items[i];

		if (item->kind == KIND_GATEWAY && !item->is_delete && item->old)
			validate_links_of(draft, item->name, problem);
	}
	if (!problem_is_set(problem))
		validate_dependents(draft, problem);
	return !problem_is_set(problem);
}
