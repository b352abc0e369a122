/*
 * What the files of the key agreement share; nobody else includes it. peer.c has the set of peers
 * and their life, peer_set.c takes a new intent, peer_path.c moves one path's exchange on,
 * peer_session.c is one TLS session, peer_trust.c says whose, peer_socket.c dials and listens. All
 * on the agent's thread.
 */
#pragma once

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "dataplane/agent/line_buffer.h"
#include "dataplane/agent/peer.h"
#include "dataplane/agent/peer_message.h"

#define PEER_ENDPOINTS_MAX 8
#define PEER_ERROR_BYTES   200
#define PEER_RETRY_MIN_NS  100000000ull
#define PEER_RETRY_MAX_NS  2000000000ull
/* Heartbeats of silence after which a session counts as dead, or as never begun. */
#define PEER_SILENCE_BEATS 5

#define SESSION_IO_BYTES 16384

/* One TLS session with its TCP connection; gone as soon as it ends. */
struct session {
	struct session *prev, *next;
	struct peers *peers;
	struct peer *peer; /* accepted: NULL until its certificate told */
	int fd;
	SSL *ssl;
	BIO *in, *out; /* the ssl's: bytes from and to the socket */
	struct loop_op connect_op, receive_op, send_op;
	struct line_buffer lines;
	uint64_t started_ns, heard_ns;
	bool is_client;
	bool is_secured; /* both certificates are as pinned */
	bool is_greeted; /* and it said its name: in use */
	bool is_broken;	 /* ends as soon as nothing works with it */
	char refusal[PEER_ERROR_BYTES];
	uint32_t sending, sent; /* of send_bytes */
	uint8_t send_bytes[SESSION_IO_BYTES];
	uint8_t receive_bytes[SESSION_IO_BYTES];
};

struct keyed_path {
	uint32_t id;
	bool is_wanted; /* peers_rekey was called */
	struct key_exchange exchange;
	struct path_keys *held; /* derived, not yet installed for sending */
};

/* How a peer is reached from here. */
struct endpoint {
	struct ip_addr local, remote;
	uint16_t port;
};

struct peer {
	struct peers *peers;
	char name[INTENT_NAME_BYTES];
	char certificate[INTENT_CERTIFICATE_BYTES];
	bool is_dialled; /* by us */
	bool is_up;
	char error[PEER_ERROR_BYTES];
	struct endpoint endpoints[PEER_ENDPOINTS_MAX];
	uint32_t endpoint_count;
	struct keyed_path *paths; /* by id */
	uint32_t path_count;
	struct session *session; /* in use, or on its way there */
	struct loop_timer retry;
	uint32_t attempt;
};

struct listener {
	struct listener *next;
	struct peers *peers;
	struct ip_addr address;
	int fd; /* < 0: not yet */
	struct loop_op accept_op;
	bool is_wanted, has_failed;
};

struct peers {
	struct peers_options options;
	SSL_CTX *tls;
	struct stat crl;    /* the file of the last look; zero: none yet */
	struct peer **list; /* by name */
	uint32_t count;
	struct session *sessions;
	struct listener *listeners;
	struct loop_timer beat, work;
	uint64_t random;
	uint64_t refused_ns; /* when a stranger was last logged */
	uint32_t refused_count;
};

__attribute__((format(printf, 1, 2))) void peer_log(const char *format, ...);

/* peer.c */
struct peer *peer_find(const struct peers *peers, const char *name);
void peer_free(struct peer *peer);
/* The only place that assigns it. Logs what is new. */
void peer_state_set(struct peer *peer, bool is_up, const char *why);
/* Dials again, at once or after the back-off, where that is ours to do. */
void peer_retry(struct peer *peer, bool is_now);
/* The peer that the server's side may take for the owner of a certificate, or NULL. */
struct peer *peer_of_certificate(const struct peers *peers, const char *sha256);
/* The peer of that name, where it is the one to dial; or NULL. */
struct peer *peer_that_dials(const struct peers *peers, const char *name);
/* What a session tells: it may be used for the hello; a line came (-EPROTO with a reason: end it);
 * it has ended, and is gone after the call. */
void peer_on_secured(struct session *session);
int peer_on_line(struct session *session, const char *line, size_t len, char *why);
void peer_on_ended(struct session *session, const char *why);

/* peer_path.c */
struct keyed_path *keyed_path_find(const struct peer *peer, uint32_t id);
void keyed_path_init(struct keyed_path *path, const struct peer *peer, uint32_t id,
		     uint64_t incarnation);
void keyed_path_wipe(struct keyed_path *path);
/* The path's exchange takes a new session; the end of one; a new incarnation; a wish for others. */
void keyed_path_begin(struct peer *peer, struct keyed_path *path);
void keyed_path_renew(struct peer *peer, struct keyed_path *path, uint64_t incarnation);
void keyed_path_want(struct peer *peer, struct keyed_path *path);
void keyed_path_message(struct peer *peer, const struct peer_message *message);

/* peer_trust.c */
SSL_CTX *session_context(const struct certificate *certificate);
/*
 * What an authority issued is renewed while the gateway lives: the files are read for each session.
 * Where they do not hold, what was read before does.
 */
void peers_tls_renew(struct peers *peers);
/* When the list of revoked certificates is another file: ends the sessions of those on it. */
void peers_revoke(struct peers *peers);

/* peer_session.c */
/* fd: a connected socket, the session's from here on; or one to be connected to `to`. NULL: no
 * memory, and fd is closed. */
struct session *session_open(struct peers *peers, struct peer *peer, int fd);
int session_connect(struct session *session, const struct sockaddr *to, socklen_t len);
/* Begins the handshake. */
void session_begin(struct session *session);
/* A message is on its way, or the session is broken. */
void session_send(struct session *session, const struct peer_message *message);
void session_end(struct session *session, const char *why);
/* Ends, or lives on, as time goes by. */
void session_beat(struct session *session, uint64_t now_ns);

/* peer_socket.c */
/* Starts a session; peer_state_set and peer_retry where that fails at once. */
void peer_dial(struct peer *peer);
/* Listens where the peers that dial us want it, and nowhere else. */
void listeners_update(struct peers *peers);
void listeners_free(struct peers *peers);
