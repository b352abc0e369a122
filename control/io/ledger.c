#include "control/io/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/intent_plan.h"
#include "control/core/path_id.h"
#include "control/core/selector.h"

/* More changed paths than this are read again with all the others. */
#define DIRTY_MAX 4096

uint64_t ledger_key(const char *name)
{
	return fnv1a_64(FNV1A_64_INIT, name, strlen(name));
}

const struct ledger_path *ledger_path(const struct ledger *ledger, const char *name)
{
	return name_index_get(&ledger->paths, name);
}

const struct ledger_link *ledger_link(const struct ledger *ledger, const char *name)
{
	return name_index_get(&ledger->links, name);
}

uint64_t path_end_ns(const struct path *path)
{
	return path->end_ns ? path->end_ns : CALENDAR_FOREVER;
}

struct selector selector_of(const struct draft *draft, const struct path *path)
{
	struct selector selector = {.match_count = path->match_count, .match = path->match};

	for (int end = 0; end < 2; end++) {
		const struct object *site = draft_get(draft, KIND_SITE, path->ends[end].site);

		if (site)
			selector.prefixes[end] = path_end_prefixes(&path->ends[end], &site->site,
								   &selector.prefix_count[end]);
	}
	return selector;
}

/* Of a set: a prefix that is there twice counts once, as when sets are compared. */
static uint64_t prefixes_key(const struct ip_prefix *prefixes, uint8_t count)
{
	uint64_t sum = 0;

	for (uint8_t i = 0; i < count; i++) {
		uint8_t first = 0;

		while (!ip_prefix_equal(&prefixes[first], &prefixes[i]))
			first++;
		if (first == i)
			sum += fnv1a_64(FNV1A_64_INIT, &prefixes[i], sizeof(prefixes[i]));
	}
	return sum;
}

uint64_t selector_key(const struct selector *selector)
{
	uint64_t keys[2];

	for (int end = 0; end < 2; end++)
		keys[end] = prefixes_key(selector->prefixes[end], selector->prefix_count[end]) *
			    0x9e3779b97f4a7c15ull;
	return (keys[0] ^ keys[0] >> 29) + (keys[1] ^ keys[1] >> 29);
}

static int link_add(struct ledger *ledger, const struct draft *draft, const struct object *object)
{
	const struct link *link = &object->link;
	const struct object *gateways[2];
	const struct gateway_port *ports[2];
	struct ledger_link *row;
	bool is_v6;

	for (int end = 0; end < 2; end++) {
		gateways[end] = draft_get(draft, KIND_GATEWAY, link->ends[end].gateway);
		ports[end] = gateways[end] ? gateway_port_find(&gateways[end]->gateway,
							       link->ends[end].port)
					   : NULL;
		if (!ports[end])
			return 0; /* validation has refused it, or is about to */
	}
	row = calloc(1, sizeof(*row));
	if (!row)
		return -ENOMEM;
	model_name_set(row->name, object->name);
	is_v6 = link_family_choose(link, ports[0], ports[1]) == FAMILY_IPV6;
	if (name_index_set(&ledger->links, row->name, row)) {
		free(row);
		return -ENOMEM;
	}
	for (int end = 0; end < 2; end++) {
		model_name_set(row->gateways[end], link->ends[end].gateway);
		model_name_set(row->sites[end], gateways[end]->gateway.site);
		row->by_site[end].owner = row->by_gateway[end].owner = row;
		if (key_index_add(&ledger->site_links, &row->by_site[end],
				  ledger_key(row->sites[end])) ||
		    key_index_add(&ledger->gateway_links, &row->by_gateway[end],
				  ledger_key(row->gateways[end])))
			return -ENOMEM;
	}
	ledger_note_medium(ledger, row, link->rtt_ns, is_v6);
	return 0;
}

static void path_unlist(struct ledger *ledger, struct ledger_path *row)
{
	for (int i = 0; i < LEDGER_ROLES; i++)
		key_index_remove(&ledger->link_paths, &row->bookings[i].by_link);
	key_index_remove(&ledger->selector_paths, &row->by_selector);
	key_index_remove(&ledger->id_paths, &row->by_id);
	key_index_remove(&ledger->tenant_paths, &row->by_tenant);
	key_index_remove(&ledger->diverse_paths, &row->by_diverse);
}

static void path_drop(struct ledger *ledger, const char *name)
{
	struct ledger_path *row = name_index_get(&ledger->paths, name);

	if (!row)
		return;
	path_unlist(ledger, row);
	name_index_remove(&ledger->paths, name);
	free(row);
}

static int path_list(struct ledger *ledger, const struct path *path, struct ledger_path *row,
		     uint64_t selector, const struct ledger_link *const links[])
{
	bool is_listed =
		!key_index_add(&ledger->selector_paths, &row->by_selector, selector) &&
		!key_index_add(&ledger->id_paths, &row->by_id, path->assigned.id) &&
		!key_index_add(&ledger->tenant_paths, &row->by_tenant, ledger_key(path->tenant)) &&
		!key_index_add(&ledger->diverse_paths, &row->by_diverse,
			       ledger_key(path->diverse_from));

	for (int i = 0; i < LEDGER_ROLES && is_listed; i++)
		is_listed =
			!links[i] || !key_index_add(&ledger->link_paths, &row->bookings[i].by_link,
						    ledger_key(links[i]->name));
	return is_listed ? 0 : -ENOMEM;
}

int ledger_put(struct ledger *ledger, const struct draft *draft, const struct object *object)
{
	const struct path *path = &object->path;
	struct selector selector = selector_of(draft, path);
	struct ledger_path *row = name_index_get(&ledger->paths, object->name);
	const struct ledger_link *links[LEDGER_ROLES];

	if (row) {
		path_unlist(ledger, row);
	} else {
		row = calloc(1, sizeof(*row));
		if (!row)
			return -ENOMEM;
		model_name_set(row->name, object->name);
		row->by_selector.owner = row->by_id.owner = row;
		row->by_tenant.owner = row->by_diverse.owner = row;
		for (int i = 0; i < LEDGER_ROLES; i++) {
			row->bookings[i].by_link.owner = &row->bookings[i];
			row->bookings[i].path = row;
		}
		if (name_index_set(&ledger->paths, row->name, row)) {
			free(row);
			return -ENOMEM;
		}
	}
	row->id = path->assigned.id;
	row->start_ns = path->start_ns;
	row->end_ns = path_end_ns(path);
	row->rate_bps =
		path->rate_bps[0] > path->rate_bps[1] ? path->rate_bps[0] : path->rate_bps[1];
	if (path->assigned.life == LIFE_EXPIRED)
		row->end_ns = row->start_ns;
	row->match_count = path->match_count;
	row->first_match = path->match[0];
	ledger_book(ledger, path, row, links);
	return path_list(ledger, path, row, selector_key(&selector), links);
}

static void rows_free(struct name_index *index)
{
	for (size_t i = 0; i < index->count; i++)
		free(index->entries[i].value);
	name_index_free(index);
}

static void clear(struct ledger *ledger)
{
	rows_free(&ledger->links);
	rows_free(&ledger->paths);
	key_index_free(&ledger->site_links);
	key_index_free(&ledger->gateway_links);
	key_index_free(&ledger->link_paths);
	key_index_free(&ledger->selector_paths);
	key_index_free(&ledger->id_paths);
	key_index_free(&ledger->tenant_paths);
	key_index_free(&ledger->diverse_paths);
}

void ledger_free(struct ledger *ledger)
{
	if (ledger->store)
		store_observe_head(ledger->store, NULL, NULL);
	clear(ledger);
	rows_free(&ledger->traits);
	free(ledger->dirty);
	memset(ledger, 0, sizeof(*ledger));
}

static int build(struct ledger *ledger, const struct draft *draft)
{
	int ret = 0;

	clear(ledger);
	for (const struct object *at = draft_next(draft, KIND_LINK, ""); at && !ret;
	     at = draft_next(draft, KIND_LINK, at->name))
		ret = link_add(ledger, draft, at);
	for (const struct object *at = draft_next(draft, KIND_PATH, ""); at && !ret;
	     at = draft_next(draft, KIND_PATH, at->name))
		ret = ledger_put(ledger, draft, at);
	ledger->is_stale = ret != 0;
	ledger->dirty_count = 0;
	return ret;
}

static bool is_ground(enum model_kind kind)
{
	return kind == KIND_SITE || kind == KIND_GATEWAY || kind == KIND_LINK;
}

static bool has_ground(const struct draft *draft)
{
	for (size_t i = 0; i < draft->count; i++) {
		if (is_ground(draft->items[i]->kind) && draft_item_is_changed(draft->items[i]))
			return true;
	}
	return false;
}

static void note_dirty(struct ledger *ledger, const char *name)
{
	if (ledger->dirty_count == ledger->dirty_capacity && !ledger->is_stale) {
		size_t capacity = ledger->dirty_capacity ? ledger->dirty_capacity * 2 : 64;
		void *dirty = capacity <= DIRTY_MAX
				      ? realloc(ledger->dirty, capacity * MODEL_NAME_BYTES)
				      : NULL;

		if (dirty) {
			ledger->dirty = dirty;
			ledger->dirty_capacity = capacity;
		}
		ledger->is_stale = !dirty;
	}
	if (!ledger->is_stale)
		model_name_set(ledger->dirty[ledger->dirty_count++], name);
}

void ledger_note_gateway(struct ledger *ledger, const char *gateway)
{
	const struct key_node *node = key_index_first(&ledger->gateway_links, ledger_key(gateway));

	for (; node && !ledger->is_stale; node = key_index_next(node)) {
		struct ledger_link *link = node->owner;
		const struct admission_medium before = link->medium;
		const struct key_node *at =
			key_index_first(&ledger->link_paths, ledger_key(link->name));

		memset(&link->medium, 0, sizeof(link->medium));
		ledger_note_medium(ledger, link, before.rtt_ns, before.is_v6);
		for (; at; at = key_index_next(at)) {
			const struct ledger_booking *booking = at->owner;

			note_dirty(ledger, booking->path->name);
		}
	}
}

static void on_head(enum model_kind kind, const char *name, void *arg)
{
	struct ledger *ledger = arg;

	if (kind == KIND_PATH)
		note_dirty(ledger, name);
	else if (kind == KIND_COUNT || is_ground(kind))
		ledger->is_stale = true;
}

void ledger_follow(struct ledger *ledger, struct store *store)
{
	ledger->store = store;
	ledger->is_stale = true;
	store_observe_head(store, on_head, ledger);
}

struct ledger *ledger_of(const struct store *store)
{
	return store_head_observer(store, on_head);
}

static int reread(struct ledger *ledger, const struct draft *view, const char *name)
{
	const struct object *object = draft_get(view, KIND_PATH, name);

	if (object)
		return ledger_put(ledger, view, object);
	path_drop(ledger, name);
	return 0;
}

/* To what head is now. */
static int catch_up(struct ledger *ledger)
{
	struct draft view = draft_begin(ledger->store);
	int ret = 0;

	if (ledger->is_stale)
		ret = build(ledger, &view);
	for (size_t i = 0; i < ledger->dirty_count && !ret; i++)
		ret = reread(ledger, &view, ledger->dirty[i]);
	ledger->dirty_count = 0;
	draft_free(&view);
	return ret;
}

int ledger_open(struct ledger *ledger, const struct draft *draft)
{
	int ret;

	if (!ledger->store || has_ground(draft))
		return build(ledger, draft);
	ret = catch_up(ledger);
	for (size_t i = 0; i < draft->count && !ret; i++) {
		if (draft->items[i]->kind == KIND_PATH)
			ret = reread(ledger, draft, draft->items[i]->name);
	}
	ledger->is_stale |= ret != 0;
	return ret;
}

void ledger_close(struct ledger *ledger, const struct draft *draft)
{
	ledger->is_stale |= has_ground(draft);
	for (size_t i = 0; i < draft->count; i++) {
		if (draft->items[i]->kind == KIND_PATH)
			note_dirty(ledger, draft->items[i]->name);
	}
}
