/* A new intent: which peers there are, how they are reached, which paths go there. */
#include "dataplane/agent/peer_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What becomes of one peer, worked out before anything changes. */
struct change {
	struct peer *peer;
	const struct peer_path *wanted;
	struct keyed_path *paths;
	uint32_t count;
	bool is_new;
};

static int by_peer_and_id(const void *a, const void *b)
{
	const struct intent_path *left = ((const struct peer_path *)a)->intent;
	const struct intent_path *right = ((const struct peer_path *)b)->intent;
	int order = strcmp(left->peer, right->peer);

	return order ? order : (left->id > right->id) - (left->id < right->id);
}

static uint32_t run_length(const struct peer_path *paths, uint32_t count)
{
	uint32_t length = 1;

	while (length < count && !strcmp(paths[length].intent->peer, paths[0].intent->peer))
		length++;
	return length;
}

static struct peer *peer_new(struct peers *peers, const char *name)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->peers = peers;
	memcpy(peer->name, name, strnlen(name, sizeof(peer->name) - 1));
	peer->is_dialled = strcmp(peers->options.gateway, name) < 0;
	strcpy(peer->error, peer->is_dialled ? "not dialled yet" : "it has not dialled yet");
	return peer;
}

static int change_prepare(struct peers *peers, const struct peer_path *wanted, uint32_t count,
			  struct change *change)
{
	struct peer *peer = peer_find(peers, wanted->intent->peer);

	change->is_new = !peer;
	change->peer = peer ? peer : peer_new(peers, wanted->intent->peer);
	change->paths = calloc(count, sizeof(*change->paths));
	change->wanted = wanted;
	change->count = count;
	return change->peer && change->paths ? 0 : -ENOMEM;
}

static void changes_drop(struct change *changes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (changes[i].is_new)
			free(changes[i].peer);
		free(changes[i].paths);
	}
}

static bool endpoint_is(const struct endpoint *endpoint, const struct intent_path *path)
{
	return ip_addr_equal(&endpoint->local, &path->local_addr) &&
	       ip_addr_equal(&endpoint->remote, &path->peer_addr) &&
	       endpoint->port == path->peer_udp_port;
}

static void endpoint_add(struct peer *peer, const struct intent_path *path)
{
	for (uint32_t i = 0; i < peer->endpoint_count; i++)
		if (endpoint_is(&peer->endpoints[i], path))
			return;
	if (peer->endpoint_count < PEER_ENDPOINTS_MAX)
		peer->endpoints[peer->endpoint_count++] = (struct endpoint){
			.local = path->local_addr,
			.remote = path->peer_addr,
			.port = path->peer_udp_port,
		};
}

/* Also true for a peer that had none yet. */
static bool certificate_take(struct peer *peer, const char *certificate)
{
	if (!strcmp(peer->certificate, certificate))
		return false;
	memcpy(peer->certificate, certificate, sizeof(peer->certificate));
	return true;
}

/* The paths that go on keep their exchange; the array changes hands. */
static void paths_take(struct peer *peer, struct change *change)
{
	for (uint32_t i = 0; i < change->count; i++) {
		uint32_t id = change->wanted[i].intent->id;
		struct keyed_path *before = keyed_path_find(peer, id);

		if (!before) {
			keyed_path_init(&change->paths[i], peer, id, change->wanted[i].incarnation);
			continue;
		}
		change->paths[i] = *before;
		before->held = NULL;
	}
	for (uint32_t i = 0; i < peer->path_count; i++)
		keyed_path_wipe(&peer->paths[i]);
	free(peer->paths);
	peer->paths = change->paths;
	peer->path_count = change->count;
}

/* What is new to the exchange: the path, or its incarnation. */
static void paths_begin(struct peer *peer, const struct change *change)
{
	bool is_usable = peer->session && peer->session->is_greeted;

	for (uint32_t i = 0; i < change->count; i++) {
		struct keyed_path *path = &peer->paths[i];
		uint64_t incarnation = change->wanted[i].incarnation;

		if (path->exchange.own != incarnation)
			keyed_path_renew(peer, path, incarnation);
		else if (is_usable && path->exchange.state == KEY_EXCHANGE_DOWN)
			keyed_path_begin(peer, path);
	}
}

static void change_carry_out(struct change *change)
{
	struct peer *peer = change->peer;
	bool is_other = certificate_take(peer, change->wanted->intent->peer_certificate);
	struct session *session = peer->session;

	peer->endpoint_count = 0;
	for (uint32_t i = 0; i < change->count; i++)
		endpoint_add(peer, change->wanted[i].intent);
	paths_take(peer, change);
	if (is_other && session && !certificate_is_issued(peer->peers->options.certificate))
		session_end(session, "control pins another certificate");
	paths_begin(peer, change);
	if (is_other) {
		peer->attempt = 0;
		peer_retry(peer, true);
	}
}

static bool is_kept(const struct peer *peer, const struct change *changes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (changes[i].peer == peer)
			return true;
	return false;
}

static void changes_carry_out(struct peers *peers, struct change *changes, uint32_t count,
			      struct peer **list)
{
	struct peer **before = peers->list;
	uint32_t before_count = peers->count;

	for (uint32_t i = 0; i < count; i++)
		list[i] = changes[i].peer;
	peers->list = list;
	peers->count = count;
	for (uint32_t i = 0; i < before_count; i++)
		if (!is_kept(before[i], changes, count))
			peer_free(before[i]);
	free(before);
	for (uint32_t i = 0; i < count; i++)
		change_carry_out(&changes[i]);
	listeners_update(peers);
}

int peers_set(struct peers *peers, const struct peer_path paths[], uint32_t count)
{
	struct peer_path *sorted = calloc(count + 1, sizeof(*sorted));
	struct change *changes = calloc(count + 1, sizeof(*changes));
	struct peer **list = calloc(count + 1, sizeof(struct peer *));
	uint32_t used = 0, length;
	int ret = sorted && changes && list ? 0 : -ENOMEM;

	if (!ret && count) {
		memcpy(sorted, paths, count * sizeof(*sorted));
		qsort(sorted, count, sizeof(*sorted), by_peer_and_id);
	}
	for (uint32_t i = 0; !ret && i < count; i += length) {
		length = run_length(sorted + i, count - i);
		/* A path to itself has nobody to agree with. */
		if (strcmp(sorted[i].intent->peer, peers->options.gateway) != 0)
			ret = change_prepare(peers, sorted + i, length, &changes[used++]);
	}
	if (ret) {
		changes_drop(changes, used);
		free(list);
	} else {
		changes_carry_out(peers, changes, used, list);
	}
	free(changes);
	free(sorted);
	return ret;
}
