/*
 * How the two ends of one path come to the same keys over a session that may be cut at any moment:
 * which keys to make, when to install them for receiving and for sending, what to tell the far end.
 * Pure; owned by the agent thread. Secrets are the caller's; here are only their names: the two
 * incarnations (one end's life of the path each) and a counter.
 *
 *	client (dialled)			server
 *	offer(c) -------------------------->	answers with its offer
 *	   <------------------------------- offer(s)
 *	rekey(c, s, n) -------------------->	receives with n
 *	receives and sends with n  <------- rekeyed(c, s, n)
 *	switch(c, s, n) ------------------->	sends with n
 *
 * n is 0 for incarnations that have not met before, else above every n of theirs that was tried;
 *the key's phase is n % 4. After a cut the client repeats the switch of the keys it sends with,
 *then begins anew with another n what was not complete. The caller delivers messages in order,
 *never across a session's end, and carries actions out in order before the next event.
 *
 * Promises, when both ends keep to this:
 *	- what one end sends with, the other end receives with, at every moment between two messages
 *	  (but while a new incarnation is not known to both);
 *	- at most one exchange is in flight, and at most two phases receive: the one sent with, and
 *a newer one;
 *	- a cut alone makes no new keys; after the last cut both ends come to rest with the same n.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KEY_EXCHANGE_ACTIONS_MAX 4
#define KEY_PHASE(counter)	 ((uint8_t)((counter) % 4))

/* The incarnations of both ends; never 0. */
struct key_pair {
	uint64_t client, server;
};

enum key_message_type {
	KEY_OFFER = 1, /* incarnation: of the sender */
	KEY_REKEY,     /* client; these and the following have pair and counter */
	KEY_REKEYED,   /* server */
	KEY_SWITCH,    /* client */
	KEY_WANTED,    /* server: replace the keys of this counter */
};

struct key_message {
	enum key_message_type type;
	uint64_t incarnation;
	struct key_pair pair;
	uint32_t counter;
};

enum key_action_type {
	KEY_SEND = 1, /* message */
	KEY_DERIVE,  /* make the keys of pair and counter from the session and hold them, instead of
			any  held before */
	KEY_INSTALL, /* the held keys, as reset, rx and tx say */
};

struct key_action {
	enum key_action_type type;
	struct key_message message;
	struct key_pair pair;
	uint32_t counter;
	bool reset, rx, tx;
};

enum key_exchange_state {
	KEY_EXCHANGE_DOWN = 1, /* no session */
	KEY_EXCHANGE_OPEN,     /* nothing is in flight */
	KEY_EXCHANGE_ASKED,    /* client: sent rekey */
	KEY_EXCHANGE_ANSWERED, /* server: receives with the new keys, sends with those of before */
};

struct key_exchange {
	enum key_exchange_state state;
	bool is_client;
	bool is_wanted; /* the keys in force are to be replaced */
	bool has_rx, has_tx;
	uint64_t own;
	uint64_t peer; /* client: as offered in this session; 0: not yet */
	/* Of the keys: the newest to receive with, and those to send with. */
	struct key_pair pair;
	uint32_t rx_counter, tx_counter;
	/* Client: what the newest exchange was about. */
	struct key_pair asked;
	uint32_t asked_counter, next_counter;
};

/* own: this end's incarnation, not 0. */
void key_exchange_init(struct key_exchange *kx, bool is_client, uint64_t own);

/* Each writes at most KEY_EXCHANGE_ACTIONS_MAX actions and returns how many. */
uint32_t key_exchange_on_session(struct key_exchange *kx, struct key_action out[]);
/* Nothing to do: keys in force stay. */
void key_exchange_on_cut(struct key_exchange *kx);
/* The path was made anew here: its keys are gone, held ones too. */
uint32_t key_exchange_on_renewed(struct key_exchange *kx, uint64_t own, struct key_action out[]);
/* The keys in force are used up. Asked twice, it is done once. */
uint32_t key_exchange_on_wanted(struct key_exchange *kx, struct key_action out[]);
/* Also -EPROTO: no correct far end says that here; nothing has changed. */
int key_exchange_on_message(struct key_exchange *kx, const struct key_message *message,
			    struct key_action out[]);

/* Can this end send? */
static inline bool key_exchange_has_keys(const struct key_exchange *kx)
{
	return kx->has_tx;
}
