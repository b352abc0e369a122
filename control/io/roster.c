#include "control/io/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/path_id.h"

static uint64_t key_of(const char *name)
{
	return fnv1a_64(FNV1A_64_INIT, name, strlen(name));
}

/* ---- due paths, stale gateways ---- */

static void due_add(struct roster *roster, struct roster_path *path)
{
	if (path->is_due)
		return;
	path->is_due = true;
	path->prev_due = roster->last_due;
	path->next_due = NULL;
	if (roster->last_due)
		roster->last_due->next_due = path;
	else
		roster->first_due = path;
	roster->last_due = path;
	roster->due_count++;
}

static void due_remove(struct roster *roster, struct roster_path *path)
{
	if (!path->is_due)
		return;
	path->is_due = false;
	if (path->prev_due)
		path->prev_due->next_due = path->next_due;
	else
		roster->first_due = path->next_due;
	if (path->next_due)
		path->next_due->prev_due = path->prev_due;
	else
		roster->last_due = path->prev_due;
	roster->due_count--;
}

static void stale_add(struct roster *roster, struct roster_gateway *gateway)
{
	if (gateway->is_stale)
		return;
	gateway->is_stale = true;
	gateway->next_stale = NULL;
	if (!roster->first_stale)
		roster->last_stale = &roster->first_stale;
	*roster->last_stale = gateway;
	roster->last_stale = &gateway->next_stale;
}

static void stale_remove(struct roster *roster, struct roster_gateway *gateway)
{
	struct roster_gateway **at = &roster->first_stale;

	if (!gateway->is_stale)
		return;
	while (*at != gateway)
		at = &(*at)->next_stale;
	*at = gateway->next_stale;
	if (!*at)
		roster->last_stale = at;
	gateway->is_stale = false;
}

static void told_stale(struct roster *roster, struct roster_path *path)
{
	for (int end = 0; end < 2; end++) {
		if (!path->at[end])
			continue;
		path->told[end].is_stale = true;
		stale_add(roster, path->at[end]);
	}
}

/* ---- who is where ---- */

struct roster_gateway *roster_gateway(struct roster *roster, const char *name)
{
	struct roster_gateway *gateway = name_index_get(&roster->gateways, name);

	if (gateway)
		return gateway;
	gateway = calloc(1, sizeof(*gateway));
	if (!gateway)
		return NULL;
	model_name_set(gateway->name, name);
	if (!name_index_set(&roster->gateways, gateway->name, gateway))
		return gateway;
	free(gateway);
	return NULL;
}

static void gateway_free(struct roster_gateway *gateway)
{
	name_index_free(&gateway->paths);
	free(gateway);
}

void roster_gateway_forget(struct roster *roster, const char *name)
{
	struct roster_gateway *gateway = name_index_get(&roster->gateways, name);

	if (!gateway || gateway->paths.count)
		return;
	stale_remove(roster, gateway);
	name_index_remove(&roster->gateways, name);
	gateway_free(gateway);
}

enum model_end roster_end(const struct roster_path *path, const struct roster_gateway *gateway)
{
	return path->at[END_A] == gateway ? END_A : END_Z;
}

/* What the gateway was told is no more. */
static void end_leave(struct roster *roster, struct roster_path *path, int end)
{
	struct roster_gateway *gateway = path->at[end];

	if (!gateway)
		return;
	name_index_remove(&gateway->paths, path->name);
	if (path->told[end].text)
		gateway->version++;
	shared_text_drop(path->told[end].text);
	path->told[end] = (struct roster_told){0};
	path->at[end] = NULL;
	stale_add(roster, gateway);
}

static int end_enter(struct roster *roster, struct roster_path *path, int end, const char *name)
{
	struct roster_gateway *gateway = name[0] ? roster_gateway(roster, name) : NULL;

	if (!name[0])
		return 0;
	if (!gateway || name_index_set(&gateway->paths, path->name, path))
		return -ENOMEM;
	path->at[end] = gateway;
	path->told[end].is_stale = true;
	stale_add(roster, gateway);
	return 0;
}

static bool is_there(const struct roster_path *path, int end, const char *gateway)
{
	return path->at[end] ? !strcmp(path->at[end]->name, gateway) : !gateway[0];
}

static struct roster_path *path_of(struct roster *roster, const char *name)
{
	struct roster_path *path = name_index_get(&roster->paths, name);

	if (path)
		return path;
	path = calloc(1, sizeof(*path));
	if (!path)
		return NULL;
	model_name_set(path->name, name);
	path->by_link.owner = path;
	path->alarm.arg = path;
	if (key_index_add(&roster->link_paths, &path->by_link, key_of(path->link))) {
		free(path);
		return NULL;
	}
	if (!name_index_set(&roster->paths, path->name, path))
		return path;
	key_index_remove(&roster->link_paths, &path->by_link);
	free(path);
	return NULL;
}

int roster_place(struct roster *roster, const char *name, const char *link,
		 const char *const gateways[2])
{
	struct roster_path *path = path_of(roster, name);
	int ret = 0;

	if (!path)
		return -ENOMEM;
	if (strcmp(path->link, link) != 0) {
		key_index_remove(&roster->link_paths, &path->by_link);
		model_name_set(path->link, link);
		/* It cannot fail: it was in it. */
		key_index_add(&roster->link_paths, &path->by_link, key_of(path->link));
	}
	for (int end = 0; end < 2; end++) {
		if (!is_there(path, end, gateways[end]))
			end_leave(roster, path, end);
	}
	for (int end = 0; end < 2 && !ret; end++) {
		if (!is_there(path, end, gateways[end]))
			ret = end_enter(roster, path, end, gateways[end]);
	}
	due_add(roster, path);
	told_stale(roster, path);
	return ret;
}

/* Two links may have one key. */
static struct roster_path *same_link(const struct key_node *node, const char *link)
{
	for (; node; node = key_index_next(node)) {
		struct roster_path *path = node->owner;

		if (!strcmp(path->link, link))
			return path;
	}
	return NULL;
}

struct roster_path *roster_on_link(const struct roster *roster, const char *link)
{
	return same_link(key_index_first(&roster->link_paths, key_of(link)), link);
}

struct roster_path *roster_next_on_link(const struct roster_path *path)
{
	return same_link(key_index_next(&path->by_link), path->link);
}

static void path_free(struct roster_path *path)
{
	for (int end = 0; end < 2; end++)
		shared_text_drop(path->told[end].text);
	free(path);
}

void roster_forget(struct roster *roster, const char *name)
{
	struct roster_path *path = name_index_get(&roster->paths, name);

	if (!path)
		return;
	for (int end = 0; end < 2; end++)
		end_leave(roster, path, end);
	due_remove(roster, path);
	timer_heap_remove(&roster->alarms, &path->alarm);
	key_index_remove(&roster->link_paths, &path->by_link);
	name_index_remove(&roster->paths, name);
	path_free(path);
}

void roster_free(struct roster *roster)
{
	for (size_t i = 0; i < roster->paths.count; i++)
		path_free(roster->paths.entries[i].value);
	for (size_t i = 0; i < roster->gateways.count; i++)
		gateway_free(roster->gateways.entries[i].value);
	name_index_free(&roster->paths);
	name_index_free(&roster->gateways);
	key_index_free(&roster->link_paths);
	timer_heap_free(&roster->alarms);
	memset(roster, 0, sizeof(*roster));
}

/* ---- what happened ---- */

void roster_note(struct roster *roster, const char *name)
{
	struct roster_path *path = name_index_get(&roster->paths, name);

	if (path)
		due_add(roster, path);
}

void roster_note_gateway(struct roster *roster, const char *name)
{
	const struct roster_gateway *gateway = name_index_get(&roster->gateways, name);

	for (size_t i = 0; gateway && i < gateway->paths.count; i++)
		due_add(roster, gateway->paths.entries[i].value);
}

void roster_note_all(struct roster *roster)
{
	for (size_t i = 0; i < roster->paths.count; i++)
		due_add(roster, roster->paths.entries[i].value);
}

void roster_tell(struct roster *roster, const char *name)
{
	struct roster_path *path = name_index_get(&roster->paths, name);

	if (path)
		told_stale(roster, path);
}

void roster_tell_gateway(struct roster *roster, const char *name)
{
	struct roster_gateway *gateway = name_index_get(&roster->gateways, name);

	for (size_t i = 0; gateway && i < gateway->paths.count; i++)
		told_stale(roster, gateway->paths.entries[i].value);
	/* It may have been waited for, with no path at all. */
	if (gateway)
		stale_add(roster, gateway);
}

bool roster_take(struct roster *roster, char name[MODEL_NAME_BYTES])
{
	struct roster_path *path = roster->first_due;

	if (!path)
		return false;
	memcpy(name, path->name, sizeof(path->name));
	due_remove(roster, path);
	return true;
}

struct roster_gateway *roster_take_stale(struct roster *roster)
{
	struct roster_gateway *gateway = roster->first_stale;

	if (!gateway)
		return NULL;
	roster->first_stale = gateway->next_stale;
	gateway->is_stale = false;
	return gateway;
}

/* ---- time ---- */

void roster_set_alarm(struct roster *roster, const char *name, uint64_t at_ns)
{
	struct roster_path *path = name_index_get(&roster->paths, name);

	if (!path)
		return;
	if (at_ns == ROSTER_NEVER)
		timer_heap_remove(&roster->alarms, &path->alarm);
	else if (timer_heap_set(&roster->alarms, &path->alarm, at_ns))
		due_add(roster, path);
}

void roster_wake(struct roster *roster, uint64_t now_ns)
{
	struct loop_timer *alarm = timer_heap_first(&roster->alarms);

	if (now_ns < roster->woken_ns)
		roster_note_all(roster);
	roster->woken_ns = now_ns;
	for (; alarm && alarm->deadline_ns <= now_ns; alarm = timer_heap_first(&roster->alarms)) {
		timer_heap_remove(&roster->alarms, alarm);
		due_add(roster, alarm->arg);
	}
}

uint64_t roster_next_ns(const struct roster *roster)
{
	const struct loop_timer *alarm = timer_heap_first(&roster->alarms);

	return alarm ? alarm->deadline_ns : ROSTER_NEVER;
}
