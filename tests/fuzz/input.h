/*
 * What a fuzzer's input is eaten from, bit by bit: when it is used up, everything is 0. Owned by
 * one run; each call advances.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct input {
	const uint8_t *at, *end;
};

static inline bool input_is_empty(const struct input *in)
{
	return in->at == in->end;
}

static inline uint8_t input_u8(struct input *in)
{
	return input_is_empty(in) ? 0 : *in->at++;
}

/* The next `count` bytes, at most 8, as one number. */
static inline uint64_t input_number(struct input *in, uint32_t count)
{
	uint64_t number = 0;

	for (uint32_t i = 0; i < count; i++)
		number = number << 8 | input_u8(in);
	return number;
}

/* < count */
static inline uint32_t input_below(struct input *in, uint32_t count)
{
	return input_u8(in) % count;
}

/* A promise that does not hold ends the run; the fuzzer keeps the input. */
__attribute__((noinline, unused)) static void check(bool holds)
{
	if (!holds)
		abort();
}
