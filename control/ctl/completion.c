#include "control/ctl/completion.h"

#include <string.h>

#include "control/ctl/command.h"

/* Which arguments are names of objects, by what the table calls them. */
static const char script_head[] =
	"# bash completion for causewayctl; made by `causewayctl completion`.\n"
	"# Names of objects come from control, if it answers within a second.\n"
	"_causewayctl_names() {\n"
	"\tcausewayctl get \"$1\" --timeout 1s 2>/dev/null | awk 'NR > 1 { print $1 }'\n"
	"}\n"
	"_causewayctl() {\n"
	"\tlocal word=${COMP_WORDS[COMP_CWORD]} words=() i\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\t[[ ${COMP_WORDS[i]} == -* ]] || words+=(\"${COMP_WORDS[i]}\")\n"
	"\tdone\n"
	"\tlocal choices=''\n";

static const char script_tail[] = "\tCOMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n"
				  "}\n"
				  "complete -o default -F _causewayctl causewayctl\n";

static void options_print(FILE *out, const struct option_def *options)
{
	for (; options->name; options++)
		fprintf(out, " --%s", options->name);
}

/* The first words, each once. */
static void nouns_print(FILE *out)
{
	const char *last = "";

	for (const struct command *command = commands; command->noun; command++) {
		if (strcmp(command->noun, last) != 0)
			fprintf(out, " %s", command->noun);
		last = command->noun;
	}
}

static void verbs_print(FILE *out, const char *noun)
{
	for (const struct command *command = commands; command->noun; command++)
		if (command->verb && !strcmp(command->noun, noun))
			fprintf(out, " %s", command->verb);
}

/* What the arguments of one command are: kinds, names of a kind, or nothing that we know. */
static void arguments_print(FILE *out, const struct command *command)
{
	int words = command->verb ? 2 : 1;

	if (!command->args)
		return;
	if (!strncmp(command->args, "KIND", 4)) {
		fprintf(out,
			"\t\t((${#words[@]} > %d)) || choices+=' sites gateways links classes "
			"tenants paths clusters'\n"
			"\t\t((${#words[@]} != %d)) || choices+=\" $(_causewayctl_names "
			"\"${words[%d]}\")\"\n",
			words, words + 1, words);
	} else if (command->verb && !strncmp(command->args, "NAME", 4) &&
		   strcmp(command->verb, "create") != 0) {
		fprintf(out,
			"\t\t((${#words[@]} != %d)) || choices+=\" $(_causewayctl_names %s)\"\n",
			words, command->noun);
	}
}

static void command_print(FILE *out, const struct command *command)
{
	if (command->verb)
		fprintf(out, "\t'%s %s'*)\n\t\tchoices='", command->noun, command->verb);
	else
		fprintf(out, "\t'%s'*)\n\t\tchoices='", command->noun);
	options_print(out, command->options);
	options_print(out, global_options);
	fprintf(out, "'\n");
	arguments_print(out, command);
	fprintf(out, "\t\t;;\n");
}

void completion_print(FILE *out)
{
	const char *last = "";

	fputs(script_head, out);
	fprintf(out, "\tcase ${#words[@]} in 0) choices='");
	nouns_print(out);
	options_print(out, global_options);
	fprintf(out, "' ;; esac\n\tcase \"${words[*]}\" in\n\t'') ;;\n");
	for (const struct command *command = commands; command->noun; command++)
		command_print(out, command);
	/* A noun alone, behind all that have their verb. */
	for (const struct command *command = commands; command->noun; command++) {
		if (!command->verb || !strcmp(command->noun, last))
			continue;
		last = command->noun;
		fprintf(out, "\t'%s') choices='", command->noun);
		verbs_print(out, command->noun);
		fprintf(out, "' ;;\n");
	}
	fputs("\tesac\n", out);
	fputs(script_tail, out);
}
