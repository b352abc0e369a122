#include <stdio.h>
#include <string.h>

#include "control/core/units.h"
#include "control/io/validate_internal.h"

#define NS_PER_S 1000000000ull

/* The tenant's other paths; those that expired hold nothing. */
static uint64_t count_others(const struct rules *rules, const struct object *object)
{
	const struct key_node *node =
		key_index_first(&rules->ledger->tenant_paths, ledger_key(object->path.tenant));
	uint64_t count = 0;

	for (; node; node = key_index_next(node)) {
		const struct ledger_path *row = node->owner;

		count += strcmp(row->name, object->name) != 0 && row->start_ns < row->end_ns;
	}
	return count;
}

static const char *find_horizon(const struct rules *rules, const struct path *path,
				uint64_t horizon_ns, char *text, size_t size, uint64_t *last_ns)
{
	uint64_t most_ns = rules->now_ns + horizon_ns;
	char horizon[UNITS_TEXT_BYTES];

	units_format_time(horizon_ns, horizon, sizeof(horizon));
	if (path->start_ns > most_ns || path->end_ns > most_ns)
		snprintf(text, size, "tenant %s books at most %s ahead", path->tenant, horizon);
	else if (!path->end_ns && !path->lease_ns)
		snprintf(text, size,
			 "tenant %s books at most %s ahead: its paths need an end or a lease",
			 path->tenant, horizon);
	else
		return NULL;
	*last_ns = most_ns - most_ns % NS_PER_S;
	return text;
}

const char *rules_find_quota(const struct rules *rules, const struct object *object, char *text,
			     size_t size, const char **member, uint64_t *last_ns)
{
	const struct path *path = &object->path;
	const struct object *tenant = draft_get(rules->draft, KIND_TENANT, path->tenant);
	const char *found = NULL;
	uint64_t paths;

	*last_ns = 0;
	if (!path->tenant[0] || !tenant)
		return NULL;
	*member = "/end";
	if (tenant->tenant.horizon_ns)
		found = find_horizon(rules, path, tenant->tenant.horizon_ns, text, size, last_ns);
	if (found || !tenant->tenant.paths)
		return found;
	paths = count_others(rules, object);
	if (paths < tenant->tenant.paths)
		return NULL;
	*member = "/tenant";
	snprintf(text, size, "tenant %s has %llu of %llu paths", path->tenant,
		 (unsigned long long)paths, (unsigned long long)tenant->tenant.paths);
	return text;
}
