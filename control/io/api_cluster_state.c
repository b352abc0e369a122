/* The paths of a virtual cluster, and what it is by them. */
#include <string.h>

#include "control/io/api_internal.h"
#include "control/io/validate.h"

const struct object *api_cluster_path(struct api *api, const struct object *object, uint8_t a,
				      uint8_t z)
{
	char name[CLUSTER_PATH_NAME_BYTES];
	const struct object *path;

	cluster_path_name(object, a, z, name);
	path = store_get(api->store, KIND_PATH, name);
	if (!path || path->path.assigned.is_deleting ||
	    strcmp(path->path.assigned.cluster, object->name) != 0)
		return NULL;
	return path;
}

/* How much a path can do for the job: less is less. */
static uint8_t rank_of(enum path_state state)
{
	static const enum path_state order[] = {
		PATH_FAILED,	 PATH_EXPIRED,	PATH_RELEASED, PATH_DRAINING,
		PATH_DEGRADED,	 PATH_HELD,	PATH_PENDING,  PATH_SCHEDULED,
		PATH_ACTIVATING, PATH_RESERVED, PATH_ACTIVE,
	};
	uint8_t rank = 0;

	while (rank < sizeof(order) / sizeof(order[0]) - 1 && order[rank] != state)
		rank++;
	return rank;
}

const struct object *api_cluster_least(struct api *api, const struct object *object,
				       enum path_state *state)
{
	uint8_t count = object->cluster.member_count;
	const struct object *least = NULL;

	*state = PATH_PENDING;
	for (uint8_t a = 0; a < count; a++) {
		for (uint8_t z = (uint8_t)(a + 1); z < count; z++) {
			const struct object *path = api_cluster_path(api, object, a, z);
			struct live_path *live = path ? live_path(&api->live, path) : NULL;

			if (!live || (least && rank_of(live->machine.state) >= rank_of(*state)))
				continue;
			least = path;
			*state = live->machine.state;
		}
	}
	return least;
}

enum path_state api_cluster_state(struct api *api, const struct object *object)
{
	enum path_state state;

	api_cluster_least(api, object, &state);
	return state;
}

void api_cluster_settle(struct api *api, const struct object *object)
{
	for (uint8_t a = 0; a < object->cluster.member_count; a++) {
		for (uint8_t z = (uint8_t)(a + 1); z < object->cluster.member_count; z++) {
			const struct object *path = api_cluster_path(api, object, a, z);

			if (path)
				api_path_settle(api, path);
		}
	}
}
