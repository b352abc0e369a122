#include "dataplane/core/prefix.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

bool ip_prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner)
{
	return outer->len <= inner->len && ip_prefix_contains(outer, &inner->addr);
}

bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->len == b->len && ip_addr_equal(&a->addr, &b->addr);
}

/* Each of the parsers below returns the first character that it did not take, or NULL. */

/* Decimal without leading zeros, up to max. */
static const char *decimal_parse(const char *text, uint32_t max, uint32_t *value)
{
	const char *p = text;

	*value = 0;
	while (*p >= '0' && *p <= '9' && *value <= max)
		*value = *value * 10 + (uint32_t)(*p++ - '0');
	if (p == text || *value > max || (*text == '0' && p - text > 1))
		return NULL;
	return p;
}

static const char *v4_parse(const char *text, uint8_t v4[4])
{
	uint32_t octet;

	for (int i = 0; i < 4; i++) {
		if (i && *text++ != '.')
			return NULL;
		text = decimal_parse(text, 255, &octet);
		if (!text)
			return NULL;
		v4[i] = (uint8_t)octet;
	}
	return text;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One to four hexadecimal digits into two bytes. */
static const char *group_parse(const char *text, uint8_t *group)
{
	const char *p = text;
	uint32_t value = 0;

	while (hex_digit(*p) >= 0 && p - text < 4)
		value = value << 4 | (uint32_t)hex_digit(*p++);
	if (p == text || hex_digit(*p) >= 0)
		return NULL;
	group[0] = (uint8_t)(value >> 8);
	group[1] = (uint8_t)value;
	return p;
}

/* A group, or an IPv4 address in the place of the last two (RFC 4291, 2.2.3). */
static const char *group_or_v4_parse(const char *text, uint8_t *bytes, uint32_t *len)
{
	const char *end;

	if (*len <= 12) {
		end = v4_parse(text, bytes + *len);
		if (end) {
			*len += 4;
			return *end == ':' ? NULL : end;
		}
	}
	end = group_parse(text, bytes + *len);
	*len += 2;
	return end;
}

/* Moves what follows "::" to the end. */
static bool gap_fill(uint8_t bytes[16], uint32_t len, int gap)
{
	if (gap < 0)
		return len == 16;
	if (len > 14)
		return false;
	memmove(bytes + 16 - (len - (uint32_t)gap), bytes + gap, len - (uint32_t)gap);
	memset(bytes + gap, 0, 16 - len);
	return true;
}

static const char *v6_parse(const char *text, uint8_t bytes[16])
{
	uint32_t len = 0;
	int gap = -1;

	if (text[0] == ':') {
		if (text[1] != ':')
			return NULL;
		gap = 0;
		text += 2;
	}
	while (len < 16) {
		if (gap == (int)len && hex_digit(*text) < 0)
			break;
		text = group_or_v4_parse(text, bytes, &len);
		if (!text)
			return NULL;
		if (len == 16 || *text != ':')
			break;
		if (text[1] == ':') {
			if (gap >= 0)
				return NULL;
			gap = (int)len;
			text++;
		}
		text++;
	}
	return gap_fill(bytes, len, gap) ? text : NULL;
}

static const char *addr_parse(const char *text, struct ip_addr *addr, bool *is_v4_text)
{
	uint8_t v4[4];
	const char *end = v4_parse(text, v4);

	*is_v4_text = end != NULL;
	if (!end)
		return v6_parse(text, addr->bytes);
	*addr = ip_addr_from_v4(v4);
	return end;
}

int ip_addr_parse(const char *text, struct ip_addr *addr)
{
	struct ip_addr parsed;
	bool is_v4_text;
	const char *end = addr_parse(text, &parsed, &is_v4_text);

	if (!end || *end)
		return -EINVAL;
	*addr = parsed;
	return 0;
}

static bool has_host_bits(const struct ip_addr *addr, uint32_t len)
{
	for (uint32_t bit = len; bit < 128; bit++) {
		if (addr->bytes[bit / 8] & 0x80 >> bit % 8)
			return true;
	}
	return false;
}

int ip_prefix_parse(const char *text, struct ip_prefix *prefix)
{
	struct ip_prefix parsed;
	bool is_v4_text;
	uint32_t len;
	const char *end = addr_parse(text, &parsed.addr, &is_v4_text);

	if (!end || *end != '/')
		return -EINVAL;
	end = decimal_parse(end + 1, is_v4_text ? 32 : 128, &len);
	if (!end || *end)
		return -EINVAL;
	parsed.len = (uint8_t)(is_v4_text ? len + IP_V4_BITS : len);
	if (has_host_bits(&parsed.addr, parsed.len))
		return -EINVAL;
	*prefix = parsed;
	return 0;
}

/* Text under construction; len counts on past size, so that the end can tell. */
struct writer {
	char *text;
	uint32_t size, len;
};

static void put_char(struct writer *w, char c)
{
	if (w->len < w->size)
		w->text[w->len] = c;
	w->len++;
}

static void put_number(struct writer *w, uint32_t value, uint32_t base)
{
	char digits[10];
	uint32_t n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		put_char(w, digits[--n]);
}

static uint32_t group_at(const struct ip_addr *addr, int i)
{
	return (uint32_t)addr->bytes[2 * i] << 8 | addr->bytes[2 * i + 1];
}

/* The first of the longest runs of zero groups, which "::" stands for (RFC 5952, 4.2). */
static int zero_run_find(const struct ip_addr *addr, int *length)
{
	int best = -1, run = 0;

	*length = 1; /* a single one is written out */
	for (int i = 0; i < 8; i++) {
		run = group_at(addr, i) ? 0 : run + 1;
		if (run > *length) {
			*length = run;
			best = i + 1 - run;
		}
	}
	return best;
}

static void put_v6(struct writer *w, const struct ip_addr *addr)
{
	int length;
	int run = zero_run_find(addr, &length);

	for (int i = 0; i < 8; i++) {
		if (i == run) {
			put_char(w, ':');
			put_char(w, ':');
			i += length - 1;
			continue;
		}
		if (i && i != run + length)
			put_char(w, ':');
		else if (i && run < 0)
			put_char(w, ':');
		put_number(w, group_at(addr, i), 16);
	}
}

static void put_v4(struct writer *w, const struct ip_addr *addr)
{
	for (int i = 12; i < 16; i++) {
		if (i > 12)
			put_char(w, '.');
		put_number(w, addr->bytes[i], 10);
	}
}

static int writer_finish(struct writer *w)
{
	uint32_t len = w->len;

	put_char(w, '\0');
	return w->len > w->size ? -ENOSPC : (int)len;
}

int ip_addr_format(const struct ip_addr *addr, char *text, uint32_t size)
{
	struct writer w = {.text = text, .size = size};

	if (ip_addr_is_v4(addr))
		put_v4(&w, addr);
	else
		put_v6(&w, addr);
	return writer_finish(&w);
}

int ip_prefix_format(const struct ip_prefix *prefix, char *text, uint32_t size)
{
	struct writer w = {.text = text, .size = size};
	bool is_v4 = prefix->len >= IP_V4_BITS && ip_addr_is_v4(&prefix->addr);

	if (is_v4)
		put_v4(&w, &prefix->addr);
	else
		put_v6(&w, &prefix->addr);
	put_char(&w, '/');
	put_number(&w, is_v4 ? prefix->len - IP_V4_BITS : prefix->len, 10);
	return writer_finish(&w);
}
