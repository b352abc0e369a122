#include "dataplane/agent/peer_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/backoff.h"

#define HEARTBEAT_NS	1000000000ull
#define STRANGER_LOG_NS 10000000000ull

void peer_log(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "causeway-gateway: %s\n", text);
}

/* splitmix64 (Steele, Lea, Flood 2014): jitter needs no more. */
static uint64_t random_next(struct peers *peers)
{
	uint64_t z = peers->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

struct peer *peer_find(const struct peers *peers, const char *name)
{
	for (uint32_t i = 0; i < peers->count; i++)
		if (!strcmp(peers->list[i]->name, name))
			return peers->list[i];
	return NULL;
}

struct peer *peer_of_certificate(const struct peers *peers, const char *sha256)
{
	for (uint32_t i = 0; i < peers->count; i++)
		if (!peers->list[i]->is_dialled && !strcmp(peers->list[i]->certificate, sha256))
			return peers->list[i];
	return NULL;
}

struct peer *peer_that_dials(const struct peers *peers, const char *name)
{
	struct peer *peer = peer_find(peers, name);

	return peer && !peer->is_dialled ? peer : NULL;
}

static void status_of(const struct peer *peer, struct peer_status *status)
{
	*status = (struct peer_status){
		.gateway = peer->name,
		.is_up = peer->is_up,
		.path_count = peer->path_count,
		.error = peer->error,
	};
	for (uint32_t i = 0; i < peer->path_count; i++)
		status->keyed_count += key_exchange_has_keys(&peer->paths[i].exchange);
}

void peer_state_set(struct peer *peer, bool is_up, const char *why)
{
	struct peers *peers = peer->peers;
	bool is_change = peer->is_up != is_up;
	struct peer_status status;

	if (!is_change && (is_up || !strcmp(peer->error, why)))
		return;
	peer->is_up = is_up;
	snprintf(peer->error, sizeof(peer->error), "%s", is_up ? "" : why);
	if (is_up)
		peer_log("peer %s: session for keys is up", peer->name);
	else
		peer_log("peer %s: no session for keys: %s; keys in force stay", peer->name, why);
	status_of(peer, &status);
	if (is_change && peers->options.on_state)
		peers->options.on_state(peers->options.arg, &status);
}

static void on_retry(struct loop_timer *timer, void *arg)
{
	(void)timer;
	peer_dial(arg);
}

void peer_retry(struct peer *peer, bool is_now)
{
	struct peers *peers = peer->peers;
	struct loop *loop = peers->options.loop;
	uint64_t delay_ns = 0;

	if (!peer->is_dialled || peer->session)
		return;
	if (!is_now)
		delay_ns = backoff_between_ns(PEER_RETRY_MIN_NS, PEER_RETRY_MAX_NS, peer->attempt++,
					      random_next(peers));
	peer->retry.on_expire = on_retry;
	peer->retry.arg = peer;
	loop_timer_set(loop, &peer->retry, loop_now_ns(loop) + delay_ns);
}

void peer_on_secured(struct session *session)
{
	struct peers_options *options = &session->peers->options;
	struct peer_message hello = {.type = PEER_HELLO, .boot = options->boot};

	snprintf(hello.gateway, sizeof(hello.gateway), "%s", options->gateway);
	session_send(session, &hello);
}

/* The newest session counts: the far end may have lost one that we still hold for alive. */
static void session_adopt(struct session *session)
{
	struct peer *peer = session->peer;
	struct session *before = peer->session;

	session->is_greeted = true;
	peer->session = session;
	if (before && before != session)
		session_end(before, "replaced by a newer one");
	peer->attempt = 0;
	peer_state_set(peer, true, "");
	for (uint32_t i = 0; i < peer->path_count; i++)
		keyed_path_begin(peer, &peer->paths[i]);
}

static int greeting(struct session *session, const struct peer_message *message, char *why)
{
	const struct peer *peer = session->peer;

	if (message->type != PEER_HELLO || session->is_greeted) {
		snprintf(why, PEER_ERROR_BYTES, "it did not begin with one hello");
		return -EPROTO;
	}
	if (strcmp(message->gateway, peer->name) != 0) {
		snprintf(why, PEER_ERROR_BYTES, "it has the certificate of %s, but is gateway %s",
			 peer->name, message->gateway);
		return -EPROTO;
	}
	session_adopt(session);
	return 0;
}

int peer_on_line(struct session *session, const char *line, size_t len, char *why)
{
	char error[PEER_MESSAGE_ERROR_BYTES];
	struct peer_message message;

	if (peer_message_parse(line, len, &message, error)) {
		snprintf(why, PEER_ERROR_BYTES, "sent what is no message: %s", error);
		return -EPROTO;
	}
	if (!session->is_greeted || message.type == PEER_HELLO)
		return greeting(session, &message, why);
	if (message.type == PEER_KEY)
		keyed_path_message(session->peer, &message);
	return 0;
}

/* The address at the other end of a connection; "" where it is gone. */
static void remote_format(int fd, char *text, uint32_t size)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(address);
	struct ip_addr ip;

	text[0] = 0;
	if (getpeername(fd, (struct sockaddr *)&address, &len))
		return;
	if (address.ss_family == AF_INET6)
		memcpy(ip.bytes, &((struct sockaddr_in6 *)&address)->sin6_addr, 16);
	else
		ip = ip_addr_from_v4((const uint8_t *)&((struct sockaddr_in *)&address)->sin_addr);
	ip_addr_format(&ip, text, size);
}

static void stranger_log(struct peers *peers, int fd, const char *why)
{
	char remote[64];
	uint64_t now_ns = loop_now_ns(peers->options.loop);

	peers->refused_count++;
	if (peers->refused_ns && now_ns - peers->refused_ns < STRANGER_LOG_NS)
		return;
	remote_format(fd, remote, sizeof(remote));
	peer_log("refused %s, who dialled for keys: %s (%u since the last such line)", remote, why,
		 peers->refused_count);
	peers->refused_ns = now_ns;
	peers->refused_count = 0;
}

void peer_on_ended(struct session *session, const char *why)
{
	struct peer *peer = session->peer;

	if (!peer || (peer->session != session && !session->is_greeted)) {
		stranger_log(session->peers, session->fd, why);
		return;
	}
	/* Another one has taken its place. */
	if (peer->session != session)
		return;
	peer->session = NULL;
	for (uint32_t i = 0; i < peer->path_count; i++)
		key_exchange_on_cut(&peer->paths[i].exchange);
	peer_state_set(peer, false, why);
	peer_retry(peer, false);
}

static void sessions_end_of(struct peers *peers, const struct peer *peer, const char *why)
{
	struct session *next;

	for (struct session *session = peers->sessions; session; session = next) {
		next = session->next;
		if (!peer || session->peer == peer)
			session_end(session, why);
	}
}

void peer_free(struct peer *peer)
{
	struct loop *loop = peer->peers->options.loop;

	/* A goodbye is no news any more. */
	peer->is_up = false;
	snprintf(peer->error, sizeof(peer->error), "no path leads there any more");
	sessions_end_of(peer->peers, peer, peer->error);
	loop_timer_cancel(loop, &peer->retry);
	for (uint32_t i = 0; i < peer->path_count; i++)
		keyed_path_wipe(&peer->paths[i]);
	free(peer->paths);
	free(peer);
}

static void on_beat(struct loop_timer *timer, void *arg)
{
	struct peers *peers = arg;
	uint64_t now_ns = loop_now_ns(peers->options.loop);
	struct session *next;

	peers_revoke(peers);
	for (struct session *session = peers->sessions; session; session = next) {
		next = session->next;
		session_beat(session, now_ns);
	}
	listeners_update(peers);
	loop_timer_set(peers->options.loop, timer, now_ns + peers->options.heartbeat_ns);
}

/* Not in peers_rekey itself: that may be called while actions of the same path are carried out. */
static void on_work(struct loop_timer *timer, void *arg)
{
	struct peers *peers = arg;

	(void)timer;
	for (uint32_t i = 0; i < peers->count; i++) {
		struct peer *peer = peers->list[i];

		for (uint32_t j = 0; j < peer->path_count; j++) {
			if (peer->paths[j].is_wanted)
				keyed_path_want(peer, &peer->paths[j]);
			peer->paths[j].is_wanted = false;
		}
	}
}

struct peers *peers_create(const struct peers_options *options)
{
	struct peers *peers = calloc(1, sizeof(*peers));
	struct loop *loop = options->loop;

	if (!peers)
		return NULL;
	peers->options = *options;
	if (!peers->options.heartbeat_ns)
		peers->options.heartbeat_ns = HEARTBEAT_NS;
	peers->random = options->random_seed;
	peers->tls = session_context(options->certificate);
	if (!peers->tls) {
		free(peers);
		errno = EINVAL;
		return NULL;
	}
	peers->beat = (struct loop_timer){.on_expire = on_beat, .arg = peers};
	peers->work = (struct loop_timer){.on_expire = on_work, .arg = peers};
	loop_timer_set(loop, &peers->beat, loop_now_ns(loop) + peers->options.heartbeat_ns);
	return peers;
}

void peers_destroy(struct peers *peers)
{
	if (!peers)
		return;
	for (uint32_t i = 0; i < peers->count; i++)
		peer_free(peers->list[i]);
	peers->count = 0;
	free(peers->list);
	sessions_end_of(peers, NULL, "this gateway ends");
	listeners_free(peers);
	loop_timer_cancel(peers->options.loop, &peers->beat);
	loop_timer_cancel(peers->options.loop, &peers->work);
	SSL_CTX_free(peers->tls);
	free(peers);
}

static struct keyed_path *path_find(const struct peers *peers, uint32_t path_id)
{
	struct keyed_path *path = NULL;

	for (uint32_t i = 0; i < peers->count && !path; i++)
		path = keyed_path_find(peers->list[i], path_id);
	return path;
}

void peers_rekey(struct peers *peers, uint32_t path_id)
{
	struct keyed_path *path = path_find(peers, path_id);

	if (!path)
		return;
	path->is_wanted = true;
	loop_timer_set(peers->options.loop, &peers->work, loop_now_ns(peers->options.loop));
}

bool peers_has_keys(const struct peers *peers, uint32_t path_id)
{
	const struct keyed_path *path = path_find(peers, path_id);

	return path && key_exchange_has_keys(&path->exchange);
}

bool peers_status(const struct peers *peers, uint32_t index, struct peer_status *status)
{
	if (index >= peers->count)
		return false;
	status_of(peers->list[index], status);
	return true;
}
