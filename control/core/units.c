#include "control/core/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit rate_units[] = {
	{"", 1}, {"K", 1000}, {"M", 1000000}, {"G", 1000000000}, {"T", 1000000000000},
};

static const struct unit size_units[] = {
	{"", 1},
	{"B", 1},
	{"K", 1000},
	{"KB", 1000},
	{"KiB", 1ull << 10},
	{"M", 1000000},
	{"MB", 1000000},
	{"MiB", 1ull << 20},
	{"G", 1000000000},
	{"GB", 1000000000},
	{"GiB", 1ull << 30},
	{"T", 1000000000000},
	{"TB", 1000000000000},
	{"TiB", 1ull << 40},
};

static const struct unit time_units[] = {
	{"ns", 1},	   {"us", 1000},       {"ms", 1000000},
	{"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000},
};

#define COUNT(array) (uint32_t)(sizeof(array) / sizeof((array)[0]))

/* A decimal number: whole is before the point, `decimals` digits of fraction behind it. */
struct number {
	uint64_t whole;
	uint64_t fraction;
	uint32_t decimals;
	const char *rest;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int digits_read(const char **text, uint64_t *value, uint32_t *count)
{
	const char *at = *text;

	*value = 0;
	for (; is_digit(*at); at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (*value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		*value = *value * 10 + digit;
	}
	*count = (uint32_t)(at - *text);
	*text = at;
	return *count ? 0 : -EINVAL;
}

static int number_read(const char *text, struct number *number)
{
	uint32_t count;
	int err;

	if (!text)
		return -EINVAL;
	memset(number, 0, sizeof(*number));
	err = digits_read(&text, &number->whole, &count);
	if (err)
		return err;
	if (*text == '.') {
		text++;
		err = digits_read(&text, &number->fraction, &number->decimals);
		/* More digits than any unit has zeros cannot mean anything whole. */
		if (err || number->decimals > 15)
			return -EINVAL;
	}
	number->rest = *text == ' ' ? text + 1 : text;
	return 0;
}

/* whole.fraction * factor; what is smaller than one is an error, not rounded away. */
static int number_scale(const struct number *number, uint64_t factor, uint64_t *out)
{
	uint64_t scale = 1, fraction;

	for (uint32_t i = 0; i < number->decimals; i++)
		scale *= 10;
	if (number->whole && factor > UINT64_MAX / number->whole)
		return -ERANGE;
	if (number->fraction && factor > UINT64_MAX / number->fraction)
		return -EINVAL;
	fraction = number->fraction * factor;
	if (fraction % scale)
		return -EINVAL;
	fraction /= scale;
	if (number->whole * factor > UINT64_MAX - fraction)
		return -ERANGE;
	*out = number->whole * factor + fraction;
	return 0;
}

static int number_apply(const struct number *number, const char *name, size_t length,
			const struct unit *units, uint32_t count, uint64_t *out)
{
	for (uint32_t i = 0; i < count; i++) {
		if (strlen(units[i].name) == length && !memcmp(units[i].name, name, length))
			return number_scale(number, units[i].factor, out);
	}
	return -EINVAL;
}

static size_t without_suffix(const char *text, size_t length, const char *suffix)
{
	size_t n = strlen(suffix);

	if (length >= n && !memcmp(text + length - n, suffix, n))
		return length - n;
	return length;
}

int units_parse_rate(const char *text, uint64_t *bps)
{
	struct number number;
	size_t length, shorter;
	int err = number_read(text, &number);

	if (err)
		return err;
	length = strlen(number.rest);
	shorter = without_suffix(number.rest, length, "bps");
	if (shorter == length)
		shorter = without_suffix(number.rest, length, "bit/s");
	if (shorter == length)
		shorter = without_suffix(number.rest, length, "b/s");
	/* "5 " is not a rate: the blank must part the number from something. */
	if (!length && number.rest[-1] == ' ')
		return -EINVAL;
	return number_apply(&number, number.rest, shorter, rate_units, COUNT(rate_units), bps);
}

int units_parse_size(const char *text, uint64_t *bytes)
{
	struct number number;
	int err = number_read(text, &number);

	if (err)
		return err;
	if (!*number.rest && number.rest[-1] == ' ')
		return -EINVAL;
	return number_apply(&number, number.rest, strlen(number.rest), size_units,
			    COUNT(size_units), bytes);
}

int units_parse_time(const char *text, uint64_t *ns)
{
	struct number number;
	int err = number_read(text, &number);

	if (err)
		return err;
	if (!*number.rest && number.rest[-1] != ' ' && !number.whole && !number.fraction) {
		*ns = 0;
		return 0;
	}
	return number_apply(&number, number.rest, strlen(number.rest), time_units,
			    COUNT(time_units), ns);
}

/* Text that grows to the right; `full` once something did not fit. */
struct writer {
	char *out;
	uint32_t size;
	uint32_t used;
	bool full;
};

static void writer_char(struct writer *w, char c)
{
	if (w->used + 1 >= w->size) {
		w->full = true;
		return;
	}
	w->out[w->used++] = c;
}

static void writer_text(struct writer *w, const char *text)
{
	while (*text)
		writer_char(w, *text++);
}

static void writer_number(struct writer *w, uint64_t value)
{
	char digits[20];
	uint32_t count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (count)
		writer_char(w, digits[--count]);
}

static int writer_end(struct writer *w)
{
	if (w->full || !w->size)
		return -ENOSPC;
	w->out[w->used] = 0;
	return (int)w->used;
}

/* Three significant digits, rounded once: 1.25, 12.5, 125; a fraction of only zeros is left away.
 */
static void writer_scaled(struct writer *w, uint64_t value, uint64_t factor)
{
	uint64_t whole = value / factor, rest = value % factor;
	uint32_t part = whole >= 100 || factor == 1 ? 1 : whole >= 10 ? 10 : 100;
	/* No table has a factor past 2^57, so the product fits. */
	uint64_t scaled = whole * part + (rest * part + factor / 2) / factor;
	uint64_t fraction = scaled % part;

	writer_number(w, scaled / part);
	if (!fraction)
		return;
	writer_char(w, '.');
	if (part == 100)
		writer_char(w, (char)('0' + fraction / 10));
	if (part == 10 || fraction % 10)
		writer_char(w, (char)('0' + fraction % 10));
}

/*
 * The largest of the units, ascending, of which value is at least one - counting that what would
 * round up to 1000 (or 1024) of a unit reads better as one of the next.
 */
static int format_scaled(uint64_t value, const struct unit *units, uint32_t count, char *out,
			 uint32_t size)
{
	struct writer w = {.out = out, .size = size};
	uint32_t i = count - 1;

	while (i && value < units[i].factor - units[i].factor / 2000)
		i--;
	writer_scaled(&w, value, units[i].factor);
	writer_text(&w, units[i].name);
	return writer_end(&w);
}

int units_format_rate(uint64_t bps, char *out, uint32_t size)
{
	static const struct unit units[] = {{" b/s", 1},
					    {" kb/s", 1000},
					    {" Mb/s", 1000000},
					    {" Gb/s", 1000000000},
					    {" Tb/s", 1000000000000}};

	return format_scaled(bps, units, COUNT(units), out, size);
}

int units_format_count(uint64_t number, char *out, uint32_t size)
{
	static const struct unit units[] = {
		{"", 1}, {" k", 1000}, {" M", 1000000}, {" G", 1000000000}, {" T", 1000000000000}};

	return format_scaled(number, units, COUNT(units), out, size);
}

int units_format_size(uint64_t bytes, char *out, uint32_t size)
{
	static const struct unit units[] = {{" B", 1},
					    {" KiB", 1ull << 10},
					    {" MiB", 1ull << 20},
					    {" GiB", 1ull << 30},
					    {" TiB", 1ull << 40}};

	return format_scaled(bytes, units, COUNT(units), out, size);
}

int units_format_time(uint64_t ns, char *out, uint32_t size)
{
	static const struct unit units[] = {
		{" ns", 1}, {" us", 1000}, {" ms", 1000000}, {" s", 1000000000}};

	return format_scaled(ns, units, COUNT(units), out, size);
}
