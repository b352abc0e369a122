/*
 * Virtual clusters become paths: a cluster that a request puts is planned over the links that there
 * are, and its paths go into the same draft. So all of them are admitted with it, or none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/cluster.h"
#include "control/core/units.h"
#include "control/io/resource_json.h"
#include "control/io/validate_internal.h"

/* 180 KiB and more: not for a stack. */
struct expansion {
	const struct rules *rules;
	struct draft_item *item;
	struct cluster_pairs pairs;
	struct cluster_scratch scratch;
	struct cluster_plan plan;
	struct object path;
};

void cluster_path_name(const struct object *object, uint8_t a, uint8_t z,
		       char name[CLUSTER_PATH_NAME_BYTES])
{
	const struct cluster_member *members = object->cluster.members;

	snprintf(name, CLUSTER_PATH_NAME_BYTES, "%s.%s-%s", object->name, members[a].site,
		 members[z].site);
}

/* The path between two members, but for its rates. False, reported, when its name is too long. */
static bool path_begin(struct expansion *x, uint8_t a, uint8_t z)
{
	const struct object *object = &x->item->object;
	const struct virtual_cluster *cluster = &object->cluster;
	char name[CLUSTER_PATH_NAME_BYTES];

	cluster_path_name(object, a, z, name);
	x->path = (struct object){.kind = KIND_PATH, .path = cluster->path};
	x->path.label_count = object->label_count;
	memcpy(x->path.labels, object->labels, sizeof(x->path.labels));
	memset(x->path.path.ends, 0, sizeof(x->path.path.ends));
	memcpy(x->path.path.ends[END_A].site, cluster->members[a].site, MODEL_NAME_BYTES);
	memcpy(x->path.path.ends[END_Z].site, cluster->members[z].site, MODEL_NAME_BYTES);
	model_name_set(x->path.path.assigned.cluster, object->name);
	if (model_name_set(x->path.name, name))
		return true;
	rules_fail(x->rules, x->item, "invalid-argument", "/members",
		   "the path %s would have a name of more than %d bytes: shorten the cluster's",
		   name, MODEL_NAME_BYTES - 1);
	return false;
}

static bool pairs_are_known(const struct expansion *x)
{
	const struct known_pairs *known = x->rules->closed->known;
	const struct path *terms = &x->item->object.cluster.path;

	return known && !strcmp(known->cluster, x->item->name) &&
	       known->start_ns == terms->start_ns && known->end_ns == terms->end_ns;
}

static void pairs_keep(const struct expansion *x)
{
	struct known_pairs *known = x->rules->closed->known;
	const struct path *terms = &x->item->object.cluster.path;

	if (!known)
		return;
	model_name_set(known->cluster, x->item->name);
	known->start_ns = terms->start_ns;
	known->end_ns = terms->end_ns;
	known->pairs = x->pairs;
}

static bool pairs_look(struct expansion *x)
{
	uint8_t count = x->item->object.cluster.member_count;

	for (uint8_t a = 0; a < count; a++) {
		for (uint8_t z = (uint8_t)(a + 1); z < count; z++) {
			uint64_t rtt_ns = 0, room_bps = 0;

			if (!path_begin(x, a, z) ||
			    !rules_find_way(x->rules, &x->path, &rtt_ns, &room_bps))
				return false;
			x->pairs.rtt_ns[a][z] = x->pairs.rtt_ns[z][a] = rtt_ns;
			x->pairs.room_bps[a][z] = x->pairs.room_bps[z][a] = room_bps;
		}
	}
	return true;
}

static uint8_t member_find(const struct virtual_cluster *cluster, const char *site)
{
	uint8_t i = 0;

	while (strcmp(cluster->members[i].site, site) != 0)
		i++;
	return i;
}

static void pairs_close(struct expansion *x)
{
	const struct closed_pairs *closed = x->rules->closed;
	const struct virtual_cluster *cluster = &x->item->object.cluster;

	for (uint32_t i = 0; i < closed->count; i++) {
		const struct closed_pair *pair = &closed->pairs[i];
		uint8_t a, z;

		if (strcmp(pair->cluster, x->item->name) != 0)
			continue;
		a = member_find(cluster, pair->sites[END_A]);
		z = member_find(cluster, pair->sites[END_Z]);
		x->pairs.room_bps[a][z] = x->pairs.room_bps[z][a] = 0;
	}
}

static bool pairs_find(struct expansion *x)
{
	if (pairs_are_known(x)) {
		x->pairs = x->rules->closed->known->pairs;
	} else {
		if (!pairs_look(x))
			return false;
		pairs_keep(x);
	}
	pairs_close(x);
	return true;
}

static const char *member_name(const struct expansion *x, uint8_t index)
{
	return index == CLUSTER_NONE ? "" : x->item->object.cluster.members[index].site;
}

/* For offers: what the narrow pair was to carry, and when it could. */
static void note_room(struct expansion *x, const struct cluster_refusal *refusal)
{
	uint8_t a = refusal->a < refusal->z ? refusal->a : refusal->z;
	uint8_t z = refusal->a < refusal->z ? refusal->z : refusal->a;

	if (!path_begin(x, a, z))
		return;
	for (int end = 0; end < 2; end++)
		x->path.path.rate_bps[end] = x->path.path.max_bps[end] = refusal->needed_bps;
	rules_note_times(x->rules, &x->path);
}

static void refuse_room(struct expansion *x, const struct cluster_refusal *refusal)
{
	char needed[UNITS_TEXT_BYTES], room[UNITS_TEXT_BYTES];

	note_room(x, refusal);
	units_format_rate(refusal->needed_bps, needed, sizeof(needed));
	units_format_rate(refusal->room_bps, room, sizeof(room));
	rules_refuse(x->rules, x->item, "insufficient-bandwidth", "/demand",
		     "cluster %s needs %s from %s to %s, where %s can be guaranteed, and there is "
		     "no %s without that pair",
		     x->item->name, needed, member_name(x, refusal->a), member_name(x, refusal->z),
		     room, cluster_pattern_name(x->item->object.cluster.demand.pattern));
}

static void refuse(struct expansion *x, int error, const struct cluster_refusal *refusal)
{
	const char *pattern = cluster_pattern_name(x->item->object.cluster.demand.pattern);
	char budget[UNITS_TEXT_BYTES], latency[UNITS_TEXT_BYTES];

	if (error == -ENOSPC) {
		refuse_room(x, refusal);
	} else if (error == -ETIMEDOUT) {
		units_format_time(refusal->budget_ns, budget, sizeof(budget));
		units_format_time(refusal->latency_ns, latency, sizeof(latency));
		rules_refuse(x->rules, x->item, "latency-infeasible", "/demand",
			     "cluster %s has %s for communication in a step, and the round trips "
			     "of its %s take %s at any rate",
			     x->item->name, budget, pattern, latency);
	} else if (refusal->z != CLUSTER_NONE && refusal->a != CLUSTER_NONE) {
		rules_refuse(x->rules, x->item, "no-route", "/members",
			     "cluster %s: no link that is up joins %s and %s", x->item->name,
			     member_name(x, refusal->a), member_name(x, refusal->z));
	} else {
		rules_refuse(x->rules, x->item, "no-route", "/members",
			     "cluster %s: the links that are up make no %s over its sites%s%s",
			     x->item->name, pattern, refusal->a == CLUSTER_NONE ? "" : " with ",
			     member_name(x, refusal->a));
	}
}

/* The edge's path into the draft; what control assigned to one that is there stays. */
static bool path_put(struct expansion *x, const struct cluster_edge *edge)
{
	struct object *object;
	struct path_assignment assigned;
	const struct object *old;

	if (!path_begin(x, edge->a, edge->z))
		return false;
	old = draft_get(x->rules->draft, KIND_PATH, x->path.name);
	if (old && strcmp(old->path.assigned.cluster, x->item->name) != 0) {
		rules_refuse(x->rules, x->item, "exists-different", "",
			     "cluster %s: there is a path %s already that is not its own",
			     x->item->name, x->path.name);
		return false;
	}
	object = draft_edit(x->rules->draft, KIND_PATH, x->path.name);
	if (!object) {
		rules_no_memory(x->rules);
		return false;
	}
	assigned = object->path.assigned;
	memcpy(x->path.path.rate_bps, edge->rate_bps, sizeof(edge->rate_bps));
	memcpy(x->path.path.max_bps, edge->rate_bps, sizeof(edge->rate_bps));
	object->label_count = x->path.label_count;
	memcpy(object->labels, x->path.labels, sizeof(object->labels));
	object->path = x->path.path;
	object->path.assigned = assigned;
	model_name_set(object->path.assigned.cluster, x->item->name);
	snprintf(draft_find(x->rules->draft, KIND_PATH, object->name)->pointer,
		 sizeof(x->item->pointer), "%s", x->item->pointer);
	return true;
}

static bool is_planned(const struct expansion *x, const char *name)
{
	char planned[CLUSTER_PATH_NAME_BYTES];

	for (uint8_t i = 0; i < x->plan.edge_count; i++) {
		cluster_path_name(&x->item->object, x->plan.edges[i].a, x->plan.edges[i].z,
				  planned);
		if (!strcmp(planned, name))
			return true;
	}
	return false;
}

/* Its paths that the plan (NULL: no plan) has no use for drain. */
static bool paths_drop(const struct rules *rules, const char *cluster, const struct expansion *x)
{
	const struct object *at = draft_next(rules->draft, KIND_PATH, "");

	for (; at; at = draft_next(rules->draft, KIND_PATH, at->name)) {
		struct object *object;

		if (strcmp(at->path.assigned.cluster, cluster) != 0 ||
		    at->path.assigned.is_deleting || (x && is_planned(x, at->name)))
			continue;
		object = draft_edit(rules->draft, KIND_PATH, at->name);
		if (!object) {
			rules_no_memory(rules);
			return false;
		}
		object->path.assigned.is_deleting = true;
	}
	return true;
}

static bool members_exist(const struct expansion *x)
{
	const struct virtual_cluster *cluster = &x->item->object.cluster;
	char member[32];

	for (uint8_t i = 0; i < cluster->member_count; i++) {
		if (draft_get(x->rules->draft, KIND_SITE, cluster->members[i].site))
			continue;
		snprintf(member, sizeof(member), "/members/%u/site", i);
		rules_fail(x->rules, x->item, "invalid-reference", member, "there is no site %s",
			   cluster->members[i].site);
		return false;
	}
	return true;
}

static void expand(struct expansion *x)
{
	const struct virtual_cluster *cluster = &x->item->object.cluster;
	struct cluster_refusal refusal;
	int ret;

	if (!members_exist(x) || !pairs_find(x))
		return;
	ret = cluster_plan(&cluster->demand, cluster->member_count, &x->pairs, &x->scratch,
			   &x->plan, &refusal);
	if (ret) {
		refuse(x, ret, &refusal);
		return;
	}
	for (uint8_t i = 0; i < x->plan.edge_count; i++)
		if (!path_put(x, &x->plan.edges[i]))
			return;
	paths_drop(x->rules, x->item->name, x);
}

void rules_expand_clusters(const struct rules *rules)
{
	size_t count = rules->draft->count;

	for (size_t i = 0; i < count && !problem_is_set(rules->problem); i++) {
		struct draft_item *item = rules->draft->items[i];
		struct expansion *x;

		if (item->kind != KIND_CLUSTER)
			continue;
		if (item->is_delete) {
			paths_drop(rules, item->name, NULL);
			continue;
		}
		x = calloc(1, sizeof(*x));
		if (!x) {
			rules_no_memory(rules);
			return;
		}
		x->rules = rules;
		x->item = item;
		expand(x);
		free(x);
	}
}
