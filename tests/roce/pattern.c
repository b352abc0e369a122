#include "tests/roce/pattern.h"

#include <string.h>

#include "dataplane/core/bytes.h"

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

void pattern_init(struct pattern *p, uint64_t seed, uint32_t qp)
{
	p->mask = mix(seed ^ mix(qp));
}

static uint8_t pattern_byte(const struct pattern *p, uint64_t offset)
{
	return (uint8_t)(((offset & ~7ull) ^ p->mask) >> (56 - 8 * (offset & 7)));
}

void pattern_fill(const struct pattern *p, uint64_t offset, uint8_t *dst, uint32_t len)
{
	uint32_t i = 0;

	for (; i < len && (offset + i) & 7; i++)
		dst[i] = pattern_byte(p, offset + i);
	for (; len - i >= 8; i += 8)
		bytes_store64(dst + i, (offset + i) ^ p->mask);
	for (; i < len; i++)
		dst[i] = pattern_byte(p, offset + i);
}

uint32_t pattern_check(const struct pattern *p, uint64_t offset, const uint8_t *src, uint32_t len)
{
	uint32_t i = 0;

	while (i < len) {
		if (((offset + i) & 7) == 0 && len - i >= 8 &&
		    bytes_load64(src + i) == ((offset + i) ^ p->mask)) {
			i += 8;
			continue;
		}
		if (src[i] != pattern_byte(p, offset + i))
			return i;
		i++;
	}
	return len;
}
