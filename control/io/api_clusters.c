/*
 * What is known of a virtual cluster: its paths, in which order a ring visits its members, what
 * that lets a job expect, and the settings of the job's communication library. All of it follows
 * from the cluster, its paths and what gateways measure; nothing is kept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/cluster_cut.h"
#include "control/core/nccl.h"
#include "control/io/api_internal.h"
#include "control/io/live_transport.h"
#include "control/io/resource_json.h"
#include "control/io/validate.h"

#define PPM 1000000.0

/* A cluster and its paths as they are now. */
struct view {
	struct api *api;
	const struct object *object;
	const struct virtual_cluster *cluster;
	const struct object *paths[CLUSTER_MEMBERS_MAX][CLUSTER_MEMBERS_MAX]; /* a < z */
	uint32_t path_count;
	bool is_planned; /* the paths make what was asked for */
	struct cluster_plan plan;
	struct cluster_pairs pairs;
	struct cluster_scratch scratch;
};

/* As measured, or as the operator says. */
static uint64_t path_rtt_ns(struct api *api, const struct object *path)
{
	const struct object *link = store_get(api->store, KIND_LINK, path->path.assigned.link);
	json_t *status = api_status_json(api, path);
	json_t *transport = json_object_get(status, "transport");
	uint64_t rtt_ns = (uint64_t)json_integer_value(json_object_get(transport, "rtt_min_ns"));

	json_decref(status);
	if (!rtt_ns && link)
		rtt_ns = link->link.rtt_ns;
	return rtt_ns ? rtt_ns : 1;
}

static void view_paths(struct view *view)
{
	uint8_t count = view->cluster->member_count;

	for (uint8_t a = 0; a < count; a++) {
		for (uint8_t z = (uint8_t)(a + 1); z < count; z++) {
			const struct object *path = api_cluster_path(view->api, view->object, a, z);

			if (!path)
				continue;
			view->paths[a][z] = path;
			view->path_count++;
			view->pairs.rtt_ns[a][z] = path_rtt_ns(view->api, path);
			view->pairs.rtt_ns[z][a] = view->pairs.rtt_ns[a][z];
			view->pairs.room_bps[a][z] = UINT64_MAX;
			view->pairs.room_bps[z][a] = UINT64_MAX;
		}
	}
}

/* The plan over the paths that there are, with their own rates: what was asked may have changed. */
static void view_plan(struct view *view)
{
	struct cluster_refusal refusal;

	view->is_planned = !cluster_plan(&view->cluster->demand, view->cluster->member_count,
					 &view->pairs, &view->scratch, &view->plan, &refusal);
	for (uint8_t i = 0; view->is_planned && i < view->plan.edge_count; i++) {
		struct cluster_edge *edge = &view->plan.edges[i];
		const struct object *path = view->paths[edge->a][edge->z];

		memcpy(edge->rate_bps, path->path.rate_bps, sizeof(edge->rate_bps));
	}
}

static struct view *view_make(struct api *api, const struct object *object)
{
	struct view *view = calloc(1, sizeof(*view));

	if (!view)
		return NULL;
	view->api = api;
	view->object = object;
	view->cluster = &object->cluster;
	view_paths(view);
	view_plan(view);
	return view;
}

/* ---- state ---- */

static void state_set(const struct view *view, json_t *json)
{
	enum path_state state;
	const struct object *path = api_cluster_least(view->api, view->object, &state);
	json_t *status = path ? api_status_json(view->api, path) : NULL;
	const char *reason = json_string_value(json_object_get(status, "reason"));
	char text[400];

	if (!status) {
		json_object_set_new(json, "state", json_string(path_state_name(PATH_PENDING)));
		json_object_set_new(json, "reason", json_string("it has no path yet"));
		return;
	}
	json_object_set(json, "state", json_object_get(status, "state"));
	snprintf(text, sizeof(text), "path %s: %s", path->name, reason ? reason : "");
	json_object_set_new(json, "reason", json_string(text));
	json_decref(status);
}

/* ---- status ---- */

static json_t *both_ways(const uint64_t rate_bps[2])
{
	return json_pack("{s:I, s:I}", "a_to_z", (json_int_t)rate_bps[END_A], "z_to_a",
			 (json_int_t)rate_bps[END_Z]);
}

static json_t *paths_json(const struct view *view)
{
	uint8_t count = view->cluster->member_count;
	json_t *list = json_array();

	for (uint8_t a = 0; a < count; a++) {
		for (uint8_t z = (uint8_t)(a + 1); z < count; z++) {
			const struct object *path = view->paths[a][z];
			struct live_path *live;

			if (!path)
				continue;
			live = live_path(&view->api->live, path);
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:o}", "name",
						path->name, "a", view->cluster->members[a].site,
						"z", view->cluster->members[z].site, "link",
						path->path.assigned.link, "state",
						path_state_name(live ? live->machine.state
								     : PATH_PENDING),
						"rtt_ns", (json_int_t)view->pairs.rtt_ns[a][z],
						"rate_bps", both_ways(path->path.rate_bps)));
		}
	}
	return list;
}

static json_t *sites_json(const struct view *view, const uint8_t order[], uint8_t count)
{
	json_t *list = json_array();

	for (uint8_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(view->cluster->members[order[i]].site));
	return list;
}

static json_t *tree_json(const struct view *view)
{
	json_t *parents = json_object();

	for (uint8_t i = 0; i < view->cluster->member_count; i++) {
		uint8_t parent = view->plan.parent[i];

		if (parent != CLUSTER_NONE)
			json_object_set_new(parents, view->cluster->members[i].site,
					    json_string(view->cluster->members[parent].site));
	}
	return json_pack("{s:s, s:o}", "root", view->cluster->members[view->plan.root].site,
			 "parents", parents);
}

static json_t *cut_json(const struct view *view)
{
	struct cluster_cut cut;
	uint8_t members[CLUSTER_MEMBERS_MAX], count = 0;

	cluster_cut_find(&view->plan, &cut);
	for (uint8_t i = 0; i < view->cluster->member_count; i++)
		if (cut.members >> i & 1)
			members[count++] = i;
	return json_pack("{s:o, s:I, s:i}", "from", sites_json(view, members, count), "rate_bps",
			 (json_int_t)cut.rate_bps, "paths", (int)cut.edges);
}

static json_t *edge_json(const struct view *view, uint8_t index)
{
	const struct cluster_edge *edge = &view->plan.edges[index];

	return index == CLUSTER_NONE ? json_null()
				     : json_string(view->paths[edge->a][edge->z]->name);
}

static json_t *outlook_json(const struct view *view, const struct nccl_sizes *sizes)
{
	struct cluster_outlook outlook;

	cluster_outlook(&view->cluster->demand, &view->plan, sizes->window_bytes,
			sizes->piece_bytes, &outlook);
	if (!outlook.is_known)
		return json_null();
	return json_pack("{s:f, s:s, s:o, s:I, s:I, s:I, s:I}", "efficiency",
			 outlook.result.efficiency_ppm / PPM, "limited_by",
			 step_limit_name(outlook.result.limit), "path",
			 edge_json(view, outlook.limit_edge), "communication_ns",
			 (json_int_t)outlook.time.total_ns, "exposed_ns",
			 (json_int_t)outlook.result.exposed_ns, "transfer_ns",
			 (json_int_t)outlook.time.transfer_ns, "latency_ns",
			 (json_int_t)outlook.time.latency_ns);
}

/* ---- the job's settings ---- */

static const struct site *member_site(const struct view *view, uint8_t index)
{
	const struct object *site =
		store_get(view->api->store, KIND_SITE, view->cluster->members[index].site);

	return site ? &site->site : NULL;
}

static void facts_of_site(const struct site *site, struct nccl_facts *facts)
{
	bool is_rdma = site && site->accelerator_count;

	for (uint8_t i = 0; site && i < site->accelerator_count; i++) {
		facts->vendors |= nccl_vendor_find(site->accelerators[i].vendor);
		is_rdma &= site->accelerators[i].transport == PROTOCOL_ROCE;
	}
	facts->is_rdma &= is_rdma;
}

static void facts_make(const struct view *view, struct nccl_facts *facts)
{
	const struct cluster_member *members = view->cluster->members;
	uint32_t rings = members[0].accelerators;

	*facts = (struct nccl_facts){0};
	nccl_facts_of_plan(&view->cluster->demand, &view->plan, facts);
	facts->is_rdma = true;
	facts->has_same_nodes = true;
	for (uint8_t i = 0; i < view->cluster->member_count; i++) {
		facts_of_site(member_site(view, i), facts);
		facts->has_same_nodes &= members[i].accelerators == rings;
	}
	for (uint8_t i = 1; i < view->cluster->member_count; i++)
		if (members[i].accelerators < rings)
			rings = members[i].accelerators;
	facts->rings = rings;
}

static json_t *member_settings_json(const struct view *view, struct nccl_facts *facts,
				    uint8_t index)
{
	const struct cluster_member *member = &view->cluster->members[index];
	const struct site *site = member_site(view, index);
	const struct class_info *class = path_class(&view->cluster->path);
	struct nccl_setting settings[NCCL_SETTINGS_MAX];
	json_t *list = json_array(), *env = json_object();
	uint32_t count;

	facts->dscp =
		site && site->qos[class->id].is_mapped ? site->qos[class->id].dscp : class->dscp;
	memcpy(facts->interface, member->interface, sizeof(facts->interface));
	count = nccl_settings(facts, settings, NCCL_SETTINGS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "scope",
						      nccl_scope_name(settings[i].scope), "name",
						      settings[i].name, "value", settings[i].value,
						      "reason", settings[i].reason));
		if (settings[i].scope == NCCL_SCOPE_JOB)
			json_object_set_new(env, settings[i].name, json_string(settings[i].value));
	}
	return json_pack("{s:s, s:o, s:o}", "site", member->site, "env", env, "settings", list);
}

json_t *api_cluster_status_json(struct api *api, const struct object *object)
{
	struct view *view = view_make(api, object);
	json_t *json = json_object();
	struct nccl_facts facts;
	struct nccl_sizes sizes;

	if (!view)
		return json;
	state_set(view, json);
	json_object_set_new(json, "paths", paths_json(view));
	if (view->is_planned) {
		facts_make(view, &facts);
		nccl_sizes_for(&facts, &sizes);
		json_object_set_new(json, "ring",
				    sites_json(view, view->plan.order, view->plan.order_count));
		if (view->plan.root != CLUSTER_NONE)
			json_object_set_new(json, "tree", tree_json(view));
		json_object_set_new(json, "narrowest_cut", cut_json(view));
		json_object_set_new(json, "step", outlook_json(view, &sizes));
	}
	free(view);
	return json;
}

void api_cluster_settings(struct api_call *call)
{
	const struct object *object;
	struct nccl_facts facts;
	struct nccl_sizes sizes;
	struct view *view;
	json_t *members;

	call->kind = KIND_CLUSTER;
	object = api_object_find(call);
	if (!object)
		return;
	view = view_make(call->api, object);
	if (!view || !view->is_planned) {
		free(view);
		problem_set(&call->problem, 409, "invalid-transition",
			    "cluster %s has not all of its paths: its settings follow from them",
			    call->name);
		call->problem.is_retryable = true;
		return;
	}
	facts_make(view, &facts);
	nccl_sizes_for(&facts, &sizes);
	members = json_array();
	for (uint8_t i = 0; i < view->cluster->member_count; i++)
		json_array_append_new(members, member_settings_json(view, &facts, i));
	api_respond_json(call->exchange, 200,
			 json_pack("{s:s, s:s, s:s, s:s, s:o}", "kind", "settings", "cluster",
				   object->name, "library", nccl_library_name(sizes.library),
				   "reason", nccl_library_reason(&facts), "members", members),
			 object->revision);
	free(view);
}
