#include "control/ctl/yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(text, *words) == 0)
			return true;
	}
	return false;
}

static size_t digits(const char *text)
{
	return strspn(text, "0123456789");
}

/* [-+]?[0-9]+ */
static bool is_integer(const char *text)
{
	text += *text == '-' || *text == '+';
	return digits(text) > 0 && text[digits(text)] == '\0';
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *text)
{
	size_t whole, part = 0;

	text += *text == '-' || *text == '+';
	whole = digits(text);
	text += whole;
	if (*text == '.') {
		text++;
		part = digits(text);
		text += part;
	}
	if (whole + part == 0)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '-' || *text == '+';
		if (digits(text) == 0)
			return false;
		text += digits(text);
	}
	return *text == '\0';
}

static json_t *integer(const char *text, const char **why)
{
	long long value;

	errno = 0;
	value = strtoll(text, NULL, 10);
	if (errno == ERANGE) {
		*why = "the number does not fit 64 bits";
		return NULL;
	}
	return json_integer(value);
}

static json_t *real(const char *text, const char **why)
{
	double value = strtod(text, NULL);

	if (!isfinite(value)) {
		*why = "the number is too large";
		return NULL;
	}
	return json_real(value);
}

json_t *yaml_scalar_plain(const char *text, size_t len, const char **why)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const trues[] = {"true", "True", "TRUE", NULL};
	static const char *const falses[] = {"false", "False", "FALSE", NULL};

	*why = NULL;
	if (is_one_of(text, nulls))
		return json_null();
	if (is_one_of(text, trues))
		return json_true();
	if (is_one_of(text, falses))
		return json_false();
	if (is_integer(text))
		return integer(text, why);
	if (is_float(text))
		return real(text, why);
	return json_stringn(text, len);
}
