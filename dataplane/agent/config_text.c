#include "dataplane/agent/config_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/yaml_check.h"

const struct config_choice config_roles[] = {{"lan", CONFIG_LAN}, {"wan", CONFIG_WAN}, {NULL, 0}};
const struct config_choice config_modes[] = {
	{"xdp", CONFIG_XDP}, {"packet", CONFIG_PACKET}, {"ethdev", CONFIG_ETHDEV}, {NULL, 0}};
const struct config_choice config_idles[] = {
	{"adaptive", CONFIG_ADAPTIVE}, {"poll", CONFIG_POLL}, {NULL, 0}};
const struct config_choice config_huge_pages[] = {
	{"require", CONFIG_HUGE_REQUIRE}, {"none", CONFIG_HUGE_NONE}, {NULL, 0}};

int config_wrong(const struct config_reading *reading, const char *place, const char *format, ...)
{
	char outer[64], what[320];
	unsigned int line;
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(outer, sizeof(outer), "%s", place);
	line = yaml_find_line(reading->text, reading->length, outer);
	while (!line && strrchr(outer, '.')) {
		*strrchr(outer, '.') = 0;
		line = yaml_find_line(reading->text, reading->length, outer);
	}
	if (line)
		snprintf(reading->error, reading->size, "%s:%u: %s: %s", reading->name, line, place,
			 what);
	else
		snprintf(reading->error, reading->size, "%s: %s: %s", reading->name, place, what);
	return -EINVAL;
}

const char *config_choice_name(const struct config_choice *choices, int value)
{
	while (choices->name && choices->value != value)
		choices++;
	return choices->name ? choices->name : "?";
}

int config_read_choice(const struct config_reading *reading, const char *place, const char *text,
		       const struct config_choice *choices, int *value)
{
	char list[64] = "";

	for (const struct config_choice *c = choices; c->name; c++) {
		if (!strcmp(c->name, text)) {
			*value = c->value;
			return 0;
		}
		if (list[0])
			strncat(list, ", ", sizeof(list) - strlen(list) - 1);
		strncat(list, c->name, sizeof(list) - strlen(list) - 1);
	}
	return config_wrong(reading, place, "'%s' is not one of: %s", text, list);
}

int config_read_number(const struct config_reading *reading, const char *place, const char *text,
		       uint32_t least, uint32_t most, uint32_t *value)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || number < least || number > most)
		return config_wrong(reading, place, "'%s' is not a whole number from %u to %u",
				    text, least, most);
	*value = (uint32_t)number;
	return 0;
}

/* Letters, digits, '.', '_' and '-', first a letter or digit: safe as a file name and in labels. */
static bool name_is_plain(const char *name)
{
	if (!isalnum((unsigned char)*name))
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return false;
	}
	return true;
}

int config_read_name(const struct config_reading *reading, const char *place, const char *text,
		     char *out)
{
	if (!text || !*text)
		return config_wrong(reading, place, "a name is required");
	if (strlen(text) >= CONFIG_NAME_BYTES)
		return config_wrong(reading, place, "longer than %d characters",
				    CONFIG_NAME_BYTES - 1);
	if (!name_is_plain(text))
		return config_wrong(
			reading, place,
			"'%s': use letters, digits, '.', '_' and '-', first a letter or digit",
			text);
	strcpy(out, text);
	return 0;
}

int config_read_interface(const struct config_reading *reading, const char *place, const char *text,
			  char *out)
{
	if (!*text || strlen(text) >= IFNAMSIZ || strpbrk(text, "/: \t") || !strcmp(text, ".") ||
	    !strcmp(text, ".."))
		return config_wrong(
			reading, place,
			"'%s' is not an interface name: 1 to %d characters without blank, "
			"'/' and ':'",
			text, IFNAMSIZ - 1);
	strcpy(out, text);
	return 0;
}

int config_read_directory(const struct config_reading *reading, const char *place, const char *text,
			  char *out)
{
	if (*text != '/')
		return config_wrong(reading, place, "'%s' is not an absolute path", text);
	if (strlen(text) >= CONFIG_PATH_BYTES)
		return config_wrong(reading, place, "longer than %d characters",
				    CONFIG_PATH_BYTES - 1);
	strcpy(out, text);
	return 0;
}

const char *config_mode_name(enum config_mode mode)
{
	return config_choice_name(config_modes, (int)mode);
}

const char *config_role_name(enum config_role role)
{
	return config_choice_name(config_roles, (int)role);
}

const char *config_idle_name(enum config_idle idle)
{
	return config_choice_name(config_idles, (int)idle);
}

const char *config_huge_pages_name(enum config_huge_pages huge)
{
	return config_choice_name(config_huge_pages, (int)huge);
}
