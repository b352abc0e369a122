/*
 * What happened is noted in the roster: the next refresh looks at those paths and tells those
 * gateways, whatever else there is.
 */
#include <string.h>

#include "control/io/api_internal.h"

/* Without memory the path is noted later, with all others. */
static void place(struct api *api, const struct object *object)
{
	const char *gateways[2];

	api_path_gateways(api, object, gateways);
	if (roster_place(&api->roster, object->name, object->path.assigned.link, gateways))
		api->is_roster_short = true;
}

void api_note_all(struct api *api)
{
	api->is_roster_short = false;
	for (const struct object *at = store_next(api->store, KIND_PATH, ""); at;
	     at = store_next(api->store, KIND_PATH, at->name))
		place(api, at);
}

/* Its ends may be others now. */
static void note_link(struct api *api, const char *name)
{
	struct roster_path *next;

	for (struct roster_path *at = roster_on_link(&api->roster, name); at; at = next) {
		const struct object *object = store_get(api->store, KIND_PATH, at->name);

		next = roster_next_on_link(at);
		if (object)
			place(api, object);
	}
}

/* What a gateway is told has the prefixes and the map of its site, and the far one's. */
static void note_site(struct api *api, const char *name)
{
	for (const struct object *at = store_next(api->store, KIND_GATEWAY, ""); at;
	     at = store_next(api->store, KIND_GATEWAY, at->name)) {
		if (!strcmp(at->gateway.site, name))
			api_note_gateway(api, at->name);
	}
}

void api_note_gateway(struct api *api, const char *name)
{
	roster_note_gateway(&api->roster, name);
	roster_tell_gateway(&api->roster, name);
}

static void note_delete(struct api *api, const struct store_event *event)
{
	if (event->kind == KIND_PATH) {
		roster_forget(&api->roster, event->name);
	} else if (event->kind == KIND_GATEWAY) {
		api_intent_end(api, event->name);
		roster_gateway_forget(&api->roster, event->name);
		api_events_note_gateways(api->events);
	}
}

void api_note_event(struct api *api, const struct store_event *event)
{
	const struct object *object;

	if (event->kind == KIND_LINK)
		api_moves_note_link(api->moves, event->name);
	if (event->is_delete) {
		note_delete(api, event);
		return;
	}
	switch (event->kind) {
	case KIND_PATH:
		object = store_get(api->store, KIND_PATH, event->name);
		if (object) {
			place(api, object);
			api_moves_note_path(api->moves, object);
		}
		break;
	case KIND_LINK:
		note_link(api, event->name);
		break;
	case KIND_GATEWAY:
		api_note_gateway(api, event->name);
		api_events_note_gateways(api->events);
		break;
	case KIND_SITE:
		note_site(api, event->name);
		break;
	default:
		break;
	}
}
