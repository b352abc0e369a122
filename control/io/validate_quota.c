#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/units.h"
#include "control/io/validate_internal.h"

/* What the tenant's other paths have booked. */
struct taken {
	uint64_t paths;
	uint32_t count;
	struct booking *rates, *buffers;
	struct calendar_event *scratch;
};

static bool is_other(const struct ledger_path *row, const char *name)
{
	return strcmp(row->name, name) != 0 && row->start_ns < row->end_ns;
}

static void taken_free(struct taken *taken)
{
	free(taken->rates);
	free(taken->buffers);
	free(taken->scratch);
}

static bool taken_find(const struct ledger *ledger, const struct object *object,
		       struct taken *taken)
{
	uint64_t key = ledger_key(object->path.tenant);
	const struct key_node *node;

	memset(taken, 0, sizeof(*taken));
	for (node = key_index_first(&ledger->tenant_paths, key); node; node = key_index_next(node))
		taken->paths += is_other(node->owner, object->name);
	taken->rates = calloc(taken->paths + 1, sizeof(*taken->rates));
	taken->buffers = calloc(taken->paths + 1, sizeof(*taken->buffers));
	taken->scratch = calloc(2 * taken->paths + 2, sizeof(*taken->scratch));
	if (!taken->rates || !taken->buffers || !taken->scratch)
		return false;
	node = key_index_first(&ledger->tenant_paths, key);
	for (; node; node = key_index_next(node)) {
		const struct ledger_path *row = node->owner;
		const uint64_t *amounts = row->claim.amounts;

		if (!is_other(row, object->name))
			continue;
		taken->rates[taken->count] =
			(struct booking){row->start_ns, row->end_ns, row->rate_bps};
		taken->buffers[taken->count++] =
			(struct booking){row->start_ns, row->end_ns,
					 amounts[ADMISSION_BUFFER_A] + amounts[ADMISSION_BUFFER_Z]};
	}
	return true;
}

/* What is booked at the worst instant of the path's time. */
static uint64_t peak_of(const struct rules *rules, const struct path *path,
			const struct taken *taken, const struct booking *bookings)
{
	struct calendar calendar = {.count = taken->count, .bookings = bookings};
	uint64_t start_ns = path->start_ns > rules->now_ns ? path->start_ns : rules->now_ns;

	return calendar_peak(&calendar, start_ns, path_end_ns(path), NULL, taken->scratch);
}

static bool is_above(uint64_t limit, uint64_t booked, uint64_t wanted)
{
	return limit && (wanted > limit || booked > limit - wanted);
}

static const char *find_horizon(const struct rules *rules, const struct path *path,
				const struct tenant *tenant, char *text, size_t size)
{
	uint64_t last_ns = rules->now_ns + tenant->horizon_ns;
	char horizon[UNITS_TEXT_BYTES];

	if (!tenant->horizon_ns)
		return NULL;
	units_format_time(tenant->horizon_ns, horizon, sizeof(horizon));
	if (path->start_ns > last_ns || path->end_ns > last_ns)
		snprintf(text, size, "tenant %s books at most %s ahead", path->tenant, horizon);
	else if (!path->end_ns && !path->lease_ns)
		snprintf(text, size,
			 "tenant %s books at most %s ahead: its paths need an end or a lease",
			 path->tenant, horizon);
	else
		return NULL;
	return text;
}

static const char *find_amount(const struct rules *rules, const struct object *object,
			       const struct tenant *tenant, const struct taken *taken,
			       const struct admission_claim *claim, char *text, size_t size,
			       const char **member)
{
	const struct path *path = &object->path;
	uint64_t rate_bps =
		path->rate_bps[0] > path->rate_bps[1] ? path->rate_bps[0] : path->rate_bps[1];
	uint64_t bytes = claim->amounts[ADMISSION_BUFFER_A] + claim->amounts[ADMISSION_BUFFER_Z];
	uint64_t booked_bps = peak_of(rules, path, taken, taken->rates);
	uint64_t booked_bytes = peak_of(rules, path, taken, taken->buffers);
	char limit[UNITS_TEXT_BYTES], booked[UNITS_TEXT_BYTES];

	if (tenant->paths && taken->paths + 1 > tenant->paths) {
		*member = "/tenant";
		snprintf(text, size, "tenant %s has %llu of %llu paths", path->tenant,
			 (unsigned long long)taken->paths, (unsigned long long)tenant->paths);
		return text;
	}
	if (is_above(tenant->rate_bps, booked_bps, rate_bps)) {
		*member = "/rate_bps";
		units_format_rate(tenant->rate_bps, limit, sizeof(limit));
		units_format_rate(booked_bps, booked, sizeof(booked));
	} else if (is_above(tenant->buffer_bytes, booked_bytes, bytes)) {
		*member = "/max_bps";
		units_format_size(tenant->buffer_bytes, limit, sizeof(limit));
		units_format_size(booked_bytes, booked, sizeof(booked));
	} else {
		return NULL;
	}
	snprintf(text, size, "tenant %s has %s of %s%s guaranteed in that time", path->tenant,
		 booked, limit, strcmp(*member, "/max_bps") ? "" : " of gateways' buffers");
	return text;
}

const char *rules_find_quota(const struct rules *rules, const struct object *object,
			     const struct admission_claim *claim, char *text, size_t size,
			     const char **member)
{
	const struct object *tenant = draft_get(rules->draft, KIND_TENANT, object->path.tenant);
	const char *found;
	struct taken taken;

	if (!object->path.tenant[0] || !tenant)
		return NULL;
	*member = "/end";
	found = find_horizon(rules, &object->path, &tenant->tenant, text, size);
	if (found)
		return found;
	*member = "";
	found = "there is no memory to look at the quota";
	if (taken_find(rules->ledger, object, &taken))
		found = find_amount(rules, object, &tenant->tenant, &taken, claim, text, size,
				    member);
	taken_free(&taken);
	return found;
}
