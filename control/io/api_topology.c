/* GET /v1/topology: sites, gateways and links in the form that a tool wants. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/units.h"
#include "control/io/api_internal.h"
#include "control/io/resource_json.h"

/* The label of a site that names its compute nodes as Slurm does: "a[001-064]". */
#define SLURM_NODES "slurm-nodes"
#define SLURM_TOP   "causeway"

static const struct object *gateway_object(const struct store *store, const struct link_end *end)
{
	return store_get(store, KIND_GATEWAY, end->gateway);
}

/* "" when the gateway is not there. */
static const char *site_of(const struct store *store, const struct link_end *end)
{
	const struct object *gateway = gateway_object(store, end);

	return gateway ? gateway->gateway.site : "";
}

/* ---- json ---- */

static json_t *gateways_json(struct api *api, const char *site)
{
	json_t *list = json_array();

	for (const struct object *at = store_next(api->store, KIND_GATEWAY, ""); at;
	     at = store_next(api->store, KIND_GATEWAY, at->name)) {
		const struct live_gateway *live = name_index_get(&api->live.gateways, at->name);

		if (!strcmp(at->gateway.site, site))
			json_array_append_new(list,
					      json_pack("{s:s, s:b}", "name", at->name, "connected",
							live && live->is_connected));
	}
	return list;
}

static json_t *labels_json(const struct object *object)
{
	json_t *json = json_object();

	for (uint32_t i = 0; i < object->label_count; i++)
		json_object_set_new(json, object->labels[i].key,
				    json_string(object->labels[i].value));
	return json;
}

static json_t *sites_json(struct api *api)
{
	json_t *list = json_array();

	for (const struct object *at = store_next(api->store, KIND_SITE, ""); at;
	     at = store_next(api->store, KIND_SITE, at->name)) {
		json_t *resource = resource_json(at);

		json_array_append_new(list, json_pack("{s:s, s:o, s:O, s:o}", "name", at->name,
						      "labels", labels_json(at), "spec",
						      json_object_get(resource, "spec"), "gateways",
						      gateways_json(api, at->name)));
		json_decref(resource);
	}
	return list;
}

static json_t *end_json(const struct store *store, const struct link_end *end)
{
	return json_pack("{s:s, s:s, s:s}", "site", site_of(store, end), "gateway", end->gateway,
			 "port", end->port);
}

/* What the paths over a link are guaranteed, of the direction that leaves the link's ends. */
struct load {
	uint64_t bps[2];
	json_int_t paths;
};

static void load_add(struct name_index *loads, const struct path *path)
{
	struct load *load = name_index_get(loads, path->assigned.link);

	if (!load)
		return;
	load->paths++;
	for (int end = 0; end < 2; end++)
		load->bps[path_link_end(path, (enum model_end)end)] += path->rate_bps[end];
}

static json_t *link_json(const struct store *store, const struct object *link,
			 const struct load *load)
{
	json_t *resource = resource_json(link);
	json_t *json = json_pack(
		"{s:s, s:o, s:o, s:O, s:I, s:{s:I, s:I}}", "name", link->name, "a",
		end_json(store, &link->link.ends[0]), "z", end_json(store, &link->link.ends[1]),
		"spec", json_object_get(resource, "spec"), "paths", load->paths, "guaranteed_bps",
		"a_to_z", (json_int_t)load->bps[0], "z_to_a", (json_int_t)load->bps[1]);

	json_decref(resource);
	return json;
}

/* loads: room for each link, zeroed. */
static json_t *loaded_links_json(struct api *api, struct load *loads, struct name_index *index)
{
	const struct store *store = api->store;
	json_t *list = json_array();
	struct load *load = loads;

	for (const struct object *at = store_next(store, KIND_LINK, ""); at;
	     at = store_next(store, KIND_LINK, at->name), load++)
		name_index_set(index, at->name, load);
	for (const struct object *at = store_next(store, KIND_PATH, ""); at;
	     at = store_next(store, KIND_PATH, at->name))
		load_add(index, &at->path);
	load = loads;
	for (const struct object *at = store_next(store, KIND_LINK, ""); at;
	     at = store_next(store, KIND_LINK, at->name), load++)
		json_array_append_new(list, link_json(store, at, load));
	return list;
}

static json_t *links_json(struct api *api)
{
	size_t count = store_count(api->store, KIND_LINK);
	struct load *loads = calloc(count + 1, sizeof(*loads));
	struct name_index index = {0};
	json_t *list = loads ? loaded_links_json(api, loads, &index) : NULL;

	name_index_free(&index);
	free(loads);
	return list;
}

static void respond_json(struct api_call *call)
{
	struct api *api = call->api;

	api_respond_json(call->exchange, 200,
			 json_pack("{s:s, s:I, s:o, s:o}", "kind", "topology", "revision",
				   (json_int_t)store_revision(api->store), "sites", sites_json(api),
				   "links", links_json(api)),
			 0);
}

/* ---- dot ---- */

/* Names have no quotes and no backslashes (model_name_is_valid): they need no escapes. */
static void write_dot(struct api *api, FILE *out)
{
	fputs("graph causeway {\n\tnode [shape=box];\n", out);
	for (const struct object *site = store_next(api->store, KIND_SITE, ""); site;
	     site = store_next(api->store, KIND_SITE, site->name)) {
		fprintf(out, "\tsubgraph \"cluster_%s\" {\n\t\tlabel=\"%s\";\n", site->name,
			site->name);
		for (const struct object *at = store_next(api->store, KIND_GATEWAY, ""); at;
		     at = store_next(api->store, KIND_GATEWAY, at->name)) {
			if (!strcmp(at->gateway.site, site->name))
				fprintf(out, "\t\t\"%s\";\n", at->name);
		}
		fputs("\t}\n", out);
	}
	for (const struct object *at = store_next(api->store, KIND_LINK, ""); at;
	     at = store_next(api->store, KIND_LINK, at->name)) {
		char rate[UNITS_TEXT_BYTES], rtt[UNITS_TEXT_BYTES];

		units_format_rate(at->link.capacity_bps, rate, sizeof(rate));
		units_format_time(at->link.rtt_ns, rtt, sizeof(rtt));
		fprintf(out, "\t\"%s\" -- \"%s\" [label=\"%s\\n%s, %s\"%s];\n",
			at->link.ends[0].gateway, at->link.ends[1].gateway, at->name, rate, rtt,
			at->link.admin == ADMIN_UP ? "" : ", style=dashed");
	}
	fputs("}\n", out);
}

/* ---- slurm ---- */

static const char *label_value(const struct object *object, const char *key)
{
	for (uint32_t i = 0; i < object->label_count; i++) {
		if (!strcmp(object->labels[i].key, key))
			return object->labels[i].value;
	}
	return "";
}

/* A host list and nothing else: it becomes part of a line of a configuration. */
static bool nodes_are_sound(const char *nodes)
{
	static const char known[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-_.,[]";

	return nodes[0] && nodes[strspn(nodes, known)] == 0;
}

/* Of all links of the site, up or not: what Slurm weighs switches by, in kbit/s. */
static uint64_t site_kbps(const struct store *store, const char *site)
{
	uint64_t bps = 0;

	for (const struct object *at = store_next(store, KIND_LINK, ""); at;
	     at = store_next(store, KIND_LINK, at->name)) {
		if (!strcmp(site_of(store, &at->link.ends[0]), site) ||
		    !strcmp(site_of(store, &at->link.ends[1]), site))
			bps += at->link.capacity_bps;
	}
	return bps / 1000;
}

/* One leaf for each site, and one switch above all: Slurm counts hops, and a WAN is a long one. */
static void write_slurm(struct api *api, FILE *out)
{
	const char *before = "SwitchName=" SLURM_TOP " Switches=";

	fprintf(out,
		"# topology.conf for TopologyPlugin=topology/tree, of Causeway's revision %llu\n",
		(unsigned long long)store_revision(api->store));
	for (const struct object *at = store_next(api->store, KIND_SITE, ""); at;
	     at = store_next(api->store, KIND_SITE, at->name)) {
		const char *nodes = label_value(at, SLURM_NODES);

		if (nodes_are_sound(nodes))
			fprintf(out, "SwitchName=site-%s Nodes=%s LinkSpeed=%llu\n", at->name,
				nodes, (unsigned long long)site_kbps(api->store, at->name));
		else
			fprintf(out, "# site %s: its nodes are not known; give it the label %s\n",
				at->name, SLURM_NODES);
	}
	for (const struct object *at = store_next(api->store, KIND_SITE, ""); at;
	     at = store_next(api->store, KIND_SITE, at->name)) {
		if (!nodes_are_sound(label_value(at, SLURM_NODES)))
			continue;
		fprintf(out, "%ssite-%s", before, at->name);
		before = ",";
	}
	if (before[0] == ',')
		fputs("\n", out);
}

static void respond_text(struct api_call *call, void (*write)(struct api *api, FILE *out))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out) {
		problem_set(&call->problem, 503, "out-of-memory", "try again");
		return;
	}
	write(call->api, out);
	fclose(out);
	h2_exchange_respond(call->exchange, text ? 200 : 503, "text/plain; charset=utf-8", NULL, 0,
			    text, len);
	free(text);
}

void api_topology(struct api_call *call)
{
	const char *format = call->query.format;

	if (!format[0] || !strcmp(format, "json"))
		respond_json(call);
	else if (!strcmp(format, "dot"))
		respond_text(call, write_dot);
	else if (!strcmp(format, "slurm"))
		respond_text(call, write_slurm);
	else
		problem_set(&call->problem, 400, "invalid-argument", "format: json, dot or slurm");
}
