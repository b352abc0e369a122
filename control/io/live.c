#include "control/io/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/io/live_transport.h"

static void gateway_free(struct live_gateway *gateway)
{
	if (gateway) {
		loop_timer_cancel(gateway->live->loop, &gateway->silence);
		json_decref(gateway->report);
		json_decref(gateway->unknown);
		live_samples_clear(&gateway->samples);
	}
	free(gateway);
}

static void path_free(struct live_path *path)
{
	for (int end = 0; path && end < 2; end++) {
		json_decref(path->ends[end].entry);
		live_samples_clear(&path->ends[end].samples);
	}
	free(path);
}

void live_free(struct live *live)
{
	for (size_t i = 0; i < live->gateways.count; i++)
		gateway_free(live->gateways.entries[i].value);
	for (size_t i = 0; i < live->paths.count; i++)
		path_free(live->paths.entries[i].value);
	name_index_free(&live->gateways);
	name_index_free(&live->paths);
}

static void on_silence(struct loop_timer *timer, void *arg)
{
	const struct live_gateway *gateway = arg;

	(void)timer;
	gateway->live->on_heard(gateway->name, gateway->live->arg);
}

struct live_gateway *live_gateway(struct live *live, const char *name)
{
	struct live_gateway *gateway = name_index_get(&live->gateways, name);

	if (gateway)
		return gateway;
	gateway = calloc(1, sizeof(*gateway));
	if (!gateway)
		return NULL;
	model_name_set(gateway->name, name);
	gateway->live = live;
	gateway->silence = (struct loop_timer){.on_expire = on_silence, .arg = gateway};
	if (!name_index_set(&live->gateways, gateway->name, gateway))
		return gateway;
	free(gateway);
	return NULL;
}

struct live_path *live_path(struct live *live, const struct object *object)
{
	struct live_path *path = name_index_get(&live->paths, object->name);

	if (path)
		return path;
	path = calloc(1, sizeof(*path));
	if (!path)
		return NULL;
	model_name_set(path->name, object->name);
	path_machine_init(&path->machine, &object->path.assigned);
	path->first_revision = object->revision;
	if (!name_index_set(&live->paths, path->name, path))
		return path;
	free(path);
	return NULL;
}

void live_path_revive(struct live_path *path, const struct object *object)
{
	if (path->machine.state == PATH_EXPIRED && object->path.assigned.life != LIFE_EXPIRED)
		path_machine_init(&path->machine, &object->path.assigned);
}

void live_note_unknown(struct live_gateway *gateway, const char *path)
{
	if (gateway->unknown_report != gateway->report_begun) {
		json_decref(gateway->unknown);
		gateway->unknown = NULL;
		gateway->unknown_report = gateway->report_begun;
	}
	if (!gateway->unknown)
		gateway->unknown = json_array();
	if (json_array_size(gateway->unknown) < LIVE_UNKNOWN_MAX)
		json_array_append_new(gateway->unknown, json_string(path));
}

void live_gateway_forget(struct live *live, const char *name)
{
	gateway_free(name_index_remove(&live->gateways, name));
}

void live_path_forget(struct live *live, const char *name)
{
	path_free(name_index_remove(&live->paths, name));
}

/*
 * The last moment at which it counts as heard. Words that it lives do not make up for reports:
 * facts that are old are none.
 */
static uint64_t fresh_until_ns(const struct live_gateway *gateway)
{
	uint64_t until_ns = gateway->report_ns + LIVE_SILENCE_NS;
	uint64_t heard_ns =
		gateway->alive_ns > gateway->report_ns ? gateway->alive_ns : gateway->report_ns;

	if (gateway->alive_ns && heard_ns + LIVE_ALIVE_SILENCE_NS < until_ns)
		return heard_ns + LIVE_ALIVE_SILENCE_NS;
	return until_ns;
}

bool live_gateway_is_fresh(const struct live_gateway *gateway, uint64_t now_ns)
{
	return gateway->report_count && now_ns <= fresh_until_ns(gateway);
}

void live_gateway_heard(struct live_gateway *gateway)
{
	struct live *live = gateway->live;
	bool was_heard = gateway->silence.heap_index;

	if (!live_gateway_is_fresh(gateway, loop_now_ns(live->loop)))
		return;
	loop_timer_set(live->loop, &gateway->silence, fresh_until_ns(gateway) + 1);
	if (!was_heard)
		live->on_heard(gateway->name, live->arg);
}

void live_time_now(char text[LIVE_TIME_BYTES])
{
	struct timespec now;
	struct tm tm;
	char whole[24];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, LIVE_TIME_BYTES, "%s.%03ldZ", whole, now.tv_nsec / 1000000);
}

/* A tunnel packet's headers and the frame's: see TRANSPORT.md. */
#define TUNNEL_BYTES 88

/* Before the entry becomes the end's; it may tell nothing of the transport this time. */
static void transport_take(struct live_path_end *end, const struct live_gateway *from,
			   json_t *entry)
{
	json_int_t wan_mtu = json_integer_value(json_object_get(from->report, "wan_mtu"));
	uint32_t room = wan_mtu > TUNNEL_BYTES ? (uint32_t)wan_mtu - TUNNEL_BYTES : UINT32_MAX;

	end->packet_bytes = from->traits.lan_mtu < room ? from->traits.lan_mtu : room;
	if (strcmp(end->gateway, from->name) != 0)
		live_samples_clear(&end->samples);
	if (json_object_get(entry, "transport"))
		live_sample(&end->samples, entry, from->report_ns);
	if (!strcmp(end->gateway, from->name))
		live_transport_keep(entry, end->entry);
}

void live_path_report(struct live_path *path, enum model_end end, const struct live_gateway *from,
		      json_t *entry)
{
	struct live_path_end *at = &path->ends[end];
	const json_t *error = json_object_get(entry, "error");

	transport_take(at, from, entry);
	json_decref(at->entry);
	at->entry = json_incref(entry);
	memcpy(at->gateway, from->name, sizeof(at->gateway));
	at->report_count = from->report_begun;
	at->applied = from->told;
	at->facts = (struct path_end_facts){
		.is_reported = true,
		.is_receiving = json_is_true(json_object_get(entry, "receiving")),
		.is_proved = json_is_true(json_object_get(entry, "proved")),
		.is_claiming = json_is_true(json_object_get(entry, "claiming")),
		.has_error = json_is_string(error),
		.generation = (uint32_t)json_integer_value(json_object_get(entry, "generation")),
	};
}

/* What the gateway at `end` says of the far one. */
static void echo_read(const struct live_path_end *end, const char *gateway,
		      struct gateway_traits *traits)
{
	const json_t *peer = json_object_get(end->entry, "peer");
	const char *certificate = json_string_value(json_object_get(peer, "certificate"));

	if (!certificate || strcmp(end->gateway, gateway) != 0)
		return;
	traits->udp_port = (uint16_t)json_integer_value(json_object_get(peer, "udp_port"));
	traits->lanes = (uint16_t)json_integer_value(json_object_get(peer, "lanes"));
	traits->lan_mtu = (uint32_t)json_integer_value(json_object_get(peer, "lan_mtu"));
	snprintf(traits->certificate, sizeof(traits->certificate), "%s", certificate);
}

void live_path_traits(const struct live *live, const struct live_path *path,
		      const char *const gateways[2], struct gateway_traits traits[2])
{
	memset(traits, 0, 2 * sizeof(*traits));
	for (int end = 0; end < 2; end++) {
		const struct live_gateway *gateway = name_index_get(&live->gateways, gateways[end]);

		if (gateway && gateway->report_count)
			traits[end] = gateway->traits;
		else
			echo_read(&path->ends[!end], gateways[!end], &traits[end]);
	}
}

/*
 * What a gateway does by the word of an earlier control still runs, but its numbers are of another
 * count. What it did for an earlier path of this name is no proof of this one.
 */
static bool is_ours(const struct live *live, const struct live_path *path,
		    const struct live_applied *applied)
{
	return applied->term == live->term && applied->revision >= path->first_revision;
}

/* While a report comes in parts, what the one before said of the others holds. */
static void end_facts(const struct live *live, const struct live_path *path,
		      const struct live_path_end *at, const struct live_gateway *gateway,
		      struct path_end_facts *out)
{
	struct live_applied applied = {gateway->applied_revision, gateway->applied_term};

	if (at->report_count >= gateway->report_count && !strcmp(at->gateway, gateway->name)) {
		applied = at->applied;
		if (is_ours(live, path, &applied))
			*out = at->facts;
	}
	out->is_current = is_ours(live, path, &applied) && applied.revision >= path->stage_revision;
}

void live_path_facts(struct live *live, const struct live_path *path, const struct object *object,
		     const char *const gateways[2], uint64_t now_ns, uint64_t wall_ns,
		     struct path_facts *facts)
{
	struct gateway_traits traits[2];

	memset(facts, 0, sizeof(*facts));
	live_path_traits(live, path, gateways, traits);
	facts->is_deleting = object->path.assigned.is_deleting;
	facts->life = object->path.assigned.life;
	facts->expiry = object->path.assigned.expiry;
	facts->is_early = object->path.start_ns > wall_ns;
	facts->is_moving = path_is_moving(&object->path);
	facts->move_generation = object->path.assigned.move_generation;
	facts->is_awaited = path->is_inherited && now_ns - live->begin_ns < LIVE_RETURN_NS;
	facts->proof_generation = object->path.assigned.proof_generation;
	for (int end = 0; end < 2; end++) {
		const struct live_gateway *gateway = name_index_get(&live->gateways, gateways[end]);
		const struct live_path_end *at = &path->ends[end];
		struct path_end_facts *out = &facts->ends[end];

		if (!gateway || !live_gateway_is_fresh(gateway, now_ns))
			continue;
		end_facts(live, path, at, gateway, out);
		out->is_fresh = true;
	}
	for (int end = 0; end < 2; end++)
		facts->ends[end].has_certificate = traits[end].certificate[0] != 0;
}

static void cause_text(const struct live_path *path, enum path_cause cause, uint8_t end,
		       const char *const gateways[2], char *text, size_t size)
{
	const json_t *error = json_object_get(path->ends[end].entry, "error");

	if (cause == CAUSE_ERROR && json_is_string(error))
		snprintf(text, size, "gateway %s: %s", gateways[end], json_string_value(error));
	else if (cause == CAUSE_MOVING && path->is_returning)
		snprintf(text, size,
			 "goes back to link %s, which carries it; link %s was not proved",
			 path->link, path->from);
	else if (cause == CAUSE_MOVING && path->from[0])
		snprintf(text, size, "moves to link %s, link %s carries meanwhile", path->link,
			 path->from);
	else if (path_cause_has_end(cause))
		snprintf(text, size, "gateway %s %s", gateways[end], path_cause_text(cause));
	else
		snprintf(text, size, "%s", path_cause_text(cause));
}

void live_path_reason(const struct live_path *path, const char *const gateways[2], char *text,
		      size_t size)
{
	cause_text(path, path->machine.cause, path->machine.cause_end, gateways, text, size);
}

void live_path_trace(struct live_path *path, const struct path_trace *trace, uint64_t revision,
		     const char *const gateways[2])
{
	struct live_change *change = &path->history[path->change_count++ % LIVE_HISTORY_MAX];

	change->revision = revision;
	change->trace = *trace;
	live_time_now(change->time);
	cause_text(path, trace->cause, trace->cause_end, gateways, change->text,
		   sizeof(change->text));
}
