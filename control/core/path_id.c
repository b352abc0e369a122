#include "control/core/path_id.h"

#define FNV32_INIT  0x811c9dc5u
#define FNV32_PRIME 0x01000193u
#define FNV64_PRIME 0x100000001b3ull

uint32_t fnv1a_32(const char *text)
{
	uint32_t hash = FNV32_INIT;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * FNV32_PRIME;
	return hash;
}

uint64_t fnv1a_64(uint64_t state, const void *data, uint64_t size)
{
	const uint8_t *bytes = data;

	for (uint64_t i = 0; i < size; i++)
		state = (state ^ bytes[i]) * FNV64_PRIME;
	return state;
}

uint32_t path_id_first(const char *name)
{
	uint32_t id = fnv1a_32(name);

	return id ? id : 1;
}

uint32_t path_id_next(uint32_t id)
{
	return id == UINT32_MAX ? 1 : id + 1;
}
