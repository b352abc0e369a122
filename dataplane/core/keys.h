/*
 * Which keys of one lane are alive, and until when: phases, counts and deadlines, no key bytes.
 * Pure; owned by the worker of the lane, which holds the bytes and wipes them when told.
 *
 * Receiving: a phase can be opened from its installation until linger after the first packet that
 * was opened under a phase installed later: packets that the old key sealed may still be on the
 * way. Sending: always under the phase installed last; the bytes of the one before may be wiped at
 * once, as repairs are sealed anew. A new key is asked for after rekey_packets or rekey_age_ns,
 * again each ask_ns until it is there, and nothing is sent any more from stop_packets on: the stop
 * that no lost request can pass.
 *
 * What the packet limits rest on: no nonce comes twice under a key, as it is made from the packet
 * number. So the 2^32 invocations of NIST SP 800-38D, 8.3, which are for random nonces, do not
 * apply; what grows is how well AES can be told from a random function, by the square of the blocks
 * sealed. 2^36 packets of at most 9000 bytes are about 2^45 blocks: an advantage of (2^45)^2 /
 * 2^129 = 2^-39 by the PRP/PRF switching lemma, and four times that at the stop. RFC 9001, 6.6 and
 * B.1, aims far lower and stops at 2^23 packets: a new key each minute at 10 Gb/s in packets of
 * that size, which is not done here. In any lane below 19 million packets a second the hour comes
 * first: the one just named has sealed 2^29 by then, for an advantage of 2^-53.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KEYS_PHASES 4

#define KEYS_REKEY_PACKETS (1ull << 36)
#define KEYS_STOP_PACKETS  (1ull << 37)
#define KEYS_REKEY_AGE_NS  3600000000000ull
#define KEYS_ASK_NS	   10000000000ull

struct keys {
	/* Limits; keys_init sets the above, tests and the simulator lower them. */
	uint64_t rekey_packets;
	uint64_t stop_packets;
	uint64_t rekey_age_ns;
	uint64_t ask_ns;

	bool has_tx;
	uint8_t tx_phase;
	uint64_t tx_sent;  /* packets sealed under tx_phase */
	uint64_t tx_since; /* installed then */
	uint64_t ask_at;   /* not before this */

	uint8_t rx_live;	/* bit per phase: can be opened */
	uint8_t rx_newest;	/* of the phases under which a packet was opened, */
	bool rx_has_newest;	/* if there is one */
	uint64_t rx_order_next; /* counts installations */
	uint64_t rx_order[KEYS_PHASES];
	uint64_t rx_retire[KEYS_PHASES]; /* erased then; UINT64_MAX: not retiring */
};

/* No keys. */
void keys_init(struct keys *k);
/* All keys are gone, the caller wipes the bytes; the limits stay. */
void keys_reset(struct keys *k);

/* phase < KEYS_PHASES. A live key of the same phase is replaced. */
void keys_install_rx(struct keys *k, uint8_t phase, uint64_t now);
/* Packets are sealed under this phase from here; packets and age count from 0. */
void keys_install_tx(struct keys *k, uint8_t phase, uint64_t now);

static inline bool keys_may_open(const struct keys *k, uint8_t phase)
{
	return k->rx_live >> (phase & (KEYS_PHASES - 1)) & 1;
}

/* The first packet under a newer phase; keys_opened calls it. */
void keys_rx_moved(struct keys *k, uint8_t phase, uint64_t now, uint64_t linger_ns);

/* A packet of this phase proved genuine. linger_ns: how long older ones may still be under way. */
static inline void keys_opened(struct keys *k, uint8_t phase, uint64_t now, uint64_t linger_ns)
{
	if (k->rx_has_newest && k->rx_newest == phase)
		return;
	keys_rx_moved(k, phase, now, linger_ns);
}

static inline bool keys_may_send(const struct keys *k)
{
	return k->has_tx && k->tx_sent < k->stop_packets;
}

/* The phase to seal under; only where keys_may_send. */
static inline uint8_t keys_tx_phase(const struct keys *k)
{
	return k->tx_phase;
}

/* A packet was sealed. */
static inline void keys_sent(struct keys *k)
{
	k->tx_sent++;
}

/* True: ask for new keys now; it is then false for ask_ns, or until a key was installed and wears
 * out. */
bool keys_wants_rekey(struct keys *k, uint64_t now);
/* Receive phases, one bit each, whose key is to be wiped now: they are not opened any more. */
uint32_t keys_poll(struct keys *k, uint64_t now);
/* When keys_poll or keys_wants_rekey may next have an answer; UINT64_MAX: never. */
uint64_t keys_deadline(const struct keys *k);
