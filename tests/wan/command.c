#include <stdio.h>
#include <string.h>

#include "tests/wan/options.h"
#include "tests/wan/wan.h"

void wan_cut_or_join(struct wan *wan, bool cut, unsigned int which)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (!(which & (1u << i)))
			continue;
		if (cut)
			link_cut(&wan->directions[i].link);
		else
			link_join(&wan->directions[i].link);
	}
}

void wan_print(struct wan *wan, FILE *out)
{
	fprintf(out, "{\"tool\":\"causeway-wan (test tool)\",\"a_to_b\":");
	direction_print(&wan->directions[0], out);
	fprintf(out, ",\"b_to_a\":");
	direction_print(&wan->directions[1], out);
	fprintf(out, "}");
}

static void answer_stats(struct wan *wan, char *answer, unsigned int size)
{
	FILE *out = fmemopen(answer, size, "w");

	if (!out) {
		snprintf(answer, size, "error: no memory");
		return;
	}
	wan_print(wan, out);
	fclose(out);
}

static void command_set(struct wan *wan, unsigned int which, const char *name, const char *value,
			char *answer, unsigned int size)
{
	struct link_config changed[2] = {wan->directions[0].link.config,
					 wan->directions[1].link.config};

	for (unsigned int i = 0; i < 2; i++) {
		const char *wrong = options_set(&changed[i], name, value);

		if (wrong) {
			snprintf(answer, size, "error: %s %s %s", name, value, wrong);
			return;
		}
	}
	for (unsigned int i = 0; i < 2; i++)
		if (which & (1u << i))
			link_configure(&wan->directions[i].link, &changed[i]);
	snprintf(answer, size, "ok");
}

/* "a" or "b" in *word names one direction and is used up; else both. */
static unsigned int command_direction(char **save, char **word)
{
	unsigned int which = 3;

	*word = strtok_r(NULL, " \n", save);
	if (*word && (strcmp(*word, "a") == 0 || strcmp(*word, "b") == 0)) {
		which = **word == 'a' ? 1 : 2;
		*word = strtok_r(NULL, " \n", save);
	}
	return which;
}

void wan_command(void *arg, char *command, char *answer, unsigned int size)
{
	struct wan *wan = arg;
	char *save = NULL, *name, *value;
	const char *verb = strtok_r(command, " \n", &save);
	unsigned int which = verb ? command_direction(&save, &name) : 0;

	snprintf(answer, size,
		 "error: commands are set [a|b] NAME VALUE, cut [a|b], join [a|b], stats");
	if (!verb)
		return;
	value = name ? strtok_r(NULL, " \n", &save) : NULL;
	if (strcmp(verb, "set") == 0 && value) {
		command_set(wan, which, name, value, answer, size);
	} else if (strcmp(verb, "stats") == 0 && !name) {
		answer_stats(wan, answer, size);
	} else if ((strcmp(verb, "cut") == 0 || strcmp(verb, "join") == 0) && !name) {
		wan_cut_or_join(wan, *verb == 'c', which);
		snprintf(answer, size, "ok");
	}
}
