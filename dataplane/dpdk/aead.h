/*
 * Authenticated encryption behind one table, so that the worker does not care which cipher runs.
 *
 * Sealing gathers the plaintext from several pieces (frame headers and retained inner packets) and
 * writes to another buffer; opening works in place. Contexts are per (path, direction, lane) and
 * belong to one worker. Both are O(bytes) and allocate nothing.
 *
 * The one cipher so far is `null`: it copies and sends a tag of zeros. It protects nothing and is
 * named so in logs and reports; AES-256-GCM takes its place with the reliable transport.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define AEAD_TAG_BYTES 16
/* Two pieces for each inner packet of an outer one. */
#define AEAD_PIECES_MAX 64

struct aead_piece {
	const void *data;
	uint32_t len;
};

struct aead {
	const char *name;
	/*
	 * Writes the ciphertext of all pieces, then the tag, to dst. aad is the clear header in
	 * front of dst. Returns the bytes written.
	 */
	uint32_t (*seal)(void *key, uint8_t *dst, const struct aead_piece pieces[], uint32_t count,
			 const uint8_t *aad, uint32_t aad_len, uint64_t packet_number);
	/* Decrypts data[0..len) in place, its last 16 bytes being the tag. false: not authentic. */
	bool (*open)(void *key, uint8_t *data, uint32_t len, const uint8_t *aad, uint32_t aad_len,
		     uint64_t packet_number);
};

extern const struct aead aead_null;
