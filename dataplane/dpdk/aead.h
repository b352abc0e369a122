/*
 * Authenticated encryption behind one table, so that the worker does not care which cipher runs.
 *
 * Sealing gathers the plaintext from several pieces (frame headers and retained inner packets) and
 * writes to another buffer, so a retained packet is never written; opening works in place. A key
 * is read only once it is made and may be used by any number of threads; by the rules of the
 * transport it serves one direction of one lane, so one worker. A packet number is used once per
 * key by whoever seals: the nonce is made from it (RFC 5116; nonce as in RFC 8446, 5.3).
 *
 * Promise: open returns true only for bytes and AAD that were sealed with this key and number. No
 * call allocates but the first aead_key_init of the process; all are O(bytes).
 *
 * `gcm` is AES-256-GCM (NIST SP 800-38D) by Intel's multi-buffer library. `null` copies and sends a
 * tag of zeros: it protects nothing, and is there for the benchmark, which shows with it what the
 * rest of the fast path costs, and for the test harness. Without DPDK, as is its test.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define AEAD_KEY_BYTES 32
#define AEAD_IV_BYTES  12
#define AEAD_TAG_BYTES 16
/* Two pieces for each inner packet of an outer one. */
#define AEAD_PIECES_MAX 64
/* Round keys and powers of the hash key as the library lays them out. */
#define AEAD_EXPANDED_BYTES 1024

struct aead_key {
	uint8_t expanded[AEAD_EXPANDED_BYTES];
	uint8_t iv[16]; /* AEAD_IV_BYTES, then zeros: read as one vector */
} __attribute__((aligned(64)));

/* 0, -ENOMEM, or -ENOTSUP: a CPU without AES instructions, or a library that fails its own test. */
int aead_key_init(struct aead_key *key, const uint8_t secret[AEAD_KEY_BYTES],
		  const uint8_t iv[AEAD_IV_BYTES]);
/* Overwrites it, in a way that no compiler leaves out. The key must be made anew before use. */
void aead_key_erase(struct aead_key *key);

struct aead_piece {
	const void *data;
	uint32_t len;
};

struct aead {
	const char *name;
	/*
	 * Writes the ciphertext of all pieces, then the tag, to dst, which overlaps none of them
	 * (a single piece may be dst itself: in place). Pieces may be empty, and so may be their
	 * list. One piece is the fastest way: a header that stands in front of its payload in
	 * memory belongs into the same piece. aad is the clear header in front of dst. Returns the
	 * bytes written: those of the pieces and AEAD_TAG_BYTES.
	 */
	uint32_t (*seal)(const struct aead_key *key, uint8_t *dst, const struct aead_piece pieces[],
			 uint32_t count, const uint8_t *aad, uint32_t aad_len,
			 uint64_t packet_number);
	/*
	 * Decrypts data[0..len) in place, its last 16 bytes being the tag. false: not authentic,
	 * and what data holds then is of no use to anybody, neither plaintext nor what came in.
	 */
	bool (*open)(const struct aead_key *key, uint8_t *data, uint32_t len, const uint8_t *aad,
		     uint32_t aad_len, uint64_t packet_number);
};

extern const struct aead aead_gcm;

/*
 * Fetches the beginning of a packet that is sealed or opened AEAD_PREFETCH_AHEAD packets from now
 * into the second-level cache; the hardware goes on from there. By bench-seal, 1,420 B, in ns: from
 * memory in random order 306 instead of 491, in the pool's order 188 instead of 212; from the cache
 * 126 instead of 135 and 117 instead of 116. Fetching all of a packet is no better from memory, and
 * costs a tenth to a third from the cache.
 */
#define AEAD_PREFETCH_AHEAD 3
#define AEAD_PREFETCH_BYTES 512

static inline void aead_prefetch(const void *data)
{
	for (uint32_t at = 0; at < AEAD_PREFETCH_BYTES; at += 64)
		__builtin_prefetch((const uint8_t *)data + at, 0, 2);
}

/* For benchmark and harness; takes no key. */
extern const struct aead aead_null;
