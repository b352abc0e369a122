#include "dataplane/core/key_exchange.h"

#include <errno.h>

#define BIT(n) (1u << (n))

static const uint32_t transitions[] = {
	[KEY_EXCHANGE_DOWN] = BIT(KEY_EXCHANGE_OPEN),
	[KEY_EXCHANGE_OPEN] =
		BIT(KEY_EXCHANGE_DOWN) | BIT(KEY_EXCHANGE_ASKED) | BIT(KEY_EXCHANGE_ANSWERED),
	[KEY_EXCHANGE_ASKED] = BIT(KEY_EXCHANGE_DOWN) | BIT(KEY_EXCHANGE_OPEN),
	[KEY_EXCHANGE_ANSWERED] =
		BIT(KEY_EXCHANGE_DOWN) | BIT(KEY_EXCHANGE_OPEN) | BIT(KEY_EXCHANGE_ANSWERED),
};

/* The one function that assigns the state. */
static void state_set(struct key_exchange *kx, enum key_exchange_state to)
{
	if (transitions[kx->state] & BIT(to))
		kx->state = to;
}

static bool pair_is(const struct key_pair *a, const struct key_pair *b)
{
	return a->client == b->client && a->server == b->server;
}

static struct key_action action_offer(const struct key_exchange *kx)
{
	return (struct key_action){.type = KEY_SEND,
				   .message = {.type = KEY_OFFER, .incarnation = kx->own}};
}

static struct key_action action_send(enum key_message_type type, const struct key_pair *pair,
				     uint32_t counter)
{
	return (struct key_action){
		.type = KEY_SEND,
		.message = {.type = type, .pair = *pair, .counter = counter},
	};
}

static struct key_action action_keys(enum key_action_type type, const struct key_pair *pair,
				     uint32_t counter)
{
	return (struct key_action){.type = type, .pair = *pair, .counter = counter};
}

void key_exchange_init(struct key_exchange *kx, bool is_client, uint64_t own)
{
	*kx = (struct key_exchange){.state = KEY_EXCHANGE_DOWN, .is_client = is_client, .own = own};
}

/* Client: what would be agreed on now. */
static struct key_pair client_pair(const struct key_exchange *kx)
{
	return (struct key_pair){.client = kx->own, .server = kx->peer};
}

static bool client_is_content(const struct key_exchange *kx)
{
	struct key_pair pair = client_pair(kx);

	return !kx->peer || (kx->has_tx && !kx->is_wanted && pair_is(&kx->pair, &pair));
}

/* Begins an exchange where one is due. */
static uint32_t client_begin(struct key_exchange *kx, struct key_action out[])
{
	struct key_pair pair = client_pair(kx);

	if (kx->state != KEY_EXCHANGE_OPEN || client_is_content(kx))
		return 0;
	if (!pair_is(&kx->asked, &pair))
		kx->next_counter = 0;
	/* After several cuts in a row its phase would be the one in use. */
	if (kx->has_tx && pair_is(&kx->pair, &pair) &&
	    KEY_PHASE(kx->next_counter) == KEY_PHASE(kx->tx_counter))
		kx->next_counter++;
	kx->asked = pair;
	kx->asked_counter = kx->next_counter++;
	state_set(kx, KEY_EXCHANGE_ASKED);
	out[0] = action_send(KEY_REKEY, &kx->asked, kx->asked_counter);
	return 1;
}

static uint32_t client_offered(struct key_exchange *kx, const struct key_message *message,
			       struct key_action out[])
{
	uint32_t count = 0;
	struct key_pair pair;

	/* Two offers cross at a session's start. */
	if (message->incarnation == kx->peer)
		return 0;
	kx->peer = message->incarnation;
	pair = client_pair(kx);
	/* What was asked for was another incarnation's. */
	state_set(kx, KEY_EXCHANGE_OPEN);
	/* Where the session was cut behind a switch, the server may not have heard it. */
	if (kx->has_tx && pair_is(&kx->pair, &pair))
		out[count++] = action_send(KEY_SWITCH, &pair, kx->tx_counter);
	return count + client_begin(kx, out + count);
}

static uint32_t client_rekeyed(struct key_exchange *kx, const struct key_message *message,
			       struct key_action out[])
{
	bool is_new = !kx->has_tx || !pair_is(&kx->pair, &message->pair);

	/* An answer to what is void by now. */
	if (kx->state != KEY_EXCHANGE_ASKED || message->counter != kx->asked_counter ||
	    !pair_is(&message->pair, &kx->asked))
		return 0;
	kx->pair = kx->asked;
	kx->rx_counter = kx->tx_counter = kx->asked_counter;
	kx->has_rx = kx->has_tx = true;
	kx->is_wanted = false;
	state_set(kx, KEY_EXCHANGE_OPEN);
	out[0] = action_keys(KEY_DERIVE, &kx->pair, kx->tx_counter);
	out[1] = action_keys(KEY_INSTALL, &kx->pair, kx->tx_counter);
	out[1].reset = is_new;
	out[1].rx = out[1].tx = true;
	out[2] = action_send(KEY_SWITCH, &kx->pair, kx->tx_counter);
	return 3;
}

static uint32_t client_wanted(struct key_exchange *kx, const struct key_message *message,
			      struct key_action out[])
{
	if (!kx->has_tx || message->counter != kx->tx_counter ||
	    !pair_is(&message->pair, &kx->pair))
		return 0;
	kx->is_wanted = true;
	return client_begin(kx, out);
}

static int client_on_message(struct key_exchange *kx, const struct key_message *message,
			     struct key_action out[])
{
	switch (message->type) {
	case KEY_OFFER:
		return (int)client_offered(kx, message, out);
	case KEY_REKEYED:
		return (int)client_rekeyed(kx, message, out);
	case KEY_WANTED:
		return (int)client_wanted(kx, message, out);
	default:
		return -EPROTO;
	}
}

static int server_rekey(struct key_exchange *kx, const struct key_message *message,
			struct key_action out[])
{
	bool is_new = !kx->has_rx || !pair_is(&kx->pair, &message->pair);

	/* Sent before our new offer arrived there. */
	if (message->pair.server != kx->own)
		return 0;
	if (!is_new && message->counter <= kx->rx_counter)
		return -EPROTO;
	if (!is_new && kx->has_tx && KEY_PHASE(message->counter) == KEY_PHASE(kx->tx_counter))
		return -EPROTO;
	if (is_new)
		kx->has_tx = kx->is_wanted = false;
	kx->pair = message->pair;
	kx->rx_counter = message->counter;
	kx->has_rx = true;
	state_set(kx, KEY_EXCHANGE_ANSWERED);
	out[0] = action_keys(KEY_DERIVE, &kx->pair, kx->rx_counter);
	out[1] = action_keys(KEY_INSTALL, &kx->pair, kx->rx_counter);
	out[1].reset = is_new;
	out[1].rx = true;
	out[2] = action_send(KEY_REKEYED, &kx->pair, kx->rx_counter);
	return 3;
}

static int server_switch(struct key_exchange *kx, const struct key_message *message,
			 struct key_action out[])
{
	if (message->pair.server != kx->own)
		return 0;
	if (!kx->has_rx || !pair_is(&kx->pair, &message->pair))
		return -EPROTO;
	/* Said again after a cut. */
	if (kx->has_tx && message->counter == kx->tx_counter)
		return 0;
	if (message->counter != kx->rx_counter)
		return -EPROTO;
	kx->tx_counter = message->counter;
	kx->has_tx = true;
	kx->is_wanted = false;
	state_set(kx, KEY_EXCHANGE_OPEN);
	out[0] = action_keys(KEY_INSTALL, &kx->pair, kx->tx_counter);
	out[0].tx = true;
	return 1;
}

static int server_on_message(struct key_exchange *kx, const struct key_message *message,
			     struct key_action out[])
{
	switch (message->type) {
	case KEY_OFFER:
		/* The client asks for ours: it may not have known the path when we sent it. */
		out[0] = action_offer(kx);
		return 1;
	case KEY_REKEY:
		return server_rekey(kx, message, out);
	case KEY_SWITCH:
		return server_switch(kx, message, out);
	default:
		return -EPROTO;
	}
}

static uint32_t server_want(const struct key_exchange *kx, struct key_action out[])
{
	/* An exchange in flight is what is wanted. */
	if (!kx->is_wanted || kx->state != KEY_EXCHANGE_OPEN)
		return 0;
	out[0] = action_send(KEY_WANTED, &kx->pair, kx->tx_counter);
	return 1;
}

uint32_t key_exchange_on_session(struct key_exchange *kx, struct key_action out[])
{
	key_exchange_on_cut(kx);
	state_set(kx, KEY_EXCHANGE_OPEN);
	out[0] = action_offer(kx);
	return kx->is_client ? 1 : 1 + server_want(kx, out + 1);
}

void key_exchange_on_cut(struct key_exchange *kx)
{
	state_set(kx, KEY_EXCHANGE_DOWN);
	kx->peer = 0;
}

uint32_t key_exchange_on_renewed(struct key_exchange *kx, uint64_t own, struct key_action out[])
{
	kx->own = own;
	kx->has_rx = kx->has_tx = kx->is_wanted = false;
	if (kx->state == KEY_EXCHANGE_DOWN)
		return 0;
	state_set(kx, KEY_EXCHANGE_OPEN);
	if (kx->is_client && kx->peer)
		return client_begin(kx, out);
	out[0] = action_offer(kx);
	return 1;
}

uint32_t key_exchange_on_wanted(struct key_exchange *kx, struct key_action out[])
{
	if (!kx->has_tx || kx->is_wanted)
		return 0;
	kx->is_wanted = true;
	return kx->is_client ? client_begin(kx, out) : server_want(kx, out);
}

int key_exchange_on_message(struct key_exchange *kx, const struct key_message *message,
			    struct key_action out[])
{
	if (kx->state == KEY_EXCHANGE_DOWN)
		return 0;
	return kx->is_client ? client_on_message(kx, message, out)
			     : server_on_message(kx, message, out);
}
