#include "control/core/model.h"

#include <stddef.h>
#include <string.h>

static const char *const kind_names[KIND_COUNT][2] = {
	[KIND_SITE] = {"site", "sites"},       [KIND_GATEWAY] = {"gateway", "gateways"},
	[KIND_LINK] = {"link", "links"},       [KIND_PATH] = {"path", "paths"},
	[KIND_TENANT] = {"tenant", "tenants"}, [KIND_CLUSTER] = {"cluster", "clusters"},
};

static const struct class_info classes[MODEL_CLASS_COUNT] = {
	{.name = "lossless", .id = 0, .dscp = 34, .rank = 1},
	{.name = "bulk", .id = 1, .dscp = 10, .rank = 2},
	{.name = "control", .id = 2, .dscp = 46, .rank = 0},
};

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool model_name_is_valid(const char *name)
{
	size_t len = 0;

	if (!is_alphanumeric(name[0]))
		return false;
	for (; name[len]; len++) {
		if (len >= MODEL_NAME_BYTES - 1)
			return false;
		if (!is_alphanumeric(name[len]) && !strchr("._-", name[len]))
			return false;
	}
	return true;
}

bool model_name_set(char dst[MODEL_NAME_BYTES], const char *src)
{
	size_t len = strlen(src);

	memset(dst, 0, MODEL_NAME_BYTES);
	if (len >= MODEL_NAME_BYTES)
		return false;
	memcpy(dst, src, len);
	return true;
}

const char *model_kind_name(enum model_kind kind)
{
	return kind_names[kind][0];
}

const char *model_kind_plural(enum model_kind kind)
{
	return kind_names[kind][1];
}

static enum model_kind kind_find(const char *name, int form)
{
	for (unsigned int i = 0; i < KIND_COUNT; i++) {
		if (!strcmp(kind_names[i][form], name))
			return (enum model_kind)i;
	}
	return KIND_COUNT;
}

enum model_kind model_kind_find(const char *name)
{
	return kind_find(name, 0);
}

enum model_kind model_kind_find_plural(const char *plural)
{
	return kind_find(plural, 1);
}

const struct class_info *model_class_at(uint32_t index)
{
	return index < MODEL_CLASS_COUNT ? &classes[index] : NULL;
}

const struct class_info *model_class_find(const char *name)
{
	for (uint32_t i = 0; i < MODEL_CLASS_COUNT; i++) {
		if (!strcmp(classes[i].name, name))
			return &classes[i];
	}
	return NULL;
}

static const char *const when_down_names[WHEN_DOWN_COUNT] = {
	[WHEN_DOWN_BLOCK] = "block",
	[WHEN_DOWN_BEST_EFFORT] = "best_effort",
};

const char *model_when_down_name(uint8_t when_down)
{
	return when_down_names[when_down];
}

uint8_t model_when_down_find(const char *name)
{
	uint8_t i = 0;

	while (i < WHEN_DOWN_COUNT && strcmp(when_down_names[i], name) != 0)
		i++;
	return i;
}

static const char *const protection_names[PROTECTION_COUNT] = {
	[PROTECTION_NONE] = "none",
	[PROTECTION_ONE_TO_ONE] = "1:1",
};

const char *model_protection_name(uint8_t protection)
{
	return protection_names[protection];
}

uint8_t model_protection_find(const char *name)
{
	uint8_t i = 0;

	while (i < PROTECTION_COUNT && strcmp(protection_names[i], name) != 0)
		i++;
	return i;
}

const char *model_move_name(uint8_t move)
{
	static const char *const names[MOVE_COUNT] = {
		[MOVE_NONE] = "none",	  [MOVE_ASKED] = "asked", [MOVE_GROUND] = "changed",
		[MOVE_DRAIN] = "drain",	  [MOVE_DOWN] = "down",	  [MOVE_FAILED] = "failed",
		[MOVE_BACK] = "returned",
	};

	return names[move];
}

static const char *const admin_names[ADMIN_COUNT] = {
	[ADMIN_UP] = "up",
	[ADMIN_DRAIN] = "drain",
	[ADMIN_DOWN] = "down",
};

const char *model_admin_name(uint8_t admin)
{
	return admin_names[admin];
}

uint8_t model_admin_find(const char *name)
{
	uint8_t i = 0;

	while (i < ADMIN_COUNT && strcmp(admin_names[i], name) != 0)
		i++;
	return i;
}

const struct gateway_port *gateway_port_find(const struct gateway *gateway, const char *name)
{
	for (uint8_t i = 0; i < gateway->port_count; i++) {
		if (!strcmp(gateway->ports[i].name, name))
			return &gateway->ports[i];
	}
	return NULL;
}

const struct ip_addr *gateway_port_address(const struct gateway_port *port, uint8_t family)
{
	const struct ip_addr *found;

	if (family == FAMILY_ANY) {
		found = gateway_port_address(port, FAMILY_IPV4);
		return found ? found : gateway_port_address(port, FAMILY_IPV6);
	}
	for (uint8_t i = 0; i < port->address_count; i++) {
		if (ip_addr_is_v4(&port->addresses[i]) == (family == FAMILY_IPV4))
			return &port->addresses[i];
	}
	return NULL;
}

uint8_t link_family_choose(const struct link *link, const struct gateway_port *a,
			   const struct gateway_port *z)
{
	static const uint8_t order[] = {FAMILY_IPV4, FAMILY_IPV6};

	for (unsigned int i = 0; i < 2; i++) {
		if (link->family != FAMILY_ANY && link->family != order[i])
			continue;
		if (gateway_port_address(a, order[i]) && gateway_port_address(z, order[i]))
			return order[i];
	}
	return FAMILY_ANY;
}

enum model_end path_link_end(const struct path *path, enum model_end end)
{
	return path->assigned.is_reversed ? (enum model_end) !end : end;
}

const uint64_t *path_rates_now(const struct path *path)
{
	return path_is_moving(path) ? path->assigned.move_rate_bps : path->rate_bps;
}

const uint64_t *path_max_now(const struct path *path)
{
	return path_is_moving(path) ? path->assigned.move_max_bps : path->max_bps;
}

static void rates_lower(uint64_t out[2], const uint64_t a[2], const uint64_t b[2])
{
	for (int end = 0; end < 2; end++)
		out[end] = a[end] < b[end] ? a[end] : b[end];
}

/* Of two ends of windows, 0 for none. */
static uint64_t end_earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

void path_move_begin(struct path *path, const struct path *old, enum path_move move)
{
	struct path_assignment *assigned = &path->assigned;
	/* `old` may be the path itself. */
	const uint64_t rate_bps[2] = {path_rates_now(old)[0], path_rates_now(old)[1]};
	const uint64_t max_bps[2] = {path_max_now(old)[0], path_max_now(old)[1]};

	assigned->move_generation =
		path_is_moving(old) ? old->assigned.move_generation : assigned->proof_generation;
	rates_lower(assigned->move_rate_bps, rate_bps, path->rate_bps);
	rates_lower(assigned->move_max_bps, max_bps, path->max_bps);
	assigned->move_end_ns = end_earlier(
		path_is_moving(old) ? old->assigned.move_end_ns : old->end_ns, path->end_ns);
	assigned->move = (uint8_t)move;
}

void path_move_stop(struct path *path)
{
	struct path_assignment *assigned = &path->assigned;

	memset(assigned->from, 0, sizeof(assigned->from));
	memset(assigned->move_rate_bps, 0, sizeof(assigned->move_rate_bps));
	memset(assigned->move_max_bps, 0, sizeof(assigned->move_max_bps));
	assigned->move_end_ns = 0;
	assigned->move_generation = 0;
	assigned->move = MOVE_NONE;
}

void path_move_end(struct path *path)
{
	const struct path_assignment *assigned = &path->assigned;

	if (memcmp(assigned->move_rate_bps, path->rate_bps, sizeof(path->rate_bps)) != 0 ||
	    memcmp(assigned->move_max_bps, path->max_bps, sizeof(path->max_bps)) != 0)
		path->assigned.generation++;
	path_move_stop(path);
}
