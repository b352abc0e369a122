/*
 * Random numbers of the simulator: xoshiro256** (Blackman and Vigna 2018), seeded by SplitMix64.
 * One stream for each purpose, so that a fault which draws more numbers does not change the
 * traffic. Only integer arithmetic and exact comparisons: the same on every machine.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t s[4];
};

/* One step of SplitMix64: a hash of x, too. */
static inline uint64_t random_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* Streams of the same seed and different purposes are independent. */
static inline void random_init(struct random *r, uint64_t seed, uint64_t purpose)
{
	uint64_t x = random_mix(seed) ^ random_mix(~purpose);

	for (int i = 0; i < 4; i++)
		r->s[i] = x = random_mix(x);
}

static inline uint64_t random_next(struct random *r)
{
	uint64_t *s = r->s, five = s[1] * 5, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = s[3] << 45 | s[3] >> 19;
	return (five << 7 | five >> 57) * 9;
}

/* 0 to n - 1; n > 0. */
static inline uint64_t random_below(struct random *r, uint64_t n)
{
	__extension__ typedef unsigned __int128 u128;

	return (uint64_t)((u128)random_next(r) * n >> 64);
}

/* low to high, both possible. */
static inline uint64_t random_range(struct random *r, uint64_t low, uint64_t high)
{
	return low + random_below(r, high - low + 1);
}

/* Chances are given in parts of a million. */
static inline bool random_ppm(struct random *r, uint32_t ppm)
{
	return ppm && random_below(r, 1000000) < ppm;
}
