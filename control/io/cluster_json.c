#include <stdio.h>
#include <string.h>

#include "control/core/cluster.h"
#include "control/io/resource_json.h"

#define NODES_MAX	   100000
#define ACCELERATORS_MAX   1024
#define EFFICIENCY_DEFAULT 95 /* percent */

/* Members of a path's spec that a cluster's paths do not take from it. */
static const char *const not_shared[] = {"a",	   "z",	  "rate_bps", "max_bps", "diverse_from",
					 "tenant", "link"};

static bool member_read(const struct json_place *place, struct cluster_member *member)
{
	static const char *const known[] = {"site", "nodes", "accelerators", "interface", NULL};
	struct json_place site = json_place_member(place, "site");
	struct json_place nodes = json_place_member(place, "nodes");
	struct json_place accelerators = json_place_member(place, "accelerators");
	struct json_place interface = json_place_member(place, "interface");
	uint64_t numbers[2] = {1, 8};

	if (!json_read_object(place, known) || !json_read_name(&site, member->site) ||
	    (nodes.value && !json_read_uint(&nodes, 1, NODES_MAX, &numbers[0])) ||
	    (accelerators.value &&
	     !json_read_uint(&accelerators, 1, ACCELERATORS_MAX, &numbers[1])) ||
	    (interface.value && !json_read_name(&interface, member->interface)))
		return false;
	member->nodes = (uint32_t)numbers[0];
	member->accelerators = (uint32_t)numbers[1];
	return true;
}

static bool members_read(const struct json_place *place, struct virtual_cluster *cluster)
{
	size_t count;

	if (!json_read_array(place, CLUSTER_MEMBERS_MAX, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct json_place item = json_place_item(place, i);

		if (!member_read(&item, &cluster->members[i]))
			return false;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(cluster->members[i].site, cluster->members[j].site) != 0)
				continue;
			json_place_fail(&item, "invalid-argument", "the site appears twice");
			return false;
		}
	}
	cluster->member_count = (uint8_t)count;
	return true;
}

/* The member's index, or -1 and a complaint. */
static int member_find(const struct json_place *place, const struct virtual_cluster *cluster)
{
	const char *site = json_read_string(place);

	for (int i = 0; site && i < cluster->member_count; i++)
		if (!strcmp(cluster->members[i].site, site))
			return i;
	if (site)
		json_place_fail(place, "invalid-argument", "is no member's site");
	return -1;
}

/* [{from, to, rate_bps}] */
static bool matrix_read(const struct json_place *place, struct virtual_cluster *cluster)
{
	static const char *const known[] = {"from", "to", "rate_bps", NULL};
	size_t count;

	if (!json_read_array(place, CLUSTER_MEMBERS_MAX * (CLUSTER_MEMBERS_MAX - 1), &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct json_place item = json_place_item(place, i);
		struct json_place from = json_place_member(&item, "from");
		struct json_place to = json_place_member(&item, "to");
		struct json_place rate = json_place_member(&item, "rate_bps");
		uint64_t bps;
		int a, z;

		if (!json_read_object(&item, known))
			return false;
		a = member_find(&from, cluster);
		z = a < 0 ? -1 : member_find(&to, cluster);
		if (z < 0 || !json_read_rate(&rate, &bps))
			return false;
		if (a == z || cluster->demand.matrix_bps[a][z]) {
			json_place_fail(&item, "invalid-argument",
					a == z ? "a site needs no path to itself"
					       : "the pair appears twice");
			return false;
		}
		cluster->demand.matrix_bps[a][z] = bps;
	}
	return true;
}

static bool percent_read(const struct json_place *place, uint64_t min, uint64_t max,
			 uint8_t *percent)
{
	uint64_t value = *percent;

	if (place->value && !json_read_uint(place, min, max, &value))
		return false;
	*percent = (uint8_t)value;
	return true;
}

static bool demand_numbers_read(const struct json_place *place, struct cluster_demand *demand)
{
	struct json_place rate = json_place_member(place, "rate_bps");
	struct json_place bytes = json_place_member(place, "bytes_per_step");
	struct json_place period = json_place_member(place, "step_period");
	struct json_place overlap = json_place_member(place, "overlap_percent");
	struct json_place efficiency = json_place_member(place, "efficiency_percent");
	struct json_place one_way = json_place_member(place, "one_way");

	if (one_way.value && !json_is_boolean(one_way.value)) {
		json_place_fail(&one_way, "invalid-argument", "must be true or false");
		return false;
	}
	demand->is_one_way = json_is_true(one_way.value);
	demand->overlap_pct = CLUSTER_OVERLAP_DEFAULT;
	/* Bytes alone do not say how long a job is ready to wait for them. */
	if (bytes.value && !rate.value)
		demand->efficiency_pct = EFFICIENCY_DEFAULT;
	return (!rate.value || json_read_rate(&rate, &demand->rate_bps)) &&
	       (!bytes.value || size_read(&bytes, &demand->bytes_per_step)) &&
	       (!period.value ||
		time_read(&period, 1, CLUSTER_PERIOD_MAX_NS, &demand->step_period_ns)) &&
	       percent_read(&overlap, 0, 100, &demand->overlap_pct) &&
	       percent_read(&efficiency, 1, 99, &demand->efficiency_pct);
}

static bool demand_read(const struct json_place *place, struct virtual_cluster *cluster)
{
	static const char *const known[] = {"pattern",	   "rate_bps",	      "bytes_per_step",
					    "step_period", "overlap_percent", "efficiency_percent",
					    "one_way",	   "matrix",	      NULL};
	static const char *const patterns[] = {"ring", "tree", "matrix", NULL};
	struct json_place pattern = json_place_member(place, "pattern");
	struct json_place matrix = json_place_member(place, "matrix");
	enum cluster_fault fault;
	int index = 0;

	if (!json_read_object(place, known))
		return false;
	if (pattern.value)
		index = word_read(&pattern, patterns);
	if (index < 0 || !demand_numbers_read(place, &cluster->demand) ||
	    (matrix.value && !matrix_read(&matrix, cluster)))
		return false;
	cluster->demand.pattern = (uint8_t)index;
	fault = cluster_demand_check(&cluster->demand, cluster->member_count);
	if (fault == CLUSTER_OK)
		return true;
	json_place_fail(place, "invalid-argument", "%s", cluster_fault_text(fault));
	return false;
}

/* What all paths have in common, read as a path's spec between the first two members. */
static bool template_read(const struct json_place *place, struct virtual_cluster *cluster)
{
	json_t *whole = place->value ? json_copy((json_t *)place->value) : json_object();
	struct json_place spec = *place;
	struct object path = {.kind = KIND_PATH};
	bool is_good = true;

	if (!json_is_object(whole)) {
		json_place_fail(place, "invalid-argument", "must be an object");
		is_good = false;
	}
	for (size_t i = 0; is_good && i < sizeof(not_shared) / sizeof(not_shared[0]); i++) {
		struct json_place member = json_place_member(place, not_shared[i]);

		if (!member.value)
			continue;
		json_place_fail(&member, "unknown-field",
				"paths of a cluster get theirs from members and demand");
		is_good = false;
	}
	if (is_good) {
		json_object_set_new(whole, "a",
				    json_pack("{s:s}", "site", cluster->members[0].site));
		json_object_set_new(whole, "z",
				    json_pack("{s:s}", "site", cluster->members[1].site));
		json_object_set_new(whole, "rate_bps", json_integer(1));
		spec.value = whole;
		is_good = path_spec_read(&spec, &path);
	}
	cluster->path = path.path;
	json_decref(whole);
	return is_good;
}

bool cluster_spec_read(const struct json_place *spec, struct object *object)
{
	static const char *const known[] = {"tenant", "members", "demand", "path", NULL};
	struct json_place tenant = json_place_member(spec, "tenant");
	struct json_place members = json_place_member(spec, "members");
	struct json_place demand = json_place_member(spec, "demand");
	struct json_place path = json_place_member(spec, "path");
	struct virtual_cluster *cluster = &object->cluster;

	if (!json_read_object(spec, known) || !members_read(&members, cluster))
		return false;
	if (cluster->member_count < 2) {
		json_place_fail(&members, "invalid-argument", "a cluster has 2 to %d members",
				CLUSTER_MEMBERS_MAX);
		return false;
	}
	return demand_read(&demand, cluster) && template_read(&path, cluster) &&
	       (!tenant.value || json_read_name(&tenant, cluster->path.tenant));
}

static json_t *members_json(const struct virtual_cluster *cluster)
{
	json_t *list = json_array();

	for (uint8_t i = 0; i < cluster->member_count; i++) {
		const struct cluster_member *member = &cluster->members[i];
		json_t *json =
			json_pack("{s:s, s:i, s:i}", "site", member->site, "nodes",
				  (int)member->nodes, "accelerators", (int)member->accelerators);

		if (member->interface[0])
			json_object_set_new(json, "interface", json_string(member->interface));
		json_array_append_new(list, json);
	}
	return list;
}

static json_t *matrix_json(const struct virtual_cluster *cluster)
{
	json_t *list = json_array();

	for (int a = 0; a < cluster->member_count; a++)
		for (int z = 0; z < cluster->member_count; z++)
			if (cluster->demand.matrix_bps[a][z])
				json_array_append_new(
					list,
					json_pack("{s:s, s:s, s:I}", "from",
						  cluster->members[a].site, "to",
						  cluster->members[z].site, "rate_bps",
						  (json_int_t)cluster->demand.matrix_bps[a][z]));
	return list;
}

static json_t *demand_json(const struct virtual_cluster *cluster)
{
	const struct cluster_demand *demand = &cluster->demand;
	json_t *json = json_pack("{s:s, s:i, s:b}", "pattern",
				 cluster_pattern_name(demand->pattern), "overlap_percent",
				 (int)demand->overlap_pct, "one_way", demand->is_one_way);

	if (demand->rate_bps)
		json_object_set_new(json, "rate_bps", json_integer((json_int_t)demand->rate_bps));
	if (demand->bytes_per_step)
		json_object_set_new(json, "bytes_per_step",
				    json_integer((json_int_t)demand->bytes_per_step));
	if (demand->step_period_ns)
		json_object_set_new(json, "step_period", time_json(demand->step_period_ns));
	if (demand->efficiency_pct)
		json_object_set_new(json, "efficiency_percent",
				    json_integer(demand->efficiency_pct));
	if (demand->pattern == CLUSTER_MATRIX)
		json_object_set_new(json, "matrix", matrix_json(cluster));
	return json;
}

static json_t *template_json(const struct virtual_cluster *cluster)
{
	struct object path = {.kind = KIND_PATH, .path = cluster->path};
	json_t *json = path_spec_json(&path);

	for (size_t i = 0; i < sizeof(not_shared) / sizeof(not_shared[0]); i++)
		json_object_del(json, not_shared[i]);
	return json;
}

json_t *cluster_spec_json(const struct object *object)
{
	const struct virtual_cluster *cluster = &object->cluster;

	return json_pack("{s:s*, s:o, s:o, s:o}", "tenant",
			 cluster->path.tenant[0] ? cluster->path.tenant : NULL, "members",
			 members_json(cluster), "demand", demand_json(cluster), "path",
			 template_json(cluster));
}
