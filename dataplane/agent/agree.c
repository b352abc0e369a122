/* Keys between this gateway's paths and their far ends: the agreement joined to the fast path. */
#include "dataplane/agent/agent_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void on_keys(void *arg, uint32_t path_id, const struct path_keys *keys)
{
	struct agent *a = arg;
	struct slot *slot = slots_by_id(&a->slots, path_id);
	int ret;

	if (!slot || !slot->is_receiving)
		return;
	ret = fastpath_path_keys(a->fastpath, slot->handle, keys);
	if (ret)
		agent_log("path %s: keys of phase %u not installed: %s", slot->intent.name,
			  keys->phase, strerror(-ret));
	a->report_is_due |= keys->has_tx;
}

static void on_peer_state(void *arg, const struct peer_status *status)
{
	struct agent *a = arg;

	(void)status;
	a->report_is_due = true;
}

int agree_open(struct agent *a, char *error, size_t size)
{
	struct peers_options options = {
		.loop = a->loop,
		.gateway = a->config->name,
		.boot = a->boot,
		.certificate = &a->certificate,
		.port = a->config->udp_port,
		.random_seed = loop_now_ns(a->loop) ^ a->boot,
		.on_keys = on_keys,
		.on_state = on_peer_state,
		.arg = a,
	};

	a->peers = peers_create(&options);
	if (a->peers)
		return 0;
	snprintf(error, size, "the gateway's certificate is of no use to TLS: %s", strerror(errno));
	return -errno;
}

void agree_on_paths(struct agent *a)
{
	struct peer_path *paths = calloc(a->slots.high + 1, sizeof(*paths));
	uint32_t count = 0;

	for (uint32_t i = 0; paths && i < a->slots.high; i++) {
		const struct slot *slot = &a->slots.slot[i];

		if (slot->is_used && slot->is_receiving && !slot->is_leaving)
			paths[count++] = (struct peer_path){.intent = &slot->intent,
							    .incarnation = slot->incarnation};
	}
	if (!paths || peers_set(a->peers, paths, count))
		agent_log("out of memory: no keys for paths that are new");
	free(paths);
}

void agree_anew(struct agent *a, uint32_t index)
{
	const struct slot *slot = &a->slots.slot[index];

	/* While the gateway ends, keys need last no longer. */
	if (slot->is_used && !slot->is_leaving && a->peers)
		peers_rekey(a->peers, slot->intent.id);
}
