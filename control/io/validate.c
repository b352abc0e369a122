#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/core/path_id.h"
#include "control/io/validate_internal.h"

/* Where a cluster's spec says what a path of it is refused for: nobody put a spec of the path. */
static const char *cluster_place(const char *member)
{
	static const struct {
		const char *member, *place;
	} rows[] = {
		{"/match", "/path/match"},     {"/start", "/path/start"}, {"/end", "/path/end"},
		{"/rtt_max", "/path/rtt_max"}, {"/tenant", "/tenant"},	  {"/a/site", "/members"},
		{"/z/site", "/members"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!strcmp(rows[i].member, member))
			return rows[i].place;
	}
	return "/demand";
}

static void pointer_make(const struct draft_item *item, const char *member, char *out, size_t size)
{
	if (item->kind == KIND_PATH && item->object.path.assigned.cluster[0])
		member = cluster_place(member);
	snprintf(out, size, "%s/spec%s", item->pointer, member);
}

void rules_fail(const struct rules *rules, const struct draft_item *item, const char *code,
		const char *member, const char *format, ...)
{
	char pointer[64], detail[200];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	pointer_make(item, member, pointer, sizeof(pointer));
	problem_add(rules->problem, pointer, code, "%s", detail);
}

void rules_refuse(const struct rules *rules, const struct draft_item *item, const char *code,
		  const char *member, const char *format, ...)
{
	char pointer[64], detail[400];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	pointer_make(item, member, pointer, sizeof(pointer));
	problem_refuse(rules->problem, pointer, code, "%s", detail);
}

void rules_no_memory(const struct rules *rules)
{
	problem_set(rules->problem, 503, "out-of-memory", "try again");
}

static void check_gateway(const struct rules *rules, struct draft_item *item)
{
	const struct gateway *gateway = &item->object.gateway;

	if (!draft_get(rules->draft, KIND_SITE, gateway->site))
		rules_fail(rules, item, "invalid-reference", "/site", "there is no site %s",
			   gateway->site);
}

/* The port at one end of a link, or NULL and a complaint. */
static const struct gateway_port *link_port(const struct rules *rules,
					    const struct draft_item *item, int end)
{
	const struct link_end *at = &item->object.link.ends[end];
	const struct object *gateway = draft_get(rules->draft, KIND_GATEWAY, at->gateway);
	const struct gateway_port *port =
		gateway ? gateway_port_find(&gateway->gateway, at->port) : NULL;
	const char *member = end == END_A ? "/a" : "/z";

	if (!gateway)
		rules_fail(rules, item, "invalid-reference", member, "there is no gateway %s",
			   at->gateway);
	else if (!port)
		rules_fail(rules, item, "invalid-reference", member, "gateway %s has no port %s",
			   at->gateway, at->port);
	return port;
}

/* Numbers of the other links that end at a gateway: it tells its links apart by them. */
static void mark_link_ids(const struct rules *rules, const char *gateway, const char *but,
			  bool is_used[256])
{
	const struct key_node *node =
		key_index_first(&rules->ledger->gateway_links, ledger_key(gateway));

	for (; node; node = key_index_next(node)) {
		const struct ledger_link *row = node->owner;
		const struct object *link = draft_get(rules->draft, KIND_LINK, row->name);

		if (link && strcmp(row->name, but) != 0)
			is_used[link->link.id] = true;
	}
}

/*
 * 1..255, unique at both gateways: the one that it has, else the name's hash, the next free one
 * where that is taken; 0 when all are.
 */
static uint8_t free_link_id(const struct rules *rules, const struct draft_item *item)
{
	const struct link *link = &item->object.link;
	uint8_t id = link->id ? link->id : (uint8_t)(path_id_first(item->name) % 255 + 1);
	bool is_used[256] = {true};

	for (int end = 0; end < 2; end++)
		mark_link_ids(rules, link->ends[end].gateway, item->name, is_used);
	is_used[0] = true;
	for (int tries = 0; tries < 255; tries++) {
		if (!is_used[id])
			return id;
		id = id == 255 ? 1 : (uint8_t)(id + 1);
	}
	return 0;
}

static void check_link(const struct rules *rules, struct draft_item *item)
{
	struct link *link = &item->object.link;
	const struct gateway_port *a = link_port(rules, item, END_A);
	const struct gateway_port *z = link_port(rules, item, END_Z);
	const struct object *gateways[2];

	if (!a || !z)
		return;
	for (int end = 0; end < 2; end++)
		gateways[end] = draft_get(rules->draft, KIND_GATEWAY, link->ends[end].gateway);
	if (!strcmp(gateways[END_A]->gateway.site, gateways[END_Z]->gateway.site))
		rules_fail(rules, item, "invalid-reference", "", "both ends are at the same site");
	if (link_family_choose(link, a, z) == FAMILY_ANY)
		rules_fail(rules, item, "invalid-reference", "",
			   "the two ports share no address family");
	link->id = free_link_id(rules, item);
	if (!link->id)
		rules_refuse(rules, item, "too-many-links", "",
			     "a gateway can have 255 links, and one of %s and %s has them",
			     link->ends[END_A].gateway, link->ends[END_Z].gateway);
}

static bool path_uses(const struct path *path, enum model_kind kind, const char *name)
{
	/* One that expired and drained only tells what it was. */
	if (path->assigned.life == LIFE_EXPIRED && !path->assigned.link[0])
		return false;
	if (kind == KIND_LINK)
		return !strcmp(path->assigned.link, name) || !strcmp(path->assigned.backup, name) ||
		       !strcmp(path->assigned.from, name);
	if (kind == KIND_TENANT)
		return !strcmp(path->tenant, name);
	return kind == KIND_SITE &&
	       (!strcmp(path->ends[END_A].site, name) || !strcmp(path->ends[END_Z].site, name));
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
		return path_uses(&user->path, kind, name);
	default:
		return false;
	}
}

static void check_delete(const struct draft *draft, const struct draft_item *item,
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

static void check_item(const struct rules *rules, struct draft_item *item)
{
	if (item->is_delete)
		check_delete(rules->draft, item, rules->problem);
	else if (item->kind == KIND_GATEWAY)
		check_gateway(rules, item);
	else if (item->kind == KIND_LINK)
		check_link(rules, item);
	else if (item->kind == KIND_PATH)
		rules_check_path(rules, item, true);
}

/* A gateway that loses a port or an address may leave a link without one. */
static void check_links_of(const struct rules *rules, const char *gateway)
{
	for (const struct object *at = draft_next(rules->draft, KIND_LINK, ""); at;
	     at = draft_next(rules->draft, KIND_LINK, at->name)) {
		struct problem inner = {0};
		struct rules inner_rules = *rules;

		if (!uses(at, KIND_GATEWAY, gateway) ||
		    draft_find(rules->draft, KIND_LINK, at->name))
			continue;
		if (!draft_edit(rules->draft, KIND_LINK, at->name)) {
			rules_no_memory(rules);
			return;
		}
		inner_rules.problem = &inner;
		check_link(&inner_rules, draft_find(rules->draft, KIND_LINK, at->name));
		if (problem_is_set(&inner))
			problem_set(rules->problem, 409, "in-use",
				    "link %s needs what gateway %s loses: %s", at->name, gateway,
				    inner.detail);
		problem_clear(&inner);
	}
}

static void check_all(const struct rules *rules)
{
	/* Kinds stand on those before them. Validation may add items: those need no look here. */
	struct draft *draft = rules->draft;
	size_t count = draft->count;

	for (int kind = 0; kind < KIND_COUNT; kind++) {
		for (size_t i = 0; i < count; i++) {
			if (draft->items[i]->kind == (enum model_kind)kind)
				check_item(rules, draft->items[i]);
		}
	}
	for (size_t i = 0; i < count && !problem_is_set(rules->problem); i++) {
		const struct draft_item *item = draft->items[i];

		if (item->kind == KIND_GATEWAY && !item->is_delete && item->old)
			check_links_of(rules, item->name);
	}
	if (!problem_is_set(rules->problem))
		rules_check_dependents(rules);
}

uint64_t validate_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct ledger *validate_begin(struct store *store)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	if (ledger)
		ledger_follow(ledger, store);
	return ledger;
}

void validate_end(struct ledger *ledger)
{
	if (ledger)
		ledger_free(ledger);
	free(ledger);
}

void validate_note_gateway(struct ledger *ledger, const char *name,
			   const struct gateway_traits *traits, uint32_t wan_mtu,
			   uint64_t buffer_bytes)
{
	struct ledger_traits row = {
		.lan_mtu = traits->lan_mtu,
		.wan_mtu = wan_mtu,
		.lanes = traits->lanes < UINT8_MAX ? traits->lanes : UINT8_MAX,
		.buffer_bytes = buffer_bytes,
	};

	model_name_set(row.name, name);
	ledger_note_traits(ledger, &row);
}

bool rules_may_name(const struct rules *rules, const char *path)
{
	const struct object *object = draft_get(rules->draft, KIND_PATH, path);
	const char *tenant = rules->draft->tenant;

	return !tenant || !tenant[0] || (object && !strcmp(object->path.tenant, tenant));
}

bool rules_run(struct draft *draft, const struct closed_pairs *closed, struct refused *refused,
	       struct problem *problem)
{
	struct ledger own = {0};
	struct ledger *followed = ledger_of(draft->store);
	struct rules rules = {
		.draft = draft,
		.ledger = followed ? followed : &own,
		.problem = problem,
		.now_ns = validate_now_ns(),
		.closed = closed,
		.refused = refused,
	};

	if (ledger_open(rules.ledger, draft))
		rules_no_memory(&rules);
	else
		rules_expand_clusters(&rules);
	if (!problem_is_set(problem))
		check_all(&rules);
	ledger_close(rules.ledger, draft);
	ledger_free(&own);
	return !problem_is_set(problem);
}
