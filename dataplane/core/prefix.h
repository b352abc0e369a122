/*
 * IP addresses and prefixes of both families in one form: 16 bytes in network order, IPv4 as
 * ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/core/bytes.h"

struct ip_addr {
	uint8_t bytes[16];
};

struct ip_prefix {
	struct ip_addr addr; /* bits past len are zero */
	uint8_t len;	     /* 0..128; an IPv4 /n is 96 + n */
};

static inline struct ip_addr ip_addr_from_v4(const uint8_t v4[4])
{
	struct ip_addr addr;

	/* Two whole stores: comparisons load it as two numbers, and a load that meets several
	 * smaller stores has to wait for them.
	 */
	bytes_store64(addr.bytes, 0);
	bytes_store64(addr.bytes + 8, 0xffff00000000ull | bytes_load32(v4));
	return addr;
}

static inline bool ip_addr_is_v4(const struct ip_addr *addr)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(addr->bytes, mapped, sizeof(mapped));
}

static inline bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

#define IP_V4_BITS 96 /* in front of the IPv4 address */

/*
 * Is addr inside prefix? IPv4 addresses are inside IPv4 prefixes only, not inside ::/0. Each packet
 * asks this some times, hence in line and without memcmp.
 */
static inline bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr)
{
	uint64_t high = bytes_load64(prefix->addr.bytes) ^ bytes_load64(addr->bytes);
	uint64_t low = bytes_load64(prefix->addr.bytes + 8) ^ bytes_load64(addr->bytes + 8);

	if (prefix->len < IP_V4_BITS && ip_addr_is_v4(addr))
		return false;
	if (prefix->len <= 64)
		return !prefix->len || !(high >> (64 - prefix->len));
	return !high && !(low >> (128 - prefix->len));
}

/* Is every address of inner inside outer? */
bool ip_prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner);
bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b);

/*
 * Text of either family. Strict: no host bits set, length in range, nothing behind. 0 or -EINVAL.
 * Format writes at most `size` bytes with the final 0 and returns the text's length or -ENOSPC; 50
 * is enough.
 */
int ip_addr_parse(const char *text, struct ip_addr *addr);
int ip_prefix_parse(const char *text, struct ip_prefix *prefix);
int ip_addr_format(const struct ip_addr *addr, char *text, uint32_t size);
int ip_prefix_format(const struct ip_prefix *prefix, char *text, uint32_t size);
