/*
 * What messages consist of: each aligned eight bytes hold their own offset in the stream of all
 * messages of a queue pair, combined with a mask of the seed. So a byte that is wrong tells where
 * it belongs. Pure.
 */
#pragma once

#include <stdint.h>

struct pattern {
	uint64_t mask;
};

/* A queue pair's number is part of the seed: what reaches the wrong one is seen. */
void pattern_init(struct pattern *p, uint64_t seed, uint32_t qp);
void pattern_fill(const struct pattern *p, uint64_t offset, uint8_t *dst, uint32_t len);
/* The index of the first byte that is wrong, or len. */
uint32_t pattern_check(const struct pattern *p, uint64_t offset, const uint8_t *src, uint32_t len);
