/* One path's exchange, carried out: messages onto the session, secrets from it, keys handed out. */
#include "dataplane/agent/peer_internal.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "dataplane/agent/key_schedule.h"

static int by_id(const void *key, const void *entry)
{
	uint32_t id = *(const uint32_t *)key;
	const struct keyed_path *path = entry;

	return (id > path->id) - (id < path->id);
}

struct keyed_path *keyed_path_find(const struct peer *peer, uint32_t id)
{
	if (!peer->path_count)
		return NULL;
	return bsearch(&id, peer->paths, peer->path_count, sizeof(*peer->paths), by_id);
}

void keyed_path_init(struct keyed_path *path, const struct peer *peer, uint32_t id,
		     uint64_t incarnation)
{
	*path = (struct keyed_path){.id = id};
	key_exchange_init(&path->exchange, peer->is_dialled, incarnation);
}

void keyed_path_wipe(struct keyed_path *path)
{
	if (path->held)
		OPENSSL_cleanse(path->held, sizeof(*path->held));
	free(path->held);
	path->held = NULL;
}

static void send_message(struct peer *peer, const struct keyed_path *path,
			 const struct key_message *key)
{
	struct peer_message message = {.type = PEER_KEY, .id = path->id, .key = *key};

	if (peer->session)
		session_send(peer->session, &message);
}

static bool derive(struct peer *peer, struct keyed_path *path, const struct key_action *action)
{
	uint8_t secret[KEY_SCHEDULE_SECRET_BYTES];
	bool is_good;

	keyed_path_wipe(path);
	path->held = calloc(1, sizeof(*path->held));
	is_good = path->held && peer->session &&
		  !key_schedule_export(peer->session->ssl, path->id, &action->pair, action->counter,
				       secret) &&
		  !key_schedule_expand(secret, peer->is_dialled, path->held);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (is_good)
		return true;
	peer_log("path %u: no keys could be made for %s; trying again", path->id, peer->name);
	keyed_path_wipe(path);
	if (peer->session)
		peer->session->is_broken = true;
	return false;
}

static void install(struct peer *peer, struct keyed_path *path, const struct key_action *action)
{
	struct peers *peers = peer->peers;

	/* Only where a key could not be made before. */
	if (!path->held)
		return;
	path->held->phase = KEY_PHASE(action->counter);
	path->held->reset = action->reset;
	path->held->has_rx = action->rx;
	path->held->has_tx = action->tx;
	peers->options.on_keys(peers->options.arg, path->id, path->held);
	if (action->tx)
		keyed_path_wipe(path);
}

/*
 * before: the exchange as it was, to go back to where no keys could be made. What was tried stays
 * tried: a counter is not used again.
 */
static void run(struct peer *peer, struct keyed_path *path, const struct key_exchange *before,
		const struct key_action actions[], int count)
{
	for (int i = 0; i < count; i++) {
		if (actions[i].type == KEY_SEND) {
			send_message(peer, path, &actions[i].message);
		} else if (actions[i].type == KEY_INSTALL) {
			install(peer, path, &actions[i]);
		} else if (!derive(peer, path, &actions[i])) {
			struct key_exchange failed = path->exchange;

			path->exchange = *before;
			path->exchange.asked = failed.asked;
			path->exchange.asked_counter = failed.asked_counter;
			path->exchange.next_counter = failed.next_counter;
			return;
		}
	}
}

void keyed_path_begin(struct peer *peer, struct keyed_path *path)
{
	struct key_action actions[KEY_EXCHANGE_ACTIONS_MAX];
	struct key_exchange before = path->exchange;
	uint32_t count = key_exchange_on_session(&path->exchange, actions);

	run(peer, path, &before, actions, (int)count);
}

void keyed_path_renew(struct peer *peer, struct keyed_path *path, uint64_t incarnation)
{
	struct key_action actions[KEY_EXCHANGE_ACTIONS_MAX];
	struct key_exchange before = path->exchange;
	uint32_t count = key_exchange_on_renewed(&path->exchange, incarnation, actions);

	keyed_path_wipe(path);
	run(peer, path, &before, actions, (int)count);
}

void keyed_path_want(struct peer *peer, struct keyed_path *path)
{
	struct key_action actions[KEY_EXCHANGE_ACTIONS_MAX];
	struct key_exchange before = path->exchange;
	uint32_t count = key_exchange_on_wanted(&path->exchange, actions);

	run(peer, path, &before, actions, (int)count);
}

void keyed_path_message(struct peer *peer, const struct peer_message *message)
{
	struct keyed_path *path = keyed_path_find(peer, message->id);
	struct key_action actions[KEY_EXCHANGE_ACTIONS_MAX];
	struct key_exchange before;
	int count;

	/* The far end has heard of the path before us; when we do, it is asked again. */
	if (!path)
		return;
	before = path->exchange;
	count = key_exchange_on_message(&path->exchange, &message->key, actions);
	if (count < 0)
		peer_log("path %u: gateway %s said what has no place there: ignored", path->id,
			 peer->name);
	run(peer, path, &before, actions, count);
}
