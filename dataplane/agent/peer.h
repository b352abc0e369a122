/*
 * The key agreement with the far gateways: holds one mutual TLS 1.3 session (RFC 8446) with each
 * gateway that a path leads to, over the kernel's TCP on the WAN, and hands each path's keys out as
 * they are agreed (key_exchange.h says how, key_schedule.h from what).
 *
 * Of two gateways the one with the lower name (strcmp) dials, from the path's local address to the
 * peer's, TCP port = the peer's UDP port of lane 0; the other listens there, on the addresses that
 * its paths use. Each accepts nothing but the certificate that the intent pins for that peer, and
 * no other gateway's name; no date is looked at. Where an authority issued this gateway's own
 * certificate, its word counts in place of the pin: role gateway, the peer's name, our domain.
 *
 * Agent thread, on its loop. Promises: a session that ends, however it ends, takes no keys away; it
 * is dialled again after 100 ms to 2 s (backoff.h), and a peer that is silent for 5 s counts as
 * gone. Secrets are wiped when they have been handed over or are void. State changes are logged
 * once, not each attempt.
 */
#pragma once

#include "control/io/loop.h"
#include "dataplane/agent/certificate.h"
#include "dataplane/core/intent.h"
#include "dataplane/core/path_keys.h"

struct peers;

/* One path of the applied intent that the fast path has. */
struct peer_path {
	const struct intent_path *intent;
	/* A random number, not 0: another one each time that the path begins anew here, in the fast
	 * path or with another gateway at its end. */
	uint64_t incarnation;
};

struct peer_status {
	const char *gateway;
	bool is_up;
	uint32_t path_count, keyed_count; /* of which so many can send */
	const char *error;		  /* why it is not up; "" while nothing has failed */
};

struct peers_options {
	struct loop *loop;
	const char *gateway; /* this one; the strings outlive the peers */
	uint32_t boot;
	const struct certificate *certificate; /* outlives the peers */
	uint16_t port;			       /* to listen on */
	uint64_t random_seed;		       /* of the back-off's jitter */
	/* Install these; what is pointed to is wiped after the call. */
	void (*on_keys)(void *arg, uint32_t path_id, const struct path_keys *keys);
	/* A session came up or ended. May be NULL. */
	void (*on_state)(void *arg, const struct peer_status *status);
	/* Both callbacks come from the loop, and may call nothing here but peers_rekey. */
	void *arg;
	uint64_t heartbeat_ns; /* for tests; 0: 1 s. Silence is five of them */
};

/* NULL with errno: ENOMEM, EINVAL (the certificate is unusable). */
struct peers *peers_create(const struct peers_options *options);
/* Says goodbye to each peer. NULL is fine. */
void peers_destroy(struct peers *peers);

/* From now on these paths, and the peers that they name. 0 or -ENOMEM: nothing has changed. */
int peers_set(struct peers *peers, const struct peer_path paths[], uint32_t count);
/* The keys of this path are used up: others, as soon as the session allows. */
void peers_rekey(struct peers *peers, uint32_t path_id);

/* Can this end send on that path? */
bool peers_has_keys(const struct peers *peers, uint32_t path_id);
/* The index-th peer by name; false behind the last one. */
bool peers_status(const struct peers *peers, uint32_t index, struct peer_status *status);
