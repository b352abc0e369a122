#include "dataplane/core/keys.h"

#define NEVER UINT64_MAX

void keys_reset(struct keys *k)
{
	struct keys fresh = {
		.rekey_packets = k->rekey_packets,
		.stop_packets = k->stop_packets,
		.rekey_age_ns = k->rekey_age_ns,
		.ask_ns = k->ask_ns,
	};

	for (uint32_t phase = 0; phase < KEYS_PHASES; phase++)
		fresh.rx_retire[phase] = NEVER;
	*k = fresh;
}

void keys_init(struct keys *k)
{
	k->rekey_packets = KEYS_REKEY_PACKETS;
	k->stop_packets = KEYS_STOP_PACKETS;
	k->rekey_age_ns = KEYS_REKEY_AGE_NS;
	k->ask_ns = KEYS_ASK_NS;
	keys_reset(k);
}

void keys_install_rx(struct keys *k, uint8_t phase, uint64_t now)
{
	(void)now; /* a receive key ages only once a newer one is in use */
	phase &= KEYS_PHASES - 1;
	k->rx_live |= (uint8_t)(1u << phase);
	k->rx_order[phase] = k->rx_order_next++;
	k->rx_retire[phase] = NEVER;
	/* A new key under an old name: its first packet is news again. */
	if (k->rx_newest == phase)
		k->rx_has_newest = false;
}

void keys_install_tx(struct keys *k, uint8_t phase, uint64_t now)
{
	k->has_tx = true;
	k->tx_phase = phase & (KEYS_PHASES - 1);
	k->tx_sent = 0;
	k->tx_since = now;
	k->ask_at = 0;
}

void keys_rx_moved(struct keys *k, uint8_t phase, uint64_t now, uint64_t linger_ns)
{
	if (!keys_may_open(k, phase))
		return;
	if (k->rx_has_newest && k->rx_order[phase] < k->rx_order[k->rx_newest])
		return; /* a late packet */
	k->rx_has_newest = true;
	k->rx_newest = phase;
	for (uint8_t other = 0; other < KEYS_PHASES; other++) {
		if (k->rx_order[other] < k->rx_order[phase] && keys_may_open(k, other) &&
		    k->rx_retire[other] == NEVER)
			k->rx_retire[other] = now + linger_ns;
	}
}

bool keys_wants_rekey(struct keys *k, uint64_t now)
{
	bool is_worn = k->tx_sent >= k->rekey_packets || now - k->tx_since >= k->rekey_age_ns;

	if (!k->has_tx || !is_worn || now < k->ask_at)
		return false;
	k->ask_at = now + k->ask_ns;
	return true;
}

uint32_t keys_poll(struct keys *k, uint64_t now)
{
	uint32_t erased = 0;

	for (uint32_t phase = 0; phase < KEYS_PHASES; phase++) {
		if (now < k->rx_retire[phase] || k->rx_retire[phase] == NEVER)
			continue;
		k->rx_retire[phase] = NEVER;
		erased |= 1u << phase;
	}
	k->rx_live &= (uint8_t)~erased;
	return erased;
}

uint64_t keys_deadline(const struct keys *k)
{
	uint64_t due = NEVER;

	if (k->has_tx) {
		due = k->tx_sent >= k->rekey_packets ? k->tx_since : k->tx_since + k->rekey_age_ns;
		due = due > k->ask_at ? due : k->ask_at;
	}
	for (uint32_t phase = 0; phase < KEYS_PHASES; phase++)
		due = k->rx_retire[phase] < due ? k->rx_retire[phase] : due;
	return due;
}
