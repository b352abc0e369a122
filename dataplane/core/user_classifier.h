/*
 * The classifier's home in user space: bpf/classify.h compiled for the host, and the look-ups that
 * the rte_bpf build calls. The fuzzer and the tests run it; it is the reference for the other
 * homes. Pure; any thread.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#include "bpf/classify_input.h"
#include "dataplane/abi/verdict.h"

/* in->rules: a const struct ruleset *, or 0. */
verdict_t user_classifier_run(const struct classify_input *in);

/* External functions of the rte_bpf program; `rules` is classify_input.rules. */
uint64_t user_classifier_src_group(uint64_t rules, uint64_t hi, uint64_t lo);
uint64_t user_classifier_dst_group(uint64_t rules, uint64_t hi, uint64_t lo);
uint64_t user_classifier_rule(uint64_t rules, uint64_t key, uint64_t ports, uint64_t dscp_len);

/*
 * Copies a contiguous frame's first bytes into the window and zeroes the rest of it.
 *
 * In blocks of 16 from the IP header on, so that no field that is read lies in two blocks: a load
 * waits until what it reads has left the store buffer when two stores made it. gcc makes one memcpy
 * of 128 bytes a "rep movs": at 64-byte frames classifying took 110 ns that way and takes 37 ns
 * this way.
 */
static inline void classify_input_fill(struct classify_input *in, const void *frame, uint32_t len)
{
	enum {
		BLOCK = 16,
		FIRST = 14
	};
	const uint8_t *from = (const uint8_t *)frame;
	uint32_t at, copied = len < CLASSIFY_WINDOW ? len : CLASSIFY_WINDOW;

	in->len = len;
	if (copied < CLASSIFY_WINDOW) {
		for (at = 0; at < CLASSIFY_WINDOW; at += BLOCK)
			memset(in->data + at, 0, BLOCK);
	}
	if (copied < BLOCK) {
		memcpy(in->data, from, copied);
		return;
	}
	/* The ends first: the blocks between them overwrite where they overlap. */
	memcpy(in->data + copied - BLOCK, from + copied - BLOCK, BLOCK);
	memcpy(in->data, from, BLOCK);
	for (at = FIRST; at + BLOCK <= copied; at += BLOCK)
		memcpy(in->data + at, from + at, BLOCK);
}
