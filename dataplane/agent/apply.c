/* Intent into action: each step of the plan, in order, on workers and kernel. */
#include "dataplane/agent/agent_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "dataplane/core/plan.h"

static uint64_t random_seed(void)
{
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = (uint64_t)time(NULL);
	return seed;
}

/* A life of the path begins: keys of an earlier one are void, at the far end too. */
static void incarnation_begin(struct slot *slot)
{
	/* 0 is none. */
	slot->incarnation = random_seed() | 1;
}

/* The WAN port an intent names, or -1 with the reason in the slot. */
static int wan_port_find(const struct agent *a, struct slot *slot)
{
	const struct gateway_config *config = a->config;

	for (uint32_t i = 0; i < config->port_count; i++)
		if (config->ports[i].role == CONFIG_WAN &&
		    !strcmp(config->ports[i].name, slot->intent.port))
			return (int)i;
	snprintf(slot->error, sizeof(slot->error), "gateway %s has no wan port named %.40s",
		 config->name, slot->intent.port);
	return -1;
}

static void facts_set(struct agent *a, const struct slot *slot)
{
	struct cw_path_facts *facts =
		counter_file_path_facts(a->counters, slots_index(&a->slots, slot));
	const struct intent_path *intent = &slot->intent;
	struct fastpath_buffers buffers;

	fastpath_path_buffers(a->fastpath, slot->handle, intent, &buffers);
	facts->link = slot->sends_link;
	facts->max_bps = intent->max_bps;
	facts->retain_granted = buffers.retain_granted;
	facts->retain_wanted = buffers.retain_wanted;
	facts->hold_granted = buffers.hold_granted;
	facts->hold_wanted = buffers.hold_wanted;
	facts->path_id = intent->id;
	facts->generation = intent->generation;
	facts->phase = slot->is_claiming ? PHASE_CLAIM : PHASE_RECEIVE;
	facts->rate_bps = intent->rate_bps;
	facts->rtt_ns = slot->rtt_ns;
	facts->proved = slot_is_proved(slot);
	memcpy(facts->peer, intent->peer, sizeof(facts->peer));
	memcpy(facts->name, intent->name, sizeof(facts->name));
}

static int intent_give(struct agent *a, struct slot *slot, uint32_t port)
{
	if (slot->is_receiving && slot->is_moving)
		return fastpath_path_move(a->fastpath, &slot->intent, slot->handle, port);
	slot->sends_link = slot->intent.link_id;
	if (slot->is_receiving)
		return fastpath_path_update(a->fastpath, &slot->intent, slot->handle, port);
	incarnation_begin(slot);
	return fastpath_path_add(a->fastpath, &slot->intent, slot->handle, port, random_seed());
}

/* Gives the workers the slot's intent; the slot says how that went. */
static void path_set_up(struct agent *a, struct slot *slot)
{
	int port, ret;

	slot->error[0] = 0;
	port = wan_port_find(a, slot);
	if (port >= 0) {
		ret = intent_give(a, slot, (uint32_t)port);
		slot->is_receiving |= ret == 0;
		if (ret)
			snprintf(slot->error, sizeof(slot->error), "cannot be set up: %s",
				 strerror(-ret));
	}
	if (slot->error[0])
		agent_log("path %s: %s", slot->intent.name, slot->error);
}

static void path_add(struct agent *a, const struct intent_path *intent)
{
	struct slot *slot;

	leave_end(a, intent->id);
	slot = slots_take(&a->slots, intent);
	if (!slot) {
		agent_log("path %s: more than %d paths; this one is left out", intent->name,
			  SLOTS_MAX);
		return;
	}
	counter_file_path_facts(a->counters, slots_index(&a->slots, slot))->epoch++;
	path_set_up(a, slot);
	slot_set_claiming(slot, false);
	facts_set(a, slot);
}

static void path_update(struct agent *a, const struct plan_action *action)
{
	struct slot *slot = slots_by_id(&a->slots, action->path->id);

	if (!slot)
		return;
	/* Lanes join two gateways, as many as the one with more workers has. */
	if (slot->is_receiving && (strcmp(slot->intent.peer, action->path->peer) != 0 ||
				   slot->intent.peer_lanes != action->path->peer_lanes)) {
		fastpath_path_remove(a->fastpath, slot->handle);
		slot->is_receiving = false;
		/* It will count from 0. */
		counter_file_path_facts(a->counters, slots_index(&a->slots, slot))->epoch++;
	}
	slot->is_moving =
		slot->is_receiving && !action->restart && (slot->is_moving || action->move);
	slot->intent = *action->path;
	path_set_up(a, slot);
	slot_set_claiming(slot, slot->is_claiming);
	if (action->restart) {
		slot->proved_generation = 0;
		slot->is_blocked = false; /* with these selectors */
	}
	facts_set(a, slot);
}

/* What the rules are to be; claims_put puts them into force. */
static void claim_mark(struct agent *a, const struct intent_path *intent, bool is_claiming)
{
	struct slot *slot = slots_by_id(&a->slots, intent->id);

	if (!slot || (is_claiming && !slot->is_receiving))
		return;
	if (is_claiming)
		slot->intent = *intent;
	slot_set_claiming(slot, is_claiming);
}

static void claim_settle(struct agent *a, struct slot *slot, int ret)
{
	if (ret &&
	    (slot->is_claiming != slot->is_claimed || slot->is_blocking != slot->is_blocked)) {
		snprintf(slot->error, sizeof(slot->error), "classifier rules not applied: %s",
			 strerror(-ret));
		agent_log("path %s: %s", slot->intent.name, slot->error);
		slot->is_claiming = slot->is_claimed;
		slot->is_blocking = slot->is_blocked;
	}
	slot->is_claimed = slot->is_claiming;
	slot->is_blocked = slot->is_blocking;
	facts_set(a, slot);
}

/* Once for all paths that were marked. */
void claims_put(struct agent *a, enum claims_order order)
{
	int ret = claims_apply(&a->slots, order, a->fastpath, a->kernel, KERNEL_HOMES);

	for (uint32_t i = 0; i < a->slots.high; i++)
		if (a->slots.slot[i].is_used)
			claim_settle(a, &a->slots.slot[i], ret);
	/* Some homes may have the new rules: two that differ would send a packet twice. */
	if (ret)
		claims_apply(&a->slots, order, a->fastpath, a->kernel, KERNEL_HOMES);
}

/* What leaves claims nothing; whoever comes after it under its id does not wait for it. */
static void path_remove(struct agent *a, const struct intent_path *intent)
{
	struct slot *slot = slots_by_id(&a->slots, intent->id);

	if (!slot)
		return;
	if (slot->is_claimed) {
		slot_set_claiming(slot, false);
		claims_put(a, CLAIMS_KERNEL_FIRST);
	}
	leave_begin(a, slot);
}

static void action_do(struct agent *a, const struct plan_action *action)
{
	const struct intent_path *path = action->path;

	agent_log("path %s: %s (generation %u)", path->name, plan_action_name(action->type),
		  path->generation);
	switch (action->type) {
	case ACTION_PATH_ADD:
		path_add(a, path);
		break;
	case ACTION_PATH_UPDATE:
		path_update(a, action);
		break;
	case ACTION_PATH_CLAIM:
		claim_mark(a, path, true);
		break;
	case ACTION_PATH_UNCLAIM:
		claim_mark(a, path, false);
		break;
	case ACTION_PATH_REMOVE:
		path_remove(a, path);
		break;
	}
}

/* Does a path that claims nothing change what is blocked? */
static bool update_changes_rules(struct agent *a, const struct plan_action *action)
{
	const struct slot *slot = slots_by_id(&a->slots, action->path->id);

	return slot && !slot->is_claiming &&
	       (slot->intent.when_down != action->path->when_down ||
		(action->restart && slot->is_blocking));
}

/* 0: an action that leaves the rules alone. A path that blocks has some as long as it is known. */
static enum claims_order claims_order_of(struct agent *a, const struct plan_action *action)
{
	bool blocks = action->path->when_down == WHEN_DOWN_BLOCK;

	switch (action->type) {
	case ACTION_PATH_ADD:
		return blocks ? CLAIMS_WORKERS_FIRST : 0;
	case ACTION_PATH_UPDATE:
		return update_changes_rules(a, action) ? CLAIMS_WORKERS_FIRST : 0;
	case ACTION_PATH_CLAIM:
		return CLAIMS_WORKERS_FIRST;
	case ACTION_PATH_UNCLAIM:
		return CLAIMS_KERNEL_FIRST;
	case ACTION_PATH_REMOVE:
		break; /* leave.c puts the rules that follow into force */
	}
	return 0;
}

/* What pauses go by in this site's LAN. Ahead of the paths: an obsolete one may pause others. */
static void priorities_put(struct agent *a, const struct intent *intent)
{
	uint8_t priorities[CLASS_COUNT];
	int ret;

	memcpy(priorities, a->priorities, sizeof(priorities));
	intent_priorities(intent, priorities);
	if (!memcmp(priorities, a->priorities, sizeof(priorities)))
		return;
	ret = fastpath_priorities_set(a->fastpath, priorities);
	if (ret)
		agent_log("the site's priorities are not in force: %s", strerror(-ret));
	else
		memcpy(a->priorities, priorities, sizeof(priorities));
}

void apply_intent(struct agent *a, struct intent *intent)
{
	struct plan_action actions[16];
	struct plan plan;
	enum claims_order marked = 0;
	uint32_t count;

	priorities_put(a, intent);
	plan_settle(a->applied, intent);
	plan_init(&plan, a->applied, intent);
	while ((count = plan_next(&plan, actions, 16)) > 0)
		for (uint32_t i = 0; i < count; i++) {
			enum claims_order order = claims_order_of(a, &actions[i]);

			if (marked && order != marked)
				claims_put(a, marked);
			action_do(a, &actions[i]);
			marked = order;
		}
	/* The first intent puts rules into force even if it has none: those of our last life go. */
	if (marked || !a->is_told)
		claims_put(a, marked ? marked : CLAIMS_WORKERS_FIRST);
	a->is_told = true;
	agree_on_paths(a);
	intent_free(a->applied);
	a->applied = intent;
	a->report_is_due = true;
}

/* The workers send by the new link. Its windows come later: this may be within a command. */
static void path_moved(struct agent *a, struct slot *slot)
{
	agent_log("path %s: sends over link %u, port %s (link %u until now)", slot->intent.name,
		  slot->intent.link_id, slot->intent.port, slot->sends_link);
	slot->sends_link = slot->intent.link_id;
	slot->is_moving = false;
	slot->is_settling = a->is_settling = true;
}

void apply_proved(struct agent *a, uint32_t index, uint32_t generation, uint64_t rtt_ns)
{
	struct slot *slot = &a->slots.slot[index];

	if (!slot->is_used)
		return;
	if (slot->proved_generation != generation) {
		agent_log("path %s: generation %u proved, round trip %.3f ms", slot->intent.name,
			  generation, (double)rtt_ns / 1e6);
		a->report_is_due = true;
	}
	slot->proved_generation = generation;
	slot->rtt_ns = rtt_ns;
	if (slot->is_moving && slot_is_proved(slot))
		path_moved(a, slot);
	facts_set(a, slot);
}

void apply_settle(struct agent *a)
{
	if (!a->is_settling)
		return;
	a->is_settling = false;
	for (uint32_t i = 0; i < a->slots.high; i++) {
		struct slot *slot = &a->slots.slot[i];

		if (!slot->is_settling)
			continue;
		slot->is_settling = false;
		/* Another move may have begun: then they must suffice for both again. */
		if (slot->is_used && slot->is_receiving && !slot->is_moving)
			fastpath_path_settle(a->fastpath, &slot->intent, slot->handle);
		if (slot->is_used)
			facts_set(a, slot);
	}
}

void apply_lost(struct agent *a, uint32_t index)
{
	struct slot *slot = &a->slots.slot[index];

	if (!slot->is_used)
		return;
	agent_log("path %s: no probe comes back from %s: the WAN or that gateway is down",
		  slot->intent.name, slot->intent.peer);
	slot->proved_generation = 0;
	a->report_is_due = true;
	facts_set(a, slot);
}

void apply_release(struct agent *a)
{
	/* What an earlier life left in force, and nobody has told us of, stays so. */
	if (!a->is_told)
		return;
	for (uint32_t i = 0; i < a->slots.high; i++) {
		slot_set_claiming(&a->slots.slot[i], false);
		a->slots.slot[i].is_blocking &= !a->slots.slot[i].is_leaving;
	}
	claims_apply(&a->slots, CLAIMS_KERNEL_FIRST, a->fastpath, a->kernel, KERNEL_HOMES);
}
